"""What `casegate check --front` says about a forged mail, from the fields with which it came in."""

import re
from pathlib import Path

import pytest

from gateway import config
from gateway.cli.findings import Verdict
from gateway.cli.front import Headers, forged_mail, judge
from gateway.config import Config, MailSection, SmtpSection
from gateway.mail.parse import parse
from tests.cli.installation import Installation

GUIDE = Path(__file__).parent.parent.parent / "docs" / "behind-postfix.md"
MARK = "0123456789abcdef"
FRONT, INNER, HERE = "10.0.0.25", "10.0.0.26", "203.0.113.7"
US = "mx.example.org"
FROM_HERE = ("Received", f"from here.test (here.test [{HERE}]) by {US} (Postfix) with ESMTP id A; Tue")
FROM_INNER = ("Received", f"from filter.test (filter.test [{INNER}]) by {US} (Postfix) with ESMTP id B; Tue")
SILENT = ("Received", f"from here.test by {US} with ESMTP id A; Tue")
RESULTS = ("Authentication-Results", f"{US}; spf=none smtp.helo=here.test; dkim=none")
OTHER_RESULTS = ("Authentication-Results", "filter.test; dkim=none")


def sent(*, trusted: tuple[str, ...] = (FRONT,), authserv_id: str = US, strip: str = "") -> Headers:
    """The header as it is sent. strip: a pattern of names that the front takes out."""
    settings = Config(mail=MailSection(reply_domain="cases.example.org"), smtp=smtp(trusted, authserv_id))
    headers = parse(forged_mail(settings, f"{US}:25", "", MARK)).headers
    return tuple(field for field in headers if not strip or not re.fullmatch(strip, field[0], re.IGNORECASE))


def smtp(trusted: tuple[str, ...] = (FRONT,), authserv_id: str = US) -> SmtpSection:
    return SmtpSection.model_validate({"trusted_relays": trusted, "authserv_id": authserv_id if trusted else ""})


SENT = sent()
STRIPPED = sent(strip="(ARC-)?Authentication-Results")
OK, WARNING, FAILED = Verdict.OK, Verdict.WARNING, Verdict.FAILED


def test_what_is_forged() -> None:
    names = [name.lower() for name, value in SENT if MARK in value.lower()]
    assert names.count("authentication-results") == 4
    assert names.count("arc-authentication-results") == 1
    assert names.count("received") == 2
    raw = forged_mail(Config(smtp=smtp(trusted=("2001:db8::/64",))), f"{US}:25", "", MARK)
    assert b"[IPv6:2001:db8::]" in raw  # as a trusted relay would be named
    assert max(map(len, raw.splitlines())) < 998


@pytest.mark.parametrize(
    ("headers", "settings", "verdicts", "said"),
    [
        # the front strips what is forged and tells its own
        ((RESULTS, FROM_HERE, *STRIPPED), smtp(), (OK, OK, OK), f"own results as {US}: spf, dkim"),
        # it strips nothing: what is forged stands below
        ((RESULTS, FROM_HERE, *SENT), smtp(), (WARNING, OK, OK), "let the front strip them all the same"),
        ((FROM_HERE, *SENT), smtp(authserv_id=""), (OK, OK, OK), f"SPF asks about {HERE}"),
        # it is known to others by other names
        ((FROM_HERE, *STRIPPED), smtp(), (OK, OK, FAILED), f"no results as {US}, so none"),
        ((OTHER_RESULTS, FROM_HERE, *STRIPPED), smtp(), (OK, OK, FAILED), "writes some as filter.test"),
        ((FROM_HERE, RESULTS, *STRIPPED), smtp(), (OK, OK, FAILED), "below its Received field"),
        # nobody in front is trusted
        ((FROM_HERE, *STRIPPED), smtp(()), (OK, FAILED, OK), f'trusted_relays = ["{FRONT}"]'),
        ((FROM_HERE, *STRIPPED), smtp((INNER,), ""), (OK, FAILED, OK), f'trusted_relays = ["{INNER}/32", "{FRONT}"]'),
        # whoever tries is trusted as well
        ((FROM_HERE, *SENT), smtp((FRONT, HERE), ""), (OK, FAILED, OK), f"come from {HERE}, which"),
        ((FROM_HERE, *SENT), smtp(("0.0.0.0/0",)), (FAILED, FAILED, FAILED), f"strip what a sender writes as {US}"),
        # there is no Received field of the front's
        (SENT, smtp(), (FAILED, FAILED, FAILED), "adds no Received field"),
        (STRIPPED, smtp(authserv_id=""), (OK, FAILED, OK), "adds no Received field"),
        # one more relay on the way
        ((FROM_INNER, FROM_HERE, *STRIPPED), smtp(authserv_id=""), (OK, FAILED, OK), f"SPF would ask about {INNER}"),
        ((FROM_INNER, FROM_HERE, *STRIPPED), smtp((FRONT, INNER), ""), (OK, OK, OK), f"SPF asks about {HERE}"),
        # one that does not say where its mail is from
        ((SILENT, *STRIPPED), smtp(authserv_id=""), (OK, FAILED, OK), "must read"),
    ],
)  # fmt: skip
def test_verdict(headers: Headers, settings: SmtpSection, verdicts: tuple[Verdict, ...], said: str) -> None:
    findings = list(judge(headers, client=FRONT, helo="front.test", smtp=settings, mark=MARK))
    assert tuple(finding.verdict for finding in findings) == verdicts
    assert said in "\n".join(finding.text for finding in findings)


def test_renamed_is_not_believed() -> None:
    renamed = tuple((f"X-Old-{name}" if "Results" in name.title() else name, value) for name, value in SENT)
    findings = list(judge((RESULTS, FROM_HERE, *renamed), client=FRONT, helo="", smtp=smtp(), mark=MARK))
    assert [finding.verdict for finding in findings] == [OK, OK, OK]


def test_a_socket_has_no_address() -> None:
    findings = list(judge((FROM_HERE, *STRIPPED), client="", helo="", smtp=smtp(authserv_id=""), mark=MARK))
    assert [finding.verdict for finding in findings] == [OK, FAILED, OK]
    assert "smtp.lmtp_listen be a host:port" in findings[1].text


@pytest.mark.parametrize(
    "place", ["mx example.org", "smtp://mx.example.org", "u:p@mx.example.org", "mx:port", "mx:99999", ""]
)
def test_a_place_that_is_none(installation: Installation, place: str) -> None:
    done = installation.casegate("check", "--front", place)
    lines = [line for line in done.lines if line.split()[1:2] == ["front"]]
    assert len(lines) == bool(place)  # without a place nothing is sent
    assert all(line.startswith("FAILED") and "write host:port" in line for line in lines)


def test_a_front_that_is_not_there_and_a_gateway_that_never_ran(installation: Installation, closed_port: int) -> None:
    front = f"127.0.0.1:{closed_port}"
    done = installation.casegate("check", "--front", front)
    assert "FAILED   front      database.url: there is no database" in done.out
    installation.casegate("migrate")
    done = installation.casegate("check", "--front", front)
    assert done.status == 1
    assert f"FAILED   front      {front} does not take the mail that tries it out: {front}: " in done.out


def test_the_settings_of_the_guide_are_settings(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        (tmp_path / "settings.toml").write_text(block)
        config.load(tmp_path / "settings.toml")

"""A real Postfix in front of the gateway: what it takes comes in, what we refuse is told, what cannot come in waits.

And whom it lets us believe: `casegate check --front` against fronts that are set up well and badly.
"""

import asyncio
import re
import shutil
import smtplib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from pathlib import Path

import pytest

from gateway import config
from gateway.cases.access import Verdict
from gateway.mail.authentication import Authentication, Trusted, authenticate
from gateway.mail.parse import parse
from gateway.outbound.answers import Answer, Outcome
from gateway.outbound.relay import Relay
from gateway.outbound.target import Target, read_url
from store import inbox
from tests.milter import Milter
from tests.postfix import FRONT, HANDS_OVER_FROM, Postfix, skip_without_postfix
from tests.sink import Mail, Sink
from tests.world import DOMAIN, MIA, TOM, Clock, World, reply_to, send, wait_until

FORGED = f"reply+{'a' * 56}@{DOMAIN}"
WORDS = "We send the lid today."


@contextmanager
def started(transport: str, *, verifies: bool) -> Iterator[Postfix]:
    """A Postfix with its folder below /tmp itself: the folders of pytest are closed to Postfix's user."""
    skip_without_postfix()
    folder = Path(tempfile.mkdtemp(prefix="casegate-postfix-"))
    folder.chmod(0o755)
    postfix = Postfix(folder, transport, verifies=verifies)
    try:
        yield postfix
    finally:
        postfix.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="module", params=["lmtp:inet", "smtp"])
def front(request: pytest.FixtureRequest) -> Iterator[Postfix]:
    """One that takes every recipient and hears from us later. It takes seconds to start."""
    with started(request.param, verifies=False) as postfix:
        yield postfix


@pytest.fixture
def postfix(front: Postfix) -> Iterator[Postfix]:
    yield front
    front.forget()


@pytest.fixture
def sink(postfix: Postfix) -> Iterator[Sink]:
    sink = Sink()
    sink.port = postfix.sink_port
    sink.start()
    yield sink
    sink.close()


@pytest.fixture
def world(tmp_path: Path, postfix: Postfix, sink: Sink, clock: Clock) -> Iterator[World]:
    world = World(tmp_path, sink, clock, smtp=listening(postfix, f"127.0.0.1:{postfix.lmtp_port}"))
    yield world
    world.close()


def listening(postfix: Postfix, lmtp: object) -> str:
    return f'listen = "127.0.0.1:{postfix.gateway_port}"\nlmtp_listen = "{lmtp}"'


def is_bounce(mail: Mail) -> bool:
    return mail.envelope_from == "<>" and mail.header("Content-Type").startswith("multipart/report")


def test_an_answer_comes_through(world: World, postfix: Postfix) -> None:
    case = world.open_case()
    told = world.newest_mail_to(MIA)
    send(postfix.port, reply_to(told, WORDS), MIA, told.reply_address)
    world.work_until(lambda: ("MERCHANT", WORDS) in world.said(case))
    wait_until(lambda: not postfix.queue())
    assert postfix.told() == [f"{told.reply_address}: sent (250 2.0.0 kept as 1)"]
    assert WORDS in world.newest_mail_to(TOM).text


def test_a_forged_address_is_told_to_the_sender(world: World, postfix: Postfix) -> None:
    send(postfix.port, b"Subject: Hello\r\n\r\nHello\r\n", TOM, FORGED)
    world.sink.wait_for(lambda mails: any(map(is_bounce, mails)))
    [bounce] = world.sink.to(TOM)
    assert b"550 5.1.1 There is no such mailbox here" in bounce.raw
    assert not inbox.listing()


def test_one_recipient_of_two_is_refused(world: World, postfix: Postfix) -> None:
    case = world.open_case()
    told = world.newest_mail_to(MIA)
    send(postfix.port, reply_to(told, WORDS), MIA, told.reply_address, FORGED)
    world.sink.wait_for(lambda mails: any(map(is_bounce, mails)))
    [bounce] = [mail for mail in world.sink.to(MIA) if is_bounce(mail)]
    assert FORGED.encode() in bounce.raw
    assert told.reply_address.encode() not in bounce.message.as_bytes().partition(b"message/rfc822")[0]
    world.work_until(lambda: ("MERCHANT", WORDS) in world.said(case))


def test_many_recipients_are_one_mail(world: World, postfix: Postfix) -> None:
    recipients = [f"postmaster@{DOMAIN}", f"abuse@{DOMAIN}", f"cases@{DOMAIN}"]
    send(postfix.port, b"Subject: Hello\r\n\r\nHello\r\n", TOM, *recipients)
    wait_until(lambda: len(postfix.told()) == 3)
    assert sorted(postfix.told()) == sorted(f"{address}: sent (250 2.0.0 kept as 1)" for address in recipients)
    wait_until(lambda: not postfix.queue())
    assert len(inbox.listing()) == 1


def test_what_cannot_be_kept_waits_and_comes_later(world: World, postfix: Postfix) -> None:
    case = world.open_case()
    told = world.newest_mail_to(MIA)
    world.parts.database.healthy = False
    send(postfix.port, reply_to(told, WORDS), MIA, told.reply_address)
    wait_until(lambda: postfix.waiting("451 4.3.0") == [told.reply_address])
    assert not inbox.listing()

    world.parts.database.healthy = True
    postfix.flush()
    wait_until(lambda: not postfix.queue())
    world.work_until(lambda: ("MERCHANT", WORDS) in world.said(case))
    assert not any(map(is_bounce, world.sink.mails))


def test_what_comes_while_we_are_away_waits(world: World, postfix: Postfix) -> None:
    case = world.open_case()
    told = world.newest_mail_to(MIA)
    world.close()
    send(postfix.port, reply_to(told, WORDS), MIA, told.reply_address)
    wait_until(lambda: any("deferred" in status for status in postfix.told()))
    world.start()
    world.work_until(lambda: ("MERCHANT", WORDS) in world.said(case))


def test_addresses_beyond_ascii(world: World, postfix: Postfix) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "jürgen@bücher.example", f"postmaster@{DOMAIN}", "Grüße"
    mail.set_content("Grüße aus Köln")
    with smtplib.SMTP("127.0.0.1", postfix.port, local_hostname="client.example.org") as client:
        client.send_message(mail)
    wait_until(inbox.listing)
    [kept] = inbox.listing()
    assert kept.mail_from == "jürgen@bücher.example"
    raw = inbox.get(kept.id).raw
    assert raw is not None
    assert "From: jürgen@bücher.example".encode() in raw
    assert b"Received: from client.example.org (localhost [127.0.0.1])" in raw


class TestAsTheGuideSays:
    """Postfix asks us about each recipient while the sender waits."""

    @pytest.fixture(params=["lmtp:inet", "smtp"])
    def postfix(self, request: pytest.FixtureRequest) -> Iterator[Postfix]:
        with started(request.param, verifies=True) as postfix:
            yield postfix

    def test_a_forged_address_is_refused_at_the_door(self, world: World, postfix: Postfix) -> None:
        case = world.open_case()
        told = world.newest_mail_to(MIA)
        with pytest.raises(smtplib.SMTPResponseException) as refused:
            send(postfix.port, b"Subject: Hello\r\n\r\nHello\r\n", TOM, FORGED)
        assert refused.value.smtp_code == 550
        assert "There is no such mailbox here" in str(refused.value.smtp_error)
        send(postfix.port, reply_to(told, WORDS), MIA, told.reply_address)
        world.work_until(lambda: ("MERCHANT", WORDS) in world.said(case))
        assert not any(map(is_bounce, world.sink.mails))


class Checked:
    """What `casegate check --front` said, and the mail that it sent."""

    def __init__(self, world: World, port: int, **trust: object) -> None:
        """port: of the front. trust: settings of [smtp] that the check is made with."""
        lines = "".join(f"{key} = {value!r}\n".replace("'", '"') for key, value in trust.items())
        settings = world.folder / "checked.toml"
        settings.write_text(world.file.read_text().replace("[smtp]\n", f"[smtp]\n{lines}"))
        command = [sys.executable, "-m", "gateway", "check", "--front", f"127.0.0.1:{port}", "--config", str(settings)]
        done = subprocess.run(command, capture_output=True, text=True)
        self.status = done.returncode
        self.lines = re.findall(r"^(\S+) +front +(.*)$", done.stdout, re.MULTILINE)
        self.verdicts = [verdict for verdict, _ in self.lines]
        self.text = done.stdout + done.stderr
        self.kept = inbox.get(inbox.listing()[0].id)
        self.headers = parse(self.kept.raw or b"").headers
        self._smtp = config.load(settings).smtp

    def authenticated(self) -> Authentication:
        """What the gateway makes of that mail, without a DNS."""
        return authenticate(
            self.kept.raw or b"",
            parse(self.kept.raw or b""),
            client=self.kept.client,
            helo=self.kept.helo,
            mail_from=self.kept.mail_from,
            lookup=lambda name, kind: (),
            trusted=Trusted(self._smtp.trusted_relays, self._smtp.authserv_id, frozenset({DOMAIN, FRONT})),
            now=self.kept.kept_at,
        )

    def positions(self, pattern: str) -> list[int]:
        """Where in the header the fields stand that look like this."""
        fields = [f"{name}: {value}" for name, value in self.headers]
        return [place for place, field in enumerate(fields) if re.match(pattern, field, re.IGNORECASE)]


@pytest.fixture
def filtering(postfix: Postfix) -> Iterator[Milter]:
    """A filter that writes what it found where OpenDKIM and OpenDMARC do."""
    milter = Milter(postfix.filter_port, "Authentication-Results", f"{FRONT}; dkim=none; dmarc=none")
    yield milter
    milter.close()


THEIR_RESULTS = r"Authentication-Results: .*spf=pass"
OUR_RESULTS = rf"Authentication-Results: {FRONT}; dkim=none"
OUR_RECEIVED = rf"Received: from .* by {FRONT} \(Postfix\)"


class TestWhomWeBelieve:
    """`trusted_relays` is where Postfix hands mail over from; this test connects to it from 127.0.0.1."""

    def test_the_way_is_believed(self, world: World, postfix: Postfix) -> None:
        checked = Checked(world, postfix.port, trusted_relays=[HANDS_OVER_FROM])
        assert (checked.status, checked.verdicts) == (0, ["ok", "ok", "ok"]), checked.text
        assert "SPF asks about 127.0.0.1, which is this check as the front saw it" in checked.text
        assert checked.authenticated().client == "127.0.0.1"
        assert checked.authenticated().verdict is not Verdict.PASS
        world.work()
        assert world.outcomes(checked.kept.id) == ["postmaster"]
        assert checked.kept.mail_from == ""

    def test_without_trusted_relays_spf_would_ask_about_postfix(self, world: World, postfix: Postfix) -> None:
        checked = Checked(world, postfix.port)
        assert (checked.status, checked.verdicts) == (1, ["ok", "FAILED", "ok"]), checked.text
        assert f'write trusted_relays = ["{HANDS_OVER_FROM}"]' in checked.text
        assert checked.authenticated().client == HANDS_OVER_FROM

    def test_who_trusts_his_clients_believes_what_they_forge(self, world: World, postfix: Postfix) -> None:
        checked = Checked(world, postfix.port, trusted_relays=["127.0.0.0/8"], authserv_id=FRONT)
        assert (checked.status, checked.verdicts) == (1, ["FAILED", "FAILED", "FAILED"]), checked.text
        assert "the front saw this check come from 127.0.0.1" in checked.text
        assert checked.authenticated().verdict is Verdict.PASS

    def test_a_front_without_received_believes_what_is_forged(self, world: World, postfix: Postfix) -> None:
        checked = Checked(world, postfix.silent_port, trusted_relays=[HANDS_OVER_FROM], authserv_id=FRONT)
        assert (checked.status, checked.verdicts) == (1, ["FAILED", "FAILED", "FAILED"]), checked.text
        assert "the front adds no Received field" in checked.text
        assert not checked.positions(OUR_RECEIVED)
        assert checked.authenticated().verdict is Verdict.PASS

    def test_a_name_under_which_nobody_writes(self, world: World, postfix: Postfix) -> None:
        checked = Checked(world, postfix.port, trusted_relays=[HANDS_OVER_FROM], authserv_id=FRONT)
        assert (checked.status, checked.verdicts) == (1, ["warning", "ok", "FAILED"]), checked.text
        assert f"the front writes no results as {FRONT}" in checked.text

    def test_the_lines_of_the_guide_keep_forgeries_out_and_results_in(
        self, world: World, postfix: Postfix, filtering: Milter
    ) -> None:
        checked = Checked(world, postfix.filtered_port, trusted_relays=[HANDS_OVER_FROM], authserv_id=FRONT)
        assert (checked.status, checked.verdicts) == (0, ["ok", "ok", "ok"]), checked.text
        assert f"its own results as {FRONT}: dkim, dmarc" in checked.text
        assert not checked.positions(THEIR_RESULTS)
        assert checked.positions("ARC-Authentication-Results")
        [ours], [received] = checked.positions(OUR_RESULTS), checked.positions(OUR_RECEIVED)
        assert ours < received
        found = checked.authenticated()
        assert found.verdict is not Verdict.PASS
        assert [result.because for result in found.results if result.method == "dmarc"] == [
            f"{FRONT} found dmarc=none."
        ]

    def test_without_them_nothing_is_believed(self, world: World, postfix: Postfix, filtering: Milter) -> None:
        checked = Checked(world, postfix.careless_port, trusted_relays=[HANDS_OVER_FROM], authserv_id=FRONT)
        assert (checked.status, checked.verdicts) == (1, ["warning", "ok", "FAILED"]), checked.text
        assert "below its Received field" in checked.text
        [ours], [received] = checked.positions(OUR_RESULTS), checked.positions(OUR_RECEIVED)
        assert received < ours
        assert checked.authenticated().verdict is not Verdict.PASS

    def test_an_attached_mail_stays_as_it_is(self, world: World, postfix: Postfix, filtering: Milter) -> None:
        inner = EmailMessage(policy=SMTP_POLICY)
        inner["Authentication-Results"], inner["Subject"] = "mx.elsewhere.example; spf=pass", "Look at this"
        inner.set_content("Words")
        outer = EmailMessage(policy=SMTP_POLICY)
        outer["From"], outer["Subject"] = TOM, "Fwd: Look at this"
        outer.add_attachment(inner)
        raw = outer.as_bytes()
        send(postfix.filtered_port, raw, TOM, f"postmaster@{DOMAIN}")
        wait_until(inbox.listing)
        kept = inbox.get(inbox.listing()[0].id).raw or b""
        assert kept.partition(b"\r\n\r\n")[2] == raw.partition(b"\r\n\r\n")[2]

    def test_a_refusal_is_read_out(self, world: World, postfix: Postfix) -> None:
        command = [sys.executable, "-m", "gateway", "check", "--front", f"127.0.0.1:{postfix.sink_port}"]
        world.sink.at_rcpt[f"postmaster@{DOMAIN}"] = "550 5.7.1 We do not know you"
        done = subprocess.run([*command, "--config", str(world.file)], capture_output=True, text=True)
        assert done.returncode == 1
        assert f"127.0.0.1:{postfix.sink_port} does not take the mail that tries it out: 550 5.7.1 We do" in done.stdout

    def test_what_does_not_come_in(self, world: World, postfix: Postfix) -> None:
        command = [sys.executable, "-m", "gateway", "check", "--front", f"127.0.0.1:{postfix.sink_port}"]
        more = ["--front-wait", "0", "--front-from", "ops@example.org", "--config", str(world.file)]
        done = subprocess.run([*command, *more], capture_output=True, text=True)
        assert done.returncode == 1
        assert "it did not come in within 0 seconds" in done.stdout
        [mail] = world.sink.to(f"postmaster@{DOMAIN}")
        assert (mail.envelope_from, "ops@example.org" in mail.header("From")) == ("ops@example.org", True)
        assert mail.message_id in done.stdout


class TestThroughASocket:
    """Nobody has an address there."""

    @pytest.fixture
    def postfix(self) -> Iterator[Postfix]:
        with started("lmtp:unix", verifies=True) as postfix:
            yield postfix

    @pytest.fixture
    def world(self, tmp_path: Path, postfix: Postfix, sink: Sink, clock: Clock) -> Iterator[World]:
        world = World(tmp_path, sink, clock, smtp=listening(postfix, postfix.socket))
        yield world
        world.close()

    def test_mail_comes_in_and_nothing_that_it_says_is_believed(self, world: World, postfix: Postfix) -> None:
        case = world.open_case()
        told = world.newest_mail_to(MIA)
        send(postfix.port, reply_to(told, WORDS), MIA, told.reply_address)
        world.work_until(lambda: ("MERCHANT", WORDS) in world.said(case))
        checked = Checked(world, postfix.port, trusted_relays=["0.0.0.0/0", "::/0"], authserv_id=FRONT)
        assert (checked.status, checked.verdicts) == (1, ["warning", "FAILED", "FAILED"]), checked.text
        assert "smtp.lmtp_listen be a host:port" in checked.text
        assert checked.authenticated().client == ""
        assert checked.authenticated().verdict is not Verdict.PASS


SENDER = f"bounce+x@{DOMAIN}"


class TestAsOurRelay:
    """What we send through it arrives, byte for byte."""

    @pytest.fixture
    def sink(self, postfix: Postfix) -> Iterator[Sink]:
        sink = Sink(smtputf8=True)
        sink.port = postfix.sink_port
        sink.start()
        yield sink
        sink.close()

    def sends(self, target: Target | str, *mails: tuple[str, bytes]) -> list[Answer]:
        """Hand mails over, four at a time; what it answers to each."""

        async def run() -> list[Answer]:
            relay = Relay(target, local_hostname=DOMAIN, timeout=30)
            try:
                return await asyncio.gather(*(relay.send(SENDER, recipient, mail) for recipient, mail in mails))
            finally:
                await relay.close()

        return asyncio.run(run())

    def test_two_hundred_mails_over_kept_connections(self, postfix: Postfix, sink: Sink) -> None:
        mails = [(f"r{number}@example.org", b"Subject: %d\r\n\r\nHello\r\n" % number) for number in range(200)]
        answers = self.sends(f"smtp://127.0.0.1:{postfix.relay_port}", *mails)
        assert {answer.outcome for answer in answers} == {Outcome.SENT}
        assert len({answer.text for answer in answers}) == 200  # "2.0.0 Ok: queued as …"
        sink.wait_for(lambda arrived: len(arrived) == 200)
        assert {mail.recipient: mail.header("Subject") for mail in sink.mails} == {
            f"r{number}@example.org": str(number) for number in range(200)
        }
        assert 4 <= postfix.sessions() <= 8

    @pytest.mark.parametrize(
        "body",
        [
            b".\r\n..\r\n.leading\r\n\r\n.\r\nend\r\n",
            "Grüße, 你好\r\n".encode(),
            b"A long line " + b"x" * 900 + b"\r\n",
            b"A line of many\r\n" * 20_000,
        ],
        ids=["dots", "8 bit", "long line", "large"],
    )
    def test_every_byte_arrives(self, postfix: Postfix, sink: Sink, body: bytes) -> None:
        header = b"Subject: Bytes\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        header += b"Content-Transfer-Encoding: 8bit\r\n"
        [answer] = self.sends(f"smtp://127.0.0.1:{postfix.relay_port}", (TOM, header + b"\r\n" + body))
        assert answer.outcome is Outcome.SENT
        sink.wait_for(lambda arrived: sink.to(TOM))
        assert sink.to(TOM)[0].raw.partition(b"\r\n\r\n")[2] == body

    @pytest.mark.parametrize(
        ("address", "arrives_at"),
        [
            ("jürgen@bücher.example", "jürgen@xn--bcher-kva.example"),
            ("anna@bücher.example", "anna@xn--bcher-kva.example"),
            ('"a b"@example.org', '"a b"@example.org'),
            ("o'neil+x=y@example.org", "o'neil+x=y@example.org"),
        ],
    )
    def test_addresses(self, postfix: Postfix, sink: Sink, address: str, arrives_at: str) -> None:
        [answer] = self.sends(f"smtp://127.0.0.1:{postfix.relay_port}", (address, b"Subject: Hello\r\n\r\nHello\r\n"))
        assert answer.outcome is Outcome.SENT
        sink.wait_for(lambda arrived: arrived)
        assert [mail.recipient for mail in sink.mails] == [arrives_at]

    def test_encrypted_by_a_private_authority(self, postfix: Postfix, sink: Sink) -> None:
        target = read_url(f"smtp://localhost:{postfix.relay_port}?starttls=require")
        mail = (TOM, b"Subject: Hello\r\n\r\nHello\r\n")
        [refused] = self.sends(target, mail)
        assert refused.outcome is Outcome.RELAY_DOWN
        assert "name the one of a private relay in ca_file" in refused.text
        assert [answer.outcome for answer in self.sends(replace(target, ca_file=postfix.certificate), mail, mail)] == [
            Outcome.SENT
        ] * 2
        sink.wait_for(lambda arrived: len(arrived) == 2)
        assert b"(Postfix) with ESMTPS id" in sink.mails[0].raw

    def test_a_mail_that_is_too_large(self, postfix: Postfix) -> None:
        [answer] = self.sends(f"smtp://127.0.0.1:{postfix.relay_port}", (TOM, b"x" * 27_000_000))
        assert (answer.outcome, answer.enhanced, answer.dead) == (Outcome.FAILED, "5.3.4", False)
        assert answer.text.startswith("the mail has 27000002 bytes, and the relay takes 26000000")

    def test_who_may_not_relay_has_no_dead_recipients(self, postfix: Postfix) -> None:
        """The guide's own port: everybody but its networks is told "Relay access denied"."""
        mail = b"Subject: Hello\r\n\r\nHello\r\n"
        answers = self.sends(f"smtp://127.0.0.1:{postfix.port}", (TOM, mail), (MIA, mail))
        assert {(answer.outcome, answer.dead) for answer in answers} == {(Outcome.RELAY_DOWN, False)}

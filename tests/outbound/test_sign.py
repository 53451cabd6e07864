"""DKIM signatures, judged by others: dkimpy and Debian's opendkim."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import Config, DkimSection, MailSection
from gateway.errors import Invalid
from gateway.mail.authentication.dkim import verify
from gateway.mail.authentication.signatures import SignedMail
from gateway.outbound.sign import Signer, SigningKey, load, make_key

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
DOMAIN = "cases.example.org"
RSA, ED = make_key(DOMAIN, "cg1", "rsa"), make_key(DOMAIN, "cg2", "ed25519")
OTHER = make_key("shop.example.org", "cg1", "ed25519")
BOTH = Signer([RSA, ED, OTHER])

MAIL = (
    b"Date: Mon, 04 May 2026 09:30:00 +0000\r\n"
    b'From: "Mia (Pixel Shop) via Cases"\r\n <cases@cases.example.org>\r\n'
    b"To: <tom@customer.example.org>\r\n"
    b"Reply-To: <reply+abc@cases.example.org>\r\n"
    b"Subject: =?utf-8?b?w5xiZXI=?=\t  the  lid\r\n"
    b"Message-ID: <1@cases.example.org>\r\n"
    b"List-Unsubscribe: <https://cases.example.org/unsubscribe/1>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    b"MIME-Version: 1.0\r\n"
    b"\r\n"
    b"Hello  Tom \t\r\n.\r\n\r\nBye\r\n\r\n\r\n"
)


def dns(*keys: SigningKey) -> Callable[..., bytes]:
    """The DNS as dkimpy asks it."""
    records = {f"{key.place}.".encode(): key.record.encode() for key in keys}
    return lambda name, timeout=5: records.get(name, b"")


def verdicts(mail: bytes, *keys: SigningKey) -> list[bool]:
    """What dkimpy says of each signature, the topmost first."""
    judge = dkim.DKIM(mail)
    count = sum(1 for name, _ in judge.headers if name.lower() == b"dkim-signature")
    found = []
    for place in range(count):
        try:
            found.append(bool(dkim.DKIM(mail).verify(idx=place, dnsfunc=dns(*keys))))
        except dkim.DKIMException:
            found.append(False)
    return found


def test_each_key_of_the_domain_signs() -> None:
    signed = BOTH.sign(MAIL, DOMAIN, NOW)
    assert signed.endswith(MAIL)
    assert verdicts(signed, RSA, ED) == [True, True]
    assert BOTH.sign(MAIL, "elsewhere.example.org", NOW) == MAIL
    assert verdicts(BOTH.sign(MAIL, "shop.example.org", NOW), OTHER) == [True]


@pytest.mark.parametrize(
    "change",
    [
        (b"Bye", b"Pay"),
        (b"Subject: ", b"Subject: Urgent, "),
        (b"To: <tom", b"To: <ann"),
        (b"One-Click", b"Two-Click"),
        (b"Date: Mon", b"From: support@cases.example.org\r\nDate: Mon"),
        (b"Date: Mon", b"Subject: Pay at once\r\nDate: Mon"),
        (b"Date: Mon", b"Cc: all@example.org\r\nDate: Mon"),
    ],
    ids=lambda change: change[1].decode().partition("\r")[0],
)
def test_what_was_changed_or_added_breaks_the_signatures(change: tuple[bytes, bytes]) -> None:
    signed = BOTH.sign(MAIL, DOMAIN, NOW)
    head, mail = signed[: -len(MAIL)], signed[-len(MAIL) :]
    assert verdicts(head + mail.replace(*change, 1), RSA, ED) == [False, False]


def test_trace_fields_and_other_folding_on_the_way_do_not() -> None:
    signed = BOTH.sign(MAIL, DOMAIN, NOW)
    later = b"Received: from a by b; Mon, 04 May 2026 09:30:01 +0000\r\n" + signed.replace(
        b"Shop) via", b"Shop)\r\n via"
    )
    assert verdicts(later, RSA, ED) == [True, True]


def test_the_field_fits_its_lines_and_says_what_was_signed() -> None:
    field = BOTH.sign(MAIL, DOMAIN, NOW)[: -len(MAIL)].decode()
    assert all(len(line) <= 78 for line in field.split("\r\n"))
    names = field.replace("\r\n", "").partition("h=")[2].partition(";")[0].lower().replace(" ", "").split(":")
    assert names.count("from") == 2
    assert {"list-unsubscribe", "list-unsubscribe-post", "message-id"} <= set(names)
    assert "l=" not in field.replace("rel", "")
    assert f"t={int(NOW.timestamp())};" in field


@settings(max_examples=60)
@given(
    body=st.lists(st.sampled_from([b"a", b" ", b"\t", b"\r\n", b"\xc3\xa9", b".", b"="]), max_size=30).map(b"".join),
    subject=st.text(st.sampled_from("aB:;= \t.-é"), max_size=200),
)
def test_any_body_and_subject_verify(body: bytes, subject: str) -> None:
    mail = f"From: <a@{DOMAIN}>\r\nSubject: x{subject}\r\n\r\n".encode() + body + b"\r\n"
    assert verdicts(BOTH.sign(mail, DOMAIN, NOW), RSA, ED) == [True, True]


HEAD = f"From: <a@{DOMAIN}>\r\nTo: <b@example.org>\r\n".encode()
ODD = {
    "nothing but a header": HEAD,
    "no body": HEAD + b"\r\n",
    "an empty line": HEAD + b"\r\n\r\n",
    "many empty lines": HEAD + b"\r\n" + b"\r\n" * 5_000,
    "empty lines before and behind": HEAD + b"\r\n\r\n\r\nwords\r\n\r\n\r\n",
    "lines of blanks": HEAD + b"\r\n \r\n\t\t\r\nwords \t \r\n  \t\r\n",
    "no line end": HEAD + b"\r\nwords",
    "dots": HEAD + b"\r\n.\r\n..\r\n.words\r\n",
    "a long line": HEAD + b"\r\n" + b"a  b\t" * 20_000 + b"\r\n",
    "more than one piece": HEAD + b"\r\n" + b"a line  of words \r\n" * 20_000 + b"\r\n" * 40_000 + b"end\r\n\r\n",
    "8 bit": HEAD + "Subject: \u00dcber\r\n\r\n\u00e9\u4e2d\r\n".encode() + b"\xff\xfe\r\n",
    "tabs in the header": HEAD + b"Subject:\tthe\t\tlid\r\nReply-To: \t<c@example.org>\t \r\n\r\nwords\r\n",
    "folds": HEAD + b"References: <1@example.org>\r\n\t<2@example.org>\r\n    <3@example.org>\r\n\r\nwords\r\n",
    "a fold first": HEAD + b"Subject:\r\n the lid\r\n\r\nwords\r\n",
    "an empty field": HEAD + b"Subject:\r\nCc: \r\n\r\nwords\r\n",
    "a long field": HEAD + b"Subject: " + b"word\r\n " * 900 + b"word\r\n\r\nwords\r\n",
    "names in other cases": HEAD.upper() + b"mime-VERSION: 1.0\r\n\r\nwords\r\n",
    "fields that stand twice": HEAD + b"To: <d@example.org>\r\nSubject: a\r\nSubject: b\r\n\r\nwords\r\n",
    "a colon, a semicolon": HEAD + b"Subject: b=; c: d=e; h=from\r\n\r\nb=;\r\n",
}
odd = pytest.mark.parametrize("mail", ODD.values(), ids=ODD)


@odd
def test_odd_mails_verify(mail: bytes) -> None:
    signed = BOTH.sign(mail, DOMAIN, NOW)
    assert signed.endswith(mail)
    assert verdicts(signed, RSA, ED) == [True, True]


@odd
def test_odd_mails_pass_where_we_receive_them(mail: bytes) -> None:
    records = {key.place: (key.record,) for key in (RSA, ED)}
    found = verify(
        SignedMail(BOTH.sign(mail, DOMAIN, NOW)),
        lambda name, kind: records.get(name, ()),
        may_speak=lambda domain: domain == DOMAIN,
        now=NOW,
    )
    assert [signature.result.result for signature in found] == ["pass", "pass"]


@pytest.fixture
def opendkim(tmp_path: Path) -> Callable[[bytes], str]:
    """What Debian's opendkim says of a mail. It knows RSA only."""
    if shutil.which("opendkim") is None:
        pytest.skip("opendkim is not installed")
    (tmp_path / "dns").write_text(f"{RSA.place} {RSA.record}\n")
    (tmp_path / "conf").write_text(f"Mode v\nTestDNSData {tmp_path / 'dns'}\n")

    def judge(mail: bytes) -> str:
        (tmp_path / "mail").write_bytes(mail)
        command = ["opendkim", "-x", str(tmp_path / "conf"), "-t", str(tmp_path / "mail"), "-vv"]
        done = subprocess.run(command, capture_output=True, check=False)
        return (done.stdout + done.stderr).decode()

    return judge


PASSED = "verification (s=cg1, d=cases.example.org, 2048-bit key) succeeded"


@odd
def test_opendkim_agrees(mail: bytes, opendkim: Callable[[bytes], str]) -> None:
    signed = Signer([RSA]).sign(mail, DOMAIN, NOW)
    assert PASSED in opendkim(signed.removesuffix(b"\r\n") + b"\r\n")  # SMTP ends every line


def test_opendkim_sees_what_was_changed(opendkim: Callable[[bytes], str]) -> None:
    signed = Signer([RSA]).sign(MAIL, DOMAIN, NOW)
    assert PASSED in opendkim(signed)
    assert "succeeded" not in opendkim(signed.replace(b"Bye", b"Pay"))
    assert "succeeded" not in opendkim(signed.replace(b"Date: Mon", b"Subject: Pay at once\r\nDate: Mon"))


# What the settings may name


def configured(tmp_path: Path, pem: bytes | None, **more: object) -> Config:
    file = tmp_path / "key.pem"
    if pem is not None:
        file.write_bytes(pem)
    return Config(mail=MailSection(reply_domain=DOMAIN, dkim_selector="cg1", dkim_key_file=file), **more)  # type: ignore[arg-type]


def test_the_keys_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "ed.pem").write_bytes(ED.pem())
    second = DkimSection(domain=DOMAIN, selector="cg2", key_file=tmp_path / "ed.pem")
    signer = load(configured(tmp_path, RSA.pem(), dkim=(second, replace_domain(second))))
    assert verdicts(signer.sign(MAIL, DOMAIN, NOW), RSA, ED) == [True, True]
    assert signer.speaks_for("shop.example.org")
    assert not load(Config()).keys


def test_two_keys_at_one_place_are_a_problem(tmp_path: Path) -> None:
    (tmp_path / "ed.pem").write_bytes(ED.pem())
    same = DkimSection(domain=DOMAIN, selector="cg1", key_file=tmp_path / "ed.pem")
    with pytest.raises(Invalid) as caught:
        load(configured(tmp_path, RSA.pem(), dkim=(same,)))
    (found,) = caught.value.problems
    assert found.field == "dkim.0.key_file"
    assert f"another key for {RSA.place}" in found.text


def replace_domain(section: DkimSection) -> DkimSection:
    return section.model_copy(update={"domain": "shop.example.org"})


def pem_of(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(
    ("pem", "problem"),
    [
        (None, "No such file or directory"),
        (b"no key", "no private key in PEM"),
        (pem_of(rsa.generate_private_key(65_537, 1_024)), "1024 bits"),
        (pem_of(ec.generate_private_key(ec.SECP256R1())), "RSA and Ed25519"),
    ],
    ids=["missing", "no PEM", "short", "elliptic"],
)
def test_a_key_that_cannot_sign_is_a_clear_problem(tmp_path: Path, pem: bytes | None, problem: str) -> None:
    with pytest.raises(Invalid) as caught:
        load(configured(tmp_path, pem))
    (found,) = caught.value.problems
    assert found.field == "mail.dkim_key_file"
    assert problem in found.text


def test_a_key_is_no_secret_in_its_looks() -> None:
    assert "PRIVATE" not in repr(replace(RSA))

"""`casegate check --relay`: the dialogue, the certificate, a verdict, and no secret."""

import asyncio
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.certificates import make_certificate
from tests.cli.installation import Done, Installation
from tests.relays import ScriptedRelay

WITH_AUTH = "250-relay.example.org\r\n250 AUTH PLAIN LOGIN"


@contextmanager
def running(peer: ScriptedRelay) -> Iterator[ScriptedRelay]:
    """In a thread of its own: the command has a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(peer.start(), loop).result(20)
    try:
        yield peer
    finally:
        asyncio.run_coroutine_threadsafe(peer.stop(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def peer() -> Iterator[ScriptedRelay]:
    with running(ScriptedRelay(None)) as peer:
        yield peer


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return make_certificate(tmp_path / "relay.pem")


@pytest.fixture
def encrypted(certificate: Path) -> Iterator[ScriptedRelay]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with running(ScriptedRelay(context)) as peer:
        yield peer


def use(installation: Installation, *relays: str) -> None:
    """The settings, with these sections in place of the one relay."""
    text = re.sub(r"\[\[relay\]\]\nurl = .*\n", "", installation.file.read_text())
    installation.file.write_text(text + "".join(f"[[relay]]\n{relay}\n" for relay in relays))


def verdict(done: Done) -> list[str]:
    return done.lines[-1].split(maxsplit=2)


def test_the_dialogue_and_a_verdict(installation: Installation, peer: ScriptedRelay) -> None:
    use(installation, 'url = "smtp://127.0.0.1:1"', f'url = "smtp://127.0.0.1:{peer.port}"')
    done = installation.casegate("check", "--relay", "2")
    assert done.status == 0
    assert done.lines == [
        f"relay 127.0.0.1:{peer.port}, encryption when offered",
        "S: 220 relay.example.org ESMTP",
        "C: EHLO cases.example.org",
        "S: 250-relay.example.org",
        "S: 250-SIZE 1000000",
        "S: 250-8BITMIME",
        "S: 250 ENHANCEDSTATUSCODES",
        "C: QUIT",
        "S: 221 2.0.0 Bye",
        f"ok       relay      127.0.0.1:{peer.port} lets us in; nothing was sent (--to ADDRESS sends a mail)",
    ]
    assert peer.mails == []


def test_the_relay_for_the_operator(installation: Installation, peer: ScriptedRelay) -> None:
    assert "mail.operator_relay is not set" in installation.casegate("check", "--relay", "operator").out
    text = installation.file.read_text()
    url = f"smtp://127.0.0.1:{peer.port}"
    installation.file.write_text(text.replace("[mail]\n", f'[mail]\noperator_relay = "{url}"\n'))
    done = installation.casegate("check", "--relay", "operator")
    assert verdict(done)[2].startswith(f"127.0.0.1:{peer.port} lets us in")
    assert f"127.0.0.1:{peer.port} takes our mail" in installation.casegate("check").out


def test_a_mail_for_an_address(installation: Installation, peer: ScriptedRelay) -> None:
    done = installation.casegate("check", "--relay", f"smtp://127.0.0.1:{peer.port}", "--to", "anna@bücher.example")
    assert done.status == 0
    assert "C: MAIL FROM:<cases@cases.example.org>" in done.out
    assert "C: RCPT TO:<anna@xn--bcher-kva.example>" in done.lines
    assert "S: 354 Go ahead" in done.lines
    assert "S: 250 2.0.0 Ok: queued as 4F7" in done.lines
    assert verdict(done)[0] == "ok"
    [mail] = peer.mails
    assert b"Auto-Submitted: auto-generated\r\n" in mail
    assert b"From: cases@cases.example.org\r\n" in mail


@pytest.mark.parametrize(
    ("verb", "reply", "text"),
    [
        ("CONNECT", "554 5.7.1 Go away", "it takes no mail from us: 554 5.7.1 Go away"),
        ("RCPT", "550 5.1.1 No such user", "it refuses this recipient or this mail: 550 5.1.1 No such user"),
        ("RCPT", "450 4.2.1 Greylisted", "it takes this mail later, perhaps: 450 4.2.1 Greylisted"),
        (".", "hang up", "nobody knows whether it has the mail: "),
    ],
)
def test_what_went_wrong(installation: Installation, peer: ScriptedRelay, verb: str, reply: str, text: str) -> None:
    peer.script[verb] = reply
    done = installation.casegate("check", "--relay", f"smtp://127.0.0.1:{peer.port}", "--to", "anna@example.org")
    assert done.status == 1
    assert verdict(done)[:2] == ["FAILED", "relay"]
    assert verdict(done)[2].startswith(text)
    assert reply == "hang up" or f"S: {reply}" in done.lines


def test_what_a_relay_says_cannot_play_with_the_terminal(installation: Installation, peer: ScriptedRelay) -> None:
    peer.script["CONNECT"] = "220 \x1b[2J\x07hello"
    done = installation.casegate("check", "--relay", f"smtp://127.0.0.1:{peer.port}")
    assert "\x1b" not in done.out + done.err
    assert "hello" in done.out


def test_a_password_is_shown_nowhere(installation: Installation, peer: ScriptedRelay, tmp_path: Path) -> None:
    peer.script.update(EHLO=WITH_AUTH, AUTH="535 5.7.8 Wrong password: s3cr3t AHVzZXIAczNjcjN0")
    file = tmp_path / "password"
    file.write_text("s3cr3t\n")
    file.chmod(0o644)
    use(installation, f'url = "smtp://user@127.0.0.1:{peer.port}"\npassword_file = "{file}"')
    done = installation.casegate("check", "--relay", "1")
    assert peer.heard[1] == "AUTH PLAIN AHVzZXIAczNjcjN0"
    assert done.status == 1
    assert "C: AUTH PLAIN …" in done.lines
    assert "S: 535 5.7.8 Wrong password: … …" in done.lines
    assert not [secret for secret in ("s3cr3t", "AHVzZXIAczNjcjN0") if secret in done.out + done.err]
    assert f"see the user name in url and the password in {file}" in verdict(done)[2]
    remarks = [line for line in done.lines if line.startswith("warning")]
    assert "its certificate is not checked" in remarks[0]
    assert f"{file} can be read by others" in remarks[1]


def test_a_password_is_asked_for_and_not_taken_from_the_command_line(
    installation: Installation, peer: ScriptedRelay
) -> None:
    peer.script.update(EHLO=WITH_AUTH, AUTH="235 2.7.0 Welcome")
    done = installation.casegate("check", "--relay", f"smtp://user:s3cr3t@127.0.0.1:{peer.port}")
    assert done.status == 1
    assert "leave the password out, it is asked for" in done.out
    assert "s3cr3t" not in done.out + done.err
    done = installation.casegate("check", "--relay", f"smtp://user@127.0.0.1:{peer.port}", stdin=b"s3cr3t\n")
    assert done.status == 0
    assert peer.heard[1] == "AUTH PLAIN AHVzZXIAczNjcjN0"
    assert "s3cr3t" not in done.out + done.err


def test_encryption_and_certificate(installation: Installation, encrypted: ScriptedRelay, certificate: Path) -> None:
    use(installation, f'url = "smtps://localhost:{encrypted.port}"\nca_file = "{certificate}"')
    done = installation.casegate("check", "--relay", "1")
    assert done.status == 0
    assert done.lines[1].startswith("-- encrypted: TLSv1.3, TLS_")
    assert done.lines[2].startswith("-- certificate, checked: for localhost; by itself; until 20")


def test_a_certificate_that_is_not_good_is_shown(installation: Installation, encrypted: ScriptedRelay) -> None:
    use(installation, f'url = "smtps://user:s3cr3t@localhost:{encrypted.port}"')
    done = installation.casegate("check", "--relay", "1")
    assert done.status == 1
    assert "-- certificate, NOT checked: for localhost; by itself; until 20" in done.out
    assert "name the one of a private relay in ca_file" in verdict(done)[2]
    assert encrypted.verbs() == ["EHLO", "QUIT"]


@pytest.mark.parametrize(
    ("which", "text"),
    [
        ("0", "the settings have 1 [[relay]]; the first is 1"),
        ("2", "the settings have 1 [[relay]]; the first is 1"),
        ("relay.example.org", "or the number of a relay in the settings"),
    ],
)
def test_what_names_no_relay(installation: Installation, which: str, text: str) -> None:
    done = installation.casegate("check", "--relay", which)
    assert done.status == 1
    assert text in done.out


def test_no_mail_without_a_relay(installation: Installation) -> None:
    done = installation.casegate("check", "--to", "anna@example.org")
    assert done.status == 2
    assert "it needs --relay" in done.err


@pytest.mark.parametrize("to", ["anna", "a@b\r\nRCPT TO:<c@example.org>"])
def test_no_mail_to_what_is_no_address(installation: Installation, peer: ScriptedRelay, to: str) -> None:
    done = installation.casegate("check", "--relay", f"smtp://127.0.0.1:{peer.port}", "--to", to)
    assert done.status == 1
    assert "this is not an address" in done.out
    assert peer.connections == 0

"""Encryption to a relay: when it is offered, when it is insisted on, and certificates that are not good."""

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.config import SmtpSection
from gateway.errors import Invalid
from gateway.inbound.admit import Mailbox, Recipient
from gateway.inbound.keep import Envelope
from gateway.inbound.server import SmtpServer
from gateway.outbound.answers import Answer, Outcome
from gateway.outbound.relay import Relay
from gateway.outbound.target import read_url
from tests.certificates import make_certificate
from tests.relays import HANG_UP, OFFERS, Office, ScriptedRelay, until

pytestmark = pytest.mark.anyio

MAIL = b"Subject: Your case\r\n\r\nHello\r\n"
SENDER, RECIPIENT = "bounce+x@cases.example.org", "anna@example.org"
STARTTLS = OFFERS.replace("250 ENH", "250-ENH") + "\r\n250 STARTTLS"


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


class Taker:
    """Takes every mail."""

    def __init__(self) -> None:
        self.kept: list[Envelope] = []

    def begin(self) -> None:
        """Always."""

    def admit(self, address: str, network: str) -> Recipient:
        return Recipient(address, Mailbox.FROM)

    async def keep(self, envelope: Envelope) -> str:
        self.kept.append(envelope)
        return "thanks"


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
async def taker(certificate: Path, office: Office) -> tuple[Taker, int]:
    """A real SMTP server that offers STARTTLS, and its port."""
    door = Taker()
    smtp = SmtpServer(door, SmtpSection(), hostname="relay.example.org", tls=server_context(certificate))
    office.stack.push_async_callback(smtp.stop, 0)
    return door, await smtp.start("127.0.0.1", 0)


@pytest.fixture
async def encrypted(certificate: Path, office: Office) -> ScriptedRelay:
    """A relay that is encrypted from the first byte."""
    return await office.starts(ScriptedRelay(server_context(certificate)))


def trusting(office: Office, url: str, ca_file: Path | None) -> Relay:
    return office.reaches(read_url(url).with_files(password_file=None, oauth_token_file=None, ca_file=ca_file))


async def test_it_is_taken_when_offered(office: Office, taker: tuple[Taker, int]) -> None:
    door, port = taker
    relay = office.reaches(f"smtp://localhost:{port}")
    for number in range(3):
        answer = await relay.send("", RECIPIENT, MAIL * (number * 10_000 + 1))
        assert str(answer) == "250 2.0.0 thanks"
    assert [len(envelope.data) for envelope in door.kept] == [len(MAIL) * size for size in (1, 10_001, 20_001)]
    assert relay._idle[0].tls is not None


async def test_a_private_relay_is_known_by_its_ca_file(
    office: Office, taker: tuple[Taker, int], certificate: Path
) -> None:
    url = f"smtp://localhost:{taker[1]}?starttls=require"
    answer = await trusting(office, url, None).send(SENDER, RECIPIENT, MAIL)
    assert answer.outcome is Outcome.RELAY_DOWN
    assert answer.text == (
        f"localhost:{taker[1]}: its certificate is not good (self-signed certificate): it is signed by no authority "
        "that this machine knows; name the one of a private relay in ca_file of its [[relay]]"
    )
    relay = trusting(office, url, certificate)
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    assert (await relay.probe()).outcome is Outcome.SENT


async def test_the_authorities_of_the_system_are_known(
    office: Office, taker: tuple[Taker, int], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    answer = await office.reaches(f"smtp://localhost:{taker[1]}?starttls=require").send(SENDER, RECIPIENT, MAIL)
    assert answer.outcome is Outcome.SENT


async def test_from_the_first_byte(office: Office, encrypted: ScriptedRelay, certificate: Path) -> None:
    url = f"smtps://localhost:{encrypted.port}"
    answer = await trusting(office, url, None).send(SENDER, RECIPIENT, MAIL)
    assert (answer.outcome, encrypted.heard) == (Outcome.RELAY_DOWN, [])
    assert (await trusting(office, url, certificate).send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT


@pytest.mark.parametrize("scheme", ["smtps://127.0.0.1:{}", "smtp://127.0.0.1:{}?starttls=require"])
async def test_a_certificate_for_another_name(
    office: Office, taker: tuple[Taker, int], encrypted: ScriptedRelay, certificate: Path, scheme: str
) -> None:
    port = encrypted.port if scheme.startswith("smtps") else taker[1]
    answer = await trusting(office, scheme.format(port), certificate).send(SENDER, RECIPIENT, MAIL)
    assert answer.outcome is Outcome.RELAY_DOWN
    assert "it is for other names than 127.0.0.1; write one of them in url" in answer.text


async def test_a_certificate_that_has_expired(office: Office, tmp_path: Path) -> None:
    old = make_certificate(tmp_path / "old.pem", days=-1)
    peer = await office.starts(ScriptedRelay(server_context(old)))
    answer = await trusting(office, f"smtps://localhost:{peer.port}", old).send(SENDER, RECIPIENT, MAIL)
    assert "it has expired; its owner has to renew it" in answer.text


async def test_required_and_not_offered(office: Office) -> None:
    _, peer = await office.has()
    answer = await office.reaches(f"smtp://127.0.0.1:{peer.port}?starttls=require").send(SENDER, RECIPIENT, MAIL)
    assert answer.outcome is Outcome.RELAY_DOWN
    assert "offers no STARTTLS, which ?starttls=require insists on" in answer.text
    assert peer.verbs() == ["EHLO"]


async def test_required_and_refused(office: Office) -> None:
    _, peer = await office.has(EHLO=STARTTLS, STARTTLS="454 4.7.0 TLS not available")
    answer = await office.reaches(f"smtp://127.0.0.1:{peer.port}?starttls=require").send(SENDER, RECIPIENT, MAIL)
    assert answer == Answer(Outcome.RELAY_DOWN, 454, "4.7.0", "4.7.0 TLS not available")
    assert "MAIL" not in peer.verbs()


@pytest.mark.parametrize("reply", ["454 4.7.0 TLS not available", HANG_UP])
async def test_offered_and_broken(office: Office, reply: str) -> None:
    """RFC 7435: without a certificate to check, a plain connection is as good and better than none."""
    relay, peer = await office.has(EHLO=STARTTLS, STARTTLS=reply)
    peer.script["."] = "250 2.0.0 Ok"
    answer = await asyncio.wait_for(relay.send(SENDER, RECIPIENT, MAIL), 20)
    assert answer.outcome is Outcome.SENT
    assert peer.connections == (1 if reply.startswith("454") else 2)


async def test_offered_and_not_spoken(office: Office) -> None:
    relay, peer = await office.has(EHLO=[STARTTLS, OFFERS], STARTTLS="220 Go on")
    peer.script["STARTTLS"] = "220 Go on"
    sending = asyncio.ensure_future(relay.send(SENDER, RECIPIENT, MAIL))
    await until(lambda: "STARTTLS" in peer.verbs())
    peer.says("500 5.5.1 What do you mean?")
    assert (await sending).outcome is Outcome.SENT
    assert peer.connections == 2


async def test_what_was_said_before_the_encryption_counts_for_nothing(office: Office, certificate: Path) -> None:
    """RFC 3207 §6: somebody on the way may have put it there."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await reader.readline()
        writer.write(b"250-relay\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n")
        await reader.readline()
        writer.write(b"220 go\r\n250-relay\r\n250 AUTH PLAIN\r\n235 welcome\r\n")
        await writer.start_tls(server_context(certificate))
        heard.append(await reader.readline())
        writer.write(b"250 relay, really\r\n")
        heard.append(await reader.readline())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    office.stack.callback(server.close)
    url = f"smtp://user:secret@localhost:{server.sockets[0].getsockname()[1]}?starttls=require"
    answer = await trusting(office, url, certificate).probe()
    assert answer.outcome is Outcome.RELAY_DOWN
    assert not any(b"AUTH" in line for line in heard)


async def test_smtps_at_a_port_that_is_not_encrypted(office: Office) -> None:
    _, peer = await office.has()
    answer = await office.reaches(f"smtps://127.0.0.1:{peer.port}").probe()
    assert answer.outcome is Outcome.RELAY_DOWN
    assert "port 465 is for smtps://, 587 and 25 are for smtp://" in answer.text


@pytest.mark.parametrize("content", [None, "this is no certificate"])
async def test_a_ca_file_that_cannot_be_used(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    target = replace(read_url("smtps://relay.example.org"), ca_file=file)
    with pytest.raises(Invalid) as caught:
        Relay(target, local_hostname="gw.example.org")
    [problem] = caught.value.problems
    assert problem.field == "relay.ca_file"
    assert str(file) in problem.text
    assert "PEM" in problem.text

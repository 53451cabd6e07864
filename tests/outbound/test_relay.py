"""Handing mail to a relay: every ending of the dialogue, with a relay on loopback that follows a script."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gateway.config import SmtpSection
from gateway.errors import Invalid
from gateway.inbound.admit import Mailbox, Recipient
from gateway.inbound.keep import Envelope
from gateway.inbound.server import SmtpServer
from gateway.outbound.answers import Answer, Outcome, Stage, judge
from gateway.outbound.relay import Relay

pytestmark = pytest.mark.anyio

MAIL = b"Subject: Your case\r\n\r\nHello\r\n"
SENDER, RECIPIENT = "bounce+x@cases.example.org", "anna@example.org"
HANG_UP, SAY_NOTHING = "hang up", "say nothing"


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


class ScriptedRelay:
    """Answers each verb from its script ("." is the whole mail). A list is worked off; its last entry stays."""

    def __init__(self, **script: str | list[str]) -> None:
        self.script: dict[str, str | list[str]] = {
            "CONNECT": "220 relay.example.org ESMTP",
            "EHLO": "250-relay.example.org\r\n250-SIZE 1000000\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES",
            "MAIL": "250 2.1.0 Ok",
            "RCPT": "250 2.1.5 Ok",
            "DATA": "354 Go ahead",
            ".": "250 2.0.0 Ok: queued as 4F7",
            "RSET": "250 2.0.0 Ok",
            "QUIT": "221 2.0.0 Bye",
        }
        self.script.update(script)
        self.heard: list[str] = []
        self.mails: list[bytes] = []
        self.connections = 0
        self.open: set[asyncio.StreamWriter] = set()
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def hangs_up(self) -> None:
        for writer in self.open:
            writer.transport.abort()

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.hangs_up()

    def verbs(self) -> list[str]:
        return [line.split(" ")[0] for line in self.heard]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open.add(writer)
        try:
            if not self._answers("CONNECT", writer):
                return
            while line := await reader.readline():
                self.heard.append(line.decode().rstrip("\r\n"))
                verb = self.verbs()[-1]
                if not self._answers(verb, writer):
                    return
                if verb == "DATA" and self.script["DATA"] == "354 Go ahead":
                    self.mails.append(await reader.readuntil(b"\r\n.\r\n"))
                    if not self._answers(".", writer):
                        return
        except ConnectionError:
            pass
        finally:
            self.open.discard(writer)
            writer.close()

    def _answers(self, verb: str, writer: asyncio.StreamWriter) -> bool:
        reply = self.script.get(verb, "500 5.5.1 unknown")
        if isinstance(reply, list):
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        if reply == HANG_UP:
            writer.transport.abort()
            return False
        if reply != SAY_NOTHING:
            writer.write(reply.encode() + b"\r\n")
        return verb != "QUIT"


class Office:
    """Starts relays, and what sends through them; ends both."""

    def __init__(self) -> None:
        self.stack = AsyncExitStack()

    async def has(self, **script: str | list[str]) -> tuple[Relay, ScriptedRelay]:
        peer = ScriptedRelay(**script)
        await peer.start()
        self.stack.push_async_callback(peer.stop)
        return self.reaches(f"smtp://127.0.0.1:{peer.port}"), peer

    def reaches(self, url: str, *, timeout: float = 20, max_idle: float = 30, connections: int = 4) -> Relay:
        relay = Relay(url, local_hostname="gw.example.org", timeout=timeout, max_idle=max_idle, connections=connections)
        self.stack.push_async_callback(relay.close)
        return relay


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    place = Office()
    yield place
    await place.stack.aclose()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what happens at the other end of a socket."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.001)


# Endings


async def test_a_mail_is_sent(office: Office) -> None:
    relay, peer = await office.has()
    answer = await relay.send(SENDER, RECIPIENT, MAIL)
    assert answer == Answer(Outcome.SENT, 250, "2.0.0", "2.0.0 Ok: queued as 4F7")
    assert str(answer) == "250 2.0.0 Ok: queued as 4F7"
    assert peer.mails == [MAIL + b".\r\n"]
    assert peer.heard == [
        "EHLO gw.example.org",
        f"MAIL FROM:<{SENDER}> SIZE={len(MAIL)}",
        f"RCPT TO:<{RECIPIENT}>",
        "DATA",
    ]


@pytest.mark.parametrize(
    ("verb", "reply", "outcome"),
    [
        ("CONNECT", "554 5.7.1 Your address is blocked", Outcome.RELAY_DOWN),
        ("CONNECT", "450 4.3.2 Not now", Outcome.RELAY_DOWN),
        ("CONNECT", HANG_UP, Outcome.RELAY_DOWN),
        ("CONNECT", "HTTP/1.1 400 Bad Request", Outcome.RELAY_DOWN),
        ("EHLO", HANG_UP, Outcome.RELAY_DOWN),
        ("MAIL", "550 5.1.8 Sender domain unknown", Outcome.RELAY_DOWN),
        ("MAIL", "530 Authentication required", Outcome.RELAY_DOWN),
        ("MAIL", "451 4.3.0 Try later", Outcome.DEFERRED),
        ("MAIL", "421 4.3.2 Closing", Outcome.RELAY_DOWN),
        ("MAIL", "552 5.3.4 Too big", Outcome.FAILED),
        ("MAIL", HANG_UP, Outcome.RELAY_DOWN),
        ("RCPT", "550 5.1.1 No such user", Outcome.FAILED),
        ("RCPT", "550 No such user", Outcome.FAILED),
        ("RCPT", "550 5.7.1 Relaying denied", Outcome.RELAY_DOWN),
        ("RCPT", "554 5.7.1 Access denied: spam list", Outcome.RELAY_DOWN),
        ("RCPT", "503 Bad sequence", Outcome.RELAY_DOWN),
        ("RCPT", "450 4.2.1 Greylisted", Outcome.DEFERRED),
        ("RCPT", HANG_UP, Outcome.RELAY_DOWN),
        ("DATA", "451 4.3.0 Try later", Outcome.DEFERRED),
        ("DATA", "554 5.5.1 No valid recipients", Outcome.RELAY_DOWN),
        ("DATA", "250 what?", Outcome.RELAY_DOWN),
        ("DATA", HANG_UP, Outcome.RELAY_DOWN),
        (".", "554 5.6.0 Broken MIME", Outcome.FAILED),
        (".", "554 5.7.1 Message looks like spam", Outcome.FAILED),
        (".", "554 5.7.1 Service denied", Outcome.RELAY_DOWN),
        (".", "550 5.2.2 Mailbox full", Outcome.FAILED),
        (".", "554 Transaction failed", Outcome.FAILED),
        (".", "452 4.3.1 Disk full", Outcome.DEFERRED),
        (".", "421 4.3.2 Closing", Outcome.RELAY_DOWN),
        (".", HANG_UP, Outcome.UNCLEAR),
        (".", "what?", Outcome.UNCLEAR),
        (".", "354 again?", Outcome.UNCLEAR),
    ],
)
async def test_how_a_mail_ends(office: Office, verb: str, reply: str, outcome: Outcome) -> None:
    relay, peer = await office.has(**{verb: reply})
    answer = await relay.send(SENDER, RECIPIENT, MAIL)
    assert answer.outcome is outcome
    if reply[:3].isdigit():
        assert answer.code == int(reply[:3])
        assert str(answer) == reply
    assert peer.connections == 1
    assert len(peer.mails) == (verb == ".")


@pytest.mark.parametrize(
    ("verb", "outcome"),
    [
        ("CONNECT", Outcome.RELAY_DOWN),
        ("EHLO", Outcome.RELAY_DOWN),
        ("MAIL", Outcome.RELAY_DOWN),
        ("RCPT", Outcome.RELAY_DOWN),
        (".", Outcome.UNCLEAR),
    ],
)
async def test_a_relay_that_says_nothing(office: Office, verb: str, outcome: Outcome) -> None:
    _, peer = await office.has(**{verb: SAY_NOTHING})
    relay = office.reaches(f"smtp://127.0.0.1:{peer.port}", timeout=0.1)
    answer = await relay.send(SENDER, RECIPIENT, MAIL)
    assert (answer.outcome, answer.code) == (outcome, 0)
    assert answer.text == f"127.0.0.1:{peer.port}: no answer within 0.1 seconds"
    await until(lambda: not peer.open)


async def test_a_relay_that_is_not_there(office: Office) -> None:
    _, peer = await office.has()
    await peer.stop()
    relay = office.reaches(f"smtp://user:secret@127.0.0.1:{peer.port}")
    answer = await relay.send(SENDER, RECIPIENT, MAIL)
    assert (answer.outcome, answer.code) == (Outcome.RELAY_DOWN, 0)
    assert "secret" not in answer.text + repr(relay) + repr(answer)
    assert (await office.reaches("smtp://no..host:25").send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.RELAY_DOWN


async def test_an_old_relay_is_greeted_with_helo(office: Office) -> None:
    relay, peer = await office.has(EHLO="502 What?", HELO="250 relay.example.org")
    assert (await relay.send("", RECIPIENT, MAIL)).outcome is Outcome.SENT
    assert peer.heard[1:3] == ["HELO gw.example.org", "MAIL FROM:<>"]


def test_many_lines_are_one_text() -> None:
    answer = judge(Stage.RCPT, 550, "5.1.1 The account\n5.1.1 does not exist.\udce9")
    assert answer == Answer(Outcome.FAILED, 550, "5.1.1", "5.1.1 The account 5.1.1 does not exist.?", dead=True)
    assert judge(Stage.RCPT, 550, "4.1.1 contradicts itself").enhanced == ""
    assert len(judge(Stage.RCPT, 550, "x" * 10_000).text) == 500


# Kept connections


async def test_a_connection_is_kept(office: Office) -> None:
    relay, peer = await office.has()
    for _ in range(3):
        assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    assert peer.connections == 1
    assert peer.verbs() == ["EHLO", *["MAIL", "RCPT", "DATA"] * 3]
    await relay.close()
    assert peer.verbs()[-1] == "QUIT"


async def test_a_refused_mail_does_not_leave_its_envelope_behind(office: Office) -> None:
    relay, peer = await office.has(RCPT=["550 5.1.1 No such user", "250 2.1.5 Ok"])
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.FAILED
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    assert peer.connections == 1
    assert peer.verbs() == ["EHLO", "MAIL", "RCPT", "RSET", "MAIL", "RCPT", "DATA"]


async def test_a_connection_that_died_meanwhile_is_replaced(office: Office) -> None:
    relay, peer = await office.has()
    await relay.send(SENDER, RECIPIENT, MAIL)
    peer.hangs_up()
    await until(lambda: not peer.open)
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    assert peer.connections == 2


@pytest.mark.parametrize("reply", [HANG_UP, "421 4.4.2 Idle for too long"])
async def test_a_connection_that_dies_at_mail_is_replaced_once(office: Office, reply: str) -> None:
    relay, peer = await office.has(MAIL=["250 2.1.0 Ok", reply, "250 2.1.0 Ok"])
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    assert peer.connections == 2
    peer.script["MAIL"] = reply
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.RELAY_DOWN
    assert peer.connections == 3
    assert len(peer.mails) == 2


async def test_an_unclear_end_is_not_repeated(office: Office) -> None:
    relay, peer = await office.has(**{".": ["250 2.0.0 Ok", HANG_UP, "250 2.0.0 Ok"]})
    await relay.send(SENDER, RECIPIENT, MAIL)
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.UNCLEAR
    assert len(peer.mails) == 2
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT


async def test_no_more_connections_than_allowed(office: Office) -> None:
    _, peer = await office.has()
    relay = office.reaches(f"smtp://127.0.0.1:{peer.port}", connections=2)
    answers = await asyncio.gather(*(relay.send(SENDER, RECIPIENT, MAIL) for _ in range(20)))
    assert {answer.outcome for answer in answers} == {Outcome.SENT}
    assert peer.connections == 2
    assert len(peer.mails) == 20


async def test_an_idle_connection_is_ended_politely(office: Office) -> None:
    _, peer = await office.has()
    relay = office.reaches(f"smtp://127.0.0.1:{peer.port}", max_idle=0.05)
    await relay.send(SENDER, RECIPIENT, MAIL)
    await until(lambda: not peer.open)
    assert peer.verbs()[-1] == "QUIT"
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    assert peer.connections == 2


async def test_a_cancelled_send_leaves_no_half_dialogue(office: Office) -> None:
    relay, peer = await office.has(RCPT=[SAY_NOTHING, "250 2.1.5 Ok"])
    sending = asyncio.ensure_future(relay.send(SENDER, RECIPIENT, MAIL))
    await until(lambda: "RCPT" in peer.verbs())
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    assert peer.connections == 2


# What is handed over


@pytest.mark.parametrize(
    ("data", "on_the_wire"),
    [
        (b".a\r\n..b\r\n.\r\nc", b"..a\r\n...b\r\n..\r\nc\r\n.\r\n"),
        (b"a\n.\nb\rc\r\n", b"a\r\n..\r\nb\r\nc\r\n.\r\n"),
        (b"\r\n", b"\r\n.\r\n"),
    ],
)
async def test_no_line_of_a_mail_ends_it(office: Office, data: bytes, on_the_wire: bytes) -> None:
    relay, peer = await office.has()
    assert (await relay.send(SENDER, RECIPIENT, data)).outcome is Outcome.SENT
    assert peer.mails == [on_the_wire]


async def test_a_mail_that_is_too_large_is_not_begun(office: Office) -> None:
    relay, peer = await office.has()
    answer = await relay.send(SENDER, RECIPIENT, b"x" * 1_000_000)
    assert (answer.outcome, answer.enhanced) == (Outcome.FAILED, "5.3.4")
    assert peer.verbs() == ["EHLO"]
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    assert peer.connections == 1


async def test_eight_bits_are_declared(office: Office) -> None:
    relay, peer = await office.has()
    await relay.send(SENDER, RECIPIENT, "Grüße\r\n".encode())
    assert peer.heard[1].endswith(" SIZE=9 BODY=8BITMIME")


async def test_addresses_outside_ascii(office: Office) -> None:
    relay, peer = await office.has()
    answer = await relay.send(SENDER, "jürgen@example.org", MAIL)
    assert (answer.outcome, answer.enhanced) == (Outcome.FAILED, "5.6.7")
    assert peer.verbs() == ["EHLO"]
    relay, peer = await office.has(EHLO="250-relay.example.org\r\n250 SMTPUTF8")
    assert (await relay.send(SENDER, "jürgen@example.org", MAIL)).outcome is Outcome.SENT
    assert peer.heard[1:3] == [f"MAIL FROM:<{SENDER}> SMTPUTF8", "RCPT TO:<jürgen@example.org>"]


@pytest.mark.parametrize(
    "recipient",
    [
        "",
        "anna",
        "a@b@c",
        "a b@example.org",
        "a@example.org>\r\nRCPT TO:<b@example.org",
        "<a@example.org>",
        "a\0@b.org",
    ],
)
async def test_what_is_no_address_is_never_said(office: Office, recipient: str) -> None:
    relay, peer = await office.has()
    answer = await relay.send(SENDER, recipient, MAIL)
    assert (answer.outcome, answer.enhanced) == (Outcome.FAILED, "5.1.3")
    assert peer.connections == 0


# Signing in, TLS, the url


async def test_signing_in(office: Office) -> None:
    ehlo = "250-relay.example.org\r\n250 AUTH PLAIN"
    _, peer = await office.has(EHLO=ehlo, AUTH=["235 2.7.0 Welcome", "535 5.7.8 Wrong password"])
    relay = office.reaches(f"smtp://us%40er:p%2Fw@127.0.0.1:{peer.port}")
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    assert peer.heard[1] == "AUTH PLAIN AHVzQGVyAHAvdw=="
    answer = await relay.probe()
    assert (answer.outcome, answer.code, answer.enhanced) == (Outcome.RELAY_DOWN, 535, "5.7.8")
    assert answer.text.startswith("5.7.8 Wrong password (the relay does not let us in: see the user name")


async def test_a_relay_that_does_not_let_us_sign_in(office: Office) -> None:
    _, peer = await office.has()
    answer = await office.reaches(f"smtp://user:secret@127.0.0.1:{peer.port}").probe()
    assert answer.outcome is Outcome.RELAY_DOWN
    assert "AUTH" in answer.text


async def test_probing_sends_nothing(office: Office) -> None:
    relay, peer = await office.has()
    assert (await relay.probe()).outcome is Outcome.SENT
    assert peer.verbs() == ["EHLO", "QUIT"]


@pytest.mark.parametrize("url", ["http://relay.example.org", "smtp://", "smtp://relay.example.org?starttls=maybe"])
def test_urls_that_cannot_be_used(url: str) -> None:
    with pytest.raises(Invalid):
        Relay(url, local_hostname="gw.example.org")


class Sink:
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


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with key and certificate for localhost."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    options = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    options += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(["openssl", "req", *options, *files], check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return both


@pytest.fixture
async def sink(certificate: Path, office: Office) -> tuple[Sink, int]:
    """A real SMTP server that offers STARTTLS, and its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    door = Sink()
    smtp = SmtpServer(door, SmtpSection(), hostname="relay.example.org", tls=context)
    office.stack.push_async_callback(smtp.stop, 0)
    return door, await smtp.start("127.0.0.1", 0)


async def test_encryption_is_taken_when_offered(office: Office, sink: tuple[Sink, int]) -> None:
    door, port = sink
    relay = office.reaches(f"smtp://localhost:{port}")
    for number in range(3):
        answer = await relay.send("", RECIPIENT, MAIL * (number * 10_000 + 1))
        assert str(answer) == "250 2.0.0 thanks"
    assert [len(envelope.data) for envelope in door.kept] == [len(MAIL) * size for size in (1, 10_001, 20_001)]
    assert relay._idle[0].tls


async def test_required_encryption_checks_the_certificate(
    office: Office, sink: tuple[Sink, int], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"smtp://localhost:{sink[1]}?starttls=require"
    answer = await office.reaches(url).send(SENDER, RECIPIENT, MAIL)
    assert answer.outcome is Outcome.RELAY_DOWN
    assert "certificate" in answer.text
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert (await office.reaches(url).send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    assert (await office.reaches(url).probe()).outcome is Outcome.SENT


async def test_required_encryption_that_is_not_offered(office: Office) -> None:
    _, peer = await office.has()
    answer = await office.reaches(f"smtp://127.0.0.1:{peer.port}?starttls=require").send(SENDER, RECIPIENT, MAIL)
    assert answer.outcome is Outcome.RELAY_DOWN
    assert peer.verbs() == ["EHLO"]


async def test_tls_from_the_first_byte(office: Office, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    peer = ScriptedRelay()
    server = await asyncio.start_server(peer._serve, "127.0.0.1", 0, ssl=context)
    office.stack.callback(server.close)
    port = server.sockets[0].getsockname()[1]
    assert (
        await office.reaches(f"smtps://localhost:{port}").send(SENDER, RECIPIENT, MAIL)
    ).outcome is Outcome.RELAY_DOWN
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert (await office.reaches(f"smtps://localhost:{port}").send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT

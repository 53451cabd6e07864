"""Relays that break the rules: nothing hangs, nothing grows, and no mail is thought sent that was not."""

import asyncio
import resource

import pytest

from gateway.outbound.answers import Outcome
from gateway.outbound.wire import MAX_REPLY
from tests.relays import HANG_UP, PIPELINING, SAY_NOTHING, Endless, Office, Script, until

pytestmark = pytest.mark.anyio

MAIL = b"Subject: Your case\r\n\r\nHello\r\n"
LARGE = b"A line of a large mail\r\n" * 1_000_000
SENDER, RECIPIENT = "bounce+x@cases.example.org", "anna@example.org"
VERBS = ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."]


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


def memory() -> int:
    """Bytes at the peak of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"2" * 1000, "line without end"),
        (b"250-still more\r\n", "reply without end"),
        (b"250 ok\r\n", ""),
        (b"\r\n", "no SMTP"),
        (b"\xff\0\x1b[2J\r\n", "no SMTP"),
    ],
    ids=["a line", "a reply", "replies", "empty lines", "garbage"],
)
async def test_what_has_no_end(office: Office, verb: str, text: bytes, told: str) -> None:
    relay, peer = await office.has(**{verb: Endless(text)})
    before = memory()
    answer = await relay.send(SENDER, RECIPIENT, MAIL)
    expected = {Outcome.UNCLEAR} if verb == "." else {Outcome.RELAY_DOWN}
    # A reply in the right form is believed, whatever comes after it.
    assert answer.outcome in (expected if told else expected | {Outcome.SENT})
    assert answer.outcome is not Outcome.SENT or peer.mails
    if told:
        assert told in answer.text or "more than anybody asked for" in answer.text
    assert memory() - before < 10 * MAX_REPLY + 20_000_000
    await until(lambda: not peer.open)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("offers", ["250 relay.example.org", PIPELINING], ids=["one by one", "pipelined"])
async def test_it_closes_at_every_command(office: Office, verb: str, offers: str) -> None:
    script: dict[str, Script] = {"EHLO": offers, verb: HANG_UP}
    relay, peer = await office.has(**script)
    for tries in (1, 2, 3):
        answer = await relay.send(SENDER, RECIPIENT, MAIL)
        assert answer.outcome is (Outcome.UNCLEAR if verb == "." else Outcome.RELAY_DOWN)
        assert answer.text.startswith(f"127.0.0.1:{peer.port}: ")
        assert peer.connections == tries
    assert len(peer.mails) == (3 if verb == "." else 0)


@pytest.mark.parametrize("verb", VERBS)
async def test_it_hangs(office: Office, verb: str) -> None:
    _, peer = await office.has(**{verb: SAY_NOTHING})
    relay = office.reaches(f"smtp://127.0.0.1:{peer.port}", timeout=0.2)
    answer = await relay.send(SENDER, RECIPIENT, MAIL)
    assert answer.outcome is (Outcome.UNCLEAR if verb == "." else Outcome.RELAY_DOWN)
    assert answer.text == f"127.0.0.1:{peer.port}: no answer within 0.2 seconds"
    await until(lambda: not peer.open)


async def test_it_never_accepts_the_connection(office: Office) -> None:
    """Its queue of connections is full: connecting itself hangs."""
    import socket

    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        waiting = [await asyncio.open_connection("127.0.0.1", port)]
        relay = office.reaches(f"smtp://127.0.0.1:{port}", timeout=0.2)
        answers = await asyncio.gather(*(relay.send(SENDER, RECIPIENT, MAIL) for _ in range(8)))
        for _, writer in waiting:
            writer.close()
    assert {answer.outcome for answer in answers} == {Outcome.RELAY_DOWN}


@pytest.mark.parametrize("end", ["hangs", "closes", "refuses and closes", "takes and closes"])
async def test_a_large_mail_that_it_stops_reading(office: Office, end: str) -> None:
    """It cannot have the end of the mail, so that nothing is unclear: this mail comes later, or never if it says so."""
    heard = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in ("220 hello", "250 relay.example.org", "250 ok", "250 ok", "354 go"):
            writer.write(reply.encode() + b"\r\n")
            await reader.readline()
        if end == "hangs":
            await heard.wait()
        elif end != "closes":
            writer.write(b"552 5.3.4 Too large\r\n" if end == "refuses and closes" else b"250 2.0.0 Taken\r\n")
            await writer.drain()
            await reader.read(1000)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1000)
    office.stack.callback(server.close)
    relay = office.reaches(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}", timeout=1)
    answer = await relay.send(SENDER, RECIPIENT, LARGE)
    heard.set()
    # The end of a connection may come before what was said just before it.
    expected = {Outcome.DEFERRED, Outcome.FAILED} if end == "refuses and closes" else {Outcome.DEFERRED}
    assert answer.outcome in expected
    if answer.outcome is Outcome.DEFERRED:
        assert answer.text.endswith(", in the middle of the mail")


async def test_it_says_yes_twice(office: Office) -> None:
    """The second one would be taken for the answer to the next command."""
    relay, peer = await office.has(EHLO=PIPELINING, **{".": "250 2.0.0 Ok\r\n250 2.0.0 Ok"})
    peer.script["RCPT"] = ["250 Ok", "550 5.1.1 No such user"]
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    answer = await relay.send(SENDER, RECIPIENT, MAIL)
    assert (answer.outcome, answer.dead) == (Outcome.FAILED, True)
    assert peer.connections == 2


async def test_it_says_something_while_nobody_asks(office: Office) -> None:
    relay, peer = await office.has()
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    [kept] = relay._idle
    peer.says("250 2.0.0 And another thing")
    await until(lambda: not kept.is_usable)
    peer.script["RCPT"] = "550 5.1.1 No such user"
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.FAILED
    assert peer.connections == 2


async def test_it_says_yes_before_it_has_heard_the_mail(office: Office) -> None:
    relay, peer = await office.has(DATA="354 Go ahead\r\n250 2.0.0 Taken")
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is not Outcome.SENT
    await until(lambda: not peer.open)
    assert peer.mails == []


async def test_it_closes_a_kept_session_before_the_mail(office: Office) -> None:
    relay, peer = await office.has(DATA=["354 Go ahead", "354 Go ahead\r\n421 4.3.2 Closing", "354 Go ahead"])
    assert [(await relay.send(SENDER, RECIPIENT, MAIL)).outcome for _ in range(2)] == [Outcome.SENT] * 2
    assert (peer.connections, len(peer.mails)) == (2, 2)


async def test_it_waits_for_the_mail_at_mail(office: Office) -> None:
    relay, peer = await office.has(MAIL="354 Go ahead")
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.RELAY_DOWN
    assert peer.mails == []


async def test_it_speaks_slowly(office: Office) -> None:
    """Byte by byte, and with all its lines in the end."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in ("220-hello\r\n220 you", "250-relay\r\n250 SIZE", "250", "250 ok", "354 ", "250 2.0.0\tOk"):
            for byte in reply.encode() + b"\r\n":
                writer.write(bytes((byte,)))
                await writer.drain()
                await asyncio.sleep(0)
            while (line := await reader.readline()) not in (b".\r\n", b"") and reply.startswith("354"):
                pass
            if not line:
                break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    office.stack.callback(server.close)
    relay = office.reaches(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    answer = await relay.send(SENDER, RECIPIENT, MAIL)
    assert (answer.outcome, answer.enhanced) == (Outcome.SENT, "2.0.0")


async def test_an_answer_that_comes_too_late_is_nobodys(office: Office) -> None:
    """The connection on which it was waited for is gone, so that it cannot be taken for another answer."""
    _, peer = await office.has(RCPT=[SAY_NOTHING, "550 5.1.1 No such user", "250 Ok"])
    relay = office.reaches(f"smtp://127.0.0.1:{peer.port}", timeout=0.2)
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.RELAY_DOWN
    peer.says("250 2.1.5 Ok")
    outcomes = [(await relay.send(SENDER, RECIPIENT, MAIL)).outcome for _ in range(2)]
    assert outcomes == [Outcome.FAILED, Outcome.SENT]
    assert len(peer.mails) == 1

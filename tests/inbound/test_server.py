"""The SMTP door through real sockets; where the cut between two blocks matters, through a wire of ours."""

import asyncio
import contextlib
import smtplib
import ssl
from collections.abc import Iterator

import pytest

from gateway.config import SmtpSection
from gateway.errors import CasegateError, Later, Overloaded, Refused, StorageFull
from gateway.inbound.admit import Mailbox, Recipient
from gateway.inbound.data import LINE_BYTES
from gateway.inbound.keep import Envelope
from gateway.inbound.occupancy import Guest, Occupancy
from gateway.inbound.replies import ANSWERS
from gateway.inbound.session import Session
from tests.inbound.doorway import MAIL, Doorway, OpenDoor, Wire, until, wired

pytestmark = pytest.mark.anyio

# The dialogue


async def test_a_mail_is_kept_as_it_came(doorway: Doorway) -> None:
    await doorway.opens()
    client = await doorway.greets()
    assert await client.sends_mail() == "250 2.0.0 kept as 1"
    recipient = Recipient("reply+x@cases.example.org", Mailbox.FROM)
    assert doorway.door.kept == [Envelope("anna@example.org", (recipient,), MAIL, "127.0.0.1", "client.example.org")]


async def test_smtplib_is_content(doorway: Doorway) -> None:
    await doorway.opens()

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", doorway.port, timeout=20) as smtp:
            for _ in range(3):
                smtp.sendmail("Jürgen@example.org", ["a@cases.example.org", "b@cases.example.org"], MAIL, ["SMTPUTF8"])

    await asyncio.to_thread(send)
    assert [len(envelope.recipients) for envelope in doorway.door.kept] == [2, 2, 2]
    assert doorway.door.kept[0].mail_from == "Jürgen@example.org"


async def test_the_null_sender_is_empty(doorway: Doorway) -> None:
    await doorway.opens()
    client = await doorway.greets()
    for command in ("MAIL FROM:<>", "MAIL FROM: <> SIZE=100 BODY=8BITMIME", "mail from:<> RET=HDRS"):
        assert await client.says(command) == "250 2.1.0 OK"
        await client.says("RCPT TO:<a@cases.example.org>")
        await client.says("DATA")
        assert (await client.says(MAIL + b".")).startswith("250 ")
    assert [envelope.mail_from for envelope in doorway.door.kept] == ["", "", ""]


async def test_what_is_offered(doorway: Doorway) -> None:
    await doorway.opens()
    client = await doorway.connects()
    await client.hears()
    offers = {line[4:] for line in (await client.says("EHLO client.example.org")).splitlines()[1:]}
    assert offers == {"SIZE 26214400", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES"}
    assert await client.says("HELO client.example.org") == "250 mx.cases.example.org"


async def test_a_pipelined_group_is_answered_in_order(doorway: Doorway) -> None:
    await doorway.opens()
    client = await doorway.greets()
    client.writer.write(
        b"MAIL FROM:<anna@example.org> SIZE=99\r\nRCPT TO:<nobody@cases.example.org>\r\n"
        b"RCPT TO:<a@elsewhere.example>\r\nRCPT TO:<a@cases.example.org>\r\nDATA\r\n"
    )
    codes = [(await client.hears())[:9] for _ in range(5)]
    assert codes == ["250 2.1.0", "550 5.1.1", "550 5.7.1", "250 2.1.5", "354 End t"]
    client.writer.write(MAIL + b".\r\nMAIL FROM:<>\r\nRSET\r\nQUIT\r\n")
    codes = [(await client.hears())[:9] for _ in range(4)]
    assert codes == ["250 2.0.0", "250 2.1.0", "250 2.0.0", "221 2.0.0"]
    assert await client.is_at_the_end()


async def test_commands_out_of_order_and_the_small_ones(doorway: Doorway) -> None:
    await doorway.opens()
    client = await doorway.connects()
    await client.hears()
    dialogue: list[tuple[str | bytes, str]] = [
        ("MAIL FROM:<a@example.org>", "503 5.5.1"),
        ("EHLO", "501 5.5.4"),
        (b"EHLO a\0b", "501 5.5.4"),
        ("ehlo [192.0.2.1]", "250-mx.ca"),
        ("RCPT TO:<a@cases.example.org>", "503 5.5.1"),
        ("DATA", "503 5.5.1"),
        ("MAIL FROM:<a@example.org>", "250 2.1.0"),
        ("MAIL FROM:<a@example.org>", "503 5.5.1"),
        ("DATA", "554 5.5.1"),
        ("RCPT TO:<a@cases.example.org>", "250 2.1.5"),
        ("DATA now", "501 5.5.4"),
        ("NOOP whatever", "250 2.0.0"),
        ("RSET", "250 2.0.0"),
        ("DATA", "503 5.5.1"),
        ("HELP", "214 2.0.0"),
        ("STARTTLS", "503 5.5.1"),
        ("AUTH PLAIN AGEAYg==", "500 5.5.1"),
        ("EXPN staff", "500 5.5.1"),
        ("", "500 5.5.1"),
        ("QUIT", "221 2.0.0"),
    ]
    for command, answer in dialogue:
        assert (await client.says(command))[:9] == answer, command


async def test_vrfy_tells_nothing(doorway: Doorway) -> None:
    await doorway.opens()
    client = await doorway.greets()
    assert await client.says("VRFY a@cases.example.org") == await client.says("VRFY nobody@cases.example.org")


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("RCPT TO:<Postmaster>", "Postmaster"),
        ("rcpt to: <a@cases.example.org>", "a@cases.example.org"),
        ("RCPT TO:a@cases.example.org", "a@cases.example.org"),
        ('RCPT TO:<"a b"@cases.example.org>', '"a b"@cases.example.org'),
        ("RCPT TO:<@relay.example,@other.example:a@cases.example.org>", "a@cases.example.org"),
        ("RCPT TO:<jürgen@cases.example.org>", "jürgen@cases.example.org"),
        ("RCPT TO:<a@cases.example.org> NOTIFY=NEVER ORCPT=rfc822;a@cases.example.org XWHAT", "a@cases.example.org"),
    ],
)
async def test_unusual_recipients(doorway: Doorway, line: str, address: str) -> None:
    await doorway.opens()
    client = await doorway.greets()
    await client.says("MAIL FROM:<>")
    assert await client.says(line) == "250 2.1.5 OK"
    await client.says("DATA")
    await client.says(".")
    assert doorway.door.kept[0].recipients[0].address == address


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"RCPT", "501 5.5.4"),
        (b"RCPT a@cases.example.org", "501 5.5.4"),
        (b"RCPT TO:", "501 5.5.4"),
        (b"RCPT TO:<>", "553 5.1.3"),
        (b"RCPT TO:<a\0@cases.example.org>", "501 5.5.4"),
        (b"RCPT TO:<a\r@cases.example.org>", "501 5.5.4"),
        (b"RCPT TO:<\xff\xfe@cases.example.org>", "553 5.6.7"),
        (b"RCPT TO:<" + b"(" * 300 + b">", "553 5.1.3"),
        (b"RCPT TO:<" + b"a" * 400 + b"@cases.example.org>", "553 5.1.3"),
        (b"RCPT TO:<a@cases.example.org", "501 5.5.4"),
    ],
)
async def test_broken_recipients(doorway: Doorway, line: bytes, answer: str) -> None:
    await doorway.opens()
    client = await doorway.greets()
    await client.says("MAIL FROM:<>")
    assert (await client.says(line))[:9] == answer
    assert await client.says("NOOP") == "250 2.0.0 OK"


@pytest.mark.parametrize(
    ("parameters", "answer"),
    [
        ("SIZE=1000", "250 2.1.0"),
        ("SIZE=1000 BODY=8BITMIME SMTPUTF8", "250 2.1.0"),
        ("body=7bit", "250 2.1.0"),
        ("AUTH=<> XOORIG=1 ENVID=QQ314159 RET=HDRS XSHADOW=3bd1-4d6c", "250 2.1.0"),  # aio-libs/aiosmtpd#299
        ("SIZE=many", "501 5.5.4"),
        ("SIZE=", "501 5.5.4"),
        ("SIZE=²", "501 5.5.4"),
        ("BODY=BINARYMIME", "501 5.5.4"),
        ("SMTPUTF8=yes", "501 5.5.4"),
        ("SIZE=26214401", "552 5.3.4"),
        ("SIZE=99999999999999999999", "552 5.3.4"),
    ],
)
async def test_parameters_of_mail(doorway: Doorway, parameters: str, answer: str) -> None:
    await doorway.opens()
    client = await doorway.greets()
    assert (await client.says(f"MAIL FROM:<a@example.org> {parameters}"))[:9] == answer


async def test_a_long_command_costs_one_answer(doorway: Doorway) -> None:
    await doorway.opens()
    client = await doorway.greets()
    assert (await client.says(b"NOOP " + b"x" * 300_000)).startswith("500 5.5.2 ")
    assert await client.says("NOOP " + "x" * 2_000) == "250 2.0.0 OK"


# Data


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"", b""),
        (b"\r\n", b"\r\n"),
        (b"..\r\n", b".\r\n"),
        (b".a\r\n..b\r\n...c\r\n", b"a\r\n.b\r\n..c\r\n"),
        (b"a.\r\n..\r\n\r\n.. .\r\n", b"a.\r\n.\r\n\r\n. .\r\n"),
        (b"NUL \0 latin \xe9 utf \xc3\xa9 \xff\r\n", b"NUL \0 latin \xe9 utf \xc3\xa9 \xff\r\n"),
        (b"bare\nline\rends\n\r\n", b"bare\nline\rends\n\r\n"),
    ],
)
async def test_the_bytes_are_kept_as_they_are(doorway: Doorway, sent: bytes, kept: bytes) -> None:
    await doorway.opens()
    client = await doorway.greets()
    assert await client.sends_mail(sent) == "250 2.0.0 kept as 1"
    assert doorway.door.kept[0].data == kept


@pytest.mark.parametrize(
    "end",
    [
        b"\n.\n",
        b"\r.\r",
        b"\n.\r\n",
        b"\r.\r\n",
        b"\r\n.\n",
        b"\r\n.\r",
        b"\n.\r",
        b"\r\n.\0\r\n",
        b"\r\n\0.\r\n",
        b"\r\n. \r\n",
    ],
)
async def test_only_one_sequence_ends_a_mail(doorway: Doorway, end: bytes) -> None:
    smuggled = (
        b"MAIL FROM:<boss@example.org>\r\nRCPT TO:<a@cases.example.org>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n"
    )
    await doorway.opens()
    client = await doorway.greets()
    sent = b"Subject: x\r\n\r\ntext" + end + smuggled
    assert await client.sends_mail(sent) == "250 2.0.0 kept as 1"
    assert await client.says("NOOP") == "250 2.0.0 OK"
    assert [envelope.data for envelope in doorway.door.kept] == [sent.replace(b"\r\n.", b"\r\n")]


async def test_a_mail_that_says_that_it_is_too_large(doorway: Doorway) -> None:
    await doorway.opens(max_size=100_000)
    client = await doorway.greets()
    assert (await client.says("MAIL FROM:<a@example.org> SIZE=100001")).startswith("552 5.3.4 ")
    assert (await client.says("RCPT TO:<a@cases.example.org>")).startswith("503 ")
    assert (await client.sends_mail()).startswith("250 ")


@pytest.mark.parametrize("size", [100_001, 400_000, 3_000_000])
async def test_a_mail_that_is_too_large_costs_one_answer(doorway: Doorway, size: int) -> None:
    await doorway.opens(max_size=100_000)
    client = await doorway.greets()
    mail = (b"x" * 78 + b"\r\n") * (size // 80) + b"y" * (size % 80 - 2) + b"\r\n"
    assert (await client.sends_mail(mail)).startswith("552 5.3.4 ")
    assert await client.says("NOOP") == "250 2.0.0 OK"
    assert (await client.sends_mail()).startswith("250 ")
    assert [envelope.data for envelope in doorway.door.kept] == [MAIL]


async def test_dots_do_not_count_into_the_size(doorway: Doorway) -> None:
    await doorway.opens(max_size=100_000)
    client = await doorway.greets()
    assert (await client.sends_mail(b"..xx\r\n" * 20_000)).startswith("250 ")
    assert len(doorway.door.kept[0].data) == 100_000


async def test_long_lines(doorway: Doorway) -> None:
    await doorway.opens()
    client = await doorway.greets()
    longest = b"x" * (LINE_BYTES - 2) + b"\r\n"
    assert (await client.sends_mail(b"a: b\r\n\r\n" + longest * 3)).startswith("250 ")
    assert (await client.sends_mail(b"a: b\r\n\r\n" + longest * 3 + b"x" + longest)).startswith("554 5.6.0 ")
    assert await client.says("NOOP") == "250 2.0.0 OK"


async def test_blocks_may_end_anywhere() -> None:
    stream = (
        b"EHLO me\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<a@cases.example.org>\r\nDATA\r\n"
        b"..one\r\ntwo\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<a@cases.example.org>\r\nDATA\r\n.\r\nQUIT\r\n"
    )
    for cut in range(len(stream) + 1):
        async with wired() as (session, wire, door):
            session.data_received(stream[:cut])
            session.data_received(stream[cut:])
            await until(lambda: b"221 " in wire.written)
            assert [envelope.data for envelope in door.kept] == [b".one\r\ntwo\r\n", b""]
            assert wire.codes().count(b"250") == 7


async def test_single_bytes_of_a_mail_that_is_too_large() -> None:
    async with wired(max_size=10) as (session, wire, door):
        session.data_received(b"HELO me\r\nMAIL FROM:<>\r\nRCPT TO:<a@cases.example.org>\r\nDATA\r\n" + b"x" * 70_000)
        for byte in b"\r\n.\r.\r\n.\n\r\n.\r\nNOOP\r\n":
            session.data_received(bytes([byte]))
        assert wire.codes()[-2:] == [b"552", b"250"]
        assert not door.kept


async def test_a_client_that_does_not_take_answers_gets_no_more() -> None:
    async with wired() as (session, wire, _):
        session.pause_writing()
        session.data_received(b"NOOP\r\nNOOP\r\n")
        assert b"2.0.0 OK" not in wire.written
        session.resume_writing()
        assert wire.written.count(b"2.0.0 OK") == 2


# Errors


def subclasses(kind: type[CasegateError]) -> Iterator[type[CasegateError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from subclasses(child)


def test_every_error_has_an_answer() -> None:
    for kind in subclasses(CasegateError):
        if kind.__module__ == "gateway.errors":
            assert kind in ANSWERS, f"{kind.__name__} has no SMTP answer"
    for kind, (code, enhanced) in ANSWERS.items():
        assert str(code)[0] == enhanced[0]
        assert str(code)[0] == ("5" if issubclass(kind, Refused) else "4")
    assert issubclass(Overloaded, Later)


async def test_errors_are_answered_and_the_session_goes_on(doorway: Doorway) -> None:
    await doorway.opens()
    client = await doorway.greets()
    doorway.door.at_mail = StorageFull("The disk\r\nis full; please try again later")
    assert await client.says("MAIL FROM:<>") == "452 4.3.1 The disk is full; please try again later"
    doorway.door.at_data = Overloaded("Too much at once")
    assert await client.sends_mail() == "450 4.7.1 Too much at once"
    assert await client.sends_mail() == "250 2.0.0 kept as 1"


async def test_an_unexpected_error_is_temporary_and_tells_nothing(doorway: Doorway) -> None:
    await doorway.opens()
    client = await doorway.greets()
    doorway.door.at_data = ZeroDivisionError("a secret")
    answers = [await client.sends_mail()]
    await client.says("MAIL FROM:<>")
    answers.append(await client.says("RCPT TO:<crash@cases.example.org>"))
    assert all(answer.startswith("451 4.3.0 ") and "secret" not in answer for answer in answers)
    assert await client.says("RCPT TO:<a@cases.example.org>") == "250 2.1.5 OK"


# Limits


async def test_too_many_recipients_do_not_harm_the_others(doorway: Doorway) -> None:
    await doorway.opens(max_recipients=2)
    client = await doorway.greets()
    await client.says("MAIL FROM:<>")
    answers = [(await client.says(f"RCPT TO:<r{n}@cases.example.org>"))[:9] for n in range(4)]
    assert answers == ["250 2.1.5", "250 2.1.5", "452 4.5.3", "452 4.5.3"]
    await client.says("DATA")
    await client.says(MAIL + b".")
    assert len(doorway.door.kept[0].recipients) == 2


@pytest.mark.parametrize("limit", ["max_connections", "max_connections_per_client"])
async def test_too_many_connections(doorway: Doorway, limit: str) -> None:
    await doorway.opens(None, **{limit: 2})
    first, second = await doorway.greets(), await doorway.greets()
    third = await doorway.connects()
    assert (await third.hears()).startswith("421 4.7.0 ")
    assert await third.is_at_the_end()
    assert (await first.says("QUIT")).startswith("221 ")
    assert await first.is_at_the_end()
    await doorway.greets()
    assert await second.says("NOOP") == "250 2.0.0 OK"


async def test_commands_without_a_mail_are_counted(doorway: Doorway) -> None:
    await doorway.opens(max_commands=20)
    client = await doorway.greets()
    for _ in range(8):  # three commands each: a mail that was taken starts the count again
        assert (await client.sends_mail()).startswith("250 ")
    for _ in range(20):
        assert await client.says("NOOP") == "250 2.0.0 OK"
    assert (await client.says("NOOP")).startswith("421 4.7.0 ")
    assert await client.is_at_the_end()


async def test_a_client_of_another_protocol_is_sent_away(doorway: Doorway) -> None:
    await doorway.opens()
    client = await doorway.connects()
    await client.hears()
    client.writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nA: b\r\nC: d\r\nE: f\r\n\r\nMAIL FROM:<a@example.org>\r\n")
    answers = [await client.hears() for _ in range(6)]
    assert [answer[:3] for answer in answers] == ["500"] * 5 + ["421"]
    assert await client.is_at_the_end()


async def test_silence_ends_a_session(doorway: Doorway) -> None:
    await doorway.opens(idle_timeout=0.05)
    client = await doorway.connects()
    await client.hears()
    assert (await client.hears()).startswith("421 4.4.2 ")
    assert await client.is_at_the_end()


async def test_keeping_is_no_silence(doorway: Doorway) -> None:
    await doorway.opens(idle_timeout=0.05)
    client = await doorway.greets()
    doorway.door.may_finish.clear()
    await client.begins_mail()
    client.writer.write(MAIL + b".\r\n")
    asyncio.get_running_loop().call_later(0.15, doorway.door.may_finish.set)
    assert await client.hears() == "250 2.0.0 kept as 1"


async def test_a_mail_that_takes_too_long_is_broken_off() -> None:
    async with wired(data_timeout=0.05) as (session, wire, door):
        session.data_received(b"HELO me\r\nMAIL FROM:<>\r\nRCPT TO:<a@cases.example.org>\r\nDATA\r\n")

        def trickles() -> bool:
            session.data_received(b"x\r\n")
            return b"421 4.4.2 " in wire.written

        await until(trickles)
        assert not door.kept
    assert session._occupancy.in_flight == 0


async def test_clients_of_one_ipv6_network_count_as_one() -> None:
    limits = SmtpSection(max_connections_per_client=2)
    occupancy = Occupancy(limits)
    sessions = []
    for address in ("2001:db8::1", "2001:db8::2", "2001:db8:0:0:f::3", "2001:db8:0:1::1", "fe80::1%eth0"):
        session, wire = Session(OpenDoor(), limits, occupancy, hostname="mx.example.org"), Wire(address)
        session.connection_made(wire)
        sessions.append((session, wire.written[:4]))
    assert [code for _, code in sessions] == [b"220 ", b"220 ", b"421 ", b"220 ", b"220 "]
    for session, _ in sessions:
        session.connection_lost(None)
    assert not occupancy._by_network


# Room


def is_rejected(session: Guest) -> bool:
    """Whether a mail comes in that is not looked at any more."""
    return isinstance(session, Session) and session._mail is not None and session._mail.rejection != b""


async def test_mail_that_comes_in_has_a_bound_over_all_sessions(doorway: Doorway) -> None:
    smtp = await doorway.opens(max_in_flight=100_000)
    first, second = await doorway.greets(), await doorway.greets()
    half = MAIL + b"x" * 60_000 + b"\r\n"
    for client in (first, second):
        await client.begins_mail()
    first.writer.write(half)
    await until(lambda: smtp.occupancy.in_flight >= len(half))
    second.writer.write(half)  # who comes over the bound is refused, and the others are not
    await until(lambda: any(is_rejected(session) for session in smtp.occupancy.sessions))
    assert smtp.occupancy.in_flight < len(half) + 100
    assert (await second.says(half + b".")).startswith("452 4.3.1 ")
    assert await first.says(b".") == "250 2.0.0 kept as 1"
    assert await second.sends_mail(half) == "250 2.0.0 kept as 2"
    assert smtp.occupancy.in_flight == 0


def test_there_is_room_for_the_largest_mail() -> None:
    with pytest.raises(ValueError, match="max_in_flight must be at least max_size"):
        SmtpSection(max_size=1_000_000, max_in_flight=999_999)


async def test_no_mail_is_begun_while_there_is_no_room(doorway: Doorway) -> None:
    smtp = await doorway.opens(max_in_flight=10)
    doorway.door.may_finish.clear()
    first, second = await doorway.greets(), await doorway.greets()
    await first.begins_mail()
    first.writer.write(MAIL + b".\r\n")
    await doorway.door.keeping.wait()
    assert smtp.occupancy.in_flight == len(MAIL)
    await second.says("MAIL FROM:<anna@example.org>")
    await second.says("RCPT TO:<a@cases.example.org>")
    assert (await second.says("DATA")).startswith("452 4.3.1 ")
    doorway.door.may_finish.set()
    assert await first.hears() == "250 2.0.0 kept as 1"
    assert (await second.says("DATA")).startswith("354 ")
    assert await second.says(MAIL + b".") == "250 2.0.0 kept as 2"


async def test_who_leaves_makes_room(doorway: Doorway) -> None:
    smtp = await doorway.opens()
    client = await doorway.greets()
    await client.begins_mail()
    client.writer.write(MAIL)
    await until(lambda: smtp.occupancy.in_flight > 0)
    client.writer.transport.abort()
    await until(lambda: not smtp.occupancy.sessions)
    assert smtp.occupancy.in_flight == 0


# Clients that leave, servers that stop


async def test_a_client_that_leaves_after_the_dot_takes_nothing_with_it(doorway: Doorway) -> None:
    smtp = await doorway.opens()
    doorway.door.may_finish.clear()
    leaver, stayer = await doorway.greets(), await doorway.greets()
    await leaver.begins_mail("a@cases.example.org")
    leaver.writer.write(MAIL + b".\r\n")
    await doorway.door.keeping.wait()
    leaver.writer.transport.abort()
    await stayer.begins_mail("b@cases.example.org")
    stayer.writer.write(MAIL + b".\r\n")
    assert len(smtp.occupancy.sessions) == 2
    doorway.door.may_finish.set()
    assert (await stayer.hears()).startswith("250 2.0.0 ")
    kept = {envelope.recipients[0].address for envelope in doorway.door.kept}
    assert kept == {"a@cases.example.org", "b@cases.example.org"}
    await until(lambda: len(smtp.occupancy.sessions) == 1)


async def test_a_client_that_has_said_all_still_hears_the_answer(doorway: Doorway) -> None:
    await doorway.opens()
    doorway.door.may_finish.clear()
    client = await doorway.greets()
    await client.begins_mail()
    client.writer.write(MAIL + b".\r\nNOOP\r\n")
    client.writer.write_eof()
    await doorway.door.keeping.wait()
    doorway.door.may_finish.set()
    assert await client.hears() == "250 2.0.0 kept as 1"
    assert await client.hears() == "250 2.0.0 OK"
    assert await client.is_at_the_end()


async def test_a_client_that_leaves_within_data_leaves_nothing(doorway: Doorway) -> None:
    smtp = await doorway.opens()
    client = await doorway.greets()
    await client.begins_mail()
    client.writer.write(MAIL)
    client.writer.write_eof()
    assert await client.is_at_the_end()
    assert not smtp.occupancy.sessions
    assert not doorway.door.kept


async def test_what_is_said_meanwhile_waits_its_turn(doorway: Doorway) -> None:
    await doorway.opens(max_commands=100_000)
    doorway.door.may_finish.clear()
    client = await doorway.greets()
    await client.begins_mail()
    client.writer.write(MAIL + b".\r\n" + b"NOOP\r\n" * 20_000)
    await doorway.door.keeping.wait()
    doorway.door.may_finish.set()
    assert await client.hears() == "250 2.0.0 kept as 1"
    for _ in range(20_000):
        assert await client.hears() == "250 2.0.0 OK"


async def test_stopping_says_goodbye_and_lets_mails_come_in(doorway: Doorway) -> None:
    smtp = await doorway.opens()
    idle, sending, keeping = await doorway.greets(), await doorway.greets(), await doorway.greets()
    await sending.begins_mail("sending@cases.example.org")
    doorway.door.may_finish.clear()
    await keeping.begins_mail("keeping@cases.example.org")
    keeping.writer.write(MAIL + b".\r\n")
    await doorway.door.keeping.wait()

    stopping = asyncio.ensure_future(smtp.stop(20))
    assert (await idle.hears()).startswith("421 4.3.2 ")
    assert await idle.is_at_the_end()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", doorway.port)
    doorway.door.may_finish.set()
    sending.writer.write(MAIL + b".\r\n")
    for client in (sending, keeping):
        assert (await client.hears()).startswith("250 2.0.0 ")
        assert (await client.hears()).startswith("421 4.3.2 ")
        assert await client.is_at_the_end()
    await stopping


async def test_stopping_waits_no_longer_than_the_grace(doorway: Doorway) -> None:
    smtp = await doorway.opens()
    doorway.door.may_finish.clear()
    sending, keeping = await doorway.greets(), await doorway.greets()
    await sending.begins_mail()
    await keeping.begins_mail()
    keeping.writer.write(MAIL + b".\r\n")
    await doorway.door.keeping.wait()
    await smtp.stop(0.01)
    assert not smtp.occupancy.sessions
    assert await sending.is_at_the_end()
    assert await keeping.is_at_the_end()


# TLS


async def test_a_mail_over_tls(doorway: Doorway, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    await doorway.opens(server_tls)
    client = await doorway.connects()
    await client.hears()
    assert "250-STARTTLS" in await client.says("EHLO client.example.org")
    assert (await client.says("STARTTLS now")).startswith("501 ")
    await client.starts_tls(client_tls)
    assert (await client.says("MAIL FROM:<>")).startswith("503 ")  # RFC 3207 §4.2: all is forgotten
    assert "STARTTLS" not in await client.says("EHLO client.example.org")
    assert (await client.says("STARTTLS")).startswith("503 ")
    for number in (1, 2):
        assert await client.sends_mail(MAIL * 5_000) == f"250 2.0.0 kept as {number}"
    assert doorway.door.kept[0].client == "127.0.0.1"
    assert (await client.says("QUIT")).startswith("221 ")
    assert await client.is_at_the_end()


async def test_what_came_in_the_clear_does_not_count_under_tls(
    doorway: Doorway, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    await doorway.opens(server_tls)
    client = await doorway.greets()
    client.writer.write(b"STARTTLS\r\nEHLO mallory.example.org\r\nMAIL FROM:<mallory@example.org>\r\n")
    assert (await client.hears()).startswith("220 ")
    await client.writer.start_tls(client_tls, server_hostname="localhost")
    assert await client.says("NOOP") == "250 2.0.0 OK"
    assert (await client.says("MAIL FROM:<a@example.org>")).startswith("503 ")


async def test_a_failed_handshake_ends_that_session_only(doorway: Doorway, server_tls: ssl.SSLContext) -> None:
    smtp = await doorway.opens(server_tls)
    client = await doorway.greets()
    assert (await client.says("STARTTLS")).startswith("220 ")
    client.writer.write(b"this is not a client hello\r\n" * 10)
    with contextlib.suppress(ConnectionError):
        await client.reader.read()
    await until(lambda: not smtp.occupancy.sessions)
    assert (await (await doorway.greets()).sends_mail()).startswith("250 ")


async def test_stopping_within_a_handshake(doorway: Doorway, server_tls: ssl.SSLContext) -> None:
    smtp = await doorway.opens(server_tls)
    client = await doorway.greets()
    assert (await client.says("STARTTLS")).startswith("220 ")
    await smtp.stop(0.01)
    assert not smtp.occupancy.sessions
    assert await client.is_at_the_end()


async def test_leaving_within_a_handshake(doorway: Doorway, server_tls: ssl.SSLContext) -> None:
    smtp = await doorway.opens(server_tls)
    client = await doorway.greets()
    assert (await client.says("STARTTLS")).startswith("220 ")
    client.writer.close()
    await until(lambda: not smtp.occupancy.sessions)

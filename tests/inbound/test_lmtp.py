"""LMTP: what differs from SMTP, above all one answer for each recipient."""

import asyncio
import smtplib
import stat
from ipaddress import ip_network
from pathlib import Path

import pytest

from gateway.config import SmtpSection
from gateway.errors import Later
from gateway.inbound.server import SmtpServer
from tests.inbound.doorway import MAIL, Client, Doorway

pytestmark = pytest.mark.anyio

A, B, NOBODY = "a@cases.example.org", "b@cases.example.org", "nobody@cases.example.org"


async def opens_lmtp(doorway: Doorway, **limits: int) -> SmtpServer:
    smtp = await doorway.opens(None, **limits)
    doorway.port = await smtp.start_lmtp("127.0.0.1", 0)
    return smtp


async def greets(doorway: Doorway) -> Client:
    client = await doorway.connects()
    assert await client.hears() == "220 mx.cases.example.org LMTP"
    assert (await client.says("LHLO mta.example.org")).startswith("250-mx.cases.example.org\n")
    return client


async def begins_mail(client: Client, *recipients: str) -> list[str]:
    """Returns the answers to the recipients."""
    assert await client.says("MAIL FROM:<anna@example.org>") == "250 2.1.0 OK"
    answers = [await client.says(f"RCPT TO:<{recipient}>") for recipient in recipients]
    assert (await client.says("DATA")).startswith("354 ")
    return [answer[:9] for answer in answers]


async def test_the_greeting_is_lhlo_and_nothing_else(doorway: Doorway) -> None:
    await opens_lmtp(doorway)
    client = await doorway.connects()
    assert await client.hears() == "220 mx.cases.example.org LMTP"
    assert (await client.says("MAIL FROM:<>")).startswith("503 5.5.1 ")
    assert (await client.says("EHLO mta.example.org")).startswith("500 5.5.1 ")
    assert (await client.says("HELO mta.example.org")).startswith("500 5.5.1 ")
    assert (await client.says("LHLO")).startswith("501 5.5.4 ")
    offers = {line[4:] for line in (await client.says("lhlo mta.example.org")).splitlines()[1:]}
    assert offers == {"SIZE 26214400", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES"}
    assert "LHLO" in await client.says("HELP")


async def test_lhlo_is_not_known_to_smtp(doorway: Doorway) -> None:
    await doorway.opens()
    client = await doorway.greets()
    assert (await client.says("LHLO mta.example.org")).startswith("500 5.5.1 ")


async def test_each_recipient_that_was_taken_has_an_answer(doorway: Doorway) -> None:
    await opens_lmtp(doorway)
    client = await greets(doorway)
    assert await begins_mail(client, A, NOBODY, B, A) == ["250 2.1.5", "550 5.1.1", "250 2.1.5", "250 2.1.5"]
    answers = [
        await client.says(MAIL + b"."),
        await client.hears(),
        await client.hears(),
    ]  # twice for a (RFC 2033 §4.2)
    assert answers == ["250 2.0.0 kept as 1"] * 3
    assert [recipient.address for recipient in doorway.door.kept[0].recipients] == [A, B, A]
    assert doorway.door.kept[0].helo == "mta.example.org"
    assert await client.says("NOOP") == "250 2.0.0 OK"


@pytest.mark.parametrize("number", [1, 2, 50])
async def test_a_refusal_too_is_said_once_for_each(doorway: Doorway, number: int) -> None:
    await opens_lmtp(doorway, max_size=100_000)
    client = await greets(doorway)
    for mail, answer in ((b"x\r\n" * 60_000, "552 5.3.4"), (b"x" * 70_000 + b"\r\n", "554 5.6.0"), (MAIL, "451 4.3.0")):
        doorway.door.at_data = Later("Please try again later")
        await begins_mail(client, *[A] * number)
        answers = [await client.says(mail + b".")] + [await client.hears() for _ in range(number - 1)]
        assert [text[:9] for text in answers] == [answer] * number
        assert await client.says("NOOP") == "250 2.0.0 OK"
    assert not doorway.door.kept


async def test_data_for_nobody_is_out_of_order(doorway: Doorway) -> None:
    await opens_lmtp(doorway)
    client = await greets(doorway)
    await client.says("MAIL FROM:<>")
    assert (await client.says(f"RCPT TO:<{NOBODY}>")).startswith("550 ")
    assert (await client.says("DATA")).startswith("503 5.5.1 ")
    assert await client.says(f"RCPT TO:<{A}>") == "250 2.1.5 OK"
    assert (await client.says("DATA")).startswith("354 ")


async def test_a_pipelined_group_is_answered_in_order(doorway: Doorway) -> None:
    await opens_lmtp(doorway)
    client = await greets(doorway)
    group = f"MAIL FROM:<>\r\nRCPT TO:<{A}>\r\nRCPT TO:<{NOBODY}>\r\nRCPT TO:<{B}>\r\nDATA\r\n".encode()
    client.writer.write(group + MAIL + b".\r\n" + group + MAIL + b".\r\nQUIT\r\n")
    one_mail = ["250", "250", "550", "250", "354", "250", "250"]
    answers = [await client.hears() for _ in range(15)]
    assert [answer[:3] for answer in answers] == [*one_mail, *one_mail, "221"]
    assert answers[6] == "250 2.0.0 kept as 1"
    assert answers[13] == "250 2.0.0 kept as 2"
    assert await client.is_at_the_end()


@pytest.mark.parametrize(
    ("trusted", "client"), [((), ""), (("192.0.2.0/24",), ""), (("192.0.2.0/24", "127.0.0.0/8"), "127.0.0.1")]
)
async def test_a_socket_of_the_file_system_is_a_relay_of_this_machine(
    doorway: Doorway, tmp_path: Path, trusted: tuple[str, ...], client: str
) -> None:
    smtp = await doorway.opens(trusted_relays=tuple(map(ip_network, trusted)))
    path = tmp_path / "lmtp"
    await smtp.start_lmtp_at(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666

    def send() -> None:
        with smtplib.LMTP(str(path)) as lmtp:
            lmtp.sendmail("anna@example.org", [A], MAIL)

    await asyncio.to_thread(send)
    assert [(envelope.client, envelope.data) for envelope in doorway.door.kept] == [(client, MAIL)]
    await smtp.stop(20)
    assert not path.exists()


@pytest.mark.parametrize(
    ("listen", "right"),
    [("", True), ("127.0.0.1:24", True), ("/run/casegate/lmtp", True), ("lmtp", False), ("::1:25", False)],
)
def test_where_it_may_listen(listen: str, right: bool) -> None:
    try:
        assert SmtpSection(lmtp_listen=listen).lmtp_listen == listen
    except ValueError:
        assert not right
    else:
        assert right


async def test_both_protocols_share_the_limits(doorway: Doorway) -> None:
    smtp = await doorway.opens(max_connections=1)
    stayer = await doorway.greets()
    doorway.port = await smtp.start_lmtp("127.0.0.1", 0)
    assert (await (await doorway.connects()).hears()).startswith("421 4.7.0 ")
    assert await stayer.says("NOOP") == "250 2.0.0 OK"

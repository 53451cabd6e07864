"""How much mail one address and one network may bring: the first half of HARDENING rule 19, by the real intake."""

import asyncio
import hashlib
import hmac
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from gateway.cases.model import Key
from gateway.config import SmtpSection
from gateway.errors import RateLimited, UnknownRecipient
from gateway.inbound import limits
from gateway.inbound.admit import Mailbox, Recipient
from gateway.inbound.keep import INLINE_BYTES, Envelope, recipients_from_json
from gateway.inbound.limits import RateLimits
from gateway.inbound.occupancy import counted_as
from gateway.inbound.session import REFUSED_RECIPIENTS
from store import counts
from store.database import sql
from tests.inbound.doorway import MAIL, Client, Doorway, until, wired
from tests.inbound.house import House, bounce_address, reply_address
from tests.sink import Sink
from tests.world import TOM, Clock, World

pytestmark = pytest.mark.anyio

A, B = bytes(range(16)), bytes(range(16, 32))
CLIENT, NETWORK = "198.51.100.7", "198.51.100.7"
LARGE = b"x" * (INLINE_BYTES + 1)
LOOPBACK = (ip_network("127.0.0.0/8"),)


def to(*handles: bytes, data: bytes = MAIL, network: str = "") -> Envelope:
    recipients = tuple(Recipient(reply_address(handle), Mailbox.REPLY, handle) for handle in handles)
    return Envelope("ada@example.org", recipients, data, CLIENT, "mx.example.org", network)


def tallies() -> dict[str, int]:
    return dict(sql("SELECT scope, amount FROM tally").fetchall())


@pytest.fixture
def house(tmp_path: Path, clock: Clock, request: pytest.FixtureRequest) -> Iterator[House]:
    house = House(tmp_path, now=clock, **getattr(request, "param", {}))
    yield house
    house.database.close()


def of(**settings: int) -> pytest.MarkDecorator:
    """A house with these settings."""
    return pytest.mark.parametrize("house", [settings], indirect=True, ids=[""])


# Counting


def test_sixty_mails_an_hour_to_one_address(house: House, clock: Clock) -> None:
    house.keep(*[to(A)] * 60)
    with pytest.raises(RateLimited) as caught:
        house.keep(to(A))
    assert caught.value.over == {A.hex()}
    assert caught.value.retry_after == 30 * 60  # it is half past nine
    assert "tries this one again by itself" in caught.value.text
    assert len(house.rows()) == 60
    house.keep(to(B))  # nobody else is concerned
    clock.advance(minutes=29)
    with pytest.raises(RateLimited):
        house.keep(to(A))
    clock.advance(minutes=1)
    house.keep(to(A))


def test_a_mail_that_is_refused_leaves_nothing(house: House) -> None:
    """No row, no file, no count, no key: the same may come again and is counted once."""
    house.keep(*[to(A)] * 60)
    before, woken = tallies(), list(house.woken)
    key = Key("provider", "call")
    for _ in range(2):
        with pytest.raises(RateLimited):
            asyncio.run(house.intake.keep(to(A, B, data=LARGE, network=NETWORK), key=key))
    assert (len(house.rows()), house.raw_files(), tallies(), house.woken) == (60, [], before, woken)
    assert sql("SELECT count(*) FROM idempotency").fetchone()[0] == 0


def test_a_pipe_is_counted_as_well(house: House) -> None:
    house.keep(*[to(A)] * 60)
    with pytest.raises(RateLimited):
        house.intake.keep_now(to(A, data=LARGE))
    assert house.raw_files() == []


@of(max_mails_per_token=3)
def test_mails_that_come_together_are_counted_together(house: House) -> None:
    """They share one transaction; those over the limit take nothing of their neighbours back."""

    async def run() -> list[object]:
        mails = [to(A)] * 5 + [to(B)] * 3
        return list(await asyncio.gather(*map(house.intake.keep, mails), return_exceptions=True))

    answers = asyncio.run(run())
    assert [isinstance(answer, RateLimited) for answer in answers] == [False] * 3 + [True] * 2 + [False] * 3
    assert tallies() == {
        f"mails:{A.hex()}": 3, f"mails:{B.hex()}": 3,
        f"bytes:{A.hex()}": 3 * len(MAIL), f"bytes:{B.hex()}": 3 * len(MAIL),
    }  # fmt: skip


@of(max_size=100_000, max_bytes_per_token=250_000)
def test_bytes_a_day_to_one_address(house: House, clock: Clock) -> None:
    house.keep(to(A, data=b"x" * 100_000), to(A, data=b"x" * 100_000))
    with pytest.raises(RateLimited, match="bytes of mail within the day") as caught:
        house.keep(to(A, data=b"x" * 50_001))
    assert caught.value.retry_after == (24 - 9) * 3_600 - 30 * 60
    house.keep(to(A, data=b"x" * 50_000))
    clock.advance(hours=14, minutes=30)
    house.keep(to(A, data=b"x" * 100_000))


def test_the_default_is_200_megabytes_a_day(house: House) -> None:
    house.database.write(lambda: counts.add(f"bytes:{A.hex()}", house.now(), counts.DAY, 200 * 2**20 - len(MAIL)))
    house.keep(to(A))
    with pytest.raises(RateLimited):
        house.keep(to(A))


def test_an_address_that_stands_twice_in_one_mail_is_counted_once(house: House) -> None:
    house.keep(to(A, A))
    assert tallies() == {f"mails:{A.hex()}": 1, f"bytes:{A.hex()}": len(MAIL)}


def test_addresses_without_a_token_are_not_counted(house: House) -> None:
    recipients = Recipient("cases@cases.example.org", Mailbox.FROM), Recipient("postmaster", Mailbox.POSTMASTER)
    house.keep(Envelope("ada@example.org", recipients, MAIL))
    assert tallies() == {}


@of(max_mails_per_token=0, max_bytes_per_token=0, max_mails_per_client=0)
def test_no_limit_counts_nothing(house: House) -> None:
    house.keep(*[to(A, network=NETWORK)] * 70)
    assert tallies() == {}


@of(max_mails_per_client=2)
def test_mails_an_hour_from_one_client(house: House, clock: Clock) -> None:
    house.keep(to(A, network=NETWORK), to(B, network=NETWORK))
    with pytest.raises(RateLimited, match="mail server has sent") as caught:
        house.keep(to(A, network=NETWORK))
    assert caught.value.over == {NETWORK}
    house.keep(to(A, network="198.51.100.8"), to(A), to(A))
    clock.advance(hours=1)
    house.keep(to(A, network=NETWORK))


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:0:0:2", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("", ""),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("192.0.2.25", ""),
        ("2001:db8:25::9", ""),
    ],
)
def test_what_a_client_is_counted_as(client: str, network: str) -> None:
    trusted = SmtpSection.model_validate({"trusted_relays": ["192.0.2.0/24", "2001:db8:25::/48"]}).trusted_relays
    assert counted_as(client, trusted) == network


def test_there_is_a_day_s_room_for_the_largest_mail() -> None:
    with pytest.raises(ValueError, match="max_bytes_per_token must be at least max_size"):
        SmtpSection(max_bytes_per_token=25 * 2**20 - 1)
    assert SmtpSection(max_bytes_per_token=0).max_bytes_per_token == 0


# Remembering


@of(max_mails_per_token=1, max_mails_per_client=2)
def test_who_was_refused_is_refused_at_rcpt_without_a_look_up(house: House, clock: Clock) -> None:
    house.keep(to(A, network=NETWORK), to(B, network=NETWORK))
    for envelope in (to(A), to(bytes(16), network=NETWORK)):
        with pytest.raises(RateLimited):
            house.keep(envelope)
    house.database.close()
    for address, network in ((reply_address(A), ""), (bounce_address(A), ""), (reply_address(bytes(16)), NETWORK)):
        with pytest.raises(RateLimited) as caught:
            house.intake.admit(address, network)
        assert caught.value.retry_after == 30 * 60
    house.intake.admit(reply_address(B))
    house.intake.admit("postmaster@cases.example.org")
    clock.advance(minutes=30)
    house.intake.admit(reply_address(A), NETWORK)


@of(max_mails_per_token=1)
def test_a_token_that_is_not_ours_is_unknown_and_not_limited(house: House) -> None:
    """HARDENING rule 11: the signature comes first, whatever else is known about an address."""
    house.keep(to(A))
    with pytest.raises(RateLimited):
        house.keep(to(A))
    with pytest.raises(UnknownRecipient):
        house.intake.admit(reply_address(A).replace("@", "a@"), NETWORK)


@of(max_mails_per_token=2)
def test_processes_agree(house: House) -> None:
    _, other = house.new_intake()
    house.keep(to(A))
    asyncio.run(other.keep(to(A)))
    for intake in (house.intake, other):
        intake.admit(reply_address(A))
        with pytest.raises(RateLimited):
            asyncio.run(intake.keep(to(A)))


def test_so_many_are_remembered_and_no_more(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REMEMBERED", 3)
    some = RateLimits(SmtpSection(), clock)
    for name in "abcad":  # `a` is refused a second time: it is not the oldest any more
        some.remember(RateLimited("too much", over=frozenset({name})))
    refused = []
    for name in "abcd":
        try:
            some.check(name)
        except RateLimited:
            refused.append(name)
    assert refused == ["a", "c", "d"]


# The doors


async def hears(client: Client, *commands: str) -> list[str]:
    """Code and enhanced code of each answer."""
    return [(await client.says(command))[:9] for command in commands]


async def from_outside(doorway: Doorway, address: str) -> Client:
    """A client that a proxy speaks for."""
    client = await doorway.connects()
    client.writer.write(f"PROXY TCP4 {address} 192.0.2.1 40000 25\r\n".encode())
    assert (await client.hears()).startswith("220 ")
    await client.says("EHLO client.example.org")
    return client


@of(max_mails_per_token=1)
async def test_smtp_answers_450_for_the_whole_mail_and_then_for_one_recipient(house: House, doorway: Doorway) -> None:
    await doorway.leads_to(house.intake)
    client = await doorway.greets()
    everybody = ["MAIL FROM:<ada@example.org>", f"RCPT TO:<{reply_address(A)}>", f"RCPT TO:<{reply_address(B)}>"]
    assert await hears(client, *everybody[:2], "DATA", ".") == ["250 2.1.0", "250 2.1.5", "354 End t", "250 2.0.0"]
    assert await hears(client, *everybody, "DATA", ".") == ["250 2.1.0", *["250 2.1.5"] * 2, "354 End t", "450 4.7.1"]
    assert len(house.rows()) == 1
    answers = ["250 2.1.0", "450 4.7.1", "250 2.1.5", "354 End t", "250 2.0.0"]
    assert await hears(client, *everybody, "DATA", ".") == answers
    assert [r.handle for r in recipients_from_json(house.rows()[0].recipients)] == [B]
    assert (house.admission.accepted, house.admission.braked) == (5, 2)


@of(max_mails_per_token=1)
async def test_lmtp_answers_for_each_recipient(house: House, doorway: Doorway) -> None:
    smtp = await doorway.leads_to(house.intake)
    doorway.port = await smtp.start_lmtp("127.0.0.1", 0)
    client = await doorway.connects()
    assert await hears(client, "LHLO mta.example.org") == ["220 mx.ca"]
    await client.hears()
    await house.intake.keep(to(A))
    _, other = house.new_intake()
    await other.keep(to(B))  # refused by the count alone: this process has not seen it
    rcpt = [f"RCPT TO:<{address}>" for address in (reply_address(A), bounce_address(bytes(16)), reply_address(B))]
    assert await hears(client, "MAIL FROM:<>", *rcpt, "DATA") == ["250 2.1.0", *["250 2.1.5"] * 3, "354 End t"]
    answers = [(await client.says(MAIL + b"."))[:9], *[(await client.hears())[:9] for _ in range(2)]]
    assert answers == ["450 4.7.1", "250 2.0.0", "450 4.7.1"]
    assert [r.handle for r in recipients_from_json(house.rows()[0].recipients)] == [bytes(16)]
    assert await hears(client, "MAIL FROM:<>", rcpt[0], rcpt[2], "DATA") == [
        "250 2.1.0", "450 4.7.1", "450 4.7.1", "503 5.5.1",
    ]  # fmt: skip


@of(max_mails_per_token=1)
async def test_lmtp_answers_for_all_who_had_too_much(house: House, doorway: Doorway) -> None:
    smtp = await doorway.leads_to(house.intake)
    doorway.port = await smtp.start_lmtp("127.0.0.1", 0)
    client = await doorway.connects()
    await hears(client, "LHLO mta.example.org")
    await client.hears()
    _, other = house.new_intake()
    await other.keep(to(A, B))
    await hears(client, "MAIL FROM:<>", f"RCPT TO:<{reply_address(A)}>", f"RCPT TO:<{reply_address(B)}>", "DATA")
    assert [(await client.says(MAIL + b"."))[:9], (await client.hears())[:9]] == ["450 4.7.1"] * 2
    assert await client.says("NOOP") == "250 2.0.0 OK"


@of(max_mails_per_client=1)
async def test_clients_are_counted_by_the_address_that_a_proxy_tells(house: House, doorway: Doorway) -> None:
    relays = (ip_network("203.0.113.25"),)
    await doorway.leads_to(house.intake, proxy_from=LOOPBACK, trusted_relays=relays)
    mail = ["MAIL FROM:<ada@example.org>", f"RCPT TO:<{reply_address(A)}>", "DATA", "."]
    taken = ["250 2.1.0", "250 2.1.5", "354 End t", "250 2.0.0"]
    client = await from_outside(doorway, CLIENT)
    assert await hears(client, *mail) == taken
    assert await hears(client, *mail) == [*taken[:3], "450 4.7.1"]
    assert await hears(client, *mail[:2], "RSET") == ["250 2.1.0", "450 4.7.1", "250 2.0.0"]
    again = await from_outside(doorway, CLIENT)
    assert await hears(again, *mail[:2]) == ["250 2.1.0", "450 4.7.1"]
    for address in ("198.51.100.8", "203.0.113.25"):
        assert await hears(await from_outside(doorway, address), *mail) == taken
    assert await hears(await from_outside(doorway, "203.0.113.25"), *mail) == taken


@of(max_mails_per_client=1)
async def test_lmtp_and_this_machine_are_nobody_in_particular(house: House, doorway: Doorway) -> None:
    smtp = await doorway.leads_to(house.intake)
    mail = ["MAIL FROM:<ada@example.org>", f"RCPT TO:<{reply_address(A)}>", "DATA", "."]
    local = await doorway.greets()
    doorway.port = await smtp.start_lmtp("127.0.0.1", 0)
    server = await doorway.connects()
    await hears(server, "LHLO mta.example.org")
    await server.hears()
    for client in (local, local, server, server):
        assert (await hears(client, *mail))[-1] == "250 2.0.0"


def test_a_provider_hears_that_it_should_come_again(tmp_path: Path, sink: Sink, clock: Clock) -> None:
    """Not 429, which SendGrid takes for final."""
    world = World(
        tmp_path, sink, clock,
        smtp='listen = "127.0.0.1:0"\nmax_mails_per_token = 1', providers='mailgun_signing_key = "a-key"',
    )  # fmt: skip
    try:
        world.open_case()
        address = world.newest_mail_to(TOM).reply_address

        def post(token: str) -> Any:
            moment = str(int(clock().timestamp()))
            signature = hmac.new(b"a-key", (moment + token).encode(), hashlib.sha256).hexdigest()
            return world.http.post(
                "/inbound/mailgun/mime",
                data={
                    "timestamp": moment, "token": token, "signature": signature, "sender": TOM, "recipient": address,
                    "body-mime": MAIL.decode(),
                },
            )  # fmt: skip

        assert post("t1").status_code == 200
        for _ in range(2):  # by the count, then at the recipient
            answer = post("t2")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1800")
        clock.advance(minutes=30)
        assert post("t2").status_code == 200
    finally:
        world.close()


# Addresses that are tried


UNKNOWN, ELSEWHERE = b"RCPT TO:<nobody@cases.example.org>\r\n", b"RCPT TO:<a@example.org>\r\n"


async def test_who_tries_addresses_is_sent_away() -> None:
    async with wired() as (session, wire, _):
        session.data_received(b"EHLO me\r\nMAIL FROM:<>\r\n" + (UNKNOWN + ELSEWHERE) * (REFUSED_RECIPIENTS // 2))
        assert b"421 " not in wire.written
        session.data_received(UNKNOWN + b"NOOP\r\n")
        assert wire.written.endswith(b"421 4.7.0 Too many recipients that are not here\r\n")


async def test_a_mail_that_was_taken_begins_the_count_anew() -> None:
    mail = b"MAIL FROM:<>\r\n" + UNKNOWN * (REFUSED_RECIPIENTS - 1) + b"RCPT TO:<a@cases.example.org>\r\nDATA\r\n.\r\n"
    async with wired() as (session, wire, door):
        session.data_received(b"EHLO me\r\n" + mail * 3 + b"QUIT\r\n")
        await until(lambda: wire.written.endswith(b"Bye\r\n"))
        assert len(door.kept) == 3
        assert b"421 " not in wire.written


async def test_a_mail_server_of_ours_passes_on_what_others_try(doorway: Doorway) -> None:
    await doorway.opens()
    client = await doorway.greets()
    await client.says("MAIL FROM:<>")
    client.writer.write(UNKNOWN * (REFUSED_RECIPIENTS + 5))
    for _ in range(REFUSED_RECIPIENTS + 5):
        assert (await client.hears()).startswith("550 5.1.1 ")
    assert await client.says("RCPT TO:<a@cases.example.org>") == "250 2.1.5 OK"

"""Handing mail to a relay: every ending of the dialogue, with a relay on loopback that follows a script."""

import asyncio

import pytest

from gateway.outbound.answers import Answer, Outcome
from gateway.outbound.relay import MAILS_PER_CONNECTION, Relay
from tests.relays import HANG_UP, SAY_NOTHING, Office, until

pytestmark = pytest.mark.anyio

MAIL = b"Subject: Your case\r\n\r\nHello\r\n"
SENDER, RECIPIENT = "bounce+x@cases.example.org", "anna@example.org"


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


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
    assert answer.text == "the mail has 1000002 bytes, and the relay takes 1000000 at most"
    assert peer.verbs() == ["EHLO"]
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    assert peer.connections == 1


@pytest.mark.parametrize("size", ["SIZE", "SIZE 0", "SIZE lots", "8BITMIME"])
async def test_a_relay_without_a_limit(office: Office, size: str) -> None:
    relay, peer = await office.has(EHLO=f"250-relay.example.org\r\n250 {size}")
    assert (await relay.send(SENDER, RECIPIENT, b"A line of a mail\r\n" * 30_000)).outcome is Outcome.SENT
    assert peer.heard[1].endswith(" SIZE=540000") == ("SIZE" in size)


async def test_eight_bits_are_declared(office: Office) -> None:
    relay, peer = await office.has()
    await relay.send(SENDER, RECIPIENT, "Grüße\r\n".encode())
    assert peer.heard[1].endswith(" SIZE=9 BODY=8BITMIME")


async def test_names_beyond_ascii_need_a_relay_that_has_them(office: Office) -> None:
    relay, peer = await office.has()
    answer = await relay.send(SENDER, "jürgen@example.org", MAIL)
    assert (answer.outcome, answer.enhanced, answer.dead) == (Outcome.FAILED, "5.6.7", False)
    assert answer.text == "the relay takes no address with letters beyond ASCII before the @ (SMTPUTF8)"
    assert peer.verbs() == ["EHLO"]
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    relay, peer = await office.has(EHLO="250-relay.example.org\r\n250 SMTPUTF8")
    assert (await relay.send(SENDER, "jürgen@bücher.example", MAIL)).outcome is Outcome.SENT
    assert peer.heard[1:3] == [f"MAIL FROM:<{SENDER}> SMTPUTF8", "RCPT TO:<jürgen@xn--bcher-kva.example>"]


async def test_a_domain_beyond_ascii_needs_nothing(office: Office) -> None:
    relay, peer = await office.has()
    assert (await relay.send(SENDER, "anna@bücher.example", MAIL)).outcome is Outcome.SENT
    assert "RCPT TO:<anna@xn--bcher-kva.example>" in peer.heard


async def test_a_quoted_name(office: Office) -> None:
    relay, peer = await office.has()
    assert (await relay.send(SENDER, '"a b"@example.org', MAIL)).outcome is Outcome.SENT
    assert 'RCPT TO:<"a b"@example.org>' in peer.heard


INJECTED = [
    "",
    "anna",
    "a@b@c",
    "a b@example.org",
    "a@example.org>\r\nRCPT TO:<b@example.org",
    '"a\r\nRCPT TO:<b@example.org>"@example.org',
    "a@example.org\nDATA",
    "a@example.org> SIZE=1",
    '"a> SIZE=1"@example.org',
    "<a@example.org>",
    "a\0@example.org",
    "a@example.org\0",
    "a@b＞c.example",
    "a@\udce9.example",
]


@pytest.mark.parametrize("address", INJECTED, ids=ascii)
async def test_what_is_no_address_is_never_said(office: Office, address: str) -> None:
    relay, peer = await office.has()
    answers = [await relay.send(SENDER, address, MAIL)]
    answers += [await relay.send(address, RECIPIENT, MAIL)] if address else []
    assert {(answer.outcome, answer.enhanced) for answer in answers} == {(Outcome.FAILED, "5.1.3")}
    assert peer.connections == 0


async def test_the_second_of_three_recipients_is_refused(office: Office) -> None:
    relay, peer = await office.has(RCPT=["250 Ok", "550 5.1.1 No such user", "250 Ok"])
    answers = [await relay.send(SENDER, f"{name}@example.org", MAIL) for name in ("anna", "berta", "clara")]
    assert [answer.outcome for answer in answers] == [Outcome.SENT, Outcome.FAILED, Outcome.SENT]
    assert [answer.dead for answer in answers] == [False, True, False]
    assert (len(peer.mails), peer.connections) == (2, 1)


async def test_a_session_does_not_go_on_for_ever(office: Office) -> None:
    relay, peer = await office.has()
    for _ in range(MAILS_PER_CONNECTION + 1):
        assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    assert peer.connections == 2
    await until(lambda: "QUIT" in peer.verbs())
    assert peer.verbs().count("DATA") == MAILS_PER_CONNECTION + 1


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", ".", "RSET"])
async def test_a_relay_that_has_enough_of_a_session_is_in_no_trouble(office: Office, verb: str) -> None:
    relay, peer = await office.has(RCPT=["250 Ok", "550 5.1.1 No", "250 Ok"])
    assert [(await relay.send(SENDER, RECIPIENT, MAIL)).outcome for _ in range(2)] == [Outcome.SENT, Outcome.FAILED]
    ok = {"DATA": "354 Go ahead"}.get(verb, "250 Ok")
    peer.script["RCPT"] = "250 Ok"
    peer.script[verb] = ["421 4.7.0 Too many mails in this session", ok]
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    assert peer.connections == 2


async def test_a_host_name_beyond_ascii_is_said_in_ascii(office: Office) -> None:
    _, peer = await office.has()
    relay = Relay(f"smtp://127.0.0.1:{peer.port}", local_hostname="fälle.example.org")
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    await relay.close()
    assert peer.heard[0] == "EHLO xn--flle-loa.example.org"

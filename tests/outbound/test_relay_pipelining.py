"""MAIL, RCPT and DATA in one write (RFC 2920): every combination of refusals, and what comes after them."""

import pytest

from gateway.outbound.answers import Outcome, Stage
from tests.relays import HANG_UP, OFFERS, PIPELINING, SAY_NOTHING, Office

pytestmark = pytest.mark.anyio

MAIL = b"Subject: Your case\r\n\r\nHello\r\n"
SENDER, RECIPIENT = "bounce+x@cases.example.org", "anna@example.org"
GO, NOBODY = "354 Go ahead", "554 5.5.1 No valid recipients"


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


async def test_a_mail_is_sent(office: Office) -> None:
    relay, peer = await office.has(EHLO=PIPELINING)
    for _ in range(3):
        assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    assert peer.mails == [MAIL + b".\r\n"] * 3
    assert peer.verbs() == ["EHLO", *["MAIL", "RCPT", "DATA"] * 3]


async def test_nothing_waits_for_an_answer(office: Office) -> None:
    """The relay is silent until it has heard DATA."""
    all_at_once = "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 Go ahead"
    relay, peer = await office.has(EHLO=PIPELINING, MAIL=SAY_NOTHING, RCPT=SAY_NOTHING, DATA=all_at_once)
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    assert peer.mails == [MAIL + b".\r\n"]


@pytest.mark.parametrize("offers", [PIPELINING, OFFERS], ids=["pipelined", "one by one"])
@pytest.mark.parametrize("data", [GO, NOBODY, "451 4.3.0 Later", "503 5.5.1 Need RCPT"])
@pytest.mark.parametrize(
    ("mail", "rcpt", "stage", "outcome"),
    [
        ("250 Ok", "550 5.1.1 No such user", Stage.RCPT, Outcome.FAILED),
        ("250 Ok", "450 4.2.1 Greylisted", Stage.RCPT, Outcome.DEFERRED),
        ("250 Ok", "550 5.7.1 Relaying denied", Stage.RCPT, Outcome.RELAY_DOWN),
        ("451 4.3.0 Later", "503 5.5.1 Need MAIL", Stage.MAIL, Outcome.DEFERRED),
        ("451 4.3.0 Later", "250 Ok", Stage.MAIL, Outcome.DEFERRED),
        ("552 5.3.4 Too large", "503 5.5.1 Need MAIL", Stage.MAIL, Outcome.FAILED),
        ("550 5.7.1 Not you", "503 5.5.1 Need MAIL", Stage.MAIL, Outcome.RELAY_DOWN),
    ],
)
async def test_the_first_refusal_counts_and_the_next_mail_is_well(
    office: Office, offers: str, mail: str, rcpt: str, data: str, stage: Stage, outcome: Outcome
) -> None:
    relay, peer = await office.has(EHLO=offers, MAIL=[mail, "250 Ok"], RCPT=rcpt, DATA=data)
    peer.script["."] = ["554 5.5.1 No valid recipients", "250 2.0.0 Ok"]
    answer = await relay.send(SENDER, RECIPIENT, MAIL)
    assert (answer.stage, answer.outcome) == (stage, outcome)
    waited_for_a_mail = offers == PIPELINING and data == GO
    assert peer.mails == ([b".\r\n"] if waited_for_a_mail else [])

    peer.script.update(MAIL="250 Ok", RCPT="250 Ok", DATA=GO)
    peer.script["."] = "250 2.0.0 Ok"
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    assert peer.mails[-1] == MAIL + b".\r\n"
    assert peer.connections == (2 if outcome is Outcome.RELAY_DOWN else 1)
    assert ("RSET" in peer.verbs()) == (mail == "250 Ok" and outcome is not Outcome.RELAY_DOWN)


@pytest.mark.parametrize("data", ["451 4.3.0 Later", "554 5.3.0 Not now"])
async def test_only_data_is_refused(office: Office, data: str) -> None:
    relay, peer = await office.has(EHLO=PIPELINING, DATA=[data, GO])
    answer = await relay.send(SENDER, RECIPIENT, MAIL)
    assert (answer.stage, answer.code, peer.mails) == (Stage.DATA, int(data[:3]), [])


@pytest.mark.parametrize("lone_dot", ["250 2.0.0 Taken for nobody", "421 4.3.0 Enough", HANG_UP, "what?"])
async def test_whatever_is_said_to_the_lone_dot_the_refusal_stands(office: Office, lone_dot: str) -> None:
    relay, peer = await office.has(EHLO=PIPELINING, RCPT=["550 5.1.1 No such user", "250 Ok"])
    peer.script["."] = [lone_dot, "250 2.0.0 Ok"]
    answer = await relay.send(SENDER, RECIPIENT, MAIL)
    assert (answer.outcome, answer.dead) == (Outcome.FAILED, True)
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    assert [mail == b".\r\n" for mail in peer.mails] == [True, False]
    assert peer.connections == (1 if lone_dot.startswith("250") else 2)


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("reply", ["421 4.3.2 Closing", HANG_UP])
async def test_it_leaves_in_the_middle(office: Office, verb: str, reply: str) -> None:
    relay, peer = await office.has(EHLO=PIPELINING, **{verb: reply})
    answer = await relay.send(SENDER, RECIPIENT, MAIL)
    assert (answer.outcome, peer.mails) == (Outcome.RELAY_DOWN, [])
    assert not peer.open or reply != HANG_UP
    peer.script.update(MAIL="250 Ok", RCPT="250 Ok", DATA=GO)
    assert (await relay.send(SENDER, RECIPIENT, MAIL)).outcome is Outcome.SENT
    assert peer.connections == 2


@pytest.mark.parametrize("data", ["421 4.3.2 Closing", HANG_UP, SAY_NOTHING])
async def test_a_recipient_who_was_refused_before_it_left_is_refused(office: Office, data: str) -> None:
    _, peer = await office.has(EHLO=PIPELINING, RCPT="550 5.1.1 No such user", DATA=data)
    relay = office.reaches(f"smtp://127.0.0.1:{peer.port}", timeout=0.2)
    answer = await relay.send(SENDER, RECIPIENT, MAIL)
    assert (answer.outcome, answer.dead) == (Outcome.FAILED, True)


@pytest.mark.parametrize("reply", ["421 4.4.2 Idle for too long", HANG_UP])
async def test_a_kept_connection_that_ends_is_replaced(office: Office, reply: str) -> None:
    relay, peer = await office.has(EHLO=PIPELINING, MAIL=["250 Ok", reply, "250 Ok"])
    assert [(await relay.send(SENDER, RECIPIENT, MAIL)).outcome for _ in range(2)] == [Outcome.SENT, Outcome.SENT]
    assert (peer.connections, len(peer.mails)) == (2, 2)


async def test_many_mails_with_refusals_among_them(office: Office) -> None:
    relay, peer = await office.has(EHLO=PIPELINING)
    outcomes = []
    for number in range(30):
        peer.script["RCPT"] = "550 5.1.1 No such user" if number % 3 == 1 else "250 Ok"
        peer.script["."] = "554 5.5.1 No valid recipients" if number % 3 == 1 else "250 Ok"
        outcomes.append((await relay.send(SENDER, RECIPIENT, MAIL)).outcome)
    assert outcomes == [Outcome.SENT, Outcome.FAILED, Outcome.SENT] * 10
    assert [mail for mail in peer.mails if mail != b".\r\n"] == [MAIL + b".\r\n"] * 20
    assert peer.connections == 1

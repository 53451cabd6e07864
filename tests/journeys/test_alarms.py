"""The operator hears of trouble: within a minute, by a relay of his own, not too often, and of its end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from store import alarms, inbox, outbox
from store.database import sql
from tests.sink import Mail, Sink
from tests.world import DOMAIN, MIA, STRANGER, TOM, Clock, World

OPERATOR = "operator@ops.example.net"


@pytest.fixture
def other() -> Iterator[Sink]:
    """The operator's own relay."""
    sink = Sink()
    sink.start()
    yield sink
    sink.close()


@pytest.fixture
def world(tmp_path: Path, sink: Sink, other: Sink, clock: Clock) -> Iterator[World]:
    mail = (
        f'reply_domain = "{DOMAIN}"\noperator_address = "{OPERATOR}"\noperator_relay = "smtp://127.0.0.1:{other.port}"'
    )
    world = World(tmp_path, sink, clock, mail=mail)
    yield world
    world.close()


def minute(world: World, count: int = 1) -> None:
    """What happens every minute."""
    for _ in range(count):
        world.parts.sweep()
        world.work()
        world.clock.advance(minutes=1)


def raise_(world: World, name: str, text: str = "Something is wrong.") -> None:
    world.parts.database.write(lambda: alarms.raise_(name, text, world.clock()))


def resolve(world: World, name: str) -> None:
    world.parts.database.write(lambda: alarms.resolve(name, world.clock()))


def subjects(mails: list[Mail]) -> list[str]:
    return [mail.header("Subject") for mail in mails]


def test_an_alarm_leaves_by_the_other_relay_while_the_first_is_dead(world: World, sink: Sink, other: Sink) -> None:
    sink.stop()
    world.open_case()
    minute(world, 20)
    assert {alarm.name for alarm in alarms.raised()} == {"queue:outbox", f"relay:127.0.0.1:{sink.port}"}
    told = [mail for mail in other.mails if mail.recipient == OPERATOR]
    assert any("A mail waits since 2026-05-04 09:30 UTC to be sent" in mail.text for mail in told)
    assert len(told) == len(other.mails) == 2, "of the relay first, then of the queue; nobody else's mail goes there"
    answer = world.http.get("/readyz")
    assert answer.status_code == 503
    assert any("to be sent; see casegate outbox list --state queued" in one for one in answer.json()["problems"])

    sink.start()
    world.work_until(lambda: sink.to(MIA) and sink.to(TOM))
    minute(world, 17)
    assert "queue:outbox" not in {alarm.name for alarm in alarms.raised()}
    assert any("over" in mail.text for mail in other.mails)
    assert world.http.get("/readyz").status_code == 200
    assert (len(sink.to(MIA)), len(sink.to(TOM))) == (1, 1)


def test_one_mail_in_a_quarter_of_an_hour_tells_of_all_that_came_meanwhile(world: World, other: Sink) -> None:
    raise_(world, "loop:case_1", "Two programs talk.")
    minute(world)
    assert subjects(other.mails) == ["1 alarm"]
    assert "Two programs talk." in other.mails[0].text
    for number in range(3):
        raise_(world, f"answers:client:{number}", f"A robot, number {number}.")
        minute(world, 4)
    assert len(other.mails) == 1
    minute(world, 4)
    assert subjects(other.mails) == ["1 alarm", "3 alarms"]
    minute(world, 40)
    assert len(other.mails) == 2, "what is known is not told again"


def test_the_same_again_is_not_told_again_and_its_end_is_told_once(world: World, other: Sink) -> None:
    for _ in range(20):
        raise_(world, "relay:mx", "The relay is down.")
        minute(world)
    assert subjects(other.mails) == ["1 alarm"]
    resolve(world, "relay:mx")
    minute(world, 20)
    assert subjects(other.mails) == ["1 alarm", "1 alarm over"]
    assert "The relay is down." in other.mails[1].text
    assert alarms.raised() == alarms.untold() == ()


def test_what_was_over_before_it_was_told_is_never_told(world: World, other: Sink) -> None:
    raise_(world, "relay:mx")
    resolve(world, "relay:mx")
    minute(world, 20)
    assert other.mails == []


def test_what_flutters_is_told_once(world: World, other: Sink) -> None:
    raise_(world, "relay:mx")
    minute(world)
    for _ in range(6):
        resolve(world, "relay:mx")
        minute(world)
        raise_(world, "relay:mx")
        minute(world)
    minute(world, 20)
    assert subjects(other.mails) == ["1 alarm"]
    assert [(alarm.name, alarm.times) for alarm in alarms.raised()] == [("relay:mx", 7)]


def test_an_alarm_that_the_operator_cleared_is_new_when_it_comes_again(world: World, other: Sink) -> None:
    raise_(world, "loop:case_1")
    minute(world)
    world.parts.database.write(lambda: alarms.clear("loop:case_1"))
    minute(world, 16)
    raise_(world, "loop:case_1")
    minute(world)
    assert subjects(other.mails) == ["1 alarm", "1 alarm"]


def test_very_many_alarms_fit_into_one_mail(world: World, other: Sink) -> None:
    for number in range(120):
        raise_(world, f"answers:client:{number}", f"A robot, number {number}.")
    minute(world, 40)
    assert subjects(other.mails) == ["120 alarms"]
    assert "and 70 more" in other.mails[0].text


def test_an_alarm_mail_that_waits_alone_raises_nothing(world: World, other: Sink) -> None:
    other.stop()
    raise_(world, "loop:case_1")
    minute(world, 40)
    waiting = [(row.template, row.state) for row in outbox.listing()]
    assert waiting == [("alarm", "queued")] * 2, "of the alarm, and of the relay that does not take it; no more"
    assert "queue:outbox" not in {alarm.name for alarm in alarms.raised()}
    assert not [one for one in world.http.get("/readyz").json().get("problems", []) if "to be sent" in one]


def test_mail_that_is_not_processed_raises_an_alarm_until_it_is(world: World, other: Sink) -> None:
    world.send(b"From: a@b.example\r\n\r\nx", STRANGER, f"postmaster@{DOMAIN}")
    for _ in range(16):
        world.parts.sweep()
        world.clock.advance(minutes=1)
    world.parts.sweep()
    assert [alarm.name for alarm in alarms.raised()] == ["queue:inbox"]
    problems = world.http.get("/readyz").json()["problems"]
    assert problems == ["a mail waits since 2026-05-04 09:30 UTC to be processed; see casegate inbox list"]
    world.work()
    assert inbox.oldest_waiting() is None
    world.parts.sweep()
    assert alarms.raised() == ()
    assert world.http.get("/readyz").status_code == 200
    assert subjects(other.mails) == ["1 alarm"]


def test_a_recipient_who_is_put_off_is_no_alarm(world: World, sink: Sink) -> None:
    """Greylisting and full mailboxes are everyday's business."""
    sink.at_rcpt[MIA] = "451 4.2.2 mailbox full, try again later"
    world.open_case()
    minute(world, 12)
    assert [row.state for row in outbox.listing() if row.recipient == MIA] == ["queued"]
    assert alarms.raised() == ()
    assert world.http.get("/readyz").status_code == 200


def test_alarms_are_no_case_and_answer_nobody(world: World, other: Sink) -> None:
    raise_(world, "loop:case_1")
    minute(world)
    (mail,) = other.mails
    assert (mail.header("Auto-Submitted"), mail.header("Reply-To")) == ("auto-generated", "")
    (row,) = outbox.listing()
    assert (row.route, row.template, row.case_id) == (outbox.OPERATOR, "alarm", "")


def test_nobody_to_be_mailed_is_mailed_nothing(tmp_path: Path, sink: Sink, clock: Clock) -> None:
    world = World(tmp_path, sink, clock)
    try:
        raise_(world, "loop:case_1")
        minute(world, 3)
        assert sink.mails == []
        assert sql("SELECT count(*) FROM alarm WHERE told_at IS NOT NULL").fetchone() == (1,)
    finally:
        world.close()

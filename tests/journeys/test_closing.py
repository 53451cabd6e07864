"""Silent cases: warning, promised time, closing, and all that keeps a case open (HARDENING rules 12 and 22)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gateway.cases.model import Actor, Door, Role
from gateway.cases.settings import CaseSettings
from gateway.errors import NotAllowed, NotFound
from store import alarms, audit, cases, outbox, parties, switches
from store.database import sql
from store.switches import Switch
from tests import postmaster
from tests.postmaster import DEAD
from tests.sink import Mail, Sink
from tests.world import MIA, START, STORE, STRANGER, TOM, Clock, World, reply_to

WORDS = "The lid leaves today."


def answered(world: World, number: int = 1, **changes: Any) -> str:
    """A case that waits for its customer."""
    case = world.open_case(number, **changes)
    assert world.post_answer(case, WORDS).status_code == 201
    world.work()
    return case


def look(world: World, **later: float) -> int:
    """What the sweep does about silence, some time later; its mails are sent."""
    world.clock.advance(**later)
    done = world.parts.closing.look()
    world.work()
    return done


def decide(world: World, **settings: Any) -> None:
    """The store changes its settings."""
    store = parties.get_store(STORE)
    changed = replace(store, settings=replace(CaseSettings(), **settings))
    world.parts.database.write(lambda: parties.save_store(changed))


def warnings(world: World) -> list[Mail]:
    return [mail for mail in world.sink.to(TOM) if "It closes on" in mail.text]


def closings(world: World) -> list[Mail]:
    return [mail for mail in world.sink.to(TOM) if "was closed" in mail.text]


def trail(world: World, case: str) -> list[str]:
    return [message["body"] for message in world.messages(case) if message["senderType"] == "SYSTEM"]


def status(world: World, case: str) -> str:
    shown: str = world.case(case)["status"]
    return shown


# The usual way


def test_a_silent_case_is_warned_of_and_closed(world: World) -> None:
    case = answered(world)
    assert look(world, days=12, minutes=-1) == 0
    assert look(world, minutes=1) == 1
    (warning,) = warnings(world)
    assert "18 May 2026" in warning.text
    assert warning.header("Auto-Submitted") == "auto-generated"
    assert look(world, days=2, minutes=-1) == 0
    assert status(world, case) == "AWAITING_CUSTOMER"
    assert look(world, minutes=1) == 1
    shown = world.case(case)
    assert (shown["status"], shown["closedBy"], shown["closedAt"][:10]) == ("CLOSED", "SYSTEM", "2026-05-18")
    assert trail(world, case)[-1] == "Case closed by the system"
    assert len(closings(world)) == 1
    for _ in range(3):
        assert look(world, days=30) == 0
    assert (len(warnings(world)), len(closings(world))) == (1, 1)
    acts = [entry.action for entry in audit.listing(case_id=case)]
    assert acts == ["case.closed", "case.warned", "case.answered", "case.opened"]


def test_only_a_case_that_waits_for_its_customer_gets_idle(world: World) -> None:
    case = world.open_case()
    assert look(world, days=400) == 0
    assert status(world, case) == "OPEN"
    world.answer(world.newest_mail_to(TOM), "Any news?")
    assert look(world, days=400) == 0
    assert status(world, case) == "AWAITING_MERCHANT"


def test_the_promised_time_begins_when_a_relay_has_the_warning(world: World) -> None:
    case = answered(world)
    world.sink.at_rcpt[TOM] = "451 4.7.1 later"
    assert look(world, days=12) == 1
    assert look(world, days=2) == 0, "the customer does not know yet"
    del world.sink.at_rcpt[TOM]
    world.clock.advance(hours=4)
    world.work()
    assert len(warnings(world)) == 1
    assert look(world, days=1, hours=23) == 0
    assert look(world, hours=1) == 1
    assert status(world, case) == "CLOSED"


def test_a_worker_that_was_away_for_a_month_warns_first(world: World) -> None:
    case = answered(world)
    assert look(world, days=45) == 1
    assert status(world, case) == "AWAITING_CUSTOMER"
    assert len(warnings(world)) == 1
    assert look(world, days=2) == 1
    assert status(world, case) == "CLOSED"


def test_a_case_that_was_closed_and_is_answered_again_has_a_silence_of_its_own(world: World) -> None:
    case = answered(world)
    look(world, days=12)
    look(world, days=2)
    world.answer(closings(world)[0], "It is still broken.")
    assert status(world, case) == "AWAITING_MERCHANT"
    world.post_answer(case, "We send another one.")
    assert look(world, days=11) == 0
    assert look(world, days=1) == 1
    assert look(world, days=2) == 1
    assert (status(world, case), len(warnings(world)), len(closings(world))) == ("CLOSED", 2, 2)


# What a store decides


def test_settings_of_the_store(world: World) -> None:
    case = answered(world)
    decide(world, auto_close_days=5, warn_days=1)
    assert look(world, days=4) == 1
    assert look(world, days=1) == 1
    assert status(world, case) == "CLOSED"


def test_a_store_that_never_closes(world: World) -> None:
    case = answered(world)
    decide(world, auto_close_days=0)
    assert look(world, days=400) == 0
    assert (status(world, case), warnings(world)) == ("AWAITING_CUSTOMER", [])


def test_a_store_that_wants_no_warning(world: World) -> None:
    case = answered(world)
    decide(world, auto_close_days=5, warn_days=0)
    assert look(world, days=4, hours=23) == 0
    assert look(world, hours=1) == 1
    assert (status(world, case), len(warnings(world)), len(closings(world))) == ("CLOSED", 0, 1)


def test_what_a_warning_has_promised_binds(world: World) -> None:
    case = answered(world)
    decide(world, warn_days=5)
    assert look(world, days=9) == 1
    decide(world, auto_close_days=1, warn_days=1)
    assert look(world, days=4) == 0
    assert look(world, days=1) == 1
    assert status(world, case) == "CLOSED"


def test_a_store_that_changes_its_mind_after_the_warning(world: World) -> None:
    case = answered(world)
    look(world, days=12)
    decide(world, auto_close_days=0)
    look(world, days=2)
    assert status(world, case) == "AWAITING_CUSTOMER"
    assert look(world, days=2) == 0
    decide(world)
    assert look(world) == 1, "and back again: it is warned of anew"
    assert len(warnings(world)) == 2
    assert look(world, days=2) == 1
    assert status(world, case) == "CLOSED"


def test_a_case_that_cannot_be_closed_keeps_no_other_waiting(world: World) -> None:
    broken, case = answered(world), answered(world, 2)
    twin = next(person for person in cases.participants(broken) if person.role is Role.CUSTOMER)
    world.parts.database.write(
        lambda: cases.insert_participant(replace(twin, handle=b"another customer", address="twin@customer.example.org"))
    )
    world.clock.advance(days=12)
    with pytest.raises(ExceptionGroup, match="some silent cases"):
        world.parts.closing.look()
    world.work()
    assert [world.case(case)["order"]["orderNumber"] in mail.text for mail in warnings(world)] == [True]
    with pytest.raises(ExceptionGroup, match="the sweep is not complete"):
        world.parts.sweep()


def test_weekends_and_holidays_are_no_silence(world: World) -> None:
    case = answered(world)  # on Monday, May 4
    decide(world, auto_close_days=5, warn_days=2, skip_weekends=True, holidays=(date(2026, 5, 6),))
    assert look(world, days=3) == 0
    assert look(world, days=1) == 1, "Tuesday, Thursday, Friday"
    assert "12 May 2026" in warnings(world)[0].text
    assert look(world, days=3) == 0
    assert look(world, days=1) == 1
    assert status(world, case) == "CLOSED"


# What keeps a case open


def test_an_answer_after_the_warning(world: World) -> None:
    case = answered(world)
    look(world, days=12)
    world.answer(warnings(world)[0], "Wait, I am on holiday.")
    assert look(world, days=2) == 0
    assert status(world, case) == "AWAITING_MERCHANT"
    assert world.said(case)[-1] == ("CUSTOMER", "Wait, I am on holiday.")


def test_an_answer_that_is_kept_and_not_read_yet_wins(world: World) -> None:
    """The mail is in the inbox when the closing comes: 250 was said before."""
    case = answered(world)
    look(world, days=12)
    world.clock.advance(days=2)
    mail = warnings(world)[0]
    world.send(reply_to(mail, "Not solved."), TOM, mail.reply_address)
    assert world.parts.closing.look() == 0
    world.work()
    assert look(world) == 0
    assert status(world, case) == "AWAITING_MERCHANT"
    assert closings(world) == []


def test_mail_that_stands_still_keeps_all_cases_open(world: World) -> None:
    case = answered(world)
    look(world, days=12)
    world.clock.advance(days=2)
    world.send(b"Subject: hello\r\n\r\nhello\r\n", STRANGER, f"cases@{world.parts.config.mail.reply_domain}")
    world.clock.advance(minutes=16)
    assert world.parts.closing.look() == 0
    world.work()
    assert look(world) == 1
    assert status(world, case) == "CLOSED"


def test_held_mail_keeps_its_case_open(world: World) -> None:
    case, other = answered(world), answered(world, 2)
    look(world, days=12)
    world.forbids("customer.example.org")
    mail = next(mail for mail in warnings(world) if world.case(case)["order"]["orderNumber"] in mail.text)
    kept = world.answer(mail, "Not solved.")
    assert world.outcomes(kept) == ["held"]
    assert look(world, days=2) == 1
    assert (status(world, case), status(world, other)) == ("AWAITING_CUSTOMER", "CLOSED")
    world.parts.releases.drop(kept, "spam")
    assert look(world) == 1
    assert status(world, case) == "CLOSED"


def test_a_sick_front_door_keeps_all_cases_open(tmp_path: Path, sink: Sink, clock: Clock) -> None:
    world = World(tmp_path, sink, clock, canary="every_minutes = 5")
    case = answered(world)
    world.sink.at_rcpt.clear()
    for _ in range(3):
        world.parts.canaries.send()
        world.work()
        world.clock.advance(minutes=6)
    assert "do not come back" in world.parts.canaries.trouble()
    assert look(world, days=12) == 0
    assert status(world, case) == "AWAITING_CUSTOMER"
    assert warnings(world) == []
    world.close()


def test_keep_it_open(world: World) -> None:
    case = answered(world)
    customer = Actor(Role.CUSTOMER, Door.PAGE)
    look(world, days=12)
    assert world.parts.closing.keep_open(case, customer) is True
    assert trail(world, case)[-1] == "The customer keeps the case open"
    assert status(world, case) == "AWAITING_CUSTOMER"
    assert look(world, days=2) == 0
    assert look(world, days=10) == 1, "its next silence"
    world.answer(warnings(world)[-1], "Here I am.")
    assert world.parts.closing.keep_open(case, customer) is False
    world.api("PATCH", f"/{case}", json={"status": "CLOSED"})
    with pytest.raises(NotAllowed):
        world.parts.closing.keep_open(case, customer)
    with pytest.raises(NotFound):
        world.parts.closing.keep_open("case_000000000000000000000000", customer)


def test_a_queued_warning_is_not_sent_when_the_case_has_moved(world: World) -> None:
    case = answered(world)
    world.clock.advance(days=12)
    assert world.parts.closing.look() == 1
    world.post_answer(case, "One more thing.")
    world.work()
    assert warnings(world) == []
    (row,) = [one for one in outbox.listing() if one.template == "closing_soon"]
    assert (row.state, row.answer) == ("cancelled", "cancelled: the case does not wait in silence any more")
    assert look(world, days=12) == 1, "of the next silence there is a warning"
    assert len(warnings(world)) == 1


def test_a_warning_whose_address_was_replaced_is_made_anew(world: World) -> None:
    case = answered(world)
    world.clock.advance(days=12)
    assert world.parts.closing.look() == 1
    world.revoke(case, Role.CUSTOMER)
    world.work()
    assert warnings(world) == []
    assert look(world, days=2) == 1
    assert len(warnings(world)) == 1
    assert look(world, days=1, hours=23) == 0
    assert look(world, hours=1) == 1
    assert status(world, case) == "CLOSED"


# A warning that does not arrive


def told(world: World) -> list[Mail]:
    return [mail for mail in world.sink.to(MIA) if "could not be told that the case closes" in mail.text]


def test_a_refused_warning_stops_the_clock_and_tells_the_merchant(world: World) -> None:
    case = answered(world)
    world.sink.at_rcpt[TOM] = "550 5.1.1 No such user"
    look(world, days=12)
    assert len(told(world)) == 1
    assert "stays open until somebody writes or closes it" in " ".join(told(world)[0].text.split())
    assert "550 5.1.1 No such user" in told(world)[0].text
    assert trail(world, case)[-1].startswith("The warning that the case closes did not reach the customer (550")
    assert look(world, days=400) == 0
    assert (status(world, case), len(told(world)), closings(world)) == ("AWAITING_CUSTOMER", 1, [])


def bounce(world: World, mail: Mail) -> None:
    world.send(postmaster.postfix(mail, DEAD), "", mail.envelope_from)
    world.work()


def test_a_bounce_after_the_closing_takes_it_back(world: World) -> None:
    case = answered(world)
    look(world, days=12)
    look(world, days=2)
    world.clock.advance(days=10)
    bounce(world, warnings(world)[0])
    assert status(world, case) == "AWAITING_MERCHANT"
    assert trail(world, case)[-1].startswith("Case reopened by the system, now awaiting the merchant: the warning")
    assert "The case waits for you again" in " ".join(told(world)[0].text.split())


def test_a_bounce_long_after_the_closing_changes_nothing(world: World) -> None:
    case = answered(world)
    look(world, days=12)
    look(world, days=2)
    sql_now = world.clock.moment
    world.clock.advance(days=14)
    world.parts.database.write(lambda: sql("UPDATE outbox SET sent_at = ?", (int(sql_now.timestamp() * 1000),)))
    bounce(world, warnings(world)[0])
    assert (status(world, case), told(world)) == ("CLOSED", [])


def test_a_suppressed_customer_is_not_closed_upon(world: World) -> None:
    case = answered(world)
    bounce(world, world.newest_mail_to(TOM))
    assert status(world, case) == "AWAITING_MERCHANT"
    world.api("PATCH", f"/{case}", json={"status": "AWAITING_CUSTOMER"})
    look(world, days=12)
    assert (warnings(world), len(told(world))) == ([], 1)
    assert look(world, days=3) == 0
    assert status(world, case) == "AWAITING_CUSTOMER"


# Many, at once, and the clock


def test_two_sweeps_at_once_warn_and_close_once(world: World) -> None:
    many = [answered(world, number) for number in range(1, 6)]
    world.clock.advance(days=12)
    with ThreadPoolExecutor(4) as pool:
        done = sum(pool.map(lambda _: world.parts.closing.look(), range(4)))
    world.work()
    assert (done, len(warnings(world))) == (5, 5)
    world.clock.advance(days=2)
    with ThreadPoolExecutor(4) as pool:
        done = sum(pool.map(lambda _: world.parts.closing.look(), range(4)))
    world.work()
    assert (done, len(closings(world))) == (5, 5)
    assert {status(world, case) for case in many} == {"CLOSED"}


def clone(world: World, case: str, count: int) -> None:
    """So many more cases that are as one."""
    names = "store_id, customer_id, order_id, subject, status, priority, escalated, unread_count, last_message_at, " \
        "last_message_by, last_activity_at, created_at, updated_at, message_count, version, idle_warned"  # fmt: skip

    def job() -> None:
        for number in range(count):
            twin = f"case_{number:024d}"
            sql(f"INSERT INTO cases (id, {names}) SELECT ?, {names} FROM cases WHERE id = ?", (twin, case))
            for person in cases.participants(case):
                if person.role is Role.CUSTOMER:
                    cases.insert_participant(replace(person, case_id=twin, handle=f"{number:016d}".encode()))

    world.parts.database.write(job)


def test_an_hour_closes_a_share_of_the_open_cases_at_most(world: World) -> None:
    """HARDENING rule 22: 5 %, and a hundred at least."""
    clone(world, answered(world), 250)
    world.clock.advance(days=12)
    parts = world.parts
    assert sum(parts.closing.look() for _ in range(5)) == 100
    world.clock.advance(hours=1)
    assert sum(parts.closing.look() for _ in range(5)) == 100
    assert parts.closing.look(confirmed=True) == 51, "the operator's exception"
    assert sql("SELECT count(*) FROM outbox WHERE template = 'closing_soon'").fetchone() == (251,)


@pytest.mark.parametrize("span", [{"days": 12}, {"minutes": 6}, {"days": -1}, {"minutes": -6}])
def test_a_clock_that_jumps_closes_nothing(world: World, span: dict[str, float]) -> None:
    case = answered(world)
    world.parts.sweep()
    world.clock.jump(**span)
    world.parts.sweep()
    assert warnings(world) == []
    assert switches.is_stopped(Switch.CLOCK)
    (alarm,) = alarms.raised()
    assert alarm.text.startswith("The clock of this machine cannot be believed: it moved ")
    world.clock.advance(days=30)
    assert world.parts.closing.look() == 0, "until a sweep finds that a day has passed"
    assert status(world, case) == "AWAITING_CUSTOMER"
    world.parts.sweep()
    assert not switches.is_stopped(Switch.CLOCK)
    assert look(world) + len(warnings(world)) >= 1


def test_while_the_time_cannot_be_noted_nothing_is_done_by_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail of ours to ourselves, say, goes out all the same."""
    answered(world)
    world.clock.advance(days=12)

    def full() -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("gateway.clocks.sweeps.note", lambda *_: full())
        with pytest.raises(ExceptionGroup, match="the sweep is not complete"):
            world.parts.sweep()
    world.work()
    assert warnings(world) == []
    world.parts.sweep()
    world.work()
    assert len(warnings(world)) == 1


def test_time_that_passes_is_no_jump(world: World) -> None:
    answered(world)
    for _ in range(3):
        world.parts.sweep()
        world.clock.advance(days=3)
    world.parts.sweep()
    assert not switches.is_stopped(Switch.CLOCK)


def test_a_new_process_notices_a_clock_that_went_back(world: World) -> None:
    world.parts.sweep()
    world.close()
    world.clock.advance(minutes=-1)
    world.start()
    world.parts.sweep()
    assert switches.is_stopped(Switch.CLOCK)


def test_an_operator_has_stopped_closing(world: World) -> None:
    case = answered(world)
    world.parts.database.write(lambda: switches.stop(Switch.CLOSING, "a restore", START))
    assert look(world, days=30) == 0
    world.parts.database.write(lambda: switches.start(Switch.CLOSING))
    assert look(world) == 1
    assert status(world, case) == "AWAITING_CUSTOMER"

"""The law about statuses, pair by pair, written out by hand from DESIGN §2 and CONTRACT §5.4 and §5.5."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.cases.lifecycle import (
    LAW,
    Act,
    decide,
    refuse_late,
    reopens_until,
    reply_act,
    takes_thanks,
    waits_for_reply,
)
from gateway.cases.model import Audience, Case, Priority, Role, Status
from gateway.cases.settings import CaseSettings
from gateway.errors import NotAllowed, TooLate

OPEN, MERCHANT, CUSTOMER, CLOSED = (
    Status.OPEN,
    Status.AWAITING_MERCHANT,
    Status.AWAITING_CUSTOMER,
    Status.CLOSED,
)
BEFORE = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
NOW = BEFORE + timedelta(hours=3)

REOPEN_FIRST = "Cannot send messages on a closed case — reopen it first"
ONLY_CLOSED = "Only closed cases can be reopened"
NOT_IDLE = "Only a case that waits for its customer can get idle"
NOTHING_TO_KEEP = "Only a case that waits for its customer can be kept open"
NOT_WAITING = "Only a case that waits for its customer can go back to its merchant"

# Who acts, what he does, in which status; then the status after it and the trail text (None: no trail message).
ALLOWED: list[tuple[Role, Act, Status, Status, str | None]] = [
    (Role.CUSTOMER, Act.CUSTOMER_REPLIES, OPEN, MERCHANT, "Case is now awaiting the merchant"),
    (Role.CUSTOMER, Act.CUSTOMER_REPLIES, MERCHANT, MERCHANT, None),
    (Role.CUSTOMER, Act.CUSTOMER_REPLIES, CUSTOMER, MERCHANT, "Case is now awaiting the merchant"),
    (Role.CUSTOMER, Act.CUSTOMER_REPLIES, CLOSED, MERCHANT, "Case reopened by the customer, now awaiting the merchant"),
    (Role.CUSTOMER, Act.CUSTOMER_THANKS, OPEN, MERCHANT, "Case is now awaiting the merchant"),
    (Role.CUSTOMER, Act.CUSTOMER_THANKS, MERCHANT, MERCHANT, None),
    (Role.CUSTOMER, Act.CUSTOMER_THANKS, CUSTOMER, MERCHANT, "Case is now awaiting the merchant"),
    (Role.CUSTOMER, Act.CUSTOMER_THANKS, CLOSED, CLOSED, None),
    (Role.MERCHANT, Act.MERCHANT_REPLIES, OPEN, CUSTOMER, "Case is now awaiting the customer"),
    (Role.MERCHANT, Act.MERCHANT_REPLIES, MERCHANT, CUSTOMER, "Case is now awaiting the customer"),
    (Role.MERCHANT, Act.MERCHANT_REPLIES, CUSTOMER, CUSTOMER, None),
    (Role.MERCHANT, Act.MERCHANT_REPLIES_BY_MAIL, OPEN, CUSTOMER, "Case is now awaiting the customer"),
    (Role.MERCHANT, Act.MERCHANT_REPLIES_BY_MAIL, MERCHANT, CUSTOMER, "Case is now awaiting the customer"),
    (Role.MERCHANT, Act.MERCHANT_REPLIES_BY_MAIL, CUSTOMER, CUSTOMER, None),
    (
        Role.MERCHANT, Act.MERCHANT_REPLIES_BY_MAIL, CLOSED, CUSTOMER,
        "Case reopened by the merchant, now awaiting the customer",
    ),
    (Role.SUPPORT, Act.SUPPORT_REPLIES, OPEN, OPEN, None),
    (Role.SUPPORT, Act.SUPPORT_REPLIES, MERCHANT, OPEN, "Case is now open"),
    (Role.SUPPORT, Act.SUPPORT_REPLIES, CUSTOMER, OPEN, "Case is now open"),
    (Role.SUPPORT, Act.SUPPORT_REPLIES, CLOSED, OPEN, "Case reopened by support, now open"),
    (Role.MERCHANT, Act.CLOSE, OPEN, CLOSED, "Case closed by the merchant"),
    (Role.CUSTOMER, Act.CLOSE, MERCHANT, CLOSED, "Case closed by the customer"),
    (Role.SUPPORT, Act.CLOSE, CUSTOMER, CLOSED, "Case closed by support"),
    (Role.MERCHANT, Act.REOPEN, CLOSED, OPEN, "Case reopened by the merchant, now open"),
    (Role.MERCHANT, Act.AWAIT_CUSTOMER, OPEN, CUSTOMER, "Case is now awaiting the customer"),
    (Role.MERCHANT, Act.AWAIT_CUSTOMER, MERCHANT, CUSTOMER, "Case is now awaiting the customer"),
    (Role.MERCHANT, Act.AWAIT_CUSTOMER, CUSTOMER, CUSTOMER, None),
    (Role.SYSTEM, Act.IDLE_CLOSE, CUSTOMER, CLOSED, "Case closed by the system"),
    (Role.CUSTOMER, Act.KEEP_OPEN, CUSTOMER, CUSTOMER, "The customer keeps the case open"),
    (Role.SYSTEM, Act.NOT_DELIVERED, CUSTOMER, MERCHANT, "Case is now awaiting the merchant"),
    (Role.SYSTEM, Act.NOT_DELIVERED, CLOSED, MERCHANT, "Case reopened by the system, now awaiting the merchant"),
]  # fmt: skip
REFUSED: list[tuple[Role, Act, Status, str]] = [
    (Role.MERCHANT, Act.MERCHANT_REPLIES, CLOSED, REOPEN_FIRST),
    (Role.MERCHANT, Act.CLOSE, CLOSED, "Case is already closed"),
    (Role.MERCHANT, Act.REOPEN, OPEN, ONLY_CLOSED),
    (Role.MERCHANT, Act.REOPEN, MERCHANT, ONLY_CLOSED),
    (Role.MERCHANT, Act.REOPEN, CUSTOMER, ONLY_CLOSED),
    (Role.MERCHANT, Act.AWAIT_CUSTOMER, CLOSED, "Cannot set status on a closed case"),
    (Role.SYSTEM, Act.IDLE_CLOSE, OPEN, NOT_IDLE),
    (Role.SYSTEM, Act.IDLE_CLOSE, MERCHANT, NOT_IDLE),
    (Role.SYSTEM, Act.IDLE_CLOSE, CLOSED, NOT_IDLE),
    (Role.CUSTOMER, Act.KEEP_OPEN, OPEN, NOTHING_TO_KEEP),
    (Role.CUSTOMER, Act.KEEP_OPEN, MERCHANT, NOTHING_TO_KEEP),
    (Role.CUSTOMER, Act.KEEP_OPEN, CLOSED, NOTHING_TO_KEEP),
    (Role.SYSTEM, Act.NOT_DELIVERED, OPEN, NOT_WAITING),
    (Role.SYSTEM, Act.NOT_DELIVERED, MERCHANT, NOT_WAITING),
]
REPLIES = {
    Act.CUSTOMER_REPLIES, Act.CUSTOMER_THANKS, Act.MERCHANT_REPLIES, Act.MERCHANT_REPLIES_BY_MAIL, Act.SUPPORT_REPLIES,
}  # fmt: skip


def a_case(status: Status, *, unread: int = 3) -> Case:
    closed = status is CLOSED
    return Case(
        id="case_1", store_id="shp_1", customer_id="cus_1", order_id="ord_1", subject="The lid is missing",
        status=status, priority=Priority.HIGH, escalated=True, unread_count=unread, last_message_at=BEFORE,
        last_message_by=Role.SUPPORT, last_activity_at=BEFORE, closed_at=BEFORE if closed else None,
        closed_by=Role.SYSTEM if closed else None, created_at=BEFORE, updated_at=BEFORE, version=7,
    )  # fmt: skip


def test_every_pair_of_status_and_act_is_listed_once() -> None:
    listed = [(act, status) for _, act, status, *_ in (*ALLOWED, *REFUSED)]
    assert sorted(listed) == sorted((act, status) for act in Act for status in Status)
    assert {act: set(row) for act, row in LAW.items()} == {act: set(Status) for act in Act}


@pytest.mark.parametrize(("by", "act", "status", "target", "trail"), ALLOWED)
def test_an_act_moves_the_case(by: Role, act: Act, status: Status, target: Status, trail: str | None) -> None:
    change = decide(a_case(status), act, by, NOW)
    assert change.case.status is target
    assert change.trail == trail
    assert change.closed is (status is not CLOSED and target is CLOSED)
    assert change.reopened is (status is CLOSED and target is not CLOSED)
    assert change.audience is (Audience.STAFF if act is Act.NOT_DELIVERED else Audience.ALL)


@pytest.mark.parametrize(("by", "act", "status", "text"), REFUSED)
def test_an_act_that_the_law_forbids_says_why(by: Role, act: Act, status: Status, text: str) -> None:
    with pytest.raises(NotAllowed) as caught:
        decide(a_case(status), act, by, NOW)
    assert caught.value.text == text


@pytest.mark.parametrize(("by", "act", "status", "target", "trail"), ALLOWED)
def test_what_no_act_touches(by: Role, act: Act, status: Status, target: Status, trail: str | None) -> None:
    before = a_case(status)
    after = decide(before, act, by, NOW).case
    assert after == replace(
        before,
        status=after.status,
        unread_count=after.unread_count,
        reopened_at=NOW if status is CLOSED and target is not CLOSED else None,
        last_message_at=after.last_message_at,
        last_message_by=after.last_message_by,
        last_activity_at=after.last_activity_at,
        closed_at=after.closed_at,
        closed_by=after.closed_by,
        updated_at=NOW,
    )


@pytest.mark.parametrize(("by", "act", "status", "target", "trail"), [row for row in ALLOWED if row[1] in REPLIES])
def test_a_reply_moves_the_clocks(by: Role, act: Act, status: Status, target: Status, trail: str | None) -> None:
    after = decide(a_case(status), act, by, NOW).case
    assert (after.last_message_at, after.last_message_by, after.last_activity_at) == (NOW, by, NOW)


@pytest.mark.parametrize(("by", "act", "status", "target", "trail"), [row for row in ALLOWED if row[1] not in REPLIES])
def test_what_is_no_message_is_not_the_last_one(
    by: Role, act: Act, status: Status, target: Status, trail: str | None
) -> None:
    """CONTRACT §5.5: a SYSTEM trail message does not move lastMessageAt; nor does it make anything unread."""
    after = decide(a_case(status), act, by, NOW).case
    assert (after.last_message_at, after.last_message_by, after.unread_count) == (BEFORE, Role.SUPPORT, 3)


@pytest.mark.parametrize("act", [Act.REOPEN, Act.AWAIT_CUSTOMER])
def test_a_new_turn_starts_the_idle_clock_anew(act: Act) -> None:
    """Else a case that was reopened, or put to the customer, after a month would be idle at once."""
    status = CLOSED if act is Act.REOPEN else OPEN
    assert decide(a_case(status), act, Role.MERCHANT, NOW).case.last_activity_at == NOW


def test_asking_for_the_turn_that_it_is_does_not_start_the_idle_clock_anew() -> None:
    after = decide(a_case(CUSTOMER), Act.AWAIT_CUSTOMER, Role.MERCHANT, NOW).case
    assert after.last_activity_at == BEFORE


@pytest.mark.parametrize(
    ("role", "act", "unread"),
    [
        (Role.CUSTOMER, Act.CUSTOMER_REPLIES, 5),
        (Role.CUSTOMER, Act.CUSTOMER_THANKS, 5),
        (Role.SUPPORT, Act.SUPPORT_REPLIES, 5),
        (Role.MERCHANT, Act.MERCHANT_REPLIES, 0),
        (Role.MERCHANT, Act.MERCHANT_REPLIES_BY_MAIL, 0),
    ],
)
def test_who_answers_has_read_and_what_others_write_is_unread(role: Role, act: Act, unread: int) -> None:
    assert decide(a_case(OPEN, unread=3), act, role, NOW, messages=2).case.unread_count == unread


@pytest.mark.parametrize(
    ("act", "by", "status"),
    [
        (Act.CLOSE, Role.MERCHANT, OPEN),
        (Act.CLOSE, Role.CUSTOMER, MERCHANT),
        (Act.CLOSE, Role.SUPPORT, CUSTOMER),
        (Act.IDLE_CLOSE, Role.SYSTEM, CUSTOMER),
    ],
)
def test_a_closed_case_tells_who_closed_it_and_when(act: Act, by: Role, status: Status) -> None:
    after = decide(a_case(status), act, by, NOW).case
    assert (after.closed_at, after.closed_by) == (NOW, by)


@pytest.mark.parametrize(
    ("act", "by"),
    [
        (Act.CUSTOMER_REPLIES, Role.CUSTOMER),
        (Act.MERCHANT_REPLIES_BY_MAIL, Role.MERCHANT),
        (Act.SUPPORT_REPLIES, Role.SUPPORT),
        (Act.REOPEN, Role.MERCHANT),
        (Act.NOT_DELIVERED, Role.SYSTEM),
    ],
)
def test_a_reopened_case_forgets_its_closure(act: Act, by: Role) -> None:
    after = decide(a_case(CLOSED), act, by, NOW).case
    assert (after.closed_at, after.closed_by) == (None, None)


def test_which_cases_wait_for_an_answer_of_the_customer() -> None:
    """DESIGN §2: one that waits, and one that nobody closed; what a person closed stays closed."""
    assert {status: waits_for_reply(a_case(status)) for status in Status} == {
        OPEN: False, MERCHANT: False, CUSTOMER: True, CLOSED: True,
    }  # fmt: skip
    closers = (Role.CUSTOMER, Role.MERCHANT, Role.SUPPORT)
    assert not any(waits_for_reply(replace(a_case(CLOSED), closed_by=who)) for who in closers)


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("hours", "after", "takes"),
    [(72, HOUR, True), (72, 72 * HOUR, False), (72, 71 * HOUR, True), (0, timedelta(0), False), (1, -HOUR, True)],
)
def test_thanks_leave_a_case_closed_for_some_hours(hours: int, after: timedelta, takes: bool) -> None:
    settings = CaseSettings(thanks_hours=hours)
    assert takes_thanks(a_case(CLOSED), settings, BEFORE + after) is takes
    assert not any(takes_thanks(a_case(status), settings, BEFORE) for status in Status if status is not CLOSED)


def test_customers_may_open_a_case_again_for_as_long_as_its_store_says() -> None:
    week, case = CaseSettings(reopen_days=7), a_case(CLOSED)
    assert reopens_until(case, week) == BEFORE + timedelta(days=7)
    refuse_late(case, week, BEFORE + timedelta(days=7, milliseconds=-1))
    with pytest.raises(TooLate, match="closed too long ago"):
        refuse_late(case, week, BEFORE + timedelta(days=7))


def test_without_such_a_time_for_ever() -> None:
    assert reopens_until(a_case(CLOSED), CaseSettings()) is None
    refuse_late(a_case(CLOSED), CaseSettings(), BEFORE + timedelta(days=4_000))


def test_nothing_is_late_in_a_case_that_is_open() -> None:
    for status in (OPEN, MERCHANT, CUSTOMER):
        assert reopens_until(a_case(status), CaseSettings(reopen_days=1)) is None
        refuse_late(a_case(status), CaseSettings(reopen_days=1), BEFORE + timedelta(days=4_000))


def test_which_act_a_reply_is() -> None:
    assert reply_act(Role.CUSTOMER, by_mail=True, thanks=True) is Act.CUSTOMER_THANKS
    assert {(role, mail): reply_act(role, by_mail=mail) for role in list(Role)[:3] for mail in (True, False)} == {
        (Role.CUSTOMER, True): Act.CUSTOMER_REPLIES,
        (Role.CUSTOMER, False): Act.CUSTOMER_REPLIES,
        (Role.MERCHANT, True): Act.MERCHANT_REPLIES_BY_MAIL,
        (Role.MERCHANT, False): Act.MERCHANT_REPLIES,
        (Role.SUPPORT, True): Act.SUPPORT_REPLIES,
        (Role.SUPPORT, False): Act.SUPPORT_REPLIES,
    }

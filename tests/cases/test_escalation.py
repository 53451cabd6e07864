"""The signals as rules: what calls support in, what is said of it and to whom."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.cases.escalation import Facts, Kind, Rules, called, is_news, signals, silence
from gateway.cases.model import Audience, Case, Order, Priority, Role, Status

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
CASE = Case(
    id="case_1", store_id="shp_1", customer_id="cus_1", order_id="ord_1", subject="The lid", status=Status.OPEN,
    priority=Priority.HIGH, escalated=False, unread_count=1, last_message_at=NOW, last_message_by=Role.CUSTOMER,
    last_activity_at=NOW, closed_at=None, closed_by=None, created_at=NOW, updated_at=NOW,
)  # fmt: skip
ORDER = Order("ord_1", "shp_1", "cus_1", "1042", 2499, "EUR", "COMPLETED", NOW)
QUIET = Facts(CASE, ORDER, of_order=1, of_customer=1, of_address=1)
RULES = Rules(repeated_cases=3, repeated_days=30, silent_hours=24)


@pytest.mark.parametrize(
    ("facts", "kinds"),
    [
        (QUIET, []),
        (replace(QUIET, order=replace(ORDER, status="REFUNDED")), []),
        (replace(QUIET, order=replace(ORDER, status="CHARGEBACK")), [Kind.ORDER_DISPUTED]),
        (replace(QUIET, fraud_warning="stolen card"), [Kind.FRAUD_WARNING]),
        (replace(QUIET, of_order=2, of_customer=2, of_address=2), []),
        (replace(QUIET, of_order=3), [Kind.ORDER_REPEATS]),
        (replace(QUIET, of_customer=3, of_address=3), [Kind.CUSTOMER_REPEATS]),
        (replace(QUIET, of_customer=2, of_address=3), [Kind.CUSTOMER_ELSEWHERE]),
        (
            replace(QUIET, order=replace(ORDER, status="CHARGEBACK"), fraud_warning="stolen card", of_order=4,
                    of_customer=5, of_address=9),
            [Kind.ORDER_DISPUTED, Kind.FRAUD_WARNING, Kind.ORDER_REPEATS, Kind.CUSTOMER_REPEATS],
        ),
    ],
)  # fmt: skip
def test_what_is_a_signal(facts: Facts, kinds: list[Kind]) -> None:
    assert [signal.kind for signal in signals(facts, RULES)] == kinds


def test_repeated_cases_can_be_switched_off() -> None:
    many = replace(QUIET, of_order=50, of_customer=50, of_address=50)
    assert signals(many, replace(RULES, repeated_cases=0)) == ()


def test_a_store_reads_only_what_is_known_in_it() -> None:
    """HARDENING rule 21."""
    own = replace(QUIET, order=replace(ORDER, status="CHARGEBACK"), fraud_warning="x", of_order=3, of_customer=3)
    assert {signal.audience for signal in signals(replace(own, of_address=9), RULES)} == {Audience.STAFF}
    assert not any("9" in signal.reason for signal in signals(replace(own, of_address=9), RULES))
    (elsewhere,) = signals(replace(QUIET, of_address=9), RULES)
    assert elsewhere.audience is Audience.SUPPORT
    assert called("He sells the same in other shops").audience is Audience.SUPPORT


@pytest.mark.parametrize(
    ("changes", "hours", "found"),
    [
        ({}, 24, True),
        ({}, 23, False),
        ({"status": Status.AWAITING_MERCHANT, "priority": Priority.URGENT}, 25, True),
        ({"priority": Priority.NORMAL}, 99, False),
        ({"status": Status.AWAITING_CUSTOMER}, 99, False),
        ({"status": Status.CLOSED}, 99, False),
    ],
)
def test_a_merchant_who_lets_an_urgent_case_wait(changes: dict[str, object], hours: int, found: bool) -> None:
    case = replace(CASE, **changes)  # type: ignore[arg-type]
    assert (silence(case, RULES, NOW + timedelta(hours=hours)) is not None) is found
    assert silence(case, replace(RULES, silent_hours=0), NOW + timedelta(hours=hours)) is None


def test_each_silence_is_one_of_its_own() -> None:
    later = replace(CASE, last_message_at=NOW + timedelta(hours=2))
    first, same, second = (silence(case, RULES, NOW + timedelta(days=9)) for case in (CASE, CASE, later))
    assert first == same
    assert first is not None
    assert second is not None
    assert first.about != second.about


def test_a_call_is_the_same_when_its_words_are() -> None:
    assert called("Look  at\nthis") == called("Look at this")
    assert called("Look at this").about != called("Look at that").about
    assert len(called("x" * 9_000).reason) == 500
    assert len(called("x" * 9_000).about) <= 64


def test_what_is_news_to_support() -> None:
    assert is_news(Kind.ORDER_DISPUTED, ())
    assert is_news(Kind.ORDER_DISPUTED, {Kind.FRAUD_WARNING})
    assert not is_news(Kind.MERCHANT_SILENT, {Kind.MERCHANT_SILENT})
    assert is_news(Kind.CALLED, {Kind.CALLED})

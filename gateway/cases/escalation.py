"""Why the platform's support is called into a case: rules about what is known, decided without asking anybody.

    signal                what it stands on                                   who may read why (HARDENING rule 21)
    --------------------  --------------------------------------------------  ------------------------------------
    ORDER_DISPUTED        the order is in CHARGEBACK                          the store
    FRAUD_WARNING         an early fraud warning on the order                 the store
    ORDER_REPEATS         N unresolved or reopened cases of it in D days      the store
    CUSTOMER_REPEATS      the same of one customer                            the store
    CUSTOMER_ELSEWHERE    the same of his address in all stores together      support
    MERCHANT_SILENT       H hours without an answer on HIGH or URGENT         the store
    CALLED                a person said so, in his own words                  support

A signal counts once for a case and what it is `about`. The first one calls support in; of later ones support is told
when they are news to it (`is_news`), the customer and the merchant never again.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.cases.model import Audience, Case, Order, Priority, Status

CHARGEBACK = "CHARGEBACK"  # the status of an order whose payment is disputed (CONTRACT §10)
REASON_CHARACTERS = 500

CALLED_TEXT = "Support was called in"
JOINED_TEXT = "Support has joined"


class Kind(StrEnum):
    """What a signal stands on."""

    ORDER_DISPUTED = "order disputed"
    FRAUD_WARNING = "early fraud warning"
    ORDER_REPEATS = "repeated cases of the order"
    CUSTOMER_REPEATS = "repeated cases of the customer"
    CUSTOMER_ELSEWHERE = "repeated cases in all stores"
    MERCHANT_SILENT = "merchant silent"
    CALLED = "called"


@dataclass(frozen=True, slots=True)
class Signal:
    """Why support is called in. about: at most 64 characters, tells two of a kind apart. reason: for people, a line.

    audience: who may read the reason.
    """

    kind: Kind
    about: str
    reason: str
    audience: Audience = Audience.STAFF


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts as a signal. repeated_cases, silent_hours: 0 for never."""

    repeated_cases: int
    repeated_days: int
    silent_hours: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a case. fraud_warning: of its order, "" for none.

    of_order, of_customer, of_address: how many cases were opened within the days of the rules and are not closed, or
    were reopened within them; this case is one of them. of_address: in all stores.
    """

    case: Case
    order: Order
    fraud_warning: str = ""
    of_order: int = 0
    of_customer: int = 0
    of_address: int = 0


def signals(facts: Facts, rules: Rules) -> tuple[Signal, ...]:
    """What speaks for calling support into a case that was opened or reopened, or whose order has changed."""
    found = []
    order, case, enough = facts.order, facts.case, rules.repeated_cases
    if order.status == CHARGEBACK:
        found.append(Signal(Kind.ORDER_DISPUTED, order.id, f"The payment of order {order.number} is disputed"))
    if facts.fraud_warning:
        reason = f"There is an early fraud warning on order {order.number}: {facts.fraud_warning}"
        found.append(Signal(Kind.FRAUD_WARNING, order.id, reason))
    if not enough:
        return tuple(found)
    within = f"within {rules.repeated_days} days are not resolved, or were reopened"
    if facts.of_order >= enough:
        reason = f"{facts.of_order} cases about order {order.number} {within}"
        found.append(Signal(Kind.ORDER_REPEATS, order.id, reason))
    if facts.of_customer >= enough:
        reason = f"{facts.of_customer} cases of this customer {within}"
        found.append(Signal(Kind.CUSTOMER_REPEATS, case.customer_id, reason))
    elif facts.of_address >= enough:
        reason = f"{facts.of_address} cases of this customer in several stores {within}"
        found.append(Signal(Kind.CUSTOMER_ELSEWHERE, case.customer_id, reason, Audience.SUPPORT))
    return tuple(found)


def silence(case: Case, rules: Rules, now: datetime) -> Signal | None:
    """What speaks for it when a merchant lets somebody wait for whom it is urgent. Each silence is one of its own."""
    waits = case.status in (Status.OPEN, Status.AWAITING_MERCHANT)
    urgent = case.priority in (Priority.HIGH, Priority.URGENT)
    if not (rules.silent_hours and waits and urgent):
        return None
    if now - case.last_message_at < timedelta(hours=rules.silent_hours):
        return None
    reason = f"The merchant has not answered for {rules.silent_hours} hours, and the priority is {case.priority}"
    return Signal(Kind.MERCHANT_SILENT, about_silence(case.last_message_at), reason)


def about_silence(since: datetime) -> str:
    """What tells one silence from another: when it began, in milliseconds since 1970."""
    return str(round(since.timestamp() * 1_000))


def called(reason: str) -> Signal:
    """Somebody calls support in. The same words again are the same call; a person's words are for support alone."""
    reason = " ".join(reason.split())[:REASON_CHARACTERS]
    return Signal(Kind.CALLED, hashlib.sha256(reason.encode()).hexdigest(), reason, Audience.SUPPORT)


def is_news(kind: Kind, known: Iterable[Kind]) -> bool:
    """Whether support is mailed a signal about a case that had signals of these kinds: each kind once, calls always."""
    return kind is Kind.CALLED or kind not in known

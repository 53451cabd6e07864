"""The law about statuses: one table of (status, act), and what an act makes of a case (DESIGN §2).

Theory of operation. A door names the act; `decide` looks it up and answers with the case as it will be and the trail
text that records the change, or raises `NotAllowed` with the words that the caller may read. Every pair of status and
act stands in the table, so a new act cannot be forgotten in one status. The clock is an argument.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.cases.model import Audience, Case, Role, Status
from gateway.cases.settings import CaseSettings
from gateway.errors import NotAllowed, TooLate


class Act(StrEnum):
    """What can happen to a status."""

    CUSTOMER_REPLIES = "customer replies"
    CUSTOMER_THANKS = "customer only says thanks"
    MERCHANT_REPLIES = "merchant replies"
    MERCHANT_REPLIES_BY_MAIL = "merchant replies by mail"
    SUPPORT_REPLIES = "support replies"
    CLOSE = "somebody closes"
    REOPEN = "somebody reopens"
    AWAIT_CUSTOMER = "merchant sets AWAITING_CUSTOMER"
    IDLE_CLOSE = "idle too long"
    KEEP_OPEN = "the customer keeps it open"
    NOT_DELIVERED = "the last reply did not reach its customer"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The act is forbidden in this status; `text` says why."""

    text: str


_OPEN, _MERCHANT, _CUSTOMER, _CLOSED = Status.OPEN, Status.AWAITING_MERCHANT, Status.AWAITING_CUSTOMER, Status.CLOSED
_REOPEN_FIRST = Refusal("Cannot send messages on a closed case — reopen it first")
_ONLY_CLOSED = Refusal("Only closed cases can be reopened")
_NOT_IDLE = Refusal("Only a case that waits for its customer can get idle")
_NOTHING_TO_KEEP = Refusal("Only a case that waits for its customer can be kept open")
_NOT_WAITING = Refusal("Only a case that waits for its customer can go back to its merchant")

# Texts of refusals that the HTTP contract shows are the contract's own (CONTRACT §5.4, §5.5).
LAW: dict[Act, dict[Status, Status | Refusal]] = {
    Act.CUSTOMER_REPLIES: dict.fromkeys(Status, _MERCHANT),
    # By mail and soon after the closing only: see `takes_thanks`.
    Act.CUSTOMER_THANKS: {_OPEN: _MERCHANT, _MERCHANT: _MERCHANT, _CUSTOMER: _MERCHANT, _CLOSED: _CLOSED},
    Act.MERCHANT_REPLIES: {
        _OPEN: _CUSTOMER, _MERCHANT: _CUSTOMER, _CUSTOMER: _CUSTOMER, _CLOSED: _REOPEN_FIRST,
    },
    Act.MERCHANT_REPLIES_BY_MAIL: dict.fromkeys(Status, _CUSTOMER),
    Act.SUPPORT_REPLIES: dict.fromkeys(Status, _OPEN),
    Act.CLOSE: {
        _OPEN: _CLOSED, _MERCHANT: _CLOSED, _CUSTOMER: _CLOSED, _CLOSED: Refusal("Case is already closed"),
    },
    Act.REOPEN: {_OPEN: _ONLY_CLOSED, _MERCHANT: _ONLY_CLOSED, _CUSTOMER: _ONLY_CLOSED, _CLOSED: _OPEN},
    Act.AWAIT_CUSTOMER: {
        _OPEN: _CUSTOMER, _MERCHANT: _CUSTOMER, _CUSTOMER: _CUSTOMER,
        _CLOSED: Refusal("Cannot set status on a closed case"),
    },
    Act.IDLE_CLOSE: {_OPEN: _NOT_IDLE, _MERCHANT: _NOT_IDLE, _CUSTOMER: _CLOSED, _CLOSED: _NOT_IDLE},
    Act.KEEP_OPEN: {
        _OPEN: _NOTHING_TO_KEEP, _MERCHANT: _NOTHING_TO_KEEP, _CUSTOMER: _CUSTOMER, _CLOSED: _NOTHING_TO_KEEP,
    },
    # Of the closed ones those that nobody closed: see `waits_for_reply`.
    Act.NOT_DELIVERED: {
        _OPEN: _NOT_WAITING, _MERCHANT: _NOT_WAITING, _CUSTOMER: _MERCHANT, _CLOSED: _MERCHANT,
    },
}  # fmt: skip

_REPLIES = {
    Act.CUSTOMER_REPLIES, Act.CUSTOMER_THANKS, Act.MERCHANT_REPLIES, Act.MERCHANT_REPLIES_BY_MAIL,
    Act.SUPPORT_REPLIES,
}  # fmt: skip
_WHO = {
    Role.CUSTOMER: "the customer",
    Role.MERCHANT: "the merchant",
    Role.SUPPORT: "support",
    Role.SYSTEM: "the system",
}
_NOW = {_OPEN: "open", _MERCHANT: "awaiting the merchant", _CUSTOMER: "awaiting the customer"}


@dataclass(frozen=True, slots=True)
class Change:
    """The case as it will be, and the trail text of the change of status (None when the status stays).

    audience: who may see that text.
    """

    case: Case
    trail: str | None
    reopened: bool = False
    closed: bool = False
    audience: Audience = Audience.ALL


def decide(case: Case, act: Act, by: Role, now: datetime, *, messages: int = 1) -> Change:
    """Apply one act to a case. messages: how many a reply adds. Raises NotAllowed. The version stays."""
    target = LAW[act][case.status]
    if isinstance(target, Refusal):
        raise NotAllowed(target.text)
    after = replace(case, status=target, updated_at=now)
    audience = Audience.STAFF if act is Act.NOT_DELIVERED else Audience.ALL  # HARDENING rule 21
    if act in _REPLIES:
        after = _with_messages(after, by, now, messages)
    if act is Act.KEEP_OPEN:
        return Change(replace(after, last_activity_at=now), "The customer keeps the case open")
    if target == case.status:
        return Change(after, None)
    if target is Status.CLOSED:
        return Change(replace(after, closed_at=now, closed_by=by), f"Case closed by {_WHO[by]}", closed=True)
    if case.status is Status.CLOSED:
        text = f"Case reopened by {_WHO[by]}, now {_NOW[target]}"
        after = replace(after, closed_at=None, closed_by=None, last_activity_at=now, reopened_at=now)
        return Change(after, text, reopened=True, audience=audience)
    return Change(replace(after, last_activity_at=now), f"Case is now {_NOW[target]}", audience=audience)


def _with_messages(case: Case, by: Role, now: datetime, messages: int) -> Case:
    """A person's message moves the clocks. Who answers has read; what others write the merchant has yet to read."""
    unread = 0 if by is Role.MERCHANT else case.unread_count + messages
    return replace(case, last_message_at=now, last_message_by=by, last_activity_at=now, unread_count=unread)


def waits_for_reply(case: Case) -> bool:
    """Whether it waits for an answer of the customer, or was closed because none came (DESIGN §2)."""
    return case.status is Status.AWAITING_CUSTOMER or (case.status is _CLOSED and case.closed_by is Role.SYSTEM)


def takes_thanks(case: Case, settings: CaseSettings, now: datetime) -> bool:
    """Whether it was closed so lately that a mail of mere thanks leaves it closed."""
    return case.closed_at is not None and now - case.closed_at < timedelta(hours=settings.thanks_hours)


def reopens_until(case: Case, settings: CaseSettings) -> datetime | None:
    """Until when its customer may open a closed case again, by mail or page; None for ever, and for an open case."""
    if case.closed_at is None or not settings.reopen_days:
        return None
    return case.closed_at + timedelta(days=settings.reopen_days)


def refuse_late(case: Case, settings: CaseSettings, now: datetime) -> None:
    """Refuse what its customer would open a closed case with, when that time is over. Raises TooLate."""
    until = reopens_until(case, settings)
    if until is not None and now >= until:
        raise TooLate("The case was closed too long ago to be opened again")


def reply_act(role: Role, *, by_mail: bool, thanks: bool = False) -> Act:
    """Which act a reply of that role is. thanks: a customer says nothing else, and `takes_thanks`."""
    if role is Role.CUSTOMER:
        return Act.CUSTOMER_THANKS if thanks else Act.CUSTOMER_REPLIES
    if role is Role.SUPPORT:
        return Act.SUPPORT_REPLIES
    return Act.MERCHANT_REPLIES_BY_MAIL if by_mail else Act.MERCHANT_REPLIES

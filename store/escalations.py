"""Why support was called into cases, each reason once; and the cases that may give a reason.

Functions that write run inside a job of `Database.write`.
"""

from datetime import datetime, timedelta

from gateway.cases.escalation import Facts, Kind, Signal
from gateway.cases.model import CaseView, Role, Status
from store.database import sql
from store.tables import from_ms, to_ms

CONCERNED = 20  # cases of one order into which support is called at once
COUNTED = 100  # cases of one customer or order that are counted, at most


def known(case_id: str) -> frozenset[tuple[Kind, str]]:
    """The signals that a case had: kind, and what each was about."""
    return frozenset(
        (Kind(signal), about)
        for signal, about in sql("SELECT signal, about FROM escalation WHERE case_id = ?", (case_id,))
    )


def insert(case_id: str, signal: Signal, now: datetime) -> None:
    """Note a signal that the case did not have yet."""
    sql(
        "INSERT INTO escalation (case_id, signal, about, at, reason) VALUES (?, ?, ?, ?, ?)",
        (case_id, signal.kind, signal.about, to_ms(now), signal.reason),
    )


def has_spoken(case_id: str, role: Role) -> bool:
    """Whether somebody in a role has written on a case."""
    row = sql("SELECT 1 FROM message WHERE case_id = ? AND sender_type = ? LIMIT 1", (case_id, role)).fetchone()
    return row is not None


def concerned(order_id: str) -> tuple[str, ...]:
    """The cases that something about an order concerns: those that are not closed, else the one that closed last."""
    rows = sql(
        "SELECT id, status FROM cases WHERE order_id = ? AND erased_at IS NULL"
        " ORDER BY CASE WHEN status = ? THEN 1 ELSE 0 END, updated_at DESC, id DESC LIMIT ?",
        (order_id, Status.CLOSED, CONCERNED),
    ).fetchall()
    waiting = tuple(case_id for case_id, status in rows if status != Status.CLOSED)
    return waiting or tuple(case_id for case_id, _ in rows[:1])


def facts(view: CaseView, within: timedelta) -> Facts:
    """What is known of a case. within: how long before it was opened or reopened the cases that count may have been.

    Whenever it is looked at: later cases do not count, so of several only the one with which they are enough does.
    """
    case, order = view.case, view.order
    until = max(case.created_at, case.reopened_at or case.created_at)
    span = (until - within, until)
    (warning,) = sql("SELECT fraud_warning FROM orders WHERE id = ?", (order.id,)).fetchone()
    return Facts(
        case=case,
        order=order,
        fraud_warning=warning,
        of_order=_count("cases c WHERE c.order_id = ?", order.id, span),
        of_customer=_count("cases c WHERE c.customer_id = ?", case.customer_id, span),
        of_address=_count(
            f"participant p JOIN cases c ON c.id = p.case_id WHERE p.role = '{Role.CUSTOMER}' AND lower(p.address) = ?",
            view.customer.email.lower(),
            span,
        ),
    )


def _count(cases: str, value: str, span: tuple[datetime, datetime]) -> int:
    since, until = map(to_ms, span)
    row: tuple[int] = sql(
        f"SELECT count(*) FROM (SELECT 1 FROM {cases} AND ((c.created_at BETWEEN ? AND ? AND c.status <> ?)"
        " OR c.reopened_at BETWEEN ? AND ?) LIMIT ?) AS counted",
        (value, since, until, Status.CLOSED, since, until, COUNTED),
    ).fetchone()
    return row[0]


def opened(after: datetime, until: datetime, limit: int) -> tuple[tuple[str, ...], datetime]:
    """Cases opened in a span, the oldest first, and up to which moment these are all; `until` when no more are left.

    limit: about how many; those of one millisecond stay together.
    """
    return _span("created_at", "", after, until, limit)


def reopened(after: datetime, until: datetime, limit: int) -> tuple[tuple[str, ...], datetime]:
    """Cases reopened in a span; as `opened`."""
    return _span("reopened_at", " AND reopened_at IS NOT NULL", after, until, limit)


def _span(column: str, which: str, after: datetime, until: datetime, limit: int) -> tuple[tuple[str, ...], datetime]:
    within, span = f"FROM cases WHERE {column} > ? AND {column} <= ?{which}", (to_ms(after), to_ms(until))
    full = sql(f"SELECT {column} {within} ORDER BY {column} LIMIT 1 OFFSET ?", (*span, limit - 1)).fetchone()
    reached = until if full is None else from_ms(full[0])
    rows = sql(f"SELECT id {within} ORDER BY {column}", (to_ms(after), to_ms(reached)))
    return tuple(row[0] for row in rows), reached


def kept_waiting(now: datetime, hours: int, limit: int) -> tuple[str, ...]:
    """Urgent cases whose merchant was silent for so many hours, without those whose silence is a signal already."""
    # The first two conditions are word for word those of the index cases_urgent.
    rows = sql(
        "SELECT c.id FROM cases c WHERE c.priority IN ('HIGH', 'URGENT') AND c.status IN ('OPEN', 'AWAITING_MERCHANT')"
        " AND c.last_message_at <= ? AND NOT EXISTS (SELECT 1 FROM escalation e WHERE e.case_id = c.id"
        " AND e.signal = ? AND e.about = CAST(c.last_message_at AS VARCHAR(64)))"
        " ORDER BY c.last_message_at LIMIT ?",
        (to_ms(now - timedelta(hours=hours)), Kind.MERCHANT_SILENT, limit),
    )
    return tuple(row[0] for row in rows)

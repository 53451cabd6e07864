"""Silent cases: which are due, and the warnings that were made before their closing (HARDENING rule 12).

A warning stands for one case and one silence, and its mail is a row of the outbox: whether the relay has taken it is
read there, so that nothing has to be told twice. Functions that write run inside a job of `Database.write`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.cases.model import Status
from store.database import sql
from store.tables import from_ms, to_ms


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning. idle_since: the last activity before the silence. closes_at: what it promises.

    sent_at: when a relay took its mail, None until then.
    """

    case_id: str
    idle_since: datetime
    warned_at: datetime
    closes_at: datetime
    sent_at: datetime | None

    @property
    def promised(self) -> timedelta:
        """How much time the customer has, from the moment when the mail left."""
        return self.closes_at - self.warned_at

    def may_close(self, now: datetime) -> bool:
        """Whether the time is over, the one that was promised as well as the one since the mail left."""
        return self.sent_at is not None and now >= max(self.closes_at, self.sent_at + self.promised)


# Word for word the condition of the index cases_idle.
_SILENT = f"status = '{Status.AWAITING_CUSTOMER}' AND NOT idle_warned"


def silent(
    store_id: str, until: datetime, limit: int, after: tuple[datetime, str] | None = None
) -> list[tuple[datetime, str]]:
    """Cases of a store that are silent since that moment or longer and of which nobody is warned, the longest first.

    Each as (last activity, id). after: the last one of the batch before.
    """
    active_at, case_id = (to_ms(after[0]), after[1]) if after else (-1, "")
    rows = sql(
        f"SELECT last_activity_at, id FROM cases WHERE store_id = ? AND {_SILENT} AND last_activity_at <= ?"
        " AND (last_activity_at, id) > (?, ?) ORDER BY last_activity_at, id LIMIT ?",
        (store_id, to_ms(until), active_at, case_id, limit),
    )
    return [(from_ms(moment), case_id) for moment, case_id in rows]


def open_cases() -> int:
    """How many cases are not closed."""
    row: tuple[int] = sql(
        f"SELECT count(*) FROM cases WHERE status IN ({', '.join('?' * len(_OPEN))})", _OPEN
    ).fetchone()
    return row[0]


_OPEN = tuple(status for status in Status if status is not Status.CLOSED)


def insert(case_id: str, idle_since: datetime, outbox_id: int, warned_at: datetime, closes_at: datetime) -> None:
    """Note the warning that stands in the outbox."""
    sql(
        "INSERT INTO warning (case_id, idle_since, outbox_id, warned_at, closes_at, state)"
        " VALUES (?, ?, ?, ?, ?, 'waiting')",
        (case_id, to_ms(idle_since), outbox_id, to_ms(warned_at), to_ms(closes_at)),
    )
    mark_warned(case_id)


def mark_warned(case_id: str) -> None:
    """This silence needs no look any more until the case moves: it was warned of, or nobody can be."""
    sql("UPDATE cases SET idle_warned = ? WHERE id = ?", (True, case_id))


def is_warned(case_id: str) -> bool:
    """Whether this silence needs no look."""
    row = sql("SELECT idle_warned FROM cases WHERE id = ?", (case_id,)).fetchone()
    return row is not None and bool(row[0])


_WARNED = "w.case_id, w.idle_since, w.warned_at, w.closes_at, o.sent_at"
_FROM = "FROM warning w LEFT JOIN outbox o ON o.id = w.outbox_id"


def _warned(row: Sequence[Any]) -> Warned:
    case_id, idle_since, warned_at, closes_at, sent_at = row
    return Warned(
        case_id, from_ms(idle_since), from_ms(warned_at), from_ms(closes_at),
        None if sent_at is None else from_ms(sent_at),
    )  # fmt: skip


def due(now: datetime, limit: int, after: tuple[datetime, str] | None = None) -> list[Warned]:
    """Warnings whose promised date has come and whose mail has left, the oldest first. after: (closes_at, case)."""
    closes_at, case_id = (to_ms(after[0]), after[1]) if after else (-1, "")
    # CROSS JOIN keeps the order of the tables: SQLite would begin with all mails that were ever sent.
    rows = sql(
        f"SELECT {_WARNED} FROM warning w CROSS JOIN outbox o WHERE o.id = w.outbox_id AND w.state = 'waiting'"
        " AND w.closes_at <= ? AND (w.closes_at, w.case_id) > (?, ?) AND o.state = 'sent'"
        " AND o.report NOT IN ('bounced', 'suppressed') ORDER BY w.closes_at, w.case_id LIMIT ?",
        (to_ms(now), closes_at, case_id, limit),
    )
    return list(map(_warned, rows))


def forget_stale(now: datetime, limit: int) -> int:
    """Take back warnings that came to nothing, of those whose date has come. Returns how many.

    Of a case that has moved nothing is left to do. Of one that is still silent the mail was cancelled (its address was
    replaced, say): it is warned of anew.
    """
    rows = sql(
        "SELECT w.case_id, w.idle_since FROM warning w LEFT JOIN cases c ON c.id = w.case_id"
        " LEFT JOIN outbox o ON o.id = w.outbox_id WHERE w.state = 'waiting' AND w.closes_at <= ?"
        " AND (c.id IS NULL OR c.status <> ? OR c.last_activity_at <> w.idle_since OR o.id IS NULL"
        " OR (o.state = 'cancelled' AND o.report = '')) ORDER BY w.closes_at LIMIT ?",
        (to_ms(now), Status.AWAITING_CUSTOMER, limit),
    ).fetchall()
    for case_id, idle_since in rows:
        withdraw(case_id, from_ms(idle_since))
    return len(rows)


def by_mail(outbox_id: int) -> Warned | None:
    """The warning that a mail is, or None."""
    row = sql(f"SELECT {_WARNED} {_FROM} WHERE w.outbox_id = ?", (outbox_id,)).fetchone()
    return None if row is None else _warned(row)


def of_silence(case_id: str, idle_since: datetime) -> Warned | None:
    """The warning of a silence whose case it may still close, or None."""
    row = sql(
        f"SELECT {_WARNED} {_FROM} WHERE w.case_id = ? AND w.idle_since = ? AND w.state = 'waiting'"
        " AND o.state = 'sent' AND o.report NOT IN ('bounced', 'suppressed')",
        (case_id, to_ms(idle_since)),
    ).fetchone()
    return None if row is None else _warned(row)


def withdraw(case_id: str, idle_since: datetime) -> None:
    """Take a warning back: if its case is still silent, it is looked at like any other."""
    at = to_ms(idle_since)
    sql("DELETE FROM warning WHERE case_id = ? AND idle_since = ? AND state = 'waiting'", (case_id, at))
    sql(
        "UPDATE cases SET idle_warned = ? WHERE id = ? AND last_activity_at = ? AND status = ?",
        (False, case_id, at, Status.AWAITING_CUSTOMER),
    )


def settle(warned: Warned, state: str) -> None:
    """Note what a warning came to: closed or undelivered."""
    sql(
        "UPDATE warning SET state = ? WHERE case_id = ? AND idle_since = ?",
        (state, warned.case_id, to_ms(warned.idle_since)),
    )

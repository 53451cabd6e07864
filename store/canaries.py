"""Mails of ours to ourselves: when each left, and whether it came back.

Functions that write run inside a job of `Database.write`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from store.database import sql
from store.tables import from_ms, to_ms

KEPT = timedelta(days=7)
_AT_MOST = 10  # missing ones that are told of; more say nothing new


@dataclass(frozen=True, slots=True)
class Canary:
    """One that is missing, with what is known of its mail: as in `outbox.Outgoing`."""

    sent_at: datetime
    state: str
    answer: str
    report: str
    report_text: str


def insert(handle: bytes, mail_handle: bytes, now: datetime) -> None:
    """Note that one was queued. handle: in its address; mail_handle: of its row in the outbox."""
    sql(
        "INSERT INTO canary (handle, sent_at, outbox_id) SELECT ?, ?, id FROM outbox WHERE handle = ?",
        (handle, to_ms(now), mail_handle),
    )


def withdraw() -> int:
    """Cancel those that still wait in the outbox: a newer one goes out in their place. Returns how many.

    After an outage of the relay one canary tells as much as hundreds.
    """
    cancelled: int = sql(
        "UPDATE outbox SET state = 'cancelled', answer = 'cancelled, as a newer canary goes out instead'"
        " || CASE answer WHEN '' THEN '' ELSE ': ' || answer END"
        " WHERE state = 'queued' AND id IN (SELECT outbox_id FROM canary WHERE seen_at IS NULL AND sent_at >="
        " (SELECT coalesce(max(sent_at), 0) FROM canary WHERE seen_at IS NOT NULL))"
    ).rowcount
    return cancelled


def note_seen(handle: bytes, now: datetime) -> bool:
    """It came back. False: it had before, or it is not known (any more)."""
    seen: int = sql("UPDATE canary SET seen_at = ? WHERE handle = ? AND seen_at IS NULL", (to_ms(now), handle)).rowcount
    return seen == 1


def missing(by: datetime) -> tuple[Canary, ...]:
    """Those that left until then, after the last one that came back: the newest first, some of them."""
    rows = sql(
        "SELECT c.sent_at, o.state, o.answer, o.report, o.report_text FROM canary c JOIN outbox o ON o.id = c.outbox_id"
        " WHERE c.sent_at <= ? AND c.sent_at >"
        " (SELECT coalesce(max(sent_at), 0) FROM canary WHERE seen_at IS NOT NULL) ORDER BY c.sent_at DESC LIMIT ?",
        (to_ms(by), _AT_MOST),
    )
    return tuple(Canary(from_ms(sent_at), *rest) for sent_at, *rest in rows)


def last_seen() -> datetime | None:
    """When one came back last."""
    row = sql("SELECT max(seen_at) FROM canary").fetchone()
    return None if row[0] is None else from_ms(row[0])


def forget_old(now: datetime) -> int:
    """Remove those that left a week ago. Returns how many."""
    removed: int = sql("DELETE FROM canary WHERE sent_at < ?", (to_ms(now - KEPT),)).rowcount
    return removed

"""What was heard of mails after they went out, and what the people of a case see of that (HARDENING rule 8).

    sent ──▶ delayed ──▶ bounced | complained        by a report that came to the mail's own bounce address
    queued ──▶ bounced                               refused by the relay for good
    queued ──▶ failed                                given up
    queued ──▶ suppressed                            not sent, because earlier mail to the address failed

The first that is final stands; whatever comes after it is only counted. Bounced, failed and suppressed mails of which
the people of the case have not heard are a list of work.

Functions that write run inside a job of `Database.write`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from gateway.cases.model import Delivery, DeliveryState, Role
from store.database import sql
from store.tables import from_ms, to_ms

_TEXT = 500  # characters of a reporter's words that are kept


@dataclass(frozen=True, slots=True)
class Mailed:
    """An outgoing mail as a report about it sees it. role: of its recipient in the case; None for a letter."""

    id: int
    recipient: str
    role: Role | None
    template: str
    state: str
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A mail that did not arrive. role, template: as in Mailed. text: why, in the words of whoever refused it."""

    id: int
    case_id: str
    message_id: str | None
    role: Role | None
    text: str
    template: str


def find(handle: bytes) -> Mailed | None:
    """The mail whose bounce address holds that handle, or None."""
    row = sql(
        "SELECT o.id, o.recipient, p.role, o.template, o.state, o.sent_at FROM outbox o"
        " LEFT JOIN participant p ON p.id = o.participant_id WHERE o.handle = ?",
        (handle,),
    ).fetchone()
    if row is None:
        return None
    id_, recipient, role, template, state, sent_at = row
    return Mailed(id_, recipient, _role(role), template, state, None if sent_at is None else from_ms(sent_at))


def note(outbox_id: int, report: str, text: str, now: datetime) -> bool:
    """Note a report: delayed, bounced or complained. Returns whether it is news; else it is only counted."""
    changed: int = sql(
        "UPDATE outbox SET report = ?, report_text = ?, reported_at = ?, reports = reports + 1"
        " WHERE id = ? AND state = 'sent' AND report IN ('', 'delayed')",
        (report, text[:_TEXT], to_ms(now), outbox_id),
    ).rowcount
    if not changed:
        count(outbox_id)
    return changed == 1


def count(outbox_id: int) -> None:
    """Count a report that changes nothing."""
    sql("UPDATE outbox SET reports = reports + 1 WHERE id = ?", (outbox_id,))


def refused(outbox_id: int, text: str, now: datetime) -> None:
    """A relay has refused the mail for good."""
    _failed(outbox_id, "bounced", text, now)


def given_up(outbox_id: int, text: str, now: datetime) -> None:
    """No relay took the mail for days. text: what the last one said."""
    _failed(outbox_id, "", text, now)


def _failed(outbox_id: int, report: str, text: str, now: datetime) -> None:
    sql(
        "UPDATE outbox SET report = ?, report_text = ?, reported_at = ? WHERE id = ? AND state = 'failed'",
        (report, text[:_TEXT], to_ms(now), outbox_id),
    )


# Word for word the condition of the index outbox_untold.
_UNTOLD = "told_at IS NULL AND (report IN ('bounced', 'suppressed') OR state = 'failed')"


def untold(limit: int) -> tuple[Undelivered, ...]:
    """Mails that did not arrive and of which nobody has heard, the oldest first."""
    rows = sql(
        "SELECT o.id, o.case_id, o.message_id, p.role, o.report_text, o.template FROM (SELECT id, case_id, message_id,"
        f" participant_id, report_text, template FROM outbox WHERE {_UNTOLD} ORDER BY id LIMIT ?) AS o"
        " LEFT JOIN participant p ON p.id = o.participant_id ORDER BY o.id",
        (limit,),
    )
    return tuple(
        Undelivered(id_, case, message, _role(role), text, template)
        for id_, case, message, role, text, template in rows
    )


def mark_told(outbox_id: int, now: datetime) -> bool:
    """Whoever must hear of it has heard. False: another worker was faster, or the mail is sent again."""
    told: int = sql(f"UPDATE outbox SET told_at = ? WHERE id = ? AND {_UNTOLD}", (to_ms(now), outbox_id)).rowcount
    return told == 1


def sent_since(since: datetime, looked_at: int) -> int:
    """How many of the latest mails were handed over since then; no more than `looked_at` are looked at."""
    row: tuple[int] = sql(
        "SELECT count(*) FROM (SELECT sent_at FROM outbox WHERE state = 'sent' ORDER BY id DESC LIMIT ?) AS latest"
        " WHERE sent_at >= ?",
        (looked_at, to_ms(since)),
    ).fetchone()
    return row[0]


def deliveries(message_ids: Sequence[str]) -> dict[str, tuple[Delivery, ...]]:
    """What became of the mails that told of these messages, by message; of a page of them in one query."""
    rows = sql(
        "SELECT o.message_id, p.role, o.state, o.report, coalesce(o.reported_at, o.sent_at, o.created_at),"
        " o.report_text FROM outbox o JOIN participant p ON p.id = o.participant_id"
        f" WHERE o.message_id IN ({', '.join('?' * len(message_ids))}) ORDER BY o.message_id, o.id",
        message_ids,
    ).fetchall()
    return {
        message_id: tuple(_delivery(*row[1:]) for row in of_message if row[2] != "cancelled" or row[3])
        for message_id, of_message in groupby(rows, key=lambda row: row[0])
    }


def _delivery(role: str, state: str, report: str, at: int, text: str) -> Delivery:
    found = DeliveryState(report or _STATES[state])
    # HARDENING rule 21: what is said about support's own addresses is nothing for a store.
    return Delivery(Role(role), found, from_ms(at), "" if role == Role.SUPPORT else text)


_STATES = {
    "queued": DeliveryState.QUEUED,
    "claimed": DeliveryState.QUEUED,
    "sent": DeliveryState.SENT,
    "failed": DeliveryState.FAILED,
}


def _role(value: str | None) -> Role | None:
    return None if value is None else Role(value)

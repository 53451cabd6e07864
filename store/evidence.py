"""What is read about one case to prove how its conversation went."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from gateway.cases.model import Audience, Message, Role
from store import cases
from store.database import sql
from store.tables import from_ms

KEY_MADE = "evidence.key_made"  # in the audit trail: the fingerprint of a key is its subject


@dataclass(frozen=True, slots=True)
class Said:
    """A message with where it came from. mail_id: the Message-ID of its mail; full_text: before cutting, or ""."""

    message: Message
    participant_id: int | None
    mail_id: str
    full_text: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """A mail as it came. sha256: of its bytes, hex, also when they are no longer kept.

    authentication: as `Authentication.to_json` wrote it, "" when nobody asked.
    """

    id: int
    kept_at: datetime
    mail_from: str
    client: str
    helo: str
    size: int
    sha256: str
    authentication: str


@dataclass(frozen=True, slots=True)
class Departure:
    """An outgoing mail of a case, without its bytes. role: of its recipient, None when he is no participant.

    state, answer, report, report_text: as in `store.outbox.Outgoing`.
    """

    id: int
    message_id: str | None
    role: Role | None
    template: str
    recipient: str
    rfc_message_id: str
    created_at: datetime
    sent_at: datetime | None
    state: str
    relay: str
    answer: str
    report: str
    report_text: str
    reported_at: datetime | None
    attempts: int


@contextmanager
def one_moment() -> Iterator[None]:
    """Within it this thread reads the rows as they are at its beginning, whatever others write meanwhile."""
    sql("BEGIN")
    try:
        yield
    finally:
        sql("COMMIT")


def said(case_id: str, after: int, limit: int) -> tuple[Said, ...]:
    """A page of what both sides may see of a conversation, oldest first, behind a message's number."""
    rows = sql(
        "SELECT id, participant_id, mail_id, full_text FROM message WHERE case_id = ? AND number > ? AND audience = ?"
        " ORDER BY number LIMIT ?",
        (case_id, after, Audience.ALL, limit),
    ).fetchall()
    messages = cases.find_messages([row[0] for row in rows])
    return tuple(Said(message, *row[1:]) for message, row in zip(messages, rows, strict=True))


def posted_by(case_id: str) -> dict[str, int]:
    """Which mails of the inbox were posted in a case, by the first message of each."""
    return dict(
        sql("SELECT message_id, inbox_id FROM inbox_result WHERE case_id = ? AND outcome = 'posted'", (case_id,))
    )


def arrivals(inbox_ids: Sequence[int]) -> dict[int, Arrival]:
    """Mails of the inbox by their ids."""
    rows = sql(
        "SELECT id, kept_at, mail_from, client, helo, size, sha256, authentication FROM inbox"
        f" WHERE id IN ({', '.join('?' * len(inbox_ids))})",
        inbox_ids,
    )
    return {row[0]: Arrival(row[0], from_ms(row[1]), *row[2:]) for row in rows}


_DEPARTURE = (
    "SELECT o.id, o.message_id, p.role, o.template, o.recipient, o.rfc_message_id, o.created_at, o.sent_at, o.state,"
    " o.relay, o.answer, o.report, o.report_text, o.reported_at, o.attempts FROM outbox o"
    " LEFT JOIN participant p ON p.id = o.participant_id"
)


def departures(message_ids: Sequence[str]) -> tuple[Departure, ...]:
    """The mails that told of messages, in their order."""
    where = f"o.message_id IN ({', '.join('?' * len(message_ids))})"
    return _departures(f"{_DEPARTURE} WHERE {where} ORDER BY o.id", message_ids)


def other_departures(case_id: str) -> tuple[Departure, ...]:
    """The mails about a case that told of no message, such as a warning before it is closed; in their order."""
    return _departures(f"{_DEPARTURE} WHERE o.case_id = ? AND o.message_id IS NULL ORDER BY o.id", (case_id,))


def _departures(statement: str, params: Sequence[object]) -> tuple[Departure, ...]:
    return tuple(
        Departure(
            id_, message, None if role is None else Role(role), template, recipient, rfc_id, from_ms(created),
            None if sent is None else from_ms(sent), state, relay, answer, report, text,
            None if reported is None else from_ms(reported), attempts,
        )
        for id_, message, role, template, recipient, rfc_id, created, sent, state, relay, answer, report, text,
        reported, attempts in sql(statement, params)
    )  # fmt: skip


def escalations(case_id: str) -> tuple[tuple[int, datetime], ...]:
    """When support was called into a case: number and moment. Why is support's business (HARDENING rule 21)."""
    return tuple((id_, from_ms(at)) for id_, at in sql("SELECT id, at FROM escalation WHERE case_id = ?", (case_id,)))


def last_key() -> str | None:
    """The fingerprint of the newest key that signs evidence, None when none was made yet."""
    row = sql("SELECT subject FROM audit WHERE action = ? ORDER BY id DESC LIMIT 1", (KEY_MADE,)).fetchone()
    return None if row is None else row[0]

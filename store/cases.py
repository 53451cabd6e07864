"""Cases with their participants, messages and attachments.

Functions that write run inside a job of `Database.write`.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gateway.cases.brakes import Post
from gateway.cases.model import (
    Attachment,
    Audience,
    Case,
    CaseQuery,
    CaseView,
    Customer,
    Message,
    Order,
    Page,
    Participant,
    Priority,
    Role,
    Status,
    Store,
)
from store import parties, stored_files
from store.database import sql
from store.tables import from_ms, to_ms

REFERENCES_KEPT = 20  # the newest ids of a thread that are remembered beside its first one


class VersionConflict(Exception):
    """Somebody changed the case between loading and writing: decide again."""


@dataclass(frozen=True, slots=True)
class CaseFile:
    """All that an operation on a case looks at. message_count: number of its last message. erased: its words are."""

    view: CaseView
    store: Store
    participants: tuple[Participant, ...]
    message_count: int
    erased: bool = False


@dataclass(frozen=True, slots=True)
class Contact:
    """A participant with what his mail is judged by: his case, and the store that it belongs to."""

    person: Participant
    store_id: str
    customer_id: str
    subject: str
    status: Status
    strict: bool

    @property
    def person_id(self) -> str | None:
        """Who he is beyond this case: a customer or a member; None for support."""
        return self.customer_id if self.person.role is Role.CUSTOMER else self.person.member_id


_CASE = (
    "c.id, c.store_id, c.customer_id, c.order_id, c.subject, c.status, c.priority, c.escalated, c.unread_count,"
    " c.last_message_at, c.last_message_by, c.last_activity_at, c.closed_at, c.closed_by, c.created_at, c.updated_at,"
    " c.version, c.reopened_at"
)
_CUSTOMER = "k.id, k.store_id, k.email, k.first_name, k.last_name, k.locale, k.time_zone"
_ORDER = "o.id, o.store_id, o.customer_id, o.number, o.amount, o.currency, o.status, o.created_at"
_VIEW = f"{_CASE}, {_CUSTOMER}, {_ORDER}"
_FROM = "FROM cases c JOIN customer k ON k.id = c.customer_id JOIN orders o ON o.id = c.order_id"
_CASE_COLUMNS, _CUSTOMER_COLUMNS, _VIEW_COLUMNS = 18, 7, 33


def _case(row: Sequence[Any]) -> Case:
    return Case(
        row[0], row[1], row[2], row[3], row[4], Status(row[5]), Priority(row[6]), bool(row[7]), row[8], from_ms(row[9]),
        Role(row[10]), from_ms(row[11]), _moment(row[12]), None if row[13] is None else Role(row[13]), from_ms(row[14]),
        from_ms(row[15]), row[16], _moment(row[17]),
    )  # fmt: skip


def _view(row: Sequence[Any]) -> CaseView:
    order = _CASE_COLUMNS + _CUSTOMER_COLUMNS
    return CaseView(_case(row), Customer(*row[_CASE_COLUMNS:order]), _order(row[order:_VIEW_COLUMNS]))


def _order(row: Sequence[Any]) -> Order:
    return Order(row[0], row[1], row[2], row[3], row[4], row[5], row[6], from_ms(row[7]))


def _moment(value: int | None) -> datetime | None:
    return None if value is None else from_ms(value)


def find(case_id: str) -> CaseView | None:
    """A case with its customer and order, or None."""
    row = sql(f"SELECT {_VIEW} {_FROM} WHERE c.id = ?", (case_id,)).fetchone()
    return None if row is None else _view(row)


def load(case_id: str) -> CaseFile | None:
    """A case with everything that an operation needs, or None."""
    row = sql(
        f"SELECT {_VIEW}, c.message_count, c.erased_at IS NOT NULL, {parties.store_columns('s')} {_FROM}"
        " JOIN store s ON s.id = c.store_id WHERE c.id = ?",
        (case_id,),
    ).fetchone()
    if row is None:
        return None
    count, erased, *store = row[_VIEW_COLUMNS:]
    return CaseFile(_view(row), parties.store_of(store), participants(case_id), count, bool(erased))


def search(store_id: str, query: CaseQuery) -> Page[CaseView]:
    """A page of a store's cases, newest message first (CONTRACT §5.1)."""
    wheres, params = ["c.store_id = ?"], [store_id]
    if query.statuses:
        wheres.append(f"c.status IN ({', '.join('?' * len(query.statuses))})")
        params += query.statuses
    for column, value in (
        ("c.priority", query.priority),
        ("c.customer_id", query.customer_id),
        ("c.order_id", query.order_id),
    ):
        if value is not None:
            wheres.append(f"{column} = ?")
            params.append(value)
    where = " AND ".join(wheres)
    total = sql(f"SELECT count(*) FROM cases c WHERE {where}", params).fetchone()[0]
    rows = sql(
        f"SELECT {_VIEW} {_FROM} WHERE {where} ORDER BY c.last_message_at DESC, c.created_at DESC, c.id DESC"
        " LIMIT ? OFFSET ?",
        (*params, query.limit, (query.page - 1) * query.limit),
    )
    return Page(tuple(_view(row) for row in rows), query.page, query.limit, total)


def insert(case: Case, message_count: int) -> None:
    """Add a new case."""
    sql(
        "INSERT INTO cases (id, store_id, customer_id, order_id, subject, status, priority, escalated, unread_count,"
        " last_message_at, last_message_by, last_activity_at, closed_at, closed_by, created_at, updated_at,"
        " message_count, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            case.id, case.store_id, case.customer_id, case.order_id, case.subject, case.status, case.priority,
            case.escalated, case.unread_count, to_ms(case.last_message_at), case.last_message_by,
            to_ms(case.last_activity_at), None, None, to_ms(case.created_at), to_ms(case.updated_at), message_count,
            case.version,
        ),
    )  # fmt: skip


def update(case: Case, message_count: int) -> None:
    """Write a changed case. case.version is the one that was loaded. Raises VersionConflict."""
    changed = sql(
        "UPDATE cases SET status = ?, priority = ?, escalated = ?, unread_count = ?, last_message_at = ?,"
        " last_message_by = ?, last_activity_at = ?, closed_at = ?, closed_by = ?, updated_at = ?, message_count = ?,"
        " reopened_at = ?, version = version + 1, idle_warned = CASE WHEN last_activity_at = ? AND status = ?"
        " THEN idle_warned ELSE ? END WHERE id = ? AND version = ?",
        (
            case.status, case.priority, case.escalated, case.unread_count, to_ms(case.last_message_at),
            case.last_message_by, to_ms(case.last_activity_at),
            None if case.closed_at is None else to_ms(case.closed_at), case.closed_by, to_ms(case.updated_at),
            message_count, None if case.reopened_at is None else to_ms(case.reopened_at),
            to_ms(case.last_activity_at), case.status, False, case.id, case.version,
        ),
    ).rowcount  # fmt: skip
    if changed != 1:
        raise VersionConflict


_PARTICIPANT = (
    "p.id, p.case_id, p.role, p.address, p.name, p.handle, p.generation, p.member_id,"
    " p.active AND (m.id IS NULL OR m.active), p.reference_ids, p.last_sent_id, m.muted"
)
_PARTICIPANTS = "FROM participant p LEFT JOIN member m ON m.id = p.member_id"


def _participant(row: Sequence[Any]) -> Participant:
    return Participant(
        row[0], row[1], Role(row[2]), row[3], row[4], bytes(row[5]), row[6], row[7], bool(row[8]),
        tuple(json.loads(row[9])), row[10], frozenset((row[11] or "").split()),
    )  # fmt: skip


def participants(case_id: str) -> tuple[Participant, ...]:
    """Everybody on a case; a merchant whose membership ended is there, inactive."""
    rows = sql(f"SELECT {_PARTICIPANT} {_PARTICIPANTS} WHERE p.case_id = ? ORDER BY p.id", (case_id,))
    return tuple(_participant(row) for row in rows)


_CONTACT = (
    f"SELECT {_PARTICIPANT}, c.store_id, c.customer_id, c.subject, c.status, s.strict {_PARTICIPANTS}"
    " JOIN cases c ON c.id = p.case_id JOIN store s ON s.id = c.store_id"
)
_PARTICIPANT_COLUMNS = 12


def _contact(row: Sequence[Any]) -> Contact:
    store_id, customer_id, subject, status, strict = row[_PARTICIPANT_COLUMNS:]
    return Contact(_participant(row), store_id, customer_id, subject, Status(status), bool(strict))


def contact_by_handle(handle: bytes) -> Contact | None:
    """The participant whose reply address holds that handle, or None."""
    row = sql(f"{_CONTACT} WHERE p.handle = ?", (handle,)).fetchone()
    return None if row is None else _contact(row)


def contact(participant_id: int) -> Contact | None:
    """A participant by his id, or None."""
    row = sql(f"{_CONTACT} WHERE p.id = ?", (participant_id,)).fetchone()
    return None if row is None else _contact(row)


def open_contacts(address: str, limit: int = 20) -> tuple[Contact, ...]:
    """As whom somebody with this address takes part in cases that are not closed, the newest first."""
    rows = sql(
        f"{_CONTACT} WHERE lower(p.address) = ? AND p.active AND (m.id IS NULL OR m.active) AND c.status <> ?"
        " ORDER BY p.id DESC LIMIT ?",
        (address.lower(), Status.CLOSED, limit),
    )
    return tuple(_contact(row) for row in rows)


def senders_of(mail_ids: Sequence[str], limit: int = 100) -> tuple[tuple[str, str, int], ...]:
    """Who posted with these Message-IDs: (id, case, participant)."""
    rows = sql(
        f"SELECT DISTINCT mail_id, case_id, participant_id FROM message WHERE mail_id <> '' AND mail_id IN"
        f" ({', '.join('?' * len(mail_ids))}) AND participant_id IS NOT NULL LIMIT ?",
        (*mail_ids, limit),
    )
    return tuple((mail_id, case_id, participant_id) for mail_id, case_id, participant_id in rows)


def posts_since(case_id: str, participant_id: int, since: datetime, looked_at: int = 1_000) -> int:
    """How many mails of a participant were posted since then; a mail's messages share their moment."""
    row: tuple[int] = sql(
        "SELECT count(DISTINCT created_at) FROM (SELECT participant_id, created_at FROM message WHERE case_id = ?"
        " AND number > 1 ORDER BY number DESC LIMIT ?) AS latest WHERE participant_id = ? AND created_at > ?",
        (case_id, looked_at, participant_id, to_ms(since)),
    ).fetchone()
    return row[0]


def latest_posts(case_id: str, limit: int) -> tuple[Post, ...]:
    """The newest messages that came by mail, the newest first. The first of a case came with its opening."""
    rows = sql(
        "SELECT participant_id, sender_type, created_at FROM message WHERE case_id = ? AND number > 1"
        " AND participant_id IS NOT NULL ORDER BY number DESC LIMIT ?",
        (case_id, limit),
    )
    return tuple(Post(person, Role(role), from_ms(at)) for person, role, at in rows)


def insert_participant(person: Participant) -> int:
    """Add a participant (its id is ignored). Returns the new id."""
    row: tuple[int] = sql(
        "INSERT INTO participant (case_id, role, member_id, address, name, handle, generation, active, last_sent_id,"
        " reference_ids) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            person.case_id, person.role, person.member_id, person.address, person.name, person.handle,
            person.generation, person.active, person.last_sent_id, json.dumps(person.reference_ids),
        ),
    ).fetchone()  # fmt: skip
    return row[0]


def extend_thread(person: Participant, rfc_message_id: str, *, sent_by_him: bool = False) -> Participant:
    """Note a mail that this participant got or sent, in his own thread. Returns the participant as it now is.

    The thread is read anew: mail that changes no case goes on with it without the case's version.
    """
    row = sql("SELECT reference_ids, last_sent_id FROM participant WHERE id = ?", (person.id,)).fetchone()
    known, sent = (person.reference_ids, person.last_sent_id) if row is None else (json.loads(row[0]), row[1])
    ids = [*known, rfc_message_id]
    if len(ids) > REFERENCES_KEPT + 1:
        ids = [ids[0], *ids[-REFERENCES_KEPT:]]
    last_sent = rfc_message_id if sent_by_him else sent
    sql(
        "UPDATE participant SET reference_ids = ?, last_sent_id = ? WHERE id = ?",
        (json.dumps(ids), last_sent, person.id),
    )
    return replace(person, reference_ids=tuple(ids), last_sent_id=last_sent)


_MESSAGE = "id, case_id, number, sender_type, sender_id, sender_name, body, created_at, audience, via, unverified"


def insert_message(message: Message, *, participant_id: int | None, mail_id: str, full_text: str) -> None:
    """Add a message with the attachments that its files were kept as. Raises StoreUnavailable: their bytes are gone."""
    sql(
        "INSERT INTO message (id, case_id, number, sender_type, sender_id, sender_name, participant_id, audience, via,"
        " mail_id, created_at, body, full_text, unverified) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            message.id, message.case_id, message.number, message.sender_type, message.sender_id, message.sender_name,
            participant_id, message.audience, message.via, mail_id, to_ms(message.created_at), message.body, full_text,
            message.unverified,
        ),
    )  # fmt: skip
    for position, file in enumerate(message.attachments):
        stored_files.refer(file.sha256, message.created_at)
        sql(
            "INSERT INTO attachment (id, message_id, position, filename, mime_type, size_bytes, sha256)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (file.id, message.id, position, file.filename, file.mime_type, file.size_bytes, file.sha256),
        )


def messages(case_id: str, audiences: Sequence[Audience] = tuple(Audience), *, page: int, limit: int) -> Page[Message]:
    """A page of a conversation, oldest first (CONTRACT §5.3), as those see it for whom these audiences are."""
    which = f"case_id = ? AND audience IN ({', '.join('?' * len(audiences))})"
    rows = sql(
        f"SELECT {_MESSAGE} FROM message WHERE {which} ORDER BY number LIMIT ? OFFSET ?",
        (case_id, *audiences, limit, (page - 1) * limit),
    ).fetchall()
    return Page(_with_attachments(rows), page, limit, message_count(case_id, audiences))


def message_count(case_id: str, audiences: Sequence[Audience]) -> int:
    """How many messages of a case those may see for whom these audiences are.

    All that there are is known; only the hidden ones are counted, which are few and have an index of their own.
    """
    row: tuple[int] = sql(
        "SELECT c.message_count - (SELECT count(*) FROM message WHERE case_id = c.id AND audience <> 'all'"
        f" AND audience NOT IN ({', '.join('?' * len(audiences))})) FROM cases c WHERE c.id = ?",
        (*audiences, case_id),
    ).fetchone()
    return row[0]


def last_messages(case_id: str, limit: int, audiences: Sequence[Audience] = (Audience.ALL,)) -> tuple[Message, ...]:
    """The end of a conversation as those may see it for whom these audiences are (all: both sides), oldest first."""
    rows = sql(
        f"SELECT {_MESSAGE} FROM message WHERE case_id = ? AND audience IN ({', '.join('?' * len(audiences))})"
        " ORDER BY number DESC LIMIT ?",
        (case_id, *audiences, limit),
    ).fetchall()
    return _with_attachments(reversed(rows))


def messages_after(case_id: str, number: int, limit: int, audiences: Sequence[Audience]) -> tuple[Message, ...]:
    """A conversation from behind a number on, as those may see it for whom these audiences are."""
    rows = sql(
        f"SELECT {_MESSAGE} FROM message WHERE case_id = ? AND number > ? AND audience IN"
        f" ({', '.join('?' * len(audiences))}) ORDER BY number LIMIT ?",
        (case_id, number, *audiences, limit),
    )
    return _with_attachments(rows.fetchall())


def find_attachment(attachment_id: str, case_id: str, audiences: Sequence[Audience]) -> Attachment | None:
    """A file of a case, None when there is no such file in what those may see for whom these audiences are."""
    row = sql(
        "SELECT a.id, a.filename, a.mime_type, a.size_bytes, a.sha256 FROM attachment a JOIN message m"
        f" ON m.id = a.message_id WHERE a.id = ? AND m.case_id = ? AND m.audience IN"
        f" ({', '.join('?' * len(audiences))})",
        (attachment_id, case_id, *audiences),
    ).fetchone()
    return None if row is None else Attachment(*row)


def last_post(case_id: str, looked_at: int = 20) -> tuple[Message, ...]:
    """What a person said last, in its messages: the parts of one posting share its moment."""
    rows = sql(
        f"SELECT {_MESSAGE} FROM message WHERE case_id = ? AND sender_type <> ? ORDER BY number DESC LIMIT ?",
        (case_id, Role.SYSTEM, looked_at),
    ).fetchall()
    found = _with_attachments(reversed(rows))
    last = found[-1] if found else None
    return tuple(m for m in found if last and (m.created_at, m.sender_type) == (last.created_at, last.sender_type))


def find_messages(ids: Sequence[str]) -> tuple[Message, ...]:
    """Messages by their ids, in conversation order."""
    rows = sql(f"SELECT {_MESSAGE} FROM message WHERE id IN ({', '.join('?' * len(ids))}) ORDER BY number", ids)
    return _with_attachments(rows.fetchall())


def _with_attachments(rows: Iterable[Sequence[Any]]) -> tuple[Message, ...]:
    rows = list(rows)
    files: dict[str, list[Attachment]] = {}
    if rows:
        found = sql(
            "SELECT message_id, id, filename, mime_type, size_bytes, sha256 FROM attachment"
            f" WHERE message_id IN ({', '.join('?' * len(rows))}) ORDER BY message_id, position",
            [row[0] for row in rows],
        )
        for message_id, *columns in found:
            files.setdefault(message_id, []).append(Attachment(*columns))
    return tuple(
        Message(
            row[0], row[1], row[2], Role(row[3]), row[4], row[5], row[6], from_ms(row[7]), Audience(row[8]), row[9],
            tuple(files.get(row[0], ())), bool(row[10]),
        )
        for row in rows
    )  # fmt: skip

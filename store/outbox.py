"""Outgoing mails and their deliveries: a finished mail is a row, its claim a lease as in the inbox (HARDENING rule 9).

All functions that write run inside a job of `Database.write`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.errors import NotFound
from store.database import sql
from store.tables import from_ms, to_ms

GIVE_UP = timedelta(days=3)  # of tries, counted anew when an operator asks for another one
OPERATOR = "operator"  # the route of mail to whoever runs the gateway
SUPPRESSED = "suppressed"  # with a colon and why, what is said of a mail whose address gets none
UNCLEAR_TRIES = 3  # endings of which nobody knows whether the relay has the mail
UNCLEAR_STAYS = timedelta(hours=4)  # HARDENING rule 9: from then on, with the relay that may have it
#: The id that a relay names with its 250 and puts in place of our Message-ID, as SES does: `Ok 0102018f…-000000`.
_GIVEN_ID = re.compile(r"\b(?:Ok|OK)[ :]+<?([0-9A-Za-z][0-9A-Za-z.-]{30,120})(?=[@>\s]|$)")
_ESCAPED = re.compile("[!%_]")
ACTIVE = "state NOT IN ('sent', 'failed', 'cancelled')"  # word for word the condition of the index outbox_due
#: SQL about a mail that is due: 1 if its predecessor left no result; and until when it goes by the same relay only.
LOST = "CASE WHEN state = 'claimed' THEN 1 ELSE 0 END"
BOUND_UNTIL = (
    f"CASE WHEN state = 'claimed' AND unclear = 0 THEN due_at + {UNCLEAR_STAYS // timedelta(milliseconds=1)}"
    " WHEN unclear > 0 THEN bound_until END"
)


@dataclass(frozen=True, slots=True)
class NewMail:
    """A finished mail that is to go out. data: all of its bytes."""

    handle: bytes
    case_id: str
    participant_id: int | None
    generation: int
    message_id: str | None
    template: str
    recipient: str
    envelope_from: str
    rfc_message_id: str
    subject: str
    data: bytes
    route: str = ""
    valid_while: str = ""


STATES = ("queued", "claimed", "sent", "failed", "cancelled")
REPORTS = ("delayed", "bounced", "complained", "suppressed")


@dataclass(frozen=True, slots=True)
class Which:
    """Which mails of the outbox are meant; "" and None for all.

    state: one of STATES, or of REPORTS for what was heard afterwards. relay: the one that tried it last. reason: some
    words of the answer or the report, in any case. made_by: no later than that.
    """

    state: str = ""
    relay: str = ""
    reason: str = ""
    made_by: datetime | None = None

    def condition(self) -> tuple[str, list[object]]:
        """As SQL: words and parameters."""
        words, params = ["1 = 1"], list[object]()
        if self.state:
            words.append("report = ? AND report <> ''" if self.state in REPORTS else "state = ?")
            params.append(self.state)
        if self.relay:
            words.append("relay = ?")
            params.append(self.relay)
            if self.state in ("queued", "claimed", "failed"):
                words.append("state NOT IN ('sent', 'cancelled')")  # word for word the condition of outbox_relay
        if self.reason:
            words.append("(lower(answer) LIKE ? ESCAPE '!' OR lower(report_text) LIKE ? ESCAPE '!')")
            escaped = _ESCAPED.sub(r"!\g<0>", self.reason.lower())
            params += [f"%{escaped}%"] * 2
        if self.made_by is not None:
            words.append("created_at <= ?")
            params.append(to_ms(self.made_by))
        return " AND ".join(words), params


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A row of the outbox. state: queued, claimed, sent, failed, cancelled. answer: the relay's last words, or why.

    route: `operator` for mail that goes by the operator's own relay, else "". report: what was heard of it afterwards
    (delayed, bounced, complained) or why it was not sent (suppressed), else ""; report_text: in whose words;
    reported_at: when; reports: how many came, those that changed nothing among them.
    barred: why it must not be sent, "" when it may be (only told by `store.claims`).
    """

    id: int
    case_id: str
    participant_id: int | None
    message_id: str | None
    template: str
    recipient: str
    envelope_from: str
    rfc_message_id: str
    subject: str
    state: str
    due_at: datetime
    attempts: int
    unclear: int
    created_at: datetime
    give_up_at: datetime
    sent_at: datetime | None
    relay: str
    answer: str
    route: str
    report: str
    report_text: str
    reported_at: datetime | None
    reports: int
    data: bytes
    barred: str = ""


class LeaseLost(Exception):
    """Another worker has claimed the row meanwhile; this result is worth nothing."""


_COLUMNS = (
    "id, case_id, participant_id, message_id, template, recipient, envelope_from, rfc_message_id, subject, state, "
    "due_at, attempts, unclear, created_at, give_up_at, sent_at, relay, answer, route, report, report_text, "
    "reported_at, reports, data"
)
_WITHOUT_BYTES = _COLUMNS.removesuffix("data") + "x''"


def _outgoing(row: tuple, barred: str = "") -> Outgoing:  # type: ignore[type-arg]
    (
        id_, case_id, participant, message, template, recipient, envelope_from, rfc_id, subject, state, due, attempts,
        unclear, created, give_up, sent, relay, answer, route, report, report_text, reported, reports, data,
    ) = row  # fmt: skip
    return Outgoing(
        id_, case_id, participant, message, template, recipient, envelope_from, rfc_id, subject, state, from_ms(due),
        attempts, unclear, from_ms(created), from_ms(give_up), None if sent is None else from_ms(sent), relay,
        answer, route, report, report_text, None if reported is None else from_ms(reported), reports, bytes(data),
        barred,
    )  # fmt: skip


def insert(mail: NewMail, now: datetime) -> int:
    """Queue a finished mail. Returns its id."""
    at = to_ms(now)
    row: tuple[int] = sql(
        "INSERT INTO outbox (handle, case_id, participant_id, generation, message_id, template, recipient,"
        " envelope_from, rfc_message_id, subject, state, due_at, attempts, unclear, worker, created_at, give_up_at,"
        " relay, answer, route, valid_while, data)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?, 0, 0, '', ?, ?, '', '', ?, ?, ?) RETURNING id",
        (
            mail.handle, mail.case_id, mail.participant_id, mail.generation, mail.message_id, mail.template,
            mail.recipient, mail.envelope_from, mail.rfc_message_id, mail.subject, at, at, to_ms(now + GIVE_UP),
            mail.route, mail.valid_while, mail.data,
        ),
    ).fetchone()  # fmt: skip
    return row[0]


def mark_claimed(outbox_id: int, worker: str, lease_end: datetime, relay: str, barred: str) -> Outgoing:
    """Claim one mail for a relay. A predecessor that left no result counts as an unclear try (see `store.claims`)."""
    row = sql(
        f"UPDATE outbox SET state = 'claimed', attempts = attempts + 1, unclear = unclear + {LOST},"
        f" bound_until = {BOUND_UNTIL}, worker = ?, due_at = ?, relay = ? WHERE id = ? RETURNING {_COLUMNS}",
        (worker, to_ms(lease_end), relay, outbox_id),
    ).fetchone()
    return _outgoing(row, barred)


def put_off(outbox_id: int, now: datetime, until: datetime, why: str) -> None:
    """Not now, for no reason of the mail's own: the days in which it is tried begin that much later.

    why: for whoever looks, unless a relay has said something about it.
    """
    sql(
        "UPDATE outbox SET due_at = ?, give_up_at = give_up_at + ?,"
        " answer = CASE WHEN answer = '' THEN ? ELSE answer END WHERE id = ?",
        (to_ms(until), (until - now) // timedelta(milliseconds=1), why, outbox_id),
    )


def is_any_due(now: datetime) -> bool:
    """Whether a mail is due now."""
    return sql(f"SELECT 1 FROM outbox WHERE {ACTIVE} AND due_at <= ? LIMIT 1", (to_ms(now),)).fetchone() is not None


def next_due(now: datetime) -> datetime | None:
    """When the next mail will be due that is not due yet."""
    row = sql(f"SELECT min(due_at) FROM outbox WHERE {ACTIVE} AND due_at > ?", (to_ms(now),)).fetchone()
    return None if row[0] is None else from_ms(row[0])


def _settle(mail: Outgoing, changes: str, params: tuple[object, ...]) -> None:
    changed = sql(
        f"UPDATE outbox SET {changes}, worker = '' WHERE id = ? AND attempts = ? AND state = 'claimed'",
        (*params, mail.id, mail.attempts),
    ).rowcount
    if changed != 1:
        raise LeaseLost


def sent(mail: Outgoing, now: datetime, relay: str, answer: str) -> None:
    """The relay has taken responsibility. Raises LeaseLost."""
    found = _GIVEN_ID.search(answer)
    _settle(
        mail,
        "state = 'sent', sent_at = ?, relay = ?, answer = ?, relay_id = ?",
        (to_ms(now), relay, answer, found[1] if found else ""),
    )


def postpone(mail: Outgoing, due_at: datetime, relay: str, answer: str, *, unclear: bool = False) -> None:
    """Try again later. unclear: the relay may have taken it, and for some hours gets it alone. Raises LeaseLost."""
    bound_until = to_ms(due_at + UNCLEAR_STAYS)
    _settle(
        mail,
        "state = 'queued', due_at = ?, relay = ?, answer = ?, unclear = unclear + ?,"
        " bound_until = CASE WHEN unclear = 0 THEN ? ELSE bound_until END",
        (to_ms(due_at), relay, answer, int(unclear), bound_until),
    )


def give_back(mail: Outgoing, now: datetime, answer: str) -> None:
    """Undo a claim that came to nothing because no relay was there: it does not count as a try. Raises LeaseLost."""
    _settle(mail, "state = 'queued', due_at = ?, answer = ?, attempts = attempts - 1", (to_ms(now), answer))


def failed(mail: Outgoing, relay: str, answer: str) -> None:
    """Never again. Raises LeaseLost."""
    _settle(mail, "state = 'failed', relay = ?, answer = ?", (relay, answer))


def cancelled(mail: Outgoing, why: str, now: datetime) -> None:
    """Not sent, because it should no longer be, or because its address gets no mail. Raises LeaseLost."""
    kind, _, text = why.partition(": ")
    if kind == SUPPRESSED:
        news = "report = 'suppressed', report_text = ?, reported_at = ?"
        _settle(mail, f"state = 'cancelled', answer = ?, {news}", (why, text, to_ms(now)))
    else:
        _settle(mail, "state = 'cancelled', answer = ?", (f"cancelled: {why}",))


def get(outbox_id: int) -> Outgoing:
    """One mail. Raises NotFound."""
    row = sql(f"SELECT {_COLUMNS} FROM outbox WHERE id = ?", (outbox_id,)).fetchone()
    if row is None:
        raise NotFound(f"There is no mail {outbox_id} in the outbox")
    return _outgoing(row)


def recipients_of(ids: Sequence[str], limit: int = 100) -> tuple[tuple[str, int], ...]:
    """Whom mails went to that bear one of these ids, ours or the one that the relay gave it: (our id, participant)."""
    marks = ", ".join("?" * len(ids))
    locals_ = [one.partition("@")[0] for one in ids]
    rows = sql(
        f"SELECT rfc_message_id, participant_id FROM outbox WHERE rfc_message_id IN ({marks}) AND participant_id"
        f" IS NOT NULL UNION SELECT rfc_message_id, participant_id FROM outbox WHERE relay_id <> ''"
        f" AND relay_id IN ({marks}) AND participant_id IS NOT NULL LIMIT ?",
        (*ids, *locals_, limit),
    )
    return tuple((rfc_id, participant_id) for rfc_id, participant_id in rows)


def data_of(ids: Sequence[str]) -> bytes | None:
    """The bytes of the newest mail that bears one of these Message-IDs, or None."""
    row = sql(
        f"SELECT data FROM outbox WHERE rfc_message_id IN ({', '.join('?' * len(ids))}) ORDER BY id DESC LIMIT 1", ids
    ).fetchone()
    return None if row is None else bytes(row[0])


def listing(*, state: str = "", limit: int = 50) -> tuple[Outgoing, ...]:
    """The latest mails, newest first, without their bytes."""
    return chosen(Which(state), limit=limit)


def chosen(which: Which, *, limit: int, before: int | None = None) -> tuple[Outgoing, ...]:
    """Some mails, newest first, without their bytes. before: an id, to go on from the last one of another listing."""
    words, params = which.condition()
    if before is not None:
        words, params = f"{words} AND id < ?", [*params, before]
    rows = sql(f"SELECT {_WITHOUT_BYTES} FROM outbox WHERE {words} ORDER BY id DESC LIMIT ?", (*params, limit))
    return tuple(_outgoing(row) for row in rows)


def due(now: datetime) -> tuple[Outgoing, ...]:
    """The mails that would be sent now, in their order, without their bytes."""
    rows = sql(
        f"SELECT {_WITHOUT_BYTES} FROM outbox WHERE {ACTIVE} AND due_at <= ? ORDER BY due_at, id",
        (to_ms(now),),
    )
    return tuple(_outgoing(row) for row in rows)


def count(which: Which) -> int:
    """How many there are of them."""
    words, params = which.condition()
    row: tuple[int] = sql(f"SELECT count(*) FROM outbox WHERE {words}", params).fetchone()
    return row[0]


def retry(outbox_id: int, now: datetime) -> str:
    """Make a failed, cancelled or waiting mail due now. Returns its state before; nothing is done to one that was sent
    or that a worker has claimed. Raises NotFound, also for its bytes."""
    row = sql("SELECT state, emptied FROM outbox WHERE id = ?", (outbox_id,)).fetchone()
    if row is None:
        raise NotFound(f"There is no mail {outbox_id} in the outbox")
    state: str = row[0]
    if state not in ("sent", "claimed"):
        if row[1]:
            raise NotFound(f"The bytes of mail {outbox_id} were removed")
        _make_due("id = ?", [outbox_id], now)
    return state


def retry_some(which: Which, now: datetime, *, after: int, limit: int = 1_000) -> tuple[int, ...]:
    """Make mails of one state, queued, failed or cancelled, due now, and return their ids: those behind the id `after`.

    So many at a time, because nobody else writes meanwhile.
    """
    words, params = which.condition()
    where = f"id IN (SELECT id FROM outbox WHERE {words} AND id > ? ORDER BY id LIMIT ?)"
    return _make_due(f"{where} AND state NOT IN ('sent', 'claimed') AND NOT emptied", [*params, after, limit], now)


def _make_due(where: str, params: list[object], now: datetime) -> tuple[int, ...]:
    """What was heard of them before counts no more. Returns their ids."""
    rows = sql(
        "UPDATE outbox SET state = 'queued', due_at = ?, give_up_at = ?, unclear = 0, report = '', report_text = '',"
        f" reported_at = NULL, told_at = NULL WHERE {where} RETURNING id",
        (to_ms(now), to_ms(now + GIVE_UP), *params),
    )
    return tuple(row[0] for row in rows.fetchall())


def waiting(now: datetime) -> int:
    """How many mails are due now."""
    row: tuple[int] = sql(f"SELECT count(*) FROM outbox WHERE {ACTIVE} AND due_at <= ?", (to_ms(now),)).fetchone()
    return row[0]


def oldest_waiting() -> datetime | None:
    """When the oldest mail was queued that is neither sent nor given up. Mails get their ids as they are queued."""
    row = sql(
        "SELECT min(created_at) FROM outbox WHERE id IN ((SELECT min(id) FROM outbox WHERE state = 'queued'),"
        " (SELECT min(id) FROM outbox WHERE state = 'claimed'))"
    ).fetchone()
    return None if row[0] is None else from_ms(row[0])


def stuck_since() -> datetime | None:
    """Since when a mail waits for us: since it was queued if no relay has tried it, else since it was due.

    Not a mail that a relay has put off for its recipient's sake, nor one to the operator.
    """
    untried = sql(f"SELECT min(created_at) FROM outbox WHERE {ACTIVE} AND attempts = 0 AND route = ''").fetchone()
    overdue = sql(f"SELECT due_at FROM outbox WHERE {ACTIVE} AND route = '' ORDER BY due_at LIMIT 1").fetchone()
    found = [row[0] for row in (untried, overdue) if row is not None and row[0] is not None]
    return from_ms(min(found)) if found else None


def end_leases(worker: str, now: datetime) -> int:
    """End the leases of a worker that is known to be dead, so that nobody waits for them. Returns how many."""
    ended: int = sql(
        "UPDATE outbox SET due_at = ? WHERE state = 'claimed' AND worker = ? AND due_at > ?",
        (to_ms(now), worker, to_ms(now)),
    ).rowcount
    return ended

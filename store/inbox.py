"""Accepted mails and what became of them.

A claim is a lease: it commits attempt + 1 and the lease's end before any work, and a result counts only for the attempt
that made it (HARDENING rule 9). All functions that write run inside a job of `Database.write`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.cases.model import Role
from gateway.errors import NotFound
from store.database import sql
from store.files import Files
from store.tables import from_ms, to_ms


class Outcome(StrEnum):
    """What a kept mail came to (DESIGN §3)."""

    POSTED = "posted"
    HELD = "held"
    AUTOMATIC = "automatic"
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    REFUSED = "refused"
    DUPLICATE = "duplicate"
    POSTMASTER = "postmaster"


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept mail. recipients: the JSON that `inbound.keep` wrote. raw: its bytes, None when they stand in raw_file.

    state: pending, claimed or done; outcome is "" until done. lost: claims that ended without any result.
    failures: tries that ended in trouble.
    authentication: what is known about the sender as JSON, "" until somebody has asked; written with the next result.
    """

    id: int
    kept_at: datetime
    mail_from: str
    recipients: str
    client: str
    helo: str
    size: int
    state: str
    due_at: datetime
    attempts: int
    lost: int
    outcome: str
    reason: str
    failures: int
    authentication: str
    raw_file: str
    raw: bytes | None


@dataclass(frozen=True, slots=True)
class Result:
    """What a kept mail came to in one case ("" when in none). message_id: the first message posted, or None.

    guess: of a held mail, whether the case is only what it may be about.
    """

    case_id: str
    outcome: Outcome
    reason: str
    participant_id: int | None = None
    message_id: str | None = None
    guess: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """A held mail that no reviewer has heard of. number: in the inbox.

    role, address: of the participant whose reply address it came to; None and "" for nobody, and for a guess.
    """

    result_id: int
    number: int
    kept_at: datetime
    reason: str
    role: Role | None = None
    address: str = ""
    store_id: str = ""
    subject: str = ""
    order_number: str = ""


class LeaseLost(Exception):
    """Another worker has claimed the row meanwhile; whatever was done for it must not be committed."""


_COLUMNS = (
    "id, kept_at, mail_from, recipients, client, helo, size, state, due_at, attempts, lost, outcome, reason, "
    "failures, authentication, raw_file, data"
)
_WITHOUT_BYTES = _COLUMNS.removesuffix("data") + "NULL"


def _kept(row: tuple) -> Kept:  # type: ignore[type-arg]
    (
        id_,
        kept_at,
        mail_from,
        recipients,
        client,
        helo,
        size,
        state,
        due,
        attempts,
        lost,
        outcome,
        reason,
        failures,
        authentication,
        file,
        raw,
    ) = row
    return Kept(
        id_, from_ms(kept_at), mail_from, recipients, client, helo, size, state, from_ms(due), attempts, lost, outcome,
        reason, failures, authentication, file, None if raw is None else bytes(raw),
    )  # fmt: skip


def insert(
    *, now: datetime, mail_from: str, recipients: str, client: str, helo: str, size: int, sha256: str, lane: str,
    raw: bytes | None, raw_file: str,
) -> int:  # fmt: skip
    """Keep a mail. Returns its inbox id."""
    at = to_ms(now)
    cursor = sql(
        "INSERT INTO inbox (kept_at, mail_from, recipients, client, helo, size, sha256, lane, state, due_at, attempts,"
        " lost, worker, outcome, reason, raw_file, data)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'pending', ?, 0, 0, '', '', '', ?, ?) RETURNING id",
        (at, mail_from, recipients, client, helo, size, sha256, lane, at, raw_file, raw),
    )
    row: tuple[int] = cursor.fetchone()
    return row[0]


def claim(now: datetime, worker: str, lease: timedelta) -> Kept | None:
    """Claim the mail whose turn it is, or None. Within a lane a mail waits for all that were kept before it."""
    at = to_ms(now)
    found = sql(
        "SELECT id, state FROM inbox AS mine WHERE state <> 'done' AND due_at <= ? AND (lane = '' OR NOT EXISTS ("
        "SELECT 1 FROM inbox AS earlier WHERE earlier.lane = mine.lane AND earlier.id < mine.id"
        " AND earlier.state <> 'done')) ORDER BY due_at, id LIMIT 1",
        (at,),
    ).fetchone()
    if found is None:
        return None
    # Found claimed means that its lease ran out without a result: the worker died or hung on it.
    row = sql(
        "UPDATE inbox SET state = 'claimed', attempts = attempts + 1, lost = lost + ?, worker = ?, due_at = ?"
        f" WHERE id = ? RETURNING {_COLUMNS}",
        (1 if found[1] == "claimed" else 0, worker, at + lease // timedelta(milliseconds=1), found[0]),
    ).fetchone()
    return _kept(row)


def record(kept: Kept, result: Result) -> None:
    """Write what a claimed mail came to in one case. Raises LeaseLost; then the whole job must be taken back."""
    mine = sql(
        "SELECT 1 FROM inbox WHERE id = ? AND attempts = ? AND state = 'claimed'", (kept.id, kept.attempts)
    ).fetchone()
    if mine is None:
        raise LeaseLost
    _write(kept.id, result)


def finish(kept: Kept, results: Iterable[Result]) -> None:
    """Write what a claimed mail came to, case by case and as a whole. Raises LeaseLost, as `record` does."""
    results = list(results)
    if kept.attempts > 1:  # an earlier try may have guessed what this one knows better
        sql(
            "DELETE FROM inbox_result WHERE inbox_id = ? AND outcome <> ?"
            f" AND case_id NOT IN ({', '.join('?' * len(results))})",
            (kept.id, Outcome.POSTED, *(result.case_id for result in results)),
        )
    for result in results:
        _write(kept.id, result)
    main = min(results, key=lambda result: _ORDER[result.outcome])
    _settle(kept, "done", None, main.outcome, main.reason)


def _write(inbox_id: int, result: Result) -> None:
    """What was posted stays posted, whatever a later try comes to."""
    sql(
        "INSERT INTO inbox_result (inbox_id, case_id, participant_id, outcome, reason, message_id, guess)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (inbox_id, case_id) DO UPDATE SET"
        " participant_id = excluded.participant_id, outcome = excluded.outcome, reason = excluded.reason,"
        " message_id = excluded.message_id, guess = excluded.guess WHERE inbox_result.outcome <> ?",
        (
            inbox_id, result.case_id, result.participant_id, result.outcome, result.reason, result.message_id,
            result.guess, Outcome.POSTED,
        ),
    )  # fmt: skip


_ORDER = {
    outcome: place
    for place, outcome in enumerate(
        (
            Outcome.POSTED, Outcome.HELD, Outcome.COMPLAINT, Outcome.BOUNCE, Outcome.REFUSED, Outcome.AUTOMATIC,
            Outcome.DUPLICATE, Outcome.POSTMASTER,
        )
    )
}  # fmt: skip


def settle_held(inbox_id: int, result: Result) -> None:
    """Write what a held mail came to in one case after all. Raises LeaseLost when it is not held there any more."""
    changed = sql(
        "UPDATE inbox_result SET outcome = ?, reason = ?, message_id = ?"
        " WHERE inbox_id = ? AND case_id = ? AND outcome = ?",
        (result.outcome, result.reason, result.message_id, inbox_id, result.case_id, Outcome.HELD),
    ).rowcount
    main = min(results(inbox_id), key=lambda result: _ORDER[result.outcome])
    settled = sql(
        "UPDATE inbox SET outcome = ?, reason = ? WHERE id = ? AND state = 'done'",
        (main.outcome, main.reason, inbox_id),
    ).rowcount
    if (changed, settled) != (1, 1):
        raise LeaseLost


def postpone(kept: Kept, due_at: datetime, reason: str, *, failed: bool = True) -> None:
    """Give a claimed mail back for a later try. failed: whether this one counts as trouble. Raises LeaseLost."""
    _settle(kept, "pending", due_at, "", reason, failures=int(failed))


def hasten(inbox_id: int, now: datetime) -> bool:
    """Make a mail that was given back due now. False when it is not waiting."""
    changed: int = sql(
        "UPDATE inbox SET due_at = ? WHERE id = ? AND state = 'pending' AND due_at > ?",
        (to_ms(now), inbox_id, to_ms(now)),
    ).rowcount
    return changed == 1


def _settle(kept: Kept, state: str, due_at: datetime | None, outcome: str, reason: str, *, failures: int = 0) -> None:
    due = "due_at" if due_at is None else str(to_ms(due_at))
    changed = sql(
        f"UPDATE inbox SET state = ?, due_at = {due}, outcome = ?, reason = ?, authentication = ?,"
        " failures = failures + ?, worker = '' WHERE id = ? AND attempts = ? AND state = 'claimed'",
        (state, outcome, reason, kept.authentication, failures, kept.id, kept.attempts),
    ).rowcount
    if changed != 1:
        raise LeaseLost


def results(inbox_id: int) -> tuple[Result, ...]:
    """What a mail came to, case by case."""
    rows = sql(
        "SELECT case_id, outcome, reason, participant_id, message_id, guess FROM inbox_result WHERE inbox_id = ?"
        " ORDER BY id",
        (inbox_id,),
    )
    return tuple(
        Result(case, Outcome(outcome), reason, person, message, bool(guess))
        for case, outcome, reason, person, message, guess in rows
    )


def untold(each: int) -> tuple[Held, ...]:
    """Held mails that no reviewer has heard of, the oldest first: so many at most of each store, and of the rest."""
    rows = sql(
        "SELECT * FROM (SELECT r.id AS result_id, i.id, i.kept_at, r.reason, p.role, p.address, c.store_id, c.subject,"
        " o.number, r.guess, row_number() OVER (PARTITION BY CASE WHEN r.guess THEN '' ELSE c.store_id END"
        " ORDER BY r.id) AS place FROM inbox_result r JOIN inbox i ON i.id = r.inbox_id"
        " LEFT JOIN participant p ON p.id = r.participant_id LEFT JOIN cases c ON c.id = r.case_id"
        " LEFT JOIN orders o ON o.id = c.order_id WHERE r.outcome = 'held' AND r.told_at IS NULL) AS waiting"
        " WHERE place <= ? ORDER BY result_id",
        (each,),
    )
    return tuple(
        Held(result, number, from_ms(kept_at), reason, Role(role), address, store, subject, order)
        if role and not guess
        else Held(result, number, from_ms(kept_at), reason)
        for result, number, kept_at, reason, role, address, store, subject, order, guess, _ in rows
    )


def mark_told(result_ids: Sequence[int], now: datetime) -> None:
    """A reviewer is told of these held mails."""
    sql(
        f"UPDATE inbox_result SET told_at = ? WHERE id IN ({', '.join('?' * len(result_ids))})",
        (to_ms(now), *result_ids),
    )


def get(inbox_id: int) -> Kept:
    """One mail with its bytes. Raises NotFound."""
    row = sql(f"SELECT {_COLUMNS} FROM inbox WHERE id = ?", (inbox_id,)).fetchone()
    if row is None:
        raise NotFound(f"There is no mail {inbox_id} in the inbox")
    return _kept(row)


def bytes_of(kept: Kept, files: Files) -> bytes:
    """The bytes of a kept mail. Raises NotFound when their time was over."""
    return kept.raw if kept.raw is not None else files.read_raw(kept.raw_file)


def listing(*, outcome: str | None = None, state: str | None = None, limit: int = 50) -> tuple[Kept, ...]:
    """The latest mails, newest first, without their bytes."""
    wheres, params = ["1 = 1"], []
    if outcome is not None:
        wheres.append("outcome = ?")
        params.append(outcome)
    if state is not None:
        wheres.append("state = ?")
        params.append(state)
    rows = sql(
        f"SELECT {_WITHOUT_BYTES} FROM inbox WHERE {' AND '.join(wheres)} ORDER BY id DESC LIMIT ?",
        (*params, limit),
    )
    return tuple(_kept(row) for row in rows)


def replay(inbox_id: int, now: datetime) -> None:
    """Have a finished mail processed once more, as if it had just been kept. Raises NotFound, also for its bytes."""
    kept = get(inbox_id)
    if kept.raw is None and not kept.raw_file:
        raise NotFound(f"The bytes of mail {inbox_id} were removed: it was kept longer ago than files.retention_days")
    sql(
        "UPDATE inbox SET state = 'pending', due_at = ?, lost = 0, failures = 0, outcome = '', reason = 'replayed'"
        " WHERE id = ?",
        (to_ms(now), inbox_id),
    )


def due(now: datetime) -> tuple[Kept, ...]:
    """The mails that would be processed now, in their order, without their bytes."""
    rows = sql(
        f"SELECT {_WITHOUT_BYTES} FROM inbox AS mine WHERE state <> 'done' AND due_at <= ? AND (lane = '' OR NOT EXISTS"
        " (SELECT 1 FROM inbox AS earlier WHERE earlier.lane = mine.lane AND earlier.id < mine.id"
        " AND earlier.state <> 'done' AND earlier.due_at > ?)) ORDER BY due_at, id",
        (to_ms(now), to_ms(now)),
    )
    return tuple(_kept(row) for row in rows)


def waiting(now: datetime) -> int:
    """How many mails are due now."""
    row: tuple[int] = sql("SELECT count(*) FROM inbox WHERE state <> 'done' AND due_at <= ?", (to_ms(now),)).fetchone()
    return row[0]


def oldest_waiting() -> datetime | None:
    """When the oldest mail was kept that is not done yet."""
    row = sql("SELECT min(kept_at) FROM inbox WHERE state <> 'done' AND due_at >= 0").fetchone()
    return None if row[0] is None else from_ms(row[0])


def may_wait_for(handles: Sequence[bytes], at_most: int) -> bool:
    """Whether a mail that is not done yet came to one of these reply addresses, or to none, so that its case is not
    known. Also True when more mails wait than are looked through."""
    rows = sql("SELECT lane, recipients FROM inbox WHERE state <> 'done' LIMIT ?", (at_most + 1,)).fetchall()
    known = [handle.hex() for handle in handles]
    return len(rows) > at_most or any(
        not lane or any(handle in recipients for handle in known) for lane, recipients in rows
    )


def is_held_for(case_id: str) -> bool:
    """Whether a mail to a case is held."""
    row = sql("SELECT 1 FROM inbox_result WHERE case_id = ? AND outcome = 'held' LIMIT 1", (case_id,)).fetchone()
    return row is not None


def end_leases(worker: str, now: datetime) -> int:
    """End the leases of a worker that is known to be dead, so that nobody waits for them. Returns how many."""
    ended: int = sql(
        "UPDATE inbox SET due_at = ? WHERE state = 'claimed' AND worker = ? AND due_at > ?",
        (to_ms(now), worker, to_ms(now)),
    ).rowcount
    return ended

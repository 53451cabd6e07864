"""What is removed of a person and of a case, row by row (HARDENING rule 25). Ids, times, states and counts stay.

    what                     what is left of it
    -----------------------  ------------------------------------------------------------------------------------------
    a case                   closed, without subject; nothing is added to it any more
    its messages             who spoke as what, and when; `ERASED` for every word, those of the others and the trail too
    its files                nothing: no row refers to their bytes, which the sweep removes unless another case has them
    mails that came in       how many bytes came when, and what they came to; held ones are refused
    mails that went out      which template went when by which relay; what had not left is cancelled
    the people on it         ids and roles; their reply and bounce addresses, as digests that only recognise them
    the customer             his id

A digest is a HMAC under the erasure key (`gateway.keys`). Functions that write run inside a job of `Database.write`,
and each changes a bounded number of rows.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.cases.model import Actor, Role
from store import audit, suppressions
from store.counts import bounded
from store.database import sql
from store.tables import from_ms, to_ms

ERASED = "(erased)"  # in place of words
REASON = "its case or its sender was erased"  # of mails that came in, in place of the reason that they had
AT_ONCE = 200  # messages, or mails of one way, in one transaction

Digest = Callable[[bytes], str]


@dataclass(slots=True)
class Removed:
    """What one step has removed. counts: rows by kind. files: names of raw mails that no row names any more."""

    counts: Counter[str] = field(default_factory=Counter)
    files: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Erasure:
    """A person who was erased. addresses: digests of those of which traces are still to be removed; () when done."""

    digest: str
    at: datetime
    counts: Counter[str]
    addresses: frozenset[str]


# Cases


def case_part(case_id: str, actor: Actor, digest: Digest, now: datetime) -> tuple[Removed, bool]:
    """Remove some of a case; again and again until the second value says that it was the last of it."""
    removed = Removed()
    more = [
        _messages(case_id, removed),
        _outgoing(case_id, digest, now, removed),
        _incoming(case_id, digest, removed),
    ]
    if any(more):
        return removed, False
    _close(case_id, actor, digest, now)
    removed.counts["cases"] += 1
    return removed, True


def _messages(case_id: str, removed: Removed) -> bool:
    """Returns whether there may be more."""
    ids = _column(
        "SELECT id FROM message WHERE case_id = ? AND (body <> ? OR full_text <> '' OR mail_id <> '' OR via <> ''"
        " OR (sender_type = ? AND sender_name <> '')) LIMIT ?",
        (case_id, ERASED, Role.CUSTOMER, AT_ONCE),
    )
    places = _places(ids)
    sql(
        f"UPDATE message SET body = ?, full_text = '', mail_id = '', via = '',"
        f" sender_name = CASE WHEN sender_type = ? THEN '' ELSE sender_name END WHERE id IN ({places})",
        (ERASED, Role.CUSTOMER, *ids),
    )
    # Their bytes go in two steps (HARDENING rule 17), and stay where another message refers to them.
    removed.counts["files"] += sql(f"DELETE FROM attachment WHERE message_id IN ({places})", ids).rowcount
    removed.counts["messages"] += len(ids)
    return len(ids) == AT_ONCE


def _outgoing(case_id: str, digest: Digest, now: datetime, removed: Removed) -> bool:
    ids = _column("SELECT id FROM outbox WHERE case_id = ? AND recipient <> '' LIMIT ?", (case_id, AT_ONCE))
    for outbox_id in ids:
        _empty_outgoing(outbox_id, digest, now)
    removed.counts["sent_mails"] += len(ids)
    return len(ids) == AT_ONCE


def _empty_outgoing(outbox_id: int, digest: Digest, now: datetime) -> None:
    """A worker that has the mail in hand loses its lease. Reports about it are refused from now on."""
    (handle,) = sql("SELECT handle FROM outbox WHERE id = ?", (outbox_id,)).fetchone()
    _remember_handle(bytes(handle), digest, now)
    sql(
        "UPDATE outbox SET handle = ?, recipient = '', envelope_from = '', rfc_message_id = ?, subject = '',"
        " worker = '', answer = CASE WHEN state IN ('queued', 'claimed') THEN 'cancelled: erased' ELSE '' END,"
        " state = CASE WHEN state IN ('queued', 'claimed') THEN 'cancelled' ELSE state END, relay_id = '',"
        " report_text = '', told_at = coalesce(told_at, ?), valid_while = '', data = ?, emptied = ? WHERE id = ?",
        (os.urandom(16), f"erased-{outbox_id}", to_ms(now), b"", True, outbox_id),
    )


def _incoming(case_id: str, digest: Digest, removed: Removed) -> bool:
    ids = _column(
        "SELECT inbox_id FROM inbox_result WHERE case_id = ? AND reason <> ? LIMIT ?", (case_id, REASON, AT_ONCE)
    )
    for inbox_id in ids:
        forget_mail(inbox_id, case_id, digest, removed)
    return len(ids) == AT_ONCE


def forget_mail(inbox_id: int, case_id: str, digest: Digest, removed: Removed) -> None:
    """Remove what a mail says and who sent it, as far as it concerns a case; "" for all that it came to.

    What it came to in another case stays, with the address that it came from there; held there, with its bytes.
    """
    which, params = ("AND case_id = ?", (case_id,)) if case_id else ("", ())
    removed.counts["held_mails"] += sql(
        f"UPDATE inbox_result SET outcome = 'refused' WHERE inbox_id = ? AND outcome = 'held' {which}",
        (inbox_id, *params),
    ).rowcount
    sql(f"UPDATE inbox_result SET reason = ? WHERE inbox_id = ? {which}", (REASON, inbox_id, *params))
    others = sql(
        "SELECT outcome FROM inbox_result WHERE inbox_id = ? AND case_id <> '' AND reason <> ?", (inbox_id, REASON)
    ).fetchall()
    state, raw_file, recipients = sql(
        "SELECT state, raw_file, recipients FROM inbox WHERE id = ?", (inbox_id,)
    ).fetchone()
    if state != "done" and case_id:
        return  # whoever processes it finds that its reply address is erased
    removed.counts["received_mails"] += 1
    if not others:
        sql(
            "UPDATE inbox SET mail_from = '', recipients = '[]', client = '', helo = '', sha256 = '', lane = '',"
            " state = 'done', worker = '', outcome = CASE WHEN outcome IN ('', 'held') THEN 'refused' ELSE outcome END,"
            " reason = ?, raw_file = '', data = NULL, authentication = '' WHERE id = ?",
            (REASON, inbox_id),
        )
    else:
        left = [one for one in json.loads(recipients) if not (one[2] and is_erased(digest(bytes.fromhex(one[2]))))]
        outcomes = {outcome for (outcome,) in others}
        outcome = next((word for word in ("posted", "held") if word in outcomes), min(outcomes))
        sql(
            "UPDATE inbox SET recipients = ?, lane = '', outcome = ?, reason = ? WHERE id = ?",
            (json.dumps(left), outcome, outcome, inbox_id),
        )
        if "held" in outcomes:
            return
        sql("UPDATE inbox SET raw_file = '', data = NULL WHERE id = ?", (inbox_id,))
    if raw_file:
        removed.files.append(raw_file)


def _close(case_id: str, actor: Actor, digest: Digest, now: datetime) -> None:
    """The last of a case, in one transaction with the look that found nothing more."""
    for participant_id, handle in sql("SELECT id, handle FROM participant WHERE case_id = ?", (case_id,)).fetchall():
        _remember_handle(bytes(handle), digest, now)
        for scope in ("mails", "bytes"):
            sql("DELETE FROM tally WHERE scope = ?", (f"{scope}:{bytes(handle).hex()}",))
        sql(
            "UPDATE participant SET handle = ?, active = ?, reference_ids = '[]', last_sent_id = '' WHERE id = ?",
            (os.urandom(16), False, participant_id),
        )
    sql("UPDATE participant SET address = '', name = '' WHERE case_id = ? AND role = ?", (case_id, Role.CUSTOMER))
    sql(
        "DELETE FROM attachment WHERE message_id IN (SELECT id FROM message WHERE case_id = ?)", (case_id,)
    )  # of messages that said nothing else
    sql("DELETE FROM idempotency WHERE scope > ? AND scope < ?", (f"mail:{case_id}:", f"mail:{case_id};"))
    sql("DELETE FROM warning WHERE case_id = ? AND state = 'waiting'", (case_id,))
    sql("UPDATE escalation SET reason = '' WHERE case_id = ?", (case_id,))
    sql("DELETE FROM alarm WHERE name = ?", (f"loop:{case_id}",))
    at = to_ms(now)
    (store_id,) = sql(
        "UPDATE cases SET subject = ?, status = 'CLOSED', closed_at = coalesce(closed_at, ?),"
        " closed_by = coalesce(closed_by, ?), unread_count = 0, erased_at = ?, updated_at = ?, version = version + 1"
        " WHERE id = ? RETURNING store_id",
        (ERASED, at, Role.SYSTEM, at, at, case_id),
    ).fetchone()
    audit.record(actor, "case.erased", now, store_id=store_id, case_id=case_id)


def old_cases(closed_before: datetime, limit: int) -> list[str]:
    """Cases that were closed before a moment and have had their time, the oldest first.

    Not those under dispute, nor those with mail that is held for a person.
    """
    rows = sql(
        "SELECT c.id FROM cases c WHERE c.status = 'CLOSED' AND c.erased_at IS NULL AND c.closed_at < ?"
        " AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.id = c.order_id AND o.disputed)"
        " AND NOT EXISTS (SELECT 1 FROM inbox_result r WHERE r.case_id = c.id AND r.outcome = 'held')"
        " ORDER BY c.closed_at LIMIT ?",
        (to_ms(closed_before), limit),
    )
    return [case_id for (case_id,) in rows]


# Handles


def _remember_handle(handle: bytes, digest: Digest, now: datetime) -> None:
    sql(
        "INSERT INTO erased_handle (digest, at) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING",
        (digest(handle), to_ms(now)),
    )


def is_erased(digest: str) -> bool:
    """Whether the handle with that digest was an erased person's, or of a mail about him."""
    return sql("SELECT 1 FROM erased_handle WHERE digest = ?", (digest,)).fetchone() is not None


# People


def customers_with(address: str) -> tuple[str, ...]:
    """Ids of the customers with this address, in whatever letters; one for each store that he bought from."""
    return tuple(_column("SELECT id FROM customer WHERE lower(email) = ? ORDER BY id", (address.lower(),)))


def addresses_of(customer_id: str) -> frozenset[str]:
    """All addresses of a customer that are nobody else's as well, in lower case: those that he wrote from, too."""
    found = _column(
        "SELECT lower(email) FROM customer WHERE id = ? UNION SELECT lower(address) FROM known_address WHERE person_id"
        " = ? UNION SELECT lower(p.address) FROM cases c JOIN participant p ON p.case_id = c.id AND p.role = ?"
        " WHERE c.customer_id = ? UNION SELECT lower(m.via) FROM cases c JOIN message m ON m.case_id = c.id"
        " AND m.sender_type = ? AND m.via <> '' WHERE c.customer_id = ?",
        (customer_id, customer_id, Role.CUSTOMER, customer_id, Role.CUSTOMER, customer_id),
    )
    return frozenset(address for address in found if address and not _is_somebody_elses(address, customer_id))


def _is_somebody_elses(address: str, customer_id: str) -> bool:
    found = sql(
        "SELECT 1 FROM customer WHERE lower(email) = ? AND id <> ?"
        " UNION ALL SELECT 1 FROM member WHERE lower(email) = ? UNION ALL SELECT 1 FROM participant p"
        " JOIN cases c ON c.id = p.case_id WHERE lower(p.address) = ? AND c.customer_id <> ? LIMIT 1",
        (address, customer_id, address, address, customer_id),
    )
    return found.fetchone() is not None


def cases_of(customer_id: str, opened_until: datetime, limit: int) -> list[str]:
    """His cases that are not erased and were opened until then, the oldest first."""
    return _column(
        "SELECT id FROM cases WHERE customer_id = ? AND erased_at IS NULL AND created_at <= ? ORDER BY created_at, id"
        " LIMIT ?",
        (customer_id, to_ms(opened_until), limit),
    )


def count_cases(customer_id: str) -> int:
    """How many of his cases are not erased."""
    row = sql("SELECT count(*) FROM cases WHERE customer_id = ? AND erased_at IS NULL", (customer_id,)).fetchone()
    return int(row[0])


def has_returned(customer_id: str, since: datetime) -> bool:
    """Whether he has opened a case after that moment."""
    row = sql("SELECT 1 FROM cases WHERE customer_id = ? AND created_at > ? LIMIT 1", (customer_id, to_ms(since)))
    return row.fetchone() is not None


def locked_cases(customer_id: str) -> tuple[tuple[str, str], ...]:
    """His cases under dispute that are not erased: ids, and numbers of their orders."""
    rows = sql(
        "SELECT c.id, o.number FROM cases c JOIN orders o ON o.id = c.order_id WHERE c.customer_id = ?"
        " AND c.erased_at IS NULL AND o.disputed ORDER BY c.id",
        (customer_id,),
    )
    return tuple((case_id, number) for case_id, number in rows)


def forget_addresses(addresses: Iterable[str], now: datetime) -> None:
    """Remove what is known about addresses (in lower case) beside cases and mails."""
    for address in addresses:
        sql("DELETE FROM sender WHERE address = ?", (address,))
        sql("DELETE FROM known_address WHERE address = ?", (address,))
        sql("DELETE FROM told WHERE scope = ?", (bounded(f"answer:{address}"),))
        if suppressions.get(address) is not None:
            suppressions.remove(address, now)
    _forget_in_alarms(addresses)


def _forget_in_alarms(addresses: Iterable[str]) -> None:
    """What relays say, and they may name whom they refuse, stands in some alarms."""
    for name, text in sql("SELECT name, text FROM alarm").fetchall():
        without = text
        for address in addresses:
            without = re.sub(re.escape(address), ERASED, without, flags=re.IGNORECASE)
        if without != text:
            sql("UPDATE alarm SET text = ? WHERE name = ?", (without, name))


def forget_told(case_id: str, addresses: Iterable[str]) -> None:
    """Remove the notes that somebody was told something about a case."""
    for address in addresses:
        sql("DELETE FROM told WHERE scope = ?", (bounded(f"answer:{case_id}:{address}"),))


def close_customer(customer_id: str) -> bool:
    """Remove who he is. False, and nothing is done, while he has a case that is not erased."""
    changed: int = sql(
        "UPDATE customer SET email = '', first_name = '', last_name = '', locale = '', time_zone = '' WHERE id = ?"
        " AND NOT EXISTS (SELECT 1 FROM cases WHERE customer_id = customer.id AND erased_at IS NULL)",
        (customer_id,),
    ).rowcount
    if changed:
        sql("DELETE FROM known_address WHERE person_id = ?", (customer_id,))
    return changed == 1


# Traces in mails outside of his cases: the whole of inbox and outbox is looked through, a part at a time


def incoming_traces(after: int, limit: int) -> list[tuple[int, str, list[bytes]]]:
    """Mails that came in, from an id on: id, envelope sender, handles of the addresses of ours that it came to."""
    rows = sql(
        "SELECT id, mail_from, recipients FROM inbox WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
    ).fetchall()
    return [
        (id_, mail_from, [bytes.fromhex(one[2]) for one in json.loads(recipients) if one[2]])
        for id_, mail_from, recipients in rows
    ]


def outgoing_traces(after: int, limit: int) -> list[tuple[int, str, str]]:
    """Mails that go or went out, from an id on: id, recipient, template."""
    return sql(  # type: ignore[no-any-return]
        "SELECT id, recipient, template FROM outbox WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
    ).fetchall()


def forget_incoming(inbox_ids: Sequence[int], addresses: frozenset[str], digest: Digest, removed: Removed) -> None:
    """Mails that he sent, or that are reports about mails to him. addresses: his, in lower case, as far as known.

    In somebody else's case, where he was a stranger, his words stay that person's; his address does not.
    """
    for inbox_id in inbox_ids:
        cases = _column("SELECT case_id FROM inbox_result WHERE inbox_id = ? AND case_id <> ''", (inbox_id,))
        for case_id in cases:
            for address in addresses:
                sql("UPDATE message SET via = ? WHERE case_id = ? AND lower(via) = ?", (ERASED, case_id, address))
        forget_mail(inbox_id, "", digest, removed)


def forget_outgoing(outbox_ids: Sequence[int], digest: Digest, now: datetime, removed: Removed) -> None:
    """Mails to him outside of his cases."""
    for outbox_id in outbox_ids:
        _empty_outgoing(outbox_id, digest, now)
    removed.counts["sent_mails"] += len(outbox_ids)


def forget_digests(outbox_ids: Sequence[int], now: datetime) -> None:
    """Letters to reviewers and the operator, which may name him or his case; a new one tells what they have to know."""
    for outbox_id in outbox_ids:
        waiting = sql(
            "UPDATE outbox SET state = 'cancelled', worker = '', answer = 'cancelled: erased' WHERE id = ?"
            " AND state IN ('queued', 'claimed') AND template = 'mail_held' RETURNING created_at",
            (outbox_id,),
        ).fetchone()
        if waiting is not None:
            sql(
                "UPDATE inbox_result SET told_at = NULL WHERE outcome = 'held' AND told_at >= ?"
                " AND inbox_id IN (SELECT id FROM inbox WHERE outcome = 'held')",
                (waiting[0],),
            )
    sql(
        f"UPDATE outbox SET data = ?, emptied = ?, told_at = coalesce(told_at, ?) WHERE id IN ({_places(outbox_ids)})"
        " AND state IN ('sent', 'failed', 'cancelled')",
        (b"", True, to_ms(now), *outbox_ids),
    )


# The record of it


def find(digest: str) -> Erasure | None:
    """What is known about the erasure of a person, None when he was never erased."""
    row = sql("SELECT at, counts FROM erasure WHERE digest = ?", (digest,)).fetchone()
    if row is None:
        return None
    counts = json.loads(row[1])
    addresses = frozenset(counts.pop("addresses", ()))
    return Erasure(digest, from_ms(row[0]), Counter(counts), addresses)


def note(digest: str, counts: Counter[str], addresses: Iterable[str], now: datetime) -> None:
    """Add to the counts of an erasure, in the transaction of a step of it. addresses: as in Erasure."""
    known = find(digest)
    total = (known.counts if known else Counter()) + counts
    document = dict(sorted(total.items())) | ({"addresses": sorted(addresses)} if addresses else {})
    sql(
        "INSERT INTO erasure (digest, at, counts) VALUES (?, ?, ?)"
        " ON CONFLICT (digest) DO UPDATE SET at = excluded.at, counts = excluded.counts",
        (digest, to_ms(now), json.dumps(document)),
    )


def _column(statement: str, params: Sequence[object]) -> list[Any]:
    return [row[0] for row in sql(statement, params).fetchall()]


def _places(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))

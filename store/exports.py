"""What the rows hold of one customer, for an export: read a part at a time, as much as he may see."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.cases.model import Order, Role
from store import audit, erasures
from store.audit import Entry
from store.database import sql
from store.tables import from_ms

AT_ONCE = 200  # rows


@dataclass(frozen=True, slots=True)
class Address:
    """An address from which a customer may post besides his own. confirmed_at: None when he has not said yes."""

    address: str
    asked_at: datetime
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class MailIn:
    """A mail that he sent. case_id: "" for none. kept: whether its bytes are."""

    id: int
    case_id: str
    kept_at: datetime
    mail_from: str
    size: int
    outcome: str
    kept: bool


@dataclass(frozen=True, slots=True)
class MailOut:
    """A mail that went to him, or was to. case_id: "" for none. answer: the relay's; report: what was heard later.

    kept: whether its bytes are.
    """

    id: int
    case_id: str
    template: str
    recipient: str
    subject: str
    state: str
    created_at: datetime
    sent_at: datetime | None
    answer: str
    report: str
    report_text: str
    kept: bool


def addresses(customer_id: str) -> tuple[Address, ...]:
    """His other addresses."""
    rows = sql(
        "SELECT address, asked_at, confirmed_at FROM known_address WHERE person_id = ? ORDER BY address", (customer_id,)
    )
    return tuple(Address(one, from_ms(asked), None if yes is None else from_ms(yes)) for one, asked, yes in rows)


def orders(customer_id: str) -> tuple[Order, ...]:
    """His orders, the oldest first."""
    rows = sql(
        "SELECT id, store_id, customer_id, number, amount, currency, status, created_at FROM orders"
        " WHERE customer_id = ? ORDER BY created_at, id",
        (customer_id,),
    )
    return tuple(
        Order(id_, store_id, customer, number, amount, currency, status, from_ms(created_at))
        for id_, store_id, customer, number, amount, currency, status, created_at in rows
    )


def case_ids(customer_id: str) -> Iterator[str]:
    """His cases, the oldest first."""
    after: tuple[int, str] = (-1, "")
    while rows := sql(
        "SELECT created_at, id FROM cases WHERE customer_id = ? AND (created_at, id) > (?, ?)"
        " ORDER BY created_at, id LIMIT ?",
        (customer_id, *after, AT_ONCE),
    ).fetchall():
        yield from (case_id for _, case_id in rows)
        after = rows[-1]


_KEPT = "(i.data IS NOT NULL OR i.raw_file <> '')"
_HIS = f"(SELECT id FROM participant WHERE case_id = ? AND role = '{Role.CUSTOMER}')"


def mails_in(case_id: str, his: frozenset[str]) -> Iterator[MailIn]:
    """What came in from him about a case, the oldest first. his: his addresses, in lower case.

    What somebody else sent in his name is that one's mail.
    """
    rows = sql(
        "SELECT i.id, r.case_id, i.kept_at, i.mail_from, i.size, r.outcome, m.via,"
        f" {_KEPT} FROM inbox_result r"
        " JOIN inbox i ON i.id = r.inbox_id LEFT JOIN message m ON m.id = r.message_id WHERE r.case_id = ?"
        f" AND NOT r.guess AND r.participant_id IN {_HIS} ORDER BY i.id",
        (case_id, case_id),
    ).fetchall()
    for id_, case, kept_at, mail_from, size, outcome, via, kept in rows:
        if via == "" or mail_from.lower() in his:
            yield MailIn(id_, case, from_ms(kept_at), mail_from, size, outcome, bool(kept))


_OUT = (
    "id, case_id, template, recipient, subject, state, created_at, sent_at, answer, report, report_text, NOT emptied"
    " FROM outbox"
)


def mails_out(case_id: str) -> Iterator[MailOut]:
    """What went to him about a case, the oldest first."""
    rows = sql(
        f"SELECT {_OUT} WHERE case_id = ? AND participant_id IN {_HIS} ORDER BY id", (case_id, case_id)
    ).fetchall()
    return map(_mail_out, rows)


def letters_in(his: frozenset[str]) -> Iterator[MailIn]:
    """What came from his addresses about no case that is known. The whole of the inbox is looked through."""
    after = 0
    while traces := erasures.incoming_traces(after, AT_ONCE):
        after = traces[-1][0]
        for id_, mail_from, _ in traces:
            if mail_from.lower() in his and not _has_case(id_):
                row = sql(f"SELECT i.kept_at, i.size, i.outcome, {_KEPT} FROM inbox i WHERE i.id = ?", (id_,))
                kept_at, size, outcome, kept = row.fetchone()
                yield MailIn(id_, "", from_ms(kept_at), mail_from, size, outcome, bool(kept))


def _has_case(inbox_id: int) -> bool:
    row = sql("SELECT 1 FROM inbox_result WHERE inbox_id = ? AND case_id <> '' AND NOT guess", (inbox_id,)).fetchone()
    return row is not None


def letters_out(his: frozenset[str]) -> Iterator[MailOut]:
    """What went to his addresses about no case. The whole of the outbox is looked through."""
    after = 0
    while traces := erasures.outgoing_traces(after, AT_ONCE):
        after = traces[-1][0]
        for id_, recipient, _ in traces:
            if recipient.lower() in his:
                row = sql(f"SELECT {_OUT} WHERE id = ? AND case_id = ''", (id_,)).fetchone()
                if row is not None:
                    yield _mail_out(row)


def _mail_out(row: Sequence[Any]) -> MailOut:
    id_, case, template, recipient, subject, state, created, sent, answer, report, text, kept = row
    return MailOut(
        id_, case, template, recipient, subject, state, from_ms(created), None if sent is None else from_ms(sent),
        answer, report, text, bool(kept),
    )  # fmt: skip


def acts(case_id: str, customer_id: str) -> Iterator[Entry]:
    """What he did about a case, the newest first."""
    his = {customer_id} | {
        f"participant:{id_}" for (id_,) in sql(f"SELECT id FROM participant WHERE id IN {_HIS}", (case_id,))
    }
    before: int | None = None
    while entries := audit.listing(case_id=case_id, before=before, limit=AT_ONCE):
        yield from (entry for entry in entries if entry.actor_id in his)
        before = entries[-1].id


def passed_at(address: str) -> datetime | None:
    """When a mail from an address was proven last, None when none was."""
    row = sql("SELECT passed_at FROM sender WHERE address = ?", (address,)).fetchone()
    return None if row is None else from_ms(row[0])

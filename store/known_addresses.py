"""Other addresses of people whom we know, from which they may post once they have said yes (HARDENING rule 20).

A person is a customer (`cus_…`) or a member of a store (`mbr_…`), since he is the same on all of his cases. His own
address is asked. A yes allows posting and nothing else: mail goes to his own address, and with it alone he signs in.
Functions that write run inside a job of `Database.write`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.cases.model import Role
from gateway.errors import NotFound
from store.database import sql
from store.identifiers import new_id
from store.tables import from_ms, to_ms

ANSWERED_WITHIN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Question:
    """Whether `address` (in lower case) is a person's, too.

    name: of the person, "" when we know none. email: his own address, which is asked. role: CUSTOMER or MERCHANT.
    store_id, store: id and name of the store that he buys from or works for. confirmed_at: None until the yes.
    """

    person_id: str
    address: str
    name: str
    email: str
    role: Role
    store_id: str
    store: str
    asked_at: datetime
    confirmed_at: datetime | None

    def counts(self, now: datetime) -> bool:
        """Whether it was answered, or may still be."""
        return self.confirmed_at is not None or now - self.asked_at < ANSWERED_WITHIN


def ask(person_id: str, address: str, handle: bytes, now: datetime) -> bool:
    """Note that a person is asked, perhaps again: then only the new handle can be answered.

    handle: 16 random bytes. Returns False, and changes nothing, when he has confirmed that address already.
    """
    changed: int = sql(
        "INSERT INTO known_address (id, person_id, address, handle, asked_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (person_id, address) DO UPDATE SET handle = excluded.handle, asked_at = excluded.asked_at"
        " WHERE known_address.confirmed_at IS NULL",
        (new_id("kad", now), person_id, address.lower(), handle, to_ms(now)),
    ).rowcount
    return changed == 1


def confirmed(person_id: str) -> tuple[str, ...]:
    """The addresses, in lower case, from which a person may post besides his own."""
    rows = sql(
        "SELECT address FROM known_address WHERE person_id = ? AND confirmed_at IS NOT NULL ORDER BY address",
        (person_id,),
    )
    return tuple(row[0] for row in rows)


def find(handle: bytes) -> Question | None:
    """The question with that handle, answered or not; None when there is none or its person has left the store."""
    row = sql(
        "SELECT k.person_id, k.address, c.first_name, c.last_name, c.email, m.name, m.email, s.id, s.name,"
        " k.asked_at, k.confirmed_at FROM known_address k LEFT JOIN customer c ON c.id = k.person_id"
        " LEFT JOIN member m ON m.id = k.person_id AND m.active JOIN store s ON s.id = coalesce(c.store_id, m.store_id)"
        " WHERE k.handle = ?",
        (handle,),
    ).fetchone()
    if row is None:
        return None
    person_id, address, first_name, last_name, customer_email, name, member_email, *store, asked_at, confirmed_at = row
    store_id, store_name = store
    is_customer = customer_email is not None
    return Question(
        person_id,
        address,
        f"{first_name} {last_name}".strip() if is_customer else name,
        customer_email if is_customer else member_email,
        Role.CUSTOMER if is_customer else Role.MERCHANT,
        store_id,
        store_name,
        from_ms(asked_at),
        None if confirmed_at is None else from_ms(confirmed_at),
    )


def confirm(handle: bytes, now: datetime) -> bool:
    """The person says yes. Returns False when he had said so before.

    Raises NotFound when there is no such question or it does not count any more.
    """
    question = find(handle)
    if question is None or not question.counts(now):
        raise NotFound("Nobody is asked about this address, or not any more")
    if question.confirmed_at is not None:
        return False
    sql("UPDATE known_address SET confirmed_at = ? WHERE handle = ?", (to_ms(now), handle))
    return True


def forget(person_id: str, address: str) -> None:
    """From now on an address is not a person's, whether he was asked or had confirmed it."""
    sql("DELETE FROM known_address WHERE person_id = ? AND address = ?", (person_id, address.lower()))


def forget_all(person_id: str) -> None:
    """From now on a person has his own address only."""
    sql("DELETE FROM known_address WHERE person_id = ?", (person_id,))


def forget_unanswered(now: datetime) -> int:
    """Remove the questions that nobody can answer any more. Returns how many."""
    removed: int = sql(
        "DELETE FROM known_address WHERE confirmed_at IS NULL AND asked_at <= ?", (to_ms(now - ANSWERED_WITHIN),)
    ).rowcount
    return removed

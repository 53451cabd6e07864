"""Who a case is between: stores, their members, customers, and the orders that cases are about."""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from gateway.cases import settings
from gateway.cases.escalation import CHARGEBACK
from gateway.cases.model import Customer, Member, MemberRole, Order, Store
from gateway.cases.settings import CaseSettings
from gateway.errors import Conflict, NotFound
from store import known_addresses
from store.database import sql
from store.identifiers import new_id
from store.tables import from_ms, to_ms

_STORE = "id, name, created_at, strict, locale, time_zone, colour, from_address, logo, settings"
_CUSTOMER = "id, store_id, email, first_name, last_name, locale, time_zone"
_MEMBER = "id, store_id, email, name, muted, role"


def find_store(store_id: str) -> Store | None:
    """A store, or None."""
    row = sql(f"SELECT {_STORE} FROM store WHERE id = ?", (store_id,)).fetchone()
    return None if row is None else store_of(row)


def store_columns(table: str) -> str:
    """The columns of a store in a query, where its table has another name."""
    return ", ".join(f"{table}.{column}" for column in _STORE.split(", "))


def store_of(row: Sequence[Any]) -> Store:
    """A store from its columns."""
    id_, name, created_at, strict, locale, time_zone, colour, from_address, logo, chosen = row
    return Store(
        id_, name, from_ms(created_at), bool(strict), locale, time_zone, colour, from_address, logo, _settings(chosen)
    )


@lru_cache(maxsize=1_024)
def _settings(text: str) -> CaseSettings:
    """Settings from the JSON of those that a store has decided: asked for with every case."""
    return settings.of_values(json.loads(text))


def _settings_as_json(chosen: CaseSettings) -> str:
    return json.dumps(settings.as_values(chosen), ensure_ascii=False)


def _member(row: Sequence[Any]) -> Member:
    return Member(row[0], row[1], row[2], row[3], frozenset(row[4].split()), MemberRole(row[5]))


def get_store(store_id: str) -> Store:
    """A store. Raises NotFound."""
    store = find_store(store_id)
    if store is None:
        raise NotFound(f"There is no store {store_id}")
    return store


def add_store(store: Store) -> bool:
    """Add a store inside a write. False when there is one with that id already; that one stays as it is."""
    added = sql(
        f"INSERT INTO store ({_STORE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        (
            store.id, store.name, to_ms(store.created_at), store.strict, store.locale, store.time_zone, store.colour,
            store.from_address, store.logo, _settings_as_json(store.settings),
        ),
    )  # fmt: skip
    return bool(added.rowcount)


def save_store(store: Store) -> None:
    """Write the settings of a store. Raises NotFound."""
    changed = sql(
        "UPDATE store SET name = ?, strict = ?, locale = ?, time_zone = ?, colour = ?, from_address = ?, logo = ?,"
        " settings = ? WHERE id = ?",
        (
            store.name, store.strict, store.locale, store.time_zone, store.colour, store.from_address, store.logo,
            _settings_as_json(store.settings), store.id,
        ),
    ).rowcount  # fmt: skip
    if changed != 1:
        raise NotFound(f"There is no store {store.id}")


def stores() -> tuple[Store, ...]:
    """All stores by name."""
    return tuple(store_of(row) for row in sql(f"SELECT {_STORE} FROM store ORDER BY name"))


def members(store_id: str) -> tuple[Member, ...]:
    """The people who work for a store now, in the order in which they came."""
    rows = sql(f"SELECT {_MEMBER} FROM member WHERE store_id = ? AND active ORDER BY id", (store_id,))
    return tuple(_member(row) for row in rows)


def mute(member_id: str, notice: str) -> None:
    """Have a person not be mailed a notice any more, inside a write. Twice is once. Raises NotFound."""
    row = sql("SELECT muted FROM member WHERE id = ?", (member_id,)).fetchone()
    if row is None:
        raise NotFound("There is no such member")
    muted = " ".join(sorted({*row[0].split(), notice}))
    sql("UPDATE member SET muted = ? WHERE id = ?", (muted, member_id))


def unmute(member_id: str, notice: str) -> None:
    """Have a person be mailed a notice again, inside a write. Raises NotFound."""
    row = sql("SELECT muted FROM member WHERE id = ?", (member_id,)).fetchone()
    if row is None:
        raise NotFound("There is no such member")
    muted = " ".join(sorted(set(row[0].split()) - {notice}))
    sql("UPDATE member SET muted = ? WHERE id = ?", (muted, member_id))


def member(store_id: str, address: str) -> Member:
    """Somebody who works for a store now, whatever the letters of his address. Raises NotFound."""
    found = next((one for one in members(store_id) if one.email.lower() == address.lower()), None)
    if found is None:
        raise NotFound(f"{address} is no member of {store_id}")
    return found


def add_member(store_id: str, email: str, name: str, now: datetime, role: MemberRole | None = None) -> Member:
    """Add a person, take one back who was removed, or change name and role of one who is there.

    role: by default what he is; a newcomer is the owner of a store that has none, else an agent. Raises NotFound for an
    unknown store.
    """
    get_store(store_id)
    staff = members(store_id)
    if role is None:
        newcomer = MemberRole.AGENT if any(one.role is MemberRole.OWNER for one in staff) else MemberRole.OWNER
        role = next((one.role for one in staff if one.email == email), newcomer)
    row = sql(
        "INSERT INTO member (id, store_id, email, name, active, created_at, role) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (store_id, email) DO UPDATE SET name = excluded.name, active = excluded.active,"
        f" role = excluded.role RETURNING {_MEMBER}",
        (new_id("mbr", now), store_id, email, name, True, to_ms(now), role),
    ).fetchone()
    return _member(row)


def set_role(member_id: str, role: MemberRole) -> None:
    """Make a person owner or agent, inside a write. Raises NotFound."""
    if sql("UPDATE member SET role = ? WHERE id = ?", (role, member_id)).rowcount != 1:
        raise NotFound("There is no such member")


def insert_member(member: Member, now: datetime) -> None:
    """Add a person of a store that is being made. The same address twice is one person."""
    sql(
        "INSERT INTO member (id, store_id, email, name, active, created_at, role) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (store_id, email) DO NOTHING",
        (member.id, member.store_id, member.email, member.name, True, to_ms(now), member.role),
    )


def remove_member(store_id: str, email: str) -> None:
    """Take a person out of a store: from now on his reply addresses post nothing. Raises NotFound."""
    row = sql("SELECT id FROM member WHERE store_id = ? AND email = ? AND active", (store_id, email)).fetchone()
    if row is None:
        raise NotFound(f"{email} is no member of {store_id}")
    end_membership(row[0])


def end_membership(member_id: str) -> bool:
    """Take a person out of his store. Returns False, and changes nothing, when he is not in it.

    Whoever is taken back begins anew: his old addresses and links, and mail that waits for him, count no more, nor do
    other addresses that he had confirmed.
    """
    row = sql(
        "UPDATE member SET active = ? WHERE id = ? AND active RETURNING lower(email)", (False, member_id)
    ).fetchone()
    if row is None:
        return False
    sql(
        "UPDATE participant SET generation = generation + 1 WHERE lower(address) = ? AND member_id = ?",
        (row[0], member_id),
    )
    known_addresses.forget_all(member_id)
    return True


def find_customer(customer_id: str) -> Customer | None:
    """A customer, or None."""
    row = sql(f"SELECT {_CUSTOMER} FROM customer WHERE id = ?", (customer_id,)).fetchone()
    return None if row is None else Customer(*row)


def save_customer(customer: Customer) -> None:
    """Add or refresh a customer inside a write. Raises Conflict when the id belongs to another store."""
    changed = sql(
        f"INSERT INTO customer ({_CUSTOMER}) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET email = excluded.email, first_name = excluded.first_name,"
        " last_name = excluded.last_name, locale = excluded.locale, time_zone = excluded.time_zone"
        " WHERE customer.store_id = excluded.store_id",
        (
            customer.id, customer.store_id, customer.email, customer.first_name, customer.last_name, customer.locale,
            customer.time_zone,
        ),
    ).rowcount  # fmt: skip
    if changed != 1:
        raise Conflict(f"customer {customer.id} belongs to another store")


def find_order(order_id: str) -> tuple[Order, datetime] | None:
    """An order and the time of the event that set its status, or None."""
    row = sql(
        "SELECT id, store_id, customer_id, number, amount, currency, status, created_at, status_at"
        " FROM orders WHERE id = ?",
        (order_id,),
    ).fetchone()
    return (
        None
        if row is None
        else (
            Order(row[0], row[1], row[2], row[3], row[4], row[5], row[6], from_ms(row[7])),
            from_ms(row[8]),
        )
    )


def refresh_order(
    order_id: str, status: str, amount: int | None, currency: str, occurred_at: datetime, *, disputed: bool
) -> bool:
    """Give an order that we know its newest status, inside a write. amount: None, and currency: "", stay as they are.

    disputed: whether a dispute goes on. Returns whether it is the newest: an event older than the one that set the
    status changes nothing.
    """
    changed: int = sql(
        "UPDATE orders SET status = ?, amount = COALESCE(?, amount), currency = COALESCE(?, currency), status_at = ?,"
        " disputed = ? WHERE id = ? AND status_at <= ?",
        (status, amount, currency or None, to_ms(occurred_at), disputed, order_id, to_ms(occurred_at)),
    ).rowcount
    return bool(changed)


def warn_of_fraud(order_id: str, fraud_type: str) -> None:
    """Note an early fraud warning on an order, inside a write."""
    sql("UPDATE orders SET fraud_warning = ? WHERE id = ?", (fraud_type, order_id))


def save_order(order: Order, occurred_at: datetime) -> None:
    """Add or refresh an order inside a write; an event older than the one that set it changes nothing.

    Raises Conflict when the id belongs to another store.
    """
    sql(
        "INSERT INTO orders (id, store_id, customer_id, number, amount, currency, status, created_at, status_at,"
        " disputed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET customer_id = excluded.customer_id,"
        " number = excluded.number, amount = excluded.amount, currency = excluded.currency, status = excluded.status,"
        " created_at = excluded.created_at, status_at = excluded.status_at,"
        # Whether a dispute that left the status where it was goes on, only its own events tell.
        " disputed = CASE WHEN orders.status = excluded.status THEN orders.disputed ELSE excluded.disputed END"
        " WHERE orders.store_id = excluded.store_id AND orders.status_at <= excluded.status_at",
        (
            order.id, order.store_id, order.customer_id, order.number, order.amount, order.currency, order.status,
            to_ms(order.created_at), to_ms(occurred_at), order.status == CHARGEBACK,
        ),
    )  # fmt: skip
    owner = sql("SELECT store_id FROM orders WHERE id = ?", (order.id,)).fetchone()
    if owner != (order.store_id,):
        raise Conflict(f"order {order.id} belongs to another store")

"""Addresses that get no mail for a while: dead ones, and those of people who complained (HARDENING rules 7 and 8).

    found dead ──▶ 30 days ──▶ probe: the next mail goes out ──found dead──▶ 90 days ──▶ probe ──found dead──▶ 365 days
         └── mail from there, or the operator ──▶ forgotten

A complaint lasts until then, and stops all but the necessary mail. Of the people who answer cases, one report alone is
only remembered (`times` is 0): they are stopped by another one, on another mail, an hour later or more. Sign-in mail
goes to everybody who asks for it.

Functions that write run inside a job of `Database.write`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from gateway.cases.model import Role
from gateway.cases.notices import Template
from gateway.errors import NotFound
from store import alarms
from store.database import sql
from store.tables import from_ms, to_ms

DEAD, COMPLAINT, OPERATOR = REASONS = ("dead", "complaint", "operator")
REFUSAL, REPORT = "refusal", "report"  # sources, beside OPERATOR
LASTS = (timedelta(days=30), timedelta(days=90), timedelta(days=365))
APART = timedelta(hours=1)
REMEMBERED = LASTS[0]  # a report that another one confirms

_DETAIL = 500  # characters
_LONGEST = 254  # RFC 5321 §4.5.3.1
FOR_OURSELVES = (Template.SIGN_IN, Template.ALARM, Template.CANARY)  # asked for, or about this gateway's own mail

log = structlog.get_logger("suppression")


@dataclass(frozen=True, slots=True)
class Suppression:
    """address: in lower case. reason: dead, complaint or operator, who needs none. source: refusal, report or operator.

    detail: in the words of whoever said it. until: None for no end. times: how often it was found dead in a row.
    """

    address: str
    reason: str
    source: str
    detail: str
    since: datetime
    until: datetime | None
    times: int
    outbox_id: int | None = None

    def holds(self, now: datetime) -> bool:
        """Whether mail is stopped."""
        return self.times > 0 and (self.until is None or self.until > now)


_COLUMNS = "address, reason, source, detail, since, until, times, outbox_id"
_HOLDS = "times > 0 AND (until IS NULL OR until > ?)"


def bars(address: str, template: str, now: datetime) -> str:
    """Why a mail must not be sent there, "" when it may be."""
    found = get(address)
    if found is None or not found.holds(now) or template in FOR_OURSELVES:
        return ""
    if found.reason == COMPLAINT and Template(template).necessary:
        return ""
    return _WHY[found.reason] + (f": {found.detail}" if found.detail else "")


_WHY = {
    DEAD: "earlier mail to this address failed",
    COMPLAINT: "the recipient complained about mail from us",
    OPERATOR: "the operator stopped mail to this address",
}


def get(address: str) -> Suppression | None:
    """What is known about an address, also when it stops no mail any more."""
    row = sql(f"SELECT {_COLUMNS} FROM suppression WHERE address = ?", (address.lower(),)).fetchone()
    return None if row is None else _suppression(row)


def listing(now: datetime, *, reason: str = "", limit: int) -> tuple[Suppression, ...]:
    """Those that stop mail now, the newest first."""
    words, params = (" AND reason = ?", [reason]) if reason else ("", [])
    rows = sql(
        f"SELECT {_COLUMNS} FROM suppression WHERE {_HOLDS}{words} ORDER BY since DESC, address LIMIT ?",
        (to_ms(now), *params, limit),
    )
    return tuple(_suppression(row) for row in rows)


def found(address: str, reason: str, source: str, detail: str, outbox_id: int, now: datetime, *, certain: bool) -> bool:
    """A mail came to nothing because the address is dead, or was complained about. Returns whether this stops mail.

    certain: whether this mail alone is enough.
    """
    address = address.lower()
    known = get(address)
    if len(address) > _LONGEST or (known is not None and known.holds(now)):
        return False
    if known is not None and known.source == OPERATOR:
        known = None  # what he wanted is over, and tells nothing about the address
    times = known.times if known else 0
    if not certain and not times and not (known and _confirms(known, outbox_id, now)):
        if known is None or now - known.since > REMEMBERED:
            _put(Suppression(address, reason, source, detail, now, now, 0, outbox_id))
        return False
    until = None if reason == COMPLAINT else now + LASTS[min(times, len(LASTS) - 1)]
    _put(Suppression(address, reason, source, detail, now, until, times + 1, outbox_id))
    log.warning("suppression.began", outbox_id=outbox_id, reason=reason, source=source, times=times + 1)
    return True


def _confirms(first: Suppression, outbox_id: int, now: datetime) -> bool:
    """HARDENING rule 8: two reports on different mails, an hour apart or more."""
    return first.outbox_id != outbox_id and APART <= now - first.since <= REMEMBERED


def add(address: str, detail: str, now: datetime, until: datetime | None) -> None:
    """Stop mail to an address because the operator says so."""
    _put(Suppression(address.lower(), OPERATOR, OPERATOR, detail, now, until, 1))


def remove(address: str, now: datetime) -> None:
    """Forget an address. Raises NotFound."""
    if sql("DELETE FROM suppression WHERE address = ?", (address.lower(),)).rowcount != 1:
        raise NotFound(f"Mail to {address} is not stopped")
    _gets_mail(address, now)


def lift(address: str, now: datetime) -> bool:
    """Somebody writes from there, so it is alive; what the operator said stays. Returns whether mail was stopped."""
    known = get(address)
    if known is None or known.source == OPERATOR:
        return False
    sql("DELETE FROM suppression WHERE address = ?", (known.address,))
    if not known.holds(now):
        return False
    _gets_mail(address, now)
    log.info("suppression.lifted", outbox_id=known.outbox_id)
    return True


def lift_since(since: datetime, now: datetime) -> int:
    """Take back what was found since then, as it was before (HARDENING rule 7). Returns how many."""
    found_since, params = "source IN (?, ?) AND since >= ?", (REFUSAL, REPORT, to_ms(since))
    delete = f"DELETE FROM suppression WHERE times <= 1 AND {found_since} RETURNING address"
    # What was a probe is one again: its earlier time was over.
    undo = (
        f"UPDATE suppression SET times = times - 1, until = since WHERE times > 1 AND {found_since} RETURNING address"
    )
    lifted = [row[0] for statement in (delete, undo) for row in sql(statement, params).fetchall()]
    for address in lifted:
        _gets_mail(address, now)
    return len(lifted)


def is_staff(address: str) -> bool:
    """Whether somebody with this address answers cases, for a store or as support."""
    row = sql(
        "SELECT 1 FROM participant WHERE lower(address) = ? AND role <> ? UNION ALL"
        " SELECT 1 FROM member WHERE active AND lower(email) = ? LIMIT 1",
        (address.lower(), Role.CUSTOMER, address.lower()),
    ).fetchone()
    return row is not None


def people(address: str, limit: int = 20) -> list[str]:
    """Who has this address: the ids of members and customers, for the audit trail, which holds no addresses."""
    rows = sql(
        "SELECT id FROM member WHERE lower(email) = ? UNION SELECT coalesce(p.member_id, c.customer_id)"
        " FROM participant p JOIN cases c ON c.id = p.case_id WHERE lower(p.address) = ? AND p.role <> ?"
        " ORDER BY 1 LIMIT ?",
        (address.lower(), address.lower(), Role.SUPPORT, limit),
    )
    return [row[0] for row in rows]


def raise_alarms(address: str, now: datetime) -> None:
    """Raise one for each store for which somebody with this address works, and none of whose people gets mail now."""
    rows = sql("SELECT store_id FROM member WHERE active AND lower(email) = ?", (address.lower(),)).fetchall()
    for (store_id,) in rows:
        look_after(store_id, now)


def look_after(store_id: str, now: datetime) -> None:
    """Raise an alarm when none of a store's people gets mail now, or when nobody works for it; else it is over."""
    row = sql(
        "SELECT s.name FROM store s WHERE s.id = ? AND NOT EXISTS (SELECT 1 FROM member m WHERE m.store_id = s.id"
        " AND m.active AND NOT EXISTS"
        f" (SELECT 1 FROM suppression WHERE address = lower(m.email) AND {_HOLDS}))",
        (store_id, to_ms(now)),
    ).fetchone()
    name = f"store:{store_id}"
    if row is None:
        alarms.resolve(name, now)
    else:
        text = f"Nobody of the store {row[0]} ({store_id}) gets mail: see casegate member list and suppression list."
        alarms.raise_(name, text, now)


def _gets_mail(address: str, now: datetime) -> None:
    """The stores for which somebody with this address works have somebody again."""
    rows = sql("SELECT store_id FROM member WHERE active AND lower(email) = ?", (address.lower(),)).fetchall()
    for (store_id,) in rows:
        alarms.resolve(f"store:{store_id}", now)


def _put(new: Suppression) -> None:
    sql(
        f"INSERT INTO suppression ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (address) DO UPDATE SET"
        " reason = excluded.reason, source = excluded.source, detail = excluded.detail, since = excluded.since,"
        " until = excluded.until, times = excluded.times, outbox_id = excluded.outbox_id",
        (
            new.address, new.reason, new.source, new.detail[:_DETAIL], to_ms(new.since),
            None if new.until is None else to_ms(new.until), new.times, new.outbox_id,
        ),
    )  # fmt: skip


def _suppression(row: Sequence[Any]) -> Suppression:
    address, reason, source, detail, since, until, times, outbox_id = row
    ends = None if until is None else from_ms(until)
    return Suppression(address, reason, source, detail, from_ms(since), ends, times, outbox_id)

"""How often: tallies in stretches of time, and what was told when. Every process counts in the same rows.

Functions that write run inside a job of `Database.write`.
"""

import hashlib
from datetime import datetime, timedelta

from store.database import sql
from store.tables import to_ms

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KEPT = timedelta(days=3)  # nothing here is asked about longer ago
_LONGEST = 200  # characters of a scope


def bounded(name: str) -> str:
    """A name as the tables hold it: addresses and domains may be longer than a column is."""
    if len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST - 65]}:{hashlib.sha256(name.encode()).hexdigest()}"


def add(scope: str, now: datetime, span: timedelta, amount: int = 1) -> int:
    """Count something in the stretch of `span` that `now` lies in. Returns how much it has come to."""
    row: tuple[int] = sql(
        "INSERT INTO tally (scope, bucket, amount) VALUES (?, ?, ?)"
        " ON CONFLICT (scope, bucket) DO UPDATE SET amount = tally.amount + excluded.amount RETURNING amount",
        (bounded(scope), _bucket(now, span), amount),
    ).fetchone()
    return row[0]


def add_within(scope: str, now: datetime, span: timedelta, most: int, amount: int = 1) -> bool:
    """`add`, unless that would make more than `most`. Returns whether it was counted.

    For what is counted with every mail: to return the amount costs three times as much (12 µs against 4).
    """
    if amount > most:
        return False
    changed: int = sql(
        "INSERT INTO tally (scope, bucket, amount) VALUES (?, ?, ?)"
        " ON CONFLICT (scope, bucket) DO UPDATE SET amount = tally.amount + excluded.amount"
        " WHERE tally.amount + excluded.amount <= ?",
        (bounded(scope), _bucket(now, span), amount, most),
    ).rowcount
    return changed == 1


def amount(scope: str, now: datetime, span: timedelta) -> int:
    """How much was counted in the stretch of `span` that `now` lies in."""
    row = sql(
        "SELECT amount FROM tally WHERE scope = ? AND bucket = ?", (bounded(scope), _bucket(now, span))
    ).fetchone()
    return 0 if row is None else row[0]


def _bucket(now: datetime, span: timedelta) -> int:
    at = to_ms(now)
    return at - at % (span // timedelta(milliseconds=1))


def tell_once(scope: str, now: datetime, pause: timedelta) -> bool:
    """Note that something is told now, unless it was told less than `pause` ago. Returns whether it may be."""
    at = to_ms(now)
    changed: int = sql(
        "INSERT INTO told (scope, at) VALUES (?, ?) ON CONFLICT (scope) DO UPDATE SET at = excluded.at"
        " WHERE told.at <= ? OR told.at > ?",  # later than now: a clock was ahead once
        (bounded(scope), at, at - pause // timedelta(milliseconds=1), at),
    ).rowcount
    return changed == 1


def was_told(scope: str, now: datetime, pause: timedelta) -> bool:
    """Whether something was told less than `pause` ago."""
    oldest = to_ms(now) - pause // timedelta(milliseconds=1)
    row = sql(
        "SELECT 1 FROM told WHERE scope = ? AND at > ? AND at <= ?", (bounded(scope), oldest, to_ms(now))
    ).fetchone()
    return row is not None


def forget_old(now: datetime, limit: int = 1_000) -> int:
    """Remove some of what nobody asks about any more. Returns how many rows."""
    oldest = to_ms(now - KEPT)
    tallies: int = sql(
        "DELETE FROM tally WHERE (scope, bucket) IN"
        " (SELECT scope, bucket FROM tally WHERE bucket < ? ORDER BY bucket LIMIT ?)",
        (oldest, limit),
    ).rowcount
    told: int = sql(
        "DELETE FROM told WHERE scope IN (SELECT scope FROM told WHERE at < ? ORDER BY at LIMIT ?)", (oldest, limit)
    ).rowcount
    return tallies + told

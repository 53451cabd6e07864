"""Requests that took effect, so that each takes effect once (HARDENING rules 6 and 15)."""

from datetime import datetime

from gateway.cases.model import Key
from gateway.errors import Conflict
from store.database import sql
from store.tables import to_ms


def find(key: Key, now: datetime) -> str | None:
    """The result of the request that took effect under this key, or None. Raises Conflict for another request."""
    row = sql(
        "SELECT request_hash, result FROM idempotency WHERE scope = ? AND key = ?"
        " AND (expires_at IS NULL OR expires_at > ?)",
        (key.scope, key.value, to_ms(now)),
    ).fetchone()
    if row is None:
        return None
    if row[0] != key.request_hash:
        raise Conflict("This key was used before with another request; use a new key for a new request")
    result: str = row[1]
    return result


def remember(key: Key, result: str, now: datetime) -> None:
    """Note, in the transaction of the effect, that this request took effect."""
    expires = None if key.lives is None else to_ms(now + key.lives)
    sql(
        "INSERT INTO idempotency (scope, key, request_hash, result, expires_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (scope, key) DO UPDATE SET request_hash = excluded.request_hash, result = excluded.result,"
        " expires_at = excluded.expires_at",
        (key.scope, key.value, key.request_hash, result, expires),
    )


def forget_expired(now: datetime, limit: int = 1_000) -> int:
    """Remove some of the entries whose time is over. Returns how many."""
    removed: int = sql(
        "DELETE FROM idempotency WHERE (scope, key) IN"
        " (SELECT scope, key FROM idempotency WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)",
        (to_ms(now), limit),
    ).rowcount
    return removed

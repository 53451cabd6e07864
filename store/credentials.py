"""API tokens and the fingerprints of signing keys. Secrets themselves are never kept."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from gateway.errors import Conflict, NotFound
from store.database import sql
from store.identifiers import new_id
from store.tables import from_ms, to_ms

SCOPES = ("CASES_READ", "CASES_WRITE")
TOKENS = 25  # of a store that are good at the same time (CONTRACT §2)


@dataclass(frozen=True, slots=True)
class Credential:
    """An API token of a store. id: `stk_…`."""

    id: str
    store_id: str
    name: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Token:
    """An API token as its operator sees it. revoked_at: None while it is good."""

    id: str
    store_id: str
    name: str
    scopes: frozenset[str]
    created_at: datetime
    revoked_at: datetime | None


def create_token(store_id: str, name: str, scopes: frozenset[str], now: datetime, token_id: str = "") -> str:
    """Make a token inside a write. Returns its secret `sk_…`, which nobody can read again.

    token_id: `stk_…`, made when none is given. Raises NotFound, and Conflict when the store has all that it may have.
    """
    if sql("SELECT 1 FROM store WHERE id = ?", (store_id,)).fetchone() is None:
        raise NotFound(f"There is no store {store_id}; make it with `casegate store add`")
    good = sql("SELECT count(*) FROM token WHERE store_id = ? AND revoked_at IS NULL", (store_id,)).fetchone()[0]
    if good >= TOKENS:
        raise Conflict(f"{store_id} has {good} tokens, and may have {TOKENS}; revoke one with `casegate token revoke`")
    secret = "sk_" + secrets.token_urlsafe(32)
    sql(
        "INSERT INTO token (id, store_id, name, secret_hash, scopes, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        (token_id or new_id("stk", now), store_id, name, _hash(secret), " ".join(sorted(scopes)), to_ms(now)),
    )
    return secret


def find_token(secret: str) -> Credential | None:
    """The token with that secret, or None when there is none or it was revoked. The look-up compares hashes only."""
    row = sql(
        "SELECT id, store_id, name, scopes FROM token WHERE secret_hash = ? AND revoked_at IS NULL", (_hash(secret),)
    ).fetchone()
    return None if row is None else Credential(row[0], row[1], row[2], frozenset(row[3].split()))


def tokens(store_id: str | None = None) -> tuple[Token, ...]:
    """All tokens, or those of a store, the oldest first."""
    rows = sql(
        "SELECT id, store_id, name, scopes, created_at, revoked_at FROM token WHERE ? IS NULL OR store_id = ?"
        " ORDER BY created_at, id",
        (store_id, store_id),
    )
    return tuple(
        Token(
            row[0], row[1], row[2], frozenset(row[3].split()), from_ms(row[4]),
            None if row[5] is None else from_ms(row[5]),
        )
        for row in rows
    )  # fmt: skip


def revoke_token(token_id: str, now: datetime) -> str:
    """Make a token worthless from now on; one that was revoked before stays so. Returns its store. Raises NotFound."""
    row = sql(
        "UPDATE token SET revoked_at = coalesce(revoked_at, ?) WHERE id = ? RETURNING store_id", (to_ms(now), token_id)
    ).fetchone()
    if row is None:
        raise NotFound(f"There is no token {token_id}")
    store_id: str = row[0]
    return store_id


def _hash(secret: str) -> str:
    # The secret has 256 random bits, so one round of SHA-256 is enough: there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()


def key_fingerprints() -> dict[int, str]:
    """Fingerprint of every key id that ever signed a token (HARDENING rule 1)."""
    return dict(sql("SELECT key_id, fingerprint FROM signing_key").fetchall())


def remember_keys(fingerprints: dict[int, str], now: datetime) -> None:
    """Note key ids that are used from now on; the first fingerprint of an id stays."""
    for key_id, fingerprint in fingerprints.items():
        sql(
            "INSERT INTO signing_key (key_id, fingerprint, first_used_at) VALUES (?, ?, ?)"
            " ON CONFLICT (key_id) DO NOTHING",
            (key_id, fingerprint, to_ms(now)),
        )


def has_participants() -> bool:
    """Whether any reply address was ever made."""
    return sql("SELECT 1 FROM participant LIMIT 1").fetchone() is not None

"""The pictures that mails of a store bear, under the digests of their bytes: one that is there never changes."""

import hashlib
from dataclasses import dataclass

from store.database import sql


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture. width, height: in pixels."""

    mime_type: str
    width: int
    height: int
    data: bytes

    @property
    def digest(self) -> str:
        """What a store's `logo` names it by."""
        return hashlib.sha256(self.data).hexdigest()


def save(logo: Logo) -> None:
    """Keep a picture, inside a write."""
    sql(
        "INSERT INTO store_logo (digest, mime_type, width, height, data) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (digest) DO NOTHING",
        (logo.digest, logo.mime_type, logo.width, logo.height, logo.data),
    )


def find(digest: str) -> Logo | None:
    """A picture, or None."""
    row = sql("SELECT mime_type, width, height, data FROM store_logo WHERE digest = ?", (digest,)).fetchone()
    return None if row is None else Logo(row[0], row[1], row[2], bytes(row[3]))


def forget_unused() -> int:
    """Remove the pictures that no store has any more, inside a write. Returns how many."""
    removed: int = sql("DELETE FROM store_logo WHERE digest NOT IN (SELECT logo FROM store)").rowcount
    return removed

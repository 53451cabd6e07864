"""The bytes that attachments share: where they stand, who refers to them, and when they go.

Theory of operation (HARDENING rule 17). Bytes come first, under a name that never was before; then a row tells where
they stand (`note`); then a message refers to them, and its transaction touches the row (`refer`). The rows of
attachments are the references: no counter can differ from them. What nothing refers to and nobody has touched for a day
is marked; what is still marked an hour later loses its row, and after that commit its bytes.

Every step is a write transaction that looks again, and those come one after another in all processes. So a message
commits either before the removal, which then sees it, or after it and finds no row: it is refused, and the next try
keeps the bytes anew. A crash between two steps leaves a row or a file that nothing needs; the sweep finds both.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from gateway.errors import StoreUnavailable
from store.database import sql
from store.tables import to_ms

UNTOUCHED = timedelta(days=1)  # before a mark
MARKED = timedelta(hours=1)  # before the removal


def name_of(digest: str) -> str | None:
    """The name under which the bytes of a SHA-256 (hex) stand, None when they are not kept."""
    row = sql("SELECT name FROM stored_file WHERE sha256 = ?", (digest,)).fetchone()
    return None if row is None else row[0]


def stands(digest: str) -> bool:
    """Whether bytes are kept and not marked: whoever meets a mark writes them under a new name."""
    return sql("SELECT 1 FROM stored_file WHERE sha256 = ? AND marked_at IS NULL", (digest,)).fetchone() is not None


def note(digest: str, name: str, now: datetime) -> None:
    """Tell where bytes stand that were written just now. Another keeper that was faster has named his."""
    sql(
        "INSERT INTO stored_file (sha256, name, touched_at) VALUES (?, ?, ?) ON CONFLICT (sha256) DO UPDATE SET"
        " name = CASE WHEN stored_file.marked_at IS NULL THEN stored_file.name ELSE excluded.name END,"
        " touched_at = excluded.touched_at, marked_at = NULL",
        (digest, name, to_ms(now)),
    )


def refer(digest: str, now: datetime) -> None:
    """Touch the bytes that a message refers to, in the transaction that writes its attachments.

    Raises StoreUnavailable when they were removed between keeping and this.
    """
    changed = sql(
        "UPDATE stored_file SET touched_at = ?, marked_at = NULL WHERE sha256 = ?", (to_ms(now), digest)
    ).rowcount
    if changed != 1:
        raise StoreUnavailable("The files of this message are not kept any more; please send it again")


# The sweep. A shelf is the first two digits of the hash; no digit is greater than `f`.

_UNUSED = "touched_at <= ? AND NOT EXISTS (SELECT 1 FROM attachment WHERE attachment.sha256 = stored_file.sha256)"


def unused(shelf: str, now: datetime, limit: int) -> tuple[list[str], list[str]]:
    """Hashes of a shelf that nothing refers to: those to be marked, and those whose mark is old enough."""
    rows = sql(
        "SELECT sha256, marked_at FROM stored_file WHERE sha256 >= ? AND sha256 < ?"
        f" AND (marked_at IS NULL OR marked_at <= ?) AND {_UNUSED} ORDER BY sha256 LIMIT ?",
        (shelf, f"{shelf}g", to_ms(now - MARKED), to_ms(now - UNTOUCHED), limit),
    ).fetchall()
    return [digest for digest, mark in rows if mark is None], [digest for digest, mark in rows if mark is not None]


def mark(digests: Sequence[str], now: datetime) -> None:
    """Mark those of them that are unused still."""
    sql(
        "UPDATE stored_file SET marked_at = ?"
        f" WHERE sha256 IN ({_places(digests)}) AND marked_at IS NULL AND {_UNUSED}",
        (to_ms(now), *digests, to_ms(now - UNTOUCHED)),
    )


def remove(digests: Sequence[str], now: datetime) -> list[str]:
    """Remove the rows of those that are marked and unused still. Returns the names of their files."""
    rows = sql(
        f"DELETE FROM stored_file WHERE sha256 IN ({_places(digests)}) AND marked_at <= ? AND {_UNUSED} RETURNING name",
        (*digests, to_ms(now - MARKED), to_ms(now - UNTOUCHED)),
    )
    return [name for (name,) in rows.fetchall()]


def _places(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))


def names(shelf: str) -> set[str]:
    """The names of all files that rows name on a shelf."""
    rows = sql("SELECT name FROM stored_file WHERE sha256 >= ? AND sha256 < ?", (shelf, f"{shelf}g"))
    return {name for (name,) in rows}


def is_named(name: str) -> bool:
    """Whether a row names this file. Its name begins with the hash."""
    return sql("SELECT 1 FROM stored_file WHERE sha256 = ? AND name = ?", (name[:64], name)).fetchone() is not None

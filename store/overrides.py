"""A store's own words for its mails: every save is a new version, the highest one counts.

Functions that write run inside a job of `Database.write`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from store.database import sql
from store.tables import from_ms, to_ms

_COLUMNS = "store_id, template, version, created_at, restores, broken, subject, text, html"


@dataclass(frozen=True, slots=True)
class Override:
    """One version of a store's words for one mail; subject, text and html are sources, "" for the built-in.

    restores: the version whose words it brings back, 0 for the built-in ones; None for new words.
    broken: why it is not used, "" while it is.
    """

    store_id: str
    template: str
    version: int
    created_at: datetime
    restores: int | None
    broken: str
    subject: str
    text: str
    html: str

    @property
    def is_built_in(self) -> bool:
        """Whether it says that our own words are used."""
        return not (self.subject or self.text or self.html)


def current(store_id: str, template: str) -> Override | None:
    """The version that counts, or None for a mail that never had words of the store."""
    row = sql(
        f"SELECT {_COLUMNS} FROM template_override WHERE store_id = ? AND template = ? ORDER BY version DESC LIMIT 1",
        (store_id, template),
    ).fetchone()
    return None if row is None else _override(row)


def version(store_id: str, template: str, number: int) -> Override | None:
    """One version, or None."""
    row = sql(
        f"SELECT {_COLUMNS} FROM template_override WHERE store_id = ? AND template = ? AND version = ?",
        (store_id, template, number),
    ).fetchone()
    return None if row is None else _override(row)


def history(store_id: str) -> tuple[Override, ...]:
    """All versions of a store, by mail, the newest of each first."""
    rows = sql(
        f"SELECT {_COLUMNS} FROM template_override WHERE store_id = ? ORDER BY template, version DESC", (store_id,)
    )
    return tuple(_override(row) for row in rows)


def in_use() -> dict[str, int]:
    """How many stores have words of their own, by mail; broken ones do not count."""
    rows = sql(
        "SELECT template, count(*) FROM template_override o WHERE broken = '' AND (subject || text || html) <> ''"
        " AND version = (SELECT max(version) FROM template_override"
        " WHERE store_id = o.store_id AND template = o.template) GROUP BY template"
    )
    return dict(rows.fetchall())


def add(
    store_id: str, template: str, *, subject: str, text: str, html: str, now: datetime, restores: int | None = None
) -> Override:
    """Save a new version."""
    row = sql(
        f"INSERT INTO template_override ({_COLUMNS}) SELECT ?, ?, coalesce(max(version), 0) + 1, ?, ?, '', ?, ?, ?"
        f" FROM template_override WHERE store_id = ? AND template = ? RETURNING {_COLUMNS}",
        (store_id, template, to_ms(now), restores, subject, text, html, store_id, template),
    ).fetchone()
    return _override(row)


def mark_broken(override: Override, why: str) -> bool:
    """Have a version not be used any more. Returns whether it was until now."""
    changed: int = sql(
        "UPDATE template_override SET broken = ? WHERE store_id = ? AND template = ? AND version = ? AND broken = ''",
        (why, override.store_id, override.template, override.version),
    ).rowcount
    return changed == 1


def _override(row: Sequence[Any]) -> Override:
    return Override(row[0], row[1], row[2], from_ms(row[3]), *row[4:])

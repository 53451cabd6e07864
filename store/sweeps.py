"""Wall time as the sweep saw it last, in whichever process (HARDENING rule 22)."""

from datetime import datetime

from store.database import sql
from store.tables import from_ms, to_ms


def last() -> datetime | None:
    """The time that the last sweep noted."""
    row = sql("SELECT at FROM sweep WHERE id = 1").fetchone()
    return None if row is None else from_ms(row[0])


def note(now: datetime) -> None:
    """Note the time, inside a write."""
    sql("INSERT INTO sweep (id, at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at", (to_ms(now),))

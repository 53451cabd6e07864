"""How far the sweep has come, in whichever process: wall time as it saw it last (HARDENING rule 22), and what it read.

Functions that write run inside a job of `Database.write`.
"""

from datetime import datetime
from enum import IntEnum

from store.database import sql
from store.tables import from_ms, to_ms


class Mark(IntEnum):
    """What stands at a moment."""

    TIME = 1  # the wall time of the last sweep
    OPENED = 2  # up to when cases were opened that were looked at for signals
    REOPENED = 3  # the same for cases that were reopened


def last(mark: Mark = Mark.TIME) -> datetime | None:
    """Where a mark stands, None when it was never set."""
    row = sql("SELECT at FROM sweep WHERE id = ?", (mark,)).fetchone()
    return None if row is None else from_ms(row[0])


def note(at: datetime, mark: Mark = Mark.TIME) -> None:
    """Set a mark."""
    sql(
        "INSERT INTO sweep (id, at) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at",
        (mark, to_ms(at)),
    )

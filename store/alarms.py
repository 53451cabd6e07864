"""What the operator should look at. An alarm is raised under a name; the same again only counts.

Functions that write run inside a job of `Database.write`.
"""

from dataclasses import dataclass
from datetime import datetime

import structlog

from gateway.errors import NotFound
from store.counts import bounded
from store.database import sql
from store.tables import from_ms, to_ms

log = structlog.get_logger("alarm")


@dataclass(frozen=True, slots=True)
class Alarm:
    """raised_at, last_at: the first and the last of `times` times. text: what happened and what to do."""

    name: str
    text: str
    raised_at: datetime
    last_at: datetime
    times: int


def raise_(name: str, text: str, now: datetime) -> bool:
    """Raise an alarm. Returns whether it is a new one."""
    at, name = to_ms(now), bounded(name)
    row: tuple[int] = sql(
        "INSERT INTO alarm (name, text, raised_at, last_at, times) VALUES (?, ?, ?, ?, 1)"
        " ON CONFLICT (name) DO UPDATE SET last_at = excluded.last_at, text = excluded.text, times = alarm.times + 1"
        " RETURNING times",
        (name, text, at, at),
    ).fetchone()
    if row[0] == 1:
        log.error("alarm.raised", name=name, text=text)
    return row[0] == 1


def raised() -> tuple[Alarm, ...]:
    """All alarms that nobody has cleared, the latest first."""
    rows = sql("SELECT name, text, raised_at, last_at, times FROM alarm ORDER BY last_at DESC, name")
    return tuple(_alarm(row) for row in rows)


def untold() -> tuple[Alarm, ...]:
    """Those that the operator was not mailed about yet."""
    rows = sql("SELECT name, text, raised_at, last_at, times FROM alarm WHERE told_at IS NULL ORDER BY raised_at, name")
    return tuple(_alarm(row) for row in rows)


def mark_told(name: str, now: datetime) -> None:
    """The operator is mailed about an alarm."""
    sql("UPDATE alarm SET told_at = ? WHERE name = ?", (to_ms(now), name))


def clear(name: str) -> None:
    """The operator has looked; the same again is a new alarm. Raises NotFound."""
    if sql("DELETE FROM alarm WHERE name = ?", (name,)).rowcount != 1:
        raise NotFound(f"There is no alarm {name}")


def _alarm(row: tuple[str, str, int, int, int]) -> Alarm:
    return Alarm(row[0], row[1], from_ms(row[2]), from_ms(row[3]), row[4])

"""What the operator should look at. An alarm is raised under a name; the same again only counts.

    raised ──told──▶ known to the operator ──resolved──▶ over ──told──▶ gone
       └──────────resolved──────────▶ gone                └──raised again──▶ known, as before

An alarm that is over before anybody heard of it is gone at once, and one that comes back before its end was told was
never away: whoever reads his mail hears of each beginning and each end, and of no flutter between.

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
    """raised_at, last_at: the first and the last of `times` times. text: what happened and what to do.

    told_at: when the operator was mailed. cleared_at: since when it is over; only what he does not know yet has one.
    """

    name: str
    text: str
    raised_at: datetime
    last_at: datetime
    times: int
    told_at: datetime | None = None
    cleared_at: datetime | None = None

    @property
    def kind(self) -> str:
        """What stands before the colon in its name: `relay`, `queue`, `loop`…"""
        return self.name.partition(":")[0]


_COLUMNS = "name, text, raised_at, last_at, times, told_at, cleared_at"


def raise_(name: str, text: str, now: datetime) -> bool:
    """Raise an alarm. Returns whether it is a new one."""
    at, name = to_ms(now), bounded(name)
    row: tuple[int] = sql(
        "INSERT INTO alarm (name, text, raised_at, last_at, times) VALUES (?, ?, ?, ?, 1)"
        " ON CONFLICT (name) DO UPDATE SET last_at = excluded.last_at, text = excluded.text, times = alarm.times + 1,"
        " cleared_at = NULL RETURNING times",
        (name, text, at, at),
    ).fetchone()
    if row[0] == 1:
        log.error("alarm.raised", name=name, text=text)
    return row[0] == 1


def resolve(name: str, now: datetime) -> bool:
    """What an alarm was about is over by itself. Returns whether it was raised; the operator is told if he knew."""
    name = bounded(name)
    gone: int = sql("DELETE FROM alarm WHERE name = ? AND told_at IS NULL", (name,)).rowcount
    over: int = sql(
        "UPDATE alarm SET cleared_at = ? WHERE name = ? AND cleared_at IS NULL", (to_ms(now), name)
    ).rowcount
    if gone + over:
        log.info("alarm.resolved", name=name)
    return gone + over == 1


def clear(name: str) -> None:
    """The operator has looked; the same again is a new alarm. Raises NotFound."""
    if sql("DELETE FROM alarm WHERE name = ? AND cleared_at IS NULL", (name,)).rowcount != 1:
        raise NotFound(f"There is no alarm {name}")


def raised() -> tuple[Alarm, ...]:
    """All alarms that stand, the latest first."""
    rows = sql(f"SELECT {_COLUMNS} FROM alarm WHERE cleared_at IS NULL ORDER BY last_at DESC, name")
    return tuple(_alarm(row) for row in rows)


def untold() -> tuple[Alarm, ...]:
    """What the operator was not mailed about yet, in the order in which it was raised: beginnings, and ends."""
    rows = sql(f"SELECT {_COLUMNS} FROM alarm WHERE told_at IS NULL OR cleared_at IS NOT NULL ORDER BY raised_at, name")
    return tuple(_alarm(row) for row in rows)


def mark_told(alarm: Alarm, now: datetime) -> None:
    """The operator is mailed about an alarm, or about its end."""
    if alarm.cleared_at is None:
        sql("UPDATE alarm SET told_at = ? WHERE name = ?", (to_ms(now), alarm.name))
    else:
        sql("DELETE FROM alarm WHERE name = ? AND cleared_at IS NOT NULL", (alarm.name,))


def _alarm(row: tuple[str, str, int, int, int, int | None, int | None]) -> Alarm:
    name, text, raised_at, last_at, times, told_at, cleared_at = row
    return Alarm(name, text, from_ms(raised_at), from_ms(last_at), times, _moment(told_at), _moment(cleared_at))


def _moment(value: int | None) -> datetime | None:
    return None if value is None else from_ms(value)

"""What stands still until an operator says otherwise: sending, closing, removing files.

Every process looks at the same rows before it acts, so a switch counts at once and everywhere.
Functions that write run inside a job of `Database.write`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from store.database import sql
from store.tables import from_ms, to_ms


class Switch(StrEnum):
    """What can be stopped."""

    SENDING = "sending"
    CLOSING = "closing"  # warnings and closings of silent cases
    REMOVING = "removing"  # the bytes of files and raw mails
    CLOCK = "clock"  # it jumped: no warnings, no closings, no removals (HARDENING rule 22)


@dataclass(frozen=True, slots=True)
class Stopped:
    """Since when something stands still, and why in words for the operator."""

    switch: Switch
    at: datetime
    reason: str


def stop(switch: Switch, reason: str, now: datetime) -> None:
    """Stop something. What stands still already goes on standing still, for the reason that it had."""
    sql(
        "INSERT INTO switch (name, at, reason) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING",
        (switch, to_ms(now), reason),
    )


def start(switch: Switch) -> bool:
    """Let it go on. Returns whether it stood still."""
    return bool(sql("DELETE FROM switch WHERE name = ?", (switch,)).rowcount)


def stopped() -> tuple[Stopped, ...]:
    """All that stands still."""
    rows = sql("SELECT name, at, reason FROM switch ORDER BY name")
    return tuple(Stopped(Switch(name), from_ms(at), reason) for name, at, reason in rows)


def since(switch: Switch) -> datetime | None:
    """Since when something stands still, None when it does not."""
    row = sql("SELECT at FROM switch WHERE name = ?", (switch,)).fetchone()
    return None if row is None else from_ms(row[0])


def is_stopped(*switches: Switch) -> bool:
    """Whether one of these stands still."""
    found = sql(f"SELECT 1 FROM switch WHERE name IN ({', '.join('?' * len(switches))}) LIMIT 1", switches)
    return found.fetchone() is not None

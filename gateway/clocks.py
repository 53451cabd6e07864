"""Whether the clock of the machine can be believed (HARDENING rule 22).

A clock that jumps makes every case look silent for years, or every file old. So the sweep compares wall time with a
clock that nobody sets, and with what the sweep before it saw, in whichever process: when they do not fit together,
nothing is warned of, closed or removed by its age until an operator confirms the time, or a day has passed.

A machine that was off or asleep is no jump: the clock that nobody sets goes on in sleep, and a process that has just
started knows no more than that time has passed.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from store import alarms, sweeps, switches
from store.database import Database
from store.switches import Switch

JUMP = timedelta(minutes=5)
BACKWARDS = timedelta(seconds=30)  # clocks of two machines differ a little, and are corrected by parts of a second
DISTRUSTED = timedelta(hours=24)
ALARM = "clock"

log = structlog.get_logger("clock")


def elapsed() -> float:
    """Seconds since some moment, counted through sleep as well; nobody can set it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Clocks:
    """Compares them. now: wall time. elapsed: see above."""

    def __init__(self, database: Database, *, now: Callable[[], datetime], elapsed: Callable[[], float]) -> None:
        self._database = database
        self._now = now
        self._elapsed = elapsed
        self._last: tuple[datetime, float] | None = None

    def look(self) -> None:
        """Note the time, and distrust it when it has jumped. Each sweep calls this first."""
        now, elapsed = self._now(), self._elapsed()
        jump = self._jump(now, elapsed)
        self._database.write(lambda: _note(now, jump), durable=False)
        self._last = (now, elapsed)  # a jump that could not be noted is one the next time as well

    def _jump(self, now: datetime, elapsed: float) -> str:
        """How the clock has jumped, in words; "" when it has not."""
        if self._last is not None:
            wall, since = self._last
            drift = (now - wall) - timedelta(seconds=elapsed - since)
            if abs(drift) > JUMP:
                where = "forwards" if drift > timedelta(0) else "backwards"
                return f"it moved {_shown(abs(drift))} {where} at {now:%Y-%m-%d %H:%M} UTC"
        before = sweeps.last()
        if before is not None and before - now > BACKWARDS:
            return f"it is {_shown(before - now)} behind what it showed before, at {now:%Y-%m-%d %H:%M} UTC"
        return ""


def _note(now: datetime, jump: str) -> None:
    """Runs in the writer."""
    sweeps.note(now)
    if jump:
        log.error("clock.jumped", how=jump)
        switches.start(Switch.CLOCK)  # the day begins anew
        switches.stop(Switch.CLOCK, jump, now)
        text = f"The clock of this machine cannot be believed: {jump}. No case is warned of or closed, and nothing is"
        alarms.raise_(ALARM, f"{text} removed by its age, for a day or until `casegate resume clock`.", now)
        return
    since = switches.since(Switch.CLOCK)
    if since is not None and now - since >= DISTRUSTED:
        switches.start(Switch.CLOCK)
        since = None
    if since is None:
        alarms.resolve(ALARM, now)


def _shown(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    if seconds < 3 * 3_600:
        return f"{seconds // 60} minutes" if seconds >= 120 else f"{seconds} seconds"
    hours = seconds // 3_600
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hours"

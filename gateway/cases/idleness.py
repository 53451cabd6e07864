"""When a silent case is warned of and when it closes (DESIGN §2): counted days, in the time zone of its store.

    last activity ──(close_days − warn_days)──▶ warning ──(warn_days, from the moment it was made)──▶ closing

Only counted days pass: time on a weekend or holiday that a store leaves out is no silence. So a moment within such days
is as good as the beginning of the next counted one, and of two cases the one that fell silent first is due first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from gateway.cases.settings import CaseSettings

REGRETTED_WITHIN = timedelta(days=14)  # HARDENING rule 12: of a closing whose warning turns out not to have arrived

_DAY = timedelta(days=1)
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a store waits for its customers. close_days: of silence in all, 0 for ever.

    warn_days: of them, how many lie between the warning and the closing; 0 for no warning.
    """

    close_days: int
    warn_days: int
    zone: tzinfo = UTC
    skip_weekends: bool = False
    holidays: frozenset[date] = frozenset()

    @classmethod
    def of(cls, settings: CaseSettings, zone: tzinfo, *, close_days: int, warn_days: int) -> "Patience":
        """A store's. close_days, warn_days: the gateway's, for a store that has decided nothing."""
        close = close_days if settings.auto_close_days is None else settings.auto_close_days
        warn = warn_days if settings.warn_days is None else settings.warn_days
        return cls(close, min(warn, close), zone, settings.skip_weekends, frozenset(settings.holidays))

    @property
    def closes(self) -> bool:
        """Whether its cases close by themselves at all."""
        return self.close_days > 0

    @property
    def warns(self) -> bool:
        """Whether they are warned of first."""
        return self.closes and self.warn_days > 0

    def acts_at(self, idle_since: datetime) -> datetime:
        """When a case that fell silent then is warned of, or closed where nobody is warned."""
        return self.after(idle_since, self.close_days - self.warn_days)

    def closes_at(self, warned_at: datetime) -> datetime:
        """What a warning that is made then promises."""
        return self.after(warned_at, self.warn_days)

    def idle_by(self, now: datetime) -> datetime:
        """The latest moment since which a case may be silent to be due now: those after it are not due."""
        return self.before(now, self.close_days - self.warn_days)

    def counts(self, day: date) -> bool:
        """Whether a day counts as one of silence."""
        return not (self.skip_weekends and day.weekday() >= _SATURDAY) and day not in self.holidays

    def after(self, start: datetime, days: int) -> datetime:
        """So many counted days after a moment: at the same time of a counted day. Aware, UTC."""
        local = start.astimezone(self.zone)
        day, at = local.date(), local.time()
        if not self.counts(day):
            day, at = self._next(day), time()
        for _ in range(days):
            day = self._next(day)
        return self._moment(day, at)

    def before(self, end: datetime, days: int) -> datetime:
        """The latest moment that has come so many counted days after it by then. Aware, UTC."""
        local = end.astimezone(self.zone)
        day, at = local.date(), local.time()
        whole = not self.counts(day)  # then all of the last counted day has passed
        if whole:
            day, at = self._last(day), time.max
        for _ in range(days):
            day = self._last(day)
        return self._moment(day, at)

    def _moment(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, self.zone).astimezone(UTC)

    def _next(self, day: date) -> date:
        return self._step(day, lambda one: one + _DAY)

    def _last(self, day: date) -> date:
        return self._step(day, lambda one: one - _DAY)

    def _step(self, day: date, step: Callable[[date], date]) -> date:
        day = step(day)
        while not self.counts(day):
            day = step(day)
        return day

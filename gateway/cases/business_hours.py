"""When a store is open: spans of the days of a week, on the clocks of its time zone.

    mon-fri 09:00-12:00, 13:00-17:00; sat 10:00-14:00

A span ends on the day on which it begins, at 24:00 at the latest. Where clocks are put forward or back, a time that
they skip counts as so much later, and of a time that comes twice the first one counts (RFC 5545 §3.3.5).
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = timedelta(days=1)
_HORIZON = 400  # days: longer than any list of holidays that a store can set in a row
_MIDNIGHT = 24 * 60

_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_CLAUSE = re.compile(r"([a-z]+(?:\s*[,-]\s*[a-z]+)*)\s+(\d.*)")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A part of a day. start, end: minutes since midnight by the clock on the wall, 0 ≤ start < end ≤ 1,440."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{clock(self.start)}-{clock(self.end)}"


@dataclass(frozen=True, slots=True)
class BusinessHours:
    """The spans of each day, Monday first; none at all for a store that says nothing about it."""

    week: tuple[tuple[Span, ...], ...] = ((),) * len(DAYS)

    @classmethod
    def parse(cls, text: str) -> "BusinessHours":
        """The hours in a text as at the top of this module, "" for none. Raises ValueError with words for people."""
        week: list[tuple[Span, ...]] = [()] * len(DAYS)
        for clause in filter(None, (piece.strip() for piece in text.lower().split(";"))):
            found = _CLAUSE.fullmatch(clause)
            if found is None:
                raise ValueError(f"{clause!r} cannot be read; write such as mon-fri 09:00-17:00; sat 10:00-14:00")
            spans = tuple(_spans(found[2]))
            for day in _days(found[1]):
                if week[day]:
                    raise ValueError(f"{DAYS[day]} stands twice; write all its spans behind it, with commas")
                week[day] = spans
        return cls(tuple(week))

    def __str__(self) -> str:
        """The one way to write these hours that `parse` reads again."""
        return "; ".join(
            f"{DAYS[first] if first == last else f'{DAYS[first]}-{DAYS[last]}'} {', '.join(map(str, spans))}"
            for first, last, spans in self.runs()
        )

    def __bool__(self) -> bool:
        return any(self.week)

    def runs(self) -> Iterator[tuple[int, int, tuple[Span, ...]]]:
        """First day, last day and spans of each run of days that are alike, without those on which nothing is open."""
        first = 0
        for day in range(1, len(DAYS) + 1):
            if day == len(DAYS) or self.week[day] != self.week[first]:
                if self.week[first]:
                    yield first, day - 1, self.week[first]
                first = day

    def is_open(self, now: datetime, zone: tzinfo, holidays: Collection[date] = ()) -> bool:
        """Whether the store is open at a moment. now: aware."""
        return self.opens_at(now, zone, holidays) == now

    def opens_at(self, now: datetime, zone: tzinfo, holidays: Collection[date] = ()) -> datetime | None:
        """When the store is open next: `now` itself while it is, else an aware moment in UTC, None for never.

        holidays: days on which nothing is open.
        """
        day = now.astimezone(zone).date()
        for _ in range(_HORIZON if self else 0):
            for span in () if day in holidays else self.week[day.weekday()]:
                start, end = _moment(day, span.start, zone), _moment(day, span.end, zone)
                if start < end and now < end:
                    return now if start <= now else start
            day += _DAY
        return None


def clock(minutes: int) -> str:
    """A time of day as clocks show it: `09:30`; the end of a day is `24:00`."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _moment(day: date, minutes: int, zone: tzinfo) -> datetime:
    whole, rest = divmod(minutes, _MIDNIGHT)
    local = datetime.combine(day + whole * _DAY, time(rest // 60, rest % 60), zone)
    return local.astimezone(UTC)


def _days(text: str) -> Iterator[int]:
    """The days in `mon, wed-fri`; a range may go over Sunday. Raises ValueError."""
    for piece in text.split(","):
        names = [name.strip() for name in piece.split("-")]
        for name in names:
            if name not in DAYS:
                raise ValueError(f"there is no day {name!r}; known here: {', '.join(DAYS)}")
        if len(names) > 2:
            raise ValueError(f"{piece.strip()!r} cannot be read; a range has two ends, as in mon-fri")
        first, last = DAYS.index(names[0]), DAYS.index(names[-1])
        yield from ((first + step) % len(DAYS) for step in range((last - first) % len(DAYS) + 1))


def _spans(text: str) -> Iterator[Span]:
    """The spans in `09:00-12:00, 13:00-17:00`, which follow each other. Raises ValueError."""
    before = -1
    for piece in text.split(","):
        found = _SPAN.fullmatch(piece.strip())
        if found is None:
            raise ValueError(f"{piece.strip()!r} is no span of time; write such as 09:00-17:00")
        start, end = (60 * int(hour) + int(minute) for hour, minute in (found.group(1, 2), found.group(3, 4)))
        if end > _MIDNIGHT or int(found[2]) > 59 or int(found[4]) > 59:
            raise ValueError(f"{piece.strip()!r}: a day goes from 00:00 to 24:00")
        if start >= end:
            raise ValueError(f"{piece.strip()!r} ends before it begins; what goes over midnight are two spans")
        if start <= before:
            raise ValueError(f"{piece.strip()!r} does not come after the span before it; write them as one")
        before = end
        yield Span(start, end)


NO_HOURS: Final = BusinessHours()

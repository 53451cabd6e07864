"""Counted days: when a silent case is warned of and closed, over weekends, holidays and changes of the clocks."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cases.idleness import Patience
from gateway.cases.settings import CaseSettings

BERLIN = ZoneInfo("Europe/Berlin")
WORKDAYS = Patience(14, 2, BERLIN, skip_weekends=True)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def test_what_a_store_has_decided_beats_the_gateway() -> None:
    nothing = Patience.of(CaseSettings(), UTC, close_days=14, warn_days=2)
    assert (nothing.close_days, nothing.warn_days, nothing.closes, nothing.warns) == (14, 2, True, True)
    own = Patience.of(CaseSettings(auto_close_days=7, warn_days=0), UTC, close_days=14, warn_days=2)
    assert (own.close_days, own.warn_days, own.closes, own.warns) == (7, 0, True, False)
    never = Patience.of(CaseSettings(auto_close_days=0), UTC, close_days=14, warn_days=2)
    assert (never.closes, never.warns) == (False, False)


def test_a_warning_takes_no_longer_than_the_silence_lasts() -> None:
    short = Patience.of(CaseSettings(auto_close_days=1), UTC, close_days=14, warn_days=2)
    assert (short.close_days, short.warn_days) == (1, 1)


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-05-04 09:30", 0, "2026-05-04 09:30"),  # a Monday
        ("2026-05-04 09:30", 4, "2026-05-08 09:30"),
        ("2026-05-04 09:30", 5, "2026-05-11 09:30"),  # over the weekend
        ("2026-05-08 18:00", 1, "2026-05-11 18:00"),
        ("2026-05-09 10:00", 0, "2026-05-11 00:00"),  # Saturday is as good as the beginning of Monday
        ("2026-05-10 23:59", 1, "2026-05-12 00:00"),
        ("2026-05-13 12:00", 1, "2026-05-15 12:00"),  # over a holiday
        ("2026-05-14 12:00", 0, "2026-05-15 00:00"),
        ("2026-03-27 02:30", 1, "2026-03-30 02:30"),  # the night between has an hour less
    ],
)
def test_counted_days(start: str, days: int, end: str) -> None:
    patience = Patience(14, 2, BERLIN, skip_weekends=True, holidays=frozenset({date(2026, 5, 14)}))
    assert patience.after(berlin(start), days) == berlin(end)


def test_days_are_those_of_the_store() -> None:
    """At 23:30 UTC on a Friday it is Saturday in Berlin."""
    assert WORKDAYS.after(datetime(2026, 5, 8, 23, 30, tzinfo=UTC), 0) == berlin("2026-05-11 00:00")
    there = Patience(14, 2, ZoneInfo("America/New_York"), skip_weekends=True)
    assert there.after(datetime(2026, 5, 8, 23, 30, tzinfo=UTC), 0) == datetime(2026, 5, 8, 23, 30, tzinfo=UTC)


def test_a_day_of_the_calendar_may_have_23_hours() -> None:
    start = berlin("2026-03-28 12:00")
    assert Patience(14, 2, BERLIN).after(start, 1) - start == timedelta(hours=23)


moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
patiences = st.builds(
    lambda close, warn, zone, skip, holidays: Patience(close, min(warn, close), ZoneInfo(zone), skip, holidays),
    st.integers(1, 30),
    st.integers(0, 10),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"]),
    st.booleans(),
    st.frozensets(st.dates(date(2026, 1, 1), date(2028, 1, 31)), max_size=40),
)


@given(patiences, moments, moments)
def test_who_fell_silent_first_is_due_first(patience: Patience, one: datetime, other: datetime) -> None:
    first, second = sorted((one, other))
    assert patience.acts_at(first) <= patience.acts_at(second)


@given(patiences, moments, moments)
def test_due_are_those_that_have_been_silent_by_then(patience: Patience, idle_since: datetime, now: datetime) -> None:
    """The look-up of due cases finds each one that is due, and hardly another."""
    if patience.acts_at(idle_since) <= now:
        assert idle_since <= patience.idle_by(now)
    elif idle_since <= patience.idle_by(now):
        assert patience.acts_at(idle_since) - now <= timedelta(hours=1), "only where clocks are set back"


@given(patiences, moments)
def test_the_promised_time_is_never_shorter_than_its_days(patience: Patience, warned_at: datetime) -> None:
    days = timedelta(days=patience.warn_days) - timedelta(hours=1)  # a day with 23 hours
    assert patience.closes_at(warned_at) - warned_at >= days


@given(patiences, moments, st.integers(0, 20))
def test_later_days_end_later(patience: Patience, start: datetime, days: int) -> None:
    assert patience.after(start, days) < patience.after(start, days + 1)

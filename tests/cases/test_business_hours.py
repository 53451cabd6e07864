"""When stores are open: how hours are written, and when they begin, also where clocks are put forward and back."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cases.business_hours import DAYS, BusinessHours, Span

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
OFFICE = BusinessHours.parse("mon-fri 09:00-12:00, 13:00-17:00; sat 10:00-14:00")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", ""),
        ("mon-fri 09:00-17:00", "mon-fri 09:00-17:00"),
        (" MON - Fri  9:00 - 17:00 ;; Sat 10:00-14:00; ", "mon-fri 09:00-17:00; sat 10:00-14:00"),
        ("wed, mon 09:00-12:00,13:00-17:00", "mon 09:00-12:00, 13:00-17:00; wed 09:00-12:00, 13:00-17:00"),
        ("sat-mon 00:00-24:00", "mon 00:00-24:00; sat-sun 00:00-24:00"),
        ("mon-sun 00:00-24:00", "mon-sun 00:00-24:00"),
        ("tue 09:00-17:00; mon 09:00-17:00", "mon-tue 09:00-17:00"),
    ],
)
def test_hours_are_kept_in_one_form(typed: str, kept: str) -> None:
    assert str(BusinessHours.parse(typed)) == kept
    assert bool(BusinessHours.parse(typed)) is bool(kept)


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("always", "'always' cannot be read; write such as mon-fri 09:00-17:00; sat 10:00-14:00"),
        ("mon", "'mon' cannot be read; write such as mon-fri 09:00-17:00; sat 10:00-14:00"),
        ("montag 09:00-17:00", "there is no day 'montag'; known here: mon, tue, wed, thu, fri, sat, sun"),
        ("mon-wed-fri 09:00-17:00", "'mon-wed-fri' cannot be read; a range has two ends, as in mon-fri"),
        ("mon 9-17", "'9-17' is no span of time; write such as 09:00-17:00"),
        ("mon 09:00-24:30", "'09:00-24:30': a day goes from 00:00 to 24:00"),
        ("mon 09:60-17:00", "'09:60-17:00': a day goes from 00:00 to 24:00"),
        ("mon 22:00-06:00", "'22:00-06:00' ends before it begins; what goes over midnight are two spans"),
        ("mon 09:00-09:00", "'09:00-09:00' ends before it begins; what goes over midnight are two spans"),
        ("mon 09:00-12:00, 11:00-17:00", "'11:00-17:00' does not come after the span before it; write them as one"),
        ("mon 09:00-12:00, 12:00-17:00", "'12:00-17:00' does not come after the span before it; write them as one"),
        ("mon-wed 09:00-12:00; tue 13:00-17:00", "tue stands twice; write all its spans behind it, with commas"),
    ],
)
def test_what_is_wrong_with_hours_is_said(typed: str, why: str) -> None:
    with pytest.raises(ValueError) as refused:
        BusinessHours.parse(typed)
    assert str(refused.value) == why


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-05-04T06:59", "2026-05-04T07:00"),  # Monday, 08:59 in Berlin
        ("2026-05-04T07:00", "2026-05-04T07:00"),  # open
        ("2026-05-04T09:59:59", "2026-05-04T09:59:59"),
        ("2026-05-04T10:00", "2026-05-04T11:00"),  # lunch
        ("2026-05-04T15:00", "2026-05-05T07:00"),
        ("2026-05-08T15:00", "2026-05-09T08:00"),  # Friday evening
        ("2026-05-09T12:00", "2026-05-11T07:00"),  # Saturday afternoon
        ("2026-05-10T22:30", "2026-05-11T07:00"),  # Sunday in UTC, Monday in Berlin
    ],
)
def test_a_store_opens_by_its_own_clock(now: str, opens: str) -> None:
    assert OFFICE.opens_at(utc(now), BERLIN) == utc(opens)
    assert OFFICE.is_open(utc(now), BERLIN) is (now == opens)


def test_the_same_hours_are_other_moments_elsewhere() -> None:
    assert OFFICE.opens_at(utc("2026-05-04T07:00"), NEW_YORK) == utc("2026-05-04T13:00")
    assert OFFICE.opens_at(utc("2026-05-04T07:00"), ZoneInfo("Asia/Tokyo")) == utc("2026-05-04T07:00")  # 16:00 there


def test_a_store_is_closed_on_its_holidays() -> None:
    holidays = {date(2026, 12, 24) + timedelta(days=day) for day in range(5)}
    assert OFFICE.opens_at(utc("2026-12-24T10:00"), BERLIN, holidays) == utc("2026-12-29T08:00")


def test_a_store_without_hours_and_one_that_is_on_holiday_for_ever_never_open() -> None:
    assert BusinessHours().opens_at(utc("2026-05-04T10:00"), BERLIN) is None
    for_ever = {date(2026, 1, 1) + timedelta(days=day) for day in range(1_000)}
    assert OFFICE.opens_at(utc("2026-05-04T10:00"), BERLIN, for_ever) is None


@pytest.mark.parametrize(
    ("hours", "now", "opens"),
    [
        # Berlin, 29 March 2026: 02:00 is 03:00. Business goes on by the clock on the wall.
        ("mon-sun 09:00-17:00", "2026-03-28T20:00", "2026-03-29T07:00"),
        ("mon-sun 02:30-05:00", "2026-03-28T20:00", "2026-03-29T01:30"),  # skipped: as much later, 03:30 there
        ("mon-sun 02:00-03:00", "2026-03-28T20:00", "2026-03-30T00:00"),  # that day nothing is left of it
        ("mon-sun 01:00-04:00", "2026-03-29T01:59", "2026-03-29T01:59"),  # 03:59 there
        ("mon-sun 01:00-04:00", "2026-03-29T02:00", "2026-03-29T23:00"),  # 04:00 there
        # Berlin, 25 October 2026: 03:00 is 02:00 again. Of a time that comes twice the first one counts.
        ("mon-sun 02:30-05:00", "2026-10-24T20:00", "2026-10-25T00:30"),
        ("mon-sun 09:00-17:00", "2026-10-24T20:00", "2026-10-25T08:00"),
        ("mon-sun 00:00-02:30", "2026-10-25T00:29", "2026-10-25T00:29"),
        ("mon-sun 00:00-02:30", "2026-10-25T01:00", "2026-10-25T23:00"),
        ("mon-sun 00:00-24:00", "2026-10-25T01:00", "2026-10-25T01:00"),
    ],
)
def test_clocks_that_are_put_forward_and_back(hours: str, now: str, opens: str) -> None:
    assert BusinessHours.parse(hours).opens_at(utc(now), BERLIN) == utc(opens)


def test_a_day_that_begins_at_one() -> None:
    """Cairo, 24 April 2026: 00:00 is 01:00."""
    always = BusinessHours.parse("fri 00:00-24:00")
    assert always.opens_at(utc("2026-04-23T12:00"), ZoneInfo("Africa/Cairo")) == utc("2026-04-23T22:00")


@st.composite
def hours(draw: st.DrawFn) -> BusinessHours:
    def day() -> tuple[Span, ...]:
        marks = sorted(draw(st.sets(st.integers(0, 1_440), max_size=6)))
        return tuple(Span(start, end) for start, end in zip(marks[::2], marks[1::2], strict=False))

    return BusinessHours(tuple(day() for _ in DAYS))


@given(hours())
def test_hours_read_as_they_are_written(week: BusinessHours) -> None:
    assert BusinessHours.parse(str(week)) == week


@given(
    hours(),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),
    st.sampled_from(
        ["UTC", "Europe/Berlin", "America/St_Johns", "Africa/Cairo", "Pacific/Apia", "Australia/Lord_Howe"]
    ),
    st.sets(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=20),
)
def test_a_store_opens_in_the_future_and_is_open_then(
    week: BusinessHours, naive: datetime, zone: str, holidays: set[date]
) -> None:
    now, there = naive.replace(tzinfo=UTC), ZoneInfo(zone)
    opens = week.opens_at(now, there, holidays)
    if opens is None:
        assert not week
        return
    assert opens >= now
    assert week.is_open(opens, there, holidays)
    assert opens.astimezone(there).date() not in holidays
    if opens > now:
        assert not week.is_open(now, there, holidays)
        assert week.opens_at(opens - timedelta(microseconds=1), there, holidays) == opens

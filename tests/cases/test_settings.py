"""What a store decides about its cases: how it is written, kept, and what does not go together."""

from dataclasses import fields
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cases import settings
from gateway.cases.business_hours import BusinessHours
from gateway.cases.settings import FORMS, USUAL, CaseSettings
from gateway.errors import Invalid


def test_every_setting_can_be_written() -> None:
    assert set(FORMS) == {one.name for one in fields(CaseSettings)}


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("auto_reply", "  Hello {{ store }},\r\nthank you. \n", "Hello {{ store }},\nthank you."),
        ("auto_close_days", "0", 0),
        ("auto_close_days", "365", 365),
        ("warn_days", "3", 3),
        ("skip_weekends", "YES", True),
        ("skip_weekends", "no", False),
        ("holidays", "2026-12-25", (date(2026, 12, 25),)),
        ("holidays", "2026-12-31, 2026-12-24..2026-12-26 2026-12-25",
         (date(2026, 12, 24), date(2026, 12, 25), date(2026, 12, 26), date(2026, 12, 31))),
        ("reopen_days", "30", 30),
        ("thanks_hours", "0", 0),
        ("business_hours", "mon 09:00-17:00", BusinessHours.parse("mon 09:00-17:00")),
        ("from_name", "Blue Kettle Help", "Blue Kettle Help"),
    ],
)  # fmt: skip
def test_settings_are_read(name: str, typed: str, value: object) -> None:
    assert settings.read(name, typed) == value
    assert settings.read(name, settings.written(name, value)) == value


@pytest.mark.parametrize("name", FORMS)
def test_nothing_is_what_all_have(name: str) -> None:
    assert settings.read(name, " ") == getattr(USUAL, name)


@pytest.mark.parametrize(
    ("name", "typed", "why"),
    [
        ("auto_reply", "x" * 8_001, "it has 8,001 characters, at most 8,000"),
        ("auto_close_days", "-1", "write a whole number from 0 to 365"),
        ("auto_close_days", "366", "write a whole number from 0 to 365"),
        ("warn_days", "two", "write a whole number from 0 to 365"),
        ("reopen_days", "1.5", "write a whole number from 0 to 3,650"),
        ("thanks_hours", "٣", "write a whole number from 0 to 8,760"),
        ("skip_weekends", "perhaps", "there is no perhaps; known here: yes, no"),
        ("holidays", "25.12.2026", "25.12.2026 is no day; write such as 2026-12-25, or 2026-12-24..2026-12-26"),
        ("holidays", "2026-02-30", "2026-02-30 is no day; write such as 2026-12-25, or 2026-12-24..2026-12-26"),
        ("holidays", "2026-12-26..2026-12-24", "2026-12-26..2026-12-24 ends before it begins"),
        ("holidays", "2026-01-01..2028-01-01", "more than 400 days; leave out those that are over"),
        ("business_hours", "mon 9-17", "'9-17' is no span of time; write such as 09:00-17:00"),
        ("from_name", "two\nlines", "must be one line of 1 to 60 characters"),
        ("from_name", "x" * 61, "must be one line of 1 to 60 characters"),
    ],
)
def test_what_is_wrong_is_said(name: str, typed: str, why: str) -> None:
    with pytest.raises(Invalid) as refused:
        settings.read(name, typed)
    (problem,) = refused.value.problems
    assert (problem.field, problem.text) == (name, why)


@pytest.mark.parametrize(
    ("own", "field", "given"),
    [
        (CaseSettings(auto_close_days=2), "auto_close_days", "is 2, warn_days is 2 (one is the gateway's)"),
        (CaseSettings(warn_days=14), "warn_days", "auto_close_days is 14, warn_days is 14 (one is the gateway's)"),
        (CaseSettings(auto_close_days=7, warn_days=9), "warn_days", "auto_close_days is 7, warn_days is 9"),
    ],
)  # fmt: skip
def test_a_warning_comes_before_the_closing(own: CaseSettings, field: str, given: str) -> None:
    with pytest.raises(Invalid) as refused:
        settings.check(own, close_days=14, warn_days=2)
    (problem,) = refused.value.problems
    assert problem.field == field
    assert given in problem.text


@pytest.mark.parametrize(
    "own",
    [
        CaseSettings(),
        CaseSettings(auto_close_days=0),
        CaseSettings(auto_close_days=0, warn_days=5),
        CaseSettings(auto_close_days=1, warn_days=0),
        CaseSettings(auto_close_days=30, warn_days=14),
    ],
)
def test_what_goes_together_is_taken(own: CaseSettings) -> None:
    settings.check(own, close_days=14, warn_days=2)


def test_a_store_is_not_blamed_for_the_settings_of_the_gateway() -> None:
    settings.check(CaseSettings(reopen_days=30), close_days=2, warn_days=5)


CHOICES = st.builds(
    CaseSettings,
    auto_reply=st.just("") | st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=40),
    auto_close_days=st.none() | st.integers(0, 365),
    warn_days=st.none() | st.integers(0, 365),
    skip_weekends=st.booleans(),
    holidays=st.sets(st.dates(date(2026, 1, 1), date(2026, 3, 1)), max_size=30).map(lambda days: tuple(sorted(days))),
    reopen_days=st.integers(0, 3_650),
    thanks_hours=st.integers(0, 8_760),
    business_hours=st.sampled_from(["", "mon-fri 09:00-17:00", "sat 00:00-24:00"]).map(BusinessHours.parse),
    from_name=st.sampled_from(["", "Grace of Blue Kettle"]),
)


@given(CHOICES)
def test_settings_are_kept_and_read_as_they_were(own: CaseSettings) -> None:
    values = settings.as_values(own)
    assert settings.of_values(values) == own
    assert set(values) == settings.decided(own)
    typed = {name: settings.written(name, getattr(own, name)) for name in FORMS}
    assert CaseSettings(**{name: settings.read(name, text) for name, text in typed.items()}) == own


def test_what_a_later_version_has_written_is_left_out() -> None:
    assert settings.of_values({"reopen_days": 30, "colour_of_the_sky": ["blue"]}) == CaseSettings(reopen_days=30)

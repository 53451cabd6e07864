"""The pace of a conversation: what people can do, and what only two programs do (HARDENING rule 24)."""

from datetime import UTC, datetime, timedelta

from gateway.cases.brakes import POSTS_AN_HOUR, TURNS, Pace, Post, pace
from gateway.cases.model import Role

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
TOM, MIA = 1, 2


def before(seconds: float, who: int = TOM) -> Post:
    return Post(who, Role.CUSTOMER if who == TOM else Role.MERCHANT, NOW - timedelta(seconds=seconds))


def by_turns(count: int, seconds: float) -> list[Post]:
    """The latest posts before one of the customer, the newest first."""
    return [before(seconds * place, MIA if place % 2 else TOM) for place in range(1, count + 1)]


def test_twenty_posts_an_hour_are_a_hurry_and_one_more_is_a_robot() -> None:
    assert pace(POSTS_AN_HOUR - 1, [], Role.CUSTOMER, NOW) == Pace(POSTS_AN_HOUR, 1)
    assert not pace(POSTS_AN_HOUR - 1, [], Role.CUSTOMER, NOW).too_fast
    too_fast = pace(POSTS_AN_HOUR, [], Role.CUSTOMER, NOW).too_fast
    assert too_fast == "it is the mail number 21 of this person within an hour"


def test_a_long_mail_is_one_turn() -> None:
    assert pace(1, [before(30)] * 5, Role.CUSTOMER, NOW) == Pace(2, 1)
    assert pace(0, [before(30, MIA)] * 5, Role.CUSTOMER, NOW) == Pace(1, 2)


def test_six_answers_by_turns_within_seconds() -> None:
    assert pace(0, by_turns(TURNS - 2, 20), Role.CUSTOMER, NOW).turns == TURNS - 1
    assert not pace(0, by_turns(TURNS - 2, 20), Role.CUSTOMER, NOW).too_fast
    assert "6 times" in pace(0, by_turns(TURNS - 1, 20), Role.CUSTOMER, NOW).too_fast


def test_a_pause_makes_it_people_again() -> None:
    assert pace(0, by_turns(10, 60), Role.CUSTOMER, NOW).turns == 1
    assert pace(0, [before(20, MIA), before(90)], Role.CUSTOMER, NOW).turns == 2


def test_several_mails_of_one_side_are_no_turns() -> None:
    assert pace(0, [before(10), before(20), before(30)], Role.CUSTOMER, NOW).turns == 1

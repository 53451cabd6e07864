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
    posts = [before(120 * place) for place in range(1, POSTS_AN_HOUR)]
    assert pace(posts, TOM, Role.CUSTOMER, NOW) == Pace(POSTS_AN_HOUR, 1)
    assert not pace(posts, TOM, Role.CUSTOMER, NOW).too_fast
    posts.append(before(3_000))
    assert pace(posts, TOM, Role.CUSTOMER, NOW).too_fast == "it is the mail number 21 of this person within an hour"


def test_what_is_an_hour_old_counts_no_more() -> None:
    assert pace([before(3_599), before(3_600)], TOM, Role.CUSTOMER, NOW).posts == 2


def test_a_long_mail_is_one_post() -> None:
    assert pace([before(30)] * 5, TOM, Role.CUSTOMER, NOW).posts == 2
    assert pace([before(30, MIA)] * 5, TOM, Role.CUSTOMER, NOW) == Pace(1, 2)


def test_others_do_not_count() -> None:
    assert pace([before(60 * place, MIA) for place in range(30)], TOM, Role.CUSTOMER, NOW).posts == 1


def test_six_answers_by_turns_within_seconds() -> None:
    assert pace(by_turns(TURNS - 2, 20), TOM, Role.CUSTOMER, NOW).turns == TURNS - 1
    assert not pace(by_turns(TURNS - 2, 20), TOM, Role.CUSTOMER, NOW).too_fast
    assert "6 times" in pace(by_turns(TURNS - 1, 20), TOM, Role.CUSTOMER, NOW).too_fast


def test_a_pause_makes_it_people_again() -> None:
    assert pace(by_turns(10, 60), TOM, Role.CUSTOMER, NOW).turns == 1
    assert pace([before(20, MIA), before(90)], TOM, Role.CUSTOMER, NOW).turns == 2


def test_several_mails_of_one_side_are_no_turns() -> None:
    assert pace([before(10), before(20), before(30)], TOM, Role.CUSTOMER, NOW).turns == 1

"""Rates: no 60 seconds ever hold more mails than allowed, whoever asks, and those that wait are asked for in turn."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from store import pace
from store.database import Database, sql
from store.pace import Paces
from tests.store.conftest import NOW, after

SCOPE = "relay:relay.example.org:25"
RATES = (1, 2, 5, 59, 60, 61, 120, 600, 3_000, 12_000)
MILLISECOND = timedelta(milliseconds=1)


def take(database: Database, now: datetime, per_minute: int, most: int = 1, scope: str = SCOPE) -> int:
    """Let as many mails leave as may, in a transaction of their own. Returns how many."""

    def job() -> int:
        paces = Paces(now)
        room = paces.room(scope, per_minute, most)
        for _ in range(room):
            paces.take(scope, per_minute)
        paces.save()
        return room

    return database.write(job, durable=False)


def most_in_a_minute(moments: list[datetime]) -> int:
    """The most that any 60 seconds hold, both ends counted."""
    most = first = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] > timedelta(seconds=60):
            first += 1
        most = max(most, last - first + 1)
    return most


def leave(database: Database, per_minute: int, count: int) -> list[datetime]:
    """The moments at which mails leave that all wait for one scope and are asked for as soon as one may go."""

    def job() -> list[datetime]:
        now, moments = NOW, list[datetime]()
        while len(moments) < count:
            paces = Paces(now)
            room = paces.room(SCOPE, per_minute, count - len(moments))
            for _ in range(room):
                paces.take(SCOPE, per_minute)
            paces.save()
            moments += [now] * room
            now += MILLISECOND if room else max(paces.free_at(SCOPE, per_minute) - now, MILLISECOND)
        return moments

    return database.write(job, durable=False)


@pytest.mark.parametrize("per_minute", RATES)
def test_no_minute_holds_more_than_the_rate_however_greedily_it_is_asked(database: Database, per_minute: int) -> None:
    moments = leave(database, per_minute, 3 * per_minute + 5)
    assert most_in_a_minute(moments) <= per_minute
    minutes = (moments[-1] - moments[0]) / timedelta(minutes=1)
    assert len(moments) / minutes > 0.93 * per_minute or per_minute < 5  # and it is made use of


@pytest.mark.parametrize("per_minute", [1, 5, 60, 3_000])
def test_lateness_on_the_way_to_the_relay_is_in_the_price(database: Database, per_minute: int) -> None:
    """Every other mail reaches the relay half a second after its claim."""
    moments = leave(database, per_minute, 3 * per_minute + 5)
    late = timedelta(microseconds=pace.ON_ITS_WAY)
    assert most_in_a_minute(sorted(moment + late * (n % 2) for n, moment in enumerate(moments))) <= per_minute


def test_five_a_minute_leave_one_by_one(database: Database) -> None:
    moments = leave(database, 5, 6)
    assert [(moment - NOW) // timedelta(seconds=1) for moment in moments] == [0, 12, 24, 36, 48, 61]


def test_a_burst_is_one_seconds_mails(database: Database) -> None:
    assert take(database, NOW, 3_000, most=1_000) == 50 + 24  # and what LATE gives
    assert take(database, NOW, 3_000, most=1_000) == 0


def test_when_one_or_some_may_leave_is_foretold(database: Database) -> None:
    take(database, NOW, 3_000, most=1_000)
    for count in (1, 4):
        at = Paces(NOW).free_at(SCOPE, 3_000, count)
        assert Paces(at).room(SCOPE, 3_000, 10) >= count
        assert at - NOW < timedelta(seconds=1)
    assert Paces(NOW).free_at(SCOPE, 3_000, 1_000_000) - NOW < timedelta(
        seconds=3
    )  # no more than a burst is waited for


def test_all_processes_count_in_the_same_rows(make_database: Callable[[Path], Database], tmp_path: Path) -> None:
    one = make_database(tmp_path / "shared.db")
    other = make_database(tmp_path / "shared.db")
    one.bind()
    assert take(one, NOW, 5) == 1
    other.bind()
    assert take(other, after(seconds=1), 5) == 0
    assert take(other, after(seconds=13), 5) == 1
    one.bind()
    assert take(one, after(seconds=14), 5) == 0


def test_scopes_do_not_know_each_other(database: Database) -> None:
    assert take(database, NOW, 5, scope="domain:one.example") == 1
    assert take(database, NOW, 5, scope="domain:two.example") == 1


def test_a_transaction_that_fails_takes_nothing(database: Database) -> None:
    def job() -> None:
        paces = Paces(NOW)
        paces.take(SCOPE, 5)
        paces.save()
        raise ValueError

    with pytest.raises(ValueError):
        database.write(job)
    assert take(database, NOW, 5) == 1


# Turns


def turns(database: Database, per_minute: int, count: int) -> list[datetime]:
    """A mail leaves now, and so many more are told when to ask again."""

    def job() -> list[datetime]:
        paces = Paces(NOW)
        paces.take(SCOPE, per_minute)
        given = [paces.turn(SCOPE, per_minute) for _ in range(count)]
        paces.save()
        return given

    return database.write(job)


def test_who_waits_gets_a_turn_behind_the_others_and_finds_room_then(database: Database) -> None:
    given = turns(database, 5, 20)
    assert given == sorted(set(given))
    assert most_in_a_minute(given) <= 5
    assert Paces(NOW).is_waited_for(SCOPE)
    for turn in given:
        assert take(database, turn, 5) == 1


@pytest.mark.parametrize("per_minute", [5, 60, 3_000])
def test_who_is_a_little_late_takes_nobodys_turn(database: Database, per_minute: int) -> None:
    """A worker that comes up to LATE after each turn still sends at each, and within the rate."""
    left: list[datetime] = []
    for number, turn in enumerate(turns(database, per_minute, 200)):
        left.append(max(turn + MILLISECOND * (0, 450, 10, 300)[number % 4], *left[-1:], NOW))
        assert take(database, left[-1], per_minute) == 1
    assert most_in_a_minute(left) <= per_minute


def test_turns_that_nobody_took_are_over(database: Database) -> None:
    turns(database, 5, 10)
    assert not Paces(after(minutes=10)).is_waited_for(SCOPE)
    assert take(database, after(minutes=10), 5, most=10) == 1


def test_no_turn_is_longer_than_four_hours(database: Database) -> None:
    given = turns(database, 1, 1_000)
    assert given[100] < given[-1] == NOW + pace.LOOK_AGAIN


def test_a_clock_that_was_ahead_for_a_while_stops_nothing(database: Database) -> None:
    take(database, after(days=400), 5)
    assert take(database, NOW, 5) == 0
    assert take(database, after(seconds=13), 5) == 1


def test_a_rate_that_is_changed_holds_at_once(database: Database) -> None:
    assert take(database, NOW, 1) == 1
    assert take(database, after(seconds=2), 3_000) == 0  # as after a full burst, and no longer
    assert take(database, after(seconds=2.1), 3_000) == 1
    assert take(database, after(seconds=3), 1, most=5) == 0


def test_what_is_free_again_is_forgotten(database: Database) -> None:
    take(database, NOW, 5)
    assert database.write(lambda: pace.forget_old(after(minutes=30))) == 0
    assert database.write(lambda: pace.forget_old(after(hours=2))) == 1
    assert sql("SELECT count(*) FROM pace").fetchone() == (0,)

"""Tallies and what was told: every process counts in the same rows, in stretches of time."""

from datetime import timedelta

from store import alarms, counts, senders
from store.counts import DAY, HOUR
from store.database import Database
from tests.store.conftest import NOW, after


def test_a_tally_counts_within_its_stretch(database: Database) -> None:
    assert [database.write(lambda: counts.add("posts:1", NOW, HOUR)) for _ in range(3)] == [1, 2, 3]
    assert database.write(lambda: counts.add("posts:2", NOW, HOUR)) == 1
    assert database.write(lambda: counts.add("posts:1", after(minutes=20), HOUR, amount=7)) == 10
    assert counts.amount("posts:1", after(minutes=29), HOUR) == 10
    assert counts.amount("posts:1", after(minutes=30), HOUR) == 0
    assert database.write(lambda: counts.add("posts:1", after(minutes=30), HOUR)) == 1


def test_something_is_told_once_in_a_while(database: Database) -> None:
    def may(moment: timedelta) -> bool:
        return database.write(lambda: counts.tell_once("held:shp", NOW + moment, DAY))

    assert may(timedelta())
    assert not may(timedelta(hours=23))
    assert counts.was_told("held:shp", after(hours=23), DAY)
    assert not counts.was_told("held:shp", after(hours=24), DAY)
    assert may(timedelta(hours=24))
    assert not may(timedelta(hours=47))
    assert not counts.was_told("held:other", NOW, DAY)


def test_what_is_old_is_forgotten(database: Database) -> None:
    database.write(lambda: counts.add("a", NOW, HOUR))
    database.write(lambda: counts.add("a", after(days=4), HOUR))
    database.write(lambda: counts.tell_once("b", NOW, DAY))
    assert database.write(lambda: counts.forget_old(after(days=2))) == 0
    assert database.write(lambda: counts.forget_old(after(days=4))) == 2
    assert counts.amount("a", after(days=4), HOUR) == 1


def test_an_address_that_passed_is_known_in_any_case(database: Database) -> None:
    assert not senders.has_passed("Tom@customer.test")
    database.write(lambda: senders.note_pass("tom@Customer.test", NOW))
    database.write(lambda: senders.note_pass("tom@customer.test", after(hours=1)))
    assert senders.has_passed("TOM@customer.test")


def test_the_same_alarm_again_only_counts(database: Database) -> None:
    assert database.write(lambda: alarms.raise_("loop:case_1", "two robots talk", NOW))
    assert not database.write(lambda: alarms.raise_("loop:case_1", "two robots talk", after(minutes=5)))
    (alarm,) = alarms.raised()
    assert (alarm.raised_at, alarm.last_at, alarm.times) == (NOW, after(minutes=5), 2)
    assert alarms.untold() == (alarm,)
    database.write(lambda: alarms.mark_told(alarm, NOW))
    assert alarms.untold() == ()
    database.write(lambda: alarms.clear("loop:case_1"))
    assert alarms.raised() == ()


def test_names_longer_than_a_column_are_told_apart(database: Database) -> None:
    long = "answers:domain:" + "a" * 300
    assert len(counts.bounded(long)) == 200
    assert counts.bounded(long) != counts.bounded(long + "b")
    assert database.write(lambda: counts.add(long, NOW, HOUR)) == 1
    assert counts.amount(long + "b", NOW, HOUR) == 0
    assert database.write(lambda: counts.tell_once(long, NOW, DAY))
    assert counts.was_told(long, NOW, DAY)
    assert database.write(lambda: alarms.raise_(long, "text", NOW))
    database.write(lambda: senders.note_pass("a" * 300 + "@customer.test", NOW))
    assert not senders.has_passed("a" * 300 + "@customer.test")

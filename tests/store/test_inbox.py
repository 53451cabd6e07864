"""Kept mails: claims, leases and lanes (HARDENING rule 9)."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.errors import NotFound
from store import inbox
from store.database import Database, sql
from store.inbox import Kept, LeaseLost, Outcome, Result
from tests.store.conftest import NOW, Statements, after

LEASE = timedelta(minutes=10)


def keep(database: Database, *, lane: str = "", now: datetime = NOW, raw: bytes = b"raw") -> int:
    return database.write(
        lambda: inbox.insert(
            now=now, mail_from="ada@example.org", recipients="[]", client="192.0.2.1", helo="mx.example.org",
            size=len(raw), sha256="0" * 64, lane=lane, raw=raw, raw_file="",
        )
    )  # fmt: skip


def claim(database: Database, now: datetime = NOW, worker: str = "one") -> Kept | None:
    return database.write(lambda: inbox.claim(now, worker, LEASE))


def claimed(database: Database, now: datetime = NOW, worker: str = "one") -> Kept:
    kept = claim(database, now, worker)
    assert kept is not None
    return kept


def finish(database: Database, kept: Kept, *results: Result) -> None:
    database.write(lambda: inbox.finish(kept, results or (Result("", Outcome.AUTOMATIC, "a robot"),)))


# Claims


def test_a_kept_mail_is_claimed_as_it_came(database: Database) -> None:
    number = keep(database, raw=b"From: ada\r\n\r\n\0\xff")
    kept = claimed(database)
    assert (kept.id, kept.raw, kept.mail_from, kept.client, kept.helo) == (
        number, b"From: ada\r\n\r\n\0\xff", "ada@example.org", "192.0.2.1", "mx.example.org",
    )  # fmt: skip
    assert (kept.state, kept.attempts, kept.lost, kept.due_at) == ("claimed", 1, 0, NOW + LEASE)


def test_a_claim_stands_before_any_work(database: Database) -> None:
    number = keep(database)
    claim(database)
    assert (inbox.get(number).state, inbox.get(number).attempts) == ("claimed", 1)
    assert claim(database) is None


def test_nothing_is_claimed_before_it_is_due(database: Database) -> None:
    keep(database, now=after(seconds=1))
    assert claim(database) is None
    assert claim(database, after(seconds=1)) is not None


def test_the_mail_that_is_due_longest_comes_first(database: Database) -> None:
    late, early = keep(database, now=after(minutes=2)), keep(database, now=after(minutes=1))
    assert [claimed(database, after(minutes=3)).id for _ in range(2)] == [early, late]


def test_a_finished_mail_is_not_claimed_again(database: Database) -> None:
    number = keep(database)
    finish(database, claimed(database))
    assert claim(database, after(days=30)) is None
    assert (inbox.get(number).state, inbox.get(number).outcome) == ("done", "automatic")


# Leases


def test_a_lease_that_ran_out_is_a_lost_claim(database: Database) -> None:
    """The worker died or hung on it; the count keeps a mail that kills processes from looping."""
    keep(database)
    claimed(database)
    assert claim(database, after(minutes=9)) is None
    second = claimed(database, after(minutes=10), "two")
    assert (second.attempts, second.lost) == (2, 1)
    third = claimed(database, after(minutes=20), "three")
    assert (third.attempts, third.lost) == (3, 2)


def test_a_mail_that_was_given_back_is_no_lost_claim(database: Database) -> None:
    keep(database)
    first = claimed(database)
    database.write(lambda: inbox.postpone(first, after(minutes=5), "the scanner is down"))
    assert claim(database, after(minutes=4)) is None
    second = claimed(database, after(minutes=5))
    assert (second.attempts, second.lost, second.reason) == (2, 0, "the scanner is down")


@pytest.mark.parametrize("what", ["finish", "record", "postpone"])
def test_a_worker_that_wakes_late_writes_nothing(database: Database, what: str) -> None:
    keep(database)
    stalled = claimed(database, worker="stalled")
    current = claimed(database, after(minutes=11), "current")
    result = Result("case_1", Outcome.POSTED, "posted", 1, "cmsg_1")
    late = {
        "finish": lambda: inbox.finish(stalled, [result]),
        "record": lambda: inbox.record(stalled, result),
        "postpone": lambda: inbox.postpone(stalled, after(hours=1), "late"),
    }[what]
    with pytest.raises(LeaseLost):
        database.write(late)
    assert inbox.results(current.id) == ()
    finish(database, current)
    with pytest.raises(LeaseLost):
        database.write(late)
    assert inbox.get(current.id).outcome == "automatic"
    assert [r.outcome for r in inbox.results(current.id)] == [Outcome.AUTOMATIC]


def test_leases_of_a_dead_worker_end_at_once(database: Database) -> None:
    mine, other = keep(database), keep(database)
    assert claimed(database, worker="dead").id == mine
    assert claimed(database, worker="alive").id == other
    assert database.write(lambda: inbox.end_leases("dead", after(minutes=1))) == 1
    again = claimed(database, after(minutes=1))
    assert (again.id, again.lost) == (mine, 1)
    assert claim(database, after(minutes=1)) is None


# Lanes


def test_mails_of_one_lane_are_taken_in_the_order_in_which_they_were_kept(database: Database) -> None:
    first, second, third = (keep(database, lane="ada") for _ in range(3))
    for number in (first, second, third):
        kept = claimed(database)
        assert kept.id == number
        assert claim(database) is None  # the next waits until this one has a result
        finish(database, kept)


def test_a_stuck_lane_blocks_nobody_else(database: Database) -> None:
    stuck, behind = keep(database, lane="ada"), keep(database, lane="ada")
    grace, linus = keep(database, lane="grace"), keep(database, lane="linus")
    mine = claimed(database)
    assert mine.id == stuck
    database.write(lambda: inbox.postpone(mine, after(hours=1), "later"))
    for number in (grace, linus):
        kept = claimed(database)
        assert kept.id == number
        finish(database, kept)
    assert claim(database) is None
    assert claimed(database, after(hours=1)).id == stuck
    assert inbox.get(behind).state == "pending"


def test_mails_without_a_lane_wait_for_nobody(database: Database) -> None:
    first, second = keep(database), keep(database)
    assert [claimed(database).id for _ in range(2)] == [first, second]


def test_what_is_listed_as_due_is_what_would_be_processed(database: Database) -> None:
    """A dry run: of a lane whose first mail waits for later, nothing; of another, one after the other."""
    stuck = keep(database, lane="ada", now=after(hours=1))
    keep(database, lane="ada")
    free = [keep(database, lane="grace"), keep(database, lane="grace"), keep(database)]
    assert [kept.id for kept in inbox.due(NOW)] == free
    assert all(kept.raw is None for kept in inbox.due(NOW))
    assert inbox.due(after(hours=1))[-1].id == stuck


# Results


def test_what_a_mail_came_to_is_told_case_by_case_and_as_a_whole(database: Database) -> None:
    number = keep(database)
    kept = claimed(database)
    posted = Result("case_1", Outcome.POSTED, "posted", 1, "cmsg_1")
    held = Result("case_2", Outcome.HELD, "from another address", 2)
    database.write(lambda: inbox.record(kept, posted))
    assert inbox.get(number).state == "claimed"
    finish(database, kept, held, posted)
    assert set(inbox.results(number)) == {posted, held}
    assert (inbox.get(number).outcome, inbox.get(number).reason) == ("posted", "posted")


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_can_be_the_only_one(database: Database, outcome: Outcome) -> None:
    keep(database)
    kept = claimed(database)
    finish(database, kept, Result("", outcome, "why"))
    assert inbox.get(kept.id).outcome == outcome
    assert [one.id for one in inbox.listing(outcome=outcome)] == [kept.id]


def test_a_result_that_cannot_be_written_leaves_no_other(database: Database) -> None:
    """Posting, result and end of a mail stand or fall together: the job is taken back as a whole."""
    keep(database)
    kept = claimed(database)

    def job() -> None:
        inbox.finish(kept, [Result("case_1", Outcome.POSTED, "posted", 1, "cmsg_1")])
        raise RuntimeError("the process met something unexpected")

    with pytest.raises(RuntimeError):
        database.write(job)
    assert inbox.results(kept.id) == ()
    assert inbox.get(kept.id).state == "claimed"


def test_a_held_mail_is_settled_once(database: Database) -> None:
    keep(database)
    kept = claimed(database)
    finish(database, kept, Result("case_1", Outcome.HELD, "from another address", 2))
    posted = Result("case_1", Outcome.POSTED, "released", 2, "cmsg_1")
    database.write(lambda: inbox.settle_held(kept.id, posted))
    assert inbox.get(kept.id).outcome == "posted"
    assert inbox.results(kept.id) == (posted,)
    with pytest.raises(LeaseLost):
        database.write(lambda: inbox.settle_held(kept.id, Result("case_1", Outcome.POSTED, "twice", 2, "cmsg_2")))
    assert inbox.results(kept.id) == (posted,)


def test_a_replayed_mail_is_due_again_with_a_clean_count(database: Database) -> None:
    keep(database)
    claimed(database)
    kept = claimed(database, after(minutes=11))
    finish(database, kept)
    database.write(lambda: inbox.replay(kept.id, after(hours=1)))
    again = claimed(database, after(hours=1))
    assert (again.id, again.lost, again.outcome, again.attempts) == (kept.id, 0, "", 3)
    with pytest.raises(NotFound):
        database.write(lambda: inbox.replay(999, NOW))


def test_the_worker_of_a_mail_that_is_replayed_meanwhile_has_lost_it(database: Database) -> None:
    keep(database)
    kept = claimed(database)
    database.write(lambda: inbox.replay(kept.id, NOW))
    with pytest.raises(LeaseLost):
        finish(database, kept)


def test_counts_and_lists(database: Database) -> None:
    assert (inbox.waiting(NOW), inbox.oldest_waiting()) == (0, None)
    old, new = keep(database), keep(database, now=after(hours=1))
    assert (inbox.waiting(NOW), inbox.waiting(after(hours=1)), inbox.oldest_waiting()) == (1, 2, NOW)
    finish(database, claimed(database))
    assert (inbox.waiting(after(hours=1)), inbox.oldest_waiting()) == (1, after(hours=1))
    assert [kept.id for kept in inbox.listing()] == [new, old]
    assert [kept.id for kept in inbox.listing(state="done")] == [old]
    assert [kept.id for kept in inbox.listing(limit=1)] == [new]
    with pytest.raises(NotFound):
        inbox.get(999)


# Speed: what is done costs nothing, however much of it there is


@pytest.fixture
def busy_database(database: Database) -> Database:
    """Ten thousand mails that are done."""

    def job() -> None:
        sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
            " INSERT INTO inbox (kept_at, mail_from, recipients, client, helo, size, sha256, lane, state, due_at,"
            " attempts, lost, worker, outcome, reason, raw_file, data)"
            " SELECT 0, '', '[]', '', '', 1, '', 'lane', 'done', 0, 1, 0, '', 'posted', '', '', x'00' FROM n"
        )

    database.write(job)
    return database


@pytest.mark.parametrize(
    ("function", "args", "indexes"),
    [
        (inbox.claim, (NOW, "one", LEASE), ("inbox_due", "inbox_lane")),
        (inbox.due, (NOW,), ("inbox_due", "inbox_lane")),
        (inbox.waiting, (NOW,), ("inbox_due",)),
        (inbox.oldest_waiting, (), ("inbox_due",)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_questions_about_what_waits_read_the_small_indexes(
    busy_database: Database, statements: Statements, function: Any, args: tuple[Any, ...], indexes: tuple[str, ...]
) -> None:
    (statement,) = statements(function, *args)
    steps = [row[3] for row in sql(f"EXPLAIN QUERY PLAN {statement}")]
    for index in indexes:
        assert any(index in step for step in steps), steps

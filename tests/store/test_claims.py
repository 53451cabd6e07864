"""Which mail is claimed for which relay, and which one waits where (HARDENING rule 9)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from store import claims, outbox, switches
from store.claims import Claims, Way, Ways
from store.database import Database, sql
from store.outbox import NewMail
from store.switches import Switch
from tests.store.conftest import NOW, Statements, after

LEASE = timedelta(minutes=5)
ONE, TWO, HIS = Way("one.example.org:25", 4), Way("two.example.org:25", 4), Way("his.example.org:25", 4)


def queue(
    database: Database, *recipients: str, now: datetime = NOW, route: str = "", template: str = "message_to_customer"
) -> list[int]:
    """Queue a mail to each. Returns their ids."""

    def job() -> list[int]:
        ids = []
        for recipient in recipients:
            number = sql("SELECT count(*) FROM outbox").fetchone()[0] + 1
            outbox.insert(
                NewMail(
                    number.to_bytes(16), "", None, 0, None, template, recipient, "", f"{number}@cases.example.org", "",
                    b"mail %d" % number, route,
                ),
                now,
            )  # fmt: skip
            ids.append(number)
        return ids

    return database.write(job, durable=False)


def claim(database: Database, *relays: Way, now: datetime = NOW, limit: int = 4, **more: Any) -> Claims:
    ways = Ways(relays, **more)
    return database.write(lambda: claims.claim(now, "one", LEASE, limit, ways), durable=False)


def taken(found: Claims) -> list[tuple[int, str]]:
    """The mails and their relays."""
    return [(mail.id, mail.relay) for mail in found.mails]


def resting(way: Way, until: datetime = NOW + LEASE) -> Way:
    return replace(way, free=0, rests_until=until)


def on_trial(way: Way, free: int = 1) -> Way:
    return replace(way, free=free, on_trial=True)


# In their order


def test_all_mail_goes_by_the_first_relay(database: Database) -> None:
    queue(database, *["ada@example.org"] * 6)
    assert taken(claim(database, ONE, TWO)) == [(number, ONE.name) for number in (1, 2, 3, 4)]


def test_while_the_first_rests_the_second_takes_it(database: Database) -> None:
    queue(database, "ada@example.org")
    assert taken(claim(database, resting(ONE), TWO)) == [(1, TWO.name)]


def test_a_relay_on_trial_gets_one_mail_and_the_next_relay_the_rest(database: Database) -> None:
    queue(database, *["ada@example.org"] * 3)
    assert taken(claim(database, on_trial(ONE), TWO)) == [(1, ONE.name), (2, TWO.name), (3, TWO.name)]


def test_a_relay_on_trial_alone_gets_one_mail(database: Database) -> None:
    queue(database, *["ada@example.org"] * 3)
    assert taken(claim(database, on_trial(ONE))) == [(1, ONE.name)]
    assert taken(claim(database, on_trial(ONE, free=0), TWO, limit=1)) == [(2, TWO.name)]


def test_what_no_relay_takes_stays_due(database: Database) -> None:
    queue(database, "ada@example.org")
    assert claim(database, resting(ONE), resting(TWO)).mails == ()
    assert outbox.get(1).due_at == NOW


# Rates of relays


def test_a_relay_at_its_rate_is_waited_for(database: Database) -> None:
    queue(database, *["ada@example.org"] * 4)
    slow = replace(ONE, per_minute=5)
    assert taken(claim(database, slow, TWO)) == [(1, ONE.name)]
    found = claim(database, slow, TWO)
    assert found.mails == ()  # nor does it go by the next one
    assert found.again_at is not None
    assert after(seconds=12) < found.again_at < after(seconds=13)
    assert outbox.get(2).due_at == NOW
    assert taken(claim(database, slow, TWO, now=found.again_at)) == [(2, ONE.name)]


def test_mail_that_goes_by_the_second_relay_counts_for_that_one(database: Database) -> None:
    queue(database, *["ada@example.org"] * 4)
    one, two = replace(ONE, per_minute=5), replace(TWO, per_minute=5)
    assert len(claim(database, resting(one), two).mails) == 1
    assert claim(database, resting(one), two).mails == ()
    assert len(claim(database, one, two).mails) == 1


def test_many_a_minute_are_claimed_some_at_a_time(database: Database) -> None:
    queue(database, *["ada@example.org"] * 200)
    fast, now, rounds, sent = replace(ONE, per_minute=3_000), NOW, 0, 0
    while sent < 200:
        found = claim(database, fast, now=now)
        sent += len(found.mails)
        rounds += 1
        now = found.again_at or now
    assert rounds < 110  # half of them find that there is nothing more
    assert now - NOW > timedelta(seconds=2)


# Rates of domains


def slowly(domain: str) -> int:
    return {"slow.example": 5, "fast.example": 3_000}.get(domain, 0)


def test_a_mail_that_waits_for_its_domain_lies_in_nobodys_way(database: Database) -> None:
    queue(database, *["ada@slow.example"] * 5, "ben@example.org")
    found = claim(database, ONE, domain_rate=slowly)
    assert taken(found) == [(1, ONE.name), (6, ONE.name)]
    waiting = [outbox.get(number) for number in (2, 3, 4, 5)]
    assert [(mail.due_at - NOW) // timedelta(seconds=1) for mail in waiting] == [12, 24, 36, 48]
    assert {(mail.state, mail.attempts) for mail in waiting} == {("queued", 0)}
    assert waiting[0].answer == "waits for its turn: slow.example gets 5 mails a minute"


def test_waiting_takes_none_of_the_days_in_which_it_is_tried(database: Database) -> None:
    queue(database, *["ada@slow.example"] * 2)
    claim(database, ONE, domain_rate=slowly)
    first, second = outbox.get(1), outbox.get(2)
    assert second.give_up_at - second.due_at == first.give_up_at - NOW


def test_who_comes_later_waits_behind_those_who_have_a_turn(database: Database) -> None:
    queue(database, *["ada@slow.example"] * 3)
    claim(database, ONE, domain_rate=slowly)
    first, last = outbox.get(2).due_at, outbox.get(3).due_at
    (late,) = queue(database, "eve@slow.example", now=first - timedelta(milliseconds=300))
    assert claim(database, ONE, now=first - timedelta(milliseconds=300), domain_rate=slowly).mails == ()
    assert outbox.get(late).due_at > last
    assert taken(claim(database, ONE, now=first, domain_rate=slowly)) == [(2, ONE.name)]


def watch(to: Callable[[str], None] | None) -> None:
    """Tell the statements of the connection that writes."""
    sql("SELECT 1").connection.set_trace_callback(to)


def test_a_backlog_of_one_domain_is_touched_once_or_twice_a_mail(database: Database) -> None:
    queue(database, *["ada@fast.example"] * 1_000)
    touched: list[str] = []
    database.write(lambda: watch(touched.append))
    now, left = NOW, 0
    while left < 1_000:
        found = claim(database, ONE, now=now, domain_rate=slowly)
        left += len(found.mails)
        now = max(now, found.again_at or now)
    database.write(lambda: watch(None))
    assert sum(statement.startswith("UPDATE outbox SET due_at") for statement in touched) <= 1_000
    assert timedelta(seconds=18) < now - NOW < timedelta(seconds=21)  # and it is made use of


def test_no_minute_holds_more_than_both_rates_allow(database: Database) -> None:
    queue(database, *["ada@slow.example", "ben@example.org"] * 15)
    now, left = NOW, list[tuple[datetime, str]]()
    while len(left) < 30:
        found = claim(database, replace(ONE, per_minute=10), now=now, domain_rate=slowly)
        left += [(now, mail.recipient) for mail in found.mails]
        now = max(now, found.again_at or now)
    for begin, _ in left:
        minute = [to for moment, to in left if begin <= moment <= begin + timedelta(seconds=60)]
        assert len(minute) <= 10
        assert minute.count("ada@slow.example") <= 5


def test_one_transaction_puts_off_so_many_and_then_lets_others_write(database: Database) -> None:
    queue(database, "ada@slow.example")
    claim(database, ONE, domain_rate=slowly)
    queue(database, *["ada@slow.example"] * (claims.PUT_OFF_AT_ONCE + 50))
    assert claim(database, ONE, domain_rate=slowly) == Claims((), again_at=NOW)
    assert outbox.waiting(NOW) == 50
    assert claim(database, ONE, domain_rate=slowly).again_at != NOW
    assert outbox.waiting(NOW) == 0


def test_addresses_of_a_domain_in_capitals_are_of_that_domain(database: Database) -> None:
    queue(database, "ada@SLOW.example", "ada@slow.Example")
    assert len(claim(database, ONE, domain_rate=slowly).mails) == 1


# Unclear endings stay with their relay


def unclear(database: Database, way: Way = ONE, now: datetime = NOW) -> None:
    """A mail whose relay may have it."""
    queue(database, "ada@example.org", now=now)
    (mail,) = claim(database, way, now=now).mails
    database.write(lambda: outbox.postpone(mail, now + timedelta(minutes=10), way.name, "lost", unclear=True))


def test_an_unclear_mail_goes_by_the_same_relay_although_others_are_well(database: Database) -> None:
    unclear(database, TWO)
    assert taken(claim(database, ONE, TWO, now=after(minutes=10))) == [(1, TWO.name)]


def test_an_unclear_mail_waits_for_its_relay_in_nobodys_way(database: Database) -> None:
    unclear(database)
    queue(database, "ben@example.org", now=after(minutes=10))
    rest = after(minutes=11)
    found = claim(database, resting(ONE, rest), TWO, now=after(minutes=10))
    assert taken(found) == [(2, TWO.name)]
    assert (outbox.get(1).due_at, outbox.get(1).attempts) == (rest, 1)


def test_after_four_hours_an_unclear_mail_goes_by_any_relay(database: Database) -> None:
    unclear(database)
    late = after(hours=4, minutes=9)
    assert claim(database, resting(ONE, late + LEASE), TWO, now=late).mails == ()
    assert outbox.get(1).due_at == after(hours=4, minutes=10)  # no longer than that
    assert taken(claim(database, resting(ONE, late + LEASE), TWO, now=after(hours=4, minutes=10))) == [(1, TWO.name)]


def test_a_claim_without_a_result_stays_with_its_relay_too(database: Database) -> None:
    queue(database, "ada@example.org")
    claim(database, ONE)
    assert claim(database, resting(ONE, after(minutes=9)), TWO, now=after(minutes=6)).mails == ()
    (mail,) = claim(database, ONE, TWO, now=after(minutes=9)).mails
    assert (mail.relay, mail.unclear) == (ONE.name, 1)


def test_a_relay_that_the_settings_no_longer_name_is_not_waited_for(database: Database) -> None:
    unclear(database)
    assert taken(claim(database, TWO, now=after(minutes=10))) == [(1, TWO.name)]


def test_an_operator_who_asks_for_another_try_unties_it(database: Database) -> None:
    unclear(database)
    database.write(lambda: outbox.retry(1, after(minutes=1)))
    assert taken(claim(database, resting(ONE), TWO, now=after(minutes=1))) == [(1, TWO.name)]


def test_a_mail_that_stayed_unclear_is_claimed_whatever_the_relays_do(database: Database) -> None:
    """To be given up; it needs no relay and no rate."""
    unclear(database)
    database.write(lambda: sql("UPDATE outbox SET unclear = ?", (outbox.UNCLEAR_TRIES,)))
    slow = replace(TWO, per_minute=1)
    assert taken(claim(database, resting(ONE), slow, now=after(minutes=10))) == [(1, ONE.name)]
    queue(database, "ben@example.org", now=after(minutes=10))
    assert len(claim(database, resting(ONE), slow, now=after(minutes=10)).mails) == 1


# The operator's own relay


def test_mail_to_the_operator_goes_by_his_relay_and_no_other_mail_does(database: Database) -> None:
    queue(database, "op@example.org", route=outbox.OPERATOR)
    queue(database, "ada@example.org")
    assert taken(claim(database, ONE, operator=HIS)) == [(1, HIS.name), (2, ONE.name)]


def test_mail_to_the_operator_goes_while_all_others_wait(database: Database) -> None:
    queue(database, *["ada@example.org"] * 10)
    queue(database, "op@example.org", route=outbox.OPERATOR)
    assert taken(claim(database, resting(ONE), operator=HIS)) == [(11, HIS.name)]
    assert outbox.waiting(NOW) == 10


def test_mail_to_the_operator_waits_for_his_relay(database: Database) -> None:
    queue(database, "op@example.org", route=outbox.OPERATOR)
    assert claim(database, ONE, operator=resting(HIS)).mails == ()
    assert outbox.get(1).due_at == NOW


def test_without_a_relay_of_his_own_it_goes_as_any_mail(database: Database) -> None:
    queue(database, "op@example.org", route=outbox.OPERATOR)
    assert taken(claim(database, ONE)) == [(1, ONE.name)]


# When to come again


def test_the_next_mail_that_will_be_due_is_foretold(database: Database) -> None:
    assert claim(database, ONE).again_at is None
    queue(database, "ada@example.org", now=after(minutes=3))
    queue(database, "ada@example.org", now=after(minutes=2))
    assert claim(database, ONE).again_at == after(minutes=2)


@pytest.mark.parametrize(
    ("operator", "indexes"), [(None, {"outbox_due"}), (HIS, {"outbox_due", "outbox_operator"})], ids=["without", "with"]
)
def test_a_claim_reads_small_indexes(
    database: Database, statements: Statements, operator: Way | None, indexes: set[str]
) -> None:
    seen = statements(claims.claim, NOW, "one", LEASE, 4, Ways((ONE,), operator))
    found = set()
    for statement in seen:
        steps = [row[3] for row in sql(f"EXPLAIN QUERY PLAN {statement}")]
        assert "USE TEMP B-TREE FOR ORDER BY" not in steps
        found |= {step.partition("INDEX ")[2].split(" ")[0] for step in steps}
    assert found == indexes | {"sqlite_autoindex_switch_1"}


def test_without_rates_nothing_is_asked_about_them(database: Database, statements: Statements) -> None:
    seen = statements(claims.claim, NOW, "one", LEASE, 4, Ways((ONE, TWO)))
    assert not any("pace" in statement for statement in seen)
    assert len(seen) == 3  # whether sending is stopped, what is due, and what will be


@pytest.mark.parametrize("operator", [None, HIS], ids=["without", "with"])
def test_while_sending_is_stopped_only_the_operator_gets_mail(database: Database, operator: Way | None) -> None:
    queue(database, "ada@example.org")
    (his,) = queue(database, "root@example.org", route="operator")
    database.write(lambda: switches.stop(Switch.SENDING, "restored", NOW))
    assert [mail.id for mail in claim(database, ONE, operator=operator).mails] == [his]
    database.write(lambda: switches.start(Switch.SENDING))
    assert [mail.recipient for mail in claim(database, ONE, operator=operator).mails] == ["ada@example.org"]

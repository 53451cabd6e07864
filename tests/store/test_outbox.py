"""Outgoing mails: claims, leases, unclear endings, and who may still be mailed (HARDENING rules 9 and 13)."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from gateway.cases.model import Participant, Role, Store
from gateway.errors import NotFound
from store import cases, claims, outbox, parties
from store.claims import Way, Ways
from store.database import Database, sql
from store.outbox import LeaseLost, NewMail, Outgoing, Which
from tests.store.conftest import NOW, Statements, after

LEASE = timedelta(minutes=5)
STORE = "shp_1"


def queue(database: Database, number: int = 1, *, to: int | None = None, now: datetime = NOW) -> None:
    mail = NewMail(
        handle=bytes([number]) * 16, case_id="case_1", participant_id=to, generation=0, message_id="cmsg_1",
        template="message_to_customer", recipient="ada@example.org", envelope_from="bounce+x@cases.example.org",
        rfc_message_id=f"{number}@cases.example.org", subject="The lid is missing", data=b"mail \0\xff %d" % number,
    )  # fmt: skip
    database.write(lambda: outbox.insert(mail, now))


def claim(database: Database, now: datetime = NOW, worker: str = "one", limit: int = 10) -> tuple[Outgoing, ...]:
    return database.write(
        lambda: claims.claim(now, worker, LEASE, limit, Ways((Way("relay.example.org:25", limit),)))
    ).mails


def claimed(database: Database, now: datetime = NOW, worker: str = "one") -> Outgoing:
    (mail,) = claim(database, now, worker)
    return mail


# Claims


def test_a_queued_mail_is_claimed_with_its_bytes(database: Database) -> None:
    queue(database)
    mail = claimed(database)
    assert (mail.data, mail.recipient, mail.envelope_from) == (
        b"mail \0\xff 1", "ada@example.org", "bounce+x@cases.example.org",
    )  # fmt: skip
    assert (mail.state, mail.attempts, mail.unclear, mail.due_at, mail.created_at) == (
        "claimed", 1, 0, NOW + LEASE, NOW,
    )  # fmt: skip
    assert claim(database) == ()


def test_mails_are_claimed_in_the_order_in_which_they_are_due_and_no_more_than_asked(database: Database) -> None:
    for number, minute in enumerate((3, 1, 2, 1), 1):
        queue(database, number, now=after(minutes=minute))
    assert [mail.id for mail in claim(database, after(minutes=5), limit=3)] == [2, 4, 3]
    assert [mail.id for mail in claim(database, after(minutes=5), limit=3)] == [1]


def test_nothing_is_claimed_before_it_is_due(database: Database) -> None:
    queue(database, now=after(seconds=1))
    assert claim(database) == ()
    assert claim(database, after(seconds=1)) != ()


def test_one_mail_is_queued_once(database: Database) -> None:
    queue(database)
    with pytest.raises(Exception, match="UNIQUE"):
        queue(database)


# Results


def test_a_sent_mail_is_told_with_the_words_of_the_relay(database: Database) -> None:
    queue(database)
    mail = claimed(database)
    database.write(lambda: outbox.sent(mail, after(seconds=2), "relay.example.org:25", "250 2.0.0 taken"))
    row = outbox.get(mail.id)
    assert (row.state, row.sent_at, row.relay, row.answer) == (
        "sent", after(seconds=2), "relay.example.org:25", "250 2.0.0 taken",
    )  # fmt: skip
    assert claim(database, after(days=30)) == ()


def test_a_postponed_mail_waits_and_goes_out_with_the_same_bytes(database: Database) -> None:
    queue(database)
    first = claimed(database)
    database.write(lambda: outbox.postpone(first, after(minutes=1), "relay", "451 later"))
    assert claim(database, after(seconds=59)) == ()
    second = claimed(database, after(minutes=1))
    assert (second.attempts, second.unclear, second.answer) == (2, 0, "451 later")
    assert (second.data, second.rfc_message_id) == (first.data, first.rfc_message_id)


def test_a_mail_given_back_was_not_tried(database: Database) -> None:
    """No relay was there: that must not use up the pauses between tries."""
    queue(database)
    mail = claimed(database)
    database.write(lambda: outbox.give_back(mail, after(minutes=1), "no relay takes mail"))
    again = claimed(database, after(minutes=1))
    assert (again.attempts, again.unclear, again.answer) == (1, 0, "no relay takes mail")


@pytest.mark.parametrize("ending", ["failed", "cancelled"])
def test_an_ended_mail_stays_until_somebody_retries_it(database: Database, ending: str) -> None:
    queue(database)
    mail = claimed(database)
    database.write(
        lambda: outbox.failed(mail, "relay", "550 no") if ending == "failed" else outbox.cancelled(mail, "he left", NOW)
    )
    assert outbox.get(mail.id).state == ending
    assert outbox.count(Which("failed")) == (1 if ending == "failed" else 0)
    assert claim(database, after(days=30)) == ()
    assert database.write(lambda: outbox.retry(mail.id, after(days=30))) == ending
    assert claimed(database, after(days=30)).id == mail.id


def test_what_was_sent_or_is_on_its_way_is_not_sent_again(database: Database) -> None:
    queue(database)
    mail = claimed(database)
    assert database.write(lambda: outbox.retry(mail.id, NOW)) == "claimed"
    assert outbox.get(mail.id) == mail
    database.write(lambda: outbox.sent(mail, NOW, "relay", "250"))
    assert database.write(lambda: outbox.retry(mail.id, NOW)) == "sent"
    assert outbox.get(mail.id).state == "sent"
    with pytest.raises(NotFound):
        database.write(lambda: outbox.retry(999, NOW))


# Sending many again


def in_state(database: Database, number: int, state: str, relay: str = "", answer: str = "") -> None:
    queue(database, number, now=after(minutes=number))
    database.write(
        lambda: sql(
            "UPDATE outbox SET state = ?, relay = ?, answer = ?, attempts = 1, due_at = due_at + 999999 WHERE id = ?",
            (state, relay, answer, number),
        )
    )


@pytest.fixture
def mixed(database: Database) -> Database:
    for number, (state, relay, answer) in enumerate(
        (
            ("sent", "one:25", "250 ok"),
            ("failed", "one:25", "550 5.7.1 Relay access denied 100%"),
            ("failed", "two:25", "550 5.1.1 no such user"),
            ("queued", "one:25", "451 later"),
            ("cancelled", "one:25", "cancelled: he left"),
            ("claimed", "one:25", ""),
            ("queued", "", ""),
        ),
        1,
    ):
        in_state(database, number, state, relay, answer)
    return database


@pytest.mark.parametrize(
    ("which", "found"),
    [
        (Which(), [7, 6, 5, 4, 3, 2, 1]),
        (Which("failed"), [3, 2]),
        (Which("failed", relay="one:25"), [2]),
        (Which(relay="one:25"), [6, 5, 4, 2, 1]),
        (Which(reason="ACCESS denied 100%"), [2]),
        (Which(reason="5_1.1"), []),
        (Which(reason="%"), [2]),
        (Which(made_by=after(minutes=3)), [3, 2, 1]),
        (Which("sent", relay="one:25", reason="ok", made_by=after(minutes=1)), [1]),
    ],
)
def test_mails_are_chosen_by_state_relay_reason_and_age(mixed: Database, which: Which, found: list[int]) -> None:
    assert [mail.id for mail in outbox.chosen(which, limit=50)] == found
    assert outbox.count(which) == len(found)
    if found:
        assert [mail.id for mail in outbox.chosen(which, limit=50, before=found[0])] == found[1:]


def test_mails_are_chosen_by_what_was_heard_of_them(mixed: Database) -> None:
    mixed.write(lambda: sql("UPDATE outbox SET report = 'bounced', report_text = 'Mailbox gone' WHERE id = 1"))
    assert [mail.id for mail in outbox.chosen(Which("bounced"), limit=9)] == [1]
    assert [mail.id for mail in outbox.chosen(Which(reason="mailbox GONE"), limit=9)] == [1]


def test_many_are_made_due_a_part_at_a_time_and_forget_what_was_heard(mixed: Database) -> None:
    mixed.write(lambda: sql("UPDATE outbox SET report = 'bounced', report_text = 'x', told_at = 1, unclear = 3"))
    now = after(hours=1)
    assert mixed.write(lambda: outbox.retry_some(Which("failed"), now, after=0, limit=1)) == (2,)
    assert mixed.write(lambda: outbox.retry_some(Which("failed"), now, after=2, limit=1)) == (3,)
    assert mixed.write(lambda: outbox.retry_some(Which("failed"), now, after=3)) == ()
    row = outbox.get(3)
    assert (row.state, row.due_at, row.give_up_at, row.report, row.report_text, row.unclear) == (
        "queued", now, now + outbox.GIVE_UP, "", "", 0,
    )  # fmt: skip


@pytest.mark.parametrize("state", ["sent", "claimed"])
def test_what_was_sent_or_is_claimed_is_left_alone(mixed: Database, state: str) -> None:
    assert mixed.write(lambda: outbox.retry_some(Which(state), NOW, after=0)) == ()
    assert outbox.count(Which(state)) == 1


# Unclear endings


def test_unclear_endings_are_counted(database: Database) -> None:
    queue(database)
    for tries in range(3):
        mail = claimed(database, after(hours=tries))
        assert mail.unclear == tries
        database.write(
            lambda mail=mail, tries=tries: outbox.postpone(  # type: ignore[misc]
                mail, after(hours=tries + 1), "relay", "lost after the dot", unclear=True
            )
        )
    assert claimed(database, after(hours=3)).unclear == outbox.UNCLEAR_TRIES


def test_a_claim_that_left_no_result_is_an_unclear_ending(database: Database) -> None:
    """kill -9 after the relay's 250: nobody knows whether it has the mail."""
    queue(database)
    claimed(database, worker="killed")
    assert claim(database, after(minutes=4)) == ()
    mail = claimed(database, after(minutes=5), "next")
    assert (mail.attempts, mail.unclear) == (2, 1)


def test_a_person_who_retries_starts_the_count_anew(database: Database) -> None:
    queue(database)
    claimed(database)
    mail = claimed(database, after(minutes=5))
    database.write(lambda: outbox.failed(mail, "relay", "given up"))
    database.write(lambda: outbox.retry(mail.id, after(hours=1)))
    assert claimed(database, after(hours=1)).unclear == 0


# Fencing


@pytest.mark.parametrize("what", ["sent", "postpone", "give_back", "failed", "cancelled"])
@pytest.mark.parametrize("meanwhile", ["claimed", "given back", "given back and claimed", "sent"])
def test_a_worker_that_wakes_late_writes_nothing(database: Database, what: str, meanwhile: str) -> None:
    queue(database)
    stalled = claimed(database, worker="stalled")
    other = claimed(database, after(minutes=6), "other")
    if meanwhile.startswith("given back"):
        database.write(lambda: outbox.give_back(other, after(minutes=6), "no relay"))
    if meanwhile == "given back and claimed":
        claimed(database, after(minutes=7), "third")
    if meanwhile == "sent":
        database.write(lambda: outbox.sent(other, after(minutes=7), "relay", "250 from the other"))
    before = outbox.get(stalled.id)
    late = {
        "sent": lambda: outbox.sent(stalled, NOW, "relay", "250"),
        "postpone": lambda: outbox.postpone(stalled, NOW, "relay", "451"),
        "give_back": lambda: outbox.give_back(stalled, NOW, "no relay"),
        "failed": lambda: outbox.failed(stalled, "relay", "550"),
        "cancelled": lambda: outbox.cancelled(stalled, "he left", NOW),
    }[what]
    with pytest.raises(LeaseLost):
        database.write(late)
    assert outbox.get(stalled.id) == before


def test_leases_of_a_dead_worker_end_at_once(database: Database) -> None:
    queue(database, 1)
    (mine,) = claim(database, worker="dead")
    queue(database, 2)
    claim(database, worker="alive")
    assert database.write(lambda: outbox.end_leases("dead", after(minutes=1))) == 1
    again = claimed(database, after(minutes=1))
    assert (again.id, again.unclear) == (mine.id, 1)


# Who may still be mailed


def join(database: Database, *, as_member: bool) -> int:
    """Make a participant, of the store's people or not. Returns its id."""

    def job() -> int:
        member_id = None
        if as_member:
            parties.add_store(Store(STORE, "Blue Kettle", NOW))
            member_id = parties.add_member(STORE, "grace@shop.example.org", "Grace", NOW).id
        role = Role.MERCHANT if as_member else Role.CUSTOMER
        person = Participant(0, "case_1", role, "grace@shop.example.org", "Grace", b"g" * 16, member_id=member_id)
        return cases.insert_participant(person)

    return database.write(job)


@pytest.mark.parametrize("as_member", [True, False])
def test_a_mail_stands_while_its_recipient_does(database: Database, as_member: bool) -> None:
    queue(database, to=join(database, as_member=as_member))
    assert not claimed(database).barred


def test_a_mail_to_nobody_in_particular_always_stands(database: Database) -> None:
    queue(database)
    assert not claimed(database).barred


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("UPDATE member SET active = 0", id="member removed from the store"),
        pytest.param("UPDATE participant SET active = 0", id="no longer part of the case"),
        pytest.param("UPDATE participant SET generation = generation + 1", id="addresses revoked"),
        pytest.param("DELETE FROM participant", id="erased"),
    ],
)
def test_whoever_lost_access_while_the_relay_was_down_gets_nothing(database: Database, change: str) -> None:
    queue(database, to=join(database, as_member=True))
    mail = claimed(database)
    assert not mail.barred
    database.write(lambda: outbox.give_back(mail, NOW, "no relay"))
    database.write(lambda: sql(change))
    assert claimed(database).barred == "the recipient is no longer part of the case"


def test_what_waited_for_a_member_who_was_removed_is_not_sent_when_he_is_taken_back(database: Database) -> None:
    queue(database, to=join(database, as_member=True))
    database.write(lambda: parties.remove_member(STORE, "grace@shop.example.org"))
    database.write(lambda: parties.add_member(STORE, "grace@shop.example.org", "Grace", NOW))
    assert claimed(database).barred == "the recipient is no longer part of the case"


# What is stuck


def test_mail_that_no_relay_has_tried_is_stuck_since_it_was_made(database: Database) -> None:
    assert outbox.stuck_since() is None
    queue(database)
    mail = claimed(database, after(minutes=3))
    database.write(lambda: outbox.give_back(mail, after(minutes=3), "no relay takes mail"))
    assert outbox.stuck_since() == NOW


def test_mail_that_waits_for_its_recipient_is_not_stuck_before_it_is_due(database: Database) -> None:
    queue(database)
    mail = claimed(database)
    database.write(lambda: outbox.postpone(mail, after(hours=4), "relay", "451 4.2.2 mailbox full"))
    assert outbox.stuck_since() == after(hours=4)  # nobody worked if that is over


def test_mail_to_the_operator_is_never_stuck(database: Database) -> None:
    queue(database)
    database.write(lambda: sql("UPDATE outbox SET route = ?", (outbox.OPERATOR,)))
    assert outbox.stuck_since() is None
    assert outbox.oldest_waiting() == NOW


# Lists


def test_counts_and_lists(database: Database) -> None:
    assert (outbox.waiting(NOW), outbox.oldest_waiting()) == (0, None)
    queue(database, 1)
    queue(database, 2, now=after(hours=1))
    assert (outbox.waiting(NOW), outbox.waiting(after(hours=1)), outbox.oldest_waiting()) == (1, 2, NOW)
    assert [mail.id for mail in outbox.due(after(hours=1))] == [1, 2]
    assert [mail.id for mail in outbox.due(NOW)] == [1]
    mail = claimed(database)
    database.write(lambda: outbox.sent(mail, NOW, "relay", "250"))
    assert (outbox.waiting(after(hours=1)), outbox.oldest_waiting()) == (1, after(hours=1))
    assert [(one.id, one.data) for one in outbox.listing()] == [(2, b""), (1, b"")]
    assert [one.id for one in outbox.listing(state="sent", limit=5)] == [1]
    assert [one.id for one in outbox.listing(limit=1)] == [2]
    with pytest.raises(NotFound):
        outbox.get(999)


@pytest.mark.parametrize(
    ("function", "args", "index"),
    [
        (claims.claim, (NOW, "one", LEASE, 4, Ways((Way("relay.example.org:25", 4),))), "outbox_due"),
        (outbox.due, (NOW,), "outbox_due"),
        (outbox.waiting, (NOW,), "outbox_due"),
        (outbox.oldest_waiting, (), "outbox_state"),
        (outbox.stuck_since, (), "outbox_untried"),
        (outbox.count, (Which("failed"),), "outbox_state"),
        (outbox.count, (Which("claimed", relay="relay"),), "outbox_relay"),
        (partial(outbox.chosen, limit=50), (Which("queued"),), "outbox_state"),
        (partial(outbox.chosen, limit=50), (Which("failed", relay="relay"),), "outbox_relay"),
        (partial(outbox.chosen, limit=50), (Which("bounced"),), "outbox_report"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_questions_about_what_waits_read_the_small_index(
    database: Database, statements: Statements, function: Any, args: tuple[Any, ...], index: str
) -> None:
    """However many mails were sent."""
    database.write(
        lambda: sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
            " INSERT INTO outbox (handle, case_id, generation, template, recipient, envelope_from, rfc_message_id,"
            " subject, state, due_at, attempts, unclear, worker, created_at, give_up_at, relay, answer, data)"
            " SELECT i, '', 0, '', '', '', i, '', 'sent', 0, 1, 0, '', 0, 0, '', '', x'00' FROM n"
        )
    )
    asked = statements(function, *args)
    steps = [row[3] for statement in asked for row in sql(f"EXPLAIN QUERY PLAN {statement}")]
    assert any(index in step for step in steps), steps
    assert not [step for step in steps if step.startswith("SCAN outbox") and "USING" not in step], steps
    assert "USE TEMP B-TREE FOR ORDER BY" not in steps

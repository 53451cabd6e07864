"""How relays do: what makes one rest, for how long, and what shows that it is well again."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.outbound.relay import Answer, Outcome, Relay, Stage
from gateway.outbound.routes import RESTS, Rest, Route, Routes, Trouble
from store.outbox import Outgoing

START = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

SENT = Answer(Outcome.SENT, 250, "2.0.0", "2.0.0 Ok", Stage.DOT)
DOWN = Answer(Outcome.RELAY_DOWN, 421, "4.3.2", "4.3.2 Going down", Stage.MAIL)
GREYLISTED = Answer(Outcome.DEFERRED, 450, "4.7.1", "4.7.1 Greylisted", Stage.RCPT)
PUT_OFF = Answer(Outcome.DEFERRED, 452, "4.3.1", "4.3.1 Out of space", Stage.MAIL)
UNCLEAR = Answer(Outcome.UNCLEAR, 0, "", "connection lost")
NOBODY = Answer(Outcome.FAILED, 550, "5.1.1", "5.1.1 No such user", Stage.RCPT)
OURS = Answer(Outcome.FAILED, 0, "5.1.3", "this is not an address that mail can be sent to")


def mail(number: int) -> Outgoing:
    return Outgoing(
        number, "case_1", None, None, "message_to_customer", "ada@example.org", "", f"{number}@cases.example.org", "",
        "claimed", START, 1, 0, START, START, None, "", "", "", "", "", None, 0,
        b"",
    )  # fmt: skip


class Tried:
    """A relay that is handed one mail after the other."""

    def __init__(self, name: str = "one.example.org") -> None:
        self.route = Route(Relay(f"smtp://{name}:25", local_hostname="gw.example.org"))
        self.now = START
        self.mails = 0

    def hears(self, *answers: Answer) -> list[Rest]:
        """Answers to mails of their own. Returns the rests that began."""
        rests = []
        for answer in answers:
            self.mails += 1
            rest = self.route.heard(mail(self.mails), answer, self.now)
            if rest is not None:
                rests.append(rest)
        return rests

    def free(self) -> int:
        return self.route.way(self.now, 4).free

    def rests(self) -> timedelta | None:
        until = self.route.rests_until(self.now)
        return None if until is None else until - self.now

    def wakes(self) -> None:
        """Its rest is over."""
        until = self.route.rests_until(self.now)
        assert until is not None
        self.now = until


@pytest.fixture
def relay() -> Tried:
    return Tried()


def test_a_relay_that_takes_mail_is_free_for_more(relay: Tried) -> None:
    assert relay.hears(SENT, SENT) == []
    assert (relay.free(), relay.rests(), relay.route.trouble) == (4, None, None)


# Down


def test_a_relay_that_is_down_rests_longer_each_time(relay: Tried) -> None:
    lengths = []
    for _ in range(6):
        (rest,) = relay.hears(DOWN)
        lengths.append((rest.until - relay.now).seconds)
        assert (relay.free(), rest.trouble) == (0, Trouble.DOWN)
        relay.wakes()
    assert lengths == [5, 10, 20, 40, 60, 60]


def test_the_operator_hears_of_the_third_rest_in_a_row(relay: Tried) -> None:
    told = []
    for _ in range(4):
        (rest,) = relay.hears(DOWN)
        told.append(rest.lasting)
        relay.wakes()
    assert told == [False, False, True, True]
    assert "one.example.org:25" in rest.text
    assert "Going down" in rest.text


def test_mails_that_were_on_their_way_together_met_one_trouble(relay: Tried) -> None:
    assert len(relay.hears(DOWN, DOWN, DOWN, SENT)) == 1
    assert relay.rests() == timedelta(seconds=5)


def test_after_its_rest_a_relay_gets_one_mail_and_not_all(relay: Tried) -> None:
    relay.hears(DOWN)
    relay.wakes()
    assert relay.free() == 1
    assert relay.route.way(relay.now, 4).on_trial
    relay.route.in_flight = 1
    assert relay.free() == 0
    relay.route.in_flight = 0
    relay.hears(SENT)
    assert (relay.free(), relay.route.trouble) == (4, None)
    (rest,) = relay.hears(DOWN)
    assert rest.until - relay.now == timedelta(seconds=5)  # the count begins anew


@pytest.mark.parametrize("answer", [SENT, GREYLISTED, PUT_OFF, NOBODY])
def test_whoever_was_down_and_speaks_of_a_mail_is_back(relay: Tried, answer: Answer) -> None:
    relay.hears(DOWN)
    relay.wakes()
    relay.hears(answer)
    assert relay.free() == 4


def test_whoever_was_down_and_breaks_off_is_not_back_yet(relay: Tried) -> None:
    relay.hears(DOWN)
    relay.wakes()
    relay.hears(UNCLEAR)
    assert relay.free() == 1


def test_a_clock_that_goes_back_ends_a_rest(relay: Tried) -> None:
    relay.hears(DOWN)
    relay.now -= timedelta(hours=1)
    assert (relay.rests(), relay.free()) == (None, 1)


# Putting off


@pytest.mark.parametrize("answer", [PUT_OFF, UNCLEAR])
def test_five_mails_put_off_in_a_row_make_a_relay_rest(relay: Tried, answer: Answer) -> None:
    assert relay.hears(*[answer] * 4) == []
    (rest,) = relay.hears(answer)
    assert (rest.trouble, rest.until - relay.now, rest.lasting) == (Trouble.PUTS_OFF, MINUTE, True)


def test_one_that_is_taken_in_between_begins_the_count_anew(relay: Tried) -> None:
    assert relay.hears(*[PUT_OFF] * 4, SENT, *[PUT_OFF] * 4) == []


def test_the_same_mail_again_and_again_is_the_mails_own_trouble(relay: Tried) -> None:
    for _ in range(20):
        assert relay.route.heard(mail(7), PUT_OFF, relay.now) is None


def test_recipients_who_are_greylisted_are_no_trouble_of_the_relay(relay: Tried) -> None:
    assert relay.hears(*[GREYLISTED] * 50) == []
    assert relay.free() == 4


def test_a_relay_that_goes_on_putting_off_rests_longer_with_a_mail_each(relay: Tried) -> None:
    relay.hears(*[PUT_OFF] * 5)
    minutes = []
    for _ in range(5):
        relay.wakes()
        assert relay.free() == 1
        (rest,) = relay.hears(PUT_OFF)
        minutes.append((rest.until - relay.now) // MINUTE)
    assert minutes == [2, 4, 8, 15, 15]
    relay.wakes()
    relay.hears(GREYLISTED)
    assert relay.free() == 1  # which proves nothing
    relay.hears(SENT)
    assert relay.free() == 4


# Refusing everybody (HARDENING rule 7)


def test_a_relay_that_refuses_most_recipients_rests_and_the_operator_hears(relay: Tried) -> None:
    assert relay.hears(*[NOBODY] * 20) == []
    (rest,) = relay.hears(NOBODY)
    assert (rest.trouble, rest.until - relay.now, rest.lasting) == (Trouble.REFUSES, 10 * MINUTE, True)
    assert "casegate outbox retry --relay one.example.org:25" in rest.text


def test_many_refusals_among_more_mails_are_a_bad_list_and_no_sick_relay(relay: Tried) -> None:
    assert relay.hears(*[SENT, NOBODY] * 100) == []


def test_refusals_of_an_hour_ago_do_not_count(relay: Tried) -> None:
    for _ in range(5):
        assert relay.hears(*[NOBODY] * 10) == []
        relay.now += 6 * MINUTE


def test_refusals_of_ten_minutes_add_up(relay: Tried) -> None:
    for _ in range(7):
        assert relay.hears(*[NOBODY] * 2) == []
        relay.now += MINUTE
    assert len(relay.hears(*[NOBODY] * 7)) == 1


def test_what_we_refuse_ourselves_says_nothing_about_the_relay(relay: Tried) -> None:
    assert relay.hears(*[OURS] * 50) == []


def test_after_the_rest_each_refusal_makes_another_one_until_a_mail_is_taken(relay: Tried) -> None:
    relay.hears(*[NOBODY] * 21)
    for _ in range(3):
        relay.wakes()
        assert relay.free() == 1
        (rest,) = relay.hears(NOBODY)
        assert (rest.trouble, rest.until - relay.now) == (Trouble.REFUSES, 10 * MINUTE)
    relay.wakes()
    relay.hears(SENT)
    assert (relay.free(), relay.hears(NOBODY)) == (4, [])


def test_another_trouble_begins_with_its_shortest_rest(relay: Tried) -> None:
    for _ in range(3):
        relay.hears(DOWN)
        relay.wakes()
    relay.hears(*[UNCLEAR] * 4)
    (rest,) = relay.hears(UNCLEAR)
    assert (rest.trouble, rest.until - relay.now) == (Trouble.PUTS_OFF, RESTS[Trouble.PUTS_OFF][0])


# All of them


def test_mail_that_waits_for_all_relays_goes_on_when_the_first_has_rested() -> None:
    one, two = Tried("one.example.org"), Tried("two.example.org")
    routes = Routes([one.route, two.route])
    one.hears(DOWN)
    assert (routes.rested_at(START), routes.troubled()) == (None, [])  # the other one takes it
    two.now += timedelta(seconds=2)
    two.hears(DOWN)
    assert routes.rested_at(two.now) == START + timedelta(seconds=5)
    assert routes.troubled() == ["one.example.org:25", "two.example.org:25"]


def test_the_operators_relay_rests_for_itself() -> None:
    one, his = Tried("one.example.org"), Tried("his.example.org")
    routes = Routes([one.route], his.route)
    his.hears(DOWN)
    assert routes.rested_at(START) == START + timedelta(seconds=5)
    assert routes.troubled() == []
    ways = routes.ways(START, 4)
    assert ways.operator is not None
    assert ([way.free for way in ways.relays], ways.operator.free) == ([4], 0)
    assert routes.named("his.example.org:25") is his.route

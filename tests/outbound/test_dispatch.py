"""Sending through several relays over real sockets, on a clock that the test sets (HARDENING rules 7 and 9)."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gateway.outbound.dispatch import Dispatcher
from gateway.outbound.relay import Answer, Outcome, Relay
from gateway.outbound.routes import Route, Routes
from store import alarms, migrations, outbox
from store.database import Database, sql
from store.outbox import NewMail, Outgoing
from tests.sink import HANG_UP, Mail, Sink
from tests.world import START, Clock

LATER = timedelta(days=3)


class WatchedLoop(asyncio.SelectorEventLoop):
    """An event loop that tells for when it was asked to wake somebody, and never does."""

    def __init__(self, wake: Callable[[], None], delays: list[float]) -> None:
        super().__init__()
        self._wake = wake
        self._delays = delays

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        """As ever, but for what it watches."""
        if callback == self._wake:
            self._delays.append(delay)
            return super().call_later(delay, _nothing, context=context)
        return super().call_later(delay, callback, *args, context=context)


def _nothing() -> None:
    """Instead of a wake."""


class Office:
    """A database, relays, and what sends through them."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.database = Database(f"sqlite:///{folder / 'cases.db'}")
        self.database.bind()
        migrations.apply()
        self.database.open()
        self.sinks: list[Sink] = []
        self.dispatchers: list[Dispatcher] = []
        self.delays: list[float] = []  # seconds until the wakes that were asked for
        self.refused: list[tuple[str, Answer]] = []
        self.told = 0
        self.brakes: list[datetime] = []
        self._mails = 0

    def relay(self) -> Sink:
        """A relay that takes everything until it is told otherwise."""
        sink = Sink()
        sink.start()
        self.sinks.append(sink)
        return sink

    def sends(
        self,
        *sinks: Sink,
        per_minute: int = 0,
        operator: Sink | None = None,
        domain_rate: Callable[[str], int] | None = None,
    ) -> Dispatcher:
        """A sender through these relays, in this order."""

        def route(sink: Sink, per_minute: int = 0) -> Route:
            return Route(
                Relay(f"smtp://127.0.0.1:{sink.port}", local_hostname="gw.example.org", timeout=20), per_minute
            )

        routes = Routes(
            [route(sink, per_minute) for sink in sinks],
            route(operator) if operator is not None else None,
            domain_rate=domain_rate,
        )
        dispatcher = Dispatcher(
            self.database,
            routes,
            worker=f"worker {len(self.dispatchers)}",
            now=self.clock,
            wake=self.wake,
            new_loop=lambda: WatchedLoop(self.wake, self.delays),
            refused=self.hear_refusal,
            told=self.hear,
            brake=self.brakes.append,
        )
        self.dispatchers.append(dispatcher)
        return dispatcher

    def wake(self) -> None:
        raise AssertionError("the loop does not wake anybody")

    def hear_refusal(self, mail: Outgoing, answer: Answer) -> Callable[[], None]:
        def write() -> None:
            sql("UPDATE outbox SET report_text = 'noted' WHERE id = ?", (mail.id,))
            self.refused.append((mail.recipient, answer))

        return write

    def hear(self) -> None:
        self.told += 1

    def queue(self, *recipients: str, route: str = "", participant: int | None = None) -> None:
        """Queue a mail to each."""

        def job() -> None:
            for recipient in recipients:
                self._mails += 1
                number = self._mails
                outbox.insert(
                    NewMail(
                        number.to_bytes(16), "case_1", participant, 0, None, "message_to_customer", recipient,
                        f"bounce+{number}@cases.example.org", f"{number}@cases.example.org", "",
                        b"Message-ID: <%d@cases.example.org>\r\n\r\nHello\r\n" % number, route,
                    ),
                    self.clock(),
                )  # fmt: skip

        self.database.write(job)

    def states(self) -> list[str]:
        """What became of the mails, the oldest first."""
        return [row[0] for row in sql("SELECT state FROM outbox ORDER BY id")]

    def alarms(self) -> list[str]:
        return [alarm.name for alarm in alarms.raised()]

    def close(self) -> None:
        for dispatcher in self.dispatchers:
            dispatcher.close()
        self.database.close()
        for sink in self.sinks:
            sink.close()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    place = Office(tmp_path)
    yield place
    place.close()


def people(count: int, domain: str = "example.org") -> list[str]:
    return [f"p{number}@{domain}" for number in range(count)]


def name(sink: Sink) -> str:
    return f"127.0.0.1:{sink.port}"


# A row each


def test_of_three_recipients_one_is_refused_and_the_others_get_theirs(office: Office) -> None:
    sink = office.relay()
    sink.at_rcpt["ben@example.org"] = "550 5.1.1 No such user"
    office.queue("ada@example.org", "ben@example.org", "cat@example.org")
    assert office.sends(sink).drain() == 3
    assert office.states() == ["sent", "failed", "sent"]
    assert {mail.recipient for mail in sink.mails} == {"ada@example.org", "cat@example.org"}


def test_whoever_must_know_of_a_refusal_writes_in_its_transaction_and_hears_afterwards(office: Office) -> None:
    sink = office.relay()
    sink.at_rcpt["ben@example.org"] = "550 5.1.1 No such user"
    office.queue("ada@example.org", "ben@example.org")
    office.sends(sink).drain()
    ((recipient, answer),) = office.refused
    assert (recipient, answer.outcome, answer.enhanced) == ("ben@example.org", Outcome.FAILED, "5.1.1")
    assert sql("SELECT report_text FROM outbox ORDER BY id").fetchall() == [("",), ("noted",)]
    assert office.told == 1


def test_a_result_that_comes_too_late_is_followed_by_nothing(office: Office) -> None:
    sink = office.relay()
    sink.at_dot["ben@example.org"] = "554 5.6.0 Not like this"
    office.queue("ben@example.org")
    taken_over = "UPDATE outbox SET attempts = attempts + 1"
    real = sink.handle_DATA

    async def slow(*args):  # type: ignore[no-untyped-def]
        await asyncio.to_thread(office.database.write, lambda: sql(taken_over))
        return await real(*args)

    sink.handle_DATA = slow  # type: ignore[method-assign]
    office.sends(sink).drain()
    assert (office.states(), office.refused) == (["claimed"], [])


def test_a_mail_to_somebody_who_left_is_cancelled_unsent(office: Office) -> None:
    sink = office.relay()
    office.queue("ben@example.org", participant=999)
    office.sends(sink).drain()
    assert (office.states(), sum(sink.tried.values()), office.refused) == (["cancelled"], 0, [])
    assert "no longer part of the case" in outbox.get(1).answer


# Several relays


def test_while_the_first_relay_is_down_the_second_takes_all(office: Office) -> None:
    one, two = office.relay(), office.relay()
    one.stop()
    office.queue(*people(20))
    dispatcher = office.sends(one, two)
    dispatcher.drain()
    assert (office.states(), len(two.mails)) == (["sent"] * 20, 20)
    assert dispatcher.troubled() == []  # mail leaves
    assert {outbox.get(number).attempts for number in range(1, 21)} == {1}


def test_the_first_relay_is_tried_with_one_mail_and_comes_back(office: Office) -> None:
    one, two = office.relay(), office.relay()
    one.stop()
    office.queue(*people(4))
    dispatcher = office.sends(one, two)
    dispatcher.drain()
    one.start()
    office.queue(*people(4))
    dispatcher.drain()
    assert (len(one.mails), len(two.mails)) == (0, 8)  # it rests yet
    office.clock.advance(seconds=5)
    office.queue(*people(1))
    dispatcher.drain()
    office.queue(*people(10))
    dispatcher.drain()
    assert (len(one.mails), len(two.mails)) == (11, 8)


def test_a_relay_that_is_still_down_costs_one_mail_a_try_and_no_time_of_the_others(office: Office) -> None:
    one, two = office.relay(), office.relay()
    one.at_mail = "421 4.3.2 Going down"
    office.queue(*people(4))
    dispatcher = office.sends(one, two)
    dispatcher.drain()
    tries = []
    greeted: Callable[..., object] = one.handle_MAIL

    async def count(*args):  # type: ignore[no-untyped-def]
        tries.append(args[3])
        return await greeted(*args)  # type: ignore[misc]

    one.handle_MAIL = count  # type: ignore[method-assign]
    office.clock.advance(seconds=5)
    office.queue(*people(40))
    dispatcher.drain()
    assert len(set(tries)) == 1
    assert len(two.mails) == 44


def test_the_operator_hears_of_a_relay_that_stays_down_and_of_its_return(office: Office) -> None:
    sink = office.relay()
    sink.stop()
    office.queue("ada@example.org")
    dispatcher = office.sends(sink)
    for seconds in (5, 10, 20):
        dispatcher.drain()
        assert dispatcher.troubled() == [name(sink)]
        office.clock.advance(seconds=seconds)
    assert office.alarms() == [f"relay:{name(sink)}"]
    sink.start()
    dispatcher.drain()
    assert (office.states(), office.alarms(), dispatcher.troubled()) == (["sent"], [], [])


def test_an_alarm_of_a_process_that_ended_is_over_when_the_relay_takes_mail(office: Office) -> None:
    sink = office.relay()
    office.database.write(lambda: alarms.raise_(f"relay:{name(sink)}", "It was down.", START))
    office.queue("ada@example.org")
    office.sends(sink).drain()
    assert office.alarms() == []


def test_a_relay_that_puts_everything_off_rests_and_the_next_one_takes_over(office: Office) -> None:
    one, two = office.relay(), office.relay()
    one.at_mail = "452 4.3.1 Insufficient system storage"
    office.queue(*people(30))
    dispatcher = office.sends(one, two)
    dispatcher.drain()
    assert len(two.mails) == 26  # four were put off before it showed
    assert office.alarms() == [f"relay:{name(one)}"]
    one.at_mail = ""
    office.clock.advance(minutes=1)
    dispatcher.drain()
    assert office.states() == ["sent"] * 30
    assert (len(one.mails) + len(two.mails), office.alarms()) == (30, [])


@pytest.mark.parametrize("refusal", ["452 4.3.1 Insufficient system storage", "550 5.1.1 No such user"])
def test_a_mail_that_meets_a_sick_relay_on_trial_goes_by_the_next_one_at_once(office: Office, refusal: str) -> None:
    one, two = office.relay(), office.relay()
    if refusal.startswith("4"):
        one.at_mail = refusal
    else:
        one.at_rcpt = dict.fromkeys(people(60), refusal)
    office.queue(*people(60))
    dispatcher = office.sends(one, two)
    dispatcher.drain()
    for number in range(3):
        office.clock.advance(minutes=20)
        office.queue(f"p{number}@example.org")
        dispatcher.drain()
        assert office.states()[-1] == "sent"
    assert len(office.brakes) == (0 if refusal.startswith("4") else 4)


def test_a_greylisted_recipient_stops_nobody(office: Office) -> None:
    one, two = office.relay(), office.relay()
    one.at_rcpt = dict.fromkeys(people(10, "grey.example"), "450 4.7.1 Greylisted")
    office.queue(*people(10, "grey.example"), *people(10))
    office.sends(one, two).drain()
    assert (len(one.mails), len(two.mails), office.alarms()) == (10, 0, [])


def test_a_hundred_mails_refused_for_our_sake_are_all_sent_after_the_repair(office: Office) -> None:
    """HARDENING rule 7."""
    sink = office.relay()
    sink.at_rcpt = dict.fromkeys(people(100), "550 5.7.1 Relaying denied")
    office.queue(*people(100))
    dispatcher = office.sends(sink)
    for _ in range(20):
        dispatcher.drain()
        office.clock.advance(minutes=1)
    assert (set(office.states()), office.refused) == ({"queued"}, [])
    assert office.alarms() == [f"relay:{name(sink)}"]
    sink.at_rcpt = {}
    while "queued" in office.states():
        dispatcher.drain()
        office.clock.advance(minutes=1)
    assert (len(sink.mails), len({mail.recipient for mail in sink.mails})) == (100, 100)


def test_a_single_mail_for_whose_sake_the_relay_refuses_us_does_not_stop_the_others(office: Office) -> None:
    sink = office.relay()
    sink.at_rcpt["bad@example.org"] = "550 5.7.1 We want no mail of yours"
    office.queue("bad@example.org", *people(5))
    dispatcher = office.sends(sink)
    minutes = 0
    while "queued" in office.states():
        dispatcher.drain()
        office.clock.advance(minutes=10)
        minutes += 10
        office.queue(*people(1))
        dispatcher.drain()
        assert minutes < 5 * 24 * 60
    assert outbox.get(1).state == "failed"
    assert 3 * 24 * 60 <= minutes <= 3 * 24 * 60 + 300
    assert len(sink.mails) > 400


def test_a_relay_that_refuses_everybody_is_not_believed(office: Office) -> None:
    """HARDENING rule 7: more than 20 hard failures and over half of ten minutes' mails."""
    one = office.relay()
    one.at_rcpt = dict.fromkeys(people(60), "550 5.1.1 No such user")
    office.queue(*people(60))
    dispatcher = office.sends(one)
    dispatcher.drain()
    assert office.states().count("failed") == 20
    assert office.brakes == [START - timedelta(minutes=10)]
    assert office.alarms() == [f"relay:{name(one)}"]
    for _ in range(3):
        office.clock.advance(minutes=10)
        dispatcher.drain()
    assert (office.states().count("failed"), len(office.refused)) == (20, 20)
    one.at_rcpt = {}
    for _ in range(8):
        office.clock.advance(minutes=10)
        dispatcher.drain()
    assert (office.states().count("sent"), office.alarms()) == (40, [])


# Rates


def wander(office: Office, *dispatchers: Dispatcher, until: Callable[[], bool], step: float = 1) -> None:
    """Let time pass in steps, with a drain of everybody at each."""
    for _ in range(10_000):
        for dispatcher in dispatchers:
            dispatcher.drain()
        if until():
            return
        office.clock.advance(seconds=step)
    raise AssertionError("it did not come about")


def moments(office: Office, *sinks: Sink) -> list[datetime]:
    """Where the moments at which mails arrive from now on are noted, as the clock tells."""
    noted: list[datetime] = []
    for sink in sinks:
        sink.on_mail = lambda mail: noted.append(office.clock())
    return noted


def most_in_a_minute(noted: list[datetime]) -> int:
    return max(sum(begin <= moment <= begin + timedelta(seconds=60) for moment in noted) for begin in noted)


def test_five_a_minute_are_never_more(office: Office) -> None:
    sink = office.relay()
    office.queue(*people(17))
    noted = moments(office, sink)
    wander(office, office.sends(sink, per_minute=5), until=lambda: office.states() == ["sent"] * 17)
    assert (len(noted), most_in_a_minute(noted)) == (17, 5)
    assert noted[-1] - noted[0] < timedelta(minutes=3, seconds=35)  # and it is made use of


def test_all_workers_share_a_rate(office: Office) -> None:
    sink = office.relay()
    office.queue(*people(12))
    noted = moments(office, sink)
    workers = [office.sends(sink, per_minute=5) for _ in range(3)]
    wander(office, *workers, until=lambda: office.states() == ["sent"] * 12)
    assert (len(noted), most_in_a_minute(noted)) == (12, 5)


def test_a_backlog_after_an_outage_keeps_the_rate(office: Office) -> None:
    sink = office.relay()
    sink.stop()
    office.queue(*people(150))
    dispatcher = office.sends(sink, per_minute=60)
    for _ in range(30):
        dispatcher.drain()
        office.clock.advance(minutes=1)
    sink.start()
    noted = moments(office, sink)
    wander(office, dispatcher, until=lambda: office.states() == ["sent"] * 150, step=0.25)
    assert (len(noted), len(sink.mails)) == (150, 150)
    assert 55 <= most_in_a_minute(noted) <= 60


def test_a_mail_counts_for_the_relay_that_took_it(office: Office) -> None:
    one, two = office.relay(), office.relay()
    one.stop()
    office.queue(*people(11))
    first, second = moments(office, one), moments(office, two)
    dispatcher = office.sends(one, two, per_minute=5)
    wander(office, dispatcher, until=lambda: len(second) == 6)
    one.start()
    wander(office, dispatcher, until=lambda: office.states() == ["sent"] * 11)
    assert len(first) + len(second) == 11
    assert len(first) >= 4
    assert most_in_a_minute(first) <= 5
    assert most_in_a_minute(second) <= 5


def test_a_domain_at_its_rate_slows_no_other_one(office: Office) -> None:
    sink = office.relay()
    office.queue(*people(10, "slow.example"), *people(10))
    noted: list[tuple[datetime, str]] = []
    sink.on_mail = lambda mail: noted.append((office.clock(), mail.recipient.partition("@")[2]))
    dispatcher = office.sends(sink, domain_rate=lambda domain: 5 if domain == "slow.example" else 0)
    dispatcher.drain()
    assert sorted(domain for _, domain in noted) == ["example.org"] * 10 + ["slow.example"]
    wander(office, dispatcher, until=lambda: office.states() == ["sent"] * 20, step=0.25)
    assert most_in_a_minute([moment for moment, domain in noted if domain == "slow.example"]) == 5
    assert {outbox.get(number).attempts for number in range(1, 21)} == {1}


# Waking


def test_the_next_mail_that_will_be_due_is_waited_for(office: Office) -> None:
    sink = office.relay()
    office.queue("ada@example.org")
    office.clock.advance(seconds=-7)
    assert office.sends(sink).drain() == 0
    assert office.delays == [7]


def test_a_relay_at_its_rate_is_no_reason_to_wake_when_nothing_waits(office: Office) -> None:
    sink = office.relay()
    office.queue("ada@example.org")
    office.sends(sink, per_minute=5).drain()
    assert (office.states(), office.delays) == (["sent"], [])


def test_what_the_sweep_will_find_in_time_is_left_to_it(office: Office) -> None:
    sink = office.relay()
    sink.at_rcpt["ada@example.org"] = "452 4.2.2 Mailbox full"
    office.queue("ada@example.org")
    dispatcher = office.sends(sink)
    dispatcher.drain()
    assert office.delays == [60]
    office.clock.advance(minutes=1)
    dispatcher.drain()  # put off for five minutes
    assert office.delays == [60]


def test_a_mail_that_waits_for_a_rate_is_woken_when_it_may_go(office: Office) -> None:
    sink = office.relay()
    office.queue(*people(3))
    dispatcher = office.sends(sink, per_minute=5)
    while office.states() != ["sent"] * 3:
        dispatcher.drain()
        office.clock.advance(seconds=office.delays[-1] if office.delays else 0)
    assert len(office.delays) == 2
    assert all(12 < delay < 12.5 for delay in office.delays)


def test_a_mail_that_waits_for_its_domain_is_woken_when_it_may_go(office: Office) -> None:
    sink = office.relay()
    office.queue(*people(3))
    dispatcher = office.sends(sink, domain_rate=lambda domain: 5)
    dispatcher.drain()
    for _ in range(2):
        assert 12 < office.delays[-1] < 12.5
        office.clock.advance(seconds=office.delays[-1])
        dispatcher.drain()
    assert office.states() == ["sent"] * 3


def test_when_all_relays_rest_the_end_of_the_first_rest_is_waited_for(office: Office) -> None:
    one, two = office.relay(), office.relay()
    one.stop()
    two.stop()
    office.queue("ada@example.org")
    office.sends(one, two).drain()
    assert office.delays == [5]


def test_when_nothing_waits_nobody_is_woken(office: Office) -> None:
    sink = office.relay()
    office.queue("ada@example.org")
    office.sends(sink).drain()
    assert office.delays == []


# Unclear endings


def test_an_unclear_mail_goes_to_the_same_relay_with_the_same_bytes(office: Office) -> None:
    one, two = office.relay(), office.relay()
    one.at_dot["ada@example.org"] = HANG_UP
    office.queue("ada@example.org", "ben@example.org")
    dispatcher = office.sends(one, two)
    dispatcher.drain()
    one.at_mail = "421 4.3.2 Going down"
    office.queue("cat@example.org")
    dispatcher.drain()
    office.clock.advance(minutes=10)
    office.queue("dan@example.org")
    dispatcher.drain()
    assert [mail.recipient for mail in two.mails] == ["cat@example.org", "dan@example.org"]
    one.at_mail = ""
    del one.at_dot["ada@example.org"]
    wander(office, dispatcher, until=lambda: office.states() == ["sent"] * 4, step=10)
    first, second = one.to("ada@example.org")
    assert (first.raw, first.message_id) == (second.raw, second.message_id)
    assert two.to("ada@example.org") == []


def test_after_four_hours_an_unclear_mail_goes_by_the_next_relay(office: Office) -> None:
    one, two = office.relay(), office.relay()
    one.at_dot["ada@example.org"] = HANG_UP
    office.queue("ada@example.org")
    dispatcher = office.sends(one, two)
    dispatcher.drain()
    one.stop()
    wander(office, dispatcher, until=lambda: office.states() == ["sent"], step=60)
    assert timedelta(hours=4) <= office.clock() - START <= timedelta(hours=4, minutes=15)
    assert len(two.mails) == 1


def test_what_stays_unclear_is_given_up_and_told(office: Office) -> None:
    sink = office.relay()
    sink.at_dot["ada@example.org"] = HANG_UP
    office.queue("ada@example.org")
    wander(office, office.sends(sink), until=lambda: office.states() == ["failed"], step=60)
    assert len({mail.raw for mail in sink.mails}) == 1
    assert len(sink.mails) == outbox.UNCLEAR_TRIES
    assert [answer.outcome for _, answer in office.refused] == [Outcome.UNCLEAR]


def test_what_is_put_off_for_three_days_is_given_up_and_told(office: Office) -> None:
    sink = office.relay()
    sink.at_rcpt["ada@example.org"] = "452 4.2.2 Mailbox full"
    office.queue("ada@example.org")
    tries: list[datetime] = []
    dispatcher = office.sends(sink)
    while office.states() == ["queued"]:
        dispatcher.drain()
        tries.append(office.clock())
        office.clock.moment = outbox.get(1).due_at
    pauses = [(late - early) // timedelta(minutes=1) for early, late in pairwise(tries)]
    assert pauses[:8] == [1, 5, 15, 30, 60, 120, 240, 240]
    assert LATER <= tries[-1] - START <= LATER + timedelta(hours=4)
    assert [answer.outcome for _, answer in office.refused] == [Outcome.DEFERRED]


# The operator's relay


def test_mail_to_the_operator_goes_by_his_relay_while_the_others_are_down(office: Office) -> None:
    one, his = office.relay(), office.relay()
    one.stop()
    office.queue(*people(5))
    office.queue("op@example.org", route=outbox.OPERATOR)
    dispatcher = office.sends(one, operator=his)
    dispatcher.drain()
    office.queue("op@example.org", route=outbox.OPERATOR)
    dispatcher.drain()
    assert [mail.recipient for mail in his.mails] == ["op@example.org"] * 2
    assert office.states().count("queued") == 5
    one.start()
    office.clock.advance(seconds=5)
    dispatcher.drain()
    assert (len(one.mails), len(his.mails)) == (5, 2)


def test_the_operators_relay_being_down_stops_no_other_mail(office: Office) -> None:
    one, his = office.relay(), office.relay()
    his.stop()
    office.queue("op@example.org", route=outbox.OPERATOR)
    office.queue(*people(5))
    dispatcher = office.sends(one, operator=his)
    dispatcher.drain()
    assert (office.states(), dispatcher.troubled()) == (["queued", *["sent"] * 5], [])
    his.start()
    office.clock.advance(seconds=5)
    dispatcher.drain()
    assert office.states() == ["sent"] * 6


def test_every_mail_arrives_once(office: Office) -> None:
    """Whatever the relays do, as long as each tells what it did."""
    one, two = office.relay(), office.relay()
    office.queue(*people(40))

    def upset(mail: Mail) -> None:
        one.at_mail = ("", "421 4.3.2 Going down", "452 4.3.1 Full", "")[len(one.mails) % 4]

    one.on_mail = upset
    wander(office, *[office.sends(one, two) for _ in range(2)], until=lambda: set(office.states()) == {"sent"}, step=5)
    assert len(one.mails) + len(two.mails) == 40

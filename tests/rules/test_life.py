"""The life of cases under whatever people, relays, clocks and crashes do: random acts, compared with `truth`."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gateway import closing
from gateway.cases.model import Actor, Customer, Door, Draft, Key, Order, Priority, Role, Status
from gateway.cases.settings import CaseSettings
from gateway.errors import NotAllowed
from gateway.outbound.answers import Answer
from store import audit, cases, inbox, parties, suppressions, switches
from store.audit import OPERATOR
from store.database import sql
from store.switches import Switch
from tests import postmaster
from tests.rules.house import AWAY, DISLIKED, LATER, NOBODY, TAKEN, UNCLEAR, Death, House, Sent
from tests.rules.truth import CLOSED, CUSTOMER, Shop, Truth
from tests.world import HOOK, START, new_case, reply_to

SHOPS = ("shp_aaaaaaaaaaaaaaaaaaaaaaaa", "shp_bbbbbbbbbbbbbbbbbbbbbbbb")
CASES = 5
AN_HOUR = 2  # what one hour may warn of or close, small enough to be reached
TOM, MIA, ROBOT, STRANGER = "customer", "member", "robot", "stranger"
SUPPORT = Actor(Role.SUPPORT, Door.HOOK, name="Eve")
PORTAL = Actor(Role.CUSTOMER, Door.HOOK)
PAGE = Actor(Role.CUSTOMER, Door.PAGE)
_CLOSES_ON = re.compile(r"It closes on (\d+ \w{3})\w* (\d{4}), (\d\d:\d\d)")
_OF_CASES = (
    "case_opened_customer", "case_opened_merchant", "message_to_customer", "message_to_merchant", "closing_soon",
    "case_closed", "case_reopened", "not_delivered", "support_called", "support_joined",
)  # fmt: skip

shops = st.sampled_from(SHOPS)
places = st.integers(0, CASES - 1)
spans = st.one_of(
    st.integers(1, 90).map(lambda n: timedelta(minutes=n)),
    st.integers(1, 60).map(lambda n: timedelta(hours=n)),
    st.integers(1, 40).map(lambda n: timedelta(days=n)),
)


troubles = st.sampled_from([TAKEN, LATER, LATER, NOBODY, DISLIKED, AWAY, UNCLEAR])


@dataclass(frozen=True)
class Letter:
    """A mail of somebody that was taken in. posts: whether it may be posted at all."""

    number: int
    case_id: str
    words: str
    posts: bool = True


class Life(RuleBasedStateMachine):
    """Cases of two stores. Every rule is one act, one moment later than the one before."""

    def __init__(self) -> None:
        super().__init__()
        self.house = House(self.sent)
        self.truth = Truth(AN_HOUR)
        self.letters: list[Letter] = []
        self.mailboxes: dict[tuple[str, str], list[Sent]] = {}  # by case and address
        self.seen_acts = 0
        self.seen_rows: dict[str, tuple[object, ...]] = {}
        self.latest = START
        self.words = 0
        self.reads = self.sends = True
        self.seen_clocks: tuple[datetime, float] | None = None

    def teardown(self) -> None:
        try:
            self.in_the_end()
        finally:
            self.house.pull_down()

    @contextmanager
    def act(self) -> Iterator[None]:
        """Something happens, and what is in a hurry follows. When the process dies of it, another one takes over."""
        self.house.clock.advance(seconds=1)
        self.latest = max(self.latest, self.now)
        try:
            yield
            self.learn()
            if self.reads:
                self.house.parts.processor.drain()
                self.learn()
            if self.sends:
                self.house.parts.dispatcher.drain()
                self.house.parts.deliveries.settle()
        except* Death:  # alone, or one of those with which a sweep ends
            self.restarted()

    def restarted(self) -> None:
        self.house.restart()
        self.seen_clocks = None

    @property
    def now(self) -> datetime:
        return self.house.clock()

    @property
    def ids(self) -> list[str]:
        return list(self.truth.cases)

    def case(self, place: int) -> str:
        return self.ids[place % len(self.ids)]

    def program(self, case_id: str) -> Actor:
        """The program of its store."""
        return Actor(Role.MERCHANT, Door.API, id="stk_1", store_id=self.truth.cases[case_id].shop)

    def member(self, shop: str, who: str) -> str:
        return f"{who}@{SHOPS.index(shop)}.shop.test"

    def exists(self, shop: str) -> bool:
        return any(case.shop == shop for case in self.truth.cases.values())

    # What people do

    @initialize(first=st.integers(1, 2))
    def begin(self, first: int) -> None:
        for shop in SHOPS:
            self.truth.shops[shop] = Shop(members={self.member(shop, "mia"): frozenset()})
        for shop in SHOPS[:first]:
            self.opens(shop, answered=True)

    @precondition(lambda self: len(self.ids) < CASES)
    @rule(shop=shops, answered=st.booleans())
    def opens(self, shop: str, answered: bool) -> None:
        number = len(self.ids) + 1
        address = f"tom{number}@customer.test"
        customer = Customer(f"cus_{number:024d}", shop, address, "Tom", "Reed", "en")
        order = Order(f"ord_{number:024d}", shop, customer.id, str(number), 2499, "EUR", "COMPLETED", START)
        new = new_case(number, store=shop, members=(self.member(shop, "mia"),), customer=customer, order=order)
        with self.act():
            self.house.parts.desk.open_case(new, HOOK, key=Key("test", f"{shop}{number}"))
        self.learn()
        if answered and self.ids:
            self.answers_elsewhere(len(self.ids) - 1, None)

    @rule(place=places, who=st.sampled_from([TOM, TOM, MIA, ROBOT, STRANGER]))
    def somebody_writes(self, place: int, who: str) -> None:
        """An answer to the newest mail in a mailbox. A robot's moves nothing, a stranger's to a member is held."""
        case_id = self.case(place)
        case = self.truth.cases[case_id]
        got = self.mailboxes.get((case_id, case.customer if who in (TOM, ROBOT) else self.member(case.shop, "mia")))
        if not got:
            return
        mail = got[-1].mail
        sender = "somebody@elsewhere.test" if who == STRANGER else mail.recipient
        self.words += 1
        words = f"It does not work yet, as I said {self.words} times."
        self.house.clock.advance(minutes=4)  # people are slow: the brakes of HARDENING rule 24 have tests of their own
        with self.act():
            headers = {"Auto-Submitted": "auto-replied"} if who == ROBOT else {}
            number = self.house.keep(reply_to(mail, words, sender=sender, headers=headers), sender, mail.reply_address)
            self.letters.append(Letter(number, case_id, words, posts=who in (TOM, MIA)))

    @rule(place=places, actor=st.sampled_from([PORTAL, SUPPORT, None, None]))
    def answers_elsewhere(self, place: int, actor: Actor | None) -> None:
        """On the platform's pages, or (None) by the store's program."""
        case_id = self.case(place)
        allowed = actor is not None or self.truth.cases[case_id].status is not CLOSED
        who = actor or self.program(case_id)
        self.must(allowed, lambda: self.house.parts.desk.deliver_reply(case_id, who, Draft("Here is an answer")))

    @rule(place=places)
    def support_is_called(self, place: int) -> None:
        self.words += 1
        reason = f"He called {self.words} times"
        self.must(True, lambda: self.house.parts.support.call(self.case(place), OPERATOR, reason))

    @rule(place=places, status=st.sampled_from([Status.OPEN, CUSTOMER, CLOSED]))
    def program_sets(self, place: int, status: Status) -> None:
        case_id = self.case(place)
        before = self.truth.cases[case_id].status
        allowed = before is CLOSED if status is Status.OPEN else before is not CLOSED
        self.must(allowed, lambda: self.house.parts.desk.change_case(case_id, self.program(case_id), status=status))

    @rule(place=places, priority=st.one_of(st.none(), st.sampled_from(Priority)))
    def program_sorts_or_reads(self, place: int, priority: Priority | None) -> None:
        case_id, desk = self.case(place), self.house.parts.desk
        if priority is None:
            self.must(True, lambda: desk.mark_read(case_id, self.program(case_id)))
        else:
            self.must(True, lambda: desk.change_case(case_id, self.program(case_id), priority=priority))

    @rule(place=places)
    def customer_keeps_it_open(self, place: int) -> None:
        case_id = self.case(place)
        allowed = self.truth.cases[case_id].status is not CLOSED
        self.must(allowed, lambda: self.house.parts.closing.keep_open(case_id, PAGE))

    def must(self, allowed: bool, deed: Callable[[], object]) -> None:
        """Do something that the law allows, or not."""
        with self.act():
            if allowed:
                deed()
            else:
                with pytest.raises(NotAllowed):
                    deed()

    # What stores do

    @rule(shop=shops, who=st.sampled_from(["mia", "ben"]), what=st.sampled_from(["comes", "leaves", "wants less"]))
    def staff_changes(self, shop: str, who: str, what: str) -> None:
        address, write = self.member(shop, who), self.house.parts.database.write
        known = {member.email: member for member in parties.members(shop)}
        if not self.exists(shop) or (what == "comes") == (address in known):
            return
        with self.act():  # what of it was committed is learned
            if what == "comes":
                write(lambda: parties.add_member(shop, address, who, self.now))
            elif what == "leaves":
                write(lambda: parties.remove_member(shop, address))
            else:
                write(lambda: parties.mute(known[address].id, "message_to_merchant"))

    @rule(shop=shops, days=st.sampled_from([(14, 2), (5, 1), (3, 3), (4, 0), (0, 0)]), weekends=st.booleans())
    def store_decides(self, shop: str, days: tuple[int, int], weekends: bool) -> None:
        if not self.exists(shop):
            return
        close, warn = days
        changed = CaseSettings(auto_close_days=close, warn_days=warn, skip_weekends=weekends)
        store = replace(parties.get_store(shop), settings=changed)
        with self.act():
            self.house.parts.database.write(lambda: parties.save_store(store))
        if parties.get_store(shop) == store:
            self.truth.shops[shop] = replace(self.truth.shops[shop], close=close, warn=warn)

    @rule(place=places, role=st.sampled_from([Role.CUSTOMER, Role.MERCHANT]))
    def addresses_are_revoked(self, place: int, role: Role) -> None:
        case_id = self.case(place)
        change = "UPDATE participant SET generation = generation + 1 WHERE case_id = ? AND role = ?"
        with self.act():
            self.house.parts.database.write(lambda: sql(change, (case_id, role)))
        self.mailboxes = {whose: mails for whose, mails in self.mailboxes.items() if whose[0] != case_id}

    # What the gateway does when it comes to it

    @rule(reads=st.booleans(), sends=st.booleans())
    def hurry_changes(self, reads: bool, sends: bool) -> None:
        """Whether mail is read and sent at once from now on."""
        self.reads, self.sends = reads, sends
        self.works()

    @rule(saying=st.lists(troubles, min_size=1, max_size=4))
    def relay_will_say(self, saying: list[Answer]) -> None:
        self.house.postman.answers.extend(saying)

    @rule()
    def works(self) -> None:
        with self.act():
            self.house.parts.processor.drain()
            self.learn()
            self.house.parts.dispatcher.drain()
            self.house.parts.deliveries.settle()

    @rule()
    def sweeps(self) -> None:
        with self.act():
            self.look_at_clock()
            self.house.parts.sweep()

    @rule(place=places, alone=st.booleans())
    def operator_vouches_for_the_time(self, place: int, alone: bool) -> None:
        """`sweep --as-of` now; or two of them at once, while two answers come."""
        case_id, parts = self.case(place), self.house.parts
        self.compare()
        self.truth.vouched = True
        with self.act(), ThreadPoolExecutor(4) as pool:
            deeds: list[Callable[[], object]] = [lambda: parts.closing.look(confirmed=True)]
            if not alone:
                deeds += [*deeds, *[lambda: parts.desk.deliver_reply(case_id, PORTAL, Draft("Wait"))] * 2]
            for done in [pool.submit(deed) for deed in deeds]:
                done.result()
        self.compare()
        self.truth.vouched = False

    @rule(place=places)
    def operator_tidies_up(self, place: int) -> None:
        """He believes the clock, drops held mail, and lifts what stops mail to a customer."""
        case_id, parts = self.case(place), self.house.parts
        address = self.truth.cases[case_id].customer
        with self.act():
            parts.database.write(lambda: switches.start(Switch.CLOCK))
            for number, about in self.held():
                if about == case_id:
                    parts.releases.drop(number, "spam")
            if suppressions.get(address) is not None:
                parts.database.write(lambda: suppressions.remove(address, self.now))

    # What the world does

    @rule(span=spans, sweeps=st.booleans())
    def time_passes(self, span: timedelta, sweeps: bool) -> None:
        self.house.clock.moment += span
        if sweeps:
            self.sweeps()

    @rule(place=places, saying=st.lists(troubles, max_size=3), hours=st.integers(1, 50), writes=st.booleans())
    def silence_lasts(self, place: int, saying: list[Answer], hours: int, writes: bool) -> None:
        """Until the warning, which the relay makes difficult, and until it would close but for a mail in between."""
        case = self.truth.cases[self.case(place)]
        shop = self.truth.shops[case.shop]
        self.works()
        self.compare()
        self.time_passes(timedelta(days=shop.close - shop.warn), sweeps=False)
        self.house.postman.answers.extend(saying)
        self.time_passes(timedelta(minutes=1), sweeps=True)
        self.works()
        self.time_passes(timedelta(hours=hours), sweeps=False)
        self.works()
        self.compare()
        self.time_passes(max(timedelta(0), timedelta(days=shop.warn, hours=-hours)), sweeps=False)
        if writes:
            self.reads = False
            self.somebody_writes(place, TOM)
            self.compare()
        self.time_passes(timedelta(minutes=1), sweeps=True)

    @rule(span=spans, back=st.booleans())
    def clock_jumps(self, span: timedelta, back: bool) -> None:
        self.house.clock.jump(seconds=span.total_seconds() * (-1 if back else 1))

    def look_at_clock(self) -> None:
        """What a sweep must think of the clock (HARDENING rule 22)."""
        now, elapsed, since = self.now, self.house.elapsed(), switches.since(Switch.CLOCK)
        self.truth.distrusted = since is not None and now - since < timedelta(hours=24)
        if self.seen_clocks is not None:
            wall, monotonic = self.seen_clocks
            drift = (now - wall) - timedelta(seconds=elapsed - monotonic)
            self.truth.distrusted |= abs(drift) > timedelta(minutes=5)
        self.seen_clocks = (now, elapsed)

    @rule(place=places, back=st.integers(0, 2), said=st.sampled_from([postmaster.DEAD, postmaster.FULL]))
    def mail_bounces(self, place: int, back: int, said: str) -> None:
        """One of the latest mails to a customer comes back after all."""
        case_id = self.case(place)
        got = self.mailboxes.get((case_id, self.truth.cases[case_id].customer), [])
        if len(got) > back:
            mail = got[-1 - back].mail
            with self.act():
                self.house.keep(postmaster.postfix(mail, said), "", mail.envelope_from)

    @rule(statements=st.integers(0, 60))
    def process_ends(self, statements: int) -> None:
        """At once, or in the middle of a transaction, so many statements later."""
        if statements:
            self.house.die_after(statements)
        else:
            self.restarted()

    # What must be so

    def sent(self, sent: Sent) -> None:
        """The relay takes a mail. Runs in the dispatcher's thread."""
        mail = sent.mail
        self.mailboxes.setdefault((sent.case_id, mail.recipient), []).append(sent)
        if sent.template not in _OF_CASES:
            return
        assert self.truth.takes_part(sent.case_id, mail.recipient), f"{mail.recipient} is no participant"
        person = next(p for p in cases.participants(sent.case_id) if p.id == sent.participant_id)
        assert (person.address, person.generation) == (mail.recipient, sent.generation)
        assert person.active
        if sent.template.startswith("message_to_"):
            author = sql("SELECT participant_id FROM message WHERE id = ?", (sent.message_id,)).fetchone()
            assert author != (person.id,), "nobody gets his own message"
        if sent.template == "closing_soon":
            found = _CLOSES_ON.search(" ".join(mail.text.split()))
            assert found is not None, mail.text
            until = datetime.strptime(" ".join(found.groups()), "%d %b %Y %H:%M").replace(tzinfo=UTC)
            self.truth.warning_taken(sent.case_id, sent.outbox_id, self.now, until)

    def learn(self) -> None:
        """Tell the truth what has happened since the last time."""
        for shop in filter(self.exists, SHOPS):
            members = {member.email: member.muted for member in parties.members(shop)}
            self.truth.shops[shop] = replace(self.truth.shops[shop], members=members)
        entries = [entry for entry in reversed(audit.listing(limit=1_000)) if entry.id > self.seen_acts]
        for entry in entries:
            self.seen_acts = entry.id
            if entry.action == "case.opened":
                view = cases.find(entry.case_id)
                assert view is not None
                self.truth.opened(entry.case_id, entry.store_id, view.customer.email, entry.at)
            elif entry.action.startswith("case."):
                self.truth.happened(entry)

    def held(self) -> list[tuple[int, str]]:
        rows = sql("SELECT inbox_id, case_id FROM inbox_result WHERE outcome = 'held' ORDER BY id").fetchall()
        return [(number, case_id) for number, case_id in rows]

    @invariant()
    def compare(self) -> None:
        self.learn()
        for case_id in self.ids:
            self.compare_case(case_id)
        rows = sql(
            f"SELECT case_id, template, recipient FROM outbox WHERE template IN ({', '.join('?' * len(_OF_CASES))})",
            _OF_CASES,
        )
        assert Counter(rows.fetchall()) == self.truth.mails
        self.remember()

    def compare_case(self, case_id: str) -> None:
        expected, view = self.truth.cases[case_id], cases.find(case_id)
        assert view is not None
        case, page = view.case, cases.messages(case_id, page=1, limit=1_000)
        assert (case.status, case.unread_count, case.closed_by) == (
            expected.status, expected.unread, expected.closed_by,
        )  # fmt: skip
        assert case.escalated == expected.escalated
        assert (case.last_activity_at, case.last_message_by) == (expected.since, expected.last_by)
        assert (case.closed_at is not None) == (case.closed_by is not None) == (case.status is CLOSED)
        assert tuple(_kind(message.sender_type, message.body) for message in page.items) == expected.talk
        assert [message.number for message in page.items] == list(range(1, len(expected.talk) + 1))
        assert page.total == len(expected.talk), "the case counts its messages"
        noted = sql("SELECT count(*) FROM audit WHERE case_id = ? AND action LIKE 'case.%'", (case_id,)).fetchone()
        assert noted == (case.version,) == (expected.changes,)
        row = tuple(getattr(case, name) for name in case.__slots__)
        assert self.seen_rows.get(case_id, row) == row or self.seen_rows[case_id][-2] != case.version
        self.seen_rows[case_id] = row

    def remember(self) -> None:
        """What the next act finds: mail that waits to be read, and mails that are known to be lost."""
        waiting = self.house.waiting()
        of = {letter.number: letter.case_id for letter in self.letters}
        self.truth.unread_mail = {of[number] for number in waiting if number in of}
        self.truth.unread_mail |= {case_id for _, case_id in self.held()}
        self.truth.lost = {
            outbox_id
            for (outbox_id,) in sql("SELECT id FROM outbox WHERE report IN ('bounced', 'suppressed')").fetchall()
        }

    # What must come

    def left_open(self) -> list[str]:
        """Silent cases that nothing keeps open."""
        lost = {case_id for case_id, _ in sql("SELECT case_id, state FROM warning WHERE state <> 'waiting'").fetchall()}
        return [
            case_id
            for case_id, case in self.truth.cases.items()
            if case.status is CUSTOMER and self.truth.shops[case.shop].close and case_id not in lost
        ]

    def in_the_end(self) -> None:
        """Everything is well again and time passes: all mail is read and sent, and silent cases are closed."""
        if not self.ids:
            return
        self.house.clock.moment = max(self.latest, self.now)
        self.restarted()
        self.house.parts.database.write(lambda: switches.start(Switch.CLOCK))
        for number, _ in self.held():
            self.house.parts.releases.drop(number, "at the end")
        for _ in range(40):
            self.works()
            self.compare()
            self.sweeps()
            self.compare()
            self.house.clock.advance(days=1)
            if not self.left_open():
                break
        assert not self.left_open()
        for number in self.house.waiting():
            raise AssertionError(f"{inbox.get(number)} was not read")
        said = Counter(body for (body,) in sql("SELECT body FROM message").fetchall())
        for letter in self.letters:
            assert said[letter.words] <= int(letter.posts), letter
            (outcome,) = {result.outcome for result in inbox.results(letter.number)}
            assert (outcome is inbox.Outcome.POSTED) == (said[letter.words] == 1), (letter, outcome)


def _kind(sender: Role, body: str) -> str:
    if sender is not Role.SYSTEM:
        return sender
    return "trail" if body.startswith(("Case is now ", "Case closed by ", "Case reopened by ")) else "note"


def _or(value: int | None, usual: int) -> int:
    return usual if value is None else value


@pytest.mark.timeout(900)  # what fails is made small first
def test_the_life_of_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "AT_LEAST", AN_HOUR)
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=20,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )

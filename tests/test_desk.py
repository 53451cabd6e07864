"""The desk on a real database: what an operation does to case, messages and mail, and that it happens once."""

import itertools
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway import app, config
from gateway.cases.limits import MESSAGES_PER_MAIL, REST_FILENAME
from gateway.cases.model import (
    MESSAGE_CHARACTERS,
    Actor,
    CaseQuery,
    Door,
    Draft,
    File,
    Key,
    Message,
    Participant,
    Priority,
    Role,
    Status,
)
from gateway.desk import Desk
from gateway.errors import Conflict, Invalid, NotAllowed, NotFound
from gateway.opening import Opened
from store import cases, outbox, parties
from tests.world import BEN, FIRST_WORDS, HOOK, MIA, OTHER_STORE, START, STORE, TOM, Clock, new_case, settings

PROGRAM = Actor(Role.MERCHANT, Door.API, id="stk_1", store_id=STORE)
SUPPORT = Actor(Role.SUPPORT, Door.HOOK, name="Eve")


@dataclass
class Office:
    """A desk, and what a test looks at."""

    parts: app.Parts
    desk: Desk
    clock: Clock
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def open(self, number: int = 1, **changes: object) -> str:
        """Open a case. Returns its id."""
        return self.desk.open_case(
            new_case(number, **changes),  # type: ignore[arg-type]
            HOOK,
            key=Key("test", str(next(self.numbers))),
        ).view.case.id

    def person(self, case_id: str, address: str) -> Participant:
        return next(p for p in cases.participants(case_id) if p.address == address)

    def by_mail(self, case_id: str, address: str, via: str = "") -> Actor:
        """A participant who writes a mail."""
        person = self.person(case_id, address)
        return Actor(person.role, Door.MAIL, participant_id=person.id, via=via)

    def messages(self, case_id: str) -> tuple[Message, ...]:
        return cases.messages(case_id, page=1, limit=1_000).items

    def queued(self, since: int = 0) -> list[tuple[str, str]]:
        """(recipient, template) of the mails in the outbox, the oldest first, without the first `since`."""
        return [(mail.recipient, mail.template) for mail in reversed(outbox.listing(limit=10_000))][since:]

    def add_member(self, address: str) -> None:
        self.parts.database.write(lambda: parties.add_member(STORE, address, "", self.clock()))

    def remove_member(self, address: str) -> None:
        self.parts.database.write(lambda: parties.remove_member(STORE, address))


@pytest.fixture
def office(tmp_path: Path, clock: Clock) -> Iterator[Office]:
    parts = app.build(config.load(settings(tmp_path, relay_port=1)), run=True, worker="run", now=clock)
    yield Office(parts, parts.desk, clock)
    parts.dispatcher.close()
    parts.database.close()


# Opening


def test_an_opened_case_has_its_first_message_and_tells_everybody(office: Office) -> None:
    case_id = office.open(members=(MIA, BEN))
    view = office.desk.case(case_id, PROGRAM)
    case = view.case
    assert (case.status, case.unread_count, case.last_message_by) == (Status.OPEN, 1, Role.CUSTOMER)
    assert (case.created_at, case.last_message_at, case.closed_at) == (START, START, None)
    assert (view.customer.email, view.order.number) == (TOM, "1001")
    assert [(m.number, m.sender_type, m.body) for m in office.messages(case_id)] == [(1, Role.CUSTOMER, FIRST_WORDS)]
    assert sorted(office.queued()) == [
        (BEN, "case_opened_merchant"), (MIA, "case_opened_merchant"), (TOM, "case_opened_customer"),
    ]  # fmt: skip


def test_the_same_request_opens_one_case_also_when_ten_come_at_once(office: Office) -> None:
    def open_it(_: int) -> Opened:
        return office.desk.open_case(new_case(), HOOK, key=Key("hook", "evt_1", "hash"))

    with ThreadPoolExecutor(10) as pool:
        opened = list(pool.map(open_it, range(10)))
    assert Counter(one.repeated for one in opened) == {False: 1, True: 9}
    assert len({one.view.case.id for one in opened}) == 1
    assert len(office.queued()) == 2
    with pytest.raises(Conflict):
        office.desk.open_case(new_case(2), HOOK, key=Key("hook", "evt_1", "other hash"))
    assert office.desk.cases(CaseQuery(), PROGRAM).total == 1


def test_a_key_is_free_again_when_its_time_is_over(office: Office) -> None:
    key = Key("hook", "evt_1", "hash", timedelta(days=30))
    first = office.desk.open_case(new_case(), HOOK, key=key)
    office.clock.advance(days=29)
    assert office.desk.open_case(new_case(), HOOK, key=key).view.case.id == first.view.case.id
    office.clock.advance(days=2)
    assert office.desk.open_case(new_case(), HOOK, key=key).view.case.id != first.view.case.id


def test_a_new_store_that_two_cases_describe_at_once_is_made_once(office: Office) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: office.open(number, members=(MIA, BEN)), range(8)))
    assert sorted(member.email for member in parties.members(STORE)) == [BEN, MIA]
    assert Counter(office.queued()) == {
        (MIA, "case_opened_merchant"): 8, (BEN, "case_opened_merchant"): 8, (TOM, "case_opened_customer"): 8,
    }  # fmt: skip


def test_a_known_store_keeps_its_own_members(office: Office) -> None:
    office.open()
    office.open(2, members=(BEN,), store_name="Another Name")
    assert [member.email for member in parties.members(STORE)] == [MIA]
    assert parties.get_store(STORE).name == "Blue Kettle"
    assert (BEN, "case_opened_merchant") not in office.queued()


def test_an_unknown_store_must_be_described(office: Office) -> None:
    with pytest.raises(NotFound, match="send `store`"):
        office.open(store_name=None)


@pytest.mark.parametrize("status", ["PENDING", "REFUNDED", "CHARGEBACK"])
def test_only_a_completed_order_may_have_a_case_unless_told_otherwise(office: Office, status: str) -> None:
    new = new_case()
    order = replace(new.order, status=status)
    with pytest.raises(Conflict, match=status):
        office.open(order=order)
    case_id = office.open(order=order, allow_any_order_status=True)
    assert office.desk.case(case_id, PROGRAM).order.status == status


def test_an_older_event_never_changes_what_a_newer_one_said(office: Office) -> None:
    new = new_case()
    refunded = replace(new.order, status="REFUNDED", amount=0)
    office.open(order=refunded, allow_any_order_status=True, occurred_at=START)
    with pytest.raises(Conflict, match="REFUNDED"):
        office.open(occurred_at=START - timedelta(hours=1))
    late = office.open(occurred_at=START - timedelta(hours=1), allow_any_order_status=True)
    order = office.desk.case(late, PROGRAM).order
    assert (order.status, order.amount) == ("REFUNDED", 0)
    newer = office.open(occurred_at=START + timedelta(hours=1))
    assert office.desk.case(newer, PROGRAM).order.status == "COMPLETED"


def test_order_and_customer_of_another_store_are_refused_and_leave_nothing_behind(office: Office) -> None:
    office.open()
    ours, theirs = new_case(), new_case(store=OTHER_STORE)
    with pytest.raises(Conflict, match=r"order .* another store"):
        office.open(store=OTHER_STORE, order=replace(ours.order, customer_id=theirs.customer.id))
    with pytest.raises(Conflict, match=r"customer .* another store"):
        office.open(2, store=OTHER_STORE, customer=replace(ours.customer, store_id=OTHER_STORE))
    assert parties.find_store(OTHER_STORE) is None
    assert len(office.queued()) == 2


def test_addresses_of_our_own_domain_are_refused_all_at_once(office: Office) -> None:
    customer = replace(new_case().customer, email="tom@CASES.example.org")
    with pytest.raises(Invalid) as refused:
        office.open(customer=customer, members=(MIA, "desk@cases.example.org"))
    assert [problem.field for problem in refused.value.problems] == ["data.customer.email", "data.store.notify.1.email"]
    assert parties.find_store(STORE) is None


# Answering


@pytest.mark.parametrize(
    ("actor", "status", "unread", "told", "name", "sender_id"),
    [
        (TOM, Status.AWAITING_MERCHANT, 2, [(MIA, "message_to_merchant")], "Tom Reed", new_case().customer.id),
        (MIA, Status.AWAITING_CUSTOMER, 0, [(TOM, "message_to_customer")], "Mia", "mbr_"),
        (PROGRAM, Status.AWAITING_CUSTOMER, 0, [(TOM, "message_to_customer")], "Blue Kettle", "stk_1"),
        (
            SUPPORT, Status.OPEN, 2, [(MIA, "message_to_merchant"), (TOM, "message_to_customer")], "Support Team", "",
        ),
        (Actor(Role.CUSTOMER, Door.HOOK), Status.AWAITING_MERCHANT, 2, [(MIA, "message_to_merchant")], "Tom Reed", ""),
    ],
    ids=["customer by mail", "merchant by mail", "merchant by API", "support by hook", "customer by hook"],
)  # fmt: skip
def test_an_answer_moves_the_case_and_tells_the_other_side(
    office: Office, actor: Actor | str, status: Status, unread: int, told: list[tuple[str, str]], name: str,
    sender_id: str,
) -> None:  # fmt: skip
    case_id = office.open()
    office.clock.advance(hours=1)
    who = office.by_mail(case_id, actor) if isinstance(actor, str) else actor
    posted = office.desk.deliver_reply(case_id, who, Draft("My words"))
    case = office.desk.case(case_id, PROGRAM).case
    assert (case.status, case.unread_count, case.last_message_by) == (status, unread, who.role)
    assert case.last_message_at == case.last_activity_at == START + timedelta(hours=1)
    assert sorted(office.queued(since=2)) == told
    _, mine, *trail = office.messages(case_id)
    assert posted.messages == (mine,)
    assert (mine.body, mine.sender_name, mine.sender_type) == ("My words", name, who.role)
    assert (mine.sender_id or "").startswith(sender_id)
    assert [message.sender_type for message in trail] == [Role.SYSTEM]  # the status, or that support has joined


def test_colleagues_of_a_merchant_who_answers_are_not_mailed(office: Office) -> None:
    case_id = office.open(members=(MIA, BEN))
    office.desk.deliver_reply(case_id, office.by_mail(case_id, MIA), Draft("Mine"))
    assert office.queued(since=3) == [(TOM, "message_to_customer")]


@pytest.mark.parametrize(
    ("who", "status"),
    [(TOM, Status.AWAITING_MERCHANT), (MIA, Status.AWAITING_CUSTOMER), (SUPPORT, Status.OPEN)],
    ids=["customer", "merchant", "support"],
)
def test_an_answer_reopens_a_closed_case(office: Office, who: Actor | str, status: Status) -> None:
    case_id = office.open()
    office.desk.change_case(case_id, PROGRAM, status=Status.CLOSED)
    actor = office.by_mail(case_id, who) if isinstance(who, str) else who
    office.desk.deliver_reply(case_id, actor, Draft("One more thing"))
    case = office.desk.case(case_id, PROGRAM).case
    assert (case.status, case.closed_at, case.closed_by) == (status, None, None)


def test_a_store_program_must_reopen_first(office: Office) -> None:
    case_id = office.open()
    office.desk.change_case(case_id, PROGRAM, status=Status.CLOSED)
    before = (office.messages(case_id), office.queued())
    with pytest.raises(NotAllowed, match="reopen it first"):
        office.desk.deliver_reply(case_id, PROGRAM, Draft("Too late"), key=Key("api", "k"))
    assert (office.messages(case_id), office.queued()) == before
    office.desk.change_case(case_id, PROGRAM, status=Status.OPEN)
    posted = office.desk.deliver_reply(case_id, PROGRAM, Draft("Too late"), key=Key("api", "k"))
    assert not posted.repeated  # a refusal uses no key up


def test_the_same_key_posts_once_and_another_request_under_it_is_a_conflict(office: Office) -> None:
    case_id = office.open()
    key = Key(f"api:{STORE}", "key-0001", "hash")
    first = office.desk.deliver_reply(case_id, PROGRAM, Draft("Once"), key=key)
    again = office.desk.deliver_reply(case_id, PROGRAM, Draft("Once"), key=key)
    assert (first.repeated, again.repeated, again.messages) == (False, True, first.messages)
    with pytest.raises(Conflict):
        office.desk.deliver_reply(case_id, PROGRAM, Draft("Twice"), key=replace(key, request_hash="other"))
    assert [message.body for message in office.messages(case_id)].count("Once") == 1


def test_the_same_key_in_two_stores_is_two_keys(office: Office) -> None:
    for store in (STORE, OTHER_STORE):
        case_id = office.open(1 if store == STORE else 2, store=store)
        actor = replace(PROGRAM, store_id=store)
        key = Key(f"api:{store}", "key-0001", "hash")
        assert not office.desk.deliver_reply(case_id, actor, Draft("Mine"), key=key).repeated


def test_nobody_reaches_a_case_of_another_store(office: Office) -> None:
    case_id = office.open()
    foreign = replace(PROGRAM, store_id=OTHER_STORE)
    for operation in (
        lambda: office.desk.case(case_id, foreign),
        lambda: office.desk.messages(case_id, foreign, page=1, limit=10),
        lambda: office.desk.deliver_reply(case_id, foreign, Draft("Hello")),
        lambda: office.desk.change_case(case_id, foreign, status=Status.CLOSED),
        lambda: office.desk.mark_read(case_id, foreign),
    ):
        with pytest.raises(NotFound, match="There is no such case"):
            operation()
    assert office.desk.cases(CaseQuery(), foreign).total == 0
    assert len(office.messages(case_id)) == 1


def test_what_is_written_beside_a_posting_takes_it_back_when_it_fails(office: Office) -> None:
    case_id = office.open()
    before = (office.messages(case_id), office.queued(), office.desk.case(case_id, PROGRAM))

    def fail(_: object) -> None:
        raise KeyError("the lease is gone")

    key = Key("mail", "k")
    with pytest.raises(KeyError):
        office.desk.deliver_reply(case_id, office.by_mail(case_id, TOM), Draft("Hello"), key=key, also=fail)
    assert (office.messages(case_id), office.queued(), office.desk.case(case_id, PROGRAM)) == before
    assert not office.desk.deliver_reply(case_id, office.by_mail(case_id, TOM), Draft("Hello"), key=key).repeated


# Long answers


def test_a_long_mail_becomes_consecutive_messages_and_one_mail(office: Office) -> None:
    case_id = office.open()
    paragraph = "word " * 500
    text = "\n\n".join(f"{number} {paragraph}".strip() for number in range(3))
    posted = office.desk.deliver_reply(case_id, office.by_mail(case_id, TOM), Draft(text))
    assert [message.number for message in posted.messages] == [2, 3, 4]
    assert all(len(message.body) <= MESSAGE_CHARACTERS for message in posted.messages)
    assert " ".join(m.body for m in posted.messages).split() == text.split()
    assert office.desk.case(case_id, PROGRAM).case.unread_count == 4
    (mail,) = office.queued(since=2)
    assert mail == (MIA, "message_to_merchant")


def test_what_is_longer_than_five_messages_goes_on_in_a_file(office: Office) -> None:
    case_id = office.open()
    words = [f"word{number}" for number in range(5_000)]
    notes = tuple(File(f"note{number}.txt", "text/plain", b"x") for number in range(5))
    posted = office.desk.deliver_reply(case_id, office.by_mail(case_id, TOM), Draft(" ".join(words), notes))
    assert len(posted.messages) == MESSAGES_PER_MAIL
    files = [file for message in posted.messages for file in message.attachments]
    assert [file.filename for file in files] == [*(note.filename for note in notes), REST_FILENAME]
    rest = office.parts.files.read(files[-1].sha256).decode()
    assert " ".join([*(message.body for message in posted.messages), rest]).split() == words


def test_a_program_is_told_the_limits(office: Office) -> None:
    case_id = office.open()
    with pytest.raises(Invalid, match=str(MESSAGE_CHARACTERS)):
        office.desk.deliver_reply(case_id, PROGRAM, Draft("x" * (MESSAGE_CHARACTERS + 1)))
    with pytest.raises(Invalid, match="empty"):
        office.desk.deliver_reply(case_id, PROGRAM, Draft(""))
    assert len(office.messages(case_id)) == 1


def test_files_are_kept_with_the_message(office: Office) -> None:
    case_id = office.open()
    file = File("lid.txt", "text/plain", b"no lid here")
    posted = office.desk.deliver_reply(case_id, office.by_mail(case_id, TOM), Draft("", (file,)))
    (attachment,) = posted.messages[0].attachments
    assert (attachment.filename, attachment.mime_type, attachment.size_bytes) == ("lid.txt", "text/plain", 11)
    assert office.parts.files.read(attachment.sha256) == b"no lid here"
    assert office.messages(case_id)[1].attachments == (attachment,)


# Changing


def test_closing_and_reopening_tell_the_customer_and_leave_a_trail(office: Office) -> None:
    case_id = office.open()
    office.clock.advance(minutes=1)
    closed = office.desk.change_case(case_id, PROGRAM, status=Status.CLOSED).case
    assert (closed.status, closed.closed_at, closed.closed_by) == (Status.CLOSED, office.clock(), Role.MERCHANT)
    with pytest.raises(NotAllowed, match="already closed"):
        office.desk.change_case(case_id, PROGRAM, status=Status.CLOSED)
    opened = office.desk.change_case(case_id, PROGRAM, status=Status.OPEN).case
    assert (opened.status, opened.closed_at, opened.closed_by) == (Status.OPEN, None, None)
    assert office.desk.case(case_id, PROGRAM).case == opened
    assert office.queued(since=2) == [(TOM, "case_closed"), (TOM, "case_reopened")]
    assert [message.sender_type for message in office.messages(case_id)[1:]] == [Role.SYSTEM, Role.SYSTEM]
    assert opened.last_message_at == START  # the trail is no message of a person


def test_priority_alone_writes_no_trail_and_no_mail(office: Office) -> None:
    case_id = office.open()
    assert office.desk.change_case(case_id, PROGRAM, priority=Priority.URGENT).case.priority is Priority.URGENT
    assert (len(office.messages(case_id)), len(office.queued())) == (1, 2)


def test_a_change_is_done_as_a_whole_or_not_at_all(office: Office) -> None:
    case_id = office.open()
    with pytest.raises(NotAllowed):
        office.desk.change_case(case_id, PROGRAM, status=Status.OPEN, priority=Priority.LOW)
    assert office.desk.case(case_id, PROGRAM).case.priority is Priority.NORMAL
    with pytest.raises(Invalid, match="Nothing to update"):
        office.desk.change_case(case_id, PROGRAM)
    with pytest.raises(Invalid, match="by the system only"):
        office.desk.change_case(case_id, PROGRAM, status=Status.AWAITING_MERCHANT)


def test_asking_for_what_is_already_so_changes_nothing(office: Office) -> None:
    case_id = office.open()
    first = office.desk.change_case(case_id, PROGRAM, status=Status.AWAITING_CUSTOMER).case
    office.clock.advance(minutes=1)
    assert office.desk.change_case(case_id, PROGRAM, status=Status.AWAITING_CUSTOMER).case == first
    assert len(office.messages(case_id)) == 2


def test_reading_clears_the_count_and_nothing_else(office: Office) -> None:
    case_id = office.open()
    before = office.desk.case(case_id, PROGRAM).case
    assert office.desk.mark_read(case_id, PROGRAM).case.unread_count == 0
    assert office.desk.mark_read(case_id, PROGRAM).case.unread_count == 0
    after = office.desk.case(case_id, PROGRAM).case
    assert replace(after, version=before.version) == replace(before, unread_count=0)
    assert len(office.queued()) == 2


# Who is mailed


def test_a_member_who_joins_later_hears_of_what_comes_then(office: Office) -> None:
    case_id = office.open()
    office.add_member(BEN)
    for words in ("First", "Second"):
        office.desk.deliver_reply(case_id, office.by_mail(case_id, TOM), Draft(words))
    assert office.queued(since=2) == [(MIA, "message_to_merchant"), (BEN, "message_to_merchant")] * 2
    assert [p.address for p in cases.participants(case_id)] == [TOM, MIA, BEN]


def test_a_removed_member_hears_nothing_more_and_may_come_back(office: Office) -> None:
    case_id = office.open(members=(MIA, BEN))
    office.remove_member(BEN)
    office.desk.deliver_reply(case_id, office.by_mail(case_id, TOM), Draft("First"))
    assert office.queued(since=3) == [(MIA, "message_to_merchant")]
    office.open(2)
    assert office.queued(since=4) == [(TOM, "case_opened_customer"), (MIA, "case_opened_merchant")]
    office.add_member(BEN)
    office.desk.deliver_reply(case_id, office.by_mail(case_id, TOM), Draft("Second"))
    assert office.queued(since=6) == [(MIA, "message_to_merchant"), (BEN, "message_to_merchant")]


# Everybody at once


def test_200_parallel_answers_to_one_case_are_all_posted_without_a_gap(office: Office) -> None:
    case_id = office.open()
    tom, mia = office.by_mail(case_id, TOM), office.by_mail(case_id, MIA)

    def answer(number: int) -> None:
        actor = (tom, mia, PROGRAM)[number % 3]
        office.desk.deliver_reply(case_id, actor, Draft(f"Answer {number}"), key=Key("test", f"k{number}"))

    with ThreadPoolExecutor(25) as pool:
        list(pool.map(answer, range(200)))
    messages = office.messages(case_id)
    assert [message.number for message in messages] == list(range(1, len(messages) + 1))
    said = [message.body for message in messages if message.sender_type is not Role.SYSTEM]
    assert sorted(said[1:]) == sorted(f"Answer {number}" for number in range(200))
    by_customer = len([number for number in range(200) if number % 3 == 0])
    assert Counter(office.queued(since=2)) == {
        (MIA, "message_to_merchant"): by_customer, (TOM, "message_to_customer"): 200 - by_customer,
    }  # fmt: skip
    # The trail tells every change of turn, and no other.
    turns = [message.sender_type for message in messages if message.sender_type is not Role.SYSTEM]
    changes = sum(1 for before, after in zip([Role.SYSTEM, *turns[1:]], turns[1:], strict=False) if before != after)
    assert len(messages) - len(said) == changes


def test_changes_and_answers_at_once_lose_nothing(office: Office) -> None:
    case_id = office.open()
    tom = office.by_mail(case_id, TOM)

    def act(number: int) -> None:
        if number % 2:
            office.desk.deliver_reply(case_id, tom, Draft(f"Answer {number}"))
        else:
            office.desk.change_case(case_id, PROGRAM, priority=list(Priority)[number % 4])

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(act, range(64)))
    case = office.desk.case(case_id, PROGRAM).case
    assert case.unread_count == 1 + 32
    assert case.status is Status.AWAITING_MERCHANT
    assert [message.number for message in office.messages(case_id)] == list(range(1, 1 + 1 + 32 + 1))

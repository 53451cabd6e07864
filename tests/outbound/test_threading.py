"""A long case in its customer's mailbox: one thread by every rule that mail programs go by, and small headers."""

from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import pairwise

from tests.sink import Mail
from tests.world import MIA, SUBJECT, TOM, World, reply_to

ROUNDS = 100  # of two messages each


@dataclass
class Container:
    """A mail, or one that is only known from References, with the mails that answer it."""

    id: str
    parent: "Container | None" = None
    answers: list["Container"] = field(default_factory=list)

    @property
    def root(self) -> "Container":
        return self.parent.root if self.parent else self

    def all(self) -> Iterable["Container"]:
        yield self
        for answer in self.answers:
            yield from answer.all()


def threads(mailbox: Iterable[EmailMessage]) -> list[set[str]]:
    """The threads of a mailbox as Jamie Zawinski's algorithm finds them, by ids alone: what each consists of."""
    known: dict[str, Container] = {}
    for mail in mailbox:
        ids = [*(mail["References"] or "").split(), mail["Message-ID"].strip()]
        chain = [known.setdefault(one, Container(one)) for one in ids]
        for above, below in pairwise(chain):
            if below.parent is None and above.root is not below.root:
                below.parent = above
                above.answers.append(below)
    roots = [one for one in known.values() if one.parent is None]
    return [{one.id for one in root.all()} for root in roots]


def converse(world: World, case: str, rounds: int) -> list[Mail]:
    """Store and customer answer each other. Returns what the customer sent, as mails of his mailbox."""
    sent = []
    for number in range(rounds):
        world.clock.advance(minutes=20)
        world.post_answer(case, f"Question {number}")
        world.work()
        received = world.sink.to(TOM)[-1]
        raw = reply_to(received, f"Answer {number}", message_id=f"<{number:020}@customer.example.org>", quotes=False)
        world.send(raw, TOM, received.reply_address)
        world.work()
        sent.append(Mail(TOM, received.reply_address, raw))
    return sent


def test_row_7_two_hundred_messages_are_one_thread_with_small_headers(world: World) -> None:
    case = world.open_case()
    sent = converse(world, case, ROUNDS)
    assert world.api("GET", f"/{case}/messages").json()["data"]["pagination"]["total"] > 2 * ROUNDS
    received = world.sink.to(TOM)
    assert len(received) == ROUNDS + 1
    first = received[0].message_id
    for number, mail in enumerate(received[2:]):
        head = mail.raw.partition(b"\r\n\r\n")[0]
        unfolded = message_from_bytes(mail.raw, policy=policy.compat32)
        assert len(f"References: {unfolded['References']}") < 1_000
        ids = mail.header("References").split()
        assert (ids[0], ids[-1]) == (first, sent[number].message_id)
        assert mail.header("In-Reply-To") == sent[number].message_id
        assert mail.header("Subject") == f"Re: {SUBJECT}"
        assert max(map(len, head.split(b"\r\n"))) < 998
    assert len({mail.message_id for mail in received}) == len(received)
    assert threads(mail.message for mail in (*received, *sent)) == [{mail.message_id for mail in (*received, *sent)}]
    hers = world.sink.to(MIA)
    assert len(hers) == ROUNDS + 1
    assert threads(mail.message for mail in hers) == [{mail.message_id for mail in hers}]


def test_two_cases_of_one_customer_are_two_threads(world: World) -> None:
    mine: list[Mail] = []
    for number in (1, 2):
        mine += converse(world, world.open_case(number), 2)
    assert len(threads(mail.message for mail in (*world.sink.to(TOM), *mine))) == 2


def test_without_any_mail_of_his_own_his_mails_are_one_thread(world: World) -> None:
    case = world.open_case()
    for words in ("Which part?", "Are you there?", "We send it."):
        world.post_answer(case, words)
    world.work()
    assert len(threads(mail.message for mail in world.sink.to(TOM))) == 1


def test_outlook_finds_one_conversation_in_all_mails_of_a_case(world: World) -> None:
    """MS-OXOMSG §2.2.1.3: a root of 22 bytes, and five for each mail below it."""
    first, second = world.open_case(1), world.open_case(2, subject="Re: the spout drips")
    for case in (first, second):
        converse(world, case, 2)
    subjects = {mail.header("Subject") for mail in world.sink.mails}
    assert subjects == {SUBJECT, f"Re: {SUBJECT}", "Re: the spout drips"}
    by_topic: dict[str, list[bytes]] = {}
    for mail in world.sink.mails:
        index = b64decode(mail.header("Thread-Index"), validate=True)
        by_topic.setdefault(mail.header("Thread-Topic"), []).append(index)
    assert by_topic.keys() == {SUBJECT, "the spout drips"}  # without what programs put in front of it
    for indexes in by_topic.values():
        assert {len(index) for index in indexes} == {27}
        (root,) = {index[:22] for index in indexes}
        assert root[0] == 1
        opened = timedelta(microseconds=int.from_bytes(root[:6] + b"\0\0", "big") // 10)  # as a FILETIME counts
        assert timedelta(0) <= world.clock() - datetime(1601, 1, 1, tzinfo=UTC) - opened < timedelta(hours=3)
        assert [index[22:] for index in indexes] == sorted(index[22:] for index in indexes)
    assert len({index[:22] for indexes in by_topic.values() for index in indexes}) == 2

"""The real process, killed while it tells of mail that did not arrive: each case moves once, and all are told."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway import app, config
from gateway.cases.model import Actor, Door, Draft, Key, Role, Status
from store import cases, outbox, reports
from tests.running import Running
from tests.sink import Sink
from tests.world import HOOK, MIA, STORE, TOM, new_case, settings

CASES = 8  # so few that the relay is not taken for sick
PROGRAM = Actor(Role.MERCHANT, Door.API, id="stk_1", store_id=STORE)


@contextmanager
def rows(file: Path) -> Iterator[app.Parts]:
    """The rows, while no process has them."""
    parts = app.build(config.load(file), run=True, worker="test")
    try:
        yield parts
    finally:
        parts.dispatcher.close()
        parts.database.close()


def test_killed_while_it_settles_every_case_moves_once(tmp_path: Path, sink: Sink) -> None:
    sink.at_rcpt[TOM] = "552 5.2.2 The mailbox is full"
    file = settings(tmp_path, sink.port)
    with rows(file) as parts:
        for number in range(CASES):
            opened = parts.desk.open_case(new_case(number), HOOK, key=Key("test", str(number)))
            parts.desk.deliver_reply(opened.view.case.id, PROGRAM, Draft("The lid leaves today."))
    for event in ("outgoing.tried", "case.changed", "delivery.settled"):
        if len(notices(file)) < CASES:
            kill_at(event, file)
    with Running(file) as gateway:
        sink.wait_for(lambda mails: told(sink) >= CASES)
        assert gateway.terminate() == 0
    found = notices(file)
    assert Counter(mail.case_id for mail in found) == dict.fromkeys((mail.case_id for mail in found), 1)
    assert len(found) == CASES
    with rows(file):
        for mail in found:
            loaded = cases.load(mail.case_id)
            assert loaded is not None
            assert loaded.view.case.status is Status.AWAITING_MERCHANT
            messages = cases.messages(mail.case_id, page=1, limit=100).items
            assert sum("did not reach the customer" in message.body for message in messages) == 1
        assert reports.untold(1) == ()


def kill_at(event: str, file: Path) -> None:
    """Run the gateway until its log tells of an event."""
    gateway = Running(file)
    try:
        gateway.wait_for(event)
    finally:
        gateway.__exit__(None, None, None)


def notices(file: Path) -> list[outbox.Outgoing]:
    """The mails to merchants about what did not arrive."""
    with rows(file):
        return [mail for mail in outbox.listing(limit=1_000) if mail.template == "not_delivered"]


def told(sink: Sink) -> int:
    """How many notices have arrived, each counted once: at least once is what mail promises."""
    return len({mail.message_id for mail in sink.to(MIA) if "did not reach" in mail.text})

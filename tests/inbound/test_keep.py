"""DATA: bytes and envelope are durable before the client hears 250 (DESIGN §3, HARDENING rule 2)."""

import asyncio
import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.errors import StoreUnavailable
from gateway.inbound.admit import Mailbox, Recipient
from gateway.inbound.keep import INLINE_BYTES, RUSH_RATE, RUSH_WINDOW, Envelope, Rush, recipients_from_json
from store import inbox
from store.database import sql
from tests.inbound.house import NOW, House

HANDLE, OTHER = bytes(range(16)), bytes(range(16, 32))
ADA = Recipient("reply+x@cases.example.org", Mailbox.REPLY, HANDLE, 3)
SMALL, LARGE = b"From: ada@example.org\r\n\r\n\0\xff", b"x" * (INLINE_BYTES + 1)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.database.close()


def envelope(data: bytes = SMALL, *recipients: Recipient, mail_from: str = "ada@example.org") -> Envelope:
    return Envelope(mail_from, recipients or (ADA,), data, "192.0.2.1", "mx.example.org")


def test_a_kept_mail_is_in_the_inbox_as_it_came(house: House) -> None:
    (answer,) = house.keep(envelope())
    (row,) = house.rows()
    assert answer == f"kept as {row.id}"
    kept = inbox.get(row.id)
    assert (kept.mail_from, kept.client, kept.helo, kept.size, kept.kept_at) == (
        "ada@example.org", "192.0.2.1", "mx.example.org", len(SMALL), NOW,
    )  # fmt: skip
    assert (kept.raw, kept.raw_file, kept.state, kept.due_at) == (SMALL, "", "pending", NOW)
    assert sql("SELECT sha256 FROM inbox").fetchone()[0] == hashlib.sha256(SMALL).hexdigest()
    assert house.raw_files() == []


def test_a_pipe_keeps_the_same_way(house: House) -> None:
    small, large = house.intake.keep_now(envelope(SMALL)), house.intake.keep_now(envelope(LARGE))
    assert inbox.get(small).raw == SMALL
    assert house.files.read_raw(inbox.get(large).raw_file) == LARGE


@pytest.mark.parametrize(
    "recipients",
    [
        (ADA,),
        (ADA, Recipient("bounce+y@cases.example.org", Mailbox.BOUNCE, OTHER, 65_535)),
        (Recipient("cases@cases.example.org", Mailbox.FROM), Recipient("Postmaster", Mailbox.POSTMASTER)),
        (Recipient('"reply ü"@cases.example.org', Mailbox.REPLY, HANDLE),),
    ],
)
def test_recipients_come_back_as_they_were_admitted(house: House, recipients: tuple[Recipient, ...]) -> None:
    house.keep(envelope(SMALL, *recipients))
    assert recipients_from_json(house.rows()[0].recipients) == recipients


@pytest.mark.parametrize(
    ("recipients", "lane"),
    [
        ((ADA,), HANDLE.hex()),
        ((Recipient("cases@cases.example.org", Mailbox.FROM), ADA), HANDLE.hex()),
        ((Recipient("cases@cases.example.org", Mailbox.FROM),), ""),
    ],
)
def test_mails_to_one_reply_address_are_one_lane(house: House, recipients: tuple[Recipient, ...], lane: str) -> None:
    house.keep(envelope(SMALL, *recipients))
    assert sql("SELECT lane FROM inbox").fetchone()[0] == lane


def test_sessions_that_end_together_are_all_kept_and_told_their_own_number(house: House) -> None:
    mails = [envelope(b"mail %d" % number) for number in range(32)]
    answers = house.keep(*mails)
    assert [inbox.get(int(answer.removeprefix("kept as "))).raw for answer in answers] == [m.data for m in mails]


def test_processing_is_woken_after_the_commit(house: House) -> None:
    house.keep(envelope())
    assert house.woken == [1]


# Large mail


def test_the_limit_itself(house: House) -> None:
    house.keep(envelope(b"x" * INLINE_BYTES), envelope(LARGE))
    assert sorted(row.raw_file == "" for row in house.rows()) == [False, True]
    (file,) = house.raw_files()
    assert file.read_bytes() == LARGE


def test_the_file_of_a_large_mail_is_synced_before_its_row(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    real_sync = os.fsync

    def fsync(descriptor: int) -> None:
        real_sync(descriptor)
        steps.append("sync")

    def trace(statement: str) -> None:
        if statement.startswith("INSERT INTO inbox"):
            steps.append(f"row, {len(house.raw_files())} file")

    house.database.write(lambda: sql("SELECT 1").connection.set_trace_callback(trace))
    monkeypatch.setattr(os, "fsync", fsync)
    house.keep(envelope(LARGE))
    house.database.write(lambda: sql("SELECT 1").connection.set_trace_callback(None))
    assert steps == ["sync", "sync", "sync", "row, 1 file"]  # the new folder, the bytes, their name


def test_the_same_large_mail_twice_is_two_files(house: House) -> None:
    """HARDENING rule 17: raw mail is never shared, so that deleting one cannot take the other's bytes."""
    house.keep(envelope(LARGE), envelope(LARGE))
    assert len(house.raw_files()) == len({row.raw_file for row in house.rows()}) == 2


# Trouble


@pytest.mark.parametrize("broken", ["open", "fsync"])
def test_a_failing_disk_keeps_nothing_and_says_so(house: House, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, broken, fail)
        with pytest.raises(StoreUnavailable) as caught:
            house.keep(envelope(LARGE))
        with pytest.raises(StoreUnavailable):
            house.intake.keep_now(envelope(LARGE))
    assert os.strerror(errno.EIO) not in caught.value.text
    assert (house.rows(), house.raw_files(), house.woken) == ((), [], [])
    house.keep(envelope(LARGE))
    assert len(house.rows()) == 1


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
def test_a_failing_database_keeps_no_row_and_wakes_nobody(house: House, data: bytes) -> None:
    house.database.write(lambda: sql("CREATE TRIGGER failing BEFORE INSERT ON inbox BEGIN SELECT no_such_thing(); END"))
    with pytest.raises(StoreUnavailable):
        house.keep(envelope(data))
    assert (house.rows(), house.woken) == ((), [])


def test_a_client_that_hangs_up_behind_the_dot_has_sent_his_mail(house: House) -> None:
    """He may try again; then it is a duplicate. Half a mail must not be, nor neighbours without an answer."""

    async def run() -> str:
        gone = asyncio.ensure_future(house.intake.keep(envelope(b"gone")))
        stays = asyncio.ensure_future(house.intake.keep(envelope(b"stays")))
        await asyncio.sleep(0)  # both have handed in their mail
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        return await stays

    assert asyncio.run(asyncio.wait_for(run(), 60)).startswith("kept as ")
    assert sorted(str(inbox.get(row.id).raw) for row in house.rows()) == ["b'gone'", "b'stays'"]


# A rush of mail


class Seconds:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def mails(rush: Rush, clock: Seconds, rate: float, seconds: float) -> None:
    """So many mails a second."""
    for _ in range(round(rate * seconds)):
        clock.now += 1 / rate
        rush.note()


@pytest.mark.parametrize(
    ("rate", "is_on"), [(RUSH_RATE * 2, True), (RUSH_RATE * 1.1, True), (RUSH_RATE * 0.9, False), (10, False)]
)
def test_a_rush_is_told_by_its_rate(rate: float, is_on: bool) -> None:
    clock = Seconds()
    rush = Rush(clock)
    assert not rush.is_on()
    mails(rush, clock, rate, 1)
    assert rush.is_on() is is_on


def test_a_rush_is_over_when_no_more_mail_comes() -> None:
    clock = Seconds()
    rush = Rush(clock)
    mails(rush, clock, RUSH_RATE * 2, 1)
    clock.now += 2 * RUSH_WINDOW
    assert not rush.is_on()
    mails(rush, clock, 20, 1)
    assert not rush.is_on()

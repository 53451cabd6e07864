"""What becomes of bytes over the months: mails lose theirs, cases keep their files, held mail waits for its person."""

import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime

import pytest

from gateway.cases.model import Attachment, Draft, File
from store import cases, inbox, stored_files
from store.database import Database
from store.files import Room
from tests.running import ROOT
from tests.world import BEN, HOOK, TOM, World, reply_to

LOG = b"A line of the log.\n" * 5_000  # too large for a row, as a mail


def sweep(world: World, *, rounds: int = 1) -> None:
    """What the minutes bring that shelf after shelf takes to come round."""
    for _ in range(256 * rounds):
        for task in world.parts.queue.read_periodic(world.clock()):  # type: ignore[attr-defined]
            if task.name == "sweep_rest":
                task.execute()
        world.clock.advance(minutes=1)


def casegate(world: World, *words: object) -> subprocess.CompletedProcess[str]:
    """A command of the operator, beside the gateway."""
    command = [sys.executable, "-m", "gateway", *map(str, words), "--config", str(world.file)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def files_of(case_id: str) -> list[Attachment]:
    return [file for message in cases.messages(case_id, page=1, limit=100).items for file in message.attachments]


def in_room(world: World, room: Room) -> int:
    return sum(path.is_file() for path in (world.parts.files.root / room).rglob("*"))


def test_months_later(world: World) -> None:
    case = world.open_case()
    receipt, told = world.newest_mail_to(TOM), world.newest_mail_to("mia@shop.example.org")
    small = world.answer(receipt, "It is the blue one")
    large = world.answer(receipt, "See the log", files=(("log.txt", LOG, "text/plain"),))
    held = world.answer(told, "From my other address", sender=BEN, files=(("log.txt", LOG + b"Mine.", "text/plain"),))
    assert [world.outcomes(mail) for mail in (small, large, held)] == [["posted"], ["posted"], ["held"]]
    said = world.messages(case)
    world.clock.advance(days=89)
    sweep(world)
    assert len(casegate(world, "inbox", "show", large, "--raw").stdout) > len(LOG)
    world.clock.advance(days=1)
    sweep(world)
    for mail in (small, large):
        assert (inbox.get(mail).raw, inbox.get(mail).raw_file, world.outcomes(mail)) == (None, "", ["posted"])
    shown = casegate(world, "inbox", "show", large)
    assert f"outcome  posted: posted\n  {case}  posted" in shown.stdout
    assert shown.stdout.endswith(
        "The bytes of this mail were removed: it was kept longer ago than files.retention_days\n"
    )
    for words in (("show", large, "--raw"), ("replay", small)):
        done = casegate(world, "inbox", *words)
        assert done.returncode == os.EX_NOINPUT, done
        assert done.stderr.endswith("were removed: it was kept longer ago than files.retention_days\n")
        assert len(done.stderr.splitlines()) == 1, done.stderr
    # The case has lost nothing, and the held mail waits with all of its bytes.
    assert world.messages(case) == said
    (file,) = files_of(case)
    assert world.parts.files.read(file.sha256) == LOG
    assert in_room(world, Room.RAW) == 1
    released = casegate(world, "inbox", "release", held)
    assert "posted: released" in released.stdout, released
    assert world.parts.files.read(files_of(case)[1].sha256) == LOG + b"Mine."
    sweep(world)
    assert (in_room(world, Room.RAW), in_room(world, Room.CONTENT)) == (0, 2)
    assert "posted: released" in casegate(world, "inbox", "release", held).stdout  # twice is once, without bytes too
    assert len(files_of(case)) == 2


def test_files_of_what_was_never_posted_go(world: World) -> None:
    case = world.open_case()
    draft = Draft("See the log", files=(File("log.txt", "text/plain", LOG),))

    class Trouble(Exception):
        """Something fails in the transaction, after the bytes were written."""

    def fail(_: object) -> None:
        raise Trouble

    with pytest.raises(Trouble):
        world.parts.desk.deliver_reply(case, HOOK, draft, also=fail)
    assert in_room(world, Room.CONTENT) == 1
    sweep(world, rounds=5)
    assert in_room(world, Room.CONTENT) == 1
    sweep(world, rounds=3)
    assert in_room(world, Room.CONTENT) == 0
    posted = world.parts.desk.deliver_reply(case, HOOK, draft)
    sweep(world, rounds=8)
    assert world.parts.files.read(posted.messages[0].attachments[0].sha256) == LOG


def test_a_mail_whose_processing_stalled_for_days_is_posted_with_its_file(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file was kept, the sweep removed what nothing referred to, and only then the posting would have committed."""
    case = world.open_case()
    real = world.parts.files.keep
    stalled: list[tuple[str, ...]] = []

    def keep(contents: Sequence[bytes], database: Database, now: datetime) -> tuple[str, ...]:
        digests = real(contents, database, now)
        if not stalled:
            stalled.append(digests)
            sweep(world, rounds=8)
            assert stored_files.name_of(digests[0]) is None
        return digests

    monkeypatch.setattr(world.parts.files, "keep", keep)
    receipt = world.newest_mail_to(TOM)
    mail = world.send(
        reply_to(receipt, "See the log", files=(("log.txt", LOG, "text/plain"),)), TOM, receipt.reply_address
    )
    world.work()
    assert stalled
    assert inbox.get(mail).state == "pending"
    assert files_of(case) == []
    world.clock.advance(hours=1)
    world.work()
    assert world.outcomes(mail) == ["posted"]
    assert [text for _, text in world.said(case)][1:] == ["See the log"]
    assert [world.parts.files.read(file.sha256) for file in files_of(case)] == [LOG]

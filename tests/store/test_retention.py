"""What is removed with time, and what never is (HARDENING rule 17). Real folders, real threads, real processes."""

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.errors import NotFound, StoreUnavailable
from store import inbox, retention, stored_files
from store.database import Database, sql
from store.files import Files, Room
from store.inbox import Outcome, Result
from tests.store.conftest import NOW, Statements, after
from tests.store.other_process import Other, post, sweep_shelf

DATA = b"All of it matters."
DIGEST = hashlib.sha256(DATA).hexdigest()
SHELF = DIGEST[:2]
KEEP_RAW = timedelta(days=90)
POSTED, HELD = Result("case_1", Outcome.POSTED, "fine"), Result("case_2", Outcome.HELD, "not his address")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    files = Files(tmp_path / "files")
    files.open()
    return files


@pytest.fixture(autouse=True)
def long_history(database: Database) -> None:
    """The database is older than all files."""
    database.write(lambda: sql("UPDATE schema_migration SET applied = '2020-01-01 00:00:00'"))


def sweep_all(database: Database, files: Files, since: datetime, keep_raw: timedelta | None = KEEP_RAW) -> None:
    """A sweep each minute, until all shelves had their turn."""
    for minute in range(retention.SHELVES):
        retention.sweep(database, files, since + timedelta(minutes=minute), keep_raw=keep_raw)


def grow_old(path: Path, hours: float) -> None:
    """As if a file had been written so long ago."""
    then = time.time() - hours * 3_600
    os.utime(path, (then, then))


def paths(files: Files, room: Room) -> list[Path]:
    return sorted(path for path in (files.root / room).rglob("*") if path.is_file())


# Raw mail


def keep_mail(database: Database, files: Files, *, in_file: bool = False, now: datetime = NOW) -> int:
    raw_file = files.write_raw(os.urandom(16).hex() + ".eml", DATA) if in_file else ""
    return database.write(
        lambda: inbox.insert(
            now=now, mail_from="", recipients="[]", client="", helo="", size=len(DATA), sha256=DIGEST, lane="",
            raw=None if in_file else DATA, raw_file=raw_file,
        )
    )  # fmt: skip


def finish(database: Database, *results: Result, now: datetime = NOW) -> None:
    """Bring the mail whose turn it is to its results."""

    def job() -> None:
        kept = inbox.claim(now, "worker", timedelta(minutes=10))
        assert kept is not None
        inbox.finish(kept, results)

    database.write(job)


def has_bytes(files: Files, mail: int) -> bool:
    kept = inbox.get(mail)
    return kept.raw == DATA or (kept.raw_file != "" and files.read_raw(kept.raw_file) == DATA)


both_kinds = pytest.mark.parametrize("in_file", [False, True], ids=["row", "file"])


@both_kinds
def test_bytes_go_when_their_time_is_over_and_the_outcome_stays(
    database: Database, files: Files, in_file: bool
) -> None:
    mail = keep_mail(database, files, in_file=in_file)
    finish(database, POSTED)
    retention.sweep(database, files, NOW + KEEP_RAW, keep_raw=KEEP_RAW)
    assert has_bytes(files, mail)
    retention.sweep(database, files, NOW + KEEP_RAW + timedelta(seconds=1), keep_raw=KEEP_RAW)
    assert paths(files, Room.RAW) == []
    kept = inbox.get(mail)
    assert (kept.raw, kept.raw_file, kept.size, kept.state, kept.outcome) == (None, "", len(DATA), "done", "posted")
    assert inbox.results(mail) == (POSTED,)


@both_kinds
def test_what_is_not_done_or_held_keeps_its_bytes(database: Database, files: Files, in_file: bool) -> None:
    held = keep_mail(database, files, in_file=in_file)
    finish(database, HELD)
    held_in_one_case = keep_mail(database, files, in_file=in_file)
    finish(database, POSTED, HELD)
    claimed = keep_mail(database, files, in_file=in_file)
    database.write(lambda: inbox.claim(NOW, "worker", timedelta(minutes=10)))
    pending = keep_mail(database, files, in_file=in_file)
    retention.sweep(database, files, after(days=10_000), keep_raw=KEEP_RAW)
    assert [inbox.get(mail).state for mail in (claimed, pending)] == ["claimed", "pending"]
    assert all(has_bytes(files, mail) for mail in (held, held_in_one_case, claimed, pending))


def test_a_held_mail_that_was_released_loses_its_bytes_as_others_do(database: Database, files: Files) -> None:
    mail = keep_mail(database, files)
    finish(database, POSTED, HELD)
    retention.sweep(database, files, after(days=91), keep_raw=KEEP_RAW)
    assert has_bytes(files, mail)
    database.write(lambda: inbox.settle_held(mail, Result("case_2", Outcome.POSTED, "released")))
    retention.sweep(database, files, after(days=91), keep_raw=KEEP_RAW)
    assert not has_bytes(files, mail)


def test_a_mail_that_is_processed_again_keeps_its_bytes(database: Database, files: Files) -> None:
    mail = keep_mail(database, files)
    finish(database, POSTED)
    database.write(lambda: inbox.replay(mail, after(days=91)))
    retention.sweep(database, files, after(days=91), keep_raw=KEEP_RAW)
    assert has_bytes(files, mail)


@both_kinds
def test_without_its_bytes_a_mail_is_not_processed_again(database: Database, files: Files, in_file: bool) -> None:
    mail = keep_mail(database, files, in_file=in_file)
    finish(database, POSTED)
    retention.sweep(database, files, after(days=91), keep_raw=KEEP_RAW)
    with pytest.raises(NotFound, match=r"bytes of mail \d+ were removed"):
        database.write(lambda: inbox.replay(mail, after(days=91)))
    assert inbox.get(mail).state == "done"
    with pytest.raises(NotFound, match="bytes of this mail were removed"):
        files.read_raw(inbox.get(mail).raw_file)


def test_bytes_may_stay_for_ever(database: Database, files: Files) -> None:
    mail = keep_mail(database, files, in_file=True)
    finish(database, POSTED)
    sweep_all(database, files, after(days=10_000), keep_raw=None)
    assert has_bytes(files, mail)


def test_a_mail_like_another_keeps_bytes_of_its_own(database: Database, files: Files) -> None:
    """HARDENING rule 17: raw mail is never shared."""
    keep_mail(database, files, in_file=True)
    finish(database, POSTED)
    equal = keep_mail(database, files, in_file=True, now=after(days=60))
    assert len(paths(files, Room.RAW)) == 2
    retention.sweep(database, files, after(days=91), keep_raw=KEEP_RAW)
    assert has_bytes(files, equal)
    assert len(paths(files, Room.RAW)) == 1


def test_a_backlog_goes_in_many_short_transactions_over_several_sweeps(
    database: Database, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 10)
    monkeypatch.setattr(retention, "BATCHES", 3)
    for number in range(45):
        keep_mail(database, files, in_file=number % 2 == 0)
        finish(database, POSTED)
    left, real = [45], database.write

    def write(job: Callable[[], list[str]]) -> list[str]:
        result = real(job)
        left.append(sql("SELECT count(*) FROM inbox WHERE data IS NOT NULL OR raw_file <> ''").fetchone()[0])
        return result

    monkeypatch.setattr(database, "write", write)
    assert retention.remove_raw(database, files, after(days=91)) == 30
    assert left == [45, 35, 25, 15]
    assert retention.remove_raw(database, files, after(days=91)) == 15
    assert retention.remove_raw(database, files, after(days=91)) == 0
    assert paths(files, Room.RAW) == []


def test_the_sweep_reads_small_indexes(database: Database, files: Files, statements: Statements) -> None:
    """However many mails there are that are done, held, or without bytes already."""

    def questions() -> None:
        retention._take_bytes(NOW)
        retention._names(Room.RAW, "ab")
        retention._is_named(Room.RAW, "abcdef")
        retention._names(Room.CONTENT, "ab")
        retention._is_named(Room.CONTENT, DIGEST)
        stored_files.unused("ab", NOW, 100)

    plans = {
        statement: [row[3] for row in sql(f"EXPLAIN QUERY PLAN {statement}")]
        for statement in statements(questions)
        if statement.startswith("SELECT")
    }
    assert len(plans) == 7
    for statement, steps in plans.items():
        assert not any("SCAN" in step or "TEMP B-TREE" in step for step in steps), (statement, steps)
    stopped, first, second, third, *_, last = plans.values()
    assert "sqlite_autoindex_switch_1" in stopped[0]
    assert "inbox_bytes" in first[0]
    assert "inbox_raw_file" in second[0]
    assert "inbox_raw_file" in third[0]
    assert any("attachment_sha256" in step for step in last)


# What a crash leaves


@pytest.mark.parametrize("room", list(Room))
@pytest.mark.parametrize("name", [f"{SHELF}{'0' * 30}.eml", f"{DIGEST}-0123", DIGEST, ".new-k2j3h4"])
def test_a_file_without_a_row_goes_after_a_day(database: Database, files: Files, room: Room, name: str) -> None:
    path = files.root / room / SHELF / name
    path.parent.mkdir()
    path.write_bytes(DATA)
    sweep_all(database, files, after(days=1_000))  # it is the disk's clock that counts
    grow_old(path, hours=23.9)
    sweep_all(database, files, after(days=1_000))
    assert path.exists()
    grow_old(path, hours=24.1)
    sweep_all(database, files, NOW)
    assert not path.exists()


def test_a_file_that_a_row_names_stays_however_old_it_is(database: Database, files: Files) -> None:
    raw = keep_mail(database, files, in_file=True)
    (digest,) = files.keep([DATA], database, NOW)
    for path in files.root.rglob("*"):
        grow_old(path, hours=10_000)
    sweep_all(database, files, NOW)
    assert has_bytes(files, raw)
    assert files.read(digest) == DATA


def test_each_sweep_looks_at_one_shelf(database: Database, files: Files) -> None:
    """A million files must not be listed every minute."""
    left = [files.root / "raw" / f"{shelf:02x}" / f"{shelf:02x}.eml" for shelf in range(0, 256, 51)]
    for path in left:
        path.parent.mkdir()
        path.write_bytes(DATA)
        grow_old(path, hours=25)
    counts = [len(left)]
    for minute in range(256):
        retention.sweep(database, files, NOW + timedelta(minutes=minute), keep_raw=None)
        counts.append(len(paths(files, Room.RAW)))
    assert max(before - then for before, then in pairwise(counts)) == 1
    assert counts[-1] == 0


def test_a_new_database_does_not_take_the_files_of_a_lost_one_for_leftovers(database: Database, files: Files) -> None:
    path = files.root / "raw" / "ab" / "abcdef.eml"
    files.write_raw(path.name, DATA)
    grow_old(path, hours=1_000)
    began = datetime.fromtimestamp(path.stat().st_mtime + 1).isoformat(" ")  # in local time, as migrations note it
    database.write(lambda: sql("UPDATE schema_migration SET applied = ?", (began,)))
    sweep_all(database, files, NOW)
    assert path.exists()


def test_a_file_that_gets_its_row_while_the_sweep_looks_stays(
    database: Database, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was so slow that his file looks like a leftover already."""
    name = files.write_raw("abcdef.eml", DATA)
    grow_old(files.root / "raw" / "ab" / name, hours=25)
    real = files.disk_clock

    def disk_clock() -> datetime:
        """Asked when the sweep has seen that no row names the file."""
        database.write(
            lambda: inbox.insert(
                now=NOW, mail_from="", recipients="[]", client="", helo="", size=1, sha256=DIGEST, lane="", raw=None,
                raw_file=name,
            )
        )  # fmt: skip
        return real()

    monkeypatch.setattr(files, "disk_clock", disk_clock)
    assert retention.remove_leftovers(database, files, Room.RAW, "ab") == 0
    assert files.read_raw(name) == DATA


def test_a_keeper_whose_file_was_taken_for_a_leftover_names_nothing(
    database: Database, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = files._write_content

    def write_and_stall(digest: str, data: bytes) -> str:
        name = real(digest, data)
        grow_old(files.root / "content" / SHELF / name, hours=25)
        assert retention.remove_leftovers(database, files, Room.CONTENT, SHELF) == 1
        return name

    with monkeypatch.context() as patched:
        patched.setattr(files, "_write_content", write_and_stall)
        with pytest.raises(StoreUnavailable):
            files.keep([DATA], database, NOW)
    assert stored_files.name_of(DIGEST) is None
    files.keep([DATA], database, NOW)
    assert files.read(DIGEST) == DATA


def test_killed_between_bytes_and_row(database: Database, files: Files, tmp_path: Path) -> None:
    with Other(tmp_path) as other:
        assert other.do("hang_before_the_row", "words") == "here"
        other.kill()
    (path,) = paths(files, Room.CONTENT)
    assert stored_files.name_of(hashlib.sha256(b"words").hexdigest()) is None
    sweep_all(database, files, after(days=1_000))
    assert path.exists()
    grow_old(path, hours=25)
    sweep_all(database, files, NOW)
    assert paths(files, Room.CONTENT) == []


def test_killed_between_the_row_of_content_and_its_file(database: Database, files: Files, tmp_path: Path) -> None:
    files.keep([DATA], database, NOW)
    sweep_shelf(database, files, SHELF, hours=25)
    with Other(tmp_path) as other:
        assert other.do("hang_before_the_file", SHELF, 27) == "here"
        other.kill()
    (path,) = paths(files, Room.CONTENT)
    assert stored_files.name_of(DIGEST) is None
    # Whoever keeps the same bytes now does not touch what is left of the old ones.
    files.keep([DATA], database, after(hours=28))
    grow_old(path, hours=25)
    sweep_all(database, files, after(hours=29))
    assert not path.exists()
    assert files.read(DIGEST) == DATA


def test_killed_between_the_row_of_a_mail_and_its_file(database: Database, files: Files, tmp_path: Path) -> None:
    mail = keep_mail(database, files, in_file=True)
    finish(database, POSTED)
    with Other(tmp_path) as other:
        assert other.do("hang_before_the_raw_file", 24 * 91) == "here"
        other.kill()
    assert inbox.get(mail).raw_file == ""
    (path,) = paths(files, Room.RAW)
    grow_old(path, hours=25)
    sweep_all(database, files, NOW)
    assert paths(files, Room.RAW) == []


# Content that messages share


def test_content_that_nothing_refers_to_goes_in_two_steps(database: Database, files: Files) -> None:
    """As what a transaction leaves that failed after the bytes were written."""
    files.keep([DATA], database, NOW)
    sweep_shelf(database, files, SHELF, hours=23.9)
    assert stored_files.stands(DIGEST)
    sweep_shelf(database, files, SHELF, hours=24)
    assert not stored_files.stands(DIGEST)
    sweep_shelf(database, files, SHELF, hours=24.9)
    assert files.read(DIGEST) == DATA
    assert sweep_shelf(database, files, SHELF, hours=25) == 1
    assert stored_files.name_of(DIGEST) is None
    assert paths(files, Room.CONTENT) == []


def test_content_that_a_message_refers_to_stays_and_goes_with_the_last_one(database: Database, files: Files) -> None:
    files.keep([DATA], database, NOW)
    one, two = (post(database, DIGEST, 0) for _ in range(2))
    for message in (one, two):
        sweep_all(database, files, after(days=1_000))
        sweep_all(database, files, after(days=1_001))
        assert files.read(DIGEST) == DATA
        erase(database, [message])
    sweep_all(database, files, after(days=1_002))
    sweep_all(database, files, after(days=1_003))
    assert paths(files, Room.CONTENT) == []


def erase(database: Database, messages: Iterable[str]) -> None:
    for message in messages:
        database.write(lambda message=message: sql("DELETE FROM attachment WHERE message_id = ?", (message,)))  # type: ignore[misc]


def test_a_reference_takes_the_mark_away(database: Database, files: Files) -> None:
    """Kept again or kept all the time: the bytes are there until their row is gone."""
    files.keep([DATA], database, NOW)
    sweep_shelf(database, files, SHELF, hours=25)
    message = post(database, DIGEST, hours=26)
    assert stored_files.stands(DIGEST)
    erase(database, [message])
    sweep_shelf(database, files, SHELF, hours=49)  # touched 23 hours ago
    assert stored_files.stands(DIGEST)
    assert files.read(DIGEST) == DATA


def test_a_message_that_comes_after_the_removal_is_refused_and_kept_at_the_next_try(
    database: Database, files: Files
) -> None:
    """The keeper looks, the sweep marks, the sweep removes, the keeper's row would commit."""
    files.keep([DATA], database, NOW)
    sweep_shelf(database, files, SHELF, hours=25)
    sweep_shelf(database, files, SHELF, hours=27)
    with pytest.raises(StoreUnavailable):
        post(database, DIGEST, hours=27)
    assert [sql(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("message", "attachment")] == [0, 0]
    files.keep([DATA], database, after(hours=27))
    post(database, DIGEST, hours=27)
    sweep_shelf(database, files, SHELF, hours=1_000)
    sweep_shelf(database, files, SHELF, hours=1_002)
    assert files.read(DIGEST) == DATA


@pytest.mark.parametrize("step", ["mark", "remove"])
def test_a_message_that_commits_while_the_sweep_has_found_its_bytes_unused(
    database: Database, files: Files, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    files.keep([DATA], database, NOW)
    hours = 25
    if step == "remove":
        sweep_shelf(database, files, SHELF, hours=25)
        hours = 27
    real = stored_files.unused

    def unused(*args: object) -> tuple[list[str], list[str]]:
        found = real(*args)  # type: ignore[arg-type]
        assert found == (([DIGEST], []) if step == "mark" else ([], [DIGEST]))
        post(database, DIGEST, hours=0)  # its clock is a day behind, so that only the reference tells
        return found

    monkeypatch.setattr(stored_files, "unused", unused)
    assert sweep_shelf(database, files, SHELF, hours) == 0
    assert stored_files.stands(DIGEST)
    assert files.read(DIGEST) == DATA


def test_who_keeps_the_same_at_the_same_time_names_one_file(database: Database, files: Files) -> None:
    """Both have looked before either wrote; the file of the slower one is a leftover."""
    both_looked, real = threading.Barrier(2), files._write_content

    def write(digest: str, data: bytes) -> str:
        both_looked.wait(10)
        return real(digest, data)

    files._write_content = write  # type: ignore[method-assign]
    with ThreadPoolExecutor(2) as pool:
        assert set(pool.map(lambda _: files.keep([DATA], database, NOW), range(2))) == {(DIGEST,)}
    assert len(paths(files, Room.CONTENT)) == 2
    for path in paths(files, Room.CONTENT):
        grow_old(path, hours=25)
    sweep_shelf(database, files, SHELF, hours=0)
    assert len(paths(files, Room.CONTENT)) == 1
    assert files.read(DIGEST) == DATA


def test_bytes_that_stand_do_not_change_their_name(database: Database) -> None:
    """Somebody may be reading them."""
    database.write(lambda: stored_files.note(DIGEST, "faster", NOW))
    database.write(lambda: stored_files.note(DIGEST, "slower", NOW))
    assert stored_files.name_of(DIGEST) == "faster"
    database.write(lambda: stored_files.mark([DIGEST], after(hours=24)))
    database.write(lambda: stored_files.note(DIGEST, "anew", after(hours=24)))
    assert stored_files.name_of(DIGEST) == "anew"


def all_bytes_are_there(files: Files) -> int:
    """Every attachment can be read, and is what it says. Returns how many there are."""
    digests = [digest for (digest,) in sql("SELECT sha256 FROM attachment")]
    for digest in digests:
        assert hashlib.sha256(files.read(digest)).hexdigest() == digest
    return len(digests)


def test_keepers_and_sweeps_in_many_threads(database: Database, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a day goes by with each sweep, and nothing on disk is too young: no step is protected by time."""
    monkeypatch.setattr(retention, "GRACE", timedelta(minutes=-1))
    contents = [f"content {number}".encode() for number in range(8)]
    shelves = [hashlib.sha256(data).hexdigest()[:2] for data in contents]
    swept, told = [0], threading.Condition()
    outcomes: list[str] = []

    def hours() -> float:
        return 13.0 * swept[0]

    def wait_for_sweeps(count: int) -> None:
        with told:
            seen = swept[0]
            assert told.wait_for(lambda: swept[0] >= seen + count, 30)

    def keeper(number: int) -> None:
        for turn in range(30):
            try:
                (digest,) = files.keep([contents[(number + turn) % 8]], database, after(hours=hours()))
                wait_for_sweeps(turn % 5)
                message = post(database, digest, hours())
            except StoreUnavailable:
                outcomes.append("refused")
                continue
            outcomes.append("posted")
            if turn % 3:
                erase(database, [message])

    removed = 0
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(keeper, number) for number in range(4)]
        while not all(one.done() for one in running):
            removed += sum(sweep_shelf(database, files, shelf, hours()) for shelf in shelves)
            with told:
                swept[0] += 1
                told.notify_all()
        for one in running:
            one.result()
    assert {"posted", "refused"} == set(outcomes)
    assert removed > 0
    assert all_bytes_are_there(files) > 0


def test_keepers_and_sweeps_in_two_processes(
    database: Database, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "GRACE", timedelta(minutes=-1))
    shelves = [hashlib.sha256(f"words-{number}".encode()).hexdigest()[:2] for number in range(7)]
    with Other(tmp_path) as other:
        assert other.do("keep", "ready", 0)
        other.tell("keep_and_post", "words", 300)
        answer: list[str] = []
        reading = threading.Thread(target=lambda: answer.append(other.answer()))
        reading.start()
        hours = 0
        while reading.is_alive():
            for shelf in shelves:
                sweep_shelf(database, files, shelf, hours)
            hours += 13
            erase(database, [row[0] for row in sql("SELECT message_id FROM attachment LIMIT 3")])
        reading.join()
    assert answer
    all_bytes_are_there(files)


def test_the_same_race_step_by_step_between_two_processes(database: Database, files: Files, tmp_path: Path) -> None:
    (digest,) = files.keep([b"words"], database, NOW)
    with Other(tmp_path) as other:
        assert other.do("keep", "words", 1) == digest
        other.do("sweep", digest[:2], 26)
        assert not stored_files.stands(digest)
        assert other.do("post", digest, 26) == "posted"
        sweep_shelf(database, files, digest[:2], hours=28)
        assert files.read(digest) == b"words"
        erase(database, [row[0] for row in sql("SELECT message_id FROM attachment")])
        sweep_shelf(database, files, digest[:2], hours=51)
        assert sweep_shelf(database, files, digest[:2], hours=53) == 1
        assert other.do("post", digest, 53) == "refused"
        assert other.do("keep", "words", 53) == digest
        assert other.do("post", digest, 53) == "posted"
    assert files.read(digest) == b"words"

"""Group commit: what becomes of a group when a job, a client, the disk or the writer fails (HARDENING rule 2)."""

import asyncio
import errno
import os
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.errors import NotAllowed, StoreUnavailable
from store.database import GROUP, Database, connect, proxy, sql


@pytest.fixture
def notes(database: Database) -> Database:
    """A database with a table to write into."""
    database.write(lambda: sql("CREATE TABLE note (text TEXT NOT NULL UNIQUE)"))
    return database


def note(text: str) -> None:
    sql("INSERT INTO note (text) VALUES (?)", (text,))


def noted(path: Path | None = None) -> list[str]:
    """What is committed, as another connection sees it."""
    with sqlite3.connect(path or proxy.obj.database) as connection:
        return [row[0] for row in connection.execute("SELECT text FROM note ORDER BY rowid")]


class Gate:
    """A job that holds the writer until it is let go, so that those behind it come into one group."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        assert self.opened.wait(30)


async def gather(database: Database, jobs: list[Callable[[], object]]) -> list[object]:
    """Run jobs in one group, behind a gate. Returns results and exceptions."""
    gate = Gate()
    first = asyncio.create_task(database.write_async(gate))
    await asyncio.to_thread(gate.reached.wait, 30)
    tasks = [asyncio.create_task(database.write_async(job)) for job in jobs]
    await asyncio.sleep(0)  # each of them has handed its job in now
    gate.opened.set()
    await first
    return await asyncio.gather(*tasks, return_exceptions=True)


def grouped(database: Database, *jobs: Callable[[], object]) -> list[object]:
    return asyncio.run(gather(database, list(jobs)))


@pytest.fixture
def trace(notes: Database) -> Iterator[list[str]]:
    """The statements of the connection that writes."""
    seen: list[str] = []
    notes.write(lambda: sql("SELECT 1").connection.set_trace_callback(seen.append))
    seen.clear()
    yield seen
    if notes.healthy:
        notes.write(lambda: sql("SELECT 1").connection.set_trace_callback(None))


def adding(text: str) -> Callable[[], str]:
    def job() -> str:
        note(text)
        return text

    return job


def refusing(text: str) -> Callable[[], None]:
    def job() -> None:
        note(text)
        raise NotAllowed("not in this status")

    return job


# One job


def test_a_result_comes_after_its_commit(notes: Database) -> None:
    assert notes.write(adding("one")) == "one"
    assert noted() == ["one"]


def test_a_job_that_fails_is_taken_back_and_its_error_told(notes: Database) -> None:
    with pytest.raises(NotAllowed):
        notes.write(refusing("never"))
    notes.write(adding("after"))
    assert noted() == ["after"]


def test_a_broken_constraint_is_told_as_such(notes: Database) -> None:
    notes.write(adding("once"))
    with pytest.raises(sqlite3.IntegrityError):
        notes.write(adding("once"))
    assert notes.healthy


def test_a_wrong_statement_is_no_end_of_the_writer(notes: Database) -> None:
    with pytest.raises(StoreUnavailable):
        notes.write(lambda: sql("INSERT INTO nothing VALUES (1)"))
    notes.write(adding("after"))
    assert noted() == ["after"]


def test_many_threads_write_at_once(notes: Database) -> None:
    start = threading.Barrier(16)
    failures: list[BaseException] = []

    def work(worker: int) -> None:
        try:
            start.wait(30)
            for number in range(10):
                assert notes.write(adding(f"{worker}-{number}")) == f"{worker}-{number}"
        except BaseException as error:  # told below, in the test's own thread
            failures.append(error)
            raise

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(noted()) == sorted(f"{worker}-{number}" for worker in range(16) for number in range(10))


def test_readers_see_what_is_committed_only(notes: Database) -> None:
    seen: list[list[str]] = []

    def job() -> None:
        note("half")
        reader = threading.Thread(target=lambda: seen.append([row[0] for row in sql("SELECT text FROM note")]))
        reader.start()
        reader.join()

    notes.write(job)
    assert seen == [[]]
    assert noted() == ["half"]


# A group


def test_jobs_that_wait_together_share_one_commit(notes: Database, trace: list[str]) -> None:
    results = grouped(notes, *(adding(f"{number}") for number in range(32)))
    assert results == [f"{number}" for number in range(32)]
    assert trace.count("COMMIT") == 2  # the gate's, and one for all 32
    assert trace.count("SAVEPOINT job") == trace.count("RELEASE SAVEPOINT job") == 32


def test_a_group_has_an_end(notes: Database, trace: list[str]) -> None:
    grouped(notes, *(adding(f"{number}") for number in range(GROUP + 1)))
    assert trace.count("COMMIT") == 3
    assert len(noted()) == GROUP + 1


def test_a_failing_job_takes_back_itself_only(notes: Database) -> None:
    results = grouped(notes, adding("a"), refusing("b"), adding("c"), adding("a"), adding("d"))
    assert [type(result) for result in results] == [str, NotAllowed, str, sqlite3.IntegrityError, str]
    assert noted() == ["a", "c", "d"]


def test_results_leave_only_after_the_commit(notes: Database) -> None:
    """Whoever is told looks from outside, at once."""

    async def told(text: str) -> bool:
        await notes.write_async(adding(text))
        return text in noted()

    async def all_of_them() -> list[bool]:
        return await asyncio.gather(*(told(f"{number}") for number in range(32)))

    assert all(asyncio.run(all_of_them()))


def test_wakes_come_after_the_commit_and_once_for_a_group(notes: Database) -> None:
    woken: list[list[str]] = []

    def wake() -> None:
        woken.append(noted())

    async def run() -> None:
        gate = Gate()
        first = asyncio.create_task(notes.write_async(gate))
        await asyncio.to_thread(gate.reached.wait, 30)
        jobs: list[Callable[[], object]] = [*(adding(f"{n}") for n in range(5)), refusing("no")]
        others = [asyncio.create_task(notes.write_async(job, then=wake)) for job in jobs]
        await asyncio.sleep(0)
        gate.opened.set()
        await asyncio.gather(first, *others, return_exceptions=True)

    asyncio.run(run())
    assert woken == [["0", "1", "2", "3", "4"]]


def test_a_job_that_failed_wakes_nobody(notes: Database) -> None:
    woken: list[None] = []
    with pytest.raises(NotAllowed):
        notes.write(refusing("no"), then=lambda: woken.append(None))
    assert woken == []


# A client hangs up


def test_one_of_32_who_hangs_up_starves_nobody_and_his_mail_is_kept(notes: Database) -> None:
    """aiosmtpd cancels the task of a client that is gone; setting the result of its future would raise."""

    async def run() -> list[object]:
        gate = Gate()
        first = asyncio.create_task(notes.write_async(gate))
        await asyncio.to_thread(gate.reached.wait, 30)
        tasks = [asyncio.create_task(notes.write_async(adding(f"{number}"))) for number in range(32)]
        await asyncio.sleep(0)
        tasks[7].cancel()
        gate.opened.set()
        await first
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(asyncio.wait_for(run(), 60))
    assert isinstance(results[7], asyncio.CancelledError)
    assert [result for result in results if isinstance(result, str)] == [str(n) for n in range(32) if n != 7]
    assert sorted(noted(), key=int) == [str(n) for n in range(32)]


def test_an_event_loop_that_is_gone_starves_nobody(notes: Database) -> None:
    gate = Gate()
    loop = asyncio.new_event_loop()
    task = loop.create_task(notes.write_async(gate))
    loop.run_until_complete(asyncio.sleep(0))
    assert gate.reached.wait(30)
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    gate.opened.set()
    assert notes.write(adding("after")) == "after"
    assert notes.healthy


# A full disk


def limit_pages(notes: Database, more: int) -> None:
    """Let the file grow by so many pages and no further: what SQLite then says is SQLITE_FULL, as on a full disk."""

    def job() -> None:
        pages: int = sql("PRAGMA page_count").fetchone()[0]
        sql(f"PRAGMA max_page_count = {pages + more}")

    notes.write(job)


BIG = "x" * 200_000


def test_a_full_disk_fails_the_whole_group_and_leaves_nothing_of_it(notes: Database) -> None:
    """SQLite takes back the whole transaction, not the savepoint; the jobs behind would run outside of any."""
    notes.write(adding("before"))
    limit_pages(notes, more=3)
    results = grouped(notes, adding("a"), adding(BIG), adding("b"), refusing("c"))
    assert [type(result) for result in results] == [StoreUnavailable] * 4
    assert noted() == ["before"]
    assert notes.healthy  # a full disk passes
    limit_pages(notes, more=1_000)
    assert notes.write(adding("after")) == "after"
    assert noted() == ["before", "after"]


def test_a_job_alone_on_a_full_disk(notes: Database) -> None:
    limit_pages(notes, more=3)
    with pytest.raises(StoreUnavailable):
        notes.write(adding(BIG))
    assert notes.write(adding("small")) == "small"
    assert noted() == ["small"]


def test_a_job_that_swallows_the_error_does_not_make_the_group_look_well(notes: Database) -> None:
    def careless() -> str:
        try:
            note(BIG)
        except StoreUnavailable:
            return "fine"
        return "fine"

    limit_pages(notes, more=3)
    results = grouped(notes, adding("a"), careless, adding("b"))
    assert [type(result) for result in results] == [StoreUnavailable] * 3
    assert noted() == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", os.fspath(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "--lazy", os.fspath(folder)], check=True)


def fill_disk(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4_096)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


def test_a_disk_that_is_really_full(small_disk: Path, make_database: Callable[[Path], Database]) -> None:
    path = small_disk / "cases.db"
    database = make_database(path)
    database.write(lambda: sql("CREATE TABLE note (text TEXT NOT NULL UNIQUE)"))
    filler = small_disk / "filler"
    fill_disk(filler)
    results = grouped(database, adding("a"), adding(BIG), adding("b"))
    assert [type(result) for result in results] == [StoreUnavailable] * 3
    assert noted(path) == []
    filler.unlink()
    if database.healthy:  # else the process would start again now
        assert database.write(adding("after")) == "after"
        assert noted(path) == ["after"]


# The commit fails


def test_a_commit_that_fails_fails_every_job_of_the_group(notes: Database) -> None:
    """A constraint that is looked at only then; what is told must not depend on when trouble comes."""
    notes.write(lambda: sql("CREATE TABLE parent (id INTEGER PRIMARY KEY)"))
    notes.write(lambda: sql("CREATE TABLE child (parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)"))
    results = grouped(notes, adding("a"), lambda: sql("INSERT INTO child VALUES (7)").rowcount, adding("b"))
    assert [type(result) for result in results] == [StoreUnavailable] * 3
    assert noted() == []
    notes.write(adding("after"))
    assert noted() == ["after"]


def test_a_database_that_another_process_has_locked(notes: Database) -> None:
    notes.write(lambda: sql("PRAGMA busy_timeout = 1"))
    other = sqlite3.connect(proxy.obj.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        notes.write(adding("while locked"))
    results = grouped_while_locked(notes)
    assert [type(result) for result in results] == [StoreUnavailable] * 3
    other.execute("ROLLBACK")
    other.close()
    assert notes.healthy
    notes.write(adding("after"))
    assert noted() == ["after"]


def grouped_while_locked(notes: Database) -> list[object]:
    async def run() -> list[object]:
        return await asyncio.gather(*(notes.write_async(adding(f"{n}")) for n in range(3)), return_exceptions=True)

    return asyncio.run(run())


# The disk fails


def failing_disk() -> None:
    """As SQLite tells of an I/O error."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
    raise error


def test_a_broken_disk_ends_all_writing(notes: Database) -> None:
    """Waiting jobs answer Later, the process hears of it and exits; nobody goes on as if things were kept."""
    told: list[BaseException] = []
    notes.on_fatal = told.append
    results = grouped(notes, adding("a"), failing_disk, adding("b"))
    assert [type(result) for result in results] == [StoreUnavailable] * 3
    assert not notes.healthy
    assert len(told) == 1
    with pytest.raises(StoreUnavailable):
        notes.write(adding("after"))
    with pytest.raises(StoreUnavailable):
        asyncio.run(notes.write_async(adding("after")))
    assert noted() == []


def test_those_who_wait_behind_the_group_that_broke_the_disk_are_answered(notes: Database) -> None:
    jobs = [adding(f"{number}") for number in range(GROUP + 10)]
    results = grouped(notes, failing_disk, *jobs)
    assert [type(result) for result in results] == [StoreUnavailable] * (GROUP + 11)
    assert noted() == []


@pytest.mark.parametrize("code", [sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_READONLY])
def test_a_broken_file_is_a_broken_disk(notes: Database, code: int) -> None:
    def job() -> None:
        error = sqlite3.DatabaseError("the file is broken")
        error.sqlite_errorcode = code
        raise error

    with pytest.raises(StoreUnavailable):
        notes.write(job)
    assert not notes.healthy


def test_a_file_that_turns_read_only(notes: Database) -> None:
    """As when the system remounts a sick disk."""
    notes.write(lambda: sql("PRAGMA query_only = 1"))
    with pytest.raises(StoreUnavailable):
        notes.write(adding("never"))
    assert not notes.healthy


def test_a_database_that_cannot_be_reached_again(notes: Database) -> None:
    """After a failed rollback the connection is closed; by then there may be no file, or no descriptor, for another."""
    proxy.obj.close_writing()
    folder = Path(proxy.obj.database).parent
    away = folder.rename(folder.with_name("away"))
    try:
        with pytest.raises(StoreUnavailable):
            notes.write(adding("never"))
    finally:
        away.rename(folder)
    notes.write(adding("after"))
    assert noted() == ["after"]


# Durability


def test_a_group_is_synced_when_one_of_its_jobs_asks_for_it(notes: Database, trace: list[str]) -> None:
    notes.write(adding("a"), durable=False)
    assert synchronous(notes, durable=False) == "normal"
    assert synchronous(notes, durable=True) == "full"

    async def mixed() -> object:
        gate = Gate()
        first = asyncio.create_task(notes.write_async(gate, durable=False))
        await asyncio.to_thread(gate.reached.wait, 30)
        mode: list[str] = []
        others = [
            asyncio.create_task(notes.write_async(lambda: mode.append(pragma()), durable=False)),
            asyncio.create_task(notes.write_async(adding("b"), durable=True)),
        ]
        await asyncio.sleep(0)
        gate.opened.set()
        await asyncio.gather(first, *others)
        return mode

    assert asyncio.run(mixed()) == ["full"]


def pragma() -> str:
    return {1: "normal", 2: "full"}[sql("PRAGMA synchronous").fetchone()[0]]


def synchronous(notes: Database, *, durable: bool) -> str:
    return notes.write(pragma, durable=durable)


# Closing


def test_closing_finishes_what_waits(notes: Database) -> None:
    path = Path(proxy.obj.database)

    async def run() -> list[object]:
        gate = Gate()
        first = asyncio.create_task(notes.write_async(gate))
        await asyncio.to_thread(gate.reached.wait, 30)
        tasks = [asyncio.create_task(notes.write_async(adding(f"{number}"))) for number in range(10)]
        await asyncio.sleep(0)
        closing = asyncio.create_task(asyncio.to_thread(notes.close))
        await asyncio.sleep(0)
        gate.opened.set()
        await closing
        await first
        return await asyncio.gather(*tasks, return_exceptions=True)

    assert asyncio.run(run()) == [f"{number}" for number in range(10)]
    assert noted(path) == [f"{number}" for number in range(10)]
    with pytest.raises(StoreUnavailable):
        notes.write(adding("after"))


def test_nothing_is_written_before_it_is_opened(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'cases.db'}")
    database.bind()
    with pytest.raises(StoreUnavailable):
        database.write(lambda: None)


@pytest.mark.parametrize("url", ["postgresql://localhost/cases", "sqlite://host/cases.db", "cases.db"])
def test_a_database_of_another_kind_is_refused_with_the_form_that_works(url: str) -> None:
    with pytest.raises(ValueError, match="write sqlite:"):
        connect(url)


def test_a_job_that_would_wait_for_its_own_turn_is_told_so(notes: Database) -> None:
    with pytest.raises(RuntimeError, match="in its transaction already"):
        notes.write(lambda: notes.write(adding("never")))
    assert noted() == []


def test_after_closing_nothing_is_taken(notes: Database) -> None:
    notes.close()
    with pytest.raises(StoreUnavailable):
        notes.write(adding("too late"))

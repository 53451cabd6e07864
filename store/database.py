"""The database: one connection per thread for reading, one writer thread that commits in groups.

Theory of operation (HARDENING rule 2). A write is a job: a function that runs statements. Jobs wait in a queue; the
writer takes up to 64 of them into one transaction, each in a savepoint of its own, and commits once, so that sessions
that end together share one sync; a group in which no job asked for durability is not synced at all. Results leave only
after the commit. When the transaction is lost on the way (a full disk rolls back the whole of it, measured) or the
commit fails, nothing more runs in that group and every job of it answers `StoreUnavailable`. A job whose waiter went
away still commits. An error of the disk ends the writer: all waiting jobs answer `StoreUnavailable`, `healthy` turns
False and `on_fatal` is called so that the process can exit.
"""

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import peewee
import structlog

from gateway.errors import StoreUnavailable

T = TypeVar("T")
GROUP = 64  # jobs in one transaction

log = structlog.get_logger("store")

#: The database that this process works on. peewee models are bound to it before it is known which one it is.
proxy = peewee.DatabaseProxy()


def sql(statement: str, params: Sequence[Any] = ()) -> Any:
    """Run one statement on this thread's connection and return its cursor. `?` marks a parameter.

    Goes to the driver directly: peewee's own path costs more than most of the statements (8 µs against 2).
    Raises the driver's IntegrityError, and StoreUnavailable for every other trouble of the database.
    """
    try:
        return proxy.obj.statement(statement, params)
    except sqlite3.IntegrityError:
        raise
    except sqlite3.Error as error:
        log.error("store.statement_failed", error=str(error))
        raise _unavailable() from error


def _unavailable() -> StoreUnavailable:
    return StoreUnavailable("The database does not take changes at the moment")


class _Job:
    """A function to run in the writer, and who waits for its result: a thread's future or one of an event loop."""

    __slots__ = ("durable", "error", "loop", "result", "run", "then", "waiter")

    def __init__(self, run: Callable[[], Any], then: Callable[[], None] | None, durable: bool) -> None:
        self.run = run
        self.then = then
        self.durable = durable
        self.waiter: Future[Any] | asyncio.Future[Any] | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.result: Any = None
        self.error: BaseException | None = None

    def answer(self) -> None:
        """Hand the result over, unless the waiter is gone; one lost waiter must not starve the others."""
        waiter = self.waiter
        if waiter is None or waiter.done():
            return
        try:
            if self.error is not None:
                waiter.set_exception(self.error)
            else:
                waiter.set_result(self.result)
        except (InvalidStateError, asyncio.InvalidStateError):
            pass  # cancelled between the question and the answer


class _TransactionLost(Exception):
    """The open transaction vanished under a job."""


class Database:
    """The open database of a process. Create it once, `open` it, `close` it when every door is shut."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.healthy = False
        self.on_fatal: Callable[[BaseException], None] = lambda error: None
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._engine = connect(url)

    def open(self) -> None:
        """Bind the models to this database and start the writer. The schema must exist (`store.migrations`)."""
        self.bind()
        self.healthy = True
        self._writer = threading.Thread(target=self._serve, name="writer", daemon=True)
        self._writer.start()

    def bind(self) -> None:
        """Make this the database of the process without starting the writer (migrations, checks)."""
        proxy.initialize(self._engine)

    def close(self) -> None:
        """Finish the queued jobs and stop the writer. The connections of other threads close with their threads."""
        if self._writer is not None:
            self._jobs.put(None)
            self._writer.join()
            self._writer = None
        self.healthy = False
        self._engine.close()

    def write(self, job: Callable[[], T], *, then: Callable[[], None] | None = None, durable: bool = True) -> T:
        """Run a job in the writer and wait for its commit. Not for the event loop's thread.

        then: called once per commit, after it, in the writer (a wake); it must neither block nor raise.
        durable: synced to disk before the result is told. Without it the commit survives the end of the process, and
        a power cut may take it back together with everything after it: for what nobody outside was told yet.
        Raises what the job raised, or StoreUnavailable.
        """
        entry = _Job(job, then, durable)
        waiter: Future[Any] = Future()
        entry.waiter = waiter
        self._submit(entry)
        result: T = waiter.result()
        return result

    async def write_async(
        self, job: Callable[[], T], *, then: Callable[[], None] | None = None, durable: bool = True
    ) -> T:
        """`write` for the event loop. The job commits even when the waiting task is cancelled."""
        entry = _Job(job, then, durable)
        entry.loop = asyncio.get_running_loop()
        entry.waiter = waiter = entry.loop.create_future()
        self._submit(entry)
        result: T = await waiter
        return result

    def in_writer(self) -> bool:
        """Whether the calling thread is the writer."""
        return threading.current_thread() is self._writer

    def _submit(self, job: _Job) -> None:
        if not self.healthy:
            raise _unavailable()
        self._jobs.put(job)

    def _serve(self) -> None:
        while True:
            group, last = self._take()
            if group:
                fatal = self._commit(group)
                self._answer(group)
                if fatal is not None:
                    self._die(fatal)
                    return
            if last:
                self._engine.close()
                return

    def _take(self) -> tuple[list[_Job], bool]:
        """The jobs that wait now, at least one; True when the queue was told to end."""
        group: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            group.append(job)
            if len(group) == GROUP:
                return group, False
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _commit(self, group: list[_Job]) -> BaseException | None:
        """Run a group in one transaction. Returns the error that must end the writer, if any."""
        try:
            self._engine.sync_commits(any(job.durable for job in group))
            self._engine.run(self._engine.begin_statement)
            for job in group:
                self._run(job, alone=len(group) == 1)
            self._engine.run("COMMIT")
        except (peewee.PeeweeException, sqlite3.Error, _TransactionLost) as error:
            log.error("store.group_lost", jobs=len(group), error=str(error))
            for job in group:
                job.result, job.error = None, _unavailable()
            self._abandon()
            return error if _is_fatal(error) else None
        return None

    def _run(self, job: _Job, *, alone: bool) -> None:
        """One job in a savepoint. A job alone in its group needs none: its failure takes back the whole group."""
        if not alone:
            self._engine.run("SAVEPOINT job")
        try:
            job.result = job.run()
        except Exception as error:  # whatever it is, it goes to the one who waits for this job
            if not self._engine.stands() or _is_fatal(error):
                raise _TransactionLost(str(error)) from error
            job.error = _outward(error)
            if alone:
                self._engine.run("ROLLBACK")
                self._engine.run(self._engine.begin_statement)
            else:
                self._engine.run("ROLLBACK TO SAVEPOINT job")
        if not alone:
            self._engine.run("RELEASE SAVEPOINT job")

    def _abandon(self) -> None:
        """Leave no half transaction behind, whatever state the connection is in."""
        try:
            if self._engine.stands():
                self._engine.run("ROLLBACK")
        except (peewee.PeeweeException, sqlite3.Error) as error:
            log.error("store.rollback_failed", error=str(error))
            self._engine.close()

    def _answer(self, group: list[_Job]) -> None:
        """After the commit: answer threads one by one, each event loop with a single call, then wake whom it concerns.

        The wakes come first: they only set flags, and who waits for a result may already act on it.
        """
        wakes = dict.fromkeys(job.then for job in group if job.then is not None and job.error is None)
        for wake in wakes:
            wake()
        loops: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
        for job in group:
            if job.loop is None:
                job.answer()
            else:
                loops.setdefault(job.loop, []).append(job)
        for loop, jobs in loops.items():
            try:
                loop.call_soon_threadsafe(_answer_all, jobs)
            except RuntimeError:
                log.info("store.waiters_gone", jobs=len(jobs))  # the loop was closed; the rows stand

    def _die(self, error: BaseException) -> None:
        """The disk failed: nobody may go on believing that things are kept."""
        self.healthy = False
        log.critical("store.writer_died", error=str(error))
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is not None:
                job.error = _unavailable()
                self._answer([job])
        self.on_fatal(error)


def _answer_all(jobs: list[_Job]) -> None:
    for job in jobs:
        job.answer()


def _outward(error: Exception) -> Exception:
    """A database error of one job is a `Later`; everything else goes out as it is."""
    if isinstance(error, peewee.PeeweeException) and not isinstance(error, peewee.IntegrityError):
        log.error("store.job_failed", error=str(error))
        return _unavailable()
    return error


_FATAL = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_READONLY}


def _is_fatal(error: BaseException) -> bool:
    """Whether the disk or the file itself is broken; a lock or a full disk passes."""
    seen: BaseException | None = error
    while seen is not None:
        for candidate in (seen, *seen.args):
            code = getattr(candidate, "sqlite_errorcode", None)
            if code is not None and (code & 0xFF) in _FATAL:
                return True
        seen = seen.__cause__
    return False


class SqliteEngine(peewee.SqliteDatabase):
    """SQLite in WAL mode, synced at every commit unless `sync_commits` says otherwise for the commits that follow."""

    begin_statement = "BEGIN IMMEDIATE"
    _syncs = True

    def statement(self, statement: str, params: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement on this thread's connection."""
        connection: sqlite3.Connection = self.connection()  # type: ignore[no-untyped-call]
        return connection.execute(statement, params)

    def sync_commits(self, sync: bool) -> None:
        """Whether the commits of this connection are synced; outside of a transaction only.

        The log of a database in WAL mode is written in order: a synced commit makes all before it durable as well.
        """
        if sync != self._syncs:
            self.run(f"PRAGMA synchronous = {'full' if sync else 'normal'}")
            self._syncs = sync

    def stands(self) -> bool:
        """Whether a transaction is open on this thread's connection."""
        return bool(self.connection().in_transaction)  # type: ignore[no-untyped-call]

    def run(self, statement: str) -> None:
        """Run a statement without parameters."""
        self.statement(statement)


def connect(url: str) -> SqliteEngine:
    """The engine for `sqlite:///relative/path` or `sqlite:////absolute/path`. Nothing is opened yet."""
    parts = urlsplit(url)
    if parts.scheme != "sqlite" or parts.netloc:
        raise ValueError(f"{parts.scheme}: is not a database that Casegate can use; write sqlite:///path/to/file.db")
    path = Path(parts.path[1:])
    path.parent.mkdir(parents=True, exist_ok=True)
    return SqliteEngine(
        os.fspath(path),
        pragmas={
            "journal_mode": "wal",
            "synchronous": "full",
            "foreign_keys": 1,
            "busy_timeout": 5_000,
            "cache_size": -16_000,
            "wal_autocheckpoint": 4_000,  # pages; hot pages are copied once for many commits
            "temp_store": "memory",
        },
    )

"""The database: one connection per thread for reading, one for writing that commits in groups.

Theory of operation (HARDENING rule 2). A write is a job: a function that runs statements. Jobs wait in a queue; whoever
has the turn takes up to 64 of them into one transaction, each in a savepoint of its own, and commits once, so that
sessions that end together share one sync; a group in which no job asked for durability is not synced at all. A thread
that writes takes the turn itself, on the one connection that writes: handing a job to another thread and waiting for it
costs more than most jobs (measured). What event loops ask for is done by the writer thread, so that they never wait.

Results leave only after the commit. When the transaction is lost on the way (a full disk rolls back the whole of it,
measured) or the commit fails, nothing more runs in that group and every job of it answers `StoreUnavailable`. A job
whose waiter went away still commits. An error of the disk ends all writing: waiting jobs answer `StoreUnavailable`,
`healthy` turns False and `on_fatal` is called so that the process can exit.
"""

import asyncio
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import peewee
import structlog

from gateway.errors import StoreUnavailable

T = TypeVar("T")
GROUP = 64  # jobs in one transaction
BUSY_TIMEOUT = 5_000  # ms to wait for another process that writes
READERS_TIMEOUT = 100  # ms to wait for those who read, before the log is cut off; nobody writes meanwhile

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
    except (sqlite3.Error, peewee.PeeweeException) as error:  # peewee's own when the connection cannot be made
        log.error("store.statement_failed", error=str(error))
        raise _unavailable() from error


def _unavailable() -> StoreUnavailable:
    return StoreUnavailable("The database does not take changes at the moment")


class _Job:
    """A function to run in a write transaction, and what became of it. future: of the event loop that waits, if any."""

    __slots__ = ("done", "durable", "error", "future", "result", "run", "then")

    def __init__(
        self,
        run: Callable[[], Any],
        then: Callable[[], None] | None,
        durable: bool,
        future: asyncio.Future[Any] | None = None,
    ) -> None:
        self.run = run
        self.then = then
        self.durable = durable
        self.future = future
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None

    def answer(self) -> None:
        """Resolve the future, in its loop. A client that hung up has cancelled it; the job stands all the same."""
        if self.future is None or self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class _TransactionLost(Exception):
    """The open transaction vanished under a job."""


class Database:
    """The open database of a process. Create it once, `open` it, `close` it when every door is shut."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.healthy = False
        self.on_fatal: Callable[[BaseException], None] = lambda error: None
        self._jobs: deque[_Job] = deque()
        self._turn = threading.Lock()
        self._asked = threading.Event()
        self._closing = False
        self._writer: threading.Thread | None = None
        self._engine = connect(url)

    def open(self) -> None:
        """Bind the models to this database and take writes. The schema must exist (`store.migrations`)."""
        self.bind()
        self.healthy = True
        self._writer = threading.Thread(target=self._serve, name="writer", daemon=True)
        self._writer.start()

    def bind(self) -> None:
        """Make this the database of the process without taking writes (migrations, checks)."""
        proxy.initialize(self._engine)

    def close(self) -> None:
        """Finish the waiting jobs and take no more. The connections of other threads close with their threads."""
        with self._turn:
            self._closing = True
            while self._jobs:
                self._commit_next()
            self.healthy = False
            self._engine.close_writing()
        if self._writer is not None:
            self._asked.set()
            self._writer.join()
            self._writer = None
        self._engine.close()

    def write(self, job: Callable[[], T], *, then: Callable[[], None] | None = None, durable: bool = True) -> T:
        """Run a job in a write transaction. Blocks until its commit; not for the thread of the servers' event loop.

        then: called once per commit, after it (a wake); it must neither block nor raise.
        durable: synced to disk before the result is told. Without it the commit survives the end of the process, and
        a power cut may take it back together with everything after it: for what nobody outside was told yet.
        Raises what the job raised, or StoreUnavailable.
        """
        if self._engine.is_writing():
            raise RuntimeError("a job that writes is in its transaction already")
        entry = _Job(job, then, durable)
        self._submit(entry)
        with self._turn:  # who had it before may have done this job already
            while not entry.done:
                self._commit_next()
        if entry.error is not None:
            raise entry.error
        result: T = entry.result
        return result

    def forget_log(self) -> bool:
        """Have the log give back what it holds of rows that were changed since. Not within a write job.

        Returns False when somebody reads so long that it cannot: then the log is written over with time.
        """
        with self._turn:
            if not self.healthy:
                raise _unavailable()
            with self._engine.writing():
                return self._engine.truncate_log()

    def is_writing(self) -> bool:
        """Whether this thread is inside a job of `write`."""
        return self._engine.is_writing()

    async def write_async(
        self, job: Callable[[], T], *, then: Callable[[], None] | None = None, durable: bool = True
    ) -> T:
        """`write` for an event loop. The job commits even when the waiting task is cancelled."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._submit(_Job(job, then, durable, future))
        self._asked.set()
        return await future

    def _submit(self, job: _Job) -> None:
        if not self.healthy or self._closing:
            raise _unavailable()
        self._jobs.append(job)

    def _serve(self) -> None:
        """The writer thread: does what event loops asked for; what comes while it closes hears that it is too late."""
        while not self._closing or self._jobs:
            self._asked.wait()
            self._asked.clear()
            with self._turn:
                while self._jobs:
                    self._commit_next()

    def _commit_next(self) -> None:
        """Commit the jobs that wait now, at most GROUP, and tell the results. The caller has the turn."""
        group = [self._jobs.popleft() for _ in range(min(GROUP, len(self._jobs)))]
        fatal: BaseException | None = None
        if self.healthy:
            fatal = self._commit(group)
        else:
            _fail(group)
        if fatal is not None:
            self._die(fatal)  # before the answers: whoever hears of the failure finds the writing ended
        self._answer(group)

    def _commit(self, group: list[_Job]) -> BaseException | None:
        """Run a group in one transaction. Returns the error that must end the writer, if any."""
        try:
            with self._engine.writing():
                self._engine.sync_commits(any(job.durable for job in group))
                self._engine.run(self._engine.begin_statement)
                for job in group:
                    self._run(job, alone=len(group) == 1)
                self._engine.run("COMMIT")
        except (peewee.PeeweeException, sqlite3.Error, _TransactionLost) as error:
            log.error("store.group_lost", jobs=len(group), error=str(error))
            _fail(group)
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
                with self._engine.writing():
                    self._engine.run("ROLLBACK")
        except (peewee.PeeweeException, sqlite3.Error) as error:
            log.error("store.rollback_failed", error=str(error))
            self._engine.close_writing()

    def _answer(self, group: list[_Job]) -> None:
        """After the commit: wake whom it concerns, then tell the results, each event loop with a single call."""
        wakes = dict.fromkeys(job.then for job in group if job.then is not None and job.error is None)
        for wake in wakes:
            wake()
        loops: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
        for job in group:
            job.done = True
            if job.future is not None:
                loops.setdefault(job.future.get_loop(), []).append(job)
        for loop, jobs in loops.items():
            try:
                loop.call_soon_threadsafe(_answer_all, jobs)
            except RuntimeError:
                log.info("store.waiters_gone", jobs=len(jobs))  # the loop was closed; the rows stand

    def _die(self, error: BaseException) -> None:
        """The disk failed: nobody may go on believing that things are kept. Jobs that wait answer `Later`."""
        self.healthy = False
        log.critical("store.writing_ended", error=str(error))
        self._asked.set()
        self.on_fatal(error)


def _answer_all(jobs: list[_Job]) -> None:
    for job in jobs:
        job.answer()


def _fail(jobs: list[_Job]) -> None:
    for job in jobs:
        job.result, job.error = None, _unavailable()


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

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._here = threading.local()  # .writing: whether this thread has the turn
        self._writer: sqlite3.Connection | None = None
        self._syncs = True

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Within it, this thread's statements run on the one connection that writes."""
        if self._writer is None:
            self._writer, self._syncs = self._connect(), True  # type: ignore[attr-defined]
        self._here.writing = True
        try:
            yield
        finally:
            self._here.writing = False

    def is_writing(self) -> bool:
        """Whether this thread is within `writing`."""
        return getattr(self._here, "writing", False)

    def close_writing(self) -> None:
        """Close the connection that writes; the next `writing` opens another one."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def statement(self, statement: str, params: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement on the connection that is this thread's now."""
        if self.is_writing() and self._writer is not None:
            return self._writer.execute(statement, params)
        connection: sqlite3.Connection = self.connection()  # type: ignore[no-untyped-call]
        return connection.execute(statement, params)

    def sync_commits(self, sync: bool) -> None:
        """Whether the commits of the connection that writes are synced; outside of a transaction only.

        The log of a database in WAL mode is written in order: a synced commit makes all before it durable as well.
        """
        if sync != self._syncs:
            self.run(f"PRAGMA synchronous = {'full' if sync else 'normal'}")
            self._syncs = sync

    def truncate_log(self) -> bool:
        """Bring the log into the database and cut it off; outside of a transaction only. Returns whether it was."""
        self.run(f"PRAGMA busy_timeout = {READERS_TIMEOUT}")
        try:
            return bool(self.statement("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
        finally:
            self.run(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")

    def stands(self) -> bool:
        """Whether a transaction is open on the connection that writes."""
        return self._writer is not None and self._writer.in_transaction

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
        check_same_thread=False,  # the connection that writes goes from thread to thread with the turn
        pragmas={
            "journal_mode": "wal",
            "synchronous": "full",
            "foreign_keys": 1,
            "busy_timeout": BUSY_TIMEOUT,
            "cache_size": -16_000,
            "wal_autocheckpoint": 4_000,  # pages; hot pages are copied once for many commits
            "temp_store": "memory",
            "secure_delete": 1,  # what is erased is overwritten, not only unlinked (HARDENING rule 25)
        },
    )

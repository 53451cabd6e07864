"""The queue of wakes: Huey on SQLite, whose workers hear a wake of their own process at once and poll for others."""

import sqlite3
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

import structlog
from huey import Huey
from huey.consumer import Consumer
from huey.exceptions import HueyException
from huey.storage import SqliteStorage

POLL = 0.2  # seconds between looks for wakes of other processes
WIND_UP = 4.0  # seconds that workers get at the end for what is in hand; with the doors' own it stays below ten
REST = 0.02  # seconds between two wakes of one kind: all rings within them are one

Queue = Huey  # the name by which others know it

log = structlog.get_logger("queue")


class WakingStorage(SqliteStorage):
    """SQLite storage that tells waiting readers of this process about a new task."""

    blocking = True  # `dequeue` waits by itself

    def __init__(self, *args: object, **options: object) -> None:
        self._arrived = threading.Condition()
        self._enqueued = 0
        super().__init__(*args, **options)

    def enqueue(self, data: bytes, priority: float | None = None) -> None:
        """Add a task and wake one reader."""
        super().enqueue(data, priority)
        with self._arrived:
            self._enqueued += 1
            self._arrived.notify()

    def dequeue(self) -> bytes | None:
        """The next task, or None after `POLL` seconds without one."""
        with self._arrived:
            seen = self._enqueued
        data: bytes | None = super().dequeue()
        if data is None:
            with self._arrived:
                if self._enqueued == seen:
                    self._arrived.wait(POLL)
        return data


def make_queue(url: str) -> Huey:
    """The queue at `sqlite:///path`. Its file is not synced: what a power cut takes from it, the sweep finds again."""
    path = urlsplit(url).path[1:]
    return Huey("casegate", results=False, storage_class=WakingStorage, filename=path, fsync=False)


class QuietConsumer(Consumer):
    """A consumer for a process that has its own signal handling."""

    def _set_signal_handlers(self) -> None:
        """Huey would take SIGTERM away from the servers of this process."""


def make_consumer(queue: Huey, workers: int) -> QuietConsumer:
    """A consumer whose threads run in this process after `start()` and end with `stop(graceful=True)`."""
    return QuietConsumer(queue, workers=workers, periodic=True, scheduler_interval=1, shutdown_timeout=WIND_UP)


class Bell:
    """Turns rings into tasks. Ringing is cheap, never blocks and never fails; a ring that gets lost costs a minute."""

    def __init__(self) -> None:
        self._rung: dict[Callable[[], object], None] = {}
        self._lock = threading.Lock()
        self._ringing = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="bell", daemon=True)

    def start(self) -> None:
        """Begin to enqueue."""
        self._thread.start()

    def stop(self) -> None:
        """Enqueue what was rung, then end."""
        self._ended.set()
        self._ringing.set()
        if self._thread.is_alive():
            self._thread.join()

    def ring(self, enqueue: Callable[[], object]) -> None:
        """Have that task enqueued soon; rings for the same task before that are one."""
        with self._lock:
            if enqueue in self._rung:
                return  # whoever set the event for it comes after this ring
            self._rung[enqueue] = None
        self._ringing.set()

    def _serve(self) -> None:
        while not self._ended.is_set() or self._rung:
            self._ringing.wait()
            self._ringing.clear()
            with self._lock:
                rung, self._rung = self._rung, {}
            for enqueue in rung:
                try:
                    enqueue()
                except (sqlite3.Error, OSError, HueyException) as error:
                    log.error("queue.wake_lost", error=str(error))  # the sweep of the next minute finds the rows
            self._ended.wait(REST)


class Alone:
    """Runs a piece of work in one thread at a time; a call while it is busy makes it start over.

    A second thread would only fight with the first for the interpreter (measured: a fifth more CPU for each mail).
    """

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._place = threading.Lock()
        self._called = False

    def nudge(self) -> bool:
        """Have it start over if it is at work in this process. False when it is not: then somebody must call it."""
        self._called = True
        return self._place.locked()  # who holds it looks at _called after letting go

    def __call__(self) -> None:
        """Work until nobody has called meanwhile, or leave it to who is at it."""
        self._called = True
        while self._called and self._place.acquire(blocking=False):
            try:
                self._called = False
                self._work()
            finally:
                self._place.release()

"""Wakes: they arrive at once within a process, and losing them loses nothing (DESIGN §4)."""

import pickle
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from huey import Huey

from tasks import queue as queue_module
from tasks.queue import Alone, Bell, QuietConsumer, WakingStorage, make_consumer, make_queue

PATIENCE = 30  # seconds that a test waits for what must come; it comes at once


class Count:
    """Counts calls, and lets a test wait for the next."""

    def __init__(self) -> None:
        self.calls = 0
        self._changed = threading.Condition()

    def __call__(self) -> None:
        with self._changed:
            self.calls += 1
            self._changed.notify_all()

    def wait_for(self, calls: int) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.calls >= calls, PATIENCE)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


@pytest.fixture
def queue(path: Path) -> Huey:
    return make_queue(f"sqlite:///{path}")


@contextmanager
def at_work(queue: Huey, workers: int = 2) -> Iterator[QuietConsumer]:
    consumer = make_consumer(queue, workers)
    consumer.start()
    try:
        yield consumer
    finally:
        consumer.stop(graceful=True)


def declare(queue: Huey, work: Callable[[], object], name: str = "job") -> Callable[[], object]:
    @queue.task(name=name)
    def job() -> None:
        work()

    return job


# Arriving


@pytest.fixture
def never_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that missed a wake would wait for an hour."""
    monkeypatch.setattr(queue_module, "POLL", 3_600.0)


def read_one(storage: WakingStorage) -> bytes:
    """As a worker does: it asks again when it was told of nothing."""
    data = storage.dequeue()
    while data is None:
        data = storage.dequeue()
    return data


@pytest.mark.usefixtures("never_polls")
def test_a_waiting_reader_hears_of_every_task_without_polling(queue: Huey) -> None:
    """One task after the other, each put in when the one before has arrived: the reader waits, or is about to."""
    storage: WakingStorage = queue.storage
    arrived: list[bytes] = []
    got = Count()

    def read() -> None:
        while arrived[-1:] != [b"end"]:
            arrived.append(read_one(storage))
            got()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    sent = [b"%d" % number for number in range(300)] + [b"end"]
    for place, data in enumerate(sent, 1):
        storage.enqueue(data)
        assert got.wait_for(place), f"task {place} did not wake the reader"
    reader.join(PATIENCE)
    assert [bytes(data) for data in arrived] == sent


@pytest.mark.usefixtures("never_polls")
def test_several_readers_share_what_comes(queue: Huey) -> None:
    storage: WakingStorage = queue.storage
    arrived: list[bytes] = []
    got = Count()

    def read() -> None:
        while (data := bytes(read_one(storage))) != b"end":
            arrived.append(data)
            got()

    readers = [threading.Thread(target=read, daemon=True) for _ in range(4)]
    for reader in readers:
        reader.start()
    sent = [b"%d" % number for number in range(100)]
    for data in sent:
        storage.enqueue(data)
    assert got.wait_for(len(sent))
    for _ in readers:
        storage.enqueue(b"end")
    for reader in readers:
        reader.join(PATIENCE)
        assert not reader.is_alive()
    assert sorted(arrived) == sorted(sent)


def test_a_wake_of_another_process_is_found_by_polling(queue: Huey, path: Path) -> None:
    done = Count()
    job = declare(queue, done)
    with at_work(queue):
        job()
        assert done.wait_for(1)
        elsewhere = make_queue(f"sqlite:///{path}")  # knows nothing of the readers here
        declare(elsewhere, lambda: None)()
        assert done.wait_for(2)


def test_a_task_runs_once(queue: Huey) -> None:
    done, others = Count(), Count()
    job, other = declare(queue, done), declare(queue, others, "other")
    with at_work(queue, workers=4):
        job()
        other()
        assert done.wait_for(1)
        assert others.wait_for(1)
        other()
        assert others.wait_for(2)
    assert (done.calls, others.calls) == (1, 2)


def test_a_task_that_fails_does_not_end_its_worker(queue: Huey) -> None:
    done = Count()

    def fail() -> None:
        raise RuntimeError("met something unexpected")

    failing, job = declare(queue, fail, "failing"), declare(queue, done)
    with at_work(queue, workers=1):
        failing()
        job()
        assert done.wait_for(1)


def test_nothing_is_kept_of_what_ran(queue: Huey, path: Path) -> None:
    done = Count()
    job = declare(queue, done)
    with at_work(queue):
        job()
        assert done.wait_for(1)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT (SELECT count(*) FROM task) + (SELECT count(*) FROM kv)").fetchone() == (0,)


# The process around it


def test_signals_stay_with_the_servers_of_the_process(queue: Huey) -> None:
    """Huey would take SIGTERM and SIGINT from them, and start the process again on SIGHUP."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    with at_work(queue):
        assert [signal.getsignal(number) for number in numbers] == before
    assert [signal.getsignal(number) for number in numbers] == before


def test_a_stopped_consumer_leaves_no_thread(queue: Huey) -> None:
    before = set(threading.enumerate())
    with at_work(queue) as consumer:
        assert consumer is not None
        assert len(set(threading.enumerate()) - before) == 3  # two workers and the scheduler
    assert set(threading.enumerate()) - before == set()


def test_stopping_waits_for_the_task_in_hand(queue: Huey) -> None:
    begun, may_end, done = threading.Event(), threading.Event(), Count()

    def work() -> None:
        begun.set()
        assert may_end.wait(PATIENCE)
        done()

    job = declare(queue, work)
    with at_work(queue, workers=1) as consumer:
        job()
        assert begun.wait(PATIENCE)
        consumer.stop()  # from now on it takes nothing new
        may_end.set()
    assert done.calls == 1


# Losing the queue


def delete(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


def test_a_queue_whose_file_was_deleted_starts_empty(queue: Huey, path: Path) -> None:
    declare(queue, lambda: None)()
    delete(path)
    again, done = make_queue(f"sqlite:///{path}"), Count()
    job = declare(again, done)
    with at_work(again):
        job()
        assert done.wait_for(1)


def test_deleting_the_file_at_work_stops_no_worker_and_no_bell(queue: Huey, path: Path) -> None:
    done, bell = Count(), Bell()
    job = declare(queue, done)
    bell.start()
    with at_work(queue):
        bell.ring(job)
        assert done.wait_for(1)
        delete(path)
        bell.ring(job)
        assert done.wait_for(2)
    bell.stop()


def test_a_wake_tells_nothing_but_that_there_is_work(queue: Huey, path: Path) -> None:
    """What is due stands in rows; whatever a task carried would be lost with the queue."""
    declare(queue, lambda: None)()
    (data,) = [row[0] for row in sqlite3.connect(path).execute("SELECT data FROM task")]
    message = pickle.loads(data)
    assert (message.args, message.kwargs) == ((), {})


# The bell


def test_rings_for_one_task_before_it_is_enqueued_are_one() -> None:
    first, other, bell = Count(), Count(), Bell()
    for _ in range(1_000):
        bell.ring(first)
        bell.ring(other)
    bell.start()
    bell.stop()
    assert (first.calls, other.calls) == (1, 1)


def test_a_ring_while_the_task_is_being_enqueued_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker may have looked already when it came."""
    monkeypatch.setattr(queue_module, "REST", 0.0)
    begun, may_end, calls, bell = threading.Event(), threading.Event(), Count(), Bell()

    def enqueue() -> None:
        begun.set()
        assert may_end.wait(PATIENCE)
        calls()

    bell.start()
    bell.ring(enqueue)
    assert begun.wait(PATIENCE)
    bell.ring(enqueue)
    may_end.set()
    assert calls.wait_for(2)
    bell.stop()
    assert calls.calls == 2


def test_every_ring_is_followed_by_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "REST", 0.0)
    calls, bell = Count(), Bell()
    bell.start()
    for number in range(1, 301):
        bell.ring(calls)
        assert calls.wait_for(number)
    bell.stop()


@pytest.mark.parametrize("error", [sqlite3.OperationalError("database is locked"), OSError("disk")])
def test_a_queue_that_fails_costs_its_wake_only(error: Exception) -> None:
    def fail() -> None:
        raise error

    calls, bell = Count(), Bell()
    bell.start()
    bell.ring(fail)
    bell.ring(calls)
    assert calls.wait_for(1)
    bell.ring(calls)
    assert calls.wait_for(2)
    bell.stop()


def test_a_bell_that_stops_enqueues_what_was_rung() -> None:
    calls, bell = Count(), Bell()
    bell.start()
    bell.ring(calls)
    bell.stop()
    assert calls.calls == 1


def test_a_bell_that_never_started_can_be_stopped() -> None:
    Bell().stop()


# Alone


class Work:
    """Work that a test holds: each run waits to be let go."""

    def __init__(self) -> None:
        self.runs = Count()
        self.at_once = 0
        self.most_at_once = 0
        self.may_end = threading.Semaphore(0)

    def __call__(self) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.runs()
        assert self.may_end.acquire(timeout=PATIENCE)
        self.at_once -= 1


def in_thread(call: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=call)
    thread.start()
    return thread


def test_work_runs_alone_and_again_when_it_was_called_meanwhile() -> None:
    work = Work()
    alone = Alone(work)
    worker = in_thread(alone)
    assert work.runs.wait_for(1)
    for _ in range(5):
        alone()  # returns at once: the worker at it has heard
    work.may_end.release()
    assert work.runs.wait_for(2)  # five calls, one more run: what they announced is found by it
    work.may_end.release()
    worker.join(PATIENCE)
    assert (work.runs.calls, work.most_at_once) == (2, 1)


def test_a_call_after_the_end_runs_again() -> None:
    runs = Count()
    alone = Alone(runs)
    alone()
    alone()
    assert runs.calls == 2


def test_every_call_is_followed_by_a_run_that_begins_after_it() -> None:
    """Else a row that was written just before the call would wait for the sweep."""
    written, seen = [0], [0]

    def work() -> None:
        seen[0] = written[0]

    alone = Alone(work)
    lock = threading.Lock()

    def write_and_call() -> None:
        for _ in range(500):
            with lock:
                written[0] += 1
            alone()

    threads = [in_thread(write_and_call) for _ in range(4)]
    for thread in threads:
        thread.join(PATIENCE)
    assert seen == written == [2_000]


def test_work_that_failed_can_be_called_again() -> None:
    calls = Count()

    def work() -> None:
        calls()
        if calls.calls == 1:
            raise RuntimeError("met something unexpected")

    alone = Alone(work)
    with pytest.raises(RuntimeError):
        alone()
    alone()
    assert calls.calls == 2


def test_a_nudge_makes_work_that_is_under_way_start_over() -> None:
    begun, may_end, times = threading.Event(), threading.Event(), []

    def work() -> None:
        times.append(1)
        begun.set()
        assert may_end.wait(30)

    alone = Alone(work)
    assert not alone.nudge(), "nobody is at it: the caller has to wake a worker"
    worker = threading.Thread(target=alone)
    worker.start()
    assert begun.wait(30)
    assert alone.nudge()
    may_end.set()
    worker.join(30)
    assert len(times) == 2

"""Heavy work in a child process that can be killed, since C code in a thread cannot be interrupted (HARDENING rule 18).

Theory of operation. A child reads jobs from its standard input, one after the other, and writes the results to its
standard output; jobs and results are pickles behind their length. Before each job it raises its own limit of CPU time
by what the job may take, so that the kernel ends it however deep in C it is; the limit of memory stands from its
start. The parent only watches the wall clock. Children start with the first job, as new processes and not by fork
(the parent has threads), are replaced after some jobs, and leave by themselves when there is nothing to do.

A child gets none of our settings from the environment, may write no files, open no sockets and start no programs.
That holds for Python code; it is no sandbox against somebody who took over the process.
"""

import json
import math
import os
import pickle
import resource
import select
import signal
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from typing import IO, Any, Final, ParamSpec, TypeVar, cast

from gateway.errors import Later

P = ParamSpec("P")
T = TypeVar("T")

_LEFT_IDLE, _OUT_OF_MEMORY = 3, 4  # exit statuses of a child
_CAUSES: Final = {
    _OUT_OF_MEMORY: "it took too much memory",
    -signal.SIGXCPU: "it took too much CPU time",
    -signal.SIGKILL: "it took too long",
}
_ENDING_SECONDS: Final = 5  # between the end of a child's output and its own
_PIECE: Final = 1024 * 1024
_WALL_FACTOR: Final = 6  # a busy machine gives a process a fraction of a processor
_LENGTH: Final = struct.Struct(">Q")
_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from gateway.heavy import work; work(*sys.argv[2:])"
_FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.kill")


class Killed(Exception):
    """The work took more time or memory than it may have, or it ended the process. Nothing is known of its result."""


class Workshop:
    """Runs functions in child processes. Threads may share it; a call waits for a free child and for the result."""

    def __init__(
        self,
        *,
        cpu_seconds: int = 10,
        memory_bytes: int = 512 * 1024 * 1024,
        recycle: int = 200,
        idle_seconds: float = 60,
        children: int = 1,
    ) -> None:
        """cpu_seconds, memory_bytes (of address space): what one job may take. recycle: jobs of one child.

        idle_seconds: after so long without a job a child leaves. children: how many work at the same time.
        """
        self._limits = (cpu_seconds, memory_bytes, idle_seconds)
        self._recycle = recycle
        self._free = threading.Semaphore(children)
        self._lock = threading.Lock()
        self._idle: list[_Child] = []
        self._working: set[_Child] = set()
        self._closed = False

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function of some module in a child; it, its arguments and its result are pickled.

        Raises Killed, Later when the workshop is closed, and whatever the function raises.
        """
        job = pickle.dumps((function, args, kwargs), pickle.HIGHEST_PROTOCOL)
        with self._free:
            answer = self._ask(job)
        returned, result = pickle.loads(answer)  # noqa: S301 - from our own child
        if not returned:
            raise result
        value: T = result
        return value

    def close(self) -> None:
        """End the children; calls that wait for one raise Later."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for child in self._working:
                child.kill()  # whoever waits for it sees it end
        for child in idle:
            child.end()

    def _ask(self, job: bytes) -> bytes:
        while True:
            child = self._take()
            answer = child.ask(job, _WALL_FACTOR * self._limits[0])
            self._give_back(child, answered=answer is not None)
            if answer is not None:
                return answer
            status = child.status()
            if self._closed:
                raise Later("The service is shutting down")
            if status != _LEFT_IDLE:  # else it left in the moment in which it was asked
                raise Killed(_CAUSES.get(status, f"its process ended with status {status}"))

    def _take(self) -> "_Child":
        with self._lock:
            if self._closed:
                raise Later("The service is shutting down")
            child = None
            while child is None and self._idle:
                child = self._idle.pop()
                if child.has_ended():
                    child.end()
                    child = None
            child = child or _Child(*self._limits)
            self._working.add(child)
            return child

    def _give_back(self, child: "_Child", *, answered: bool) -> None:
        with self._lock:
            self._working.discard(child)
            if answered and child.jobs < self._recycle and not self._closed:
                self._idle.append(child)
                return
        if answered:
            child.end()


class _Child:
    """A process that does one job after the other."""

    def __init__(self, cpu_seconds: int, memory_bytes: int, idle_seconds: float) -> None:
        limits = map(str, (cpu_seconds, memory_bytes, idle_seconds))
        self.jobs = 0
        self._memory_bytes = memory_bytes
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-B", "-c", _START, json.dumps(sys.path), *limits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={name: value for name, value in os.environ.items() if not name.startswith("CASEGATE_")},
        )
        self._to = cast(IO[bytes], self._process.stdin)
        self._from = cast(IO[bytes], self._process.stdout)

    def ask(self, job: bytes, seconds: float) -> bytes | None:
        """The answer to a job, None when the process ended instead. seconds: how long it may take by the clock."""
        self.jobs += 1
        watch = threading.Timer(seconds, self.kill)
        watch.daemon = True
        watch.start()
        try:
            _write(self._to.fileno(), job)
            return _read(self._from.fileno(), at_most=self._memory_bytes)
        except BrokenPipeError:
            return None
        finally:
            watch.cancel()

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> None:
        """Kill the process if it is still there, and leave nothing of it behind."""
        self.kill()
        self.status()

    def status(self) -> int:
        """The exit status of a process that ends, negative when a signal ended it."""
        try:
            status = self._process.wait(_ENDING_SECONDS)
        except subprocess.TimeoutExpired:  # it closed its output and goes on
            self.kill()
            status = self._process.wait()
        self._to.close()
        self._from.close()
        return status


# ------------------------------------------------------------------------------------------------------ in the child


def work(cpu_seconds: str, memory_bytes: str, idle_seconds: str) -> None:
    """Do jobs until there are none: the body of a child. The texts are numbers, see `Workshop`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    answers = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whatever prints does not write into an answer
    resource.setrlimit(resource.RLIMIT_AS, (int(memory_bytes), int(memory_bytes)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.addaudithook(_forbid)
    while select.select([0], [], [], float(idle_seconds))[0]:
        job = _read(0)
        if job is None:
            return  # the parent is gone
        used = resource.getrusage(resource.RUSAGE_SELF)
        until = math.ceil(used.ru_utime + used.ru_stime) + int(cpu_seconds)
        resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))
        try:
            answer = _answer(job)
        except MemoryError:
            os._exit(_OUT_OF_MEMORY)  # a parser may be left half done
        _write(answers, answer)
    os._exit(_LEFT_IDLE)


def _answer(job: bytes) -> bytes:
    """The pickle of (True, result) or (False, exception)."""
    try:
        function, args, kwargs = pickle.loads(job)  # noqa: S301 - from our own parent
        return pickle.dumps((True, function(*args, **kwargs)), pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - the outermost boundary of a job: the caller gets it, with its place
        error.add_note(f"in a child process:\n{traceback.format_exc()}")
        try:
            answer = pickle.dumps((False, error))
            pickle.loads(answer)  # noqa: S301 - some exceptions can be pickled and not be read again
        except (pickle.PicklingError, TypeError, AttributeError):
            return pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}")))
        return answer


def _forbid(event: str, _: tuple[Any, ...]) -> None:
    if event.startswith(_FORBIDDEN):
        raise PermissionError(f"{event} is not for a child that does heavy work")


# ---------------------------------------------------------------------------------------------------------- the pipe


def _write(pipe: int, data: bytes) -> None:
    for piece in (_LENGTH.pack(len(data)), data):
        view = memoryview(piece)
        while view:
            view = view[os.write(pipe, view) :]


def _read(pipe: int, at_most: int = sys.maxsize) -> bytes | None:
    """What was written, None when the other side is gone."""
    head = _read_exactly(pipe, _LENGTH.size)
    if head is None:
        return None
    (length,) = _LENGTH.unpack(head)
    return _read_exactly(pipe, length) if length <= at_most else None


def _read_exactly(pipe: int, length: int) -> bytes | None:
    data = bytearray()
    while len(data) < length:
        piece = os.read(pipe, min(length - len(data), _PIECE))
        if not piece:
            return None
        data += piece
    return bytes(data)

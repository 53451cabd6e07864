"""Heavy work in children that can be killed: results, errors, limits, and what a child may not do.

The functions that children run are found by their names, hence the ones of the standard library here.
"""

import builtins
import math
import operator
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.config import load
from gateway.errors import Later
from gateway.heavy import Killed, Workshop
from gateway.mail.files import Limits, pick
from gateway.mail.parse import MailFile, ParsedMail

MIB = 1024 * 1024


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    made = Workshop(cpu_seconds=1)
    yield made
    made.close()


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        threading.Event().wait(0.01)


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_results_come_from_another_process_that_stays(workshop: Workshop) -> None:
    assert workshop.run(math.sqrt, 9.0) == 3.0
    child = workshop.run(os.getpid)
    assert child != os.getpid()
    assert workshop.run(os.getpid) == child


def test_large_jobs_and_results(workshop: Workshop) -> None:
    data = os.urandom(20 * MIB)
    assert workshop.run(operator.add, data, b"!") == data + b"!"


def test_the_files_of_a_mail(workshop: Workshop) -> None:
    mail = ParsedMail((), files=(MailFile("a.txt", "text/plain", b"words"), MailFile("b.exe", "x/y", b"MZ\0")))
    assert workshop.run(pick, mail, None, Limits()) == pick(mail, None, Limits())


def test_errors_are_those_of_the_function(workshop: Workshop) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        workshop.run(operator.truediv, 1, 0)
    assert "in a child process" in caught.value.__notes__[0]
    with pytest.raises(UnicodeDecodeError):
        workshop.run(bytes.decode, b"\xff")
    with pytest.raises(RuntimeError, match=r"Invalid: .*does not exist"):  # an error that no pickle brings back
        workshop.run(load, Path("nothing.toml"))


def test_who_takes_too_much_time_is_killed_and_the_next_is_served(workshop: Workshop) -> None:
    with pytest.raises(Killed, match=r"CPU|too long"):  # on a busy machine the wall clock is first
        workshop.run(pow, 3, 10**9)  # one call of C code that no thread could interrupt
    assert workshop.run(math.sqrt, 9.0) == 3.0


def test_time_is_counted_for_each_job(workshop: Workshop) -> None:
    child = workshop.run(os.getpid)
    for _ in range(4):
        assert len(workshop.run(operator.mul, "x", 100_000_000)) == 100_000_000
    assert workshop.run(os.getpid) == child


def test_who_sleeps_for_ever_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.heavy._WALL_FACTOR", 0.3)
    workshop = Workshop(cpu_seconds=1)
    with pytest.raises(Killed, match="too long"):
        workshop.run(signal.pause)
    workshop.close()


def test_who_takes_too_much_memory_is_killed_and_the_next_is_served(workshop: Workshop) -> None:
    child = workshop.run(os.getpid)
    with pytest.raises(Killed, match="memory"):
        workshop.run(bytearray, 600 * MIB)
    assert workshop.run(os.getpid) != child


def test_who_ends_the_process_is_known(workshop: Workshop) -> None:
    with pytest.raises(Killed, match="status 7"):
        workshop.run(os._exit, 7)
    with pytest.raises(Killed, match=f"status -{int(signal.SIGABRT)}"):
        workshop.run(os.abort)


def test_children_are_replaced_and_leave_nothing_behind() -> None:
    workshop = Workshop(recycle=2)
    seen = [workshop.run(os.getpid) for _ in range(4)]
    assert seen[0] == seen[1] != seen[2] == seen[3]
    assert is_gone(seen[0])
    workshop.close()
    assert is_gone(seen[3])
    with pytest.raises(Later):
        workshop.run(os.getpid)


def test_a_child_without_work_leaves() -> None:
    workshop = Workshop(idle_seconds=0.01)
    child = workshop.run(os.getpid)
    eventually(lambda: Path(f"/proc/{child}/stat").read_text().split()[2] == "Z" if Path("/proc").exists() else True)
    assert workshop.run(os.getpid) != child
    workshop.close()


def test_no_child_before_the_first_job() -> None:
    workshop = Workshop()
    assert not workshop._idle
    assert not workshop._working
    workshop.close()


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (socket.socket, ()),
        (subprocess.call, (["true"],)),
        (os.system, ("true",)),
        (os.kill, (1, 0)),
    ],
)
def test_what_a_child_may_not_do(workshop: Workshop, function: Callable[..., object], args: tuple[object, ...]) -> None:
    with pytest.raises(PermissionError):
        workshop.run(function, *args)


def test_a_child_writes_no_files(workshop: Workshop, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too large"):
        workshop.run(Path.write_text, tmp_path / "file", "words")


def test_a_child_has_no_secrets_of_ours(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEGATE_HOOKS__SECRETS", '["whsec_x"]')
    assert workshop.run(os.getenv, "CASEGATE_HOOKS__SECRETS") is None


def test_printing_does_not_disturb_the_answers(workshop: Workshop) -> None:
    workshop.run(builtins.print, "words")
    workshop.run(os.write, 1, b"more words\n")
    assert workshop.run(math.sqrt, 9.0) == 3.0


def test_threads_share_a_workshop() -> None:
    workshop = Workshop(children=2)
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda n: workshop.run(math.sqrt, n * n), range(100))) == list(range(100))
        pids = set(threads.map(lambda _: workshop.run(os.getpid), range(20)))
    assert 1 <= len(pids) <= 2
    workshop.close()


def test_closing_ends_work_that_goes_on() -> None:
    workshop = Workshop()
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(workshop.run, signal.pause) for _ in range(2)]
        eventually(lambda: bool(workshop._working))
        workshop.close()
        for future in waiting:
            assert isinstance(future.exception(30), Later)

"""The gateway as a process of its own: started, watched by its log, killed and started again."""

import json
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.sink import PATIENCE

ROOT = Path(__file__).parent.parent


def free_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Running:
    """`casegate run`. Leaving the block kills what still runs."""

    def __init__(self, settings: Path) -> None:
        command = [sys.executable, "-m", "gateway", "run", "--config", str(settings)]
        self._process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        self._events: Counter[str] = Counter()
        self._lines: list[str] = []
        self._told = threading.Condition()
        self._reader = threading.Thread(target=self._read, name="log")
        self._reader.start()

    def __enter__(self) -> Self:
        self.wait_for("gateway.started")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()
        assert self._process.stderr is not None
        self._process.stderr.close()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._told:
                self._lines.append(line)
                if line.startswith("{"):
                    entry: dict[str, Any] = json.loads(line)
                    self._events[entry["event"]] += 1
                self._told.notify_all()
        with self._told:
            self._events["ended"] += 1
            self._told.notify_all()

    def wait_for(self, event: str, count: int = 1) -> None:
        """Wait until its log has told of an event so often."""
        with self._told:
            assert self._told.wait_for(lambda: self._events[event] >= count or self._events["ended"], PATIENCE), event
            assert self._events[event] >= count, "".join(self._lines[-20:])

    def kill(self) -> None:
        """End it as a power cut would, if it still runs."""
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def terminate(self) -> int:
        """Ask it to stop. Returns its exit status; it has ten seconds."""
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(10)
        self._reader.join()
        return status

    def send_kill(self) -> None:
        """Kill it without waiting."""
        self._process.kill()

"""Another process on the same rows and files, which keeps, posts and sweeps as it is told, line by line.

`Other` is the side of the test; the module itself, run with a folder, is that process.
"""

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Self

from gateway.cases.model import Attachment, Message, Role
from gateway.errors import StoreUnavailable
from store import cases, retention
from store.database import Database
from store.files import Files, Room
from store.identifiers import new_id
from tests.store.conftest import NOW

ROOT = Path(__file__).parent.parent.parent


def post(database: Database, digest: str, hours: float) -> str:
    """Write a message that refers to kept bytes. Returns its id. Raises StoreUnavailable."""
    now = NOW + timedelta(hours=hours)
    # No two messages have the same case and number, and none of these needs a case.
    message = Message(
        new_id("cmsg", now), new_id("case", now), 1, Role.CUSTOMER, None, "", "", now,
        attachments=(Attachment(new_id("catt", now), "lid.txt", "text/plain", 1, digest),),
    )  # fmt: skip
    database.write(lambda: cases.insert_message(message, participant_id=None, mail_id="", full_text=""))
    return message.id


def sweep_shelf(database: Database, files: Files, shelf: str, hours: float) -> int:
    """The part of a sweep that is about content. Returns how many files it removed."""
    removed = retention.remove_unused(database, files, shelf, NOW + timedelta(hours=hours))
    return removed + retention.remove_leftovers(database, files, Room.CONTENT, shelf)


class Other:
    """The process. Leaving the block kills it."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "tests.store.other_process", str(folder)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL)."""
        self._process.kill()
        self._process.communicate()

    def tell(self, *words: object) -> None:
        """Have it do something. Its answer may be read later."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")

    def answer(self) -> str:
        """The next line that it writes."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def do(self, *words: object) -> str:
        """Have it do something. Returns its answer."""
        self.tell(*words)
        return self.answer()


class Worker:
    """What the process does."""

    def __init__(self, folder: Path) -> None:
        self.files = Files(folder / "files")
        self.database = Database(f"sqlite:///{folder / 'cases.db'}")
        self.database.open()

    def keep(self, text: str, hours: str) -> str:
        """Keep bytes."""
        return self.files.keep([text.encode()], self.database, NOW + timedelta(hours=float(hours)))[0]

    def post(self, digest: str, hours: str) -> str:
        """Refer to them."""
        try:
            post(self.database, digest, float(hours))
        except StoreUnavailable:
            return "refused"
        return "posted"

    def keep_and_post(self, text: str, times: str) -> str:
        """Both, again and again, in a time that flies. Returns how often it was refused."""
        refused = 0
        for number in range(int(times)):
            try:
                digest = self.keep(f"{text}-{number % 7}", str(number))
            except StoreUnavailable:
                refused += 1
                continue
            refused += self.post(digest, str(number + 30)) == "refused"
        return str(refused)

    def sweep(self, shelf: str, hours: str) -> str:
        """Remove what has had its time."""
        return str(sweep_shelf(self.database, self.files, shelf, float(hours)))

    def hang_before_the_row(self, text: str) -> str:
        """Come as far as the bytes, and no further."""
        self.database.write = _hang  # type: ignore[assignment, method-assign]
        return self.keep(text, "0")

    def hang_before_the_file(self, shelf: str, hours: str) -> str:
        """Come as far as to remove the row, and no further."""
        self.files.remove = _hang  # type: ignore[method-assign]
        return self.sweep(shelf, hours)

    def hang_before_the_raw_file(self, hours: str) -> str:
        """The same with raw mail."""
        self.files.remove = _hang  # type: ignore[method-assign]
        return str(retention.remove_raw(self.database, self.files, NOW + timedelta(hours=float(hours))))


def _say(answer: str) -> None:
    sys.stdout.write(answer + "\n")
    sys.stdout.flush()


def _hang(*_: object, **__: object) -> None:
    _say("here")
    threading.Event().wait()


def main() -> None:
    """Do what standard input says."""
    worker = Worker(Path(sys.argv[1]))
    for line in sys.stdin:
        name, *words = line.split(" ")
        method: Callable[..., str] = getattr(worker, name)
        _say(method(*(word.strip() for word in words)))


if __name__ == "__main__":
    main()

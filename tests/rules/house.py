"""A gateway without sockets, whose relay answers as it is told and whose process can die within any transaction."""

import asyncio
import shutil
import tempfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from gateway import app, config
from gateway.inbound.keep import Envelope
from gateway.outbound.answers import Answer, Stage, judge
from gateway.outbound.relay import Outcome, Relay
from store import inbox
from store.database import proxy, sql
from tests.rules.truth import SUPPORT
from tests.sink import Mail
from tests.world import DOMAIN, Clock, settings

TAKEN = judge(Stage.DOT, 250, "2.0.0 taken")
LATER = judge(Stage.RCPT, 451, "4.7.1 later")
NOBODY = judge(Stage.RCPT, 550, "5.1.1 there is no mailbox of this name")
DISLIKED = judge(Stage.DOT, 554, "5.6.0 such content is not taken")
AWAY = judge(Stage.CONNECT, 421, "4.3.2 away for a moment")
UNCLEAR = Answer(Outcome.UNCLEAR, 0, "", "the connection ended")
_CONTROL = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "PRAGMA")


class Death(Exception):
    """The process is gone: nothing that it had not committed stands."""


@dataclass(frozen=True)
class Sent:
    """A mail that the relay has taken responsibility for, and the row that it comes from."""

    mail: Mail
    outbox_id: int
    template: str
    case_id: str
    participant_id: int | None
    generation: int
    message_id: str | None


class Postman(Relay):
    """The relay. answers: what it says to the next mails; then it takes everything. on_sent: hears of each."""

    def __init__(self, on_sent: Callable[[Sent], None]) -> None:
        super().__init__("smtp://127.0.0.1:1", local_hostname=DOMAIN)
        self.answers: deque[Answer] = deque()
        self._on_sent = on_sent

    async def send(self, envelope_from: str, recipient: str, data: bytes) -> Answer:
        """As a relay would, at once."""
        answer = self.answers.popleft() if self.answers else TAKEN
        if answer is TAKEN:
            mail = Mail(envelope_from, recipient, data)
            row = sql(
                "SELECT id, template, case_id, participant_id, generation, message_id FROM outbox"
                " WHERE envelope_from = ?",
                (envelope_from,),
            ).fetchone()
            self._on_sent(Sent(mail, *row))
        await asyncio.sleep(0)
        return answer


@cache
def _new_house() -> tempfile.TemporaryDirectory[str]:
    """A data folder as the first start leaves it."""
    made = tempfile.TemporaryDirectory(prefix="casegate-house-")
    folder = Path(made.name)
    parts = app.build(config.load(settings(folder, relay_port=1)), run=True, worker="run", now=Clock())
    parts.dispatcher.close()
    parts.queue.storage.close()
    parts.database.close()
    return made


class House:
    """The parts of a gateway, on a folder of their own. on_sent: as in Postman."""

    def __init__(self, on_sent: Callable[[Sent], None]) -> None:
        self.clock = Clock()
        self.postman = Postman(on_sent)
        self.folder = Path(tempfile.mkdtemp(prefix="casegate-house-"))
        shutil.copytree(Path(_new_house().name) / "data", self.folder / "data")
        self._config = config.load(settings(self.folder, relay_port=1, support=f'address = "{SUPPORT}"'))
        self.start()

    def elapsed(self) -> float:
        """The clock that nobody sets."""
        return (self.clock() - self.clock.jumped).timestamp()

    def start(self) -> None:
        """Begin to live, on whatever the one before left behind."""
        with patch.object(app, "Relay", lambda *_, **__: self.postman):  # beyond it are sockets, and what is not ours
            self.parts = app.build(self._config, run=True, worker="run", now=self.clock, elapsed=self.elapsed)
        self._fuse = -1
        self._say = proxy.obj.statement
        proxy.obj.statement = self._statement

    def die_after(self, statements: int) -> None:
        """Die after so many statements of write transactions; what is asked of the database then finds nobody."""
        self._fuse = statements

    def _statement(self, statement: str, params: Any = ()) -> Any:
        if self._fuse >= 0 and proxy.obj.is_writing() and not statement.startswith(_CONTROL):
            self._fuse = max(0, self._fuse - 1)
            if self._fuse == 0:
                raise Death
        return self._say(statement, params)

    def end(self) -> None:
        """Whatever is in hand is lost."""
        self.postman.answers.clear()
        self.parts.dispatcher.close()
        self.parts.queue.storage.close()
        self.parts.database.close()

    def restart(self) -> None:
        """Another process takes over."""
        self.end()
        self.start()

    def pull_down(self) -> None:
        """At the end of a test."""
        self.end()
        shutil.rmtree(self.folder)

    def keep(self, raw: bytes, sender: str, recipient: str) -> int:
        """Take a mail in, as the door does. Returns its number in the inbox."""
        parts = self.parts
        return parts.intake.keep_now(Envelope(sender, (parts.admission.admit(recipient),), raw, "192.0.2.7"))

    def waiting(self) -> dict[int, "inbox.Kept"]:
        """Mails that were taken in and not read yet."""
        rows = sql("SELECT id FROM inbox WHERE state <> 'done' ORDER BY id").fetchall()
        return {number: inbox.get(number) for (number,) in rows}

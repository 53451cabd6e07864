"""What a store answers by itself when a case is opened: made with its receipt, checked when it is saved.

It obeys the same rules as a store's words for a mail (HARDENING rule 10), with values of its own: plain text that sees
no link, token or reply address.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from gateway.errors import Problem
from gateway.mail.quotes import MARKER
from gateway.mail.redact import Redactor
from gateway.overrides import render
from gateway.overrides.child import Child
from gateway.overrides.render import Broken
from gateway.overrides.values import auto_reply_tries
from store import alarms
from store.database import Database


class AutoReplies:
    """Answers of stores. Threads may share it. child: where they are made."""

    def __init__(self, child: Child, database: Database, redactor: Redactor, now: Callable[[], datetime]) -> None:
        self._child = child
        self._database = database
        self._redactor = redactor
        self._now = now
        self._broken: set[tuple[str, str]] = set()  # not tried again while this process lives

    def text(self, store_id: str, source: str, told: Mapping[str, object]) -> str:
        """The answer, "" for none. told: what `gateway.overrides.values.AUTO_REPLY` names.

        One that fails is left out and raises an alarm: no case waits for the words of its store.
        """
        if (store_id, source) in self._broken:
            return ""
        try:
            text = self._child.made(render.render_auto_reply, source, told)
        except Broken as error:
            self._broken.add((store_id, source))
            self._tell(store_id, error.why)
            return ""
        # What passed the check holds no credential; a row may have come into the database on another way.
        return self._redactor.text(text)

    def _tell(self, store_id: str, why: str) -> None:
        now, text = self._now(), _alarm_text(store_id, why)
        if self._database.is_writing():
            alarms.raise_(alarm(store_id), text, now)  # the case is opened inside of a transaction: part of it
        else:
            self._database.write(lambda: alarms.raise_(alarm(store_id), text, now))

    def check(self, source: str) -> tuple[Problem, ...]:
        """Everything that is wrong with a source: what is not allowed; else what fails with invented values."""
        return tuple(Problem("auto_reply", problem.text) for problem in self._refused(source) or self._failing(source))

    def _refused(self, source: str) -> list[Problem]:
        problems = self._child.refused(render.check_auto_reply, source)
        if self._redactor.text(source) != source:
            problems.append(Problem("", "it holds a reply address or a personal link; leave it out"))
        if MARKER in source:
            text = "it holds the line that parts answers from quotations; leave it out"
            problems.append(Problem("", text))
        return problems

    def _failing(self, source: str) -> list[Problem]:
        found: dict[str, str] = {}  # what fails → with which values first
        said = False
        for which, told in auto_reply_tries():
            try:
                said = bool(self._child.made(render.render_auto_reply, source, told)) or said
            except Broken as error:
                found.setdefault(error.why, which)
        problems = [Problem("", f"{why} ({which})") for why, which in found.items()]
        return problems if said or problems else [Problem("", "no word comes out, whatever the values")]


def alarm(store_id: str) -> str:
    """The name of the alarm that a store's answer fails; other words for it end it."""
    return f"auto-reply:{store_id}"


def _alarm_text(store_id: str, why: str) -> str:
    return (
        f"The auto-reply of store {store_id} fails: {why}. Its customers get the receipt without one until"
        f" `casegate store set {store_id} auto_reply=@FILE` mends it."
    )

"""What must stay undone after a restore: an append-only file outside of the database (HARDENING rule 16).

One line of JSON for each act. It is written and synced in the job that makes the act, before its commit: a line may
stand for an act that was taken back, none is missing. To apply a line again must be harmless.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from store.files import sync_folder


class Kind(StrEnum):
    """What was done."""

    ERASED = "erased"  # a customer
    REVOKED = "revoked"  # the reply addresses of a participant, or an API token
    REMOVED = "removed"  # a member of a store


@dataclass(frozen=True, slots=True)
class Line:
    """One act. facts: ids and digests, never names or addresses."""

    at: datetime
    kind: Kind
    facts: Mapping[str, str | int]


class Ledger:
    """The file. It is made with the first line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, kind: Kind, now: datetime, **facts: str | int) -> None:
        """Add a line, and sync it. Blocks."""
        line = json.dumps({"at": now.isoformat(), "kind": kind, **facts}) + "\n"
        is_new = not self._path.exists()
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line.encode())  # one call: lines of two processes never mix
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if is_new:
            sync_folder(self._path.parent)

    def lines(self) -> tuple[Line, ...]:
        """All acts, the oldest first. A last line without its end was never promised to anybody."""
        if not self._path.exists():
            return ()
        complete = self._path.read_text("utf-8").rpartition("\n")[0]
        return tuple(map(_line, complete.splitlines()))


def _line(text: str) -> Line:
    facts = json.loads(text)
    return Line(datetime.fromisoformat(facts.pop("at")), Kind(facts.pop("kind")), facts)

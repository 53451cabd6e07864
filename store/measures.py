"""What is measured for the operator's graphs: questions that an index answers, however many mails there were."""

from collections import Counter
from datetime import datetime

from store.database import sql
from store.inbox import Outcome
from store.tables import to_ms

_OUTCOMES = ", ".join(f"'{outcome}'" for outcome in Outcome)


def outgoing() -> tuple[tuple[str, str, int], ...]:
    """Mails that wait, are claimed or have failed: (state, relay that tried them last or "", how many)."""
    rows = sql(
        "SELECT state, relay, count(*) FROM outbox WHERE state NOT IN ('sent', 'cancelled') GROUP BY relay, state"
    )
    return tuple((state, relay, count) for state, relay, count in rows)


def waiting() -> int:
    """Mails that came in and are not done."""
    row: tuple[int] = sql("SELECT count(*) FROM inbox WHERE state <> 'done' AND due_at >= 0").fetchone()
    return row[0]


def held() -> int:
    """Mails that wait for a person."""
    row: tuple[int] = sql("SELECT count(*) FROM inbox WHERE outcome = 'held'").fetchone()
    return row[0]


def suppressed(now: datetime) -> int:
    """Addresses that get no mail."""
    row: tuple[int] = sql(
        "SELECT count(*) FROM suppression WHERE times > 0 AND (until IS NULL OR until > ?)", (to_ms(now),)
    ).fetchone()
    return row[0]


class Finished:
    """Counts mails that came in, by outcome. Each is read once: what lies below the oldest open mail is added up.

    A mail that changes its outcome later (held, then released) stays what it was first, as counters only grow.
    """

    def __init__(self) -> None:
        self._through = 0
        self._below = Counter[str]()

    def read(self) -> dict[str, int]:
        """By outcome, each of them. Not for two threads at once."""
        through = _oldest_open() - 1
        self._below += _done(self._through, through)
        self._through = max(self._through, through)
        counted = self._below + _done(self._through, None)
        return {outcome.value: counted[outcome.value] for outcome in Outcome}


def _oldest_open() -> int:
    """The id below which every mail is done."""
    row = sql("SELECT min(+id) FROM inbox WHERE state <> 'done' AND due_at >= 0").fetchone()
    if row[0] is None:
        row = sql("SELECT coalesce(max(id), 0) + 1 FROM inbox").fetchone()
    found: int = row[0]
    return found


def _done(above: int, through: int | None) -> Counter[str]:
    bound, params = ("", (above,)) if through is None else (" AND id <= ?", (above, through))
    rows = sql(
        f"SELECT outcome, count(*) FROM inbox WHERE outcome IN ({_OUTCOMES}) AND id > ?{bound} GROUP BY outcome", params
    )
    return Counter(dict(rows.fetchall()))

"""How fast mail leaves: by one relay, or to one domain, no more than so many a minute. All workers share the rows.

Theory of operation (the generic cell rate algorithm, ITU-T I.371). A scope remembers one moment, `next_at`: until then
the mails so far would last if they left at an even pace, one each `interval`. Another mail may go while that moment is
no further ahead than the tolerance, which is a burst of one second's mails, and LATE. So the last of n mails leaves at
least (n - burst) intervals, less LATE, after the first; the interval is just long enough that the first mail too many
comes later than a minute, also when each mail takes up to ON_ITS_WAY from its claim to the relay. No 60 seconds,
wherever they begin, hold more than the rate; a burst is paid for by those who come after it.

Mails that must wait for their domain get a turn each, one interval apart behind the last one (`tail_at`). A turn is a
time to ask again, no promise: it is the asking that takes the place, so that whoever is late takes nobody's. Whoever
has just come waits behind all who have a turn.

Runs inside a job of `Database.write`, which makes it exact among all processes.
"""

from datetime import UTC, datetime, timedelta

from store.counts import bounded
from store.database import sql

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = 60_000_000  # all in microseconds
LATE = 500_000  # a worker may come that much after a turn without losing it
ON_ITS_WAY = 500_000  # from a claim to the relay
LOOK_AGAIN = timedelta(hours=4)  # the longest turn; a clock that was far ahead must not make mail wait for ever
FORGOTTEN = timedelta(hours=1)


def burst(per_minute: int) -> int:
    """How many mails may leave at once."""
    return max(1, per_minute // 60)


def interval(per_minute: int) -> int:
    """Microseconds between two mails at an even pace."""
    return (MINUTE + LATE + ON_ITS_WAY) // (per_minute + 1 - burst(per_minute)) + 1


class Paces:
    """The scopes as one transaction sees them: read when first asked for, written back by `save`."""

    def __init__(self, now: datetime) -> None:
        self._now = _to_us(now)
        self._moments: dict[str, tuple[int, int]] = {}  # next_at, tail_at
        self._changed: set[str] = set()

    def room(self, scope: str, per_minute: int, most: int) -> int:
        """How many mails may leave now, at most `most`."""
        ahead = max(0, self._next_at(scope, per_minute) - self._now)
        room = (_tolerance(per_minute) - ahead) // interval(per_minute) + 1
        return max(0, min(room, most))

    def take(self, scope: str, per_minute: int) -> None:
        """A mail leaves."""
        next_at = max(self._next_at(scope, per_minute), self._now) + interval(per_minute)
        self._put(scope, next_at, self._read(scope)[1])

    def free_at(self, scope: str, per_minute: int, count: int = 1) -> datetime:
        """When so many mails may leave at once, if none does before; no more of them than a burst is."""
        steps = min(count, burst(per_minute)) - 1
        return _from_us(self._next_at(scope, per_minute) - _tolerance(per_minute) + LATE + steps * interval(per_minute))

    def is_waited_for(self, scope: str) -> bool:
        """Whether others have a turn already."""
        return self._read(scope)[1] > self._now

    def turn(self, scope: str, per_minute: int) -> datetime:
        """When to ask again: a turn behind all the others."""
        next_at, tail_at = self._next_at(scope, per_minute), self._read(scope)[1]
        first = next_at - _tolerance(per_minute) + LATE  # with all of LATE in hand
        turn = max(first, tail_at + interval(per_minute), self._now + 1)
        self._put(scope, next_at, turn)
        return min(_from_us(turn), _from_us(self._now) + LOOK_AGAIN)

    def save(self) -> None:
        """Write back what changed."""
        for scope in self._changed:
            sql(
                "INSERT INTO pace (scope, next_at, tail_at) VALUES (?, ?, ?)"
                " ON CONFLICT (scope) DO UPDATE SET next_at = excluded.next_at, tail_at = excluded.tail_at",
                (bounded(scope), *self._moments[scope]),
            )
        self._changed.clear()

    def _next_at(self, scope: str, per_minute: int) -> int:
        """No further ahead than a full burst reaches: a clock may have been ahead, or the rate lower."""
        next_at, tail_at = self._read(scope)
        furthest = self._now + burst(per_minute) * interval(per_minute) + LATE
        if next_at > furthest:
            self._put(scope, furthest, tail_at)
        return min(next_at, furthest)

    def _read(self, scope: str) -> tuple[int, int]:
        if scope not in self._moments:
            row = sql("SELECT next_at, tail_at FROM pace WHERE scope = ?", (bounded(scope),)).fetchone()
            self._moments[scope] = row or (0, 0)
        return self._moments[scope]

    def _put(self, scope: str, next_at: int, tail_at: int) -> None:
        self._moments[scope] = next_at, tail_at
        self._changed.add(scope)


def forget_old(now: datetime, limit: int = 1_000) -> int:
    """Remove some of the scopes that are as free as if they had never been. Returns how many."""
    removed: int = sql(
        "DELETE FROM pace WHERE scope IN"
        " (SELECT scope FROM pace WHERE next_at < ? AND tail_at < ? ORDER BY next_at LIMIT ?)",
        (_to_us(now - FORGOTTEN), _to_us(now), limit),
    ).rowcount
    return removed


def _tolerance(per_minute: int) -> int:
    return (burst(per_minute) - 1) * interval(per_minute) + LATE


def _to_us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _from_us(value: int) -> datetime:
    return _EPOCH + timedelta(microseconds=value)

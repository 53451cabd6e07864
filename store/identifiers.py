"""Ids of the contract (CONTRACT §1): a prefix and 24 alphanumerics, by time so that indexes grow at their end.

Ids that one process makes within a millisecond grow as well, so that things made together keep their order.
"""

import secrets
import threading
from datetime import datetime

from store.tables import to_ms

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # base 32 without i, l, o, u: read aloud without mistakes
_TIME_CHARACTERS = 10
_RANDOM_CHARACTERS = 14  # 70 bits
_STEP_BITS = 40


def new_id(prefix: str, now: datetime) -> str:
    """`prefix_` and 10 characters of the time in milliseconds and 14 random ones."""
    time = to_ms(now)
    return f"{prefix}_{_base32(time, _TIME_CHARACTERS)}{_base32(_random(time), _RANDOM_CHARACTERS)}"


class _Last:
    """The newest id of this process. time: in milliseconds; random: what stands behind it."""

    lock = threading.Lock()
    time = random = 0


def _random(time: int) -> int:
    """A random number, greater than the one before it in the same millisecond."""
    with _Last.lock:
        if time == _Last.time:
            _Last.random += 1 + secrets.randbits(_STEP_BITS)
        else:  # a quarter of the range stays free to grow into
            _Last.time, _Last.random = time, secrets.randbits(5 * _RANDOM_CHARACTERS - 2)
        return _Last.random


def _base32(value: int, characters: int) -> str:
    return "".join(_ALPHABET[(value >> 5 * place) & 31] for place in reversed(range(characters)))

"""Ids of the contract (CONTRACT §1): a prefix and 24 alphanumerics, by time so that indexes grow at their end."""

import secrets
from datetime import datetime

from store.tables import to_ms

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # base 32 without i, l, o, u: read aloud without mistakes
_TIME_CHARACTERS = 10
_RANDOM_CHARACTERS = 14  # 70 bits


def new_id(prefix: str, now: datetime) -> str:
    """`prefix_` and 10 characters of the time in milliseconds and 14 random ones."""
    time, random = to_ms(now), secrets.randbits(5 * _RANDOM_CHARACTERS)
    return f"{prefix}_{_base32(time, _TIME_CHARACTERS)}{_base32(random, _RANDOM_CHARACTERS)}"


def _base32(value: int, characters: int) -> str:
    return "".join(_ALPHABET[(value >> 5 * place) & 31] for place in reversed(range(characters)))

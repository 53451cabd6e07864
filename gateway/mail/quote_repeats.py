"""Which lines repeat a known text: found by rows of words, so that no wrapping and no prefix hides them."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

_GRAM: Final = 4  # words in a row that count as repeated
_RUN: Final = 8  # words that a stretch of repeated lines has at least
_TOKENS = re.compile(
    r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+"
)


def repeated_shares(answered: str, lines: Sequence[str]) -> list[float]:
    """For every line the share of its words, 0…1, that repeat the answered text, however it is wrapped now."""
    known = _TOKENS.findall(answered.lower())
    grams = {tuple(known[i : i + _GRAM]) for i in range(len(known) - _GRAM + 1)}
    whole = {tuple(_TOKENS.findall(line)) for line in answered.lower().split("\n")}
    tokens = [_TOKENS.findall(line.lower()) for line in lines]
    words = [word for line in tokens for word in line]
    repeated = [False] * len(words)
    for i in range(len(words) - _GRAM + 1):
        if tuple(words[i : i + _GRAM]) in grams:
            repeated[i : i + _GRAM] = [True] * _GRAM
    shares, at = [], 0
    for line in tokens:
        share = sum(repeated[at : at + len(line)]) / len(line) if line else 0.0
        shares.append(1.0 if line and tuple(line) in whole else share)
        at += len(line)
    return shares


def repeated_runs(shares: Sequence[float], lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Stretches of lines (end excluded) that repeat the answered text word by word and are long enough to mean it."""
    start = words = last = 0
    for index in range(len(lines) + 1):
        if index < len(lines) and shares[index] == 1:
            start = start if words else index
            words += len(_TOKENS.findall(lines[index]))
            last = index
        elif index == len(lines) or lines[index]:
            if words >= _RUN:
                yield start, last + 1
            words = 0

"""Tables of short phrases, text brought into the shape in which they are written, and the search for all at once."""

import re
from collections.abc import Iterable

_WORD = r"[^\s<>\[\]():;,\"'@]"
_NOISE = re.compile(
    r"\b[245]\d\d-(?:[245]\.\d{1,3}\.\d{1,3} )?"  # reply codes that continue a line (RFC 5321 §4.2.1)
    r"|\bhost \S{1,255} (?:said|says): "  # a host may be called antispam.example
    rf"|[<\[(\"']?(?<!{_WORD}){_WORD}{{1,64}}@{_WORD}{{1,255}}[>\])\"']?:?"  # so may a person
)
_CHARACTERS = str.maketrans("\u2018\u2019\u02bc`", "''''", "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\ufeff")


def phrases(table: str) -> tuple[str, ...]:
    """The phrases of a table, which bars separate; an underscore at an end of a phrase stands for a blank."""
    words = (" ".join(phrase.split()) for phrase in table.split("|"))
    return tuple(re.sub(r"^_|_$", " ", phrase) for phrase in words if phrase)


def normalise(text: str) -> str:
    """Text as phrases are written: lower case, single blanks, straight apostrophes; without addresses."""
    return " ".join(_NOISE.sub("", " ".join(text.translate(_CHARACTERS).lower().split())).split())


def matcher(table: Iterable[str], *, every: bool = False, starts_sentence: bool = False) -> re.Pattern[str]:
    """One regular expression for all phrases, which reads a text once however many there are.

    It branches on one character at a time (a trie), so nothing is ever tried twice at the same place. every: for
    `finditer`, finds also phrases that overlap; the phrase is then group 1. starts_sentence: only at the start of the
    text, of a line or of a sentence. Of two phrases of which one begins like the other, the longer is found.
    """
    pattern = _trie(sorted(table), 0)
    if starts_sentence:
        pattern = rf"(?:^|[\n.!?。！*(=-] ?){pattern}"
    return re.compile(f"(?=({pattern}))" if every else pattern)


def _trie(table: list[str], depth: int) -> str:
    """The pattern of what follows the first `depth` characters, which all phrases of the sorted table share."""
    branches: dict[str, list[str]] = {}
    for phrase in table:
        if len(phrase) > depth:
            branches.setdefault(phrase[depth], []).append(phrase)
    patterns = [re.escape(character) + _trie(branch, depth + 1) for character, branch in branches.items()]
    if len(table[0]) == depth:  # a phrase ends here; others may go on
        return f"(?:{'|'.join(patterns)})?" if patterns else ""
    return patterns[0] if len(patterns) == 1 else f"(?:{'|'.join(patterns)})"

"""Where the writer's words end: signatures, "Sent from my phone", legal notices and list footers."""

import re
from collections.abc import Sequence
from typing import Final

from gateway.mail.quote_shapes import is_footer, is_mobile_footer, is_notice, is_rule, names_device

# A signature is short. What is longer than this below a row of dashes is a section of the text.
_LINES: Final = 15
_LINE: Final = 160
_CHARACTERS: Final = 1000
_PARTS: Final = 6  # signature, notice, footer, … one below the other
_PARAGRAPH: Final = 40  # lines of a paragraph
_PARAGRAPHS: Final = 8  # from the end, that are asked whether they are notices
_GOES_ON = re.compile(r"^(?:p\.? ?[sd]|n\.? ?b)(?:[.:]|\.? )|[?？]$", re.I)  # a postscript, a question
_DELIMITER = re.compile(r"--$|—$|–$")


def closing_start(lines: Sequence[str], start: int, end: int, *, keep_first: bool) -> int:
    """Where the closing of the new lines start…end (end excluded) begins; `end` when there is none.

    keep_first: the first line with words is no closing whatever it looks like; nobody's only words are cut.
    """
    if keep_first:
        start = 1 + next((i for i in range(start, end) if lines[i] and not is_rule(lines[i])), end - 1)
    for _ in range(_PARTS):
        end = _without_tail(lines, start, end)
        cut = min(_notice(lines, start, end), _signature(lines, start, end))
        if cut >= end:
            break
        end = cut
    return end


def _without_tail(lines: Sequence[str], start: int, end: int) -> int:
    """Leave out blank lines, rows of dashes and mobile footers at the end."""
    footer = False
    while end > start:
        line = lines[end - 1]
        if is_mobile_footer(line):
            footer = True
        elif line and not is_rule(line) and not (footer and _is_odd_footer(lines, start, end - 1)):
            break
        end -= 1
    return end


def _is_odd_footer(lines: Sequence[str], start: int, at: int) -> bool:
    """Whether a line above a mobile footer names a device too, and stands below another footer."""
    above = next((line for line in reversed(lines[max(start, at - 3) : at]) if line), "")
    return names_device(lines[at]) and is_mobile_footer(above)


def _signature(lines: Sequence[str], start: int, end: int) -> int:
    """The row of dashes above a short tail. RFC 3676 §4.3 has "-- "; the space is often lost on the way."""
    tail: list[str] = []
    for index in range(end - 1, max(start, end - 4 * _LINES) - 1, -1):
        line = lines[index]
        if line and is_rule(line):
            return index if _DELIMITER.match(line) or _reads_like_a_signature(tail) else end
        if line:
            tail.append(line)
        if _GOES_ON.search(line) or len(tail) > _LINES or len(line) > _LINE or sum(map(len, tail)) > _CHARACTERS:
            break
    return end


def _reads_like_a_signature(tail: Sequence[str]) -> bool:
    """Below other rows than "--" people go on writing; a signature has no sentences."""
    return len(tail) <= 6 and not any(line[-1] in ".?!:," for line in tail)


def _notice(lines: Sequence[str], start: int, end: int) -> int:
    """The first line near the end that a person did not write: of a notice, or of the links above it."""
    cut, index = end, end
    for _ in range(_PARAGRAPHS):
        while index > start and not lines[index - 1]:
            index -= 1
        last = index
        while index > start and lines[index - 1] and last - index < _PARAGRAPH:
            index -= 1
        if index == last:
            break
        if is_notice(" ".join(lines[index:last])):
            cut = index
            continue
        for at in range(index, last):
            if is_footer(lines[at]):
                cut = at
                while cut > index and lines[cut - 1].startswith(("<http", "http", "[http")):
                    cut -= 1
                break
    return cut

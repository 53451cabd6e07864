"""Cut an answer: which words are new, which were quoted. Linear in the length of the text.

Theory of operation. A body, text or HTML, becomes lines with a quote depth. One pass from the top gives every line a
label. Depth says most; for the rest a line is looked at only when its shape asks for it: our marker, a line that ends
as an announcement ("… wrote:"), a carried header ("From: …"), a row of dashes with words. What follows an announcement
is quoted to the end when it has no quote signs of its own, and as far as the signs go when it has. Then signatures
and footers are taken from the ends of what is new. When nothing new is left, everything is.

No rule looks further than a fixed number of lines and characters, so the time is linear by construction.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from gateway.mail.html import Line, read_lines
from gateway.mail.quote_containers import Role
from gateway.mail.quote_words import (
    CALENDAR,
    CALENDAR_FRAGMENTS,
    FOOTER_STARTS,
    FORWARD_STEMS,
    HEADER_LABELS,
    MOBILE_ENDS,
    MOBILE_STARTS,
    ORIGINAL_STEMS,
    START_FRAGMENTS,
    STARTERS,
    VERB_FRAGMENTS,
    VERBS,
)

#: Written by us above the quoted conversation of every outgoing mail; everything below it is ours.
MARKER = "##- Please type your reply above this line -##"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer split in two. new: the words of this mail; quoted: what was cut; how: the rule that cut, or `whole`."""

    new: str
    quoted: str
    how: str


def split_reply(text: str | None, html: str | None, *, answered: str | None = None) -> Reply:
    """Split a body into the new words and the quoted rest. answered: the text that this mail answers, when known.

    HTML is preferred, since mail programs mark there what they quote. `how` is `marker`, `answered`, `intro`,
    `headers`, `divider`, `signs`, `container`, `forward`, `signature` or `whole`. `new` is empty only when the body
    has no words at all.
    """
    for lines in (read_lines(html) if html else [], _text_lines(text) if text else []):
        if any(line.text for line in lines):
            return _split(lines, answered)
    return Reply("", "", "whole")


# ---------------------------------------------------------------------------------------------- lines

_LOOK: Final = 400  # characters of a line that rules look at
# Bidirectional marks, zero-width characters and soft hyphens: invisible, and inside words that rules compare.
_INVISIBLE = dict.fromkeys([0xAD, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060,
                            *range(0x2066, 0x206A), 0xFEFF])  # fmt: skip
_SIGNS = re.compile(r"(?:[ \t]{0,3}>){1,100}[ ]?")


class _Label(IntEnum):
    NEW = 0
    QUOTED = 1
    INTRO = 2
    CLOSING = 3  # signature, footer


def _text_lines(text: str) -> list[Line]:
    lines = []
    for raw in text.replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ").split("\n"):
        signs = _SIGNS.match(raw) if ">" in raw[:4] else None
        if signs:
            lines.append(Line(raw[signs.end() :].rstrip(), signs[0].count(">")))
        else:
            lines.append(Line(raw.rstrip()))
    return lines


def _plain(line: str) -> str:
    """What rules compare: no emphasis, no invisible characters, bounded length, both ends kept."""
    if len(line) > _LOOK:
        line = line[: _LOOK // 2] + line[-_LOOK // 2 :]
    if not line.isascii():
        line = line.translate(_INVISIBLE)
    return line.strip().strip("*_").strip()


# ---------------------------------------------------------------------------------------------- shapes of lines

_TIME_OR_YEAR = re.compile(r"\d{1,2}[:.h]\d{2}|(?<!\d)(?:19|20)\d{2}(?!\d)|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")
_CLOCK = re.compile(r"\d{1,2}[:.h]\d{2}|\d{4}-\d\d-\d\d|GMT|UTC")
_WORD = re.compile(r"[^\W\d_]+")
_ADDRESS = re.compile(r"[^\s@<>]{1,80}@[^\s@<>]{2,100}|<mailto:")
_END = re.compile(r"(?::|：|-{3,}|>)$")
_LABELLED = re.compile(r"[*_\s]{0,4}([^\W\d_][^:：\n]{0,30}?)[*_\s]{0,4}[:：]\s?[*_]{0,3}\s*(.*)")
_DIVIDER = re.compile(r"[-_=*\s]{0,3}([-_=—–])\1{1,}[-_=—–\s]{0,80}(\w[^\n]{0,80}?)[\s:：]{0,3}[-_=—–]{2,}[*\s]{0,3}$")
_RULE = re.compile(r"[-_=—–*]{3,}$")


def _has_date(words: list[str], span: str) -> bool:
    if _TIME_OR_YEAR.search(span):
        return True
    return (any(w in CALENDAR for w in words) and any(c.isdigit() for c in span)) or any(
        f in span for f in CALENDAR_FRAGMENTS
    )


def _has_verb(words: list[str], span: str) -> bool:
    return not VERBS.isdisjoint(words) or any(f in span for f in VERB_FRAGMENTS)


def _opens(plain: str) -> bool:
    """Whether an announcement may begin with this line."""
    if plain[:1].isdigit() or plain[:1] in "\"'“„«‘<-" or plain.startswith(START_FRAGMENTS):
        return True
    first = _WORD.match(plain)
    return bool(first) and ((word := first[0].lower()) in STARTERS or word in CALENDAR)  # type: ignore[index]


def _label_kind(plain: str) -> str | None:
    if ":" not in plain[:40] and "：" not in plain[:40]:
        return None
    match = _LABELLED.match(plain)
    return HEADER_LABELS.get(match[1].strip().lower()) if match else None


def _squash(text: str) -> str:
    return "".join(c for c in text if c.isalpha()).lower()


_SQUASHED_MARKER = _squash(MARKER)


# ---------------------------------------------------------------------------------------------- the scanner


class _Scanner:
    """Labels the lines of one body from the top."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self.plain = [_plain(line.text) for line in lines]
        self.labels = [_Label.QUOTED if line.depth else _Label.NEW for line in lines]
        self.how = "signs" if any(line.depth for line in lines) else "whole"
        self.forward: int | None = None  # where a forwarded mail begins

    def scan(self) -> None:
        at, count = 0, len(self.lines)
        while at < count:
            at = self._step(at)

    def _step(self, at: int) -> int:
        """Label the line (and perhaps its neighbours); the next line to look at."""
        line, plain = self.lines[at], self.plain[at]
        if line.depth:
            return at + 1
        if line.role is not None:
            return self._container(at, line.role)
        if not plain:
            return at + 1
        if "#" in plain and self._is_marker(at):
            return self._cut(at, at + 1, "marker")
        if plain[0] in "-_=—–*" and (found := _DIVIDER.match(plain)):
            if (kind := self._divider(at, found[2])) is not None:
                return self._cut(at, at + 1, kind)
        elif plain[-1] in ":：->" or plain[0].isdigit():
            if (start := self._intro(at)) is not None:
                return self._cut(start, at + 1, "intro")
            if self._is_forward_line(plain):
                return self._cut(at, at + 1, "forward")
        if _label_kind(plain) and (end := self._headers(at)):
            return self._cut(at, end, "headers")
        return at + 1

    def _following(self, at: int) -> int:
        """The next line with words, at most 6 further; else the number of lines."""
        for index in range(at, min(at + 7, len(self.lines))):
            if self.plain[index] or self.lines[index].depth:
                return index
        return len(self.lines)

    def _cut(self, start: int, end: int, how: str) -> int:
        """An announcement lies in start…end; label what it announces."""
        while start and not self.lines[start - 1].depth and _RULE.match(self.plain[start - 1] or "x"):
            start -= 1
        follower = self._following(end)
        signed = follower < len(self.lines) and self.lines[follower].depth > 0
        nothing_new = (
            not any(self.plain[i] for i in range(start) if self.labels[i] is _Label.NEW) if start < 40 else False
        )
        for index in range(start, end):
            self.labels[index] = _Label.INTRO
        if how == "forward" and self.forward is None:
            self.forward = start
        if self.how in ("whole", "signs"):
            self.how = how
        if signed or (nothing_new and how == "intro"):
            return end
        for index in range(end, len(self.lines)):
            self.labels[index] = _Label.QUOTED
        return len(self.lines)

    def _container(self, at: int, role: Role) -> int:
        if role is Role.REST:
            return self._cut(at, at + 1, "container")
        if role is Role.FORWARD:
            return self._cut(at, at + 1, "forward")
        if role is Role.INTRO:
            self.labels[at] = _Label.INTRO
            self.how = "container"
        elif role is Role.SIGNATURE:
            self.labels[at] = _Label.CLOSING
        elif role is Role.LEAD:
            for index in range(at, min(at + 8, len(self.lines))):
                if self.lines[index].depth > self.lines[at].depth:
                    self.labels[at:index] = [_Label.INTRO] * (index - at)
                    self.how = "container"
                    return index
        return at + 1

    def _is_marker(self, at: int) -> bool:
        squashed = _squash("".join(self.plain[at : at + 4])[: 3 * len(MARKER)])
        return squashed.startswith(_SQUASHED_MARKER)

    def _divider(self, at: int, words: str) -> str | None:
        lowered = words.lower()
        if any(stem in lowered for stem in FORWARD_STEMS):
            return "forward"
        following = self._following(at + 1)
        if following < len(self.lines) and _label_kind(self.plain[following]):
            return "divider"
        if any(stem in lowered for stem in ORIGINAL_STEMS) and len(lowered.split()) <= 5:
            return "divider"
        if self._is_announcement(at, at):
            return "intro"
        return None

    def _is_forward_line(self, plain: str) -> bool:
        if len(plain) > 60 or plain[-1] not in ":：" or not any(s in plain.lower() for s in FORWARD_STEMS):
            return False
        return len(plain.split()) <= 6

    def _headers(self, at: int) -> int:
        """The end of the block of carried headers that begins here, or 0."""
        kinds: set[str] = set()
        address, index, blanks, loose, end = False, at, 0, 0, at
        while index < min(at + 24, len(self.lines)) and not self.lines[index].depth:
            plain = self.plain[index]
            kind = _label_kind(plain) if plain else None
            if kind:
                kinds.add(kind)
                address = address or "@" in plain
                blanks = loose = 0
                end = index + 1
            elif not plain:
                blanks += 1
                if blanks > 1:
                    break
            else:
                loose += 1
                if blanks or loose > 3:
                    break
                address = address or "@" in plain
            index += 1
        if "from" not in kinds and not {"date", "subject", "to"} <= kinds:
            return 0
        if len(kinds) >= 3 and (address or "subject" in kinds):
            return end
        return end if len(kinds) >= 2 and address else 0

    def _intro(self, end: int) -> int | None:
        """The first line of the announcement that ends with this line."""
        found = None
        for start in range(end, max(end - 4, -1), -1):
            if not self.plain[start] or self.lines[start].depth or self.labels[start] is not _Label.NEW:
                break
            if self._is_announcement(start, end):
                found = start if found is None else found
                if _opens(self.plain[start]):
                    return start
        return found

    def _is_announcement(self, start: int, end: int) -> bool:
        span = " ".join(self.plain[start : end + 1])
        if len(span) > _LOOK:
            return False
        words = _WORD.findall(span.lower())
        if len(words) > 40:
            return False
        date, verb, address = _has_date(words, span), _has_verb(words, span), bool(_ADDRESS.search(span))
        colon = span[-1] in ":："
        following = self._following(end + 1)
        signed = following < len(self.lines) and self.lines[following].depth > 0
        if not colon:
            dashed = span.startswith("--") and span.endswith("--")
            dated = span[0].isdigit() and date and bool(_CLOCK.search(span)) and (address or "GMT" in span)
            return (dashed and verb and date) or (dated and len(words) <= 12)
        if signed:
            return (verb or date or address) and len(words) <= 30
        if verb and date:
            return address or bool(_CLOCK.search(span)) or _opens(span)
        return address and (verb or date)


# ---------------------------------------------------------------------------------------------- closings

_DASHES = re.compile(r"(?:--|—|–|_{2,}|-{2,}|={3,}|\*{3,}|#{3,}|~{3,}|\+{3,})$")


def _is_mobile(plain: str) -> bool:
    lowered = plain.lower().lstrip("<([ *_")
    return len(lowered) <= 120 and (
        lowered.startswith(tuple(MOBILE_STARTS)) or lowered.rstrip(" .)>").endswith(MOBILE_ENDS)
    )


def _trim_closing(scanner: _Scanner, start: int, end: int) -> None:
    """Label a signature and footers at the end of the new lines start…end (end excluded)."""
    plain, labels = scanner.plain, scanner.labels
    filled = [i for i in range(max(start, end - 60), end) if plain[i] and labels[i] is _Label.NEW]
    if len(filled) < 2:
        return
    first = next((i for i in range(start, end) if plain[i] and labels[i] is _Label.NEW), end)
    cut = None
    size = 0
    for back, index in enumerate(reversed(filled)):
        line = plain[index]
        if index == first:
            break
        short_tail = (back <= 15 and size <= 1200 and _DASHES.match(line)) or (
            back <= 12 and line.lower().startswith(tuple(FOOTER_STARTS))
        )
        if short_tail or ((back <= 1 or index + 1 == cut) and _is_mobile(line)):
            cut = index
        size += len(line)
        if back > 40:
            break
    if cut is not None:
        for index in range(cut, end):
            if labels[index] is _Label.NEW:
                labels[index] = _Label.CLOSING


# ---------------------------------------------------------------------------------------------- the whole


def _split(lines: Sequence[Line], answered: str | None) -> Reply:
    scanner = _Scanner(lines)
    scanner.scan()
    _trim_segments(scanner)
    new = _join(lines, [label is _Label.NEW for label in scanner.labels])
    if not new:
        return Reply(_join(lines, [True] * len(lines)), "", "forward" if scanner.forward is not None else "whole")
    quoted = _join(lines, [label is not _Label.NEW for label in scanner.labels])
    how = scanner.how if quoted else "whole"
    if how == "whole" and quoted:
        how = "signature"
    return Reply(new, quoted, how)


def _trim_segments(scanner: _Scanner) -> None:
    labels, start = scanner.labels, None
    for index in range(len(labels) + 1):
        new = index < len(labels) and labels[index] in (_Label.NEW, _Label.CLOSING)
        if new and start is None:
            start = index
        elif not new and start is not None:
            _trim_closing(scanner, start, index)
            start = None


def _join(lines: Sequence[Line], keep: list[bool]) -> str:
    out: list[str] = []
    for line, kept in zip(lines, keep, strict=True):
        if kept and (line.role is None or line.text):
            out.append((">" * line.depth + " " + line.text).rstrip() if line.depth else line.text)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(out)).strip("\n").rstrip()

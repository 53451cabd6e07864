"""Cut an answer: which words are new, which were quoted. Linear in the length of the text.

Theory of operation. A body, text or HTML, becomes lines with a quote depth. One pass from the top labels every line.
Depth says most; otherwise a line is looked at only when its shape asks for it: our marker, the end of an announcement
("… wrote:"), a carried header ("From: …"), words between dashes, a container that a mail program made. What follows
such a line is quoted as far as its quote signs go, or to the end when it has none; answers below and between quotes
so stay, in order. Then the text that we sent is looked for in what is left, and closings are taken from the ends of
what is new. When nothing new is left, everything is: `new` is never empty while there is text.

No rule looks further than a fixed number of lines and characters, so the time is linear by construction.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from gateway.mail import quote_shapes as shapes
from gateway.mail.html import Line, read_lines
from gateway.mail.quote_closings import closing_start
from gateway.mail.quote_containers import Role, may_quote
from gateway.mail.quote_repeats import repeated_runs, repeated_shares

#: Written by us above the quoted conversation of every outgoing mail; everything below it is ours.
MARKER = "##- Please type your reply above this line -##"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer split in two. new: the words of this mail; quoted: what was cut; how: the rule that cut, or `whole`.

    how: `marker`, `answered` (the text that we sent), `announcement`, `headers`, `divider`, `container`, `signs`,
    `forward` (quoted is a mail that the writer passes on), `closing` (only a signature was cut), `echo` (nothing but
    the mail that is answered) or `whole`.
    """

    new: str
    quoted: str
    how: str


def split_reply(text: str | None, html: str | None, *, answered: str | None = None) -> Reply:
    """Split a body into the new words and the quoted rest. answered: the text that this mail answers, when known.

    The plain text is preferred. HTML is read when there is none, when the text shows no quotation and HTML does (its
    containers need no language), or when the text is a mere stub. `new` is empty only when neither has a word.
    """
    by_text = _split(_text_lines(text), answered) if text and text.strip() else None
    if by_text and not (html and _may_tell_more(html, by_text)):
        return by_text
    by_html = _split(read_lines(html), answered) if html else Reply("", "", "whole")
    if by_text is None or by_html.how not in _UNCUT or len(by_html.new) > _STUB * (len(by_text.new) + 80):
        return by_html
    return by_text


def has_words(text: str) -> bool:
    """Whether there is more in a text than the signs of quoting and the rules that programs draw."""
    return bool(text.strip(_SIGNS_ONLY))


def _may_tell_more(html: str, by_text: Reply) -> bool:
    return by_text.how in _UNCUT and (may_quote(html) or len(html) > _STUB * len(by_text.new))


_UNCUT: Final = ("whole", "closing")
_STUB: Final = 4  # how many times longer HTML is when the text only says "see the HTML"
_SIGNS_ONLY: Final = "<>|-_=*~#+ \t\n"  # leftovers of quoting that nobody means as an answer


def _split(lines: Sequence[Line], answered: str | None) -> Reply:
    lines = _tabbed_lines(_signed_lines(lines))
    scan = _Scan(lines)
    scan.run()
    if answered:
        scan.compare(answered)
    scan.cut_closings()
    new = _join(_new_lines(scan))
    if not has_words(new):
        # Some people write into the place that their program made for the signature.
        scan.labels = [_Label.NEW if label is _Label.CLOSING else label for label in scan.labels]
        new = _join(_new_lines(scan))
    if not has_words(new):
        how = "forward" if scan.how == "forward" else "echo" if scan.only_echoes() else "whole"
        return Reply(_join(_shown(line) for line in lines), "", how)
    quoted = _join(
        _shown(line)[len(scan.heads.get(index, "")) :]
        for index, line in enumerate(lines)
        if scan.labels[index] is not _Label.NEW
    )
    return Reply(new, quoted, scan.how if quoted else "whole")


def _new_lines(scan: "_Scan") -> Iterator[str]:
    """The new lines, a blank one between answers that quotes held apart."""
    before = -1
    for index, line in enumerate(scan.lines):
        head = scan.heads.get(index)
        if head is None and scan.labels[index] is not _Label.NEW:
            continue
        if index != before + 1:
            yield ""
        yield line.text if head is None else head
        before = index


def _shown(line: Line) -> str:
    return f"{'>' * line.depth} {line.text}".rstrip() if line.depth else line.text


def _join(lines: Iterable[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n").rstrip()


# ---------------------------------------------------------------------------------------------- lines with depth

_SIGNS = re.compile(r"(?:[ \t]{0,3}(?:>|＞|&gt;)){1,200} ?")
_BLANKS = re.compile(r"\n(?:[ \t]*\n){3,}")
_SIGN = re.compile("[>＞]|&gt;")
_INITIALS = re.compile(r" ?([A-Z][A-Za-z]{0,9})>(?: |$)")
# A link that some program broke out of its quoted line.
_SPILLED = re.compile(r"\s*(?:\(https?://\S{1,400}\) ?>?|[_=&%?][^\s_]\S{0,400})$")
# "> wrote:" is not quoted when the line before ends inside "<someone@…": its sign closes the bracket.
_CLOSES_BRACKET = re.compile(r"\s?>\s?(?:\S{1,20}\s){0,3}\S{0,20}[:：]$")


def _signed_lines(lines: Sequence[Line]) -> list[Line]:
    """The same lines; quote signs before their words have become depth."""
    initials = _quoting_initials(lines)
    found: list[Line] = []
    open_bracket = False
    for line in lines:
        text = line.text
        if ">" in text[:14] or text[:1] in ("＞", "&"):
            signs = _SIGNS.match(text)
            if signs and not (open_bracket and _CLOSES_BRACKET.match(text)) and not _is_groupwise(text):
                depth = len(_SIGN.findall(signs[0]))
                found.append(Line(text[signs.end() :], line.depth + depth, line.role))
                continue
            named = _INITIALS.match(text)
            if named and named[1] in initials:
                found.append(Line(text, line.depth + 1, line.role))
                continue
        elif found and found[-1].depth and _SPILLED.match(text):
            found.append(Line(text, found[-1].depth, line.role))
            continue
        found.append(line)
        if text:
            tail = text[-200:]
            bracket = tail.count("<") - tail.count(">")
            open_bracket = bracket > 0 or (open_bracket and bracket == 0)
    return found


def _tabbed_lines(lines: list[Line]) -> list[Line]:
    """The same lines; tabs before words have become depth where they quote, as mailx does below "Ann wrote:"."""
    found: list[Line] = []
    above = ""  # the nearest line with words
    announced = False
    for line in lines:
        words = line.text.lstrip("\t")
        tabs = len(line.text) - len(words) if words else 0
        announced = announced or bool(tabs and above and _announces_a_quote(above))
        found.append(Line(words, line.depth + tabs, line.role) if tabs and announced else line)
        above = line.text or above
    return found


def _announces_a_quote(line: str) -> bool:
    plain = shapes.plain(line)
    return plain.endswith((":", "：")) and shapes.is_announcement(plain, shapes.evidence(plain), signed=True)


def _is_groupwise(text: str) -> bool:
    """GroupWise announces with ">>> Ann Lee 1/1/2024 10:00 AM >>>" and puts no signs before what follows."""
    return text.startswith(">>> ") and text.rstrip().endswith(" >>>") and len(text) < shapes.LOOK


def _quoting_initials(lines: Sequence[Line]) -> frozenset[str]:
    """The initials that stand as quote signs ("AB> text") before at least two lines."""
    seen: set[str] = set()
    twice: set[str] = set()
    for line in lines:
        if ">" in line.text[:12] and (named := _INITIALS.match(line.text)):
            (twice if named[1] in seen else seen).add(named[1])
    return frozenset(twice)


def _text_lines(text: str) -> list[Line]:
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ")
    return [Line(raw.rstrip()) for raw in _BLANKS.sub("\n\n\n", text).split("\n")]


# ---------------------------------------------------------------------------------------------- labels

_AHEAD: Final = 7  # lines around an announcement or at the top of a container that may belong to it
_SPAN: Final = 5  # lines of an announcement with words
_LONG_RULE: Final = 12  # characters of a row of dashes that a program draws above carried headers
_BLOCK: Final = 24  # lines of a block of carried headers


class _Label(IntEnum):
    NEW = 0
    QUOTED = 1
    ANNOUNCED = 2  # the announcement itself
    CLOSING = 3


def _squash(text: str) -> str:
    return "".join(c for c in text if c.isalpha()).lower()


_SQUASHED_MARKER = _squash(MARKER)
_MARKER_START = re.compile(r"[*|\s]{0,4}##[\s-]{0,4}Please|[*|\s]{0,4}##[\s-]{0,4}$")


class _Scan:
    """One pass over the lines of one body. how: the rule that cut first. heads: new words before an announcement that
    begins within a line, by line."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self.plain = [shapes.plain(line.text) for line in lines]
        self.kinds = [shapes.header_kind(plain) if plain else None for plain in self.plain]
        self.depth = [line.depth for line in lines]
        self.labels = [_Label.QUOTED if line.depth else _Label.NEW for line in lines]
        self.how = "signs" if any(self.depth) else "whole"
        self.words_from = self._nearest_words()
        self.heads: dict[int, str] = {}
        self.repeats: Sequence[float] = ()  # of each line, when the mail that is answered is known
        self._first_new = 0

    def _nearest_words(self) -> list[int]:
        """For every line, and for the end, the nearest line from there on that has words or depth."""
        nearest = [len(self.lines)] * (len(self.lines) + 1)
        for index in range(len(self.lines) - 1, -1, -1):
            nearest[index] = index if self.plain[index] or self.depth[index] else nearest[index + 1]
        return nearest

    def run(self) -> None:
        """Label every line."""
        at, count = 0, len(self.lines)
        while at < count:
            at = self._step(at)

    # -------- one line

    def _step(self, at: int) -> int:
        """Label the line, and its neighbours where it says something about them; the next line to look at."""
        line, plain = self.lines[at], self.plain[at]
        if line.role is not None:
            return self._container(at, line.role)
        if self.depth[at] or not plain:
            if self.how == "signs" and shapes.is_forward_line(plain):
                self.how = "forward"  # Apple Mail forwards inside the quote
            return at + 1
        if "##" in plain and self._is_marker(at):
            return self._marker(at)
        if (words := shapes.divider_words(plain)) is not None and (how := self._divider(at, words)):
            return self._cut(at, at + 1, how)
        if plain[-1] in ":：->" or plain[0].isdigit():
            if (start := self._announcement(at)) is not None:
                return self._cut(start, at + 1, "announcement")
            if shapes.is_forward_line(plain) and self._leads(at):
                return self._cut(at, at + 1, "forward")
        if self.kinds[at] and (end := self._headers(at)):
            return self._cut(at, end, "headers")
        if (ruled := len(plain) >= _LONG_RULE and shapes.is_rule(plain)) or "@" in plain:
            end = self._foreign_headers(at + ruled, ruled=ruled)
            return self._cut(at, end, "headers") if end else at + 1
        return at + 1

    def _is_signed(self, at: int) -> bool:
        """Whether what comes next carries quote signs, perhaps unusual ones."""
        index = self.words_from[at]
        if index == len(self.lines):
            return False
        return self.depth[index] > 0 or self.plain[index].startswith(("| ", "|\t")) or self.plain[index] == "|"

    def _leads(self, at: int) -> bool:
        """Whether carried headers or quote signs come next."""
        below = self.words_from[at + 1]
        return below < len(self.lines) and (self.kinds[below] is not None or self._is_signed(at + 1))

    # -------- cutting

    def _cut(self, start: int, end: int, how: str) -> int:
        """Lines start…end announce what follows: label both; the next line to look at."""
        start = self._widen_up(start)
        if how in ("divider", "container", "forward"):
            end = self._widen_down(end)
        self.labels[start:end] = [_Label.ANNOUNCED] * (end - start)
        self._cut_by(how)
        if self._is_signed(end):
            return self._bars(end)
        if how != "forward" and not self._has_new(start):
            # Nothing stands above: the words below are all that this mail says.
            return end
        self.labels[end:] = [_Label.QUOTED] * (len(self.lines) - end)
        return len(self.lines)

    def _cut_by(self, how: str) -> None:
        self.how = how if self.how in ("whole", "signs") else self.how

    def _widen_up(self, start: int) -> int:
        """With the rows of dashes and "Original Message" above."""
        for _ in range(_AHEAD):
            above = start - 1
            if (
                start == 0
                or self.depth[above]
                or not (self._is_rule_or_blank(above) or shapes.names_original(self.plain[above]))
            ):
                break
            start = above
        return start

    def _widen_down(self, end: int) -> int:
        """With the carried headers or the announcement that come next."""
        below = self.words_from[end]
        if below == len(self.lines) or self.depth[below]:
            return end
        if headers := self._headers(below):
            return headers
        for last in range(below, min(below + _SPAN, len(self.lines))):
            if self.plain[last].endswith((":", "：")) and self._announcement(last) is not None:
                return last + 1
        return end

    def _is_rule_or_blank(self, at: int) -> bool:
        return not self.plain[at] or shapes.is_rule(self.plain[at])

    def _has_new(self, end: int) -> bool:
        """Whether new words stand above. The mark only moves on: what it has passed never becomes new."""
        if self.heads:
            return True
        own = (_Label.NEW, _Label.CLOSING)
        while self._first_new < end and not (self.plain[self._first_new] and self.labels[self._first_new] in own):
            self._first_new += 1
        return self._first_new < end

    def _bars(self, at: int) -> int:
        """Give depth to lines that are quoted with "|" instead of ">"."""
        index = self.words_from[at]
        while index < len(self.lines) and self.plain[index].startswith("|"):
            self.depth[index] = 1
            self.labels[index] = _Label.QUOTED
            index += 1
        return index

    # -------- shapes of several lines

    def _container(self, at: int, role: Role) -> int:
        if role is Role.REST:
            return self._cut(at, at + 1, "container")
        if role is Role.FORWARD:
            return self._cut(at, at + 1, "forward")
        if role is Role.LEAD:
            return self._lead(at)
        if role is Role.INTRO:
            words = shapes.divider_words(self.plain[at]) if self.plain[at] else None
            if words and shapes.says_forwarded(words):
                return self._cut(at, at + 1, "forward")
            self.labels[at] = _Label.ANNOUNCED
            self._cut_by("container")
        elif role is Role.SIGNATURE:
            self.labels[at] = _Label.CLOSING
        return at + 1

    def _lead(self, at: int) -> int:
        """A container whose first words announce the quote inside it, or a forward, or which is all quoted."""
        for index in range(at, min(at + _AHEAD + 1, len(self.lines))):
            plain = self.plain[index]
            if self.depth[index] > self.depth[at]:
                self.labels[at:index] = [_Label.ANNOUNCED] * (index - at)
                self._cut_by("container")
                return index
            words = shapes.divider_words(plain) if plain else None
            if (words and shapes.says_forwarded(words)) or shapes.is_forward_line(plain):
                return at + 1
        return self._cut(at, at + 1, "container")

    def _is_marker(self, at: int) -> bool:
        """Whether our marker begins in this line, perhaps broken over four, with other spaces or signs around it."""
        window = _squash(" ".join(self.plain[at : at + 4])[: 4 * shapes.LOOK])
        return 0 <= window.find(_SQUASHED_MARKER) < max(1, len(_squash(self.plain[at])))

    def _marker(self, at: int) -> int:
        match = _MARKER_START.search(self.lines[at].text)
        head = self.lines[at].text[: match.start()] if match else ""
        if _squash(head) and not (shapes.evidence(head).weight or head.rstrip().endswith((":", "："))):
            self.heads[at] = head.rstrip()
            return self._cut(at, at + 1, "marker")
        return self._cut(self._above(at), at + 1, "marker")

    def _above(self, at: int) -> int:
        """Where the announcement above our own words begins; in any language, since we know what follows."""
        start = at
        for index in range(at - 1, max(at - _AHEAD, -1), -1):
            plain = self.plain[index]
            if not plain and start == at:
                continue
            if not plain or self.depth[index] or self.labels[index] is not _Label.NEW:
                break
            span = " ".join(self.plain[index:at]).strip()
            found = shapes.evidence(span)
            labelled = ":" in plain[:25] or "：" in plain[:25]
            if found.length > 40 or (start < at and not labelled and self._is_complete(start)):
                break
            if found.address or (found.date and span.endswith((":", "："))):
                start = index
            elif not labelled:
                break
        return start

    def _is_complete(self, start: int) -> bool:
        return not self.plain[start].startswith("<") and shapes.begins_well(self.plain[start])

    def _divider(self, at: int, words: str) -> str | None:
        """What the words between dashes announce, if they do."""
        if shapes.says_forwarded(words):
            return "forward"
        if shapes.says_original(words) or self._leads(at):
            return "divider"
        found = shapes.evidence(self.plain[at])
        return "announcement" if found.verb and found.length <= 20 else None

    def _headers(self, at: int) -> int:
        """The end of the block of carried headers that begins here, or 0."""
        kinds: set[str] = set()
        address = clock = False
        blanks = loose = end = 0
        for index in range(at, min(at + _BLOCK, len(self.lines))):
            plain, kind = self.plain[index], self.kinds[index]
            if self.depth[index] or (not plain and (blanks := blanks + 1) > 1):
                break
            if kind:
                if kind == "from" and kind in kinds:
                    break
                kinds.update((kind, *shapes.inner_kinds(plain)))
                blanks = loose = 0
                end = index + 1
            elif plain and (blanks or (loose := loose + 1) > 3):
                break
            address = address or "@" in plain
            clock = clock or (kind == "date" and shapes.evidence(plain).clock)
        if "from" in kinds:
            # "From: … To: …" alone people write themselves, about parcels and about address books.
            enough = len(kinds - {"other"}) >= 3 and ("subject" in kinds or clock)
            return end if enough or (address and bool({"date", "subject"} & kinds)) else 0
        return end if {"date", "to"} <= kinds and clock and address else 0

    def _foreign_headers(self, at: int, *, ruled: bool) -> int:
        """The end of carried headers in a language that we do not know, or 0.

        They lie below a long row of dashes (ruled), or the subject among them is that of an answer.
        """
        end = at
        while end < min(at + _AHEAD, len(self.lines)) and not self.depth[end] and shapes.is_labelled(self.plain[end]):
            end += 1
        if end - at < 3 or not (ruled or any(map(shapes.has_reply_subject, self.plain[at:end]))):
            return 0
        found = shapes.evidence(" ".join(self.plain[at:end]))
        return end if found.address and found.clock else 0

    def _announcement(self, end: int) -> int | None:
        """The first line of the announcement that ends with this line."""
        signed = self._is_signed(end + 1)
        best, weight, start, span = None, 0.0, end, ""
        for _ in range(_SPAN):
            span = f"{self.plain[start]} {span}".strip()
            found = shapes.evidence(span)
            if shapes.is_announcement(span, found, signed=signed):
                opening = shapes.opens(self.plain[start])
                if opening or start == end or self._may_begin(start):
                    heavier = found.weight + 0.5 * opening
                    if heavier > weight:
                        best, weight = start, heavier
            start = self._line_above(start)
            if start < 0 or (self.plain[start].endswith((".", "!", "?")) and not _abbreviated(self.plain[start])):
                break
        if best is not None and self.plain[best].startswith("<") and self._is_lone_name(self._line_above(best)):
            best = self._line_above(best)
        if best is not None and (head := shapes.words_before(self.plain[best], " ".join(self.plain[best : end + 1]))):
            self.heads[best] = head
        return best

    def _line_above(self, start: int) -> int:
        """The line above that may belong to the same announcement, or -1."""
        above = start - 1
        if above > 0 and not self.plain[above] and self.plain[start].startswith("<"):
            above -= 1
        if above < 0 or not self.plain[above] or self.depth[above] or self.labels[above] is not _Label.NEW:
            return -1
        return above

    def _may_begin(self, at: int) -> bool:
        """Whether the line begins with a person, as in "Ann Lee <ann@example.org> wrote on …"."""
        plain = self.plain[at]
        if at == 0 or not self.plain[at - 1] or (plain[0] == "<" and self._is_lone_name(at - 1)):
            return shapes.begins_well(plain) or shapes.begins_with_person(plain)
        return plain[0] != "<" and shapes.begins_with_person(plain) and shapes.begins_well(plain)

    def _is_lone_name(self, at: int) -> bool:
        """Whether a few words stand alone above "<ann@example.org> wrote …": then they are the name."""
        return at >= 0 and len(self.plain[at].split()) <= 6 and (at == 0 or not self.plain[at - 1])

    # -------- what is known from outside, and the ends

    def compare(self, answered: str) -> None:
        """Label by the text that this mail answers: what repeats it is quoted, what stands between is not."""
        texts = [line.text if plain else "" for line, plain in zip(self.lines, self.plain, strict=True)]
        repeats = repeated_shares(answered, texts)
        # What is cut already neither makes a stretch long enough nor ends it: our marker stands amid our words.
        new = [text if label is _Label.NEW else "" for text, label in zip(texts, self.labels, strict=True)]
        for start, end in repeated_runs([s if text else 0.0 for s, text in zip(repeats, new, strict=True)], new):
            above = self._above(start)
            self.labels[above:start] = [_Label.ANNOUNCED] * (start - above)
            self.labels[start:end] = [_Label.QUOTED] * (end - start)
            self._cut_by("answered")
        for index in range(1, len(self.lines) - 1):
            # A program that breaks quoted lines leaves their ends without signs.
            if repeats[index] == 1 and self.depth[index - 1] and self.depth[index + 1]:
                self.labels[index] = _Label.QUOTED
        self._give_back(repeats)
        self.repeats = repeats

    def _give_back(self, repeats: Sequence[float]) -> None:
        """Lines that stand inside the repeated text and are not of it were written into the quote."""
        known = [i for i, share in enumerate(repeats) if share == 1 and self.labels[i] is _Label.QUOTED]
        if len(known) < 2:
            return
        inside = [i for i in range(known[0], known[-1]) if self.plain[i] and self.labels[i] is _Label.QUOTED]
        if len(known) < 0.5 * len(inside):
            return
        for index in inside:
            plain = self.plain[index]
            if (
                repeats[index] == 0
                and self.depth[index] <= 1
                and not (self.kinds[index] or shapes.is_rule(plain) or self._is_marker(index) or self._announces(index))
            ):
                self.labels[index] = _Label.NEW

    def only_echoes(self) -> bool:
        """Whether every word repeats the mail that is answered, but for what announces it.

        Without that mail nobody knows: people also write into what their program quotes.
        """
        return bool(self.repeats) and all(
            not plain or share == 1 or self._is_marker(index) or self._announces(index)
            for index, (plain, share) in enumerate(zip(self.plain, self.repeats, strict=True))
        )

    def _announces(self, at: int) -> bool:
        return shapes.is_announcement(self.plain[at], shapes.evidence(self.plain[at]), signed=True)

    def cut_closings(self) -> None:
        """Take signatures and footers from the end of every stretch of new lines."""
        plain = ["" if label is _Label.CLOSING else line for label, line in zip(self.labels, self.plain, strict=True)]
        start, alone = None, not self.heads
        for index in range(len(self.labels) + 1):
            new = index < len(self.labels) and self.labels[index] in (_Label.NEW, _Label.CLOSING)
            if new and start is None:
                start = index
            elif not new and start is not None:
                cut = closing_start(plain, start, index, keep_first=alone)
                if cut < index:
                    if any(self.plain[cut:index]) and self.how == "whole":
                        self.how = "closing"
                    self.labels[cut:index] = [_Label.CLOSING] * (index - cut)
                alone = alone and not any(plain[start:cut])
                start = None


def _abbreviated(line: str) -> bool:
    """Whether the full stop at the end belongs to "28." or "Apr." and not to a sentence."""
    last = line.rsplit(maxsplit=1)[-1]
    return line.endswith(".") and (last[:-1].isdigit() or len(last) <= 5)

"""The words of a delivery report: its own text, whom it names in which shape of line, and the mail it gives back."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from gateway.mail.bounce_texts import NOT_RECIPIENTS, ORIGINAL_BEGINS, RECIPIENT_LABELS, SENDER_LABELS
from gateway.mail.html import html_to_text
from gateway.mail.parse import MailFile, ParsedMail, ReportPart

#: Parts in which a report gives back the mail that it is about.
ORIGINAL_TYPES = frozenset(
    {"message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers", "message/partial"}
)

# Real reports say all in a fraction of this.
_MAX_TEXT = 10_000  # characters
_MAX_LINES = 400
_MAX_LINE = 1_000
_MAX_MENTIONS = 300
_MAX_SECTION = 500  # characters after an address in which its reason is looked for
_MAX_SECTIONS = 4

# The look-behind lets a match start only where a word starts, which keeps the search linear on hostile input.
_LOCAL = r"\w.!#$%&*+/=?^{|}~'-"
ADDRESS = re.compile(rf"(?<![{_LOCAL}])[{_LOCAL}]{{1,64}}@[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,9}}")
#: An enhanced status code (RFC 3463 §2), not a part of an IP address.
CODE = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]?\d)")
#: An SMTP reply code of failure (RFC 5321 §4.2.1).
REPLY = re.compile(r"(?<![\d.])[45]\d\d[ -]")
_CODE_BEFORE = re.compile(r"(?:[45]\d\d|[245]\.\d{1,3}\.\d{1,3})$")
_BULLETS = " \t>*|-•·—"
_OPENING = " \t<[(\"'`:;*"
_PUNCTUATION = str.maketrans(dict.fromkeys("()[]<>{}\"'`:;,=*|", " "))


class Mention(NamedTuple):
    """An address in lower case, its line, and how much the shape of the line says that it is a recipient.

    strength: 3 the line begins with it, 2 a label or a reply code stands before it, 1 it is there, 0 it is the sender.
    """

    address: str
    line: int
    strength: int


@dataclass(frozen=True)
class ReportWords:
    """The lines that a report itself says, and the lines below them that are a copy of the returned mail."""

    lines: tuple[str, ...]
    returned: tuple[str, ...]

    @cached_property
    def text(self) -> str:
        """The report's own words."""
        return "\n".join(self.lines)

    @cached_property
    def mentions(self) -> tuple[Mention, ...]:
        """The addresses in the report's own words, in order."""
        found = (mention for number, line in enumerate(self.lines) for mention in _mentions(line, number))
        return tuple(islice(found, _MAX_MENTIONS))

    @cached_property
    def sections(self) -> dict[str, tuple[str, ...]]:
        """What is said about each address: from every line that begins with it to the line that begins the next."""
        starts = [mention for mention in self.mentions if mention.strength == 3]
        ends = [mention.line for mention in starts[1:]]
        sections: dict[str, tuple[str, ...]] = {}
        for (address, line, _), end in zip(starts, [*ends, len(self.lines)], strict=False):
            known = sections.get(address, ())
            if len(known) < _MAX_SECTIONS:
                section = "\n".join(part.strip() for part in self.lines[line:end])
                sections[address] = (*known, section[:_MAX_SECTION])
        return sections

    def names_recipients(self) -> bool:
        """Whether a line is shaped like those with which mail systems name the recipients that they failed."""
        return any(mention.strength > 1 for mention in self.mentions)


def own_text(mail: ParsedMail) -> str:
    """What a mail says in words, from its plain text or else its HTML; at most 10,000 characters in 400 lines."""
    text = mail.text or ""
    if not text.strip() and mail.html:
        text = html_to_text(mail.html[: 4 * _MAX_TEXT])
    return "\n".join(text[:_MAX_TEXT].split("\n", _MAX_LINES)[:_MAX_LINES])


def own_parts(mail: ParsedMail) -> tuple[ReportPart | MailFile, ...]:
    """Every part of a mail itself beside its texts; what a carried mail holds is not among them."""
    return (*mail.reports, *mail.files)


def returns_mail(mail: ParsedMail) -> bool:
    """Whether a mail gives back another one, as a part or below its own text."""
    carries = any(part.content_type in ORIGINAL_TYPES for part in own_parts(mail))
    return carries or bool(read_words(mail).returned)


def read_words(mail: ParsedMail) -> ReportWords:
    """Split the text of a report where the copy of the returned mail begins."""
    lines = tuple(line[:_MAX_LINE] for line in own_text(mail).split("\n"))
    for number, line in enumerate(lines):
        bare = line.strip(" \t-=_*|>#:.[]").lower()
        if bare.startswith(("received: from", "received: by", "received: (", "return-path: <")):
            return ReportWords(lines[:number], lines[number:])
        if number and len(bare) < 120 and ORIGINAL_BEGINS.search(bare):
            return ReportWords(lines[:number], lines[number + 1 :])
    return ReportWords(lines, ())


def _mentions(line: str, number: int) -> Iterator[Mention]:
    if "@" not in line:
        return
    for match in ADDRESS.finditer(line):
        address = match[0].strip("'.").rpartition("=")[2].lower()
        if address.partition("@")[0] not in NOT_RECIPIENTS:
            yield Mention(address, number, _strength(line[: match.start()].rstrip(_OPENING)))


def _strength(before: str) -> int:
    """What the words before an address on its line say about it."""
    label = " " + " ".join(before[-60:].lower().translate(_PUNCTUATION).split())
    if label.endswith(RECIPIENT_LABELS):
        return 2
    if label.endswith(SENDER_LABELS):
        return 0
    if not before.strip(_BULLETS) or label.strip() in ("smtp", "rfc822"):
        return 3
    return 2 if _CODE_BEFORE.search(before[-10:]) else 1

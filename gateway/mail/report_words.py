"""The words of a delivery report: its own text, whom it names in which shape of line, and the mail it gives back."""

import re
from collections.abc import Iterator
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
_MAX_HTML = 30_000  # characters of markup
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
#: How the header of a returned mail begins (RFC 5321 §4.4).
_TRACE = ("received: from", "received: by", "received: (", "return-path: <")
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


class ReportWords:
    """What a mail says, read as a delivery report. Nothing is read before it is asked for, and then once."""

    def __init__(self, mail: ParsedMail) -> None:
        self._mail = mail

    @cached_property
    def all_lines(self) -> tuple[str, ...]:
        """The plain text or else the HTML of the mail: at most 10,000 characters in 400 lines."""
        text = self._mail.text or ""
        if not text.strip() and self._mail.html:
            text = html_to_text(self._mail.html[:_MAX_HTML])
        return tuple(line[:_MAX_LINE] for line in text[:_MAX_TEXT].split("\n", _MAX_LINES)[:_MAX_LINES])

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The lines of the mail itself, above the copy of the returned mail."""
        return self.all_lines[: self._own]

    @cached_property
    def returned(self) -> tuple[str, ...]:
        """The lines below them: a copy of the returned mail."""
        return self.all_lines[self._own :]

    @cached_property
    def _own(self) -> int:
        for number, line in enumerate(self.all_lines):
            bare = line.strip(" \t-=_*|>#:.[]").lower()
            if bare.startswith(_TRACE) or (number and len(bare) < 120 and ORIGINAL_BEGINS.search(bare)):
                return number
        return len(self.all_lines)

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

    def returns_mail(self) -> bool:
        """Whether the mail gives back another one, as a part or below its own words."""
        return any(part.content_type in ORIGINAL_TYPES for part in own_parts(self._mail)) or bool(self.returned)

    def names_recipients(self) -> bool:
        """Whether a line is shaped like those with which mail systems name the recipients that they failed."""
        return any(mention.strength > 1 for mention in self.mentions)


def own_parts(mail: ParsedMail) -> tuple[ReportPart | MailFile, ...]:
    """Every part of a mail itself beside its texts; what a carried mail holds is not among them."""
    return (*mail.reports, *mail.files)


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

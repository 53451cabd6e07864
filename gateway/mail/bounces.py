"""Delivery reports: which addresses a mail could not reach, whether for good, and why (RFC 3464, RFC 3463).

A report is read from three places, the most exact first: the machine-readable part (RFC 3464), the header field
X-Failed-Recipients, and the text that the mail system wrote for people. The returned mail below it only tells whom the
report is about, never why: what it says was said by somebody else.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from itertools import chain, islice

from gateway.mail.bounce_texts import (
    AFTER_DATA,
    AFTER_MAIL,
    CODES,
    DEAD,
    DEAD_CODES,
    DELAYED,
    PASSING,
    SENDER_CODES,
    VAGUE_NOUSER,
    reason_of,
)
from gateway.mail.parse import ParsedMail
from gateway.mail.phrases import normalise
from gateway.mail.report_words import ADDRESS, CODE, ORIGINAL_TYPES, REPLY, ReportWords, own_parts

_STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
_ACTIONS = frozenset({"failed", "delayed", "delivered", "relayed", "expanded"})
_RECIPIENT_FIELDS = frozenset({"to", "cc", "x-original-to", "delivered-to", "envelope-to", "x-envelope-to"})
_SENDER_FIELDS = frozenset({"from", "return-path", "sender"})

_MAX_STATUS = 65_536  # bytes of a status part or of the returned header that are read
_MAX_FIELDS = 500
_MAX_FIELD = 1_000
_MAX_RECIPIENTS = 50
_MAX_DIAGNOSTIC = 500
_MAX_WHOLE = 2_000  # characters of the whole text in which a reason is looked for at last

_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,60})[ \t]{0,9}:(.*)", re.DOTALL)
_UNITEXT = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address that a report speaks about.

    address: `local@domain`. hard: this address is dead; writing to it again is useless whatever the mail says.
    action: `failed`, `delayed`, `delivered`, `relayed` or `expanded` (RFC 3464 §2.3.3).
    status: enhanced status code like `5.1.1`, or "". reason: one word of `bounce_texts`, or "".
    diagnostic: the line in which the mail system says why, at most 500 characters.
    original: the address that the sender wrote to, when `address` is where the mail was forwarded to, else "".
    """

    address: str
    hard: bool
    action: str = "failed"
    status: str = ""
    reason: str = ""
    diagnostic: str = ""
    original: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """recipients, and what the report gives back of the mail that it is about.

    original_message_id: without angle brackets, from the returned header or else from the report's In-Reply-To or
    References; None when none of them tells. original_headers: as returned, decoded.
    """

    recipients: tuple[Recipient, ...]
    original_message_id: str | None = None
    original_headers: tuple[tuple[str, str], ...] = ()

    def about(self, address: str) -> Recipient | None:
        """What the report says about an address that a mail was sent to, or None when it does not name it."""
        wanted = address.lower()
        return next((r for r in self.recipients if wanted in (r.address.lower(), r.original.lower())), None)


def read_report(mail: ParsedMail) -> Report | None:
    """Read the delivery report that a mail is, or None when it names nobody.

    Whether a mail is a report at all is decided by `classify`: the text of a person who quotes one reads the same.
    """
    words = ReportWords(mail)
    headers = _returned_headers(mail, words)
    recipients = _from_status_parts(mail, words) or _from_failed_header(mail, words) or _from_text(mail, words, headers)
    if not recipients:
        return None
    returned = (value.strip("<> \t") for name, value in headers if name.lower() == "message-id")
    return Report(recipients, next(chain(returned, mail.in_reply_to, mail.references[-1:]), None), headers)


# ---- the verdict about one address -----------------------------------------------------------------------------------


def _recipient(
    address: str, said: Iterable[str], *, action: str = "failed", status: str = "", original: str = ""
) -> Recipient:
    """Judge one address by what was said about it, the most exact words first."""
    texts = [text for text in dict.fromkeys(said) if text and not text.isspace()]
    for text in texts:
        status = _precise(status, text)
    normalised = [normalise(text) for text in texts]
    reason, by = next(((reason, text) for text in normalised if (reason := reason_of(text))), ("", ""))
    if not reason and status[:3] != "5.7" and any(phrase in text for phrase in VAGUE_NOUSER for text in normalised):
        reason = "nouser"
    if reason in DEAD:
        reason = _blamed_at_another_step(reason, status, max(normalised, key=len))
    hard = action == "failed" and _is_dead(reason, status, by)
    reason = reason or CODES.get(status.partition(".")[2], "")
    return Recipient(address, hard, action, status, reason, _diagnostic(texts), original)


def judge_refusal(said: str, status: str) -> Recipient:
    """What a relay's refusal at RCPT says about the address that it was given to, judged as in a report.

    said: the text of its answer; status: its enhanced status code, or "". The address itself is left empty.
    """
    return _recipient("", (said,), status=status)


def _blamed_at_another_step(reason: str, status: str, context: str) -> str:
    """ "Unknown" said to MAIL is about the sender, said to DATA it is about the mail (RFC 5321 §3.3)."""
    if status in SENDER_CODES or any(phrase in context for phrase in AFTER_MAIL):
        return "sender"
    # Where commands were pipelined, the last reply is to DATA and those before it are to RCPT.
    if reason == "nouser" and context.count("<<<") < 2 and any(phrase in context for phrase in AFTER_DATA):
        return "filtered"
    return reason


def _is_dead(reason: str, status: str, said: str) -> bool:
    """Text first, then the code: class 5 alone is also sent for full mailboxes, size, spam and policy."""
    if reason in DEAD:
        # A name server that answers "not found" for a while (class 4) is no proof that the domain is gone.
        is_passing = any(word in said for word in PASSING) or (reason == "nodomain" and status.startswith("4"))
        return not is_passing
    if reason == "disabled":
        return status == "5.2.1"
    return not reason and status in DEAD_CODES


def _precise(status: str, said: str) -> str:
    """The status field, or the code inside of the diagnostic when that is the more exact one (`5.0.0` says nothing)."""
    if status and not status.endswith(".0.0"):
        return status
    found = CODE.search(said)
    return found[1] if found and not found[1].endswith(".0.0") else status


def _diagnostic(texts: list[str]) -> str:
    """The first line with a reply or status code and what continues it, else the first line that says something."""
    said = [[" ".join(line.split()) for line in text.split("\n") if line.strip()] for text in texts]
    for lines in said:
        for number, line in enumerate(lines):
            if REPLY.search(line) or CODE.search(line):
                return " ".join(lines[number : number + 3] if len(line) < 80 else [line])[:_MAX_DIAGNOSTIC]
    wordy = (line for lines in said for line in lines if " " in line)
    return next(wordy, "")[:_MAX_DIAGNOSTIC]


# ---- RFC 3464 --------------------------------------------------------------------------------------------------------


def _from_status_parts(mail: ParsedMail, words: ReportWords) -> tuple[Recipient, ...]:
    blocks = [
        block
        for part in own_parts(mail)
        if part.content_type in _STATUS_TYPES
        for block in _status_blocks(_decoded(part.data[:_MAX_STATUS]))
    ]
    if not blocks and "\nfinal-recipient:" in words.text.lower():  # a report whose MIME structure was lost on the way
        blocks = list(_status_blocks(words.text))
    found: dict[str, Recipient] = {}
    for block in blocks[:_MAX_RECIPIENTS]:
        recipient = _from_block(block, words, is_only=len(blocks) == 1)
        if recipient:
            found.setdefault(recipient.address.lower(), recipient)
    return tuple(found.values())


def _from_block(block: dict[str, str], words: ReportWords, *, is_only: bool) -> Recipient | None:
    """The recipient of one group of fields (RFC 3464 §2.3), None when it names no mailbox."""
    address = _typed_address(block.get("final-recipient", ""))
    original = _typed_address(block.get("original-recipient", ""))
    if "." not in address.rpartition("@")[2] and original:  # a name inside of that site only
        address = original
    if not address:
        return None
    code, _, comment = block.get("status", "").partition("(")
    status = match[1] if (match := CODE.search(code)) else ""
    diagnostic = block.get("diagnostic-code", "")
    said = [
        (diagnostic.partition(";")[2].strip() or diagnostic)[:_MAX_DIAGNOSTIC],
        comment.rstrip(")"),
        *_said_about(address, original, words),
        words.text[:_MAX_WHOLE] if is_only else "",
    ]
    action = (block.get("action", "").lower().split() or [""])[0]
    if action not in _ACTIONS:
        action = "delayed" if status.startswith("4") else "failed"
    forwarded_from = original if original.lower() != address.lower() else ""
    return _recipient(address, said, action=action, status=status, original=forwarded_from)


def _said_about(address: str, original: str, words: ReportWords) -> tuple[str, ...]:
    """What the text says about an address: the first paragraphs below it, then all up to the next address."""
    sections = words.sections.get(address.lower()) or words.sections.get(original.lower()) or ()
    paragraphs = "\n".join(_first_paragraph(section) for section in sections)
    return paragraphs, "\n".join(sections)


def _first_paragraph(section: str) -> str:
    first_line, _, rest = section.partition("\n")
    return f"{first_line}\n{rest.lstrip().partition(chr(10) * 2)[0]}"


def _status_blocks(text: str) -> Iterator[dict[str, str]]:
    """The per-recipient field groups (RFC 3464 §2.3), also where the blank line between two of them was lost."""
    block: dict[str, str] = {}
    for field, value in _fields(text, stop_at_blank=False):
        name = field.lower()
        starts_next = not name or (name in ("final-recipient", "original-recipient") and name in block)
        if starts_next:
            if "final-recipient" in block or "original-recipient" in block:
                yield block
            block = {}
        if name:
            block.setdefault(name, value)
    if "final-recipient" in block or "original-recipient" in block:
        yield block


def _typed_address(value: str) -> str:
    """`rfc822; user@example.org` without its address type, "" for a file, a pipe or a name without a domain."""
    address = (value.partition(";")[2] or value).partition(" (")[0].strip(" \t<>'")
    if address.startswith("@"):  # a source route (RFC 5321 §4.1.2)
        address = address.partition(":")[2]
    address = _UNITEXT.sub(_unitext, address)
    is_mailbox = "@" in address[1:] and len(address) <= 320 and not address.startswith(("/", "|"))
    return address if is_mailbox else ""


def _unitext(match: re.Match[str]) -> str:
    """One character of an internationalised address (RFC 6533 §3)."""
    character = chr(min(int(match[1], 16), 0x10FFFF))
    return character if character.isprintable() else ""


def _fields(text: str, *, stop_at_blank: bool) -> Iterator[tuple[str, str]]:
    """Header-like fields, unfolded. A blank line ends them, or is given as ("", "")."""
    name, value = "", ""
    for line in text.split("\n", _MAX_FIELDS)[:_MAX_FIELDS]:
        if name and line[:1] in (" ", "\t") and line.strip():
            value += " " + line.strip()
            continue
        if name:
            yield name, value
            name = ""
        if not line.strip():
            if stop_at_blank:
                return
            yield "", ""
        elif match := _FIELD.match(line[:_MAX_FIELD]):
            name, value = match[1], match[2].strip()
    if name:
        yield name, value


def _decoded(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


# ---- X-Failed-Recipients and free text -------------------------------------------------------------------------------


def _from_failed_header(mail: ParsedMail, words: ReportWords) -> tuple[Recipient, ...]:
    listed = ",".join(mail.header_all("X-Failed-Recipients"))[: _MAX_RECIPIENTS * 100]
    return _judged_by_text(mail, dict.fromkeys(map(str.lower, ADDRESS.findall(listed))), words)


def _from_text(mail: ParsedMail, words: ReportWords, headers: tuple[tuple[str, str], ...]) -> tuple[Recipient, ...]:
    """The addresses that the words of a report name as its recipients, told by the shape of their lines."""
    ours = {address.address.lower() for address in (*mail.to, *mail.cc, *mail.from_)}
    ours |= _addresses_in(value for name, value in headers if name.lower() in _SENDER_FIELDS)
    written_to = _addresses_in(value for name, value in headers if name.lower() in _RECIPIENT_FIELDS)
    written_to |= _addresses_in(value.partition(" for <")[2] for name, value in headers if name.lower() == "received")
    mentioned: dict[str, int] = {}
    for address, _, strength in words.mentions:
        mentioned[address] = max(strength, mentioned.get(address, 0))
    for candidates in (
        {address: strength for address, strength in mentioned.items() if address not in ours},
        {address: strength for address, strength in mentioned.items() if address in written_to or strength > 1},
        dict.fromkeys(written_to - ours, 1) if len(written_to - ours) == 1 else {},
        dict.fromkeys(_local_parts(mail, words), 1),
    ):
        best = max(candidates.values(), default=0)
        chosen = [address for address, strength in candidates.items() if strength == best]
        if best == 1:  # a mere mention: the header of the returned mail knows better
            chosen = [address for address in chosen if address in written_to] or chosen
        if best and chosen:
            return _judged_by_text(mail, chosen, words)
    return ()


def _local_parts(mail: ParsedMail, words: ReportWords) -> Iterator[str]:
    """A name alone on its line below "to the following recipients:", completed by the domain of the reporter."""
    domain = mail.from_[0].address.rpartition("@")[2].lower() if mail.from_ else ""
    is_announced = False
    for line in words.lines:
        word = line.strip(" \t\"'<>:")
        if is_announced and domain and re.fullmatch(r"[\w.+-]{1,64}", word):
            yield f"{word.lower()}@{domain}"
        elif word:
            is_announced = line.rstrip().endswith(":")


def _judged_by_text(mail: ParsedMail, addresses: Iterable[str], words: ReportWords) -> tuple[Recipient, ...]:
    wanted = list(islice(addresses, _MAX_RECIPIENTS))
    if not wanted:
        return ()
    is_delayed = DELAYED.search(normalise(f"{mail.subject}\n{words.text[:_MAX_WHOLE]}"))
    action = "delayed" if is_delayed else "failed"
    whole = (words.text[:_MAX_WHOLE], mail.subject) if len(wanted) == 1 else ()
    return tuple(_recipient(address, (*_said_about(address, "", words), *whole), action=action) for address in wanted)


def _addresses_in(values: Iterable[str]) -> set[str]:
    return {address.lower() for value in values for address in ADDRESS.findall(value[:_MAX_FIELD])}


# ---- the returned mail -----------------------------------------------------------------------------------------------


def _returned_headers(mail: ParsedMail, words: ReportWords) -> tuple[tuple[str, str], ...]:
    """Header fields of the mail that the report is about: from its own part, else from the copy in the text."""
    part = next((part for part in own_parts(mail) if part.content_type in ORIGINAL_TYPES), None)
    if part:
        source = _decoded(part.data[:_MAX_STATUS]).lstrip("\n")
    else:
        lines = [line.lstrip(">") for line in words.returned]
        start = next((number for number, line in enumerate(lines[:8]) if _FIELD.match(line)), len(lines))
        source = "\n".join(lines[start:])
    fields = _fields(source, stop_at_blank=True)
    return tuple((name, _decoded_words(value)) for name, value in islice(fields, _MAX_FIELDS))


def _decoded_words(value: str) -> str:
    """A header value with its encoded words (RFC 2047) read, on one line."""
    if "=?" not in value:
        return value
    try:
        decoded = str(make_header(decode_header(value)))
    except (LookupError, ValueError, HeaderParseError):
        return value
    return " ".join(decoded.replace("\0", "").encode("utf-8", "replace").decode().split())

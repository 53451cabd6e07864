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
from html import unescape
from itertools import islice

from gateway.mail.bounce_texts import (
    AFTER_DATA,
    AFTER_MAIL,
    CODES,
    DEAD,
    DEAD_CODES,
    DELAYED,
    NOT_RECIPIENTS,
    ORIGINAL_BEGINS,
    PASSING,
    RECIPIENT_LABELS,
    SENDER_CODES,
    SENDER_LABELS,
    VAGUE_NOUSER,
    reason_of,
)
from gateway.mail.parse import MailFile, ParsedMail, ReportPart
from gateway.mail.phrases import normalise

_STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
_ORIGINAL_TYPES = frozenset(
    {"message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers", "message/partial"}
)

_RECIPIENT_FIELDS = frozenset({"to", "cc", "x-original-to", "delivered-to", "envelope-to", "x-envelope-to"})
_ACTIONS = frozenset({"failed", "delayed", "delivered", "relayed", "expanded"})

_MAX_TEXT = 20_000  # characters of a report's own text that are read; real ones say all in a fraction of that
_MAX_LINE = 1_000
_MAX_RETURNED = 65_536  # bytes of the returned header that are read
_MAX_FIELDS = 300
_MAX_RECIPIENTS = 100
_MAX_DIAGNOSTIC = 500
_MAX_CONTEXT = 1_000  # characters around an address in which its reason is looked for

# The look-behind lets a match start only where a word starts, which keeps the search linear on hostile input.
_LOCAL = r"\w.!#$%&*+/=?^{|}~'-"
_ADDRESS = re.compile(rf"(?<![{_LOCAL}])[{_LOCAL}]{{1,64}}@[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,9}}")
_CODE = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]?\d)")
_BULLETS = " \t>*|-•·—"
_PUNCTUATION = str.maketrans(dict.fromkeys("()[]<>{}\"'`:;,=*|", " "))
_REPLY = re.compile(r"(?<![\d.])[45]\d\d[ -]")
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,60})[ \t]{0,9}:(.*)", re.DOTALL)
_UNITEXT = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_TAG = re.compile(r"<[^<>]{0,2000}>")
_BREAK = re.compile(r"<(?:br|/p|/div|/tr|/li|/h\d|/td)\b[^<>]{0,200}>", re.IGNORECASE)


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

    original_message_id: without angle brackets, None when not returned. original_headers: as returned, decoded.
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
    text, returned_text = _split_at_original(report_text(mail))
    headers = _returned_headers(mail, returned_text)
    recipients = _from_status_parts(mail, text) or _from_failed_header(mail, text) or _from_text(mail, text, headers)
    if not recipients:
        return None
    message_id = next((value for name, value in headers if name.lower() == "message-id"), "")
    return Report(recipients, message_id.strip().strip("<>").strip() or None, headers)


def report_text(mail: ParsedMail) -> str:
    """What a mail says in words, from its plain text or else its HTML: at most 20,000 characters."""
    if mail.text and not mail.text.isspace():
        return mail.text[:_MAX_TEXT]
    html = (mail.html or "")[: 4 * _MAX_TEXT]
    return unescape(_TAG.sub(" ", _BREAK.sub("\n", html))).replace("\xa0", " ")[:_MAX_TEXT]


def own_parts(mail: ParsedMail) -> tuple[ReportPart | MailFile, ...]:
    """Every part of a mail itself beside its texts; what a carried mail holds is not among them."""
    return (*mail.reports, *mail.files)


# ---- the verdict about one address -----------------------------------------------------------------------------------


def _recipient(
    address: str, words: Iterable[str], *, action: str = "failed", status: str = "", original: str = ""
) -> Recipient:
    """Judge one address by what was said about it, the most exact words first."""
    said = [text for text in dict.fromkeys(words) if text and not text.isspace()]
    for text in said:
        status = _precise(status, text)
    normalised = [normalise(text) for text in said]
    reason = next(filter(None, map(reason_of, normalised)), "")
    everything = max(normalised, key=len, default="")
    if not reason and status[:3] != "5.7" and any(phrase in text for phrase in VAGUE_NOUSER for text in normalised):
        reason = "nouser"
    if reason in DEAD:
        if status in SENDER_CODES or any(phrase in everything for phrase in AFTER_MAIL):
            reason = "sender"
        elif reason == "nouser" and everything.count("<<<") < 2 and any(p in everything for p in AFTER_DATA):
            reason = "filtered"  # where commands were pipelined, the last reply is to DATA, those before are to RCPT
    hard = action == "failed" and _is_dead(reason, status, normalised[0] if normalised else "")
    reason = reason or CODES.get(status.partition(".")[2], "")
    return Recipient(address, hard, action, status, reason, _diagnostic(said), original)


def _is_dead(reason: str, status: str, said: str) -> bool:
    """Text first, then the code: class 5 alone is also sent for full mailboxes, size, spam and policy."""
    if reason in DEAD:
        passing = any(word in said for word in PASSING)
        # A name server that answers "not found" for a while (class 4) is no proof that the domain is gone.
        return not passing and not (reason == "nodomain" and status.startswith("4"))
    if reason == "disabled":
        return status == "5.2.1"
    return not reason and status in DEAD_CODES


def _precise(status: str, said: str) -> str:
    """The status field, or the code inside of the diagnostic when that is the more exact one (`5.0.0` says nothing)."""
    if status and not status.endswith(".0.0"):
        return status
    found = _CODE.search(said)
    return found[1] if found and not found[1].endswith(".0.0") else status


def _diagnostic(said: list[str]) -> str:
    """The first line with a reply or status code and what continues it, else the first line that says something."""
    lines = [" ".join(line.split()) for text in said for line in text.split("\n") if line.strip()]
    for number, line in enumerate(lines):
        if _REPLY.search(line) or _CODE.search(line):
            return " ".join(lines[number : number + 3] if len(line) < 80 else [line])[:_MAX_DIAGNOSTIC]
    wordy = (line for line in lines if " " in line)
    return next(wordy, lines[0] if lines else "")[:_MAX_DIAGNOSTIC]


# ---- RFC 3464 --------------------------------------------------------------------------------------------------------


def _from_status_parts(mail: ParsedMail, text: str) -> tuple[Recipient, ...]:
    blocks = [
        block
        for part in own_parts(mail)
        if part.content_type in _STATUS_TYPES
        for block in _status_blocks(_decoded_bytes(part.data))
    ]
    if not blocks and "\nfinal-recipient:" in text.lower():  # a report whose MIME structure was lost on the way
        blocks = list(_status_blocks(text))
    found: dict[str, Recipient] = {}
    paragraphs = _paragraphs(text)
    for block in blocks[:_MAX_RECIPIENTS]:
        address = _typed_address(block.get("final-recipient", ""))
        original = _typed_address(block.get("original-recipient", ""))
        if "." not in address.rpartition("@")[2] and original:  # a name inside of that site only
            address = original
        if not address or address.lower() in found:
            continue
        code, _, comment = block.get("status", "").partition("(")
        status = match[1] if (match := _CODE.search(code)) else ""
        diagnostic = block.get("diagnostic-code", "")
        words = [
            diagnostic.partition(";")[2].strip() or diagnostic,
            comment.rstrip(")"),
            *(paragraphs.get(address.lower()) or paragraphs.get(original.lower()) or ()),
            text[:2_000] if len(blocks) == 1 else "",
        ]
        action = (block.get("action", "").lower().split() or [""])[0]
        if action not in _ACTIONS:
            action = "delayed" if status.startswith("4") else "failed"
        if original.lower() == address.lower():
            original = ""
        found[address.lower()] = _recipient(address, words, action=action, status=status, original=original)
    return tuple(found.values())


def _status_blocks(text: str) -> Iterator[dict[str, str]]:
    """The per-recipient field groups (RFC 3464 §2.3), also where the blank line between two of them was lost."""
    block: dict[str, str] = {}
    for name, value in _fields(text, stop_at_blank=False):
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
    address = _UNITEXT.sub(lambda match: chr(min(int(match[1], 16), 0x10FFFF)), address)  # RFC 6533 §3
    is_mailbox = "@" in address[1:] and len(address) <= 320 and not address.startswith(("/", "|"))
    return address if is_mailbox else ""


def _fields(text: str, *, stop_at_blank: bool) -> Iterator[tuple[str, str]]:
    """Header-like fields, unfolded, names in lower case. A blank line ends them, or is given as ("", "")."""
    name, value = "", ""
    for count, line in enumerate(text.split("\n")):
        if count > _MAX_FIELDS * 10:
            break
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
        elif match := _FIELD.match(line[:_MAX_LINE]):
            name, value = match[1].lower(), match[2].strip()
    if name:
        yield name, value


def _decoded_bytes(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


# ---- X-Failed-Recipients and free text -------------------------------------------------------------------------------


def _from_failed_header(mail: ParsedMail, text: str) -> tuple[Recipient, ...]:
    listed = ",".join(mail.header_all("X-Failed-Recipients"))[: _MAX_RECIPIENTS * 100]
    addresses = dict.fromkeys(address.lower() for address in _ADDRESS.findall(listed))
    return _judged_by_text(mail, addresses, text)


def _from_text(mail: ParsedMail, text: str, headers: tuple[tuple[str, str], ...]) -> tuple[Recipient, ...]:
    """The addresses that the words of a report name as its recipients, told by the shape of their lines."""
    ours = {address.address.lower() for address in (*mail.to, *mail.cc, *mail.from_)}
    returned = [(name.lower(), value) for name, value in headers]
    ours.update(_addresses_in(value for name, value in returned if name in ("from", "return-path", "sender")))
    written_to = _addresses_in(value for name, value in returned if name in _RECIPIENT_FIELDS)
    written_to |= _addresses_in(value.partition(" for <")[2] for name, value in returned if name == "received")
    mentions = dict[str, int]()
    for line in text.split("\n"):
        for address, strength in _mentions(line[:_MAX_LINE]):
            mentions[address] = max(strength, mentions.get(address, 0))
    for candidates in (
        {a: n for a, n in mentions.items() if a not in ours},
        {a: n for a, n in mentions.items() if a in written_to or n > 1},
        dict.fromkeys((a for a in written_to if a not in ours), 1) if len(written_to - ours) == 1 else {},
        dict.fromkeys(_local_parts(mail, text), 1),
    ):
        best = max(candidates.values(), default=0)
        chosen = [address for address, strength in candidates.items() if strength == best]
        if best == 1 and (known := [address for address in chosen if address in written_to]):
            chosen = known
        if chosen and best:
            return _judged_by_text(mail, chosen[:_MAX_RECIPIENTS], text)
    return ()


def _mentions(line: str) -> Iterator[tuple[str, int]]:
    """Addresses of a line in lower case, with how much its shape says that they are recipients (0 to 3)."""
    if "@" not in line:
        return
    for match in _ADDRESS.finditer(line):
        address = match[0].strip("'.").rpartition("=")[2].lower()
        before = line[: match.start()].rstrip(" \t<[(\"'`:;*")
        if address.partition("@")[0] in NOT_RECIPIENTS:
            continue
        label = " " + " ".join(before[-60:].lower().translate(_PUNCTUATION).split())
        if label.endswith(SENDER_LABELS) and not label.endswith(RECIPIENT_LABELS):
            yield address, 0
        elif not before.strip(_BULLETS) or before.lower().strip(" \t[(<") in ("smtp", "rfc822"):
            yield address, 3
        elif label.endswith(RECIPIENT_LABELS) or _REPLY.search(before[-14:] + " ") or _CODE.search(before[-12:]):
            yield address, 2
        else:
            yield address, 1


def _local_parts(mail: ParsedMail, text: str) -> Iterator[str]:
    """A name alone on its line below "to the following recipients:", completed by the domain of the reporter."""
    domain = mail.from_[0].address.rpartition("@")[2].lower() if mail.from_ else ""
    announced = False
    for line in text.split("\n"):
        word = line.strip(" \t\"'<>:")
        if announced and domain and word and len(word) <= 64 and re.fullmatch(r"[\w.+-]{1,64}", word):
            yield f"{word.lower()}@{domain}"
        elif word:
            announced = line.rstrip().endswith(":")


def _judged_by_text(mail: ParsedMail, addresses: Iterable[str], text: str) -> tuple[Recipient, ...]:
    wanted = list(addresses)
    if not wanted:
        return ()
    paragraphs = _paragraphs(text)
    delayed = DELAYED.search(normalise(f"{mail.subject}\n{text[:2_000]}"))
    action = "delayed" if delayed else "failed"
    whole = (text[:2_000], mail.subject) if len(wanted) == 1 else ()
    return tuple(_recipient(a, (*paragraphs.get(a.lower(), ()), *whole), action=action) for a in wanted)


def _addresses_in(values: Iterable[str]) -> set[str]:
    return {address.lower() for value in values for address in _ADDRESS.findall(value[:_MAX_LINE])}


def _paragraphs(text: str) -> dict[str, tuple[str, str]]:
    """What is said about each address: up to the next blank line, and up to the line that starts with the next one."""
    said: dict[str, list[str]] = {}
    holder = ""
    for line in text.split("\n"):
        starts = next((address for address, strength in _mentions(line[:_MAX_LINE]) if strength == 3), "")
        if starts:
            holder = starts
            said.setdefault(holder, [])
        if holder:
            said[holder].append(line[:_MAX_LINE].strip())
    paragraphs = {}
    for address, lines in said.items():
        blank = next((n for n, line in enumerate(lines) if n > 1 and not line), len(lines))
        paragraphs[address] = ("\n".join(lines[:blank])[:_MAX_CONTEXT], "\n".join(lines)[:_MAX_CONTEXT])
    return paragraphs


# ---- the returned mail -----------------------------------------------------------------------------------------------


def _split_at_original(text: str) -> tuple[str, str]:
    """The report's own words, and the copy of the original mail that follows them in the same text."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        bare = line.strip(" \t-=_*|>#:.[]").lower()
        if bare.startswith(("received: from", "received: by", "received: (", "return-path: <")):
            return "\n".join(lines[:number]), "\n".join(lines[number:])
        if len(bare) < 120 and number and ORIGINAL_BEGINS.search(bare):
            return "\n".join(lines[:number]), "\n".join(lines[number + 1 :])
    return text, ""


def _returned_headers(mail: ParsedMail, returned_text: str) -> tuple[tuple[str, str], ...]:
    """Header fields of the mail that the report is about: from its own part, else from the copy in the text."""
    part = next((part for part in own_parts(mail) if part.content_type in _ORIGINAL_TYPES), None)
    if part:
        source = _decoded_bytes(part.data[:_MAX_RETURNED]).lstrip("\n")
    else:
        lines = [line.lstrip(">") for line in returned_text.split("\n")]
        start = next((n for n, line in enumerate(lines[:8]) if _FIELD.match(line[:_MAX_LINE])), len(lines))
        source = "\n".join(lines[start:])
    fields = _fields(source, stop_at_blank=True)
    return tuple((name, _decoded_words(value)) for name, value in islice(fields, _MAX_FIELDS))


def _decoded_words(value: str) -> str:
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (LookupError, ValueError, HeaderParseError):
        return value

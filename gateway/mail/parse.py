"""From the raw bytes of a mail to its headers, texts and files."""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from html import escape
from itertools import islice
from urllib.parse import unquote

from mailparser.dates import parse_mail_date
from mailparser.utils import get_addresses

from gateway.mail import addresses, charsets, filenames, flowed, guard, headers, mime, tnef, transfer
from gateway.mail.addresses import Address
from gateway.mail.charsets import Clues
from gateway.mail.html import html_to_text


@dataclass(frozen=True, slots=True)
class MailFile:
    """A part that is not the body: an attachment, an inline image, a carried mail, a calendar entry.

    filename: base name only, never empty, never with control characters.
    content_type: lower case `type/subtype` as the mail declares it (decisions are made by bytes, not by this).
    content_id: without angle brackets, or None. inline: shown inside the HTML body.
    """

    filename: str
    content_type: str
    data: bytes
    content_id: str | None = None
    inline: bool = False


@dataclass(frozen=True, slots=True)
class ReportPart:
    """A machine-readable part of the mail's own multipart/report, or its returned original.

    content_type: `message/delivery-status`, `message/feedback-report`, `message/disposition-notification`,
    `message/rfc822` or `text/rfc822-headers`. data: its decoded bytes.
    """

    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ParsedMail:
    """Everything that the later stages may know about a mail. All text is free of NUL and lone surrogates.

    headers: every header field in order, decoded and unfolded, never holding CR, LF or NUL.
    message_id, in_reply_to, references: ids without angle brackets; message_id None when missing.
    date: aware UTC, or None. text, html: the decoded bodies (line ends `\\n`), None when there is no such part; each
    holds all that there is to read, parts that came in the other format only are converted.
    files: every other part once, in order. reports: parts of a multipart/report (also listed nowhere else).
    defects: short sentences about what is wrong with the mail, for the operator.
    too_complex: the guard stopped before parsing; then only headers (as far as read) are given.
    """

    headers: tuple[tuple[str, str], ...]
    subject: str = ""
    from_: tuple[Address, ...] = ()
    sender: Address | None = None
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    message_id: str | None = None
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    date: datetime | None = None
    text: str | None = None
    html: str | None = None
    files: tuple[MailFile, ...] = ()
    reports: tuple[ReportPart, ...] = ()
    content_type: str = "text/plain"
    defects: tuple[str, ...] = ()
    too_complex: bool = False

    def header(self, name: str) -> str | None:
        """The first header field of that name (case-insensitive), or None."""
        lowered = name.lower()
        return next((value for field, value in self.headers if field.lower() == lowered), None)

    def header_all(self, name: str) -> tuple[str, ...]:
        """Every header field of that name (case-insensitive), topmost first."""
        lowered = name.lower()
        return tuple(value for field, value in self.headers if field.lower() == lowered)


# Addresses and dates are read by mail-parser, whose grammar is strict and whose time is linear. The rest is read here:
# a whole mail costs mail-parser twice what all of this costs, and it drops or merges parts on the way.
_ADDRESS_FIELDS = ("from", "sender", "reply-to", "to", "cc")
_LONGEST_ADDRESS_FIELD = 16 * 1024  # characters; of longer ones the first addresses are read
_LONGEST_DATE = 200
# A byte order mark, blank lines, and the separator of an mbox file, which a pipe transport may leave in front.
_BEFORE_HEADER = re.compile(rb"(?:\xef\xbb\xbf|[\r\n]+|>?From [ \t]*[^\s:][^\n]*(?:\n|\Z))*")
_ID = re.compile(r"<([^<>]+)>")
_IDS = 200  # of one field

#: Parts for machines, and the names under which they are known with international addresses (RFC 6533).
_REPORTS = {
    "message/delivery-status": "message/delivery-status",
    "message/global-delivery-status": "message/delivery-status",
    "message/feedback-report": "message/feedback-report",
    "message/disposition-notification": "message/disposition-notification",
    "message/global-disposition-notification": "message/disposition-notification",
}
#: What a multipart/report gives back of the mail that it is about.
_RETURNED = {
    "message/rfc822": "message/rfc822",
    "message/global": "message/rfc822",
    "text/rfc822-headers": "text/rfc822-headers",
    "message/global-headers": "text/rfc822-headers",
}
#: Kinds of text that are data, not words to read.
_DATA = frozenset(
    {
        "text/calendar",
        "text/csv",
        "text/css",
        "text/directory",
        "text/javascript",
        "text/rfc822-headers",
        "text/rtf",
        "text/tab-separated-values",
        "text/vcard",
        "text/x-amp-html",
        "text/x-vcard",
        "text/xml",
    }
)
_TNEF_TYPES = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_CID = re.compile(r"cid:([^\"'<>\s)]{1,500})", re.IGNORECASE)
_MAX_CIDS = 10_000
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))
_META_CHARSET = re.compile(rb"<meta[^>]{1,200}?charset\s*=\s*[\"']?([\w.:-]{2,40})", re.IGNORECASE)


def parse(raw: bytes) -> ParsedMail:
    """Read a mail (RFC 5322, RFC 2045 to 2049) from its bytes. Never raises because of what the bytes say."""
    raw = _from_first_field(raw)
    clues = Clues(raw)
    header = headers.read(raw)
    mail = _with_fields(header, clues)
    try:
        if header.too_complex:
            raise guard.TooComplex(header.too_complex)
        guard.check(raw)
        defects = list(mail.defects)
        leaves = mime.leaves(raw, header, clues, defects)
    except guard.TooComplex as reason:
        return replace(mail, defects=(*mail.defects, str(reason)), too_complex=True)
    content = _Content(raw, clues, defects)
    for part in leaves:
        content.take(part)
    return replace(
        mail,
        text=content.text(),
        html=content.html(),
        files=content.shown_files(),
        reports=tuple(content.reports),
        defects=tuple(dict.fromkeys(defects)),
    )


def _from_first_field(raw: bytes) -> bytes:
    """Drop what may stand before the header, and give a mail whose lines end in a bare CR lines that end in LF."""
    # Only if the whole header has such lines: a lone CR inside a field must not start another one.
    first_lf = raw.find(b"\n")
    if (first_lf < 0 and b"\r" in raw) or raw.find(b"\r\r", 0, max(0, first_lf - 1)) >= 0:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    before = _BEFORE_HEADER.match(raw)
    return raw[before.end() :] if before else raw


def _with_fields(header: headers.Header, clues: Clues) -> ParsedMail:
    """The mail as far as its header tells."""
    unfolded: dict[str, list[str]] = {}
    decoded: list[tuple[str, str]] = []
    for name, value in header.fields:
        text = headers.unfold(value, clues)
        unfolded.setdefault(name.lower(), []).append(text)
        decoded.append((name, headers.decode_words(text)))
    first = {name.lower(): value for name, value in reversed(decoded)}
    defects = list(header.defects)
    people = {name: _addresses(name, unfolded.get(name, []), defects) for name in _ADDRESS_FIELDS}
    return ParsedMail(
        headers=tuple(decoded),
        subject=first.get("subject", ""),
        from_=people["from"],
        sender=next(iter(people["sender"]), None),
        reply_to=people["reply-to"],
        to=people["to"],
        cc=people["cc"],
        message_id=next(iter(_ids(first.get("message-id", ""))), None),
        in_reply_to=_ids(first.get("in-reply-to", "")),
        references=_ids(first.get("references", "")),
        date=_date(unfolded.get("date", []), defects),
        content_type=headers.parameters(first.get("content-type", "")).value or "text/plain",
        defects=tuple(defects),
    )


def _addresses(field_name: str, values: list[str], defects: list[str]) -> tuple[Address, ...]:
    """The mailboxes of all fields of one name: two From fields are two authors, never just the first one.

    A mailbox that the grammar does not allow is read for everything that it could mean.
    """
    value = ", ".join(filter(None, values))
    if not value:
        return ()
    if len(value) > _LONGEST_ADDRESS_FIELD:
        defects.append(f"The {field_name} field is long; only its first addresses are read.")
        value = value[:_LONGEST_ADDRESS_FIELD].rpartition(",")[0]
    if plain := addresses.read_plain(value):
        return (Address(headers.decode_words(plain.name), plain.address),)
    odd: list[dict[str, object]] = []
    found = [Address(name, address) for name, address in get_addresses(value, defects=odd) if address]
    defects.extend(f"The {field_name} field is odd: {defect['reason']}." for defect in odd)
    rejected = [str(defect["raw"]) for defect in odd if not defect["recovered"]] if found else [value]
    for raw in rejected:
        found.extend(addresses.recover(raw))
    return tuple(Address(headers.decode_words(person.name), person.address) for person in found)


def _date(values: list[str], defects: list[str]) -> datetime | None:
    if not values or not values[0]:
        return None
    date = parse_mail_date(values[0][:_LONGEST_DATE])
    defects.extend(f"The date is odd: {reason}." for reason in date.reasons)
    return date.value


def _ids(value: str) -> tuple[str, ...]:
    """The ids of a field, without angle brackets; a lone id may have come without them."""
    found = ["".join(match.split()) for match in _ID.findall(value)]
    if not found and value:
        words = value.split()
        found = [word.strip("<>,;") for word in words if "@" in word or len(words) == 1]
    return tuple(filter(None, found[:_IDS]))


@dataclass(frozen=True, slots=True)
class _Body:
    """A text to read. twin: the other format stands beside it (multipart/alternative), so it need not be converted."""

    text: str
    is_html: bool
    twin: bool


@dataclass(slots=True)
class _Content:
    """Takes parts one after the other and puts each in exactly one place."""

    raw: bytes
    clues: Clues
    defects: list[str]
    bodies: list[_Body] = field(default_factory=list)
    files: list[MailFile] = field(default_factory=list)
    reports: list[ReportPart] = field(default_factory=list)

    def take(self, part: mime.Part) -> None:
        """Decode a part and put it where it belongs."""
        disposition = headers.parameters(headers.unfold(part.fields.get("content-disposition", b""), self.clues))
        name = disposition.parameters.get("filename") or part.parameters.get("name") or ""
        name = filenames.safe(headers.decode_words(name)) if name else ""
        encoding = headers.unfold(part.fields.get("content-transfer-encoding", b""))
        data = transfer.decode(self.raw[part.start : part.end], encoding, self.defects)
        content_type = part.content_type
        if content_type in _REPORTS:
            self.reports.append(ReportPart(_REPORTS[content_type], data))
        elif content_type in _RETURNED and _in_report(part):
            self.reports.append(ReportPart(_RETURNED[content_type], data))
        elif _is_body(part, disposition.value, name, alone=not self.bodies) and not _is_binary(data):
            self.take_body(part, data)
        elif tnef.is_tnef(data) and (content_type in _TNEF_TYPES or name.lower() == "winmail.dat"):
            self.take_tnef(name, content_type, data)
        else:
            content_id = headers.decode(part.fields.get("content-id", b"")).strip("<> ") or None
            # RFC 2557: HTML that was saved as a page shows its images by their location, not by their id.
            located = "content-location" in part.fields and part.in_container("multipart/related")
            name = name or filenames.default(content_type)
            self.files.append(MailFile(name, content_type, data, content_id, inline=located))

    def take_body(self, part: mime.Part, data: bytes) -> None:
        """A text that people read. Files that were written into it (uuencode) are taken out."""
        charset = part.parameters.get("charset", "").partition(" ")[0] or None
        twin = part.is_alternative()
        if part.content_type == "text/html":
            if charset is None and (meta := _META_CHARSET.search(data, 0, 2048)):
                charset = meta[1].decode("ascii", "replace")
            self.bodies.append(_Body(_lines(charsets.decode(data, charset, self.clues)), True, twin))
            return
        text, uuencoded = transfer.split_uuencoded(_lines(charsets.decode(data, charset, self.clues)))
        if part.parameters.get("format", "").lower() == "flowed":
            text = flowed.unflow(text, delete_space=part.parameters.get("delsp", "").lower() == "yes")
        self.bodies.append(_Body(text, False, twin))
        for name, content in uuencoded:
            name = filenames.safe(name) or filenames.default("application/octet-stream")
            self.files.append(MailFile(name, "application/octet-stream", content))

    def take_tnef(self, name: str, content_type: str, data: bytes) -> None:
        """The files in a `winmail.dat`, and its body where the mail has no other; the whole of it if it has neither."""
        inside = tnef.read(data)
        if not (inside.files or inside.text or inside.html):
            self.defects.append("A winmail.dat cannot be read.")
            self.files.append(MailFile(name or filenames.default(content_type), content_type, data))
        for text, is_html in ((inside.text, False), (inside.html, True)):
            # What Outlook wraps is the same text again, in another format.
            if text.strip() and not any(body.is_html is is_html and body.text.strip() for body in self.bodies):
                self.bodies.append(_Body(_lines(text), is_html, twin=True))
        for file in inside.files:
            kind = headers.parameters(file.content_type).value or "application/octet-stream"
            safe_name = filenames.safe(file.name) or filenames.default(kind)
            self.files.append(MailFile(safe_name, kind, file.data, headers.one_line(file.content_id) or None))

    def text(self) -> str | None:
        """All that is there to read, as plain text; None when there is no plain text in the mail."""
        if all(body.is_html for body in self.bodies):
            return None
        return "\n".join(
            html_to_text(body.text) if body.is_html else body.text
            for body in self.bodies
            if not (body.is_html and body.twin)
        )

    def html(self) -> str | None:
        """All that is there to read, as HTML; None when there is no HTML in the mail."""
        if not any(body.is_html for body in self.bodies):
            return None
        return "\n".join(
            body.text if body.is_html else f"<pre>{escape(body.text, quote=False)}</pre>"
            for body in self.bodies
            if body.is_html or not (body.twin or body.text.isspace() or not body.text)
        )

    def shown_files(self) -> tuple[MailFile, ...]:
        """The files; those that the HTML shows are marked (RFC 2392)."""
        if not any(file.content_id for file in self.files):
            return tuple(self.files)
        htmls = [body.text for body in self.bodies if body.is_html]
        cids = {unquote(match[1]) for html in htmls for match in islice(_CID.finditer(html), _MAX_CIDS)}
        return tuple(replace(file, inline=True) if file.content_id in cids else file for file in self.files)


def _in_report(part: mime.Part) -> bool:
    """Whether a part lies in a report; some mail systems send theirs as multipart/mixed."""
    container = part.container
    return container is not None and (
        container.content_type == "multipart/report"
        or any(sibling.content_type in _REPORTS for sibling in container.children)
    )


def _is_body(part: mime.Part, disposition: str, name: str, *, alone: bool) -> bool:
    """Whether a part is something to read, not a file. alone: there was nothing to read before it."""
    if not part.content_type.startswith("text/") or disposition == "attachment" or part.content_type in _DATA:
        return False
    alternative = part.in_container("multipart/alternative")
    if part.content_type not in ("text/plain", "text/html"):
        # RFC 2046 §4.1.4: an unknown kind of text is shown as plain, unless a better one stands beside it.
        return not name and not alternative
    if part.in_container("multipart/related") and not part.is_root_of_related():
        return False
    if not name or alternative or part.container is None:
        return True
    # Some programs give the body a name; then it comes first, and no text without a name comes after it.
    return alone and not any(
        sibling.content_type.startswith(("text/", "multipart/")) and sibling is not part
        for sibling in part.container.children
    )


def _is_binary(data: bytes) -> bool:
    """Whether something that calls itself text is not: an image sent as text/plain, for one."""
    head = data[:1024]
    return len(head) - len(head.translate(None, _CONTROLS)) > max(16, len(head) // 20) and b"\0" in head


def _lines(text: str) -> str:
    """Line ends to `\\n`."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text

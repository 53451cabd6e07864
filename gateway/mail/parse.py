"""From the raw bytes of a mail to its headers, texts and files."""

import functools
import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.message import Message
from urllib.parse import unquote

import mailparser

from gateway.mail import addresses, charsets, filenames, guard, headers, mime, tnef, transfer
from gateway.mail.addresses import Address
from gateway.mail.charsets import Hints


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
    date: aware UTC, or None. text, html: the decoded bodies (line ends `\\n`), None when there is no such part.
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


# Addresses and dates are read by mail-parser; it is given nothing else, because its work on the other fields and on the
# bodies costs more than all of ours, and loses parts.
_ADDRESS_FIELDS = ("From", "Reply-To", "To", "Cc")
_LONGEST_ADDRESS_FIELD = 16 * 1024  # characters; of longer ones the first addresses are read
_LONGEST_DATE = 200
_HINT_BYTES = 64 * 1024  # of the mail, in which hints about its charset are looked for
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
_META_CHARSET = re.compile(rb"<meta[^>]{1,200}?charset\s*=\s*[\"']?([\w.:-]{2,40})", re.IGNORECASE)


def parse(raw: bytes) -> ParsedMail:
    """Read a mail (RFC 5322, RFC 2045 to 2049) from its bytes. Never raises because of what the bytes say."""
    raw = _from_first_field(raw)
    hinted: Hints = functools.cache(lambda: charsets.hints(raw[:_HINT_BYTES]))
    header = headers.read(raw)
    mail = _with_fields(header, hinted)
    try:
        if header.too_complex:
            raise guard.TooComplex(header.too_complex)
        guard.check(raw)
        defects = list(mail.defects)
        leaves = mime.leaves(raw, header, hinted, defects)
    except guard.TooComplex as reason:
        return replace(mail, defects=(*mail.defects, str(reason)), too_complex=True)
    content = _Content(raw, hinted, defects)
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
    line = raw[: raw.find(b"\n") + 1] or raw
    if b"\r" in line.rstrip(b"\r\n"):
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    start = raw.lstrip(b"\xef\xbb\xbf\r\n") if raw[:1] in b"\xef\r\n" else raw
    # The separator line of an mbox file, which a pipe transport may leave in front.
    while start.startswith((b"From ", b">From ")):
        start = start[start.find(b"\n") + 1 :] if b"\n" in start else b""
    return start


def _with_fields(header: headers.Header, hinted: Hints) -> ParsedMail:
    """The mail as far as its header tells."""
    unfolded: dict[str, list[str]] = {}
    decoded: list[tuple[str, str]] = []
    for name, value in header.fields:
        unfolded.setdefault(name.lower(), []).append(headers.one_line(headers.unfold(value, hinted)))
        decoded.append((name, headers.decode(value, hinted)))
    first = {name.lower(): value for name, value in reversed(decoded)}
    people, date, odd = _people_and_date(unfolded)
    return ParsedMail(
        headers=tuple(decoded),
        subject=first.get("subject", ""),
        from_=people["From"],
        sender=next(iter(addresses.recover(first.get("sender", "")[:_LONGEST_ADDRESS_FIELD])), None),
        reply_to=people["Reply-To"],
        to=people["To"],
        cc=people["Cc"],
        message_id=next(iter(_ids(first.get("message-id", ""))), None),
        in_reply_to=_ids(first.get("in-reply-to", "")),
        references=_ids(first.get("references", "")),
        date=date,
        content_type=headers.parameters(first.get("content-type", "")).value or "text/plain",
        defects=(*header.defects, *odd),
    )


def _people_and_date(
    unfolded: dict[str, list[str]],
) -> tuple[dict[str, tuple[Address, ...]], datetime | None, list[str]]:
    """Addresses by field name and the date, by mail-parser; a field that it rejects is read for all it could mean."""
    fields = Message()
    values: dict[str, str] = {}
    for name in _ADDRESS_FIELDS:
        # A field that occurs twice counts with all its addresses: two From fields are two authors, not the first one.
        value = ", ".join(filter(None, unfolded.get(name.lower(), ())))
        if len(value) > _LONGEST_ADDRESS_FIELD:
            value = value[:_LONGEST_ADDRESS_FIELD].rpartition(",")[0]
        if value:
            values[name] = fields[name] = value
    date = unfolded.get("date", [""])[0]
    if date and len(date) <= _LONGEST_DATE:
        fields["Date"] = date
    mail = mailparser.MailParser(fields)
    read = {"From": mail.from_, "Reply-To": mail.reply_to, "To": mail.to, "Cc": mail.cc}
    people: dict[str, tuple[Address, ...]] = {}
    for name in _ADDRESS_FIELDS:
        value = values.get(name, "")
        found = tuple(
            Address(headers.one_line(headers.decode_words(shown)), headers.one_line(address))
            for shown, address in (read[name] if value else ())
        )
        people[name] = found or addresses.recover(value)
    odd = [sentence for defect in mail.defects for sentences in defect.values() for sentence in sentences]
    return people, mail.date, odd


def _ids(value: str) -> tuple[str, ...]:
    """The ids of a field, without angle brackets; a lone id may have come without them."""
    found = ["".join(match.split()) for match in _ID.findall(value)] or [word for word in value.split() if "@" in word]
    return tuple(word.strip("<>,;") for word in found[:_IDS])


@dataclass(slots=True)
class _Content:
    """Takes parts one after the other and puts each in exactly one place."""

    raw: bytes
    hinted: Hints
    defects: list[str]
    texts: list[str] = field(default_factory=list)
    htmls: list[str] = field(default_factory=list)
    files: list[MailFile] = field(default_factory=list)
    reports: list[ReportPart] = field(default_factory=list)

    def take(self, part: mime.Part) -> None:
        """Decode a part and put it where it belongs."""
        disposition = headers.parameters(headers.unfold(part.fields.get("content-disposition", b""), self.hinted))
        name = disposition.parameters.get("filename") or part.parameters.get("name") or ""
        name = filenames.safe(headers.decode_words(name)) if name else ""
        encoding = headers.unfold(part.fields.get("content-transfer-encoding", b""))
        data = transfer.decode(self.raw[part.start : part.end], encoding, self.defects)
        content_type = part.content_type
        if content_type in _REPORTS:
            self.reports.append(ReportPart(_REPORTS[content_type], data))
        elif content_type in _RETURNED and part.in_container("multipart/report"):
            self.reports.append(ReportPart(_RETURNED[content_type], data))
        elif _is_body(part, disposition.value, name):
            self.take_body(part, data)
        elif tnef.is_tnef(data) and (content_type in _TNEF_TYPES or name.lower() == "winmail.dat"):
            self.take_tnef(name, content_type, data)
        else:
            content_id = headers.decode(part.fields.get("content-id", b"")).strip("<> ") or None
            self.files.append(MailFile(name or filenames.default(content_type), content_type, data, content_id))

    def take_body(self, part: mime.Part, data: bytes) -> None:
        """A text that people read. Files that were written into it (uuencode) are taken out."""
        charset = part.parameters.get("charset", "").partition(" ")[0] or None
        if part.content_type == "text/html":
            if charset is None and (meta := _META_CHARSET.search(data, 0, 2048)):
                charset = meta[1].decode("ascii", "replace")
            self.htmls.append(_lines(charsets.decode(data, charset, self.hinted)))
            return
        text, uuencoded = transfer.split_uuencoded(_lines(charsets.decode(data, charset, self.hinted)))
        self.texts.append(text)
        for name, content in uuencoded:
            name = filenames.safe(name) or filenames.default("application/octet-stream")
            self.files.append(MailFile(name, "application/octet-stream", content))

    def take_tnef(self, name: str, content_type: str, data: bytes) -> None:
        """The files in a `winmail.dat`, and its body where the mail has no other; the whole of it if it has neither."""
        inside = tnef.read(data)
        if not (inside.files or inside.text or inside.html):
            self.defects.append("A winmail.dat cannot be read.")
            self.files.append(MailFile(name or filenames.default(content_type), content_type, data))
        if inside.text.strip() and not any(text.strip() for text in self.texts):
            self.texts.append(_lines(inside.text))
        if inside.html.strip() and not self.htmls:
            self.htmls.append(_lines(inside.html))
        for file in inside.files:
            kind = headers.parameters(file.content_type).value or "application/octet-stream"
            safe_name = filenames.safe(file.name) or filenames.default(kind)
            self.files.append(MailFile(safe_name, kind, file.data, headers.one_line(file.content_id) or None))

    def text(self) -> str | None:
        """All plain texts, None when there is no such part."""
        return "\n".join(self.texts) if self.texts else None

    def html(self) -> str | None:
        """All HTML, None when there is no such part."""
        return "\n".join(self.htmls) if self.htmls else None

    def shown_files(self) -> tuple[MailFile, ...]:
        """The files; those that the HTML shows are marked (RFC 2392)."""
        cids = {unquote(cid) for html in self.htmls for cid in _CID.findall(html)}
        return tuple(replace(file, inline=True) if file.content_id in cids else file for file in self.files)


def _is_body(part: mime.Part, disposition: str, name: str) -> bool:
    """Whether a part is something to read, not a file."""
    if not part.content_type.startswith("text/") or disposition == "attachment" or part.content_type in _DATA:
        return False
    alternative = part.in_container("multipart/alternative")
    if part.content_type not in ("text/plain", "text/html"):
        # RFC 2046 §4.1.4: an unknown kind of text is shown as plain, unless a better one stands beside it.
        return not name and not alternative
    if part.in_container("multipart/related") and part.container and part.container.children[0] is not part:
        return False
    return not name or alternative or part.container is None


def _lines(text: str) -> str:
    """Line ends to `\\n`."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text

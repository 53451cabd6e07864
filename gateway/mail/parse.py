"""From the raw bytes of a mail to its headers, texts and files."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses

import mailparser

from gateway.mail.addresses import Address


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


def parse(raw: bytes) -> ParsedMail:
    """Read a mail (RFC 5322, RFC 2045-2049) from its bytes. Never raises because of what the bytes say."""
    mail = mailparser.parse_from_bytes(raw)
    message = mail.message
    headers = tuple((name, _decoded(str(value))) for name, value in message.items())
    texts: dict[str, list[str]] = {"text/plain": [], "text/html": []}
    files: list[MailFile] = []
    reports: list[ReportPart] = []
    in_report = message.get_content_type() == "multipart/report"
    todo = [message]
    while todo:
        part = todo.pop()
        content_type = part.get_content_type()
        payload = part.get_payload()
        if content_type.startswith("multipart/") and isinstance(payload, list):
            todo.extend(child for child in reversed(payload) if isinstance(child, Message))
            continue
        if isinstance(payload, list):
            data = b"\n".join(bytes(child) for child in payload if isinstance(child, Message))
        else:
            decoded = part.get_payload(decode=True)
            data = decoded if isinstance(decoded, bytes) else b""
        filename = part.get_filename()
        if in_report and content_type in _REPORT_TYPES:
            reports.append(ReportPart(content_type, data))
        elif content_type in texts and not filename and part.get_content_disposition() != "attachment":
            texts[content_type].append(_text(data, part.get_content_charset("utf-8")))
        else:
            content_id = str(part["Content-ID"]).strip(" <>") if part["Content-ID"] else None
            inline = part.get_content_disposition() == "inline"
            base = re.sub(r"[\x00-\x1f\x7f]", "", filename or "").replace("\\", "/").rpartition("/")[2]
            files.append(MailFile(base or "file", content_type, data, content_id, inline))
    date = mail.date.replace(tzinfo=UTC) if mail.date and mail.date.tzinfo is None else mail.date
    ids = {name: tuple(re.findall(r"<([^<>]+)>", str(message.get(name, "")))) for name in _ID_FIELDS}
    return ParsedMail(
        headers=headers,
        subject=next((value for name, value in headers if name.lower() == "subject"), ""),
        from_=_addresses(mail.from_),
        sender=next(iter(_addresses(getaddresses([str(message.get("Sender", ""))]))), None),
        reply_to=_addresses(mail.reply_to),
        to=_addresses(mail.to),
        cc=_addresses(mail.cc),
        message_id=next(iter(ids["Message-ID"]), None),
        in_reply_to=ids["In-Reply-To"],
        references=ids["References"],
        date=date,
        text="\n".join(texts["text/plain"]) if texts["text/plain"] else None,
        html="\n".join(texts["text/html"]) if texts["text/html"] else None,
        files=tuple(files),
        reports=tuple(reports),
        content_type=message.get_content_type(),
    )


_ID_FIELDS = ("Message-ID", "In-Reply-To", "References")
_REPORT_TYPES = frozenset(
    {
        "message/delivery-status",
        "message/feedback-report",
        "message/disposition-notification",
        "message/rfc822",
        "text/rfc822-headers",
    }
)


def _decoded(value: str) -> str:
    try:
        text = str(make_header(decode_header(value)))
    except (LookupError, ValueError):
        text = value
    return re.sub(r"[\r\n\0]+\s*", " ", text).encode("utf-8", "replace").decode()


def _text(data: bytes, charset: str) -> str:
    try:
        text = data.decode(charset, "replace")
    except LookupError:
        text = data.decode("utf-8", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _addresses(pairs: list[tuple[str, str]]) -> tuple[Address, ...]:
    return tuple(Address(name, address) for name, address in pairs if address)

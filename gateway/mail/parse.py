"""From the raw bytes of a mail to its headers, texts and files."""

from dataclasses import dataclass
from datetime import datetime

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

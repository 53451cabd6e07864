"""Delivery reports: which addresses a mail could not reach, whether for good, and why (RFC 3464, RFC 3463)."""

from dataclasses import dataclass

from gateway.mail.parse import ParsedMail


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address that a report speaks about.

    address: `local@domain`. hard: this address is dead; writing to it again is useless whatever the mail says.
    action: `failed`, `delayed`, `delivered`, `relayed` or `expanded` (RFC 3464 §2.3.3).
    status: enhanced status code like `5.1.1`, or "". reason: one word of `bounce_texts`, or "".
    diagnostic: the line in which the mail system says why, at most 500 characters.
    """

    address: str
    hard: bool
    action: str = "failed"
    status: str = ""
    reason: str = ""
    diagnostic: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """recipients, and what the report gives back of the mail that it is about.

    original_message_id: without angle brackets, None when not returned. original_headers: as returned, decoded.
    """

    recipients: tuple[Recipient, ...]
    original_message_id: str | None = None
    original_headers: tuple[tuple[str, str], ...] = ()


def read_report(mail: ParsedMail) -> Report | None:
    """Read the delivery report that a mail is, or None when it is none."""
    recipients: list[Recipient] = []
    for part in mail.reports:
        if part.content_type != "message/delivery-status":
            continue
        for block in part.data.decode("utf-8", "replace").replace("\r\n", "\n").split("\n\n"):
            fields = {
                name.strip().lower(): value.strip()
                for name, colon, value in (line.partition(":") for line in block.split("\n"))
                if colon
            }
            address = fields.get("final-recipient", fields.get("original-recipient", "")).rpartition(";")[2].strip()
            status = fields.get("status", "")
            if address:
                recipients.append(
                    Recipient(
                        address,
                        status.startswith("5.1."),
                        fields.get("action", "failed").lower(),
                        status,
                        "",
                        fields.get("diagnostic-code", "").rpartition(";")[2].strip(),
                    )
                )
    return Report(tuple(recipients)) if recipients else None

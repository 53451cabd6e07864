"""Complaints: what a feedback report says, and of whom it speaks (RFC 5965)."""

from dataclasses import dataclass
from email.parser import HeaderParser

from gateway.mail.parse import ParsedMail
from gateway.mail.report_words import ADDRESS, own_parts

#: Feedback types of a person who wants no such mail. `other` holds what fits nowhere else; `not-spam` (RFC 6430) takes
#: a complaint back, `virus` and `auth-failure` (RFC 6591) are words of programs.
_OF_PEOPLE = frozenset({"abuse", "fraud", "opt-out", "opt-out-list"})

_MAX_PART = 65_536  # bytes


@dataclass(frozen=True, slots=True)
class Complaint:
    """kind: the feedback type, in lower case. recipients: whom it names, in lower case; mostly nobody is named."""

    kind: str
    recipients: frozenset[str]

    @property
    def of_a_person(self) -> bool:
        """Whether somebody wants no such mail."""
        return self.kind in _OF_PEOPLE

    def is_about(self, address: str) -> bool:
        """Whether it can be about a mail to that address: it names it, or nobody, which most systems do."""
        return not self.recipients or address.lower() in self.recipients


def read_complaint(mail: ParsedMail) -> Complaint | None:
    """Read the feedback report that a mail is, or None when it has no such part."""
    part = next((part for part in own_parts(mail) if part.content_type == "message/feedback-report"), None)
    if part is None:
        return None
    fields = HeaderParser().parsestr(part.data[:_MAX_PART].decode("utf-8", "replace"))
    # RFC 5965 §3.2: the address that was written to; some write the one that is to be removed.
    named = [*fields.get_all("Original-Rcpt-To", []), *fields.get_all("Removal-Recipient", [])]
    recipients = frozenset(address.lower() for value in named for address in ADDRESS.findall(str(value)))
    return Complaint(str(fields.get("Feedback-Type", "")).strip().lower(), recipients)

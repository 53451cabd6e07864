"""Who wrote this mail: a person, or which kind of machine (RFC 3834, RFC 3464, RFC 5965)."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from gateway.mail.parse import ParsedMail

#: Carried by every outgoing mail of ours; its keyed value is checked by the caller.
LOOP_HEADER = "X-Casegate-Loop"

_MAX_RECEIVED = 30
_DAEMONS = ("mailer-daemon", "postmaster", "mail-daemon", "mailerdaemon")


class Kind(StrEnum):
    """What a mail is. Only `human` may move a case."""

    HUMAN = "human"
    AUTO_REPLY = "auto_reply"
    BOUNCE = "bounce"
    LIST = "list"
    LOOP = "loop"
    FEEDBACK = "feedback"
    SPAM = "spam"


@dataclass(frozen=True, slots=True)
class Verdict:
    """kind, and one sentence for the operator that names the deciding evidence.

    may_answer: False when no automatic mail may be sent to its author (RFC 3834 §2, X-Auto-Response-Suppress).
    """

    kind: Kind
    because: str
    may_answer: bool = True


def classify(
    mail: ParsedMail,
    *,
    envelope_from: str | None,
    token: str | None = None,
    loop_headers: frozenset[str] | Callable[[str], bool] = frozenset(),
) -> Verdict:
    """Classify a parsed mail.

    envelope_from: the reverse-path ("" for the null sender, None when unknown).
    token: `reply` or `bounce`, the kind of our signed address that it came to, or None.
    loop_headers: the values of our loop header that are ours, or the check of one value.
    """
    is_ours = loop_headers if callable(loop_headers) else loop_headers.__contains__
    if any(is_ours(value.strip()) for value in mail.header_all(LOOP_HEADER)):
        return Verdict(Kind.LOOP, "It carries our own loop header.", may_answer=False)
    if len(mail.header_all("Received")) > _MAX_RECEIVED:
        return Verdict(Kind.LOOP, f"It has more than {_MAX_RECEIVED} Received lines.", may_answer=False)

    report_types = {part.content_type for part in mail.reports}
    if "message/feedback-report" in report_types:
        return Verdict(Kind.FEEDBACK, "It carries a feedback report (RFC 5965).", may_answer=False)
    if "message/delivery-status" in report_types:
        return Verdict(Kind.BOUNCE, "It carries a delivery status (RFC 3464).", may_answer=False)
    if "message/disposition-notification" in report_types:
        return Verdict(Kind.AUTO_REPLY, "It is a read receipt (RFC 8098).", may_answer=False)

    null_sender = _reverse_path(mail, envelope_from) == ""
    sender = mail.from_[0].address.partition("@")[0].lower() if mail.from_ else ""
    if mail.header("X-Failed-Recipients") or (null_sender and sender in _DAEMONS):
        return Verdict(Kind.BOUNCE, "A mail system reports a delivery failure.", may_answer=False)

    # RFC 3834 §5: anything but "no" was written by a program; parameters may follow a semicolon.
    auto_submitted = (mail.header("Auto-Submitted") or "no").partition(";")[0].strip().lower()
    if auto_submitted != "no":
        return Verdict(Kind.AUTO_REPLY, f"Its Auto-Submitted header says {auto_submitted}.", may_answer=False)
    precedence = (mail.header("Precedence") or "").strip().lower()
    if precedence in ("auto_reply", "auto-reply"):
        return Verdict(Kind.AUTO_REPLY, f"Its Precedence header says {precedence}.", may_answer=False)
    if null_sender:
        return Verdict(Kind.AUTO_REPLY, "It has the null sender, which only programs use.", may_answer=False)
    if (mail.header("List-Id") or mail.header("List-Unsubscribe") or precedence in ("bulk", "list")) and not (
        token and mail.in_reply_to
    ):
        return Verdict(Kind.LIST, "It comes through a mailing list or in bulk.", may_answer=False)

    suppressed = (mail.header("X-Auto-Response-Suppress") or "none").strip().lower() != "none"
    return Verdict(Kind.HUMAN, "Nothing in it speaks for a machine.", may_answer=not suppressed)


def _reverse_path(mail: ParsedMail, envelope_from: str | None) -> str | None:
    """The reverse-path without angle brackets: from the envelope, else from Return-Path (RFC 5321 §4.4)."""
    path = envelope_from if envelope_from is not None else mail.header("Return-Path")
    return None if path is None else path.strip().strip("<>").strip()

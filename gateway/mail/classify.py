"""Who wrote this mail: a person, or which kind of machine (RFC 3834, RFC 3464, RFC 5965)."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.mail.parse import ParsedMail


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


def classify(mail: ParsedMail, *, envelope_from: str | None, token: str | None = None) -> Verdict:
    """Classify a parsed mail.

    envelope_from: the reverse-path ("" for the null sender, None when unknown).
    token: `reply` or `bounce`, the kind of our signed address that it came to, or None.
    """

"""What a relay's answers mean (HARDENING rule 7).

A relay answers about one of three things, and each has its own remedy: the recipient or the content (this mail has
failed), the moment (this mail waits), or the relay itself and how we use it (every mail waits, and somebody looks).
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.mail.bounce_texts import reason_of
from gateway.mail.bounces import judge_refusal
from gateway.mail.phrases import normalise

TEXT_CHARACTERS = 500  # of a relay's answer that are kept

_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)")
_ABOUT_THE_RELAY = ("5.3.", "5.4.", "5.5.", "5.7.")
_ABOUT_THE_SENDER = frozenset({"5.1.7", "5.1.8"})  # our own domain: every mail meets the same
_HOW_WE_SPEAK = frozenset({500, 502, 503, 504, 521, 530, 534, 535, 538})  # without an enhanced code
# As bounce_texts has them.
_REASONS_IN_US = frozenset({"relay", "auth", "ptr", "rate", "sender", "blocked"})
_REASONS_IN_THE_MAIL = frozenset({"virus", "spam", "content", "size"})
_ABOUT_OUR_HOST = re.compile(r"spamhaus|spamcop|spamrats|[a-z]bl\b|blocked using|client host|reputation", re.IGNORECASE)


class Outcome(StrEnum):
    """What became of a mail that was handed to a relay."""

    SENT = "sent"  # the relay has it
    DEFERRED = "deferred"  # not now: try this mail again later
    FAILED = "failed"  # never: the recipient or the content is refused
    RELAY_DOWN = "relay_down"  # not through this relay as things are; the mail itself is well
    UNCLEAR = "unclear"  # the connection ended when the relay may have had the whole mail


class Stage(StrEnum):
    """What the answer was given to."""

    CONNECT = "CONNECT"  # greeting, EHLO, STARTTLS, AUTH
    RSET = "RSET"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    DOT = "."  # the whole mail


@dataclass(frozen=True, slots=True)
class Answer:
    """A relay's last word. code: 0 when we say it ourselves; enhanced: "5.1.1" or "" (RFC 3463); text: one line.

    stage: what it was given to; None when we say it ourselves. dead: the recipient's address is refused for good
    whatever the mail says, so that it may be suppressed; judged as in a bounce.
    """

    outcome: Outcome
    code: int
    enhanced: str
    text: str
    stage: Stage | None = field(default=None, compare=False)
    dead: bool = False

    def __str__(self) -> str:
        return f"{self.code} {self.text}" if self.code else self.text


class Gone(Exception):
    """The relay is not there, or left before it had the mail."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.text)
        self.answer = answer


def judge(stage: Stage, code: int, message: str) -> Answer:
    """Read a relay's answer. message: its text without the code, of one or several lines."""
    text = one_line(message)
    match = _ENHANCED.match(text)
    enhanced = match[0] if match is not None and match[0][0] == str(code)[0] else ""
    dead = stage is Stage.RCPT and code // 100 == 5 and judge_refusal(text, enhanced).hard
    return Answer(Outcome.FAILED if dead else _outcome(stage, code, enhanced, text), code, enhanced, text, stage, dead)


def one_line(message: str) -> str:
    """A relay's words as they are kept and shown."""
    return " ".join(message.encode("utf-8", "replace").decode().split())[:TEXT_CHARACTERS]


def _outcome(stage: Stage, code: int, enhanced: str, text: str) -> Outcome:
    if stage in {Stage.CONNECT, Stage.RSET} or code == 421:
        return Outcome.RELAY_DOWN
    if code // 100 == 2 and stage is Stage.DOT:
        return Outcome.SENT
    if code // 100 == 4:
        return Outcome.DEFERRED
    if code // 100 != 5:  # nothing that SMTP knows here
        return Outcome.UNCLEAR if stage is Stage.DOT else Outcome.RELAY_DOWN
    return Outcome.FAILED if _is_about_the_mail(stage, code, enhanced, text) else Outcome.RELAY_DOWN


def _is_about_the_mail(stage: Stage, code: int, enhanced: str, text: str) -> bool:
    """Whether a 5xx refuses this recipient or this content, and not us. The text is believed before the codes."""
    if enhanced == "5.3.4" or enhanced.startswith("5.6.") or (code == 552 and not enhanced):
        return True  # too large, or content that cannot be carried
    if stage is Stage.MAIL:
        return False
    reason = reason_of(normalise(text))
    if stage is Stage.DOT and reason in _REASONS_IN_THE_MAIL and not _ABOUT_OUR_HOST.search(text):
        return True  # filters say 5.7.1 too, and one mail that they dislike must not stop all others
    if reason in _REASONS_IN_US or enhanced in _ABOUT_THE_SENDER:  # many relays say at RCPT what they hold against us
        return False
    return not enhanced.startswith(_ABOUT_THE_RELAY) if enhanced else code not in _HOW_WE_SPEAK

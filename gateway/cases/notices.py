"""Who is to be told what: decisions about notices, before any of them is a mail (DESIGN §4, table of events)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from gateway.cases.model import Participant, Role


class Template(StrEnum):
    """The mails that we send; the value is the name of the templates in `templates/mail`."""

    CASE_OPENED_MERCHANT = "case_opened_merchant"
    CASE_OPENED_CUSTOMER = "case_opened_customer"
    MESSAGE_TO_CUSTOMER = "message_to_customer"
    MESSAGE_TO_MERCHANT = "message_to_merchant"
    CLOSING_SOON = "closing_soon"
    CASE_CLOSED = "case_closed"
    CASE_REOPENED = "case_reopened"
    SUPPORT_CALLED = "support_called"
    SUPPORT_JOINED = "support_joined"
    NOT_DELIVERED = "not_delivered"
    NOT_EVERYTHING_POSTED = "not_everything_posted"
    NOT_POSTED = "not_posted"
    NO_CASE = "no_case"
    MAIL_HELD = "mail_held"
    ALARM = "alarm"
    CANARY = "canary"
    CONFIRM_ADDRESS = "confirm_address"
    SIGN_IN = "sign_in"

    @property
    def can_be_muted(self) -> bool:
        """Whether a member may ask not to be mailed it any more (RFC 8058)."""
        return self in (Template.CASE_OPENED_MERCHANT, Template.MESSAGE_TO_MERCHANT, Template.CASE_REOPENED)

    @property
    def can_be_overridden(self) -> bool:
        """Whether a store may put its own words in place of ours (HARDENING rule 10)."""
        return self in (
            Template.CASE_OPENED_MERCHANT,
            Template.CASE_OPENED_CUSTOMER,
            Template.MESSAGE_TO_CUSTOMER,
            Template.MESSAGE_TO_MERCHANT,
            Template.CLOSING_SOON,
            Template.CASE_CLOSED,
            Template.CASE_REOPENED,
        )

    @property
    def necessary(self) -> bool:
        """Whether somebody who complained of our mail gets it all the same: he asked for it, or would lose by it."""
        return self in (
            Template.MESSAGE_TO_CUSTOMER,
            Template.MESSAGE_TO_MERCHANT,
            Template.CLOSING_SOON,
            Template.SIGN_IN,
            Template.ALARM,
            Template.CANARY,
        )

    @property
    def automatic(self) -> bool:
        """Whether no person wrote it: such mail says so (RFC 3834 §5), a person's reply never does."""
        return self not in (Template.MESSAGE_TO_CUSTOMER, Template.MESSAGE_TO_MERCHANT)

    @property
    def answers_mail(self) -> bool:
        """Whether it tells a sender what became of his mail: it then holds none of it (HARDENING rule 11)."""
        return self in (Template.NOT_EVERYTHING_POSTED, Template.NOT_POSTED, Template.NO_CASE)


class Valid(StrEnum):
    """What must still be so when a mail is sent, or it is not sent at all (HARDENING rule 13)."""

    ALWAYS = "always"
    WHILE_OPEN = "while open"
    WHILE_CLOSED = "while closed"  # since that closing
    WHILE_IDLE = "while idle"  # and nothing has happened in the case since then


class NotPosted(StrEnum):
    """Why a participant's mail was not posted."""

    NOTHING_NEW = "nothing new"  # no words of his own, no file that is taken
    REVOKED = "revoked"  # it came to a reply address that a newer one has replaced
    LEFT = "left"  # he no longer answers cases of the store
    NOT_TAKEN = "not taken"  # the law about cases forbids it
    TOO_LATE = "too late"  # his case was closed too long ago: it is held


@dataclass(frozen=True, slots=True)
class KeptBack:
    """A file of a mail that was not posted. reason: words for its sender, such as `too large: 7 MiB, at most 5 MiB`."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Notice:
    """One participant is to get one mail about his case.

    The rest is for the templates that tell what became of a mail. kept_back: files that were not posted.
    text_in_file: the end of his text was added as a text file. why: set when his mail was not posted.
    because: the words of the law (NOT_TAKEN), of a mail system (NOT_DELIVERED) or of a signal (SUPPORT_CALLED).
    cause: with NOT_DELIVERED what they mean, `address`, `full`, `size` or `policy`; "" for anything else.
    lost: with NOT_DELIVERED which mail it was, MESSAGE_TO_CUSTOMER or CLOSING_SOON.
    closes_at: when a silent case closes, with CLOSING_SOON. valid: what it depends on. auto_reply: what the store
    answers by itself, with CASE_OPENED_CUSTOMER.
    """

    template: Template
    to: Participant
    kept_back: tuple[KeptBack, ...] = ()
    text_in_file: bool = False
    why: NotPosted | None = None
    because: str = ""
    cause: str = ""
    closes_at: datetime | None = None
    valid: Valid = Valid.ALWAYS
    lost: Template = Template.MESSAGE_TO_CUSTOMER
    auto_reply: str = ""

    @property
    def answerable(self) -> bool:
        """Whether an answer to it comes to the case; otherwise nothing in it may ask for one."""
        return self.why not in (NotPosted.REVOKED, NotPosted.LEFT, NotPosted.TOO_LATE)


class Whose(StrEnum):
    """Whose reply address a held mail came to, as its reviewer sees it."""

    CUSTOMER = "customer"
    OWN = "own"
    COLLEAGUE = "colleague"
    SUPPORT = "support"
    NOBODY = ""


@dataclass(frozen=True, slots=True)
class HeldMail:
    """A held mail for its reviewer, who reads nothing of its text (HARDENING rule 20).

    number: of the mail in the inbox. kept_at: aware. subject, order_number: of the case, "" when none is known.
    why: one sentence without a full stop.
    """

    number: int
    kept_at: datetime
    subject: str
    order_number: str
    whose: Whose
    why: str


@dataclass(frozen=True, slots=True)
class Letter:
    """One person is to get one mail that stands outside of the conversation of a case.

    name: of a person whom we know, "" for others. answers: the Message-ID that it answers, "" for none.
    locale, time_zone: the person's, "" for unknown.
    facts: NO_CASE takes none; MAIL_HELD `held` (HeldMail, oldest first); ALARM `alarms` and `over` (texts of what is
    raised and of what is not any more) and `more`, how many are not named; CANARY none; CONFIRM_ADDRESS `address` (the
    other one), `store` (its name) and `link`; SIGN_IN `link` and `minutes`, for which it works.
    """

    template: Template
    recipient: str
    name: str = ""
    answers: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    locale: str = ""
    time_zone: str = ""


def on_opened(participants: Iterable[Participant], auto_reply: str = "") -> tuple[Notice, ...]:
    """The merchants hear of a new case, the customer gets a receipt, with what the store answers by itself."""
    by_role = {Role.MERCHANT: Template.CASE_OPENED_MERCHANT, Role.CUSTOMER: Template.CASE_OPENED_CUSTOMER}
    told = _told((by_role[p.role], p) for p in participants if p.role in by_role)
    return tuple(replace(one, auto_reply=auto_reply) if one.to.role is Role.CUSTOMER else one for one in told)


def on_reply(participants: Iterable[Participant], author: Role, author_id: int | None) -> tuple[Notice, ...]:
    """The other sides are told, never the author; colleagues of a merchant who answered are not mailed either."""
    return _told(
        (Template.MESSAGE_TO_CUSTOMER if p.role is Role.CUSTOMER else Template.MESSAGE_TO_MERCHANT, p)
        for p in participants
        if p.role is not author and p.id != author_id
    )


def on_silence(participants: Iterable[Participant], closes_at: datetime) -> tuple[Notice, ...]:
    """The customer is warned that his silent case closes."""
    told = _told((Template.CLOSING_SOON, p) for p in participants if p.role is Role.CUSTOMER)
    return tuple(replace(notice, closes_at=closes_at, valid=Valid.WHILE_IDLE) for notice in told)


def on_closed(participants: Iterable[Participant]) -> tuple[Notice, ...]:
    """The customer is told that his case was closed."""
    told = _told((Template.CASE_CLOSED, p) for p in participants if p.role is Role.CUSTOMER)
    return tuple(replace(notice, valid=Valid.WHILE_CLOSED) for notice in told)


def on_reopened(participants: Iterable[Participant], by: Role) -> tuple[Notice, ...]:
    """The other side is told when a case is reopened without a message (a message tells it by itself)."""
    told = _told(
        (Template.CASE_REOPENED, p)
        for p in participants
        if p.role in (Role.CUSTOMER, Role.MERCHANT) and p.role is not by
    )
    return tuple(replace(notice, valid=Valid.WHILE_OPEN) for notice in told)


def on_not_delivered(
    participants: Iterable[Participant], because: str, cause: str, lost: Template = Template.MESSAGE_TO_CUSTOMER
) -> tuple[Notice, ...]:
    """The merchants are told that their customer did not get a message or a warning, and why: as in `Notice`."""
    told = _told((Template.NOT_DELIVERED, p) for p in participants if p.role is Role.MERCHANT)
    return tuple(replace(notice, because=because, cause=cause, lost=lost) for notice in told)


def on_escalated(participants: Iterable[Participant], because: str, *, first: bool, news: bool) -> tuple[Notice, ...]:
    """Support is called in, and told why when that is news; both sides hear of it once, and never why (rule 21).

    Where support has no address nobody is told that it reads along.
    """
    people = [person for person in participants if person.active]
    called = [person for person in people if person.role is Role.SUPPORT]
    sides = [person for person in people if person.role in (Role.CUSTOMER, Role.MERCHANT)] if first and called else []
    return (
        *(Notice(Template.SUPPORT_CALLED, person, because=because) for person in called if news),
        *_told((Template.SUPPORT_JOINED, person) for person in sides),
    )


def _told(wanted: Iterable[tuple[Template, Participant]]) -> tuple[Notice, ...]:
    """A notice for everybody who still takes part and has not switched it off."""
    return tuple(Notice(template, p) for template, p in wanted if p.active and template not in p.muted)

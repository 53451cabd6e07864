"""Who is to be told what: decisions about notices, before any of them is a mail (DESIGN §4, table of events)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gateway.cases.model import Participant, Role


class Template(StrEnum):
    """The mails that we send; the value is the name of the templates in `templates/mail`."""

    CASE_OPENED_MERCHANT = "case_opened_merchant"
    CASE_OPENED_CUSTOMER = "case_opened_customer"
    MESSAGE_TO_CUSTOMER = "message_to_customer"
    MESSAGE_TO_MERCHANT = "message_to_merchant"
    CASE_CLOSED = "case_closed"
    CASE_REOPENED = "case_reopened"

    @property
    def automatic(self) -> bool:
        """Whether no person wrote it: such mail says so (RFC 3834 §5), a person's reply never does."""
        return self not in (Template.MESSAGE_TO_CUSTOMER, Template.MESSAGE_TO_MERCHANT)


@dataclass(frozen=True, slots=True)
class Notice:
    """One participant is to get one mail."""

    template: Template
    to: Participant


def on_opened(participants: Iterable[Participant]) -> tuple[Notice, ...]:
    """The merchants hear of a new case, the customer gets a receipt."""
    by_role = {Role.MERCHANT: Template.CASE_OPENED_MERCHANT, Role.CUSTOMER: Template.CASE_OPENED_CUSTOMER}
    return tuple(Notice(by_role[p.role], p) for p in participants if p.active and p.role in by_role)


def on_reply(participants: Iterable[Participant], author: Role, author_id: int | None) -> tuple[Notice, ...]:
    """The other sides are told, never the author; colleagues of a merchant who answered are not mailed either."""
    told = []
    for person in participants:
        if not person.active or person.role is author or person.id == author_id:
            continue
        told.append(
            Notice(
                Template.MESSAGE_TO_CUSTOMER if person.role is Role.CUSTOMER else Template.MESSAGE_TO_MERCHANT, person
            )
        )
    return tuple(told)


def on_closed(participants: Iterable[Participant]) -> tuple[Notice, ...]:
    """The customer is told that his case was closed."""
    return tuple(Notice(Template.CASE_CLOSED, p) for p in participants if p.active and p.role is Role.CUSTOMER)


def on_reopened(participants: Iterable[Participant], by: Role) -> tuple[Notice, ...]:
    """The other side is told when a case is reopened without a message (a message tells it by itself)."""
    return tuple(
        Notice(Template.CASE_REOPENED, p)
        for p in participants
        if p.active and p.role in (Role.CUSTOMER, Role.MERCHANT) and p.role is not by
    )

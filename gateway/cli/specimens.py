"""Mails to look at: one of every template, about a real case or an invented one."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.cases.model import (
    Attachment,
    Audience,
    Case,
    CaseView,
    Customer,
    Message,
    Order,
    Participant,
    Priority,
    Role,
    Status,
    Store,
)
from gateway.cases.notices import HeldMail, KeptBack, Letter, Notice, NotPosted, Template, Whose
from gateway.changes import HISTORY
from gateway.errors import Invalid, NotFound, Problem
from gateway.outbound.compose import Composer, OutgoingMail
from gateway.outbound.telling import Scene
from store import cases

#: Who reads each mail about a case; the first one is shown when nobody is named.
READERS: Final[Mapping[Template, tuple[Role, ...]]] = {
    Template.CASE_OPENED_MERCHANT: (Role.MERCHANT,),
    Template.CASE_OPENED_CUSTOMER: (Role.CUSTOMER,),
    Template.MESSAGE_TO_CUSTOMER: (Role.CUSTOMER,),
    Template.MESSAGE_TO_MERCHANT: (Role.MERCHANT, Role.SUPPORT),
    Template.CLOSING_SOON: (Role.CUSTOMER,),
    Template.CASE_CLOSED: (Role.CUSTOMER,),
    Template.CASE_REOPENED: (Role.CUSTOMER, Role.MERCHANT),
    Template.SUPPORT_CALLED: (Role.SUPPORT,),
    Template.SUPPORT_JOINED: (Role.CUSTOMER, Role.MERCHANT),
    Template.NOT_DELIVERED: (Role.MERCHANT,),
    Template.NOT_EVERYTHING_POSTED: (Role.CUSTOMER, Role.MERCHANT, Role.SUPPORT),
    Template.NOT_POSTED: (Role.CUSTOMER, Role.MERCHANT, Role.SUPPORT),
}
_WRITES: Final = (Template.MESSAGE_TO_CUSTOMER, Template.MESSAGE_TO_MERCHANT)
_OPENS: Final = (Template.CASE_OPENED_MERCHANT, Template.CASE_OPENED_CUSTOMER)

_NOW: Final = datetime(2026, 11, 14, 9, 30, tzinfo=UTC)
_STORE: Final = Store("shp_aaaaaaaaaaaaaaaaaaaaaaaa", "Pixel Shop", _NOW)
_CUSTOMER: Final = Customer("cus_aaaaaaaaaaaaaaaaaaaaaaaa", _STORE.id, "mia@example.org", "Mia", "Jensen")
_ORDER: Final = Order(
    "ord_aaaaaaaaaaaaaaaaaaaaaaaa", _STORE.id, _CUSTOMER.id, "1042", 4_990, "EUR", "COMPLETED", _NOW
)  # fmt: skip
_PEOPLE: Final = {
    Role.CUSTOMER: ("mia@example.org", "Mia Jensen"),
    Role.MERCHANT: ("ann@shop.example.org", "Ann Weber"),
    Role.SUPPORT: ("support@example.org", ""),
}
#: The mails that are about no case, with the facts that they tell.
LETTERS: Final[Mapping[Template, Mapping[str, object]]] = {
    Template.NO_CASE: {},
    Template.MAIL_HELD: {
        "held": (
            HeldMail(17, _NOW, "My order has not arrived", "1042", Whose.CUSTOMER, "the domain disowns the mail"),
            HeldMail(18, _NOW, "", "", Whose.NOBODY, "it came to no reply address"),
        ),
    },
    Template.ALARM: {"alarms": ("The relay refuses our mail since 09:00. Look at its log.",), "over": (), "more": 0},
    Template.CANARY: {},
    Template.CONFIRM_ADDRESS: {
        "address": "mia@work.example.org", "store": "Pixel Shop", "link": "https://cases.example.org/confirm/1",
    },
    Template.SIGN_IN: {"link": "https://cases.example.org/sign-in/1", "minutes": 10},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Specimen:
    """A mail about a case that could be sent, and whom it would go to."""

    notice: Notice
    scene: Scene


def of(template: Template, *, store: Store | None = None, case_id: str = "", reader: Role | None = None) -> Specimen:
    """What a mail about a case is made of. store: whose case is invented; case_id: of a real case instead.

    Raises NotFound, and Invalid for a mail that is about no case, or that this reader never gets.
    """
    readers = READERS.get(template)
    if readers is None:
        raise Invalid((Problem("TEMPLATE", f"{template} is about no case"),))
    if reader is None:
        reader = readers[0]
    elif reader not in readers:
        raise Invalid((Problem("--reader", f"{template} is read by {' and '.join(readers)}"),))
    scene, people = _real(case_id, store) if case_id else (_invented(store or _STORE), ())
    person = next((p for p in people if p.role is reader and p.active), None)
    if person is None:
        person = Participant(0, scene.view.case.id, reader, *_PEOPLE[reader], os.urandom(16))
    # Nobody has this handle: were the keys the real ones, the reply address would be nobody's.
    person = replace(person, handle=os.urandom(16))
    return Specimen(_notice(template, person, scene), _with_news(template, reader, scene))


def answering(specimen: Specimen, composer: Composer, now: datetime) -> Notice:
    """The notice of a mail, a receipt with what the store answers by itself."""
    notice = specimen.notice
    if notice.template is not Template.CASE_OPENED_CUSTOMER:
        return notice
    return replace(notice, auto_reply=composer.auto_reply(notice.to, specimen.scene, now))


def letter(template: Template, composer: Composer, now: datetime) -> OutgoingMail:
    """A mail that is about no case."""
    return composer.compose_letter(Letter(template, "mia@example.org", "Mia Jensen", facts=LETTERS[template]), now)


def _real(case_id: str, store: Store | None) -> tuple[Scene, tuple[Participant, ...]]:
    """A case as it is. store: which must be its own, if given."""
    file = cases.load(case_id)
    if file is None or (store is not None and file.store.id != store.id):
        raise NotFound(f"There is no case {case_id}" + (f" of store {store.id}" if store is not None else ""))
    return Scene(file.store, file.view, (), cases.last_messages(case_id, 1 + HISTORY)), file.participants


def _invented(store: Store) -> Scene:
    case = Case(
        id="case_aaaaaaaaaaaaaaaaaaaaaaaa", store_id=store.id, customer_id=_CUSTOMER.id, order_id=_ORDER.id,
        subject="My order has not arrived", status=Status.AWAITING_CUSTOMER, priority=Priority.NORMAL, escalated=False,
        unread_count=0, last_message_at=_NOW, last_message_by=Role.MERCHANT, last_activity_at=_NOW, closed_at=None,
        closed_by=None, created_at=_NOW, updated_at=_NOW,
    )  # fmt: skip
    label = Attachment("att_aaaaaaaaaaaaaaaaaaaaaaaa", "label.pdf", "application/pdf", 48_213, "0" * 64)
    said = (
        (Role.CUSTOMER, "Mia Jensen", "I ordered two weeks ago, and nothing has come.\nWhich parcel is mine?", ()),
        (Role.SYSTEM, "", "Case is now awaiting the merchant", ()),
        (Role.MERCHANT, store.name, "It is on its way. The label is in the file.", (label,)),
        (Role.CUSTOMER, "Mia Jensen", "Thank you, I will wait until Friday.", ()),
        (Role.MERCHANT, store.name, "It was handed over this morning.\n\nYou should have it by Friday.", (label,)),
    )
    conversation = tuple(
        Message(
            f"cmsg_{number:024}", case.id, number, role, None, name, body, _NOW - timedelta(hours=len(said) - number),
            Audience.ALL, "", files,
        )
        for number, (role, name, body, files) in enumerate(said, 1)
    )  # fmt: skip
    return Scene(store, CaseView(case, _CUSTOMER, _ORDER), (), conversation)


def _with_news(template: Template, reader: Role, scene: Scene) -> Scene:
    """What would be new in the mail: the latest words of somebody else, the first ones of a case, or none."""
    said = [message for message in scene.earlier if message.audience is Audience.ALL]
    case = scene.view.case
    if template is Template.CASE_CLOSED and case.closed_by is None:
        case = replace(case, status=Status.CLOSED, closed_by=Role.MERCHANT, closed_at=case.last_activity_at)
    by_others = [m for m in said if m.sender_type not in (reader, Role.SYSTEM)]
    new: tuple[Message, ...] = ()
    if template in _OPENS:
        new = tuple(m for m in said if m.sender_type is Role.CUSTOMER)[:1]
    elif template in _WRITES and by_others:
        new = (by_others[-1],)
    earlier = tuple(m for m in scene.earlier if not new or m.number < new[0].number)[-HISTORY:]
    return replace(scene, view=replace(scene.view, case=case), new=new, earlier=earlier)


def _notice(template: Template, person: Participant, scene: Scene) -> Notice:
    """The facts that come with some mails, invented."""
    notice = Notice(template, person)
    if template is Template.CLOSING_SOON:
        return replace(notice, closes_at=scene.view.case.last_activity_at + timedelta(days=14))
    if template is Template.NOT_EVERYTHING_POSTED:
        kept_back = (KeptBack("holiday.mov", "files of this type are not taken"),)
        return replace(notice, kept_back=kept_back, text_in_file=True)
    if template is Template.NOT_POSTED:
        return replace(notice, why=NotPosted.NOTHING_NEW)
    if template is Template.NOT_DELIVERED:
        return replace(notice, because="550 5.1.1 There is no such mailbox", cause="address")
    if template is Template.SUPPORT_CALLED:
        return replace(notice, because="the order is disputed")
    return notice

"""How a case begins: what the platform says becomes a case with its people, its first message and their mails."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from gateway.cases import notices
from gateway.cases.model import (
    Actor,
    Attachment,
    Case,
    CaseView,
    Member,
    MemberRole,
    Message,
    NewCase,
    Order,
    Participant,
    Role,
    Status,
    Store,
)
from gateway.cases.notices import Template
from gateway.courier import queue
from gateway.errors import Conflict, Invalid, NotFound, Problem
from gateway.mail.classify import is_machines
from gateway.outbound.compose import Composer
from gateway.outbound.telling import Scene
from store import audit, cases, parties, suppressions
from store.cases import VersionConflict
from store.identifiers import new_id

log = structlog.get_logger("desk")


@dataclass(frozen=True, slots=True)
class Opened:
    """A case that was opened. repeated: it had been opened by the same request before, nothing was done now."""

    view: CaseView
    repeated: bool = False


def opening(
    new: NewCase, attachments: tuple[Attachment, ...], composer: Composer, actor: Actor, now: datetime
) -> Callable[[], tuple[Opened, str]]:
    """Decide and render the opening. Returns the job that writes it, and tells the id of the case.

    Raises NotFound (unknown store, none described), Conflict (`_current_order`); the job VersionConflict.
    """
    known = parties.find_store(new.store_id)
    if known is None and new.store_name is None:
        raise NotFound(f"There is no store {new.store_id}; send `store` with its name to have it made")
    store = known or Store(new.store_id, new.store_name or "", now)
    staff = parties.members(store.id)
    order = _current_order(new)
    case = Case(
        id=new_id("case", now), store_id=store.id, customer_id=new.customer.id, order_id=order.id,
        subject=new.subject, status=Status.OPEN, priority=new.priority, escalated=False, unread_count=1,
        last_message_at=now, last_message_by=Role.CUSTOMER, last_activity_at=now, closed_at=None, closed_by=None,
        created_at=now, updated_at=now,
    )  # fmt: skip
    view = CaseView(case, new.customer, order)
    message = Message(
        id=new_id("cmsg", now), case_id=case.id, number=1, sender_type=Role.CUSTOMER, sender_id=new.customer.id,
        sender_name=new.customer.name, body=new.body, created_at=now, attachments=attachments,
    )  # fmt: skip
    notify = {} if known else {address.lower(): (address, name) for address, name in new.notify}
    newcomers = tuple(
        Member(new_id("mbr", now), store.id, *who, role=MemberRole.AGENT if place else MemberRole.OWNER)
        for place, who in enumerate(notify.values())
    )
    people = [
        Participant(0, case.id, Role.CUSTOMER, new.customer.email, new.customer.name, os.urandom(16)),
        *(as_participant(case.id, member, store) for member in (*staff, *newcomers)),
    ]
    scene = Scene(store, view, (message,), ())
    answer = _answered_by_itself(people[0], scene, composer, now)
    told = notices.on_opened(people, answer.body if answer else "")
    mails = [(notice.to, composer.compose(notice, scene, now)) for notice in told]

    def job() -> tuple[Opened, str]:
        if known is None:
            if not parties.add_store(store):
                raise VersionConflict  # made by another call meanwhile: its members get the mail
            audit.record(actor, "store.added", now, store_id=store.id)
            for member in newcomers:
                parties.insert_member(member, now)
                detail = {"role": member.role}
                audit.record(actor, "member.added", now, store_id=store.id, subject=member.id, detail=detail)
        elif parties.members(store.id) != staff:
            raise VersionConflict
        parties.save_customer(new.customer)
        parties.save_order(order, new.occurred_at)
        cases.insert(case, message_count=2 if answer else 1)
        ids = {person.handle: cases.insert_participant(person) for person in people}
        cases.insert_message(message, participant_id=ids[people[0].handle], mail_id="", full_text="")
        if answer is not None:
            cases.insert_message(answer, participant_id=None, mail_id="", full_text="")
        for person, mail in mails:
            queue(mail, replace(person, id=ids[person.handle]), message.id, now)
        audit.record(actor, "case.opened", now, store_id=store.id, case_id=case.id)
        log.info("case.opened", case_id=case.id, door=actor.door, mails=len(mails))
        return Opened(view), case.id

    return job


def _answered_by_itself(customer: Participant, scene: Scene, composer: Composer, now: datetime) -> Message | None:
    """What the store answers by itself (DESIGN §2): a trail message, which his receipt tells. None for nothing.

    RFC 3834 §2: never what is obviously a machine, two of them would talk for ever; nor whom no mail reaches.
    """
    address = customer.address
    if is_machines(address) or suppressions.bars(address, Template.CASE_OPENED_CUSTOMER, now):
        return None
    text = composer.auto_reply(customer, scene, now)
    if not text:
        return None
    return Message(
        id=new_id("cmsg", now), case_id=customer.case_id, number=2, sender_type=Role.SYSTEM, sender_id=None,
        sender_name="", body=text, created_at=now,
    )  # fmt: skip


def refuse_own_addresses(new: NewCase, reply_domain: str) -> None:
    """HARDENING rule 24: a person whose address is ours would have us write to ourselves. Raises Invalid."""
    people = [("data.customer.email", new.customer.email)]
    people += [(f"data.store.notify.{place}.email", address) for place, (address, _) in enumerate(new.notify)]
    problems = tuple(
        Problem(field, f"{reply_domain} is this gateway's own domain; give a person's address")
        for field, address in people
        if address.rpartition("@")[2].lower() == reply_domain
    )
    if problems:
        raise Invalid(problems)


def as_participant(case_id: str, member: Member, store: Store) -> Participant:
    """A member of the store on a case that he was not on before."""
    name = member.name or store.name
    return Participant(
        0, case_id, Role.MERCHANT, member.email, name, os.urandom(16), member_id=member.id, muted=member.muted
    )


def _current_order(new: NewCase) -> Order:
    """The order as the newest event describes it. Raises Conflict when no case may be opened on it."""
    found = parties.find_order(new.order.id)
    order = new.order
    if found is not None:
        stored, status_at = found
        if stored.store_id != new.store_id:
            raise Conflict(f"order {new.order.id} belongs to another store")
        if status_at > new.occurred_at:
            order = stored
    customer = parties.find_customer(new.customer.id)
    if customer is not None and customer.store_id != new.store_id:
        raise Conflict(f"customer {new.customer.id} belongs to another store")
    if order.status != "COMPLETED" and not new.allow_any_order_status:
        raise Conflict(f"order {order.id} is {order.status}; a case can be opened on a COMPLETED order")
    return order

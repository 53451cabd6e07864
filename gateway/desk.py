"""The desk: the one place where cases are opened, answered and changed, whatever the door.

`gateway.changes` has the theory of operation. Every method blocks on the database: call it from worker threads only.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from gateway.cases import lifecycle, notices
from gateway.cases.escalation import JOINED_TEXT
from gateway.cases.lifecycle import Act, Change
from gateway.cases.limits import split_draft
from gateway.cases.model import (
    MESSAGE_CHARACTERS,
    Actor,
    Attachment,
    Audience,
    Case,
    CaseQuery,
    CaseView,
    Door,
    Draft,
    Key,
    Message,
    NewCase,
    Page,
    Participant,
    Posted,
    Priority,
    Role,
    Status,
)
from gateway.cases.notices import Notice
from gateway.changes import Audited, Changes, Entry, may_see, no_such_case, trail
from gateway.errors import Invalid, NotFound, Problem
from gateway.mail.thanks import is_only_thanks
from gateway.opening import Opened, opening, refuse_own_addresses
from gateway.outbound.compose import Composer
from store import audit, cases, escalations, reports
from store.cases import CaseFile
from store.identifiers import new_id

_ASKED = {
    Status.AWAITING_CUSTOMER: Act.AWAIT_CUSTOMER,
    Status.OPEN: Act.REOPEN,
    Status.CLOSED: Act.CLOSE,
}


class Desk:
    """Operations on cases. Its own state is only what it works with."""

    def __init__(
        self,
        changes: Changes,
        composer: Composer,
        *,
        reply_domain: str,
        support_name: str,
    ) -> None:
        self._changes = changes
        self._composer = composer
        self._reply_domain = reply_domain
        self._support_name = support_name

    # Reading

    def case(self, case_id: str, actor: Actor) -> CaseView:
        """One case. Raises NotFound."""
        view = cases.find(case_id)
        if view is None or not may_see(actor, view.case):
            raise no_such_case()
        return view

    def cases(self, query: CaseQuery, actor: Actor) -> Page[CaseView]:
        """A page of the cases of the actor's store (CONTRACT §5.1)."""
        if actor.store_id is None:
            raise NotFound("There is no such store")
        return cases.search(actor.store_id, query)

    def messages(self, case_id: str, actor: Actor, *, page: int, limit: int) -> Page[Message]:
        """A page of a conversation, oldest first (CONTRACT §5.3), with what became of its mails. Raises NotFound."""
        self.case(case_id, actor)
        found = cases.messages(case_id, Audience.of(actor.role), page=page, limit=limit)
        known = reports.deliveries([message.id for message in found.items])
        return replace(found, items=tuple(replace(m, deliveries=known.get(m.id, ())) for m in found.items))

    # Opening

    def open_case(self, new: NewCase, actor: Actor, *, key: Key) -> Opened:
        """Open a case as the platform describes it (CONTRACT §9).

        Raises NotFound (unknown store, none described), Conflict (order not completed, order or customer of another
        store, key used for another request), Invalid.
        """
        refuse_own_addresses(new, self._reply_domain)
        attachments = self._changes.keep_files(new.files)
        return self._changes.once(
            key,
            lambda: opening(new, attachments, self._composer, actor, self._changes.now()),
            lambda case_id: Opened(self.case(case_id, actor), repeated=True),
        )

    # Answering

    def deliver_reply(
        self,
        case_id: str,
        actor: Actor,
        draft: Draft,
        *,
        key: Key | None = None,
        also: Callable[[Posted], None] | None = None,
        whenever: bool = False,
    ) -> Posted:
        """Post an answer: the one way to do it, for every door.

        also: runs in the same transaction, with the result; what it raises takes the posting back. whenever: it opens
        a closed case again however long ago that was closed.
        Raises NotFound, NotAllowed, TooLate (a customer's mail), Conflict (same key, other request) or Invalid.
        """
        if actor.door is not Door.MAIL and len(draft.body) > MESSAGE_CHARACTERS:
            raise Invalid((Problem("body", f"must have at most {MESSAGE_CHARACTERS} characters"),))
        if not draft.body and not draft.files:
            raise Invalid((Problem("body", "must not be empty"),))
        parts = tuple((body, self._changes.keep_files(files)) for body, files in split_draft(draft))
        return self._changes.once(
            key,
            lambda: self._answering(case_id, actor, draft, parts, whenever=whenever),
            lambda ids: Posted(cases.find_messages(ids.split()), repeated=True),
            also,
            # A mail is kept until it is posted: nobody is told before the claim of the outgoing mail is synced.
            durable=actor.door is not Door.MAIL,
        )

    def preview_reply(self, case_id: str, actor: Actor, draft: Draft) -> tuple[Status, tuple[Notice, ...]]:
        """What `deliver_reply` would come to: the status of the case then, and who would be mailed. Changes nothing.

        Raises NotFound, NotAllowed or TooLate.
        """
        file = self._changes.load(case_id, actor)
        now, messages = self._changes.now(), len(split_draft(draft))
        act = self._act(file, actor, draft, now, whenever=False)
        change = lifecycle.decide(file.view.case, act, actor.role, now, messages=messages)
        return change.case.status, _told(file, actor, change)

    def _answering(
        self,
        case_id: str,
        actor: Actor,
        draft: Draft,
        parts: tuple[tuple[str, tuple[Attachment, ...]], ...],
        *,
        whenever: bool,
    ) -> Callable[[], tuple[Posted, str]]:
        """Decide and render an answer. parts: text and files of each message. Returns the job that writes it."""
        now = self._changes.now()
        file = self._changes.load(case_id, actor)
        author = next((p for p in file.participants if p.id == actor.participant_id), None)
        act = self._act(file, actor, draft, now, whenever=whenever)
        change = lifecycle.decide(file.view.case, act, actor.role, now, messages=len(parts))
        entries = [
            Entry(
                Message(
                    id=new_id("cmsg", now), case_id=case_id, number=file.message_count + place, sender_type=actor.role,
                    sender_id=self._author_id(actor, file, author), sender_name=self._author_name(actor, file, author),
                    body=body, created_at=now, via=actor.via, attachments=attachments, unverified=actor.unverified,
                ),
                actor.participant_id,
                draft.mail_id,
                draft.full_text if place == 1 else "",
            )
            for place, (body, attachments) in enumerate(parts, 1)
        ]  # fmt: skip
        posted = Posted(tuple(entry.message for entry in entries))
        if actor.role is Role.SUPPORT:
            change, joined = _joining(file, change, file.message_count + len(entries) + 1, now)
            entries += joined
        told = _told(file, actor, change)
        write = self._changes.changing(file, change, entries, told, now, Audited(actor, "case.answered"))

        def job() -> tuple[Posted, str]:
            write()
            # HARDENING rule 5: an id that came from an address we do not know is no part of this person's thread.
            if author is not None and draft.mail_id and not actor.via:
                cases.extend_thread(author, draft.mail_id, sent_by_him=True)
            return posted, " ".join(message.id for message in posted.messages)

        return job

    def _act(self, file: CaseFile, actor: Actor, draft: Draft, now: datetime, *, whenever: bool) -> Act:
        """Which act an answer is: its store decides what its customer's mail does to a closed case. Raises TooLate."""
        by_mail, case, settings = actor.door is Door.MAIL, file.view.case, file.store.settings
        if not by_mail or actor.role is not Role.CUSTOMER:
            return lifecycle.reply_act(actor.role, by_mail=by_mail)
        said = draft.body if draft.whole and not draft.files else ""
        thanks = bool(said) and lifecycle.takes_thanks(case, settings, now) and is_only_thanks(said, self._names(file))
        if not thanks and not whenever:
            lifecycle.refuse_late(case, settings, now)
        return lifecycle.reply_act(actor.role, by_mail=by_mail, thanks=thanks)

    def _names(self, file: CaseFile) -> tuple[str, ...]:
        """Whom a customer may thank by name, and how he may sign."""
        people = (person.name for person in file.participants)
        return (file.view.customer.name, file.store.name, self._support_name, *people)

    def _author_id(self, actor: Actor, file: CaseFile, author: Participant | None) -> str | None:
        """What the API shows as senderId: the customer, the member, else the credential that was used."""
        if actor.role is Role.CUSTOMER:
            return file.view.customer.id
        return author.member_id if author is not None else actor.id

    def _author_name(self, actor: Actor, file: CaseFile, author: Participant | None) -> str:
        """DESIGN §7: names shown for a role come from us, never from a sender's display name."""
        if actor.role is Role.SUPPORT:
            return self._support_name
        if actor.role is Role.CUSTOMER:
            return file.view.customer.name
        return author.name if author is not None and author.name else file.store.name

    # Changing

    def change_case(
        self, case_id: str, actor: Actor, *, status: Status | None = None, priority: Priority | None = None
    ) -> CaseView:
        """Set status and priority, both or neither (CONTRACT §5.5).

        Raises NotFound, NotAllowed, TooLate (a customer's page), Invalid.
        """
        if status is None and priority is None:
            raise Invalid((Problem("", "Nothing to update"),))
        if status is not None and status not in _ASKED:
            raise Invalid((Problem("status", "AWAITING_MERCHANT is set by the system only"),))
        return self._changes.once(
            None, lambda: self._setting(case_id, actor, status, priority), lambda _: self.case(case_id, actor)
        )

    def _setting(
        self, case_id: str, actor: Actor, status: Status | None, priority: Priority | None
    ) -> Callable[[], tuple[CaseView, str]]:
        now = self._changes.now()
        file = self._changes.load(case_id, actor)
        before = file.view.case
        change = Change(replace(before, updated_at=now), None)
        if status is not None:
            change = lifecycle.decide(before, _ASKED[status], actor.role, now)
        if change.reopened and actor.role is Role.CUSTOMER and actor.door is Door.PAGE:
            lifecycle.refuse_late(before, file.store.settings, now)
        if priority is not None:
            change = replace(change, case=replace(change.case, priority=priority))
        told: tuple[Notice, ...] = ()
        if change.closed:
            told = notices.on_closed(file.participants)
        elif change.reopened:
            told = notices.on_reopened(file.participants, actor.role)
        if replace(change.case, updated_at=before.updated_at) == before:
            return lambda: (file.view, case_id)  # it is as asked already
        write = self._changes.changing(file, change, [], told, now, _noted(actor, before, change))
        after = replace(file.view, case=replace(change.case, version=before.version + 1))

        def job() -> tuple[CaseView, str]:
            write()
            return after, case_id

        return job

    def mark_read(self, case_id: str, actor: Actor) -> CaseView:
        """The merchant has seen everything (CONTRACT §5.6). Raises NotFound."""

        def attempt() -> Callable[[], tuple[CaseView, str]]:
            file = self._changes.load(case_id, actor)
            case = replace(file.view.case, unread_count=0)

            def job() -> tuple[CaseView, str]:
                if case != file.view.case:
                    cases.update(case, file.message_count)
                    audit.record(actor, "case.read", self._changes.now(), store_id=case.store_id, case_id=case.id)
                return replace(file.view, case=case), case_id

            return job

        return self._changes.once(None, attempt, lambda _: self.case(case_id, actor))

    def give_back(
        self, case_id: str, message_id: str, because: str, cause: str, *, also: Callable[[bool], None]
    ) -> bool:
        """A message did not reach its customer: the case waits for nobody, so it goes back to its merchant (DESIGN §2).

        Nothing happens unless it is the last that a person said, and its case waits for the answer or was closed
        because none came. because, cause: as in `Notice`. also: runs in the same transaction, with the result; what it
        raises takes the change back. Returns whether the case moved. Raises NotFound.
        """
        return self._changes.once(
            None,
            lambda: self._giving_back(case_id, message_id, because, cause),
            lambda _: True,
            also,
            durable=False,  # as for mail: what tells that this is to be done is a row
        )

    def _giving_back(self, case_id: str, message_id: str, because: str, cause: str) -> Callable[[], tuple[bool, str]]:
        now = self._changes.now()
        file = self._changes.load(case_id, audit.SYSTEM)
        post = cases.last_post(case_id)
        is_last = any(m.id == message_id and m.sender_type in (Role.MERCHANT, Role.SUPPORT) for m in post)
        if not is_last or not lifecycle.waits_for_reply(file.view.case):
            return lambda: (False, case_id)
        change = lifecycle.decide(file.view.case, Act.NOT_DELIVERED, Role.SYSTEM, now)
        reason = f" ({because})" if because else ""
        change = replace(change, trail=f"{change.trail}: the last message did not reach the customer{reason}")
        told = notices.on_not_delivered(file.participants, because, cause)
        audited = Audited(audit.SYSTEM, "case.given_back", {"message": message_id})
        write = self._changes.changing(file, change, [], told, now, audited, about=post)

        def job() -> tuple[bool, str]:
            write()
            return True, case_id

        return job


def _joining(file: CaseFile, change: Change, number: int, now: datetime) -> tuple[Change, list[Entry]]:
    """Support has stepped in with its first message, whoever called it; number: of the trail message that tells it."""
    case = replace(change.case, escalated=True)
    joins = not escalations.has_spoken(case.id, Role.SUPPORT)
    return replace(change, case=case), [Entry(trail(case, number, JOINED_TEXT, now))] if joins else []


def _told(file: CaseFile, actor: Actor, change: Change) -> tuple[Notice, ...]:
    """Who is mailed an answer: nobody when it leaves the case closed, as mere thanks do (it is unread all the same)."""
    if change.case.status is Status.CLOSED:
        return ()
    return notices.on_reply(file.participants, actor.role, actor.participant_id)


def _noted(actor: Actor, before: Case, change: Change) -> Audited:
    """What the audit trail says of settings that somebody changed."""
    if change.closed:
        action = "case.closed"
    elif change.reopened:
        action = "case.reopened"
    else:
        action = "case.changed"
    after, detail = change.case, dict[str, object]()
    if after.status != before.status:
        detail["status"] = [before.status, after.status]
    if after.priority != before.priority:
        detail["priority"] = [before.priority, after.priority]
    return Audited(actor, action, detail)

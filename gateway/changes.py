"""How anything about a case is changed: decide and render outside of the transaction, write inside a short one.

    load ──▶ decide (gateway.cases) ──▶ render ──▶ one transaction: request's key, messages, trail, case, mails, audit

The transaction checks that the case is still the one that was loaded; when somebody was faster, all of it is repeated.
It commits as a whole or not at all. Everything here blocks on the database: call it from worker threads only.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

import structlog

from gateway.cases.lifecycle import Change
from gateway.cases.model import Actor, Attachment, Case, File, Key, Message, Participant, Role
from gateway.cases.notices import Notice
from gateway.courier import queue
from gateway.errors import Erased, NotFound, Refused
from gateway.opening import as_participant
from gateway.outbound.compose import Composer
from gateway.outbound.telling import Scene
from store import audit, cases, idempotency, parties, validity
from store.cases import CaseFile, VersionConflict
from store.database import Database
from store.files import Files
from store.identifiers import new_id

T = TypeVar("T")

ATTEMPTS = 3  # optimistic ones; after them the whole operation runs in the writer, where nobody can be faster
HISTORY = 5  # earlier messages that are quoted in a mail

log = structlog.get_logger("desk")


@dataclass(frozen=True, slots=True)
class Entry:
    """A message that is about to be written."""

    message: Message
    participant_id: int | None = None
    mail_id: str = ""
    full_text: str = ""


@dataclass(frozen=True, slots=True)
class Audited:
    """What is noted in the audit trail: who does it, and what it is, such as `case.closed`."""

    actor: Actor
    action: str
    detail: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    """What a change has added. mails: the ids in the outbox, in the order of its notices."""

    mails: tuple[int, ...]


class Changes:
    """Makes changes. wake: tells that outgoing mail waits; it never blocks and never fails."""

    def __init__(
        self,
        database: Database,
        files: Files,
        composer: Composer,
        *,
        now: Callable[[], datetime],
        wake: Callable[[], None],
        support: tuple[str, str] = ("", ""),
    ) -> None:
        """support: the address of the platform's support and its name; no address, and nobody is mailed there."""
        self._database = database
        self._files = files
        self._composer = composer
        self.now = now
        self._wake = wake
        self._support_address, self._support_name = support

    def once(
        self,
        key: Key | None,
        attempt: Callable[[], Callable[[], tuple[T, str]]],
        repeat: Callable[[str], T],
        also: Callable[[T], None] | None = None,
        *,
        durable: bool = True,
    ) -> T:
        """Decide outside the transaction, write inside it, again when somebody was faster; once for each key.

        attempt: loads, decides and renders; what it returns writes, and tells the result and the text under which a
        repeated request finds it again. repeat: the result from that text. also: runs in the same transaction, with
        the result; what it raises takes all of it back.
        """

        def transaction(job: Callable[[], tuple[T, str]] | None) -> T:
            found = idempotency.find(key, self.now()) if key is not None else None
            if found is not None:
                result = repeat(found)
            else:
                result, text = (job or attempt())()
                if key is not None:
                    idempotency.remember(key, text, self.now())
            if also is not None:
                also(result)
            return result

        for _ in range(ATTEMPTS):
            if key is not None and also is None:
                found = idempotency.find(key, self.now())
                if found is not None:
                    return repeat(found)
            job: Callable[[], tuple[T, str]] | None
            try:
                job = attempt()
            except Refused:
                if key is None or idempotency.find(key, self.now()) is None:
                    raise
                job = None  # it was done, at a time when it was not refused
            try:
                return self._database.write(lambda job=job: transaction(job), then=self._wake, durable=durable)  # type: ignore[misc]
            except VersionConflict:
                continue
        return self._database.write(lambda: transaction(None), then=self._wake, durable=durable)

    def load(self, case_id: str, actor: Actor) -> CaseFile:
        """A case with everybody on it, those who joined its store since then as well. Raises NotFound, Erased."""
        file = cases.load(case_id)
        if file is None or not may_see(actor, file.view.case):
            raise no_such_case()
        if file.erased:
            raise Erased("The case was erased")
        known = {person.member_id for person in file.participants}
        newcomers = tuple(
            as_participant(case_id, member, file.store)
            for member in parties.members(file.store.id)
            if member.id not in known
        )
        file = replace(file, participants=file.participants + newcomers) if newcomers else file
        return self.with_support(file) if file.view.case.escalated else file

    def with_support(self, file: CaseFile) -> CaseFile:
        """A case with the platform's support on it, at the address that it has now and no other."""
        address = self._support_address
        people = tuple(
            replace(person, active=False) if person.role is Role.SUPPORT and person.address != address else person
            for person in file.participants
        )
        if address and not any(person.role is Role.SUPPORT and person.active for person in people):
            case_id = file.view.case.id
            people += (Participant(0, case_id, Role.SUPPORT, address, self._support_name, os.urandom(16)),)
        return replace(file, participants=people)

    def changing(
        self,
        file: CaseFile,
        change: Change,
        entries: Sequence[Entry],
        told: Sequence[Notice],
        now: datetime,
        audited: Audited,
        about: tuple[Message, ...] = (),
    ) -> Callable[[], Written]:
        """Render the mails of a change. Returns what writes it: messages, trail, case, mails, threads, audit.

        told: whom a participant is (id 0) who is not on the case yet comes to be with his mail. about: messages that
        stand in the case already, which the mails tell instead of new ones.
        """
        entries = list(entries)
        case = change.case
        if change.trail is not None:
            number = file.message_count + len(entries) + 1
            entries.append(Entry(replace(trail(case, number, change.trail, now), audience=change.audience)))
        new = about or tuple(entry.message for entry in entries)
        earlier = tuple(m for m in cases.last_messages(case.id, HISTORY) if m not in about) if told else ()
        scene = Scene(file.store, replace(file.view, case=case), new, earlier)
        mails = [(notice, self._composer.compose(notice, scene, now)) for notice in told]
        message_id = entries[0].message.id if entries else None

        def write() -> Written:
            cases.update(case, file.message_count + len(entries))
            for entry in entries:
                cases.insert_message(
                    entry.message,
                    participant_id=entry.participant_id,
                    mail_id=entry.mail_id,
                    full_text=entry.full_text,
                )
            queued = []
            for notice, mail in mails:
                # Who joined the store after the case was opened becomes a participant with the first mail to him.
                person = notice.to
                known = person if person.id else replace(person, id=cases.insert_participant(person))
                queued.append(queue(mail, known, message_id, now, validity.condition(notice.valid, case)))
            audit.record(
                audited.actor, audited.action, now, store_id=case.store_id, case_id=case.id, detail=audited.detail
            )
            log.info("case.changed", case_id=case.id, status=case.status, messages=len(entries), mails=len(mails))
            return Written(tuple(queued))

        return write

    def keep_files(self, files: Sequence[File]) -> tuple[Attachment, ...]:
        """Bytes before rows (DESIGN §4)."""
        now = self.now()
        digests = self._files.keep([file.data for file in files], self._database, now)
        return tuple(
            Attachment(new_id("catt", now), file.filename, file.mime_type, len(file.data), digest)
            for file, digest in zip(files, digests, strict=True)
        )


def may_see(actor: Actor, case: Case) -> bool:
    """Whether an actor may reach a case at all."""
    return actor.store_id is None or actor.store_id == case.store_id


def no_such_case() -> NotFound:
    """What is said of a case that is not there, and of one that is another store's."""
    return NotFound("There is no such case")


def trail(case: Case, number: int, text: str, now: datetime) -> Message:
    """An entry of the timeline that nobody wrote."""
    return Message(
        id=new_id("cmsg", now), case_id=case.id, number=number, sender_type=Role.SYSTEM, sender_id=None,
        sender_name="", body=text, created_at=now,
    )  # fmt: skip

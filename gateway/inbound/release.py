"""Held mail and the person who looks at it: post it after all, or drop it (HARDENING rule 20)."""

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

import structlog

from gateway.cases.access import Verdict
from gateway.cases.model import Actor, Posted, Role
from gateway.cases.notices import Letter, Template
from gateway.courier import Courier
from gateway.desk import Desk
from gateway.errors import Conflict, Refused
from gateway.inbound.admit import Mailbox
from gateway.inbound.keep import recipients_from_json
from gateway.inbound.process import mail_key, posted_result
from gateway.inbound.recognise import Claim, is_his
from gateway.inbound.understand import Posting, Understander, Understanding, Words
from gateway.signing import Keyring, Purpose
from store import audit, cases, inbox, known_addresses, parties
from store.cases import Contact
from store.database import Database
from store.files import Files
from store.inbox import Kept, LeaseLost, Outcome, Result

log = structlog.get_logger("inbound")


class Releases:
    """Decisions of a person about held mail. public_url: where the page is on which an address is confirmed."""

    def __init__(
        self,
        desk: Desk,
        database: Database,
        files: Files,
        understander: Understander,
        courier: Courier,
        keyring: Keyring,
        *,
        public_url: str,
        now: Callable[[], datetime],
    ) -> None:
        self._desk = desk
        self._database = database
        self._files = files
        self._understander = understander
        self._courier = courier
        self._keyring = keyring
        self._public_url = public_url
        self._now = now

    def release(self, inbox_id: int, *, remember: bool = False, actor: Actor = audit.OPERATOR) -> tuple[Result, ...]:
        """Post a held mail as the participants for whom it is held, marked when it is not from their own address.

        It uses the mail's key, so twice is once. remember: also ask the participant, at his own address, whether the
        one that it came from is his as well. actor: who decides. Returns what the mail came to in each case.
        Raises NotFound, Conflict (somebody works on it), Refused with the reason why it cannot be done.
        """
        kept, held = self._held(inbox_id)
        if not held and remember:
            raise Refused(f"Mail {inbox_id} is posted already; whose address it came from is asked with its release")
        if not held:
            return inbox.results(inbox_id)
        raw = inbox.bytes_of(kept, self._files)
        found = self._understander.understand(kept, raw, patient=False, in_full=True)
        if found.words is None:
            raise Refused(f"Mail {inbox_id} cannot be posted: {kept.reason}")
        postings = [self._posting(kept, found, found.words, contact) for contact in self._contacts(kept, held)]
        if remember:  # first: a posting that fails can be made again
            self._database.write(self._question(kept, found, postings, actor))
        for posting in postings:
            self._post(kept, raw, found, posting, actor)
        return inbox.results(inbox_id)

    def drop(self, inbox_id: int, why: str, *, actor: Actor = audit.OPERATOR) -> tuple[Result, ...]:
        """Leave a held mail where it is, for good. Nobody is told. Raises NotFound, Conflict, Refused."""
        kept, held = self._held(inbox_id, whoever=True)

        def job() -> None:
            for result in held:
                inbox.settle_held(kept.id, replace(result, outcome=Outcome.REFUSED, reason=f"dropped: {why}"))
                self._audit(actor, "mail.dropped", kept, result.case_id)

        try:
            self._database.write(job)
        except LeaseLost as error:
            raise _changed(kept) from error
        log.info("mail.dropped", inbox_id=inbox_id)
        return inbox.results(inbox_id)

    def _held(self, inbox_id: int, *, whoever: bool = False) -> tuple[Kept, list[Result]]:
        """The mail, and for whom it is held; nobody when it was posted already. whoever: also where nobody is known."""
        kept, results = inbox.get(inbox_id), inbox.results(inbox_id)
        if kept.state != "done":
            raise Conflict(f"Mail {inbox_id} is not processed yet")
        held = [result for result in results if result.outcome is Outcome.HELD]
        known = [result for result in held if whoever or result.participant_id]
        if not known and (held or not any(r.outcome in {Outcome.POSTED, Outcome.DUPLICATE} for r in results)):
            because = f"{kept.outcome}: {kept.reason}"
            what = "dropped, since it is not held" if whoever else "posted, since nothing tells as whom in which case"
            raise Refused(f"Mail {inbox_id} cannot be {what} ({because})")
        return kept, known

    def _contacts(self, kept: Kept, held: Iterable[Result]) -> list[Contact]:
        """As whom it is posted where that can be; a reply address that it came to must still count. Raises Refused."""
        tokens = {r.handle: r.generation for r in recipients_from_json(kept.recipients) if r.mailbox is Mailbox.REPLY}
        contacts, why = [], ""
        for result in held:
            contact = cases.contact(result.participant_id or 0)
            if contact is None or not contact.person.active:
                why = "its sender left the store"
            elif tokens.get(contact.person.handle, contact.person.generation) != contact.person.generation:
                why = "its reply address was revoked"
            else:
                contacts.append(contact)
        if not contacts:
            raise Refused(f"Mail {kept.id} cannot be posted any more: {why}")
        return contacts

    def _posting(self, kept: Kept, found: Understanding, words: Words, contact: Contact) -> Posting:
        """What is posted, with the marks that it deserves. Raises Refused."""
        draft = self._understander.draft(found.mail, words, contact)
        if not draft.body and not draft.files:
            raise Refused(f"There is nothing new in mail {kept.id} that could be posted")
        sender = found.sender or kept.mail_from or "unknown sender"
        own = bool(found.sender) and is_his(found.sender, contact)
        return Posting(contact, draft, "" if own else sender, own and not self._is_proven(kept, found, contact))

    def _is_proven(self, kept: Kept, found: Understanding, contact: Contact) -> bool:
        """Whether the mail passed for the address of ours that it came to (HARDENING rule 14)."""
        recipients = recipients_from_json(kept.recipients)
        address = next((r.address for r in recipients if r.handle == contact.person.handle), recipients[0].address)
        claim = Claim(found.sender, found.authentication)
        return claim.verdict_for(contact.person.role, address) is Verdict.PASS

    def _audit(self, actor: Actor, action: str, kept: Kept, case_id: str) -> None:
        view = cases.find(case_id)
        store_id = view.case.store_id if view else ""
        audit.record(actor, action, self._now(), store_id=store_id, case_id=case_id, subject=str(kept.id))

    def _post(self, kept: Kept, raw: bytes, found: Understanding, posting: Posting, actor: Actor) -> None:
        person = posting.contact.person

        def note(posted: Posted) -> None:
            """Runs in the posting's transaction: what somebody else has released meanwhile is not posted again."""
            result = posted_result(person, posted, found.words)
            inbox.settle_held(kept.id, replace(result, reason=f"released; {result.reason}"))
            self._audit(actor, "mail.released", kept, person.case_id)

        key = mail_key(person, found.mail, posting.draft, raw)
        try:
            self._desk.deliver_reply(person.case_id, posting.actor, posting.draft, key=key, also=note, whenever=True)
        except LeaseLost as error:
            raise _changed(kept) from error
        log.info("mail.released", inbox_id=kept.id, case_id=person.case_id)

    def _question(
        self, kept: Kept, found: Understanding, postings: Iterable[Posting], actor: Actor
    ) -> Callable[[], None]:
        """What asks the participant about the other address. Raises Refused."""
        for posting in postings:
            contact = posting.contact
            if not posting.via or contact.person_id is None:
                continue
            if not self._is_proven(kept, found, contact):
                raise Refused(f"{posting.via} cannot be remembered: nothing proves that the mail came from there")
            return self._asking(contact, contact.person_id, posting.via, actor)
        raise Refused("There is no other address to remember: the mail came from a known one")

    def _asking(self, contact: Contact, person_id: str, address: str, actor: Actor) -> Callable[[], None]:
        handle = os.urandom(16)
        link = f"{self._public_url}/confirm/{self._keyring.token(Purpose.LINK, handle)}"
        store = parties.get_store(contact.store_id)
        person = contact.person
        facts = {"address": address, "store": store.name, "link": link}
        view = cases.find(person.case_id) if person.role is Role.CUSTOMER else None
        locale = (view.customer.locale if view else "") or store.locale
        zone = (view.customer.time_zone if view else "") or store.time_zone
        send = self._courier.letter(
            Letter(Template.CONFIRM_ADDRESS, person.address, person.name, facts=facts, locale=locale, time_zone=zone)
        )

        def job() -> None:
            known_addresses.ask(person_id, address, handle, self._now())
            send()
            audit.record(
                actor, "address.asked", self._now(),
                store_id=contact.store_id, case_id=person.case_id, subject=person_id,
            )  # fmt: skip

        return job


def _changed(kept: Kept) -> Conflict:
    return Conflict(f"Mail {kept.id} was changed by somebody else meanwhile; look at it again")

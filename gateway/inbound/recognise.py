"""Whose words a mail is, in which case: by our reply address, else by the ids that it answers. Reads rows, writes none.

HARDENING rule    says
----------------  -----------------------------------------------------------------------------------------
4                 what a reply address is worth from whom: one table, `gateway.cases.access`
5                 without a reply address only a proven sender posts, and only by an id that is bound to him
6                 each case gets one posting at most
24                what comes too fast for people waits for one
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.cases import brakes
from gateway.cases.access import Trust, Verdict, is_own, judge
from gateway.cases.brakes import Pace, pace
from gateway.cases.model import Role
from gateway.cases.notices import NotPosted
from gateway.inbound.admit import Mailbox, Recipient
from gateway.mail.authentication.verdict import Authentication
from gateway.mail.parse import ParsedMail
from gateway.signing import Keyring
from store import cases, known_addresses, outbox
from store.cases import Contact
from store.inbox import Outcome

_IDS = 50  # of In-Reply-To and References together, the nearest ones


@dataclass(frozen=True, slots=True)
class Decision:
    """What a mail comes to in one case, or as a whole where no case is known.

    outcome: POSTED means that its words are to be posted. contact: as whom; of a held mail, as whom it could be.
    via, unverified: as in `Message`. told: what a sender is told whose mail is not posted. pace: as it was judged.
    alarm: what the operator is to look at, "" for nothing. guess: whether no reply address names the case.
    """

    outcome: Outcome
    because: str
    contact: Contact | None = None
    via: str = ""
    unverified: bool = False
    told: NotPosted | None = None
    pace: Pace | None = None
    alarm: str = ""
    guess: bool = False

    @property
    def case_id(self) -> str:
        """The case, "" where none is known."""
        return self.contact.person.case_id if self.contact else ""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who a mail says that it is from. sender: the one address in From, "" when there is none or more than one.

    authentication: what is known about that, None when the mail could not be looked at.
    """

    sender: str
    authentication: Authentication | None

    def verdict_for(self, role: Role, address: str) -> Verdict:
        """HARDENING rule 14: whoever acts for others must have sent the mail to that very address of ours."""
        if self.authentication is None:
            return Verdict.NONE
        known = self.authentication if role is Role.CUSTOMER else self.authentication.as_sent_to(address)
        return known.verdict

    @property
    def reserved(self) -> bool:
        """Whether nobody can own the sender's domain."""
        return self.authentication is not None and self.authentication.reserved


def addressed(recipients: Iterable[Recipient]) -> tuple[list[list[Contact]], list[Decision]]:
    """The participants whose reply addresses a mail came to, by case; and what becomes of addresses that are over."""
    people: dict[str, dict[int, Contact]] = {}
    over: list[Decision] = []
    for recipient in recipients:
        if recipient.mailbox is not Mailbox.REPLY or recipient.handle is None:
            continue
        contact = cases.contact_by_handle(recipient.handle)
        if contact is None:
            over.append(Decision(Outcome.REFUSED, "its reply address belongs to nobody any more"))
        elif not contact.person.active:
            over.append(_left(contact))
        elif recipient.generation != contact.person.generation:
            over.append(Decision(Outcome.REFUSED, "its reply address was revoked", contact, told=NotPosted.REVOKED))
        else:
            people.setdefault(contact.person.case_id, {})[contact.person.id] = contact
    # An address that is over takes nothing from one of the same case that counts: each case is decided once.
    over = [decision for decision in over if decision.case_id not in people]
    return [list(group.values()) for group in people.values()], over


def _left(contact: Contact) -> Decision:
    because = "its reply address belongs to somebody who left the store"
    return Decision(Outcome.REFUSED, because, contact, told=NotPosted.LEFT)


class Recogniser:
    """Decides by rows and keys. now: the clock."""

    def __init__(self, keyring: Keyring, now: Callable[[], datetime]) -> None:
        self._keyring = keyring
        self._now = now

    def by_token(self, claim: Claim, people: Sequence[Contact], recipients: Iterable[Recipient]) -> Decision:
        """A mail that came to reply addresses of one case. people: theirs."""
        if not claim.sender:
            return Decision(Outcome.HELD, "it does not name exactly one sender", people[0])
        own = [contact for contact in people if is_own(claim.sender, contact.person.address)]
        candidates = people if len(people) == 1 else own
        if len(candidates) != 1:
            return Decision(Outcome.HELD, "it came to reply addresses of several people of one case", people[0])
        contact = candidates[0]
        address = next(r.address for r in recipients if r.handle == contact.person.handle)
        return self._braked(_judged(claim, contact, address))

    def by_ids(self, claim: Claim, mail: ParsedMail, address: str) -> Decision:
        """A mail without a reply address, that came to `address` of ours.

        Nobody learns that a case exists: whatever is not posted is held, with a suggestion for the one who looks.
        """
        return replace(self._by_ids(claim, mail, address), guess=True)

    def _by_ids(self, claim: Claim, mail: ParsedMail, address: str) -> Decision:
        if not claim.sender:
            return Decision(Outcome.HELD, "it does not name exactly one sender")
        ids = tuple(dict.fromkeys((*mail.in_reply_to, *reversed(mail.references))))[:_IDS]
        his = [contact for contact in self._bound(ids) if is_his(claim.sender, contact)] if ids else []
        if len({contact.person.case_id for contact in his}) > 1:
            return Decision(Outcome.HELD, "it answers mails of several cases", his[0])
        if not his:
            return _suggested(claim, mail)
        contact = his[0]
        if not contact.person.active:
            return _left(contact)
        if claim.verdict_for(contact.person.role, address) is not Verdict.PASS:
            because = "it answers our mail without its reply address, and nothing proves its sender"
            return Decision(Outcome.HELD, because, contact)
        return self._braked(_judged(claim, contact, address))

    def _bound(self, ids: Sequence[str]) -> list[Contact]:
        """The participants to whom one of the ids is bound: ours by its MAC, another by the one who sent it."""
        found: dict[int, Contact] = {}
        for our_id, participant_id in outbox.recipients_of(ids):
            contact = cases.contact(participant_id)
            if contact and self._keyring.is_message_id_for(our_id, contact.person.handle):
                found[participant_id] = contact
        senders: dict[str, set[tuple[str, int]]] = {}
        for mail_id, case_id, participant_id in cases.senders_of(ids):
            senders.setdefault(mail_id, set()).add((case_id, participant_id))
        for who in senders.values():
            # An id that stands in two cases, or that two people sent, was planted by somebody.
            if len(who) == 1 and (contact := cases.contact(next(iter(who))[1])):
                found[contact.person.id] = contact
        return list(found.values())

    def _braked(self, decision: Decision) -> Decision:
        if decision.outcome is not Outcome.POSTED or decision.contact is None:
            return decision
        person = decision.contact.person
        now = self._now()
        this_hour = cases.posts_since(person.case_id, person.id, now - brakes.HOUR)
        measured = pace(this_hour, cases.latest_posts(person.case_id, brakes.LATEST), person.role, now)
        if why := measured.too_fast:
            alarm = f"Mail about case {person.case_id} is held: {why}. Two programs may be answering each other."
            return Decision(Outcome.HELD, why, decision.contact, pace=measured, alarm=alarm, guess=decision.guess)
        return replace(decision, pace=measured)


def _judged(claim: Claim, contact: Contact, address: str) -> Decision:
    """HARDENING rule 4. address: ours, to which the mail came."""
    own = is_his(claim.sender, contact)
    verdict = claim.verdict_for(contact.person.role, address)
    judgement = judge(
        contact.person.role, own_address=own, authentication=verdict, reserved=claim.reserved, strict=contact.strict
    )
    if judgement.trust is Trust.HOLD:
        return Decision(Outcome.HELD, judgement.because, contact)
    unverified = own and verdict is not Verdict.PASS
    return Decision(Outcome.POSTED, judgement.because, contact, "" if own else claim.sender, unverified)


def is_his(sender: str, contact: Contact) -> bool:
    """Whether it is his own address or one that he confirmed (HARDENING rule 20)."""
    if is_own(sender, contact.person.address):
        return True
    confirmed = known_addresses.confirmed(contact.person_id) if contact.person_id else ()
    return is_own(sender, contact.person.address, confirmed)


def _suggested(claim: Claim, mail: ParsedMail) -> Decision:
    """Held, with the case that it may be about: the only open one of its sender, or the only one with its subject."""
    because = "a person wrote without a reply address"
    known = cases.open_contacts(claim.sender)
    if not known:
        return Decision(Outcome.HELD, because)
    subject = mail.subject.casefold()
    alike = [contact for contact in known if contact.subject.casefold() in subject]
    by_case = {contact.person.case_id: contact for contact in (alike or known)}
    if len(by_case) != 1:
        return Decision(Outcome.HELD, f"{because}; its sender has several open cases")
    hint = "with this subject" if alike else "its sender's only open case"
    return Decision(Outcome.HELD, f"{because}; suggested: {hint}", next(iter(by_case.values())))

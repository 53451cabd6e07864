"""Access that is taken back: a participant whose reply address leaked gets a new one; a restore takes back again.

mail to an old reply address    is not posted; its sender is told to answer the newest mail
old links that he was mailed    lead nowhere
mail that waits for him         is cancelled, as it bears the old address
he himself                      gets the last message of the other side again, in a mail with his new address
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from gateway.cases.lifecycle import Change
from gateway.cases.model import Actor, Message, Participant, Role
from gateway.cases.notices import Notice, Template
from gateway.changes import Audited, Changes
from gateway.errors import Conflict, NotFound
from store import audit, cases, credentials, known_addresses, participants, parties
from store.cases import CaseFile
from store.ledger import Kind, Ledger, Line

LOOKED_AT = 200  # messages from the end, among which the last one of the other side is looked for
TOLD_AT_ONCE = 20  # messages in a mail with a new address


def revoke(changes: Changes, ledger: Ledger, case_id: str, who: str, actor: Actor) -> tuple[Participant, bool]:
    """Give a participant another generation. who: his id or his address. Call it from worker threads only.

    Returns the participant as he is now, and whether he is mailed. Raises NotFound, Conflict.
    """

    def attempt() -> Callable[[], tuple[tuple[Participant, bool], str]]:
        now = changes.now()
        file = changes.load(case_id, actor)
        person = pick(file.participants, who)
        renewed = replace(person, generation=person.generation + 1)
        told, about = _fresh_mail(file, renewed)
        audited = Audited(actor, "participant.revoked", {"participant": person.id, "generation": renewed.generation})
        write = changes.changing(file, Change(file.view.case, None), [], told, now, audited, about)

        def job() -> tuple[tuple[Participant, bool], str]:
            write()  # first: it finds out that somebody was faster
            facts = {"participant": person.id, "generation": renewed.generation}
            ledger.note(Kind.REVOKED, now, **facts, handle=participants.fingerprint(person.handle))
            participants.revoke(person.id, renewed.generation)
            return (renewed, bool(told)), case_id

        return job

    def again(_: str) -> tuple[Participant, bool]:
        raise AssertionError("without a key nothing is repeated")

    return changes.once(None, attempt, again)


def forget_address(case_id: str, who: str, other: str, actor: Actor, now: datetime) -> None:
    """Take back that another address is a participant's, inside a write. who: as in `revoke`. Raises NotFound."""
    file = cases.load(case_id)
    if file is None:
        raise NotFound("There is no such case")
    person = pick(file.participants, who)
    person_id = file.view.customer.id if person.role is Role.CUSTOMER else person.member_id
    if person_id is None or other.lower() not in known_addresses.confirmed(person_id):
        raise NotFound(f"{other} is no other address of {person.address}")
    known_addresses.forget(person_id, other)
    audit.record(actor, "address.forgotten", now, store_id=file.store.id, case_id=case_id, subject=person_id)


def pick(people: tuple[Participant, ...], who: str) -> Participant:
    """A participant of a case by his id or his address. Raises NotFound, and Conflict when an address is of several."""
    found = [p for p in people if p.id and who.lower() in (str(p.id), p.address.lower())]
    if not found:
        raise NotFound(f"Nobody takes part in the case as {who}")
    if len(found) > 1:
        raise Conflict(f"{who} takes part more than once: say which by ID ({', '.join(str(p.id) for p in found)})")
    return found[0]


def _fresh_mail(file: CaseFile, person: Participant) -> tuple[tuple[Notice, ...], tuple[Message, ...]]:
    """A mail with the new address, and the messages that it tells: the last that the other side said.

    With it what the same side said in mails that still wait: they bear the old address, and are cancelled.
    """
    template = Template.MESSAGE_TO_CUSTOMER if person.role is Role.CUSTOMER else Template.MESSAGE_TO_MERCHANT
    said = [m for m in cases.last_messages(person.case_id, LOOKED_AT) if m.sender_type is not Role.SYSTEM]
    others = [m for m in said if m.sender_type is not person.role]
    if not others and person.role is Role.CUSTOMER:
        template, others = Template.CASE_OPENED_CUSTOMER, said[:1]
    if not others or not person.active or template in person.muted:
        return (), ()
    last, waiting = others[-1], participants.waiting_messages(person)
    told = [m for m in others if m.created_at == last.created_at or m.id in waiting]
    return (Notice(template, person),), tuple(m for m in told if m.sender_type is last.sender_type)[-TOLD_AT_ONCE:]


def apply(line: Line) -> bool:
    """Do again what the ledger says was revoked or removed, inside a write. Again is harmless. Returns whether it was
    one of those.

    Hand in the lines since the backup only: whoever was taken back before it is not removed again.
    """
    facts = line.facts
    if line.kind is Kind.REMOVED:
        parties.end_membership(str(facts["member"]))
    elif line.kind is Kind.REVOKED and "token" in facts:
        try:
            credentials.revoke_token(str(facts["token"]), line.at)
        except NotFound:
            return True  # it was made after the backup, and is gone
    elif line.kind is Kind.REVOKED:
        number = int(facts["participant"])
        handle = participants.handle_of(number)
        if handle is not None and participants.fingerprint(handle) == facts["handle"]:
            participants.revoke(number, int(facts["generation"]))
    else:
        return False
    return True

"""Reviewers hear of held mail: one digest an hour at most, without its text (HARDENING rules 19 and 20).

the mail came to the reply address of        who looks at it
-------------------------------------------  ----------------------------------------
a customer or a merchant                     the owner of the store
support, or nobody (then there is a guess)   the operator
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from gateway.cases.model import Role
from gateway.cases.notices import HeldMail, Letter, Template, Whose
from gateway.courier import Courier
from store import counts, inbox, parties
from store.database import Database
from store.inbox import Held

AT_ONCE = 1_000  # held mails of one reviewer that one look takes up

log = structlog.get_logger("reviews")


@dataclass(slots=True)
class _Digest:
    """What one reviewer is to hear. address: his, "" when there is nobody."""

    address: str
    name: str = ""
    locale: str = ""
    time_zone: str = ""
    held: list[Held] = field(default_factory=list)


class Reviews:
    """Tells reviewers. operator: his address, "" when nobody is to be mailed."""

    def __init__(self, database: Database, courier: Courier, *, operator: str, now: Callable[[], datetime]) -> None:
        self._database = database
        self._courier = courier
        self._operator = operator
        self._now = now

    def tell(self) -> int:
        """Send the digests that are due. Returns how many."""
        sent = 0
        for key, digest in self._digests().items():
            if not digest.address:
                self._database.write(lambda digest=digest: self._note(digest), durable=False)  # type: ignore[misc]
            elif not counts.was_told(f"held:{key}", self._now(), counts.HOUR):
                sent += self._send(key, digest)
        return sent

    def _digests(self) -> dict[str, _Digest]:
        """By reviewer, what he does not know yet."""
        digests: dict[str, _Digest] = {}
        for held in inbox.untold(AT_ONCE):
            key = "operator" if held.role is None or held.role is Role.SUPPORT else held.store_id
            if key not in digests:
                digests[key] = _Digest(self._operator) if key == "operator" else self._of_owner(key)
            digests[key].held.append(held)
        return digests

    def _of_owner(self, store_id: str) -> _Digest:
        """The one who came first is the owner; the operator looks after a store of nobody."""
        owner = next(iter(parties.members(store_id)), None)
        if owner is None:
            return _Digest(self._operator)
        store = parties.get_store(store_id)
        return _Digest(owner.email, owner.name, store.locale, store.time_zone)

    def _send(self, key: str, digest: _Digest) -> int:
        facts = {"held": tuple(_shown(held, digest) for held in digest.held)}
        letter = Letter(
            Template.MAIL_HELD,
            digest.address,
            digest.name,
            facts=facts,
            locale=digest.locale,
            time_zone=digest.time_zone,
        )
        send = self._courier.letter(letter)

        def job() -> int:
            if not counts.tell_once(f"held:{key}", self._now(), counts.HOUR):
                return 0  # another process was faster
            send()
            self._note(digest)
            return 1

        sent = self._database.write(job)
        log.info("reviews.told", reviewer=key, held=len(digest.held), sent=sent)
        return sent

    def _note(self, digest: _Digest) -> None:
        inbox.mark_told([held.result_id for held in digest.held], self._now())


def _shown(held: Held, digest: _Digest) -> HeldMail:
    whose = _WHOSE[held.role]
    if held.role is Role.MERCHANT and held.address.lower() == digest.address.lower():
        whose = Whose.OWN
    return HeldMail(held.number, held.kept_at, held.subject, held.order_number, whose, held.reason)


_WHOSE = {
    None: Whose.NOBODY,
    Role.CUSTOMER: Whose.CUSTOMER,
    Role.MERCHANT: Whose.COLLEAGUE,
    Role.SUPPORT: Whose.SUPPORT,
}

"""Reviewers hear of held mail: one digest an hour at most, without its text (HARDENING rules 19 and 20).

the mail came to the reply address of        who looks at it
-------------------------------------------  ----------------------------------------
a customer or a merchant                     the owners of the store
support, or nobody (then there is a guess)   the operator
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from gateway.cases.model import MemberRole, Role
from gateway.cases.notices import HeldMail, Letter, Template, Whose
from gateway.courier import Courier
from store import counts, inbox, parties
from store.database import Database
from store.inbox import Held

AT_ONCE = 1_000  # held mails of one reviewer that one look takes up

log = structlog.get_logger("reviews")


@dataclass(slots=True)
class _Digest:
    """What the reviewers of a store, or the operator, are to hear. reviewers: (address, name), nobody perhaps."""

    reviewers: tuple[tuple[str, str], ...]
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
            if not digest.reviewers:
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
                digests[key] = self._of_operator() if key == "operator" else self._of_owners(key)
            digests[key].held.append(held)
        return digests

    def _of_operator(self) -> _Digest:
        return _Digest(((self._operator, ""),) if self._operator else ())

    def _of_owners(self, store_id: str) -> _Digest:
        """Every owner of a store; the operator looks after one without any."""
        owners = tuple((m.email, m.name) for m in parties.members(store_id) if m.role is MemberRole.OWNER)
        if not owners:
            return self._of_operator()
        store = parties.get_store(store_id)
        return _Digest(owners, store.locale, store.time_zone)

    def _send(self, key: str, digest: _Digest) -> int:
        mails = [self._courier.letter(_letter(digest, address, name)) for address, name in digest.reviewers]

        def job() -> int:
            if not counts.tell_once(f"held:{key}", self._now(), counts.HOUR):
                return 0  # another process was faster
            for send in mails:
                send()
            self._note(digest)
            return len(mails)

        sent = self._database.write(job)
        log.info("reviews.told", reviewer=key, held=len(digest.held), sent=sent)
        return sent

    def _note(self, digest: _Digest) -> None:
        inbox.mark_told([held.result_id for held in digest.held], self._now())


def _letter(digest: _Digest, address: str, name: str) -> Letter:
    facts = {"held": tuple(_shown(held, address) for held in digest.held)}
    return Letter(Template.MAIL_HELD, address, name, facts=facts, locale=digest.locale, time_zone=digest.time_zone)


def _shown(held: Held, reviewer: str) -> HeldMail:
    whose = _WHOSE[held.role]
    if held.role is Role.MERCHANT and held.address.lower() == reviewer.lower():
        whose = Whose.OWN
    return HeldMail(held.number, held.kept_at, held.subject, held.order_number, whose, held.reason)


_WHOSE = {
    None: Whose.NOBODY,
    Role.CUSTOMER: Whose.CUSTOMER,
    Role.MERCHANT: Whose.COLLEAGUE,
    Role.SUPPORT: Whose.SUPPORT,
}

"""The people and the programs of a store come, change and go: each act with its line in the audit trail.

What must stay undone after a restore stands in the ledger too (HARDENING rule 16); `gateway.revoking.apply` does it
again. Functions run inside a job of `Database.write`.
"""

from collections.abc import Iterable
from datetime import datetime

from gateway.cases.model import Actor, Member, MemberRole
from gateway.errors import Conflict
from store import audit, credentials, parties, suppressions
from store.identifiers import new_id
from store.ledger import Kind, Ledger

# People


def add_member(store_id: str, address: str, name: str, role: MemberRole | None, actor: Actor, now: datetime) -> Member:
    """Add a person, take one back, or change name and role of one who is there. role: None as in `parties.add_member`.

    Raises NotFound for an unknown store, Conflict when it would lose its last owner.
    """
    before = _find(store_id, address)
    if before is not None and role is MemberRole.AGENT:
        _refuse_last_owner(before)
    person = parties.add_member(store_id, before.email if before else address, name, now, role)
    action = "member.added" if before is None else "member.changed"
    audit.record(actor, action, now, store_id=store_id, subject=person.id, detail={"role": person.role})
    suppressions.look_after(store_id, now)
    return person


def set_role(store_id: str, address: str, role: MemberRole, actor: Actor, now: datetime) -> Member:
    """Make a person owner or agent. Raises NotFound, and Conflict when the store would lose its last owner."""
    person = parties.member(store_id, address)
    if role is not person.role:
        if role is MemberRole.AGENT:
            _refuse_last_owner(person)
        parties.set_role(person.id, role)
        detail = {"role": [person.role, role]}
        audit.record(actor, "member.changed", now, store_id=store_id, subject=person.id, detail=detail)
    return person


def remove_member(
    store_id: str, address: str, actor: Actor, now: datetime, ledger: Ledger, *, force: bool = False
) -> Member:
    """Take a person out of a store: his reply addresses post nothing from now on, and mail that waits is not sent.

    force: also the last owner; then the operator looks at held mail. Raises NotFound, and Conflict without force.
    """
    person = parties.member(store_id, address)
    if not force:
        _refuse_last_owner(person, "; --force does it all the same")
    ledger.note(Kind.REMOVED, now, member=person.id)
    parties.remove_member(store_id, person.email)
    audit.record(actor, "member.removed", now, store_id=store_id, subject=person.id)
    suppressions.look_after(store_id, now)
    return person


def mute(member_id: str, store_id: str, notices: Iterable[str], actor: Actor, now: datetime) -> None:
    """Have a person not be mailed some notices any more. Twice is once. Raises NotFound."""
    for notice in notices:
        parties.mute(member_id, notice)
        audit.record(actor, "member.muted", now, store_id=store_id, subject=member_id, detail={"notice": notice})


def unmute(member_id: str, store_id: str, notices: Iterable[str], actor: Actor, now: datetime) -> None:
    """Have a person be mailed some notices again. Raises NotFound."""
    for notice in notices:
        parties.unmute(member_id, notice)
        audit.record(actor, "member.unmuted", now, store_id=store_id, subject=member_id, detail={"notice": notice})


def _find(store_id: str, address: str) -> Member | None:
    return next((m for m in parties.members(store_id) if m.email.lower() == address.lower()), None)


def _refuse_last_owner(person: Member, otherwise: str = "") -> None:
    """Held mail needs somebody who looks at it (HARDENING rule 20). Raises Conflict."""
    others = [other for other in parties.members(person.store_id) if other.id != person.id]
    if person.role is MemberRole.OWNER and not any(other.role is MemberRole.OWNER for other in others):
        to_do = "member role" if others else "member add"
        words = f"casegate {to_do} {person.store_id} ADDRESS {'owner' if others else '--role owner'}"
        raise Conflict(
            f"{person.email} is the only owner of {person.store_id}, and nobody else would look at its held mail;"
            f" make somebody else an owner first ({words}){otherwise}"
        )


# Programs


def create_token(store_id: str, name: str, scopes: frozenset[str], actor: Actor, now: datetime) -> str:
    """Make an API token. Returns its secret, as `credentials.create_token` does. Raises NotFound, Conflict."""
    token_id = new_id("stk", now)
    secret = credentials.create_token(store_id, name, scopes, now, token_id)
    detail = {"scopes": sorted(scopes)}
    audit.record(actor, "token.created", now, store_id=store_id, subject=token_id, detail=detail)
    return secret


def revoke_token(token_id: str, actor: Actor, now: datetime, ledger: Ledger) -> None:
    """Make an API token worthless from now on. Raises NotFound."""
    store_id = credentials.revoke_token(token_id, now)
    ledger.note(Kind.REVOKED, now, token=token_id)
    audit.record(actor, "token.revoked", now, store_id=store_id, subject=token_id)

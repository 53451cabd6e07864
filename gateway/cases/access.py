"""Whose words a mail is: one table of token role, sender and authentication (HARDENING rule 4)."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from gateway.cases.model import Role


class Verdict(StrEnum):
    """Whether the sender's domain stands behind a mail; made once near its arrival and stored."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"  # the domain publishes how its mail is known, and this is not; or its mail was known before
    NONE = "none"  # the domain publishes nothing, so nothing speaks for or against the sender
    TEMPERROR = "temperror"  # the DNS did not answer: ask again for an hour at most, then it counts as none


class Trust(StrEnum):
    """What a mail to a reply address may do."""

    POST = "post"
    POST_MARKED = "post with the sender's address shown"
    HOLD = "hold for a person"


@dataclass(frozen=True, slots=True)
class Judgement:
    """trust, and the reason in words for the operator."""

    trust: Trust
    because: str


class _Row(NamedTuple):
    """usual: in most stores. strict: in a strict store. reserved: from a domain that nobody can own (RFC 2606)."""

    usual: Trust
    strict: Trust | None = None
    reserved: Trust | None = None


_OWN, _OTHER = True, False

# Holding a mail is holding the right to post for a customer; for a merchant or support it is not.
_TABLE: dict[tuple[Role, bool, Verdict], _Row] = {
    (Role.CUSTOMER, _OWN, Verdict.PASS): _Row(Trust.POST),
    (Role.CUSTOMER, _OWN, Verdict.NONE): _Row(Trust.POST_MARKED),
    (Role.CUSTOMER, _OWN, Verdict.FAIL): _Row(Trust.HOLD),
    (Role.CUSTOMER, _OTHER, Verdict.PASS): _Row(Trust.POST_MARKED, strict=Trust.HOLD),
    (Role.CUSTOMER, _OTHER, Verdict.NONE): _Row(Trust.POST_MARKED, strict=Trust.HOLD),
    (Role.CUSTOMER, _OTHER, Verdict.FAIL): _Row(Trust.HOLD),
    (Role.MERCHANT, _OWN, Verdict.PASS): _Row(Trust.POST),
    (Role.MERCHANT, _OWN, Verdict.NONE): _Row(Trust.POST_MARKED, strict=Trust.HOLD),
    (Role.MERCHANT, _OWN, Verdict.FAIL): _Row(Trust.HOLD),
    (Role.MERCHANT, _OTHER, Verdict.PASS): _Row(Trust.HOLD),
    (Role.MERCHANT, _OTHER, Verdict.NONE): _Row(Trust.HOLD),
    (Role.MERCHANT, _OTHER, Verdict.FAIL): _Row(Trust.HOLD),
    (Role.SUPPORT, _OWN, Verdict.PASS): _Row(Trust.POST),
    (Role.SUPPORT, _OWN, Verdict.NONE): _Row(Trust.HOLD, reserved=Trust.POST),
    (Role.SUPPORT, _OWN, Verdict.FAIL): _Row(Trust.HOLD),
    (Role.SUPPORT, _OTHER, Verdict.PASS): _Row(Trust.HOLD),
    (Role.SUPPORT, _OTHER, Verdict.NONE): _Row(Trust.HOLD),
    (Role.SUPPORT, _OTHER, Verdict.FAIL): _Row(Trust.HOLD),
}

_WHOSE = {Role.CUSTOMER: "the customer's", Role.MERCHANT: "the merchant's", Role.SUPPORT: "support's"}
_PROOF = {
    Verdict.PASS: "which its domain confirms",
    Verdict.FAIL: "which is forged as far as its domain tells",
    Verdict.NONE: "which its domain neither confirms nor denies",
}


def judge(
    role: Role,
    *,
    own_address: bool,
    authentication: Verdict | None = None,
    reserved: bool = False,
    strict: bool = False,
) -> Judgement:
    """What a mail to the reply address of a participant in `role` may do.

    own_address: it came from his own or a confirmed address (`is_own`). authentication: what its domain says, None when
    nobody asked: then the address alone decides. A temperror counts as none, since whoever asks here has waited long
    enough. reserved: the sender's domain is one that
    nobody can own. strict: the store takes a customer's mail from his own address only, and a merchant's only proven.
    """
    verdict = Verdict.NONE if authentication is Verdict.TEMPERROR else authentication or Verdict.PASS
    row = _TABLE[role, own_address, verdict]
    trust, but = row.usual, ""
    if reserved and verdict is Verdict.NONE and row.reserved:
        trust, but = row.reserved, "; nobody can own that domain"
    elif strict and row.strict:
        trust, but = row.strict, "; the store is strict"
    whose = _WHOSE[role]
    sender = f"{whose} own address" if own_address else "another address"
    proof = f", {_PROOF[verdict]}" if authentication is not None else ""
    return Judgement(trust, f"{whose} reply address, from {sender}{proof}{but}")


def is_own(sender: str, own: str, confirmed: Collection[str] = ()) -> bool:
    """Whether a sender's address is a participant's own one or one that he confirmed (HARDENING rule 20).

    Local parts are compared without regard to case: no mail system tells two people apart by it.
    """
    return sender.lower() in {own.lower(), *(address.lower() for address in confirmed)}

"""Whose words a mail is: one table of token role and sender (HARDENING rule 4)."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.cases.model import Role


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


# Holding a mail is holding the right to post for a customer; for a merchant or support it is not.
_TABLE: dict[tuple[Role, bool], Judgement] = {
    (Role.CUSTOMER, True): Judgement(Trust.POST, "the customer's reply address, from the customer's own address"),
    (Role.CUSTOMER, False): Judgement(Trust.POST_MARKED, "the customer's reply address, from another address"),
    (Role.MERCHANT, True): Judgement(Trust.POST, "the merchant's reply address, from the merchant's own address"),
    (Role.MERCHANT, False): Judgement(Trust.HOLD, "a merchant's reply address, but from another address"),
    (Role.SUPPORT, True): Judgement(Trust.POST, "support's reply address, from support's own address"),
    (Role.SUPPORT, False): Judgement(Trust.HOLD, "support's reply address, but from another address"),
}


def judge(role: Role, *, own_address: bool) -> Judgement:
    """What a mail to the reply address of a participant in `role` may do, by whether it came from his own address."""
    return _TABLE[role, own_address]

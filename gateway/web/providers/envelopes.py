"""The envelope as providers write it in their fields."""

from collections.abc import Sequence

from gateway.errors import Invalid, Problem
from gateway.web.providers.door import ADDRESS_OCTETS, MOST_RECIPIENTS


def sender(field: str, text: str) -> str:
    """The envelope sender, "" for the null sender (RFC 5321 §4.5.5). field: for the text. Raises Invalid."""
    address = text.strip().removeprefix("<").removesuffix(">")
    if len(address.encode(errors="replace")) > ADDRESS_OCTETS or not address.isprintable():
        raise Invalid((Problem(field, f"must be an address of up to {ADDRESS_OCTETS} octets, or empty"),))
    return address


def recipients(field: str, addresses: Sequence[str]) -> tuple[str, ...]:
    """The envelope recipients. field: for the text. Raises Invalid."""
    found = tuple(address.strip().removeprefix("<").removesuffix(">") for address in addresses)
    if not any(found):
        raise Invalid((Problem(field, "must name the envelope recipient"),))
    if len(found) > MOST_RECIPIENTS:
        raise Invalid((Problem(field, f"must name up to {MOST_RECIPIENTS} recipients"),))
    return found

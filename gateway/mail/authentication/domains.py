"""Domains of senders: their form in the DNS, what they belong to, and which of them nobody can own."""

import functools
import re

from publicsuffixlist import PublicSuffixList

_NAME = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_LONGEST = 253
_RESERVED = frozenset({"test", "example", "invalid", "localhost"})  # RFC 2606 §2: never in the DNS of the world
_EXAMPLES = re.compile(r"(?:.*\.)?example\.(?:com|net|org)")


def domain_of(address: str) -> str:
    """The domain of an address (or a lone domain) as the DNS knows it: lower case, ASCII.

    "" when there is none or none that the DNS could hold, as in `user@[192.0.2.1]`.
    """
    name = address.rpartition("@")[2].strip().rstrip(".").lower()
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            return ""
    return name if len(name) <= _LONGEST and _NAME.fullmatch(name) else ""


def is_reserved(domain: str) -> bool:
    """Whether nobody can own the domain, so that there is nothing to ask the DNS about."""
    return domain.rpartition(".")[2] in _RESERVED


def is_example(domain: str) -> bool:
    """Whether nobody can own the domain although the DNS knows it (RFC 2606 §3): there may be something to ask."""
    return _EXAMPLES.fullmatch(domain) is not None


def organisation_of(domain: str) -> str:
    """What somebody registered: one label below a public suffix (RFC 7489 §3.2); a public suffix is its own."""
    return _suffixes().privatesuffix(domain) or domain


def aligned(domain: str, sender_domain: str, *, strict: bool) -> bool:
    """Whether a domain may speak for a sender's (RFC 7489 §3.1): the same one, or the same organisation unless strict.

    Addresses below a public suffix, such as two customers of one hosting provider, are strangers to each other.
    """
    if not domain or domain == sender_domain:
        return bool(domain)
    return not strict and organisation_of(domain) == organisation_of(sender_domain)


@functools.cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()  # takes 60 ms to read, so not before the first domain that is not reserved

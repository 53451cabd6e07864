"""Addresses as MAIL and RCPT say them: what may stand there, and domains as A-labels (RFC 5321 §4.1.2, RFC 5890)."""

import re
import unicodedata

MAX_ADDRESS = 254  # octets; a path has 256 with its angle brackets (RFC 5321 §4.5.3.1.3)
MAX_LABEL = 63  # octets (RFC 1035 §2.3.4)

# Generous, but for what could end the path or the command line: also within quotes no angle bracket, which no mailbox
# needs and a careless relay would take for the end of the path.
_LOCAL = re.compile(r'"(?:[^"\\<>]|\\[^<>])+"|[^\s<>"()\[\]\\,;:@]+')
_DOMAIN = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[A-Za-z0-9.:-]+\]")
_DOTS = re.compile("[.\u3002]")  # what NFKC leaves of the dots of RFC 3490 §3.1


def written(address: str) -> bytes | None:
    """An address as it is said to a relay, without its angle brackets; None when nothing can be sent to it.

    The domain is always written in ASCII, as A-labels: every relay, and those behind it, can carry that. What is left
    for relays with SMTPUTF8 (RFC 6531) are local parts beyond ASCII: `needs_utf8`.
    """
    local, _, domain = address.rpartition("@")
    ascii_domain = a_labels(domain)
    if not address.isprintable() or not _LOCAL.fullmatch(local) or ascii_domain is None:
        return None
    said = f"{local}@{ascii_domain}".encode()
    return said if len(said) <= MAX_ADDRESS else None


def needs_utf8(said: bytes) -> bool:
    """Whether only a relay with SMTPUTF8 can take what `written` gave."""
    return not said.isascii()


def a_labels(domain: str) -> str | None:
    """A domain or address literal in ASCII, None for what is none.

    Written by the rules of today (RFC 5891): `ß` is a letter of its own, where the codec of Python writes `ss`, which
    may be the domain of somebody else.
    """
    if not domain.isascii():
        # Lower case before and after: NFKC makes capitals out of some letters.
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", domain).lower())
        domain = ".".join(_a_label(label) for label in _DOTS.split(folded))
    if not _DOMAIN.fullmatch(domain) or any(len(label) > MAX_LABEL for label in domain.split(".")):
        return None
    return domain


def _a_label(label: str) -> str:
    return label if label.isascii() else f"xn--{label.encode('punycode').decode()}"

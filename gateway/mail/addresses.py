"""Addresses as they stand in mail headers and envelopes (RFC 5321 §4.1.2, RFC 5322 §3.4)."""

import re
from dataclasses import dataclass

_IN_ANGLES = re.compile(r"<\s*([^<>\s@]{1,255}@[^<>\s@]{1,255})\s*>")
_BARE = re.compile(r"[^\s<>,;:\"()\[\]@]{1,255}@[^\s<>,;:\"()@]{1,255}")


# The way in which nearly all programs write one mailbox: `Name <local@domain>`, the name quoted or plain words.
_PLAIN = re.compile(
    r"""\s*(?:"(?P<quoted>[^"\\<>@]*)"|(?P<words>[A-Za-z0-9][A-Za-z0-9 '-]*?))?\s*"""
    r"""<(?P<address>[A-Za-z0-9][A-Za-z0-9+=_-]*(?:\.[A-Za-z0-9+=_-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)>\s*"""
)


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox: the display name (decoded, may be empty) and the address as written (`local@domain`)."""

    name: str
    address: str


def read_plain(value: str) -> Address | None:
    """The mailbox of a field that holds one in the usual form, or None: then a full parser has to read it.

    Nine of ten fields are read here, at a fifteenth of the cost.
    """
    match = _PLAIN.fullmatch(value)
    if match is None:
        return None
    return Address((match["quoted"] or match["words"] or "").strip(), match["address"])


def recover(value: str) -> tuple[Address, ...]:
    """Every address that a value against the grammar could mean: addresses in angles, else bare ones.

    Meant for fields that a strict reader rejects. A From that could mean several people gives several, so that it
    counts as ambiguous and never as one of them. A name is given only to a lone address in angles.
    """
    angles = list(_IN_ANGLES.finditer(value))
    if len(angles) == 1 and not _BARE.search(value, 0, angles[0].start()):
        return (Address(value[: angles[0].start()].strip(' "'), angles[0][1]),)
    found = [angle[1] for angle in angles] or [match.rstrip(".'") for match in _BARE.findall(value)]
    return tuple(Address("", address) for address in dict.fromkeys(found))

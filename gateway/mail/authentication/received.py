"""Who handed a mail to the first of our own relays, and which header fields they wrote (HARDENING rule 14).

A mail that comes through relays in front of us carries one Received field of each, topmost the last one. What they
wrote is believed as far down as an unbroken chain of them goes: the peer that we see is a trusted relay, the client
that its field names is one too, and so on. The first client that is none is whom SPF is about.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_LONGEST = 2_000  # characters of a field that are read
_TOKEN = re.compile(r"[();]|[^\s();]+")
_CLAUSES = frozenset({"from", "by", "via", "with", "id", "for"})  # RFC 5321 §4.4
# [192.0.2.1], [IPv6:2001:db8::1], with a port after it; and bare, as Exchange and qmail write it.
_IN_BRACKETS = re.compile(r"\[(?:IPv6:)?([0-9a-f.:]{2,45})\](?::\d+)?,?", re.IGNORECASE)
_BARE = re.compile(r"([0-9a-f]*[.:][0-9a-f.:]{1,45}),?", re.IGNORECASE)

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Hop:
    """What one Received field tells. client: the address of whom it was received from, "" when that is not clear."""

    helo: str = ""
    client: str = ""
    by: str = ""
    protocol: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """client, helo: of the host outside that handed the mail over, "" when nobody we trust tells.

    believed: the header fields that trusted relays wrote.
    """

    client: str
    helo: str
    believed: tuple[tuple[str, str], ...] = ()


def origin(headers: tuple[tuple[str, str], ...], *, client: str, helo: str, relays: tuple[Network, ...]) -> Origin:
    """Where a mail came from. client, helo: of the session in which we got it; relays: whose fields are believed."""
    if not _is_one_of(client, relays):
        return Origin(client, helo)
    believed: tuple[tuple[str, str], ...] = ()
    for place, (name, value) in enumerate(headers):
        if name.lower() != "received":
            continue
        hop = read(value)
        believed = headers[:place]
        if not _is_one_of(hop.client, relays):
            return Origin(hop.client, hop.helo, believed)
    return Origin("", "", believed)  # it was written on a relay itself, or none of them says where it is from


def _is_one_of(client: str, relays: tuple[Network, ...]) -> bool:
    address = _address(client)
    return address is not None and any(address in network for network in relays)


def read(value: str) -> Hop:
    """Read the unfolded value of a Received field, in the order and with the comments that programs really write."""
    words, comments = _clauses(value[:_LONGEST])
    if words is None:
        return Hop()
    name, comment = " ".join(words.get("from", ())), comments.get("from", [])
    claimed = next((word[5:] for word in comment if word.lower().startswith("helo=")), "")
    return Hop(
        helo=claimed or name,
        client=_client(name, comment),
        by=" ".join(words.get("by", ())),
        protocol=" ".join(words.get("with", ())),
    )


def _clauses(value: str) -> tuple[dict[str, list[str]] | None, dict[str, list[str]]]:
    """The words of each clause and those in its comments; None when a sender's words could pass for a clause."""
    words: dict[str, list[str]] = {}
    comments: dict[str, list[str]] = {}
    clause, depth = "", 0
    for piece in _TOKEN.findall(value):
        if piece == "(":
            depth += 1
        elif piece == ")":
            depth = max(0, depth - 1)
        elif depth:
            comments.setdefault(clause, []).append(piece)
        elif piece == ";":
            break
        elif piece.lower() in _CLAUSES and words.get(clause) != []:
            clause = piece.lower()
            if clause in words:  # two "from" or "by": one of them may be what a client called itself
                return None, {}
            words[clause] = []
        else:
            words.setdefault(clause, []).append(piece)
    return words, comments


def _client(name: str, comment: list[str]) -> str:
    """The address that the connection came from: in the comment, where relays write what they saw themselves.

    What stands before the comment, or after HELO in it, is what the client said. Several addresses are as good as none.
    """
    said = {place + 1 for place, word in enumerate(comment) if word.lower() in ("helo", "ehlo")}
    seen = [word for place, word in enumerate(comment) if place not in said and not word.lower().startswith("helo=")]
    for pattern in (_IN_BRACKETS, _BARE):
        found = {str(address) for word in seen if (address := _read_address(pattern, word))}
        if found:
            return found.pop() if len(found) == 1 else ""
    if len(seen) < len(comment):  # Exim, for a client without a name: from [192.0.2.1] (helo=what.it.said)
        return str(_read_address(_IN_BRACKETS, name) or "")
    return ""


def _read_address(pattern: re.Pattern[str], word: str) -> IPv4Address | IPv6Address | None:
    match = pattern.fullmatch(word)
    return _address(match[1]) if match else None


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address

"""How much is going on at the mail door: sessions, sessions of one client, bytes of mail in memory."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from typing import Protocol

from gateway.config import SmtpSection


class Guest(Protocol):
    """A session, as far as others have to do with it. client: its IP address, "" when nobody knows it."""

    client: str

    def wind_up(self) -> None:
        """End now, or after the mail that is on its way."""

    def abort(self) -> None:
        """End without a word."""


class Occupancy:
    """What all sessions of a server share.

    sessions: those that have begun and are not over. in_flight: bytes of mail in memory, all sessions together, each
    mail until it is kept or refused. too_large: mails refused for their size since the start.
    """

    def __init__(self, limits: SmtpSection) -> None:
        self._limits = limits
        self._by_network: Counter[str] = Counter()
        self.sessions: set[Guest] = set()
        self.in_flight = 0
        self.too_large = 0
        self.empty = asyncio.Event()
        self.empty.set()

    def enter(self, session: Guest) -> None:
        """A session has begun."""
        self.sessions.add(session)
        self._by_network[network_of(session.client)] += 1
        self.empty.clear()

    def leave(self, session: Guest) -> None:
        """A session is over: its client has gone and its mail is kept or refused."""
        self.sessions.discard(session)
        self._uncount(session)
        if not self.sessions:
            self.empty.set()

    def rename(self, session: Guest, client: str) -> None:
        """A session's client has another address than it seemed."""
        self._uncount(session)
        session.client = client
        self._by_network[network_of(client)] += 1

    def _uncount(self, session: Guest) -> None:
        name = network_of(session.client)
        self._by_network[name] -= 1
        if not self._by_network[name]:
            del self._by_network[name]

    def refusal(self, session: Guest) -> str:
        """Why a new session may not stay, "" when it may."""
        if len(self.sessions) > self._limits.max_connections:
            return "Too many connections; please try again later"
        if self._by_network[network_of(session.client)] > self._limits.max_connections_per_client:
            return "Too many connections from your address; please try again later"
        return ""

    def has_room(self) -> bool:
        """Whether more of a mail may come in."""
        return self.in_flight <= self._limits.max_in_flight


def network_of(client: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 that a client of IPv6 has to itself. "" stays ""."""
    if not client or isinstance(ip_address(client), IPv4Address):
        return client
    return str(IPv6Network((client.partition("%")[0], 64), strict=False))


def counted_as(client: str, trusted_relays: Iterable[IPv4Network | IPv6Network]) -> str:
    """The network that a client's mails are counted under, "" when they are not.

    A relay of our own, and whatever forwards from this machine, brings the mail of everybody: no single sender.
    """
    if not client:
        return ""
    address = ip_address(client)
    if address.is_loopback or any(address in relays for relays in trusted_relays):
        return ""
    return network_of(client)

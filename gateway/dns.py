"""The DNS: look-ups with time-outs and a cache, for whoever checks senders.

An answer is one of three: records, nothing there, or trouble. Nothing there is a fact about a domain and is kept like
records; trouble (no answer in time, a server that fails) is none, and is kept for a moment only, so that a dead server
costs one time-out and not one for each mail.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import dns.exception
import dns.resolver
from dns.message import QueryMessage
from dns.rdata import Rdata
from dns.rdtypes.ANY.TXT import TXT

from gateway.mail.authentication.lookup import Lookup, Trouble

RECORDS_TTL = (30.0, 3_600.0)  # seconds: least and most, whatever the record says
NOTHING_TTL = (30.0, 600.0)
TROUBLE_TTL = 5.0
CACHED_CHARACTERS = 4 * 1024  # larger answers are not kept: senders choose what their domains answer
EDNS_BYTES = 1_232  # what passes every path unfragmented; larger answers come by TCP


@dataclass(frozen=True, slots=True)
class Counts:
    """asked: questions that went out. cached: answered without one. nothing, trouble: how those that went out ended."""

    asked: int = 0
    cached: int = 0
    nothing: int = 0
    trouble: int = 0


@dataclass(frozen=True, slots=True)
class _Cached:
    """records, or why there are none to be had; expires in monotonic seconds."""

    expires: float
    records: tuple[str, ...] = ()
    trouble: str = ""


class Resolver:
    """Asks name servers; many threads may use one resolver.

    nameserver: IP address and port; None takes those that the system uses. timeout: seconds for one look-up, all
    tries counted. cache_size: answers that are kept.
    """

    def __init__(
        self,
        nameserver: tuple[str, int] | None = None,
        *,
        timeout: float = 4.0,
        cache_size: int = 4_096,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._timeout = timeout
        self._cache_size = cache_size
        self._monotonic = monotonic
        self._cache: OrderedDict[tuple[str, str], _Cached] = OrderedDict()
        self._lock = threading.Lock()
        self._resolver = _make_resolver(nameserver)
        self._resolver.timeout = timeout / 2  # for one try, so that a lost packet costs half of the time
        self.counts = Counts()

    def lookup(self, name: str, kind: str) -> tuple[str, ...]:
        """The records of a name, in the form of `Lookup`. Raises Trouble."""
        return self._answer(name, kind, self._timeout)

    def for_one_mail(self, *, seconds: float = 20.0, questions: int = 100) -> Lookup:
        """A look-up that raises Trouble once one mail has cost too much (RFC 7208 §4.6.4, §11.1).

        What is answered from the cache costs nothing.
        """
        ends = self._monotonic() + seconds
        left = questions

        def lookup(name: str, kind: str) -> tuple[str, ...]:
            nonlocal left
            time_left = ends - self._monotonic()
            if self._peek(name, kind) is None:
                left -= 1
                if left < 0 or time_left <= 0:
                    raise Trouble(f"one mail needs more than {questions} look-ups or {seconds:g} seconds")
            return self._answer(name, kind, min(self._timeout, max(time_left, 0.0)))

        return lookup

    def _answer(self, name: str, kind: str, timeout: float) -> tuple[str, ...]:
        cached = self._peek(name, kind)
        if cached is None:
            cached = self._ask(name, kind, timeout)
            self._keep(name, kind, cached)
        else:
            with self._lock:
                self.counts = replace(self.counts, cached=self.counts.cached + 1)
        if cached.trouble:
            raise Trouble(cached.trouble)
        return cached.records

    def _peek(self, name: str, kind: str) -> _Cached | None:
        key = (name.lower(), kind)
        with self._lock:
            cached = self._cache.get(key)
            if cached is None or cached.expires <= self._monotonic():
                return None
            self._cache.move_to_end(key)
            return cached

    def _keep(self, name: str, kind: str, answer: _Cached) -> None:
        key = (name.lower(), kind)
        with self._lock:
            counts = self.counts
            self.counts = replace(
                counts,
                asked=counts.asked + 1,
                nothing=counts.nothing + (not answer.records and not answer.trouble),
                trouble=counts.trouble + bool(answer.trouble),
            )
            if sum(map(len, answer.records)) > CACHED_CHARACTERS:
                return
            self._cache[key] = answer
            self._cache.move_to_end(key)
            while len(self._cache) > self._cache_size:
                self._cache.popitem(last=False)

    def _ask(self, name: str, kind: str, timeout: float) -> _Cached:
        """One question to the name servers."""
        try:
            answer = self._resolver.resolve(f"{name}.", kind, raise_on_no_answer=False, lifetime=timeout, search=False)
            records = tuple(_text(record) for record in answer.rrset or ())
            ttl = answer.chaining_result.minimum_ttl
        except dns.resolver.NXDOMAIN as error:
            records, ttl = (), _lifetime(error)
        except (dns.exception.Timeout, dns.resolver.NoNameservers) as error:
            why = "no answer in time" if isinstance(error, dns.exception.Timeout) else "no name server could answer"
            return _Cached(self._monotonic() + TROUBLE_TTL, trouble=f"{why} ({kind} of {name})")
        except (dns.exception.SyntaxError, dns.exception.FormError, dns.resolver.YXDOMAIN):
            records, ttl = (), 0  # a name that cannot exist
        least, most = RECORDS_TTL if records else NOTHING_TTL
        return _Cached(self._monotonic() + min(max(ttl, least), most), records)


def _make_resolver(nameserver: tuple[str, int] | None) -> dns.resolver.Resolver:
    try:
        resolver = dns.resolver.Resolver(configure=nameserver is None)
    except dns.resolver.NoResolverConfiguration:
        resolver = dns.resolver.Resolver(configure=False)  # every question is then trouble, as it should be
    if nameserver is not None:
        address, resolver.port = nameserver
        resolver.nameservers = [address]
    resolver.use_edns(0, 0, EDNS_BYTES)
    return resolver


def _lifetime(error: dns.resolver.NXDOMAIN) -> int:
    """Seconds for which there is no such name (RFC 2308 §5)."""
    responses: Iterable[QueryMessage] = error.kwargs["responses"].values()
    return min(response.resolve_chaining().minimum_ttl for response in responses)


def _text(record: Rdata) -> str:
    if isinstance(record, TXT):
        return b"".join(record.strings).decode("latin-1")
    return record.to_text().removesuffix(".")

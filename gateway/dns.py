"""The DNS: look-ups with time-outs and a cache, for whoever checks senders.

An answer is one of three: records, nothing there, or trouble. Nothing there is a fact about a domain and is kept like
records; trouble (no answer in time, a server that fails) is none, and is kept for a moment only, so that a dead server
costs one time-out and not one for each mail.

Silence may mean that nobody answers for a name or that our own name servers are lost. After silence about a few names
in a row we ask about the root, which every name server knows: whoever sends mail in the name of silent domains must
not be able to end the look-ups of everybody else. When that is not answered either, every look-up ends at once, and
the question is repeated now and then until it is answered.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import dns.exception
import dns.resolver
import structlog
from dns.message import QueryMessage
from dns.rdata import Rdata
from dns.rdtypes.ANY.TXT import TXT

from gateway.mail.authentication.lookup import Lookup, Trouble

RECORDS_TTL = (30.0, 3_600.0)  # seconds: least and most, whatever the record says
NOTHING_TTL = (30.0, 600.0)
TROUBLE_TTL = 5.0  # also between two questions about the root while nobody answers
SILENT_NAMES = 3
CACHED_CHARACTERS = 4 * 1024  # larger answers are not kept: senders choose what their domains answer
EDNS_BYTES = 1_232  # what passes every path unfragmented; larger answers come by TCP

log = structlog.get_logger("dns")


class NotCached(Exception):
    """Nothing is known about a name without asking."""


@dataclass(frozen=True, slots=True)
class Counts:
    """asked: questions that went out. cached: answered without one. nothing, trouble: how those that went out ended."""

    asked: int = 0
    cached: int = 0
    nothing: int = 0
    trouble: int = 0


@dataclass(frozen=True, slots=True)
class _Answer:
    """records, or why there are none to be had; expires in monotonic seconds. silent: no server said anything."""

    expires: float
    records: tuple[str, ...] = ()
    trouble: str = ""
    silent: bool = False


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
        self._cache: OrderedDict[tuple[str, str], _Answer] = OrderedDict()
        self._lock = threading.Lock()
        self._silent_names: set[str] = set()  # since a server said anything
        self._lost = False  # no server says anything; asked again after _next_try
        self._next_try = 0.0
        self._resolver = _make_resolver(nameserver)
        self._resolver.timeout = timeout / 2  # for one try, so that a lost packet costs half of the time
        self.counts = Counts()

    def lookup(self, name: str, kind: str) -> tuple[str, ...]:
        """The records of a name, in the form of `Lookup`. Raises Trouble."""
        return self._answer(name, kind, self._timeout)

    def cached(self, name: str, kind: str) -> tuple[str, ...]:
        """`lookup` without a question. Raises NotCached where one is needed; Trouble also while the DNS is lost."""
        known = self._peek(name, kind)
        if known is None:
            raise NotCached(f"{kind} of {name}")
        return self._told(known)

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
        known = self._peek(name, kind)
        if known is not None:
            return self._told(known)
        if not self._somebody_listens():
            raise Trouble(_LOST)
        answer = self._ask(name, kind, timeout)
        whole_time = timeout == self._timeout
        if whole_time or not answer.silent:  # whoever had only a moment left knows nothing about the name
            self._keep(name, kind, answer)
        if whole_time and answer.silent:
            self._doubt(name)
        return _records(answer)

    def _told(self, known: _Answer) -> tuple[str, ...]:
        with self._lock:
            self.counts = replace(self.counts, cached=self.counts.cached + 1)
        return _records(known)

    def _peek(self, name: str, kind: str) -> _Answer | None:
        """What a look-up comes to without a question, None when it takes one."""
        key = (name.lower(), kind)
        with self._lock:
            now = self._monotonic()
            cached = self._cache.get(key)
            if cached is not None and cached.expires > now:
                self._cache.move_to_end(key)
                return cached
            if self._lost and now < self._next_try:
                return _Answer(self._next_try, trouble=_LOST, silent=True)
            return None

    def _keep(self, name: str, kind: str, answer: _Answer) -> None:
        if sum(map(len, answer.records)) > CACHED_CHARACTERS:
            return
        key = (name.lower(), kind)
        with self._lock:
            self._cache[key] = answer
            self._cache.move_to_end(key)
            while len(self._cache) > self._cache_size:
                self._cache.popitem(last=False)

    def _somebody_listens(self) -> bool:
        """Whether a question is worth asking. While the DNS is lost one thread finds out, the others need not wait."""
        with self._lock:
            if not self._lost:
                return True
            if self._monotonic() < self._next_try:
                return False
            self._next_try = self._monotonic() + TROUBLE_TTL
        return self._ask_about_the_root()

    def _doubt(self, name: str) -> None:
        """Nobody said anything about a name: if it is not the first one, find out whether anybody says anything."""
        with self._lock:
            self._silent_names.add(name.lower())
            if self._lost or len(self._silent_names) < SILENT_NAMES:
                return
            self._silent_names.clear()
        self._ask_about_the_root()

    def _ask_about_the_root(self) -> bool:
        """Whether a name server answers at all."""
        answer = self._ask("", "NS", self._timeout)
        if answer.silent:
            with self._lock:
                if not self._lost:
                    log.warning("dns.lost")
                self._lost = True
                self._next_try = self._monotonic() + TROUBLE_TTL
        return not answer.silent

    def _ask(self, name: str, kind: str, timeout: float) -> _Answer:
        """One question to the name servers, counted."""
        answer = self._resolve(name, kind, timeout)
        with self._lock:
            counts = self.counts
            self.counts = replace(
                counts,
                asked=counts.asked + 1,
                nothing=counts.nothing + (not answer.records and not answer.trouble),
                trouble=counts.trouble + bool(answer.trouble),
            )
            if not answer.silent:
                if self._lost:
                    log.info("dns.found")
                self._lost = False
                self._silent_names.clear()
        return answer

    def _resolve(self, name: str, kind: str, timeout: float) -> _Answer:
        try:
            answer = self._resolver.resolve(f"{name}.", kind, raise_on_no_answer=False, lifetime=timeout, search=False)
            records = tuple(_text(record) for record in answer.rrset or ())
            ttl = answer.chaining_result.minimum_ttl
        except dns.resolver.NXDOMAIN as error:
            records, ttl = (), _lifetime(error)
        except (dns.exception.Timeout, dns.resolver.NoNameservers) as error:
            why = "no answer in time" if isinstance(error, dns.exception.Timeout) else "no name server could answer"
            trouble = f"{why} ({kind} of {name})"
            return _Answer(self._monotonic() + TROUBLE_TTL, trouble=trouble, silent=not _was_heard(error))
        except (dns.exception.SyntaxError, dns.exception.FormError, dns.resolver.YXDOMAIN):
            records, ttl = (), 0  # a name that cannot exist
        least, most = RECORDS_TTL if records else NOTHING_TTL
        return _Answer(self._monotonic() + min(max(ttl, least), most), records)


_LOST = "no name server answers"


def _records(answer: _Answer) -> tuple[str, ...]:
    if answer.trouble:
        raise Trouble(answer.trouble)
    return answer.records


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


def _was_heard(error: dns.exception.DNSException) -> bool:
    """Whether any server said anything, be it that it cannot tell (SERVFAIL, REFUSED)."""
    tries: Iterable[tuple[object, ...]] = error.kwargs.get("errors", ())
    return any(response is not None for *_, response in tries)


def _lifetime(error: dns.resolver.NXDOMAIN) -> int:
    """Seconds for which there is no such name (RFC 2308 §5)."""
    responses: Iterable[QueryMessage] = error.kwargs["responses"].values()
    return min(response.resolve_chaining().minimum_ttl for response in responses)


def _text(record: Rdata) -> str:
    if isinstance(record, TXT):
        return b"".join(record.strings).decode("latin-1")
    return record.to_text().removesuffix(".")

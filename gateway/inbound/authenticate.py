"""Authenticating a kept mail without keeping the next one waiting: a few threads ask the DNS for what it owes us.

    what the checks need                who makes them   what the caller gets
    ----------------------------------  ---------------  ------------------------------------------------------------
    nothing, or what is in the cache    the caller       the result
    answers that come soon              a thread         the result, after a short wait
    answers that take their time        a thread         StillAsking; `ready` tells him when to come for the result
    answers, while very many wait       nobody           StillAsking; he starts over when his own time has come

Results that wait to be called for live in memory: whoever finds none there starts over, with most answers cached.
"""

import threading
import time
import traceback
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from gateway.dns import NotCached, Resolver
from gateway.errors import StillAsking
from gateway.mail.authentication import Authentication, Lookup, Trusted, authenticate
from gateway.mail.parse import ParsedMail

_ASKED_AT_ONCE = 200  # mails
_BYTES_AT_ONCE = 32 * 1024 * 1024  # of their raw bytes, which stay in memory
_RESULTS = 1_000
# Waiting spares a mail the way back through the rows, and holds up those behind it. It is not tried while a few others
# have not got their answers, and may take this share of the time, and so many seconds at once.
_FEW = 4
_WAITING_SHARE = 0.05
_WAITING_AT_ONCE = 2.0

log = structlog.get_logger("inbound")


@dataclass(slots=True, eq=False)
class _Check:
    """The checks of one mail, on their way. awaited: the caller waits, and takes the outcome from here."""

    inbox_id: int
    size: int
    make: Callable[[Lookup], Authentication]
    awaited: bool = False
    outcome: Authentication | Exception | None = None


class Authenticator:
    """Authenticates mails; threads may share it."""

    def __init__(
        self,
        resolver: Resolver,
        trusted: Trusted,
        *,
        patience: float = 0.25,
        threads: int = 8,
        ready: Callable[[int], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """patience: seconds to wait for the DNS. threads: how many mails are asked about at the same time; they start
        when they are needed. ready: called by a thread with the inbox id of a mail whose result can be called for.
        """
        self._resolver = resolver
        self._trusted = trusted
        self._patience = patience
        self._threads_at_most = threads
        self._ready = ready
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._asked = threading.Condition(self._lock)  # a check was queued, or the end has come
        self._told = threading.Condition(self._lock)  # a check is done, or the end has come
        self._queue: deque[_Check] = deque()
        self._under_way: dict[int, _Check] = {}  # queued or being made
        self._bytes = 0
        self._results: OrderedDict[int, Authentication | Exception] = OrderedDict()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._closed = False
        self._may_wait_for = _WAITING_AT_ONCE
        self._as_of = monotonic()

    def authenticate(
        self,
        inbox_id: int,
        raw: bytes,
        mail: ParsedMail,
        *,
        client: str,
        helo: str,
        mail_from: str,
        kept_at: datetime,
        passed_before: bool,
    ) -> Authentication:
        """What is known about the sender of a mail, as `gateway.mail.authentication.authenticate` finds out.

        Each result is given out once. Raises StillAsking while the DNS owes answers, and what broke the checks.
        """
        outcome = self._take_result(inbox_id)
        if outcome is None:

            def make(lookup: Lookup) -> Authentication:
                return authenticate(
                    raw,
                    mail,
                    client=client,
                    helo=helo,
                    mail_from=mail_from,
                    lookup=lookup,
                    trusted=self._trusted,
                    now=kept_at,
                    passed_before=passed_before,
                )

            try:
                return make(self._resolver.cached)
            except NotCached:
                outcome = self._hand_over(_Check(inbox_id, len(raw), make))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def has_result(self, inbox_id: int) -> bool:
        """Whether the result of a mail can be called for.

        `ready` may be called before the caller has written down that his mail waits: whoever writes that looks here.
        """
        with self._lock:
            return inbox_id in self._results

    def close(self) -> None:
        """Make no more checks and tell nobody of those that are on their way, which take some seconds to end."""
        with self._lock:
            self._closed = True
            self._queue.clear()
            self._asked.notify_all()
            self._told.notify_all()

    def _take_result(self, inbox_id: int) -> Authentication | Exception | None:
        with self._lock:
            if inbox_id in self._under_way:
                raise _still_asking()
            return self._results.pop(inbox_id, None)

    def _hand_over(self, check: _Check) -> Authentication | Exception:
        """Let a thread make the checks; the outcome if it comes soon. Raises StillAsking."""
        with self._lock:
            if check.inbox_id in self._under_way or not self._has_room(check):
                raise _still_asking()
            self._under_way[check.inbox_id] = check
            self._bytes += check.size
            self._queue.append(check)
            if self._idle < len(self._queue) and len(self._threads) < self._threads_at_most:
                thread = threading.Thread(target=self._work, name="authenticate", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._asked.notify()
            if self._patience and self._may_wait():  # a wait of no time would still let the thread in
                self._wait(check)
        if check.outcome is None:
            raise _still_asking()
        return check.outcome

    def _has_room(self, check: _Check) -> bool:
        if self._closed or len(self._under_way) >= _ASKED_AT_ONCE:
            return False
        return self._bytes + check.size <= _BYTES_AT_ONCE or not self._under_way  # one is asked about, however large

    def _may_wait(self) -> bool:
        now = self._monotonic()
        earned = (now - self._as_of) * _WAITING_SHARE
        self._may_wait_for, self._as_of = min(self._may_wait_for + earned, _WAITING_AT_ONCE), now
        return self._may_wait_for > 0 and len(self._under_way) <= _FEW

    def _wait(self, check: _Check) -> None:
        began = self._monotonic()
        check.awaited = True
        self._told.wait_for(lambda: check.outcome is not None or self._closed, self._patience)
        check.awaited = False
        self._may_wait_for -= self._monotonic() - began

    def _work(self) -> None:
        """What each thread does: one check after the other until the end."""
        while (check := self._next()) is not None:
            outcome: Authentication | Exception
            try:
                outcome = check.make(self._resolver.for_one_mail())
            except Exception as error:  # noqa: BLE001 - boundary of a thread: it reaches whoever calls for the result
                log.error("mail.error", inbox_id=check.inbox_id, trace=traceback.format_exc())
                outcome = error.with_traceback(None)  # which would keep the whole mail in memory
            if not self._is_taken(check, outcome):
                self._tell(check.inbox_id)

    def _next(self) -> _Check | None:
        """The next check in the order in which they came; None in the end."""
        with self._lock:
            self._idle += 1
            self._asked.wait_for(lambda: self._queue or self._closed)
            self._idle -= 1
            return self._queue.popleft() if self._queue else None

    def _is_taken(self, check: _Check, outcome: Authentication | Exception) -> bool:
        """Leave an outcome where it is looked for. False when somebody must be told that it is there."""
        with self._lock:
            del self._under_way[check.inbox_id]
            self._bytes -= check.size
            if check.awaited:
                check.outcome = outcome
                self._told.notify_all()
                return True
            self._results[check.inbox_id] = outcome
            if len(self._results) > _RESULTS:
                self._results.popitem(last=False)
            return self._closed

    def _tell(self, inbox_id: int) -> None:
        try:
            self._ready(inbox_id)
        except Exception as error:  # noqa: BLE001 - boundary of a thread: untold, the mail comes back at its own time
            log.error("mail.not_hastened", inbox_id=inbox_id, error=type(error).__name__, trace=traceback.format_exc())


def _still_asking() -> StillAsking:
    return StillAsking("The DNS has not answered yet what tells whether the sender is genuine")

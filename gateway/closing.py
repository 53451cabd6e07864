"""Silent cases are warned of, and closed when the promised time is over (DESIGN §2, HARDENING rules 12 and 22).

    a case that waits for its customer          what `look` does about it
    ------------------------------------------  -------------------------------------------------------------------
    is silent long enough                       queues the warning, which promises a date
    its relay has taken the warning, and the    closes it, and mails its customer once
    date and the promised time are over
    was warned of, and has moved since          nothing: its next silence is another one
    its warning was cancelled                   warns anew
    its warning did not arrive (`undelivered`)  nothing more: its clock stands still, its merchants are told

Rows know what is due, each case has a transaction of its own, and whatever stands in the way of one is looked at again
a minute later. A worker that was away for a month finds cases that are silent for long and warns first.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

import structlog

from gateway.cases import lifecycle, notices
from gateway.cases.idleness import REGRETTED_WITHIN, Patience
from gateway.cases.lifecycle import Act, Change
from gateway.cases.model import Actor, Audience, Case, Role, Status, Store
from gateway.cases.notices import Template
from gateway.changes import Audited, Changes
from gateway.errors import NotAllowed, NotFound
from gateway.locales import zone_for
from store import audit, counts, inbox, parties, warnings
from store.cases import CaseFile
from store.database import Database
from store.switches import Switch, is_stopped
from store.warnings import Warned

BATCH = 100  # cases that are looked up at a time
ERRORS_AT_MOST = 10  # in one look
AT_ONCE = 500  # that one look warns of or closes; the next one comes a minute later
STUCK_INBOX = timedelta(minutes=15)  # of a mail that waits to be read: it may be the answer
PENDING_AT_MOST = 1_000  # mails that wait to be read, among which an answer is looked for
SHARE, AT_LEAST = 0.05, 100  # of the open cases that one hour may warn of or close

log = structlog.get_logger("closing")


@dataclass(frozen=True, slots=True)
class Due:
    """A case that is to be warned of, or closed; warned: the warning on whose strength."""

    case_id: str
    warns: bool = False
    warned: Warned | None = None


class Closing:
    """Warns and closes. close_days, warn_days: as in `Patience.of`.

    obstacle: why nothing must be closed now whatever the case, such as mail that does not come in; "" for nothing.
    """

    def __init__(
        self,
        database: Database,
        changes: Changes,
        *,
        close_days: int,
        warn_days: int,
        obstacle: Callable[[], str],
    ) -> None:
        self._database = database
        self._changes = changes
        self._close_days = close_days
        self._warn_days = warn_days
        self._obstacle = obstacle

    def patience(self, store: Store) -> Patience:
        """How long a store waits."""
        zone = ZoneInfo(zone_for(store.time_zone, store.locale))
        return Patience.of(store.settings, zone, close_days=self._close_days, warn_days=self._warn_days)

    # What is due

    def look(self, *, confirmed: bool = False) -> int:
        """Warn and close what is due now, so many at a time. Returns how many cases.

        confirmed: an operator vouches for the time, and for the pace: `sweep --as-of` is his exception to rule 22.
        """
        if is_stopped(Switch.CLOSING) or (is_stopped(Switch.CLOCK) and not confirmed):
            return 0
        now, done = self._changes.now(), 0
        errors = list[Exception]()
        obstacle = self._obstacle() or stuck(now) or unread()
        if obstacle:
            log.warning("closing.waits", why=obstacle)
            return 0
        self._forget_stale(now)
        try:
            for due in chain(self._over(now), self._silent(now)):
                try:
                    done += self._do(due, paced=not confirmed)
                except _Paced:
                    raise
                except Exception as error:  # noqa: BLE001 - raised below: one case must not keep the others waiting
                    errors.append(error)
                if (done >= AT_ONCE and not confirmed) or len(errors) >= ERRORS_AT_MOST:
                    break
        except _Paced:
            log.warning("closing.paced", done=done)
        if errors:
            raise ExceptionGroup("some silent cases could not be warned of or closed", errors)
        return done

    def due(self, now: datetime) -> tuple[Due, ...]:
        """The cases that an unhurried `look` at that moment would warn of or close. Changes nothing."""
        return tuple(chain(self._over(now), self._silent(now)))

    def _forget_stale(self, now: datetime) -> None:
        while self._database.write(lambda: warnings.forget_stale(now, BATCH), durable=False) == BATCH:
            pass

    def _over(self, now: datetime) -> Iterator[Due]:
        """Closings of cases that were warned of."""
        last = None
        while batch := warnings.due(now, BATCH, last):
            yield from (Due(warned.case_id, warned=warned) for warned in batch if warned.may_close(now))
            last = (batch[-1].closes_at, batch[-1].case_id)

    def _silent(self, now: datetime) -> Iterator[Due]:
        """Warnings of cases that have become silent, and closings where nobody is warned."""
        found = dict[tuple[object, ...], tuple[Patience, datetime]]()  # most stores have decided the same
        for store in parties.stores():
            manner = (store.settings, store.time_zone, store.locale)
            if manner not in found:
                patience = self.patience(store)
                found[manner] = (patience, patience.idle_by(now)) if patience.closes else (patience, now)
            patience, until = found[manner]
            last = None
            while patience.closes and (batch := warnings.silent(store.id, until, BATCH, last)):
                yield from (Due(case_id, warns=patience.warns) for _, case_id in batch)
                last = batch[-1]

    def _do(self, due: Due, *, paced: bool) -> bool:
        """Warn or close. Not synced: rows say that it is to be done, so what a power cut takes back is done again."""
        decide = self._warning if due.warns else self._closing

        def attempt() -> Callable[[], tuple[bool, str]]:
            now = self._changes.now()
            file = self._changes.load(due.case_id, audit.SYSTEM)
            _refuse_answered(file)  # here as well: what is put off now needs no mails
            write = decide(file, due.warned, now)

            def job() -> tuple[bool, str]:
                if write is not None:
                    _refuse_answered(file)
                    if paced:
                        _take_room(now)
                    write()
                return write is not None, due.case_id

            return job

        try:
            return self._changes.once(None, attempt, lambda _: True, durable=False)
        except _InTheWay as error:
            log.info("closing.put_off", case_id=due.case_id, why=str(error))
        except NotFound:
            log.info("closing.put_off", case_id=due.case_id, why="it was erased")
        return False

    def _warning(self, file: CaseFile, warned: Warned | None, now: datetime) -> Callable[[], None] | None:
        """What queues the warning of a case, None when it has moved meanwhile."""
        case, patience = file.view.case, self.patience(file.store)
        if not self._is_due(case, patience, now) or not patience.warns or warnings.is_warned(case.id):
            return None  # asked after the case was loaded: whoever warns now raises its version
        closes_at = patience.closes_at(now)
        told = notices.on_silence(file.participants, closes_at)
        audited = Audited(audit.SYSTEM, "case.warned", {"closes_at": closes_at.isoformat()})
        write = self._changes.changing(file, Change(case, None), [], told, now, audited)

        def job() -> None:
            for outbox_id in write().mails:
                warnings.insert(case.id, case.last_activity_at, outbox_id, now, closes_at)
            warnings.mark_warned(case.id)  # also where nobody can be warned: then nothing closes it

        return job

    def _closing(self, file: CaseFile, warned: Warned | None, now: datetime) -> Callable[[], None] | None:
        """What closes a silent case, None when it has moved meanwhile. warned: None where nobody is warned."""
        case, patience = file.view.case, self.patience(file.store)
        if warned is None and (patience.warns or not self._is_due(case, patience, now)):
            return None
        if warned is not None and not _waits_since(case, warned.idle_since):
            return None
        if warned is not None and not patience.closes:  # its store has changed its mind since
            return lambda: warnings.withdraw(case.id, warned.idle_since)
        change = lifecycle.decide(case, Act.IDLE_CLOSE, Role.SYSTEM, now)
        told = notices.on_closed(file.participants)
        write = self._changes.changing(file, change, [], told, now, Audited(audit.SYSTEM, "case.closed"))

        def job() -> None:
            if warned is not None:
                current = warnings.of_silence(case.id, warned.idle_since)
                if current is None or not current.may_close(now):
                    raise _InTheWay("its warning did not arrive")  # as is known since a moment ago
                warnings.settle(warned, "closed")
            write()

        return job

    def _is_due(self, case: Case, patience: Patience, now: datetime) -> bool:
        waits = case.status is Status.AWAITING_CUSTOMER and patience.closes
        return waits and patience.acts_at(case.last_activity_at) <= now

    # What people do about it

    def keep_open(self, case_id: str, actor: Actor) -> bool:
        """The customer wants his silent case to stay open: its clock begins anew.

        False when it waits for nobody, or when nobody was warned that it closes: then there is nothing to be kept off.

        Raises NotFound, and NotAllowed for a closed case.
        """

        def attempt() -> Callable[[], tuple[bool, str]]:
            now = self._changes.now()
            file = self._changes.load(case_id, actor)
            if file.view.case.status is Status.CLOSED:
                raise NotAllowed("The case is closed already")
            if file.view.case.status is not Status.AWAITING_CUSTOMER or not warnings.is_warned(case_id):
                return lambda: (False, case_id)
            change = lifecycle.decide(file.view.case, Act.KEEP_OPEN, actor.role, now)
            write = self._changes.changing(file, change, [], (), now, Audited(actor, "case.kept_open"))

            def job() -> tuple[bool, str]:
                write()
                return True, case_id

            return job

        return self._changes.once(None, attempt, lambda _: True)

    def undelivered(self, outbox_id: int, because: str, cause: str, *, also: Callable[[bool], None]) -> bool:
        """A warning did not reach its customer: the clock stands still, and the merchants are told.

        A case that was closed on its strength less than 14 days ago goes back to its merchant. because, cause: as in
        `Notice`. also: runs in the same transaction, with the result; what it raises takes all of it back.
        Returns whether anything changed. Raises NotFound.
        """

        def attempt() -> Callable[[], tuple[bool, str]]:
            warned = warnings.by_mail(outbox_id)
            if warned is None:
                return lambda: (False, "")
            now = self._changes.now()
            file = self._changes.load(warned.case_id, audit.SYSTEM)
            change = _regretting(file, warned, now)
            if change is None:
                return lambda: (False, warned.case_id)
            reason = f" ({because})" if because else ""
            trail = f"{change.trail}: {_LOST}{reason}" if change.trail else f"{_LOST[0].upper()}{_LOST[1:]}{reason}"
            change = Change(change.case, trail, audience=Audience.STAFF)
            told = notices.on_not_delivered(file.participants, because, cause, Template.CLOSING_SOON)
            audited = Audited(audit.SYSTEM, "case.warning_lost", {"outbox": outbox_id})
            write = self._changes.changing(file, change, [], told, now, audited)

            def job() -> tuple[bool, str]:
                warnings.settle(warned, "undelivered")
                write()
                return True, warned.case_id

            return job

        return self._changes.once(None, attempt, lambda _: True, also, durable=False)


_LOST = "the warning that the case closes did not reach the customer"


def _regretting(file: CaseFile, warned: Warned, now: datetime) -> Change | None:
    """The case as it goes on without its warning, None when that does not concern it any more."""
    case = file.view.case
    if _waits_since(case, warned.idle_since):
        return Change(case, None)
    closed_for_it = (
        case.closed_by is Role.SYSTEM
        and case.closed_at is not None
        and case.last_activity_at == warned.idle_since
        and now - case.closed_at < REGRETTED_WITHIN
    )
    return lifecycle.decide(case, Act.NOT_DELIVERED, Role.SYSTEM, now) if closed_for_it else None


class _InTheWay(Exception):
    """Why a case is not closed at this moment."""


class _Paced(Exception):
    """This hour has warned of or closed enough."""


def _refuse_answered(file: CaseFile) -> None:
    """Refuse while a mail that came in may be the answer (HARDENING rule 12). Runs in the writer. Raises _InTheWay."""
    if inbox.is_held_for(file.view.case.id):
        raise _InTheWay("a mail about it is held")
    if inbox.may_wait_for([person.handle for person in file.participants], PENDING_AT_MOST):
        raise _InTheWay("a mail that may be about it is not read yet")


def _take_room(now: datetime) -> None:
    """Count one more of this hour's: a share of the open cases, which are counted once an hour (HARDENING rule 22).

    Runs in the writer. Raises _Paced.
    """
    room = counts.amount("closing:room", now, counts.HOUR)
    if not room:
        room = max(AT_LEAST, int(SHARE * warnings.open_cases()))
        counts.add("closing:room", now, counts.HOUR, room)
    if not counts.add_within("closing", now, counts.HOUR, room):
        raise _Paced


def _waits_since(case: Case, idle_since: datetime) -> bool:
    return case.status is Status.AWAITING_CUSTOMER and case.last_activity_at == idle_since


def unread() -> str:
    """Why no case may be closed while mail waits of which nobody knows yet to which case it belongs."""
    return "mail without a reply address waits to be read" if inbox.may_wait_for((), PENDING_AT_MOST) else ""


def stuck(now: datetime) -> str:
    """Why no case may be closed while mail waits to be read; "" when none has waited for long."""
    since = inbox.oldest_waiting()
    return "mail waits to be read" if since is not None and now - since > STUCK_INBOX else ""

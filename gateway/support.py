"""The platform's support is called into cases, by signals or by a person (DESIGN §2).

    a signal (`gateway.cases.escalation`) ──▶ one transaction: case escalated, trail, support on the case, mails

where signals come from                        which
---------------------------------------------  ------------------------------------------------------------------
events about orders (`order_event`)            disputes, early fraud warnings: at once
`look`, every minute, two minutes behind       cases that were opened or reopened: their order, repeated cases
`look`                                         merchants who are silent
a person: `casegate case escalate`, a hook     his call

Each signal counts once for a case, so whatever calls here may call again. The status stays as it is.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from gateway.cases import escalation, notices
from gateway.cases.escalation import CALLED_TEXT, Kind, Rules, Signal
from gateway.cases.lifecycle import Change
from gateway.cases.model import Actor, Audience, CaseView, Key
from gateway.changes import Audited, Changes, Entry, no_such_case, trail
from gateway.errors import Conflict, Erased, NotFound
from store import alarms, audit, cases, escalations, idempotency, parties, sweeps
from store.cases import CaseFile
from store.database import Database
from store.sweeps import Mark
from store.switches import Switch, is_stopped

AT_ONCE = 500  # cases that one look reads of each sort; the next one comes a minute later
SETTLED = timedelta(minutes=1)  # a case is looked at when whatever opens it has surely been written
FIRST_LOOK = timedelta(days=1)  # how far the very first look looks back
ALARM = "support"

log = structlog.get_logger("support")


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """What the platform says of an order. status: "" for an event that sets none. amount: as in `Order`, or None.

    disputed: whether a dispute goes on then; one that is lost leaves the status where it was.
    fraud_warning: the type of an early one, "" for none. store_id: "" where the platform does not say it.
    """

    order_id: str
    occurred_at: datetime
    status: str = ""
    amount: int | None = None
    currency: str = ""
    fraud_warning: str = ""
    store_id: str = ""
    disputed: bool = False


class Support:
    """Calls support in. address: where it is mailed, "" for nowhere."""

    def __init__(self, database: Database, changes: Changes, rules: Rules, *, address: str) -> None:
        self._database = database
        self._changes = changes
        self._rules = rules
        self._address = address

    # Calling

    def escalate(self, case_id: str, actor: Actor, signal: Signal, *, key: Key | None = None) -> bool:
        """Call support into a case. Returns whether the signal is a new one; the same again does nothing.

        key: as for `Changes.once`. Raises NotFound, Erased, Conflict.
        """
        return self._changes.once(key, lambda: self._calling(case_id, actor, signal), lambda _: False)

    def _calling(self, case_id: str, actor: Actor, signal: Signal) -> Callable[[], tuple[bool, str]]:
        now = self._changes.now()
        file = self._changes.load(case_id, actor)
        known = escalations.known(case_id)
        if (signal.kind, signal.about) in known:
            return lambda: (False, case_id)
        kinds = {kind for kind, _ in known}
        first = not file.view.case.escalated
        case = replace(file.view.case, escalated=True, updated_at=now)
        told = notices.on_escalated(
            self._changes.with_support(file).participants,
            signal.reason,
            first=first,
            news=escalation.is_news(signal.kind, kinds),
        )
        audited = Audited(actor, "case.escalated", {"signal": signal.kind, "about": signal.about})
        entries = _entries(file, signal, now, first=first)
        write = self._changes.changing(file, Change(case, None), entries, told, now, audited)

        def job() -> tuple[bool, str]:
            write()  # which fails when anybody has changed the case: so no two note one signal
            escalations.insert(case_id, signal, now)
            if not self._address:
                alarms.raise_(ALARM, _NO_ADDRESS.format(case_id=case_id), now)
            log.info("support.called", case_id=case_id, signal=signal.kind, first=first, mails=len(told))
            return True, case_id

        return job

    def call(self, case_id: str, actor: Actor, reason: str, *, key: Key | None = None) -> CaseView:
        """A person of the platform calls support into a case. Raises NotFound, Erased, Conflict."""
        self.escalate(case_id, actor, escalation.called(reason), key=key)
        return _view(case_id)

    def call_for_order(self, order_id: str, actor: Actor, reason: str, *, key: Key) -> list[CaseView]:
        """The same for the cases that an order concerns. Raises NotFound when there are none."""
        found = parties.find_order(order_id)
        if found is None or found[0].store_id != actor.store_id:
            raise NotFound("There is no such order")
        if not (concerned := escalations.concerned(order_id)):
            raise NotFound("There is no case about this order")

        def work() -> str:
            for case_id in concerned:
                self._try(case_id, actor, [escalation.called(reason)])
            return " ".join(concerned)

        return [_view(case_id) for case_id in self._finally(key, work).split()]

    # Orders

    def order_event(self, event: OrderEvent, actor: Actor, *, key: Key) -> bool:
        """Keep an order fresh, and draw the conclusions for its cases. False when the order is not known here.

        Raises Conflict when it is another store's.
        """

        def work() -> str:
            if not self._database.write(lambda: _refresh(event)):
                return "nothing"
            for case_id in escalations.concerned(event.order_id):
                self._try(case_id, actor, self._about_order(_view(case_id)))
            return "order"

        found = parties.find_order(event.order_id)
        if found is None:
            return False
        if event.store_id and found[0].store_id != event.store_id:
            raise Conflict(f"order {event.order_id} belongs to another store")
        self._finally(key, work)
        return True

    def _finally(self, key: Key, work: Callable[[], str]) -> str:
        """Do what consists of several transactions, each of which takes effect once by itself: so all of it is repeated
        until the key is remembered, which is the last of them. Raises Conflict."""
        found = idempotency.find(key, self._changes.now())
        if found is None:
            found = done = work()
            self._database.write(lambda: idempotency.remember(key, done, self._changes.now()))
        return found

    # The sweep

    def look(self) -> int:
        """Find signals that nobody has told. Returns in how many cases there were some. Blocks."""
        if is_stopped(Switch.CLOCK):
            return 0
        if self._address:
            self._resolve_alarm()
        done = self._look(Mark.OPENED, escalations.opened) + self._look(Mark.REOPENED, escalations.reopened)
        return done + self._look_for_silence()

    def _look(self, mark: Mark, find: Callable[[datetime, datetime, int], tuple[tuple[str, ...], datetime]]) -> int:
        until = self._changes.now() - SETTLED
        after = sweeps.last(mark) or until - FIRST_LOOK
        if after >= until:
            return 0
        found, reached = find(after, until, AT_ONCE)
        done = 0
        for case_id in found:
            if (view := cases.find(case_id)) is not None:
                done += self._try(case_id, audit.SYSTEM, self._signals(view))
        self._database.write(lambda: sweeps.note(reached, mark), durable=False)
        return done

    def _look_for_silence(self) -> int:
        if not self._rules.silent_hours:
            return 0
        now, done = self._changes.now(), 0
        for case_id in escalations.kept_waiting(now, self._rules.silent_hours, AT_ONCE):
            view = cases.find(case_id)
            signal = escalation.silence(view.case, self._rules, now) if view is not None else None
            done += self._try(case_id, audit.SYSTEM, [signal] if signal else [])
        return done

    def _try(self, case_id: str, actor: Actor, signals: Iterable[Signal]) -> bool:
        """Escalate for each of the signals. Returns whether one was new; a case that was erased has none."""
        try:
            return sum(self.escalate(case_id, actor, signal) for signal in signals) > 0
        except (NotFound, Erased):
            log.info("support.no_case", case_id=case_id)
            return False

    def _signals(self, view: CaseView) -> tuple[Signal, ...]:
        return escalation.signals(escalations.facts(view, timedelta(days=self._rules.repeated_days)), self._rules)

    def _about_order(self, view: CaseView) -> list[Signal]:
        return [signal for signal in self._signals(view) if signal.kind in _ABOUT_ORDER]

    def _resolve_alarm(self) -> None:
        if any(alarm.name == ALARM for alarm in alarms.raised()):
            self._database.write(lambda: alarms.resolve(ALARM, self._changes.now()))


_NO_ADDRESS = (
    "Support was called into case {case_id}, and nobody was mailed: support.address is not set."
    " `casegate audit` and the case show why."
)
_ABOUT_ORDER = (Kind.ORDER_DISPUTED, Kind.FRAUD_WARNING)


def _entries(file: CaseFile, signal: Signal, now: datetime, *, first: bool) -> list[Entry]:
    """HARDENING rule 21: that support was called in is for everybody, why is not."""
    case, number = file.view.case, file.message_count
    texts = [(CALLED_TEXT, Audience.ALL)] if first else []
    texts.append((f"Why support was called in: {signal.reason}", signal.audience))
    return [
        Entry(replace(trail(case, number + place, text, now), audience=audience))
        for place, (text, audience) in enumerate(texts, 1)
    ]


def _refresh(event: OrderEvent) -> bool:
    """Write what an event says. Returns whether it says anything new. Runs in the writer."""
    if event.fraud_warning:
        parties.warn_of_fraud(event.order_id, event.fraud_warning)
    if not event.status:
        return True
    return parties.refresh_order(
        event.order_id, event.status, event.amount, event.currency, event.occurred_at, disputed=event.disputed
    )


def _view(case_id: str) -> CaseView:
    view = cases.find(case_id)
    if view is None:
        raise no_such_case()
    return view

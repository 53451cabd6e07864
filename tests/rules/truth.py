"""What must be true of cases, said again without the code under test: a model that replays what happened.

The audit trail says what happened, in the order of the commits. `Truth.happened` takes one act after the other, refuses
those that must not happen (DESIGN §2, HARDENING rules 12, 13, 21, 22), and knows the conversation, the unread count and
the mails that must come of them. Whoever compares it with the rows finds what was done without being noted as well.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gateway.cases.model import Role, Status
from store.audit import Entry

OPEN, MERCHANT, CUSTOMER, CLOSED = Status.OPEN, Status.AWAITING_MERCHANT, Status.AWAITING_CUSTOMER, Status.CLOSED
AFTER_ANSWER = {Role.CUSTOMER: MERCHANT, Role.MERCHANT: CUSTOMER, Role.SUPPORT: OPEN}
SUPPORT = "help@support.test"
TRAIL, NOTE = "trail", "note"  # of the talk: that the status has changed, and what else the system says


@dataclass(frozen=True)
class Shop:
    """A store. close, warn: days as its settings say. members: address → notices that he does not want."""

    close: int = 14
    warn: int = 2
    members: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Promise:
    """A warning. taken_at: when the relay took it, None until then. until: the date that its mail says."""

    made_at: datetime
    closes_at: datetime
    taken_at: datetime | None = None
    until: datetime | None = None
    outbox_id: int = 0


@dataclass(frozen=True)
class Expected:
    """A case as it must be. talk: senders of its messages. since: of its silence.

    spoken: whether support has said something. signals: kinds of those that called it.
    Once it is in (escalated), it is mailed like the others.
    """

    shop: str
    customer: str
    since: datetime
    status: Status = OPEN
    unread: int = 1
    last_by: Role = Role.CUSTOMER
    closed_by: Role | None = None
    talk: tuple[str, ...] = (Role.CUSTOMER,)
    changes: int = 1
    escalated: bool = False
    spoken: bool = False
    signals: frozenset[str] = frozenset()

    def turned(self, status: Status, at: datetime) -> "Expected":
        """With another status, which the conversation records. A closed case is as silent as it was."""
        since = self.since if status is CLOSED else at
        return replace(self, status=status, closed_by=None, since=since, talk=(*self.talk, TRAIL))

    def answered(self, role: Role, at: datetime) -> "Expected":
        """With a message more."""
        unread = 0 if role is Role.MERCHANT else self.unread + 1
        after = replace(self, unread=unread, last_by=role, since=at, talk=(*self.talk, role))
        if role is Role.SUPPORT:
            joins = () if self.spoken else (NOTE,)
            after = replace(after, escalated=True, spoken=True, talk=(*after.talk, *joins))
        status = AFTER_ANSWER[role]
        return after if status is self.status else after.turned(status, at)


@dataclass
class Truth:
    """All cases. mails: how many of each (case, template, recipient) there must be.

    vouched: an operator stands for the time and the pace of what the system does now. distrusted: the clock has jumped.
    unread_mail: cases that a mail may answer which is held or not read. lost: outbox ids of mails that did not arrive.
    """

    most_an_hour: int
    shops: dict[str, Shop] = field(default_factory=dict)
    cases: dict[str, Expected] = field(default_factory=dict)
    mails: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    promises: dict[tuple[str, datetime], Promise] = field(default_factory=dict)
    by_system: Counter[datetime] = field(default_factory=Counter)
    vouched: bool = False
    distrusted: bool = False
    stuck: bool = False
    unread_mail: set[str] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)

    # What happens

    def opened(self, case_id: str, shop: str, customer: str, at: datetime) -> None:
        """A case begins."""
        self.cases[case_id] = Expected(shop, customer, at)
        self.mails[case_id, "case_opened_customer", customer] += 1
        self._tell_merchants(case_id, "case_opened_merchant")

    def happened(self, entry: Entry) -> None:
        """Take one act of the audit trail."""
        case = self.cases[entry.case_id]
        after: Expected = getattr(self, "_" + entry.action.replace("case.", ""))(entry, case)
        self.cases[entry.case_id] = replace(after, changes=case.changes + 1)

    def _answered(self, entry: Entry, case: Expected) -> Expected:
        if entry.role is not Role.CUSTOMER:
            self._tell_customer(entry.case_id, "message_to_customer")
        if entry.role is not Role.MERCHANT:
            self._tell_merchants(entry.case_id, "message_to_merchant")
        if entry.role is not Role.SUPPORT and case.escalated:
            self.mails[entry.case_id, "message_to_merchant", SUPPORT] += 1
        return case.answered(entry.role, entry.at)

    def _closed(self, entry: Entry, case: Expected) -> Expected:
        assert case.status is not CLOSED
        if entry.role is Role.SYSTEM:
            self._may_close(entry, case)
        self._tell_customer(entry.case_id, "case_closed")
        return replace(case.turned(CLOSED, entry.at), closed_by=entry.role)

    def _reopened(self, entry: Entry, case: Expected) -> Expected:
        assert case.status is CLOSED
        self._tell_customer(entry.case_id, "case_reopened")
        return case.turned(OPEN, entry.at)

    def _changed(self, entry: Entry, case: Expected) -> Expected:
        if "status" not in entry.detail:
            return case
        assert case.status in (OPEN, MERCHANT)
        return case.turned(CUSTOMER, entry.at)

    def _escalated(self, entry: Entry, case: Expected) -> Expected:
        kind = str(entry.detail["signal"])
        if kind == "called" or kind not in case.signals:
            self.mails[entry.case_id, "support_called", SUPPORT] += 1
        if not case.escalated:
            self._tell_customer(entry.case_id, "support_joined")
            self._tell_merchants(entry.case_id, "support_joined")
        said = (NOTE,) if case.escalated else (NOTE, NOTE)
        return replace(case, escalated=True, signals=case.signals | {kind}, talk=(*case.talk, *said))

    def _read(self, entry: Entry, case: Expected) -> Expected:
        return replace(case, unread=0)

    def _kept_open(self, entry: Entry, case: Expected) -> Expected:
        assert case.status is CUSTOMER
        return replace(case, since=entry.at, talk=(*case.talk, NOTE))

    def _given_back(self, entry: Entry, case: Expected) -> Expected:
        assert case.status is CUSTOMER or case.closed_by is Role.SYSTEM
        assert case.last_by in (Role.MERCHANT, Role.SUPPORT)
        self._tell_merchants(entry.case_id, "not_delivered")
        return case.turned(MERCHANT, entry.at)

    # Silence

    def _warned(self, entry: Entry, case: Expected) -> Expected:
        self._may_act(entry, case)
        shop = self.shops[case.shop]
        assert shop.close
        assert shop.warn, "its store warns nobody"
        assert entry.at - case.since >= timedelta(days=shop.close - shop.warn), "it is not silent long enough"
        silence = (entry.case_id, case.since)
        before = self.promises.get(silence)
        assert before is None or before.taken_at is None, "a silence is warned of once"
        closes_at = datetime.fromisoformat(str(entry.detail["closes_at"]))
        assert closes_at - entry.at >= timedelta(days=shop.warn)
        self.promises[silence] = Promise(entry.at, closes_at)
        self._tell_customer(entry.case_id, "closing_soon")
        return case

    def warning_taken(self, case_id: str, outbox_id: int, at: datetime, until: datetime) -> None:
        """The relay took the mail of a warning, which says when the case closes."""
        case = self.cases[case_id]
        assert case.status is CUSTOMER, "a case that waits for nobody is not warned of"
        made = self.promises[case_id, case.since]
        assert made.taken_at is None or made.outbox_id == outbox_id, "a silence is warned of once"
        self.promises[case_id, case.since] = replace(made, taken_at=at, until=until, outbox_id=outbox_id)

    def _may_close(self, entry: Entry, case: Expected) -> None:
        """No case closes unless a warning of this silence was taken the promised time earlier."""
        self._may_act(entry, case)
        shop = self.shops[case.shop]
        promise = self.promises.get((entry.case_id, case.since))
        if promise is None or promise.taken_at is None:
            assert shop.close
            assert not shop.warn, "nobody was warned"
            assert entry.at - case.since >= timedelta(days=shop.close), "it is not silent long enough"
            return
        assert promise.until is not None
        assert entry.at >= max(promise.closes_at, promise.until), "before the promised date"
        assert entry.at - promise.taken_at >= promise.closes_at - promise.made_at, "before the promised time was over"
        assert promise.outbox_id not in self.lost, "its warning did not arrive"

    def _may_act(self, entry: Entry, case: Expected) -> None:
        assert case.status is CUSTOMER, "only a case that waits for its customer gets idle"
        assert entry.case_id not in self.unread_mail, "the answer may have come"
        assert not self.stuck, "mail waits to be read"
        if not self.vouched:
            assert not self.distrusted, "the clock cannot be believed"
            hour = entry.at.replace(minute=0, second=0, microsecond=0)
            self.by_system[hour] += 1
            assert self.by_system[hour] <= self.most_an_hour, "more than an hour may"

    def _warning_lost(self, entry: Entry, case: Expected) -> Expected:
        self._tell_merchants(entry.case_id, "not_delivered")
        if case.status is CUSTOMER:
            return replace(case, talk=(*case.talk, NOTE))
        assert case.closed_by is Role.SYSTEM
        return case.turned(MERCHANT, entry.at)

    # Who is told

    def _tell_customer(self, case_id: str, template: str) -> None:
        self.mails[case_id, template, self.cases[case_id].customer] += 1

    def _tell_merchants(self, case_id: str, template: str) -> None:
        for address, muted in self.shops[self.cases[case_id].shop].members.items():
            if template not in muted:
                self.mails[case_id, template, address] += 1

    def takes_part(self, case_id: str, address: str) -> bool:
        """Whether somebody may get mail about a case now."""
        case = self.cases[case_id]
        return (
            address == case.customer
            or address in self.shops[case.shop].members
            or (address == SUPPORT and case.escalated)
        )

"""Who is sent next, by which relay, and who must wait: the claims of outgoing mails (HARDENING rules 9 and 13).

    a mail that is due                        goes
    ----------------------------------------  -------------------------------------------------------------------
    to the operator                           by the operator's own relay, if there is one
    whose last try had an unclear ending      for some hours by the same relay only
    any other                                 by the first relay that does not rest; one on trial gets a single mail

    that                                      waits
    ----------------------------------------  -------------------------------------------------------------------
    finds all relays resting                  as it is, until one has rested
    finds its relay at its rate               as it is, for that relay: it does not go to the next one
    may go by a relay only that rests         put off until that one has rested, in nobody's way
    finds its domain at its rate              put off until its turn, in nobody's way; that is no try of it
    finds sending stopped                     as it is; the operator's own goes, which tells him so

What must not be sent at all is claimed without a relay: whoever claimed it writes why. Functions run inside a job of
`Database.write`, so that a claim and what it uses up of the rates commit together.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from store import outbox, suppressions, validity
from store.database import sql
from store.outbox import ACTIVE, OPERATOR, SUPPRESSED, UNCLEAR_TRIES, Outgoing
from store.pace import Paces
from store.switches import Switch, is_stopped
from store.tables import from_ms, to_ms

PUT_OFF_AT_ONCE = 200  # mails in one transaction: others write too
ASK_AGAIN = timedelta(seconds=1)  # for the only relay that a mail may go by, while that has its hands full
TOGETHER = 4  # mails that wait for a relay at its rate are claimed some at a time


@dataclass(frozen=True, slots=True)
class Way:
    """A relay as a claim sees it. per_minute: its rate; 0 for any.

    free: how many mails it may be handed now; 0 while it rests. rests_until: None when it does not rest.
    on_trial: it has just rested; what it is not handed goes by the next one.
    """

    name: str
    free: int
    per_minute: int = 0
    rests_until: datetime | None = None
    on_trial: bool = False

    @property
    def scope(self) -> str:
        """Its name among the rates."""
        return f"relay:{self.name}"


@dataclass(frozen=True, slots=True)
class Ways:
    """The relays in their order, and the operator's own. domain_rate: mails a minute to a domain, 0 for any number."""

    relays: tuple[Way, ...]
    operator: Way | None = None
    domain_rate: Callable[[str], int] | None = None

    def all(self) -> tuple[Way, ...]:
        """Every relay."""
        return self.relays if self.operator is None else (*self.relays, self.operator)


@dataclass(frozen=True, slots=True)
class Claims:
    """What was claimed; each mail's `relay` is the one that it is to be handed to.

    again_at: when to claim again although nothing new has come, as far as the rows tell; None when they do not.
    """

    mails: tuple[Outgoing, ...]
    again_at: datetime | None = None


def claim(now: datetime, worker: str, lease: timedelta, limit: int, ways: Ways) -> Claims:
    """Claim the mails that are due longest. A predecessor that left no result counts as an unclear try."""
    claiming = _Claiming(now, worker, lease, limit, ways)
    if is_stopped(Switch.SENDING):
        claiming.go_through((ways.operator,) if ways.operator else ways.relays, f"route = '{OPERATOR}' AND ")
    elif ways.operator is None:
        claiming.go_through(ways.relays, "")
    else:
        claiming.go_through((ways.operator,), f"route = '{OPERATOR}' AND ")
        claiming.go_through(ways.relays, f"route <> '{OPERATOR}' AND ")
    claiming.paces.save()
    return Claims(tuple(claiming.claimed), claiming.again_at())


def barred(mail: "Due", now: datetime) -> str:
    """Why a mail must not be sent, "" when it may be. HARDENING rule 13: asked when it is claimed, right before."""
    if mail.valid_while and (why := validity.broken(mail.valid_while, mail.case_id)):
        return why
    if mail.participant_id is not None and not _still(mail.participant_id, mail.generation):
        return "the recipient is no longer part of the case"
    why = suppressions.bars(mail.recipient, mail.template, now)
    return f"{SUPPRESSED}: {why}" if why else ""


def _still(participant_id: int, generation: int) -> bool:
    """Whoever lost access, or whose addresses were revoked, gets no mail that was queued before."""
    row = sql(
        "SELECT 1 FROM participant p LEFT JOIN member m ON m.id = p.member_id"
        " WHERE p.id = ? AND p.generation = ? AND p.active AND (m.id IS NULL OR m.active)",
        (participant_id, generation),
    ).fetchone()
    return row is not None


class Due(NamedTuple):  # made for every mail: cheaper than a dataclass
    """A mail that is due, as a claim sees it. unclear: its predecessor included, if that left no result.

    relay: that tried it last. bound_until: in milliseconds since 1970. is_new: it has never waited before.
    """

    id: int
    participant_id: int | None
    generation: int
    template: str
    recipient: str
    relay: str
    unclear: int
    bound_until: int | None
    is_new: bool
    case_id: str
    valid_while: str

    @property
    def domain(self) -> str:
        """Of its recipient, in lower case."""
        return self.recipient.rpartition("@")[2].lower()


_DUE = (
    "SELECT id, participant_id, generation, template, recipient, relay,"
    f" unclear + {outbox.LOST}, {outbox.BOUND_UNTIL}, due_at = created_at, case_id, valid_while FROM outbox"
)
_NEXT = "ORDER BY due_at, id LIMIT ?"


class _Claiming:
    """One round of claims."""

    def __init__(self, now: datetime, worker: str, lease: timedelta, limit: int, ways: Ways) -> None:
        self._now = now
        self._worker = worker
        self._lease_end = now + lease
        self._limit = limit
        self._ways = ways
        self._named = {way.name: way for way in ways.all()}
        self._put_off = 0
        self.claimed: list[Outgoing] = []
        self.paces = Paces(now)
        self._rooms = {way.name: self._room(way) for way in ways.all()}

    def _room(self, way: Way) -> int:
        most = min(way.free, self._limit)
        return self.paces.room(way.scope, way.per_minute, most) if most and way.per_minute else most

    def go_through(self, relays: tuple[Way, ...], which: str) -> None:
        """Claim or put off what is due and goes by these relays. which: SQL, of their mails."""
        at = to_ms(self._now)
        while (most := min(self._limit - len(self.claimed), PUT_OFF_AT_ONCE - self._put_off)) > 0:
            if self._first(relays) is None:
                return
            found = sql(f"{_DUE} WHERE {which}{ACTIVE} AND due_at <= ? {_NEXT}", (at, most)).fetchall()
            if not found:
                return
            for row in found:
                self._decide(Due(*row), relays)

    def _first(self, relays: tuple[Way, ...]) -> Way | None:
        """The relay that the next mail goes by; None when it must wait."""
        for way in relays:
            if self._rooms[way.name]:
                return way
            if way.rests_until is None and not way.on_trial:
                return None  # mail waits for it
        return None

    def _decide(self, mail: Due, relays: tuple[Way, ...]) -> None:
        """Claim a mail, put it off, or leave it due."""
        why_not = barred(mail, self._now)
        if why_not or mail.unclear >= UNCLEAR_TRIES:
            self._claim(mail, None, why_not)
            return
        bound = self._named.get(mail.relay) if mail.unclear and (mail.bound_until or 0) > to_ms(self._now) else None
        if bound is not None and not self._rooms[bound.name]:
            until = min(self._open_at(bound), from_ms(mail.bound_until or 0))
            self._wait(mail, until, f"waits for {bound.name}, which may have it")
            return
        way = bound or self._first(relays)
        if way is None:
            return
        rate = 0 if self._ways.domain_rate is None else self._ways.domain_rate(mail.domain)
        turn = self._turn(mail, rate) if rate else None
        if turn is None:
            self._claim(mail, way, "")
        else:
            self._wait(mail, turn, f"waits for its turn: {mail.domain} gets {rate} mails a minute")

    def _open_at(self, way: Way) -> datetime:
        """When a relay without room is to be asked for again."""
        if way.rests_until is not None:
            return way.rests_until
        at_its_rate = way.per_minute and self.paces.free_at(way.scope, way.per_minute)
        return max(at_its_rate or self._now, self._now + ASK_AGAIN)

    def _turn(self, mail: Due, rate: int) -> datetime | None:
        """When a mail may ask for its domain again; None when it may go now, which then counts."""
        scope = f"domain:{mail.domain}"
        if (mail.is_new and self.paces.is_waited_for(scope)) or not self.paces.room(scope, rate, 1):
            return self.paces.turn(scope, rate)
        self.paces.take(scope, rate)
        return None

    def _claim(self, mail: Due, way: Way | None, why_not: str) -> None:
        if way is not None:
            self._rooms[way.name] -= 1
            if way.per_minute:
                self.paces.take(way.scope, way.per_minute)
        relay = mail.relay if way is None else way.name
        self.claimed.append(outbox.mark_claimed(mail.id, self._worker, self._lease_end, relay, why_not))

    def _wait(self, mail: Due, until: datetime, why: str) -> None:
        self._put_off += 1
        outbox.put_off(mail.id, self._now, until, why)

    def again_at(self) -> datetime | None:
        """`Claims.again_at`."""
        if self.claimed:
            return None  # whoever sends them comes again
        if self._put_off >= PUT_OFF_AT_ONCE:
            return self._now
        moments = [outbox.next_due(self._now)]
        at_their_rate = [way for way in self._ways.all() if way.free and way.per_minute and not self._rooms[way.name]]
        if at_their_rate and outbox.is_any_due(self._now):
            moments += [self.paces.free_at(way.scope, way.per_minute, TOGETHER) for way in at_their_rate]
        return min((moment for moment in moments if moment is not None), default=None)

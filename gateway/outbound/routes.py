"""The relays in their order: which take mail now, which rest and why, and which are tried again after a rest.

    trouble   what the relay did                                          it rests, the first time and then longer
    --------  ----------------------------------------------------------  ----------------------------------------
    down      is not there, or wants no mail of ours at all (421, 5.7.1)  5 s … 1 min
    puts off  put off five different mails in a row, whoever they are to  1 min … 15 min
    refuses   refused most recipients of ten minutes, over 20 of them     10 min

While a relay rests, the next one takes the mail. After the rest it is on trial: it gets one mail at a time, until it
shows that the trouble is over. A single recipient who is put off (greylisted) or refused says nothing about the relay.
What a relay that refuses everybody says about people is not believed (HARDENING rule 7).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.outbound.relay import Answer, Outcome, Relay, Stage
from store.claims import Way, Ways
from store.outbox import Outgoing

IN_A_ROW = 5  # mails put off, without one that is taken in between
REFUSALS = 20  # of recipients that are no sign of trouble, however many they are of all
WINDOW = 10  # minutes in which refusals are counted
LONG = timedelta(minutes=1)  # a rest that the operator hears of
OFTEN = 3  # rests in a row of which he hears


class Trouble(StrEnum):
    """Why a relay rests."""

    DOWN = "down"
    PUTS_OFF = "puts off"
    REFUSES = "refuses"


RESTS = {
    Trouble.DOWN: tuple(timedelta(seconds=s) for s in (5, 10, 20, 40, 60)),
    Trouble.PUTS_OFF: tuple(timedelta(minutes=m) for m in (1, 2, 4, 8, 15)),
    Trouble.REFUSES: (timedelta(minutes=10),),
}


@dataclass(frozen=True, slots=True)
class Rest:
    """A rest that begins. number: the how manieth in a row. text: what the operator is told."""

    trouble: Trouble
    number: int
    until: datetime
    lasting: bool
    text: str


@dataclass(slots=True, eq=False)
class Route:
    """A relay and how it does. per_minute: the mails that it may be handed in a minute, 0 for any number.

    in_flight: mails that it is being handed. told: whether the operator may believe it to be in trouble; True to begin
    with, as a process before this one may have told him.
    """

    relay: Relay
    per_minute: int = 0
    in_flight: int = 0
    trouble: Trouble | None = None
    told: bool = True
    _rests: int = 0  # in a row
    _since: datetime | None = None  # of the last rest
    _until: datetime | None = None
    _put_off: set[int] = field(default_factory=set)
    _minutes: dict[int, list[int]] = field(default_factory=dict)  # since 1970: recipients, and those refused

    @property
    def name(self) -> str:
        """host:port."""
        return self.relay.name

    def rests_until(self, now: datetime) -> datetime | None:
        """The end of its rest, None when it does not rest; a clock that goes back ends it as well."""
        if self._since is None or self._until is None:
            return None
        return self._until if self._since <= now < self._until else None

    def way(self, now: datetime, free: int) -> Way:
        """What a claim is to know of it. free: mails that can be sent at once, whoever takes them."""
        rests_until = self.rests_until(now)
        on_trial = self.trouble is not None and rests_until is None
        if rests_until is not None:
            free = 0
        elif on_trial:
            free = min(free, max(0, 1 - self.in_flight))
        return Way(self.name, free, self.per_minute, rests_until, on_trial)

    def heard(self, mail: Outgoing, answer: Answer, now: datetime) -> Rest | None:
        """Take an answer for what it says about the relay. Returns the rest that begins with it, if any."""
        if self.rests_until(now) is not None:
            return None  # the mails that were on their way together met one and the same trouble
        trouble = self._trouble(mail, answer, now)
        if trouble is not None:
            return self._rest(trouble, answer, now)
        speaks = answer.outcome is not Outcome.UNCLEAR and self.trouble is Trouble.DOWN
        if answer.outcome is Outcome.SENT or speaks:  # who was down and says something about a mail is back
            self.trouble, self._rests = None, 0
        return None

    def means_all(self, answer: Answer) -> bool:
        """Whether an answer that was heard, although about one mail, is for the relay's sake: another may take it."""
        if self.trouble is Trouble.PUTS_OFF:
            return _puts_off(answer)
        return self.trouble is Trouble.REFUSES and answer.outcome is Outcome.FAILED and answer.code > 0

    def _trouble(self, mail: Outgoing, answer: Answer, now: datetime) -> Trouble | None:
        if answer.outcome is Outcome.RELAY_DOWN:
            return Trouble.DOWN
        if answer.outcome is Outcome.SENT:
            self._put_off.clear()
        elif answer.outcome is Outcome.UNCLEAR or _puts_off(answer):
            self._put_off.add(mail.id)
            if len(self._put_off) >= IN_A_ROW or self.trouble is Trouble.PUTS_OFF:
                return Trouble.PUTS_OFF
        refused = answer.outcome is Outcome.FAILED and answer.code > 0
        if self._is_refusing(now, refused) or (refused and self.trouble is Trouble.REFUSES):
            return Trouble.REFUSES
        return None

    def _is_refusing(self, now: datetime, refused: bool) -> bool:
        """HARDENING rule 7: more than 20 hard failures and over half of ten minutes' mails."""
        minute = int(now.timestamp()) // 60
        counts = self._minutes.setdefault(minute, [0, 0])
        counts[0] += 1
        counts[1] += refused
        for old in [other for other in self._minutes if not minute - WINDOW < other <= minute]:
            del self._minutes[old]
        if not refused:
            return False
        mails = sum(count[0] for count in self._minutes.values())
        refusals = sum(count[1] for count in self._minutes.values())
        return refusals > REFUSALS and refusals * 2 > mails

    def _rest(self, trouble: Trouble, answer: Answer, now: datetime) -> Rest:
        self._rests = self._rests + 1 if trouble is self.trouble else 1
        self.trouble = trouble
        self._put_off.clear()
        self._minutes.clear()
        lengths = RESTS[trouble]
        length = lengths[min(self._rests, len(lengths)) - 1]
        self._since, self._until = now, now + length
        lasting = length >= LONG or self._rests >= OFTEN
        return Rest(trouble, self._rests, self._until, lasting, self._text(trouble, answer))

    def _text(self, trouble: Trouble, answer: Answer) -> str:
        if trouble is Trouble.DOWN:
            return f"The relay {self.name} takes none of our mail, which waits or goes by another. It says: {answer}"
        if trouble is Trouble.PUTS_OFF:
            return f"The relay {self.name} puts off one mail after the other. It rests. It says: {answer}"
        return (
            f"The relay {self.name} refuses most recipients. It rests, and nobody is taken for gone on its word. When"
            f" it is well: casegate outbox retry --relay {self.name}. It says: {answer}"
        )


class Routes:
    """All relays of a process. operator: the one that mail to the operator goes by, whatever the others do.

    domain_rate: how many mails a minute a domain gets, 0 for any number.
    """

    def __init__(
        self,
        routes: Sequence[Route],
        operator: Route | None = None,
        *,
        domain_rate: Callable[[str], int] | None = None,
    ) -> None:
        self._routes = tuple(routes)
        self._operator = operator
        self._domain_rate = domain_rate
        self._named = {route.name: route for route in self.all()}

    def all(self) -> tuple[Route, ...]:
        """Every relay."""
        return self._routes if self._operator is None else (*self._routes, self._operator)

    def named(self, name: str) -> Route:
        """The relay host:port."""
        return self._named[name]

    def ways(self, now: datetime, free: int) -> Ways:
        """What a claim is to know of them. free: mails that can be sent at once."""
        ways = tuple(route.way(now, free) for route in self._routes)
        operator = None if self._operator is None else self._operator.way(now, free)
        return Ways(ways, operator, self._domain_rate)

    def rested_at(self, now: datetime) -> datetime | None:
        """When mail that waits can go on: when the first of them has rested, if all rest; or the operator's has."""
        ends = [_first_end(self._routes, now)]
        if self._operator is not None:
            ends.append(self._operator.rests_until(now))
        return min((end for end in ends if end is not None), default=None)

    def troubled(self) -> list[str]:
        """The names of the relays, if none of them works."""
        return [route.name for route in self._routes] if all(route.trouble for route in self._routes) else []


def _puts_off(answer: Answer) -> bool:
    """Whether a mail is put off, and not only its recipient."""
    return answer.outcome is Outcome.DEFERRED and answer.stage is not Stage.RCPT


def _first_end(routes: Iterable[Route], now: datetime) -> datetime | None:
    ends = [route.rests_until(now) for route in routes]
    known = [end for end in ends if end is not None]
    return min(known) if known and len(known) == len(ends) else None

"""A year in the life of cases: what is mailed, how they end, and what the sweep costs, in minutes.

    .venv/bin/python -m bench.year [--cases 1000] [--seed 1] [--grown 100000] [--rounds 5] [--hours 2] [--rate 100]

The clock is handed in. Cases are opened all over the year; people answer by mail when they get mail, as slowly as
people do: some never, some after a holiday, some with mere thanks; some addresses are dead, some merchants forget. The
gateway reads, sends and sweeps every hour, and the relay takes everything. Then `bench.silence` has its turn;
`--grown 0` leaves that out. The same seed is the same year.
"""

import argparse
import heapq
import itertools
import random
import re
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import TYPE_CHECKING

from bench import silence
from bench.accept import row
from bench.silence import DAY, HOUR, START, STORE, TAKEN, Clock, Taker, gateway, new_case
from gateway.cases.model import Actor, Door, Draft, Key, Role, Status
from gateway.errors import Refused
from gateway.outbound.answers import Answer, Stage, judge

if TYPE_CHECKING:
    from gateway.app import Parts

YEAR = 365 * DAY
DEAD = 0.03  # of the customers have an address that is dead
SILENT = 0.25  # never answer
FORGOTTEN = 0.02  # of what merchants get they forget
NOBODY = judge(Stage.RCPT, 550, "5.1.1 there is no mailbox of this name")
_CUSTOMER = re.compile(r"c(\d+)@")
MIA = "mia@shop.test"
HOOK, PAGE = Actor(Role.CUSTOMER, Door.HOOK), Actor(Role.CUSTOMER, Door.PAGE)
PROGRAM = Actor(Role.MERCHANT, Door.API, id="stk_1", store_id=STORE)
SUPPORT = Actor(Role.SUPPORT, Door.HOOK, name="Eve")


class Year:
    """People around a gateway. Whatever happens later waits in a heap until its hour has come."""

    def __init__(self, cases: int, seed: int, clock: Clock) -> None:
        self.cases = cases
        self.clock = clock
        self.dice = random.Random(seed)
        self.too_late = 0
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._got: list[tuple[str, str, bytes]] = []  # since the last look into the mailboxes
        self.dead = {number for number in range(cases) if self.dice.random() < DEAD}
        self.silent = {number for number in range(cases) if self.dice.random() < SILENT}

    def after(self, delay: timedelta, deed: Callable[[], None]) -> None:
        """Have something happen later."""
        heapq.heappush(self._later, ((self.clock() + delay).timestamp(), next(self._order), deed))

    def hears(self, envelope_from: str, recipient: str, data: bytes) -> Answer:
        """The relay. Runs in the thread that sends: people look into their mailboxes afterwards."""
        found = _CUSTOMER.match(recipient)
        if found is not None and int(found[1]) in self.dead:
            return NOBODY
        self._got.append((envelope_from, recipient, data))
        return TAKEN

    def live(self, parts: "Parts") -> list[float]:
        """All of the year, and what is left to do in the weeks after. Returns the seconds of each sweep."""
        self.parts = parts
        for number in range(self.cases):
            self.after(self.dice.random() * YEAR, lambda number=number: self.opens(number))  # type: ignore[misc]
        sweeps, end = [], START + YEAR + 60 * DAY
        while self.clock() < end:
            self.clock.moment += HOUR
            while self._later and self._later[0][0] <= self.clock.elapsed():
                heapq.heappop(self._later)[2]()
            start = time.perf_counter()
            parts.sweep()
            sweeps.append(time.perf_counter() - start)
            parts.processor.drain()
            parts.dispatcher.drain()
            if parts.deliveries.settle():
                parts.dispatcher.drain()
            got, self._got = self._got, []
            for mail in got:
                self.reads(*mail)
        return sweeps

    # What people do

    def opens(self, number: int) -> None:
        self.parts.desk.open_case(new_case(number, self.clock()), HOOK, key=Key("year", str(number)))

    def hours(self, usual: float) -> timedelta:
        """A delay of people: mostly a few times of what is usual at most, now and then after a holiday."""
        delay = timedelta(hours=usual * self.dice.lognormvariate(0, 1))
        return delay + (self.dice.uniform(10, 25) * DAY if self.dice.random() < 0.07 else timedelta(0))

    def reads(self, envelope_from: str, recipient: str, data: bytes) -> None:
        """Somebody opens a mail. Its row says what he sees in it."""
        from store.database import sql

        template, case_id = sql(
            "SELECT template, case_id FROM outbox WHERE envelope_from = ?", (envelope_from,)
        ).fetchone()
        if recipient == MIA:
            self.merchant(template, case_id, data)
        else:
            self.customer(template, case_id, recipient, data)

    def merchant(self, template: str, case_id: str, data: bytes) -> None:
        if template not in ("case_opened_merchant", "message_to_merchant") or self.dice.random() < FORGOTTEN:
            return
        if self.dice.random() < 0.02:
            self.after(self.hours(24), lambda: self.support(case_id))
        self.after(self.hours(5), lambda: self.writes(MIA, data, "Please try this key instead of the first."))
        if self.dice.random() < 0.15:
            self.after(self.hours(48), lambda: self.sets(case_id, Status.CLOSED))

    def customer(self, template: str, case_id: str, recipient: str, data: bytes) -> None:
        found = _CUSTOMER.match(recipient)
        if found is None or int(found[1]) in self.silent:
            return
        luck = self.dice.random()
        if template == "message_to_customer" and luck < 0.45:
            words = "Thanks!" if luck < 0.15 else "It still does not open the game, it says the same again."
            self.after(self.hours(12), lambda: self.writes(recipient, data, words))
        elif template == "closing_soon" and luck < 0.10:
            self.after(self.hours(6), lambda: self.keeps_open(case_id))
        elif template == "closing_soon" and luck < 0.25:
            self.after(self.hours(10), lambda: self.writes(recipient, data, "Wait, it is not solved yet."))
        elif template == "case_closed" and luck < 0.25:
            words = "Thank you!" if luck < 0.15 else "No, it came back this morning."
            self.after(self.hours(10), lambda: self.writes(recipient, data, words))

    def writes(self, sender: str, data: bytes, words: str) -> None:
        """Answer a mail."""
        from gateway.inbound.keep import Envelope

        got = message_from_bytes(data, policy=policy.default)
        to = str(got["Reply-To"]).rpartition("<")[2].rstrip(">")
        if not to:
            return
        number = next(self._order)
        raw = (
            f"From: <{sender}>\r\nTo: <{to}>\r\nSubject: Re: {got['Subject']}\r\nMessage-ID: <{number}@people.test>\r\n"
            f"In-Reply-To: {got['Message-ID']}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n{words}\r\n"
        ).encode()
        recipients = (self.parts.intake.admit(to),)
        self.parts.intake.keep_now(Envelope(sender, recipients, raw, "192.0.2.7"))

    def support(self, case_id: str) -> None:
        self.tries(lambda: self.parts.desk.deliver_reply(case_id, SUPPORT, Draft("We look into it.")))

    def sets(self, case_id: str, status: Status) -> None:
        self.tries(lambda: self.parts.desk.change_case(case_id, PROGRAM, status=status))

    def keeps_open(self, case_id: str) -> None:
        self.tries(lambda: self.parts.closing.keep_open(case_id, PAGE))

    def tries(self, deed: Callable[[], object]) -> None:
        """What may be too late."""
        try:
            deed()
        except Refused:
            self.too_late += 1


def report(year: Year, sweeps: list[float]) -> None:
    from store.database import sql

    print(f"\nMails of a year of {year.cases} cases")
    for template, state, count in sql(
        "SELECT template, state, count(*) FROM outbox GROUP BY template, state ORDER BY template, state DESC"
    ).fetchall():
        row(f"{template}, {state}", count, f"{count / year.cases:.2f} a case")
    print("\nWhat happened to them")
    for action, role, count in sql(
        "SELECT action, role, count(*) FROM audit WHERE action LIKE 'case.%' GROUP BY action, role ORDER BY action"
    ).fetchall():
        row(f"{action} {role.lower()}", count)
    print("\nHow they stand at the end")
    for status, by, count in sql(
        "SELECT status, coalesce(closed_by, ''), count(*) FROM cases GROUP BY status, closed_by ORDER BY status"
    ).fetchall():
        row(f"{status} {by and 'by'} {by.lower()}", count)
    reopened = sql("SELECT count(*) FROM cases WHERE reopened_at IS NOT NULL").fetchone()[0]
    row("were reopened at least once", reopened)
    row("acts of people that came too late", year.too_late)
    row("mails that were held", sql("SELECT count(*) FROM inbox WHERE outcome = 'held'").fetchone()[0])
    row("sweeps, mean and longest ms", len(sweeps), f"{sum(sweeps) / len(sweeps) * 1000:.1f}",
        f"{max(sweeps) * 1000:.0f}")  # fmt: skip


def main() -> None:
    parser = silence.options(__doc__)
    parser.add_argument("--cases", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen: argparse.Namespace = parser.parse_args()
    clock = Clock()
    year = Year(chosen.cases, chosen.seed, clock)
    with tempfile.TemporaryDirectory(prefix="casegate-bench-") as name:
        start = time.perf_counter()
        with gateway(Path(name), clock, Taker(year.hears)) as parts:
            report(year, year.live(parts))
        row("minutes that it took", f"{(time.perf_counter() - start) / 60:.1f}")
    if chosen.grown:
        silence.measure(chosen)


if __name__ == "__main__":
    main()

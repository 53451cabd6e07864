"""Send what the outbox holds: claim with a lease, hand to a relay, write the answer (DESIGN §4, HARDENING rule 9).

Which mail goes by which relay is decided in its claim (`store.claims`); how the relays do, `routes` knows. A mail whose
relay turns out to be down goes back, and the next claim takes it for another one. Sending runs on an event loop in a
thread of its own, so that connections to the relays are kept between two wakes.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog

from gateway.errors import StoreUnavailable
from gateway.outbound.relay import Answer, Outcome, Stage
from gateway.outbound.routes import WINDOW, Rest, Route, Routes, Trouble
from store import alarms, claims, outbox
from store.claims import Claims
from store.database import Database
from store.outbox import LeaseLost, Outgoing

LEASE = timedelta(minutes=5)
DEADLINE = LEASE - timedelta(seconds=60)  # a worker that is late must not send what another one has claimed
SENDERS = 4  # mails on their way at the same time
BACK_OFF = tuple(timedelta(minutes=m) for m in (1, 5, 15, 30, 60, 120, 240))
UNCLEAR_PAUSE = timedelta(minutes=10)
STORE_PAUSE = 1.0  # seconds until the next try to write results
SOONEST, LATEST = 0.05, 60.0  # seconds between a drain and the wake after it; the sweep comes every minute anyway

T = TypeVar("T")
Write = Callable[[], None]  # something to be done in a transaction

log = structlog.get_logger("outbound")


@dataclass(frozen=True, slots=True)
class Settled:
    """What a mail came to. write: its result; raises LeaseLost. also: what follows from it, written with it.

    news: of the relay, true whatever became of the mail. told: whether others must hear afterwards.
    """

    write: Write
    also: Write | None = None
    told: bool = False
    news: tuple[Write, ...] = ()


class Dispatcher:
    """Sends due mail through the first relay that works. One per process.

    refused: called when a mail has failed for good, with the relay's last answer (FAILED: refused; DEFERRED, UNCLEAR or
    RELAY_DOWN: given up); what it returns is run in the transaction that writes it. told: called after such a
    transaction. brake: run in the transaction that lets a relay rest because it refuses everybody (HARDENING rule 7),
    with the moment from which on its refusals count for nothing.
    """

    def __init__(
        self,
        database: Database,
        routes: Routes,
        *,
        worker: str,
        now: Callable[[], datetime],
        wake: Callable[[], None],
        stopping: Callable[[], bool] = lambda: False,
        new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
        refused: Callable[[Outgoing, Answer], Write | None] = lambda mail, answer: None,
        told: Callable[[], None] = lambda: None,
        brake: Callable[[datetime], None] = lambda since: None,
    ) -> None:
        self._database = database
        self._routes = routes
        self._worker = worker
        self._now = now
        self._wake = wake
        self._stopping = stopping
        self._refused = refused
        self._told = told
        self._brake = brake
        self._loop = new_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="dispatch", daemon=True)
        self._lock = threading.Lock()
        self._draining: Future[int] | None = None  # the drain at work, if any
        self._again = False  # somebody asked for another one meanwhile
        self._alarm_clock: asyncio.TimerHandle | None = None
        self.tries = Counter[str]()  # since the start, by their outcome

    def drain(self, patience: float | None = None) -> int:
        """Send every mail that is due. Blocks until none is left or no relay works. Returns how many were settled.

        patience: for a caller with other work, who waits so many seconds at most and whom trouble with sending does
        not concern; the sending goes on by itself, and 0 is returned.
        """
        with self._lock:
            if self._draining is None:
                self._draining = self._start(self._drain())
            else:
                self._again = True
            draining = self._draining
        if patience is None:
            return draining.result()
        wait((draining,), patience)
        return 0

    def close(self) -> None:
        """Close the kept connections and end the loop."""
        if self._thread.is_alive():
            self._start(self._close()).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    def _start(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        if not self._thread.is_alive():
            self._thread.start()
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def _close(self) -> None:
        self._wake_at(None)
        for route in self._routes.all():
            await route.relay.close()

    async def _drain(self) -> int:
        """Send until nothing is due and nobody has asked for more meanwhile."""
        count = 0
        try:
            while True:
                count += await self._send_due()
                with self._lock:
                    if not self._again:
                        self._draining = None
                        return count
                    self._again = False
        except BaseException as error:
            log.error("outgoing.sending_ended", error=type(error).__name__)
            with self._lock:
                self._draining, self._again = None, False
            raise

    async def _send_due(self) -> int:
        """Keep up to SENDERS mails on their way; what came back is written together with the next claims."""
        count = 0
        settled: list[Settled] = []
        sending: set[asyncio.Task[Settled]] = set()
        self._wake_at(None)
        while True:
            free = 0 if self._stopping() else SENDERS - len(sending)
            claimed = await self._settle_and_claim(settled, free)
            sending |= {self._send(mail) for mail in claimed.mails}
            if sending:
                done, sending = await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
                settled = [task.result() for task in done]
                count += len(done)
            elif claimed.again_at is None or claimed.again_at > self._now():
                self._wake_at(_first(claimed.again_at, self._routes.rested_at(self._now())))
                return count
            else:
                settled = []

    async def _settle_and_claim(self, settled: list[Settled], free: int) -> Claims:
        """`_turn`, again while the database is in trouble: a result that gets lost would mean a mail sent twice."""
        while True:
            try:
                return await self._turn(settled, free)
            except StoreUnavailable:
                if not settled or self._stopping():
                    raise
                await asyncio.sleep(STORE_PAUSE)

    async def _turn(self, settled: list[Settled], free: int) -> Claims:
        """Write results and claim the next mails in one transaction.

        Claims are synced before anything is sent: after a power cut the same bytes go out again, under the same id.
        """
        ways = self._routes.ways(self._now(), free)
        claims_any = any(way.free for way in ways.all())

        def job() -> Claims:
            for one in settled:
                try:
                    one.write()
                except LeaseLost:
                    log.warning("outgoing.lease_lost")  # the other worker's result counts
                else:
                    if one.also is not None:
                        one.also()
                for tell in one.news:
                    tell()
            return claims.claim(self._now(), self._worker, LEASE, free, ways) if claims_any else Claims(())

        told = any(one.told for one in settled)
        return await self._database.write_async(job, durable=claims_any, then=self._told if told else None)

    def _wake_at(self, moment: datetime | None) -> None:
        """Have this process woken when the next mail will be due, or may go, instead of with the next sweep."""
        if self._alarm_clock is not None:
            self._alarm_clock.cancel()
            self._alarm_clock = None
        seconds = LATEST + 1 if moment is None else (moment - self._now()).total_seconds()
        if seconds <= LATEST:
            self._alarm_clock = self._loop.call_later(max(seconds, SOONEST), self._wake)

    # One mail

    def _send(self, mail: Outgoing) -> asyncio.Task[Settled]:
        """Begin to send a mail that was claimed."""
        if mail.barred or mail.unclear >= outbox.UNCLEAR_TRIES:
            return self._loop.create_task(self._not_sent(mail))
        route = self._routes.named(mail.relay)
        route.in_flight += 1  # at once: the next claim asks for it
        return self._loop.create_task(self._deliver(mail, route))

    async def _not_sent(self, mail: Outgoing) -> Settled:
        if mail.barred:
            log.info("outgoing.cancelled", outbox_id=mail.id, why=mail.barred)
            now = self._now()
            return Settled(lambda: outbox.cancelled(mail, mail.barred, now), told=True)
        log.error("outgoing.unclear", outbox_id=mail.id, tries=mail.unclear)
        text = "given up: it is not known whether the relay took it"
        return self._failed(mail, Answer(Outcome.UNCLEAR, 0, "", text), text)

    async def _deliver(self, mail: Outgoing, route: Route) -> Settled:
        """Try to hand one mail over. Returns what is to be written."""
        try:
            async with asyncio.timeout(DEADLINE.total_seconds()):
                answer = await route.relay.send(mail.envelope_from, mail.recipient, mail.data)
        except TimeoutError:
            answer = Answer(Outcome.UNCLEAR, 0, "", "the relay did not answer in time")
        finally:
            route.in_flight -= 1
        self.tries[answer.outcome.value] += 1
        rest = route.heard(mail, answer, self._now())
        log.info(
            "outgoing.tried", outbox_id=mail.id, case_id=mail.case_id, outcome=answer.outcome, answer=str(answer)
        )  # fmt: skip
        return replace(self._settled(mail, route, answer, rest), news=self._news(route, rest, answer))

    def _settled(self, mail: Outgoing, route: Route, answer: Answer, rest: Rest | None) -> Settled:
        """What an answer means for the mail."""
        text, now = str(answer), self._now()
        if answer.outcome is Outcome.SENT:
            return Settled(lambda: outbox.sent(mail, now, route.name, text))
        if answer.outcome is Outcome.UNCLEAR:
            return Settled(lambda: outbox.postpone(mail, now + UNCLEAR_PAUSE, route.name, text, unclear=True))
        is_down = answer.outcome is Outcome.RELAY_DOWN and not _is_suspect(answer, rest)
        is_sick = route.means_all(answer)
        if answer.outcome is Outcome.FAILED and not is_sick:
            return self._failed(mail, answer, text)
        if now >= mail.give_up_at and not is_down:  # and nobody is taken for gone on the word of a sick relay
            return self._failed(mail, replace(answer, outcome=Outcome.DEFERRED, dead=False), f"given up: {text}")
        if is_down or is_sick:
            return Settled(lambda: outbox.give_back(mail, now, text))
        pause = BACK_OFF[min(mail.attempts, len(BACK_OFF)) - 1]
        return Settled(lambda: outbox.postpone(mail, now + pause, route.name, text))

    def _failed(self, mail: Outgoing, answer: Answer, text: str) -> Settled:
        """Never again, and whoever must know of it hears of it."""
        also = self._refused(mail, answer)
        return Settled(lambda: outbox.failed(mail, mail.relay, text), also, told=also is not None)

    def _news(self, route: Route, rest: Rest | None, answer: Answer) -> tuple[Write, ...]:
        """What is to be written about the relay."""
        name, now = f"relay:{route.name}", self._now()
        if rest is None:
            if route.trouble is not None or not route.told:
                return ()
            route.told = False
            return (lambda: _resolve(name, now),)
        log.error("relay.rests", relay=route.name, trouble=rest.trouble, until=rest.until.isoformat(), why=str(answer))
        news: list[Write] = []
        if rest.lasting:
            route.told = True
            news.append(lambda: _raise(name, rest.text, now))
        if rest.trouble is Trouble.REFUSES:
            news.append(lambda: self._brake(now - timedelta(minutes=WINDOW)))
        return tuple(news)

    def troubled(self) -> list[str]:
        """Names of the relays, if none of them works."""
        return self._routes.troubled()


def _is_suspect(answer: Answer, rest: Rest | None) -> bool:
    """Whether a mail, rather than its relay, may be what the relay's trouble comes from.

    A relay that took mail until now and says to this one that it takes none of ours: the mail is tried again as if it
    were put off, or a single one would let the relay rest for ever.
    """
    about_it = answer.stage in {Stage.RCPT, Stage.DATA, Stage.DOT} and answer.code != 421
    return about_it and rest is not None and rest.number == 1


def _first(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _raise(name: str, text: str, now: datetime) -> None:
    alarms.raise_(name, text, now)


def _resolve(name: str, now: datetime) -> None:
    alarms.resolve(name, now)

"""Send what the outbox holds: claim with a lease, hand to a relay, write the answer (DESIGN §4, HARDENING rule 9).

Sending runs on an event loop in a thread of its own, so that connections to the relays are kept between two wakes.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog

from gateway.errors import StoreUnavailable
from gateway.outbound.relay import Answer, Outcome, Relay
from store import outbox
from store.database import Database
from store.outbox import LeaseLost, Outgoing

LEASE = timedelta(minutes=5)
DEADLINE = LEASE - timedelta(seconds=60)  # a worker that is late must not send what another one has claimed
SENDERS = 4  # mails on their way at the same time
BACK_OFF = tuple(timedelta(minutes=m) for m in (1, 5, 15, 30, 60, 120, 240))
UNCLEAR_PAUSE = timedelta(minutes=10)
STORE_PAUSE = 1.0  # seconds until the next try to write results
RELAY_PAUSES = (5.0, 10.0, 20.0, 40.0, 60.0)  # seconds

T = TypeVar("T")

log = structlog.get_logger("outbound")


@dataclass(slots=True)
class _Route:
    """A relay and whether it rests. paused_until: in the loop's time."""

    relay: Relay
    troubles: int = 0
    paused_until: float = 0.0


class Dispatcher:
    """Sends due mail through the first relay that works. One per process."""

    def __init__(
        self,
        database: Database,
        relays: Sequence[Relay],
        *,
        worker: str,
        now: Callable[[], datetime],
        wake: Callable[[], None],
        stopping: Callable[[], bool] = lambda: False,
        new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
    ) -> None:
        self._database = database
        self._routes = [_Route(relay) for relay in relays]
        self._worker = worker
        self._now = now
        self._wake = wake
        self._stopping = stopping
        self._loop = new_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="dispatch", daemon=True)
        self._lock = threading.Lock()
        self._draining: Future[int] | None = None  # the drain at work, if any
        self._again = False  # somebody asked for another one meanwhile

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
        for route in self._routes:
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
        settled: list[Callable[[], None]] = []
        sending: set[asyncio.Task[Callable[[], None]]] = set()
        while True:
            free = 0 if self._stopping() or not self._open_routes() else SENDERS - len(sending)
            for mail in await self._settle_and_claim(settled, free):
                sending.add(self._loop.create_task(self._deliver(mail)))
            if not sending:
                return count
            done, sending = await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
            settled = [task.result() for task in done]
            count += len(done)

    async def _settle_and_claim(self, settled: list[Callable[[], None]], free: int) -> tuple[Outgoing, ...]:
        """`_turn`, again while the database is in trouble: a result that gets lost would mean a mail sent twice."""
        while True:
            try:
                return await self._turn(settled, free)
            except StoreUnavailable:
                if not settled or self._stopping():
                    raise
                await asyncio.sleep(STORE_PAUSE)

    async def _turn(self, settled: list[Callable[[], None]], free: int) -> tuple[Outgoing, ...]:
        """Write results and claim the next mails in one transaction.

        Claims are synced before anything is sent: after a power cut the same bytes go out again, under the same id.
        """

        def job() -> tuple[Outgoing, ...]:
            for settle in settled:
                try:
                    settle()
                except LeaseLost:
                    log.warning("outgoing.lease_lost")  # the other worker's result counts
            return outbox.claim(self._now(), self._worker, LEASE, free) if free else ()

        return await self._database.write_async(job, durable=free > 0)

    def _open_routes(self) -> list[_Route]:
        now = self._loop.time()
        return [route for route in self._routes if route.paused_until <= now]

    async def _deliver(self, mail: Outgoing) -> Callable[[], None]:
        """Try to hand one mail over. Returns what writes the result."""
        if not mail.stands:
            log.info("outgoing.cancelled", outbox_id=mail.id)
            return lambda: outbox.cancelled(mail, "the recipient is no longer part of the case")
        if mail.unclear >= outbox.UNCLEAR_TRIES:
            log.error("outgoing.unclear", outbox_id=mail.id, tries=mail.unclear)
            return lambda: outbox.failed(mail, mail.relay, "given up: it is not known whether the relay took it")
        text = "no relay takes mail at the moment"
        for route in self._open_routes():
            answer = await self._try(route, mail)
            if answer.outcome is not Outcome.RELAY_DOWN:
                route.troubles = 0
                return self._settling(mail, route.relay.name, answer)
            self._pause(route, answer)
            text = str(answer)
        return lambda: outbox.give_back(mail, self._now(), text)

    async def _try(self, route: _Route, mail: Outgoing) -> Answer:
        try:
            async with asyncio.timeout(DEADLINE.total_seconds()):
                return await route.relay.send(mail.envelope_from, mail.recipient, mail.data)
        except TimeoutError:
            return Answer(Outcome.UNCLEAR, 0, "", "the relay did not answer in time")

    def _pause(self, route: _Route, answer: Answer) -> None:
        """HARDENING rule 7: trouble of the relay is no trouble of the mail."""
        if route.paused_until > self._loop.time():
            return  # the mails that were on their way together met one and the same trouble
        pause = RELAY_PAUSES[min(route.troubles, len(RELAY_PAUSES) - 1)]
        route.troubles += 1
        route.paused_until = self._loop.time() + pause
        self._loop.call_later(pause + 0.1, self._wake)
        log.error("relay.paused", relay=route.relay.name, seconds=pause, answer=str(answer))

    def _settling(self, mail: Outgoing, relay: str, answer: Answer) -> Callable[[], None]:
        """What writes the relay's answer."""
        text, now = str(answer), self._now()
        log.info("outgoing.tried", outbox_id=mail.id, case_id=mail.case_id, outcome=answer.outcome, answer=text)
        if answer.outcome is Outcome.SENT:
            return lambda: outbox.sent(mail, now, relay, text)
        if answer.outcome is Outcome.FAILED:
            return lambda: outbox.failed(mail, relay, text)
        if answer.outcome is Outcome.UNCLEAR:
            return lambda: outbox.postpone(mail, now + UNCLEAR_PAUSE, relay, text, unclear=True)
        if now >= mail.give_up_at:
            return lambda: outbox.failed(mail, relay, f"given up: {text}")
        pause = BACK_OFF[min(mail.attempts, len(BACK_OFF)) - 1]
        return lambda: outbox.postpone(mail, now + pause, relay, text)

    def troubled(self) -> list[str]:
        """Names of the relays that did not work when they were tried last."""
        return [route.relay.name for route in self._routes if route.troubles]

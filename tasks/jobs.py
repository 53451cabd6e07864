"""What workers do: three lines a job, and the schedule in one place. Ids are not even needed: rows know what is due."""

from collections.abc import Callable
from dataclasses import dataclass

from huey import Huey, crontab

from gateway.deliveries import Deliveries
from gateway.inbound.process import Processor
from gateway.outbound.dispatch import Dispatcher
from tasks.queue import Alone, Bell

MAILS_A_TURN = 16
PATIENCE = 0.25  # seconds that processing waits for sending


class Turns:
    """Processing and sending take turns in one process.

    Both are bound to the interpreter: at the same time they only slow each other down (measured: a fifth more CPU for
    each mail), and mail that is sent at once arrives sooner than by another wake. A slow relay is not waited for.
    """

    def __init__(self, processor: Processor, dispatcher: Dispatcher) -> None:
        self._processor = processor
        self._dispatcher = dispatcher
        self._processed = 0

    def work(self) -> None:
        """Process what is due, and send what came of it."""
        self._processor.drain()
        self._dispatcher.drain(PATIENCE)

    def between_mails(self) -> None:
        """Called before each mail that is processed."""
        self._processed += 1
        if self._processed % MAILS_A_TURN == 0:
            self._dispatcher.drain(PATIENCE)


@dataclass(frozen=True)
class Jobs:
    """Wakes for what waits in inbox and outbox: a worker of this process that is at it, else one of any process."""

    bell: Bell
    inbox: Alone
    outbox: Alone
    deliveries: Alone
    process_inbox: Callable[[], object]
    dispatch_outbox: Callable[[], object]
    settle_deliveries: Callable[[], object]
    turns: Turns

    def wake_inbox(self) -> None:
        """Mail waits to be processed. Never blocks, never fails."""
        if not self.inbox.nudge():
            self.bell.ring(self.process_inbox)

    def wake_outbox(self) -> None:
        """Mail waits to be sent. Never blocks, never fails. Who processes mail sends what comes of it afterwards."""
        if not self.inbox.nudge() and not self.outbox.nudge():
            self.bell.ring(self.dispatch_outbox)

    def wake_deliveries(self) -> None:
        """Somebody is to hear of a mail that did not arrive. Never blocks, never fails."""
        if not self.deliveries.nudge():
            self.bell.ring(self.settle_deliveries)


def declare(
    queue: Huey,
    bell: Bell,
    processor: Processor,
    dispatcher: Dispatcher,
    deliveries: Deliveries,
    sweep: Callable[[], object],
) -> Jobs:
    """Register the jobs on the queue. sweep: what is to be done every minute beside waking."""
    turns = Turns(processor, dispatcher)
    inbox = Alone(turns.work)
    outbox = Alone(dispatcher.drain)
    settling = Alone(deliveries.settle)

    @queue.task(name="process_inbox")
    def process_inbox() -> None:
        inbox()

    @queue.task(name="dispatch_outbox")
    def dispatch_outbox() -> None:
        outbox()

    @queue.task(name="settle_deliveries")
    def settle_deliveries() -> None:
        settling()

    # DESIGN §4: whatever a lost wake left behind is found here.
    @queue.periodic_task(crontab(minute="*"), name="sweep_inbox")
    def sweep_inbox() -> None:
        inbox()

    @queue.periodic_task(crontab(minute="*"), name="sweep_outbox")
    def sweep_outbox() -> None:
        outbox()

    @queue.periodic_task(crontab(minute="*"), name="sweep_rest")
    def sweep_rest() -> None:
        sweep()

    return Jobs(bell, inbox, outbox, settling, process_inbox, dispatch_outbox, settle_deliveries, turns)

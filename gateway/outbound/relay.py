"""One relay that takes our mail, over connections that are kept between mails.

module      what it knows
----------  -----------------------------------------------------------------
target      which relay: the url and the files beside it
wire        lines and replies, within bounds
sign_in     AUTH, and where the secret comes from
connect     the way to a connection that takes mail, and what to do without one
paths       addresses as MAIL and RCPT say them
handover    one mail over one connection
answers     what the relay means
"""

import asyncio
from contextlib import suppress

from gateway.errors import Invalid, Problem
from gateway.outbound import paths
from gateway.outbound.answers import Answer, Gone, Outcome, Stage
from gateway.outbound.connect import connect, tls_context
from gateway.outbound.handover import hand_over, with_line_ends
from gateway.outbound.target import Target, read_url
from gateway.outbound.wire import Connection

__all__ = ["Answer", "Outcome", "Relay", "Stage"]

#: Relays end sessions that go on for ever, some of them in the middle of a mail.
MAILS_PER_CONNECTION = 100


class Relay:
    """A relay, reached by at most `connections` connections at once that are kept between mails.

    target: a url like `smtp://user:password@host:port` or `smtps://…`, or one that was read before (`target.py`).
    timeout: seconds for each of connecting, the dialogue before the mail, and the answer to the mail. max_idle:
    seconds for which an unused connection is kept. Raises Invalid for what cannot be used. All calls belong to one
    event loop.
    """

    def __init__(
        self,
        target: Target | str,
        *,
        local_hostname: str,
        timeout: float = 60,
        max_idle: float = 30,
        connections: int = 4,
    ) -> None:
        self._target = target if isinstance(target, Target) else _read(target)
        self._tls = tls_context(self._target)
        self._local_hostname = paths.a_labels(local_hostname) or "localhost"
        self._timeout = timeout
        self._max_idle = max_idle
        self._slots = asyncio.Semaphore(connections)
        self._idle: list[Connection] = []  # the longest unused first
        self._sweeping: asyncio.TimerHandle | None = None
        self._goodbyes: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"Relay({self.name})"

    @property
    def name(self) -> str:
        """host:port, for logs and people; the password is shown nowhere."""
        return self._target.name

    async def send(self, envelope_from: str, recipient: str, data: bytes) -> Answer:
        """Hand over one mail for one recipient; envelope_from "" is the null sender. Every ending is an Answer."""
        sender, forward = paths.written(envelope_from) if envelope_from else b"", paths.written(recipient)
        if sender is None or forward is None:
            return Answer(Outcome.FAILED, 0, "5.1.3", "this is not an address that mail can be sent to")
        data = with_line_ends(data)
        async with self._slots:
            kept = self._take()
            if kept is not None:
                # The relay may have had enough of it, which says nothing about the relay: once more on a new one.
                with suppress(Gone):
                    return await self._transact(kept, sender, forward, data)
            try:
                return await self._transact(await self._connect(), sender, forward, data)
            except Gone as error:
                return error.answer

    async def probe(self) -> Answer:
        """Connect, greet, encrypt and sign in. SENT: it would take mail now."""
        try:
            connection = await self._connect()
        except Gone as error:
            return error.answer
        await connection.quit()
        return Answer(Outcome.SENT, 0, "", f"{self.name} takes our mail")

    async def close(self) -> None:
        """End the kept connections."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._dismiss(self._idle)
        self._idle = []
        await asyncio.gather(*self._goodbyes)

    async def _connect(self) -> Connection:
        return await connect(self._target, local_hostname=self._local_hostname, patience=self._timeout, tls=self._tls)

    async def _transact(self, connection: Connection, sender: bytes, recipient: bytes, data: bytes) -> Answer:
        try:
            answer = await hand_over(connection, self._target, sender, recipient, data, self._timeout)
        except BaseException:  # whatever stopped the dialogue midway: the next one must not begin there
            connection.close()
            raise
        if answer.outcome in {Outcome.RELAY_DOWN, Outcome.UNCLEAR} or not connection.is_usable:
            connection.close()
        elif connection.carried >= MAILS_PER_CONNECTION:
            self._dismiss([connection])
        else:
            self._keep(connection)
        return answer

    # Kept connections

    def _take(self) -> Connection | None:
        """The connection used last, if any is still good."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable:
                return connection
            connection.close()
        return None

    def _keep(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.append(connection)
        if self._sweeping is None:
            self._sweeping = loop.call_later(self._max_idle, self._sweep)

    def _sweep(self) -> None:
        """End what was not used for long, before the relay loses its patience."""
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self._max_idle
        self._dismiss([connection for connection in self._idle if connection.idle_since <= oldest])
        self._idle = [connection for connection in self._idle if connection.idle_since > oldest]
        self._sweeping = None
        if self._idle:
            self._sweeping = loop.call_at(self._idle[0].idle_since + self._max_idle, self._sweep)

    def _dismiss(self, connections: list[Connection]) -> None:
        for connection in connections:
            goodbye = asyncio.get_running_loop().create_task(connection.quit())
            self._goodbyes.add(goodbye)
            goodbye.add_done_callback(self._goodbyes.discard)


def _read(url: str) -> Target:
    try:
        return read_url(url)
    except ValueError as error:
        raise Invalid((Problem("relay.url", str(error)),)) from None

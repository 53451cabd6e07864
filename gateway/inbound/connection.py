"""One client's connection: bytes in, replies out, its time-outs, the header of a proxy, TLS, good-byes.

aiosmtpd gives the connection, STARTTLS and its careful address parser. The dialogue runs here, where the bytes arrive
(`data_received`), without a task and a stream in between: that is what makes a mail cheap. Only two things take time,
and then the dialogue stands still: the upgrade to TLS, and keeping a mail. What is said is the business of `Session`.
"""

import asyncio
import ssl
from abc import abstractmethod
from collections.abc import Coroutine
from ipaddress import IPv4Address, ip_address
from typing import Any, ClassVar, cast

import structlog
from aiosmtpd.smtp import SMTP, TLSSetupException

from gateway.config import SmtpSection
from gateway.inbound import proxy
from gateway.inbound.data import Incoming
from gateway.inbound.occupancy import Occupancy, counted_as
from gateway.inbound.replies import reply

READ_AHEAD = 65_536  # bytes taken from a pipelining client while the dialogue stands still
LINGER = 5.0  # seconds in which a client that was told good-bye has to take it
HEADER_SECONDS = 10.0  # in which a proxy has to say whom it speaks for; it does so with its first packet

_THIS_MACHINE = IPv4Address("127.0.0.1")

log = structlog.get_logger("smtp")


class Connection(SMTP):
    """Reads, writes and ends. client: its IP address, "" when nobody knows it.

    network: what the client counts as where its mails are counted, "" where they are not (`counted_as`).
    """

    protocol: ClassVar[str] = "ESMTP"
    in_house: ClassVar[bool] = False  # whoever connects belongs to us: he speaks for himself and is not counted

    def __init__(
        self, limits: SmtpSection, occupancy: Occupancy, *, hostname: str, tls: ssl.SSLContext | None = None
    ) -> None:
        self._limits = limits
        self._occupancy = occupancy
        self._wire: asyncio.Transport | None = None
        self._input = bytearray()
        self._replies: list[bytes] = []
        self._mail: Incoming | None = None  # the one that comes in at the moment
        self._held = 0  # bytes of mail in memory, as far as they are counted
        self._work: asyncio.Task[None] | None = None  # while it runs, the dialogue stands still
        self._header_due = False  # the client is a proxy that has not yet said whom it speaks for
        self._reading = True
        self._writable = True  # False while the client does not take our answers
        self._eof = False  # the client said all that it wants to say
        self._ending = False  # the server stops: no further mail
        self._ended = False  # good-bye was said
        self._heard = 0.0  # the loop's time of the last sign of life
        self._patience = min(limits.idle_timeout, limits.data_timeout)
        self.client = ""
        self.network = ""
        super().__init__(
            None, hostname=hostname, tls_context=tls, timeout=self._patience, loop=asyncio.get_running_loop()
        )

    @abstractmethod
    def _take(self) -> bool:
        """Answer the next thing that was said. Returns whether there was one."""

    # What asyncio tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called a second time after STARTTLS, with the encrypted transport."""
        super().connection_made(transport)
        self._wire = cast(asyncio.Transport, transport)
        self._heard = self.loop.time()
        if self._original_transport is not None:
            self._input.clear()  # RFC 3207 §4.2: nothing that was said in the clear counts
            return
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self.client = str(peer[0]).removeprefix("::ffff:")
        elif any(_THIS_MACHINE in relays for relays in self._limits.trusted_relays):
            self.client = str(
                _THIS_MACHINE
            )  # a socket of the file system tells no address: it is a relay of this machine
        self._header_due = self._is_proxy()
        self._occupancy.enter(self)
        if self._header_due:
            self._reset_timeout(min(HEADER_SECONDS, self._patience))
        else:
            self._greet()

    async def _handle_client(self) -> None:
        """Where aiosmtpd would read commands. Ours are read in `data_received`."""

    def data_received(self, data: bytes) -> None:
        """Take what arrived and answer it."""
        self._heard = self.loop.time()
        self._input += data
        if self._work is None and self._writable:
            self._advance()
        elif len(self._input) > READ_AHEAD and self._reading and self._wire is not None:
            self._reading = False
            self._wire.pause_reading()

    def eof_received(self) -> bool:
        """The client will say no more, and may still wait for the answer to its mail."""
        self._eof = True
        # TLS cannot be closed on one side only; asyncio would warn.
        return self._work is not None and self._original_transport is None

    def pause_writing(self) -> None:
        """The client sends, and does not take our answers."""
        super().pause_writing()
        self._writable = False

    def resume_writing(self) -> None:
        """The client takes our answers again."""
        super().resume_writing()
        self._writable = True
        self._advance()

    def connection_lost(self, error: Exception | None) -> None:
        """A mail that is being kept stays kept: nobody but the client has gone."""
        if self._wire is None:
            return  # said already, by `_hang_up_within_handshake`
        self._wire = None
        super().connection_lost(error)
        if self._work is None:
            self._leave()

    def _timeout_cb(self) -> None:
        # One timer that looks at the clock is cheaper than a new one for every command.
        now = self.loop.time()
        left = self._heard + self._limits.idle_timeout - now
        if self._mail is not None:
            left = min(left, self._mail.since + self._limits.data_timeout - now)
        if self._ended and self._wire is not None:
            self._wire.abort()
        elif self._work is not None:
            self._reset_timeout()
        elif left > 0 and not self._header_due:
            self._reset_timeout(min(left, self._patience))
        else:
            log.info("session.timeout", client=self.client, in_data=self._mail is not None)
            self._end(reply(421, "4.4.2", "This takes too long; please connect again"))
            self._reset_timeout(LINGER)

    # Who it is

    def _is_proxy(self) -> bool:
        """Whether the client speaks for others and has to say so first."""
        networks = self._limits.proxy_from
        return bool(networks) and not self.in_house and any(ip_address(self.client) in network for network in networks)

    def _take_header(self) -> bool:
        """Whom the proxy speaks for; the session begins with it."""
        try:
            header = proxy.read(bytes(self._input[: proxy.BINARY_BYTES]))
        except proxy.NoHeader as error:
            log.error("session.no_proxy_header", client=self.client, why=str(error))  # somebody's settings are wrong
            self._end(reply(421, "4.3.5", f"A PROXY header is expected here, and {error}"))
            return False
        if header is None:
            return False
        del self._input[: header.size]
        self._header_due = False
        self._reset_timeout()
        if header.client is not None:
            self._occupancy.rename(self, header.client)
        self._greet()
        return True

    def _greet(self) -> None:
        refusal = self._occupancy.refusal(self)
        if refusal:
            log.info("session.refused", client=self.client, why=refusal)
            self._end(reply(421, "4.7.0", refusal))
            return
        self.network = "" if self.in_house else counted_as(self.client, self._limits.trusted_relays)
        self._say(f"220 {self.hostname} {self.protocol}\r\n".encode())
        self._flush()

    # The dialogue

    def _advance(self) -> None:
        """Answer what has arrived, as far as it goes."""
        while self._work is None and not self._ended and self._writable:
            if self._ending and self._mail is None:
                self._end(reply(421, "4.3.2", "We are closing for a moment; please try again later"))
            elif not (self._take_header() if self._header_due else self._take()):
                break
        self._flush()
        if self._work is not None or self._wire is None or self._ended:
            return
        if self._eof:
            self._wire.close()
        elif self._writable and not self._reading:
            self._reading = True
            self._wire.resume_reading()

    def _say(self, words: bytes) -> None:
        self._replies.append(words)

    def _flush(self) -> None:
        if self._replies and self._wire is not None:
            self._wire.write(b"".join(self._replies))  # one packet for a pipelined group (RFC 2920 §3.2)
            self._replies.clear()

    def _stand_still(self, work: Coroutine[Any, Any, None]) -> None:
        self._work = self.loop.create_task(self._until_done(work))

    async def _until_done(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        finally:
            self._work = None
            self._hold(0)
            self._heard = self.loop.time()
            if self._wire is None:
                self._leave()
            else:
                self._advance()

    def _hold(self, size: int) -> None:
        """So many bytes of a mail are in memory now."""
        self._occupancy.in_flight += size - self._held
        self._held = size

    # TLS

    async def _upgrade(self) -> None:
        try:
            await self.smtp_STARTTLS("")
        except TLSSetupException as error:
            log.info("session.tls_failed", client=self.client, error=str(error.__cause__))
            self._hang_up_within_handshake()
        except asyncio.CancelledError:
            self._hang_up_within_handshake()
            raise

    def _hang_up_within_handshake(self) -> None:
        self._ended = True
        if self._wire is not None:
            self._wire.abort()
        self.connection_lost(None)  # asyncio does not say so before a handshake is done

    # Good-byes

    def wind_up(self) -> None:
        """End now, or after the mail that is on its way."""
        self._ending = True
        if self._work is None:
            self._advance()

    def abort(self) -> None:
        """End without a word."""
        self._ended = True
        if self._work is not None:
            self._work.cancel()
        if self._wire is not None:
            self._wire.abort()

    def _end(self, words: bytes) -> None:
        self._say(words)
        self._flush()
        self._ended = True
        if self._wire is not None:
            self._wire.close()

    def _leave(self) -> None:
        self._hold(0)
        self._occupancy.leave(self)

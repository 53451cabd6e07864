"""The mail door: where SMTP and LMTP are listened for, and how it closes."""

import asyncio
import logging
import ssl
from contextlib import suppress
from pathlib import Path

from gateway.config import SmtpSection
from gateway.inbound.lmtp import LmtpSession
from gateway.inbound.occupancy import Occupancy
from gateway.inbound.session import Door, Session

BACKLOG = 512  # connections that wait to be taken


class SmtpServer:
    """Listens. hostname: what it calls itself; tls: switches STARTTLS on. occupancy: what goes on at the moment."""

    def __init__(self, door: Door, limits: SmtpSection, *, hostname: str, tls: ssl.SSLContext | None = None) -> None:
        self._door = door
        self._limits = limits
        self._hostname = hostname
        self._tls = tls
        self._listeners: list[asyncio.Server] = []
        self._socket: Path | None = None
        self.occupancy = Occupancy(limits)
        logging.getLogger("mail.log").setLevel(logging.WARNING)  # below it aiosmtpd logs addresses

    async def start(self, host: str, port: int) -> int:
        """Listen for SMTP. port 0 takes a free one. Returns the port. Raises OSError when it cannot be had."""
        return await self._listen(Session, host, port)

    async def start_lmtp(self, host: str, port: int) -> int:
        """The same for LMTP."""
        return await self._listen(LmtpSession, host, port)

    async def start_lmtp_at(self, path: Path) -> None:
        """Listen for LMTP at a socket in the file system, which `stop` removes. Raises OSError when it cannot be had.

        Everybody may write to it who may enter its folder: as with a port, it is the recipient that opens the door.
        """
        loop = asyncio.get_running_loop()
        self._listeners.append(await loop.create_unix_server(lambda: self._session(LmtpSession), path, backlog=BACKLOG))
        self._socket = path
        path.chmod(0o666)  # noqa: ASYNC240 - nothing is waited for

    async def _listen(self, kind: type[Session], host: str, port: int) -> int:
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(lambda: self._session(kind), host, port, backlog=BACKLOG)
        self._listeners.append(listener)
        bound: int = listener.sockets[0].getsockname()[1]
        return bound

    def _session(self, kind: type[Session]) -> Session:
        return kind(self._door, self._limits, self.occupancy, hostname=self._hostname, tls=self._tls)

    async def stop(self, grace: float) -> None:
        """Listen no more and tell everybody good-bye; a mail on its way has `grace` seconds to come in."""
        for listener in self._listeners:
            listener.close()
        if self._socket is not None:
            self._socket.unlink(missing_ok=True)
        sessions, empty = self.occupancy.sessions, self.occupancy.empty
        for session in tuple(sessions):
            session.wind_up()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await empty.wait()
        for session in tuple(sessions):
            session.abort()
        await empty.wait()

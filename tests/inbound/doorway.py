"""A mail door on a free port, clients that say exactly what they are told, and a wire that is no network."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

from gateway.config import SmtpSection
from gateway.errors import RelayingDenied, UnknownRecipient
from gateway.inbound.admit import Mailbox, Recipient
from gateway.inbound.keep import Envelope
from gateway.inbound.occupancy import Occupancy
from gateway.inbound.server import SmtpServer
from gateway.inbound.session import Door, Session

MAIL = b"Subject: Where is my parcel?\r\n\r\nIt was due on Monday.\r\n"


class OpenDoor:
    """Takes mail for everybody at cases.example.org and remembers it. Errors that are set are raised once."""

    def __init__(self) -> None:
        self.kept: list[Envelope] = []
        self.at_mail: Exception | None = None
        self.at_data: Exception | None = None
        self.keeping = asyncio.Event()
        self.may_finish = asyncio.Event()
        self.may_finish.set()

    def begin(self) -> None:
        if self.at_mail is not None:
            error, self.at_mail = self.at_mail, None
            raise error

    def admit(self, address: str, network: str) -> Recipient:
        if address.startswith("nobody@"):
            raise UnknownRecipient("There is no such mailbox here")
        if address.startswith("crash@"):
            raise ZeroDivisionError("a secret")
        if address.lower() != "postmaster" and not address.endswith("@cases.example.org"):
            raise RelayingDenied("We take mail for cases.example.org only")
        return Recipient(address, Mailbox.FROM)

    async def keep(self, envelope: Envelope) -> str:
        self.keeping.set()
        await self.may_finish.wait()
        if self.at_data is not None:
            error, self.at_data = self.at_data, None
            raise error
        self.kept.append(envelope)
        return f"kept as {len(self.kept)}"


class Client:
    """A client that says exactly what it is told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def hears(self) -> str:
        """The next reply, of all its lines; "" when the connection has ended."""
        lines = []
        while True:
            line = (await asyncio.wait_for(self.reader.readline(), 20)).decode().rstrip("\r\n")
            lines.append(line)
            if line[3:4] != "-":
                return "\n".join(lines)

    async def says(self, line: str | bytes) -> str:
        """Say one line, hear one reply."""
        self.writer.write((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return await self.hears()

    async def begins_mail(self, recipient: str = "reply+x@cases.example.org") -> None:
        assert await self.says("MAIL FROM:<anna@example.org>") == "250 2.1.0 OK"
        assert await self.says(f"RCPT TO:<{recipient}>") == "250 2.1.5 OK"
        assert (await self.says("DATA")).startswith("354 ")

    async def sends_mail(self, mail: bytes = MAIL) -> str:
        await self.begins_mail()
        return await self.says(mail + b".")

    async def is_at_the_end(self) -> bool:
        try:
            return await asyncio.wait_for(self.reader.read(), 20) == b""
        except ConnectionError:
            return True

    async def starts_tls(self, context: ssl.SSLContext) -> None:
        assert (await self.says("STARTTLS")).startswith("220 ")
        await self.writer.start_tls(context, server_hostname="localhost")


class Doorway:
    """A server on a free port, and clients to it."""

    def __init__(self) -> None:
        self.door = OpenDoor()
        self.port = 0
        self._stack = contextlib.AsyncExitStack()

    async def opens(self, tls: ssl.SSLContext | None = None, **limits: Any) -> SmtpServer:
        """Make a server that speaks SMTP. limits: of the settings, below their smallest values too."""
        return await self.leads_to(self.door, tls, **limits)

    async def leads_to(self, door: Door, tls: ssl.SSLContext | None = None, **limits: Any) -> SmtpServer:
        """The same with a door that is not open to everybody."""
        settings = SmtpSection().model_copy(update=limits)
        smtp = SmtpServer(door, settings, hostname="mx.cases.example.org", tls=tls)
        self._stack.push_async_callback(smtp.stop, 0)
        self.port = await smtp.start("127.0.0.1", 0)
        return smtp

    async def connects(self) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._stack.callback(writer.close)
        return Client(reader, writer)

    async def greets(self) -> Client:
        client = await self.connects()
        assert await client.hears() == "220 mx.cases.example.org ESMTP"
        assert (await client.says("EHLO client.example.org")).startswith("250-mx.cases.example.org\n")
        return client

    async def aclose(self) -> None:
        await self._stack.aclose()


class Wire(asyncio.Transport):
    """The network, as far as a session sees it."""

    def __init__(self, peer: str = "192.0.2.9") -> None:
        super().__init__({"peername": (peer, 25)})
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        """Nothing more is heard."""

    def is_closing(self) -> bool:
        return False

    def codes(self) -> list[bytes]:
        return re.findall(rb"(?m)^(\d{3}) ", self.written)


@contextlib.asynccontextmanager
async def wired(**limits: Any) -> AsyncIterator[tuple[Session, Wire, OpenDoor]]:
    """A session without a socket: what it is given comes in exactly these blocks. limits: as in `Doorway.opens`."""
    door, wire = OpenDoor(), Wire()
    settings = SmtpSection().model_copy(update=limits)
    session = Session(door, settings, Occupancy(settings), hostname="mx.example.org")
    session.connection_made(wire)
    yield session, wire, door
    session.connection_lost(None)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what happens at the other end of a socket."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.001)

"""What is said to a relay and heard from it, line by line, within bounds (RFC 5321 §4.2, RFC 2920)."""

import asyncio
import re
import ssl
from contextlib import suppress
from typing import Protocol, cast

from aiosmtplib import SMTPException, SMTPResponse, SMTPResponseException, SMTPServerDisconnected
from aiosmtplib.esmtp import parse_esmtp_extensions
from aiosmtplib.protocol import SMTPProtocol

MAX_LINE = 4_096  # octets; RFC 5321 §4.5.3.1.5 promises 512
MAX_REPLY = 65_536  # octets of all lines of a reply, and of what was not read yet
CHUNK = 65_536  # octets of a mail that are written at once
GOODBYE = 2.0  # seconds for QUIT: politeness, nothing depends on it

#: What can go wrong with a connection. UnicodeError: a host name that cannot be written.
TROUBLE = (SMTPException, OSError, UnicodeError)

_REPLY_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")

Reply = SMTPResponse


class Garbled(ConnectionError):
    """The relay says what is no SMTP, or at a time when nobody asked."""


class Witness(Protocol):
    """Sees a dialogue while it happens. Secrets are left out of all that it is told."""

    def said(self, line: str) -> None:
        """A line of ours."""

    def heard(self, line: str) -> None:
        """A line of the relay."""

    def encrypted(self, tls: ssl.SSLObject, *, checked: bool) -> None:
        """The connection is encrypted from here on; checked: the certificate is good."""


class _Wire(SMTPProtocol):
    """aiosmtplib's protocol, which reads several replies to one write, and none that has no end."""

    def __init__(self, witness: Witness | None) -> None:
        super().__init__(asyncio.get_running_loop())
        self.secrets: tuple[str, ...] = ()
        self.witness = witness
        self._waiter: asyncio.Future[None] | None = None
        self._is_flooded = False

    @property
    def has_unread(self) -> bool:
        return bool(self._buffer)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > MAX_REPLY:
            self._is_flooded = True
            del self._buffer[:]
            if self.transport is not None:
                cast(asyncio.Transport, self.transport).abort()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def read_response(self, timeout: float | None = None) -> Reply:  # noqa: ASYNC109 - the name is aiosmtplib's
        """One reply of any number of lines. Raises TROUBLE."""
        lines: list[str] = []
        size = 0
        while True:
            line = await self._read_line()
            size += len(line)
            if size > MAX_REPLY:
                raise Garbled("a reply without end")
            match = _REPLY_LINE.fullmatch(line)
            shown = self._without_secrets(line.decode("utf-8", "replace"))
            if self.witness is not None:
                self.witness.heard(shown)
            if match is None:
                raise Garbled(f"this is no SMTP: {shown[:100]}")
            lines.append(shown[4:])
            if match[2] != b"-":
                return Reply(int(match[1]), "\n".join(lines))

    async def _read_line(self) -> bytes:
        start = 0
        while (end := self._buffer.find(b"\n", start)) < 0 and len(self._buffer) <= MAX_LINE:
            start = len(self._buffer)
            if self._is_flooded:
                raise Garbled("more than anybody asked for")
            if self.transport is None:
                raise SMTPServerDisconnected("the relay ended the connection")
            self._waiter = self._loop.create_future()
            await self._waiter
        if not 0 <= end <= MAX_LINE:
            raise Garbled("a line without end")
        line = bytes(self._buffer[:end]).rstrip(b"\r")
        del self._buffer[: end + 1]
        return line

    def _without_secrets(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "…")
        return text

    async def drain(self) -> None:
        await self._drain_helper()


class Connection:
    """One connection to a relay: commands, replies, and what the relay offers. All that waits raises TROUBLE.

    within_mail: a mail was begun and refused, RSET is due before the next one. carried: mails so far. idle_since: in
    the loop's time.
    """

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire
        self._extensions: dict[str, str] = {}
        self.within_mail = False
        self.carried = 0
        self.idle_since = 0.0

    @property
    def is_usable(self) -> bool:
        """Whether it still stands, and the relay has not said anything that nobody asked for."""
        return self._wire.is_connected and not self._wire.has_unread

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The encryption, if there is one."""
        return cast("ssl.SSLObject | None", self._about("ssl_object"))

    @property
    def peer(self) -> str:
        """The relay's IP address, "" when the connection has ended."""
        peer = self._about("peername")
        return str(peer[0]) if isinstance(peer, tuple) else ""

    def _about(self, key: str) -> object:
        return self._wire.transport.get_extra_info(key) if self._wire.transport is not None else None

    def offers(self, keyword: str) -> str | None:
        """The parameters of a service extension, in upper case; None when the relay does not have it."""
        return self._extensions.get(keyword)

    def keep_secret(self, *secrets: str) -> None:
        """Texts that are shown to nobody, should the relay repeat them."""
        self._wire.secrets = tuple(secret for secret in secrets if secret)

    def say(self, *commands: bytes, shown: str = "") -> None:
        """Send commands in one write. shown: in place of a command that holds a secret."""
        for command in commands:
            if _CONTROL.search(command):
                raise ValueError("a command is one line")
            if self._wire.witness is not None:
                self._wire.witness.said(shown or command.decode())
        if self._wire.has_unread:  # it would be taken for the reply to what is said now (RFC 3207 §6, RFC 5321 §4.3.1)
            raise Garbled("the relay speaks when nobody asked")
        self._wire.write(b"".join(command + b"\r\n" for command in commands))

    async def hear(self) -> Reply:
        """The next reply."""
        return await self._wire.read_response()

    async def ask(self, command: bytes, *, shown: str = "") -> Reply:
        """Send one command and wait for the reply."""
        self.say(command, shown=shown)
        return await self.hear()

    async def greet(self, local_hostname: str) -> Reply:
        """EHLO, or HELO for a relay of old (RFC 5321 §3.2). Afterwards `offers` tells."""
        reply = await self.ask(b"EHLO " + local_hostname.encode("ascii"))
        extensions, mechanisms = parse_esmtp_extensions(reply.message) if reply.code == 250 else ({}, [])
        self._extensions = {keyword.upper(): parameters.upper() for keyword, parameters in extensions.items()}
        if mechanisms:  # also from a line in the form of before RFC 2554
            self._extensions["AUTH"] = " ".join(mechanisms).upper()
        if reply.code // 100 == 5:
            reply = await self.ask(b"HELO " + local_hostname.encode("ascii"))
        return reply

    async def start_tls(self, context: ssl.SSLContext, host: str) -> Reply:
        """STARTTLS. When the relay agrees it is greeted again, for what it said before counts no longer (RFC 3207)."""
        if self._wire.witness is not None:
            self._wire.witness.said("STARTTLS")
        try:
            reply = await self._wire.start_tls(context, server_hostname=host)
        except SMTPResponseException as error:
            return Reply(error.code, error.message)
        self.tell_encryption(context)
        return reply

    def tell_encryption(self, context: ssl.SSLContext) -> None:
        """Let the witness know."""
        if self._wire.witness is not None and self.tls is not None:
            self._wire.witness.encrypted(self.tls, checked=context.verify_mode is ssl.CERT_REQUIRED)

    async def send_mail(self, data: bytes, patience: float) -> None:
        """A mail with its end. patience: seconds for a chunk. When this raises, the relay does not have all of it."""
        if self._wire.has_unread:
            raise Garbled("the relay speaks when nobody asked")
        for start in range(0, len(data), CHUNK):
            if start:
                async with asyncio.timeout(patience):
                    await self._wire.drain()
            self._wire.write(data[start : start + CHUNK])

    def close(self) -> None:
        """End it without a word."""
        if self._wire.transport is not None:
            cast(asyncio.Transport, self._wire.transport).abort()

    async def quit(self) -> None:
        """End it politely."""
        with suppress(*TROUBLE):
            async with asyncio.timeout(GOODBYE):
                await self.ask(b"QUIT")
        self.close()


async def dial(host: str, port: int, tls: ssl.SSLContext | None, witness: Witness | None = None) -> Connection:
    """Connect. tls: encrypt from the first byte. The relay's greeting is the first reply. Raises TROUBLE."""
    loop = asyncio.get_running_loop()
    wire = _Wire(witness)
    await loop.create_connection(lambda: wire, host, port, ssl=tls)
    connection = Connection(wire)
    if tls is not None:
        connection.tell_encryption(tls)
    return connection

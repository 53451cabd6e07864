"""The relay of the tests: takes mail on loopback, remembers it, and misbehaves when it is told to."""

import asyncio
import email
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from functools import cached_property
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

PATIENCE = 30  # seconds after which a wait has failed
HANG_UP = "hang up"  # instead of an answer


@dataclass(frozen=True)
class Mail:
    """A mail as it lies in its recipient's mailbox."""

    envelope_from: str
    recipient: str
    raw: bytes

    @cached_property
    def message(self) -> EmailMessage:
        message = email.message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(message, EmailMessage)
        return message

    def header(self, name: str) -> str:
        """A header's text, unfolded; "" when it is missing."""
        return str(self.message.get(name, ""))

    @cached_property
    def message_id(self) -> str:
        return self.header("Message-ID")

    @property
    def reply_address(self) -> str:
        return self.header("Reply-To").rpartition("<")[2].rstrip(">")

    @property
    def text(self) -> str:
        part = self.message.get_body(("plain",))
        assert part is not None
        text: str = part.get_content()
        return text.replace("\r\n", "\n")


class Sink:
    """A relay in a thread of its own.

    `at_mail`, `at_rcpt`, `at_dot`: what it answers instead of 250; the latter two by recipient. HANG_UP at the dot
    takes the mail and breaks the connection instead of answering. `on_mail` is called with a mail before the answer.
    smtputf8: it takes addresses beyond ASCII (RFC 6531).
    """

    def __init__(self, *, smtputf8: bool = False) -> None:
        self.smtputf8 = smtputf8
        self.at_mail = ""
        self.at_rcpt: dict[str, str] = {}
        self.at_dot: dict[str, str] = {}
        self.on_mail: Callable[[Mail], None] = lambda mail: None
        self.mails: list[Mail] = []
        self.tried: Counter[str] = Counter()  # RCPT commands by recipient
        self.port = 0
        self._arrived = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sink")
        self._thread.start()
        self._server: asyncio.Server | None = None
        self._sessions: set[_Session] = set()

    def start(self) -> None:
        """Listen, on the same port as before when it was stopped."""
        self._run(self._start())

    def stop(self) -> None:
        """Listen no more; open connections break."""
        self._run(self._stop())

    def close(self) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def wait_for(self, condition: Callable[[list[Mail]], object]) -> None:
        """Wait until the mails that arrived fulfil a condition."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: condition(self.mails), PATIENCE), f"only {len(self.mails)} arrived"

    def to(self, address: str) -> list[Mail]:
        """The mails of one mailbox, the oldest first."""
        with self._arrived:
            return [mail for mail in self.mails if mail.recipient == address]

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE)

    async def _start(self) -> None:
        self._server = await self._loop.create_server(lambda: _Session(self, self._sessions), "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for session in tuple(self._sessions):
            session.break_off()

    # What aiosmtpd calls; the names are its own.

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.at_mail:
            return self.at_mail
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Ok"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.tried[address] += 1
        if refusal := self.at_rcpt.get(address):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: "_Session", session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        answer = self.at_dot.get(envelope.rcpt_tos[0], "250 2.0.0 Ok: taken")
        if answer == HANG_UP or answer.startswith("2"):
            mail = Mail(envelope.mail_from or "", envelope.rcpt_tos[0], envelope.content)
            self.on_mail(mail)
            with self._arrived:
                self.mails.append(mail)
                self._arrived.notify_all()
        if answer == HANG_UP:
            server.break_off()
        return answer


class _Session(SMTP):
    def __init__(self, sink: Sink, sessions: "set[_Session]") -> None:
        super().__init__(sink, hostname="relay.test", loop=sink._loop, enable_SMTPUTF8=sink.smtputf8)
        self._sessions = sessions

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._sessions.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._sessions.discard(self)
        super().connection_lost(error)

    def break_off(self) -> None:
        """End without a word."""
        assert isinstance(self.transport, asyncio.Transport)
        self.transport.abort()

"""One relay that takes our mail: kept connections, and what its answers mean (HARDENING rule 7).

A relay answers about one of three things, and each has its own remedy: the recipient or the content (this mail has
failed), the moment (this mail waits), or the relay itself and how we use it (every mail waits, and somebody looks).
"""

import asyncio
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import parse_qsl, unquote, urlsplit

from aiosmtplib import SMTP, SMTPException, SMTPHeloError, SMTPResponseException, SMTPServerDisconnected
from aiosmtplib.protocol import SMTPProtocol

from gateway.errors import Invalid, Problem

PORTS = {"smtp": 25, "smtps": 465}
GOODBYE = 2.0  # seconds for QUIT: politeness, nothing depends on it
TEXT_CHARACTERS = 500  # of a relay's answer that are kept

# RFC 5321 §4.1.2, generous; what could end the path or the command line stays out.
_ADDRESS = re.compile(r'(?:"(?:[^"\\\x00-\x1f\x7f]|\\[ -~])*"|[^\x00-\x20\x7f<>"@]+)@[^\x00-\x20\x7f<>"@]+')
_LINE_END = re.compile(rb"\r\n|\r|\n")
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)")
_ABOUT_THE_RELAY = ("5.3.", "5.4.", "5.5.", "5.7.")
_HOW_WE_SPEAK = frozenset({500, 501, 502, 503, 504, 521, 530, 534, 535, 538})  # without an enhanced code
_ABOUT_CONTENT = re.compile(r"\b(?:spam|virus|malware|phishing|content|attachment)", re.IGNORECASE)
_TROUBLE = (SMTPException, OSError, TimeoutError, UnicodeError)  # UnicodeError: a host name that IDNA cannot write


class Outcome(StrEnum):
    """What became of a mail that was handed to a relay."""

    SENT = "sent"  # the relay has it
    DEFERRED = "deferred"  # not now: try this mail again later
    FAILED = "failed"  # never: the recipient or the content is refused
    RELAY_DOWN = "relay_down"  # not through this relay as things are; the mail itself is well
    UNCLEAR = "unclear"  # the connection ended when the relay may have had the whole mail


@dataclass(frozen=True, slots=True)
class Answer:
    """A relay's last word. code: 0 when we say it ourselves; enhanced: "5.1.1" or "" (RFC 3463); text: one line.

    stage: what it was given to; None when we say it ourselves.
    """

    outcome: Outcome
    code: int
    enhanced: str
    text: str
    stage: "Stage | None" = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.code} {self.text}" if self.code else self.text


class Stage(StrEnum):
    """What the answer was given to."""

    CONNECT = "CONNECT"  # greeting, EHLO, STARTTLS, AUTH
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    DOT = "."  # the whole mail


def judge(stage: Stage, code: int, message: str) -> Answer:
    """Read a relay's answer. message: its text without the code, of one or several lines."""
    text = " ".join(message.encode("utf-8", "replace").decode().split())[:TEXT_CHARACTERS]
    match = _ENHANCED.match(text)
    enhanced = match[0] if match is not None and match[0][0] == str(code)[0] else ""
    return Answer(_outcome(stage, code, enhanced, text), code, enhanced, text, stage)


def _outcome(stage: Stage, code: int, enhanced: str, text: str) -> Outcome:
    if stage is Stage.CONNECT or code == 421:
        return Outcome.RELAY_DOWN
    if code // 100 == 2 and stage is Stage.DOT:
        return Outcome.SENT
    if code // 100 == 4:
        return Outcome.DEFERRED
    if code // 100 != 5:  # nothing that SMTP knows here
        return Outcome.UNCLEAR if stage is Stage.DOT else Outcome.RELAY_DOWN
    return Outcome.FAILED if _is_about_the_mail(stage, code, enhanced, text) else Outcome.RELAY_DOWN


def _is_about_the_mail(stage: Stage, code: int, enhanced: str, text: str) -> bool:
    """Whether a 5xx refuses this recipient or this content, and not us."""
    if enhanced == "5.3.4" or enhanced.startswith("5.6.") or (code == 552 and not enhanced):
        return True  # too large, or content that cannot be carried
    if stage is Stage.MAIL:
        return False
    if stage is Stage.DOT and _ABOUT_CONTENT.search(text):
        return True  # filters say 5.7.1 too, and one mail that they dislike must not stop all others
    return not enhanced.startswith(_ABOUT_THE_RELAY) if enhanced else code not in _HOW_WE_SPEAK


class _Gone(Exception):
    """The relay is not there, or left before it had the mail."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.text)
        self.answer = answer


@dataclass(slots=True)
class _Connection:
    smtp: SMTP
    within_mail: bool = False  # a mail was begun and refused: RSET before the next one
    idle_since: float = 0.0  # in the loop's time


class Relay:
    """A relay, reached by at most `connections` connections at once that are kept between mails.

    url: `smtp://user:password@host:port` or `smtps://…`. smtp:// encrypts when the relay offers it and insists with
    `?starttls=require`; the certificate is checked where encryption is insisted on (smtps:// does). timeout: seconds
    for each of connecting, the dialogue before the mail, and the answer to the mail. max_idle: seconds for which an
    unused connection is kept. Raises Invalid for a url that cannot be used. All calls belong to one event loop.
    """

    def __init__(
        self, url: str, *, local_hostname: str, timeout: float = 60, max_idle: float = 30, connections: int = 4
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname:
            raise Invalid((Problem("relay.url", "write smtp://user:password@host:port or smtps://…"),))
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        if options not in ({}, {"starttls": "require"}):
            raise Invalid((Problem("relay.url", "the only option is ?starttls=require"),))
        self._host = parts.hostname
        self._port = parts.port or PORTS[parts.scheme]
        self._username = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._implicit_tls = parts.scheme == "smtps"
        self._insist = bool(options) and not self._implicit_tls
        self._tls = ssl.create_default_context() if self._implicit_tls or self._insist else _trusting_context()
        self._local_hostname = local_hostname
        self._timeout = timeout
        self._max_idle = max_idle
        self._slots = asyncio.Semaphore(connections)
        self._idle: list[_Connection] = []  # the longest unused first
        self._sweeping: asyncio.TimerHandle | None = None
        self._goodbyes: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"Relay({self.name})"

    @property
    def name(self) -> str:
        """host:port, for logs and people; the password is shown nowhere."""
        return f"{self._host}:{self._port}"

    async def send(self, envelope_from: str, recipient: str, data: bytes) -> Answer:
        """Hand over one mail for one recipient; envelope_from "" is the null sender. Every ending is an Answer."""
        if not _ADDRESS.fullmatch(recipient) or (envelope_from and not _ADDRESS.fullmatch(envelope_from)):
            return Answer(Outcome.FAILED, 0, "5.1.3", "this is not an address that mail can be sent to")
        data = _with_line_ends(data)
        async with self._slots:
            kept = self._take()
            if kept is not None:
                # The relay may have closed it meanwhile, which says nothing about the relay: once more on a new one.
                with suppress(_Gone):
                    return await self._transact(kept, envelope_from, recipient, data)
            try:
                return await self._transact(await self._connect(), envelope_from, recipient, data)
            except _Gone as error:
                return error.answer

    async def probe(self) -> Answer:
        """Connect, greet, encrypt and sign in. SENT: it would take mail now."""
        try:
            connection = await self._connect()
        except _Gone as error:
            return error.answer
        await _say_goodbye(connection)
        return Answer(Outcome.SENT, 0, "", f"{self.name} takes our mail")

    async def close(self) -> None:
        """End the kept connections."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._dismiss(self._idle)
        self._idle = []
        await asyncio.gather(*self._goodbyes)

    # Connections

    async def _connect(self) -> _Connection:
        smtp = SMTP(
            hostname=self._host,
            port=self._port,
            username=self._username,
            password=self._password,
            local_hostname=self._local_hostname,
            timeout=None,  # one clock for all the steps is cheaper
            use_tls=self._implicit_tls,
            start_tls=True if self._insist else None,
            tls_context=self._tls,
        )
        try:
            async with asyncio.timeout(self._timeout):
                await smtp.connect()
                if smtp.is_ehlo_or_helo_needed:
                    await _greet(smtp)
        except _TROUBLE as error:
            smtp.close()
            raise self._gone(error) from error
        except asyncio.CancelledError:
            smtp.close()
            raise
        return _Connection(smtp)

    def _gone(self, error: BaseException) -> _Gone:
        if isinstance(error, SMTPResponseException) and error.code > 0:
            return _Gone(judge(Stage.CONNECT, error.code, error.message))
        return _Gone(Answer(Outcome.RELAY_DOWN, 0, "", self._what_happened(error)))

    def _what_happened(self, error: BaseException) -> str:
        text = str(error) or f"no answer within {self._timeout:g} seconds"
        return f"{self.name}: {text}"[:TEXT_CHARACTERS]

    def _take(self) -> _Connection | None:
        """The connection used last, if any is still good."""
        while self._idle:
            connection = self._idle.pop()
            if connection.smtp.is_connected:
                return connection
        return None

    def _keep(self, connection: _Connection) -> None:
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

    def _dismiss(self, connections: list[_Connection]) -> None:
        for connection in connections:
            goodbye = asyncio.get_running_loop().create_task(_say_goodbye(connection))
            self._goodbyes.add(goodbye)
            goodbye.add_done_callback(self._goodbyes.discard)

    # One mail

    async def _transact(self, connection: _Connection, sender: str, recipient: str, data: bytes) -> Answer:
        """Raises _Gone when the relay left before it had the mail."""
        try:
            answer = await self._hand_over(connection, sender, recipient, data)
        except BaseException:  # whatever stopped the dialogue midway: the next one must not begin there
            connection.smtp.close()
            raise
        if answer.outcome in {Outcome.RELAY_DOWN, Outcome.UNCLEAR}:
            connection.smtp.close()
        if connection.smtp.is_connected:
            self._keep(connection)
        return answer

    async def _hand_over(self, connection: _Connection, sender: str, recipient: str, data: bytes) -> Answer:
        try:
            async with asyncio.timeout(self._timeout):
                refusal = await _dialogue(connection, sender, recipient, data)
            if refusal is None:
                protocol = _write(connection.smtp, _with_dots(data))
        except _TROUBLE as error:
            raise self._gone(error) from error
        if refusal is not None:
            if refusal.code == 421:
                raise _Gone(refusal)
            return refusal
        try:  # From here on the relay may have the mail.
            async with asyncio.timeout(self._timeout):
                response = await protocol.read_response()
        except _TROUBLE as error:
            return Answer(Outcome.UNCLEAR, 0, "", self._what_happened(error))
        return judge(Stage.DOT, response.code, response.message)


async def _greet(smtp: SMTP) -> None:
    try:
        await smtp.ehlo()
    except SMTPHeloError:
        await smtp.helo()  # RFC 5321 §3.2: an old relay


async def _say_goodbye(connection: _Connection) -> None:
    with suppress(*_TROUBLE):
        async with asyncio.timeout(GOODBYE):
            await connection.smtp.quit()
    connection.smtp.close()


async def _dialogue(connection: _Connection, sender: str, recipient: str, data: bytes) -> Answer | None:
    """Everything before the mail itself. Returns the refusal, None when the relay waits for the mail."""
    smtp = connection.smtp
    size_limit = smtp.esmtp_extensions.get("size", "")
    if size_limit.isdigit() and 0 < int(size_limit) < len(data):
        return Answer(Outcome.FAILED, 0, "5.3.4", f"the relay takes no more than {size_limit} bytes")
    options = [b"SIZE=%d" % len(data)] if "size" in smtp.esmtp_extensions else []
    if not data.isascii() and smtp.supports_extension("8bitmime"):
        options.append(b"BODY=8BITMIME")
    if not (sender.isascii() and recipient.isascii()):
        if not smtp.supports_extension("smtputf8"):
            return Answer(Outcome.FAILED, 0, "5.6.7", "the relay takes no addresses outside ASCII (SMTPUTF8)")
        options.append(b"SMTPUTF8")
    if connection.within_mail:
        await smtp.execute_command(b"RSET")
        connection.within_mail = False
    response = await smtp.execute_command(b"MAIL", b"FROM:<%s>" % sender.encode(), *options)
    if response.code != 250:
        return judge(Stage.MAIL, response.code, response.message)
    connection.within_mail = True
    response = await smtp.execute_command(b"RCPT", b"TO:<%s>" % recipient.encode())
    if response.code not in {250, 251, 252}:
        return judge(Stage.RCPT, response.code, response.message)
    response = await smtp.execute_command(b"DATA")
    if response.code != 354:
        return judge(Stage.DATA, response.code, response.message)
    connection.within_mail = False
    return None


def _write(smtp: SMTP, data: bytes) -> SMTPProtocol:
    """Send the mail without waiting, as `SMTP.data` would: that does not tell whether an error came before or after."""
    if smtp.protocol is None:
        raise SMTPServerDisconnected("Connection lost")
    smtp.protocol.write(data)
    return smtp.protocol


def _with_line_ends(data: bytes) -> bytes:
    """CR LF at every line end: a relay may take anything else for the end of the mail (RFC 5321 §2.3.8)."""
    lines = data.count(b"\r\n")
    if data.count(b"\n") != lines or data.count(b"\r") != lines:
        data = _LINE_END.sub(b"\r\n", data)
    return data if data.endswith(b"\r\n") else data + b"\r\n"


def _with_dots(data: bytes) -> bytes:
    """The mail with its transparency dots and its end (RFC 5321 §4.5.2)."""
    first = b"." if data.startswith(b".") else b""
    return first + data.replace(b"\r\n.", b"\r\n..") + b".\r\n"


def _trusting_context() -> ssl.SSLContext:
    """RFC 7435: encryption with whoever answers is better than none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context

"""The mail door, SMTP and LMTP: sessions, limits, TLS, answers. It decides nothing: it asks a `Door` and tells.

aiosmtpd gives connections, STARTTLS, time-outs and its careful address parser. The dialogue runs here, where the bytes
arrive (`data_received`), without a task and a stream in between: that is what makes a mail cheap. Only two things take
time, and then the dialogue stands still: the upgrade to TLS, and `Door.keep`.
"""

import asyncio
import logging
import re
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from email.errors import HeaderParseError
from ipaddress import IPv4Address, IPv6Network, ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, cast

import structlog
from aiosmtpd.smtp import SMTP, TLSSetupException

from gateway.config import SmtpSection
from gateway.errors import (
    BadCredential,
    CasegateError,
    Conflict,
    Contended,
    Forbidden,
    Invalid,
    KeyNotLoaded,
    Later,
    NotAllowed,
    NotFound,
    Overloaded,
    Refused,
    RelayingDenied,
    RelayUnavailable,
    StillAsking,
    StorageFull,
    StoreUnavailable,
    TooLarge,
    Unauthenticated,
    UnknownRecipient,
)
from gateway.inbound import proxy
from gateway.inbound.admit import Recipient
from gateway.inbound.keep import Envelope

COMMAND_BYTES = 2_048  # RFC 5321 §4.5.3.1.4 asks for 512 and each extension for more; Exchange Online uses them
PATH_BYTES = 320  # local part 64, "@", domain 255 (RFC 5321 §4.5.3.1)
LINE_BYTES = 65_536  # RFC 5321 §4.5.3.1.6 says 1,000, and 0.7 % of real mail does not care
DOTS_BYTES = 65_536  # room for the transparency dots, which do not count into SIZE (RFC 1870 §3)
READ_AHEAD = 65_536  # bytes taken from a pipelining client while the dialogue stands still
UNKNOWN_COMMANDS = 5  # then it is no mail client
BACKLOG = 512  # connections that wait to be taken
LINGER = 5.0  # seconds in which a client that was told good-bye has to take it
HEADER_SECONDS = 10.0  # in which a proxy has to say whom it speaks for; it does so with its first packet
NO_ROOM = "Too much mail is coming in at once; please try again later"

_MAILBOX = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,255}"
_PLAIN_SENDER = re.compile(
    rb"FROM:<(|" + _MAILBOX + rb")>(?: SIZE=([0-9]{1,18}))?(?: BODY=(?:7BIT|8BITMIME))?", re.IGNORECASE
)
_PLAIN_RECIPIENT = re.compile(rb"TO:<(" + _MAILBOX + rb")>", re.IGNORECASE)
_PATH_AND_PARAMETERS = re.compile(r"(<[^>]*>|[^<\s]\S*)(.*)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

log = structlog.get_logger("smtp")

# What a client hears, by class. Our own fault is never final (5xx would bounce a mail that is well).
ANSWERS: Mapping[type[CasegateError], tuple[int, str]] = MappingProxyType(
    {
        CasegateError: (451, "4.3.0"),
        Refused: (554, "5.0.0"),
        Invalid: (554, "5.6.0"),
        NotAllowed: (554, "5.7.1"),
        Unauthenticated: (550, "5.7.1"),
        BadCredential: (550, "5.7.1"),
        Forbidden: (550, "5.7.1"),
        NotFound: (550, "5.1.1"),
        Conflict: (554, "5.0.0"),
        TooLarge: (552, "5.3.4"),
        UnknownRecipient: (550, "5.1.1"),
        RelayingDenied: (550, "5.7.1"),
        Later: (451, "4.3.0"),
        StoreUnavailable: (451, "4.3.0"),
        StorageFull: (452, "4.3.1"),
        KeyNotLoaded: (451, "4.3.5"),
        Contended: (451, "4.3.0"),
        Overloaded: (450, "4.7.1"),
        StillAsking: (451, "4.4.3"),
        RelayUnavailable: (451, "4.4.1"),
    }
)


class Door(Protocol):
    """What a session asks. Every method may raise a CasegateError; its class is the answer, its text is read out."""

    def begin(self) -> None:
        """At MAIL: may a mail come in at all? No I/O."""

    def admit(self, address: str, /) -> Recipient:
        """At RCPT: may mail for this address come in? No I/O."""

    async def keep(self, envelope: Envelope, /) -> str:
        """At the end of DATA: make it durable. Returns the text that follows `250 2.0.0`."""


class _BadCommand(Exception):
    """The client broke the protocol; the reply says how."""

    def __init__(self, code: int, enhanced: str, text: str) -> None:
        super().__init__(text)
        self.reply = _reply(code, enhanced, text)


def _reply(code: int, enhanced: str, text: str) -> bytes:
    """One reply line (RFC 2034). The text becomes one line of ASCII."""
    return f"{code} {enhanced} {' '.join(text.split())[:400]}\r\n".encode("ascii", "replace")


def _error_reply(error: CasegateError) -> bytes:
    code, enhanced = next(ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS)
    return _reply(code, enhanced, error.text)


_INTERNAL_ERROR = _reply(451, "4.3.0", "Something went wrong here; please try again later")
_TOO_LARGE = _reply(552, "5.3.4", "This mail is larger than we take; please send it with smaller files or with a link")
_LONG_LINE = _reply(554, "5.6.0", f"This mail has a line of more than {LINE_BYTES} bytes")
_NO_ROOM = _reply(452, "4.3.1", NO_ROOM)
_SENDER_OK = _reply(250, "2.1.0", "OK")
_RECIPIENT_OK = _reply(250, "2.1.5", "OK")
_OK = _reply(250, "2.0.0", "OK")
_GO_AHEAD = b"354 End the mail with <CR><LF>.<CR><LF>\r\n"


class Session(SMTP):
    """One client's connection."""

    protocol: ClassVar[str] = "ESMTP"
    no_recipient_code: ClassVar[int] = 554  # RFC 5321 §3.3
    takes_header: ClassVar[bool] = True  # a proxy may stand before us

    def __init__(self, server: "SmtpServer") -> None:
        self._server = server
        self._limits = server.limits
        self._wire: asyncio.Transport | None = None
        self._input = bytearray()  # within DATA: CR LF and the mail so far
        self._searched = 0  # so much of it holds no end of the mail
        self._replies: list[bytes] = []
        self._work: asyncio.Task[None] | None = None  # while it runs, the dialogue stands still
        self._header_due = False  # the client is a proxy that has not yet said whom it speaks for
        self._in_data = False
        self._data_since = 0.0  # the loop's time of DATA
        self._rejection = b""  # the answer to a mail that is not looked at any more while it comes in
        self._held = 0  # bytes of mail in memory, as far as the server counts them
        self._reading = True
        self._writable = True  # False while the client does not take our answers
        self._eof = False  # the client said all that it wants to say
        self._ending = False  # the server stops: no further mail
        self._ended = False  # good-bye was said
        self._helo_name = ""
        self._sender: str | None = None
        self._recipients: list[Recipient] = []
        self._commands_left = self._limits.max_commands
        self._unknown_left = UNKNOWN_COMMANDS
        self._heard = 0.0  # the loop's time of the last sign of life
        self._patience = min(self._limits.idle_timeout, self._limits.data_timeout)
        self.client = ""
        super().__init__(
            None,
            hostname=server.hostname,
            tls_context=server.tls,
            timeout=self._patience,
            loop=asyncio.get_running_loop(),
        )

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called a second time after STARTTLS, with the encrypted transport."""
        super().connection_made(transport)
        self._wire = cast(asyncio.Transport, transport)
        self._heard = self.loop.time()
        if self._original_transport is not None:
            self._input.clear()  # RFC 3207 §4.2: nothing that was said in the clear counts
            return
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):  # at a socket of the file system nobody has an address
            self.client = str(peer[0]).removeprefix("::ffff:")
        self._header_due = self.takes_header and self._server.is_proxy(self.client)
        self._server.enter(self)
        if self._header_due:
            self._reset_timeout(min(HEADER_SECONDS, self._patience))
        else:
            self._greet()

    async def _handle_client(self) -> None:
        """Where aiosmtpd would read commands. Ours are read in `data_received`."""

    def _greet(self) -> None:
        refusal = self._server.refusal(self)
        if refusal:
            log.info("session.refused", client=self.client, why=refusal)
            self._end(_reply(421, "4.7.0", refusal))
        else:
            self._say(f"220 {self.hostname} {self.protocol}\r\n".encode())
            self._flush()

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

    def _leave(self) -> None:
        self._hold(0)
        self._server.leave(self)

    def _timeout_cb(self) -> None:
        # One timer that looks at the clock is cheaper than a new one for every command.
        now = self.loop.time()
        left = self._heard + self._limits.idle_timeout - now
        if self._in_data:
            left = min(left, self._data_since + self._limits.data_timeout - now)
        if self._ended and self._wire is not None:
            self._wire.abort()
        elif self._work is not None:
            self._reset_timeout()
        elif left > 0 and not self._header_due:
            self._reset_timeout(min(left, self._patience))
        else:
            log.info("session.timeout", client=self.client, in_data=self._in_data)
            self._end(_reply(421, "4.4.2", "This takes too long; please connect again"))
            self._reset_timeout(LINGER)

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

    # The dialogue

    def _say(self, reply: bytes) -> None:
        self._replies.append(reply)

    def _flush(self) -> None:
        if self._replies and self._wire is not None:
            self._wire.write(b"".join(self._replies))  # one packet for a pipelined group (RFC 2920 §3.2)
            self._replies.clear()

    def _end(self, reply: bytes) -> None:
        self._say(reply)
        self._flush()
        self._ended = True
        if self._wire is not None:
            self._wire.close()

    def _advance(self) -> None:
        """Answer what has arrived, as far as it goes."""
        while self._work is None and not self._ended and self._writable:
            if self._ending and not self._in_data:
                self._end(_reply(421, "4.3.2", "We are closing for a moment; please try again later"))
            elif not (self._take_mail() if self._in_data else self._take_command()):
                break
        self._flush()
        if self._work is not None or self._wire is None or self._ended:
            return
        if self._eof:
            self._wire.close()
        elif self._writable and not self._reading:
            self._reading = True
            self._wire.resume_reading()

    def _take_header(self) -> bool:
        """Whom the proxy speaks for; the session begins with it."""
        try:
            header = proxy.read(bytes(self._input[: proxy.BINARY_BYTES]))
        except proxy.NoHeader as error:
            log.error("session.no_proxy_header", client=self.client, why=str(error))  # somebody's settings are wrong
            self._end(_reply(421, "4.3.5", f"A PROXY header is expected here, and {error}"))
            return False
        if header is None:
            return False
        del self._input[: header.size]
        self._header_due = False
        self._reset_timeout()
        if header.client is not None:
            self._server.rename(self, header.client)
        self._greet()
        return True

    def _take_command(self) -> bool:
        if self._header_due:
            return self._take_header()
        end = self._input.find(b"\n")
        if end < 0:
            del self._input[COMMAND_BYTES + 1 :]  # of a line that is too long, enough to see that it is
            return False
        line = bytes(self._input[:end]).rstrip(b"\r")
        del self._input[: end + 1]
        self._commands_left -= 1
        if self._commands_left < 0:
            log.info("session.too_many_commands", client=self.client)
            self._end(_reply(421, "4.7.0", "Too many commands without a mail"))
        elif len(line) > COMMAND_BYTES:
            self._say(_reply(500, "5.5.2", "This line is too long for a command"))
        else:
            self._command(line)
        return True

    def _command(self, line: bytes) -> None:
        verb, _, argument = line.partition(b" ")
        try:
            self.commands.get(verb.upper(), Session._unknown)(self, argument.strip())
        except _BadCommand as error:
            self._say(error.reply)
        except Exception as error:  # noqa: BLE001 - the outermost boundary: the client hears 451, we read the reason
            self._say(self._answer(error))

    def _answer(self, error: Exception) -> bytes:
        """The reply to whatever a door raised; the text of an unexpected error never leaves the house."""
        if isinstance(error, CasegateError):
            reply = _error_reply(error)
            log.info("mail.refused", client=self.client, answer=reply[:9].decode("ascii"), kind=type(error).__name__)
            return reply
        log.error("session.failed", client=self.client, exc_info=error)
        return _INTERNAL_ERROR

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

    # Commands. Each takes its argument, and says its answer or raises.

    def _helo(self, argument: bytes) -> None:
        self._introduce(argument)
        self._say(f"250 {self.hostname}\r\n".encode())

    def _ehlo(self, argument: bytes) -> None:
        self._introduce(argument)
        offers = [self.hostname, f"SIZE {self._limits.max_size}", "8BITMIME", "SMTPUTF8", "PIPELINING"]
        if self.tls_context is not None and self._tls_protocol is None:
            offers.append("STARTTLS")
        self._say("".join(f"250-{offer}\r\n" for offer in offers).encode() + b"250 ENHANCEDSTATUSCODES\r\n")

    def _introduce(self, argument: bytes) -> None:
        name = argument.decode("utf-8", "replace")
        if not name or _CONTROL.search(name):
            raise _BadCommand(501, "5.5.4", "Please say your name: EHLO host.example.org")
        self._helo_name = name
        self._forget()

    def _mail(self, argument: bytes) -> None:
        if not self._helo_name:
            raise _BadCommand(503, "5.5.1", "Please say EHLO first")
        if self._sender is not None:
            raise _BadCommand(503, "5.5.1", "A mail has been begun already")
        plain = _PLAIN_SENDER.fullmatch(argument)
        if plain is not None:
            sender, size = plain[1].decode("ascii"), int(plain[2] or 0)
        else:
            sender, parameters = self._path("FROM:", argument)
            size = _checked_size(parameters)
        if size > self._limits.max_size:
            self._say(_TOO_LARGE)
            return
        self._server.door.begin()
        self._sender = sender
        self._say(_SENDER_OK)

    def _rcpt(self, argument: bytes) -> None:
        if self._sender is None:
            raise _BadCommand(503, "5.5.1", "Please say MAIL first")
        if len(self._recipients) >= self._limits.max_recipients:
            raise _BadCommand(452, "4.5.3", "Too many recipients; please send another copy for the others")
        plain = _PLAIN_RECIPIENT.fullmatch(argument)
        address = plain[1].decode("ascii") if plain is not None else self._path("TO:", argument)[0]
        if not address:
            raise _BadCommand(553, "5.1.3", "This is not an address")
        self._recipients.append(self._server.door.admit(address))
        self._say(_RECIPIENT_OK)

    def _path(self, keyword: str, argument: bytes) -> tuple[str, dict[str, str]]:
        """The address ("" for `<>`) and the parameters of a MAIL or RCPT that is not of the plain form."""
        try:
            text = argument.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _BadCommand(553, "5.6.7", "An address must be ASCII or UTF-8") from error
        rest = self._strip_command_keyword(keyword, text)
        match = _PATH_AND_PARAMETERS.fullmatch(rest.strip()) if rest else None
        if match is None or _CONTROL.search(text):
            raise _BadCommand(501, "5.5.4", f"Please write {keyword}<address>")
        address = self._address(match[1])
        pairs = (word.partition("=") for word in match[2].split())
        return address, {name.upper(): value for name, _, value in pairs}

    def _address(self, path: str) -> str:
        try:
            address, rest = self._getaddr(path) if len(path) <= PATH_BYTES else (None, None)
        except (HeaderParseError, IndexError, RecursionError):  # the parser of `email` is not made for enemies
            address, rest = None, None
        if not address or rest:
            raise _BadCommand(553, "5.1.3", "This is not an address")
        return "" if address == "<>" else str(address)

    def _data(self, argument: bytes) -> None:
        if argument:
            raise _BadCommand(501, "5.5.4", "DATA takes no argument")
        if self._sender is None:
            raise _BadCommand(503, "5.5.1", "Please say MAIL and RCPT first")
        if not self._recipients:
            raise _BadCommand(self.no_recipient_code, "5.5.1", "No recipient was accepted")
        if not self._server.has_room():
            raise _BadCommand(452, "4.3.1", NO_ROOM)
        self._in_data, self._rejection, self._searched = True, b"", 0
        self._data_since = self.loop.time()
        # The line end of the command counts as the one before the mail: so an empty mail ends like all others.
        self._input[:0] = b"\r\n"
        self._say(_GO_AHEAD)

    def _take_mail(self) -> bool:
        """Look for the end of the mail: CR LF . CR LF and nothing else (bare LF or CR would let mails be smuggled)."""
        raw = self._input
        end = raw.find(b"\r\n.\r\n", self._searched)
        if end < 0:
            self._hold(len(raw))
            if len(raw) > self._limits.max_size + DOTS_BYTES:
                self._rejection = _TOO_LARGE
            elif not self._server.has_room():
                self._rejection = self._rejection or _NO_ROOM
            if self._rejection:
                del raw[:-4]  # an end that has come in part is still seen
                self._hold(len(raw))
            self._searched = max(0, len(raw) - 4)
            return False
        with memoryview(raw) as view:
            data = bytes(view[2 : end + 2])
        self._input = raw[end + 5 :]
        raw.clear()  # before more is made of it: a large mail is in memory twice at most
        self._in_data = False
        sender, recipients = self._sender or "", tuple(self._recipients)
        self._forget()
        self._judge(sender, recipients, _without_dots(data))
        return True

    def _judge(self, sender: str, recipients: tuple[Recipient, ...], data: bytes) -> None:
        if not self._rejection and len(data) > self._limits.max_size:
            self._rejection = _TOO_LARGE
        elif not self._rejection and _has_long_line(data):
            self._rejection = _LONG_LINE
        if self._rejection:
            self._hold(0)
            log.info("mail.refused", client=self.client, answer=self._rejection[:9].decode("ascii"))
            self._say_of_mail(self._rejection, len(recipients))
        else:
            self._hold(len(data))
            self._stand_still(self._keep(Envelope(sender, recipients, data, self.client, self._helo_name)))

    async def _keep(self, envelope: Envelope) -> None:
        try:
            reply = _reply(250, "2.0.0", await self._server.door.keep(envelope))
            self._commands_left = self._limits.max_commands
        except Exception as error:  # noqa: BLE001 - see `_command`
            reply = self._answer(error)
        if self._wire is None:
            log.info("mail.client_left", client=self.client, answer=reply[:3].decode("ascii"))
        self._say_of_mail(reply, len(envelope.recipients))

    def _say_of_mail(self, reply: bytes, recipients: int) -> None:
        self._say(reply)

    def _hold(self, size: int) -> None:
        """So many bytes of a mail are in memory now."""
        self._server.in_flight += size - self._held
        self._held = size

    def _starttls(self, argument: bytes) -> None:
        if argument:
            raise _BadCommand(501, "5.5.4", "STARTTLS takes no argument")
        if self.tls_context is None or self._tls_protocol is not None:
            raise _BadCommand(503, "5.5.1", "TLS is not offered")
        self._flush()
        self._stand_still(self._upgrade())

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

    def _forget(self) -> None:
        self._sender = None
        self._recipients = []

    def _set_rset_state(self) -> None:
        """aiosmtpd calls this for a new connection and after STARTTLS: whatever was said before is forgotten."""
        self._helo_name = ""
        self._forget()

    def _rset(self, argument: bytes) -> None:
        self._forget()
        self._say(_OK)

    def _noop(self, argument: bytes) -> None:
        self._say(_OK)

    def _vrfy(self, argument: bytes) -> None:
        self._say(_reply(252, "2.0.0", "Send a mail to find out"))  # RFC 5321 §7.3: the same for every address

    def _help(self, argument: bytes) -> None:
        self._say(_reply(214, "2.0.0", " ".join(verb.decode() for verb in self.commands)))

    def _quit(self, argument: bytes) -> None:
        self._end(_reply(221, "2.0.0", "Bye"))

    def _unknown(self, argument: bytes) -> None:
        self._unknown_left -= 1
        if self._unknown_left < 0:
            log.info("session.no_mail_client", client=self.client)
            self._end(_reply(421, "4.7.0", "Too many unknown commands"))
        else:
            self._say(_reply(500, "5.5.1", "This command is not known here"))

    commands: ClassVar[Mapping[bytes, Callable[["Session", bytes], None]]] = MappingProxyType(
        {
            b"EHLO": _ehlo,
            b"HELO": _helo,
            b"MAIL": _mail,
            b"RCPT": _rcpt,
            b"DATA": _data,
            b"RSET": _rset,
            b"NOOP": _noop,
            b"QUIT": _quit,
            b"STARTTLS": _starttls,
            b"VRFY": _vrfy,
            b"HELP": _help,
        }
    )


class LmtpSession(Session):
    """The same for a mail server that hands mail over (RFC 2033): it hears one answer for each recipient of a mail."""

    protocol = "LMTP"
    no_recipient_code = 503  # RFC 2033 §4.2
    takes_header = False  # who hands mail over in our own house speaks for himself
    commands = MappingProxyType(
        {b"LHLO": Session._ehlo} | {v: c for v, c in Session.commands.items() if v not in {b"EHLO", b"HELO"}}
    )

    def _say_of_mail(self, reply: bytes, recipients: int) -> None:
        """We keep a mail for all its recipients or for none, so the answers are all the same."""
        self._say(reply * recipients)


def _checked_size(parameters: dict[str, str]) -> int:
    """The declared SIZE in bytes, 0 without. Unknown parameters are let pass: to refuse them costs Microsoft's mail."""
    size = parameters.get("SIZE", "0")
    if not (size.isascii() and size.isdigit() and len(size) <= 20):
        raise _BadCommand(501, "5.5.4", "SIZE takes a number of bytes")
    if parameters.get("BODY", "7BIT").upper() not in {"7BIT", "8BITMIME"}:
        raise _BadCommand(501, "5.5.4", "BODY is 7BIT or 8BITMIME")
    if parameters.get("SMTPUTF8"):
        raise _BadCommand(501, "5.5.4", "SMTPUTF8 takes no value")
    return int(size)


def _without_dots(data: bytes) -> bytes:
    """Take back the transparency dots (RFC 5321 §4.5.2)."""
    if b"\r\n." in data:
        data = data.replace(b"\r\n.", b"\r\n")
    return data[1:] if data.startswith(b".") else data


def _has_long_line(data: bytes) -> bool:
    start = 0
    while len(data) - start > LINE_BYTES:
        end = data.rfind(b"\n", start, start + LINE_BYTES)
        if end < 0:
            return True
        start = end + 1
    return False


class SmtpServer:
    """Listens and keeps the sessions. hostname: what it calls itself; tls: switches STARTTLS on.

    in_flight: bytes of mail in memory, all sessions together, each mail until it is kept or refused.
    """

    def __init__(self, door: Door, limits: SmtpSection, *, hostname: str, tls: ssl.SSLContext | None = None) -> None:
        self.door = door
        self.limits = limits
        self.hostname = hostname
        self.tls = tls
        self.in_flight = 0
        self._sessions: set[Session] = set()
        self._by_network: Counter[str] = Counter()
        self._listeners: list[asyncio.Server] = []
        self._socket: Path | None = None
        self._empty = asyncio.Event()
        self._empty.set()
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
        self._listeners.append(await loop.create_unix_server(lambda: LmtpSession(self), path, backlog=BACKLOG))
        self._socket = path
        path.chmod(0o666)  # noqa: ASYNC240 - nothing is waited for

    async def _listen(self, session: type[Session], host: str, port: int) -> int:
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(lambda: session(self), host, port, backlog=BACKLOG)
        self._listeners.append(listener)
        bound: int = listener.sockets[0].getsockname()[1]
        return bound

    async def stop(self, grace: float) -> None:
        """Listen no more and tell everybody good-bye; a mail on its way has `grace` seconds to come in."""
        for listener in self._listeners:
            listener.close()
        if self._socket is not None:
            self._socket.unlink(missing_ok=True)
        for session in tuple(self._sessions):
            session.wind_up()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._empty.wait()
        for session in tuple(self._sessions):
            session.abort()
        await self._empty.wait()

    def enter(self, session: Session) -> None:
        """A session has begun."""
        self._sessions.add(session)
        self._by_network[_network(session.client)] += 1
        self._empty.clear()

    def leave(self, session: Session) -> None:
        """A session is over: its client has gone and its mail is kept or refused."""
        self._sessions.discard(session)
        self._uncount(session)
        if not self._sessions:
            self._empty.set()

    def rename(self, session: Session, client: str) -> None:
        """A session's client has another address than it seemed."""
        self._uncount(session)
        session.client = client
        self._by_network[_network(client)] += 1

    def _uncount(self, session: Session) -> None:
        network = _network(session.client)
        self._by_network[network] -= 1
        if not self._by_network[network]:
            del self._by_network[network]

    def refusal(self, session: Session) -> str:
        """Why a new session may not stay, "" when it may."""
        if len(self._sessions) > self.limits.max_connections:
            return "Too many connections; please try again later"
        if self._by_network[_network(session.client)] > self.limits.max_connections_per_client:
            return "Too many connections from your address; please try again later"
        return ""

    def is_proxy(self, client: str) -> bool:
        """Whether this address is a proxy's, which speaks for others and has to say so first."""
        networks = self.limits.proxy_from
        return bool(networks) and any(ip_address(client) in network for network in networks)

    def has_room(self) -> bool:
        """Whether more of a mail may come in."""
        return self.in_flight <= self.limits.max_in_flight


def _network(client: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 that a client of IPv6 has to itself. "" stays ""."""
    if not client or isinstance(ip_address(client), IPv4Address):
        return client
    return str(IPv6Network((client.partition("%")[0], 64), strict=False))

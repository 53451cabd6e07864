"""The dialogue of SMTP: commands and their answers (RFC 5321). It decides nothing: it asks a `Door` and tells."""

import re
import ssl
from collections.abc import Callable, Mapping
from email.errors import HeaderParseError
from types import MappingProxyType
from typing import ClassVar, Protocol

import structlog

from gateway.config import SmtpSection
from gateway.errors import CasegateError, Refused
from gateway.inbound.admit import Recipient
from gateway.inbound.connection import Connection
from gateway.inbound.data import Incoming
from gateway.inbound.keep import Envelope
from gateway.inbound.occupancy import Occupancy
from gateway.inbound.replies import (
    GO_AHEAD,
    INTERNAL_ERROR,
    NO_ROOM,
    OK,
    RECIPIENT_OK,
    SENDER_OK,
    TOO_LARGE,
    BadCommand,
    error_reply,
    reply,
)

COMMAND_BYTES = 2_048  # RFC 5321 §4.5.3.1.4 asks for 512 and each extension for more; Exchange Online uses them
PATH_BYTES = 320  # local part 64, "@", domain 255 (RFC 5321 §4.5.3.1)
UNKNOWN_COMMANDS = 5  # then it is no mail client
REFUSED_RECIPIENTS = 50  # without a mail that was taken; then somebody tries addresses (RFC 5321 §7.3)

_MAILBOX = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,255}"
_PLAIN_SENDER = re.compile(
    rb"FROM:<(|" + _MAILBOX + rb")>(?: SIZE=([0-9]{1,18}))?(?: BODY=(?:7BIT|8BITMIME))?", re.IGNORECASE
)
_PLAIN_RECIPIENT = re.compile(rb"TO:<(" + _MAILBOX + rb")>", re.IGNORECASE)
_PATH_AND_PARAMETERS = re.compile(r"(<[^>]*>|[^<\s]\S*)(.*)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

log = structlog.get_logger("smtp")


class Door(Protocol):
    """What a session asks. Every method may raise a CasegateError; its class is the answer, its text is read out."""

    def begin(self) -> None:
        """At MAIL: may a mail come in at all? No I/O."""

    def admit(self, address: str, network: str, /) -> Recipient:
        """At RCPT: may mail for this address come in, and from there? network: "" for nobody in particular. No I/O."""

    async def keep(self, envelope: Envelope, /) -> str:
        """At the end of DATA: make it durable. Returns the text that follows `250 2.0.0`."""


class Session(Connection):
    """One client's dialogue."""

    no_recipient_code: ClassVar[int] = 554  # RFC 5321 §3.3

    def __init__(
        self,
        door: Door,
        limits: SmtpSection,
        occupancy: Occupancy,
        *,
        hostname: str,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(limits, occupancy, hostname=hostname, tls=tls)
        self._door = door
        self._helo_name = ""
        self._sender: str | None = None
        self._recipients: list[Recipient] = []
        self._unknown_left = UNKNOWN_COMMANDS
        self._trust()

    def _trust(self) -> None:
        """Whoever had a mail taken may go on for as long again."""
        self._commands_left = self._limits.max_commands
        self._refused_left = REFUSED_RECIPIENTS

    def _take(self) -> bool:
        return self._take_command() if self._mail is None else self._take_mail(self._mail)

    def _take_command(self) -> bool:
        end = self._input.find(b"\n")
        if end < 0:
            del self._input[COMMAND_BYTES + 1 :]  # of a line that is too long, enough to see that it is
            return False
        line = bytes(self._input[:end]).rstrip(b"\r")
        del self._input[: end + 1]
        self._commands_left -= 1
        if self._commands_left < 0:
            log.info("session.too_many_commands", client=self.client)
            self._end(reply(421, "4.7.0", "Too many commands without a mail"))
        elif len(line) > COMMAND_BYTES:
            self._say(reply(500, "5.5.2", "This line is too long for a command"))
        else:
            self._command(line)
        return True

    def _command(self, line: bytes) -> None:
        verb, _, argument = line.partition(b" ")
        try:
            self.commands.get(verb.upper(), Session._unknown)(self, argument.strip())
        except BadCommand as error:
            self._say(error.reply)
        except Exception as error:  # noqa: BLE001 - the outermost boundary: the client hears 451, we read the reason
            self._say(self._answer(error))

    def _answer(self, error: Exception) -> bytes:
        """The reply to whatever a door raised; the text of an unexpected error never leaves the house."""
        if isinstance(error, CasegateError):
            answer = error_reply(error)
            log.info("mail.refused", client=self.client, answer=answer[:9].decode("ascii"), kind=type(error).__name__)
            return answer
        log.error("session.failed", client=self.client, exc_info=error)
        return INTERNAL_ERROR

    def _forget(self) -> None:
        self._sender = None
        self._recipients = []

    def _set_rset_state(self) -> None:
        """aiosmtpd calls this for a new connection and after STARTTLS: whatever was said before is forgotten."""
        self._helo_name = ""
        self._forget()

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
            raise BadCommand(501, "5.5.4", "Please say your name: EHLO host.example.org")
        self._helo_name = name
        self._forget()

    def _starttls(self, argument: bytes) -> None:
        if argument:
            raise BadCommand(501, "5.5.4", "STARTTLS takes no argument")
        if self.tls_context is None or self._tls_protocol is not None:
            raise BadCommand(503, "5.5.1", "TLS is not offered")
        self._flush()
        self._stand_still(self._upgrade())

    def _mail_from(self, argument: bytes) -> None:
        if not self._helo_name:
            raise BadCommand(503, "5.5.1", "Please say EHLO first")
        if self._sender is not None:
            raise BadCommand(503, "5.5.1", "A mail has been begun already")
        plain = _PLAIN_SENDER.fullmatch(argument)
        if plain is not None:
            sender, size = plain[1].decode("ascii"), int(plain[2] or 0)
        else:
            sender, parameters = self._path("FROM:", argument)
            size = _checked_size(parameters)
        if size > self._limits.max_size:
            self._refuse_mail(TOO_LARGE, 1)
            return
        self._door.begin()
        self._sender = sender
        self._say(SENDER_OK)

    def _rcpt_to(self, argument: bytes) -> None:
        if self._sender is None:
            raise BadCommand(503, "5.5.1", "Please say MAIL first")
        if len(self._recipients) >= self._limits.max_recipients:
            raise BadCommand(452, "4.5.3", "Too many recipients; please send another copy for the others")
        plain = _PLAIN_RECIPIENT.fullmatch(argument)
        address = plain[1].decode("ascii") if plain is not None else self._path("TO:", argument)[0]
        if not address:
            raise BadCommand(553, "5.1.3", "This is not an address")
        try:
            self._recipients.append(self._door.admit(address, self.network))
        except Refused:
            self._refused_left -= 1
            if self._refused_left >= 0 or not self.network:
                raise
            log.info("session.tries_addresses", client=self.client)
            self._end(reply(421, "4.7.0", "Too many recipients that are not here"))
        else:
            self._say(RECIPIENT_OK)

    def _path(self, keyword: str, argument: bytes) -> tuple[str, dict[str, str]]:
        """The address ("" for `<>`) and the parameters of a MAIL or RCPT that is not of the plain form."""
        try:
            text = argument.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadCommand(553, "5.6.7", "An address must be ASCII or UTF-8") from error
        rest = self._strip_command_keyword(keyword, text)
        match = _PATH_AND_PARAMETERS.fullmatch(rest.strip()) if rest else None
        if match is None or _CONTROL.search(text):
            raise BadCommand(501, "5.5.4", f"Please write {keyword}<address>")
        address = self._address(match[1])
        pairs = (word.partition("=") for word in match[2].split())
        return address, {name.upper(): value for name, _, value in pairs}

    def _address(self, path: str) -> str:
        try:
            address, rest = self._getaddr(path) if len(path) <= PATH_BYTES else (None, None)
        except (HeaderParseError, IndexError, RecursionError):  # the parser of `email` is not made for enemies
            address, rest = None, None
        if not address or rest:
            raise BadCommand(553, "5.1.3", "This is not an address")
        return "" if address == "<>" else str(address)

    def _rset(self, argument: bytes) -> None:
        self._forget()
        self._say(OK)

    def _noop(self, argument: bytes) -> None:
        self._say(OK)

    def _vrfy(self, argument: bytes) -> None:
        self._say(reply(252, "2.0.0", "Send a mail to find out"))  # RFC 5321 §7.3: the same for every address

    def _help(self, argument: bytes) -> None:
        self._say(reply(214, "2.0.0", " ".join(verb.decode() for verb in self.commands)))

    def _quit(self, argument: bytes) -> None:
        self._end(reply(221, "2.0.0", "Bye"))

    def _unknown(self, argument: bytes) -> None:
        self._unknown_left -= 1
        if self._unknown_left < 0:
            log.info("session.no_mail_client", client=self.client)
            self._end(reply(421, "4.7.0", "Too many unknown commands"))
        else:
            self._say(reply(500, "5.5.1", "This command is not known here"))

    # The mail

    def _data(self, argument: bytes) -> None:
        if argument:
            raise BadCommand(501, "5.5.4", "DATA takes no argument")
        if self._sender is None:
            raise BadCommand(503, "5.5.1", "Please say MAIL and RCPT first")
        if not self._recipients:
            raise BadCommand(self.no_recipient_code, "5.5.1", "No recipient was accepted")
        if not self._occupancy.has_room():
            self._say(NO_ROOM)
            return
        self._mail = Incoming(self._input, self._limits.max_size, self.loop.time())
        self._say(GO_AHEAD)

    def _take_mail(self, mail: Incoming) -> bool:
        data = mail.take(self._input)
        if data is None:
            self._hold(len(self._input))
            mail.bound(self._input, has_room=self._occupancy.has_room())
            self._hold(len(self._input))
            return False
        self._mail = None
        sender, recipients = self._sender or "", tuple(self._recipients)
        self._forget()
        if mail.rejection:
            self._hold(0)
            self._refuse_mail(mail.rejection, len(recipients))
        else:
            self._hold(len(data))
            self._stand_still(
                self._keep(Envelope(sender, recipients, data, self.client, self._helo_name, self.network))
            )
        return True

    def _refuse_mail(self, answer: bytes, recipients: int) -> None:
        """Say why a mail is not taken. recipients: so many of them were."""
        if answer == TOO_LARGE:
            self._occupancy.too_large += 1
        log.info("mail.refused", client=self.client, answer=answer[:9].decode("ascii"))
        self._say(self._for_each(answer, recipients))

    async def _keep(self, envelope: Envelope) -> None:
        try:
            answers = await self._kept(envelope)
            self._trust()
        except Exception as error:  # noqa: BLE001 - see `_command`
            answers = self._for_each(self._answer(error), len(envelope.recipients))
        if self._wire is None:
            log.info("mail.client_left", client=self.client, answer=answers[:3].decode("ascii"))
        self._say(answers)

    async def _kept(self, envelope: Envelope) -> bytes:
        """Hand a mail in. Returns what the client hears."""
        return reply(250, "2.0.0", await self._door.keep(envelope))

    def _for_each(self, answer: bytes, recipients: int) -> bytes:
        """What the client hears when the answer is the same for all recipients: it, once."""
        return answer

    commands: ClassVar[Mapping[bytes, Callable[["Session", bytes], None]]] = MappingProxyType(
        {
            b"EHLO": _ehlo,
            b"HELO": _helo,
            b"MAIL": _mail_from,
            b"RCPT": _rcpt_to,
            b"DATA": _data,
            b"RSET": _rset,
            b"NOOP": _noop,
            b"QUIT": _quit,
            b"STARTTLS": _starttls,
            b"VRFY": _vrfy,
            b"HELP": _help,
        }
    )


def _checked_size(parameters: dict[str, str]) -> int:
    """The declared SIZE in bytes, 0 without. Unknown parameters are let pass: to refuse them costs Microsoft's mail."""
    size = parameters.get("SIZE", "0")
    if not (size.isascii() and size.isdigit() and len(size) <= 20):
        raise BadCommand(501, "5.5.4", "SIZE takes a number of bytes")
    if parameters.get("BODY", "7BIT").upper() not in {"7BIT", "8BITMIME"}:
        raise BadCommand(501, "5.5.4", "BODY is 7BIT or 8BITMIME")
    if parameters.get("SMTPUTF8"):
        raise BadCommand(501, "5.5.4", "SMTPUTF8 takes no value")
    return int(size)

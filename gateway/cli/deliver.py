"""One mail from standard input, for mail servers that hand mail over by a pipe.

The exit status says what is to happen (sysexits.h): 0 it is kept; 75 our own trouble, try again; every other status
returns the mail to its sender.
"""

import re
import sys
import traceback
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from gateway.cli.installation import ConfigFile, settings, working
from gateway.errors import CasegateError, Invalid, Later, Problem, Refused, StorageFull, TooLarge

if TYPE_CHECKING:
    from gateway.app import Parts

commands = typer.Typer()

_NULL_SENDERS = ("", "MAILER-DAEMON")  # Postfix hands the second one to a pipe (its parameter null_sender)
_LONE_LINE_END = re.compile(rb"(?<!\r)\n")


@commands.command()
def deliver(
    mail_from: Annotated[str, typer.Option("--from", metavar="ADDRESS", help="Envelope sender; <> for none.")],
    recipients: Annotated[
        list[str],
        typer.Option("--to", metavar="ADDRESS", help="Recipient; may be given several times, all or none get it."),
    ],
    client: Annotated[str, typer.Option(metavar="IP", help="Where the mail came from.")] = "",
    helo: Annotated[str, typer.Option(metavar="NAME", help="As what that client greeted.")] = "",
    config: ConfigFile = None,
) -> None:
    """Keep one mail from standard input. Prints its number in the inbox."""
    try:
        inbox_id = _keep(_sender(mail_from), [_bare(address) for address in recipients], client, helo, config)
    except CasegateError:
        raise
    except Exception as error:  # outermost boundary: whatever breaks here is no reason to return a mail
        traceback.print_exc()
        raise Later(f"{type(error).__name__} here; please try again later") from error
    typer.echo(inbox_id)


def _keep(mail_from: str, recipients: list[str], client: str, helo: str, file: Path | None) -> int:
    from gateway.inbound.keep import Envelope

    with ExitStack() as stack:
        try:
            parts = stack.enter_context(working(settings(file)))
        except Invalid as error:
            raise Later(error.text) from error  # what is wrong with our settings is no fault of the sender
        _check_space(parts)
        admitted = tuple(parts.intake.admit(address) for address in recipients)
        data = _read(sys.stdin.buffer, parts.config.smtp.max_size)
        return parts.intake.keep_now(Envelope(mail_from, admitted, data, client, helo))


def _check_space(parts: "Parts") -> None:
    """What the mail door of a running gateway knows from its watch (HARDENING rule 2)."""
    if parts.files.free_space() < parts.config.gateway.free_space_floor:
        raise StorageFull("There is no room for mail at the moment; please try again later")


def _read(stream: IO[bytes], max_size: int) -> bytes:
    """The mail as it would have come by SMTP: CR LF at every line end (RFC 5322 §2.1). Raises TooLarge, Refused."""
    data = stream.read(max_size + 1)
    if len(data) > max_size:
        raise TooLarge(f"This mail is larger than the {max_size} bytes that we take")
    if not data:
        raise Refused("There is no mail on standard input")
    return _LONE_LINE_END.sub(b"\r\n", data)


def _sender(text: str) -> str:
    address = _bare(text)
    return "" if address.upper() in _NULL_SENDERS else address


def _bare(text: str) -> str:
    """An address without its angles. Raises Invalid when it is not one line."""
    address = text.strip().removeprefix("<").removesuffix(">")
    if not address.isprintable():
        raise Invalid((Problem("ADDRESS", "must have no control characters"),))
    return address

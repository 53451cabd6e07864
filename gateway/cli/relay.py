"""`casegate check --relay`: what a relay and we say to each other, line by line, and what it means.

    who                 what
    ------------------  ----------------------------------------------------------------------
    S:                  a line of the relay
    C:                  a line of ours; passwords and tokens are shown as `…`
    --                  what is seen beside it: encryption, certificate, the mail itself

Nothing is sent, but with `--to` a mail to that address.
"""

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING

import typer

from gateway.cli.findings import Finding, failed, ok, warning
from gateway.cli.installation import utc_now
from gateway.cli.output import line
from gateway.errors import Invalid, Problem

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.outbound.answers import Answer
    from gateway.outbound.target import Target
    from gateway.outbound.wire import Witness

TIMEOUT = 15.0  # seconds for each step
OPERATOR = "operator"


def check_relay(config: "Config", which: str, to: str) -> Iterator[Finding]:
    """Talk to one relay, with every line on the terminal.

    which: its number in the settings, from 1; OPERATOR for the one of mail.operator_relay; or a url.
    to: who gets a mail; "" for nobody. Raises Invalid for what names no relay.
    """
    target = _target(config, which)
    typer.echo(f"relay {target.name}, encryption {target.encryption}")
    answer = asyncio.run(_talk(config, target, to))
    yield from remarks(target)
    yield _verdict(target, answer, to)


def _target(config: "Config", which: str) -> "Target":
    from gateway.outbound.target import read_url

    if which == OPERATOR:
        if config.operator_relay is None:
            raise Invalid((Problem("--relay", "mail.operator_relay is not set"),))
        return config.operator_relay
    if which.isdecimal():
        if not 1 <= int(which) <= len(config.relay):
            raise Invalid((Problem("--relay", f"the settings have {len(config.relay)} [[relay]]; the first is 1"),))
        return config.relay[int(which) - 1].target
    try:
        target = read_url(which)
    except ValueError as error:
        raise Invalid((Problem("--relay", f"{error}; or the number of a relay in the settings, from 1"),)) from None
    if target.password:
        raise Invalid((Problem("--relay", "others see a command line: leave the password out, it is asked for"),))
    if target.username:
        target = replace(target, password=typer.prompt("Password", hide_input=True, err=True))
    return target


def remarks(target: "Target") -> Iterator[Finding]:
    """What works and yet should be otherwise."""
    if target.username and not target.checked:
        yield warning(
            f"{target.name} is told the password whoever it is, for its certificate is not checked: write "
            "?starttls=require or smtps://"
        )
    for file in (target.password_file, target.oauth_token_file):
        if file is not None and file.exists() and file.stat().st_mode & 0o077:
            yield warning(f"{file} can be read by others on this machine: chmod 600")


def _verdict(target: "Target", answer: "Answer", to: str) -> Finding:
    from gateway.outbound.answers import Outcome

    if answer.outcome is Outcome.SENT:
        done = f"{target.name} has taken the mail to {to}: see that it arrives" if to else ""
        return ok(done or f"{target.name} lets us in; nothing was sent (--to ADDRESS sends a mail)")
    meaning = {
        Outcome.DEFERRED: "it takes this mail later, perhaps",
        Outcome.FAILED: "it refuses this recipient or this mail",
        Outcome.RELAY_DOWN: "it takes no mail from us",
        Outcome.UNCLEAR: "nobody knows whether it has the mail",
    }
    return failed(f"{meaning[answer.outcome]}: {answer}")


async def _talk(config: "Config", target: "Target", to: str) -> "Answer":
    from gateway.outbound import paths
    from gateway.outbound.answers import Answer, Gone, Outcome
    from gateway.outbound.connect import connect, tls_context
    from gateway.outbound.handover import hand_over

    witness, host = Transcript(), paths.a_labels(config.mail.reply_domain) or "localhost"
    sender, recipient = paths.written(config.from_address), paths.written(to) if to else b""
    if sender is None or recipient is None:
        return Answer(Outcome.FAILED, 0, "5.1.3", "this is not an address that mail can be sent to")
    try:
        connection = await connect(
            target, local_hostname=host, patience=TIMEOUT, tls=tls_context(target), witness=witness
        )
    except Gone as error:
        if isinstance(error.__cause__, ssl.SSLCertVerificationError):
            await _show_certificate(target, host)
        return error.answer
    try:
        if not to:
            return Answer(Outcome.SENT, 0, "", "")
        mail = _test_mail(config, to)
        typer.echo(f"-- a mail of {len(mail)} bytes goes to {line(to)}")
        return await hand_over(connection, target, sender, recipient, mail, TIMEOUT)
    except Gone as error:
        return error.answer
    finally:
        await connection.quit()


async def _show_certificate(target: "Target", host: str) -> None:
    """The certificate that was not good, on a connection of its own; nobody signs in there."""
    from gateway.outbound.answers import Gone
    from gateway.outbound.connect import connect, tls_context

    unchecked = replace(target, checked=False, username="", ca_file=None)
    typer.echo("-- once more without checking it, to see the certificate")
    try:
        connection = await connect(
            unchecked, local_hostname=host, patience=TIMEOUT, tls=tls_context(unchecked), witness=Transcript()
        )
    except Gone as error:
        typer.echo(f"-- {line(str(error.answer))}")
    else:
        await connection.quit()


def _test_mail(config: "Config", to: str) -> bytes:
    """A mail that says what it is, signed like all others."""
    from gateway.outbound import sign

    domain = config.from_address.rpartition("@")[2]
    mail = EmailMessage(policy=SMTP.clone(utf8=not to.isascii()))
    mail["Date"], mail["Message-ID"] = formatdate(), make_msgid("check", domain)
    mail["From"], mail["To"], mail["Subject"] = config.from_address, to, "casegate check --relay"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nothing is to answer it
    mail.set_content("Mail to this address gets through the relay. There is nothing to do.\n")
    return sign.load(config).sign(mail.as_bytes(), domain, utc_now())


class Transcript:
    """Prints a dialogue while it happens."""

    def said(self, text: str) -> None:
        """A line of ours."""
        typer.echo(f"C: {line(text)}")

    def heard(self, text: str) -> None:
        """A line of the relay."""
        typer.echo(f"S: {line(text)}")

    def encrypted(self, tls: ssl.SSLObject, *, checked: bool) -> None:
        """What was agreed, and with whom."""
        cipher = tls.cipher()
        typer.echo(f"-- encrypted: {tls.version()}, {cipher[0] if cipher else 'no cipher'}")
        certificate = tls.getpeercert(binary_form=True)
        if certificate is not None:
            typer.echo(f"-- certificate, {'checked' if checked else 'NOT checked'}: {line(described(certificate))}")


if TYPE_CHECKING:
    _: Witness = Transcript()


def described(certificate: bytes) -> str:
    """Whom a certificate (DER) is for, who signed it, and until when."""
    from cryptography import x509

    read = x509.load_der_x509_certificate(certificate)
    try:
        alternatives = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [str(name.value) for name in alternatives]
    except x509.ExtensionNotFound:
        names = [read.subject.rfc4514_string()]
    issuer = "itself" if read.issuer == read.subject else read.issuer.rfc4514_string()
    return f"for {', '.join(names)}; by {issuer}; until {read.not_valid_after_utc:%Y-%m-%d}"

"""To come to a relay: connect, greet, encrypt, sign in; and what to do where that does not work."""

import asyncio
import os
import ssl

from gateway.errors import Invalid, Problem
from gateway.outbound.answers import Answer, Gone, Outcome, Stage, judge, one_line
from gateway.outbound.sign_in import sign_in
from gateway.outbound.target import Encryption, Target
from gateway.outbound.wire import TROUBLE, Connection, Reply, Witness, dial

# Of OpenSSL (X509_V_ERR_…), by what helps.
_UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21, 27})
_ANOTHER_NAME = frozenset({62, 63, 64})
_EXPIRED, _NOT_YET = 10, 9


def tls_context(target: Target) -> ssl.SSLContext:
    """What a relay's certificate is checked against, if it is. Raises Invalid when ca_file cannot be used."""
    if not target.checked:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        return ssl.create_default_context(cafile=target.ca_file)
    except (OSError, ssl.SSLError) as error:
        text = f"{target.ca_file} cannot be used: {error.strerror or error}; it has to hold certificates in PEM"
        raise Invalid((Problem("relay.ca_file", text),)) from error


async def connect(
    target: Target, *, local_hostname: str, patience: float, tls: ssl.SSLContext, witness: Witness | None = None
) -> Connection:
    """A connection that takes mail. local_hostname: for EHLO, in ASCII; patience: seconds for all. Raises Gone."""
    try:
        async with asyncio.timeout(patience):
            return await _open(target, local_hostname, tls, witness)
    except TROUBLE as error:
        raise gone(target, error, patience) from error


def gone(target: Target, error: BaseException, patience: float) -> Gone:
    """What trouble on a connection means."""
    return Gone(Answer(Outcome.RELAY_DOWN, 0, "", what_happened(target, error, patience)))


def what_happened(target: Target, error: BaseException, patience: float) -> str:
    """Trouble on a connection in words, with what to do about it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        text = f"its certificate is not good ({error.verify_message}): {_about_certificate(target, error)}"
    elif isinstance(error, ssl.SSLError):
        text = f"it cannot be encrypted ({error.reason or error}); port 465 is for smtps://, 587 and 25 are for smtp://"
    elif isinstance(error, TimeoutError):
        text = f"no answer within {patience:g} seconds"
        if target.port == 465 and target.encryption is not Encryption.IMPLICIT:
            text += "; port 465 is for smtps://"
    elif isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        text = os.strerror(error.errno)
    else:
        text = str(error) or type(error).__name__
    return one_line(f"{target.name}: {text}")


def _about_certificate(target: Target, error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in _UNKNOWN_AUTHORITY:
        where = f"that {target.ca_file} holds" if target.ca_file else "that this machine knows"
        return f"it is signed by no authority {where}; name the one of a private relay in ca_file of its [[relay]]"
    if error.verify_code in _ANOTHER_NAME:
        return f"it is for other names than {target.host}; write one of them in url"
    if error.verify_code == _EXPIRED:
        return "it has expired; its owner has to renew it"
    if error.verify_code == _NOT_YET:
        return "it is not valid yet; is the clock of this machine right?"
    return "its owner has to repair it"


async def _open(target: Target, local_hostname: str, tls: ssl.SSLContext, witness: Witness | None) -> Connection:
    connection = await _greeted(target, local_hostname, tls, witness)
    try:
        if target.encryption is Encryption.REQUIRED:
            await _encrypt(connection, target, local_hostname, tls)
        elif target.encryption is Encryption.OFFERED and connection.offers("STARTTLS") is not None:
            try:
                await _encrypt(connection, target, local_hostname, tls)
            except (ssl.SSLError, ConnectionError):  # RFC 7435: a plain connection is still better than no mail
                connection.close()
                connection = await _greeted(target, local_hostname, tls, witness)
        await sign_in(connection, target)
    except BaseException:
        connection.close()
        raise
    return connection


async def _greeted(target: Target, local_hostname: str, tls: ssl.SSLContext, witness: Witness | None) -> Connection:
    implicit = tls if target.encryption is Encryption.IMPLICIT else None
    connection = await dial(target.host, target.port, implicit, witness)
    try:
        _expect(220, await connection.hear())
        _expect(250, await connection.greet(local_hostname))
    except BaseException:
        connection.close()
        raise
    return connection


async def _encrypt(connection: Connection, target: Target, local_hostname: str, tls: ssl.SSLContext) -> None:
    if connection.offers("STARTTLS") is None:
        text = f"{target.name} offers no STARTTLS, which ?starttls=require insists on: is this the right port (587)?"
        raise Gone(Answer(Outcome.RELAY_DOWN, 0, "", text, Stage.CONNECT))
    reply = await connection.start_tls(tls, target.host)
    if reply.code == 220:
        reply = await connection.greet(local_hostname)
        _expect(250, reply)
    elif target.encryption is Encryption.REQUIRED or reply.code == 421:
        _expect(220, reply)


def _expect(code: int, reply: Reply) -> None:
    if reply.code != code:
        raise Gone(judge(Stage.CONNECT, reply.code, reply.message))

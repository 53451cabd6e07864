"""AUTH: PLAIN, LOGIN and XOAUTH2, the secret from the url or from a file (RFC 4954, RFC 4616).

XOAUTH2 is no RFC; the form is the one that Google and Microsoft document. Nothing secret is said without encryption,
but to this machine itself, and nothing secret is shown.
"""

import binascii
from base64 import b64decode, b64encode
from ipaddress import ip_address
from pathlib import Path

from gateway.outbound.answers import Answer, Gone, Outcome, Stage, judge, one_line
from gateway.outbound.target import Target
from gateway.outbound.wire import Connection, Reply

MAX_SECRET = 65_536  # octets of a file with a secret
_MAX_COMMAND = 512  # octets with CR LF (RFC 5321 §4.5.3.1.4); a longer first response waits for its 334 (RFC 4954 §4)
_NOT_KNOWN_HERE = frozenset({500, 501, 504})  # this mechanism or its form, whatever the secret


async def sign_in(connection: Connection, target: Target) -> None:
    """Sign in, when the target has a user name. Raises Gone when the relay does not let us, and TROUBLE."""
    if not target.username:
        return
    if connection.tls is None and not _is_this_machine(connection.peer):
        raise _impossible(
            f"{target.name} offers no encryption, and the password is not said without it: write ?starttls=require or "
            "smtps:// and the port that goes with it (587, 465)"
        )
    offered = (connection.offers("AUTH") or "").split()
    mechanisms = [name for name in _mechanisms(target) if name in offered]
    if not mechanisms:
        raise _impossible(
            f"{target.name} does not let anybody sign in with {' or '.join(_mechanisms(target))} "
            f"(AUTH: {one_line(' '.join(offered)) or 'not offered'}): take the user name out of url, or another port"
        )
    secret = _secret(target)
    for place, mechanism in enumerate(mechanisms):
        reply = await _try(connection, mechanism, target.username, secret)
        # A second try with another mechanism would count as a second wrong password.
        if reply.code not in _NOT_KNOWN_HERE or place == len(mechanisms) - 1:
            break
    if reply.code != 235:
        answer = judge(Stage.CONNECT, reply.code, f"{reply.message} ({_ADVICE.format(what=_source(target))})")
        raise Gone(answer)


_ADVICE = "the relay does not let us in: see the user name in url and {what}"


def _mechanisms(target: Target) -> tuple[str, ...]:
    return ("XOAUTH2",) if target.oauth_token_file is not None else ("PLAIN", "LOGIN")


def _source(target: Target) -> str:
    if target.oauth_token_file is not None:
        return f"the token in {target.oauth_token_file}"
    return f"the password in {target.password_file}" if target.password_file is not None else "the password there"


def _impossible(text: str) -> Gone:
    return Gone(Answer(Outcome.RELAY_DOWN, 0, "", text, Stage.CONNECT))


def _is_this_machine(peer: str) -> bool:
    try:
        return ip_address(peer.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _secret(target: Target) -> str:
    """The password or token."""
    file = target.oauth_token_file or target.password_file
    return target.password if file is None else _read(file)


def _read(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as lines:
            secret = lines.read(MAX_SECRET).strip("\r\n \t")
    except OSError as error:
        raise _impossible(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeError as error:
        raise _impossible(f"{file} is no text in UTF-8") from error
    if not secret or not secret.isprintable():
        raise _impossible(f"{file} has to hold one line with the secret, and nothing else")
    return secret


async def _try(connection: Connection, mechanism: str, username: str, secret: str) -> Reply:
    """One mechanism. Returns the last reply, 235 when we are in."""
    said = _responses(mechanism, username, secret)
    connection.keep_secret(secret, *(response.decode() for response in said))
    first, *others = said
    command = b"AUTH " + mechanism.encode()
    if mechanism != "LOGIN" and len(command) + len(first) + 3 <= _MAX_COMMAND:
        reply = await connection.ask(command + b" " + first, shown=f"AUTH {mechanism} …")
    else:
        reply = await connection.ask(command)
        others = said
    for response in others:
        if reply.code != 334:
            return reply
        reply = await connection.ask(response, shown="…")
    if reply.code != 334:
        return reply
    # XOAUTH2 tells what is wrong in one more challenge, as JSON, and refuses after an empty response to it.
    explanation = _explanation(reply.message)
    reply = await connection.ask(b"" if mechanism == "XOAUTH2" else b"*")
    return Reply(reply.code, f"{reply.message} {explanation}")


def _responses(mechanism: str, username: str, secret: str) -> list[bytes]:
    if mechanism == "PLAIN":
        return [b64encode(f"\0{username}\0{secret}".encode())]
    if mechanism == "LOGIN":
        return [b64encode(username.encode()), b64encode(secret.encode())]
    return [b64encode(f"user={username}\x01auth=Bearer {secret}\x01\x01".encode())]


def _explanation(challenge: str) -> str:
    try:
        return b64decode(challenge, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return challenge

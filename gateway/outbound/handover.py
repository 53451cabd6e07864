"""One mail for one recipient over one connection: MAIL, RCPT, DATA, the mail, and what became of it (RFC 5321 §3.3)."""

import asyncio
import re

from gateway.outbound import paths
from gateway.outbound.answers import Answer, Gone, Outcome, Stage, judge
from gateway.outbound.connect import gone, what_happened
from gateway.outbound.target import Target
from gateway.outbound.wire import TROUBLE, Connection, Reply

_WELCOME = {
    Stage.RSET: (250,),
    Stage.MAIL: (250,),
    Stage.RCPT: (250, 251, 252),
    Stage.DATA: (354,),
}
_LINE_END = re.compile(rb"\r\n|\r|\n")


async def hand_over(
    connection: Connection, target: Target, sender: bytes, recipient: bytes, data: bytes, patience: float
) -> Answer:
    """Hand one mail over. The connection is closed where it can carry no other one.

    sender, recipient: as `paths.written` gives them; data: with CR LF at every line end; patience: seconds for the
    dialogue before the mail, and for the answer to it. Raises Gone when the relay left before it had the mail.
    """
    impossible = _impossible(connection, sender, recipient, data)
    if impossible is not None:
        return impossible
    replies: dict[Stage, Reply] = {}
    try:
        async with asyncio.timeout(patience):
            await _converse(connection, _commands(connection, sender, recipient, data), replies)
    except TROUBLE as error:
        connection.close()
        refusal = _refusal(replies)
        if refusal is None:
            raise gone(target, error, patience) from error
    else:
        refusal = _refusal(replies)
    if refusal is None:
        return await _transfer(connection, target, data, patience)
    if refusal.code == 421 or refusal.stage is Stage.RSET:
        raise Gone(refusal)
    return refusal


def _impossible(connection: Connection, sender: bytes, recipient: bytes, data: bytes) -> Answer | None:
    """Why this mail need not be tried: the relay has said what it cannot carry."""
    limit = connection.offers("SIZE") or ""
    if limit.isdecimal() and 0 < int(limit) < len(data):
        text = f"the mail has {len(data)} bytes, and the relay takes {limit} at most"
        return Answer(Outcome.FAILED, 0, "5.3.4", text)
    if connection.offers("SMTPUTF8") is None and (paths.needs_utf8(sender) or paths.needs_utf8(recipient)):
        text = "the relay takes no address with letters beyond ASCII before the @ (SMTPUTF8)"
        return Answer(Outcome.FAILED, 0, "5.6.7", text)
    return None


def _commands(connection: Connection, sender: bytes, recipient: bytes, data: bytes) -> dict[Stage, bytes]:
    mail = [b"MAIL FROM:<%s>" % sender]
    if connection.offers("SIZE") is not None:
        mail.append(b"SIZE=%d" % len(data))
    if connection.offers("8BITMIME") is not None and not data.isascii():
        mail.append(b"BODY=8BITMIME")
    if paths.needs_utf8(sender) or paths.needs_utf8(recipient):
        mail.append(b"SMTPUTF8")
    commands = {Stage.RSET: b"RSET"} if connection.within_mail else {}
    return commands | {Stage.MAIL: b" ".join(mail), Stage.RCPT: b"RCPT TO:<%s>" % recipient, Stage.DATA: b"DATA"}


async def _converse(connection: Connection, commands: dict[Stage, bytes], replies: dict[Stage, Reply]) -> None:
    """Say the commands and fill in the replies; up to the first refusal, or in one write where the relay can take it.

    Ends with a relay that waits for the mail only when nothing was refused.
    """
    pipelined = connection.offers("PIPELINING") is not None
    if pipelined:
        connection.say(*commands.values())
    for stage, command in commands.items():
        if not pipelined:
            connection.say(command)
        reply = replies[stage] = await connection.hear()
        if reply.code == 421:  # it closes, whatever else was asked
            connection.close()
            return
        if not pipelined and reply.code not in _WELCOME[stage]:
            break
    connection.within_mail = replies[Stage.MAIL].code == 250 if Stage.MAIL in replies else connection.within_mail
    if _refusal(replies) is None:
        connection.within_mail = False
    elif Stage.DATA in replies and replies[Stage.DATA].code == 354:
        # RFC 2920 §3.1: it waits for a mail that nobody is to get. The lone dot makes an end, and is refused.
        reply = await connection.ask(b".")
        if reply.code == 421:
            connection.close()


def _refusal(replies: dict[Stage, Reply]) -> Answer | None:
    """The first refusal: what comes after it follows from it (RFC 2920 §3.1)."""
    for stage, reply in replies.items():
        if reply.code not in _WELCOME[stage]:
            return judge(stage, reply.code, reply.message)
    return None


async def _transfer(connection: Connection, target: Target, data: bytes, patience: float) -> Answer:
    try:
        await connection.send_mail(with_dots(data), patience)
    except TROUBLE as error:
        return await _broken_off(connection, what_happened(target, error, patience))
    connection.carried += 1
    try:  # From here on the relay may have the mail.
        async with asyncio.timeout(patience):
            reply = await connection.hear()
    except TROUBLE as error:
        connection.close()
        return Answer(Outcome.UNCLEAR, 0, "", what_happened(target, error, patience))
    answer = judge(Stage.DOT, reply.code, reply.message)
    if reply.code == 421:  # it has not taken the mail, and ends the session
        connection.close()
        raise Gone(answer)
    return answer


async def _broken_off(connection: Connection, happened: str) -> Answer:
    """The connection broke in the middle of the mail: the relay cannot have taken it, and may have said why."""
    connection.close()
    later = Answer(Outcome.DEFERRED, 0, "", f"{happened}, in the middle of the mail")
    try:
        reply = await connection.hear()
    except TROUBLE:
        return later
    answer = judge(Stage.DOT, reply.code, reply.message)
    if reply.code == 421:
        raise Gone(answer)
    return answer if reply.code >= 400 else later


def with_line_ends(data: bytes) -> bytes:
    """CR LF at every line end: a relay may take anything else for the end of the mail (RFC 5321 §2.3.8)."""
    lines = data.count(b"\r\n")
    if data.count(b"\n") != lines or data.count(b"\r") != lines:
        data = _LINE_END.sub(b"\r\n", data)
    return data if data.endswith(b"\r\n") else data + b"\r\n"


def with_dots(data: bytes) -> bytes:
    """The mail with its transparency dots and its end (RFC 5321 §4.5.2)."""
    first = b"." if data.startswith(b".") else b""
    return first + data.replace(b"\r\n.", b"\r\n..") + b".\r\n"

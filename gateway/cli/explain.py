"""The whole way of one mail in the open: of a file before it is ever sent, or of a kept one."""

import re
import sys
import time
from collections.abc import Iterable, Iterator
from email import message_from_bytes
from email.policy import default
from email.utils import getaddresses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.installation import ConfigFile, settings, utc_now, working
from gateway.cli.output import AsJson, as_json, line
from gateway.errors import CasegateError, Invalid, NotFound, Problem, Refused, StillAsking

if TYPE_CHECKING:
    from gateway.app import Parts
    from gateway.inbound.admit import Recipient
    from store.inbox import Kept

commands = typer.Typer()

LOOKS, PAUSE = 100, 0.25  # for the answers of the DNS; seconds between two looks

_LONE_LINE_END = re.compile(rb"(?<!\r)\n")
_ENVELOPE_FIELDS = ("delivered-to", "x-original-to", "envelope-to", "to", "cc")


@commands.command()
def explain(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="The mail as it comes; - for standard input.")],
    mail_from: Annotated[
        str | None, typer.Option("--from", metavar="ADDRESS", help="Envelope sender; by default Return-Path or From.")
    ] = None,
    recipients: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="ADDRESS", help="Recipient; by default what is ours in To, Cc, Delivered-To."),
    ] = None,
    client: Annotated[str, typer.Option(metavar="IP", help="Where the mail came from.")] = "",
    helo: Annotated[str, typer.Option(metavar="NAME", help="As what that client greeted.")] = "",
    json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Show what would become of a mail, and why. Changes nothing."""
    raw = _LONE_LINE_END.sub(b"\r\n", _read(file))
    with working(settings(config)) as parts:
        found = _recipients(parts, raw, recipients)
        kept = _as_kept(raw, _sender(raw) if mail_from is None else mail_from.strip("<> "), found, client, helo)
        document = explained(parts, kept, raw)
    if json:
        as_json(document)
    else:
        tell(document)


def explained(parts: "Parts", kept: "Kept", raw: bytes) -> dict[str, Any]:
    """The explanation, once the DNS of the sender has answered.

    Raises StillAsking when that takes too long, Refused when reading the mail takes too much.
    """
    from gateway.heavy import Killed

    looks = LOOKS
    while True:
        try:
            return parts.explainer.explain(kept, raw)
        except StillAsking:
            looks -= 1
            if not looks:
                raise
            time.sleep(PAUSE)
        except Killed as error:
            raise Refused(f"This mail cannot be read: {error}") from error


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise NotFound(f"{file} cannot be read: {error.strerror}") from error


def _sender(raw: bytes) -> str:
    """The envelope sender as the header has it. `Return-Path: <>` is the null sender."""
    header = message_from_bytes(raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", policy=default)
    field = header.get("return-path") or header.get("from") or ""
    return next((address for _, address in getaddresses([str(field)])), "")


def _recipients(parts: "Parts", raw: bytes, named: list[str] | None) -> "tuple[Recipient, ...]":
    """Those that we take mail for. Raises the door's own error for a named one that is refused."""
    if named:
        return tuple(parts.admission.admit(address.strip("<> ")) for address in named)
    header = message_from_bytes(raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", policy=default)
    fields = [str(value) for name in _ENVELOPE_FIELDS for value in header.get_all(name, [])]
    found: dict[str, Recipient] = {}
    for _, address in getaddresses(fields):
        try:
            found.setdefault(address.lower(), parts.admission.admit(address))
        except CasegateError:
            continue  # somebody else's, as most of To and Cc
    if not found:
        raise Invalid((Problem("--to", "no address in its header is ours; name the one that it came to"),))
    return tuple(found.values())


def _as_kept(raw: bytes, mail_from: str, recipients: "Iterable[Recipient]", client: str, helo: str) -> "Kept":
    """The mail as if it had just been kept."""
    from gateway.inbound.keep import recipients_to_json
    from store.inbox import Kept

    now = utc_now()
    return Kept(
        0, now, mail_from, recipients_to_json(recipients), client, helo, len(raw), "claimed", now, 1, 0, "", "", 0, "",
        "", raw,
    )  # fmt: skip


def tell(document: dict[str, Any]) -> None:
    """Print an explanation for a person."""
    for text in (*_envelope(document), *_understanding(document), *_words(document)):
        typer.echo(text)
    for decided in document["cases"]:
        for text in _case(decided):
            typer.echo(text)
    if document["answer"]:
        typer.echo(f"{'sender':<13} {_answer(document['answer'])}")


def _fact(name: str, text: str, *more: str) -> Iterator[str]:
    yield f"{name:<13} {line(text)}".rstrip()
    yield from (f"{'':<13}   {line(one)}" for one in more)


def _answer(answer: dict[str, Any]) -> str:
    why = f" ({answer['why']})" if answer["why"] else ""
    if answer["notSent"]:
        return f"gets no {answer['template']}{why}: {answer['notSent']}"
    return f"gets {answer['template']}{why}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _envelope(document: dict[str, Any]) -> Iterator[str]:
    envelope, parsed = document["envelope"], document["parse"]
    came = f"{envelope['from'] or '<>'}, {envelope['bytes']:,} bytes, client {envelope['client'] or 'unknown'}"
    yield from _fact("envelope", came, *(f"to {to['address']} ({to['mailbox']})" for to in envelope["to"]))
    sizes = ", ".join(
        f"{name} {parsed[key]:,} characters"
        for name, key in (("text", "textCharacters"), ("HTML", "htmlCharacters"))
        if parsed[key] is not None
    )
    what = "too complex to be read" if parsed["tooComplex"] else sizes or "no words"
    more = [f"file {f['name']} ({f['declaredType']}, {f['bytes']:,} bytes)" for f in parsed["files"]]
    more += [f"defect: {defect}" for defect in parsed["defects"]]
    yield from _fact("parse", f"{what}; from {', '.join(parsed['from']) or 'nobody'}: {parsed['subject']}", *more)


def _understanding(document: dict[str, Any]) -> Iterator[str]:
    verdict, known = document["classify"], document["authenticate"]
    signs = [f"{sign['weight']} for {sign['for']}: {sign['because']}" for sign in verdict["signs"]]
    signs += [] if verdict["mayBeAnswered"] else ["gets no automatic answer"]
    yield from _fact("classify", f"{verdict['kind']}: {verdict['because']}", *signs)
    if known:
        checks = [f"{one['method']}={one['result']}: {one['because']}" for one in known["checks"]]
        yield from _fact("authenticate", f"{known['verdict']}: {known['because']}", *checks)


def _words(document: dict[str, Any]) -> Iterator[str]:
    cut, files = document["cut"], document["files"]
    if cut:
        size = f"{cut['newCharacters']:,} characters are new, {cut['quotedCharacters']:,} quoted"
        yield from _fact("cut", f"{cut['how']}: {size}")
    if files and (files["taken"] or files["setAside"]):
        taken = [f"taken: {one['name']} ({one['type']}, {one['bytes']:,} bytes)" for one in files["taken"]]
        aside = [f"set aside ({one['why']}): {one['name']}: {one['because']}" for one in files["setAside"]]
        yield from _fact("files", f"{len(taken)} taken, {len(aside)} set aside", *taken, *aside)


def _case(decided: dict[str, Any]) -> Iterator[str]:
    """What it comes to in one case."""
    where = decided.get("case", "no case")
    who = f" as {decided['as']['role']} {decided['as']['address']}" if "as" in decided else ""
    yield from _fact("outcome", f"{decided['outcome']} in {where}{who}: {decided['because']}")
    more = []
    if pace := decided.get("pace"):
        more.append(
            f"pace: {pace['postsThisHour']} of {pace['postsAllowed']} mails an hour,"
            f" {pace['turnsWithinAMinute']} of {pace['turnsAllowed']} answers by turns within a minute"
        )
    if decided.get("via"):
        more.append(f"shown as from {decided['via']}, an address that is not known")
    if decided.get("unverified"):
        more.append("marked: nothing proves its sender")
    if "statusThen" in decided:
        more.append(f"the case is {decided['status']} now, {decided['statusThen']} then")
        if decided["statusThen"] == "CLOSED":
            more.append("it only says thanks, so the case stays closed and nobody is mailed")
    more += [f"sends {one['template']} to {one['to']}" for one in decided.get("sends", ())]
    if answer := decided.get("answer"):
        more.append(f"its sender {_answer(answer)}")
    if decided.get("alarm"):
        more.append(f"alarm: {decided['alarm']}")
    yield from (f"{'':<13} {line(text)}" for text in more)
    draft = decided.get("posts") or decided.get("wouldPost")
    if draft:
        verb = "posts" if "posts" in decided else "would post"
        files = f" and {', '.join(draft['files'])}" if draft["files"] else ""
        yield from _fact(verb, f"{_count(len(draft['messages']), 'message')}{files}")
        for text in draft["messages"]:
            yield from (f"{'':<13} | {line(one)}" for one in text.splitlines())

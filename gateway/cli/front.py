"""Can a sender forge what the mail server in front of us tells? A mail that tries is sent through it and read as any.

    field of that mail                         it must not be
    -----------------------------------------  -----------------------------------------------------------------
    Authentication-Results, in four spellings  believed: it is stripped, renamed, or below the front's own fields
    ARC-Authentication-Results                 believed: it never is without a seal
    Received, as if a trusted relay wrote it   taken for the way that the mail came

The mail goes to postmaster, so no case hears of it (HARDENING rule 14).
"""

import asyncio
import re
import secrets
import socket
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import TYPE_CHECKING

from gateway.cli.findings import Finding, failed, ok, warning
from gateway.cli.installation import opened
from gateway.errors import Invalid, Problem
from gateway.mail.authentication import results
from gateway.mail.authentication.received import Hop, Network, origin, read

if TYPE_CHECKING:
    from gateway.config import Config, SmtpSection
    from gateway.outbound.relay import Answer
    from store.files import Files
    from store.inbox import Kept

STEP_TIMEOUT = 60.0  # seconds for each step of handing the mail over
_PLACE = re.compile(r"(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0  # seconds between looks into the inbox
_FORGED_CLIENT = "192.0.2.1"  # RFC 5737: nobody's address
_RESULTS = "authentication-results"

Headers = tuple[tuple[str, str], ...]


def check_front(config: "Config", front: str, *, sender: str, patience: float) -> Iterator[Finding]:
    """Send a forged mail through the front, `host:port`, wait for it and say what of it is believed.

    sender: of the envelope, "" for the null sender, to whom nobody sends bounces. patience: seconds. Raises Invalid.
    """
    from gateway.mail.parse import parse
    from gateway.outbound.relay import Outcome

    if not _is_place(front):
        raise Invalid((Problem("--front", "write host:port, for example mx.example.org:25"),))
    mark = secrets.token_hex(8)
    with opened(config) as (_, files):
        last = _last_id()
        answer = asyncio.run(_hand_over(config, front, sender, forged_mail(config, front, sender, mark)))
        if answer.outcome is not Outcome.SENT:
            yield failed(f"{front} does not take the mail that tries it out: {answer}")
            return
        kept = _wait(mark, last, files, patience)
        if kept is None:
            yield failed(
                f"{front} took the mail, and it did not come in within {patience:g} seconds: does the gateway run, "
                f"and what does the front's queue say? Its Message-ID is {_message_id(config, mark)}"
            )
            return
        headers = parse(_bytes(kept, files)).headers
    yield from judge(headers, client=kept.client, helo=kept.helo, smtp=config.smtp, mark=mark)


def _is_place(front: str) -> bool:
    match = _PLACE.fullmatch(front)
    return match is not None and int(match[1] or 25) <= 65_535


# The mail


def forged_mail(config: "Config", front: str, sender: str, mark: str) -> bytes:
    """A mail whose header says that it was authenticated. mark: stands in each of the fields that say so."""
    domain, us = config.mail.reply_domain, config.smtp.authserv_id or front.rpartition(":")[0] or front
    told = (
        f"spf=pass smtp.mailfrom={mark}@{domain}",
        f"dkim=pass header.d={domain}",
        f"dmarc=pass header.from={domain}",
    )
    line = "; ".join((us, *told))
    relay = next((str(network[0]) for network in config.smtp.trusted_relays), "127.0.0.1")
    now = formatdate()
    return "\r\n".join(
        (
            f"Authentication-Results: {line}",
            "Authentication-Results:\r\n\t" + ";\r\n\t".join((us, *told)),
            f"AUTHENTICATION-RESULTS: {line.upper()}",
            "Authentication-Results: " + "; ".join((f"{us} 1", *told)),
            f"ARC-Authentication-Results: i=1; {line}",
            f"Received: from {us} ({us} [{_literal(relay)}]) by {us} with ESMTP id {mark}; {now}",
            f"Received: from mail.{domain} (mail.{domain} [{_FORGED_CLIENT}]) by {us} with ESMTP id {mark}; {now}",
            f"Date: {now}",
            f"From: Casegate check <{sender or _postmaster(config)}>",
            f"To: <{_postmaster(config)}>",
            f"Message-ID: {_message_id(config, mark)}",
            "Subject: casegate check --front",
            "Auto-Submitted: auto-generated",  # RFC 3834: nothing is to answer it
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=us-ascii",
            "",
            "This mail finds out whether forged authentication results are believed. There is nothing to do.",
            "",
        )
    ).encode()


def _postmaster(config: "Config") -> str:
    return f"postmaster@{config.mail.reply_domain}"


def _message_id(config: "Config", mark: str) -> str:
    return f"<{mark}.check@{config.mail.reply_domain}>"


def _literal(address: str) -> str:
    return f"IPv6:{address}" if ":" in address else address  # RFC 5321 §4.1.3


async def _hand_over(config: "Config", front: str, sender: str, mail: bytes) -> "Answer":
    from gateway.outbound.relay import Relay

    relay = Relay(f"smtp://{front}", local_hostname=socket.getfqdn(), timeout=STEP_TIMEOUT)
    try:
        return await relay.send(sender, _postmaster(config), mail)
    finally:
        await relay.close()


# The inbox


def _last_id() -> int:
    from store import inbox

    return max((kept.id for kept in inbox.listing(limit=1)), default=0)


def _wait(mark: str, after: int, files: "Files", patience: float) -> "Kept | None":
    """The mail, once it is kept; None when it does not come."""
    deadline, pause = time.monotonic() + patience, _FIRST_PAUSE
    while (kept := _find(mark, after, files)) is None and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    return kept


def _find(mark: str, after: int, files: "Files") -> "Kept | None":
    from store import inbox
    from store.database import sql

    # On a busy gateway much comes in meanwhile; little of it is for postmaster.
    rows = sql("SELECT id FROM inbox WHERE id > ? AND recipients LIKE '%postmaster%' ORDER BY id", (after,)).fetchall()
    mails = (inbox.get(inbox_id) for (inbox_id,) in rows)
    return next((kept for kept in mails if mark.encode() in _bytes(kept, files)), None)


def _bytes(kept: "Kept", files: "Files") -> bytes:
    return kept.raw if kept.raw is not None else files.read_raw(kept.raw_file)


# The verdict


def judge(headers: Headers, *, client: str, helo: str, smtp: "SmtpSection", mark: str) -> Iterator[Finding]:
    """What of the forged mail is believed. client, helo: of the session that brought it; headers: as parsed."""
    source = origin(headers, client=client, helo=helo, relays=smtp.trusted_relays)
    added = headers[: next((place for place, field in enumerate(headers) if _is_forged(field, mark)), len(headers))]
    ways = [place for place, (name, _) in enumerate(added) if name.lower() == "received"]
    hops = [read(added[place][1]) for place in ways]
    yield _forged_results(headers, source.believed, smtp.authserv_id, mark)
    yield _way(source.client, hops, client, smtp.trusted_relays)
    yield _own_results(headers, added[: ways[-1]] if ways else (), smtp.authserv_id, mark)


def _is_forged(field: tuple[str, str], mark: str) -> bool:
    name, value = field
    return mark in value.lower() and name.lower() != "message-id"


def _told(headers: Headers, authserv_id: str) -> list[tuple[str, str]]:
    """The results under our name, whoever wrote them; those of every name for ""."""
    fields = [field for field in headers if field[0].lower() == _RESULTS]
    return [field for field in fields if not authserv_id or results.read(field[1])[0] == authserv_id.lower()]


def _forged_results(headers: Headers, believed: Headers, authserv_id: str, mark: str) -> Finding:
    """Whether a sender can say that his mail was authenticated."""
    came_through = [field for field in _told(headers, authserv_id) if _is_forged(field, mark)]
    if authserv_id and any(_is_forged(field, mark) for field in _told(believed, authserv_id)):
        return failed(
            f"forged Authentication-Results are believed: the front must strip what a sender writes as {authserv_id} "
            "(docs/behind-postfix.md has the lines), and see the next line"
        )
    if not came_through:
        return ok("forged Authentication-Results are stripped by the front")
    if not authserv_id:
        return ok("forged Authentication-Results come through, and none are believed: smtp.authserv_id is empty")
    return warning(
        f"forged Authentication-Results as {authserv_id} come through; they are not believed, for they stand below the "
        "front's own fields: let the front strip them all the same (docs/behind-postfix.md has the lines)"
    )


def _way(found: str, hops: list[Hop], peer: str, relays: tuple[Network, ...]) -> Finding:
    """Whether SPF asks about whoever connected to the front. found: whom it asks about; hops: all that relays wrote."""
    if not peer:
        return failed(
            "the mail came through the LMTP socket, where nobody has an address that smtp.trusted_relays could name: "
            "SPF cannot be asked and no field of the front is believed; let smtp.lmtp_listen be a host:port"
        )
    if not hops:
        return failed(
            "the front adds no Received field, so nobody knows where its mail is from: make it add one. "
            "(Where this gateway itself was asked, there is no front to check)"
        )
    if not _is_among(peer, relays):
        addresses = ", ".join(f'"{network}"' for network in (*relays, peer))
        return failed(
            f"the front hands mail over from {peer}, which is not in smtp.trusted_relays: SPF would ask about the "
            f"front instead of the sender; write trusted_relays = [{addresses}]"
        )
    seen = hops[-1].client
    if not seen:
        return failed(
            "the Received field of the front does not tell the address of whoever connected: it must read like "
            "`from name (name [192.0.2.1])`"
        )
    if _is_among(seen, relays):
        return failed(
            f"the front saw this check come from {seen}, which smtp.trusted_relays covers: forged Received fields are "
            f"believed from there. List only what hands mail over ({peer}); where that is this machine itself, try "
            "from another one or at the front's public address"
        )
    if found != seen:
        return failed(
            f"SPF would ask about {found or 'nobody'}, which is on the way from the front to here, instead of {seen}, "
            "who connected to the front: add each of your relays to smtp.trusted_relays"
        )
    return ok(f"SPF asks about {seen}, which is this check as the front saw it")


def _is_among(address: str, relays: tuple[Network, ...]) -> bool:
    """Whether the reading of mails takes an address for a trusted relay's: it looks behind those and no other."""
    return origin((), client=address, helo="", relays=relays).client != address


def _own_results(headers: Headers, written: Headers, authserv_id: str, mark: str) -> Finding:
    """Whether the front says what it found out. written: the fields above the Received field that the front wrote."""
    if not authserv_id:
        return ok("senders are authenticated here, for smtp.authserv_id is empty")
    own = [results.read(value)[1] for _, value in _told(written, authserv_id)]
    if own:
        methods = dict.fromkeys(result.method for found in own for result in found)
        return ok(f"the front tells its own results as {authserv_id}: {', '.join(methods) or 'none'}")
    if any(not _is_forged(field, mark) for field in _told(headers, authserv_id)):
        return failed(
            f"the front writes its results as {authserv_id} below its Received field, where a sender's would stand: "
            "they are never believed; see docs/behind-postfix.md, or leave smtp.authserv_id empty"
        )
    names = dict.fromkeys(results.read(value)[0] for _, value in _told(written, ""))
    return failed(
        f"the front writes no results as {authserv_id}{_instead(names)}, so none will ever be believed: "
        "let it do so, or leave smtp.authserv_id empty, and senders are authenticated here"
    )


def _instead(names: dict[str, None]) -> str:
    return f" (it writes some as {', '.join(names)})" if names else ""

"""DATA: the bytes and the envelope become durable; only then the client hears 250."""

import asyncio
import hashlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import structlog

from gateway.cases.model import Key
from gateway.errors import Conflict, RateLimited, StoreUnavailable
from gateway.inbound.admit import Admission, Mailbox, Recipient
from gateway.inbound.limits import RateLimits
from store import idempotency, inbox
from store.database import Database
from store.files import Files, Room

INLINE_BYTES = 64 * 1024  # larger mails stand in a file of their own: a row that large slows every scan of the table

RUSH_RATE = 400.0  # mails a second, about twice what one process can pass on
RUSH_WINDOW = 0.1  # seconds

log = structlog.get_logger("keep")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A mail as it came: mail_from is "" for the null sender, client the peer's IP address, data the raw bytes.

    network: what its client is counted under, "" where he is not (`occupancy.counted_as`).
    """

    mail_from: str
    recipients: tuple[Recipient, ...]
    data: bytes
    client: str = ""
    helo: str = ""
    network: str = ""


class Rush:
    """Whether mail comes in faster than it can be processed by far; then taking it in goes first.

    Both would only slow each other down, and what is kept is processed a moment later. monotonic: seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._since = monotonic()
        self._count = 0
        self._rate = 0.0

    def note(self) -> None:
        """A mail was kept."""
        self._count += 1
        now = self._monotonic()
        if now - self._since >= RUSH_WINDOW:
            self._rate = self._count / (now - self._since)
            self._since, self._count = now, 0

    def is_on(self) -> bool:
        """Whether the last tenth of a second was one."""
        return self._rate > RUSH_RATE and self._monotonic() - self._since < 2 * RUSH_WINDOW


class Intake:
    """What the SMTP door asks: may it come in, and is it kept."""

    def __init__(
        self,
        admission: Admission,
        limits: RateLimits,
        database: Database,
        files: Files,
        *,
        now: Callable[[], datetime],
        rush: Rush,
        wake: Callable[[], None],
    ) -> None:
        self.begin = admission.begin
        self._admission = admission
        self._limits = limits
        self._database = database
        self._files = files
        self._now = now
        self._rush = rush
        self._wake = wake

    def admit(self, address: str, network: str = "") -> Recipient:
        """`Admission.admit`, and whether this recipient or network had too much mail. Raises RateLimited (450) too."""
        recipient = self._admission.admit(address)
        try:
            self._limits.check(recipient.token, network)
        except RateLimited:
            self._admission.braked += 1
            raise
        return recipient

    async def keep(self, envelope: Envelope, *, key: Key | None = None) -> str:
        """Make a mail durable. Returns the text after `250 2.0.0`. Raises StoreUnavailable or RateLimited: it is not.

        Sessions that end together share one commit, and so one sync.
        key: remembered with the mail, in one transaction. Raises Conflict when a mail was kept under it before.
        """
        raw_file = ""
        if key is not None:
            await asyncio.to_thread(self._refuse_repeated, key)  # before a file is written for nothing
        if len(envelope.data) > INLINE_BYTES:
            raw_file = await asyncio.to_thread(self._write_file, envelope.data)
        try:
            inbox_id = await self._database.write_async(lambda: self._insert(envelope, raw_file, key), then=self._wake)
        except (Conflict, RateLimited) as error:
            if raw_file:
                await asyncio.to_thread(self._remove_file, raw_file)
            if isinstance(error, RateLimited):
                self._admission.braked += 1
                self._limits.remember(error)
            raise
        self._rush.note()
        log.info("mail.kept", inbox_id=inbox_id, size=len(envelope.data), client=envelope.client)
        return f"kept as {inbox_id}"

    def keep_now(self, envelope: Envelope) -> int:
        """`keep` for a caller without an event loop (a pipe). Returns the inbox id."""
        raw_file = self._write_file(envelope.data) if len(envelope.data) > INLINE_BYTES else ""
        try:
            return self._database.write(lambda: self._insert(envelope, raw_file), then=self._wake)
        except RateLimited:
            if raw_file:
                self._remove_file(raw_file)
            raise

    def _write_file(self, data: bytes) -> str:
        try:
            return self._files.write_raw(os.urandom(16).hex() + ".eml", data)
        except OSError as error:
            log.error("mail.not_kept", error=str(error))
            raise StoreUnavailable("The mail could not be stored; please try again later") from error

    def _remove_file(self, name: str) -> None:
        """Take back what no row will name: our own job said no. (After any other error the row may stand.)"""
        self._files.remove(Room.RAW, name[:2], name)

    def _refuse_repeated(self, key: Key) -> None:
        if idempotency.find(key, self._now()) is not None:
            raise Conflict("This call was taken before; nothing was done again")

    def _insert(self, envelope: Envelope, raw_file: str, key: Key | None = None) -> int:
        """Runs in the writer thread."""
        now = self._now()
        if key is not None:
            self._refuse_repeated(key)
            idempotency.remember(key, "kept", now)
        tokens = dict.fromkeys(
            recipient.token
            for recipient in envelope.recipients
            if recipient.handle is not None and recipient.mailbox is not Mailbox.CANARY  # ours, and each has its own
        )
        self._limits.count(tokens, envelope.network, len(envelope.data))
        if raw_file and self._files.written_at(Room.RAW, raw_file[:2], raw_file) is None:
            raise StoreUnavailable("The mail took too long to be stored; please try again")  # the sweep was faster
        return inbox.insert(
            now=now,
            mail_from=envelope.mail_from,
            recipients=recipients_to_json(envelope.recipients),
            client=envelope.client,
            helo=envelope.helo,
            size=len(envelope.data),
            sha256=hashlib.sha256(envelope.data).hexdigest(),
            lane=next(iter(tokens), ""),
            raw=None if raw_file else envelope.data,
            raw_file=raw_file,
        )


def recipients_to_json(recipients: Iterable[Recipient]) -> str:
    """The recipients as an inbox row holds them."""
    return json.dumps([_as_json(recipient) for recipient in recipients])


def _as_json(recipient: Recipient) -> list[str | int]:
    return [recipient.address, recipient.mailbox, recipient.token, recipient.generation]


def recipients_from_json(text: str) -> tuple[Recipient, ...]:
    """The recipients of an inbox row."""
    return tuple(
        Recipient(address, Mailbox(mailbox), bytes.fromhex(handle) or None, generation)
        for address, mailbox, handle, generation in json.loads(text)
    )

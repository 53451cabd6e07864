"""All that is known about a customer, as he may see it, in one ZIP archive: for whoever asks what is kept about him.

Everything is read and written a part at a time, however many cases he has: one case or one mail is in memory at once.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import PurePath
from typing import IO, Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from gateway import shapes
from gateway.cases.model import Attachment, Audience, CaseView, Message, Order, Role
from gateway.errors import NotFound
from gateway.mail.redact import Redactor
from store import cases, erasures, exports, inbox, outbox, parties, reports, suppressions
from store.exports import MailIn, MailOut
from store.files import Files

PAGE = 100  # messages
CHUNK = 1 << 20  # bytes
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}")

README = """\
What this gateway keeps about one person, as of {now}.

A folder for each account of the person with a store (cus_...):

customer.json  name, addresses, orders, and whether mail to the addresses is stopped
cases.json     the cases, with every message that the person may see: who wrote it, when, and what became of its mail
mails.json     the mails that came from the person and those that went to the person, with what became of them
acts.json      what the person did, when, and how: by mail, on a page, or through the platform
files/         the files of the messages; cases.json says which is which
mails/         those mails themselves, as far as they are still kept; mails.json says which is which

Not in it: notes that stores and support write for themselves, and what other people wrote elsewhere. Reply addresses
and personal links were replaced in the mails, since whoever has one can act with it. Times are UTC.
"""


class Exporting:
    """Writes such archives. Blocks: call it from worker threads only."""

    def __init__(self, files: Files, redactor: Redactor, *, now: Callable[[], datetime]) -> None:
        self._files = files
        self._redactor = redactor
        self._now = now

    def write(self, customer_ids: Iterable[str], file: BinaryIO) -> Counter[str]:
        """Write the archive to a file that can seek. Returns what is in it, by kind. Raises NotFound."""
        counts: Counter[str] = Counter()
        with ZipFile(file, "w", ZIP_DEFLATED) as archive:
            writer = _Writer(archive, self._now())
            writer.text("README.txt", README.format(now=f"{self._now():%Y-%m-%d %H:%M} UTC"))
            for customer_id in customer_ids:
                counts += self._customer(writer, customer_id)
        return counts

    def _customer(self, writer: "_Writer", customer_id: str) -> Counter[str]:
        counts: Counter[str] = Counter()
        known = self._known(customer_id)
        his = frozenset({known["email"].lower(), *(one["address"].lower() for one in known["otherAddresses"])}) - {""}
        writer.text(f"{customer_id}/customer.json", json.dumps(known, indent=2, ensure_ascii=False) + "\n")
        with writer.values(f"{customer_id}/cases.json") as add:
            for case_id in exports.case_ids(customer_id):
                add(self._case(case_id))
                counts["cases"] += 1
        for case_id in exports.case_ids(customer_id):
            for file in _files(case_id):
                counts["files"] += writer.copy(f"{customer_id}/{_file_name(file)}", self._opened(file))
        with writer.values(f"{customer_id}/mails.json") as add:
            for mail in _mails(customer_id, his):
                add(self._mail(mail))
                counts["mails"] += 1
        for mail in _mails(customer_id, his):
            if mail.kept and (data := self._bytes(mail)):
                writer.data(f"{customer_id}/{_mail_name(mail)}", self._redactor.raw(data))
        with writer.values(f"{customer_id}/acts.json") as add:
            for case_id in exports.case_ids(customer_id):
                for entry in exports.acts(case_id, customer_id):
                    add({"at": _time(entry.at), "action": entry.action, "case": case_id, "door": entry.door})
                    counts["acts"] += 1
        return counts

    # Who he is

    def _known(self, customer_id: str) -> dict[str, Any]:
        customer = parties.find_customer(customer_id)
        if customer is None:
            raise NotFound(f"There is no customer {customer_id}")
        others = exports.addresses(customer_id)
        return {
            "id": customer.id,
            "store": {"id": customer.store_id, "name": parties.get_store(customer.store_id).name},
            "email": customer.email,
            "firstName": customer.first_name,
            "lastName": customer.last_name,
            "locale": customer.locale,
            "timeZone": customer.time_zone,
            "otherAddresses": [
                {"address": one.address, "askedAt": _time(one.asked_at), "confirmedAt": _time(one.confirmed_at)}
                for one in others
            ],
            "mailProvenAt": {
                address: _time(exports.passed_at(address))
                for address in (customer.email.lower(), *(one.address for one in others))
            },
            "stoppedMail": [
                stopped
                for address in (customer.email, *(one.address for one in others))
                if (stopped := self._stopped(address)) is not None
            ],
            "orders": [_order(order) for order in exports.orders(customer_id)],
        }

    def _stopped(self, address: str) -> dict[str, Any] | None:
        found = suppressions.get(address)
        if found is None:
            return None
        return {
            "address": found.address,
            "reason": found.reason,
            "detail": self._redactor.text(found.detail),
            "since": _time(found.since),
            "until": _time(found.until),
        }

    # What was said

    def _case(self, case_id: str) -> dict[str, Any]:
        view = cases.find(case_id)
        assert view is not None  # noqa: S101 - cases are never deleted
        return _about(view) | {"messages": [self._message(m) for page in _pages(case_id) for m in page]}

    def _message(self, message: Message) -> dict[str, Any]:
        return {
            "number": message.number,
            "from": message.sender_type,
            "name": message.sender_name,
            "writtenFrom": message.via,
            "at": _time(message.created_at),
            "body": message.body,
            "files": [
                {"name": file.filename, "type": file.mime_type, "bytes": file.size_bytes, "file": _file_name(file)}
                for file in message.attachments
            ],
            "mails": [
                {"state": one.state, "at": _time(one.at), "reason": self._redactor.text(one.reason)}
                for one in message.deliveries
                if one.role is Role.CUSTOMER
            ],
        }

    def _opened(self, file: Attachment) -> IO[bytes] | None:
        try:
            return self._files.place_of(file.sha256).open("rb")
        except FileNotFoundError:
            return None

    # Mails

    def _mail(self, mail: MailIn | MailOut) -> dict[str, Any]:
        kept = _mail_name(mail) if mail.kept else None
        if isinstance(mail, MailIn):
            return {
                "direction": "in", "id": mail.id, "case": mail.case_id or None, "at": _time(mail.kept_at),
                "from": mail.mail_from, "bytes": mail.size, "outcome": mail.outcome, "file": kept,
            }  # fmt: skip
        return {
            "direction": "out", "id": mail.id, "case": mail.case_id or None, "at": _time(mail.created_at),
            "to": mail.recipient, "kind": mail.template, "subject": mail.subject, "state": mail.report or mail.state,
            "sentAt": _time(mail.sent_at), "answer": self._redactor.text(mail.report_text or mail.answer), "file": kept,
        }  # fmt: skip

    def _bytes(self, mail: MailIn | MailOut) -> bytes:
        """Of a mail, b"" when their time is over since a moment ago."""
        if isinstance(mail, MailOut):
            return outbox.get(mail.id).data
        try:
            return inbox.bytes_of(inbox.get(mail.id), self._files)
        except (NotFound, FileNotFoundError):
            return b""


def _pages(case_id: str) -> Iterator[tuple[Message, ...]]:
    """The messages of a case that its customer may see, a page at a time, with what became of their mails."""
    after = 0
    while page := cases.messages_after(case_id, after, PAGE, Audience.of(Role.CUSTOMER)):
        after = page[-1].number
        known = reports.deliveries([message.id for message in page])
        yield tuple(replace(message, deliveries=known.get(message.id, ())) for message in page)


def _files(case_id: str) -> Iterator[Attachment]:
    return (file for page in _pages(case_id) for message in page for file in message.attachments)


def _mails(customer_id: str, his: frozenset[str]) -> Iterator[MailIn | MailOut]:
    for case_id in exports.case_ids(customer_id):
        yield from exports.mails_in(case_id, his)
        yield from exports.mails_out(case_id)
    alone = erasures.addresses_of(customer_id) & his
    yield from exports.letters_in(alone)
    yield from exports.letters_out(alone)


def _about(view: CaseView) -> dict[str, Any]:
    case = view.case
    return {
        "id": case.id, "subject": case.subject, "status": case.status, "priority": case.priority,
        "createdAt": _time(case.created_at), "closedAt": _time(case.closed_at), "order": _order(view.order),
    }  # fmt: skip


def _order(order: Order) -> dict[str, Any]:
    return {
        "id": order.id, "number": order.number, "amount": order.amount, "currency": order.currency,
        "status": order.status, "createdAt": _time(order.created_at),
    }  # fmt: skip


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else shapes.timestamp(moment)


def _file_name(file: Attachment) -> str:
    """By its id: what people call their files is nothing for a path."""
    ending = PurePath(file.filename).suffix
    return f"files/{file.id}{ending if _ENDING.fullmatch(ending) else ''}"


def _mail_name(mail: MailIn | MailOut) -> str:
    return f"mails/{'in' if isinstance(mail, MailIn) else 'out'}-{mail.id}.eml"


class _Writer:
    """Adds members to an archive."""

    def __init__(self, archive: ZipFile, now: datetime) -> None:
        self._archive = archive
        self._now = now

    def text(self, name: str, text: str) -> None:
        self.data(name, text.encode())

    def data(self, name: str, data: bytes) -> None:
        with self._opened(name) as member:
            member.write(data)

    def copy(self, name: str, source: IO[bytes] | None) -> int:
        """Returns how many were copied: 0 when there is no source."""
        if source is None:
            return 0
        with source, self._opened(name, ZIP_STORED) as member:
            while chunk := source.read(CHUNK):
                member.write(chunk)
        return 1

    @contextmanager
    def values(self, name: str) -> Iterator[Callable[[Any], None]]:
        """A list in JSON, written value by value."""
        with self._opened(name) as member:
            begun = False

            def add(value: Any) -> None:
                nonlocal begun
                text = json.dumps(value, indent=2, ensure_ascii=False)
                member.write(((",\n" if begun else "[\n") + text).encode("utf-8", "replace"))
                begun = True

            yield add
            member.write(b"\n]\n" if begun else b"[]\n")

    def _opened(self, name: str, compression: int = ZIP_DEFLATED) -> IO[bytes]:
        info = ZipInfo(name, self._now.timetuple()[:6])
        info.compress_type, info.external_attr = compression, 0o600 << 16
        return self._archive.open(info, "w", force_zip64=True)

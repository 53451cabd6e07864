"""The making of evidence: what is known about a case, in files for programs and in a report for people, then signed.

    manifest.json      what this is about, and size and SHA-256 of every other file
    manifest.sig       the signature of exactly those bytes
    conversation.html  the report, and the same as conversation.txt
    messages.json      a message on each line, with the mail that it came in and the mails that told of it
    events.json        mails that told of no message, and the acts that the audit trail knows
    files/, mails/     attachments as they were sent; copies of mails, without the credentials that were in them

The same case gives the same bytes at the same moment. What is in memory at a time is a page of messages and one file.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, BinaryIO

from gateway.cases.model import Attachment, Audience, Door, Order, Role
from gateway.errors import Conflict, NotFound
from gateway.evidence import archive
from gateway.evidence.manifest import FORMAT, MANIFEST, SIGNATURE, spelled
from gateway.evidence.seal import ALGORITHM, PublicKey, Seal
from gateway.locales import manners
from gateway.mail.authentication import Authentication
from gateway.mail.redact import Redactor
from gateway.rendering import Renderer
from gateway.shapes import timestamp
from store import audit, cases, evidence, inbox, outbox
from store.cases import CaseFile
from store.database import Database
from store.evidence import Arrival, Departure, Said
from store.files import Files

MADE = "case.evidence"  # in the audit trail

_PAGE = 100  # messages
_POSTED = ("case.opened", "case.answered")  # acts that share their moment with a message
_EXTENSIONS = {
    "application/pdf": "pdf", "application/zip": "zip", "text/plain": "txt", "image/jpeg": "jpg", "image/png": "png",
    "image/gif": "gif", "image/webp": "webp", "image/heic": "heic", "image/tiff": "tiff", "image/bmp": "bmp",
}  # fmt: skip

Facts = dict[str, Any]
_NOT_COPIED: Facts = {"size": None, "sha256": None, "file": None, "missing": None}


@dataclass(frozen=True, slots=True)
class Made:
    """Evidence that was made. size: in bytes. digest: SHA-256 of its manifest, hex."""

    files: int
    size: int
    digest: str
    key: PublicKey


class Evidence:
    """Makes evidence. public_url: ours, which says whose evidence it is."""

    def __init__(
        self,
        database: Database,
        files: Files,
        redactor: Redactor,
        renderer: Renderer,
        seal: Seal,
        *,
        public_url: str,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._files = files
        self._redactor = redactor
        self._renderer = renderer
        self._seal = seal
        self._public_url = public_url
        self._now = now

    def make(self, case_id: str, path: Path) -> Made:
        """Write the evidence of a case to a new file. Raises NotFound; Conflict when the file is there; TooLarge."""
        file = cases.load(case_id)
        if file is None:
            raise NotFound("There is no such case")
        if path.exists():
            raise Conflict(f"{path} is there already, and evidence is not written over")
        with _new_file(path) as out:
            made = self._write(file, out)

            def job() -> None:
                case = file.view.case
                detail = {"manifest": made.digest, "key": made.key.fingerprint}
                audit.record(audit.OPERATOR, MADE, self._now(), store_id=case.store_id, case_id=case.id, detail=detail)

            self._database.write(job)  # before anybody has it
        return made

    def _write(self, file: CaseFile, out: BinaryIO) -> Made:
        case = file.view.case
        contents = _Contents(self._files, self._redactor, archive.Writer(out))
        about = self._about(file)
        acts = _acts(case.id)
        with tempfile.TemporaryFile() as spool:
            for message in contents.messages(case.id, acts):
                spool.write(spelled(message) + b"\n")
            events = contents.events(case.id, acts)
            report = {**about, "amount": _amount(file.view.order), "fingerprint": self._seal.public.fingerprint}
            for form in ("html", "txt"):
                given = {"about": report, "messages": _lines(spool), "events": events}
                contents.add(f"conversation.{form}", _encoded(self._renderer.stream(f"evidence/report.{form}", given)))
            contents.add("messages.json", _as_list(spool))
        contents.add("events.json", [_readable(events)])
        manifest = spelled({**about, "files": contents.listed})
        contents.archive.add(MANIFEST, [manifest])
        contents.archive.add(SIGNATURE, [self._seal.sign(manifest)])
        contents.archive.close()
        digest = hashlib.sha256(manifest).hexdigest()
        return Made(len(contents.listed) + 2, out.seek(0, os.SEEK_END), digest, self._seal.public)

    def _about(self, file: CaseFile) -> Facts:
        """What the manifest says beside its list of files."""
        case, customer, order, key = file.view.case, file.view.customer, file.view.order, self._seal.public
        return {
            "format": FORMAT,
            "madeAt": timestamp(self._now()),
            "madeBy": {"program": f"casegate {version('casegate')}", "address": self._public_url},
            "key": {"algorithm": ALGORITHM, "public": key.text, "fingerprint": key.fingerprint},
            "notes": list(NOTES),
            "store": {"id": file.store.id, "name": file.store.name},
            "customer": {"id": customer.id, "name": customer.name, "email": customer.email},
            "order": {
                "id": order.id,
                "number": order.number,
                "amountInMinorUnits": order.amount,
                "currency": order.currency,
                "status": order.status,
                "createdAt": timestamp(order.created_at),
            },
            "case": {
                "id": case.id,
                "subject": case.subject,
                "status": case.status,
                "priority": case.priority,
                "escalated": case.escalated,
                "createdAt": timestamp(case.created_at),
                "updatedAt": timestamp(case.updated_at),
                "closedAt": _moment(case.closed_at),
                "closedBy": case.closed_by,
                "reopenedAt": _moment(case.reopened_at),
            },
        }


NOTES = (
    "All times are UTC, by the clock of the gateway that made this file.",
    "Attachments in files/ are as they were sent.",
    "Mails in mails/ are copies without reply addresses and personal links, which are credentials of their readers. "
    "The SHA-256 beside each is that of the mail itself.",
    "An answer of a mail system says that it took a mail, not that a person read it.",
    "What only the platform's support may see is left out.",
)


class _Contents:
    """The files of an archive that is being made. listed: for the manifest, name, size and hash of each."""

    def __init__(self, files: Files, redactor: Redactor, writer: archive.Writer) -> None:
        self._files = files
        self._redactor = redactor
        self.archive = writer
        self.listed: list[Facts] = []

    def add(self, name: str, chunks: Iterable[bytes]) -> str:
        """Add a file. Returns its name."""
        size, digest = self.archive.add(name, chunks)
        self.listed.append({"name": name, "size": size, "sha256": digest})
        return name

    def messages(self, case_id: str, acts: tuple[audit.Entry, ...]) -> Iterator[Facts]:
        """The conversation, oldest first; files and mails are added on the way."""
        doors = {act.at: act.door for act in acts if act.action in _POSTED}
        posted_by = evidence.posted_by(case_id)
        after, before = 0, None
        while page := evidence.said(case_id, after, _PAGE):
            ids = [one.message.id for one in page]
            arrivals = evidence.arrivals([posted_by[id_] for id_ in ids if id_ in posted_by])
            told: dict[str | None, list[Departure]] = {}
            for departure in evidence.departures(ids):
                told.setdefault(departure.message_id, []).append(departure)
            for one in page:
                message = one.message
                arrival = arrivals.get(posted_by.get(message.id, 0))
                door = Door.MAIL if arrival else doors.get(message.created_at)
                facts = self._message(one, door)
                facts["mail"] = self._arrival(one, arrival) if arrival else None
                facts["continues"] = before.message.number if before and _continues(one, before) else None
                facts["deliveries"] = [
                    self._departure(departure, f"{message.number}-out-{departure.id}")
                    for departure in told.get(message.id, ())
                ]
                yield self._redacted(facts)
                before = one
            after = page[-1].message.number

    def _message(self, one: Said, door: Door | None) -> Facts:
        message = one.message
        return {
            "number": message.number,
            "id": message.id,
            "createdAt": timestamp(message.created_at),
            "sender": {"role": message.sender_type, "id": message.sender_id, "name": message.sender_name},
            "via": message.via or None,
            "unverified": message.unverified,
            "staffOnly": message.audience is not Audience.ALL,
            "door": door,
            "body": message.body,
            "fullText": one.full_text or None,
            "attachments": [
                self._attachment(file, f"{message.number}-{place}") for place, file in enumerate(message.attachments, 1)
            ],
        }

    def _attachment(self, file: Attachment, place: str) -> Facts:
        try:
            data = self._files.read(file.sha256)
        except FileNotFoundError:
            data = None
        name = f"files/{place}.{_EXTENSIONS.get(file.mime_type, 'bin')}"
        return {
            "name": file.filename,
            "type": file.mime_type,
            **self._kept(name, file.size_bytes, file.sha256, data),
        }

    def _arrival(self, one: Said, arrival: Arrival) -> Facts:
        """The mail that a message came in. Of support's own, nothing that concerns its people."""
        support = one.message.sender_type is Role.SUPPORT
        raw = None if support else self._raw(arrival.id)
        return {
            "arrivedAt": timestamp(arrival.kept_at),
            "messageId": None if support else one.mail_id,
            "envelopeFrom": None if support else arrival.mail_from,
            "client": None if support else arrival.client,
            "helo": None if support else arrival.helo,
            "authentication": None if support else _authentication(arrival),
            **self._kept(f"mails/{one.message.number}-in.eml", arrival.size, arrival.sha256, raw, redact=True),
        }

    def _raw(self, inbox_id: int) -> bytes | None:
        """The bytes of a mail that came in, None when their time was over."""
        try:
            return inbox.bytes_of(inbox.get(inbox_id), self._files)
        except (NotFound, FileNotFoundError):
            return None

    def _departure(self, mail: Departure, place: str) -> Facts:
        """What became of an outgoing mail. Rule 21: what is said about support's own addresses is for nobody else."""
        shown = mail.role in (Role.CUSTOMER, Role.MERCHANT)
        copied = self._copied(mail.id, place) if mail.role is Role.CUSTOMER else _NOT_COPIED
        return {
            "to": mail.role,
            "kind": mail.template,
            "madeAt": timestamp(mail.created_at),
            "state": mail.report or mail.state,
            "handedOverAt": _moment(mail.sent_at),
            "tries": mail.attempts,
            "recipient": mail.recipient if shown else None,
            "messageId": mail.rfc_message_id if shown else None,
            "relay": mail.relay if shown else None,
            "answer": mail.answer if shown else None,
            "reportedAt": _moment(mail.reported_at),
            "report": mail.report_text if shown else None,
            **copied,
        }

    def _copied(self, outbox_id: int, place: str) -> Facts:
        """What a customer was sent."""
        data = outbox.get(outbox_id).data
        digest = hashlib.sha256(data).hexdigest()
        return self._kept(f"mails/{place}.eml", len(data), digest, data or None, redact=True)

    def _kept(self, name: str, size: int, sha256: str, data: bytes | None, *, redact: bool = False) -> Facts:
        """Add bytes under a name, if they are still there and still the same."""
        missing = None
        if data is None:
            missing = "no longer kept"
        elif hashlib.sha256(data).hexdigest() != sha256:
            missing = "damaged where it was kept"
        else:
            self.add(name, [self._redactor.raw(data) if redact else data])
        return {"size": size, "sha256": sha256, "file": None if missing else name, "missing": missing}

    def events(self, case_id: str, acts: tuple[audit.Entry, ...]) -> Facts:
        """What happened beside the messages."""
        found: Facts = self._redacted(
            {
                "notices": [self._departure(mail, f"notice-{mail.id}") for mail in evidence.other_departures(case_id)],
                "acts": [
                    {
                        "id": act.id,
                        "at": timestamp(act.at),
                        "role": act.role,
                        "actor": act.actor_id,
                        "door": act.door,
                        "action": act.action,
                        "subject": act.subject,
                    }
                    for act in acts
                ],
                "supportCalled": [{"id": id_, "at": timestamp(at)} for id_, at in evidence.escalations(case_id)],
            }
        )
        return found

    def _redacted(self, value: Any) -> Any:
        """The same without our credentials, wherever somebody may have written one (HARDENING rule 3)."""
        if isinstance(value, str):
            return self._redactor.text(value)
        if isinstance(value, dict):
            return {name: self._redacted(one) for name, one in value.items()}
        return [self._redacted(one) for one in value] if isinstance(value, list) else value


def _acts(case_id: str) -> tuple[audit.Entry, ...]:
    """What the audit trail knows of a case, oldest first; that evidence was made is nothing about the case."""
    found: list[audit.Entry] = []
    while page := audit.listing(case_id=case_id, before=found[-1].id if found else None, limit=1_000):
        found += page
    return tuple(act for act in reversed(found) if act.action != MADE)


def _continues(one: Said, before: Said) -> bool:
    """Whether a message is the next part of the same posting: parts share their moment and their author."""
    return (one.message.created_at, one.participant_id, one.message.sender_type, one.mail_id) == (
        before.message.created_at, before.participant_id, before.message.sender_type, before.mail_id,
    ) and one.participant_id is not None  # fmt: skip


def _authentication(arrival: Arrival) -> Facts | None:
    """What was found about the sender when the mail came."""
    if not arrival.authentication:
        return None
    known = Authentication.from_json(arrival.authentication)
    return {
        "verdict": known.verdict,
        "because": known.because,
        "domain": known.domain,
        "client": known.client,
        "checks": [
            {"method": one.method, "result": one.result, "because": one.because, "looked at": dict(one.properties)}
            for one in known.results
        ],
    }


def _moment(when: datetime | None) -> str | None:
    return None if when is None else timestamp(when)


def _amount(order: Order) -> str:
    return manners().amount(order.amount, order.currency)


def _readable(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"


def _lines(spool: IO[bytes]) -> Iterator[Facts]:
    spool.seek(0)
    for line in spool:
        yield json.loads(line)


def _as_list(spool: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file as one JSON list."""
    spool.seek(0)
    yield b"["
    ahead = b"\n"
    for line in spool:
        yield ahead + line.rstrip(b"\n")
        ahead = b",\n"
    yield b"\n]\n"


def _encoded(pieces: Iterator[str]) -> Iterator[bytes]:
    return (piece.encode() for piece in pieces)


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """A file that is there whole or not at all, and that only its owner may read."""
    part = path.with_name(f"{path.name}.part")
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise

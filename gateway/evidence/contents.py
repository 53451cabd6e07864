"""What is known about the conversation of a case, as values for JSON; files and mails become files of the archive."""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from gateway.cases.model import Attachment, Door, Role
from gateway.errors import NotFound
from gateway.evidence.archive import Writer
from gateway.mail.authentication import Authentication
from gateway.mail.redact import Redactor
from gateway.shapes import timestamp
from store import audit, evidence, inbox, outbox
from store.evidence import Arrival, Departure, Said
from store.files import Files

MADE = "case.evidence"  # in the audit trail

_PAGE = 100  # messages
_EXTENSIONS = {
    "application/pdf": "pdf", "application/zip": "zip", "text/plain": "txt", "image/jpeg": "jpg", "image/png": "png",
    "image/gif": "gif", "image/webp": "webp", "image/heic": "heic", "image/tiff": "tiff", "image/bmp": "bmp",
}  # fmt: skip

Facts = dict[str, Any]
_GONE = "no longer kept"
_NOT_COPIED: Facts = {"size": None, "sha256": None, "file": None, "missing": None}


class Contents:
    """The files of an archive that is being made. listed: for the manifest, name, size and hash of each."""

    def __init__(self, files: Files, redactor: Redactor, archive: Writer) -> None:
        self._files = files
        self._redactor = redactor
        self._archive = archive
        self.listed: list[Facts] = []

    def add(self, name: str, chunks: Iterable[bytes]) -> None:
        """Add a file."""
        size, digest = self._archive.add(name, chunks)
        self.listed.append({"name": name, "size": size, "sha256": digest})

    def messages(self, case_id: str, acts: tuple[audit.Entry, ...]) -> Iterator[Facts]:
        """The conversation, oldest first; files and mails are added on the way."""
        doors = {(act.action, act.at): act.door for act in acts}
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
                act = "case.opened" if message.number == 1 else "case.answered"
                door = Door.MAIL if arrival else doors.get((act, message.created_at))
                facts = self._message(one, None if message.sender_type is Role.SYSTEM else door)
                facts["mail"] = self._arrival(one, arrival) if arrival else None
                facts["continues"] = before.message.number if before and _continues(one, before) else None
                facts["deliveries"] = [
                    self._departure(departure, f"{message.number}-out-{departure.id}")
                    for departure in told.get(message.id, ())
                ]
                yield self.redacted(facts)
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
            "door": door,
            "body": message.body,
            # Others' mails quote what was written for them alone, such as why support was called.
            "fullText": (one.full_text or None) if message.sender_type is Role.CUSTOMER else None,
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
        """The mail that a message came in: a copy of a customer's, and of support's nothing about its people."""
        facts: Facts = {
            "arrivedAt": timestamp(arrival.kept_at),
            "messageId": one.mail_id,
            "envelopeFrom": arrival.mail_from,
            "client": arrival.client,
            "helo": arrival.helo,
            "authentication": _authentication(arrival),
            "size": arrival.size,
            "sha256": arrival.sha256,
            "file": None,
            "missing": "left out",
        }
        if one.message.sender_type is Role.SUPPORT:
            return facts | dict.fromkeys(("messageId", "envelopeFrom", "client", "helo", "authentication"))
        if one.message.sender_type is not Role.CUSTOMER:
            return facts
        name, raw = f"mails/{one.message.number}-in.eml", self._raw(arrival.id)
        return facts | self._kept(name, arrival.size, arrival.sha256, raw, redact=True)

    def _raw(self, inbox_id: int) -> bytes | None:
        """The bytes of a mail that came in, None when their time was over."""
        try:
            return inbox.bytes_of(inbox.get(inbox_id), self._files)
        except (NotFound, FileNotFoundError):
            return None

    def _departure(self, mail: Departure, place: str) -> Facts:
        """What became of an outgoing mail. Rule 21: what is said about support's own addresses is for nobody else."""
        shown, asked = mail.role in (Role.CUSTOMER, Role.MERCHANT), mail.state != "cancelled"
        copied = self._copied(mail.id, place) if mail.role is Role.CUSTOMER else _NOT_COPIED
        return {
            "to": mail.role,
            "kind": mail.template,
            "madeAt": timestamp(mail.created_at),
            "state": mail.report or mail.state,
            "handedOverAt": moment(mail.sent_at),
            "tries": mail.attempts,
            "recipient": mail.recipient if shown else None,
            "messageId": mail.rfc_message_id if shown else None,
            "relay": mail.relay if shown else None,
            "answer": mail.answer if shown and asked else None,
            "reportedAt": moment(mail.reported_at),
            "report": (mail.report_text or ("" if asked else mail.answer)) if shown else None,
            **copied,
        }

    def _copied(self, outbox_id: int, place: str) -> Facts:
        """What a customer was sent."""
        data = outbox.get(outbox_id).data
        if not data:
            return _NOT_COPIED | {"missing": _GONE}
        return self._kept(f"mails/{place}.eml", len(data), hashlib.sha256(data).hexdigest(), data, redact=True)

    def _kept(self, name: str, size: int, sha256: str, data: bytes | None, *, redact: bool = False) -> Facts:
        """Add bytes under a name, if they are still there and still the same."""
        missing = None
        if data is None:
            missing = _GONE
        elif hashlib.sha256(data).hexdigest() != sha256:
            missing = "damaged where it was kept"
        else:
            self.add(name, [self._redactor.raw(data) if redact else data])
        return {"size": size, "sha256": sha256, "file": None if missing else name, "missing": missing}

    def events(self, case_id: str, acts: tuple[audit.Entry, ...]) -> Facts:
        """What happened beside the messages."""
        found: Facts = self.redacted(
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

    def redacted(self, value: Any) -> Any:
        """The same without our credentials, wherever somebody may have written one (HARDENING rule 3)."""
        if isinstance(value, str):
            return self._redactor.text(value)
        if isinstance(value, dict):
            return {name: self.redacted(one) for name, one in value.items()}
        return [self.redacted(one) for one in value] if isinstance(value, list) else value


def acts_of(case_id: str) -> tuple[audit.Entry, ...]:
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
            {"method": one.method, "result": one.result, "because": one.because, "lookedAt": dict(one.properties)}
            for one in known.results
        ],
    }


def moment(when: datetime | None) -> str | None:
    """A moment as JSON has it."""
    return None if when is None else timestamp(when)

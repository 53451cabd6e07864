"""The making of evidence: what is known about a case, in files for programs and in a report for people, then signed.

    manifest.json      what this is about, and size and SHA-256 of every other file
    manifest.sig       the signature of exactly those bytes
    conversation.html  the report, and the same as conversation.txt
    messages.json      a message on each line, with the mail that it came in and the mails that told of it
    events.json        mails that told of no message, and the acts that the audit trail knows
    files/, mails/     attachments as people got them; copies of mails, without the credentials that were in them

The same case gives the same bytes at the same moment. What is in memory at a time is a page of messages and one file.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, BinaryIO

from gateway.cases.model import Case, Order
from gateway.errors import Conflict, Erased, NotFound
from gateway.evidence import archive
from gateway.evidence.contents import MADE, Contents, Facts, acts_of, moment
from gateway.evidence.manifest import FORMAT, MANIFEST, SIGNATURE, spelled
from gateway.evidence.seal import ALGORITHM, PublicKey, Seal
from gateway.locales import manners
from gateway.mail.redact import Redactor
from gateway.rendering import Renderer
from gateway.shapes import timestamp
from store import audit, cases, evidence, parties
from store.cases import CaseFile
from store.database import Database
from store.files import Files

NOTES = (
    "All times are UTC, by the clock of the gateway that made this file.",
    "Files in files/ are, byte for byte, what the people of the case got.",
    "Mails in mails/ are those that the customer wrote or got: copies without reply addresses and personal links, "
    "which are credentials of their readers. The SHA-256 beside each is that of the mail itself.",
    "An answer of a mail system says that it took a mail, not that a person read it.",
    "What only one side or the platform's support may see is left out; its numbers are missing.",
)


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
        """Write the evidence of a case to a new file. Raises NotFound, Erased, TooLarge, Conflict (it is there)."""
        if path.exists():
            raise Conflict(f"{path} is there already, and evidence is not written over")
        with _new_file(path) as out:
            with evidence.one_moment():
                file = cases.load(case_id)
                if file is None:
                    raise NotFound("There is no such case")
                if file.erased:
                    raise Erased("The words of this case were erased: nothing is left that could show anything")
                made = self._write(file, out)
            self._database.write(lambda: self._note(file.view.case, made))  # before anybody has it
        return made

    def _note(self, case: Case, made: Made) -> None:
        detail = {"manifest": made.digest, "key": made.key.fingerprint}
        audit.record(audit.OPERATOR, MADE, self._now(), store_id=case.store_id, case_id=case.id, detail=detail)

    def _write(self, file: CaseFile, out: BinaryIO) -> Made:
        case = file.view.case
        writer = archive.Writer(out)
        contents = Contents(self._files, self._redactor, writer)
        about = contents.redacted(self._about(file))
        acts = acts_of(case.id)
        with tempfile.TemporaryFile() as spool:
            for message in contents.messages(case.id, acts):
                spool.write(spelled(message) + b"\n")
            events = contents.events(case.id, acts)
            report = {**about, "amount": _amount(file.view.order)}
            for form in ("html", "txt"):
                given = {"about": report, "messages": _lines(spool), "events": events}
                contents.add(f"conversation.{form}", _encoded(self._renderer.stream(f"evidence/report.{form}", given)))
            contents.add("messages.json", _as_list(spool))
        contents.add("events.json", [_readable(events)])
        manifest = spelled({**about, "files": contents.listed})
        writer.add(MANIFEST, [manifest])
        writer.add(SIGNATURE, [self._seal.sign(manifest)])
        writer.close()
        digest = hashlib.sha256(manifest).hexdigest()
        return Made(len(contents.listed) + 2, out.seek(0, os.SEEK_END), digest, self._seal.public)

    def _about(self, file: CaseFile) -> Facts:
        """What the manifest says beside its list of files."""
        case, customer, order, key = file.view.case, file.view.customer, file.view.order, self._seal.public
        known = parties.find_order(order.id)
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
                "statusSince": moment(known[1]) if known else None,
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
                "closedAt": moment(case.closed_at),
                "closedBy": case.closed_by,
                "reopenedAt": moment(case.reopened_at),
            },
        }


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

"""HARDENING rule 25: of an erased person nothing can be found any more, and of nobody else is anything missing."""

import base64
import re
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from gateway.cases.model import Role, Status
from gateway.errors import Conflict, Erased, NotFound, StoreUnavailable
from store import audit, cases, erasures, inbox, outbox, parties, suppressions
from store.audit import OPERATOR
from store.database import sql
from store.files import Room
from store.ledger import Kind, Line
from tests import postmaster
from tests.journeys.test_retention import in_room, sweep
from tests.world import MIA, STORE, STRANGER, SUBJECT, TOM, World, case_event, new_case, reply_to

CUSTOMER = new_case().customer.id
TOMS_OTHER, EVA = "t.reed@second.example.org", "eva@other.example.org"
SHARED = b"The manual of the kettle, which everybody has.\n" * 3_000
PRIVATE = b"The bill of Mr Reed, Elm Street 5.\n" * 3_000
PHRASES = (
    "tom@customer", "t.reed@second", "Reed", "Elm Street", "came without its lid", "lid is missing", "wooden spoon",
    "copper pan", "silver tongs", "glass jug", "iron kettle",
)  # fmt: skip


def live(world: World) -> tuple[str, str]:
    """All that can happen to Tom's case; and Eva's, which has a file in common with it. Returns both."""
    world.proves("customer.example.org", "second.example.org")
    case = world.open_case()
    receipt, told = world.newest_mail_to(TOM), world.newest_mail_to(MIA)
    world.answer(receipt, "A wooden spoon came with it.", files=(("Reed.txt", PRIVATE, "text/plain"),))
    world.answer(receipt, "And the manual.", files=(("manual.txt", SHARED, "text/plain"),))
    world.answer(told, "Dear Tom Reed, the copper pan follows.")
    held = world.answer(told, "The silver tongs as well.", sender=STRANGER)
    assert world.outcomes(held) == ["held"]
    other = world.answer(receipt, "From my other address: the glass jug.", sender=TOMS_OTHER)
    assert world.outcomes(other) == ["posted"]
    # He writes without a reply address, and is answered; the owner of the store hears of what is held.
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = f"Tom Reed <{TOM}>", "cases@cases.example.org", "The iron kettle"
    letter["Message-ID"] = "<letter@customer.example.org>"
    letter.set_content("Where is the iron kettle? Tom Reed")
    world.send(letter.as_bytes(), TOM, "cases@cases.example.org")
    world.work()
    world.parts.sweep()
    # A report brings a mail back, and a refusal names him.
    answer = world.newest_mail_to(TOM)
    world.send(postmaster.postfix(answer), "", answer.envelope_from)
    world.work()
    world.parts.database.write(lambda: suppressions.remove(TOM, world.clock()))
    world.sink.at_rcpt[TOM] = f"550 5.1.1 <{TOM}>: no such user"
    world.post_answer(case, "Dear Mr Reed, are you there?")
    world.work()
    assert suppressions.get(TOM) is not None
    event = case_event(2, customer={"id": "cus_" + "e" * 24, "email": EVA, "firstName": "Eva", "lastName": "Lund"})
    event["data"] |= {"subject": "A blue cup", "body": "It leaks."}
    assert world.hook(event).status_code == 201
    world.work()
    world.answer(world.newest_mail_to(EVA), "See the manual", files=(("manual.txt", SHARED, "text/plain"),))
    (evas,) = (row[0] for row in sql("SELECT id FROM cases WHERE customer_id = ?", ("cus_" + "e" * 24,)))
    return case, evas


def found(folder: Path) -> set[str]:
    """Which phrases stand anywhere below a folder, as they are or in base64."""
    hits = set()
    for path in folder.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        for phrase in PHRASES:
            if re.search(re.escape(phrase.encode()), data, re.IGNORECASE) or any(
                form in data for form in in_base64(phrase)
            ):
                hits.add(f"{path.name}: {phrase}")
    return hits


def in_base64(phrase: str) -> Iterator[bytes]:
    for ahead in range(3):
        encoded = base64.b64encode(b"\0" * ahead + phrase.encode())
        whole = encoded[4 if ahead else 0 : -4]  # what depends on its neighbours is left out
        if len(whole) >= 8:
            yield whole


def erase(world: World) -> Any:
    return world.parts.erasing.erase(CUSTOMER, OPERATOR)


def test_nothing_is_left_of_an_erased_customer(world: World) -> None:
    tom, eva = live(world)
    before = world.messages(eva)
    data = world.folder / "data"
    assert {hit.partition(": ")[2] for hit in found(data)} >= set(PHRASES) - {"t.reed@second"}
    receipt = erase(world)
    world.clock.advance(minutes=1)
    sweep(world, rounds=8)
    assert found(data) == set()
    assert set(receipt.counts) >= {"cases", "messages", "files", "received_mails", "sent_mails", "held_mails"}
    # What is left tells that there was a case, and how it went.
    shown = world.case(tom)
    assert (shown["subject"], shown["status"], shown["customer"]["email"]) == ("(erased)", "CLOSED", "")
    assert {message["body"] for message in world.messages(tom)} == {"(erased)"}
    assert parties.find_order(new_case().order.id) is not None
    (line,) = (line for line in world.parts.ledger.lines() if line.kind is Kind.ERASED)
    assert line.facts == {"customer": CUSTOMER, "digest": receipt.digest}
    actions = [entry.action for entry in audit.listing(store_id=STORE)]
    assert {"customer.erased", "case.erased"} <= set(actions)
    # Eva has lost nothing.
    assert world.messages(eva) == before
    (file,) = [file for message in cases.messages(eva, page=1, limit=9).items for file in message.attachments]
    assert world.parts.files.read(file.sha256) == SHARED
    assert (in_room(world, Room.CONTENT)) == 1

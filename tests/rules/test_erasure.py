"""HARDENING rule 25: of an erased person nothing can be found any more, and of nobody else is anything missing."""

import base64
import re
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from gateway import erasing
from gateway.cases.model import Status
from gateway.errors import Conflict, Erased, NotFound, StoreUnavailable
from store import audit, cases, erasures, inbox, outbox, parties, suppressions, switches
from store.audit import OPERATOR
from store.database import sql
from store.files import Room
from store.ledger import Kind, Line
from store.switches import Switch
from tests import postmaster
from tests.journeys.test_retention import in_room, sweep
from tests.world import MIA, STORE, STRANGER, TOM, World, case_event, new_case, reply_to

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


def told(world: World, event: str, order_id: str) -> None:
    """What the platform says about Tom's order."""
    world.clock.advance(minutes=1)
    timestamp = world.clock().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    answer = world.hook(
        {"event": event, "id": f"evt_{event:_<24}", "timestamp": timestamp, "data": {"order": {"id": order_id}}},
        to="orders",
    )
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(("end", "status"), [("WON", "COMPLETED"), ("LOST", "CHARGEBACK")])
def test_a_disputed_case_is_locked_until_the_dispute_has_ended(world: World, end: str, status: str) -> None:
    case = world.open_case()
    order_id = world.case(case)["order"]["id"]
    told(world, "PAYMENT_DISPUTED", order_id)
    with pytest.raises(Conflict, match=f"disputed: {case} \\(order 1001\\)"):
        erase(world)
    assert world.case(case)["customer"]["email"] == TOM
    assert world.parts.ledger.lines() == ()
    told(world, f"PAYMENT_DISPUTE_{end}", order_id)
    assert world.case(case)["order"]["status"] == status
    assert erase(world).counts["cases"] == 1


@pytest.mark.parametrize("whose", [TOM, MIA])
def test_what_comes_to_an_erased_address_is_refused_unread_and_kept_by_nobody(world: World, whose: str) -> None:
    """Also a merchant's: what he answers would quote the customer."""
    world.proves("customer.example.org", "shop.example.org")
    case = world.open_case()
    mail = world.newest_mail_to(whose)
    erase(world)
    sent = len(world.sink.mails)
    late = world.answer(mail, "The copper pan is here", files=(("Reed.txt", PRIVATE, "text/plain"),))
    report = world.send(postmaster.postfix(mail), "", mail.envelope_from)
    world.work()
    world.parts.sweep()
    for kept in (late, report):
        row = inbox.get(kept)
        assert (row.state, row.outcome, row.raw, row.raw_file, row.mail_from) == ("done", "refused", None, "", "")
        assert (row.recipients, row.client, row.helo, row.authentication) == ("[]", "", "", "")
    assert len(world.sink.mails) == sent
    assert in_room(world, Room.RAW) == 0
    assert sql("SELECT count(*) FROM sender").fetchone() == (0,)
    assert {message["body"] for message in world.messages(case)} == {"(erased)"}
    assert found(world.folder / "data") == set()


def test_nothing_is_added_to_an_erased_case(world: World) -> None:
    case = world.open_case()
    erase(world)
    assert world.post_answer(case, "Dear Tom").status_code == 410
    for change in ({"status": "OPEN"}, {"priority": "LOW"}):
        assert world.api("PATCH", f"/{case}", json=change).status_code == 410
    with pytest.raises(Erased):
        world.parts.closing.keep_open(case, OPERATOR)
    assert world.case(case)["status"] == Status.CLOSED


@pytest.mark.parametrize("whose", [TOM, MIA])
def test_a_mail_that_is_read_while_its_case_is_erased_posts_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    world.proves("customer.example.org", "shop.example.org")
    case = world.open_case()
    mail = world.newest_mail_to(whose)
    real, sent = world.parts.desk.deliver_reply, len(world.sink.mails)

    def erase_first(*args: Any, **options: Any) -> Any:
        monkeypatch.setattr(world.parts.desk, "deliver_reply", real)
        erase(world)
        return real(*args, **options)

    monkeypatch.setattr(world.parts.desk, "deliver_reply", erase_first)
    kept = world.answer(mail, "The copper pan is here")
    world.clock.advance(minutes=1)
    world.work()
    world.parts.sweep()
    assert inbox.get(kept).outcome == "refused"
    assert {message["body"] for message in world.messages(case)} == {"(erased)"}
    assert found(world.folder / "data") == set()
    assert len(world.sink.mails) == sent


def test_a_case_of_many_messages_goes_in_parts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasures, "AT_ONCE", 2)
    tom, eva = live(world)
    before = world.messages(eva)
    receipt = erase(world)
    sweep(world, rounds=8)
    assert found(world.folder / "data") == set()
    assert receipt.counts["messages"] == len(world.messages(tom))
    assert world.messages(eva) == before


@pytest.mark.parametrize("commits", range(1, 6))
def test_an_erasure_that_was_killed_is_finished_by_another_one(
    world: World, monkeypatch: pytest.MonkeyPatch, commits: int
) -> None:
    live(world)
    real, done = world.parts.database.write, 0

    def write(*args: Any, **options: Any) -> Any:
        nonlocal done
        done += 1
        if done > commits:
            raise StoreUnavailable("the process is dead")
        return real(*args, **options)

    monkeypatch.setattr(world.parts.database, "write", write)
    with pytest.raises(StoreUnavailable):
        erase(world)
    monkeypatch.setattr(world.parts.database, "write", real)
    receipt = erase(world)
    sweep(world, rounds=8)
    assert found(world.folder / "data") == set()
    assert receipt.counts["cases"] == 1


def test_who_was_erased_is_erased_again_after_a_restore_and_what_came_later_stays(world: World) -> None:
    world.open_case()
    erase(world)
    (line,) = world.parts.ledger.lines()
    world.clock.advance(days=1)
    later = world.open_case(2, subject="A new kettle", body="It is fine.")
    before = world.messages(later)
    world.parts.erasing.apply(line)
    world.parts.erasing.apply(Line(line.at, Kind.ERASED, {"customer": "cus_" + "9" * 24, "digest": ""}))
    assert world.messages(later) == before
    assert world.case(later)["customer"]["email"] == TOM
    assert len(world.parts.ledger.lines()) == 1


def test_again_is_harmless_and_nobody_is_not_found(world: World) -> None:
    world.open_case()
    first, second = erase(world), erase(world)
    assert (first.digest, first.counts) == (second.digest, second.counts)
    assert world.parts.erasing.receipt(CUSTOMER) == second
    with pytest.raises(NotFound):
        world.parts.erasing.erase("cus_" + "9" * 24, OPERATOR)


def test_an_address_that_somebody_else_has_as_well_keeps_what_is_known_about_it(world: World) -> None:
    world.open_case()
    other = "cus_" + "b" * 24
    event = case_event(2, customer={"id": other, "email": TOM, "firstName": "T", "lastName": "R"})
    assert world.hook(event).status_code == 201
    world.parts.database.write(lambda: suppressions.add(TOM, "he asked for it", world.clock(), None))
    erase(world)
    assert suppressions.get(TOM) is not None
    assert world.parts.erasing.preview(other) == (1, frozenset({TOM}))
    world.parts.erasing.erase(other, OPERATOR)
    assert suppressions.get(TOM) is None


# Cases that have had their time


def close(world: World, number: int) -> str:
    case = world.open_case(number)
    assert world.api("PATCH", f"/{case}", json={"status": "CLOSED"}).status_code == 200
    world.work()
    return case


def test_closed_cases_go_by_age(world: World) -> None:
    old = close(world, 1)
    held = world.open_case(2)
    told = world.newest_mail_to(MIA)
    world.answer(told, "From elsewhere", sender=STRANGER)
    assert world.api("PATCH", f"/{held}", json={"status": "CLOSED"}).status_code == 200
    waiting, disputed = close(world, 3), close(world, 4)
    world.send(reply_to(world.sink.to(TOM)[-3], "not read yet"), TOM, world.sink.to(TOM)[-3].reply_address)
    number = cases.find(disputed).order.id  # type: ignore[union-attr]
    world.parts.database.write(lambda: sql("UPDATE orders SET disputed = 1 WHERE id = ?", (number,)))
    world.clock.advance(days=29)
    young, still_open = close(world, 5), world.open_case(6)
    world.clock.advance(days=1, seconds=1)
    keep = timedelta(days=30)
    assert world.parts.erasing.retire(keep) == 1
    assert world.parts.erasing.retire(keep) == 0
    shown = {case: world.case(case)["subject"] for case in (old, held, waiting, disputed, young, still_open)}
    assert [case for case, subject in shown.items() if subject == "(erased)"] == [old]
    assert parties.find_customer(CUSTOMER).email == TOM  # type: ignore[union-attr]
    assert next(entry.action for entry in audit.listing(case_id=old)) == "case.erased"


def test_a_minute_takes_some_of_them_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "CASES_A_MINUTE", 1)
    first = close(world, 1)
    world.clock.advance(minutes=1)
    second = close(world, 2)
    world.clock.advance(days=31)
    for done in ({first}, {first, second}):
        assert world.parts.erasing.retire(timedelta(days=30)) == 1
        assert {case for case in (first, second) if world.case(case)["subject"] == "(erased)"} == done


def test_due_cases_are_found_by_an_index(world: World) -> None:
    world.open_case()
    statements: list[str] = []
    connection = sql("SELECT 1").connection
    connection.set_trace_callback(statements.append)
    erasures.old_cases(world.clock(), 100)
    connection.set_trace_callback(None)
    (statement,) = statements
    plan = [row[3] for row in sql(f"EXPLAIN QUERY PLAN {statement}")]
    assert "cases_closed" in plan[0]
    assert not any("SCAN" in step or "TEMP B-TREE" in step for step in plan), plan


def test_each_part_of_a_case_is_found_by_an_index(world: World) -> None:
    case = world.open_case()
    statements: list[str] = []

    def job() -> None:
        connection = sql("SELECT 1").connection
        connection.set_trace_callback(statements.append)
        erasures.case_part(case, OPERATOR, lambda handle: handle.hex(), world.clock())
        connection.set_trace_callback(None)

    world.parts.database.write(job)
    for statement in statements:
        plan = [row[3] for row in sql(f"EXPLAIN QUERY PLAN {statement}")] if statement[0] in "SUD" else []
        assert not any(step.startswith("SCAN") for step in plan), (statement, plan)


@pytest.mark.parametrize("switch", ["clock", "removing"])
def test_nothing_goes_by_age_while_it_must_not(world: World, switch: str) -> None:
    case = close(world, 1)
    world.clock.advance(days=400)
    world.parts.database.write(lambda: switches.stop(Switch(switch), "a test", world.clock()))
    assert world.parts.erasing.retire(timedelta(days=30)) == 0
    world.parts.database.write(lambda: switches.start(Switch(switch)))
    assert world.parts.erasing.retire(timedelta(days=30)) == 1
    assert world.case(case)["subject"] == "(erased)"


# The bytes of mails that went out


def test_sent_mails_lose_their_bytes_and_cannot_be_sent_again(world: World) -> None:
    world.open_case()
    world.sink.at_rcpt[TOM] = "550 5.1.1 nobody here"
    world.answer(world.newest_mail_to(MIA), "The lid follows")
    rows = outbox.listing()
    failed = next(mail for mail in rows if mail.state == "failed")
    world.clock.advance(days=89)
    world.parts.sweep()
    assert all(outbox.get(mail.id).data for mail in rows)
    world.clock.advance(days=1, seconds=1)
    world.parts.sweep()
    kept = [mail for mail in outbox.listing() if outbox.get(mail.id).data]
    assert not [mail for mail in kept if mail.id in {row.id for row in rows}]
    with pytest.raises(NotFound, match="were removed"):
        world.parts.database.write(lambda: outbox.retry(failed.id, world.clock()))
    some = outbox.Which("failed")
    assert world.parts.database.write(lambda: outbox.retry_some(some, world.clock(), after=0)) == ()


def test_they_are_found_by_an_index(world: World) -> None:
    plan = sql(
        "EXPLAIN QUERY PLAN SELECT id FROM outbox WHERE state NOT IN ('queued', 'claimed') AND NOT emptied"
        " AND created_at < ? ORDER BY created_at LIMIT ?",
        (0, 1),
    )
    assert ["outbox_bytes" in row[3] for row in plan] == [True]

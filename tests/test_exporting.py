"""What a customer gets who asks what is kept about him: all of his, and nothing that gives power over others."""

import io
import json
import zipfile
from typing import Any

import pytest

from gateway.errors import NotFound
from gateway.mail.redact import ADDRESS_REMOVED
from store import suppressions
from store.database import sql
from tests import postmaster
from tests.world import MIA, STRANGER, TOM, World, case_event, new_case

CUSTOMER = new_case().customer.id
PICTURE = b"A drawing of a kettle.\n"


class Archive:
    """An export as its reader sees it."""

    def __init__(self, world: World, *customers: str) -> None:
        file = io.BytesIO()
        self.counts = world.parts.exporting.write(customers, file)
        self.zip = zipfile.ZipFile(file)
        assert self.zip.testzip() is None
        self.names = self.zip.namelist()

    def json(self, name: str, customer: str = CUSTOMER) -> Any:
        return json.loads(self.zip.read(f"{customer}/{name}"))

    def everything(self) -> bytes:
        return b"\n".join(map(self.zip.read, self.names))


def test_all_of_his_is_in_it(world: World) -> None:
    world.proves("customer.example.org")
    case = world.open_case()
    receipt, told = world.newest_mail_to(TOM), world.newest_mail_to(MIA)
    mail = world.answer(receipt, "See the drawing", files=(("../odd name.txt", PICTURE, "text/plain"),))
    world.answer(told, "The lid is on its way.")
    world.answer(receipt, "From the office.", sender=STRANGER)
    world.parts.database.write(lambda: suppressions.add(TOM, "he asked for it", world.clock(), None))
    archive = Archive(world, CUSTOMER)
    known = archive.json("customer.json")
    assert (known["email"], known["firstName"], known["lastName"]) == (TOM, "Tom", "Reed")
    assert [order["number"] for order in known["orders"]] == ["1001"]
    assert [stopped["detail"] for stopped in known["stoppedMail"]] == ["he asked for it"]
    assert known["mailProvenAt"][TOM] is not None
    (shown,) = archive.json("cases.json")
    said = [(message["from"], message["body"]) for message in shown["messages"] if message["from"] != "SYSTEM"]
    assert said == world.said(case)
    (file,) = [file for message in shown["messages"] for file in message["files"]]
    assert archive.zip.read(f"{CUSTOMER}/{file['file']}") == PICTURE
    assert file["name"] == "odd name.txt"
    mails = archive.json("mails.json")
    assert [one["id"] for one in mails if one["direction"] == "in"] == [mail]  # the stranger's is the stranger's
    assert {one["kind"] for one in mails if one["direction"] == "out"} >= {
        "case_opened_customer",
        "message_to_customer",
    }
    assert all(f"{CUSTOMER}/{one['file']}" in archive.names for one in mails)
    assert b"See the drawing" in archive.zip.read(f"{CUSTOMER}/mails/in-{mail}.eml")
    assert {act["action"] for act in archive.json("acts.json")} == {"case.opened", "case.answered"}
    assert (archive.counts["cases"], archive.counts["mails"], archive.counts["files"]) == (1, len(mails), 1)
    assert b"customer.json" in archive.zip.read("README.txt")


def test_no_reply_address_and_no_link_and_no_note_of_the_staff_is_in_it(world: World) -> None:
    case = world.open_case()
    receipt, told = world.newest_mail_to(TOM), world.newest_mail_to(MIA)
    world.answer(receipt, f"He wrote from {told.reply_address} to me")
    world.post_answer(case, "We look into it.")
    answer = world.newest_mail_to(TOM)
    world.send(postmaster.postfix(answer), "", answer.envelope_from)
    world.work()
    assert any("did not reach the customer" in message["body"] for message in world.messages(case))
    text = Archive(world, CUSTOMER).everything()
    for address in (receipt.reply_address, told.reply_address, answer.envelope_from):
        assert address.encode() not in text
        assert address.partition("@")[0].encode() not in text
    assert ADDRESS_REMOVED.encode() in text
    assert b"did not reach the customer" not in text


def test_what_was_removed_with_time_is_named_and_missing(world: World) -> None:
    world.open_case()
    world.answer(world.newest_mail_to(TOM), "Hello?")
    world.clock.advance(days=91)
    world.parts.sweep()
    archive = Archive(world, CUSTOMER)
    mails = archive.json("mails.json")
    assert len(mails) == 2
    assert {one["file"] for one in mails} == {None}
    assert not any("/mails/" in name for name in archive.names)
    assert len(archive.json("cases.json")[0]["messages"]) == 3


def test_two_accounts_with_one_address_are_two_folders(world: World) -> None:
    world.open_case()
    other = "cus_" + "b" * 24
    customer = {"id": other, "email": TOM, "firstName": "Tom", "lastName": "Reed"}
    event = case_event(2, customer=customer, storeId="shp_" + "b" * 24)
    assert world.hook(event).status_code == 201
    archive = Archive(world, CUSTOMER, other)
    for one in (CUSTOMER, other):
        assert archive.json("customer.json", one)["id"] == one
        assert len(archive.json("cases.json", one)) == 1


def test_nobody_is_no_archive(world: World) -> None:
    with pytest.raises(NotFound):
        Archive(world, "cus_" + "9" * 24)


def test_many_cases_are_read_a_part_at_a_time(world: World) -> None:
    case = world.open_case()
    names = ", ".join(row[1] for row in sql("PRAGMA table_info(cases)") if row[1] != "id")

    def fill() -> None:
        for number in range(450):
            sql(f"INSERT INTO cases (id, {names}) SELECT ?, {names} FROM cases WHERE id = ?", (f"case_{number}", case))

    world.parts.database.write(fill)
    archive = Archive(world, CUSTOMER)
    shown = archive.json("cases.json")
    assert len({one["id"] for one in shown}) == len(shown) == 451

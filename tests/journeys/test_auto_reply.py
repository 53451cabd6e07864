"""What a store answers by itself when a case is opened (DESIGN §2): once, with the receipt, and nobody is the wiser."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.cases import settings
from gateway.cases.notices import Template
from gateway.overrides.render import Sources
from store import alarms, parties, suppressions
from tests.sink import Mail
from tests.world import FIRST_WORDS, MIA, STORE, TOM, World, case_event

WORDS = """\
Hello {{ customer_first_name|default("there") }},

thank you for your message about order {{ order_number }}.
{% if opens_at %}
We are back on {{ opens_at }}.
{% endif %}
{{ store }}: {{ business_hours }}
"""
SAID = """\
Hello Tom,

thank you for your message about order 1002.
We are back on 4 May 2026, 14:00 CEST.
Blue Kettle: Mon–Fri 14:00–18:00 CEST"""


@pytest.fixture
def store(world: World) -> World:
    """A store that has been opened, and answers by itself from now on."""
    world.open_case(1)
    decide(world, auto_reply=WORDS, business_hours=settings.read("business_hours", "mon-fri 14:00-18:00"))
    return world


def decide(world: World, **chosen: Any) -> None:
    known = parties.get_store(STORE)
    own = replace(known, time_zone="Europe/Berlin", settings=replace(known.settings, **chosen))
    world.parts.database.write(lambda: parties.save_store(own))


def opened(world: World, number: int = 2, **changes: Any) -> tuple[str, list[Mail], Mail]:
    """A case that was opened: its id, all mails about it, and the customer's receipt."""
    before = len(world.sink.mails)
    case_id = world.open_case(number, **changes)
    mails = world.sink.mails[before:]
    return case_id, mails, next(mail for mail in mails if mail.recipient != MIA)


def html(mail: Mail) -> str:
    part = mail.message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def trail(world: World, case_id: str) -> list[str]:
    return [m["body"] for m in world.messages(case_id) if m["senderType"] == "SYSTEM"]


def test_the_receipt_tells_it_and_the_conversation_keeps_it(store: World) -> None:
    case_id, mails, receipt = opened(store)
    assert sorted(mail.recipient for mail in mails) == [MIA, TOM]
    assert SAID in receipt.text
    assert "We are back on 4 May 2026, 14:00 CEST." in html(receipt)
    assert "Blue Kettle has your message and will answer you by mail." in receipt.text
    assert FIRST_WORDS in receipt.text
    assert receipt.header("Auto-Submitted") == "auto-generated"
    assert [(m["senderType"], m["body"]) for m in store.messages(case_id)] == [
        ("CUSTOMER", FIRST_WORDS), ("SYSTEM", SAID),
    ]  # fmt: skip
    (to_merchant,) = (mail for mail in mails if mail.recipient == MIA)
    assert "thank you for your message" not in to_merchant.text


def test_it_changes_nothing_about_the_case(store: World) -> None:
    first = store.case(opened(store)[0])
    decide(store, auto_reply="")
    without = store.case(opened(store, 3)[0])
    same = ("status", "unreadCount", "lastMessageAt", "lastMessageBy", "priority", "closedAt")
    assert {name: first[name] for name in same} == {name: without[name] for name in same}
    assert (first["status"], first["unreadCount"], first["lastMessageBy"]) == ("OPEN", 1, "CUSTOMER")


def test_a_hook_that_is_repeated_gives_one_answer(store: World) -> None:
    case_id, _, _ = opened(store)
    before = len(store.sink.mails)
    for _ in range(3):
        assert store.hook(case_event(2)).json()["data"]["id"] == case_id
    store.work()
    assert len(store.sink.mails) == before
    assert trail(store, case_id) == [SAID]


def test_no_mail_is_answered_by_itself(store: World) -> None:
    case_id, _, receipt = opened(store)
    before = len(store.sink.mails)
    store.answer(receipt, "And the handle is loose.")
    assert store.said(case_id)[-1] == ("CUSTOMER", "And the handle is loose.")
    assert [body for body in trail(store, case_id) if "thank you for your message" in body] == [SAID]
    assert [mail.recipient for mail in store.sink.mails[before:]] == [MIA]


@pytest.mark.parametrize("local", ["no-reply", "MAILER-DAEMON", "postmaster", "notifications+7"])
def test_machines_get_no_answer(store: World, local: str) -> None:
    customer = case_event(2)["data"]["customer"] | {"id": "cus_" + "r" * 24, "email": f"{local}@robots.example.org"}
    case_id, _, receipt = opened(store, customer=customer)
    assert "thank you for your message" not in receipt.text
    assert trail(store, case_id) == []


def test_whom_no_mail_reaches_gets_no_answer(store: World) -> None:
    now = store.clock()
    store.parts.database.write(lambda: suppressions.add(TOM, "", now, None))
    case_id = store.open_case(2)
    assert trail(store, case_id) == []


def test_it_stands_in_a_receipt_of_the_stores_own_words_too(store: World) -> None:
    store.parts.overrides.save(STORE, Template.CASE_OPENED_CUSTOMER, Sources(text="We have it, {{ reader_name }}."))
    _, _, receipt = opened(store)
    text = receipt.text
    assert text.index("We have it, Tom Reed.") < text.index(SAID) < text.index(FIRST_WORDS)
    assert "will answer you by mail" not in text


def test_customers_read_dates_as_they_write_them(store: World) -> None:
    customer = case_event(2)["data"]["customer"] | {"id": "cus_" + "j" * 24, "email": "akiko@mail.example.org",
                                                    "locale": "ja-JP", "firstName": "Akiko"}  # fmt: skip
    case_id, _, receipt = opened(store, customer=customer)
    (said,) = trail(store, case_id)
    assert said in receipt.text
    assert "We are back on 2026年5月4日 21:00 JST." in said
    assert "月–金 14:00–18:00" in said


def test_words_that_break_are_left_out_and_the_case_is_opened_all_the_same(store: World) -> None:
    # A row that came into the database past the check.
    decide(store, auto_reply="{{ order_number }} {{ reply_address }}")
    for number in (2, 3):
        case_id, _, receipt = opened(store, number)
        assert trail(store, case_id) == []
        assert "has your message and will answer" in receipt.text
    (raised,) = (alarm for alarm in alarms.raised() if alarm.name == f"auto-reply:{STORE}")
    assert "there is no value reply_address" in raised.text
    assert raised.times == 1


def test_a_credential_in_the_row_is_not_told(store: World) -> None:
    _, _, receipt = opened(store)
    address = receipt.reply_address
    decide(store, auto_reply=f"Write to {address}.")
    case_id, _, second = opened(store, 3)
    (said,) = trail(store, case_id)
    assert address not in said
    assert address not in second.message.as_string()


def test_the_sender_has_the_name_that_the_store_chose(store: World) -> None:
    decide(store, auto_reply="", from_name="Grace of Blue Kettle")
    _, mails, receipt = opened(store)
    assert receipt.header("From") == "Grace of Blue Kettle via Cases <cases@cases.example.org>"
    assert receipt.header("Reply-To") == f"Grace of Blue Kettle via Cases <{receipt.reply_address}>"
    (to_merchant,) = (mail for mail in mails if mail.recipient == MIA)
    assert "Grace of" not in to_merchant.header("From") + to_merchant.header("Reply-To")

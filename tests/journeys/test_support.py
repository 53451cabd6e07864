"""Support steps in: signals, what each side hears of it, its answers, fresh orders (HARDENING rules 4, 15, 20, 21)."""

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gateway.cases.model import Audience, Role
from store import alarms, audit, cases, switches
from store.database import sql
from store.switches import Switch
from tests.sink import Mail, Sink
from tests.world import DOMAIN, MIA, OTHER_STORE, STORE, STRANGER, TOM, Clock, World, case_event

HELP, OPERATOR = "help@platform.example.org", "operator@ops.example.net"
NAME = "Pandabase Support"
SUPPORT = f'name = "{NAME}"\naddress = "{HELP}"\n'
SECURE = 'public_url = "https://cases.example.org"\n'
MAIL = f'reply_domain = "{DOMAIN}"\noperator_address = "{OPERATOR}"\n'
CALLED, JOINED = "Support was called in", "Support has joined"


@pytest.fixture
def world(tmp_path: Path, sink: Sink, clock: Clock) -> Iterator[World]:
    world = World(tmp_path, sink, clock, gateway=SECURE, mail=MAIL, support=SUPPORT)
    yield world
    world.close()


def order_event(world: World, name: str, number: int = 1, *, event_id: str = "", **data: Any) -> Any:
    """What the platform says of an order, now."""
    timestamp = world.clock().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    order = {"id": f"ord_{number:024d}"} | data.pop("order", {})
    event_id = event_id or f"evt_{name.lower()}_{number}_{world.clock().timestamp():.0f}"
    return {"event": name, "id": event_id, "timestamp": timestamp, "data": {"order": order} | data}


def dispute(world: World, number: int = 1) -> None:
    answer = world.hook(order_event(world, "PAYMENT_DISPUTED", number), "orders")
    assert answer.status_code == 200, answer.text
    world.work()


def call(case_id: str, reason: str, number: int = 1, **data: Any) -> dict[str, Any]:
    where = {"caseId": case_id} if case_id else {}
    return {
        "event": "CASE_ESCALATE",
        "id": f"evt_call_{number}",
        "data": {"storeId": STORE, "reason": reason} | where | data,
    }


def says(case_id: str, sender: str, body: str, number: int = 1, **data: Any) -> dict[str, Any]:
    told = {"storeId": STORE, "caseId": case_id, "from": sender, "body": body} | data
    return {"event": "CASE_MESSAGE", "id": f"evt_says_{number}", "data": told}


def look(world: World, **later: float) -> None:
    """The sweep, some minutes later."""
    world.clock.advance(**later or {"minutes": 2})
    world.parts.support.look()
    world.work()


def mails(world: World, address: str, title: str) -> list[Mail]:
    """The mails in a mailbox whose text holds these words."""
    return [mail for mail in world.sink.to(address) if title in mail.text]


def trail(case_id: str, role: Role) -> list[str]:
    """The trail as somebody in a role may see it."""
    found = cases.last_messages(case_id, 100, Audience.of(role))
    return [message.body for message in found if message.sender_type is Role.SYSTEM]


def page(world: World, address: str) -> str:
    """The page of the case that the newest mail to somebody links to."""
    found = re.search(r"https://cases\.example\.org(/case/\S+)", world.newest_mail_to(address).text)
    assert found is not None
    return world.http.get(found[1]).text


# Signals


def test_a_dispute_calls_support_in(world: World) -> None:
    case = world.open_case()
    world.clock.advance(hours=1)
    dispute(world)
    (asked,) = world.sink.to(HELP)
    assert "The payment of order 1001 is disputed" in asked.text
    assert "The kettle came without its lid." in asked.text
    assert asked.header("Auto-Submitted") == "auto-generated"
    shown = world.case(case)
    assert (shown["escalated"], shown["status"], shown["order"]["status"]) == (True, "OPEN", "CHARGEBACK")
    for address in (TOM, MIA):
        (told,) = mails(world, address, f"{NAME} now reads along")
        assert told.header("From").startswith(NAME)
        assert NAME in str(told.message.get_body(("html",)))
    addresses = {mail.reply_address for mail in (asked, world.newest_mail_to(TOM), world.newest_mail_to(MIA))}
    assert len(addresses) == 3  # each side has its own


def test_a_signal_that_repeats_mails_nobody(world: World) -> None:
    world.open_case()
    dispute(world)
    before = len(world.sink.mails)
    for _ in range(3):
        world.clock.advance(hours=1)
        dispute(world)
        look(world)
    assert len(world.sink.mails) == before


def test_another_signal_is_news_to_support_alone(world: World) -> None:
    case = world.open_case()
    dispute(world)
    before = Counter(mail.recipient for mail in world.sink.mails)
    warning = order_event(world, "EARLY_FRAUD_WARNING", fraudType="stolen_card", actionable=True)
    assert world.hook(warning, "orders").status_code == 200
    world.work()
    assert Counter(mail.recipient for mail in world.sink.mails) - before == {HELP: 1}
    assert "stolen_card" in world.newest_mail_to(HELP).text
    assert trail(case, Role.MERCHANT).count(CALLED) == 1
    assert "stolen_card" in trail(case, Role.MERCHANT)[-1]


def test_nobody_reads_a_reason_that_is_not_for_him(world: World) -> None:
    """HARDENING rule 21."""
    case, other = world.open_case(), world.open_case(2)
    dispute(world)
    reason = "He has the same quarrel with four other shops"
    assert world.hook(call(case, reason)).status_code == 200
    world.work()
    world.answer(world.sink.to(HELP)[0], "We have a look.")
    (staff,) = [body for body in trail(case, Role.MERCHANT) if "payment of order" in body]
    assert trail(case, Role.CUSTOMER) == [CALLED, JOINED]
    assert trail(case, Role.SUPPORT) == [CALLED, staff, f"Why support was called in: {reason}", JOINED]
    assert trail(other, Role.SUPPORT) == []
    for address in (TOM, MIA):
        assert not any(reason in mail.raw.decode() for mail in world.sink.to(address))
        assert reason not in page(world, address)
    assert not any("payment of order" in mail.raw.decode() for mail in world.sink.to(TOM))
    assert "payment of order" not in page(world, TOM)
    assert "payment of order" in page(world, MIA)
    assert reason in page(world, HELP)
    assert reason in world.sink.to(HELP)[1].text
    bodies = [message["body"] for message in world.messages(case)]
    assert staff in bodies
    assert not any(reason in body for body in bodies)
    listed = world.api("GET", f"/{case}/messages", params={"limit": 2}).json()["data"]["pagination"]
    assert (listed["total"], listed["totalPages"]) == (len(bodies), -(-len(bodies) // 2))
    assert not any(reason in str(entry.detail) for entry in audit.listing(case_id=case))


def test_repeated_cases_of_a_customer_are_a_signal_once_they_are_enough(world: World) -> None:
    world.open_case()
    world.clock.advance(days=1)
    world.open_case(2)
    look(world)
    assert world.sink.to(HELP) == []
    third = world.open_case(3)
    look(world)
    look(world)
    (asked,) = world.sink.to(HELP)
    assert "3 cases of this customer" in asked.text
    assert [world.case(case["id"])["escalated"] for case in world.api("GET").json()["data"]["items"]].count(True) == 1
    assert world.case(third)["escalated"]


def test_resolved_and_old_cases_do_not_count_and_reopened_ones_do(world: World) -> None:
    world.open_case()
    world.clock.advance(days=31)
    closed = [world.open_case(number) for number in (2, 3)]
    for case in closed:
        world.api("PATCH", f"/{case}", json={"status": "CLOSED"})
    world.open_case(4)
    look(world)
    assert world.sink.to(HELP) == []
    for case in closed:
        world.api("PATCH", f"/{case}", json={"status": "OPEN"})
    look(world)
    assert {mail.header("Subject") for mail in world.sink.to(HELP)} == {"The lid is missing"}
    assert [world.case(case)["escalated"] for case in closed] == [True, True]


def test_cases_in_other_stores_are_for_support_alone(world: World) -> None:
    for number in (11, 12):
        order = case_event(number)["data"]["order"]
        customer = {"id": "cus_bbbbbbbbbbbbbbbbbbbbbbbb", "email": TOM.title()}
        world.open_case(number, storeId=OTHER_STORE, customer=customer, order=order)
        world.clock.advance(seconds=1)
    case = world.open_case()
    look(world)
    (asked,) = world.sink.to(HELP)
    assert "3 cases of this customer in several stores" in asked.text
    assert trail(case, Role.MERCHANT) == [CALLED]
    assert len(trail(case, Role.SUPPORT)) == 2


def test_a_case_on_a_disputed_order_is_looked_at_when_it_is_opened(world: World) -> None:
    order = case_event()["data"]["order"] | {"status": "CHARGEBACK"}
    case = world.open_case(order=order, allowAnyOrderStatus=True)
    world.parts.support.look()
    assert not world.case(case)["escalated"]  # whatever opens a case may not have been written yet
    look(world)
    assert world.case(case)["escalated"]


def test_a_merchant_who_is_silent_on_an_urgent_case(tmp_path: Path, sink: Sink, clock: Clock) -> None:
    world = World(tmp_path, sink, clock, gateway=SECURE, support=SUPPORT + "silent_hours = 24")
    try:
        silent_on_an_urgent_case(world)
    finally:
        world.close()


def silent_on_an_urgent_case(world: World) -> None:
    case = world.open_case()  # HIGH
    calm = world.open_case(2, priority="NORMAL")
    look(world, hours=23)
    assert world.sink.to(HELP) == []
    look(world, hours=1)
    look(world, hours=1)
    (asked,) = world.sink.to(HELP)
    assert "has not answered for 24 hours" in asked.text
    assert not world.case(calm)["escalated"]
    world.answer(world.newest_mail_to(TOM), "Hello?")
    look(world, hours=25)
    assert [mail for mail in world.sink.to(HELP) if "24 hours" in mail.text] == [asked]
    assert sum("24 hours" in body for body in trail(case, Role.SUPPORT)) == 2


def test_a_clock_that_jumped_is_no_signal(world: World) -> None:
    case = world.open_case()
    world.parts.database.write(lambda: switches.stop(Switch.CLOCK, "it jumped", world.clock()))
    look(world, days=400)
    assert not world.case(case)["escalated"]


def test_the_sweep_goes_on_where_it_was_and_loses_no_case(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.support.AT_ONCE", 2)
    order = case_event()["data"]["order"] | {"status": "CHARGEBACK"}
    for number in range(1, 8):  # all in one moment
        world.open_case(number, order=order | {"id": f"ord_{number:024d}"}, allowAnyOrderStatus=True)
        world.clock.advance(milliseconds=number % 3)
    for _ in range(4):
        look(world)
    assert sql("SELECT count(*) FROM cases WHERE escalated").fetchone() == (7,)
    assert len(mails(world, HELP, "is disputed")) == 7


# A call by a person


def test_a_call_by_the_number_of_an_order(world: World) -> None:
    case = world.open_case()
    asked = world.hook(call("", "Please look", orderId=f"ord_{1:024d}"))
    assert asked.status_code == 200
    assert [(one["id"], one["escalated"]) for one in asked.json()["data"]["cases"]] == [(case, True)]
    again = world.hook(call("", "Please look", orderId=f"ord_{1:024d}"))
    assert (again.status_code, again.json()) == (200, asked.json())
    world.work()
    assert len(world.sink.to(HELP)) == 1
    assert world.hook(call("", "Look", 2, orderId=f"ord_{9:024d}")).status_code == 404
    assert world.hook(call(case, "Look", 3, storeId=OTHER_STORE)).status_code == 404
    assert world.hook(call("case_of_nobody_at_all", "Look", 4)).status_code == 404


def test_ten_copies_of_a_call_take_effect_once(world: World) -> None:
    case = world.open_case()
    before = Counter(mail.recipient for mail in world.sink.mails)
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: world.hook(call(case, "Look")), range(10)))
    assert {answer.status_code for answer in answers} == {200}
    world.work()
    assert Counter(mail.recipient for mail in world.sink.mails) - before == {HELP: 1, TOM: 1, MIA: 1}
    assert trail(case, Role.SUPPORT) == [CALLED, "Why support was called in: Look"]


def test_ten_copies_of_a_dispute_take_effect_once(world: World) -> None:
    case = world.open_case()
    before = Counter(mail.recipient for mail in world.sink.mails)
    event = order_event(world, "PAYMENT_DISPUTED")
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: world.hook(event, "orders"), range(10)))
    assert {answer.status_code for answer in answers} == {200}
    world.work()
    assert Counter(mail.recipient for mail in world.sink.mails) - before == {HELP: 1, TOM: 1, MIA: 1}
    assert len(trail(case, Role.SUPPORT)) == 2


def test_a_closed_case_is_escalated_and_stays_closed(world: World) -> None:
    case = world.open_case()
    world.api("PATCH", f"/{case}", json={"status": "CLOSED"})
    dispute(world)
    assert (world.case(case)["status"], world.case(case)["escalated"]) == ("CLOSED", True)
    assert len(world.sink.to(HELP)) == 1


# Support answers


def test_support_answers_by_mail_and_both_sides_read_it_as_support(world: World) -> None:
    case = world.open_case()
    world.proves("platform.example.org")
    dispute(world)
    kept = world.answer(world.newest_mail_to(HELP), "We look into it.")
    assert world.outcomes(kept) == ["posted"]
    posted = [message for message in world.messages(case) if message["senderType"] == "SUPPORT"]
    assert [(message["body"], message.get("via"), message.get("unverified")) for message in posted] == [
        ("We look into it.", None, None)
    ]
    assert world.case(case)["status"] == "OPEN"
    for address in (TOM, MIA):
        mail = world.newest_mail_to(address)
        assert "We look into it." in mail.text
        assert mail.header("From").startswith(NAME)
        assert "Auto-Submitted" not in mail.message
        assert HELP not in mail.raw.decode()
        shown = page(world, address)
        assert shown.count('class="message support"') == shown.count('class="badge"') == 1
        assert NAME in shown
    world.answer(world.newest_mail_to(HELP), "One more thing.")
    assert trail(case, Role.CUSTOMER).count(JOINED) == 1
    assert len(mails(world, TOM, "now reads along")) == 1


def test_both_sides_answer_support(world: World) -> None:
    case = world.open_case()
    dispute(world)
    world.answer(world.newest_mail_to(HELP), "What happened?")
    world.answer(world.newest_mail_to(TOM), "No lid came.")
    for address in (MIA, HELP):
        assert "No lid came." in world.newest_mail_to(address).text
    world.answer(world.newest_mail_to(MIA), "We send one.")
    for address in (TOM, HELP):
        assert "We send one." in world.newest_mail_to(address).text
    assert [who for who, _ in world.said(case)] == ["CUSTOMER", "SUPPORT", "CUSTOMER", "MERCHANT"]


@pytest.mark.parametrize(
    ("sender", "dns", "outcome"),
    [
        (HELP, "pass", "posted"),
        (HELP, "none", "posted"),  # nobody can own that domain
        (HELP, "fail", "held"),
        (STRANGER, "pass", "held"),
        (MIA, "pass", "held"),
    ],
)
def test_whose_words_a_mail_to_supports_reply_address_is(world: World, sender: str, dns: str, outcome: str) -> None:
    """HARDENING rule 4. What is held is looked at by the operator, never by the store (rule 20)."""
    case = world.open_case()
    dispute(world)
    domain = sender.partition("@")[2]
    if dns != "none":
        (world.proves if dns == "pass" else world.forbids)(domain)
    kept = world.answer(world.newest_mail_to(HELP), "Send him the money back.", sender=sender)
    assert world.outcomes(kept) == [outcome]
    assert any(who == "SUPPORT" for who, _ in world.said(case)) is (outcome == "posted")
    before = Counter(mail.recipient for mail in world.sink.mails)
    world.parts.reviews.tell()
    world.work()
    assert Counter(mail.recipient for mail in world.sink.mails) - before == ({OPERATOR: 1} if outcome == "held" else {})


def test_support_answers_in_the_platforms_own_pages(world: World) -> None:
    case = world.open_case()
    world.api("PATCH", f"/{case}", json={"status": "CLOSED"})
    event = says(case, "SUPPORT", "Hello, Eve here.", senderName="Eve")
    first, second = world.hook(event), world.hook(event)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert first.json()["data"]["senderType"] == "SUPPORT"
    world.work()
    shown = world.case(case)
    assert (shown["status"], shown["escalated"]) == ("OPEN", True)
    assert NAME in world.newest_mail_to(MIA).header("From")
    assert world.sink.to(HELP) == []  # nobody is mailed what he wrote
    world.answer(world.newest_mail_to(TOM), "Hello, Eve.")
    assert "Hello, Eve." in world.newest_mail_to(HELP).text  # from now on support reads along
    assert trail(case, Role.CUSTOMER).count(JOINED) == 1


def test_a_customers_answer_in_the_portal_opens_his_case_again(world: World) -> None:
    case = world.open_case()
    world.api("PATCH", f"/{case}", json={"status": "CLOSED"})
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: world.hook(says(case, "CUSTOMER", "It is still missing.")), range(10)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 9}
    assert len({answer.text for answer in answers}) == 1
    world.work()
    assert world.case(case)["status"] == "AWAITING_MERCHANT"
    assert len(mails(world, MIA, "It is still missing.")) == 1
    assert mails(world, TOM, "It is still missing.") == []
    assert world.hook(says(case, "CUSTOMER", "Other words")).status_code == 409
    assert world.hook(says(case, "CUSTOMER", "Hello", 2, storeId=OTHER_STORE)).status_code == 404


@pytest.mark.parametrize(
    "name",
    [
        NAME,
        "PANDABASE  support",
        "Pаndabase Suppоrt",
        "The Pandabase Support Team",
        "Support Team",
        "Pandàbase-Support",
    ],
)
def test_nobody_passes_for_support(world: World, name: str) -> None:
    case = world.open_case(store={"name": name, "notify": [{"email": MIA, "name": name}]}, customer={
        "id": "cus_aaaaaaaaaaaaaaaaaaaaaaaa", "email": TOM, "firstName": name, "locale": "en",
    })  # fmt: skip
    world.answer(world.newest_mail_to(MIA), "Send me your password.")
    world.answer(world.newest_mail_to(TOM), "Are you support?")
    for address in (TOM, MIA):
        for mail in world.sink.to(address):
            read = mail.text + mail.header("From") + mail.header("To") + str(mail.message["Reply-To"])
            assert name not in read
            assert NAME not in read
    assert name not in page(world, TOM)
    dispute(world)
    world.answer(world.newest_mail_to(HELP), "This is support.")
    assert world.newest_mail_to(TOM).header("From").startswith(NAME)
    assert [who for who, _ in world.said(case)] == ["CUSTOMER", "MERCHANT", "CUSTOMER", "SUPPORT"]


# The address of support


def test_without_an_address_the_case_is_marked_and_the_operator_told(tmp_path: Path, sink: Sink, clock: Clock) -> None:
    world = World(tmp_path, sink, clock, mail=MAIL)
    try:
        case = world.open_case()
        before = len(sink.mails)
        dispute(world)
        assert (world.case(case)["escalated"], len(sink.mails)) == (True, before)
        (alarm,) = [alarm for alarm in alarms.raised() if alarm.name == "support"]
        assert "support.address" in alarm.text
        assert trail(case, Role.CUSTOMER) == [CALLED]
    finally:
        world.close()


def test_a_new_address_takes_over(world: World) -> None:
    world.open_case()
    dispute(world)
    old = world.newest_mail_to(HELP)
    world.close()
    world.file.write_text(world.file.read_text().replace(HELP, "team@platform.example.org"))
    world.start()
    world.answer(world.newest_mail_to(TOM), "Hello?")
    assert "Hello?" in world.newest_mail_to("team@platform.example.org").text
    assert world.newest_mail_to(HELP) == old


# Orders


def test_what_is_shown_of_an_order_is_what_it_is_now(world: World) -> None:
    case = world.open_case()
    world.clock.advance(hours=1)
    refund = order_event(world, "PAYMENT_REFUNDED", order={"amount": 1999, "currency": "EUR"})
    assert world.hook(refund, "orders").json()["data"] == {"orderId": f"ord_{1:024d}"}
    order = world.case(case)["order"]
    assert (order["status"], order["amount"]) == ("REFUNDED", 1999)
    world.answer(world.newest_mail_to(TOM), "Thank you for the money.")
    (line,) = [line for line in world.newest_mail_to(MIA).text.splitlines() if line.startswith("Order 1001")]
    assert "19.99" in line
    assert "refunded" in line
    assert "19.99" in page(world, TOM)
    assert world.sink.to(HELP) == []


def test_events_in_reverse_order(world: World) -> None:
    """HARDENING rule 15."""
    case = world.open_case()
    events = []
    for name in ("PAYMENT_DISPUTED", "PAYMENT_DISPUTE_WON"):
        world.clock.advance(hours=1)
        events.append(order_event(world, name))
    for event in reversed(events):
        assert world.hook(event, "orders").status_code == 200
    shown = world.case(case)
    assert (shown["order"]["status"], shown["escalated"]) == ("COMPLETED", False)
    world.clock.advance(hours=1)
    assert world.hook(order_event(world, "PAYMENT_DISPUTE_LOST"), "orders").status_code == 200
    assert world.case(case)["order"]["status"] == "CHARGEBACK"


def test_an_event_stands_for_its_cases_that_are_not_closed(world: World) -> None:
    order = case_event()["data"]["order"]
    first, second = world.open_case(), world.open_case(2, order=order)
    world.api("PATCH", f"/{first}", json={"status": "CLOSED"})
    dispute(world)
    assert [world.case(case)["escalated"] for case in (first, second)] == [False, True]


def test_orders_of_nobody_and_of_others(world: World) -> None:
    world.open_case()
    unknown = world.hook(order_event(world, "PAYMENT_DISPUTED", 9), "orders")
    assert (unknown.status_code, unknown.json()["data"]) == (202, {"ignored": "PAYMENT_DISPUTED"})
    assert world.hook(order_event(world, "PAYMENT_PENDING"), "orders").status_code == 202
    other = order_event(world, "PAYMENT_DISPUTED", storeId=OTHER_STORE)
    assert world.hook(other, "orders").status_code == 409
    own = order_event(world, "PAYMENT_REFUNDED", event_id="evt_own", storeId=STORE)
    assert world.hook(own, "orders").status_code == 200
    assert world.hook(own | {"event": "PAYMENT_COMPLETED"}, "orders").status_code == 409  # the id was used before

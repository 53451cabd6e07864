"""Hooks of the platform: what opens a case, what is refused and in which words (CONTRACT §9)."""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING, Any

import pytest

from gateway.web.hooks.cases import derived_customer_id
from store import parties

if TYPE_CHECKING:
    from tests.web.conftest import Clock, Door

STORE, OTHER_STORE = "shp_aaaaaaaaaaaaaaaaaaaaaaaa", "shp_bbbbbbbbbbbbbbbbbbbbbbbb"
OLD_SECRET = "whsec_c2lnbmVkLWJ5LXRoZS1wbGF0Zm9ybS0wMDAwMDA="
STRANGE_SECRET = "whsec_c2lnbmVkLWJ5LXNvbWVib2R5LWVsc2UtMDAwMDA="
PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + b"\0" * 40
LARGEST = 5 * 1024 * 1024


def attachment(data: bytes, filename: str = "lid.png", mime_type: str = "image/png") -> dict[str, Any]:
    return {"filename": filename, "mimeType": mime_type, "contentBase64": base64.b64encode(data).decode()}


def fields(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.text
    assert answer.json()["ok"] is False
    return [problem["field"] for problem in answer.json()["problems"]]


def test_a_case_is_opened_with_all_that_it_needs(door: Door) -> None:
    answer = door.hook(door.case_event(priority="URGENT"))
    assert answer.status_code == 201
    case = answer.json()["data"]
    assert answer.json()["ok"] is True
    assert (case["status"], case["priority"], case["unreadCount"]) == ("OPEN", "URGENT", 1)
    assert case["customer"]["firstName"] == "Ada"
    assert case["order"]["createdAt"] == "2026-05-01T08:00:00.000Z"
    shown = door.client.get(f"/v2/core/stores/{STORE}/cases/{case['id']}", headers=door.token()).json()["data"]
    assert shown == case
    assert door.count("outbox") == 2  # the merchant hears of it, the customer gets a receipt


def test_a_repeat_answers_with_the_case_and_does_nothing(door: Door) -> None:
    event = door.case_event()
    first, second = door.hook(event, "evt_once"), door.hook(event, "evt_once")
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json()
    assert (door.count("cases"), door.count("outbox")) == (1, 2)


def test_a_repeat_is_known_for_thirty_days_however_long_its_id(door: Door, clock: Clock) -> None:
    event, long_id = door.case_event(), "evt_" + "x" * 200
    assert door.hook(event, long_id).status_code == 201
    clock.advance(days=29)
    assert door.hook(event, long_id).status_code == 200


def test_the_same_id_with_another_body_is_a_conflict(door: Door) -> None:
    door.hook(door.case_event(), "evt_once")
    answer = door.hook(door.case_event(subject="Another"), "evt_once")
    assert (answer.status_code, answer.json()["code"]) == (409, "resource_already_exists")


def test_an_unknown_store_must_be_described(door: Door) -> None:
    answer = door.hook(door.case_event(store=None))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    door.open_case()
    assert door.hook(door.case_event(store=None)).status_code == 201


def test_only_completed_orders_unless_the_platform_says_so(door: Door) -> None:
    order = door.case_event()["data"]["order"] | {"status": "PENDING"}
    assert door.hook(door.case_event(order=order)).status_code == 409
    assert door.count("cases") == 0
    assert door.hook(door.case_event(order=order, allowAnyOrderStatus=True)).status_code == 201


def test_an_order_of_another_store_is_a_conflict(door: Door) -> None:
    door.open_case()
    answer = door.hook(door.case_event(storeId=OTHER_STORE))
    assert (answer.status_code, door.count("store")) == (409, 1)


def test_a_customer_without_an_id_is_the_same_person_next_time(door: Door) -> None:
    customer = {"email": "ada@example.org"}
    first = door.open_case(customer=customer)["customerId"]
    assert door.open_case(customer={"email": "Ada@Example.org"})["customerId"] == first
    assert first == derived_customer_id(STORE, "ada@example.org")
    assert len(first) == 28
    assert first != derived_customer_id(OTHER_STORE, "ada@example.org")


def test_fields_that_may_be_left_out_may_be_null(door: Door) -> None:
    nothing = {"id": None, "email": "ada@example.org", "firstName": None, "lastName": None, "locale": None}
    assert door.open_case(customer=nothing)["customer"]["firstName"] == ""


def test_a_member_named_twice_is_mailed_once(door: Door) -> None:
    notify = [{"email": "desk@shop.example.org", "name": "Grace"}, {"email": "Desk@shop.example.org"}]
    door.open_case(store={"name": "Blue Kettle", "notify": notify})
    assert [(member.email, member.name) for member in parties.members(STORE)] == [("desk@shop.example.org", "Grace")]
    assert door.count("outbox") == 2


def test_a_number_as_order_number_is_taken_as_text(door: Door) -> None:
    order = door.case_event()["data"]["order"] | {"orderNumber": 1042}
    assert door.open_case(order=order)["order"]["orderNumber"] == "1042"


def test_fields_that_we_do_not_know_are_skipped(door: Door) -> None:
    event = door.case_event(geo={"country": "DE"}, id="case_chosen_by_the_caller", status="CLOSED")
    answer = door.hook(event | {"livemode": True})
    assert answer.status_code == 201
    assert answer.json()["data"]["status"] == "OPEN"
    assert answer.json()["data"]["id"] != "case_chosen_by_the_caller"


def test_every_wrong_field_is_named_at_once(door: Door) -> None:
    event = door.case_event(
        storeId="short",
        store={"name": "", "notify": [{"email": "desk@shop.example.org"}, {"email": "nobody"}]},
        customer={"email": "ada@@example.org", "locale": "a language"},
        order={"id": "ord_aaaaaaaaaaaaaaaaaaaaaaaa", "orderNumber": True, "amount": "12.50", "currency": "euro",
               "status": "COMPLETED", "createdAt": "yesterday"},
        subject="Two\nlines",
        priority="high",
        body=" ",
        allowAnyOrderStatus="yes",
    )  # fmt: skip
    answer = door.hook(event | {"timestamp": "2026-05-04T09:30:00"})
    assert fields(answer) == [
        "timestamp", "data.storeId", "data.store.name", "data.store.notify.1.email", "data.customer.email",
        "data.customer.locale", "data.order.orderNumber", "data.order.amount", "data.order.currency",
        "data.order.createdAt", "data.subject", "data.priority", "data.body", "data.allowAnyOrderStatus",
    ]  # fmt: skip
    assert "data.order.amount" in answer.json()["error"]
    assert door.count("store") == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("subject", "x" * 201),
        ("subject", ""),
        ("subject", "A\u2028B"),
        ("subject", "A\x1b[2J"),
        ("body", "x" * 4_001),
        ("body", None),
        ("customer", {"email": "ada@example.org\r\nBcc: all@example.org"}),
        ("customer", {"email": "a" * 65 + "@example.org"}),
        ("customer", {"email": "ada@" + "a" * 64 + ".org"}),
        ("customer", {"email": "ada@example"}),
        ("customer", {"email": ".ada@example.org"}),
        ("customer", {"email": "Ada <ada@example.org>"}),
        ("customer", {"email": "ada@[127.0.0.1]"}),
        ("customer", {"email": "ada@example.org", "firstName": "A\nB"}),
        ("customer", {"email": "ada@example.org", "lastName": "x" * 201}),
        ("customer", {"email": "ada@example.org", "id": "cus'; DROP TABLE x"}),
        ("customer", {"email": "ada@cases.localhost"}),
        ("order", []),
        ("attachments", "none"),
    ],
)
def test_limits(door: Door, name: str, value: Any) -> None:
    problems = fields(door.hook(door.case_event(**{name: value})))
    assert len(problems) == 1
    assert problems[0].startswith(f"data.{name}")


@pytest.mark.parametrize("email", ["ada+tag@example.org", "o'hara@sub.example.org", "grüße@exämple.org", "a@b.test"])
def test_addresses_of_real_people(door: Door, email: str) -> None:
    assert door.open_case(customer={"email": email})["customer"]["email"] == email


def test_files_are_kept_by_their_bytes(door: Door) -> None:
    case = door.open_case(attachments=[attachment(PNG, "../../lid.png", "text/html"), attachment(b"words", "a.txt")])
    messages = door.client.get(f"/v2/core/stores/{STORE}/cases/{case['id']}/messages", headers=door.token())
    shown = messages.json()["data"]["items"][0]["attachments"]
    assert [(file["filename"], file["mimeType"], file["sizeBytes"]) for file in shown] == [
        ("lid.png", "image/png", len(PNG)),
        ("a.txt", "text/plain", 5),
    ]


def test_five_of_the_largest_files(door: Door) -> None:
    files = [attachment(b"a" * LARGEST, f"{number}.txt", "text/plain") for number in range(5)]
    assert door.hook(door.case_event(attachments=files)).status_code == 201


@pytest.mark.parametrize(
    ("file", "field"),
    [
        (attachment(b"a" * (LARGEST + 1), "a.txt"), "contentBase64"),
        (attachment(b"a" * (LARGEST + 2), "a.txt"), "contentBase64"),
        (attachment(b"a" * (LARGEST * 2), "a.txt"), "contentBase64"),
        (attachment(b"MZ\x90\0" + b"\0" * 60), "contentBase64"),
        (attachment(b"<html>", "a.txt"), "contentBase64"),
        (attachment(PNG) | {"contentBase64": "AAA"}, "contentBase64"),
        (attachment(PNG) | {"contentBase64": "AAAA\nAAAA"}, "contentBase64"),
        (attachment(PNG) | {"contentBase64": "-_-_"}, "contentBase64"),
        (attachment(PNG) | {"contentBase64": None}, "contentBase64"),
        (attachment(PNG) | {"contentBase64": "ä"}, "contentBase64"),
        (attachment(PNG, ".."), "filename"),
        (attachment(PNG, "x" * 256), "filename"),
    ],
)
def test_files_that_are_refused(door: Door, file: dict[str, Any], field: str) -> None:
    answer = door.hook(door.case_event(attachments=[attachment(PNG), file]))
    assert fields(answer) == [f"data.attachments.1.{field}"]
    assert len(answer.text) < 1_000
    assert door.count("cases") == 0


def test_six_files_are_too_many(door: Door) -> None:
    assert fields(door.hook(door.case_event(attachments=[attachment(PNG)] * 6))) == ["data.attachments"]


def test_an_unknown_event_is_ignored(door: Door) -> None:
    answer = door.hook({"event": "CASE_ADMIRED", "data": 7})
    assert (answer.status_code, answer.json()) == (202, {"ok": True, "data": {"ignored": "CASE_ADMIRED"}})


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '{"event": 7}', '{"event": ""}', "[" * 100_000])
def test_a_body_that_is_no_event(door: Door, body: str) -> None:
    assert door.hook(body).status_code == 400


def test_a_body_that_is_not_utf8(door: Door) -> None:
    body = b'{"event": "\xff"}'
    moment = str(int(door.clock().timestamp()))
    key = base64.b64decode(OLD_SECRET.removeprefix("whsec_"))
    mac = hmac.digest(key, f"evt_1.{moment}.".encode() + body, "sha256")  # the package signs text only
    signature = base64.b64encode(mac).decode()
    headers = {"webhook-id": "evt_1", "webhook-timestamp": moment, "webhook-signature": f"v1,{signature}"}
    assert door.client.post("/hooks/cases", content=body, headers=headers).status_code == 400


def test_any_of_the_secrets_may_sign(door: Door) -> None:
    assert door.hook(door.case_event(), secret=OLD_SECRET).status_code == 201


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({"webhook-signature": ""}, "not signed"),
        ({"webhook-signature": "v1,AAAA"}, "does not match"),
        ({"webhook-signature": "v1"}, "does not match"),
        ({"webhook-timestamp": "1777886000"}, "seconds away"),
        ({"webhook-signature": "ab" * 32}, "V1 signature"),
        ({"webhook-id": "evt_another"}, "does not match"),
    ],
)
def test_calls_that_are_not_the_platforms(door: Door, headers: dict[str, str], text: str) -> None:
    answer = door.hook(door.case_event(), **headers)
    assert answer.status_code == 401
    assert text in answer.json()["error"]
    assert door.count("cases") == 0


def test_another_secret_is_refused(door: Door) -> None:
    assert door.hook(door.case_event(), secret=STRANGE_SECRET).status_code == 401
    assert door.client.post("/hooks/cases", json=door.case_event()).status_code == 401

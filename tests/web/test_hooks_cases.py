"""Hooks that write on a case and call support in: what is refused, and in which words (CONTRACT §9)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.web.conftest import Door

STORE, OTHER_STORE = "shp_aaaaaaaaaaaaaaaaaaaaaaaa", "shp_bbbbbbbbbbbbbbbbbbbbbbbb"
ORDER = "ord_aaaaaaaaaaaaaaaaaaaaaaaa"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + b"\0" * 40).decode()


def message(case: dict[str, Any], **changes: Any) -> dict[str, Any]:
    data = {"storeId": STORE, "caseId": case["id"], "from": "CUSTOMER", "body": "It is still missing."}
    return {"event": "CASE_MESSAGE", "data": data | changes}


def call(**data: Any) -> dict[str, Any]:
    return {"event": "CASE_ESCALATE", "data": {"storeId": STORE, "reason": "He asked for a person"} | data}


def fields(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.text
    return [problem["field"] for problem in answer.json()["problems"]]


def test_a_message_with_files(door: Door) -> None:
    file = {"filename": "lid.png", "mimeType": "image/png", "contentBase64": PNG}
    answer = door.hook(message(door.open_case(), attachments=[file]))
    assert answer.status_code == 201
    posted = answer.json()["data"]
    assert (posted["senderType"], posted["body"]) == ("CUSTOMER", "It is still missing.")
    assert [one["filename"] for one in posted["attachments"]] == ["lid.png"]


def test_both_spellings_of_a_case(door: Door) -> None:
    case = door.open_case()
    other = case["id"].replace("case_", "cs_")
    assert door.hook(message({"id": other})).status_code == 201
    assert door.hook(call(caseId=other)).json()["data"]["cases"][0]["id"] == case["id"]


def test_one_id_is_one_message_in_each_store(door: Door) -> None:
    """HARDENING rule 15: the same key in two stores."""
    case = door.open_case()
    other = door.open_case(
        storeId=OTHER_STORE,
        customer={"id": "cus_bbbbbbbbbbbbbbbbbbbbbbbb", "email": "ada@example.org"},
        order=case["order"] | {"id": "ord_bbbbbbbbbbbbbbbbbbbbbbbb"},
    )
    here, there = message(case), message(other, storeId=OTHER_STORE)
    statuses = [door.hook(event, "evt_one").status_code for event in (here, there, here, there)]
    assert statuses == [201, 201, 200, 200]
    assert door.hook(message(case, body="Other words"), "evt_one").status_code == 409


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"from": "MERCHANT"}, "data.from"),
        ({"from": None}, "data.from"),
        ({"body": " "}, "data.body"),
        ({"body": "x" * 4_001}, "data.body"),
        ({"caseId": "'; DROP"}, "data.caseId"),
        ({"senderName": "A\nB"}, "data.senderName"),
        ({"attachments": [{"filename": "a.png", "contentBase64": PNG}] * 6}, "data.attachments"),
    ],
)
def test_messages_that_are_refused(door: Door, changes: dict[str, Any], field: str) -> None:
    case = door.open_case()
    assert fields(door.hook(message(case, **changes))) == [field]
    assert door.count("message") == 1


def test_a_message_for_nobody(door: Door) -> None:
    case = door.open_case()
    assert door.hook(message({"id": "case_aaaaaaaaaaaaaaaaaaaaaaaaaa"})).status_code == 404
    assert door.hook(message(case, storeId=OTHER_STORE)).status_code == 404
    assert door.count("message") == 1


def test_a_call_names_a_case_or_an_order(door: Door) -> None:
    case = door.open_case()
    assert fields(door.hook(call())) == ["data"]
    assert fields(door.hook(call(caseId=case["id"], orderId=ORDER))) == ["data"]
    assert fields(door.hook(call(caseId=case["id"], reason=" "))) == ["data.reason"]
    assert door.count("escalation") == 0
    assert door.hook(call(orderId=ORDER, reason="In two\nlines")).status_code == 200
    assert door.count("escalation") == 1


def test_the_same_reason_again_is_the_same_call(door: Door) -> None:
    case = door.open_case()
    for words in ("Look at this", "Look  at this", "Look at that"):
        assert door.hook(call(caseId=case["id"], reason=words)).status_code == 200
    assert door.count("escalation") == 2
    assert door.count("outbox WHERE template = 'support_called'") == 2
    assert door.count("outbox WHERE template = 'support_joined'") == 2

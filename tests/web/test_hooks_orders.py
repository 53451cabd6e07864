"""Hooks about orders: what they make of an order, what is refused (CONTRACT §9, HARDENING rule 15)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.web.conftest import Door

STORE, OTHER_STORE = "shp_aaaaaaaaaaaaaaaaaaaaaaaa", "shp_bbbbbbbbbbbbbbbbbbbbbbbb"
ORDER = "ord_aaaaaaaaaaaaaaaaaaaaaaaa"


def event(name: str, minute: int = 31, **order: Any) -> dict[str, Any]:
    """An event about the order of the case, at that minute after nine; the case was opened at 9:30."""
    data = {"order": {"id": ORDER} | order}
    return {"event": name, "timestamp": f"2026-05-04T09:{minute}:00.000Z", "data": data}


def order_of(door: Door, case: dict[str, Any]) -> tuple[str, int, str]:
    url = f"/v2/core/stores/{STORE}/cases/{case['id']}"
    order = door.client.get(url, headers=door.token()).json()["data"]["order"]
    return order["status"], order["amount"], order["currency"]


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("PAYMENT_COMPLETED", "COMPLETED"),
        ("PAYMENT_REFUNDED", "REFUNDED"),
        ("PAYMENT_DISPUTED", "CHARGEBACK"),
        ("PAYMENT_DISPUTE_WON", "COMPLETED"),
        ("PAYMENT_DISPUTE_LOST", "CHARGEBACK"),
        ("EARLY_FRAUD_WARNING", "COMPLETED"),
    ],
)
def test_what_an_event_makes_of_an_order(door: Door, name: str, status: str) -> None:
    case = door.open_case()
    answer = door.hook(event(name), to="orders")
    assert (answer.status_code, answer.json()["data"]) == (200, {"orderId": ORDER})
    assert order_of(door, case) == (status, 2499, "EUR")
    signal = status == "CHARGEBACK" or name == "EARLY_FRAUD_WARNING"
    assert door.count("escalation") == int(signal)


def test_the_newest_event_stands_in_whatever_order_they_come(door: Door) -> None:
    case = door.open_case()
    for minute, name, amount in (
        (35, "PAYMENT_REFUNDED", 1999),
        (33, "PAYMENT_DISPUTED", 2499),
        (34, "PAYMENT_COMPLETED", 7),
    ):
        assert door.hook(event(name, minute, amount=amount), to="orders").status_code == 200
    assert order_of(door, case) == ("REFUNDED", 1999, "EUR")
    assert door.count("escalation") == 0  # the dispute was over before it was heard of
    assert (
        door.hook(door.case_event(subject="Another one"), "evt_later").status_code == 409
    )  # REFUNDED, whatever it says


def test_a_fraud_warning_counts_however_late_it_comes(door: Door) -> None:
    door.open_case()
    door.hook(event("PAYMENT_REFUNDED", 40), to="orders")
    door.hook(event("EARLY_FRAUD_WARNING", 31), to="orders")
    assert door.count("escalation WHERE signal = 'early fraud warning'") == 1


def test_a_repeat_is_known(door: Door) -> None:
    door.open_case()
    first, second = (door.hook(event("PAYMENT_DISPUTED"), "evt_once", to="orders") for _ in range(2))
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert door.hook(event("PAYMENT_REFUNDED"), "evt_once", to="orders").status_code == 409
    assert door.count("escalation") == 1


@pytest.mark.parametrize("where", ["data", "order"])
def test_an_order_of_another_store(door: Door, where: str) -> None:
    case = door.open_case()
    told = event("PAYMENT_DISPUTED")
    (told["data"] if where == "data" else told["data"]["order"])["storeId"] = OTHER_STORE
    assert door.hook(told, to="orders").status_code == 409
    assert order_of(door, case)[0] == "COMPLETED"


@pytest.mark.parametrize("name", ["PAYMENT_PENDING", "PAYMENT_PROCESSING", "PAYMENT_FAILED", "CASE_CREATE"])
def test_events_that_mean_nothing_here(door: Door, name: str) -> None:
    door.open_case()
    answer = door.hook(event(name), to="orders")
    assert (answer.status_code, answer.json()["data"]) == (202, {"ignored": name})


def test_an_order_that_no_case_is_about(door: Door) -> None:
    assert door.hook(event("PAYMENT_DISPUTED"), to="orders").status_code == 202


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ({"id": "short"}, "data.order.id"),
        ({"amount": "12.50"}, "data.order.amount"),
        ({"amount": 12.5}, "data.order.amount"),
        ({"amount": True}, "data.order.amount"),
        ({"amount": -1}, "data.order.amount"),
        ({"currency": "euro"}, "data.order.currency"),
    ],
)
def test_fields_that_are_wrong(door: Door, order: dict[str, Any], field: str) -> None:
    door.open_case()
    answer = door.hook(event("PAYMENT_DISPUTED", **order), to="orders")
    assert answer.status_code == 400
    assert [problem["field"] for problem in answer.json()["problems"]] == [field]


def test_a_call_that_is_not_signed(door: Door) -> None:
    assert door.client.post("/hooks/orders", json=event("PAYMENT_DISPUTED")).status_code == 401

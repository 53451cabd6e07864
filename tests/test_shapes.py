"""The JSON of the contract, field by field."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from gateway import shapes
from gateway.cases.model import (
    Attachment,
    Case,
    CaseView,
    Customer,
    Delivery,
    DeliveryState,
    Message,
    Order,
    Page,
    Priority,
    Role,
    Status,
)
from gateway.errors import Problem

NOON = datetime(2026, 5, 4, 12, 0, 0, 7_900, tzinfo=UTC)
VIEW = CaseView(
    Case(
        id="case_1", store_id="shp_1", customer_id="cus_1", order_id="ord_1", subject="The lid is missing",
        status=Status.CLOSED, priority=Priority.HIGH, escalated=True, unread_count=2, last_message_at=NOON,
        last_message_by=Role.CUSTOMER, last_activity_at=NOON, closed_at=NOON, closed_by=Role.SYSTEM, created_at=NOON,
        updated_at=NOON, version=9,
    ),
    Customer("cus_1", "shp_1", "ada@example.org", "Ada", "Byron", "en"),
    Order("ord_1", "shp_1", "cus_1", "1042", 2499, "EUR", "COMPLETED", NOON),
)  # fmt: skip
MESSAGE = Message("cmsg_1", "case_1", 1, Role.CUSTOMER, "cus_1", "Ada Byron", "Hello", NOON)
TEXT_OF_NOON = "2026-05-04T12:00:00.007Z"


def plain(shape: shapes.Shape) -> Any:
    return json.loads(shape.model_dump_json())


def test_a_single_case() -> None:
    assert plain(shapes.case_detail(VIEW)) == {
        "id": "case_1", "subject": "The lid is missing", "status": "CLOSED", "priority": "HIGH",
        "orderId": "ord_1", "customerId": "cus_1", "lastMessageAt": TEXT_OF_NOON, "lastMessageBy": "CUSTOMER",
        "unreadCount": 2, "escalated": True, "closedAt": TEXT_OF_NOON, "closedBy": "SYSTEM",
        "createdAt": TEXT_OF_NOON, "updatedAt": TEXT_OF_NOON,
        "customer": {"id": "cus_1", "email": "ada@example.org", "firstName": "Ada", "lastName": "Byron"},
        "order": {"id": "ord_1", "orderNumber": "1042", "amount": 2499, "currency": "EUR", "status": "COMPLETED",
                  "createdAt": TEXT_OF_NOON},
    }  # fmt: skip


def test_a_case_in_a_list_has_the_shorter_order() -> None:
    in_list = plain(shapes.case_summary(VIEW))
    assert set(in_list["order"]) == {"id", "orderNumber", "amount", "currency"}
    assert in_list.keys() == plain(shapes.case_detail(VIEW)).keys()


def test_an_open_case_has_no_closing() -> None:
    view = replace(VIEW, case=replace(VIEW.case, status=Status.OPEN, closed_at=None, closed_by=None))
    assert plain(shapes.case_detail(view))["closedAt"] is None
    assert plain(shapes.case_detail(view))["closedBy"] is None


def test_a_message() -> None:
    file = Attachment("catt_1", "lid.png", "image/png", 9, "0" * 64)
    assert plain(shapes.message(replace(MESSAGE, attachments=(file,)))) == {
        "id": "cmsg_1", "senderType": "CUSTOMER", "senderId": "cus_1", "body": "Hello", "createdAt": TEXT_OF_NOON,
        "attachments": [{"id": "catt_1", "filename": "lid.png", "mimeType": "image/png", "sizeBytes": 9}],
    }  # fmt: skip


def test_words_of_an_unknown_address_carry_a_mark() -> None:
    assert plain(shapes.message(replace(MESSAGE, via="other@example.org")))["via"] == "other@example.org"


def test_times_are_utc_whatever_zone_they_came_in() -> None:
    assert shapes.timestamp(NOON.astimezone(timezone(timedelta(hours=9)))) == TEXT_OF_NOON
    assert shapes.timestamp(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00.000Z"


@pytest.mark.parametrize(("total", "pages"), [(0, 0), (1, 1), (25, 1), (26, 2)])
def test_a_list_counts_its_pages(total: int, pages: int) -> None:
    shown = plain(shapes.Answer(data=shapes.listing(Page((MESSAGE,), 3, 25, total), shapes.message)))
    assert shown["ok"] is True
    assert shown["data"]["items"] == [plain(shapes.message(MESSAGE))]
    assert shown["data"]["pagination"] == {"page": 3, "limit": 25, "total": total, "totalPages": pages}


@pytest.mark.parametrize(("given", "kept"), [("cs_1", "case_1"), ("case_1", "case_1"), ("cus_cs_1", "cus_cs_1")])
def test_both_spellings_of_a_case_id(given: str, kept: str) -> None:
    assert shapes.case_id(given) == kept


def test_a_failure_lists_problems_only_when_there_are_some() -> None:
    assert plain(shapes.failure("No", "not_found")) == {"ok": False, "error": "No", "code": "not_found"}
    told = plain(shapes.failure("No", "invalid_request", (Problem("a.b", "is required"),)))
    assert told["problems"] == [{"field": "a.b", "text": "is required"}]


def test_a_message_tells_what_became_of_its_mails() -> None:
    bounced = Delivery(Role.CUSTOMER, DeliveryState.BOUNCED, NOON, "550 No such user")
    sent = Delivery(Role.SUPPORT, DeliveryState.SENT, NOON)
    assert "delivery" not in plain(shapes.message(MESSAGE))  # nobody was mailed
    assert plain(shapes.message(replace(MESSAGE, deliveries=(bounced, sent))))["delivery"] == {
        "state": "bounced",
        "recipients": [
            {"role": "CUSTOMER", "state": "bounced", "at": TEXT_OF_NOON, "reason": "550 No such user"},
            {"role": "SUPPORT", "state": "sent", "at": TEXT_OF_NOON, "reason": ""},
        ],
    }


@pytest.mark.parametrize("worst", DeliveryState)
def test_of_several_mails_the_worst_is_told(worst: DeliveryState) -> None:
    order = list(DeliveryState)
    states = order[: order.index(worst) + 1]
    told = replace(MESSAGE, deliveries=tuple(Delivery(Role.CUSTOMER, state, NOON) for state in states))
    assert told.delivery is worst

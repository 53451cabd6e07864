"""The Store API, call by call (CONTRACT §5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.web.conftest import Clock, Door

STORE, OTHER_STORE = "shp_aaaaaaaaaaaaaaaaaaaaaaaa", "shp_bbbbbbbbbbbbbbbbbbbbbbbb"
CASES = f"/v2/core/stores/{STORE}/cases"
ORDER = {"amount": 1, "currency": "EUR", "status": "COMPLETED", "createdAt": "2026-05-01T08:00:00Z"}


@pytest.fixture
def case(door: Door) -> str:
    """The path of a new case."""
    return f"{CASES}/{door.open_case()['id']}"


@pytest.fixture
def token(door: Door, case: str) -> dict[str, str]:
    return door.token()


def order(number: int) -> dict[str, Any]:
    return ORDER | {"id": f"ord_number{number:018}", "orderNumber": str(number)}


def test_the_list_is_newest_message_first_and_paged(door: Door, clock: Clock) -> None:
    opened = []
    for number in range(3):
        opened.append(door.open_case(order=order(number), subject=f"Case {number}")["id"])
        clock.advance(minutes=1)
    token = door.token()
    door.client.post(f"{CASES}/{opened[0]}/messages", json={"body": "First again"}, headers=token)
    answer = door.client.get(CASES, params={"limit": 2}, headers=token)
    assert answer.status_code == 200
    assert [item["id"] for item in answer.json()["data"]["items"]] == [opened[0], opened[2]]
    assert answer.json()["data"]["pagination"] == {"page": 1, "limit": 2, "total": 3, "totalPages": 2}
    beyond = door.client.get(CASES, params={"page": 9, "limit": 2}, headers=token)
    assert (beyond.status_code, beyond.json()["data"]["items"]) == (200, [])


def test_the_list_with_a_slash_is_the_same(door: Door, case: str, token: dict[str, str]) -> None:
    plain, slashed = (door.client.get(path, headers=token) for path in (CASES, CASES + "/"))
    assert (plain.status_code, plain.json()) == (slashed.status_code, slashed.json())


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=OPEN", 1),
        ("status=CLOSED", 0),
        ("status=CLOSED,OPEN", 1),
        ("status=CLOSED&status=OPEN", 1),
        ("priority=NORMAL", 1),
        ("priority=URGENT", 0),
        ("customerId=cus_aaaaaaaaaaaaaaaaaaaaaaaa", 1),
        ("customerId=cus_bbbbbbbbbbbbbbbbbbbbbbbb", 0),
        ("orderId=ord_aaaaaaaaaaaaaaaaaaaaaaaa", 1),
        ("orderId=ord_bbbbbbbbbbbbbbbbbbbbbbbb&status=OPEN", 0),
    ],
)
def test_filters(door: Door, case: str, token: dict[str, str], query: str, found: int) -> None:
    answer = door.client.get(f"{CASES}?{query}", headers=token)
    assert answer.json()["data"]["pagination"]["total"] == found


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=0", "page"),
        ("page=one", "page"),
        ("page=99999999999999999999", "page"),
        ("limit=101", "limit"),
        ("limit=0", "limit"),
        ("status=DONE", "status"),
        ("status=OPEN,", "status"),
        ("priority=normal", "priority"),
        ("customerId=short", "customerId"),
        ("orderId=" + "a" * 49, "orderId"),
        ("orderId=ord_%00aaaaaaaaaaaaaaa", "orderId"),
    ],
)
def test_bad_queries_name_the_field(door: Door, case: str, token: dict[str, str], query: str, field: str) -> None:
    answer = door.client.get(f"{CASES}?{query}", headers=token)
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_request"
    assert [problem["field"] for problem in answer.json()["problems"]] == [field]


def test_one_case_by_both_spellings_of_its_id(door: Door, case: str, token: dict[str, str]) -> None:
    answer = door.client.get(case, headers=token)
    assert answer.status_code == 200
    assert answer.json()["data"]["order"]["status"] == "COMPLETED"
    assert door.client.get(case.replace("case_", "cs_"), headers=token).json() == answer.json()


def test_the_conversation_is_oldest_first(door: Door, case: str, token: dict[str, str]) -> None:
    door.client.post(f"{case}/messages", json={"body": "It is on its way."}, headers=token)
    answer = door.client.get(f"{case}/messages", headers=token).json()["data"]
    assert [message["senderType"] for message in answer["items"]] == ["CUSTOMER", "MERCHANT", "SYSTEM"]
    assert answer["pagination"]["limit"] == 50
    assert answer["items"][2]["senderId"] is None
    second = door.client.get(f"{case}/messages?page=2&limit=1", headers=token).json()["data"]["items"]
    assert [message["body"] for message in second] == ["It is on its way."]


def test_a_reply_is_posted_mailed_and_hands_the_turn_over(door: Door, case: str, token: dict[str, str]) -> None:
    mails = door.count("outbox")
    answer = door.client.post(f"{case}/messages", json={"body": "  It is\r\non its way. \n"}, headers=token)
    assert answer.status_code == 201
    message = answer.json()["data"]
    assert (message["senderType"], message["body"], message["attachments"]) == ("MERCHANT", "It is\non its way.", [])
    view = door.client.get(case, headers=token).json()["data"]
    assert (view["status"], view["lastMessageBy"], view["unreadCount"]) == ("AWAITING_CUSTOMER", "MERCHANT", 0)
    assert door.count("outbox") == mails + 1


@pytest.mark.parametrize("length", [1, 4_000])
def test_bodies_are_counted_in_code_points(door: Door, case: str, token: dict[str, str], length: int) -> None:
    answer = door.client.post(f"{case}/messages", json={"body": "😀" * length}, headers=token)
    assert (answer.status_code, len(answer.json()["data"]["body"])) == (201, length)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"body": " \r\n\0"}, "body"),
        ({"body": "x" * 4_001}, "body"),
        ({"body": 7}, "body"),
        ({"body": "Hello", "internal": True}, "internal"),
        ({"body": "Hello", "senderType": "SUPPORT"}, "senderType"),
        ({"body": "Hello", "attachments": [{}] * 6}, "attachments"),
        ({"body": "Hello", "attachments": "no"}, "attachments"),
        (
            {"body": "Hello", "attachments": [
                {"attachmentId": "catt_aaaaaaaaaaaaaaaa", "filename": "a", "mimeType": "image/png", "sizeBytes": 1}
            ]},
            "attachments.0.attachmentId",
        ),
    ],
)  # fmt: skip
def test_bad_replies_post_nothing(
    door: Door, case: str, token: dict[str, str], body: dict[str, Any], field: str
) -> None:
    answer = door.client.post(f"{case}/messages", json=body, headers=token)
    assert answer.status_code == 400
    assert field in [problem["field"] for problem in answer.json()["problems"]]
    assert door.count("message") == 1


@pytest.mark.parametrize("raw", [b"{", b'{"body": "\xff"}', b'{"body": "\\ud800"}', b"[" * 100_000, b"[]", b"7"])
def test_what_is_not_json_is_refused(door: Door, case: str, token: dict[str, str], raw: bytes) -> None:
    answer = door.client.post(f"{case}/messages", content=raw, headers=token)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert len(answer.text) < 500


def test_a_repeat_with_the_same_key_posts_nothing(door: Door, case: str, token: dict[str, str]) -> None:
    keyed = token | {"idempotency-key": "order-1042"}
    first = door.client.post(f"{case}/messages", json={"body": "Once"}, headers=keyed)
    second = door.client.post(f"{case}/messages", json={"body": "Once "}, headers=keyed)
    assert (second.status_code, second.json()) == (201, first.json())
    other = door.client.post(f"{case}/messages", json={"body": "Twice"}, headers=keyed)
    assert (other.status_code, other.json()["code"]) == (409, "resource_already_exists")
    # The key belongs to one token and one case.
    assert door.client.post(f"{case}/messages", json={"body": "Twice"}, headers=keyed | door.token()).status_code == 201


def test_a_key_is_forgotten_after_a_day(door: Door, case: str, token: dict[str, str], clock: Clock) -> None:
    keyed = token | {"idempotency-key": "order-1042"}
    assert door.client.post(f"{case}/messages", json={"body": "Once"}, headers=keyed).status_code == 201
    clock.advance(hours=24, seconds=1)
    assert door.client.post(f"{case}/messages", json={"body": "Twice"}, headers=keyed).status_code == 201


@pytest.mark.parametrize("key", ["short", "x" * 33, "with blank", "with\ttabulator"])
def test_bad_keys(door: Door, case: str, token: dict[str, str], key: str) -> None:
    answer = door.client.post(f"{case}/messages", json={"body": "Once"}, headers=token | {"idempotency-key": key})
    assert answer.status_code == 400
    assert [problem["field"] for problem in answer.json()["problems"]] == ["idempotency-key"]


def test_a_closed_case_takes_no_messages(door: Door, case: str, token: dict[str, str]) -> None:
    door.client.patch(case, json={"status": "CLOSED"}, headers=token)
    answer = door.client.post(f"{case}/messages", json={"body": "Late"}, headers=token)
    assert answer.status_code == 400
    assert answer.json()["error"] == "Cannot send messages on a closed case — reopen it first"


def patch(door: Door, case: str, token: dict[str, str], **body: Any) -> tuple[int, Any]:
    """Status and error text, or status and the case."""
    answer = door.client.patch(case, json=body, headers=token)
    return answer.status_code, answer.json().get("data") or answer.json()["error"]


def test_every_transition_of_the_contract(door: Door, case: str, token: dict[str, str]) -> None:
    assert patch(door, case, token, status="OPEN") == (400, "Only closed cases can be reopened")
    assert patch(door, case, token, status="AWAITING_CUSTOMER")[1]["status"] == "AWAITING_CUSTOMER"
    assert patch(door, case, token, status="AWAITING_CUSTOMER")[0] == 200
    status, closed = patch(door, case, token, status="CLOSED")
    assert (status, closed["closedBy"], closed["closedAt"]) == (200, "MERCHANT", "2026-05-04T09:30:00.000Z")
    assert patch(door, case, token, status="CLOSED") == (400, "Case is already closed")
    assert patch(door, case, token, status="AWAITING_CUSTOMER") == (400, "Cannot set status on a closed case")
    assert patch(door, case, token, priority="LOW")[1]["priority"] == "LOW"
    status, reopened = patch(door, case, token, status="OPEN")
    assert (status, reopened["status"], reopened["closedAt"], reopened["closedBy"]) == (200, "OPEN", None, None)
    trail = door.client.get(f"{case}/messages", headers=token).json()["data"]["items"]
    assert [message["senderType"] for message in trail] == ["CUSTOMER", "SYSTEM", "SYSTEM", "SYSTEM"]


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"status": null}'])
def test_nothing_to_update(door: Door, case: str, token: dict[str, str], raw: bytes) -> None:
    answer = door.client.patch(case, content=raw, headers=token)
    assert (answer.status_code, answer.json()["error"]) == (400, "Nothing to update")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"status": "AWAITING_MERCHANT"}, "status"),
        ({"status": "DONE", "priority": "HIGH"}, "status"),
        ({"priority": 1}, "priority"),
        ({"subject": "Another"}, "subject"),
        ({"priority": "HIGH", "storeId": OTHER_STORE}, "storeId"),
    ],
)
def test_bad_updates_change_nothing(
    door: Door, case: str, token: dict[str, str], body: dict[str, Any], field: str
) -> None:
    before = door.client.get(case, headers=token).json()
    answer = door.client.patch(case, json=body, headers=token)
    assert (answer.status_code, [p["field"] for p in answer.json()["problems"]]) == (400, [field])
    assert door.client.get(case, headers=token).json() == before


def test_when_the_status_is_refused_the_priority_stays(door: Door, case: str, token: dict[str, str]) -> None:
    assert patch(door, case, token, status="OPEN", priority="URGENT")[0] == 400
    assert door.client.get(case, headers=token).json()["data"]["priority"] == "NORMAL"


def test_marking_as_read_is_harmless_twice(door: Door, case: str, token: dict[str, str]) -> None:
    assert door.client.get(case, headers=token).json()["data"]["unreadCount"] == 1
    for _ in range(2):
        answer = door.client.post(f"{case}/read", headers=token)
        assert (answer.status_code, answer.json()["data"]["unreadCount"]) == (200, 0)


def calls(case: str) -> list[tuple[str, str, dict[str, Any], str]]:
    """Every call: method, path, body, scope."""
    return [
        ("GET", CASES, {}, "CASES_READ"),
        ("GET", case, {}, "CASES_READ"),
        ("GET", f"{case}/messages", {}, "CASES_READ"),
        ("POST", f"{case}/messages", {"json": {"body": "Hello"}}, "CASES_WRITE"),
        ("PATCH", case, {"json": {"priority": "LOW"}}, "CASES_WRITE"),
        ("POST", f"{case}/read", {}, "CASES_WRITE"),
    ]


def test_every_call_needs_its_scope(door: Door, case: str) -> None:
    for method, path, body, scope in calls(case):
        other = "CASES_READ" if scope == "CASES_WRITE" else "CASES_WRITE"
        assert door.client.request(method, path, headers=door.token(scope), **body).is_success, (method, path)
        refused = door.client.request(method, path, headers=door.token(other), **body)
        assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_permissions"), (method, path)
        assert scope in refused.json()["error"]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({}, "authentication_required"),
        ({"authorization": "Basic YTpi"}, "authentication_required"),
        ({"authorization": "Bearer"}, "authentication_required"),
        ({"authorization": "Bearer sk_unknown"}, "invalid_api_key"),
    ],
)
def test_callers_without_a_valid_token(door: Door, case: str, header: dict[str, str], code: str) -> None:
    for method, path, body, _ in calls(case):
        answer = door.client.request(method, path, headers=header, **body)
        assert (answer.status_code, answer.json()["code"]) == (401, code)
        assert answer.headers["www-authenticate"] == "Bearer"


def test_who_calls_is_asked_before_what_is_sent(door: Door, case: str) -> None:
    assert door.client.post(f"{case}/messages", content=b"{").status_code == 401
    assert door.client.get(f"{CASES}?page=0").status_code == 401


def test_a_token_of_another_store_learns_nothing(door: Door, case: str) -> None:
    door.add_store(OTHER_STORE)
    stranger = door.token(store=OTHER_STORE)
    missing = f"{CASES}/case_000000000000000000000000"
    for (method, path, body, _), (_, unknown, _, _) in zip(calls(case), calls(missing), strict=True):
        answers = [door.client.request(method, there, headers=stranger, **body) for there in (path, unknown)]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].content == answers[1].content
    # The same through the stranger's own store, where only the case is foreign.
    answers = [door.client.get(path.replace(STORE, OTHER_STORE), headers=stranger) for path in (case, missing)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize("case_id", ["short", "a" * 49, "case_%00%00%00%00%00%00%00", "case_ä%2Faaaaaaaaaaa"])
def test_malformed_ids(door: Door, case: str, token: dict[str, str], case_id: str) -> None:
    assert door.client.get(f"{CASES}/{case_id}", headers=token).status_code in (400, 404)

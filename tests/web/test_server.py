"""The door behind a real server: sizes, many callers at once, health, and what the log tells."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from gateway.web.bodies import API_BODY_BYTES
from gateway.web.hooks.calls import HOOK_BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.web.conftest import Door

STORE = "shp_aaaaaaaaaaaaaaaaaaaaaaaa"
CASES = f"/v2/core/stores/{STORE}/cases"


def test_ten_copies_of_an_event_at_once_open_one_case(served: Door) -> None:
    event = served.case_event()
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: served.hook(event, "evt_once"), range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    assert len({answer.json()["data"]["id"] for answer in answers}) == 1
    assert (served.count("cases"), served.count("outbox")) == (1, 2)


def test_twenty_replies_at_once_are_twenty_messages(served: Door) -> None:
    url, token = f"{CASES}/{served.open_case()['id']}/messages", served.token()
    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(lambda number: served.client.post(url, json={"body": f"{number}"}, headers=token), range(20))
        )
    assert {answer.status_code for answer in answers} == {201}
    shown = served.client.get(url, headers=token).json()["data"]["items"]
    assert len([message for message in shown if message["senderType"] == "MERCHANT"]) == 20


def connect(served: Door) -> socket.socket:
    """A bare connection, for what no HTTP client would do."""
    url = served.client.base_url
    return socket.create_connection((url.host, url.port or 80), timeout=20)


def endless(size: int) -> Iterator[bytes]:
    """A body whose size nobody declares."""
    sent = 0
    while sent < size:
        yield b" " * 65_536
        sent += 65_536


def test_a_body_over_the_limit_is_refused_declared_or_not(served: Door) -> None:
    url, token = f"{CASES}/{served.open_case()['id']}/messages", served.token()
    declared = served.client.post(url, content=b" " * (API_BODY_BYTES + 1), headers=token)
    streamed = served.client.post(url, content=endless(API_BODY_BYTES + 1), headers=token)
    for answer in (declared, streamed):
        assert (answer.status_code, answer.json()["code"]) == (413, "invalid_request")
        assert answer.headers["connection"] == "close"


def test_a_large_body_is_read_only_for_a_known_caller(served: Door) -> None:
    """The answer comes although the body never does: it was not waited for."""
    for path, limit in ((f"{CASES}/case_000000000000000000000000/messages", API_BODY_BYTES), ("/hooks/cases", 10**9)):
        with connect(served) as connection:
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {limit}\r\n\r\n"
            connection.sendall(head.encode())
            assert connection.recv(4_096).startswith(b"HTTP/1.1 401 ")


def test_reading_ends_at_the_limit(served: Door) -> None:
    """The answer comes although the body never ends."""
    token = served.open_case() and served.token()
    head = (
        f"POST {CASES}/case_000000000000000000000000/messages HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        f"Authorization: {token['authorization']}\r\n\r\n"
    )
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    with connect(served) as connection:
        connection.sendall(head.encode() + chunk * (API_BODY_BYTES // 65_536) + chunk)
        assert connection.recv(4_096).startswith(b"HTTP/1.1 413 ")


def test_the_hooks_limit_is_larger(served: Door) -> None:
    event = json.dumps(served.case_event())
    assert served.hook(event + " " * (2 * API_BODY_BYTES)).status_code == 201
    assert served.hook(event + " " * HOOK_BODY_BYTES).status_code == 413


def test_a_client_that_hangs_up_is_no_fault(served: Door) -> None:
    token = served.open_case() and served.token()
    head = (
        f"POST {CASES}/case_000000000000000000000000/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
        f"Authorization: {token['authorization']}\r\n\r\n"
    )
    with capture_logs() as logs:
        with connect(served) as connection:
            connection.sendall(head.encode() + b'{"body":')
        gone = served.client.get("/healthz").status_code  # a later request, so that the log has something to end on
        for _ in range(1_000):
            if any(entry.get("status") == 499 for entry in logs):
                break
            served.client.get("/healthz")
    assert gone == 200
    assert [entry["event"] for entry in logs if entry["event"] != "web.request"] == []
    assert 499 in [entry["status"] for entry in logs]


def test_health_and_readiness(door: Door) -> None:
    assert (door.client.get("/healthz").status_code, door.client.get("/healthz").json()) == (200, {"ok": True})
    assert (door.client.get("/readyz").status_code, door.client.get("/readyz").json()) == (200, {"ok": True})
    door.problems.append("the relay does not answer")
    answer = door.client.get("/readyz")
    assert (answer.status_code, answer.json()["problems"]) == (503, ["the relay does not answer"])
    assert door.client.get("/healthz").status_code == 200


def logged(door: Door, method: str, path: str, **more: Any) -> dict[str, Any]:
    """The log's line about one request."""
    with capture_logs() as logs:
        door.client.request(method, path, **more)
    (entry,) = [entry for entry in logs if entry["event"] == "web.request"]
    return dict(entry)


def test_the_log_has_a_line_for_each_request_without_anything_private(door: Door) -> None:
    case, token = door.open_case(), door.token()
    url = f"{CASES}/{case['id']}/messages"
    entry = logged(door, "POST", url + "?customer=ada", json={"body": "private words"}, headers=token)
    assert (entry["method"], entry["status"]) == ("POST", 201)
    assert entry["route"] == "/v2/core/stores/{storeId}/cases/{caseId}/messages"
    assert entry["ms"] >= 0
    assert set(entry) == {"event", "log_level", "method", "route", "status", "ms"}
    assert logged(door, "GET", "/reset/secret-in-a-path")["route"] == "no such route"


@pytest.mark.parametrize("path", ["/healthz", "/nope", "/docs", CASES])
def test_answers_are_neither_stored_nor_sniffed(door: Door, path: str) -> None:
    answer = door.client.get(path)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"

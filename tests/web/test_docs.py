"""The description of the API is complete, and its page needs nothing from elsewhere."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.web.conftest import Door

FAILURES = {"400", "401", "403", "404", "500", "503"}
CASE = "/v2/core/stores/{storeId}/cases/{caseId}"
STATUSES = {
    ("get", "/v2/core/stores/{storeId}/cases"): FAILURES | {"200"},
    ("get", CASE): FAILURES | {"200"},
    ("patch", CASE): FAILURES | {"200", "413"},
    ("get", CASE + "/messages"): FAILURES | {"200"},
    ("post", CASE + "/messages"): FAILURES | {"201", "409", "413"},
    ("post", CASE + "/read"): FAILURES | {"200"},
    ("post", "/hooks/cases"): FAILURES - {"403"} | {"200", "201", "202", "409", "410", "413"},
    ("post", "/hooks/orders"): FAILURES - {"403", "404"} | {"200", "202", "409", "413"},
    ("get", "/healthz"): {"200"},
    ("get", "/readyz"): {"200", "503"},
}


@pytest.fixture
def description(door: Door) -> dict[str, Any]:
    described: dict[str, Any] = door.client.get("/openapi.json").json()
    return described


def operations(description: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    paths = description["paths"].items()
    return {(method, path): operation for path, methods in paths for method, operation in methods.items()}


def test_every_call_lists_its_statuses(description: dict[str, Any]) -> None:
    found = {call: set(operation["responses"]) for call, operation in operations(description).items()}
    assert found == STATUSES


def test_every_failure_is_the_envelope(description: dict[str, Any]) -> None:
    for (_, path), operation in operations(description).items():
        for status, answer in operation["responses"].items():
            if status >= "400" and path != "/readyz":
                schema = answer["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Failure"}


def test_every_call_says_how_the_caller_proves_itself(description: dict[str, Any]) -> None:
    schemes = set(description["components"]["securitySchemes"])
    for (_, path), operation in operations(description).items():
        needed = {"token"} if path.startswith("/v2") else {"webhook signature"} if path.startswith("/hooks") else set()
        assert {name for entry in operation.get("security", []) for name in entry} == needed
        assert needed <= schemes


def test_every_call_with_a_body_has_its_schema_and_a_good_example(door: Door, description: dict[str, Any]) -> None:
    bodies = {
        call: operation["requestBody"]["content"]["application/json"]
        for call, operation in operations(description).items()
        if "requestBody" in operation
    }
    assert set(bodies) == {
        ("post", CASE + "/messages"), ("patch", CASE), ("post", "/hooks/cases"),
        ("post", "/hooks/orders"),
    }  # fmt: skip
    opened = door.hook(bodies["post", "/hooks/cases"]["example"])
    assert opened.status_code == 201
    disputed = door.hook(bodies["post", "/hooks/orders"]["example"], to="orders")
    assert disputed.status_code == 200
    case = opened.json()["data"]
    store = bodies["post", "/hooks/cases"]["example"]["data"]["storeId"]
    for (method, path), body in sorted(bodies.items(), reverse=True):  # post before patch, which closes
        if path.startswith("/v2"):
            url = path.replace("{storeId}", store).replace("{caseId}", case["id"])
            answer = door.client.request(method, url, json=body["example"], headers=door.token(store=store))
            assert answer.is_success, answer.text


def test_every_reference_leads_somewhere(description: dict[str, Any]) -> None:
    schemas = description["components"]["schemas"]
    for name in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(description)):
        assert name in schemas
    assert "HTTPValidationError" not in schemas


def test_parameters_have_their_names_on_the_wire(description: dict[str, Any]) -> None:
    listed = operations(description)["get", "/v2/core/stores/{storeId}/cases"]["parameters"]
    names = {parameter["name"] for parameter in listed}
    assert names == {"storeId", "page", "limit", "status", "priority", "customerId", "orderId"}
    sent = operations(description)["post", CASE + "/messages"]["parameters"]
    assert "idempotency-key" in {parameter["name"] for parameter in sent}


def test_the_page_loads_nothing_from_elsewhere(door: Door) -> None:
    page = door.client.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    linked = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert {"/docs/page.js", "/docs/page.css", "/openapi.json"} <= set(linked)
    for path in linked:
        assert path.startswith("/")
        answer = door.client.get(path)
        assert answer.status_code == 200
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "://" not in answer.text.replace("https://spec.openapis.org", "")


def test_the_page_needs_no_inline_script_or_style(door: Door) -> None:
    page = door.client.get("/docs").text
    assert re.search(r"<script(?![^>]*\bsrc=)", page) is None
    assert re.search(r"<style|\sstyle=|\son\w+=", page) is None
    assert "innerHTML" not in door.client.get("/docs/page.js").text

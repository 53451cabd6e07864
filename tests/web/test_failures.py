"""Every failure has a status and is told in the one envelope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from gateway import errors
from gateway.errors import CasegateError, Invalid, Later, Problem
from gateway.web.failures import STATUS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.web.conftest import Door


def classes(base: type[CasegateError] = CasegateError) -> Iterator[type[CasegateError]]:
    yield base
    for child in base.__subclasses__():
        yield from classes(child)


def raised(kind: type[CasegateError]) -> CasegateError:
    return Invalid((Problem("a.b", "is wrong"),)) if kind is Invalid else kind("a text for the caller")


def ask(door: Door, error: Exception) -> Any:
    """What the door answers when a route raises that error."""

    def route() -> None:
        raise error

    door.app.add_api_route("/raise", route)
    return door.client.get("/raise")


def test_every_class_of_errors_has_a_status() -> None:
    assert {kind.__name__ for kind in classes() if kind not in STATUS} == set()


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.__name__) for kind in STATUS])
def test_each_is_told_in_the_envelope(door: Door, kind: type[CasegateError]) -> None:
    error = raised(kind)
    answer = ask(door, error)
    told = answer.json()
    assert answer.status_code == STATUS[kind]
    assert (told["ok"], told["code"]) == (False, kind.code)
    assert (told["error"] == error.text) is (kind is not CasegateError)
    assert ("problems" in told) is (kind is Invalid)
    assert ("retry-after" in answer.headers) is issubclass(kind, Later)
    assert ("www-authenticate" in answer.headers) is issubclass(kind, errors.Unauthenticated)


def test_retry_after_is_what_the_error_says(door: Door) -> None:
    assert ask(door, errors.Contended("later")).headers["retry-after"] == str(errors.Contended.retry_after)


def test_a_fault_of_ours_tells_nothing_and_is_logged(door: Door) -> None:
    with capture_logs() as logs:
        answer = ask(door, RuntimeError("password=hunter2"))
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "hunter2" not in answer.text
    assert [entry["event"] for entry in logs] == ["web.fault", "web.request"]


@pytest.mark.parametrize("path", ["/nope", "/v2/core/stores", "/hooks", "/hooks/cases/", "/docs/../config.py", "//"])
def test_unknown_addresses(door: Door, path: str) -> None:
    answer = door.client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_method_that_an_address_does_not_know(door: Door) -> None:
    answer = door.client.delete("/hooks/cases")
    assert (answer.status_code, answer.json()["code"]) == (405, "invalid_request")
    assert answer.headers["allow"] == "POST"


def test_there_is_no_cors(door: Door) -> None:
    asked = {"origin": "https://evil.example.org", "access-control-request-method": "POST"}
    answer = door.client.options("/hooks/cases", headers=asked)
    assert answer.status_code == 405
    assert not any(name.startswith("access-control") for name in answer.headers)

"""Every failure of the HTTP door: which status it has, and the one envelope it is told in (CONTRACT §6)."""

from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from gateway import errors, shapes

log = structlog.get_logger("web")

#: Every class of `gateway.errors` and its HTTP status. The stable word beside it is the class's own `code`.
STATUS: dict[type[errors.CasegateError], int] = {
    errors.CasegateError: 500,
    errors.Refused: 400,
    errors.Invalid: 400,  # CONTRACT §6: field errors on cases are 400, not 422
    errors.NotAllowed: 400,
    errors.TooLate: 400,
    errors.Unauthenticated: 401,
    errors.BadCredential: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Erased: 410,
    errors.UnknownRecipient: 404,
    errors.RelayingDenied: 403,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.Later: 503,
    errors.StoreUnavailable: 503,
    errors.StorageFull: 503,
    errors.KeyNotLoaded: 503,
    errors.Contended: 503,
    errors.Overloaded: 503,
    errors.RateLimited: 503,  # not 429: of mail's providers some take that for final, and none takes 503 so
    errors.StillAsking: 503,
    errors.RelayUnavailable: 503,
}

_UNEXPECTED = "Something went wrong on our side; nothing more can be said here. Please try again"
_HTTP = {404: "There is nothing at this address", 405: "This address does not know that method"}

# pydantic's sentences that we say better; everything else it says is fit for people.
_SENTENCES = {
    "missing": "is required",
    "extra_forbidden": "there is no such field",
    "model_type": "must be a JSON object",
}


def answer(
    status: int,
    text: str,
    code: str,
    problems: tuple[errors.Problem, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A failure as an HTTP answer."""
    body = shapes.failure(text, code, problems).model_dump_json()
    return Response(body, status, headers, media_type="application/json")


def unexpected() -> Response:
    """What the outside hears of a fault of ours."""
    return answer(500, _UNEXPECTED, "internal_error")


def install(app: FastAPI) -> None:
    """Make the application answer every failure in the envelope."""
    app.add_exception_handler(errors.CasegateError, _casegate_error)
    app.add_exception_handler(RequestValidationError, _request_error)
    app.add_exception_handler(HTTPException, _http_error)


def invalid(problems: Iterable[Any]) -> errors.Invalid:
    """pydantic's list of errors as ours: one problem for each field."""
    return errors.Invalid(tuple(_problem(p["type"], p["loc"], p["msg"]) for p in problems))


def invalid_body(error: ValidationError) -> errors.Invalid:
    """What is wrong with a body that was parsed by a model."""
    return invalid(error.errors(include_url=False, include_input=False, include_context=False))


async def _casegate_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.CasegateError)  # noqa: S101 - registered for this class only
    status = STATUS[type(error)]
    if status == 500:
        log.error("web.fault", error=error.text)
        return unexpected()
    problems = error.problems if isinstance(error, errors.Invalid) else ()
    return answer(status, error.text, error.code, problems, _headers(error))


def _headers(error: errors.CasegateError) -> dict[str, str]:
    if isinstance(error, errors.Unauthenticated):
        return {"WWW-Authenticate": "Bearer"}  # RFC 9110 §11.6.1: a 401 names a challenge
    if isinstance(error, errors.Later):
        return {"Retry-After": str(error.retry_after)}
    if isinstance(error, errors.TooLarge):
        return {"Connection": "close"}  # the rest of the body is not read
    return {}


async def _request_error(request: Request, error: Exception) -> Response:
    """Path, query and header values; FastAPI puts the kind of place before their names."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class only
    return await _casegate_error(request, invalid({**e, "loc": e["loc"][1:2]} for e in error.errors()))


async def _http_error(request: Request, error: Exception) -> Response:
    """Starlette's own: no such route, no such method."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    code = errors.NotFound.code if error.status_code == 404 else errors.Refused.code
    return answer(error.status_code, _HTTP.get(error.status_code, error.detail), code, headers=error.headers)


def _problem(kind: str, location: tuple[int | str, ...], text: str) -> errors.Problem:
    if kind == "json_invalid":
        return errors.Problem("", f"The body is not valid JSON: {text.removeprefix('Invalid JSON: ')}")
    sentence = _SENTENCES.get(kind, text.removeprefix("Value error, "))
    return errors.Problem(".".join(str(step) for step in location), sentence)

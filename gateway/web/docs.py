"""The description of the HTTP door: `/openapi.json`, and `/docs`, a page of our own that works without the internet."""

from importlib.metadata import version
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response
from pydantic.json_schema import models_json_schema

from gateway.errors import NotFound
from gateway.web.hooks.cases import EVENTS as CASE_EVENTS
from gateway.web.hooks.orders import EVENTS as ORDER_EVENTS
from gateway.web.store_api import Reply, Update

BODIES = (Reply, Update, *CASE_EVENTS, *ORDER_EVENTS)  # parsed by `gateway/web/bodies.py`, hence unknown to FastAPI

_ABOUT = (
    "Support cases of a store. Failures are told as `{ok: false, error, code}`, with `problems` when fields are wrong. "
    "Times are ISO 8601 in UTC, amounts are integers in minor units."
)
_WEBHOOK_SIGNATURE = {
    "type": "apiKey",
    "in": "header",
    "name": "Webhook-Signature",
    "description": "`v1,` and base64 of HMAC-SHA256 over `id.timestamp.body` (Standard Webhooks, platform version V2).",
}
# Nothing but our own three files; the page builds its elements itself and needs no inline script or style.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ASSETS = {"page.css": "text/css", "page.js": "text/javascript"}

router = APIRouter(include_in_schema=False)


def description(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document: what FastAPI knows, the bodies that we parse ourselves, no status that we never send."""
    document = get_openapi(title=app.title, version=version("casegate"), description=_ABOUT, routes=app.routes)
    components = document["components"]
    _, definitions = models_json_schema(
        [(body, "validation") for body in BODIES], ref_template="#/components/schemas/{model}"
    )
    schemas = {**components["schemas"], **definitions["$defs"]}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["schemas"] = dict(sorted(schemas.items()))
    components["securitySchemes"]["webhook signature"] = _WEBHOOK_SIGNATURE
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)  # CONTRACT §6: field errors are 400
    return document


@router.get("/openapi.json")
async def document(request: Request) -> JSONResponse:
    """The reference for programs, made at the first call."""
    app: FastAPI = request.app
    app.openapi_schema = app.openapi_schema or description(app)
    return JSONResponse(app.openapi_schema)


@router.get("/docs")
async def page() -> Response:
    """The reference as a page."""
    return _asset("page.html", "text/html")


@router.get("/docs/{name}")
async def asset(name: str) -> Response:
    """Script and style of the page."""
    if name not in _ASSETS:
        raise NotFound("There is nothing at this address")
    return _asset(name, _ASSETS[name])


def _asset(name: str, media_type: str) -> Response:
    data = files("templates").joinpath("static", "docs", name).read_bytes()
    return Response(data, media_type=media_type, headers={"Content-Security-Policy": _POLICY})

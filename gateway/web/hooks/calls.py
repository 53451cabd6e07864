"""What all hooks have in common: the signature before the body, one effect for each Webhook-Id, their description."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import structlog
from fastapi import Depends, Request, Response
from pydantic import BaseModel, StringConstraints

from gateway.cases.model import Key
from gateway.shapes import Answer, Failure, Shape
from gateway.web.backend import Behind
from gateway.web.bodies import parse, read
from gateway.web.hooks.values import Told
from gateway.web.signatures import Signed, read_headers

# Five files of 5 MiB in base64 are 33.4 MiB; the rest leaves room for the texts and for `/` written as `\/`.
HOOK_BODY_BYTES = 36 * 1024 * 1024
KEY_LIVES = timedelta(days=30)  # HARDENING rule 15
LONGEST_KEY = 64  # characters; a longer Webhook-Id is remembered by its hash

log = structlog.get_logger("hooks")


@dataclass(frozen=True, slots=True)
class Call:
    """A call whose signature is still to be checked against its body."""

    signed: Signed
    body: bytes

    def event(self, behind: Behind) -> str:
        """Which event it is. Raises BadCredential, Invalid."""
        self.signed.verify(self.body, behind.hook_keys)
        return parse(Event, self.body).event

    def key(self, door: str, store_id: str = "") -> Key:
        """Under which it takes effect once. store_id: "" where the call does not name one."""
        given = self.signed.id
        value = given if len(given) <= LONGEST_KEY else hashlib.sha256(given.encode()).hexdigest()
        return Key(f"hook:{door}:{store_id}", value, hashlib.sha256(self.body).hexdigest(), KEY_LIVES)


async def _call(behind: Behind, request: Request) -> Call:
    """Headers first: who cannot sign does not get 36 MiB read."""
    signed = read_headers(request.headers, behind.now())
    return Call(signed, await read(request, HOOK_BODY_BYTES))


Called = Annotated[Call, Depends(_call)]


class Event(Told):
    """What is looked at to know which event it is."""

    event: Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Ignored(Shape):
    """An event that means nothing here."""

    ignored: str


def answer(data: Shape, status: int) -> Response:
    """A success."""
    return Response(Answer(data=data).model_dump_json(), status, media_type="application/json")


def ignore(event: str, why: str = "unknown event") -> Response:
    """What an event is told that has no effect here; sending it again changes nothing."""
    log.info("hooks.ignored", event_name=event, why=why)
    return answer(Ignored(ignored=event), 202)


# The description

FAILURES: dict[int | str, dict[str, Any]] = {
    202: {"model": Answer[Ignored], "description": "An event that means nothing here"},
    400: {"model": Failure, "description": "Fields are wrong; `problems` names all of them"},
    401: {"model": Failure, "description": "The signature is missing, wrong, old, or of version V1"},
    413: {"model": Failure, "description": "The body is over 36 MiB"},
    500: {"model": Failure, "description": "A fault of ours; send it again"},
    503: {"model": Failure, "description": "Not now; send it again after `Retry-After` seconds"},
}
_HEADERS = [
    {"name": "Webhook-Id", "in": "header", "required": True, "schema": {"type": "string", "maxLength": 256}},
    {"name": "Webhook-Timestamp", "in": "header", "required": True, "schema": {"type": "integer"}},
]


def described(events: Sequence[type[BaseModel]], example: dict[str, Any]) -> dict[str, Any]:
    """What the API description says about a hook that takes these events."""
    schema = {"oneOf": [{"$ref": f"#/components/schemas/{event.__name__}"} for event in events]}
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": example}}},
        "parameters": _HEADERS,
        "security": [{"webhook signature": []}],
    }

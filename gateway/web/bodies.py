"""Reading the body of a request: a limit on its size, a strict parser, an entry in the API description.

FastAPI would read and parse a body before it knows who is calling, without a limit, and with a parser that takes `true`
for an integer. Here a body is read after the caller is known, and parsed by pydantic's own JSON reader in strict mode,
which refuses invalid UTF-8, lone surrogates and deep nesting by itself.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from gateway.errors import TooLarge
from gateway.web.failures import invalid_body

M = TypeVar("M", bound=BaseModel)

API_BODY_BYTES = 1024 * 1024


async def read(request: Request, limit: int) -> bytes:
    """The whole body. limit: bytes. Raises TooLarge, before anything is read when the client says the size."""
    declared = request.headers.get("content-length", "")
    chunks, size = [], int(declared) if declared.isdecimal() else 0
    if size <= limit:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                break
            chunks.append(chunk)
    if size > limit:
        raise TooLarge(f"The body is too large; up to {limit} bytes are read")
    return b"".join(chunks)


def parse(model: type[M], raw: bytes, context: dict[str, Any] | None = None) -> M:
    """Raises Invalid with every problem at once. An empty body is an object without fields."""
    try:
        return model.model_validate_json(raw or b"{}", context=context)
    except ValidationError as error:
        raise invalid_body(error) from error


def json_body(model: type[M]) -> Callable[[Request], Awaitable[M]]:
    """A dependency that reads and parses the body of a Store API call. Stands behind the one that knows the caller."""

    async def body(request: Request) -> M:
        return parse(model, await read(request, API_BODY_BYTES))

    return body


def described(model: type[BaseModel], *examples: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What the API description says about a body of that model; `gateway/web/docs.py` adds the schema."""
    content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}
    if examples:
        content["example"] = examples[0]
    return {"requestBody": {"required": True, "content": {"application/json": content}}, **more}

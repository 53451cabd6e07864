"""Forms that carry a mail: fields as the bytes that were sent, whatever charset they might be in."""

import asyncio
import re
from collections.abc import AsyncGenerator
from urllib.parse import unquote_to_bytes

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser

from gateway.errors import Invalid, Problem

MOST_FIELDS = 100
MOST_FILES = 100  # none are looked at; a form of a provider that was not told to send raw mail has some
_PIECE = 64 * 1024  # bytes that are parsed at a stretch, so that the event loop turns in between
_CHARSET = re.compile(r";\s*charset=[^;]*", re.IGNORECASE)


async def fields(content_type: str, body: bytes) -> dict[str, bytes]:
    """The fields of a form in either encoding, the first of each name. Raises Invalid."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _multipart(content_type, body)
    if kind == "application/x-www-form-urlencoded":
        return await run_in_threadpool(_urlencoded, body)
    raise _malformed("must be multipart/form-data or application/x-www-form-urlencoded")


async def _multipart(content_type: str, body: bytes) -> dict[str, bytes]:
    # A mail is bytes: as Latin-1, and only so, every one of them comes through Starlette's parser as it is.
    headers = Headers({"content-type": _CHARSET.sub("", content_type) + "; charset=latin-1"})
    parser = MultiPartParser(
        headers, _pieces(body), max_files=MOST_FILES, max_fields=MOST_FIELDS, max_part_size=len(body)
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise _malformed(f"is not valid multipart/form-data: {error.message}") from error
    try:
        found: dict[str, bytes] = {}
        for name, value in form.multi_items():
            if isinstance(value, str):
                found.setdefault(name, value.encode("latin-1"))
    finally:
        await form.close()
    return found


async def _pieces(body: bytes) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(body), _PIECE):
        yield body[start : start + _PIECE]
        await asyncio.sleep(0)


def _urlencoded(body: bytes) -> dict[str, bytes]:
    """`parse_qsl` would decode the bytes, and take a hundred times their room for a body of nothing but `%`."""
    pairs = body.split(b"&", MOST_FIELDS)
    if len(pairs) > MOST_FIELDS:
        raise _malformed(f"has more than {MOST_FIELDS} fields")
    found: dict[str, bytes] = {}
    for pair in pairs:
        name, _, value = pair.partition(b"=")
        found.setdefault(_unquoted(name).decode("latin-1"), _unquoted(value))
    return found


def _unquoted(value: bytes) -> bytes:
    value, result, start = value.replace(b"+", b" "), bytearray(), 0
    while start < len(value):
        end = start + _PIECE
        cut = value.rfind(b"%", end - 2, end)  # a piece must not end within `%41`
        end = cut if cut > 0 else end
        result += unquote_to_bytes(value[start:end])
        start = end
    return bytes(result)


def _malformed(text: str) -> Invalid:
    return Invalid((Problem("", f"The body {text}"),))

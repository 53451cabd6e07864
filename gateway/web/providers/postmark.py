"""Postmark: the inbound webhook with the raw mail included, by a secret path."""

import re
from collections.abc import Sequence
from datetime import datetime

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_pascal
from starlette.concurrency import run_in_threadpool

from gateway.errors import Invalid, Problem
from gateway.web.bodies import parse
from gateway.web.providers import envelopes
from gateway.web.providers.door import Handed
from gateway.web.providers.origin import SecretPath

_ENVELOPE_FROM = re.compile(r"\benvelope-from=\"?<?([^\s;>\"]*)", re.IGNORECASE)
_NO_MAIL = 'is missing; switch "Include raw email content in JSON payload" on in the inbound stream\'s settings'


class _Told(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal, strict=True, extra="ignore", frozen=True)


class _Field(_Told):
    """A header field as Postmark saw it."""

    name: str
    value: str


class _Person(_Told):
    """The author in From."""

    email: str = ""


class _Mail(_Told):
    """What is read of a call."""

    raw_email: str = ""
    original_recipient: str = ""
    from_full: _Person = _Person(Email="")
    headers: list[_Field] = Field(default=[], max_length=10_000)


class Postmark:
    """Postmark signs nothing. It posts once for each recipient."""

    name = "postmark"
    path = "/postmark/{secret}"
    refused = 403  # everything else but 200 is tried again for ten hours

    def __init__(self, proof: SecretPath) -> None:
        self._proof = proof

    def check(self, request: Request, now: datetime) -> None:
        """Raises BadCredential."""
        self._proof.check(request)

    def body_bytes(self, largest: int) -> int:
        """The raw mail stands beside its parts, which Postmark sends as well."""
        return largest * 9 // 4 + 1024 * 1024

    async def open(self, request: Request, body: bytes, now: datetime) -> Handed:
        """Take the mail. Raises Invalid."""
        told = await run_in_threadpool(parse, _Mail, body)
        if not told.raw_email:
            raise Invalid((Problem("RawEmail", _NO_MAIL),))
        return Handed(
            envelopes.sender("Headers", _envelope_sender(told)),
            envelopes.recipients("OriginalRecipient", [told.original_recipient]),
            told.raw_email.encode(),
        )


def _envelope_sender(told: _Mail) -> str:
    """Postmark has no field for it: Return-Path says it, else what the SPF check was made for, else it is the author.

    The verdict of that check is not looked at, only the address. "" would be the null sender, so it is no guess.
    """
    for value in _values(told.headers, "return-path"):
        return value
    for value in _values(told.headers, "received-spf"):
        if found := _ENVELOPE_FROM.search(value):
            return found[1]
    return told.from_full.email


def _values(headers: Sequence[_Field], name: str) -> list[str]:
    return [field.value for field in headers if field.name.lower() == name]

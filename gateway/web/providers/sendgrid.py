"""SendGrid: Inbound Parse with the raw mail, signed by a signature policy or coming by a secret path."""

import base64
import binascii
import hashlib
import re
from datetime import datetime, timedelta

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from gateway.cases.model import Key
from gateway.errors import BadCredential, Invalid, Problem, Unauthenticated
from gateway.web.bodies import parse
from gateway.web.providers import envelopes, forms
from gateway.web.providers.door import Handed
from gateway.web.providers.origin import SecretPath
from gateway.web.providers.public_keys import P256Key

# SendGrid tries for three days; whether it signs anew each time is not said anywhere, so a signature is good as long.
AGE_LIMIT = timedelta(days=4)
CALL_LIVES = 2 * AGE_LIMIT
SIGNATURE, TIMESTAMP = (f"x-twilio-email-event-webhook-{name}" for name in ("signature", "timestamp"))

_SECONDS = re.compile(r"[0-9]{1,11}", re.ASCII)
_NO_MAIL = 'has no mail; switch "POST the raw, full MIME message" on in the settings of Inbound Parse'


class _Envelope(BaseModel):
    """The field `envelope`."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    sender: str = Field("", alias="from")
    to: list[str]


class _Parse:
    """What signed and unsigned calls have in common."""

    name = "sendgrid"
    refused = 200  # the only answer after which it is certain that nothing is tried again

    def body_bytes(self, largest: int) -> int:
        """The mail as it is, and a few fields beside it."""
        return largest + 1024 * 1024

    async def _mail(self, request: Request, body: bytes, key: Key | None) -> Handed:
        fields = await forms.fields(request.headers.get("content-type", ""), body)
        raw = fields.get("email", b"")
        if not raw:
            raise Invalid((Problem("email", _NO_MAIL),))
        envelope = parse(_Envelope, fields.get("envelope", b""))
        return Handed(
            envelopes.sender("envelope.from", envelope.sender),
            envelopes.recipients("envelope.to", envelope.to),
            raw,
            key,
        )


class SignedSendGrid(_Parse):
    """Calls signed under a signature policy: ECDSA over the timestamp and the body as they were sent."""

    path = "/sendgrid"

    def __init__(self, key: P256Key) -> None:
        self._key = key

    def check(self, request: Request, now: datetime) -> None:
        """Whether the headers may be those of a signature. Raises Unauthenticated."""
        signature, timestamp = (request.headers.get(name, "") for name in (SIGNATURE, TIMESTAMP))
        if not (signature and timestamp):
            raise Unauthenticated(f"This call is not signed; it needs the headers {SIGNATURE} and {TIMESTAMP}")
        if not _SECONDS.fullmatch(timestamp):
            raise BadCredential(f"{TIMESTAMP} is in whole seconds since 1970")
        if abs(now.timestamp() - int(timestamp)) > AGE_LIMIT.total_seconds():
            raise BadCredential(f"{TIMESTAMP} is more than {AGE_LIMIT.days} days away from our clock")

    async def open(self, request: Request, body: bytes, now: datetime) -> Handed:
        """Verify the signature and take the mail. Raises Unauthenticated or Invalid."""
        signed = request.headers[TIMESTAMP].encode() + body
        if not await run_in_threadpool(self._verifies, request.headers[SIGNATURE], signed):
            raise BadCredential("The signature does not match timestamp and body")
        # Of one body there are two signatures that hold (r, s and r, -s), so the body is what is remembered.
        digest = await run_in_threadpool(lambda: hashlib.sha256(signed).hexdigest())
        return await self._mail(request, body, Key("provider:sendgrid", digest, lives=CALL_LIVES))

    def _verifies(self, signature: str, signed: bytes) -> bool:
        try:
            raw = base64.b64decode(signature, validate=True)
        except (binascii.Error, ValueError):  # the latter for letters beyond ASCII
            return False
        return self._key.verifies(raw, signed)


class UnsignedSendGrid(_Parse):
    """Calls without a signature, by a secret path."""

    path = "/sendgrid/{secret}"

    def __init__(self, proof: SecretPath) -> None:
        self._proof = proof

    def check(self, request: Request, now: datetime) -> None:
        """Raises BadCredential."""
        self._proof.check(request)

    async def open(self, request: Request, body: bytes, now: datetime) -> Handed:
        """Take the mail. Raises Invalid."""
        return await self._mail(request, body, None)

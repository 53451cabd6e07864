"""Mailgun: a route that forwards the raw mail, signed with a token that works once."""

import hashlib
import hmac
import re
from datetime import datetime, timedelta

from fastapi import Request

from gateway.cases.model import Key
from gateway.errors import BadCredential, Invalid, Problem, Unauthenticated
from gateway.web.providers import envelopes, forms
from gateway.web.providers.door import Handed

AGE_LIMIT = 300  # seconds, before and after the timestamp
TOKEN_LIVES = timedelta(seconds=3 * AGE_LIMIT)  # longer than any timestamp that goes with the token is taken

_SECONDS = re.compile(rb"[0-9]{1,11}")
_NO_MAIL = "has no mail; end the route's address with /mime, so that Mailgun forwards the raw mail"


class Mailgun:
    """`forward("https://…/inbound/mailgun/mime")`. Mailgun sends the raw mail only to addresses that end in `mime`."""

    name = "mailgun"
    refused = 406  # everything else but 200 is tried again for eight hours

    def __init__(self, signing_key: str, path: str) -> None:
        self._key = signing_key.encode()
        self.path = path

    def check(self, request: Request, now: datetime) -> None:
        """The proof stands in the body."""

    def body_bytes(self, largest: int) -> int:
        """A form may write every byte of a mail as three; most mails are text, of which few bytes are."""
        return largest * 9 // 4 + 1024 * 1024

    async def open(self, request: Request, body: bytes, now: datetime) -> Handed:
        """Verify the signature and take the mail. Raises Unauthenticated or Invalid."""
        fields = await forms.fields(request.headers.get("content-type", ""), body)
        signed = self._verified(fields, now)
        raw = fields.get("body-mime", b"")
        if not raw:
            raise Invalid((Problem("body-mime", _NO_MAIL),))
        sender, recipient = (fields.get(name, b"").decode(errors="replace") for name in ("sender", "recipient"))
        return Handed(
            envelopes.sender("sender", sender),
            envelopes.recipients("recipient", recipient.split(",")),
            raw,
            Key("provider:mailgun", hashlib.sha256(signed).hexdigest(), lives=TOKEN_LIVES),
        )

    def _verified(self, fields: dict[str, bytes], now: datetime) -> bytes:
        """What was signed: timestamp and token as one, since the signature does not tell where the one ends."""
        timestamp, token, signature = (fields.get(name, b"") for name in ("timestamp", "token", "signature"))
        if not (timestamp and token and signature):
            raise Unauthenticated("This call is not signed; it needs timestamp, token and signature of Mailgun")
        expected = hmac.digest(self._key, timestamp + token, "sha256").hex().encode()
        if not _SECONDS.fullmatch(timestamp) or not hmac.compare_digest(expected, signature.lower()):
            raise BadCredential("The signature does not match timestamp and token")
        if abs(now.timestamp() - int(timestamp)) > AGE_LIMIT:
            raise BadCredential(f"The timestamp is more than {AGE_LIMIT} seconds away from our clock")
        return timestamp + token

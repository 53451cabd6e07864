"""Amazon SES: a receipt rule publishes the mail to an SNS topic, SNS posts it here, signed."""

import asyncio
import base64
import binascii
import http.client
import re
import ssl
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

import structlog
from fastapi import Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel, to_pascal
from starlette.concurrency import run_in_threadpool

from gateway.cases.model import Key
from gateway.errors import BadCredential, Invalid, Later, Problem, Unauthenticated
from gateway.web.bodies import parse
from gateway.web.providers import envelopes
from gateway.web.providers.door import Handed, Nothing
from gateway.web.providers.public_keys import RsaKey, certified_rsa_key

BODY_BYTES = 1024 * 1024  # SNS carries 256 KiB, of which SES uses 150 KB for a mail
AGE_LIMIT = timedelta(days=1)  # SNS tries for an hour at most and does not sign anew
CALL_LIVES = 2 * AGE_LIMIT
CERTIFICATE_BYTES = 64 * 1024
FETCH_SECONDS = 10.0

_HASHES: dict[str, Literal["sha1", "sha256"]] = {"1": "sha1", "2": "sha256"}
# What is signed: these fields in this order, each as its name and its value with a line end behind both.
_SIGNED_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_SIGNED_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_NO_MAIL = "has no mail: use the SNS action of the receipt rule, which sends it along, with the encoding Base64"
_CANNOT_FETCH = "The certificate of the signature cannot be fetched at the moment; please try again later"
_MOMENT = TypeAdapter(AwareDatetime)

log = structlog.get_logger("providers")


class _Envelope(BaseModel):
    """What SNS posts."""

    model_config = ConfigDict(alias_generator=to_pascal, strict=True, extra="ignore", frozen=True)

    type: Literal["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"]
    message_id: str = Field(max_length=64)
    topic_arn: str
    subject: str | None = None
    message: str
    timestamp: str
    token: str | None = None
    subscribe_url: str | None = Field(None, alias="SubscribeURL")
    signature_version: str
    signature: str
    signing_cert_url: str = Field(alias="SigningCertURL")

    def signed(self) -> bytes:
        """The text that the signature is over."""
        names = _SIGNED_NOTIFICATION if self.type == "Notification" else _SIGNED_CONFIRMATION
        values = self.model_dump(by_alias=True)
        return "".join(f"{name}\n{values[name]}\n" for name in names if values[name] is not None).encode()


class _Told(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, strict=True, extra="ignore", frozen=True)


class _Action(_Told):
    """Of the receipt rule."""

    encoding: str = "UTF-8"


class _Receipt(_Told):
    """What SES did with the mail."""

    recipients: list[str]
    action: _Action = _Action()


class _Mail(_Told):
    """The mail as SES got it. source: the envelope sender."""

    source: str


class _Received(_Told):
    """The message within a notification."""

    notification_type: str
    mail: _Mail | None = None
    receipt: _Receipt | None = None
    content: str | None = None


class Ses:
    """fetch: the bytes of a certificate, given its address; blocks, raises Later."""

    name = "ses"
    path = "/ses"
    refused = None  # SNS tries again after 5xx and 429 only

    def __init__(self, topic_arn: str, fetch: Callable[[str], bytes]) -> None:
        self._topic_arn = topic_arn
        # Nobody but SNS can put a file there; the region is that of our own topic.
        place = re.escape(f"https://sns.{topic_arn.split(':')[3]}.amazonaws.com/")
        self._certificate_url = re.compile(place + r"[A-Za-z0-9_-]{1,100}\.pem")
        self._fetch = fetch
        self._keys: dict[str, RsaKey] = {}
        self._fetching = asyncio.Lock()

    def check(self, request: Request, now: datetime) -> None:
        """Whether SNS may have sent it. Raises Unauthenticated."""
        if "x-amz-sns-message-type" not in request.headers:
            raise Unauthenticated("This address takes messages of Amazon SNS only")

    def body_bytes(self, largest: int) -> int:
        """However large a mail may be: what SNS can carry."""
        return BODY_BYTES

    async def open(self, request: Request, body: bytes, now: datetime) -> Handed | Nothing:
        """Verify the signature and take the mail. Raises Unauthenticated, Invalid or Later."""
        envelope = await run_in_threadpool(parse, _Envelope, body)
        await self._verify(envelope, now)
        if envelope.type != "Notification":
            return _told_to_operator(envelope)
        received = await run_in_threadpool(parse, _Received, envelope.message.encode())
        if received.notification_type != "Received":
            return Nothing(f"A notification of type {received.notification_type[:40]} brings no mail")
        if received.mail is None or received.receipt is None or not received.content:
            raise Invalid((Problem("Message.content", _NO_MAIL),))
        return Handed(
            envelopes.sender("Message.mail.source", received.mail.source),
            envelopes.recipients("Message.receipt.recipients", received.receipt.recipients),
            await run_in_threadpool(_decoded, received.content, received.receipt.action.encoding),
            Key("provider:ses", envelope.message_id, lives=CALL_LIVES),
        )

    async def _verify(self, envelope: _Envelope, now: datetime) -> None:
        """Raises BadCredential, or Later when the certificate cannot be had."""
        if envelope.topic_arn != self._topic_arn:
            raise BadCredential("This message is of another topic than the one that is set up here")
        if abs(now - _moment(envelope.timestamp)) > AGE_LIMIT:
            raise BadCredential("Timestamp is more than a day away from our clock")
        if envelope.signature_version not in _HASHES:
            raise BadCredential("SignatureVersion must be 1 or 2")
        if not self._certificate_url.fullmatch(envelope.signing_cert_url):
            raise BadCredential("SigningCertURL is not an address of Amazon SNS in the topic's region")
        key = self._keys.get(envelope.signing_cert_url) or await self._fetched(envelope.signing_cert_url)
        if not await run_in_threadpool(_verifies, key, envelope):
            raise BadCredential("The signature does not match the message")

    async def _fetched(self, url: str) -> RsaKey:
        """Fetch a certificate, one at a time, and remember its key: there are a few in a region."""
        async with self._fetching:
            if url not in self._keys:
                self._keys[url] = await run_in_threadpool(self._read_key, url)
            return self._keys[url]

    def _read_key(self, url: str) -> RsaKey:
        try:
            return certified_rsa_key(self._fetch(url).decode("ascii"))
        except ValueError as error:
            log.error("providers.certificate_unusable", url=url, error=str(error))
            raise Later(_CANNOT_FETCH) from error


def _told_to_operator(envelope: _Envelope) -> Nothing:
    """Never follow the link by ourselves: whoever can post to the topic would decide where our mail comes from."""
    log.warning(
        "providers.ses_subscription",
        kind=envelope.type,
        topic=envelope.topic_arn,
        confirm_at=envelope.subscribe_url,
        todo="open the address to confirm the subscription, if it is yours",
    )
    return Nothing("An operator has to confirm the subscription; its address stands in the log")


def _moment(text: str) -> datetime:
    try:
        return _MOMENT.validate_python(text)
    except ValidationError as error:
        raise Invalid((Problem("Timestamp", "must be a time of ISO 8601 with its zone"),)) from error


def _verifies(key: RsaKey, envelope: _Envelope) -> bool:
    try:
        signature = base64.b64decode(envelope.signature, validate=True)
    except (binascii.Error, ValueError):  # the latter for letters beyond ASCII
        return False
    return key.verifies(signature, envelope.signed(), _HASHES[envelope.signature_version])


def _decoded(content: str, encoding: str) -> bytes:
    """The raw mail. With the encoding UTF-8, SES has replaced the bytes that are none. Raises Invalid."""
    if encoding.lower() != "base64":
        return content.encode()
    try:
        return base64.b64decode("".join(content.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid((Problem("Message.content", "is not valid base64 (RFC 4648 §4)"),)) from error


def fetch_certificate(url: str) -> bytes:
    """Fetch a file over HTTPS, following no redirect. Raises Later."""
    parts = urlsplit(url)
    context = ssl.create_default_context()
    connection = http.client.HTTPSConnection(parts.netloc, timeout=FETCH_SECONDS, context=context)
    try:
        connection.request("GET", parts.path)
        response = connection.getresponse()
        data = response.read(CERTIFICATE_BYTES)
        status = response.status
    except (OSError, http.client.HTTPException) as error:
        log.error("providers.certificate_not_fetched", url=url, error=str(error))
        raise Later(_CANNOT_FETCH) from error
    finally:
        connection.close()
    if status != http.client.OK:
        log.error("providers.certificate_not_fetched", url=url, status=status)
        raise Later(_CANNOT_FETCH)
    return data

"""Signatures of hook calls: Standard Webhooks v1 (CONTRACT §7, V2).

The `standardwebhooks` package verifies against the real clock only, wants the body as text, and answers rubbish in a
header with errors of Python; so the dozen lines of the standard stand here. The tests sign with the package.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.errors import BadCredential, Unauthenticated

AGE_LIMIT = 300  # seconds, before and after the timestamp
_ID_CHARACTERS = 256
_SECONDS = re.compile(r"[0-9]{1,11}", re.ASCII)
_V1 = re.compile(r"(sha256=)?[0-9a-f]{64}", re.ASCII | re.IGNORECASE)
_UNSIGNED = "This call is not signed; send Webhook-Id, Webhook-Timestamp and Webhook-Signature (Standard Webhooks)"
_IS_V1 = "This is a V1 signature, which is not taken here; set the endpoint's signatureVersion to V2"


def key_of(secret: str) -> bytes:
    """The raw key of a secret (`whsec_` and base64, with or without padding). Raises ValueError."""
    encoded = secret.removeprefix("whsec_").rstrip("=")
    key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    if not key:
        raise ValueError("a hook's secret may not be empty")
    return key


@dataclass(frozen=True, slots=True)
class Signed:
    """The headers of a signed call. signatures: raw bytes of every v1 signature given (several in a rotation)."""

    id: str
    timestamp: str
    signatures: tuple[bytes, ...]

    def verify(self, body: bytes, keys: Iterable[bytes]) -> None:
        """Check in constant time that one of the keys signed this body. Raises BadCredential."""
        matches = False
        for key in keys:
            mac = hmac.new(key, f"{self.id}.{self.timestamp}.".encode(), "sha256")
            mac.update(body)
            expected = mac.digest()
            for signature in self.signatures:
                matches |= hmac.compare_digest(expected, signature)
        if not matches:
            raise BadCredential("The signature does not match the body")


def read_headers(headers: Mapping[str, str], now: datetime) -> Signed:
    """Look at everything about a signature that needs no body. headers: of any case. Raises Unauthenticated."""
    given, moment, text = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if "x-pandabase-signature" in headers and not text.startswith("v1,"):
        raise BadCredential(_IS_V1)
    if not (given and moment and text):
        raise Unauthenticated(_UNSIGNED)
    if _V1.fullmatch(text.strip()):
        raise BadCredential(_IS_V1)
    if len(given) > _ID_CHARACTERS or not given.isascii():
        raise BadCredential(f"Webhook-Id has up to {_ID_CHARACTERS} ASCII characters")
    if not _SECONDS.fullmatch(moment):
        raise BadCredential("Webhook-Timestamp is in whole seconds since 1970")
    if abs(now.timestamp() - int(moment)) > AGE_LIMIT:
        raise BadCredential(f"Webhook-Timestamp is more than {AGE_LIMIT} seconds away from our clock")
    return Signed(given, moment, tuple(_v1_signatures(text)))


def _v1_signatures(text: str) -> Iterable[bytes]:
    """`v1,<base64>` entries; entries of other versions are for others to read."""
    for entry in text.split(" ")[:16]:
        version, _, encoded = entry.partition(",")
        if version == "v1":
            try:
                yield base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):
                continue  # rubbish beside a good signature costs nothing

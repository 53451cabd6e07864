"""Signatures of evidence: Ed25519 (RFC 8032) by a key of this gateway, in forms that OpenSSL reads (RFC 8410)."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from functools import cached_property

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)

from gateway.errors import Invalid, Problem

ALGORITHM = "Ed25519"
SIGNATURE_BYTES = 64

_PEM_BEGIN, _PEM_END = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"
_DER_AHEAD = bytes.fromhex("302a300506032b6570032100")  # RFC 8410 §4: what stands before the 32 bytes of every key


@dataclass(frozen=True)
class PublicKey:
    """A key to check signatures with. der: its SubjectPublicKeyInfo."""

    der: bytes

    @property
    def text(self) -> str:
        """The line between the first and the last one of `pem`."""
        return base64.b64encode(self.der).decode()

    @property
    def pem(self) -> str:
        """As OpenSSL wants it, with line ends."""
        return f"{_PEM_BEGIN}\n{self.text}\n{_PEM_END}\n"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of `der`, hex: short enough to be compared by people."""
        return hashlib.sha256(self.der).hexdigest()

    @cached_property
    def _key(self) -> Ed25519PublicKey:
        key = load_der_public_key(self.der)
        if not isinstance(key, Ed25519PublicKey):
            raise UnsupportedAlgorithm("no Ed25519 key")
        return key

    def has_signed(self, data: bytes, signature: bytes) -> bool:
        """Whether the signature is of this key and of these bytes."""
        try:
            self._key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class Seal:
    """The private key. It is never shown."""

    private: Ed25519PrivateKey

    @property
    def public(self) -> PublicKey:
        """Its other half."""
        return PublicKey(self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    def pem(self) -> str:
        """As it is kept (PKCS #8), with line ends."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def sign(self, data: bytes) -> bytes:
        """64 bytes, the same for the same data."""
        return self.private.sign(data)


def new_seal() -> Seal:
    """A key that never was before."""
    return Seal(Ed25519PrivateKey.generate())


def read_seal(pem: bytes, field: str) -> Seal:
    """The private key of a PEM file. Raises Invalid."""
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Invalid((Problem(field, "it is no private key in PEM without a password"),)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Invalid((Problem(field, "it is no Ed25519 key"),))
    return Seal(key)


def read_public(text: str, field: str) -> PublicKey:
    """A public key from PEM, from the line in it, or from the base64 of its 32 bytes alone. Raises Invalid."""
    line = "".join(text.replace(_PEM_BEGIN, "").replace(_PEM_END, "").split())
    try:
        der = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        der = b""
    if len(der) == 32:
        der = _DER_AHEAD + der
    if len(der) != len(_DER_AHEAD) + 32 or not der.startswith(_DER_AHEAD):
        raise Invalid((Problem(field, "it is no Ed25519 public key: give PEM or base64, or a file with it"),))
    return PublicKey(der)

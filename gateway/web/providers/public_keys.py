"""Checking signatures with public keys: RSA (RFC 8017 §8.2.2) and ECDSA on P-256 (FIPS 186-4), nothing else.

Only public values are worked on, so nothing here needs to take the same time for every input. Malformed keys raise
ValueError when they are read; a malformed signature is one that does not match.
"""

import base64
import binascii
import hashlib
import ssl
from dataclasses import dataclass
from typing import Literal

Point = tuple[int, int] | None  # None: the point at infinity

_SEQUENCE, _INTEGER, _BIT_STRING, _OBJECT_ID, _VERSION = 0x30, 0x02, 0x03, 0x06, 0xA0
_RSA_ENCRYPTION = bytes.fromhex("2a864886f70d010101")  # RFC 8017 appendix A.1
_RSA_BITS_AT_LEAST = 2048

# The DER of DigestInfo up to the digest (RFC 8017 §9.2, note 1).
_DIGEST_INFO = {
    "sha1": bytes.fromhex("3021300906052b0e03021a05000414"),
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
}

# P-256 (SP 800-186 §3.2.1.3): y² = x³ - 3x + b over the integers modulo P; N is the order of the point G.
_P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
# SubjectPublicKeyInfo of an uncompressed point on P-256 up to the point (RFC 5480 §2.1.1).
_P256_INFO = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")


@dataclass(frozen=True, slots=True)
class RsaKey:
    """A public RSA key."""

    modulus: int
    exponent: int

    def verifies(self, signature: bytes, data: bytes, hash_name: Literal["sha1", "sha256"]) -> bool:
        """Whether the signature (PKCS #1 v1.5) was made over these bytes."""
        length = (self.modulus.bit_length() + 7) // 8
        if len(signature) != length:
            return False
        digest_info = _DIGEST_INFO[hash_name] + hashlib.new(hash_name, data).digest()
        expected = b"\x00\x01" + b"\xff" * (length - len(digest_info) - 3) + b"\x00" + digest_info
        return pow(int.from_bytes(signature, "big"), self.exponent, self.modulus) == int.from_bytes(expected, "big")


@dataclass(frozen=True, slots=True)
class P256Key:
    """A public ECDSA key: a point on P-256."""

    point: tuple[int, int]

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Whether the signature (DER of r and s) was made over the SHA-256 of these bytes (FIPS 186-4 §6.4)."""
        try:
            r, s = _integers(signature)
        except ValueError:
            return False
        if not (0 < r < _N and 0 < s < _N):
            return False
        digest = int.from_bytes(hashlib.sha256(data).digest(), "big")
        inverse = pow(s, -1, _N)
        found = _sum(digest * inverse % _N, _G, r * inverse % _N, self.point)
        return found is not None and found[0] % _N == r


def p256_key(text: str) -> P256Key:
    """The key of a SubjectPublicKeyInfo in base64. Raises ValueError."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("is not base64") from error
    if len(data) != len(_P256_INFO) + 64 or not data.startswith(_P256_INFO):
        raise ValueError("is not a public key on the curve P-256")
    x, y = int.from_bytes(data[-64:-32], "big"), int.from_bytes(data[-32:], "big")
    if not (x < _P and y < _P and (y * y - x * x * x + 3 * x - _B) % _P == 0):
        raise ValueError("is not a point on the curve P-256")
    return P256Key((x, y))


def certified_rsa_key(pem: str) -> RsaKey:
    """The key of an X.509 certificate (RFC 5280 §4.1). Whether to trust the certificate is for the caller to know.

    Raises ValueError.
    """
    certificate = _parts(ssl.PEM_cert_to_DER_cert(pem.strip()), _SEQUENCE)
    fields = _elements(_content(certificate[0], _SEQUENCE))
    if fields and fields[0][0] == _VERSION:
        fields = fields[1:]
    if len(fields) < 6:  # serial number, algorithm, issuer, validity, subject, key
        raise ValueError("the certificate has no public key")
    algorithm, key = _elements(_content(fields[5], _SEQUENCE))[:2]
    if _elements(_content(algorithm, _SEQUENCE))[:1] != [(_OBJECT_ID, _RSA_ENCRYPTION)]:
        raise ValueError("the certificate's key is not an RSA key")
    modulus, exponent = _integers(_content(key, _BIT_STRING)[1:])  # the first byte counts unused bits: none
    if modulus.bit_length() < _RSA_BITS_AT_LEAST or exponent < 3:
        raise ValueError("the certificate's key is too weak")
    return RsaKey(modulus, exponent)


# DER (X.690 §8, §10): a tag, a length, the content.


def _elements(data: bytes) -> list[tuple[int, bytes]]:
    """Tag and content of the elements that follow each other in `data`."""
    found, at = [], 0
    while at < len(data):
        if at + 2 > len(data):
            raise ValueError("DER ends in the middle of an element")
        tag, length, start = data[at], data[at + 1], at + 2
        if length & 0x80:
            octets = length & 0x7F
            if not 1 <= octets <= 4:
                raise ValueError("DER has a length that makes no sense")
            length, start = int.from_bytes(data[start : start + octets], "big"), start + octets
        if start + length > len(data):
            raise ValueError("DER ends in the middle of an element")
        found.append((tag, data[start : start + length]))
        at = start + length
    return found


def _content(element: tuple[int, bytes], tag: int) -> bytes:
    if element[0] != tag:
        raise ValueError("DER has another type than expected")
    return element[1]


def _parts(data: bytes, tag: int) -> list[tuple[int, bytes]]:
    """The elements within the one element that `data` is."""
    elements = _elements(data)
    if len(elements) != 1 or not (parts := _elements(_content(elements[0], tag))):
        raise ValueError("DER has another shape than expected")
    return parts


def _integers(data: bytes) -> tuple[int, int]:
    """A sequence of two integers."""
    parts = _parts(data, _SEQUENCE)
    if len(parts) != 2:
        raise ValueError("DER has another shape than expected")
    first, second = (int.from_bytes(_content(part, _INTEGER), "big", signed=True) for part in parts)
    return first, second


# Points of the curve, added as SP 800-186 appendix A.1.1 says.


def _add(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    (x1, y1), (x2, y2) = one, other
    if x1 != x2:
        slope = (y2 - y1) * pow(x2 - x1, -1, _P) % _P
    elif y1 == y2 and y1:
        slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, _P) % _P
    else:
        return None
    x = (slope * slope - x1 - x2) % _P
    return x, (slope * (x1 - x) - y1) % _P


def _sum(a: int, one: Point, b: int, other: Point) -> Point:
    """a * one + b * other, bit by bit for both at the same time."""
    choice = (None, one, other, _add(one, other))
    result: Point = None
    for bit in reversed(range(256)):
        result = _add(result, result)
        result = _add(result, choice[(a >> bit & 1) + 2 * (b >> bit & 1)])
    return result

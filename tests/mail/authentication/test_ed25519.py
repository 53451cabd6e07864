"""Ed25519 against the vectors of RFC 8032 §7.1, and against signatures that were tampered with."""

import pytest

from gateway.mail.authentication.ed25519 import verify
from tests.mail.authentication.signing import EdKey

VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe2465"
        "5141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb0"
        "0d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc0"
        "27beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_vectors(key: str, message: str, signature: str) -> None:
    assert verify(bytes.fromhex(key), bytes.fromhex(signature), bytes.fromhex(message))


@pytest.mark.parametrize("place", [0, 31, 32, 63])
def test_a_changed_signature_fails(place: int) -> None:
    key = EdKey(b"k" * 32)
    signature = bytearray(key.sign(b"mail").signature)
    assert verify(key.public, bytes(signature), b"mail")
    assert not verify(key.public, bytes(signature), b"male")
    signature[place] ^= 1
    assert not verify(key.public, bytes(signature), b"mail")


@pytest.mark.parametrize(
    ("key", "signature"),
    [
        (b"", b"s" * 64),
        (b"k" * 32, b""),
        (b"\xff" * 32, b"s" * 64),  # y is not below the field's prime
        (b"\x02" + b"\0" * 31, b"\0" * 64),  # no point of the curve
        (EdKey(b"k" * 32).public, b"\x01" + b"\0" * 31 + b"\xff" * 32),  # a response beyond the group's order
    ],
)
def test_what_is_no_signature_fails(key: bytes, signature: bytes) -> None:
    assert not verify(key, signature, b"mail")

"""Keys, signatures and bodies at their edges; whole mails are in test_dkim.py and test_hostile.py."""

import base64
import hashlib
import random
import tracemalloc

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from dkim.canonicalization import CanonicalizationPolicy

from gateway.mail.authentication.signatures import PublicKey, Rejected, SignedMail, check_bytes, fetch_key
from tests.mail.authentication.signing import EdKey, Zone, rsa_key

MAIL = b"what was signed"
ED, RSA = EdKey(b"k" * 32), rsa_key()


def _key(record: str) -> PublicKey:
    return fetch_key({"d": "shop.org", "s": "k"}, Zone().txt("k._domainkey.shop.org", record))


def ed25519(key: EdKey, message: bytes) -> bytes:
    """RFC 8463 §3: the digest is what is signed."""
    return key.sign(hashlib.sha256(message).digest()).signature


def verdict(record: str, signature: bytes, message: bytes = MAIL, algorithm: str = "ed25519-sha256") -> str:
    try:
        check_bytes(message, {"a": algorithm, "b": base64.b64encode(signature).decode()}, _key(record))
    except Rejected as error:
        return error.result
    return "pass"


@pytest.mark.parametrize("place", [0, 31, 32, 63])
def test_a_changed_ed25519_signature_fails(place: int) -> None:
    signature = bytearray(ed25519(ED, MAIL))
    assert verdict(ED.record, bytes(signature)) == "pass"
    assert verdict(ED.record, bytes(signature), b"other words") == "fail"
    signature[place] ^= 1
    assert verdict(ED.record, bytes(signature)) == "fail"


def _record(key: bytes) -> str:
    return f"v=DKIM1; k=ed25519; p={base64.b64encode(key).decode()}"


@pytest.mark.parametrize(
    ("record", "signature", "found"),
    [
        (_record(b"short"), b"s" * 64, "permerror"),
        (ED.record, b"short", "fail"),
        (ED.record, b"s" * 65, "fail"),
        (_record(b"\xff" * 32), b"s" * 64, "fail"),  # y is not below the field's prime
        (_record(b"\x02" + b"\0" * 31), b"\0" * 64, "fail"),  # no point of the curve
        (ED.record, b"\x01" + b"\0" * 31 + b"\xff" * 32, "fail"),  # a response beyond the group's order
    ],
)
def test_what_is_no_ed25519_signature_fails(record: str, signature: bytes, found: str) -> None:
    assert verdict(record, signature) == found


def test_a_response_beyond_the_order_is_no_second_signature() -> None:
    """RFC 8032 §8.4: one signature, one form, or a mail could be told apart from its own copy."""
    signature = ed25519(ED, MAIL)
    order = 2**252 + 27742317777372353535851937790883648493
    response = int.from_bytes(signature[32:], "little") + order
    assert verdict(ED.record, signature[:32] + response.to_bytes(32, "little")) == "fail"


@pytest.mark.parametrize("signature", [b"s", b"\0" * 128, b"\xff" * 128, b"s" * 127, b"s" * 4_096])
def test_what_is_no_rsa_signature_fails(signature: bytes) -> None:
    assert verdict(RSA.record, signature, algorithm="rsa-sha256") == "fail"


def _rsa_record(n: int, e: int) -> str:
    return _der(RSAPublicNumbers(e, n).public_key())


def _der(public: RSAPublicKey | ec.EllipticCurvePublicKey) -> str:
    return base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@pytest.mark.parametrize(
    "record",
    [
        _rsa_record((1 << 4_096) | 1, 65_537),  # too long
        _rsa_record((1 << 2_047) | 1, (1 << 33) | 1),  # an exponent that takes long
        _der(ec.generate_private_key(ec.SECP256R1()).public_key()),
    ],
    ids=["long", "exponent", "curve"],
)
def test_keys_that_are_no_good_rsa_keys(record: str) -> None:
    assert verdict(f"v=DKIM1; p={record}", b"s" * 256, algorithm="rsa-sha256") == "permerror"


def test_both_forms_of_an_rsa_key_are_read() -> None:
    """SubjectPublicKeyInfo, and the bare form of PKCS #1 that some domains publish."""
    bare = _key(RSA.record)
    assert isinstance(bare, RSAPublicKey)
    numbers = bare.public_numbers()
    assert _key(f"p={_rsa_record(numbers.n, numbers.e)}") == bare


PIECES = (b"a", b" ", b"\t", b" \t ", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\xc3", b"x" * 40_000, b"\r\n" * 40_000)


@pytest.mark.parametrize("form", ["simple", "relaxed"])
def test_long_bodies_are_hashed_as_dkimpy_does(form: str) -> None:
    """Lines and blanks stand across the pieces in which a body is read."""
    chance = random.Random(form)
    policy = CanonicalizationPolicy.from_c_value(f"{form}/{form}".encode())
    for _ in range(60):
        mail = b"From: a@shop.org\r\n\r\n" + b"".join(chance.choices(PIECES, k=chance.randrange(14))) + b"\r\n"
        body = policy.canonicalize_body(dkim.DKIM(mail).body)
        assert SignedMail(mail).body_digest(form) == hashlib.sha256(body).digest()


def test_a_large_body_is_not_copied() -> None:
    mail = SignedMail(b"From: a@shop.org\r\n\r\n" + b"What  was written. \r\n" * 500_000)
    tracemalloc.start()
    try:
        mail.body_digest("relaxed")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1_000_000

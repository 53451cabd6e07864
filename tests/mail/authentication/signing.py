"""Signs mail as senders and relays do, with keys made at test time: dkimpy is the hand, the checks under test are ours.

dkimpy's own door for ARC and Ed25519 needs packages that are not installed; its canonical forms and hashes do not.
"""

import base64
import hashlib
import random
from dataclasses import dataclass
from functools import cache

import dkim
from dkim.canonicalization import CanonicalizationPolicy
from dkim.crypto import parse_pem_private_key
from nacl.signing import SignedMessage, SigningKey

from gateway.mail.authentication.lookup import Trouble

Records = dict[tuple[str, str], tuple[str, ...]]


class Zone:
    """The DNS of a test. records: (name, type) to records; troubled: names that nobody answers for."""

    def __init__(self, records: Records | None = None, *, troubled: frozenset[str] = frozenset()) -> None:
        self.records = dict(records or {})
        self.troubled = troubled
        self.asked: list[tuple[str, str]] = []

    def __call__(self, name: str, kind: str) -> tuple[str, ...]:
        self.asked.append((name, kind))
        if name in self.troubled:
            raise Trouble(f"no answer in time ({kind} of {name})")
        return self.records.get((name, kind), ())

    def txt(self, name: str, *texts: str) -> "Zone":
        """This zone with TXT records added."""
        return Zone({**self.records, (name, "TXT"): texts}, troubled=self.troubled)

    def for_dkimpy(self, name: bytes, timeout: int = 5) -> bytes | None:
        """The same zone for dkimpy, which judges beside us."""
        found = self.records.get((name.decode().rstrip("."), "TXT"))
        return found[0].encode() if found else None


@dataclass(frozen=True)
class RsaKey:
    """pem: PKCS#1. record: what stands in the DNS. numbers: as dkimpy holds it."""

    pem: bytes
    record: str
    algorithm: bytes = b"rsa-sha256"

    @property
    def hand(self) -> object:
        return parse_pem_private_key(self.pem)


@dataclass(frozen=True)
class EdKey:
    """An Ed25519 key (RFC 8032), which PyNaCl applies."""

    seed: bytes
    algorithm: bytes = b"ed25519-sha256"

    @property
    def hand(self) -> object:
        return self

    @property
    def public(self) -> bytes:
        return bytes(SigningKey(self.seed).verify_key)

    @property
    def record(self) -> str:
        return f"v=DKIM1; k=ed25519; p={base64.b64encode(self.public).decode()}"

    def sign(self, message: bytes) -> SignedMessage:
        return SigningKey(self.seed).sign(message)


@cache
def rsa_key(bits: int = 1_024, seed: int = 1) -> RsaKey:
    """A key, always the same for a seed: small, since it only has to last for a test."""
    chance = random.Random(seed)
    e = 65_537
    p, q = _prime(bits // 2, chance, e), _prime(bits // 2, chance, e)
    d = pow(e, -1, (p - 1) * (q - 1))
    private = _sequence(*map(_integer, (0, p * q, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))))
    public = _sequence(_integer(p * q), _integer(e))
    pem = b"-----BEGIN RSA PRIVATE KEY-----\n" + base64.encodebytes(private) + b"-----END RSA PRIVATE KEY-----\n"
    return RsaKey(pem, f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}")


def _prime(bits: int, chance: random.Random, e: int) -> int:
    while True:
        number = chance.getrandbits(bits) | (3 << (bits - 2)) | 1
        if number % e != 1 and all(pow(chance.randrange(2, number), number - 1, number) == 1 for _ in range(12)):
            return number


def _integer(number: int) -> bytes:
    content = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return b"\x02" + _length(len(content)) + content


def _sequence(*items: bytes) -> bytes:
    content = b"".join(items)
    return b"\x30" + _length(len(content)) + content


def _length(size: int) -> bytes:
    if size < 128:
        return bytes([size])
    encoded = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(encoded)]) + encoded


SIGNED = (b"from", b"to", b"cc", b"subject", b"date")


def sign(
    mail: bytes,
    key: RsaKey | EdKey,
    domain: str,
    *,
    selector: str = "k1",
    signed: tuple[bytes, ...] = SIGNED,
    form: bytes = b"relaxed/relaxed",
    extra: dict[bytes, bytes] | None = None,
) -> bytes:
    """The mail with a DKIM-Signature above it. extra: more tags, such as l=; they replace those that are there."""
    signer = dkim.DKIM(mail, signature_algorithm=key.algorithm)
    policy = CanonicalizationPolicy.from_c_value(form)
    body = policy.canonicalize_body(signer.body)
    tags = {
        b"v": b"1",
        b"a": key.algorithm,
        b"c": form,
        b"d": domain.encode(),
        b"s": selector.encode(),
        **(extra or {}),
    }
    if b"l" in tags:
        body = body[: int(tags[b"l"])]
    return _field(signer, b"DKIM-Signature", tags, body, signed, policy, key) + mail


def _field(
    signer: dkim.DKIM,
    name: bytes,
    tags: dict[bytes, bytes],
    body: bytes | None,
    signed: tuple[bytes, ...],
    policy: CanonicalizationPolicy,
    key: RsaKey | EdKey,
) -> bytes:
    if body is not None:
        tags = {**tags, b"h": b":".join(signed), b"bh": base64.b64encode(hashlib.sha256(body).digest())}
    signer.hasher = hashlib.sha256
    value = signer.gen_header([*tags.items(), (b"b", b"0" * 60)], signed, policy, name, key.hand)
    return name + b": " + value


def seal(mail: bytes, key: RsaKey, domain: str, results: str, *, instance: int = 1, cv: str = "") -> bytes:
    """The mail with one more ARC set (RFC 8617 §5.1). results: of the relay, as in Authentication-Results."""
    relaxed = CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")
    base = {b"i": str(instance).encode(), b"a": key.algorithm, b"d": domain.encode(), b"s": b"arc"}
    told = f"ARC-Authentication-Results: i={instance}; {results}\r\n".encode()
    signer = dkim.DKIM(mail, signature_algorithm=key.algorithm)
    body = relaxed.canonicalize_body(signer.body)
    tags = {**base, b"c": b"relaxed/relaxed"}
    signature = _field(signer, b"ARC-Message-Signature", tags, body, (b"from", b"to", b"subject"), relaxed, key)
    mail = signature + told + mail
    signer = dkim.DKIM(mail, signature_algorithm=key.algorithm)
    names = (b"arc-authentication-results", b"arc-message-signature", b"arc-seal")
    tags = {**base, b"cv": (cv or ("none" if instance == 1 else "pass")).encode()}
    return _field(signer, b"ARC-Seal", tags, None, (names * instance)[:-1], relaxed, key) + mail

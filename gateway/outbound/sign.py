"""DKIM: what we send bears a signature by each key of the domain in its From (RFC 6376, RFC 8463).

The canonical forms are those by which signatures of others are checked; the keys are the business of OpenSSL, which is
thirty times faster than dkimpy.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.config import Config
from gateway.errors import Invalid, Problem
from gateway.mail.authentication.signatures import Field, SignedMail
from gateway.mail.classify import LOOP_HEADER

SMALLEST_RSA = 2_048  # bits: receivers need not accept less (RFC 8301 §3.2)

#: RFC 6376 §5.4.1: what tells who wrote what to whom, and what mail programs act on. RFC 8058 §4 asks for the last two.
_SIGNED = (
    "From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "MIME-Version",
    "Content-Type", "Content-Transfer-Encoding", "Auto-Submitted", LOOP_HEADER, "List-Id", "List-Unsubscribe",
    "List-Unsubscribe-Post",
)  # fmt: skip
#: Signed once more than they stand there: whoever puts another one above ours breaks the signature (§8.15).
_OVERSIGNED = frozenset({"From", "To", "Cc", "Reply-To", "Subject", "Date"})
_LINE = 76  # octets
_BROKEN = "it is no private key in PEM without a password: make one with `casegate dkim create`"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key that speaks for a domain under a selector."""

    domain: str
    selector: str
    private: RSAPrivateKey | Ed25519PrivateKey

    @property
    def algorithm(self) -> str:
        """As the tag a= names it."""
        return "rsa-sha256" if isinstance(self.private, RSAPrivateKey) else "ed25519-sha256"

    @property
    def place(self) -> str:
        """Where in the DNS the public half stands."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def public(self) -> str:
        """The public half as the tag p= has it, base64."""
        public = self.private.public_key()
        if isinstance(self.private, RSAPrivateKey):
            encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        else:  # RFC 8463 §4: the bare key
            encoding, form = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        return base64.b64encode(public.public_bytes(encoding, form)).decode()

    @property
    def record(self) -> str:
        """The TXT record of the public half (RFC 6376 §3.6.1)."""
        return f"v=DKIM1; k={self.algorithm.partition('-')[0]}; p={self.public}"

    def pem(self) -> bytes:
        """The private half (PKCS #8)."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, mail: SignedMail, now: datetime) -> bytes:
        """The field DKIM-Signature for a mail, with its CRLF."""
        names = list(_names(mail))
        field = _folded(
            [
                "v=1;", f"a={self.algorithm};", "c=relaxed/relaxed;", f"d={self.domain};", f"s={self.selector};",
                f"t={int(now.timestamp())};", "h=" + names[0] + ":", *(f"{name}:" for name in names[1:-1]),
                f"{names[-1]};", f"bh={base64.b64encode(mail.body_digest('relaxed')).decode()};", "b=",
            ]
        )  # fmt: skip
        fields = mail.selected([name.lower() for name in names])
        lines = [one.canonical("relaxed") + b"\r\n" for one in fields]
        lines.append(Field("DKIM-Signature", field.encode()).canonical("relaxed"))
        signature = base64.b64encode(self._sign(b"".join(lines))).decode()
        pieces = [f"\r\n {signature[at : at + _LINE - 2]}" for at in range(0, len(signature), _LINE - 2)]
        return f"DKIM-Signature:{field}{''.join(pieces)}\r\n".encode()

    def _sign(self, signed: bytes) -> bytes:
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(signed, padding.PKCS1v15(), SHA256())
        return self.private.sign(hashlib.sha256(signed).digest())  # RFC 8463 §3: the digest is what is signed


class Signer:
    """Signs mail by the keys of its domain; without a key for it mail stays as it is."""

    def __init__(self, keys: Iterable[SigningKey] = ()) -> None:
        self.keys = tuple(keys)
        self._by_domain: dict[str, list[SigningKey]] = {}
        for key in self.keys:
            self._by_domain.setdefault(key.domain, []).append(key)

    def speaks_for(self, domain: str) -> bool:
        """Whether there is a key for a domain (in lower case)."""
        return domain in self._by_domain

    def sign(self, data: bytes, domain: str, now: datetime) -> bytes:
        """A finished mail with its signatures on top. domain: of From, in lower case."""
        keys = self._by_domain.get(domain)
        if keys is None:
            return data
        mail = SignedMail(data)
        return b"".join([*(key.sign(mail, now) for key in keys), data])


def load(config: Config) -> Signer:
    """The signer with all keys of the settings. Raises Invalid with a problem for each key that cannot be used."""
    wanted: list[tuple[str, str, str, Path]] = []
    if config.mail.dkim_key_file:
        domain = config.from_address.rpartition("@")[2]
        wanted.append(("mail.dkim_key_file", domain, config.mail.dkim_selector, config.mail.dkim_key_file))
    wanted += [(f"dkim.{n}.key_file", one.domain, one.selector, one.key_file) for n, one in enumerate(config.dkim)]
    keys: dict[str, SigningKey] = {}
    problems = []
    for field, domain, selector, file in wanted:
        try:
            key = SigningKey(domain, selector, read_key(file))
        except ValueError as error:
            problems.append(Problem(field, f"{file}: {error}"))
            continue
        if key.place in keys:
            problems.append(Problem(field, f"there is another key for {key.place}: each needs a selector of its own"))
        keys[key.place] = key
    if problems:
        raise Invalid(tuple(problems))
    return Signer(keys.values())


def read_key(file: Path) -> RSAPrivateKey | Ed25519PrivateKey:
    """A private key from a PEM file. Raises ValueError with the reason."""
    try:
        private = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(_BROKEN) from error
    if isinstance(private, RSAPrivateKey):
        if private.key_size < SMALLEST_RSA:
            raise ValueError(f"it has {private.key_size} bits, and receivers accept {SMALLEST_RSA} or more")
        return private
    if isinstance(private, Ed25519PrivateKey):
        return private
    raise ValueError("DKIM knows RSA and Ed25519 keys only")


def make_key(domain: str, selector: str, algorithm: str) -> SigningKey:
    """A new key. algorithm: `rsa` or `ed25519`."""
    private = Ed25519PrivateKey.generate() if algorithm == "ed25519" else generate_private_key(65_537, SMALLEST_RSA)
    return SigningKey(domain, selector, private)


def _names(mail: SignedMail) -> Iterator[str]:
    """The names for h=: each as often as the field stands there, some once more."""
    for name in _SIGNED:
        for _ in range(mail.times[name.lower()] + (name in _OVERSIGNED)):
            yield name


def _folded(parts: Iterable[str]) -> str:
    """Parts with blanks between, on lines of at most 76 octets where they fit."""
    lines, line = [], "DKIM-Signature:"
    for part in parts:
        if len(line) + 1 + len(part) > _LINE:
            lines.append(line)
            line = ""
        line += f" {part}"
    return "\r\n".join([*lines, line]).removeprefix("DKIM-Signature:")

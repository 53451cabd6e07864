"""What DKIM and ARC share: tag lists, keys in the DNS, canonical forms, and the check itself (RFC 6376, RFC 8463).

dkimpy reads and applies RSA keys, OpenSSL applies Ed25519 keys. dkimpy's own reading of mails is not used: it sees
other header fields than `parse` does where lines end in a lone CR, so that a forged From could borrow a signature, and
its patterns take quadratic time (half a second for 16 kB of blanks in a body).
"""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from dkim.crypto import RSASSA_PKCS1_v1_5_verify, UnparsableKeyError, parse_public_key

from gateway.mail import headers
from gateway.mail.authentication.domains import domain_of
from gateway.mail.authentication.lookup import Lookup

FIELD_BYTES = 8 * 1024  # of a signature field; real ones stay below 2 KiB
_SIGNED_NAMES = 200
_KEY_CHARACTERS = 4 * 1024
_SMALLEST_RSA, _LARGEST_RSA = 1_024, 4_096  # bits (RFC 8301 §3.2)
_LARGEST_EXPONENT = 2**32
_ED25519_BYTES = 32  # of a public key (RFC 8032 §5.1.5)
# RFC 6376 §8.15: fields that stand once. One that was put above the signed one would be read instead of it.
_SINGLE = (
    "from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references",
    "mime-version", "content-type", "content-transfer-encoding",
)  # fmt: skip

_TAG = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_PUBLIC = re.compile(r"(?:^|;)\s*p\s*=")
_LONE_LF = re.compile(rb"(?<!\r)\n")
_LONE_CR = re.compile(rb"\r(?!\n)")
_HASHES = {"rsa-sha256", "ed25519-sha256"}

Tags = dict[str, str]


class Rejected(Exception):
    """A signature does not count. result: the word of RFC 8601 §2.7.1; the text is a sentence for the operator."""

    def __init__(self, result: str, text: str) -> None:
        super().__init__(text)
        self.result = result
        self.text = text


def read_tags(value: str) -> Tags:
    """A tag list (RFC 6376 §3.2): `a=b; c=d`. Raises Rejected when a tag is odd or stands twice."""
    tags: Tags = {}
    for part in value.split(";"):
        if not part.strip():
            continue
        name, equals, content = part.partition("=")
        name = name.strip()
        if not equals or not _TAG.fullmatch(name) or name in tags:
            raise Rejected("permerror", "Its tags cannot be read.")
        tags[name] = content.strip()
    return tags


def decode_base64(text: str) -> bytes:
    """A value in base64, white space inside it left out. Raises Rejected."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError as error:
        raise Rejected("permerror", "Its base64 cannot be read.") from error


@dataclass(frozen=True, slots=True)
class Field:
    """A header field as it stands: value is everything behind the colon, with CRLF in its folds and none at its end."""

    name: str
    value: bytes

    def canonical(self, form: str) -> bytes:
        """RFC 6376 §3.4.1 and §3.4.2, without the CRLF at the end."""
        if form == "simple":
            return self.name.encode() + b":" + self.value
        value = _single_blanks(self.value.replace(b"\r\n", b"")).strip(b" ")
        return self.name.lower().encode() + b":" + value

    def without_signature(self) -> "Field":
        """The field with an empty b= (§3.7)."""
        parts = self.value.split(b";")
        for place, part in enumerate(parts):
            if part.partition(b"=")[0].strip() == b"b":
                parts[place] = part[: part.index(b"=") + 1]
        return Field(self.name, b";".join(parts))


class SignedMail:
    """A mail as signatures see it: the same header fields that `parse` read, with line ends of CRLF."""

    def __init__(self, raw: bytes) -> None:
        header = headers.read(raw)
        self.fields = tuple(Field(name, _crlf(value).removesuffix(b"\r")) for name, value in header.fields)
        self.times = Counter(field.name.lower() for field in self.fields)
        #: RFC 5322 §2.3: where a lone CR stands, programs disagree on what is a header field and what is body.
        self.ambiguous = bool(header.too_complex or _LONE_CR.search(raw, 0, header.body))
        self._raw_body = raw[header.body :]
        self._digests: dict[str, bytes] = {}

    def named(self, name: str) -> list[Field]:
        """Every field of that name, topmost first."""
        return [field for field in self.fields if field.name.lower() == name]

    def body_digest(self, form: str) -> bytes:
        """SHA-256 of the body in a canonical form, made once."""
        if form not in self._digests:
            self._digests[form] = hashlib.sha256(_canonical_body(_crlf(self._raw_body), form)).digest()
        return self._digests[form]

    def selected(self, names: Sequence[str]) -> list[Field]:
        """The fields that h= names: of repeated ones from the bottom up, none for names without a field (§5.4.2)."""
        waiting: dict[str, list[Field]] = {}
        for name in set(names):
            waiting[name] = self.named(name)
        return [waiting[name].pop() for name in names if waiting[name]]


def _crlf(data: bytes) -> bytes:
    return data if data.count(b"\n") == data.count(b"\r\n") else _LONE_LF.sub(b"\r\n", data)


def _canonical_body(body: bytes, form: str) -> bytes:
    """RFC 6376 §3.4.3 and §3.4.4, in linear time."""
    if form == "relaxed":
        body = _single_blanks(body).replace(b" \r\n", b"\r\n").removesuffix(b" ")
    text = body.rstrip(b"\r\n")
    end = body[len(text) :]  # holds CRLF and lone CR only; a lone CR is no empty line
    lone = len(end) if end.endswith(b"\r") else end.rfind(b"\r\r") + 1
    text += end[:lone]
    return text + b"\r\n" if text or form == "simple" else b""


def _single_blanks(data: bytes) -> bytes:
    data = data.replace(b"\t", b" ")
    while b"  " in data:  # each round halves the longest run; a pattern would take a hundred times as long
        data = data.replace(b"  ", b" ")
    return data


@dataclass(frozen=True, slots=True)
class Key:
    """A public key of an algorithm: `rsa` with modulus and exponent, `ed25519` with its bytes."""

    algorithm: str
    public: dict[str, int] | bytes


def read_signature(field: Field) -> Tags:
    """The tags of a signature field that every kind needs (RFC 6376 §3.5). Raises Rejected."""
    if len(field.value) > FIELD_BYTES:
        raise Rejected("permerror", f"It is longer than {FIELD_BYTES} bytes.")
    tags = read_tags(headers.unfold(field.value))
    missing = [name for name in ("a", "b", "d", "s") if not tags.get(name)]
    if missing:
        raise Rejected("permerror", f"It has no {missing[0]}=.")
    if not domain_of(tags["d"]) or not domain_of(tags["s"]):
        raise Rejected("permerror", "Its domain or selector is no name.")
    return tags


def signed_names(tags: Tags) -> list[str]:
    """The names in h=, lower case. Raises Rejected."""
    names = [name.strip().lower() for name in tags.get("h", "").split(":")]
    if len(names) > _SIGNED_NAMES:
        raise Rejected("permerror", f"It signs more than {_SIGNED_NAMES} fields.")
    return names


def check_mail(mail: SignedMail, field: Field, tags: Tags, key: Key, *, default_form: str) -> None:
    """Check a signature over header fields and body (RFC 6376 §6.1). Raises Rejected."""
    header_form, _, body_form = tags.get("c", default_form).lower().partition("/")
    body_form = body_form or "simple"
    if {header_form, body_form} - {"simple", "relaxed"}:
        raise Rejected("permerror", "Its c= is unknown.")
    names = signed_names(tags)
    if "from" not in names:
        raise Rejected("permerror", "It does not sign From.")
    for name in _SINGLE:
        if 0 < names.count(name) < mail.times[name]:
            raise Rejected("policy", f"A field {name} was added that is not signed.")
    if mail.body_digest(body_form) != decode_base64(tags.get("bh", "")):
        raise Rejected("fail", "The body was changed after it was signed.")
    lines = [part.canonical(header_form) + b"\r\n" for part in mail.selected(names)]
    lines.append(field.without_signature().canonical(header_form))
    check_bytes(b"".join(lines), tags, key)


def check_bytes(signed: bytes, tags: Tags, key: Key) -> None:
    """Check b= over bytes in canonical form. Raises Rejected."""
    algorithm = tags["a"].lower()
    if algorithm not in _HASHES:  # RFC 8301 §3.1: rsa-sha1 is worth nothing any more
        raise Rejected("permerror", f"Its algorithm {algorithm} is not accepted.")
    signature = decode_base64(tags["b"])
    if key.algorithm != algorithm.partition("-")[0]:
        raise Rejected("permerror", f"Its key is of the kind {key.algorithm}.")
    digest = hashlib.sha256(signed)
    if isinstance(key.public, bytes):
        genuine = _is_ed25519_of(key.public, signature, digest.digest())  # RFC 8463 §3: the digest is what is signed
    else:
        genuine = RSASSA_PKCS1_v1_5_verify(digest, signature, key.public)
    if not genuine:
        raise Rejected("fail", "Its b= does not fit: a signed field was changed, or another key was used.")


def _is_ed25519_of(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def fetch_key(tags: Tags, lookup: Lookup) -> Key:
    """The public key (RFC 6376 §3.6.2). Raises Rejected, or Trouble of the DNS."""
    domain = domain_of(tags["d"])
    place = f"{domain_of(tags['s'])}._domainkey.{domain}"
    records = [record for record in lookup(place, "TXT") if _PUBLIC.search(record)]
    if len(records) != 1:
        raise Rejected("permerror", f"There is {'no key' if not records else 'more than one key'} at {place}.")
    try:
        return _read_key(records[0], tags)
    except Rejected as error:
        raise Rejected(error.result, f"The key at {place} does not count: {error.text}") from error


def _read_key(record: str, tags: Tags) -> Key:
    """RFC 6376 §3.6.1. Raises Rejected."""
    if len(record) > _KEY_CHARACTERS:
        raise Rejected("permerror", "it is too long.")
    key = read_tags(record)
    flags = {flag.strip() for flag in key.get("t", "").split(":")}
    if key.get("v", "DKIM1") != "DKIM1":
        raise Rejected("permerror", "its version is unknown.")
    if not key["p"]:
        raise Rejected("fail", "it was revoked.")
    if not {"*", "email"} & {kind.strip() for kind in key.get("s", "*").split(":")}:
        raise Rejected("permerror", "it is not meant for mail.")
    if "h" in key and "sha256" not in {name.strip() for name in key["h"].split(":")}:
        raise Rejected("permerror", "it forbids SHA-256.")
    if "y" in flags:
        raise Rejected("neutral", "its domain is only testing.")
    if "s" in flags and domain_of(tags.get("i", "@" + tags["d"])) != domain_of(tags["d"]):
        raise Rejected("permerror", "it is not meant for subdomains.")
    return _public_key(key.get("k", "rsa").lower(), decode_base64(key["p"]))


def _public_key(algorithm: str, encoded: bytes) -> Key:
    """Raises Rejected; a key so large that it takes seconds to apply is an attack."""
    if algorithm == "ed25519":
        if len(encoded) != _ED25519_BYTES:
            raise Rejected("permerror", "it cannot be read.")
        return Key(algorithm, encoded)
    if algorithm != "rsa":
        raise Rejected("permerror", f"its kind {algorithm} is unknown.")
    try:
        public = parse_public_key(encoded)
    except (UnparsableKeyError, AssertionError, LookupError) as error:
        raise Rejected("permerror", "it cannot be read.") from error
    bits = public["modulus"].bit_length()
    if not _SMALLEST_RSA <= bits <= _LARGEST_RSA or not 1 < public["publicExponent"] <= _LARGEST_EXPONENT:
        raise Rejected("permerror", f"it has {bits} bits, which is not between {_SMALLEST_RSA} and {_LARGEST_RSA}.")
    return Key(algorithm, public)

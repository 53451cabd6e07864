"""What DKIM and ARC share: tag lists, keys in the DNS, canonical forms, and the check itself (RFC 6376, RFC 8463).

OpenSSL applies the keys. Reading the mail is ours: dkimpy sees other header fields than `parse` does where lines end in
a lone CR, so that a forged From could borrow a signature, its patterns take quadratic time (half a second for 16 kB of
blanks in a body), and its RSA takes twenty times as long.
"""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from gateway.mail import headers
from gateway.mail.authentication.domains import domain_of
from gateway.mail.authentication.lookup import Lookup

FIELD_BYTES = 8 * 1024  # of a signature field; real ones stay below 2 KiB
_SIGNED_NAMES = 200
_KEY_CHARACTERS = 4 * 1024
_SMALLEST_RSA, _LARGEST_RSA = 1_024, 4_096  # bits (RFC 8301 §3.2)
_LARGEST_EXPONENT = 2**32
_PIECE = 64 * 1024  # bytes of a body that are put into canonical form at once: what fits the processor's cache
# RFC 6376 §8.15: fields that stand once. One that was put above the signed one would be read instead of it.
_SINGLE = (
    "from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references",
    "mime-version", "content-type", "content-transfer-encoding",
)  # fmt: skip

_TAG = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_PUBLIC = re.compile(r"(?:^|;)\s*p\s*=")
_LONE_CR = re.compile(rb"\r(?!\n)")
_HASHES = {"rsa-sha256", "ed25519-sha256"}

Tags = dict[str, str]
PublicKey = RSAPublicKey | Ed25519PublicKey


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
        self._raw, self._body = raw, header.body
        self._digests: dict[str, bytes] = {}

    def named(self, name: str) -> list[Field]:
        """Every field of that name, topmost first."""
        return [field for field in self.fields if field.name.lower() == name]

    def body_digest(self, form: str) -> bytes:
        """SHA-256 of the body in a canonical form, made once."""
        if form not in self._digests:
            digest = hashlib.sha256()
            for piece in _canonical_body(self._raw, self._body, form):
                digest.update(piece)
            self._digests[form] = digest.digest()
        return self._digests[form]

    def selected(self, names: Sequence[str]) -> list[Field]:
        """The fields that h= names: of repeated ones from the bottom up, none for names without a field (§5.4.2)."""
        waiting: dict[str, list[Field]] = {}
        for name in set(names):
            waiting[name] = self.named(name)
        return [waiting[name].pop() for name in names if waiting[name]]


def _crlf(data: bytes) -> bytes:
    """Every LF with one CR before it. By two replacements: a pattern takes seconds for megabytes of empty lines."""
    if data.count(b"\n") == data.count(b"\r\n"):
        return data
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _canonical_body(raw: bytes, start: int, form: str) -> Iterator[bytes]:
    """RFC 6376 §3.4.3 and §3.4.4 of the body that begins at start, some whole lines at a time, in linear time."""
    empty = 0  # lines that count only when text follows
    anything = False
    while start < len(raw):
        end = raw.find(b"\n", start + _PIECE) + 1 or len(raw)
        lines = _crlf(raw[start:end])
        if form == "relaxed":
            lines = _single_blanks(lines).replace(b" \r\n", b"\r\n").removesuffix(b" ")
        text = _without_empty_lines(lines)
        if text:
            yield b"\r\n" * empty + text
            empty, anything = 0, True
        empty += (len(lines) - len(text)) // 2
        start = end
    if anything or form == "simple":
        yield b"\r\n"


def _without_empty_lines(lines: bytes) -> bytes:
    """The lines without the CRLF of the last one that holds anything, and all behind it."""
    text = lines.rstrip(b"\r\n")
    end = lines[len(text) :]  # holds CRLF and lone CR only; a lone CR is no empty line
    lone = len(end) if end.endswith(b"\r") else end.rfind(b"\r\r") + 1
    return text + end[:lone]


def _single_blanks(data: bytes) -> bytes:
    data = data.replace(b"\t", b" ")
    while b"  " in data:  # each round halves the longest run; a pattern would take a hundred times as long
        data = data.replace(b"  ", b" ")
    return data


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


def check_mail(mail: SignedMail, field: Field, tags: Tags, key: PublicKey, *, default_form: str) -> None:
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


def check_bytes(signed: bytes, tags: Tags, key: PublicKey) -> None:
    """Check b= over bytes in canonical form. Raises Rejected."""
    algorithm = tags["a"].lower()
    if algorithm not in _HASHES:  # RFC 8301 §3.1: rsa-sha1 is worth nothing any more
        raise Rejected("permerror", f"Its algorithm {algorithm} is not accepted.")
    signature = decode_base64(tags["b"])
    kind = "rsa" if isinstance(key, RSAPublicKey) else "ed25519"
    if kind != algorithm.partition("-")[0]:
        raise Rejected("permerror", f"Its key is of the kind {kind}.")
    try:
        if isinstance(key, RSAPublicKey):
            key.verify(signature, signed, PKCS1v15(), SHA256())
        else:
            key.verify(signature, hashlib.sha256(signed).digest())  # RFC 8463 §3: the digest is what is signed
    except InvalidSignature as error:
        text = "Its b= does not fit: a signed field was changed, or another key was used."
        raise Rejected("fail", text) from error


def fetch_key(tags: Tags, lookup: Lookup) -> PublicKey:
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


def _read_key(record: str, tags: Tags) -> PublicKey:
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


def _public_key(kind: str, encoded: bytes) -> PublicKey:
    """Raises Rejected; a key so large that it takes seconds to apply is an attack."""
    if kind not in ("rsa", "ed25519"):
        raise Rejected("permerror", f"its kind {kind} is unknown.")
    try:
        if kind == "ed25519":
            return Ed25519PublicKey.from_public_bytes(encoded)
        public = load_der_public_key(encoded)  # also the bare form of PKCS #1 that some domains publish
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Rejected("permerror", "it cannot be read.") from error
    if not isinstance(public, RSAPublicKey):
        raise Rejected("permerror", "it is no RSA key.")
    bits = public.key_size
    if not _SMALLEST_RSA <= bits <= _LARGEST_RSA or public.public_numbers().e > _LARGEST_EXPONENT:
        raise Rejected("permerror", f"it has {bits} bits, which is not between {_SMALLEST_RSA} and {_LARGEST_RSA}.")
    return public

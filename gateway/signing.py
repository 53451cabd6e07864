"""Signed, stateless tokens: reply addresses, bounce addresses, Message-IDs.

A token is base32 in lower case without padding, so that it survives programs that change the case of an address:

    key id (1 byte) | handle (16) | generation (2, big endian) | MAC (16)     = 35 bytes = 56 characters

`reply+<token>` has 62 octets, `bounce+<token>` and `canary+<token>` have 63, within the 64 that RFC 5321 §4.5.3.1.1
allows a local part. The MAC is the first half of HMAC-SHA256 under a subkey per purpose (HKDF, RFC 5869), so a token of
one purpose is worth nothing for another. Checking needs no database.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

HANDLE_BYTES = 16
MAC_BYTES = 16
TOKEN_CHARACTERS = 56
SECRET_BYTES = 32


class Purpose(StrEnum):
    """What a subkey is for; the value is the HKDF info."""

    REPLY = "reply"
    BOUNCE = "bounce"
    MESSAGE_ID = "message-id"
    LINK = "link"
    LOOP = "loop"
    CANARY = "canary"
    CASE = "case"
    FILE = "file"
    UNSUBSCRIBE = "unsubscribe"
    KEEP = "keep"
    REOPEN = "reopen"


class Forged(Exception):
    """Not a token that we signed for this purpose."""


class UnknownKey(Exception):
    """Signed with a key id that is not loaded; whether we ever used it is for the caller to know."""

    def __init__(self, key_id: int) -> None:
        super().__init__(f"key id {key_id} is not loaded")
        self.key_id = key_id


@dataclass(frozen=True, slots=True)
class Token:
    """A verified token. handle: 16 random bytes of a participant or an outgoing mail; generation: 0..65535."""

    key_id: int
    handle: bytes
    generation: int


def subkey(secret: bytes, purpose: Purpose) -> bytes:
    """HKDF-SHA256 (RFC 5869) with an empty salt and one block of output: 32 bytes."""
    pseudorandom = hmac.digest(b"\0" * 32, secret, "sha256")
    return hmac.digest(pseudorandom, b"casegate " + purpose.encode() + b"\x01", "sha256")


def fingerprint(secret: bytes) -> str:
    """What the database remembers of a key: enough to notice another key under the same id, nothing to sign with."""
    return hashlib.sha256(b"casegate fingerprint " + secret).hexdigest()[:32]


@dataclass(frozen=True)
class Keyring:
    """The loaded keys by id (0..255); `current` signs, all of them verify. Each secret has at least 32 bytes."""

    secrets: Mapping[int, bytes]
    current: int
    _subkeys: dict[tuple[int, Purpose], bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.current not in self.secrets:
            raise ValueError(f"the current key id {self.current} is not among the loaded keys")
        derived = {(i, p): subkey(secret, p) for i, secret in self.secrets.items() for p in Purpose}
        object.__setattr__(self, "_subkeys", derived)

    def _mac(self, key_id: int, purpose: Purpose, data: bytes) -> bytes:
        return hmac.digest(self._subkeys[key_id, purpose], data, "sha256")[:MAC_BYTES]

    def token(self, purpose: Purpose, handle: bytes, generation: int = 0) -> str:
        """Sign a handle: 56 characters."""
        body = bytes([self.current]) + handle + generation.to_bytes(2, "big")
        return _base32(body + self._mac(self.current, purpose, body))

    def verify(self, purpose: Purpose, text: str) -> Token:
        """Check a token in constant time, whatever the case of its letters. Raises Forged or UnknownKey."""
        if len(text) != TOKEN_CHARACTERS:
            raise Forged
        try:
            raw = base64.b32decode(text.encode("ascii"), casefold=True)
        except (binascii.Error, UnicodeEncodeError) as error:
            raise Forged from error
        body, mac, key_id = raw[:-MAC_BYTES], raw[-MAC_BYTES:], raw[0]
        if key_id not in self.secrets:
            raise UnknownKey(key_id)
        if not hmac.compare_digest(mac, self._mac(key_id, purpose, body)):
            raise Forged
        return Token(key_id, body[1 : 1 + HANDLE_BYTES], int.from_bytes(body[-2:], "big"))

    def message_id(self, mail_handle: bytes, participant_handle: bytes, domain: str) -> str:
        """A Message-ID (without angle brackets) bound to the participant it is sent to (HARDENING rule 5)."""
        body = bytes([self.current]) + mail_handle
        mac = self._mac(self.current, Purpose.MESSAGE_ID, body + participant_handle)
        return f"{_base32(body + mac)}@{domain}"

    def is_message_id_for(self, message_id: str, participant_handle: bytes) -> bool:
        """Whether we made this Message-ID for a mail to that participant. Never raises."""
        text = message_id.partition("@")[0]
        try:
            raw = base64.b32decode((text + "=" * (-len(text) % 8)).encode("ascii"), casefold=True)
        except (binascii.Error, UnicodeEncodeError):
            return False
        if len(raw) != 1 + HANDLE_BYTES + MAC_BYTES or raw[0] not in self.secrets:
            return False
        body, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
        return hmac.compare_digest(mac, self._mac(raw[0], Purpose.MESSAGE_ID, body + participant_handle))

    def loop_header(self) -> str:
        """The value of the loop header that every outgoing mail carries (HARDENING rule 24)."""
        return _base32(self._mac(self.current, Purpose.LOOP, b""))

    def loop_headers(self) -> frozenset[str]:
        """Every loop header value that marks a mail as ours, whichever key was current."""
        return frozenset(_base32(self._mac(key_id, Purpose.LOOP, b"")) for key_id in self.secrets)


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode("ascii").rstrip("=").lower()

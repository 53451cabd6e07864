"""Secrets under a passphrase: a key by scrypt (RFC 7914), the content by ChaCha20-Poly1305 (RFC 8439).

    magic (8 bytes) | salt (16) | nonce (12) | ciphertext and tag

The first three are authenticated with the content. What scrypt costs belongs to the magic: other costs, another magic.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

_MAGIC = b"CGKEYS1\n"
_SALT, _NONCE = 16, 12
_COST = 2**16  # with blocks of 1 KiB: 64 MiB and a fifth of a second for each guess


class CannotOpen(Exception):
    """Another passphrase, or another content than was locked."""


def lock(content: bytes, passphrase: str) -> bytes:
    """Encrypt some bytes."""
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    head = _MAGIC + salt + nonce
    return head + ChaCha20Poly1305(_key(passphrase, salt)).encrypt(nonce, content, head)


def unlock(box: bytes, passphrase: str) -> bytes:
    """What was locked. Raises CannotOpen."""
    head = box[: len(_MAGIC) + _SALT + _NONCE]
    salt, nonce = head[len(_MAGIC) : len(_MAGIC) + _SALT], head[len(_MAGIC) + _SALT :]
    if not box.startswith(_MAGIC) or len(nonce) != _NONCE:
        raise CannotOpen
    try:
        return ChaCha20Poly1305(_key(passphrase, salt)).decrypt(nonce, box[len(head) :], head)
    except InvalidTag as error:
        raise CannotOpen from error


def _key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=_COST, r=8, p=1).derive(passphrase.encode())

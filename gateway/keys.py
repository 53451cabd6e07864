"""Where signing keys and hook secrets come from: the settings, else files in `data_dir` (HARDENING rule 1).

Only `run` on a database that made no reply address yet makes secrets. The database keeps a fingerprint of every key id
ever used: a key that is missing or differs stops the start, since every reply address signed with it would bounce.
"""

import base64
import hmac
import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.config import Config
from gateway.errors import Invalid, Problem
from gateway.evidence.seal import Seal, new_seal, read_seal
from gateway.signing import SECRET_BYTES, Keyring, fingerprint
from store import audit, credentials, evidence
from store.database import Database
from store.files import sync_folder

_KEYS_FILE = "token_keys"
_HOOKS_FILE = "hook_secret"
_EVIDENCE_FILE = "evidence_key"
_ERASURE_FILE = "erasure_key"


@dataclass(frozen=True)
class Secrets:
    """What this process signs and verifies with. known_key_ids: every key id that this installation ever used."""

    keyring: Keyring
    known_key_ids: frozenset[int]
    hook_secrets: tuple[str, ...]


def load(config: Config, database: Database | None, *, may_make: bool, now: datetime) -> Secrets:
    """Load the secrets. Raises Invalid with what to do.

    database: where new keys are noted; None only looks, so that a key can be corrected before it was ever used.
    may_make: this is `run`.
    """
    folder = config.gateway.data_dir / "secrets"
    used = credentials.has_participants() or bool(credentials.key_fingerprints())
    make = may_make and not used
    key_lines = tuple(key.get_secret_value() for key in config.tokens.keys) or _lines(folder / _KEYS_FILE)
    if not key_lines:
        key_lines = _made(
            make,
            folder / _KEYS_FILE,
            "1:" + base64.b64encode(os.urandom(SECRET_BYTES)).decode(),
            "tokens.keys",
            "there is no key to sign reply addresses with, "
            + ("but this database was used with one: restore it" if used else "start `casegate run` once, or set one")
            + " here or in",
        )
    hook_secrets = tuple(secret.get_secret_value() for secret in config.hooks.secrets) or _lines(folder / _HOOKS_FILE)
    if not hook_secrets:
        hook_secrets = _made(
            make,
            folder / _HOOKS_FILE,
            "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
            "hooks.secrets",
            "there is no secret to check hook calls with: set it here or in",
        )
    loaded = _parsed(key_lines)
    known = _check(loaded)
    new = loaded.keys() - known
    if new and database is not None:
        database.write(lambda: credentials.remember_keys({i: fingerprint(loaded[i]) for i in new}, now))
    return Secrets(Keyring(loaded, current=list(loaded)[-1]), frozenset(loaded.keys() | known), hook_secrets)


def seal(config: Config, database: Database, now: datetime, *, anew: bool = False) -> Seal:
    """The key that signs evidence; the first who needs it makes it. Raises Invalid when it is lost.

    Not `run` alone: no mail depends on it, and an installation may be older than evidence is. But one that was there
    before is not replaced in silence, since whoever knows the old one would take what the new one signs for forged.
    anew: make another one, whatever there was.
    """
    path = config.gateway.data_dir / "secrets" / _EVIDENCE_FILE

    def job() -> Seal:
        """In the writer, of which there is one: two that come at once get one key."""
        if path.exists() and not anew:
            return read_seal(path.read_bytes(), str(path))
        if (known := evidence.last_key()) and not anew:
            text = f"the key {known} is not here, with which evidence was signed: restore it"
            raise Invalid((Problem(str(path), f"{text}, or begin anew with `casegate evidence key --new`"),))
        made = new_seal()
        _write(path, made.pem())
        audit.record(audit.OPERATOR, evidence.KEY_MADE, now, subject=made.public.fingerprint)
        return made

    return database.write(job)


class ErasureKey:
    """The key of the digests of erased people (HARDENING rule 25). The first erasure makes it; it signs no address.

    Without it nothing is lost but that an erased person's reply address is told from one that never was.
    """

    def __init__(self, config: Config) -> None:
        self._path = config.gateway.data_dir / "secrets" / _ERASURE_FILE
        self._key: bytes | None = None

    def digest(self, kind: str, value: bytes) -> str:
        """HMAC-SHA256 in hex, of what is of one kind. Makes the key when there is none; in the writer only."""
        return _hmac(self._find() or self._make(), kind, value)

    def digest_if_made(self, kind: str, value: bytes) -> str | None:
        """The same, None while there is no key: then nobody was ever erased."""
        key = self._find()
        return None if key is None else _hmac(key, kind, value)

    def _find(self) -> bytes | None:
        """Another process may have made it since the last look."""
        if self._key is None and self._path.exists():
            self._key = bytes.fromhex(self._path.read_text().strip())
        return self._key

    def _make(self) -> bytes:
        self._key = os.urandom(SECRET_BYTES)
        _write(self._path, self._key.hex() + "\n")
        return self._key


def _hmac(key: bytes, kind: str, value: bytes) -> str:
    return hmac.digest(key, f"{kind}\0".encode() + value, "sha256").hex()


def _parsed(lines: tuple[str, ...]) -> dict[int, bytes]:
    """The keys of lines `id:base64`, in their order. Raises Invalid, which names places and never shows a key."""
    loaded: dict[int, bytes] = {}
    problems = []
    for place, line in enumerate(lines, 1):
        key_id, _, encoded = line.partition(":")
        try:
            number, secret = int(key_id), base64.b64decode(encoded, validate=True)
        except ValueError:
            number, secret = -1, b""
        if not 0 <= number <= 255 or len(secret) < SECRET_BYTES:
            text = f"key {place} is not id:base64, an id from 0 to 255 and at least {SECRET_BYTES} bytes"
            problems.append(Problem("tokens.keys", text))
        elif number in loaded:
            problems.append(Problem("tokens.keys", f"key id {number} stands there twice; give each key its own id"))
        else:
            loaded[number] = secret
    if problems:
        raise Invalid(tuple(problems))
    return loaded


def _check(loaded: dict[int, bytes]) -> frozenset[int]:
    """The key ids that the database knows. Raises Invalid when one is missing or another key stands under its id."""
    problems = []
    known = credentials.key_fingerprints()
    for key_id, mark in known.items():
        if key_id not in loaded:
            problems.append(Problem("tokens.keys", f"key {key_id} is missing, but mails were sent with it: restore it"))
        elif fingerprint(loaded[key_id]) != mark:
            problems.append(
                Problem(
                    "tokens.keys",
                    f"key {key_id} is another one than mails were sent with: restore it, or give the new key a new id",
                )
            )
    if problems:
        raise Invalid(tuple(problems))
    return frozenset(known)


def _made(make: bool, path: Path, line: str, field: str, trouble: str) -> tuple[str, ...]:
    """A new secret, kept in a file that only we can read; or Invalid when none may be made."""
    if not make:
        raise Invalid((Problem(field, f"{trouble} {path}"),))
    _write(path, line + "\n")
    return (line,)


def _write(path: Path, text: str) -> None:
    """Keep a secret in a file that only we can read."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_suffix(".new")  # a crash must not leave half a secret under the name that the next start reads
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
    for folder in (path.parent, path.parent.parent):
        sync_folder(folder)  # the addresses that the key signs will outlive a power cut, too


def _lines(path: Path) -> tuple[str, ...]:
    if not path.exists():
        return ()
    return tuple(line.strip() for line in path.read_text().splitlines() if line.strip())

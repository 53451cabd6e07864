"""The checking of evidence by whoever has received it, with nothing but the file, and the key that we publish."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from gateway.errors import Invalid, Problem
from gateway.evidence import archive
from gateway.evidence.archive import Member
from gateway.evidence.manifest import FORMAT, MANIFEST, SIGNATURE, spelled
from gateway.evidence.seal import ALGORITHM, SIGNATURE_BYTES, PublicKey, read_public

_MANIFEST_BYTES = 16 << 20  # twice what the largest archive needs
_TOLD = 20  # problems


@dataclass(frozen=True, slots=True)
class Genuine:
    """What evidence says that is whole. key: that of its signature. manifest: as it was signed."""

    key: PublicKey
    manifest: dict[str, Any]


def verify(file: BinaryIO, key: PublicKey | None) -> Genuine:
    """Check the signature and every byte. key: whose signature it must be; None for that of whoever made it.

    Raises Invalid with what is wrong. Takes memory for the manifest, and a piece of one file.
    """
    members = archive.read(file)
    if [member.name for member in members[-2:]] != [MANIFEST, SIGNATURE]:
        raise _wrong(f"it does not end with {MANIFEST} and {SIGNATURE}")
    *others, manifest, signature = members
    if manifest.size > _MANIFEST_BYTES:
        raise _wrong("it is longer than any of ours", MANIFEST)
    if signature.size != SIGNATURE_BYTES:
        raise _wrong(f"a signature has {SIGNATURE_BYTES} bytes", SIGNATURE)
    signed = _whole(file, manifest)
    facts = _read(signed)
    inside = _key(facts)
    if key is not None and key != inside:
        text = f"it names the key {inside.fingerprint}, and the key to check with is {key.fingerprint}"
        raise _wrong(text, MANIFEST)
    if not inside.has_signed(signed, _whole(file, signature)):
        raise _wrong(f"the signature is not of the key {inside.fingerprint}, or {MANIFEST} was changed", SIGNATURE)
    if problems := [*_differences(file, facts, others)]:
        raise Invalid(tuple(problems[:_TOLD]))
    return Genuine(inside, facts)


def _whole(file: BinaryIO, member: Member) -> bytes:
    return b"".join(archive.content(file, member))


def _read(signed: bytes) -> dict[str, Any]:
    """The manifest. Raises Invalid, also for another spelling of the same values: a name may stand there once."""
    try:
        facts = json.loads(signed)
        usual = spelled(facts)
    except (ValueError, RecursionError) as error:
        raise _wrong("it is no JSON", MANIFEST) from error
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise _wrong(f"it is not in the format {FORMAT}", MANIFEST)
    if usual != signed:
        raise _wrong("it is not written as ours are", MANIFEST)
    return facts


def _key(facts: dict[str, Any]) -> PublicKey:
    key = facts.get("key")
    if not isinstance(key, dict) or key.get("algorithm") != ALGORITHM or not isinstance(key.get("public"), str):
        raise _wrong("it names no key", MANIFEST)
    return read_public(key["public"], MANIFEST)


def _differences(file: BinaryIO, facts: dict[str, Any], members: Sequence[Member]) -> list[Problem]:
    """Where the files are not those of the manifest."""
    listed = _listed(facts)
    given = {member.name: member for member in members}
    problems = [Problem(name, "it is in the manifest and not in the archive") for name in listed if name not in given]
    for name, member in given.items():
        if name not in listed:
            problems.append(Problem(name, "it is in the archive and not in the manifest"))
            continue
        size, sha256 = listed[name]
        if member.size != size:
            problems.append(Problem(name, f"it has {member.size:,} bytes, and was signed with {size:,}"))
            continue
        digest = hashlib.sha256()
        for chunk in archive.content(file, member):
            digest.update(chunk)
        if digest.hexdigest() != sha256:
            problems.append(Problem(name, "its bytes are not those that were signed"))
    return problems


def _listed(facts: dict[str, Any]) -> dict[str, tuple[int, str]]:
    """Size and hash of each file by its name. Raises Invalid."""
    listed: dict[str, tuple[int, str]] = {}
    files = facts.get("files")
    for one in files if isinstance(files, list) else [None]:
        match one:
            case {"name": str(name), "size": int(size), "sha256": str(sha256)} if name not in listed:
                listed[name] = (size, sha256)
            case _:
                raise _wrong("its list of files cannot be read", MANIFEST)
    return listed


def _wrong(text: str, name: str = "") -> Invalid:
    return Invalid((Problem(name, text),))

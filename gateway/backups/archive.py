"""The archive of a backup: a folder or a tar file, with the same members and a list of them at its end.

    casegate.db      the rows, as they were at one moment
    files/raw/…      mails as they came in, as far as those rows name them
    files/content/…  the files of messages, likewise
    ledger.jsonl     what must stay undone (`store.ledger`)
    keys             what stands in the folders of keys, encrypted (`lockbox`); may be missing
    manifest.jsonl   a line about the whole, then one for each member: its name, its size in bytes, its SHA-256

`unpack` believes nothing that it has not compared with the list.
"""

import hashlib
import json
import os
import re
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol

from gateway.errors import Invalid, Problem
from store.files import Room, sync_folder

ROWS, LEDGER, KEYS, MANIFEST = "casegate.db", "ledger.jsonl", "keys", "manifest.jsonl"
FORMAT = 1
_CHUNK = 1024 * 1024
_SHOWN = 3  # names in a message
#: Nothing else is written when a backup is unpacked: no name leads out of the folder.
_NAME = re.compile(rf"{ROWS}|{LEDGER}|{KEYS}|files/({'|'.join(Room)})/\w{{2}}/\w[\w.-]*", re.ASCII)


def name_of(room: Room, name: str) -> str:
    """The member that a file of a room is."""
    return f"files/{room}/{name[:2]}/{name}"


@dataclass(frozen=True, slots=True)
class Member:
    """A line of the list. size: in bytes. sha256: in hex."""

    size: int
    sha256: str


class _Hashed:
    """Reads a file, and knows afterwards what it was."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._size = 0

    def read(self, size: int = _CHUNK) -> bytes:
        """As that of the file."""
        data = self._file.read(size)
        self._hash.update(data)
        self._size += len(data)
        return data

    def chunks(self) -> Iterator[bytes]:
        """All of it."""
        while data := self.read():
            yield data

    @property
    def member(self) -> Member:
        """Of what was read."""
        return Member(self._size, self._hash.hexdigest())


# ---- making one -----------------------------------------------------------------------------------------------------


class Target(Protocol):
    """Where members go."""

    def add(self, name: str, path: Path) -> Member:
        """Copy a file that nobody changes. Raises FileNotFoundError."""

    def add_bytes(self, name: str, data: bytes) -> Member:
        """The same, from memory."""

    def close(self) -> None:
        """All of it is synced."""


class Writing:
    """An archive that is being made."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.members: dict[str, Member] = {}

    def add(self, name: str, path: Path) -> None:
        """Copy a file that nobody changes. Raises FileNotFoundError."""
        self.members[name] = self._target.add(name, path)

    def add_bytes(self, name: str, data: bytes) -> None:
        """The same, from memory."""
        self.members[name] = self._target.add_bytes(name, data)

    def finish(self, about: Mapping[str, object]) -> None:
        """Add the list. about: what is to be known of the whole."""
        lines = [json.dumps({"format": FORMAT, "members": len(self.members), **about})]
        lines += [
            json.dumps({"name": name, "size": one.size, "sha256": one.sha256}) for name, one in self.members.items()
        ]
        self._target.add_bytes(MANIFEST, ("\n".join(lines) + "\n").encode())
        self._target.close()


@contextmanager
def writing(path: Path, *, tar: bool) -> Iterator[Writing]:
    """Make an archive at a path where nothing is. It counts once it is finished. Raises OSError."""
    if not tar:
        yield Writing(_Folder(path))
        return
    with path.open("xb") as file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tape:
        yield Writing(_Tar(tape, file))


class _Folder:
    """On the disk of the original a member is the same file under another name: what is kept is never changed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(mode=0o700)

    def add(self, name: str, path: Path) -> Member:
        place = self._place(name)
        with path.open("rb") as file:
            original = _Hashed(file)
            try:
                os.link(path, place)
            except FileNotFoundError:
                raise
            except OSError:  # another disk, or one that knows no links
                _write_synced(place, original)
            else:
                for _ in original.chunks():
                    pass
            return original.member

    def add_bytes(self, name: str, data: bytes) -> Member:
        original = _Hashed(BytesIO(data))
        _write_synced(self._place(name), original)
        return original.member

    def close(self) -> None:
        for folder, _, _ in os.walk(self._root):
            sync_folder(Path(folder))

    def _place(self, name: str) -> Path:
        place = self._root / name
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return place


class _Tar:
    def __init__(self, tape: tarfile.TarFile, file: BinaryIO) -> None:
        self._tape = tape
        self._file = file

    def add(self, name: str, path: Path) -> Member:
        with path.open("rb") as file:
            return self._add(name, file, os.fstat(file.fileno()).st_size)

    def add_bytes(self, name: str, data: bytes) -> Member:
        return self._add(name, BytesIO(data), len(data))

    def _add(self, name: str, file: BinaryIO, size: int) -> Member:
        info, original = tarfile.TarInfo(name), _Hashed(file)
        info.size, info.mode = size, 0o600
        self._tape.addfile(info, original)
        return original.member

    def close(self) -> None:
        self._tape.close()
        self._file.flush()
        os.fsync(self._file.fileno())


def _write_synced(path: Path, original: _Hashed) -> None:
    with path.open("xb") as copy:
        for data in original.chunks():
            copy.write(data)
        copy.flush()
        os.fsync(copy.fileno())


# ---- reading one ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Manifest:
    """The list. about: as it was given to `Writing.finish`."""

    about: Mapping[str, object]
    members: Mapping[str, Member]


def unpack(source: Path, folder: Path) -> Manifest:
    """Write all members of an archive below a folder that is there, and compare them with the list.

    Raises Invalid when it is no backup, or not a whole one; what is in the folder then is worth nothing.
    """
    found: dict[str, Member] = {}
    manifest = b""
    try:
        for name, file in _members(source):
            if name == MANIFEST:
                manifest = file.read()
            elif _NAME.fullmatch(name):
                found[name] = _unpack(file, folder / name)
            else:
                raise _bad(f"{source} is no backup of Casegate: it has a member {name[:100]!r}")
    except (tarfile.TarError, EOFError) as error:
        raise _bad(f"{source} cannot be read, it is damaged or no tar file: {error}") from error
    listed = _read(manifest, source)
    _compare(listed.members, found, source)
    return listed


def _members(source: Path) -> Iterator[tuple[str, BinaryIO]]:
    if source.is_dir():
        for path in source.rglob("*"):
            if not path.is_dir():
                with path.open("rb") as file:
                    yield path.relative_to(source).as_posix(), file
        return
    with tarfile.open(source, "r:") as tape:
        for info in tape:
            content = tape.extractfile(info) if info.isreg() else None
            if content is None:
                raise _bad(f"{source} is no backup of Casegate: {info.name[:100]!r} in it is no file")
            with content:
                yield info.name, content  # type: ignore[misc]  # all that is asked of it is to read


def _unpack(file: BinaryIO, place: Path) -> Member:
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    original = _Hashed(file)
    with place.open("xb") as copy:
        shutil.copyfileobj(original, copy, _CHUNK)
    return original.member


def _read(manifest: bytes, source: Path) -> Manifest:
    if not manifest:
        raise _bad(f"{source} is not a whole backup: it ends before the list of what should be in it")
    try:
        head, *lines = map(json.loads, manifest.splitlines())
        members = {line["name"]: Member(line["size"], line["sha256"]) for line in lines}
        number, count = head.pop("format"), head.pop("members")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _bad(f"{source} is damaged: the list of its members cannot be read") from error
    if number != FORMAT:
        raise _bad(f"{source} was made by another version of Casegate: its format is {number}, this one reads {FORMAT}")
    if len(members) != count:
        raise _bad(f"{source} is damaged: the list of its members is not whole")
    return Manifest(head, members)


def _compare(listed: Mapping[str, Member], found: Mapping[str, Member], source: Path) -> None:
    wrong = [f"{name} is missing" for name in listed if name not in found]
    wrong += [f"{name} is not in its list" for name in found if name not in listed]
    wrong += [f"{name} has changed" for name, one in listed.items() if name in found and found[name] != one]
    if ROWS not in listed:
        wrong.append(f"{ROWS} is missing")
    if wrong:
        more = f", and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise _bad(f"{source} is damaged, nothing was restored: {', '.join(wrong[:_SHOWN])}{more}")


def _bad(text: str) -> Invalid:
    return Invalid((Problem("FROM", text),))

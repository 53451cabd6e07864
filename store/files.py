"""Bytes on disk, synced before a row names them: raw mails each in a file of its own, attachments shared.

A file is written once, under a name that never was before; it counts when a row names it, and not earlier.
"""

import hashlib
import os
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from gateway.errors import NotFound, StoreUnavailable
from store import stored_files
from store.database import Database


class Room(StrEnum):
    """A folder of files; within it, they stand on shelves named after the first two characters of their names."""

    RAW = "raw"
    CONTENT = "content"


class Files:
    """A folder with a room for raw mails and one for shared content. All methods block; OSError goes to the caller."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def open(self) -> None:
        """Make the folders, as private as mail is."""
        for room in Room:
            (self.root / room).mkdir(parents=True, exist_ok=True, mode=0o700)

    def write_raw(self, name: str, data: bytes) -> str:
        """Keep a raw mail. Returns its name. A mail is never shared: FileExistsError when the name is not new."""
        _write_synced(self._path(Room.RAW, name), data)
        return name

    def read_raw(self, name: str) -> bytes:
        """The bytes of a raw mail. Raises NotFound for "", which stands in the row when they were removed."""
        if not name:
            raise NotFound("The bytes of this mail were removed: it was kept longer ago than files.retention_days")
        return self._path(Room.RAW, name).read_bytes()

    def keep(self, contents: Sequence[bytes], database: Database, now: datetime) -> tuple[str, ...]:
        """Keep attachments, equal bytes once however often they come. Returns their SHA-256s (hex), in order.

        They stay for a day, and as long as messages refer to them. Raises StoreUnavailable. Not within a write job.
        """
        digests = tuple(hashlib.sha256(data).hexdigest() for data in contents)
        new = {
            digest: data
            for digest, data in dict(zip(digests, contents, strict=True)).items()
            if not stored_files.stands(digest)
        }
        if new:
            names = {digest: self._write_content(digest, data) for digest, data in new.items()}
            # Not synced: whatever refers to these rows commits after them, and stands or falls with them.
            database.write(lambda: self._note(names, now), durable=False)
        return digests

    def read(self, digest: str) -> bytes:
        """The bytes of an attachment. Raises FileNotFoundError when they are not kept."""
        return self.place_of(digest).read_bytes()

    def place_of(self, digest: str) -> Path:
        """Where the bytes of an attachment stand. Raises FileNotFoundError when they are not kept."""
        name = stored_files.name_of(digest)
        if name is None:
            raise FileNotFoundError(f"no content is kept under {digest}")
        return self._path(Room.CONTENT, name)

    def free_space(self) -> int:
        """Bytes that are free on this disk."""
        return shutil.disk_usage(self.root).free

    def _write_content(self, digest: str, data: bytes) -> str:
        name = f"{digest}-{os.urandom(8).hex()}"
        _write_synced(self._path(Room.CONTENT, name), data)
        return name

    def _note(self, names: dict[str, str], now: datetime) -> None:
        """Tell where new bytes stand. Runs in the writer, as the sweep does that removes what no row names."""
        for digest, name in names.items():
            if not self._path(Room.CONTENT, name).exists():
                raise StoreUnavailable("The files took too long to be kept; please try again")
            stored_files.note(digest, name, now)

    def _path(self, room: Room, name: str) -> Path:
        return self.root / room / name[:2] / name

    # For the sweep

    def names(self, room: Room, shelf: str) -> list[str]:
        """The names of all that stands on a shelf."""
        folder = self.root / room / shelf
        return [path.name for path in folder.iterdir()] if folder.exists() else []

    def written_at(self, room: Room, shelf: str, name: str) -> datetime | None:
        """When a file was written, by the clock of the disk; None when another sweep has removed it."""
        try:
            return _modified(self.root / room / shelf / name)
        except FileNotFoundError:
            return None

    def disk_clock(self) -> datetime:
        """Now, as the disk stamps files; it need not be our clock, and their times compare with no other."""
        os.utime(self.root)
        return _modified(self.root)

    def remove(self, room: Room, shelf: str, name: str) -> None:
        """Remove a file that no row names, if it is there."""
        (self.root / room / shelf / name).unlink(missing_ok=True)


def _modified(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _write_synced(path: Path, data: bytes) -> None:
    """Write a new file, sync it and its folder: after this the bytes survive a power cut."""
    folder = path.parent
    if not folder.exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(folder)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """After this the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

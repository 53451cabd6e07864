"""Bytes on disk, synced before a row names them: raw mails one by one, attachments once under their SHA-256."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path


class Files:
    """A folder with `raw/` and `content/`. All methods block; OSError goes to the caller."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def open(self) -> None:
        """Make the folders, as private as mail is."""
        for name in ("raw", "content"):
            (self.root / name).mkdir(parents=True, exist_ok=True, mode=0o700)

    def write_raw(self, name: str, data: bytes) -> str:
        """Keep a raw mail. Returns its name below `raw/`. A mail is never shared, so the name must be new."""
        shelf = self.root / "raw" / name[:2]
        _write_synced(shelf, name, data)
        return name

    def read_raw(self, name: str) -> bytes:
        """The bytes of a raw mail."""
        return (self.root / "raw" / name[:2] / name).read_bytes()

    def put(self, data: bytes) -> str:
        """Keep an attachment. Returns its SHA-256 (hex), under which it stands once however often it is kept."""
        digest = hashlib.sha256(data).hexdigest()
        path = self._content(digest)
        if not path.exists():
            _write_synced(path.parent, digest, data)
        return digest

    def read(self, digest: str) -> bytes:
        """The bytes of an attachment."""
        return self._content(digest).read_bytes()

    def free_space(self) -> int:
        """Bytes that are free on this disk."""
        return shutil.disk_usage(self.root).free

    def _content(self, digest: str) -> Path:
        return self.root / "content" / digest[:2] / digest


def _write_synced(folder: Path, name: str, data: bytes) -> None:
    """Write, sync the file, rename it into place, sync the folder: after this the bytes survive a power cut."""
    if not folder.exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync_folder(folder.parent)
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).rename(folder / name)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

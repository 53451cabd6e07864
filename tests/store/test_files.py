"""Bytes on disk: synced before anybody hears of them, under a name at once or not at all."""

import errno
import hashlib
import os
import stat
from pathlib import Path

import pytest

from store.files import Files

DATA = b"From: ada@example.org\r\n\r\n\0\xff" * 1_000


@pytest.fixture
def files(tmp_path: Path) -> Files:
    files = Files(tmp_path / "files")
    files.open()
    return files


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done to the disk that a power cut could undo, in order."""
    done: list[str] = []
    real_sync, real_rename, real_mkdir = os.fsync, Path.rename, Path.mkdir

    def fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        done.append(f"sync {'file' if path.is_file() else path.name}")
        real_sync(descriptor)

    def rename(self: Path, target: Path) -> Path:
        done.append("rename")
        return real_rename(self, target)

    def mkdir(self: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        done.append("mkdir")
        real_mkdir(self, mode, parents, exist_ok)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    monkeypatch.setattr(Path, "mkdir", mkdir)
    return done


def everything(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def test_raw_mail_comes_back_as_it_was(files: Files) -> None:
    name = files.write_raw("abcdef.eml", DATA)
    assert files.read_raw(name) == DATA


def test_content_stands_once_under_its_hash(files: Files) -> None:
    digest = files.put(DATA)
    assert digest == hashlib.sha256(DATA).hexdigest()
    assert files.put(DATA) == digest
    assert files.put(b"other") != digest
    assert files.read(digest) == DATA
    assert len(everything(files.root)) == 2


def test_opening_again_keeps_what_is_there(files: Files) -> None:
    digest = files.put(DATA)
    Files(files.root).open()
    assert files.read(digest) == DATA


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="tells files apart through /proc")
def test_file_and_folders_are_synced_around_the_rename(files: Files, steps: list[str]) -> None:
    """HARDENING rule 2: the name appears only over synced bytes, and is itself synced before the caller hears of it."""
    files.write_raw("abcdef.eml", DATA)
    assert steps == ["mkdir", "sync raw", "sync file", "rename", "sync ab"]
    steps.clear()
    files.write_raw("abc123.eml", DATA)
    assert steps == ["sync file", "rename", "sync ab"]


def test_only_we_can_read_mail(files: Files) -> None:
    name = files.write_raw("abcdef.eml", DATA)
    digest = files.put(DATA)
    for path in (files.root / "raw" / "ab" / name, files.root / "content" / digest[:2] / digest):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("broken", ["fsync", "rename"])
def test_a_failing_disk_leaves_nothing_half_kept(files: Files, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    def fail(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if broken == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    else:
        monkeypatch.setattr(Path, "rename", fail)
    (files.root / "raw" / "ab").mkdir()
    (files.root / "content" / hashlib.sha256(DATA).hexdigest()[:2]).mkdir()
    with pytest.raises(OSError, match="No space left"):
        files.write_raw("abcdef.eml", DATA)
    with pytest.raises(OSError, match="No space left"):
        files.put(DATA)
    assert everything(files.root) == []
    monkeypatch.undo()
    assert files.read(files.put(DATA)) == DATA


def test_a_missing_file_is_the_callers_trouble(files: Files) -> None:
    with pytest.raises(FileNotFoundError):
        files.read_raw("abcdef.eml")
    with pytest.raises(FileNotFoundError):
        files.read("0" * 64)


def test_free_space_is_that_of_the_disk_of_the_files(files: Files) -> None:
    assert 0 < files.free_space() <= os.statvfs(files.root).f_blocks * os.statvfs(files.root).f_frsize

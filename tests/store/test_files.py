"""Bytes on disk: synced before anybody hears of them, each raw mail by itself, equal attachments once."""

import errno
import hashlib
import os
import stat
from datetime import datetime
from pathlib import Path

import pytest

from gateway.errors import NotFound
from store import stored_files
from store.database import Database, sql
from store.files import Files
from tests.store.conftest import NOW, after

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
    real_sync, real_mkdir = os.fsync, Path.mkdir

    def fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        done.append(f"sync {'file' if path.is_file() else path.name}")
        real_sync(descriptor)

    def mkdir(self: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        done.append("mkdir")
        real_mkdir(self, mode, parents, exist_ok)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "mkdir", mkdir)
    return done


def everything(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


# Raw mail


def test_raw_mail_comes_back_as_it_was(files: Files) -> None:
    name = files.write_raw("abcdef.eml", DATA)
    assert files.read_raw(name) == DATA


def test_raw_mail_is_never_shared(files: Files, database: Database) -> None:
    """HARDENING rule 17: neither a file nor the name of one serves two mails, even if they are equal."""
    one, two = (files.write_raw(name, DATA) for name in ("abcd01.eml", "abcd02.eml"))
    assert len(everything(files.root)) == 2
    with pytest.raises(FileExistsError):
        files.write_raw(one, b"other")
    assert (files.read_raw(one), files.read_raw(two)) == (DATA, DATA)
    (index,) = [row for row in sql("PRAGMA index_list(inbox)") if row[1] == "inbox_raw_file"]
    assert index[2] == 1, "unique"


def test_bytes_that_were_removed_are_told_as_that(files: Files) -> None:
    with pytest.raises(NotFound, match=r"files\.retention_days"):
        files.read_raw("")


# Attachments


def test_content_stands_once_under_its_hash(files: Files, database: Database) -> None:
    digest = hashlib.sha256(DATA).hexdigest()
    assert files.keep([DATA, b"other", DATA], database, NOW) == (digest, hashlib.sha256(b"other").hexdigest(), digest)
    assert files.keep([DATA], database, NOW) == (digest,)
    assert files.read(digest) == DATA
    assert len(everything(files.root)) == 2


def test_a_message_without_files_costs_nothing(
    files: Files, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "write", None)
    assert files.keep([], database, NOW) == ()
    assert everything(files.root) == []


def test_what_is_kept_already_costs_no_transaction_of_its_own(
    files: Files, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    (digest,) = files.keep([DATA], database, NOW)
    monkeypatch.setattr(database, "write", None)
    assert files.keep([DATA], database, after(hours=1)) == (digest,)


def test_opening_again_keeps_what_is_there(files: Files, database: Database) -> None:
    (digest,) = files.keep([DATA], database, NOW)
    again = Files(files.root)
    again.open()
    assert again.read(digest) == DATA


def test_who_meets_a_mark_writes_under_a_new_name(files: Files, database: Database) -> None:
    (digest,) = files.keep([DATA], database, NOW)
    first = stored_files.name_of(digest)
    database.write(lambda: stored_files.mark([digest], after(hours=25)))
    files.keep([DATA], database, after(hours=26))
    assert stored_files.name_of(digest) != first
    assert stored_files.stands(digest)
    assert files.read(digest) == DATA


# Both


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="tells files apart through /proc")
def test_file_and_folders_are_synced(files: Files, steps: list[str]) -> None:
    """HARDENING rule 2: before the caller hears of it, and so before a row names it."""
    files.write_raw("abcdef.eml", DATA)
    assert steps == ["mkdir", "sync raw", "sync file", "sync ab"]
    steps.clear()
    files.write_raw("abc123.eml", DATA)
    assert steps == ["sync file", "sync ab"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="tells files apart through /proc")
def test_content_is_synced_before_its_row(
    files: Files, database: Database, steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = stored_files.note

    def note(digest: str, name: str, now: datetime) -> None:
        steps.append("row")
        real(digest, name, now)

    monkeypatch.setattr(stored_files, "note", note)
    (digest,) = files.keep([DATA], database, NOW)
    assert steps == ["mkdir", "sync content", "sync file", f"sync {digest[:2]}", "row"]


def test_only_we_can_read_mail(files: Files, database: Database) -> None:
    files.write_raw("abcdef.eml", DATA)
    files.keep([DATA], database, NOW)
    paths = everything(files.root)
    assert len(paths) == 2
    for path in paths:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("broken", ["open", "fsync"])
def test_a_failing_disk_leaves_nothing_half_kept(
    files: Files, database: Database, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fail(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for shelf in (files.root / "raw" / "ab", files.root / "content" / hashlib.sha256(DATA).hexdigest()[:2]):
        shelf.mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(os, broken, fail)
        with pytest.raises(OSError, match="No space left"):
            files.write_raw("abcdef.eml", DATA)
        with pytest.raises(OSError, match="No space left"):
            files.keep([DATA], database, NOW)
    assert everything(files.root) == []
    (digest,) = files.keep([DATA], database, NOW)
    assert files.read(digest) == DATA


def test_a_missing_file_is_the_callers_trouble(files: Files, database: Database) -> None:
    with pytest.raises(FileNotFoundError):
        files.read_raw("abcdef.eml")
    with pytest.raises(FileNotFoundError):
        files.read("0" * 64)


def test_free_space_is_that_of_the_disk_of_the_files(files: Files) -> None:
    assert 0 < files.free_space() <= os.statvfs(files.root).f_blocks * os.statvfs(files.root).f_frsize

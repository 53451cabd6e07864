"""An archive is believed only as far as its list agrees: every way in which one can be damaged."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.backups.archive import KEYS, MANIFEST, ROWS, unpack, writing
from gateway.errors import Invalid

RAW = "files/raw/ab/abcd.eml"
CONTENT = {ROWS: b"rows " * 5_000, RAW: b"a mail", KEYS: b"\0locked"}
both_forms = pytest.mark.parametrize("tar", [False, True], ids=["folder", "tar"])


def make(folder: Path, *, tar: bool) -> Path:
    """An archive of CONTENT."""
    path = folder / ("archive.tar" if tar else "archive")
    with writing(path, tar=tar) as archive:
        for number, (name, data) in enumerate(CONTENT.items()):
            if number % 2:
                archive.add_bytes(name, data)
            else:
                original = folder / f"original{number}"
                original.write_bytes(data)
                archive.add(name, original)
        archive.finish({"madeAt": "2026-05-04T09:30:00+00:00"})
    return path


def unpacked(path: Path, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    unpack(path, folder)
    return {one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


@both_forms
def test_what_went_in_comes_out(tmp_path: Path, tar: bool) -> None:
    path = make(tmp_path, tar=tar)
    assert unpacked(path, tmp_path / "out") == CONTENT


@both_forms
def test_members_are_for_their_owner_alone(tmp_path: Path, tar: bool) -> None:
    path = make(tmp_path, tar=tar)
    if tar:
        with tarfile.open(path) as tape:
            assert {info.mode for info in tape} == {0o600}
    else:
        assert path.stat().st_mode & 0o077 == 0


def test_a_folder_takes_no_room_for_files_that_it_can_share(tmp_path: Path) -> None:
    path = make(tmp_path, tar=False)
    assert (path / ROWS).samefile(tmp_path / "original0")


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    for tar in (False, True):
        with writing(tmp_path / f"archive{tar}", tar=tar) as archive, pytest.raises(FileNotFoundError):
            archive.add(RAW, tmp_path / "nothing")


def change(path: Path) -> None:
    (path / RAW).write_bytes(b"a nail")


def shorten(path: Path) -> None:
    (path / ROWS).write_bytes(CONTENT[ROWS][:-1])


def remove(path: Path) -> None:
    (path / RAW).unlink()


def add(path: Path) -> None:
    (path / "files/raw/ab/ef.eml").write_bytes(b"")


def add_strange(path: Path) -> None:
    (path / "bin").mkdir()
    (path / "bin/sh").write_bytes(b"")


def lose_list(path: Path) -> None:
    (path / MANIFEST).unlink()


def cut_list(path: Path) -> None:
    lines = (path / MANIFEST).read_bytes().splitlines(keepends=True)
    (path / MANIFEST).write_bytes(b"".join(lines[:-1]))


def break_list(path: Path) -> None:
    (path / MANIFEST).write_bytes((path / MANIFEST).read_bytes()[:-9])


def future(path: Path) -> None:
    lines = (path / MANIFEST).read_text().splitlines()
    lines[0] = json.dumps(json.loads(lines[0]) | {"format": 2})
    (path / MANIFEST).write_text("\n".join(lines))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (change, f"{RAW} has changed"),
        (shorten, f"{ROWS} has changed"),
        (remove, f"{RAW} is missing"),
        (add, "files/raw/ab/ef.eml is not in its list"),
        (add_strange, "is no backup of Casegate: it has a member 'bin/sh'"),
        (lose_list, "is not a whole backup"),
        (cut_list, "the list of its members is not whole"),
        (break_list, "the list of its members cannot be read"),
        (future, "made by another version of Casegate: its format is 2"),
    ],
)
def test_a_damaged_folder(tmp_path: Path, damage: Callable[[Path], None], words: str) -> None:
    path = make(tmp_path, tar=False)
    damage(path)
    with pytest.raises(Invalid, match="FROM: ") as caught:
        unpacked(path, tmp_path / "out")
    assert words in caught.value.text


def test_a_tar_file_that_ends_anywhere_is_not_restored(tmp_path: Path) -> None:
    whole = make(tmp_path, tar=True).read_bytes()
    for number, length in enumerate(range(0, len(whole) - 10_240, 1_777)):  # what follows is the end of the tape
        path = tmp_path / f"cut{number}.tar"
        path.write_bytes(whole[:length])
        with pytest.raises(Invalid):
            unpacked(path, tmp_path / f"out{number}")


def test_a_tar_file_with_a_changed_byte_is_not_restored(tmp_path: Path) -> None:
    path = make(tmp_path, tar=True)
    data = bytearray(path.read_bytes())
    data[data.index(b"a mail")] ^= 1
    path.write_bytes(data)
    with pytest.raises(Invalid, match=f"{RAW} has changed"):
        unpacked(path, tmp_path / "out")


def test_what_is_no_archive_says_so(tmp_path: Path) -> None:
    path = tmp_path / "letter.tar"
    path.write_bytes(b"Dear Sir or Madam" * 1_000)
    with pytest.raises(Invalid, match="damaged or no tar file"):
        unpacked(path, tmp_path / "out")


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/etc/passwd", "files/raw/../x", "files/raw/ab/..", "files/raw/ab/.x", "files/other/ab/a"],
)
def test_no_member_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as tape:
        info = tarfile.TarInfo(name)
        info.size = 1
        tape.addfile(info, io.BytesIO(b"x"))
    with pytest.raises(Invalid, match="no backup of Casegate"):
        unpacked(path, tmp_path / "out")
    assert list((tmp_path / "out").rglob("*")) == []


def test_a_link_in_a_tar_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as tape:
        info = tarfile.TarInfo(ROWS)
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tape.addfile(info)
    with pytest.raises(Invalid, match="is no file"):
        unpacked(path, tmp_path / "out")

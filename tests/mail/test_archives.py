"""ZIPs looked into: what people send is taken, what could harm whoever opens it is named."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.archives import MAX_ENTRIES, objection

Content = Mapping[str, bytes]


def packed(files: Content, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


GOOD = packed({"bill.pdf": b"%PDF-1.4 " * 50, "photos/": b"", "photos/one.jpg": b"\xff\xd8\xff\xe0" + bytes(50)})


def test_ordinary_archives_are_taken() -> None:
    assert objection(GOOD) is None
    assert objection(packed({})) is None
    assert objection(packed({"stored.txt": b"words"}, zipfile.ZIP_STORED)) is None
    assert objection(packed({"Grüße 日本.txt": b"words", "empty": b""})) is None
    assert objection(packed({"offer.docx": packed({"[Content_Types].xml": b"<x/>"})})) is None
    assert objection(packed({"MZ.txt": b"MZ is not a program", "log.txt": b"line\n" * 200_000})) is None


def test_an_archive_written_as_a_stream_is_taken() -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one.txt", b"words " * 100)
        archive.writestr("two.txt", b"more")
    assert objection(pipe.data) is None


def test_a_comment_is_taken() -> None:
    buffer = io.BytesIO(GOOD)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"made by a program"
    assert objection(buffer.getvalue()) is None


def test_zip64_is_taken() -> None:
    """Some programs always write it, however small the archive."""
    (start,) = struct.unpack_from("<L", GOOD, len(GOOD) - 6)
    count, size = struct.unpack_from("<HL", GOOD, len(GOOD) - 12)
    end = len(GOOD) - 22
    record = b"PK\x06\x06" + struct.pack("<Q2H2L4Q", 44, 45, 45, 0, 0, count, count, size, start)
    locator = b"PK\x06\x07" + struct.pack("<LQL", 0, end, 1)
    saturated = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    data = GOOD[:end] + record + locator + saturated
    assert len(zipfile.ZipFile(io.BytesIO(data)).namelist()) == 3
    assert objection(data) is None


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("setup.exe", b"x", "a program inside the ZIP: setup.exe"),
        ("bill.pdf.JS ", b"x", "a program inside the ZIP: bill.pdf.JS "),
        ("a/b/run.scr. .", b"x", "a program inside the ZIP: a/b/run.scr. ."),
        ("gpj.\u202eexe", b"x", "a program inside the ZIP: gpj.exe"),
        ("photo.jpg", b"MZ\x90\0\3\0\0\0", "a program inside the ZIP: photo.jpg"),
        ("readme", b"#!/bin/sh\nrm -r *", "a program inside the ZIP: readme"),
        ("tool", b"\x7fELF\2\1\1", "a program inside the ZIP: tool"),
        ("letter.docm", b"x", "a program inside the ZIP: letter.docm"),
        ("more.zip", b"x", "an archive inside the ZIP: more.zip"),
        ("notes.txt", GOOD, "an archive inside the ZIP: notes.txt"),
        ("notes.txt", b"Rar!\x1a\x07\x00", "an archive inside the ZIP: notes.txt"),
        ("notes.txt", bytes(257) + b"ustar", "an archive inside the ZIP: notes.txt"),
        ("/etc/passwd", b"x", "a file inside the ZIP would be written outside its folder: /etc/passwd"),
        ("a/../../b.txt", b"x", "a file inside the ZIP would be written outside its folder: a/../../b.txt"),
        ("..\\b.txt", b"x", "a file inside the ZIP would be written outside its folder: ..\\b.txt"),
        ("C:\\b.txt", b"x", "a file inside the ZIP would be written outside its folder: C:\\b.txt"),
        ("META-INF/MANIFEST.MF", b"x", "it is a Java program"),
        ("AndroidManifest.xml", b"x", "it is an Android program"),
        ("[Content_Types].xml", b"x", "it is an Office document, no archive"),
        ("mimetype", b"application/vnd.oasis.opendocument.text", "it is a document, no archive"),
    ],
)
def test_what_is_not_taken(name: str, content: bytes, reason: str) -> None:
    assert objection(packed({name: content, "harmless.txt": b"words"})) == reason


def test_a_name_that_only_some_programs_read() -> None:
    alias = b"\1\0\0\0\0run.exe"  # Info-ZIP Unicode Path
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("notes.txt")
        info.extra = struct.pack("<2H", 0x7075, len(alias)) + alias
        archive.writestr(info, b"words")
    assert objection(buffer.getvalue()) == "a program inside the ZIP: notes.txt"


def test_a_link() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("notes.txt")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    assert objection(buffer.getvalue()) == "a file inside the ZIP is not what it seems: notes.txt"


def test_encrypted() -> None:
    data = bytearray(packed({"secret.txt": b"words"}))
    data[data.index(b"PK\1\2") + 8] |= 1
    assert objection(bytes(data)) == "a file inside the ZIP is encrypted: secret.txt"


def test_rare_packing() -> None:
    data = packed({"a.txt": b"words" * 100}, zipfile.ZIP_LZMA)
    assert objection(data) == "a file inside the ZIP is packed in a rare way: a.txt"


def test_a_bomb_says_its_size() -> None:
    assert (
        objection(packed({f"{n}.txt": bytes(30_000_000) for n in range(4)}))
        == "the ZIP unpacks to 114 MiB, at most 100 MiB are taken"
    )
    assert str(objection(packed({"zeros.txt": bytes(20_000_000)}))).startswith("the ZIP unpacks to 10")


def test_a_bomb_that_lies_about_its_size() -> None:
    size = 5_000_000
    data = packed({"zeros.txt": bytes(size)})
    lie = data.replace(struct.pack("<L", size), struct.pack("<L", 100))
    assert objection(lie) == "the ZIP lies about the size of a file inside: zeros.txt"
    bigger = data.replace(struct.pack("<L", size), struct.pack("<L", size + 1))
    assert objection(bigger) == "the ZIP lies about the size of a file inside: zeros.txt"


def test_too_many_files() -> None:
    data = packed({f"{number}.txt": b"" for number in range(MAX_ENTRIES + 1)})
    assert objection(data) == f"the ZIP holds {MAX_ENTRIES + 1} files, at most {MAX_ENTRIES} are taken"
    end = data.rindex(b"PK\5\6")
    lie = data[: end + 8] + struct.pack("<2H", 3, 3) + data[end + 12 :]
    assert objection(lie) == "the ZIP is damaged"


def test_files_that_overlap() -> None:
    """The better bomb: many names for the same bytes."""
    inner = zlib.compress(bytes(1_000_000))[2:-4]
    local = b"PK\3\4" + struct.pack("<5H3L2H", 20, 0, 8, 0, 0, 0, len(inner), 1_000_000, 5, 0) + b"a.txt" + inner
    line = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 8, 0, 0, 0, len(inner), 1_000_000, 5, 0, 0, 0, 0, 0, 0)
    directory = (line + b"a.txt") * 8
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 8, 8, len(directory), len(local), 0)
    assert objection(local + directory + end) == "files inside the ZIP overlap"


@pytest.mark.parametrize(
    "data",
    [
        b"PK\3\4",
        GOOD[:-1],
        GOOD + b"behind its end",
        GOOD[: GOOD.index(b"PK\1\2")] + GOOD[GOOD.index(b"PK\5\6") :],
        GOOD.replace(b"bill.pdf", b"bill.exe", 1),  # the local header and the directory disagree
        GOOD + GOOD,
    ],
)
def test_damaged(data: bytes) -> None:
    assert str(objection(data)).startswith("the ZIP is damaged")


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=6))
def test_no_damage_raises(changes: list[tuple[int, int]]) -> None:
    data = bytearray(GOOD)
    for place, value in changes:
        data[place] = value
    objection(bytes(data))


@given(st.binary(max_size=300))
def test_nothing_raises(data: bytes) -> None:
    objection(b"PK\3\4" + data + GOOD[GOOD.rindex(b"PK\5\6") :])

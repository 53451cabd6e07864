"""What a file is, by its bytes; the name can only make it stricter."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.file_types import UNKNOWN, detect, is_allowed

PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + b"\0" * 40
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + b"\0" * 40
EXE = b"MZ\x90\x00\x03\x00\x00\x00" + b"\0" * 60


def archive(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in names:
            file.writestr(name, "x" * 50)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("filename", "data", "mime_type"),
    [
        ("photo.png", PNG, "image/png"),
        ("photo.txt", JPEG, "image/jpeg"),
        ("bill.pdf", b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", "application/pdf"),
        ("ascii.pdf", b"%PDF-1.4\n1 0 obj\n", "application/pdf"),
        ("junk-first.pdf", b"\x00junk\n%PDF-1.7\n\xe2\xe3", "application/pdf"),
        ("all.zip", archive("a.txt"), "application/zip"),
        ("empty.zip", archive(), "application/zip"),
        ("notes.txt", "Grüße\n".encode(), "text/plain"),
        ("notes.txt", "Grüße\n".encode("utf-16"), "text/plain"),
        ("notes.txt", "Grüße, viele\n".encode("latin-1"), "text/plain"),
        ("jis.txt", "日本語".encode("iso-2022-jp"), "text/plain"),
        ("empty.txt", b"", "text/plain"),
        ("orders.csv", b"id,amount\n1,200\n", "text/plain"),
        ("car.txt", b"BMW is not a bitmap\n", "text/plain"),
        ("rocket.txt", b"MZ is not a program\n", "text/plain"),
        ("drawing.svg", b'<?xml version="1.0"?>\n<!-- a - b -->\n<!DOCTYPE svg>\n<svg xmlns="x"/>', "image/svg+xml"),
    ],
)
def test_allowed_files(filename: str, data: bytes, mime_type: str) -> None:
    assert detect(filename, data) == mime_type
    assert is_allowed(mime_type)


@pytest.mark.parametrize(
    ("filename", "data", "mime_type"),
    [
        ("photo.png", EXE, "application/x-msdownload"),
        ("photo.png", b"\x00\x01\x02 nothing known", UNKNOWN),
        ("notes.txt", b"\n\n<!DOCTYPE HTML><p>", "text/html"),
        ("notes.txt", b"\xef\xbb\xbf<!-- x --><Script>alert(1)</script>", "text/html"),
        ("notes.txt", "<html>ü".encode("latin-1"), "text/html"),
        ("page.HTML", b"just words", "text/html"),
        ("run.vbs", b"MsgBox 1", "application/x-script"),
        ("run.ps1 ", b"Get-Item", "application/x-script"),
        ("program.jar", archive("META-INF/MANIFEST.MF"), "application/java-archive"),
        ("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, UNKNOWN),
        ("film.mp4", b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + b"\0" * 20, "video/mp4"),
    ],
)
def test_refused_files(filename: str, data: bytes, mime_type: str) -> None:
    assert detect(filename, data) == mime_type
    assert not is_allowed(mime_type)


def test_word_files_are_not_plain_archives() -> None:
    assert not is_allowed(detect("a.zip", archive("[Content_Types].xml", "_rels/.rels", "word/document.xml")))


@given(st.text(max_size=20), st.binary(max_size=300))
def test_it_never_raises(filename: str, data: bytes) -> None:
    assert "/" in detect(filename, data)


@given(
    st.sampled_from([b"\0\0\0\x20ftyp", b"PK\x03\x04", b"RIFF", b"II*\0", b"\xd0\xcf\x11\xe0", b"\x1a\x45\xdf\xa3"]),
    st.binary(),
)
def test_it_never_raises_behind_a_known_start(start: bytes, rest: bytes) -> None:
    assert "/" in detect("file", start + rest)


@pytest.mark.parametrize("filler", ["<!--", "<!-- -", "<?", "<!doctype ", " ", "-->", "<!---->"])
def test_unclosed_markup_costs_linear_time(filler: str) -> None:
    # Without possessive quantifiers these prologues backtrack for minutes; the suite's time limit would stop them.
    assert detect("a.txt", (filler * 100_000).encode()) == "text/plain"

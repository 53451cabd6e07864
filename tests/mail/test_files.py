"""The files of a mail: each exactly once, with the message or set aside with a reason."""

import io
import pickle
import struct
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.files import Limits, Picked, SetAside, Why, is_heavy, pick
from gateway.mail.parse import MailFile, ParsedMail

MIB = 1024 * 1024
LIMITS = Limits()
EXE = b"MZ\x90\0\3\0\0\0" + bytes(60)


def png(width: int, height: int, extra: bytes = b"") -> bytes:
    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))

    header = struct.pack(">2L5B", width, height, 8, 0, 0, 0, 0)
    text = part(b"tEXt", extra) if extra else b""
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + text + part(b"IDAT", b"pixels") + part(b"IEND", b"")


def archive(name: str, data: bytes = b"words") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(name, data)
    return buffer.getvalue()


PHOTO = png(800, 600)


def attached(filename: str, data: bytes, content_type: str = "application/octet-stream") -> MailFile:
    return MailFile(filename, content_type, data)


def shown(filename: str, data: bytes, cid: str | None = "one@example.org") -> MailFile:
    return MailFile(filename, "image/png", data, content_id=cid, inline=True)


def picked(*parts: MailFile, html: str | None = None, limits: Limits = LIMITS) -> Picked:
    result = pick(ParsedMail((), files=parts), html, limits)
    assert len(result.files) + len(result.set_aside) == len(parts)
    return result


def names(result: Picked) -> list[str]:
    return [file.filename for file in result.files]


def only_reason(*parts: MailFile, html: str | None = None, limits: Limits = LIMITS) -> SetAside:
    (aside,) = picked(*parts, html=html, limits=limits).set_aside
    return aside


def test_types_by_bytes_whatever_the_mail_says() -> None:
    result = picked(
        attached("photo.png", PHOTO, "text/plain"),
        attached("bill.pdf", b"%PDF-1.4\n", "image/png"),
        attached("notes.txt", b"words", "video/mp4"),
        attached("all.zip", archive("a.txt"), "x/y"),
        attached("drawing.svg", b"<svg/>", "image/svg+xml"),
    )
    assert [file.mime_type for file in result.files] == [
        "image/png",
        "application/pdf",
        "text/plain",
        "application/zip",
        "image/svg+xml",
    ]


@pytest.mark.parametrize(
    ("part", "why", "reason"),
    [
        (attached("photo.png", EXE), Why.TYPE, "files of this type are not taken: application/x-msdownload"),
        (attached("page.html", b"<p>x"), Why.TYPE, "files of this type are not taken: text/html"),
        (attached("run.ps1", b"Get-Item"), Why.TYPE, "files of this type are not taken: application/x-script"),
        (attached("test.com", b"words"), Why.TYPE, "files with the name of a program are not taken: .com"),
        (attached("photo.scr ", PHOTO), Why.TYPE, "files with the name of a program are not taken: .scr"),
        (
            attached("mail.bin", b"From: a", "message/rfc822"),
            Why.CARRIED,
            "a mail inside the mail is not taken as a file",
        ),
        (attached("a.eml", b"From: a"), Why.CARRIED, "a mail inside the mail is not taken as a file"),
        (attached("x", b"BEGIN:VCALENDAR\r\n"), Why.CALENDAR, "calendar entries are not taken"),
        (attached("x", b"", "text/calendar"), Why.CALENDAR, "calendar entries are not taken"),
        (attached("long.txt", b"x" * int(7.15 * MIB)), Why.SIZE, "too large: 7.2 MiB, at most 5 MiB"),
        (attached("long.txt", b"x" * (5 * MIB + 1)), Why.SIZE, "too large: 5.1 MiB, at most 5 MiB"),
        (attached("a.zip", archive("setup.exe")), Why.CONTENT, "a program inside the ZIP: setup.exe"),
        (attached("a.docx", archive("[Content_Types].xml")), Why.CONTENT, "it is an Office document, no archive"),
        (
            attached("huge.png", png(30_000, 30_000)),
            Why.CONTENT,
            "an image of 30000 x 30000 pixels, at most 120 million are taken",
        ),
    ],
)
def test_what_is_set_aside_and_told(part: MailFile, why: Why, reason: str) -> None:
    aside = only_reason(part)
    assert (aside.why, aside.reason, aside.told) == (why, reason, True)
    assert str(aside) == f"{part.filename}: {reason}"


def test_five_files_and_every_one_that_is_refused_leaves_its_place_free() -> None:
    parts = [attached(f"{number}.txt", b"%d" % number) for number in range(7)]
    parts[2] = attached("2.exe", EXE)
    result = picked(*parts)
    assert names(result) == ["0.txt", "1.txt", "3.txt", "4.txt", "5.txt"]
    assert [str(aside) for aside in result.set_aside] == [
        "2.exe: files of this type are not taken: application/x-msdownload",
        "6.txt: too many files: at most 5 are taken",
    ]


def test_limits_can_be_lower() -> None:
    limits = Limits(max_files=1, max_bytes=1_000)
    result = picked(attached("a.txt", b"x" * 1_001), attached("b.txt", b"x" * 1_000), limits=limits)
    assert names(result) == ["b.txt"]
    assert result.set_aside[0].reason == "too large: 1 KiB, at most 1 KiB"


def test_attached_files_come_before_shown_images() -> None:
    result = picked(
        shown("one.png", PHOTO), attached("bill.pdf", b"%PDF-1.4\n"), html='<img src="cid:one@example.org">'
    )
    assert names(result) == ["bill.pdf", "one.png"]


def test_decoration_takes_nobodys_place_and_is_not_told() -> None:
    decoration = [
        shown("logo.png", png(300, 80), "logo"),  # below the new words
        shown("pixel.png", png(1, 1), "pixel"),
        shown("line.png", png(600, 2), "line"),
        shown("icon.png", png(32, 32), "icon"),
        attached("signature.asc", b"-----BEGIN PGP SIGNATURE-----", "application/pgp-signature"),
        attached("smime.p7s", b"\x30\x80", "application/pkcs7-signature"),
        attached("ATT00001.txt", b"\r\n \r\n"),
    ]
    photos = [shown(f"{number}.png", png(500, 400 + number), f"photo {number}") for number in range(5)]
    cids = ("pixel", "line", "icon", *(f"photo%20{number}" for number in range(5)))
    result = picked(*decoration, *photos, html="".join(f"<img src='cid:{cid}'>" for cid in cids))
    assert names(result) == [f"{number}.png" for number in range(5)]
    assert {aside.why for aside in result.set_aside} == {Why.DECORATION}
    assert not any(aside.told for aside in result.set_aside)


def test_what_a_person_attached_is_no_decoration_however_small() -> None:
    assert names(picked(attached("pixel.png", png(1, 1)), html="<p>words")) == ["pixel.png"]
    # Programs give ids to attachments, too.
    part = MailFile("tiny.png", "image/png", png(9, 9), content_id="x@example.org")
    assert names(picked(part, html="<p>words")) == ["tiny.png"]


def test_without_html_of_the_new_words_a_photo_is_not_lost() -> None:
    assert names(picked(shown("photo.png", PHOTO), shown("icon.png", png(24, 24), "b"))) == ["photo.png"]


def test_an_image_that_is_shown_by_its_location_is_not_lost() -> None:
    assert names(picked(shown("photo.png", PHOTO, None), html="<p>words")) == ["photo.png"]


def test_the_same_image_once() -> None:
    result = picked(shown("b.png", PHOTO, "b"), shown("c.png", PHOTO, "c"), attached("a.png", PHOTO))
    assert names(result) == ["a.png"]
    assert {aside.why for aside in result.set_aside} == {Why.DECORATION}


@pytest.mark.parametrize(
    ("name", "data", "agrees"),
    [
        ("photo.jpg", PHOTO, "photo.jpg"),  # both are images: programs often get it wrong, and nobody is harmed
        ("photo.txt", PHOTO, "photo.txt.png"),
        ("scan", b"%PDF-1.4\n", "scan.pdf"),
        ("bill.pdf", archive("a.txt"), "bill.pdf.zip"),
        ("bill.pdf", b"words", "bill.pdf.txt"),
        ("orders.csv", b"a,b", "orders.csv"),
        ("README", b"words", "README"),
    ],
)
def test_the_name_agrees_with_the_bytes(name: str, data: bytes, agrees: str) -> None:
    assert names(picked(attached(name, data))) == [agrees]


def test_images_do_not_tell_their_place() -> None:
    (file,) = picked(attached("photo.png", png(80, 60, b"Comment\0Secret Street 7"))).files
    assert file.data == png(80, 60)


@pytest.mark.parametrize(
    ("raw_size", "parts", "heavy"),
    [
        (1_000, [attached("bill.pdf", b"%PDF-1.4\n")], False),
        (1_000, [], False),
        (300_000, [], True),
        (1_000, [attached("a.txt", b"x")] * 51, True),
        (1_000, [attached("a.txt", PHOTO)], True),
        (1_000, [attached("a.jar", archive("a.txt"))], True),
        (1_000, [attached("winmail.dat", b"\x78\x9f\x3e\x22")], True),
    ],
)
def test_heavy_mails(raw_size: int, parts: list[MailFile], heavy: bool) -> None:
    assert is_heavy(raw_size, ParsedMail((), files=tuple(parts))) is heavy


def test_the_result_can_come_from_another_process() -> None:
    result = picked(attached("a.txt", b"x"), attached("a.exe", EXE))
    assert pickle.loads(pickle.dumps(result)) == result


CONTENTS = (PHOTO, png(1, 1), EXE, b"words", b"%PDF-1.4\n", archive("a.txt"), archive("a.exe"), b"")
PARTS = st.builds(
    MailFile,
    st.sampled_from(("a.txt", "b.png", "c.exe", "d", "e.zip", "ATT00001.txt")),
    st.sampled_from(("image/png", "message/rfc822", "text/calendar", "application/pgp-signature")),
    st.sampled_from(CONTENTS) | st.binary(max_size=80),
    st.sampled_from((None, "one", "two")),
    st.booleans(),
)


@given(st.lists(PARTS, max_size=12), st.sampled_from((None, "", "<img src=cid:one>")))
def test_every_part_appears_exactly_once(parts: list[MailFile], html: str | None) -> None:
    result = picked(*parts, html=html)
    assert len(result.files) <= 5
    assert all(aside.reason for aside in result.set_aside)

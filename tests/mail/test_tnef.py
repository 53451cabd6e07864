"""Outlook's winmail.dat: what is in it comes out, what is damaged ends the reading and nothing else."""

import base64
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.mail import tnef
from gateway.mail.parse import parse

MESSAGE, ATTACHMENT = 1, 2


def attribute(level: int, tag: int, value: bytes) -> bytes:
    return struct.pack("<BHHI", level, tag, 6, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)


def padded(value: bytes) -> bytes:
    return value + bytes(-len(value) % 4)


def text_property(identifier: int, text: str) -> bytes:
    value = text.encode("utf-16-le") + b"\0\0"
    return struct.pack("<HHII", 0x1F, identifier, 1, len(value)) + padded(value)


def bytes_property(identifier: int, value: bytes, kind: int = 0x102) -> bytes:
    return struct.pack("<HHII", kind, identifier, 1, len(value)) + padded(value)


def properties(*values: bytes) -> bytes:
    return struct.pack("<I", len(values)) + b"".join(values)


def winmail(*attributes: bytes) -> bytes:
    return b"\x78\x9f\x3e\x22\x01\x00" + b"".join(attributes)


NUMBER = struct.pack("<HHI", 3, 0x3FDE, 65001)  # the code page of the HTML
NAMED = struct.pack("<HH", 0x1F, 0x8001) + bytes(16) + struct.pack("<II", 1, 6) + padded("abc".encode("utf-16-le"))
NAMED += struct.pack("<II", 1, 4) + b"x\0\0\0"
SEVERAL = struct.pack("<HHI", 0x1003, 0x6001, 3) + struct.pack("<III", 1, 2, 3)
WHOLE = winmail(
    attribute(MESSAGE, 0x9007, struct.pack("<II", 1252, 0)),
    attribute(
        MESSAGE,
        0x9003,
        properties(
            NUMBER, NAMED, SEVERAL, text_property(0x1000, "Grüße"), bytes_property(0x1013, "<p>Grüße</p>".encode())
        ),
    ),
    attribute(ATTACHMENT, 0x9002, bytes(14)),
    attribute(ATTACHMENT, 0x8010, "Tasse größer.txt".encode("cp1252") + b"\0"),
    attribute(ATTACHMENT, 0x800F, b"cup"),
    attribute(ATTACHMENT, 0x9002, bytes(14)),
    attribute(ATTACHMENT, 0x8010, b"LONGNA~1.PNG\0"),
    attribute(ATTACHMENT, 0x800F, b"\x89PNG"),
    attribute(
        ATTACHMENT,
        0x9005,
        properties(
            text_property(0x3707, "long name.png"), text_property(0x370E, "image/png"), text_property(0x3712, "cup@x")
        ),
    ),
    attribute(ATTACHMENT, 0x9002, bytes(14)),
    attribute(
        ATTACHMENT, 0x9005, properties(text_property(0x3001, "object"), bytes_property(0x3701, bytes(16) + b"o", 0xD))
    ),
)


def test_bodies_and_files() -> None:
    found = tnef.read(WHOLE)
    assert (found.text, found.html) == ("Grüße", "<p>Grüße</p>")
    assert found.files == [
        tnef.Attached("Tasse größer.txt", b"cup"),
        tnef.Attached("long name.png", b"\x89PNG", "image/png", "cup@x"),
        tnef.Attached("object", b"o"),
    ]


def test_a_plain_body() -> None:
    assert tnef.read(winmail(attribute(MESSAGE, 0x800C, b"Hello\0"))).text == "Hello"


def winmail_mail(data: bytes, text: bytes = b"") -> bytes:
    return (
        b"From: ana@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\n"
        + text
        + b"\r\n--b\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(data) + b"--b--\r\n"
    )


def test_a_mail_with_winmail_dat_shows_what_is_inside() -> None:
    mail = parse(winmail_mail(WHOLE))
    assert "Grüße" in (mail.text or "")
    assert mail.html == "<p>Grüße</p>"
    assert [file.filename for file in mail.files] == ["Tasse größer.txt", "long name.png", "object"]
    assert mail.files[1].content_type == "image/png"


def test_the_text_of_the_mail_goes_before_the_text_inside() -> None:
    assert parse(winmail_mail(WHOLE, b"Hello")).text == "Hello"


def test_one_that_holds_nothing_readable_is_kept_as_it_is() -> None:
    data = winmail(b"\x01\x06\x90\x08\x00\xff\xff\xff\x7f" + b"A" * 100)
    mail = parse(winmail_mail(data))
    assert [(file.filename, file.data) for file in mail.files] == [("winmail.dat", data)]
    assert mail.defects == ("A winmail.dat cannot be read.",)


@pytest.mark.parametrize("end", range(0, len(WHOLE), 7))
def test_a_cut_one_gives_what_comes_before_the_cut(end: int) -> None:
    found = tnef.read(WHOLE[:end])
    assert len(found.files) <= 3


def test_endless_counts_end() -> None:
    endless = struct.pack("<I", 0xFFFFFFFF) + struct.pack("<HHI", 0x101F, 0x1000, 0xFFFFFFFF) + bytes(1000)
    assert tnef.read(winmail(attribute(MESSAGE, 0x9003, endless))).text == ""


@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=8))
@settings(max_examples=300, deadline=None)
def test_no_damage_raises(position: int, damage: bytes) -> None:
    tnef.read(WHOLE[:position] + damage + WHOLE[position + len(damage) :])

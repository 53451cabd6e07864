"""Reading: the same for small and heavy mail, the heavy one in a child; what a scanner finds is set aside."""

import socket
from collections.abc import Iterator

import pytest

from gateway.errors import Later
from gateway.inbound.read import Reader
from gateway.mail.files import SMALL_MAIL, Limits, Why
from gateway.mail.parse import parse

HEAD = b"From: Tom <tom@customer.test>\r\nSubject: files\r\nMessage-ID: <1@customer.test>\r\nMIME-Version: 1.0\r\n"


def mail_with(name: str, data: bytes) -> bytes:
    parts = (
        b"\r\nContent-Type: text/plain\r\n\r\nHere it is.\r\n",
        b"\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=" + name.encode() + b"\r\n\r\n",
        data + b"\r\n--b--\r\n",
    )
    return HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b' + parts[0] + b"--b" + parts[1] + parts[2]


@pytest.fixture
def reader() -> Iterator[Reader]:
    reader = Reader(Limits())
    yield reader
    reader.close()


@pytest.mark.parametrize("size", [100, 2 * SMALL_MAIL], ids=["small", "heavy"])
def test_a_mail_is_read_the_same_way_wherever_it_is_read(reader: Reader, size: int) -> None:
    raw = mail_with("notes.txt", b"line\r\n" * (size // 6))
    mail = reader.parse(raw)
    assert mail == parse(raw)
    picked = reader.pick(raw, mail)
    assert [(file.filename, file.mime_type) for file in picked.files] == [("notes.txt", "text/plain")]
    assert picked.set_aside == ()


def test_without_its_scanner_a_file_is_neither_posted_nor_set_aside() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    reader = Reader(Limits(), clamd=f"tcp://127.0.0.1:{port}")
    raw = mail_with("notes.txt", b"hello")
    with pytest.raises(Later):
        reader.pick(raw, reader.parse(raw))
    reader.close()


def test_what_the_scanner_finds_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.scanner import Scanner

    monkeypatch.setattr(Scanner, "scan", lambda self, data: "Test-Signature" if b"bad" in data else None)
    reader = Reader(Limits(), clamd="tcp://127.0.0.1:3310")
    raw = mail_with("notes.txt", b"something bad")
    picked = reader.pick(raw, reader.parse(raw))
    assert picked.files == ()
    assert [(part.filename, part.why, part.reason) for part in picked.set_aside] == [
        ("notes.txt", Why.MALWARE, "a virus scanner found something in it: Test-Signature")
    ]
    reader.close()

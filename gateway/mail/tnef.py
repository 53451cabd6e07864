"""What is inside `winmail.dat`: the files and the body that Outlook wraps in TNEF ([MS-OXTNEF], [MS-OXCDATA] §2.11).

The reader walks the bytes once. Every length is checked against what is there, so that damage ends the walk, and what
was read before it is kept.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.mail import charsets

_SIGNATURE = b"\x78\x9f\x3e\x22"
_LEVEL_ATTACHMENT = 2
_BODY, _OEM_CODEPAGE = 0x800C, 0x9007
_MESSAGE_PROPERTIES, _ATTACHMENT_PROPERTIES = 0x9003, 0x9005
_ATTACHMENT_BEGINS, _ATTACHMENT_TITLE, _ATTACHMENT_DATA = 0x9002, 0x8010, 0x800F

# MAPI property ids ([MS-OXPROPS])
_P_BODY, _P_HTML, _P_CODEPAGE = 0x1000, 0x1013, 0x3FDE
_P_DATA, _P_NAME, _P_LONG_NAME, _P_DISPLAY_NAME = 0x3701, 0x3704, 0x3707, 0x3001
_P_TYPE, _P_CONTENT_ID = 0x370E, 0x3712
# MAPI property types and the bytes that a value of fixed size takes, padding included
_FIXED = {2: 4, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 10: 4, 11: 4, 20: 8, 64: 8, 72: 16}
_OBJECT, _STRING8, _UNICODE, _BINARY = 0x000D, 0x001E, 0x001F, 0x0102
_SEVERAL = 0x1000  # flag: more than one value
_NAMED = 0x8000  # ids from here on are followed by their name
_MAX_FILES, _MAX_PROPERTIES = 500, 5_000


@dataclass(slots=True)
class Attached:
    """A file in TNEF. content_type, content_id: "" when not given."""

    name: str = ""
    data: bytes = b""
    content_type: str = ""
    content_id: str = ""


@dataclass(slots=True)
class Tnef:
    """The bodies ("" when there is none) and the files of a `winmail.dat`."""

    text: str = ""
    html: str = ""
    files: list[Attached] = field(default_factory=list)


def is_tnef(data: bytes) -> bool:
    """Whether the bytes start as TNEF does."""
    return data.startswith(_SIGNATURE)


def read(data: bytes) -> Tnef:
    """Read TNEF as far as it is intact. Never raises because of what the bytes say."""
    found = Tnef()
    charset = "cp1252"
    for level, tag, value in _attributes(data):
        if tag == _OEM_CODEPAGE and len(value) >= 4:
            charset = f"cp{struct.unpack_from('<I', value)[0]}"
        elif level == _LEVEL_ATTACHMENT:
            if tag == _ATTACHMENT_BEGINS:
                if len(found.files) >= _MAX_FILES:
                    break
                found.files.append(Attached())
            elif found.files:
                _read_attachment(found.files[-1], tag, value, charset)
        elif tag == _BODY:
            found.text = found.text or charsets.decode(value.rstrip(b"\0"), charset)
        elif tag == _MESSAGE_PROPERTIES:
            _read_bodies(found, value, charset)
    found.files = [file for file in found.files if file.data]
    return found


def _attributes(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(level, tag, value) of each attribute: level u8, tag u16, type u16, length u32, value, checksum u16."""
    position = 6 if is_tnef(data) else len(data)
    while position + 9 <= len(data):
        level, tag, _, length = struct.unpack_from("<BHHI", data, position)
        position += 9
        if level not in (1, 2) or length > len(data) - position:
            return
        yield level, tag, data[position : position + length]
        position += length + 2


def _read_attachment(file: Attached, tag: int, value: bytes, charset: str) -> None:
    if tag == _ATTACHMENT_TITLE:
        file.name = file.name or charsets.decode(value.rstrip(b"\0"), charset)
    elif tag == _ATTACHMENT_DATA:
        file.data = value
    elif tag == _ATTACHMENT_PROPERTIES:
        properties = dict(_properties(value))
        for name in (_P_LONG_NAME, _P_NAME, _P_DISPLAY_NAME):
            if text := _text(properties.get(name), charset):
                file.name = text
                break
        file.content_type = _text(properties.get(_P_TYPE), charset)
        file.content_id = _text(properties.get(_P_CONTENT_ID), charset)
        kind, content = properties.get(_P_DATA, (0, b""))
        if content and not file.data:
            file.data = content[16:] if kind == _OBJECT else content  # an object starts with its interface id


def _read_bodies(found: Tnef, value: bytes, charset: str) -> None:
    properties = dict(_properties(value))
    kind, codepage = properties.get(_P_CODEPAGE, (0, b""))
    html_charset = f"cp{struct.unpack_from('<I', codepage)[0]}" if kind == 3 and len(codepage) >= 4 else charset
    found.text = found.text or _text(properties.get(_P_BODY), charset)
    found.html = found.html or _text(properties.get(_P_HTML), html_charset)


def _text(value: tuple[int, bytes] | None, charset: str) -> str:
    if value is None:
        return ""
    kind, data = value
    if kind == _UNICODE:
        return charsets.decode(data[: len(data) // 2 * 2], "utf-16-le").strip()
    return charsets.decode(data, charset).strip()


def _properties(data: bytes) -> Iterator[tuple[int, tuple[int, bytes]]]:
    """(id, (type, first value)) of each MAPI property until the bytes stop making sense."""
    count = struct.unpack_from("<I", data)[0] if len(data) >= 4 else 0
    position = 4
    for _ in range(min(count, _MAX_PROPERTIES)):
        if position + 4 > len(data):
            return
        kind, identifier = struct.unpack_from("<HH", data, position)
        position += 4
        if identifier >= _NAMED:
            position = _after_name(data, position)
        value, position = _values(data, position, kind)
        if value is None:
            return
        yield identifier, (kind & ~_SEVERAL, value)


def _after_name(data: bytes, position: int) -> int:
    """Skip a property's name: a GUID, then a number or a string."""
    if position + 24 > len(data):
        return len(data)
    kind, length = struct.unpack_from("<II", data, position + 16)
    return position + 24 + (_padded(length) if kind else 0)


def _values(data: bytes, position: int, kind: int) -> tuple[bytes | None, int]:
    """The first of a property's values (None when they run over the end), and the position after all of them."""
    plain = kind & ~_SEVERAL
    variable = plain in (_OBJECT, _STRING8, _UNICODE, _BINARY)
    if not variable and plain not in _FIXED:
        return None, position
    count = 1
    if variable or kind & _SEVERAL:
        if position + 4 > len(data):
            return None, position
        count = struct.unpack_from("<I", data, position)[0]
        position += 4
    if not variable:
        end = position + count * _FIXED[plain]
        return (data[position : position + _FIXED[plain]], end) if end <= len(data) else (None, position)
    first: bytes = b""
    for number in range(min(count, _MAX_PROPERTIES)):
        if position + 4 > len(data):
            return None, position
        length = struct.unpack_from("<I", data, position)[0]
        position += 4
        if length > len(data) - position:
            return None, position
        if number == 0:
            first = data[position : position + length]
        position += _padded(length)
    return first, position


def _padded(length: int) -> int:
    return -(-length // 4) * 4

"""Header fields: where they start and end, and what their values say (RFC 5322 §2.2, RFC 2047, RFC 2231)."""

import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from gateway.mail import charsets, guard
from gateway.mail.charsets import Clues

# A field: a name, a colon, the rest of the line, and the folded lines after it that hold more than white space.
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:([^\n]*(?:\n[ \t]+[^\s][^\n]*)*)(?:\n|\Z)")
_WELL_KNOWN = re.compile(
    rb"(?:Content-|MIME-Version|From|To|Cc|Subject|Date|Message-ID|Reply-To|Sender|References|In-Reply-To"
    rb"|Received|Return-Path|DKIM-Signature|User-Agent|X-[!-9;-~]+)[!-9;-~]*[ \t]*:",
    re.IGNORECASE,
)
_FOLD = re.compile(r"\r*\n[ \t\r\n]*")
_WORD = re.compile(r"=\?([\w.:+-]+)(?:\*[\w-]*)?\?([bBqQ])\?([^?]*(?:\?(?!=)[^?]*){0,8})\?=")
_UNPRINTABLE = re.compile("[\x01-\x1f\x7f-\x9f\u2028\u2029]+")
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class Header:
    """The fields of a header as they stand, (name, value bytes), and where its body starts."""

    fields: list[tuple[str, bytes]]
    body: int
    defects: list[str]
    too_complex: str = ""


def read(raw: bytes, start: int = 0, delimiters: Sequence[bytes] = ()) -> Header:
    """Read header fields from `start` to the blank line, a line that starts like a delimiter, or the first text line.

    Stops at the limits of `guard`; `too_complex` then says which.
    """
    header = Header([], start, [])
    position, size = start, len(raw)
    while position < size:
        if delimiters and raw.startswith(b"--", position) and raw.startswith(tuple(delimiters), position):
            break
        field = _FIELD.match(raw, position)
        if field:
            header.too_complex = _past_limits(header, field.end() - position, field.end() - start)
            if header.too_complex:
                break
            header.fields.append((field[1].decode("ascii"), field[2]))
            position = field.end()
            continue
        after = raw.find(b"\n", position) + 1 or size
        blank = not raw[position:after].strip()
        if blank and not raw.startswith((b" ", b"\t"), position):
            position = after
            break
        if not _WELL_KNOWN.match(raw, after):
            # A header that ends without its blank line; a line of blanks is meant as one.
            position = after if blank else position
            if not blank:
                header.defects.append("There is no blank line between header and body.")
            break
        header.defects.append("A line in the header is no header field.")
        position = after
    header.body = position
    return header


def _past_limits(header: Header, field_bytes: int, header_bytes: int) -> str:
    if field_bytes > guard.FIELD_BYTES:
        return f"A header field is longer than {guard.FIELD_BYTES} bytes."
    if header_bytes > guard.HEADER_BYTES:
        return f"The header is longer than {guard.HEADER_BYTES} bytes."
    if len(header.fields) >= guard.HEADER_FIELDS:
        return f"There are more than {guard.HEADER_FIELDS} header fields."
    return ""


def unfold(value: bytes, clues: Clues | None = None) -> str:
    """A field's value as one line of text; encoded words stay as they are.

    clues: for bytes that are neither ASCII nor UTF-8. The text is free of CR, LF, NUL, other controls and lone
    surrogates.
    """
    plain = value.isascii() and b"\x1b" not in value  # ESC: ISO-2022-JP without an encoded word around it
    text = value.decode("ascii") if plain else charsets.decode(value, None, clues)
    if "\n" in text:
        text = _FOLD.sub(" ", text.strip("\r\n"))
    return one_line(text.strip())


def decode(value: bytes, clues: Clues | None = None) -> str:
    """A field's value as people read it: unfolded, encoded words decoded (RFC 2047)."""
    return decode_words(unfold(value, clues))


def one_line(text: str) -> str:
    """Text that cannot break out of its line: no CR, LF, NUL, other controls or lone surrogates."""
    if text.isprintable():
        return text
    text = _UNPRINTABLE.sub(" ", text.replace("\0", ""))
    return _SURROGATES.sub("\ufffd", text).strip()


def decode_words(text: str) -> str:
    """Decode the encoded words of an unfolded value (RFC 2047 §6.2), also where they stand against the grammar."""
    if "=?" not in text:
        return text
    pieces: list[str] = []
    run: list[tuple[str, str, str]] = []  # adjacent words of one charset: characters may be split between them
    end = 0
    for match in _WORD.finditer(text):
        between = text[end : match.start()]
        charset = match[1].lower()
        if run and (between.strip() or charset != run[-1][0]):
            pieces.append(_decode_run(run))
            run.clear()
        # §6.2: white space between adjacent encoded words is not shown.
        if end == 0 or between.strip():
            pieces.append(between)
        run.append((charset, match[2].lower(), match[3]))
        end = match.end()
    if run:
        pieces.append(_decode_run(run))
    pieces.append(text[end:])
    return one_line("".join(pieces))


def _decode_run(words: list[tuple[str, str, str]]) -> str:
    data: list[bytes] = []
    carried = ""  # base64 that was cut in the middle of a group of four
    for _, encoding, content in words:
        if encoding == "b":
            carried += content
            if len(carried.rstrip()) % 4 == 0 or carried.endswith("="):
                data.append(_base64(carried))
                carried = ""
        else:
            data.append(binascii.a2b_qp(content.encode("utf-8", "surrogateescape"), header=True))
    data.append(_base64(carried))
    return charsets.decode(b"".join(data), words[0][0])


def _base64(content: str) -> bytes:
    cleaned = re.sub(r"[^A-Za-z0-9+/]", "", content)
    if len(cleaned) % 4 == 1:
        cleaned = cleaned[:-1]
    return binascii.a2b_base64(cleaned + "=" * (-len(cleaned) % 4))


class ContentType(NamedTuple):
    """`type/subtype` in lower case, "" when absent or malformed, and its parameters."""

    value: str
    parameters: dict[str, str]


_TYPE = re.compile(r"\s*([\w!#$&^.+*-]+\s*/\s*[\w!#$&^.+*-]+|[\w-]+)")
_PARAMETER = re.compile(r"\s*([^\s=;\"]+)\s*=\s*(\"[^\"\\]*(?:\\.[^\"\\]*)*\"|[^;]*)")
_SPACED_PARAMETER = re.compile(r"\s*([^\s=;\"]+)\s*=\s*(\"[^\"\\]*(?:\\.[^\"\\]*)*\"|\S*)")
_PARAMETERS = 200  # of one field
_CONTINUED = re.compile(r"(.+?)\*(\d{1,3})(\*?)")
_PAIR = re.compile(r"\\(.)", re.DOTALL)


def parameters(value: str) -> ContentType:
    """Split `value; name=value; …` (RFC 2045 §5.1), parameter values decoded by RFC 2231 and, against it, RFC 2047."""
    kind = _TYPE.match(value)
    if kind is None:
        position, main = 0, ""
    else:
        position, main = kind.end(), "".join(kind[1].split()).lower()
    pattern = _PARAMETER if ";" in value[position:] else _SPACED_PARAMETER
    found: dict[str, str] = {}
    while position < len(value) and len(found) < _PARAMETERS:
        match = pattern.match(value, position)
        if match is None:
            semicolon = value.find(";", position)
            if semicolon < 0:
                break
            position = semicolon + 1
            continue
        found.setdefault(match[1].lower(), _unquote(match[2]))
        position = match.end()
    return ContentType(main, _joined(found) if any("*" in name for name in found) else found)


def _unquote(value: str) -> str:
    value = value.strip()
    if value.startswith('"'):
        value = value[1:-1] if len(value) > 1 and value.endswith('"') else value[1:]
        return _PAIR.sub(lambda pair: pair[1], value) if "\\" in value else value
    return value


def _joined(found: dict[str, str]) -> dict[str, str]:
    """Join the sections of continued parameters and decode the extended ones (RFC 2231 §3 and §4)."""
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, tuple[str, bool]]] = {}
    for name, value in found.items():
        continued = _CONTINUED.fullmatch(name)
        if continued:
            sections.setdefault(continued[1], {}).setdefault(int(continued[2]), (value, bool(continued[3])))
        elif name.endswith("*"):
            sections.setdefault(name[:-1], {}).setdefault(-1, (value, True))
        else:
            plain[name] = value
    for name, parts in sections.items():
        chosen = [parts[-1]] if -1 in parts else [parts[number] for number in sorted(parts)]
        plain[name] = _extended(chosen)
    return plain


def _extended(sections: list[tuple[str, bool]]) -> str:
    """charset'language'percent-encoded, in one or more sections; only sections marked with `*` are encoded."""
    charset = ""
    data: list[bytes] = []
    for number, (value, encoded) in enumerate(sections):
        if number == 0 and encoded and value.count("'") >= 2:
            charset, _, value = value.split("'", 2)
        data.append(unquote_to_bytes(value) if encoded else value.encode("utf-8", "surrogateescape"))
    return charsets.decode(b"".join(data), charset or None)

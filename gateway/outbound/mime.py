"""A mail as bytes, by hand: header fields that fold and encode, and a text and an HTML body (RFC 5322, 2045, 2047).

`email` builds the same mail fifty times slower; the tests read every mail that is made here with its parser.

A field is a text like `Subject: Hello`, folded with CRLF where it is long and without a line end of its own. Whatever
is put into a field, it stays that one field: control characters cannot pass `clean`.
"""

import binascii
import re
from base64 import b64encode, encodebytes
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_LINE = 78  # octets of a header line that RFC 5322 §2.1.1 wants us to keep to
_WORD_BYTES = 42  # in one encoded word, so that it fits behind `Reply-To: ` (RFC 2047 §2 allows 75 octets in all)

_CONTROLS = "\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
# Marks that turn the direction of text make one name look like another.
_INVISIBLE = "\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_CONTROL = re.compile(f"[{_CONTROLS}]")
_MARK = re.compile(f"[{_INVISIBLE}]")
_NOT_IN_ADDRESS = re.compile(rf"[\s<>{_CONTROLS}{_INVISIBLE}]")
_FROM_LINE = re.compile(rb"^F(?=rom )", re.MULTILINE)
_LATE_BLANK = re.compile(rb"^([^\n]{74,75})(=20|=09)$", re.MULTILINE)


def clean(text: str) -> str:
    """One line of visible text: no control characters, no direction marks, single spaces."""
    if text.isprintable():  # true for most texts, and holds neither of the two kinds
        return " ".join(text.split())
    return " ".join(_CONTROL.sub(" ", _MARK.sub("", text)).split())


def unstructured(name: str, text: str) -> str:
    """A field of free text, such as Subject."""
    text = clean(text)
    return _fold(name, text.split(" ") if _is_plain(text) else _encoded_words(text))


def mailbox(name: str, display_name: str, address: str) -> str:
    """A field that holds one mailbox, such as From. An empty display name is left out."""
    display_name = clean(display_name)
    # Always quoted: a name may hold parentheses, commas or dots (RFC 5322 §3.2.4).
    quoted = display_name.replace("\\", "\\\\").replace('"', '\\"')
    words: list[str] = []
    if display_name:
        words = f'"{quoted}"'.split(" ") if _is_plain(quoted) else _encoded_words(display_name)
    return _fold(name, [*words, f"<{_NOT_IN_ADDRESS.sub('', address)}>"])


def message_ids(name: str, ids: Sequence[str]) -> str:
    """A field that holds Message-IDs (given without angle brackets), such as References."""
    return _fold(name, [f"<{_NOT_IN_ADDRESS.sub('', one)}>" for one in ids])


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that the HTML shows: `cid:<content_id>`. coded: its bytes as base64 with CRLF line ends."""

    content_id: str
    mime_type: str
    coded: bytes

    @classmethod
    def of(cls, content_id: str, mime_type: str, data: bytes) -> "Image":
        """Encode it once for all mails that bear it."""
        return cls(content_id, mime_type, encodebytes(data).replace(b"\n", b"\r\n"))


def assemble(fields: Iterable[str], text: str, html: str, boundary: str, image: Image | None = None) -> bytes:
    """The whole mail: CRLF line ends, body lines of at most 76 octets, not dot-stuffed.

    boundary: 1 to 67 hexadecimal digits; `=_` is put before it, which quoted-printable never holds (RFC 2045 §6.7).
    image: goes with the HTML, as one of two related parts (RFC 2387).
    """
    head = "\r\n".join(fields).encode("utf-8", "replace")
    line = b"\r\n--=_" + boundary.encode("ascii")
    page = b"\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    page += quoted_printable(html)
    return b"".join(
        (
            head,
            b'\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n boundary="',
            line[4:],
            b'"\r\n',
            line,
            b"\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
            quoted_printable(text),
            line,
            page if image is None else _related(page, image, b"r" + boundary.encode("ascii")),
            line,
            b"--\r\n",
        )
    )


def _related(page: bytes, image: Image, boundary: bytes) -> bytes:
    """The HTML part and its picture. boundary: begins with no hexadecimal digit, so neither begins like the other."""
    line = b"\r\n--=_" + boundary
    kind, content_id = image.mime_type.encode("ascii"), image.content_id.encode("ascii")
    return b"".join(
        (
            b'\r\nContent-Type: multipart/related; type="text/html";\r\n boundary="',
            line[4:],
            b'"\r\n',
            line,
            page,
            line,
            b"\r\nContent-Type: " + kind + b"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: inline",
            b"\r\nContent-ID: <" + content_id + b">\r\n\r\n",
            image.coded,
            line,
            b"--\r\n",
        )
    )


def quoted_printable(text: str) -> bytes:
    """The text as quoted-printable UTF-8 with CRLF line ends (RFC 2045 §6.7). Half characters become question marks."""
    data = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")
    coded = binascii.b2a_qp(data)
    if b" \n" in data or b"\t\n" in data or data.endswith((b" ", b"\t")):
        # binascii encodes a blank at the end of a full line without looking at the length.
        coded = _LATE_BLANK.sub(rb"\1=\n\2", coded)
    if b"From " in coded:
        # Mailbox files and old relays put ">" before such a line, which would break a DKIM signature.
        coded = _FROM_LINE.sub(b"=46=\n", coded)
    return coded.replace(b"\n", b"\r\n")


def _is_plain(text: str) -> bool:
    """Whether a cleaned text may stand in a field as it is: ASCII, not looking encoded, words that fit a line."""
    return text.isascii() and "=?" not in text and (len(text) <= 60 or max(map(len, text.split(" "))) <= 60)


def _encoded_words(text: str) -> list[str]:
    """RFC 2047 §5 (3): every encoded word holds whole characters."""
    data, words, start = text.encode("utf-8"), [], 0
    while start < len(data):
        end = min(start + _WORD_BYTES, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        words.append(f"=?utf-8?b?{b64encode(data[start:end]).decode('ascii')}?=")
        start = end
    return words


def _fold(name: str, tokens: list[str]) -> str:
    """Join tokens with single spaces, going to a new line rather than over the limit; a token is never broken."""
    field = f"{name}: {' '.join(tokens)}"
    if len(field) <= _LINE:
        return field.rstrip(" ")
    lines: list[str] = []
    line = f"{name}: {tokens[0]}"
    for token in tokens[1:]:
        if len(line) + 1 + len(token) > _LINE:
            lines.append(line)
            line = ""
        line += f" {token}"
    return "\r\n".join([*lines, line])

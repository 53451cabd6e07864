"""Transfer encodings: from the characters on the wire to the bytes of a part (RFC 2045 §6), damaged ones too."""

import binascii
import re

_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))
_PADDING = re.compile(rb"=+")
_PIECES = 1_000  # base64 texts one after the other in one part
_UUENCODE = frozenset({"x-uuencode", "uuencode", "x-uue", "uue"})
_IDENTITY = frozenset({"", "7bit", "8bit", "binary", "7-bit", "8-bit", "none", "utf-8"})
_BEGIN = re.compile(r"^begin 0?[0-7]{3} (\S[^\n]*)$", re.MULTILINE)
_MAX_UUENCODED = 100  # files in one text; what comes after them stays text


def decode(data: bytes, encoding: str, defects: list[str]) -> bytes:
    """Undo a Content-Transfer-Encoding. Damage is decoded as far as it goes and named in `defects`."""
    encoding = encoding.strip().strip("\"'").partition(";")[0].partition(" ")[0].lower()
    if encoding == "base64":
        return _base64(data, defects)
    if encoding in ("quoted-printable", "quotedprintable", "quoted_printable"):
        return binascii.a2b_qp(data)
    if encoding in _UUENCODE:
        found = split_uuencoded(data.decode("latin-1"))[1]
        if found:
            return found[0][1]
        defects.append("A part calls itself uuencoded and is not.")
    elif encoding not in _IDENTITY:
        defects.append("A part has an unknown transfer encoding.")
    return data


def _base64(data: bytes, defects: list[str]) -> bytes:
    if _is_plain_text(data):
        defects.append("A part calls itself base64 and is not.")
        return data
    clean = data.translate(None, _NOT_BASE64)
    # Decoding stops at padding; texts that were joined, each with its own padding, are decoded one by one.
    pieces = [clean]
    if b"=" in clean[:-2].rstrip(b"="):
        pieces = _PADDING.split(clean, _PIECES)
    decoded = b"".join(_base64_piece(piece, defects) for piece in pieces)
    if clean and not decoded:
        return data
    return decoded


def _base64_piece(piece: bytes, defects: list[str]) -> bytes:
    try:
        return binascii.a2b_base64(piece)
    except binascii.Error:
        piece = piece.replace(b"=", b"")
        if len(piece) % 4 == 1:
            defects.append("A base64 part is cut or damaged.")
            piece = piece[:-1]
        return binascii.a2b_base64(piece + b"=" * (-len(piece) % 4))


def _is_plain_text(data: bytes) -> bool:
    """Whether something that is said to be base64 is running text: words with blanks between them."""
    head = data[:400].strip()
    return head.count(b" ") > 2 and b" " in head.split(b"\n", 1)[0].strip()


def split_uuencoded(text: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Take uuencoded files out of a text: (the text without them, (name, bytes) of each). Linear in the text."""
    if "begin " not in text:
        return text, []
    files: list[tuple[str, bytes]] = []
    kept: list[str] = []
    position = 0
    for begin in _BEGIN.finditer(text):
        if begin.start() < position:
            continue
        if len(files) >= _MAX_UUENCODED:
            break
        data, end = _uuencoded_lines(text, begin.end() + 1)
        if data:
            files.append((begin[1].strip(), data))
            kept.append(text[position : begin.start()])
            position = end
    kept.append(text[position:])
    return "".join(kept), files


def _uuencoded_lines(text: str, position: int) -> tuple[bytes, int]:
    """The bytes of the uuencoded lines from `position`, and where the text after them goes on."""
    data: list[bytes] = []
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        line = text[position:end].rstrip("\r")
        if line in ("`", " ", ""):  # a line of no bytes ends the file; "end" follows
            follows = text[end + 1 : end + 5].rstrip()
            return b"".join(data), end + 5 if follows == "end" else position
        if line.rstrip() == "end":
            return b"".join(data), end + 1
        # The first character says how many bytes the line holds; four characters stand for three of them.
        length = (ord(line[0]) - 32) & 63
        if not length <= len(line) - 1 <= -(-length // 3) * 4 + 2:
            break
        try:
            data.append(binascii.a2b_uu(line))
        except (binascii.Error, ValueError):
            break
        position = end + 1
    return b"".join(data), min(position, len(text))

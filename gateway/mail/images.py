"""Images of strangers: their size, and the same image without what tells where it was taken.

Theory of operation. No image is decoded here: not a pixel changes, animations stay as they are, and no decoder meets a
stranger's bytes. JPEG, PNG, WebP and GIF are chains of parts; they are written again from the parts that show the
image and its colours. What else a camera or a program adds (Exif, XMP, IPTC, previews, a film behind the photo) stays
out, but for the orientation, without which a photo lies on its side. In other formats, and in images too broken to be
taken apart, the location is overwritten where it stands, so that nothing moves. All of it takes linear time.
"""

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final, NamedTuple

MAX_PIXELS: Final = 120_000_000  # a camera of 108 megapixels is for sale; a viewer of more runs out of memory

_ORIENTATION, _GPS, _WIDTH, _HEIGHT = 0x0112, 0x8825, 0x0100, 0x0101  # Exif 2.32 §4.6.4, §4.6.3, TIFF 6.0 §8
_XMP, _IPTC, _PHOTOSHOP = 0x02BC, 0x83BB, 0x8649  # blocks of text and tables; both may name a place
_TIFF_HEADER = re.compile(rb"II\*\0|MM\0\*|II\xbc\x01")  # the last one is JPEG XR, built alike
_TYPE_SIZES: Final = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4)  # bytes of one value, by the number of its type
_SHORT: Final = 3  # the type of a number of two bytes
_MOST_SEGMENTS: Final = 10_000
_LONGEST_XMP: Final = 0xFFFF  # bytes to overwrite when its end is missing
_MOST_BLOCKS, _MOST_DIRECTORIES, _MOST_FIELDS = 100, 50, 200

# RFC 2083 and the PNG extensions: the parts that show something.
_PNG_PARTS: Final = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP sBIT pHYs bKGD hIST sPLT cICP mDCV cLLI acTL fcTL fdAT".split()
)
_WEBP_PARTS: Final = frozenset((b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))
_GIF_EXTENSIONS: Final = (b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012")  # how often to repeat; colours
_SOI, _EOI, _SOS, _APP0, _APP1, _APP2, _APP14, _APP15, _COM = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_SHOWN: Final = {_APP0: b"JFIF\0", _APP2: b"ICC_PROFILE\0", _APP14: b"Adobe"}
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # ITU T.81 §B.1.1.5: in a scan, FF is followed by 00 or RSTn


class _Damaged(Exception):
    """The image cannot be taken apart."""


def without_location(mime_type: str, data: bytes) -> bytes:
    """The same image without what tells where it was taken; orientation and colours stay.

    mime_type: as `file_types.detect` names it. A broken image is given back as broken as it was. Never raises.
    """
    taken_apart = _FORMATS.get(mime_type)
    if taken_apart is not None:
        try:
            return taken_apart(data)
        except (_Damaged, struct.error, IndexError):
            pass  # a viewer may still show some of it: it stays, as the docstring says
    return data if mime_type == "image/svg+xml" else _overwritten(data)


def size(mime_type: str, data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels as the image declares them; None when that cannot be read. Never raises."""
    read = _SIZES.get(mime_type)
    try:
        return read(data) if read is not None else None
    except (_Damaged, struct.error, IndexError):
        return None


# ------------------------------------------------------------------------------------------------------------- JPEG


def _jpeg(data: bytes) -> bytes:
    kept = [data[:2]]
    for marker, start, end in _jpeg_segments(data):
        content = data[start + 4 : start + 24]
        if marker == _APP1 and content.startswith(b"Exif\0"):
            exif = _orientation_alone(data[start + 10 : end])
            if exif:
                kept.append(struct.pack(">2BH", 0xFF, _APP1, len(exif) + 8) + b"Exif\0\0" + exif)
        elif marker in _JPEG_SHOWN:
            if content.startswith(_JPEG_SHOWN[marker]):
                kept.append(data[start:end])
        elif not _APP0 <= marker <= _APP15 and marker != _COM:
            kept.append(data[start:end])
    return b"".join(kept)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of each segment up to the end of the image; a scan belongs to its header (ITU T.81 §B.1)."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        if data[at] != 0xFF:
            raise _Damaged
        while data[at + 1] == 0xFF:  # fill bytes
            at += 1
        marker = data[at + 1]
        if marker == _EOI:
            yield marker, at, at + 2
            return  # what follows is another image, or a film
        (length,) = struct.unpack_from(">H", data, at + 2)
        end = at + 2 + length
        if length < 2 or marker < 0xC0 or 0xD0 <= marker <= _SOI or end > len(data):
            raise _Damaged
        if marker == _SOS:
            following = _AFTER_SCAN.search(data, end)
            if following is None:
                raise _Damaged
            end = following.start()
        yield marker, at, end
        at = end
    raise _Damaged


def _jpeg_size(data: bytes) -> tuple[int, int]:
    for marker, start, _ in _jpeg_segments(data):
        if marker in _SOF:
            height, width = struct.unpack_from(">2H", data, start + 5)
            return width, height
    raise _Damaged


# -------------------------------------------------------------------------------------------------------------- PNG


def _png(data: bytes) -> bytes:
    kept = [data[:8]]
    at, kind = 8, b""
    while kind != b"IEND":
        (length,) = struct.unpack_from(">L", data, at)
        kind, end = data[at + 4 : at + 8], at + 12 + length
        if end > len(data):
            raise _Damaged
        if kind in _PNG_PARTS:
            kept.append(data[at:end])
        elif kind == b"eXIf" and (exif := _orientation_alone(data[at + 8 : end - 4])):
            kept.append(struct.pack(">L", len(exif)) + kind + exif + struct.pack(">L", zlib.crc32(kind + exif)))
        at = end
    return b"".join(kept)


def _png_size(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">2L", data, 16)
    return width, height


# ------------------------------------------------------------------------------------------------------------- WebP


def _webp(data: bytes) -> bytes:
    parts: list[bytes] = []
    exif = b""
    for kind, start, end in _webp_chunks(data):
        if kind in _WEBP_PARTS:
            parts.append(data[start - 8 : end] + b"\0" * (end - start & 1))
        elif kind == b"EXIF":
            exif = _orientation_alone(data[start:end].removeprefix(b"Exif\0\0"))
    if exif:
        parts.append(b"EXIF" + struct.pack("<L", len(exif)) + exif)
    if parts and parts[0].startswith(b"VP8X"):
        # The flags say which parts follow: 8 for Exif, 4 for XMP.
        parts[0] = parts[0][:8] + bytes([parts[0][8] & ~0x0C | (0x08 if exif else 0)]) + parts[0][9:]
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<L", len(body)) + body


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start, end) of the content of each chunk (RFC 9649 §2.3)."""
    (length,) = struct.unpack_from("<L", data, 4)
    if length + 8 > len(data) + 1:
        raise _Damaged
    at = 12
    while at + 8 <= length + 8:
        (chunk,) = struct.unpack_from("<L", data, at + 4)
        if at + 8 + chunk > len(data):
            raise _Damaged
        yield data[at : at + 4], at + 8, at + 8 + chunk
        at += 8 + chunk + (chunk & 1)


def _webp_size(data: bytes) -> tuple[int, int]:
    kind, start, _ = next(_webp_chunks(data), (b"", 0, 0))
    if kind == b"VP8X":
        width, high, height, higher = struct.unpack_from("<HBHB", data, start + 4)
        return 1 + (high << 16 | width), 1 + (higher << 16 | height)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<L", data, start + 1)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<2H", data, start + 6)
        return width & 0x3FFF, height & 0x3FFF
    raise _Damaged


# -------------------------------------------------------------------------------------------------------------- GIF


def _gif(data: bytes) -> bytes:
    at = 13 + _gif_colours(data[10])
    kept = [data[:at]]
    while (introducer := data[at]) != 0x3B:
        if introducer == 0x21:  # an extension: comments and applications may tell anything
            begin, label = at + 2, data[at + 1]
            shown = label in (0x01, 0xF9) or (label == 0xFF and data[at + 3 : at + 14] in _GIF_EXTENSIONS)
        elif introducer == 0x2C:  # an image
            begin, shown = at + 11 + _gif_colours(data[at + 9]), True
        else:
            raise _Damaged
        end = _gif_blocks_end(data, begin)
        if shown:
            kept.append(data[at:end])
        at = end
    return b"".join((*kept, b";"))


def _gif_colours(flags: int) -> int:
    """Bytes of the colour table that follows (GIF89a §19)."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _gif_blocks_end(data: bytes, at: int) -> int:
    while length := data[at]:
        at += 1 + length
    return at + 1


def _gif_size(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<2H", data, 6)
    return width, height


# -------------------------------------------------------------------------------------------------- TIFF, and others


class _Field(NamedTuple):
    """A field of a TIFF directory. start, end: where its value stands. number: the value, when it is one number."""

    tag: int
    directory: int
    in_gps: bool
    start: int
    end: int
    number: int


def _fields(data: bytes, base: int) -> Iterator[_Field]:
    """The fields of the TIFF that begins at base, and those of its GPS directory, as far as they are intact."""
    order = "<" if data[base : base + 1] == b"I" else ">"
    todo = [(struct.unpack_from(f"{order}L", data, base + 4)[0], False)]
    seen: set[int] = set()
    while todo and len(seen) < _MOST_DIRECTORIES:
        offset, in_gps = todo.pop()
        at = base + offset
        if offset == 0 or offset in seen or at + 2 > len(data):
            continue
        seen.add(offset)
        (count,) = struct.unpack_from(f"{order}H", data, at)
        for position in range(at + 2, at + 2 + 12 * min(count, _MOST_FIELDS), 12):
            if position + 12 > len(data):
                return
            tag, kind, values = struct.unpack_from(f"{order}2HL", data, position)
            length = values * (_TYPE_SIZES[kind] if kind < len(_TYPE_SIZES) else 1)
            (number,) = struct.unpack_from(f"{order}H" if kind == _SHORT else f"{order}L", data, position + 8)
            start = position + 8 if length <= 4 else base + number
            if tag == _GPS and not in_gps:
                todo.append((number, True))
            yield _Field(tag, at, in_gps, start, min(len(data), start + length), number)
        if not in_gps and at + 6 + 12 * count <= len(data):
            todo.append((struct.unpack_from(f"{order}L", data, at + 2 + 12 * count)[0], False))


def _orientation_alone(exif: bytes) -> bytes:
    """Exif that says nothing but the orientation, b"" when the image stands upright or nothing can be read."""
    if len(exif) < 8 or not _TIFF_HEADER.match(exif):
        return b""
    for field in _fields(exif, 0):
        if field.tag == _ORIENTATION and not field.in_gps and 2 <= field.number <= 8:
            return struct.pack(">2s H L H 2H L 2H L", b"MM", 42, 8, 1, _ORIENTATION, _SHORT, 1, field.number, 0, 0)
    return b""


def _overwritten(data: bytes) -> bytes:
    """The image with zeros where it tells the location; a directory without fields is a valid one."""
    spans: list[tuple[int, int]] = []
    for header in islice(_TIFF_HEADER.finditer(data, 0, len(data) - 8), _MOST_BLOCKS):
        for field in _fields(data, header.start()):
            if field.in_gps:
                spans += (field.start, field.end), (field.directory, field.directory + 2)
            elif field.tag in (_XMP, _IPTC, _PHOTOSHOP):
                spans.append((field.start, field.end))
    end = 0
    while (begin := data.find(b"<x:xmpmeta", end)) >= 0:
        closing = data.find(b"</x:xmpmeta>", begin)
        end = closing if closing >= 0 else min(len(data), begin + _LONGEST_XMP)
        spans.append((begin, end))
    filled, done = bytearray(data), 0
    for begin, end in sorted(spans):
        begin = max(begin, done)  # spans may overlap a thousandfold
        if begin < end:
            filled[begin:end] = bytes(end - begin)
            done = end
    return bytes(filled)


def _tiff_size(data: bytes) -> tuple[int, int]:
    numbers = {field.tag: field.number for field in _fields(data, 0) if field.tag in (_WIDTH, _HEIGHT)}
    if len(numbers) < 2:
        raise _Damaged
    return numbers[_WIDTH], numbers[_HEIGHT]


def _heif_size(data: bytes) -> tuple[int, int]:
    """The largest of its images: the whole one, its tiles and its preview say their sizes (ISO 23008-12 §6.5.3)."""
    found = [match.end() + 4 for match in islice(re.finditer(rb"ispe", data), _MOST_BLOCKS)]
    sizes: list[tuple[int, int]] = [struct.unpack_from(">2L", data, at) for at in found if at + 8 <= len(data)]
    if not sizes:
        raise _Damaged
    return max(sizes, key=lambda size: size[0] * size[1])


def _bmp_size(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<2l", data, 18)
    return abs(width), abs(height)  # a negative height: its rows stand from top to bottom


_FORMATS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/apng": _png,
    "image/webp": _webp,
    "image/gif": _gif,
}
_SIZES: Final[dict[str, Callable[[bytes], tuple[int, int]]]] = {
    "image/jpeg": _jpeg_size,
    "image/png": _png_size,
    "image/apng": _png_size,
    "image/webp": _webp_size,
    "image/gif": _gif_size,
    "image/tiff": _tiff_size,
    "image/heic": _heif_size,
    "image/avif": _heif_size,
    "image/bmp": _bmp_size,
}

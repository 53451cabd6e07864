"""A ZIP looked into without unpacking it: may a person open it without harm (APPNOTE.TXT 6.3.10)?

Theory of operation. Programs that unpack disagree about damaged and clever archives, and what they disagree about is
where harm hides. So the directory is read here, more strictly than the standard library does: it must end the file,
every entry must lie before it, under one name, and none on another. What is left reads the same everywhere.

The size that an entry declares is believed only after inflating it piece by piece, every piece thrown away: no more
than `MAX_UNPACKED` bytes in all, no more than was declared. Hence the time is linear in the file plus a constant.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.sentences import Sentence

MAX_ENTRIES: Final = 1_000
MAX_UNPACKED: Final = 100 * 1024 * 1024  # bytes of all entries together
MAX_RATIO: Final = 200  # unpacked bytes for each byte of the file …
RATIO_COUNTS_FROM: Final = 10 * 1024 * 1024  # … once there are this many: an empty table packs well, too
_PIECE: Final = 64 * 1024
_HEAD: Final = 512  # first bytes of an entry that tell what it is


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Last parts of names under which a desktop runs a file when it is opened, whatever it holds.
PROGRAMS: Final = _words(
    "action ade adp apk app application appref-ms appx bas bash bat cab chm cmd com command cpl csh desktop dll docm "
    "dotm ear exe gadget hlp hta inf ins ipa isp jar jnlp js jse ksh lib lnk mam mde mjs msc msh msi msix msp mst "
    "ocx osx out pif pkg potm ppam ppsm pptm prg ps1 ps2 psc1 psd1 psm1 py pyc pyw rb reg rgs rpm run scf scpt scr "
    "sct settingcontent-ms sh shb shs sldm sys url vb vbe vbs vbscript vxd war website workflow ws wsc wsf wsh xbap "
    "xlam xll xlsb xlsm xltm xpi zsh"
)
_ARCHIVES: Final = _words(
    "7z ace alz arc arj br bz bz2 cbr cbz cpio deb dmg gz img iso lha lz lz4 lzh lzma r00 rar tar taz tbz tbz2 "
    "tgz txz udf vhd vhdx wim xz z zip zipx zst"
)
#: Documents that are ZIPs by their bytes; inside an archive they count as one file.
_DOCUMENTS: Final = _words(
    "docx dotx epub idml key kmz numbers odb odc odf odg odi odp ods odt oxps pages potx ppsx pptx usdz vsdx xlsx "
    "xltx xps"
)
_PROGRAM_HEADS: Final = (
    b"\x7fELF",
    b"\xfe\xed\xfa\xce",  # Mach-O, in both orders and sizes
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",  # Java, or Mach-O for several processors
    b"L\x00\x00\x00\x01\x14\x02\x00",  # a Windows shortcut
    b"dex\n",
    b"\x00asm",
    b"#!",
)
_ARCHIVE_HEADS: Final = (
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"Rar!\x1a\x07",
    b"7z\xbc\xaf\x27\x1c",
    b"\x1f\x8b\x08",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"\x28\xb5\x2f\xfd",
    b"\x04\x22\x4d\x18",
    b"LZIP",
    b"MSCF",
    b"\x60\xea",  # ARJ
    b"!<arch>",
    b"\xed\xab\xee\xdb",
)
# What makes a ZIP something else than an archive, by the names inside.
_KINDS: Final = (
    (re.compile(r"androidmanifest\.xml\Z"), "it is an Android program"),
    (re.compile(r"meta-inf/manifest\.mf\Z|.*\.class\Z"), "it is a Java program"),
    (re.compile(r"payload/[^/]+\.app/"), "it is an iOS program"),
    (re.compile(r"\[content_types\]\.xml\Z"), "it is an Office document, no archive"),
)
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


class _Objection(Exception):
    """Why an archive is not taken, in words for the person who sent it."""

    def __init__(self, text: str, **values: str | float) -> None:
        super().__init__(text)
        self.reason = Sentence(text, **values)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of the directory. start: where its local header begins. names: more than one when it has an alias."""

    raw_name: bytes
    names: tuple[str, ...]
    flags: int
    method: int
    packed: int
    size: int
    start: int
    is_link: bool

    @property
    def shown(self) -> str:
        """The name as it can be read out."""
        name = _CONTROLS.sub("", self.names[0])
        return name if len(name) <= 100 else f"{name[:60]}…{name[-39:]}"


def objection(data: bytes) -> Sentence | None:
    """Why a ZIP cannot be taken, in words for its sender; None when nothing speaks against it. Never raises."""
    try:
        _check(data)
    except _Objection as objecting:
        return objecting.reason
    return None


def is_program(filename: str) -> bool:
    """Whether a desktop would run a file of that name when it is opened."""
    return _extension(filename) in PROGRAMS


def _check(data: bytes) -> None:
    start, size, count = _directory(data)
    if count > MAX_ENTRIES:
        raise _Objection("the ZIP holds %(count)s files, at most %(limit)s are taken", count=count, limit=MAX_ENTRIES)
    entries = list(_entries(data, start, start + size))
    if len(entries) != count:
        raise _Objection("the ZIP is damaged")
    _check_kind(entries)
    total = sum(entry.size for entry in entries)
    if total > MAX_UNPACKED:
        sizes = {"size": total // 1024**2, "limit": MAX_UNPACKED // 1024**2}
        raise _Objection("the ZIP unpacks to %(size)s MiB, at most %(limit)s MiB are taken", **sizes)
    if total > RATIO_COUNTS_FROM and total > MAX_RATIO * len(data):
        raise _Objection("the ZIP unpacks to %(times)s times its size", times=total // len(data))
    for entry in entries:
        _check_names(entry)
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.start):
        if entry.start < end:
            raise _Objection("files inside the ZIP overlap")
        begin, end = _extent(data, entry, start)
        _check_content(entry, data, begin, end)


def _directory(data: bytes) -> tuple[int, int, int]:
    """Offset, bytes and entries of the central directory, which must stand right before the end record (§4.3.16)."""
    end = data.rfind(b"PK\x05\x06", max(0, len(data) - 22 - 0xFFFF))
    if end < 0 or len(data) - end < 22:
        raise _Objection("the ZIP is damaged")  # it has no directory
    disk, first_disk, here, count, size, start, comment = struct.unpack_from("<4H2LH", data, end + 4)
    if end + 22 + comment != len(data):
        raise _Objection("the ZIP is damaged")  # something follows its end
    if end >= 20 and data[end - 20 : end - 16] == b"PK\x06\x07":  # ZIP64, which some programs always write (§4.3.14)
        (end,) = struct.unpack_from("<Q", data, end - 12)
        if data[end : end + 4] != b"PK\x06\x06" or end + 56 > len(data):
            raise _Objection("the ZIP is damaged")  # it has no directory
        disk, first_disk, here, count, size, start = struct.unpack_from("<2L4Q", data, end + 16)
    if disk or first_disk or here != count:
        raise _Objection("the ZIP is one part of several")
    if start + size != end:
        raise _Objection("the ZIP is damaged")  # its directory is not where it should be
    return start, size, count


def _entries(data: bytes, at: int, end: int) -> Iterator[_Entry]:
    """The lines of the directory (§4.3.12), at most one more than are allowed."""
    for _ in range(MAX_ENTRIES + 1):
        if at == end:
            return
        if at + 46 > end or data[at : at + 4] != b"PK\x01\x02":
            raise _Objection("the ZIP is damaged")  # its directory cannot be read
        flags, method = struct.unpack_from("<2H", data, at + 8)
        packed, size, name_size, extra_size, comment_size = struct.unpack_from("<2L3H", data, at + 20)
        attributes, start = struct.unpack_from("<2L", data, at + 38)
        name_end = at + 46 + name_size
        following = name_end + extra_size + comment_size
        if following > end:
            raise _Objection("the ZIP is damaged")  # its directory cannot be read
        raw_name, extra = data[at + 46 : name_end], data[name_end : name_end + extra_size]
        names = [raw_name.decode("utf-8" if flags & 0x800 else "cp437", "replace")]
        for kind, value in _extras(extra):
            if kind == 0x0001:
                size, packed, start = _long_sizes(value, size, packed, start)
            elif kind == 0x7075:  # Info-ZIP Unicode Path (§4.6.9): some programs unpack under this name
                names.append(value[5:].decode("utf-8", "replace"))
        is_link = attributes >> 28 == 0o12  # the upper half is the mode of Unix: S_IFLNK
        yield _Entry(raw_name, tuple(names), flags, method, packed, size, start, is_link)
        at = following


def _extras(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """The extra fields of an entry, as far as they are intact (§4.5)."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, at)
        yield kind, extra[at + 4 : at + 4 + size]
        at += 4 + size


def _long_sizes(value: bytes, *numbers: int) -> tuple[int, ...]:
    """Size, packed size and offset, where all ones say that they stand in the ZIP64 field in that order (§4.5.3)."""
    longs = iter(struct.unpack_from(f"<{len(value) // 8}Q", value))
    return tuple(next(longs, number) if number == 0xFFFFFFFF else number for number in numbers)


def _check_kind(entries: list[_Entry]) -> None:
    # OpenDocument 1.3 part 2 §3.3 and EPUB OCF §4.3: a file of that name comes first.
    if entries and entries[0].names[0] == "mimetype":
        raise _Objection("it is a document, no archive")
    for entry in entries:
        for shape, kind in _KINDS:
            if shape.match(entry.names[0].lower()):
                raise _Objection(kind)


def _check_names(entry: _Entry) -> None:
    """Names that write elsewhere, run, or hide what they are."""
    for name in entry.names:
        steps = name.replace("\\", "/").split("/")
        if name.startswith(("/", "\\")) or ":" in steps[0] or ".." in steps:
            raise _Objection("a file inside the ZIP would be written outside its folder: %(name)s", name=entry.shown)
        if "\0" in name or entry.is_link:
            raise _Objection("a file inside the ZIP is not what it seems: %(name)s", name=entry.shown)
        if is_program(name):
            raise _Objection("a program inside the ZIP: %(name)s", name=entry.shown)
        if _extension(name) in _ARCHIVES:
            raise _Objection("an archive inside the ZIP: %(name)s", name=entry.shown)
    if entry.flags & 0x2041:  # encrypted, strongly, or its directory as well (§4.4.4)
        raise _Objection("a file inside the ZIP is encrypted: %(name)s", name=entry.shown)
    if entry.method not in (0, 8):
        raise _Objection("a file inside the ZIP is packed in a rare way: %(name)s", name=entry.shown)


def _extension(name: str) -> str:
    # Windows drops blanks and dots at the end of a name, so that "setup.exe. " runs; it never shows the marks.
    return _CONTROLS.sub("", name.rpartition("/")[2]).rstrip(". ").rpartition(".")[2].strip().lower()


def _extent(data: bytes, entry: _Entry, directory: int) -> tuple[int, int]:
    """Where the packed bytes of an entry begin and end; its local header must say the same name (§4.3.7)."""
    at = entry.start
    if data[at : at + 4] != b"PK\x03\x04" or at + 30 > directory:
        raise _Objection("the ZIP is damaged")  # its directory is wrong
    name_size, extra_size = struct.unpack_from("<2H", data, at + 26)
    begin = at + 30 + name_size + extra_size
    if data[at + 30 : at + 30 + name_size] != entry.raw_name or begin + entry.packed > directory:
        raise _Objection("the ZIP is damaged")  # its directory is wrong
    return begin, begin + entry.packed


def _check_content(entry: _Entry, data: bytes, begin: int, end: int) -> None:
    """Look at the first bytes, and at how many there are."""
    head, size = _measure(entry, data, begin, end)
    if size != entry.size:
        raise _Objection("the ZIP lies about the size of a file inside: %(name)s", name=entry.shown)
    is_program_head = head.startswith(_PROGRAM_HEADS) or (head.startswith(b"MZ") and b"\0" in head)
    if is_program_head:
        raise _Objection("a program inside the ZIP: %(name)s", name=entry.shown)
    is_archive_head = head.startswith(_ARCHIVE_HEADS) or head[257:262] == b"ustar"
    if is_archive_head and not any(_extension(name) in _DOCUMENTS for name in entry.names):
        raise _Objection("an archive inside the ZIP: %(name)s", name=entry.shown)


def _measure(entry: _Entry, data: bytes, begin: int, end: int) -> tuple[bytes, int]:
    """The first bytes of an entry, and how many it unpacks to; the count stops beyond what it declares."""
    if entry.method == 0:
        return data[begin : min(end, begin + _HEAD)], end - begin
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    head, size = b"", 0
    try:
        while size <= entry.size and not inflater.eof and (begin < end or inflater.unconsumed_tail):
            packed = inflater.unconsumed_tail
            if not packed:
                packed = data[begin : min(end, begin + _PIECE)]
                begin += len(packed)
            piece = inflater.decompress(packed, _PIECE)
            head = head or piece[:_HEAD]
            size += len(piece)
        size += len(inflater.flush(1)) if size <= entry.size else 0
    except zlib.error:
        raise _Objection("a file inside the ZIP is damaged: %(name)s", name=entry.shown) from None
    return head, size

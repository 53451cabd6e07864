"""ZIP archives of the simplest kind: stored members one after the other; nothing before, between or behind them.

    header, bytes │ header, bytes │ … │ directory: an entry for each member │ end

Programs disagree about archives that are not simple: which of two directories counts, or which of two members of one
name, and whether a member may be a link. So an archive of ours has one form for its members, down to the last byte, and
one that differs from it anywhere is refused. Nothing is compressed, so nothing unfolds to more than is there.

The numbers of the sections are those of PKWARE's APPNOTE 6.3.10.
"""

import hashlib
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from gateway.errors import Invalid, Problem, TooLarge

CHUNK = 1 << 20  # bytes in memory at the same time

_LOCAL = struct.Struct("<4s5H3I2H")  # §4.3.7
_ENTRY = struct.Struct("<4s6H3I5H2I")  # §4.3.12
_END = struct.Struct("<4s4H2IH")  # §4.3.16
_LOCAL_MARK, _ENTRY_MARK, _END_MARK = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"

_VERSION = 20  # folders (§4.4.3.2)
_UNIX = 3 << 8  # §4.4.2: names and rights as on Unix
_FILE = 0o100644 << 16  # a file that its owner may change
_MIDNIGHT, _DAY = 0, 0x21  # 1980-01-01: when a member was written says nothing, the manifest tells times

_MOST_MEMBERS = 0xFFFE  # more, and more bytes than an offset can tell, need ZIP64
_MOST_BYTES = 0xFFFFFFFE
_NAME = re.compile(r"(?:[a-z]{1,16}/)?[a-z0-9][a-z0-9-]{0,39}\.[a-z0-9]{1,8}")
_LONGEST_NAME = 66


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive. offset: of its header; crc: CRC-32 of its bytes."""

    name: str
    size: int
    crc: int
    offset: int

    @property
    def begin(self) -> int:
        """Where its bytes begin."""
        return self.offset + _LOCAL.size + len(self.name)

    @property
    def end(self) -> int:
        """Where they end, and the next header begins."""
        return self.begin + self.size

    def header(self) -> bytes:
        """What stands before its bytes."""
        fields = (_VERSION, 0, 0, _MIDNIGHT, _DAY, self.crc, self.size, self.size, len(self.name), 0)
        return _LOCAL.pack(_LOCAL_MARK, *fields) + self.name.encode("ascii")

    def entry(self) -> bytes:
        """What stands about it in the directory."""
        known = (_UNIX + _VERSION, _VERSION, 0, 0, _MIDNIGHT, _DAY, self.crc, self.size, self.size, len(self.name))
        return _ENTRY.pack(_ENTRY_MARK, *known, 0, 0, 0, 0, _FILE, self.offset) + self.name.encode("ascii")


class Writer:
    """Writes an archive to an empty file that can seek."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._members: dict[str, Member] = {}
        self._end = 0

    def add(self, name: str, chunks: Iterable[bytes]) -> tuple[int, str]:
        """Add a member as its bytes come. Returns how many they are, and their SHA-256 (hex). Raises TooLarge."""
        if not _NAME.fullmatch(name) or name in self._members:
            raise ValueError(f"no name for a member: {name}")
        member = Member(name, 0, 0, self._end)
        self._file.seek(member.begin)
        size, crc, digest = 0, 0, hashlib.sha256()
        for chunk in chunks:
            size, crc = size + len(chunk), zlib.crc32(chunk, crc)
            digest.update(chunk)
            self._check(member.begin + size)
            self._file.write(chunk)
        member = Member(name, size, crc, self._end)
        self._file.seek(member.offset)
        self._file.write(member.header())
        self._members[name] = member
        self._end = member.end
        return size, digest.hexdigest()

    def close(self) -> None:
        """Write the directory. Raises TooLarge."""
        self._file.seek(self._end)
        length = 0
        for member in self._members.values():
            length += self._file.write(member.entry())
        self._check(self._end + length)
        self._file.write(_end(len(self._members), length, self._end))

    def _check(self, size: int) -> None:
        if size > _MOST_BYTES or len(self._members) > _MOST_MEMBERS:
            raise TooLarge(
                f"It is more than 4 GiB, or more than {_MOST_MEMBERS:,} files: no archive of ours holds that"
            )


def _end(count: int, length: int, offset: int) -> bytes:
    """The end of an archive. length, offset: of its directory."""
    return _END.pack(_END_MARK, 0, 0, count, count, length, offset, 0)


def read(file: BinaryIO) -> tuple[Member, ...]:
    """The members of an archive, in their order. Raises Invalid for one that `Writer` would not write, and says why."""
    count, length, offset = _read_end(file)
    if length > count * (_ENTRY.size + _LONGEST_NAME):
        raise _refused("its directory is longer than its files need")
    file.seek(offset)
    directory = file.read(length)
    members: dict[str, Member] = {}
    place = end = 0
    for _ in range(count):
        member, place = _read_entry(directory, place)
        if member.name in members:
            raise _refused("there are two files of this name", member.name)
        if member.offset != end:
            raise _refused("it does not stand right behind the file before it", member.name)
        if _at(file, member.offset, member.begin) != member.header():
            raise _refused("what stands before it does not fit to the directory", member.name)
        members[member.name] = member
        end = member.end
    if place != length or end != offset:
        raise _refused("something stands between its files and its end that belongs to none of them")
    return tuple(members.values())


def _read_end(file: BinaryIO) -> tuple[int, int, int]:
    """How many members there are, and length and offset of their directory. Raises Invalid."""
    size = file.seek(0, 2)
    tail = _at(file, max(0, size - _END.size), size)
    if len(tail) < _END.size or not tail.startswith(_END_MARK):
        if _END_MARK in _at(file, max(0, size - 0x1_0100), size):
            raise _refused("something stands behind the end of the archive")
        raise _refused("it is no ZIP archive, or its end is missing")
    count, length, offset = _END.unpack(tail)[4:7]
    if tail != _end(count, length, offset) or offset + length + _END.size != size:
        raise _refused("something was put before, between or behind its files, or is missing")
    return count, length, offset


def _read_entry(directory: bytes, place: int) -> tuple[Member, int]:
    """The member of the entry at a place, and the place of the next. Raises Invalid."""
    if place + _ENTRY.size > len(directory):
        raise _refused("its directory is not whole")
    fields = _ENTRY.unpack_from(directory, place)
    method, crc, stored, size, name_length, offset = fields[4], *fields[7:11], fields[16]
    given = directory[place + _ENTRY.size : place + _ENTRY.size + name_length]
    name = given.decode("ascii", "backslashreplace")
    if not _NAME.fullmatch(name):
        raise _refused("no file of ours has such a name", repr(name[:80]))
    if method or stored != size:
        raise _refused("it is compressed, and nothing of ours is", name)
    member = Member(name, size, crc, offset)
    entry = member.entry()
    if directory[place : place + len(entry)] != entry:
        raise _refused("its entry has more to say than ours do: a link, a comment, a time", name)
    return member, place + len(entry)


def content(file: BinaryIO, member: Member) -> Iterator[bytes]:
    """The bytes of a member, in pieces."""
    file.seek(member.begin)
    left = member.size
    while left and (chunk := file.read(min(left, CHUNK))):
        left -= len(chunk)
        yield chunk


def _at(file: BinaryIO, begin: int, end: int) -> bytes:
    file.seek(begin)
    return file.read(end - begin)


def _refused(text: str, name: str = "") -> Invalid:
    return Invalid((Problem(name, text),))

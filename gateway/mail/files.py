"""Which parts of a mail are files of the message, and which are set aside, each with its reason (CONTRACT §8).

Every part ends in exactly one of two places: `Picked.files` or `Picked.set_aside`. What a person attached comes before
the images that he shows between his words; what only decorates (logos of signatures, quoted images, tracking pixels)
never takes the place of either.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from html import unescape
from itertools import islice
from typing import Final
from urllib.parse import unquote

from gateway.cases.model import ATTACHMENT_BYTES, ATTACHMENTS_PER_MESSAGE, File
from gateway.mail import archives, filenames, images, tnef
from gateway.mail.file_types import detect, is_allowed
from gateway.mail.parse import MailFile, ParsedMail
from gateway.sentences import Sentence

#: Above one of these the work on a mail is heavy (HARDENING rule 18).
SMALL_MAIL: Final = 256 * 1024  # bytes
FEW_PARTS: Final = 50

_ICON = 48  # pixels a side: marks of social networks, bullets, smileys
_LINE = 4  # pixels: rulers, spacers, tracking pixels
_CID = re.compile(r"cid:([^\"'<>\s)]{1,500})", re.IGNORECASE)
_MOST_CIDS = 10_000

_CARRIED_TYPES = frozenset({"message/rfc822", "message/global"})
_CALENDAR_TYPES = frozenset({"text/calendar", "application/ics"})
_SIGNATURE_TYPES = frozenset(
    {"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"}
)
_FILLER = re.compile(r"att\d{5,}\.(?:txt|html?)", re.IGNORECASE)  # what Exchange makes of the gap between two files
_EXTENSIONS: Final = {
    "application/pdf": ("pdf",),
    "application/zip": ("zip",),
    "text/plain": ("txt",),
    "image/jpeg": ("jpg", "jpeg", "jpe", "jfif"),
    "image/png": ("png", "apng"),
    "image/apng": ("png", "apng"),
    "image/gif": ("gif",),
    "image/webp": ("webp",),
    "image/tiff": ("tif", "tiff"),
    "image/bmp": ("bmp", "dib"),
    "image/heic": ("heic", "heif"),
    "image/avif": ("avif",),
    "image/svg+xml": ("svg",),
}
_FAMILY: Final = {extension: kind for kind, extensions in _EXTENSIONS.items() for extension in extensions}


class Why(StrEnum):
    """Why a part is set aside. Of a decoration its sender is not told."""

    CARRIED = "carried mail"
    CALENDAR = "calendar"
    TYPE = "type"
    CONTENT = "content"
    SIZE = "size"
    COUNT = "count"
    MALWARE = "malware"
    DECORATION = "decoration"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one message may hold. max_bytes: of each file."""

    max_files: int = ATTACHMENTS_PER_MESSAGE
    max_bytes: int = ATTACHMENT_BYTES


@dataclass(frozen=True, slots=True)
class SetAside:
    """A part that is not posted. reason: words for the sender, as in "too large: 7.2 MiB, at most 5 MiB"."""

    filename: str
    why: Why
    reason: str  # a `Sentence`, but for decoration

    @property
    def told(self) -> bool:
        """Whether the sender is told."""
        return self.why is not Why.DECORATION

    def __str__(self) -> str:
        return f"{self.filename}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Picked:
    """Every file part of a mail once: those to post, in their order, and those that are not."""

    files: tuple[File, ...]
    set_aside: tuple[SetAside, ...]


def pick(mail: ParsedMail, shown_html: str | None, limits: Limits) -> Picked:
    """Sort the files of a mail into those of the message and those set aside.

    shown_html: the new words as HTML, without quote and signature: images that the mail shows, and these do not, are
    decoration. None when that is not known; then only icons, lines and repetitions are. Pure, and linear in the bytes
    of the mail; images and ZIPs make it heavy, see `is_heavy`. Never raises because of what the mail holds.
    """
    picked: list[File] = []
    set_aside: list[SetAside] = []
    for part, kind in _in_order(mail.files, _shown_ids(shown_html), set_aside):
        objection = _objection(part, kind, limits, full=len(picked) >= limits.max_files)
        if objection is not None:
            set_aside.append(objection)
            continue
        data = images.without_location(kind, part.data) if kind.startswith("image/") else part.data
        picked.append(File(_name(part.filename, kind), kind, data))
    return Picked(tuple(picked), tuple(set_aside))


def is_heavy(raw_size: int, mail: ParsedMail) -> bool:
    """Whether the files of a mail are to be picked in a child process that can be killed (HARDENING rule 18).

    raw_size: bytes of the whole mail. Heavy are: more than `SMALL_MAIL` bytes, more than `FEW_PARTS` parts, any image,
    ZIP or TNEF.
    """
    if raw_size > SMALL_MAIL or len(mail.files) + len(mail.reports) > FEW_PARTS:
        return True
    kinds = (detect(part.filename, part.data) for part in mail.files)
    return any(
        kind.startswith("image/") or part.data.startswith(b"PK") or tnef.is_tnef(part.data)
        for part, kind in zip(mail.files, kinds, strict=True)
    )


def _in_order(
    parts: tuple[MailFile, ...], shown: frozenset[str] | None, set_aside: list[SetAside]
) -> Iterator[tuple[MailFile, str]]:
    """Parts with their types, attached ones first; decoration goes to set_aside."""
    attached: list[tuple[MailFile, str]] = []
    between: list[tuple[MailFile, str]] = []
    for part in parts:
        kind = detect(part.filename, part.data)
        if reason := _decorates(part, kind, shown):
            set_aside.append(SetAside(part.filename, Why.DECORATION, reason))
        elif part.inline and kind.startswith("image/"):
            between.append((part, kind))
        else:
            attached.append((part, kind))
    yield from attached
    seen = {hashlib.sha256(part.data).digest() for part, _ in attached} if between else set()
    for part, kind in between:
        digest = hashlib.sha256(part.data).digest()
        if digest in seen:
            set_aside.append(SetAside(part.filename, Why.DECORATION, "the same image stands in the mail before"))
        else:
            seen.add(digest)
            yield part, kind


def _shown_ids(html: str | None) -> frozenset[str] | None:
    """The Content-IDs that HTML shows (RFC 2392)."""
    if html is None:
        return None
    return frozenset(unquote(unescape(match[1])) for match in islice(_CID.finditer(html), _MOST_CIDS))


def _decorates(part: MailFile, kind: str, shown: frozenset[str] | None) -> str:
    """Why nobody would miss the part; "" when somebody may."""
    if part.content_type in _SIGNATURE_TYPES:
        return "a digital signature of the mail"
    if _FILLER.fullmatch(part.filename) and not part.data.strip():
        return "it is empty"
    if not part.inline or not kind.startswith("image/"):
        return ""  # somebody attached it, however small it is
    if shown is not None and part.content_id is not None and part.content_id not in shown:
        return "it stands in the quote or in the signature only"
    width, height = images.size(kind, part.data) or (_ICON + 1, _ICON + 1)
    if min(width, height) <= _LINE or max(width, height) <= _ICON:
        return f"an icon of {width} x {height} pixels"
    return ""


def _objection(part: MailFile, kind: str, limits: Limits, *, full: bool) -> SetAside | None:
    """Why a part is not taken. What costs time is looked at last."""

    def because(why: Why, text: str, **values: str | float) -> SetAside:
        return SetAside(part.filename, why, Sentence(text, **values))

    extension = _extension(part.filename)
    if part.content_type in _CARRIED_TYPES or extension == "eml":
        return because(Why.CARRIED, "a mail inside the mail is not taken as a file")
    if part.content_type in _CALENDAR_TYPES or extension == "ics" or part.data.startswith(b"BEGIN:VCALENDAR"):
        return because(Why.CALENDAR, "calendar entries are not taken")
    if not is_allowed(kind):
        return because(Why.TYPE, "files of this type are not taken: %(type)s", type=kind)
    if archives.is_program(part.filename):
        ending = f".{extension}"
        return because(Why.TYPE, "files with the name of a program are not taken: %(ending)s", ending=ending)
    if len(part.data) > limits.max_bytes:
        return SetAside(part.filename, Why.SIZE, _too_large(len(part.data), limits.max_bytes))
    if full:
        return because(Why.COUNT, "too many files: at most %(limit)s are taken", limit=limits.max_files)
    if kind == "application/zip" and (reason := archives.objection(part.data)):
        return SetAside(part.filename, Why.CONTENT, reason)
    if kind.startswith("image/") and (reason := _too_many_pixels(kind, part.data)):
        return SetAside(part.filename, Why.CONTENT, reason)
    return None


def _too_many_pixels(kind: str, data: bytes) -> Sentence | None:
    width, height = images.size(kind, data) or (0, 0)
    if width * height <= images.MAX_PIXELS:
        return None
    text = "an image of %(width)s x %(height)s pixels, at most %(limit)s million are taken"
    return Sentence(text, width=width, height=height, limit=images.MAX_PIXELS // 1_000_000)


def _too_large(size: int, limit: int) -> Sentence:
    """Rounded up, so that what is too large never looks as if it was not."""
    if limit >= 1024**2:
        text, unit = "too large: %(size)s MiB, at most %(limit)s MiB", 1024**2
    else:
        text, unit = "too large: %(size)s KiB, at most %(limit)s KiB", 1024
    return Sentence(text, size=-(-size * 10 // unit) / 10, limit=-(-limit * 10 // unit) / 10)


def _extension(filename: str) -> str:
    return filename.rpartition(".")[2].rstrip(". ").lower()


def _name(filename: str, kind: str) -> str:
    """The file's name, with an ending that agrees with its bytes: a desktop goes by the ending alone."""
    if kind not in _EXTENSIONS:
        return filename  # one of the rare kinds of image
    known = _FAMILY.get(_extension(filename), kind if kind == "text/plain" else "")
    if known == kind or (known.startswith("image/") and kind.startswith("image/")):
        return filename
    return filenames.safe(f"{filename}.{_EXTENSIONS[kind][0]}")

"""File names as a mail gives them, made safe: a base name, never empty, never with control characters."""

import mimetypes
import re
import unicodedata

LONGEST = 180  # characters; file systems stop at 255 bytes

#: Controls, line separators, and the marks that reverse the shown order (`exe.gpj` for `jpg.exe`).
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]+"
)
_BLANKS = re.compile(r"\s+")
_USUAL = {
    "message/rfc822": "message.eml",
    "text/calendar": "invite.ics",
    "application/ics": "invite.ics",
    "application/pgp-signature": "signature.asc",
    "application/pgp-encrypted": "encrypted.asc",
    "application/pkcs7-signature": "smime.p7s",
    "application/x-pkcs7-signature": "smime.p7s",
    "application/pkcs7-mime": "smime.p7m",
    "application/x-pkcs7-mime": "smime.p7m",
    "application/ms-tnef": "winmail.dat",
    "text/plain": "text.txt",
    "text/html": "text.html",
    "text/rfc822-headers": "headers.txt",
    "text/x-amp-html": "text.amp.html",
}
_EXTENSIONS = {
    "image/jpeg": ".jpg",
    "image/jpg": ".jpg",
    "image/pjpeg": ".jpg",
    "image/heic": ".heic",
    "image/webp": ".webp",
    "audio/mp3": ".mp3",
    "message/delivery-status": ".txt",
}


def safe(name: str) -> str:
    """The base name of a file name, "" when nothing is left of it."""
    name = unicodedata.normalize("NFC", _UNSAFE.sub("", _BLANKS.sub(" ", name)))
    base = re.split(r"[/\\]", name.rstrip("/\\ "))[-1].strip()
    if not base.strip("."):
        return ""
    if len(base) <= LONGEST:
        return base
    stem, dot, extension = base.rpartition(".")
    if not dot or len(extension) > 12:
        return base[:LONGEST]
    return f"{stem[: LONGEST - len(extension) - 1]}.{extension}"


def default(content_type: str) -> str:
    """A name for a file that has none."""
    usual = _USUAL.get(content_type)
    if usual:
        return usual
    kind = content_type.partition("/")[0]
    extension = _EXTENSIONS.get(content_type) or mimetypes.guess_extension(content_type, strict=False)
    extension = extension or (".txt" if kind == "text" else ".bin")
    return (kind if kind in ("image", "audio", "video", "text") else "file") + extension

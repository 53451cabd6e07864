"""File names as a mail gives them, made safe: a base name, never empty, never with control characters."""

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
# Our own few: the standard library's table depends on what is installed on the machine.
_EXTENSIONS = {
    "application/gzip": ".gz",
    "application/json": ".json",
    "application/msword": ".doc",
    "application/pdf": ".pdf",
    "application/rtf": ".rtf",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.ms-powerpoint": ".ppt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/xml": ".xml",
    "application/zip": ".zip",
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
    "image/bmp": ".bmp",
    "image/gif": ".gif",
    "image/png": ".png",
    "image/svg+xml": ".svg",
    "image/tiff": ".tiff",
    "text/css": ".css",
    "text/csv": ".csv",
    "text/markdown": ".md",
    "text/vcard": ".vcf",
    "text/xml": ".xml",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
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
    extension = _EXTENSIONS.get(content_type) or (".txt" if kind == "text" else ".bin")
    return (kind if kind in ("image", "audio", "video", "text") else "file") + extension

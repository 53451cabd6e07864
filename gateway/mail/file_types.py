"""What a file is, decided by its bytes, and which files may be attached to a message (CONTRACT §8).

What a sender says about a file (Content-Type, `mimeType`) is never believed. Text is looked for before signatures: a
letter that starts with "BM" or "MZ" is no bitmap and no program. A file name is only ever used to be stricter.
"""

import re

import filetype

UNKNOWN = "application/octet-stream"
ALLOWED = frozenset({"application/pdf", "application/zip", "text/plain"})  # and every image/*

# Text that a desktop runs or a browser renders when it is opened; by its bytes it is text like any other.
_ACTIVE_NAMES = {
    "text/html": ("htm", "html", "hta", "mht", "mhtml", "shtml", "xht", "xhtml"),
    "text/javascript": ("js", "jse", "mjs"),
    "application/x-script": (
        *("bat", "cmd", "ps1", "psm1", "vb", "vbe", "vbs", "wsf", "wsh", "sct", "reg", "inf"),
        *("sh", "bash", "command", "csh", "zsh", "pl", "py", "rb", "php", "desktop", "url", "scf", "jnlp"),
    ),
    "application/java-archive": ("apk", "ear", "jar", "war", "xpi"),  # ZIP by its bytes, a program by its use
}
_MIME_OF_ACTIVE_NAME = {extension: mime for mime, extensions in _ACTIVE_NAMES.items() for extension in extensions}

_HEAD = 8_192  # bytes that are looked at for markup
_PDF = b"%PDF-"
_PDF_OFFSET = 1_024  # readers accept the header anywhere in the first 1,024 bytes (ISO 32000-1, annex H.3.4.1)
# No text holds these; TAB, LF, FF, CR and ESC (the shift of ISO-2022 charsets) are text.
_CONTROLS = bytes(sorted(set(range(32)) - {9, 10, 12, 13, 27}))
_CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
# XML declaration, comments and DOCTYPE may stand before the root element. Nothing follows that could fail, so it is
# linear without possessive groups, which Python mismatches before 3.11.5.
_PROLOGUE = re.compile(r"(?:\s+|<\?[^>]*>|<!--.*?-->|<!doctype(?!\s+html)[^>]*>)*", re.IGNORECASE | re.DOTALL)
# The first tags by which browsers take a text for HTML (WHATWG MIME Sniffing §7.1).
_HTML = re.compile(
    r"<(?:!doctype\s+html|(?:html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|meta)\b)",
    re.IGNORECASE,
)


def detect(filename: str, data: bytes) -> str:
    """The MIME type of a file in lower case, `application/octet-stream` when nothing is recognised. Never raises."""
    kind = _by_bytes(data)
    active = _MIME_OF_ACTIVE_NAME.get(filename.rpartition(".")[2].strip().lower())
    return active if active is not None and kind in ALLOWED else kind


def is_allowed(mime_type: str) -> bool:
    """Whether a file of that type, as `detect` names it, may be attached to a message.

    An SVG is an image by the contract; it can hold scripts, so whoever serves it must send it as a download.
    """
    return mime_type in ALLOWED or mime_type.startswith("image/")


def _by_bytes(data: bytes) -> str:
    if data.startswith(_PDF):  # a PDF may consist of ASCII alone
        return "application/pdf"
    text = _unicode_text(data)
    if text is not None:
        return _markup(text)
    kind: str | None = filetype.guess_mime(data)
    if kind is not None:
        return kind
    if _PDF in data[:_PDF_OFFSET]:
        return "application/pdf"
    if data.translate(None, _CONTROLS) == data:  # an 8-bit charset that nobody declared
        return _markup(data[:_HEAD].decode("latin-1"))
    return UNKNOWN


def _unicode_text(data: bytes) -> str | None:
    """The start of a text in UTF-8, or in UTF-16 with a byte order mark; None when it is something else."""
    charset = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = data.decode(charset)
    except UnicodeDecodeError:
        return None
    return None if _CONTROL_CHARACTERS.search(text) else text[:_HEAD]


def _markup(text: str) -> str:
    """HTML and SVG are text that a browser renders."""
    prologue = _PROLOGUE.match(text)
    root = text[prologue.end() :] if prologue else text
    if re.match(r"<svg\b", root, re.IGNORECASE):
        return "image/svg+xml"
    return "text/html" if _HTML.match(root) else "text/plain"

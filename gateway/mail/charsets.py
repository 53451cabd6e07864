"""From bytes to text: what mail calls its charsets, what it means by them, and a guess where it says nothing."""

import codecs
import re
from functools import cached_property, lru_cache
from itertools import islice

from gateway.mail.charset_guess import guess

#: Names that mail uses for something wider than they say (as browsers do, https://encoding.spec.whatwg.org §4.2),
#: and names that Python does not know.
_MEANT = {
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "iso-8859-1-i": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "l1": "cp1252",
    "ansi": "cp1252",
    "iso-8859-9": "cp1254",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "gb_2312-80": "gb18030",
    "euc-cn": "gb18030",
    "chinesebig5": "big5hkscs",
    "big5": "cp950",
    "cn-big5": "cp950",
    "big5-hkscs": "big5hkscs",
    "hz-gb-2312": "hz",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601-1989": "cp949",
    "ks_c_5601": "cp949",
    "ksc5601": "cp949",
    "ksc_5601": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "x-euc-jp": "euc_jp",
    "iso-2022-jp": "iso2022_jp_ext",
    "iso-2022-jp-2": "iso2022_jp_2",
    "unicode-1-1-utf-7": "utf-7",
    "x-unicode-2-0-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "utf8mb4": "utf-8",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
    "koi8": "koi8-r",
    "cp936": "gb18030",
    "cp1200": "utf-16-le",
    "cp20127": "ascii",
    "cp28591": "cp1252",
    "cp50220": "iso2022_jp_ext",
    "cp51932": "euc_jp",
    "cp65001": "utf-8",
}
#: Python calls them text encodings, but no mail is written in them and some are slow or answer with surprises.
_NOT_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
#: A language that the header names, and the charsets in which mail of that language goes undeclared.
_OF_LANGUAGE = {
    "ja": ("cp932", "euc_jp"),
    "zh": ("gb18030", "cp950"),
    "ko": ("cp949",),
    "ru": ("cp1251", "koi8-r"),
    "uk": ("cp1251", "koi8-u"),
    "bg": ("cp1251",),
    "el": ("cp1253",),
    "tr": ("cp1254",),
    "he": ("cp1255",),
    "ar": ("cp1256",),
    "th": ("cp874",),
    **dict.fromkeys(("cs", "hu", "pl", "ro", "sk", "sl", "hr"), ("cp1250",)),
}
_NUMBERED = re.compile(r"(?:x-)?(?:cp|windows|win|ibm|ms)[-_]?(\d{3,5})")
_SAMPLE = 4096  # bytes by which damage is judged
_NAMED = re.compile(rb"charset\*?=[\"']?([\w.:-]+)|=\?([\w.:-]+)(?:\*[\w-]+)?\?[bq]\?", re.IGNORECASE)
_ODD_LINE = re.compile(rb"[\x80-\xff][^\n]*")
_SAY_NOTHING = frozenset({"ascii", "utf-8", "utf-7"})
_CLUE_BYTES = 64 * 1024  # from the start of the mail
_MAX_NAMED, _MAX_ODD_LINES, _MAX_GUESSES = 200, 50, 8
_LANGUAGE = re.compile(rb"^(?:Content-Language|Accept-Language):\s*([a-z]{2})\b", re.IGNORECASE | re.MULTILINE)
_ESCAPES = re.compile(rb"\x1b(?:\$[@B]|\([JI]|\$\(D)")  # ISO-2022-JP (RFC 1468 §2)
_HIGH = re.compile(rb"[\x80-\xff]")
_UNUSED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")  # in cp1252
_SURROGATES = re.compile("[\ud800-\udfff]")
_SEVEN_BIT = frozenset(
    {"utf-7", "hz", "iso2022_kr", "iso2022_jp_ext", "iso2022_jp_2", "iso2022_jp_3", "iso2022_jp_2004"}
)
_MULTIBYTE = frozenset({"gb18030", "big5hkscs", "cp950", "cp932", "cp949", "euc_jp", "euc_jis_2004", "johab"})


@lru_cache(maxsize=256)
def codec_of(charset: str) -> str | None:
    """The Python codec for a charset's name in a mail, or None when there is none that decodes text."""
    name = charset.strip().strip("\"'").lower()
    if numbered := _NUMBERED.fullmatch(name):
        name = f"cp{numbered[1]}"
    name = _MEANT.get(name, _MEANT.get(name.replace("_", "-"), name))
    if not name.isascii() or "\0" in name:
        return None
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    if not getattr(info, "_is_text_encoding", True) or info.name.replace("-", "_") in _NOT_CHARSETS:
        return None
    return info.name


class Clues:
    """What one mail says, anywhere in it, about its bytes without a charset of their own. Looked for when needed."""

    def __init__(self, raw: bytes) -> None:
        self._head = raw[:_CLUE_BYTES]
        self._guessed: list[str] = []

    @cached_property
    def named(self) -> tuple[str, ...]:
        """The codecs that are declared elsewhere, in order."""
        names = ((match[1] or match[2]).decode() for match in islice(_NAMED.finditer(self._head), _MAX_NAMED))
        codes = map(codec_of, dict.fromkeys(names))
        return tuple(dict.fromkeys(code for code in codes if code and code not in _SAY_NOTHING))

    @cached_property
    def likely(self) -> tuple[str, ...]:
        """The codecs in which mail goes undeclared in the language that the header names; () when it names none."""
        language = _LANGUAGE.search(self._head)
        return _OF_LANGUAGE.get(language[1].decode().lower(), ()) if language else ()

    def read(self, data: bytes) -> str:
        """Decode bytes that are neither ASCII nor UTF-8."""
        if not self._guessed:
            # All odd bytes of the mail together tell more than the few of a subject.
            lines = (match[0] for match in islice(_ODD_LINE.finditer(self._head), _MAX_ODD_LINES))
            odd = b"\n".join(line for line in lines if _strict(line, "utf-8") is None)
            self._guessed.append(guess(odd or data, self.likely))
        for codec in (*self.named, *self._guessed):
            if (text := _strict(data, codec)) is not None:
                return text
        if len(self._guessed) < _MAX_GUESSES:
            self._guessed.append(guess(data, self.likely))
        return data.decode(self._guessed[-1], "replace")


def decode(data: bytes, charset: str | None = None, clues: Clues | None = None) -> str:
    """Decode bytes that are said to be in `charset`; when that is None, wrong or unknown, by what they look like.

    The text holds no lone surrogates and no NUL. clues: what the rest of the mail says; without it, bytes that nothing
    is known about are taken as Western.
    """
    codec = codec_of(charset) if charset else None
    text = _declared(data, codec) if codec else None
    if text is None:
        text = _undeclared(data, codec, clues)
    if not text.isascii():
        text = _SURROGATES.sub("\ufffd", text).removeprefix("\ufeff")
    return text.replace("\0", "")


def _declared(data: bytes, codec: str) -> str | None:
    """By the declared codec, or None when the bytes deny it."""
    if data.isascii():
        if codec.startswith("iso2022_jp"):
            return _iso_2022_jp(data)
        wide = codec.startswith(("utf-16", "utf-32")) and b"\0" in data  # without a NUL it only says so
        if not wide and codec not in _SEVEN_BIT:
            return None if _ESCAPES.search(data) else data.decode("ascii")
    elif codec not in _MULTIBYTE and (text := _strict(data, "utf-8")) is not None:
        return text  # what can be read as UTF-8 makes no sense in a charset of one byte, or of seven bits
    elif codec in _SEVEN_BIT:
        return None
    return _strict(data, codec)


def _undeclared(data: bytes, codec: str | None, clues: Clues | None) -> str:
    """By what the bytes look like; `codec` is what was declared and failed."""
    if data.isascii():
        return _iso_2022_jp(data) if _ESCAPES.search(data) else data.decode("ascii")
    if (text := _strict(data, "utf-8")) is not None:
        return text
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    if codec == "cp1252" and (text := _like_browsers(data)) is not None:
        return text
    if codec and codec not in _SEVEN_BIT and _mostly(data, codec):
        return data.decode(codec, "replace")
    for likely in _OF_LANGUAGE["ja"] if codec and codec.startswith("iso2022_jp") else ():
        if (text := _strict(data, likely)) is not None:
            return text
    return clues.read(data) if clues else data.decode("cp1252", "replace")


def _strict(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except (UnicodeError, ValueError):
        return None


def _like_browsers(data: bytes) -> str | None:
    """Western text that was declared as such: the five bytes without a character become nothing."""
    if len(_UNUSED.findall(data)) * 20 > len(_HIGH.findall(data)):
        return None
    return _UNUSED.sub(b"", data).decode("cp1252")


def _mostly(data: bytes, codec: str) -> bool:
    """Whether a few damaged characters are all that keeps the bytes from being in this codec."""
    high = len(_HIGH.findall(data[:_SAMPLE]))
    return data[:_SAMPLE].decode(codec, "replace").count("\ufffd") * 10 <= high


def _iso_2022_jp(data: bytes) -> str:
    # Mail programs put characters of NEC and JIS X 0213 under the escape of JIS X 0208; JIS X 0213 holds them all.
    for codec, escaped in (("iso2022_jp_ext", data), ("iso2022_jp_3", data.replace(b"\x1b$B", b"\x1b$(O"))):
        if (text := _strict(escaped, codec)) is not None:
            return text
    return data.decode("iso2022_jp_ext", "replace")

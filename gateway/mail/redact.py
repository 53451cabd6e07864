"""Our credentials taken out of what people quote: reply and bounce addresses, personal links (HARDENING rule 3).

An answer quotes our mail with the reply address and the links of its reader, and the other sides of the case must not
get them. Whoever quotes does not keep the bytes: programs break lines inside an address and put `>` before the rest,
escape it for HTML, for a URL or for transport, and add invisible characters where a line may be broken. So we look in
views of a text, each with one more layer of that undone, and replace what is found in the text itself.

A view is made in one pass, and what is looked for has a bounded length: the time is linear in the text.
"""

import binascii
import re
from base64 import encodebytes
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.mail import headers, transfer
from gateway.signing import TOKEN_CHARACTERS

ADDRESS_REMOVED = "(reply address removed)"
LINK_REMOVED = "(personal link removed)"
PERSONAL_PATHS = (
    "case",
    "portal",
    "confirm",
    "files",
    "unsubscribe",
    "keep",
    "reopen",
)  # below the public address, whatever follows

_LAYERS = 4  # a link that was escaped by three programs, one after the other
_NESTED = 3  # base64 inside base64: a mail that is carried in a carried mail
_SHORTEST_BASE64 = 80  # of a text that holds a token

# What programs do to a text, in lower case, and what it stands for. Everything begins with a character of its own, so
# that `re` can look for those alone.

_FORMS = {  # full-width and small forms, as UTF-8
    b"\xef\xbc\x8b": b"+", b"\xef\xb9\xa2": b"+", b"\xef\xbc\xa0": b"@", b"\xef\xb9\xab": b"@", b"\xef\xbc\x8f": b"/",
    b"\xef\xbc\x9a": b":", b"\xef\xbc\x8e": b".",
}  # fmt: skip
_NAMES = {
    b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'", b"nbsp": b" ", b"plus": b"+",
    b"commat": b"@", b"sol": b"/", b"colon": b":", b"period": b".", b"quest": b"?", b"equals": b"=", b"percnt": b"%",
    b"num": b"#", b"shy": b"", b"zwnj": b"", b"zwj": b"", b"zerowidthspace": b"", b"nobreak": b"",
}  # fmt: skip
_SIGNS = rb"(?:[ \t>|]|\xc2\xa0)"  # of quoting, at the beginning of a line
_SPELLINGS = (
    rb"\n%s+" % _SIGNS,
    rb"\r\r*\n%s*" % _SIGNS,
    rb"  {0,2}\r*\n%s*" % _SIGNS,
    rb"=[ \t]{0,3}\r*\n",  # a soft line break (RFC 2045 §6.7)
    rb"<wbr ?/?>",
    rb"\x00+",  # UTF-16
    rb"\xc2\xad|\xe2\x80[\x8b-\x8f\xaa-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf",  # invisible characters
    rb"%[0-9a-f]{2}",
    rb"&(?:#(?:x[0-9a-f]{1,8}|[0-9]{1,7})|%s);" % b"|".join(_NAMES),
    *_FORMS,
)
#: A program may break the line where a tag stands.
_TAGS = rb"<[^<>]*>(?:[\s>]|&gt;|&nbsp;|<[^<>]*>)*"
# Not in every text: behind the `=` of `?token=` stand the first two characters of the token.
_QUOTED = rb"=[0-9a-f]{2}"

_TEXT, _HTML, _QUOTED_TEXT, _QUOTED_HTML = (
    re.compile(b"|".join((*_SPELLINGS, *more))) for more in ((), (_TAGS,), (_QUOTED,), (_TAGS, _QUOTED))
)

_TOKEN = rb"(?:[a-z2-7]\n?){%d}[a-z2-7]" % (TOKEN_CHARACTERS - 1)
_URL = rb"[\w.~/?=&%#:+@$*-]"

_LOCAL_PARTS = (b"reply", b"bounce")

# A look that tells at once of nearly all texts that they hold nothing. To search for a single character costs a tenth
# of what a search for a word costs, so that goes first.

#: Without these no line is broken: white space, signs of quoting, all that is not ASCII.
_SQUEEZED_OUT = b"\0\t\n\r >|" + bytes(range(128, 256))
_PLUS = rb"(?:\+|[%=](?:25|3d)*2b|&(?:amp;)*(?:plus|#0*43|#x0*2b);)"
_TOKEN_FOLLOWS = re.compile(rb"%s-?[a-z2-7=%%&<]{8}" % _PLUS)
_ODD = re.compile(  # invisible characters, and words of which every letter is a number
    rb"&(?:amp;)*(?:(?:shy|zwn?j|zerowidthspace|nobreak|#0*(?:173|820[345]|8288)|#x0*(?:ad|200[bcd]|2060));"
    rb"|#x?[0-9a-f]{1,8};&(?:amp;)*#)"
)

_TAG = re.compile(rb"<(?!wbr)[^<>]*>", re.IGNORECASE)
_TAG_WITH_WORDS = re.compile(r"<([a-zA-Z]\w*)[^<>]*\((?:reply address|personal link) removed\)[^<>]*>")
_BASE64 = re.compile(rb"(?:^[A-Za-z0-9+/=]+(?:(?:[ \t]*\r*\n)+|\Z))+", re.MULTILINE)
_WORD = rb"=\?[\w.:+*-]{1,60}\?[bBqQ]\?[^?\s]{0,1000}\?="
_WORDS = re.compile(rb"%s(?:\s+%s)*" % (_WORD, _WORD))


class Redactor:
    """Knows our own addresses and links. Has no state, and may be used by many threads.

    reply_domain: the domain of reply and bounce addresses. public_url: `https://cases.example.org`, perhaps with a
    port and a path.
    """

    def __init__(self, reply_domain: str, public_url: str) -> None:
        domain = reply_domain.lower().encode()
        parts = urlsplit(public_url.lower().rstrip("/"))
        base = (parts.netloc + parts.path).encode()
        self._homes = tuple({domain, base})
        self._label = base.partition(b".")[0]
        self._secrets = (*_addresses(_breakable(domain)), _link(_breakable(base)))

    def text(self, value: str) -> str:
        """A plain text without our credentials."""
        return self._redact_text(value, _TEXT)

    def html(self, value: str) -> str:
        """HTML without our credentials. An element that had one in its attributes loses all of them."""
        redacted = self._redact_text(value, _TEXT, _HTML)
        return value if redacted is value else _TAG_WITH_WORDS.sub(r"<\1>", redacted)

    def raw(self, data: bytes) -> bytes:
        """A mail as its bytes show it, without our credentials in headers, parts and carried mails.

        For people to read: what is replaced is written as it is, whatever the charset or signature around it.
        """
        return self._redact_raw(data, _NESTED)

    def _redact_text(self, value: str, *layers: re.Pattern[bytes]) -> str:
        data = value.encode("utf-8", "surrogatepass")
        if not self._may_hold(data, tags=_HTML in layers):
            return value
        redacted = self._redact(data, *layers)
        return value if redacted is data else redacted.decode("utf-8", "surrogatepass")

    def _redact_raw(self, data: bytes, nested: int) -> bytes:
        # By the looks of the lines, not by the structure of the mail: that may be broken, or too complex to be read.
        data = _WORDS.sub(self._encoded_words, data)
        if nested:
            data = _BASE64.sub(lambda block: self._base64(block[0], nested - 1), data)
        if self._may_hold(data, tags=True) or self._may_hold(binascii.a2b_qp(data), tags=True):
            return self._redact(data, _TEXT, _HTML, _QUOTED_TEXT, _QUOTED_HTML)
        return data

    def _encoded_words(self, words: re.Match[bytes]) -> bytes:
        """Encoded words of a header field (RFC 2047), written as they are when they held something."""
        shown = headers.decode_words(" ".join(words[0].decode("ascii", "replace").split()))
        redacted = self.text(shown)
        return words[0] if redacted is shown else redacted.encode("utf-8", "replace")

    def _base64(self, block: bytes, nested: int) -> bytes:
        if len(block) < _SHORTEST_BASE64:
            return block
        decoded = transfer.decode(block, "base64", [])
        redacted = self._redact_raw(decoded, nested)
        return block if redacted == decoded else encodebytes(redacted).replace(b"\n", b"\r\n")

    def _redact(self, data: bytes, *layers: re.Pattern[bytes]) -> bytes:
        """The same bytes when there is nothing to be removed. layers: the ways in which the text may be spelled."""
        for layer in layers:
            pieces, end = [], 0
            for start, stop, words in self._found(data.lower(), layer):
                if stop > end:
                    # Tags in between belong to what stands around.
                    tags = _TAG.findall(data[max(start, end) : stop])
                    pieces += [data[end:start], words if start >= end else b"", *tags]
                    end = stop
            if pieces:
                data = b"".join((*pieces, data[end:]))
        return data

    def _may_hold(self, data: bytes, *, tags: bool) -> bool:
        """Whether a text is worth a look. tags: a word may be broken by them."""
        lower = data.lower()
        if b"\xef" in lower:
            for form, plain in _FORMS.items():
                lower = lower.replace(form, plain)
        if b"<" in lower:
            if b"<wbr" in lower:
                return True
            if tags and self._seems_to_hold(_TAG.sub(b"", lower)):
                return True
        return self._seems_to_hold(lower)

    def _seems_to_hold(self, lower: bytes) -> bool:
        squeezed = lower.translate(None, _SQUEEZED_OUT)
        return (
            any(home in squeezed for home in self._homes)
            or any(_has_token_behind(name, squeezed) for name in _LOCAL_PARTS)
            or (b"%" in squeezed and b"2f" + self._label in squeezed)
            or (b"&" in squeezed and _ODD.search(squeezed) is not None)
        )

    def _found(self, lower: bytes, layer: re.Pattern[bytes]) -> list[tuple[int, int, bytes]]:
        """Where something is to be replaced by which words, in order."""
        found: list[tuple[int, int, bytes]] = []
        view = _View(lower)
        for undo in (layer, *[_TEXT] * (_LAYERS - 1)):
            changed = view.undo(undo)
            for secret in self._secrets:
                found += [(view.origin(s), view.origin(e), secret.words) for s, e in secret.places(view.text)]
            if not changed:
                break
        return sorted(found, key=lambda place: (place[0], -place[1]))


@dataclass(frozen=True, slots=True)
class _Secret:
    """What is looked for: `ahead` is found quickly, and `behind` must end where it begins. words: put in its place."""

    ahead: re.Pattern[bytes]
    behind: re.Pattern[bytes]
    words: bytes

    def places(self, text: bytes) -> Iterator[tuple[int, int]]:
        """Where it stands, (start, stop), in a view."""
        for match in self.ahead.finditer(text):
            begin = match.start()
            if before := self.behind.search(text, max(0, begin - 2 * TOKEN_CHARACTERS), begin):
                yield before.start(), match.end()


def _has_token_behind(name: bytes, squeezed: bytes) -> bool:
    """Whether a plus sign, however it is spelled, and what may be a token follow a name somewhere."""
    place = squeezed.find(name)
    while place >= 0:
        place += len(name)
        if _TOKEN_FOLLOWS.match(squeezed, place):
            return True
        place = squeezed.find(name, place)
    return False


def _addresses(domain: bytes) -> tuple[_Secret, ...]:
    """A token behind `reply+` or `bounce+`, wherever that leads; a token at our domain, whatever became of the plus."""
    words = ADDRESS_REMOVED.encode("ascii")
    behind = re.compile(rb"(?:mailto:\n?)?\Z")
    return (
        *(
            _Secret(re.compile(rb"%s\n?\+-?\n?%s(?:\n?@\n?%s)?" % (_breakable(name), _TOKEN, domain)), behind, words)
            for name in _LOCAL_PARTS
        ),
        _Secret(re.compile(rb"@\n?%s" % domain), re.compile(rb"%s\n?\Z" % _TOKEN), words),
    )


def _link(base: bytes) -> _Secret:
    """A link below a base: to a personal path, or with a token in its path or query."""
    paths = b"|".join(_breakable(path.encode("ascii")) for path in PERSONAL_PATHS)
    ahead = (
        rb"%s\n?(?:/\n?(?:%s)\n?/\n?(?:%s|%s)|[/?#]\n?(?:(?:[\w.-]\n?){0,64}[/?#=&]\n?){0,6}%s)%s*(?<![.:?])"
        % (base, paths, _TOKEN, _URL, _TOKEN, _URL)
    )  # fmt: skip
    behind = rb"(?:https?:\n?/\n?/\n?|(?<![a-z0-9.-]))\Z"  # `shop.example.org` is not `example.org`
    return _Secret(re.compile(ahead), re.compile(behind), LINK_REMOVED.encode("ascii"))


def _breakable(word: bytes) -> bytes:
    """The pattern of a word that a line break may stand in."""
    return rb"\n?".join(re.escape(word[place : place + 1]) for place in range(len(word)))


class _View:
    """A text with some of its spelling undone, which knows where every place of it was."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._layers: list[tuple[list[int], list[int]]] = []  # places in a view, and where they were in the one before

    def undo(self, layer: re.Pattern[bytes]) -> bool:
        """Undo one layer more. False when there was nothing to be undone."""
        pieces: list[bytes] = []
        places, origins = [0], [0]
        here = end = 0
        for match in layer.finditer(self.text):
            start, stop = match.span()
            plain = _plain(match[0])
            pieces += (self.text[end:start], plain)
            here += start - end
            places += (here, here + len(plain))
            origins += (start, stop)
            here += len(plain)
            end = stop
        if not pieces:
            return False
        self.text = b"".join((*pieces, self.text[end:]))
        self._layers.append((places, origins))
        return True

    def origin(self, place: int) -> int:
        """Where a place of the view was in the text."""
        for places, origins in reversed(self._layers):
            nearest = bisect_right(places, place) - 1
            place = origins[nearest] + place - places[nearest]
        return place


def _plain(spelled: bytes) -> bytes:
    """What a piece of spelling stands for, in lower case; `\\n` wherever a program may have broken the line."""
    first = spelled[:1]
    if first in (b"\n", b"\r", b" "):
        return b"\n"
    if first == b"<":
        return b"" if spelled.startswith(b"<wbr") else b"\n"
    if first in (b"=", b"%") and not spelled.endswith(b"\n"):
        return bytes([int(spelled[1:], 16)]).lower()
    if spelled.startswith(b"&#"):
        number = spelled[2:-1]
        point = int(number[1:], 16) if number.startswith(b"x") else int(number)
        return chr(point).lower().encode("utf-8", "replace") if point < 0x110000 else b"?"
    return _NAMES[spelled[1:-1]] if first == b"&" else _FORMS.get(spelled, b"")

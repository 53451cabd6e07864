"""Whether a text is nothing but thanks, in whatever language: then it leaves a closed case closed (DESIGN §2).

Every word must stand in the tables of `thanks_words`, so whatever else somebody has to say, a question mark, a number,
a "but", makes it a text like all others. To miss thanks costs one reopened case; to take words for thanks that are
none would have nobody read them.

The text is brought into one shape and read from left to right, as a row of phrases. Several readings go on side by
side (`ok` or `ok thanks`?), each place is looked at once for each of them, and a text is short or it is no thanks.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from enum import Enum, auto
from functools import cache
from typing import Final, NamedTuple

from gateway.mail.phrases import phrases
from gateway.mail.thanks_words import EVERYWHERE, FRIENDLY, LANGUAGES, SAID_BY_SIGN

CHARACTERS: Final = 300  # more are no mere thanks
_NAMES_BELOW: Final = 3  # words of a name under "Best regards"


class _Kind(Enum):
    """What a phrase is for."""

    THANKS = auto()  # one of these must be there
    FREE = auto()  # may stand anywhere beside them
    GOODBYE = auto()  # a name may follow
    FOR = auto()  # begins what somebody is thanked for: `for your`
    HOW = auto()  # of that: `quick`
    WHAT = auto()  # of that: `answer`


class _Place(NamedTuple):
    """How far a reading has come.

    languages: in which all of its phrases mean something, as a set of bits: `ja` joins things in Finnish, and says yes
    elsewhere. open: it says "for your", and what for is to follow. last: the kind of its phrase; of what somebody is
    thanked for also when words follow that may stand anywhere: `and`, perhaps, and another thing.
    """

    at: int
    languages: int
    open: bool = False
    thanked: bool = False
    last: _Kind = _Kind.FREE


def is_only_thanks(text: str, names: Iterable[str] = ()) -> bool:
    """Whether a text is nothing but thanks, greetings and names. names: of whoever takes part, as they are written."""
    if len(text) > CHARACTERS:
        return False
    known = {word for name in names for word in (fold(name), *fold(name).split())}
    if _reads(fold(text), known, signed=False):
        return True
    words = text.split()
    return any(
        _may_be_name(words[-count:]) and _reads(fold(" ".join(words[:-count])), known, signed=True)
        for count in range(1, min(_NAMES_BELOW, len(words) - 1) + 1)
    )


def _reads(text: str, names: set[str], *, signed: bool) -> bool:
    """Whether a folded text is a row of phrases with thanks among them. signed: and ends with a goodbye."""
    table = _table()
    waiting, seen = [_Place(0, _ALL)], set[_Place]()
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        if place.at >= len(text):
            if place.thanked and not place.open and (place.last is _Kind.GOODBYE or not signed):
                return True
            continue
        start = place.at + (text[place.at] == " ")
        for length in _lengths():
            phrase = text[start : start + length]
            if len(phrase) == length and _ends(text, start + length):
                for kind, languages in table.get(phrase, {}).items():
                    after = _after(place._replace(languages=place.languages & languages), kind, start + length)
                    waiting += [] if after is None else [after]
        for name in names:
            if name and text.startswith(name, start) and _ends(text, start + len(name)) and not place.open:
                waiting.append(place._replace(at=start + len(name)))
    return False


def _after(place: _Place, kind: _Kind, at: int) -> _Place | None:
    """Where a phrase leads; None where it must not stand."""
    if not place.languages:
        return None
    if kind in (_Kind.HOW, _Kind.WHAT):
        if not place.open and place.last is not _Kind.WHAT:
            return None
        return place._replace(at=at, open=kind is _Kind.HOW, last=kind)
    if kind is _Kind.FREE and place.last in (_Kind.HOW, _Kind.WHAT):
        return place._replace(at=at)
    if place.open:
        return None
    thanked = place.thanked or kind is _Kind.THANKS
    return place._replace(at=at, open=kind is _Kind.FOR, thanked=thanked, last=kind)


def _ends(text: str, at: int) -> bool:
    """Whether a phrase may end there: at the end of a word, or where a script writes no blanks."""
    return at >= len(text) or text[at] == " " or bool(_UNSPACED.match(text[at - 1])) or bool(_UNSPACED.match(text[at]))


def _may_be_name(words: list[str]) -> bool:
    """Whether words look like a name that stands under a mail: capitals first, as no sentence has them."""
    parts = [part for word in words for part in re.split(r"[-'’]", word.strip(".,!~*_ ")) if part]
    return bool(parts) and all(
        part.isalpha() and part[0].isupper() and (part[1:].islower() or len(part) == 1) for part in parts
    )


# One shape for what people write, and for the tables

_UNSPACED = re.compile("[\u0e00-\u0e7f\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff]")  # Thai, Hangul, kana, Han
_BLANK_BESIDE_UNSPACED = re.compile(f" (?={_UNSPACED.pattern})|(?<={_UNSPACED.pattern}) ")
_SMILEY = re.compile(r"(?<!\w)(?:[:;=][-^o']?[)\]}DPp*]+|<3+|\^_?\^|[xX]D+)(?!\w)")
_FROWN = re.compile(r"[:;=][-^o']?[(\[{]")
_SEPARATORS = '\t\n\r.,!:-–—…~"()*_“”„«»¡·•،。、，！：～〜・「」『』\u00a0\u3000'
_ALIKE = str.maketrans(
    {
        **dict.fromkeys(_SEPARATORS, " "),
        **dict.fromkeys("'’‘`´ʼ\u05f3\u0640", ""),  # with geresh and tatweel
        **dict.fromkeys(FRIENDLY, " "),
        **{sign: f" {sign} " for sign in SAID_BY_SIGN},
        **dict(zip("łøđıæœ", ("l", "o", "d", "i", "ae", "oe"), strict=True)),
        **dict(zip("ىةیک", "يهيك", strict=True)),  # as Arabic and Persian keyboards have them
        **dict.fromkeys("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff", ""),  # colours of skin
    }
)


def fold(text: str) -> str:
    """Text as the tables have it: no capitals, accents, punctuation or smileys; blanks only between words."""
    plain = unicodedata.normalize("NFKD", _FROWN.sub("☹", _SMILEY.sub(" ", text)).translate(_ALIKE)).casefold()
    bare = "".join(c for c in plain if unicodedata.category(c) not in ("Mn", "Cf"))
    return _BLANK_BESIDE_UNSPACED.sub("", " ".join(bare.translate(_ALIKE).split()))


_ALL: Final = (1 << len(LANGUAGES)) - 1


@cache
def _table() -> Mapping[str, Mapping[_Kind, int]]:
    """Every phrase, folded, with what it is for in which languages. Made when first asked for (50 ms)."""
    found: dict[str, dict[_Kind, int]] = {
        phrase: {_Kind.THANKS: _ALL} for phrase in map(fold, (*SAID_BY_SIGN, *phrases(EVERYWHERE)))
    }
    for place, language in enumerate(LANGUAGES):
        for kind, table in (
            (_Kind.THANKS, language.thanks),
            (_Kind.FREE, language.beside),
            (_Kind.GOODBYE, language.goodbyes),
            (_Kind.FOR, language.for_),
            (_Kind.HOW, language.how),
            (_Kind.WHAT, language.what),
        ):
            for phrase in phrases(table):
                meant = found.setdefault(fold(phrase), {})
                meant[kind] = meant.get(kind, 0) | 1 << place
    return found


@cache
def _lengths() -> tuple[int, ...]:
    return tuple(sorted({len(phrase) for phrase in _table()}))

"""A guess at the charset of bytes that nobody declared, by what people write: letters that go together in a language.

Each candidate decodes the bytes; the one whose text looks most like a language wins. For alphabets that means letters
of one language side by side, small letters after capitals and not the other way round, no mixture of scripts inside a
word. For the double-byte charsets it means the rows of their tables that hold everyday characters. Made for the few
words of a subject or a file name as well as for whole bodies; a general detector needs more text than that.
"""

import codecs
import re
from collections.abc import Callable, Iterable
from typing import Final

_SAMPLE: Final = 1024  # bytes from the first odd word on
_ODD = re.compile(rb"[\x80-\xff]")
_NEUTRAL: Final = frozenset("“”„‚’‘‹›«»–—…•·€£§°©®™№\u00a0×±²³½¼ºª")

_SPANISH, _FRENCH, _PORTUGUESE = "áéíóúñü¿¡", "éèêàâçëïîôûùœ", "ãõçáéíóúâêôà"
_NORDIC, _ICELANDIC, _ITALIAN = "åäöøæéü", "áðéíóúýþæö", "àèéìòù"
_CZECH, _HUNGARIAN, _ROMANIAN = "áčďéěíňóřšťúůýžľĺŕôä", "áéíóöőúüű", "ăâîşţ"
_RUSSIAN, _UKRAINIAN = "оеаинтсрвлкмдпуяыьгзбчйжшхюцщэфъё", "оаинтсрвлкмдпуяьгзбчйжшхюцщфеіїєґ"
_GREEK = "ατοεινσρκπυμλςηγδωθφχβξζψόίάήέώύϊϋ"
_CENTRAL = (_CZECH, "ąćęłńóśźż", _HUNGARIAN, _ROMANIAN, "čćđšž")
#: Alphabets by codec, for codecs of one byte. Of equals the first wins.
_ALPHABETS: Final[dict[str, tuple[str, ...]]] = {
    "cp1252": ("äöüßé", _FRENCH, _SPANISH, _PORTUGUESE, _NORDIC, _ITALIAN, _ICELANDIC, "éèëïöüó"),
    "cp1250": _CENTRAL,
    "iso8859-2": _CENTRAL,
    "cp1254": ("çğıöşüiâî",),
    "cp1251": (_RUSSIAN, _UKRAINIAN),
    "koi8-r": (_RUSSIAN,),
    "koi8-u": (_UKRAINIAN,),
    "cp1253": (_GREEK,),
    "cp1255": ("יוהלאתרמבשנדחעפקםכגסןטצזךףץ",),
    "cp1256": ("اليمنتروبةدسفعكقحهجأشصطخىذءإضغزثظآؤئ،؟",),
    "cp874": ("".join(map(chr, range(0x0E01, 0x0E5C))),),
}
_LATIN: Final = frozenset({"cp1252", "cp1250", "iso8859-2", "cp1254"})
_COMMON: Final = 15  # the first letters of an alphabet of another script are its most used
_THAI_MARKS: Final = frozenset("\u0e31" + "".join(map(chr, [*range(0x0E34, 0x0E3B), *range(0x0E47, 0x0E4F)])))


def guess(data: bytes, among: Iterable[str] = ()) -> str:
    """The codec whose reading of the bytes looks most like a language. The bytes are not ASCII and not UTF-8.

    among: the only codecs that come into question, when something is known about the language.
    """
    odd = _ODD.search(data)
    first = odd.start() if odd else 0
    start = max(data.rfind(b" ", 0, first), data.rfind(b"\n", 0, first), 0)  # with the word that it is in
    sample = data[start : start + _SAMPLE]
    best, best_score = "cp1252", 0.0
    for codec in tuple(among) or (*_ALPHABETS, *_ROWS):
        try:
            # A character that the end of the sample cuts is no error.
            text = codecs.getincrementaldecoder(codec)().decode(sample, final=len(sample) < _SAMPLE)
        except UnicodeError:
            continue
        score = _alphabetic(text, codec) if codec in _ALPHABETS else _double_byte(text, codec)
        if score > best_score + 1e-9:
            best, best_score = codec, score
    return best


def _alphabetic(text: str, codec: str) -> float:
    """How much a text looks like a language with an alphabet of its own, at most 1."""
    characters = [character for character in text if character > "\x7f"]
    latin = codec in _LATIN
    disorder = _disorder(text, latin)
    scores = []
    for alphabet in _ALPHABETS[codec]:
        common = alphabet if latin else alphabet[:_COMMON]
        total = sum(
            1.0 if letter in common else 0.6 if letter in alphabet else 0.3 if letter in _NEUTRAL else -0.5
            for letter in map(str.lower, characters)
        )
        scores.append((total - disorder) / max(1, len(characters)))
    return max(scores)


def _disorder(text: str, latin: bool) -> float:
    """How often letters stand where no writing has them."""
    count = 0.0
    before = " "
    for letter in text:
        if before > "\x7f" or letter > "\x7f":
            if before.islower() and letter.isupper():
                count += 1  # aB
            elif latin and letter > "\x7f" and before > "\x7f" and letter.isalpha() and before.isalpha():
                count += 0.3  # accents seldom stand side by side
            elif not latin and letter.isalpha() and before.isalpha() and (letter < "\x80" or before < "\x80"):
                count += 1  # two scripts in one word
            elif letter in _THAI_MARKS and not "\u0e01" <= before <= "\u0e4e":
                count += 1
        before = letter
    return count


def _gb18030(lead: int, trail: int) -> float:
    if trail < 0xA1 or lead in (0xA4, 0xA5):
        return -0.3
    return 0.95 if 0xB0 <= lead <= 0xD7 else 0.8 if lead <= 0xA3 else 0.3


def _big5(lead: int, trail: int) -> float:
    return 0.94 if 0xA4 <= lead <= 0xC6 else 0.8 if lead <= 0xA3 else 0.2


def _euc_kr(lead: int, trail: int) -> float:
    if trail < 0xA1:
        return -0.3
    return 1.0 if 0xB0 <= lead <= 0xC8 else 0.8 if 0xA1 <= lead <= 0xA3 else -0.4


def _euc_jp(lead: int, trail: int) -> float:
    return {0xA4: 1.2, 0xA5: 1.0, 0xA1: 0.8, 0xA3: 0.6}.get(lead, 0.7 if 0xB0 <= lead <= 0xCF else 0.1)


def _shift_jis(lead: int, trail: int) -> float:
    if lead == 0x82:
        return 1.2 if trail >= 0x9F else 0.6
    return {0x83: 1.0, 0x81: 0.8}.get(lead, 0.7 if 0x88 <= lead <= 0x97 else 0.1)


#: How everyday the characters of a row are, for codecs of two bytes.
_ROWS: Final[dict[str, Callable[[int, int], float]]] = {
    "gb18030": _gb18030,
    "cp950": _big5,
    "cp949": _euc_kr,
    "euc_jp": _euc_jp,
    "cp932": _shift_jis,
}


def _double_byte(text: str, codec: str) -> float:
    """How everyday the characters are; alone inside a Latin word none of them is."""
    weigh = _ROWS[codec]
    total, count = 0.0, 0
    before = " "
    for character in text:
        if character > "\x7f":
            encoded = character.encode(codec)
            total += weigh(encoded[0], encoded[1]) if len(encoded) == 2 else -0.6
            count += 1
        if (before > "\x7f") != (character > "\x7f") and before.isalpha() and character.isalpha():
            total -= 0.6
        before = character
    return total / max(1, count)

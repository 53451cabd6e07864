"""Languages and places: message catalogues, and how people write dates, amounts and sizes (gettext, Unicode CLDR).

    who reads          language and form                        zone
    -----------------  ---------------------------------------  -----------------------------------------------------
    customer           his locale, else the store's             his, else his country's only one, else the store's
    merchant           the store's locale                       the store's, else its country's only one
    support, operator  English                                  UTC

A language is used whole or not at all: a catalogue that lacks one message is not offered, and its readers get English.
To add one, put `<language>.po` beside the others in `templates/locale`; nothing is compiled.

Babel answers in tenths of a millisecond. So it is asked once for each locale and zone, and what it says becomes a few
tables: a date then costs a few µs.
"""

import gettext
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import cache, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import BytesIO
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import get_timezone_name, tokenize_pattern
from babel.messages.catalog import Catalog
from babel.messages.pofile import PoFileError, read_po, write_po

from gateway.errors import Invalid, Problem

SOURCE: Final = "en"  # the language of the templates themselves
#: How English is written for everybody of whom nothing else is known: the day before the month, 24 hours.
_EVERYWHERE: Final = "en_150"

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_TAG = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*")


# ------------------------------------------------------------------------------------------------------------ messages


@dataclass(frozen=True, slots=True)
class Message:
    """A text of the templates. plural: the form for many, "" when there is one form. places: `file:line`."""

    text: str
    plural: str = ""
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The messages of one language. forms: by their English text; plural: which form a number takes."""

    language: str
    rtl: bool = False
    forms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    plural: Callable[[int], int] = lambda count: int(count != 1)

    def gettext(self, text: str, **values: object) -> str:
        """A whole message with its values; in English when it is missing."""
        forms = self.forms.get(text)
        said = forms[0] if forms else text
        return said % values if values else said

    def ngettext(self, one: str, many: str, count: int, **values: object) -> str:
        """A message in the form that a number takes; `count` is among its values."""
        forms = self.forms.get(one) or (one, many)
        return forms[self.plural(count)] % {"count": count, **values}


def problems(catalogue: Catalogue, messages: Iterable[Message]) -> list[Problem]:
    """What keeps a language from being offered: messages that are missing, and values that they lose or invent."""
    found = []
    for message in messages:
        forms = catalogue.forms.get(message.text)
        if not forms or not all(forms):
            found.append(Problem(f"{catalogue.language}.po", f"not translated: {message.text}"))
            continue
        wanted = set(_PLACEHOLDER.findall(message.text))
        for form in forms:
            given = set(_PLACEHOLDER.findall(form))
            # "One file" needs no number.
            if given - wanted or (wanted - given) - ({"count"} if message.plural else set()):
                text = f"other values than in the English text: {form}"
                found.append(Problem(f"{catalogue.language}.po", text))
            elif _breaks(form, wanted):
                found.append(Problem(f"{catalogue.language}.po", f"a % that stands for no value: {form}"))
    return found


def _breaks(form: str, names: set[str]) -> bool:
    try:
        _ = form % dict.fromkeys(names | {"count"}, "1")
    except (ValueError, TypeError):
        return True
    return False


class Catalogues:
    """The languages that there are, each read when it is first asked for. folder: of `<language>.po` files."""

    def __init__(self, folder: Traversable | None = None) -> None:
        folder = folder or files("templates") / "locale"
        self._files = {p.name.removesuffix(".po"): p for p in folder.iterdir() if p.name.endswith(".po")}
        self.languages: tuple[str, ...] = (SOURCE, *sorted(self._files))

    def get(self, language: str) -> Catalogue:
        """One of `languages`. Raises Invalid for a file that cannot be read."""
        if language == SOURCE:
            return Catalogue(SOURCE)
        return read(language, self._files[language].read_bytes())


def read(language: str, data: bytes) -> Catalogue:
    """A catalogue from the bytes of a `.po` file. What is marked fuzzy counts as missing. Raises Invalid."""
    try:
        catalog = read_po(BytesIO(data), locale=language, abort_invalid=True)
        plural = gettext.c2py(catalog.plural_expr)
        rtl = Locale.parse(language).character_order == "right-to-left"
    except (PoFileError, ValueError, UnknownLocaleError) as error:
        raise Invalid((Problem(f"{language}.po", str(error)),)) from error
    forms: dict[str, tuple[str, ...]] = {}
    for message in catalog:
        if message.fuzzy or not message.id:
            continue
        texts, said = _several(message.id), _several(message.string)
        wanted = catalog.num_plurals if len(texts) > 1 else 1
        forms[texts[0]] = (*said, *[""] * (wanted - len(said)))
    return Catalogue(language, rtl, forms, plural)


def _several(text: object) -> tuple[str, ...]:
    """A text of a catalogue: one form, or several."""
    return tuple(map(str, text)) if isinstance(text, (tuple, list)) else (str(text or ""),)


def as_template(messages: Iterable[Message]) -> bytes:
    """The messages as a `.pot` file for translators."""
    catalog = Catalog(project="Casegate", header_comment=_ADVICE, fuzzy=False, charset="utf-8")
    for message in messages:
        places = [(file, int(line)) for file, _, line in (place.rpartition(":") for place in message.places)]
        catalog.add((message.text, message.plural) if message.plural else message.text, locations=places)
    out = BytesIO()
    write_po(out, catalog, width=120, omit_header=False)
    # When it was made says nothing that the texts do not say.
    return re.sub(rb'^"(?:POT-Creation|PO-Revision)-Date.*\n', b"", out.getvalue(), flags=re.MULTILINE)


_ADVICE: Final = """\
# The words of our mails. Copy this file to <language>.po and translate every message.
#
# - %(name)s and its like stand for names and numbers: keep them. Names are never inflected, and nobody knows
#   the gender of their bearers: where your language needs either, say it another way ("Message from: %(author)s").
# - Write to people as a friendly shop does, plainly and politely; a customer reads most of it.
# - A message is a whole sentence; some are a line of a list and have no full stop.
"""


# ----------------------------------------------------------------------------------------------------------- languages


def language_of(wanted: Sequence[str], offered: Collection[str]) -> str:
    """The language for somebody. wanted: locales such as `pt-BR`, best first, "" for an unknown one.

    The first that names a language decides: whoever's language is not offered gets English, not his neighbour's.
    """
    for tag in wanted:
        if (locale := _parsed(tag)) is None:
            continue
        if locale.language == "zh" and "zh" in offered and _is_traditional(locale):
            return "zh_Hant" if "zh_Hant" in offered else SOURCE
        return locale.language if locale.language in offered else SOURCE
    return SOURCE


def _is_traditional(locale: Locale) -> bool:
    return locale.script == "Hant" or (not locale.script and locale.territory in ("TW", "HK", "MO"))


@lru_cache(maxsize=1_024)
def _parsed(tag: str) -> Locale | None:
    """A locale by its BCP 47 or POSIX name, None when there is none; unknown parts at its end are let go."""
    parts = tag.partition(".")[0].replace("_", "-").split("-") if _TAG.fullmatch(tag.partition(".")[0]) else []
    while parts:
        try:
            return Locale.parse("-".join(parts), sep="-")
        except (UnknownLocaleError, ValueError):
            parts.pop()
    return None


def check_locale(tag: str, field: str = "locale") -> None:
    """Raises Invalid for what names no locale."""
    if _parsed(tag) is None:
        raise Invalid((Problem(field, f"there is no locale {tag!r}; write one such as en, pt-BR or zh-Hans-CN"),))


# --------------------------------------------------------------------------------------------------------------- zones

#: Where nearly everybody of a country lives that has more than one zone (CLDR, primary zones).
_MAIN_ZONES: Final = {
    "CL": "America/Santiago",
    "CN": "Asia/Shanghai",
    "DE": "Europe/Berlin",
    "EC": "America/Guayaquil",
    "ES": "Europe/Madrid",
    "MY": "Asia/Kuala_Lumpur",
    "NZ": "Pacific/Auckland",
    "PT": "Europe/Lisbon",
    "UA": "Europe/Kyiv",
    "UZ": "Asia/Tashkent",
}


def zone_for(own: str, locale: str, store: str = "") -> str:
    """The name of somebody's zone: his own, else his country's only one, else the store's, else UTC."""
    return next((name for name in (own, _country_zone(locale), store) if name and _zone(name) is not None), "UTC")


@lru_cache(maxsize=1_024)
def _country_zone(tag: str) -> str:
    locale = _parsed(tag)
    territory = locale.territory if locale else None
    if territory is None:
        return ""
    zones = get_global("territory_zones").get(territory, ())
    return zones[0] if len(zones) == 1 else _MAIN_ZONES.get(territory, "")


@lru_cache(maxsize=1_024)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # also a name of a folder, or one that leads out of it
        return None


def check_zone(name: str, field: str = "time_zone") -> None:
    """Raises Invalid for what names no time zone."""
    if _zone(name) is None:
        text = f"there is no time zone {name!r}; write one such as Europe/Lisbon or America/New_York"
        raise Invalid((Problem(field, text),))


# --------------------------------------------------------------------------------------------------------------- forms

#: Digits behind the decimal point, for the currencies where they are not two (ISO 4217: what minor units mean).
_EXPONENTS: Final = {
    currency: digits
    for digits, currencies in (
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (4, "CLF UYW"),
    )
    for currency in currencies.split()
}
_INVISIBLE = re.compile("[\u200e\u200f\u061c]")
_SPACES = re.compile("[\u202f\u00a0\u2009]")


class Manners:
    """How dates, amounts and sizes are written in one place: `manners("de", "de-AT", "Europe/Vienna")`."""

    def __init__(self, locale: Locale, zone: tzinfo, *, utc: bool) -> None:
        self._locale, self._zone, self._utc = locale, zone, utc
        self._anywhere = str(locale) == _EVERYWHERE
        self._date, self._months, self._halves = _date_form(locale)
        self._offsets: dict[object, str] = {}
        self._symbols: dict[str, tuple[str, str]] = {}
        symbols = locale.number_symbols.get("latn") or locale.number_symbols
        self._decimal, self._group = str(symbols["decimal"]), _plain(str(symbols["group"])) or ","
        self._money = locale.currency_formats["standard"]

    def date(self, when: datetime) -> str:
        """A moment that nobody can misread: `14 Nov 2026, 09:30 UTC`. when: aware."""
        local = when if self._utc and when.tzinfo is UTC else when.astimezone(self._zone)
        month, hour = local.month, local.hour
        return self._date.format(
            local.day, month, self._months[month], local.year, hour, hour % 12 or 12, local.minute,
            self._halves[hour >= 12], self._offset(local),
        )  # fmt: skip

    def _offset(self, local: datetime) -> str:
        """The zone's short name at that time, such as `CET` or `GMT+8`."""
        if self._utc:
            return "UTC"
        key = (local.utcoffset(), local.dst())
        if key not in self._offsets:
            name = _plain(get_timezone_name(local, width="short", locale=self._locale))
            self._offsets[key] = f"UTC{name[:3]}:{name[3:]}" if name[0] in "+-" else name
        return self._offsets[key]

    def hours(self, runs: Iterable[tuple[int, int, Iterable[tuple[int, int]]]], when: datetime) -> str:
        """When somebody is there: `Mon–Fri 09:00–12:00, 13:00–17:00; Sat 10:00–14:00 CET`, "" for never.

        runs: first and last day (Monday is 0) with the spans of both and all between, in minutes since midnight by the
        clocks of this zone. when: aware, tells the zone's name at that time.
        """
        days, form = self._locale.days["format"]["abbreviated"], _time_form(self._locale)

        def clock(minutes: int) -> str:
            hour, minute = divmod(minutes, 60)
            half = self._halves[12 <= hour < 24]
            return form.format(None, None, None, None, hour, (hour - 1) % 12 + 1, minute, half)

        said = [
            f"{days[first] if first == last else f'{days[first]}–{days[last]}'} "
            + ", ".join(f"{clock(start)}–{clock(end)}" for start, end in spans)
            for first, last, spans in runs
        ]
        return f"{'; '.join(said)} {self._offset(when.astimezone(self._zone))}" if said else ""

    def amount(self, minor_units: int, currency: str) -> str:
        """Money as it is written here, with the decimals of its currency: `€1,234.56`, `1.234,56 €`, `¥500`."""
        before, after = self._symbols.get(currency) or self._learn(currency)
        digits = _EXPONENTS.get(currency.upper(), 2)
        whole, fraction = divmod(abs(minor_units), 10**digits)
        decimals = f"{self._decimal}{fraction:0{digits}}" if digits else ""
        sign = "-" if minor_units < 0 else ""
        return f"{sign}{before}{self._grouped(whole)}{decimals}{after}"

    def _learn(self, currency: str) -> tuple[str, str]:
        """What stands before and after an amount. Whatever a platform calls its currency, it is only shown."""
        code = currency.upper()
        # Nobody knows which dollar is meant where nothing is known of the reader.
        symbol = code if self._anywhere else str(self._locale.currency_symbols.get(code, code))
        before, after = (
            _SPACES.sub(" ", _INVISIBLE.sub("", affix.replace("¤", symbol)))
            for affix in (self._money.prefix[0], self._money.suffix[0])
        )
        if before[-1:].isalpha():
            before += " "
        if len(self._symbols) < 1_000:
            self._symbols[currency] = (before, after)
        return before, after

    def _grouped(self, whole: int) -> str:
        return f"{whole:,}" if self._group == "," else f"{whole:,}".replace(",", self._group)

    def number(self, value: float) -> str:
        """A number with at most one decimal: `7.2`."""
        return f"{value:g}".replace(".", self._decimal)

    def size(self, size_bytes: int) -> str:
        """Bytes in steps of 1,000: `48 kB`."""
        if size_bytes < 1_000:
            return f"{size_bytes} B"
        if size_bytes < 999_500:
            return f"{size_bytes / 1_000:.0f} kB"
        return f"{size_bytes / 1_000_000:.1f} MB".replace(".", self._decimal)


def _plain(text: str) -> str:
    """Without marks of direction; every blank is one that all programs know."""
    return _SPACES.sub("\u00a0", _INVISIBLE.sub("", text))


@lru_cache(maxsize=1_024)
def manners(language: str = SOURCE, locale: str = "", zone: str = "UTC") -> Manners:
    """How people write in a place. language: of the mail; locale: of its reader, which counts when it is of that
    language; zone: a name. What is not known is left out, never an error.
    """
    known = _parsed(locale)
    if known is None or known.language != language.partition("_")[0] or known.territory is None:
        known = _known(_EVERYWHERE if language == SOURCE else language)
    return Manners(known, _zone(zone) or UTC, utc=_zone(zone) is None or zone in ("UTC", "Etc/UTC"))


@cache
def _known(name: str) -> Locale:
    return Locale.parse(name)


#: What a field of a pattern (Unicode TR 35) is in the form of a date: see `Manners.date`.
_FIELDS: Final = {
    ("d", 1): "{0}", ("d", 2): "{0:02}", ("M", 1): "{1}", ("M", 2): "{1:02}", ("M", 3): "{2}", ("y", 1): "{3}",
    ("H", 1): "{4}", ("H", 2): "{4:02}", ("h", 1): "{5}", ("m", 2): "{6:02}", ("a", 1): "{7}",
    ("B", 1): "{7}",  # the part of the day; nobody misses finer ones than its halves
}  # fmt: skip


def _fields(pattern: str) -> str:
    """A pattern as the form of a date."""
    # A token is ("chars", text) or ("field", (letter, how often)).
    return "".join(value if isinstance(value, str) else _FIELDS[value] for _, value in tokenize_pattern(pattern))


def _time_form(locale: Locale) -> str:
    return _SPACES.sub(" ", _INVISIBLE.sub("", _fields(str(locale.time_formats["short"].pattern))))


def _date_form(locale: Locale) -> tuple[str, Sequence[str], Sequence[str]]:
    """The form of day, month by its name where the language writes it so, year, time and zone; with the names of months
    (from 1) and of the halves of the day."""
    pieces = {
        "{1}": str(locale.datetime_skeletons["yMMMd"].pattern),
        "{0}": str(locale.time_formats["short"].pattern),
    }
    form = ""
    for piece in re.split(r"(\{[01]\})", str(locale.datetime_formats["medium"])):
        form += _fields(pieces[piece]) if piece in pieces else piece
    names, halves = locale.months["format"]["abbreviated"], locale.day_periods["format"]["abbreviated"]
    return (
        _SPACES.sub(" ", _INVISIBLE.sub("", f"{form} {{8}}")),
        ["", *(_SPACES.sub(" ", names[month]) for month in range(1, 13))],
        [_SPACES.sub(" ", halves[half]) for half in ("am", "pm")],
    )

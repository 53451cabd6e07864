"""The filters that a store may use: plain functions on plain values, each with the shapes that it takes and gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import StrictUndefined

from gateway.overrides.values import ListOf, Plain, Shape

#: For whoever names an item that is not always there.
ASK_FIRST: Final = "ask first whether it has items, as in {% if messages %}"
_SEPARATOR_CHARACTERS: Final = 20
_TRUNCATE_CHARACTERS: Final = 4_000


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter.

    shape: what it gives for what stands before it, None when it does not take that.
    allows: whether it takes these arguments; they are always written out. usage, meaning: for people.
    """

    run: Callable[..., Any]
    shape: Callable[[Shape], Shape | None]
    allows: Callable[[list[object]], bool]
    usage: str
    meaning: str


def _truncate(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1].rstrip() + "…"


def _first(items: list[object]) -> object:
    return items[0] if items else StrictUndefined(f"the list is empty: {ASK_FIRST}")


def _last(items: list[object]) -> object:
    return items[-1] if items else StrictUndefined(f"the list is empty: {ASK_FIRST}")


def _of_text(shape: Shape) -> Shape | None:
    return Plain.TEXT if shape is Plain.TEXT else None


def _of_texts(shape: Shape) -> Shape | None:
    return Plain.TEXT if shape == ListOf(Plain.TEXT) else None


def _counts(shape: Shape) -> Shape | None:
    return Plain.NUMBER if shape is Plain.TEXT or isinstance(shape, ListOf) else None


def _item(shape: Shape) -> Shape | None:
    return shape.items if isinstance(shape, ListOf) else None


def _nothing(arguments: list[object]) -> bool:
    return not arguments


def _one_text(arguments: list[object]) -> bool:
    return len(arguments) == 1 and isinstance(arguments[0], str)


def _short_text(arguments: list[object]) -> bool:
    # Its repetitions grow with the list: it is for commas, not for pages.
    return not arguments or (
        len(arguments) == 1 and isinstance(arguments[0], str) and len(arguments[0]) <= _SEPARATOR_CHARACTERS
    )


def _characters(arguments: list[object]) -> bool:
    return len(arguments) == 1 and type(arguments[0]) is int and 1 <= arguments[0] <= _TRUNCATE_CHARACTERS


#: By name.
FILTERS: Final[Mapping[str, Filter]] = {
    "upper": Filter(str.upper, _of_text, _nothing, "upper", "capital letters"),
    "lower": Filter(str.lower, _of_text, _nothing, "lower", "small letters"),
    "capitalize": Filter(str.capitalize, _of_text, _nothing, "capitalize", "one capital letter, then small ones"),
    "title": Filter(str.title, _of_text, _nothing, "title", "every word with a capital letter"),
    "trim": Filter(str.strip, _of_text, _nothing, "trim", "without blanks and line breaks at both ends"),
    "default": Filter(
        lambda text, instead: text or instead, _of_text, _one_text, 'default("words")', "other words for an empty text"
    ),
    "truncate": Filter(
        _truncate, _of_text, _characters, "truncate(40)",
        f"so many characters at most (1 to {_TRUNCATE_CHARACTERS}), with … for what is left out",
    ),
    "length": Filter(len, _counts, _nothing, "length", "how many characters or items"),
    "first": Filter(_first, _item, _nothing, "first", "the first item of a list"),
    "last": Filter(_last, _item, _nothing, "last", "the last item of a list"),
    "join": Filter(
        lambda texts, between="": between.join(texts), _of_texts, _short_text, 'join(", ")',
        f"a list of texts as one text, with up to {_SEPARATOR_CHARACTERS} characters between them",
    ),
}  # fmt: skip

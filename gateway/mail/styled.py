"""HTML that a store wrote for the inside of our mails: its looks stay, what could hide the rest of the mail goes.

It stands between parts that every mail must show, such as the button. The parser closes what was left open, so that
nothing reaches beyond it; a white list of CSS keeps it from lying over the rest, from pushing it far away and from
hiding words of its own, which other readers would find (a mail program's preview, the plain text).
"""

import re
from functools import lru_cache
from typing import Final

import nh3

from gateway.mail.html import tame


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


_TAGS: Final = _names(
    "a b blockquote br code dd div dl dt em h1 h2 h3 h4 hr i li ol p pre s small span strong sub sup table tbody td"
    " tfoot th thead tr u ul"
)
_REMOVED_WHOLE: Final = _names("script style title template noscript textarea select svg math iframe object")

_COLOUR = r"#[0-9a-f]{3}|#[0-9a-f]{6}|(?!transparent|inherit|initial|unset|revert|currentcolor)[a-z]{3,20}"
_LENGTH = r"0|(?:[0-9]|[1-3][0-9]|40)(?:\.[0-9]{1,2})?px"  # 40 px: nothing is pushed out of sight
_LENGTHS = rf"(?:{_LENGTH})(?:\s+(?:{_LENGTH})){{0,3}}"
_LINE = rf"(?:(?:{_LENGTH}|thin|medium|thick|solid|dashed|dotted|double|none|{_COLOUR})(?:\s+|$)){{1,3}}"
_VALUES: Final = {
    name: re.compile(pattern)
    for names, pattern in (
        ("color background-color background", _COLOUR),
        ("font-size", r"(?:1[0-9]|2[0-9]|3[0-9]|40)px|small|medium|large"),  # none that grow with depth
        ("font-weight", r"normal|bold|bolder|[4-9]00"),
        ("font-style", r"normal|italic"),
        ("font-family", r"[a-z0-9 ,'\"-]{1,200}"),
        ("line-height", r"normal|[12](?:\.[0-9]{1,2})?|(?:1[2-9]|[2-5][0-9])px"),
        ("text-align", r"left|right|center|start|end|justify"),
        ("text-decoration", r"none|underline|line-through"),
        ("vertical-align", r"top|middle|bottom|baseline"),
        ("margin margin-top margin-bottom margin-left margin-right", _LENGTHS),
        ("padding padding-top padding-bottom padding-left padding-right", _LENGTHS),
        ("border border-top border-bottom border-left border-right", _LINE),
        ("border-radius", _LENGTHS),
        ("border-collapse", r"collapse|separate"),
        ("border-color", _COLOUR),
        ("list-style-type", r"disc|circle|square|decimal"),
        ("width", r"(?:[1-9][0-9]?|100)%|[1-5]?[0-9]{2}px"),
        ("white-space", r"normal|pre-line"),
    )
    for name in names.split()
}  # fmt: skip
_LINK: Final = re.compile(r"(?:https?://[^/\s]|mailto:[^\s])", re.IGNORECASE)


def keep_looks(html: str) -> str:
    """The HTML without anything that is not listed: no pictures, forms, styles of the whole mail, or hidden words.

    Links lead to http, https and mailto addresses.
    """
    return _cleaner().clean(tame(html))


@lru_cache(maxsize=1)
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=set(_TAGS),
        clean_content_tags=set(_REMOVED_WHOLE),
        attributes={
            "*": {"style", "dir", "lang", "align"},
            "a": {"href"},
            "td": {"colspan", "rowspan", "valign"},
            "th": {"colspan", "rowspan", "valign"},
            "ol": {"start"},
        },
        attribute_filter=_attribute,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener nofollow",
    )


def _attribute(tag: str, name: str, value: str) -> str | None:
    """What an attribute may hold, None when it goes."""
    if name == "style":
        return _style(value) or None
    if name == "href":
        return value.strip() if _LINK.match(value.strip()) else None
    return value


def _style(css: str) -> str:
    """The declarations of a style attribute that are listed, with values that are."""
    kept = []
    for declaration in css.split(";"):
        name, _, value = declaration.partition(":")
        name, value = name.strip().lower(), value.strip()
        allowed = _VALUES.get(name)
        if allowed is not None and allowed.fullmatch(value.lower()):
            kept.append(f"{name}:{value}")
    return ";".join(kept)

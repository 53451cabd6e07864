"""HTML of strangers: made safe for display, or read as lines of text with their quote depth."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

import nh3
from selectolax.lexbor import LexborHTMLParser, LexborNode

from gateway.mail.quote_containers import Role, role_of

#: Characters of HTML that are read; nobody writes more by hand, and the raw mail stays.
MAX_HTML: Final = 2_000_000
# Both parsers take quadratic time on deep nesting, and open formatting elements are repeated in every later block.
_MAX_DEPTH: Final = 256
_MAX_FORMATTING: Final = 48


def _tags(names: str) -> frozenset[str]:
    return frozenset(names.split())


_FORMATTING = _tags("a b big code em font i nobr s small strike strong tt u span")
_NOT_NESTING = _tags(
    "area base br col embed hr img input link meta param source track wbr p li td th tr dt dd option html "
    "head body tbody thead tfoot colgroup"
)
_BLOCKS = _tags(
    "address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer form "
    "h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section summary table tr ul"
)
_PARAGRAPHS = _tags("p ul ol table h1 h2 h3 h4 h5 h6 pre blockquote")
_UNSEEN = _tags("head style script title template noscript svg math object iframe select textarea button audio video")
_MARKED = _tags("a article blockquote center div font hr p pre section span table td")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:]{0,20})(?=[\s/>])[^<>]{0,4000}>")
_DATA_URL = re.compile(r"data:[a-z]{1,20}/[^\"'\s<>]{500,}", re.I)
_HIDDEN = re.compile(r"display:\s*none|visibility:\s*hidden|mso-hide:\s*all", re.I)
_SPACE = re.compile(r"[ \t\r\n\f\xa0]+")


class Line(NamedTuple):
    """One line as a reader sees it. depth: inside how many quotes. role: what its container means, see `Role`."""

    text: str
    depth: int = 0
    role: Role | None = None


def tame(html: str) -> str:
    """The same words in HTML that every parser reads in linear time: bounded size, depth and open formatting."""
    html = html[:MAX_HTML].replace("\0", "")
    if html.count("<") < _MAX_FORMATTING:
        return html
    depth = formatting = 0
    for match in _TAG.finditer(html):
        name = match[2].lower()
        step = -1 if match[1] else 1
        if name in _FORMATTING:
            formatting = max(0, formatting + step)
            if formatting > _MAX_FORMATTING:
                return _flatten(html)
        elif name not in _NOT_NESTING:
            depth = max(0, depth + step)
            if depth > _MAX_DEPTH:
                return _flatten(html)
    return html


def _flatten(html: str) -> str:
    """Without formatting, and without the elements that lie too deep."""
    depth = 0

    def keep(match: re.Match[str]) -> str:
        nonlocal depth
        name = match[2].lower()
        if name in _FORMATTING:
            return ""
        if name in _NOT_NESTING:
            return match[0]
        if match[1]:
            depth -= 1
            return match[0] if depth < _MAX_DEPTH else "<br>"
        depth += 1
        return match[0] if depth <= _MAX_DEPTH else "<br>"

    return _TAG.sub(keep, html)


@lru_cache(maxsize=1)
def _cleaner() -> nh3.Cleaner:
    def keep_attribute(tag: str, name: str, value: str) -> str | None:
        # A picture from outside tells its sender that, when and where the mail was read.
        if tag == "img" and name == "src":
            return value if value.strip().lower().startswith("cid:") else None
        return value

    return nh3.Cleaner(
        tags=set(nh3.ALLOWED_TAGS) - {"area", "map", "bdi"} | {"font", "center"},
        clean_content_tags={"script", "style", "title", "template", "noscript", "textarea", "select", "svg", "math"},
        attributes={
            "*": {"align", "dir", "lang", "title"},
            "a": {"href"},
            "img": {"src", "alt", "width", "height"},
            "td": {"colspan", "rowspan"},
            "th": {"colspan", "rowspan"},
            "ol": {"start"},
            "blockquote": {"type"},
            "font": {"color"},
        },
        attribute_filter=keep_attribute,
        url_schemes={"http", "https", "mailto", "tel", "cid"},
        link_rel="noopener noreferrer nofollow",
    )


def sanitise(html: str) -> str:
    """HTML that may stand inside our page: no scripts, styles, forms, or anything that loads from outside.

    Only pictures of the mail itself (`cid:`) stay. Input beyond `MAX_HTML` characters is left out.
    """
    return _cleaner().clean(tame(_DATA_URL.sub("", html)))


def html_to_text(html: str) -> str:
    """Readable plain text: paragraphs, lists, tables, quotes with `> `, links as `words (address)`."""
    lines = []
    for line in read_lines(html, addresses=True):
        text = "> " * line.depth + ("-" * 20 if line.role is Role.RULE else line.text)
        lines.append(text.rstrip())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def read_lines(html: str, *, addresses: bool = False) -> list[Line]:
    """The lines that a reader sees, in order. addresses: write the address of a link behind its words."""
    root = LexborHTMLParser(tame(_DATA_URL.sub("", html))).root
    return _Reader(addresses).read(root) if root is not None else []


class _Reader:
    """Walks the tree without recursion, so that no nesting exhausts the stack, and lays its text out in lines."""

    def __init__(self, addresses: bool) -> None:
        self._addresses = addresses
        self._lines: list[Line] = []
        self._parts: list[str] = []
        self._prefix = ""
        self._gap = False
        self._depth = 0
        self._role: Role | None = None
        self._pre = 0
        self._lists: list[int] = []  # per open list its next number, 0 for bullets

    def read(self, root: LexborNode) -> list[Line]:
        node, path = root, list[tuple[int, Role | None]]()
        while True:
            before = (self._depth, self._role)
            if self._enter(node):
                if (child := node.child) is not None:
                    path.append(before)
                    node = child
                    continue
                self._leave(node)
                self._depth, self._role = before
            while (following := node.next) is None and path and (parent := node.parent) is not None:
                node = parent
                self._leave(node)
                self._depth, self._role = path.pop()
            if following is None or not path:
                break
            node = following
        self._end_line()
        return self._lines

    def _enter(self, node: LexborNode) -> bool:
        """Take in the node; True when its children are to be read."""
        tag = node.tag or ""
        if tag == "-text":
            self._text(node.text_content or "")
            return False
        if tag in _UNSEEN or tag.startswith("-"):
            return False
        if tag == "br":
            self._end_line(even_empty=True)
            return False
        if tag == "img":
            self._picture(node.attributes)
            return False
        attributes: Mapping[str, str | None] = node.attributes if tag in _MARKED else {}
        if attributes.get("style") and _HIDDEN.search(attributes["style"] or ""):
            return False
        if tag in _BLOCKS:
            self._block(tag, node)
        if tag in _MARKED:
            self._mark(tag, attributes)
        return True

    def _mark(self, tag: str, attributes: Mapping[str, str | None]) -> None:
        role = role_of(tag, attributes)
        if role is None:
            return
        self._end_line()
        if role is Role.QUOTE:
            self._depth += 1
        elif role in (Role.INTRO, Role.SIGNATURE):
            self._role = role
        else:
            self._lines.append(Line("", self._depth, role))

    def _block(self, tag: str, node: LexborNode) -> None:
        self._end_line()
        if tag in _PARAGRAPHS:
            self._blank()
        if tag == "pre":
            self._pre += 1
        elif tag in ("ul", "ol"):
            start = node.attributes.get("start") or "1"
            self._lists.append(int(start) if tag == "ol" and start.isdecimal() and len(start) < 7 else int(tag == "ol"))
        elif tag == "li":
            self._item()
        elif tag == "hr":
            self._lines.append(Line("", self._depth, Role.RULE))

    def _item(self) -> None:
        number = self._lists[-1] if self._lists else 0
        indent = "  " * min(len(self._lists) - 1, 8)
        self._prefix = f"{indent}{number}. " if number else f"{indent}- "
        if number:
            self._lists[-1] += 1

    def _leave(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if tag in _BLOCKS:
            self._end_line()
            if tag in _PARAGRAPHS:
                self._blank()
            if tag == "pre":
                self._pre -= 1
            elif tag in ("ul", "ol") and self._lists:
                self._lists.pop()
        elif tag in ("td", "th"):
            self._parts.append("\t")
        elif tag == "a" and self._addresses:
            self._address(node)

    def _address(self, node: LexborNode) -> None:
        href = (node.attributes.get("href") or "").strip()
        shown = "".join(self._parts)[-len(href) - 8 :]
        if href.startswith(("http://", "https://")) and href.rstrip("/").partition("//")[2] not in shown:
            self._parts.append(f" ({href})")

    def _picture(self, attributes: Mapping[str, str | None]) -> None:
        alt = (attributes.get("alt") or "").strip()
        # Some programs send emoji as pictures; they are words of the writer, a logo is not.
        if alt and len(alt) <= 8 and not any(c.isalnum() and c.isascii() for c in alt):
            self._parts.append(alt)

    def _text(self, text: str) -> None:
        if not self._pre:
            self._parts.append(_SPACE.sub(" ", text))
            return
        first, *others = text.replace("\r\n", "\n").split("\n")
        self._parts.append(first)
        for other in others:
            self._end_line(even_empty=True)
            self._parts.append(other)

    def _end_line(self, even_empty: bool = False) -> None:
        if not (self._parts or even_empty):
            return
        text = "".join(self._parts)
        self._parts.clear()
        text = text.rstrip() if self._pre else _SPACE.sub(" ", text).strip()
        if text or even_empty:
            self._fill_gap()
            self._lines.append(Line(self._prefix + text if text else "", self._depth, self._role))
            self._prefix = "" if text else self._prefix

    def _blank(self) -> None:
        """A blank line before the next words: it belongs to the outer of the two quotes that it separates."""
        self._gap = True

    def _fill_gap(self) -> None:
        if self._gap and self._lines and self._lines[-1].text:
            self._lines.append(Line("", min(self._depth, self._lines[-1].depth), self._role))
        self._gap = False

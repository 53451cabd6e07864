"""From a store's sources to the words of one mail: what runs in a child process, with nothing but plain values."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from traceback import extract_tb
from typing import Any, Final

from jinja2 import Template, TemplateError

from gateway.cases.model import MESSAGE_CHARACTERS
from gateway.errors import Invalid, Problem
from gateway.mail.html import html_to_text
from gateway.mail.quotes import has_words
from gateway.mail.styled import keep_looks
from gateway.overrides.syntax import compiled
from gateway.overrides.values import AUTO_REPLY
from gateway.rendering import OwnWords, prose

PARTS: Final = ("subject", "text", "html")
OUTPUT_BYTES: Final = 256 * 1024
SUBJECT_CHARACTERS: Final = 200
_COMPILED: Final = 64  # templates that a child keeps ready

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_GAPS = re.compile(r"\n[ \t]*(?:\n[ \t]*){2,}")


@dataclass(frozen=True, slots=True)
class Sources:
    """What a store wrote for one mail; each "" for our own words."""

    subject: str = ""
    text: str = ""
    html: str = ""

    def parts(self) -> Iterator[tuple[str, str]]:
        """The name of each part that the store wrote, and its source."""
        for name in PARTS:
            if source := str(getattr(self, name)):
                yield name, source


class Broken(Exception):
    """The words cannot be made. part: one of PARTS, or "" for all of them. why: for people, with the line."""

    def __init__(self, part: str, why: str) -> None:
        super().__init__(part, why)  # as they are: it comes out of the child as a pickle
        self.part = part
        self.why = why

    def __str__(self) -> str:
        return f"{self.part}: {self.why}" if self.part else self.why


def render(sources: Sources, values: Mapping[str, Any]) -> OwnWords:
    """The words of one mail. values: as `gateway.overrides.values` makes them. Raises Broken.

    A store that writes only text or only HTML gets the other one made of it: they never tell two things. What comes
    out empty is left to our own words.
    """
    made = {
        name: _clean(_run(name, partial(_template, source, name == "html"), values)) for name, source in sources.parts()
    }
    text = _tidy(made.get("text", ""))
    html = keep_looks(made.get("html", "")).strip()
    if html and not text:
        text = html_to_text(html)
        if not has_words(text):
            text = html = ""  # a line and a frame say nothing
    elif text and not html:
        html = "\n".join(f"<p>{prose(paragraph)}</p>" for paragraph in text.split("\n\n"))
    return OwnWords(_subject(made.get("subject", "")), text, html)


def check(sources: Sources) -> tuple[Problem, ...]:
    """What is not allowed in the sources; the field of a problem is the part."""
    problems: list[Problem] = []
    for name, source in sources.parts():
        try:
            _template(source, name == "html")
        except Invalid as error:
            problems += (Problem(name, problem.text) for problem in error.problems)
    return tuple(problems)


def render_auto_reply(source: str, values: Mapping[str, Any]) -> str:
    """What a store answers by itself: plain text, "" for nothing. Raises Broken."""
    text = _tidy(_clean(_run("", partial(_auto_reply, source), values)))
    if len(text) > MESSAGE_CHARACTERS:
        raise Broken("", f"{len(text)} characters come out, and a message has at most {MESSAGE_CHARACTERS}; write less")
    return text


def check_auto_reply(source: str) -> tuple[Problem, ...]:
    """What is not allowed in the source of such an answer."""
    try:
        _auto_reply(source)
    except Invalid as error:
        return error.problems
    return ()


@lru_cache(maxsize=_COMPILED)
def _template(source: str, html: bool) -> Template:
    return compiled(source, html=html)


@lru_cache(maxsize=_COMPILED)
def _auto_reply(source: str) -> Template:
    return compiled(source, html=False, given=AUTO_REPLY)


def _tidy(text: str) -> str:
    return _GAPS.sub("\n\n", text).strip()


def _run(part: str, template: Callable[[], Template], values: Mapping[str, Any]) -> str:
    """What one template writes. Raises Broken."""
    pieces, size = [], 0
    try:
        for piece in template().generate(values):
            size += len(piece.encode("utf-8", "replace"))
            if size > OUTPUT_BYTES:
                raise Broken(part, f"it writes more than {OUTPUT_BYTES} bytes; write less in its loops")
            pieces.append(piece)
    except Invalid as error:
        raise Broken(part, error.problems[0].text) from error
    except (TemplateError, TypeError, ValueError, RecursionError) as error:
        raise Broken(part, f"{_line(error)}{error}") from error
    return "".join(pieces)


def _line(error: Exception) -> str:
    """Where in the template an error came up: Jinja writes the lines of the template into the traceback."""
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == "<template>"]
    return f"line {lines[-1]}: " if lines else ""


def _clean(text: str) -> str:
    """Without characters that no mail may hold, but with line breaks."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n"))


def _subject(text: str) -> str:
    """One line that is not too long: a long case subject in it breaks no mail."""
    line = " ".join(text.split())
    return line if len(line) <= SUBJECT_CHARACTERS else line[: SUBJECT_CHARACTERS - 1].rstrip() + "…"

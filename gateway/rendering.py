"""Templates: what people read, made from the files of the package `templates`.

    mail/<name>.txt    the words of one mail, as `{% set %}` texts: subject, heading, notice, lead, answer, footer;
                       lead may have paragraphs and lists (`paragraphs`), button is needed where there is a link
    mail/labels.txt    the words that all mails share
    mail/layout.*      the one look of all mails, as text and as HTML, around the words and the conversation
    mail/told.txt      texts that come from elsewhere and are translated, too
    pages/<name>.html  whole pages
    evidence/report.*  what a person reads who receives evidence, as text and as HTML, in English

Everything is compiled once, when the renderer is made; a name that a template uses and nobody gives is an error.
"""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

import css_inline
from jinja2 import BaseLoader, Environment, PackageLoader, StrictUndefined, Template, TemplateError, select_autoescape
from jinja2.environment import TemplateModule
from jinja2.ext import extract_from_ast
from markupsafe import Markup, escape

from gateway.errors import Invalid, Problem
from gateway.locales import SOURCE, Catalogue, Catalogues, Message, language_of, manners
from gateway.locales import problems as missing_in

#: A web address in escaped text: `&amp;` belongs to it, other escaped characters end it, punctuation may follow it.
_LINK = re.compile(r"https?://(?:[^\s&]|&amp;)*(?:[^\s&.,;:!?)]|&amp;)", re.IGNORECASE)


COLOUR: Final = "#0b57d0"  # of those who chose none


@dataclass(frozen=True, slots=True)
class Rendered:
    """The words of a mail. subject: one line; text and html: with `\\n` line ends."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class OwnWords:
    """A store's words in place of our subject, and of our heading and lead in text and HTML; each "" for ours.

    subject: one line. html: safe as it is, every element closed.
    """

    subject: str = ""
    text: str = ""
    html: str = ""


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A file as a mail lists it: its name, its size for people, and where it can be got, "" for nowhere."""

    name: str
    size: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """Whose look a mail has. name: of the store, of support, or ours; colour: of its button, `#rrggbb`.

    logo: the Content-ID of a picture in the mail, "" for none; width, height: of it, in pixels.
    support: the platform's support writes or reads it, which looks like nobody else.
    """

    name: str
    colour: str = COLOUR
    logo: str = ""
    width: int = 0
    height: int = 0
    support: bool = False

    @property
    def ink(self) -> str:
        """The colour of words on `colour`."""
        return ink_on(self.colour)


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A message as a mail shows it.

    author: our own name for who wrote it. sent_at: as `date` writes it.
    via: the address of an author whom we do not know, "" otherwise. unverified: nothing proves that the author sent it.
    trail: whether it records a change instead of somebody's words. shortened: whether the body is only the beginning.
    support: the platform's support wrote it.
    """

    author: str
    body: str
    sent_at: str
    via: str = ""
    files: tuple[ShownFile, ...] = ()
    trail: bool = False
    shortened: bool = False
    unverified: bool = False
    support: bool = False


@dataclass(frozen=True, slots=True)
class _Speech:
    """One language: its catalogue, and the words that all mails share in it."""

    catalogue: Catalogue
    label: TemplateModule
    words: Mapping[str, object]  # what templates say it with


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of our own words, or a list: then `items` has the lines of each item, and text is empty."""

    text: str
    items: tuple[tuple[str, ...], ...] = ()


class Renderer:
    """Every template, compiled. Raises Invalid with one problem for each that does not compile."""

    def __init__(self, loader: BaseLoader | None = None, catalogues: Catalogues | None = None) -> None:
        self._loader = loader or PackageLoader("templates", ".")
        self._environment = Environment(
            loader=self._loader,
            autoescape=select_autoescape(enabled_extensions=("html",), default=False),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            cache_size=-1,
        )
        # Templates know what they are given and nothing else; collecting Jinja's own globals costs 10 µs a rendering.
        self._environment.globals.clear()
        self._environment.filters["prose"] = prose
        self._environment.filters["paragraphs"] = paragraphs
        self._templates = self._compile()
        self._catalogues = catalogues or Catalogues()
        self._speeches = {SOURCE: self._speech(self._catalogues.get(SOURCE))}

    def _compile(self) -> dict[str, Template]:
        compiled, problems = {}, []
        for name in self._environment.list_templates(extensions=("txt", "html")):
            try:
                if name == "mail/layout.html":
                    compiled[name] = self._environment.from_string(with_inlined_css(self._source(name)))
                else:
                    compiled[name] = self._environment.get_template(name)
            except TemplateError as error:
                problems.append(_problem(name, error))
        if problems:
            raise Invalid(tuple(problems))
        return compiled

    def messages(self) -> list[Message]:
        """Every text of the words of our mails that is translated, in the order of their files."""
        found: dict[tuple[str, str], list[str]] = {}
        for name in sorted(name for name in self._templates if name.startswith("mail/") and name.endswith(".txt")):
            tree = self._environment.parse(self._source(name))
            for line, function, given in extract_from_ast(tree, ("_", "ngettext")):
                texts = given if isinstance(given, tuple) else (given,)
                key = (str(texts[0]), str(texts[1]) if function == "ngettext" else "")
                found.setdefault(key, []).append(f"templates/{name}:{line}")
        return [Message(one, many, tuple(places)) for (one, many), places in found.items()]

    def _source(self, name: str) -> str:
        return self._loader.get_source(self._environment, name)[0]

    def language(self, *wanted: str) -> str:
        """The language of a mail. wanted: locales of its reader, best first, "" for unknown ones."""
        return self._spoken(language_of(wanted, self._catalogues.languages)).catalogue.language

    def _spoken(self, language: str) -> _Speech:
        """What a language is spoken with; English in place of one that is not complete."""
        if language not in self._speeches:
            catalogue = self._catalogues.get(language)
            whole = not missing_in(catalogue, self.messages())
            self._speeches[language] = self._speech(catalogue) if whole else self._speeches[SOURCE]
        return self._speeches[language]

    def _speech(self, catalogue: Catalogue) -> _Speech:
        words = {"_": catalogue.gettext, "ngettext": catalogue.ngettext}
        label = self._templates["mail/labels.txt"].make_module(words)
        direction = {"dir": "rtl", "start": "right"} if catalogue.rtl else {"dir": "ltr", "start": "left"}
        lang = catalogue.language.replace("_", "-")
        return _Speech(catalogue, label, {**words, **direction, "lang": lang, "label": label})

    def mail(self, template: str, context: Mapping[str, object], own: OwnWords | None = None) -> Rendered:
        """One mail as text and HTML. template: a name such as `case_closed`; context: as in `sample`."""
        speech = self._spoken(str(context["language"]))
        own = own or OwnWords()
        everything = {**context, **speech.words, "own": own}
        words = self._templates[f"mail/{template}.txt"]
        # Not `make_module` and `render`, which copy all values for each of the three.
        said = words.new_context(everything, shared=True)
        deque(words.root_render_func(said), maxlen=0)
        everything |= said.vars
        return Rendered(
            own.subject or str(everything["subject"]),
            self._filled("mail/layout.txt", everything),
            self._filled("mail/layout.html", everything),
        )

    def _filled(self, name: str, values: dict[str, object]) -> str:
        template = self._templates[name]
        return "".join(template.root_render_func(template.new_context(values, shared=True)))

    def say(self, text: str, language: str, **values: object) -> str:
        """One of the texts of `messages` in a language, "" when it has no words for it; English has them for all."""
        catalogue = self._spoken(language).catalogue
        known = text in catalogue.forms or catalogue.language == SOURCE
        return catalogue.gettext(text, **values) if known else ""

    def label(self, name: str, language: str = SOURCE) -> str:
        """One of the words that all mails share."""
        return str(self._spoken(language).label.__dict__[name])

    def page(self, name: str, context: Mapping[str, object]) -> str:
        """One HTML page, in the `language` of its context if there is one."""
        speech = self._spoken(str(context.get("language", SOURCE)))
        return self._templates[f"pages/{name}.html"].render({**speech.words, **context})

    def stream(self, file: str, context: Mapping[str, object]) -> Iterator[str]:
        """A long text in English, piece by piece: what the context iterates over need not be in memory at once."""
        stream = self._templates[file].stream({**self._speeches[SOURCE].words, **context})
        stream.enable_buffering(200)
        return stream

    def check(self) -> list[Problem]:
        """Render every mail with sample data, for each reader that it has; what fails is a problem."""
        problems = [
            problem
            for language in self._catalogues.languages[1:]
            for problem in missing_in(self._catalogues.get(language), self.messages())
        ]
        for file in self._templates:
            name = file.removeprefix("mail/").removesuffix(".txt")
            if file != f"mail/{name}.txt" or name in ("labels", "layout", "told"):
                continue
            for reader, context in samples(name):
                try:
                    self.mail(name, context)
                except (TemplateError, KeyError) as error:
                    problems.append(_problem(f"{file} for {reader}", error))
        return problems


@cache
def built_in() -> Renderer:
    """The renderer of the templates that come with the gateway, compiled once for a process (0.3 s)."""
    return Renderer()


#: What a mail is told instead when it shows nothing of a conversation.
NO_CONVERSATION: dict[str, object] = {"excerpt": "", "new": (), "earlier": ()}

_NOW = "14 Nov 2026, 09:30 UTC"
_LETTERS = {
    "no_case": ("STRANGER",),
    "mail_held": ("REVIEWER", "OPERATOR"),
    "alarm": ("OPERATOR",),
    "canary": ("NOBODY",),
    "confirm_address": ("CUSTOMER",),
    "sign_in": ("CUSTOMER", "MERCHANT"),
}
_NOT_POSTED: dict[str, dict[str, object]] = {
    "nothing new": {"kept_back": []},
    "revoked": {"marker": ""},
    "left": {"marker": "", "link": ""},
    "not taken": {"because": "Cannot send messages on a closed case"},
    "too late": {"marker": "", "new_case_url": "https://shop.example.org/help"},
}
_ACTS = {
    "closing_soon": "https://cases.example.org/keep/1",
    "case_closed": "https://cases.example.org/reopen/1",
}


def samples(template: str) -> Iterator[tuple[str, dict[str, object]]]:
    """Each reader of a mail, and what it is told for him, with invented values. template: as for `Renderer.mail`."""
    for reader in _LETTERS.get(template, ("CUSTOMER", "MERCHANT", "SUPPORT")):
        if template in _LETTERS:
            yield reader, letter_sample(reader)
        elif template == "not_posted":
            for why, facts in _NOT_POSTED.items():
                yield f"{reader}, {why}", sample(reader) | NO_CONVERSATION | {"why": why} | facts
        elif template in _ACTS and reader == "CUSTOMER":
            yield reader, sample(reader) | {"act_link": _ACTS[template]}
        elif template == "not_everything_posted":
            yield reader, sample(reader) | NO_CONVERSATION
        else:
            yield reader, sample(reader)


def sample(reader: str) -> dict[str, object]:
    """What a mail about a case is told, with invented values. reader: the role of the recipient."""
    question = ShownMessage("Mia Jensen", "Which one is mine?\nhttps://example.org/?a=1&b=2", _NOW, "mia@example.org")
    return {
        "language": "en",
        "look": Look("Support Team", support=True) if reader == "SUPPORT" else Look("Pixel Shop"),
        "reader": reader,  # the role of the recipient
        "reader_name": "Mia Jensen",
        "brand": "Cases",
        "store": "Pixel Shop",
        "customer": "Mia Jensen",
        "customer_first_name": "Mia",  # or ""; for the words of a store only
        "support": "Support Team",
        "support_joined": reader != "CUSTOMER",
        "author": "Pixel Shop",  # of the first new message; "" when nobody wrote or we do not know who did
        "closed_by": "MERCHANT",  # a role, or ""
        "case_subject": "My order has not arrived",
        "order_number": "1042",
        "order_amount": manners().amount(4_990, "EUR"),
        "order_status": "COMPLETED",
        "excerpt": "It is on its way.",
        "new": [
            ShownMessage(
                "Pixel Shop", "It is on its way.", _NOW, files=(ShownFile("label.pdf", manners().size(48_213)),)
            )
        ],
        "earlier": [question, ShownMessage("", "Case is now open", _NOW, trail=True)],
        "marker": "above this line",  # "" when an answer would not come to the case
        "link": "https://cases.example.org/c/1",  # to the case, or ""
        "gmail_actions": False,  # whether Gmail is told of the link (schema.org)
        "unsubscribe": "",  # the page on which a member switches such mails off
        "kept_back": [{"name": "holiday.mov", "reason": "files of this type are not taken"}],
        "text_in_file": True,  # the end of a long text was added as a file
        "why": "",  # why a mail was not posted: nothing new, revoked, left, not taken
        "because": "The case is closed",  # why, in the words of the law, of a mail system or of a signal
        "lost": "message_to_customer",  # which mail was not delivered: that one or closing_soon
        "stays_open": False,
        "cause": "address",  # why a mail was not delivered: address, full, size, policy, or "" for anything else
        "auto_reply": "Thank you. We answer on Monday.",  # what the store answers by itself, or ""
        "closes_at": _NOW,  # when a silent case closes
        "closed_at": _NOW,  # when the case was closed, or ""
        "reopens_until": "",  # until when its customer may open a closed case again, "" for ever
        "new_case_url": "",  # where customers open a new case, or ""
        "act_link": "",  # of what the customer can do about it: to keep a case open, to open it again; or ""
    }


def letter_sample(reader: str) -> dict[str, object]:
    """What a mail outside of a case is told, with invented values. reader: OPERATOR for whoever runs the gateway."""
    held: dict[str, object] = {
        "number": 17,
        "kept_at": _NOW,
        "subject": "My order has not arrived",
        "order_number": "1042",
        "whose": "customer",  # customer, own, colleague, support, or "" for nobody's reply address
        "why": "the sender's domain disowns the mail",
    }
    return NO_CONVERSATION | {
        "language": "en",
        "look": Look("Cases"),
        "reader": reader,
        "reader_name": "Mia Jensen",
        "brand": "Cases",
        "operator_address": "operator@example.org",  # or ""
        "marker": "",
        "link": "https://cases.example.org/confirm/1" if reader == "CUSTOMER" else "",  # of what is confirmed
        "address": "mia@work.example.org",
        "store": "Pixel Shop",
        "minutes": 10,  # for which the link of sign_in works
        "held": [held, held | {"subject": "", "order_number": "", "whose": ""}],
        "alarms": ["The relay refuses our mail since 09:00. Look at its log."],
        "more": 0,  # alarms that are not named
        "over": ["Mail waits to be sent since 08:50."],  # alarms that he was told of and that are over
    }


def _problem(name: str, error: Exception) -> Problem:
    line = getattr(error, "lineno", None)
    return Problem(f"templates/{name}", f"line {line}: {error}" if line else str(error))


def prose(text: str) -> Markup:
    """Somebody's words as HTML: escaped, line breaks kept, web addresses made links."""
    html = str(escape(text))
    if "://" in html:
        html = _LINK.sub(r'<a href="\g<0>" rel="noopener nofollow">\g<0></a>', html)
    return Markup(html.replace("  ", "&nbsp; ").replace("\n", "<br>\n"))  # noqa: S704 (escaped above)


def paragraphs(text: str) -> list[Paragraph]:
    """Our own words in pieces: a blank line parts them, `- ` begins an item of a list, two blanks go on with it."""
    found = []
    for piece in text.strip().split("\n\n"):
        items = piece.removeprefix("- ").split("\n- ") if piece.startswith("- ") else []
        found.append(Paragraph("" if items else piece, tuple(tuple(item.split("\n  ")) for item in items)))
    return found


@lru_cache(maxsize=1_024)
def ink_on(colour: str) -> str:
    """Black or white, whichever reads better on a colour `#rrggbb` (WCAG 2.2, contrast ratio)."""
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    # The ratio is (lighter + 0.05) / (darker + 0.05); white is 1, black is 0.
    return "#ffffff" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else "#000000"


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


_JINJA = re.compile(r"\{%.*?%\}|\{#.*?#\}|\{\{.*?\}\}", re.DOTALL)
_STYLE = re.compile(r' style="([^"]*)"')
_CLASS = re.compile(r' class="([^"]*)"')


def with_inlined_css(source: str) -> str:
    """A template of HTML whose style sheet is written into its elements, as many mail programs know no other.

    What stays are the rules for `@media`, and the classes that they name. Tags of Jinja must not stand inside of tags
    of HTML: an inliner reads HTML, so they are comments to it, and expressions are words.
    """
    pieces: list[str] = []

    def hide(match: re.Match[str]) -> str:
        pieces.append(match[0])
        return f"jinja{len(pieces) - 1}x" if match[0].startswith("{{") else f"<!--jinja{len(pieces) - 1}x-->"

    # Addresses of style sheets are never followed: nothing of ours has any, and nothing else is ever inlined.
    inliner = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
    html = inliner.inline(_JINJA.sub(hide, source))
    # Readers of HTML put the body of a table behind the first comment, which may be one side of an `if`.
    html = html.replace("<tbody>", "").replace("</tbody>", "")
    kept = set(re.findall(r"\.([a-z]+)", "".join(re.findall(r"<style>(.*?)</style>", html, re.DOTALL))))
    html = _CLASS.sub(lambda found: _class(kept.intersection(found[1].split())), html)
    html = _STYLE.sub(lambda found: f' style="{found[1].replace(": ", ":").rstrip(";")}"', html)
    return re.sub(r"<!--jinja(\d+)x-->|jinja(\d+)x", lambda found: pieces[int(found[1] or found[2])], html)


def _class(names: set[str]) -> str:
    return f' class="{" ".join(sorted(names))}"' if names else ""

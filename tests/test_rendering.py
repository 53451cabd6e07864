"""Templates render every mail, escape what others wrote, and say what is wrong with them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import ChoiceLoader, DictLoader, PackageLoader, UndefinedError

from gateway.cases.notices import Template
from gateway.errors import Invalid
from gateway.rendering import Renderer, ShownFile, ShownMessage, amount, date, prose, sample, size

RENDERER = Renderer()
READERS = ("CUSTOMER", "MERCHANT", "SUPPORT")
HOSTILE = "<script>alert(1)</script> {{ 7 * 7 }} {% raw %} </title></style> \" ' & &amp;"


def with_template(name: str, source: str) -> ChoiceLoader:
    return ChoiceLoader([DictLoader({name: source}), PackageLoader("templates", ".")])


class Reader(HTMLParser):
    """What a browser would make of a page: its elements, its attributes, its text; tags must nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in ("meta", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("template", Template)
def test_every_mail_renders_for_every_reader(template: Template, reader: str) -> None:
    mail = RENDERER.mail(template, sample(reader))
    page = Reader(mail.html)
    assert mail.subject == "My order has not arrived"
    for shown in (mail.text, page.text):
        assert "It is on its way." in shown
        assert "label.pdf" in shown
        assert "1042" in shown
        assert "49.90 EUR" in shown
        assert "completed" in shown
        assert "ust answer this mail:" in shown
        assert "14 Nov 2026, 09:30 UTC" in shown
        assert "sent from mia@example.org, an address we do not know" in shown
        assert shown.index("It is on its way.") < shown.index("above this line") < shown.index("Which one is mine?")
    assert "\n\n\n" not in mail.text


@pytest.mark.parametrize("template", Template)
def test_html_brings_all_it_needs_and_loads_nothing(template: Template) -> None:
    html = RENDERER.mail(template, sample("CUSTOMER")).html
    page = Reader(html)
    assert ("lang", "en") in page.attributes
    assert ("name", "color-scheme") in page.attributes
    assert "@media (prefers-color-scheme:dark)" in html
    assert not {"img", "link", "script", "iframe", "object", "form"} & set(page.tags)
    assert not {"src", "srcset", "background", "action"} & {name for name, _ in page.attributes}
    assert "url(" not in html
    assert "@import" not in html


@pytest.mark.parametrize("template", Template)
def test_what_others_wrote_stays_text(template: Template) -> None:
    message = ShownMessage(HOSTILE, HOSTILE, "now", HOSTILE, (ShownFile(HOSTILE, "1 B"),))
    known = ShownMessage(HOSTILE, HOSTILE, "now", files=(ShownFile(HOSTILE, "1 B"),))
    context = sample("CUSTOMER")
    plain = Reader(RENDERER.mail(template, context | {"new": [message, known], "earlier": [message, known]}).html)
    names = dict.fromkeys(("customer", "store", "support", "author", "reader_name", "brand", "case_subject"), HOSTILE)
    facts = dict.fromkeys(("order_number", "order_amount", "order_status", "excerpt"), HOSTILE)
    mail = RENDERER.mail(template, context | names | facts | {"new": [message, known], "earlier": [message, known]})
    page = Reader(mail.html)
    assert page.tags == plain.tags
    assert "script" not in page.tags
    assert "{{ 7 * 7 }}" in page.text
    assert HOSTILE in mail.text
    assert mail.subject == HOSTILE


@pytest.mark.parametrize(("reader", "warned"), [("CUSTOMER", False), ("MERCHANT", True), ("SUPPORT", True)])
def test_staff_read_above_the_words_who_gets_an_answer(reader: str, warned: bool) -> None:
    for template in (Template.MESSAGE_TO_MERCHANT if warned else Template.MESSAGE_TO_CUSTOMER, Template.CASE_REOPENED):
        text = RENDERER.mail(template, sample(reader)).text
        notice = text.find("Answering this mail writes to the customer: Mia Jensen")
        assert (0 < notice < text.index("It is on its way.")) is warned


def test_the_conversation_is_left_out_when_there_is_none() -> None:
    mail = RENDERER.mail(Template.MESSAGE_TO_CUSTOMER, sample("CUSTOMER") | {"earlier": []})
    assert "conversation" not in mail.text
    assert "conversation" not in mail.html


def test_an_order_status_that_we_do_not_know_is_shown_as_it_is() -> None:
    assert "on_hold" in RENDERER.mail(Template.CASE_CLOSED, sample("CUSTOMER") | {"order_status": "ON_HOLD"}).text


def test_a_missing_name_is_an_error() -> None:
    context = sample("CUSTOMER")
    del context["store"]
    with pytest.raises(UndefinedError, match="'store' is undefined"):
        RENDERER.mail(Template.CASE_CLOSED, context)


def test_our_templates_have_no_problems() -> None:
    assert RENDERER.check() == []


def test_a_template_that_does_not_compile_is_named_with_its_line() -> None:
    with pytest.raises(Invalid) as error:
        Renderer(with_template("mail/case_closed.txt", "{% set subject %}x{% endset %}\n{% if %}"))
    (problem,) = error.value.problems
    assert problem.field == "templates/mail/case_closed.txt"
    assert problem.text.startswith("line 2: ")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{% set subject = 'x' %}", "heading"),
        ("{% set subject = nonsense %}", "'nonsense' is undefined"),
        ("{% set subject = range(9) %}", "'range' is undefined"),
        ("no words at all", "subject"),
    ],
)
def test_check_names_a_mail_that_cannot_be_rendered(source: str, text: str) -> None:
    problems = Renderer(with_template("mail/case_closed.txt", source)).check()
    assert [p.field for p in problems] == [f"templates/mail/case_closed.txt for {reader}" for reader in READERS]
    assert all(text in p.text for p in problems)


def test_a_page() -> None:
    renderer = Renderer(with_template("pages/hello.html", "<p>{{ name }}"))
    assert renderer.page("hello", {"name": "<b>"}) == "<p>&lt;b&gt;"


@pytest.mark.parametrize(
    ("minor_units", "currency", "shown"),
    [
        (4_990, "EUR", "49.90 EUR"),
        (123_456_789, "USD", "1,234,567.89 USD"),
        (5, "usd", "0.05 USD"),
        (0, "EUR", "0.00 EUR"),
        (-1_050, "EUR", "-10.50 EUR"),
        (1_500, "JPY", "1,500 JPY"),
        (1_500, "KWD", "1.500 KWD"),
        (12_345, "CLF", "1.2345 CLF"),
        (10**20 + 1, "EUR", "1,000,000,000,000,000,000.01 EUR"),
    ],
)
def test_amounts_have_the_decimals_of_their_currency(minor_units: int, currency: str, shown: str) -> None:
    assert amount(minor_units, currency) == shown


@pytest.mark.parametrize(
    ("size_bytes", "shown"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1 kB"), (999_499, "999 kB"), (999_500, "1.0 MB"), (5_242_880, "5.2 MB")],
)
def test_sizes(size_bytes: int, shown: str) -> None:
    assert size(size_bytes) == shown


def test_dates_are_in_utc_and_say_so() -> None:
    assert date(datetime(2026, 3, 4, 5, 6, tzinfo=UTC)) == "4 Mar 2026, 05:06 UTC"
    assert date(datetime(2026, 1, 1, 1, 0, tzinfo=timezone(timedelta(hours=2)))) == "31 Dec 2025, 23:00 UTC"


def link(address: str) -> str:
    return f'<a href="{address}" rel="noopener nofollow">{address}</a>'


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a\nb\n\nc", "a<br>\nb<br>\n<br>\nc"),
        ("  indented   text", "&nbsp; indented&nbsp;  text"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("see https://example.org/a?b=1&c=2.", f"see {link('https://example.org/a?b=1&amp;c=2')}."),
        ("(http://example.org/a)", f"({link('http://example.org/a')})"),
        ("<HTTPS://example.org>", f"&lt;{link('HTTPS://example.org')}&gt;"),
        ('"https://example.org/"', f"&#34;{link('https://example.org/')}&#34;"),
        ("https://example.org/\"onclick='x'", f"{link('https://example.org/')}&#34;onclick=&#39;x&#39;"),
        ("javascript://example.org/", "javascript://example.org/"),
        ("https://", "https://"),
        ("https://...", "https://..."),
    ],
)
def test_prose(text: str, html: str) -> None:
    assert prose(text) == html


@given(
    st.one_of(st.text(), st.lists(st.sampled_from(["http://", "a", ".", "&", "<", '"', " ", "\n", ";"])).map("".join))
)
def test_prose_has_links_and_line_breaks_and_no_other_tags(text: str) -> None:
    page = Reader(str(prose(text)))
    assert set(page.tags) <= {"a", "br"}
    assert {name for name, _ in page.attributes} <= {"href", "rel"}
    assert page.text.replace("\xa0", " ") == text.replace("\xa0", " ")


@pytest.mark.parametrize(
    "make",
    [lambda n: "http://" * n, lambda n: "http://" + "." * n, lambda n: "http://&" * n, lambda n: " http://." * n],
)
def test_prose_takes_hostile_texts_of_any_length(make: Callable[[int], str]) -> None:
    assert len(prose(make(100_000))) >= 100_000

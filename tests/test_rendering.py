"""Templates render every mail, escape what others wrote, and say what is wrong with them."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import ChoiceLoader, DictLoader, PackageLoader, UndefinedError

from gateway.cases.notices import Template
from gateway.errors import Invalid
from gateway.locales import Catalogues, Message
from gateway.rendering import (
    Look,
    Paragraph,
    Renderer,
    ShownFile,
    ShownMessage,
    ink_on,
    letter_sample,
    paragraphs,
    prose,
    sample,
    samples,
    with_inlined_css,
)

RENDERER = Renderer()
READERS = ("CUSTOMER", "MERCHANT", "SUPPORT")
LETTERS = (Template.NO_CASE, Template.MAIL_HELD, Template.CONFIRM_ADDRESS, Template.SIGN_IN, Template.ALARM)
CONVERSATION = [
    template for template in Template if template not in (*LETTERS, Template.CANARY) and not template.answers_mail
]
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


@pytest.mark.parametrize("template", Template)
def test_every_mail_has_readers_and_words_for_each(template: Template) -> None:
    found = dict(samples(template))
    assert found
    for context in found.values():
        mail = RENDERER.mail(template, context)
        page = Reader(mail.html)
        assert mail.subject == mail.subject.strip() != ""
        assert "\n\n\n" not in mail.text
        assert not any(line != line.rstrip() for line in mail.text.splitlines())
        links = [str(context[name]) for name in ("link", "act_link", "new_case_url") if context.get(name)]
        text = re.sub("|".join(map(re.escape, links)) or " ", " ", mail.text)
        assert set(re.findall(r"\w+", text)) <= set(re.findall(r"\w+", page.text))


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("template", CONVERSATION)
def test_every_mail_of_a_conversation_shows_it_to_every_reader(template: Template, reader: str) -> None:
    mail = RENDERER.mail(template, sample(reader))
    page = Reader(mail.html)
    assert mail.subject == "My order has not arrived"
    for shown in (mail.text, page.text):
        assert "It is on its way." in shown
        assert "label.pdf" in shown
        assert "1042" in shown
        assert "49.90 EUR" in shown
        assert "completed" in shown
        assert ("ust answer this mail:" in shown) is (template is not Template.NOT_DELIVERED)
        assert "14 Nov 2026, 09:30 UTC" in shown
        assert "sent from mia@example.org, an address we do not know" in shown
        assert shown.index("It is on its way.") < shown.index("above this line") < shown.index("Which one is mine?")


@pytest.mark.parametrize("template", Template)
def test_html_brings_all_it_needs_and_loads_nothing(template: Template) -> None:
    _, context = next(samples(template))
    html = RENDERER.mail(template, context).html
    page = Reader(html)
    assert ("lang", "en") in page.attributes
    assert ("name", "color-scheme") in page.attributes
    assert "@media (prefers-color-scheme:dark)" in html
    assert not {"img", "link", "script", "iframe", "object", "form"} & set(page.tags)
    assert not {"src", "srcset", "background", "action"} & {name for name, _ in page.attributes}
    assert "url(" not in html
    assert "@import" not in html


@pytest.mark.parametrize("template", CONVERSATION)
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


@pytest.mark.parametrize("template", [Template.NOT_EVERYTHING_POSTED, Template.NOT_POSTED, *LETTERS])
def test_what_others_wrote_stays_text_in_mails_of_our_own_words(template: Template) -> None:
    names = dict.fromkeys(("customer", "store", "reader_name", "brand", "operator_address", "address"), HOSTILE)
    facts = dict.fromkeys(("order_number", "order_amount", "order_status", "because", "case_subject", "link"), HOSTILE)
    file = {"name": HOSTILE, "reason": HOSTILE}
    held = {"number": 1, "kept_at": "now", "subject": HOSTILE, "order_number": HOSTILE, "whose": "own", "why": HOSTILE}
    lists: dict[str, list[object]] = {"kept_back": [file], "held": [held], "alarms": [HOSTILE], "over": [HOSTILE]}
    for _, context in samples(template):
        numbers = {name: len(value) for name, value in context.items() if isinstance(value, list)}
        same = {name: value * numbers.get(name, 0) for name, value in lists.items()}
        mail = RENDERER.mail(template, context | names | facts | same)
        page = Reader(mail.html)
        assert page.tags == Reader(RENDERER.mail(template, context | {"link": "x", "because": "x"}).html).tags
        assert "{{ 7 * 7 }}" in page.text
        assert HOSTILE in mail.text


@pytest.mark.parametrize(("reader", "warned"), [("CUSTOMER", False), ("MERCHANT", True), ("SUPPORT", True)])
def test_staff_read_above_the_words_who_gets_an_answer(reader: str, warned: bool) -> None:
    for template in (Template.MESSAGE_TO_MERCHANT if warned else Template.MESSAGE_TO_CUSTOMER, Template.CASE_REOPENED):
        text = RENDERER.mail(template, sample(reader)).text
        notice = text.find("Answering this mail writes to the customer: Mia Jensen")
        assert (0 < notice < text.index("It is on its way.")) is warned
    text = RENDERER.mail(Template.NOT_EVERYTHING_POSTED, sample(reader)).text
    assert (0 < text.find("Answering this mail writes to the customer: Mia Jensen") < text.index("Hello")) is warned


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


@pytest.mark.parametrize(
    ("template", "readers"),
    [
        ("no_case", {"STRANGER"}),
        ("mail_held", {"REVIEWER", "OPERATOR"}),
        ("confirm_address", {"CUSTOMER"}),
        ("not_everything_posted", {"CUSTOMER", "MERCHANT", "SUPPORT"}),
        (
            "not_posted",
            {
                f"{reader}, {why}"
                for reader in READERS
                for why in ("nothing new", "revoked", "left", "not taken", "too late")
            },
        ),
    ],
)
def test_check_looks_at_each_mail_for_the_readers_that_it_has(template: str, readers: set[str]) -> None:
    problems = Renderer(with_template(f"mail/{template}.txt", "{{ nonsense }}")).check()
    assert {p.field for p in problems} == {f"templates/mail/{template}.txt for {reader}" for reader in readers}


# -- Mails of our own words


@pytest.mark.parametrize("template", [Template.MESSAGE_TO_MERCHANT, Template.CASE_OPENED_MERCHANT])
def test_an_author_whom_nothing_confirms_is_marked(template: Template) -> None:
    mark = "not verified: the sender's mail provider does not confirm this address"
    message = ShownMessage("Mia Jensen", "Where is it?", "14 Nov 2026, 09:30 UTC", unverified=True)
    proven = replace(message, unverified=False)
    for new, earlier, times in ((message, message, 2), (message, proven, 1), (proven, message, 1), (proven, proven, 0)):
        mail = RENDERER.mail(template, sample("MERCHANT") | {"new": [new], "earlier": [earlier]})
        assert mail.text.count(mark) == Reader(mail.html).text.count(mark) == times
    text = RENDERER.mail(template, sample("MERCHANT") | {"new": [message]}).text
    assert f"Mia Jensen, 14 Nov 2026, 09:30 UTC ({mark}):" in text


def told(template: Template, context: dict[str, object], **facts: object) -> str:
    """The text of a mail; all of its words stand in the HTML too."""
    return RENDERER.mail(template, context | facts).text


def test_one_file_or_more_that_were_kept_back() -> None:
    one = [{"name": "holiday.mov", "reason": "files of this type are not taken"}]
    two = [*one, {"name": "scan.tiff", "reason": "too large: 7 MiB, at most 5 MiB"}]
    short = told(Template.NOT_EVERYTHING_POSTED, sample("CUSTOMER"), kept_back=one, text_in_file=False)
    assert "but without this file:\n\n- holiday.mov\n  files of this type are not taken\n\n" in short
    assert "very long" not in short
    long = told(Template.NOT_EVERYTHING_POSTED, sample("CUSTOMER"), kept_back=two)
    assert "but without these files:\n\n- holiday.mov\n" in long
    assert "- scan.tiff\n  too large: 7 MiB, at most 5 MiB\n\nYour text was very long" in long


def test_a_long_text_alone_is_not_called_incomplete() -> None:
    text = told(Template.NOT_EVERYTHING_POSTED, sample("CUSTOMER"), kept_back=[])
    assert text.startswith(
        "The end of your text is in a file\n\nHello Mia Jensen,\n\nYour mail was passed on. Its text"
    )
    assert "Not all" not in text
    assert "without" not in text


def test_each_reason_for_not_posting_has_its_own_advice() -> None:
    contexts = {reader: context for reader, context in samples("not_posted") if reader.startswith("CUSTOMER")}
    texts = {reader: told(Template.NOT_POSTED, context) for reader, context in contexts.items()}
    assert "no new text in your mail, and no file" in texts["CUSTOMER, nothing new"]
    assert "answer the newest mail that you got about this case, not this one" in texts["CUSTOMER, revoked"]
    assert "You do not answer cases of Pixel Shop any more" in texts["CUSTOMER, left"]
    assert "The reason: Cannot send messages on a closed case.\n\nDo you" in texts["CUSTOMER, not taken"]
    for reader, text in texts.items():
        may_answer = reader in ("CUSTOMER, nothing new", "CUSTOMER, not taken")
        assert ("ust answer this mail:" in text) is may_answer
        assert ("above this line" in text) is may_answer
        assert ("Order 1042" in text) is may_answer


def test_a_mail_of_files_alone_none_of_which_was_taken() -> None:
    context = dict(samples("not_posted"))["MERCHANT, nothing new"]
    text = told(Template.NOT_POSTED, context, kept_back=[{"name": "a.mov", "reason": "not taken"}])
    assert "Your mail had no text, and this file was not taken:\n\n- a.mov\n  not taken\n" in text
    assert "just answer this mail: Mia Jensen will read it." in text


@pytest.mark.parametrize(
    ("begun", "more", "over", "subject"),
    [
        (1, 0, 0, "1 alarm"),
        (2, 0, 1, "2 alarms"),
        (50, 7, 0, "57 alarms"),
        (0, 0, 1, "1 alarm over"),
        (0, 0, 2, "2 alarms over"),
    ],
)
def test_a_mail_about_alarms_counts_right(begun: int, more: int, over: int, subject: str) -> None:
    facts = {"alarms": ["Look."] * begun, "more": more, "over": ["It was so."] * over}
    mail = RENDERER.mail(Template.ALARM, letter_sample("OPERATOR") | facts)
    assert mail.subject == subject
    assert ("Please look at this:" in mail.text) is (begun + more == 1)
    assert ("Please look at these:" in mail.text) is (begun + more > 1)
    assert (f"and {more} more" in mail.text) is (more > 0)
    assert ("This is over:" in mail.text) is (over == 1)
    assert ("These are over:" in mail.text) is (over > 1)
    assert "casegate alarm list" in mail.text


@pytest.mark.parametrize(("mails", "subject"), [(1, "1 held mail"), (2, "2 held mails")])
def test_a_digest_counts_right(mails: int, subject: str) -> None:
    context = letter_sample("REVIEWER")
    held = [one for one in list_of(context["held"])[:1] for _ in range(mails)]
    mail = RENDERER.mail(Template.MAIL_HELD, context | {"held": held})
    assert mail.subject == subject
    assert ("This mail was not passed on. It waits until somebody decides:" in mail.text) is (mails == 1)
    assert ("These mails were not passed on. They wait until somebody decides:" in mail.text) is (mails > 1)
    assert "write to operator@example.org" in mail.text


def list_of(value: object) -> list[object]:
    assert isinstance(value, list)
    return value


def test_a_long_digest_says_how_many_are_not_shown() -> None:
    context = letter_sample("OPERATOR")
    held = [one for one in list_of(context["held"])[:1] for _ in range(52)]
    mail = RENDERER.mail(Template.MAIL_HELD, context | {"held": held})
    assert mail.subject == "52 held mails"
    assert mail.text.count("Why: ") == 50
    assert "\n- and 2 more\n" in mail.text


def test_a_digest_says_how_to_look_to_those_who_can() -> None:
    operator = told(Template.MAIL_HELD, letter_sample("OPERATOR"))
    assert "casegate inbox list --outcome held" in operator
    assert "casegate explain" in operator
    reviewer = told(Template.MAIL_HELD, letter_sample("REVIEWER"))
    assert "casegate" not in reviewer
    assert "write to operator@example.org with the number of the mail" in reviewer
    nobody = told(Template.MAIL_HELD, letter_sample("REVIEWER"), operator_address="")
    assert "write to those who run Cases for you" in nobody


def test_the_button_is_a_link_with_its_own_words() -> None:
    html = RENDERER.mail(Template.CONFIRM_ADDRESS, letter_sample("CUSTOMER") | {"link": "https://x.example/?a&b"}).html
    assert 'href="https://x.example/?a&amp;b"' in html
    assert "Confirm this address" in html
    assert "Open the case" in RENDERER.mail(Template.CASE_CLOSED, sample("CUSTOMER")).html
    without = RENDERER.mail(Template.CASE_CLOSED, sample("CUSTOMER") | {"link": ""})
    assert "Open the case" not in without.text + without.html
    assert "href" not in without.html.partition("above this line")[0]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", [Paragraph("")]),
        ("one\n\ntwo\n", [Paragraph("one"), Paragraph("two")]),
        ("- a\n- b", [Paragraph("", (("a",), ("b",)))]),
        ("so:\n\n- a\n  more\n  still\n- b\n\nend", [
            Paragraph("so:"), Paragraph("", (("a", "more", "still"), ("b",))), Paragraph("end"),
        ]),
        ("no - list", [Paragraph("no - list")]),
    ],
)  # fmt: skip
def test_paragraphs(text: str, pieces: list[Paragraph]) -> None:
    assert paragraphs(text) == pieces


def test_a_page() -> None:
    renderer = Renderer(with_template("pages/hello.html", "<p>{{ name }}"))
    assert renderer.page("hello", {"name": "<b>"}) == "<p>&lt;b&gt;"


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


# -- The look


def test_a_style_sheet_is_written_into_its_elements_and_dark_mode_stays() -> None:
    html = with_inlined_css(
        "<html><head><style>.a{color:red}.b{margin:0}@media (prefers-color-scheme:dark){.a{color:blue!important}}"
        "</style></head><body>{# a note #}<table>{% if x %}<tr class='a b'><td>{{ y|e }}</td></tr>{% else %}"
        "<tr><td bgcolor='{{ z }}' style='background:{{ z }}'>&middot;</td></tr>{% endif %}</table></body></html>"
    )
    assert '<tr class="a" style="color:red;margin:0">' in html
    assert "@media (prefers-color-scheme:dark){" in html
    assert "color:blue!important" in html
    assert ".b{" not in html
    assert "{% if x %}<tr" in html.replace("\n", "")
    assert '<td bgcolor="{{ z }}" style="background:{{ z }}">' in html
    assert "{# a note #}" in html
    assert "{{ y|e }}" in html


@pytest.mark.parametrize(
    ("colour", "ink"),
    [
        ("#000000", "#ffffff"), ("#ffffff", "#000000"), ("#0b57d0", "#ffffff"), ("#ffe600", "#000000"),
        ("#ff0000", "#000000"), ("#767676", "#000000"), ("#707070", "#ffffff"), ("#1d2433", "#ffffff"),
    ],
)  # fmt: skip
def test_words_on_a_colour_can_be_read(colour: str, ink: str) -> None:
    assert ink_on(colour) == ink
    assert Look("Pixel Shop", colour).ink == ink


@pytest.mark.parametrize("template", Template)
def test_every_element_can_be_laid_out_by_outlook(template: Template) -> None:
    for _, context in samples(template):
        html = RENDERER.mail(template, context).html
        assert "flex" not in html
        assert "grid" not in html
        assert html.count("<table") == html.count("</table>")
        # Word knows neither max-width nor colours of backgrounds without their attribute.
        assert '<!--[if mso]><table role="presentation" width="600">' in html
        assert html.count('bgcolor="') >= bool(context["link"])


@pytest.mark.parametrize("template", Template)
def test_what_mail_programs_show_beside_the_subject(template: Template) -> None:
    for _, context in samples(template):
        shown = re.search(r'<div style="display:none[^"]*">([^<]*)</div>', RENDERER.mail(template, context).html)
        assert shown is not None
        assert shown[1].strip()
        assert not shown[1].startswith("Hello")


def test_a_file_that_can_be_got_is_a_link() -> None:
    file = ShownFile("label.pdf", "48 kB", "https://cases.example.org/files/1?a&b")
    message = ShownMessage("Pixel Shop", "Here.", "now", files=(file,))
    for place in ("new", "earlier"):
        mail = RENDERER.mail(Template.MESSAGE_TO_CUSTOMER, sample("CUSTOMER") | {place: [message]})
        assert "- label.pdf (48 kB) https://cases.example.org/files/1?a&b\n" in mail.text
        assert 'href="https://cases.example.org/files/1?a&amp;b"' in mail.html


@pytest.mark.parametrize("support", [True, False])
def test_a_closing_tells_until_when_an_answer_opens_the_case_again(support: bool) -> None:
    context = sample("CUSTOMER") | {"support_joined": support}
    assert "Just answer this mail: the case opens again" in RENDERER.mail(Template.CASE_CLOSED, context).text
    text = RENDERER.mail(Template.CASE_CLOSED, context | {"reopens_until": "21 Nov 2026, 09:30 UTC"}).text
    assert "Answer this mail by 21 Nov 2026, 09:30 UTC: the case opens again, and Pixel Shop" in text
    assert ("Pixel Shop and Support Team will read" in text) is support


def test_what_a_customer_can_do_is_the_button_and_the_case_a_link_below() -> None:
    act = "https://cases.example.org/keep/1"
    mail = RENDERER.mail(Template.CLOSING_SOON, sample("CUSTOMER") | {"act_link": act})
    assert f"Keep it open:\n{act}\n\nOpen the case:\nhttps://cases.example.org/c/1\n" in mail.text
    assert mail.html.index(f'href="{act}"') < mail.html.index('href="https://cases.example.org/c/1"')
    assert mail.html.count('class="button"') == 1


def test_who_comes_too_late_is_told_where_to_open_a_new_case() -> None:
    late = dict(samples(Template.NOT_POSTED))["CUSTOMER, too late"]
    text = RENDERER.mail(Template.NOT_POSTED, late).text
    assert "was closed on 14 Nov 2026, 09:30 UTC. That is too long ago" in text
    assert "Open a new case:\nhttps://shop.example.org/help\n" in text
    assert "answer this mail" not in text.lower()
    text = RENDERER.mail(Template.NOT_POSTED, late | {"new_case_url": ""}).text
    assert "open a new case on the website of Pixel Shop." in text


# -- Languages


def test_no_word_of_ours_is_left_in_a_mail_of_another_language(tmp_path: Path) -> None:
    """In a language whose every word is made of one Cyrillic letter, all that can be read in Latin ones was told us."""
    (tmp_path / "ru.po").write_bytes(babble(RENDERER.messages()))
    renderer = Renderer(catalogues=Catalogues(tmp_path))
    assert renderer.language("ru") == "ru"
    english_only = {"no_case", "alarm", "canary", "support_called"}  # nobody reads them in another language
    for template in Template:
        for reader, context in samples(template):
            if template in english_only or reader == "OPERATOR":
                continue
            told = set(latin_words(str(context))) | {"html", "ru"}
            mail = renderer.mail(template, context | {"language": "ru"})
            page = Reader(mail.html).text.partition("}")[2].rpartition("}")[2]
            for text in (mail.subject, mail.text, page):
                assert set(latin_words(text)) <= told, (template, reader)


def latin_words(text: str) -> list[str]:
    return re.findall("[a-z]{2,}", text.lower())


def babble(messages: list[Message]) -> bytes:
    def said(text: str) -> str:
        words = re.sub(r"%\(\w+\)s|[A-Za-z]", lambda found: found[0] if found[0][0] == "%" else "ж", text)
        return json.dumps(words, ensure_ascii=False)

    entries = ['msgid ""\nmsgstr ""\n"Plural-Forms: nplurals=2; plural=(n != 1);\\n"']
    for one in messages:
        entry = f"msgid {json.dumps(one.text, ensure_ascii=False)}\n"
        if one.plural:
            entry += f"msgid_plural {json.dumps(one.plural)}\nmsgstr[0] {said(one.text)}\nmsgstr[1] {said(one.plural)}"
        else:
            entry += f"msgstr {said(one.text)}"
        entries.append(entry)
    return "\n\n".join(entries).encode()


@pytest.mark.parametrize("language", Catalogues().languages)
@pytest.mark.parametrize("template", Template)
def test_every_mail_can_be_rendered_in_every_language(template: Template, language: str) -> None:
    for _, context in samples(template):
        mail = RENDERER.mail(template, context | {"language": language})
        page = Reader(mail.html)
        assert ("lang", language) in page.attributes
        assert ("dir", "rtl" if language == "ar" else "ltr") in page.attributes
        assert "%(" not in mail.subject + mail.text + mail.html
        assert mail.subject


@pytest.mark.parametrize("language", Catalogues().languages)
@pytest.mark.parametrize("template", CONVERSATION)
def test_what_others_wrote_stays_text_in_every_language(template: Template, language: str) -> None:
    context = sample("CUSTOMER") | {"language": language}
    names = dict.fromkeys(("customer", "store", "support", "author", "reader_name", "brand", "case_subject"), HOSTILE)
    mail = RENDERER.mail(template, context | names | {"look": Look(HOSTILE)})
    page = Reader(mail.html)
    assert page.tags == Reader(RENDERER.mail(template, context).html).tags
    assert HOSTILE in page.text

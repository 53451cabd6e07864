"""A store's own words: what it may write, what becomes of it in a mail, and what happens when it fails."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.cases.model import Actor, Door, Draft, Role, Store
from gateway.cases.notices import Template
from gateway.errors import Conflict, Invalid, NotAllowed, NotFound
from gateway.mail.quotes import MARKER
from gateway.mail.redact import Redactor
from gateway.overrides import render
from gateway.overrides.filters import FILTERS
from gateway.overrides.render import OUTPUT_BYTES, Broken, Sources
from gateway.overrides.syntax import SOURCE_BYTES, StrictestEnvironment, compiled
from gateway.overrides.values import (
    AUTO_REPLY,
    LOOP,
    READERS,
    VALUES,
    ListOf,
    Plain,
    Record,
    Shape,
    Value,
    auto_reply_tries,
    tries,
    values,
)
from gateway.overrides.words import Overrides
from gateway.rendering import OwnWords, sample
from store import alarms, migrations, overrides, parties
from store.database import Database
from tests.world import MIA, STORE, SUBJECT, TOM, World

NOW = datetime(2026, 11, 14, 9, 30, tzinfo=UTC)
SHOP = "shp_1"
TOLD = values(sample("CUSTOMER"))
CLOSED = Template.CASE_CLOSED
DOCUMENTATION = Path(__file__).parent.parent / "docs" / "templates.md"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'cases.db'}")
    database.bind()
    migrations.apply()
    database.open()
    database.write(lambda: parties.add_store(Store(SHOP, "Pixel Shop", NOW)))
    yield database
    database.close()


@pytest.fixture
def own(database: Database) -> Iterator[Overrides]:
    made = Overrides(database, Redactor("cases.example.org", "https://cases.example.org"), lambda: NOW)
    yield made
    made.close()


def problems(source: str) -> list[str]:
    """What is told about a source."""
    try:
        compiled(source, html=True)
    except Invalid as error:
        return [problem.text for problem in error.problems]
    return []


def text(source: str, told: Mapping[str, Any] = TOLD) -> str:
    return render.render(Sources(text=source), told).text


def html(source: str, told: Mapping[str, Any] = TOLD) -> str:
    return render.render(Sources(html=source), told).html


def force(database: Database, *, subject: str = "", text: str = "", html: str = "") -> overrides.Override:
    """A row that never went through the check."""
    return database.write(lambda: overrides.add(SHOP, CLOSED, subject=subject, text=text, html=html, now=NOW))


# What may be written


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("{{ store }}, {{ order_number }}", "Pixel Shop, 1042"),
        ("{{ store|upper }} {{ store|lower }} {{ store|title }}", "PIXEL SHOP pixel shop Pixel Shop"),
        ("{{ closed_by|capitalize }}{{ '  x '|trim }}", "Merchantx"),
        ("{{ ''|default('you') }} {{ store|default('you') }}", "you Pixel Shop"),
        ("{{ store|truncate(6) }} {{ store|length }}", "Pixel… 10"),
        ("{% for m in messages %}{{ loop.index }}/{{ loop.length }} {{ m.author }}: {{ m.body }}{% endfor %}",
         "1/1 Pixel Shop: It is on its way."),
        ("{{ messages[0].files[0] }} {{ (messages|first).files|join(', ') }}", "label.pdf label.pdf"),
        ("{{ messages[0]['body'] }}", "It is on its way."),
        ("{% if closed_by == 'CUSTOMER' %}a{% elif 'x' in store and not store in 'y' %}b{% else %}c{% endif %}", "b"),
        ("{% if 'label.pdf' in messages[0].files and messages|length >= 1 %}yes{% endif %}", "yes"),
        ("{{ customer_first_name or 'you' }}", "Mia"),
        ("{% for m in messages if m.author == 'x' %}{% else %}none{% endfor %}", "none"),
        ("{% raw %}{{ store }}{% endraw %}{# a comment #}", "{{ store }}"),
    ],
)  # fmt: skip
def test_what_is_listed_works(source: str, told: str) -> None:
    assert problems(source) == []
    assert text(source) == told


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("a\nb\n{{ store.upper() }}", "line 3: calls are not allowed; use a filter, as in {{ store|upper }}"),
        ("{{ 'a' * 300000000 }}", "line 1: arithmetic is not allowed; write the values one after the other"),
        ("{{ 3**3000000 }}", "line 1: arithmetic is not allowed; write the values one after the other"),
        ("{{ '%1000000000d' % 1 }}", "line 1: arithmetic is not allowed; write the values one after the other"),
        ("{{ messages + messages }}", "line 1: arithmetic is not allowed; write the values one after the other"),
        ("{{ -1 }}", "line 1: signs are not allowed; write the number without one"),
        ("{{ store ~ store }}", "line 1: ~ is not allowed; write {{ a }}{{ b }} in place of {{ a ~ b }}"),
        ("{{ store if store }}", "line 1: if inside {{ }} is not allowed; use {% if … %}…{% else %}…{% endif %}"),
        ("{{ store is defined }}", 'line 1: tests with "is" are not allowed; use {% if name %} or a comparison'),
        ("{% if ['a'] %}{% endif %}",
         "line 1: lists and the like cannot be written here; use the lists that are given"),
        ("{{ store[1:2] }}", "line 1: an item is named by its place, as in messages[0], a text cut by truncate(40)"),
        ("{{ messages[-1] }}", "line 1: an item is named by its place, as in messages[0], a text cut by truncate(40)"),
        ("{% include '/etc/passwd' %}", "line 1: include is not allowed; copy the words into this template"),
        ("{% extends 'x' %}", "line 1: extends is not allowed; the look of the mail comes by itself"),
        ("{% import 'x' as y %}", "line 1: import is not allowed; copy the words into this template"),
        ("{% from 'x' import y %}", "line 1: import is not allowed; copy the words into this template"),
        ("{% macro x() %}{% endmacro %}", "line 1: macro is not allowed; write the words where they belong"),
        ("{% call x() %}{% endcall %}", "line 1: call is not allowed; write the words where they belong"),
        ("{% block x %}{% endblock %}", "line 1: block is not allowed; leave it out"),
        ("{% set x = 1 %}", "line 1: set is not allowed; use the value where it belongs"),
        ("{% set x %}{% endset %}", "line 1: set is not allowed; write the words where they belong"),
        ("{% with x = 1 %}{% endwith %}", "line 1: with is not allowed; use the value where it belongs"),
        ("{% filter upper %}{% endfilter %}", "line 1: filter blocks are not allowed; use the filter inside {{ }}"),
        ("{% autoescape false %}{{ store }}{% endautoescape %}",
         "line 1: autoescape is not allowed; values are escaped in HTML, always"),
        ("{% do x %}", "line 1: Encountered unknown tag 'do'. Only if, elif, else, for and raw are allowed."),
        ("{% for x in range(999999999) %}{% endfor %}",
         "line 1: calls are not allowed; use a filter, as in {{ store|upper }}"),
        ("{% for x in store %}{% endfor %}", "line 1: a loop needs a list: messages, message.files"),
        ("{% for x in messages recursive %}{% endfor %}",
         "line 1: recursive loops are not allowed; leave the word out"),
        ("{% for a, b in messages %}{% endfor %}",
         "line 1: a loop gives its items one name, as in {% for message in messages %}"),
        ("{% for m in messages %}{% break %}{% endfor %}",
         "line 1: Encountered unknown tag 'break'. The innermost block that needs to be closed is 'for'. "
         "Only if, elif, else, for and raw are allowed."),
        ("{{ messages }}", "line 1: a list cannot be written as it is; use {% for … %} or join"),
        ("{{ messages|first }}", "line 1: say what of it is to be written: author, body, sent_at, files"),
        ("{{ store == customer }}", "line 1: what is true or not cannot be written as it is; use {% if … %}"),
        ("{% if store > 2 %}{% endif %}", "line 1: a text cannot be compared with a number like that"),
        ("{% if 2 in messages[0].files %}{% endif %}", "line 1: a number cannot be compared with a list like that"),
        ("{{ stroe }}", "line 1: there is no value stroe; did you mean store?"),
        ("{% if store %}\n{{ link }}{% endif %}", f"line 2: there is no value link; known here: {', '.join(VALUES)}"),
        ("{% for m in messages %}{{ m.athor }}{% endfor %}", "line 1: there is no value athor; did you mean author?"),
        ("{{ loop }}", f"line 1: there is no value loop; known here: {', '.join(VALUES)}"),
        ("{{ store.__class__.__mro__ }}", "line 1: '__class__' is not to be had here: it has no parts"),
        ("{{ messages.__init__ }}",
         "line 1: '__init__' is not to be had here: a list has items only, as in messages[0]"),
        ("{{ messages[0]['__class__'] }}",
         "line 1: there is no value __class__; known here: author, body, sent_at, files"),
        ("{{ store|attr('__class__') }}", f"line 1: there is no filter attr; known here: {', '.join(FILTERS)}"),
        ("{{ messages|map(attribute='x') }}", f"line 1: there is no filter map; known here: {', '.join(FILTERS)}"),
        ("{{ store|safe }}", f"line 1: there is no filter safe; known here: {', '.join(FILTERS)}"),
        ("{{ store|pprint }}", f"line 1: there is no filter pprint; known here: {', '.join(FILTERS)}"),
        ("{{ messages[0].files|join('" + "x" * 21 + "') }}",
         'line 1: write join(", "): a list of texts as one text, with up to 20 characters between them'),
        ("{{ store|truncate }}",
         "line 1: write truncate(40): so many characters at most (1 to 4000), with … for what is left out"),
        ("{{ store|truncate(order_number) }}",
         "line 1: write truncate(40): so many characters at most (1 to 4000), with … for what is left out"),
        ("{{ store|upper(*messages) }}", "line 1: write upper: capital letters"),
        ("{{ store|join('x') }}",
         "line 1: join does not take a text; "
         "it is for a list of texts as one text, with up to 20 characters between them"),
        ("{{ 1.5 }}", "line 1: numbers are whole and have at most 9 digits; write it as words"),
        ("{{ 1" + "0" * 9 + " }}", "line 1: numbers are whole and have at most 9 digits; write it as words"),
        ("{{ 1" + "0" * 5_000 + " }}", "it has a number that is too long; write it as words"),
        ("{{ " + "(" * 9_000 + " }}", "it is nested too deeply; leave brackets out"),
        ("{{ " + "not " * 9_000 + "store }}", "it is nested too deeply; leave brackets out"),
        ("{{ store" + ".a" * 9_000 + " }}", "line 1: more than 30 things stand inside each other; make it simpler"),
        ("{% if store %}" * 31 + "{% endif %}" * 31,
         "line 1: more than 30 things stand inside each other; make it simpler"),
        ("{% for m in messages %}" * 4 + "{% endfor %}" * 4,
         "line 1: at most 3 loops may stand inside each other; write them side by side"),
        ("{{ 1 }}" * 5_000, "line 1: it has more than 4000 pieces; make it shorter"),
        ("x" * 10_000_000, f"it has 10000000 bytes, at most {SOURCE_BYTES} are allowed; make it shorter"),
        ("{% if store %}\nx",
         "line 2: Unexpected end of template. The innermost block that needs to be closed is 'if'."),
        ("a\n{{ store", "line 2: unexpected end of template, expected 'end of print statement'."),
    ],
)  # fmt: skip
def test_everything_else_is_refused_with_its_line_and_what_to_do(source: str, told: str) -> None:
    assert problems(source) == [told]


def test_all_problems_are_told_at_once() -> None:
    found = problems("{{ stroe }}\n{% set x = 1 %}\n{% if a %}{{ b }}{% endif %}\n{{ store|nope }}")
    assert [problem.partition(":")[0] for problem in found] == ["line 1", "line 2", "line 3", "line 3", "line 4"]


def test_no_attribute_of_any_object_is_reached_at_run_time() -> None:
    """Were the check to let one pass, there would be nothing behind it."""
    environment = StrictestEnvironment(html=False)
    for reach in ("store.upper", "messages.append", "messages[0].items", "loop.__class__", "store['format']"):
        source = "{% for x in messages %}{{ " + reach + " }}{% endfor %}"
        with pytest.raises(Exception, match="there is no"):
            environment.from_string(source).render(TOLD)


# What comes out


def test_values_are_escaped_in_html_and_left_alone_in_text() -> None:
    told = TOLD | {"reader_name": "<b>Mia</b> & {{ store }}"}
    assert html("<p>{{ reader_name }}</p>", told) == "<p>&lt;b&gt;Mia&lt;/b&gt; &amp; {{ store }}</p>"
    assert text("{{ reader_name }}", told) == "<b>Mia</b> & {{ store }}"


def test_one_of_text_and_html_is_made_of_the_other() -> None:
    by_text = render.render(Sources(text="Hello <you>,\n\nsee https://example.org/a\nsoon"), TOLD)
    link = '<a href="https://example.org/a" rel="noopener nofollow">https://example.org/a</a>'
    assert by_text.html == f"<p>Hello &lt;you&gt;,</p>\n<p>see {link}<br>\nsoon</p>"
    by_html = render.render(Sources(html="<h2>Hello</h2><p>see <a href='https://example.org/a'>this</a></p>"), TOLD)
    assert by_html.text == "Hello\n\nsee this (https://example.org/a)"
    assert render.render(Sources(subject="S"), TOLD) == OwnWords("S", "", "")


def test_what_comes_out_empty_is_left_to_our_words() -> None:
    sources = Sources("{% if language == 'de' %}S{% endif %}", "{% if language == 'de' %}T{% endif %}", "<p> </p><hr>")
    assert render.render(sources, TOLD) == OwnWords("", "", "")
    assert render.render(sources, TOLD | {"language": "de"}).text == "T"


def test_a_subject_is_one_line_of_200_characters() -> None:
    told = TOLD | {"subject": "a\r\nBcc: eve@example.org\x00\n" + "b" * 300}
    subject = render.render(Sources(subject="[{{ store }}]\n {{ subject }}"), told).subject
    assert subject.startswith("[Pixel Shop] a Bcc: eve@example.org bbb")
    assert len(subject) == 200
    assert re.search(r"[\r\n\x00]", subject) is None


@pytest.mark.parametrize(
    ("source", "comes_out"),
    [
        ('<p style="display:none">a</p>', "<p>a</p>"),
        ('<p style="DISPLAY : NONE; color: #C00">a</p>', '<p style="color:#C00">a</p>'),
        ('<p style="font-size:0">a</p><p style="font-size:1px">b</p>', "<p>a</p><p>b</p>"),
        ('<p style="opacity:0;visibility:hidden;color:transparent">a</p>', "<p>a</p>"),
        ('<p style="color:rgba(0,0,0,0);color:#0000;max-height:0;overflow:hidden">a</p>', "<p>a</p>"),
        ('<p style="position:fixed;top:0;left:0;width:90%;height:90%;z-index:9">a</p>', '<p style="width:90%">a</p>'),
        ('<p style="text-indent:-9999px;margin:-400px;margin:9999px;padding:41px">a</p>', "<p>a</p>"),
        ('<p style="display/**/:none;dis\\70lay:none;background:url(https://example.org/x)">a</p>', "<p>a</p>"),
        ('<p style="width:expression(alert(1));-moz-binding:url(x);behavior:url(x)">a</p>', "<p>a</p>"),
        ('<p hidden class="card" id="x" onclick="x()">a</p>', "<p>a</p>"),
        ("<style>a{display:none}@import 'https://example.org/x.css'</style>a", "a"),
        ("<style>a", ""),
        ("a<!-- <p>b</p>", "a"),
        ("a</div></td></tr></table></body></html>b", "ab"),
        ("<table><tr><td>a", "<table><tbody><tr><td>a</td></tr></tbody></table>"),
        ("<div><b>a", "<div><b>a</b></div>"),
        ("<textarea>a", ""),
        ("<plaintext>a", "a"),
        ('<svg><style><a title="</style><img src=x onerror=x()>">', ""),
        ('a<img src="https://example.org/x.png"><img src="cid:x">b', "ab"),
        ('<form action="https://example.org"><input name=a><button>b</button></form>', "b"),
        ('<iframe src="https://example.org">a</iframe><object data="x">b</object>c', "c"),
        ('<base href="https://example.org"><meta http-equiv=refresh content="0">a<link rel=stylesheet href=x>', "a"),
        ('<a href="javascript:x()">a</a>', '<a rel="noopener nofollow">a</a>'),
        ('<a href=" data:text/html,x">a</a><a href="/x">b</a><a href="//example.org">c</a>',
         '<a rel="noopener nofollow">a</a><a rel="noopener nofollow">b</a><a rel="noopener nofollow">c</a>'),
        ('<a href="https://example.org/a?b=1&amp;c=2" target="_top">a</a>',
         '<a href="https://example.org/a?b=1&amp;c=2" rel="noopener nofollow">a</a>'),
        ('<a href="mailto:shop@example.org">a</a>', '<a href="mailto:shop@example.org" rel="noopener nofollow">a</a>'),
    ],
)  # fmt: skip
def test_html_keeps_its_looks_and_hides_nothing(source: str, comes_out: str) -> None:
    assert html("<p>x</p>" + source).removeprefix("<p>x</p>") == comes_out


def test_deep_nesting_is_read_in_no_time(own: Overrides) -> None:
    """The parser takes quadratic time for it: a second for each mail, for ever, were it not flattened before."""
    assert own.check(CLOSED, Sources(html="<div><b>" * 6_000 + "x")) == ()
    assert html("<div>" * 12_000 + "x").count("<div>") < 300


def test_values_open_no_attribute_and_no_element() -> None:
    told = TOLD | {"subject": "javascript:x() onmouseover=x() \"'><script>"}
    made = html('<p style="{{ subject }}">a</p><a href="{{ subject }}">b</a><i {{ subject }}>c</i>', told)
    assert made == '<p>a</p><a rel="noopener nofollow">b</a><i>c</i>'


# In the child


def test_values_are_told_what_the_table_says() -> None:
    """The table, the values and the documentation name the same things."""

    def fits(shape: Shape, value: object) -> bool:
        if isinstance(shape, ListOf):
            return isinstance(value, list) and all(fits(shape.items, item) for item in value)
        if isinstance(shape, Record):
            return (
                isinstance(value, dict)
                and value.keys() == shape.fields.keys()
                and all(fits(field.shape, value[name]) for name, field in shape.fields.items())
            )
        return type(value) is (str if shape is Plain.TEXT else int)

    def names(fields: Mapping[str, Value], before: str = "") -> Iterator[tuple[str, Value]]:
        for name, value in fields.items():
            yield before + name, value
            if isinstance(value.shape, ListOf) and isinstance(value.shape.items, Record):
                yield from names(value.shape.items.fields, "message.")

    for template in READERS:
        for which, told in tries(template):
            assert told.keys() == VALUES.keys(), which
            assert fits(Record(VALUES), told), which
    for which, told in auto_reply_tries():
        assert told.keys() == AUTO_REPLY.keys(), which
        assert fits(Record(AUTO_REPLY), told), which
    documented = DOCUMENTATION.read_text()
    for name, value in [*names(VALUES), *names(AUTO_REPLY), *names(LOOP.fields, "loop.")]:
        assert f"| `{name}` | {value.meaning} |" in documented
    for one in FILTERS.values():
        assert f"| `{one.usage}` | {one.meaning} |" in documented


def test_every_mail_that_can_have_words_has_readers() -> None:
    assert set(READERS) == {template for template in Template if template.can_be_overridden}


def test_trail_messages_and_strangers_addresses_are_not_told() -> None:
    assert [message["body"] for message in TOLD["messages"]] == ["It is on its way."]
    assert "mia@example.org" not in repr(TOLD)
    assert "cases.example.org" not in repr(TOLD)


def test_too_much_output_is_refused(own: Overrides, database: Database) -> None:
    told = TOLD | {"messages": TOLD["messages"] * 60}
    loops = "{% for a in messages %}{% for b in messages %}{{ a.body }}xxxxxxxxxx{{ b.body }}{% endfor %}{% endfor %}"
    with pytest.raises(Broken, match=f"text: it writes more than {OUTPUT_BYTES} bytes"):
        render.render(Sources(text=loops * 4), told)


def test_a_loop_without_an_end_in_sight_is_killed_and_gives_way(own: Overrides, database: Database) -> None:
    """Three loops over ten thousand items are allowed by their looks."""
    force(
        database,
        text="{% for a in messages %}" * 3 + "{% endfor %}" * 3,
    )
    context = sample("CUSTOMER")
    context["new"] = list(context["new"]) * 10_000  # type: ignore[call-overload]
    assert own.words(SHOP, CLOSED, context) is None
    version = overrides.current(SHOP, CLOSED)
    assert version is not None
    # By the clock instead, when the machine has no processor to give.
    assert re.fullmatch("it took too (much CPU time|long); make it shorter, with fewer loops", version.broken)
    assert [alarm.name for alarm in alarms.raised()] == [f"template:{SHOP}:{CLOSED}"]


def test_a_child_that_somebody_kills_is_replaced(own: Overrides, database: Database) -> None:
    force(database, text="Hello")
    assert own.words(SHOP, CLOSED, sample("CUSTOMER")) is not None
    child = own.child.made(os.getpid)
    os.kill(child, signal.SIGKILL)
    words = own.words(SHOP, CLOSED, sample("CUSTOMER"))
    assert words is not None
    assert words.text == "Hello"
    assert alarms.raised() == ()


# Saving


def test_words_are_saved_used_and_taken_back(own: Overrides) -> None:
    assert own.words(SHOP, CLOSED, sample("CUSTOMER")) is None
    assert own.save(SHOP, CLOSED, Sources(text="one")).version == 1
    own.save(SHOP, CLOSED, Sources(text="two {{ store }}"))

    def says() -> str:
        words = own.words(SHOP, CLOSED, sample("CUSTOMER"))
        return words.text if words else "built-in"

    assert says() == "two Pixel Shop"
    assert own.undo(SHOP, CLOSED).restores == 1
    assert says() == "one"
    assert own.undo(SHOP, CLOSED).restores == 0
    assert says() == "built-in"
    with pytest.raises(Conflict, match="nothing before"):
        own.undo(SHOP, CLOSED)
    own.save(SHOP, CLOSED, Sources(text="three"))
    own.remove(SHOP, CLOSED)
    assert says() == "built-in"
    own.undo(SHOP, CLOSED)
    assert says() == "three"
    assert own.words("shp_2", CLOSED, sample("CUSTOMER")) is None
    assert own.words(SHOP, Template.CASE_REOPENED, sample("CUSTOMER")) is None


def test_whoever_has_no_words_has_nothing_to_undo_or_remove(own: Overrides) -> None:
    with pytest.raises(NotFound):
        own.undo(SHOP, CLOSED)
    with pytest.raises(NotFound):
        own.remove(SHOP, CLOSED)
    with pytest.raises(NotFound):
        own.save("shp_9", CLOSED, Sources(text="x"))


@pytest.mark.parametrize("template", [one for one in Template if not one.can_be_overridden])
def test_some_mails_always_have_our_words(own: Overrides, template: Template) -> None:
    with pytest.raises(NotAllowed, match="always has the built-in words"):
        own.save(SHOP, template, Sources(text="x"))


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        (Sources("{{ a }}", "{{ b }}\n{{ c }}", "{{ d }}"),
         ["subject: line 1", "text: line 1", "text: line 2", "html: line 1"]),
        (Sources(text="{{ messages[0].body }}"),
         ["text: line 1: there is no item 0 in the list: ask first whether it has items, as in {% if messages %} "
          "(for the customer, without messages)"]),
        (Sources(text="{{ (messages|last).body }}"),
         ["text: line 1: the list is empty: ask first whether it has items, as in {% if messages %} "
          "(for the customer, without messages)"]),
        (Sources(html="<p></p>"), ["html: no word comes out, whatever the values"]),
        (Sources(text="x", html="<img src='https://example.org/x'>"), []),
        (Sources(text="{% if language == 'de' %}Hallo{% endif %}"), []),
        (Sources("{% if closed_by == 'NOBODY' %}x{% endif %}"), ["subject: no word comes out, whatever the values"]),
        (Sources(subject="{% if closed_by == 'SYSTEM' %}x{% endif %}"), []),
        (Sources(html="{% for m in messages %}" + "{{ m.body }}" * 4 + "{% endfor %}"),
         ["text: more than", "html: more than"]),
        (Sources(html="{% for m in messages %}" + "{{ m.body }}" * 20 + "{% endfor %}"), ["html: it writes more than"]),
        (Sources(html="<div>" * 13_000), ["html: no word comes out"]),
        (Sources(text="Answer reply+" + "a" * 56 + "@cases.example.org"), ["text: it holds a reply address"]),
        (Sources(html="<a href='https://cases.example.org/files/abc'>x</a>"), ["html: it holds a reply address"]),
        (Sources(text=f"x\n{MARKER}"), ["text: it holds the line that parts answers"]),
    ],
)  # fmt: skip
def test_words_are_tried_before_they_are_saved(own: Overrides, sources: Sources, told: list[str]) -> None:
    found = own.check(CLOSED, sources)
    assert len(found) == len(told), found
    for problem, beginning in zip(found, told, strict=True):
        assert f"{problem.field}: {problem.text}".startswith(beginning)
    if told:
        with pytest.raises(Invalid):
            own.save(SHOP, CLOSED, sources)
        assert overrides.history(SHOP) == ()


@pytest.mark.parametrize("template", READERS)
def test_ordinary_words_are_right_for_every_mail(own: Overrides, template: Template) -> None:
    words = Sources(
        "{{ subject }} ({{ store }})",
        "Hello{% if reader_name %} {{ reader_name }}{% endif %},\n{{ author or store }}: {{ messages|length }}",
        "<h2 style='color:#0a5'>{{ store }}</h2>{% for m in messages %}<p>{{ m.body|truncate(200) }}</p>{% endfor %}",
    )
    assert own.check(template, words) == ()


# Failing


def test_what_fails_gives_way_once_and_the_next_save_ends_the_alarm(own: Overrides, database: Database) -> None:
    force(database, text="Hello {{ nobody }}")
    assert [own.words(SHOP, CLOSED, sample("CUSTOMER")) for _ in range(3)] == [None] * 3
    (alarm,) = alarms.raised()
    assert (alarm.name, alarm.times) == (f"template:{SHOP}:{CLOSED}", 1)
    assert "version 1) fail: text: line 1: there is no value nobody" in alarm.text
    own.save(SHOP, CLOSED, Sources(text="Hello"))
    assert alarms.raised() == ()
    assert own.words(SHOP, CLOSED, sample("CUSTOMER")) is not None


def test_what_fails_inside_of_a_transaction_is_noted_in_it(own: Overrides, database: Database) -> None:
    force(database, html="{{ nobody }}")
    assert database.write(lambda: own.words(SHOP, CLOSED, sample("CUSTOMER"))) is None
    assert len(alarms.raised()) == 1


def test_credentials_of_a_row_that_nobody_checked_do_not_go_out(own: Overrides, database: Database) -> None:
    address = f"reply+{'a' * 56}@cases.example.org"
    force(database, subject=address, text=address, html="<a href='https://cases.example.org/portal/1'>x</a>")
    words = own.words(SHOP, CLOSED, sample("CUSTOMER"))
    assert words is not None
    assert "reply+" not in words.subject + words.text
    assert "portal" not in words.html


def test_many_mails_at_once_share_the_child(own: Overrides, database: Database) -> None:
    force(database, text="Hello {{ reader_name }}")
    said: list[str] = []

    def make() -> None:
        for _ in range(5):
            words = own.words(SHOP, CLOSED, sample("CUSTOMER"))
            said.append(words.text if words else "")

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == ["Hello Mia Jensen"] * 20


# In the mail


def test_a_mail_has_the_stores_words_and_all_that_it_must_have(world: World) -> None:
    case_id = world.open_case()
    world.parts.overrides.save(
        STORE,
        Template.MESSAGE_TO_CUSTOMER,
        Sources("{{ subject }}", "Ahoy {{ customer_first_name }}!", "<h2>Ahoy</h2></div></td></tr></table><!--"),
    )
    world.post_answer(case_id, "It is on its way.")
    mail = world.newest_mail_to(TOM)
    assert "Ahoy Tom!" in mail.text
    part = mail.message.get_body(("html",))
    assert part is not None
    page: str = part.get_content()
    assert re.search(r"<h2[^>]*>Ahoy</h2>\s*</div>", page)
    for body in (mail.text, page):
        assert "It is on its way." in body
        assert MARKER in body
        assert "1001" in body
        assert "/case/" in body
    assert page.count("</html>") == 1
    assert mail.header("Reply-To").endswith("@cases.example.org>")
    assert world.sink.to(MIA)  # whose mail has our words
    assert "Ahoy" not in world.sink.to(MIA)[-1].text


def test_a_broken_row_lets_the_mail_go_out_with_our_words(world: World) -> None:
    """BEHAVIOURS row 40: a broken template falls back to the built-in one and raises an alarm."""
    case_id = world.open_case()
    world.parts.database.write(
        lambda: overrides.add(
            STORE, Template.MESSAGE_TO_CUSTOMER, subject="{% if %}", text="{{ x.y.z }}", html="", now=world.clock()
        )
    )
    world.post_answer(case_id, "It is on its way.")
    mail = world.newest_mail_to(TOM)
    assert "It is on its way." in mail.text
    assert mail.header("Subject") == f"Re: {SUBJECT}"
    assert [alarm.name for alarm in alarms.raised()] == [f"template:{STORE}:message_to_customer"]


def test_support_always_has_our_words(world: World) -> None:
    """HARDENING rule 10: nobody takes support's mail for the store's."""
    case_id = world.open_case()
    world.parts.overrides.save(STORE, Template.MESSAGE_TO_CUSTOMER, Sources(text="Ahoy!"))
    actor = Actor(Role.SUPPORT, Door.PAGE)
    world.parts.desk.deliver_reply(case_id, actor, Draft("We look into it."))
    assert "Ahoy" not in world.newest_mail_to(TOM).text


def test_what_one_process_saves_counts_for_another(world: World, tmp_path: Path) -> None:
    case_id = world.open_case()
    words = tmp_path / "words.txt"
    words.write_text("Ahoy {{ reader_name }}!")
    edit = ["template", "edit", "message_to_customer", "--store", STORE, "--text", words, "--config", world.file]
    subprocess.run([sys.executable, "-m", "gateway", *map(str, edit)], check=True)
    world.post_answer(case_id, "It is on its way.")
    assert "Ahoy Tom Reed!" in world.newest_mail_to(TOM).text

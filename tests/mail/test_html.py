"""HTML of strangers: harmless for display, readable as text, linear whatever it is."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.html import MAX_HTML, html_to_text, read_lines, sanitise
from gateway.mail.quote_containers import Role, may_quote

# ------------------------------------------------------------------------------------------- sanitise


@pytest.mark.parametrize(
    ("html", "safe"),
    [
        ("<p onclick='x()' style='color:red' class=k id=j>Hi</p>", "<p>Hi</p>"),
        ("<script>alert(1)</script>Hi<style>p{}</style>", "Hi"),
        ("<title>Not shown</title>Hi", "Hi"),
        ("<form action='//evil.test'><input name=q><button>Go</button></form>", "Go"),
        ("<iframe src='//evil.test'></iframe><object data=x></object>Hi", "Hi"),
        ("<img src='https://evil.test/pixel.gif'>", "<img>"),
        ("<img src=' CID:part1@example.org' alt='lid'>", '<img src=" CID:part1@example.org" alt="lid">'),
        ("<img src='data:image/png;base64,AAAA'>", "<img>"),
        ("<a href='javascript:alert(1)'>x</a>", '<a rel="noopener noreferrer nofollow">x</a>'),
        ("<svg><a xlink:href='javascript:1'><text>x</text></a></svg>Hi", "Hi"),
        ("<meta http-equiv=refresh content='0;url=//evil.test'>Hi", "Hi"),
        ("<base href='//evil.test'><link rel=stylesheet href=x>Hi", "Hi"),
        ("<!--[if mso]><b>x</b><![endif]-->Hi", "Hi"),
        ("<div background='//evil.test/x' style='background:url(//evil.test)'>Hi</div>", "<div>Hi</div>"),
        ("<b>a<i>b</b>c</i>", "<b>a<i>b</i></b><i>c</i>"),
    ],
)
def test_only_what_is_harmless_stays(html: str, safe: str) -> None:
    assert sanitise(html) == safe


def test_a_link_opens_without_telling_where_from() -> None:
    assert 'rel="noopener noreferrer nofollow"' in sanitise("<a href='https://example.org/'>x</a>")


@given(st.text(alphabet="<>/'\"= abisrcdfm:;!-&#x30cjtonel"))
def test_nothing_active_survives(html: str) -> None:
    safe = sanitise(html)
    assert not re.search(r"<\s*(script|style|iframe|form|input|object|svg|math|base|meta|link)\b", safe, re.I)
    for tag in re.findall(r"<[a-z][^>]*>", safe):
        bare = re.sub(r'"[^"]*"', '""', tag)
        assert not re.search(r"\son\w+\s*=|\sstyle\s*=", bare)


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 100_000 + "word",
        "<b>word" * 20_000,
        "<blockquote>" * 5_000 + "word",
        "".join(f"<font size={i}>" for i in range(1_000)) + "<p>word" * 1_000,
        "<" * 50_000 + "p>word",
        "<table><tr><td>" * 5_000 + "word",
        f"<img src='data:image/png;base64,{'A' * 3_000_000}'>word",
    ],
    ids=["deep", "open", "quotes", "formatting", "brackets", "tables", "data"],
)
def test_hostile_html_is_tamed_and_keeps_its_words(html: str) -> None:
    assert "word" in sanitise(html)
    assert "word" in html_to_text(html)


def test_what_is_beyond_the_limit_is_left_out() -> None:
    assert "end" not in html_to_text("x" * MAX_HTML + "end")


# ------------------------------------------------------------------------------------------- text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("Hello <b>you</b>,<br>how\n are&nbsp; you?", "Hello you,\nhow are you?"),
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("<div>One</div><div><br></div><div>Two</div>", "One\n\nTwo"),
        ("<div>One<div>Two</div>Three</div>", "One\nTwo\nThree"),
        ("<ul><li>kettle</li><li>lid<ol start=3><li>blue</li><li>red</li></ol></li></ul>",
         "- kettle\n- lid\n\n  3. blue\n  4. red"),
        ("<table><tr><th>Item</th><th>Price</th></tr><tr><td>Lid</td><td>5</td></tr></table>", "Item Price\nLid 5"),
        ("See <a href='https://example.org/a'>here</a>.", "See here (https://example.org/a)."),
        ("<a href='https://example.org/'>https://example.org</a>", "https://example.org"),
        ("<a href='mailto:ann@example.org'>ann@example.org</a>", "ann@example.org"),
        ("<pre>a\n  b\n\nc</pre>", "a\n  b\n\nc"),
        ("A<hr>B", "A\n--------------------\nB"),
        ("<blockquote>One<blockquote>Two</blockquote></blockquote>Three", "> One\n>\n> > Two\n\nThree"),
        ("<head><title>T</title><style>p{}</style></head><body>Hi<script>x</script></body>", "Hi"),
        ("<div style='display:none'>preview</div><span style='mso-hide:all'>x</span>Hi", "Hi"),
        ("Good <img alt='😀' src=x><img alt='Company logo' src=y>", "Good 😀"),
        ("<p>a</p><p></p><p> </p><p>b</p>", "a\n\nb"),
        ("1 &lt; 2 &amp;&amp; 3", "1 < 2 && 3"),
        ("", ""),
    ],
)  # fmt: skip
def test_html_reads_as_text(html: str, text: str) -> None:
    assert html_to_text(html) == text


def test_lines_know_their_quote_depth_and_container() -> None:
    lines = read_lines("New<div class=gmail_quote><div class=gmail_attr>Ann:</div><blockquote>Old</blockquote></div>")
    assert [(line.text, line.depth, line.role) for line in lines if line.text or line.role] == [
        ("New", 0, None),
        ("", 0, Role.LEAD),
        ("Ann:", 0, Role.INTRO),
        ("Old", 1, None),
    ]


@pytest.mark.parametrize(
    "html",
    [
        "<div class=x_gmail_quote>",
        "<BLOCKQUOTE type=cite>",
        "<hr id=zwchr>",
        "<div name=quote>",
        "<div id=divRplyFwdMsg>",
    ],
)
def test_the_cheap_look_sees_every_container(html: str) -> None:
    assert may_quote(html)
    assert any(line.role or line.depth for line in read_lines(f"{html}x"))


def test_the_cheap_look_lets_ordinary_html_pass() -> None:
    assert not may_quote('<div dir="ltr">Thanks, <b>all</b> is fine.<br clear="all">-- <div class="gmail_signature">')


def test_names_that_other_programs_have_prefixed_are_known() -> None:
    for name in ("divRplyFwdMsg", "x_divRplyFwdMsg", "x_x_divRplyFwdMsg", "yiv0123456789divRplyFwdMsg"):
        assert read_lines(f"<div id={name}>From: Ann</div>")[0].role is Role.REST


@given(
    st.lists(st.sampled_from(["<p>", "</p>", "<b>", "</b>", "<div>", "<li>", "<td>", "kettle", "lid", "<br>", "<pre>"]))
)
def test_no_word_is_lost_whatever_the_tags(parts: list[str]) -> None:
    words = [part for part in parts if part[0] != "<"]
    assert "".join(re.findall("kettle|lid", html_to_text("".join(parts)))) == "".join(words)

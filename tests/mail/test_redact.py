"""What an answer quotes of our mail holds none of our credentials, however the quoting program spells them."""

import base64
import email
import html
import quopri
import re
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.policy import SMTP, default
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cases.model import Role
from gateway.cases.notices import Template
from gateway.mail.html import sanitise
from gateway.mail.redact import ADDRESS_REMOVED, LINK_REMOVED, Redactor
from gateway.signing import Purpose
from tests.mail import layouts
from tests.outbound.test_compose import CUSTOMER, DOMAIN, KEYRING, QUESTION, compose, message, scene
from tests.work import steps

PUBLIC_URL = "https://cases.example.org"
REDACTOR = Redactor(DOMAIN, PUBLIC_URL)

TOKEN = KEYRING.token(Purpose.REPLY, CUSTOMER.handle, CUSTOMER.generation)
BOUNCE = KEYRING.token(Purpose.BOUNCE, b"b" * 16)
LINK_TOKEN = KEYRING.token(Purpose.LINK, b"l" * 16)
ADDRESS = f"reply+{TOKEN}@{DOMAIN}"
LINK = f"{PUBLIC_URL}/portal/{LINK_TOKEN}"
OURS = compose(
    Template.MESSAGE_TO_CUSTOMER,
    CUSTOMER,
    scene(message(Role.MERCHANT, f"It is on its way, see {LINK}\nor write to {ADDRESS}."), earlier=(QUESTION,)),
)
QUOTED_TEXT, QUOTED_HTML = (
    part.get_content() for part in email.message_from_bytes(OURS.data, policy=default).iter_parts()
)


def leaks(shown: str) -> bool:
    """Whether a reader who undoes every spelling finds one of the tokens: only their own characters are looked at."""
    for _ in range(4):
        shown = unquote(html.unescape(shown.replace("=\r\n", "").replace("=\n", "")), errors="surrogateescape")
    unquoted = quopri.decodestring(shown.encode("utf-8", "replace")).decode("latin-1")
    views = (re.sub("[^a-z2-7]", "", view.lower()) for view in (shown, re.sub(r"<[^<>]*>", "", shown), unquoted))
    return any(token in view for view in views for token in (TOKEN, BOUNCE, LINK_TOKEN))


def leaks_raw(data: bytes) -> bool:
    """Whether a mail leaks, in its bytes, its header or any of its parts, those of carried mails too."""
    if leaks(data.decode("latin-1")):
        return True
    mail = email.message_from_bytes(data, policy=default)
    shown = [str(value) for value in mail.values()]
    for part in mail.walk():
        shown += [str(value) for value in part.values()]
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            shown += [
                payload.decode(part.get_content_charset("latin-1"), "replace"),
                payload.decode("utf-16", "replace"),
            ]
    return any(leaks(text) for text in shown)


# ------------------------------------------------------------------------------------------- every layout


@pytest.fixture
def replies(monkeypatch: pytest.MonkeyPatch) -> Iterator[layouts.Case]:
    """Answers of every program in every language to a real mail of ours."""
    monkeypatch.setattr(layouts, "ADDRESS", ADDRESS)
    monkeypatch.setattr(layouts, "WHO", f"{layouts.NAME} <{ADDRESS}>")
    monkeypatch.setattr(layouts, "OLD", tuple(line for line in QUOTED_TEXT.splitlines() if line.strip()))
    return layouts.all_cases()


def as_mail(case: layouts.Case, encoding: str) -> bytes:
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = "Mia <mia@example.org>", f'"{ADDRESS}" <{ADDRESS}>', "Re: My order"
    mail.set_content(case.text or "See the other part.", cte=encoding)
    if case.html:
        mail.add_alternative(case.html, subtype="html", cte=encoding)
    return mail.as_bytes()


def test_no_layout_in_no_language_leaks(replies: Iterator[layouts.Case]) -> None:
    found, looked_at = [], 0
    for number, case in enumerate(replies):
        if case.text is not None:
            looked_at += leaks(case.text)
            found += [case.id] if leaks(REDACTOR.text(case.text)) else []
        if case.html is not None:
            looked_at += leaks(case.html)
            found += [case.id] if leaks(REDACTOR.html(case.html)) else []
        if number % 10 == 0:
            encoding = ("8bit", "quoted-printable", "base64")[number // 10 % 3]
            found += [f"{case.id} raw"] if leaks_raw(REDACTOR.raw(as_mail(case, encoding))) else []
    assert found == []
    assert looked_at > 3_000


def test_the_rest_of_an_answer_stays(replies: Iterator[layouts.Case]) -> None:
    for case in replies:
        redacted = REDACTOR.text(case.text) if case.text is not None else REDACTOR.html(case.html or "")
        for sentence in layouts.NEW:
            assert sentence in html.unescape(redacted).replace("\xa0", " ").replace("  \n", "\n"), case.id


def test_our_whole_mail_quoted_as_it_is() -> None:
    assert leaks(QUOTED_TEXT)
    assert leaks(QUOTED_HTML)
    assert not leaks(REDACTOR.text(QUOTED_TEXT))
    assert not leaks(REDACTOR.html(f"<p>Thanks</p><blockquote type='cite'>{QUOTED_HTML}</blockquote>"))
    assert leaks_raw(OURS.data)
    assert not leaks_raw(REDACTOR.raw(OURS.data))


# ------------------------------------------------------------------------------------------- spellings


def entities(text: str, form: str) -> str:
    return "".join(form.format(ord(c)) for c in text)


def broken(text: str, every: int, by: str) -> str:
    return by.join(text[place : place + every] for place in range(0, len(text), every))


SPELLINGS: dict[str, Callable[[str], str]] = {
    "upper": str.upper,
    "capitals": str.title,
    "percent": lambda text: quote(text, safe=""),
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "percent thrice": lambda text: quote(quote(quote(text, safe=""), safe=""), safe=""),
    "percent lower": lambda text: quote(text, safe="").lower(),
    "entities": lambda text: text.replace("+", "&#43;").replace("@", "&#64;").replace("/", "&#47;"),
    "hex entities": lambda text: text.replace("+", "&#x2B;").replace("@", "&#x40;").replace("/", "&#x2f;"),
    "named entities": lambda text: text.replace("+", "&plus;").replace("@", "&commat;").replace("/", "&sol;"),
    "entities twice": lambda text: text.replace("+", "&amp;#43;").replace("@", "&amp;commat;"),
    "all numbers": lambda text: entities(text, "&#{};"),
    "all hex": lambda text: entities(text, "&#x{:x};"),
    "all long hex": lambda text: entities(text, "&#X{:05X};"),
    "full-width": lambda text: text.replace("+", "＋").replace("@", "＠").replace("/", "／").replace(":", "："),
    "small plus": lambda text: text.replace("+", "﹢").replace("@", "﹫"),
    "UTF-7": lambda text: text.replace("+", "+-"),
    "angle brackets": lambda text: f"<{text}>",
    "mailto": lambda text: f"[mailto:{text}]",
    "escaped brackets": lambda text: f"&lt;{text}&gt;",
    "quotes": lambda text: f'"{text}"',
    "safe link": lambda text: f"https://links.example.net/?url={quote(text, safe='')}&data=05%7C01&reserved=0",
    "defended link": lambda text: f"https://defense.example.net/v3/__{text}__;!!abc$",
    "zero-width": lambda text: broken(text, 10, "\u200b"),
    "word joiners": lambda text: broken(text, 7, "\u2060"),
    "soft hyphens": lambda text: broken(text, 12, "\xad"),
    "soft hyphens as entities": lambda text: broken(text, 12, "&shy;"),
    "zero-width everywhere": "\u200b".join,
    "directions": lambda text: f"\u202a{text}\u202c",
    "requoted": lambda text: broken(text, 40, "\n> "),
    "requoted deeper": lambda text: broken(text, 33, "\r\n> > > "),
    "requoted with bars": lambda text: broken(text, 48, "\n| "),
    "requoted by nbsp": lambda text: broken(text, 35, "\n>\xa0"),
    "indented": lambda text: broken(text, 29, "\n    "),
    "wrapped": lambda text: broken(text, 60, "\n"),
    "wrapped behind blanks": lambda text: broken(text, 38, "  \r\n"),
    "wrapped at the plus": lambda text: text.replace("+", "+\n> ").replace("/portal", "/\n> portal"),
    "wrapped in the name": lambda text: text.replace("reply", "rep\nly").replace("https", "htt\nps"),
    "wrapped at the at": lambda text: text.replace("@", "\n@").replace("//", "//\n"),
    "wbr": lambda text: broken(text, 10, "<wbr>"),
    "closed wbr": lambda text: broken(text, 10, "<wbr/>"),
}
IN_HTML: dict[str, Callable[[str], str]] = {
    "link": lambda text: f'<p>See <a class="x" href="{text}" title="{text}">{text}</a>.</p>',
    "mailto link": lambda text: f"<a href='mailto:{text}?subject=Re%3A%20x'>write</a>",
    "picture": lambda text: f'<img src="{text}" alt="x">',
    "highlighted": lambda text: f"<span class='il'>{text[:5]}</span>{text[5:]}",
    "bold pieces": lambda text: broken(text, 9, "</b><b>"),
    "br": lambda text: broken(text, 40, "<br>\n&gt; "),
    "br with nbsp": lambda text: broken(text, 40, "<br>&gt;&nbsp;"),
    "divs": lambda text: f"<div>&gt; {broken(text, 40, '</div><div>&gt; ')}</div>",
    "comment": lambda text: f"<!-- {text} -->",
    "bare brackets": lambda text: f"Nordlicht <{text}> wrote",
    "unclosed": lambda text: f"<a href='{text}",
    "tag in an attribute": lambda text: f'<a title=">" href="{text}">x</a>',
}
SECRETS = {
    "address": ADDRESS,
    "bounce": f"bounce+{BOUNCE}@{DOMAIN}",
    "no domain": f"reply+{TOKEN}",
    "other domain": f"reply+{TOKEN}@relay.example.net",
    "no plus": f"{TOKEN}@{DOMAIN}",
    "portal": LINK,
    "confirm": f"{PUBLIC_URL}/confirm/{LINK_TOKEN}",
    "file": f"{PUBLIC_URL}/files/{LINK_TOKEN}/catt_01jt9x3f6n5m2k8q4w7z0b1c/the%20l%C3%A4bel.pdf",
    "case": f"{PUBLIC_URL}/case/{LINK_TOKEN}",
    "unsubscribe": f"{PUBLIC_URL}/unsubscribe/{LINK_TOKEN}/message_to_merchant",
    "no scheme": f"cases.example.org/portal/{LINK_TOKEN}",
    "plain http": f"http://cases.example.org/portal/{LINK_TOKEN}",
    "query": f"{PUBLIC_URL}/case?lang=en&token={LINK_TOKEN}",
    "deeper": f"{PUBLIC_URL}/v3/open/{LINK_TOKEN}/messages",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("secret", SECRETS)
def test_every_spelling_is_seen(spelling: str, secret: str) -> None:
    spelled = SPELLINGS[spelling](SECRETS[secret])
    text = f"On Monday, Shop ({spelled}) wrote:\n> words"
    redacted = REDACTOR.text(text)
    assert not leaks(redacted)
    assert redacted.startswith("On Monday, Shop (")
    assert redacted.endswith(") wrote:\n> words")
    assert (ADDRESS_REMOVED in redacted) or (LINK_REMOVED in redacted)
    assert not leaks(REDACTOR.html(f"<p>{text}</p>"))


@pytest.mark.parametrize("spelling", IN_HTML)
@pytest.mark.parametrize("secret", SECRETS)
def test_every_place_in_html_is_seen(spelling: str, secret: str) -> None:
    redacted = REDACTOR.html(f"<p>One</p>{IN_HTML[spelling](SECRETS[secret])}<p>Two</p>")
    assert not leaks(redacted)
    assert not leaks(sanitise(redacted))
    assert redacted.startswith("<p>One</p>")
    assert redacted.endswith("<p>Two</p>")


def test_what_stands_around_stays() -> None:
    assert REDACTOR.text(f"Write to <{ADDRESS}>, please.") == f"Write to <{ADDRESS_REMOVED}>, please."
    assert REDACTOR.text(f"See {LINK}. And {LINK}, too") == f"See {LINK_REMOVED}. And {LINK_REMOVED}, too"
    assert REDACTOR.text(f"{LINK}\nThanks\n{ADDRESS}\nAnn") == f"{LINK_REMOVED}\nThanks\n{ADDRESS_REMOVED}\nAnn"
    assert REDACTOR.text(f"a{ADDRESS[:30]}\n> {ADDRESS[30:]} b") == f"a{ADDRESS_REMOVED} b"


def test_html_keeps_its_elements() -> None:
    link = f'<p>Go <a href="{LINK}" style="x">to the <b>case</b></a></p>'
    assert REDACTOR.html(link) == "<p>Go <a>to the <b>case</b></a></p>"
    assert REDACTOR.html(f"<p>{TOKEN[:9]} reply+<i>{TOKEN[:9]}</i>{TOKEN[9:]}<b>@</b>{DOMAIN}</p>") == (
        f"<p>{TOKEN[:9]} {ADDRESS_REMOVED}<i></i><b></b></p>"
    )


def test_a_public_address_with_port_and_path() -> None:
    redactor = Redactor("cases.localhost", "http://127.0.0.1:8080/help/")
    assert redactor.text(f"http://127.0.0.1:8080/help/files/a.pdf?x=1 {LINK}") == f"{LINK_REMOVED} {LINK}"
    assert redactor.text("http%3A%2F%2F127.0.0.1%3A8080%2Fhelp%2Fportal%2Fx") == LINK_REMOVED
    assert redactor.text("http://127.0.0.1:8080/portal/x") == "http://127.0.0.1:8080/portal/x"


# ------------------------------------------------------------------------------------------- raw mails


def raw(body: bytes, encoding: str, content_type: str = "text/plain; charset=utf-8", head: str = "") -> bytes:
    fields = f"From: mia@example.org\r\n{head}Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}"
    return fields.encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("shift", range(0, 76, 5))
def test_quoted_printable_breaks_anywhere(shift: int, secret: str) -> None:
    text = "x" * shift + f"({SECRETS[secret]}) and http://links.example.net/?url={quote(SECRETS[secret], safe='')}&x=y"
    for written in (text, f'<a href="{html.escape(text)}">{text}</a>'):
        everything = "".join(f"={byte:02X}" for byte in written.encode())
        for body in (quopri.encodestring(written.encode()), broken(everything, 75, "=\r\n").encode()):
            for ends in (b"\r\n", b"\n"):
                assert not leaks_raw(REDACTOR.raw(raw(body.replace(b"\n", ends), "quoted-printable")))


@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "utf-16-be", "iso-2022-jp", "utf-7"])
def test_base64_is_opened(charset: str) -> None:
    body = base64.encodebytes(f"Guten Tag\n> {ADDRESS} と {LINK}\n".encode(charset))
    redacted = REDACTOR.raw(raw(body, "base64", f"text/plain; charset={charset}"))
    assert not leaks_raw(redacted)
    assert max(map(len, redacted.splitlines())) <= 76


def test_carried_mails_are_opened() -> None:
    inner = raw(base64.encodebytes(f"See {LINK}".encode()), "base64", head=f"Reply-To: {ADDRESS}\r\n")
    assert leaks_raw(inner)
    assert not leaks_raw(REDACTOR.raw(raw(inner, "7bit", "message/rfc822")))
    redacted = REDACTOR.raw(raw(base64.encodebytes(inner), "base64", "message/rfc822"))
    assert not leaks_raw(redacted)
    assert not leaks_raw(base64.b64decode(redacted.partition(b"\r\n\r\n")[2]))


def test_headers_are_redacted() -> None:
    encoded = "=?utf-8?B?" + base64.b64encode(f"Läden {ADDRESS}".encode()).decode() + "?="
    words = base64.b64encode(f"Läden {LINK}".encode()).decode()
    split = f"=?utf-8?B?{words[:40]}?=\r\n =?utf-8?B?{words[40:]}?="
    quoted = f"=?utf-8?q?L=C3=A4den_reply=2B{TOKEN[:30]}?=\r\n =?utf-8?q?{TOKEN[30:]}=40{DOMAIN}?="
    head = (
        f"Received: from a.example (a [192.0.2.1]) by b.example for <{ADDRESS}>; Tue\r\nDelivered-To: {ADDRESS}\r\n"
        f"Return-Path: <SRS0=ab=cd=example.org=bounce+{BOUNCE}@relay.example>\r\nTo: {encoded} <{ADDRESS}>\r\n"
        f"Subject: {split}\r\nCc: {quoted} <x@example.org>\r\n"
    )
    redacted = REDACTOR.raw(raw(b"Thanks\r\n", "7bit", head=head))
    assert not leaks_raw(redacted)
    assert redacted.count(ADDRESS_REMOVED.encode()) == 6
    assert "Läden (personal link removed)".encode() in redacted


def test_a_mail_without_secrets_keeps_its_bytes() -> None:
    picture = base64.encodebytes(bytes(range(256)) * 40).replace(b"\n", b"\r\n")
    for data in (raw(picture, "base64", "image/png"), raw("Grüße =3D =\r\n x".encode(), "8bit"), b"", b"\r\n", b"\xff"):
        assert REDACTOR.raw(data) is data or REDACTOR.raw(data) == data


# ------------------------------------------------------------------------------------------- nothing else


def untouched(text: str) -> bool:
    return REDACTOR.text(text) == text and REDACTOR.html(text) == text and REDACTOR.raw(text.encode()) == text.encode()


@pytest.mark.parametrize(
    "text",
    [
        f"reply+{TOKEN[:40]}…@cases.example.org",
        f"reply+{TOKEN[:55]}@cases.example.org",
        f"reply to {TOKEN} or bounce",
        f"http://{TOKEN}.onion/portal/",
        f"https://shop.{DOMAIN}/portal/{'x' * 20}",
        f"https://{DOMAIN}.example/files/manual.pdf",
        f"https://{DOMAIN}/docs and https://{DOMAIN}/portal and https://{DOMAIN}/v2/core/stores/shp_1/cases",
        f"cases@{DOMAIN}, postmaster@{DOMAIN}, reply+@{DOMAIN}, noreply@{DOMAIN}",
        "bounce+" + "0189" * 20,
        "Please reply: +41 44 000 00 00 (or bounce + reply + files/confirm/portal)",
        f"<{'c' * 53}@{DOMAIN}>",
        "reply+\nthanks for\nthe files",
        "=?utf-8?q?Gr=C3=BC=C3=9Fe?=",
        "",
    ],
)
def test_other_words_stay(text: str) -> None:
    assert untouched(text)


def test_answers_to_others_stay() -> None:
    assert [case.id for case in layouts.all_cases() if not untouched(case.text or case.html or "")] == []


PIECES = [
    *("reply", "bounce+", "reply+abc", "+", "%2B", "&#43;", "=2B", "&plus;", "＋", "@", "%40", DOMAIN, f"@{DOMAIN}"),
    *(f"{PUBLIC_URL}/", "docs", "/portal", "?token=", "mailto:", "<", ">", "<a href='", "<wbr>", "</b>", "&gt;", "&"),
    *("=\n", "=\r\n", "\n> ", "\r\n", "\n\n", "  ", "\xa0", "\u200b", "\xad", "\0", "é", "中"),
    *(TOKEN[:8], LINK_TOKEN[9:17]),
]


@given(st.lists(st.sampled_from(PIECES), max_size=30).filter(lambda pieces: sum(p.isalnum() for p in pieces) < 5))
def test_pieces_of_our_addresses_stay(pieces: list[str]) -> None:
    assert untouched("".join(pieces))


@given(st.text(), st.text(), st.sampled_from(sorted(SECRETS)), st.sampled_from(sorted(SPELLINGS)))
def test_any_words_around_a_secret_stay(before: str, after: str, secret: str, spelling: str) -> None:
    before, after = f"{before} (", f") {after}"
    redacted = REDACTOR.text(before + SPELLINGS[spelling](SECRETS[secret]) + after)
    assert redacted.startswith(before)
    assert redacted.endswith(after)


@given(st.text())
def test_any_text_stays(text: str) -> None:
    assert REDACTOR.text(text) == REDACTOR.html(text) == text


@given(st.binary())
def test_any_bytes_stay(data: bytes) -> None:
    assert REDACTOR.raw(data) == data


# ------------------------------------------------------------------------------------------- linear time


HOSTILE = [
    *("reply+", "reply+a", f"reply+{TOKEN[:55]}\n", f"reply+{TOKEN[:55]}<b>", "<reply+a\n>", "r\n> e\n> p\n> "),
    *(ADDRESS, f"@{DOMAIN}", "a", "a\n", f"{DOMAIN}/", f"{DOMAIN}/a?", f"{DOMAIN}/{TOKEN[:55]}.", LINK, f"{LINK}."),
    *("%25", "%2B", "&amp;", "&#43;", "=2B", "=\n", "=", "\n> ", "\n", "> ", "    ", "\0", "/portal/", "("),
    *("<", "<a ", "<b>", "<b> ", ">", "<a (", "reply<", "reply ", "reply&amp;", "reply%25", "aaaa\r\n", "a=\r\n"),
    *("=?utf-8?b?", "=?utf-8?q?a?= "),
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_twice_the_text_is_at_most_twice_the_work(unit: str) -> None:
    def work(size: int) -> int:
        text = f"{ADDRESS} " + unit * (size // len(unit))
        return steps(lambda: (REDACTOR.text(text), REDACTOR.html(text), REDACTOR.raw(text.encode())))

    assert work(8_000) <= 2.2 * work(4_000) + 2_000


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_megabyte_is_read(unit: str) -> None:
    # The steps above do not count what goes on inside of a pattern; the suite's time limit would stop that.
    text = f"{ADDRESS} " + unit * (1_000_000 // len(unit))
    assert not leaks(REDACTOR.text(text)[:200])
    assert not leaks(REDACTOR.html(text)[:200])

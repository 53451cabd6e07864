"""Every mail that is made by hand reads the same in the standard library's parser."""

import email
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.outbound.mime import Image, assemble, clean, mailbox, message_ids, quoted_printable, unstructured

#: Texts with a lot of what is special somewhere: blanks at line ends, soft line breaks, mbox and SMTP line starts.
ODD = [
    "From ",
    ".",
    "=",
    "=20",
    " ",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "é",
    "🎁",
    "שלום",
    "a b",
    "x" * 70,
    "\0",
    "\u2028",
    "\ud800",
]
PIECES = st.sampled_from(ODD)
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join))


def read(*fields: str, text: str = "", html: str = "") -> EmailMessage:
    return email.message_from_bytes(assemble(fields, text, html, "b0"), policy=default)


def bodies(mail: EmailMessage) -> list[str]:
    decoded = [part.get_payload(decode=True) for part in mail.iter_parts()]
    return [payload.decode() for payload in decoded if isinstance(payload, bytes)]


def as_sent(text: str) -> str:
    """What a text is in a mail: CRLF line ends (RFC 2045 §6.7 rule 4), half characters replaced."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    return lines.encode("utf-8", "replace").decode()


@given(TEXTS, TEXTS)
def test_bodies_come_back_unchanged(text: str, html: str) -> None:
    mail = read("Subject: x", text=text, html=html)
    assert bodies(mail) == [as_sent(text), as_sent(html)]
    assert not mail.defects
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


@given(TEXTS)
def test_body_lines_are_short_ascii_and_safe_in_a_mailbox_file(text: str) -> None:
    coded = quoted_printable(text)
    assert b"\n" not in coded.replace(b"\r\n", b"")
    for line in coded.split(b"\r\n"):
        assert len(line) <= 76
        assert line.isascii()
        assert not line.startswith(b"From ")
        assert not line.endswith((b" ", b"\t"))
        assert line != b"."


@pytest.mark.parametrize("length", range(70, 80))
def test_a_blank_at_the_end_of_a_full_line(length: int) -> None:
    text = "x" * length + " \n" + "y" * length + "\t\nz"
    assert max(map(len, quoted_printable(text).split(b"\r\n"))) <= 76
    assert bodies(read("Subject: x", text=text))[0] == as_sent(text)


def test_a_body_that_holds_the_boundary_is_still_two_parts() -> None:
    text = "\n--=_b0\n\n--=_b0--\n"
    assert bodies(read("Subject: x", text=text, html="<p>")) == [as_sent(text), "<p>"]


@given(st.one_of(st.text(), TEXTS))
def test_a_subject_comes_back_as_one_clean_line(subject: str) -> None:
    field = unstructured("Subject", subject)
    assert all(len(line) <= 78 for line in field.split("\r\n"))
    assert field.isascii()
    assert read(field)["Subject"] == clean(subject)


@given(st.one_of(st.text(), TEXTS))
def test_a_name_comes_back_as_one_clean_line(name: str) -> None:
    field = mailbox("Reply-To", name, "reply@cases.example.org")
    assert all(len(line) <= 78 for line in field.split("\r\n"))
    mail = email.message_from_bytes(assemble([field, "Subject: after"], "", "", "b0"))
    shown, address = parseaddr(mail["Reply-To"])
    # `decode_header` joins encoded words as RFC 2047 §6.2 says; the newer parser puts blanks between those of a phrase.
    assert str(make_header(decode_header(shown))) == clean(name)
    assert address == "reply@cases.example.org"
    assert mail["Subject"] == "after"


@pytest.mark.parametrize(
    "hostile",
    [
        "Mia\r\nBcc: all@example.org",
        "Mia\nBcc: all@example.org",
        "Mia\rBcc: all@example.org",
        "Mia\r\n\r\nbody",
        "Mia\0\x0b\x0c\x1c\x85\u2028\u2029Bcc: all@example.org",
        "\r\n",
        '"\r\nBcc: all@example.org',
        "\\\r\nBcc: all@example.org",
        "=?utf-8?q?=0D=0ABcc:_all@example.org?=",
        "x" * 2_000 + "\r\nBcc: all@example.org",
    ],
)
def test_nothing_gets_out_of_its_field(hostile: str) -> None:
    mail = read(
        unstructured("Subject", hostile),
        mailbox("From", hostile, "cases@cases.example.org"),
        mailbox("To", "Mia", f"mia@example.org{hostile}"),
        message_ids("References", [f"a@example.org{hostile}", hostile]),
        text="the body",
    )
    assert mail.keys() == ["Subject", "From", "To", "References", "MIME-Version", "Content-Type"]
    assert bodies(mail)[0] == "the body"


def test_names_that_need_quotes() -> None:
    for name in ('Mia "M" (Pixel, Shop) via Cases', "C:\\Mia\\", "Mia@example.org <x>", "=?utf-8?q?Support?="):
        assert read(mailbox("From", name, "a@example.org"))["From"].addresses[0].display_name == name


def test_a_mark_that_turns_the_direction_of_text_is_dropped() -> None:
    assert clean("moc\u202eRTL\u2066x") == "mocRTLx"


def test_ids_fold_between_ids_only() -> None:
    ids = [f"{number:050}@example.org" for number in range(10)]
    field = message_ids("References", ids)
    assert max(map(len, field.split("\r\n"))) <= 78
    assert read(field)["References"].split() == [f"<{one}>" for one in ids]


@given(st.binary(max_size=400), TEXTS)
def test_a_picture_comes_back_with_the_html_that_shows_it(data: bytes, html: str) -> None:
    image = Image.of("logo@cases.example.org", "image/png", data)
    raw = assemble(["Subject: x"], "text", html, "b0", image)
    assert max(map(len, raw.split(b"\r\n"))) <= 78
    mail = email.message_from_bytes(raw, policy=default)
    text, related = mail.iter_parts()
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
    ]  # fmt: skip
    assert text.get_content() == "text"
    page, picture = related.iter_parts()
    shown, bytes_ = page.get_payload(decode=True), picture.get_payload(decode=True)
    assert isinstance(shown, bytes)
    assert shown.decode() == as_sent(html)
    assert bytes_ == data
    assert picture["Content-ID"] == "<logo@cases.example.org>"
    assert not mail.defects

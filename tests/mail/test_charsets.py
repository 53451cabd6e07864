"""Charsets as mail names and misnames them, and bytes that come without a name."""

import pytest

from gateway.mail import charsets
from gateway.mail.charset_guess import guess


@pytest.mark.parametrize(
    ("charset", "codec", "text"),
    [
        ("iso-8859-1", "cp1252", "Preis: 5 € – “günstig”"),
        ("ISO-8859-9", "cp1254", "ışık"),
        ("gb2312", "gb18030", "朱镕基"),
        ("ks_c_5601-1987", "cp949", "안녕 똠방"),
        ("big5", "cp950", "訂單"),
        ("shift_jis", "cp932", "①番の注文"),
        ("x-sjis", "cp932", "注文"),
        ("windows-874", "cp874", "สวัสดี"),
        ("unicode-1-1-utf-7", "utf-7", "Grüße"),
        ("hz-gb-2312", "hz", "你好"),
        ("iso-2022-jp", "iso2022_jp", "こんにちは"),
        ("iso-2022-jp", "iso2022_jp_ext", "ﾃｽﾄ 測試"),
        ("iso-2022-kr", "iso2022_kr", "안녕"),
        ('"UTF-8"', "utf-8", "Grüße"),
        ("utf8", "utf-8", "Grüße"),
        ("utf-16", "utf-16", "Grüße"),
        ("koi8-r", "koi8-r", "Привет"),
        ("cp-850", "cp850", "Grüße"),
    ],
)
def test_what_mail_means_by_a_name(charset: str, codec: str, text: str) -> None:
    assert charsets.decode(text.encode(codec), charset) == text


def test_characters_of_nec_in_iso_2022_jp() -> None:
    assert charsets.decode(b"\x1b$B-!\x1b(B", "iso-2022-jp") == "①"


@pytest.mark.parametrize("charset", ["iso-8859-1", "koi8-r", "iso-2022-jp", "us-ascii", "x-unknown", "zlib", None])
def test_utf_8_under_a_wrong_name(charset: str | None) -> None:
    assert charsets.decode("Grüße, 你好".encode(), charset) == "Grüße, 你好"


@pytest.mark.parametrize(
    "charset",
    ["zlib", "hex", "rot13", "idna", "punycode", "unicode_escape", "undefined", "x-klingon", "a\0b", "é", "x" * 5000],
)
def test_codecs_that_are_no_charsets_are_not_used(charset: str) -> None:
    assert charsets.codec_of(charset) is None
    assert charsets.decode(b"\\u0041 abc", charset) == "\\u0041 abc"


def test_plain_ascii_that_calls_itself_utf_16() -> None:
    assert charsets.decode(b"Hello there", "utf-16") == "Hello there"


def test_iso_2022_jp_is_known_by_its_escapes() -> None:
    assert charsets.decode("こんにちは".encode("iso2022_jp")) == "こんにちは"


def test_a_little_damage_stays_damage() -> None:
    assert charsets.decode(
        "Grüße aus München, schöne Wörter für Übungen über Bücher".encode() + b"\xff", "utf-8"
    ).endswith("Bücher\ufffd")


def test_text_without_nul_and_without_lone_surrogates() -> None:
    assert charsets.decode(b"a\0b") == "ab"
    assert charsets.decode(b"+2AA-", "utf-7") == "\ufffd"


def test_the_rest_of_the_mail_gives_clues() -> None:
    raw = b"Subject: =?euc-kr?b?xKc=?=\r\nContent-Language: ru\r\nContent-Type: text/plain; charset=us-ascii\r\n"
    clues = charsets.Clues(raw)
    assert clues.named == ("cp949",)
    assert clues.likely == ("cp1251", "koi8-r")
    assert charsets.decode("환불".encode("cp949"), None, clues) == "환불"


@pytest.mark.parametrize("codec", ["cp1251", "koi8-r"])
def test_the_language_of_the_mail_narrows_the_guess(codec: str) -> None:
    clues = charsets.Clues(b"Content-Language: ru-RU\r\n\r\n")
    assert charsets.decode("щи".encode(codec), "us-ascii", clues) == "щи"


def test_the_body_helps_to_guess_the_charset_of_the_subject() -> None:
    body = "您好，我的订单收到时已经破损，请退款".encode("gb18030")
    clues = charsets.Clues(b"Subject: " + "你好".encode("gb18030") + b"\r\n\r\n" + body)
    assert charsets.decode("你好".encode("gb18030"), None, clues) == "你好"


def test_bytes_that_nothing_is_known_about_are_western() -> None:
    assert charsets.decode("Grüße".encode("latin-1")) == "Grüße"


@pytest.mark.parametrize(
    ("text", "codecs"),
    [
        ("Возврат товара", ("cp1251", "koi8-r")),
        ("ЗАКАЗ НЕ ПРИШЕЛ", ("cp1251", "koi8-r")),
        ("Добрий день, моє замовлення не прийшло", ("cp1251", "koi8-u")),
        ("您好，我的订单收到时已经破损，请退款", ("gb18030",)),
        ("關於我的訂單", ("cp950",)),
        ("返品について", ("cp932", "euc_jp")),
        ("주문한 상품이 파손되었습니다", ("cp949",)),
        ("Grüße", ("cp1252",)),
        ("¿Dónde está mi pedido?", ("cp1252",)),
        ("Ça va très bien – 5 €", ("cp1252",)),
        ("Příliš žluťoučký kůň", ("cp1250", "iso8859-2")),
        ("Zażółć gęślą jaźń", ("cp1250", "iso8859-2")),
        ("İstanbul’da görüşürüz", ("cp1254",)),
        ("Ευχαριστώ πολύ", ("cp1253",)),
        ("תודה רבה", ("cp1255",)),
        ("شكرا جزيلا", ("cp1256",)),
        ("ขอบคุณมากค่ะ", ("cp874",)),
    ],
)
def test_a_few_words_are_enough_for_a_guess(text: str, codecs: tuple[str, ...]) -> None:
    for codec in codecs:
        data = text.encode(codec)
        assert data.decode(guess(data)) == text

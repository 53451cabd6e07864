"""Languages are whole or not there; dates, amounts and sizes are written as people do where they live."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from babel.localedata import locale_identifiers

from gateway.cases import lifecycle
from gateway.cases.access import Verdict, judge
from gateway.cases.lifecycle import _REPLIES, LAW, Refusal
from gateway.cases.model import Role
from gateway.errors import Invalid
from gateway.locales import (
    Catalogue,
    Catalogues,
    Message,
    as_template,
    check_locale,
    check_zone,
    language_of,
    manners,
    problems,
    read,
    zone_for,
)
from gateway.rendering import Renderer

ROOT = Path(__file__).parent.parent
RENDERER = Renderer()
MESSAGES = RENDERER.messages()
CATALOGUES = Catalogues()
NINE = ("en", "ar", "de", "es", "fr", "ja", "pl", "pt", "zh")

WINTER = datetime(2026, 11, 14, 9, 30, tzinfo=UTC)
SUMMER = datetime(2026, 7, 4, 19, 5, tzinfo=UTC)


# -- Which language


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        ([], "en"),
        ([""], "en"),
        (["de"], "de"),
        (["de-AT"], "de"),
        (["de_DE.UTF-8"], "de"),
        (["pt-BR"], "pt"),
        (["PT-br"], "pt"),
        (["zh"], "zh"),
        (["zh-Hans-CN"], "zh"),
        (["zh-CN"], "zh"),
        (["zh-SG"], "zh"),
        (["zh-TW"], "en"),
        (["zh-Hant"], "en"),
        (["zh-HK"], "en"),
        (["ar-EG"], "ar"),
        (["en-GB"], "en"),
        (["", "fr-CA"], "fr"),
        (["it-IT", "fr"], "en"),  # whose language there is not reads English, not his neighbour's
        (["nonsense", "fr"], "fr"),
        (["../../etc", "fr"], "fr"),
        (["x" * 500], "en"),
        (["\0"], "en"),
    ],
)
def test_the_language_of_a_reader(wanted: list[str], language: str) -> None:
    assert language_of(wanted, NINE) == language


def test_traditional_chinese_is_offered_when_there_is_one() -> None:
    assert language_of(["zh-TW"], (*NINE, "zh_Hant")) == "zh_Hant"
    assert language_of(["zh-CN"], (*NINE, "zh_Hant")) == "zh"


# -- Catalogues


def po(*entries: str) -> bytes:
    header = (
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"'
    )
    return "\n\n".join([header, *entries]).encode()


HELLO = Message("Hello %(name)s")
FILES = Message("%(count)s file", "%(count)s files")


def test_messages_and_their_forms() -> None:
    german = read("de", po(
        'msgid "Hello %(name)s"\nmsgstr "Hallo %(name)s"',
        'msgid "%(count)s file"\nmsgid_plural "%(count)s files"\n'
        'msgstr[0] "%(count)s Datei"\nmsgstr[1] "%(count)s Dateien"',
    ))  # fmt: skip
    assert problems(german, [HELLO, FILES]) == []
    assert german.gettext("Hello %(name)s", name="Mia %(x)s") == "Hallo Mia %(x)s"
    assert [german.ngettext(FILES.text, FILES.plural, n) for n in (1, 2)] == ["1 Datei", "2 Dateien"]
    assert not german.rtl
    assert read("ar", po()).rtl


def test_english_needs_no_catalogue() -> None:
    english = CATALOGUES.get("en")
    assert english.gettext("Hello %(name)s", name="Mia") == "Hello Mia"
    assert english.gettext("100 %") == "100 %"
    assert [english.ngettext(FILES.text, FILES.plural, n) for n in (0, 1, 2)] == ["0 files", "1 file", "2 files"]


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("", "not translated"),
        ('msgid "Hello %(name)s"\nmsgstr ""', "not translated"),
        ('#, fuzzy\nmsgid "Hello %(name)s"\nmsgstr "Hallo %(name)s"', "not translated"),
        ('msgid "Hello %(name)s"\nmsgstr "Hallo"', "other values"),
        ('msgid "Hello %(name)s"\nmsgstr "Hallo %(nom)s"', "other values"),
        ('msgid "Hello %(name)s"\nmsgstr "Hallo %(name)s, 100 %!"', "a % that stands for no value"),
    ],
)
def test_what_keeps_a_language_from_being_offered(entry: str, why: str) -> None:
    (problem,) = problems(read("de", po(entry)), [HELLO])
    assert problem.field == "de.po"
    assert problem.text.startswith(why)


def test_every_plural_form_is_needed_and_one_needs_no_number() -> None:
    entry = 'msgid "%(count)s file"\nmsgid_plural "%(count)s files"\nmsgstr[0] "eine Datei"'
    (problem,) = problems(read("de", po(entry)), [FILES])
    assert problem.text.startswith("not translated")
    assert problems(read("de", po(entry + '\nmsgstr[1] "%(count)s Dateien"')), [FILES]) == []


@pytest.mark.parametrize(
    "data", [b"msgid \xff", b'msgid "a"\nmsgid "b"\nmsgstr "c', b"nonsense", po().replace(b"n != 1", b"__import__")]
)
def test_a_file_that_cannot_be_read_is_named(data: bytes) -> None:
    with pytest.raises(Invalid) as error:
        read("de", data)
    assert error.value.problems[0].field == "de.po"


def test_a_language_that_is_not_whole_is_not_offered_and_check_says_so(tmp_path: Path) -> None:
    (tmp_path / "de.po").write_bytes(po('msgid "Hello,"\nmsgstr "Guten Tag,"'))
    (tmp_path / "readme.txt").write_text("no catalogue")
    renderer = Renderer(catalogues=Catalogues(tmp_path))
    assert renderer.language("de-DE") == "en"
    assert renderer.label("open_case", "de") == "Open the case"
    missing = [problem for problem in renderer.check() if problem.field == "de.po"]
    assert len(missing) == len(MESSAGES) - 1


def test_the_file_for_translators_is_up_to_date() -> None:
    """Write it anew with `casegate language messages > templates/locale/casegate.pot`."""
    assert (ROOT / "templates/locale/casegate.pot").read_bytes() == as_template(MESSAGES)


def test_nine_languages_are_shipped() -> None:
    assert CATALOGUES.languages == NINE


@pytest.mark.parametrize("language", NINE[1:])
def test_each_language_says_everything_with_its_values(language: str) -> None:
    catalogue = CATALOGUES.get(language)
    assert problems(catalogue, MESSAGES) == []
    assert RENDERER.language(language) == language
    assert catalogue.rtl is (language == "ar")
    left = [text for text, forms in catalogue.forms.items() if text not in {message.text for message in MESSAGES}]
    assert left == []  # what the templates do not say any more


@pytest.mark.parametrize("language", NINE[1:])
def test_numbers_take_their_forms(language: str) -> None:
    catalogue = CATALOGUES.get(language)
    for count in (0, 1, 2, 3, 5, 11, 21, 22, 100, 101):
        said = catalogue.ngettext("%(count)s held mail", "%(count)s held mails", count)
        assert str(count) in said or (language == "ar" and count in (0, 1, 2)) or count == 1


# -- Texts that come from elsewhere


TEXTS = {message.text for message in MESSAGES}


def test_every_trail_text_is_known() -> None:
    who = list(Role)
    for status in (lifecycle._OPEN, lifecycle._MERCHANT, lifecycle._CUSTOMER):
        assert f"Case is now {lifecycle._NOW[status]}" in TEXTS
    assert {f"Case closed by {lifecycle._WHO[role]}" for role in who} <= TEXTS
    assert {text.partition(",")[0] for text in TEXTS if text.startswith("Case reopened by")} == {
        f"Case reopened by {lifecycle._WHO[role]}" for role in who
    }


def test_every_word_of_the_law_about_replies_is_known() -> None:
    refusals = {found.text for act in _REPLIES for found in LAW[act].values() if isinstance(found, Refusal)}
    assert refusals
    assert refusals <= TEXTS


def test_every_reason_for_holding_a_mail_that_a_store_reads_is_known() -> None:
    for role in (Role.CUSTOMER, Role.MERCHANT):
        for own in (True, False):
            for verdict in (Verdict.PASS, Verdict.NONE, Verdict.FAIL):
                for strict in (True, False):
                    judgement = judge(role, own_address=own, authentication=verdict, strict=strict)
                    if judgement.trust.name == "HOLD":
                        assert judgement.because in TEXTS


def sentences() -> Iterator[str]:
    """Every text that the sources make a sentence of."""
    for folder in ("mail", "inbound"):
        for file in (ROOT / "gateway" / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Name)
                    and node.func.id in ("Sentence", "_Objection", "because")
                ):
                    yield from (
                        arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
                    )


def test_every_reason_for_keeping_a_file_back_is_known() -> None:
    found = set(sentences())
    assert len(found) > 15
    assert found <= TEXTS


# -- Dates


@pytest.mark.parametrize(
    ("language", "locale", "zone", "winter", "summer"),
    [
        ("en", "", "UTC", "14 Nov 2026, 09:30 UTC", "4 Jul 2026, 19:05 UTC"),
        ("en", "", "Europe/Berlin", "14 Nov 2026, 10:30 CET", "4 Jul 2026, 21:05 CEST"),
        ("en", "en-US", "America/New_York", "Nov 14, 2026, 4:30 AM EST", "Jul 4, 2026, 3:05 PM EDT"),
        ("en", "en-GB", "Europe/London", "14 Nov 2026, 09:30 GMT", "4 Jul 2026, 20:05 BST"),
        ("en", "it-IT", "Europe/Rome", "14 Nov 2026, 10:30 CET", "4 Jul 2026, 21:05 CEST"),
        ("de", "de-AT", "Europe/Vienna", "14. Nov. 2026, 10:30 MEZ", "4. Juli 2026, 21:05 MESZ"),
        ("fr", "fr-FR", "Europe/Paris", "14 nov. 2026, 10:30 UTC+01:00", "4 juil. 2026, 21:05 UTC+02:00"),
        ("es", "es-MX", "America/Mexico_City", "14 nov 2026, 3:30 a.m. UTC-06:00", "4 jul 2026, 1:05 p.m. UTC-06:00"),
        ("pt", "pt-BR", "America/Sao_Paulo", "14 de nov. de 2026 06:30 BRT", "4 de jul. de 2026 16:05 BRT"),
        ("pl", "pl", "Europe/Warsaw", "14 lis 2026, 10:30 CET", "4 lip 2026, 21:05 CEST"),
        ("ja", "ja-JP", "Asia/Tokyo", "2026年11月14日 18:30 JST", "2026年7月5日 4:05 JST"),
        ("zh", "zh-Hans-CN", "Asia/Shanghai", "2026年11月14日 17:30 UTC+08:00", "2026年7月5日 03:05 UTC+08:00"),
        ("ar", "ar-EG", "UTC", "14 نوفمبر 2026، 9:30 ص UTC", "4 يوليو 2026، 7:05 م UTC"),
        ("de", "de-DE", "Nowhere/Atlantis", "14. Nov. 2026, 09:30 UTC", "4. Juli 2026, 19:05 UTC"),
    ],
)
def test_dates(language: str, locale: str, zone: str, winter: str, summer: str) -> None:
    form = manners(language, locale, zone)
    assert form.date(WINTER) == winter
    assert form.date(SUMMER) == summer
    assert form.date(SUMMER.astimezone(timezone(timedelta(hours=9)))) == summer


HOURS = [(0, 4, [(540, 720), (780, 1_440)]), (5, 5, [(0, 720)])]


@pytest.mark.parametrize(
    ("language", "locale", "said"),
    [
        ("en", "", "Mon–Fri 09:00–12:00, 13:00–24:00; Sat 00:00–12:00 CET"),
        ("en", "en-GB", "Mon–Fri 09:00–12:00, 13:00–24:00; Sat 00:00–12:00 CET"),
        ("en", "en-US", "Mon–Fri 9:00 AM–12:00 PM, 1:00 PM–12:00 AM; Sat 12:00 AM–12:00 PM UTC+01:00"),
        ("de", "de-DE", "Mo.–Fr. 09:00–12:00, 13:00–24:00; Sa. 00:00–12:00 MEZ"),
        ("ja", "", "月–金 9:00–12:00, 13:00–24:00; 土 0:00–12:00 UTC+01:00"),
    ],
)
def test_hours_are_written_as_people_do(language: str, locale: str, said: str) -> None:
    winter = datetime(2026, 11, 14, 9, 30, tzinfo=UTC)
    assert manners(language, locale, "Europe/Berlin").hours(HOURS, winter).replace("\u00a0", " ") == said
    assert manners(language, locale, "Europe/Berlin").hours([], winter) == ""


def test_every_locale_of_our_languages_writes_hours() -> None:
    for language in Catalogues().languages:
        said = manners(language, "", "Asia/Kolkata").hours(HOURS, datetime(2026, 5, 4, tzinfo=UTC))
        assert said.count("–") == 4
        assert "None" not in said


def test_every_locale_of_our_languages_writes_dates_and_amounts_in_plain_characters() -> None:
    for name in locale_identifiers():
        if name.partition("_")[0] in NINE:
            form = manners(name.partition("_")[0], name.replace("_", "-"), "Asia/Kolkata")
            date, money = form.date(WINTER), form.amount(-123_456, "EUR")
            assert re.search(r"2026|15:00|3:00", date)
            assert "1" in money
            assert not re.search("[\u2000-\u200f\u202a-\u202f\u061c\u2066-\u2069]", date + money), name


@pytest.mark.parametrize(
    ("own", "locale", "store", "zone"),
    [
        ("", "", "", "UTC"),
        ("America/Chicago", "de-DE", "Europe/Rome", "America/Chicago"),
        ("", "de-DE", "Europe/Rome", "Europe/Berlin"),
        ("", "pl-PL", "", "Europe/Warsaw"),
        ("", "ja", "Asia/Seoul", "Asia/Seoul"),  # a language is no country
        ("", "pt-PT", "", "Europe/Lisbon"),
        ("", "en-US", "Europe/Rome", "Europe/Rome"),
        ("", "en-US", "", "UTC"),
        ("", "pt-BR", "", "UTC"),
        ("Mars/Olympus", "", "Europe/Rome", "Europe/Rome"),
        ("../../etc/passwd", "", "", "UTC"),
        ("/etc/localtime", "", "", "UTC"),
        ("Europe", "", "", "UTC"),
        ("\0", "x-y", "", "UTC"),
    ],
)
def test_zones(own: str, locale: str, store: str, zone: str) -> None:
    assert zone_for(own, locale, store) == zone


def test_what_names_no_place_is_refused_where_somebody_can_mend_it() -> None:
    for locale in ("de", "pt-BR", "zh-Hans-CN", "it"):
        check_locale(locale)
    for locale in ("", "xx-YY", "Deutsch!", "d"):
        with pytest.raises(Invalid, match="there is no locale"):
            check_locale(locale)
    check_zone("Europe/Lisbon")
    for zone in ("", "Lisbon", "Europe", "../x", "GMT+25"):
        with pytest.raises(Invalid, match="there is no time zone"):
            check_zone(zone)


# -- Amounts and sizes


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
        (5, "doubloons", "0.05 DOUBLOONS"),
        (5, "", "0.05"),
    ],
)
def test_amounts_have_the_decimals_of_their_currency(minor_units: int, currency: str, shown: str) -> None:
    assert manners().amount(minor_units, currency).strip() == shown


@pytest.mark.parametrize(
    ("language", "locale", "euros", "dollars"),
    [
        ("en", "en-US", "€1,234.56", "-$10.50"),
        ("en", "en-IE", "€1,234.56", "-US$10.50"),
        ("de", "de-DE", "1.234,56 €", "-10,50 $"),
        ("de", "de-AT", "€ 1.234,56", "-$ 10,50"),
        ("de", "de-CH", "EUR 1’234.56", "-$ 10.50"),
        ("fr", "fr-FR", "1\u00a0234,56 €", "-10,50 $US"),
        ("pl", "pl-PL", "1\u00a0234,56 €", "-10,50 USD"),
        ("pt", "pt-BR", "€ 1.234,56", "-US$ 10,50"),
        ("ja", "ja-JP", "€1,234.56", "-$10.50"),
        ("ar", "ar-AE", "1,234.56 €", "-10.50 US$"),
    ],
)
def test_amounts_are_written_as_people_do(language: str, locale: str, euros: str, dollars: str) -> None:
    form = manners(language, locale)
    assert form.amount(123_456, "EUR") == euros
    assert form.amount(-1_050, "USD") == dollars


@pytest.mark.parametrize(
    ("size_bytes", "shown"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1 kB"), (999_499, "999 kB"), (999_500, "1.0 MB"), (5_242_880, "5.2 MB")],
)
def test_sizes(size_bytes: int, shown: str) -> None:
    assert manners().size(size_bytes) == shown
    assert manners("de", "de-DE").size(size_bytes) == shown.replace(".", ",")


def test_numbers() -> None:
    assert [manners("de", "de-DE").number(one) for one in (5, 7.2, 120)] == ["5", "7,2", "120"]


def test_nobody_fills_the_memory_with_currencies() -> None:
    form = manners("en", "en-AU")
    for number in range(3_000):
        form.amount(1, f"c{number}")
    assert len(form._symbols) <= 1_000


def test_a_catalogue_speaks_english_where_it_has_no_words() -> None:
    assert Catalogue("de").gettext("Hello %(name)s", name="Mia") == "Hello Mia"

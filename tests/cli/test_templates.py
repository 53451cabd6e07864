"""`casegate template`: words of stores, and mails to look at."""

import email
import re
from collections.abc import Callable
from email import policy
from pathlib import Path
from shlex import quote

import pytest

from gateway.cases.notices import Template
from gateway.cli import specimens
from store import outbox, overrides
from tests.cli.installation import STORE, Installation

TEMPLATE = "message_to_customer"


@pytest.fixture
def shop(installation: Installation) -> Installation:
    installation.casegate("migrate")
    assert installation.casegate("store", "add", STORE, "--name", "Blue Kettle").status == 0
    return installation


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a text into a file of its own."""

    def write(text: str) -> Path:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.words"
        path.write_text(text)
        return path

    return write


Write = Callable[[str], Path]


def editor(monkeypatch: pytest.MonkeyPatch, folder: Path, *steps: str) -> Path:
    """An editor that does one step each time it is opened: sed commands. Returns the copy of what it was last shown."""
    script, shown = folder / "editor", folder / "shown"
    lines = [f'cp "$1" {shown}', f"echo x >> {folder}/times", f"case $(wc -l < {folder}/times) in"]
    lines += [f'{time}) sed -i {quote(step)} "$1";;' for time, step in enumerate(steps, 1)]
    script.write_text("#!/bin/sh\n" + "\n".join([*lines, "esac"]) + "\n")
    script.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(script))
    return shown


# Words of stores


def test_words_are_saved_shown_undone_and_removed(shop: Installation, file: Write) -> None:
    first = shop.casegate("template", "edit", TEMPLATE, "--store", STORE, "--text", file("Ahoy {{ customer }}!\n"))
    assert first.out == f"{STORE} has words of its own for {TEMPLATE} now: version 1\n"
    subject, html = file("{{ subject }}"), file("<p>Ahoy</p>")
    options = ("--store", STORE, "--subject", subject, "--html", html)
    assert shop.casegate("template", "edit", TEMPLATE, *options).status == 0
    show = ("template", "show", TEMPLATE, "--store", STORE)
    assert shop.casegate(*show).lines == [
        "=== subject ===", "{{ subject }}", "=== text ===", "Ahoy {{ customer }}!", "=== html ===", "<p>Ahoy</p>",
    ]  # fmt: skip
    assert shop.casegate(*show, "--part", "html").out == "<p>Ahoy</p>"
    assert shop.casegate("template", "undo", TEMPLATE, "--store", STORE).out.endswith("version 3\n")
    assert shop.casegate(*show, "--part", "subject").out == ""
    removed = shop.casegate("template", "remove", TEMPLATE, "--store", STORE)
    assert removed.out == f"{STORE} has the built-in words for {TEMPLATE} now: version 4\n"
    gone = shop.casegate(*show)
    assert (gone.status, gone.out) == (66, "")
    assert "has no words of its own" in gone.err
    rows = [line.split(maxsplit=3) for line in shop.casegate("template", "list", "--store", STORE).lines]
    assert rows[0][:2] == ["TEMPLATE", "VERSION"]
    assert [(row[1], row[3].split("  ")[0]) for row in rows[1:]] == [
        ("4", "built-in"), ("3", "text"), ("2", "subject text html"), ("1", "text"),
    ]  # fmt: skip
    assert rows[1][3].endswith("in use")
    assert rows[2][3].endswith("(brings back 1)")


def test_the_list_tells_which_mails_stores_may_write_and_how_many_do(shop: Installation, file: Write) -> None:
    shop.casegate("template", "edit", TEMPLATE, "--store", STORE, "--text", file("Ahoy"))
    rows = [line.split() for line in shop.casegate("template", "list").lines[1:]]
    assert [row[0] for row in rows] == [str(template) for template in Template]
    assert [TEMPLATE, "yes", "1"] in rows
    assert ["sign_in", "no"] in rows


def test_a_part_may_come_from_standard_input(shop: Installation) -> None:
    edit = ("template", "edit", TEMPLATE, "--store", STORE)
    assert shop.casegate(*edit, "--text", "-", stdin=b"Ahoy {{ store }}").status == 0
    assert shop.casegate("template", "show", TEMPLATE, "--store", STORE, "--part", "text").out == "Ahoy {{ store }}"
    two = shop.casegate(*edit, "--text", "-", "--html", "-", stdin=b"x")
    assert (two.status, two.err) == (65, "-: standard input can be one part only; name files for the others")


def test_an_empty_file_gives_a_part_back(shop: Installation, file: Write) -> None:
    edit = ("template", "edit", TEMPLATE, "--store", STORE)
    shop.casegate(*edit, "--subject", file("Ahoy"), "--text", file("Ahoy"))
    shop.casegate(*edit, "--subject", file(""))
    shown = shop.casegate("template", "show", TEMPLATE, "--store", STORE)
    assert shown.lines == ["=== subject ===", "", "=== text ===", "Ahoy", "=== html ===", ""]


@pytest.mark.parametrize("command", ["edit", "check"])
def test_all_that_is_wrong_is_told_and_nothing_saved(shop: Installation, file: Write, command: str) -> None:
    options = ("--store", STORE, "--subject", file("{{ stroe }}"), "--html", file("<p>\n{% include 'x' %}{{ 3**9 }}"))
    done = shop.casegate("template", command, TEMPLATE, *options)
    assert done.status == 65
    assert done.err.splitlines() == [
        "subject: line 1: there is no value stroe; did you mean store?",
        "html: line 2: arithmetic is not allowed; write the values one after the other",
        "html: line 2: include is not allowed; copy the words into this template",
    ]
    assert shop.casegate("template", "list", "--store", STORE).lines == ["TEMPLATE  VERSION  SAVED  WORDS  STATE"]


def test_check_saves_nothing(shop: Installation, file: Write) -> None:
    done = shop.casegate("template", "check", TEMPLATE, "--store", STORE, "--text", file("Ahoy"))
    assert done.out == f"nothing is wrong with these words for {TEMPLATE}\n"
    assert len(shop.casegate("template", "list", "--store", STORE).lines) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("show", "case_close"), "TEMPLATE: there is no case_close; known here: case_opened_merchant, case_opened_cu"),
        (("show", TEMPLATE, "--part", "text"), "--part: goes with --store; the built-in template is one file"),
        (("show", TEMPLATE, "--store", STORE, "--part", "body"), "--part: there is no body; known here: subject,"),
        (("show", TEMPLATE, "--store", "shp_x"), "There is no store shp_x"),
        (("list", "--store", "shp_x"), "There is no store shp_x"),
        (("edit", TEMPLATE, "--store", "shp_x", "--text", __file__), "There is no store shp_x"),
        (("edit", "sign_in", "--store", STORE, "--text", __file__), "sign_in always has the built-in words; stores"),
        (("edit", TEMPLATE, "--store", STORE, "--text", "/nowhere"), "--text: /nowhere cannot be read: No such file"),
        (("edit", TEMPLATE, "--store", STORE, "--text", "/bin/sh"), "--text: /bin/sh cannot be read: it is no UTF-8"),
        (("undo", TEMPLATE, "--store", STORE), f"{STORE} never had words of its own for {TEMPLATE}"),
        (("remove", TEMPLATE, "--store", STORE), f"{STORE} has no words of its own for {TEMPLATE}"),
        (("preview", TEMPLATE, "--format", "pdf"), "--format: there is no pdf; known here: html, text, page, raw"),
        (("preview", TEMPLATE, "--reader", "BOSS"), "--reader: there is no BOSS; known here: CUSTOMER, MERCHANT, SUPP"),
        (("preview", TEMPLATE, "--reader", "MERCHANT"), f"--reader: {TEMPLATE} is read by CUSTOMER"),
        (("preview", TEMPLATE, "--case", "case_x"), "There is no case case_x"),
        (("preview", TEMPLATE, "--language", "klingon?"), "locale: there is no locale"),
        (("preview", TEMPLATE, "--out", "/nowhere/x.html"), "--out: /nowhere/x.html cannot be written: No such file"),
        (("preview", "sign_in", "--case", "case_x"), "TEMPLATE: sign_in is about no case"),
        (("send-test", TEMPLATE, "--to", "nobody"), "ADDRESS: must be an e-mail address such as ada@example.org"),
        (("send-test", "sign_in", "--to", "ada@example.org"), "TEMPLATE: sign_in is about no case"),
    ],
)  # fmt: skip
def test_wrong_input_is_told(shop: Installation, words: tuple[str, ...], told: str) -> None:
    with shop.parts():  # makes the keys, which send-test needs
        pass
    done = shop.casegate("template", *words)
    assert done.status in (65, 66)
    assert done.err.startswith(told)
    assert done.out == ""


def test_an_editor_opens_with_the_words_and_help(
    shop: Installation, file: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    edit = ("template", "edit", TEMPLATE, "--store", STORE)
    shop.casegate(*edit, "--text", file("Ahoy"))
    shown = editor(monkeypatch, tmp_path, "s/^Ahoy$/Ahoy {{ store }}/")
    assert shop.casegate(*edit).out.endswith("version 2\n")
    assert "{{ customer_first_name }}" in shown.read_text()
    assert shop.casegate("template", "show", TEMPLATE, "--store", STORE, "--part", "text").out == "Ahoy {{ store }}"
    same = shop.casegate(*edit)
    assert (same.status, same.err) == (65, "nothing was changed")


def test_an_editor_opens_again_when_something_is_wrong(
    shop: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shown = editor(monkeypatch, tmp_path, "s/^=== html/Ahoy {{ stroe }}\\n&/", "s/stroe/store/")
    done = shop.casegate("template", "edit", TEMPLATE, "--store", STORE, stdin=b"y\n")
    assert "there is no value stroe; did you mean store?" in done.err
    assert done.out.endswith("version 1\n")
    assert "stroe" in shown.read_text()


def test_what_somebody_wrote_is_not_lost_when_he_gives_up(
    shop: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    editor(monkeypatch, tmp_path, "s/^=== html ===//")
    done = shop.casegate("template", "edit", TEMPLATE, "--store", STORE, stdin=b"n\n")
    assert done.status == 65
    found = re.fullmatch(r"nothing was saved; what you wrote is in (\S+)", done.err)
    assert found is not None
    assert "=== text ===" in Path(found[1]).read_text()
    Path(found[1]).unlink()


def test_an_editor_that_is_not_there_is_told(shop: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", "/nowhere/editor --wait")
    done = shop.casegate("template", "edit", TEMPLATE, "--store", STORE)
    assert done.status == 65
    assert done.err.startswith("the editor /nowhere/editor did not work; set $EDITOR, or name files")


# Looking at mails


@pytest.mark.parametrize("template", Template)
@pytest.mark.parametrize("form", ["text", "html", "raw", "page"])
def test_every_mail_can_be_looked_at_without_a_database(
    installation: Installation, template: Template, form: str
) -> None:
    done = installation.casegate("template", "preview", template, "--format", form)
    assert done.status == 0, done.err
    assert len(done.raw) > 40
    if form == "page":
        assert done.out.count("<iframe") == 1
        assert "<dt>From</dt>" in done.out
        assert re.search(r"src=\"(?!cid:|data:)", done.out) is None


def test_every_mail_about_a_case_has_readers_and_every_other_one_facts() -> None:
    assert specimens.READERS.keys() | specimens.LETTERS.keys() == set(Template)
    assert not specimens.READERS.keys() & specimens.LETTERS.keys()


def test_a_preview_shows_the_words_of_the_store_in_its_frame(shop: Installation, file: Write, tmp_path: Path) -> None:
    words = file("<h2>Ahoy {{ reader_name }}</h2>")
    shop.casegate("template", "edit", TEMPLATE, "--store", STORE, "--html", words)
    page = tmp_path / "page.html"
    options = ("--store", STORE, "--format", "page", "--out", page)
    assert shop.casegate("template", "preview", TEMPLATE, *options).out == ""
    assert "Ahoy Mia Jensen&lt;/h2&gt;" in page.read_text()
    assert "Blue Kettle" in page.read_text()


def test_a_real_case_is_shown_with_addresses_that_do_not_work(installation: Installation) -> None:
    shop, case = installation, installation.open_case()
    done = shop.casegate("template", "preview", "case_opened_customer", "--case", case.id, "--format", "raw")
    mail = email.message_from_bytes(done.raw, policy=policy.default)
    assert mail["To"] == "Ada Byron <ada@example.org>"
    assert "The kettle came without its lid." in done.out
    address = re.search(r"reply\+(\w+)@", str(mail["Reply-To"]))
    assert address is not None
    assert address[1] not in case.customer
    refused = shop.casegate("deliver", "--from", "ada@example.org", "--to", f"reply+{address[1]}@cases.example.org")
    assert refused.status != 0
    other = shop.casegate("store", "add", "--name", "Red Teapot").out.strip()
    assert shop.casegate("template", "preview", TEMPLATE, "--case", case.id, "--store", other).status == 66


def test_a_preview_in_a_language_of_the_reader(shop: Installation) -> None:
    american = shop.casegate("template", "preview", TEMPLATE, "--language", "en-US", "--store", STORE)
    assert "Nov 14, 2026" in american.out
    german = shop.casegate("template", "preview", "case_closed", "--language", "de", "--format", "html")
    assert '<html lang="de"' in german.out
    assert "14 Nov 2026" in shop.casegate("template", "preview", TEMPLATE).out


def test_words_that_fail_are_told_with_the_built_in_mail(installation: Installation) -> None:
    shop, case = installation, installation.open_case()
    with shop.parts() as parts:
        now = parts.now()
        parts.database.write(lambda: overrides.add(STORE, "case_closed", subject="", text="{{ x }}", html="", now=now))
    done = shop.casegate("template", "preview", "case_closed", "--case", case.id)
    assert done.out.startswith("Your case is closed")
    assert "its words for case_closed (version 1) fail: text: line 1: there is no value x" in done.err
    assert "broken: text: line 1" in shop.casegate("template", "list", "--store", STORE).out
    assert f"template:{STORE}:case_closed" in shop.casegate("alarm", "list").out


def test_a_test_goes_out_marked_and_to_nobodys_thread(installation: Installation, file: Write) -> None:
    shop, case = installation, installation.open_case()
    shop.casegate("template", "edit", TEMPLATE, "--store", STORE, "--text", file("Ahoy {{ customer_first_name }}"))
    options = ("--to", "grace@example.org", "--store", STORE, "--case", case.id)
    done = shop.casegate("template", "send-test", TEMPLATE, *options)
    assert done.out == "queued for grace@example.org: [Test] The lid is missing\n"
    with shop.parts():
        row = outbox.get(outbox.listing()[0].id)
    assert (row.state, row.recipient) == ("queued", "grace@example.org")
    assert (row.case_id, row.participant_id, row.message_id) == ("", None, None)
    data = row.data
    mail = email.message_from_bytes(data, policy=policy.default)
    assert mail["Subject"] == "[Test] The lid is missing"
    assert [mail[name] for name in ("Reply-To", "In-Reply-To", "References")] == [None] * 3
    body = mail.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert text.startswith("Ahoy Ada")
    assert "reply+" not in data.decode()
    assert "##-" not in text
    assert shop.bodies(case) == ["The kettle came without its lid."]

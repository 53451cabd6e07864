"""What a store decides about its cases, on the command line: set, shown, noted in the audit trail."""

from hashlib import sha256
from pathlib import Path

import pytest

from gateway.cases.settings import CaseSettings, read
from store import alarms, audit, parties
from store.database import sql
from tests.cli.installation import STORE, Installation

HOURS = "mon-fri 09:00-17:00; sat 10:00-14:00"


@pytest.fixture
def store(installation: Installation) -> Installation:
    installation.casegate("migrate")
    installation.casegate("store", "add", STORE, "--name", "Blue Kettle")
    return installation


def kept(store: Installation) -> CaseSettings:
    with store.parts():
        return parties.get_store(STORE).settings


def shown(store: Installation) -> dict[str, tuple[str, str]]:
    """Where each setting comes from, and its value."""
    table = [line.split(maxsplit=2) for line in store.casegate("store", "show", STORE).lines[1:] if line]
    return {name: (source, value[0] if value else "") for name, source, *value in table}


def set_(store: Installation, *pairs: str) -> str:
    """Change settings. Returns what is wrong with them."""
    done = store.casegate("store", "set", STORE, *pairs)
    assert done.status == (65 if done.err else 0)
    return done.err


def test_all_settings_of_cases_are_set_and_taken_back(store: Installation) -> None:
    pairs = (
        "auto_reply=Thank you, {{ customer_first_name }}.", "auto_close_days=30", "warn_days=5", "skip_weekends=yes",
        "holidays=2026-12-24..2026-12-26, 2027-01-01", "reopen_days=90", "thanks_hours=0", f"business_hours={HOURS}",
        "from_name=Grace of Blue Kettle",
    )  # fmt: skip
    assert set_(store, *pairs) == ""
    assert kept(store) == CaseSettings(
        "Thank you, {{ customer_first_name }}.", 30, 5, True, read("holidays", "2026-12-24..2026-12-26 2027-01-01"),
        90, 0, read("business_hours", HOURS), "Grace of Blue Kettle",
    )  # fmt: skip
    assert set_(store, *(f"{pair.partition('=')[0]}=" for pair in pairs)) == ""
    assert kept(store) == CaseSettings()


def test_one_setting_leaves_the_others(store: Installation) -> None:
    set_(store, "auto_close_days=30", "time_zone=Europe/Lisbon")
    set_(store, "reopen_days=7", "name=Red Teapot")
    assert (kept(store).auto_close_days, kept(store).reopen_days) == (30, 7)
    assert shown(store)["time_zone"] == ("store", "Europe/Lisbon")


def test_every_wrong_one_is_told_and_nothing_is_changed(store: Installation) -> None:
    wrong = set_(store, "auto_clsoe_days=3", "warn_days=many", "business_hours=always", "holidays=Christmas", "zebra=1")
    assert wrong.splitlines()[:4] == [
        "auto_clsoe_days: there is no such setting; did you mean auto_close_days?",
        "warn_days: write a whole number from 0 to 365",
        "business_hours: 'always' cannot be read; write such as mon-fri 09:00-17:00; sat 10:00-14:00",
        "holidays: Christmas is no day; write such as 2026-12-25, or 2026-12-24..2026-12-26",
    ]
    assert wrong.splitlines()[4].startswith("zebra: there is no such setting; known here: name, strict, ")
    assert kept(store) == CaseSettings()


def test_a_warning_comes_before_the_closing_also_with_what_the_gateway_says(store: Installation) -> None:
    assert set_(store, "auto_close_days=2", "reopen_days=7").startswith("auto_close_days: the warning comes before")
    assert kept(store) == CaseSettings()
    assert set_(store, "auto_close_days=2", "warn_days=1") == ""
    assert "auto_close_days is 2, warn_days is 2 (one is the gateway's)" in set_(store, "warn_days=")
    assert set_(store, "auto_close_days=0", "warn_days=") == ""


@pytest.mark.parametrize("name", ["Platform Support", "Cases", "Support Team", "grace@example.org", "https://x.test"])
def test_a_store_does_not_pass_itself_off_as_somebody_else(store: Installation, name: str) -> None:
    assert set_(store, f"from_name={name}").startswith("from_name: people would take it for platform support or for us")


def test_an_answer_comes_from_a_file(store: Installation, tmp_path: Path) -> None:
    words = tmp_path / "answer.txt"
    words.write_text("Hello {{ customer_first_name }},\n\nwe are back on {{ opens_at }}.\n")
    assert set_(store, f"auto_reply=@{words}") == ""
    assert kept(store).auto_reply == "Hello {{ customer_first_name }},\n\nwe are back on {{ opens_at }}."
    assert store.casegate("store", "set", STORE, "auto_reply=@-", stdin=b"Thanks.").status == 0
    assert kept(store).auto_reply == "Thanks."
    assert set_(store, f"auto_reply=@{tmp_path}/none") == (
        f"auto_reply: {tmp_path}/none cannot be read: No such file or directory"
    )
    words.write_bytes(b"\xff\xfe")
    assert set_(store, f"auto_reply=@{words}") == f"auto_reply: {words} cannot be read: it is no UTF-8 text"
    assert kept(store).auto_reply == "Thanks."


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("{{ link }}", "line 1: there is no value link; known here: language, store, customer_first_name"),
        ("{{ reply_address }}", "there is no value reply_address"),
        ("{{ customer_frist_name }}", "no value customer_frist_name; did you mean customer_first_name?"),
        ("Hi\n{{ 'a' * 300000000 }}", "line 2: arithmetic is not allowed"),
        ("{% include 'x' %}", "include is not allowed"),
        ("{% for m in messages %}{% endfor %}", "there is no value messages"),
        ("{% for c in store %}{{ c }}{% endfor %}", "line 1: a loop needs a list: there is none here"),
        ("{% if %}", "line 1: Expected an expression"),
        ("{% if store %}", "line 1: Unexpected end of template."),
        ("{% if not store %}Hi{% endif %}", "no word comes out, whatever the values"),
        ("x" * 5_000, "5000 characters come out, and a message has at most 4000; write less (for the customer)"),
    ],
)  # fmt: skip
def test_an_answer_that_would_not_work_is_refused(store: Installation, words: str, why: str) -> None:
    told = set_(store, f"auto_reply={words}")
    assert told.startswith("auto_reply: ")
    assert why in told
    assert kept(store) == CaseSettings()


def test_an_answer_tells_no_credential(store: Installation) -> None:
    with store.parts() as parts:
        from gateway.signing import Purpose

        token = parts.secrets.keyring.token(Purpose.REPLY, b"h" * 16)
    told = set_(store, f"auto_reply=Write to reply+{token}@cases.example.org")
    assert told == "auto_reply: it holds a reply address or a personal link; leave it out"


def test_where_each_value_comes_from_is_shown(store: Installation) -> None:
    usual = shown(store)
    assert {source for name, (source, _) in usual.items() if name != "name"} == {"gateway"}
    assert usual["auto_close_days"] == ("gateway", "14")
    assert usual["warn_days"] == ("gateway", "2")
    assert usual["time_zone"] == ("gateway", "UTC")
    assert usual["from_address"] == ("gateway", "cases@cases.example.org")
    assert usual["from_name"] == ("gateway", "Blue Kettle")
    assert usual["skip_weekends"] == ("gateway", "no")
    set_(store, "auto_close_days=30", f"business_hours={HOURS}", "holidays=2026-12-26 2026-12-25", "locale=pt-PT")
    own = shown(store)
    assert own["auto_close_days"] == ("store", "30")
    assert own["business_hours"] == ("store", HOURS)
    assert own["holidays"] == ("store", "2026-12-25..2026-12-26")
    assert own["time_zone"] == ("gateway", "Europe/Lisbon")


def test_an_answer_is_shown_as_a_customer_would_read_it(store: Installation) -> None:
    set_(store, "auto_reply=Hello {{ customer_first_name }},\n\norder {{ order_number }}: {{ business_hours }}",
         f"business_hours={HOURS}", "time_zone=Europe/Lisbon")  # fmt: skip
    lines = store.casegate("store", "show", STORE).lines
    place = lines.index("The auto-reply, as a customer would read it now:")
    assert lines[place + 2 : place + 4] == ["  Hello Mia,", ""]
    assert lines[place + 4].startswith("  order 1042: Mon–Fri 09:00–17:00; Sat 10:00–14:00 ")
    told = store.casegate("store", "show", STORE, "--json").json()
    assert told["settings"]["business_hours"] == {"value": HOURS, "from": "store"}
    assert told["autoReply"]["sample"].startswith("Hello Mia,\n\norder 1042: ")


def test_an_answer_stands_in_a_preview_of_the_receipt(store: Installation) -> None:
    set_(store, "auto_reply=Hello {{ customer_first_name }}, we answer on Monday.")
    preview = store.casegate("template", "preview", "case_opened_customer", "--store", STORE).out
    assert "Hello Mia, we answer on Monday." in preview
    assert "we answer on Monday" not in store.casegate("template", "preview", "case_opened_customer").out
    assert "we answer on Monday" not in store.casegate("template", "preview", "case_closed", "--store", STORE).out


def test_an_answer_that_fails_is_shown_as_such_and_better_words_end_its_alarm(store: Installation) -> None:
    with store.parts() as parts:
        broken = '{"auto_reply": "{{ reply_address }}"}'
        parts.database.write(lambda: sql("UPDATE store SET settings = ? WHERE id = ?", (broken, STORE)))
        parts.database.write(lambda: alarms.raise_(f"auto-reply:{STORE}", "It fails.", parts.now()))
    assert "The auto-reply fails: line 1: there is no value reply_address" in store.casegate("store", "show", STORE).out
    assert set_(store, "auto_reply=Thank you.") == ""
    with store.parts():
        assert alarms.raised() == ()


def test_every_change_is_noted_with_what_was_before(store: Installation) -> None:
    words = "Thank you for your message."
    set_(store, "auto_close_days=30", "strict=yes", f"auto_reply={words}")
    set_(store, "auto_close_days=30")  # nothing is otherwise
    set_(store, "auto_close_days=", "auto_reply=")
    digest = f"27 characters, SHA-256 {sha256(words.encode()).hexdigest()}"
    with store.parts():
        entries = [(one.action, one.store_id, dict(one.detail)) for one in reversed(audit.listing(store_id=STORE))]
        assert {one.door for one in audit.listing(store_id=STORE)} == {"command"}
    assert entries == [
        ("store.added", STORE, {}),
        ("store.changed", STORE, {"strict": ["", "yes"], "auto_close_days": ["", "30"], "auto_reply": ["", digest]}),
        ("store.changed", STORE, {"auto_close_days": ["30", ""], "auto_reply": [digest, ""]}),
    ]


def test_a_store_that_is_not_there_has_no_settings(store: Installation) -> None:
    for words in (("set", "shp_bbbbbbbbbbbbbbbbbbbbbbbb", "reopen_days=7"), ("show", "shp_bbbbbbbbbbbbbbbbbbbbbbbb")):
        assert store.casegate("store", *words).status == 66

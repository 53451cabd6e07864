"""Stores on the command line."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.cases.model import Store
from store import logos, parties
from tests.cli.installation import STORE, Installation

#: As much of a picture as tells its kind and its 320 x 96 pixels.
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\x40\0\0\0\x60\x08\x06\0\0\0" + b"\0" * 44


@pytest.fixture
def store(installation: Installation) -> Installation:
    assert installation.casegate("migrate").lines[0] == "applied 0001_initial"
    assert installation.casegate("store", "add", STORE, "--name", "Blue Kettle").out == f"{STORE}\n"
    return installation


def test_a_schema_that_is_up_to_date_stays(store: Installation) -> None:
    assert store.casegate("migrate").out == "the schema is up to date\n"


def test_an_id_is_made_when_none_is_given(store: Installation) -> None:
    made = store.casegate("store", "add", "--name", "Red Teapot").out
    assert re.fullmatch(r"shp_[a-z0-9]{24}\n", made)
    assert f"{made.strip()} " in store.casegate("store", "list").out


@pytest.mark.parametrize("wrong", ["cus_aaaaaaaaaaaaaaaaaaaaaaaa", "shp_short", "shp_" + "a" * 45, "shp_aaaa aaaaaaaa"])
def test_an_id_that_the_platform_would_not_know_is_refused(store: Installation, wrong: str) -> None:
    done = store.casegate("store", "add", wrong, "--name", "Red Teapot")
    assert (done.status, done.out) == (65, "")
    assert done.err.startswith("ID: write shp_")


def test_a_store_is_added_once(store: Installation) -> None:
    done = store.casegate("store", "add", STORE, "--name", "Another")
    assert done.status == 65
    assert "Blue Kettle" in store.casegate("store", "list").out


def test_a_store_gets_another_name(store: Installation) -> None:
    assert store.casegate("store", "set", STORE, "name=Red = Teapot").status == 0
    assert "Red = Teapot" in store.casegate("store", "list").out


def test_a_store_becomes_strict_and_keeps_its_name(store: Installation) -> None:
    assert store.casegate("store", "set", STORE, "strict=yes").status == 0
    assert store.casegate("store", "list").lines[1].split()[-1] == "strict"
    assert store.casegate("store", "set", STORE, "strict=no").status == 0
    assert "Blue Kettle" in store.casegate("store", "list").out
    assert "strict" not in store.casegate("store", "list").lines[1]


def test_every_wrong_setting_is_told(store: Installation) -> None:
    done = store.casegate("store", "set", STORE, "nmae=x", "name", "name=", "name=two\nlines", "strict=perhaps")
    assert done.status == 65
    assert done.err.splitlines() == [
        "nmae: there is no such setting; did you mean name?",
        "name: write KEY=VALUE",
        "name: must be one line of 1 to 200 characters",
        "name: must be one line of 1 to 200 characters",
        "strict: there is no perhaps; known here: yes, no",
    ]


def looks(store: Installation) -> Store:
    with store.parts():
        return parties.get_store(STORE)


def test_how_a_stores_mails_look(store: Installation, tmp_path: Path) -> None:
    picture = tmp_path / "logo.bin"
    picture.write_bytes(PNG)
    set_ = ("locale=pt-BR", "time_zone=Europe/Lisbon", "colour=#0B57D0", f"logo={picture}")
    assert store.casegate("store", "set", STORE, *set_).status == 0
    looks_ = looks(store)
    assert (looks_.locale, looks_.time_zone, looks_.colour) == ("pt-BR", "Europe/Lisbon", "#0b57d0")
    with store.parts():
        assert logos.find(looks_.logo) == logos.Logo("image/png", 320, 96, PNG)
    assert store.casegate("store", "set", STORE, "locale=", "time_zone=", "colour=", "logo=").status == 0
    assert looks(store) == replace(looks_, locale="", time_zone="", colour="", logo="")
    with store.parts():
        assert logos.find(looks_.logo) is None  # nobody has it any more


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"GIF89a" + b"\0" * 100, "is neither PNG nor JPEG; mail programs show nothing else for sure"),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            "is neither PNG nor JPEG; mail programs show nothing else for sure",
        ),
        (b"", "is neither PNG nor JPEG; mail programs show nothing else for sure"),
        (PNG + b"\0" * 49_152, "has 49,225 bytes, at most 49,152: it goes with every mail"),
        (PNG.replace(b"\0\0\x01\x40", b"\0\0\x75\x30"), "must have 1 to 2,000 pixels a side"),
        (PNG[:12], "must have 1 to 2,000 pixels a side"),
    ],
)
def test_a_picture_that_mails_cannot_bear_is_refused(
    store: Installation, tmp_path: Path, content: bytes, why: str
) -> None:
    picture = tmp_path / "logo.png"
    picture.write_bytes(content)
    done = store.casegate("store", "set", STORE, f"logo={picture}", "name=Red Teapot")
    assert (done.status, done.err) == (65, f"logo: {picture} {why}")
    assert looks(store).name == "Blue Kettle"


def test_wrong_looks_are_told_together(store: Installation, tmp_path: Path) -> None:
    done = store.casegate(
        "store", "set", STORE, "locale=xx-YY", "time_zone=Lisbon", "colour=blue", f"logo={tmp_path}/none.png"
    )
    assert done.status == 65
    assert done.err.splitlines() == [
        "locale: there is no locale 'xx-YY'; write one such as en, pt-BR or zh-Hans-CN",
        "time_zone: there is no time zone 'Lisbon'; write one such as Europe/Lisbon or America/New_York",
        "colour: write six digits of a colour such as #0b57d0",
        f"logo: {tmp_path}/none.png cannot be read: No such file or directory",
    ]


def test_what_is_not_there_is_said(store: Installation) -> None:
    unknown = "shp_bbbbbbbbbbbbbbbbbbbbbbbb"
    for words in (
        ("store", "set", unknown, "name=x"),
        ("member", "add", unknown, "grace@shop.example.org"),
        ("member", "list", unknown),
        ("member", "remove", STORE, "nobody@shop.example.org"),
        ("token", "create", "--store", unknown, "--scope", "CASES_READ"),
        ("token", "revoke", "stk_unknown"),
    ):
        done = store.casegate(*words)
        assert (done.status, done.out) == (66, ""), words
        assert done.err, words


def test_a_store_has_an_address_in_from(store: Installation) -> None:
    done = store.casegate("store", "set", STORE, "from_address=help@shop.example.org")
    assert done.status == 65
    assert "no key signs for shop.example.org" in done.err
    assert "casegate dkim create shop.example.org" in done.err
    settings = store.file.read_text()
    created = store.casegate("dkim", "create", "shop.example.org", "--algorithm", "ed25519").out
    store.file.write_text(settings + created[created.index("[[dkim]]") : created.index("\n3.")])
    assert store.casegate("store", "set", STORE, "from_address=Help@Shop.example.org").status == 0
    assert looks(store).from_address == "Help@shop.example.org"
    assert "no key signs for Help" not in store.casegate("check").out
    store.file.write_text(settings)
    assert f"no key signs for Help@shop.example.org, so that mail of {STORE}" in store.casegate("check").out
    done = store.casegate("store", "set", STORE, "from_address=Help <help@shop.example.org>")
    assert done.err == "from_address: must be an address such as help@shop.example.org"
    done = store.casegate("store", "set", STORE, "from_address=shop@cases.example.org")
    assert "only cases@cases.example.org stands in From" in done.err
    for same in ("cases@Cases.example.org", ""):
        assert store.casegate("store", "set", STORE, f"from_address={same}").status == 0
        assert looks(store).from_address == same.lower()

"""Stores, members and tokens on the command line."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.cases.model import Store
from store import credentials, logos, parties
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
        "nmae: there is no such setting; known here: name, strict, locale, time_zone, colour, logo, from_address",
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


def test_a_person_comes_goes_and_comes_back(store: Installation) -> None:
    first = store.casegate("member", "add", STORE, "grace@shop.example.org", "--name", "Grace").out
    assert first.startswith("mbr_")
    assert "grace@shop.example.org  Grace" in store.casegate("member", "list", STORE).out
    assert store.casegate("member", "remove", STORE, "Grace@Shop.example.org").status == 0
    assert "grace" not in store.casegate("member", "list", STORE).out
    assert store.casegate("member", "add", STORE, "grace@shop.example.org").out == first


def test_a_person_is_not_mailed_what_he_does_not_want_until_he_wants_it_again(store: Installation) -> None:
    grace = "grace@shop.example.org"
    store.casegate("member", "add", STORE, grace)
    store.casegate("member", "add", STORE, "ada@shop.example.org")
    assert store.casegate("member", "mute", STORE, "Grace@shop.example.org", "case_reopened").status == 0
    assert store.casegate("member", "mute", STORE, grace, "MESSAGE_TO_MERCHANT", "case_reopened").status == 0
    listed = store.casegate("member", "list", STORE).lines
    assert [line.split()[1:] for line in listed[1:]] == [
        [grace, "case_reopened", "message_to_merchant"],
        ["ada@shop.example.org"],
    ]
    assert store.casegate("member", "unmute", STORE, grace, "message_to_merchant").status == 0
    with store.parts():
        assert {m.email: m.muted for m in parties.members(STORE)}[grace] == {"case_reopened"}


def test_only_notices_are_muted_and_only_of_members(store: Installation) -> None:
    store.casegate("member", "add", STORE, "grace@shop.example.org")
    for notice in ("message_to_customer", "sign_in", "not_delivered", "everything"):
        done = store.casegate("member", "mute", STORE, "grace@shop.example.org", notice)
        assert (done.status, done.out) == (65, "")
        assert done.err == (
            f"NOTICE: there is no {notice}; known here: case_opened_merchant, message_to_merchant, case_reopened"
        )
    for command in ("mute", "unmute"):
        done = store.casegate("member", command, STORE, "nobody@shop.example.org", "case_reopened")
        assert (done.status, done.err) == (66, f"nobody@shop.example.org is no member of {STORE}")


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


def test_a_capital_letter_makes_no_second_person(store: Installation) -> None:
    first = store.casegate("member", "add", STORE, "grace@shop.example.org").out
    assert store.casegate("member", "add", STORE, "Grace@shop.example.org").out == first


@pytest.mark.parametrize("address", ["grace", "grace@", "grace@shop.example.org, ada@example.org", "Grace <g@x.org>"])
def test_what_is_no_address_is_refused(store: Installation, address: str) -> None:
    done = store.casegate("member", "add", STORE, address)
    assert done.status == 65
    assert done.err == "ADDRESS: must be an e-mail address such as ada@example.org"


def test_we_never_write_to_ourselves(store: Installation) -> None:
    done = store.casegate("member", "add", STORE, "grace@Cases.Example.org")
    assert done.status == 65
    assert "own domain" in done.err


def test_the_secret_of_a_token_is_printed_once_and_alone(store: Installation) -> None:
    done = store.casegate("token", "create", "--store", STORE, "--scope", "CASES_READ", "--scope", "cases_write")
    assert re.fullmatch(r"sk_[\w-]{43}\n", done.out)
    secret = done.out.strip()
    listed = store.casegate("token", "list").out
    assert "CASES_READ CASES_WRITE" in listed
    assert secret not in listed
    with store.parts():
        found = credentials.find_token(secret)
    assert found is not None
    assert found.scopes == {"CASES_READ", "CASES_WRITE"}


def test_a_revoked_token_is_worth_nothing(store: Installation) -> None:
    secret = store.casegate("token", "create", "--store", STORE, "--scope", "CASES_READ", "--name", "Robot").out.strip()
    token_id = store.casegate("token", "list", "--store", STORE).lines[1].split()[0]
    assert store.casegate("token", "revoke", token_id).status == 0
    assert store.casegate("token", "revoke", token_id).status == 0
    with store.parts():
        assert credentials.find_token(secret) is None
        (token,) = credentials.tokens()
    assert token.revoked_at is not None
    assert token.name == "Robot"


def test_a_scope_that_does_not_exist_names_those_that_do(store: Installation) -> None:
    done = store.casegate("token", "create", "--store", STORE, "--scope", "CASES_READ", "--scope", "ORDERS")
    assert done.err == "--scope: there is no ORDERS; known here: CASES_READ, CASES_WRITE"
    assert store.casegate("token", "list").lines[1:] == []

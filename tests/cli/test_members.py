"""The people of a store on the command line."""

import pytest

from store import alarms, audit, parties
from store.ledger import Kind, Ledger
from tests.cli.installation import STORE, Installation

GRACE, ADA = "grace@shop.example.org", "ada@shop.example.org"


@pytest.fixture
def store(installation: Installation) -> Installation:
    installation.casegate("migrate")
    assert installation.casegate("store", "add", STORE, "--name", "Blue Kettle").status == 0
    return installation


def roles(store: Installation) -> dict[str, str]:
    with store.parts():
        return {m.email: m.role.value for m in parties.members(STORE)}


def test_a_person_comes_goes_and_comes_back(store: Installation) -> None:
    store.casegate("member", "add", STORE, "ada@shop.example.org")
    first = store.casegate("member", "add", STORE, "grace@shop.example.org", "--name", "Grace").out
    assert first.startswith("mbr_")
    assert "grace@shop.example.org  agent  Grace" in store.casegate("member", "list", STORE).out
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
        [grace, "owner", "case_reopened", "message_to_merchant"],
        ["ada@shop.example.org", "agent"],
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


def test_the_first_person_owns_the_store_and_others_are_what_is_said(store: Installation) -> None:
    assert store.casegate("member", "add", STORE, GRACE).status == 0
    assert store.casegate("member", "add", STORE, ADA).status == 0
    assert store.casegate("member", "add", STORE, "tim@shop.example.org", "--role", "Owner").status == 0
    assert roles(store) == {GRACE: "owner", ADA: "agent", "tim@shop.example.org": "owner"}
    assert store.casegate("member", "role", STORE, "Ada@shop.example.org", "owner").status == 0
    assert store.casegate("member", "role", STORE, GRACE, "agent").status == 0
    assert roles(store) == {GRACE: "agent", ADA: "owner", "tim@shop.example.org": "owner"}
    assert store.casegate("member", "add", STORE, ADA, "--name", "Ada").status == 0  # another name, nothing else
    assert roles(store)[ADA] == "owner"
    done = store.casegate("member", "role", STORE, ADA, "king")
    assert (done.status, done.err) == (65, "ROLE: there is no king; known here: owner, agent")


def test_a_store_does_not_lose_its_last_owner_by_mistake(store: Installation) -> None:
    store.casegate("member", "add", STORE, GRACE)
    alone = store.casegate("member", "remove", STORE, GRACE)
    assert alone.status == 65
    assert f"casegate member add {STORE} ADDRESS --role owner); --force does it all the same" in alone.err
    store.casegate("member", "add", STORE, ADA)
    for words in (("remove", STORE, GRACE), ("role", STORE, GRACE, "agent"), ("add", STORE, GRACE, "--role", "agent")):
        done = store.casegate("member", *words)
        assert done.status == 65, words
        assert f"(casegate member role {STORE} ADDRESS owner)" in done.err
    assert roles(store) == {GRACE: "owner", ADA: "agent"}
    assert store.casegate("member", "role", STORE, ADA, "owner").status == 0
    assert store.casegate("member", "remove", STORE, GRACE).status == 0
    assert roles(store) == {ADA: "owner"}


def test_a_store_of_nobody_raises_an_alarm_until_somebody_comes(store: Installation) -> None:
    store.casegate("member", "add", STORE, GRACE)
    assert store.casegate("member", "remove", STORE, GRACE, "--force").status == 0
    with store.parts():
        assert [alarm.name for alarm in alarms.raised()] == [f"store:{STORE}"]
    store.casegate("member", "add", STORE, ADA)
    assert roles(store) == {ADA: "owner"}
    with store.parts():
        assert alarms.raised() == ()


def test_a_removal_stands_in_the_ledger_before_it_is_done(store: Installation) -> None:
    person = store.casegate("member", "add", STORE, GRACE).out.strip()
    store.casegate("member", "add", STORE, ADA, "--role", "owner")
    store.casegate("member", "remove", STORE, GRACE)
    (line,) = Ledger(store.config.ledger_file).lines()
    assert (line.kind, dict(line.facts)) == (Kind.REMOVED, {"member": person})
    with store.parts():
        (entry, *_) = audit.listing(store_id=STORE)
    assert (entry.action, entry.subject, entry.door) == ("member.removed", person, "command")

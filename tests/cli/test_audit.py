"""The audit trail: every command that changes something leaves a row, and no row holds names, addresses or words."""

from collections.abc import Callable
from pathlib import Path

import pytest

from store import alarms, audit, known_addresses, parties, switches
from store.database import sql
from store.switches import Switch
from tests.cli.installation import CUSTOMER_ADDRESS, MERCHANT_ADDRESS, STORE, Installation, OpenedCase
from tests.cli.test_main import COMMANDS
from tests.world import process

CUSTOMER = "cus_aaaaaaaaaaaaaaaaaaaaaaaa"
STRANGER, SECOND = "somebody@else.example.net", "tim@shop.example.org"
WORDS = ("Ada", "Byron", "Grace", "Kettle", "lid", "@", "somebody", "Secretword")

SHOWS = {
    "store list", "store show", "member list", "token list", "participant list", "audit", "inbox list", "inbox show",
    "outbox list", "outbox show", "suppression list", "alarm list", "dkim list", "template list", "template show",
    "template check", "template preview", "language list", "language messages", "explain", "check", "config",
    "evidence verify", "backup",
}  # fmt: skip
#: What they change is no act of whoever calls them, or happens where there is no trail yet.
NO_ACT = {
    "run", "demo", "smtp", "web", "worker", "migrate", "restore",
    "deliver",  # brings a mail; what it comes to is its sender's act
    "sweep",  # does what would be done anyhow; each warning and closing is noted
    "template send-test",  # a mail to whoever is named, about nothing
}  # fmt: skip

Words = tuple[object, ...]


def held(shop: Installation, case: OpenedCase) -> int:
    kept = shop.deliver(case.merchant, STRANGER, "Secretword")
    with shop.parts() as parts:
        process(parts)
    return kept


def written(shop: Installation, text: str) -> Path:
    file = shop.file.with_name("words.txt")
    file.write_text(text)
    return file


def own_words(shop: Installation, case: OpenedCase) -> Words:
    return ("message_to_customer", "--store", STORE, "--text", written(shop, "Secretword {{ customer }}"))


def after_edit(shop: Installation, case: OpenedCase) -> Words:
    assert shop.casegate("template", "edit", *own_words(shop, case)).status == 0
    return ("message_to_customer", "--store", STORE)


def second_member(shop: Installation, case: OpenedCase) -> Words:
    assert shop.casegate("member", "add", STORE, SECOND, "--name", "Secretword").status == 0
    return (STORE, SECOND)


def muted(shop: Installation, case: OpenedCase) -> Words:
    assert shop.casegate("member", "mute", STORE, MERCHANT_ADDRESS, "case_reopened").status == 0
    return (STORE, MERCHANT_ADDRESS, "case_reopened")


def a_token(shop: Installation, case: OpenedCase) -> Words:
    shop.casegate("token", "create", "--store", STORE, "--scope", "CASES_READ", "--name", "Secretword")
    return (shop.casegate("token", "list").lines[1].split()[0],)


def suppressed(shop: Installation, case: OpenedCase) -> Words:
    shop.casegate("suppression", "add", CUSTOMER_ADDRESS, "--why", "Secretword")
    return (CUSTOMER_ADDRESS,)


def confirmed(shop: Installation, case: OpenedCase) -> Words:
    def job() -> None:
        known_addresses.ask(CUSTOMER, STRANGER, b"h" * 16, parts.now())
        known_addresses.confirm(b"h" * 16, parts.now())

    with shop.parts() as parts:
        parts.database.write(job)
    return (case.id, CUSTOMER_ADDRESS, STRANGER)


def alarmed(shop: Installation, case: OpenedCase) -> Words:
    with shop.parts() as parts:
        parts.database.write(lambda: alarms.raise_(f"answers:{STRANGER}", "Secretword", parts.now()))
    return (f"answers:{STRANGER}",)


def stopped(shop: Installation, case: OpenedCase) -> Words:
    with shop.parts() as parts:
        parts.database.write(lambda: switches.stop(Switch.CLOSING, "restored", parts.now()))
    return ("closing",)


CHANGES: dict[str, Callable[[Installation, OpenedCase], Words]] = {
    "store add": lambda shop, case: ("--name", "Secretword"),
    "store set": lambda shop, case: (STORE, "auto_reply=Secretword", "strict=yes", "auto_close_days=20"),
    "member add": lambda shop, case: (STORE, SECOND, "--name", "Secretword"),
    "member role": lambda shop, case: (*second_member(shop, case), "owner"),
    "member remove": second_member,
    "member mute": lambda shop, case: (STORE, MERCHANT_ADDRESS, "case_reopened"),
    "member unmute": muted,
    "token create": lambda shop, case: ("--store", STORE, "--scope", "CASES_READ", "--name", "Secretword"),
    "token revoke": a_token,
    "participant revoke": lambda shop, case: (case.id, CUSTOMER_ADDRESS),
    "participant forget": confirmed,
    "inbox release": lambda shop, case: (held(shop, case),),
    "inbox drop": lambda shop, case: (held(shop, case), "--why", "Secretword"),
    "inbox replay": lambda shop, case: (held(shop, case),),
    "outbox retry": lambda shop, case: ("1", "2"),
    "suppression add": lambda shop, case: (CUSTOMER_ADDRESS, "--why", "Secretword"),
    "suppression remove": suppressed,
    "alarm clear": alarmed,
    "template edit": own_words,
    "template undo": after_edit,
    "template remove": after_edit,
    "dkim create": lambda shop, case: ("shop.example.org", "--algorithm", "ed25519"),
    "case escalate": lambda shop, case: (case.id, "--reason", "Secretword"),
    "case evidence": lambda shop, case: (case.id, "-o", shop.file.with_name("evidence.zip")),
    "evidence key": lambda shop, case: ("--new",),
    "export": lambda shop, case: ("--customer", CUSTOMER, "-o", shop.file.with_name("export.zip")),
    "erase": lambda shop, case: ("--customer", CUSTOMER, "--yes"),
    "resume": stopped,
}


def test_every_command_is_known_to_this_test() -> None:
    assert SHOWS | NO_ACT | CHANGES.keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", CHANGES)
def test_a_command_that_changes_something_leaves_a_row_without_a_name_or_a_word(
    installation: Installation, name: str
) -> None:
    case = installation.open_case()
    words = CHANGES[name](installation, case)
    with installation.parts():
        (last,) = audit.listing(limit=1)
    done = installation.casegate(*name.split(), *words)
    assert done.status == 0, done.err
    with installation.parts():
        entries = [entry for entry in audit.listing() if entry.id > last.id]
        everything = " ".join(str(value) for row in sql("SELECT * FROM audit") for value in row)
    assert any((entry.role, entry.door) == ("SYSTEM", "command") for entry in entries)
    assert not [word for word in WORDS if word.lower() in everything.lower()]


def test_commands_that_change_nothing_leave_no_row(installation: Installation) -> None:
    case = installation.open_case()
    with installation.parts():
        before = audit.listing()
    for words in (("member", "list", STORE), ("participant", "list", case.id), ("audit",), ("inbox", "list")):
        assert installation.casegate(*words).status == 0
    assert installation.casegate("member", "role", STORE, MERCHANT_ADDRESS, "owner").status == 0  # he is that already
    assert installation.casegate("member", "remove", STORE, MERCHANT_ADDRESS).status == 65
    assert installation.casegate("token", "revoke", "stk_unknown").status == 66
    with installation.parts():
        assert audit.listing() == before


def test_the_trail_is_read_newest_first_by_store_by_case_and_in_parts(installation: Installation) -> None:
    case = installation.open_case()
    installation.casegate("store", "add", "--name", "Another")
    installation.casegate("member", "mute", STORE, MERCHANT_ADDRESS, "case_reopened")
    shown = installation.casegate("audit").lines
    assert [line.split()[0] for line in shown[1:]] == ["5", "4", "3", "2", "1"]
    assert "operator" in shown[1]
    assert "notice case_reopened" in shown[1]
    assert [row["action"] for row in installation.casegate("audit", "--store", STORE, "--json").json()] == [
        "member.muted", "case.opened", "member.added", "store.added",
    ]  # fmt: skip
    (opened,) = installation.casegate("audit", "--case", case.id, "--json").json()
    assert (opened["action"], opened["door"], opened["caseId"]) == ("case.opened", "hook", case.id)
    (second,) = installation.casegate("audit", "--limit", "1", "--before", "5", "--json").json()
    assert second["id"] == 4
    assert installation.casegate("audit", "--case", "case_unknown", "--json").json() == []


def test_an_owner_is_told_by_his_id(installation: Installation) -> None:
    installation.open_case()
    with installation.parts():
        (grace,) = parties.members(STORE)
    added = next(e for e in installation.casegate("audit", "--json").json() if e["action"] == "member.added")
    assert (added["subject"], added["detail"]) == (grace.id, {"role": "owner"})

"""The way of a mail in the open, and that looking changes nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.cases.model import Status
from gateway.cases.settings import CaseSettings
from store import parties
from store.audit import OPERATOR
from store.database import sql
from tests.cli.installation import CUSTOMER_ADDRESS, MERCHANT_ADDRESS, STORE, Installation, OpenedCase, mail
from tests.world import process

STRANGER = "somebody@else.example.net"
WORDS = "It arrived, thank you.\n\nOn Mon, 4 May 2026 at 11:30, Blue Kettle wrote:\n> Is it there?\n"


@pytest.fixture
def case(installation: Installation) -> OpenedCase:
    return installation.open_case()


@pytest.fixture
def file(tmp_path: Path, case: OpenedCase) -> Path:
    path = tmp_path / "answer.eml"
    path.write_bytes(mail(CUSTOMER_ADDRESS, case.customer, WORDS))
    return path


def rows(installation: Installation) -> list[object]:
    """Everything in the database that could change."""
    with installation.parts():
        names = [name for (name,) in sql("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return [(name, sql(f"SELECT count(*) FROM {name}").fetchone()) for name in names if "sqlite" not in name]


def test_every_stage_is_told_and_nothing_is_changed(installation: Installation, case: OpenedCase, file: Path) -> None:
    before = rows(installation)
    done = installation.casegate("explain", file, "--client", "192.0.2.7", "--helo", "mail.example.org")
    assert done.status == 0, done.err
    out = " ".join(done.out.split())
    for words in (
        f"envelope {CUSTOMER_ADDRESS}", "client 192.0.2.7", "(reply)", "classify human:", "authenticate none:",
        "spf=", "dmarc=", "cut announcement: 22 characters are new", f"posted in {case.id} as CUSTOMER",
        "marked: nothing proves its sender", "the case is OPEN now, AWAITING_MERCHANT then",
        f"sends message_to_merchant to {MERCHANT_ADDRESS}", "pace: 1 of 20", "posts 1 message",
        "| It arrived, thank you.",
    ):  # fmt: skip
        assert words in out, words
    assert rows(installation) == before


def test_programs_get_every_number(installation: Installation, case: OpenedCase, file: Path) -> None:
    document = installation.casegate("explain", file, "--json").json()
    assert document["classify"] == {
        "kind": "human", "because": "Nothing in it speaks for a machine.", "mayBeAnswered": True,
        "signs": [
            {"for": "human", "weight": 30, "because": "its subject is that of an answer"},
            {"for": "human", "weight": 30, "because": "it came to a reply address"},
        ],
    }  # fmt: skip
    assert document["envelope"]["to"] == [{"address": case.customer, "mailbox": "reply"}]
    assert document["authenticate"]["verdict"] == "none"
    assert document["cut"]["new"] == "It arrived, thank you."
    (decided,) = document["cases"]
    assert (decided["outcome"], decided["case"], decided["unverified"]) == ("posted", case.id, True)
    assert decided["pace"] == {
        "postsThisHour": 1, "postsAllowed": 20, "turnsWithinAMinute": 1, "turnsAllowed": 5,
    }  # fmt: skip
    assert decided["posts"] == {"messages": ["It arrived, thank you."], "files": []}


def test_what_would_be_held_is_told_with_what_it_would_post(installation: Installation, case: OpenedCase) -> None:
    raw = mail(STRANGER, case.merchant, "Trust me")
    done = installation.casegate("explain", "-", "--from", STRANGER, stdin=raw)
    out = " ".join(done.out.split())
    assert "held" in out
    assert "from another address" in out
    assert "would post 1 message | Trust me" in out


def closed(installation: Installation, case: OpenedCase, *, days_ago: int, reopen_days: int = 0) -> None:
    with installation.parts() as parts:
        parts.desk.change_case(case.id, OPERATOR, status=Status.CLOSED)
        settings = CaseSettings(reopen_days=reopen_days)
        parts.database.write(lambda: parties.save_store(replace(parties.get_store(STORE), settings=settings)))
        moved = "UPDATE cases SET closed_at = closed_at - ? WHERE id = ?"
        parts.database.write(lambda: sql(moved, (days_ago * 86_400_000, case.id)))


def test_thanks_after_the_closing_are_told_as_such(installation: Installation, case: OpenedCase) -> None:
    closed(installation, case, days_ago=1)
    raw = mail(CUSTOMER_ADDRESS, case.customer, "Thank you!")
    out = " ".join(installation.casegate("explain", "-", stdin=raw).out.split())
    assert "the case is CLOSED now, CLOSED then" in out
    assert "it only says thanks, so the case stays closed and nobody is mailed" in out
    raw = mail(CUSTOMER_ADDRESS, case.customer, "Thank you, but no")
    out = installation.casegate("explain", "-", stdin=raw).out
    assert "the case is CLOSED now, AWAITING_MERCHANT then" in out


def test_mail_that_comes_too_late_is_told_with_what_its_sender_hears(
    installation: Installation, case: OpenedCase
) -> None:
    closed(installation, case, days_ago=8, reopen_days=7)
    before = rows(installation)
    raw = mail(CUSTOMER_ADDRESS, case.customer, "It broke again")
    out = " ".join(installation.casegate("explain", "-", stdin=raw).out.split())
    assert f"held in {case.id} as CUSTOMER" in out
    assert "its case was closed too long ago to be opened again by mail" in out
    assert "its sender gets not_posted (too late)" in out
    assert "would post 1 message | It broke again" in out
    (decided,) = installation.casegate("explain", "-", "--json", stdin=raw).json()["cases"]
    assert (decided["outcome"], decided["status"]) == ("held", "CLOSED")
    assert not {"posts", "sends", "statusThen"} & set(decided)
    assert rows(installation) == before


def test_a_mail_without_a_reply_address_shows_the_suggestion(installation: Installation, case: OpenedCase) -> None:
    raw = mail(CUSTOMER_ADDRESS, "cases@cases.example.org", "Hello?")
    out = installation.casegate("explain", "-", stdin=raw).out
    assert f"held in {case.id}" in out


def test_a_robot_is_told_as_one(installation: Installation, case: OpenedCase) -> None:
    raw = b"Auto-Submitted: auto-replied\n" + mail(CUSTOMER_ADDRESS, case.customer, "I am away")
    out = installation.casegate("explain", "-", stdin=raw).out
    assert "auto_reply: " in out
    assert "automatic in no case" in out


def test_an_address_that_is_not_ours_is_refused_as_at_the_door(installation: Installation, case: OpenedCase) -> None:
    raw = mail(CUSTOMER_ADDRESS, "someone@elsewhere.example.net", "Hello")
    assert "name the one that it came to" in installation.casegate("explain", "-", stdin=raw).err
    done = installation.casegate("explain", "-", "--to", "reply+forged@cases.example.org", stdin=raw)
    assert done.status == 67
    assert "no such mailbox" in done.err


def test_a_file_that_is_not_there(installation: Installation, case: OpenedCase) -> None:
    done = installation.casegate("explain", "/nowhere/mail.eml")
    assert done.status == 66
    assert "cannot be read" in done.err


def test_show_explains_a_kept_mail(installation: Installation, case: OpenedCase) -> None:
    kept = installation.deliver(case.merchant, STRANGER, "Trust me")
    with installation.parts() as parts:
        process(parts)
    out = installation.casegate("inbox", "show", kept).out
    assert "from another address" in out
    assert "classify      human" in out
    assert "| Trust me" in out

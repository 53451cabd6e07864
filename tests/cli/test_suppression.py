"""Addresses that get no mail, on the command line."""

from datetime import timedelta

import pytest

from store import outbox, suppressions
from tests.cli.installation import CUSTOMER_ADDRESS, Installation, Mailbox, OpenedCase


@pytest.fixture
def case(installation: Installation) -> OpenedCase:
    return installation.open_case()


def test_an_address_is_added_listed_and_removed(installation: Installation, case: OpenedCase) -> None:
    assert installation.casegate("suppression", "list", "--json").json() == []
    added = installation.casegate("suppression", "add", CUSTOMER_ADDRESS.upper(), "--days", 7, "--why", "he asked")
    assert (added.status, added.out) == (0, "")
    (shown,) = installation.casegate("suppression", "list", "--json").json()
    assert (shown["address"], shown["reason"], shown["source"]) == (CUSTOMER_ADDRESS, "operator", "operator")
    assert (shown["detail"], shown["times"], shown["outboxId"]) == ("he asked", 1, None)
    assert shown["since"] < shown["until"]
    header, row = installation.casegate("suppression", "list").lines
    assert header.split() == ["ADDRESS", "REASON", "SOURCE", "SINCE", "UNTIL", "TIMES", "DETAIL"]
    assert row.split()[:3] == [CUSTOMER_ADDRESS, "operator", "operator"]
    assert installation.casegate("suppression", "remove", CUSTOMER_ADDRESS).status == 0
    assert installation.casegate("suppression", "list", "--json").json() == []


def test_without_days_it_has_no_end(installation: Installation, case: OpenedCase) -> None:
    installation.casegate("suppression", "add", CUSTOMER_ADDRESS)
    assert installation.casegate("suppression", "list").lines[1].split()[4] == "-"


def test_the_list_is_cut_by_reason(installation: Installation, case: OpenedCase) -> None:
    installation.casegate("suppression", "add", CUSTOMER_ADDRESS)
    with installation.parts() as parts:
        parts.database.write(
            lambda: suppressions.found("eve@example.org", "dead", "refusal", "550 no", 1, parts.now(), certain=True)
        )
    for reason, address in (("dead", "eve@example.org"), ("OPERATOR", CUSTOMER_ADDRESS)):
        shown = installation.casegate("suppression", "list", "--reason", reason, "--json").json()
        assert [one["address"] for one in shown] == [address]
    wrong = installation.casegate("suppression", "list", "--reason", "spam")
    assert (wrong.status, wrong.err) == (65, "--reason: there is no spam; known here: dead, complaint, operator")


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (("add", "nobody"), 65, "must be an e-mail address"),
        (("add", "reply@cases.example.org"), 65, "this gateway's own domain"),
        (("add", "eve@example.org", "--why", "two\nlines"), 65, "--why: must be one line"),
        (("add", "eve@example.org", "--days", "0"), 2, "--days"),
        (("remove", "eve@example.org"), 66, "Mail to eve@example.org is not stopped"),
    ],
)
def test_what_cannot_be_done_is_told(
    installation: Installation, case: OpenedCase, words: tuple[str, ...], status: int, text: str
) -> None:
    done = installation.casegate("suppression", *words)
    assert done.status == status
    assert text in done.err


def test_mail_to_an_added_address_is_not_sent_and_goes_out_after_it_is_removed(
    installation: Installation, mailbox: Mailbox, case: OpenedCase
) -> None:
    installation.casegate("suppression", "add", CUSTOMER_ADDRESS, "--why", "he asked")
    with installation.parts() as parts:
        parts.dispatcher.drain()
        (stopped,) = outbox.listing(state="suppressed")
    assert [address for address, _ in mailbox.mails] == ["grace@shop.example.org"]
    shown = installation.casegate("outbox", "show", stopped.id).out
    assert "suppressed: the operator stopped mail to this address: he asked" in shown
    installation.casegate("suppression", "remove", CUSTOMER_ADDRESS)
    installation.casegate("outbox", "retry", stopped.id)
    with installation.parts() as parts:
        parts.dispatcher.drain()
    assert [address for address, _ in mailbox.mails][1:] == [CUSTOMER_ADDRESS]


def test_it_ends_by_itself(installation: Installation, case: OpenedCase) -> None:
    installation.casegate("suppression", "add", CUSTOMER_ADDRESS, "--days", 7)
    with installation.parts() as parts:
        then = parts.now() + timedelta(days=7)
        assert suppressions.bars(CUSTOMER_ADDRESS, "case_closed", then - timedelta(minutes=1))
        assert not suppressions.bars(CUSTOMER_ADDRESS, "case_closed", then)


def test_reports_are_shown_with_the_mail(installation: Installation, mailbox: Mailbox, case: OpenedCase) -> None:
    from store import reports

    with installation.parts() as parts:
        parts.dispatcher.drain()
        mail = next(one for one in outbox.listing() if one.recipient == CUSTOMER_ADDRESS)
        for text in ("550 5.1.1 No such user", "554 again"):
            parts.database.write(lambda text=text: reports.note(mail.id, "bounced", text, parts.now()))  # type: ignore[misc]
    shown = installation.casegate("outbox", "show", mail.id).out
    assert ": 550 5.1.1 No such user (2 came)" in shown
    row = next(r for r in installation.casegate("outbox", "list", "--json").json() if r["id"] == mail.id)
    assert (row["report"], row["reportText"], row["reports"]) == ("bounced", "550 5.1.1 No such user", 2)
    assert row["reportedAt"]

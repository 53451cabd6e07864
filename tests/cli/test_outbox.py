"""What became of mail that went out, and sending it again, on the command line."""

import itertools
import json
import tracemalloc
from collections.abc import Iterator

import pytest

from gateway.cli.output import as_json_list
from store.database import sql
from tests.cli.installation import CUSTOMER_ADDRESS, MERCHANT_ADDRESS, Installation, Mailbox, OpenedCase


@pytest.fixture
def case(installation: Installation) -> OpenedCase:
    return installation.open_case()


def change(installation: Installation, statement: str) -> None:
    with installation.parts() as parts:
        parts.database.write(lambda: sql(statement))


def dispatch(installation: Installation) -> None:
    with installation.parts() as parts:
        parts.dispatcher.drain()


def test_outgoing_mails_are_listed_and_shown(installation: Installation, case: OpenedCase) -> None:
    rows = installation.casegate("outbox", "list", "--json").json()
    assert {(row["recipient"], row["template"], row["state"]) for row in rows} == {
        (CUSTOMER_ADDRESS, "case_opened_customer", "queued"),
        (MERCHANT_ADDRESS, "case_opened_merchant", "queued"),
    }
    assert {row["caseId"] for row in rows} == {case.id}
    shown = installation.casegate("outbox", "show", rows[0]["id"]).out
    assert rows[0]["recipient"] in shown
    assert f"Message-ID: <{rows[0]['rfcMessageId']}>" in shown
    assert "given up" in shown
    raw = installation.casegate("outbox", "show", rows[0]["id"], "--raw").raw
    assert b"\r\n\r\n" in raw
    assert installation.casegate("outbox", "list", "--state", "sent", "--json").json() == []
    assert installation.casegate("outbox", "show", 99).status == 66


def test_the_list_tells_age_tries_the_next_try_and_the_reason(installation: Installation, case: OpenedCase) -> None:
    change(
        installation,
        "UPDATE outbox SET created_at = created_at - 7200000, due_at = due_at + 99999999999, attempts = 3,"
        " relay = 'relay.example.org:25', answer = '451 4.2.2 ' || char(27) || 'full' WHERE id = 1",
    )
    change(installation, "UPDATE outbox SET report = 'bounced', report_text = 'No such mailbox' WHERE id = 2")
    header, newest, oldest = installation.casegate("outbox", "list").lines
    assert header.split() == ["ID", "AGE", "TRIES", "NEXT", "TO", "TEMPLATE", "STATE", "RELAY", "REASON"]
    assert newest.split()[:1] + newest.split()[-4:] == ["2", "bounced", "No", "such", "mailbox"]
    assert "\x1b" not in oldest
    assert oldest.split()[0] == "1"
    assert "in " in oldest
    assert "queued" in oldest
    assert "relay.example.org:25  451 4.2.2 " in oldest


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (("--state", "failed"), [2]),
        (("--state", "DELAYED"), [1]),
        (("--relay", "one:25"), [2]),
        (("--reason", "access DENIED"), [2]),
        (("--older-than", "10m"), [1]),
        (("--older-than", "10m", "--state", "failed"), []),
        (("--limit", "1"), [2]),
    ],
)
def test_the_list_is_narrowed(
    installation: Installation, case: OpenedCase, options: tuple[str, ...], ids: list[int]
) -> None:
    change(installation, "UPDATE outbox SET created_at = created_at - 660000 WHERE id = 1")
    change(installation, "UPDATE outbox SET state = 'failed', relay = 'one:25', answer = 'Access denied' WHERE id = 2")
    change(installation, "UPDATE outbox SET report = 'delayed' WHERE id = 1")
    assert [row["id"] for row in installation.casegate("outbox", "list", *options, "--json").json()] == ids


@pytest.mark.parametrize("words", [("--state", "done"), ("--older-than", "soon"), ("--older-than", "10")])
def test_what_cannot_be_meant_says_what_can(
    installation: Installation, case: OpenedCase, words: tuple[str, str]
) -> None:
    done = installation.casegate("outbox", "list", *words)
    assert done.status == 65
    assert "known here: queued, claimed, sent" in done.err or "such as 10m" in done.err


# Again


def test_mails_that_failed_are_sent_when_asked(installation: Installation, case: OpenedCase, mailbox: Mailbox) -> None:
    change(installation, "UPDATE outbox SET state = 'failed', answer = '550 no'")
    assert installation.casegate("outbox", "list", "--state", "queued", "--json").json() == []
    assert installation.casegate("outbox", "retry").status == 65
    assert installation.casegate("outbox", "retry", 1, "--failed").status == 65
    assert installation.casegate("outbox", "retry", 1).out == "mail 1 is due now\n"
    assert installation.casegate("outbox", "retry", "--failed").out == "1 mail due now\n"
    dispatch(installation)
    assert {to for to, _ in mailbox.mails} == {CUSTOMER_ADDRESS, MERCHANT_ADDRESS}
    assert installation.casegate("outbox", "retry", 1).out == "mail 1 was sent: nothing to do\n"


def test_after_a_repair_each_mail_is_sent_once(installation: Installation, case: OpenedCase, mailbox: Mailbox) -> None:
    dispatch(installation)
    assert len(mailbox.mails) == 2
    relay = installation.casegate("outbox", "list", "--json").json()[0]["relay"]
    change(installation, "UPDATE outbox SET state = 'failed', answer = '550 no' WHERE id = 1")
    for _ in range(3):
        installation.casegate("outbox", "retry", "--reason", "550 NO")
        installation.casegate("outbox", "retry", "--relay", relay)
        installation.casegate("outbox", "retry", 1, 2)
        dispatch(installation)
    assert len(mailbox.mails) == 3


def test_a_mail_that_a_worker_has_is_left_to_it(installation: Installation, case: OpenedCase) -> None:
    change(installation, "UPDATE outbox SET state = 'claimed', relay = 'one:25', attempts = 1 WHERE id = 1")
    change(installation, "UPDATE outbox SET relay = 'one:25' WHERE id = 2")
    done = installation.casegate("outbox", "retry", 1)
    assert done.out == "mail 1 is being sent by a worker right now: nothing was done\n"
    done = installation.casegate("outbox", "retry", "--relay", "one:25")
    assert done.lines == ["1 mail due now", "1 left alone: a worker is sending it right now"]
    assert [row["state"] for row in installation.casegate("outbox", "list", "--json").json()] == ["queued", "claimed"]


def test_a_cancelled_mail_is_sent_by_its_number_only(installation: Installation, case: OpenedCase) -> None:
    change(installation, "UPDATE outbox SET state = 'cancelled', relay = 'one:25', answer = 'cancelled: he left'")
    assert installation.casegate("outbox", "retry", "--reason", "he left").out == "0 mails due now\n"
    assert installation.casegate("outbox", "retry", "--failed").out == "0 mails due now\n"
    assert installation.casegate("outbox", "retry", 2).out == "mail 2 is due now\n"
    assert installation.casegate("outbox", "retry", 99).status == 66


# Very many


@pytest.fixture
def backlog(installation: Installation, case: OpenedCase) -> int:
    """After a long outage: mails that were given up."""
    count = 100_000
    change(
        installation,
        f"WITH RECURSIVE n(i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
        " INSERT INTO outbox (handle, case_id, generation, template, recipient, envelope_from, rfc_message_id,"
        " subject, state, due_at, attempts, unclear, worker, created_at, give_up_at, relay, answer, data)"
        " SELECT i, '', 0, 'case_closed', 'ada@example.org', '', i, '', 'failed', 0, 1, 0, '', 0, 0, 'one:25',"
        " '550 5.7.1 Relay access denied', zeroblob(500) FROM n",
    )
    return count - 2


def test_a_hundred_thousand_are_made_due_at_once_in_little_memory(installation: Installation, backlog: int) -> None:
    tracemalloc.start()
    try:
        done = installation.casegate("outbox", "retry", "--failed", "--relay", "one:25")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert done.out == f"{backlog} mails due now\n"
    assert peak < 40_000_000
    assert installation.casegate("outbox", "list", "--state", "failed", "--json").json() == []


def test_a_list_is_printed_as_it_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    printed: list[str] = []

    def rows() -> Iterator[dict[str, int]]:
        for number in itertools.count():
            printed.append(capsys.readouterr().out)
            if number == 3:
                return
            yield {"id": number}

    as_json_list(rows())
    assert all(printed[1:])
    assert json.loads("".join(printed) + capsys.readouterr().out) == [{"id": 0}, {"id": 1}, {"id": 2}]

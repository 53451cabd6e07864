"""What became of mail that came in, repairing it, and what is due, on the command line."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from gateway.errors import Conflict
from store import cases
from store.database import sql
from tests.cli.installation import CUSTOMER_ADDRESS, MERCHANT_ADDRESS, NOW, Installation, Mailbox, OpenedCase
from tests.world import process as process_all

STRANGER = "somebody@else.example.net"


@pytest.fixture
def case(installation: Installation) -> OpenedCase:
    return installation.open_case()


def process(installation: Installation) -> None:
    """What a worker does."""
    with installation.parts() as parts:
        process_all(parts)


@pytest.fixture
def held(installation: Installation, case: OpenedCase) -> int:
    """A mail to the merchant's reply address that came from somebody else."""
    inbox_id = installation.deliver(case.merchant, STRANGER, "We send a new lid.")
    process(installation)
    return inbox_id


def test_the_list_shows_what_mails_came_to(installation: Installation, case: OpenedCase, held: int) -> None:
    posted = installation.deliver(case.customer, CUSTOMER_ADDRESS)
    process(installation)
    waiting = installation.deliver(case.customer, CUSTOMER_ADDRESS)
    rows = installation.casegate("inbox", "list", "--json").json()
    assert [(row["id"], row["state"], row["outcome"]) for row in rows] == [
        (waiting, "pending", None), (posted, "done", "posted"), (held, "done", "held"),
    ]  # fmt: skip
    assert rows[2]["mailFrom"] == STRANGER
    assert rows[2]["recipients"] == [case.merchant]
    assert "another address" in rows[2]["reason"]
    by_outcome = installation.casegate("inbox", "list", "--outcome", "HELD", "--json").json()
    assert [row["id"] for row in by_outcome] == [held]
    by_state = installation.casegate("inbox", "list", "--state", "pending", "--json").json()
    assert [row["id"] for row in by_state] == [waiting]
    assert len(installation.casegate("inbox", "list", "--limit", "1").lines) == 2  # with the header


@pytest.mark.parametrize("words", [("inbox", "list", "--outcome", "lost"), ("inbox", "list", "--state", "sent")])
def test_a_word_that_does_not_exist_names_those_that_do(installation: Installation, words: tuple[str, ...]) -> None:
    done = installation.casegate(*words)
    assert done.status == 65
    assert "known here: " in done.err


def test_a_mail_is_shown_with_envelope_outcome_and_headers(
    installation: Installation, case: OpenedCase, held: int
) -> None:
    out = installation.casegate("inbox", "show", held).out
    for part in (STRANGER, case.merchant, f"{case.id}  held: ", "1 tried", "Subject: Re: The lid"):
        assert part in out
    assert "| We send a new lid." in out


def test_raw_is_every_byte_and_nothing_else(installation: Installation, case: OpenedCase) -> None:
    large = "x" * 70_000 + "\n" + "é\x1b"
    inbox_id = installation.deliver(case.customer, CUSTOMER_ADDRESS, large)
    done = installation.casegate("inbox", "show", inbox_id, "--raw")
    assert done.raw.startswith(f"From: {CUSTOMER_ADDRESS}\r\n".encode())
    assert done.raw.endswith(large.replace("\n", "\r\n").encode() + b"\r\n")


def test_a_mail_cannot_drive_the_terminal(installation: Installation, case: OpenedCase) -> None:
    mail = b"From: a@example.org\nSubject: \x1b]0;gotcha\x07 \x1b[2J\n\nbody\n"
    done = installation.casegate("deliver", "--from", "a@example.org", "--to", case.customer, stdin=mail)
    assert "\x1b" not in installation.casegate("inbox", "show", done.out.strip()).out


def test_a_mail_that_is_not_there(installation: Installation, case: OpenedCase) -> None:
    for words in (("inbox", "show", 99), ("inbox", "replay", 99), ("inbox", "release", 99)):
        assert installation.casegate(*words).status == 66


def test_a_replayed_mail_is_processed_again_and_posted_once(installation: Installation, case: OpenedCase) -> None:
    inbox_id = installation.deliver(case.customer, CUSTOMER_ADDRESS)
    process(installation)
    before = installation.bodies(case)
    assert installation.casegate("inbox", "replay", inbox_id).status == 0
    (row,) = installation.casegate("inbox", "list", "--json").json()
    assert (row["state"], row["reason"]) == ("pending", "replayed")
    process(installation)
    assert installation.bodies(case) == before
    (row,) = installation.casegate("inbox", "list", "--json").json()
    assert row["outcome"] == "posted"


def test_a_released_mail_is_posted_once_and_marked(installation: Installation, case: OpenedCase, held: int) -> None:
    assert "We send a new lid." not in installation.bodies(case)
    first = installation.casegate("inbox", "release", held)
    assert first.status == 0
    assert f"{case.id}  posted: released; posted" in first.out
    assert installation.casegate("inbox", "release", held).out == first.out
    assert installation.bodies(case).count("We send a new lid.") == 1
    (row,) = installation.casegate("inbox", "list", "--outcome", "posted", "--json").json()
    assert row["id"] == held
    templates = [row["template"] for row in installation.casegate("outbox", "list", "--json").json()]
    assert templates.count("message_to_customer") == 1
    with installation.parts():
        (posted,) = (m for m in cases.messages(case.id, page=1, limit=9).items if m.body == "We send a new lid.")
    assert posted.via == STRANGER


def test_two_who_release_at_once_post_once(installation: Installation, case: OpenedCase, held: int) -> None:
    ended: list[str] = []
    together = threading.Barrier(4)

    def release() -> None:
        together.wait()
        try:
            ended.append(parts.releases.release(held)[0].outcome)
        except Conflict:
            ended.append("conflict")

    with installation.parts() as parts:
        threads = [threading.Thread(target=release) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(ended) == 4
    assert "posted" in ended
    assert set(ended) <= {"posted", "conflict"}
    assert installation.bodies(case).count("We send a new lid.") == 1


def test_a_replay_after_a_release_posts_nothing(installation: Installation, case: OpenedCase, held: int) -> None:
    installation.casegate("inbox", "release", held)
    before = installation.bodies(case)
    installation.casegate("inbox", "replay", held)
    process(installation)
    installation.casegate("inbox", "release", held)
    assert installation.bodies(case) == before


def test_who_left_the_store_speaks_no_more(installation: Installation, case: OpenedCase, held: int) -> None:
    store_id = installation.casegate("store", "list").lines[1].split()[0]
    removed = installation.casegate("member", "remove", store_id, MERCHANT_ADDRESS, "--force")
    assert removed.status == 0, removed.err
    done = installation.casegate("inbox", "release", held)
    assert done.status == 65
    assert "left the store" in done.err
    assert "We send a new lid." not in installation.bodies(case)


def test_what_cannot_be_released_says_why(installation: Installation, case: OpenedCase) -> None:
    nobody = installation.deliver("cases@cases.example.org", STRANGER)
    pending = installation.deliver(case.customer, CUSTOMER_ADDRESS)
    assert installation.casegate("inbox", "release", pending).err == f"Mail {pending} is not processed yet"
    process(installation)
    done = installation.casegate("inbox", "release", nobody)
    assert done.status == 65
    assert "nothing tells as whom in which case (held: " in done.err


def test_what_is_due_as_of_a_time_is_listed_only(installation: Installation, case: OpenedCase) -> None:
    inbox_id = installation.deliver(case.customer, CUSTOMER_ADDRESS)
    early = installation.casegate("sweep", "--as-of", "2000-01-01", "--dry-run")
    assert early.out == "nothing is due as of 2000-01-01T00:00:00Z\n"
    late = installation.casegate("sweep", "--as-of", "2099-01-01T00:00:00+02:00", "--dry-run", "--json").json()
    assert late["asOf"] == "2098-12-31T22:00:00Z"
    assert [row["id"] for row in late["inbox"]] == [inbox_id]
    assert [row["state"] for row in late["outbox"]] == ["queued", "queued"]
    assert installation.bodies(case) == ["The kettle came without its lid."]


def test_a_mail_waits_for_those_of_its_sender_before_it(installation: Installation, case: OpenedCase) -> None:
    first, second = (installation.deliver(case.customer, CUSTOMER_ADDRESS) for _ in range(2))
    other = installation.deliver(case.merchant, MERCHANT_ADDRESS)
    with installation.parts() as parts:
        parts.database.write(lambda: sql("UPDATE inbox SET due_at = due_at + 3600000 WHERE id = ?", (first,)))
    sweep = ("sweep", "--dry-run", "--json", "--as-of")
    soon = installation.casegate(*sweep, (datetime.now(UTC) + timedelta(minutes=1)).isoformat()).json()
    assert [row["id"] for row in soon["inbox"]] == [other]
    late = installation.casegate(*sweep, (datetime.now(UTC) + timedelta(hours=2)).isoformat()).json()
    assert sorted(row["id"] for row in late["inbox"]) == [first, second, other]


def test_a_sweep_processes_and_sends_what_is_due_then(
    installation: Installation, case: OpenedCase, mailbox: Mailbox
) -> None:
    inbox_id = installation.deliver(case.customer, CUSTOMER_ADDRESS)
    done = installation.casegate("sweep", "--as-of", "2099-01-01T00:00:00Z")
    assert f"inbox {inbox_id}  posted  {CUSTOMER_ADDRESS}  posted" in done.lines
    assert sum(" sent " in line for line in done.lines) == 3
    assert sorted(to for to, _ in mailbox.mails) == [CUSTOMER_ADDRESS, MERCHANT_ADDRESS, MERCHANT_ADDRESS]
    assert installation.casegate("sweep", "--as-of", "2099-01-01", "--dry-run").out.startswith("nothing is due")


def test_a_sweep_of_the_past_does_what_is_due_now(installation: Installation, case: OpenedCase) -> None:
    installation.deliver(case.customer, CUSTOMER_ADDRESS)
    done = installation.casegate("sweep", "--as-of", NOW.isoformat(), "--json").json()
    assert [row["outcome"] for row in done["inbox"]] == ["posted"]
    assert done["asOf"] > NOW.isoformat()
    assert {row["state"] for row in done["outbox"]} == {"queued"}  # the relay is down, and that is no mail's fault


def test_a_time_that_is_none(installation: Installation) -> None:
    done = installation.casegate("sweep", "--as-of", "tomorrow", "--dry-run")
    assert (done.status, done.err) == (65, "--as-of: write a time such as 2026-05-04T09:30:00Z")


def test_a_mail_whose_bytes_are_gone_is_still_shown_with_what_became_of_it(
    installation: Installation, case: OpenedCase, held: int
) -> None:
    with installation.parts() as parts:
        parts.database.write(lambda: sql("UPDATE inbox SET data = NULL, raw_file = '' WHERE id = ?", (held,)))
    done = installation.casegate("inbox", "show", held)
    assert done.status == 0
    assert f"{case.id}  held: " in done.out
    assert "The bytes of this mail were removed" in done.out
    for words in (("inbox", "show", held, "--raw"), ("inbox", "replay", held), ("inbox", "release", held)):
        refused = installation.casegate(*words)
        assert refused.status == 66
        assert "retention_days" in refused.err


def test_a_sweep_warns_of_silent_cases_and_closes_them(
    installation: Installation, case: OpenedCase, mailbox: Mailbox
) -> None:
    installation.deliver(case.merchant, MERCHANT_ADDRESS)
    installation.casegate("sweep", "--as-of", "2000-01-01")
    warned, closed = ((datetime.now(UTC) + timedelta(days=days)).isoformat() for days in (12.1, 14.2))
    planned = installation.casegate("sweep", "--as-of", warned, "--dry-run")
    assert planned.lines == [f"case {case.id}  warning"]
    sent = len(mailbox.mails)
    done = installation.casegate("sweep", "--as-of", warned).lines
    assert done[1:] == planned.lines
    assert f" sent  closing_soon to {CUSTOMER_ADDRESS}" in done[0]
    assert [to for to, _ in mailbox.mails[sent:]] == [CUSTOMER_ADDRESS]
    assert installation.casegate("sweep", "--as-of", closed, "--json").json()["cases"] == [
        {"case": case.id, "due": "closing"}
    ]
    assert [to for to, _ in mailbox.mails[sent:]] == [CUSTOMER_ADDRESS] * 2
    with installation.parts():
        assert sql("SELECT status, closed_by FROM cases").fetchall() == [("CLOSED", "SYSTEM")]

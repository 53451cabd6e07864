"""What was heard of mails: which news counts, what is left to be told, and what a page of messages shows."""

from datetime import datetime

import pytest

from gateway.cases.model import DeliveryState, Role
from store import claims, outbox, reports
from store.claims import Way, Ways
from store.database import Database, sql
from store.outbox import NewMail, Outgoing
from tests.store.conftest import NOW, Statements, after

ANYWHERE = Ways((Way("relay", 1_000),))
TOM = "tom@customer.example.org"


def participant(role: Role) -> int:
    address = f"{role.lower()}@example.org"
    found = sql("SELECT id FROM participant WHERE address = ?", (address,)).fetchone()
    if found is None:
        found = sql(
            "INSERT INTO participant (case_id, role, address, name, handle, generation, active, last_sent_id,"
            " reference_ids) VALUES ('case_1', ?, ?, '', ?, 0, 1, '', '[]') RETURNING id",
            (role, address, address.encode()),
        ).fetchone()
    number: int = found[0]
    return number


def mail(database: Database, number: int = 1, *, message: str | None = "cmsg_1", role: Role = Role.CUSTOMER) -> bytes:
    """Queue a mail and claim it. Returns the handle of its bounce address."""
    handle = bytes([number]) * 16

    def job() -> None:
        outbox.insert(
            NewMail(
                handle, "case_1", participant(role), 0, message, "message_to_customer", TOM, f"bounce+{number}",
                f"{number}@example.org", "The lid", b"bytes",
            ),
            NOW,
        )  # fmt: skip

    database.write(job)
    return handle


def claimed(database: Database) -> Outgoing:
    (one,) = database.write(lambda: claims.claim(NOW, "w", after(minutes=5) - NOW, 1, ANYWHERE).mails)
    return one


def sent(database: Database, number: int = 1, *, role: Role = Role.CUSTOMER, message: str | None = "cmsg_1") -> int:
    mail(database, number, role=role, message=message)
    one = claimed(database)
    database.write(lambda: outbox.sent(one, NOW, "relay", "250 Ok"))
    return one.id


def failed(database: Database, number: int = 1) -> int:
    mail(database, number)
    one = claimed(database)
    database.write(lambda: outbox.failed(one, "relay", "550 no"))
    return one.id


def note(database: Database, outbox_id: int, report: str, now: datetime = NOW) -> bool:
    return database.write(lambda: reports.note(outbox_id, report, f"it {report}", now))


def kept(outbox_id: int) -> tuple[str, str, int]:
    one = outbox.get(outbox_id)
    return one.report, one.report_text, one.reports


def test_a_mail_is_found_by_the_handle_of_its_bounce_address(database: Database) -> None:
    outbox_id = sent(database)
    found = reports.find(bytes([1]) * 16)
    assert found is not None
    assert (found.id, found.recipient, found.role, found.state, found.sent_at) == (
        outbox_id, TOM, Role.CUSTOMER, "sent", NOW,
    )  # fmt: skip
    assert reports.find(b"?" * 16) is None


@pytest.mark.parametrize(
    ("came", "stands"),
    [
        (["bounced", "bounced"], "bounced"),
        (["delayed", "bounced"], "bounced"),
        (["bounced", "delayed"], "bounced"),
        (["delayed", "delayed"], "delayed"),
        (["bounced", "complained"], "bounced"),
        (["complained", "bounced"], "complained"),
    ],
)
def test_the_first_that_is_final_stands_and_all_are_counted(database: Database, came: list[str], stands: str) -> None:
    outbox_id = sent(database)
    news = [note(database, outbox_id, report, after(hours=hour)) for hour, report in enumerate(came)]
    assert kept(outbox_id) == (stands, f"it {stands}", 2)
    assert news[0]
    assert news[1] is (came[0] == "delayed")


def test_a_mail_that_was_not_handed_over_has_no_reports(database: Database) -> None:
    mail(database)
    assert not note(database, claimed(database).id, "bounced")


def test_what_is_left_to_be_told(database: Database) -> None:
    bounced, refused, complained, delayed, well = (
        sent(database, 1),
        failed(database, 2),
        *(sent(database, number) for number in (3, 4, 5)),
    )
    note(database, bounced, "bounced")
    note(database, complained, "complained")
    note(database, delayed, "delayed")
    database.write(lambda: reports.refused(refused, "550 no", NOW))
    given_up = failed(database, 6)
    assert [(one.id, one.text) for one in reports.untold(10)] == [
        (bounced, "it bounced"), (refused, "550 no"), (given_up, ""),
    ]  # fmt: skip
    assert [one.id for one in reports.untold(1)] == [bounced]
    assert database.write(lambda: reports.mark_told(bounced, NOW))
    assert not database.write(lambda: reports.mark_told(bounced, NOW))
    assert not database.write(lambda: reports.mark_told(well, NOW))
    assert [one.id for one in reports.untold(10)] == [refused, given_up]


def test_a_mail_that_is_tried_again_begins_anew(database: Database) -> None:
    outbox_id = failed(database)
    database.write(lambda: reports.refused(outbox_id, "550 no", NOW))
    database.write(lambda: reports.mark_told(outbox_id, NOW))
    database.write(lambda: outbox.retry(outbox_id, NOW))
    assert kept(outbox_id)[:2] == ("", "")
    again = claimed(database)
    database.write(lambda: outbox.failed(again, "relay", "550 no"))
    assert [one.id for one in reports.untold(10)] == [outbox_id]


def test_a_page_of_messages_shows_the_worst_of_each(database: Database) -> None:
    sent(database, 1)
    supports = sent(database, 2, role=Role.SUPPORT)
    note(database, supports, "bounced", after(hours=1))
    mail(database, 3, message="cmsg_2")
    given_up = claimed(database)
    database.write(lambda: outbox.failed(given_up, "relay", "given up: 451 no"))
    database.write(lambda: reports.given_up(given_up.id, "451 no", after(days=3)))
    mail(database, 4, message="cmsg_3")
    left = claimed(database)
    database.write(lambda: outbox.cancelled(left, "he left", NOW))
    mail(database, 5, message="cmsg_4")
    stopped = claimed(database)
    database.write(lambda: outbox.cancelled(stopped, "suppressed: it is dead", after(minutes=1)))
    mail(database, 6, message="cmsg_5")
    found = reports.deliveries([f"cmsg_{number}" for number in range(1, 8)])
    assert {
        message: [(one.role, one.state, one.at, one.reason) for one in shown] for message, shown in found.items()
    } == {
        "cmsg_1": [
            (Role.CUSTOMER, DeliveryState.SENT, NOW, ""),
            (Role.SUPPORT, DeliveryState.BOUNCED, after(hours=1), ""),  # HARDENING rule 21: support is not shown
        ],
        "cmsg_2": [(Role.CUSTOMER, DeliveryState.FAILED, after(days=3), "451 no")],
        "cmsg_3": [],
        "cmsg_4": [(Role.CUSTOMER, DeliveryState.SUPPRESSED, after(minutes=1), "it is dead")],
        "cmsg_5": [(Role.CUSTOMER, DeliveryState.QUEUED, NOW, "")],
    }
    assert reports.deliveries([]) == {}


def test_a_page_is_one_query_and_the_work_is_found_by_its_index(database: Database, statements: Statements) -> None:
    sent(database)
    (asked,) = statements(reports.deliveries, ["cmsg_1", "cmsg_2"])
    plan = " ".join(row[3] for row in sql(f"EXPLAIN QUERY PLAN {asked}"))
    assert "outbox_message_id" in plan
    assert "SCAN" not in plan
    (asked,) = statements(reports.untold, 10)
    plan = " ".join(row[3] for row in sql(f"EXPLAIN QUERY PLAN {asked}"))
    assert "outbox_untold" in plan


def test_how_many_were_handed_over_lately(database: Database) -> None:
    for number in range(1, 4):
        sent(database, number)
    assert [reports.sent_since(moment, 10) for moment in (NOW, after(seconds=1))] == [3, 0]
    assert reports.sent_since(NOW, 2) == 2

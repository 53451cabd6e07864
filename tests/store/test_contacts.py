"""Who is asked about when a mail is recognised; each question is answered by an index, however many cases there are."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.cases.brakes import Post
from gateway.cases.model import (
    Case,
    Customer,
    Member,
    Message,
    Order,
    Participant,
    Priority,
    Role,
    Status,
    Store,
)
from store import alarms, cases, claims, inbox, outbox, parties
from store.database import Database, sql
from store.outbox import NewMail
from tests.store.conftest import NOW, Statements, after

STORE, CUSTOMER, MEMBER = "shp_1", "cus_1", "mbr_1"
TOM, MIA = "Tom@customer.test", "mia@shop.test"


def case(number: int, status: Status = Status.OPEN) -> Case:
    return Case(
        id=f"case_{number}", store_id=STORE, customer_id=CUSTOMER, order_id="ord_1", subject=f"Case {number}",
        status=status, priority=Priority.NORMAL, escalated=False, unread_count=1, last_message_at=NOW,
        last_message_by=Role.CUSTOMER, last_activity_at=NOW, closed_at=None, closed_by=None, created_at=NOW,
        updated_at=NOW,
    )  # fmt: skip


def person(number: int, role: Role, address: str, member: str | None = None) -> Participant:
    handle = bytes([number, len(address)]) * 8
    return Participant(0, f"case_{number}", role, address, "", handle, member_id=member)


@pytest.fixture
def people(database: Database) -> dict[tuple[int, Role], int]:
    """Three cases of Tom's, the last one closed, in a strict store with one member. Ids by case and role."""

    def job() -> dict[tuple[int, Role], int]:
        parties.add_store(Store(STORE, "Blue Kettle", NOW, strict=True))
        parties.insert_member(Member(MEMBER, STORE, MIA, "Mia"), NOW)
        parties.save_customer(Customer(CUSTOMER, STORE, TOM))
        parties.save_order(Order("ord_1", STORE, CUSTOMER, "1042", 1, "EUR", "COMPLETED", NOW), NOW)
        ids = {}
        for number in (1, 2, 3):
            cases.insert(case(number, Status.CLOSED if number == 3 else Status.OPEN), message_count=0)
            ids[number, Role.CUSTOMER] = cases.insert_participant(person(number, Role.CUSTOMER, TOM))
            ids[number, Role.MERCHANT] = cases.insert_participant(person(number, Role.MERCHANT, MIA, MEMBER))
        return ids

    return database.write(job)


def post(database: Database, number: int, place: int, who: int | None, minutes: int, mail_id: str = "") -> None:
    message = Message(
        f"cmsg_{number}_{place}", f"case_{number}", place, Role.CUSTOMER, None, "", "words", after(minutes=minutes)
    )
    database.write(lambda: cases.insert_message(message, participant_id=who, mail_id=mail_id, full_text=""))


def queue(database: Database, number: int, to: int) -> None:
    mail = NewMail(
        handle=bytes([number]) * 16, case_id="case_1", participant_id=to, generation=0, message_id=None,
        template="case_closed", recipient=TOM, envelope_from="bounce", rfc_message_id=f"{number}@cases.test",
        subject="", data=b"mail %d" % number,
    )  # fmt: skip
    database.write(lambda: outbox.insert(mail, NOW))


def test_a_contact_is_a_person_with_his_case_and_store(people: dict[tuple[int, Role], int]) -> None:
    found = cases.contact_by_handle(person(2, Role.MERCHANT, MIA).handle)
    assert found is not None
    assert (found.person.id, found.subject, found.status, found.strict) == (
        people[2, Role.MERCHANT], "Case 2", Status.OPEN, True,
    )  # fmt: skip
    assert found.person_id == MEMBER
    tom = cases.contact(people[1, Role.CUSTOMER])
    assert tom is not None
    assert tom.person_id == CUSTOMER
    assert cases.contact_by_handle(b"?" * 16) is None
    assert cases.contact(0) is None


def test_open_cases_of_an_address_in_any_case_of_its_letters(
    database: Database, people: dict[tuple[int, Role], int]
) -> None:
    assert [c.person.case_id for c in cases.open_contacts("TOM@customer.TEST")] == ["case_2", "case_1"]
    assert [c.person.case_id for c in cases.open_contacts(MIA)] == ["case_2", "case_1"]
    database.write(lambda: parties.remove_member(STORE, MIA))
    assert cases.open_contacts(MIA) == ()
    assert cases.open_contacts("nobody@else.test") == ()


def test_who_posted_with_an_id(database: Database, people: dict[tuple[int, Role], int]) -> None:
    tom = people[1, Role.CUSTOMER], people[2, Role.CUSTOMER]
    post(database, 1, 2, tom[0], 1, "a@x.test")
    post(database, 1, 3, tom[0], 1, "a@x.test")  # another part of the same mail
    post(database, 2, 2, tom[1], 2, "a@x.test")
    post(database, 1, 4, None, 3, "b@x.test")
    post(database, 1, 5, tom[0], 4, "")
    found = cases.senders_of(["a@x.test", "b@x.test", "", "c@x.test"])
    assert sorted(found) == [("a@x.test", "case_1", tom[0]), ("a@x.test", "case_2", tom[1])]


def test_the_latest_posts_that_came_by_mail(database: Database, people: dict[tuple[int, Role], int]) -> None:
    tom = people[1, Role.CUSTOMER]
    post(database, 1, 1, tom, 0)  # the opening
    post(database, 1, 2, tom, 5)
    post(database, 1, 3, None, 6)  # by the store's program
    post(database, 1, 4, tom, 7)
    assert cases.latest_posts("case_1", 10) == tuple(
        Post(tom, Role.CUSTOMER, after(minutes=minutes)) for minutes in (7, 5)
    )
    assert len(cases.latest_posts("case_1", 1)) == 1
    post(database, 1, 5, tom, 7)  # another part of the same mail
    assert [cases.posts_since("case_1", tom, after(minutes=m)) for m in (0, 5, 7)] == [2, 1, 0]


@pytest.mark.parametrize(
    ("answer", "given"),
    [
        ("250 Ok 0102018f7c1d2a3b-4c5d6e7f-1234-000000", "0102018f7c1d2a3b-4c5d6e7f-1234-000000"),
        ("250 2.0.0 Ok: queued as 4XyZ12abcD", ""),
        ("250 OK <0102018f7c1d2a3b4c5d6e7f12345678@mail.test>", "0102018f7c1d2a3b4c5d6e7f12345678"),
        ("250 2.0.0 OK 1700000000 x-20020a05600c1d0900b0-gsmtp", ""),
    ],
)
def test_the_id_that_the_relay_gave(
    database: Database, people: dict[tuple[int, Role], int], answer: str, given: str
) -> None:
    tom = people[1, Role.CUSTOMER]
    queue(database, 1, tom)
    ways = claims.Ways((claims.Way("relay.example.org:25", 1),))
    (mail,) = database.write(lambda: claims.claim(NOW, "one", after(minutes=5) - NOW, 1, ways)).mails
    database.write(lambda: outbox.sent(mail, NOW, "relay", answer))
    assert sql("SELECT relay_id FROM outbox").fetchone() == (given,)
    if given:
        assert outbox.recipients_of([f"{given}@region.relay.test"]) == (("1@cases.test", tom),)


def test_whom_mails_went_to_and_what_they_said(database: Database, people: dict[tuple[int, Role], int]) -> None:
    tom, mia = people[1, Role.CUSTOMER], people[1, Role.MERCHANT]
    queue(database, 1, tom)
    queue(database, 2, mia)
    assert outbox.recipients_of(["2@cases.test", "3@cases.test"]) == (("2@cases.test", mia),)
    assert outbox.recipients_of(["@", "", "x"]) == ()
    assert outbox.data_of(["1@cases.test", "2@cases.test"]) == b"mail 2"
    assert outbox.data_of(["3@cases.test"]) is None


ASKED: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (cases.contact_by_handle, (b"h" * 16,)),
    (cases.contact, (1,)),
    (cases.open_contacts, (TOM,)),
    (cases.senders_of, (["a@x.test", "b@x.test"],)),
    (cases.latest_posts, ("case_1", 100)),
    (cases.posts_since, ("case_1", 1, NOW)),
    (outbox.recipients_of, (["a@x.test", "b@x.test"],)),
    (outbox.data_of, (["a@x.test"],)),
    (inbox.untold, (100,)),
    (alarms.untold, ()),
]


@pytest.mark.parametrize(("function", "args"), ASKED, ids=lambda value: getattr(value, "__name__", ""))
def test_questions_do_not_read_whole_tables(
    statements: Statements, function: Callable[..., Any], args: tuple[Any, ...]
) -> None:
    (statement,) = statements(function, *args)
    steps = [row[3] for row in sql(f"EXPLAIN QUERY PLAN {statement}")]
    scanned = {step.removeprefix("SCAN ") for step in steps if step.startswith("SCAN") and "USING" not in step}
    made = {step.removeprefix("CO-ROUTINE ") for step in steps if step.startswith("CO-ROUTINE")}
    assert scanned <= made | {"alarm"}, steps

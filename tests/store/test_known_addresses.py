"""Other addresses of a person: asked about, confirmed within a week, forgotten."""

from datetime import timedelta

import pytest

from gateway.cases.model import Customer, Member, Role, Store
from gateway.errors import NotFound
from store import known_addresses, parties
from store.database import Database, sql
from tests.store.conftest import NOW, after

ADA, GRACE = "cus_aaaaaaaaaaaaaaaaaaaaaaaa", "mbr_aaaaaaaaaaaaaaaaaaaaaaaa"
FIRST, SECOND = b"1" * 16, b"2" * 16
OTHER = "ada@private.test"


@pytest.fixture(autouse=True)
def people(database: Database) -> None:
    def job() -> None:
        parties.add_store(Store("shp_1", "Blue Kettle", NOW))
        parties.save_customer(Customer(ADA, "shp_1", "ada@example.org", "Ada", "Byron"))
        parties.insert_member(Member(GRACE, "shp_1", "grace@shop.test", "Grace"), NOW)

    database.write(job)


def ask(database: Database, handle: bytes = FIRST, person: str = ADA, address: str = OTHER, days: float = 0) -> bool:
    return database.write(lambda: known_addresses.ask(person, address, handle, after(days=days)))


def confirm(database: Database, handle: bytes = FIRST, days: float = 0) -> bool:
    return database.write(lambda: known_addresses.confirm(handle, after(days=days)))


def test_an_address_counts_after_the_yes(database: Database) -> None:
    assert ask(database)
    assert known_addresses.confirmed(ADA) == ()
    assert confirm(database, days=1)
    assert known_addresses.confirmed(ADA) == (OTHER,)
    assert known_addresses.confirmed(GRACE) == ()


def test_the_second_yes_changes_nothing(database: Database) -> None:
    ask(database)
    assert confirm(database, days=1)
    assert not confirm(database, days=2)
    question = known_addresses.find(FIRST)
    assert question is not None
    assert question.confirmed_at == after(days=1)


def test_a_question_tells_who_is_asked(database: Database) -> None:
    ask(database)
    ask(database, SECOND, GRACE, "grace@private.test")
    customer, member = known_addresses.find(FIRST), known_addresses.find(SECOND)
    assert customer == known_addresses.Question(
        ADA, OTHER, "Ada Byron", "ada@example.org", Role.CUSTOMER, "shp_1", "Blue Kettle", NOW, None
    )
    assert member == known_addresses.Question(
        GRACE, "grace@private.test", "Grace", "grace@shop.test", Role.MERCHANT, "shp_1", "Blue Kettle", NOW, None
    )


def test_a_question_is_open_for_a_week(database: Database) -> None:
    ask(database)
    question = known_addresses.find(FIRST)
    assert question is not None
    assert question.counts(after(days=6.9))
    assert not question.counts(after(days=7))
    with pytest.raises(NotFound):
        confirm(database, days=7)
    assert known_addresses.confirmed(ADA) == ()
    assert confirm(database, days=6.9)


def test_what_is_confirmed_stays(database: Database) -> None:
    ask(database)
    confirm(database)
    question = known_addresses.find(FIRST)
    assert question is not None
    assert question.counts(NOW + timedelta(days=1_000))
    assert not confirm(database, days=1_000)
    assert known_addresses.confirmed(ADA) == (OTHER,)


def test_asked_again_only_the_new_question_counts(database: Database) -> None:
    ask(database)
    assert ask(database, SECOND, days=8)
    assert known_addresses.find(FIRST) is None
    with pytest.raises(NotFound):
        confirm(database, days=8)
    assert confirm(database, SECOND, days=9)


def test_who_has_said_yes_is_not_asked_again(database: Database) -> None:
    ask(database)
    confirm(database)
    assert not ask(database, SECOND, days=1)
    assert known_addresses.find(SECOND) is None
    assert known_addresses.confirmed(ADA) == (OTHER,)


def test_the_case_of_letters_makes_no_other_address(database: Database) -> None:
    ask(database, address="Ada@Private.test")
    assert ask(database, SECOND, address="ADA@private.TEST")
    confirm(database, SECOND)
    assert known_addresses.confirmed(ADA) == (OTHER,)
    database.write(lambda: known_addresses.forget(ADA, "ADA@PRIVATE.test"))
    assert known_addresses.confirmed(ADA) == ()


def test_two_people_may_have_the_same_address(database: Database) -> None:
    ask(database)
    ask(database, SECOND, GRACE)
    confirm(database)
    assert (known_addresses.confirmed(ADA), known_addresses.confirmed(GRACE)) == ((OTHER,), ())
    confirm(database, SECOND)
    database.write(lambda: known_addresses.forget(ADA, OTHER))
    assert (known_addresses.confirmed(ADA), known_addresses.confirmed(GRACE)) == ((), (OTHER,))


def test_what_is_forgotten_can_be_asked_anew(database: Database) -> None:
    ask(database)
    confirm(database)
    database.write(lambda: known_addresses.forget(ADA, OTHER))
    assert known_addresses.find(FIRST) is None
    assert ask(database, SECOND)
    assert known_addresses.confirmed(ADA) == ()


def test_who_left_the_store_confirms_nothing(database: Database) -> None:
    ask(database, SECOND, GRACE)
    database.write(lambda: parties.remove_member("shp_1", "grace@shop.test"))
    assert known_addresses.find(SECOND) is None
    with pytest.raises(NotFound):
        confirm(database, SECOND)


def test_nobody_else_is_asked(database: Database) -> None:
    assert known_addresses.find(SECOND) is None
    with pytest.raises(NotFound):
        confirm(database, SECOND)


def test_look_ups_use_indexes(database: Database) -> None:
    ask(database)
    for statement in (
        "SELECT address FROM known_address WHERE person_id = 'x' AND confirmed_at IS NOT NULL ORDER BY address",
        "SELECT 1 FROM known_address WHERE handle = x'00'",
    ):
        plan = " ".join(row[3] for row in sql(f"EXPLAIN QUERY PLAN {statement}"))
        assert "USING INDEX" in plan or "USING COVERING INDEX" in plan
        assert "TEMP B-TREE" not in plan

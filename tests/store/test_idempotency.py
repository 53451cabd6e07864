"""Requests that took effect (HARDENING rules 6 and 15)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.cases.model import Key
from gateway.errors import Conflict
from store import idempotency
from store.database import Database, sql
from tests.store.conftest import NOW, Statements, after

KEY = Key("api:shp_1:stk_1:case_1", "order-42-reply", request_hash="hash-1", lives=timedelta(hours=24))
FOR_EVER = Key("mail:case_1:7", "a" * 64)


def remember(database: Database, key: Key = KEY, result: str = "cmsg_1") -> None:
    database.write(lambda: idempotency.remember(key, result, NOW))


def count() -> int:
    rows: int = sql("SELECT count(*) FROM idempotency").fetchone()[0]
    return rows


def test_a_request_finds_its_first_result(database: Database) -> None:
    assert idempotency.find(KEY, NOW) is None
    remember(database)
    assert idempotency.find(KEY, after(hours=23)) == "cmsg_1"


def test_another_request_under_the_same_key_is_a_conflict(database: Database) -> None:
    remember(database)
    with pytest.raises(Conflict):
        idempotency.find(replace(KEY, request_hash="hash-2"), NOW)


@pytest.mark.parametrize(
    "other",
    [replace(KEY, scope="api:shp_2:stk_9:case_1"), replace(KEY, scope="hook:default"), replace(KEY, value="another")],
    ids=["another store", "another door", "another key"],
)
def test_keys_count_in_their_own_scope(database: Database, other: Key) -> None:
    remember(database)
    assert idempotency.find(replace(other, request_hash="hash-2"), NOW) is None
    remember(database, other, "cmsg_2")
    assert (idempotency.find(KEY, NOW), idempotency.find(other, NOW)) == ("cmsg_1", "cmsg_2")


def test_an_expired_key_may_be_used_for_something_new(database: Database) -> None:
    remember(database)
    assert idempotency.find(KEY, after(hours=24)) is None
    fresh = replace(KEY, request_hash="hash-2")
    assert idempotency.find(fresh, after(hours=24)) is None
    database.write(lambda: idempotency.remember(fresh, "cmsg_2", after(hours=24)))
    assert idempotency.find(fresh, after(hours=47)) == "cmsg_2"
    assert idempotency.find(fresh, after(hours=48)) is None


def test_mail_is_remembered_for_ever(database: Database) -> None:
    remember(database, FOR_EVER)
    assert idempotency.find(FOR_EVER, after(days=10_000)) == "cmsg_1"


def test_only_committed_effects_are_remembered(database: Database) -> None:
    def job() -> None:
        idempotency.remember(KEY, "cmsg_1", NOW)
        raise RuntimeError("the effect failed")

    with pytest.raises(RuntimeError):
        database.write(job)
    assert idempotency.find(KEY, NOW) is None


def test_what_is_over_is_forgotten_a_bit_at_a_time(database: Database) -> None:
    remember(database, FOR_EVER)
    for number in range(5):
        remember(database, replace(KEY, value=str(number), lives=timedelta(hours=number)))
    assert database.write(lambda: idempotency.forget_expired(after(hours=3), limit=3)) == 3
    assert database.write(lambda: idempotency.forget_expired(after(hours=3), limit=3)) == 1
    assert database.write(lambda: idempotency.forget_expired(after(hours=3))) == 0
    assert count() == 2
    assert idempotency.find(FOR_EVER, NOW) == "cmsg_1"


def test_forgetting_looks_at_what_can_expire_only(database: Database, statements: Statements) -> None:
    (statement,) = statements(idempotency.forget_expired, NOW)
    steps = [row[3] for row in sql(f"EXPLAIN QUERY PLAN {statement}")]
    assert any("idempotency_expiry" in step for step in steps), steps
    assert not any(step.startswith("SCAN idempotency") for step in steps), steps

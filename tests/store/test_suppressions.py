"""Addresses that get no mail: how long, found how often, and what takes it back."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.cases.model import Store
from gateway.cases.notices import Template
from gateway.errors import NotFound
from store import alarms, parties, suppressions
from store.database import Database, sql
from store.suppressions import COMPLAINT, DEAD, REFUSAL, REPORT
from tests.store.conftest import NOW, Statements, after

TOM, MIA, BEN = "tom@customer.example.org", "mia@shop.example.org", "ben@shop.example.org"
ORDINARY = Template.CASE_CLOSED


def find(
    database: Database, now: datetime = NOW, *, address: str = TOM, mail: int = 1, certain: bool = True, **why: Any
) -> bool:
    """Find an address dead by a report, unless told otherwise."""
    reason, source = why.get("reason", DEAD), why.get("source", REPORT)
    return database.write(
        lambda: suppressions.found(address, reason, source, "550 5.1.1 No such user", mail, now, certain=certain)
    )


def barred(address: str = TOM, now: datetime = NOW, template: Template = ORDINARY) -> bool:
    return bool(suppressions.bars(address, template, now))


def test_an_address_that_nothing_is_known_about_gets_mail(database: Database) -> None:
    assert suppressions.bars(TOM, ORDINARY, NOW) == ""


def test_a_dead_address_gets_none_for_thirty_days_then_ninety_then_a_year(database: Database) -> None:
    now = NOW
    for times, days in enumerate((30, 90, 365, 365), 1):
        assert find(database, now, mail=times)
        assert not find(database, now + timedelta(hours=1), mail=100 + times)  # its other mails come back too
        known = suppressions.get(TOM)
        assert known is not None
        assert (known.times, known.until, known.outbox_id) == (times, now + timedelta(days=days), times)
        assert barred(now=now + timedelta(days=days) - timedelta(milliseconds=1))
        now += timedelta(days=days)
        assert not barred(now=now)


def test_an_address_is_the_same_in_capital_letters(database: Database) -> None:
    find(database, address="Tom@Customer.Example.org")
    assert barred("TOM@customer.example.ORG")
    assert suppressions.bars(TOM, ORDINARY, NOW) == "earlier mail to this address failed: 550 5.1.1 No such user"


@pytest.mark.parametrize("template", Template)
def test_what_is_sent_all_the_same(database: Database, template: Template) -> None:
    ours = template in (Template.SIGN_IN, Template.ALARM, Template.CANARY)
    find(database)
    assert barred(template=template) is not ours
    find(database, address=BEN, reason=COMPLAINT)
    assert barred(BEN, template=template) is not template.necessary
    assert barred(BEN, after(days=3_650), template) is not template.necessary


def test_an_uncertain_finding_is_confirmed_by_another_mail_an_hour_later(database: Database) -> None:
    for now, mail, stops in (
        (NOW, 1, False),
        (after(hours=2), 1, False),  # the same mail
        (after(minutes=59), 2, False),  # too soon
        (after(hours=1), 2, True),
    ):
        assert find(database, now, mail=mail, certain=False) is stops
        assert barred(now=now) is stops
    known = suppressions.get(TOM)
    assert known is not None
    assert (known.times, known.until) == (1, after(days=30, hours=1))


def test_an_uncertain_finding_is_forgotten_after_a_month(database: Database) -> None:
    find(database, certain=False)
    later = after(days=30, minutes=1)
    assert not find(database, later, mail=2, certain=False)
    assert not find(database, later + timedelta(minutes=59), mail=3, certain=False)
    assert find(database, later + timedelta(hours=1), mail=3, certain=False)


def test_a_certain_finding_needs_no_other(database: Database) -> None:
    find(database, certain=False)
    assert find(database, after(minutes=1), mail=2, source=REFUSAL)
    assert barred()


def test_what_the_operator_said_has_his_end_and_tells_nothing_about_the_address(database: Database) -> None:
    database.write(lambda: suppressions.add(TOM, "he asked", NOW, after(days=2)))
    assert suppressions.bars(TOM, ORDINARY, NOW) == "the operator stopped mail to this address: he asked"
    assert not find(database, after(days=1))
    assert not barred(now=after(days=2))
    find(database, after(days=2))
    known = suppressions.get(TOM)
    assert known is not None
    assert (known.reason, known.times, known.until) == (DEAD, 1, after(days=32))


def test_mail_from_an_address_lifts_all_but_what_the_operator_said(database: Database) -> None:
    find(database)
    find(database, address=BEN, reason=COMPLAINT)
    database.write(lambda: suppressions.add(MIA, "", NOW, None))
    assert [database.write(lambda who=who: suppressions.lift(who, NOW)) for who in (TOM.upper(), BEN, MIA, TOM)] == [  # type: ignore[misc]
        True, True, False, False,
    ]  # fmt: skip
    assert [barred(who) for who in (TOM, BEN, MIA)] == [False, False, True]
    find(database, after(days=1))
    known = suppressions.get(TOM)
    assert known is not None
    assert known.times == 1  # it lived, so it begins anew


def test_what_was_found_in_a_mass_failure_is_taken_back_as_it_was(database: Database) -> None:
    find(database, address="probe@example.org")
    probed = after(days=40)
    find(database, probed, address="probe@example.org")
    find(database, probed, address=TOM)
    find(database, probed, address=BEN, certain=False)
    find(database, probed - timedelta(hours=1), address="earlier@example.org")
    database.write(lambda: suppressions.add(MIA, "", probed, None))
    assert database.write(lambda: suppressions.lift_since(probed, probed)) == 3
    assert [one.address for one in suppressions.listing(probed, limit=10)] == [MIA, "earlier@example.org"]
    assert suppressions.get(BEN) is None
    find(database, after(days=41), address="probe@example.org", mail=7)
    known = suppressions.get("probe@example.org")
    assert known is not None
    assert (known.times, known.until) == (2, after(days=41 + 90))


def test_forgetting_an_address(database: Database) -> None:
    find(database)
    database.write(lambda: suppressions.remove(TOM.upper(), NOW))
    assert not barred()
    with pytest.raises(NotFound, match=r"Mail to tom@.* is not stopped"):
        database.write(lambda: suppressions.remove(TOM, NOW))


def test_a_store_without_anybody_who_gets_mail_raises_an_alarm_until_somebody_does(database: Database) -> None:
    def members() -> None:
        parties.add_store(Store("shp_1", "Blue Kettle", NOW))
        for address in (MIA, "Ben@shop.example.org", "gone@shop.example.org"):
            parties.add_member("shp_1", address, "", NOW)
        parties.remove_member("shp_1", "gone@shop.example.org")

    def stop(address: str) -> None:
        suppressions.found(address, DEAD, REFUSAL, "550", 1, NOW, certain=True)
        suppressions.raise_alarms(address, NOW)

    database.write(members)
    database.write(lambda: stop(MIA))
    assert alarms.raised() == ()
    database.write(lambda: stop(BEN))
    assert [alarm.name for alarm in alarms.raised()] == ["store:shp_1"]
    assert "Blue Kettle" in alarms.raised()[0].text
    database.write(lambda: suppressions.lift(BEN, NOW))
    assert alarms.raised() == ()


def test_who_answers_cases(database: Database) -> None:
    def people() -> None:
        parties.add_store(Store("shp_1", "Blue Kettle", NOW))
        parties.add_member("shp_1", "Mia@shop.example.org", "", NOW)
        for role, address in (("CUSTOMER", TOM), ("SUPPORT", "Eve@support.example.org")):
            sql(
                "INSERT INTO participant (case_id, role, address, name, handle, generation, active, last_sent_id,"
                " reference_ids) VALUES ('case_1', ?, ?, '', ?, 0, 1, '', '[]')",
                (role, address, address.encode()),
            )

    database.write(people)
    known = {who: suppressions.is_staff(who) for who in (TOM, MIA, "eve@support.example.org", "nobody@example.org")}
    assert known == {TOM: False, MIA: True, "eve@support.example.org": True, "nobody@example.org": False}


def test_an_address_that_no_mail_system_has_is_not_kept(database: Database) -> None:
    assert not find(database, address=f"{'a' * 250}@example.org")


def test_asking_costs_one_look_into_an_index(database: Database, statements: Statements) -> None:
    (asked,) = statements(suppressions.bars, TOM, ORDINARY, NOW)
    (step,) = [row[3] for row in sql(f"EXPLAIN QUERY PLAN {asked}")]
    assert step.startswith("SEARCH suppression USING INDEX")

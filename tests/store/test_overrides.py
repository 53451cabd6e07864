"""A store's own words as rows: versions, and the one that counts."""

from collections.abc import Callable
from pathlib import Path

from store import overrides
from store.database import Database, sql
from store.overrides import Override
from tests.store.conftest import NOW, Statements, after

STORE, TEMPLATE = "shp_1", "case_closed"


def add(database: Database, subject: str, *, store: str = STORE, restores: int | None = None) -> Override:
    return database.write(
        lambda: overrides.add(store, TEMPLATE, subject=subject, text="", html="", now=NOW, restores=restores)
    )


def test_every_save_is_a_new_version_and_the_highest_counts(database: Database) -> None:
    assert overrides.current(STORE, TEMPLATE) is None
    assert [add(database, subject).version for subject in ("one", "two", "three")] == [1, 2, 3]
    assert overrides.current(STORE, TEMPLATE) == Override(STORE, TEMPLATE, 3, NOW, None, "", "three", "", "")
    assert [one.subject for one in overrides.history(STORE)] == ["three", "two", "one"]
    first = overrides.version(STORE, TEMPLATE, 1)
    assert first is not None
    assert first.subject == "one"
    assert overrides.version(STORE, TEMPLATE, 4) is None


def test_stores_and_mails_have_versions_of_their_own(database: Database) -> None:
    add(database, "one")
    assert add(database, "another", store="shp_2").version == 1
    other = database.write(
        lambda: overrides.add(STORE, "closing_soon", subject="", text="t", html="", now=after(hours=1))
    )
    assert other.version == 1
    assert [one.template for one in overrides.history(STORE)] == ["case_closed", "closing_soon"]
    assert overrides.in_use() == {"case_closed": 2, "closing_soon": 1}


def test_an_empty_version_is_the_built_in(database: Database) -> None:
    add(database, "one")
    assert not add(database, "two").is_built_in
    assert add(database, "", restores=0).is_built_in
    assert overrides.in_use() == {}


def test_a_broken_version_is_marked_once(database: Database) -> None:
    override = add(database, "one")
    assert database.write(lambda: overrides.mark_broken(override, "it fails"))
    assert not database.write(lambda: overrides.mark_broken(override, "it fails again"))
    marked = overrides.current(STORE, TEMPLATE)
    assert marked is not None
    assert marked.broken == "it fails"
    assert overrides.in_use() == {}


def test_the_lookup_goes_by_the_index(database: Database, statements: Statements) -> None:
    (asked,) = statements(overrides.current, STORE, TEMPLATE)
    plan = sql(f"EXPLAIN QUERY PLAN {asked}").fetchall()
    assert [row[3] for row in plan] == [
        "SEARCH template_override USING INDEX template_override_store_id_template_version (store_id=? AND template=?)"
    ]


def test_another_process_sees_a_version_at_once(make_database: Callable[[Path], Database], tmp_path: Path) -> None:
    path = tmp_path / "cases.db"
    first, second = make_database(path), make_database(path)  # the second one is the one that reads
    assert overrides.current(STORE, TEMPLATE) is None
    first.bind()
    add(first, "one")
    second.bind()
    found = overrides.current(STORE, TEMPLATE)
    assert found is not None
    assert found.subject == "one"

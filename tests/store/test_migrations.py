"""The schema: what the models say is what the migrations make, and a failing one changes nothing."""

from pathlib import Path

import peewee
import pytest
from playhouse.schema_diff import SchemaDiff, diff_models

from store import migrations
from store.database import Database, proxy, sql
from store.tables import TABLES


def schema() -> list[tuple[str, str]]:
    """The names and statements of all that is in the database."""
    rows: list[tuple[str, str]] = sql(
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"
    ).fetchall()
    return rows


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of migrations of the test's own."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    monkeypatch.setattr(migrations, "_FOLDER", folder)
    return folder


@pytest.fixture
def empty(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    database.bind()
    return database


def migration(folder: Path, name: str, *statements: str) -> None:
    lines = [f"    db.execute_sql({statement!r})" for statement in statements]
    (folder / f"{name}.py").write_text("\n".join(["def up(migrator, db):", *lines]) + "\n")


def test_the_models_are_what_the_migrations_make(database: Database) -> None:
    difference = diff_models(proxy.obj, TABLES)
    changes = [change for kind in difference for change in kind if change not in indexes_of_expressions(difference)]
    assert not changes, difference


def indexes_of_expressions(difference: SchemaDiff) -> list[object]:
    """They have no columns to compare; `test_what_the_diff_does_not_see` looks at them."""
    return [index for index in difference.drop_indexes if index.columns is None]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_what_the_diff_does_not_see(database: Database, tmp_path: Path, table: type[peewee.Model]) -> None:
    """Whether a column may be empty, the primary key, the conditions of partial indexes, indexes of expressions."""
    name = table._meta.table_name
    migrated = columns(name), partial_indexes(name), expressions(name)
    other = Database(f"sqlite:///{tmp_path / 'models.db'}")
    other.bind()
    proxy.obj.create_tables(TABLES)
    assert (columns(name), partial_indexes(name), expressions(name)) == migrated
    other.close()


def columns(table: str) -> dict[str, tuple[bool, int]]:
    """Of each column: whether it must have a value, its place in the primary key."""
    return {row[1]: (bool(row[3]), row[5]) for row in sql(f"PRAGMA table_info({table})")}


def partial_indexes(table: str) -> dict[str, str]:
    rows = sql(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql LIKE '%WHERE%'", (table,)
    )
    return {name: " ".join(text.partition("WHERE")[2].split()).strip("() ") for name, text in rows}


def expressions(table: str) -> set[str]:
    rows = sql("SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql LIKE '%lower(%'", (table,))
    return {text for (text,) in rows}


def test_what_is_pending_is_applied_once_and_in_order(empty: Database, folder: Path) -> None:
    migration(folder, "0002_second", "ALTER TABLE thing ADD COLUMN name TEXT")
    migration(folder, "0001_first", "CREATE TABLE thing (id INTEGER)")
    assert migrations.pending() == ("0001_first", "0002_second")
    assert migrations.apply() == ("0001_first", "0002_second")
    assert migrations.pending() == ()
    assert migrations.apply() == ()
    migration(folder, "0003_third", "CREATE TABLE other (id INTEGER)")
    assert migrations.pending() == ("0003_third",)
    assert migrations.apply() == ("0003_third",)


def test_a_failing_migration_changes_nothing(empty: Database, folder: Path) -> None:
    migration(folder, "0001_first", "CREATE TABLE thing (id INTEGER)")
    migrations.apply()
    before = schema()
    migration(
        folder, "0002_broken", "CREATE TABLE half (id INTEGER)", "DROP TABLE thing", "CREATE TABLE half (id INTEGER)"
    )
    with pytest.raises(peewee.OperationalError):
        migrations.apply()
    assert schema() == before
    assert migrations.pending() == ("0002_broken",)
    migration(folder, "0002_broken", "CREATE TABLE half (id INTEGER)")
    assert migrations.apply() == ("0002_broken",)


def test_those_before_the_failing_one_stay(empty: Database, folder: Path) -> None:
    migration(folder, "0001_first", "CREATE TABLE thing (id INTEGER)")
    migration(folder, "0002_broken", "CREATE TABLE thing (id INTEGER)")
    with pytest.raises(peewee.OperationalError):
        migrations.apply()
    assert migrations.pending() == ("0002_broken",)


def test_our_own_files_are_numbered_without_a_gap() -> None:
    names = sorted(path.name for path in Path(migrations.__file__).parent.glob("[0-9]*.py"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))

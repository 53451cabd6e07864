"""A database on a file, with the whole schema, open for reading and writing."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from store import migrations
from store.database import Database, sql

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


def after(**span: float) -> datetime:
    """A moment that long after NOW."""
    return NOW + timedelta(**span)


@pytest.fixture
def make_database(tmp_path: Path) -> Iterator[Callable[[Path], Database]]:
    """Opens the database of a file, closes it at the end. The last one opened is the one of the process."""
    opened: list[Database] = []

    def make(path: Path) -> Database:
        database = Database(f"sqlite:///{path}")
        database.bind()
        migrations.apply()
        database.open()
        opened.append(database)
        return database

    yield make
    for database in opened:
        database.close()


@pytest.fixture
def database(make_database: Callable[[Path], Database], tmp_path: Path) -> Database:
    return make_database(tmp_path / "cases.db")


class Statements(Protocol):
    """Runs a function that reads. Returns the statements of it, with their values."""

    def __call__(self, function: Callable[..., Any], *args: Any) -> list[str]: ...


@pytest.fixture
def statements(database: Database) -> Statements:
    """What a function asks the database."""

    def run(function: Callable[..., Any], *args: Any) -> list[str]:
        seen: list[str] = []
        connection = sql("SELECT 1").connection  # the one of this thread
        connection.set_trace_callback(seen.append)
        try:
            function(*args)
        finally:
            connection.set_trace_callback(None)
        return seen

    return run

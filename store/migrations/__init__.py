"""Numbered, forward-only changes of the schema; a failing file changes nothing."""

from datetime import UTC, datetime
from pathlib import Path

from playhouse.migrations import Runner

from store.database import proxy

_FOLDER = Path(__file__).parent


def apply() -> tuple[str, ...]:
    """Apply what is pending on the bound database. Returns the names of the files that were applied."""
    return tuple(_runner().up())


def pending() -> tuple[str, ...]:
    """Names of the files that were not applied yet."""
    return tuple(migration.name for migration in _runner().status() if migration.path and not migration.applied)


def unknown() -> tuple[str, ...]:
    """Names of what was applied and is not here: a newer version did it."""
    return tuple(migration.name for migration in _runner().status() if not migration.path)


def began() -> datetime:
    """When the first of them was applied to the bound database: it is as old as that."""
    moments: list[datetime] = [migration.applied for migration in _runner().status() if migration.applied is not None]
    return min(moments).astimezone(UTC)  # they are noted in local time, without saying so


def _runner() -> Runner:
    return Runner(proxy.obj, directory=str(_FOLDER), table_name="schema_migration")

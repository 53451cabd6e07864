"""Tries that failed are counted apart from claims, and guesses are told from what a reply address says."""

from typing import Any

from peewee import SqliteDatabase


def up(migrator: Any, db: Any) -> None:
    """Add columns."""
    bool_, false = ("INTEGER", "0") if isinstance(db, SqliteDatabase) else ("BOOLEAN", "FALSE")
    db.execute_sql("ALTER TABLE inbox ADD COLUMN failures INTEGER NOT NULL DEFAULT 0")
    db.execute_sql(f"ALTER TABLE inbox_result ADD COLUMN guess {bool_} NOT NULL DEFAULT {false}")

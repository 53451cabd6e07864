"""Under which names shared files stand, and how the sweep finds what has had its time."""

from typing import Any

_CHANGES = """
CREATE TABLE stored_file (
    sha256 VARCHAR(64) NOT NULL PRIMARY KEY, name VARCHAR(96) NOT NULL, touched_at BIGINT NOT NULL, marked_at BIGINT
);
INSERT INTO stored_file (sha256, name, touched_at) SELECT DISTINCT sha256, sha256, 0 FROM attachment;

CREATE INDEX inbox_bytes ON inbox (kept_at)
    WHERE outcome NOT IN ('', 'held') AND (data IS NOT NULL OR raw_file <> '');
CREATE UNIQUE INDEX inbox_raw_file ON inbox (raw_file) WHERE raw_file <> '';
"""


def up(migrator: Any, db: Any) -> None:
    """Add the table, with what stands under its bare hash, and the indexes."""
    for statement in _CHANGES.split(";"):
        if statement.strip():
            db.execute_sql(statement)

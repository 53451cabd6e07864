"""What is known about senders, how often something was told or counted, and what waits for a person."""

from typing import Any

from peewee import SqliteDatabase

_CHANGES = """
ALTER TABLE store ADD COLUMN strict {bool} NOT NULL DEFAULT {false};
ALTER TABLE message ADD COLUMN unverified {bool} NOT NULL DEFAULT {false};
ALTER TABLE inbox ADD COLUMN authentication TEXT NOT NULL DEFAULT '';
ALTER TABLE inbox_result ADD COLUMN told_at BIGINT;
ALTER TABLE outbox ADD COLUMN relay_id VARCHAR(254) NOT NULL DEFAULT '';

CREATE INDEX message_mail_id ON message (mail_id) WHERE mail_id <> '';
CREATE INDEX participant_lower_address ON participant (lower(address));
CREATE INDEX inbox_result_untold ON inbox_result (id) WHERE outcome = 'held' AND told_at IS NULL;
CREATE INDEX outbox_relay_id ON outbox (relay_id) WHERE relay_id <> '';

CREATE TABLE sender (
    address VARCHAR(254) NOT NULL PRIMARY KEY, passed_at BIGINT NOT NULL
);

CREATE TABLE known_address (
    id VARCHAR(48) NOT NULL PRIMARY KEY, person_id VARCHAR(48) NOT NULL, address VARCHAR(254) NOT NULL,
    handle {blob} NOT NULL, asked_at BIGINT NOT NULL, confirmed_at BIGINT
);
CREATE UNIQUE INDEX known_address_handle ON known_address (handle);
CREATE UNIQUE INDEX known_address_person_id_address ON known_address (person_id, address);

CREATE TABLE tally (
    scope VARCHAR(200) NOT NULL, bucket BIGINT NOT NULL, amount BIGINT NOT NULL, PRIMARY KEY (scope, bucket)
);
CREATE INDEX tally_bucket ON tally (bucket);

CREATE TABLE told (
    scope VARCHAR(200) NOT NULL PRIMARY KEY, at BIGINT NOT NULL
);
CREATE INDEX told_at ON told (at);

CREATE TABLE alarm (
    name VARCHAR(200) NOT NULL PRIMARY KEY, text TEXT NOT NULL, raised_at BIGINT NOT NULL, last_at BIGINT NOT NULL,
    times INTEGER NOT NULL, told_at BIGINT
);
"""


def up(migrator: Any, db: Any) -> None:
    """Add columns, indexes and tables."""
    types = (
        {"blob": "BLOB", "bool": "INTEGER", "false": "0"}
        if isinstance(db, SqliteDatabase)
        else {"blob": "BYTEA", "bool": "BOOLEAN", "false": "FALSE"}
    )
    for statement in _CHANGES.format(**types).split(";"):
        if statement.strip():
            db.execute_sql(statement)

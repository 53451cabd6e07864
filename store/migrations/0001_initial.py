"""The first schema."""

from typing import Any

from peewee import SqliteDatabase

_TABLES = """
CREATE TABLE store (
    id VARCHAR(48) NOT NULL PRIMARY KEY, name VARCHAR(200) NOT NULL, created_at BIGINT NOT NULL
);

CREATE TABLE member (
    id VARCHAR(48) NOT NULL PRIMARY KEY, store_id VARCHAR(48) NOT NULL, email VARCHAR(254) NOT NULL,
    name VARCHAR(200) NOT NULL, active {bool} NOT NULL, created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX member_store_id_email ON member (store_id, email);

CREATE TABLE customer (
    id VARCHAR(48) NOT NULL PRIMARY KEY, store_id VARCHAR(48) NOT NULL, email VARCHAR(254) NOT NULL,
    first_name VARCHAR(200) NOT NULL, last_name VARCHAR(200) NOT NULL, locale VARCHAR(35) NOT NULL
);
CREATE INDEX customer_store_id ON customer (store_id);
CREATE INDEX customer_store_id_email ON customer (store_id, email);

CREATE TABLE orders (
    id VARCHAR(48) NOT NULL PRIMARY KEY, store_id VARCHAR(48) NOT NULL, customer_id VARCHAR(48) NOT NULL,
    number VARCHAR(64) NOT NULL, amount BIGINT NOT NULL, currency VARCHAR(3) NOT NULL,
    status VARCHAR(32) NOT NULL, status_at BIGINT NOT NULL, created_at BIGINT NOT NULL
);
CREATE INDEX orders_store_id ON orders (store_id);
CREATE INDEX orders_customer_id ON orders (customer_id);

CREATE TABLE cases (
    id VARCHAR(48) NOT NULL PRIMARY KEY, store_id VARCHAR(48) NOT NULL, customer_id VARCHAR(48) NOT NULL,
    order_id VARCHAR(48) NOT NULL, subject VARCHAR(200) NOT NULL, status VARCHAR(32) NOT NULL,
    priority VARCHAR(16) NOT NULL, escalated {bool} NOT NULL, unread_count INTEGER NOT NULL,
    last_message_at BIGINT NOT NULL, last_message_by VARCHAR(16) NOT NULL, last_activity_at BIGINT NOT NULL,
    closed_at BIGINT, closed_by VARCHAR(16), created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
    message_count INTEGER NOT NULL, version INTEGER NOT NULL
);
CREATE INDEX cases_customer_id ON cases (customer_id);
CREATE INDEX cases_order_id ON cases (order_id);
CREATE INDEX cases_store_id_last_message_at_created_at ON cases (store_id, last_message_at, created_at);
CREATE INDEX cases_store_id_status_last_message_at_created_at ON cases (store_id, status, last_message_at, created_at);

CREATE TABLE participant (
    id {auto}, case_id VARCHAR(48) NOT NULL, role VARCHAR(16) NOT NULL, member_id VARCHAR(48),
    address VARCHAR(254) NOT NULL, name VARCHAR(200) NOT NULL, handle {blob} NOT NULL,
    generation INTEGER NOT NULL, active {bool} NOT NULL, last_sent_id TEXT NOT NULL, reference_ids TEXT NOT NULL
);
CREATE UNIQUE INDEX participant_handle ON participant (handle);
CREATE UNIQUE INDEX participant_case_id_role_address ON participant (case_id, role, address);

CREATE TABLE message (
    id VARCHAR(48) NOT NULL PRIMARY KEY, case_id VARCHAR(48) NOT NULL, number INTEGER NOT NULL,
    sender_type VARCHAR(16) NOT NULL, sender_id VARCHAR(48), sender_name VARCHAR(200) NOT NULL,
    participant_id INTEGER, audience VARCHAR(16) NOT NULL, via VARCHAR(254) NOT NULL, mail_id TEXT NOT NULL,
    created_at BIGINT NOT NULL, body TEXT NOT NULL, full_text TEXT NOT NULL
);
CREATE UNIQUE INDEX message_case_id_number ON message (case_id, number);

CREATE TABLE attachment (
    id VARCHAR(48) NOT NULL PRIMARY KEY, message_id VARCHAR(48) NOT NULL, position INTEGER NOT NULL,
    filename VARCHAR(255) NOT NULL, mime_type VARCHAR(127) NOT NULL, size_bytes INTEGER NOT NULL,
    sha256 VARCHAR(64) NOT NULL
);
CREATE INDEX attachment_message_id ON attachment (message_id);
CREATE INDEX attachment_sha256 ON attachment (sha256);

CREATE TABLE inbox (
    id {auto}, kept_at BIGINT NOT NULL, mail_from TEXT NOT NULL, recipients TEXT NOT NULL,
    client VARCHAR(64) NOT NULL, helo TEXT NOT NULL, size INTEGER NOT NULL, sha256 VARCHAR(64) NOT NULL,
    lane VARCHAR(64) NOT NULL, state VARCHAR(16) NOT NULL, due_at BIGINT NOT NULL, attempts INTEGER NOT NULL,
    lost INTEGER NOT NULL, worker VARCHAR(64) NOT NULL, outcome VARCHAR(16) NOT NULL, reason TEXT NOT NULL,
    raw_file VARCHAR(64) NOT NULL, data {blob}
);
CREATE INDEX inbox_due ON inbox (due_at) WHERE state <> 'done';
CREATE INDEX inbox_lane ON inbox (lane, id) WHERE state <> 'done';
CREATE INDEX inbox_outcome ON inbox (outcome, id);

CREATE TABLE inbox_result (
    id {auto}, inbox_id INTEGER NOT NULL, case_id VARCHAR(48) NOT NULL, participant_id INTEGER,
    outcome VARCHAR(16) NOT NULL, reason TEXT NOT NULL, message_id VARCHAR(48)
);
CREATE UNIQUE INDEX inbox_result_inbox_id_case_id ON inbox_result (inbox_id, case_id);

CREATE TABLE outbox (
    id {auto}, handle {blob} NOT NULL, case_id VARCHAR(48) NOT NULL, participant_id INTEGER,
    generation INTEGER NOT NULL, message_id VARCHAR(48), template VARCHAR(64) NOT NULL,
    recipient VARCHAR(254) NOT NULL, envelope_from VARCHAR(254) NOT NULL, rfc_message_id VARCHAR(254) NOT NULL,
    subject TEXT NOT NULL, state VARCHAR(16) NOT NULL, due_at BIGINT NOT NULL, attempts INTEGER NOT NULL,
    unclear INTEGER NOT NULL, worker VARCHAR(64) NOT NULL, created_at BIGINT NOT NULL,
    give_up_at BIGINT NOT NULL, sent_at BIGINT,
    relay VARCHAR(254) NOT NULL, answer TEXT NOT NULL, data {blob} NOT NULL
);
CREATE UNIQUE INDEX outbox_handle ON outbox (handle);
CREATE INDEX outbox_case_id ON outbox (case_id);
CREATE UNIQUE INDEX outbox_rfc_message_id ON outbox (rfc_message_id);
CREATE INDEX outbox_due ON outbox (due_at) WHERE state NOT IN ('sent', 'failed', 'cancelled');
CREATE INDEX outbox_state ON outbox (state, id);

CREATE TABLE idempotency (
    scope VARCHAR(200) NOT NULL, key VARCHAR(64) NOT NULL, request_hash VARCHAR(64) NOT NULL,
    result TEXT NOT NULL, expires_at BIGINT, PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_expiry ON idempotency (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE token (
    id VARCHAR(48) NOT NULL PRIMARY KEY, store_id VARCHAR(48) NOT NULL, name VARCHAR(100) NOT NULL,
    secret_hash VARCHAR(64) NOT NULL, scopes VARCHAR(200) NOT NULL, created_at BIGINT NOT NULL,
    last_used_at BIGINT, revoked_at BIGINT
);
CREATE INDEX token_store_id ON token (store_id);
CREATE UNIQUE INDEX token_secret_hash ON token (secret_hash);

CREATE TABLE signing_key (
    key_id INTEGER NOT NULL PRIMARY KEY, fingerprint VARCHAR(32) NOT NULL, first_used_at BIGINT NOT NULL
);
"""


def up(migrator: Any, db: Any) -> None:
    """Create every table and index."""
    types = (
        {"auto": "INTEGER NOT NULL PRIMARY KEY", "blob": "BLOB", "bool": "INTEGER"}
        if isinstance(db, SqliteDatabase)
        else {"auto": "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", "blob": "BYTEA", "bool": "BOOLEAN"}
    )
    for statement in _TABLES.format(**types).split(";"):
        if statement.strip():
            db.execute_sql(statement)

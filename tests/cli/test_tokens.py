"""API tokens on the command line."""

import re

import pytest

from store import credentials
from store.ledger import Kind, Ledger
from tests.cli.installation import STORE, Installation


@pytest.fixture
def store(installation: Installation) -> Installation:
    installation.casegate("migrate")
    assert installation.casegate("store", "add", STORE, "--name", "Blue Kettle").status == 0
    return installation


def test_the_secret_of_a_token_is_printed_once_and_alone(store: Installation) -> None:
    done = store.casegate("token", "create", "--store", STORE, "--scope", "CASES_READ", "--scope", "cases_write")
    assert re.fullmatch(r"sk_[\w-]{43}\n", done.out)
    secret = done.out.strip()
    listed = store.casegate("token", "list").out
    assert "CASES_READ CASES_WRITE" in listed
    assert secret not in listed
    with store.parts():
        found = credentials.find_token(secret)
    assert found is not None
    assert found.scopes == {"CASES_READ", "CASES_WRITE"}


def test_a_revoked_token_is_worth_nothing(store: Installation) -> None:
    secret = store.casegate("token", "create", "--store", STORE, "--scope", "CASES_READ", "--name", "Robot").out.strip()
    token_id = store.casegate("token", "list", "--store", STORE).lines[1].split()[0]
    assert store.casegate("token", "revoke", token_id).status == 0
    assert store.casegate("token", "revoke", token_id).status == 0
    with store.parts():
        assert credentials.find_token(secret) is None
        (token,) = credentials.tokens()
    assert token.revoked_at is not None
    assert token.name == "Robot"


def test_a_scope_that_does_not_exist_names_those_that_do(store: Installation) -> None:
    done = store.casegate("token", "create", "--store", STORE, "--scope", "CASES_READ", "--scope", "ORDERS")
    assert done.err == "--scope: there is no ORDERS; known here: CASES_READ, CASES_WRITE"
    assert store.casegate("token", "list").lines[1:] == []


def test_a_store_has_25_good_tokens_at_most(store: Installation) -> None:
    with store.parts() as parts:

        def fill() -> None:
            for _ in range(credentials.TOKENS):
                credentials.create_token(STORE, "", frozenset({"CASES_READ"}), parts.now())

        parts.database.write(fill)
    words = ("token", "create", "--store", STORE, "--scope", "CASES_READ")
    done = store.casegate(*words)
    assert (done.status, done.out) == (65, "")
    assert done.err == f"{STORE} has 25 tokens, and may have 25; revoke one with `casegate token revoke`"
    revoked = store.casegate("token", "list").lines[1].split()[0]
    assert store.casegate("token", "revoke", revoked).status == 0
    assert store.casegate(*words).status == 0
    (line,) = Ledger(store.config.ledger_file).lines()
    assert (line.kind, dict(line.facts)) == (Kind.REVOKED, {"token": revoked})

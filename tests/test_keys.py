"""Signing keys and hook secrets: who makes them, where they stay, what stops a start (HARDENING rule 1)."""

import base64
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway import keys
from gateway.cases.model import Participant, Role
from gateway.config import Config, GatewaySection, HooksSection, TokensSection
from gateway.errors import Invalid, KeyNotLoaded, UnknownRecipient
from gateway.inbound.admit import Admission
from gateway.signing import Keyring, Purpose
from store import cases, credentials, migrations
from store.database import Database, sql

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
HANDLE = bytes(range(16))
KEY_1, KEY_2 = base64.b64encode(b"1" * 32).decode(), base64.b64encode(b"2" * 32).decode()
HOOK_SECRET = "whsec_" + base64.b64encode(b"h" * 32).decode()


@dataclass
class Place:
    """A data folder with its database."""

    folder: Path
    database: Database

    def load(self, *token_keys: str, may_make: bool = False, hook_secret: str | None = None) -> keys.Secrets:
        """Load with these keys in the settings."""
        config = Config(
            gateway=GatewaySection(data_dir=self.folder),
            tokens=TokensSection.model_validate({"keys": token_keys}),
            hooks=HooksSection.model_validate({"secrets": () if hook_secret is None else (hook_secret,)}),
        )
        return keys.load(config, self.database, may_make=may_make, now=NOW)

    def run(self, *token_keys: str) -> keys.Secrets:
        """As `run` does it."""
        return self.load(*token_keys, may_make=True)

    def refusal(self, *token_keys: str, may_make: bool = False, hook_secret: str | None = HOOK_SECRET) -> str:
        """What is told when a start fails."""
        with pytest.raises(Invalid) as caught:
            self.load(*token_keys, may_make=may_make, hook_secret=hook_secret)
        return caught.value.text

    def add_participant(self) -> None:
        """From now on a reply address exists."""
        person = Participant(0, "case_1", Role.CUSTOMER, "ada@example.org", "Ada", HANDLE)
        self.database.write(lambda: cases.insert_participant(person))

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    def forget_secrets(self) -> None:
        """The data folder is lost, the database is not."""
        for file in self.secrets.iterdir():
            file.unlink()
        self.secrets.rmdir()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    database = Database(f"sqlite:///{tmp_path / 'cases.db'}")
    database.bind()
    migrations.apply()
    database.open()
    folder = tmp_path / "data"
    folder.mkdir()
    yield Place(folder, database)
    database.close()


# Making


def test_the_first_run_makes_secrets_and_keeps_them(place: Place) -> None:
    first = place.run()
    place.add_participant()
    second = place.run()
    assert second.keyring.token(Purpose.REPLY, HANDLE) == first.keyring.token(Purpose.REPLY, HANDLE)
    assert second.hook_secrets == first.hook_secrets
    assert len(first.hook_secrets) == 1
    assert first.hook_secrets[0].startswith("whsec_")
    assert second.known_key_ids == {1}


def test_two_installations_make_different_secrets(place: Place) -> None:
    first = place.run()
    place.forget_secrets()
    place.database.write(lambda: sql("DELETE FROM signing_key"))
    second = place.run()
    assert first.keyring.secrets != second.keyring.secrets
    assert first.hook_secrets != second.hook_secrets


def test_nobody_else_can_read_them(place: Place) -> None:
    place.run()
    assert stat.S_IMODE(place.secrets.stat().st_mode) == 0o700
    files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in place.secrets.iterdir()}
    assert files == {"token_keys": 0o600, "hook_secret": 0o600}


def test_other_roles_never_make_secrets(place: Place) -> None:
    """`smtp`, `web` and `worker`, even on an empty database."""
    text = place.refusal()
    assert "tokens.keys: there is no key to sign reply addresses with, start `casegate run` once" in text
    assert not place.secrets.exists()


def test_nor_do_they_make_a_hook_secret(place: Place) -> None:
    assert "hooks.secrets: there is no secret to check hook calls with" in place.refusal(f"1:{KEY_1}", hook_secret=None)
    assert not place.secrets.exists()


def test_other_roles_use_what_run_made(place: Place) -> None:
    made = place.run()
    assert place.load() == made


def test_no_secret_is_made_on_a_database_with_participants(place: Place) -> None:
    """The data folder was lost: every reply address out there would bounce."""
    place.run()
    place.add_participant()
    place.forget_secrets()
    text = place.refusal(may_make=True)
    assert "this database was used with one: restore it" in text
    assert str(place.secrets / "token_keys") in text
    assert not place.secrets.exists()


def test_nor_on_one_that_knows_a_key(place: Place) -> None:
    place.run()
    place.forget_secrets()
    assert "this database was used with one: restore it" in place.refusal(may_make=True)
    assert not place.secrets.exists()


def test_the_restored_folder_is_taken_again(place: Place) -> None:
    first = place.run()
    place.add_participant()
    kept = {file.name: file.read_text() for file in place.secrets.iterdir()}
    place.forget_secrets()
    place.refusal(may_make=True)
    place.secrets.mkdir()
    for name, text in kept.items():
        (place.secrets / name).write_text(text)
    assert place.run().keyring.secrets == first.keyring.secrets


def test_a_run_that_died_while_it_made_a_secret_does_not_stop_the_next(place: Place) -> None:
    place.secrets.mkdir()
    (place.secrets / "token_keys.new").write_text("1:abc")
    (place.secrets / "hook_secret").write_text("")
    secrets = place.run()
    assert len(secrets.keyring.secrets[1]) == 32
    assert place.load() == secrets


# Checking


def test_keys_of_the_settings_go_before_those_of_the_folder(place: Place) -> None:
    secrets = place.run(f"1:{KEY_1}")
    assert secrets.keyring.secrets == {1: b"1" * 32}
    assert not (place.secrets / "token_keys").exists()


def test_the_last_key_signs_and_all_verify(place: Place) -> None:
    old = place.run(f"1:{KEY_1}").keyring.token(Purpose.REPLY, HANDLE)
    secrets = place.run(f"1:{KEY_1}", f"2:{KEY_2}")
    assert secrets.keyring.current == 2
    assert secrets.keyring.verify(Purpose.REPLY, old).key_id == 1
    assert secrets.known_key_ids == {1, 2}


def test_a_new_key_may_verify_everywhere_before_it_signs(place: Place) -> None:
    place.run(f"1:{KEY_1}")
    assert place.run(f"2:{KEY_2}", f"1:{KEY_1}").keyring.current == 1


def test_a_missing_key_stops_the_start(place: Place) -> None:
    place.run(f"1:{KEY_1}", f"2:{KEY_2}")
    text = place.refusal(f"2:{KEY_2}", may_make=True)
    assert text == "tokens.keys: key 1 is missing, but mails were sent with it: restore it"


def test_another_key_under_a_known_id_stops_the_start(place: Place) -> None:
    place.run(f"1:{KEY_1}")
    assert "tokens.keys: key 1 is another one than mails were sent with" in place.refusal(f"1:{KEY_2}", may_make=True)


def test_every_trouble_is_told_at_once(place: Place) -> None:
    place.run(f"1:{KEY_1}", f"2:{KEY_2}")
    text = place.refusal(f"1:{KEY_2}")
    assert "key 1 is another one" in text
    assert "key 2 is missing" in text


def test_the_database_keeps_a_fingerprint_of_every_key_and_no_key(place: Place) -> None:
    place.run(f"1:{KEY_1}", f"2:{KEY_2}")
    marks = credentials.key_fingerprints()
    assert set(marks) == {1, 2}
    shown = repr(marks)
    assert KEY_1 not in shown
    assert (b"1" * 32).hex() not in shown


def test_a_look_notes_nothing(place: Place) -> None:
    """`check` before the first start: a wrong key can still be corrected."""
    config = Config(
        gateway=GatewaySection(data_dir=place.folder),
        tokens=TokensSection.model_validate({"keys": [f"1:{KEY_1}"]}),
        hooks=HooksSection.model_validate({"secrets": [HOOK_SECRET]}),
    )
    keys.load(config, None, may_make=False, now=NOW)
    assert credentials.key_fingerprints() == {}
    place.run(f"1:{KEY_2}")


@pytest.mark.parametrize(
    ("lines", "trouble"),
    [
        pytest.param("1", "key 1 is not id:base64", id="no key"),
        pytest.param(f"x:{KEY_1}", "key 1 is not id:base64", id="no number"),
        pytest.param(f"256:{KEY_1}", "key 1 is not id:base64", id="number too large for a byte"),
        pytest.param(f"-1:{KEY_1}", "key 1 is not id:base64", id="number too small"),
        pytest.param("1:c2hvcnQ=", "key 1 is not id:base64", id="too short to be a secret"),
        pytest.param(f"1:{KEY_1}\n2:%%%", "key 2 is not id:base64", id="no base64"),
        pytest.param(f"1:{KEY_1}\n1:{KEY_2}", "key id 1 stands there twice", id="one id for two keys"),
    ],
)
def test_a_damaged_key_file_stops_the_start_with_a_clear_text(place: Place, lines: str, trouble: str) -> None:
    place.secrets.mkdir()
    (place.secrets / "token_keys").write_text(lines + "\n")
    text = place.refusal(may_make=True)
    assert trouble in text
    assert KEY_1 not in text
    assert credentials.key_fingerprints() == {}


# What the mail door makes of it


def test_a_token_of_a_key_that_is_known_but_not_loaded_waits(place: Place) -> None:
    """451, never 550: it is our fault that it cannot be checked."""
    secrets = place.run(f"1:{KEY_1}", f"2:{KEY_2}")
    admission = Admission(
        Keyring({2: b"2" * 32}, 2),
        reply_domain="cases.example.org",
        from_address="cases@cases.example.org",
        known_key_ids=secrets.known_key_ids,
    )
    token = Keyring({1: b"1" * 32}, 1).token(Purpose.REPLY, HANDLE)
    with pytest.raises(KeyNotLoaded):
        admission.admit(f"reply+{token}@cases.example.org")
    never_used = Keyring({9: b"9" * 32}, 9).token(Purpose.REPLY, HANDLE)
    with pytest.raises(UnknownRecipient):
        admission.admit(f"reply+{never_used}@cases.example.org")

"""The operator makes a backup, loses all, restores it, and lets it go on."""

import shutil
from pathlib import Path

import pytest

from gateway.cases.model import Role
from store import cases, outbox, switches
from store.backups import PAUSE, pause_removing
from store.outbox import Which
from store.switches import Switch
from tests.cli.installation import CUSTOMER_ADDRESS, Installation, Mailbox

PASSPHRASE = "correct horse, battery staple"


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    file = tmp_path / "passphrase"
    file.write_text(PASSPHRASE + "\n")
    return file


def lose(installation: Installation) -> Path:
    """All data, but not the settings. Returns where it has gone."""
    aside = installation.config.gateway.data_dir.with_name("data.lost")
    installation.config.gateway.data_dir.rename(aside)
    return aside


def test_from_the_backup_to_the_first_mail(
    installation: Installation, tmp_path: Path, passphrase: Path, mailbox: Mailbox
) -> None:
    installation.open_case()
    target = tmp_path / "backup.tar"
    done = installation.casegate("backup", target, "--passphrase-file", passphrase)
    assert done.status == 0, done.err
    assert done.lines[0].startswith(f"{target}: the rows and 0 files, ")
    assert done.lines[1].startswith("keys: in it, encrypted")
    lost = lose(installation)
    done = installation.casegate("restore", target, "--passphrase-file", passphrase)
    assert done.status == 0, done.err
    assert done.lines[0].startswith("restored: the rows and 0 files, as they were at 20")
    assert done.lines[1:] == [
        "keys: restored",
        "ledger: 0 erasures, revocations and removals applied again",
        "unclear: 2 mails waited then and may have been sent since; they stay until you say",
        '         casegate outbox retry --failed --reason "unclear:"  (or by their numbers)',
        "sending and closing stand still. Start the gateway, look around, then: casegate resume all",
    ]
    keys = installation.config.gateway.data_dir / "secrets" / "token_keys"
    assert keys.read_bytes() == (lost / "secrets" / "token_keys").read_bytes()
    assert keys.stat().st_mode & 0o077 == 0
    waiting = installation.casegate("resume")
    assert [row.split()[0] for row in waiting.lines] == ["WHAT", "closing", "sending"]
    assert "nothing was sent since" in installation.casegate("check").out
    assert installation.casegate("outbox", "retry", "--failed", "--reason", "unclear:").out == "2 mails due now\n"
    with installation.parts() as parts:
        parts.dispatcher.drain()
    assert mailbox.mails == []
    assert installation.casegate("resume", "sending").lines[0].startswith("sending goes on; it stood still since 20")
    with installation.parts() as parts:
        parts.dispatcher.drain()
    assert len(mailbox.mails) == 2
    assert installation.casegate("resume", "all").lines[0].startswith("closing goes on; ")
    assert installation.casegate("resume").out == "nothing stands still\n"
    assert installation.casegate("resume", "closing").out == "closing did not stand still\n"
    assert installation.casegate("resume", "all").out == "nothing stood still\n"
    trail = installation.casegate("audit").out
    assert [trail.count(act) for act in ("backup.restored", "switch.started")] == [1, 2]


def test_without_a_passphrase_it_says_what_is_missing(installation: Installation, tmp_path: Path) -> None:
    installation.open_case()
    done = installation.casegate("backup", tmp_path / "backup")
    assert "keys: NOT in it" in done.out
    assert "every answer to a mail that was sent bounces" in done.out
    lost = lose(installation)
    done = installation.casegate("restore", tmp_path / "backup")
    assert "keys: not restored. Put them into" in done.out
    done = installation.casegate("inbox", "release", 1)
    assert "restore it" in done.err
    shutil.copytree(lost / "secrets", installation.config.gateway.data_dir / "secrets")
    assert installation.casegate("resume", "all").status == 0


def test_the_passphrase_may_stand_in_the_environment(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.open_case()
    monkeypatch.setenv("CASEGATE_BACKUP_PASSPHRASE", PASSPHRASE)
    assert "keys: in it" in installation.casegate("backup", tmp_path / "backup").out
    lose(installation)
    monkeypatch.delenv("CASEGATE_BACKUP_PASSPHRASE")
    done = installation.casegate("restore", tmp_path / "backup")
    assert done.status == 65
    assert done.err.startswith("--passphrase-file: this backup has keys")
    assert installation.casegate("restore", tmp_path / "backup", "--without-keys").status == 0


def test_keys_in_the_settings_are_named(installation: Installation, tmp_path: Path) -> None:
    installation.open_case()
    secret = (installation.config.gateway.data_dir / "secrets" / "token_keys").read_text().strip()
    with installation.file.open("a") as file:
        file.write(f'[tokens]\nkeys = ["{secret}"]\n')
    done = installation.casegate("backup", tmp_path / "backup")
    assert "keys: those of the settings are NOT in it, keep them too: tokens.keys" in done.out


@pytest.mark.parametrize("content", ["", "\n", " \nsecond line"])
def test_a_passphrase_that_is_none(installation: Installation, tmp_path: Path, content: str) -> None:
    installation.open_case()
    (tmp_path / "empty").write_text(content)
    done = installation.casegate("backup", tmp_path / "backup", "--passphrase-file", tmp_path / "empty")
    assert (done.status, done.out) == (65, "")
    assert not (tmp_path / "backup").exists()


def test_two_backups_at_once(installation: Installation, tmp_path: Path) -> None:
    installation.open_case()
    with installation.parts() as parts:
        parts.database.write(lambda: pause_removing("another one", parts.now()))
    done = installation.casegate("backup", tmp_path / "backup")
    assert (done.status, list(tmp_path.glob("*backup*"))) == (75, [])
    assert "Another backup is at work" in done.err
    with installation.parts() as parts:
        parts.database.write(lambda: switches.start(Switch.REMOVING))
        parts.database.write(lambda: pause_removing("a dead one", parts.now() - PAUSE))
    assert installation.casegate("backup", tmp_path / "backup").status == 0


def test_restoring_over_what_is_there(installation: Installation, tmp_path: Path) -> None:
    case = installation.open_case()
    installation.casegate("backup", tmp_path / "backup")
    done = installation.casegate("restore", tmp_path / "backup")
    assert done.status == 65
    assert "is not empty, and a restore mixes nothing: move it away (mv " in done.err
    with installation.parts():
        assert {person.role for person in cases.participants(case.id)} == {Role.CUSTOMER, Role.MERCHANT}
        assert [mail.recipient for mail in outbox.chosen(Which("queued"), limit=9)][-1] == CUSTOMER_ADDRESS


@pytest.mark.parametrize("what", ["everything", "removing"])
def test_only_what_may_go_on_goes_on(installation: Installation, what: str) -> None:
    installation.open_case()
    done = installation.casegate("resume", what)
    assert done.status == 65
    assert "WHAT" in done.err


def test_a_backup_that_is_not_there(installation: Installation, tmp_path: Path) -> None:
    done = installation.casegate("restore", tmp_path / "nothing.tar")
    assert (done.status, done.err) == (65, f"FROM: there is no {tmp_path / 'nothing.tar'}")

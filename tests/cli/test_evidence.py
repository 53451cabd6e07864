"""Evidence on the command line: made, its key published, checked by whoever receives it."""

import subprocess
import sys
from pathlib import Path

import pytest

from gateway.evidence.archive import Writer
from gateway.evidence.manifest import FORMAT, MANIFEST, SIGNATURE, spelled
from gateway.evidence.seal import ALGORITHM, new_seal
from store import audit
from tests.cli.installation import CUSTOMER_ADDRESS, Installation, OpenedCase
from tests.world import process


@pytest.fixture
def case(installation: Installation) -> OpenedCase:
    """A case with an answer by mail."""
    case = installation.open_case()
    installation.deliver(case.customer, CUSTOMER_ADDRESS, "It came in a box without a number.")
    with installation.parts() as parts:
        process(parts)
    return case


@pytest.fixture
def made(installation: Installation, case: OpenedCase, tmp_path: Path) -> Path:
    path = tmp_path / "evidence.zip"
    done = installation.casegate("case", "evidence", case.id, "-o", path)
    assert done.status == 0, done.err
    return path


def test_evidence_is_made_and_checked(installation: Installation, case: OpenedCase, made: Path) -> None:
    done = installation.casegate("evidence", "verify", made)
    assert done.status == 0, done.err
    assert case.id in done.out
    assert "stands in it" in done.out
    assert made.stat().st_mode & 0o777 == 0o600


def test_the_published_key_checks_it(installation: Installation, made: Path, tmp_path: Path) -> None:
    shown = installation.casegate("evidence", "key")
    assert shown.out.startswith("-----BEGIN PUBLIC KEY-----\n")
    published = tmp_path / "key.pem"
    published.write_bytes(shown.raw)
    for key in (published, shown.lines[1]):
        done = installation.casegate("evidence", "verify", made, "--key", key)
        assert (done.status, "the key that you gave" in done.out) == (0, True), done.err
    fingerprint = shown.err.split()[-1]
    assert fingerprint in done.out


def test_it_is_checked_where_there_is_nothing_of_ours(made: Path, tmp_path: Path) -> None:
    """No settings, no database; and none of them is made, and nothing heavy is loaded."""
    folder = tmp_path / "bank"
    folder.mkdir()
    (folder / "received.zip").write_bytes(made.read_bytes())
    script = (
        "import sys; from gateway.__main__ import main\n"
        "sys.argv = ['casegate', 'evidence', 'verify', 'received.zip']\n"
        "try: main()\n"
        "finally: print(sorted({'peewee', 'fastapi', 'huey', 'jinja2', 'structlog'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "is whole and unchanged" in done.stdout
    assert done.stdout.endswith("[]\n")
    assert [path.name for path in folder.iterdir()] == ["received.zip"]


def test_what_was_changed_is_named_and_the_status_is_one(installation: Installation, made: Path) -> None:
    data = made.read_bytes()
    made.write_bytes(data.replace(b"a box without a number", b"a box with four lids!!"))
    done = installation.casegate("evidence", "verify", made)
    assert done.status == 1
    assert "messages.json" in done.err
    assert done.out == ""


def test_another_key_is_told_apart(installation: Installation, made: Path) -> None:
    done = installation.casegate("evidence", "verify", made, "--key", new_seal().public.text)
    assert (done.status, "the key to check with is" in done.err) == (1, True)


@pytest.mark.parametrize("words", [("no-such-file.zip",), (".",), ("settings.toml", "--key", "abc")])
def test_what_cannot_be_checked_has_status_one_or_is_a_usage_error(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(installation.file.parent)
    done = installation.casegate("evidence", "verify", *words)
    assert done.status in (1, 2)
    assert done.err


def test_no_words_in_it_can_drive_the_terminal(installation: Installation, tmp_path: Path) -> None:
    seal, path = new_seal(), tmp_path / "forged.zip"
    key = {"algorithm": ALGORITHM, "public": seal.public.text}
    manifest = spelled({"format": FORMAT, "key": key, "files": [], "case": {"id": "\x1b[2J"}, "store": 7})
    with path.open("w+b") as file:
        writer = Writer(file)
        writer.add(MANIFEST, [manifest])
        writer.add(SIGNATURE, [seal.sign(manifest)])
        writer.close()
    done = installation.casegate("evidence", "verify", path)
    assert (done.status, "\x1b" in done.out) == (0, False)


def test_the_key_is_made_once_and_is_private(installation: Installation, case: OpenedCase) -> None:
    first, second = installation.casegate("evidence", "key"), installation.casegate("evidence", "key")
    assert (first.status, first.out) == (0, second.out)
    (file,) = (installation.config.gateway.data_dir / "secrets").glob("evidence_key*")
    assert file.stat().st_mode & 0o777 == 0o600
    with installation.parts():
        made = [entry for entry in audit.listing() if entry.action == "evidence.key_made"]
    assert [entry.subject for entry in made] == [first.err.split()[-1]]


def test_a_key_that_is_lost_is_not_replaced_in_silence(
    installation: Installation, made: Path, case: OpenedCase, tmp_path: Path
) -> None:
    old = installation.casegate("evidence", "key")
    file = installation.config.gateway.data_dir / "secrets" / "evidence_key"
    file.unlink()
    for words in (("evidence", "key"), ("case", "evidence", case.id, "-o", tmp_path / "second.zip")):
        done = installation.casegate(*words)
        assert done.status == 65
        assert old.err.split()[-1] in done.err
        assert "--new" in done.err
    assert not file.exists()
    assert not (tmp_path / "second.zip").exists()
    new = installation.casegate("evidence", "key", "--new")
    assert (new.status, new.out == old.out) == (0, False)
    assert installation.casegate("case", "evidence", case.id, "-o", tmp_path / "second.zip").status == 0
    assert installation.casegate("evidence", "verify", tmp_path / "second.zip", "--key", new.lines[1]).status == 0
    assert installation.casegate("evidence", "verify", made, "--key", old.lines[1]).status == 0


def test_a_key_that_was_damaged_is_not_replaced(installation: Installation, case: OpenedCase) -> None:
    installation.casegate("evidence", "key")
    file = installation.config.gateway.data_dir / "secrets" / "evidence_key"
    file.write_text("-----BEGIN PRIVATE KEY-----\nabc\n")
    done = installation.casegate("evidence", "key")
    assert (done.status, str(file) in done.err) == (65, True)


def test_two_who_need_the_key_at_once_get_one(installation: Installation, case: OpenedCase) -> None:
    command = [sys.executable, "-m", "gateway", "evidence", "key", "--config", str(installation.file)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for _ in range(2)]
    first, second = (process.communicate()[0] for process in both)
    assert first == second
    assert first.startswith(b"-----BEGIN PUBLIC KEY-----")


def test_a_case_that_does_not_exist(installation: Installation, case: OpenedCase, tmp_path: Path) -> None:
    assert installation.casegate("case", "evidence", "case_0000", "-o", tmp_path / "x.zip").status == 66


def test_a_folder_that_does_not_exist_is_named(installation: Installation, case: OpenedCase, tmp_path: Path) -> None:
    done = installation.casegate("case", "evidence", case.id, "-o", tmp_path / "no" / "x.zip")
    assert (done.status, "No such file or directory" in done.err) == (65, True)


def test_the_other_spelling_of_a_case_is_known(installation: Installation, case: OpenedCase, tmp_path: Path) -> None:
    done = installation.casegate("case", "evidence", case.id.replace("case_", "cs_"), "-o", tmp_path / "x.zip")
    assert done.status == 0, done.err

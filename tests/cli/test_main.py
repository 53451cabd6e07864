"""How commands end: exit statuses, readable errors, help."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from gateway import errors
from gateway.__main__ import EXIT_STATUS, readable
from gateway.cli import app


def every_error(kind: type[errors.CasegateError] = errors.CasegateError) -> Iterator[type[errors.CasegateError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from every_error(child)


def casegate(folder: Path, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """The real command, as a user types it in a folder."""
    return subprocess.run([sys.executable, "-m", "gateway", *words], cwd=folder, input=stdin, capture_output=True)


def leaves(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command with its full name."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(leaves(typer.main.get_command(app)))


def test_every_error_has_an_exit_status_of_its_own_line() -> None:
    missing = {kind.__name__ for kind in every_error() if kind.__module__.startswith("gateway")} - {
        kind.__name__ for kind in EXIT_STATUS
    }
    assert not missing


def test_only_trouble_of_ours_is_tried_again() -> None:
    for kind, status in EXIT_STATUS.items():
        assert (status == os.EX_TEMPFAIL) == issubclass(kind, errors.Later), kind
        assert status != os.EX_OK


def test_statuses_that_pipe_transports_know() -> None:
    assert EXIT_STATUS[errors.UnknownRecipient] == 67
    assert EXIT_STATUS[errors.RelayingDenied] == 77
    assert EXIT_STATUS[errors.StorageFull] == 75
    assert EXIT_STATUS[errors.TooLarge] == 65


def test_each_problem_is_a_line() -> None:
    error = errors.Invalid((errors.Problem("smtp.listen", "write host:port"), errors.Problem("", "not valid TOML")))
    assert readable(error) == ["smtp.listen: write host:port", "not valid TOML"]


def test_the_commands_of_the_design_are_there() -> None:
    assert set(COMMANDS) == {
        "run", "demo", "smtp", "web", "worker", "check", "migrate", "config",
        "store add", "store set", "store show", "store list",
        "backup", "restore", "resume",
        "member add", "member role", "member remove", "member list", "member mute", "member unmute",
        "token create", "token list",
        "token revoke", "participant list", "participant revoke", "participant forget", "audit", "deliver", "sweep",
        "inbox list", "inbox show", "inbox replay", "inbox release", "inbox drop",
        "explain", "alarm list", "alarm clear", "outbox list", "outbox show", "outbox retry",
        "suppression list", "suppression add", "suppression remove", "dkim create", "dkim list",
        "template list", "template show", "template edit", "template remove", "template undo", "template check",
        "template preview", "template send-test", "language list", "language messages",
        "export", "erase", "case escalate", "case evidence", "evidence key", "evidence verify",
    }  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_a_config_and_says_what_it_does(name: str) -> None:
    command = COMMANDS[name]
    assert "--config" in {option for parameter in command.params for option in parameter.opts}
    assert command.help


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    script = (
        "import sys, gateway.__main__\n"
        "heavy = {'pydantic', 'peewee', 'fastapi', 'huey', 'uvicorn', 'aiosmtpd', 'jinja2', 'structlog'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_five_mistakes_are_five_lines(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[gateway]\npublic_ulr = "https://cases.example.org"\n[http]\nlisten = "8080"\n'
        '[smtp]\nmax_size = 1\n[hook]\nx = 1\n[[relay]]\nurl = "relay.example.org"\n'
    )
    done = casegate(tmp_path, "store", "list")
    lines = done.stderr.decode().splitlines()
    assert done.returncode == 65
    assert [line.partition(":")[0] for line in sorted(lines)] == [
        "gateway.public_ulr", "hook", "http.listen", "relay.0.url", "smtp.max_size",
    ]  # fmt: skip
    assert "did you mean public_url?" in done.stderr.decode()
    assert done.stdout == b""


def test_without_a_database_it_says_what_to_run_and_makes_nothing(tmp_path: Path) -> None:
    done = casegate(tmp_path, "store", "list")
    assert done.returncode == 65
    assert done.stderr.decode().startswith(
        "database.url: there is no database data/casegate.db yet: run `casegate run`"
    )
    assert b"Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_option_is_a_usage_error(tmp_path: Path) -> None:
    done = casegate(tmp_path, "store", "list", "--colour")
    assert done.returncode == 2
    assert b"--colour" in done.stderr

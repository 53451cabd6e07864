"""The gateway as a user starts it: a process of its own, administered while it runs."""

import json
import os
import pty
import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.installation import CUSTOMER_ADDRESS, Installation, mail


@contextmanager
def started(*words: str, folder: Path) -> Iterator[tuple["subprocess.Popen[str]", dict[str, Any]]]:
    """A role at work, and what it told when it began."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", *words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            entry = json.loads(line)
            if entry["event"] == "gateway.started":
                break
        else:
            pytest.fail("it ended without having started")
        yield process, entry
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_for_line(process: "subprocess.Popen[str]", event: str) -> dict[str, Any]:
    """The next log entry of that name."""
    assert process.stderr is not None
    for line in process.stderr:
        entry: dict[str, Any] = json.loads(line)
        if entry["event"] == event:
            return entry
    pytest.fail(f"it ended without {event}")


def casegate(folder: Path, *words: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([sys.executable, "-m", "gateway", *words], cwd=folder, input=stdin, capture_output=True)


def test_run_takes_mail_by_smtp_and_pipe_is_administered_meanwhile_and_ends_well(
    installation: Installation, tmp_path: Path
) -> None:
    case = installation.open_case()
    settings = ("--config", str(installation.file))
    with started("run", *settings, folder=tmp_path) as (process, told):
        host, _, port = told["smtp"].rpartition(":")
        with smtplib.SMTP(host, int(port)) as client:
            client.sendmail(CUSTOMER_ADDRESS, case.customer, mail(CUSTOMER_ADDRESS, case.customer, "By SMTP"))
        assert wait_for_line(process, "mail.done")["outcome"] == "posted"
        piped = mail(CUSTOMER_ADDRESS, case.customer, "By pipe")
        done = casegate(tmp_path, "deliver", "--from", CUSTOMER_ADDRESS, "--to", case.customer, *settings, stdin=piped)
        assert (done.returncode, done.stderr) == (0, b"")
        entry = wait_for_line(process, "mail.done")  # without waiting for the sweep of the next minute
        assert (entry["outcome"], entry["inbox_id"]) == ("posted", int(done.stdout))
        assert casegate(tmp_path, "store", "list", *settings).returncode == 0
        second = casegate(tmp_path, "run", *settings)
        assert second.returncode == 65
        assert b"is used by another running gateway" in second.stderr
        assert b"Traceback" not in second.stderr
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate()
    assert (process.returncode, out) == (0, "")
    assert "gateway.stopped" in err
    assert installation.bodies(case)[1:][::2] == ["By SMTP", "By pipe"]


def test_on_a_terminal_it_says_where_it_listens_and_what_to_do_next(installation: Installation, tmp_path: Path) -> None:
    socket = tmp_path / "lmtp"
    installation.file.write_text(installation.file.read_text().replace("[smtp]", f'[smtp]\nlmtp_listen = "{socket}"'))
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "gateway", "run", "--config", str(installation.file)]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=theirs, stderr=subprocess.DEVNULL)
    try:
        told = ""
        while "Ctrl-C" not in told:
            told += os.read(ours, 4_096).decode()
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)
    assert "Casegate is running." in told
    assert "127.0.0.1:" in told
    assert f"LMTP   {socket}, for a mail server" in told
    assert "casegate store add" in told


def test_a_role_of_its_own_makes_no_secrets(installation: Installation, tmp_path: Path) -> None:
    settings = ("--config", str(installation.file))
    assert b"casegate migrate" in casegate(tmp_path, "worker", *settings).stderr
    casegate(tmp_path, "migrate", *settings)
    done = casegate(tmp_path, "smtp", *settings)
    assert done.returncode == 65
    assert b"tokens.keys: " in done.stderr
    assert b"start `casegate run` once" in done.stderr
    with installation.parts():
        pass  # the first run
    with started("smtp", *settings, folder=tmp_path) as (process, told):
        assert told["http"] is None
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0


def test_a_port_in_use_is_said_in_words(installation: Installation, tmp_path: Path, closed_port: int) -> None:
    settings = ("--config", str(installation.file))
    text = installation.file.read_text().replace(
        '[http]\nlisten = "127.0.0.1:0"', f'[http]\nlisten = "127.0.0.1:{closed_port}"'
    )
    installation.file.write_text(text)
    with started("run", *settings, folder=tmp_path):
        other = text.replace(str(installation.config.gateway.data_dir), str(tmp_path / "other"))
        (tmp_path / "other.toml").write_text(other)
        done = casegate(tmp_path, "run", "--config", "other.toml")
    assert done.returncode == 65
    lines = [line for line in done.stderr.decode().splitlines() if not line.startswith("{")]
    assert len(lines) == 1
    assert lines[0].startswith(f"http.listen: cannot listen on 127.0.0.1:{closed_port}: ")

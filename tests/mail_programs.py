"""Mail programs of Debian that answer what the gateway sent as their users do: mutt and s-nail."""

import mailbox
import os
import pty
import re
import select
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from tests.sink import PATIENCE, Mail

_GO_TO = re.compile(rb"\x1b\[[0-9;]*H")
_ESCAPES = re.compile(rb"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|[()][0-9A-Z]|[=>78MDEHc])")


def skip_without(program: str) -> None:
    """Skip the test that runs when a program is missing."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def in_mailbox(mails: Iterable[Mail], file: Path) -> Path:
    """The mails of one recipient as his mail system stores them (mbox)."""
    box = mailbox.mbox(file)
    for mail in mails:
        entry = mailbox.mboxMessage(mail.raw)
        entry.set_from(mail.envelope_from, time.gmtime())
        entry["Return-Path"] = f"<{mail.envelope_from}>"
        box.add(entry)
    box.close()
    return file


class Mutt:
    """mutt with a home of its own. It answers at the top, above what it quotes."""

    def __init__(self, home: Path, address: str, smtp_port: int) -> None:
        skip_without("mutt")
        self._home = home
        (home / "Mail").mkdir(parents=True, exist_ok=True)
        (home / "muttrc").write_text(
            f'set from="{address}" use_envelope_from=yes realname="Tom Reed" hostname="customer.example.org"\n'
            f'set smtp_url="smtp://127.0.0.1:{smtp_port}/" ssl_starttls=no ssl_force_tls=no\n'
            "set fast_reply=yes include=yes reply_to=yes abort_unmodified=no mark_old=no\n"
            "set copy=no record= confirmappend=no quit=yes move=no wait_key=no header_cache= mail_check=0\n"
            "set sort=threads ascii_chars=yes charset=utf-8\n"
            f'set editor="{home / "editor"}"\n'
        )

    def answers(self, box: Path, number: int, words: str) -> None:
        """Open a mailbox, answer its n-th mail with these words, and send the answer."""
        (self._home / "words").write_text(words + "\n\n")
        editor = self._home / "editor"
        editor.write_text(f'#!/bin/sh\ncat "{self._home}/words" "$1" > "$1.new" && mv "$1.new" "$1"\n')
        editor.chmod(0o700)
        self._at_terminal(box, f"{number}<enter><reply><send-message><exit>")

    def index(self, box: Path) -> str:
        """Its list of mails, threaded, as it stands on the screen."""
        return self._at_terminal(box, keys="x", at="---Mutt")

    def _at_terminal(self, box: Path, pushed: str = "", **typed: str) -> str:
        push = ["-e", f"push '{pushed}'"] if pushed else []
        command = ["mutt", "-F", str(self._home / "muttrc"), "-f", str(box), *push]
        return at_terminal(command, {"HOME": str(self._home), "TERM": "vt100", "LANG": "C.UTF-8"}, **typed)


class Nail:
    """s-nail, the `mail` command of many systems. Its user writes below what it quotes, with a tab before each line.

    Left to itself it answers From, whatever Reply-To says.
    """

    def __init__(self, home: Path, address: str, smtp_port: int, **settings: str) -> None:
        skip_without("s-nail")
        self._home = home
        home.mkdir(exist_ok=True)
        self._settings = {
            "mta": f"smtp://127.0.0.1:{smtp_port}", "smtp-config": "-starttls,-all", "smtp-auth": "none",
            "from": f"Tom Reed <{address}>", "hostname": "customer.example.org", "quote": "", "v15-compat": "yes",
            "sendwait": "", "MBOX": str(home / "mbox"), "DEAD": str(home / "dead"), "ttycharset": "utf-8",
            **settings,
        }  # fmt: skip

    def answers(self, box: Path, number: int, words: str) -> None:
        """Open a mailbox, answer its n-th mail with these words below the quotation, and send the answer."""
        options = [part for name, value in self._settings.items() for part in ("-S", f"{name}={value}".rstrip("="))]
        done = subprocess.run(
            ["s-nail", "-:/", "-#", *options, "-f", str(box)],
            input=f"reply {number}\n{words}\n~.\nexit\n".encode(),
            env={"HOME": str(self._home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()


def at_terminal(command: list[str], environment: Mapping[str, str], *, keys: str = "", at: str = "") -> str:
    """Run a program at a terminal of 120 x 40 until it ends. Returns what it wrote there, without escape sequences.

    keys: what its user types when `at` stands on the screen.
    """
    process, terminal = pty.fork()
    if process == 0:
        os.execvpe(command[0], command, {"PATH": os.environ["PATH"], "COLUMNS": "120", "LINES": "40", **environment})
    written, deadline = bytearray(), time.monotonic() + PATIENCE
    try:
        while True:
            waiting = select.poll()  # `select.select` takes no descriptor above 1,023
            waiting.register(terminal, select.POLLIN)
            is_ready = waiting.poll(1_000 * (deadline - time.monotonic()))
            assert is_ready, f"{command[0]} waits for its user:\n{seen(written)}"
            try:
                piece = os.read(terminal, 65_536)
            except OSError:  # how Linux says that the other side has gone
                break
            if not piece:
                break
            written += piece
            if keys and at in seen(written):
                os.write(terminal, keys.encode())
                keys = ""
    finally:
        os.close(terminal)
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 0, seen(written)
    return seen(written)


def seen(written: bytes | bytearray) -> str:
    """The text that was written to a terminal; what moves the cursor to another line begins a line."""
    return _ESCAPES.sub(b"", _GO_TO.sub(b"\n", bytes(written))).decode(errors="replace")

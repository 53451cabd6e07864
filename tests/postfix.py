"""A Postfix of a test's own, in front of the gateway: set up as docs/behind-postfix.md says, in a folder of its own."""

import contextlib
import json
import os
import re
import shutil
import smtplib
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import make_certificate
from tests.sink import PATIENCE
from tests.world import DOMAIN, wait_until

GUIDE = Path(__file__).parent.parent / "docs" / "behind-postfix.md"
# As the guide has them: where Casegate listens, and the name of the mail server in front.
SOCKET, LMTP, SMTP, FRONT = "/run/casegate/lmtp", "127.0.0.1:2524", "[192.0.2.30]:2525", "mx.example.org"
POSTFIX = shutil.which("postfix") or "/usr/sbin/postfix"

HANDS_OVER_FROM = "127.0.0.2"  # in place of the address that a Postfix on another machine has

# What makes it private: nothing outside the folder, no look-ups, quick tries. Everything else is the guide's.
MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
lmtp_bind_address = {address}
smtp_bind_address = {address}
myhostname = mx.example.org
mydestination =
mynetworks = 192.0.2.0/24
alias_maps =
local_recipient_maps =
disable_dns_lookups = yes
smtp_host_lookup = native
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
notify_classes =
"""

# Nothing runs in a chroot, and nothing as often as a real site needs.
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
127.0.0.1:{filtered_port} inet n - n - - smtpd
  -o cleanup_service_name=guided -o smtpd_milters=inet:127.0.0.1:{filter_port} {guided}
guided unix n - - - 0 cleanup {guided}
127.0.0.1:{careless_port} inet n - n - - smtpd
  -o smtpd_milters=inet:127.0.0.1:{filter_port}
127.0.0.1:{silent_port} inet n - n - - smtpd
  -o cleanup_service_name=silent
127.0.0.1:{relay_port} inet n - n - - smtpd
  -o mynetworks=127.0.0.0/8 -o smtpd_recipient_restrictions=permit_mynetworks,reject
  -o smtpd_relay_restrictions=permit_mynetworks,reject
  -o smtpd_tls_security_level=may -o smtpd_tls_chain_files={folder}/relay.pem
silent unix n - - - 0 cleanup
  -o header_checks=regexp:{folder}/silent
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
showq unix n - n - - showq
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
"""

# Postfix goes on by itself: the shell stops it when our end of the pipe closes, also when a test run is killed.
UNTIL_WE_END = '"$0" -c "$1" start-fg & cat; "$0" -c "$1" stop; wait'


def skip_without_postfix() -> None:
    """A machine without it, or a user who may not start it, has nothing to see here."""
    if not os.access(POSTFIX, os.X_OK):
        pytest.skip("postfix is not installed (Debian: apt-get install postfix)")
    if os.geteuid() != 0:
        pytest.skip("postfix starts as root only")


def guide(language: str) -> list[str]:
    """The blocks of one language in the guide."""
    return re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)


def _block(text: str) -> str:
    """The one block of plain text in the guide that has this in it."""
    [block] = [block for block in guide("text") if text in block]
    return block


def free_ports(count: int) -> list[int]:
    """Ports of this machine where nobody listens."""
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in listeners]


class Postfix:
    """Takes mail at `port`; passes on what is ours to the gateway and everything else to a sink.

    folder: everything is below it; postfix's own user must be able to enter it. transport: "lmtp:inet", "lmtp:unix" or
    "smtp". verifies: as the guide says, it asks the gateway about a recipient while the sender waits.

    gateway_port, lmtp_port, socket: where it looks for the gateway; sink_port: where for everybody else.
    filtered_port: the same with the guide's lines about a filter, which is asked at filter_port; careless_port: with
    the filter, without these lines; silent_port: nobody hears whom a mail is from; relay_port: takes mail of ours for
    everybody, encrypted if we want, with a certificate for localhost that signs itself (`certificate`).
    """

    def __init__(self, folder: Path, transport: str, *, verifies: bool) -> None:
        self.socket = folder / "lmtp"
        self.port, self.filtered_port, self.careless_port, self.silent_port, self.relay_port, *ours = free_ports(9)
        self.gateway_port, self.lmtp_port, self.sink_port, self.filter_port = ours
        self.certificate = make_certificate(folder / "relay.pem")
        self._folder = folder
        self._log = folder / "maillog"
        self._seen = 0  # characters of the log that belong to the tests before
        for name in ("queue", "data"):
            (folder / name).mkdir()
            (folder / name).chmod(0o755)  # a gateway in this process keeps new files to itself
        shutil.chown(folder / "data", "postfix")
        main, filtered = (block.replace("/etc/postfix", str(folder)) for block in guide("ini"))
        files = {
            "main.cf": MAIN.format(folder=folder, address=HANDS_OVER_FROM) + main,
            "master.cf": MASTER.format(
                **vars(self), folder=folder, guided=" ".join(f"-o {{ {line} }}" for line in filtered.splitlines())
            ),
            "transport": self._route(transport) + f"* smtp:[127.0.0.1]:{self.sink_port}\n",
            "header_checks": _block("IGNORE"),
            "silent": "/^Received:.*\\(Postfix\\)/ IGNORE\n",
        }
        if not verifies:
            files["main.cf"] = files["main.cf"].replace(", reject_unverified_recipient", "")
        for name, text in files.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o644)
        command = ["sh", "-c", UNTIL_WE_END, POSTFIX, str(folder)]
        self._shell = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, umask=0o022)
        wait_until(self._greets)

    def _route(self, transport: str) -> str:
        route = _block(f"  {transport}:").replace(SOCKET, str(self.socket))
        route = route.replace(LMTP, f"127.0.0.1:{self.lmtp_port}")
        return route.replace(SMTP, f"[127.0.0.1]:{self.gateway_port}")

    def _greets(self) -> bool:
        log = self._log.read_text() if self._log.exists() else ""
        assert "fatal:" not in log, log
        with contextlib.suppress(OSError, smtplib.SMTPException), smtplib.SMTP("127.0.0.1", self.port):
            return True
        return False

    def stop(self) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        self._shell.wait(PATIENCE)

    def forget(self) -> None:
        """Drop what waits and what was told, for the next test."""
        self._run("postsuper", "-d", "ALL")
        self._seen = len(self._log.read_text())

    def _run(self, command: str, *arguments: str) -> str:
        done = subprocess.run(
            [command, "-c", str(self._folder), *arguments], check=True, capture_output=True, text=True
        )
        return done.stdout

    def queue(self) -> list[dict[str, Any]]:
        """The mails that wait or are on their way."""
        return [json.loads(line) for line in self._run("postqueue", "-j").splitlines()]

    def waiting(self, answer: str) -> list[str]:
        """Recipients whose mail waits because of such an answer."""
        recipients = [recipient for mail in self.queue() for recipient in mail["recipients"]]
        return [recipient["address"] for recipient in recipients if answer in recipient.get("delay_reason", "")]

    def flush(self) -> None:
        """Try everything now."""
        self._run("postqueue", "-f")

    def sessions(self) -> int:
        """How many connections it has taken since the last test."""
        return len(re.findall(r"/smtpd\[\d+\]: connect from", self._log.read_text()[self._seen :]))

    def told(self) -> list[str]:
        """What became of each recipient of ours, as the log has it: `address: status (reason)`."""
        log = self._log.read_text()[self._seen :]
        found = re.findall(r"to=<([^>]+)>.* status=(\w+ \(.*\))", log)
        return [f"{address}: {status}" for address, status in found if address.endswith(f"@{DOMAIN}")]

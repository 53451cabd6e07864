"""An installation for each test, and a relay that works when a test asks for one."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from aiosmtpd.controller import Controller

from gateway import logs
from tests.cli.installation import Installation, Mailbox


@pytest.fixture(autouse=True)
def no_logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Loggers keep the stream that they were made with, and the runner closes its own with each command."""

    def configure() -> None:
        structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), cache_logger_on_first_use=False)

    monkeypatch.setattr(logs, "configure", configure)
    yield
    structlog.reset_defaults()


@pytest.fixture
def closed_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def installation(tmp_path: Path, closed_port: int) -> Installation:
    """Settings only: no database yet. Its relay is down."""
    return Installation(tmp_path, closed_port)


@pytest.fixture
def mailbox(closed_port: int) -> Iterator[Mailbox]:
    """Makes the installation's relay work."""
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=closed_port)
    controller.start()
    yield mailbox
    controller.stop()

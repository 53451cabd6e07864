"""What commands work on: the settings of `--config`, the rows and files, or all parts of a process."""

import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gateway.app import Parts
    from gateway.config import Config
    from store.database import Database
    from store.files import Files

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The settings; by default config.toml, if there is one."),
]


def settings(file: Path | None, *, log_level: int = logging.WARNING) -> "Config":
    """Read the settings and set logging up. log_level: commands of a person tell only trouble. Raises Invalid."""
    import structlog

    from gateway import config, logs

    logs.configure()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(log_level))
    return config.load(file)


@contextmanager
def opened(config: "Config") -> Iterator[tuple["Database", "Files"]]:
    """The rows and the files, also while the gateway runs. Raises Invalid when there is no database yet."""
    from gateway.app import open_store

    database, files = open_store(config, migrate=False)
    try:
        yield database, files
    finally:
        database.close()


def utc_now() -> datetime:
    """The clock of commands."""
    return datetime.now(UTC)


@contextmanager
def working(config: "Config", now: Callable[[], datetime] = utc_now) -> Iterator["Parts"]:
    """All parts, for a command that works beside the gateway; what it leaves to do wakes the gateway's workers."""
    from gateway.app import build

    parts = build(config, run=False, worker=worker_name(), now=now)
    parts.bell.start()
    try:
        yield parts
    finally:
        parts.bell.stop()
        parts.authenticator.close()
        parts.reader.close()
        parts.dispatcher.close()
        parts.overrides.close()
        parts.database.close()


def worker_name() -> str:
    """A name that no other process has: leases are known by it."""
    return f"{socket.gethostname()[:40]}-{os.getpid()}"

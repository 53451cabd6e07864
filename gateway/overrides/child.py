"""Where the words of stores are made and tried: one child process for all of them, with limits."""

from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

import structlog

from gateway.errors import Problem
from gateway.heavy import Killed, Workshop
from gateway.overrides.render import Broken

P = ParamSpec("P")
T = TypeVar("T")

CPU_SECONDS: Final = 1
MEMORY_BYTES: Final = 256 * 1024 * 1024  # of address space
_IDLE_SECONDS: Final = 600
_MAILS: Final = 10_000  # of one child: to start another costs as much as a thousand mails

log = structlog.get_logger("overrides")


class Child:
    """Threads may share it; it does one thing after the other."""

    def __init__(self) -> None:
        # Apart from the child that reads heavy mail: a mail that is read for ten seconds keeps no mail from going out.
        self._workshop = Workshop(
            cpu_seconds=CPU_SECONDS, memory_bytes=MEMORY_BYTES, recycle=_MAILS, idle_seconds=_IDLE_SECONDS
        )

    def close(self) -> None:
        """End the process."""
        self._workshop.close()

    def made(self, render: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What words come to. Raises Broken."""
        try:
            return self._workshop.run(render, *args, **kwargs)
        except Killed:
            log.warning("overrides.child_killed")  # perhaps by somebody else: another try tells
        try:
            return self._workshop.run(render, *args, **kwargs)
        except Killed as error:
            raise Broken("", f"{error}; make it shorter, with fewer loops") from error

    def refused(self, check: Callable[P, tuple[Problem, ...]], *args: P.args, **kwargs: P.kwargs) -> list[Problem]:
        """What of words is not allowed."""
        try:
            return list(self._workshop.run(check, *args, **kwargs))
        except Killed as error:
            return [Problem("", f"{error} only to read it; make it shorter")]

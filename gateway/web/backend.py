"""What the routes work with, handed in once when the application is made."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from gateway.desk import Desk
from gateway.support import Support
from store.credentials import Credential


@dataclass(frozen=True, slots=True)
class Backend:
    """The desk and the few other things that a route may ask. Everything here blocks but `now`.

    find_token: the credential of a token's secret, None when there is none.
    hook_keys: raw keys of the hooks' secrets, any of which may sign. problems: why this process is not ready to serve,
    empty when it is.
    """

    desk: Desk
    support: Support
    find_token: Callable[[str], Credential | None]
    hook_keys: tuple[bytes, ...]
    problems: Callable[[], list[str]]
    now: Callable[[], datetime]


async def _backend(request: Request) -> Backend:
    backend: Backend = request.app.state.backend
    return backend


Behind = Annotated[Backend, Depends(_backend)]

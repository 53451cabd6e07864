"""The HTTP application: routes, failures, health and documentation put together. `gateway/app.py` serves it."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from gateway.desk import Desk
from gateway.support import Support
from gateway.web import docs, failures, hooks, store_api
from gateway.web.backend import Backend, Behind
from gateway.web.boundary import Boundary
from gateway.web.signatures import key_of
from store.credentials import Credential

THREADS = 8  # requests that are in the desk at the same time; each holds a connection to the database


_NOT_READY: dict[int | str, dict[str, Any]] = {503: {"description": "`problems` says why not"}}


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    yield


def make_app(
    desk: Desk,
    support: Support,
    find_token: Callable[[str], Credential | None],
    *,
    hook_secrets: Sequence[str],
    problems: Callable[[], list[str]],
    now: Callable[[], datetime],
) -> FastAPI:
    """The application. Raises ValueError when a secret is malformed.

    find_token: see `store.credentials`. hook_secrets: `whsec_…`, any of them may sign. problems: what keeps this
    process from being ready, empty when nothing does; called in a worker thread. now: aware, UTC.
    """
    app = FastAPI(
        title="Casegate",
        openapi_url=None,  # described by `gateway/web/docs.py`
        redirect_slashes=False,
        lifespan=_lifespan,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.backend = Backend(desk, support, find_token, tuple(map(key_of, hook_secrets)), problems, now)
    app.add_middleware(Boundary)
    failures.install(app)
    app.include_router(store_api.router)
    app.include_router(hooks.router)
    app.add_api_route("/healthz", alive, summary="Alive", response_description="The process is alive", tags=["Health"])
    app.add_api_route(
        "/readyz", ready, summary="Ready to serve", response_description="Ready", tags=["Health"], responses=_NOT_READY
    )
    app.include_router(docs.router)
    return app


async def alive() -> dict[str, bool]:
    """The event loop turns."""
    return {"ok": True}


def ready(behind: Behind) -> JSONResponse:
    """Whether this process can take and send mail, and why not."""
    problems = behind.problems()
    return JSONResponse({"ok": False, "problems": problems}, 503) if problems else JSONResponse({"ok": True})

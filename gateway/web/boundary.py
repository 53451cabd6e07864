"""The outermost layer of the HTTP door: a log line for each request, safe headers, no exception that gets through."""

import time

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.web.failures import unexpected

CLIENT_GONE = 499  # only for the log: nobody is there to be answered

log = structlog.get_logger("web")


class Boundary:
    """ASGI middleware. The log names the route's template, never the path, query, headers or body of a request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Cache-Control", "no-store")  # answers hold people's words and addresses
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except ClientDisconnect:
            status = CLIENT_GONE
        except Exception:
            log.exception("web.fault", route=_route(scope))
            if status == 0:
                await unexpected()(scope, receive, watched)
        finally:
            milliseconds = round((time.perf_counter() - started) * 1000, 1)
            log.info("web.request", method=scope["method"], route=_route(scope), status=status, ms=milliseconds)


def _route(scope: Scope) -> str:
    """`/v2/core/stores/{storeId}/cases`; a path that is no route may hold anything, so it is not repeated."""
    return getattr(scope.get("route"), "path", "no such route")

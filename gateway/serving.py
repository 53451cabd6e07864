"""A process at work: start its servers and workers, and on SIGTERM finish what is in hand within ten seconds."""

import asyncio
import fcntl
import os
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from enum import Flag, auto
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
import uvicorn
import uvloop

from gateway import rendering
from gateway.app import Parts
from gateway.config import Config
from gateway.errors import Invalid, Problem, StorageFull, StoreUnavailable
from gateway.inbound.server import SmtpServer
from gateway.web import acting, case_page, confirm, files, metrics, unsubscribe
from gateway.web.providers.routes import make_router
from gateway.web.server import make_app
from store import credentials, inbox, outbox
from tasks.queue import QuietConsumer, make_consumer

if TYPE_CHECKING:
    from gateway.web.mailbox import Pages

SESSION_GRACE = 3.0  # seconds for mails that are being received
HTTP_GRACE = 2  # seconds for requests that are being answered
WORKER_THREADS = 4
WATCH_SECONDS = 5.0  # between two looks at the free space
DISK_FAILED = 70  # exit status (EX_SOFTWARE of sysexits): the supervisor starts us again, and we look again

log = structlog.get_logger("app")


class Role(Flag):
    """What a process does."""

    SMTP = auto()
    WEB = auto()
    WORKER = auto()
    RUN = SMTP | WEB | WORKER


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a process listens; None for what it does not do. lmtp: host:port, or the path of a socket."""

    smtp: tuple[str, int] | None
    http: tuple[str, int] | None
    lmtp: str | None = None


def serve(parts: Parts, role: Role, *, ready: Callable[[Listening], None] = lambda listening: None) -> int:
    """Work until SIGTERM or SIGINT. Returns the exit status. Raises Invalid when a port is in use."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work(parts, role, ready=ready))


async def work(parts: Parts, role: Role, *, ready: Callable[[Listening], None], pages: "Pages | None" = None) -> int:
    """`serve` on an event loop that runs already, in the main thread. pages: served beside the routes of every role."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _end, ended, 0)

    def disk_failed(_: BaseException) -> None:
        loop.call_soon_threadsafe(_end, ended, DISK_FAILED)

    parts.database.on_fatal = disk_failed
    async with at_work(parts, role, pages) as listening:
        ready(listening)
        status = await ended
        log.info("gateway.stopping")
    log.info("gateway.stopped", status=status)
    return status


@asynccontextmanager
async def at_work(parts: Parts, role: Role, pages: "Pages | None" = None) -> AsyncIterator[Listening]:
    """Servers and workers in the running loop; afterwards they finish what is in hand, and `parts` are used up.

    Raises Invalid when a port is in use.
    """
    await _look_at_disk(parts)
    watch = asyncio.get_running_loop().create_task(_watch(parts))
    try:
        async with _workers(parts, role), _http(parts, role, pages) as http, _smtp(parts, role) as (smtp, lmtp):
            log.info("gateway.started", smtp=_place(smtp), lmtp=lmtp, http=_place(http), pid=os.getpid())
            yield Listening(smtp, http, lmtp)
            parts.stopping.set()
    finally:
        watch.cancel()
        await asyncio.to_thread(_close, parts)


def _end(ended: asyncio.Future[int], status: int) -> None:
    if not ended.done():
        ended.set_result(status)


def _place(address: tuple[str, int] | None) -> str | None:
    return None if address is None else f"{address[0]}:{address[1]}"


def _close(parts: Parts) -> None:
    parts.bell.stop()
    parts.authenticator.close()
    parts.reader.close()
    parts.dispatcher.close()
    parts.queue.storage.close()
    parts.overrides.close()
    parts.database.close()


async def _watch(parts: Parts) -> None:
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        await _look_at_disk(parts)


async def _look_at_disk(parts: Parts) -> None:
    """Close the mail door while nothing could be kept (HARDENING rule 2)."""
    floor = parts.config.gateway.free_space_floor
    free = await asyncio.to_thread(parts.files.free_space)
    if not parts.database.healthy:
        parts.admission.closed = StoreUnavailable("Mail cannot be stored at the moment; please try again later")
    elif free < floor:
        parts.admission.closed = StorageFull("There is no room for mail at the moment; please try again later")
        log.error("disk.full", free=free, floor=floor)
    else:
        parts.admission.closed = None


@asynccontextmanager
async def _workers(parts: Parts, role: Role) -> AsyncIterator[None]:
    """The consumer of wakes. Other roles ring only. It stops last, so that what the doors took is on its way."""
    parts.bell.start()
    consumer: QuietConsumer | None = None
    if Role.WORKER in role:
        consumer = make_consumer(parts.queue, WORKER_THREADS)
        consumer.start()
        parts.jobs.wake_inbox()  # what was left behind is due now
        parts.jobs.wake_outbox()
        parts.jobs.wake_deliveries()
    try:
        yield
    finally:
        if consumer is not None:
            await asyncio.to_thread(consumer.stop, graceful=True)


@asynccontextmanager
async def _smtp(parts: Parts, role: Role) -> AsyncIterator[tuple[tuple[str, int] | None, str | None]]:
    """Where SMTP and LMTP are spoken."""
    if Role.SMTP not in role:
        yield None, None
        return
    config = parts.config
    server = SmtpServer(parts.intake, config.smtp, hostname=config.mail.reply_domain, tls=_certificate(config))
    try:
        host, port = _host_and_port(config.smtp.listen)
        try:
            port = await server.start(host, port)
        except OSError as error:
            raise _cannot_listen("smtp.listen", config.smtp.listen, error) from error
        yield (host, port), await _start_lmtp(server, config.smtp.lmtp_listen)
    finally:
        await server.stop(SESSION_GRACE)


async def _start_lmtp(server: SmtpServer, listen: str) -> str | None:
    try:
        if listen.startswith("/"):
            await server.start_lmtp_at(Path(listen))
        elif listen:
            host, port = _host_and_port(listen)
            return _place((host, await server.start_lmtp(host, port)))
    except OSError as error:
        raise _cannot_listen("smtp.lmtp_listen", listen, error) from error
    return listen or None


@asynccontextmanager
async def _http(parts: Parts, role: Role, pages: "Pages | None") -> AsyncIterator[tuple[str, int] | None]:
    if Role.WEB not in role:
        yield None
        return
    app = make_app(
        parts.desk,
        parts.support,
        credentials.find_token,
        hook_secrets=parts.secrets.hook_secrets,
        problems=parts.problems,
        now=parts.now,
    )
    app.include_router(make_router(parts.config, parts.intake, now=parts.now))
    counted = metrics.Process(parts.admission.answers, lambda: dict(parts.dispatcher.tries))
    http = parts.config.http
    app.include_router(metrics.make_router(counted, networks=http.metrics_from, proxies=http.proxy_from, now=parts.now))
    public_url = parts.config.gateway.public_url
    keyring, renderer = parts.secrets.keyring, rendering.built_in()
    app.include_router(confirm.pages(parts.database, keyring, renderer, public_url=public_url))
    app.include_router(unsubscribe.pages(parts.database, keyring, renderer, public_url=public_url))
    app.include_router(
        acting.pages(parts.desk, parts.closing, keyring, parts.composer, renderer, public_url=public_url)
    )
    app.include_router(case_page.pages(keyring, parts.composer, renderer))
    app.include_router(files.routes(keyring, parts.files, renderer))
    if pages is not None:
        app.include_router(pages)
    host, port = _host_and_port(parts.config.http.listen)
    try:
        listener = socket.create_server((host, port), backlog=1_024)
    except OSError as error:
        raise _cannot_listen("http.listen", parts.config.http.listen, error) from error
    server = _HttpServer(
        uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=HTTP_GRACE,
            proxy_headers=False, lifespan="on",
        )
    )  # fmt: skip
    serving = asyncio.get_running_loop().create_task(server.serve(sockets=[listener]))
    try:
        yield host, listener.getsockname()[1]
    finally:
        server.should_exit = True
        await serving


class _HttpServer(uvicorn.Server):
    """uvicorn beside other servers: signals are the business of `work`."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signal handlers as they are."""
        yield


def _host_and_port(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


def _cannot_listen(field: str, listen: str, error: OSError) -> Invalid:
    return Invalid((Problem(field, f"cannot listen on {listen}: {error.strerror or error}; set another address"),))


def _certificate(config: Config) -> ssl.SSLContext | None:
    if config.smtp.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(config.smtp.tls_cert, config.smtp.tls_key)
    except OSError as error:  # ssl.SSLError is one
        raise Invalid((Problem("smtp.tls_cert", f"cannot be used with smtp.tls_key: {error}"),)) from error
    return context


@contextmanager
def only_one(data_dir: Path) -> Iterator[None]:
    """Hold `data_dir` for one `run`. Raises Invalid when another process has it."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "run.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Invalid((Problem("gateway.data_dir", f"{data_dir} is used by another running gateway"),)) from error
        yield


def take_over(parts: Parts) -> None:
    """End the leases of the `run` before this one, which is dead: its mails are due now."""
    now = parts.now()
    count = parts.database.write(lambda: inbox.end_leases("run", now) + outbox.end_leases("run", now))
    if count:
        log.warning("leases.ended", count=count)

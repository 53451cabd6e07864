"""How fast mail goes out: mails a second through the sender, CPU for each step, and a backlog that keeps its rates.

    .venv/bin/python -m bench.send [--mails 3000] [--rounds 5] [--backlog 10000] [--rate 3000] [--domain-rate 1200]

The relay is a process of its own that takes everything and notes when. First mails that the desk made are handed to it
over kept connections, as the dispatcher does it. Then each step is done alone. At last two processes of the gateway
find a backlog behind a relay that is down; it comes back, and its own time stamps tell whether any 60 seconds held more
than the rates allow. `--backlog 0` leaves that out: it lasts as long as the rates make it.
"""

import argparse
import asyncio
import json
import logging
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
import uvloop

from bench.accept import Relay, row, seed, spread

if TYPE_CHECKING:
    from gateway.app import Parts

STEPS = 500  # mails for each step alone
OUTAGE = 15  # seconds in which both processes find that the relay is down
CUSTOMERS = "customer.test"  # half of the mails go there, the others to the store's people


def _serve(port: int, pipe: Connection) -> None:
    """The relay's process. Hears "listen" and "close"; "times" is answered with what arrived: (seconds, domain)."""

    async def main() -> None:
        loop, asked = asyncio.get_running_loop(), asyncio.Queue[str]()
        loop.add_reader(pipe.fileno(), lambda: asked.put_nowait(pipe.recv()))
        server: asyncio.Server | None = None
        while (what := await asked.get()) != "end":
            if what == "listen":
                server = await loop.create_server(Relay, "127.0.0.1", port)
            elif what == "close" and server is not None:
                server.close()
            elif what == "times":
                pipe.send([(at, to.partition("@")[2]) for to, moments in Relay.arrived.items() for at in moments])
                Relay.arrived.clear()
                continue
            pipe.send(what)

    asyncio.Runner(loop_factory=uvloop.new_event_loop).run(main())


class Taker:
    """The relay, seen from here."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
        here, there = multiprocessing.get_context("spawn").Pipe()
        self._pipe = here
        self._process = multiprocessing.get_context("spawn").Process(target=_serve, args=(self.port, there))
        self._process.start()

    def does(self, what: str) -> None:
        """listen, or close."""
        self._pipe.send(what)
        self._pipe.recv()

    def times(self) -> list[tuple[float, str]]:
        """When mails arrived since it was asked last, on the clock of `time.perf_counter`, and for which domain."""
        self._pipe.send("times")
        times: list[tuple[float, str]] = self._pipe.recv()
        return sorted(times)

    def end(self) -> None:
        self._pipe.send("end")
        self._process.join()


def requeue(parts: "Parts", count: int) -> None:
    """Make mails due as if they had just been queued."""
    from store.database import sql
    from store.tables import to_ms

    at = to_ms(datetime.now(UTC))
    parts.database.write(
        lambda: sql(
            "UPDATE outbox SET state = CASE WHEN id <= ? THEN 'queued' ELSE 'sent' END, due_at = ?, created_at = ?,"
            " attempts = 0, answer = '', relay = ''",
            (count, at, at),
        )
    )


@contextmanager
def gateway(folder: Path) -> Iterator["Parts"]:
    """The parts of a gateway in this process."""
    from gateway import app, config

    os.environ["CASEGATE_GATEWAY__DATA_DIR"] = str(folder)
    parts = app.build(config.load(), run=True, worker="bench")
    yield parts
    parts.bell.start()
    parts.bell.stop()
    parts.dispatcher.close()
    parts.database.close()


def through_the_sender(parts: "Parts", relay: Taker, options: argparse.Namespace) -> None:
    """Mails a second, and the CPU of this process for each: claims, dialogue and results."""
    rates, costs = [], []
    for number in range(options.rounds + 1):
        requeue(parts, options.mails)
        relay.times()
        cpu, start = time.process_time(), time.perf_counter()
        sent = parts.dispatcher.drain()
        seconds, cost = time.perf_counter() - start, time.process_time() - cpu
        arrived = len(relay.times())
        if sent != options.mails or arrived != options.mails:
            raise RuntimeError(f"{sent} sent, {arrived} arrived")
        if number:  # the first one warms up
            rates.append(sent / seconds)
            costs.append(cost / sent * 1000)
    spread("mails a second", rates)
    print("\nCPU ms a mail")
    spread("claim, send, write the result", costs)


def each(name: str, options: argparse.Namespace, step: Callable[[], object]) -> None:
    """CPU of a step done alone."""
    costs = []
    for number in range(options.rounds + 1):
        cpu = time.process_time()
        for _ in range(STEPS):
            step()
        if number:
            costs.append((time.process_time() - cpu) / STEPS * 1000)
    spread(name, costs)


def steps(parts: "Parts", options: argparse.Namespace) -> None:
    """Composing with rendering, and signing."""
    from gateway.cases.notices import Template
    from gateway.cli import specimens
    from gateway.outbound.sign import Signer, make_key

    now = datetime.now(UTC)
    compose, data = parts.composer.compose, b""
    for template in (Template.CASE_OPENED_CUSTOMER, Template.MESSAGE_TO_CUSTOMER):
        made = specimens.of(template)
        data = compose(made.notice, made.scene, now).data
        each(f"compose {template}", options, partial(compose, made.notice, made.scene, now))
    domain = parts.config.from_address.rpartition("@")[2]
    for algorithm in ("rsa", "ed25519"):
        each(f"sign, {algorithm}", options, partial(Signer([make_key(domain, "b", algorithm)]).sign, data, domain, now))
    print(f"{'bytes of such a mail':<36}{len(data)}")


@contextmanager
def process(role: str, folder: Path, relay: Taker, options: argparse.Namespace) -> Iterator[None]:
    """A process of the gateway at work. role: `run` or `worker`."""
    environment = os.environ | {
        "CASEGATE_GATEWAY__DATA_DIR": str(folder),
        "CASEGATE_SMTP__LISTEN": "127.0.0.1:0",
        "CASEGATE_HTTP__LISTEN": "127.0.0.1:0",
        "CASEGATE_RELAY": json.dumps([{"url": f"smtp://127.0.0.1:{relay.port}", "rate_per_minute": options.rate}]),
        "CASEGATE_OUTBOUND__DOMAIN_RATES": json.dumps({CUSTOMERS: options.domain_rate}),
    }
    log = folder / f"log.{role}"
    with log.open("w") as file:
        command = [sys.executable, "-m", "gateway", role]
        at_work = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=file)
        try:
            while "gateway.started" not in log.read_text():
                if at_work.poll() is not None:
                    raise RuntimeError(log.read_text())
                time.sleep(0.05)
            yield
        finally:
            at_work.send_signal(signal.SIGTERM)
            at_work.wait()


def backlog(folder: Path, relay: Taker, options: argparse.Namespace) -> None:
    """Two processes share the rates of a backlog that an outage of the relay has left."""
    relay.does("close")
    times = relay.times()[:0]
    with process("run", folder, relay, options), process("worker", folder, relay, options):
        time.sleep(OUTAGE)
        relay.does("listen")
        start = time.perf_counter()
        while len(times) < options.backlog:
            time.sleep(1)
            times += relay.times()
            if time.perf_counter() - (times[-1][0] if times else start) > 120:
                raise RuntimeError(f"{len(times)} of {options.backlog}, then none for two minutes; see {folder}")
    times.sort()
    moments = [at for at, _ in times]
    to_customers = [at for at, domain in times if domain == CUSTOMERS]
    others = [at for at, domain in times if domain != CUSTOMERS]
    print(f"\n{options.backlog} mails after an outage of {OUTAGE} s, two processes")
    row("", "mails", "minutes", "most in 60 s", "rate")
    for name, some, rate in (
        ("all, by the one relay", moments, options.rate),
        (f"to {CUSTOMERS}", to_customers, options.domain_rate),
        ("to the other domain", others, ""),
    ):
        row(name, len(some), f"{(some[-1] - some[0]) / 60:.2f}", most_in_a_minute(some), rate)


def most_in_a_minute(moments: list[float]) -> int:
    """The most that any 60 seconds hold, wherever they begin."""
    most = first = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] > 60:
            first += 1
        most = max(most, last - first + 1)
    return most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (
        ("mails", 3_000), ("rounds", 5), ("backlog", 10_000), ("rate", 3_000), ("domain-rate", 1_200)
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    relay = Taker()
    os.environ["CASEGATE_RELAY"] = json.dumps([{"url": f"smtp://127.0.0.1:{relay.port}"}])
    try:
        with tempfile.TemporaryDirectory(prefix="casegate-bench-") as name:
            folder = Path(name)
            relay.does("listen")
            seed(folder, max(options.mails, options.backlog) // 2)
            structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
            with gateway(folder) as parts:
                through_the_sender(parts, relay, options)
                steps(parts, options)
                requeue(parts, options.backlog)
            if options.backlog:
                backlog(folder, relay, options)
    finally:
        relay.end()


if __name__ == "__main__":
    main()

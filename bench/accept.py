"""How fast replies are accepted, processed and passed on, beside aiosmtpd's null handler in the same run.

    .venv/bin/python bench/accept.py [--mails 4000] [--rounds 3] [--cases 1000] [--grown 50000] [--rate 10]

Starts `casegate run` as a user would, on a data folder of its own with cases that the desk opened, and a relay that
takes everything. Ten kept connections send replies of about 2 kB, each to a case of its own. Figures of one run are
comparable with each other; the machine's noise is the spread between the rounds.
"""

import argparse
import asyncio
import logging
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, cast

import structlog
import uvloop

CONNECTIONS = 10
TICKS = os.sysconf("SC_CLK_TCK")
WORDS = "The key that you sent does not open the game, it says that it was used before. Please have a look. "
QUOTE = "> We have sent you a new key today, please try it and tell us whether it works for you now.\r\n"


@dataclass(frozen=True)
class Letter:
    """One mail of the load: envelope and bytes, dot-stuffed, with the final dot."""

    sender: str
    recipient: str
    data: bytes


@dataclass
class Load:
    """What a load came to. seconds: first MAIL to last 250; answers: seconds from the final dot to 250, each mail."""

    seconds: float = 0.0
    answers: list[float] = field(default_factory=list)
    accepted_at: dict[str, float] = field(default_factory=dict)


class Client(asyncio.Protocol):
    """A mail client on a kept connection that sends letters one after the other."""

    def __init__(self, letters: Iterator[Letter], load: Load, done: asyncio.Future[None]) -> None:
        self._letters = letters
        self._load = load
        self._done = done
        self._stage = "greeting"
        self._letter: Letter | None = None
        self._dot = 0.0
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n" in self._buffer:
            line, _, self._buffer = self._buffer.partition(b"\r\n")
            if line[3:4] != b"-":
                self._answer(line)

    def _answer(self, line: bytes) -> None:
        if line[:1] not in b"23":
            self._done.set_exception(RuntimeError(line.decode()))
            self._transport.close()
            return
        if self._stage == "greeting":
            self._say(b"EHLO bench.test", "next")
        elif self._stage == "mail":
            assert self._letter is not None
            self._say(f"RCPT TO:<{self._letter.recipient}>".encode(), "rcpt")
        elif self._stage == "rcpt":
            self._say(b"DATA", "data")
        elif self._stage == "data":
            assert self._letter is not None
            self._stage = "dot"
            self._transport.write(self._letter.data)
            self._dot = time.perf_counter()
        elif self._stage in ("dot", "next"):
            if self._stage == "dot":
                assert self._letter is not None
                now = time.perf_counter()
                self._load.answers.append(now - self._dot)
                self._load.accepted_at[self._letter.recipient] = now
            self._letter = next(self._letters, None)
            if self._letter is None:
                self._transport.close()
                self._done.set_result(None)
            else:
                self._say(f"MAIL FROM:<{self._letter.sender}>".encode(), "mail")

    def _say(self, line: bytes, stage: str) -> None:
        self._stage = stage
        self._transport.write(line + b"\r\n")

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(error or ConnectionError("the server closed the connection"))


async def send(port: int, letters: list[Letter], connections: int = CONNECTIONS) -> Load:
    """Send all letters as fast as the server takes them."""
    load, queue, loop = Load(), iter(letters), asyncio.get_running_loop()
    dones = []
    start = time.perf_counter()
    for _ in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        await loop.create_connection(lambda done=done: Client(queue, load, done), "127.0.0.1", port)  # type: ignore[misc]
        dones.append(done)
    await asyncio.gather(*dones)
    load.seconds = time.perf_counter() - start
    return load


class Relay(asyncio.Protocol):
    """Takes every mail and notes when, by the recipient."""

    arrived: ClassVar[dict[str, list[float]]] = {}
    total = 0

    def __init__(self) -> None:
        self._buffer = b""
        self._in_data = False
        self._recipient = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(b"220 relay.test\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            mark = b"\r\n.\r\n" if self._in_data else b"\r\n"
            line, found, rest = self._buffer.partition(mark)
            if not found:
                return
            self._buffer = rest
            if self._in_data:
                self._in_data = False
                Relay.arrived.setdefault(self._recipient, []).append(time.perf_counter())
                Relay.total += 1
                self._transport.write(b"250 2.0.0 OK\r\n")
            else:
                self._command(line)

    def _command(self, line: bytes) -> None:
        verb = line[:4].upper()
        if verb == b"EHLO":
            self._transport.write(b"250-relay.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
        elif verb == b"DATA":
            self._in_data = True
            self._transport.write(b"354 go\r\n")
        elif verb == b"QUIT":
            self._transport.write(b"221 bye\r\n")
            self._transport.close()
        else:
            if verb == b"RCPT":
                self._recipient = line.decode().partition("<")[2].partition(">")[0]
            self._transport.write(b"250 OK\r\n")


@dataclass(frozen=True)
class Server:
    """A server under test."""

    pid: int
    port: int

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> float:
        """Peak resident MB."""
        peak = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        assert peak is not None
        return int(peak[1]) / 1024


NULL_SERVER = """
import asyncio, sys, uvloop
from aiosmtpd.smtp import SMTP
class Null:
    async def handle_DATA(self, server, session, envelope):
        return "250 OK"
async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Null(), loop=loop), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()
asyncio.Runner(loop_factory=uvloop.new_event_loop).run(main())
"""


@contextmanager
def null_server() -> Iterator[Server]:
    """aiosmtpd as it is, with a handler that does nothing."""
    process = subprocess.Popen([sys.executable, "-c", NULL_SERVER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Server(process.pid, int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()


@contextmanager
def casegate(folder: Path, relay_port: int) -> Iterator[Server]:
    """`casegate run` on a prepared data folder."""
    environment = os.environ | {
        "CASEGATE_GATEWAY__DATA_DIR": str(folder),
        "CASEGATE_SMTP__LISTEN": "127.0.0.1:0",
        "CASEGATE_HTTP__LISTEN": "127.0.0.1:0",
        # Counted as ever, and never reached, however many replies go to one case.
        "CASEGATE_SMTP__MAX_MAILS_PER_TOKEN": "1000000000",
        "CASEGATE_SMTP__MAX_BYTES_PER_TOKEN": "1000000000000",
        "CASEGATE_RELAY": f'[{{"url": "smtp://127.0.0.1:{relay_port}"}}]',
    }
    log = (folder / "log").open("w+")
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "run"], env=environment, stdout=subprocess.DEVNULL, stderr=log
    )
    try:
        port = None
        while port is None:
            if process.poll() is not None:
                raise RuntimeError((folder / "log").read_text())
            found = re.search(r'"smtp": "127.0.0.1:(\d+)".*gateway.started', (folder / "log").read_text())
            port = int(found[1]) if found else None
            time.sleep(0.05)
        yield Server(process.pid, port)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        log.close()


def seed(folder: Path, count: int) -> list[tuple[str, str]]:
    """Cases opened by the desk, their first mails marked as sent. Returns (customer's address, his reply address)."""
    os.environ["CASEGATE_GATEWAY__DATA_DIR"] = str(folder)
    from gateway import app, config
    from gateway.cases.model import Actor, Customer, Door, Key, NewCase, Order, Role
    from gateway.signing import Purpose
    from store.database import sql

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    parts = app.build(config.load(), run=True, worker="bench")
    now = datetime.now(UTC)

    def open_one(number: int) -> None:
        name = f"{number:024d}"
        new = NewCase(
            store_id="shp_" + "0" * 24, store_name="Pixel Shop", notify=(("mia@shop.test", "Mia"),),
            customer=Customer(f"cus_{name}", "shp_" + "0" * 24, f"c{number}@customer.test", "Tom", "Reed"),
            order=Order(f"ord_{name}", "shp_" + "0" * 24, f"cus_{name}", str(number), 4999, "EUR", "COMPLETED", now),
            occurred_at=now, subject=f"Key number {number} does not work", body=WORDS * 3,
        )  # fmt: skip
        parts.desk.open_case(new, Actor(Role.CUSTOMER, Door.HOOK), key=Key("bench", name))

    with ThreadPoolExecutor(8) as pool:  # together they share a commit
        list(pool.map(open_one, range(count)))
    parts.database.write(lambda: sql("UPDATE outbox SET state = 'sent'"))
    people = sql("SELECT address, handle FROM participant WHERE role = 'CUSTOMER' ORDER BY id").fetchall()
    keyring = parts.secrets.keyring
    addresses = [
        (address, f"reply+{keyring.token(Purpose.REPLY, bytes(handle))}@{parts.config.mail.reply_domain}")
        for address, handle in people
    ]
    parts.bell.start()
    parts.bell.stop()
    parts.dispatcher.close()
    parts.database.close()
    return addresses


def letters(addresses: list[tuple[str, str]], count: int, run: str) -> list[Letter]:
    """Replies of about 2 kB, to one case after the other."""
    made = []
    for number in range(count):
        sender, recipient = addresses[number % len(addresses)]
        text = (
            f"From: Tom Reed <{sender}>\r\nTo: <{recipient}>\r\nSubject: Re: Key does not work\r\n"
            f"Message-ID: <{run}.{number}@customer.test>\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
            f"{WORDS * 5}\r\nNumber {number}.\r\n\r\nOn Tue, 24 Nov 2026 at 09:00, Pixel Shop via Cases wrote:\r\n"
            f"{QUOTE * 10}\r\n.\r\n"
        )
        made.append(Letter(sender, recipient, text.encode()))
    return made


async def until_relayed(total: int, log: Path) -> None:
    """Wait until the relay has that many mails in all."""
    seen, since = -1, time.perf_counter()
    while Relay.total < total:
        if Relay.total != seen:
            seen, since = Relay.total, time.perf_counter()
        elif time.perf_counter() - since > 60:
            raise RuntimeError(f"{Relay.total} of {total} after a minute without any; see {log}")
        await asyncio.sleep(0.02)


def milliseconds(values: list[float], quantile: float) -> float:
    """A quantile of seconds, in ms."""
    return sorted(values)[min(len(values) - 1, int(len(values) * quantile))] * 1000


def row(*cells: object) -> None:
    print("".join(f"{cell:<34}" if i == 0 else f"{cell:>14}" for i, cell in enumerate(cells)), flush=True)


def spread(name: str, values: list[float]) -> None:
    print(f"{name:<36}{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})")


async def measure(options: argparse.Namespace, folder: Path, addresses: list[tuple[str, str]]) -> None:
    loop = asyncio.get_running_loop()
    relay = await loop.create_server(Relay, "127.0.0.1", 0)
    relay_port = relay.sockets[0].getsockname()[1]
    ratios, costs = [], []
    row("", "mails/s", "p50 ms", "p99 ms", "CPU ms/mail", "processed/s", "peak MB")
    with null_server() as null, casegate(folder, relay_port) as ours:
        await send(null.port, letters(addresses, 500, "warm"))
        await send(ours.port, letters(addresses, 500, "warm"))
        await until_relayed(500, folder / "log")
        for number in range(options.rounds):
            mails = letters(addresses, options.mails, f"r{number}")
            cpu = null.cpu()
            bare = await send(null.port, mails)
            row(
                "aiosmtpd null handler", f"{options.mails / bare.seconds:.0f}",
                f"{milliseconds(bare.answers, 0.5):.2f}", f"{milliseconds(bare.answers, 0.99):.2f}",
                f"{(null.cpu() - cpu) / options.mails * 1000:.2f}", "", f"{null.memory():.0f}",
            )  # fmt: skip
            cpu, before, start = ours.cpu(), Relay.total, time.perf_counter()
            load = await send(ours.port, mails)
            await until_relayed(before + options.mails, folder / "log")
            processed = options.mails / (time.perf_counter() - start)
            costs.append((ours.cpu() - cpu) / options.mails * 1000)
            ratios.append(bare.seconds / load.seconds)
            row(
                "casegate, durable", f"{options.mails / load.seconds:.0f}", f"{milliseconds(load.answers, 0.5):.2f}",
                f"{milliseconds(load.answers, 0.99):.2f}", f"{costs[-1]:.2f}", f"{processed:.0f}",
                f"{ours.memory():.0f}",
            )  # fmt: skip
        print()
        spread("accepted, ours : null handler", ratios)
        spread("CPU ms per mail stored and notified", costs)
        await paced(options, ours, addresses, folder)
    relay.close()


async def paced(options: argparse.Namespace, ours: Server, addresses: list[tuple[str, str]], folder: Path) -> None:
    """A steady trickle: how long from 250 until the notice reaches the relay."""
    count = int(options.rate * options.seconds)
    mails = letters(addresses, count, "paced")
    waits = []
    Relay.arrived.clear()
    before = Relay.total
    for number, mail in enumerate(mails):
        load = await send(ours.port, [mail], connections=1)
        accepted = load.accepted_at[mail.recipient]
        await until_relayed(before + number + 1, folder / "log")
        waits.append(max(moments[-1] for moments in Relay.arrived.values()) - accepted)
        await asyncio.sleep(1 / options.rate)
    print(
        f"250 to the notice at the relay, {options.rate:g}/s  p50 {milliseconds(waits, 0.5):.0f} ms,"
        f" p99 {milliseconds(waits, 0.99):.0f} ms"
    )


async def reply_cost(folder: Path, addresses: list[tuple[str, str]], count: int, run: str) -> float:
    """Seconds of processor time per reply, processed and passed on: one reply to each of `count` cases."""
    relay = await asyncio.get_running_loop().create_server(Relay, "127.0.0.1", 0)
    with casegate(folder, relay.sockets[0].getsockname()[1]) as ours:
        before = Relay.total
        spread_out = addresses[:: len(addresses) // count]
        await send(ours.port, letters(spread_out, 300, f"warm{run}"))
        await until_relayed(before + 300, folder / "log")
        cpu, start = ours.cpu(), time.perf_counter()
        await send(ours.port, letters(spread_out, count, run))
        await until_relayed(before + 300 + count, folder / "log")
        seconds, wall = ours.cpu() - cpu, time.perf_counter() - start
    relay.close()
    row(f"{len(addresses)} cases", f"{seconds / count * 1000:.2f} CPU ms", f"{wall / count * 1000:.2f} ms")
    return seconds / count


def growth(options: argparse.Namespace, folder: Path, runner: asyncio.Runner) -> None:
    """The same replies with few and with many cases in the database, in turn."""
    print("\nCost of a reply, by the number of cases")
    few = seed(folder / "few", options.cases)
    many = seed(folder / "many", options.grown)
    ratios = []
    for number in range(options.rounds):
        small = runner.run(reply_cost(folder / "few", few, options.cases, f"g{number}"))
        ratios.append(runner.run(reply_cost(folder / "many", many, options.cases, f"g{number}")) / small)
    spread(f"CPU, {options.grown} : {options.cases} cases", ratios)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("mails", 4000), ("rounds", 3), ("cases", 1000), ("grown", 50000), ("seconds", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--rate", type=float, default=10)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="casegate-bench-") as name,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        folder = Path(name) / "small"
        addresses = seed(folder, options.cases)
        runner.run(measure(options, folder, addresses))
        if options.grown:
            growth(options, Path(name), runner)


if __name__ == "__main__":
    main()

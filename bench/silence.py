"""What the sweep costs for silent cases: by the number of all cases, and when very many are due at once.

    .venv/bin/python -m bench.silence [--grown 100000] [--rounds 5] [--hours 2] [--rate 100]

Cases are put into the database by SQL, copies of one that the desk opened. First the same 100 due cases are warned of
and closed among few and among many others, in turn. Then all of them are due at once: what an hour warns of, what the
relay gets in a minute, and how long anybody else who writes has to wait meanwhile. No mail leaves the process.
"""

import argparse
import asyncio
import json
import logging
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import structlog

from bench.accept import milliseconds, row, spread
from bench.send import most_in_a_minute
from gateway import app, config
from gateway.cases.model import Actor, Customer, Door, Key, NewCase, Order, Role
from gateway.outbound.answers import Answer, Stage, judge
from gateway.outbound.relay import Relay

if TYPE_CHECKING:
    from gateway.app import Parts

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
STORE = "shp_" + "0" * 24
DUE = 100  # cases that become due in each round
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
TAKEN = judge(Stage.DOT, 250, "2.0.0 taken")


class Clock:
    """The time that a benchmark says it is."""

    def __init__(self) -> None:
        self.moment = START

    def __call__(self) -> datetime:
        return self.moment

    def elapsed(self) -> float:
        return self.moment.timestamp()


class Taker(Relay):
    """A relay that takes everything at once. hears: called with sender, recipient and bytes; says what it answers."""

    def __init__(self, hears: Callable[[str, str, bytes], Answer] = lambda *_: TAKEN) -> None:
        super().__init__("smtp://127.0.0.1:1", local_hostname="bench.test")
        self._hears = hears

    async def send(self, envelope_from: str, recipient: str, data: bytes) -> Answer:
        await asyncio.sleep(0)
        return self._hears(envelope_from, recipient, data)


@contextmanager
def gateway(folder: Path, clock: Clock, relay: Relay, *, rate: int = 0) -> Iterator["Parts"]:
    """The parts of a gateway in this process. rate: mails a minute, 0 for any number."""
    os.environ["CASEGATE_GATEWAY__DATA_DIR"] = str(folder)
    os.environ["CASEGATE_RELAY"] = json.dumps([{"url": "smtp://127.0.0.1:1", "rate_per_minute": rate}])
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with patch.object(app, "Relay", lambda *_, **__: relay):
        parts = app.build(config.load(), run=True, worker="bench", now=clock, elapsed=clock.elapsed)
    yield parts
    parts.database.bind()
    parts.bell.start()
    parts.bell.stop()
    parts.dispatcher.close()
    parts.database.close()


def new_case(number: int, now: datetime) -> NewCase:
    """A case of the one store, with a customer and an order of its own."""
    name = f"{number:024d}"
    return NewCase(
        store_id=STORE, store_name="Pixel Shop", notify=(("mia@shop.test", "Mia"),),
        customer=Customer(f"cus_{name}", STORE, f"c{number}@customer.test", "Tom", "Reed", "en"),
        order=Order(f"ord_{name}", STORE, f"cus_{name}", str(number), 4999, "EUR", "COMPLETED", now),
        occurred_at=now, subject=f"Key number {number} does not work", body="It says that it was used before.",
    )  # fmt: skip


def seed(parts: "Parts", count: int, clock: Clock) -> None:
    """So many cases that wait for their customers since now."""
    from store.database import sql
    from store.tables import to_ms

    hook = Actor(Role.CUSTOMER, Door.HOOK)
    case_id = parts.desk.open_case(new_case(0, clock()), hook, key=Key("bench", "0")).view.case.id
    parts.dispatcher.drain()

    def copies(table: str, columns: str, values: str, where: str) -> None:
        sql(
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO {table}"
            f" ({columns}) SELECT {values} FROM n, {table} t WHERE {where}",
            (count - 1,),
        )

    def name(prefix: str) -> str:
        return f"'{prefix}_' || printf('%024d', i)"

    def job() -> None:
        sql("UPDATE cases SET status = 'AWAITING_CUSTOMER', last_activity_at = ?", (to_ms(clock()),))
        more = "store_id, {}first_name, last_name, locale, time_zone"
        copies("customer", f"id, email, {more.format('')}", f"{name('cus')}, 'c' || i || '@customer.test',"
               f" {more.format('')}", "1 = 1")  # fmt: skip
        more = "store_id, amount, currency, status, status_at, created_at"
        copies("orders", f"id, customer_id, number, {more}", f"{name('ord')}, {name('cus')}, '' || i, {more}", "1 = 1")
        more = (
            "store_id, subject, status, priority, escalated, unread_count, last_message_at, last_message_by,"
            " last_activity_at, created_at, updated_at, message_count, version, idle_warned"
        )
        copies("cases", f"id, customer_id, order_id, {more}", f"{name('case')}, {name('cus')}, {name('ord')}, {more}",
               f"id = '{case_id}'")  # fmt: skip
        more = "role, member_id, name, generation, active, last_sent_id, reference_ids"
        address = "CASE role WHEN 'CUSTOMER' THEN 'c' || i || '@customer.test' ELSE address END"
        copies("participant", f"case_id, handle, address, {more}", f"{name('case')}, randomblob(16), {address}, {more}",
               f"case_id = '{case_id}'")  # fmt: skip
        more = "number, sender_type, sender_name, audience, via, mail_id, created_at, body, full_text"
        copies("message", f"id, case_id, {more}", f"{name('cmsg')}, {name('case')}, {more}", f"case_id = '{case_id}'")

    parts.database.write(job)


# By the number of all cases


def growth(options: argparse.Namespace, folder: Path) -> None:
    """The same work among few and among many cases, in turn."""
    sizes = (1_000, 10_000, options.grown)
    warning: dict[int, list[float]] = {size: [] for size in sizes}
    closing: dict[int, list[float]] = {size: [] for size in sizes}
    clocks = {size: Clock() for size in sizes}
    with (
        gateway(folder / "few", clocks[sizes[0]], Taker()) as few,
        gateway(folder / "some", clocks[sizes[1]], Taker()) as some,
        gateway(folder / "many", clocks[sizes[2]], Taker()) as many,
    ):
        all_parts = dict(zip(sizes, (few, some, many), strict=True))
        for size, parts in all_parts.items():
            parts.database.bind()
            seed(parts, size, clocks[size])
        for number in range(options.rounds + 1):
            for size, parts in all_parts.items():
                parts.database.bind()
                warned, closed = one_round(parts, clocks[size], number)
                if number:  # the first one warms up
                    warning[size].append(warned)
                    closing[size].append(closed)
    print(f"\nms of the sweep for each due case, {DUE} of them in a round")
    for size in sizes:
        spread(f"warning, {size} cases", warning[size])
    for size in sizes:
        spread(f"closing, {size} cases", closing[size])
    for name, of in (("warning", warning), ("closing", closing)):
        spread(f"{name}, {sizes[-1]} : {sizes[0]}", [m / f for m, f in zip(of[sizes[-1]], of[sizes[0]], strict=True)])


def one_round(parts: "Parts", clock: Clock, number: int) -> tuple[float, float]:
    """Ms a case for warning of some that are due, and for closing them; all others are not due."""
    from store.database import sql
    from store.tables import to_ms

    clock.moment += 2 * HOUR
    long_ago, chosen = to_ms(clock() - 13 * DAY), (number * DUE, (number + 1) * DUE)
    picked = "SELECT id FROM cases ORDER BY id LIMIT ? OFFSET ?"

    def job() -> None:
        sql("UPDATE cases SET last_activity_at = ?", (to_ms(clock()),))
        sql(f"UPDATE cases SET last_activity_at = ? WHERE id IN ({picked})", (long_ago, DUE, chosen[0]))

    parts.database.write(job)
    warned = timed(parts)
    parts.dispatcher.drain()
    clock.moment += 2 * DAY
    return warned, timed(parts)


def timed(parts: "Parts") -> float:
    start = time.perf_counter()
    done = parts.closing.look()
    seconds = time.perf_counter() - start
    if done != DUE:
        raise RuntimeError(f"{done} of {DUE} cases")
    return seconds / done * 1_000


# All at once


def burst(options: argparse.Namespace, folder: Path) -> None:
    """All of very many cases are due, and a sweep comes every minute."""
    from store.database import proxy, sql

    clock = Clock()
    taken: list[float] = []

    def hears(envelope_from: str, recipient: str, data: bytes) -> Answer:
        taken.append(clock.elapsed())
        return TAKEN

    with gateway(folder / "burst", clock, Taker(hears), rate=options.rate) as parts:
        seed(parts, options.grown, clock)
        taken.clear()
        clock.moment += 13 * DAY
        transactions, waits, warned = list[float](), list[float](), Counter[int]()
        run, began = proxy.obj.run, [0.0]

        def timed_run(statement: str) -> None:
            if statement.startswith("BEGIN"):
                began[0] = time.perf_counter()
            run(statement)
            if statement == "COMMIT":
                transactions.append(time.perf_counter() - began[0])

        proxy.obj.run = timed_run
        ended = threading.Event()

        def somebody_else() -> None:
            while not ended.wait(0.005):
                start = time.perf_counter()
                parts.database.write(lambda: sql("SELECT 1"), durable=False)
                waits.append(time.perf_counter() - start)

        other = threading.Thread(target=somebody_else)
        other.start()
        looks = []
        for minute in range(60 * options.hours):
            start = time.perf_counter()
            warned[minute // 60] += parts.closing.look()
            looks.append(time.perf_counter() - start)
            for _ in range(options.rate):
                parts.dispatcher.drain()
                clock.moment += timedelta(minutes=1) / options.rate
        ended.set()
        other.join()
        proxy.obj.run = run
    print(f"\n{options.grown} cases are due at once; a sweep every minute for {options.hours} hours")
    row("warned of, in each hour", *(warned[hour] for hour in sorted(warned)))
    row("mails to the relay, most in 60 s", len(taken), most_in_a_minute(taken), f"rate {options.rate}")
    row("longest sweep, s", f"{max(looks):.2f}")
    row("transactions: p99, longest, ms", f"{milliseconds(transactions, 0.99):.1f}", f"{max(transactions) * 1000:.1f}")
    row("another writer waits: p99, longest, ms", f"{milliseconds(waits, 0.99):.1f}", f"{max(waits) * 1000:.1f}")


def options(doc: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("grown", 100_000), ("rounds", 5), ("hours", 2), ("rate", 100)):
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser


def measure(chosen: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="casegate-bench-") as name:
        growth(chosen, Path(name))
        burst(chosen, Path(name))


if __name__ == "__main__":
    measure(options(__doc__).parse_args())

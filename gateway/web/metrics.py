"""`GET /metrics`: what the operator's graphs are made of, for this machine and the networks of `http.metrics_from`.

`METRICS` is all of it. Most of it is read from rows when it is asked for, so that it is true for all processes that
work on one database, whichever of them is asked; what only a process knows is counted in it since its start.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import HTTPException
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.web.providers.origin import Networks, caller_of, within
from store import alarms, canaries, inbox, measures, outbox, switches

FRESH = timedelta(seconds=5)  # for so long an answer is given again, however many ask

_FORWARDED = frozenset(("forwarded", "x-forwarded-for", "x-real-ip"))

Samples = Iterable[tuple[tuple[str, ...], float]]  # values of the labels, and the measured value


@dataclass(frozen=True, slots=True)
class Process:
    """What this process has counted. recipients: by their answer at RCPT. tries: to hand mail over, by outcome."""

    recipients: Callable[[], Mapping[str, int]]
    tries: Callable[[], Mapping[str, int]]


class Scrape(NamedTuple):
    """What a metric is read from."""

    now: datetime
    process: Process
    finished: measures.Finished


class Measure(NamedTuple):
    """A row of METRICS. name: without `casegate_`; one that ends in `_total` is a counter, else it is a gauge."""

    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[Scrape], Samples]


def _one(value: float | None) -> Samples:
    return [] if value is None else [((), value)]


def _by_name(counts: Mapping[str, float]) -> Samples:
    return [((name,), value) for name, value in counts.items()]


def _age(since: datetime | None, scrape: Scrape) -> float:
    """Seconds; 0 when nothing waits."""
    return 0.0 if since is None else max(0.0, (scrape.now - since).total_seconds())


def _canary_age(scrape: Scrape) -> Samples:
    seen = canaries.last_seen()
    return [] if seen is None else _one(_age(seen, scrape))


def _paused(_: Scrape) -> Samples:
    return [((alarm.name.removeprefix("relay:"),), 1) for alarm in alarms.raised() if alarm.kind == "relay"]


METRICS: tuple[Measure, ...] = (
    # ---- the way in -------------------------------------------------------------------------------------------------
    Measure(
        "recipients_total", "Recipients at RCPT by answer, since this process started.",
        ("answer",), lambda scrape: _by_name(scrape.process.recipients()),
    ),
    Measure(
        "inbox_mails_total", "Mails that came in and are done, by outcome.",
        ("outcome",), lambda scrape: _by_name(scrape.finished.read()),
    ),
    Measure("inbox_waiting_mails", "Mails that came in and are not done.", (), lambda _: _one(measures.waiting())),
    Measure("inbox_held_mails", "Mails that wait for a person.", (), lambda _: _one(measures.held())),
    Measure(
        "inbox_oldest_age_seconds", "Age of the oldest mail that came in and is not done; 0 for none.",
        (), lambda scrape: _one(_age(inbox.oldest_waiting(), scrape)),
    ),
    # ---- the way out ------------------------------------------------------------------------------------------------
    Measure(
        "outbox_mails", "Mails that wait, are being sent or have failed, by the relay that tried them last.",
        ("state", "relay"), lambda _: [((state, relay), count) for state, relay, count in measures.outgoing()],
    ),
    Measure(
        "outbox_oldest_age_seconds", "Age of the oldest mail that waits to be sent; 0 for none.",
        (), lambda scrape: _one(_age(outbox.oldest_waiting(), scrape)),
    ),
    Measure(
        "outbox_tries_total", "Tries to hand a mail to a relay by outcome, since this process started.",
        ("outcome",), lambda scrape: _by_name(scrape.process.tries()),
    ),
    Measure("relay_paused", "1 for each relay that rests because it does not work.", ("relay",), _paused),
    Measure(
        "suppressed_addresses", "Addresses that get no mail.", (), lambda scrape: _one(measures.suppressed(scrape.now))
    ),
    # ---- the whole --------------------------------------------------------------------------------------------------
    Measure("canary_seen_age_seconds", "Time since a canary came back; none before the first.", (), _canary_age),
    Measure(
        "alarm_raised", "1 for each alarm that stands.",
        ("name",), lambda _: [((alarm.name,), 1) for alarm in alarms.raised()],
    ),
    Measure(
        "stopped", "1 for each that stands still: sending, closing, removing, clock.",
        ("what",), lambda _: [((one.switch,), 1) for one in switches.stopped()],
    ),
)  # fmt: skip


class Rows(Collector):
    """Reads METRICS when it is asked."""

    def __init__(self, process: Process, now: Callable[[], datetime]) -> None:
        self._process = process
        self._now = now
        self._finished = measures.Finished()

    def collect(self) -> Iterator[Metric]:
        """All of them, as the library writes them."""
        scrape = Scrape(self._now(), self._process, self._finished)
        for measure in METRICS:
            kind = CounterMetricFamily if measure.name.endswith("_total") else GaugeMetricFamily
            family = kind(f"casegate_{measure.name}", measure.help, labels=measure.labels)
            for labels, value in measure.read(scrape):
                family.add_metric(labels, value)
            yield family


class Page:
    """The text, read at most once in FRESH."""

    def __init__(self, process: Process, now: Callable[[], datetime]) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(Rows(process, now))
        ProcessCollector(registry=self._registry)
        self._now = now
        self._lock = threading.Lock()
        self._text = b""
        self._read_at: datetime | None = None

    def text(self) -> bytes:
        """Blocks on the database."""
        with self._lock:
            now = self._now()
            if self._read_at is None or not timedelta(0) <= now - self._read_at < FRESH:
                self._text, self._read_at = generate_latest(self._registry), now
            return self._text


def make_router(process: Process, *, networks: Networks, proxies: Networks, now: Callable[[], datetime]) -> APIRouter:
    """networks: who may read it beside this machine. proxies: whose word is taken for who called."""
    page, router = Page(process, now), APIRouter()

    @router.get("/metrics", include_in_schema=False)
    def metrics(request: Request) -> Response:
        if not _may_read(request, networks, proxies):
            raise HTTPException(404)
        return Response(page.text(), media_type=CONTENT_TYPE_LATEST)

    return router


def _may_read(request: Request, networks: Networks, proxies: Networks) -> bool:
    caller, _ = caller_of(request, proxies)
    peer, _ = caller_of(request, ())
    if caller is None or (caller == peer and _FORWARDED.intersection(request.headers)):
        return False  # it came by a proxy that http.proxy_from does not list: anybody may stand behind it
    return caller.is_loopback or within(caller, networks)

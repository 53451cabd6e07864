"""Authenticating kept mails: what is known at once, what is waited for, and that no mail waits for another's DNS."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.cases.access import Verdict
from gateway.dns import SILENT_NAMES, TROUBLE_TTL, Resolver
from gateway.errors import StillAsking, StoreUnavailable
from gateway.inbound import authenticate
from gateway.inbound.authenticate import Authenticator
from gateway.mail.authentication import Authentication, Lookup, Trusted
from gateway.mail.parse import parse
from tests.nameserver import SILENT, NameServer, Zone, txt

CLIENT = "203.0.113.5"
KEPT_AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
FOR_EVER = 3_600.0  # seconds: whoever waits so long never comes back within a test
LONG = 30.0  # seconds that a test waits for what must happen


class Held(Zone):
    """Records that are told once `gate` is open."""

    def __init__(self, records: Zone) -> None:
        super().__init__(records)
        self.gate = threading.Event()

    def get(self, key: tuple[str, str], default: Any = ()) -> Any:
        self.gate.wait()
        return super().get(key, default)


class Mute(Zone):
    """No answer about any name but the root, and not about that one when everything is mute."""

    def __init__(self, *, root: bool) -> None:
        super().__init__()
        self.root = root

    def get(self, key: tuple[str, str], default: Any = ()) -> Any:
        return default if self.root and key[0] == "." else SILENT


class Told:
    """Whom `ready` was told about, in that order."""

    def __init__(self) -> None:
        self.mails: list[int] = []
        self._changed = threading.Condition()

    def __call__(self, inbox_id: int) -> None:
        with self._changed:
            self.mails.append(inbox_id)
            self._changed.notify_all()

    def wait_for(self, *mails: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: set(mails) <= set(self.mails), LONG)


def shops(number: int = 20) -> Zone:
    """shop0.org, shop1.org, …: each sends its mail from our client."""
    return {(f"shop{n}.org", "TXT"): (txt(f"v=spf1 ip4:{CLIENT} -all"),) for n in range(number)}


def ask(
    authenticator: Authenticator,
    inbox_id: int,
    domain: str = "shop0.org",
    *,
    size: int = 0,
    passed_before: bool = False,
) -> Authentication:
    """Authenticate a mail from that domain, which came from our client."""
    raw = f"From: ada@{domain}\r\nTo: reply@cases.test\r\n\r\nIt arrived.{'.' * size}\r\n".encode()
    return authenticator.authenticate(
        inbox_id,
        raw,
        parse(raw),
        client=CLIENT,
        helo=f"mx.{domain}",
        mail_from=f"ada@{domain}",
        kept_at=KEPT_AT,
        passed_before=passed_before,
    )


def ask_until_told(
    authenticator: Authenticator, told: Told, inbox_id: int, domain: str = "shop0.org"
) -> Authentication:
    try:
        return ask(authenticator, inbox_id, domain)
    except StillAsking:
        told.wait_for(inbox_id)
        return ask(authenticator, inbox_id, domain)


@pytest.fixture
def serve() -> Iterator[Callable[[Zone], NameServer]]:
    """Starts name servers."""
    servers = []

    def start(zone: Zone) -> NameServer:
        servers.append(NameServer(zone))
        return servers[-1]

    yield start
    for server in servers:
        if isinstance(server.zone, Held):
            server.zone.gate.set()
        server.close()


@pytest.fixture
def told() -> Told:
    return Told()


Make = Callable[..., Authenticator]


@pytest.fixture
def make(told: Told) -> Iterator[Make]:
    """Makes authenticators."""
    made = []

    def make(resolver: Resolver, **options: Any) -> Authenticator:
        made.append(Authenticator(resolver, Trusted(), **{"ready": told, **options}))
        return made[-1]

    yield make
    for authenticator in made:
        authenticator.close()


@pytest.fixture
def threads() -> Callable[[], list[threading.Thread]]:
    """The threads of authenticators that were started since."""
    before = set(threading.enumerate())
    return lambda: [t for t in threading.enumerate() if t.name == "authenticate" and t not in before]


Threads = Callable[[], list[threading.Thread]]
Serve = Callable[[Zone], NameServer]


# What is known at once


@pytest.mark.parametrize("domain", ["customer.test", "a.example", "[192.0.2.1]"])
def test_nothing_is_asked_about_names_that_cannot_be_in_the_dns(
    serve: Serve, make: Make, threads: Threads, domain: str
) -> None:
    server = serve({})
    found = ask(make(Resolver(server.address)), 1, domain)
    assert found.verdict is Verdict.NONE
    assert (server.asked, threads()) == ([], [])


def test_what_the_cache_knows_needs_no_thread(serve: Serve, make: Make, threads: Threads) -> None:
    server = serve(shops())
    resolver = Resolver(server.address)
    assert ask(make(resolver, patience=LONG), 1).verdict is Verdict.PASS
    before, asked = threads(), len(server.asked)
    assert ask(make(resolver, patience=0.0), 2).verdict is Verdict.PASS
    assert (threads(), len(server.asked)) == (before, asked)


def test_all_that_is_known_reaches_the_checks(serve: Serve, make: Make) -> None:
    authenticator = make(Resolver(serve({}).address), patience=LONG)
    assert ask(authenticator, 1, "unheard-of.org").verdict is Verdict.NONE
    assert ask(authenticator, 2, "unheard-of.org", passed_before=True).verdict is Verdict.FAIL
    assert ask(authenticator, 3, "unheard-of.org").client == CLIENT


# What is waited for


def test_answers_that_come_soon_are_waited_for(serve: Serve, make: Make, told: Told, threads: Threads) -> None:
    authenticator = make(Resolver(serve(shops()).address), patience=LONG)
    for inbox_id in range(5):
        assert ask(authenticator, inbox_id, f"shop{inbox_id}.org").verdict is Verdict.PASS
        assert not authenticator.has_result(inbox_id)
    assert told.mails == []
    assert len(threads()) == 1


def test_a_mail_comes_back_for_answers_that_take_their_time(serve: Serve, make: Make, told: Told) -> None:
    zone = Held(shops())
    authenticator = make(Resolver(serve(zone).address, timeout=LONG), patience=0.01)
    for _ in range(3):
        with pytest.raises(StillAsking):
            ask(authenticator, 7)
        assert not authenticator.has_result(7)
    zone.gate.set()
    told.wait_for(7)
    assert authenticator.has_result(7)
    assert ask(authenticator, 7).verdict is Verdict.PASS
    assert not authenticator.has_result(7)
    assert told.mails == [7]


def test_a_mail_is_never_asked_about_twice_at_the_same_time(serve: Serve, make: Make, told: Told) -> None:
    zone = Held(shops())
    server = serve(zone)
    resolver = Resolver(server.address, timeout=LONG)
    authenticator = make(resolver, patience=0.0)

    def try_once(_: int) -> None:
        with pytest.raises(StillAsking):
            ask(authenticator, 7)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(try_once, range(40))) == [None] * 40
    zone.gate.set()
    told.wait_for(7)
    assert ask(authenticator, 7).verdict is Verdict.PASS
    assert sorted(server.asked) == [("_dmarc.shop0.org", "TXT"), ("shop0.org", "TXT")]


def test_trouble_is_a_result_that_is_given_out_once(serve: Serve, make: Make, told: Told) -> None:
    server = serve(shops() | {("_dmarc.shop0.org", "TXT"): SILENT, ("shop0.org", "TXT"): SILENT})
    now = 1_000.0
    authenticator = make(Resolver(server.address, timeout=0.2, monotonic=lambda: now), patience=0.0)
    assert ask_until_told(authenticator, told, 1).verdict is Verdict.TEMPERROR
    assert told.mails == [1]
    server.zone = shops()
    assert ask(authenticator, 1).verdict is Verdict.TEMPERROR  # from the cache, for a moment
    now += TROUBLE_TTL
    told.mails.clear()
    assert ask_until_told(authenticator, told, 1).verdict is Verdict.PASS


def test_a_result_that_nobody_called_for_is_forgotten_and_the_mail_starts_over(
    serve: Serve, make: Make, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authenticate, "_RESULTS", 3)
    authenticator = make(Resolver(serve(shops()).address), patience=0.0)
    for inbox_id in range(4):
        with pytest.raises(StillAsking):
            ask(authenticator, inbox_id, f"shop{inbox_id}.org")
        told.wait_for(inbox_id)
    assert [authenticator.has_result(inbox_id) for inbox_id in range(4)] == [False, True, True, True]
    assert ask(authenticator, 0).verdict is Verdict.PASS


def test_many_callers(serve: Serve, make: Make, told: Told) -> None:
    server = serve(shops())
    authenticator = make(Resolver(server.address), patience=0.002)
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda n: ask_until_told(authenticator, told, n, f"shop{n % 20}.org"), range(200))
        assert {known.verdict for known in found} == {Verdict.PASS}
    assert len(set(told.mails)) == len(told.mails)


# Nobody waits for somebody else's DNS


def test_a_thousand_mails_from_silent_domains_do_not_hold_up_the_others(
    serve: Serve, make: Make, threads: Threads
) -> None:
    server = serve(Mute(root=True))
    resolver = Resolver(server.address, timeout=1.0)
    authenticator = make(resolver, patience=FOR_EVER)
    with ThreadPoolExecutor(authenticate._FEW) as waiting:
        few = [waiting.submit(ask, authenticator, n, f"silent{n}.org") for n in range(authenticate._FEW)]
        wait_until(lambda: len({name for name, _ in server.asked}) >= authenticate._FEW)
        for number in range(authenticate._FEW, 1_000):
            with pytest.raises(StillAsking):
                ask(authenticator, number, f"silent{number}.org")
        assert ask(authenticator, 1_000, "customer.test").verdict is Verdict.NONE
        assert [found.result(LONG).verdict for found in few] == [Verdict.TEMPERROR] * authenticate._FEW
    assert len(threads()) == 8
    assert resolver.counts.asked < 100  # two for each mail, and the root now and then: most are still in the queue


def test_a_lost_dns_is_known_after_one_mail_or_two(serve: Serve, make: Make, threads: Threads) -> None:
    server = serve(Mute(root=False))
    resolver = Resolver(server.address, timeout=0.2, monotonic=lambda: 1_000.0)
    authenticator = make(resolver, patience=FOR_EVER, monotonic=lambda: 1_000.0)
    found = [ask(authenticator, number, f"shop{number}.org") for number in range(100)]
    assert {known.verdict for known in found} == {Verdict.TEMPERROR}
    assert resolver.counts.asked == SILENT_NAMES + 1
    assert len(threads()) == 1


def test_quick_answers_are_not_waited_for_either_when_very_many_are_needed(
    serve: Serve, make: Make, told: Told
) -> None:
    seconds = iter(range(1_000_000))
    later = 0

    def monotonic() -> float:
        return next(seconds) + later  # by this clock every wait takes a second

    authenticator = make(Resolver(serve(shops()).address), patience=LONG, monotonic=monotonic)
    waited = []
    for number in range(10):
        try:
            ask(authenticator, number, f"shop{number}.org")
            waited.append(True)
        except StillAsking:
            told.wait_for(number)
            waited.append(False)
    assert waited == sorted(waited, reverse=True)
    assert set(waited) == {True, False}
    later = 1_000
    assert ask(authenticator, 10, "shop10.org").verdict is Verdict.PASS


def test_so_many_are_asked_about_at_once(serve: Serve, make: Make, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authenticate, "_ASKED_AT_ONCE", 5)
    zone = Held(shops())
    authenticator = make(Resolver(serve(zone).address, timeout=LONG), patience=0.0, threads=1)
    for number in range(8):
        with pytest.raises(StillAsking):
            ask(authenticator, number, f"shop{number}.org")
    zone.gate.set()
    told.wait_for(*range(5))
    with pytest.raises(StillAsking):
        ask(authenticator, 8, "shop8.org")
    told.wait_for(8)
    assert told.mails == [0, 1, 2, 3, 4, 8]  # one thread keeps the order


def test_so_many_bytes_wait_in_memory_but_one_mail_always_may(
    serve: Serve, make: Make, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authenticate, "_BYTES_AT_ONCE", 1_000)
    zone = Held(shops())
    authenticator = make(Resolver(serve(zone).address, timeout=LONG), patience=0.0, threads=1)
    for number, size in enumerate((2_000, 0, 0)):
        with pytest.raises(StillAsking):
            ask(authenticator, number, f"shop{number}.org", size=size)
    zone.gate.set()
    told.wait_for(0)
    for number, size in enumerate((500, 100), 3):
        with pytest.raises(StillAsking):
            ask(authenticator, number, f"shop{number}.org", size=size)
        told.wait_for(number)
    assert told.mails == [0, 3, 4]


# What goes wrong


class Broken(Resolver):
    """Breaks the checks that need an answer, until it is repaired."""

    repaired = False

    def for_one_mail(self, *, seconds: float = 20.0, questions: int = 100) -> Lookup:
        if not self.repaired:
            raise ZeroDivisionError("it is broken")
        return super().for_one_mail(seconds=seconds, questions=questions)


@pytest.mark.parametrize("patience", [0.0, LONG])
def test_what_breaks_the_checks_reaches_the_caller(serve: Serve, make: Make, told: Told, patience: float) -> None:
    resolver = Broken(serve(shops()).address)
    authenticator = make(resolver, patience=patience, threads=1)
    for number in range(3):  # it ends no thread
        with pytest.raises(ZeroDivisionError, match="it is broken"):
            ask_until_told(authenticator, told, number)
    resolver.repaired = True
    told.mails.clear()
    assert ask_until_told(authenticator, told, 0).verdict is Verdict.PASS


def test_who_cannot_be_told_ends_no_thread(serve: Serve, make: Make, told: Told) -> None:
    def ready(inbox_id: int) -> None:
        told(inbox_id)
        raise StoreUnavailable("The database is away")

    authenticator = make(Resolver(serve(shops()).address), patience=0.0, threads=1, ready=ready)
    for number in range(3):
        with pytest.raises(StillAsking):
            ask(authenticator, number, f"shop{number}.org")
        told.wait_for(number)
        assert ask(authenticator, number, f"shop{number}.org").verdict is Verdict.PASS


# The end


def test_in_the_end_nobody_waits_and_nobody_is_told(serve: Serve, make: Make, told: Told, threads: Threads) -> None:
    zone = Held(shops())
    server = serve(zone)
    authenticator = make(Resolver(server.address, timeout=LONG), patience=FOR_EVER, threads=2)
    with ThreadPoolExecutor(3) as pool:
        waiting: list[Future[Authentication]] = [pool.submit(ask, authenticator, n, f"shop{n}.org") for n in range(3)]
        wait_until(lambda: bool(server.asked) and len(authenticator._under_way) == 3)
        authenticator.close()
        for call in waiting:
            with pytest.raises(StillAsking):
                call.result(LONG)
    with pytest.raises(StillAsking):
        ask(authenticator, 4, "shop4.org")
    zone.gate.set()
    for thread in threads():
        thread.join(LONG)
    assert (threads(), told.mails) == ([], [])


def wait_until(happened: Callable[[], bool]) -> None:
    """Give other threads their turn until something has happened."""
    changed = threading.Condition()
    with changed:
        for _ in range(int(LONG / 0.01)):
            if happened():
                return
            changed.wait(0.01)
    raise AssertionError("it did not happen")

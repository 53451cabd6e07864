"""Look-ups: what a name server says, what its silence means, and for how long an answer is kept."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.dns import (
    CACHED_CHARACTERS,
    NOTHING_TTL,
    RECORDS_TTL,
    SILENT_NAMES,
    TROUBLE_TTL,
    Counts,
    NotCached,
    Resolver,
)
from gateway.mail.authentication import Trouble
from tests.nameserver import BROKEN, SILENT, NameServer, txt

SOON = 0.05  # seconds until a silent server is given up
SOON_ENOUGH_FOR_ANSWERS = 0.2
SEVERAL = 8  # domains, more than it takes to doubt the name servers


class Clock:
    """Monotonic seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[NameServer]:
    server = NameServer(
        {
            ("shop.example.org", "TXT"): (txt("v=spf1 -all"), txt("something else")),
            ("shop.example.org", "MX"): ("10 mx.example.org.",),
            ("shop.example.org", "A"): ("192.0.2.1", "192.0.2.2"),
            ("shop.example.org", "AAAA"): ("2001:db8::1",),
            ("1.2.0.192.in-addr.arpa", "PTR"): ("mail.example.org.",),
            ("nomail.example.org", "MX"): ("0 .",),
            ("long.example.org", "TXT"): (txt("k" * 700),),
            ("longer.example.org", "TXT"): (txt("k" * (CACHED_CHARACTERS + 1)),),
            ("octets.example.org", "TXT"): ('"caf\\195\\169"',),
            ("alias.example.org", "CNAME"): ("second.example.org",),
            ("second.example.org", "CNAME"): ("shop.example.org",),
            ("loop.example.org", "CNAME"): ("loop.example.org",),
            ("silent.example.org", "TXT"): SILENT,
            ("broken.example.org", "TXT"): BROKEN,
            **{(f"silent{number}.example.org", "TXT"): SILENT for number in range(SEVERAL)},
            **{(f"broken{number}.example.org", "TXT"): BROKEN for number in range(SEVERAL)},
        }
    )
    yield server
    server.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def resolver(server: NameServer, clock: Clock) -> Resolver:
    return Resolver(server.address, timeout=5.0, monotonic=clock)


@pytest.mark.parametrize(
    ("name", "kind", "records"),
    [
        ("shop.example.org", "TXT", ["something else", "v=spf1 -all"]),
        ("SHOP.example.org", "MX", ["10 mx.example.org"]),
        ("shop.example.org", "A", ["192.0.2.1", "192.0.2.2"]),
        ("shop.example.org", "AAAA", ["2001:db8::1"]),
        ("1.2.0.192.in-addr.arpa", "PTR", ["mail.example.org"]),
        ("nomail.example.org", "MX", ["0 "]),
        ("long.example.org", "TXT", ["k" * 700]),  # strings are joined
        ("longer.example.org", "TXT", ["k" * (CACHED_CHARACTERS + 1)]),  # comes by TCP
        ("octets.example.org", "TXT", ["caf\u00c3\u00a9"]),
        ("alias.example.org", "MX", ["10 mx.example.org"]),
    ],
)
def test_records(resolver: Resolver, name: str, kind: str, records: list[str]) -> None:
    assert sorted(resolver.lookup(name, kind)) == records


@pytest.mark.parametrize(
    "name",
    ["nowhere.example.org", "nomail.example.org", "a..b", "a" * 64 + ".example.org", ".".join(["abc"] * 80), ""],
)
def test_nothing_there(resolver: Resolver, name: str) -> None:
    assert resolver.lookup(name, "TXT") == ()


@pytest.mark.parametrize("name", ["silent.example.org", "broken.example.org", "loop.example.org"])
def test_trouble(server: NameServer, name: str) -> None:
    resolver = Resolver(server.address, timeout=SOON)
    with pytest.raises(Trouble, match=name):
        resolver.lookup(name, "TXT")
    assert resolver.counts.trouble == 1


def test_trouble_names_its_kind(server: NameServer) -> None:
    resolver = Resolver(server.address, timeout=SOON)
    with pytest.raises(Trouble, match="no answer in time"):
        resolver.lookup("silent.example.org", "TXT")
    with pytest.raises(Trouble, match="no name server could answer"):
        resolver.lookup("broken.example.org", "TXT")


@pytest.mark.parametrize(
    ("name", "ttl", "kept_for"),
    [
        ("shop.example.org", 300, 300),
        ("shop.example.org", 1, RECORDS_TTL[0]),
        ("shop.example.org", 1_000_000, RECORDS_TTL[1]),
        ("nowhere.example.org", 300, 300),
        ("nowhere.example.org", 0, NOTHING_TTL[0]),
        ("nowhere.example.org", 1_000_000, NOTHING_TTL[1]),
        ("nomail.example.org", 300, 300),  # the name is there, but no such records
        ("nomail.example.org", 1_000_000, NOTHING_TTL[1]),
    ],
)
def test_answers_are_kept_within_bounds(
    server: NameServer, resolver: Resolver, clock: Clock, name: str, ttl: int, kept_for: float
) -> None:
    server.ttl = ttl
    first = resolver.lookup(name, "TXT")
    clock.now += kept_for - 1
    assert resolver.lookup(name.upper(), "TXT") == first
    assert len(server.asked) == 1
    clock.now += 1
    assert sorted(resolver.lookup(name, "TXT")) == sorted(first)
    assert len(server.asked) == 2
    nothing = 0 if first else 2
    assert resolver.counts == Counts(asked=2, cached=1, nothing=nothing, trouble=0)


def test_trouble_is_kept_for_a_moment_only(server: NameServer, clock: Clock) -> None:
    resolver = Resolver(server.address, timeout=SOON, monotonic=clock)
    for _ in range(10):
        with pytest.raises(Trouble):
            resolver.lookup("broken.example.org", "TXT")
    assert resolver.counts == Counts(asked=1, cached=9, trouble=1)
    server.zone["broken.example.org", "TXT"] = (txt("repaired"),)
    clock.now += TROUBLE_TTL
    assert resolver.lookup("broken.example.org", "TXT") == ("repaired",)


def test_the_cache_forgets_what_was_not_used_for_longest(server: NameServer) -> None:
    resolver = Resolver(server.address, cache_size=2)
    for name in ("shop.example.org", "long.example.org", "shop.example.org", "octets.example.org"):
        resolver.lookup(name, "TXT")
    server.asked.clear()
    resolver.lookup("shop.example.org", "TXT")
    assert server.asked == []
    resolver.lookup("long.example.org", "TXT")
    assert server.asked == [("long.example.org", "TXT")]


def test_large_answers_are_not_kept(server: NameServer, resolver: Resolver) -> None:
    for _ in range(2):
        resolver.lookup("longer.example.org", "TXT")
    assert resolver.counts == Counts(asked=2)


def test_one_mail_may_ask_so_much(server: NameServer, resolver: Resolver) -> None:
    lookup = resolver.for_one_mail(questions=2)
    assert lookup("nowhere1.example.org", "TXT") == lookup("nowhere2.example.org", "TXT") == ()
    assert lookup("nowhere1.example.org", "TXT") == ()  # known by now
    with pytest.raises(Trouble, match="more than 2 look-ups"):
        lookup("nowhere3.example.org", "TXT")
    assert resolver.for_one_mail(questions=2)("nowhere3.example.org", "TXT") == ()


def test_one_mail_may_take_so_long(resolver: Resolver, clock: Clock) -> None:
    lookup = resolver.for_one_mail(seconds=20)
    assert lookup("nowhere1.example.org", "TXT") == ()
    clock.now += 20
    with pytest.raises(Trouble, match="20 seconds"):
        lookup("nowhere2.example.org", "TXT")


def test_many_threads(server: NameServer, resolver: Resolver) -> None:
    names = [f"nowhere{number}.example.org" for number in range(20)] * 5
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda name: resolver.lookup(name, "TXT"), names)) == [()] * 100
    assert resolver.counts.asked + resolver.counts.cached == 100
    assert resolver.counts.asked == len(server.asked)


# Answers without a question


def test_the_cache_is_asked_alone(server: NameServer, resolver: Resolver) -> None:
    for name in ("shop.example.org", "nowhere.example.org"):
        with pytest.raises(NotCached, match=name):
            resolver.cached(name, "TXT")
        assert resolver.lookup(name, "TXT") == resolver.cached(name.upper(), "TXT")
    with pytest.raises(Trouble):
        resolver.lookup("broken.example.org", "TXT")
    with pytest.raises(Trouble, match="broken"):
        resolver.cached("broken.example.org", "TXT")
    assert len(server.asked) == 3
    assert resolver.counts == Counts(asked=3, cached=3, nothing=1, trouble=1)


# A DNS that is lost: no name server says anything about any name

ROOT = (".", "NS")


def fall_silent(server: NameServer) -> None:
    server.zone[ROOT] = SILENT


def look_up(resolver: Resolver, *names: str) -> list[str]:
    """What each look-up came to: `records`, `silence` about the name, or `lost`."""
    found = []
    for name in names:
        try:
            resolver.lookup(name, "TXT")
            found.append("records")
        except Trouble as trouble:
            found.append("lost" if "no name server answers" in str(trouble) else "silence")
    return found


SILENT_ONES = [f"silent{number}.example.org" for number in range(SEVERAL)]


@pytest.fixture
def impatient(server: NameServer, clock: Clock) -> Resolver:
    return Resolver(server.address, timeout=SOON_ENOUGH_FOR_ANSWERS, monotonic=clock)


def names_asked(server: NameServer) -> list[str]:
    """Without the second tries."""
    return list(dict.fromkeys(name for name, _ in server.asked))


def test_a_lost_dns_costs_a_few_time_outs_and_not_one_for_each_name(server: NameServer, impatient: Resolver) -> None:
    fall_silent(server)
    expected = ["silence"] * SILENT_NAMES + ["lost"] * (SEVERAL - SILENT_NAMES)
    assert look_up(impatient, *SILENT_ONES) == expected
    assert names_asked(server) == [*SILENT_ONES[:SILENT_NAMES], "."]
    with pytest.raises(Trouble, match="no name server answers"):
        impatient.cached("shop.example.org", "TXT")
    with pytest.raises(Trouble, match="no name server answers"):
        impatient.for_one_mail()("shop.example.org", "TXT")
    assert impatient.counts.asked == impatient.counts.trouble == SILENT_NAMES + 1


def test_a_lost_dns_is_tried_again_now_and_then_with_one_question(
    server: NameServer, impatient: Resolver, clock: Clock
) -> None:
    fall_silent(server)
    look_up(impatient, *SILENT_ONES[:SILENT_NAMES])
    for _ in range(3):
        server.asked.clear()
        clock.now += TROUBLE_TTL
        with pytest.raises(NotCached):  # somebody has to try
            impatient.cached("shop.example.org", "TXT")
        assert look_up(impatient, *["shop.example.org"] * 5) == ["lost"] * 5
        assert names_asked(server) == ["."]
    del server.zone[ROOT]
    assert look_up(impatient, "shop.example.org") == ["lost"]
    clock.now += TROUBLE_TTL
    assert look_up(impatient, "shop.example.org", SILENT_ONES[-1]) == ["records", "silence"]


def test_while_one_tries_whether_the_dns_is_back_the_others_do_not_wait(
    server: NameServer, impatient: Resolver, clock: Clock
) -> None:
    fall_silent(server)
    look_up(impatient, *SILENT_ONES[:SILENT_NAMES])
    server.asked.clear()
    clock.now += TROUBLE_TTL
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda name: look_up(impatient, name)[0], SILENT_ONES)) == ["lost"] * SEVERAL
    assert names_asked(server) == ["."]


def test_an_unreachable_network_is_a_lost_dns(clock: Clock) -> None:
    resolver = Resolver(("255.255.255.255", 53), timeout=SOON, monotonic=clock)  # the kernel refuses at once
    assert look_up(resolver, *SILENT_ONES) == ["silence"] * SILENT_NAMES + ["lost"] * (SEVERAL - SILENT_NAMES)
    assert resolver.counts.asked == SILENT_NAMES + 1


def test_silent_domains_do_not_end_the_look_ups_of_others(server: NameServer, impatient: Resolver) -> None:
    """Whoever sends mail in their name could else keep forgeries from being seen."""
    assert look_up(impatient, *SILENT_ONES, "shop.example.org") == ["silence"] * SEVERAL + ["records"]
    assert names_asked(server).count(".") == 1
    assert server.asked.count(ROOT) == SEVERAL // SILENT_NAMES


def test_failing_servers_are_not_lost(server: NameServer, impatient: Resolver) -> None:
    fall_silent(server)
    broken = [f"broken{number}.example.org" for number in range(SEVERAL)]
    assert look_up(impatient, *broken) == ["silence"] * SEVERAL
    assert len(names_asked(server)) == SEVERAL


@pytest.mark.parametrize("heard", ["shop.example.org", "nowhere.example.org", "broken.example.org"])
def test_any_answer_shows_that_the_dns_is_there(server: NameServer, impatient: Resolver, heard: str) -> None:
    fall_silent(server)
    look_up(impatient, *SILENT_ONES[: SILENT_NAMES - 1], heard, *SILENT_ONES[SILENT_NAMES - 1 : 2 * SILENT_NAMES - 2])
    assert ROOT not in server.asked
    assert look_up(impatient, SILENT_ONES[-1], heard.replace("example", "second.example")) == ["silence", "lost"]


def test_silence_about_one_name_says_nothing_about_the_dns(
    server: NameServer, impatient: Resolver, clock: Clock
) -> None:
    fall_silent(server)
    for _ in range(2 * SILENT_NAMES):
        assert look_up(impatient, "silent.example.org") == ["silence"]
        clock.now += TROUBLE_TTL
    assert ROOT not in server.asked


def test_a_mail_that_had_no_time_left_says_nothing_about_names_or_the_dns(server: NameServer, clock: Clock) -> None:
    fall_silent(server)
    resolver = Resolver(server.address, timeout=5.0, monotonic=clock)
    for name in SILENT_ONES:
        lookup = resolver.for_one_mail(seconds=0.001)
        with pytest.raises(Trouble, match="no answer in time"):
            lookup(name, "TXT")
        with pytest.raises(NotCached):
            resolver.cached(name, "TXT")
    assert ROOT not in server.asked

"""Whatever the door, an act leaves one line in the audit trail that says who did it (HARDENING rules 16 and 25)."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.cases.model import Status
from store import audit
from store.audit import Entry
from tests.sink import Sink
from tests.world import MIA, STRANGER, TOM, Clock, World

CUSTOMER = "cus_aaaaaaaaaaaaaaaaaaaaaaaa"
GATEWAY = Path(__file__).parent.parent.parent / "gateway"


@pytest.fixture
def world(tmp_path: Path, sink: Sink, clock: Clock) -> Iterator[World]:
    """With an address that mails may bear (RFC 8058)."""
    world = World(tmp_path, sink, clock, gateway='public_url = "https://cases.example.org"\n')
    yield world
    world.close()


def newest(world: World) -> Entry:
    (entry,) = audit.listing(limit=1)
    return entry


def told(entry: Entry) -> tuple[str, str, str]:
    return entry.action, entry.role.value, entry.door.value


def close(world: World, case: str) -> None:
    assert world.api("PATCH", f"/{case}", json={"status": "CLOSED"}).status_code == 200


def reopen(world: World, case: str) -> None:
    close(world, case)
    assert world.api("PATCH", f"/{case}", json={"status": "OPEN"}).status_code == 200


def switch_off(world: World, case: str) -> None:
    header = world.newest_mail_to(MIA).header("List-Unsubscribe")
    path = header.strip(" <>").removeprefix("https://cases.example.org")
    assert world.http.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200


def confirm_address(world: World, case: str) -> None:
    world.proves("elsewhere.example.net")
    kept = world.answer(world.newest_mail_to(MIA), "From my phone", sender=STRANGER)
    world.parts.releases.release(kept, remember=True)
    link = re.search(r"/confirm/[a-z2-7]{56}", world.newest_mail_to(MIA).text)
    assert link is not None
    fields = dict(re.findall(r'name="([^"]+)"\s+value="([^"]*)"', world.http.get(link[0]).text))
    assert world.http.post(link[0], data=fields).status_code == 200


ACTS: dict[str, tuple[Callable[[World, str], object], tuple[str, str, str]]] = {
    "opened by the platform": (lambda world, case: None, ("case.opened", "CUSTOMER", "hook")),
    "answered by mail": (
        lambda world, case: world.answer(world.newest_mail_to(TOM), "Hello?"),
        ("case.answered", "CUSTOMER", "mail"),
    ),
    "answered by a program": (
        lambda world, case: world.post_answer(case, "Yes."),
        ("case.answered", "MERCHANT", "api"),
    ),
    "closed": (close, ("case.closed", "MERCHANT", "api")),
    "reopened": (reopen, ("case.reopened", "MERCHANT", "api")),
    "another priority": (
        lambda world, case: world.api("PATCH", f"/{case}", json={"priority": "LOW"}),
        ("case.changed", "MERCHANT", "api"),
    ),
    "read": (lambda world, case: world.api("POST", f"/{case}/read"), ("case.read", "MERCHANT", "api")),
    "switched off": (switch_off, ("member.muted", "MERCHANT", "page")),
    "confirmed": (confirm_address, ("address.confirmed", "MERCHANT", "page")),
}


@pytest.mark.parametrize("what", ACTS)
def test_every_door_says_who_came_through_it(world: World, what: str) -> None:
    act, expected = ACTS[what]
    case = world.open_case()
    act(world, case)
    world.work()
    entry = newest(world)
    assert told(entry) == expected
    assert entry.actor_id  # somebody
    assert entry.case_id == case or entry.subject


def test_what_is_refused_or_repeated_leaves_no_line(world: World) -> None:
    case = world.open_case()
    close(world, case)
    world.api("POST", f"/{case}/read")
    before = newest(world)
    assert world.api("PATCH", f"/{case}", json={"status": "CLOSED"}).status_code == 400
    assert world.post_answer(case, "Too late").status_code == 400
    assert world.api("POST", f"/{case}/read").status_code == 200
    assert newest(world) == before


def test_a_change_tells_what_was_before(world: World) -> None:
    case = world.open_case()
    world.api("PATCH", f"/{case}", json={"status": "CLOSED", "priority": "LOW"})
    assert newest(world).detail == {"status": [Status.OPEN, Status.CLOSED], "priority": ["HIGH", "LOW"]}


# Nobody writes without a line

WRITES = {
    ("cases", "insert"), ("cases", "update"), ("cases", "insert_message"),
    ("parties", "add_store"), ("parties", "save_store"), ("parties", "add_member"), ("parties", "insert_member"),
    ("parties", "set_role"), ("parties", "remove_member"), ("parties", "mute"), ("parties", "unmute"),
    ("credentials", "create_token"), ("known_addresses", "ask"), ("known_addresses", "confirm"),
    ("known_addresses", "forget"), ("suppressions", "add"), ("suppressions", "remove"), ("inbox", "settle_held"),
    ("overrides", "add"), ("participants", "revoke"), ("switches", "start"),
}  # fmt: skip
#: Who writes such rows without a line: the demo and a restore set an installation up, a clock comes right by itself.
SILENT = {"demo.py", "backups/restore.py", "clocks.py"}


def writers() -> dict[str, set[tuple[str, str]]]:
    """By module of the gateway, which of these it calls."""
    found = dict[str, set[tuple[str, str]]]()
    for file in GATEWAY.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                call = (node.value.id, node.attr)
                if call in WRITES:
                    found.setdefault(str(file.relative_to(GATEWAY)), set()).add(call)
    return found


def test_whoever_writes_such_rows_writes_their_line() -> None:
    found = writers()
    assert {call for calls in found.values() for call in calls} == WRITES, "a function has another name now"
    without = {name for name in found if "audit.record(" not in (GATEWAY / name).read_text("utf-8")}
    assert without - SILENT == set()

"""Alarms on the command line."""

from store import alarms
from tests.cli.installation import NOW, Installation


def raise_(installation: Installation, name: str, text: str) -> None:
    with installation.parts() as parts:
        parts.database.write(lambda: alarms.raise_(name, text, NOW))


def test_alarms_are_listed_with_kind_since_times_and_told_and_cleared(installation: Installation) -> None:
    for _ in range(2):
        raise_(installation, "loop:case_1", "Two programs\ntalk")
    with installation.parts() as parts:
        parts.alerts.tell()  # nobody is to be mailed: he looks here
    header, row = installation.casegate("alarm", "list").lines
    assert header.split() == ["KIND", "NAME", "SINCE", "LAST", "TIMES", "TOLD", "TEXT"]
    kind, name, since, last, times, told, *text = row.split()
    assert (kind, name, since, last, times, text) == (
        "loop", "loop:case_1", "2026-05-04T09:30:00Z", "2026-05-04T09:30:00Z", "2", ["Two", "programs", "talk"],
    )  # fmt: skip
    assert told.endswith("Z")
    (shown,) = installation.casegate("alarm", "list", "--json").json()
    assert (shown["kind"], shown["times"], shown["raisedAt"]) == ("loop", 2, "2026-05-04T09:30:00.000Z")
    assert installation.casegate("alarm", "clear", "loop:case_1").status == 0
    assert installation.casegate("alarm", "list", "--json").json() == []
    assert installation.casegate("alarm", "clear", "loop:case_1").status == 66


def test_one_that_is_over_is_listed_no_more(installation: Installation) -> None:
    raise_(installation, "queue:outbox", "It is stuck")
    with installation.parts() as parts:
        parts.alerts.tell()
        parts.database.write(lambda: alarms.resolve("queue:outbox", NOW))
        assert [alarm.name for alarm in alarms.untold()] == ["queue:outbox"]
    assert installation.casegate("alarm", "list", "--json").json() == []
    assert installation.casegate("alarm", "clear", "queue:outbox").status == 66

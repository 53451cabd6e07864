"""/metrics: what is measured, who may read it, and that its questions stay small."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.web import metrics
from gateway.web.metrics import METRICS, Process, Rows
from store import alarms, measures
from store.database import sql
from tests.sink import Sink
from tests.world import DOMAIN, MIA, STRANGER, TOM, Clock, World

NOTHING = Process(dict, dict)


def read(world: World, **headers: str) -> dict[tuple[str, ...], float]:
    """Each sample by its name and the values of its labels."""
    world.clock.advance(seconds=metrics.FRESH.total_seconds())
    answer = world.http.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name.removeprefix("casegate_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_what_mail_does_is_measured(world: World) -> None:
    case = world.open_case()
    measured = read(world)
    assert measured["outbox_tries_total", "sent"] == 2
    assert measured["outbox_oldest_age_seconds",] == measured["inbox_oldest_age_seconds",] == 0
    notice = world.newest_mail_to(MIA)
    world.answer(world.newest_mail_to(TOM), "Hello")
    world.answer(notice, "Held", sender=STRANGER)
    with pytest.raises(Exception, match="550"):
        world.send(b"x", STRANGER, f"nobody@{DOMAIN}")
    with pytest.raises(Exception, match="550"):
        world.send(b"x", STRANGER, f"reply+{'a' * 56}@{DOMAIN}")
    measured = read(world)
    assert measured["inbox_mails_total", "posted"] == measured["inbox_mails_total", "held"] == 1
    assert measured["inbox_mails_total", "bounce"] == 0
    assert measured["inbox_held_mails",] == 1
    assert (measured["recipients_total", "accepted"], measured["recipients_total", "forged"]) == (2, 1)
    assert measured["recipients_total", "unknown"] == 1
    assert case


def test_what_waits_is_measured_with_its_age_and_relay(world: World) -> None:
    world.sink.at_dot[MIA] = "451 4.3.0 later"
    world.open_case()
    relay = f"127.0.0.1:{world.sink.port}"
    world.clock.advance(seconds=55)
    measured = read(world)
    assert measured["outbox_mails", relay, "queued"] == 1
    assert measured["outbox_oldest_age_seconds",] == 60
    assert measured["outbox_tries_total", "deferred"] == 1
    kept = world.send(b"From: a@b.example\r\n\r\nx", STRANGER, f"postmaster@{DOMAIN}")
    world.clock.advance(seconds=5)
    measured = read(world)
    assert (measured["inbox_waiting_mails",], measured["inbox_oldest_age_seconds",]) == (1, 10)
    assert kept


def test_alarms_relays_addresses_and_the_canary_are_measured(world: World) -> None:
    now = world.clock()

    def job() -> None:
        alarms.raise_("relay:mx.example.org:25", "It is down.", now)
        alarms.raise_("queue:outbox", 'It is "stuck".\n', now)
        sql("INSERT INTO canary (handle, sent_at, seen_at, outbox_id) VALUES (x'00', 1, ?, 1)", (ms(world),))
        for address, until in (("a@x.example", None), ("b@x.example", ms(world) + 10_000_000), ("c@x.example", 5)):
            sql(
                "INSERT INTO suppression (address, reason, source, detail, since, until, times)"
                " VALUES (?, 'dead', 'rcpt', '', 0, ?, 1)",
                (address, until),
            )

    assert ("canary_seen_age_seconds",) not in read(world)
    now = world.clock()
    world.parts.database.write(job)
    measured = read(world)
    assert measured["relay_paused", "mx.example.org:25"] == 1
    assert measured["alarm_raised", "queue:outbox"] == 1
    assert measured["suppressed_addresses",] == 2
    assert measured["canary_seen_age_seconds",] == metrics.FRESH.total_seconds()


def ms(world: World) -> int:
    return int(world.clock().timestamp() * 1000)


def test_the_process_itself_is_measured(world: World) -> None:
    assert read(world)["process_resident_memory_bytes",] > 10_000_000


def test_names_say_what_they_are_and_in_which_unit() -> None:
    names = [measure.name for measure in METRICS]
    assert len(names) == len(set(names))
    assert all(name.replace("_", "").isalpha() and name.islower() for name in names)
    assert all(measure.help.endswith(".") for measure in METRICS)
    assert all("age" not in name or name.endswith("_seconds") for name in names)


def test_an_answer_is_given_again_for_a_moment(world: World) -> None:
    read(world)
    world.parts.database.write(lambda: alarms.raise_("canary", "Gone.", world.clock()))
    world.clock.advance(seconds=4.9)
    assert "canary" not in world.http.get("/metrics").text.partition("casegate_alarm_raised{")[2]
    world.clock.advance(seconds=0.2)
    assert 'casegate_alarm_raised{name="canary"} 1.0' in world.http.get("/metrics").text


# Who may read it


@pytest.mark.parametrize(
    ("http", "forwarded", "status"),
    [
        ("", "", 200),
        ("", "198.51.100.7", 404),  # a proxy that is not listed stands on this machine
        ("", "127.0.0.1", 404),
        ('proxy_from = ["127.0.0.0/8"]', "198.51.100.7", 404),
        ('proxy_from = ["127.0.0.0/8"]', "127.0.0.1, 198.51.100.7", 404),  # the first one is what a stranger wrote
        ('proxy_from = ["127.0.0.0/8"]', "", 200),
        ('proxy_from = ["127.0.0.0/8"]\nmetrics_from = ["198.51.100.0/24"]', "198.51.100.7", 200),
        ('proxy_from = ["127.0.0.0/8"]\nmetrics_from = ["198.51.100.0/24"]', "203.0.113.9", 404),
        ('metrics_from = ["198.51.100.0/24"]', "198.51.100.7", 404),
    ],
)
def test_strangers_find_nothing(
    tmp_path: Path, sink: Sink, clock: Clock, http: str, forwarded: str, status: int
) -> None:
    world = World(tmp_path, sink, clock, http=f'listen = "127.0.0.1:0"\n{http}')
    try:
        headers = {"X-Forwarded-For": forwarded} if forwarded else {}
        answer = world.http.get("/metrics", headers=headers)
        assert answer.status_code == status
        if status == 404:
            assert answer.json() == world.http.get("/there-is-no-such-page").json()
    finally:
        world.close()


# Small questions


def test_no_question_reads_a_whole_table_of_mails(world: World) -> None:
    asked: list[str] = []
    connection = sql("SELECT 1").connection
    connection.set_trace_callback(asked.append)
    try:
        list(Rows(NOTHING, world.clock).collect())
    finally:
        connection.set_trace_callback(None)
    steps = [row[3] for statement in asked for row in sql(f"EXPLAIN QUERY PLAN {statement}")]
    whole = [step for step in steps if step.startswith("SCAN") and "INDEX" not in step]
    assert [step for step in whole if step.split()[1] in ("outbox", "inbox")] == []


def test_mails_that_came_in_are_counted_once_and_looked_at_once(world: World) -> None:
    def insert(count: int, state: str, outcome: str) -> None:
        statement = (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO inbox (kept_at, mail_from, recipients, client, helo, size, sha256, lane, state, due_at,"
            " attempts, lost, worker, outcome, reason, raw_file) SELECT 0, '', '[]', '', '', 0, '', '', ?, 0, 0, 0,"
            " '', ?, '', '' FROM n"
        )
        world.parts.database.write(lambda: sql(statement, (count, state, outcome)))

    finished = measures.Finished()
    assert set(finished.read().values()) == {0}
    insert(3, "done", "posted")
    insert(1, "pending", "")
    insert(2, "done", "held")
    for _ in range(2):
        counted = finished.read()
        assert (counted["posted"], counted["held"], counted["bounce"]) == (3, 2, 0)
    world.parts.database.write(lambda: sql("UPDATE inbox SET state = 'done', outcome = 'bounce' WHERE id = 4"))
    counted = finished.read()
    assert (counted["posted"], counted["held"], counted["bounce"]) == (3, 2, 1)
    world.parts.database.write(lambda: sql("UPDATE inbox SET outcome = 'posted' WHERE outcome = 'held'"))
    assert finished.read() == counted, "a counter never falls"

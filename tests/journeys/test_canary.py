"""Our mail to ourselves: out through the relay, back through the front door; and what is told when it does not come."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli.explain import explained
from gateway.inbound.admit import Mailbox
from gateway.signing import Purpose
from store import alarms, canaries, counts, inbox, outbox
from store.database import sql
from tests import postmaster
from tests.sink import Mail, Sink
from tests.world import DOMAIN, STRANGER, Clock, World, send

OPERATOR = "operator@ops.example.net"


@pytest.fixture
def world(tmp_path: Path, sink: Sink, clock: Clock) -> Iterator[World]:
    """A gateway that sends a canary every ten minutes."""
    world = World(
        tmp_path, sink, clock,
        mail=f'reply_domain = "{DOMAIN}"\noperator_address = "{OPERATOR}"', canary="every_minutes = 10",
    )  # fmt: skip
    yield world
    world.close()


def is_canary(mail: Mail) -> bool:
    return mail.recipient.startswith("canary+")


def lead_back(world: World) -> None:
    """From now on the relay does what the MX of the reply domain says: hand the mail to our front door."""

    def on_mail(mail: Mail) -> None:
        if is_canary(mail):
            send(
                world.smtp_port,
                b"Received: from us by relay.test; now\r\n" + mail.raw,
                mail.envelope_from,
                mail.recipient,
            )

    world.sink.on_mail = on_mail


def minute(world: World, count: int = 1) -> None:
    """What happens every minute."""
    for _ in range(count):
        world.parts.sweep()
        world.work()
        world.clock.advance(minutes=1)


def sent(world: World) -> list[Mail]:
    return [mail for mail in world.sink.mails if is_canary(mail)]


def ready(world: World) -> tuple[int, str]:
    answer = world.http.get("/readyz")
    return answer.status_code, answer.text


def test_a_canary_comes_back_and_is_noted(world: World) -> None:
    lead_back(world)
    minute(world, 35)
    assert len(sent(world)) == 4
    assert [(kept.state, kept.outcome, kept.reason) for kept in inbox.listing()] == [
        ("done", "automatic", "the canary came back")
    ] * 4
    assert canaries.missing(world.clock()) == ()
    assert ready(world)[0] == 200
    assert alarms.raised() == ()
    assert len(world.sink.mails) == 4, "it causes no mail"
    kept = inbox.get(1)
    assert "the canary came back" in json.dumps(explained(world.parts, kept, inbox.bytes_of(kept, world.parts.files)))


def test_its_address_is_signed_and_short_enough(world: World) -> None:
    minute(world)
    (mail,) = sent(world)
    local, _, domain = mail.recipient.partition("@")
    assert (len(local.encode()) <= 64, domain) == (True, DOMAIN)
    assert world.parts.admission.admit(mail.recipient.upper()).mailbox is Mailbox.CANARY
    row = outbox.listing()[0]
    assert (row.template, row.case_id, row.participant_id) == ("canary", "", None)
    assert mail.envelope_from.startswith("bounce+")


@pytest.mark.parametrize("other", [Purpose.REPLY, Purpose.BOUNCE])
def test_a_token_of_another_purpose_is_no_canary(world: World, other: Purpose) -> None:
    token = world.parts.secrets.keyring.token(other, b"h" * 16)
    with pytest.raises(Exception, match="550"):
        world.send(b"Subject: x\r\n\r\nx", STRANGER, f"canary+{token}@{DOMAIN}")


def test_two_that_do_not_come_back_turn_readyz_red_until_one_does(world: World) -> None:
    minute(world, 11)
    assert ready(world)[0] == 200, "one may be late"
    minute(world, 10)
    status, text = ready(world)
    assert status == 503
    assert "the mails that we send to ourselves do not come back, the last ones since 2026-05-04 09:30 UTC" in text
    assert "the relay took it, and it did not come in; look at the MX of mail.reply_domain" in text
    (alarm,) = alarms.raised()
    assert alarm.name == "canary"
    assert "do not come back" in world.sink.to(OPERATOR)[-1].text

    lead_back(world)
    minute(world, 11)
    assert ready(world)[0] == 200
    assert alarms.raised() == ()
    minute(world, 16)
    assert [mail.header("Subject") for mail in world.sink.to(OPERATOR)] == ["1 alarm", "1 alarm over"]


def test_one_that_is_late_counts_as_well(world: World) -> None:
    minute(world, 21)
    assert ready(world)[0] == 503
    late = sent(world)[0]
    world.send(late.raw, late.envelope_from, late.recipient)
    minute(world)
    assert ready(world)[0] == 200


def test_why_it_could_not_be_sent_is_told(world: World) -> None:
    original = world.sink.handle_RCPT

    async def refuse(server, session, envelope, address, options):  # type: ignore[no-untyped-def]
        if address.startswith("canary+"):
            return "550 5.1.1 We do not know this address"
        return await original(server, session, envelope, address, options)

    world.sink.handle_RCPT = refuse  # type: ignore[method-assign]
    minute(world, 21)
    status, text = ready(world)
    assert status == 503
    assert "it could not be sent" in text
    assert "We do not know this address" in text


def test_a_bounce_tells_why_and_stops_no_address(world: World) -> None:
    minute(world)
    for mail in sent(world):
        world.send(postmaster.postfix(mail), "", mail.envelope_from)
    minute(world, 10)
    for mail in sent(world)[1:]:
        world.send(postmaster.postfix(mail), "", mail.envelope_from)
    minute(world, 10)
    status, text = ready(world)
    assert status == 503
    assert "it was reported as bounced: " in text
    assert "5.1.1" in text
    assert sql("SELECT count(*) FROM suppression").fetchone() == (0,)


def test_after_an_outage_one_canary_goes_out_instead_of_many(world: World) -> None:
    world.sink.stop()
    minute(world, 45)
    assert [row.state for row in outbox.listing(state="queued") if row.template == "canary"] == ["queued"]
    assert "it could not be sent: cancelled, as a newer canary goes out instead" in alarm_text("canary")
    world.sink.start()
    lead_back(world)
    world.work_until(lambda: sent(world))
    world.work()
    assert len(sent(world)) == 1
    assert world.parts.canaries.trouble() == ""


def alarm_text(name: str) -> str:
    return next(alarm.text for alarm in alarms.raised() if alarm.name == name)


def test_several_processes_send_one_in_each_interval(world: World) -> None:
    assert [world.parts.canaries.send() for _ in range(3)] == [1, 0, 0]
    world.clock.advance(minutes=10)
    assert [world.parts.canaries.send() for _ in range(2)] == [1, 0]


def test_it_is_never_counted_as_mail_of_somebody(world: World) -> None:
    lead_back(world)
    minute(world)
    scopes = {row[0] for row in sql("SELECT scope FROM tally")}
    assert not {scope for scope in scopes if scope.startswith(("mails:", "bytes:"))}
    assert counts.amount("canary", world.clock(), world.parts.canaries._every) == 1


def test_what_a_person_writes_to_such_an_address_is_no_canary(world: World) -> None:
    minute(world)
    (mail,) = sent(world)
    raw = f"From: {STRANGER}\r\nTo: {mail.recipient}\r\nSubject: What is this?\r\n\r\nHello?\r\n".encode()
    kept = world.send(raw, STRANGER, mail.recipient)
    world.work()
    assert world.outcomes(kept) == ["held"]
    assert canaries.last_seen() is None


def test_a_replayed_canary_is_not_seen_again(world: World) -> None:
    lead_back(world)
    minute(world)
    seen = canaries.last_seen()
    (kept,) = inbox.listing()
    world.clock.advance(hours=3)
    world.parts.database.write(lambda: inbox.replay(kept.id, world.clock()))
    world.work()
    assert world.outcomes(kept.id) == ["automatic"]
    assert canaries.last_seen() == seen


def test_old_ones_are_forgotten(world: World) -> None:
    lead_back(world)
    minute(world)
    world.clock.advance(days=8)
    minute(world)
    assert sql("SELECT count(*) FROM canary").fetchone() == (1,)


def test_off_means_off(tmp_path: Path, sink: Sink, clock: Clock) -> None:
    world = World(tmp_path, sink, clock)
    try:
        minute(world, 3)
        assert sink.mails == []
    finally:
        world.close()

"""What refusals mean, and what the words of a mail system become on their way to people."""

import pytest

from gateway.deliveries import cause_of
from gateway.outbound.answers import Answer, Outcome, Stage, judge
from store import outbox, suppressions
from store.database import sql
from tests.world import TOM, World

REFUSALS = {
    "550 5.1.1 There is no mailbox of this name": "address",
    "550 5.1.2 Domain not found": "address",
    "552 5.2.2 The mailbox is full": "full",
    "552 5.3.4 Message size exceeds the limit": "size",
    "554 5.7.1 This looks like spam": "policy",
    "550 No reason given": "",
    "": "",
}


@pytest.mark.parametrize(("text", "cause"), REFUSALS.items())
def test_what_a_refusal_means_to_a_merchant(text: str, cause: str) -> None:
    assert cause_of(text) == cause


def refuse(world: World, answer: Answer) -> outbox.Outgoing:
    """Have the relay's last answer about the newest mail to Tom written. Returns the mail."""
    world.open_case()
    mail = next(one for one in outbox.listing() if one.recipient == TOM)

    def job() -> None:
        sql("UPDATE outbox SET state = 'failed' WHERE id = ?", (mail.id,))
        world.parts.deliveries.refused(mail, answer)()

    world.parts.database.write(job)
    return outbox.get(mail.id)


def test_addresses_and_links_of_one_side_are_not_shown_to_the_other(world: World) -> None:
    """HARDENING rule 3: a mail system may repeat the envelope sender, or whatever it read."""
    world.open_case(2)
    mail = world.sink.to(TOM)[-1]
    answer = judge(Stage.RCPT, 550, f"5.7.27 <{mail.envelope_from}> and <{mail.reply_address}>\tare\x1b unwelcome")
    failed = refuse(world, answer)
    assert mail.envelope_from.partition("@")[0] not in failed.report_text
    assert mail.reply_address.partition("@")[0] not in failed.report_text
    assert failed.report_text.endswith("are unwelcome")


@pytest.mark.parametrize(
    ("answer", "report", "stopped"),
    [
        (judge(Stage.RCPT, 550, "5.1.1 No such user"), "bounced", True),
        (judge(Stage.RCPT, 550, "5.2.2 The mailbox is full"), "bounced", False),
        (judge(Stage.DOT, 554, "5.6.0 This content is not taken"), "bounced", False),
        (judge(Stage.RCPT, 451, "4.7.1 Greylisted"), "", False),
        (Answer(Outcome.UNCLEAR, 0, "", "given up: it is not known whether the relay took it"), "", False),
        (Answer(Outcome.FAILED, 0, "5.1.3", "this is not an address that mail can be sent to"), "bounced", False),
    ],
)
def test_what_is_written_about_a_mail_that_failed(world: World, answer: Answer, report: str, stopped: bool) -> None:
    failed = refuse(world, answer)
    assert (failed.report, failed.report_text) == (report, str(answer))
    assert failed.reported_at == world.clock()
    assert (suppressions.get(TOM) is not None) is stopped


def test_after_the_brake_nobody_is_stopped_for_ten_minutes(world: World) -> None:
    """HARDENING rule 7."""
    dead = judge(Stage.RCPT, 550, "5.1.1 No such user")
    refuse(world, dead)
    since = world.clock()
    world.clock.advance(minutes=1)
    world.parts.database.write(lambda: world.parts.deliveries.brake(since))
    assert suppressions.get(TOM) is None
    mail = next(one for one in outbox.listing() if one.recipient == TOM)
    for minutes, stopped in ((9, False), (2, True)):
        world.clock.advance(minutes=minutes)
        world.parts.database.write(world.parts.deliveries.refused(mail, dead))
        assert (suppressions.get(TOM) is not None) is stopped

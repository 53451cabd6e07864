"""When something around us fails: nothing is lost, nothing is done twice, and whoever must wait is told so."""

import smtplib
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.errors import StoreUnavailable
from gateway.heavy import Killed
from gateway.inbound import process
from gateway.inbound.read import Reader
from gateway.outbound import dispatch
from store import claims, database, inbox, outbox
from tests.sink import HANG_UP, Mail, Sink
from tests.world import BEN, MIA, START, TOM, Clock, World, case_event, reply_to

CAT = "cat@shop.example.org"


def states(address: str) -> list[str]:
    """What became of the mails to somebody, the oldest first."""
    return [mail.state for mail in reversed(outbox.listing()) if mail.recipient == address]


def answers(address: str) -> str:
    return " ".join(mail.answer for mail in outbox.listing() if mail.recipient == address)


# The relay


def test_a_relay_that_is_down_for_an_hour_gets_each_mail_once(world: World) -> None:
    world.sink.stop()
    for number in range(6):
        world.open_case(number)
    answer = world.http.get("/readyz")
    assert answer.status_code == 503
    assert any("relay" in problem for problem in answer.json()["problems"])
    for _ in range(6):
        world.clock.advance(minutes=10)
        world.work()
    assert states(TOM) == states(MIA) == ["queued"] * 6
    world.sink.start()
    world.clock.advance(minutes=1)
    world.work()
    assert states(TOM) + states(MIA) == ["sent"] * 12
    assert [len(world.sink.to(address)) for address in (TOM, MIA)] == [6, 6]
    assert len({mail.message_id for mail in world.sink.mails}) == 12
    assert all(mail.attempts == 1 for mail in outbox.listing())  # hours without a relay are no tries of the mail
    assert world.http.get("/readyz").status_code == 200


def test_a_temporary_refusal_is_tried_again_with_growing_pauses(world: World) -> None:
    world.sink.at_rcpt[TOM] = "451 4.7.1 Greylisted, please come back"
    world.open_case()
    assert (states(MIA), states(TOM), world.sink.tried[TOM]) == (["sent"], ["queued"], 1)
    for tries, pause in enumerate((timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15)), 1):
        world.clock.moment += pause - timedelta(seconds=1)
        world.work()
        assert world.sink.tried[TOM] == tries
        world.clock.advance(seconds=1)
        world.work()
        assert world.sink.tried[TOM] == tries + 1
    del world.sink.at_rcpt[TOM]
    world.clock.advance(hours=1)
    world.work()
    assert states(TOM) == ["sent"]
    assert len(world.sink.to(TOM)) == 1


def test_temporary_refusals_end_after_three_days(world: World) -> None:
    world.sink.at_rcpt[TOM] = "452 4.2.2 The mailbox is full"
    world.open_case()
    while world.clock() - START < timedelta(days=4):
        world.clock.advance(hours=4)
        world.work()
    assert states(TOM) == ["failed"]
    assert "The mailbox is full" in answers(TOM)
    assert world.sink.tried[TOM] > 10


def test_one_bad_address_does_not_stop_the_others(world: World) -> None:
    world.sink.at_rcpt[BEN] = "550 5.1.1 No such user here"
    world.open_case(members=(MIA, BEN, CAT))
    assert [states(address) for address in (MIA, BEN, CAT, TOM)] == [["sent"], ["failed"], ["sent"], ["sent"]]
    assert "No such user here" in answers(BEN)
    assert world.http.get("/readyz").status_code == 200
    world.clock.advance(days=1)
    world.work()
    assert world.sink.tried[BEN] == 1


@pytest.mark.parametrize("at", ["MAIL", "RCPT"])
def test_a_relay_that_refuses_us_pauses_and_keeps_the_mail(world: World, at: str) -> None:
    refusal = "550 5.7.1 Relaying denied, pay your bill"
    if at == "MAIL":
        world.sink.at_mail = refusal
    else:
        world.sink.at_rcpt = {TOM: refusal, MIA: refusal}
    world.open_case()
    assert states(TOM) + states(MIA) == ["queued", "queued"]
    assert "pay your bill" in answers(TOM) + answers(MIA)
    assert world.http.get("/readyz").status_code == 503
    world.sink.at_mail, world.sink.at_rcpt = "", {}
    world.clock.advance(minutes=1)
    world.work()
    assert states(TOM) + states(MIA) == ["sent", "sent"]
    assert [len(world.sink.to(address)) for address in (TOM, MIA)] == [1, 1]


def test_an_unclear_ending_is_tried_three_times_with_the_same_bytes(world: World) -> None:
    world.sink.at_dot[TOM] = HANG_UP
    world.open_case()
    assert (len(world.sink.to(TOM)), states(TOM)) == (1, ["queued"])
    for _ in range(10):
        world.clock.advance(minutes=11)
        world.work()
    assert len(world.sink.to(TOM)) == 3
    assert len({mail.raw for mail in world.sink.to(TOM)}) == 1
    assert states(TOM) == ["failed"]
    assert "not known" in answers(TOM)
    assert len(world.sink.to(MIA)) == 1


def test_an_unclear_ending_that_clears_up_stops_there(world: World) -> None:
    world.sink.at_dot[TOM] = HANG_UP
    world.open_case()
    del world.sink.at_dot[TOM]
    for _ in range(5):
        world.clock.advance(minutes=11)
        world.work()
    first, second = world.sink.to(TOM)
    assert first.raw == second.raw
    assert states(TOM) == ["sent"]


def test_a_member_who_is_removed_while_the_relay_is_down_gets_nothing(world: World) -> None:
    world.sink.stop()
    world.open_case(members=(MIA, BEN))
    world.remove_member(BEN)
    world.sink.start()
    world.clock.advance(minutes=1)
    world.work()
    assert [states(address) for address in (MIA, BEN, TOM)] == [["sent"], ["cancelled"], ["sent"]]
    assert "no longer part of the case" in answers(BEN)
    assert world.sink.tried[BEN] == 0


# Workers that die or hang


def test_a_worker_that_hangs_on_a_mail_and_wakes_late_posts_nothing(world: World) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    world.send(reply_to(receipt, "Only once"), TOM, receipt.reply_address)
    stalled = world.parts.database.write(lambda: inbox.claim(world.clock(), "stalled", process.LEASE))
    assert stalled is not None
    world.work()
    assert world.said(case)[1:] == []  # it is still his
    world.clock.moment += process.LEASE
    world.work()
    assert world.said(case)[1:] == [("CUSTOMER", "Only once")]
    sent = len(world.sink.mails)
    world.parts.processor.process(stalled)
    world.work()
    assert world.said(case)[1:] == [("CUSTOMER", "Only once")]
    assert (world.outcomes(stalled.id), len(world.sink.mails)) == (["posted"], sent)


def test_a_sender_that_wakes_late_changes_no_result(world: World) -> None:
    assert world.hook(case_event()).status_code == 201
    ways = claims.Ways((claims.Way("relay.example.org:25", 10),))
    stalled = world.parts.database.write(lambda: claims.claim(world.clock(), "stalled", dispatch.LEASE, 10, ways).mails)
    world.work()
    assert world.sink.mails == []  # they are still his
    world.clock.moment += dispatch.LEASE
    world.work()
    assert len(world.sink.mails) == len(stalled) == 2
    with pytest.raises(outbox.LeaseLost):
        world.parts.database.write(lambda: outbox.failed(stalled[0], "", "too late"))
    assert [mail.state for mail in outbox.listing()] == ["sent", "sent"]


def test_a_mail_that_ends_the_process_three_times_is_held(world: World) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    deadly = world.send(reply_to(receipt, "Deadly"), TOM, receipt.reply_address)
    for _ in range(process.LOST_AT_MOST + 1):
        kept = world.parts.database.write(lambda: inbox.claim(world.clock(), "dies", process.LEASE))
        assert kept is not None
        world.clock.moment += process.LEASE
    after = world.send(reply_to(receipt, "Harmless"), TOM, receipt.reply_address)
    world.work()
    assert (world.outcomes(deadly), world.outcomes(after)) == (["held"], ["posted"])
    assert "without a result" in world.reasons(deadly)
    assert world.said(case)[1:] == [("CUSTOMER", "Harmless")]


def test_a_mail_that_breaks_us_waits_alone_and_is_posted_after_the_repair(world: World) -> None:
    first, second = world.open_case(1), world.open_case(2)
    one, two = world.sink.to(TOM)
    files = (("long.txt", b"All of it matters. " * 10_000, "text/plain"),)
    broken = world.send(reply_to(one, "See the file", files=files), TOM, one.reply_address)
    stored = world.parts.files.root / "raw" / inbox.get(broken).raw_file[:2] / inbox.get(broken).raw_file
    gone = stored.rename(stored.with_suffix(".lost"))
    later = world.send(reply_to(two, "Not in its way"), TOM, two.reply_address)
    world.work()
    assert world.outcomes(later) == ["posted"]
    assert inbox.get(broken).state == "pending"
    gone.rename(stored)
    world.clock.advance(hours=1)
    world.work()
    assert world.outcomes(broken) == ["posted"]
    assert [world.said(case)[1][1] for case in (first, second)] == ["See the file", "Not in its way"]


def test_a_mail_that_goes_on_breaking_us_is_held_in_the_end(world: World) -> None:
    world.open_case()
    receipt = world.newest_mail_to(TOM)
    files = (("long.txt", b"All of it matters. " * 10_000, "text/plain"),)
    broken = world.send(reply_to(receipt, "See the file", files=files), TOM, receipt.reply_address)
    (world.parts.files.root / "raw" / inbox.get(broken).raw_file[:2] / inbox.get(broken).raw_file).unlink()
    for _ in range(process.ERRORS_AT_MOST):
        world.work()
        world.clock.advance(hours=3)
    assert world.outcomes(broken) == ["held"]


# The disk


def test_a_locked_database_keeps_nothing_by_halves_and_says_later(
    tmp_path: Path, sink: Sink, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 50)
    with closing(World(tmp_path, sink, clock)) as world:
        case = world.open_case()
        assert world.said(case)
        receipt = world.newest_mail_to(TOM)
        raw = reply_to(receipt, "Hello?")
        with closing(sqlite3.connect(tmp_path / "data" / "casegate.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(smtplib.SMTPResponseException) as refused:
                world.send(raw, TOM, receipt.reply_address)
            assert (refused.value.smtp_code, str(refused.value.smtp_error)[:5]) == (451, "4.3.0")
            answer = world.post_answer(case, "From our desk")
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert "Retry-After" in answer.headers
            assert world.case(case)["status"] == "OPEN"  # who only reads does not wait
            other.execute("ROLLBACK")
        assert inbox.listing() == ()
        assert len(world.messages(case)) == 1
        world.send(raw, TOM, receipt.reply_address)
        world.work()
        assert world.said(case)[1:] == [("CUSTOMER", "Hello?")]


def test_a_database_that_is_locked_while_mail_is_processed_loses_none_of_it(
    tmp_path: Path, sink: Sink, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 50)
    with closing(World(tmp_path, sink, clock)) as world:
        case = world.open_case()
        receipt = world.newest_mail_to(TOM)
        world.send(reply_to(receipt, "Hello?"), TOM, receipt.reply_address)
        kept = world.parts.database.write(lambda: inbox.claim(world.clock(), "run", process.LEASE))
        assert kept is not None
        with closing(sqlite3.connect(tmp_path / "data" / "casegate.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            world.parts.processor.process(kept)
            other.execute("ROLLBACK")
        clock.moment += process.LEASE
        world.work()
        assert world.said(case)[1:] == [("CUSTOMER", "Hello?")]
        assert len(world.sink.to(MIA)) == 2


def test_below_the_floor_of_free_space_no_mail_is_begun(tmp_path: Path, sink: Sink, clock: Clock) -> None:
    with closing(World(tmp_path, sink, clock, gateway=f"free_space_floor = {10**18}")) as world:
        world.open_case()
        receipt: Mail = world.newest_mail_to(TOM)
        with pytest.raises(smtplib.SMTPResponseException) as refused:
            world.send(reply_to(receipt, "Hello?"), TOM, receipt.reply_address)
        assert (refused.value.smtp_code, str(refused.value.smtp_error)[:5]) == (452, "4.3.1")
        assert world.http.get("/readyz").status_code == 503
        assert world.http.get("/healthz").status_code == 200
        assert inbox.listing() == ()


def test_a_mail_whose_reading_is_killed_is_held_after_three_tries(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HARDENING rule 18: a kill counts like a death of the process."""

    def killed(self: Reader, raw: bytes) -> None:
        raise Killed

    world.open_case()
    world.work()
    monkeypatch.setattr(Reader, "parse", killed)
    kept = world.answer(world.newest_mail_to(TOM), "too heavy")
    for _ in range(2):
        assert inbox.get(kept).state == "pending"
        world.clock.advance(hours=3)
        world.work()
    assert world.outcomes(kept) == ["held"]
    assert "too much time or memory" in world.reasons(kept)


def test_trouble_with_sending_does_not_take_a_mail_that_is_being_processed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processing and sending take turns; a claim that ended with the other's error would count as a lost one."""

    def locked(*_: object) -> None:
        raise StoreUnavailable("locked")

    world.open_case()
    world.work()
    notice = world.newest_mail_to(TOM)
    monkeypatch.setattr(claims, "claim", locked)
    kept = [world.send(reply_to(notice, f"Words {number}"), TOM, notice.reply_address) for number in range(20)]
    world.parts.jobs.turns.work()
    assert [inbox.get(number).outcome for number in kept] == ["posted"] * 20
    assert [inbox.get(number).attempts for number in kept] == [1] * 20

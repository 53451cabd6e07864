"""Mails that were lost, posted twice, held for ever or answered wrongly, each named after its cause."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from pathlib import Path
from typing import Any

import pytest

from gateway.cases.access import Verdict
from gateway.cases.model import Role
from gateway.errors import NotAllowed, Refused, StillAsking, StoreUnavailable
from gateway.heavy import Killed
from gateway.mail.authentication.verdict import Authentication
from store import alarms, cases, inbox
from store.database import sql
from tests.sink import Mail, Sink
from tests.world import BEN, DOMAIN, MIA, STRANGER, TOM, Clock, World, reply_to

FROM, OPERATOR = f"cases@{DOMAIN}", "operator@ops.example.net"
PROGRAM = (("setup.exe", b"MZ" + bytes(100), "application/octet-stream"),)


@pytest.fixture
def world(tmp_path: Path, sink: Sink, clock: Clock) -> Iterator[World]:
    """A gateway whose operator has an address."""
    mail = f'reply_domain = "{DOMAIN}"\noperator_address = "{OPERATOR}"'
    with closing(World(tmp_path, sink, clock, mail=mail)) as world:
        yield world


def fresh(sender: str, text: str, subject: str = "Hello") -> bytes:
    """A mail to the address of our From that answers nothing."""
    mail = EmailMessage(policy=SMTP_POLICY)
    mail["From"], mail["To"], mail["Subject"] = sender, FROM, subject
    mail.set_content(text)
    return mail.as_bytes()


def broken(*_: Any, **__: Any) -> None:
    raise RuntimeError("it breaks")


def understanding(world: World, monkeypatch: pytest.MonkeyPatch, change: Callable[..., Any]) -> None:
    """Put something in the place of understanding. change: called with the real one and its arguments."""
    real = world.parts.processor._understander.understand
    monkeypatch.setattr(
        world.parts.processor._understander, "understand", lambda kept, raw, **more: change(real, kept, raw, **more)
    )


def replay(world: World, kept: int) -> None:
    world.parts.database.write(lambda: inbox.replay(kept, world.clock()))


def digests(world: World, address: str) -> list[Mail]:
    world.parts.reviews.tell()
    world.work()
    return [mail for mail in world.sink.to(address) if "held" in mail.header("Subject").lower()]


# Several recipients


def test_a_revoked_address_beside_a_valid_one_of_the_same_case_takes_nothing_from_it(world: World) -> None:
    case = world.open_case()
    old = world.newest_mail_to(TOM)
    world.revoke(case, Role.CUSTOMER)
    world.post_answer(case, "Which lid?")
    new = world.newest_mail_to(TOM)
    raw = reply_to(new, "The glass one.")
    kept = world.send(raw, TOM, old.reply_address, new.reply_address)
    explained = world.parts.explainer.explain(inbox.get(kept), raw)
    world.work()
    assert world.said(case)[-1] == ("CUSTOMER", "The glass one.")
    assert [decided["outcome"] for decided in explained["cases"]] == world.outcomes(kept) == ["posted"]


def test_a_removed_colleague_in_copy_takes_nothing_from_the_writer(world: World) -> None:
    case = world.open_case(members=(MIA, BEN))
    mias, bens = world.newest_mail_to(MIA), world.newest_mail_to(BEN)
    world.remove_member(BEN)
    world.send(reply_to(mias, "We send a lid."), MIA, mias.reply_address, bens.reply_address)
    world.work()
    assert world.said(case)[-1] == ("MERCHANT", "We send a lid.")


def test_an_answer_by_ids_with_the_postmaster_in_copy_is_posted(world: World) -> None:
    case = world.open_case()
    world.proves("customer.example.org")
    world.send(reply_to(world.newest_mail_to(TOM), "Hello"), TOM, FROM, f"postmaster@{DOMAIN}")
    world.work()
    assert world.said(case)[-1] == ("CUSTOMER", "Hello")


def test_one_mail_to_three_cases_is_answered_in_each_without_an_alarm(world: World) -> None:
    for number in (1, 2, 3):
        world.open_case(number)
    receipts = world.sink.to(TOM)
    raw = reply_to(receipts[0], "A long complaint about all three of my orders. " * 6, files=PROGRAM)
    kept = world.send(raw, TOM, *(receipt.reply_address for receipt in receipts))
    world.work()
    assert world.outcomes(kept) == ["posted"] * 3
    assert len([mail for mail in world.sink.to(TOM) if mail.header("Auto-Submitted") == "auto-replied"]) == 3
    assert alarms.raised() == ()


# Tries


@pytest.mark.parametrize("again", ["release", "replay"])
def test_what_was_posted_stays_posted_when_a_replay_breaks(
    world: World, monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    """Nothing in the mail makes a key that lasts: only its row knows that it was posted."""
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    raw = f"From: {TOM}\r\nTo: {receipt.reply_address}\r\n\r\nPlease refund me.\r\n".encode()
    kept = world.send(raw, TOM, receipt.reply_address)
    world.work()
    world.clock.advance(days=2)
    with monkeypatch.context() as patch:
        understanding(world, patch, broken)
        replay(world, kept)
        for _ in range(12):
            world.work()
            world.clock.advance(hours=3)
    assert world.outcomes(kept) == ["posted"]
    if again == "release":
        world.parts.releases.release(kept)
    else:
        replay(world, kept)
    world.work()
    assert len(world.said(case)) == 2


def test_a_second_posting_that_breaks_does_not_hold_the_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = world.open_case(1), world.open_case(2)
    first, second = world.sink.to(TOM)
    real = world.parts.desk.deliver_reply

    def deliver(case_id: str, *args: Any, **more: Any) -> Any:
        return broken() if case_id == two else real(case_id, *args, **more)

    monkeypatch.setattr(world.parts.desk, "deliver_reply", deliver)
    kept = world.send(reply_to(first, "For both"), TOM, first.reply_address, second.reply_address)
    for _ in range(12):
        world.work()
        world.clock.advance(hours=3)
    assert sorted(world.outcomes(kept)) == ["held", "posted"]
    assert len(world.said(one)) == 2


def test_waiting_for_the_dns_is_no_try_that_failed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.open_case()
    receipt = world.newest_mail_to(TOM)
    troubles: list[Exception] = [StillAsking("")] * 9 + [RuntimeError(), StoreUnavailable("")]

    def troubled(real: Callable[..., Any], *args: Any, **more: Any) -> Any:
        if troubles:
            raise troubles.pop(0)
        return real(*args, **more)

    understanding(world, monkeypatch, troubled)
    kept = world.send(reply_to(receipt, "Hello"), TOM, receipt.reply_address)
    for _ in range(11):
        world.work()
        assert inbox.get(kept).state == "pending"
        assert inbox.get(kept).due_at - world.clock() <= timedelta(seconds=30)
        world.clock.advance(seconds=30)
    world.work()
    assert world.outcomes(kept) == ["posted"]


def test_a_replay_gives_all_tries_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.open_case()
    kept = world.answer(world.newest_mail_to(TOM), "Hello")
    for _ in range(9):
        replay(world, kept)
        world.work()
    understanding(world, monkeypatch, broken)
    replay(world, kept)
    world.work()
    assert inbox.get(kept).state == "pending"


def test_the_verdict_is_kept_also_when_the_posting_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.open_case()
    world.proves("customer.example.org")
    receipt = world.newest_mail_to(TOM)
    monkeypatch.setattr(world.parts.desk, "deliver_reply", broken)
    kept = world.send(reply_to(receipt, "Hello"), TOM, receipt.reply_address)
    world.work()
    assert inbox.get(kept).state == "pending"
    assert Authentication.from_json(inbox.get(kept).authentication).verdict is Verdict.PASS


@pytest.mark.parametrize("trouble", [RuntimeError, Killed])
def test_a_lease_that_is_lost_amid_trouble_does_not_end_the_draining(
    world: World, monkeypatch: pytest.MonkeyPatch, trouble: type[Exception]
) -> None:
    world.open_case()
    toms, mias = world.newest_mail_to(TOM), world.newest_mail_to(MIA)
    first = world.send(reply_to(toms, "slow"), TOM, toms.reply_address)
    second = world.send(reply_to(mias, "quick"), MIA, mias.reply_address)

    def slow(real: Callable[..., Any], kept: inbox.Kept, raw: bytes, **more: Any) -> Any:
        if kept.id != first:
            return real(kept, raw, **more)
        world.parts.database.write(lambda: sql("UPDATE inbox SET attempts = attempts + 1 WHERE id = ?", (first,)))
        raise trouble("another worker has it")

    understanding(world, monkeypatch, slow)
    world.parts.processor.drain()
    assert world.outcomes(second) == ["posted"]


def test_a_guess_goes_when_a_replay_knows_better(world: World) -> None:
    kept = world.send(fresh(TOM, "Hello?"), TOM, FROM)
    world.work()
    case = world.open_case()
    replay(world, kept)
    world.work()
    assert [result.case_id for result in inbox.results(kept)] == [case]


# Words


@pytest.mark.parametrize("subject", ["Complaint: the lid is missing", "Order 1001: the lid is missing", "Re: order 7"])
def test_a_colon_in_the_subject_of_a_case_is_no_prefix(world: World, subject: str) -> None:
    case = world.open_case(subject=subject)
    world.answer(world.newest_mail_to(TOM), "An answer")
    assert world.said(case)[-1] == ("CUSTOMER", "An answer")


def test_an_answer_of_nothing_but_our_mail_is_nothing_new(world: World) -> None:
    case = world.open_case()
    kept = world.answer(world.newest_mail_to(TOM), "")
    assert world.outcomes(kept) == ["refused"]
    assert len(world.said(case)) == 1


def test_an_answer_that_was_written_into_the_quotation_is_not_taken_for_an_echo(world: World) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    quoted = "".join(f"> {line}\n" for line in receipt.text.splitlines())
    text = f"On Mon, 4 May 2026 at 11:30, Blue Kettle wrote:\n{quoted}> It is the glass lid that I miss\n"
    assert world.outcomes(world.answer(receipt, text, quotes=False)) == ["posted"]
    assert "It is the glass lid that I miss" in world.said(case)[-1][1]


def test_a_mail_of_only_a_file_that_is_not_taken_says_which(world: World) -> None:
    world.open_case()
    receipt = world.newest_mail_to(TOM)
    assert world.outcomes(world.answer(receipt, "", quotes=False, files=PROGRAM)) == ["refused"]
    assert "setup.exe" in world.sink.to(TOM)[-1].text


def test_what_the_law_forbids_is_told_with_its_words(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The law refuses no mail today; whoever changes it need not think of this."""
    world.open_case()
    receipt = world.newest_mail_to(TOM)

    def forbid(*_: Any, **__: Any) -> None:
        raise NotAllowed("This case takes no answers")

    monkeypatch.setattr(world.parts.desk, "deliver_reply", forbid)
    assert world.outcomes(world.answer(receipt, "Hello")) == ["refused"]
    assert "This case takes no answers" in world.sink.to(TOM)[-1].text


def test_the_name_of_a_file_holds_no_credential(world: World) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    world.answer(receipt, "See", files=((f"Mail to {receipt.reply_address}.txt", b"words", "text/plain"),))
    assert receipt.reply_address.partition("@")[0].partition("+")[2] not in str(world.messages(case))


def test_a_thread_keeps_what_was_noted_while_a_posting_was_made(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    real = world.parts.desk._answering
    answered: list[int] = []

    def answering(*args: Any, **more: Any) -> Any:
        job = real(*args, **more)
        if not answered:
            answered.append(world.send(reply_to(receipt, "", quotes=False), TOM, receipt.reply_address))
            world.parts.processor.drain()  # which tells Tom that there is nothing in his mail
        return job

    monkeypatch.setattr(world.parts.desk, "_answering", answering)
    world.post_answer(case, "Which lid?")
    world.work()
    (tom,) = (person for person in cases.participants(case) if person.role is Role.CUSTOMER)
    assert {mail.message_id.strip("<>") for mail in world.sink.to(TOM)} <= set(tom.reference_ids)
    assert len(world.sink.to(TOM)) == 3


# Brakes and answers


def test_two_robots_with_long_texts_are_stopped_too(world: World) -> None:
    """A mail of five messages is one; the other side's messages are nobody's."""
    world.open_case()
    readers = (world.newest_mail_to(TOM), world.newest_mail_to(MIA))
    outcomes: list[str] = []
    for number in range(46):
        world.clock.advance(seconds=65)
        text = f"Number {number}\n" + "long words in here\n" * 1_200
        outcomes += world.outcomes(world.answer(readers[number % 2], text, quotes=False))
    assert outcomes == ["posted"] * 40 + ["held"] * 6


def test_one_domain_does_not_silence_the_answers_to_all_strangers(world: World) -> None:
    world.proves("robots.example.net", "people.example.net")
    for number in range(101):
        sender = f"kim{number}@robots.example.net"
        world.send(fresh(sender, f"Hi {number}"), sender, FROM)
    world.send(fresh("ann@people.example.net", "Where do I ask?"), "ann@people.example.net", FROM)
    world.work()
    assert len(world.sink.to("ann@people.example.net")) == 1


def test_a_participant_who_is_only_too_fast_is_no_stranger(world: World) -> None:
    world.open_case()
    world.proves("customer.example.org")
    receipt = world.newest_mail_to(TOM)
    for number in range(20):
        world.clock.advance(minutes=1)
        world.answer(receipt, f"Number {number}")
    assert world.outcomes(world.answer(receipt, "By its id", to=FROM)) == ["held"]
    assert world.sink.to(TOM) == [receipt]


def test_explain_says_why_an_answer_does_not_go_out(world: World) -> None:
    world.open_case()
    receipt = world.newest_mail_to(TOM)
    raw = reply_to(receipt, "Look", files=PROGRAM, headers={"X-Auto-Response-Suppress": "All"})
    kept = world.send(raw, TOM, receipt.reply_address)
    (decided,) = world.parts.explainer.explain(inbox.get(kept), raw)["cases"]
    assert "wants no automatic mail" in decided["answer"]["notSent"]


# Reviews and releases


def test_mail_of_a_store_that_nobody_belongs_to_is_the_operators(world: World) -> None:
    world.open_case()
    receipt = world.newest_mail_to(TOM)
    world.remove_member(MIA)
    world.forbids("customer.example.org")
    assert world.outcomes(world.answer(receipt, "Hello?")) == ["held"]
    assert len(digests(world, OPERATOR)) == 1


def test_a_guess_is_the_operators_also_beside_a_bounce_address(world: World) -> None:
    world.open_case()
    receipt = world.newest_mail_to(TOM)
    kept = world.send(fresh(TOM, "Hello?"), STRANGER, receipt.envelope_from, FROM)
    world.work()
    assert world.outcomes(kept) == ["held"]
    assert (len(digests(world, MIA)), len(digests(world, OPERATOR))) == (0, 1)


def test_a_flood_for_one_reviewer_keeps_no_digest_from_another(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.reviews.AT_ONCE", 5)
    world.open_case()
    notice = world.newest_mail_to(MIA)
    for number in range(20):
        world.send(fresh(f"x{number}@elsewhere.example.net", "Buy!"), STRANGER, FROM)
    world.work()
    world.answer(notice, "From somebody else", sender=STRANGER)
    assert len(digests(world, MIA)) == 1


def test_a_clock_that_was_ahead_once_does_not_end_the_digests(world: World) -> None:
    world.open_case()
    notice = world.newest_mail_to(MIA)
    world.clock.advance(days=30)
    world.answer(notice, "one", sender=STRANGER)
    assert world.parts.reviews.tell() == 1
    world.clock.advance(days=-30, hours=1)
    world.parts.database.write(lambda: sql("UPDATE inbox_result SET told_at = NULL"))  # as a new held mail would be
    assert world.parts.reviews.tell() == 1


def test_a_released_mail_that_was_signed_for_somebody_else_bears_a_mark(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = world.open_case()
    notice = world.newest_mail_to(MIA)
    signed = Authentication(Verdict.PASS, "A DKIM signature holds.", "shop.example.org")
    monkeypatch.setattr(world.parts.authenticator, "authenticate", lambda *_, **__: signed)
    kept = world.send(reply_to(notice, "Refund granted", quotes=False), STRANGER, notice.reply_address)
    world.work()
    assert world.outcomes(kept) == ["held"]
    world.parts.releases.release(kept)
    (message,) = (message for message in world.messages(case) if message["body"] == "Refund granted")
    assert message["unverified"]


def test_a_released_mail_of_two_senders_says_that_nobody_knows_who_wrote(world: World) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    raw = reply_to(receipt, "My money").replace(f"<{TOM}>".encode(), f"<{STRANGER}>, x <y@{DOMAIN}.test>".encode(), 1)
    kept = world.send(raw, TOM, receipt.reply_address)  # only the envelope names him
    world.work()
    assert world.outcomes(kept) == ["held"]
    world.parts.releases.release(kept)
    (message,) = (message for message in world.messages(case) if message["body"] == "My money")
    assert message["via"]


def test_a_mail_is_released_where_it_can_be(world: World) -> None:
    one, two = world.open_case(1), world.open_case(2)
    first, second = world.sink.to(MIA)
    raw = reply_to(first, "For both", sender=STRANGER)
    kept = world.send(raw, STRANGER, first.reply_address, second.reply_address)
    world.work()
    world.revoke(two, Role.MERCHANT)
    world.parts.releases.release(kept)
    assert (len(world.said(one)), len(world.said(two))) == (2, 1)
    assert sorted(world.outcomes(kept)) == ["held", "posted"]


def test_an_address_is_not_asked_about_in_silence_when_the_mail_is_posted_already(world: World) -> None:
    world.open_case()
    world.proves("elsewhere.example.net")
    kept = world.answer(world.newest_mail_to(MIA), "From my phone", sender=STRANGER)
    world.parts.releases.release(kept)
    with pytest.raises(Refused, match="posted already"):
        world.parts.releases.release(kept, remember=True)

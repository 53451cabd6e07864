"""Robots, with and without a sign of it, and our own mail coming back (HARDENING 11, 19, 24; BEHAVIOURS 20-26)."""

import random
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY

import pytest

from gateway.cases.brakes import POSTS_AN_HOUR
from store import alarms
from tests.sink import Mail
from tests.world import DOMAIN, MIA, TOM, World, case_event, reply_to

FROM_ADDRESS = f"cases@{DOMAIN}"
TOMS = "customer.example.org"
ROBOT_DOMAIN = "robots.example.net"
LONG = "Thank you for your message. We have received it and will come back to you as soon as we can. " * 4


def by_us(world: World) -> list[Mail]:
    """The automatic mails that answer somebody."""
    return [mail for mail in world.sink.mails if mail.header("Auto-Submitted") == "auto-replied"]


def robot_mail(sender: str, text: str) -> bytes:
    """What a robot writes that gives no sign of being one."""
    mail = EmailMessage(policy=SMTP_POLICY)
    mail["From"], mail["To"], mail["Subject"] = sender, FROM_ADDRESS, "Your message"
    mail.set_content(text)
    return mail.as_bytes()


@pytest.mark.parametrize("fresh_address", [False, True])
@pytest.mark.parametrize("text", ["Thanks, noted.", LONG])
def test_row_20_fifty_robot_mails_cause_two_automatic_mails_and_one_alarm_at_most(
    world: World, fresh_address: bool, text: str
) -> None:
    world.open_case()
    world.proves(ROBOT_DOMAIN)
    for number in range(50):
        sender = f"kim{number if fresh_address else ''}@{ROBOT_DOMAIN}"
        world.send(robot_mail(sender, text), sender, FROM_ADDRESS)
    world.work()
    assert 1 <= len(by_us(world)) <= 2
    assert len(alarms.raised()) == (1 if fresh_address else 0)


def test_row_21_one_text_from_ever_new_domains_counts_as_one_sender(world: World) -> None:
    world.proves(*(f"{number}.{ROBOT_DOMAIN}" for number in range(50)))
    for number in range(50):
        sender = f"kim@{number}.{ROBOT_DOMAIN}"
        world.send(robot_mail(sender, LONG), sender, FROM_ADDRESS)
    world.work()
    assert len(by_us(world)) == 2
    assert len(alarms.raised()) == 1


def test_rule_24_more_than_twenty_mails_an_hour_of_one_person_are_held_with_an_alarm(world: World) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    kept = []
    for number in range(50):
        world.clock.advance(minutes=1)
        kept.append(world.answer(receipt, f"Number {number}"))
    outcomes = [outcome for one in kept for outcome in world.outcomes(one)]
    assert outcomes == ["posted"] * POSTS_AN_HOUR + ["held"] * (50 - POSTS_AN_HOUR)
    assert len(world.said(case)) == 1 + POSTS_AN_HOUR
    assert len(alarms.raised()) == 1
    assert by_us(world) == []
    world.clock.advance(hours=1)
    assert world.outcomes(world.answer(receipt, "A person after all")) == ["posted"]


def test_rule_24_two_robots_that_answer_each_other_through_us_are_stopped(world: World) -> None:
    """Neither says that it is one: only the pace tells."""
    case = world.open_case()
    world.clock.advance(minutes=5)
    unanswered: list[Mail] = [world.newest_mail_to(MIA)]
    outcomes: list[str] = []
    while unanswered:
        assert len(outcomes) < 30, "it goes on and on"
        world.clock.advance(seconds=10)
        before = len(world.sink.mails)
        outcomes += world.outcomes(world.answer(unanswered.pop(), f"Automatic words, number {len(outcomes)}"))
        unanswered += world.sink.mails[before:]
    assert outcomes == ["posted"] * 5 + ["held"]
    assert len(world.said(case)) == 6
    assert len(alarms.raised()) == 1
    world.clock.advance(minutes=5)
    assert world.outcomes(world.answer(world.newest_mail_to(MIA), "A person again")) == ["posted"]


@pytest.mark.parametrize("value", ["OOF, AutoReply", "All", "DR, RN, NRN, OOF", "None"])
def test_row_22_a_person_who_wants_no_automatic_mail_is_posted_and_gets_none(world: World, value: str) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    program = [("virus.exe", b"MZ" + b"\0" * 100, "application/octet-stream")]
    kept = world.answer(receipt, "By hand", headers={"X-Auto-Response-Suppress": value}, files=tuple(program))
    assert world.outcomes(kept) == ["posted"]
    assert world.said(case)[-1] == ("CUSTOMER", "By hand")
    assert len(by_us(world)) == (1 if value == "None" else 0)


@pytest.mark.parametrize("sender", [f"cases@{DOMAIN}", f"somebody@{DOMAIN}", f"reply+x@{DOMAIN}"])
def test_row_23_mail_from_our_own_domain_is_stored_and_never_answered(world: World, sender: str) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    world.proves(DOMAIN)
    kept = world.answer(receipt, "From the desk itself", sender=sender)
    assert world.outcomes(kept) == ["automatic"]
    assert len(world.said(case)) == 1
    kept = world.send(robot_mail(sender, "To the desk itself"), sender, FROM_ADDRESS)
    world.work()
    assert world.outcomes(kept) == ["automatic"]
    assert by_us(world) == []


def test_row_23_our_loop_header_on_a_fresh_mail_is_ours(world: World) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    name = next(name for name in receipt.message if "loop" in name.lower())
    kept = world.answer(receipt, "Forwarded by a rule", headers={name: receipt.header(name)})
    assert world.outcomes(kept) == ["automatic"]
    assert len(world.said(case)) == 1


def test_row_24_more_than_thirty_hops_are_a_loop(world: World) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    hops = "".join(
        f"Received: from h{n}.example.net by h{n + 1}.example.net; Mon, 4 May 2026 09:30:00 +0000\r\n"
        for n in range(31)
    )
    kept = world.send(hops.encode() + reply_to(receipt, "Round and round"), TOM, receipt.reply_address)
    world.work()
    assert world.outcomes(kept) == ["automatic"]
    assert len(world.said(case)) == 1


def test_rule_24_an_answer_that_quotes_our_mail_with_its_headers_is_no_loop(world: World) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    raw = receipt.raw.partition(b"\r\n\r\n")[0].decode()
    kept = world.answer(receipt, f"See what I got:\n\n{raw}\n\nWhat does it mean?", quotes=False)
    assert world.outcomes(kept) == ["posted"]
    assert len(world.said(case)) == 2


def test_rule_24_addresses_in_our_own_domain_are_refused_in_hooks(world: World) -> None:
    event = case_event(7)
    event["data"]["customer"]["email"] = f"tom@{DOMAIN}"
    answer = world.hook(event)
    assert answer.status_code == 400
    assert "own domain" in answer.text


def test_row_25_a_null_sender_never_causes_mail(world: World) -> None:
    world.open_case()
    receipt = world.newest_mail_to(TOM)
    before = len(world.sink.mails)
    world.proves(TOMS)
    names = random.Random(1)
    for number in range(10):
        files = ((f"{names.random()}.exe", b"MZ" + bytes(100), "application/octet-stream"),)
        raw = reply_to(receipt, f"Delivery failed, number {number}", files=files)
        world.send(raw, "", receipt.reply_address)
        world.send(robot_mail(TOM, f"Not delivered, number {number}"), "", FROM_ADDRESS)
    world.work()
    assert len(world.sink.mails) == before

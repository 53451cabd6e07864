"""Held mail and those who look at it: digests, releasing, dropping, another address (HARDENING rules 11, 19, 20)."""

import re
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY

import pytest

from gateway.errors import Refused
from store import inbox
from tests.sink import Mail, Sink
from tests.world import BEN, DOMAIN, MIA, STRANGER, TOM, Clock, World

OPERATOR = "operator@ops.example.net"
SECRET = "The number of my card is 4711"


@pytest.fixture
def world(tmp_path, sink: Sink, clock: Clock):  # type: ignore[no-untyped-def]
    """A gateway whose operator has an address."""
    world = World(tmp_path, sink, clock, mail=f'reply_domain = "{DOMAIN}"\noperator_address = "{OPERATOR}"')
    yield world
    world.close()


def digests(world: World, address: str) -> list[Mail]:
    world.parts.reviews.tell()
    world.work()
    return [mail for mail in world.sink.to(address) if "held" in mail.header("Subject").lower()]


def hold(world: World, notice: Mail, text: str = SECRET) -> int:
    """A mail to a merchant's reply address from somebody else."""
    kept = world.answer(notice, text, sender=STRANGER)
    assert world.outcomes(kept) == ["held"]
    return kept


def test_the_owner_of_the_store_hears_once_an_hour_without_a_word_of_the_mail(world: World) -> None:
    world.open_case(members=(MIA, BEN))
    notice = world.newest_mail_to(BEN)
    hold(world, notice)
    (digest,) = digests(world, MIA)
    assert digests(world, BEN) == []
    assert digests(world, OPERATOR) == []
    for number in range(3):
        hold(world, notice, f"{SECRET}, number {number}")
    assert digests(world, MIA) == [digest]
    world.clock.advance(hours=1)
    (_, second) = digests(world, MIA)
    assert SECRET not in digest.raw.decode() + second.raw.decode()
    assert "http" not in digest.text  # nothing to press
    assert digest.header("Auto-Submitted") == "auto-generated"
    world.clock.advance(hours=2)
    assert len(digests(world, MIA)) == 2  # nothing new


def test_the_operator_hears_of_mail_that_belongs_to_nobody(world: World) -> None:
    world.open_case()
    mail = EmailMessage(policy=SMTP_POLICY)
    mail["From"], mail["To"], mail["Subject"] = STRANGER, f"cases@{DOMAIN}", "Hello"
    mail.set_content(SECRET)
    world.send(mail.as_bytes(), STRANGER, f"cases@{DOMAIN}")
    receipt = world.newest_mail_to(TOM)
    for number in range(22):
        world.clock.advance(minutes=1)
        world.answer(receipt, f"Number {number}")
    (digest,) = digests(world, OPERATOR)
    assert SECRET not in digest.raw.decode()
    assert "casegate inbox list" in digest.text
    assert len(digests(world, MIA)) == 1  # the customer's mails that came too fast


def test_releasing_posts_once_with_the_marks_that_it_deserves(world: World) -> None:
    case = world.open_case()
    kept = hold(world, world.newest_mail_to(MIA), "We send a new lid.")
    for _ in range(2):
        results = world.parts.releases.release(kept)
        assert [result.outcome for result in results] == ["posted"]
    world.work()
    *_, message, _ = world.messages(case)
    assert (message["senderType"], message["body"], message["via"]) == ("MERCHANT", "We send a new lid.", STRANGER)
    assert "We send a new lid." in world.newest_mail_to(TOM).text


def test_a_dropped_mail_is_posted_no_more_and_nobody_is_told(world: World) -> None:
    case = world.open_case()
    kept = hold(world, world.newest_mail_to(MIA))
    before = len(world.sink.mails)
    results = world.parts.releases.drop(kept, "forged")
    assert [(result.outcome, result.reason) for result in results] == [("refused", "dropped: forged")]
    with pytest.raises(Refused, match="dropped: forged"):
        world.parts.releases.release(kept)
    with pytest.raises(Refused, match="not held"):
        world.parts.releases.drop(kept, "again")
    world.work()
    assert len(world.sink.mails) == before
    assert len(world.said(case)) == 1


def test_a_held_mail_whose_reply_address_was_revoked_stays_held(world: World) -> None:
    case = world.open_case()
    kept = hold(world, world.newest_mail_to(MIA))
    world.remove_member(MIA)
    with pytest.raises(Refused, match="left the store"):
        world.parts.releases.release(kept)
    assert world.outcomes(kept) == ["held"]
    assert len(world.said(case)) == 1


def test_an_address_is_remembered_after_a_yes_from_the_old_one(world: World) -> None:
    case = world.open_case()
    notice = world.newest_mail_to(MIA)
    world.proves("elsewhere.example.net", "shop.example.org")
    kept = hold(world, notice, "From my phone")
    world.parts.releases.release(kept, remember=True)
    question = world.newest_mail_to(MIA)
    assert STRANGER in question.text
    assert world.sink.to(STRANGER) == []
    assert world.outcomes(world.answer(notice, "Not yet", sender=STRANGER)) == ["held"]

    (link,) = set(re.findall(r"/confirm/[a-z2-7]{56}", question.text))
    page = world.http.get(link)
    assert page.status_code == 200
    assert STRANGER in page.text
    assert world.outcomes(world.answer(notice, "Looking is not a yes", sender=STRANGER)) == ["held"]
    fields = dict(re.findall(r'name="([^"]+)"\s+value="([^"]*)"', page.text))
    assert world.http.post(link, data=fields).status_code == 200

    kept = world.answer(notice, "From my phone again", sender=STRANGER)
    assert world.outcomes(kept) == ["posted"]
    shown = world.messages(case)[-1] if world.messages(case)[-1]["senderType"] != "SYSTEM" else world.messages(case)[-2]
    assert (shown["body"], shown.get("via", "")) == ("From my phone again", "")
    world.answer(world.newest_mail_to(TOM), "Thanks")
    assert "Thanks" in world.newest_mail_to(MIA).text
    assert world.sink.to(STRANGER) == []  # it posts, it never receives


def test_an_address_that_nothing_proves_is_not_remembered_and_nothing_is_posted(world: World) -> None:
    case = world.open_case()
    kept = hold(world, world.newest_mail_to(MIA))
    with pytest.raises(Refused, match="nothing proves"):
        world.parts.releases.release(kept, remember=True)
    assert inbox.get(kept).outcome == "held"
    assert len(world.said(case)) == 1

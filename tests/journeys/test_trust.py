"""Whose words a mail is: reply address, sender, authentication (HARDENING rules 4, 14; BEHAVIOURS 10, 12, 14-18)."""

import smtplib
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY

import pytest

from gateway.cases.model import Role
from gateway.signing import Purpose
from store import inbox, parties
from tests.nameserver import SILENT
from tests.sink import Mail
from tests.world import BEN, DOMAIN, MIA, STORE, STRANGER, TOM, World, reply_to, send

TOMS, MIAS, STRANGERS = "customer.example.org", "shop.example.org", "elsewhere.example.net"


def notice_to(world: World, address: str) -> Mail:
    world.open_case()
    return world.newest_mail_to(address)


def the_case(world: World) -> str:
    found: str = world.api("GET").json()["data"]["items"][0]["id"]
    return found


def marks(world: World) -> list[tuple[str, str, bool]]:
    """Author, address shown and doubt of each message but the first."""
    shown = [m for m in world.messages(the_case(world)) if m["senderType"] != Role.SYSTEM][1:]
    return [(m["senderType"], m.get("via", ""), m.get("unverified", False)) for m in shown]


def make_strict(world: World) -> None:
    def job() -> None:
        store = parties.get_store(STORE)
        parties.save_store(type(store)(store.id, store.name, store.created_at, strict=True))

    world.parts.database.write(job)


@pytest.mark.parametrize(
    ("reader", "sender", "dns", "strict", "outcome"),
    [
        (TOM, TOM, "pass", False, "posted"),
        (TOM, TOM, "none", False, "posted, unverified"),
        (TOM, TOM, "none", True, "posted, unverified"),
        (TOM, TOM, "fail", False, "held"),
        (TOM, STRANGER, "pass", False, "posted via"),
        (TOM, STRANGER, "none", False, "posted via"),
        (TOM, STRANGER, "pass", True, "held"),
        (TOM, STRANGER, "fail", False, "held"),
        (MIA, MIA, "pass", False, "posted"),
        (MIA, MIA, "none", False, "posted, unverified"),
        (MIA, MIA, "none", True, "held"),
        (MIA, MIA, "fail", False, "held"),
        (MIA, STRANGER, "pass", False, "held"),
        (MIA, BEN, "pass", False, "held"),
        (MIA, STRANGER, "fail", False, "held"),
    ],
)
def test_rule_4_the_table_of_trust(
    world: World, reader: str, sender: str, dns: str, strict: bool, outcome: str
) -> None:
    notice = notice_to(world, reader)
    if strict:
        make_strict(world)
    if dns != "none":
        (world.proves if dns == "pass" else world.forbids)(TOMS, MIAS, STRANGERS)
    kept = world.answer(notice, "My new words", sender=sender)
    assert world.outcomes(kept) == ["held" if outcome == "held" else "posted"]
    if outcome == "held":
        assert marks(world) == []
    else:
        (mark,) = marks(world)
        assert mark[1:] == (sender if outcome.endswith("via") else "", outcome.endswith("unverified"))


def test_row_15_a_forged_merchant_with_a_real_reply_address_is_held_whatever_the_header_says(world: World) -> None:
    notice = notice_to(world, MIA)
    world.forbids(MIAS)
    forged = {"Authentication-Results": "mx.example.org; spf=pass smtp.mailfrom=shop.example.org; dmarc=pass"}
    kept = world.answer(notice, "The refund is done.", headers=forged)
    assert world.outcomes(kept) == ["held"]
    assert "forged" in world.reasons(kept)
    assert marks(world) == []
    assert world.sink.to(MIA)[-1] == notice  # nobody is told


def test_who_passed_once_and_does_not_now_is_forged(world: World) -> None:
    notice = notice_to(world, TOM)
    world.proves(TOMS)
    assert world.outcomes(world.answer(notice, "First")) == ["posted"]
    world.names.zone.clear()
    world.clock.advance(days=2)
    world.close()
    world.start()  # what the DNS said two days ago is forgotten
    kept = world.answer(notice, "Second")
    assert world.outcomes(kept) == ["held"]
    world.proves(TOMS)
    world.close()
    world.start()
    assert world.outcomes(world.answer(notice, "Third")) == ["posted"]


def test_rule_4_the_verdict_is_made_once_and_a_replay_uses_it(world: World) -> None:
    notice = notice_to(world, MIA)
    world.forbids(MIAS)
    kept = world.answer(notice, "The refund is done.")
    assert world.outcomes(kept) == ["held"]
    world.proves(MIAS)
    asked = len(world.names.asked)
    world.parts.database.write(lambda: inbox.replay(kept, world.clock()))
    world.work()
    assert world.outcomes(kept) == ["held"]
    assert len(world.names.asked) == asked


def test_a_merchants_signed_mail_to_somebody_else_is_worth_nothing_here(world: World) -> None:
    """HARDENING rule 14: without SPF a merchant's pass must cover our reply address; a forwarder has neither."""
    notice = notice_to(world, MIA)
    world.proves(MIAS)
    raw = EmailMessage(policy=SMTP_POLICY)
    raw["From"], raw["To"], raw["Subject"] = MIA, "somebody@elsewhere.example.net", "Re: hello"
    raw.set_content("For somebody else")
    kept = world.send(raw.as_bytes(), STRANGER, notice.reply_address)  # the envelope is not hers, so SPF says nothing
    world.work()
    assert world.outcomes(kept) == ["held"]


@pytest.mark.parametrize(("address", "minutes"), [("tom@kettle.example.com", 0), ("tom@kettles.shop", 5)])
def test_a_dns_that_is_down_delays_and_loses_nothing(world: World, address: str, minutes: int) -> None:
    """Trouble is neither a pass nor a refusal: a customer waits five minutes at most, then nothing speaks for him."""
    world.open_case(customer={"id": "cus_kettle00000000000000001", "email": address})
    notice = world.sink.to(address)[-1]
    domain = address.partition("@")[2]
    world.names.zone = {(domain, kind): SILENT for kind in ("TXT", "A", "AAAA", "MX")}
    world.names.zone |= {(f"_dmarc.{domain}", "TXT"): SILENT}
    kept = world.answer(notice, "Hello?")
    world.work_until(lambda: "has not answered yet" not in inbox.get(kept).reason)
    for _ in range(minutes):
        assert inbox.get(kept).state == "pending"
        world.clock.advance(minutes=1)
        world.work_until(lambda: "has not answered yet" not in inbox.get(kept).reason)
    world.work_until(lambda: inbox.get(kept).state == "done")
    assert world.outcomes(kept) == ["posted"]
    assert marks(world) == [("CUSTOMER", "", True)]


def test_two_senders_are_no_sender(world: World) -> None:
    notice = notice_to(world, TOM)
    world.proves(TOMS)
    answer = EmailMessage(policy=SMTP_POLICY)
    answer["From"], answer["To"], answer["Subject"] = f"{TOM}, {STRANGER}", notice.reply_address, "Re: x"
    answer.set_content("From us both")
    kept = world.send(answer.as_bytes(), TOM, notice.reply_address)
    world.work()
    assert world.outcomes(kept) == ["held"]
    raw = answer.as_bytes().replace(b"From: ", f"From: {TOM}\r\nFrom: ".encode(), 1)
    kept = world.send(raw, TOM, notice.reply_address)
    world.work()
    assert world.outcomes(kept) == ["held"]


def test_row_14_who_holds_the_mail_never_speaks_as_the_person(world: World) -> None:
    notice = notice_to(world, TOM)
    world.proves(STRANGERS)
    world.answer(notice, "I am Tom, believe me.", sender=STRANGER)
    told = world.newest_mail_to(MIA)
    assert STRANGER in told.text
    assert "Tom Reed" not in told.header("From")
    world.answer(told, "Dear Tom")
    assert world.newest_mail_to(TOM).text.count("Dear Tom")
    assert world.sink.to(STRANGER) == []  # answers go to known addresses only


def test_row_16_the_customer_of_a_case_never_changes_through_mail(world: World) -> None:
    notice = notice_to(world, TOM)
    world.proves(TOMS, STRANGERS)
    world.answer(notice, "With my wife in copy", headers={"Cc": STRANGER})
    world.answer(notice, "I am the wife", sender=STRANGER)
    shown = world.case(the_case(world))
    assert shown["customer"]["email"] == TOM
    world.answer(world.newest_mail_to(MIA), "Dear both")
    assert "Dear both" in world.newest_mail_to(TOM).text
    assert world.sink.to(STRANGER) == []


def test_row_17_nobody_in_copy_becomes_a_participant_and_nobody_is_copied_in(world: World) -> None:
    notice = notice_to(world, TOM)
    world.answer(notice, "See the copy", headers={"Cc": f"{BEN}, {notice.reply_address}"})
    world.work()
    told = world.newest_mail_to(MIA)
    assert world.sink.to(BEN) == []
    assert told.header("Cc") == ""


def test_row_18_who_left_the_store_posts_nothing_and_is_told_when_he_is_proven(world: World) -> None:
    notice = notice_to(world, MIA)
    world.remove_member(MIA)
    kept = world.answer(notice, "It is on its way.")
    assert world.outcomes(kept) == ["refused"]
    assert world.sink.to(MIA) == [notice]  # nothing proves that it was her
    world.proves(MIAS)
    world.clock.advance(days=1)
    world.close()
    world.start()
    kept = world.answer(notice, "Really.")
    assert world.outcomes(kept) == ["refused"]
    told = world.newest_mail_to(MIA)
    assert told != notice
    assert told.header("Reply-To") == ""
    assert told.header("Auto-Submitted") == "auto-replied"
    assert marks(world) == []


def test_row_10_a_revoked_address_is_answered_with_what_to_do(world: World) -> None:
    notice = notice_to(world, TOM)
    case = the_case(world)
    world.revoke(case, Role.CUSTOMER)
    kept = world.answer(notice, "Still me")
    assert world.outcomes(kept) == ["refused"]
    told = world.newest_mail_to(TOM)
    assert told.header("Auto-Submitted") == "auto-replied"
    assert told.header("Reply-To") == ""
    world.answer(notice, "And again")
    assert world.newest_mail_to(TOM) == told  # once a day


def test_row_12_an_invented_address_is_refused_in_words(world: World) -> None:
    notice = notice_to(world, TOM)
    local, _, domain = notice.reply_address.partition("@")
    with pytest.raises(smtplib.SMTPResponseException) as refused:
        world.send(b"Subject: x\r\n\r\nHello\r\n", TOM, f"{local[:-1]}{'a' if local[-1] != 'a' else 'b'}@{domain}")
    assert refused.value.smtp_code == 550
    assert "answer the latest mail" in str(refused.value.smtp_error)


def test_rule_11_the_door_answers_alike_whether_or_not_there_is_a_case(world: World) -> None:
    """An address that we signed for nobody (any more) is taken as any other, comes to nothing, and is not answered."""
    receipt = notice_to(world, TOM)
    world.proves(TOMS)
    token = world.parts.secrets.keyring.token(Purpose.REPLY, b"nobody's handle!")
    before = len(world.sink.mails)
    for address in (receipt.reply_address, f"reply+{token}@{DOMAIN}"):
        answer = send(world.smtp_port, reply_to(receipt, "Hello?"), TOM, address)
        assert answer.startswith("2.0.0 kept as ")
    world.work()
    assert [kept.outcome for kept in inbox.listing()] == ["refused", "posted"]
    assert len(world.sink.mails) == before + 1  # Mia's notice

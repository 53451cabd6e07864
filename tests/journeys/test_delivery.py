"""The truth back: what became of a mail is seen on its message, and a case that waits for nobody goes back."""

import smtplib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from gateway.cases.lifecycle import Act, decide
from gateway.cases.model import Role
from store import alarms, cases, claims, inbox, outbox, suppressions
from store.claims import Way, Ways
from store.database import sql
from tests import postmaster
from tests.postmaster import DEAD, FULL
from tests.sink import Mail
from tests.world import BEN, MIA, TOM, World

WORDS = "The lid leaves today."


def answered(world: World, **changes: Any) -> tuple[str, Mail]:
    """A case that its merchant has answered, and the answer in the customer's mailbox."""
    case = world.open_case(**changes)
    assert world.post_answer(case, WORDS).status_code == 201
    return case, world.newest_mail_to(TOM)


def report(world: World, mail: Mail, raw: bytes) -> int:
    """Hand in what a mail system writes back. Returns its inbox id."""
    kept = world.send(raw, "", mail.envelope_from)
    world.work()
    return kept


def delivery(world: World, case: str, body: str = WORDS) -> dict[str, Any]:
    """What the API tells of the mails of a message."""
    shown: dict[str, Any] = next(m for m in world.messages(case) if m["body"] == body)["delivery"]
    return shown


def trail(world: World, case: str) -> list[str]:
    return [message["body"] for message in world.messages(case) if message["senderType"] == "SYSTEM"]


def told(world: World) -> list[Mail]:
    """The mails to the merchant that say that something did not arrive."""
    return [mail for mail in world.sink.to(MIA) if "did not reach" in mail.text]


def outbox_id(mail: Mail) -> int:
    found: int = sql("SELECT id FROM outbox WHERE envelope_from = ?", (mail.envelope_from,)).fetchone()[0]
    return found


def stopped(world: World, address: str) -> suppressions.Suppression | None:
    found = suppressions.get(address)
    return found if found is not None and found.holds(world.clock()) else None


# What comes back


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (postmaster.postfix, "There is no mailbox of this name here"),
        (postmaster.exchange, "5.1.10"),
        (postmaster.gmail, "does not exist"),
    ],
)
def test_a_bounce_shows_on_the_message_and_gives_the_case_back(
    world: World, written: Callable[[Mail], bytes], reason: str
) -> None:
    case, mail = answered(world)
    assert world.case(case)["status"] == "AWAITING_CUSTOMER"
    assert delivery(world, case)["state"] == "sent"
    world.clock.advance(minutes=3)
    kept = report(world, mail, written(mail))
    assert world.outcomes(kept) == ["bounce"]
    assert f"about mail {outbox_id(mail)}" in world.reasons(kept)
    shown = delivery(world, case)
    assert shown["state"] == "bounced"
    assert shown["recipients"] == [
        {
            "role": "CUSTOMER", "state": "bounced", "at": "2026-05-04T09:33:00.000Z",
            "reason": shown["recipients"][0]["reason"],
        }
    ]  # fmt: skip
    assert reason in shown["recipients"][0]["reason"]
    assert world.case(case)["status"] == "AWAITING_MERCHANT"
    last = trail(world, case)[-1]
    assert last.startswith("Case is now awaiting the merchant: the last message did not reach the customer")
    assert reason in last
    (notice,) = told(world)
    assert WORDS in notice.text
    assert reason in notice.text
    assert stopped(world, TOM) is not None
    world.clock.advance(days=1)
    world.work()
    assert len(told(world)) == 1


def test_a_delayed_mail_is_shown_so_and_moves_nothing_until_it_bounces(world: World) -> None:
    case, mail = answered(world)
    report(world, mail, postmaster.postfix(mail, FULL, action="delayed", status="4.2.2"))
    shown = delivery(world, case)
    assert (shown["state"], world.case(case)["status"]) == ("delayed", "AWAITING_CUSTOMER")
    assert "full" in shown["recipients"][0]["reason"]
    world.clock.advance(days=2)
    report(world, mail, postmaster.postfix(mail, FULL, status="4.2.2"))
    assert (delivery(world, case)["state"], world.case(case)["status"]) == ("bounced", "AWAITING_MERCHANT")
    assert stopped(world, TOM) is None  # a full mailbox is no dead address
    assert "mailbox is full" in told(world)[0].text
    report(world, mail, postmaster.postfix(mail, FULL, action="delayed", status="4.2.2"))
    assert delivery(world, case)["state"] == "bounced"


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_a_report_of_success_changes_nothing(world: World, action: str) -> None:
    case, mail = answered(world)
    kept = report(world, mail, postmaster.postfix(mail, "250 2.1.5 Ok", action=action, status="2.1.5"))
    assert world.outcomes(kept) == ["bounce"]
    assert action in world.reasons(kept)
    assert (delivery(world, case)["state"], world.case(case)["status"]) == ("sent", "AWAITING_CUSTOMER")


def test_a_complaint_shows_and_stops_all_but_the_necessary_mail(world: World) -> None:
    case, mail = answered(world)
    kept = report(world, mail, postmaster.complaint(mail))
    assert world.outcomes(kept) == ["complaint"]
    assert (delivery(world, case)["state"], world.case(case)["status"]) == ("complained", "AWAITING_CUSTOMER")
    assert told(world) == []
    found = stopped(world, TOM)
    assert found is not None
    assert (found.reason, found.until) == ("complaint", None)
    world.clock.advance(minutes=1)
    world.post_answer(case, "And the invoice.")
    assert world.newest_mail_to(TOM).text.count("And the invoice.") == 1  # he would lose by not getting it
    assert world.api("PATCH", f"/{case}", json={"status": "CLOSED"}).status_code == 200
    world.work()
    assert "And the invoice." in world.newest_mail_to(TOM).text  # the last one still: not that it was closed
    assert delivery(world, case, "Case closed by the merchant")["state"] == "suppressed"


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (lambda mail: postmaster.complaint(mail, "not-spam"), "no complaint of a person"),
        (lambda mail: postmaster.complaint(mail, "auth-failure"), "no complaint of a person"),
        (lambda mail: postmaster.complaint(mail, recipient="eve@customer.example.org"), "does not name its recipient"),
    ],
)
def test_a_feedback_report_that_is_no_complaint_of_the_recipient(
    world: World, written: Callable[[Mail], bytes], why: str
) -> None:
    case, mail = answered(world)
    kept = report(world, mail, written(mail))
    assert world.outcomes(kept) == ["complaint"]
    assert why in world.reasons(kept)
    assert delivery(world, case)["state"] == "sent"
    assert stopped(world, TOM) is None


def test_a_complaint_that_names_its_recipient_counts(world: World) -> None:
    case, mail = answered(world)
    report(world, mail, postmaster.complaint(mail, "fraud", recipient=TOM.upper()))
    assert delivery(world, case)["state"] == "complained"


# HARDENING rule 8


def test_a_report_that_comes_a_thousand_times_has_one_effect(world: World) -> None:
    case, mail = answered(world)
    raw = postmaster.postfix(mail)
    with smtplib.SMTP("127.0.0.1", world.smtp_port) as client:
        for number in range(1_000):
            if number % 50 == 0:
                world.clock.advance(hours=1)  # more than 60 an hour to one address are not taken
            client.sendmail("", [mail.envelope_from], raw)
    world.work()
    assert (world.case(case)["status"], len(told(world))) == ("AWAITING_MERCHANT", 1)
    assert len(trail(world, case)) == 2  # that it awaits the customer, and that it does not
    row = sql("SELECT report, reports FROM outbox WHERE envelope_from = ?", (mail.envelope_from,)).fetchone()
    assert row == ("bounced", 1_000)
    found = stopped(world, TOM)
    assert found is not None
    assert found.times == 1


def test_a_report_about_another_recipient_changes_nothing(world: World) -> None:
    case, mail = answered(world)
    kept = report(world, mail, postmaster.postfix(mail, recipient="eve@customer.example.org"))
    assert "does not name its recipient" in world.reasons(kept)
    assert (delivery(world, case)["state"], world.case(case)["status"]) == ("sent", "AWAITING_CUSTOMER")
    assert suppressions.get(TOM) is None
    assert suppressions.get("eve@customer.example.org") is None


@pytest.mark.parametrize(("days", "state"), [(14, "bounced"), (15, "sent")])
def test_a_report_counts_for_fourteen_days(world: World, days: int, state: str) -> None:
    case, mail = answered(world)
    world.clock.advance(days=days)
    report(world, mail, postmaster.postfix(mail))
    assert delivery(world, case)["state"] == state
    assert world.case(case)["status"] == ("AWAITING_MERCHANT" if state == "bounced" else "AWAITING_CUSTOMER")


def test_a_forged_bounce_address_is_refused_at_the_door(world: World) -> None:
    _, mail = answered(world)
    local, _, domain = mail.envelope_from.partition("@")
    forged = f"{local[:-1]}{'a' if local[-1] != 'a' else 'b'}@{domain}"
    with pytest.raises(smtplib.SMTPResponseException) as caught:
        world.send(postmaster.postfix(mail), "", forged)
    assert caught.value.smtp_code == 550
    with pytest.raises(smtplib.SMTPResponseException):
        world.send(postmaster.postfix(mail), "", mail.envelope_from.replace("bounce+", "reply+"))


def test_a_report_that_names_nobody_counts_but_kills_no_address(world: World) -> None:
    case, mail = answered(world)
    kept = report(world, mail, postmaster.nameless(mail))
    assert "user unknown" in world.reasons(kept)
    assert (delivery(world, case)["state"], world.case(case)["status"]) == ("bounced", "AWAITING_MERCHANT")
    assert suppressions.get(TOM) is None


def test_people_and_robots_at_the_bounce_address(world: World) -> None:
    """HARDENING rule 8: it never posts."""
    world.proves("customer.example.org")
    case, mail = answered(world)
    assert world.outcomes(report(world, mail, postmaster.absence(mail))) == ["automatic"]
    written = world.send(postmaster.words(mail), TOM, mail.envelope_from)
    world.work()
    assert world.outcomes(written) == ["held"]
    assert (delivery(world, case)["state"], world.case(case)["status"]) == ("sent", "AWAITING_CUSTOMER")
    assert [body for who, body in world.said(case) if who == "CUSTOMER"] == ["The kettle came without its lid."]


# Which case moves


def test_a_bounce_after_the_customer_has_answered_moves_nothing(world: World) -> None:
    world.proves("customer.example.org")
    case, mail = answered(world)
    world.answer(mail, "I have found it")
    world.clock.advance(minutes=1)
    world.api("PATCH", f"/{case}", json={"status": "AWAITING_CUSTOMER"})
    report(world, mail, postmaster.postfix(mail))
    assert delivery(world, case)["state"] == "bounced"
    assert (world.case(case)["status"], told(world)) == ("AWAITING_CUSTOMER", [])


def test_a_bounce_of_an_older_message_shows_on_that_only(world: World) -> None:
    case, mail = answered(world)
    world.clock.advance(minutes=1)
    world.post_answer(case, "It has left.")
    world.work()
    report(world, mail, postmaster.postfix(mail))
    assert [delivery(world, case, body)["state"] for body in (WORDS, "It has left.")] == ["bounced", "sent"]
    assert (world.case(case)["status"], told(world)) == ("AWAITING_CUSTOMER", [])


def close(world: World, case: str, by: Role) -> None:
    """Close a case as that side would."""
    loaded = cases.load(case)
    assert loaded is not None
    act = Act.IDLE_CLOSE if by is Role.SYSTEM else Act.CLOSE
    change = decide(loaded.view.case, act, by, world.clock())
    world.parts.database.write(lambda: cases.update(change.case, loaded.message_count))


def test_a_case_that_nobody_closed_reopens(world: World) -> None:
    case, mail = answered(world)
    close(world, case, Role.SYSTEM)
    report(world, mail, postmaster.postfix(mail))
    shown = world.case(case)
    assert (shown["status"], shown["closedBy"], shown["closedAt"]) == ("AWAITING_MERCHANT", None, None)
    assert trail(world, case)[-1].startswith("Case reopened by the system, now awaiting the merchant")
    assert len(told(world)) == 1


def test_a_case_that_a_person_closed_stays_closed(world: World) -> None:
    case, mail = answered(world)
    close(world, case, Role.MERCHANT)
    report(world, mail, postmaster.postfix(mail))
    assert (world.case(case)["status"], delivery(world, case)["state"]) == ("CLOSED", "bounced")
    assert told(world) == []


def test_a_long_answer_in_several_messages_is_one_answer(world: World) -> None:
    case = world.open_case()
    world.proves("shop.example.org")
    opened = world.sink.to(MIA)[-1]
    world.answer(opened, "word " * 1_500)
    mail = world.newest_mail_to(TOM)
    assert len(world.said(case)) == 3
    report(world, mail, postmaster.postfix(mail))
    assert world.case(case)["status"] == "AWAITING_MERCHANT"


# Refusals and the end of all tries


def test_a_refusal_at_rcpt_shows_within_the_same_drain(world: World) -> None:
    case = world.open_case()
    world.sink.at_rcpt[TOM] = DEAD
    world.post_answer(case, WORDS)
    world.parts.dispatcher.drain()
    shown = delivery(world, case)
    assert shown["state"] == "bounced"
    assert DEAD in shown["recipients"][0]["reason"]
    world.work()
    assert (world.case(case)["status"], len(told(world))) == ("AWAITING_MERCHANT", 1)
    assert "5.1.1" in trail(world, case)[-1]
    found = stopped(world, TOM)
    assert found is not None
    assert (found.reason, found.source) == ("dead", "refusal")


def test_content_that_is_refused_kills_no_address(world: World) -> None:
    case = world.open_case()
    world.sink.at_dot[TOM] = "554 5.6.0 This content looks like spam"
    world.post_answer(case, WORDS)
    world.work()
    assert (delivery(world, case)["state"], world.case(case)["status"]) == ("bounced", "AWAITING_MERCHANT")
    assert suppressions.get(TOM) is None


def test_three_days_without_success_show_as_failed_and_give_the_case_back(world: World) -> None:
    case = world.open_case()
    world.sink.at_rcpt[TOM] = FULL
    world.post_answer(case, WORDS)
    world.work()
    assert (delivery(world, case)["state"], world.case(case)["status"]) == ("queued", "AWAITING_CUSTOMER")
    for _ in range(24):
        world.clock.advance(hours=4)
        world.work()
    shown = delivery(world, case)
    assert shown["state"] == "failed"
    assert "full" in shown["recipients"][0]["reason"]
    assert (world.case(case)["status"], len(told(world))) == ("AWAITING_MERCHANT", 1)


def test_support_is_not_named_to_a_store_and_members_bounces_tell_no_customer(world: World) -> None:
    case = world.open_case(members=(MIA, BEN))
    mail = world.sink.to(BEN)[-1]
    customers = len(world.sink.to(TOM))
    report(world, mail, postmaster.postfix(mail))
    shown = delivery(world, case, "The kettle came without its lid.")
    assert {one["role"]: one["state"] for one in shown["recipients"] if one["state"] != "sent"} == {
        "MERCHANT": "bounced"
    }
    assert (shown["state"], world.case(case)["status"]) == ("bounced", "OPEN")
    assert (len(world.sink.to(TOM)), told(world)) == (customers, [])


def test_a_notice_of_a_bounce_that_bounces_itself_causes_no_mail(world: World) -> None:
    _, mail = answered(world)
    report(world, mail, postmaster.postfix(mail))
    (notice,) = told(world)
    sent = len(world.sink.mails)
    report(world, notice, postmaster.postfix(notice))
    world.clock.advance(days=1)
    world.work()
    assert len(world.sink.mails) == sent


# Addresses that get no more mail


def test_a_stopped_address_gets_nothing_and_the_merchant_hears_of_it(world: World) -> None:
    case, mail = answered(world)
    report(world, mail, postmaster.postfix(mail))
    tried = world.sink.tried[TOM]
    world.clock.advance(days=1)
    world.post_answer(case, "Once more.")
    world.work()
    assert world.sink.tried[TOM] == tried
    shown = delivery(world, case, "Once more.")
    assert shown["state"] == "suppressed"
    assert "earlier mail to this address failed" in shown["recipients"][0]["reason"]
    assert (world.case(case)["status"], len(told(world))) == ("AWAITING_MERCHANT", 2)
    cancelled = outbox.listing(state="suppressed")[0]
    assert cancelled.state == "cancelled"
    assert cancelled.answer.startswith("suppressed: earlier mail")


def test_after_thirty_days_a_probe_goes_out_and_a_dead_one_is_stopped_for_longer(world: World) -> None:
    case, mail = answered(world)
    report(world, mail, postmaster.postfix(mail))
    for times, days in ((2, 90), (3, 365), (4, 365)):
        found = stopped(world, TOM)
        assert found is not None
        assert found.until is not None
        world.clock.moment = found.until - timedelta(seconds=1)
        world.post_answer(case, f"Not sent {times}")
        world.work()
        assert delivery(world, case, f"Not sent {times}")["state"] == "suppressed"
        world.clock.advance(seconds=1)
        world.post_answer(case, f"Probe {times}")
        probe = world.newest_mail_to(TOM)
        assert f"Probe {times}" in probe.text
        report(world, probe, postmaster.postfix(probe))
        found = stopped(world, TOM)
        assert found is not None
        assert (found.times, found.until) == (times, world.clock() + timedelta(days=days))


def test_mail_that_passes_lifts_it(world: World) -> None:
    world.proves("customer.example.org")
    case, mail = answered(world)
    report(world, mail, postmaster.postfix(mail))
    assert stopped(world, TOM) is not None
    world.answer(mail, "I am here!")
    assert stopped(world, TOM) is None
    world.post_answer(case, "There you are.")
    assert "There you are." in world.newest_mail_to(TOM).text


def test_mail_that_proves_nothing_lifts_nothing(world: World) -> None:
    _, mail = answered(world)
    report(world, mail, postmaster.postfix(mail))
    world.answer(mail, "I am here!")
    assert stopped(world, TOM) is not None


def test_a_member_is_stopped_by_two_reports_an_hour_apart(world: World) -> None:
    world.open_case(1, members=(MIA, BEN))
    world.open_case(2, members=(MIA, BEN))
    first, second = world.sink.to(BEN)
    for mail in (first, first, second):
        report(world, mail, postmaster.postfix(mail))
        assert stopped(world, BEN) is None
    world.open_case(3)
    third = world.sink.to(BEN)[-1]
    world.clock.advance(hours=1)
    report(world, third, postmaster.postfix(third))
    found = stopped(world, BEN)
    assert found is not None
    assert (found.times, found.until) == (1, world.clock() + timedelta(days=30))
    assert alarms.raised() == ()  # the store has somebody left


def test_the_last_member_of_a_store_raises_an_alarm(world: World) -> None:
    world.proves("shop.example.org")
    world.open_case(1, members=(MIA, BEN))
    world.sink.at_rcpt = {MIA: DEAD, BEN: DEAD}
    world.open_case(2)
    assert stopped(world, MIA) is not None
    assert stopped(world, BEN) is not None
    (alarm,) = alarms.raised()
    assert "Blue Kettle" in alarm.text
    world.answer(world.sink.to(MIA)[0], "I am still here")
    assert alarms.raised() == ()


def test_a_mass_failure_stops_nobody(world: World) -> None:
    """HARDENING rule 7: not everybody is dead, the relay is sick."""
    people = {f"tom{number}@customer.example.org" for number in range(25)}
    for number, address in enumerate(sorted(people)):
        customer = {"id": f"cus_{number:024d}", "email": address, "firstName": "Tom", "lastName": "R", "locale": "en"}
        world.open_case(number, customer=customer)
    world.clock.advance(minutes=11)
    for address in people:
        mail = world.sink.to(address)[-1]
        report(world, mail, postmaster.postfix(mail))
    assert suppressions.listing(world.clock(), limit=100) == ()
    world.clock.advance(minutes=11)
    world.open_case(99)
    mail = world.newest_mail_to(TOM)
    report(world, mail, postmaster.postfix(mail))
    assert [one.address for one in suppressions.listing(world.clock(), limit=100)] == [TOM]


def test_a_relay_that_refuses_everybody_stops_nobody(world: World) -> None:
    members = tuple(f"m{number}@shop.example.org" for number in range(40))
    world.sink.at_rcpt = dict.fromkeys(members, DEAD)
    world.open_case(1, members=members)
    assert suppressions.listing(world.clock(), limit=100) == ()


# Crashes


def test_a_process_that_dies_between_report_and_case_loses_and_doubles_nothing(world: World) -> None:
    case, mail = answered(world)
    kept = world.send(postmaster.postfix(mail), "", mail.envelope_from)
    while world.parts.processor.drain():
        pass  # and then it dies, before anybody is told
    assert inbox.get(kept).state == "done"
    assert (delivery(world, case)["state"], world.case(case)["status"]) == ("bounced", "AWAITING_CUSTOMER")
    world.close()
    world.parts.database.close()
    world.start()
    world.parts.sweep()
    world.work()
    world.parts.sweep()
    world.work()
    assert (world.case(case)["status"], len(told(world))) == ("AWAITING_MERCHANT", 1)


def test_many_workers_settle_once(world: World) -> None:
    case, mail = answered(world)
    world.send(postmaster.postfix(mail), "", mail.envelope_from)
    world.parts.processor.drain()
    with ThreadPoolExecutor(8) as pool:
        moved = list(pool.map(lambda _: world.parts.deliveries.settle(), range(8)))
    world.work()
    assert sum(moved) == 1
    assert (len(told(world)), len(trail(world, case))) == (1, 2)


def test_a_report_that_is_faster_than_the_relays_answer_is_written_waits_for_it(world: World) -> None:
    case = world.open_case()
    world.post_answer(case, WORDS)
    (claimed,) = world.parts.database.write(
        lambda: claims.claim(world.clock(), "busy", timedelta(minutes=5), 1, Ways((Way("relay", 9),))).mails
    )
    mail = Mail(claimed.envelope_from, TOM, claimed.data)
    kept = report(world, mail, postmaster.postfix(mail))
    assert inbox.get(kept).state == "pending"
    assert "is being sent" in inbox.get(kept).reason
    explained = world.parts.explainer.explain(inbox.get(kept), postmaster.postfix(mail))
    assert "was not handed over" in explained["reports"][0]["because"]
    world.parts.database.write(lambda: outbox.sent(claimed, world.clock(), "relay", "250 Ok"))
    world.clock.advance(seconds=10)
    world.work()
    assert world.outcomes(kept) == ["bounce"]
    assert (delivery(world, case)["state"], world.case(case)["status"]) == ("bounced", "AWAITING_MERCHANT")


def test_a_report_is_explained(world: World) -> None:
    _, mail = answered(world)
    raw = postmaster.postfix(mail)
    kept = report(world, mail, raw)
    (said,) = world.parts.explainer.explain(inbox.get(kept), raw)["reports"]
    assert (said["mail"], said["recipient"], said["report"], said["addressIsDead"]) == (
        outbox_id(mail), TOM, "bounced", True,
    )  # fmt: skip


def test_a_report_names_the_domain_as_the_relay_was_told_it(world: World) -> None:
    person = {"id": "cus_1jt9x3f6n5m2k8q4w7z0b1c", "email": "tom@küche.example.org", "firstName": "Tom"}
    case = world.open_case(customer={**person, "lastName": "Reed", "locale": "en"})
    world.post_answer(case, WORDS)
    world.work()
    mail = world.sink.to("tom@xn--kche-0ra.example.org")[-1]
    report(world, mail, postmaster.postfix(mail))
    assert (delivery(world, case)["state"], world.case(case)["status"]) == ("bounced", "AWAITING_MERCHANT")

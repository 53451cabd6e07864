"""What comes after the closing: thanks, answers that come late, buttons (BEHAVIOURS rows 24, 32 to 34)."""

import binascii
import re
import smtplib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway.cases.model import Actor, Door, Draft, Role, Status
from gateway.cases.settings import CaseSettings
from gateway.errors import NotAllowed, TooLate
from gateway.signing import Purpose
from store import audit, cases, outbox, parties
from store.database import sql
from tests.sink import Mail, Sink
from tests.world import BEN, MIA, STORE, STRANGER, TOM, Clock, World, reply_to

WORDS = "The lid leaves today."
NEW_CASE = "https://shop.example.org/help"
SECURE = 'public_url = "https://cases.example.org"\n'
VALUE = re.compile(r'name="pressed" value="([0-9a-f]+)"')


@pytest.fixture
def world(tmp_path: Path, sink: Sink, clock: Clock) -> Iterator[World]:
    world = World(tmp_path, sink, clock, gateway=SECURE, cases=f'new_case_url = "{NEW_CASE}"')
    yield world
    world.close()


def decide(world: World, **settings: Any) -> None:
    """The store changes its settings."""
    store = parties.get_store(STORE)
    world.parts.database.write(lambda: parties.save_store(replace(store, settings=replace(CaseSettings(), **settings))))


def close(world: World, case: str) -> Mail:
    """The merchant closes a case. Returns what its customer reads of it."""
    assert world.api("PATCH", f"/{case}", json={"status": "CLOSED"}).status_code == 200
    return world.newest_mail_to(TOM)


def closed(world: World, **changes: Any) -> tuple[str, Mail]:
    """A case that was answered and closed."""
    case = world.open_case(**changes)
    world.post_answer(case, WORDS)
    return case, close(world, case)


def warned(world: World, case: str) -> Mail:
    """A case that its merchant has answered stays silent until its customer is warned."""
    world.post_answer(case, WORDS)
    world.work()
    world.clock.advance(days=12)
    assert world.parts.closing.look() == 1
    return world.newest_mail_to(TOM)


def status(world: World, case: str) -> str:
    shown: str = world.case(case)["status"]
    return shown


def trail(world: World, case: str) -> list[str]:
    return [message["body"] for message in world.messages(case) if message["senderType"] == "SYSTEM"]


def sent(world: World, template: str) -> int:
    """How many mails of a kind there are, whatever became of them."""
    world.work()
    return sum(1 for mail in outbox.listing() if mail.template == template)


# Thanks


@pytest.mark.parametrize("words", ["Thanks!", "ok, vielen Dank 😊 LG Tom", "ありがとうございます", "👍", "شكراً جزيلاً"])
def test_mere_thanks_leave_the_case_closed(world: World, words: str) -> None:
    case, closing = closed(world)
    before, mails = world.case(case), len(outbox.listing())
    world.clock.advance(hours=71)
    kept = world.answer(closing, words)
    assert world.outcomes(kept) == ["posted"]
    after = world.case(case)
    assert (after["status"], after["closedAt"], after["closedBy"]) == ("CLOSED", before["closedAt"], "MERCHANT")
    assert after["unreadCount"] == before["unreadCount"] + 1
    assert world.said(case)[-1] == ("CUSTOMER", words)
    assert trail(world, case)[-1] == "Case closed by the merchant"
    assert len(outbox.listing()) == mails, "nobody is mailed"


@pytest.mark.parametrize(
    "words", ["Thanks, but it is still broken", "Danke, und wann kommt das Geld?", "Thanks? No.", "No thanks", "Hello"]
)
def test_whatever_else_somebody_says_opens_it_again(world: World, words: str) -> None:
    case, closing = closed(world)
    kept = world.answer(closing, words)
    assert world.outcomes(kept) == ["posted"]
    assert status(world, case) == "AWAITING_MERCHANT"
    assert trail(world, case)[-1] == "Case reopened by the customer, now awaiting the merchant"
    assert words in world.newest_mail_to(MIA).text
    assert world.case(case)["closedAt"] is None


def test_thanks_that_come_later_open_it_again(world: World) -> None:
    case, closing = closed(world)
    world.clock.advance(hours=72)
    world.answer(closing, "Thanks!")
    assert status(world, case) == "AWAITING_MERCHANT"


def test_a_store_may_switch_that_off(world: World) -> None:
    case, closing = closed(world)
    decide(world, thanks_hours=0)
    world.answer(closing, "Thanks!")
    assert status(world, case) == "AWAITING_MERCHANT"


def test_thanks_in_a_case_that_is_open_are_an_answer_like_any_other(world: World) -> None:
    case = world.open_case()
    world.post_answer(case, WORDS)
    world.answer(world.newest_mail_to(TOM), "Thanks!")
    assert status(world, case) == "AWAITING_MERCHANT"
    assert "Thanks!" in world.newest_mail_to(MIA).text


@pytest.mark.parametrize(
    "file",
    [("lid.pdf", b"%PDF-1.4\n%", "application/pdf"), ("lid.exe", b"MZ" + b"\0" * 99, "application/x-msdownload")],
)
def test_thanks_with_a_file_open_it_again(world: World, file: tuple[str, bytes, str]) -> None:
    """Also with one that is not taken: he meant to send it."""
    case, closing = closed(world)
    world.answer(closing, "Thanks!", files=(file,))
    assert status(world, case) == "AWAITING_MERCHANT"


def test_thanks_above_a_mail_that_is_passed_on_open_it_again(world: World) -> None:
    case, closing = closed(world)
    other = f"From: Shop <a@shop.example.org>\nDate: Mon, 4 May 2026\nSubject: Refund\nTo: Tom <{TOM}>\n\nIt failed."
    world.answer(closing, f"Thanks!\n\n---------- Forwarded message ---------\n{other}", quotes=False)
    assert status(world, case) == "AWAITING_MERCHANT"


def test_thanks_by_name_with_what_a_phone_adds(world: World) -> None:
    case, closing = closed(world)
    world.answer(closing, "Hi Mia,\n\nthank you for the quick help!\n\nBest\nTommy\n\nSent from my iPhone")
    assert status(world, case) == "CLOSED"


def test_merchants_and_support_do_not_close_with_thanks(world: World) -> None:
    case, _ = closed(world)
    merchant = next(mail for mail in world.sink.to(MIA) if mail.reply_address)
    world.answer(merchant, "Thanks!")
    assert status(world, case) == "AWAITING_CUSTOMER"
    assert trail(world, case)[-1] == "Case reopened by the merchant, now awaiting the customer"
    assert "Thanks!" in world.newest_mail_to(TOM).text


def test_thanks_from_an_address_that_nobody_knows_are_marked_and_leave_it_closed(world: World) -> None:
    case, closing = closed(world)
    kept = world.answer(closing, "Thanks!", sender=STRANGER)
    assert world.outcomes(kept) == ["posted"]
    assert status(world, case) == "CLOSED"
    (message,) = [one for one in cases.messages(case, page=1, limit=100).items if one.body == "Thanks!"]
    assert message.via == STRANGER


def test_thanks_that_are_forged_are_held(world: World) -> None:
    case, closing = closed(world)
    world.forbids(TOM.partition("@")[2])
    kept = world.answer(closing, "Thanks!")
    assert world.outcomes(kept) == ["held"]
    assert status(world, case) == "CLOSED"


def test_thanks_of_a_robot_are_automatic(world: World) -> None:
    """Row 24: what a program sends never changes anything, whatever it says."""
    case, closing = closed(world)
    before = world.case(case)
    for header in ({"Auto-Submitted": "auto-replied"}, {"X-Autoreply": "yes"}, {"Precedence": "auto_reply"}):
        for words in ("Thanks!", "I am out of office until 9 May. Thanks!"):
            assert world.outcomes(world.answer(closing, words, headers=header)) == ["automatic"]
    assert world.case(case) == before


def test_the_same_thanks_twice_are_one_message(world: World) -> None:
    case, closing = closed(world)
    raw = reply_to(closing, "Thanks!")
    for _ in range(3):
        world.send(raw, TOM, closing.reply_address)
    world.work()
    assert world.said(case).count(("CUSTOMER", "Thanks!")) == 1
    assert status(world, case) == "CLOSED"


def test_the_closing_is_told_once_for_each_time(world: World) -> None:
    """Row 32: thanks cause no second one, a case that was opened and closed again does."""
    case, closing = closed(world)
    assert sent(world, "case_closed") == 1
    for words in ("Thanks!", "Thank you!", "Merci!"):
        world.answer(closing, words)
    assert (status(world, case), sent(world, "case_closed")) == ("CLOSED", 1)
    world.answer(closing, "It is broken again.")
    assert (status(world, case), sent(world, "case_closed")) == ("AWAITING_MERCHANT", 1)
    close(world, case)
    assert sent(world, "case_closed") == 2
    world.api("PATCH", f"/{case}", json={"status": "CLOSED"})
    assert sent(world, "case_closed") == 2


def test_thanks_reach_a_closing_that_waits_for_a_relay(world: World) -> None:
    """It is still sent: the case is still closed, since the same time."""
    case = world.open_case()
    world.post_answer(case, WORDS)
    answer = world.newest_mail_to(TOM)
    world.sink.at_rcpt[TOM] = "451 4.7.1 later"
    world.api("PATCH", f"/{case}", json={"status": "CLOSED"})
    world.answer(answer, "Thanks!")
    del world.sink.at_rcpt[TOM]
    world.clock.advance(hours=4)
    world.work()
    assert "closed your case" in world.sink.to(TOM)[-1].text


def test_a_mail_that_was_posted_before_the_closing_does_nothing_after_it(world: World) -> None:
    case = world.open_case()
    world.post_answer(case, WORDS)
    answer = world.newest_mail_to(TOM)
    raw = reply_to(answer, "Where is it?")
    world.send(raw, TOM, answer.reply_address)
    world.work()
    decide(world, reopen_days=1)
    close(world, case)
    world.clock.advance(days=2)
    again = world.send(raw, TOM, answer.reply_address)
    world.work()
    assert world.outcomes(again) == ["duplicate"]
    assert (status(world, case), sent(world, "not_posted")) == ("CLOSED", 0)


# Late mail


def test_by_default_an_answer_always_opens_the_case_again(world: World) -> None:
    case, closing = closed(world)
    world.clock.advance(days=900)
    world.answer(closing, "It broke again.")
    assert status(world, case) == "AWAITING_MERCHANT"


def late(world: World) -> tuple[str, Mail]:
    """A case that was closed longer ago than its store allows."""
    case, _ = closed(world)
    decide(world, reopen_days=7)
    world.clock.advance(days=7)
    return case, world.newest_mail_to(TOM)


def test_late_mail_is_held_and_its_sender_told_how_to_open_a_new_case(world: World) -> None:
    case, closing = late(world)
    before = world.case(case)
    kept = world.answer(closing, "It broke again.")
    assert world.outcomes(kept) == ["held"]
    assert "closed too long ago to be opened again by mail" in world.reasons(kept)
    assert world.case(case) == before
    told = world.newest_mail_to(TOM)
    assert "was closed on 4 May 2026" in told.text
    assert f"Open a new case:\n{NEW_CASE}" in told.text
    assert "broke again" not in told.text
    assert told.header("Auto-Submitted") == "auto-replied"
    assert told.header("Reply-To") == ""
    assert told.header("In-Reply-To")
    world.parts.reviews.tell()
    held = world.newest_mail_to(MIA)
    assert "closed too long ago" in held.text
    assert "broke again" not in held.text


def test_the_last_moment_is_in_time(world: World) -> None:
    case, closing = closed(world)
    decide(world, reopen_days=7)
    world.clock.advance(days=7, minutes=-1)
    world.answer(closing, "It broke again.")
    assert status(world, case) == "AWAITING_MERCHANT"


def test_a_closing_tells_until_when_it_can_be_answered(world: World) -> None:
    case = world.open_case()
    decide(world, reopen_days=7)
    assert "Answer this mail by 11 May 2026" in close(world, case).text


def test_the_sender_is_told_once_a_day(world: World) -> None:
    case, closing = late(world)
    for number in range(4):
        assert world.outcomes(world.answer(closing, f"It broke again, part {number}.")) == ["held"]
    assert sent(world, "not_posted") == 1
    world.clock.advance(days=1, minutes=1)
    world.answer(closing, "Anybody there")
    assert sent(world, "not_posted") == 2
    assert status(world, case) == "CLOSED"


@pytest.mark.parametrize(
    "options",
    [{"sender": STRANGER}, {"headers": {"X-Auto-Response-Suppress": "All"}}],
    ids=["another address", "wants no automatic mail"],
)
def test_others_are_not_told_and_nothing_is_lost(world: World, options: dict[str, Any]) -> None:
    case, closing = late(world)
    kept = world.answer(closing, "It broke again.", **options)
    assert world.outcomes(kept) == ["held"]
    assert (status(world, case), sent(world, "not_posted")) == ("CLOSED", 0)


def test_a_robot_is_not_told_either(world: World) -> None:
    case, closing = late(world)
    kept = world.answer(closing, "I am away.", headers={"Auto-Submitted": "auto-replied"})
    assert world.outcomes(kept) == ["automatic"]
    assert (status(world, case), sent(world, "not_posted")) == ("CLOSED", 0)


def test_late_thanks_are_late(world: World) -> None:
    case, closing = late(world)
    assert world.outcomes(world.answer(closing, "Thanks!")) == ["held"]
    assert status(world, case) == "CLOSED"


def test_thanks_in_their_time_are_not_late(world: World) -> None:
    case, closing = closed(world)
    decide(world, reopen_days=1)
    world.clock.advance(days=2)
    assert world.outcomes(world.answer(closing, "Thanks!")) == ["posted"]
    assert status(world, case) == "CLOSED"


def test_released_late_mail_is_posted_and_opens_the_case(world: World) -> None:
    case, closing = late(world)
    kept = world.answer(closing, "It broke again.")
    for _ in range(2):
        (result,) = world.parts.releases.release(kept)
        assert result.outcome == "posted"
    assert status(world, case) == "AWAITING_MERCHANT"
    assert world.said(case).count(("CUSTOMER", "It broke again.")) == 1
    assert "It broke again." in world.newest_mail_to(MIA).text


def test_a_notice_that_is_no_longer_true_is_not_sent(world: World) -> None:
    case, closing = late(world)
    world.sink.at_rcpt[TOM] = "451 4.7.1 later"
    world.answer(closing, "It broke again.")
    world.api("PATCH", f"/{case}", json={"status": "OPEN"})
    del world.sink.at_rcpt[TOM]
    world.clock.advance(hours=4)
    world.work()
    assert not [mail for mail in world.sink.to(TOM) if "too long ago" in mail.text]
    (row,) = [mail for mail in outbox.listing() if mail.template == "not_posted"]
    assert (row.state, row.answer) == ("cancelled", "cancelled: the case was reopened")


def test_once_the_case_is_open_again_nothing_is_late(world: World) -> None:
    case, closing = late(world)
    world.api("PATCH", f"/{case}", json={"status": "OPEN"})
    world.answer(closing, "It broke again.")
    assert status(world, case) == "AWAITING_MERCHANT"


def test_late_mail_without_a_reply_address_is_held_too(world: World) -> None:
    case, closing = late(world)
    world.proves(TOM.partition("@")[2])
    kept = world.answer(closing, "It broke again.", to=f"cases@{'cases.example.org'}")
    assert world.outcomes(kept) == ["held"]
    assert "closed too long ago" in world.reasons(kept)
    assert (status(world, case), sent(world, "no_case"), sent(world, "not_posted")) == ("CLOSED", 0, 1)


def test_without_an_address_for_new_cases_the_sender_is_told_in_words(tmp_path: Path, sink: Sink, clock: Clock) -> None:
    world = World(tmp_path, sink, clock)
    _, closing = late(world)
    world.answer(closing, "It broke again.")
    assert "open a new case on the website of Blue Kettle" in world.newest_mail_to(TOM).text
    world.close()


def test_the_words_are_in_his_language(world: World) -> None:
    customer = {"id": "cus_xxxxxxxxxxxxxxxxxxxxxxxx", "email": TOM, "firstName": "Tom", "locale": "de"}
    closed(world, customer=customer)
    decide(world, reopen_days=1)
    world.clock.advance(days=30)
    world.answer(world.newest_mail_to(TOM), "Wieder kaputt.")
    assert "Neue Anfrage stellen" in world.newest_mail_to(TOM).text


def test_merchants_are_never_late(world: World) -> None:
    case, _ = late(world)
    merchant = next(mail for mail in world.sink.to(MIA) if mail.reply_address)
    kept = world.answer(merchant, "We found your lid.")
    assert world.outcomes(kept) == ["posted"]
    assert status(world, case) == "AWAITING_CUSTOMER"


# Many at once


def toggling(world: World, case: str, times: int) -> None:
    """The merchant closes the case and opens it again, over and over; it ends closed."""
    merchant = Actor(Role.MERCHANT, Door.API, id="stk_1", store_id=STORE)
    for _ in range(times):
        for wanted in (Status.OPEN, Status.CLOSED):
            with suppress(NotAllowed):
                world.parts.desk.change_case(case, merchant, status=wanted)


def answering(world: World, case: str, body: str, times: int) -> int:
    """The customer writes. Returns how often he came too late."""
    customer = next(person for person in cases.load(case).participants if person.role is Role.CUSTOMER)  # type: ignore[union-attr]
    actor, late = Actor(Role.CUSTOMER, Door.MAIL, participant_id=customer.id), 0
    for _ in range(times):
        try:
            world.parts.desk.deliver_reply(case, actor, Draft(body))
        except TooLate:
            late += 1
    return late


def test_thanks_never_open_a_case_however_fast_it_is_closed(world: World) -> None:
    """Decided against the row that is changed: a case that is closed or opened meanwhile is looked at again."""
    case, _ = closed(world)
    with ThreadPoolExecutor(4) as pool:
        toggler = pool.submit(toggling, world, case, 15)
        others = [pool.submit(answering, world, case, "Thanks!", 15) for _ in range(3)]
        toggler.result()
        assert [other.result() for other in others] == [0, 0, 0]
    texts = [message.body for message in cases.messages(case, page=1, limit=1_000).items]
    assert texts.count("Thanks!") == 45
    assert not [text for text in texts if text.startswith("Case reopened by the customer")]


def test_the_desk_itself_refuses_late_answers(world: World) -> None:
    """Whatever was known of the case before."""
    case, _ = closed(world)
    decide(world, reopen_days=1)
    sql_time = "UPDATE cases SET closed_at = 0 WHERE id = ?"
    world.parts.database.write(lambda: sql(sql_time, (case,)))
    posts = answering(world, case, "It broke again.", 3)
    assert (posts, status(world, case)) == (3, "CLOSED")
    world.api("PATCH", f"/{case}", json={"status": "OPEN"})
    assert answering(world, case, "It broke again.", 1) == 0


# A merchant opens it again


def test_a_merchant_opens_it_again_through_the_api(world: World) -> None:
    case, _ = late(world)
    assert world.api("PATCH", f"/{case}", json={"status": "OPEN"}).status_code == 200
    shown = world.case(case)
    assert (shown["status"], shown["closedAt"], shown["closedBy"]) == ("OPEN", None, None)
    assert trail(world, case)[-1] == "Case reopened by the merchant, now open"
    assert "open again" in world.newest_mail_to(TOM).text
    assert world.api("PATCH", f"/{case}", json={"status": "OPEN"}).status_code == 400


def test_through_the_api_he_answers_after_that_only(world: World) -> None:
    case, _ = closed(world)
    assert world.post_answer(case, "One more thing.").status_code == 400
    world.api("PATCH", f"/{case}", json={"status": "OPEN"})
    assert world.post_answer(case, "One more thing.").status_code == 201
    assert status(world, case) == "AWAITING_CUSTOMER"


def test_his_own_mail_opens_it_again_and_tells_the_others_nothing_twice(world: World) -> None:
    case, _ = closed(world, members=(MIA, BEN))
    before = sent(world, "case_reopened")
    mine = next(mail for mail in world.sink.to(BEN) if mail.reply_address)
    world.answer(mine, "We found your lid.")
    assert status(world, case) == "AWAITING_CUSTOMER"
    assert "We found your lid." in world.newest_mail_to(TOM).text
    assert sent(world, "case_reopened") == before


# Buttons


def link(mail: Mail, kind: str) -> str:
    """The path of the link of a kind in a mail."""
    found = re.search(rf"https://cases\.example\.org(/{kind}/\S+)", mail.text)
    assert found is not None, mail.text
    return found[1]


def press(world: World, path: str, seen: str | None = None, **headers: str) -> httpx2.Response:
    """Send the form of a page. seen: the page's text, otherwise it is opened first."""
    value = VALUE.search(seen if seen is not None else world.http.get(path).text)
    sent = {name.replace("_", "-"): told for name, told in headers.items()}
    return world.http.post(path, data={"pressed": value[1]} if value else {}, headers=sent)


def words(answer: httpx2.Response) -> str:
    """What a person reads."""
    return " ".join(unescape(re.sub(r"<[^>]*>", "", answer.text.partition("<body>")[2])).split())


def rows(world: World) -> list[object]:
    """Everything in the database that could change."""
    names = [name for (name,) in sql("SELECT name FROM sqlite_master WHERE type = 'table'") if "sqlite" not in name]
    return [(name, sql(f"SELECT * FROM {name}").fetchall()) for name in names]


@pytest.fixture
def keep(world: World) -> tuple[str, str]:
    """A case that closes soon, and the link that keeps it open."""
    case = world.open_case()
    return case, link(warned(world, case), "keep")


@pytest.fixture
def reopen(world: World) -> tuple[str, str]:
    """A closed case, and the link that opens it again."""
    case, closing = closed(world)
    return case, link(closing, "reopen")


@pytest.mark.parametrize("kind", ["keep", "reopen"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"])
def test_opening_a_link_changes_nothing(world: World, request: pytest.FixtureRequest, kind: str, method: str) -> None:
    """Row 34: scanners open every link of a mail."""
    _, path = request.getfixturevalue(kind)
    before = rows(world)
    for _ in range(3):
        answer = world.http.request(method, path)
        assert answer.status_code == (200 if method in ("GET", "HEAD") else 405)
    assert rows(world) == before


@pytest.mark.parametrize("kind", ["keep", "reopen"])
def test_a_scanner_that_presses_without_the_form_changes_nothing(
    world: World, request: pytest.FixtureRequest, kind: str
) -> None:
    _, path = request.getfixturevalue(kind)
    shown = world.http.get(path).text
    value = VALUE.search(shown)
    assert value is not None
    before = rows(world)
    for body in (b"", b"pressed=", b"pressed=1", f"yes={value[1]}".encode(), f"pressed={value[1][:-1]}".encode()):
        assert world.http.post(path, content=body).status_code == 403
    for headers in ({"origin": "https://evil.test"}, {"sec_fetch_site": "cross-site"}):
        assert press(world, path, shown, **headers).status_code == 403
    assert rows(world) == before


def test_the_pages_are_told_to_nobody(world: World, reopen: tuple[str, str]) -> None:
    answer = world.http.get(reopen[1])
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "noindex" in answer.headers["x-robots-tag"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]


# Keep it open


def test_the_button_keeps_a_silent_case_open(world: World, keep: tuple[str, str]) -> None:
    case, path = keep
    asked = words(world.http.get(path))
    assert "Shall your case stay open?" in asked
    assert "It closes on 18 May 2026" in asked
    assert "Your case stays open" in words(press(world, path))
    assert status(world, case) == "AWAITING_CUSTOMER"
    assert trail(world, case)[-1] == "The customer keeps the case open"
    newest = audit.listing(case_id=case)[0]
    assert (newest.action, newest.role, newest.door.value) == ("case.kept_open", Role.CUSTOMER, "page")
    world.clock.advance(days=2)
    assert world.parts.closing.look() == 0
    world.clock.advance(days=10)
    assert world.parts.closing.look() == 1, "its next silence is warned of"
    assert link(world.newest_mail_to(TOM), "keep") == path
    assert "Shall your case stay open?" in words(world.http.get(path))


def test_keeping_it_open_twice_is_once(world: World, keep: tuple[str, str]) -> None:
    _, path = keep
    seen = world.http.get(path).text
    press(world, path, seen)
    before = rows(world)
    for answer in (press(world, path, seen), world.http.get(path)):
        assert answer.status_code == 200
        assert "Nothing closes it at the moment" in words(answer)
        assert "<button" not in answer.text
    assert rows(world) == before


def test_many_presses_at_once_are_one(world: World, keep: tuple[str, str]) -> None:
    case, path = keep
    seen = world.http.get(path).text
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: press(world, path, seen), range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert trail(world, case).count("The customer keeps the case open") == 1


def test_an_old_link_says_that_there_is_nothing_to_do(world: World, keep: tuple[str, str]) -> None:
    case, path = keep
    seen = world.http.get(path).text
    world.answer(world.newest_mail_to(TOM), "I am here.")
    assert "Nothing closes it at the moment" in words(world.http.get(path))
    assert "Nothing closes it at the moment" in words(press(world, path, seen))
    assert status(world, case) == "AWAITING_MERCHANT"


def test_the_link_of_a_case_that_has_closed_says_how_to_open_it(world: World, keep: tuple[str, str]) -> None:
    case, path = keep
    seen = world.http.get(path).text
    world.clock.advance(days=2)
    assert world.parts.closing.look() == 1
    for answer in (world.http.get(path), press(world, path, seen)):
        assert "Your case is closed" in words(answer)
        assert "just answer the newest mail" in words(answer)
    decide(world, reopen_days=1)
    world.clock.advance(days=3)
    assert NEW_CASE in world.http.get(path).text
    assert status(world, case) == "CLOSED"


# Open it again


def test_the_button_opens_a_closed_case_again(world: World, reopen: tuple[str, str]) -> None:
    case, path = reopen
    asked = words(world.http.get(path))
    assert "Shall your case be opened again?" in asked
    assert "It was closed on 4 May 2026" in asked
    answer = words(press(world, path))
    assert "Your case is open again" in answer
    assert "Blue Kettle sees that you opened it again." in answer
    shown = world.case(case)
    assert (shown["status"], shown["closedAt"], shown["closedBy"]) == ("OPEN", None, None)
    assert trail(world, case)[-1] == "Case reopened by the customer, now open"
    newest = audit.listing(case_id=case)[0]
    assert (newest.action, newest.role, newest.door.value) == ("case.reopened", Role.CUSTOMER, "page")
    world.work()
    assert sent(world, "case_reopened") == 1
    assert "open again" in world.newest_mail_to(MIA).text


def test_opening_it_twice_is_once(world: World, reopen: tuple[str, str]) -> None:
    case, path = reopen
    seen = world.http.get(path).text
    press(world, path, seen)
    for answer in (press(world, path, seen), world.http.get(path)):
        assert answer.status_code == 200
        assert "Your case is open" in words(answer)
        assert "<button" not in answer.text
    assert sent(world, "case_reopened") == 1
    assert [text for text in trail(world, case) if "reopened" in text] == ["Case reopened by the customer, now open"]


def test_the_link_of_an_earlier_closing_opens_a_later_one(world: World, reopen: tuple[str, str]) -> None:
    case, path = reopen
    press(world, path)
    assert link(close(world, case), "reopen") == path
    press(world, path)
    assert status(world, case) == "OPEN"


def test_a_button_that_comes_too_late_says_where_to_open_a_new_case(world: World, reopen: tuple[str, str]) -> None:
    case, path = reopen
    seen = world.http.get(path).text
    decide(world, reopen_days=7)
    world.clock.advance(days=7)
    for answer in (world.http.get(path), press(world, path, seen)):
        assert "too long ago to be opened again" in words(answer)
        assert f'href="{NEW_CASE}"' in answer.text
        assert "<button" not in answer.text
    assert status(world, case) == "CLOSED"


def test_the_desk_refuses_what_a_page_lets_through(world: World, reopen: tuple[str, str]) -> None:
    """The window counts where the case is changed: the page may have looked a moment before."""
    case, _ = reopen
    decide(world, reopen_days=7)
    world.clock.advance(days=7)
    customer = Actor(Role.CUSTOMER, Door.PAGE)
    with pytest.raises(TooLate):
        world.parts.desk.change_case(case, customer, status=Status.OPEN)
    assert status(world, case) == "CLOSED"


def test_the_pages_speak_his_language(world: World) -> None:
    customer = {"id": "cus_xxxxxxxxxxxxxxxxxxxxxxxx", "email": TOM, "firstName": "Tom", "locale": "ar"}
    case, closing = closed(world, customer=customer)
    page = world.http.get(link(closing, "reopen"))
    assert '<html lang="ar" dir="rtl">' in page.text
    assert "Open it again" not in page.text
    assert "أُغلق في" in page.text
    press(world, link(closing, "reopen"))
    assert status(world, case) == "OPEN"


# Whose links they are (HARDENING rule 3)


def revoked(world: World, case: str) -> None:
    world.revoke(case, Role.CUSTOMER)


def left(world: World, case: str) -> None:
    world.parts.database.write(lambda: sql("UPDATE participant SET active = ? WHERE case_id = ?", (False, case)))


@pytest.mark.parametrize("kind", ["keep", "reopen"])
@pytest.mark.parametrize("over", [revoked, left])
def test_links_end_with_his_part_in_the_case(
    world: World, request: pytest.FixtureRequest, kind: str, over: Callable[[World, str], None]
) -> None:
    case, path = request.getfixturevalue(kind)
    seen = world.http.get(path).text
    over(world, case)
    before = status(world, case)
    assert world.http.get(path).status_code == 404
    assert press(world, path, seen).status_code == 404
    assert status(world, case) == before


def test_a_link_is_worth_nothing_for_anything_else(world: World, reopen: tuple[str, str]) -> None:
    case, path = reopen
    token = path.rpartition("/")[2]
    for other in (f"/keep/{token}", f"/case/{token}", f"/confirm/{token}", f"/reopen/{token[:-1]}", "/reopen/nonsense"):
        assert world.http.get(other).status_code == 404
    with pytest.raises(smtplib.SMTPResponseException):
        world.send(b"Subject: x\r\n\r\nx\r\n", TOM, f"reply+{token}@cases.example.org")
    closing = world.newest_mail_to(TOM)
    others = [link(closing, "case").rpartition("/")[2], closing.reply_address.partition("@")[0].partition("+")[2]]
    for foreign in others:
        assert world.http.get(f"/reopen/{foreign}").status_code == 404
    assert status(world, case) == "CLOSED"


def test_merchants_and_support_have_no_such_links(world: World, reopen: tuple[str, str]) -> None:
    """Nor would one of theirs count."""
    case, _ = reopen
    merchant = next(person for person in cases.load(case).participants if person.role is Role.MERCHANT)  # type: ignore[union-attr]
    keyring = world.parts.secrets.keyring
    for purpose in (Purpose.KEEP, Purpose.REOPEN):
        token = keyring.token(purpose, merchant.handle, merchant.generation)
        assert world.http.get(f"/{purpose}/{token}").status_code == 404
    assert not [mail for mail in world.sink.to(MIA) if "/keep/" in mail.text or "/reopen/" in mail.text]


def test_a_quoted_link_reaches_nobody_else(world: World, keep: tuple[str, str]) -> None:
    case, path = keep
    token = path.rpartition("/")[2]
    warning = world.newest_mail_to(TOM)
    world.answer(warning, f"What is https://cases.example.org{path} for?")
    assert "What is (personal link removed) for?" in world.newest_mail_to(MIA).text
    assert not [
        mail for mail in world.sink.to(MIA) if token in mail.text or token.encode() in binascii.a2b_qp(mail.raw)
    ]
    assert token not in str(world.messages(case))

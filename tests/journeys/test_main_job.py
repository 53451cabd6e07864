"""The main job: people talk by answering their mail, and everybody gets the new words only."""

import random
import smtplib

import pytest

from gateway.signing import Keyring, Purpose
from store import inbox
from tests.world import BEN, DOMAIN, FIRST_WORDS, MIA, STRANGER, SUBJECT, TOM, World, reply_to

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6260606000000000ffff0300000600"
    "05a2a1b2d70000000049454e44ae426082"
)


def test_a_case_from_the_hook_to_the_customers_answer(world: World) -> None:
    case = world.open_case()
    shown = world.case(case)
    assert (shown["status"], shown["priority"], shown["unreadCount"]) == ("OPEN", "HIGH", 1)
    assert shown["createdAt"] == shown["lastMessageAt"] == "2026-05-04T09:30:00.000Z"
    notice, receipt = world.newest_mail_to(MIA), world.newest_mail_to(TOM)
    assert FIRST_WORDS in notice.text
    assert notice.header("Auto-Submitted") == receipt.header("Auto-Submitted") == "auto-generated"
    assert notice.reply_address != receipt.reply_address

    world.clock.advance(minutes=5)
    world.answer(notice, "We send the lid today.\n\nIs your address still right?")
    shown = world.case(case)
    assert (shown["status"], shown["unreadCount"], shown["lastMessageBy"]) == ("AWAITING_CUSTOMER", 0, "MERCHANT")
    assert shown["lastMessageAt"] == "2026-05-04T09:35:00.000Z"
    mail = world.newest_mail_to(TOM)
    assert "We send the lid today.\n\nIs your address still right?" in mail.text
    assert "wrote:" not in mail.text  # what Mia's program quoted is not sent on
    assert mail.header("Subject") == f"Re: {SUBJECT}"
    assert mail.header("In-Reply-To") == receipt.message_id
    assert mail.header("References").split() == [receipt.message_id]
    assert mail.header("Auto-Submitted") == ""
    assert "Blue Kettle" in mail.header("From")
    assert mail.header("To").endswith(f"<{TOM}>")
    assert mail.envelope_from.startswith("bounce+")

    world.clock.advance(minutes=5)
    tom_id = "<7f3a@customer.example.org>"
    world.answer(mail, "Yes, it is.", message_id=tom_id)
    shown = world.case(case)
    assert (shown["status"], shown["unreadCount"], shown["lastMessageBy"]) == ("AWAITING_MERCHANT", 1, "CUSTOMER")
    told = world.newest_mail_to(MIA)
    assert "Yes, it is." in told.text
    assert "Tom Reed" in told.header("From")
    assert told.header("References").split()[0] == notice.message_id  # her own thread, not his
    assert tom_id not in told.raw.decode()

    world.answer(told, "Then it is on its way.")
    mail = world.newest_mail_to(TOM)
    assert mail.header("In-Reply-To") == tom_id
    assert mail.header("References").split()[0] == receipt.message_id
    assert mail.header("References").split()[-1] == tom_id

    assert world.said(case) == [
        ("CUSTOMER", FIRST_WORDS),
        ("MERCHANT", "We send the lid today.\n\nIs your address still right?"),
        ("CUSTOMER", "Yes, it is."),
        ("MERCHANT", "Then it is on its way."),
    ]
    trail = [message["body"] for message in world.messages(case) if message["senderType"] == "SYSTEM"]
    assert trail == [
        "Case is now awaiting the customer", "Case is now awaiting the merchant", "Case is now awaiting the customer",
    ]  # fmt: skip
    assert len(world.sink.mails) == 2 + 3


def test_the_program_of_the_store_answers_and_marks_read(world: World) -> None:
    case = world.open_case()
    answer = world.post_answer(case, "From our desk")
    assert answer.status_code == 201, answer.text
    mail = world.newest_mail_to(TOM)
    assert "From our desk" in mail.text
    world.answer(mail, "Thank you")
    assert world.case(case)["unreadCount"] == 1
    assert world.api("POST", f"/{case}/read").json()["data"]["unreadCount"] == 0


def test_closing_by_api_and_a_late_answer_by_mail(world: World) -> None:
    case = world.open_case()
    assert world.api("PATCH", f"/{case}", json={"status": "CLOSED"}).status_code == 200
    closed = world.newest_mail_to(TOM)
    assert closed.header("Auto-Submitted") == "auto-generated"
    world.answer(closed, "It broke again.")
    shown = world.case(case)
    assert (shown["status"], shown["closedAt"], shown["closedBy"]) == ("AWAITING_MERCHANT", None, None)


# Addresses


def test_a_reply_address_in_capitals_still_works(world: World) -> None:
    case = world.open_case()
    assert world.outcomes(world.answer(world.newest_mail_to(MIA), "Loud and clear", upper=True)) == ["posted"]
    assert world.said(case)[-1] == ("MERCHANT", "Loud and clear")


def test_one_mail_to_two_cases_is_posted_in_each(world: World) -> None:
    first, second = world.open_case(1), world.open_case(2)
    one, two = world.sink.to(TOM)
    kept = world.send(reply_to(one, "About both"), TOM, one.reply_address, two.reply_address)
    world.work()
    assert world.outcomes(kept) == ["posted", "posted"]
    assert world.said(first)[-1] == world.said(second)[-1] == ("CUSTOMER", "About both")


def test_one_mail_to_two_people_of_one_case_is_posted_once_by_whom_it_came_from(world: World) -> None:
    case = world.open_case(members=(MIA, BEN))
    mias, bens = world.newest_mail_to(MIA), world.newest_mail_to(BEN)
    kept = world.send(reply_to(bens, "I take care"), BEN, mias.reply_address, bens.reply_address)
    world.work()
    assert world.outcomes(kept) == ["posted"]
    assert world.said(case)[1:] == [("MERCHANT", "I take care")]
    assert world.messages(case)[1]["senderId"].startswith("mbr_")

    kept = world.send(reply_to(bens, "I am neither", sender=STRANGER), STRANGER, mias.reply_address, bens.reply_address)
    world.work()
    assert world.outcomes(kept) == ["held"]
    assert len(world.said(case)) == 2


def test_a_customers_mail_from_another_address_is_posted_with_a_mark(world: World) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    assert world.outcomes(world.answer(receipt, "Written at work", sender=STRANGER)) == ["posted"]
    *_, message, trail = world.messages(case)
    assert (message["body"], message["senderType"], message["via"]) == ("Written at work", "CUSTOMER", STRANGER)
    assert trail["senderType"] == "SYSTEM"
    told = world.newest_mail_to(MIA)
    assert STRANGER in told.text
    assert "Tom Reed" not in told.header("From")
    assert world.sink.to(STRANGER) == []
    # Answers go to the address that is known, and his thread has no id of the other mailbox.
    world.answer(told, "Thank you")
    mail = world.newest_mail_to(TOM)
    assert "elsewhere.example.net" not in mail.header("References") + mail.header("In-Reply-To")


def test_a_merchants_mail_from_another_address_is_held(world: World) -> None:
    case = world.open_case()
    kept = world.answer(world.newest_mail_to(MIA), "Trust me", sender=STRANGER)
    assert world.outcomes(kept) == ["held"]
    assert "another address" in world.reasons(kept)
    assert (world.case(case)["status"], len(world.messages(case))) == ("OPEN", 1)
    assert len(world.sink.mails) == 2


def test_who_left_the_store_posts_nothing_any_more(world: World) -> None:
    case = world.open_case(members=(MIA, BEN))
    bens = world.newest_mail_to(BEN)
    world.remove_member(BEN)
    kept = world.answer(bens, "I am still here")
    assert world.outcomes(kept) == ["refused"]
    assert "left the store" in world.reasons(kept)
    assert len(world.messages(case)) == 1
    world.answer(world.newest_mail_to(TOM), "Hello?")
    assert len(world.sink.to(BEN)) == 1
    assert len(world.sink.to(MIA)) == 2


def test_three_answers_to_one_mail_and_one_a_year_later(world: World) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    for words in ("One", "Two", "Three"):
        world.answer(receipt, words)
    world.clock.advance(days=365)
    world.answer(receipt, "A year later")
    assert [body for _, body in world.said(case)[1:]] == ["One", "Two", "Three", "A year later"]


# Mail that no case sees


@pytest.mark.parametrize(
    ("envelope_from", "headers"),
    [
        (TOM, {"Auto-Submitted": "auto-replied"}),
        ("", {"Auto-Submitted": "auto-replied", "X-Autoreply": "yes"}),
        ("", {}),
        (TOM, {"Precedence": "bulk", "X-Autorespond": "holiday"}),
    ],
    ids=["RFC 3834", "null sender, marked", "null sender, unmarked", "old programs"],
)
def test_an_automatic_mail_changes_nothing(world: World, envelope_from: str, headers: dict[str, str]) -> None:
    case = world.open_case()
    world.answer(world.newest_mail_to(MIA), "Is your address still right?")
    before, said, sent = world.case(case), world.messages(case), len(world.sink.mails)
    world.clock.advance(hours=1)
    mail = world.newest_mail_to(TOM)
    raw = reply_to(mail, "I am out of the office until Monday and will answer then.", headers=headers)
    raw = raw.replace(b"Subject: Re:", b"Subject: Out of office: Re:")
    kept = world.send(raw, envelope_from, mail.reply_address)
    world.work()
    assert world.outcomes(kept) == ["automatic"]
    assert (world.case(case), world.messages(case), len(world.sink.mails)) == (before, said, sent)


def test_a_person_who_wants_no_automatic_answers_is_a_person(world: World) -> None:
    case = world.open_case()
    kept = world.answer(world.newest_mail_to(TOM), "It is me", headers={"X-Auto-Response-Suppress": "OOF, AutoReply"})
    assert world.outcomes(kept) == ["posted"]
    assert world.said(case)[-1] == ("CUSTOMER", "It is me")


def test_our_own_mail_coming_back_is_no_answer(world: World) -> None:
    case = world.open_case()
    notice = world.newest_mail_to(MIA)
    kept = world.send(notice.raw, MIA, notice.reply_address)
    world.work()
    assert world.outcomes(kept) == ["automatic"]
    assert len(world.messages(case)) == 1


def test_a_mail_that_says_it_is_from_us_is_no_answer(world: World) -> None:
    """Only this gateway writes mail from its own domain, so a reply address in such a mail came back to us."""
    case_id = world.open_case()
    world.work()
    before = world.case(case_id)
    kept = world.answer(world.newest_mail_to(TOM), "I am the desk itself.", sender=f"cases@{DOMAIN}")
    assert world.outcomes(kept) == ["automatic"]
    assert world.case(case_id) == before


def test_a_report_of_failed_delivery_posts_nothing(world: World) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    report = (
        f"From: MAILER-DAEMON@mx.example.net\r\nTo: {receipt.envelope_from}\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nYour mail could not be delivered.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n"
        f"Final-Recipient: rfc822; {TOM}\r\nAction: failed\r\nStatus: 5.1.1\r\n--b--\r\n"
    ).encode()
    for recipient in (receipt.envelope_from, receipt.reply_address):
        kept = world.send(report, "", recipient)
        world.work()
        assert world.outcomes(kept) == ["bounce"]
    assert (len(world.messages(case)), len(world.sink.mails)) == (1, 2)


@pytest.mark.parametrize("address", ["postmaster", f"Postmaster@{DOMAIN}", f"abuse@{DOMAIN}"])
def test_mail_to_the_operator_is_kept_for_him(world: World, address: str) -> None:
    raw = f"From: {STRANGER}\r\nTo: {address}\r\nSubject: Your host\r\n\r\nIt sends me mail.\r\n".encode()
    kept = world.send(raw, STRANGER, address)
    world.work()
    assert world.outcomes(kept) == ["postmaster"]
    assert inbox.get(kept).raw == raw


def test_mail_to_the_address_of_from_is_held_and_nobody_is_told(world: World) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    raw = reply_to(receipt, "My program ignores Reply-To")
    kept = world.send(raw, TOM, f"cases@{DOMAIN}")
    world.work()
    assert world.outcomes(kept) == ["held"]
    assert (len(world.messages(case)), len(world.sink.mails)) == (1, 2)


def test_what_is_not_ours_is_refused_in_the_dialogue(world: World) -> None:
    world.open_case()
    mail = world.newest_mail_to(TOM)
    token = mail.reply_address.partition("+")[2].partition("@")[0]
    last = "a" if token[-1] != "a" else "e"
    foreign = Keyring({1: b"another installation's key......"}, 1).token(Purpose.REPLY, b"h" * 16)
    bounce = mail.envelope_from.partition("@")[0].removeprefix("bounce+")
    for address, code, enhanced in (
        (f"reply+{token[:-1]}{last}@{DOMAIN}", 550, "5.1.1"),
        (f"reply+{foreign}@{DOMAIN}", 550, "5.1.1"),
        (f"reply+{bounce}@{DOMAIN}", 550, "5.1.1"),
        (f"reply+{token[:20]}@{DOMAIN}", 550, "5.1.1"),
        (f"reply@{DOMAIN}", 550, "5.1.1"),
        (f"somebody@{DOMAIN}", 550, "5.1.1"),
        (f"reply+{token}@other.example.org", 550, "5.7.1"),
        (f"{token}@gmail.example.com", 550, "5.7.1"),
    ):
        with pytest.raises(smtplib.SMTPResponseException) as refused:
            world.send(reply_to(mail, "Hello"), TOM, address)
        assert (refused.value.smtp_code, refused.value.smtp_error[:5]) == (code, enhanced), address
    assert inbox.listing() == ()


# Long mails, files, and odd ones


def test_an_over_long_mail_is_posted_in_parts_and_one_mail_goes_out(world: World) -> None:
    case = world.open_case()
    text = "\n\n".join(f"Paragraph {number}. " + "All of it matters. " * 60 for number in range(9)).strip()
    kept = world.answer(world.newest_mail_to(TOM), text)
    assert world.outcomes(kept) == ["posted"]
    parts = [body for _, body in world.said(case)[1:]]
    assert len(parts) == 3
    assert all(len(part) <= 4_000 for part in parts)
    assert " ".join(parts).split() == text.split()
    (_, told) = world.sink.to(MIA)
    assert all(f"Paragraph {number}." in told.text for number in range(9))
    assert world.case(case)["unreadCount"] == 4


def test_files_are_kept_and_those_that_may_not_be_posted_are_named(world: World) -> None:
    case = world.open_case()
    kept = world.answer(
        world.newest_mail_to(TOM),
        "See the pictures",
        files=(
            ("lid.png", PNG, "image/png"),
            ("setup.exe", b"MZ\x90\x00" + b"\x00" * 200, "application/octet-stream"),
            *((f"note{number}.txt", f"Note {number}".encode(), "text/plain") for number in range(1, 6)),
        ),
    )
    assert world.outcomes(kept) == ["posted"]
    message = world.messages(case)[1]
    assert message["body"] == "See the pictures"
    files = [(file["filename"], file["mimeType"]) for file in message["attachments"]]
    assert files == [("lid.png", "image/png"), *((f"note{number}.txt", "text/plain") for number in range(1, 5))]
    assert message["attachments"][0]["sizeBytes"] == len(PNG)
    reason = world.reasons(kept)
    assert "setup.exe" in reason
    assert "note5.txt: too many files: at most 5 are taken" in reason
    told = world.newest_mail_to(MIA)
    assert "lid.png" in told.text
    assert "setup.exe" not in told.text


def test_a_mail_of_a_file_alone_is_posted(world: World) -> None:
    case = world.open_case()
    kept = world.answer(world.newest_mail_to(TOM), "", files=(("lid.png", PNG, "image/png"),), quotes=False)
    assert world.outcomes(kept) == ["posted"]
    (file,) = world.messages(case)[1]["attachments"]
    assert file["filename"] == "lid.png"


def test_a_mail_larger_than_a_row_may_be_stands_in_a_file_and_is_posted(world: World) -> None:
    case = world.open_case()
    big = PNG + random.Random(1).randbytes(300_000)
    kept = world.answer(world.newest_mail_to(TOM), "A big one", files=(("big.png", big, "image/png"),))
    assert world.outcomes(kept) == ["posted"]
    assert inbox.get(kept).raw is None
    assert world.messages(case)[1]["attachments"][0]["sizeBytes"] == len(big)


@pytest.mark.parametrize("size", [0, 1, 1_000, 50_000])
def test_what_cannot_be_read_ends_in_an_outcome_and_does_not_stop_the_next(world: World, size: int) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    noise = random.Random(size).randbytes(size)
    head, _, _ = reply_to(receipt, "").partition(b"\r\n\r\n")
    parts = b"Content-Type: multipart/mixed; boundary=b"
    odd = [
        world.send(raw, TOM, receipt.reply_address)
        for raw in (noise, head + b"\r\n\r\n" + noise, parts + b"\r\n\r\n--b\r\n" + noise)
    ]
    kept = world.answer(receipt, "A good one")
    for one in odd:
        assert len(world.outcomes(one)) == 1
    assert world.outcomes(kept) == ["posted"]
    assert world.said(case)[-1] == ("CUSTOMER", "A good one")


def test_words_in_other_scripts_and_line_ends_come_through(world: World) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    words = "Ça marche — спасибо, ありがとう 🎉\n.\n..dots at the start\nFrom the beginning"
    world.answer(receipt, words)
    assert world.said(case)[-1] == ("CUSTOMER", words)
    assert "спасибо, ありがとう 🎉" in world.newest_mail_to(MIA).text


def test_mails_of_one_person_are_posted_in_the_order_in_which_they_came(world: World) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    for number in range(10):
        world.send(reply_to(receipt, f"Number {number}"), TOM, receipt.reply_address)
    world.work()
    assert [body for _, body in world.said(case)[1:]] == [f"Number {number}" for number in range(10)]

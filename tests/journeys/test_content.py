"""What a mail holds: nothing is lost, nothing of one side reaches the other (HARDENING rule 3, BEHAVIOURS 35 to 39)."""

import io
import re
import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from urllib.parse import quote

import pytest

from gateway.cases.model import MESSAGE_CHARACTERS
from store.database import sql
from tests.sink import Mail
from tests.world import FIRST_WORDS, MIA, SUBJECT, TOM, World, reply_to

PROGRAM = ("setup.exe", b"MZ" + bytes(300), "application/octet-stream")
PDF = ("label.pdf", b"%PDF-1.4\n%%EOF\n", "application/pdf")
TOKEN = re.compile(r"(?:reply|bounce)(?:\+|%2B|&#43;)[a-z2-7]{56}", re.IGNORECASE)


def told(world: World, address: str) -> list[Mail]:
    """What a sender was told about his own mail."""
    return [mail for mail in world.sink.to(address) if mail.header("Auto-Submitted") == "auto-replied"]


def own_token(mail: Mail) -> str:
    return mail.reply_address.partition("@")[0].partition("+")[2]


def credentials(mail: Mail) -> set[str]:
    """Every token that a mail bears: of its reply address, of the links to the case and its files, of unsubscribing."""
    return set(re.findall(r"[a-z2-7]{56}", f"{mail.text} {mail.reply_address} {mail.header('List-Unsubscribe')}"))


def everything(world: World, case: str, other: str) -> str:
    """All that the other side can fetch: mails to it, the page of its case, and what the API shows."""
    mails = "".join(mail.raw.decode() + mail.message.as_string() + mail.text for mail in world.sink.to(other))
    link = re.findall(r"/case/[a-z2-7]{56}", world.newest_mail_to(other).text)[-1]
    page = world.http.get(link)
    assert page.status_code == 200
    return mails + page.text + str(world.messages(case)) + str(world.case(case))


def html_reply(mail: Mail, text: str, html: str) -> bytes:
    answer = EmailMessage(policy=SMTP_POLICY)
    answer["From"], answer["To"] = mail.recipient, mail.header("Reply-To")
    answer["Subject"], answer["In-Reply-To"] = f"Re: {SUBJECT}", mail.message_id
    if text:
        answer.set_content(text)
        answer.add_alternative(html, subtype="html")
    else:
        answer.set_content(html, subtype="html")
    return answer.as_bytes()


def html_of(mail: Mail) -> str:
    part = mail.message.get_body(("html",))
    assert part is not None
    html: str = part.get_content()
    return html


LAYOUTS: dict[str, Callable[[Mail], bytes]] = {
    "below, with signs": lambda mail: reply_to(mail, "My answer"),
    "below, without any sign": lambda mail: reply_to(mail, f"My answer\n\n{mail.text}", quotes=False),
    "above": lambda mail: reply_to(mail, f"{mail.text}\n\nMy answer", quotes=False),
    "with its header lines": lambda mail: reply_to(
        mail,
        f"My answer\n\n-----Original Message-----\nFrom: {mail.header('From')}\nReply-To: {mail.header('Reply-To')}\n"
        f"Return-Path: <{mail.envelope_from}>\nSubject: x\n\n{mail.text}",
        quotes=False,
    ),
    "the address written as words": lambda mail: reply_to(
        mail, f"I write to {mail.reply_address.upper()} and mailto:{quote(mail.reply_address)}, right?", quotes=False
    ),
    "HTML in a blockquote": lambda mail: html_reply(
        mail, "", f"<p>My answer</p><blockquote>{mail.header('Reply-To')}<br>{html_of(mail)}</blockquote>"
    ),
    "HTML without a container": lambda mail: html_reply(
        mail,
        f"My answer {mail.reply_address}",
        f"<p>My answer <a href='mailto:{mail.reply_address}'>{mail.reply_address}</a></p>{html_of(mail)}",
    ),
    "broken in two lines": lambda mail: reply_to(
        mail, f"My answer\nto {mail.reply_address[:30]}\n> {mail.reply_address[30:]}", quotes=False
    ),
    "our mail as a text file": lambda mail: reply_to(
        mail, "See the file", files=(("mail.txt", mail.raw + mail.reply_address.encode(), "text/plain"),)
    ),
    "our mail as a carried mail": lambda mail: reply_to(mail, "See it", files=(("m.eml", mail.raw, "text/plain"),)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("writer", "other"), [(TOM, MIA), (MIA, TOM)])
def test_rule_3_no_credential_of_the_writer_reaches_the_other_side(
    world: World, layout: str, writer: str, other: str
) -> None:
    case = world.open_case()
    world.answer(world.newest_mail_to(other), "See the file", files=(PDF,))
    mail = world.newest_mail_to(writer)
    own = credentials(mail)
    assert len(own) == 3  # to answer, to read, and for the file
    kept = world.send(LAYOUTS[layout](mail), writer, mail.reply_address)
    world.work()
    assert world.outcomes(kept) == ["posted"]
    fetched = everything(world, case, other)
    assert [token for token in own if token in re.sub(r"\s|=|>", "", fetched.lower())] == []
    theirs = {own_token(one) for one in world.sink.to(other)}
    assert {found.partition("+")[2] for found in TOKEN.findall(fetched)} <= theirs | {
        one.envelope_from.partition("@")[0].partition("+")[2] for one in world.sink.to(other)
    }
    stored = sql("SELECT body, full_text FROM message WHERE case_id = ?", (case,)).fetchall()
    assert [token for token in own if token in re.sub(r"\s|>", "", str(stored).replace("\\n", "").lower())] == []
    for (digest,) in sql("SELECT sha256 FROM attachment").fetchall():
        assert [token for token in own if token.encode() in world.parts.files.read(digest).lower()] == []


def test_rule_3_references_hold_only_what_the_reader_sent_or_got(world: World) -> None:
    world.open_case()
    world.answer(world.newest_mail_to(TOM), "Hello", message_id="<toms-1@customer.example.org>")
    world.answer(world.newest_mail_to(MIA), "Hello Tom", message_id="<mias-1@shop.example.org>")
    world.answer(world.newest_mail_to(TOM), "Thanks", message_id="<toms-2@customer.example.org>")
    his = {mail.message_id for mail in world.sink.to(TOM)} | {"<toms-1@customer.example.org>"}
    hers = {mail.message_id for mail in world.sink.to(MIA)} | {"<mias-1@shop.example.org>"}
    for address, known in ((TOM, his), (MIA, hers)):
        for mail in world.sink.to(address):
            assert set(mail.header("References").split()) <= known | {"<toms-2@customer.example.org>"} - hers


@pytest.mark.parametrize("layout", ["below, with signs", "below, without any sign", "HTML in a blockquote"])
def test_row_35_the_persons_words_are_there_and_ours_are_not(world: World, layout: str) -> None:
    case = world.open_case()
    mail = world.newest_mail_to(TOM)
    world.send(LAYOUTS[layout](mail), TOM, mail.reply_address)
    world.work()
    assert world.said(case)[-1] == ("CUSTOMER", "My answer")


def test_row_35_an_empty_cut_falls_back_to_the_whole_text(world: World) -> None:
    case = world.open_case()
    mail = world.newest_mail_to(TOM)
    kept = world.answer(mail, "> my whole answer stands behind signs\n> all of it", quotes=False)
    assert world.outcomes(kept) == ["posted"]
    assert "my whole answer stands behind signs" in world.said(case)[-1][1]


def test_row_36_four_thousand_and_one_characters_are_two_messages_and_nobody_is_told(world: World) -> None:
    case = world.open_case()
    text = "x" * MESSAGE_CHARACTERS + "y"
    world.answer(world.newest_mail_to(TOM), text, quotes=False)
    said = [body for _, body in world.said(case)[1:]]
    assert "".join(said) == text
    assert len(said) == 2
    assert told(world, TOM) == []


def test_row_36_a_whole_request_in_the_subject_with_a_one_word_body(world: World) -> None:
    case = world.open_case()
    mail = world.newest_mail_to(TOM)
    subject = ("I want my money back because the kettle leaks and " * 38).strip()
    assert len(subject) > 1_850
    raw = reply_to(mail, "Thanks", quotes=False).replace(
        f"Subject: Re: {SUBJECT}".encode(), b"Subject: " + subject.replace(" and ", "\r\n and ").encode()
    )
    kept = world.send(raw, TOM, mail.reply_address)
    world.work()
    assert world.outcomes(kept) == ["posted"]
    body = world.said(case)[-1][1]
    assert body == f"{subject}\n\nThanks"


def test_row_36_a_long_body_with_files_keeps_all_and_tells_once(world: World) -> None:
    case = world.open_case()
    mail = world.newest_mail_to(TOM)
    words = [f"word-{number}" for number in range(4_000)]
    files = (PDF, PROGRAM, *((f"{number}.txt", f"file {number}".encode(), "text/plain") for number in range(5)))
    kept = world.answer(mail, " ".join(words), quotes=False, files=files)
    assert world.outcomes(kept) == ["posted"]
    shown = [m for m in world.messages(case) if m["senderType"] == "CUSTOMER"][1:]
    assert len(shown) == 5
    names = [attachment["filename"] for message in shown for attachment in message["attachments"]]
    assert names == ["label.pdf", "0.txt", "1.txt", "2.txt", "3.txt", "rest of the message.txt"]
    (digest,) = sql("SELECT sha256 FROM attachment WHERE filename = 'rest of the message.txt'").fetchone()
    rest = world.parts.files.read(digest).decode()
    assert [*" ".join(message["body"] for message in shown).split(), *rest.split()] == words
    (answer,) = told(world, TOM)
    assert "setup.exe" in answer.text
    assert "4.txt" in answer.text
    assert "label.pdf" not in answer.text
    assert answer.header("In-Reply-To") != ""
    assert answer.header("Subject") == f"Re: {SUBJECT}"
    assert FIRST_WORDS not in answer.text  # nothing of the conversation
    assert "word-1" not in answer.text  # and nothing of his mail
    world.answer(mail, "Again", quotes=False, files=(PROGRAM,))
    assert told(world, TOM) == [answer]  # one a day
    world.clock.advance(days=1)
    world.answer(mail, "And again", quotes=False, files=(PROGRAM,))
    assert len(told(world, TOM)) == 2


def test_a_stranger_with_a_customers_address_is_not_told_what_was_kept_back(world: World) -> None:
    world.open_case()
    mail = world.newest_mail_to(TOM)
    before = len(world.sink.mails)
    world.answer(mail, "From elsewhere", sender="someone@elsewhere.example.net", files=(PROGRAM,))
    assert len(world.sink.mails) == before + 1  # Mia's notice
    assert world.sink.to("someone@elsewhere.example.net") == []


@pytest.mark.parametrize("text", ["", " \n\n", "> \n>"])
def test_a_mail_with_nothing_new_in_it_is_told_so_once(world: World, text: str) -> None:
    case = world.open_case()
    mail = world.newest_mail_to(TOM)
    kept = world.answer(mail, text, quotes=False)
    assert world.outcomes(kept) == ["refused"]
    assert len(world.said(case)) == 1
    assert world.case(case)["status"] == "OPEN"
    (answer,) = told(world, TOM)
    assert answer.reply_address == mail.reply_address
    world.answer(mail, text, quotes=False)
    assert told(world, TOM) == [answer]


def test_row_37_a_part_without_name_disposition_or_id_appears_once(world: World) -> None:
    case = world.open_case()
    mail = world.newest_mail_to(TOM)
    raw = (
        f"From: {TOM}\r\nTo: {mail.reply_address}\r\nSubject: Re: {SUBJECT}\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nSee below\r\n--b\r\n'
        "Content-Type: application/pdf\r\n\r\n%PDF-1.4\r\n%%EOF\r\n--b--\r\n"
    ).encode()
    world.send(raw, TOM, mail.reply_address)
    world.work()
    message = [m for m in world.messages(case) if m["senderType"] == "CUSTOMER"][-1]
    assert message["body"] == "See below"
    assert [attachment["mimeType"] for attachment in message["attachments"]] == ["application/pdf"]


def test_row_37_a_zip_with_a_program_in_it_is_set_aside_with_its_reason(world: World) -> None:
    world.open_case()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("photos/run-me.exe", b"MZ" + bytes(100))
    kept = world.answer(
        world.newest_mail_to(TOM), "My photos", files=(("photos.zip", packed.getvalue(), "application/zip"),)
    )
    assert world.outcomes(kept) == ["posted"]
    (answer,) = told(world, TOM)
    assert "photos.zip" in answer.text


ODD = {
    "a charset that nobody knows": b"Content-Type: text/plain; charset=klingon\r\n\r\nqaplah \xe9\r\n",
    "NULs": b"\r\nhello\0world\0\r\n",
    "a date that is none": b"Date: the day after tomorrow\r\n\r\nhello\r\n",
    "no Message-ID": b"\r\nhello\r\n",
    "undeclared bytes": b"\r\nGr\xfc\xdfe aus K\xf6ln\r\n",
    "half a multipart": b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\n\r\nhello\r\n',
    "a subject of bytes": b"X: y\r\nSubject: \xff\xfe\x00\r\n\r\nhello\r\n",
}


@pytest.mark.parametrize("odd", ODD)
def test_row_38_odd_mail_is_accepted_and_the_next_one_is_not_affected(world: World, odd: str) -> None:
    case = world.open_case()
    mail = world.newest_mail_to(TOM)
    head = f"From: {TOM}\r\nTo: {mail.reply_address}\r\n".encode()
    kept = world.send(head + ODD[odd], TOM, mail.reply_address)
    world.work()
    assert world.outcomes(kept) == ["posted"]
    assert "\0" not in world.said(case)[-1][1]
    assert world.outcomes(world.answer(mail, "The next one")) == ["posted"]
    assert world.said(case)[-1] == ("CUSTOMER", "The next one")


def test_what_is_too_complex_is_held_with_its_case_and_says_so_when_released(world: World) -> None:
    case = world.open_case()
    mail = world.newest_mail_to(TOM)
    parts = b"".join(b"--b\r\n\r\nx\r\n" for _ in range(30_000))
    head = f'From: {TOM}\r\nTo: {mail.reply_address}\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'.encode()
    kept = world.send(head + parts + b"--b--\r\n", TOM, mail.reply_address)
    world.work()
    assert world.outcomes(kept) == ["held"]
    assert "too complex" in world.reasons(kept)
    with pytest.raises(Exception, match="too complex"):
        world.parts.releases.release(kept)
    assert len(world.said(case)) == 1


def test_row_19_a_merchants_notice_says_above_the_text_that_an_answer_goes_to_the_customer(world: World) -> None:
    world.open_case()
    world.answer(world.newest_mail_to(TOM), "Is anybody there?")
    text = world.newest_mail_to(MIA).text
    assert text.index("Answering this mail writes to the customer") < text.index("Is anybody there?")

"""Delivery reports: whom they name, whether the address is dead, and why, whatever mail system wrote them."""

import pytest

from gateway.mail.addresses import Address
from gateway.mail.bounce_texts import DEAD, REASONS, reason_of
from gateway.mail.bounces import Recipient, Report, read_report
from gateway.mail.parse import MailFile, ParsedMail, ReportPart
from gateway.mail.phrases import matcher, normalise, phrases

ANNA = "anna@shop.example.org"
US = "bounce+abc@reply.example.test"


def mail(
    text: str = "", *parts: tuple[str, str], sender: str = "MAILER-DAEMON@mx.example.net", **more: object
) -> ParsedMail:
    """A report that came to us, with its text and its machine-readable parts."""
    return ParsedMail(
        headers=tuple((str(name).replace("_", "-"), str(value)) for name, value in more.items()),
        from_=(Address("", sender),),
        to=(Address("", US),),
        subject=str(more.get("Subject", "")),
        text=text,
        reports=tuple(ReportPart(content_type, data.encode()) for content_type, data in parts),
    )


def report(parsed: ParsedMail) -> Report:
    found = read_report(parsed)
    assert found is not None
    return found


def only(parsed: ParsedMail) -> Recipient:
    (recipient,) = report(parsed).recipients
    return recipient


def status(diagnostic: str, code: str = "5.0.0", action: str = "failed", address: str = ANNA) -> tuple[str, str]:
    block = (
        f"Final-Recipient: rfc822; {address}\nAction: {action}\nStatus: {code}\nDiagnostic-Code: smtp; {diagnostic}\n"
    )
    return "message/delivery-status", f"Reporting-MTA: dns; mx.example.net\n\n{block}"


# ---- whether the address is dead -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("diagnostic", "code", "reason", "hard"),
    [
        ("550 5.1.1 <anna@shop.example.org>: Recipient address rejected: User unknown", "5.1.1", "nouser", True),
        ("550-5.1.1 The email account that you tried to reach does\n 550-5.1.1 not exist", "5.1.1", "nouser", True),
        ("550 #5.1.0 Address rejected.", "5.0.0", "nouser", True),
        ("550 5.4.1 [anna@shop.example.org]: Recipient address rejected: Access denied", "5.4.1", "nouser", True),
        ("550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found by SMTP address lookup", "5.1.10", "nouser", True),
        ("450 4.1.1 User unknown in virtual alias table", "4.1.1", "nouser", True),
        ("550 5.1.6 recipient no longer on server", "5.1.6", "moved", True),
        ("Host or domain name not found. Name service error for name=x: Host not found", "5.4.4", "nodomain", True),
        ("550 5.1.10 host/domain does not accept mail", "5.1.10", "nodomain", True),
        ("550 5.2.1 The email account that you tried to reach is disabled", "5.2.1", "disabled", True),
        # No text that says anything: then the code alone.
        ("550 5.1.1 xyz", "5.1.1", "nouser", True),
        ("550 5.1.2 xyz", "5.1.2", "nodomain", True),
        ("550 5.1.3 xyz", "5.1.3", "nouser", True),
        ("550 5.1.6 xyz", "5.1.6", "moved", True),
        ("550 5.2.1 xyz", "5.2.1", "disabled", True),
        ("550 xyz", "5.0.0", "", False),
        ("550 5.1.0 xyz", "5.1.0", "rejected", False),
        ("550 5.2.0 xyz", "5.2.0", "", False),
        ("550 5.4.4 xyz", "5.4.4", "network", False),
        ("550 5.7.1 xyz", "5.7.1", "policy", False),
        # Class 5, and yet the address lives: hardening rule 7, behaviour 31.
        ("552 5.2.2 Mailbox full", "5.2.2", "full", False),
        ("550 5.1.1 Mailbox full", "5.1.1", "full", False),
        ("554 5.7.1 Message rejected as spam", "5.7.1", "spam", False),
        ("552 5.3.4 Message size exceeds fixed limit", "5.3.4", "size", False),
        ("550 5.7.1 Email rejected per DMARC policy", "5.7.1", "auth", False),
        ("554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked by dnsbl", "5.7.1", "blocked", False),
        ("550 5.7.1 Fix reverse DNS for 192.0.2.1", "5.7.1", "ptr", False),
        ("554 5.7.1 Relay access denied", "5.7.1", "relay", False),
        ("554 5.7.1 Recipient address rejected: Access denied", "5.7.1", "policy", False),
        ("550-5.2.1 The user you are trying to contact is receiving mail at a rate that", "5.2.1", "rate", False),
        ("550 This account has been suspended", "5.0.0", "disabled", False),
        ("550 Mailbox is frozen", "5.0.0", "disabled", False),
        ("554 5.4.6 Too many hops", "5.4.6", "loop", False),
        ("450 4.2.0 Recipient address rejected: Greylisted", "4.2.0", "greylisted", False),
        ("550 5.6.0 Virus found: user unknown", "5.6.0", "virus", False),
        # The sender is unknown, not the recipient.
        ("550 5.1.8 Sender address rejected: Domain not found", "5.1.8", "sender", False),
        ("550 5.1.7 No such domain", "5.1.7", "sender", False),
        # It may pass.
        ("Name service error for domain x: Host not found, try again", "5.0.0", "nodomain", False),
        ("DNS type 'mx' lookup responded with code NXDOMAIN Domain name not found", "4.0.0", "nodomain", False),
        ("450 4.1.1 unverified address: user unknown", "4.1.1", "nouser", False),
    ],
)  # fmt: skip
def test_text_first_then_the_code(diagnostic: str, code: str, reason: str, hard: bool) -> None:
    recipient = only(mail("", status(diagnostic, code)))
    assert (recipient.reason, recipient.hard) == (reason, hard)


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded"])
def test_only_a_failure_kills_an_address(action: str) -> None:
    recipient = only(mail("", status("550 5.1.1 User unknown", "5.1.1", action)))
    assert (recipient.action, recipient.hard) == (action, False)


@pytest.mark.parametrize(
    ("text", "reason", "hard"),
    [
        ("Unbekannter Empfänger", "nouser", True),
        ("Utilisateur inconnu", "nouser", True),
        ("El usuario no existe", "nouser", True),
        ("Utente sconosciuto", "nouser", True),
        ("Usuário desconhecido", "nouser", True),
        ("Onbekende gebruiker", "nouser", True),
        ("Nieznany użytkownik", "nouser", True),
        ("Пользователь не найден", "nouser", True),
        ("Άγνωστος χρήστης", "nouser", True),
        ("宛先が見つかりません", "nouser", True),
        ("收件人不存在", "nouser", True),
        ("존재하지 않는 계정입니다", "nouser", True),
        ("Das Postfach ist voll", "full", False),
        ("Boîte aux lettres pleine", "full", False),
        ("El buzón está lleno", "full", False),
        ("Casella piena", "full", False),
        ("Caixa de correio cheia", "full", False),
        ("Postvak vol", "full", False),
        ("Почтовый ящик переполнен", "full", False),
        ("メールボックスがいっぱいです", "full", False),
        ("对方邮箱已满", "full", False),
        ("용량이 초과되었습니다", "full", False),
    ],
)
def test_reasons_in_many_languages(text: str, reason: str, hard: bool) -> None:
    recipient = only(mail(f"{ANNA}\n  {text}\n"))
    assert (recipient.reason, recipient.hard) == (reason, hard)


def test_unknown_after_the_text_of_the_mail_is_about_the_mail() -> None:
    # Mobile carriers answer "user unknown" to DATA when the subscriber's own filter refuses the sender.
    after_data = f"<{ANNA}>: host mx[192.0.2.1] said: 550 User unknown (in reply to end of DATA command)\n"
    assert (only(mail(after_data)).reason, only(mail(after_data)).hard) == ("filtered", False)
    transcript = f"<{ANNA}>\n   ----- Transcript of session follows -----\n>>> DATA\n<<< 550 User unknown\n"
    assert not only(mail(transcript, status("550 User unknown"))).hard
    # Pipelined: the 550 is to RCPT, the 503 is to DATA.
    pipelined = transcript + "<<< 503 need RCPT command\n"
    assert only(mail(pipelined, status("550 User unknown"))).hard


def test_unknown_after_mail_from_is_about_the_sender() -> None:
    text = (
        f"  {ANNA}\n    SMTP error from remote mail server after MAIL FROM:<x@example.test>:\n    550 No such domain\n"
    )
    assert (only(mail(text)).reason, only(mail(text)).hard) == ("sender", False)


def test_names_of_hosts_and_people_are_no_reasons() -> None:
    parsed = mail("<spam@shop.example.org>: host antispam.example.org[192.0.2.1] said: 550 5.1.1 User unknown\n")
    assert (only(parsed).address, only(parsed).reason) == ("spam@shop.example.org", "nouser")


def test_the_code_in_the_diagnostic_is_more_exact_than_a_general_status() -> None:
    recipient = only(mail("", status("550 xyz (#5.1.1)", "5.0.0")))
    assert (recipient.status, recipient.hard) == ("5.1.1", True)
    assert only(mail("", status("550 from 5.1.1.9", "5.0.0"))).status == "5.0.0"  # an IP address


# ---- RFC 3464 --------------------------------------------------------------------------------------------------------


def test_a_status_part_in_full() -> None:
    data = (
        "Reporting-MTA: dns; mx.example.net\r\n\r\n"
        "Original-Recipient: rfc822;anna@shop.example.org\r\nFinal-Recipient: rfc822; anna@mail.shop.example.org\r\n"
        "Action: failed (bad destination)\r\nStatus: 5.1.1 (unknown)\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1\r\n  User unknown\r\n\r\n"
        "Final-Recipient: RFC822;<bert@shop.example.org>\r\nAction: delayed\r\nStatus: 4.2.2\r\n"
    )
    original = "Message-ID: <out.7@reply.example.test>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n x\r\n\r\nHello"
    found = report(mail("", ("message/delivery-status", data), ("message/rfc822", original)))
    assert found.recipients == (
        Recipient("anna@mail.shop.example.org", True, "failed", "5.1.1", "nouser", "550 5.1.1 User unknown", ANNA),
        Recipient("bert@shop.example.org", False, "delayed", "4.2.2", "full"),
    )
    assert found.original_message_id == "out.7@reply.example.test"
    assert found.original_headers == (("Message-ID", "<out.7@reply.example.test>"), ("Subject", "Grüße x"))
    assert found.about("Anna@Shop.example.org") == found.recipients[0]
    assert found.about("anna@mail.shop.example.org") == found.recipients[0]
    assert found.about("carla@shop.example.org") is None


@pytest.mark.parametrize(
    ("field", "address"),
    [
        ("rfc822; anna@shop.example.org", ANNA),
        ("RFC822;<anna@shop.example.org>", ANNA),
        ("anna@shop.example.org", ANNA),
        ("rfc822; anna@shop.example.org (Anna)", ANNA),
        ("rfc822; @relay.example.org:anna@shop.example.org", ANNA),
        ("utf-8; анна@пример.example", "анна@пример.example"),
        (r"utf-8; \x{430}nna@shop.example.org", "аnna@shop.example.org"),
        (r"utf-8; \x{0}\x{D800}anna@shop.example.org", ANNA),
    ],
)
def test_addresses_of_a_status_part(field: str, address: str) -> None:
    assert only(mail("", ("message/delivery-status", f"Final-Recipient: {field}\nStatus: 5.1.1\n"))).address == address


def test_a_pipe_or_a_file_is_no_recipient() -> None:
    data = "Final-Recipient: rfc822;|/usr/bin/filter anna\nAction: failed\nStatus: 5.0.0\n"
    parsed = mail("", ("message/delivery-status", data), X_Failed_Recipients=ANNA)
    assert only(parsed).address == ANNA


def test_a_name_inside_of_a_site_gives_way_to_the_address_written_to() -> None:
    data = f"Original-Recipient: rfc822;{ANNA}\nFinal-Recipient: rfc822;anna@mailstore\nStatus: 5.2.2\n"
    assert only(mail("", ("message/delivery-status", data))).address == ANNA


def test_groups_without_a_blank_line_between_them() -> None:
    data = (
        f"Final-Recipient: rfc822;{ANNA}\nStatus: 5.1.1\nFinal-Recipient: rfc822;bert@shop.example.org\nStatus: 5.2.2\n"
    )
    found = report(mail("", ("message/delivery-status", data)))
    assert [(r.address, r.hard) for r in found.recipients] == [(ANNA, True), ("bert@shop.example.org", False)]


def test_a_status_part_among_the_files_and_one_lost_in_the_text() -> None:
    data = f"Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822;{ANNA}\nAction: failed\nStatus: 5.1.1\n"
    as_file = ParsedMail(headers=(), files=(MailFile("status.txt", "message/global-delivery-status", data.encode()),))
    assert only(as_file).hard
    assert only(mail(f"Hello,\n\n{data}")).hard


def test_the_status_part_decides_who_and_the_text_explains() -> None:
    text = f"The mail system\n\n<{ANNA}>: the mailbox is full\n\n<bert@shop.example.org>: user unknown\n"
    data = "".join(
        f"Final-Recipient: rfc822;{a}\nAction: failed\nStatus: 5.0.0\n\n" for a in (ANNA, "bert@shop.example.org")
    )
    found = report(mail(text, ("message/delivery-status", data)))
    assert [(r.reason, r.hard) for r in found.recipients] == [("full", False), ("nouser", True)]


# ---- free text -------------------------------------------------------------------------------------------------------

QMAIL = f"""Hi. This is the qmail-send program at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{ANNA}>:
192.0.2.9 does not like recipient.
Remote host said: 550 no such user
Giving up on 192.0.2.9.

--- Below this line is a copy of the message.

Return-Path: <{US}>
Message-ID: <out.7@reply.example.test>
To: {ANNA}, carla@shop.example.org
Subject: Your case
"""
EXIM = f"""This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {ANNA}
    host mx.shop.example.org [192.0.2.9]
    SMTP error from remote mail server after RCPT TO:<{ANNA}>:
    550 5.1.1 unknown user

------ This is a copy of the message, including all the headers. ------

Return-path: <{US}>
To: {ANNA}
"""
EXCHANGE = f"""Your message

  To:      Anna
  Subject: Your case
  Sent:    Tue, 3 Nov 2026 10:11:12 +0000

did not reach the following recipient(s):

{ANNA} on Tue, 3 Nov 2026 10:11:30 +0000
    The recipient name is not recognized
    MSEXCH:IMS:SHOP:MAIL 0 (000C05A6) Unknown Recipient
"""
NOTES = f"""Your message

  Subject: Your case

was not delivered to:

  {ANNA}

because:

  User anna ({ANNA}) not listed in Domino Directory
"""
COURIER = f"""This is a delivery status notification from mx.example.net,
running the Courier mail server, version 0.65.2.

                           UNDELIVERABLE MAIL

Your message to the following recipients cannot be delivered:

<{ANNA}>:
    mx.shop.example.org [192.0.2.9]:
>>> RCPT TO:<{ANNA}>
<<< 550 5.1.1 <{ANNA}>... User Unknown
"""
SENDMAIL = f"""The original message was received at Tue, 3 Nov 2026 10:11:12 +0000
from localhost [127.0.0.1]

   ----- The following addresses had permanent fatal errors -----
<{ANNA}>

   ----- Transcript of session follows -----
550 <{ANNA}>... Host unknown (Name server: shop.example.org: host not found)

   ----- Original message follows -----

Received: from localhost
"""


@pytest.mark.parametrize(
    ("text", "reason", "hard"),
    [
        (QMAIL, "nouser", True),
        (EXIM, "nouser", True),
        (EXCHANGE, "nouser", True),
        (NOTES, "nouser", True),
        (COURIER, "nouser", True),
        (SENDMAIL, "nodomain", True),
        (f"Delivery to the following recipients failed:\n\n  * {ANNA}\n\n553 No such user here\n", "nouser", True),
        (f"Failed Recipient: {ANNA}\nReason: Remote host said: 550 unknown user\n", "nouser", True),
        (f"Unknown user: {ANNA}\n\nRCPT TO generated following response:\n553 Addressee unknown\n", "nouser", True),
        (f"User's mailbox is full: <{ANNA}>\nUnable to deliver mail.\n", "full", False),
        (f'Delivery of email to this address\n"{ANNA}"\nfailed: over quota.\n', "full", False),
        (f"Sorry, your message to {ANNA} could not be delivered: user does not exist\n", "nouser", True),
        (f"退信原因：收件人邮箱不存在\n收件人：{ANNA}\n", "nouser", True),
        (f"Die Nachricht konnte nicht zugestellt werden.\nEmpfänger: {ANNA}\nGrund: Postfach voll\n", "full", False),
    ],
    ids=["qmail", "exim", "exchange", "notes", "courier", "sendmail", "bullet", "failed", "unknown", "full", "quoted",
         "sentence", "chinese", "german"],
)  # fmt: skip
def test_reports_in_words(text: str, reason: str, hard: bool) -> None:
    recipient = only(mail(text))
    assert (recipient.address, recipient.reason, recipient.hard) == (ANNA, reason, hard)


def test_the_returned_mail_tells_the_message_and_not_the_reason() -> None:
    found = report(mail(QMAIL + "\nThe mailbox is full of spam.\n"))
    assert found.original_message_id == "out.7@reply.example.test"
    assert ("Subject", "Your case") in found.original_headers
    assert found.recipients[0].reason == "nouser"
    assert found.recipients[0].diagnostic == "Remote host said: 550 no such user Giving up on 192.0.2.9."


def test_a_report_that_returns_nothing_answers_the_mail() -> None:
    text = f"Delivery failed: {ANNA}\n"
    assert report(mail(text)).original_message_id is None
    answer = ParsedMail(headers=(), text=text, in_reply_to=("out.7@reply.example.test",))
    assert report(answer).original_message_id == "out.7@reply.example.test"
    reference = ParsedMail(headers=(), text=text, references=("first@example.org", "out.7@reply.example.test"))
    assert report(reference).original_message_id == "out.7@reply.example.test"


def test_several_recipients_with_reasons_of_their_own() -> None:
    text = (
        f"<{ANNA}>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n<bert@shop.example.org>:\nOver quota (#5.2.2)\n"
    )
    found = report(mail(text))
    assert [(r.address, r.reason, r.hard) for r in found.recipients] == [
        (ANNA, "nouser", True),
        ("bert@shop.example.org", "full", False),
    ]


def test_x_failed_recipients() -> None:
    found = report(mail("It failed.\n", X_Failed_Recipients=f"{ANNA},\n bert@shop.example.org"))
    assert [r.address for r in found.recipients] == [ANNA, "bert@shop.example.org"]


def test_addresses_that_are_not_recipients() -> None:
    text = (
        "For further assistance, please send mail to <postmaster@mx.example.net>\n"
        f"Your mail from {US} could not be delivered.\nPlease contact help@mx.example.net\n"
    )
    returned = ("message/rfc822", f"From: {US}\nTo: {ANNA}\nSubject: Your case\n\nText")
    assert only(mail(text, returned)).address == ANNA
    assert read_report(mail("Nobody is named here, only postmaster@mx.example.net\n")) is None


def test_a_name_without_a_domain_is_the_reporters() -> None:
    text = "Your mail to the following recipients could not be delivered:\n\tanna\n"
    assert only(mail(text, sender="MAILER-DAEMON@shop.example.org")).address == ANNA


def test_a_delay_in_words() -> None:
    text = (
        "A message that you sent has not yet been delivered to one or more of its\nrecipients after 24 hours.\n\n"
        f"  {ANNA}\n    Delay reason: user unknown\n\nNo action is required on your part.\n"
    )
    assert (only(mail(text)).action, only(mail(text)).hard) == ("delayed", False)


def test_html_only() -> None:
    html = f"<style>p {{}}</style><p>Delivery failed:<br>{ANNA}<br>No such user</p>"
    assert only(ParsedMail(headers=(), html=html, from_=(Address("", "MAILER-DAEMON@x.example"),))).hard


@pytest.mark.parametrize(
    "parsed",
    [
        mail("a@b.cc " * 50_000),
        mail("a" * 300_000 + "@"),
        mail("\n" * 300_000),
        mail(f"{ANNA}\n" * 20_000),
        mail("", ("message/delivery-status", f"Final-Recipient: rfc822;{ANNA}\nStatus: 5.1.1\n\n" * 20_000)),
        mail(
            "", ("message/delivery-status", "\n".join(f"Final-Recipient: rfc822;{n}@x.example" for n in range(9_000)))
        ),
        mail("", ("message/delivery-status", "\0\ud7ff:" * 9_000), ("message/rfc822", "=?utf-8?b?=?=: x\n" * 9_000)),
        mail("Final-Recipient:\n" * 9_000),
    ],
    ids=["addresses", "no address", "empty lines", "lines", "groups", "recipients", "garbage", "fields"],
)
def test_hostile_reports_are_read_in_bounds(parsed: ParsedMail) -> None:
    found = read_report(parsed)
    assert found is None or len(found.recipients) <= 50


# ---- the tables ------------------------------------------------------------------------------------------------------


def test_every_phrase_is_written_as_text_is_compared_and_can_be_found() -> None:
    for reason, table in REASONS.items():
        for phrase in table:
            assert normalise(phrase) == phrase.strip()
            assert list(REASONS).index(reason_of(f"x {phrase} x")) <= list(REASONS).index(reason)


def test_dead_reasons_stand_behind_the_reasons_that_blame_somebody_else() -> None:
    order = list(REASONS)
    assert max(map(order.index, ("sender", "spam", "full", "size", "blocked"))) < min(map(order.index, DEAD))


def test_a_matcher_finds_what_a_plain_search_finds() -> None:
    table = phrases("over quota | quota exceeded | _tls_ | mailbox full | a.b")
    assert table == ("over quota", "quota exceeded", " tls ", "mailbox full", "a.b")
    every = matcher(table, every=True)
    assert [m[1] for m in every.finditer("over quota exceeded by tls now")] == [
        "over quota",
        "quota exceeded",
        " tls ",
    ]
    assert not matcher(table).search("axb, tlsx")
    sentence = matcher(table, starts_sentence=True)
    assert sentence.search("No. Mailbox full".lower())
    assert not sentence.search("his mailbox full")

"""Classification: each sign decides what it may decide, and a person stays a person."""

from email.header import Header

import pytest

from gateway.mail.classify import LOOP_HEADER, SIGNALS, Kind, Verdict, classify, is_machines
from gateway.mail.machine_words import ABSENCE_SUBJECTS, AUTO_REPLY_SUBJECTS
from gateway.mail.parse import ParsedMail, parse

ANSWER = "In-Reply-To: <out.1@reply.example.test>\n"


def mail(
    fields: str = "",
    text: str = "The cup is broken.\n",
    *,
    sender: str = "Ana Silva <ana@example.org>",
    subject: str = "Broken cup",
    content_type: str = "text/plain; charset=utf-8",
) -> ParsedMail:
    encoded = subject if subject.isascii() else Header(subject, "utf-8", maxlinelen=900).encode()
    head = (
        f"{fields}From: {sender}\nTo: reply+abc@reply.example.test\nSubject: {encoded}\n"
        f"Message-ID: <1@example.org>\nMIME-Version: 1.0\nContent-Type: {content_type}\n"
        "Content-Transfer-Encoding: 8bit\n\n"
    )
    return parse(f"{head}{text}".encode())


def parts(*bodies: str) -> str:
    return "".join(f"--b\n{body}\n" for body in bodies) + "--b--\n"


def kind_of(parsed: ParsedMail, *, envelope_from: str | None = "ana@example.org", token: str | None = None) -> Kind:
    return classify(parsed, envelope_from=envelope_from, token=token).kind


def test_an_ordinary_mail_is_a_persons_and_may_be_answered() -> None:
    assert classify(mail(), envelope_from="ana@example.org") == Verdict(
        Kind.HUMAN, "Nothing in it speaks for a machine.", may_answer=True
    )


@pytest.mark.parametrize(
    "fields",
    [
        "Auto-Submitted: auto-replied\n",
        "Auto-Submitted: auto-generated\n",
        "AUTO-SUBMITTED: AUTO-REPLIED\n",
        "Auto-submitted: auto-replied; owner-email=ana@example.org\n",
        "Auto-Submitted: auto-generated (rejected)\n",
        "Auto-Submitted: auto-notified\n",
        "X-Autoreply: yes\n",
        "X-Auto-Reply: 1\n",
        "X-Autorespond: Re: your question\n",
        "X-Autoresponder: vacation 2.0\n",
        "X-Mail-Autoreply: true\n",
        "X-FC-MachineGenerated: true\n",
        "Precedence: auto_reply\n",
        "Precedence: Auto-Reply\n",
        "X-Precedence: auto-reply\n",
        "X-POST-MessageClass: 9; Autoresponder\n",
        "Delivered-To: Autoresponder\n",
        "X-MS-Exchange-Inbox-Rules-Loop: ana@example.org\nX-Auto-Response-Suppress: All\n",
    ],
)
def test_headers_of_programs_are_automatic(fields: str) -> None:
    verdict = classify(mail(fields), envelope_from="ana@example.org", token=None)
    assert verdict.kind is Kind.AUTO_REPLY
    assert not verdict.may_answer


@pytest.mark.parametrize("field", ["Auto-Submitted: auto-replied\n", "X-Autoreply: yes\n", "Precedence: auto_reply\n"])
def test_headers_of_programs_outweigh_the_answer(field: str) -> None:
    assert kind_of(mail(field + ANSWER, subject="Re: Your case"), token="reply") is Kind.AUTO_REPLY


@pytest.mark.parametrize(
    "fields",
    [
        "Auto-Submitted: no\n",
        "X-Autoreply: no\n",
        "X-Auto-Reply: false\n",
        "X-Loop: ana@example.org\n",
        "Precedence: normal\n",
        "Disposition-Notification-To: ana@example.org\n",
        "X-MS-Exchange-Inbox-Rules-Loop: ana@example.org\n",
        "X-Spam-Flag: NO\nX-Spam-Status: No, score=4.9 required=5.0\n",
    ],
)
def test_headers_that_people_have_too_mean_nothing(fields: str) -> None:
    verdict = classify(mail(fields), envelope_from="ana@example.org")
    assert (verdict.kind, verdict.may_answer) == (Kind.HUMAN, True)


@pytest.mark.parametrize(
    ("value", "may_answer"),
    [
        ("OOF, AutoReply", False),
        ("All", False),
        ("oof;autoreply", False),
        ("None", True),
        ("DR, NDR, RN, NRN", True),
        ("", True),
    ],
)
def test_asking_for_no_automatic_mail_does_not_make_one_a_robot(value: str, may_answer: bool) -> None:
    # Behaviour 22: "please do not auto-reply" was taken for "I am an auto-reply".
    for fields in (ANSWER, ""):
        verdict = classify(mail(f"X-Auto-Response-Suppress: {value}\n{fields}"), envelope_from="ana@example.org")
        assert (verdict.kind, verdict.may_answer) == (Kind.HUMAN, may_answer)


@pytest.mark.parametrize("path", ["", "<>", " <> "])
def test_the_null_sender_is_never_a_person(path: str) -> None:
    # Behaviour 25; aiosmtpd hands the null sender over as `<>`.
    verdict = classify(mail(ANSWER), envelope_from=path, token="reply")
    assert (verdict.kind, verdict.may_answer) == (Kind.AUTO_REPLY, False)
    assert "null sender" in verdict.because


def test_the_return_path_counts_when_the_envelope_is_unknown() -> None:
    parsed = mail("Return-Path: <>\n")
    assert kind_of(parsed, envelope_from=None) is Kind.AUTO_REPLY
    assert kind_of(parsed, envelope_from="ana@example.org") is Kind.HUMAN
    assert kind_of(mail("Return-Path:\n"), envelope_from=None) is Kind.HUMAN


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: Your case 1042",
        "Auto-Reply: Your case 1042",
        "AutoReply - Your case 1042",
        "Out of Office AutoReply: Your case 1042",
        "Automatische Antwort: Ihre Anfrage",
        "Abwesenheitsnotiz: Ihre Anfrage",
        "Réponse automatique : Votre demande",
        "Respuesta automática: Su pedido",
        "Risposta automatica: Il suo ordine",
        "Resposta automática: O seu pedido",
        "Automatisch antwoord: Uw zaak",
        "Afwezigheidsmelding: Uw zaak",
        "Autosvar: Ditt ärende",
        "Automatisk svar: Din sag",
        "Automaattinen vastaus: Asiasi",
        "Odpowiedź automatyczna: Sprawa",
        "Automatická odpověď: Případ",
        "Automatikus válasz: Ügy",
        "Răspuns automat: Cazul",
        "Автоответ: Ваш запрос",
        "Автоматична відповідь: Ваш запит",
        "Αυτόματη απάντηση: Υπόθεση",
        "Otomatik yanıt: Talebiniz",
        "自動応答: お問い合わせ",
        "【自動返信】お問い合わせ",
        "不在通知 Re: お問い合わせ",
        "自动回复：您的订单",
        "자동 회신: 문의",
        "رد تلقائي: الطلب",
        "תשובה אוטומטית: הפנייה",
    ],
)
def test_subjects_of_automatic_replies_in_many_languages(subject: str) -> None:
    # Behaviour 24. The text says nothing: it is in a language of its own in each of them.
    assert kind_of(mail(ANSWER, "…\n", subject=subject), token="reply") is Kind.AUTO_REPLY


@pytest.mark.parametrize(
    "subject",
    [
        "Re: Automatic reply: Your case 1042",
        "AW: Abwesenheitsnotiz: Ihre Anfrage",
        "Fwd: Out of Office AutoReply: Your case",
        "Automatic reply feature of your shop",
        "Automatische Antwort abschalten",
        "自動返信の設定について",
        "Automatic washing machine: broken",
    ],
)
def test_a_person_may_write_about_automatic_replies(subject: str) -> None:
    assert kind_of(mail(ANSWER, subject=subject)) is Kind.HUMAN


def test_words_for_being_away_need_an_answer_or_a_header_beside_them() -> None:
    away = "I am away until 16 November and will read your mail then.\n"
    assert kind_of(mail(ANSWER, away, subject="Out of Office: Your case 1042"), token="reply") is Kind.AUTO_REPLY
    assert kind_of(mail(ANSWER, "Ich bin im Urlaub.\n", subject="Abwesenheit: Ihre Anfrage")) is Kind.AUTO_REPLY
    # Customers go on holiday, too.
    on_holiday = "I'm on vacation until 5 May, please deliver later.\n"
    assert kind_of(mail(text=on_holiday, subject="Vacation: please hold my order"), token="reply") is Kind.HUMAN
    assert kind_of(mail(ANSWER, away, subject="Re: Your case 1042"), token="reply") is Kind.HUMAN
    assert kind_of(mail(subject="Vacation refund")) is Kind.HUMAN


def test_an_answer_without_ids_to_an_out_of_office_subject() -> None:
    text = "Hi, I am back in the office next week.\n"
    assert kind_of(mail(text=text, subject="Re: [issue] Out of office AutoReply: Back next week")) is Kind.AUTO_REPLY
    assert kind_of(mail(ANSWER, text, subject="Re: [issue] Out of office AutoReply: Back next week")) is Kind.HUMAN


def test_a_receipt_of_another_help_desk() -> None:
    # Behaviour 20: two desks that acknowledge each other's receipts.
    text = "This is an automated response, please do not reply. We created ticket 88123.\n"
    receipt = mail(ANSWER, text, sender="noreply@desk.example.org", subject="[#88123] We got your message")
    verdict = classify(receipt, envelope_from="noreply@desk.example.org")
    assert (verdict.kind, verdict.may_answer) == (Kind.AUTO_REPLY, False)
    person = mail(ANSWER, "We use one mailbox only. It arrived broken.\n", sender="Shop <noreply@shop.example.org>")
    verdict = classify(person, envelope_from="noreply@shop.example.org", token="reply")
    assert (verdict.kind, verdict.may_answer) == (Kind.HUMAN, False)  # nobody would read the answer


def test_a_person_may_quote_what_a_robot_says_of_itself() -> None:
    text = 'I got "this is an automated message, please do not reply" but nobody helped me.\n'
    assert kind_of(mail(text=text, subject="We received your parcel broken")) is Kind.HUMAN


@pytest.mark.parametrize(("text", "kind"), [("", Kind.AUTO_REPLY), ("Yes, but please call me before.\n", Kind.HUMAN)])
def test_a_calendar_answers_without_words(text: str, kind: Kind) -> None:
    calendar = "BEGIN:VCALENDAR\nMETHOD:REPLY\nBEGIN:VEVENT\nUID:1\nEND:VEVENT\nEND:VCALENDAR"
    body = parts(f"Content-Type: text/plain\n\n{text}", f"Content-Type: text/calendar\n\n{calendar}")
    parsed = mail(ANSWER, body, subject="Accepted: Call", content_type='multipart/alternative; boundary="b"')
    assert kind_of(parsed) is kind


def test_a_read_receipt_is_automatic() -> None:
    body = parts(
        "Content-Type: text/plain\n\nYour message was read.",
        "Content-Type: message/disposition-notification\n\n"
        "Final-Recipient: rfc822;ana@example.org\nDisposition: manual-action/MDN-sent-manually; displayed",
    )
    content_type = 'multipart/report; report-type=disposition-notification; boundary="b"'
    assert kind_of(mail(text=body, subject="Read: Your case", content_type=content_type)) is Kind.AUTO_REPLY


@pytest.mark.parametrize("feedback_type", ["abuse", "not-spam", "auth-failure"])
def test_a_complaint_is_feedback(feedback_type: str) -> None:
    body = parts(
        "Content-Type: text/plain\n\nThis is an abuse report.",
        f"Content-Type: message/feedback-report\n\nFeedback-Type: {feedback_type}\nUser-Agent: x/1\nVersion: 1",
        "Content-Type: message/rfc822\n\nSubject: Your case\n\nText",
    )
    content_type = 'multipart/report; report-type=feedback-report; boundary="b"'
    assert kind_of(mail(text=body, subject="FW: Your case", content_type=content_type)) is Kind.FEEDBACK


def test_reports_about_authentication_are_feedback() -> None:
    gzip = "Content-Type: application/gzip; name=a.xml.gz\nContent-Transfer-Encoding: base64\n\nH4sIAAAAAAAA"
    subject = "Report Domain: example.test Submitter: isp.example.org Report-ID: 1"
    dmarc = mail(text=parts(gzip), subject=subject, content_type='multipart/mixed; boundary="b"')
    assert kind_of(dmarc) is Kind.FEEDBACK
    assert kind_of(mail("TLS-Report-Domain: example.test\nTLS-Report-Submitter: isp\n")) is Kind.FEEDBACK
    assert kind_of(mail(subject="Report Domain: what is that?")) is Kind.HUMAN


LIST = "List-Id: Shop talk <talk.lists.example.org>\nList-Post: <mailto:talk@lists.example.org>\nPrecedence: list\n"


@pytest.mark.parametrize(
    "fields",
    [
        LIST,
        "Precedence: bulk\nList-Unsubscribe: <https://example.org/u>\n",
        "List-Unsubscribe: <https://example.org/u>\n",
        "Mailing-List: list talk@lists.example.org\n",
        LIST + ANSWER + "Cc: talk@lists.example.org\n",
        LIST + ANSWER + "Sender: talk-bounces@lists.example.org\n",
    ],
)
def test_one_mail_to_many_is_a_list(fields: str) -> None:
    verdict = classify(mail(fields), envelope_from="ana@example.org")
    assert (verdict.kind, verdict.may_answer) == (Kind.LIST, False)


@pytest.mark.parametrize(
    "fields",
    [
        "Precedence: list\nList-ID: <support.shop.example.org>\nMailing-list: list support@shop.example.org\n",
        "List-Unsubscribe: <https://crm.example.org/u>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n",
        "Precedence: bulk\n",
    ],
)
def test_a_person_behind_a_group_address_or_a_crm_stays_a_person(fields: str) -> None:
    verdict = classify(mail(fields + ANSWER, subject="Re: Your case"), envelope_from="ana@example.org")
    assert verdict.kind is Kind.HUMAN
    whatever_the_list = LIST + ANSWER + "Cc: talk@lists.example.org\nSender: talk-bounces@lists.example.org\n"
    assert kind_of(mail(whatever_the_list), token="reply") is Kind.HUMAN


def test_our_own_mail_coming_back_is_a_loop() -> None:
    # Behaviour 23 and hardening rule 24: an answer that merely quotes our mail is no loop.
    parsed = mail(f"{LOOP_HEADER}: keyed\n{ANSWER}")
    assert classify(parsed, envelope_from="a@example.org", loop_headers=frozenset({"keyed"})).kind is Kind.LOOP
    assert classify(parsed, envelope_from="a@example.org", loop_headers="keyed".__eq__).kind is Kind.LOOP
    assert classify(parsed, envelope_from="a@example.org", loop_headers=frozenset({"other"})).kind is Kind.HUMAN
    quoting = mail(ANSWER, f"Thanks!\n> {LOOP_HEADER}: keyed\n")
    assert classify(quoting, envelope_from="a@example.org", loop_headers=frozenset({"keyed"})).kind is Kind.HUMAN


def test_mail_from_an_own_domain_is_a_loop() -> None:
    own = frozenset({"reply.example.test"})
    ours = mail(sender="Shop <reply+xyz@Reply.Example.Test>")
    assert classify(ours, envelope_from="a@example.org", own_domains=own).kind is Kind.LOOP
    assert classify(mail(), envelope_from="bounce+x@reply.example.test", own_domains=own).kind is Kind.LOOP
    assert classify(mail(), envelope_from="ana@example.org", own_domains=own).kind is Kind.HUMAN


@pytest.mark.parametrize(("hops", "kind"), [(30, Kind.HUMAN), (31, Kind.LOOP)])
def test_too_many_hops_are_a_loop(hops: int, kind: Kind) -> None:
    assert kind_of(mail("Received: from a by b; Tue, 3 Nov 2026 10:11:12 +0000\n" * hops)) is kind


@pytest.mark.parametrize(
    "fields",
    ["X-Spam-Flag: YES\n", "X-Spam-Status: Yes, score=17.3 required=5.0 tests=A,B\n", "X-SES-Spam-Verdict: FAIL\n"],
)
def test_a_flag_of_the_spam_filter_counts_unless_the_mail_answers(fields: str) -> None:
    assert kind_of(mail(fields)) is Kind.SPAM
    assert kind_of(mail(fields + ANSWER)) is Kind.HUMAN
    assert kind_of(mail(fields), token="reply") is Kind.HUMAN


def test_the_word_spam_in_a_subject_means_nothing() -> None:
    assert kind_of(mail(subject="[SPAM?] Your case")) is Kind.HUMAN


POSTFIX = (
    "This is the mail system at host mx.example.org.\n\nI'm sorry to have to inform you that your message could not\n"
    "be delivered to one or more recipients.\n\n<sales@shop.example.org>: host mx.shop.example.org[192.0.2.1] said:\n"
    "    550 5.1.1 <sales@shop.example.org>: Recipient address rejected: User unknown\n"
)
STATUS = "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; a@example.org"
REPORT = 'multipart/report; report-type=delivery-status; boundary="b"'
MIXED = 'multipart/mixed; boundary="b"'


@pytest.mark.parametrize(
    ("parsed", "envelope_from"),
    [
        (mail(text=parts(STATUS), content_type=REPORT), "x@example.org"),
        (mail(text=parts(STATUS), sender="MAILER-DAEMON@mx.example.org", content_type=MIXED), "x@example.org"),
        (mail("X-Failed-Recipients: a@example.org\n", "Nobody there.\n"), "x@example.org"),
        (mail(sender="Mail Delivery System <mailer-daemon@mx.example.org>", subject="?"), "x@example.org"),
        (mail(text=POSTFIX, sender="postmaster@example.org", subject="Undeliverable: cup"), "x@example.org"),
        (mail(text="…\n", sender="postmaster@example.org", subject="…"), ""),
        (mail(text=POSTFIX, sender="gateway@example.org", subject="Message from the gateway"), ""),
        (mail(text="…\n", sender="gateway@example.org", subject="Unzustellbar: Tasse"), ""),
        (mail(text=POSTFIX, sender="ndr@example.org", subject="Undeliverable: cup"), "ndr@example.org"),
        (mail(LIST, POSTFIX, sender="MAILER-DAEMON@mx.example.org", subject="failure notice"), "x@example.org"),
    ],
    ids=["report", "mixed", "header", "daemon", "postmaster", "null", "text", "subject", "robot", "through a list"],
)
def test_delivery_reports_of_any_make(parsed: ParsedMail, envelope_from: str) -> None:
    verdict = classify(parsed, envelope_from=envelope_from)
    assert (verdict.kind, verdict.may_answer) == (Kind.BOUNCE, False)


def test_a_report_at_a_bounce_address_needs_less() -> None:
    parsed = mail(
        text="Meddelandet kunde inte levereras.\n", sender="postmaster@example.org", subject="Olevererbart: x"
    )
    assert kind_of(parsed) is Kind.HUMAN
    assert kind_of(parsed, token="bounce") is Kind.BOUNCE
    # The null sender alone says as well that it may be an out-of-office note.
    assert kind_of(mail(text="I am away until 16 November.\n"), envelope_from="", token="bounce") is Kind.AUTO_REPLY


QUOTED = "".join(f"> {line}\n" for line in POSTFIX.splitlines())


@pytest.mark.parametrize(
    ("fields", "subject", "text", "content_type"),
    [
        ("", "Re: Undelivered Mail Returned to Sender", "I got this back, can you help?\n" + QUOTED, ""),
        ("", "Fwd: Undelivered Mail Returned to Sender", POSTFIX, ""),
        ("", "WG: Unzustellbar: Tasse", "Das kam zurück.\n\n" + POSTFIX, ""),
        ("", "Undelivered Mail Returned to Sender", "See what I got:\n\n" + POSTFIX, ""),
        ("", "Your address bounces", parts("Content-Type: text/plain\n\nSee.", f"{STATUS}"), MIXED),
        ("", "Fwd: failure notice", parts(f"Content-Type: text/plain\n\n{POSTFIX}", STATUS), MIXED),
        (
            ANSWER,
            "Your billing address bounces",
            parts(
                "Content-Type: text/plain\n\nPlease tell them.",
                "Content-Type: message/rfc822\n\nFrom: MAILER-DAEMON@mx\nSubject: failure notice\n"
                f"Content-Type: {REPORT}\n\n{parts(STATUS)}",
            ).replace("--b--\n--b--", "--b--"),
            'multipart/mixed; boundary="outer"',
        ),
    ],
    ids=["quotes", "forwards", "forwards in German", "pastes", "attaches", "forwards parts", "attaches the mail"],
)
def test_a_person_who_quotes_or_forwards_a_bounce_is_a_person(
    fields: str, subject: str, text: str, content_type: str
) -> None:
    parsed = mail(fields, text, subject=subject, content_type=content_type or "text/plain; charset=utf-8")
    assert kind_of(parsed) is Kind.HUMAN
    assert kind_of(parsed, token="reply") is Kind.HUMAN


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Delivery failure", "The heater shows 'delivery failure' on its display. What now?\n"),
        ("Undeliverable: parcel 1Z77", "UPS says my parcel is undeliverable: address unknown.\n"),
        ("Returned mail", "The parcel was returned, it could not be delivered. My mail: ana@example.org\n"),
        ("Не доставлено", "Мой заказ не доставлен!\n"),
        ("退信", "我收到了退信，请帮忙。\n"),
        ("User unknown", "The login page says: user unknown.\n"),
    ],
)
@pytest.mark.parametrize("sender", ["Ana Silva <ana@example.org>", "Postmaster <postmaster@example.org>"])
def test_parcels_are_not_delivered_either(subject: str, text: str, sender: str) -> None:
    assert kind_of(mail(text=text, subject=subject, sender=sender)) is Kind.HUMAN


def test_the_sentence_names_what_decided() -> None:
    because = classify(mail("Auto-Submitted: auto-replied\n"), envelope_from="a@example.org").because
    assert because == "Its Auto-Submitted header says auto-replied (RFC 3834)."
    doubtful = classify(mail(subject="Undeliverable: parcel"), envelope_from="a@example.org").because
    assert doubtful == "Its subject announces a failed delivery, which is not enough to call it automatic."


def test_what_people_write_never_decides_alone() -> None:
    words = {
        "bounce subject",
        "bounce text",
        "absence subject",
        "absence text",
        "receipt subject",
        "mail administrator",
    }
    assert all(SIGNALS[name].weight < 100 for name in words)


def test_every_word_for_being_away_is_weaker_than_a_word_for_an_automatic_reply() -> None:
    assert not set(ABSENCE_SUBJECTS) & set(AUTO_REPLY_SUBJECTS)


@pytest.mark.parametrize(
    "parsed",
    [
        mail("", "a@b.cc " * 50_000, sender="postmaster@example.org", subject="failure notice"),
        mail("", "x" * 300_000, sender="MAILER-DAEMON@example.org", subject="failure notice"),
        mail("", "\n" * 300_000, sender="MAILER-DAEMON@example.org", subject="failure notice"),
        mail("X-Spam-Status: Yes, " + "score=1 " * 9_000 + "\n", subject="[" * 9_000),
        ParsedMail(headers=()),
    ],
    ids=["addresses", "one line", "empty lines", "header", "nothing at all"],
)
def test_hostile_mails_get_a_verdict(parsed: ParsedMail) -> None:
    assert classify(parsed, envelope_from=None).kind in Kind


@pytest.mark.parametrize(
    ("address", "machine"),
    [
        ("no-reply@shop.example.org", True),
        ("NoReply+77@shop.example.org", True),
        ("mailer-daemon@example.org", True),
        ("Postmaster@example.org", True),
        ("notifications.eu@example.org", True),
        ("tom@example.org", False),
        ("noreen@example.org", False),
        ("news.reporter" * 1_000 + "@example.org", True),
        ("", False),
    ],
)
def test_an_address_tells_whether_a_machine_has_it(address: str, machine: bool) -> None:
    assert is_machines(address) is machine

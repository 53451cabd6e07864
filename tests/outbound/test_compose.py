"""Mails as their readers get them: the bytes are read with the standard library's parser."""

import base64
import email
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from email.utils import parsedate_to_datetime
from html import escape
from textwrap import fill

import pytest

from gateway.cases.model import (
    Attachment,
    Audience,
    Case,
    CaseView,
    Customer,
    Message,
    Order,
    Participant,
    Priority,
    Role,
    Status,
    Store,
)
from gateway.cases.notices import HeldMail, KeptBack, Letter, Notice, NotPosted, Template, Whose
from gateway.config import Config, GatewaySection, MailSection
from gateway.mail.classify import LOOP_HEADER, Kind, classify
from gateway.mail.parse import parse
from gateway.mail.quotes import MARKER, split_reply
from gateway.outbound.compose import Composer, OutgoingMail
from gateway.outbound.links import Links
from gateway.outbound.names import pretends
from gateway.outbound.sign import Signer, make_key
from gateway.outbound.telling import Scene
from gateway.rendering import OwnWords, Rendered, Renderer, built_in, letter_sample, sample
from gateway.sentences import Sentence
from gateway.signing import Keyring, Purpose
from store.logos import Logo

NOW = datetime(2026, 11, 14, 9, 30, tzinfo=UTC)
DOMAIN = "cases.example.org"
CONFIG = Config(mail=MailSection(reply_domain=DOMAIN, operator_address="operator@example.org"))
KEYRING = Keyring({3: b"k" * 32}, 3)
COMPOSER = Composer(CONFIG, KEYRING, built_in())
LINKS = Links(KEYRING, CONFIG.gateway.public_url)

STORE = Store("shp_1", "Pixel Shop", NOW)
MIA = Customer("cus_1", "shp_1", "mia@example.org", "Mia", "Jensen")
ORDER = Order("ord_1", "shp_1", "cus_1", "1042", 4_990, "EUR", "COMPLETED", NOW)
CASE = Case(
    id="case_1",
    store_id="shp_1",
    customer_id="cus_1",
    order_id="ord_1",
    subject="My order has not arrived",
    status=Status.AWAITING_CUSTOMER,
    priority=Priority.NORMAL,
    escalated=False,
    unread_count=0,
    last_message_at=NOW,
    last_message_by=Role.MERCHANT,
    last_activity_at=NOW,
    closed_at=None,
    closed_by=None,
    created_at=NOW,
    updated_at=NOW,
)
CUSTOMER = Participant(1, "case_1", Role.CUSTOMER, "mia@example.org", "Mia Jensen", b"c" * 16, generation=7)
MERCHANT = Participant(2, "case_1", Role.MERCHANT, "ann@shop.example.org", "Ann", b"m" * 16)
SUPPORT = Participant(3, "case_1", Role.SUPPORT, "help@example.org", "", b"s" * 16)


def message(
    role: Role,
    body: str,
    *,
    sender_name: str = "",
    via: str = "",
    audience: Audience = Audience.ALL,
    files: tuple[Attachment, ...] = (),
    unverified: bool = False,
) -> Message:
    return Message("cmsg_1", "case_1", 1, role, None, sender_name, body, NOW, audience, via, files, unverified)


QUESTION = message(Role.CUSTOMER, "Where is it?")
ANSWER = message(Role.MERCHANT, "It is on its way.")


def scene(
    *new: Message,
    earlier: tuple[Message, ...] = (),
    case: Case = CASE,
    store: Store = STORE,
    customer: Customer = MIA,
    order: Order = ORDER,
) -> Scene:
    return Scene(store, CaseView(case, customer, order), new, earlier)


def compose(template: Template, to: Participant, what: Scene) -> OutgoingMail:
    return COMPOSER.compose(Notice(template, to), what, NOW)


def read(mail: OutgoingMail) -> EmailMessage:
    parsed = email.message_from_bytes(mail.data, policy=default)
    assert not parsed.defects
    return parsed


def bodies(mail: OutgoingMail) -> tuple[str, str]:
    """The text and the HTML."""
    text, html = read(mail).iter_parts()
    page = next(html.iter_parts()) if html.is_multipart() else html
    return text.get_content(), page.get_content()


LETTERS = (
    Template.NO_CASE, Template.MAIL_HELD, Template.CONFIRM_ADDRESS, Template.SIGN_IN, Template.ALARM, Template.CANARY,
)  # fmt: skip
CASE_MAILS = [template for template in Template if template not in LETTERS]
HELD = HeldMail(17, NOW, "My order has not arrived", "1042", Whose.CUSTOMER, "the sender's domain disowns the mail")


def letter(template: Template, recipient: str = "somebody@example.net", **rest: object) -> OutgoingMail:
    facts = {
        Template.SIGN_IN: {"link": "https://cases.example.org/sign-in/1", "minutes": 10},
        Template.NO_CASE: {},
        Template.MAIL_HELD: {"held": (HELD,)},
        Template.ALARM: {"alarms": ("The relay refuses our mail.",), "more": 0, "over": ("Mail waits.",)},
        Template.CANARY: {},
        Template.CONFIRM_ADDRESS: {
            "address": "mia@work.example.org",
            "store": "Pixel Shop",
            "link": "https://cases.example.org/confirm/abc?d=1&e=2",
        },
    }
    return COMPOSER.compose_letter(Letter(template, recipient, **{"facts": facts[template], **rest}), NOW)  # type: ignore[arg-type]


def answer(to: Participant = CUSTOMER) -> OutgoingMail:
    return compose(Template.MESSAGE_TO_CUSTOMER, to, scene(ANSWER, earlier=(QUESTION,)))


def ids(header: str) -> list[str]:
    return [one.strip("<>") for one in header.split()]


# -- Envelope and headers


def test_an_answer_reaches_the_participant_it_was_written_for() -> None:
    mail = answer()
    (reply_to,) = read(mail)["Reply-To"].addresses
    kind, _, token = reply_to.username.partition("+")
    verified = KEYRING.verify(Purpose.REPLY, token)
    assert (kind, verified.handle, verified.generation) == ("reply", CUSTOMER.handle, 7)
    assert reply_to.domain == DOMAIN
    assert reply_to.display_name == "Pixel Shop via Cases"
    assert len(reply_to.username) == 62


def test_a_bounce_comes_back_to_the_mail_that_bounced() -> None:
    first, second = answer(), answer()
    local, _, domain = first.envelope_from.partition("@")
    kind, _, token = local.partition("+")
    assert (kind, domain, len(local)) == ("bounce", DOMAIN, 63)
    assert KEYRING.verify(Purpose.BOUNCE, token).handle == first.handle
    assert first.handle != second.handle
    assert first.rfc_message_id != second.rfc_message_id


def test_the_message_id_is_bound_to_its_recipient() -> None:
    mail = answer()
    assert read(mail)["Message-ID"] == f"<{mail.rfc_message_id}>"
    assert mail.rfc_message_id.endswith(f"@{DOMAIN}")
    assert KEYRING.is_message_id_for(mail.rfc_message_id, CUSTOMER.handle)
    assert not KEYRING.is_message_id_for(mail.rfc_message_id, MERCHANT.handle)


def test_the_same_random_bytes_give_the_same_mail() -> None:
    composer = Composer(CONFIG, KEYRING, built_in(), random_bytes=lambda count: b"r" * count)
    notice = Notice(Template.MESSAGE_TO_CUSTOMER, CUSTOMER)
    assert composer.compose(notice, scene(ANSWER), NOW) == composer.compose(notice, scene(ANSWER), NOW)


@pytest.mark.parametrize(
    ("template", "to", "new", "name"),
    [
        (Template.CASE_OPENED_MERCHANT, MERCHANT, QUESTION, "Mia Jensen (Pixel Shop) via Cases"),
        (Template.CASE_OPENED_CUSTOMER, CUSTOMER, QUESTION, "Pixel Shop via Cases"),
        (Template.MESSAGE_TO_CUSTOMER, CUSTOMER, ANSWER, "Pixel Shop via Cases"),
        (Template.MESSAGE_TO_CUSTOMER, CUSTOMER, message(Role.SUPPORT, "Hello"), "Support Team via Cases"),
        (Template.MESSAGE_TO_MERCHANT, MERCHANT, QUESTION, "Mia Jensen (Pixel Shop) via Cases"),
        (Template.MESSAGE_TO_MERCHANT, MERCHANT, message(Role.SUPPORT, "Hello"), "Support Team via Cases"),
        (Template.MESSAGE_TO_MERCHANT, SUPPORT, ANSWER, "Pixel Shop via Cases"),
        (
            Template.MESSAGE_TO_MERCHANT,
            MERCHANT,
            message(Role.CUSTOMER, "Hello", via="x@example.net"),
            "Unknown sender (Pixel Shop) via Cases",
        ),
        (Template.CASE_CLOSED, CUSTOMER, message(Role.SYSTEM, "Case closed"), "Pixel Shop via Cases"),
        (Template.CASE_REOPENED, MERCHANT, message(Role.SYSTEM, "Case reopened"), "Pixel Shop via Cases"),
    ],
)
def test_from_says_who_speaks(template: Template, to: Participant, new: Message, name: str) -> None:
    (sender,) = read(compose(template, to, scene(new)))["From"].addresses
    assert sender.display_name == name
    assert sender.addr_spec == f"cases@{DOMAIN}"


def test_to_and_date() -> None:
    parsed = read(answer())
    assert str(parsed["To"]) == "Mia Jensen <mia@example.org>"
    assert parsedate_to_datetime(parsed["Date"]) == NOW


@pytest.mark.parametrize("template", Template)
def test_automatic_mail_says_so_and_a_persons_reply_never(template: Template) -> None:
    parsed = read(letter(template) if template in LETTERS else compose(template, CUSTOMER, scene(ANSWER)))
    automatic = template not in (Template.MESSAGE_TO_CUSTOMER, Template.MESSAGE_TO_MERCHANT)
    answers = template in (Template.NOT_EVERYTHING_POSTED, Template.NOT_POSTED, Template.NO_CASE)
    assert parsed["Auto-Submitted"] == ("auto-replied" if answers else "auto-generated" if automatic else None)
    assert parsed["X-Auto-Response-Suppress"] == ("All" if automatic else None)
    assert parsed[LOOP_HEADER] == KEYRING.loop_header()
    assert parsed["Precedence"] is None


# -- Threading


def test_the_first_mail_starts_a_thread_under_the_subject_of_the_case() -> None:
    parsed = read(answer())
    assert parsed["Subject"] == "My order has not arrived"
    assert parsed["In-Reply-To"] is None
    assert parsed["References"] is None


def test_a_later_mail_answers_the_persons_own_last_mail() -> None:
    person = replace(CUSTOMER, reference_ids=("first@x", "his@x", "ours@x"), last_sent_id="his@x")
    mail = answer(person)
    parsed = read(mail)
    assert mail.subject == parsed["Subject"] == "Re: My order has not arrived"
    assert parsed["In-Reply-To"] == "<his@x>"
    assert ids(parsed["References"]) == ["first@x", "ours@x", "his@x"]


def test_a_later_mail_to_somebody_who_never_wrote_answers_our_last_one() -> None:
    parsed = read(answer(replace(CUSTOMER, reference_ids=("first@x", "second@x"))))
    assert parsed["In-Reply-To"] == "<second@x>"
    assert ids(parsed["References"]) == ["first@x", "second@x"]


def test_a_subject_that_is_an_answer_already_is_not_changed() -> None:
    person = replace(CUSTOMER, last_sent_id="his@x")
    what = scene(ANSWER, case=replace(CASE, subject="RE: lamp"))
    assert compose(Template.MESSAGE_TO_CUSTOMER, person, what).subject == "RE: lamp"


@pytest.mark.parametrize("count", [1, 2, 12, 13, 14, 200])
@pytest.mark.parametrize("last_sent", ["", "his-own@mail.example.net"])
@pytest.mark.parametrize("length", [20, 78, 250])
def test_references_stay_short_and_hold_the_first_and_the_last_id(count: int, last_sent: str, length: int) -> None:
    own = [f"{number:0{length - 12}}@example.org" for number in range(count)]
    data = answer(replace(CUSTOMER, reference_ids=tuple(own), last_sent_id=last_sent)).data
    parsed = email.message_from_bytes(data, policy=default)
    header = data[data.index(b"\r\nReferences: ") + 2 : data.index(b"\r\nThread-Topic: ")]
    found = ids(parsed["References"])
    thread = [*own, last_sent] if last_sent else own
    assert len(header) < 1_000
    assert found[0] == own[0]
    assert found[-1] == thread[-1] == ids(parsed["In-Reply-To"])[0]
    assert found[1:] == thread[len(thread) - len(found) + 1 :]
    assert count < 12 or length < 250 or len(found) >= 3


@pytest.mark.parametrize("bad", ["", "a b@x", "x" * 900, "a@x>\r\nBcc: all@example.org", "ü@x", "<a@x>", "a\0@x"])
def test_an_id_that_cannot_stand_in_a_header_is_left_out(bad: str) -> None:
    person = replace(CUSTOMER, reference_ids=(bad, "good@x", bad), last_sent_id=bad)
    parsed = read(answer(person))
    assert parsed["References"] == parsed["In-Reply-To"] == "<good@x>"
    only_bad = read(answer(replace(CUSTOMER, reference_ids=(bad,), last_sent_id=bad)))
    assert only_bad["References"] is None
    assert only_bad["In-Reply-To"] is None
    assert only_bad["Bcc"] is None


# -- What is in it


def test_the_new_words_come_first_then_the_marker_then_the_conversation() -> None:
    trail = message(Role.SYSTEM, "Case is now open")
    mail = compose(Template.MESSAGE_TO_CUSTOMER, CUSTOMER, scene(ANSWER, earlier=(QUESTION, trail)))
    for body in bodies(mail):
        order = [ANSWER.body, "Just answer this mail: Pixel Shop", MARKER, "Mia Jensen", QUESTION.body, trail.body]
        places = [body.index(piece) for piece in order]
        assert places == sorted(places)
    assert MARKER in bodies(mail)[0].splitlines()


def test_an_answer_is_never_cut_but_the_conversation_is() -> None:
    long = "word " * 799 + "END"
    mail = compose(Template.MESSAGE_TO_CUSTOMER, CUSTOMER, scene(message(Role.MERCHANT, long), earlier=(QUESTION,)))
    assert all("END" in body for body in bodies(mail))
    mail = compose(
        Template.MESSAGE_TO_CUSTOMER, CUSTOMER, scene(ANSWER, earlier=(message(Role.MERCHANT, long), QUESTION))
    )
    for body in bodies(mail):
        assert "END" not in body
        assert body.count("word ") == 200
        assert "(shortened)" in body


def test_several_new_messages_are_all_shown_in_order() -> None:
    parts = [message(Role.MERCHANT, f"part {number}") for number in range(5)]
    for body in bodies(compose(Template.MESSAGE_TO_CUSTOMER, CUSTOMER, scene(*parts))):
        places = [body.rindex(part.body) for part in parts]
        assert places == sorted(places)


def test_files_are_listed_with_sizes() -> None:
    files = (
        Attachment("catt_1", "label.pdf", "application/pdf", 48_213, "00"),
        Attachment("catt_2", "evil\u202efdp.exe\r\n", "application/pdf", 1_234_567, "00"),
    )
    for body in bodies(
        compose(Template.MESSAGE_TO_CUSTOMER, CUSTOMER, scene(message(Role.MERCHANT, "Hi", files=files)))
    ):
        assert "label.pdf" in body
        assert "(48 kB)" in body
        assert "evilfdp.exe" in body
        assert "(1.2 MB)" in body


def test_the_order_with_the_decimals_of_its_currency() -> None:
    yen = replace(ORDER, amount=1_500, currency="JPY", status="REFUNDED")
    assert "Order 1042, 1,500 JPY, refunded" in bodies(compose(Template.CASE_CLOSED, CUSTOMER, scene(order=yen)))[0]


@pytest.mark.parametrize("audience", [Audience.STAFF, Audience.SUPPORT])
@pytest.mark.parametrize("role", Role)
def test_what_is_not_for_all_is_in_no_mail(audience: Audience, role: Role) -> None:
    hidden = message(role, "SECRET", audience=audience)
    mail = compose(Template.MESSAGE_TO_CUSTOMER, CUSTOMER, scene(hidden, ANSWER, earlier=(hidden, QUESTION)))
    assert "SECRET" not in "".join(bodies(mail))
    assert read(mail)["From"].addresses[0].display_name == "Pixel Shop via Cases"


def test_an_author_whom_we_do_not_know_is_marked_and_never_named() -> None:
    stranger = message(Role.CUSTOMER, "I am Mia", via="x@example.net", sender_name="Mia Jensen")
    for what in (scene(stranger), scene(QUESTION, earlier=(stranger,))):
        for body in bodies(compose(Template.MESSAGE_TO_MERCHANT, MERCHANT, what)):
            assert "sent from x@example.net, an address we do not know" in body
    text, _ = bodies(compose(Template.MESSAGE_TO_MERCHANT, MERCHANT, scene(stranger)))
    assert "Mia Jensen wrote" not in text
    assert "Mia Jensen, 14 Nov" not in text


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.MERCHANT])
def test_an_author_whom_nothing_confirms_is_named_and_marked(role: Role) -> None:
    mark = "not verified: the sender's mail provider does not confirm this address"
    unproven = message(role, "Hello", unverified=True)
    to, template, author = (
        (MERCHANT, Template.MESSAGE_TO_MERCHANT, "Mia Jensen")
        if role is Role.CUSTOMER
        else (CUSTOMER, Template.MESSAGE_TO_CUSTOMER, "Pixel Shop")
    )
    for what in (scene(unproven), scene(message(Role.SUPPORT, "Hi"), earlier=(unproven,))):
        text, html = bodies(compose(template, to, what))
        assert f"{author}, 14 Nov 2026, 09:30 UTC ({mark}):" in text
        assert escape(mark).replace("&#x27;", "&#39;") in html
    stranger = message(role, "Hello", via="x@example.net", unverified=True)
    for body in bodies(compose(template, to, scene(stranger))):
        assert "sent from x@example.net, an address we do not know" in body
        assert "not verified" not in body


@pytest.mark.parametrize(
    ("closed_by", "words"),
    [
        (Role.CUSTOMER, "You closed your case with Pixel Shop."),
        (Role.MERCHANT, "Pixel Shop closed your case."),
        (Role.SUPPORT, "Support Team closed your case with Pixel Shop."),
        (Role.SYSTEM, "Your case with Pixel Shop was closed because it was quiet for a while."),
    ],
)
def test_a_closed_case_says_who_closed_it(closed_by: Role, words: str) -> None:
    case = replace(CASE, status=Status.CLOSED, closed_by=closed_by, closed_at=NOW)
    text, _ = bodies(compose(Template.CASE_CLOSED, CUSTOMER, scene(case=case)))
    assert f"Hello Mia Jensen,\r\n\r\n{words}" in text
    assert "the case opens again" in text


def test_the_answer_line_names_support_once_it_has_joined() -> None:
    words = "Just answer this mail: Pixel Shop and Support Team will read your answer."
    for what in (scene(ANSWER, case=replace(CASE, escalated=True)), scene(message(Role.SUPPORT, "Hello"))):
        assert words in bodies(compose(Template.MESSAGE_TO_CUSTOMER, CUSTOMER, what))[0]
    assert words not in bodies(answer())[0]


def test_nothing_is_told_about_where_others_answer() -> None:
    mail = compose(Template.MESSAGE_TO_MERCHANT, MERCHANT, scene(QUESTION, earlier=(ANSWER,)))
    data = mail.data.replace(b"=\r\n", b"")
    for secret in (CUSTOMER.address, KEYRING.token(Purpose.REPLY, CUSTOMER.handle, 7), CUSTOMER.handle.hex()):
        assert secret.encode() not in data


class Overheard(Renderer):
    """Renders, and remembers what the templates were told."""

    told: Mapping[str, object]

    def mail(self, template: str, context: Mapping[str, object], own: OwnWords | None = None) -> Rendered:
        self.told = context
        return super().mail(template, context, own)


def test_templates_are_told_what_their_samples_show() -> None:
    renderer = Overheard()
    composer = Composer(CONFIG, KEYRING, renderer)
    composer.compose(Notice(Template.CASE_CLOSED, CUSTOMER), scene(ANSWER), NOW)
    assert renderer.told.keys() == sample("CUSTOMER").keys()
    held = {"held": (HELD,)}
    alarms = {"alarms": ("It burns.",), "more": 0, "over": ()}
    everything = {**held, **alarms, "minutes": 10, "address": "x@example.net", "store": "Pixel Shop"}
    composer.compose_letter(Letter(Template.MAIL_HELD, "ann@shop.example.org", facts=everything), NOW)
    assert renderer.told.keys() == letter_sample("REVIEWER").keys()
    assert entries(renderer.told)[0].keys() == entries(letter_sample("REVIEWER"))[0].keys()


def entries(told: Mapping[str, object]) -> list[dict[str, object]]:
    held = told["held"]
    assert isinstance(held, list)
    return held


# -- What became of a person's own mail


def not_posted(
    why: NotPosted, to: Participant = CUSTOMER, what: Scene | None = None, because: str = ""
) -> OutgoingMail:
    notice = Notice(Template.NOT_POSTED, to, why=why, because=because)
    return COMPOSER.compose(notice, what or scene(earlier=(QUESTION, ANSWER)), NOW)


def test_what_was_kept_back_is_told_with_its_reason() -> None:
    kept = (KeptBack("holiday.mov", "files of this type are not taken"), KeptBack("a\n- b", "too\n\nlarge"))
    notice = Notice(Template.NOT_EVERYTHING_POSTED, CUSTOMER, kept, text_in_file=True)
    text, html = bodies(COMPOSER.compose(notice, scene(earlier=(QUESTION,)), NOW))
    assert "- holiday.mov\r\n  files of this type are not taken\r\n- a - b\r\n  too large\r\n\r\nYour text was" in text
    assert "<b>a - b</b>" in html
    assert html.count("<li") == 2


@pytest.mark.parametrize("to", [CUSTOMER, MERCHANT, SUPPORT])
@pytest.mark.parametrize("why", [None, *NotPosted])
def test_a_sender_reads_nothing_of_the_conversation(why: NotPosted | None, to: Participant) -> None:
    template = Template.NOT_POSTED if why else Template.NOT_EVERYTHING_POSTED
    what = scene(QUESTION, earlier=(ANSWER, message(Role.CUSTOMER, "SECRET")))
    mail = COMPOSER.compose(Notice(template, to, (KeptBack("a.mov", "not taken"),), why=why), what, NOW)
    for body in bodies(mail):
        assert not any(words in body for words in (QUESTION.body, ANSWER.body, "SECRET", "conversation"))


def test_it_answers_the_persons_own_mail_under_the_subject_of_the_case() -> None:
    mail = not_posted(NotPosted.NOTHING_NEW, replace(CUSTOMER, reference_ids=("first@x",), last_sent_id="his@x"))
    parsed = read(mail)
    assert parsed["In-Reply-To"] == "<his@x>"
    assert ids(parsed["References"]) == ["first@x", "his@x"]
    assert parsed["Subject"] == "Re: My order has not arrived"
    assert read(not_posted(NotPosted.NOTHING_NEW))["Subject"] == "Re: My order has not arrived"
    assert (mail.template, mail.recipient) == (Template.NOT_POSTED, CUSTOMER.address)


@pytest.mark.parametrize(
    ("why", "answerable"),
    [
        (NotPosted.NOTHING_NEW, True),
        (NotPosted.NOT_TAKEN, True),
        (NotPosted.REVOKED, False),
        (NotPosted.LEFT, False),
    ],
)
@pytest.mark.parametrize("to", [CUSTOMER, MERCHANT])
def test_only_who_can_answer_is_asked_to(why: NotPosted, answerable: bool, to: Participant) -> None:
    mail = not_posted(why, to)
    assert (read(mail)["Reply-To"] is not None) is answerable
    assert (b"reply+" in mail.data) is answerable
    for body in bodies(mail):
        assert (MARKER in body) is answerable
        assert ("ust answer this mail" in body) is answerable
        assert ("Order" in body) is answerable
        assert ("Answering this mail writes to the customer" in body) is (answerable and to is MERCHANT)


def test_the_law_says_in_its_own_words_why_a_mail_was_not_taken() -> None:
    text, _ = bodies(not_posted(NotPosted.NOT_TAKEN, because="Cannot send messages on a closed case"))
    assert "The reason: Cannot send messages on a closed case." in text
    text, _ = bodies(not_posted(NotPosted.NOT_TAKEN))
    assert "reason" not in text


@pytest.mark.parametrize("template", CASE_MAILS)
@pytest.mark.parametrize("person", [CUSTOMER, MERCHANT, SUPPORT])
def test_a_link_to_the_case_is_there_for_its_reader_alone(template: Template, person: Participant) -> None:
    link = LINKS.case(person)
    text, html = bodies(compose(template, person, scene(ANSWER)))
    assert f"Open the case:\r\n{link}\r\n" in text
    assert f'href="{link}"' in html
    assert text.count("/case/") == html.count("/case/") == 1


def test_files_are_listed_with_links_for_their_reader() -> None:
    file = Attachment("catt_1", 'l"a<b>el & 100%.pdf', "application/pdf", 48_213, "00")
    what = scene(
        message(Role.MERCHANT, "Here it is", files=(file,)), earlier=(message(Role.CUSTOMER, "?", files=(file,)),)
    )
    for body in bodies(compose(Template.MESSAGE_TO_CUSTOMER, CUSTOMER, what)):
        assert body.count(LINKS.file(CUSTOMER, file)) == 2
    assert LINKS.file(CUSTOMER, file).endswith("/catt_1/l%22a%3Cb%3Eel%20%26%20100%25.pdf")
    assert (
        "/files/"
        not in bodies(COMPOSER.compose_test(Notice(Template.MESSAGE_TO_CUSTOMER, CUSTOMER), what, "a@b.org", NOW))[0]
    )


def test_gmail_is_told_of_the_link_only_when_that_is_wished() -> None:
    told = CONFIG.model_copy(update={"mail": CONFIG.mail.model_copy(update={"gmail_actions": True})})
    composer = Composer(told, KEYRING, built_in())
    odd = scene(ANSWER, case=replace(CASE, subject="</script><b>"), customer=replace(MIA, locale="fr"))
    text, html = bodies(composer.compose(Notice(Template.MESSAGE_TO_CUSTOMER, CUSTOMER), odd, NOW))
    (script,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', html.partition("<body")[0])
    (link,) = set(re.findall(r"http://\S+/case/[a-z2-7]{56}", text))
    assert json.loads(script) == {
        "@context": "http://schema.org",
        "@type": "EmailMessage",
        "description": "Ouvrir la demande",
        "potentialAction": {"@type": "ViewAction", "name": "Ouvrir la demande", "target": link, "url": link},
    }
    left = composer.compose(Notice(Template.NOT_POSTED, CUSTOMER, why=NotPosted.LEFT), scene(), NOW)
    tested = composer.compose_test(Notice(Template.CASE_CLOSED, CUSTOMER), scene(), "ann@shop.example.org", NOW)
    for mail in (answer(), left, tested, composer.compose_letter(Letter(Template.NO_CASE, "x@example.net"), NOW)):
        assert "<script" not in bodies(mail)[1]


def test_who_left_gets_no_link_and_who_has_an_old_address_does() -> None:
    assert "/case/" not in bodies(not_posted(NotPosted.LEFT, MERCHANT, scene()))[0]
    assert LINKS.case(MERCHANT) in bodies(not_posted(NotPosted.REVOKED, MERCHANT, scene()))[0]


# -- How it stands in mail programs


def test_outlook_threads_all_mails_of_a_case_by_their_index() -> None:
    first = read(compose(Template.CASE_OPENED_CUSTOMER, CUSTOMER, scene(QUESTION)))
    later = read(compose(Template.MESSAGE_TO_CUSTOMER, replace(CUSTOMER, reference_ids=("a@b",)), scene(ANSWER)))
    other = read(compose(Template.CASE_OPENED_CUSTOMER, CUSTOMER, scene(QUESTION, case=replace(CASE, id="case_2"))))
    indexes = [base64.b64decode(mail["Thread-Index"]) for mail in (first, later, other)]
    assert [len(index) for index in indexes] == [27, 27, 27]
    assert indexes[0][0] == 1
    assert indexes[0][:22] == indexes[1][:22] != indexes[2][:22]
    # The reserved 1 is at the same time the highest byte of every FILETIME of this century.
    began = datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=int.from_bytes(indexes[0][:6] + b"\0\0") // 10)
    assert timedelta() <= CASE.created_at - began < timedelta(milliseconds=7)
    assert later["Thread-Topic"] == first["Subject"]
    assert later["Subject"] == f"Re: {first['Subject']}"


def test_the_mail_of_a_store_is_sorted_by_its_list_id() -> None:
    for store_id in ("shp_Aa1", "s\r\nBcc: all@example.org", ""):
        mail = read(compose(Template.CASE_REOPENED, MERCHANT, scene(store=replace(STORE, id=store_id))))
        assert re.fullmatch(r'"Pixel Shop" <[a-z0-9-]+\.cases\.example\.org>', mail["List-Id"])
        assert mail["Bcc"] is None


@pytest.mark.parametrize("template", [Template.CASE_OPENED_CUSTOMER, Template.MESSAGE_TO_CUSTOMER])
def test_a_customers_mail_is_no_list(template: Template) -> None:
    parsed = read(compose(template, CUSTOMER, scene(ANSWER)))
    assert [name for name in parsed if name.lower().startswith("list-")] == []


def test_a_persons_answer_is_a_persons_mail_to_other_programs() -> None:
    """Its reader may have a ticket system, too: ours stands for all of them, and does not know the mail as its own."""
    for person in (CUSTOMER, replace(CUSTOMER, last_sent_id="his@x")):
        mail = answer(person)
        verdict = classify(parse(mail.data), envelope_from=mail.envelope_from)
        assert verdict.kind is Kind.HUMAN, verdict.because
        assert verdict.may_answer


def test_only_the_store_speaks_from_its_own_address() -> None:
    signer = Signer([make_key("shop.example.org", "s1", "ed25519")])
    composer = Composer(CONFIG, KEYRING, built_in(), signer=signer)
    store = replace(STORE, from_address="help@shop.example.org")
    said = {
        (CUSTOMER, ANSWER): "help@shop.example.org",
        (CUSTOMER, message(Role.SUPPORT, "Hello")): f"cases@{DOMAIN}",
        (MERCHANT, QUESTION): f"cases@{DOMAIN}",
        (SUPPORT, ANSWER): f"cases@{DOMAIN}",
    }
    for (person, new), address in said.items():
        notice = Notice(Template.MESSAGE_TO_CUSTOMER, person)
        mail = composer.compose(notice, scene(new, store=store), NOW)
        assert read(mail)["From"].addresses[0].addr_spec == address
        signed = re.search(rb"\bd=([\w.]+);", mail.data)
        assert (signed is not None and signed[1].decode() == "shop.example.org") is address.endswith("shop.example.org")


def test_members_switch_notices_off_by_one_click_over_https_alone() -> None:
    member = replace(MERCHANT, member_id="mbr_1")
    secure = CONFIG.model_copy(update={"gateway": GatewaySection(public_url="https://cases.example.org")})
    composer = Composer(secure, KEYRING, built_in())
    for template in CASE_MAILS:
        mail = read(composer.compose(Notice(template, member), scene(ANSWER), NOW))
        assert (mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click") is template.can_be_muted
        assert (mail["List-Unsubscribe"] or "").endswith(f"/{template}>") is template.can_be_muted
        for body in bodies(composer.compose(Notice(template, member), scene(ANSWER), NOW)):
            assert ("/unsubscribe/" in body) is ("Do not mail me" in body) is template.can_be_muted
            assert body.rfind("/unsubscribe/") >= body.rfind("/case/") or not template.can_be_muted
        assert read(composer.compose(Notice(template, CUSTOMER), scene(ANSWER), NOW))["List-Unsubscribe"] is None
        assert read(COMPOSER.compose(Notice(template, member), scene(ANSWER), NOW))["List-Unsubscribe"] is None


# -- Letters


@pytest.mark.parametrize("template", LETTERS)
def test_a_letter_stands_outside_of_every_conversation(template: Template) -> None:
    mail = letter(template, name="Mia Jensen")
    parsed = read(mail)
    assert (mail.template, mail.recipient, mail.participant) == (template, "somebody@example.net", None)
    assert str(parsed["To"]) == "Mia Jensen <somebody@example.net>"
    assert str(parsed["From"]) == f"Cases <cases@{DOMAIN}>"
    assert parsedate_to_datetime(parsed["Date"]) == NOW
    assert mail.subject == parsed["Subject"]
    assert parsed["Reply-To"] is parsed["In-Reply-To"] is parsed["References"] is None
    assert parsed[LOOP_HEADER] == KEYRING.loop_header()
    kind, _, token = mail.envelope_from.partition("@")[0].partition("+")
    assert (kind, KEYRING.verify(Purpose.BOUNCE, token).handle) == ("bounce", mail.handle)
    assert parsed["Message-ID"] == f"<{mail.rfc_message_id}>"
    assert KEYRING.is_message_id_for(mail.rfc_message_id, mail.handle)
    assert not any(KEYRING.is_message_id_for(mail.rfc_message_id, p.handle) for p in (CUSTOMER, MERCHANT, SUPPORT))
    for body in bodies(mail):
        assert "reply+" not in body
        assert MARKER not in body
        assert "answer this mail" not in body
    assert mail.participant is None


def test_strangers_get_the_same_words_with_nothing_of_their_mail() -> None:
    first, second = (
        letter(Template.NO_CASE),
        letter(Template.NO_CASE, "other@example.com", answers="theirs@example.com"),
    )
    assert bodies(first) == bodies(second)
    assert first.subject == second.subject == "This address takes no new questions"
    theirs = read(second)
    assert theirs["In-Reply-To"] == theirs["References"] == "<theirs@example.com>"
    assert read(letter(Template.NO_CASE, answers="a@x>\r\nBcc: all@example.org"))["In-Reply-To"] is None
    same = {"Date", "From", "Subject", LOOP_HEADER, "MIME-Version", "Auto-Submitted", "X-Auto-Response-Suppress"}
    own = {"To", "Message-ID", "In-Reply-To", "References", "Content-Type"}
    assert set(theirs.keys()) == same | own
    assert all(read(first)[name] == theirs[name] for name in same)


def test_a_digest_names_what_is_held_and_offers_nothing_to_press() -> None:
    own = replace(HELD, number=18, subject="", order_number="", whose=Whose.OWN, why="two people\nwrote\n\n- it")
    facts = {"held": (HELD, own)}
    text, html = bodies(letter(Template.MAIL_HELD, "ann@shop.example.org", facts=facts))
    assert (
        "- My order has not arrived, order 1042\r\n"
        "  Mail 17, 14 Nov 2026, 09:30 UTC, to the customer's reply address\r\n"
        "  Why: the sender's domain disowns the mail\r\n"
        "- A mail of no known case\r\n"
        "  Mail 18, 14 Nov 2026, 09:30 UTC, to your own reply address\r\n"
        "  Why: two people wrote - it\r\n"
    ) in text
    assert "write to operator@example.org with the number of the mail" in text
    assert html.count("<li") == 2
    assert "href" not in html
    assert "http" not in text


@pytest.mark.parametrize("whose", Whose)
def test_a_digest_knows_every_kind_of_reply_address(whose: Whose) -> None:
    text, _ = bodies(letter(Template.MAIL_HELD, facts={"held": (replace(HELD, whose=whose),)}))
    assert ("reply address" in text) is (whose is not Whose.NOBODY)


def test_the_operator_reads_which_commands_help() -> None:
    text, _ = bodies(letter(Template.MAIL_HELD, "Operator@example.org"))
    assert "casegate inbox list --outcome held" in text
    assert "- The relay refuses our mail.\r\n" in bodies(letter(Template.ALARM, "Operator@example.org"))[0]
    assert "casegate" not in bodies(letter(Template.MAIL_HELD, "ann@shop.example.org"))[0]
    nobody = Composer(Config(mail=MailSection(reply_domain=DOMAIN)), KEYRING, built_in())
    facts = {"held": (HELD,)}
    text, _ = bodies(nobody.compose_letter(Letter(Template.MAIL_HELD, "ann@shop.example.org", facts=facts), NOW))
    assert "write to those who run Cases for you" in text


def test_an_address_is_confirmed_on_a_page() -> None:
    text, html = bodies(letter(Template.CONFIRM_ADDRESS, CUSTOMER.address, name="Mia Jensen"))
    assert "Hello Mia Jensen,\r\n\r\nSomebody wrote about your case with Pixel Shop from this address:" in text
    assert "- mia@work.example.org\r\n" in text
    assert "Opening the page changes nothing yet" in text
    assert "Then do nothing, and nothing changes." in text
    assert "Confirm this address:\r\nhttps://cases.example.org/confirm/abc?d=1&e=2\r\n" in text
    assert html.count("href") == 1
    assert 'href="https://cases.example.org/confirm/abc?d=1&amp;e=2"' in html


def test_a_store_that_passes_itself_off_as_support_is_not_named_in_a_letter() -> None:
    facts = {"address": "x@example.net", "store": "Support Team", "link": "https://cases.example.org/"}
    text, _ = bodies(letter(Template.CONFIRM_ADDRESS, facts=facts))
    assert "your case with Store from" in text


# -- Names


@pytest.mark.parametrize(
    "name",
    [
        "Support Team",
        "support  team",
        "SUPPORT",
        "Customer Support",
        "The Official Support Team",
        "S u p p o r t",
        "Suppórt Téam",
        "Ѕuрроrt Теаm",
        "Supp0rt",
        "Support\u200b Team",
        "Support\u202e Team",
        "Support Team (Ann)",
        "Ann of Support Team",
        "🛟 Support 🛟",
        "Cases",
        "Help Desk",
        "Atención al Cliente",
        "Servicio de Soporte",
        "Équipe Support",
        "Kundendienst",
        "Obsługa klienta",
        "カスタマーサポート",
        "客服中心",
        "فريق الدعم",
        "https://example.net/win",
        "ann@example.net",
    ],
)
def test_a_name_that_passes_itself_off_as_somebody_else_is_not_shown(name: str) -> None:
    customer = replace(MIA, first_name=name, last_name="")
    question = message(Role.CUSTOMER, "Hello", sender_name=name)
    person = replace(MERCHANT, name=name)
    mail = compose(Template.MESSAGE_TO_MERCHANT, person, scene(question, customer=customer))
    assert read(mail)["From"].addresses[0].display_name == "Customer of order 1042 (Pixel Shop) via Cases"
    assert read(mail)["To"].addresses[0].display_name == ""
    assert bodies(mail)[0].startswith("New message from Customer of order 1042\r\n")
    store = replace(STORE, name=name)
    mail = compose(Template.MESSAGE_TO_CUSTOMER, CUSTOMER, scene(ANSWER, store=store))
    assert read(mail)["From"].addresses[0].display_name == "Store via Cases"


@pytest.mark.parametrize(
    "name",
    [
        "Arch Support Insoles",
        "Phone Cases",
        "Mia Jensen",
        "Team Blue",
        "Кириллов",
        "李雷",
        "Al de la Cruz",
        "Clara Hilfiger",
        "",
    ],
)
def test_honest_names_pass(name: str) -> None:
    assert not pretends(name, "Support Team", "Cases")


def test_what_a_sender_calls_himself_is_never_shown() -> None:
    new = message(Role.MERCHANT, "Hi", sender_name="Platform Security")
    mail = compose(Template.MESSAGE_TO_CUSTOMER, CUSTOMER, scene(new, earlier=(replace(new, body="Earlier"),)))
    assert b"Platform Security" not in mail.data


HOSTILE = pytest.mark.parametrize(
    "hostile",
    [
        "Mia\r\nBcc: all@example.org\r\n\r\n<p>",
        "<script>alert(1)</script>",
        "{{ 7 * 7 }}{% include 'x' %}",
        "=?utf-8?q?Bcc=3A?=",
        "\0\x0b\u2028\ud800",
        "漢字" * 200,
        "x" * 3_000,
    ],
)


@HOSTILE
@pytest.mark.parametrize("template", LETTERS)
def test_hostile_values_stay_in_their_lines_of_a_letter(template: Template, hostile: str) -> None:
    held = replace(HELD, subject=hostile, order_number=hostile, why=hostile)
    alarms = {"alarms": (hostile,), "more": 0, "over": (hostile,), "minutes": 10}
    facts = alarms | {"held": (held, held), "address": hostile, "store": hostile, "link": hostile}
    mail = COMPOSER.compose_letter(Letter(template, "somebody@example.net", hostile, hostile, facts), NOW)
    stay_in_place(mail)
    items = {Template.NO_CASE: 2, Template.MAIL_HELD: 2, Template.CONFIRM_ADDRESS: 1, Template.ALARM: 3}
    assert bodies(mail)[1].count("<li") == items.get(template, 0)


@HOSTILE
@pytest.mark.parametrize("template", CASE_MAILS)
def test_hostile_values_stay_where_they_belong(template: Template, hostile: str) -> None:
    customer = replace(MIA, first_name=hostile, last_name=hostile)
    what = scene(
        message(Role.CUSTOMER, hostile, via=hostile, files=(Attachment("catt_1", hostile, hostile, 1, "00"),)),
        message(Role.MERCHANT, hostile),
        message(Role.SYSTEM, hostile),
        earlier=(message(Role.CUSTOMER, hostile),),
        case=replace(CASE, subject=hostile),
        store=replace(STORE, name=hostile),
        customer=customer,
        order=replace(ORDER, amount=100, number=hostile, currency=hostile, status=hostile),
    )
    for to in (CUSTOMER, MERCHANT, SUPPORT):
        person = replace(to, name=hostile, last_sent_id=hostile)
        stay_in_place(compose(template, person, what))
        if template.answers_mail:
            kept = (KeptBack(hostile, hostile),)
            for why in (None, *NotPosted):
                notice = Notice(template, person, kept, why=why, because=hostile)
                stay_in_place(COMPOSER.compose(notice, what, NOW))


def stay_in_place(mail: OutgoingMail) -> None:
    """Hostile values made no header, no element and no template of a mail, and no line that is too long."""
    assert read(mail)["Bcc"] is None
    assert "<script>" not in bodies(mail)[1]
    assert "49" not in bodies(mail)[0]
    head, _, _ = mail.data.partition(b"\r\n\r\n")
    assert max(map(len, head.split(b"\r\n"))) <= 96  # a line that is one address is longer than 78
    assert max(map(len, mail.data.split(b"\r\n")[len(head.split(b"\r\n")) :])) <= 76


# -- Languages and looks


LANGUAGES = ("en", "ar", "de", "es", "fr", "ja", "pl", "pt", "zh")
GERMAN = replace(MIA, locale="de-DE")
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\x40\0\0\0\x60\x08\x06\0\0\0" + b"\0" * 44


def headers(mail: OutgoingMail) -> tuple[str, str]:
    """The display names of From and Reply-To."""
    parsed = read(mail)
    return parsed["From"].addresses[0].display_name, parsed["Reply-To"].addresses[0].display_name


def test_a_customer_reads_his_own_language_with_dates_and_amounts_as_he_writes_them() -> None:
    trail = message(Role.SYSTEM, "Case is now awaiting the customer")
    files = (Attachment("catt_1", "label.pdf", "application/pdf", 1_234_567, "00"),)
    what = scene(message(Role.MERCHANT, "Unterwegs.", files=files), trail, earlier=(QUESTION,), customer=GERMAN)
    text, html = bodies(compose(Template.MESSAGE_TO_CUSTOMER, CUSTOMER, what))
    for body in (text, html):
        assert "14. Nov. 2026, 10:30 MEZ" in body
        assert "49,90 €" in body
        assert "(1,2 MB)" in body
        assert "awaiting" not in body
        assert "answer" not in body
    assert 'lang="de" dir="ltr"' in html


@pytest.mark.parametrize(
    ("person", "customer", "store", "language"),
    [
        (CUSTOMER, "fr-CA", "de", "fr"),
        (CUSTOMER, "", "de", "de"),  # of whom nothing is known
        (CUSTOMER, "it-IT", "de", "en"),  # whose language we do not speak
        (CUSTOMER, "zh-TW", "", "en"),
        (CUSTOMER, "nonsense", "", "en"),
        (MERCHANT, "fr-CA", "de", "de"),
        (MERCHANT, "fr-CA", "", "en"),
        (SUPPORT, "fr-CA", "de", "en"),
    ],
)
def test_whose_language_a_mail_speaks(person: Participant, customer: str, store: str, language: str) -> None:
    what = scene(QUESTION, customer=replace(MIA, locale=customer), store=replace(STORE, locale=store))
    html = bodies(compose(Template.CASE_REOPENED, person, what))[1]
    assert f'<html lang="{language}"' in html


@pytest.mark.parametrize(
    ("person", "customer", "store", "shown"),
    [
        (CUSTOMER, "Asia/Tokyo", "Europe/Rome", "18:30 UTC+09:00"),
        (CUSTOMER, "", "Europe/Rome", "10:30 CET"),
        (CUSTOMER, "Nowhere/Atlantis", "", "09:30 UTC"),
        (MERCHANT, "Asia/Tokyo", "Europe/Rome", "10:30 CET"),
        (SUPPORT, "Asia/Tokyo", "Europe/Rome", "09:30 UTC"),
    ],
)
def test_in_whose_zone_a_mail_tells_the_time(person: Participant, customer: str, store: str, shown: str) -> None:
    what = scene(QUESTION, customer=replace(MIA, time_zone=customer), store=replace(STORE, time_zone=store))
    for body in bodies(compose(Template.CASE_REOPENED, person, what)):
        assert f"14 Nov 2026, {shown}" in body


def test_names_that_we_give_are_in_the_language_of_the_reader() -> None:
    nameless = replace(MIA, first_name="", last_name="", locale="de")
    store = replace(STORE, locale="es")
    sender, reader = headers(
        compose(Template.MESSAGE_TO_MERCHANT, MERCHANT, scene(QUESTION, customer=nameless, store=store))
    )
    assert "Customer" not in sender + reader
    assert "1042" in sender
    assert "1042" in reader
    assert " via Cases" not in headers(compose(Template.CASE_CLOSED, CUSTOMER, scene(customer=GERMAN)))[0]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", CASE_MAILS)
def test_hostile_values_stay_where_they_belong_in_every_language(template: Template, language: str) -> None:
    hostile = "%(name)s %s <script>alert(1)</script>\r\nBcc: all@example.org {{ 7 * 7 }}"
    what = scene(
        message(Role.CUSTOMER, hostile, via=hostile, files=(Attachment("catt_1", hostile, hostile, 1, "00"),)),
        message(Role.SYSTEM, hostile),
        case=replace(CASE, subject=hostile),
        store=replace(STORE, name=hostile, locale=language),
        customer=replace(MIA, first_name=hostile, locale=language),
        order=replace(ORDER, amount=100, number=hostile, currency=hostile, status=hostile),
    )
    kept = (KeptBack(hostile, Sentence("files of this type are not taken: %(type)s", type=hostile)),)
    for to in (CUSTOMER, MERCHANT, SUPPORT):
        for why in (None, *NotPosted) if template.answers_mail else (None,):
            notice = Notice(template, replace(to, name=hostile), kept, why=why, because=hostile, cause=hostile)
            stay_in_place(COMPOSER.compose(notice, what, NOW))


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_below_the_marker_is_cut_in_every_language(language: str) -> None:
    what = scene(ANSWER, earlier=(QUESTION,), customer=replace(MIA, locale=language))
    text, html = bodies(compose(Template.MESSAGE_TO_CUSTOMER, CUSTOMER, what))
    below = text[text.index(MARKER) :].replace("\r\n", "\n")
    assert split_reply(f"Thank you!\n\n{below}", None).new == "Thank you!"
    wrapped = "\n".join(fill(line, 60) for line in below.splitlines())
    assert split_reply(f"Thank you!\n\n{wrapped}", None).new == "Thank you!"
    assert MARKER in html


def test_a_file_that_was_kept_back_says_why_in_the_language_of_its_sender() -> None:
    too_large = Sentence("too large: %(size)s MiB, at most %(limit)s MiB", size=7.2, limit=5)
    assert too_large == "too large: 7.2 MiB, at most 5 MiB"
    notice = Notice(Template.NOT_EVERYTHING_POSTED, CUSTOMER, (KeptBack("a.mov", too_large),))
    text = bodies(COMPOSER.compose(notice, scene(customer=GERMAN), NOW))[0]
    assert "7,2 MiB" in text
    assert "too large" not in text
    assert "too large: 7.2 MiB, at most 5 MiB" in bodies(COMPOSER.compose(notice, scene(), NOW))[0]


def test_words_that_we_have_in_english_only_are_left_out_elsewhere() -> None:
    notice = Notice(Template.NOT_POSTED, CUSTOMER, why=NotPosted.NOT_TAKEN, because="Only on Tuesdays")
    assert "Only on Tuesdays" in bodies(COMPOSER.compose(notice, scene(), NOW))[0]
    assert "Tuesdays" not in bodies(COMPOSER.compose(notice, scene(customer=GERMAN), NOW))[0]


def test_the_words_of_a_mail_system_are_told_as_they_are_beside_our_own() -> None:
    notice = Notice(Template.NOT_DELIVERED, MERCHANT, because="550 5.2.2 Mailbox full", cause="full")
    store = replace(STORE, locale="de")
    for what, plain in ((scene(ANSWER), "The customer's mailbox is full."), (scene(ANSWER, store=store), "Postfach")):
        text = bodies(COMPOSER.compose(notice, what, NOW))[0]
        assert plain in text
        assert "- 550 5.2.2 Mailbox full\r\n" in text
        assert ANSWER.body in text


def test_letters_speak_their_readers_language() -> None:
    mail = letter(Template.CONFIRM_ADDRESS, locale="ar-EG", time_zone="Africa/Cairo")
    assert '<html lang="ar" dir="rtl"' in bodies(mail)[1]
    held = letter(
        Template.MAIL_HELD, locale="de-DE", facts={"held": (replace(HELD, why="it is too complex to be read"),)}
    )
    text = bodies(held)[0]
    assert "14. Nov. 2026, 10:30 MEZ" in text
    assert "too complex" not in text
    for template in (Template.NO_CASE, Template.ALARM, Template.CANARY):
        assert '<html lang="en"' in bodies(letter(template))[1]


def test_arabic_is_mirrored() -> None:
    what = scene(ANSWER, earlier=(QUESTION,), customer=replace(MIA, locale="ar"))
    html = bodies(compose(Template.MESSAGE_TO_CUSTOMER, CUSTOMER, what))[1]
    assert '<html lang="ar" dir="rtl"' in html
    assert 'align="left"' not in html
    assert "border-right:3px" in html
    assert 'dir="auto"' in html  # what people wrote goes its own way


def test_a_store_has_its_colour_and_its_name() -> None:
    what = scene(ANSWER, store=replace(STORE, colour="#ffe600"))
    html = bodies(compose(Template.MESSAGE_TO_CUSTOMER, CUSTOMER, what))[1]
    assert 'bgcolor="#ffe600"' in html
    assert 'style="color:#000000"' in html
    assert "#ffe600" not in bodies(compose(Template.SUPPORT_JOINED, CUSTOMER, what))[1]


@pytest.mark.parametrize(
    ("template", "to", "new", "official"),
    [
        (Template.MESSAGE_TO_CUSTOMER, CUSTOMER, ANSWER, False),
        (Template.MESSAGE_TO_CUSTOMER, CUSTOMER, message(Role.SUPPORT, "Hello"), True),
        (Template.MESSAGE_TO_MERCHANT, MERCHANT, QUESTION, False),
        (Template.MESSAGE_TO_MERCHANT, SUPPORT, QUESTION, True),
        (Template.SUPPORT_CALLED, SUPPORT, QUESTION, True),
        (Template.SUPPORT_JOINED, CUSTOMER, message(Role.SYSTEM, "Case is now open"), True),
    ],
)
def test_support_looks_like_nobody_else(template: Template, to: Participant, new: Message, official: bool) -> None:
    for body in bodies(COMPOSER_WITH_LOGO.compose(Notice(template, to), scene(new, store=PICTURED), NOW)):
        assert ("Support of Cases" in body) is official
        assert ("cid:" in body) is ("<html" in body and not official)


PICTURED = replace(STORE, logo=Logo("image/png", 320, 96, PNG).digest)
COMPOSER_WITH_LOGO = Composer(CONFIG, KEYRING, built_in(), logo=lambda digest: Logo("image/png", 320, 96, PNG))


def test_a_logo_goes_with_the_mail_and_nothing_is_loaded() -> None:
    mail = COMPOSER_WITH_LOGO.compose(Notice(Template.CASE_CLOSED, CUSTOMER), scene(store=PICTURED), NOW)
    parsed = read(mail)
    plain, related = parsed.iter_parts()
    assert (plain.get_content_type(), related.get_content_type()) == ("text/plain", "multipart/related")
    page, picture = related.iter_parts()
    content_id = picture["Content-ID"].strip("<>")
    assert (picture.get_content(), picture.get_content_type()) == (PNG, "image/png")
    assert picture.get_content_disposition() == "inline"
    (shown,) = re.findall("<img [^>]*>", page.get_content())
    for attribute in (f'src="cid:{content_id}"', 'alt="Pixel Shop"', 'width="160"', 'height="48"'):
        assert attribute in shown
    assert content_id.endswith(f"@{DOMAIN}")
    gone = Composer(CONFIG, KEYRING, built_in()).compose(
        Notice(Template.CASE_CLOSED, CUSTOMER), scene(store=PICTURED), NOW
    )
    assert "cid:" not in bodies(gone)[1]

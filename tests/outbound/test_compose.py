"""Mails as their readers get them: the bytes are read with the standard library's parser."""

import email
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from email.utils import parsedate_to_datetime

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
from gateway.cases.notices import Notice, Template
from gateway.config import Config, MailSection
from gateway.mail.classify import LOOP_HEADER
from gateway.mail.quotes import MARKER
from gateway.outbound.compose import Composer, OutgoingMail, Scene, pretends
from gateway.rendering import Renderer
from gateway.signing import Keyring, Purpose

NOW = datetime(2026, 11, 14, 9, 30, tzinfo=UTC)
DOMAIN = "cases.example.org"
CONFIG = Config(mail=MailSection(reply_domain=DOMAIN))
KEYRING = Keyring({3: b"k" * 32}, 3)
COMPOSER = Composer(CONFIG, KEYRING, Renderer())

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
) -> Message:
    return Message("cmsg_1", "case_1", 1, role, None, sender_name, body, NOW, audience, via, files)


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
    parts = [part.get_content() for part in read(mail).iter_parts()]
    assert len(parts) == 2
    return parts[0], parts[1]


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
    composer = Composer(CONFIG, KEYRING, Renderer(), random_bytes=lambda count: b"r" * count)
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
    parsed = read(compose(template, CUSTOMER, scene(ANSWER)))
    automatic = template not in (Template.MESSAGE_TO_CUSTOMER, Template.MESSAGE_TO_MERCHANT)
    assert parsed["Auto-Submitted"] == ("auto-generated" if automatic else None)
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
    header = data[data.index(b"\r\nReferences: ") + 2 : data.index(b"\r\nX-Casegate-Loop: ")]
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


@pytest.mark.parametrize(
    ("closed_by", "words"),
    [
        (Role.CUSTOMER, "you closed your case with Pixel Shop."),
        (Role.MERCHANT, "Pixel Shop closed your case."),
        (Role.SUPPORT, "Support Team closed your case with Pixel Shop."),
        (Role.SYSTEM, "your case with Pixel Shop was closed because it was quiet for a while."),
    ],
)
def test_a_closed_case_says_who_closed_it(closed_by: Role, words: str) -> None:
    case = replace(CASE, status=Status.CLOSED, closed_by=closed_by, closed_at=NOW)
    text, _ = bodies(compose(Template.CASE_CLOSED, CUSTOMER, scene(case=case)))
    assert f"Hello Mia Jensen, {words}" in text
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
    assert bodies(mail)[0].startswith("Customer of order 1042 wrote\r\n")
    store = replace(STORE, name=name)
    mail = compose(Template.MESSAGE_TO_CUSTOMER, CUSTOMER, scene(ANSWER, store=store))
    assert read(mail)["From"].addresses[0].display_name == "Store via Cases"


@pytest.mark.parametrize(
    "name", ["Arch Support Insoles", "Phone Cases", "Mia Jensen", "Team Blue", "Кириллов", "李雷", ""]
)
def test_honest_names_pass(name: str) -> None:
    assert not pretends(name, "Support Team", "Cases")


def test_what_a_sender_calls_himself_is_never_shown() -> None:
    new = message(Role.MERCHANT, "Hi", sender_name="Platform Security")
    mail = compose(Template.MESSAGE_TO_CUSTOMER, CUSTOMER, scene(new, earlier=(replace(new, body="Earlier"),)))
    assert b"Platform Security" not in mail.data


@pytest.mark.parametrize("template", Template)
@pytest.mark.parametrize(
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
        mail = compose(template, person, what)
        parsed = read(mail)
        assert parsed["Bcc"] is None
        assert "<script>" not in bodies(mail)[1]
        assert "49" not in bodies(mail)[0]
        head, _, _ = mail.data.partition(b"\r\n\r\n")
        assert max(map(len, head.split(b"\r\n"))) <= 96  # a line that is one address is longer than 78
        assert max(map(len, mail.data.split(b"\r\n")[len(head.split(b"\r\n")) :])) <= 76

"""Mail without a reply address, and ids that were planted (HARDENING rule 5, BEHAVIOURS rows 1 to 9)."""

from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY

import pytest

from gateway.signing import Keyring, Purpose
from store import inbox
from store.database import sql
from tests.sink import Mail
from tests.world import DOMAIN, MIA, STRANGER, SUBJECT, TOM, World, reply_to

FROM_ADDRESS = f"cases@{DOMAIN}"
TOMS, MIAS, STRANGERS = "customer.example.org", "shop.example.org", "elsewhere.example.net"


def letter(sender: str, text: str = "Hello", *, subject: str = f"Re: {SUBJECT}", **headers: str) -> bytes:
    mail = EmailMessage(policy=SMTP_POLICY)
    mail["From"], mail["To"], mail["Subject"] = sender, FROM_ADDRESS, subject
    mail["Message-ID"] = f"<{abs(hash((sender, text, subject)))}@{sender.partition('@')[2]}>"
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    return mail.as_bytes()


def write(world: World, sender: str, *words: str, **headers: str) -> int:
    """Somebody writes to the address of our From. Returns the inbox id."""
    kept = world.send(letter(sender, *words, **headers), sender, FROM_ADDRESS)
    world.work()
    return kept


def suggested(kept: int) -> list[str]:
    """The cases that a held mail may be about."""
    return [result.case_id for result in inbox.results(kept) if result.case_id]


def test_row_5_a_program_that_ignores_reply_to_still_threads_when_its_sender_is_proven(world: World) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    world.proves(TOMS)
    kept = write(world, TOM, "Written to the wrong address", In_Reply_To=receipt.message_id)
    assert world.outcomes(kept) == ["posted"]
    assert world.said(case)[-1] == ("CUSTOMER", "Written to the wrong address")


def test_row_5_every_id_replaced_and_references_gone_the_reply_address_threads(world: World) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    raw = reply_to(receipt, "Still here").replace(receipt.message_id.encode(), b"<0102@relay.example.net>")
    lines = [line for line in raw.split(b"\r\n") if not line.startswith(b"References")]
    kept = world.send(b"\r\n".join(lines), TOM, receipt.reply_address)
    world.work()
    assert world.outcomes(kept) == ["posted"]
    assert world.said(case)[-1] == ("CUSTOMER", "Still here")


def test_row_5_the_id_that_the_relay_gave_our_mail_threads(world: World) -> None:
    world.sink.at_dot = dict.fromkeys((TOM, MIA), "250 Ok 0102018f7c1d2a3b-4c5d6e7f-1234-5678-9abc-def012345678-000000")
    case = world.open_case()
    world.proves(TOMS)
    given = "<0102018f7c1d2a3b-4c5d6e7f-1234-5678-9abc-def012345678-000000@eu-west-1.relay.example.net>"
    kept = write(world, TOM, "Threaded by your relay's id", In_Reply_To=given)
    assert world.outcomes(kept) == ["posted"]
    assert world.said(case)[-1] == ("CUSTOMER", "Threaded by your relay's id")


@pytest.mark.parametrize("dns", ["none", "fail"])
def test_rule_5_a_forged_from_with_a_real_id_is_held(world: World, dns: str) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    if dns == "fail":
        world.forbids(TOMS)
    kept = write(world, TOM, "It is me, really", In_Reply_To=receipt.message_id)
    assert (world.outcomes(kept), suggested(kept)) == (["held"], [case])
    assert len(world.said(case)) == 1


def test_row_2_a_stranger_who_quotes_a_real_id_gets_nowhere_and_learns_nothing(world: World) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    world.proves(STRANGERS)
    with_id = write(world, STRANGER, "May I join?", In_Reply_To=receipt.message_id, subject=f"Re: {SUBJECT}")
    (told,) = world.sink.to(STRANGER)
    world.clock.advance(days=1)
    without = write(world, STRANGER, "Is anybody there?")
    assert world.outcomes(with_id) == world.outcomes(without) == ["held"]
    assert suggested(with_id) == suggested(without) == []
    assert len(world.said(case)) == 1
    again = world.sink.to(STRANGER)[-1]
    assert again != told
    assert told.text == again.text
    assert told.header("Subject") == again.header("Subject")


@pytest.mark.parametrize(
    "planted",
    [
        "<{first}x{rest}@cases.example.org>", "<{rest}@cases.example.org>", "<17@cases.example.org>",
        "<{first}@cases.example.org>", "<reply-17-42-1700000000@cases.example.org>", "<>", "<@>",
        "<" + "a" * 5_000 + "@cases.example.org>",
    ],
)  # fmt: skip
def test_row_1_an_id_of_our_form_with_a_wrong_keyed_part_never_threads(world: World, planted: str) -> None:
    case = world.open_case()
    local = world.newest_mail_to(TOM).message_id.strip("<>").partition("@")[0]
    world.proves(TOMS, STRANGERS)
    text = planted.format(first=local[:10], rest=local[11:])
    kept = write(world, STRANGER, "Planted", In_Reply_To=text)
    assert (world.outcomes(kept), suggested(kept)) == (["held"], [])
    kept = write(world, TOM, "Planted by myself", In_Reply_To=text)
    assert world.outcomes(kept) == ["held"]
    assert len(world.said(case)) == 1


def test_row_1_an_id_that_we_made_for_somebody_else_is_not_his(world: World) -> None:
    """Mia knows the ids of the mails to her; they give her nothing of Tom's, and him nothing of hers."""
    case = world.open_case()
    mias = world.newest_mail_to(MIA)
    world.proves(TOMS)
    kept = write(world, TOM, "With her id", In_Reply_To=mias.message_id)
    assert world.outcomes(kept) == ["held"]
    assert len(world.said(case)) == 1


def test_row_3_two_senders_with_one_in_reply_to_share_no_case(world: World) -> None:
    world.open_case()
    world.proves(TOMS, STRANGERS)
    first = write(world, STRANGER, "About your newsletter", In_Reply_To="<newsletter-7@shop.example.org>")
    second = write(world, TOM, "About your newsletter, too", In_Reply_To="<newsletter-7@shop.example.org>")
    assert world.outcomes(first) == world.outcomes(second) == ["held"]


@pytest.mark.parametrize(
    "headers",
    [
        lambda one: {"References": one},
        lambda one: {"References": f"<a@x.example.org>,{one}\r\n <b@y.example.org>"},
        lambda one: {"References": f"<a@x.example.org>\r\n\t{one}"},
        lambda one: {"In_Reply_To": f"Your message of Monday, {one}"},
        lambda one: {"In_Reply_To": "<unknown@x.example.org>", "References": f"{one} <unknown@x.example.org>"},
    ],
)
def test_row_4_any_id_in_either_header_threads(world: World, headers: object) -> None:
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    world.proves(TOMS)
    assert callable(headers)
    fields = "".join(f"{name.replace('_', '-')}: {v}\r\n" for name, v in headers(receipt.message_id).items())
    raw = fields.encode() + letter(TOM, "Threaded")
    kept = world.send(raw, TOM, FROM_ADDRESS)
    world.work()
    assert world.outcomes(kept) == ["posted"]
    assert world.said(case)[-1] == ("CUSTOMER", "Threaded")


def test_row_4_an_id_that_he_sent_us_threads(world: World) -> None:
    case = world.open_case()
    world.proves(TOMS)
    world.answer(world.newest_mail_to(TOM), "First", message_id="<first@customer.example.org>")
    kept = write(world, TOM, "One more thing", In_Reply_To="<first@customer.example.org>")
    assert world.outcomes(kept) == ["posted"]
    assert world.said(case)[-1] == ("CUSTOMER", "One more thing")


def test_rule_5_an_id_that_stands_in_two_cases_decides_nothing(world: World) -> None:
    first, second = world.open_case(1), world.open_case(2)
    world.proves(TOMS)
    one, two = world.sink.to(TOM)
    kept = world.send(
        reply_to(one, "About both", message_id="<both@customer.example.org>"), TOM, one.reply_address, two.reply_address
    )
    world.work()
    assert world.outcomes(kept) == ["posted", "posted"]
    kept = write(world, TOM, "Which one?", In_Reply_To="<both@customer.example.org>")
    assert world.outcomes(kept) == ["held"]
    assert len(world.said(first)) == len(world.said(second)) == 2


def test_rule_5_ids_of_two_cases_in_one_mail_are_held_with_a_suggestion(world: World) -> None:
    world.open_case(1)
    world.open_case(2)
    world.proves(TOMS)
    one, two = world.sink.to(TOM)
    kept = write(world, TOM, "About both", References=f"{one.message_id} {two.message_id}")
    assert world.outcomes(kept) == ["held"]
    assert len(suggested(kept)) == 1


def test_rule_5_the_reply_address_beats_the_references(world: World) -> None:
    first, second = world.open_case(1), world.open_case(2)
    world.proves(TOMS)
    one, two = world.sink.to(TOM)
    raw = reply_to(one, "To the second").replace(one.reply_address.encode(), two.reply_address.encode())
    kept = world.send(raw, TOM, two.reply_address)
    world.work()
    assert world.outcomes(kept) == ["posted"]
    assert (len(world.said(first)), len(world.said(second))) == (1, 2)


def test_rule_5_a_token_in_the_header_alone_is_worth_nothing(world: World) -> None:
    """Tokens come from the envelope: a header holds whatever a program copied into it."""
    case = world.open_case()
    receipt = world.newest_mail_to(TOM)
    kept = world.send(reply_to(receipt, "By the header"), TOM, FROM_ADDRESS)
    world.work()
    assert world.outcomes(kept) == ["held"]
    assert len(world.said(case)) == 1


def test_row_9_a_known_customer_with_one_open_case_is_held_with_it_and_released_by_one_command(world: World) -> None:
    case = world.open_case()
    kept = write(world, TOM, "I lost your mail, but here I am", subject="My kettle")
    assert (world.outcomes(kept), suggested(kept)) == (["held"], [case])
    assert world.sink.to(TOM)[1:] == []
    world.parts.releases.release(kept)
    assert world.said(case)[-1] == ("CUSTOMER", "My kettle\n\nI lost your mail, but here I am")
    assert "I lost your mail" in world.newest_mail_to(MIA).text


def test_row_9_the_subject_is_a_hint_among_several(world: World) -> None:
    world.open_case(1)
    other = world.open_case(2, subject="The cup leaks")
    kept = write(world, TOM, "Which?", subject="My order")
    assert (world.outcomes(kept), suggested(kept)) == (["held"], [])
    kept = write(world, TOM, "This one", subject="AW: The cup leaks")
    assert (world.outcomes(kept), suggested(kept)) == (["held"], [other])


def test_row_6_every_mail_threads_in_the_customers_program(world: World) -> None:
    world.open_case()
    notice = world.newest_mail_to(MIA)
    receipt = world.newest_mail_to(TOM)
    seen = {receipt.message_id}
    for number in range(3):
        world.clock.advance(minutes=5)
        sent = f"<toms-{number}@customer.example.org>"
        world.answer(world.newest_mail_to(TOM), f"Question {number}", message_id=sent)
        world.answer(notice, f"Answer {number}")
        mail = world.newest_mail_to(TOM)
        assert mail.header("In-Reply-To") == sent
        assert mail.header("References").split()[-1] == sent
        assert mail.header("Subject") == f"Re: {SUBJECT}"
        assert mail.message_id not in seen
        seen.add(mail.message_id)


def test_row_7_references_stay_short_after_two_hundred_messages(world: World) -> None:
    case = world.open_case()
    receipt, notice = world.newest_mail_to(TOM), world.newest_mail_to(MIA)
    for number in range(200):
        world.clock.advance(minutes=5)
        reader = receipt if number % 2 else notice
        raw = reply_to(reader, f"Message {number}", message_id=f"<{number:03}-of-a-long-thread@{TOMS}>")
        world.send(raw, reader.recipient, reader.reply_address)
        world.parts.processor.drain()
    world.work()
    mail: Mail = world.sink.to(TOM)[-1]
    (row,) = sql("SELECT count(*) FROM message WHERE case_id = ? AND sender_type <> 'SYSTEM'", (case,)).fetchall()
    assert row == (201,)
    references = mail.header("References")
    assert len(references) < 1_000
    assert references.split()[0] == receipt.message_id
    assert references.split()[-1] == mail.header("In-Reply-To")


def test_a_participant_who_left_is_refused_by_ids_too(world: World) -> None:
    case = world.open_case()
    notice = world.newest_mail_to(MIA)
    world.proves(MIAS)
    world.remove_member(MIA)
    kept = write(world, MIA, "Still here", In_Reply_To=notice.message_id)
    assert world.outcomes(kept) == ["refused"]
    assert len(world.said(case)) == 1


def test_a_token_of_another_installation_is_refused(world: World) -> None:
    keyring = Keyring({1: b"x" * 32}, 1)
    token = keyring.token(Purpose.REPLY, b"h" * 16)
    with pytest.raises(Exception, match="550"):
        world.send(letter(TOM), TOM, f"reply+{token}@{DOMAIN}")

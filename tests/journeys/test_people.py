"""People come and go: roles, removal, addresses that were passed on, what each side may see (rules 8, 13, 20, 21)."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway import revoking, staff
from gateway.cases.model import Actor, Audience, Door, Draft, MemberRole, Role
from gateway.errors import Conflict, NotFound
from store import audit, cases, known_addresses, outbox, parties
from store.database import sql
from store.ledger import Kind
from tests.sink import Mail
from tests.world import BEN, MIA, STORE, STRANGER, TOM, World, reply_to

PROGRAM = Actor(Role.MERCHANT, Door.API, id="stk_x", store_id=STORE)


def remove(world: World, address: str, *, force: bool = False) -> None:
    def job() -> None:
        staff.remove_member(STORE, address, audit.OPERATOR, world.clock(), world.parts.ledger, force=force)

    world.parts.database.write(job)


def add(world: World, address: str) -> None:
    world.parts.database.write(lambda: staff.add_member(STORE, address, "", None, audit.OPERATOR, world.clock()))


def revoke(world: World, case: str, who: str) -> bool:
    _, mailed = revoking.revoke(world.parts.changes, world.parts.ledger, case, who, audit.OPERATOR)
    world.work()
    return mailed


def path_of(mail: Mail, kind: str) -> str:
    """The path of a link in a mail, `/case/…` and such."""
    start = mail.text.index(f"/{kind}/")
    return mail.text[start:].split()[0].rstrip(">).")


# Removal (BEHAVIOURS row 18)


def test_the_old_address_of_a_removed_member_is_answered_and_posts_nothing(world: World) -> None:
    case = world.open_case(members=(MIA, BEN))
    world.proves("shop.example.org")
    notice = world.newest_mail_to(BEN)
    remove(world, BEN)
    assert world.outcomes(world.answer(notice, "Still me")) == ["refused"]
    answer = world.newest_mail_to(BEN)
    assert "You do not answer cases of Blue Kettle any more." in answer.text
    assert "reply+" not in answer.raw.decode()
    assert len(world.said(case)) == 1
    assert world.http.get(path_of(notice, "case")).status_code == 404


def test_mail_that_waits_for_a_removed_member_is_not_sent_even_when_he_comes_back(world: World) -> None:
    world.open_case(members=(MIA, BEN))
    receipt = world.newest_mail_to(TOM)
    before = len(world.sink.to(BEN))
    kept = world.send(reply_to(receipt, "It is still missing"), TOM, receipt.reply_address)
    world.parts.processor.drain()  # the notices wait
    remove(world, BEN)
    add(world, BEN)
    world.work()
    assert world.outcomes(kept) == ["posted"]
    assert len(world.sink.to(BEN)) == before
    assert len(world.sink.to(MIA)) == 2
    (mail,) = [m for m in outbox.listing(state="cancelled") if m.recipient == BEN]
    assert mail.answer == "cancelled: the recipient is no longer part of the case"


def test_who_is_taken_back_answers_new_mail_and_his_old_addresses_stay_dead(world: World) -> None:
    case = world.open_case(members=(MIA, BEN))
    world.proves("shop.example.org")
    old = world.newest_mail_to(BEN)
    remove(world, BEN)
    add(world, BEN)
    assert world.outcomes(world.answer(old, "To the old address")) == ["refused"]
    assert "old reply address" in world.newest_mail_to(BEN).text
    world.answer(world.newest_mail_to(TOM), "Any news?")
    assert world.outcomes(world.answer(world.newest_mail_to(BEN), "It is on its way")) == ["posted"]
    assert world.said(case)[-1] == (Role.MERCHANT, "It is on its way")


def test_other_addresses_of_a_removed_member_are_forgotten(world: World) -> None:
    world.open_case(members=(MIA, BEN))
    ben = parties.member(STORE, BEN)

    def confirm() -> None:
        known_addresses.ask(ben.id, STRANGER, b"h" * 16, world.clock())
        known_addresses.confirm(b"h" * 16, world.clock())

    world.parts.database.write(confirm)
    remove(world, BEN)
    add(world, BEN)
    assert known_addresses.confirmed(ben.id) == ()


def test_a_question_that_nobody_answered_goes_by_itself(world: World) -> None:
    world.open_case()
    mia = parties.member(STORE, MIA).id
    world.parts.database.write(lambda: known_addresses.ask(mia, STRANGER, b"h" * 16, world.clock()))
    world.clock.advance(days=6)
    world.parts.sweep()
    assert known_addresses.find(b"h" * 16) is not None
    world.clock.advance(days=2)
    world.parts.sweep()
    assert sql("SELECT count(*) FROM known_address").fetchone() == (0,)


# Roles


def test_every_owner_hears_of_held_mail_and_the_operator_when_there_is_none(world: World) -> None:
    world.open_case(members=(MIA, BEN))

    def digests() -> dict[str, int]:
        world.parts.reviews.tell()
        world.work()
        held = {who: [m for m in world.sink.to(who) if "held" in m.header("Subject")] for who in (MIA, BEN)}
        return {who: len(mails) for who, mails in held.items()}

    notice = world.newest_mail_to(BEN)
    world.answer(notice, "One", sender=STRANGER)
    assert digests() == {MIA: 1, BEN: 0}
    owner = MemberRole.OWNER
    world.parts.database.write(lambda: staff.set_role(STORE, BEN, owner, audit.OPERATOR, world.clock()))
    world.clock.advance(hours=2)
    world.answer(notice, "Two", sender=STRANGER)
    assert digests() == {MIA: 2, BEN: 1}
    remove(world, MIA)
    with pytest.raises(Conflict, match="the only owner"):
        remove(world, BEN)
    remove(world, BEN, force=True)
    assert parties.members(STORE) == ()


# Addresses that were passed on


def test_a_revoked_customer_gets_the_last_words_again_with_a_new_address(world: World) -> None:
    case = world.open_case()
    world.post_answer(case, "We send a new lid.")
    old = world.newest_mail_to(TOM)
    link = path_of(old, "case")
    assert world.http.get(link).status_code == 200
    status = world.case(case)["status"]
    assert revoke(world, case, TOM.upper())
    new = world.newest_mail_to(TOM)
    assert "We send a new lid." in new.text
    assert new.reply_address != old.reply_address
    assert new.header("Subject") == old.header("Subject")
    assert world.http.get(link).status_code == 404
    assert world.http.get(path_of(new, "case")).status_code == 200
    assert world.outcomes(world.answer(old, "To the old one")) == ["refused"]
    assert "old reply address" in world.newest_mail_to(TOM).text
    assert world.case(case)["status"] == status  # nothing has happened in the case
    assert world.outcomes(world.answer(new, "To the new one")) == ["posted"]
    (line,) = world.parts.ledger.lines()
    assert (line.kind, line.facts["generation"]) == (Kind.REVOKED, 1)
    assert [e.action for e in audit.listing(case_id=case)][1] == "participant.revoked"


def test_mails_that_wait_with_the_old_address_are_replaced_by_one(world: World) -> None:
    case = world.open_case()
    before = len(world.sink.to(TOM))
    for words in ("We send a new lid.", "It comes on Friday."):  # both wait
        world.clock.advance(minutes=1)
        world.post_answer(case, words)
    revoke(world, case, TOM)
    (only,) = world.sink.to(TOM)[before:]
    above = only.text.partition("The kettle came without its lid.")[0]
    assert above.index("We send a new lid.") < above.index("It comes on Friday.")
    assert world.outcomes(world.answer(only, "Thanks a lot, it came")) == ["posted"]


def test_answers_that_are_written_while_addresses_are_revoked_all_arrive(world: World) -> None:
    case = world.open_case()

    def act(number: int) -> None:
        if number % 5 == 4:
            revoking.revoke(world.parts.changes, world.parts.ledger, case, TOM, audit.OPERATOR)
        else:
            world.parts.desk.deliver_reply(case, PROGRAM, Draft(f"Answer {number:02}."))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(25)))
    world.work()
    mails = world.sink.to(TOM)
    everything = " ".join(mail.text for mail in mails)
    assert all(f"Answer {number:02}." in everything for number in range(25) if number % 5 != 4)
    assert world.outcomes(world.answer(mails[-1], "All came")) == ["posted"]


def test_who_has_heard_nothing_yet_gets_his_receipt_again(world: World) -> None:
    case = world.open_case()
    first = world.newest_mail_to(TOM)
    assert revoke(world, case, TOM)
    assert world.newest_mail_to(TOM).header("Subject") == f"Re: {first.header('Subject')}"
    assert world.newest_mail_to(TOM).reply_address != first.reply_address


def test_a_merchant_is_not_sent_his_own_words(world: World) -> None:
    case = world.open_case()
    world.answer(world.newest_mail_to(MIA), "We send a new lid.")
    merchant = next(p for p in cases.participants(case) if p.role is Role.MERCHANT)
    revoke(world, case, str(merchant.id))
    newest = world.newest_mail_to(MIA)
    assert "The kettle came without its lid." in newest.text
    assert world.outcomes(world.answer(newest, "Sent today")) == ["posted"]


def test_nobody_is_mailed_whose_membership_ended_or_who_wants_no_such_mail(world: World) -> None:
    case = world.open_case(members=(MIA, BEN))
    ben = parties.member(STORE, BEN)
    notices = ("message_to_merchant",)
    world.parts.database.write(lambda: staff.mute(ben.id, STORE, notices, audit.OPERATOR, world.clock()))
    assert not revoke(world, case, BEN)
    remove(world, BEN)
    assert not revoke(world, case, BEN)
    with pytest.raises(NotFound, match="Nobody takes part"):
        revoke(world, case, STRANGER)


def test_the_ledger_is_applied_again_without_harm(world: World) -> None:
    case = world.open_case(members=(MIA, BEN))
    revoke(world, case, TOM)
    remove(world, BEN)
    people, staff_now = cases.participants(case), parties.members(STORE)
    lines = world.parts.ledger.lines()

    def take_back() -> None:  # as a backup has it from before
        sql("UPDATE participant SET generation = 0")
        sql("UPDATE member SET active = ?", (True,))

    def generations() -> list[int]:
        return [person.generation for person in cases.participants(case)]

    world.parts.database.write(take_back)
    for _ in range(2):
        assert all(world.parts.database.write(lambda line=line: revoking.apply(line)) for line in lines)  # type: ignore[misc]
    assert generations() == [person.generation for person in people] == [1, 0, 1]
    assert parties.members(STORE) == staff_now
    # Another person got the same id after the restore.
    world.parts.database.write(
        lambda: sql("UPDATE participant SET handle = ?, generation = 0 WHERE role = 'CUSTOMER'", (b"x" * 16,))
    )
    world.parts.database.write(lambda: revoking.apply(lines[0]))
    assert generations()[0] == 0


# What each side sees (HARDENING rule 21)


@pytest.fixture
def layered(world: World) -> str:
    """A case with trail messages for all, for staff and for support."""
    case = world.open_case()
    world.post_answer(case, "We send a new lid.")
    change = "UPDATE message SET audience = ?, sender_type = 'SYSTEM', body = ? WHERE case_id = ? AND body = ?"
    for number, audience in enumerate((Audience.STAFF, Audience.SUPPORT, Audience.SUPPORT)):
        world.post_answer(case, f"Layer {number}")
        params = (audience, f"For {audience} alone", case, f"Layer {number}")
        world.parts.database.write(lambda params=params: sql(change, params))  # type: ignore[misc]
    world.work()
    return case


def test_a_stores_program_sees_what_is_for_staff_and_never_what_is_for_support(world: World, layered: str) -> None:
    shown = [message["body"] for message in world.messages(layered)]
    assert "For staff alone" in shown
    assert "For support alone" not in shown
    whole = world.api("GET", f"/{layered}/messages", params={"limit": 2}).json()["data"]["pagination"]
    assert whole["total"] == len(shown)
    pages = [
        world.api("GET", f"/{layered}/messages", params={"limit": 2, "page": page}).json()["data"]["items"]
        for page in range(1, whole["totalPages"] + 1)
    ]
    assert [m["body"] for items in pages for m in items] == shown
    assert all(pages)


def test_the_pages_of_a_case_show_each_side_its_own(world: World, layered: str) -> None:
    tom = world.http.get(path_of(world.newest_mail_to(TOM), "case")).text
    mia = world.http.get(path_of(world.newest_mail_to(MIA), "case")).text
    assert ("For staff alone" in tom, "For support alone" in tom) == (False, False)
    assert ("For staff alone" in mia, "For support alone" in mia) == (True, False)


def test_counting_what_is_visible_reads_the_hidden_ones_only(world: World, layered: str) -> None:
    words = (
        "EXPLAIN QUERY PLAN SELECT count(*) FROM message WHERE case_id = 'x' AND audience <> 'all'"
        " AND audience NOT IN ('staff')"
    )
    assert "message_hidden" in " ".join(row[3] for row in sql(words))
    everybody = tuple(Audience)
    assert cases.message_count(layered, everybody) == sql("SELECT count(*) FROM message").fetchone()[0]
    assert cases.message_count(layered, Audience.of(Role.MERCHANT)) == cases.message_count(layered, everybody) - 2
    assert cases.message_count(layered, Audience.of(Role.CUSTOMER)) == cases.message_count(layered, everybody) - 3

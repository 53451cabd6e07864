"""Who is told what (DESIGN §4, table of events)."""

from dataclasses import replace

import pytest

from gateway.cases.model import Participant, Role
from gateway.cases.notices import Notice, NotPosted, Template, on_closed, on_opened, on_reopened, on_reply


def person(number: int, role: Role, *, active: bool = True) -> Participant:
    return Participant(
        number, "case_1", role, f"person{number}@example.org", f"Person {number}", bytes([number]) * 16, active=active
    )


ADA = person(1, Role.CUSTOMER)
GRACE = person(2, Role.MERCHANT)
LINUS = person(3, Role.MERCHANT)
SUPPORT = person(4, Role.SUPPORT)
GONE = person(5, Role.MERCHANT, active=False)
ALL = (ADA, GRACE, LINUS, SUPPORT, GONE)


def told(notices: tuple[Notice, ...]) -> dict[int, Template]:
    """Who is told what; one notice a person."""
    assert len({notice.to.id for notice in notices}) == len(notices)
    return {notice.to.id: notice.template for notice in notices}


def test_a_new_case_is_news_to_merchants_and_a_receipt_to_the_customer() -> None:
    assert told(on_opened(ALL)) == {
        ADA.id: Template.CASE_OPENED_CUSTOMER,
        GRACE.id: Template.CASE_OPENED_MERCHANT,
        LINUS.id: Template.CASE_OPENED_MERCHANT,
    }


@pytest.mark.parametrize(
    ("author", "audience"),
    [
        (ADA, {GRACE: Template.MESSAGE_TO_MERCHANT, LINUS: Template.MESSAGE_TO_MERCHANT,
               SUPPORT: Template.MESSAGE_TO_MERCHANT}),
        (GRACE, {ADA: Template.MESSAGE_TO_CUSTOMER, SUPPORT: Template.MESSAGE_TO_MERCHANT}),
        (SUPPORT, {ADA: Template.MESSAGE_TO_CUSTOMER, GRACE: Template.MESSAGE_TO_MERCHANT,
                   LINUS: Template.MESSAGE_TO_MERCHANT}),
    ],
    ids=["customer", "merchant", "support"],
)  # fmt: skip
@pytest.mark.parametrize("known", [True, False], ids=["by a participant", "by a program"])
def test_a_reply_goes_to_the_other_sides(
    author: Participant, audience: dict[Participant, Template], known: bool
) -> None:
    expected = {someone.id: template for someone, template in audience.items()}
    assert told(on_reply(ALL, author.role, author.id if known else None)) == expected


def test_the_customer_hears_that_his_case_was_closed() -> None:
    assert told(on_closed(ALL)) == {ADA.id: Template.CASE_CLOSED}


@pytest.mark.parametrize(
    ("by", "audience"),
    [
        (Role.MERCHANT, {ADA}),
        (Role.CUSTOMER, {GRACE, LINUS}),
        (Role.SUPPORT, {ADA, GRACE, LINUS}),
        (Role.SYSTEM, {ADA, GRACE, LINUS}),
    ],
)
def test_the_other_side_hears_that_a_case_was_reopened(by: Role, audience: set[Participant]) -> None:
    assert told(on_reopened(ALL, by)) == {someone.id: Template.CASE_REOPENED for someone in audience}


def test_who_is_gone_is_told_nothing() -> None:
    everybody = tuple(replace(one, active=False) for one in ALL)
    assert on_opened(everybody) + on_closed(everybody) + on_reopened(everybody, Role.SYSTEM) == ()
    assert on_reply(everybody, Role.CUSTOMER, ADA.id) == ()


def test_only_what_a_person_wrote_is_not_automatic() -> None:
    """RFC 3834 §5: a robot says so; a person's words must not be taken for a robot's."""
    assert {template for template in Template if not template.automatic} == {
        Template.MESSAGE_TO_CUSTOMER,
        Template.MESSAGE_TO_MERCHANT,
    }


def test_only_what_tells_a_sender_about_his_mail_answers_it() -> None:
    """RFC 3834 §5: a digest or a receipt is generated, it answers no mail."""
    assert {template for template in Template if template.answers_mail} == {
        Template.NOT_EVERYTHING_POSTED,
        Template.NOT_POSTED,
        Template.NO_CASE,
    }


@pytest.mark.parametrize(
    ("why", "answerable"),
    [
        (None, True),
        (NotPosted.NOTHING_NEW, True),
        (NotPosted.NOT_TAKEN, True),
        (NotPosted.REVOKED, False),
        (NotPosted.LEFT, False),
    ],
)
def test_who_has_no_reply_address_is_not_asked_to_reply(why: NotPosted | None, answerable: bool) -> None:
    assert Notice(Template.NOT_POSTED, ADA, why=why).answerable is answerable

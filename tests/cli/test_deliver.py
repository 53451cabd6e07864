"""One mail through a pipe: kept like one that came by SMTP, or refused with a status that mail servers know."""

import os

import pytest

from store import inbox
from tests.cli.installation import CUSTOMER_ADDRESS, Installation, OpenedCase, mail

MAIL = mail(CUSTOMER_ADDRESS, "cases@cases.example.org", "Hello")


@pytest.fixture
def case(installation: Installation) -> OpenedCase:
    return installation.open_case()


def test_a_mail_is_kept_with_its_envelope(installation: Installation, case: OpenedCase) -> None:
    done = installation.casegate(
        "deliver", "--from", f"<{CUSTOMER_ADDRESS}>", "--to", case.customer, "--client", "192.0.2.7", "--helo",
        "mail.example.org", stdin=b"Subject: Hi\n\none\ntwo\r\n.\n",
    )  # fmt: skip
    assert done.status == 0
    with installation.parts():
        kept = inbox.get(int(done.out))
    assert (kept.mail_from, kept.client, kept.helo) == (CUSTOMER_ADDRESS, "192.0.2.7", "mail.example.org")
    assert kept.raw == b"Subject: Hi\r\n\r\none\r\ntwo\r\n.\r\n"  # as it would have come by SMTP
    assert case.customer in kept.recipients


@pytest.mark.parametrize("sender", ["", "<>", "MAILER-DAEMON"])
def test_the_null_sender_in_each_spelling(installation: Installation, case: OpenedCase, sender: str) -> None:
    inbox_id = installation.deliver(case.customer, sender)
    with installation.parts():
        assert inbox.get(inbox_id).mail_from == ""


def test_a_forged_token_is_no_mailbox(installation: Installation, case: OpenedCase) -> None:
    forged = case.customer.replace("@", "a@")[1:].replace("eply+", "reply+", 1)
    done = installation.casegate("deliver", "--from", CUSTOMER_ADDRESS, "--to", forged, stdin=MAIL)
    assert (done.status, done.out) == (67, "")
    assert "no such mailbox" in done.err


def test_another_domain_is_relaying(installation: Installation, case: OpenedCase) -> None:
    done = installation.casegate("deliver", "--from", CUSTOMER_ADDRESS, "--to", "ada@example.com", stdin=MAIL)
    assert (done.status, done.out) == (77, "")


def test_all_recipients_or_none(installation: Installation, case: OpenedCase) -> None:
    done = installation.casegate(
        "deliver", "--from", CUSTOMER_ADDRESS, "--to", case.customer, "--to", "nobody@cases.example.org", stdin=MAIL
    )
    assert done.status == 67
    assert installation.casegate("inbox", "list", "--json").json() == []


def test_nothing_and_too_much_are_data_errors(installation: Installation, case: OpenedCase) -> None:
    to = ("deliver", "--from", CUSTOMER_ADDRESS, "--to", case.customer)
    assert installation.casegate(*to, stdin=b"").status == 65
    largest = installation.config.smtp.max_size
    assert installation.casegate(*to, stdin=b"x" * (largest + 1)).status == 65
    assert installation.casegate(*to, stdin=b"x" * largest).status == 0


def test_a_command_in_an_address_is_refused(installation: Installation, case: OpenedCase) -> None:
    done = installation.casegate("deliver", "--from", "ada@example.org\r\nX: y", "--to", case.customer, stdin=MAIL)
    assert done.status == 65


def test_what_is_wrong_with_us_never_returns_a_mail(installation: Installation) -> None:
    deliver = ("deliver", "--from", CUSTOMER_ADDRESS, "--to", "cases@cases.example.org")
    assert installation.casegate(*deliver, stdin=MAIL).status == os.EX_TEMPFAIL  # there is no database yet
    installation.file.write_text("[gateway]\nno_such_key = 1\n")
    done = installation.casegate(*deliver, stdin=MAIL)
    assert done.status == os.EX_TEMPFAIL
    assert "no_such_key" in done.err


def test_below_the_free_space_floor_it_is_tried_later(installation: Installation, case: OpenedCase) -> None:
    text = installation.file.read_text().replace("[gateway]", f"[gateway]\nfree_space_floor = {2**62}")
    installation.file.write_text(text)
    done = installation.casegate("deliver", "--from", CUSTOMER_ADDRESS, "--to", case.customer, stdin=MAIL)
    assert done.status == os.EX_TEMPFAIL
    assert "no room" in done.err


def test_a_database_that_is_broken_is_tried_later(installation: Installation, case: OpenedCase) -> None:
    database = installation.config.gateway.data_dir / "casegate.db"
    database.write_bytes(b"not a database" * 1_000)
    done = installation.casegate("deliver", "--from", CUSTOMER_ADDRESS, "--to", case.customer, stdin=MAIL)
    assert done.status == os.EX_TEMPFAIL

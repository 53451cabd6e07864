"""What a relay's answers mean (HARDENING rule 7): about the recipient, the mail, the moment, or about us."""

import pytest

from gateway.outbound.answers import Answer, Outcome, Stage, judge


def test_many_lines_are_one_text() -> None:
    answer = judge(Stage.RCPT, 550, "5.1.1 The account\n5.1.1 does not exist.\udce9")
    assert answer == Answer(Outcome.FAILED, 550, "5.1.1", "5.1.1 The account 5.1.1 does not exist.?", dead=True)
    assert judge(Stage.RCPT, 550, "4.1.1 contradicts itself").enhanced == ""
    assert len(judge(Stage.RCPT, 550, "x" * 10_000).text) == 500


@pytest.mark.parametrize(
    "text",
    [
        "5.1.1 No such user",
        "5.1.2 Bad destination",
        "5.1.3 Bad syntax",
        "5.1.6 Moved",
        "5.1.10 Null MX",
        "5.2.1 Mailbox disabled",
        "No such user here",
        "User unknown",
        "5.7.1 <bob@example.org>: Recipient address rejected: User unknown in relay recipient table",
        "5.4.1 Recipient address rejected: Access denied. [AM0EUR02]",
    ],
)
def test_a_dead_address(text: str) -> None:
    answer = judge(Stage.RCPT, 550, text)
    assert (answer.outcome, answer.dead) == (Outcome.FAILED, True)


@pytest.mark.parametrize("stage", [Stage.CONNECT, Stage.MAIL, Stage.DATA, Stage.DOT])
def test_an_address_is_dead_only_when_it_was_asked_about(stage: Stage) -> None:
    assert not judge(stage, 550, "5.1.1 No such user").dead


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (552, "5.2.2 Mailbox full"),
        (550, "5.1.1 The mailbox is full"),
        (550, "5.2.0 Refused"),
        (554, "Refused"),
        (450, "4.1.1 User unknown"),
        (550, "5.7.1 Relaying denied"),
    ],
)
def test_a_refusal_that_kills_no_address(code: int, text: str) -> None:
    assert not judge(Stage.RCPT, code, text).dead


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (550, "5.7.1 Relaying denied"),
        (550, "Relaying denied"),
        (554, "Relay access denied"),
        (550, "5.1.8 <bounce@example.org>: Sender address rejected: Domain not found"),
        (550, "5.1.7 Bad sender"),
        (504, "5.5.2 <gw>: Helo command rejected: need fully-qualified hostname"),
        (554, "5.7.1 Service unavailable; client host [192.0.2.1] blocked using zen.example.org"),
        (550, "5.4.5 Daily sending quota exceeded"),
        (530, "Authentication required"),
        (550, "Your IP is on our blacklist"),
    ],
)
def test_what_is_about_us_stops_the_relay_and_fails_no_mail(code: int, text: str) -> None:
    """Many relays say at RCPT what they hold against the sender or his host."""
    assert judge(Stage.RCPT, code, text).outcome is Outcome.RELAY_DOWN


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (554, "5.7.1 This looks like spam"),
        (550, "5.7.1 A virus was found"),
        (554, "5.7.1 Attachment type not allowed"),
        (552, "5.3.4 Too large"),
        (554, "5.6.0 Broken MIME"),
        (554, "Transaction failed"),
    ],
)
def test_what_is_about_one_mail_stops_no_other(code: int, text: str) -> None:
    answer = judge(Stage.DOT, code, text)
    assert (answer.outcome, answer.dead) == (Outcome.FAILED, False)


@pytest.mark.parametrize(
    "text",
    [
        "5.7.1 Service refused; 192.0.2.1 is listed at zen.spamhaus.org",
        "5.7.1 Your reputation is too low: spam",
        "5.7.26 Unauthenticated mail from example.org is not accepted due to its DMARC policy",
    ],
)
def test_what_is_about_our_host_is_no_fault_of_a_mail(text: str) -> None:
    assert judge(Stage.DOT, 554, text).outcome is Outcome.RELAY_DOWN


def test_a_hundred_refusals_because_of_us_kill_nobody() -> None:
    answers = [judge(Stage.RCPT, 550, f"5.7.1 <r{n}@example.org>: Relay access denied") for n in range(100)]
    assert {answer.outcome for answer in answers} == {Outcome.RELAY_DOWN}
    assert not any(answer.dead for answer in answers)

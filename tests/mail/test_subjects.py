"""New words in the subject of an answer are kept; what programs put there is not."""

import pytest

from gateway.mail.subjects import new_words

CASE = "The lid is missing"


@pytest.mark.parametrize(
    "subject",
    [
        "", "Re:", "Re: The lid is missing", "the  lid is\tmissing", "AW: Re: The lid is missing",
        "[EXTERNAL] Re: The lid is missing", "***SPAM*** Re: The lid is missing", "Re: [Ticket 7] The lid is missing",
        "RE[2]: The lid is missing", "回复：The lid is missing", "Re: The lid is mis…", "Fwd: The lid is missing (fwd)",
        "(no subject)",
    ],
)  # fmt: skip
def test_nothing_new(subject: str) -> None:
    assert new_words(subject, CASE) == ""


@pytest.mark.parametrize(
    ("subject", "new"),
    [
        ("Please call me at noon", "Please call me at noon"),
        ("Re: Please call me at noon", "Please call me at noon"),
        ("Re: The lid is missing, please call me", "The lid is missing, please call me"),
        ("Re: The lid is missing and the cup too", "The lid is missing and the cup too"),
    ],
)
def test_words_of_the_writer(subject: str, new: str) -> None:
    assert new_words(subject, CASE) == new


def test_a_whole_request_in_the_subject() -> None:
    request = "I would like to have my money back because " + "the kettle leaks and " * 88
    assert len(request) > 1_850
    assert new_words(request, CASE) == request.strip()


def test_a_case_without_a_subject() -> None:
    assert new_words("Re: hello", "") == "hello"

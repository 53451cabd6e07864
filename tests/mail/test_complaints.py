"""Feedback reports: which are complaints of a person, and about whom."""

import pytest

from gateway.mail.complaints import read_complaint
from gateway.mail.parse import ParsedMail, ReportPart


def report(fields: str) -> ParsedMail:
    return ParsedMail((), reports=(ReportPart("message/feedback-report", fields.replace("\n", "\r\n").encode()),))


@pytest.mark.parametrize(
    ("kind", "counts"),
    [
        ("abuse", True), ("ABUSE", True), ("fraud", True), ("opt-out", True), ("opt-out-list", True),
        ("not-spam", False), ("auth-failure", False), ("virus", False), ("other", False), ("", False),
    ],
)  # fmt: skip
def test_only_people_complain(kind: str, counts: bool) -> None:
    complaint = read_complaint(report(f"Feedback-Type: {kind}\nVersion: 1\n"))
    assert complaint is not None
    assert complaint.of_a_person is counts


@pytest.mark.parametrize(
    ("fields", "about"),
    [
        ("Feedback-Type: abuse\n", True),
        ("Feedback-Type: abuse\nOriginal-Rcpt-To: <Tom@Example.org>\n", True),
        ("Feedback-Type: abuse\nOriginal-Rcpt-To: eve@example.org\nOriginal-Rcpt-To: tom@example.org\n", True),
        ("Feedback-Type: abuse\nRemoval-Recipient: tom@example.org\n", True),
        ("Feedback-Type: abuse\nOriginal-Rcpt-To: redacted\n", True),
        ("Feedback-Type: abuse\nOriginal-Rcpt-To: eve@example.org\n", False),
        ("Feedback-Type: abuse\nRemoval-Recipient: eve@example.org\n", False),
    ],
)
def test_whom_it_is_about(fields: str, about: bool) -> None:
    complaint = read_complaint(report(fields))
    assert complaint is not None
    assert complaint.is_about("TOM@example.org") is about


def test_what_has_no_such_part_is_none() -> None:
    assert read_complaint(ParsedMail((), text="Feedback-Type: abuse")) is None


def test_bytes_that_are_no_fields_are_read_too() -> None:
    noise = bytes(range(256)) * 1_000
    complaint = read_complaint(ParsedMail((), reports=(ReportPart("message/feedback-report", noise),)))
    assert complaint is not None
    assert not complaint.of_a_person

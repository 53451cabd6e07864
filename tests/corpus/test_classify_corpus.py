"""The verdicts on a labelled corpus of real mails stay above their floors, where such a corpus is at hand.

CASEGATE_MAIL_CORPUS names a folder with `labels.jsonl`: an object a line with `file`, and `cls` with the `kind`, the
kinds to `accept`, and for delivery reports the `recipients` and `hard`.
"""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gateway.mail.bounces import read_report
from gateway.mail.classify import classify
from gateway.mail.parse import parse

FOLDER = Path(os.environ.get("CASEGATE_MAIL_CORPUS", ""))


class Reading(NamedTuple):
    """A label, and how we read its mail."""

    name: str
    label: dict[str, Any]
    kind: str
    recipients: frozenset[str]
    hard: bool


@pytest.fixture(scope="module")
def readings() -> list[Reading]:
    if not os.environ.get("CASEGATE_MAIL_CORPUS") or not (FOLDER / "labels.jsonl").is_file():
        pytest.skip("CASEGATE_MAIL_CORPUS names no folder with labels.jsonl")
    rows = [json.loads(line) for line in (FOLDER / "labels.jsonl").read_text(encoding="utf-8").splitlines()]
    return [_read(row["file"], row["cls"]) for row in rows if row.get("cls")]


def _read(file: str, label: dict[str, Any]) -> Reading:
    mail = parse((FOLDER / file).read_bytes())
    verdict = classify(mail, envelope_from=None)
    report = read_report(mail) if verdict.kind == "bounce" else None
    recipients = report.recipients if report else ()
    addresses = frozenset(recipient.address.lower() for recipient in recipients)
    return Reading(file, label, verdict.kind.value, addresses, any(recipient.hard for recipient in recipients))


def share(right: list[bool]) -> float:
    return sum(right) / len(right)


def test_no_person_is_called_automatic(readings: list[Reading]) -> None:
    people = [reading for reading in readings if reading.label["kind"] == "human"]
    assert people
    assert [reading.name for reading in people if reading.kind not in reading.label["accept"]] == []


def test_nearly_every_verdict_is_right(readings: list[Reading]) -> None:
    assert share([reading.kind in reading.label["accept"] for reading in readings]) >= 0.99


def test_delivery_reports_are_seen_and_read(readings: list[Reading]) -> None:
    bounces = [reading for reading in readings if reading.label["kind"] == "bounce"]
    assert share([reading.kind in reading.label["accept"] for reading in bounces]) >= 0.99
    named = [reading for reading in bounces if reading.label.get("recipients")]
    assert share([reading.recipients == set(reading.label["recipients"]) for reading in named]) >= 0.95
    judged = [reading for reading in bounces if reading.label.get("hard") is not None]
    assert share([reading.hard == reading.label["hard"] for reading in judged]) >= 0.92

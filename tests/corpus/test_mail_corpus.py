"""How well a corpus of labelled mails is understood; bench/mail.py says what a corpus looks like."""

import os
from pathlib import Path

import pytest

from bench.mail import Table, labels, score_classify, score_parse

CORPUS = os.environ.get("CASEGATE_MAIL_CORPUS", "")
pytestmark = pytest.mark.skipif(
    not (CORPUS and (Path(CORPUS) / "labels.jsonl").is_file()),
    reason="CASEGATE_MAIL_CORPUS names no folder with a labels.jsonl",
)


@pytest.fixture(scope="module")
def parsed() -> Table:
    return score_parse(labels(Path(CORPUS)))


@pytest.fixture(scope="module")
def classified() -> Table:
    return score_classify(labels(Path(CORPUS)))


@pytest.mark.parametrize(
    ("what", "share"),
    [
        ("everything", 0.92),
        ("subject", 0.99),
        ("from", 0.99),
        ("to", 0.99),
        ("text", 0.97),
        ("html", 0.99),
        ("attachments", 0.88),
        ("inside winmail.dat", 1.0),
        ("no carried text", 1.0),
        ("variant: everything", 0.88),
    ],
)
def test_reading(parsed: Table, what: str, share: float) -> None:
    assert parsed.share(what) >= share, parsed.wrong[what]


@pytest.mark.parametrize(
    ("what", "share"),
    [
        ("kind", 0.98),
        ("kind: human", 1.0),
        ("kind: bounce", 0.98),
        ("recipients of bounces", 0.9),
        ("dead addresses", 0.9),
        ("variant: kind", 0.98),
    ],
)
def test_classifying(classified: Table, what: str, share: float) -> None:
    assert classified.share(what) >= share, classified.wrong[what]

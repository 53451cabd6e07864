"""How well mails are understood, and how fast, as a table.

    .venv/bin/python -m bench.mail CORPUS

CORPUS is a folder with `labels.jsonl`: one object a line with `file` (path of the raw mail in the folder) and,
where known, `parse` and `cls` (what a right reading gives). `parse_for_score` and `classify_for_score` give our
reading of one mail as plain values, the shape that such labels are compared with.
"""

from typing import Any

from gateway.mail.bounces import read_report
from gateway.mail.classify import classify
from gateway.mail.parse import parse


def parse_for_score(raw: bytes) -> dict[str, Any]:
    """Our reading of a mail: subject, from, to, text, html, attachments as (name, type, bytes)."""
    mail = parse(raw)
    return {
        "subject": mail.subject,
        "from": [(a.name, a.address) for a in mail.from_],
        "to": [(a.name, a.address) for a in mail.to],
        "text": mail.text,
        "html": mail.html,
        "attachments": [(f.filename, f.content_type, f.data) for f in mail.files]
        + [("", part.content_type, part.data) for part in mail.reports],
    }


def classify_for_score(raw: bytes) -> dict[str, Any]:
    """Our verdict about a mail: kind, the addresses that a report names as failed, whether one of them is dead."""
    mail = parse(raw)
    verdict = classify(mail, envelope_from=None, token=None)
    report = read_report(mail)
    recipients = report.recipients if report else ()
    return {
        "kind": verdict.kind.value,
        "recipients": [r.address for r in recipients if r.action == "failed"],
        "hard": any(r.hard for r in recipients),
    }

"""How well mails are understood, and how fast, as a table.

    .venv/bin/python -m bench.mail CORPUS [--failures]

CORPUS is a folder with `labels.jsonl`, one object a line: `id`, `file` (path of the raw mail in the folder), `variant`
(the same mail with other line ends, counted apart), and the right reading where it is known. `parse`: `subject`,
`from`, `to`, `text_has`, `html_has`, `text_lacks`, `attachments` (each `name`, `size`, or its `content` when body or
file are both right), `tnef` (names inside winmail.dat). `cls`: `kind`, `accept` (the kinds that are right), and for
bounces `recipients` and `hard`. A text may be given as `sha:LENGTH:START` (length and first 16 digits of its SHA-1).

White space counts as one blank. `parse_for_score` and `classify_for_score` give our reading as plain values.
"""

import argparse
import hashlib
import json
import re
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.mail.bounces import read_report
from gateway.mail.classify import Kind, classify
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
    """Our verdict about a mail: kind, the addresses that a bounce speaks about, whether one of them is dead."""
    mail = parse(raw)
    verdict = classify(mail, envelope_from=None, token=None)
    report = read_report(mail) if verdict.kind is Kind.BOUNCE else None
    recipients = report.recipients if report else ()
    return {
        "kind": verdict.kind.value,
        "recipients": [r.address for r in recipients],
        "hard": any(r.hard for r in recipients),
    }


@dataclass
class Table:
    """Right and all readings by what was read, the ids of wrong ones, and the seconds that each mail took."""

    right: Counter[str] = field(default_factory=Counter)
    of: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    seconds: list[float] = field(default_factory=list)

    def note(self, what: str, mail_id: str, *, right: bool) -> None:
        """Count one reading."""
        self.of[what] += 1
        self.right[what] += right
        if not right:
            self.wrong[what].append(mail_id)

    def share(self, what: str) -> float:
        """Right ones of all, 1 when there was none to read."""
        return self.right[what] / self.of[what] if self.of[what] else 1.0

    def lines(self, *, failures: bool = False) -> Iterator[str]:
        """The table as text."""
        for what in sorted(self.of):
            yield f"{what:34} {self.right[what]:5} of {self.of[what]:5} {100 * self.share(what):6.1f} %"
            if failures and self.wrong[what]:
                yield "    " + " ".join(self.wrong[what])
        if self.seconds:
            ordered = sorted(self.seconds)
            p50, p99 = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
            yield f"ms a mail: p50 {p50 * 1e3:.2f}, p99 {p99 * 1e3:.2f}, max {ordered[-1] * 1e3:.2f}"


def labels(corpus: Path) -> list[dict[str, Any]]:
    """The labelled mails of a corpus, each with its bytes as `raw`."""
    rows = [json.loads(line) for line in (corpus / "labels.jsonl").read_text().splitlines()]
    return [row | {"raw": (corpus / row["file"]).read_bytes()} for row in rows]


def score_parse(rows: list[dict[str, Any]]) -> Table:
    """How much of what is known about the mails is read right."""
    table = Table()
    for row in rows:
        start = time.perf_counter()
        mail = parse_for_score(row["raw"])
        table.seconds.append(time.perf_counter() - start)
        if row["parse"]:
            prefix = "variant: " if row["variant"] else ""
            readings = dict(_readings(mail, row["parse"]))
            for what, right in readings.items():
                table.note(prefix + what, row["id"], right=right)
            table.note(prefix + "everything", row["id"], right=all(readings.values()))
    return table


def score_classify(rows: list[dict[str, Any]]) -> Table:
    """How many mails are taken for what they are."""
    table = Table()
    for row in rows:
        if not row["cls"]:
            continue
        label = row["cls"]
        start = time.perf_counter()
        verdict = classify_for_score(row["raw"])
        table.seconds.append(time.perf_counter() - start)
        right = verdict["kind"] in label["accept"]
        if row["variant"]:
            table.note("variant: kind", row["id"], right=right)
            continue
        table.note("kind", row["id"], right=right)
        table.note(f"kind: {label['kind']}", row["id"], right=right)
        if label["kind"] == "bounce" and label.get("recipients"):
            found = {address.lower() for address in verdict["recipients"]}
            table.note("recipients of bounces", row["id"], right=found == set(label["recipients"]))
        if label["kind"] == "bounce" and label.get("hard") is not None:
            table.note("dead addresses", row["id"], right=right and verdict["hard"] == label["hard"])
    return table


def _readings(mail: dict[str, Any], label: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    if label.get("subject") is not None:
        yield "subject", _same(mail["subject"], label["subject"])
    for who in ("from", "to"):
        if label.get(who):
            wanted = [label[who]] if isinstance(label[who], str) else label[who]
            found = [address.lower() for _, address in mail[who]]
            yield (
                who,
                all(any(_same(one, each.lower()) for one in found) for each in wanted if "@" in each or ":" in each),
            )
    for body in ("text", "html"):
        shown = _flat(mail[body] or "")
        if label.get(f"{body}_has"):
            yield body, all(_inside(words, shown) for words in label[f"{body}_has"])
    if label.get("text_lacks"):
        yield "no carried text", not any(_inside(words, _flat(mail["text"] or "")) for words in label["text_lacks"])
    if label.get("attachments"):
        yield "attachments", _all_there(label["attachments"], mail)
    if label.get("tnef"):
        names = {name for name, _, _ in mail["attachments"]}
        yield "inside winmail.dat", names >= set(label["tnef"])


def _all_there(wanted: list[dict[str, Any]], mail: dict[str, Any]) -> bool:
    shown = _flat(f"{mail['text'] or ''} {mail['html'] or ''}")
    left = list(mail["attachments"])
    for each in wanted:
        if each.get("content") and _flat(each["content"]) in shown:
            continue
        hit = next((file for file in left if _matches(file, each)), None)
        if hit is None:
            return False
        left.remove(hit)
    return True


def _matches(file: tuple[str, str, bytes], wanted: dict[str, Any]) -> bool:
    name, _, data = file
    if wanted.get("name") and not _same(name, wanted["name"]):
        return False
    size = wanted.get("size")
    return size is None or bool(wanted.get("loose")) or size in (len(data), len(data.replace(b"\r\n", b"\n")))


def _flat(text: str) -> str:
    text = unicodedata.normalize("NFC", text).replace("\u00a0", " ").replace("\ufeff", "").replace("\u0a0d", "")
    return re.sub(r"\s+", " ", text).strip()


def _same(text: str, wanted: str) -> bool:
    return _digest(_flat(text), wanted) if wanted.startswith("sha:") else _flat(text) == _flat(wanted)


def _inside(wanted: str, text: str) -> bool:
    if not wanted.startswith("sha:"):
        return _flat(wanted) in text
    length = int(wanted.split(":")[1])
    return any(_digest(text[start : start + length], wanted) for start in range(max(0, len(text) - length) + 1))


def _digest(text: str, wanted: str) -> bool:
    _, length, digits = wanted.split(":")
    return len(text) == int(length) and hashlib.sha1(text.encode()).hexdigest()[:16] == digits


def main() -> None:
    """Print the tables of a corpus."""
    arguments = argparse.ArgumentParser(description="How well mails are understood.")
    arguments.add_argument("corpus", type=Path)
    arguments.add_argument("--failures", action="store_true", help="name the mails that are read wrong")
    chosen = arguments.parse_args()
    rows = labels(chosen.corpus)
    for title, table in (("Reading", score_parse(rows)), ("Classifying", score_classify(rows))):
        print(f"{title} {len(rows)} mails", *table.lines(failures=chosen.failures), "", sep="\n")


if __name__ == "__main__":
    main()

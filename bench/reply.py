"""How well answers are cut from what they quote, and how fast, as a table.

    .venv/bin/python -m bench.reply CORPUS

CORPUS is a folder with `cases.jsonl`: one object a line with `input`, `kind` (`text`, `html`, or `eml` for a whole
mail), `lang`, and `expected` (or one of `alt`), the words that are new. Cases without an expectation, and those whose
expectation is the policy of one product (`policy`), are left out. A case is clean when at most 2 % of the expected
words are lost and at most 2 % of the words left are foreign; closings count neither way.
"""

import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.mail.parse import parse
from gateway.mail.quote_closings import closing_start
from gateway.mail.quote_shapes import plain
from gateway.mail.quotes import split_reply

_TOLERANCE = 0.02
_WORDS = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+")

_CONTEXT = re.compile(r"\s*>|On .{4,200} wrote:\s*$")
_SIGN_OFF_LINES = 6
_SIGN_OFF = re.compile(
    r"\s*(?:[-–—_]+\s?\S{1,20}$|_{5,}|(?:many |best |kind )?(?:thanks|thank you|regards|cheers)\b.{0,30}$)", re.I
)


def split_for_score(text: str | None, html: str | None) -> str:
    """The new words of a body, for scorers that compare plain texts."""
    return split_reply(text, html).new


@dataclass(frozen=True)
class Result:
    """One case, judged. lost, foreign: shares of words, 0…1. seconds: time of the cut."""

    kind: str
    language: str
    lost: float
    foreign: float
    seconds: float

    @property
    def clean(self) -> bool:
        return self.lost <= _TOLERANCE and self.foreign <= _TOLERANCE


def run(corpus: Path) -> Iterator[Result]:
    """Cut and judge every case of a corpus that says what is new."""
    with (corpus / "cases.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            case = json.loads(line)
            if case["expected"] is not None and not case.get("policy"):
                yield _judge(case)


def _judge(case: dict[str, Any]) -> Result:
    text, html = _bodies(case)
    start = time.perf_counter()
    new = split_reply(text, html).new
    seconds = time.perf_counter() - start
    shares = [_shares(wanted, new) for wanted in (case["expected"], *case.get("alt", ()))]
    lost, foreign = min(shares, key=sum)
    return Result(case["kind"], case["lang"], lost, foreign, seconds)


def _bodies(case: dict[str, Any]) -> tuple[str | None, str | None]:
    if case["kind"] == "text":
        return case["input"], None
    if case["kind"] == "html":
        return None, case["input"]
    raw = case["input"].encode("latin-1" if "latin-1" in case.get("notes", "") else "utf-8")
    mail = parse(raw)
    return mail.text, mail.html


def _shares(wanted: str, new: str) -> tuple[float, float]:
    """The share of the wanted words that is lost, and the share of the new words that nobody wanted."""
    return _missing(_core(wanted), new), _missing(_core(new), wanted)


def _missing(words: str, among: str) -> float:
    counted = Counter(_WORDS.findall(words.lower()))
    missing = counted - Counter(_WORDS.findall(among.lower()))
    return missing.total() / counted.total() if counted else 0.0


def _core(text: str) -> str:
    """Without closing, sign-off and the lines that show what was quoted: habits differ, whether they are kept."""
    lines = [line for line in text.split("\n") if not _CONTEXT.match(line)]
    end = closing_start([plain(line) for line in lines], 0, len(lines), keep_first=True)
    filled = [index for index in range(end) if lines[index].strip()]
    for index in filled[1:][-_SIGN_OFF_LINES:]:
        if _SIGN_OFF.match(lines[index]):
            return "\n".join(lines[:index])
    return "\n".join(lines[:end])


def _row(name: str, results: list[Result]) -> str:
    times = [result.seconds * 1000 for result in results]
    clean = sum(result.clean for result in results)
    lost = sum(result.lost > _TOLERANCE for result in results)
    foreign = sum(result.foreign > _TOLERANCE for result in results)
    return (
        f"{name:18}{len(results):6}{100 * clean / len(results):9.1f} %{lost:6}{foreign:9}"
        f"{sum(times) / len(times):10.2f}{max(times):10.2f}"
    )


def main() -> None:
    results = list(run(Path(sys.argv[1])))
    print(f"{'cases':18}{'n':>6}{'clean':>11}{'lost':>6}{'foreign':>9}{'ms mean':>10}{'ms most':>10}")
    for kind in sorted({result.kind for result in results}):
        print(_row(kind, [result for result in results if result.kind == kind]))
    for name, english in (("English", True), ("other languages", False)):
        print(_row(name, [result for result in results if (result.language == "en") is english]))
    print(_row("all", results))


if __name__ == "__main__":
    main()

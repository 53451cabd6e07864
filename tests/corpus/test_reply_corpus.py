"""How well a corpus of real answers is cut; bench/reply.py says what a corpus looks like."""

import os
from pathlib import Path

import pytest

from bench.reply import Result, run

CORPUS = os.environ.get("CASEGATE_REPLY_CORPUS", "")
pytestmark = pytest.mark.skipif(
    not (CORPUS and (Path(CORPUS) / "cases.jsonl").is_file()),
    reason="CASEGATE_REPLY_CORPUS names no folder with a cases.jsonl",
)


@pytest.fixture(scope="module")
def results() -> list[Result]:
    return list(run(Path(CORPUS)))


def share_clean(results: list[Result]) -> float:
    return sum(result.clean for result in results) / len(results)


def test_nearly_all_answers_are_cut_cleanly(results: list[Result]) -> None:
    assert share_clean(results) >= 0.97


def test_other_languages_are_cut_as_well_as_english(results: list[Result]) -> None:
    assert share_clean([result for result in results if result.language != "en"]) >= 0.95


def test_html_is_cut_as_well_as_text(results: list[Result]) -> None:
    assert share_clean([result for result in results if result.kind == "html"]) >= 0.97


def test_no_new_word_is_lost(results: list[Result]) -> None:
    assert [result for result in results if result.lost > 0.02] == []

"""Every program, language and style of answering keeps the writer's sentences, in order, and nothing else."""

from collections import defaultdict

import pytest

from gateway.mail.quotes import split_reply
from tests.mail.layouts import Case, all_cases

_BY_LANGUAGE: dict[str, list[Case]] = defaultdict(list)
for _case in all_cases():
    _BY_LANGUAGE[_case.id.split("-")[0]].append(_case)


def wrong(case: Case) -> str | None:
    """What is wrong with the cut of a case: a lost sentence, or words that nobody wrote."""
    left = " ".join(split_reply(case.text, case.html).new.split())
    for sentence in case.new:
        before, found, left = left.partition(sentence)
        if not found:
            return f"{case.id} loses {sentence!r}"
        if before.strip():
            return f"{case.id} keeps {before.strip()!r}"
    return f"{case.id} keeps {left.strip()!r}" if left.strip() else None


@pytest.mark.parametrize("language", _BY_LANGUAGE)
def test_only_what_the_writer_added_is_left(language: str) -> None:
    assert [problem for case in _BY_LANGUAGE[language] if (problem := wrong(case))] == []


def test_many_languages_are_covered() -> None:
    assert len(_BY_LANGUAGE) > 25

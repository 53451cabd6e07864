"""What is asked about warnings, each minute, costs as much as is due and not as much as was ever sent."""

from collections.abc import Callable
from typing import Any

import pytest

from store import warnings
from store.database import sql
from tests.store.conftest import NOW, Statements


@pytest.mark.parametrize(
    ("question", "index"),
    [
        (lambda: warnings.due(NOW, 100), "warning_due"),
        (lambda: warnings.due(NOW, 100, (NOW, "case_1")), "warning_due"),
        (lambda: warnings.forget_stale(NOW, 100), "warning_due"),
        (lambda: warnings.silent("shp_1", NOW, 100), "cases_idle"),
    ],
    ids=["due", "due, from then on", "stale", "silent"],
)
def test_what_is_due_is_found_by_its_index(statements: Statements, question: Callable[[], Any], index: str) -> None:
    (statement,) = statements(question)
    plan = [row[3] for row in sql(f"EXPLAIN QUERY PLAN {statement}").fetchall()]
    assert index in plan[0], plan
    assert not any("SCAN" in step or "outbox_state" in step for step in plan), plan

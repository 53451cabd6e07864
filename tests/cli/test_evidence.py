"""Evidence on the command line: made, its key published, checked by whoever receives it."""

from pathlib import Path

import pytest

from tests.cli.installation import CUSTOMER_ADDRESS, Installation, OpenedCase
from tests.world import process


@pytest.fixture
def case(installation: Installation) -> OpenedCase:
    """A case with an answer by mail."""
    case = installation.open_case()
    installation.deliver(case.customer, CUSTOMER_ADDRESS, "It came in a box without a number.")
    with installation.parts() as parts:
        process(parts)
    return case


@pytest.fixture
def made(installation: Installation, case: OpenedCase, tmp_path: Path) -> Path:
    path = tmp_path / "evidence.zip"
    done = installation.casegate("case", "evidence", case.id, "-o", path)
    assert done.status == 0, done.err
    return path


def test_evidence_is_made_and_checked(installation: Installation, case: OpenedCase, made: Path) -> None:
    done = installation.casegate("evidence", "verify", made)
    assert done.status == 0, done.err
    assert case.id in done.out
    assert "stands in it" in done.out
    assert made.stat().st_mode & 0o777 == 0o600

"""Relays that follow a script, and a certificate for those that are encrypted."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.certificates import make_certificate
from tests.relays import Office


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    place = Office()
    yield place
    await place.stack.aclose()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with key and certificate for localhost, signed by nobody else."""
    return make_certificate(tmp_path_factory.mktemp("tls") / "both.pem")

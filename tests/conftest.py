"""A gateway for each test that asks for one, and what surrounds it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.sink import Sink
from tests.world import Clock, World

settings.register_profile("patient", deadline=None)  # how long an example takes says more about the machine
settings.load_profile("patient")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A relay that takes everything until it is told otherwise."""
    sink = Sink()
    sink.start()
    yield sink
    sink.close()


@pytest.fixture
def world(tmp_path: Path, sink: Sink, clock: Clock) -> Iterator[World]:
    """A gateway whose doors are open."""
    world = World(tmp_path, sink, clock)
    yield world
    world.close()

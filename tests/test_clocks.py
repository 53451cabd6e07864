"""The clock that cannot be believed, where the database gets in the way (HARDENING rule 22)."""

from datetime import timedelta
from pathlib import Path

import pytest

from gateway.clocks import Clocks
from gateway.errors import StoreUnavailable
from store import migrations, switches
from store.database import Database
from store.switches import Switch
from tests.world import Clock


def test_a_jump_that_could_not_be_noted_is_noted_the_next_time(tmp_path: Path, clock: Clock) -> None:
    database = Database(f"sqlite:///{tmp_path / 'cases.db'}")
    database.bind()
    migrations.apply()
    database.open()
    clocks = Clocks(database, now=clock, elapsed=lambda: (clock() - clock.jumped).timestamp())
    clocks.look()
    clock.jump(days=3)
    database.healthy = False
    with pytest.raises(StoreUnavailable):
        clocks.look()
    database.healthy = True
    clock.moment += timedelta(minutes=1)
    clocks.look()
    assert switches.is_stopped(Switch.CLOCK)
    database.close()

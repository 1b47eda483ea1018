"""Killed at single system calls between a request and the lake: a few of what `make torture GROUP=ingest-kill` tries all of."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from evergreen.base import env
from tests.torture import calls
from tests.torture.kill_calls import Driver, Point

SEED = 7
# Stage, kind of call, and how many of these a stage surely makes.
SAMPLED = (
    ("ingest", "fdatasync", 8),
    ("move", "write", 150),
    ("move", "unlink", 10),
    ("merge", "write", 150),
)


@pytest.mark.skipif(bool(env.database_url()), reason="it makes an installation of its own, on SQLite")
def test_killed_at_any_system_call_nothing_acknowledged_is_lost_doubled_or_left_behind(
    tmp_path: Path,
) -> None:
    try:
        library = calls.built(tmp_path)
    except calls.NoCompilerError as error:
        pytest.skip(str(error))
    chance = random.Random(SEED)
    driver = Driver(tmp_path / "driver", SEED, library)
    try:
        for stage, kind, most in SAMPLED:
            point = Point(stage, kind, chance.randint(1, most))
            found = driver.point(point)
            assert found["died"], point
            assert found["failures"] == [], point
    finally:
        driver.end()

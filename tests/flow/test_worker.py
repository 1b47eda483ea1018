"""The worker's pace."""

from __future__ import annotations

import pytest

from evergreen.flow import worker


@pytest.mark.parametrize("seconds", [0.01, 0.3, 0.9, 2.5])
def test_a_trickle_of_events_is_let_gather_and_a_backlog_is_not(seconds: float) -> None:
    """A step costs nearly the same for one event and for thousands: without rest a trickle kept a whole core busy."""
    rest = worker.pause_after(50, seconds)
    assert rest + seconds >= worker.MOVE_SECONDS
    assert rest >= seconds, "the mover works at most half of its time"
    assert worker.pause_after(worker.BACKLOG_EVENTS, seconds) == 0

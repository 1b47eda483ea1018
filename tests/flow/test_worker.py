"""The worker's pace, and which jobs wait for which."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest

from evergreen.base import env
from evergreen.base.jobs import start_job
from evergreen.base.models import Job
from evergreen.flow import worker
from evergreen.foresight import jobs as learning


@pytest.mark.parametrize("seconds", [0.01, 0.3, 0.9, 2.5])
def test_a_trickle_of_events_is_let_gather_and_a_backlog_is_not(seconds: float) -> None:
    """A step costs nearly the same for one event and for thousands: without rest a trickle kept a whole core busy."""
    rest = worker.pause_after(50, seconds)
    assert rest + seconds >= worker.MOVE_SECONDS
    assert rest >= seconds, "the mover works at most half of its time"
    assert worker.pause_after(worker.BACKLOG_EVENTS, seconds) == 0


@pytest.mark.django_db
def test_an_export_does_not_wait_for_minutes_of_learning(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[str, str]] = []

    def note(lane: str) -> Callable[..., None]:
        def run(job: Job, *, now: dt.datetime) -> None:
            done.append((lane, job.kind))
            Job.objects.filter(pk=job.pk).update(state=Job.State.DONE)

        return run

    # The test's own connection is not the worker's to close.
    monkeypatch.setattr(worker, "close_old_connections", lambda: None)
    now = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
    for kind in ("export", *learning.KINDS):
        start_job(kind, {}, by=None, now=now)
    mine = worker.Worker(env.home(), threading.Event())
    for lane, turn in (("jobs", mine._do_jobs), ("learners", mine._learn)):
        monkeypatch.setattr("evergreen.base.jobs.run_job", note(lane))
        turn()
    assert done == [("jobs", "export"), *(("learners", kind) for kind in learning.KINDS)]

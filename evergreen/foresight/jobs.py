"""Long work of this room; the worker finds it here."""

from __future__ import annotations

import datetime as dt
from typing import Any

from evergreen.base import clock
from evergreen.base.jobs import beat, job_kind, start_job
from evergreen.base.models import Job
from evergreen.foresight.risks.refitting import due, refit

KIND = "churn_refit"


@job_kind(KIND)
def learn_anew(job: Job) -> dict[str, Any]:
    """Learn a model for each of ``params`` {"horizons": [days, …]}; returns the state of each."""
    found = {}
    horizons = job.params["horizons"]
    for place, horizon in enumerate(horizons):

        def tell(step: str, done: int, total: int, place: int = place) -> None:
            beat(job, done=place, total=len(horizons), note=step, now=clock.utc_now())

        made = refit(horizon, now=clock.utc_now(), tell=tell)
        found[str(horizon)] = made.state
    return found


def start_if_due(*, now: dt.datetime) -> Job | None:
    """Put a job in the queue for the horizons for which nothing was learned, nor tried, for a week; None when there are none."""
    horizons = due(now)
    is_waiting = Job.objects.filter(kind=KIND, state__in=(Job.State.WAITING, Job.State.RUNNING)).exists()
    if not horizons or is_waiting:
        return None
    return start_job(KIND, {"horizons": horizons}, title="Learn who will be lost", by=None, now=now)

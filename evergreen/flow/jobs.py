"""Long work that the worker finds here: nights over a past span, past days of a metric, who will be lost learned anew."""

from __future__ import annotations

import datetime as dt
from typing import Any

from evergreen.base import clock
from evergreen.base.jobs import beat, job_kind
from evergreen.base.models import Job
from evergreen.events import store
from evergreen.flow import lists, night
from evergreen.flow.filling import fill_past_days
from evergreen.foresight.jobs import KIND
from evergreen.foresight.models import ChurnModel
from evergreen.foresight.risks.refitting import refit
from evergreen.foresight.risks.scoring import score_day
from evergreen.health.queries import newest_day

__all__ = ["build_history", "fill_past_days", "learn_who_will_be_lost"]


@job_kind("nights")
def build_history(job: Job) -> dict[str, Any]:
    """Run the nights of ``params`` {"from": day, "to": day}; returns the number of days and the last day's figures."""
    first, last = (dt.date.fromisoformat(job.params[key]) for key in ("from", "to"))

    def tell(step: str, done: int, total: int) -> None:
        beat(job, done=done, total=total, note=step, now=clock.utc_now())

    results = night.run_range(first, last, now=clock.utc_now(), progress=tell)
    return {"days": len(results), "last": results[-1]}


@job_kind(KIND)
def learn_who_will_be_lost(job: Job) -> dict[str, Any]:
    """Learn a model for each of ``params`` {"horizons": [days, …]}; returns the state of each.

    Where one goes into service, the risks of the newest night are told anew at once, so that nobody waits for the next one.
    """
    found = {}
    horizons = job.params["horizons"]
    for place, horizon in enumerate(horizons):

        def tell(step: str, done: int, total: int, place: int = place) -> None:
            beat(job, done=place, total=len(horizons), note=step, now=clock.utc_now())

        found[str(horizon)] = refit(horizon, now=clock.utc_now(), tell=tell).state
    if ChurnModel.State.CHAMPION in found.values() and (day := newest_day()) is not None:
        with store.session() as con:
            score_day(con, day)
        lists.refresh_lists()
    return found

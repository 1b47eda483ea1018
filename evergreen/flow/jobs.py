"""Long work that people start from pages: nights over a past span, past days of a metric. The worker finds it here."""

from __future__ import annotations

import datetime as dt
from typing import Any

from evergreen.base import clock
from evergreen.base.jobs import beat, job_kind
from evergreen.base.models import Job
from evergreen.flow import night
from evergreen.flow.filling import fill_past_days

__all__ = ["build_history", "fill_past_days"]


@job_kind("nights")
def build_history(job: Job) -> dict[str, Any]:
    """Run the nights of ``params`` {"from": day, "to": day}; returns the number of days and the last day's figures."""
    first, last = (dt.date.fromisoformat(job.params[key]) for key in ("from", "to"))

    def tell(step: str, done: int, total: int) -> None:
        beat(job, done=done, total=total, note=step, now=clock.utc_now())

    results = night.run_range(first, last, now=clock.utc_now(), progress=tell)
    return {"days": len(results), "last": results[-1]}

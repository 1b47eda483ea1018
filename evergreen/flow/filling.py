"""Past days of a declared metric, one after another, each under the night's lock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from evergreen.base import clock
from evergreen.base.jobs import beat, job_kind
from evergreen.base.models import Job
from evergreen.events import store
from evergreen.flow import night
from evergreen.metrics.declared import filling
from evergreen.metrics.declared.actions import count_from
from evergreen.metrics.models import DeclaredMetric

Tell = Callable[[int, int], None]


def fill(key: str, number: int, since: dt.date, *, tell: Tell, total: int = 0) -> int:
    """Compute a version for every day with a snapshot since ``since``, newest first; returns the days done.

    What is done counts at once, so whoever goes on after a kill goes on behind it. ``total`` is what ``tell`` counts
    against when days were done before.
    """
    version = filling.newest_version(key)
    days = filling.days_to_fill(since, version.counts_from)
    total = max(total, len(days))
    tell(total - len(days), total)
    # Connections grow with every commit that they see (store.READER_SECONDS), so a day has one of its own.
    for left, day in zip(range(len(days) - 1, -1, -1), days, strict=True):
        with night.alone(), store.session() as con:
            filling.fill_day(con, key, number, day, now=clock.utc_now())
        tell(total - left, total)
    count_from(DeclaredMetric.objects.get(key=key), number, since)
    return len(days)


@job_kind(filling.JOB)
def fill_past_days(job: Job) -> dict[str, Any]:
    """The job of ``params`` {"metric": key, "version": number, "since": day}."""
    params = job.params
    since = dt.date.fromisoformat(params["since"])

    def tell(done: int, total: int) -> None:
        beat(job, done=done, total=total, now=clock.utc_now())

    fill(params["metric"], params["version"], since, tell=tell, total=job.total)
    return {"days": job.total, "metric": params["metric"]}

"""Past days of a declared metric, many in a pass, each pass under the night's lock."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

from evergreen.base import clock
from evergreen.base.jobs import beat, job_kind
from evergreen.base.models import Job
from evergreen.events import store
from evergreen.flow import night
from evergreen.metrics import registry
from evergreen.metrics.across.figures import MOST_DAYS
from evergreen.metrics.declared import filling
from evergreen.metrics.declared.actions import count_from
from evergreen.metrics.models import DeclaredMetric

# A pass that takes longer is followed by one of half as many days, so that progress is told before a job counts as dead.
PASS_SECONDS = 30.0
Tell = Callable[[int, int], None]


def fill(key: str, number: int, since: dt.date, *, tell: Tell, total: int = 0) -> int:
    """Compute a version for every day with a snapshot since ``since``, newest first; returns the days done.

    What a pass did counts at once, so whoever goes on after a kill goes on behind it. ``total`` is what ``tell`` counts
    against when days were done before.
    """
    version = filling.newest_version(key)
    days = filling.days_to_fill(since, version.counts_from)
    total = max(total, len(days))
    tell(total - len(days), total)
    # Connections grow with every commit that they see (store.READER_SECONDS), so a pass has one of its own.
    done, most = 0, MOST_DAYS
    while done < len(days):
        began = time.monotonic()
        with night.alone(), registry.held(), store.session() as con:
            done += filling.fill_days(con, key, number, days[done : done + most], now=clock.utc_now())
        tell(total - len(days) + done, total)
        if time.monotonic() - began > PASS_SECONDS:
            most = max(most // 2, 1)
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

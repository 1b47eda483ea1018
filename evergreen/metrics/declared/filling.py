"""Past days of a declared metric: asked for by a person, computed as known then, from the newest day back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base.jobs import start_job
from evergreen.base.models import Job, User
from evergreen.metrics import actions, queries, registry
from evergreen.metrics.across.figures import MOST_DAYS
from evergreen.metrics.declared.actions import count_from
from evergreen.metrics.declared.definition import wrong
from evergreen.metrics.models import DeclaredMetric
from evergreen.metrics.registry import OnDay
from evergreen.metrics.rules import Metric

if TYPE_CHECKING:
    import duckdb

JOB = "metric.fill"


@transaction.atomic
def start_filling(metric: DeclaredMetric, since: dt.date, *, by: User | None, now: dt.datetime) -> Job:
    """Put into the queue: compute the newest version of a metric for every day since ``since`` that has a snapshot.

    Raises ValidationError where there is nothing to compute, or it is under way already.
    """
    version = check_filling(metric, since)
    days = len(days_to_fill(since, version.counts_from))
    title = _("Past days of %(key)s since %(day)s") % {"key": metric.key, "day": since}
    params = {"metric": metric.key, "version": version.metric.version, "since": since.isoformat()}
    return start_job(JOB, params, title=title, total=days, by=by, now=now)


def check_filling(metric: DeclaredMetric, since: dt.date) -> registry.Version:
    """The version to fill past days with. Raises ValidationError where there is nothing to fill."""
    if under_way(metric.key) is not None:
        said = _("Past days of %(key)s are being computed already; wait until that has ended, or cancel it.")
        raise ValidationError({"since": said % {"key": metric.key}})
    version = newest_version(metric.key)
    if since >= version.counts_from:
        allowed = _("a day before %(day)s, from which on version %(n)s counts already") % {
            "day": version.counts_from,
            "n": version.metric.version,
        }
        raise ValidationError({"since": wrong(_("since"), since, allowed)})
    if not days_to_fill(since, version.counts_from):
        said = _(
            "No day since %(since)s has a snapshot. Past days are computed under Imports, Build history."
        )
        raise ValidationError({"since": said % {"since": since}})
    return version


def newest_version(key: str) -> registry.Version:
    """The newest version of a declared metric in use. Raises ValidationError where there is none."""
    known = registry.current()
    if key not in known.metrics or key not in known.versions:
        raise ValidationError(_("There is no metric %(key)s in use.") % {"key": key})
    return known.versions[key][-1]


def under_way(key: str) -> Job | None:
    """The job that fills past days of a metric now, or waits to."""
    states = [Job.State.WAITING, Job.State.RUNNING]
    return Job.objects.filter(kind=JOB, state__in=states, params__metric=key).order_by("-pk").first()


def days_to_fill(since: dt.date, before: dt.date) -> list[dt.date]:
    """Days with a snapshot from ``since`` on and before ``before``, newest first."""
    return [day for day in reversed(queries.snapshot_days()) if since <= day < before]


def fill_days(
    con: duckdb.DuckDBPyConnection, key: str, number: int, days: Sequence[dt.date], *, now: dt.datetime
) -> int:
    """Compute a version of a metric for the first of ``days`` (newest first), as many as one pass takes, each as known
    then; from there on the version counts. Returns how many are done.

    The caller holds the night's lock. Raises ValidationError when the version is not the newest one any more.
    """
    version = newest_version(key)
    if version.metric.version != number:
        said = _("Version %(n)s of %(key)s was replaced by version %(newest)s; days done so far are kept.")
        raise ValidationError(said % {"n": number, "key": key, "newest": version.metric.version})
    wanted = _definitions(version.metric, days[0])
    alike = list(takewhile(lambda day: _definitions(version.metric, day) == wanted, days[:MOST_DAYS]))
    done = alike[: actions.refill(con, alike, key, now=now, wanted=wanted)]
    if queries.newest_day() in done:
        actions.write_newest(con, done[0])
    count_from(DeclaredMetric.objects.get(key=key), number, done[-1])
    return len(done)


def _definitions(metric: Metric, day: dt.date) -> OnDay:
    """The definitions in force on a day, with this one."""
    on_day = registry.current().on(day)
    metrics = (*(one for one in on_day.metrics if one.key != metric.key), metric)
    absent = tuple(one for one in on_day.absent if one.key != metric.key)
    # What the metric does not read and does not feed may have changed on any day.
    wanted = OnDay(metrics, absent)
    return wanted.closure({metric.key} | wanted.dependents(metric.key))

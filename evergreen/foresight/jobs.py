"""Learning by schedule. ``flow.jobs`` does what the models of losses need, for it changes lists too."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils import translation
from django.utils.translation import gettext, gettext_noop

from evergreen.base import clock, queries
from evergreen.base.jobs import beat, job_kind, start_job
from evergreen.base.models import Job, User
from evergreen.foresight.expansion import learning
from evergreen.foresight.recommendations import learning as recommending
from evergreen.foresight.risks.refitting import HORIZONS, due
from evergreen.foresight.twin import outlooks, record

KIND = "churn_refit"
EXPANSION = "expansion_refresh"
RECOMMENDATIONS = "recommendations_refresh"
OUTLOOK = "twin_outlook"
BACKTEST = "twin_backtest"
_TITLES = {
    KIND: gettext_noop("Learn who will be lost"),
    EXPANSION: gettext_noop("Learn who will buy more"),
    RECOMMENDATIONS: gettext_noop("Learn what to recommend"),
    OUTLOOK: gettext_noop("Twelve months ahead"),
    BACKTEST: gettext_noop("Hold the digital twin against what happened"),
}
# Done beside other jobs, one of these after another. Who asked for an outlook waits for it, so it does not stand behind minutes of learning.
KINDS = (KIND, EXPANSION, RECOMMENDATIONS, BACKTEST)


@job_kind(EXPANSION)
def suggest_anew(job: Job) -> dict[str, Any]:
    """Learn who buys more and write the suggestions; returns the state and how many are open."""

    def tell(step: str, done: int, total: int) -> None:
        beat(job, done=done, total=total, note=step, now=clock.utc_now())

    made = learning.learn(now=clock.utc_now(), tell=tell)
    return {"state": made.state, "suggestions": made.report.get("suggestions", 0)}


@job_kind(RECOMMENDATIONS)
def learn_what_helps(job: Job) -> dict[str, Any]:
    """Learn what goes together and what helped; returns the day it is of."""

    def tell(step: str, done: int, total: int) -> None:
        beat(job, done=done, total=total, note=step, now=clock.utc_now())

    return {"day": str(recommending.learn(now=clock.utc_now(), tell=tell).day)}


@job_kind(OUTLOOK)
def look_ahead(job: Job) -> dict[str, Any]:
    """Simulate the accounts of ``params`` {segment, user} with the rights that the person has now; returns how many."""

    def tell(done: int, total: int) -> None:
        beat(job, done=done, total=total, now=clock.utc_now())

    user = User.objects.get(pk=job.params["user"])
    # Why there is no answer is read by whoever asked.
    with translation.override(user.language or queries.setting("language")):
        made = outlooks.make(job.params["segment"], user, now=clock.utc_now(), tell=tell)
    return {"outlook": made.pk, "accounts": made.report["accounts"]}


@job_kind(BACKTEST)
def hold_against_the_past(job: Job) -> dict[str, Any]:
    """Run the twin's backtest and keep it; returns how many outcomes it was held against."""

    def tell(step: str, done: int, total: int) -> None:
        beat(job, done=done, total=total, note=step, now=clock.utc_now())

    made = record.make(now=clock.utc_now(), tell=tell)
    return {"outcomes": sum(one["n"] for one in made.report.get("all", []))}


def start_outlook(segment: str, *, name: str, by: User, now: dt.datetime) -> Job:
    """Put a segment's (blank: the book's) twelve months ahead in the queue; one that waits there already for this person is that."""
    params = {"segment": segment, "user": by.pk}
    title = f"{gettext(_TITLES[OUTLOOK])}: {name}"
    return outlook_under_way(segment, by) or start_job(OUTLOOK, params, title=title, by=by, now=now)


def outlook_under_way(segment: str, user: User) -> Job | None:
    """The job that a person waits for."""
    waiting = Job.objects.filter(
        kind=OUTLOOK, state__in=(Job.State.WAITING, Job.State.RUNNING), created_by=user
    )
    return next((job for job in waiting if job.params["segment"] == segment), None)


def start_recommendations(*, by: User | None, now: dt.datetime) -> Job:
    """Put the learning of recommendations in the queue, unless it waits there already."""
    return _started(RECOMMENDATIONS, {}, by=by, now=now)


def start_expansion(*, by: User | None, now: dt.datetime) -> Job:
    """Put the learning of purchases in the queue, unless it waits there already."""
    return _started(EXPANSION, {}, by=by, now=now)


def start_risks(*, by: User | None, now: dt.datetime) -> Job:
    """Put the learning of losses in the queue, for every horizon, unless it waits there already."""
    return _started(KIND, {"horizons": list(HORIZONS)}, total=len(HORIZONS), by=by, now=now)


def start_due(*, now: dt.datetime) -> list[Job]:
    """Put everything in the queue that was not learned for a week."""
    jobs = [start_if_due(now=now)]
    if learning.is_due(now):
        jobs.append(start_expansion(by=None, now=now))
    if recommending.is_due(now):
        jobs.append(start_recommendations(by=None, now=now))
    if record.is_due(now):
        jobs.append(_started(BACKTEST, {}, by=None, now=now))
    return [job for job in jobs if job is not None]


def start_if_due(*, now: dt.datetime) -> Job | None:
    """Put a job in the queue for the horizons for which nothing was learned, nor tried, for a week; None when there are none."""
    horizons = due(now)
    if not horizons or _under_way(KIND) is not None:
        return None
    return _started(KIND, {"horizons": horizons}, by=None, now=now)


def _started(kind: str, params: dict[str, Any], *, total: int = 0, by: User | None, now: dt.datetime) -> Job:
    """A new job; one that is under way already is that."""
    title = gettext(_TITLES[kind])
    return _under_way(kind) or start_job(kind, params, title=title, total=total, by=by, now=now)


def _under_way(kind: str) -> Job | None:
    return Job.objects.filter(kind=kind, state__in=(Job.State.WAITING, Job.State.RUNNING)).first()

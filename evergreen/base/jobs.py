"""Long work that a person starts: rows claimed by a filtered update, with progress and a heartbeat.

A worker that dies leaves its job RUNNING with an old heartbeat; after ``job_stale_seconds`` another takes it
up, so a kind's function must be able to begin again. ``attempts`` is the fence: a worker thought dead can no
longer write.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Collection
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from evergreen.base import queries
from evergreen.base.actions import audit
from evergreen.base.models import Job, User

log = logging.getLogger(__name__)

Run = Callable[[Job], dict[str, Any]]
_KINDS: dict[str, Run] = {}


class JobCancelled(Exception):  # noqa: N818  it is no error
    """Somebody cancelled the job, or another worker took it up: stop and write nothing more."""


def job_kind(name: str) -> Callable[[Run], Run]:
    """Register the function that does jobs of a kind. It gets the job and returns its result (JSON)."""

    def keep(run: Run) -> Run:
        if _KINDS.setdefault(name, run) is not run:
            raise ValueError(
                f"The job kind {name!r} is registered twice: {_KINDS[name].__module__} and {run.__module__}."
            )
        return run

    return keep


def kinds() -> list[str]:
    return sorted(_KINDS)


@transaction.atomic
def start_job(
    kind: str, params: dict[str, Any], *, title: str = "", total: int = 0, by: User | None, now: dt.datetime
) -> Job:
    """Put a job in the queue; a worker takes it up."""
    job = Job.objects.create(
        kind=kind, params=params, title=_short(title, 200), total=total, created_by=by, created_at=now
    )
    audit("job.started", "job", [job.pk], by=by, now=now, after={"kind": kind, "title": job.title})
    return job


def claim_job(
    worker: str, *, only: Collection[str] = (), without: Collection[str] = (), now: dt.datetime
) -> Job | None:
    """Take the oldest waiting job, or one whose worker fell silent; None when there is nothing to do. ``only`` and
    ``without`` name kinds: who does jobs of one kind beside the others lets neither wait for the other.

    A job that lost its worker ``job_attempts`` times fails instead: it would take down every worker in turn.
    """
    settings = queries.all_settings()
    stale = now - dt.timedelta(seconds=settings["job_stale_seconds"])
    free = Q(state=Job.State.WAITING) | Q(state=Job.State.RUNNING, heartbeat_at__lt=stale)
    lane = Job.objects.filter(free).exclude(kind__in=without)
    lane = lane.filter(kind__in=only) if only else lane
    for job in lane.order_by("created_at", "pk")[:20]:
        same = Job.objects.filter(
            pk=job.pk, state=job.state, attempts=job.attempts, heartbeat_at=job.heartbeat_at
        )
        if job.attempts >= settings["job_attempts"]:
            same.update(
                state=Job.State.FAILED,
                ended_at=now,
                error=_(
                    "Its worker stopped %(n)s times without finishing. What was done is kept; start it again."
                )
                % {"n": job.attempts},
            )
            continue
        if same.update(
            state=Job.State.RUNNING,
            claimed_by=worker[:80],
            attempts=F("attempts") + 1,
            heartbeat_at=now,
            started_at=job.started_at or now,
        ):
            job.refresh_from_db()
            return job
    return None


def beat(job: Job, *, done: int, total: int | None = None, note: str = "", now: dt.datetime) -> None:
    """Say how far the job is and that its worker lives. Raises JobCancelled when the job is no longer ours.

    Call it outside a transaction that stays open for long, or nobody sees the progress.
    """
    fields: dict[str, Any] = {"done": done, "heartbeat_at": now}
    if note:
        fields["note"] = _short(note, 300)
    if total is not None:
        fields["total"] = total
    if not _ours(job).update(**fields):
        raise JobCancelled(f"Job {job.pk} ({job.kind}) was cancelled or taken up by another worker.")
    for name, value in fields.items():
        setattr(job, name, value)


def finish(job: Job, result: dict[str, Any], *, now: dt.datetime) -> None:
    """Mark the job done with its result. Raises JobCancelled when it is no longer ours."""
    _end(job, state=Job.State.DONE, result=result, ended_at=now)


def fail(job: Job, error: str, *, now: dt.datetime) -> None:
    """Mark the job failed with what a person should read. Raises JobCancelled when it is no longer ours."""
    _end(job, state=Job.State.FAILED, error=error, ended_at=now)


@transaction.atomic
def cancel(job: Job, *, by: User | None, now: dt.datetime) -> None:
    """Stop a job: a waiting one at once, a running one at its next beat. One that is over stays as it is."""
    open_states = [Job.State.WAITING, Job.State.RUNNING]
    if Job.objects.filter(pk=job.pk, state__in=open_states).update(state=Job.State.CANCELLED, ended_at=now):
        audit("job.cancelled", "job", [job.pk], by=by, now=now, after={"kind": job.kind})
    job.refresh_from_db()


def run_job(job: Job, *, now: dt.datetime) -> None:
    """Do a claimed job and mark how it ended. Never raises for what the job's own function raises."""
    began = time.monotonic()

    def then() -> dt.datetime:
        return now + dt.timedelta(seconds=time.monotonic() - began)

    try:
        run = _KINDS.get(job.kind)
        if run is None:
            known = ", ".join(kinds()) or "-"
            fail(job, f"No worker knows the job kind {job.kind!r}. Known kinds: {known}.", now=then())
            return
        try:
            result = run(job)
        except JobCancelled:
            raise
        except ValidationError as error:
            fail(job, "\n".join(error.messages), now=then())
        except Exception as error:
            log.exception("job %s (%s) failed", job.pk, job.kind)
            fail(job, f"{type(error).__name__}: {error}", now=then())
        else:
            finish(job, result, now=then())
    except JobCancelled as stop:
        log.info("%s", stop)
        job.refresh_from_db()


def _ours(job: Job) -> Any:
    return Job.objects.filter(
        pk=job.pk, state=Job.State.RUNNING, claimed_by=job.claimed_by, attempts=job.attempts
    )


def _end(job: Job, **fields: Any) -> None:
    if not _ours(job).update(**fields):
        raise JobCancelled(f"Job {job.pk} ({job.kind}) was cancelled or taken up by another worker.")
    for name, value in fields.items():
        setattr(job, name, value)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from evergreen.base import actions, jobs
from evergreen.base.models import AuditEntry, Job

MINUTE = dt.timedelta(minutes=1)


@pytest.fixture(autouse=True)
def own_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds registered by a test are forgotten after it."""
    monkeypatch.setattr(jobs, "_KINDS", {})


def started(now: dt.datetime, kind: str = "count", **params: Any) -> Job:
    return jobs.start_job(kind, params, title="Count", total=10, by=None, now=now)


def claimed(now: dt.datetime, kind: str = "count", worker: str = "one") -> Job:
    started(now, kind)
    job = jobs.claim_job(worker, now=now)
    assert job is not None
    return job


def test_a_job_is_claimed_once_and_the_oldest_first(db: None, now: dt.datetime) -> None:
    second, first = started(now), started(now - MINUTE)
    taken = [jobs.claim_job(worker, now=now) for worker in ("one", "two", "three")]
    assert [job.pk if job else None for job in taken] == [first.pk, second.pk, None]
    assert taken[0] and taken[0].claimed_by == "one" and taken[0].attempts == 1 and taken[0].started_at == now


def test_a_job_runs_and_keeps_its_result(db: None, now: dt.datetime) -> None:
    @jobs.job_kind("count")
    def count(job: Job) -> dict[str, Any]:
        jobs.beat(job, done=5, total=20, note="half", now=now + MINUTE)
        return {"counted": job.params.get("rows", 0)}

    job = jobs.start_job("count", {"rows": 7}, by=None, now=now)
    taken = jobs.claim_job("one", now=now)
    assert taken is not None
    jobs.run_job(taken, now=now)
    job.refresh_from_db()
    assert (job.state, job.result, job.done, job.total, job.note) == ("done", {"counted": 7}, 5, 20, "half")
    assert job.ended_at is not None and job.is_over and job.share == 0.25


def test_a_job_that_raises_fails_with_what_a_person_should_read(db: None, now: dt.datetime) -> None:
    @jobs.job_kind("count")
    def count(job: Job) -> dict[str, Any]:
        raise ValidationError("Column amount: “abc” is no number.")

    @jobs.job_kind("crash")
    def crash(job: Job) -> dict[str, Any]:
        raise RuntimeError("the disk is full")

    for kind, said in (
        ("count", "Column amount: “abc” is no number."),
        ("crash", "RuntimeError: the disk is full"),
    ):
        job = claimed(now, kind)
        jobs.run_job(job, now=now)
        job.refresh_from_db()
        assert (job.state, job.error) == (Job.State.FAILED, said)


def test_an_unknown_kind_fails_and_names_the_known_ones(db: None, now: dt.datetime) -> None:
    jobs.job_kind("import")(lambda job: {})
    job = claimed(now, "imprt")
    jobs.run_job(job, now=now)
    assert job.state == Job.State.FAILED and "'imprt'" in job.error and "import" in job.error


def test_a_silent_workers_job_is_taken_up_and_the_old_worker_can_no_longer_write(
    db: None, now: dt.datetime
) -> None:
    old = claimed(now)
    assert jobs.claim_job("two", now=now + MINUTE) is None
    new = jobs.claim_job("two", now=now + 3 * MINUTE)
    assert new is not None and new.pk == old.pk and new.attempts == 2 and new.started_at == now
    writes: tuple[Callable[[], None], ...] = (
        lambda: jobs.beat(old, done=3, now=now + 4 * MINUTE),
        lambda: jobs.finish(old, {}, now=now + 4 * MINUTE),
        lambda: jobs.fail(old, "no", now=now + 4 * MINUTE),
    )
    for write in writes:
        with pytest.raises(jobs.JobCancelled):
            write()
    jobs.finish(new, {"ok": True}, now=now + 5 * MINUTE)
    old.refresh_from_db()
    assert old.state == Job.State.DONE and old.result == {"ok": True}


def test_the_same_worker_that_takes_its_job_up_again_fences_off_its_former_self(
    db: None, now: dt.datetime
) -> None:
    old = claimed(now)
    assert jobs.claim_job("one", now=now + 3 * MINUTE) is not None
    with pytest.raises(jobs.JobCancelled):
        jobs.beat(old, done=1, now=now + 3 * MINUTE)


def test_a_heartbeat_keeps_a_job_with_its_worker(db: None, now: dt.datetime) -> None:
    job = claimed(now)
    jobs.beat(job, done=1, now=now + 2 * MINUTE)
    assert jobs.claim_job("two", now=now + 3 * MINUTE) is None


def test_the_time_until_a_job_is_taken_up_is_a_setting(db: None, now: dt.datetime) -> None:
    claimed(now)
    actions.change_setting("job_stale_seconds", 30, by=None, now=now)
    assert jobs.claim_job("two", now=now + MINUTE) is not None


def test_a_job_that_kills_its_workers_fails_after_three_of_them(db: None, now: dt.datetime) -> None:
    job = started(now)
    for attempt in range(3):
        assert jobs.claim_job(f"worker {attempt}", now=now + attempt * 3 * MINUTE) is not None
    assert jobs.claim_job("worker 4", now=now + 9 * MINUTE) is None
    job.refresh_from_db()
    assert job.state == Job.State.FAILED and "3" in job.error


def test_a_running_job_stops_at_its_next_beat_when_cancelled(db: None, now: dt.datetime) -> None:
    seen = []

    @jobs.job_kind("count")
    def count(job: Job) -> dict[str, Any]:
        jobs.cancel(Job.objects.get(pk=job.pk), by=None, now=now)
        seen.append("before")
        jobs.beat(job, done=1, now=now)
        seen.append("after")
        return {}

    job = claimed(now)
    jobs.run_job(job, now=now)
    assert seen == ["before"] and job.state == Job.State.CANCELLED


def test_a_job_that_is_over_cannot_be_cancelled(db: None, now: dt.datetime) -> None:
    job = claimed(now)
    jobs.finish(job, {}, now=now)
    jobs.cancel(job, by=None, now=now)
    assert job.state == Job.State.DONE
    assert not AuditEntry.objects.filter(verb="job.cancelled").exists()


def test_a_kind_is_registered_once() -> None:
    jobs.job_kind("count")(lambda job: {})
    with pytest.raises(ValueError, match="registered twice"):
        jobs.job_kind("count")(lambda job: {})

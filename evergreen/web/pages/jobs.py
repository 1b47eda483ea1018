"""Long work: progress, cancelling, the file that it made."""

from __future__ import annotations

from pathlib import Path

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from evergreen.base import env, jobs
from evergreen.base.models import Job, User
from evergreen.web.downloads import download
from evergreen.web.requests import StaffRequest


def job_for(user: User, job_id: int) -> Job:
    """A job that the person started; Http404 otherwise. Those who configure see every job."""
    job = Job.objects.filter(pk=job_id).first()
    if job is None or (job.created_by_id != user.pk and not user.may_configure):
        raise Http404("There is no such job of yours.")
    return job


@require_GET
def show(request: StaffRequest, job_id: int) -> HttpResponse:
    return render(request, "parts/job.html", {"job": job_for(request.user, job_id)})


@require_POST
def cancellation(request: StaffRequest, job_id: int) -> HttpResponse:
    job = job_for(request.user, job_id)
    jobs.cancel(job, by=request.user, now=request.now)
    return render(request, "parts/job.html", {"job": job})


@require_GET
def file(request: StaffRequest, job_id: int) -> StreamingHttpResponse:
    """The file that a finished job left: ``result = {"file": stored name, "name": name to show}``."""
    job = job_for(request.user, job_id)
    stored = job.result.get("file", "") if job.state == Job.State.DONE else ""
    place = env.home().files / Path(stored).name
    if not stored or not place.is_file():
        raise Http404("The job has no file, or it was tidied away: start the export again.")
    return download(request, place, job.result.get("name") or place.name)


@require_GET
def index(request: StaffRequest) -> HttpResponse:
    """The person's newest jobs with their progress."""
    mine = Job.objects.filter(created_by=request.user).order_by("-created_at", "-pk")[:50]
    return render(request, "pages/jobs.html", {"jobs": mine})


urls = [
    path("jobs/", index, name="jobs"),
    path("jobs/<int:job_id>/", show, name="job"),
    path("jobs/<int:job_id>/cancellation/", cancellation, name="job-cancellation"),
    path("jobs/<int:job_id>/file/", file, name="job-file"),
]

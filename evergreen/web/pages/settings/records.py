"""What was done and what runs: jobs, nights, the audit log, and how the installation is."""

from __future__ import annotations

import sys

import django
import duckdb
from django.core.paginator import Paginator
from django.db import connection
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

import evergreen
from evergreen.base import env
from evergreen.base.models import Job, Progress
from evergreen.flow import examination
from evergreen.web import shell
from evergreen.web.configuring import configurers
from evergreen.web.presenters.settings.audit import Audit
from evergreen.web.requests import StaffRequest

NIGHTS = 14
CHECKS = {
    "records": _("Records"),
    "lake": _("History"),
    "journal": _("Journal"),
    "segments": _("Journal segments"),
    "disk": _("Disk"),
    "worker": _("Worker"),
    "keys": _("Write keys"),
    "nights": _("Nights"),
    "calendar": _("Working calendar"),
}


@configurers
@require_GET
def jobs(request: StaffRequest) -> HttpResponse:
    """Everybody's jobs and the marks of the last nights."""
    state = request.GET.get("state", "")
    rows = Job.objects.select_related("created_by").order_by("-created_at", "-pk")
    if state in Job.State.values:
        rows = rows.filter(state=state)
    page = Paginator(rows, request.vendor["page_rows"]).get_page(request.GET.get("page", "1"))
    nights = Progress.objects.order_by("-day", "-started_at")[: NIGHTS * 6]
    context = {"page": page, "state": state, "states": Job.State.choices, "nights": nights}
    return render(request, "pages/settings/jobs.html", context)


@configurers
@require_GET
def audit(request: StaffRequest) -> HttpResponse:
    return render(
        request, "pages/settings/audit.html", {"log": Audit(request.GET, request.vendor["timezone"])}
    )


@configurers
@require_GET
def about(request: StaffRequest) -> HttpResponse:
    """Which version, where it lives, how fresh it is. What doctor finds comes after the page stands."""
    context = {
        "version": evergreen.__version__,
        "home": env.home().root,
        "database": connection.vendor,
        "versions": {
            "Python": sys.version.split()[0],
            "Django": django.get_version(),
            "DuckDB": duckdb.__version__,
        },
        "night": shell.newest_night(),
    }
    return render(request, "pages/settings/about.html", context)


@configurers
@require_GET
def findings(request: StaffRequest) -> HttpResponse:
    context = {"findings": list(examination.examine(env.home())), "labels": CHECKS}
    return render(request, "pages/settings/findings.html", context)


urls = [
    path("settings/jobs/", jobs, name="settings-jobs"),
    path("settings/audit/", audit, name="settings-audit"),
    path("settings/about/", about, name="settings-about"),
    path("settings/about/findings/", findings, name="settings-findings"),
]

"""Experiments: a table brought in, set up, compared, decided."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST

from evergreen.base.actions import audit
from evergreen.outcomes.experiments import actions
from evergreen.outcomes.models import Experiment
from evergreen.web import formats, uploads
from evergreen.web.configuring import configurers
from evergreen.web.downloads import csv_file
from evergreen.web.presenters.experiments import ExperimentPage
from evergreen.web.presenters.playbooks.running import running
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say


@csrf_exempt  # checked in _receive, after the handler that streams the file is in place
@require_http_methods(["GET", "POST"])
def index(request: StaffRequest) -> HttpResponse:
    """Every experiment; POST brings a table."""
    if request.method == "POST":
        handler = uploads.IntoFiles(request, request.vendor["import_mb"])
        request.upload_handlers = [handler]
        return _receive(request, handler)
    pages = [
        ExperimentPage(one) for one in Experiment.objects.select_related("created_by", "decided_by")[:200]
    ]
    context = {"pages": pages, "running": running(request.user, request.now)}
    return render(request, "pages/experiments/index.html", context)


@configurers  # before the file is read
@csrf_protect
def _receive(request: StaffRequest, handler: uploads.IntoFiles) -> HttpResponse:
    file = request.FILES.get("file")
    if handler.is_too_large:
        said = _("The file is larger than %(most)s MB. Split it, or have the limit raised in the settings.")
        complain(request, said % {"most": formats.number(request.vendor["import_mb"])})
    elif not isinstance(file, uploads.Stored):
        complain(request, _("No file came. Choose one or drop it on the field. Nothing was kept."))
    else:
        try:
            kept = actions.bring(
                file.path.name, file.name or "file", name=request.POST.get("name", ""),
                hypothesis=request.POST.get("hypothesis", ""), by=request.user, now=request.now,
            )  # fmt: skip
        except ValidationError as error:
            file.path.unlink(missing_ok=True)
            complain(request, " ".join(error.messages))
        else:
            return _to(request, reverse("experiment", args=[kept.pk]))
    return _to(request, reverse("experiments"))


def _to(request: StaffRequest, address: str) -> HttpResponse:
    if request.htmx:
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


@require_http_methods(["GET", "POST"])
def show(request: StaffRequest, pk: int) -> HttpResponse:
    """One experiment; sent, what is compared. Refused input is shown again."""
    experiment = get_object_or_404(Experiment, pk=pk)
    if request.method == "GET":
        return render(request, "pages/experiments/experiment.html", {"page": ExperimentPage(experiment)})
    return _compared(request, experiment)


@configurers
def _compared(request: StaffRequest, experiment: Experiment) -> HttpResponse:
    # The one that decides stands first, whatever the order of the columns.
    outcomes = list(
        dict.fromkeys(filter(None, [request.POST.get("decides", ""), *request.POST.getlist("outcomes")]))
    )
    try:
        actions.compare(
            experiment, arm=request.POST.get("arm", ""), control=request.POST.get("control", ""),
            outcomes=outcomes, covariate=request.POST.get("covariate", ""),
            by=request.user, now=request.now,
        )  # fmt: skip
    except ValidationError as error:
        page = ExperimentPage(experiment, request.POST)
        page.problems = error.messages
        return render(request, "pages/experiments/experiment.html", {"page": page}, status=422)
    return HttpResponseRedirect(reverse("experiment", args=[experiment.pk]))


@configurers
@require_POST
def decision(request: StaffRequest, pk: int) -> HttpResponse:
    """Write down what was decided and why."""
    experiment = get_object_or_404(Experiment, pk=pk)
    try:
        actions.decide(
            experiment, request.POST.get("decision", ""), reason=request.POST.get("reason", ""),
            by=request.user, now=request.now,
        )  # fmt: skip
    except ValidationError as error:
        complain(request, " ".join(error.messages))
    else:
        say(request, _("The decision is written down."))
    return HttpResponseRedirect(reverse("experiment", args=[pk]))


@configurers
@require_POST
def removal(request: StaffRequest, pk: int) -> HttpResponse:
    """Throw an experiment away with its file."""
    experiment = get_object_or_404(Experiment, pk=pk)
    name = experiment.name
    actions.throw_away(experiment, by=request.user, now=request.now)
    say(request, _("%(name)s is deleted, with its file.") % {"name": name})
    return HttpResponseRedirect(reverse("experiments"))


@require_POST
def export(request: StaffRequest, pk: int) -> HttpResponse:
    """Every reading as CSV."""
    page = ExperimentPage(get_object_or_404(Experiment, pk=pk))
    audit("experiment.exported", "export", [], by=request.user, now=request.now, after={"experiment": pk})
    return csv_file(page.rows(), f"experiment-{pk}-{request.today:%Y-%m-%d}.csv")


urls = [
    path("experiments/", index, name="experiments"),
    path("experiments/<int:pk>/", show, name="experiment"),
    path("experiments/<int:pk>/decision/", decision, name="experiment-decision"),
    path("experiments/<int:pk>/removal/", removal, name="experiment-removal"),
    path("experiments/<int:pk>/export/", export, name="experiment-export"),
]

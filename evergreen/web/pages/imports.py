"""Imports: bring a file in, say what its columns are, try, load, correct; and compute past days."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evergreen.base import jobs
from evergreen.base.models import Job
from evergreen.events.imports.mapping import MappingError, read_mapping
from evergreen.events.imports.previews import Preview, preview
from evergreen.events.imports.records import RECORDS
from evergreen.events.sources.files import FileError
from evergreen.web import formats, uploads
from evergreen.web.configuring import configurers
from evergreen.web.downloads import download
from evergreen.web.models import Upload
from evergreen.web.presenters.imports import history as past
from evergreen.web.presenters.imports.mapping_form import (
    DELIMITERS,
    ENCODINGS,
    MappingForm,
    definition_from,
    file_options,
    likeliest,
)
from evergreen.web.presenters.imports.runs import IMPORT, NIGHTS, Run, newest
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say


@csrf_exempt  # checked in _receive, after the handler that streams the file is in place
@configurers
@require_http_methods(["GET", "POST"])
def index(request: StaffRequest) -> HttpResponse:
    """The way in and what came in before; POST brings a file."""
    if request.method == "POST":
        handler = uploads.IntoFiles(request, request.vendor["import_mb"])
        request.upload_handlers = [handler]
        return _receive(request, handler)
    records = [(key, record.zh if formats.is_zh() else record.en) for key, record in RECORDS.items()]
    context = {"runs": newest(30, request.now), "uploads": Upload.objects.all()[:10], "records": records}
    return render(request, "pages/imports/index.html", context)


@csrf_protect
def _receive(request: StaffRequest, handler: uploads.IntoFiles) -> HttpResponse:
    file = request.FILES.get("file")
    if handler.is_too_large:
        said = _("The file is larger than %(most)s MB. Split it, or have the limit raised in the settings.")
        complain(request, said % {"most": formats.number(request.vendor["import_mb"])})
    elif not isinstance(file, uploads.Stored):
        complain(request, _("No file came. Choose one or drop it on the field. Nothing was kept."))
    else:
        record = request.POST.get("record", "")
        upload = uploads.keep(
            file, record=record if record in RECORDS else "", by=request.user, now=request.now
        )
        uploads.tidy(request.vendor["import_keep_days"], now=request.now)
        return _to(request, reverse("import-file", args=[upload.pk]))
    return _to(request, reverse("imports"))


@configurers
@require_http_methods(["GET", "POST"])
def file(request: StaffRequest, upload_id: int) -> HttpResponse:
    """A file with its first rows and its mapping; POST changes the mapping, tries it or loads by it."""
    upload = get_object_or_404(Upload, pk=upload_id)
    if request.method == "POST" and (chosen := request.POST.get("as")) in RECORDS:
        Upload.objects.filter(pk=upload.pk).update(record=chosen, definition={})
        return HttpResponseRedirect(request.path)
    try:
        looked = _look(upload)
    except FileError as error:
        said = str(error).replace(uploads.path_of(upload).name, upload.name)
        context = {"upload": upload, "error": said}
        return render(request, "pages/imports/unreadable.html", context, status=422)
    if request.method == "GET":
        return _mapping_page(request, upload, looked, upload.definition or looked.mapping, [])
    before = upload.definition or looked.mapping
    definition, problems = definition_from(request.POST, upload.record, looked.columns, before)
    if file_options(definition) != file_options(before):
        # Read another way, the file may have other columns.
        try:
            looked = preview(uploads.path_of(upload), file_options(definition), upload.record)
        except FileError as error:
            return _mapping_page(request, upload, looked, definition, [str(error)])
        definition["columns"] = looked.mapping.get("columns", {})
    Upload.objects.filter(pk=upload.pk).update(definition=definition)
    what = request.POST.get("do", "")
    if what not in {"try", "load"}:
        return HttpResponseRedirect(request.path)
    try:
        read_mapping(definition, upload.record)
    except MappingError as error:
        problems += error.problems
    if problems:
        return _mapping_page(request, upload, looked, definition, problems)
    job = _start(request, upload, definition, dry_run=what == "try")
    return HttpResponseRedirect(reverse("import-run", args=[job.pk]))


def _look(upload: Upload) -> Preview:
    """The first rows; finds out what kind of record it is where nobody said."""
    where = uploads.path_of(upload)
    options = file_options(upload.definition)
    if not upload.record:
        upload.record = likeliest(preview(where, options).columns)
        Upload.objects.filter(pk=upload.pk).update(record=upload.record)
    return preview(where, options, upload.record)


def _mapping_page(
    request: StaffRequest, upload: Upload, looked: Preview, definition: dict[str, Any], problems: list[str]
) -> HttpResponse:
    records = [(key, record.zh if formats.is_zh() else record.en) for key, record in RECORDS.items()]
    context = {
        "upload": upload,
        "preview": looked,
        "form": MappingForm(upload.record, looked, definition),
        "problems": problems,
        "records": records,
        "encodings": ENCODINGS,
        "delimiters": DELIMITERS,
    }
    return render(request, "pages/imports/file.html", context, status=422 if problems else 200)


def _start(request: StaffRequest, upload: Upload, definition: dict[str, Any], *, dry_run: bool) -> Job:
    params = {
        "file": upload.stored_as,
        "name": upload.name,
        "record": upload.record,
        "mapping": definition,
        "dry_run": dry_run,
    }
    title = _("Dry run of %(name)s") if dry_run else _("Import of %(name)s")
    return jobs.start_job(
        IMPORT, params, title=title % {"name": upload.name}, by=request.user, now=request.now
    )


@configurers
@require_POST
def removal(request: StaffRequest, upload_id: int) -> HttpResponse:
    upload = get_object_or_404(Upload, pk=upload_id)
    uploads.remove(upload, by=request.user, now=request.now)
    say(request, _("%(name)s is deleted. What was loaded from it stays.") % {"name": upload.name})
    return HttpResponseRedirect(reverse("imports"))


@configurers
@require_GET
def run(request: StaffRequest, job_id: int) -> HttpResponse:
    """A load with its progress, then its result."""
    job = get_object_or_404(Job, pk=job_id, kind__in=(IMPORT, NIGHTS))
    return render(request, "pages/imports/run.html", {"run": Run(job, request.now)})


@configurers
@require_POST
def loading(request: StaffRequest, job_id: int) -> HttpResponse:
    """Do a run again: a dry run now for good, a failed one once more."""
    job = get_object_or_404(Job, pk=job_id, kind__in=(IMPORT, NIGHTS))
    params = {**job.params, **({"dry_run": False} if job.kind == IMPORT else {})}
    name = params.get("name", "")
    title = _("Import of %(name)s") % {"name": name} if job.kind == IMPORT else job.title
    again = jobs.start_job(job.kind, params, title=title, by=request.user, now=request.now)
    return HttpResponseRedirect(reverse("import-run", args=[again.pk]))


@configurers
@require_POST
def cancellation(request: StaffRequest, job_id: int) -> HttpResponse:
    job = get_object_or_404(Job, pk=job_id, kind__in=(IMPORT, NIGHTS))
    jobs.cancel(job, by=request.user, now=request.now)
    return HttpResponseRedirect(reverse("import-run", args=[job.pk]))


@configurers
@require_GET
def rejects(request: StaffRequest, job_id: int) -> StreamingHttpResponse:
    """The rejected rows with their reasons, to be corrected and loaded again."""
    done = Run(get_object_or_404(Job, pk=job_id, kind=IMPORT), request.now)
    if done.rejects is None:
        raise Http404("There is no such file: nothing was rejected, or it was tidied away.")
    name = f"rejected-{Path(done.params.get('name') or 'rows').stem}.csv"
    return download(request, done.rejects, name)


@configurers
@require_http_methods(["GET", "POST"])
def history(request: StaffRequest) -> HttpResponse:
    """Which days are computed; POST has past days computed by the worker."""
    context = {"history": past.History(request.GET, request.today), "runs": newest(10, request.now, [NIGHTS])}
    if request.method == "GET":
        return render(request, "pages/imports/history.html", context)
    try:
        first, last = past.span_from(request.POST, request.today)
    except ValidationError as error:
        typed = {"first": request.POST.get("from", ""), "last": request.POST.get("to", "")}
        context = {**context, "problems": error.messages, "typed": typed}
        return render(request, "pages/imports/history.html", context, status=422)
    title = _("Nights from %(first)s to %(last)s") % {"first": first, "last": last}
    params = {"from": first.isoformat(), "to": last.isoformat()}
    total = (last - first).days + 1
    job = jobs.start_job(NIGHTS, params, title=title, total=total, by=request.user, now=request.now)
    return HttpResponseRedirect(reverse("import-run", args=[job.pk]))


def _to(request: StaffRequest, address: str) -> HttpResponse:
    if request.htmx:
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


urls = [
    path("imports/", index, name="imports"),
    path("imports/history/", history, name="imports-history"),
    path("imports/<int:upload_id>/", file, name="import-file"),
    path("imports/<int:upload_id>/removal/", removal, name="import-file-removal"),
    path("imports/runs/<int:job_id>/", run, name="import-run"),
    path("imports/runs/<int:job_id>/loading/", loading, name="import-run-loading"),
    path("imports/runs/<int:job_id>/cancellation/", cancellation, name="import-run-cancellation"),
    path("imports/runs/<int:job_id>/rejects/", rejects, name="import-run-rejects"),
]

"""The accounts page: list, new account, changes of one or many, exports, saved views."""

from __future__ import annotations

import tempfile
from pathlib import Path

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evergreen.base import jobs
from evergreen.base.actions import audit
from evergreen.customers import actions
from evergreen.customers.models import Account
from evergreen.customers.queries import account_for, accounts_for
from evergreen.web import jobs as kinds
from evergreen.web.downloads import csv_file
from evergreen.web.forms.accounts import AccountForm
from evergreen.web.forms.errors import add_errors
from evergreen.web.models import SavedView
from evergreen.web.presenters.accounts import changing, exporting, narrowing, ordering
from evergreen.web.presenters.accounts.columns import COLUMNS, Reader
from evergreen.web.presenters.accounts.columns import asked as asked_columns
from evergreen.web.presenters.accounts.table import VIEWS, Table, asked
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say

EDITED = {"owner", "stage", "tier"}


@require_http_methods(["GET", "POST"])
def index(request: StaffRequest) -> HttpResponse:
    """The list; POST writes a new account."""
    if request.method == "POST":
        return _create(request)
    table = Table(request.user, request.GET, request.vendor, request.today)
    return render(request, "pages/accounts/index.html", {"table": table})


def _create(request: StaffRequest) -> HttpResponse:
    form = AccountForm(request.POST, user=request.user)
    if form.is_valid():
        try:
            account = actions.create_account(**form.changes, by=request.user, now=request.now)
        except ValidationError as error:
            add_errors(form, error)
        else:
            say(request, _("%(name)s was added.") % {"name": account.name})
            return HttpResponse(status=204, headers={"HX-Redirect": reverse("account", args=[account.pk])})
    return render(request, "pages/accounts/form.html", {"form": form, "target": reverse("accounts")})


@require_GET
def new(request: StaffRequest) -> HttpResponse:
    """The form of a new account, fetched when its dialog opens."""
    form = AccountForm(user=request.user)
    return render(request, "pages/accounts/form.html", {"form": form, "target": reverse("accounts")})


@require_GET
def filters(request: StaffRequest) -> HttpResponse:
    """The form of filters, fetched when its dialog opens."""
    context = narrowing.form_context(request.user, request.GET, request.vendor["currency"])
    return render(request, "pages/accounts/filters.html", context)


@require_http_methods(["GET", "POST"])
def field(request: StaffRequest, account_id: int, name: str) -> HttpResponse:
    """One value of the table: GET offers the choices, POST sets one and answers with the cell."""
    account = account_for(request.user, account_id)
    if name not in EDITED:
        raise Http404
    if request.method == "GET":
        context = {"account": account, "name": name, "choices": narrowing.choices(account, name)}
        return render(request, "pages/accounts/choice.html", context)
    try:
        changing.change_one(account, name, request.POST.get("value", ""), by=request.user, now=request.now)
    except (ValidationError, PermissionDenied) as error:
        complain(request, " ".join(getattr(error, "messages", [str(error)])))
        account.refresh_from_db()
    reader = Reader(request.user, request.today, request.vendor["currency"])
    return HttpResponse(COLUMNS[name].cell(account, reader))


@require_GET
def values(request: StaffRequest) -> HttpResponse:
    """What the chosen rows may be set to, after a field was chosen."""
    name = request.GET.get("field", "")
    context = {"field": name, "choices": narrowing.choices(Account(), name) if name in EDITED else []}
    return render(request, "pages/accounts/values.html", context)


@require_POST
def changes(request: StaffRequest) -> HttpResponse:
    """The same change to the chosen rows, or (``whole``) to every account of the list."""
    query = QueryDict(request.POST.get("query", ""))
    try:
        change = changing.wanted(request.user, request.POST.get("field", ""), request.POST.get("value", ""))
        ids = _chosen(request, query)
        if len(ids) > request.vendor["direct_change_rows"]:
            return _later(request, query, len(ids))
        entries = changing.make(change, ids, by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
        return HttpResponse(status=204)
    count = sum(entry.objects_count for entry in entries)
    said = ngettext("%(n)s account changed.", "%(n)s accounts changed.", count) % {"n": count}
    say(request, said, undo=entries if len(entries) <= 100 else ())
    return HttpResponse(status=204, headers={"HX-Refresh": "true"})


def _chosen(request: StaffRequest, query: QueryDict) -> list[int]:
    """Keys of the chosen accounts that the person may see."""
    if request.POST.get("whole"):
        wanted, sort = asked(request.user, query, request.vendor["currency"])
        return ordering.all_keys(request.user, wanted, sort, request.today)
    ids = [int(value) for value in request.POST.getlist("ids") if value.isdigit()]
    if not ids:
        raise ValidationError(_("No account is chosen. Tick the rows to change."))
    return list(accounts_for(request.user).filter(pk__in=ids[:5000]).values_list("pk", flat=True))


def _later(request: StaffRequest, query: QueryDict, count: int) -> HttpResponse:
    params = {
        "user": request.user.pk,
        "query": query.urlencode(),
        "field": request.POST["field"],
        "value": request.POST["value"],
    }
    title = _("Changing %(n)s accounts") % {"n": count}
    job = jobs.start_job(kinds.CHANGE, params, title=title, total=count, by=request.user, now=request.now)
    return render(request, "parts/job.html", {"job": job})


@require_POST
def exports(request: StaffRequest) -> HttpResponse:
    """The whole list as a file; longer ones are made by the worker."""
    kind = request.POST.get("kind", "csv")
    if kind not in exporting.KINDS:
        raise Http404
    query = QueryDict(request.POST.get("query", ""))
    wanted, sort = asked(request.user, query, request.vendor["currency"])
    keys = ordering.all_keys(request.user, wanted, sort, request.today)
    audit(
        "accounts.exported",
        "export",
        [],
        by=request.user,
        now=request.now,
        after={"kind": kind, "rows": len(keys), "query": query.urlencode()},
    )
    if len(keys) > request.vendor["direct_export_rows"]:
        params = {"user": request.user.pk, "query": query.urlencode(), "kind": kind}
        title = _("Export of %(n)s accounts") % {"n": len(keys)}
        jobs.start_job(kinds.EXPORT, params, title=title, total=len(keys), by=request.user, now=request.now)
        return HttpResponse(status=303, headers={"Location": reverse("jobs")})
    reader = Reader(request.user, request.today, request.vendor["currency"], asked_columns(query))
    return _file(kind, keys, reader)


def _file(kind: str, keys: list[int], reader: Reader) -> HttpResponse:
    name = exporting.file_name(kind, reader.today)
    if kind == "csv":
        return csv_file(exporting.file_rows(keys, reader), name)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / name
        exporting.write_xlsx(target, keys, reader)
        return HttpResponse(target.read_bytes(), content_type=exporting.KINDS[kind], headers=headers)


@require_POST
def views(request: StaffRequest) -> HttpResponse:
    """Keep this address under a name; the same name of the same person is written anew."""
    name = request.POST.get("name", "").strip()[:80]
    if not name:
        complain(request, _("Give the view a name. Nothing was saved."))
        return HttpResponse(status=204)
    kept, _made = SavedView.objects.update_or_create(
        page=VIEWS,
        owner=request.user,
        name=name,
        defaults={
            "query": request.POST.get("query", "")[:2000],
            "is_shared": bool(request.POST.get("shared")),
        },
    )
    say(request, _("View “%(name)s” was saved.") % {"name": name})
    address = f"{reverse('accounts')}?{kept.query}&view={kept.pk}"
    return HttpResponse(status=204, headers={"HX-Redirect": address})


@require_POST
def view_removal(request: StaffRequest, view_id: int) -> HttpResponse:
    get_object_or_404(SavedView, pk=view_id, page=VIEWS, owner=request.user).delete()
    say(request, _("The view was removed."))
    return HttpResponse(status=204, headers={"HX-Redirect": reverse("accounts")})


urls = [
    path("accounts/", index, name="accounts"),
    path("accounts/new/", new, name="account-new"),
    path("accounts/filters/", filters, name="accounts-filters"),
    path("accounts/values/", values, name="accounts-values"),
    path("accounts/changes/", changes, name="accounts-changes"),
    path("accounts/exports/", exports, name="accounts-exports"),
    path("accounts/views/", views, name="accounts-views"),
    path("accounts/views/<int:view_id>/removal/", view_removal, name="accounts-view-removal"),
    path("accounts/<int:account_id>/fields/<slug:name>/", field, name="account-field"),
]

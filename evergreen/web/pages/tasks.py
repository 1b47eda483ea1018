"""Tasks: the list, one task, new ones, export."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evergreen.base.actions import audit
from evergreen.customers.listing import Filters, selected
from evergreen.web.chosen import account_named, colleagues_of
from evergreen.web.downloads import csv_file
from evergreen.web.forms.tasks import TaskForm, account_label
from evergreen.web.presenters.tasks import TaskList, alert_of, file_rows
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import say
from evergreen.work import actions
from evergreen.work.queries import task_for


@require_http_methods(["GET", "POST"])
def index(request: StaffRequest) -> HttpResponse:
    """The list; POST writes a new task."""
    if request.method == "POST":
        return _create(request)
    listed = TaskList(request.user, request.GET, request.vendor, request.today)
    return render(request, "pages/tasks/index.html", {"list": listed})


@require_GET
def new(request: StaffRequest) -> HttpResponse:
    """The form of a new task; ``account`` in the address fills it in."""
    account = account_named(request.user, request.GET.get("account", ""))
    initial = {"account": account_label(account) if account else "", "due_on": request.today}
    return _form(request, TaskForm(initial=initial, user=request.user))


def _create(request: StaffRequest) -> HttpResponse:
    form = TaskForm(request.POST, user=request.user)
    if form.is_valid():
        try:
            task = actions.add_task(**form.changes, by=request.user, now=request.now)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            say(request, _("The task is on the list of %(name)s.") % {"name": task.assignee or _("nobody")})
            return _answer(request, reverse("tasks"))
    return _form(request, form)


@require_http_methods(["GET", "POST"])
def show(request: StaffRequest, task_id: int) -> HttpResponse:
    """One task with its reason and cause; POST changes it."""
    task = task_for(request.user, task_id)
    if request.method == "GET":
        context = {"task": task, "alert": alert_of(task), "form": TaskForm.of(task, request.user)}
        return render(
            request, "pages/tasks/task.html", {**context, "colleagues": colleagues_of(request.user)}
        )
    form = TaskForm(request.POST, user=request.user, task=task)
    if form.is_valid():
        try:
            actions.update_task(task, form.changes, by=request.user, now=request.now)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            say(request, _("The task is changed."))
            return _answer(request, reverse("task", args=[task.pk]))
    context = {"task": task_for(request.user, task_id), "alert": alert_of(task), "form": form}
    return render(request, "pages/tasks/task.html", context, status=422)


@require_GET
def accounts(request: StaffRequest) -> HttpResponse:
    """Accounts whose name or id has these letters, to choose from while typing."""
    text = request.GET.get("account", "").strip()[:100]
    rows = selected(request.user, Filters(text=text), request.today).order_by("name_key", "pk")[:12]
    labels = [account_label(account) for account in rows] if text else []
    return render(request, "pages/tasks/accounts.html", {"labels": labels})


@require_POST
def export(request: StaffRequest) -> HttpResponse:
    """The tasks of the address as CSV."""
    listed = TaskList(request.user, request.GET, request.vendor, request.today)
    after = {"query": request.GET.urlencode()[:1000]}
    audit("tasks.exported", "export", [], by=request.user, now=request.now, after=after)
    rows = file_rows(listed.rows, sees_money=request.user.sees_money)
    return csv_file(rows, f"tasks-{request.today:%Y-%m-%d}.csv")


def _form(request: StaffRequest, form: TaskForm) -> HttpResponse:
    # HTMX shows only answers that are no errors.
    status = 422 if form.errors and not request.htmx else 200
    return render(request, "pages/tasks/new.html", {"form": form}, status=status)


def _answer(request: StaffRequest, address: str) -> HttpResponse:
    if request.htmx:
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


urls = [
    path("tasks/", index, name="tasks"),
    path("tasks/new/", new, name="task-new"),
    path("tasks/accounts/", accounts, name="task-accounts"),
    path("tasks/export/", export, name="tasks-export"),
    path("tasks/<int:task_id>/", show, name="task"),
]

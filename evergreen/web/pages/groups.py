"""Groups of customers: the list, one of them, registered by hand, written to."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evergreen.base.actions import audit
from evergreen.customers.models import Contact
from evergreen.customers.queries import accounts_for
from evergreen.touches.groups import looking, registering, writing
from evergreen.touches.models import Channel, CustomerGroup, GroupMember
from evergreen.web import formats
from evergreen.web.chosen import colleagues_of
from evergreen.web.configuring import configurers
from evergreen.web.downloads import csv_file
from evergreen.web.presenters.account.heading import may_edit
from evergreen.web.presenters.groups.listing import GroupList, file_rows
from evergreen.web.presenters.groups.page import GroupForm, GroupPage, Writing, channels
from evergreen.web.presenters.groups.words import HELD
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say


def _list(request: StaffRequest) -> GroupList:
    return GroupList(request.user, request.GET, request.vendor, request.now)


@require_GET
def index(request: StaffRequest) -> HttpResponse:
    return render(request, "pages/groups/index.html", {"list": _list(request), "channels": channels()})


@require_POST
def export(request: StaffRequest) -> HttpResponse:
    """The groups of the address as CSV."""
    after = {"query": request.GET.urlencode()[:1000]}
    audit("groups.exported", "export", [], by=request.user, now=request.now, after=after)
    return csv_file(file_rows(_list(request).all_lines), f"groups-{request.today:%Y-%m-%d}.csv")


@configurers
@require_POST
def readings(request: StaffRequest) -> HttpResponse:
    """Have the groups read from WeCom now, by the worker."""
    Channel.objects.filter(pk__in=[one.pk for one in channels()]).update(inbox_at=None)
    say(request, _("WeCom is being asked; what changed stands here within a minute or two."))
    return HttpResponseRedirect(reverse("groups"))


@require_http_methods(["GET", "POST"])
def new(request: StaffRequest) -> HttpResponse:
    return _edit(request, None)


@require_http_methods(["GET", "POST"])
def settings(request: StaffRequest, group_id: int) -> HttpResponse:
    return _edit(request, _group(request, group_id))


def _edit(request: StaffRequest, group: CustomerGroup | None) -> HttpResponse:
    _writers(request)
    posted = request.POST if request.method == "POST" else None
    form = GroupForm(request.user, group, posted, request.GET.get("account", "")[:200])
    if posted is not None:
        given = form.given
        try:
            if form.problems:
                raise ValidationError([])
            made = registering.save_group(group, given, by=request.user, now=request.now)
        except ValidationError as error:
            form.problems += error.messages
        else:
            say(request, _("%(name)s is saved.") % {"name": made.name})
            return _to(made)
    return render(request, "pages/groups/form.html", {"form": form}, status=422 if form.problems else 200)


@require_GET
def show(request: StaffRequest, group_id: int) -> HttpResponse:
    page = GroupPage(request.user, _group(request, group_id), request.now)
    return render(request, "pages/groups/group.html", {"page": page})


@require_POST
def people(request: StaffRequest, group_id: int) -> HttpResponse:
    """Say who is in a group that is kept by hand."""
    _writers(request)
    group = _group(request, group_id)
    asked = _numbers(request.POST.getlist("contacts"))
    contacts = list(Contact.objects.filter(pk__in=asked, account__in=accounts_for(request.user)))
    chosen = set(request.POST.getlist("staff"))
    staff = [one for one in colleagues_of(request.user) if str(one.pk) in chosen]
    names = (
        request.POST.get("names", "").replace("、", "\n").replace(",", "\n").replace("，", "\n").splitlines()
    )
    try:
        done = registering.add_people(group, contacts, names[:500], staff, by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
    else:
        said = ngettext("%(n)s person is in it now.", "%(n)s more people are in it now.", done)
        say(request, said % {"n": formats.number(done)})
    return _to(group)


@require_POST
def departure(request: StaffRequest, group_id: int, member_id: int) -> HttpResponse:
    _writers(request)
    group = _group(request, group_id)
    try:
        registering.remove_person(group, member_id, by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
    return _to(group)


@require_POST
def knowing(request: StaffRequest, group_id: int, member_id: int) -> HttpResponse:
    """Say which contact somebody in a group is."""
    _writers(request)
    group = _group(request, group_id)
    member = get_object_or_404(GroupMember, pk=member_id, group=group, is_ours=False)
    number = _numbers([request.POST.get("contact", "")])
    contact = (
        get_object_or_404(Contact, pk=number[0], account__in=accounts_for(request.user)) if number else None
    )
    registering.know(member, contact, by=request.user, now=request.now)
    say(request, _("%(name)s is known now, in every group.") % {"name": member.name})
    return _to(group)


@require_POST
def ending(request: StaffRequest, group_id: int) -> HttpResponse:
    _writers(request)
    group = _group(request, group_id)
    try:
        registering.end_group(group, is_over=group.ended_at is None, by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
    return _to(group)


@require_http_methods(["GET", "POST"])
def write(request: StaffRequest) -> HttpResponse:
    """A text to chosen groups: looked at first, then sent off."""
    _writers(request)
    asked = _numbers((request.POST if request.method == "POST" else request.GET).getlist("ids"))
    rows = looking.groups_for(request.user).filter(pk__in=asked, ended_at=None)
    groups = list(rows.prefetch_related("accounts").order_by("name"))
    if not groups:
        complain(request, _("Choose at least one group that is looked after."))
        return HttpResponseRedirect(reverse("groups"))
    form = Writing(request.user, groups, request.POST if request.method == "POST" else None, request.now)
    if request.method == "POST" and "send" in request.POST:
        try:
            _made, done = writing.broadcast(form.given, groups, by=request.user, now=request.now)
        except ValidationError as error:
            form.problems = error.messages
        else:
            said = _("To be confirmed by the owners of %(planned)s groups in WeCom; %(tasks)s tasks with the words are made.")  # fmt: skip
            say(
                request, said % {"planned": formats.number(done.planned), "tasks": formats.number(done.tasks)}
            )
            for group, why in done.held[:10]:
                complain(request, f"{group.name}: {HELD.get(why, why)}")
            return HttpResponseRedirect(reverse("groups"))
    return render(request, "pages/groups/writing.html", {"form": form}, status=422 if form.problems else 200)


def _group(request: StaffRequest, number: int) -> CustomerGroup:
    return get_object_or_404(looking.groups_for(request.user), pk=number)


def _writers(request: StaffRequest) -> None:
    if not may_edit(request.user):
        raise Http404("Whoever may only look changes nothing.")


def _numbers(texts: list[str]) -> list[int]:
    return [int(one) for one in texts if one.isdecimal() and len(one) < 19][:2_000]


def _to(group: CustomerGroup) -> HttpResponse:
    return HttpResponseRedirect(reverse("group", args=[group.pk]))


urls = [
    path("customer-groups/", index, name="groups"),
    path("customer-groups/export/", export, name="groups-export"),
    path("customer-groups/readings/", readings, name="group-readings"),
    path("customer-groups/new/", new, name="group-new"),
    path("customer-groups/writing/", write, name="group-writing"),
    path("customer-groups/<int:group_id>/", show, name="group"),
    path("customer-groups/<int:group_id>/settings/", settings, name="group-settings"),
    path("customer-groups/<int:group_id>/people/", people, name="group-people"),
    path("customer-groups/<int:group_id>/ending/", ending, name="group-ending"),
    path(
        "customer-groups/<int:group_id>/people/<int:member_id>/departure/", departure, name="group-departure"
    ),
    path("customer-groups/<int:group_id>/people/<int:member_id>/contact/", knowing, name="group-knowing"),
]

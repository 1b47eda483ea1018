"""What people do to chosen rows of Today, alerts and tasks: done, later, given away, judged, dropped."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from evergreen.flow.needs import actions
from evergreen.flow.needs.actions import Chosen
from evergreen.web import formats
from evergreen.web.chosen import chosen, day_named, person_named, undoable
from evergreen.web.pages.signin import own_path
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say

Act = Callable[[StaffRequest, Chosen], str]


def acts(act: Act) -> Callable[[StaffRequest], HttpResponse]:
    """A view that does something to the chosen rows and says what. Wrong input changes nothing."""

    @require_POST
    @wraps(act)
    def view(request: StaffRequest) -> HttpResponse:
        try:
            said = act(request, chosen(request.user, request.POST.getlist("ids")))
        except ValidationError as error:
            complain(request, " ".join(error.messages))
        else:
            say(request, said, undo=undoable(request))
        return rows_changed(request)

    return view


def rows_changed(request: StaffRequest) -> HttpResponse:
    """Have the page show its rows again."""
    if request.htmx:
        return HttpResponse(status=204, headers={"HX-Trigger": '{"rows-changed": true}'})
    return HttpResponseRedirect(own_path(request.POST.get("next", "/")))


@acts
def completion(request: StaffRequest, rows: Chosen) -> str:
    outcome = request.POST.get("outcome", "")
    answer = request.POST.get("answer", "")
    count = actions.complete(rows, by=request.user, now=request.now, outcome=outcome, answer=answer)
    if not count:
        return _("That was done already.")
    return ngettext("%(n)s thing done.", "%(n)s things done.", count) % {"n": count}


@acts
def postponement(request: StaffRequest, rows: Chosen) -> str:
    until = day_named(request.POST.get("until", ""))
    count = actions.postpone(rows, until, by=request.user, now=request.now, today=request.today)
    text = ngettext("Comes back on %(day)s.", "%(n)s things come back on %(day)s.", count)
    return text % {"n": count, "day": formats.day(until)}


@acts
def assignment(request: StaffRequest, rows: Chosen) -> str:
    person = person_named(request.user, request.POST.get("person", ""))
    count = actions.hand_over(rows, person, by=request.user, now=request.now)
    if person is None:
        return ngettext("%(n)s task is nobody's now.", "%(n)s tasks are nobody's now.", count) % {"n": count}
    text = ngettext("Given to %(name)s.", "%(n)s things given to %(name)s.", count)
    return text % {"n": count, "name": person}


@acts
def tasks(request: StaffRequest, rows: Chosen) -> str:
    """Make a task of each chosen alert or renewal: mine, or the account owner's when several are chosen."""
    person = person_named(request.user, request.POST.get("person", ""))
    made = actions.make_tasks(rows, person, by=request.user, now=request.now)
    if len(made) == 1:
        return _("The task is on the list of %(name)s.") % {"name": made[0].assignee or _("nobody")}
    return ngettext("%(n)s task made.", "%(n)s tasks made.", len(made)) % {"n": len(made)}


@acts
def taking(request: StaffRequest, rows: Chosen) -> str:
    """Take work orders up: they are mine, and in work."""
    count = actions.take_up(rows, by=request.user, now=request.now)
    if not count:
        return _("It is yours already.")
    text = ngettext("It is yours and in work.", "%(n)s things are yours and in work.", count)
    return text % {"n": count}


@acts
def verdict(request: StaffRequest, rows: Chosen) -> str:
    outcome, note = request.POST.get("outcome", ""), request.POST.get("note", "")
    count = actions.give_verdict(rows, outcome, by=request.user, now=request.now, note=note)
    if not count:
        return _("That was closed already.")
    return ngettext("%(n)s thing closed.", "%(n)s things closed.", count) % {"n": count}


@acts
def dismissal(request: StaffRequest, rows: Chosen) -> str:
    outcome = request.POST.get("outcome", "")
    count = actions.drop(rows, by=request.user, now=request.now, outcome=outcome)
    return ngettext("%(n)s task dropped.", "%(n)s tasks dropped.", count) % {"n": count}


@acts
def reopening(request: StaffRequest, rows: Chosen) -> str:
    count = actions.reopen(rows, by=request.user, now=request.now)
    return ngettext("%(n)s thing opened again.", "%(n)s things opened again.", count) % {"n": count}


urls = [
    path("work/completion/", completion, name="work-completion"),
    path("work/postponement/", postponement, name="work-postponement"),
    path("work/assignment/", assignment, name="work-assignment"),
    path("work/tasks/", tasks, name="work-tasks"),
    path("work/taking/", taking, name="work-taking"),
    path("work/verdict/", verdict, name="work-verdict"),
    path("work/dismissal/", dismissal, name="work-dismissal"),
    path("work/reopening/", reopening, name="work-reopening"),
]

"""What is recommended for an account, what is done with it, and what recommendations brought."""

from __future__ import annotations

import datetime as dt

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_GET, require_POST

from evergreen.base.roles import Role
from evergreen.customers.models import Account
from evergreen.customers.queries import account_for
from evergreen.foresight import jobs
from evergreen.foresight.recommendations import actions, recommending, words
from evergreen.foresight.recommendations.models import Exposure, ItemKind
from evergreen.foresight.recommendations.recommending import Recommendation, Recommended
from evergreen.playbooks.queries import open_to
from evergreen.web.pages.work import rows_changed
from evergreen.web.presenters.account.heading import may_edit
from evergreen.web.presenters.recommendations import ORIGIN, Record, chosen, lines, task_key
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say
from evergreen.work import actions as work

_TASK_DAYS = 7


@require_GET
def of_account(request: StaffRequest, account_id: int) -> HttpResponse:
    """The card: the best of each kind now. What is shown is noted; a held-back account's card says so and shows none."""
    account = account_for(request.user, account_id)
    found = _recommended(account, request.now)
    items = chosen(found.items)
    actions.expose(account, items, is_held=found.is_held, now=request.now)
    context = {"account": account, "found": found, "lines": [] if found.is_held else lines(account, items)}
    return render(
        request, "pages/recommendations/card.html", {**context, "may_write": may_edit(request.user)}
    )


@require_GET
def record(request: StaffRequest) -> HttpResponse:
    """What they brought: counts of the whole book, for the vendor's own people."""
    if request.user.role == Role.PARTNER:
        raise PermissionDenied
    percent = float(request.vendor["recommendation_holdout_percent"])
    return render(request, "pages/recommendations/record.html", {"page": Record(request.now, percent)})


@require_POST
def dismissal(request: StaffRequest, account_id: int) -> HttpResponse:
    """Not for this account: it stays away for 90 days."""
    account = _writable(request, account_id)
    kind, _colon, key = request.POST.get("item", "").partition(":")
    try:
        actions.note_outcome(account, kind, key, Exposure.Outcome.DISMISSED, by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
    else:
        say(request, _("It is not recommended here for 90 days."))
    return rows_changed(request)


@require_POST
def task(request: StaffRequest, account_id: int) -> HttpResponse:
    """Make a task of a recommendation for the account's owner; that counts as taken up by us, not by the customer."""
    account = _writable(request, account_id)
    one = _item(account, request.POST.get("item", ""), request.now)
    names = words.feature_names()
    owner = account.owner if account.owner and account.owner.is_active else request.user
    made = work.add_task(
        account=account,
        title={language: _titled(one, language) for language in ("zh", "en")},
        reason={language: "; ".join(words.reasons(one, names, language)) for language in ("zh", "en")},
        assignee=owner,
        by=request.user,
        now=request.now,
        due_on=request.today + dt.timedelta(days=_TASK_DAYS),
        origin=(ORIGIN, task_key(account, one)),
    )
    if made.state != made.State.OPEN:
        work.reopen_task(made, by=request.user, now=request.now)
    say(request, _("The task is on the list of %(name)s.") % {"name": made.assignee or _("nobody")})
    return rows_changed(request)


@require_POST
def learn(request: StaffRequest) -> HttpResponse:
    """Learn anew now; the worker does it."""
    if not request.user.may_configure:
        raise PermissionDenied
    jobs.start_recommendations(by=request.user, now=request.now)
    say(request, _("The worker learns anew; recommendations change when it is done."))
    return HttpResponseRedirect(reverse("jobs"))


def _writable(request: StaffRequest, account_id: int) -> Account:
    account = account_for(request.user, account_id)
    if not may_edit(request.user):
        raise PermissionDenied
    return account


def _recommended(account: Account, now: dt.datetime) -> Recommended:
    playbooks = open_to(account, recommending.proven(), now=now)
    return recommending.recommend(account, now=now, playbooks=playbooks)


def _item(account: Account, ref: str, now: dt.datetime) -> Recommendation:
    for one in _recommended(account, now).items:
        if f"{one.kind}:{one.key}" == ref:
            return one
    raise Http404("That is not recommended for this account now.")


def _titled(one: Recommendation, language: str) -> str:
    name = words.named(one, language)
    with override("zh-hans" if language == "zh" else "en"):
        if one.kind == ItemKind.PLAYBOOK:
            return _("Put it into “%(name)s”") % {"name": name}
        return _("Show them %(name)s") % {"name": name} if one.kind != ItemKind.TOUCH else name


urls = [
    path("recommendations/", record, name="recommendations"),
    path("recommendations/learning/", learn, name="recommendations-learning"),
    path("accounts/<int:account_id>/recommendations/", of_account, name="account-recommendations"),
    path(
        "accounts/<int:account_id>/recommendations/dismissal/",
        dismissal,
        name="account-recommendation-dismissal",
    ),
    path("accounts/<int:account_id>/recommendations/task/", task, name="account-recommendation-task"),
]

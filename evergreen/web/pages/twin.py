"""An account twelve months ahead: what would have to change for it to renew."""

from __future__ import annotations

from typing import Any

import duckdb
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from evergreen.customers.queries import account_for, accounts_for
from evergreen.events import store
from evergreen.foresight.twin import asking, outlooks
from evergreen.foresight.twin.dynamics import TooLittleHistoryError
from evergreen.web.presenters import twin
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import say
from evergreen.work import actions as work


@require_GET
def of_account(request: StaffRequest, account_id: int) -> HttpResponse:
    """The answer, the levers, the months; or why there is none."""
    account = account_for(request.user, account_id)
    costs = {key: one.cost_cents for key, one in outlooks.costs().items()}
    context: dict[str, Any] = {
        "account": account, "page": None, "failed": False, "waits": False, "has_costs": bool(costs)
    }  # fmt: skip
    try:
        told = asking.ask(asking.newest([account.pk]), account.pk, costs)
    except TooLittleHistoryError:
        context["waits"] = True
    except asking.NotThereError:
        pass
    except (store.LakeError, duckdb.Error):
        context["failed"] = True
    else:
        context["page"] = twin.Page.of(told, accounts_for(request.user), request.GET.getlist("lever"))
    return render(request, "pages/twin/card.html", context)


@require_POST
def task(request: StaffRequest, account_id: int) -> HttpResponse:
    """Make the answer a task of the account's owner; a second one of the same snapshot is the first."""
    account = account_for(request.user, account_id)
    try:
        told = asking.ask(asking.newest([account.pk]), account.pk)
    except (TooLittleHistoryError, asking.NotThereError):
        say(request, _("There is no answer any more. No task was made."))
        return HttpResponse(status=204)
    if not told.best:
        say(request, _("No lever is told from chance. No task was made."))
        return HttpResponse(status=204)
    made = work.add_task(
        account=account,
        title=twin.in_both(twin.task_title, told),
        reason=twin.in_both(twin.sentence, told),
        assignee=account.owner if account.owner and account.owner.is_active else request.user,
        by=request.user,
        now=request.now,
        origin=("twin", f"{account.pk}:{told.on:%Y%m%d}"),
    )
    say(request, _("The task is on the list of %(name)s.") % {"name": made.assignee or _("nobody")})
    return HttpResponse(status=204)


urls = [
    path("accounts/<int:account_id>/twin/", of_account, name="account-twin"),
    path("accounts/<int:account_id>/twin/tasks/", task, name="account-twin-task"),
]

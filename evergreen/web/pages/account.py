"""One account: its page with tabs, its charts, its timeline, its fields."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from evergreen.customers import actions
from evergreen.customers.models import Account
from evergreen.customers.queries import account_for, accounts_for, notes_of, stands_for
from evergreen.desk.queries import tickets_of
from evergreen.health import queries as health_queries
from evergreen.health.queries import standing_of
from evergreen.metrics import queries as metrics
from evergreen.metrics import registry
from evergreen.web.drawing import sparkline
from evergreen.web.forms.accounts import AccountForm
from evergreen.web.forms.errors import add_errors
from evergreen.web.presenters.account import (
    attention,
    figures,
    heading,
    health,
    kpis,
    money,
    people,
    timeline,
    trends,
)
from evergreen.web.presenters.codes.card import CodesCard
from evergreen.web.presenters.groups.page import groups_of
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import say

NOTES = 5
TICKETS = 200


@require_GET
def show(request: StaffRequest, account_id: int) -> HttpResponse:
    """The page with the tab of the address. Charts come afterwards by themselves. A merged account leads to the other."""
    if (into := stands_for(account_id)) is not None:
        return HttpResponseRedirect(reverse("account", args=[into]))
    account = account_for(request.user, account_id)
    tab = heading.tab_of(request.GET.get("tab"))
    context = {
        "account": account,
        "tab": tab,
        "heading": heading.heading(account, tab, request.today),
        "may_write": heading.may_edit(request.user),
        **_TABS[tab](request, account),
    }
    return render(request, f"pages/account/{tab}.html", context)


def _overview(request: StaffRequest, account: Account) -> dict[str, Any]:
    user, today = request.user, request.today
    newest = metrics.newest(account)
    currency = newest.currency if newest else account.currency or request.vendor["currency"]
    things, count = attention.things(account, user, today)
    standing = standing_of(account)
    return {
        "health": health.health_card(
            standing, currency, today, days=health.span_of(request.GET.get("days", ""))
        ),
        "verdicts": health.verdicts(account, standing, today),
        "family": health_queries.family(account, accounts_for(user)),
        "things": things,
        "things_count": count,
        "figures": figures.figures(account, newest, user, today),
        "figures_day": newest.day if newest else None,
        "chain": people.chain(account, today),
        "entries": timeline.newest(account, request.now, sees_money=user.sees_money),
        "notes": notes_of(account)[:NOTES],
    }


def _later(request: StaffRequest, account: Account) -> dict[str, Any]:
    """Tabs that fill themselves after the page stands."""
    return {}


def _kpis(request: StaffRequest, account: Account) -> dict[str, Any]:
    shown = kpis.page(account, request.user, request.today, request.vendor["currency"])
    return {"kpis": shown, "baseline_method": kpis.method(), "baseline_width": kpis.width()}


def _people(request: StaffRequest, account: Account) -> dict[str, Any]:
    return {
        "chain": people.chain(account, request.today), "groups": groups_of(account, request.now), "codes": CodesCard(account),
    }  # fmt: skip


def _contracts(request: StaffRequest, account: Account) -> dict[str, Any]:
    receivables, count = money.receivables(account, request.today)
    return {
        "contracts": money.contracts(account, request.today),
        "receivables": receivables,
        "receivables_count": count,
    }


def _tickets(request: StaffRequest, account: Account) -> dict[str, Any]:
    rows = tickets_of(account)
    return {"tickets": rows[:TICKETS], "tickets_count": rows.count()}


def _timeline(request: StaffRequest, account: Account) -> dict[str, Any]:
    """The records at once; what the history tells is woven in by a second look, for it takes longer to answer."""
    offered = timeline.kinds_for(request.user.sees_money)
    part, kinds = _part(request, account, offered, records_only=True)
    asks_history = any(kind in timeline.HISTORY for kind in kinds or offered)
    return {
        "part": part,
        "kinds": [(kind, timeline.LABELS[kind], kind in kinds) for kind in offered],
        "chosen": kinds,
        "asks_history": asks_history,
    }


def _part(
    request: StaffRequest, account: Account, offered: list[str], *, records_only: bool = False
) -> tuple[timeline.Part, list[str]]:
    """The part of the timeline that the address asks for, and the kinds it is narrowed to."""
    kinds = [kind for kind in request.GET.getlist("kind") if kind in offered]
    before = timeline.cursor(request.GET.get("before", ""), request.now)
    asked = timeline.Asked(account, before, timeline.ROWS, request.user.sees_money)
    wanted = [kind for kind in kinds or offered if not records_only or kind in timeline.RECORDS]
    return timeline.read(asked, wanted), kinds


_TABS = {
    "overview": _overview,
    "usage": _later,
    "kpis": _kpis,
    "ahead": _later,
    "people": _people,
    "contracts": _contracts,
    "tickets": _tickets,
    "timeline": _timeline,
}


@require_GET
def further(request: StaffRequest, account_id: int) -> HttpResponse:
    """Entries of the timeline before an instant, those of the history among them."""
    account = account_for(request.user, account_id)
    part, kinds = _part(request, account, timeline.kinds_for(request.user.sees_money))
    context = {"account": account, "part": part, "chosen": kinds}
    return render(request, "pages/account/entries.html", context)


@require_GET
def features(request: StaffRequest, account_id: int) -> HttpResponse:
    """The features used in 28 days, as a card."""
    account = account_for(request.user, account_id)
    context = {"account": account, "features": trends.features(account, request.today)}
    return render(request, "pages/account/features.html", context)


@require_GET
def chart(request: StaffRequest, account_id: int, name: str) -> HttpResponse:
    """One chart as a card, over 90 days to two years."""
    account = account_for(request.user, account_id)
    if name not in trends.TITLES:
        raise Http404
    asked = request.GET.get("days", "")
    days = int(asked) if asked in {str(span) for span in trends.SPANS} else trends.DEFAULT_DAYS
    drawn = trends.chart(account, name, days, request.today)
    context = {"account": account, "chart": drawn, "days": days, "spans": trends.SPANS}
    return render(request, "pages/account/chart.html", context)


def _is_own_trend(key: str) -> bool:
    found = registry.metrics().get(key)
    return found is not None and found.is_own and found.kind not in {"date", "money"}


@require_GET
def trend(request: StaffRequest, account_id: int, metric: str) -> HttpResponse:
    """A metric's line without axes, for a figure."""
    account = account_for(request.user, account_id)
    if metric != "active_users_28d" and not _is_own_trend(metric):
        raise Http404
    return HttpResponse(sparkline(trends.sparkline(account, metric, request.today)))


@require_http_methods(["GET", "POST"])
def details(request: StaffRequest, account_id: int) -> HttpResponse:
    """The account's fields: GET the form, POST sets them."""
    account = account_for(request.user, account_id)
    if not heading.may_edit(request.user):
        raise PermissionDenied
    form = AccountForm.of(account, request.user)
    if request.method == "POST":
        form = AccountForm(request.POST, user=request.user, account=account, initial=form.initial)
        if form.is_valid():
            try:
                actions.update_account(account, form.changes, by=request.user, now=request.now)
            except ValidationError as error:
                add_errors(form, error)
            else:
                say(request, _("%(name)s was changed.") % {"name": account.name})
                return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    context = {"form": form, "title": account.name, "target": reverse("account-details", args=[account.pk])}
    return render(request, "pages/account/sheet.html", context)


urls = [
    path("accounts/<int:account_id>/", show, name="account"),
    path("accounts/<int:account_id>/details/", details, name="account-details"),
    path("accounts/<int:account_id>/timeline/", further, name="account-timeline"),
    path("accounts/<int:account_id>/features/", features, name="account-features"),
    path("accounts/<int:account_id>/charts/<slug:name>/", chart, name="account-chart"),
    path("accounts/<int:account_id>/trends/<slug:metric>/", trend, name="account-trend"),
]

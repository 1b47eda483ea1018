"""Reads of alerts."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404

from evergreen.alerts.models import Alert, Rule, WorkOrder, WorkOrders
from evergreen.base.models import User
from evergreen.customers.queries import accounts_for


def open_alerts(accounts: Any, *, day: dt.date | None = None) -> QuerySet[Alert]:
    """Open alerts of a queryset of accounts, most important first. With ``day``, those snoozed beyond it are out."""
    rows = Alert.objects.filter(state=Alert.State.OPEN, account__in=accounts).select_related(
        "rule", "account__owner"
    )
    if day is not None:
        rows = rows.filter(Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=day))
    return rows.order_by("-priority", "pk")


def alert_for(user: User, pk: int) -> Alert:
    """An alert of an account that the person may see; anything else does not exist for them."""
    found = (
        Alert.objects.filter(pk=pk, account__in=accounts_for(user))
        .select_related("rule", "account__owner")
        .first()
    )
    if found is None:
        raise Http404
    return found


def orders_for(user: User) -> WorkOrders:
    """Work orders of the accounts that a person may see."""
    return WorkOrder.objects.filter(account__in=accounts_for(user).order_by())


def order_for(user: User, pk: int) -> WorkOrder:
    """A work order of an account that the person may see; anything else does not exist for them."""
    rows = orders_for(user).select_related(
        "account__owner", "assignee", "cause__rule", "escalated_to", "taken_by", "resolved_by", "cause_by"
    )
    found = rows.filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def open_rule_keys() -> dict[int, list[str]]:
    """account → keys of the rules with an open alert, sorted."""
    found: dict[int, list[str]] = defaultdict(list)
    rows = (
        Alert.objects.filter(state=Alert.State.OPEN)
        .order_by("rule__key")
        .values_list("account_id", "rule__key")
    )
    for account, key in rows:
        found[account].append(key)
    return dict(found)


def has_conditions() -> bool:
    """Whether a rule of a condition is on."""
    return Rule.objects.filter(is_on=True, kind=Rule.Kind.CONDITION).exists()


def rules() -> list[Rule]:
    return list(Rule.objects.all())

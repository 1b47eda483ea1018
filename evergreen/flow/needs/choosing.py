"""Rows that a person chose, among work orders, alerts, tasks and renewals, read with the right to them."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from evergreen.alerts.models import Alert
from evergreen.alerts.queries import orders_for
from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.customers.queries import accounts_for
from evergreen.flow.needs.actions import Chosen
from evergreen.work.queries import tasks_for

MOST = 500


def chosen(user: User, refs: list[str]) -> Chosen:
    """What ``task-12``, ``order-3``, ``alert-5`` and ``renewal-7`` name, as far as the person may see it; at most 500.

    Raises LookupError when nothing of it is there for the person, ValidationError for too many.
    """
    if len(refs) > MOST:
        raise ValidationError(
            _("%(found)s rows are chosen, at most %(most)s go at once. Nothing was changed.")
            % {"found": len(refs), "most": MOST}
        )
    keys: dict[str, list[int]] = {"task": [], "alert": [], "renewal": [], "order": []}
    for ref in refs:
        kind, _dash, key = ref.partition("-")
        if kind not in keys or not key.isdecimal() or len(key) > 18:
            raise LookupError("There is no such row.")
        keys[kind].append(int(key))
    visible = accounts_for(user)
    found = Chosen(
        tasks=list(tasks_for(user).filter(pk__in=keys["task"])) if keys["task"] else [],
        alerts=_alerts(visible, keys["alert"]),
        renewals=list(visible.filter(pk__in=keys["renewal"]).select_related("owner"))
        if keys["renewal"]
        else [],
        orders=list(orders_for(user).filter(pk__in=keys["order"])) if keys["order"] else [],
    )
    if not len(found):
        raise LookupError("There is no such row among those you may see.")
    return found


def _alerts(visible: QuerySet[Account], keys: list[int]) -> list[Alert]:
    if not keys:
        return []
    rows = Alert.objects.filter(pk__in=keys, account__in=visible)
    return list(rows.select_related("rule", "account__owner"))

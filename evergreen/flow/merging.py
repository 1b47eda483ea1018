"""Two accounts that are one, in every room: records at once, the lake within a minute."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.alerts import actions as alerts
from evergreen.alerts.models import Alert, WorkOrder
from evergreen.base.models import AuditEntry, User
from evergreen.customers import actions as customers
from evergreen.customers.models import Account
from evergreen.events import merging as events
from evergreen.events.models import Unmerged
from evergreen.playbooks import actions as playbooks


@transaction.atomic
def merge(merged: Account, into: Account, *, by: User | None, now: dt.datetime) -> AuditEntry:
    """Make two accounts one; the page of the merged one leads to the other. Raises ValidationError.

    Of two open alerts of one rule the one on the account that stays goes on, the other is closed; so are runs of one playbook.
    Of two open work orders the one on the account that stays takes the alerts of the other, which is closed.
    """
    entry = customers.merge_accounts(merged, into, by=by, now=now)
    Unmerged.objects.filter(merged_id=merged.pk).delete()
    alerts.fold(accounts=[into.pk], now=now, by=by)
    note = _("Goes on at %(name)s, with which the account was merged.") % {"name": into.name[:200]}
    orders = list(WorkOrder.objects.unresolved().filter(account=merged.pk).values_list("pk", flat=True))
    alerts.close_orders(orders, Alert.Outcome.HANDLED, by=by, now=now, note=note)
    twins = Alert.objects.filter(account=merged.pk, state=Alert.State.OPEN)
    keys = list(twins.values_list("pk", flat=True))
    if keys:
        alerts.close_alerts(keys, Alert.Outcome.HANDLED, by=by, now=now, note=note)
    playbooks.merged(merged, by=by, now=now)
    _count_alerts(into.pk)
    return entry


@transaction.atomic
def undo(entry: AuditEntry, *, by: User | None, now: dt.datetime) -> AuditEntry:
    """Give both accounts back what they had. Raises ValidationError when a later merge must be undone first."""
    made = customers.undo_merge(entry, by=by, now=now)
    if entry.before["model"] != "account":
        return made
    merged, into = (Account.objects.get(pk=pk) for pk in entry.object_ids)
    orders = set(WorkOrder.objects.filter(account=merged).values_list("pk", flat=True))
    shut = AuditEntry.objects.filter(
        kind="workorder", verb="work_order.closed", at=entry.at, by=entry.by_id, undone_at=None
    )
    for closing in shut:
        if set(closing.object_ids) <= orders:
            alerts.undo_orders(closing, by=by, now=now)
    closings = AuditEntry.objects.filter(kind="alert", verb="alert.closed", at=entry.at, by=entry.by_id)
    twins = set(Alert.objects.filter(account=merged).values_list("pk", flat=True))
    for closing in closings.filter(undone_at=None):
        if set(closing.object_ids) <= twins:
            alerts.undo(closing, by=by, now=now)
    alerts.fold(accounts=[merged.pk, into.pk], now=now, by=by)
    _count_alerts(merged.pk)
    _count_alerts(into.pk)
    events.ask_back(merged, into, now=now)
    return made


def _count_alerts(account: int) -> None:
    """What lists show of open alerts, at once; the night brings the other figures."""
    count = Alert.objects.filter(account=account, state=Alert.State.OPEN).count()
    Account.objects.filter(pk=account).update(open_alerts=count)

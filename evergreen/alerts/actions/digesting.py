"""What an owner gets a day, and what waits in the digest."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

from django.db import transaction
from django.db.models import Q

from evergreen.alerts import rules
from evergreen.alerts.models import Alert
from evergreen.base import queries as base
from evergreen.customers.models import Account

# Reds among this share of the book with most ARR never wait.
LARGEST_SHARE = 0.1


@transaction.atomic
def digest(day: dt.date) -> int:
    """Of a day's new alerts and those that wait, let each owner get the most important ones; the others are in the digest until there
    is room. Returns how many are in it. Nobody's alerts have no limit: there is nobody to spare. Safe to run twice.
    """
    most = int(base.setting("alerts_a_day"))
    rows = list(
        Alert.objects.filter(Q(opened_on=day) | Q(in_digest=True) | Q(freed_on=day), state=Alert.State.OPEN)
        .select_related("account", "rule")
        .order_by("-priority", "pk")
    )
    line = _largest() if rows and most else 0
    by_owner: dict[int | None, list[Alert]] = defaultdict(list)
    for alert in rows:
        by_owner[alert.account.owner_id].append(alert)
    waiting = {
        alert.pk
        for owner, alerts in by_owner.items()
        for alert in rules.beyond(alerts, most, [_never_waits(alert, line) for alert in alerts])
        if owner is not None
    }
    changed = [alert for alert in rows if alert.in_digest != (alert.pk in waiting)]
    for alert in changed:
        alert.in_digest = alert.pk in waiting
        alert.freed_on = None if alert.in_digest or alert.opened_on == day else day
    Alert.objects.bulk_update(changed, ["in_digest", "freed_on"], batch_size=500)
    return len(waiting)


def _largest() -> int:
    """The ARR from which an account belongs to the largest tenth of those that pay."""
    paying = Account.objects.filter(arr_base_cents__gt=0).order_by("-arr_base_cents")
    last = int(paying.count() * LARGEST_SHARE)
    found = paying.values_list("arr_base_cents", flat=True)[last : last + 1]
    return (found[0] or 0) if found else 0


def _never_waits(alert: Alert, line: int) -> bool:
    account = alert.account
    is_red = alert.rule.key == "health_red" or account.band == "red"
    return account.tier == Account.Tier.STRATEGIC or (is_red and (account.arr_base_cents or 0) >= line > 0)

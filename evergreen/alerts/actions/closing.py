"""What people do with alerts: close, put off, open again, take back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from evergreen.alerts.actions.folding import fold
from evergreen.alerts.actions.orders import check_verdict
from evergreen.alerts.actions.telling import recount, tell, tell_orders
from evergreen.alerts.models import Alert
from evergreen.base import changes as rows
from evergreen.base.models import AuditEntry, User


def close_alerts(
    ids: Iterable[int], outcome: str, *, by: User | None, now: dt.datetime, note: str = ""
) -> list[Alert]:
    """Close open alerts with an outcome; those already closed are left as they are. Returns the closed ones."""
    check_verdict(outcome)
    verdict = {
        "state": Alert.State.CLOSED.value,
        "closed_at": now,
        "closed_by": by,
        "outcome": outcome,
        "note": note[:300],
    }
    with transaction.atomic():
        entries = rows.apply_to_many(_open(), ids, verdict, verb="alert.closed", by=by, now=now)
        keys = [key for entry in entries for key in entry.object_ids]
        closed = list(Alert.objects.filter(pk__in=keys).select_related("rule", "account"))
        recount(closed)
        folded = fold(accounts=_accounts(closed), now=now, by=by)
        transaction.on_commit(lambda: tell((), closed))
        transaction.on_commit(lambda: tell_orders(closed=folded.closed))
    return closed


def close_alert(alert: Alert, outcome: str, *, by: User | None, now: dt.datetime, note: str = "") -> None:
    """Close one alert with what came of it."""
    close_alerts([alert.pk], outcome, by=by, now=now, note=note)


def snooze_alerts(
    ids: Iterable[int], until: dt.date, *, by: User | None, now: dt.datetime
) -> list[AuditEntry]:
    """Take open alerts out of sight; they come back on the day named."""
    return rows.apply_to_many(_open(), ids, {"snoozed_until": until}, verb="alert.snoozed", by=by, now=now)


def snooze_alert(alert: Alert, until: dt.date, *, by: User | None, now: dt.datetime) -> None:
    """Take one open alert out of sight until a day."""
    snooze_alerts([alert.pk], until, by=by, now=now)


@transaction.atomic
def reopen_alerts(ids: Iterable[int], *, by: User | None, now: dt.datetime) -> int:
    """Open alerts closed by hand again, unless their rule has opened anew on the account. Returns how many."""
    closed = Alert.objects.filter(state=Alert.State.CLOSED, closed_by__isnull=False)
    listed = set(ids)
    found = closed.filter(pk__in=listed).order_by("pk").values_list("rule", "account", "pk")
    newest = {(rule, account): pk for rule, account, pk in found}
    free = set(newest.values()) - _taken(listed)
    again = {"state": Alert.State.OPEN.value, "closed_at": None, "closed_by": None, "outcome": "", "note": ""}
    entries = rows.apply_to_many(closed, free, again, verb="alert.reopened", by=by, now=now)
    keys = [key for entry in entries for key in entry.object_ids]
    _settle(keys, by, now)
    return len(keys)


@transaction.atomic
def undo(entry: AuditEntry, *, by: User | None, now: dt.datetime) -> AuditEntry:
    """Give alerts back what stood before a closing or snooze; those whose rule opened anew stay closed."""
    taken = _taken(set(entry.object_ids)) if entry.verb == "alert.closed" else set()
    for group in entry.before.get("groups", ()):
        group["ids"] = [pk for pk in group["ids"] if pk not in taken]
    made = rows.undo(entry, Alert, by=by, now=now)
    _settle(entry.object_ids, by, now)
    return made


def _settle(keys: Iterable[int], by: User | None, now: dt.datetime) -> None:
    """Counts and work orders of the accounts of alerts that were opened again."""
    rows_ = list(Alert.objects.filter(pk__in=list(keys)))
    recount(rows_)
    fold(accounts=_accounts(rows_), now=now, by=by)


def _accounts(alerts: Iterable[Alert]) -> set[int]:
    return {alert.account_id for alert in alerts}


def _open() -> QuerySet[Alert]:
    return Alert.objects.filter(state=Alert.State.OPEN)


def _taken(ids: Iterable[int]) -> set[int]:
    """Those of the alerts whose rule has an open alert on the same account already."""
    another = Alert.objects.filter(rule=OuterRef("rule"), account=OuterRef("account"), state=Alert.State.OPEN)
    found = Alert.objects.filter(Exists(another), pk__in=list(ids), state=Alert.State.CLOSED)
    return set(found.values_list("pk", flat=True))

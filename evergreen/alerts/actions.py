"""Raise, refresh and close alerts. One open alert per rule and account, held by a constraint."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, Exists, Max, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from evergreen.alerts import rules
from evergreen.alerts.models import Alert, Rule
from evergreen.base import changes as rows
from evergreen.base.actions import BATCH, audit
from evergreen.base.models import AuditEntry, User
from evergreen.customers.models import Account
from evergreen.events import journal
from evergreen.health import queries as health
from evergreen.health.models import Scorecard, Standing
from evergreen.metrics.models import Newest

# After a person closed an alert, its rule stays quiet on that account for this many days.
QUIET_DAYS = 14
# What a run that was killed before it told may have closed is told by a run at most this much later.
TOLD_AGAIN = dt.timedelta(days=2)
_FIELDS = ["seen_on", "figures", "priority"]


@dataclass(slots=True)
class Evaluated:
    """What a day's evaluation did."""

    opened: list[Alert] = field(default_factory=list)
    refreshed: int = 0
    closed: list[Alert] = field(default_factory=list)


@transaction.atomic
def install_shipped() -> int:
    """Add the shipped rules that are not there yet. Returns how many."""
    added = 0
    for shipped in rules.SHIPPED.values():
        _, created = Rule.objects.get_or_create(
            key=shipped.key,
            defaults={
                "name": dict(shipped.name),
                "severity": shipped.severity,
                "params": dict(shipped.params),
            },
        )
        added += created
    return added


def evaluate(day: dt.date, *, now: dt.datetime) -> Evaluated:
    """Hold every rule that is on against the day's standings and figures: raise, refresh, close.

    Safe to run twice. Does nothing for a day older than the newest scored one: alerts are about now.
    """
    result = Evaluated()
    if (health.newest_day() or day) > day:
        return result
    facts, arr = facts_on(day)
    for rule in Rule.objects.all():
        _evaluate_rule(rule, facts if rule.is_on else {}, arr, day, now, result)
    # All of the day's, not only what this run did: a run that was killed here had opened and closed some before.
    # A message id is taken once, so telling again adds nothing.
    closed = Alert.objects.filter(state=Alert.State.CLOSED, closed_at__gte=now - TOLD_AGAIN)
    _tell(Alert.objects.filter(opened_on=day), closed)
    return result


@transaction.atomic
def _evaluate_rule(
    rule: Rule,
    facts: Mapping[int, rules.Facts],
    arr: Mapping[int, int | None],
    day: dt.date,
    now: dt.datetime,
    result: Evaluated,
) -> None:
    shipped = rules.SHIPPED[rule.key]
    params = {**shipped.params, **rule.params}
    standing = {alert.account_id: alert for alert in rule.alerts.filter(state=Alert.State.OPEN)}
    quiet = quiet_accounts(rule, day)
    fresh, kept, gone = [], [], []
    for account, known in facts.items():
        alert = standing.get(account)
        figures = shipped.holds(known, params, alert is not None)
        if figures is None:
            if alert is not None:
                gone.append(alert)
        elif alert is not None:
            alert.seen_on, alert.figures = day, figures or alert.figures
            alert.priority = rules.priority(rule.severity, arr.get(account))
            kept.append(alert)
        elif account not in quiet:
            fresh.append(_alert(rule, account, figures, arr.get(account), day, now))
    gone.extend(alert for account, alert in standing.items() if account not in facts)
    for batch in _batches(fresh):
        Alert.objects.bulk_create(batch)
        audit("alert.opened", "alert", [a.pk for a in batch], by=None, now=now, after={"rule": rule.key})
    Alert.objects.bulk_update(kept, _FIELDS, batch_size=500)
    _close_cleared(rule, gone, now)
    result.opened.extend(fresh)
    result.refreshed += len(kept)
    result.closed.extend(gone)


def _close_cleared(rule: Rule, gone: Sequence[Alert], now: dt.datetime) -> None:
    for alert in gone:
        alert.state, alert.closed_at = Alert.State.CLOSED, now
        alert.outcome = Alert.Outcome.CLEARED
    Alert.objects.bulk_update(gone, ["state", "closed_at", "outcome"], batch_size=500)
    for batch in _batches(gone):
        audit("alert.closed", "alert", [a.pk for a in batch], by=None, now=now, after={"rule": rule.key})


def _alert(
    rule: Rule, account: int, figures: dict[str, Any], arr: int | None, day: dt.date, now: dt.datetime
) -> Alert:
    return Alert(
        rule=rule,
        account_id=account,
        opened_on=day,
        opened_at=now,
        seen_on=day,
        figures=figures,
        priority=rules.priority(rule.severity, arr),
    )


def quiet_accounts(rule: Rule, day: dt.date) -> set[int]:
    """Accounts whose alert of this rule a person closed lately: their verdict stands for a while."""
    rows = (
        rule.alerts.filter(state=Alert.State.CLOSED, closed_by__isnull=False)
        .values("account_id")
        .annotate(at=Max("closed_at"))
    )
    return {
        row["account_id"] for row in rows if not rules.may_reopen(row["at"].date(), True, day, QUIET_DAYS)
    }


def facts_on(day: dt.date) -> tuple[dict[int, rules.Facts], dict[int, int | None]]:
    """What is known of each living account on the day, and its ARR in the vendor's currency."""
    cards = {card.pk: health.definition(health.current_version(card)) for card in Scorecard.objects.all()}
    standings = {
        s.account_id: s for s in Standing.objects.filter(is_own=True, day=day).defer("contributions")
    }
    rows = Newest.objects.filter(day=day, account__merged_into=None).exclude(
        account__stage=Account.Stage.CHURNED
    )
    facts, arr = {}, {}
    for row in rows.iterator(chunk_size=2_000):
        standing = standings.get(row.account_id)
        card = cards[standing.scorecard_id] if standing else None
        values = row.values
        arr[row.account_id] = row.arr_base_cents
        facts[row.account_id] = rules.Facts(
            account_id=row.account_id,
            score=standing.score if standing else None,
            band=standing.band if standing else "insufficient_data",
            yellow=card.yellow if card else 0.0,
            change_7d=standing.change_7d if standing else None,
            drop_alerts=card.drop_alerts if card else False,
            working_days_inactive=values.get("working_days_inactive"),
            last_active_on=values.get("last_active_on"),
            days_to_renewal=values.get("days_to_renewal"),
            renewal_on=values.get("renewal_on"),
            mrr_cents=row.mrr_cents,
            overdue_days=row.overdue_days,
            overdue_cents=row.overdue_cents,
            invoices_overdue=values.get("invoices_overdue") or 0,
            currency=row.currency,
        )
    return facts, arr


def close_alerts(
    ids: Iterable[int], outcome: str, *, by: User | None, now: dt.datetime, note: str = ""
) -> list[Alert]:
    """Close open alerts with an outcome; those already closed are left as they are. Returns the closed ones."""
    allowed = [choice for choice in Alert.Outcome if choice != Alert.Outcome.CLEARED]
    if outcome not in allowed:
        raise ValidationError(
            _("The outcome is %(found)s; allowed are %(allowed)s. Nothing was closed.")
            % {"found": outcome or "-", "allowed": ", ".join(str(choice.label) for choice in allowed)}
        )
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
        _recount(closed)
        transaction.on_commit(lambda: _tell((), closed))
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
    _recount(Alert.objects.filter(pk__in=keys))
    return len(keys)


@transaction.atomic
def undo(entry: AuditEntry, *, by: User | None, now: dt.datetime) -> AuditEntry:
    """Give alerts back what stood before a closing or snooze; those whose rule opened anew stay closed."""
    taken = _taken(set(entry.object_ids)) if entry.verb == "alert.closed" else set()
    for group in entry.before.get("groups", ()):
        group["ids"] = [pk for pk in group["ids"] if pk not in taken]
    made = rows.undo(entry, Alert, by=by, now=now)
    _recount(Alert.objects.filter(pk__in=entry.object_ids))
    return made


def _open() -> QuerySet[Alert]:
    return Alert.objects.filter(state=Alert.State.OPEN)


def _taken(ids: Iterable[int]) -> set[int]:
    """Those of the alerts whose rule has an open alert on the same account already."""
    another = Alert.objects.filter(rule=OuterRef("rule"), account=OuterRef("account"), state=Alert.State.OPEN)
    found = Alert.objects.filter(Exists(another), pk__in=list(ids), state=Alert.State.CLOSED)
    return set(found.values_list("pk", flat=True))


@transaction.atomic
def change_rule(
    rule: Rule, *, by: User, now: dt.datetime, is_on: bool, severity: int, params: Mapping[str, Any]
) -> Rule:
    """Change a rule's switch, severity and thresholds. Raises ValidationError for a threshold that is no number ≥ 0."""
    shipped = rules.SHIPPED[rule.key]
    for name, value in params.items():
        if name not in shipped.params or not isinstance(value, (int, float)) or value < 0:
            raise ValidationError(
                _("%(name)s is %(found)s: allowed are numbers from 0 for %(names)s. The rule is unchanged.")
                % {"name": name, "found": value, "names": ", ".join(shipped.params)}
            )
    before = {"is_on": rule.is_on, "severity": rule.severity, "params": rule.params}
    rule.is_on, rule.severity, rule.params = is_on, severity, dict(params)
    rule.full_clean()
    rule.save()
    after = {"is_on": is_on, "severity": severity, "params": dict(params)}
    audit("rule.changed", "rule", [rule.key], by=by, now=now, before=before, after=after)
    return rule


def _recount(alerts: Iterable[Alert]) -> None:
    """Bring the counts of open alerts that lists show up to date at once (the night does it for all)."""
    open_ones = Alert.objects.filter(account=OuterRef("pk"), state=Alert.State.OPEN).order_by()
    count = open_ones.values("account").annotate(n=Count("pk")).values("n")
    Account.objects.filter(pk__in={alert.account_id for alert in alerts}).update(
        open_alerts=Coalesce(Subquery(count), 0)
    )


def _batches(rows: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))


def _tell(opened: Iterable[Alert], closed: Iterable[Alert]) -> None:
    """Everything comes back as an event, so that metrics and models can read what we did."""
    keys = dict(Rule.objects.values_list("pk", "key"))
    told = [_event("alert.opened", alert, alert.opened_at, f"{alert.pk}", keys) for alert in opened]
    for alert in closed:
        at = (alert.closed_at or alert.opened_at).astimezone(dt.UTC)
        told.append(
            _event("alert.closed", alert, at, f"{alert.pk}:{at.isoformat()}", keys, outcome=alert.outcome)
        )
    if told:
        journal.write_system_events(told)


def _event(
    name: str, alert: Alert, at: dt.datetime, key: str, rule_keys: Mapping[int, str], **properties: Any
) -> journal.SystemEvent:
    return {
        "name": name,
        "account_id": alert.account_id,
        "occurred_at": at,
        "known_at": at,
        "message_id": f"{name}:{key}",
        "properties": {"rule": rule_keys[alert.rule_id], "alert": alert.pk, **properties},
    }

"""Hold every rule against a day: raise, refresh, close. One open alert per rule and account, held by a constraint."""

from __future__ import annotations

import datetime as dt
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Max

from evergreen.alerts import conditions, rules
from evergreen.alerts.actions.digesting import digest
from evergreen.alerts.actions.folding import Folded, fold
from evergreen.alerts.actions.hearing import STORM_LEAST, gone_quiet, hear
from evergreen.alerts.actions.telling import recount, tell, tell_orders
from evergreen.alerts.facts import facts_on
from evergreen.alerts.models import Alert, Rule, WorkOrder
from evergreen.alerts.usage import USAGE_RULE, use_on
from evergreen.base import queries as base
from evergreen.base.actions import BATCH, audit
from evergreen.base.models import User
from evergreen.events import store
from evergreen.health import queries as health

if TYPE_CHECKING:
    import duckdb

# After a person closed an alert, its rule stays quiet on that account for this many days.
QUIET_DAYS = 14
# What a run that was killed before it told may have closed is told by a run at most this much later.
TOLD_AGAIN = dt.timedelta(days=2)
# What an event rule held is heard again for so long.
HELD_BACK = dt.timedelta(days=2)
_FIELDS = ["seen_on", "figures", "priority", "gone_on"]


@dataclass(slots=True)
class Evaluated:
    """What a day's evaluation did; ``broken`` are rules whose condition cannot be read any more, with why; ``in_digest`` of the day's
    alerts are beyond what their owners get.
    """

    opened: list[Alert] = field(default_factory=list)
    refreshed: int = 0
    closed: list[Alert] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    in_digest: int = 0
    orders: Folded = field(default_factory=Folded)


def evaluate(day: dt.date, *, now: dt.datetime, con: duckdb.DuckDBPyConnection | None = None) -> Evaluated:
    """Hold every rule that is on against the day's standings and figures: raise, refresh, close.

    Safe to run twice. Does nothing for a day older than the newest scored one: alerts are about now.
    """
    result = Evaluated()
    if (health.newest_day() or day) > day:
        return result
    rows = list(Rule.objects.all())
    book = _book(day, rows, con)
    for rule in rows:
        if rule.is_event:
            _close_quiet(rule, day, now, result)
        else:
            _evaluate_rule(rule, book, now, result)
    result.broken = book.broken
    result.in_digest = digest(day)
    # All of the day's, not only what this run did: a run that was killed here had opened and closed some before.
    # A message id is taken once, so telling again adds nothing.
    since = now - TOLD_AGAIN
    closed = Alert.objects.filter(state=Alert.State.CLOSED, closed_at__gte=since)
    tell(Alert.objects.filter(opened_on=day), closed)
    result.orders = fold(now=now)
    tell_orders(
        opened=WorkOrder.objects.filter(alerts__opened_on=day).distinct(),
        closed=WorkOrder.objects.filter(state=WorkOrder.State.RESOLVED, resolved_at__gte=since),
        escalated=WorkOrder.objects.filter(escalated_at__gte=since),
    )
    return result


@transaction.atomic
def approve_held(rule: Rule, *, by: User, now: dt.datetime) -> int:
    """Raise what the storm guard held, as far as it still holds on the newest night. Returns how many alerts opened."""
    if not rule.held:
        return 0
    day = health.newest_day() or dt.date.fromisoformat(rule.held["day"])
    held, rule.approved_on = rule.held, day
    rule.save(update_fields=["approved_on"])
    result = Evaluated()
    if rule.is_event:
        rule.approved_on, rule.held = base.vendor_day(now), {}
        rule.save(update_fields=["approved_on", "held"])
        result.opened = hear(now=now, back=HELD_BACK, only=rule)
    else:
        _evaluate_rule(rule, _book(day, [rule], None), now, result)
        digest(day)
    audit(
        "rule.approved", "rule", [rule.key], by=by, now=now, before=held, after={"opened": len(result.opened)}
    )
    recount(result.opened)
    folded = fold(accounts={alert.account_id for alert in (*result.opened, *result.closed)}, now=now)
    transaction.on_commit(lambda: tell(result.opened, result.closed))
    transaction.on_commit(lambda: tell_orders(folded.opened, folded.closed))
    return len(result.opened)


@dataclass(frozen=True, slots=True)
class _Book:
    """What rules are held against: of living accounts their facts and ARR, and of each condition whom it holds for, with its values."""

    day: dt.date
    facts: Mapping[int, rules.Facts]
    arr: Mapping[int, int | None]
    holding: Mapping[str, Mapping[int, rules.Figures]]
    broken: dict[str, str]


def _book(day: dt.date, rows: Sequence[Rule], con: duckdb.DuckDBPyConnection | None) -> _Book:
    is_asked = any(rule.is_on and rule.key == USAGE_RULE for rule in rows)
    facts, arr = facts_on(day, use_on(con or store.reading(), day) if is_asked else None)
    asked = [rule for rule in rows if rule.is_on and rule.is_condition]
    holding, broken = conditions.holding(con or store.reading(), day, asked) if asked else ({}, {})
    return _Book(day, facts, arr, holding, broken)


def _verdicts(rule: Rule, book: _Book, standing: Container[int]) -> dict[int, rules.Figures]:
    """The accounts that the rule holds for, with its figures."""
    if not rule.is_on:
        return {}
    if rule.is_condition:
        held = book.holding[rule.key]
        return {account: figures for account, figures in held.items() if account in book.facts}
    shipped = rules.SHIPPED[rule.key]
    params = {**shipped.params, **rule.params}
    found = {}
    for account, known in book.facts.items():
        figures = shipped.holds(known, params, account in standing)
        if figures is not None:
            found[account] = figures
    return found


@transaction.atomic
def _evaluate_rule(rule: Rule, book: _Book, now: dt.datetime, result: Evaluated) -> None:
    if rule.key in book.broken:
        # What cannot be asked any more says nothing: its alerts stay as they are until somebody mends it.
        return
    standing = {alert.account_id: alert for alert in rule.alerts.filter(state=Alert.State.OPEN)}
    holds = _verdicts(rule, book, standing)
    quiet = quiet_accounts(rule, book.day)
    fresh = [
        _alert(rule, account, figures, book, now)
        for account, figures in holds.items()
        if account not in standing and account not in quiet
    ]
    kept, gone = _parted(rule, standing, holds, book)
    if _is_storm(rule, len(fresh), book):
        held = {"day": book.day.isoformat(), "accounts": len(fresh), "of": len(book.facts)}
        fresh = []
    else:
        held = {}
    if (rule.held, rule.evaluated_version) != (held, rule.version):
        rule.held, rule.evaluated_version = held, rule.version
        rule.save(update_fields=["held", "evaluated_version"])
    for batch in _batches(fresh):
        Alert.objects.bulk_create(batch)
        audit("alert.opened", "alert", [a.pk for a in batch], by=None, now=now, after={"rule": rule.key})
    Alert.objects.bulk_update(kept, _FIELDS, batch_size=500)
    _close_cleared(rule, gone, now)
    result.opened.extend(fresh)
    result.refreshed += len(kept)
    result.closed.extend(gone)


@transaction.atomic
def _close_quiet(rule: Rule, day: dt.date, now: dt.datetime, result: Evaluated) -> None:
    """Event rules open alerts by day; the night closes those that did not fire again."""
    gone = gone_quiet(rule, day)
    _close_cleared(rule, gone, now)
    result.closed.extend(gone)


def _parted(
    rule: Rule, standing: Mapping[int, Alert], holds: Mapping[int, rules.Figures], book: _Book
) -> tuple[list[Alert], list[Alert]]:
    """(open alerts that stay, refreshed; those whose condition has been gone for long enough)."""
    kept: list[Alert] = []
    gone: list[Alert] = []
    for account, alert in standing.items():
        if (figures := holds.get(account)) is not None:
            alert.seen_on, alert.figures, alert.gone_on = book.day, figures or alert.figures, None
            alert.priority = rules.priority(rule.severity, book.arr.get(account))
            kept.append(alert)
            continue
        alert.gone_on = alert.gone_on or book.day
        is_over = (book.day - alert.gone_on).days + 1 >= rule.clear_nights
        (gone if is_over or not rule.is_on or account not in book.facts else kept).append(alert)
    return kept, gone


def _is_storm(rule: Rule, fresh: int, book: _Book) -> bool:
    """Whether so many at once are held. The first night of a version holds nothing: its trial said how many there would be."""
    if rule.evaluated_version != rule.version or rule.approved_on == book.day:
        return False
    return fresh > max(STORM_LEAST, rule.most_share * len(book.facts))


def _close_cleared(rule: Rule, gone: Sequence[Alert], now: dt.datetime) -> None:
    for alert in gone:
        alert.state, alert.closed_at = Alert.State.CLOSED, now
        alert.outcome = Alert.Outcome.CLEARED
    Alert.objects.bulk_update(gone, ["state", "closed_at", "outcome", "gone_on"], batch_size=500)
    for batch in _batches(gone):
        audit("alert.closed", "alert", [a.pk for a in batch], by=None, now=now, after={"rule": rule.key})


def _alert(rule: Rule, account: int, figures: rules.Figures, book: _Book, now: dt.datetime) -> Alert:
    return Alert(
        rule=rule,
        account_id=account,
        opened_on=book.day,
        opened_at=now,
        seen_on=book.day,
        figures=figures,
        priority=rules.priority(rule.severity, book.arr.get(account)),
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


def _batches(rows: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))

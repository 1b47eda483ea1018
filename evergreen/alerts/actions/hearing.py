"""Event rules: alerts that open within seconds of what customers do."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence

from django.db import transaction

from evergreen.alerts import rules
from evergreen.alerts.actions.folding import fold
from evergreen.alerts.actions.telling import recount, tell, tell_orders
from evergreen.alerts.firing import Firing, Occurrence, Watch, figures, firings
from evergreen.alerts.models import Alert, Rule
from evergreen.base import queries as base
from evergreen.base.actions import BATCH, audit
from evergreen.base.changes import batches
from evergreen.customers.models import Account
from evergreen.events import queries as events

# What came in so long ago is looked at again by each turn: events wait for the mover, and a turn that was killed left some.
MARGIN = dt.timedelta(minutes=5)
# So many alerts of a rule on a day are no storm, however small the book.
STORM_LEAST = 20

Heard = Mapping[int, Sequence[Occurrence]]


def event_rules() -> list[Rule]:
    """The event rules that are on."""
    return list(Rule.objects.filter(kind=Rule.Kind.EVENT, is_on=True))


def hear(*, now: dt.datetime, back: dt.timedelta = MARGIN, only: Rule | None = None) -> list[Alert]:
    """Hold every event rule that is on (or one) against what came in lately; opens and refreshes alerts, returns the new ones.

    Nothing is remembered between turns: whether something fired already stands in its alert, so a turn may be killed, repeated or
    run twice at once. Costs one query of the records while no rule is on.
    """
    listed = [only] if only is not None else event_rules()
    if not listed:
        return []
    watches = {rule.pk: Watch.of(rule.params) for rule in listed}
    widest = max(watch.minutes for watch in watches.values())
    since = now - dt.timedelta(minutes=widest) - back
    names = sorted({watch.event for watch in watches.values()})
    rows = events.occurrences(names, since, now, as_arrived=True)
    opened: list[Alert] = []
    for rule in listed:
        watch = watches[rule.pk]
        heard: dict[int, list[Occurrence]] = defaultdict(list)
        for account, name, who, at, said in rows:
            if watch.takes(name, said):
                heard[account].append(Occurrence(at, who))
        if heard:
            opened += _hold(rule, watch, heard, now)
    return opened


@transaction.atomic
def _hold(rule: Rule, watch: Watch, heard: Heard, now: dt.datetime) -> list[Alert]:
    day = base.vendor_day(now)
    living = Account.objects.filter(pk__in=list(heard)).exclude(stage=Account.Stage.CHURNED)
    arr = dict(living.values_list("pk", "arr_base_cents"))
    last: dict[int, Alert] = {}
    for alert in rule.alerts.filter(account__in=list(arr)).order_by("opened_at", "pk"):
        last[alert.account_id] = alert
    fresh: dict[int, Firing] = {}
    for account in arr:
        before = last.get(account)
        found = firings(watch, heard[account], _deaf_until(rule, watch, before))
        if not found:
            continue
        if before is not None and before.state == Alert.State.OPEN:
            before.figures, before.seen_on, before.gone_on = figures(watch, found[-1]), day, None
            before.save(update_fields=["figures", "seen_on", "gone_on"])
        else:
            fresh[account] = found[-1]
    if not fresh or _is_held(rule, set(fresh), day):
        return []
    made = [
        Alert(
            rule=rule, account_id=account, opened_on=day, opened_at=now, seen_on=day, figures=figures(watch, firing),
            priority=rules.priority(rule.severity, arr[account]),
        )
        for account, firing in fresh.items()
    ]  # fmt: skip
    # Another process may have opened one at the same moment: the constraint lets one stand.
    Alert.objects.bulk_create(made, batch_size=500, ignore_conflicts=True)
    opened = list(
        rule.alerts.filter(state=Alert.State.OPEN, account__in=list(fresh), opened_at=now).select_related(
            "rule"
        )
    )
    for batch in batches([alert.pk for alert in opened], BATCH):
        audit("alert.opened", "alert", batch, by=None, now=now, after={"rule": rule.key})
    recount(opened)
    folded = fold(accounts=set(fresh), now=now)
    transaction.on_commit(lambda: tell(opened, ()))
    transaction.on_commit(lambda: tell_orders(opened=folded.opened))
    return opened


def _deaf_until(rule: Rule, watch: Watch, last: Alert | None) -> dt.datetime:
    """Up to when events count for nothing: the rule was not so yet, or it fired and rests, or somebody closed its alert."""
    until = rule.changed_at
    if last is None:
        return until
    fired = dt.datetime.fromisoformat(last.figures["at"]) if "at" in last.figures else last.opened_at
    rest = dt.timedelta(hours=watch.cool_down_hours)
    if last.state == Alert.State.OPEN:
        return max(until, fired)
    return max(until, fired + rest, last.closed_at or fired)


def _is_held(rule: Rule, fresh: set[int], day: dt.date) -> bool:
    """Whether so many on a day are held until somebody approves; the rule then says how many there were."""
    of = Account.objects.exclude(stage=Account.Stage.CHURNED).count()
    count = rule.alerts.filter(opened_on=day).exclude(account__in=fresh).count() + len(fresh)
    if rule.approved_on == day or count <= max(STORM_LEAST, rule.most_share * of):
        return False
    held = {"day": day.isoformat(), "accounts": len(fresh), "of": of}
    if rule.held != held:
        rule.held = held
        Rule.objects.filter(pk=rule.pk).update(held=held)
    return True


def gone_quiet(rule: Rule, day: dt.date) -> list[Alert]:
    """Open alerts of an event rule that did not fire for its nights, or of one that is off: they close by themselves."""
    rows = rule.alerts.filter(state=Alert.State.OPEN)
    if rule.is_on:
        rows = rows.filter(seen_on__lte=day - dt.timedelta(days=rule.clear_nights))
    return list(rows)

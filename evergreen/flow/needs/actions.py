"""What a person does about what needs somebody: done, later, somebody else's, a task, a verdict.

Each takes the chosen rows, which may be tasks, work orders, alerts without a task and renewals (accounts) together; one
transaction a call. Audit entries of tasks, work orders and alerts carry what an undo needs.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.alerts import actions as alerts
from evergreen.alerts.models import Alert, WorkOrder
from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.flow.needs.queries import ALERT, RENEWAL, renewal_key
from evergreen.playbooks import actions as playbooks
from evergreen.playbooks.shipped import ALERT_STEP
from evergreen.work import actions as work
from evergreen.work.models import Task


@dataclass(frozen=True, slots=True)
class Chosen:
    """Rows that a person chose and may see: tasks, alerts that have no task of their own here, renewals, work orders."""

    tasks: Sequence[Task] = ()
    alerts: Sequence[Alert] = ()
    renewals: Sequence[Account] = ()
    orders: Sequence[WorkOrder] = ()

    def __len__(self) -> int:
        return len(self.tasks) + len(self.alerts) + len(self.renewals) + len(self.orders)


@transaction.atomic
def complete(chosen: Chosen, *, by: User, now: dt.datetime, outcome: str = "", answer: str = "") -> int:
    """Finish tasks; a work order's tasks are finished, and one without any, like an alert without one, closes as handled; a renewal
    is noted as done. Returns how many. ``answer`` is one that the tasks ask for; ValidationError where one asks for another.

    The alert behind a finished task stays open until its condition is gone or a person closes it; its work order counts as taken up.
    """
    made = [_renewal_task(account, by, by=by, now=now) for account in chosen.renewals]
    theirs = tasks_of(chosen.orders)
    folded = [task for tasks in theirs.values() for task in tasks]
    listed = [*chosen.tasks, *folded, *made]
    finished = work.finish_tasks([task.pk for task in listed], by=by, now=now, outcome=outcome, answer=answer)
    done = sum(entry.objects_count for entry in finished)
    alerts.respond(_answered(listed), by=by, now=now)
    bare = [order.pk for order in chosen.orders if not theirs.get(order.pk)]
    if bare:
        done += len(alerts.close_orders(bare, Alert.Outcome.HANDLED, by=by, now=now, note=outcome).orders)
    if chosen.alerts:
        closed = alerts.close_alerts(
            [alert.pk for alert in chosen.alerts], Alert.Outcome.HANDLED, by=by, now=now, note=outcome
        )
        done += len(closed)
    return done


@transaction.atomic
def postpone(chosen: Chosen, until: dt.date, *, by: User, now: dt.datetime, today: dt.date) -> int:
    """Take out of sight until a day; a renewal becomes a task of that day. Returns how many.

    Raises ValidationError for today and days before it.
    """
    if until <= today:
        raise ValidationError(
            _("%(day)s is not after today. Choose tomorrow or later. Nothing was changed.") % {"day": until}
        )
    made = [_renewal_task(account, by, by=by, now=now, due_on=until) for account in chosen.renewals]
    folded = [task for tasks in tasks_of(chosen.orders).values() for task in tasks]
    hidden = alerts.snooze_orders([order.pk for order in chosen.orders], until, by=by, now=now)
    work.snooze_tasks([task.pk for task in folded], until, by=by, now=now)
    ids = [task.pk for task in [*chosen.tasks, *made]]
    entries = hidden + work.snooze_tasks(ids, until, by=by, now=now)
    entries += alerts.snooze_alerts([alert.pk for alert in chosen.alerts], until, by=by, now=now)
    return sum(entry.objects_count for entry in entries)


@transaction.atomic
def hand_over(chosen: Chosen, person: User | None, *, by: User, now: dt.datetime) -> int:
    """Give to a person (None: to nobody), a work order with its open tasks; alerts and renewals become that person's tasks."""
    entries = alerts.assign_orders([order.pk for order in chosen.orders], person, by=by, now=now)
    folded = [task.pk for tasks in tasks_of(chosen.orders).values() for task in tasks]
    work.assign_tasks(folded, person, by=by, now=now)
    entries += work.assign_tasks([task.pk for task in chosen.tasks], person, by=by, now=now)
    made = make_tasks(Chosen(alerts=chosen.alerts, renewals=chosen.renewals), person, by=by, now=now)
    return sum(entry.objects_count for entry in entries) + len(made)


@transaction.atomic
def take_up(chosen: Chosen, *, by: User, now: dt.datetime) -> int:
    """Take work orders up: they are in work and, with their open tasks, the person's; alerts and renewals become its tasks."""
    entries = alerts.take_up([order.pk for order in chosen.orders], by=by, now=now)
    folded = [task.pk for tasks in tasks_of(chosen.orders).values() for task in tasks]
    work.assign_tasks(folded, by, by=by, now=now)
    made = make_tasks(Chosen(alerts=chosen.alerts, renewals=chosen.renewals), by, by=by, now=now)
    return sum(entry.objects_count for entry in entries) + len(made)


@transaction.atomic
def make_tasks(chosen: Chosen, person: User | None, *, by: User, now: dt.datetime) -> list[Task]:
    """Make a task of each alert and renewal, for a person or, without one, for the account's owner."""
    made = [
        playbooks.make_task(alert, person or alert.account.owner, by=by, now=now) for alert in chosen.alerts
    ]
    made += [_renewal_task(account, person or account.owner, by=by, now=now) for account in chosen.renewals]
    return made


@transaction.atomic
def give_verdict(chosen: Chosen, outcome: str, *, by: User, now: dt.datetime, note: str = "") -> int:
    """Close the chosen work orders with their alerts, the chosen alerts, and those behind the chosen tasks, with what came of them;
    their tasks end.

    Raises ValidationError when no alert stands behind anything chosen. Returns how many closed.
    """
    keys = {int(task.origin_id) for task in chosen.tasks if task.origin_kind == ALERT}
    keys |= {alert.pk for alert in chosen.alerts}
    if not keys and not chosen.orders:
        raise ValidationError(
            _("None of these stands for an alert, so there is no verdict to give. Finish them instead.")
        )
    shut = alerts.close_orders([order.pk for order in chosen.orders], outcome, by=by, now=now, note=note)
    closed = alerts.close_alerts(keys, outcome, by=by, now=now, note=note)
    playbooks.settle([*shut.alerts, *closed], by=by, now=now)
    return len(shut.orders) + len(closed)


@transaction.atomic
def drop(chosen: Chosen, *, by: User, now: dt.datetime, outcome: str = "") -> int:
    """Mark tasks as not to be done. Returns how many."""
    entries = work.drop_tasks([task.pk for task in chosen.tasks], by=by, now=now, outcome=outcome)
    return sum(entry.objects_count for entry in entries)


@transaction.atomic
def reopen(chosen: Chosen, *, by: User, now: dt.datetime) -> int:
    """Open ended tasks again, and work orders and alerts that a person closed. Returns how many."""
    ended = [task for task in chosen.tasks if task.state != Task.State.OPEN]
    for task in ended:
        work.reopen_task(task, by=by, now=now)
    orders = alerts.reopen_orders([order.pk for order in chosen.orders], by=by, now=now)
    return len(ended) + orders + alerts.reopen_alerts([alert.pk for alert in chosen.alerts], by=by, now=now)


def tasks_of(orders: Iterable[WorkOrder]) -> dict[int, list[Task]]:
    """Open tasks made of the open alerts of work orders, by order. Two queries."""
    rows = Alert.objects.filter(order__in=[order.pk for order in orders], state=Alert.State.OPEN)
    order_of = {str(pk): order for pk, order in rows.values_list("pk", "order")}
    found: dict[int, list[Task]] = defaultdict(list)
    made = Task.objects.filter(origin_kind=ALERT, origin_id__in=list(order_of), state=Task.State.OPEN)
    for task in made.select_related("assignee").order_by("due_on", "pk"):
        found[order_of[task.origin_id] or 0].append(task)
    return found


def _answered(tasks: Iterable[Task]) -> list[int]:
    """The alerts that tasks were made of."""
    return [int(task.origin_id) for task in tasks if task.origin_kind == ALERT]


def _renewal_task(
    account: Account, person: User | None, *, by: User, now: dt.datetime, due_on: dt.date | None = None
) -> Task:
    return work.add_task(
        account=account,
        title=ALERT_STEP["titles"]["renewal_due"],
        assignee=person if person and person.is_active else None,
        by=by,
        now=now,
        due_on=due_on or account.renewal_on,
        origin=(RENEWAL, renewal_key(account.pk, account.renewal_on)),
    )

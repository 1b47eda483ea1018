"""The tasks that stand for alerts: made by hand, and ended with their alert."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils import translation

from evergreen.alerts.models import Alert
from evergreen.base.clock import local_day
from evergreen.base.models import User
from evergreen.base.queries import setting, vendor_zone
from evergreen.base.working_days import for_vendor
from evergreen.playbooks.shipped import ALERT_STEP
from evergreen.playbooks.steps.tasks import ALERT, alert_task
from evergreen.work.actions import add_task, assign_tasks, drop_task, finish_task, reopen_task
from evergreen.work.models import Task


@transaction.atomic
def make_task(alert: Alert, assignee: User | None, *, by: User | None, now: dt.datetime) -> Task:
    """Make the shipped playbook's task of an alert by hand; an ended one is opened again, another's one given over."""
    active = assignee if assignee is not None and assignee.is_active else None
    new = alert_task(ALERT_STEP, alert, None, local_day(now, vendor_zone()), for_vendor())
    task = add_task(
        account=alert.account,
        title=dict(new.title),
        reason=dict(new.reason),
        assignee=active,
        by=by,
        now=now,
        due_on=new.due_on,
        priority=new.priority,
        origin=new.origin,
    )
    if task.state != Task.State.OPEN:
        reopen_task(task, by=by, now=now)
    if assignee is not None and task.assignee_id != assignee.pk:
        assign_tasks([task.pk], assignee, by=by, now=now)
        task.refresh_from_db()
    return task


def settle(alerts: Iterable[Alert] | None = None, *, by: Any = None, now: dt.datetime) -> int:
    """End the open tasks of closed alerts: dropped when the condition went away, finished when a person closed it.

    ``alerts`` narrows to these; without it every open task of an alert is looked at. Returns the tasks ended.
    """
    tasks = Task.objects.filter(state=Task.State.OPEN, origin_kind=ALERT)
    if alerts is not None:
        tasks = tasks.filter(origin_id__in=[str(alert.pk) for alert in alerts])
    listed = {task.origin_id: task for task in tasks}
    closed = Alert.objects.filter(
        pk__in=[int(key) for key in listed], state=Alert.State.CLOSED
    ).select_related("rule")
    ended = 0
    with translation.override(setting("language")):
        for alert in closed:
            task, outcome = listed[str(alert.pk)], str(alert.get_outcome_display())
            if alert.outcome == Alert.Outcome.CLEARED:
                drop_task(task, by=by, now=now, outcome=outcome)
            else:
                finish_task(task, by=by or alert.closed_by, now=now, outcome=outcome)
            ended += 1
    return ended

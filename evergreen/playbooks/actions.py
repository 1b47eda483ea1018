"""Enrol accounts, take their steps, and settle what an alert's end makes needless."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils import translation

from evergreen.alerts.models import Alert
from evergreen.alerts.words import say
from evergreen.base.clock import local_day
from evergreen.base.models import User
from evergreen.base.queries import setting, vendor_zone
from evergreen.base.working_days import for_vendor
from evergreen.customers.models import Account
from evergreen.playbooks import rules
from evergreen.playbooks.models import Enrolment, Playbook, PlaybookVersion
from evergreen.playbooks.shipped import PLAYBOOKS
from evergreen.work.actions import add_task, assign_tasks, drop_task, finish_task, reopen_task
from evergreen.work.models import Task

ALERT = "alert"
_BATCH = 200


@transaction.atomic
def install_shipped(*, now: dt.datetime) -> int:
    """Add the shipped playbooks that are not there yet. Returns how many."""
    added = 0
    for key, shipped in PLAYBOOKS.items():
        playbook, created = Playbook.objects.get_or_create(
            key=key, defaults={"name": shipped["name"], "trigger": shipped["trigger"]}
        )
        if created:
            rules.validate(shipped["steps"])
            PlaybookVersion.objects.create(
                playbook=playbook, number=1, steps=shipped["steps"], published_at=now
            )
            added += 1
    return added


@transaction.atomic
def enrol_for_alerts(*, now: dt.datetime) -> int:
    """Enter the account of every open alert into the playbooks that its rule starts, once an alert. Returns entries."""
    entered = 0
    for playbook in Playbook.objects.filter(is_on=True):
        version = playbook.versions.order_by("-number").first()
        if version is None:
            continue
        entered += _enrol(playbook, version, now)
    return entered


def _enrol(playbook: Playbook, version: PlaybookVersion, now: dt.datetime) -> int:
    had = set(
        Enrolment.objects.filter(version__playbook=playbook, origin_kind=ALERT).values_list(
            "origin_id", flat=True
        )
    )
    rows = Alert.objects.filter(state=Alert.State.OPEN).values_list("pk", "account_id", "rule__key")
    fresh = [
        Enrolment(
            version=version,
            account_id=account,
            key=f"{playbook.key}:{ALERT}:{pk}",
            origin_kind=ALERT,
            origin_id=str(pk),
            wake_at=now,
            entered_at=now,
        )
        for pk, account, rule in rows
        if str(pk) not in had and rules.starts(playbook.trigger, rule)
    ]
    Enrolment.objects.bulk_create(fresh, batch_size=500, ignore_conflicts=True)
    return len(fresh)


def advance(*, now: dt.datetime) -> int:
    """Take every due step, in batches of at most 200; an error parks its enrolment alone. Returns enrolments advanced."""
    advanced = 0
    while batch := list(
        Enrolment.objects.filter(state=Enrolment.State.WAITING, wake_at__lte=now)
        .order_by("wake_at", "pk")
        .select_related("version", "account__owner")[:_BATCH]
    ):
        with transaction.atomic():
            for enrolment in batch:
                _advance_one(enrolment, now)
        advanced += len(batch)
    return advanced


def _advance_one(enrolment: Enrolment, now: dt.datetime) -> None:
    """Claim by a filtered update that must change exactly one row, then take steps until one waits or the end."""
    claimed = Enrolment.objects.filter(
        pk=enrolment.pk, state=Enrolment.State.WAITING, wake_at=enrolment.wake_at
    )
    if claimed.update(wake_at=None) != 1:
        return
    try:
        with transaction.atomic():
            while (step := rules.step_at(enrolment.version.steps, enrolment.step)) is not None:
                _take(step, enrolment, now)
                enrolment.step += 1
            enrolment.state, enrolment.ended_at, enrolment.wake_at = Enrolment.State.DONE, now, None
            enrolment.save(update_fields=["step", "state", "ended_at", "wake_at"])
    except Exception as error:
        Enrolment.objects.filter(pk=enrolment.pk).update(
            state=Enrolment.State.STUCK, wake_at=None, note=f"{type(error).__name__}: {error}"[:300]
        )


def _take(step: rules.TaskStep, enrolment: Enrolment, now: dt.datetime) -> Task | None:
    alert = Alert.objects.select_related("rule").filter(pk=enrolment.origin_id).first()
    if alert is None or alert.state == Alert.State.CLOSED:
        return None
    return _task(step, alert, enrolment.account, enrolment.account.owner, None, now)


@transaction.atomic
def make_task(alert: Alert, assignee: User | None, *, by: User | None, now: dt.datetime) -> Task:
    """Make the shipped playbook's task of an alert by hand; an ended one is opened again, another's one given over."""
    step = rules.step_at(PLAYBOOKS["alert-task"]["steps"], 0)
    if step is None:
        raise rules.PlaybookError("The shipped playbook alert-task begins with a task.")
    task = _task(step, alert, alert.account, assignee, by, now)
    if task.state != Task.State.OPEN:
        reopen_task(task, by=by, now=now)
    if assignee is not None and task.assignee_id != assignee.pk:
        assign_tasks([task.pk], assignee, by=by, now=now)
        task.refresh_from_db()
    return task


def _task(
    step: rules.TaskStep,
    alert: Alert,
    account: Account,
    assignee: User | None,
    by: User | None,
    now: dt.datetime,
) -> Task:
    today = local_day(now, vendor_zone())
    return add_task(
        account=account,
        title=step.title(alert.rule.key),
        reason={language: say(alert.rule.key, alert.figures, language) for language in ("zh", "en")},
        assignee=assignee if assignee and assignee.is_active else None,
        by=by,
        now=now,
        due_on=for_vendor().add(today, step.due_in(alert.rule.severity)).value,
        priority=rules.PRIORITIES[alert.rule.severity],
        origin=(ALERT, str(alert.pk)),
    )


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

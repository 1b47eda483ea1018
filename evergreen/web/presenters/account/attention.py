"""What to do now on an account: open alerts and open tasks, each with its reason and the one next action."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from evergreen.alerts import words
from evergreen.alerts.models import Alert, Rule
from evergreen.alerts.queries import open_alerts
from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.web import formats
from evergreen.work.models import Task

MOST = 8
_TONES = {Rule.Severity.HIGH: "bad", Rule.Severity.MEDIUM: "warn", Rule.Severity.LOW: "info"}
_TASK_TONES = {Task.Priority.URGENT: "bad", Task.Priority.HIGH: "warn"}
MONEY_RULES = {"renewal_due", "invoice_overdue"}


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing to look at. ``ref`` names it for the addresses of ``/work/``; ``post`` is where its action goes."""

    ref: str
    title: str
    why: str
    tone: str
    small: str
    action: str
    post: str


def things(account: Account, user: User, today: dt.date) -> tuple[list[Thing], int]:
    """The most important things, and how many there are in all. Two queries."""
    tasks = list(
        Task.objects.filter(account=account, state=Task.State.OPEN)
        .exclude(snoozed_until__gt=today)
        .select_related("assignee")
        .order_by("priority", "due_on", "pk")[:100]
    )
    answering = {task.origin_id: task for task in tasks if task.origin_kind == "alert"}
    alerts = list(open_alerts(Account.objects.filter(pk=account.pk), day=today)[:50])
    found = [_alert(alert, answering.get(str(alert.pk)), user, today) for alert in alerts]
    told = {str(alert.pk) for alert in alerts}
    found += [
        _task(task, user, today)
        for task in tasks
        if task.origin_kind != "alert" or task.origin_id not in told
    ]
    return found[:MOST], len(found)


def _alert(alert: Alert, task: Task | None, user: User, today: dt.date) -> Thing:
    language = formats.language()
    hidden = alert.rule.key in MONEY_RULES and not user.sees_money
    since = _("open for %(time)s") % {"time": formats.days((today - alert.opened_on).days)}
    return Thing(
        ref=f"task-{task.pk}" if task else f"alert-{alert.pk}",
        title=words.headline(alert, language),
        why="" if hidden else words.reason(alert, language),
        tone=_TONES.get(Rule.Severity(alert.rule.severity), "info"),
        small=" · ".join(filter(None, [since, _whose(task, today)])),
        action=_("Done") if task else _("Take it on"),
        post=_address("work-completion" if task else "work-tasks"),
    )


def _task(task: Task, user: User, today: dt.date) -> Thing:
    late = task.due_on is not None and task.due_on < today
    return Thing(
        ref=f"task-{task.pk}",
        title=formats.named(task.title),
        why=formats.named(task.reason) if user.sees_money or task.origin_kind != "alert" else "",
        tone="bad" if late else _TASK_TONES.get(Task.Priority(task.priority), "info"),
        small=_whose(task, today),
        action=_("Done"),
        post=_address("work-completion"),
    )


def _whose(task: Task | None, today: dt.date) -> str:
    if task is None:
        return ""
    due = _("due %(day)s") % {"day": formats.day(task.due_on)} if task.due_on else ""
    return " · ".join(filter(None, [str(task.assignee or _("nobody's task")), due]))


def _address(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""

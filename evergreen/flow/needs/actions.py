"""What a person does about what needs somebody: done, later, somebody else's, a task, a verdict.

Each takes the chosen rows, which may be tasks, alerts without a task and renewals (accounts) together; one
transaction a call. Audit entries of tasks and alerts carry what an undo needs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.alerts import actions as alerts
from evergreen.alerts.models import Alert
from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.flow.needs.queries import ALERT, RENEWAL, renewal_key
from evergreen.playbooks import actions as playbooks
from evergreen.playbooks.shipped import ALERT_STEP
from evergreen.work import actions as work
from evergreen.work.models import Task


@dataclass(frozen=True, slots=True)
class Chosen:
    """Rows that a person chose and may see: tasks, alerts that have no task of their own here, renewals."""

    tasks: Sequence[Task] = ()
    alerts: Sequence[Alert] = ()
    renewals: Sequence[Account] = ()

    def __len__(self) -> int:
        return len(self.tasks) + len(self.alerts) + len(self.renewals)


@transaction.atomic
def complete(chosen: Chosen, *, by: User, now: dt.datetime, outcome: str = "", answer: str = "") -> int:
    """Finish tasks; an alert without one closes as handled, a renewal is noted as done. Returns how many. ``answer`` is one that
    the tasks ask for; ValidationError where one asks for another.

    The alert behind a finished task stays open until its condition is gone or a person closes it.
    """
    made = [_renewal_task(account, by, by=by, now=now) for account in chosen.renewals]
    ids = [task.pk for task in [*chosen.tasks, *made]]
    finished = work.finish_tasks(ids, by=by, now=now, outcome=outcome, answer=answer)
    done = sum(entry.objects_count for entry in finished)
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
    ids = [task.pk for task in [*chosen.tasks, *made]]
    entries = work.snooze_tasks(ids, until, by=by, now=now)
    entries += alerts.snooze_alerts([alert.pk for alert in chosen.alerts], until, by=by, now=now)
    return sum(entry.objects_count for entry in entries)


@transaction.atomic
def hand_over(chosen: Chosen, person: User | None, *, by: User, now: dt.datetime) -> int:
    """Give to a person (None: to nobody); alerts and renewals become that person's tasks."""
    entries = work.assign_tasks([task.pk for task in chosen.tasks], person, by=by, now=now)
    made = make_tasks(Chosen(alerts=chosen.alerts, renewals=chosen.renewals), person, by=by, now=now)
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
    """Close the chosen alerts, and those behind the chosen tasks, with what came of them; their tasks end.

    Raises ValidationError when no alert stands behind anything chosen. Returns how many closed.
    """
    keys = {int(task.origin_id) for task in chosen.tasks if task.origin_kind == ALERT}
    keys |= {alert.pk for alert in chosen.alerts}
    if not keys:
        raise ValidationError(
            _("None of these stands for an alert, so there is no verdict to give. Finish them instead.")
        )
    closed = alerts.close_alerts(keys, outcome, by=by, now=now, note=note)
    playbooks.settle(closed, by=by, now=now)
    return len(closed)


@transaction.atomic
def drop(chosen: Chosen, *, by: User, now: dt.datetime, outcome: str = "") -> int:
    """Mark tasks as not to be done. Returns how many."""
    entries = work.drop_tasks([task.pk for task in chosen.tasks], by=by, now=now, outcome=outcome)
    return sum(entry.objects_count for entry in entries)


@transaction.atomic
def reopen(chosen: Chosen, *, by: User, now: dt.datetime) -> int:
    """Open ended tasks again, and alerts that a person closed. Returns how many."""
    ended = [task for task in chosen.tasks if task.state != Task.State.OPEN]
    for task in ended:
        work.reopen_task(task, by=by, now=now)
    return len(ended) + alerts.reopen_alerts([alert.pk for alert in chosen.alerts], by=by, now=now)


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

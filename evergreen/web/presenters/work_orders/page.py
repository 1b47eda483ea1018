"""One work order as a page: cause, symptoms, times, tasks, what was done with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from evergreen.alerts.models import Alert, WorkOrder
from evergreen.base import changes
from evergreen.base.models import AuditEntry, User
from evergreen.flow.needs.choosing import MOST
from evergreen.flow.needs.queries import ALERT
from evergreen.web import formats
from evergreen.web.presenters.settings.audit import verb_words
from evergreen.web.presenters.work_lists import WorkList
from evergreen.web.presenters.work_orders.lines import OrderLine, Told, line, told
from evergreen.work.models import Task

_FORMER = 10
_ENTRIES = 2_000


@dataclass(frozen=True, slots=True)
class Passage:
    """Something that happened to the order: when, what, more about it."""

    at: dt.datetime
    title: str
    detail: str


class OrderPage(WorkList):
    def __init__(self, user: User, order: WorkOrder, vendor: Mapping[str, Any], now: dt.datetime) -> None:
        self.user, self.order, self.vendor, self.now = user, order, vendor, now
        self.today = now.astimezone(timezone.get_current_timezone()).date()

    @cached_property
    def alerts(self) -> list[Alert]:
        rows = self.order.alerts.select_related("rule", "closed_by")
        return list(rows.order_by("opened_at", "pk"))

    @cached_property
    def tasks(self) -> list[Task]:
        keys = [str(alert.pk) for alert in self.alerts]
        rows = Task.objects.filter(origin_kind=ALERT, origin_id__in=keys).select_related("assignee")
        return sorted(
            rows, key=lambda task: (task.state != Task.State.OPEN, task.due_on or dt.date.max, task.pk)
        )

    @cached_property
    def line(self) -> OrderLine:
        first = next((task for task in self.tasks if task.state == Task.State.OPEN), None)
        return line(self.order, self.alerts, first, self.user, self.now)

    @cached_property
    def with_tasks(self) -> set[int]:
        """The alerts that have a task."""
        return {int(task.origin_id) for task in self.tasks}

    @cached_property
    def closed(self) -> list[Told]:
        """Alerts of it that closed while others are open."""
        shown = {one.alert.pk for one in (self.line.cause, *self.line.symptoms, *self.line.beside) if one}
        return [told(alert, self.user) for alert in self.alerts if alert.pk not in shown]

    @cached_property
    def causes(self) -> list[tuple[int, str, bool]]:
        """What may be called the cause: (alert, its name, whether it is)."""
        said = self.order.cause_id if self.order.cause_by_id else None
        open_ones = [alert for alert in self.alerts if alert.state == Alert.State.OPEN] or self.alerts
        return [(alert.pk, told(alert, self.user).headline, alert.pk == said) for alert in open_ones]

    @cached_property
    def history(self) -> list[Passage]:
        """What happened, newest first: what people did with the order, what happened by itself, its alerts."""
        order, found = self.order, [Passage(self.order.opened_at, _("Work order opened"), "")]
        if order.escalated_at:
            told_to = str(order.escalated_to or _("nobody: there is no manager"))
            found.append(
                Passage(
                    order.escalated_at,
                    _("Told to %(name)s") % {"name": told_to},
                    order.get_escalated_for_display(),
                )
            )
        if order.gone_at:
            found.append(Passage(order.gone_at, _("Condition gone"), _("somebody works on it, so it stays")))
        # What a person does is about at most so many rows at once; the entries of nights, which hold thousands, are not read.
        entries = AuditEntry.objects.filter(
            kind=changes.kind_of(WorkOrder),
            at__gte=order.opened_at,
            by__isnull=False,
            objects_count__lte=MOST,
        )
        for entry in entries.select_related("by").order_by("-at", "-pk")[:_ENTRIES]:
            if order.pk in entry.object_ids:
                found.append(Passage(entry.at, verb_words(entry.verb), str(entry.by)))
        if order.resolved_at and order.resolved_by_id is None:
            found.append(Passage(order.resolved_at, _("Closed by itself"), order.get_outcome_display()))
        for alert in self.alerts:
            name = told(alert, self.user).headline
            found.append(Passage(alert.opened_at, _("Alert opened: %(name)s") % {"name": name}, ""))
            if alert.closed_at:
                facts = [str(alert.get_outcome_display()), str(alert.closed_by or ""), alert.note]
                found.append(
                    Passage(
                        alert.closed_at,
                        _("Alert closed: %(name)s") % {"name": name},
                        " · ".join(filter(None, facts)),
                    )
                )
        return sorted(found, key=lambda one: one.at, reverse=True)

    @cached_property
    def former(self) -> list[WorkOrder]:
        """Other work orders of the account, newest first."""
        rows = WorkOrder.objects.filter(account=self.order.account_id).exclude(pk=self.order.pk)
        return list(rows.select_related("cause__rule").order_by("-opened_at", "-pk")[:_FORMER])

    @property
    def promise(self) -> str:
        """How long there is for it, in working hours of the settings."""
        hours = [self.vendor[key].split(",") for key in ("order_response_hours", "order_resolution_hours")]
        place = 3 - self.order.severity
        return _("%(first)s working hours to take it up, %(then)s to resolve it") % {
            "first": formats.number(int(hours[0][place])),
            "then": formats.number(int(hours[1][place])),
        }

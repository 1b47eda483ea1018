"""Work orders in words: the cause with its figures, what it explains, until when, what is done about it."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from evergreen.alerts import causes, words
from evergreen.alerts.actions import signs_of
from evergreen.alerts.models import Alert, WorkOrder
from evergreen.base.models import User
from evergreen.flow.needs.actions import tasks_of
from evergreen.web import formats
from evergreen.work.models import Task

SEVERITY_TONES = {3: "bad", 2: "warn", 1: "info"}


@dataclass(frozen=True, slots=True)
class Told:
    """An alert of an order in words."""

    alert: Alert
    headline: str
    reason: str
    tone: str


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One work order in words. ``cause`` is None where none of its alerts is known any more."""

    order: WorkOrder
    cause: Told | None
    symptoms: tuple[Told, ...]
    beside: tuple[Told, ...]
    task: Task | None
    now: dt.datetime

    @property
    def ref(self) -> str:
        return f"order-{self.order.pk}"

    @property
    def tone(self) -> str:
        return "" if self.order.is_resolved else SEVERITY_TONES.get(self.order.severity, "info")

    @property
    def cause_name(self) -> str:
        """The cause: in a person's own words where there are any, else the alert's."""
        return self.order.cause_words or (self.cause.headline if self.cause else _("no alert left"))

    @property
    def others(self) -> str:
        """The names of the alerts that the cause explains, then of those beside it."""
        return _(", ").join(told.headline for told in (*self.symptoms, *self.beside))

    @property
    def is_late(self) -> bool:
        due = self.order.due_at
        return not self.order.is_resolved and due is not None and due < self.now

    @property
    def is_waiting_in_digest(self) -> bool:
        alerts = [told.alert for told in (*filter(None, [self.cause]), *self.symptoms, *self.beside)]
        return self.order.state == WorkOrder.State.OPEN and all(alert.in_digest for alert in alerts)

    @property
    def due(self) -> str:
        """Until when, by what is to come next: taking it up, then resolving it."""
        if self.order.is_resolved or self.order.due_at is None:
            return ""
        at = {"at": formats.moment(self.order.due_at)}
        if self.order.state == WorkOrder.State.OPEN:
            return (
                _("was to be taken up by %(at)s") % at if self.is_late else _("to be taken up by %(at)s") % at
            )
        return _("was to be resolved by %(at)s") % at if self.is_late else _("to be resolved by %(at)s") % at


def told(alert: Alert, user: User) -> Told:
    """An alert in words, without amounts for those who see none."""
    language = formats.language()
    return Told(
        alert,
        words.headline(alert, language),
        formats.for_reader(words.reason(alert, language), user.sees_money),
        SEVERITY_TONES.get(alert.rule.severity, "info"),
    )


def lines(orders: Sequence[WorkOrder], user: User, now: dt.datetime) -> list[OrderLine]:
    """Work orders (read with their account, owner and assignee) with their alerts and the next task of each; three queries."""
    alerts: dict[int | None, list[Alert]] = defaultdict(list)
    for alert in Alert.objects.filter(order__in=orders).select_related("rule").order_by("opened_at", "pk"):
        alerts[alert.order_id].append(alert)
    tasks = tasks_of([order for order in orders if not order.is_resolved])
    return [
        line(order, alerts[order.pk], next(iter(tasks.get(order.pk, ())), None), user, now)
        for order in orders
    ]


def line(
    order: WorkOrder, alerts: Iterable[Alert], task: Task | None, user: User, now: dt.datetime
) -> OrderLine:
    """One order in words: of its open alerts, or, once none is open, of those that closed last."""
    listed = list(alerts)
    shown = [alert for alert in listed if alert.state == Alert.State.OPEN] or listed
    by_key = {alert.pk: told(alert, user) for alert in shown}
    explained = causes.explain(signs_of(shown), order.cause_id)
    if explained is None:
        return OrderLine(order, None, (), (), task, now)
    return OrderLine(
        order,
        by_key[explained.cause],
        tuple(by_key[key] for key in explained.symptoms),
        tuple(by_key[key] for key in explained.beside),
        task,
        now,
    )

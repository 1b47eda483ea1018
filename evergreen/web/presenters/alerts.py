"""The list of alerts as an address asks for it, and the alert rules with what became of their alerts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _

from evergreen.alerts import words
from evergreen.alerts.models import Alert, Rule
from evergreen.base.models import User
from evergreen.customers.queries import accounts_for
from evergreen.flow.needs.queries import ALERT, ALL, MINE, NOBODY
from evergreen.web import formats
from evergreen.web.presenters.work_lists import WorkList, who_from
from evergreen.web.presenters.work_orders.lines import SEVERITY_TONES
from evergreen.work.models import Task

OPEN, SNOOZED, CLOSED = "open", "snoozed", "closed"
STATES = (OPEN, SNOOZED, CLOSED)
SORTS = {"priority": ("-priority", "pk"), "newest": ("-opened_at", "-pk"), "oldest": ("opened_at", "pk")}


@dataclass(frozen=True, slots=True)
class Line:
    """One alert in words, with its task."""

    alert: Alert
    headline: str
    reason: str
    tone: str
    task: Task | None

    @property
    def ref(self) -> str:
        """What names it in a form: while its task is open, that task."""
        if self.task is not None and self.task.state == Task.State.OPEN:
            return f"task-{self.task.pk}"
        return f"alert-{self.alert.pk}"


class AlertList(WorkList):
    """What the page of alerts shows for an address."""

    def __init__(self, user: User, query: QueryDict, vendor: Mapping[str, Any], today: dt.date) -> None:
        self.user, self.vendor, self.today = user, vendor, today
        self.who = who_from(user, query.get("who", ""), default=ALL)
        self.state = query.get("state", OPEN) if query.get("state", OPEN) in STATES else OPEN
        self.rule = query.get("rule", "")
        self.severity = {"1": 1, "2": 2, "3": 3}.get(query.get("severity", ""))
        self.outcome = query.get("outcome", "") if query.get("outcome", "") in Alert.Outcome.values else ""
        self.sort = query.get("sort", "") if query.get("sort", "") in SORTS else ""
        self.is_digest = query.get("digest", "") == "1" and self.state == OPEN
        self.text = query.get("q", "").strip()[:100]
        self.number = query.get("page", "1")

    def _owned(self) -> QuerySet[Alert]:
        accounts = accounts_for(self.user).order_by()
        if self.who == NOBODY:
            accounts = accounts.filter(owner__isnull=True)
        elif self.who != ALL:
            accounts = accounts.filter(owner=self.user.pk if self.who == MINE else int(self.who))
        rows = Alert.objects.filter(account__in=accounts)
        return rows.filter(account__name__icontains=self.text) if self.text else rows

    def _stated(self) -> QuerySet[Alert]:
        rows = self._owned()
        asleep = Q(snoozed_until__gt=self.today)
        if self.state == CLOSED:
            return rows.filter(state=Alert.State.CLOSED)
        rows = rows.filter(state=Alert.State.OPEN)
        return rows.filter(asleep) if self.state == SNOOZED else rows.exclude(asleep)

    @cached_property
    def rows(self) -> QuerySet[Alert]:
        rows = self._stated().select_related("rule", "account__owner", "closed_by")
        if self.rule:
            rows = rows.filter(rule__key=self.rule)
        if self.severity:
            rows = rows.filter(rule__severity=self.severity)
        if self.is_digest:
            rows = rows.filter(in_digest=True)
        if self.outcome and self.state == CLOSED:
            rows = rows.filter(outcome=self.outcome)
        if self.state == CLOSED and not self.sort:
            return rows.order_by(F("closed_at").desc(nulls_last=True), "-pk")
        return rows.order_by(*SORTS[self.sort or "priority"])

    @cached_property
    def page(self) -> Page[Alert]:
        return Paginator(self.rows, int(self.vendor["page_rows"])).get_page(self.number)

    @cached_property
    def lines(self) -> list[Line]:
        listed, language = list(self.page.object_list), formats.language()
        tasks = {
            task.origin_id: task
            for task in Task.objects.filter(
                origin_kind=ALERT, origin_id__in=[str(alert.pk) for alert in listed]
            ).select_related("assignee")
        }
        return [
            Line(
                alert=alert,
                headline=words.headline(alert, language),
                reason=formats.for_reader(words.reason(alert, language), self.user.sees_money),
                tone=SEVERITY_TONES.get(alert.rule.severity, "info"),
                task=tasks.get(str(alert.pk)),
            )
            for alert in listed
        ]

    @cached_property
    def counts(self) -> dict[str, int]:
        is_open, asleep = Q(state=Alert.State.OPEN), Q(snoozed_until__gt=self.today)
        awake = Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=self.today)
        return self._owned().aggregate(
            open=Count("pk", filter=is_open & awake),
            digest=Count("pk", filter=is_open & awake & Q(in_digest=True)),
            snoozed=Count("pk", filter=is_open & asleep),
            closed=Count("pk", filter=Q(state=Alert.State.CLOSED)),
        )

    @cached_property
    def states(self) -> list[tuple[str, str, int]]:
        words_ = {OPEN: _("Open"), SNOOZED: _("Later"), CLOSED: _("Closed")}
        return [(state, words_[state], self.counts[state]) for state in STATES]

    @cached_property
    def rules(self) -> list[tuple[Rule, int]]:
        """Every rule with its alerts in the state shown."""
        counts = dict(self._stated().values_list("rule").annotate(n=Count("pk")).order_by())
        return [(rule, counts.get(rule.pk, 0)) for rule in Rule.objects.all()]

    @cached_property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in Alert.Outcome.choices]

    @property
    def is_narrowed(self) -> bool:
        return bool(
            self.rule
            or self.severity
            or self.text
            or self.is_digest
            or (self.outcome and self.state == CLOSED)
        )

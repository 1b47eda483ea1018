"""The list of work orders as an address asks for it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, Q, QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _

from evergreen.alerts.models import Alert, Rule, WorkOrder, held_by
from evergreen.alerts.queries import orders_for
from evergreen.base.models import User
from evergreen.flow.needs.queries import ALL, MINE, NOBODY
from evergreen.web.presenters.work_lists import WorkList, who_from
from evergreen.web.presenters.work_orders.lines import OrderLine, lines

OPEN, LATE, GONE, SNOOZED, RESOLVED = "open", "late", "gone", "snoozed", "resolved"
STATES = (OPEN, LATE, GONE, SNOOZED, RESOLVED)
_FILE_ROWS = 500


class OrderList(WorkList):
    """What the page of work orders shows for an address."""

    def __init__(self, user: User, query: QueryDict, vendor: Mapping[str, Any], now: dt.datetime) -> None:
        self.user, self.vendor, self.now = user, vendor, now
        self.today = now.astimezone(timezone.get_current_timezone()).date()
        self.who = who_from(user, query.get("who", ""), default=ALL)
        self.state = query.get("state", OPEN) if query.get("state", OPEN) in STATES else OPEN
        self.severity = {"1": 1, "2": 2, "3": 3}.get(query.get("severity", ""))
        self.cause = query.get("cause", "")
        self.outcome = query.get("outcome", "") if query.get("outcome", "") in Alert.Outcome.values else ""
        self.sort = query.get("sort", "") if query.get("sort", "") in {"due", "newest", "oldest"} else ""
        self.text = query.get("q", "").strip()[:100]
        self.number = query.get("page", "1")

    def _owned(self) -> QuerySet[WorkOrder]:
        rows = orders_for(self.user)
        if self.who != ALL:
            person = self.user.pk if self.who == MINE else None if self.who == NOBODY else int(self.who)
            told = Q(escalated_to=person) if person is not None else Q(pk__in=())
            rows = rows.filter(held_by(person) | told)
        return rows.filter(account__name__icontains=self.text) if self.text else rows

    def _conditions(self) -> dict[str, Q]:
        asleep = Q(snoozed_until__gt=self.today)
        living = ~Q(state=WorkOrder.State.RESOLVED)
        awake = living & (Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=self.today))
        late = Q(state=WorkOrder.State.OPEN, response_due_at__lt=self.now) | Q(resolution_due_at__lt=self.now)
        return {
            OPEN: awake,
            LATE: awake & (late | Q(escalated_at__isnull=False)),
            GONE: living & Q(gone_at__isnull=False),
            SNOOZED: living & asleep,
            RESOLVED: Q(state=WorkOrder.State.RESOLVED),
        }

    @cached_property
    def rows(self) -> QuerySet[WorkOrder]:
        rows = self._owned().filter(self._conditions()[self.state])
        rows = rows.select_related("account__owner", "assignee", "escalated_to", "resolved_by", "cause_by")
        if self.severity:
            rows = rows.filter(severity=self.severity)
        if self.cause:
            rows = rows.filter(cause__rule__key=self.cause)
        if self.outcome and self.state == RESOLVED:
            rows = rows.filter(outcome=self.outcome)
        if self.state == RESOLVED and not self.sort:
            return rows.order_by(F("resolved_at").desc(nulls_last=True), "-pk")
        orders: dict[str, tuple[Any, ...]] = {
            "": ("-priority", "pk"),
            "due": (F("resolution_due_at").asc(nulls_last=True), "pk"),
            "newest": ("-opened_at", "-pk"),
            "oldest": ("opened_at", "pk"),
        }
        return rows.order_by(*orders[self.sort])

    @cached_property
    def page(self) -> Page[WorkOrder]:
        return Paginator(self.rows, int(self.vendor["page_rows"])).get_page(self.number)

    @cached_property
    def lines(self) -> list[OrderLine]:
        return lines(list(self.page.object_list), self.user, self.now)

    @cached_property
    def counts(self) -> dict[str, int]:
        return self._owned().aggregate(
            **{state: Count("pk", filter=condition) for state, condition in self._conditions().items()}
        )

    @cached_property
    def states(self) -> list[tuple[str, str, int]]:
        names = {
            OPEN: _("Open"), LATE: _("Late"), GONE: _("Condition gone"), SNOOZED: _("Later"), RESOLVED: _("Resolved"),
        }  # fmt: skip
        always = {OPEN, RESOLVED, self.state}
        return [
            (state, names[state], self.counts[state])
            for state in STATES
            if state in always or self.counts[state]
        ]

    @cached_property
    def causes(self) -> list[tuple[Rule, int]]:
        """The rules that are a cause among the orders in the state shown, with how many."""
        rows = self._owned().filter(self._conditions()[self.state])
        counts = dict(rows.values_list("cause__rule").annotate(n=Count("pk")).order_by())
        return [(rule, counts[rule.pk]) for rule in Rule.objects.all() if rule.pk in counts]

    @cached_property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in Alert.Outcome.choices]

    @property
    def is_narrowed(self) -> bool:
        return bool(self.severity or self.cause or self.text or (self.outcome and self.state == RESOLVED))

    def file_rows(self) -> Iterator[list[object]]:
        """The orders of the address as the rows of a file, headings first."""
        yield [
            _("Account"), _("Account id"), _("In whose hands"), _("State"), _("Severity"), _("Probable cause"), _("Why"), _("Also"),
            _("Opened"), _("Taken up"), _("Take up by"), _("Resolve by"), _("Told to"), _("Resolved"), _("Outcome"), _("Remark"),
        ]  # fmt: skip
        keys = list(self.rows.values_list("pk", flat=True))
        for start in range(0, len(keys), _FILE_ROWS):
            found = self.rows.in_bulk(keys[start : start + _FILE_ROWS])
            listed = [found[key] for key in keys[start : start + _FILE_ROWS] if key in found]
            for line in lines(listed, self.user, self.now):
                order = line.order
                yield [
                    order.account.name, order.account.external_id, order.person, order.get_state_display(),
                    order.get_severity_display(), line.cause_name, line.cause.reason if line.cause else "", line.others,
                    order.opened_at, order.taken_at, order.response_due_at, order.resolution_due_at, order.escalated_to,
                    order.resolved_at, order.get_outcome_display(), order.note,
                ]  # fmt: skip

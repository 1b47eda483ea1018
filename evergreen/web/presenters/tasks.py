"""Lists of tasks: narrowed by the address, grouped by when they are due."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, Value, When
from django.http import QueryDict
from django.utils.translation import gettext as _

from evergreen.alerts.models import Alert
from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.flow.needs.queries import ALERT, ALL, MINE, NOBODY
from evergreen.web import formats
from evergreen.web.chosen import account_named
from evergreen.web.presenters.work_lists import WorkList, who_from
from evergreen.work.models import Task
from evergreen.work.queries import tasks_for

OPEN, SNOOZED, DONE, DROPPED = "open", "snoozed", "done", "dropped"
STATES = (OPEN, SNOOZED, DONE, DROPPED)
_OVERDUE, _TODAY, _WEEK, _LATER, _NO_DAY, _ENDED = range(6)


@dataclass(frozen=True, slots=True)
class Group:
    """Tasks due about the same time."""

    label: str
    tasks: list[Task]


class TaskList(WorkList):
    """What the page of tasks shows for an address."""

    def __init__(self, user: User, query: QueryDict, vendor: Mapping[str, Any], today: dt.date) -> None:
        self.user, self.vendor, self.today = user, vendor, today
        self.who = who_from(user, query.get("who", ""))
        self.state = query.get("state", OPEN) if query.get("state", OPEN) in STATES else OPEN
        self.text = query.get("q", "").strip()[:100]
        self.due = query.get("due", "") if query.get("due", "") in {"late", "today", "week"} else ""
        self.account = account_named(user, query.get("account", ""))
        self.number = query.get("page", "1")

    @cached_property
    def rows(self) -> QuerySet[Task]:
        """Tasks of the address, soonest due first, those of equal group by priority and money."""
        return self._ordered(self._stated(self._narrowed()))

    def _narrowed(self) -> QuerySet[Task]:
        rows = tasks_for(self.user).select_related("account", "assignee", "ended_by")
        if self.account is not None:
            rows = rows.filter(account=self.account)
        elif self.who == NOBODY:
            rows = rows.filter(assignee__isnull=True)
        elif self.who != ALL:
            rows = rows.filter(assignee=self.user.pk if self.who == MINE else int(self.who))
        if self.text:
            titles = (
                Q(title__zh__icontains=self.text)
                | Q(title__en__icontains=self.text)
                | Q(title__text__icontains=self.text)
            )
            rows = rows.filter(titles | Q(account__name__icontains=self.text))
        return rows

    def _stated(self, rows: QuerySet[Task]) -> QuerySet[Task]:
        asleep = Q(snoozed_until__gt=self.today)
        if self.state == OPEN:
            rows = rows.filter(state=Task.State.OPEN).exclude(asleep)
        elif self.state == SNOOZED:
            rows = rows.filter(asleep, state=Task.State.OPEN)
        else:
            rows = rows.filter(state=self.state)
        last = {"late": self.today - dt.timedelta(days=1), "today": self.today, "week": self._week_end}.get(
            self.due
        )
        return rows.filter(due_on__lte=last) if last else rows

    @cached_property
    def _week_end(self) -> dt.date:
        return self.today + dt.timedelta(days=6 - self.today.weekday())

    def _ordered(self, rows: QuerySet[Task]) -> QuerySet[Task]:
        if self.state in {DONE, DROPPED}:
            return rows.annotate(part=Value(_ENDED)).order_by("-ended_at", "-pk")
        part = Case(
            When(due_on__isnull=True, then=_NO_DAY),
            When(due_on__lt=self.today, then=_OVERDUE),
            When(due_on=self.today, then=_TODAY),
            When(due_on__lte=self._week_end, then=_WEEK),
            default=_LATER,
            output_field=IntegerField(),
        )
        money = F("account__arr_base_cents").desc(nulls_last=True)
        return rows.annotate(part=part).order_by("part", "priority", "due_on", money, "pk")

    @cached_property
    def page(self) -> Page[Task]:
        return Paginator(self.rows, int(self.vendor["page_rows"])).get_page(self.number)

    @cached_property
    def groups(self) -> list[Group]:
        listed = list(self.page.object_list)
        labels = {
            _OVERDUE: _("Overdue"),
            _TODAY: _("Today"),
            _WEEK: _("This week"),
            _LATER: _("Later than this week"),
            _NO_DAY: _("Without a day"),
            _ENDED: "",
        }
        parts = groupby(listed, key=lambda task: int(task.part))  # type: ignore[attr-defined]
        return [Group(labels[part], list(tasks)) for part, tasks in parts]

    @cached_property
    def counts(self) -> dict[str, int]:
        """Tasks by state and how many of the open ones are late, under the same owner and words."""
        asleep = Q(snoozed_until__gt=self.today)
        is_open = Q(state=Task.State.OPEN)
        return self._narrowed().aggregate(
            open=Count("pk", filter=is_open & (Q(snoozed_until__isnull=True) | ~asleep)),
            snoozed=Count("pk", filter=is_open & asleep),
            done=Count("pk", filter=Q(state=Task.State.DONE)),
            dropped=Count("pk", filter=Q(state=Task.State.DROPPED)),
            late=Count(
                "pk",
                filter=is_open & Q(due_on__lt=self.today) & (Q(snoozed_until__isnull=True) | ~asleep),
            ),
        )

    @cached_property
    def states(self) -> list[tuple[str, str, int]]:
        words = {OPEN: _("Open"), SNOOZED: _("Later"), DONE: _("Done"), DROPPED: _("Dropped")}
        return [(state, words[state], self.counts[state]) for state in STATES]

    @property
    def is_narrowed(self) -> bool:
        return bool(self.text or self.due or self.account)


def file_rows(rows: QuerySet[Task], *, sees_money: bool) -> Iterator[list[object]]:
    """Tasks as the rows of a file, headings first."""
    yield [
        _("Task"), _("Account"), _("Account id"), _("For"), _("Due"), _("Priority"), _("State"), _("Why"), _("Outcome"), _("Made at"), _("Ended at"),
    ]  # fmt: skip
    for task in rows.iterator(chunk_size=2_000):
        account: Account | None = task.account
        yield [
            formats.named(task.title), account.name if account else "", account.external_id if account else "", task.assignee,
            task.due_on, task.get_priority_display(), task.get_state_display(),
            formats.for_reader(formats.named(task.reason), sees_money), task.outcome, task.created_at, task.ended_at,
        ]  # fmt: skip


def alert_of(task: Task) -> Alert | None:
    """The alert that a task was made of."""
    if task.origin_kind != ALERT or not task.origin_id.isdecimal():
        return None
    return Alert.objects.select_related("rule", "account").filter(pk=int(task.origin_id)).first()

"""Reads of tasks and conversations, within the accounts that the user may see."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Case, F, IntegerField, Max, Q, QuerySet, Value, When
from django.http import Http404

from evergreen.base.models import User
from evergreen.customers.models import Account, Contact
from evergreen.customers.queries import accounts_for
from evergreen.work.models import Conversation, Task


@dataclass(frozen=True, slots=True)
class LastConversations:
    """When somebody last spoke with an account: with anyone, with the decision maker, with each contact."""

    with_anyone: dt.datetime | None
    with_decision_maker: dt.datetime | None
    by_contact: dict[int, dt.datetime]


def tasks_for(user: User) -> QuerySet[Task]:
    """Tasks that the user may see: of accounts it may see, given to it, or its own without an account."""
    mine = Q(assignee=user) | Q(account__isnull=True, created_by=user)
    return Task.objects.filter(mine | Q(account__in=accounts_for(user))).select_related("account", "assignee")


def task_for(user: User, task_id: int) -> Task:
    """One task that the user may see; Http404 otherwise."""
    task = tasks_for(user).filter(pk=task_id).first()
    if task is None:
        raise Http404("There is no such task among those you may see.")
    return task


def open_tasks_for(user: User, today: dt.date | None = None) -> QuerySet[Task]:
    """The user's own open tasks, soonest due first. With ``today``, tasks snoozed beyond it are left out."""
    tasks = Task.objects.filter(assignee=user, state=Task.State.OPEN).select_related("account", "assignee")
    if today is not None:
        tasks = tasks.exclude(snoozed_until__gt=today)
    return tasks.order_by(F("due_on").asc(nulls_last=True), "priority", "pk")


def tasks_of(account: Account) -> QuerySet[Task]:
    """An account's tasks: open ones by due day, then the ended ones, newest first."""
    is_over = Case(When(state=Task.State.OPEN, then=Value(0)), default=Value(1), output_field=IntegerField())
    return (
        account.tasks.select_related("assignee", "ended_by")
        .annotate(is_over=is_over)
        .order_by(
            "is_over",
            F("ended_at").desc(nulls_first=True),
            F("due_on").asc(nulls_last=True),
            "priority",
            "pk",
        )
    )


def conversations_of(account: Account) -> QuerySet[Conversation]:
    """An account's conversations with the people who took part, newest first; two queries."""
    return account.conversations.select_related("by").prefetch_related("contacts").order_by("-at", "-pk")


def last_conversations(account: Account) -> LastConversations:
    """When somebody last spoke with the account and with each of its contacts; two queries."""
    contacts = dict(
        Contact.objects.filter(account=account, conversations__isnull=False)
        .annotate(last_at=Max("conversations__at"))
        .values_list("pk", "last_at")
    )
    figures = account.conversations.aggregate(
        anyone=Max("at"), decision=Max("at", filter=Q(contacts__role=Contact.ChainRole.DECISION_MAKER))
    )
    return LastConversations(figures["anyone"], figures["decision"], contacts)

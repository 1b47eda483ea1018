"""Staff with what each owns, and what those who left still hold."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from evergreen.base.models import Team, User
from evergreen.customers.models import Account
from evergreen.work.models import Task


@dataclass(frozen=True, slots=True)
class Person:
    """A member of staff with the accounts owned and the tasks open."""

    user: User
    accounts: int
    tasks: int

    @property
    def is_to_hand_over(self) -> bool:
        return not self.user.is_active and bool(self.accounts or self.tasks)


def people(rows: QuerySet[User] | None = None) -> list[Person]:
    """Everybody, those who work here first; four queries."""
    users = (User.objects.all() if rows is None else rows).prefetch_related("teams")
    users = users.order_by("-is_active", "name", "email")
    living = ~Q(stage=Account.Stage.CHURNED)
    owned = dict(
        Account.objects.filter(living, owner__isnull=False)
        .values_list("owner")
        .annotate(n=Count("pk"))
        .order_by()
    )
    held = dict(
        Task.objects.filter(state=Task.State.OPEN, assignee__isnull=False)
        .values_list("assignee")
        .annotate(n=Count("pk"))
        .order_by()
    )
    return [Person(user, owned.get(user.pk, 0), held.get(user.pk, 0)) for user in users]


def teams() -> QuerySet[Team]:
    """Every team with its people and how many accounts are given to it."""
    return Team.objects.annotate(n_accounts=Count("accounts")).prefetch_related("members").order_by("name")

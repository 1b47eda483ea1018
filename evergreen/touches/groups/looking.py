"""Groups as people may see them, each with how it does."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Max, Q, QuerySet

from evergreen.base.models import User
from evergreen.customers.models import Account, Contact
from evergreen.customers.queries import accounts_for, sees_every_account
from evergreen.touches.groups import rules
from evergreen.touches.groups.writing import TASK
from evergreen.touches.models import CustomerGroup, GroupMember, Message
from evergreen.work.models import Task


@dataclass(frozen=True, slots=True)
class Line:
    """A group with who is in it now, what came and went in 30 days, and how it does."""

    group: CustomerGroup
    accounts: Sequence[Account]
    people: int
    strangers: int
    ours: int
    seen: rules.Seen
    health: rules.Health


def groups_for(user: User) -> QuerySet[CustomerGroup]:
    """The groups that somebody may see: of accounts that they see, those that they own, and those of nobody's account for who sees every
    account."""
    rows = CustomerGroup.objects.select_related("owner", "channel")
    if sees_every_account(user):
        return rows
    mine = Q(pk__in=CustomerGroup.objects.filter(accounts__in=accounts_for(user)).values("pk"))
    return rows.filter(mine | Q(owner=user))


def lines_of(groups: Sequence[CustomerGroup], now: dt.datetime) -> list[Line]:
    """Each group with how it does. Six queries for any number."""
    numbers = [one.pk for one in groups]
    since = now - dt.timedelta(days=rules.DAYS)
    accounts = _accounts(numbers)
    inside: dict[int, list[GroupMember]] = defaultdict(list)
    moved = (
        GroupMember.objects.filter(group__in=numbers, is_ours=False)
        .values("group")
        .annotate(came=Count("pk", filter=Q(joined_at__gt=since)), left=Count("pk", filter=Q(left_at__gt=since)))
    )  # fmt: skip
    flow: dict[int, tuple[int, int]] = {row["group"]: (row["came"], row["left"]) for row in moved}
    rows = GroupMember.objects.filter(group__in=numbers, left_at=None).select_related("contact")
    for row in rows:
        inside[row.group_id].append(row)
    written = _written(numbers, {one.pk for listed in accounts.values() for one in listed})
    found = []
    for group in groups:
        members = inside[group.pk]
        customers = [one for one in members if not one.is_ours]
        owners = {group.owner_id, *(one.owner_id for one in accounts[group.pk])} - {None}
        seen = rules.Seen(
            people=len(customers),
            has_decider=any(one.contact is not None and decides(one.contact) for one in customers),
            has_owner=any(one.staff_id in owners for one in members if one.staff_id is not None),
            written_at=written.get(group.pk),
            came=flow.get(group.pk, (0, 0))[0],
            left=flow.get(group.pk, (0, 0))[1],
            made_at=group.made_at,
        )
        strangers = sum(one.contact_id is None for one in customers)
        ours = len(members) - len(customers)
        found.append(
            Line(group, accounts[group.pk], len(customers), strangers, ours, seen, rules.health(seen, now))
        )
    return found


def decides(contact: Contact) -> bool:
    """Whether somebody's word counts for the renewal."""
    return contact.is_champion or contact.is_sponsor or contact.role == Contact.ChainRole.DECISION_MAKER


def _accounts(numbers: Sequence[int]) -> dict[int, list[Account]]:
    found: dict[int, list[Account]] = defaultdict(list)
    links = CustomerGroup.accounts.through.objects.filter(
        customergroup__in=numbers, account__merged_into=None
    )
    for link in links.select_related("account").order_by("account__name"):
        found[link.customergroup_id].append(link.account)
    return found


def _written(numbers: Sequence[int], accounts: set[int]) -> dict[int, dt.datetime]:
    """When something last went out to each group: a mass send that was confirmed, or a task with the words that was done."""
    sent = Message.objects.filter(group__in=numbers, outcome="delivered").values("group")
    found = {row["group"]: row["at"] for row in sent.annotate(at=Max("ended_at"))}
    wanted = {str(number) for number in numbers}
    done = Task.objects.filter(origin_kind=TASK, account__in=accounts, state=Task.State.DONE)
    for origin, at in done.values_list("origin_id", "ended_at"):
        number = origin.rpartition(":")[2]
        if number in wanted and at is not None:
            found[int(number)] = max(at, found.get(int(number), at))
    return found

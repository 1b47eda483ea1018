"""Contact codes as people may see them, with who came by them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Max, Q, QuerySet

from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.customers.queries import accounts_for, sees_every_account
from evergreen.touches.models import ContactCode, Tie


@dataclass(frozen=True, slots=True)
class Line:
    """A code with how many came by it, how many of them nobody knows, and when the last one came."""

    code: ContactCode
    came: int
    unknown: int
    last_at: dt.datetime | None
    members: Sequence[User]


def codes_for(user: User) -> QuerySet[ContactCode]:
    """The codes that somebody may see: of accounts that they see, and those of no account that lead to them or that they made."""
    rows = ContactCode.objects.select_related("account__owner", "contact", "channel", "welcome")
    if sees_every_account(user):
        return rows
    led = ContactCode.objects.filter(staff=user).values("pk")
    return rows.filter(
        Q(account__in=accounts_for(user)) | Q(account=None) & (Q(made_by=user) | Q(pk__in=led))
    )


def lines_of(codes: Sequence[ContactCode]) -> list[Line]:
    """Each code with who came by it. Three queries for any number."""
    rows = (
        Tie.objects.filter(state__in=[one.key for one in codes])
        .values("state")
        .annotate(
            came=Count("key", distinct=True),
            unknown=Count("key", filter=Q(contact=None, is_aside=False), distinct=True),
            last=Max("added_at"),
        )
        .order_by()
    )
    seen: dict[str, Any] = {row["state"]: row for row in rows}
    people: dict[int, list[User]] = {}
    links = ContactCode.staff.through.objects.filter(contactcode__in=[one.pk for one in codes])
    for link in links.select_related("user"):
        people.setdefault(link.contactcode_id, []).append(link.user)
    found = []
    for code in codes:
        row = seen.get(code.key, {})
        owner = code.account.owner if code.follows_owner and code.account is not None else None
        others = [one for one in people.get(code.pk, ()) if owner is None or one.pk != owner.pk]
        members = [one for one in ([owner] if owner is not None else []) + others if one.is_active]
        found.append(Line(code, row.get("came", 0), row.get("unknown", 0), row.get("last"), members))
    return found


def people_of(code: ContactCode) -> list[Tie]:
    """Who came by a code, the newest first; each person once."""
    rows = Tie.objects.filter(state=code.key).select_related("contact__account", "staff")
    found: dict[str, Tie] = {}
    for row in rows.order_by("-added_at", "-pk")[:2_000]:
        found.setdefault(row.key, row)
    return list(found.values())


def strangers_of(account: Account) -> list[tuple[Tie, ContactCode]]:
    """People who came by the account's codes and whom nobody knows yet, the newest first; each person once."""
    codes = {one.key: one for one in ContactCode.objects.filter(account=account)}
    rows = Tie.objects.filter(state__in=list(codes), contact=None, is_aside=False, ended_at=None)
    found: dict[str, Tie] = {}
    for row in rows.select_related("staff").order_by("-added_at", "-pk")[:200] if codes else ():
        found.setdefault(row.key, row)
    return [(tie, codes[tie.state]) for tie in found.values()]

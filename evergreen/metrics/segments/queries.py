"""Reads of segments: who is in them, what a condition would hold for, how they grew."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from django.db.models import Count, Sum

from evergreen.base.conditions import (
    Condition,
    ConditionError,
    Fields,
    checked,
    fields_of,
    from_data,
    written,
)
from evergreen.base.models import User
from evergreen.customers.figures import SegmentMember
from evergreen.customers.models import Account
from evergreen.customers.queries import accounts_for, sees_every_account
from evergreen.events import store
from evergreen.metrics import queries
from evergreen.metrics.segments import fields as catalogue
from evergreen.metrics.segments.evaluating import evaluate
from evergreen.metrics.segments.models import Segment, SegmentDay

if TYPE_CHECKING:
    from django.db.models import QuerySet

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Preview:
    """What a condition would hold for on the newest day: accounts, their ARR in the vendor's currency, the largest of
    them. ``of`` are all accounts that the reader may see.
    """

    day: dt.date | None
    accounts: int
    of: int
    arr_cents: int
    largest: list[Account]


def preview(condition: Condition, user: User) -> Preview:
    """The accounts that a condition holds for now, of those that ``user`` may see. Raises ConditionError."""
    fields = catalogue.all_fields()
    tree = checked(condition, fields)
    day = queries.newest_day()
    seen = set(accounts_for(user).values_list("pk", flat=True))
    if day is None:
        return Preview(None, 0, len(seen), 0, [])
    held = evaluate(store.reading(), day, {"asked": tree}, fields)
    arr = held.arr_of()
    inside = [pk for pk in held.accounts("asked").tolist() if pk in seen]
    largest = sorted(inside, key=lambda pk: (-arr[pk], pk))[:_SHOWN]
    rows = {one.pk: one for one in Account.objects.filter(pk__in=largest).select_related("owner")}
    return Preview(
        day, len(inside), len(seen), sum(arr[pk] for pk in inside), [rows[pk] for pk in largest if pk in rows]
    )


class Asking(Protocol):
    """What keeps a condition: a segment, an alert rule."""

    condition: Any


def text_of(asking: Asking, fields: Fields, *, hides_money: bool = False) -> str:
    """The condition that something keeps as text; as it is kept where it cannot be used any more. ``hides_money``: none where it
    names amounts. Raises ConditionError where what is kept cannot even be read.
    """
    kept = from_data(asking.condition)
    if hides_money and any(field in fields and fields[field].is_money for field in fields_of(kept)):
        return ""
    try:
        return written(checked(kept, fields))
    except ConditionError:
        return written(kept)


def segments() -> QuerySet[Segment]:
    """The segments in use, by key."""
    return Segment.objects.filter(is_archived=False)


def members(segment: Segment, user: User) -> QuerySet[Account]:
    """The accounts of a segment that ``user`` may see."""
    return accounts_for(user).filter(segments__segment=segment.key)


def sums(user: User) -> dict[str, tuple[int, int]]:
    """Of each segment in use: (accounts, their ARR in the vendor's currency), of those that ``user`` may see."""
    if sees_every_account(user):
        return {one.key: (one.accounts, one.arr_cents) for one in segments()}
    mine = SegmentMember.objects.filter(account__in=accounts_for(user).order_by())
    rows = mine.values_list("segment").annotate(n=Count("pk"), arr=Sum("account__arr_base_cents"))
    return {key: (n, arr or 0) for key, n, arr in rows}


def history(segment: Segment, since: dt.date) -> Sequence[SegmentDay]:
    """The segment in figures, a day a row, oldest first."""
    return list(segment.days.filter(day__gte=since).order_by("day"))

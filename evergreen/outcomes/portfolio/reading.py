"""The groups of accounts on each day, read from the records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import QuerySet

from evergreen.base import queries as base
from evergreen.customers.figures import SegmentMember
from evergreen.customers.lines import Ints, number
from evergreen.customers.models import Account, FieldChange

_CHUNK = 50_000


@dataclass(frozen=True, slots=True)
class Groups:
    """The values of a dimension and each account's on each day: ``codes`` (days, accounts) are places in ``keys``."""

    keys: list[str]
    codes: Ints


def of_field(field: str, accounts: Ints, bounds: Ints, visible: QuerySet[Account]) -> Groups:
    """Tier, industry or owner (by key; '' for nobody) of each account on each day, as it was known at that day's end.

    Industry has no history: its value of now serves. So does the first known value for the time before it was known.
    """
    column = "owner_id" if field == "owner" else field
    rows = list(visible.order_by().values_list("pk", column).iterator(_CHUNK))
    values = {key: "" if value is None else str(value) for key, value in rows}
    now = [values.get(key, "") for key in accounts.tolist()]
    changes = [] if field == "industry" else _changes(field, accounts, values)
    keys = sorted({*now, *(word for _place, _day, word in changes)})
    code = {key: place for place, key in enumerate(keys)}
    codes = np.array([code[one] for one in now], np.int64).reshape(1, -1).repeat(len(bounds), 0)
    if changes:
        place, days, words = (
            np.array(column) for column in zip(*((p, d, code[w]) for p, d, w in changes), strict=True)
        )
        for row, day in enumerate(bounds):
            later = days > day
            # From the newest to the oldest: of a repeated account the oldest change after the day stays.
            codes[row, place[later]] = words[later]
    return Groups(keys, codes)


def _changes(field: str, accounts: Ints, values: dict[int, str]) -> list[tuple[int, int, str]]:
    """(account's place, day, what stood before), the newest first; before the first known value that value itself."""
    zone = base.vendor_zone()
    owners: dict[str, str] = {}
    if field == "owner":
        owners = {email: str(key) for key, email in base.staff_emails()}
    place_of = {key: place for place, key in enumerate(accounts.tolist())}
    found = []
    first: set[int] = set()
    rows = FieldChange.objects.filter(field=field).order_by("known_at", "pk")
    for account, old, new, at in rows.values_list("account_id", "old", "new", "known_at").iterator(_CHUNK):
        place = place_of.get(account)
        if place is None:
            continue
        word = new if not old and place not in first else old
        first.add(place)
        if field == "owner":
            word = owners.get(word, "")
        found.append((place, number(at.astimezone(zone).date()), word))
    return found[::-1]


def members(segment: str, accounts: Ints) -> Any:
    """Which of the accounts are in a segment now."""
    inside = SegmentMember.objects.filter(segment=segment).values_list("account_id", flat=True)
    return np.isin(accounts, np.fromiter(inside.iterator(_CHUNK), np.int64))

"""What recommendations brought: features taken up within 14 days where they were shown, against where they were held back."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from evergreen.base import queries as base
from evergreen.base.clock import local_day
from evergreen.base.measures import Interval, Reals
from evergreen.events import store
from evergreen.foresight.recommendations.models import Exposure, ItemKind

TAKE_UP_DAYS = 14
# Fewer accounts on either side tell nothing; no interval is claimed.
LEAST_ACCOUNTS = 10
_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Arm:
    """Accounts of one side: how many, how many items, how many of those were taken up, and the mean share over accounts."""

    accounts: int
    items: int
    taken: int
    share: float | None


@dataclass(frozen=True, slots=True)
class TakeUp:
    """Both sides as of a day, and how much more was taken up where it was shown (None with too few accounts)."""

    day: dt.date
    shown: Arm
    held: Arm
    more: float | None
    interval: Interval | None


def take_up(now: dt.datetime) -> TakeUp:
    """Of features recommended first at least 14 days ago: used within 14 days after? For a person by that person, else by anybody of the account.

    Accounts were dealt, so accounts are counted: each one's share of items taken up is one value, and the difference of both means
    has Welch's interval (95 %), by the normal distribution.
    """
    zone = base.vendor_zone()
    today = base.vendor_day(now)
    rows = list(
        Exposure.objects.filter(kind=ItemKind.FEATURE, first_at__lt=now - dt.timedelta(days=TAKE_UP_DAYS + 1))
        .order_by("pk")
        .values_list("account_id", "end_user", "key", "first_at", "is_held")
    )
    taken = _taken([(account, user, key, local_day(at, zone)) for account, user, key, at, _held in rows])
    sides: dict[bool, dict[int, list[bool]]] = {False: {}, True: {}}
    for (account, _user, _key, _at, is_held), used in zip(rows, taken, strict=True):
        sides[is_held].setdefault(account, []).append(used)
    shown, held = _arm(sides[False]), _arm(sides[True])
    more, interval = _difference(_shares(sides[False]), _shares(sides[True]))
    return TakeUp(today, shown, held, more, interval)


def _taken(asked: list[tuple[int, str, str, dt.date]]) -> list[bool]:
    """Whether each feature was used from the day it was recommended to 14 days after."""
    if not asked:
        return []
    accounts, users, keys, days = zip(*asked, strict=True)
    con = store.reading()
    con.register(
        "asked_items",
        pa.table({
            "place": pa.array(range(len(asked)), pa.int64()),
            "account_id": pa.array(accounts, pa.int64()),
            "person": pa.array(users, pa.string()),
            "feature": pa.array(keys, pa.string()),
            "first": pa.array(days, pa.date32()),
        }),
    )  # fmt: skip
    found = con.execute(
        "SELECT DISTINCT place FROM asked_items asked JOIN lake.usage used ON used.account_id = asked.account_id"
        " AND used.feature = asked.feature AND used.day >= asked.first AND used.day < asked.first + "
        f"{TAKE_UP_DAYS} AND used.count > 0 AND (asked.person = '' OR used.end_user = asked.person)"
    ).fetchall()
    con.unregister("asked_items")
    hit = {place for (place,) in found}
    return [place in hit for place in range(len(asked))]


def _shares(side: dict[int, list[bool]]) -> Reals:
    return np.array([sum(used) / len(used) for used in side.values()], np.float64)


def _arm(side: dict[int, list[bool]]) -> Arm:
    shares = _shares(side)
    every = [used for items in side.values() for used in items]
    return Arm(len(side), len(every), sum(every), float(shares.mean()) if len(shares) else None)


def _difference(shown: Reals, held: Reals) -> tuple[float | None, Interval | None]:
    if min(len(shown), len(held)) < LEAST_ACCOUNTS:
        return None, None
    more = float(shown.mean() - held.mean())
    reach = _Z95 * math.sqrt(shown.var(ddof=1) / len(shown) + held.var(ddof=1) / len(held))
    return more, Interval(more - reach, more + reach)

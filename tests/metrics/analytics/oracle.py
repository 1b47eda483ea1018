"""Answers of product analytics worked out the slow way, from docs/analytics.md, over a list of plain events."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from tests.metrics.analytics.histories import Happened

Test = Callable[[Happened], bool]
_DAY = dt.timedelta(days=1)


def uses(happened: Sequence[Happened], is_what: Test) -> list[Happened]:
    return [
        one
        for one in happened
        if one.account is not None
        and one.kind in {"track", "page", "screen", "usage"}
        and one.count > 0
        and is_what(one)
    ]


def trend(
    happened: Sequence[Happened], is_what: Test, measure: str, window: int, since: dt.date, until: dt.date
) -> list[int]:
    found = []
    for number in range((until - since).days + 1):
        day = since + number * _DAY
        inside = [one for one in uses(happened, is_what) if day - (window - 1) * _DAY <= one.day <= day]
        if measure == "uses":
            found.append(sum(one.count for one in inside))
        elif measure == "accounts":
            found.append(len({one.account for one in inside}))
        else:
            found.append(len({one.person for one in inside if one.user is not None}))
    return found


def stickiness(
    happened: Sequence[Happened], working: set[dt.date], since: dt.date, until: dt.date
) -> list[float | None]:
    found: list[float | None] = []
    for number in range((until - since).days + 1):
        window = [since + (number - back) * _DAY for back in range(28)]
        daily = {
            day: {
                one.person
                for one in uses(happened, lambda _one: True)
                if one.day == day and one.user is not None
            }
            for day in window
        }
        monthly = set().union(*daily.values())
        worked = [len(daily[day]) for day in window if day in working]
        found.append(sum(worked) / len(worked) / len(monthly) if worked and monthly else None)
    return found


def period_of(day: dt.date, period: str) -> tuple[int, int]:
    return (day.year, day.month) if period == "month" else day.isocalendar()[:2]


def _periods(since: dt.date, until: dt.date, period: str) -> list[tuple[int, int]]:
    days = [since + n * _DAY for n in range((until - since).days + 1)]
    return list(dict.fromkeys(period_of(day, period) for day in days))


def retention(
    happened: Sequence[Happened],
    is_what: Test,
    unit: str,
    period: str,
    since: dt.date,
    until: dt.date,
    starts: dict[int, dt.date] | None = None,
) -> dict[tuple[int, int], tuple[int, list[int]]]:
    """First period → (size, how many came by age); ``since`` is the first day of a period."""
    everything = [one for one in uses(happened, lambda _one: True) if one.day <= until]
    first: dict[object, dt.date] = {}
    if starts is not None:
        first.update((who, day) for who, day in starts.items())
    else:
        for one in everything:
            who: object = one.account if unit == "accounts" else one.person
            if unit == "accounts" or one.user is not None:
                first[who] = min(first.get(who, one.day), one.day)
    came: dict[object, set[tuple[int, int]]] = defaultdict(set)
    for one in uses(happened, is_what):
        if since <= one.day <= until:
            came[one.account if unit == "accounts" else one.person].add(period_of(one.day, period))
    order = _periods(since, until, period)
    found: dict[tuple[int, int], tuple[int, list[int]]] = {}
    for at, start in enumerate(order):
        members = [
            who for who, day in first.items() if since <= day <= until and period_of(day, period) == start
        ]
        if members:
            back = [sum(1 for who in members if later in came[who]) for later in order[at:]]
            found[start] = (len(members), back)
    return found


def penetration(
    happened: Sequence[Happened], feature_of: Callable[[Happened], str | None], since: dt.date, until: dt.date
) -> tuple[tuple[int, int], dict[str, tuple[int, int, int]]]:
    """(active end users, accounts), feature → (end users, accounts, uses)."""
    inside = [one for one in uses(happened, lambda _one: True) if since <= one.day <= until]
    users: dict[str, set[object]] = defaultdict(set)
    accounts: dict[str, set[object]] = defaultdict(set)
    counts: Counter[str] = Counter()
    for one in inside:
        feature = feature_of(one)
        if feature is None:
            continue
        accounts[feature].add(one.account)
        counts[feature] += one.count
        if one.user is not None:
            users[feature].add(one.person)
    active = (
        len({one.person for one in inside if one.user is not None}),
        len({one.account for one in inside}),
    )
    return active, {key: (len(users[key]), len(accounts[key]), counts[key]) for key in accounts}

"""Metrics computed the slow and obvious way, from the definitions on the metric pages and not from the SQL.

An account's usage is a list of ``Use``; windows of n days end with the day itself.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Use:
    """One stored event of an account: its local day, the local day it became known, who, what, how often."""

    day: dt.date
    known_on: dt.date
    user: str | None
    name: str
    count: int
    feature: str | None
    is_core: bool
    adds_data: bool


def _window(day: dt.date, days: int, lag: int = 0) -> set[dt.date]:
    return {day - dt.timedelta(days=lag + n) for n in range(days)}


def usage(uses: Sequence[Use], day: dt.date, working: set[dt.date]) -> dict[str, float | None]:
    """Usage metrics of one account at the end of ``day``; ``working`` holds the working days of the calendar."""
    known = [use for use in uses if use.known_on <= day and use.day <= day and use.count > 0]
    this, before = _window(day, 28), _window(day, 28, 28)

    def users(window: set[dt.date]) -> set[str]:
        return {use.user for use in known if use.user is not None and use.day in window}

    def events(window: set[dt.date], core: bool = False, data: bool = False) -> int:
        return sum(
            use.count
            for use in known
            if use.day in window and (not core or use.is_core) and (not data or use.adds_data)
        )

    days_of_user: dict[str, set[dt.date]] = defaultdict(set)
    for use in known:
        if use.user is not None and use.day in this and use.day in working:
            days_of_user[use.user].add(use.day)
    working_now, working_before = len(this & working), len(before & working)
    regular = sum(1 for days in days_of_user.values() if len(days) * 5 >= 2 * working_now)
    activated = len({use.user for use in known if use.user is not None})
    active = len(users(this))
    last = max((use.day for use in known), default=None)
    rate_now = events(this) / working_now if working_now else None
    rate_before = events(before) / working_before if working_before else None
    return {
        "active_users_1d": len(users({day})),
        "active_users_7d": len(users(_window(day, 7))),
        "active_users_28d": active,
        "active_users_prev_28d": len(users(before)),
        "active_days_7d": len({use.day for use in known if use.day in _window(day, 7)}),
        "active_days_28d": len({use.day for use in known if use.day in this}),
        "events_28d": events(this),
        "events_prev_28d": events(before),
        "events_trend": rate_now / rate_before - 1 if rate_now is not None and rate_before else None,
        "user_days_28d": sum(len(days) for days in days_of_user.values()),
        "stickiness": sum(len(d) for d in days_of_user.values()) / working_now / active
        if working_now and active
        else None,
        "regular_users_28d": regular,
        "activated_users": activated,
        "use_frequency": regular / activated if activated else None,
        "days_since_active": (day - last).days if last else None,
        "working_days_inactive": len({d for d in working if last < d <= day}) if last else None,
        "features_used_28d": len({use.feature for use in known if use.feature and use.day in this}),
        "core_features_used_28d": len(
            {u.feature for u in known if u.feature and u.is_core and u.day in this}
        ),
        "core_events_28d": events(this, core=True),
        "data_events_28d": events(this, data=True),
    }

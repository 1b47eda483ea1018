"""Charts of one account: its score with the versions it was made by, its users, its use day by day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import duckdb
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from evergreen.customers.models import Account, Feature
from evergreen.events import queries as events
from evergreen.events import store
from evergreen.health import queries as health
from evergreen.metrics import queries as metrics
from evergreen.web import formats
from evergreen.web.presenters.charts import Mark, Series, over_time

SPANS = (90, 180, 365, 730)
DEFAULT_DAYS = 180
TITLES = {
    "health": gettext_lazy("Health score"),
    "users": gettext_lazy("Active users"),
    "use": gettext_lazy("Use by day"),
}


@dataclass(frozen=True, slots=True)
class Chart:
    """``option`` is None where there is nothing to draw; ``failed`` when the history did not answer."""

    key: str
    title: str
    label: str
    small: str
    option: dict[str, Any] | None
    failed: bool = False


def chart(account: Account, key: str, days: int, today: dt.date) -> Chart:
    """One of ``TITLES`` over the last ``days`` days."""
    since = today - dt.timedelta(days=days)
    draw = {"health": _health, "users": _users, "use": _use}[key]
    try:
        return draw(account, since, today)
    except (store.LakeError, duckdb.Error):
        return Chart(key, str(TITLES[key]), "", "", None, failed=True)


def _health(account: Account, since: dt.date, until: dt.date) -> Chart:
    title = str(TITLES["health"])
    standing = health.standing_of(account)
    if standing is None:
        return Chart("health", title, "", "", None)
    points = health.score_history(account.pk, standing.scorecard.key, since, until)
    scored = [point for point in points if point.score is not None]
    if not scored:
        return Chart("health", title, "", "", None)
    version = standing.scorecard.versions.filter(number=standing.version).first()
    card = health.definition(version) if version else None
    marks = []
    if card:
        marks += [
            Mark(_("green from %(n)s") % {"n": formats.number(card.green)}, card.green, color="var(--good)"),
            Mark(
                _("yellow from %(n)s") % {"n": formats.number(card.yellow)}, card.yellow, color="var(--warn)"
            ),
        ]
    marks += [
        Mark(f"v{after.version}", on=after.day)
        for before, after in pairwise(points)
        if after.version != before.version
    ]
    option = over_time(
        [Series(title, [(point.day, _rounded(point.score)) for point in points])],
        marks=marks,
        least=0,
        most=card.reachable if card else 100,
        since=since,
        until=until,
    )
    name = formats.named(standing.scorecard.name) or standing.scorecard.key
    return Chart("health", title, _from_to(scored[0].score, scored[-1].score), name, option)


def _users(account: Account, since: dt.date, until: dt.date) -> Chart:
    rows = metrics.trend(account.pk, ["active_users_28d", "active_users_7d"], since, until)
    month, week = _points(rows, "active_users_28d"), _points(rows, "active_users_7d")
    known = [value for _day, value in month if value is not None]
    title = str(TITLES["users"])
    if not known:
        return Chart("users", title, "", "", None)
    option = over_time(
        [
            Series(_("28 days"), month),
            Series(_("7 days"), week, "var(--c2)"),
        ],
        since=since,
        until=until,
    )
    return Chart("users", title, _from_to(known[0], known[-1]), _("end users with any use"), option)


def _use(account: Account, since: dt.date, until: dt.date) -> Chart:
    days = events.account_days(account.pk, since, until)
    title = str(TITLES["use"])
    if not days:
        return Chart("use", title, "", "", None)
    total = sum(day.events for day in days)
    option = over_time(
        [Series(_("Uses"), [(day.day, day.events) for day in days], kind="bar")], since=since, until=until
    )
    words = ngettext("%(n)s use on %(days)s", "%(n)s uses on %(days)s", total)
    label = words % {"n": formats.number(total), "days": formats.days(len(days))}
    return Chart("use", title, label, label, option)


def sparkline(account: Account, key: str, today: dt.date) -> list[float | None]:
    """A metric's values of the last 180 days for a line without axes; empty where the history does not answer."""
    try:
        rows = metrics.trend(account.pk, [key], today - dt.timedelta(days=DEFAULT_DAYS), today)
    except (store.LakeError, duckdb.Error):
        return []
    return [value for _day, value in _points(rows, key)]


def _points(rows: Sequence[dict[str, Any]], key: str) -> list[tuple[dt.date, float | None]]:
    return [(row["day"], row[key]) for row in rows]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _from_to(first: float | None, last: float | None) -> str:
    return _("From %(first)s to %(last)s") % {
        "first": formats.number(first),
        "last": formats.number(last),
    }


@dataclass(frozen=True, slots=True)
class FeatureUse:
    """A feature's use by an account in 28 days."""

    name: str
    users: int
    uses: int
    last_on: dt.date
    share: float


def features(account: Account, today: dt.date) -> list[FeatureUse] | None:
    """Features used in the last 28 days, the most used first; None when the history does not answer."""
    try:
        rows = events.features_used(account.pk, today - dt.timedelta(days=28), today)
    except (store.LakeError, duckdb.Error):
        return None
    names = dict(Feature.objects.filter(key__in=[row.feature for row in rows]).values_list("key", "name"))
    most = max((row.events for row in rows), default=0) or 1
    return [
        FeatureUse(
            formats.named(names.get(row.feature) or {}) or row.feature,
            row.users,
            row.events,
            row.last_on,
            row.events / most,
        )
        for row in rows
    ]

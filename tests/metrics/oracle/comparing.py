"""Rows of snapshots against the slow and obvious calculation."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from evergreen.events import rollup
from evergreen.metrics import actions
from evergreen.metrics.library import METRICS
from tests.metrics.oracle import usage
from tests.metrics.oracle.figures import figures
from tests.metrics.oracle.world import World

Rows = dict[int, dict[str, Any]]


def snapshot(con: Any, day: dt.date) -> Rows:
    """Roll up, take the snapshot of a day, and read its rows: account → metric → value."""
    rollup.roll_up(con, day)
    actions.take_snapshot(con, day, now=dt.datetime.now(dt.UTC))
    return read(con, day)


def read(con: Any, day: dt.date) -> Rows:
    names = ", ".join(METRICS)
    sql = f"SELECT account_id, restated, {names} FROM lake.snapshots WHERE day = ? AND tenant = ''"
    return {row.pop("account_id"): row for row in con.execute(sql, [day]).to_arrow_table().to_pylist()}


def wrong(world: World, day: dt.date, rows: Rows) -> list[str]:
    """Every figure that differs from the calculation, with the account that shows it."""
    end = world.midnight(day + dt.timedelta(days=1))
    found = []
    for told in world.accounts:
        if told.known >= end:
            if told.pk in rows:
                found.append(f"{told.key}: a row before it was known")
            continue
        wanted = figures(world, told, day)
        if wanted.keys() != METRICS.keys():
            found.append(f"metrics without a calculation: {sorted(METRICS.keys() ^ wanted.keys())}")
        differ = {
            key: (rows[told.pk][key], value)
            for key, value in wanted.items()
            if not same(rows[told.pk][key], value)
        }
        if differ:
            found.append(f"{told.key} on {day}: {{metric: (found, right)}} {differ}")
    return found


def wrong_of_tenants(world: World, day: dt.date, con: Any) -> list[str]:
    """The same of tenants, for what is made of the use seen in each (a session counts where it began, so not those)."""
    names = [key for key, metric in METRICS.items() if metric.source in _OF_USE and key not in _SESSIONS]
    sql = f"SELECT account_id, tenant, {', '.join(names)} FROM lake.snapshots WHERE day = ? AND tenant <> ''"
    rows = {
        (row["account_id"], row["tenant"]): row
        for row in con.execute(sql, [day]).to_arrow_table().to_pylist()
    }
    found = []
    for told in world.accounts:
        for tenant in ("north", "south"):
            mine = replace(told, events=[event for event in told.events if event.tenant == tenant])
            wanted = usage.figures(world, mine, day, {"usage", "people", "features"})
            row = rows.pop((told.pk, tenant), None)
            if row is None:
                if wanted["events_28d"] or wanted["events_prev_28d"]:
                    found.append(f"{told.key}, {tenant}: no row")
                continue
            differ = {key: (row[key], wanted[key]) for key in names if not same(row[key], wanted[key])}
            if differ:
                found.append(f"{told.key}, {tenant}, on {day}: {{metric: (found, right)}} {differ}")
    return found + [f"a row of nobody's tenant: {key}" for key in rows]


_OF_USE = {"usage", "people", "account_days", "first_features", "newcomers"}
_SESSIONS = {"sessions_28d", "online_hours_28d"}


def same(found: Any, right: Any) -> bool:
    """Equal, numbers but for a billionth of their size; missing is not 0."""
    if found is None or right is None or isinstance(right, dt.date):
        return bool(found == right)
    return bool(abs(found - right) <= 1e-9 * max(1.0, abs(right)))


def differing(one: Rows, other: Rows) -> list[str]:
    """Figures that differ between two readings, which must not: bit by bit."""
    if one.keys() != other.keys():
        return [f"accounts {sorted(one.keys() ^ other.keys())} are in one reading only"]
    return [
        f"account {pk}, {key}: {row[key]!r} and {other[pk][key]!r}"
        for pk, row in one.items()
        for key in METRICS
        if row[key] != other[pk][key]
    ]

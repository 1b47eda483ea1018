"""What became of accounts so many days after a day of each one's own: still a customer, revenue, health, figures of the snapshot."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from evergreen.alerts.trying.past import cards_now
from evergreen.base import queries as base
from evergreen.customers.line_reading import read_endings, read_lines
from evergreen.customers.lines import day as day_of
from evergreen.customers.lines import number, pairs
from evergreen.outcomes.portfolio.standings import overdue_until, paid_on

if TYPE_CHECKING:
    import duckdb

# Figures of the snapshot that are compared, the first of all outcomes being whether the account is still a customer.
METRICS = ("active_users_28d", "events_28d", "core_depth")
KEPT, HEALTH, NRR, GRR = "kept", "health_score", "nrr", "grr"
_NEWEST_WITHIN = 7


@dataclass(frozen=True, slots=True)
class Unit:
    """An account, the day from which it is followed, and its arm."""

    account: int
    on: dt.date
    arm: str


@dataclass(frozen=True, slots=True)
class Followed:
    """One outcome, a value a unit; no number where it is not known. ``kind``: flag (0 or 1), number, or ratio, of which ``of`` are the
    denominators. ``before`` is the same figure of the day before."""

    name: str
    kind: str
    after: np.ndarray[Any, Any]
    before: np.ndarray[Any, Any] | None = None
    of: np.ndarray[Any, Any] | None = None


def follow(
    con: duckdb.DuckDBPyConnection,
    units: Sequence[Unit],
    days: int,
    newest: dt.date,
    flags: Mapping[str, Mapping[int, dt.date]],
) -> list[Followed]:
    """Every outcome of the units ``days`` after; ``newest`` is the last day that is known, ``flags`` the day on which an account reached
    something, by name."""
    found = [Followed(name, "flag", _reached(units, days, reached)) for name, reached in flags.items()]
    found.append(Followed(KEPT, "flag", _kept(units, days, newest)))
    found += _revenue(units, days, newest)
    return found + snapshots(con, units, days)


def snapshots(con: duckdb.DuckDBPyConnection, units: Sequence[Unit], days: int) -> list[Followed]:
    """Health and figures of the snapshot, of the day before and ``days`` after; of units in order of account."""
    told = _read(con, units, days)
    found = []
    for name in (HEALTH, *METRICS):
        before, after = (_numbers(told[f"{side}_{name}"]) for side in ("former", "later"))
        found.append(Followed(name, "number", after, before))
    return found


def _read(con: duckdb.DuckDBPyConnection, units: Sequence[Unit], days: int) -> dict[str, Any]:
    con.register("compared_units", pa.table({
        "account_id": pa.array([one.account for one in units], pa.int64()),
        "before": pa.array([one.on - dt.timedelta(days=1) for one in units], pa.date32()),
        "until": pa.array([one.on + dt.timedelta(days=days) for one in units], pa.date32()),
    }))  # fmt: skip
    con.register("compared_cards", cards_now())
    names = ", ".join(METRICS)
    # The newest night by a day, at most a week old: history may have been told week by week.
    told: dict[str, Any] = con.execute(
        "WITH seen AS (SELECT seen.account_id, seen.day, score AS health_score, "
        + names
        + " FROM lake.snapshots seen"
        " JOIN compared_cards cards ON cards.account_id = seen.account_id LEFT JOIN lake.scores now ON now.account_id = seen.account_id"
        " AND now.day = seen.day AND now.tenant = '' AND now.scorecard = cards.scorecard WHERE seen.tenant = '')"
        " SELECT units.account_id, "
        + ", ".join(
            f"CASE WHEN {side}.day > units.{by} - {_NEWEST_WITHIN} THEN {side}.{name} END AS {side}_{name}"
            for name in (HEALTH, *METRICS)
            for side, by in (("former", "before"), ("later", "until"))
        )
        + " FROM compared_units units"
        " ASOF LEFT JOIN seen former ON former.account_id = units.account_id AND former.day <= units.before"
        " ASOF LEFT JOIN seen later ON later.account_id = units.account_id AND later.day <= units.until"
        " ORDER BY units.account_id"
    ).fetchnumpy()
    con.unregister("compared_units")
    con.unregister("compared_cards")
    return told


def _numbers(column: Any) -> np.ndarray[Any, Any]:
    """A column of figures with what is missing as no number."""
    found: np.ndarray[Any, Any] = np.ma.filled(np.ma.asarray(column, dtype=float), math.nan)
    return found


def _reached(units: Sequence[Unit], days: int, reached: Mapping[int, dt.date]) -> np.ndarray[Any, Any]:
    span = dt.timedelta(days=days)
    on = [(one.on, reached.get(one.account)) for one in units]
    return np.array([1.0 if at is not None and since <= at <= since + span else 0.0 for since, at in on])


def _kept(units: Sequence[Unit], days: int, newest: dt.date) -> np.ndarray[Any, Any]:
    """1 for accounts that were not lost within the window, 0 for those that were."""
    ended = read_endings(min(one.on for one in units), newest)
    lost: dict[int, list[dt.date]] = {}
    for account, on, is_lost in zip(ended.account, ended.on, ended.is_lost, strict=True):
        if is_lost:
            lost.setdefault(int(account), []).append(day_of(int(on)))
    span = dt.timedelta(days=days)
    return np.array([
        0.0 if any(one.on <= gone <= one.on + span for gone in lost.get(one.account, ())) else 1.0
        for one in units
    ])  # fmt: skip


def _revenue(units: Sequence[Unit], days: int, newest: dt.date) -> list[Followed]:
    """Net and gross revenue retention: MRR so many days after over MRR on the day, of accounts that paid then; gross counts each
    account at most as it paid then. As the contracts say now, by the rates of the newest night, with the setting's grace."""
    lines, grace = read_lines(newest).lines, int(base.setting("renewal_grace_days"))
    accounts = np.array([one.account for one in units], np.int64)
    since = np.array([number(one.on) for one in units], np.int64)
    followed = pairs(lines, int(since.min()) - grace, int(since.max()) + days, grace)
    until = overdue_until(lines, followed, grace)
    start = paid_on(lines, until, accounts, since).astype(float)
    end = paid_on(lines, until, accounts, since + days).astype(float)
    paying = np.where(start > 0, start, math.nan)
    return [
        Followed(NRR, "ratio", end, of=paying),
        Followed(GRR, "ratio", np.minimum(end, start), of=paying),
    ]

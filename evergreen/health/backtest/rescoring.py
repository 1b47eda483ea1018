"""Scores of the past, by any scorecard: snapshots as they were known then, read once for many accounts and days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from evergreen.customers import lines
from evergreen.customers.endings import Endings
from evergreen.health import rules
from evergreen.health.backtest.judging import Flags, Ints, Reals, Seen
from evergreen.metrics import registry

if TYPE_CHECKING:
    import duckdb

# A snapshot serves when it is at most this much older than the day asked for (weekly nights of long ago).
SLACK_DAYS = 6
_EPOCH = "DATE '1970-01-01'"


@dataclass(frozen=True, slots=True)
class Past:
    """Rows of snapshots: ``seen_on`` is each one's day as a number, -1 where there is none; ``columns`` maps metric → values,
    NaN where missing. Dates are their age in days.
    """

    seen_on: Ints
    columns: Mapping[str, Reals]

    def part(self, rows: slice) -> Past:
        return Past(self.seen_on[rows], {key: values[rows] for key, values in self.columns.items()})


def look_back(con: duckdb.DuckDBPyConnection, accounts: Ints, days: Ints, metrics: Collection[str]) -> Past:
    """Each account's snapshot of a day, else the newest of the six days before it. Metrics that no snapshot has are NaN."""
    size = len(accounts)
    there = _columns(con)
    known = [key for key in sorted(metrics) if key in there]
    columns: dict[str, Reals] = {key: np.full(size, np.nan) for key in metrics}
    if not size:
        return Past(np.zeros(0, np.int64), columns)
    con.register("asked_past", asked(accounts, days))
    told = "".join(f", {_as_number(key, there[key])} AS {key}" for key in known)
    # Each day that would serve is asked for by itself: DuckDB's ASOF join of ten million rows takes minutes, this two seconds.
    rows = con.execute(
        f"SELECT place, seen.day - {_EPOCH} AS seen_on, seen.* EXCLUDE (day, account_id) FROM ("
        f"SELECT place, account_id, day - unnest(range({SLACK_DAYS + 1}))::INTEGER AS day FROM asked_past) wanted JOIN ("
        f"SELECT day, account_id{told} FROM lake.snapshots WHERE tenant = '' AND day BETWEEN"
        f" DATE '{_day(days.min() - SLACK_DAYS)}' AND DATE '{_day(days.max())}') seen"
        " ON wanted.account_id = seen.account_id AND wanted.day = seen.day"
        " QUALIFY row_number() OVER (PARTITION BY place ORDER BY seen.day DESC) = 1"
    ).fetchnumpy()
    con.unregister("asked_past")
    place = np.asarray(rows["place"], np.int64)
    seen_on = np.full(size, -1, np.int64)
    seen_on[place] = np.asarray(rows["seen_on"], np.int64)
    for key in known:
        columns[key][place] = _filled(rows[key])
    return Past(seen_on, columns)


def asked(accounts: Ints, days: Ints) -> pa.Table:
    """Accounts and days to look for, by ``place``."""
    return pa.table(
        {
            "place": pa.array(np.arange(len(accounts))),
            "account_id": pa.array(accounts, pa.int64()),
            "day": pa.array(days.astype(np.int32)).cast(pa.date32()),
        }
    )


def kept_scores(con: duckdb.DuckDBPyConnection, accounts: Ints, days: Ints, scorecard: str) -> Reals:
    """The health told at the time by a scorecard: of each day, else of the newest scored of the six before it; NaN where none is."""
    found = np.full(len(accounts), np.nan)
    if not len(accounts):
        return found
    con.register("asked_scores", asked(accounts, days))
    rows = con.execute(
        "SELECT place, arg_max(score, scores.day) AS score FROM"
        f" (SELECT place, account_id, day - unnest(range({SLACK_DAYS + 1}))::INTEGER AS day FROM asked_scores) wanted"
        " JOIN lake.scores scores ON wanted.account_id = scores.account_id AND wanted.day = scores.day"
        " WHERE tenant = '' AND scorecard = ? AND score IS NOT NULL GROUP BY place",
        [scorecard],
    ).fetchnumpy()
    con.unregister("asked_scores")
    found[np.asarray(rows["place"], np.int64)] = np.asarray(rows["score"], np.float64)
    return found


def score(
    con: duckdb.DuckDBPyConnection,
    card: rules.Card,
    past: Past,
    population: Collection[int] | None = None,
    overrides: rules.Overrides | None = None,
) -> rules.Scored:
    """Every row scored by the card. Percentiles rank among the accounts of the same day's snapshot: those of ``population``,
    all where it is None. ``overrides`` go row by row with ``past``, for rows of one day.
    """
    ranked = sorted({m.metric for m in card.measures if m.scale.ranks})
    if not ranked or overrides is not None:
        among = _population(con, int(past.seen_on.max(initial=-1)), ranked, population) if ranked else None
        return _scored(card, past.columns, among, overrides)
    order = np.argsort(past.seen_on, kind="stable")
    parts = []
    for rows in np.split(order, np.flatnonzero(np.diff(past.seen_on[order])) + 1):
        day = int(past.seen_on[rows[0]]) if len(rows) else -1
        among = _population(con, day, ranked, population) if day >= 0 else {}
        parts.append(_scored(card, {key: values[rows] for key, values in past.columns.items()}, among))
    back = np.argsort(order, kind="stable")
    return _joined(parts, back)


def _scored(
    card: rules.Card,
    columns: Mapping[str, Reals],
    populations: Mapping[str, Reals] | None = None,
    overrides: rules.Overrides | None = None,
) -> rules.Scored:
    return rules.score(card, columns, rules.ages(card, columns), populations, overrides)


def _population(
    con: duckdb.DuckDBPyConnection, day: int, metrics: Sequence[str], accounts: Collection[int] | None
) -> dict[str, Reals]:
    there = _columns(con)
    known = [key for key in metrics if key in there]
    told = ", ".join(f"{_as_number(key, there[key])} AS {key}" for key in known)
    if not known:
        return {}
    only = ""
    if accounts is not None:
        con.register("asked_among", pa.table({"id": pa.array(sorted(accounts), pa.int64())}))
        only = " AND account_id IN (SELECT id FROM asked_among)"
    rows = con.execute(
        f"SELECT {told} FROM lake.snapshots WHERE tenant = '' AND day = {_EPOCH} + {day}{only}"
    ).fetchnumpy()
    if accounts is not None:
        con.unregister("asked_among")
    return {key: _filled(rows[key]) for key in known}


def _joined(parts: Sequence[rules.Scored], back: Ints) -> rules.Scored:
    def one(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])[back]

    def each(name: str) -> Any:
        rows = zip(*(getattr(part, name) for part in parts), strict=True)
        return tuple(np.concatenate(row)[back] for row in rows)

    flat = ("score", "band", "coverage", "capped")
    deep = ("values", "scores", "points", "lost", "share", "overridden")
    return rules.Scored(**{name: one(name) for name in flat}, **{name: each(name) for name in deep})


def seen(endings: Endings, lead_days: int, past: Past, scored: rules.Scored) -> Seen:
    """Endings with their scores of ``lead_days`` before; ``past`` and ``scored`` are row by row theirs."""
    known: Flags = past.seen_on >= 0
    return Seen(
        lead_days=lead_days,
        account=endings.account,
        on=endings.on,
        is_lost=endings.is_lost,
        decided_on=endings.decided_on,
        cents=endings.cents,
        seen_on=past.seen_on,
        score=np.where(known, scored.score, np.nan),
        band=np.where(known, scored.band, ""),
        coverage=np.where(known, scored.coverage, np.nan),
        marks=np.where(known, np.array(scored.scores), np.nan),
        costs=np.where(known, np.array(scored.lost), np.nan),
    )


def _day(number: int) -> dt.date:
    return lines.day(int(number))


def _columns(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return {row[0]: row[1] for row in con.execute("DESCRIBE lake.snapshots").fetchall()}


def _as_number(key: str, column_type: str) -> str:
    registry.metric(key)
    return f"(day - {key})::DOUBLE" if column_type == "DATE" else f"{key}::DOUBLE"


def _filled(column: Any) -> Reals:
    return np.asarray(np.ma.filled(np.ma.asarray(column, np.float64), np.nan), np.float64)

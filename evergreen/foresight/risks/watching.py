"""A model in service is watched: does what it reads still look as it did, and did what it foretold come true?"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.base.measures import Reals
from evergreen.customers.lines import number
from evergreen.foresight.history import sets
from evergreen.foresight.history.sets import Rows
from evergreen.foresight.learning import drifting
from evergreen.foresight.learning.drifting import ANOTHER, MOVED, shape_from, shape_of
from evergreen.foresight.learning.judging import judge
from evergreen.foresight.models import ChurnModel

if TYPE_CHECKING:
    import duckdb

_MOST_COLUMNS = 20
_WEEKS = 53


def shapes(rows: Rows, said: Reals) -> dict[str, Any]:
    """How what a model reads, and what it said, was spread over the rows that judged it; for JSON."""
    columns = {name: shape_of(cells).data() for name, cells in rows.read.items()}
    return {"said": shape_of(said).data(), "columns": columns}


def drift(model: ChurnModel, rows: Rows, said: Reals, on: dt.date) -> dict[str, Any]:
    """How far a night's rows lie from those that judged the model, for JSON: the PSI of what it said and of each column.

    ``columns`` are [name, PSI, state] of those that moved most; a state is "same", "moved" (from 0.1 on) or "another" (from
    0.25 on), each only beyond what chance does. Empty where the model was judged before shapes were kept.
    """
    kept = model.report.get("shapes")
    if not kept or not len(said):
        return {}
    found = []
    for name, told in kept["columns"].items():
        if name in rows.read:
            shape = shape_from(told)
            value = drifting.psi(shape, rows.read[name])
            found.append([name, round(value, 4), _state(value, drifting.by_chance(shape, len(said)))])
    found.sort(key=lambda one: (-one[1], one[0]))
    shape = shape_from(kept["said"])
    value = drifting.psi(shape, said)
    return {
        "day": on.isoformat(),
        "rows": len(said),
        "said": round(value, 4),
        "state": _state(value, drifting.by_chance(shape, len(said))),
        "moved": sum(state != "same" for _name, _value, state in found),
        "of": len(found),
        "columns": found[:_MOST_COLUMNS],
    }


def _state(value: float, chance: float) -> str:
    if value < max(MOVED, chance):
        return "same"
    return "moved" if value < max(ANOTHER, chance) else "another"


def record(
    con: duckdb.DuckDBPyConnection, horizon_days: int, grace_days: int, today: dt.date
) -> dict[str, Any]:
    """What was foretold in service, week by week, against what came; for JSON. Empty while no horizon is over.

    Of each week the last night counts, of the last 53 weeks whose horizon is over and whose renewals are known; whichever
    model served then. ``weeks`` are [day, accounts, losses foretold, losses that came].
    """
    known = sets.known_until(today)
    if known is None:
        return {}
    last = min(known, today) - dt.timedelta(days=horizon_days)
    days = [
        found
        for (found,) in con.execute(
            "SELECT max(day) AS d FROM lake.risks WHERE horizon_days = ? AND day BETWEEN ? AND ? AND tenant = ''"
            " GROUP BY date_trunc('week', day) ORDER BY d",
            [horizon_days, last - dt.timedelta(weeks=_WEEKS), last],
        ).fetchall()
    ]
    if not days:
        return {}
    rows = con.execute(
        "SELECT account_id, day, probability FROM lake.risks WHERE horizon_days = ? AND tenant = ''"
        " AND list_contains(?, day) ORDER BY day, account_id",
        [horizon_days, days],
    ).fetchnumpy()
    account = np.asarray(rows["account_id"], np.int64)
    on = np.asarray(rows["day"], "datetime64[D]").astype(np.int64)
    said = np.asarray(rows["probability"], np.float64)
    lost = sets.lost_within(account, on, horizon_days, grace_days, known)
    weeks = []
    for day in days:
        mine = on == number(day)
        weeks.append(
            [day.isoformat(), int(mine.sum()), round(float(said[mine].sum()), 2), int(lost[mine].sum())]
        )
    return {
        "until": known.isoformat(),
        "weeks": weeks,
        "figures": judge(lost, said).as_dict(),
        "accounts_lost": int(np.unique(account[lost]).size),
    }

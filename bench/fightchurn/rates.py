"""Churn and retention rates of the peer's second chapter, and those of `evergreen portfolio` from the same subscriptions."""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.fightchurn import ours

Figures = dict[str, float]

_EVERGREEN = [sys.executable, "-m", "evergreen.launch.command"]
_START, _END, _QUARTER = dt.date(2020, 3, 1), dt.date(2020, 4, 1), dt.date(2020, 6, 1)


def told(said: str) -> Figures:
    """The figures that a listing printed."""
    record = said.rpartition("RESULT:")[2]
    return {name: float(value) for name, value in re.findall(r"(\w+)=(?:Decimal\(')?([-+.\de]+)", record)}


def of_the_product(folder: Path, home: Path) -> list[Figures]:
    """The same figures, listing by listing: contracts loaded into an empty home, activity from the events."""
    load = Path(__file__).parents[2] / "examples" / "fightchurn" / "load"
    subprocess.run([*_EVERGREEN, "init", "--home", str(home)], check=True, stdout=sys.stderr)
    subprocess.run([str(load), str(folder / "records"), "--home", str(home)], check=True, stdout=sys.stderr)
    month, quarter = _portfolio(home, _END), _portfolio(home, _QUARTER)
    with ours.connected(folder) as con:
        began, silent = ours.went_silent(con, _START, _END)
    lost = quarter["churned_accounts"] / quarter["start_accounts"]
    days = (_QUARTER - _START).days
    start, churned = month["start_mrr_cents"] / 100, month["churned_mrr_cents"] / 100
    shrunk = month["contraction_mrr_cents"] / 100
    kept = (
        month["start_mrr_cents"]
        - month["churned_mrr_cents"]
        - month["contraction_mrr_cents"]
        + month["expansion_mrr_cents"]
    ) / 100
    return [
        {
            "net_mrr_retention_rate": month["nrr"],
            "net_mrr_churn_rate": 1.0 - month["nrr"],
            "start_mrr": start,
            "retain_mrr": kept,
        },
        {
            "churn_rate": month["logo_churn"],
            "retention_rate": 1.0 - month["logo_churn"],
            "n_start": month["start_accounts"],
            "n_churn": month["churned_accounts"],
        },
        {
            "churn_rate": silent / began,
            "retention_rate": 1.0 - silent / began,
            "n_start": began,
            "n_churn": silent,
        },
        {
            "mrr_churn_rate": (churned + shrunk) / start,
            "start_mrr": start,
            "churn_mrr": churned,
            "downsell_mrr": shrunk,
        },
        {
            "n_start": quarter["start_accounts"],
            "n_churn": quarter["churned_accounts"],
            "measured_churn": lost,
            "period_days": days,
            "annual_churn": 1.0 - (1.0 - lost) ** (365.0 / days),
            "monthly_churn": 1.0 - (1.0 - lost) ** (365.0 / 12.0 / days),
        },
    ]


def equal(one: Figures, other: Figures) -> bool:
    """Whether two lists of figures say the same to the fifteenth digit, the last that a double is sure of."""
    return one.keys() == other.keys() and all(f"{one[name]:.15g}" == f"{other[name]:.15g}" for name in one)


def _portfolio(home: Path, until: dt.date) -> dict[str, Any]:
    command = [*_EVERGREEN, "portfolio", "--json", "--home", str(home)]
    asked = ["--from", _START.isoformat(), "--to", until.isoformat()]
    done = subprocess.run([*command, *asked], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found

"""The demo vendor's losses against an oracle that sees the hidden satisfaction: ``python -m bench demo``.

On the weeks that judge the model: which share of the ARR lost within 30 (90) days stood among the riskiest fifth of the accounts of
that Monday? By the model, by an oracle that ranks by the satisfaction hidden in ``demo-truth.parquet``, and by one that knows besides whose contract
ends within the time. BENCH_HOMES keeps the demo's home.
"""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bench.homes import line

_TOP = 0.2


def run() -> None:
    """Build the demo where it is not there, then hold the model and the oracles against what came."""
    folder = os.environ.get("BENCH_HOMES")
    with tempfile.TemporaryDirectory(prefix="evergreen-bench-") as scratch:
        home = Path(folder or scratch) / "demo"
        if not (home / "demo-truth.parquet").exists():
            evergreen = [
                str(Path(sys.executable).parent / "evergreen"),
                "demo",
                "--home",
                str(home),
                "--no-serve",
            ]
            subprocess.run(evergreen, check=True, stdout=sys.stderr)
        os.environ["EVERGREEN_HOME"] = str(home)
        os.environ["DJANGO_SETTINGS_MODULE"] = "evergreen.launch.settings"
        import django

        django.setup()
        for horizon in (30, 90):
            _held(home, horizon)


def _held(home: Path, horizon: int) -> None:
    from evergreen.base import clock, queries
    from evergreen.foresight.history import evaluating

    today = queries.vendor_day(clock.utc_now())
    found = evaluating.evaluate(today, horizon_days=horizon)
    rows = found.past.judging
    cents = np.nan_to_num(rows.read["contract:mrr"])
    hidden = _hidden(home, rows.account, rows.day)
    ends = (
        rows.read["contract:ends_within"] == 1
        if "contract:ends_within" in rows.read
        else np.ones(len(cents), bool)
    )
    caught = {
        name: _caught(rows.day, risk, rows.labels, cents)
        for name, risk in (
            ("model", found.said),
            ("feeling", -hidden),
            ("both", np.where(ends, 2.0, 0.0) - hidden),
        )
    }
    lost = f"{int(rows.labels.sum()):,} rows, {found.accounts_lost} accounts"
    line(f"{horizon} days before, lost on the judging weeks", lost)
    line("  lost ARR among the riskiest fifth, by the model", f"{caught['model']:.1%}")
    line("  by an oracle that sees the satisfaction", f"{caught['feeling']:.1%}")
    line("  by one that sees satisfaction and ends of contracts", f"{caught['both']:.1%}")
    bar = "at least 85%" if horizon == 30 else ""
    line("  model ÷ oracle of satisfaction", f"{caught['model'] / caught['feeling']:.1%}", bar)
    line("  model ÷ oracle of both", f"{caught['model'] / caught['both']:.1%}", bar)


def _hidden(home: Path, account: Any, on: Any) -> Any:
    """The satisfaction of each row's account in the month of its day."""
    import duckdb

    from evergreen.customers.lines import day
    from evergreen.customers.models import Account

    names = dict(Account.objects.values_list("pk", "external_id"))
    told: dict[tuple[str, dt.date], float] = {
        (key, month): value
        for key, month, value in duckdb.connect()
        .execute(
            "SELECT account, month, satisfaction FROM read_parquet(?)", [str(home / "demo-truth.parquet")]
        )
        .fetchall()
    }
    found = [
        told.get((names[pk], day(at).replace(day=1)), np.nan)
        for pk, at in zip(account.tolist(), on.tolist(), strict=True)
    ]
    values = np.array(found)
    line("  rows whose satisfaction is not told", f"{int(np.isnan(values).sum()):,} of {len(values):,}")
    return np.where(np.isnan(values), np.nanmedian(values), values)


def _caught(on: Any, risk: Any, lost: Any, cents: Any) -> float:
    """Share of the lost ARR that stood among the riskiest fifth of each day."""
    inside = np.zeros(len(on), np.bool_)
    for one in np.unique(on):
        mine = np.flatnonzero(on == one)
        order = mine[np.argsort(-risk[mine], kind="stable")]
        inside[order[: round(len(mine) * _TOP)]] = True
    return float(cents[lost & inside].sum() / cents[lost].sum())


if __name__ == "__main__":
    run()

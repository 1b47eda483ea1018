"""How well losses are foretold, against the bars of issue 5; EVERGREEN_DATASETS names the folder of the data sets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.homes import line

DATASETS = Path(os.environ.get("EVERGREEN_DATASETS") or Path(__file__).parents[2] / "shared" / "data")
_TELCO = {
    "auc": "at least 0.849",
    "brier": "at most 0.1338",
    "lift10": "at least 2.86",
    "ece": "at most 0.030",
}


def telco() -> None:
    """The public table, five times in five parts."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evergreen.launch.settings")
    import django

    django.setup()
    from evergreen.foresight import tables

    began = time.perf_counter()
    found = tables.evaluate(DATASETS / "telco_churn" / "telco_churn.csv", "Churn", identity="customerID")
    for name, value in found.figures.as_dict().items():
        line(f"telco_churn, 5 x 5 folds: {name}", f"{value:,.4f}", _TELCO.get(name, ""))
    line("telco_churn: seconds on all cores", f"{time.perf_counter() - began:.0f}", "at most 720 on 2 cores")


def of_home(name: str, first: str, last: str, bars: dict[str, str]) -> None:
    """A simulated product as the issue asks: loaded, with a night a week, then the past held against itself."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="evergreen-bench-") as home:
        _run("init", "--home", home)
        load = Path(__file__).parents[1] / "examples" / "fightchurn" / "load"
        subprocess.run(
            [str(load), str(DATASETS / name), "--home", home],
            check=True,
            stdout=sys.stderr,
            env=_environment(),
        )
        _run("night", "--from", first, "--to", last, "--every", "week", "--home", home)
        loaded = time.perf_counter() - began
        said: dict[str, Any] = json.loads(
            _run("churn", "evaluate", "--horizon-days", "30", "--json", "--home", home)
        )
    for figure in ("auc", "pr_auc", "lift10", "brier", "ece", "n", "positives"):
        line(f"{name}, 30 days ahead: {figure}", f"{said[figure]:,.4f}", bars.get(figure, ""))
    line(f"{name}: logistic regression alone, auc", f"{said['baseline']['auc']:.4f}")
    line(
        f"{name}: taught {said['teach_from']} to {said['teach_to']}, judged",
        f"{said['judge_from']} to {said['judge_to']}",
    )
    line(f"{name}: seconds to load and compute nights", f"{loaded:.0f}")
    line(f"{name}: seconds to evaluate", f"{time.perf_counter() - began - loaded:.0f}")


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def _run(*arguments: str) -> str:
    command = [str(Path(sys.executable).parent / "evergreen"), *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.splitlines()[-1] if done.stdout else ""


if __name__ == "__main__":
    telco()
    of_home(
        "sim_social_weekly",
        "2020-01-27",
        "2020-06-22",
        {"auc": "at least 0.745", "pr_auc": "at least 0.156", "lift10": "at least 4.2"},
    )
    of_home("sim_crm_weekly", "2022-01-24", "2024-01-22", {"auc": "at least 0.79", "lift10": "at least 3.5"})

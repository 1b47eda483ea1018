"""How well losses are foretold, against the bars of issue 5; EVERGREEN_DATASETS names the folder of the data sets."""

from __future__ import annotations

import os
import time
from pathlib import Path

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


if __name__ == "__main__":
    telco()

"""Purchases foretold on CDNOW, against the bars of issue 5; EVERGREEN_DATASETS names the folder of the data sets."""

from __future__ import annotations

import datetime as dt
import os
import time
from dataclasses import asdict

from bench.churn import DATASETS
from bench.homes import line

LEARNED, JUDGED = dt.date(1997, 9, 30), dt.date(1998, 6, 30)
_SETS = {
    "sample": ("cdnow_sample.csv", "sample_id"),
    "all customers": ("cdnow_transactions.parquet", "customer_id"),
}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evergreen.launch.settings")
    import django

    django.setup()
    from evergreen.foresight.purchases import tables
    from evergreen.foresight.purchases.forecasting import tried

    for which, (file, customer) in _SETS.items():
        bars = ("at most 11.6%", "at most 0.756") if which == "sample" else ("", "")
        read = tables.read(DATASETS / "cdnow" / file, customer=customer, date="date", amount="amount")
        began = time.perf_counter()
        trial = tried(read.purchases, LEARNED, JUDGED)
        seconds = time.perf_counter() - began
        for model, found in zip(trial.models, trial.found, strict=True):
            is_best = type(model) is trial.best
            told = " ".join(f"{name} {value:.4f}" for name, value in asdict(model).items())
            line(f"cdnow, {which}, {found.name}", told)
            line("  in all, of the 39 weeks held out", f"{found.bias or 0:+.1%}", bars[0] if is_best else "")
            line("  mean error a customer (purchases)", f"{found.mae:.3f}", bars[1] if is_best else "")
            line("  correlation of ranks", "-" if found.rank is None else f"{found.rank:.3f}")
        line(f"cdnow, {which}: both learned and judged (s)", f"{seconds:.1f}")


if __name__ == "__main__":
    main()

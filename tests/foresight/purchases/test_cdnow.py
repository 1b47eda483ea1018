"""The published answers of Fader, Hardie and Lee (2005) on the CDNOW sample, and its 39 weeks held out."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from pathlib import Path

import pytest

from evergreen.foresight.purchases import tables
from evergreen.foresight.purchases.forecasting import tried
from evergreen.foresight.purchases.models import BgNbd, ParetoNbd
from evergreen.foresight.purchases.spend import GammaGamma


def test_parameters_and_hold_out_are_the_published_ones(datasets: Path) -> None:
    file = datasets / "cdnow" / "cdnow_sample.csv"
    bought = tables.read(file, customer="sample_id", date="date", amount="amount").purchases
    trial = tried(bought, dt.date(1997, 9, 30), dt.date(1998, 6, 30))
    assert (trial.customers, trial.bought) == (2357, 1882)
    assert asdict(trial.models[0]) == pytest.approx(
        {"r": 0.2426, "alpha": 4.4136, "a": 0.7929, "b": 2.4259}, abs=1e-4
    )
    assert asdict(trial.models[1]) == pytest.approx(
        {"r": 0.5533, "alpha": 10.5778, "s": 0.6063, "beta": 11.6691}, rel=5e-4
    )
    bg_nbd, pareto_nbd = trial.found
    assert (bg_nbd.name, pareto_nbd.name) == (BgNbd.NAME, ParetoNbd.NAME)
    assert pareto_nbd.bias is not None and abs(pareto_nbd.bias) <= 0.116 and pareto_nbd.mae <= 0.756
    assert trial.best is ParetoNbd
    spend = GammaGamma.fit(bought.known(dt.date(1997, 9, 30)))
    assert (spend.p, spend.q, spend.v) == pytest.approx((6.2496, 3.7442, 15.4435), rel=1e-3)

"""Lifetimes, what accounts are worth, what they cost."""

from __future__ import annotations

import csv
import datetime as dt
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.base.models import AuditEntry
from evergreen.customers import lines
from evergreen.outcomes.actions import KIND, set_acquisition_cost
from evergreen.outcomes.models import AcquisitionCost
from evergreen.outcomes.portfolio import worth
from evergreen.outcomes.portfolio.asking import Asked
from evergreen.outcomes.portfolio.lifetimes import (
    Lifetimes,
    Worth,
    cost_of_losing,
    gained_a_year,
    lifetimes,
    survival,
)
from evergreen.outcomes.portfolio.report import Report
from tests.outcomes.portfolio.test_reading import NOW, sign


def lived(*spans: tuple[int, bool]) -> Lifetimes:
    days = np.array([length for length, _lost in spans], np.int64)
    return Lifetimes(days, np.array([lost for _length, lost in spans], np.bool_), np.arange(len(spans)))


def naive_share(spans: list[tuple[int, bool]], day: int) -> Fraction:
    """The product of (1 - lost / at risk) over the days of loss up to a day."""
    share = Fraction(1)
    for time in sorted({length for length, lost in spans if lost and length <= day}):
        at_risk = sum(length >= time for length, _lost in spans)
        share *= 1 - Fraction(sum(lost and length == time for length, lost in spans), at_risk)
    return share


@given(spans=st.lists(st.tuples(st.integers(1, 30), st.booleans()), min_size=1, max_size=25))
@settings(max_examples=60)
def test_the_survival_curve_is_kaplan_and_meiers(spans: list[tuple[int, bool]]) -> None:
    found = survival(lived(*spans))
    longest = max(length for length, _lost in spans)
    assert found.after(longest + 1) is None
    area = Fraction(0)
    for day in range(longest + 1):
        share = naive_share(spans, day)
        assert found.after(day) == pytest.approx(float(share), abs=1e-12)
        area += share if day < longest else 0
    assert found.mean_days() == pytest.approx(float(area), abs=1e-9)
    assert np.all(found.low <= found.share + 1e-12)
    assert np.all(found.high >= found.share - 1e-12)


def test_a_published_set_of_churning_customers_gives_its_published_survival(datasets: Path) -> None:
    """Telco churn by lifelines 0.30.3: S(12) 0.8432, S(24) 0.7887, S(60) 0.6644."""
    path = datasets / "telco_churn" / "telco_churn.csv"
    if not path.exists():
        pytest.skip("needs the data set telco_churn")
    with path.open() as file:
        spans = [(int(row["tenure"]), row["Churn"] == "Yes") for row in csv.DictReader(file)]
    found = survival(lived(*spans))
    assert [round(found.after(month) or 0, 4) for month in (12, 24, 60)] == [0.8432, 0.7887, 0.6644]


def test_a_lifetime_goes_over_gaps_and_ends_with_the_last_cover() -> None:
    rows: list[lines.Row] = [
        (1, 1, 0, 100, None, 5, None, None),
        (1, 2, 150, 300, None, 5, None, None),
        (2, 3, 50, None, None, 5, None, None),
        (3, 4, 380, 390, None, 5, None, None),
        (4, 5, 410, 500, None, 5, None, None),
    ]
    found = lifetimes(lines.columns(rows), 400)
    assert (found.days.tolist(), found.is_lost.tolist()) == ([300, 350, 10], [True, False, True])
    graced = lifetimes(lines.columns(rows), 400, grace_days=30)
    assert (graced.days.tolist(), graced.is_lost.tolist()) == ([300, 350, 20], [True, False, False])


def test_cltv_is_revenue_times_lifetime_less_cost_and_payback_its_months() -> None:
    one = Worth(1_000_00, 0.02, 40.0, 12_000_00, 1_500_00)
    assert (one.plain_months, one.plain_cents, one.survival_cents) == (50, 38_000_00, 28_000_00)
    assert one.payback_months == 8
    assert one.to_cac == pytest.approx(50_000 / 12_000)
    nothing = Worth(None, None, None, None, None)
    assert (nothing.plain_cents, nothing.survival_cents, nothing.payback_months, nothing.to_cac) == (
        None,
    ) * 4
    nobody_lost = Worth(1_000_00, 0.0, None, 1, 1)
    assert (nobody_lost.plain_months, nobody_lost.plain_cents) == (None, None)


def test_what_if_and_the_cost_of_losing_an_account() -> None:
    assert gained_a_year(200, 60_000_00, 0.80, 0.85) == 600_000_00
    assert cost_of_losing(60_000_00, 30, 20_000_00) == 170_000_00


def test_acquisition_costs_are_kept_with_their_history_and_give_cac(cast: SimpleNamespace) -> None:
    for day, cents in (
        (dt.date(2026, 9, 10), 400_00),
        (dt.date(2026, 10, 3), 600_00),
        (dt.date(2026, 11, 2), 100_00),
    ):
        sign([cast.well, cast.slipping, cast.gone][day.month - 9], day, None, cents)
    for cents in (5_000_00, 6_000_00, 6_000_00):
        set_acquisition_cost(dt.date(2026, 9, 17), cents, by=cast.boss, now=NOW)
    set_acquisition_cost(dt.date(2026, 10, 1), 4_000_00, note="fair", by=cast.boss, now=NOW)
    asked = Asked(dt.date(2026, 8, 15), NOW.date())
    report = Report(cast.boss, asked, NOW.date())
    won = worth.winning(report)
    assert won == worth.Winning(2, 10_000_00, 2, 1_000_00)
    found = worth.worth(report, worth.survival_of(report)[1], won)
    assert (found.cac_cents, found.payback_months, found.churn) == (5_000_00, 10, 0)
    assert AuditEntry.objects.filter(kind=KIND).count() == 3, "the same amount again is no change"
    set_acquisition_cost(dt.date(2026, 9, 1), None, by=cast.boss, now=NOW)
    set_acquisition_cost(dt.date(2026, 9, 1), None, by=cast.boss, now=NOW)
    entry = AuditEntry.objects.filter(kind=KIND).latest("pk")
    assert (entry.verb, entry.before["cost_cents"]) == ("acquisition_cost.removed", 6_000_00)
    assert [str(one) for one in AcquisitionCost.objects.all()] == ["2026-10: 400000 CNY"]
    with pytest.raises(ValidationError, match=r"-0\.01"):
        set_acquisition_cost(dt.date(2026, 9, 1), -1, by=cast.boss, now=NOW)
    AcquisitionCost.objects.all().delete()
    assert worth.winning(report) is None

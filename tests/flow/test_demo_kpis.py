"""The demo's KPIs: the same from the same seed, believable, and following how accounts feel."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

import numpy as np
import pytest

from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.events.kpis import queries
from evergreen.events.kpis.models import KpiTarget, KpiValue
from evergreen.flow.demo import cast, kpis, vendor
from evergreen.flow.demo.extent import Extent
from evergreen.flow.demo.records import Kept
from evergreen.metrics.baselines import Baseline, baseline

EXTENT = Extent(dt.date(2026, 11, 19), accounts=80)


@pytest.fixture(scope="module")
def drawn() -> vendor.Vendor:
    return vendor.draw(EXTENT)


def test_the_same_seed_tells_the_same_figures_and_none_outside_the_story(drawn: vendor.Vendor) -> None:
    told = list(kpis.figures(drawn))
    assert told == list(kpis.figures(vendor.draw(EXTENT)))
    assert len(told) > 400
    assert all(EXTENT.first <= one.month and one.month < dt.date(2026, 11, 1) for one in told)
    assert all(0 < one.value < 1 for one in told if one.kpi == kpis.SHARE)
    assert all(1 <= one.value < 20 for one in told if one.kpi == kpis.DAYS)
    assert {drawn.book[one.place].tier for one in told} == {"strategic", "growth"}


def test_who_is_content_reconciles_more_by_itself(drawn: vendor.Vendor) -> None:
    shares: dict[int, list[float]] = defaultdict(list)
    for one in kpis.figures(drawn):
        if one.kpi == kpis.SHARE and one.month >= dt.date(2026, 6, 1):
            shares[one.place].append(one.value)
    places = sorted(shares)
    mood = [float(drawn.felt.share[place, -170:].mean()) for place in places]
    assert np.corrcoef(mood, [np.mean(shares[place]) for place in places])[0, 1] > 0.5


@pytest.mark.django_db
def test_they_are_written_by_the_rooms_own_actions_and_have_baselines(drawn: vendor.Vendor) -> None:
    now = dt.datetime(2026, 11, 20, 2, tzinfo=dt.UTC)
    operator = User.objects.create_user(cast.OPERATOR.email, name="op")
    accounts = [
        Account.objects.create(external_id=company.key, name=company.name, created_at=now, known_at=now).pk
        for company in drawn.book
    ]
    count = kpis.write(drawn, Kept(accounts, {cast.OPERATOR.email: operator}, {}), now=now)
    assert KpiValue.objects.filter(stands=True).count() == count
    assert KpiTarget.objects.count() >= 10
    star = next(company.place for company in drawn.book if company.name == "澄明财税科技")
    share = next(
        one for one in queries.courses(Account.objects.get(pk=accounts[star])) if one.kpi.key == kpis.SHARE
    )
    usual = baseline("month", share.values[-1].starts_on, share.points)
    assert isinstance(usual, Baseline)
    # Its people left automatic reconciliation: the newest month lies below what is usual.
    assert share.points[-1][1] < usual.middle

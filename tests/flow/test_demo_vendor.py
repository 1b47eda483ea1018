"""The demo's vendor as it is drawn: the same from the same seed, believable, moved by a hidden satisfaction."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import subprocess
import sys
from itertools import islice, pairwise

import numpy as np
import pyarrow.compute as pc
import pytest

from evergreen.flow.demo import cast, truth, use, vendor
from evergreen.flow.demo.extent import Extent
from evergreen.flow.demo.nights import nights, past_weeks
from evergreen.flow.demo.vendor import Vendor

LAST = dt.date(2026, 11, 19)
SMALL = Extent(LAST, accounts=40, months=6)


@pytest.fixture(scope="module")
def full() -> Vendor:
    """The vendor of `make demo`, drawn but not written anywhere."""
    return vendor.draw(Extent(LAST))


def test_the_same_seed_draws_the_same_vendor_in_another_process() -> None:
    asked = (
        "import datetime as dt; from evergreen.flow.demo import vendor; from evergreen.flow.demo.extent import Extent;"
        "print(vendor.draw(Extent(dt.date(2026, 11, 19), accounts=40, months=6)).fingerprint())"
    )
    surroundings = {
        **os.environ,
        "PYTHONHASHSEED": "7",
        "DJANGO_SETTINGS_MODULE": "evergreen.launch.settings",
    }
    prepared = f"import django; django.setup(); {asked}"
    told = subprocess.run(
        [sys.executable, "-c", prepared], env=surroundings, stdout=subprocess.PIPE, text=True, check=True
    )
    assert told.stdout.strip() == vendor.draw(SMALL).fingerprint()


def test_another_seed_draws_another_vendor() -> None:
    assert vendor.draw(dataclasses.replace(SMALL, seed=1)).fingerprint() != vendor.draw(SMALL).fingerprint()


def test_the_same_vendor_does_the_same_things() -> None:
    drawn = vendor.draw(SMALL)
    ids = range(1, SMALL.accounts + 1)
    first, again = (list(use.months(drawn.world(ids), SMALL)) for _ in range(2))
    assert [table.num_rows for _, table in first] == [table.num_rows for _, table in again]
    assert first[-1][1].equals(again[-1][1])


def test_the_full_vendor_has_more_than_a_million_events(full: Vendor) -> None:
    world = full.world(range(1, full.extent.accounts + 1))
    early = [table.num_rows for _, table in islice(use.months(world, full.extent), 1, 4)]
    there = full.presence.sum(axis=0)
    # The book grows, so the first whole months are the smallest: 24 like them would already do.
    assert min(early) * 24 > 1_000_000
    assert there[-1] > there[60]


def test_the_book_is_a_believable_one(full: Vendor) -> None:
    book = full.book
    assert len(book) == len({company.key for company in book}) == 400
    assert len({company.name for company in book}) >= 398
    assert {star.name for star in cast.STARS} <= {company.name for company in book}
    assert len({company.trade.zh for company in book}) >= 10
    assert len({company.parent for company in book if company.parent is not None}) >= 4
    assert 1 <= sum(company.currency == "USD" for company in book) <= 20
    assert 5 <= sum(company.is_trial for company in book) <= 12
    median = {
        tier: np.median([c.seats for c in book if c.tier == tier])
        for tier in ("strategic", "growth", "basic")
    }
    assert median["strategic"] > 2 * median["growth"] > 3 * median["basic"]
    assert 12 <= len(cast.STAFF) <= 16
    assert len(cast.TEAMS) == 3


def test_renewals_are_won_and_lost_by_the_hidden_satisfaction(full: Vendor) -> None:
    made = [decision for life in full.lives for decision in life.decisions]
    level = np.array([before for _, before, _ in made])
    renewed = np.array([won for _, _, won in made])
    assert 0.72 < renewed.mean() < 0.92
    # The chance that a renewed account was happier than a lost one (area under the curve).
    ranks = level.argsort().argsort() + 1
    won, lost = renewed.sum(), (~renewed).sum()
    area = (ranks[renewed].sum() - won * (won + 1) / 2) / (won * lost)
    assert area > 0.72
    assert len({life.reason for life in full.lives if life.lost_on}) >= 5


def test_nobody_uses_the_product_after_the_contract_was_lost() -> None:
    small = vendor.draw(dataclasses.replace(SMALL, accounts=120, months=14))
    lost = [life for life in small.lives if life.lost_on is not None and life.won_back_on is None]
    assert lost
    tables = [table for _, table in use.months(small.world(range(1, 121)), small.extent)]
    newest: dict[int, dt.datetime] = {}
    for table in tables:
        for row in table.group_by("account_id").aggregate([("occurred_at", "max")]).to_pylist():
            newest[row["account_id"]] = max(
                newest.get(row["account_id"], row["occurred_at_max"]), row["occurred_at_max"]
            )
    for life in lost:
        assert life.lost_on is not None
        if life.place + 1 in newest:
            assert newest[life.place + 1].date() < life.lost_on + dt.timedelta(days=1)


def test_events_carry_what_the_lake_asks_for(full: Vendor) -> None:
    from evergreen.events import arrivals

    _, table = next(iter(use.months(full.world(range(1, 401)), full.extent)))
    needed = [field.name for field in arrivals.EVENT_SCHEMA if not field.nullable]
    assert set(needed) <= set(table.column_names)
    assert len(pc.unique(table["message_id"])) == table.num_rows
    assert pc.all(table["backfilled"]).as_py()
    assert pc.equal(table["known_at"], table["occurred_at"]).combine_chunks().false_count == 0
    assert set(pc.unique(table["kind"]).to_pylist()) == {"track", "page", "screen"}


def test_people_work_on_working_days_and_rest_at_the_spring_festival(full: Vendor) -> None:
    calendar = full.extent.calendar
    festival = [dt.date(2026, 2, 17) + dt.timedelta(days=n) for n in range(5)]
    ordinary = [dt.date(2026, 3, 9) + dt.timedelta(days=n) for n in range(5)]
    assert not any(calendar.is_working(day) for day in festival)
    season = full.extent.season
    week_before = season[full.extent.index(dt.date(2026, 2, 13))]
    assert week_before < season[full.extent.index(ordinary[0])] == 1


def test_the_truth_tells_satisfaction_and_reasons_by_month(full: Vendor) -> None:
    told = truth.table(full)
    assert set(told.column_names) >= {"account", "month", "satisfaction", "churn_reason"}
    assert pc.min(told["satisfaction"]).as_py() >= 0
    assert pc.max(told["satisfaction"]).as_py() <= 1
    lost = sum(life.lost_on is not None and life.lost_on >= full.extent.first for life in full.lives)
    assert told.num_rows - told["churn_reason"].null_count == lost


def test_nights_are_close_together_lately_and_end_on_the_last_day() -> None:
    days = nights(Extent(LAST))
    assert days[-1] == LAST
    assert all(LAST - dt.timedelta(days=n) in days for n in range(15))
    assert len(days) < 80
    weeks = past_weeks(Extent(LAST))
    assert not set(weeks) & set(days) and max(weeks) < LAST - dt.timedelta(days=Extent(LAST).dense_days - 1)
    assert {(later - earlier).days for earlier, later in pairwise(weeks)} <= {7, 14}
    assert len(weeks) > 70

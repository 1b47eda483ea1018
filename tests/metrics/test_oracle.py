"""Every metric against the slow and obvious calculation (MET-01, 02, 11), and what must not change it (MET-03 to 06, 14).

300 data sets in three time zones; ``make torture GROUP=metrics`` does the same with thousands in twelve.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import replace
from typing import Any

import pytest

from evergreen.base import env
from evergreen.customers.models import Tenant
from evergreen.events import rollup, store
from tests.metrics.oracle import drawn, loaded, settled
from tests.metrics.oracle.comparing import differing, snapshot, wrong, wrong_of_tenants
from tests.metrics.oracle.loading import append
from tests.metrics.oracle.poison import poisoned

pytestmark = pytest.mark.django_db
SETS = 100


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Africa/Cairo"])
def test_every_metric_of_a_hundred_accounts_equals_a_naive_calculation_and_what_comes_later_changes_none(
    home: Any, zone: str
) -> None:
    world = drawn(zone, 2026, SETS)
    settled(world)
    loaded(world)
    with store.session() as con:
        rows = snapshot(con, world.day)
    assert wrong(world, world.day, rows) == []
    poisoned(world, seed=7)
    with store.session() as con:
        after = snapshot(con, world.day)
    assert differing(rows, after) == []
    assert not any(row["restated"] for row in after.values())


@pytest.mark.postgres
@pytest.mark.skipif(
    bool(env.database_url()),
    reason="figures are computed in the lake; tests/metrics/test_snapshot.py reads them from records in PostgreSQL",
)
def test_nights_over_arrivals_in_any_order_say_what_a_full_build_says_and_a_past_day_what_was_known(
    home: Any,
) -> None:
    world = drawn("Australia/Lord_Howe", 11, SETS)
    settled(world)
    loaded(world, events=False)
    # With a tenant on record the snapshot has rows of tenants.
    Tenant.objects.create(account_id=world.accounts[0].pk, external_id="north")
    chance = random.Random(5)
    events = [(told.pk, event) for told in world.accounts for event in told.events]
    again = [(pk, replace(event, count=99)) for pk, event in chance.sample(events, 40)]
    chance.shuffle(events)
    past = world.day - dt.timedelta(days=9)
    with store.session() as con:
        parts = [events[:200], events[200:] + again]
        for number, part in enumerate(parts):
            append(world, part, in_order=False)
            rollup.roll_up(con, past if number == 0 else world.day)
        rows = snapshot(con, world.day)
        then = snapshot(con, past)
        rollup.mark_stale(con, dt.date(2010, 1, 1))
        full = snapshot(con, world.day)
        of_tenants = wrong_of_tenants(world, world.day, con)
    assert of_tenants == []
    assert differing(rows, full) == []
    assert wrong(world, world.day, full) == [], "the first of equal message ids stands"
    assert wrong(world, past, then) == []

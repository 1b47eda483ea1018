"""Many days in one pass say of every day what the pass of that day alone says."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from typing import Any

import pytest

from evergreen.base import env
from evergreen.base.conditions import checked, parse
from evergreen.customers.models import Tenant
from evergreen.events import rollup, store
from evergreen.metrics import figures, registry
from evergreen.metrics.across import figures as across
from evergreen.metrics.registry import OnDay
from evergreen.metrics.rules import Metric, Rows, Usage
from evergreen.metrics.source_fields import fields
from tests.metrics.oracle import drawn, loaded, settled
from tests.metrics.oracle.comparing import same
from tests.metrics.oracle.loading import append

pytestmark = pytest.mark.django_db
ACCOUNTS = 30

Found = dict[tuple[dt.date, int, str], dict[str, Any]]


def fresh(con: Any, wanted: OnDay) -> Found:
    """What was computed: (day, account, tenant) → metric → value."""
    names = ", ".join(metric.key for metric in wanted.metrics)
    table = con.execute(f"SELECT day, account_id, tenant, {names} FROM {figures.FRESH}").to_arrow_table()
    found = {(row.pop("day"), row.pop("account_id"), row.pop("tenant")): row for row in table.to_pylist()}
    assert len(found) == table.num_rows
    return found


def differing(
    con: Any, wanted: OnDay, days: Sequence[dt.date], looked_at: Sequence[dt.date], *, tenants: bool
) -> list[str]:
    """Where the pass over ``days`` and those of single days differ: whole numbers, money and dates bit by bit, fractions by
    more than a billionth."""
    across.compute(con, across.mirrored(days, wanted), wanted, tenants=tenants)
    many = fresh(con, wanted)
    assert {day for day, *_key in many} == set(days)
    told = []
    for day in looked_at:
        figures.compute(con, day, wanted, tenants=tenants)
        one = fresh(con, wanted)
        rows = {key: row for key, row in many.items() if key[0] == day}
        told += [f"{key}: in one of the two only" for key in one.keys() ^ rows.keys()]
        for key in one.keys() & rows.keys():
            for metric in wanted.metrics:
                alone, among = one[key][metric.key], rows[key][metric.key]
                equal = same(among, alone) if metric.column_type == "DOUBLE" else among == alone
                if not equal:
                    told.append(f"{key} {metric.key}: {alone} alone, {among} among many")
    return told


def declared(**of: Usage | Rows) -> OnDay:
    kinds: dict[str, Any] = {"mean": "number", "seconds": "number", "max": "date"}
    return OnDay(
        tuple(
            Metric(
                f"own_{key}",
                kinds.get(key.partition("_")[0], "count"),
                one,
                {"en": key},
                {"en": key},
                is_own=True,
            )
            for key, one in of.items()
        )
    )


def where(source: str, text: str) -> Any:
    return checked(parse(text), fields(source))


@pytest.mark.skipif(
    bool(env.database_url()), reason="figures are computed in the lake, whatever keeps the records"
)
def test_many_days_in_one_pass_say_what_each_day_says_alone(home: Any) -> None:
    world = drawn("Australia/Lord_Howe", 23, ACCOUNTS)
    settled(world)
    loaded(world, events=False)
    Tenant.objects.create(account_id=world.accounts[0].pk, external_id="north")
    events = [(told.pk, event) for told in world.accounts for event in told.events]
    random.Random(3).shuffle(events)
    append(world, events, in_order=False)
    # Not every day has a snapshot, so not every day is asked for.
    days = [world.day - dt.timedelta(days=back) for back in range(24) if back not in {2, 3, 9}]
    library = registry.current().on(world.day)
    some = list(world.features)[:2]
    own = declared(
        users=Usage("users", 5, lag=3, filter=where("usage", f"event in ({', '.join(some)})")),
        users_often=Usage("users", 2, per_week=3),
        days=Usage("days", 9, only="core", filter=where("usage", "kind = track")),
        user_days=Usage("user_days", 56),
        events=Usage("events", 13, lag=40, only="core", filter=where("usage", f"event != {some[0]}")),
        features=Usage("features", 3, filter=where("usage", "feature is not empty")),
        seconds=Usage("seconds", 11, lag=2, only="core"),
        mean=Rows("account_days", "mean", "users", on="day", days=20),
        people=Rows("people", "count", filter=where("people", "day in last 30 days")),
        max=Rows("account_days", "max", "day"),
    )  # fmt: skip
    with store.session() as con:
        rollup.roll_up(con, world.day)
        assert differing(con, library, days, [days[6], days[-1]], tenants=False) == []
        assert differing(con, own, days, [days[0], days[11]], tenants=True) == []
        # Weeks apart, a row that counts on few of the days is added to each.
        weeks = [world.day - dt.timedelta(days=back) for back in (28, 21, 14, 7, 0)]
        assert differing(con, library, weeks, [weeks[1], weeks[-1]], tenants=False) == []
        assert differing(con, own, weeks, [weeks[0], weeks[2]], tenants=True) == []
        # Of days before anything was known, counts are missing and not 0, among many as alone.
        early = [min(event.known for _pk, event in events).date() + dt.timedelta(days=n) for n in (-1, 0, 1)]
        assert differing(con, own, early, early, tenants=False) == []

"""What the roll-up remembers beside use: sessions, what was first seen when, facts."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from evergreen.base.env import Home
from evergreen.customers.models import Feature, Product
from evergreen.events import arrivals, rollup, store

Lake = Callable[[str], list[tuple[Any, ...]]]
NOON = dt.datetime(2026, 11, 10, 4)


@pytest.fixture
def lake(home: Home) -> Lake:
    return lambda sql: store.reading(home).execute(sql).fetchall()


def stored(home: Home, account: int, *rows: dict[str, Any]) -> None:
    table = []
    for number, row in enumerate(rows):
        known = row.pop("known_at", row["occurred_at"])
        table.append({
            "source": "web", "kind": "track", "name": "Viewed", "account_id": account, "account_key": "A", "tenant": "",
            "end_user": "u1", "received_at": known, "known_at": known, "count": 1, "backfilled": False,
            "message_id": f"{account}{known}{number}{row}", **row,
        })  # fmt: skip
    events = pa.Table.from_pylist(table, schema=arrivals.EVENT_SCHEMA)
    with arrivals.appending(home), store.writing(home) as con:
        now = dt.datetime(2026, 11, 20, 4, tzinfo=dt.UTC)
        arrivals.append(con, events, origin=f"{rows[0]}", until=1, zone="Asia/Shanghai", now=now, home=home)


def rolled_up(home: Home) -> None:
    with store.session(home) as con:
        rollup.roll_up(con, dt.date(2026, 11, 20))


def at(minutes: float, days: int = 0) -> dt.datetime:
    return NOON + dt.timedelta(days=days, minutes=minutes)


def test_half_an_hour_of_silence_goes_on_and_a_microsecond_more_begins_a_session(
    home: Home, cast: SimpleNamespace, lake: Lake
) -> None:
    late = dt.timedelta(microseconds=1)
    rows = [at(0), at(30), at(60) + late, at(61) + late]
    stored(home, cast.well.pk, *({"occurred_at": moment} for moment in rows))
    stored(home, cast.slipping.pk, {"occurred_at": at(0)}, {"occurred_at": at(1), "end_user": "u2"},
           {"occurred_at": at(2), "end_user": None}, {"occurred_at": at(2), "kind": "usage"})  # fmt: skip
    rolled_up(home)
    found = lake("SELECT account_id, sessions, online_seconds FROM lake.account_days ORDER BY 1")
    assert found == [(cast.well.pk, 2, 1_860.0), (cast.slipping.pk, 2, 0.0)]


@pytest.mark.postgres
def test_who_was_seen_first_on_a_day_that_went_elsewhere_is_still_known_from_later_days(
    home: Home, cast: SimpleNamespace, lake: Lake
) -> None:
    feature = Feature.objects.create(
        product=Product.objects.create(key="p"), key="view", matchers=[{"event": "Viewed"}]
    )
    assert feature.pk
    for day in (0, 2, 4):
        stored(home, cast.well.pk, {"occurred_at": at(0, day)})
    rolled_up(home)
    firsts = "SELECT account_id, min(day)::TEXT FROM lake.{} GROUP BY 1 ORDER BY 1"
    assert lake(firsts.format("first_uses")) == [(cast.well.pk, "2026-11-10")]
    with store.session(home) as con, store.transaction(con, home):
        con.execute("UPDATE lake.events SET account_id = ? WHERE day = '2026-11-10'", [cast.gone.pk])
        con.execute("INSERT INTO lake.arrivals VALUES ('2026-11-10', 'moved', 0)")
    rolled_up(home)
    for table in ("first_uses", "first_features"):
        assert lake(firsts.format(table)) == [(cast.well.pk, "2026-11-12"), (cast.gone.pk, "2026-11-10")]


def test_a_fact_is_kept_by_itself_and_is_no_use(home: Home, cast: SimpleNamespace, lake: Lake) -> None:
    told = {"milestone": "go-live", "due_on": "2026-12-01", "contact": "C-1", "weight": 2}
    stored(home, cast.well.pk, {"occurred_at": at(0), "name": "user.opened"},
           {"occurred_at": at(1), "name": "milestone.planned", "kind": "system", "properties": json.dumps(told)},
           {"occurred_at": at(2), "name": "milestone.planned", "properties": json.dumps({"due_on": "soon", "weight": "much"})})  # fmt: skip
    rolled_up(home)
    found = lake(
        "SELECT name, end_user, subject, contact, weight, due_on::TEXT FROM lake.facts ORDER BY occurred_at"
    )
    assert found == [
        ("user.opened", "u1", None, None, None, None),
        ("milestone.planned", "u1", "go-live", "C-1", 2.0, "2026-12-01"),
        ("milestone.planned", "u1", None, None, None, None),
    ]
    assert lake("SELECT count(*) FROM lake.usage") == [(0,)]

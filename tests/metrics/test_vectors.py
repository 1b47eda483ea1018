"""Published vectors: what the definitions give for numbers that others worked out."""

from __future__ import annotations

import datetime as dt
import json
from types import SimpleNamespace
from typing import Any

import ibis
import pyarrow as pa
import pytest

from evergreen.customers.models import Account
from evergreen.events import arrivals, rollup, store
from evergreen.metrics import actions, formula
from evergreen.metrics.library import METRICS

DAY = dt.date(2026, 3, 6)


def test_a_mean_of_5000_daily_among_20000_monthly_users_is_a_stickiness_of_a_quarter() -> None:
    table: Any = ibis.memtable({"user_days_28d": [5_000 * 20], "active_users_28d": [20_000]})
    columns = {name: table[name] for name in table.columns}
    working = {name: ibis.literal(20.0) for name in formula.CONSTANTS}
    day = formula.Day(ibis.literal(DAY), ibis.literal(0), working)
    value = formula.compiled(METRICS["stickiness"].formula_text(), columns, day)
    assert table.select(value=value).to_pyarrow()["value"].to_pylist() == [0.25]


@pytest.mark.django_db
def test_three_promoters_one_passive_and_one_detractor_are_an_nps_of_40(
    home: Any, cast: SimpleNamespace, now: dt.datetime
) -> None:
    Account.objects.update(known_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    moment = dt.datetime(2026, 3, 2, 4)
    rows = [
        {
            "source": "survey", "kind": "system", "name": "survey.answered", "account_id": cast.well.pk, "tenant": "",
            "occurred_at": moment, "received_at": moment, "known_at": moment, "count": 1, "message_id": f"answer {score}",
            "properties": json.dumps({"kind": "nps", "contact": f"c{score}", "score": score}), "backfilled": True,
        }
        for score in (10, 9.5, 9, 7, 6)
    ]  # fmt: skip
    with arrivals.appending(), store.writing() as con:
        table = pa.Table.from_pylist(rows, schema=arrivals.EVENT_SCHEMA)
        arrivals.append(con, table, origin="test", until=1, zone="Asia/Shanghai", now=now)
    with store.session() as con:
        rollup.roll_up(con, DAY)
        actions.take_snapshot(con, DAY, now=now)
        found = con.execute("SELECT nps FROM lake.snapshots WHERE account_id = ?", [cast.well.pk]).fetchall()
    assert found == [(40.0,)]

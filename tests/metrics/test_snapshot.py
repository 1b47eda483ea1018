"""Snapshots taken again, of days without rows, of late history."""

from __future__ import annotations

import datetime as dt
import random
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from evergreen.customers.models import Account, Feature, Product
from evergreen.events import arrivals, rollup, store
from evergreen.metrics import actions

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = dt.date(2026, 3, 6)  # The four weeks before hold the Spring Festival of 2026.
NAMES = ["ledger.posted", "report.opened", "file.uploaded", "settings.changed"]
MATCHED = {"ledger.posted": "ledger", "report.opened": "report", "file.uploaded": "upload"}


@pytest.fixture(autouse=True)
def _known_for_long(cast: SimpleNamespace) -> None:
    Account.objects.update(known_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))


def _features() -> None:
    product = Product.objects.create(key="suite")
    for event, key in MATCHED.items():
        Feature.objects.create(
            product=product,
            key=key,
            is_core=key == "ledger",
            adds_data=key == "upload",
            matchers=[{"event": event}],
        )


def _event(
    account: int, moment: dt.datetime, known: dt.datetime, user: str | None, name: str, count: int, key: str
) -> dict[str, Any]:
    naive = moment.astimezone(dt.UTC).replace(tzinfo=None)
    arrived = known.astimezone(dt.UTC).replace(tzinfo=None)
    return {
        "source": "product", "kind": "track", "name": name, "account_id": account, "tenant": "", "account_key": None,
        "end_user": user, "occurred_at": naive, "sent_at": None, "received_at": arrived, "known_at": arrived,
        "count": count, "seconds": None, "feature": None, "properties": None, "message_id": key, "flag": None,
        "backfilled": False,
    }  # fmt: skip


def _append(events: list[dict[str, Any]], origin: str = "test") -> None:
    table = pa.Table.from_pylist(events, schema=arrivals.EVENT_SCHEMA)
    with arrivals.appending(), store.writing() as con:
        arrivals.append(con, table, origin=origin, until=1, zone="Asia/Shanghai", now=dt.datetime.now(dt.UTC))


def _random_history(accounts: list[int], seed: int, rows: int) -> list[dict[str, Any]]:
    """Events over 80 days, some around midnight, some known days later."""
    draw = random.Random(seed)
    events = []
    for number in range(rows):
        account = draw.choice(accounts)
        day = DAY - dt.timedelta(days=int(draw.triangular(0, 80, 10)))
        clock = draw.choice(
            [dt.time(0, 0), dt.time(23, 59, 59, 999999), dt.time(draw.randrange(24), draw.randrange(60))]
        )
        moment = dt.datetime.combine(day, clock, SHANGHAI)
        known = moment + dt.timedelta(days=draw.choice([0, 0, 0, 0, 1, 3, 20]))
        user = draw.choice([None, *(f"u{n}" for n in range(3))])
        name, count = draw.choice(NAMES), draw.choice([0, 1, 1, 1, 2, 7])
        events.append(_event(account, moment, known, user, name, count, f"m{number}"))
    return events


def _snapshot(con: Any, day: dt.date) -> dict[int, dict[str, Any]]:
    rollup.roll_up(con, day)
    actions.take_snapshot(con, day, now=dt.datetime.now(dt.UTC))
    table = con.execute("SELECT * FROM lake.snapshots WHERE day = ? AND tenant = ''", [day]).to_arrow_table()
    return {row["account_id"]: row for row in table.to_pylist()}


@pytest.mark.postgres
def test_nights_one_by_one_equal_one_build(home: Any, cast: SimpleNamespace) -> None:
    _features()
    events = _random_history([cast.well.pk, cast.slipping.pk], 7, rows=240)
    by_known = sorted(events, key=lambda e: e["known_at"])
    half = len(by_known) // 2
    _append(by_known[:half], "first")
    with store.session() as con:
        _snapshot(con, DAY - dt.timedelta(days=20))
    _append(by_known[half:], "second")
    with store.session() as con:
        incremental = _snapshot(con, DAY)
        rollup.mark_stale(con, dt.date(2020, 1, 1))
        full = _snapshot(con, DAY)
    ignored = {"computed_at", "restated"}
    for account, row in full.items():
        assert {k: v for k, v in row.items() if k not in ignored} == {
            k: v for k, v in incremental[account].items() if k not in ignored
        }


def test_a_count_is_nought_once_its_source_has_rows_and_missing_before(
    home: Any, cast: SimpleNamespace
) -> None:
    _features()
    with store.session() as con:
        rows = _snapshot(con, DAY)
        assert rows[cast.well.pk]["active_users_28d"] is None
        assert rows[cast.well.pk]["tickets_opened_28d"] is None
    moment = dt.datetime.combine(DAY, dt.time(12), SHANGHAI)
    _append([_event(cast.slipping.pk, moment, moment, "u1", "report.opened", 1, "m1")])
    with store.session() as con:
        rows = _snapshot(con, DAY)
    assert rows[cast.well.pk]["active_users_28d"] == 0
    assert rows[cast.slipping.pk]["active_users_28d"] == 1


def test_core_depth_is_missing_while_no_feature_is_core(home: Any, cast: SimpleNamespace) -> None:
    _features()
    Feature.objects.update(is_core=False)
    moment = dt.datetime.combine(DAY, dt.time(12), SHANGHAI)
    _append([_event(cast.well.pk, moment, moment, "u1", "ledger.posted", 1, "m1")])
    with store.session() as con:
        row = _snapshot(con, DAY)[cast.well.pk]
    assert row["features_used_28d"] == 1
    assert row["core_events_28d"] is None and row["core_depth"] is None


@pytest.mark.postgres
def test_taking_a_snapshot_again_changes_nothing(home: Any, cast: SimpleNamespace) -> None:
    _features()
    events = _random_history([cast.well.pk], 3, rows=60)
    _append(events)
    with store.session() as con:
        first = _snapshot(con, DAY)
        second = _snapshot(con, DAY)
        count = store.scalar(con, "SELECT count(*) FROM lake.snapshots WHERE day = ?", DAY)
    assert count == len(first) == 3
    first[cast.well.pk].pop("computed_at"), second[cast.well.pk].pop("computed_at")
    assert first[cast.well.pk] == second[cast.well.pk]


@pytest.mark.postgres
def test_late_history_marks_the_snapshot_it_changed_as_restated(home: Any, cast: SimpleNamespace) -> None:
    _features()
    moment = dt.datetime.combine(DAY - dt.timedelta(days=2), dt.time(12), SHANGHAI)
    _append([_event(cast.well.pk, moment, moment, "u1", "report.opened", 1, "m1")])
    with store.session() as con:
        before = _snapshot(con, DAY)
    _append([_event(cast.slipping.pk, moment, moment, "u2", "report.opened", 1, "m2")], "late")
    with store.session() as con:
        after = _snapshot(con, DAY)
    assert not before[cast.slipping.pk]["restated"]
    assert after[cast.slipping.pk]["restated"], "the late row changed this account's past"
    assert not after[cast.well.pk]["restated"]


def test_a_count_of_a_past_day_stays_missing_when_the_first_row_of_its_source_came_later(
    home: Any, cast: SimpleNamespace
) -> None:
    moment = dt.datetime.combine(DAY, dt.time(12), SHANGHAI)
    _append([_event(cast.well.pk, moment, moment + dt.timedelta(days=1), "u1", "report.opened", 1, "m1")])
    with store.session() as con:
        rollup.roll_up(con, DAY + dt.timedelta(days=1))
        row = _snapshot(con, DAY)[cast.well.pk]
    assert row["events_28d"] is None and row["activated_users"] is None and row["sessions_28d"] is None

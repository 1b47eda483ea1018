"""Every metric, every operator of conditions, the roll-up: on each engine the figures of the embedded one."""

from __future__ import annotations

import datetime as dt
import json
import os
import random
from collections.abc import Callable, Iterator
from typing import Any

import ibis
import pyarrow as pa
import pytest

from evergreen.base.conditions import OPS, AllOf, AnyOf, Condition, Not, Op
from evergreen.base.conditions import Test as Asked
from evergreen.base.conditions.tree import OF_DAYS, VALUES
from evergreen.events import rolling, rollup, store
from evergreen.events.features import Matcher, Matchers
from evergreen.events.warehouses import functions
from evergreen.events.warehouses.backends import Backend
from evergreen.metrics import compiling, figures, records
from evergreen.metrics.conditions import compiled
from evergreen.metrics.library import METRICS
from evergreen.metrics.registry import OnDay
from evergreen.metrics.rules import Usage
from tests.base.test_conditions import FIELDS, TODAY
from tests.engines import history
from tests.engines.comparing import differences
from tests.engines.conftest import SPARK

pytestmark = pytest.mark.django_db

_ALL = tuple(METRICS.values())
_USAGE = [metric for metric in _ALL if isinstance(metric.of, Usage)]


@pytest.fixture
def lake_schema(home: Any) -> Callable[[str], pa.Schema]:
    """The columns of a table of the lake."""

    def of(table: str) -> pa.Schema:
        return store.reading().execute(f"SELECT * FROM lake.{table} LIMIT 0").to_arrow_table().schema

    return of


@pytest.fixture
def tables(cast: Any, lake_schema: Callable[[str], pa.Schema]) -> dict[str, pa.Table]:
    """Everything that metrics read."""
    like = records.mirror(history.DAY, {metric.source for metric in _ALL})
    return {**history.history(lake_schema), **history.mirrored(like), **history.nights()}


def _figures(backend: Backend, tables: dict[str, pa.Table], *, by_tenant: bool) -> pa.Table:
    for name, table in tables.items():
        backend.put(name, table)
    window = compiling.usage_window(backend.table("usage"), history.DAY)
    flags = backend.table("feature_flags")
    backend.keep("usage_people", compiling.people(window, flags, _USAGE))
    backend.keep("usage_features", compiling.features(window, flags, _USAGE))
    present = {figures.presence(metric): True for metric in _ALL}
    return backend.fetch(figures._figures(backend, OnDay(_ALL), present, by_tenant=by_tenant))


# By account on ClickHouse, by tenant on PostgreSQL, both on Spark: each takes seconds.
_BY_TENANT = [False, True] if SPARK else [bool(os.environ.get("EVERGREEN_DATABASE"))]


@pytest.mark.parametrize("by_tenant", _BY_TENANT, ids=lambda asked: "tenants" if asked else "accounts")
def test_every_metric_says_the_same(
    engine: Backend, embedded: Backend, tables: dict[str, pa.Table], by_tenant: bool
) -> None:
    found, expected = (_figures(one, tables, by_tenant=by_tenant) for one in (engine, embedded))
    assert set(METRICS) <= set(expected.column_names)
    filled = {name for name in METRICS if expected[name].null_count < expected.num_rows}
    # Tenants have figures of what names a tenant only.
    assert by_tenant or filled == set(METRICS), "the made-up history leaves metrics without any value"
    assert differences(found, expected, ["account_id", "tenant"]) == {}


def _conditions(draw: random.Random) -> Iterator[Condition]:
    """Each operator of each kind of field several times, then trees of them."""
    single: list[Condition] = []
    for field in FIELDS.values():
        for op in OPS[field.kind]:
            for _ in range(3):
                if op in OF_DAYS:
                    single.append(Asked(field.key, op, (draw.randrange(5),)))
                    continue
                wanted = VALUES.get(op, 1)
                size = draw.randrange(1, 4) if wanted == -1 else wanted
                values = draw.choices(history.VALUES[field.kind], k=size)
                single.append(Asked(field.key, op, tuple(sorted(values) if op == Op.BETWEEN else values)))
    yield from single
    for _ in range(40):
        parts = tuple(draw.sample(single, 3))
        trees: list[Condition] = [AllOf(parts), AnyOf(parts), Not(AllOf((parts[0], AnyOf(parts[1:]))))]
        yield draw.choice(trees)


def _held(backend: Backend, rows: pa.Table, conditions: list[Condition]) -> pa.Table:
    backend.put("standing", rows)
    table: Any = backend.table("standing")
    held = {f"held_{place}": compiled(one, table, FIELDS, TODAY) for place, one in enumerate(conditions)}
    return backend.fetch(table.select("at", **held))


def test_every_operator_of_a_condition_holds_for_the_same_rows(engine: Backend, embedded: Backend) -> None:
    conditions = list(_conditions(random.Random(5)))
    rows = history.standing(FIELDS)
    found, expected = (_held(one, rows, conditions) for one in (engine, embedded))
    assert differences(found, expected, ["at"]) == {}
    answers = {name: set(expected[name].to_pylist()) for name in expected.column_names[1:]}
    assert sum(said == {True, False} for said in answers.values()) > len(answers) / 2, "tells nothing apart"


_MATCHERS = Matchers(
    exact={"ledger.posted": "ledger"},
    ordered=(
        Matcher("report", "report.*", "plan", "pro"),
        Matcher("upload", "*", "plan", "7"),
        Matcher("报表", "*", "deep", '{"a": [1]}'),
    ),
    keys=frozenset(history.FEATURES),
    properties=("plan", "deep"),
)
_DAYS = [history.DAY - dt.timedelta(days=n) for n in (2, 1, 0)]


def _rolled(backend: Backend, events: pa.Table, matchers: Matchers) -> dict[str, pa.Table]:
    """What is counted of a portion; the numbers of its sorts by what they stand for."""
    backend.put("events", events)
    rollup.count(backend, backend.table("events"), matchers)
    portion: Any = backend.table("portion")
    sorts = backend.table("portion_sorts")
    portion = portion.join(sorts, portion.sort == sorts.sort)
    kept = {
        "portion": portion.select(
            "account_id", "end_user", "day", "known_on", "uses", "seconds", *rolling.SORT, "matched"
        ),
        **{name: backend.table(name) for name in ("portion_answers", "portion_online", "portion_facts")},
    }
    return {name: backend.fetch(rows) for name, rows in kept.items()}


@pytest.mark.parametrize("asks", [True, False], ids=["properties asked", "by name"])
def test_a_days_events_roll_up_to_the_same_rows(
    engine: Backend, embedded: Backend, lake_schema: Callable[[str], pa.Schema], asks: bool
) -> None:
    matchers = _MATCHERS if asks else Matchers({"ledger.posted": "ledger"}, (), _MATCHERS.keys, ())
    events = history.events(lake_schema("events"))
    found, expected = (_rolled(one, events, matchers) for one in (engine, embedded))
    for name, rows in expected.items():
        assert rows.num_rows > 5, f"the made-up events leave {name} nearly empty"
        # Whole numbers and days as the lake stores them: an engine widens sums.
        schema = found[name].schema
        assert differences(found[name], rows.cast(schema), schema.names) == {}, name
    features = set(expected["portion"]["matched"].to_pylist())
    assert features >= ({"ledger", "report", "upload", "报表"} if asks else {"ledger"})


def test_sums_of_money_beyond_what_a_fraction_holds_are_exact(engine: Backend, embedded: Backend) -> None:
    cents = pa.array([9_007_199_254_740_993, 1, -3, None], pa.int64())
    found = []
    for one in (engine, embedded):
        one.put("money", pa.table({"account_id": pa.array([1, 1, 1, 1]), "cents": cents}))
        table: Any = one.table("money")
        found.append(one.fetch(table.group_by("account_id").aggregate(cents=table.cents.sum().cast("int64"))))
    assert found[0]["cents"].to_pylist() == found[1]["cents"].to_pylist() == [9_007_199_254_740_991]


_SAID_DAYS = {
    "2026-03-06": dt.date(2026, 3, 6),
    "2024-02-29": dt.date(2024, 2, 29),
    "2026-03-06T23:30:00Z": dt.date(2026, 3, 6),
    "2026-03-06 10:00": dt.date(2026, 3, 6),
    "1900-01-01": dt.date(1900, 1, 1),
    "2299-12-31": dt.date(2299, 12, 31),
}
_NO_DAYS = [
    "2026-02-31", "2026-02-29", "2026-04-31", "2026-13-01", "2026-00-10", "2026-01-00", "0000-01-01", "1899-12-31", "2300-01-01",
    "20260306", "2026-3-6", "2026/03/06", " 2026-03-06", "2026-03-06x", "12026-01-01", "-2026-03-06", "2026-03", "soon", "",
    20260306, None, True, ["2026-03-06"],
]  # fmt: skip


def test_a_day_that_is_none_is_null_and_never_another_day(engine: Backend, embedded: Backend) -> None:
    words = [*_SAID_DAYS, *_NO_DAYS]
    table = pa.table({"at": range(len(words)), "told": [json.dumps({"due_on": word}) for word in words]})
    expected = [*_SAID_DAYS.values(), *(None for _ in _NO_DAYS)]
    for one in (engine, embedded):
        one.put("told_days", table)
        rows: Any = one.table("told_days")
        found = one.fetch(rows.select("at", day=functions.said_day(rows.told, "due_on"))).sort_by("at")
        assert found["day"].to_pylist() == expected, one.dialect


def test_what_people_write_is_never_read_as_sql(engine: Backend) -> None:
    hostile = ["x'); DROP TABLE t; --", "\\' OR 1=1 --", "%_\\", '客户\n\t"`']
    engine.put("told", pa.table({"name": hostile}))
    table: Any = engine.table("told")
    for text in hostile:
        assert engine.fetch(table.filter(table.name == text).select("name"))["name"].to_pylist() == [text]


def test_what_was_put_or_kept_is_gone_once_forgotten(engine: Backend) -> None:
    engine.put("mine", pa.table({"n": [1]}))
    table: Any = engine.table("mine")
    engine.keep("kept", table.mutate(twice=table.n * 2))
    kept = engine.table("kept")
    assert engine.fetch(kept)["twice"].to_pylist() == [2]
    engine.forget("mine", "kept")
    with pytest.raises(Exception, match=r"(?i)kept|passing"):
        engine.fetch(ibis.table(kept.schema(), name=kept.get_name()))

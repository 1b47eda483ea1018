"""A condition compiled says of every row what the decision of one says."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evergreen.base.conditions import OPS, AllOf, AnyOf, Condition, Kind, Not, Op, holds
from evergreen.base.conditions import Test as Asked
from evergreen.base.conditions.tree import OF_DAYS, VALUES
from evergreen.metrics.conditions import compiled
from tests.base.test_conditions import FIELDS, TODAY, read

# Few and close together, so that tests and rows often meet.
_dates = st.integers(-4, 4).map(lambda days: TODAY + dt.timedelta(days=days))
_texts = st.sampled_from(["制造", "零售", "Retail", "retail", "tail", "O'Neill %_", "strategic"])
_wholes = st.integers(-2, 3)
_decimals = st.sampled_from([Decimal("-0.5"), Decimal("0.1"), Decimal("0.3"), Decimal(1), Decimal(2)])
VALUES_OF: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.WHOLE: _wholes, Kind.SHARE: _decimals, Kind.MONEY: _decimals, Kind.NUMBER: _decimals, Kind.DATE: _dates,
    Kind.TEXT: _texts, Kind.CHOICE: st.sampled_from(["strategic", "growth"]), Kind.FLAG: st.booleans(), Kind.TAGS: _texts,
}  # fmt: skip
TYPES = {
    Kind.WHOLE: pa.int64(), Kind.DATE: pa.date32(), Kind.TEXT: pa.string(), Kind.CHOICE: pa.string(), Kind.FLAG: pa.bool_(),
    Kind.TAGS: pa.list_(pa.string()),
}  # fmt: skip


@st.composite
def _tests(draw: st.DrawFn) -> Asked:
    field = draw(st.sampled_from(list(FIELDS.values())))
    op = draw(st.sampled_from(OPS[field.kind]))
    if op in OF_DAYS:
        return Asked(field.key, op, (draw(st.integers(0, 4)),))
    wanted = VALUES.get(op, 1)
    size = draw(st.integers(1, 3)) if wanted == -1 else wanted
    values = [draw(VALUES_OF[field.kind]) for _ in range(size)]
    return Asked(field.key, op, tuple(sorted(values) if op == Op.BETWEEN else values))


_conditions = st.recursive(
    _tests(),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(tuple).map(AllOf),
        st.lists(inner, min_size=1, max_size=3).map(tuple).map(AnyOf),
        inner.map(Not),
    ),
    max_leaves=8,
)


def _row() -> st.SearchStrategy[dict[str, Any]]:
    def column(kind: Kind) -> st.SearchStrategy[Any]:
        values = VALUES_OF[kind]
        if kind == Kind.TAGS:
            return st.one_of(st.none(), st.lists(values, max_size=3))
        if kind in {Kind.TEXT, Kind.CHOICE}:
            return st.one_of(st.none(), st.just(""), values)
        floats = kind in {Kind.SHARE, Kind.MONEY, Kind.NUMBER}
        return st.one_of(st.none(), values.map(float) if floats else values)

    return st.fixed_dictionaries({key: column(field.kind) for key, field in FIELDS.items()})


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    columns = {
        key: pa.array([row[key] for row in rows], TYPES.get(field.kind, pa.float64()))
        for key, field in FIELDS.items()
    }
    return pa.table({"at": pa.array(range(len(rows))), **columns})


@example(Asked("arr", Op.IS_NOT, (Decimal("0.3"),)), [dict.fromkeys(FIELDS) | {"arr": 0.3}])
@given(_conditions, st.lists(_row(), min_size=20, max_size=20))
@settings(max_examples=50, deadline=None)
def test_compiled_and_decided_one_by_one_agree(condition: Condition, rows: list[dict[str, Any]]) -> None:
    table = ibis.memtable(_table(rows))
    found = table.select("at", held=compiled(condition, table, FIELDS, TODAY)).order_by("at").to_pyarrow()
    slow = [holds(condition, row | {"tags": row["tags"] or []}, TODAY) for row in rows]
    assert found["held"].to_pylist() == slow


@pytest.mark.parametrize(
    "text", ['name contains "\' OR 1=1 --"', 'industry in ("a\\"b", "%")', 'tags = "x\'); DROP TABLE t; --"']
)
def test_what_people_write_is_never_read_as_sql(text: str) -> None:
    row = dict.fromkeys(FIELDS) | {
        "name": "x' OR 1=1 --",
        "industry": 'a"b',
        "tags": ["x'); DROP TABLE t; --"],
    }
    table = ibis.memtable(_table([row, dict.fromkeys(FIELDS)]))
    found = table.select("at", held=compiled(read(text), table, FIELDS, TODAY)).order_by("at").to_pyarrow()
    assert found["held"].to_pylist() == [True, False]

"""Random events around the edges that matter, as rows of the lake and as plain tuples for the oracles."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import ibis
import pyarrow as pa
from hypothesis import strategies as st

from evergreen.events.warehouses import vocabulary

ZONE = ZoneInfo("Asia/Shanghai")
FIRST = dt.date(2026, 3, 2)  # a Monday
_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("kind", pa.string()),
        ("name", pa.string()),
        ("account_id", pa.int64()),
        ("tenant", pa.string()),
        ("end_user", pa.string()),
        ("occurred_at", pa.timestamp("us")),
        ("day", pa.date32()),
        ("known_on", pa.date32()),
        ("count", pa.int64()),
        ("feature", pa.string()),
        ("properties", pa.string()),
    ]
)


@dataclass(frozen=True)
class Happened:
    """One event: ``at`` in UTC without zone, as the lake holds it."""

    account: int | None
    source: str
    user: str | None
    at: dt.datetime
    name: str
    kind: str = "track"
    count: int = 1
    tenant: str = ""

    @property
    def day(self) -> dt.date:
        return self.at.replace(tzinfo=dt.UTC).astimezone(ZONE).date()

    @property
    def person(self) -> tuple[int | None, str, str | None]:
        return self.account, self.source, self.user


def moments_of_a_day(days: int) -> st.SearchStrategy[dt.datetime]:
    """Instants that fall together, lie exactly 30 minutes apart or just beside it, and stand at the edges of days."""
    edge = st.sampled_from([0, 1, -1])  # microseconds
    minute = st.sampled_from([0, 0, 10, 30, 60, 90, 600, 23 * 60 + 30])
    start = dt.datetime.combine(FIRST, dt.time(), ZONE).astimezone(dt.UTC).replace(tzinfo=None)
    return st.builds(
        lambda day, minutes, micros: start + dt.timedelta(days=day, minutes=minutes, microseconds=micros),
        st.integers(0, days - 1), minute, edge,
    )  # fmt: skip


def histories(
    days: int = 3, most: int = 30, names: tuple[str, ...] = ("a", "b", "c")
) -> st.SearchStrategy[list[Happened]]:
    """Lists of events of two accounts, two sources, end users with equal ids; some are no use, some nobody's."""
    return st.lists(
        # Mostly one person, so that things come together.
        st.builds(
            Happened,
            account=st.sampled_from([1, 1, 1, 1, 1, 2, None]),
            source=st.sampled_from(["app", "app", "app", "web"]),
            user=st.sampled_from(["u", "u", "u", "u", "v", None]),
            at=moments_of_a_day(days),
            name=st.sampled_from(names),
            kind=st.sampled_from(["track", "track", "track", "track", "page", "usage", "identify"]),
            count=st.sampled_from([1, 1, 1, 1, 2, 0]),
            tenant=st.sampled_from(["", "T"]),
        ),
        min_size=most // 2,
        max_size=most,
    )


EVENTS = ibis.table(ibis.Schema.from_pyarrow(_SCHEMA), name="happened")


def sql_of(expression: Any) -> str:
    return str(ibis.to_sql(expression, dialect="duckdb"))


def rows_of(sql: str, happened: list[Happened]) -> list[dict[str, Any]]:
    """What a query over ``EVENTS`` finds in the events."""
    rows = [
        (
            one.source, one.kind, one.name, one.account, one.tenant, one.user, one.at, one.day, one.day, one.count, None, None,
        )
        for one in happened
    ]  # fmt: skip
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(_SCHEMA)
    arrays = [pa.array(list(values), field.type) for values, field in zip(columns, _SCHEMA, strict=True)]
    con = _connection()
    con.register("happened", pa.Table.from_arrays(arrays, schema=_SCHEMA))
    found: list[dict[str, Any]] = con.execute(sql).to_arrow_table().to_pylist()
    return found


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    """One for all examples: opening one takes longer than most of them."""
    con = duckdb.connect(config={"threads": "1"})
    con.execute(vocabulary.OF_DUCKDB)
    return con


def are_moments(happened: list[Happened]) -> list[Happened]:
    """What sessions, funnels and paths look at, by the words of docs/analytics.md."""
    return [
        one
        for one in happened
        if one.account is not None
        and one.user is not None
        and one.kind in {"track", "page", "screen"}
        and one.count > 0
    ]

"""The peer's metrics by the product's own expressions over the same events, in Parquet.

What moves into a window and out of it (``metrics.across.levels``) and formulas of the product's language. Names, dates and
windows are the peer's: its 28 days end the day before a metric's date, days since count the date itself.
"""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path
from typing import Any

import duckdb
import ibis

from evergreen.metrics import formula
from evergreen.metrics.across.levels import calendar, levels, moves
from evergreen.metrics.analytics import tables

EVENTS = ("like", "newfriend", "post", "adview", "dislike", "unfriend", "message", "reply")
_DAY = dt.timedelta(days=1)
DATES = [dt.date(2020, 2, 2) + dt.timedelta(weeks=n) for n in range(15)]
# The seventh chapter begins a month later.
LATER = DATES[4]
_BEFORE = dt.date(2019, 11, 1)
_EARLIER = 20
_FOR_EVER = dt.date(9999, 12, 31)
_MONTH, _QUARTER = 28, 84
# Metric: numerator, denominator. It stands wherever the denominator does.
_RATIOS = {
    "adviw_per_post": ("adview", "post"),
    "reply_per_message": ("reply", "message"),
    "like_per_post": ("like", "post"),
    "post_per_message": ("post", "message"),
    "unfriend_per_newfriend": ("unfriend", "newfriend"),
    "dislike_percent": ("dislike", "total"),
    "unfriend_per_newfriend_scaled": ("tenure_scaled", "newfriend"),
}
_DAYS = formula.Day(None, None, {})


def counts(con: duckdb.DuckDBPyConnection) -> Any:
    """Eight counts of 28 days: a row an account, event and date."""
    backend: Any = ibis.duckdb.from_connection(con)
    return _fetched(con, _windows(_weeks(backend), backend, _MONTH))


def whole_set(con: duckdb.DuckDBPyConnection) -> Any:
    """Every metric of the third and seventh chapter: ``metric, account_id, date, value``, values as single as the peer's."""
    backend: Any = ibis.duckdb.from_connection(con)
    weeks = _kept(con, backend, "weeks", _weeks(backend))
    months = _kept(con, backend, "months", _windows(weeks, backend, _MONTH))
    tenures = _kept(con, backend, "tenures", _tenures(backend))
    wide = _kept(con, backend, "wide", _wide(weeks, months, tenures, backend))
    later = wide.filter(wide.date >= LATER)
    parts = [
        months.select("account_id", "date", metric=_name(months.event) + "_per_month", value=months.level),
        _column(tenures, "account_tenure", tenures.tenure),
        _column(wide, "unfriend_28avg_84obs", wide.tenure_scaled),
        _column(later, "total_opinions", later.total),
        _column(later, "unfriend_28day_avg_84day_obs", later.scaled),
        # A quotient is as single as the metrics that it reads; one less than it is not.
        _column(later, "new_friends_pcnt_change", _formula(later, "newfriend / newfriend_before") - 1.0),
        _last(backend),
    ]
    for metric, (above, below) in _RATIOS.items():
        parts.append(_column(later, metric, _formula(later, f"{above} / {below}")))
    columns = ["metric", "account_id", "date", "value"]
    rows = ibis.union(*(part.mutate(value=part.value.cast("float32")).select(columns) for part in parts))
    return _fetched(con, rows.filter(rows.value.notnull()))


def went_silent(con: duckdb.DuckDBPyConnection, first: dt.date, second: dt.date) -> tuple[int, int]:
    """Accounts with an event in the month before ``first``, and those of them without one in the month before ``second``."""
    events = ibis.duckdb.from_connection(con).table("events")

    def active(on: dt.date) -> Any:
        before = on.replace(month=on.month - 1)
        return events.filter(events.day.between(before, on - _DAY)).select("account_id").distinct()

    began = active(first)
    gone = began.anti_join(active(second), "account_id")
    told = began.aggregate(n=began.count()).cross_join(gone.aggregate(m=gone.count()))
    [row] = _fetched(con, told).to_pylist()
    return row["n"], row["m"]


def run(folder: Path) -> dict[str, Any]:
    """Seconds of the counts and of the whole set, each on a connection of its own, with rows and sum of each metric."""
    found: dict[str, Any] = {}
    table: Any = None
    for name, step in (("counts", counts), ("whole set", whole_set)):
        with connected(folder) as con:
            began, busy = time.perf_counter(), time.process_time()
            table = step(con)
            found[name], found[f"{name} processor"] = time.perf_counter() - began, time.process_time() - busy
    sums = table.append_column("sum", table["value"].cast("float64")).group_by("metric")
    rows = sums.aggregate([("sum", "count"), ("sum", "sum")]).to_pylist()
    found["metrics"] = {row["metric"]: [row["sum_count"], row["sum_sum"]] for row in rows}
    return found


def connected(folder: Path) -> duckdb.DuckDBPyConnection:
    """The peer's events and subscriptions, and the asked days: those before its dates."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    for name in ("events", "subscriptions"):
        con.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{folder / name}.parquet')")
    con.register("asked", calendar([date - _DAY for date in DATES], _BEFORE))
    return con


def _fetched(con: duckdb.DuckDBPyConnection, expression: Any) -> Any:
    return con.execute(tables.compiled(expression)).to_arrow_table()


def _kept(con: duckdb.DuckDBPyConnection, backend: Any, name: str, expression: Any) -> Any:
    con.execute(f"CREATE TEMP TABLE {name} AS {tables.compiled(expression)}")
    return backend.table(name)


def _at(day: Any) -> Any:
    """The number of a day, from the first asked one on."""
    return day.delta(ibis.literal(DATES[0] - _DAY), unit="day")


def _weeks(backend: Any) -> Any:
    """The roll-up by asked days: ``account_id, event, at, uses``. Every window asked for is of whole weeks, so the days of a week
    come into it and leave it together, at the week's last day.
    """
    events = backend.table("events")
    # From an earlier week on, for an engine cuts the fraction of what is below 0 towards 0.
    weeks = (_at(events.day) + (_EARLIER * 7 + 6)) // 7
    rows = events.mutate(at=(weeks - _EARLIER) * 7)
    weeks = rows.group_by(["account_id", "name", "at"]).aggregate(uses=rows.count().cast("int64"))
    # Names by their numbers from here on, as a page's paths have them.
    number = weeks.name.cases(*((name, place) for place, name in enumerate(EVENTS)))
    return weeks.mutate(event=number.cast("int32")).drop("name")


def _windows(weeks: Any, backend: Any, length: int) -> Any:
    """``account_id, event, date, level`` of windows of so many days that end the day before each date."""
    keys = ["account_id", "event"]
    changes = moves(weeks, keys, weeks["at"], weeks["at"] + length, weeks.uses)
    found: Any = levels(changes, keys, backend.table("asked"))
    return found.select(*keys, "level", date=_later(found.asked, 1))


def _name(event: Any) -> Any:
    return event.cases(*enumerate(EVENTS))


def _later(day: Any, days: int) -> Any:
    # The engine makes a timestamp of it, which Ibis does not know.
    return (day + ibis.interval(days=days)).cast("timestamp").cast("date")


def _tenures(backend: Any) -> Any:
    """Days since the first of the subscriptions that follow one another with at most 31 days between: ``account_id, date,
    tenure``, for accounts with one in force.
    """
    lines = backend.table("subscriptions")
    in_turn = ibis.window(group_by=lines.account_id, order_by=lines.start_date, preceding=(None, 1))
    lines = lines.mutate(covered=lines.end_date.coalesce(_FOR_EVER).max().over(in_turn))
    is_new = (lines.covered < _later(lines.start_date, -31)).coalesce(ibis.literal(True))
    lines = lines.mutate(is_new=is_new.cast("int64"))
    so_far = ibis.cumulative_window(group_by=lines.account_id, order_by=lines.start_date)
    lines = lines.mutate(run=lines.is_new.sum().over(so_far))
    begun = lines.mutate(began=lines.start_date.min().over(group_by=[lines.account_id, lines.run]))
    asked = backend.table("asked").select("asked").distinct()
    rows = begun.cross_join(asked.select(date=_later(asked.asked, 1)))
    rows = rows.filter(rows.start_date <= rows.date, rows.end_date.coalesce(_FOR_EVER) > rows.date)
    found = rows.group_by(["account_id", "date"]).aggregate(began=rows.began.min())
    return found.select("account_id", "date", tenure=found.date.delta(found.began, unit="day"))


def _wide(weeks: Any, months: Any, tenures: Any, backend: Any) -> Any:
    """A row an account and date with every count, null where there is none, and what is made of them at once."""
    keys = ["account_id", "date"]
    table = months.group_by(keys).aggregate(
        **{
            name: months.level.max(where=months.event == place).cast("float32")
            for place, name in enumerate(EVENTS)
        }
    )
    friends = months.filter(
        months.event == EVENTS.index("newfriend"), months.date <= DATES[-1] - _MONTH * _DAY
    )
    unfriends = _windows(weeks.filter(weeks.event == EVENTS.index("unfriend")), backend, _QUARTER)
    before = friends.select("account_id", date=_later(friends.date, _MONTH), newfriend_before=friends.level)
    table = _joined(table, before.mutate(newfriend_before=before.newfriend_before.cast("float32")))
    table = _joined(table, unfriends.select(*keys, unfriends=unfriends.level))
    table = _joined(table, tenures)
    seen = table.like.coalesce(0) + table.dislike.coalesce(0)
    return table.mutate(
        total=ibis.ifelse(table.like.notnull() | table.dislike.notnull(), seen, None),
        scaled=table.unfriends.cast("float64") * (_MONTH / _QUARTER),
        tenure_scaled=ibis.ifelse(
            table.tenure >= 14, _MONTH / ibis.least(_QUARTER, table.tenure) * table.unfriends, None
        ).cast("float32"),
    )


def _joined(table: Any, other: Any) -> Any:
    keys = ["account_id", "date"]
    joined = table.outer_join(other, keys)
    told = {key: ibis.coalesce(joined[key], joined[f"{key}_right"]) for key in keys}
    return joined.mutate(**told).drop(*(f"{key}_right" for key in keys))


def _formula(table: Any, text: str) -> Any:
    """A quotient of the product's language; 0 where the first stands for nothing."""
    columns = {name: table[name] for name in table.columns}
    above, below = text.split(" / ")
    columns[above] = columns[above].coalesce(ibis.literal(0.0, "float32"))
    return formula.compiled(f"{above} / {below}", columns, _DAYS).cast("float32").cast("float64")


def _column(table: Any, metric: str, value: Any) -> Any:
    return table.select("account_id", "date", metric=ibis.literal(metric), value=value)


def _last(backend: Any) -> Any:
    """Days since an event of making friends, counting the date itself."""
    asked = backend.table("asked").select("asked").distinct()
    first = ibis.literal(DATES[0] - _DAY)
    dates = asked.select(date=_later(asked.asked, 1), number=asked.asked.delta(first, unit="day") + 1)
    events = backend.table("events")
    made = events.filter(events.name == "newfriend").select("account_id", at=_at(events.day)).distinct()
    rows = made.cross_join(dates.filter(dates.date >= LATER))
    rows = rows.filter(rows["at"] <= rows.number)
    found = rows.group_by(["account_id", "date"]).aggregate(value=(rows.number - rows["at"]).min())
    return found.mutate(metric=ibis.literal("days_since_newfriend"))

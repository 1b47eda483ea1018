"""Metrics as data become one pass a source: Ibis expressions that every engine can run."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis

from evergreen.base.conditions import written
from evergreen.events.warehouses import functions
from evergreen.metrics import conditions, formula, source_fields
from evergreen.metrics.formula import Day
from evergreen.metrics.rules import WINDOW_DAYS, Formula, Metric, Rows, Usage

if TYPE_CHECKING:
    import ibis.expr.types as ir

FLAGS = {"core": "is_core", "advanced": "is_advanced", "data": "adds_data"}
_KEYS = ["account_id", "tenant"]


@dataclass(frozen=True, slots=True)
class Window:
    """A snapshot's day with its calendar: bit i of a mask is the day i days before it.

    Of many days in one pass the day is a column ``asked`` of every table instead, and ``nights`` has a row for each.
    """

    day: Day | None
    working_mask: Any
    nights: Any = None

    @classmethod
    def of(cls, night: ir.Table) -> Window:
        """From the one-row table of a day: day, working_mask, working_total and the formulas' constants."""
        constants = {name: night[name].as_scalar() for name in formula.CONSTANTS}
        day = Day(night.day.as_scalar(), night.working_total.as_scalar(), constants)
        return cls(day, night.working_mask.as_scalar())

    @classmethod
    def of_many(cls, nights: ir.Table) -> Window:
        """From a table with a row a day: ``asked`` for day, else as of one."""
        return cls(None, None, nights)

    @property
    def keys(self) -> list[str]:
        """What tables are keyed by beside account and tenant."""
        return [] if self.day else ["asked"]

    def spread(self, rows: Any) -> Any:
        """Rows of the lake as each day may read them: of many days once for each."""
        return rows if self.day else rows.cross_join(self.nights.select("asked"))

    def on(self, rows: Any) -> Any:
        """The day whose figures a row is for."""
        return self.day.on if self.day else rows.asked

    def day_of(self, table: Any) -> Day:
        """What formulas know of the day of a table's rows (of many days the columns of ``nights`` stand in it)."""
        if self.day:
            return self.day
        return Day(table.asked, table.working_total, {name: table[name] for name in formula.CONSTANTS})

    def working(self, days: int, lag: int) -> Any:
        return self.working_mask & window_bits(days, lag)

    def within(self, rows: Any, column: str, days: int) -> Any:
        """Whether a date column lies in the window of ``days`` that ends with the day itself."""
        back = self.on(rows).delta(rows[column], unit="day")
        return back.between(0, days - 1)


def bit(back: Any) -> Any:
    """The bit of a day so many days back. Cast, for ClickHouse takes a bare 1 as one byte and shifts within that, and
    PostgreSQL shifts by an integer only."""
    return ibis.literal(1, "int8").cast("int64") << back.cast("int32")


def window_bits(days: int, lag: int) -> int:
    """The bits of a window."""
    return ((1 << days) - 1) << lag


def usage_window(usage: ir.Table, day: dt.date) -> ir.Table:
    """The rows of the daily roll-up (lake.usage) that a snapshot reads, with ``offset`` (days back)."""
    since = day - dt.timedelta(days=WINDOW_DAYS - 1)
    # A device whose clock is ahead may be a day early; its known day still lies close by, which prunes old files.
    known_since = since - dt.timedelta(days=2)
    rows: Any = usage.filter(usage.day.between(since, day), usage.known_on.between(known_since, day))
    return rows.mutate(offset=ibis.literal(day).delta(rows.day, unit="day").cast("int64"))


def people(window: ir.Table, flags: ir.Table, metrics: Iterable[Metric]) -> ir.Table:
    """One row an account, tenant and end user: its days as bits, in all (``mask``), on features with each flag, and where
    a metric's filter holds.

    ``flags`` has feature, is_core, is_advanced, adds_data.
    """
    rows: Any = flagged(window, flags)
    on_day = bit(rows.offset)
    # CASE, since an aggregate's FILTER takes twice the time.
    masks = {f"mask_{only}": ibis.ifelse(rows[flag], on_day, 0).bit_or() for only, flag in FLAGS.items()}
    for name, of in _slices(metrics, {"users", "user_days"}).items():
        masks[f"mask_{name}"] = ibis.ifelse(inside(rows, of), on_day, 0).bit_or()
    return rows.group_by([*_KEYS, "source", "end_user"]).aggregate(mask=on_day.bit_or(), **masks)


def features(window: ir.Table, flags: ir.Table, metrics: Sequence[Metric]) -> ir.Table:
    """One row an account, tenant and feature (null: events of none): its days as bits, its sums, the feature's flags.

    Sums are named by window (``events_28_0``) and, like the bits, by the metric's filter.
    """
    slices = _slices(metrics, {"days", "features"})
    rows: Any = flagged(window, flags) if _slices(metrics) else window
    on_day = bit(rows.offset)
    columns = {"mask": on_day.bit_or()}
    for name, of in slices.items():
        columns[f"mask_{name}"] = ibis.ifelse(inside(rows, of), on_day, 0).bit_or()
    for of in [metric.of for metric in metrics if isinstance(metric.of, Usage)]:
        if of.measure in {"events", "seconds"}:
            column = rows["count"] if of.measure == "events" else rows.seconds
            counted = rows.offset.between(of.lag, of.lag + of.days - 1)
            if of.filter is not None:
                counted = counted & inside(rows, of)
            columns[_sum_name(of)] = column.sum(where=counted).coalesce(0)
    return flagged(rows.group_by([*_KEYS, "feature"]).aggregate(**columns), flags)


def _slices(metrics: Iterable[Metric], measures: Collection[str] = ()) -> dict[str, Usage]:
    """The usage metrics of some measures (or any) that have a filter, one a filter."""
    found = [metric.of for metric in metrics if isinstance(metric.of, Usage) and metric.of.filter is not None]
    return {narrowing(of): of for of in found if not measures or of.measure in measures}


def narrowing(of: Usage) -> str:
    """The name of what a metric counts: features with its flag ('' : everything), and of these what its filter holds for."""
    if of.filter is None:
        return of.only
    digest = hashlib.blake2s(written(of.filter).encode(), digest_size=6).hexdigest()
    return f"{of.only or 'all'}_{digest}"


def inside(rows: Any, of: Usage) -> Any:
    """Whether a row of the roll-up, with its feature's flags, is one that the metric counts; None where it counts every one."""
    marked = rows[FLAGS[of.only]] if of.only else None
    if of.filter is None:
        return marked
    holds = conditions.compiled(of.filter, rows, source_fields.fields("usage"), None)
    return holds if marked is None else holds & marked


def flagged(rows: Any, flags: ir.Table) -> Any:
    """Rows with ``is_core``, ``is_advanced`` and ``adds_data`` of their feature, false where they have none."""
    joined = rows.left_join(flags, rows.feature == flags.feature).drop("feature_right")
    return joined.mutate(**{flag: joined[flag].coalesce(ibis.literal(False)) for flag in FLAGS.values()})


def usage_figures(
    people: ir.Table, features: ir.Table, metrics: Sequence[Metric], window: Window, *, by_tenant: bool
) -> ir.Table:
    """Every usage metric of each account (or tenant), from ``people`` and ``features``."""
    keys = _KEYS if by_tenant else ["account_id"]
    specs = {metric.key: metric.of for metric in metrics if isinstance(metric.of, Usage)}
    persons = {key: of for key, of in specs.items() if of.measure in {"users", "user_days"}}
    used = {key: of for key, of in specs.items() if of.measure == "features"}
    direct = {key: of for key, of in specs.items() if key not in persons and key not in used}
    found = features.group_by(keys).aggregate(
        **{key: _direct_figure(features, of, window) for key, of in direct.items()}
    )
    users = _users(people, keys)
    for part in (
        users.group_by(keys).aggregate(
            **{key: _user_figure(users, of, window) for key, of in persons.items()}
        ),
        features.group_by(keys).aggregate(
            **{key: _feature_figure(features, of, window) for key, of in used.items()}
        ),
    ):
        found = found.left_join(part, keys).drop(*(f"{key}_right" for key in keys))
    # An account seen only in its events without people, or without features, has none of them: a count of 0.
    return found.mutate(**{key: found[key].coalesce(0) for key in (*persons, *used)})


def row_figures(table: ir.Table, metrics: Sequence[Metric], window: Window, *, by_tenant: bool) -> ir.Table:
    """Every metric over one source of record rows, in one aggregation."""
    keys = [*(_KEYS if by_tenant else ["account_id"]), *window.keys]
    return table.group_by(keys).aggregate(
        **{metric.key: _row_figure(table, metric.of, window) for metric in metrics}
    )


def with_formulas(table: ir.Table, metrics: Sequence[Metric], calendar: ir.Table, window: Window) -> ir.Table:
    """Add the formulas' columns, each as soon as its inputs stand."""
    waiting = [metric for metric in metrics if isinstance(metric.of, Formula)]
    table = _working_totals(table, waiting, calendar, window)
    while waiting:
        ready = [metric for metric in waiting if formula.inputs(metric.formula_text()) <= set(table.columns)]
        if not ready:
            keys = ", ".join(metric.key for metric in waiting)
            raise formula.FormulaError(
                f"These metrics use unknown metrics or each other in a circle: {keys}."
            )
        columns: Mapping[str, Any] = {name: table[name] for name in table.columns}
        day = window.day_of(table)
        made = {m.key: formula.compiled(m.formula_text(), columns, day).cast(ibis_type(m)) for m in ready}
        table = table.mutate(**made)
        waiting = [metric for metric in waiting if metric not in ready]
    return table


def typed(value: Any, metric: Metric, *, has_rows: Any) -> Any:
    """A source's value in the metric's type; a count is 0, not missing, once its source has any row (``has_rows``: whether,
    or a column that says so).
    """
    if has_rows is False:
        return ibis.null(ibis_type(metric))
    if metric.is_count:
        value = value.coalesce(0)
    if isinstance(metric.of, Rows) and metric.of.empty is not None:
        value = value.coalesce(metric.of.empty)
    if isinstance(metric.of, Usage) and metric.of.measure == "seconds":
        value = value / 3600.0
    value = value.cast(ibis_type(metric))
    return value if has_rows is True else ibis.ifelse(has_rows, value, ibis.null(ibis_type(metric)))


def by_source(metrics: Iterable[Metric]) -> dict[str, list[Metric]]:
    """Row metrics by their source."""
    found: dict[str, list[Metric]] = defaultdict(list)
    for metric in metrics:
        if isinstance(metric.of, Rows):
            found[metric.of.source].append(metric)
    return found


def ibis_type(metric: Metric) -> str:
    """The metric's type as Ibis names it."""
    return {"DATE": "date", "BIGINT": "int64", "DOUBLE": "float64"}[metric.column_type]


def _sum_name(of: Usage) -> str:
    window = f"{of.measure}_{of.days}_{of.lag}"
    return window if of.filter is None else f"{window}_{narrowing(of)}"


def _mask_name(of: Usage) -> str:
    return f"mask_{narrowing(of)}" if narrowing(of) else "mask"


def _users(people: Any, keys: list[str]) -> Any:
    """One row an end user of each account, whatever tenants it was seen in (for accounts), and only real ones."""
    rows = people.filter(people.end_user.notnull())
    masks = {name: rows[name].bit_or() for name in people.columns if name.startswith("mask")}
    return rows.group_by([*keys, "source", "end_user"]).aggregate(**masks)


def _user_figure(users: Any, of: Usage, window: Window) -> Any:
    mask = users[_mask_name(of)]
    working = window.working(of.days, of.lag)
    if of.measure == "user_days":
        return functions.bit_count(mask & working).sum()
    if of.per_week:
        return is_regular(functions.bit_count(mask & working), of, functions.bit_count(working)).sum()
    return ((mask & window_bits(of.days, of.lag)) != 0).sum()


def is_regular(on_working_days: Any, of: Usage, working_days: Any) -> Any:
    """Whether use on so many of a window's working days is often enough; nobody is regular where it has none."""
    return (on_working_days > 0) & (on_working_days * 5 >= of.per_week * working_days)


def _direct_figure(features: Any, of: Usage, window: Window) -> Any:
    # What has a filter of its own was narrowed row by row.
    where = features[FLAGS[of.only]] if of.only and of.filter is None else None
    if of.measure in {"events", "seconds"}:
        return features[_sum_name(of)].sum(where=where).coalesce(0)
    mask = features["mask" if of.filter is None else _mask_name(of)]
    return functions.bit_count(mask.bit_or(where=where).coalesce(0) & window_bits(of.days, of.lag))


def _feature_figure(features: Any, of: Usage, window: Window) -> Any:
    mask = features["mask" if of.filter is None else _mask_name(of)]
    inside = (mask & window_bits(of.days, of.lag)) != 0
    # Distinct, because an account's feature has a row in each of its tenants.
    return features.feature.nunique(where=inside & features[FLAGS[of.only]] if of.only else inside)


def _row_figure(table: Any, of: Any, window: Window) -> Any:
    where: Any = None
    for name in of.where:
        where = table[name] if where is None else where & table[name]
    if of.days:
        inside = window.within(table, of.on, of.days)
        where = inside if where is None else where & inside
    if of.filter is not None:
        holds = conditions.compiled(of.filter, table, source_fields.fields(of.source), window.on(table))
        where = holds if where is None else where & holds
    if of.op == "count":
        return table.count(where=where)
    return getattr(table[of.column], of.op)(where=where)


def _working_totals(table: Any, formulas: Sequence[Metric], calendar: Any, window: Window) -> Any:
    """Join the running total of working days to each date that a formula counts working days from; none to a day to come."""
    for name in sorted(set().union(*(formula.working_inputs(metric.formula_text()) for metric in formulas))):
        column = formula.WORKING_PREFIX + name
        table = table.mutate(**{column: table[name]})
        told = calendar.select(calendar_day=calendar.day, calendar_total=calendar.working_total)
        table = table.left_join(told, table[column] == told.calendar_day)
        total = ibis.ifelse(table[column] <= window.on(table), table.calendar_total, ibis.null("int64"))
        table = table.mutate(**{column: total}).drop("calendar_day", "calendar_total")
    return table

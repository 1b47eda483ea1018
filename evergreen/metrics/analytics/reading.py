"""What every answer needs: the connection, the range that has figures, the names of events in it, how many rows will be read."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from evergreen.events import store
from evergreen.events.features import Matchers
from evergreen.events.retention import retired_through
from evergreen.events.sessions import MOMENT_KINDS, moments
from evergreen.events.warehouses import vocabulary
from evergreen.events.warehouses.backends import Backend, DuckDB
from evergreen.events.warehouses.contract import EventStore
from evergreen.events.warehouses.named import event_store
from evergreen.metrics import queries
from evergreen.metrics.analytics import tables
from evergreen.metrics.analytics.naming import Book
from evergreen.metrics.analytics.population import Population
from evergreen.metrics.analytics.questions import Question, What

if TYPE_CHECKING:
    import duckdb

# Moments that a page reads at once; of more it takes a sample of end users, and a job counts them all.
AT_ONCE_MOMENTS = 4_000_000
# Rows of the daily roll-up, which are counted and not put in order.
AT_ONCE_ROWS = 20_000_000
_BEAT_SECONDS = 0.5
DIRECT: frozenset[str] = frozenset({"funnel", "paths"})


def newest_day(con: duckdb.DuckDBPyConnection, before: dt.date) -> dt.date | None:
    """The last day before ``before`` that has figures: of the newest night, else of the newest roll-up; None before both."""
    rolled = store.scalar(con, "SELECT max(known_on) FROM lake.rolled WHERE known_on < ?", before)
    days = [day for day in (rolled, queries.newest_day()) if day is not None and day < before]
    return max(days, default=None)


@dataclass(frozen=True, slots=True)
class Named:
    """An event in the range: its name, its feature, the sum of its uses, the rows of the roll-up."""

    event: str
    feature: str | None
    is_moment: bool
    uses: int
    rows: int


@dataclass
class Reading:
    """One question being answered. ``one_in``: of how many end users (or accounts) one is looked at. ``watch`` is told twice a
    second how many per cent of the query under way are done, and stops it by raising.
    """

    con: duckdb.DuckDBPyConnection
    question: Question
    population: Population
    newest: dt.date
    one_in: int = 1
    watch: Callable[[float], None] | None = None

    def __post_init__(self) -> None:
        # A cursor does not have what its connection was given.
        self.con.execute(vocabulary.OF_DUCKDB)
        self.since, last = self.question.range(self.newest)
        # Days that no night has rolled up yet have no figures.
        self.until = min(last, self.newest)
        self.given: dict[str, pa.Table] = {}
        for name, table in self.population.tables().items():
            self.give(name, table)

    def give(self, name: str, table: pa.Table) -> None:
        """Make a small table of the records readable by queries, wherever they run."""
        self.given[name] = table
        self.con.register(name, table)

    @cached_property
    def counting(self) -> Backend:
        """The engine that holds the single events."""
        return self.raw.backend(self.con)

    @cached_property
    def raw(self) -> EventStore:
        return event_store()

    def home(self, name: str, expression: Any) -> Any:
        """What an expression over single events (``moments``) comes to, as something that stands beside the lake's tables."""
        counting = self.counting
        if isinstance(counting, DuckDB):
            return expression
        for given, table in self.given.items():
            counting.put(given, table)
        try:
            found = self._waited(lambda: counting.fetch(expression))
        finally:
            counting.forget(*self.given)
        self.con.register(name, found)
        return ibis.table(expression.schema(), name=name)

    def rows(self, expression: Any) -> list[dict[str, Any]]:
        """What an expression finds, a dict a row."""
        sql = tables.compiled(expression)
        table = self._waited(lambda: self.con.execute(sql).to_arrow_table())
        # Sums of whole numbers come with 128 bits.
        wide = {field.name for field in table.schema if pa.types.is_decimal(field.type)}
        for at, name in enumerate(table.column_names):
            if name in wide:
                table = table.set_column(at, name, table[name].cast(pa.int64()))
        found: list[dict[str, Any]] = table.to_pylist()
        return found

    def _waited(self, work: Callable[[], pa.Table]) -> pa.Table:
        if self.watch is None:
            return work()
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(work)
            try:
                while wait([waiting], _BEAT_SECONDS).not_done:
                    self.watch(self.con.query_progress())
            except BaseException:
                self.con.interrupt()
                raise
            return waiting.result()

    @cached_property
    def names(self) -> list[Named]:
        """The events of the population in the range, the most used first."""
        used: Any = self.population.within(tables.on_days(tables.USAGE, self.since, self.until))
        used = used.mutate(is_moment=used.kind.isin(MOMENT_KINDS))
        counted = used.group_by(["event", "feature", "is_moment"]).aggregate(
            uses=used["count"].sum().cast("int64"), rows=used.count()
        )
        found = [Named(**row) for row in self.rows(counted)]
        return sorted(found, key=lambda one: (-one.uses, one.event, one.feature or ""))

    @cached_property
    def matchers(self) -> Matchers:
        return Matchers.load()

    @cached_property
    def book(self) -> Book:
        return Book.of({one.event for one in self.names if one.is_moment}, self.matchers)

    @property
    def features(self) -> list[str]:
        """Features in use, the most used first."""
        uses: dict[str, int] = defaultdict(int)
        for one in self.names:
            if one.feature and (one.is_moment or self.question.kind not in DIRECT):
                uses[one.feature] += one.uses
        return sorted(uses, key=lambda key: (-uses[key], key))

    @property
    def events(self) -> list[str]:
        """Names of moments, the most used first."""
        uses: dict[str, int] = defaultdict(int)
        for one in self.names:
            if one.is_moment:
                uses[one.event] += one.uses
        return sorted(uses, key=lambda name: (-uses[name], name))

    @property
    def expected(self) -> int:
        """About how many rows the answer has to put in order (funnel, paths) or to count (the others)."""
        if self.question.kind not in DIRECT:
            return sum(one.rows for one in self.names)
        whats = self.question.what if self.question.kind == "funnel" else ()
        return sum(
            one.uses
            for one in self.names
            if one.is_moment and (not whats or any(_is(one, what) for what in whats))
        )

    @property
    def at_once(self) -> int:
        return AT_ONCE_MOMENTS if self.question.kind in DIRECT else AT_ONCE_ROWS

    @property
    def fitting_sample(self) -> int:
        """One in how many subjects can be looked at while somebody waits."""
        return max(1, -(-self.expected // self.at_once))

    def used(self, what: What, since: dt.date, until: dt.date) -> Any:
        """Rows of the roll-up with a use of what is asked, of the population."""
        rows: Any = tables.on_days(tables.USAGE, since, until)
        if what.kind == "feature":
            rows = rows.filter(rows.feature == what.key)
        elif what.kind == "event":
            rows = rows.filter(rows.event == what.key)
        return self.population.within(rows)

    def moments(self, since: dt.date, until: dt.date, unit: str = "users") -> Any:
        """Moments of the population, where single events lie, with ``subject``, of the sample; see ``home``."""
        known = self.raw.events(self.counting, retired_through(self.con))
        events: Any = tables.on_days(known, since, until)
        rows: Any = moments(events)
        if unit == "accounts":
            rows = events.filter(
                events.account_id.notnull(), events.kind.isin(MOMENT_KINDS), events["count"] > 0
            )
        return tables.sampled(tables.with_subject(self.population.within(rows), unit), self.one_in)


def _is(named: Named, what: What) -> bool:
    return what.kind == "any" or what.key == (named.event if what.kind == "event" else named.feature)

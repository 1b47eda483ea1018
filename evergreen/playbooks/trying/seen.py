"""What runs of the past would have seen: figures of the newest night told by then, events that had happened, alerts closed by then."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from evergreen.alerts.models import Alert
from evergreen.alerts.trying.past import values_over
from evergreen.base import clock
from evergreen.base.conditions import Fields
from evergreen.events import queries as events
from evergreen.playbooks import rules
from evergreen.playbooks.trying.occasions import Span

if TYPE_CHECKING:
    import duckdb


class Seen:
    """Read once for the accounts that had an occasion."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        of: rules.Definition,
        asked: Collection[str],
        accounts: Collection[int],
        alerts: Collection[str],
        span: Span,
        fields: Fields,
    ) -> None:
        self._span, self._asked, self._alerts = span, sorted(asked), alerts
        self._waits = {step.event for step in of.steps if isinstance(step, rules.Until) and step.event}
        self._rows: dict[int, tuple[int, int]] = {}
        self._days: list[dt.date] = []
        self._columns: dict[str, list[Any]] = {}
        self._read_values(con, accounts, fields)

    def _read_values(self, con: duckdb.DuckDBPyConnection, accounts: Collection[int], fields: Fields) -> None:
        table = values_over(con, self._span.first, self._span.last, self._asked, fields)
        wanted = pa.array(sorted(accounts), pa.int64())
        table = table.filter(pc.is_in(table["account_id"], wanted))
        owners = table["account_id"].to_pylist()
        self._days = table["day"].to_pylist()
        self._columns = {name: table[name].to_pylist() for name in self._asked}
        start = 0
        for n in range(1, len(owners) + 1):
            if n == len(owners) or owners[n] != owners[start]:
                self._rows[owners[start]] = (start, n)
                start = n

    def values(self, account: int, at: dt.datetime) -> Mapping[str, Any]:
        """The fields asked for as the newest night told them that was over by then; none before the first."""
        low, high = self._rows.get(account, (0, 0))
        today = clock.local_day(at, self._span.zone)
        n = bisect_left(self._days, today, low, high) - 1
        return {name: column[n] for name, column in self._columns.items()} if n >= low else {}

    def next_morning(self, account: int, after: dt.datetime) -> dt.datetime | None:
        """When the next night of an account was over: runs that wait for a condition are looked at then."""
        low, high = self._rows.get(account, (0, 0))
        yesterday = clock.local_day(after, self._span.zone) - dt.timedelta(days=1)
        for day in self._days[bisect_left(self._days, yesterday, low, high) : high][:2]:
            if (moment := self._span.told(day)) > after:
                return moment
        return None

    @cached_property
    def _heard(self) -> Mapping[int, Mapping[str, list[dt.datetime]]]:
        found: dict[int, dict[str, list[dt.datetime]]] = defaultdict(lambda: defaultdict(list))
        asked = {rules.FORM if name.startswith(f"{rules.FORM}:") else name for name in self._waits}
        for account, name, _message, at, said in events.happened(
            sorted(asked), self._span.begins, self._span.ends
        ):
            for told in self._waits.intersection(rules.heard_as(name, said)):
                found[account][told].append(at)
        return found

    def heard(self, account: int, at: dt.datetime) -> dict[str, list[dt.datetime]]:
        """The events that runs wait for, by name, which had happened by then."""
        if not self._waits or account not in self._heard:
            return {}
        return {name: times[: bisect_right(times, at)] for name, times in self._heard[account].items()}

    def next_event(self, account: int, after: dt.datetime) -> dt.datetime | None:
        """When the next event happened that a run may wait for."""
        if not self._waits or account not in self._heard:
            return None
        later = (
            times[n]
            for times in self._heard[account].values()
            if (n := bisect_right(times, after)) < len(times)
        )
        return min(later, default=None)

    @cached_property
    def _closed(self) -> dict[str, dt.datetime]:
        rows = Alert.objects.filter(pk__in=list(self._alerts), closed_at__isnull=False)
        return {str(pk): at for pk, at in rows.values_list("pk", "closed_at") if at is not None}

    def closed_at(self, alert: str) -> dt.datetime | None:
        return self._closed.get(alert) if alert else None

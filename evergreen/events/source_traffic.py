"""One source's traffic: what became of its events by minute and day, how far the lake is behind, what its events hold."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import duckdb

from evergreen.base import env
from evergreen.events import arrivals, journal, store
from evergreen.events.looking import of_events, of_lake

# Newest events of each name that are looked into for their properties.
SAMPLE = 200
_EXAMPLES = 3
_EXAMPLE_LENGTH = 60
_TYPES = {
    bool: "boolean",
    int: "number",
    float: "number",
    str: "text",
    list: "list",
    dict: "object",
    type(None): "empty",
}


class Sums(NamedTuple):
    """received = stored + duplicates + rejected; ``conflicts`` are duplicates that say something else."""

    stored: int = 0
    duplicates: int = 0
    conflicts: int = 0
    rejected: int = 0

    @property
    def received(self) -> int:
        return self.stored + self.duplicates + self.rejected


class Lag(NamedTuple):
    """What was acknowledged and is not in the lake yet: bytes, and seconds since the oldest of it was written."""

    waiting_bytes: int
    seconds: float


class Reason(NamedTuple):
    """Why events were rejected, and how many."""

    reason: str
    events: int


@dataclass(slots=True)
class SeenProperty:
    """A property in the sample: how many events have it, its types, some values as text."""

    name: str
    events: int = 0
    types: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class SeenEvent:
    """An event of a source: how often since a day, when first and last, and the properties of its newest ones."""

    name: str
    kind: str
    events: int
    first_at: dt.datetime
    newest_at: dt.datetime
    sampled: int = 0
    properties: dict[str, SeenProperty] = field(default_factory=dict)

    @property
    def told(self) -> list[SeenProperty]:
        """The properties, the most frequent first."""
        return sorted(self.properties.values(), key=lambda one: (-one.events, one.name))


def sums(source: str, since: dt.datetime) -> Sums:
    """What became of a source's events that were moved since an instant."""
    rows = of_lake(
        "SELECT sum(stored)::BIGINT, sum(duplicates)::BIGINT, sum(conflicts)::BIGINT, sum(rejected)::BIGINT"
        " FROM lake.intake WHERE source = ? AND moved_at >= ?",
        source,
        _naive(since),
    )
    return Sums(*(int(value or 0) for value in rows[0])) if rows else Sums()


def by_minute(source: str, now: dt.datetime, minutes: int = 60) -> list[Sums]:
    """What became of a source's events in each of the last ``minutes``, oldest first, the current one last."""
    return _by(source, "minute", now.replace(second=0, microsecond=0), dt.timedelta(minutes=1), minutes)


def by_hour(source: str, now: dt.datetime, hours: int = 48) -> list[Sums]:
    """What became of a source's events in each of the last ``hours``, oldest first."""
    return _by(source, "hour", now.replace(minute=0, second=0, microsecond=0), dt.timedelta(hours=1), hours)


def _by(source: str, unit: str, last: dt.datetime, step: dt.timedelta, count: int) -> list[Sums]:
    first = _naive(last) - step * (count - 1)
    rows = of_lake(
        f"SELECT date_trunc('{unit}', moved_at) AS moment, sum(stored)::BIGINT, sum(duplicates)::BIGINT,"
        " sum(conflicts)::BIGINT, sum(rejected)::BIGINT FROM lake.intake WHERE source = ? AND moved_at >= ? GROUP BY moment",
        source,
        first,
    )
    found = {at: Sums(*map(int, counts)) for at, *counts in rows}
    return [found.get(first + step * n, Sums()) for n in range(count)]


def newest_at(source: str) -> dt.datetime | None:
    """When the newest stored event of a source was received."""
    rows = of_lake("SELECT max(moved_at) FROM lake.intake WHERE source = ? AND stored > 0", source)
    return rows[0][0].replace(tzinfo=dt.UTC) if rows and rows[0][0] else None


def lag(home: env.Home | None = None) -> Lag:
    """How far the lake is behind the journal, all sources together."""
    home = home or env.home()
    waiting, oldest = 0, time.time()
    for path in journal.segments(home):
        try:
            stat = path.stat()
            behind = stat.st_size - arrivals.held(store.reading(home), path.name)
        except (OSError, store.LakeError, duckdb.Error):
            continue
        if behind > 0:
            waiting += behind
            oldest = min(oldest, stat.st_mtime)
    return Lag(waiting, time.time() - oldest if waiting else 0.0)


def reasons(source: str, limit: int = 20) -> list[Reason]:
    """Why events of a source were rejected, the most frequent first."""
    rows = of_lake(
        "SELECT reason, count(*) AS n FROM lake.rejected_events WHERE source = ? GROUP BY reason ORDER BY n DESC, reason LIMIT ?",
        source,
        limit,
    )
    return [Reason(*row) for row in rows]


def seen(source: str, since: dt.date, limit: int = 100) -> list[SeenEvent]:
    """The events of a source that became known since a day, the most frequent first, with what their newest hold."""
    rows = of_events(
        "SELECT name, any_value(kind), count(*) AS n, min(received_at), max(received_at) FROM lake.events"
        " WHERE source = ? AND known_on >= ? GROUP BY name ORDER BY n DESC, name LIMIT ?",
        source,
        since,
        limit,
    )
    found = {
        name: SeenEvent(name, kind, count, first.replace(tzinfo=dt.UTC), last.replace(tzinfo=dt.UTC))
        for name, kind, count, first, last in rows
    }
    sampled = of_events(
        "SELECT name, properties FROM lake.events WHERE source = ? AND known_on >= ?"
        " QUALIFY row_number() OVER (PARTITION BY name ORDER BY received_at DESC) <= ?",
        source,
        since,
        SAMPLE,
    )
    for name, properties in sampled:
        if name in found:
            _look_into(found[name], properties)
    return list(found.values())


def _look_into(event: SeenEvent, properties: str | None) -> None:
    event.sampled += 1
    told = json.loads(properties) if properties else {}
    for name, value in told.items():
        known = event.properties.setdefault(name, SeenProperty(name))
        known.events += 1
        type_ = _TYPES.get(type(value), "text")
        known.types[type_] = known.types.get(type_, 0) + 1
        example = _example(value)
        if example and example not in known.examples and len(known.examples) < _EXAMPLES:
            known.examples.append(example)


def _example(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _EXAMPLE_LENGTH else f"{text[: _EXAMPLE_LENGTH - 1]}…"


def together(found: Iterable[Sums]) -> Sums:
    """The sum of sums."""
    columns: Sequence[tuple[int, ...]] = list(zip(*found, strict=True))
    return Sums(*map(sum, columns)) if columns else Sums()


def _naive(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(tzinfo=None)

"""The first rows of a list, as they came last: what a mapping is made from.

Every reading leaves some; before the first one they are fetched when a person asks. They are personal data like any row:
nobody else on the machine reads the file, and it goes with its connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from evergreen.base import clock, env, files, queries
from evergreen.events.connections import feeding
from evergreen.events.connections.models import Connection
from evergreen.events.connections.spool import Spool
from evergreen.events.imports.context import RejectedError
from evergreen.events.imports.formats import Formats
from evergreen.events.imports.mapping import read_mapping
from evergreen.events.imports.reading import Reading
from evergreen.events.imports.records import RECORDS
from evergreen.events.sources.adapter import Adapter, Asked, Stream
from evergreen.events.sources.files import open_table
from evergreen.events.sources.wire import Wire

ROWS = 20


@dataclass(frozen=True, slots=True)
class Arrival:
    """A row as it would arrive: values by field, or why it would be rejected."""

    values: Mapping[str, Any]
    refused: str = ""


def path_of(connection: int, stream: str) -> Path:
    return env.home().files / "samples" / f"connection-{connection}-{files.stem(stream)}.jsonl"


def keep(connection: int, stream: str, spool: Spool) -> None:
    """Keep the first rows of what was just settled; nothing where nothing came."""
    with spool.settled.open("rb") as file:
        lines = list(islice(file, ROWS))
    if not lines:
        return
    path = path_of(connection, stream)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.replace(path, b"".join(lines))


def fetch(connection: Connection, adapter: Adapter, wire: Wire, stream: Stream) -> int:
    """Read the first rows now, with every field that the source names; how many came. Raises SourceError."""
    feed = feeding.feed_of(adapter, stream, (connection.feeds.get(stream.name) or {}).get("mapping"), "")
    spool = Spool(feeding.spools(env.home()), 0, f"sample-{connection.pk}-{stream.name}")
    try:
        columns = tuple(dict.fromkeys([*feed.columns, *adapter.fields(stream, wire)]))
        spool.restart()
        asked = Asked(clock.utc_now(), columns=columns)
        feeding.pull(adapter, feed, wire, spool, {}, asked, tell=lambda _stream, _rows: None, most=ROWS)
        spool.settle(stream.key, stream.order, feed.columns)
        keep(connection.pk, stream.name, spool)
        return spool.lives
    finally:
        spool.remove()


def arriving(path: Path, record: str, definition: Mapping[str, Any], most: int = 10) -> list[Arrival]:
    """The first rows by a mapping, read as an import reads them; what they refer to is not looked up. MappingError."""
    mapping = read_mapping(definition, record)
    reader = open_table(path)
    try:
        formats = Formats(
            zone=clock.zone(mapping.timezone or queries.setting("timezone")),
            dates=mapping.dates,
            decimal=mapping.decimal,
            true_words=frozenset(mapping.true_words),
            false_words=frozenset(mapping.false_words),
            empty_words=frozenset(mapping.empty_words),
        )
        reading = Reading(mapping, RECORDS[record], reader.shape, formats)
        found = []
        for row in islice(reader.rows(), most):
            try:
                found.append(Arrival(reading.values(row.cells, row.number)))
            except RejectedError as error:
                found.append(
                    Arrival({}, f"{error.rejection.column}: {error.rejection.reason} {error.rejection.found}")
                )
        return found
    finally:
        reader.close()


def files_of_all() -> Iterable[Path]:
    """The files of every connection."""
    return path_of(0, "").parent.glob("connection-*.jsonl")


def forget(connection: int) -> None:
    """Delete the samples of a connection."""
    for path in path_of(connection, "").parent.glob(f"connection-{connection}-*"):
        path.unlink(missing_ok=True)

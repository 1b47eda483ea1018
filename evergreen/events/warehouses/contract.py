"""What a store of single events must offer (decision 0023).

The home's lake is the book: batches with their numbers, rejected events, arrivals by known day, the roll-up, snapshots
and scores stand there, and its commit decides. The store holds what is many: events and their message keys. A batch is
handed over under a number and a mark before the book commits, and counts once the book names them; so a kill at any
moment leaves either all of a batch or nothing that anybody sees.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import duckdb
    import ibis.expr.types as ir
    import pyarrow as pa

    from evergreen.events.message_keys import Found, Keys
    from evergreen.events.warehouses.backends import Backend


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose rows go: an account (with the keys that name it), or people: (source, end user) and what names a contact.

    ``elsewhere`` names it in the systems that connections read.
    """

    account: int | None
    keys: tuple[str, ...]
    people: tuple[tuple[str, str], ...]
    contacts: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()


class EventStore(Protocol):
    """Single events and their message keys. ``con`` is a writer's connection to the book, inside its transaction where
    something is written; whoever writes holds ``arrivals.appending``."""

    name: str

    def known(self, con: duckdb.DuckDBPyConnection, keys: Keys) -> Found:
        """Which message keys are held, with the body that stood first."""
        ...

    def add(self, con: duckdb.DuckDBPyConnection, keys: Keys, events: pa.Table) -> tuple[int, str]:
        """Hand over new events (all columns of ``lake.events``) with their keys; returns the number and mark that the
        caller must write into ``lake.batches`` in the same transaction."""
        ...

    def publish(self) -> None:
        """Make what the book has committed be seen; safe to repeat."""
        ...

    def backend(self, con: duckdb.DuckDBPyConnection) -> Backend:
        """The engine that reckons over the events."""
        ...

    def events(
        self, backend: Backend, retired: Mapping[dt.date, int], days: Collection[dt.date] | None = None
    ) -> ir.Table:
        """The events that count, known on some days or all: of a retired day (``retention.retired_through``) only what
        arrived since."""
        ...

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The answer to a query over ``lake.events`` in the lake's SQL, with ``?`` for values."""
        ...

    def days_held(self, con: duckdb.DuckDBPyConnection, before: dt.date) -> dict[dt.date, int]:
        """Known days before a day that hold events, with how many."""
        ...

    def retire(self, con: duckdb.DuckDBPyConnection, days: Collection[dt.date]) -> int | None:
        """Let the events of known days go, in the book's transaction; returns the number of the newest batch that goes
        with them (None: they left with the transaction itself)."""
        ...

    def erase(self, whose: Whose) -> int:
        """Take rows that lie outside the book out for good; returns how many. ``erasure`` takes out the book's own."""
        ...

    def match(self, con: duckdb.DuckDBPyConnection, matches: pa.Table) -> dict[dt.date, int]:
        """Give events to the accounts that matches (``matching``) name; how many of which known days."""
        ...

    def merge(self, con: duckdb.DuckDBPyConnection, pairs: pa.Table) -> int:
        """Give the events of merged accounts (merged_id, into_id) to those that stay, and write in
        ``lake.merged_events`` which; returns how many."""
        ...

    def unmerge(self, con: duckdb.DuckDBPyConnection, merged_id: int, into_id: int) -> dict[dt.date, int]:
        """Give a merged account its events that ``lake.merged_events`` names back; how many of which known days."""
        ...

    def tidy(self, con: duckdb.DuckDBPyConnection) -> int:
        """Remove what no reader may see: rows of batches that were never committed, events of retired days."""
        ...

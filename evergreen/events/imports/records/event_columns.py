"""The plain events of a chunk in columns: those with nothing to warn of and nothing to look up row by row."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.events import arrivals
from evergreen.events.imports import references
from evergreen.events.imports.columns import Codes, Columns, Different, Mask, together
from evergreen.events.imports.context import Item

# With its account these tell a row of counted use from others.
SAID = ("event", "feature", "from", "to")
_BETWEEN = "\x1f"


@dataclass(frozen=True, slots=True)
class Place:
    """Whose event it is: ``named`` is what the row calls it, ``line`` the contract line it came through."""

    account_id: int
    tenant: str
    named: str | None
    line: references.LineRef | None = None
    contact: references.ContactRef | None = None


class PlainEvents:
    """Says which rows of a chunk are plain (``fits``) and gives them as a table."""

    def __init__(self, columns: Columns, mapped: Mapping[str, Any]) -> None:
        self._columns, self._mapped = columns, mapped
        self.fits: Mask = columns.fits
        counts = self.field("count")
        self.fits &= np.array([count != 0 for count in counts.values], np.bool_)[counts.codes]
        self._places = Different([], np.zeros(columns.size, np.int64))
        self._times = self._places
        self._rows: Codes = np.zeros(0, np.int64)

    def field(self, name: str) -> Different:
        """The values of a field, None where it is not mapped."""
        return self._columns.field(name)

    def take_places(self, names: Sequence[str], find: Callable[[list[Item]], list[Place | None]]) -> None:
        """``find`` is asked once for each different way to name an account; None: not plain."""
        places, codes = self.together_of(names, find)
        self._places = Different(places, codes)
        self.fits &= np.array([place is not None for place in places], np.bool_)[codes]

    def together_of(
        self, names: Sequence[str], find: Callable[[list[Item]], list[Any]]
    ) -> tuple[list[Any], Codes]:
        """What ``find`` says of each different combination of these fields, and which one each row has."""
        fields = {name: self.field(name) for name in names}
        codes, rows = together([field.codes for field in fields.values()], self._columns.size)
        told = zip(*(field.of_rows(rows) for field in fields.values()), strict=True)
        return find([Item(0, (), dict(zip(fields, row, strict=True))) for row in told]), codes

    def take_times(self, now: dt.datetime, known: Callable[[str, dt.datetime], dt.datetime]) -> None:
        """Each moment with the one at which it was known; those still to come are not plain."""
        kinds, moments = self.field("kind"), self.field("time")
        codes, rows = together([kinds.codes, moments.codes], self._columns.size)
        both = zip(kinds.of_rows(rows), moments.of_rows(rows), strict=True)
        times = [
            (moment, known(kind or "track", moment)) if moment is not None and moment <= now else None
            for kind, moment in both
        ]
        self._times = Different(times, codes)
        self.fits &= np.array([time is not None for time in times], np.bool_)[codes]

    def ids(self) -> pa.Array | None:
        """The message ids of the rows that fit; None where the file has no ids. A row without one does not fit, nor
        does one that has its id with another that does not: of equal ids the first row of the file stands.
        """
        field = self.field("id")
        if "id" in self._mapped:
            self.fits &= np.array([one is not None for one in field.values], np.bool_)[field.codes]
            numbers = {one: number for number, one in enumerate(field.values)}
            ids = np.array([numbers[one] for one in field.values], np.int64)[field.codes]
            self.fits &= ~np.isin(ids, ids[~self.fits])
        self._rows = np.flatnonzero(self.fits).astype(np.int64)
        return self._of_rows(field, pa.string()) if "id" in self._mapped else None

    def said(self, columns: Sequence[str], named_by: Sequence[str]) -> pa.Array:
        """What tells each row that fits from others: the digest of all that it says."""
        texts = [one.of_rows(self._rows) for one in self._columns.said(columns)]
        said = [digest([text for text in row if text]) for row in zip(*texts, strict=True)]
        return pa.array(said, pa.string())

    def table(self, features: Different, ids: pa.Array) -> pa.Table:
        """The rows that fit, as columns of ``arrivals.EVENT_SCHEMA``."""
        whose = self._places
        found = {
            "account_id": _each(whose, lambda place: place.account_id),
            "tenant": _each(whose, lambda place: place.tenant),
            "account_key": _each(whose, lambda place: place.named),
            "seconds": _each(self.field("seconds"), float),
            "feature": features,
            **self._own(),
        }
        types = arrivals.EVENT_SCHEMA
        columns = {name: self._of_rows(values, types.field(name).type) for name, values in found.items()}
        return pa.table({**columns, "message_id": ids})

    def _own(self) -> dict[str, Different]:
        """The columns that this kind of row fills in its own way."""
        kinds, counts, when = self.field("kind"), self.field("count"), self._times
        return {
            "kind": Different([kind or "track" for kind in kinds.values], kinds.codes),
            "name": self.field("name"),
            "end_user": _each(self.field("end_user"), lambda user: user or None),
            "occurred_at": _each(when, lambda times: times[0].replace(tzinfo=None)),
            "known_at": _each(when, lambda times: times[1].replace(tzinfo=None)),
            "count": Different([1 if count is None else count for count in counts.values], counts.codes),
        }

    def _of_rows(self, of: Different, kind: pa.DataType) -> pa.Array:
        """The values of the rows that fit."""
        return pa.array(of.values, kind).take(pa.array(of.codes[self._rows]))


class PlainUsage(PlainEvents):
    """Rows of counted use; they have spans of days instead of times."""

    def take_spans(self, names: Sequence[str], read: Callable[[list[Item]], list[Any]]) -> None:
        """``read`` is asked once for each different span; None: not plain."""
        spans, codes = self.together_of(names, read)
        self._times = Different(spans, codes)
        self.fits &= np.array([span is not None for span in spans], np.bool_)[codes]

    def said(self, columns: Sequence[str], named_by: Sequence[str]) -> pa.Array:
        fields = [self.field(name) for name in (*named_by, *SAID)]
        parts = [self._of_rows(_each(field, str), pa.string()).fill_null("") for field in fields]
        return spelled(pc.binary_join_element_wise(*parts, _BETWEEN))

    def _own(self) -> dict[str, Different]:
        spans = self._times
        names = ("occurred_at", "known_at", "count", "properties")
        usage = Different(["usage"], np.zeros_like(spans.codes))
        return {
            "kind": usage,
            "name": self.field("event"),
            **{name: _each(spans, attrgetter(name)) for name in names},
        }


def _each(of: Different, what: Callable[[Any], Any]) -> Different:
    return Different([None if value is None else what(value) for value in of.values], of.codes)


def spelled(texts: pa.Array) -> pa.Array:
    """The digests of what rows of counted use are about (``joined``); the same again adds nothing."""
    with duckdb.connect(":memory:", config={"threads": 1}) as con:
        con.register("told", pa.table({"place": pa.array(range(len(texts))), "said": texts}))
        return (
            con.execute("SELECT md5(said) AS said FROM told ORDER BY place")
            .to_arrow_table()["said"]
            .combine_chunks()
        )


def joined(values: Sequence[Any]) -> str:
    """What a row of counted use is about, in this order: whose, of what, when."""
    return _BETWEEN.join("" if value is None else str(value) for value in values)


def digest(said: list[str]) -> str:
    """Of all that a row says, whatever the order of its columns. With how often the file said it before it is the id
    of a row that has none: the same file again adds nothing.
    """
    text = "\x1e".join(sorted(said))
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()

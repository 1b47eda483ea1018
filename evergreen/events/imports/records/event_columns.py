"""The plain events of a chunk in columns: those with nothing to warn of and nothing to look up row by row."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from evergreen.events import arrivals
from evergreen.events.imports import references
from evergreen.events.imports.columns import Codes, Columns, Different, Mask, together
from evergreen.events.imports.context import Item


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
        fields = {name: self.field(name) for name in names}
        codes, rows = together([field.codes for field in fields.values()], self._columns.size)
        values = [field.of_rows(rows) for field in fields.values()]
        told = zip(*values, strict=True)
        places = find([Item(0, (), dict(zip(fields, row, strict=True))) for row in told])
        self._places = Different(places, codes)
        self.fits &= np.array([place is not None for place in places], np.bool_)[codes]

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

    def ids(self) -> list[str] | None:
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
        return field.of_rows(self._rows) if "id" in self._mapped else None

    def said(self, columns: Sequence[str]) -> list[str]:
        """The digest of all that each row that fits says."""
        texts = [one.of_rows(self._rows) for one in self._columns.said(columns)]
        return [digest([text for text in row if text]) for row in zip(*texts, strict=True)]

    def table(self, features: Different, ids: list[str]) -> pa.Table:
        """The rows that fit, as columns of ``arrivals.EVENT_SCHEMA``."""
        kinds, counts, seconds = self.field("kind"), self.field("count"), self.field("seconds")
        whose, when = self._places, self._times
        found = {
            "kind": Different([kind or "track" for kind in kinds.values], kinds.codes),
            "name": self.field("name"),
            "account_id": _each(whose, lambda place: place.account_id),
            "tenant": _each(whose, lambda place: place.tenant),
            "account_key": _each(whose, lambda place: place.named),
            "end_user": _each(self.field("end_user"), lambda user: user or None),
            "occurred_at": _each(when, lambda times: times[0].replace(tzinfo=None)),
            "known_at": _each(when, lambda times: times[1].replace(tzinfo=None)),
            "count": Different([1 if count is None else count for count in counts.values], counts.codes),
            "seconds": _each(seconds, float),
            "feature": features,
        }
        columns = {name: self._taken(name, values) for name, values in found.items()}
        return pa.table({**columns, "message_id": pa.array(ids, pa.string())})

    def _taken(self, name: str, of: Different) -> pa.Array:
        return pa.array(of.values, arrivals.EVENT_SCHEMA.field(name).type).take(
            pa.array(of.codes[self._rows])
        )


def _each(of: Different, what: Callable[[Any], Any]) -> Different:
    return Different([None if value is None else what(value) for value in of.values], of.codes)


def digest(said: list[str]) -> str:
    """Of all that a row says, whatever the order of its columns. With how often the file said it before it is the id
    of a row that has none: the same file again adds nothing.
    """
    text = "\x1e".join(sorted(said))
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()

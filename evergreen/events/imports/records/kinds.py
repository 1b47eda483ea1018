"""What a kind of record is to an import, and the way its rows go: looked up, built, checked for repeats,
written.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base.upserts import Loaded, Outcome
from evergreen.events.imports import references
from evergreen.events.imports.context import Context, Item, RejectedError
from evergreen.events.imports.fields import Field

if TYPE_CHECKING:
    from evergreen.events.imports.columns import Columns, Mask


@dataclass(frozen=True, slots=True)
class Record:
    """A kind of record: its fields, what a mapping may add, and of which fields at least one must be
    mapped.
    """

    name: str
    zh: str
    en: str
    fields: tuple[Field, ...]
    loader: Callable[[Context], Loader]
    needs: tuple[tuple[str, ...], ...]
    takes: frozenset[str] = frozenset()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)

    def field(self, name: str) -> Field:
        return next(field for field in self.fields if field.name == name)


class Loader(ABC):
    """Writes the rows of one file, a chunk a transaction."""

    chunk = 5_000
    # Whether it takes chunks by column where a file has them so (``load_columns``), and how many rows at a time.
    reads_columns = False
    column_chunk = 250_000

    def __init__(self, context: Context) -> None:
        self.context = context

    @abstractmethod
    def load(self, items: Sequence[Item]) -> None:
        """Load one chunk; counts, warnings and rejections go to the context."""

    def load_columns(self, columns: Columns) -> Mask:
        """Load what is plain of a chunk; returns which rows are left to be loaded one by one."""
        return np.ones(columns.size, np.bool_)

    def finish(self) -> None:  # noqa: B027  most records have nothing to do here
        """What can be done only when all rows stand, such as references between them."""

    def close(self) -> None:  # noqa: B027  most records hold nothing open
        """Give back what the loader holds open."""


class RecordLoader(Loader):
    """A loader of records that are upserted by their external id."""

    def load(self, items: Sequence[Item]) -> None:
        with transaction.atomic():
            self.look_up(items)
            rows, kept = [], []
            for item in items:
                try:
                    row = self.build(item)
                except RejectedError as error:
                    self.context.reject(item, error.rejection)
                    continue
                if self.context.seen.first("id", row["external_id"], self.said_of(row)) is not None:
                    self.context.tally.count(Outcome.DUPLICATE)
                    continue
                self.admit(item, row)
                rows.append(row)
                kept.append(item)
            loaded = self.write(rows)
        for place, what, _value in loaded.refused:
            kept[place].warn(f"{what}_taken")
        for item, outcome in zip(kept, loaded.outcomes, strict=True):
            self.context.tally.count(outcome)
            self.context.tally.warn(item)
        self.written(rows, loaded.outcomes)

    def look_up(self, items: Sequence[Item]) -> None:
        """Ask the database for what the rows of a chunk refer to."""

    @abstractmethod
    def build(self, item: Item) -> dict[str, Any]:
        """The row for the bulk write, with its ``external_id``. Raises RejectedError."""

    def said_of(self, row: dict[str, Any]) -> str:
        """What later rows of the file may need to know of this one."""
        return ""

    def admit(self, item: Item, row: dict[str, Any]) -> None:
        """Look at a row that will be written, with regard to those before it."""

    @abstractmethod
    def write(self, rows: list[dict[str, Any]]) -> Loaded:
        """Write the rows."""

    def written(self, rows: list[dict[str, Any]], outcomes: Sequence[Outcome]) -> None:
        """Take note of written rows."""

    def options(self) -> dict[str, Any]:
        """What every bulk write is given."""
        context = self.context
        return {"by": context.by, "now": context.now, "origin": context.file_name, "dry_run": context.dry_run}

    def recount(self, changed: Sequence[str], outcomes: dict[str, Outcome]) -> None:
        """Rows that stood unchanged but whose reference changed in the end count as updated."""
        for key in changed:
            if outcomes.get(key) == Outcome.UNCHANGED:
                self.context.tally.count(Outcome.UNCHANGED, -1)
                self.context.tally.count(Outcome.UPDATED)


def account_lookup(context: Context) -> references.Lookup[references.AccountRef]:
    """Accounts as the mapping of ``account`` refers to them."""
    cell = context.mapping.cells.get("account")
    return references.accounts(cell.system if cell else "", context.mapping.source)


def unknown_account(context: Context, item: Item, *fields: str) -> RejectedError:
    """The row's account cannot be found: names the reference that was given, else says that none was."""
    for name in fields:
        if item.get(name):
            return context.refuse(
                name,
                item.get(name),
                _("an id that is loaded already"),
                _("Unknown: load it first, or correct it."),
            )
    return context.refuse(
        fields[0], "", _("the id of an account"), _("The row does not say which account it belongs to.")
    )


def set_texts(row: dict[str, Any], item: Item, *names: str) -> None:
    """Texts of the record as they are; an empty one empties the field."""
    for name in names:
        if name in item.values:
            row[name] = item.values[name] or ""


def set_values(row: dict[str, Any], item: Item, **attributes: str) -> None:
    """Values of the record under the name of their attribute; an empty one empties the field."""
    for name, attribute in attributes.items():
        if name in item.values:
            row[attribute] = item.values[name]


def set_choices(row: dict[str, Any], item: Item, **attributes: str) -> None:
    """Choices that cannot be empty: an empty cell leaves what stands."""
    for name, attribute in attributes.items():
        if item.values.get(name) is not None:
            row[attribute] = item.values[name]

"""One file loaded: read, mapped, checked, written chunk by chunk. Killed and started again it loads exactly
the rest.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from django.utils.translation import gettext as _

from evergreen.base import clock, env, queries
from evergreen.base.models import User
from evergreen.base.upserts import Outcome
from evergreen.events.imports import memory
from evergreen.events.imports.columns import Columns
from evergreen.events.imports.context import Context, Item, RejectedError, Rejection, Tally
from evergreen.events.imports.formats import Formats
from evergreen.events.imports.mapping import FileMapping, MappingError, read_mapping
from evergreen.events.imports.reading import Reading
from evergreen.events.imports.records import RECORDS, Loader
from evergreen.events.imports.rejects import Rejects
from evergreen.events.imports.results import ImportResult
from evergreen.events.imports.seen import Seen
from evergreen.events.sources.files import FileError, FileOptions, Reader, Row, open_table
from evergreen.events.sources.files.columnar import ParquetReader

if TYPE_CHECKING:
    import pyarrow as pa

Tell = Callable[[str, int, int], None]

_SHOWN_REJECTS = 5
# Of so many rejected rows the numbers are told, to whoever tries them again.
MOST_REJECTED = 10_000


def import_file(
    path: Path | str,
    record: str,
    mapping: Path | str | Mapping[str, Any] | None = None,
    *,
    dry_run: bool = False,
    source: str | None = None,
    progress: Tell | None = None,
    by: User | None = None,
    now: dt.datetime | None = None,
    name: str = "",
    is_history: bool = True,
    remembers: bool = True,
) -> ImportResult:
    """Load a file as ``record`` by a mapping: a YAML file, the same as a dict, or None for one remembered
    or guessed.

    A row that cannot be loaded is rejected with its reason and kept in a file; the others load, each chunk
    in one transaction. ``dry_run`` counts and rejects the same and writes nothing but that file. ``name``
    is what people call the file when it is stored under another name. What is no history is known from now on, not from
    its own date; ``remembers`` offers the mapping to the next file with these columns. Raises LoadError (FileError,
    MappingError) when nothing can be loaded.
    """
    path = Path(path)
    now = now or clock.utc_now()
    began = time.monotonic()
    reader = open_table(path, _file_options(mapping, record))
    try:
        plan, notices = _mapping(reader, record, mapping)
        result = ImportResult(file=name or path.name, record=record, dry_run=dry_run)
        result.notices = [*reader.shape.notices, *notices]
        load = _Load(
            path, reader, plan, result, dry_run=dry_run, source=source, by=by, now=now, is_history=is_history
        )
        load.run(progress)
    finally:
        reader.close()
    if remembers and not dry_run:
        memory.remember(record, reader.shape.columns, plan.definition, name=result.file, by=by, now=now)
    result.seconds = time.monotonic() - began
    return result


def _file_options(mapping: Path | str | Mapping[str, Any] | None, record: str) -> FileOptions | None:
    return None if mapping is None else read_mapping(mapping, record).file


def _mapping(
    reader: Reader, record: str, given: Path | str | Mapping[str, Any] | None
) -> tuple[FileMapping, list[str]]:
    """The mapping and what to say of it when nobody gave one."""
    if given is not None:
        return read_mapping(given, record), []
    if record not in RECORDS:
        read_mapping({}, record)  # says which records there are
    columns = reader.shape.columns
    remembered = memory.remembered(record, columns)
    if remembered is not None:
        return read_mapping(remembered, record), [_("Mapped as the last file with these columns was.")]
    from evergreen.events.imports.guessing import guess

    guessed = guess(columns, record)
    said = ", ".join(f"{field} ← {column}" for field, column in guessed["columns"].items())
    try:
        return read_mapping(guessed, record), [
            _("Mapped by the names of the columns: %(said)s.") % {"said": said}
        ]
    except MappingError as error:
        found = _("The columns are: %(columns)s. By their names: %(said)s.") % {
            "columns": ", ".join(columns[:60]),
            "said": said or "-",
        }
        raise MappingError([*error.problems, found]) from error


class _Load:
    """The course of one load."""

    def __init__(
        self,
        path: Path,
        reader: Reader,
        mapping: FileMapping,
        result: ImportResult,
        *,
        dry_run: bool,
        source: str | None,
        by: User | None,
        now: dt.datetime,
        is_history: bool,
    ) -> None:
        if source:
            mapping = read_mapping({**mapping.definition, "source": source}, mapping.record)
        settings = queries.all_settings()
        formats = Formats(
            zone=clock.zone(mapping.timezone or settings["timezone"]),
            dates=mapping.dates,
            decimal=mapping.decimal,
            true_words=frozenset(mapping.true_words),
            false_words=frozenset(mapping.false_words),
            empty_words=frozenset(mapping.empty_words),
        )
        self._reader = reader
        self._result = result
        self._reading = Reading(mapping, RECORDS[mapping.record], reader.shape, formats)
        result.notices += self._reading.notices()
        self._context = Context(
            mapping=mapping,
            formats=formats,
            vendor_zone=clock.zone(settings["timezone"]),
            currency=settings["currency"],
            now=now,
            by=by,
            dry_run=dry_run,
            origin=f"import:{_digest(path, mapping)}",
            file_name=result.file,
            home=env.home(),
            tally=Tally(),
            seen=Seen(),
            columns=reader.shape.columns,
            is_history=is_history,
        )
        self._rejects = Rejects(self._context.home, result.file, reader.shape, mapping, now)

    def run(self, progress: Tell | None) -> None:
        context = self._context
        loader: Loader = RECORDS[context.mapping.record].loader(context)
        columns_known = len(context.columns)
        try:
            for load in self._loads(loader):
                load()
                if progress is not None:
                    progress(self._result.file, *self._reader.position())
            loader.finish()
        except FileError as error:
            raise self._broken_off(error) from error
        finally:
            loader.close()
            context.seen.close()
            self._rejects.close()
        self._tell(columns_known)

    def _loads(self, loader: Loader) -> Iterator[Callable[[], None]]:
        """What loads each chunk, by column where file, mapping and loader allow it."""
        reader = self._reader
        is_by_column = loader.reads_columns and self._reading.is_by_column
        if is_by_column and isinstance(reader, ParquetReader) and not reader.has_lists:
            for first, table in reader.tables(loader.column_chunk):
                yield partial(self._load_table, loader, first, table)
            return
        rows = reader.rows()
        while chunk := list(islice(rows, loader.chunk)):
            yield partial(self._load_chunk, loader, chunk)

    def _load_table(self, loader: Loader, first: int, table: pa.Table) -> None:
        columns = Columns(self._reading, table, first)
        left = np.flatnonzero(loader.load_columns(columns))
        self._context.tally.rows += columns.size - len(left)
        if len(left):
            self._load_chunk(loader, [Row(first + place, columns.row(place)) for place in left.tolist()])

    def _load_chunk(self, loader: Loader, chunk: list[Row]) -> None:
        context = self._context
        items = []
        for row in chunk:
            item = Item(row.number, row.cells, {})
            if row.problem is not None:
                context.reject(
                    item, Rejection("", row.problem.found, row.problem.allowed, row.problem.reason)
                )
                continue
            try:
                item.values = self._reading.values(row.cells, row.number)
            except RejectedError as error:
                context.reject(item, error.rejection)
            else:
                items.append(item)
        if items:
            loader.load(items)
        context.tally.rows += len(chunk)
        context.tally.rejected += len(context.rejections)
        for item, rejection in sorted(context.rejections, key=lambda one: one[0].number):
            self._rejects.add(item, rejection)
            if len(self._result.rejected_rows) < MOST_REJECTED:
                self._result.rejected_rows.append(item.number)
            if len(self._result.examples) < _SHOWN_REJECTS:
                self._result.examples.append(self._in_words(item, rejection))
        context.rejections.clear()

    def _in_words(self, item: Item, rejection: Rejection) -> str:
        where = _("%(file)s, row %(row)s") % {"file": self._result.file, "row": item.number}
        if rejection.column:
            where += _(", column %(column)s") % {"column": rejection.column}
        return _("%(where)s: %(reason)s Found: %(found)s. Allowed: %(allowed)s.") % {
            "where": where,
            "reason": rejection.reason,
            "found": rejection.found or _("nothing"),
            "allowed": rejection.allowed,
        }

    def _tell(self, columns_known: int) -> None:
        tally, result = self._context.tally, self._result
        result.rows, result.rejected = tally.rows, tally.rejected
        result.created = tally.outcomes[Outcome.CREATED]
        result.updated = tally.outcomes[Outcome.UPDATED]
        result.unchanged = tally.outcomes[Outcome.UNCHANGED]
        result.duplicates = tally.outcomes[Outcome.DUPLICATE]
        result.warnings = {kind: tally.warnings[kind] for kind in sorted(tally.warnings)}
        result.first_rows = {kind: tally.first_rows[kind] for kind in sorted(tally.first_rows)}
        result.rejects_path = str(self._rejects.path or "")
        if late := self._context.columns[columns_known:]:
            result.notices.append(
                _("Names that came only after the first rows: %(names)s.") % {"names": ", ".join(late[:20])}
            )

    def _broken_off(self, error: FileError) -> FileError:
        """The file cannot be read to its end: what came before is kept."""
        tally = self._context.tally
        kept = sum(tally.outcomes[what] for what in (Outcome.CREATED, Outcome.UPDATED))
        saved = (
            _("This was a dry run: nothing was written.")
            if self._context.dry_run
            else _("%(n)s rows before it are loaded; loading the whole file again adds only the rest.")
            % {"n": kept}
        )
        return FileError(f"{error} {saved}")


def _digest(path: Path, mapping: FileMapping) -> str:
    """What this file with this mapping is called in the lake's list of batches."""
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(f"{content}:{mapping.digest()}".encode()).hexdigest()[:40]

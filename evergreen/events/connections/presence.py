"""What a source still has of what it brought. What is gone there is marked here and nothing more.

A mark never deletes, closes or hides anything; people decide what a customer that the CRM no longer knows means. It
goes when the source has the row again.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import transaction

from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.base.upserts import in_batches
from evergreen.events.connections.models import Connection, SourceRow
from evergreen.events.imports.formats import as_text
from evergreen.events.imports.mapping import Cell, FileMapping
from evergreen.events.imports.records import RECORDS

_BATCH = 5_000
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Presence:
    """Rows newly gone at the source, rows that came back, rows that the source has and that never came; and whether a
    list without any row was not believed.
    """

    gone: int = 0
    back: int = 0
    missed: int = 0
    is_doubtful: bool = False


def is_kept(record: str) -> bool:
    """Whether rows of this record stand for something that a source can delete."""
    return record not in {"events", "usage", "kpis"} and "id" in RECORDS[record].names


@transaction.atomic
def note(
    connection: Connection,
    stream: str,
    key: str,
    mapping: FileMapping,
    live: Path | None,
    gone: Iterable[str],
    everything: Iterable[str] | None,
    *,
    by: User | None,
    now: dt.datetime,
) -> Presence:
    """Note the rows that came (the settled file ``live``), those told as ``gone``, and by ``everything`` that the
    source had before it was read (None: not known) those that went without a word. One audit entry for what went and came back.
    """
    held = SourceRow.objects.filter(connection=connection, stream=stream)
    here = None if everything is None else {name[:_LONGEST] for name in everything}
    went: set[str] = set()
    back: set[str] = set()
    is_doubtful = False
    if here is not None:
        # First, for the source was asked before it was read: what came since is not in its answer.
        rows = held.filter(gone_at=None).values_list("key", flat=True)
        went = {name for name in rows.iterator(_BATCH) if name not in here}
        if is_doubtful := bool(went and not here):
            went = set()
        back = set(held.filter(gone_at__isnull=False).values_list("key", flat=True)) & here
        for some in in_batches(sorted(went)):
            held.filter(key__in=some).update(gone_at=now)
        for some in in_batches(sorted(back)):
            held.filter(key__in=some).update(gone_at=None)
    stood = _stand(held, connection, stream, mapping, _told(live, key, mapping) if live else iter(()))
    back, went = back | (stood - went), went - stood
    for some in in_batches(sorted({name[:_LONGEST] for name in gone})):
        standing = held.filter(key__in=some, gone_at=None)
        told = set(standing.values_list("key", flat=True))
        back, went = back - told, went | (told - back)
        standing.update(gone_at=now)
    missed = 0
    if here:
        known = set(held.values_list("key", flat=True))
        missed = len(here - known)
    if went or back:
        shown = {"stream": stream, "gone": sorted(went)[:100], "back": sorted(back)[:100]}
        counts = {"rows_gone": len(went), "rows_back": len(back)}
        audit(
            "connection.rows_gone", "connection", [connection.pk], by=by, now=now, after={**counts, **shown}
        )
    return Presence(len(went), len(back), missed, is_doubtful)


def gone_from(record: str, external_ids: Iterable[str | None]) -> list[SourceRow]:
    """Rows behind these records of ours that their sources no longer have, newest first."""
    wanted = [name for name in external_ids if name]
    if not wanted:
        return []
    found = SourceRow.objects.filter(record=record, external_id__in=wanted, gone_at__isnull=False)
    return list(found.select_related("connection").order_by("-gone_at", "pk"))


def _stand(
    held: Any, connection: Connection, stream: str, mapping: FileMapping, told: Iterator[tuple[str, str]]
) -> set[str]:  # fmt: skip
    """Note rows that came; the keys of those that were gone before."""
    back: set[str] = set()
    while some := dict(islice(told, _BATCH)):
        known = {row.key: row for row in held.filter(key__in=list(some))}
        changed = []
        for key, row in known.items():
            if row.gone_at is not None:
                back.add(key)
            if row.gone_at is not None or (row.record, row.external_id) != (mapping.record, some[key]):
                row.gone_at, row.record, row.external_id = None, mapping.record, some[key]
                changed.append(row)
        SourceRow.objects.bulk_update(changed, ["gone_at", "record", "external_id"], batch_size=500)
        SourceRow.objects.bulk_create(
            [
                SourceRow(
                    connection=connection, stream=stream, key=key, record=mapping.record, external_id=own
                )
                for key, own in some.items()
                if key not in known
            ],
            ignore_conflicts=True,
        )
    return back


def _told(live: Path, key: str, mapping: FileMapping) -> Iterator[tuple[str, str]]:
    """Key and our own id of each row of a settled file."""
    cell = mapping.cells.get("id")
    with live.open("rb") as file:
        for line in file:
            row = json.loads(line)
            if (name := row.get(key)) is not None:
                yield str(name)[:_LONGEST], _own_id(row, cell)


def _own_id(row: Mapping[str, Any], cell: Cell | None) -> str:
    """The external id that the import gave the row; '' where the row does not say it."""
    if cell is None or cell.system or cell.constant is not None:
        return ""
    if cell.column:
        value = as_text(row.get(cell.column)).strip()
        value = cell.values.get(value.casefold(), cell.values.get("*", value) if value else value)
        return value[:_LONGEST]
    parts = [as_text(row.get(part)).strip() if place % 2 else part for place, part in enumerate(cell.parts)]
    return "".join(parts)[:_LONGEST] if any(parts[1::2]) else ""

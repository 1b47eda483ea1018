"""Rows of connections that are kept in files (waiting to be tried anew, samples for mappings), taken out by what names
somebody."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from evergreen.base import files
from evergreen.events.connections import held, sampling


def erase_rows(names: Collection[str]) -> int:
    """Take out the rows that hold one of the names (ids, e-mails) as a value; returns how many went.

    A run that is under way may bring them again as long as the source has them.
    """
    wanted, erased = {name.casefold() for name in names if name}, 0
    for path in (*held.files_of_all(), *sampling.files_of_all()):
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if not _speaks_of(json.loads(line), wanted)]
        if len(kept) < len(lines):
            erased += len(lines) - len(kept)
            files.replace(path, b"".join(kept))
    return erased


def _speaks_of(row: dict[str, Any], wanted: set[str]) -> bool:
    """Numbers count only in columns of ids: a 7 elsewhere is a quantity."""
    return any(
        str(value).casefold() in wanted
        for column, value in row.items()
        if isinstance(value, str) or column.casefold().endswith("id")
    )

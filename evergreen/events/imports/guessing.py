"""A mapping guessed from the names of columns, Chinese or English."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from evergreen.events.imports.fields import Field
from evergreen.events.imports.records import RECORDS, Record

_CLOSE = 0.84


def guess(columns: Sequence[str], record: str) -> dict[str, Any]:
    """The definition of a mapping for a file with these columns; fields without a likely column are left out.

    Each column serves one field, the likeliest pairs first.
    """
    of = RECORDS[record]
    scored = [
        (score, -place, -order, field.name, column)
        for order, field in enumerate(of.fields)
        for place, column in enumerate(columns)
        if (score := _likeness(column, field, of)) >= _CLOSE
    ]
    chosen: dict[str, str] = {}
    for _score, _place, _order, name, column in sorted(scored, reverse=True):
        if name not in chosen and column not in chosen.values():
            chosen[name] = column
    definition: dict[str, Any] = {
        "record": record,
        "columns": {name: chosen[name] for name in of.names if name in chosen},
    }
    if "edition" in chosen:
        definition["create"] = ["products", "editions"]
    if "feature" in chosen:
        definition["features"] = {"create": "true"}
    return definition


def _likeness(column: str, field: Field, record: Record) -> float:
    """1 for a name that the field is called by; less for one that is written nearly so."""
    own = _plain(column)
    singular = record.name.removesuffix("s")
    # A file of accounts says account_name for the name, and the bare word account for it too.
    names = [field.name, field.zh, field.en, *field.names.split(), f"{singular}_{field.name}"]
    best = 0.0
    for place, name in enumerate(names):
        other = _plain(name)
        if not other:
            continue
        if own == other:
            return 1.0 - place / 1_000
        ratio = difflib.SequenceMatcher(None, own, other).ratio() if min(len(own), len(other)) >= 4 else 0.0
        best = max(best, ratio - 0.01)
    return best


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", name).casefold())

"""Equal figures: whole numbers, money, texts, dates to the bit, fractions to 1e-9."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

_NEAR = 1e-9


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=_NEAR, abs_tol=_NEAR) or (
            math.isnan(one) and math.isnan(other)
        )
    return bool(one == other) and type(one) is type(other)


def ordered(table: pa.Table, by: Sequence[str]) -> list[dict[str, Any]]:
    """Rows in the order of some columns, unset values first."""
    rows: list[dict[str, Any]] = table.to_pylist()
    return sorted(rows, key=lambda row: [(row[name] is not None, row[name]) for name in by])


def differences(found: pa.Table, expected: pa.Table, by: Sequence[str]) -> dict[str, Any]:
    """By column: rows in which it differs, as (key, found, expected); empty where both say the same."""
    if found.column_names != expected.column_names or found.num_rows != expected.num_rows:
        shape = [(table.column_names, table.num_rows) for table in (found, expected)]
        return {"columns and rows": shape}
    wrong: dict[str, Any] = {}
    for one, other in zip(ordered(found, by), ordered(expected, by), strict=True):
        for name in expected.column_names:
            if not _same(one[name], other[name]):
                wrong.setdefault(name, []).append(([one[key] for key in by], one[name], other[name]))
    return wrong

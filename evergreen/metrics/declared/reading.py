"""Rows of declared metrics as the compiler's definitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evergreen.base.conditions import checked, from_data
from evergreen.metrics import formula, source_fields
from evergreen.metrics.declared.definition import FORMULA
from evergreen.metrics.declared.models import DeclaredMetric
from evergreen.metrics.registry import Version
from evergreen.metrics.rules import BETTERS, Formula, Metric, Rows, Usage


def versions_of(row: DeclaredMetric) -> tuple[Version, ...]:
    """The versions of a declared metric, oldest first. Raises ValueError for one that cannot be read any more."""
    found = []
    for version in sorted(row.versions.all(), key=lambda one: one.number):
        data = version.definition
        metric = Metric(
            key=row.key,
            kind=data["kind"],
            of=_of(data),
            name=_both(row.name),
            explanation=_both(row.explanation),
            group=row.group,
            better=next((one for one in BETTERS if one == row.better), ""),
            version=version.number,
            unit=row.unit,
            owner=str(row.owner) if row.owner else "",
            is_own=True,
        )
        found.append(Version(metric, version.counts_from))
    if not found:
        raise ValueError("it has no version")
    return tuple(found)


def _both(words: Mapping[str, str]) -> dict[str, str]:
    """In both languages; where one is not told, the other serves."""
    other = next(iter(words.values()), "")
    return {language: words.get(language) or other for language in ("zh", "en")}


def _of(data: Mapping[str, Any]) -> Usage | Rows | Formula:
    """What was checked when it was saved, read without looking at other metrics."""
    if data["source"] == FORMULA:
        formula.parse(data["formula"])
        return Formula(data["formula"])
    source = data["source"]
    if source not in source_fields.sources():
        raise ValueError(f"there is no source {source} any more")
    given = data.get("filter")
    narrowed = checked(from_data(given), source_fields.fields(source)) if given else None
    if source == "usage":
        return Usage(
            data["aggregation"], data["window_days"], data.get("lag_days", 0), data.get("features", ""),
            data.get("working_days_a_week", 0), narrowed,
        )  # fmt: skip
    columns = source_fields.sources()[source].columns
    for name in (data.get("column"), data.get("date")):
        if name and name not in columns:
            raise ValueError(f"{source} has no column {name} any more")
    return Rows(
        source, data["aggregation"], data.get("column", ""), data.get("date", ""), data.get("window_days", 0), (),
        data.get("empty"), narrowed,
    )  # fmt: skip

"""ECharts options, built once here; colours are names of the page's own (``var(--c1)``)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Point = tuple[dt.date, float | int | None]

TOOLTIP: dict[str, Any] = {
    "trigger": "axis",
    "backgroundColor": "var(--surface)",
    "borderColor": "var(--line)",
    "textStyle": {"color": "var(--ink)", "fontSize": 12},
}


@dataclass(frozen=True, slots=True)
class Series:
    """A named line or row of bars over days."""

    name: str
    points: Sequence[Point]
    color: str = "var(--c1)"
    kind: str = "line"
    axis: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """A dashed level across the chart, or (``on``) a day, with its words."""

    text: str
    level: float | None = None
    on: dt.date | None = None
    color: str = "var(--edge)"


def over_time(
    series: Sequence[Series],
    *,
    marks: Iterable[Mark] = (),
    least: float | None = None,
    most: float | None = None,
    unit: str = "",
    since: dt.date | None = None,
    until: dt.date | None = None,
    fits: bool = False,
) -> dict[str, Any]:
    """Lines and bars over days. Absent values leave gaps; an axis from ``least`` to ``most`` where they are given, from about
    the least value where it ``fits`` itself to them.
    """
    lines = [_series(one) for one in series]
    if lines and (drawn := [_mark(mark) for mark in marks]):
        lines[0]["markLine"] = {
            "silent": True,
            "symbol": "none",
            "label": {"color": "var(--ink-3)", "fontSize": 11},
            "data": drawn,
        }
    axis: dict[str, Any] = {
        "type": "value",
        "axisLabel": {"color": "var(--ink-3)", "formatter": "{value}" + unit},
        "splitLine": {"lineStyle": {"color": "var(--line)"}},
        "minInterval": 1,
    }
    axis |= {"scale": True} if fits else {}
    axis |= {} if least is None else {"min": least}
    axis |= {} if most is None else {"max": most}
    return {
        "grid": {"left": 8, "right": 16, "top": 34 if len(lines) > 1 else 16, "bottom": 8, "containLabel": True},
        "legend": {"show": len(lines) > 1, "top": 0, "left": 0, "icon": "roundRect", "itemHeight": 4,
                   "textStyle": {"color": "var(--ink-2)"}},
        "tooltip": TOOLTIP,
        "xAxis": {
            "type": "time",
            **({} if since is None else {"min": since.isoformat()}),
            **({} if until is None else {"max": until.isoformat()}),
            "axisLine": {"lineStyle": {"color": "var(--line)"}},
            "axisTick": {"show": False},
            "axisLabel": {"color": "var(--ink-3)", "hideOverlap": True},
        },
        "yAxis": axis,
        "series": lines,
    }  # fmt: skip


def bars(labels: Sequence[str], rows: Sequence[tuple[str, str, Sequence[int]]]) -> dict[str, Any]:
    """An ECharts option of stacked bars: under each label the counts of each row (name, colour, counts)."""
    return {
        "grid": {"left": 8, "right": 8, "top": 34 if len(rows) > 1 else 12, "bottom": 8, "containLabel": True},
        "legend": {"show": len(rows) > 1, "top": 0, "left": 0, "icon": "roundRect", "itemHeight": 4,
                   "textStyle": {"color": "var(--ink-2)"}},
        "tooltip": {**TOOLTIP, "axisPointer": {"type": "shadow"}},
        "xAxis": {
            "type": "category",
            "data": list(labels),
            "axisLine": {"lineStyle": {"color": "var(--line)"}},
            "axisTick": {"show": False},
            "axisLabel": {"color": "var(--ink-3)", "hideOverlap": True},
        },
        "yAxis": {
            "type": "value",
            "minInterval": 1,
            "axisLabel": {"color": "var(--ink-3)"},
            "splitLine": {"lineStyle": {"color": "var(--line)"}},
        },
        "series": [
            {
                "name": name,
                "type": "bar",
                "stack": "all",
                "barCategoryGap": "12%",
                "color": color,
                "data": list(counts),
            }
            for name, color, counts in rows
        ],
    }  # fmt: skip


def _series(one: Series) -> dict[str, Any]:
    drawn: dict[str, Any] = {
        "name": one.name,
        "type": one.kind,
        "color": one.color,
        "data": [[day.isoformat(), value] for day, value in one.points],
    }
    if one.kind == "line":
        drawn |= {"showSymbol": len(one.points) == 1, "connectNulls": False, "lineStyle": {"width": 2}}
    else:
        drawn |= {"barMaxWidth": 10, "itemStyle": {"borderRadius": [2, 2, 0, 0]}}
    return drawn


def _mark(mark: Mark) -> dict[str, Any]:
    place: dict[str, Any] = {"xAxis": mark.on.isoformat()} if mark.on else {"yAxis": mark.level}
    return {
        **place,
        "label": {"formatter": mark.text, "position": "insideStartTop"},
        "lineStyle": {"color": mark.color, "type": "dashed", "width": 1},
    }

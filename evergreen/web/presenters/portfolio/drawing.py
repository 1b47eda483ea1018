"""Charts of the portfolio as ECharts options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from evergreen.web import formats
from evergreen.web.formats import AmountUnit
from evergreen.web.presenters.charts import TOOLTIP

_COLORS = {"total": "var(--c5)", "up": "var(--c1)", "down": "var(--c6)"}


def bridge(steps: Sequence[tuple[str, int, str]], unit: AmountUnit) -> dict[str, Any]:
    """A waterfall: (words, minor units, total|up|down) from left to right; a step hangs where the one before ended."""
    floors: list[float] = []
    bars: list[dict[str, Any]] = []
    level = 0
    for _words, cents, kind in steps:
        if kind == "total":
            level = 0
        low = min(level, level + cents)
        level += cents
        floors.append(round(low / unit.minor, 2))
        text = unit.figure(abs(cents))
        bars.append(
            {
                "value": round(abs(cents) / unit.minor, 2),
                "itemStyle": {"color": _COLORS[kind], "borderRadius": 2},
                "label": {
                    "formatter": f"{formats.MINUS if cents < 0 else '+' if kind == 'up' and cents else ''}{text}"
                },
            }
        )
    return {
        "grid": {"left": 8, "right": 8, "top": 24, "bottom": 8, "containLabel": True},
        "tooltip": {"show": False},
        "xAxis": {
            "type": "category",
            "data": [words for words, _cents, _kind in steps],
            "axisLine": {"lineStyle": {"color": "var(--line)"}},
            "axisTick": {"show": False},
            "axisLabel": {
                "color": "var(--ink-3)",
                "interval": 0,
                "width": 64,
                "overflow": "break",
                "fontSize": 11,
            },
        },
        "yAxis": {
            "type": "value",
            "axisLabel": {"color": "var(--ink-3)"},
            "splitLine": {"lineStyle": {"color": "var(--line)"}},
        },
        "series": [
            {
                "type": "bar",
                "stack": "all",
                "silent": True,
                "itemStyle": {"color": "transparent"},
                "data": floors,
            },
            {
                "type": "bar",
                "stack": "all",
                "silent": True,
                "barMaxWidth": 56,
                "label": {"show": True, "position": "top", "color": "var(--ink-2)", "fontSize": 11},
                "data": bars,
            },
        ],
    }


def due_bars(
    labels: Sequence[str],
    rows: Sequence[tuple[str, str, Sequence[int]]],
    unit: AmountUnit,
    rate: Sequence[float | None],
) -> dict[str, Any]:
    """Stacked amounts (words, colour, minor units) under each label, and a rate in per cent as a line over them."""
    axis = {"color": "var(--ink-3)"}
    return {
        "grid": {"left": 8, "right": 8, "top": 34, "bottom": 8, "containLabel": True},
        "legend": {"type": "scroll", "top": 0, "left": 0, "icon": "roundRect", "itemHeight": 4, "textStyle": {"color": "var(--ink-2)"}},
        "tooltip": {**TOOLTIP, "axisPointer": {"type": "shadow"}},
        "xAxis": {
            "type": "category",
            "data": list(labels),
            "axisLine": {"lineStyle": {"color": "var(--line)"}},
            "axisTick": {"show": False},
            "axisLabel": {**axis, "hideOverlap": True},
        },
        "yAxis": [
            {"type": "value", "axisLabel": axis,
             "splitLine": {"lineStyle": {"color": "var(--line)"}}},
            {"type": "value", "min": 0, "max": 100, "axisLabel": {**axis, "formatter": "{value}%"},
             "splitLine": {"show": False}},
        ],
        "series": [
            *(
                {"name": words, "type": "bar", "stack": "all", "barMaxWidth": 28, "color": color,
                 "data": [round(one / unit.minor, 2) for one in cents]}
                for words, color, cents in rows
            ),
            {
                "name": _("Renewal rate by amounts"), "type": "line", "yAxisIndex": 1, "color": "var(--c2)",
                "symbolSize": 5, "connectNulls": False,
                "data": [None if one is None else round(one * 100, 1) for one in rate],
            },
        ],
    }  # fmt: skip

"""The chart of a KPI: its values, the band of its baseline, the line of its target. Options built in Python."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from evergreen.events.kpis import periods, rules
from evergreen.events.kpis.models import Kpi
from evergreen.events.kpis.queries import Course
from evergreen.metrics.baselines import Baseline, TooShort
from evergreen.web import formats
from evergreen.web.presenters.charts import TOOLTIP
from evergreen.web.presenters.kpis import currency_of

Usual = Mapping[dt.date, Baseline | TooShort]
_STEPS = {True: ((1e8, "亿"), (1e4, "万")), False: ((1e6, "M"), (1e3, "k"))}


def drawn(course: Course, usual: Usual, since: dt.date, today: dt.date, currency: str) -> dict[str, Any]:
    """An ECharts option from a day on, the target up to the period of today. Shares are drawn as per cent, large numbers in 万 and 亿 or k and M."""
    kpi = course.kpi
    points = [(day, value) for day, value in course.points if day >= since]
    factor, unit = _scale(kpi, [value for _day, value in points], currency)
    lines = [_line(kpi, points, factor)]
    band = [(day, one) for day, one in usual.items() if isinstance(one, Baseline)]
    if band:
        lines += _band(kpi, band, factor)
    now = periods.start_of(kpi.span, today)
    days = sorted({*(day for day, _value in points), now, periods.last_day(kpi.span, now)})
    if aims := _aims(course, days, factor):
        lines.append(aims)
    ends = {_("usual from"), _("usual to")}
    return {
        "grid": {"left": 8, "right": 16, "top": 56, "bottom": 8, "containLabel": True},
        "legend": {
            "show": len(lines) > 1, "type": "scroll", "top": 0, "left": 0, "icon": "roundRect", "itemHeight": 4,
            "selectedMode": False, "textStyle": {"color": "var(--ink-2)"},
            "data": [line["name"] for line in lines if line["name"] not in ends],
        },
        "tooltip": TOOLTIP,
        "xAxis": {
            "type": "time",
            "axisLine": {"lineStyle": {"color": "var(--line)"}},
            "axisTick": {"show": False},
            "axisLabel": {"color": "var(--ink-3)", "hideOverlap": True},
        },
        "yAxis": {
            "type": "value",
            "name": unit,
            "nameGap": 10,
            "nameTextStyle": {"color": "var(--ink-3)", "align": "left"},
            "scale": True,
            "axisLabel": {"color": "var(--ink-3)"},
            "splitLine": {"lineStyle": {"color": "var(--line)"}},
        },
        "series": lines,
    }  # fmt: skip


def _scale(kpi: Kpi, values: list[float], currency: str) -> tuple[float, str]:
    """By what values are multiplied for the axis, and the axis' unit."""
    if kpi.unit == Kpi.Unit.SHARE:
        return 100.0, "%"
    word = currency_of(kpi, currency) if kpi.unit == Kpi.Unit.MONEY else formats.named(kpi.unit_name)
    most = max((abs(value) for value in values), default=0.0)
    for step, name in _STEPS[formats.is_zh()]:
        if most >= step:
            return 1 / step, f"{name} {word}".strip() if kpi.unit == Kpi.Unit.MONEY else f"{name}{word}"
    return 1.0, word


def _line(kpi: Kpi, points: list[tuple[dt.date, float]], factor: float) -> dict[str, Any]:
    name = formats.named(kpi.name) or kpi.key
    return {
        "name": name,
        "type": "line",
        "color": "var(--c1)",
        "z": 4,
        "data": [[day.isoformat(), _rounded(value * factor)] for day, value in points],
        "showSymbol": len(points) <= 40,
        "symbolSize": 5,
        "lineStyle": {"width": 2},
    }


def _band(kpi: Kpi, band: list[tuple[dt.date, Baseline]], factor: float) -> list[dict[str, Any]]:
    """Two stacked lines without a stroke: the lower end, and above it the width; both tell their own end."""
    rows = []
    for day, one in band:
        low = one.low if kpi.least is None else max(one.low, kpi.least)
        high = one.high if kpi.most is None else min(one.high, kpi.most)
        rows.append((day, _rounded(min(low, high) * factor, 4), _rounded(max(low, high) * factor, 4)))
    quiet = {
        "type": "line",
        "stack": "usual",
        "stackStrategy": "all",
        "symbol": "none",
        "silent": True,
        "lineStyle": {"opacity": 0},
    }
    return [
        {
            **quiet,
            "name": _("usual from"),
            "color": "var(--c2)",
            "data": [[day.isoformat(), low] for day, low, _high in rows],
        },
        {
            **quiet,
            "name": _("usual to"),
            "color": "var(--c2)",
            "areaStyle": {"color": "var(--c2)", "opacity": 0.16},
            "dimensions": ["day", "width", "high"],
            "encode": {"x": 0, "y": 1, "tooltip": [2]},
            "data": [[day.isoformat(), _rounded(high - low), high] for day, low, high in rows],
        },
        # For the legend alone: one word for both ends.
        {"name": _("usual range"), "type": "line", "color": "var(--c2)", "data": []},
    ]


def _aims(course: Course, days: list[dt.date], factor: float) -> dict[str, Any] | None:
    """The target of each period as steps; None where there never was one."""
    rows = []
    for day in days:
        aim = rules.in_force(course.targets, periods.last_day(course.kpi.span, day))
        rows.append(
            [day.isoformat(), None if aim is None or aim.value is None else _rounded(aim.value * factor)]
        )
    if all(value is None for _day, value in rows):
        return None
    return {
        "name": _("Target"),
        "type": "line",
        "color": "var(--c3)",
        "step": "end",
        "symbol": "none",
        "lineStyle": {"width": 2, "type": "dashed"},
        "data": rows,
    }


def _rounded(value: float, digits: int = 6) -> float:
    return float(f"{value:.{digits}g}")

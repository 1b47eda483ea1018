"""ECharts options of product analytics: shares by group, retention curves, the sankey of paths."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django.utils.translation import gettext as _

from evergreen.metrics.analytics.paths import EDGE
from evergreen.web.presenters.charts import TOOLTIP

__all__ = ["EDGE", "curves", "grouped_shares", "sankey"]

# Of the first and of each further level of a path so many nodes stand for themselves.
MOST_A_LEVEL, MOST_FURTHER = 8, 5
_LEGEND = {
    "top": 0,
    "left": 0,
    "type": "scroll",
    "icon": "roundRect",
    "itemHeight": 4,
    "textStyle": {"color": "var(--ink-2)"},
}


def grouped_shares(
    labels: Sequence[str], groups: Sequence[tuple[str, str, Sequence[float | None]]]
) -> dict[str, Any]:
    """Bars side by side: of each label the share of every group, in per cent."""
    return {
        "grid": {"left": 8, "right": 16, "top": 34, "bottom": 8, "containLabel": True},
        "legend": _LEGEND,
        "tooltip": {**TOOLTIP, "axisPointer": {"type": "shadow"}},
        "xAxis": {
            "type": "category", "data": list(labels), "axisLine": {"lineStyle": {"color": "var(--line)"}},
            "axisTick": {"show": False}, "axisLabel": {"color": "var(--ink-3)", "hideOverlap": True},
        },
        "yAxis": _percent_axis(),
        "series": [
            {
                "name": name, "type": "bar", "color": color, "barMaxWidth": 28,
                "data": [None if share is None else round(share * 100, 1) for share in shares],
            }
            for name, color, shares in groups
        ],
    }  # fmt: skip


def curves(lines: Sequence[tuple[str, str, Sequence[tuple[int, float | None]]]], axis: str) -> dict[str, Any]:
    """Shares by age, one line a group."""
    return {
        "grid": {"left": 8, "right": 36, "top": 34 if len(lines) > 1 else 16, "bottom": 24, "containLabel": True},
        "legend": {**_LEGEND, "show": len(lines) > 1},
        "tooltip": TOOLTIP,
        "xAxis": {
            "type": "value", "minInterval": 1, "name": axis, "nameLocation": "middle", "nameGap": 26,
            "nameTextStyle": {"color": "var(--ink-3)"}, "axisLine": {"lineStyle": {"color": "var(--line)"}},
            "splitLine": {"show": False}, "axisTick": {"show": False}, "axisLabel": {"color": "var(--ink-3)"},
        },
        "yAxis": _percent_axis(),
        "series": [
            {
                "name": name, "type": "line", "color": color, "showSymbol": len(points) < 3, "lineStyle": {"width": 2},
                "data": [[age, None if share is None else round(share * 100, 1)] for age, share in points],
            }
            for name, color, points in lines
        ],
    }  # fmt: skip


def _percent_axis() -> dict[str, Any]:
    return {
        "type": "value",
        "min": 0,
        "max": 100,
        "axisLabel": {"color": "var(--ink-3)", "formatter": "{value}%"},
        "splitLine": {"lineStyle": {"color": "var(--line)"}},
    }


def sankey(main: str, ways: Iterable[tuple[Sequence[str], int]], *, goes_on: bool) -> dict[str, Any]:
    """The ways from a feature on (or towards it) as flows; of each level the most used nodes, the rest together."""
    listed = list(ways)
    kept = _largest(listed)
    others = _("others")
    ends = {_("session ends"), _("session begins")}
    links: dict[tuple[str, str], int] = defaultdict(int)
    shown: dict[str, str] = {f"0\x1f{main}": main}
    for nodes, times in listed:
        before = f"0\x1f{main}"
        for level, name in enumerate(nodes, 1):
            words = name if name in kept[level] else others
            after = f"{level}\x1f{words}"
            shown[after] = words
            links[(before, after) if goes_on else (after, before)] += times
            before = after
            if words in ends:
                break
    tones = {name: f"var(--c{at % 6 + 1})" for at, name in enumerate(dict.fromkeys(shown.values()))}
    return {
        "tooltip": {**TOOLTIP, "trigger": "item"},
        "series": [
            {
                "type": "sankey", "left": 8, "right": 150 if goes_on else 8, "top": 8, "bottom": 8, "nodeGap": 10, "nodeWidth": 12,
                "draggable": False, "emphasis": {"focus": "adjacency"},
                "label": {"color": "var(--ink)", "fontSize": 12, "position": "right", "width": 140, "overflow": "truncate"},
                "labelLayout": {"hideOverlap": True}, "lineStyle": {"color": "source", "opacity": 0.25},
                "data": [
                    {
                        "name": key, "itemStyle": {"color": "var(--edge)" if words in ends else tones[words], "borderWidth": 0},
                        "label": {"formatter": words}, "depth": _depth(key, listed, goes_on),
                    }
                    for key, words in shown.items()
                ],
                "links": [
                    {"source": source, "target": target, "value": times} for (source, target), times in links.items()
                ],
            }
        ],
    }  # fmt: skip


def _depth(key: str, ways: Sequence[tuple[Sequence[str], int]], goes_on: bool) -> int:
    level = int(key.partition("\x1f")[0])
    return level if goes_on else len(ways[0][0]) - level


def _largest(ways: Sequence[tuple[Sequence[str], int]]) -> dict[int, set[str]]:
    """By level the names that stand for themselves."""
    sums: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for nodes, times in ways:
        for level, name in enumerate(nodes, 1):
            sums[level][name] += times
    return {
        level: set(sorted(names, key=lambda name: (-names[name], name))[:MOST_A_LEVEL])
        for level, names in sums.items()
    }

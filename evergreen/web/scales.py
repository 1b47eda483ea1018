"""How a measure turns a value into a score, drawn as a small line or as steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from evergreen.health.rules import Measure
from evergreen.metrics import registry
from evergreen.web import formats

# The drawing: 260 × 96, the plot between these edges.
_LEFT, _RIGHT, _TOP, _BOTTOM = 34.0, 246.0, 12.0, 74.0


def points_of(measure: Measure) -> list[tuple[float, float]]:
    """The corners (value, score) of a measure's scale; a few values beside the ends show that it is clamped."""
    scale = measure.scale
    if scale.kind in {"line", "steps"}:
        return list(scale.points)
    if scale.kind == "target":
        return [(0.0, 0.0), (scale.target, 100.0)]
    if scale.kind == "worth":
        most = 6 * scale.per if scale.worth < 0 else scale.per
        return [(0.0, 0.0), (most, most / scale.per * scale.worth)]
    return [(0.0, 0.0), (100.0, 100.0)]


def drawn(
    measure: Measure, say: Callable[[float], str], value: float | None = None, score: float | None = None
) -> SafeString:
    """The scale with its corners named by ``say``; a dot where an account stands. Of scales that another metric chooses among the
    last one is drawn, which counts for most accounts in time.
    """
    said = described(measure, say)
    if measure.scale.kind == "by":
        measure = replace(measure, scale=measure.scale.choices[-1][1])
    points = points_of(measure)
    low, high = points[0][0], points[-1][0]
    span = (high - low) or 1.0
    scores = [mark for _value, mark in points]
    bottom, top = min(0.0, *scores), max(scores) if measure.scale.kind == "worth" else 100.0

    def place(at: float, mark: float) -> tuple[float, float]:
        across = (min(high + span * 0.08, max(low - span * 0.08, at)) - low) / span
        up = (mark - bottom) / ((top - bottom) or 1.0)
        return _LEFT + 10 + across * (_RIGHT - _LEFT - 20), _BOTTOM - up * (_BOTTOM - _TOP)

    path = _path(points, place, span, stepped=measure.scale.kind == "steps")
    corners = [(*place(at, mark), say(at)) for at, mark in points]
    return format_html(
        '<svg class="scale" viewBox="0 0 260 96" role="img" aria-label="{}">'
        '<line class="grid" x1="{}" y1="{}" x2="{}" y2="{}"/><line class="grid" x1="{}" y1="{}" x2="{}" y2="{}"/>'
        '<text x="{}" y="{}" text-anchor="end">{}</text><text x="{}" y="{}" text-anchor="end">{}</text>'
        '<polyline points="{}"/>{}{}{}</svg>',
        said,
        *(_LEFT, _TOP, _RIGHT, _TOP, _LEFT, _BOTTOM, _RIGHT, _BOTTOM),
        *(_LEFT - 5, _TOP + 4, formats.number(top), _LEFT - 5, _BOTTOM + 4, formats.number(bottom)),
        path,
        format_html_join(
            "",
            '<circle class="corner" cx="{}" cy="{}" r="2.5"/>',
            ((f"{x:.1f}", f"{y:.1f}") for x, y, _said in corners),
        ),
        format_html_join("", '<text x="{}" y="91" text-anchor="{}">{}</text>', _labels(corners)),
        _dot(place, value, score),
    )


def described(measure: Measure, say: Callable[[float], str]) -> str:
    """The scale in words, for those who read rather than see it."""
    scale = measure.scale
    if scale.kind == "by":
        by = registry.metrics().get(scale.metric)
        name = formats.named(dict(by.name)) if by else scale.metric
        parts = [
            _("from %(edge)s: %(scale)s")
            % {"edge": formats.number(edge, 1), "scale": described(replace(measure, scale=one), say)}
            for edge, one in scale.choices
        ]
        return _("by %(metric)s, %(parts)s") % {"metric": name, "parts": " · ".join(parts)}
    if scale.kind == "percentile":
        return _("the share of accounts with a smaller value")
    if scale.kind == "worth":
        said = _("%(value)s is worth %(points)s points")
        return said % {"value": say(scale.per), "points": formats.signed(scale.worth, 1)}
    if scale.kind == "target":
        return _("the share of %(target)s, at most 100") % {"target": say(scale.target)}
    corners = [
        _("%(value)s → %(score)s") % {"value": say(at), "score": formats.number(mark)}
        for at, mark in scale.points
    ]
    return _("; ").join(corners)


def _path(
    points: list[tuple[float, float]],
    place: Callable[[float, float], tuple[float, float]],
    span: float,
    *,
    stepped: bool,
) -> str:
    """Clamped on both sides; steps hold their score up to the next threshold."""
    first, last = points[0], points[-1]
    corners = [(first[0] - span * 0.08, first[1])]
    for at, mark in points:
        if stepped:
            corners.append((at, corners[-1][1]))
        corners.append((at, mark))
    corners.append((last[0] + span * 0.08, last[1]))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(at, mark) for at, mark in corners))


def _labels(corners: list[tuple[float, float, str]]) -> list[tuple[str, str, str]]:
    """Names under the corners, the ends first; one that would touch another is left out."""
    kept: list[tuple[float, str]] = []
    for x, _y, said in [corners[0], corners[-1], *corners[1:-1]]:
        if all(abs(x - other) > 46 for other, _said in kept):
            kept.append((x, said))
    return [(f"{x:.1f}", "middle", said) for x, said in kept]


def _dot(
    place: Callable[[float, float], tuple[float, float]], value: float | None, score: float | None
) -> SafeString:
    if value is None or score is None:
        return SafeString("")
    x, y = place(value, score)
    return format_html('<circle class="here" cx="{}" cy="{}" r="4.5"/>', f"{x:.1f}", f"{y:.1f}")

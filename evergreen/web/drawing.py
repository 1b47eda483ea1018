"""Small drawings as SVG: score ring, sparkline, bars. Sizes stand in attributes, colours in classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from evergreen.health.words import whole_points
from evergreen.web import formats

_CIRCLE = 2 * math.pi * 44


def ring(score: float | None, band: str, highest: float = 100) -> SafeString:
    """A score as the filled part of a ring, with its number; empty and a dash for insufficient data."""
    filled = 0.0 if score is None else max(0.0, min(1.0, score / (highest or 100))) * _CIRCLE
    # A round cap of a 9 px line stands over by half its width at each end.
    dash = max(0.0, filled - 9) if 0 < filled < _CIRCLE else filled
    word = formats.band_word(band)
    shown = None if score is None else whole_points(score)
    label = (
        gettext("Health %(score)s, %(band)s") % {"score": formats.number(shown), "band": word}
        if filled
        else word
    )
    return format_html(
        '<svg class="ring" viewBox="0 0 104 104" role="img" aria-label="{}">'
        '<circle class="track" cx="52" cy="52" r="44" fill="none" stroke-width="9"/>'
        '<circle class="{}" cx="52" cy="52" r="44" fill="none" stroke-width="9" stroke-linecap="{}" '
        'stroke-dasharray="{} {}" transform="rotate({} 52 52)"/>'
        '<text x="52" y="58" text-anchor="middle" font-size="30">{}</text>'
        '<text class="small" x="52" y="75" text-anchor="middle" font-size="11">{}</text></svg>',
        label,
        formats.band_tone(band),
        "round" if filled else "butt",
        f"{dash:.1f}",
        f"{_CIRCLE:.1f}",
        "-84.1" if 0 < filled < _CIRCLE else "-90",
        formats.number(shown),
        word if score is None else gettext("of %(highest)s") % {"highest": formats.number(highest)},
    )


def sparkline(values: Sequence[float | None], label: str = "") -> SafeString:
    """A line without axes. Gaps stay gaps; fewer than two points draw nothing."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return SafeString("")
    low, high = min(known), max(known)
    span = (high - low) or 1
    step = 120 / (len(values) - 1)
    lines: list[list[str]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            lines.append([])
        else:
            lines[-1].append(f"{place * step:.1f},{26 - (value - low) / span * 22:.1f}")
    drawn = format_html_join(
        "",
        '<polyline points="{}" vector-effect="non-scaling-stroke"/>',
        ((" ".join(line),) for line in lines if len(line) > 1),
    )
    return format_html(
        '<svg class="sparkline" viewBox="0 0 120 28" preserveAspectRatio="none" fill="none" '
        'stroke="currentColor" stroke-width="1.6" stroke-linejoin="round" '
        'role="img" aria-label="{}">{}</svg>',
        label
        or gettext("From %(first)s to %(last)s")
        % {
            "first": formats.number(known[0]),
            "last": formats.number(known[-1]),
        },
        drawn,
    )


def change_bar(share: float, tone: str = "") -> SafeString:
    """A bar from the middle to the left (below 0) or right; ``share`` between −1 and 1."""
    width = min(1.0, abs(share)) * 50
    name = tone or ("good" if share > 0 else "bad")
    start = 50.0 if share > 0 else 50 - width
    return format_html(
        '<svg class="bar" height="6" aria-hidden="true"><rect class="track" width="100%" height="6" rx="3"/>'
        '<rect class="{}" x="{}%" width="{}%" height="6" rx="3"/></svg>',
        name,
        f"{start:.1f}",
        f"{width:.1f}",
    )


def share_bar(share: float | None, tone: str = "brand") -> SafeString:
    """A filled part of a line, 0 to 1."""
    return format_html(
        '<svg class="bar" height="6" aria-hidden="true"><rect class="track" width="100%" height="6" rx="3"/>'
        '<rect class="{}" width="{}%" height="6" rx="3"/></svg>',
        tone,
        f"{min(1.0, max(0.0, share or 0)) * 100:.1f}",
    )


def interval_bar(
    share: float | None, low: float | None, high: float | None, tone: str = "brand", most: float = 1.0
) -> SafeString:
    """A filled part of a line from 0 to ``most`` with the interval around its end as a stroke."""
    if share is None or low is None or high is None:
        return SafeString("")
    width, start, end = (min(1.0, max(0.0, one / most)) * 100 for one in (share, low, high))
    return format_html(
        '<svg class="bar interval" height="12" aria-hidden="true"><rect class="track" y="3" width="100%" height="6" rx="3"/>'
        '<rect class="{}" y="3" width="{}%" height="6" rx="3"/><rect class="spread" x="{}%" y="5" width="{}%" height="2"/></svg>',
        tone,
        f"{width:.1f}",
        f"{start:.1f}",
        f"{max(0.4, end - start):.1f}",
    )


def difference_bar(value: float, low: float, high: float, most: float) -> SafeString:
    """A difference with its interval on a line from -``most`` to ``most``; coloured where zero lies outside."""
    at, start, end = (50 + 48 * max(-1.0, min(1.0, one / (most or 1))) for one in (value, low, high))
    tone = "none" if low <= 0 <= high else "info"
    return format_html(
        '<svg class="bar difference" height="16" aria-hidden="true"><rect class="track" y="7" width="100%" height="2"/>'
        '<rect class="spread" x="50%" y="0" width="1" height="16"/><rect class="{}" x="{}%" y="5" width="{}%" height="6" rx="3"/>'
        '<rect class="spread" x="{}%" y="3" width="3" height="10"/></svg>',
        tone,
        f"{start:.1f}",
        f"{max(0.6, end - start):.1f}",
        f"{at:.1f}",
    )


def mix(counts: Mapping[str, int]) -> SafeString:
    """Bands of a book as one stacked bar; ``counts`` by band name. The figures stand in words beside it."""
    total = sum(counts.values())
    if not total:
        return SafeString("")
    parts, start = [], 0.0
    for band in ("green", "yellow", "red", "insufficient_data"):
        width = counts.get(band, 0) / total * 100
        if width:
            parts.append((formats.band_tone(band), f"{start:.2f}", f"{width:.2f}"))
            start += width
    drawn = format_html_join("", '<rect class="{}" x="{}%" width="{}%" height="10"/>', parts)
    return format_html('<svg class="bar mix" height="10" aria-hidden="true">{}</svg>', drawn)

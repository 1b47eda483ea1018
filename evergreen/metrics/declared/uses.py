"""Who refers to a metric, and whether a formula would read itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from evergreen.base.languages import in_words
from evergreen.metrics import registry
from evergreen.metrics.models import Segment, Use
from evergreen.metrics.rules import Metric


@dataclass(frozen=True, slots=True)
class Used:
    """One thing that refers to a metric: ``kind`` and ``ref`` as in ``Use``, and in words."""

    kind: str
    ref: str
    words: str


def used_by(key: str) -> list[Used]:
    """What refers to a metric; two queries. Built-in formulas count too, though they leave no row."""
    rows = list(Use.objects.filter(metric=key).order_by("kind", "ref").values_list("kind", "ref"))
    rows += [
        ("metric", one.key)
        for one in registry.metrics().values()
        if not one.is_own and key in registry.read_by(one)
    ]
    asked = [ref for kind, ref in rows if kind == "segment"]
    segments = dict(Segment.objects.filter(key__in=asked).values_list("key", "name")) if asked else {}
    return [Used(kind, ref, _said(kind, ref, segments)) for kind, ref in rows]


def _said(kind: str, ref: str, segments: Mapping[str, Mapping[str, str]]) -> str:
    names = {
        "scorecard": _("scorecard %(name)s"),
        "segment": _("segment %(name)s"),
        "metric": _("metric %(name)s"),
        "alert_rule": _("alert rule %(name)s"),
    }
    name: Mapping[str, str] = segments.get(ref, {}) if kind == "segment" else {}
    if kind == "metric" and (metric := registry.find(ref)) is not None:
        name = metric.name
    shown = in_words(name) or ref
    return names.get(kind, f"{kind} %(name)s") % {"name": shown}


def circle(key: str, metric: Metric, known: Mapping[str, Metric]) -> list[str]:
    """The way on which the formula of ``metric``, saved as ``key``, would come back to itself; empty when it does not."""
    graph = {**known, key: metric}
    way: list[str] = []
    seen: set[str] = set()

    def leads_back(at: str) -> bool:
        way.append(at)
        for one in sorted(registry.read_by(graph[at])) if at in graph else ():
            if one == key:
                way.append(key)
                return True
            if one not in seen:
                seen.add(one)
                if leads_back(one):
                    return True
        way.pop()
        return False

    return way if leads_back(key) else []

"""The list of metrics by group, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evergreen.health.models import Scorecard
from evergreen.metrics import registry, words
from evergreen.metrics.models import Segment, Use
from evergreen.metrics.rules import Metric, Usage
from evergreen.web import formats


@dataclass(frozen=True, slots=True)
class Line:
    """A metric in the list, with how many of the accounts have a value."""

    metric: Metric
    name: str
    explanation: str
    unit: str
    window: str
    used_by: list[str]


@dataclass(frozen=True, slots=True)
class Group:
    key: str
    name: str
    lines: list[Line]


class Listing:
    """The list as its address asks for it: words, one group, and whose metrics."""

    def __init__(self, query: Mapping[str, str]) -> None:
        self.text = query.get("q", "")[:100]
        self.group = query.get("group", "")
        self.whose = query.get("whose", "")

    @property
    def choices(self) -> list[tuple[str, str]]:
        return [
            ("", _("All")),
            ("own", _("Own")),
            ("built-in", _("Built in")),
            ("retired", _("Retired")),
        ]

    @property
    def group_choices(self) -> list[tuple[str, str]]:
        return [(key, formats.named(dict(name))) for key, name in registry.groups().items()]

    @cached_property
    def groups(self) -> list[Group]:
        """The metrics by group, those whose name, key or explanation has the words; a fixed number of queries."""
        uses: dict[str, list[str]] = {}
        names = use_names()
        for metric, kind, ref in Use.objects.values_list("metric", "kind", "ref"):
            uses.setdefault(metric, []).append(use_words(kind, ref, names))
        wanted = self.text.strip().casefold()
        known = registry.current()
        shown = known.retired if self.whose == "retired" else known.metrics
        made = []
        for key, name in registry.groups().items():
            if self.group not in {"", key}:
                continue
            lines = [
                _line(metric, uses.get(metric.key, []))
                for metric in shown.values()
                if metric.group == key and wanted in _said(metric) and self._is_wanted(metric)
            ]
            if lines:
                made.append(Group(key, formats.named(dict(name)), lines))
        return made

    def _is_wanted(self, metric: Metric) -> bool:
        return self.whose in {"", "retired"} or (self.whose == "own") == metric.is_own

    @property
    def count(self) -> int:
        return sum(len(group.lines) for group in self.groups)


def _said(metric: Metric) -> str:
    return " ".join([metric.key, *metric.name.values(), *metric.explanation.values()]).casefold()


def _line(metric: Metric, used_by: list[str]) -> Line:
    return Line(
        metric=metric,
        name=formats.named(dict(metric.name)),
        explanation=formats.named(dict(metric.explanation)),
        unit=unit_words(metric),
        window=window_words(metric),
        used_by=used_by,
    )


def use_names() -> dict[tuple[str, str], Any]:
    """The names of what may use a metric, by kind and key."""
    found: dict[tuple[str, str], Any] = {}
    for kind, model in (("scorecard", Scorecard), ("segment", Segment)):
        for key, name in model.objects.values_list("key", "name"):
            found[kind, key] = name
    for metric in registry.metrics().values():
        found["metric", metric.key] = dict(metric.name)
    return found


def use_words(kind: str, ref: str, names: Mapping[tuple[str, str], Any]) -> str:
    """What uses a metric: its kind and name."""
    said = {"name": formats.named(names.get((kind, ref), ref))}
    match kind:
        case "scorecard":
            return _("scorecard %(name)s") % said
        case "segment":
            return _("segment %(name)s") % said
        case "metric":
            return _("metric %(name)s") % said
    return f"{kind} {ref}"


def unit_words(metric: Metric) -> str:
    """What a value counts, in a word."""
    kinds = {
        "share": _("share"),
        "days": _("days"),
        "money": _("money"),
        "date": _("date"),
        "number": _("number"),
        "count": _("count"),
    }
    return words.unit_of(metric, formats.language()) or kinds[metric.kind]


def window_words(metric: Metric) -> str:
    """How far back it looks."""
    if not metric.window_days:
        return _("as of the day")
    said = ngettext("%(n)s day", "%(n)s days", metric.window_days) % {"n": metric.window_days}
    lag = metric.of.lag if isinstance(metric.of, Usage) else 0
    return _("%(days)s, ending %(lag)s days before") % {"days": said, "lag": lag} if lag else said

"""Every metric there is: the built-in library and what the vendor declared, read together and kept until one changes.

A built-in metric is found without asking the database. Inside ``held`` (a page, a night) the declared ones are
looked at once; elsewhere each look asks for their stamps, one query.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from evergreen.metrics import formula
from evergreen.metrics.library import GROUPS, METRICS
from evergreen.metrics.rules import Formula, Metric, Words

log = logging.getLogger(__name__)

# Keys of declared metrics begin so: no version of Evergreen brings a built-in one of that name, and none is a word of SQL.
PREFIX = "own_"
OWN_GROUP = "own"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a declared metric, in force from ``counts_from`` until the next one is."""

    metric: Metric
    counts_from: dt.date


@dataclass(frozen=True, slots=True)
class OnDay:
    """What a snapshot of a day computes: the definitions in force, and the metrics that have none on it yet."""

    metrics: tuple[Metric, ...]
    absent: tuple[Metric, ...] = ()

    def closure(self, keys: set[str]) -> OnDay:
        """Only these metrics and what their formulas read, directly or not."""
        by_key = {metric.key: metric for metric in (*self.metrics, *self.absent)}
        wanted, todo = set(), [key for key in keys if key in by_key]
        while todo:
            key = todo.pop()
            if key not in wanted:
                wanted.add(key)
                todo += [one for one in read_by(by_key[key]) if one in by_key]
        return OnDay(
            tuple(metric for metric in self.metrics if metric.key in wanted),
            tuple(metric for metric in self.absent if metric.key in wanted),
        )

    def dependents(self, key: str) -> set[str]:
        """The metrics whose formulas read this one, directly or not."""
        found: set[str] = set()
        while True:
            more = {m.key for m in self.metrics if read_by(m) & (found | {key})} - found
            if not more:
                return found
            found |= more


@dataclass(frozen=True, slots=True)
class Registry:
    """``metrics``: those in use by key, built-in ones first. ``retired``: declared ones that are not computed any more.
    ``versions``: of each declared one, oldest first. ``broken``: definitions that cannot be read any more, with why.
    """

    metrics: Mapping[str, Metric]
    retired: Mapping[str, Metric] = field(default_factory=dict)
    versions: Mapping[str, tuple[Version, ...]] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)

    def on(self, day: dt.date) -> OnDay:
        """The definitions in force on a day."""
        metrics, absent = [], []
        for metric in self.metrics.values():
            chosen = metric
            if metric.is_own:
                in_force = [one for one in self.versions[metric.key] if one.counts_from <= day]
                if not in_force:
                    absent.append(metric)
                    continue
                chosen = max(in_force, key=lambda one: one.metric.version).metric
            metrics.append(chosen)
        return OnDay(tuple(metrics), tuple(absent))


_BUILT_IN = Registry(METRICS)
_cache: tuple[tuple[Any, ...], Registry] = ((), _BUILT_IN)


class _Held:
    registry: Registry | None = None


_held: ContextVar[_Held | None] = ContextVar("held_registry", default=None)


@contextmanager
def held() -> Iterator[None]:
    """Within the block the declared metrics are looked at once, and again after ``forget``."""
    if _held.get() is not None:
        yield
        return
    token = _held.set(_Held())
    try:
        yield
    finally:
        _held.reset(token)


def forget() -> None:
    """A declared metric was changed here: look again."""
    if (box := _held.get()) is not None:
        box.registry = None


@contextmanager
def supposing(drafts: Iterable[Metric]) -> Iterator[None]:
    """Within the block these metrics stand beside those there are, though they are not saved."""
    known = current()
    box = _Held()
    box.registry = replace(known, metrics={**known.metrics, **{one.key: one for one in drafts}})
    token = _held.set(box)
    try:
        yield
    finally:
        _held.reset(token)


def current() -> Registry:
    """Every metric as it stands now."""
    box = _held.get()
    if box is not None and box.registry is not None:
        return box.registry
    found = _looked_up()
    if box is not None:
        box.registry = found
    return found


def find(key: str) -> Metric | None:
    """A metric in use or retired; None when there is none of that key."""
    if key in METRICS:
        return METRICS[key]
    if not key.startswith(PREFIX):
        return None
    known = current()
    return known.metrics.get(key) or known.retired.get(key)


def metric(key: str) -> Metric:
    """A metric by its key. Raises KeyError."""
    found = find(key)
    if found is None:
        raise KeyError(key)
    return found


def metrics() -> Mapping[str, Metric]:
    """The metrics in use by key, built-in ones first."""
    return current().metrics


def groups() -> dict[str, Words]:
    """The groups of metrics by key, with the vendor's own last."""
    return {**GROUPS, OWN_GROUP: {"zh": "自有指标", "en": "Own metrics"}}


def read_by(metric: Metric) -> set[str]:
    """The metrics that a metric's formula reads; none for other definitions."""
    return formula.inputs(metric.of.text) if isinstance(metric.of, Formula) else set()


def _looked_up() -> Registry:
    from evergreen.metrics.models import DeclaredMetric

    global _cache
    stamps = tuple(DeclaredMetric.objects.order_by("pk").values_list("stamp", flat=True))
    if not stamps:
        return _BUILT_IN
    kept, registry = _cache
    if kept != stamps:
        registry = _read()
        _cache = (stamps, registry)
    return registry


def _read() -> Registry:
    """Both tables; a definition that cannot be read any more is left out and said, so that the night goes on."""
    from evergreen.metrics.declared.reading import versions_of
    from evergreen.metrics.models import DeclaredMetric

    rows = DeclaredMetric.objects.select_related("owner").prefetch_related("versions")
    versions: dict[str, tuple[Version, ...]] = {}
    retired: dict[str, Metric] = {}
    broken: dict[str, str] = {}
    found = dict(METRICS)
    for row in rows:
        try:
            told = versions_of(row)
        except ValueError as error:
            broken[row.key] = str(error)
            log.error("The metric %s cannot be read any more and is not computed: %s", row.key, error)
            continue
        versions[row.key] = told
        (retired if row.is_retired else found)[row.key] = told[-1].metric
    for key in _without_inputs(found):
        broken[key] = "its formula reads a metric that is not there any more"
        del found[key]
    return Registry(found, retired, versions, broken)


def _without_inputs(found: Mapping[str, Metric]) -> set[str]:
    """Declared metrics whose formulas cannot be computed because something they read is gone."""
    gone: set[str] = set()
    while True:
        more = {
            key for key, one in found.items() if one.is_own and key not in gone and any(
                name in gone or name not in found for name in read_by(one)
            )
        }  # fmt: skip
        if not more:
            return gone
        gone |= more

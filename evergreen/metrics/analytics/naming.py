"""Which events are which feature, as expressions: the decisions of ``events.features.Matchers``, made once for each name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property, reduce
from operator import or_
from typing import Any

import ibis
import pyarrow as pa

from evergreen.events.features import Matchers
from evergreen.events.warehouses import functions
from evergreen.metrics.analytics.questions import What
from evergreen.metrics.analytics.tables import LABELS, NAMED

OTHER = -1


@dataclass(frozen=True, slots=True)
class Asked:
    """One property that decides for a name: where it has ``value``, the event is of ``feature``."""

    property: str
    value: str | None
    feature: str


@dataclass(frozen=True, slots=True)
class Decision:
    """How an event of one name finds its feature: the first property that fits, else ``feature``, else (None) as the event
    names itself.
    """

    asked: tuple[Asked, ...]
    feature: str | None


def decided(name: str, matchers: Matchers) -> Decision:
    """The decision for an event name; equal to ``Matchers.feature`` for every event of that name."""
    if name in matchers.exact:
        return Decision((), matchers.exact[name])
    asked: list[Asked] = []
    for one in matchers.ordered:
        if not fnmatchcase(name, one.event):
            continue
        if one.property is None:
            return Decision(tuple(asked), one.feature)
        asked.append(Asked(one.property, one.value, one.feature))
    return Decision(tuple(asked), None)


@dataclass(frozen=True)
class Book:
    """The event names of a range with their decisions; ``features`` are the keys that events may name themselves by."""

    decisions: dict[str, Decision]
    features: frozenset[str]

    @classmethod
    def of(cls, names: Iterable[str], matchers: Matchers) -> Book:
        return cls({name: decided(name, matchers) for name in names}, matchers.keys)

    def holds(self, events: Any, what: What) -> Any:
        """Whether an event is what is asked for."""
        if what.kind == "any":
            return ibis.literal(True)
        if what.kind == "event":
            return events.name == what.key
        by_name = [name for name, one in self.decisions.items() if not one.asked and one.feature == what.key]
        parts: list[Any] = [events.name.isin(by_name)] if by_name else []
        open_names = [name for name, one in self.decisions.items() if not one.asked and one.feature is None]
        if open_names and what.key in self.features:
            parts.append(
                events.name.isin(open_names) & (events.feature == what.key).coalesce(ibis.literal(False))
            )
        for one, names in self._by_properties.items():
            leads = one.feature == what.key or any(each.feature == what.key for each in one.asked)
            if leads or (one.feature is None and what.key in self.features):
                parts.append(events.name.isin(names) & (self._by_property(events, one) == what.key))
        return reduce(or_, parts) if parts else ibis.literal(False)

    @cached_property
    def _by_properties(self) -> dict[Decision, list[str]]:
        """Decisions that ask for properties, with the names that share each."""
        found: dict[Decision, list[str]] = defaultdict(list)
        for name, one in self.decisions.items():
            if one.asked:
                found[one].append(name)
        return found

    def _by_property(self, events: Any, decision: Decision) -> Any:
        """The feature of events whose properties decide; an empty text for none."""
        branches = [(_fits(events.properties, one), ibis.literal(one.feature)) for one in decision.asked]
        if decision.feature is not None:
            last: Any = ibis.literal(decision.feature)
        else:
            own = events.feature.isin(sorted(self.features)) if self.features else ibis.literal(False)
            last = ibis.ifelse(own.coalesce(ibis.literal(False)), events.feature, ibis.literal(""))
        return ibis.cases(*branches, else_=last)

    def with_nodes(self, events: Any, nodes: str, labels: list[str]) -> Any:
        """Adds ``node``: the place of the event's feature (or name, ``nodes="events"``) in ``labels``, else OTHER.

        Needs the table of ``named``. Events without a feature are left out where nodes are features.
        """
        joined = events.left_join(NAMED, events.name == NAMED.name).drop("name_right")
        if nodes == "events":
            return joined.mutate(node=joined.node.coalesce(OTHER))
        branches = [
            (joined.name.isin(names), self._by_property(joined, one))
            for one, names in self._by_properties.items()
        ]
        names_itself = any(not one.asked and one.feature is None for one in self.decisions.values())
        if names_itself and self.features:
            branches.append((joined.node.isnull(), joined.feature))
        if branches:
            joined = joined.mutate(said=ibis.cases(*branches, else_=ibis.null("string")))
            joined = joined.left_join(LABELS, joined.said == LABELS.key).drop("said", "key")
            joined = joined.mutate(node=joined.node.coalesce(joined.place)).drop("place")
        return joined.filter(joined.node.notnull())

    def named(self, nodes: str, labels: list[str]) -> dict[str, pa.Table]:
        """The tables of ``with_nodes``: names whose node is decided by the name alone, and the places of the labels."""
        place = {key: at for at, key in enumerate(labels)}
        rows: list[tuple[str, int]] = []
        for name, one in self.decisions.items():
            key = name if nodes == "events" else one.feature
            if nodes == "features" and (one.asked or key is None):
                continue
            rows.append((name, place.get(str(key), OTHER)))
        # A feature that is no label is another one still.
        places = {key: place.get(key, OTHER) for key in {*self.features, *place}}
        return {
            "asked_names": _pairs("name", "node", rows),
            "asked_labels": _pairs("key", "place", places.items()),
        }


def _pairs(text: str, number: str, rows: Iterable[tuple[str, int]]) -> pa.Table:
    listed = list(rows)
    return pa.table(
        {
            text: pa.array([one for one, _ in listed], pa.string()),
            number: pa.array([at for _, at in listed], pa.int32()),
        }
    )


def _fits(properties: Any, asked: Asked) -> Any:
    """Whether a JSON value is a matcher's: a text as it is, others as they are written."""
    text, written = (
        functions.said_text(properties, asked.property),
        functions.said_json(properties, asked.property),
    )
    if asked.value is None:
        return written.isnull() | (written == "null")
    other = text.isnull() & (written == asked.value)
    return ((text == asked.value) | other).coalesce(ibis.literal(False))

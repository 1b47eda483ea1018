"""How events become features: ordered matchers, exact names first (product.md 0: *feature*)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase

from evergreen.customers.models import Feature


@dataclass(frozen=True, slots=True)
class Matcher:
    """An event name or glob pattern, with a property that must have a value, or without."""

    feature: str
    event: str
    property: str | None
    value: str | None


@dataclass(frozen=True, slots=True)
class Matchers:
    """Every matcher of every feature: those of exact event names, then the others in their order."""

    exact: dict[str, str]
    ordered: tuple[Matcher, ...]
    keys: frozenset[str]
    properties: tuple[str, ...]

    @classmethod
    def load(cls) -> Matchers:
        exact: dict[str, str] = {}
        ordered: list[Matcher] = []
        keys = set()
        for key, matchers in Feature.objects.order_by("pk").values_list("key", "matchers"):
            keys.add(key)
            for entry in matchers:
                matcher = Matcher(key, entry.get("event", "*"), entry.get("property"), entry.get("value"))
                if matcher.property is None and not set(matcher.event) & set("*?["):
                    exact.setdefault(matcher.event, key)
                else:
                    ordered.append(matcher)
        asked = dict.fromkeys(matcher.property for matcher in ordered if matcher.property)
        return cls(exact, tuple(ordered), frozenset(keys), tuple(name for name in asked if name))

    def feature(self, event: str, named: str | None, probe: str | None) -> str | None:
        """The feature of an event: by its exact name, else by the first matcher that fits, else as it names itself.

        ``probe`` is the JSON list of the event's values for ``properties``, null where it has none of them.
        """
        if event in self.exact:
            return self.exact[event]
        values = dict(zip(self.properties, json.loads(probe), strict=True)) if probe else {}
        for matcher in self.ordered:
            if not fnmatchcase(event, matcher.event):
                continue
            if matcher.property is None or _text(values.get(matcher.property)) == matcher.value:
                return matcher.feature
        return named if named in self.keys else None


def _text(value: object) -> str | None:
    """A JSON value as matchers write it."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)

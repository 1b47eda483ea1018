"""A scorecard's definition: plain data (as a row, a form and a file have it) to the card that scores, and back.

Every mistake is said at once: where, what was found, what is allowed. Numbers may come as texts, as files have them.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise
from typing import Any, get_args

from django.utils.translation import gettext as _

from evergreen.health.rules import Cap, Card, Measure, Missing, Scale

MISSING_POLICIES: tuple[Missing, ...] = get_args(Missing)
SCALES = ("line", "steps", "target", "percentile", "by")
MOST_MEASURES = 30
MOST_POINTS = 12
_KEYS = (
    "additive", "reachable", "bands", "coverage_floor", "drop_alerts", "dimensions", "measures", "caps",
)  # fmt: skip
_MEASURE_KEYS = (
    "key", "metric", "name", "dimension", "weight", "scale", "missing", "as_of", "max_age_days",
)  # fmt: skip
_SCALE_KEYS = {
    "line": ("points",), "steps": ("points",), "target": ("target",), "percentile": (), "worth": ("per", "worth"),
    "by": ("metric", "choices"),
}  # fmt: skip
KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")


class ScorecardError(ValueError):
    """A definition that cannot be scored; ``problems`` has a line a mistake."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(dict.fromkeys(problems))
        super().__init__("\n".join(self.problems))


def card_from(data: Mapping[str, Any], metrics: Collection[str] | None = None) -> Card:
    """The card that plain data defines. ``metrics`` are those that it may read, any where None. Raises ScorecardError."""
    reader = _Reader(metrics)
    card = reader.card(data)
    if reader.problems or card is None:
        raise ScorecardError(reader.problems)
    return card


def told(card: Card) -> dict[str, Any]:
    """The card as plain data in its usual order; what is as it is by default is left out."""
    found: dict[str, Any] = {}
    if card.additive:
        found["additive"] = True
    if card.reachable != 100:
        found["reachable"] = plain(card.reachable)
    found["bands"] = {"green": plain(card.green), "yellow": plain(card.yellow)}
    found["coverage_floor"] = plain(card.coverage_floor)
    if not card.drop_alerts:
        found["drop_alerts"] = False
    if card.dimensions:
        found["dimensions"] = {key: _words(name) for key, name in card.dimensions.items()}
    found["measures"] = [_measure_told(measure) for measure in card.measures]
    if card.caps:
        found["caps"] = [
            {
                "metric": cap.metric,
                **({"above": plain(cap.above)} if cap.above is not None else {}),
                **({"below": plain(cap.below)} if cap.below is not None else {}),
                "at_most": plain(cap.at_most),
            }
            for cap in card.caps
        ]
    return found


def plain(value: float) -> float | int:
    """A number as people write it: 25 and not 25.0."""
    return int(value) if float(value).is_integer() else value


def _words(name: Mapping[str, str]) -> dict[str, str]:
    return {language: name[language] for language in ("zh", "en") if name.get(language)}


def _measure_told(measure: Measure) -> dict[str, Any]:
    found: dict[str, Any] = {"key": measure.key, "metric": measure.metric, "name": _words(measure.name)}
    if measure.dimension:
        found["dimension"] = measure.dimension
    found["weight"] = plain(measure.weight)
    found["scale"] = _scale_told(measure.scale)
    if measure.missing != "leave_out":
        found["missing"] = measure.missing
    if measure.as_of:
        found["as_of"] = measure.as_of
    if measure.max_age_days is not None:
        found["max_age_days"] = measure.max_age_days
    return found


def _scale_told(scale: Scale) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": scale.kind}
    match scale.kind:
        case "line" | "steps":
            found["points"] = [[plain(value), plain(mark)] for value, mark in scale.points]
        case "target":
            found["target"] = plain(scale.target)
        case "worth":
            found |= {"per": plain(scale.per), "worth": plain(scale.worth)}
        case "by":
            found["metric"] = scale.metric
            found["choices"] = [[plain(edge), _scale_told(one)] for edge, one in scale.choices]
    return found


class _Reader:
    """Reads values of a definition and keeps what is wrong with them."""

    def __init__(self, metrics: Collection[str] | None) -> None:
        self._metrics = metrics
        self.problems: list[str] = []

    def wrong(self, where: str, found: Any, allowed: str) -> None:
        shown = "-" if found in (None, "") else str(found)[:80]
        said = _("%(where)s: found %(found)s; allowed: %(allowed)s.")
        self.problems.append(said % {"where": where, "found": shown, "allowed": allowed})

    def card(self, data: Any) -> Card | None:
        if not isinstance(data, Mapping):
            self.wrong("scorecard", data, ", ".join(_KEYS))
            return None
        self._only(data, _KEYS, "")
        additive = self._flag(data, "additive", default=False)
        dimensions = self._dimensions(data.get("dimensions") or {})
        measures = self._measures(data.get("measures"), dimensions, additive=additive)
        bands = self._mapping(data.get("bands") or {}, "bands", ("green", "yellow"))
        green = self._number(bands, "green", "bands: ", default=80.0)
        yellow = self._number(bands, "yellow", "bands: ", default=60.0)
        if not 0 <= yellow < green <= 100:
            self.wrong("bands", f"yellow {yellow:g}, green {green:g}", "0 ≤ yellow < green ≤ 100")
        floor = self._number(data, "coverage_floor", default=0.5, least=0, most=1)
        return Card(
            measures=tuple(measures),
            green=green,
            yellow=yellow,
            reachable=self._number(data, "reachable", default=100.0, least=1, most=100),
            coverage_floor=floor,
            additive=additive,
            drop_alerts=self._flag(data, "drop_alerts", default=True),
            caps=tuple(self._caps(data.get("caps") or ())),
            dimensions=dimensions,
        )

    def _only(self, data: Mapping[str, Any], allowed: Iterable[str], where: str) -> None:
        for key in data:
            if key not in allowed:
                self.wrong(f"{where}{key}", data[key], _("only %(keys)s") % {"keys": ", ".join(allowed)})

    def _mapping(self, given: Any, where: str, allowed: Iterable[str]) -> Mapping[str, Any]:
        if not isinstance(given, Mapping):
            self.wrong(where, given, ", ".join(allowed))
            return {}
        self._only(given, allowed, f"{where}: ")
        return given

    def _flag(self, data: Mapping[str, Any], key: str, *, default: bool) -> bool:
        found = data.get(key, default)
        if found in (True, "true"):
            return True
        if found not in (False, "false"):
            self.wrong(key, found, "true, false")
        return False

    def _number(
        self,
        data: Mapping[str, Any],
        key: str,
        where: str = "",
        *,
        default: float | None = None,
        least: float = -1e15,
        most: float = 1e15,
    ) -> float:
        found = data.get(key)
        if found in (None, "") and default is not None:
            return default
        value = number_of(found)
        if value is None or not least <= value <= most:
            bounds = _("a number")
            if least > -1e15 or most < 1e15:
                bounds = _("a number from %(least)s to %(most)s") % {
                    "least": f"{least:g}",
                    "most": f"{most:g}" if most < 1e15 else "…",
                }
            self.wrong(f"{where}{key}", found, bounds)
            return default if default is not None else 0.0
        return value

    def _name(self, given: Any, where: str) -> dict[str, str]:
        if isinstance(given, str) and given.strip():
            given = {"zh": given.strip()}
        if not isinstance(given, Mapping) or not given or not given.keys() <= {"zh", "en"}:
            self.wrong(where, given, "zh, en")
            return {}
        words = {key: str(text).strip()[:80] for key, text in given.items() if str(text).strip()}
        if not words:
            self.wrong(where, "", "zh, en")
        # A name in one language serves for both.
        return {"zh": words.get("zh") or words.get("en", ""), "en": words.get("en") or words.get("zh", "")}

    def _dimensions(self, given: Any) -> dict[str, Mapping[str, str]]:
        if not isinstance(given, Mapping):
            self.wrong("dimensions", given, _("a key with its name, for each"))
            return {}
        found: dict[str, Mapping[str, str]] = {}
        for key, name in given.items():
            self._key(key, f"dimensions: {key}")
            found[key] = self._name(name, f"dimensions: {key}")
        return found

    def _key(self, key: Any, where: str) -> str:
        if not isinstance(key, str) or not KEY.fullmatch(key):
            self.wrong(where, key, _("small letters, digits and underscores, a letter first, at most 40"))
        return str(key)

    def _metric(self, found: Any, where: str) -> str:
        key = str(found or "")
        if not KEY.fullmatch(key) and not re.fullmatch(r"[a-z][a-z0-9_]*", key):
            self.wrong(where, found, _("the key of a metric"))
        elif self._metrics is not None and key not in self._metrics:
            near = difflib.get_close_matches(key, list(self._metrics), 3, 0.5)
            known = ", ".join(near) or _("any of docs/metrics.md")
            self.wrong(where, key, _("the key of a metric, as %(near)s") % {"near": known})
        return key

    def _measures(self, given: Any, dimensions: Mapping[str, Any], *, additive: bool) -> Iterable[Measure]:
        if not isinstance(given, list | tuple) or not 1 <= len(given) <= MOST_MEASURES:
            found = len(given) if isinstance(given, list | tuple) else given
            self.wrong("measures", found, _("a list of 1 to %(most)s measures") % {"most": MOST_MEASURES})
            return []
        found_measures = [
            self._measure(entry, place, dimensions, additive=additive) for place, entry in enumerate(given, 1)
        ]
        keys = [measure.key for measure in found_measures]
        for key in sorted({key for key in keys if keys.count(key) > 1}):
            self.wrong(f"measures: {key}", _("twice"), _("each key once"))
        if not sum(measure.weight for measure in found_measures) > 0:
            self.wrong("measures: weight", 0, _("at least one weight above 0"))
        return found_measures

    def _measure(self, entry: Any, place: int, dimensions: Mapping[str, Any], *, additive: bool) -> Measure:
        where = f"measures: {place}"
        if not isinstance(entry, Mapping):
            self.wrong(where, entry, ", ".join(_MEASURE_KEYS))
            return Measure(str(place), "", {}, 0.0, Scale("percentile"))
        key = self._key(entry.get("key", ""), f"{where}: key")
        where = f"measures: {key or place}: "
        self._only(entry, _MEASURE_KEYS, where)
        missing: Any = entry.get("missing") or "leave_out"
        if missing not in MISSING_POLICIES:
            self.wrong(f"{where}missing", missing, ", ".join(MISSING_POLICIES))
            missing = "leave_out"
        dimension = str(entry.get("dimension") or "")
        if dimension and dimension not in dimensions:
            self.wrong(f"{where}dimension", dimension, ", ".join(dimensions) or _("none is defined"))
        age = entry.get("max_age_days")
        as_of = entry.get("as_of")
        if age not in (None, "") and not as_of:
            self.wrong(f"{where}max_age_days", age, _("only with as_of, the metric that dates the value"))
        days = (
            None if age in (None, "") else int(self._number(entry, "max_age_days", where, least=1, most=3650))
        )
        return Measure(
            key=key,
            metric=self._metric(entry.get("metric"), f"{where}metric"),
            name=self._name(entry.get("name") or {"en": key}, f"{where}name"),
            weight=self._number(entry, "weight", where, least=0, most=100_000),
            scale=self._scale(entry.get("scale"), f"{where}scale: ", additive=additive),
            dimension=dimension,
            missing=missing,
            as_of=self._metric(as_of, f"{where}as_of") if as_of else "",
            max_age_days=days,
        )

    def _scale(self, given: Any, where: str, *, additive: bool, inner: bool = False) -> Scale:
        allowed = ("worth",) if additive else SCALES[:-1] if inner else SCALES
        kind: Any = given.get("kind") if isinstance(given, Mapping) else given
        if not isinstance(given, Mapping) or kind not in allowed:
            self.wrong(f"{where}kind", kind, ", ".join(allowed))
            return Scale("percentile")
        self._only(given, ("kind", *_SCALE_KEYS[kind]), where)
        match kind:
            case "line" | "steps":
                return Scale(kind, self._points(given.get("points"), where))
            case "target":
                target = self._number(given, "target", where)
                if target <= 0:
                    self.wrong(f"{where}target", given.get("target"), _("a number above 0"))
                return Scale("target", target=target or 1.0)
            case "worth":
                per = self._number(given, "per", where)
                if per == 0:
                    self.wrong(f"{where}per", per, _("a number that is not 0"))
                return Scale("worth", per=per or 1.0, worth=self._number(given, "worth", where))
            case "by":
                return self._by(given, where)
        return Scale("percentile")

    def _points(self, given: Any, where: str) -> tuple[tuple[float, float], ...]:
        pairs = given if isinstance(given, list | tuple) else ()
        if all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
            numbers = [(number_of(value), number_of(mark)) for value, mark in pairs]
            points = [(v, m) for v, m in numbers if v is not None and m is not None and 0 <= m <= 100]
            rising = all(a[0] < b[0] for a, b in pairwise(points))
            if 2 <= len(points) == len(pairs) <= MOST_POINTS and rising:
                return tuple(points)
        said = _("2 to %(most)s pairs [value, mark], rising values, marks from 0 to 100") % {
            "most": MOST_POINTS
        }
        self.wrong(f"{where}points", given, said)
        return ((0.0, 0.0), (1.0, 100.0))

    def _by(self, given: Mapping[str, Any], where: str) -> Scale:
        metric = self._metric(given.get("metric"), f"{where}metric")
        listed = given.get("choices")
        pairs = listed if isinstance(listed, list | tuple) else ()
        if not pairs or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
            self.wrong(f"{where}choices", listed, _("pairs [from, scale], rising"))
            return Scale("percentile")
        edges = [number_of(edge) for edge, _scale in pairs]
        known = [edge for edge in edges if edge is not None]
        if len(known) < len(edges) or any(a >= b for a, b in pairwise(known)):
            self.wrong(f"{where}choices", edges, _("pairs [from, scale], rising"))
            return Scale("percentile")
        scales = [
            self._scale(scale, f"{where}{edge:g}: ", additive=False, inner=True)
            for edge, (_edge, scale) in zip(known, pairs, strict=True)
        ]
        return Scale("by", metric=metric, choices=tuple(zip(known, scales, strict=True)))

    def _caps(self, given: Any) -> Iterable[Cap]:
        if not isinstance(given, list | tuple):
            self.wrong("caps", given, _("a list"))
            return
        for place, entry in enumerate(given, 1):
            where = f"caps: {place}: "
            if not isinstance(entry, Mapping):
                self.wrong(where.rstrip(": "), entry, "metric, above, below, at_most")
                continue
            self._only(entry, ("metric", "above", "below", "at_most"), where)
            sides = [side for side in ("above", "below") if entry.get(side) not in (None, "")]
            if len(sides) != 1:
                self.wrong(where.rstrip(": "), ", ".join(sides), _("either above or below"))
                continue
            yield Cap(
                metric=self._metric(entry.get("metric"), f"{where}metric"),
                at_most=self._number(entry, "at_most", where, least=0, most=100),
                **{sides[0]: self._number(entry, sides[0], where)},
            )


def number_of(found: Any) -> float | None:
    """A number, also where it is written as text; None for what is none."""
    if isinstance(found, bool):
        return None
    try:
        value = float(found)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None

"""The form that makes or changes a scorecard: what stands in it, what it says, and what saving it would change."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import duckdb
import yaml
from django.http import QueryDict
from django.utils.translation import gettext as _

from evergreen.base.models import User
from evergreen.base.yaml_text import YamlError, load_text
from evergreen.events import store
from evergreen.health import definitions, queries
from evergreen.health.definitions import ScorecardError, plain
from evergreen.health.models import Scorecard, ScorecardVersion
from evergreen.health.rules import Card
from evergreen.health.shipped import STANDARD
from evergreen.metrics import registry
from evergreen.metrics.segments.queries import segments
from evergreen.outcomes.what_if import Effect, what_if
from evergreen.web import formats
from evergreen.web.presenters.scorecards import scale_text

Choice = tuple[str, str]
_MEASURE = ("key", "metric", "zh", "en", "dimension", "weight", "kind", "points", "missing", "as_of", "age")
_DIMENSION = ("key", "zh", "en")
_CAP = ("metric", "side", "line", "most")
YAML = "yaml"


class Editor:
    """What stands in the form: as it was saved, or as it was sent. ``mode`` is the form, or the definition as YAML."""

    def __init__(
        self,
        user: User,
        scorecard: Scorecard | None,
        post: QueryDict | None,
        query: QueryDict,
        today: dt.date,
    ) -> None:
        self.user, self.scorecard, self.query, self.today = user, scorecard, query, today
        self.problems: list[str] = []
        self.version = self._version()
        if post is None:
            self._open()
        else:
            self._take(post)

    def _version(self) -> ScorecardVersion | None:
        """The version that the form began with: the one asked for, else the newest."""
        if self.scorecard is None:
            return None
        versions = self.scorecard.versions.filter(is_withdrawn=False).order_by("-number")
        asked = self.query.get("version", "")
        found = versions.filter(number=asked).first() if asked.isdecimal() else None
        return found or versions.first()

    def _open(self) -> None:
        card = self.scorecard
        self.mode = YAML if self.query.get("mode") == YAML else ""
        self.name_zh, self.name_en = (card.name.get(one, "") if card else "" for one in ("zh", "en"))
        self.about = card.note if card else ""
        self.segment = card.segment if card else ""
        self.note = ""
        self.effective_on = self.today.isoformat()
        self.data: Mapping[str, Any] = self.version.definition if self.version else STANDARD
        if weights := self.query.get("weights", ""):
            self.data = _reweighted(self.data, weights)
        self.text = _yaml(self.data)

    def _take(self, post: QueryDict) -> None:
        self.mode = YAML if post.get("mode") == YAML else ""
        words = ("name_zh", "name_en", "about", "segment", "note", "effective_on")
        self.name_zh, self.name_en, self.about, self.segment, self.note, self.effective_on = (
            post.get(name, "").strip()[:300] for name in words
        )
        self.text = post.get("text", "")
        self.data = self._of_text() if self.mode == YAML else _of_form(post)
        if self.mode != YAML:
            self._change_shape(post.get("op", ""))

    def _of_text(self) -> Mapping[str, Any]:
        try:
            found = load_text(self.text)
        except YamlError as error:
            self.problems.append(str(error))
            return {}
        if isinstance(found, dict) and isinstance(found.get("definition"), dict):
            # A whole file may be put in; its words stand in the fields.
            found = found["definition"]
        return found if isinstance(found, dict) else {}

    def _change_shape(self, op: str) -> None:
        """Add or take away a line of the form, as its buttons ask."""
        what, _sep, place = op.partition("-")
        lists: dict[str, list[Any]] = {name: list(self.data.get(name) or []) for name in ("measures", "caps")}
        if what == "add" and place == "measures":
            lists["measures"].append({"weight": "10", "scale": {"kind": "line", "points": ""}})
        elif what == "add" and place == "caps":
            lists["caps"].append({"above": "", "at_most": "50"})
        elif what in {"measure", "cap"} and place.isdecimal():
            rows = lists[f"{what}s"]
            del rows[int(place) : int(place) + 1]
        elif op == "add-dimensions":
            named = dict(self.data.get("dimensions") or {})
            named[""] = {}
            self.data = {**self.data, "dimensions": named}
            return
        self.data = {**self.data, **lists}

    @cached_property
    def _read(self) -> tuple[Card | None, list[str]]:
        if self.problems:
            return None, self.problems
        try:
            data = self.data if self.mode == YAML else _without_blanks(self.data)
            return definitions.card_from(data, registry.metrics()), []
        except ScorecardError as error:
            return None, error.problems

    @property
    def card(self) -> Card | None:
        return self._read[0]

    @property
    def unread(self) -> list[str]:
        """Why the definition cannot be used as it stands."""
        return self._read[1]

    @property
    def name(self) -> dict[str, str]:
        return {"zh": self.name_zh, "en": self.name_en}

    @property
    def shown_name(self) -> str:
        return formats.named(self.name) or _("the draft")

    @property
    def new_version(self) -> int:
        """The number that saving would make; 0 where the definition stays."""
        newest = self.scorecard.versions.order_by("-number").first() if self.scorecard else None
        if self.scorecard is None or newest is None:
            return 1
        kept = self.scorecard.versions.filter(is_withdrawn=False).order_by("-number").first()
        same = kept is not None and self.card == definitions.card_from(kept.definition)
        return 0 if same or self.card is None else newest.number + 1

    @cached_property
    def effect(self) -> Effect | None:
        """What saving would change; None before the first night, or where the history does not answer."""
        if self.card is None:
            return None
        try:
            return what_if(self.card, saved=self.scorecard, segment=self.segment)
        except (store.LakeError, duckdb.Error):
            return None

    @property
    def is_additive(self) -> bool:
        return self.data.get("additive") in (True, "true")

    @property
    def bands(self) -> Mapping[str, Any]:
        found = self.data.get("bands")
        return found if isinstance(found, Mapping) else {}

    @property
    def floor(self) -> str:
        found = self.data.get("coverage_floor", 0.5)
        try:
            return f"{float(found) * 100:g}"
        except (TypeError, ValueError):
            return str(found)

    @property
    def reachable(self) -> Any:
        return self.data.get("reachable", 100)

    @property
    def drop_alerts(self) -> bool:
        return self.data.get("drop_alerts", True) in (True, "true")

    @property
    def dimensions(self) -> list[dict[str, str]]:
        named = self.data.get("dimensions") or {}
        rows = [
            {"key": key, "zh": name.get("zh", ""), "en": name.get("en", "")} for key, name in named.items()
        ]
        return rows or [{"key": "", "zh": "", "en": ""}]

    @property
    def measures(self) -> list[dict[str, Any]]:
        return [_line(entry) for entry in self.data.get("measures") or () if isinstance(entry, Mapping)]

    @property
    def caps(self) -> list[dict[str, Any]]:
        return [
            {
                "metric": one.get("metric", ""),
                "side": "below" if one.get("below") not in (None, "") else "above",
                "line": _said(one.get("below") if one.get("below") not in (None, "") else one.get("above")),
                "most": _said(one.get("at_most")),
            }
            for one in self.data.get("caps") or ()
            if isinstance(one, Mapping)
        ]

    @property
    def kinds(self) -> list[Choice]:
        if self.is_additive:
            return [("worth", _("points for each"))]
        return [
            ("line", _("a line through points")),
            ("steps", _("steps")),
            ("target", _("share of a target")),
            ("percentile", _("place among the accounts")),
            ("by", _("chosen by another metric")),
        ]

    @property
    def missing_choices(self) -> list[Choice]:
        return [
            ("leave_out", _("left out")),
            ("zero", _("counts as 0")),
            ("neutral", _("counts as 50")),
        ]

    @cached_property
    def metrics(self) -> list[tuple[str, list[Choice]]]:
        known = registry.metrics()
        groups = registry.groups().items()
        found = [
            (
                formats.named(dict(name)),
                [(m.key, formats.named(dict(m.name))) for m in known.values() if m.group == key],
            )
            for key, name in groups
        ]
        return [(name, rows) for name, rows in found if rows]

    @property
    def dates(self) -> list[Choice]:
        return [(m.key, formats.named(dict(m.name))) for m in registry.metrics().values() if m.kind == "date"]

    @property
    def segments(self) -> list[Choice]:
        return [(one.key, formats.named(one.name) or one.key) for one in segments()]

    @property
    def saved_card(self) -> tuple[Card, str] | None:
        """What the draft is held beside: the saved one, for a new card the default one."""
        from evergreen.base.queries import setting

        found = self.scorecard or Scorecard.objects.filter(key=setting("scorecard")).first()
        if found is None:
            return None
        return queries.definition(queries.current_version(found)), formats.named(found.name) or found.key


def _of_form(post: QueryDict) -> dict[str, Any]:
    """The form's fields as a definition, unchecked."""

    def rows(prefix: str, names: tuple[str, ...]) -> list[dict[str, str]]:
        columns = [[value.strip() for value in post.getlist(f"{prefix}_{name}")] for name in names]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=False)]

    additive = post.get("additive") == "true"
    measures: list[dict[str, Any]] = []
    for row in rows("m", _MEASURE):
        if not row["metric"] and not row["points"] and not row["zh"]:
            continue
        measures.append(
            {
                "key": row["key"] or _free(row["metric"], [one["key"] for one in measures]),
                "metric": row["metric"],
                "name": {"zh": row["zh"], "en": row["en"]} if row["zh"] or row["en"] else "",
                "dimension": row["dimension"],
                "weight": row["weight"],
                "scale": scale_text.read("worth" if additive else row["kind"], row["points"]),
                "missing": row["missing"],
                "as_of": row["as_of"],
                "max_age_days": row["age"] if row["as_of"] else "",
            }
        )
    floor = definitions.number_of(post.get("floor", ""))
    return {
        "additive": "true" if additive else "false",
        "reachable": post.get("reachable", "") or 100,
        "bands": {"green": post.get("green", ""), "yellow": post.get("yellow", "")},
        "coverage_floor": post.get("floor", "") if floor is None else floor / 100,
        "drop_alerts": "true" if post.get("drop_alerts") else "false",
        "dimensions": {
            row["key"]: {"zh": row["zh"], "en": row["en"]}
            for row in rows("d", _DIMENSION)
            if any(row.values())
        },
        "measures": measures,
        "caps": [
            {"metric": row["metric"], row["side"] or "above": row["line"], "at_most": row["most"]}
            for row in rows("c", _CAP)
        ],
    }


def _free(metric: str, taken: list[Any]) -> str:
    """A key for a measure that has none: its metric's, numbered where another one has that."""
    key, n = metric, 2
    while key in taken:
        key, n = f"{metric}_{n}", n + 1
    return key


def _line(entry: Mapping[str, Any]) -> dict[str, Any]:
    name = entry.get("name")
    named: Mapping[str, Any] = name if isinstance(name, Mapping) else {"zh": name or ""}
    scale = entry.get("scale")
    told: Mapping[str, Any] = scale if isinstance(scale, Mapping) else {}
    return {
        "key": entry.get("key", ""),
        "metric": entry.get("metric", ""),
        "zh": named.get("zh", ""),
        "en": named.get("en", ""),
        "dimension": entry.get("dimension", ""),
        "weight": _said(entry.get("weight", "")),
        "kind": told.get("kind", "line"),
        "points": scale_text.written(told),
        "missing": entry.get("missing") or "leave_out",
        "as_of": entry.get("as_of", ""),
        "age": _said(entry.get("max_age_days") or ""),
    }


def _said(value: Any) -> str:
    return "" if value is None else str(plain(value)) if isinstance(value, float) else str(value)


def _without_blanks(data: Mapping[str, Any]) -> dict[str, Any]:
    """Lines of the form that nobody filled in are no mistakes."""
    caps = [
        one
        for one in data.get("caps") or ()
        if not isinstance(one, Mapping) or one.get("metric") or one.get("above") or one.get("below")
    ]
    named = {key: name for key, name in (data.get("dimensions") or {}).items() if key or any(name.values())}
    return {**data, "caps": caps, "dimensions": named}


def _reweighted(data: Mapping[str, Any], weights: str) -> dict[str, Any]:
    """The definition with other weights, in its measures' order; as it was where their number does not fit."""
    given = [definitions.number_of(part) for part in weights.split(",")]
    measures = list(data.get("measures") or ())
    if len(given) != len(measures) or any(one is None for one in given):
        return dict(data)
    pairs = zip(measures, given, strict=True)
    return {**data, "measures": [{**entry, "weight": plain(weight or 0.0)} for entry, weight in pairs]}


def _yaml(data: Mapping[str, Any]) -> str:
    card = definitions.card_from(data)
    return yaml.safe_dump(definitions.told(card), allow_unicode=True, sort_keys=False, width=120)

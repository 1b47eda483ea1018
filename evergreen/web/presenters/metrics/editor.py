"""The form that declares or changes a metric: its choices, what it says in words, and what it would give."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import duckdb
from django.http import QueryDict
from django.utils.translation import gettext as _

from evergreen.base.models import User
from evergreen.base.queries import active_staff
from evergreen.events import store
from evergreen.metrics import queries, registry, source_fields
from evergreen.metrics.declared import definition, previews
from evergreen.metrics.declared.actions import checked
from evergreen.metrics.declared.definition import FORMULA, DefinitionError
from evergreen.metrics.declared.telling import said
from evergreen.metrics.models import DeclaredMetric
from evergreen.metrics.rules import Metric
from evergreen.web import formats
from evergreen.web.presenters.metrics.listing import unit_words
from evergreen.web.presenters.metrics.spread import Spread, living

_NEW: dict[str, Any] = {"kind": "count", "source": "usage", "aggregation": "users", "window_days": 28}
_WORDS = ("name_zh", "name_en", "explanation_zh", "explanation_en", "unit_zh", "unit_en")
_SAMPLES = 5
Choice = tuple[str, str]


class Editor:
    """What stands in the form: as it was saved, or as it was sent."""

    def __init__(self, user: User, metric: DeclaredMetric | None, post: QueryDict | None) -> None:
        self.user, self.metric = user, metric
        self.problems: list[str] = []
        told: Mapping[str, str] = post if post is not None else self._saved()
        self.key_end = told.get("key_end", "").strip().removeprefix(registry.PREFIX)[:60]
        self.words = {name: told.get(name, "")[:300] for name in _WORDS}
        self.group = told.get("group", registry.OWN_GROUP)
        self.better = told.get("better", "")
        self.owner = told.get("owner", "")
        self.note = told.get("note", "")[:300]
        self.since = told.get("since", "")
        shape = told.get("source", "usage")
        keys = definition.KEYS.get(shape, definition.KEYS["rows"])
        self.data = {name: told[name].strip() for name in keys if told.get(name, "").strip()}

    def _saved(self) -> dict[str, str]:
        day = queries.newest_day()
        since = {"since": day.isoformat() if day else ""}
        if self.metric is None:
            return {**since, **{key: str(value) for key, value in _NEW.items()}}
        row, last = self.metric, self.metric.versions.last()
        words = {"name": row.name, "explanation": row.explanation, "unit": row.unit}
        return {
            **since,
            **{f"{name}_{language}": texts.get(language, "") for name, texts in words.items() for language in ("zh", "en")},
            "group": row.group,
            "better": row.better,
            "owner": str(row.owner_id or ""),
            **{key: str(value) for key, value in (last.definition if last else _NEW).items()},
        }  # fmt: skip

    @property
    def key(self) -> str:
        return self.metric.key if self.metric else f"{registry.PREFIX}{self.key_end}"

    def both(self, name: str) -> dict[str, str]:
        """A text in both languages."""
        return {"zh": self.words[f"{name}_zh"], "en": self.words[f"{name}_en"]}

    @property
    def source(self) -> str:
        return self.data.get("source", "usage")

    @property
    def shape(self) -> str:
        return self.source if self.source in definition.KEYS else "rows"

    @property
    def sources(self) -> list[Choice]:
        named = [(key, formats.named(dict(one.name))) for key, one in source_fields.sources().items()]
        return [(FORMULA, _("a formula over other metrics")), *named]

    @property
    def kinds(self) -> list[Choice]:
        return [(key, formats.named(_KINDS[key])) for key in definition.KINDS]

    @property
    def aggregations(self) -> list[Choice]:
        keys = definition.MEASURES if self.shape == "usage" else definition.OPS
        return [(key, formats.named(_AGGREGATIONS[key])) for key in keys]

    @property
    def columns(self) -> list[Choice]:
        return self._of_role("whole", "number", "money", "date")

    @property
    def dates(self) -> list[Choice]:
        return self._of_role("date")

    def _of_role(self, *roles: str) -> list[Choice]:
        there = source_fields.sources().get(self.source)
        return [(one.key, formats.named(dict(one.name))) for one in there.of_role(*roles)] if there else []

    @property
    def most_days(self) -> int:
        there = source_fields.sources().get(self.source)
        return (there.keeps_days if there else 0) or definition.LONGEST_WINDOW

    @property
    def filter_fields(self) -> list[tuple[str, str, str]]:
        """What the filter may ask about: key, name, values."""
        if self.source == FORMULA or self.source not in source_fields.sources():
            return []
        found = []
        for key, field in source_fields.fields(self.source).items():
            values = ", ".join(field.choices) or _FIELD_VALUES.get(field.kind.value, "")
            found.append((key, field.label(formats.language()), values))
        return found

    @property
    def groups(self) -> list[Choice]:
        return [(key, formats.named(dict(name))) for key, name in registry.groups().items()]

    @property
    def staff(self) -> list[Choice]:
        return [(str(one.pk), str(one)) for one in active_staff()]

    @property
    def by_group(self) -> list[tuple[str, list[Choice]]]:
        """The metrics that a formula may read."""
        known = registry.metrics()
        return [
            (
                formats.named(dict(name)),
                [(one.key, formats.named(dict(one.name))) for one in known.values() if one.group == key],
            )
            for key, name in registry.groups().items()
        ]

    @cached_property
    def _read(self) -> tuple[Metric | None, list[str]]:
        key = self.key if self.metric or self.key_end else previews.DRAFT
        try:
            kind, of = checked(key, self.data)
        except DefinitionError as error:
            return None, error.problems
        name = {language: text or self.key for language, text in self.both("name").items()}
        return Metric(key, kind, of, name, {}, unit=self._unit(), is_own=True), []

    def _unit(self) -> dict[str, str]:
        return {language: text for language, text in self.both("unit").items() if text}

    @property
    def draft(self) -> Metric | None:
        return self._read[0]

    @property
    def unread(self) -> list[str]:
        """Why the definition cannot be used as it stands."""
        return self._read[1]

    @property
    def says(self) -> str:
        return said(self.draft) if self.draft else ""

    @property
    def unit_said(self) -> str:
        return unit_words(self.draft) if self.draft else ""

    @cached_property
    def day(self) -> dt.date | None:
        return queries.newest_day()

    @property
    def hides_money(self) -> bool:
        return self.draft is not None and self.draft.kind == "money" and not self.user.sees_money

    @cached_property
    def spread(self) -> Spread | None:
        """What it would give for the person's accounts on the newest day; None before the first night."""
        if self.draft is None or self.day is None or self.hides_money:
            return None
        try:
            tried = previews.tried(self.draft, self.day)
        except (store.LakeError, duckdb.Error):
            return None
        return Spread(self.draft, tried.values, living(self.user), tried.missing)

    @property
    def new_version(self) -> int:
        """The number that saving would make; 0 where the definition stays."""
        last = self.metric.versions.last() if self.metric else None
        if self.draft is None or (
            last and last.definition == definition.told(self.draft.kind, self.draft.of)
        ):
            return 0
        return last.number + 1 if last else 1


def _both(zh: str, en: str) -> dict[str, str]:
    return {"zh": zh, "en": en}


_KINDS = {
    "count": _both("个数", "count"),
    "number": _both("数值", "number"),
    "share": _both("占比", "share (1 is 100%)"),
    "days": _both("天数", "days"),
    "money": _both("金额", "amount"),
    "date": _both("日期", "date"),
}
_AGGREGATIONS = {
    "users": _both("用户数", "end users"),
    "days": _both("天数", "days with any"),
    "events": _both("次数", "uses"),
    "seconds": _both("时长（小时）", "time of use, in hours"),
    "features": _both("功能数", "features"),
    "user_days": _both("人天（工作日）", "user days (working days)"),
    "count": _both("行数", "number of rows"),
    "sum": _both("合计", "sum"),
    "mean": _both("平均", "mean"),
    "median": _both("中位数", "median"),
    "min": _both("最小 / 最早", "smallest or earliest"),
    "max": _both("最大 / 最晚", "largest or latest"),
}
_FIELD_VALUES = {"flag": "true, false", "date": "2026-11-30", "whole": "12", "number": "0.5"}

"""Declared metrics as files: words, owner and definition."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from evergreen.base.models import User
from evergreen.flow.config import reading
from evergreen.metrics import registry
from evergreen.metrics.declared import definition
from evergreen.metrics.declared.actions import check_key, checked, retire_metric, save_metric
from evergreen.metrics.models import DeclaredMetric, MetricVersion
from evergreen.metrics.rules import Formula, Metric, Rows

KIND = "metric"
FOLDER = "metrics"
FIELDS = ("name", "explanation", "unit", "group", "better", "owner", "definition")
_LONGEST = {"name": 80, "explanation": 300, "unit": 20}


def here() -> dict[str, dict[str, Any]]:
    rows = DeclaredMetric.objects.filter(is_retired=False).select_related("owner")
    return {one.key: _file_of(one) for one in rows.prefetch_related("versions")}


def _file_of(row: DeclaredMetric) -> dict[str, Any]:
    versions = sorted(row.versions.all(), key=lambda one: one.number)
    return _kept(
        {
            "name": reading.in_order(row.name),
            "explanation": reading.in_order(row.explanation),
            "unit": reading.in_order(row.unit),
            "group": row.group,
            "better": row.better,
            "owner": row.owner.email if row.owner else "",
            "definition": _ordered(versions[-1].definition),
        }
    )


def _kept(told: Mapping[str, Any]) -> dict[str, Any]:
    """Without what says nothing."""
    return {
        key: value
        for key, value in told.items()
        if value not in ("", {}) and (key, value) != ("group", registry.OWN_GROUP)
    }


def _ordered(data: Mapping[str, Any]) -> dict[str, Any]:
    shape = data["source"] if data["source"] in definition.KEYS else "rows"
    return {key: data[key] for key in definition.KEYS[shape] if key in data}


def read(paths: Collection[Path]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """What the files tell, each as it would be exported, and what is wrong with them. Formulas may read the metrics of
    other files.
    """
    told: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    for path in paths:
        try:
            check_key(path.stem)
            told[path.stem] = _told(path)
        except ValidationError as error:
            problems += [f"{FOLDER}/{path.name}: {line}" for line in error.messages]
    # What a formula may read is known by its kind, before its own definition is.
    kinds = {key: str(one["definition"].get("kind", "")) for key, one in told.items()}
    supposed = [_placeholder(key, kind) for key, kind in kinds.items() if kind in definition.KINDS]
    found: dict[str, dict[str, Any]] = {}
    with registry.supposing(supposed):
        for key, one in told.items():
            try:
                kind, of = checked(key, one["definition"])
            except definition.DefinitionError as error:
                problems += [f"{FOLDER}/{key}.yaml: definition: {line}" for line in error.problems]
                continue
            found[key] = _kept({**one, "definition": _ordered(definition.told(kind, of))})
    try:
        order = _ordered_by_inputs(found)
    except CycleError as error:
        way = " → ".join(reversed(error.args[1]))
        said = _("The formula reads itself: %(way)s. Take one of them out.") % {"way": way}
        return {}, [*problems, f"{FOLDER}: {said}"]
    return {key: found[key] for key in order}, problems


def drafts(told: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
    """What the files declare, enough to be asked about in conditions."""
    for key, one in told.items():
        kind, of = definition.read(one["definition"], _known(told))
        words: dict[str, str] = dict(one["name"])
        other = next(iter(words.values()))
        name = {"zh": words.get("zh", other), "en": words.get("en", other)}
        yield Metric(key, kind, of, name, {}, one.get("group", registry.OWN_GROUP), is_own=True)


def _known(told: Mapping[str, Mapping[str, Any]]) -> dict[str, Metric]:
    supposed = {key: _placeholder(key, one["definition"]["kind"]) for key, one in told.items()}
    return {**registry.metrics(), **supposed}


def _placeholder(key: str, kind: Any) -> Metric:
    return Metric(
        key, kind, Rows("contacts", "count"), {"zh": key, "en": key}, {}, registry.OWN_GROUP, is_own=True
    )


def _told(path: Path) -> dict[str, Any]:
    told = reading.told(
        path,
        needed={"name", "definition"},
        allowed=FIELDS,
        says=_("name and definition, and explanation, unit, group, better, owner"),
    )
    if not isinstance(told["definition"], dict):
        found = repr(told["definition"])[:60]
        raise ValidationError(definition.wrong("definition", found, _("kind, source and what belongs to it")))
    kept = {
        field: reading.words(told[field], field, longest)
        for field, longest in _LONGEST.items()
        if field in told
    }
    owner = str(told.get("owner", "")).strip()
    if owner:
        _owner(owner)
    for field, allowed in (("group", list(registry.groups())), ("better", ["up", "down"])):
        if field in told and told[field] not in allowed:
            raise ValidationError(definition.wrong(field, told[field], ", ".join(allowed)))
    return {
        **kept,
        "group": told.get("group", registry.OWN_GROUP),
        "better": told.get("better", ""),
        "owner": owner,
        "definition": told["definition"],
    }


def _owner(email: str) -> User:
    found = User.objects.filter(email=email, is_active=True).first()
    if found is None:
        raise ValidationError(definition.wrong("owner", email, _("the e-mail of somebody who signs in here")))
    return found


def _ordered_by_inputs(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The keys so that what a formula reads comes before it. Raises CycleError."""
    graph: dict[str, set[str]] = {}
    for key in sorted(found):
        data = found[key]["definition"]
        reads = Metric(key, "number", Formula(data["formula"]), {}, {}) if "formula" in data else None
        graph[key] = registry.read_by(reads) & found.keys() if reads else set()
    return list(TopologicalSorter(graph).static_order())


def save(told: Mapping[str, Mapping[str, Any]], *, by: User | None, now: dt.datetime) -> None:
    for key, one in told.items():
        save_metric(
            key,
            name=one["name"],
            explanation=one.get("explanation", {}),
            unit=one.get("unit", {}),
            group=one.get("group", registry.OWN_GROUP),
            better=one.get("better", ""),
            owner=_owner(one["owner"]) if one.get("owner") else None,
            of=one["definition"],
            origin=DeclaredMetric.Origin.FILE,
            by=by,
            now=now,
        )


def prune(keys: Collection[str], *, by: User | None, now: dt.datetime) -> None:
    """Retire those of the keys that were kept in files, what reads others first. Raises ConfigError while one is used."""
    rows = {
        one.key: one for one in DeclaredMetric.objects.filter(key__in=keys, origin=DeclaredMetric.Origin.FILE)
    }
    versions = (
        MetricVersion.objects.filter(metric__in=rows.values()).select_related("metric").order_by("number")
    )
    newest = {one.metric.key: {"definition": one.definition} for one in versions}
    for key in reversed(_ordered_by_inputs(newest)):
        try:
            retire_metric(rows[key], by=by, now=now)
        except ValidationError as error:
            raise reading.ConfigError(list(error.messages)) from error

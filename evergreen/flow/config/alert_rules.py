"""Alert rules of conditions as files: name, note, condition, severity, when they close, whether they are on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from evergreen.alerts.actions import archive_rule, check_key, save_rule
from evergreen.alerts.models import Rule
from evergreen.base.conditions import ConditionError, checked, from_data, written
from evergreen.base.models import User
from evergreen.flow.config import reading
from evergreen.metrics.segments import fields as catalogue
from evergreen.metrics.segments.queries import text_of

KIND = "alert rule"
FOLDER = "alert-rules"
FIELDS = ("name", "note", "condition", "severity", "clear_nights", "most_share", "is_on")
_SEVERITIES = {"high": Rule.Severity.HIGH, "medium": Rule.Severity.MEDIUM, "low": Rule.Severity.LOW}
_FLAGS = {"true": True, "false": False}
_DEFAULTS: dict[str, Any] = {
    "note": "",
    "severity": "medium",
    "clear_nights": 1,
    "most_share": 0.2,
    "is_on": False,
}


def here() -> dict[str, dict[str, Any]]:
    known = catalogue.all_fields()
    words = {value: key for key, value in _SEVERITIES.items()}
    return {
        one.key: {
            "name": reading.in_order(one.name), "note": one.note, "condition": text_of(one, known),
            "severity": words[Rule.Severity(one.severity)], "clear_nights": one.clear_nights, "most_share": one.most_share,
            "is_on": one.is_on,
        }
        for one in Rule.objects.filter(kind=Rule.Kind.CONDITION, is_archived=False).order_by("key")
    }  # fmt: skip


def read(paths: Collection[Path]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """What the files tell, each as it would be exported, and what is wrong with them."""
    found: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    known = catalogue.all_fields()
    for path in paths:
        name = f"{FOLDER}/{path.name}"
        try:
            check_key(path.stem)
            told = _told(path)
            # As it is written: a text and a tree that say the same are no change.
            told["condition"] = written(checked(from_data(told["condition"]), known))
            found[path.stem] = told
        except ConditionError as error:
            problems += [f"{name}: {line}" for line in error.problems]
        except ValidationError as error:
            problems += [f"{name}: {line}" for line in error.messages]
    return found, problems


def _told(path: Path) -> dict[str, Any]:
    says = _("name and condition, and note, severity, clear_nights, most_share, is_on")
    given = reading.told(path, needed={"name", "condition"}, allowed=FIELDS, says=says)
    told = {**_DEFAULTS, **given}
    if told["severity"] not in _SEVERITIES:
        raise ValidationError(
            _("severity: found %(found)s; allowed: %(allowed)s.")
            % {"found": repr(told["severity"])[:60], "allowed": ", ".join(_SEVERITIES)}
        )
    # Files tell every value as a text.
    told["clear_nights"] = _number(told, "clear_nights", int)
    told["most_share"] = _number(told, "most_share", float)
    if (word := str(told["is_on"]).lower()) not in _FLAGS:
        raise ValidationError(
            _("is_on: found %(found)s; allowed: true, false.") % {"found": repr(told["is_on"])[:60]}
        )
    told["is_on"] = _FLAGS[word]
    told["name"] = reading.in_order(reading.words(told["name"], "name", 80))
    told["note"] = str(told["note"]).strip()[:300]
    return {name: told[name] for name in FIELDS}


def _number(told: Mapping[str, Any], name: str, kind: type[int] | type[float]) -> int | float:
    try:
        return kind(str(told[name]))
    except ValueError:
        raise ValidationError(
            _("%(where)s: found %(found)s; allowed: a number.")
            % {"where": name, "found": repr(told[name])[:60]}
        ) from None


def save(told: Mapping[str, Mapping[str, Any]], *, by: User | None, now: dt.datetime) -> None:
    for key, one in told.items():
        given = {**one, "severity": _SEVERITIES[one["severity"]]}
        save_rule(key, **given, origin=Rule.Origin.FILE, by=by, now=now)


def prune(keys: Collection[str], *, by: User | None, now: dt.datetime) -> None:
    """Put away those of the keys that were kept in files."""
    for rule in Rule.objects.filter(key__in=keys, origin=Rule.Origin.FILE):
        archive_rule(rule, by=by, now=now)

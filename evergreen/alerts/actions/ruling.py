"""Rules made, changed, switched and put away."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.alerts import rules
from evergreen.alerts.firing import MOST_COOL_DOWN, MOST_COUNT, MOST_MINUTES, Watch, problems
from evergreen.alerts.models import Rule
from evergreen.alerts.shipped import CONDITIONED, WATCHED
from evergreen.base.actions import audit
from evergreen.base.conditions import Condition, ConditionError, checked, fields_of, from_data, to_data
from evergreen.base.models import User
from evergreen.metrics.models import Use
from evergreen.metrics.segments import fields as catalogue

_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
# Addresses of pages that stand beside those of rules.
_TAKEN = frozenset({"new", "preview", "trial", "rules", "events"})
_USE = "alert_rule"
MOST_NIGHTS, MOST_SHARE = 30, 1.0


@transaction.atomic
def install_shipped(*, now: dt.datetime) -> int:
    """Add the shipped rules that are not there yet: detectors as they ship (most are on), conditions and events off. Returns how many."""
    there = set(Rule.objects.values_list("key", flat=True))
    made = [
        Rule(
            key=one.key, name=dict(one.name), severity=one.severity, params=dict(one.params), is_on=one.is_on, created_at=now,
            changed_at=now,
        )
        for one in rules.SHIPPED.values()
        if one.key not in there
    ]  # fmt: skip
    fields = catalogue.all_fields()
    for one in CONDITIONED.values():
        if one.key in there:
            continue
        tree = checked(from_data(one.condition), fields)
        made.append(
            Rule(
                key=one.key, kind=Rule.Kind.CONDITION, name=dict(one.name), severity=one.severity, condition=to_data(tree),
                clear_nights=one.clear_nights, is_on=False, created_at=now, changed_at=now,
            )
        )  # fmt: skip
    made += [
        Rule(
            key=one.key, kind=Rule.Kind.EVENT, name=dict(one.name), severity=one.severity, params=one.watch.as_params(),
            clear_nights=one.clear_nights, is_on=False, created_at=now, changed_at=now,
        )
        for one in WATCHED.values()
        if one.key not in there
    ]  # fmt: skip
    Rule.objects.bulk_create(made)
    return len(made)


def check_key(key: str) -> None:
    """Raises ValidationError for a key that no rule of one's own may have."""
    if not _KEY.fullmatch(key) or key in _TAKEN or key in rules.SHIPPED:
        raise ValidationError(
            {
                "key": _(
                    "The key is %(key)s: it begins with a small letter, has at most 40 small letters, digits and "
                    "underscores, and is none of %(taken)s."
                )
                % {"key": repr(key), "taken": ", ".join(sorted({*_TAKEN, *rules.SHIPPED}))}
            }
        )


def free_key() -> str:
    """A key for a rule that is named in the browser."""
    number = (Rule.objects.order_by("-pk").values_list("pk", flat=True).first() or 0) + 1
    while Rule.objects.filter(key=f"rule_{number}").exists():
        number += 1
    return f"rule_{number}"


@transaction.atomic
def save_rule(
    key: str,
    *,
    name: Mapping[str, str],
    condition: Any,
    note: str = "",
    severity: int = Rule.Severity.MEDIUM,
    clear_nights: int = 1,
    most_share: float = 0.2,
    is_on: bool = False,
    origin: str = Rule.Origin.BROWSER,
    is_new: bool = False,
    by: User | None,
    now: dt.datetime,
) -> Rule:
    """Make a rule of a condition, or change the one with this key (unless it ``is_new``). ``condition`` is a tree, its data or its text.

    Raises ConditionError for a condition that cannot be used, ValidationError for anything else that is not allowed.
    """
    check_key(key)
    found = Rule.objects.select_for_update().filter(key=key).first()
    if found and is_new:
        raise ValidationError({"key": _("Somebody made a rule at the same moment; save once more.")})
    names = {language: text.strip()[:80] for language, text in name.items() if text and text.strip()}
    _check(names, severity, clear_nights, most_share)
    tree = checked(
        condition if not isinstance(condition, str | Mapping) else from_data(condition),
        catalogue.all_fields(),
    )
    if not fields_of(tree):
        raise ConditionError([_("A rule needs at least one test: without one every account would raise it.")])
    before = _told(found) if found else {}
    rule = found or Rule(key=key, kind=Rule.Kind.CONDITION, created_by=by, created_at=now)
    data = to_data(tree)
    if found and (found.condition, found.is_on) != (data, is_on):
        rule.version += 1
        rule.held = {}
    rule.name, rule.note, rule.condition, rule.severity = names, note.strip()[:300], data, severity
    rule.clear_nights, rule.most_share, rule.is_on = clear_nights, most_share, is_on
    rule.is_archived, rule.origin, rule.changed_at = False, origin, now
    rule.save()
    _note_uses(rule, tree)
    after = _told(rule)
    if before != after:
        audit(
            "rule.changed" if found else "rule.made",
            "rule",
            [rule.key],
            by=by,
            now=now,
            before=before,
            after=after,
        )
    return rule


@transaction.atomic
def save_event_rule(
    key: str,
    *,
    name: Mapping[str, str],
    watch: Watch,
    note: str = "",
    severity: int = Rule.Severity.MEDIUM,
    clear_nights: int = 1,
    most_share: float = 0.2,
    is_on: bool = False,
    is_new: bool = False,
    by: User | None,
    now: dt.datetime,
) -> Rule:
    """Make a rule of an event, or change the one with this key. What came in before does not count for it any more.

    Raises ValidationError for anything that is not allowed.
    """
    check_key(key)
    found = Rule.objects.select_for_update().filter(key=key).first()
    if found and (is_new or not found.is_event):
        raise ValidationError({"key": _("Somebody made a rule at the same moment; save once more.")})
    names = {language: text.strip()[:80] for language, text in name.items() if text and text.strip()}
    _check(names, severity, clear_nights, most_share)
    _check_watch(watch)
    before = _told(found) if found else {}
    rule = found or Rule(key=key, kind=Rule.Kind.EVENT, created_by=by, created_at=now)
    if found and (found.params, found.is_on) != (watch.as_params(), is_on):
        rule.version, rule.held = rule.version + 1, {}
    rule.name, rule.note, rule.params, rule.severity = names, note.strip()[:300], watch.as_params(), severity
    rule.clear_nights, rule.most_share, rule.is_on = clear_nights, most_share, is_on
    rule.is_archived, rule.changed_at = False, now
    rule.save()
    if before != (after := _told(rule)):
        verb = "rule.changed" if found else "rule.made"
        audit(verb, "rule", [rule.key], by=by, now=now, before=before, after=after)
    return rule


def _check_watch(watch: Watch) -> None:
    said = {
        "event": _("An event rule needs the name of an event, at most 200 characters."),
        "count": _("So often: found %(found)s; allowed are 1 to %(most)s.")
        % {"found": watch.count, "most": MOST_COUNT},
        "minutes": _("Within minutes: found %(found)s; allowed are 1 to %(most)s.")
        % {"found": watch.minutes, "most": MOST_MINUTES},
        "cool_down_hours": _("Rest in hours: found %(found)s; allowed are 0 to %(most)s.")
        % {"found": watch.cool_down_hours, "most": MOST_COOL_DOWN},
        "property": _("A property and its value belong together: give both or neither."),
    }
    if wrong := problems(watch):
        raise ValidationError({name: said[name] for name in wrong})


def _check(names: Mapping[str, str], severity: int, clear_nights: int, most_share: float) -> None:
    if not names:
        raise ValidationError({"name": _("A rule needs a name in Chinese or in English.")})
    _check_severity(severity)
    if not 1 <= clear_nights <= MOST_NIGHTS:
        raise ValidationError(
            {
                "clear_nights": _("It closes after %(found)s days; allowed are 1 to %(most)s.")
                % {"found": clear_nights, "most": MOST_NIGHTS}
            }
        )
    if not 0 < most_share <= MOST_SHARE:
        raise ValidationError(
            {
                "most_share": _(
                    "At most %(found)s of all accounts in a night; allowed is more than 0 and up to 100%%."
                )
                % {"found": f"{most_share:.0%}"}
            }
        )


def _check_severity(severity: int) -> None:
    if severity not in Rule.Severity.values:
        raise ValidationError(
            {"severity": _("The severity is %(found)s; allowed are 1 to 3.") % {"found": severity}}
        )


def _told(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name, "note": rule.note, "condition": rule.condition, "severity": rule.severity, "is_on": rule.is_on,
        "params": rule.params, "clear_nights": rule.clear_nights, "most_share": rule.most_share, "origin": rule.origin, "is_archived": rule.is_archived,
    }  # fmt: skip


def _note_uses(rule: Rule, condition: Condition) -> None:
    """Say which metrics the rule reads, so that their pages name it and none of them is deleted."""
    metric_of = catalogue.metric_of()
    used = {metric_of[field] for field in fields_of(condition) if field in metric_of}
    Use.objects.filter(kind=_USE, ref=rule.key).exclude(metric__in=used).delete()
    Use.objects.bulk_create(
        [Use(metric=metric, kind=_USE, ref=rule.key) for metric in sorted(used)], ignore_conflicts=True
    )


@transaction.atomic
def switch_rule(rule: Rule, is_on: bool, *, by: User | None, now: dt.datetime) -> None:
    """Turn a rule on or off; what is on already stays as it is."""
    if rule.is_on == is_on or rule.is_archived:
        return
    before = {"is_on": rule.is_on}
    rule.is_on, rule.version, rule.held, rule.changed_at = is_on, rule.version + 1, {}, now
    rule.save(update_fields=["is_on", "version", "held", "changed_at"])
    audit("rule.changed", "rule", [rule.key], by=by, now=now, before=before, after={"is_on": is_on})


@transaction.atomic
def archive_rule(rule: Rule, *, by: User | None, now: dt.datetime) -> None:
    """Put a rule of a condition or an event away: it raises nothing more, its open alerts close with the next night, what it raised stays."""
    if rule.is_archived or rule.is_detector:
        return
    before = _told(rule)
    rule.is_archived, rule.is_on, rule.held, rule.changed_at = True, False, {}, now
    rule.version += 1
    rule.save(update_fields=["is_archived", "is_on", "held", "changed_at", "version"])
    Use.objects.filter(kind=_USE, ref=rule.key).delete()
    audit("rule.archived", "rule", [rule.key], by=by, now=now, before=before, after=_told(rule))


@transaction.atomic
def change_rule(
    rule: Rule, *, by: User, now: dt.datetime, is_on: bool, severity: int, params: Mapping[str, Any]
) -> Rule:
    """Change a rule's switch, severity and thresholds. Raises ValidationError for a threshold that is no number ≥ 0."""
    shipped = rules.SHIPPED[rule.key]
    for name, value in params.items():
        if name not in shipped.params or not isinstance(value, (int, float)) or value < 0:
            raise ValidationError(
                _("%(name)s is %(found)s: allowed are numbers from 0 for %(names)s. The rule is unchanged.")
                % {"name": name, "found": value, "names": ", ".join(shipped.params)}
            )
        if value > shipped.most.get(name, math.inf):
            raise ValidationError(
                _("%(name)s is %(found)s: allowed is at most %(most)s. The rule is unchanged.")
                % {"name": name, "found": value, "most": shipped.most[name]}
            )
    before = {"is_on": rule.is_on, "severity": rule.severity, "params": rule.params}
    _check_severity(severity)
    if (rule.is_on, rule.params) != (is_on, dict(params)):
        rule.version, rule.held = rule.version + 1, {}
    rule.is_on, rule.severity, rule.params, rule.changed_at = is_on, severity, dict(params), now
    rule.save()
    after = {"is_on": is_on, "severity": severity, "params": dict(params)}
    audit("rule.changed", "rule", [rule.key], by=by, now=now, before=before, after=after)
    return rule

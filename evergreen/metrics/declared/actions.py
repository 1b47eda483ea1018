"""Declared metrics made, changed, filled in for past days, retired."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from evergreen.base.actions import audit
from evergreen.base.models import Progress, User
from evergreen.events import store
from evergreen.metrics import registry
from evergreen.metrics.actions import ensure_columns
from evergreen.metrics.declared import definition, uses
from evergreen.metrics.models import DeclaredMetric, MetricVersion, Use
from evergreen.metrics.queries import snapshot_span
from evergreen.metrics.rules import BETTERS, Formula, Metric, Rows, Usage

# Counts from the first day on: nothing was computed yet that it would take the place of.
SINCE_EVER = dt.date(2000, 1, 1)
_KEY = re.compile(registry.PREFIX + r"[a-z0-9][a-z0-9_]{0,35}")
_USE = "metric"
_LONGEST = {"name": 80, "explanation": 300, "unit": 20}


def check_key(key: str) -> None:
    """Raises ValidationError for a key that no declared metric may have."""
    if not _KEY.fullmatch(key):
        said = _(
            "The key is %(key)s: it begins with %(prefix)s and goes on with at most 36 small letters, digits and underscores, "
            "such as own_urgent_tickets."
        )
        raise ValidationError({"key": said % {"key": repr(key)[:60], "prefix": registry.PREFIX}})


@transaction.atomic
def save_metric(
    key: str,
    *,
    name: Mapping[str, str],
    of: Mapping[str, Any],
    explanation: Mapping[str, str] | None = None,
    unit: Mapping[str, str] | None = None,
    group: str = registry.OWN_GROUP,
    better: str = "",
    owner: User | None = None,
    note: str = "",
    origin: str = DeclaredMetric.Origin.BROWSER,
    is_new: bool = False,
    by: User | None,
    now: dt.datetime,
) -> DeclaredMetric:
    """Declare a metric, or change the one with this key (unless it ``is_new``). ``of`` is its definition as plain data.

    Another definition makes another version, which counts from the next day that has no snapshot yet: what was computed
    stays. Words alone make none. Raises ValidationError, DefinitionError (what was found, what is allowed).
    """
    check_key(key)
    found = DeclaredMetric.objects.select_for_update().filter(key=key).first()
    if found and is_new:
        said = _("There is a metric with the key %(key)s already; choose another, or change that one.")
        raise ValidationError({"key": said % {"key": key}})
    words = _words(name, explanation or {}, unit or {}, group, better)
    kind, made = checked(key, of)
    data = definition.told(kind, made)
    before = _told(found) if found else {}
    metric = found or DeclaredMetric(key=key, created_by=by, created_at=now)
    for field, value in words.items():
        setattr(metric, field, value)
    metric.owner, metric.origin, metric.is_retired = owner, origin, False
    metric.changed_at, metric.stamp = now, uuid.uuid4()
    metric.save()
    last = metric.versions.last()
    if last is None or last.definition != data:
        MetricVersion.objects.create(
            metric=metric, number=last.number + 1 if last else 1, definition=data, counts_from=next_day(),
            made_by=by, made_at=now, note=note.strip()[:300],
        )  # fmt: skip
    _note_uses(metric)
    after = _told(metric)
    if before != after:
        verb = "metric.changed" if found else "metric.declared"
        audit(verb, "metric", [metric.pk], by=by, now=now, before=before, after=after)
    _give_column(Metric(key, kind, made, {}, {}))
    registry.forget()
    return metric


def checked(key: str, of: Mapping[str, Any]) -> tuple[Any, Usage | Rows | Formula]:
    """The kind and definition that the data tells, usable for a metric of this key. Raises DefinitionError."""
    known = registry.current()
    kind, made = definition.read(of, known.metrics)
    if isinstance(made, Formula):
        way = uses.circle(key, Metric(key, kind, made, {}, {}), known.metrics)
        if way:
            raise definition.DefinitionError(
                [_("The formula reads itself: %(way)s. Take one of them out.") % {"way": " → ".join(way)}]
            )
    earlier = known.metrics.get(key) or known.retired.get(key)
    if earlier is not None:
        made_now = Metric(key, kind, made, {}, {})
        if made_now.column_type != earlier.column_type or (made_now.kind == "money") != (
            earlier.kind == "money"
        ):
            said = _(
                "only %(kinds)s, for its earlier values are such; declare another metric for another kind"
            )
            allowed = [
                one
                for one in definition.KINDS
                if Metric(key, one, made, {}, {}).column_type == earlier.column_type
                and (one == "money") == (earlier.kind == "money")
            ]
            wrong = definition.wrong("kind", kind, said % {"kinds": ", ".join(allowed)})
            raise definition.DefinitionError([wrong])
    return kind, made


def next_day() -> dt.date:
    """The first day that no snapshot was taken of, or begun."""
    span = snapshot_span(store.reading())
    begun = Progress.objects.filter(step="snapshot").aggregate(newest=Max("day"))["newest"]
    days = [day for day in (span and span.newest, begun) if day is not None]
    return max(days) + dt.timedelta(days=1) if days else SINCE_EVER


def _words(
    name: Mapping[str, str],
    explanation: Mapping[str, str],
    unit: Mapping[str, str],
    group: str,
    better: str,
) -> dict[str, Any]:
    told = {"name": name, "explanation": explanation, "unit": unit}
    kept: dict[str, Any] = {
        field: {
            language: str(text).strip()[: _LONGEST[field]]
            for language, text in words.items()
            if language in {"zh", "en"} and text and str(text).strip()
        }
        for field, words in told.items()
    }
    if not kept["name"]:
        raise ValidationError({"name": _("A metric needs a name in Chinese or in English.")})
    allowed = registry.groups()
    if group not in allowed:
        raise ValidationError({"group": definition.wrong("group", group, ", ".join(allowed))})
    if better not in BETTERS:
        raise ValidationError({"better": definition.wrong("better", better, "up, down")})
    return {**kept, "group": group, "better": better}


def _told(metric: DeclaredMetric) -> dict[str, Any]:
    last = metric.versions.last()
    return {
        "name": metric.name,
        "explanation": metric.explanation,
        "unit": metric.unit,
        "group": metric.group,
        "better": metric.better,
        "owner": metric.owner.email if metric.owner else "",
        "origin": metric.origin,
        "version": last.number if last else 0,
        "definition": last.definition if last else {},
        "is_retired": metric.is_retired,
    }


def _note_uses(metric: DeclaredMetric) -> None:
    """Say which metrics its formulas read, those of earlier versions too: past days are computed again by these."""
    texts = [
        version.definition["formula"]
        for version in metric.versions.all()
        if version.definition["source"] == definition.FORMULA
    ]
    used = set().union(*(registry.read_by(Metric(metric.key, "number", Formula(t), {}, {})) for t in texts))
    Use.objects.filter(kind=_USE, ref=metric.key).exclude(metric__in=used).delete()
    Use.objects.bulk_create(
        [Use(metric=key, kind=_USE, ref=metric.key) for key in sorted(used)], ignore_conflicts=True
    )


def _give_column(metric: Metric) -> None:
    """The lake's column stands as soon as the metric does, so that conditions and pages may ask for it at once."""
    with store.session() as con:
        ensure_columns(con, [metric])


@transaction.atomic
def retire_metric(metric: DeclaredMetric, *, by: User | None, now: dt.datetime) -> None:
    """Stop computing a metric; its values stay readable. Saving it again brings it back.

    Raises ValidationError while something refers to it, naming what does.
    """
    if metric.is_retired:
        return
    used = uses.used_by(metric.key)
    if used:
        said = _(
            "%(key)s is used by %(names)s, so it was not retired and nothing was changed. Take it out of these first."
        )
        raise ValidationError(said % {"key": metric.key, "names": _(", ").join(one.words for one in used)})
    before = _told(metric)
    metric.is_retired, metric.changed_at, metric.stamp = True, now, uuid.uuid4()
    metric.save(update_fields=["is_retired", "changed_at", "stamp"])
    Use.objects.filter(kind=_USE, ref=metric.key).delete()
    audit("metric.retired", "metric", [metric.pk], by=by, now=now, before=before, after=_told(metric))
    registry.forget()


@transaction.atomic
def count_from(metric: DeclaredMetric, number: int, day: dt.date) -> None:
    """A version counts from an earlier day on, whose snapshot was computed by it."""
    MetricVersion.objects.filter(metric=metric, number=number, counts_from__gt=day).update(counts_from=day)
    DeclaredMetric.objects.filter(pk=metric.pk).update(stamp=uuid.uuid4())
    registry.forget()

"""KPIs declared, changed, deleted while nothing refers to them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from evergreen.base import changes as rows
from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.events.kpis.models import Kpi

CHANGEABLE = {
    "name",
    "unit",
    "unit_name",
    "currency",
    "direction",
    "aggregation",
    "period",
    "least",
    "most",
    "is_retired",
}
# What values were reported by: changed afterwards, old values would say something else.
_FIXED = ("unit", "currency", "period")


@transaction.atomic
def declare_kpi(
    key: str, name: Mapping[str, str], *, by: User | None, now: dt.datetime, **fields: Any
) -> Kpi:
    """A KPI with its name in zh and en; ``fields`` are those of the model. Raises ValidationError by field."""
    rows.check_fields(fields, CHANGEABLE)
    kpi = Kpi(key=key, name=dict(name), created_at=now, **fields)
    _check(kpi)
    kpi.full_clean()
    kpi.save()
    audit("kpi.added", "kpi", [kpi.pk], by=by, now=now, after={"key": key, "period": kpi.period})
    return kpi


@transaction.atomic
def update_kpi(kpi: Kpi, changes: Mapping[str, Any], *, by: User | None, now: dt.datetime) -> Kpi:
    """Change a KPI. Unit, currency and period stay once it has values or targets. ValidationError by field."""
    stored = rows.locked(kpi)
    fixed = [name for name in _FIXED if name in changes and getattr(stored, name) != changes[name]]
    if fixed and (held := uses(stored)):
        words = _(
            "It is used by %(uses)s and would make these say something else. Declare another KPI for the new meaning."
        )
        raise ValidationError(dict.fromkeys(fixed, words % {"uses": ", ".join(held)}))
    for name, value in changes.items():
        setattr(stored, name, value)
    _check(stored)
    applied = rows.apply(kpi, changes, CHANGEABLE)
    if applied:
        audit("kpi.updated", "kpi", [kpi.pk], by=by, now=now, before=applied.before, after=applied.after)
    return kpi


@transaction.atomic
def delete_kpi(kpi: Kpi, *, by: User | None, now: dt.datetime) -> None:
    """Delete a KPI that nothing refers to. Raises ValidationError that says by what it is used."""
    stored = rows.locked(kpi)
    if held := uses(stored):
        raise ValidationError(
            _(
                "%(key)s is used by %(uses)s and was not deleted. Retire it instead: it takes no more values then, "
                "and what it has stays."
            )
            % {"key": stored.key, "uses": ", ".join(held)}
        )
    audit("kpi.deleted", "kpi", [stored.pk], by=by, now=now, before={"key": stored.key, "name": stored.name})
    stored.delete()


def uses(kpi: Kpi) -> list[str]:
    """What refers to a KPI, in words with counts: values and targets here, and rows of the rooms above."""
    found = []
    for relation in kpi._meta.related_objects:
        model: type[Model] = relation.related_model
        count = model._default_manager.filter(**{relation.field.name: kpi}).count()
        if count:
            found.append(_("%(n)s × %(what)s") % {"n": f"{count:,}", "what": str(model._meta.verbose_name)})
    return found


def _check(kpi: Kpi) -> None:
    """What the fields of a KPI say together."""
    if kpi.least is not None and kpi.most is not None and kpi.least >= kpi.most:
        raise ValidationError(
            {
                "most": _("The highest value, %(most)s, must be above the lowest, %(least)s.")
                % {"most": kpi.most, "least": kpi.least}
            }
        )
    code = kpi.currency
    if code and not (len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()):
        raise ValidationError({"currency": _("Write a three-letter code such as CNY, USD or EUR.")})
    if code and kpi.unit != Kpi.Unit.MONEY:
        raise ValidationError({"currency": _("Only amounts of money have a currency.")})

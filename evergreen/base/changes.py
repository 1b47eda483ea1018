"""Changing rows so that the audit knows what stood before and an undo can bring it back.

``apply`` changes one row, ``apply_to_many`` a batch of at most 5,000 in one transaction with one audit entry,
``undo`` gives a batch back what stood before, except to the rows that somebody has changed since.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _

from evergreen.base.actions import BATCH, audit
from evergreen.base.models import AuditEntry, User

M = TypeVar("M", bound=models.Model)


@dataclass(frozen=True, slots=True)
class Changed:
    """One row of a batch: its key and the JSON values that stood before, by field."""

    pk: int
    before: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Applied:
    """The fields of one row that really changed, as JSON values."""

    before: dict[str, Any]
    after: dict[str, Any]

    def __bool__(self) -> bool:
        return bool(self.after)


def as_json(value: Any) -> Any:
    """A field's value as the audit keeps it: rows by their key, dates as ISO text, amounts as exact text."""
    if isinstance(value, models.Model):
        return value.pk
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def check_fields(given: Collection[str], allowed: Collection[str]) -> None:
    """Refuse fields that may not be written this way, naming those that may."""
    wrong = sorted(set(given) - set(allowed))
    if wrong:
        raise ValidationError(
            _("There is no field %(found)s to write. Allowed: %(allowed)s. Nothing was changed.")
            % {"found": ", ".join(wrong), "allowed": ", ".join(sorted(allowed))}
        )


def locked(row: M) -> M:
    """The row as it stands now, held until the transaction ends; a ValidationError when it is gone."""
    found = type(row)._default_manager.select_for_update(of=("self",)).filter(pk=row.pk).first()
    if found is None:
        raise ValidationError(
            _("This record (number %(key)s) no longer exists, so it was not changed. Load the page again.")
            % {"key": row.pk}
        )
    return found


def apply(row: models.Model, changes: Mapping[str, Any], allowed: Collection[str]) -> Applied:
    """Set fields of one row within the caller's transaction; saves only what differs.

    Values are checked as the model says and compared with the row as stored, not as the caller last saw it.
    Raises ValidationError by field.
    """
    check_fields(changes, allowed)
    stored = locked(row)
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for name, value in changes.items():
        setattr(row, name, value)
    names = set(changes)
    row.full_clean(
        exclude={field.name for field in row._meta.fields if field.name not in names},
        validate_constraints=False,
    )
    for name in changes:
        attribute = _attribute(row, name)
        old, new = getattr(stored, attribute), getattr(row, attribute)
        if old != new:
            before[name], after[name] = as_json(old), as_json(new)
    if after:
        row.validate_constraints()
        row.save(update_fields=list(after))
    return Applied(before, after)


def apply_to_many(
    rows: models.QuerySet[Any],
    ids: Iterable[int],
    changes: Mapping[str, Any],
    *,
    verb: str,
    by: User | None,
    now: dt.datetime,
    then: Callable[[Sequence[Changed]], None] | None = None,
) -> list[AuditEntry]:
    """Set the same fields of many rows, a transaction and an audit entry a batch; returns the entries.

    ``rows`` says which of the ids may be changed (a filter by state, for instance); rows that are gone,
    excluded or already so are left out. ``then`` writes what belongs to the change inside the transaction.
    """
    model = rows.model
    after = {name: as_json(value) for name, value in changes.items()}
    columns = [_attribute(model, name) for name in changes]
    entries = []
    for batch in batches(dict.fromkeys(ids)):
        with transaction.atomic():
            found = rows.filter(pk__in=batch).order_by("pk").select_for_update().values_list("pk", *columns)
            changed = []
            for pk, *values in found:
                before = {name: as_json(value) for name, value in zip(changes, values, strict=True)}
                if before != after:
                    changed.append(Changed(pk, before))
            if not changed:
                continue
            keys = [row.pk for row in changed]
            model._default_manager.filter(pk__in=keys).update(**changes)
            if then is not None:
                then(changed)
            entries.append(
                audit(verb, kind_of(model), keys, by=by, now=now, before=_grouped(changed), after=after)
            )
    return entries


def undo(
    entry: AuditEntry,
    model: type[models.Model],
    *,
    by: User | None,
    now: dt.datetime,
    then: Callable[[Sequence[Changed]], None] | None = None,
) -> AuditEntry:
    """Give the rows of a batch back what stood before it; returns the entry of the undo.

    A row that was changed again since keeps its newer value: ``after["kept"]`` of the returned entry lists
    those. ``then`` receives the rows given back, each with the values that it lost. Raises ValidationError
    when the entry cannot be undone, was undone already, or is somebody else's.
    """
    groups = entry.before.get("groups") if isinstance(entry.before, dict) else None
    if groups is None or entry.kind != kind_of(model):
        raise ValidationError(
            _("“%(verb)s” cannot be undone: only changes of several rows can. Nothing was changed.")
            % {"verb": entry.verb}
        )
    if by is not None and entry.by_id != by.pk and not by.may_configure:
        raise ValidationError(
            _("Only the person who made this change or an administrator can undo it. Nothing was changed.")
        )
    with transaction.atomic():
        if AuditEntry.objects.filter(pk=entry.pk, undone_at__isnull=True).update(undone_at=now) != 1:
            raise ValidationError(
                _("This change was undone already. Load the page again to see how it stands.")
            )
        entry.undone_at = now
        given_back: list[Changed] = []
        for group in groups:
            given_back += _give_back(model, group["ids"], group["values"], entry.after)
        if then is not None:
            then(given_back)
        restored = {row.pk for row in given_back}
        kept = [key for key in entry.object_ids if key not in restored]
        return audit(
            f"{entry.verb}.undone",
            entry.kind,
            sorted(restored),
            by=by,
            now=now,
            after={"entry": entry.pk, "kept": kept},
        )


def kind_of(model: type[models.Model]) -> str:
    """What the audit calls rows of this model."""
    return str(model._meta.model_name)


def batches(ids: Iterable[int], size: int = BATCH) -> Iterator[list[int]]:
    """The ids in lists of at most ``size``."""
    rest = iter(ids)
    while batch := list(islice(rest, size)):
        yield batch


def _give_back(
    model: type[models.Model], ids: list[int], old: dict[str, Any], new: dict[str, Any]
) -> list[Changed]:
    """Set the old values on those of the rows that still hold the new ones."""
    columns = [_attribute(model, name) for name in old]
    found = (
        model._default_manager.filter(pk__in=ids)
        .order_by("pk")
        .select_for_update()
        .values_list("pk", *columns)
    )
    mine = []
    for pk, *values in found:
        held = {name: as_json(value) for name, value in zip(old, values, strict=True)}
        if held == {name: new[name] for name in old}:
            mine.append(Changed(pk, held))
    values = {_attribute(model, name): _field(model, name).to_python(value) for name, value in old.items()}
    model._default_manager.filter(pk__in=[row.pk for row in mine]).update(**values)
    return mine


def _grouped(changed: Sequence[Changed]) -> dict[str, Any]:
    """Rows with equal old values together, so that an entry of 5,000 rows stays small."""
    groups: dict[str, list[int]] = defaultdict(list)
    for row in changed:
        groups[json.dumps(row.before, sort_keys=True)].append(row.pk)
    return {"groups": [{"values": json.loads(values), "ids": ids} for values, ids in groups.items()]}


def _attribute(owner: models.Model | type[models.Model], name: str) -> str:
    """The attribute that holds the stored value: ``owner_id`` for ``owner``."""
    return _field(owner, name).attname


def _field(owner: models.Model | type[models.Model], name: str) -> models.Field[Any, Any]:
    field = owner._meta.get_field(name)
    if not isinstance(field, models.Field):
        raise TypeError(f"{owner._meta.model_name}.{name} is no column.")
    return field

"""Two accounts, or two contacts, that are one: merged in one transaction, given back exactly by an undo.

What points at the merged row points at the other one afterwards, whichever room it is of. The merged row itself
stays, hidden, with its ids and its own history, so that files that still name it find the other one, and so that
an undo needs no copy. The audit entry holds which rows were moved.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _

from evergreen.base.actions import audit
from evergreen.base.changes import batches, locked
from evergreen.base.models import AuditEntry, User
from evergreen.customers.models import Account, Contact

MERGED = "merger.made"
KIND = "merger"
R = TypeVar("R", Account, Contact)
_TOGETHER = 500

# Blank fields of the row that stays are filled from the other one.
FILLED: dict[type[models.Model], tuple[str, ...]] = {
    Account: ("industry", "region", "size", "signed_on", "kickoff_on", "live_on", "first_value_on"),
    Contact: ("title", "email", "phone", "role", "influence", "end_user", "language", "time_zone"),
}
_ABOVE: dict[type[models.Model], str] = {Account: "parent", Contact: "reports_to"}


@dataclass(frozen=True, slots=True)
class Moving:
    """How many rows of a kind would move, under the name that people know them by."""

    model: type[models.Model]
    field: str
    count: int


def preview(merged: Account | Contact) -> list[Moving]:
    """What would move to the other row, the most first; kinds of which there is nothing are left out."""
    found = [
        Moving(model, field, _rows(model, field, merged.pk).count())
        for model, field in _references(type(merged))
    ]
    return sorted((one for one in found if one.count), key=lambda one: -one.count)


def merge_accounts(merged: Account, into: Account, *, by: User | None, now: dt.datetime) -> AuditEntry:
    """Make two accounts one. Raises ValidationError when they are the same or one was merged already.

    Whoever calls sees to what the lake and other rooms hold (``flow.merging``).
    """
    return _merge(merged, into, by=by, now=now)


def merge_contacts(merged: Contact, into: Contact, *, by: User | None, now: dt.datetime) -> AuditEntry:
    """Make two contacts of one account one. Raises ValidationError when they are of different accounts."""
    if merged.account_id != into.account_id:
        raise ValidationError(
            _(
                "%(one)s and %(other)s are of different accounts. Merge the accounts first. Nothing was changed."
            )
            % {"one": merged, "other": into}
        )
    return _merge(merged, into, by=by, now=now)


@transaction.atomic
def undo_merge(entry: AuditEntry, *, by: User | None, now: dt.datetime) -> AuditEntry:
    """Give both rows back what they had. Rows that were moved on since stay where they are.

    Raises ValidationError when it was undone already, or when a later merge must be undone first.
    """
    model: type[Account] | type[Contact] = Account if entry.before["model"] == "account" else Contact
    merged, into = (_still(model, pk) for pk in entry.object_ids)
    if into.merged_into_id is not None:
        raise ValidationError(
            _("%(name)s was itself merged since. Undo that merge first. Nothing was changed.")
            % {"name": into}
        )
    if merged.merged_into_id != into.pk:
        raise ValidationError(_("This merge was undone already. Load the page again to see how it stands."))
    AuditEntry.objects.filter(pk=entry.pk).update(undone_at=now)
    kept: dict[str, list[int]] = {}
    for label, ids in entry.before["moved"].items():
        app, name, field = label.split(".")
        rows = apps.get_model(app, name)
        held = {pk for batch in batches(ids) for pk in _held(rows, field, into.pk, batch)}
        moved = _point(rows, field, [[pk] for pk in ids if pk in held], merged.pk)
        if left := sorted(set(ids) - set(moved)):
            kept[label] = left
    _empty_again(into, merged, entry.before["filled"])
    above = entry.before["above"]
    if above is not None:
        type(into).everything.filter(pk=into.pk).update(**{_ABOVE[model]: above})
    type(merged).everything.filter(pk=merged.pk).update(merged_into=None, merged_at=None)
    return audit(
        f"{entry.verb}.undone",
        KIND,
        entry.object_ids,
        by=by,
        now=now,
        after={"entry": entry.pk, "kept": kept},
    )


@transaction.atomic
def _merge(merged: R, into: R, *, by: User | None, now: dt.datetime) -> AuditEntry:
    if merged.pk == into.pk:
        raise ValidationError(_("Choose another one: these two are the same already. Nothing was changed."))
    merged, into = locked(merged), locked(into)
    model = type(merged)
    above = _lift(merged, into)
    moved, stayed = _move(model, merged.pk, into.pk)
    filled = _fill(into, merged)
    model.everything.filter(pk=merged.pk).update(merged_into=into.pk, merged_at=now)
    return audit(
        MERGED,
        KIND,
        [merged.pk, into.pk],
        by=by,
        now=now,
        before={"model": model._meta.model_name, "moved": moved, "filled": filled, "above": above},
        after={"stayed": stayed},
    )


def _references(model: type[models.Model]) -> list[tuple[type[models.Model], str]]:
    """Every (model, field) of any room whose rows belong to a row of this model and move with it."""
    found = []
    for relation in model._meta.get_fields(include_hidden=True):
        if not isinstance(relation, models.ManyToOneRel) or isinstance(relation, models.OneToOneRel):
            continue  # one a row: what is derived of it, made anew for the row that stays
        other = relation.related_model
        if (
            isinstance(other, str)
            or getattr(other, "stays_at_merge", False)
            or relation.field.model is not other
        ):
            continue
        found.append((other, relation.field.name))
    return sorted(found, key=lambda one: (one[0]._meta.label_lower, one[1]))


def _held(model: type[models.Model], field: str, pk: int, ids: Sequence[int]) -> list[int]:
    return list(_rows(model, field, pk).filter(pk__in=ids).values_list("pk", flat=True))


def _rows(model: type[models.Model], field: str, pk: int) -> models.QuerySet[Any]:
    return models.QuerySet(model).filter(**{field: pk}).order_by("pk")


def _move(model: type[models.Model], merged: int, into: int) -> tuple[dict[str, list[int]], dict[str, int]]:
    """Point everything at the other row. Returns the rows moved, and how many of which kind had to stay."""
    moved: dict[str, list[int]] = {}
    stayed: dict[str, int] = {}
    for other, field in _references(model):
        groups = _groups(other, _rows(other, field, merged).select_for_update(of=("self",)))
        done = _point(other, field, groups, into)
        label = f"{other._meta.label_lower}.{field}"
        if done:
            moved[label] = done
        if left := sum(map(len, groups)) - len(done):
            stayed[label] = left
    return moved, stayed


def _groups(model: type[models.Model], rows: models.QuerySet[Any]) -> list[list[int]]:
    """The keys of rows, those that only make sense together in one group (``moves_by`` of their model names by what)."""
    by: tuple[str, ...] = getattr(model, "moves_by", ("pk",))
    found: dict[tuple[Any, ...], list[int]] = {}
    for pk, *values in rows.values_list("pk", *by):
        found.setdefault(tuple(values), []).append(pk)
    return list(found.values())


def _point(model: type[models.Model], field: str, groups: Sequence[list[int]], target: int) -> list[int]:
    """Point groups of rows at a target; those that would break a rule of uniqueness stay. Returns what moved."""
    if not groups:
        return []
    if len(groups) > _TOGETHER:
        return [pk for batch in _cut(groups) for pk in _point(model, field, batch, target)]
    ids = [pk for group in groups for pk in group]
    try:
        with transaction.atomic():
            for batch in batches(ids, _TOGETHER):
                models.QuerySet(model).filter(pk__in=batch).update(**{field: target})
    except IntegrityError:
        if len(groups) == 1:
            return []
        half = len(groups) // 2
        return [*_point(model, field, groups[:half], target), *_point(model, field, groups[half:], target)]
    return ids


def _cut(groups: Sequence[list[int]]) -> Iterable[Sequence[list[int]]]:
    return (groups[at : at + _TOGETHER] for at in range(0, len(groups), _TOGETHER))


def _lift(merged: R, into: R) -> int | None:
    """Where the row that stays stands below the merged one, put it below that one's own superior.

    Returns the superior it had, None when nothing was changed.
    """
    name = _ABOVE[type(merged)]
    above: dict[int, int] = dict(
        type(into).everything.exclude(**{name: None}).filter(_related(merged)).values_list("pk", f"{name}_id")
    )
    at: int | None = into.pk
    passed: set[int] = set()
    while at is not None and at not in passed:
        passed.add(at)
        at = above.get(at)
        if at == merged.pk:
            own = above.get(into.pk)
            type(into).everything.filter(pk=into.pk).update(**{f"{name}_id": above.get(merged.pk)})
            return own
    return None


def _related(merged: Account | Contact) -> models.Q:
    """Contacts report within their account; accounts stand below any other."""
    return models.Q(account=merged.account_id) if isinstance(merged, Contact) else models.Q()


def _fill(into: R, merged: R) -> list[str]:
    """Take over what is blank. Returns the names of the fields; their values are the merged row's."""
    names = [
        name
        for name in FILLED[type(into)]
        if getattr(into, name) in (None, "") and getattr(merged, name) not in (None, "")
    ]
    type(into).everything.filter(pk=into.pk).update(**{name: getattr(merged, name) for name in names})
    return names


def _empty_again(into: Account | Contact, merged: Account | Contact, names: Iterable[str]) -> None:
    """Blank what was taken over, unless it was changed since."""
    for name in names:
        field = type(into)._meta.get_field(name)
        blank = None if getattr(field, "null", False) else ""
        if getattr(into, name) == getattr(merged, name):
            type(into).everything.filter(pk=into.pk).update(**{name: blank})


def _still(model: type[Account] | type[Contact], pk: int) -> Any:
    found = model.everything.select_for_update(of=("self",)).filter(pk=pk).first()
    if found is None:
        raise ValidationError(
            _("One of the two is gone, so the merge cannot be undone. Nothing was changed.")
        )
    return found

"""Change rows of the fields that metrics and conditions read, so that the past is read as it was known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Model

from evergreen.base.changes import Changed
from evergreen.base.models import Team, User
from evergreen.customers.models import Account, Edition, FieldChange

TRACKED = ("owner", "team", "tier", "touch_model", "stage", "edition")


def words_for(changes: Sequence[Mapping[str, Any]]) -> dict[tuple[str, Any], str]:
    """What a change row writes for stored values: e-mail of an owner, name of a team, key of an edition.

    ``changes`` are {field: stored value} (keys of rows for owner, team, edition). At most one query a kind.
    """
    keys: dict[str, set[Any]] = {"owner": set(), "team": set(), "edition": set()}
    for change in changes:
        for field, found in keys.items():
            if change.get(field) is not None:
                found.add(change[field])
    columns: dict[str, tuple[type[Model], str]] = {
        "owner": (User, "email"),
        "team": (Team, "name"),
        "edition": (Edition, "key"),
    }
    words = {}
    for field, ids in keys.items():
        model, column = columns[field]
        if ids:
            for pk, word in model._default_manager.filter(pk__in=ids).values_list("pk", column):
                words[field, pk] = word
    return words


def write_changes(
    changed: Sequence[tuple[int, Mapping[str, Any], Mapping[str, Any]]],
    *,
    by: User | None,
    known_at: dt.datetime,
) -> None:
    """Write change rows for (account key, values before, values after) of tracked fields that differ."""
    words = words_for([side for _pk, old, new in changed for side in (old, new)])

    def word(field: str, value: Any) -> str:
        return words.get((field, value), "" if value is None else str(value))[:200]

    FieldChange.objects.bulk_create(
        [
            FieldChange(
                account_id=pk,
                field=field,
                old=word(field, old.get(field)),
                new=word(field, new.get(field)),
                known_at=known_at,
                by=by,
            )
            for pk, old, new in changed
            for field in TRACKED
            if field in new and old.get(field) != new.get(field)
        ],
        batch_size=1_000,
    )


def write_batch(
    changed: Sequence[Changed], after: Mapping[str, Any], *, by: User | None, known_at: dt.datetime
) -> None:
    """Change rows of a batch in which every account got the same values."""
    write_changes([(row.pk, row.before, after) for row in changed], by=by, known_at=known_at)


def first_values(account: Account) -> dict[str, Any]:
    """The tracked values an account starts with, as stored."""
    stored = {
        "owner": account.owner_id,
        "team": account.team_id,
        "tier": account.tier,
        "touch_model": account.touch_model,
        "stage": account.stage,
        "edition": account.edition_id,
    }
    return {field: value for field, value in stored.items() if value not in (None, "")}

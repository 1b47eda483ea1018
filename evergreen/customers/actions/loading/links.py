"""References between rows of one kind (parent, superior, renewed contract), set once all rows stand.

A file may name a row before it brings it, so imports hand over all pairs at their end.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Model

from evergreen.base import changes
from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.base.upserts import fetch, in_batches, rewrite
from evergreen.customers.models import Account, Contact, Contract

Pair = tuple[str, str]  # external id of a row, external id of the row it points at


@dataclass(slots=True)
class Linked:
    """External ids of the rows that changed, that name a row which is not there, or that name one which may
    not be.
    """

    changed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def nothing_comes(key: str) -> int | None:
    """``coming`` of a run that writes: every row it brings stands already."""
    return None


@dataclass(frozen=True, slots=True)
class Options:
    """Who links, when, from where. ``coming`` answers for a run that writes nothing: the account (0 for
    accounts) of a row that it would have created, else None.
    """

    by: User | None
    now: dt.datetime
    origin: str = ""
    dry_run: bool = False
    coming: Callable[[str], int | None] = nothing_comes


def link_parents(pairs: Sequence[Pair], options: Options) -> Linked:
    """Set the parents of accounts. Refused: a parent that stands below its child."""
    return _link(Account, "parent", pairs, _circles(Account, "parent"), options)


def link_superiors(pairs: Sequence[Pair], options: Options) -> Linked:
    """Set whom contacts report to. Refused: somebody of another account, and circles."""
    return _link(Contact, "reports_to", pairs, _circles(Contact, "reports_to"), options)


def link_renewals(pairs: Sequence[Pair], options: Options) -> Linked:
    """Set which contract a contract renews. Refused: itself, another account's, one that is renewed
    already.
    """
    taken = dict(
        Contract.objects.filter(renews__isnull=False).values_list("renews__external_id", "external_id")
    )

    def refuse(own: str, other: str) -> bool:
        return own == other or taken.setdefault(other, own) != own

    return _link(Contract, "renews", pairs, refuse, options)


def _link(
    model: type[Model], name: str, pairs: Sequence[Pair], refuse: Callable[[str, str], bool], options: Options
) -> Linked:
    linked = Linked()
    for batch in in_batches(pairs):
        with transaction.atomic():
            rows: dict[str, Any] = fetch(model, "external_id", [key for pair in batch for key in pair])

            def account(key: str, rows: dict[str, Any] = rows) -> int | None:
                return getattr(rows[key], "account_id", 0) if key in rows else options.coming(key)

            changed = []
            for own, other in batch:
                if account(other) is None:
                    linked.missing.append(own)
                elif account(own) != account(other) or refuse(own, other):
                    linked.refused.append(own)
                elif own in rows and _points_elsewhere(rows[own], f"{name}_id", rows.get(other)):
                    linked.changed.append(own)
                    changed.append(rows[own])
            if changed and not options.dry_run:
                rewrite(model, changed, [name])
                kind = changes.kind_of(model)
                audit(
                    f"{kind}.linked",
                    kind,
                    [row.pk for row in changed],
                    by=options.by,
                    now=options.now,
                    after={"origin": options.origin, "field": name},
                )
    return linked


def _points_elsewhere(row: Any, attribute: str, target: Any) -> bool:
    """Point a row at its target (None: one that is yet to come); whether it pointed elsewhere before."""
    if target is None:
        return True
    before = getattr(row, attribute)
    setattr(row, attribute, target.pk)
    return bool(before != target.pk)


def _circles(model: type[Model], name: str) -> Callable[[str, str], bool]:
    """Whether pointing one row at another would lead back to it, given the links that stand and those made
    so far.
    """
    points: dict[str, str] = dict(
        model._default_manager.filter(**{f"{name}__isnull": False}).values_list(
            "external_id", f"{name}__external_id"
        )
    )

    def refuse(own: str, other: str) -> bool:
        at: str | None = other
        passed = set()
        while at is not None and at not in passed:
            if at == own:
                return True
            passed.add(at)
            at = points.get(at)
        points[own] = other
        return False

    return refuse

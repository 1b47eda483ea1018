"""What the vendor sells, written by hand: products, features with their matchers, editions with their features."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction

from evergreen.base import changes as rows
from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.customers.models import Edition, Feature, Product

Words = Mapping[str, str]


@transaction.atomic
def add_product(key: str, name: Words, *, by: User | None, now: dt.datetime) -> Product:
    """A product with its name in zh and en. Raises ValidationError by field."""
    product = Product(key=key, name=dict(name))
    product.full_clean()
    product.save()
    audit("product.added", "product", [product.pk], by=by, now=now, after={"key": key})
    return product


@transaction.atomic
def add_feature(
    product: Product,
    key: str,
    name: Words,
    *,
    matchers: Sequence[Mapping[str, str]],
    by: User | None,
    now: dt.datetime,
    is_core: bool = False,
    is_advanced: bool = False,
    adds_data: bool = False,
) -> Feature:
    """A feature and the events that show it. Raises ValidationError by field."""
    feature = Feature(
        product=product,
        key=key,
        name=dict(name),
        matchers=[dict(matcher) for matcher in matchers],
        is_core=is_core,
        is_advanced=is_advanced,
        adds_data=adds_data,
    )
    feature.full_clean()
    feature.save()
    audit("feature.added", "feature", [feature.pk], by=by, now=now, after={"key": key})
    return feature


@transaction.atomic
def add_edition(
    product: Product, key: str, name: Words, features: Iterable[Feature], *, by: User | None, now: dt.datetime
) -> Edition:
    """An edition and the features that it holds. Raises ValidationError by field."""
    edition = Edition(product=product, key=key, name=dict(name))
    edition.full_clean()
    edition.save()
    edition.features.set(features)
    audit("edition.added", "edition", [edition.pk], by=by, now=now, after={"key": key})
    return edition


@transaction.atomic
def update_product(product: Product, name: Words, *, by: User | None, now: dt.datetime) -> Product:
    """Name a product anew."""
    applied = rows.apply(product, {"name": dict(name)}, {"name"})
    if applied:
        _audit("product.updated", product, applied, by=by, now=now)
    return product


@transaction.atomic
def update_feature(
    feature: Feature, changes: Mapping[str, Any], *, by: User | None, now: dt.datetime
) -> bool:
    """Change a feature's name, marks or matchers; says whether the matchers changed.

    The caller then marks the days that they touch (``events.rollup.mark_stale``). ValidationError by field.
    """
    allowed = {"name", "is_core", "is_advanced", "adds_data", "matchers"}
    applied = rows.apply(feature, changes, allowed)
    if applied:
        _audit("feature.updated", feature, applied, by=by, now=now)
    return "matchers" in applied.after


@transaction.atomic
def update_edition(
    edition: Edition,
    name: Words,
    features: Iterable[Feature],
    *,
    holds_all: bool,
    limits: Mapping[str, float] | None = None,
    by: User | None,
    now: dt.datetime,
) -> Edition:
    """Name an edition and say which features it holds; ``holds_all`` holds those to come as well.

    ``limits`` says how often a feature may be used in 28 days, by key; without it the limits stay as they are.
    """
    wanted = {feature.pk for feature in features}
    held = set(edition.features.values_list("pk", flat=True))
    changes: dict[str, Any] = {"name": dict(name), "holds_all_features": holds_all}
    if limits is not None:
        changes["limits"] = dict(limits)
    applied = rows.apply(edition, changes, {"name", "holds_all_features", "limits"})
    if held != wanted:
        edition.features.set(wanted)
        applied = rows.Applied(
            {**applied.before, "features": sorted(held)}, {**applied.after, "features": sorted(wanted)}
        )
    if applied:
        _audit("edition.updated", edition, applied, by=by, now=now)
    return edition


def _audit(
    verb: str, row: Product | Feature | Edition, applied: rows.Applied, *, by: User | None, now: dt.datetime
) -> None:
    audit(verb, rows.kind_of(type(row)), [row.pk], by=by, now=now, before=applied.before, after=applied.after)

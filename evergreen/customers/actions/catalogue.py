"""What the vendor sells, written by hand: products, features with their matchers, editions with their features."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from django.db import transaction

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

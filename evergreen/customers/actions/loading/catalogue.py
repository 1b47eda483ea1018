"""Products, editions and features as files name them: made once where they are absent."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable
from typing import TypeVar

from django.db import transaction
from django.utils.text import slugify

from evergreen.base import changes
from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.customers.models import Edition, Feature, Product

Named = TypeVar("Named", Edition, Feature)


def catalogue_key(name: str) -> str:
    """The key of a product, edition or feature that a file calls ``name``: letters (of any script), digits,
    - and _.
    """
    key = slugify(name, allow_unicode=True)
    if key and len(key) <= 60:
        return key
    return f"{key[:48].rstrip('-')}-{hashlib.sha256(name.encode()).hexdigest()[:10]}".lstrip("-")


@transaction.atomic
def load_product(name: str, *, by: User | None, now: dt.datetime) -> Product:
    """The product of that key or name, made if it is absent."""
    product, is_new = Product.objects.get_or_create(
        key=catalogue_key(name), defaults={"name": {"zh": name, "en": name}}
    )
    if is_new:
        audit("product.loaded", "product", [product.pk], by=by, now=now, after={"key": product.key})
    return product


def load_editions(
    product: Product, names: Iterable[str], *, by: User | None, now: dt.datetime
) -> dict[str, Edition]:
    """The editions that a file calls so, by that name, made where they are absent."""
    return _load(Edition, product, names, by=by, now=now)


def load_features(
    product: Product, names: Iterable[str], *, by: User | None, now: dt.datetime
) -> dict[str, Feature]:
    """The features that a file calls so, by that name, made where they are absent."""
    return _load(Feature, product, names, by=by, now=now)


@transaction.atomic
def hold_all_features(product: Product, *, by: User | None, now: dt.datetime) -> int:
    """Mark every edition of a product as holding all its features; returns how many were not so before."""
    editions = list(Edition.objects.filter(product=product, holds_all_features=False))
    Edition.objects.filter(pk__in=[edition.pk for edition in editions]).update(holds_all_features=True)
    if editions:
        ids = [edition.pk for edition in editions]
        audit("edition.holds_all_features", "edition", ids, by=by, now=now, after={"product": product.key})
    return len(editions)


@transaction.atomic
def _load(
    model: type[Named], product: Product, names: Iterable[str], *, by: User | None, now: dt.datetime
) -> dict[str, Named]:
    wanted = {name: catalogue_key(name) for name in dict.fromkeys(names)}
    stored = {row.key: row for row in model._default_manager.filter(product=product)}
    missing: dict[str, str] = {}
    for name, key in wanted.items():
        if key not in stored:
            missing.setdefault(key, name)
    made = [model(product=product, key=key, name={"zh": name, "en": name}) for key, name in missing.items()]
    if made:
        model._default_manager.bulk_create(made, batch_size=500)
        ids = [row.pk for row in made[:5_000]]
        audit(
            f"{changes.kind_of(model)}.loaded",
            changes.kind_of(model),
            ids,
            by=by,
            now=now,
            after={"product": product.key},
        )
        stored.update((row.key, row) for row in made)
    return {name: stored[key] for name, key in wanted.items()}

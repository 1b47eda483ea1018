"""Editions and features as a file names them: found by key or name, made where the mapping allows it."""

from __future__ import annotations

from collections.abc import Iterable

from evergreen.customers.actions.loading import (
    catalogue_key,
    hold_all_features,
    load_editions,
    load_features,
    load_product,
)
from evergreen.customers.models import Edition, Feature, Product
from evergreen.events.imports.context import Context

COMING = -1  # the key of a row that a dry run would have created
_UNNAMED = "product"


class Catalogue:
    """Products, editions and features known to one load."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._products = list(Product.objects.order_by("pk"))
        self._editions: dict[tuple[str, str], int | None] = {}
        self._features: dict[str, str] = {}
        self._holds_all = False
        self._read_features()

    def learn_editions(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Look up (product as the file names it or '', edition as it names it), creating if the mapping
        says so.
        """
        new = [pair for pair in dict.fromkeys(pairs) if pair[1] and pair not in self._editions]
        if not new:
            return
        stored = list(Edition.objects.select_related("product"))
        for product_name, name in new:
            product = self._product(product_name)
            if product is None and product_name:
                fitting = []
            else:
                fitting = [
                    edition.pk
                    for edition in stored
                    if (product is None or edition.product_id == product.pk) and _is_called(edition, name)
                ]
            self._editions[product_name, name] = fitting[0] if len(fitting) == 1 else None
        if self._context.mapping.create:
            self._create_editions([pair for pair in new if self._editions[pair] is None])

    def edition(self, product_name: str, name: str) -> int | None:
        return self._editions.get((product_name, name))

    def product(self, name: str) -> int | None:
        found = self._product(name)
        return found.pk if found else None

    def learn_features(self, names: Iterable[str]) -> None:
        """Make the features that are new, if the mapping says so, and let every edition hold them all."""
        wanted = self._context.mapping.features
        new = [name for name in dict.fromkeys(names) if name and name not in self._features]
        if self._context.dry_run:
            self._features.update((name, catalogue_key(name)) for name in new if wanted.create)
            return
        by, now = self._context.by, self._context.now
        product = self._product("")
        if wanted.create and new:
            product = product or self._make_product("")
            made = load_features(product, new, by=by, now=now)
            self._features.update((name, feature.key) for name, feature in made.items())
        if wanted.editions == "all" and product is not None and not self._holds_all:
            hold_all_features(product, by=by, now=now)
            self._holds_all = True

    def feature(self, name: str | None) -> str | None:
        """The key of the feature that a file calls so; the name itself where there is no such feature."""
        return self._features.get(name, name) if name else None

    def _read_features(self) -> None:
        for key, names in Feature.objects.values_list("key", "name"):
            for word in (key, *names.values()):
                self._features.setdefault(str(word), key)

    def _product(self, name: str) -> Product | None:
        """The product of that name, of the mapping's, or the only one."""
        name = name or self._context.mapping.product
        if name:
            return next((product for product in self._products if _is_called(product, name)), None)
        return self._products[0] if len(self._products) == 1 else None

    def _create_editions(self, missing: list[tuple[str, str]]) -> None:
        by_product: dict[str, list[str]] = {}
        for product_name, name in missing:
            by_product.setdefault(product_name, []).append(name)
        for product_name, names in by_product.items():
            if self._context.dry_run:
                self._editions.update(((product_name, name), COMING) for name in names)
                continue
            product = self._product(product_name) or self._make_product(product_name)
            made = load_editions(product, names, by=self._context.by, now=self._context.now)
            self._editions.update(((product_name, name), made[name].pk) for name in names)

    def _make_product(self, name: str) -> Product:
        product = load_product(
            name or self._context.mapping.product or _UNNAMED, by=self._context.by, now=self._context.now
        )
        self._products.append(product)
        return product


def _is_called(row: Product | Edition, name: str) -> bool:
    return row.key == catalogue_key(name) or name.casefold() in {
        str(one).casefold() for one in row.name.values()
    }

"""Which edition stands above which: what the vendor sells, as far as editions say it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from evergreen.customers.models import Edition, Feature, Product


@dataclass(frozen=True, slots=True)
class Sold:
    """An edition with the features it holds and how often each may be used in 28 days, where that is limited."""

    key: int
    product: int
    features: frozenset[str]
    limits: dict[str, float]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Products by key, and their editions by key."""

    products: tuple[int, ...]
    editions: dict[int, Sold]

    def is_above(self, one: int, other: int) -> bool:
        """Whether an edition holds all that another of its product holds, and more, or the same with wider limits."""
        if one == other or one not in self.editions or other not in self.editions:
            return False
        high, low = self.editions[one], self.editions[other]
        if high.product != low.product or not high.features >= low.features:
            return False
        wider = any(high.limits.get(name, float("inf")) > most for name, most in low.limits.items())
        narrower = any(most < low.limits.get(name, float("inf")) for name, most in high.limits.items())
        return not narrower and (wider or high.features > low.features)

    def next_above(self, edition: int) -> int | None:
        """The smallest edition above one; None at the top, or where editions say nothing of their features."""
        above = [one for one in self.editions if self.is_above(one, edition)]
        return min(above, key=lambda one: (len(self.editions[one].features), one)) if above else None


def read() -> Catalogue:
    """The catalogue as it stands now."""
    by_product: dict[int, set[str]] = defaultdict(set)
    names = {}
    for pk, product, key in Feature.objects.values_list("pk", "product_id", "key"):
        by_product[product].add(key)
        names[pk] = key
    listed: dict[int, set[str]] = defaultdict(set)
    for edition, feature in Edition.features.through.objects.values_list("edition_id", "feature_id"):
        listed[edition].add(names[feature])
    editions = {
        pk: Sold(
            pk,
            product,
            frozenset(by_product[product] if holds_all else listed[pk]),
            {name: float(most) for name, most in (limits or {}).items()},
        )
        for pk, product, holds_all, limits in Edition.objects.values_list(
            "pk", "product_id", "holds_all_features", "limits"
        )
    }
    return Catalogue(tuple(Product.objects.order_by("pk").values_list("pk", flat=True)), editions)

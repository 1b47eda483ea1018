"""The list of scorecards: whose own each is, in bands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Avg, Count, Sum
from django.utils.translation import gettext as _

from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.customers.queries import accounts_for
from evergreen.health import definitions, queries
from evergreen.health.models import Scorecard, ScorecardVersion, Standing
from evergreen.web import formats

BANDS = ("green", "yellow", "red", "insufficient_data")


@dataclass(frozen=True, slots=True)
class Tile:
    """A scorecard in the list: whose own it is, in bands."""

    card: Scorecard
    version: ScorecardVersion
    is_default: bool
    own: int
    bands: dict[str, int]
    arr_cents: int
    mean: float | None
    measures: list[str]

    @property
    def since(self) -> str:
        return since_words(self.version.effective_on)


def tiles(user: User, vendor: Mapping[str, Any]) -> list[Tile]:
    """Every active scorecard with the accounts that are scored by it; three queries."""
    cards = list(Scorecard.objects.filter(is_active=True).prefetch_related("versions"))
    visible = accounts_for(user).order_by().exclude(stage=Account.Stage.CHURNED)
    rows = (
        Standing.objects.filter(is_own=True, account__in=visible)
        .values_list("scorecard", "band")
        .annotate(n=Count("pk"), arr=Sum("account__arr_base_cents"), mean=Avg("score"))
        .order_by()
    )
    found: dict[int, dict[str, tuple[int, int, float | None]]] = {}
    for card, band, n, arr, mean in rows:
        found.setdefault(card, {})[band] = (n, arr or 0, mean)
    return [_tile(card, found.get(card.pk, {}), vendor) for card in cards]


def _tile(
    card: Scorecard, bands: Mapping[str, tuple[int, int, float | None]], vendor: Mapping[str, Any]
) -> Tile:
    version = queries.current_version(card)
    scored = [(n, mean) for n, _arr, mean in bands.values() if mean is not None]
    total = sum(n for n, _mean in scored)
    return Tile(
        card=card,
        version=version,
        is_default=card.key == vendor["scorecard"],
        own=sum(n for n, _arr, _mean in bands.values()),
        bands={band: bands[band][0] for band in BANDS if band in bands},
        arr_cents=sum(arr for _n, arr, _mean in bands.values()),
        mean=sum(n * mean for n, mean in scored) / total if total else None,
        measures=[
            formats.named(dict(one.name)) for one in definitions.card_from(version.definition).measures
        ],
    )


def since_words(day: dt.date) -> str:
    """From which day on a version holds; shipped ones hold for every day."""
    return _("for every day") if day.year <= 2000 else _("since %(day)s") % {"day": formats.day(day)}

"""The hidden satisfaction of every account on every day, and the shocks that move it. The product never reads it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from evergreen.flow.demo.cast import Path
from evergreen.flow.demo.extent import Extent, Floats, logistic, years_on
from evergreen.flow.demo.market import Company

# The vendor's own history: days before the last one.
INCIDENTS = ((415, 0.30, 1.0), (52, 0.16, 0.9))  # days ago, share of the book hit, size
PRICE_RISE_AGO = 430
_PULL, _NOISE = 0.055, 0.15
_BASE = {"strategic": (1.55, 0.45), "growth": (1.35, 0.6), "basic": (1.15, 0.7)}


class Kind(StrEnum):
    """What moves a customer's satisfaction; also why it leaves."""

    INCIDENT = "product_incident"
    CHAMPION_LEFT = "champion_left"
    COMPETITOR = "new_competitor"
    BAD_ONBOARDING = "bad_onboarding"
    PRICE_RISE = "price_rise"
    TROUBLE = "customer_in_trouble"
    RESCUE = "rescue"
    SUCCESS = "success"
    LOW_VALUE = "low_value"


@dataclass(frozen=True, slots=True)
class Shock:
    """Something that happened to an account: ``size`` is what it takes from (or adds to) its satisfaction.

    ``stays`` is the part that remains for good, the rest fades with ``fade_days``.
    """

    place: int
    day: int
    kind: Kind
    size: float
    stays: float
    fade_days: float


@dataclass(frozen=True)
class Feelings:
    """``level``: accounts × days, around 1.2 when content, below 0 when unhappy; ``share`` the same between 0 and 1."""

    level: Floats
    shocks: tuple[Shock, ...]

    @cached_property
    def share(self) -> Floats:
        return logistic(self.level)

    @cached_property
    def _by_place(self) -> dict[int, list[Shock]]:
        found: dict[int, list[Shock]] = {}
        for shock in self.shocks:
            found.setdefault(shock.place, []).append(shock)
        return found

    def mean(self, place: int, until: int, days: int = 90) -> float:
        """The mean level over some days up to an index."""
        until = min(max(until, 1), self.level.shape[1])
        return float(self.level[place, max(0, until - days) : until].mean())

    def of(self, place: int, kind: Kind | None = None) -> list[Shock]:
        return [s for s in self._by_place.get(place, ()) if kind is None or s.kind == kind]

    def reason(self, place: int, day: int) -> Kind:
        """What weighed most on an account before a day."""
        weights = {
            s: _effect(s, np.array([day], np.float32))[0]
            for s in self.of(place)
            if s.day <= day and s.size > 0
        }
        worst = max(weights, key=lambda s: weights[s], default=None)
        return worst.kind if worst is not None and weights[worst] >= 0.15 else Kind.LOW_VALUE


def feelings(book: Sequence[Company], extent: Extent) -> Feelings:
    """Walk every account through the days."""
    chance = extent.chance("feelings")
    level = _walk(book, extent, chance)
    shocks = _shocks(book, extent)
    days = np.arange(extent.days, dtype=np.float32)
    for shock in shocks:
        if shock.day < extent.days:
            level[shock.place] -= np.where(days >= shock.day, _effect(shock, days), 0)
    for company in book:
        if company.star is not None:
            level[company.place] = along(company.star.mood, extent) + 0.12 * np.sin(days / 9 + company.place)
    return Feelings(np.clip(level, -3, 3).astype(np.float32), tuple(shocks))


def along(path: Path, extent: Extent) -> Floats:
    """A path of (days ago, value) as one value a day."""
    days = [extent.ago(ago) for ago, _ in path]
    return np.interp(np.arange(extent.days), days, [value for _, value in path]).astype(np.float32)


def _walk(book: Sequence[Company], extent: Extent, chance: np.random.Generator) -> Floats:
    """A walk that is pulled back to each account's own mean, week by week, drawn to days."""
    count, weeks = len(book), extent.days // 7 + 2
    base = np.array([_BASE[c.tier] for c in book])
    mean = chance.normal(base[:, 0], base[:, 1])
    walk = np.empty((count, weeks))
    walk[:, 0] = mean + chance.normal(0, 0.4, count)
    for week in range(1, weeks):
        before = walk[:, week - 1]
        walk[:, week] = before + _PULL * (mean - before) + chance.normal(0, _NOISE, count)
    at = np.arange(extent.days) / 7
    left = at.astype(int)
    part = at - left
    return np.asarray(walk[:, left] * (1 - part) + walk[:, left + 1] * part, np.float32)


def _effect(shock: Shock, days: Floats) -> Floats:
    age = np.maximum(days - shock.day, 0)
    # It takes a week to sink in.
    onset = np.minimum((age + 1) / 7, 1)
    return np.asarray(
        shock.size * onset * (shock.stays + (1 - shock.stays) * np.exp(-age / shock.fade_days)), np.float32
    )


def _shocks(book: Sequence[Company], extent: Extent) -> list[Shock]:
    chance = extent.chance("shocks")
    found: list[Shock] = []
    for company in book:
        if company.star is None:
            found += _own_shocks(company, extent, chance)
    for ago, share, size in INCIDENTS:
        day = extent.ago(ago)
        found += [
            Shock(
                c.place,
                day + int(chance.integers(0, 3)),
                Kind.INCIDENT,
                size * chance.uniform(0.5, 1.3),
                0.1,
                40,
            )
            for c in book
            if c.star is None and chance.random() < share and day >= 0
        ]
    for company in book:
        if company.star is None and chance.random() < 0.35:
            found += _price_rise(company, extent, chance)
    return sorted(found, key=lambda s: (s.day, s.place))


def _own_shocks(company: Company, extent: Extent, chance: np.random.Generator) -> list[Shock]:
    """What happens to one account alone, drawn once for the whole span."""
    start = max(extent.index(company.started), 0)
    years = max(0.0, (extent.days - start) / 365)
    found = []
    if company.started > extent.first and chance.random() < 0.13:
        found.append(Shock(company.place, start, Kind.BAD_ONBOARDING, chance.uniform(0.9, 1.9), 0.55, 120))
    for kind, a_year, low, high, stays, fade in (
        (Kind.CHAMPION_LEFT, 0.12, 0.7, 1.7, 0.5, 90),
        (Kind.COMPETITOR, 0.08, 0.6, 1.6, 0.8, 200),
        (Kind.TROUBLE, 0.05, 0.8, 1.8, 0.5, 150),
        (Kind.SUCCESS, 0.18, -0.7, -0.3, 0.5, 200),
    ):
        for _ in range(int(chance.poisson(a_year * years))):
            day = start + int(chance.integers(20, max(21, extent.days - start)))
            shock = Shock(company.place, day, kind, chance.uniform(low, high), stays, fade)
            found.append(shock)
            saves = {"strategic": 0.6, "growth": 0.42, "basic": 0.18}[company.tier]
            if shock.size > 0.8 and kind != Kind.TROUBLE and chance.random() < saves:
                later = day + int(chance.integers(25, 60))
                found.append(Shock(company.place, later, Kind.RESCUE, -0.75 * shock.size, 0.9, 300))
    return found


def _price_rise(company: Company, extent: Extent, chance: np.random.Generator) -> list[Shock]:
    """The new price list is felt when the next renewal is offered."""
    risen = extent.last - dt.timedelta(days=PRICE_RISE_AGO)
    anniversary = company.started
    while anniversary < risen or anniversary <= company.started:
        anniversary = years_on(anniversary, 1)
    day = extent.index(anniversary) - 60
    if not 0 <= day < extent.days or company.started > risen:
        return []
    return [Shock(company.place, day, Kind.PRICE_RISE, chance.uniform(0.35, 1.0), 0.35, 120)]

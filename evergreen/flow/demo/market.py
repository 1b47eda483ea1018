"""The vendor's book: who the customers are. Drawn once; what becomes of them is told elsewhere."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle

import numpy as np

from evergreen.flow.demo import cast, names
from evergreen.flow.demo.cast import STAFF, Star
from evergreen.flow.demo.extent import Extent

USD_RATE = 7.1
_GROUPS = 6
_TRIALS_SHARE = 0.02
TIERS = ("strategic", "growth", "basic")
_SHARES = {"strategic": 0.10, "growth": 0.34}
_TOUCH = {"strategic": "high", "growth": "low", "basic": "tech"}


@dataclass(slots=True)
class Company:
    """An account as it is drawn. ``started`` is the first contract's start; ``trial_on`` when it began to try."""

    place: int
    key: str
    name: str
    name_en: str
    stem: tuple[str, str]
    trade: names.Trade
    city: str
    size: int
    tier: str
    edition: str
    seats: int
    started: dt.date
    is_trial: bool = False
    trial_on: dt.date | None = None
    currency: str = "CNY"
    arr_cents: int = 0
    owner: str = ""
    team: str = ""
    parent: int | None = None
    tenants: list[tuple[str, str]] = field(default_factory=list)
    star: Star | None = None

    @property
    def domain(self) -> str:
        return f"{self.stem[1].lower()}.example"

    @property
    def touch(self) -> str:
        return _TOUCH[self.tier]


def companies(extent: Extent) -> list[Company]:
    """Every account of the book, the stars first."""
    chance = extent.chance("market")
    stars = [_from_star(place, star, extent) for place, star in enumerate(cast.STARS[: extent.accounts])]
    rest = max(0, extent.accounts - len(stars))
    tiers = _tiers(chance, extent.accounts, Counter(star.tier for star in stars), rest)
    taken = {star.name[:2] for star in stars}
    stems = names.company_stems(chance, rest, taken)
    book = stars + [_company(chance, extent, len(stars) + i, tiers[i], stems[i]) for i in range(rest)]
    _form_groups(chance, book)
    _mark_trials(chance, extent, book)
    _give_owners(book, extent)
    return book


def _tiers(chance: np.random.Generator, total: int, had: Counter[str], rest: int) -> list[str]:
    wanted = {tier: max(0, round(share * total) - had[tier]) for tier, share in _SHARES.items()}
    listed = ["strategic"] * wanted["strategic"] + ["growth"] * wanted["growth"]
    listed = (listed + ["basic"] * rest)[:rest]
    return [str(tier) for tier in chance.permutation(listed)] if listed else []


def _from_star(place: int, star: Star, extent: Extent) -> Company:
    trade = next(trade for trade in names.TRADES if trade.zh == star.trade)
    key = f"KH{place + 1:04d}"
    return Company(
        place, key, star.name, star.en, (star.name[:2], star.en.split()[0]), trade, star.city, star.size, star.tier, star.edition, star.seats,
        extent.last - dt.timedelta(days=star.started), arr_cents=star.arr_cents,
        owner=f"{star.owner}@{cast.DOMAIN}" if star.owner else "", team=_team_of(star.owner),
        tenants=[(f"{key}-{n + 1:02d}", zh) for n, (zh, _en) in enumerate(star.tenants)], star=star,
    )  # fmt: skip


def _company(
    chance: np.random.Generator, extent: Extent, place: int, tier: str, stem: tuple[str, str]
) -> Company:
    trade = names.TRADES[int(chance.choice(len(names.TRADES), p=_shares([t.share for t in names.TRADES])))]
    city, city_en, _ = names.CITIES[
        int(chance.choice(len(names.CITIES), p=_shares([c[2] for c in names.CITIES])))
    ]
    ending = trade.endings[int(chance.integers(len(trade.endings)))]
    with_city = chance.random() < 0.2
    name = f"{city if with_city else ''}{stem[0]}{ending[0]}"
    name_en = f"{city_en + ' ' if with_city else ''}{stem[1]} {ending[1]}"
    size, seats, edition = _dimensions(chance, tier)
    return Company(
        place, f"KH{place + 1:04d}", name, name_en, stem, trade, city, size, tier, edition, seats, _start(chance, extent),
        currency="USD" if ending[0] == "进出口" and chance.random() < 0.4 else "CNY",
    )  # fmt: skip


def _shares(weights: list[float]) -> list[float]:
    total = sum(weights)
    return [weight / total for weight in weights]


def _dimensions(chance: np.random.Generator, tier: str) -> tuple[int, int, str]:
    """Employees, seats and edition that fit a tier."""
    if tier == "strategic":
        size = int(np.exp(chance.normal(6.6, 0.55)))
        seats = int(np.clip(chance.normal(26, 8), 16, 56))
        return max(size, seats * 3), seats, "flagship" if chance.random() < 0.7 else "professional"
    if tier == "growth":
        size = int(np.exp(chance.normal(4.9, 0.45)))
        seats = int(np.clip(chance.normal(7.5, 2.2), 5, 16))
        return (
            max(size, seats * 3),
            seats,
            str(chance.choice(["standard", "professional", "flagship"], p=[0.2, 0.72, 0.08])),
        )
    size = int(np.exp(chance.normal(3.2, 0.5)))
    seats = int(np.clip(chance.normal(3.1, 0.9), 2, 6))
    return max(size, seats * 2), seats, "standard" if chance.random() < 0.86 else "professional"


def _start(chance: np.random.Generator, extent: Extent) -> dt.date:
    """Three in five were customers before the story begins; the others join within it, more in later months."""
    if chance.random() < 0.6:
        return extent.day(-int(chance.integers(20, 1500)))
    return extent.worked(extent.day(int(extent.days * chance.beta(1.15, 1.0)) - 16))


def _form_groups(chance: np.random.Generator, book: list[Company]) -> None:
    """A few strategic companies are groups: their subsidiaries are accounts, and every other group has tenants."""
    heads = [c for c in book if c.tier == "strategic" and c.star is None][:_GROUPS]
    free = [c for c in book if c.tier != "strategic" and c.star is None]
    for turn, head in enumerate(heads):
        head.name, head.name_en = f"{head.stem[0]}集团", f"{head.stem[1]} Group"
        endings = [ending for trade in names.TRADES for ending in trade.endings]
        places = chance.choice(len(endings), int(chance.integers(2, 5)), replace=False)
        for place, child in zip(places, free, strict=False):
            child.parent, child.stem, child.city = head.place, head.stem, head.city
            child.name, child.name_en = (
                f"{head.stem[0]}{endings[place][0]}",
                f"{head.stem[1]} {endings[place][1]}",
            )
            child.trade = next(trade for trade in names.TRADES if endings[place] in trade.endings)
        free = free[len(places) :]
        if turn % 2 == 0:
            count = int(chance.integers(3, 6))
            head.tenants = [
                (f"{head.key}-{n + 1:02d}", f"{head.stem[0]}{'一二三四五'[n]}公司") for n in range(count)
            ]


def _mark_trials(chance: np.random.Generator, extent: Extent, book: list[Company]) -> None:
    """The newest small companies are still trying; of those who joined within the story a third tried before."""
    newest = sorted(
        (c for c in book if c.star is None and c.tier != "strategic"), key=lambda c: c.started, reverse=True
    )
    for company in newest[: round(len(book) * _TRIALS_SHARE)]:
        company.is_trial = True
        company.started = company.trial_on = extent.worked(
            extent.day(extent.ago(int(chance.integers(4, 26))))
        )
    for company in book:
        if (
            not company.is_trial
            and company.started > extent.first
            and company.star is None
            and chance.random() < 0.35
        ):
            company.trial_on = company.started - dt.timedelta(days=int(chance.integers(15, 31)))


def _give_owners(book: list[Company], extent: Extent) -> None:
    """By tier, evenly in turn; the newest are with the onboarding colleague, a part of the small ones with nobody."""
    turns = {
        name: cycle([c.key for c in STAFF if c.book == name]) for name in ("strategic", "growth", "basic")
    }
    large = {
        c.place
        for c in sorted((c for c in book if c.tier == "growth"), key=lambda c: -c.seats)[: len(book) // 20]
    }
    onboarding = next(c for c in STAFF if c.book == "onboarding")
    for company in book:
        if company.star is not None:
            continue
        age = (extent.last - company.started).days
        if company.tier != "strategic" and age < 45:
            key = onboarding.key
        elif company.tier == "basic" and company.place % 4 == 0:
            company.team = cast.POOL
            continue
        else:
            key = next(turns["strategic" if company.place in large else company.tier])
        company.owner, company.team = f"{key}@{cast.DOMAIN}", _team_of(key)


def _team_of(key: str) -> str:
    return next((c.team for c in STAFF if c.key == key), cast.POOL)

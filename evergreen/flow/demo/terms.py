"""Contracts through the years: bought, extended, renewed early or late, won back, lost. Satisfaction decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from evergreen.flow.demo.catalogue import PACKAGES
from evergreen.flow.demo.extent import Extent, logistic, years_on
from evergreen.flow.demo.feeling import PRICE_RISE_AGO, Feelings, Kind
from evergreen.flow.demo.market import USD_RATE, Company

_DAY = dt.timedelta(days=1)
_RISE = 1.08
_PACKAGE = {package.key: package for package in PACKAGES}
# Log-odds of a renewal: constant by tier, slope on the mean level of the last 90 days.
_ODDS = {"strategic": 0.5, "growth": 0.15, "basic": -0.15}
_SLOPE = 1.9


@dataclass(slots=True)
class Line:
    """A line as ``load_contracts`` takes it, money in minor units of the contract's currency."""

    kind: str
    title: str
    start: dt.date
    end: dt.date
    seats: int | None = None
    mrr_cents: int = 0
    amount_cents: int = 0
    discount: float | None = None
    is_trial: bool = False
    known: dt.date | None = None  # later than the contract's own day where the line was added to it


@dataclass(slots=True)
class Term:
    """One contract. ``signed`` is also the day on which we knew of it."""

    key: str
    place: int
    edition: str
    start: dt.date
    end: dt.date
    signed: dt.date
    seats: int
    lines: list[Line]
    renews: str | None = None
    is_trial: bool = False

    @property
    def yearly_cents(self) -> int:
        return sum(line.mrr_cents for line in self.lines) * 12


@dataclass(slots=True)
class Life:
    """What became of an account: its contracts, when it was lost and why, and the days on which it could use."""

    place: int
    terms: list[Term] = field(default_factory=list)
    lost_on: dt.date | None = None
    reason: Kind | None = None
    won_back_on: dt.date | None = None
    # (decided on, mean level before, renewed?) of every renewal that fell due within the story.
    decisions: list[tuple[dt.date, float, bool]] = field(default_factory=list)

    def spans(self, extent: Extent) -> list[tuple[int, int]]:
        """Half-open spans of day indexes in which the account may use the product."""
        found = []
        for term in self.terms:
            found.append((extent.index(term.start), extent.index(term.end)))
        for before, after in zip(self.terms, self.terms[1:], strict=False):
            if after.renews == before.key and after.start == before.end:
                continue
            if after.start > before.end and not before.is_trial and after.renews == before.key:
                found.append((extent.index(before.end), extent.index(after.start)))
        return found


def lives(book: Sequence[Company], felt: Feelings, extent: Extent) -> list[Life]:
    """The contracts of every account."""
    chance = extent.chance("terms")
    return [_life(company, felt, extent, chance) for company in book]


def _life(company: Company, felt: Feelings, extent: Extent, chance: np.random.Generator) -> Life:
    life = Life(company.place)
    if company.trial_on is not None:
        _add_trial(life, company, extent)
    if company.is_trial:
        return life
    start, seats, edition = company.started, company.seats, company.edition
    signed = min(extent.last, extent.worked(start - dt.timedelta(days=int(chance.integers(1, 12)))))
    renews: str | None = None
    while True:
        term = _term(life, company, start, seats, edition, signed, renews, extent, chance)
        life.terms.append(term)
        _extend(term, company, felt, extent, chance)
        level = felt.mean(company.place, extent.index(term.end) - 20)
        renewed = _renews(company, term, level, extent, chance)
        next_signed = _signing(term, extent, chance) if company.star is None else term.end
        if term.end > extent.last and (not renewed or next_signed > extent.last):
            return life
        if term.end >= extent.first:
            life.decisions.append((term.end, level, renewed))
        if not renewed:
            return _lose(life, company, term, felt, extent, chance)
        if next_signed > extent.last:
            return life
        seats, edition = _next_size(term, level, chance, fixed=company.star is not None)
        start, signed, renews = term.end, next_signed, term.key


def _add_trial(life: Life, company: Company, extent: Extent) -> None:
    start = company.trial_on or company.started
    end = start + dt.timedelta(days=30) if company.is_trial else company.started
    key = f"SY-{start:%Y%m}-{company.key[2:]}"
    line = Line("subscription", "试用", start, end, seats=min(company.seats, 5), is_trial=True)
    life.terms.append(
        Term(key, company.place, "professional", start, end, start, min(company.seats, 5), [line], None, True)
    )


def _term(
    life: Life, company: Company, start: dt.date, seats: int, edition: str, signed: dt.date, renews: str | None,
    extent: Extent, chance: np.random.Generator,
) -> Term:  # fmt: skip
    end = years_on(start, 1)
    package = _PACKAGE[edition]
    discount = 0.0 if company.star else round(float(np.clip(chance.normal(0.09, 0.06), 0, 0.25)), 2)
    risen = _RISE if (extent.last - start).days < PRICE_RISE_AGO else 1.0
    yearly = company.arr_cents or (package.base_cents + package.seat_cents * seats) * risen * (1 - discount)
    yearly /= USD_RATE if company.currency == "USD" else 1
    mrr = round(yearly / 12 / 100) * 100
    lines = [
        Line("subscription", f"{package.zh} {seats} 席位", start, end, seats, mrr, mrr * 12, discount or None)
    ]
    if renews is None and company.tier != "basic":
        fee = round(yearly * chance.uniform(0.12, 0.3) / 100_000) * 100_000
        if fee:
            lines.append(Line("one_off", "实施服务", start, start + dt.timedelta(days=60), amount_cents=fee))
    number = len(life.terms) + 1
    return Term(
        f"HT-{start:%Y%m}-{company.key[2:]}-{number}",
        company.place,
        edition,
        start,
        end,
        signed,
        seats,
        lines,
        renews,
    )


def _extend(
    term: Term, company: Company, felt: Feelings, extent: Extent, chance: np.random.Generator
) -> None:
    """Within the term happy accounts buy seats or training."""
    day = term.start + dt.timedelta(days=int(chance.integers(90, 260)))
    index = extent.index(day)
    wish, kind = chance.random(), chance.random()
    if company.star is not None or not 0 <= index < extent.days or felt.level[company.place, index] < 1.1:
        return
    day = extent.worked(day)
    months = max(1, round((term.end - day).days / 30.4))
    if wish < 0.16 and kind < 0.65 and months > 2:
        more = max(1, round(term.seats * float(chance.uniform(0.1, 0.3))))
        mrr = round(term.lines[0].mrr_cents * more / term.seats * 0.8 / 100) * 100
        line = Line("subscription", f"增购 {more} 席位", day, term.end, more, mrr, mrr * months, known=day)
        term.lines.append(line)
        term.seats += more
    elif wish < 0.2 and company.tier != "basic":
        fee = int(chance.integers(4, 20)) * 100_000
        title = "操作培训" if kind < 0.5 else "报表定制"
        term.lines.append(
            Line("one_off", title, day, day + dt.timedelta(days=30), amount_cents=fee, known=day)
        )


def _renews(company: Company, term: Term, level: float, extent: Extent, chance: np.random.Generator) -> bool:
    odds = float(logistic(_ODDS[company.tier] + _SLOPE * level + chance.normal(0, 0.3)))
    drawn = chance.random()
    # Whoever is there when the story begins had renewed before.
    return company.star is not None or extent.index(term.end) < 20 or bool(drawn < odds)


def _signing(term: Term, extent: Extent, chance: np.random.Generator) -> dt.date:
    """Most sign in the last weeks before the end, one in ten some weeks late (逾期续约)."""
    late = chance.random() < 0.10
    days = int(chance.integers(3, 36)) if late else -int(chance.integers(1, 26))
    return extent.worked(term.end + dt.timedelta(days=days))


def _next_size(term: Term, level: float, chance: np.random.Generator, *, fixed: bool) -> tuple[int, str]:
    """Seats and edition of the renewal."""
    drawn, change = chance.random(), float(chance.uniform(0, 1))
    if fixed:
        return term.seats, term.edition
    if level > 1.0 and drawn < 0.34:
        seats = max(term.seats + 1, round(term.seats * (1.05 + 0.25 * change)))
        editions = list(_PACKAGE)
        up = drawn < 0.05 and term.edition != editions[-1]
        return seats, editions[editions.index(term.edition) + 1] if up else term.edition
    if level < 0.6 and drawn < 0.5:
        return max(2, round(term.seats * (0.6 + 0.35 * change))), term.edition
    return term.seats, term.edition


def _lose(
    life: Life, company: Company, term: Term, felt: Feelings, extent: Extent, chance: np.random.Generator
) -> Life:
    life.lost_on, life.reason = term.end, felt.reason(company.place, extent.index(term.end) - 30)
    back = extent.worked(term.end + dt.timedelta(days=int(chance.integers(70, 160))))
    if chance.random() < 0.07 and back + dt.timedelta(days=15) < extent.last:
        seats = max(2, round(term.seats * 0.7))
        life.won_back_on = back
        life.terms.append(_term(life, company, back, seats, term.edition, back - _DAY, None, extent, chance))
    return life

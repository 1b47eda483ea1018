"""What is due and when it is paid: on time by the content, late by the others, never by some who leave."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evergreen.flow.demo.extent import Extent
from evergreen.flow.demo.feeling import Feelings, Kind
from evergreen.flow.demo.market import Company
from evergreen.flow.demo.terms import Life, Term

# In how many parts a year's fee is paid.
_PARTS = {"strategic": 4, "growth": 2, "basic": 1}


@dataclass(slots=True)
class Due:
    """A receivable; ``paid`` is the day it was paid in full, none while it is open."""

    key: str
    place: int
    contract: str
    currency: str
    cents: int
    known: dt.date
    due: dt.date
    paid: dt.date | None
    tax_invoice: str


def dues(book: Sequence[Company], lives: Sequence[Life], felt: Feelings, extent: Extent) -> list[Due]:
    """Every receivable up to the last day."""
    chance = extent.chance("paid")
    found: list[Due] = []
    for company, life in zip(book, lives, strict=True):
        slow = chance.random() < 0.09
        for term in life.terms:
            if not term.is_trial:
                found += _of_term(company, life, term, felt, slow, extent, chance)
        if company.star is not None and company.star.unpaid is not None:
            _leave_unpaid([due for due in found if due.place == company.place], company.star.unpaid, extent)
    return found


def _leave_unpaid(listed: Sequence[Due], days: int, extent: Extent) -> None:
    """The newest amount that fell due did so that many days ago and is open."""
    newest = max((due for due in listed if due.due <= extent.last), key=lambda due: due.due)
    newest.due, newest.paid = extent.last - dt.timedelta(days=days), None


def _of_term(
    company: Company,
    life: Life,
    term: Term,
    felt: Feelings,
    slow: bool,
    extent: Extent,
    chance: np.random.Generator,
) -> list[Due]:
    parts = []
    for line in term.lines:
        count = _PARTS[company.tier] if line.kind == "subscription" and line.known is None else 1
        for part in range(count):
            due = (line.known or line.start) + dt.timedelta(days=15 + 365 * part // count)
            parts.append((line.amount_cents // count, due))
    found = []
    for number, (cents, due) in enumerate(parts, start=1):
        known = min(term.signed if number == 1 else due - dt.timedelta(days=30), due)
        known = max(known, term.signed)
        if known > extent.last or cents <= 0:
            continue
        due = max(extent.worked(due), known + dt.timedelta(days=10))
        paid = _paid(company, life, due, felt, slow, extent, chance)
        number_text = f"{int(chance.integers(10_000_000, 99_999_999))}"
        key = f"{term.key}-F{number}"
        found.append(
            Due(key, company.place, term.key, company.currency, cents, known, due, paid, number_text)
        )
    return found


def _paid(
    company: Company,
    life: Life,
    due: dt.date,
    felt: Feelings,
    slow: bool,
    extent: Extent,
    chance: np.random.Generator,
) -> dt.date | None:
    index = extent.index(due)
    if company.star is not None:
        return due - dt.timedelta(days=3) if due <= extent.last else None
    level = float(felt.level[company.place, min(max(index, 0), extent.days - 1)]) if index >= 0 else 1.2
    early = -float(chance.integers(0, 13))
    delay = early + float(chance.exponential(15 * np.exp(np.clip(0.9 - level, -1.2, 1.5)))) * (
        chance.random() < 0.6
    )
    delay += 30 * slow * chance.random()
    troubled = [s for s in felt.of(company.place, Kind.TROUBLE) if 0 <= index - s.day < 240]
    delay += 45 * chance.random() if troubled else 0
    if life.lost_on is not None and due > life.lost_on - dt.timedelta(days=120) and chance.random() < 0.15:
        return None
    paid = extent.worked(due + dt.timedelta(days=int(delay)))
    return paid if paid <= extent.last else None

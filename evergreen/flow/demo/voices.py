"""What customers answer when asked: NPS twice a year, satisfaction after tickets. Comes in as survey.answered events."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evergreen.flow.demo.contacts import Person
from evergreen.flow.demo.extent import Extent
from evergreen.flow.demo.feeling import Feelings, Kind
from evergreen.flow.demo.market import Company
from evergreen.flow.demo.sayings import CSAT_WORDS, DETRACTORS, PASSIVES, PROMOTERS
from evergreen.flow.demo.tickets import Ticket

_ASKED_EVERY = 150


@dataclass(frozen=True, slots=True)
class Told:
    """Something that comes in as an event about an account: a system's, or where it names an end user the product's."""

    place: int
    name: str
    at: dt.datetime
    key: str
    properties: str
    tenant: str = ""
    end_user: str | None = None


def answers(
    book: Sequence[Company], felt: Feelings, presence: np.ndarray, chains: Sequence[Sequence[Person]],
    tickets: Sequence[Ticket], extent: Extent,
) -> list[Told]:  # fmt: skip
    """Every answer of the story."""
    chance = extent.chance("voices")
    found: list[Told] = []
    for company in book:
        if company.star is not None:
            found += _star_answers(company, chains[company.place], felt, extent, chance)
            continue
        first = (
            extent.index(company.started) + 60
            if company.started > extent.first
            else int(chance.integers(0, _ASKED_EVERY))
        )
        for asked in range(first, extent.days - 12, _ASKED_EVERY):
            if presence[company.place, asked] > 0:
                found += _round(company, asked, chains[company.place], felt, extent, chance)
    for ticket in tickets:
        if ticket.closed is not None and ticket.satisfaction is not None and ticket.requester:
            words = CSAT_WORDS[int(chance.integers(len(CSAT_WORDS)))]
            at = ticket.closed + dt.timedelta(minutes=30)
            found.append(
                _told(ticket.place, "csat", ticket.satisfaction, ticket.requester, words, at, ticket.key)
            )
    return found


def _round(
    company: Company,
    asked: int,
    chain: Sequence[Person],
    felt: Feelings,
    extent: Extent,
    chance: np.random.Generator,
) -> list[Told]:
    found = []
    for person in chain:
        day = min(extent.days - 1, asked + int(chance.integers(0, 10)))
        level = float(felt.level[company.place, day])
        if not person.is_here(extent.day(day)) or chance.random() > 0.34 + 0.12 * min(level, 1.5):
            continue
        score = int(np.clip(round(chance.normal(6.9 + 1.45 * level, 1.0)), 0, 10))
        found.append(_nps(company, person, score, day, felt, extent, chance))
    return found


def _star_answers(
    company: Company, chain: Sequence[Person], felt: Feelings, extent: Extent, chance: np.random.Generator
) -> list[Told]:
    assert company.star is not None
    return [
        _nps(company, chain[turn % len(chain)], score, extent.ago(ago), felt, extent, chance)
        for turn, (ago, score) in enumerate(company.star.answers)
    ]


def _nps(
    company: Company,
    person: Person,
    score: int,
    day: int,
    felt: Feelings,
    extent: Extent,
    chance: np.random.Generator,
) -> Told:
    reason = felt.reason(company.place, day) if company.star is None else Kind.INCIDENT
    words: tuple[str, ...] = PROMOTERS if score >= 9 else PASSIVES if score >= 7 else DETRACTORS[reason]
    at = extent.moment(extent.day(day), 9 + int(chance.integers(0, 9)), int(chance.integers(0, 60)))
    return _told(
        company.place, "nps", score, person.key, words[int(chance.integers(len(words)))], at, f"{day}"
    )


def _told(place: int, kind: str, score: int, contact: str, comment: str, at: dt.datetime, of: str) -> Told:
    said = {"kind": kind, "score": score, "contact": contact, "comment": comment}
    return Told(place, "survey.answered", at, f"{kind}-{contact}-{of}", json.dumps(said, ensure_ascii=False))

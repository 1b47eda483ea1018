"""Conversations and notes of two years: how often by tier, with whom and about what by the state of things."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evergreen.flow.demo import cast, sayings
from evergreen.flow.demo.catalogue import FEATURES, held_by
from evergreen.flow.demo.contacts import Person
from evergreen.flow.demo.extent import Extent
from evergreen.flow.demo.feeling import Feelings, Kind
from evergreen.flow.demo.market import Company
from evergreen.flow.demo.terms import Life

# Days between talks and the share of them with the decision maker, by tier.
_EVERY = {"strategic": (24, 0.34), "growth": (48, 0.26), "basic": (150, 0.3)}
_KINDS = {
    "strategic": ("call", "meeting", "visit", "chat", "mail"),
    "growth": ("call", "meeting", "chat", "mail"),
    "basic": ("call", "chat"),
}
_MINUTES = {"call": 20, "meeting": 45, "visit": 90}


@dataclass(slots=True)
class Talk:
    """A conversation of the past. ``contacts`` and ``by`` are external ids and an e-mail address."""

    key: str
    place: int
    kind: str
    at: dt.datetime
    contacts: list[str]
    by: str
    summary: str
    minutes: int | None


@dataclass(slots=True)
class Memo:
    """A note of the past."""

    place: int
    at: dt.datetime
    by: str
    body: str


def talks(
    book: Sequence[Company],
    lives: Sequence[Life],
    felt: Feelings,
    chains: Sequence[Sequence[Person]],
    extent: Extent,
) -> list[Talk]:
    """Every conversation held by cadence; those that alerts lead to are held in the story itself."""
    chance = extent.chance("talks")
    found: list[Talk] = []
    for company, life in zip(book, lives, strict=True):
        if company.star is not None:
            found += _told(company, chains[company.place], extent)
        found += _cadence(company, life, felt, chains[company.place], extent, chance)
    found.sort(key=lambda talk: talk.at)
    for number, talk in enumerate(found, start=1):
        talk.key = f"GT-{number:05d}"
    return found


def _cadence(
    company: Company,
    life: Life,
    felt: Feelings,
    chain: Sequence[Person],
    extent: Extent,
    chance: np.random.Generator,
) -> list[Talk]:
    every, with_decider = _EVERY[company.tier]
    spans = life.spans(extent)
    found = []
    first = max(extent.index(company.started) + 3, int(chance.integers(0, every)))
    index = float(first)
    oldest_told = max((ago for ago, _, _ in company.star.talks), default=400) if company.star else 0
    while index < extent.days - 1:
        day = extent.worked(extent.day(int(index)))
        at = extent.index(day)
        index += every * chance.lognormal(-0.1, 0.45)
        if at >= extent.days or not any(start <= at < end for start, end in spans):
            continue
        if company.star is not None and extent.days - at <= oldest_told:
            break
        level = float(felt.level[company.place, at])
        # The unhappy are harder to reach, above all those who decide.
        if chance.random() > 0.75 + 0.2 * min(level, 1):
            continue
        who = _who(chain, day, with_decider * (1.3 if level > 0.8 else 0.6), chance)
        if who:
            found.append(_talk(company, who, day, level, felt.reason(company.place, at), extent, chance))
    return found


def _who(
    chain: Sequence[Person], day: dt.date, with_decider: float, chance: np.random.Generator
) -> list[Person]:
    here = [p for p in chain if p.is_here(day)]
    deciders = [p for p in here if p.role == "decision_maker"]
    others = [p for p in here if p.role != "decision_maker"]
    chosen = [others[int(chance.integers(len(others)))]] if others else []
    if deciders and (chance.random() < with_decider or not chosen):
        chosen.insert(0, deciders[0])
    return chosen


def _talk(
    company: Company,
    who: list[Person],
    day: dt.date,
    level: float,
    reason: Kind,
    extent: Extent,
    chance: np.random.Generator,
) -> Talk:
    kinds = _KINDS[company.tier]
    kind = kinds[int(chance.integers(len(kinds)))]
    summary = words(company, who[0].name, level, reason, chance)
    at = extent.moment(day, 9 + int(chance.integers(0, 9)), int(chance.integers(0, 12)) * 5)
    minutes = int(_MINUTES[kind] * chance.uniform(0.6, 1.6)) if kind in _MINUTES else None
    return Talk("", company.place, kind, at, [p.key for p in who], speaker(company), summary, minutes)


def words(company: Company, who: str, level: float, reason: Kind, chance: np.random.Generator) -> str:
    """What came up in a talk, by the state of things."""
    poor = sayings.TALKS_POOR.get(reason, sayings.TALKS_FAIR)
    listed = sayings.TALKS_GOOD if level > 1.1 else sayings.TALKS_FAIR if level > 0.1 else poor
    return listed[int(chance.integers(len(listed)))].format(who=who, feature=a_feature(company, chance))


def speaker(company: Company) -> str:
    """Who talks with an account: its owner, else the pool's."""
    return company.owner or next(c for c in cast.STAFF if c.book == "basic").email


def a_feature(company: Company, chance: np.random.Generator) -> str:
    """The Chinese name of something the account has, core things more often."""
    held = held_by(company.edition)[: 8 if chance.random() < 0.7 else len(FEATURES)]
    return held[int(chance.integers(len(held)))].zh


def _told(company: Company, chain: Sequence[Person], extent: Extent) -> list[Talk]:
    """The talks of a star's story."""
    assert company.star is not None
    found = []
    for ago, kind, summary in company.star.talks:
        day = extent.last - dt.timedelta(days=ago)
        who = [p.key for p, row in zip(chain, company.star.chain, strict=False) if row[5] == ago] or [
            chain[-1].key
        ]
        found.append(
            Talk(
                "",
                company.place,
                kind,
                extent.moment(day, 15, 10),
                who,
                speaker(company),
                summary,
                _MINUTES.get(kind),
            )
        )
    return found


def memos(
    book: Sequence[Company], felt: Feelings, chains: Sequence[Sequence[Person]], extent: Extent
) -> list[Memo]:
    """Notes where something happened to an account, and after each start."""
    chance = extent.chance("memos")
    found = []
    for company in book:
        if company.star is not None:
            for ago, body in company.star.notes:
                day = extent.worked(extent.last - dt.timedelta(days=ago))
                found.append(
                    Memo(company.place, extent.moment(min(day, extent.last), 17, 40), speaker(company), body)
                )
        elif company.tier != "basic" or chance.random() < 0.4:
            found += _notes(company, felt, chains[company.place], extent, chance)
    return sorted(found, key=lambda memo: memo.at)


def _notes(
    company: Company, felt: Feelings, chain: Sequence[Person], extent: Extent, chance: np.random.Generator
) -> list[Memo]:
    names = {c.email: c.name for c in cast.STAFF}
    owner = names[speaker(company)]
    found = []
    if company.started > extent.first and not company.is_trial:
        goal = sayings.GOALS[int(chance.integers(len(sayings.GOALS)))]
        body = sayings.NOTE_START.format(
            goal=goal, feature=a_feature(company, chance), count=max(2, company.seats // 3)
        )
        day = extent.worked(company.started + dt.timedelta(days=5))
        if day <= extent.last:
            found.append(Memo(company.place, extent.moment(day, 18, 5), speaker(company), body))
    for shock in felt.of(company.place):
        words = sayings.NOTES.get(shock.kind)
        day = extent.worked(extent.day(min(shock.day + int(chance.integers(2, 9)), extent.days - 1)))
        if words is None or abs(shock.size) < 0.5 or day > extent.last or chance.random() < 0.3:
            continue
        who = next((p.name for p in chain if p.is_champion), chain[0].name)
        body = words.format(who=who, feature=a_feature(company, chance), owner=owner, boss=cast.MANAGER.name)
        found.append(
            Memo(company.place, extent.moment(day, 17, int(chance.integers(0, 59))), speaker(company), body)
        )
    return found

"""The known people of every account and their places in its decision chain."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evergreen.flow.demo import names
from evergreen.flow.demo.extent import Extent
from evergreen.flow.demo.feeling import Feelings, Kind
from evergreen.flow.demo.market import Company
from evergreen.flow.demo.people import People
from evergreen.flow.demo.sayings import TITLES

_CHAINS = {
    "strategic": ("decision_maker", "influencer", "daily_user", "purchaser", "daily_user", "influencer"),
    "growth": ("decision_maker", "influencer", "daily_user", "purchaser"),
    "basic": ("decision_maker", "daily_user", "daily_user"),
}
_INFLUENCE = {"decision_maker": 5, "influencer": 4, "purchaser": 3, "daily_user": 2}


@dataclass(slots=True)
class Person:
    """A contact. ``known`` is the day we learned of it, ``left`` the day it went."""

    key: str
    place: int
    name: str
    address: str
    title: str
    role: str
    influence: int
    attitude: str
    known: dt.date
    is_champion: bool = False
    is_sponsor: bool = False
    left: dt.date | None = None
    reports_to: str | None = None
    end_user: str = ""

    def is_here(self, day: dt.date) -> bool:
        return self.known <= day and (self.left is None or self.left > day)


def contacts(book: Sequence[Company], felt: Feelings, crowd: People, extent: Extent) -> list[list[Person]]:
    """The people of each account, by its place, the decision maker first."""
    chance = extent.chance("contacts")
    users: dict[int, list[str]] = {}
    for key, place in zip(crowd.keys, crowd.account.tolist(), strict=True):
        users.setdefault(place, []).append(key)
    found = []
    for company in book:
        listed = _star_chain(company) if company.star else _chain(company, felt, extent, chance)
        for person, user in zip(
            (p for p in listed if p.role == "daily_user"), users.get(company.place, []), strict=False
        ):
            person.end_user = user
        found.append(listed)
    return found


def _star_chain(company: Company) -> list[Person]:
    assert company.star is not None
    listed = []
    for n, (name, title, role, influence, attitude, _) in enumerate(company.star.chain):
        person = Person(
            f"{company.key}-c{n + 1}", company.place, name, f"{_latin(name)}@{company.domain}", title, role, influence,
            attitude, company.started, is_champion=attitude == "supports" and role == "influencer", is_sponsor=influence == 5 and attitude == "supports",
            reports_to=f"{company.key}-c1" if n else None,
        )  # fmt: skip
        listed.append(person)
    return listed


def _latin(name: str) -> str:
    surnames, given = dict(names.SURNAMES), dict(names.GIVEN) | dict(names.STEM)
    return f"{surnames.get(name[0], 'x')}.{''.join(given.get(letter, 'x') for letter in name[1:])}"


def _chain(company: Company, felt: Feelings, extent: Extent, chance: np.random.Generator) -> list[Person]:
    roles = list(_CHAINS[company.tier])
    # Not every chain is known whole: some purchasers and, in small accounts, decision makers are missing.
    if chance.random() < 0.35 and "purchaser" in roles:
        roles.remove("purchaser")
    if company.tier == "basic" and chance.random() < 0.25:
        roles.remove("decision_maker")
    level = float(felt.level[company.place, -1])
    listed = [_person(company, n, role, level, chance) for n, role in enumerate(roles)]
    champion = next((p for p in listed if p.role in {"influencer", "daily_user"}), listed[0])
    champion.is_champion = chance.random() < 0.7
    listed[0].is_sponsor = company.tier == "strategic" and level > 1
    for person in listed[1:]:
        person.reports_to = listed[0].key
    for shock in felt.of(company.place, Kind.CHAMPION_LEFT):
        leaver = next((p for p in listed if p.is_champion and p.left is None), None)
        if leaver is None:
            continue
        leaver.left = extent.day(shock.day)
        if chance.random() < 0.7:
            successor = _person(company, len(listed), leaver.role, level - 0.8, chance)
            successor.known = extent.worked(leaver.left + dt.timedelta(days=int(chance.integers(10, 40))))
            if successor.known <= extent.last:
                successor.is_champion = level > 1 and chance.random() < 0.5
                successor.reports_to = leaver.reports_to
                listed.append(successor)
    return listed


def _person(company: Company, n: int, role: str, level: float, chance: np.random.Generator) -> Person:
    name, latin = names.person(chance)
    mood = level + chance.normal(0, 0.7)
    attitude = (
        "unknown"
        if chance.random() < 0.12
        else "supports"
        if mood > 0.9
        else "opposes"
        if mood < -0.4
        else "neutral"
    )
    titles = TITLES[role]
    known = company.trial_on or company.started
    influence = _INFLUENCE[role] - (1 if chance.random() < 0.25 else 0)
    return Person(
        f"{company.key}-c{n + 1}", company.place, name, f"{latin}@{company.domain}", titles[int(chance.integers(len(titles)))], role,
        influence, attitude, known,
    )  # fmt: skip

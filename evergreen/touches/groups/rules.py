"""How a group does, by who is in it and what was last written to it. Pure; what people say in it is not read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

DAYS = 30
# What is looked at, with its points of 100: the weights of docs/groups.md.
POINTS = {"people": 25, "decider": 25, "owner": 20, "written": 15, "staying": 15}
GOOD, FAIR = 80, 50
LEAST_PEOPLE = 2


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a group: how many of the customer's people are in it now, whether somebody who decides (decision maker, champion,
    sponsor) is among them, whether its owner or the account's owner is, when something was last written to it, who of the customers came and
    went in the last 30 days, and when it was made."""

    people: int
    has_decider: bool
    has_owner: bool
    written_at: dt.datetime | None
    came: int
    left: int
    made_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Health:
    """``points`` of 100 and the parts that are missing, weightiest first."""

    points: int
    missing: tuple[str, ...]

    @property
    def band(self) -> str:
        return "good" if self.points >= GOOD else "fair" if self.points >= FAIR else "poor"


def health(seen: Seen, now: dt.datetime) -> Health:
    """The sum of the points of what holds: two people of the customer, one who decides, the owner, a message within 30 days (a younger
    group owes none), no more who went than came."""
    month = dt.timedelta(days=DAYS)
    newest = max(filter(None, (seen.written_at, seen.made_at)))
    holds = {
        "people": seen.people >= LEAST_PEOPLE,
        "decider": seen.has_decider,
        "owner": seen.has_owner,
        "written": now - newest <= month,
        "staying": seen.left <= seen.came,
    }
    missing = sorted((name for name in POINTS if not holds[name]), key=lambda name: -POINTS[name])
    return Health(sum(POINTS[name] for name in POINTS if holds[name]), tuple(missing))


def accounts_of(stored: Collection[int], found: Collection[int], *, are_chosen: bool) -> set[int]:
    """The accounts of a group: those that a person chose, else those of the contacts in it."""
    return set(stored) if are_chosen else set(found)

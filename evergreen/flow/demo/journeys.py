"""The lifecycle of every account: stages by day, the four dates, who looked after it at first."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from evergreen.flow.demo import cast
from evergreen.flow.demo.extent import Extent
from evergreen.flow.demo.feeling import Feelings, Kind
from evergreen.flow.demo.market import Company
from evergreen.flow.demo.terms import Life

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Turn:
    """A stage (and from then on an owner's e-mail address) from a day on."""

    day: dt.date
    stage: str
    owner: str


@dataclass(frozen=True, slots=True)
class Dates:
    """The four dates, as far as they lie within the story."""

    signed: dt.date | None
    kickoff: dt.date | None
    live: dt.date | None
    first_value: dt.date | None


def dates(company: Company, life: Life, felt: Feelings, extent: Extent, chance: np.random.Generator) -> Dates:
    """When it was signed, kicked off, live, of first value; onboarding that goes badly takes months longer."""
    slow = bool(felt.of(company.place, Kind.BAD_ONBOARDING))
    kickoff = company.started + dt.timedelta(days=int(chance.integers(2, 9)))
    live = kickoff + dt.timedelta(days=int(chance.integers(20, 50)) + 75 * slow)
    value = live + dt.timedelta(days=int(chance.integers(5, 40)))
    signed = next((term.signed for term in life.terms if not term.is_trial), None)
    # Now and then nobody wrote the date down.
    written = chance.random(3) > (0.02, 0.06, 0.12)

    def told(day: dt.date, is_written: bool) -> dt.date | None:
        day = extent.worked(day)
        return day if signed is not None and is_written and day <= extent.last else None

    return Dates(signed, told(kickoff, written[0]), told(live, written[1]), told(value, written[2]))


def turns(company: Company, life: Life, extent: Extent) -> list[Turn]:
    """Every stage of an account, oldest first; the first holds from when we learned of it."""
    known = min(company.trial_on or company.started, life.terms[0].signed if life.terms else company.started)
    starter = next(c.email for c in cast.STAFF if c.book == "onboarding")
    first_owner = company.owner
    if (
        company.owner
        and company.tier != "strategic"
        and company.star is None
        and company.started > extent.first
    ):
        first_owner = starter
    found: list[Turn] = []

    def turn(day: dt.date, stage: str, owner: str = company.owner) -> None:
        found.append(Turn(day, stage, owner))

    if company.trial_on is not None:
        turn(known, "trial", first_owner)
    if not company.is_trial:
        turn(life.terms[1 if company.trial_on else 0].signed, "hand_over", first_owner)
        turn(company.started + 6 * _DAY, "onboarding", first_owner)
        turn(company.started + 50 * _DAY, "adoption")
        turn(company.started + 170 * _DAY, "steady")
    for term in life.terms:
        if term.is_trial:
            continue
        turn(term.end - 90 * _DAY, "renewal")
        if any(other.renews == term.key for other in life.terms):
            turn(max(term.end, next(o.signed for o in life.terms if o.renews == term.key)), "steady")
    if life.lost_on is not None:
        turn(life.lost_on + 6 * _DAY, "churned")
    if life.won_back_on is not None:
        turn(life.won_back_on - 20 * _DAY, "win_back")
        turn(life.won_back_on + 30 * _DAY, "adoption")
        turn(life.won_back_on + 150 * _DAY, "steady")
    found.sort(key=lambda t: t.day)
    return [t for t in found if t.day <= extent.last]

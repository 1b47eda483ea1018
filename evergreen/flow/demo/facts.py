"""What other systems tell of the accounts one by one: who may sign in, surveys sent and how easy it was, courses finished,
milestones, and the needs that were captured at sale. Comes in as events of the names in ``events.facts``.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from evergreen.flow.demo.catalogue import EDITIONS, FEATURES
from evergreen.flow.demo.contacts import Person
from evergreen.flow.demo.extent import Extent
from evergreen.flow.demo.feeling import Feelings, Kind
from evergreen.flow.demo.journeys import Dates
from evergreen.flow.demo.market import Company
from evergreen.flow.demo.people import People
from evergreen.flow.demo.terms import Life
from evergreen.flow.demo.tickets import Ticket
from evergreen.flow.demo.voices import Told

_DAY = dt.timedelta(days=1)
_ROUND_DAYS = 40
_COURSES = ("basics", "reconciliation", "closing", "reports")
# Milestones of a start: the day on which each is due after it, and the date that shows it was met.
_MILESTONES = (("kickoff", 10, "kickoff"), ("data_moved", 25, "live"), ("live", 45, "live"), ("first_value", 80, "first_value"))  # fmt: skip


def facts(
    book: Sequence[Company], lives: Sequence[Life], felt: Feelings, crowd: People, chains: Sequence[Sequence[Person]],
    tickets: Sequence[Ticket], answers: Sequence[Told], dates: Sequence[Dates], extent: Extent,
) -> list[Told]:  # fmt: skip
    """Every fact of the story."""
    end = extent.moment(extent.last + _DAY, 0)
    found = [
        *_opened(book, crowd, extent),
        *_rounds(answers, chains, extent),
        *_asked_after_tickets(tickets, felt, extent),
        *_courses(crowd, felt, extent),
        *_milestones(book, dates, extent),
        *_needs(book, felt, extent),
    ]
    return [one for one in found if one.at < end]


def _opened(book: Sequence[Company], crowd: People, extent: Extent) -> Iterator[Told]:
    """Accounts of end users from the day on which they were given one to the last day of their seat; a few never sign in."""
    chance = extent.chance("opened")
    for n, key in enumerate(crowd.keys):
        place, first = int(crowd.account[n]), max(0, int(crowd.since[n]))
        if first >= extent.days:
            continue
        yield _told(
            place, "user.opened", extent.moment(extent.day(first), 8), key, crowd.tenant[n], end_user=key
        )
        seated = np.flatnonzero(crowd.seat[n])
        ends = min(int(crowd.until[n]), int(seated[-1]) + 1 if len(seated) else first + 1)
        if first < ends < extent.days:
            at = extent.moment(extent.day(ends), 8)
            yield _told(place, "user.closed", at, key, crowd.tenant[n], end_user=key)
    people = np.bincount(crowd.account, minlength=len(book))
    for company in book:
        idle = max(0, company.seats - int(people[company.place]))
        first = max(0, extent.index(company.started)) + 3
        for number in range(int(chance.binomial(idle, 0.5)) if not company.is_trial else 0):
            if first < extent.days:
                key = f"{company.key}-n{number:04d}"
                at = extent.moment(extent.day(first), 8)
                yield _told(company.place, "user.opened", at, key, end_user=key)


def _rounds(answers: Sequence[Told], chains: Sequence[Sequence[Person]], extent: Extent) -> Iterator[Told]:
    """A round of NPS went to everybody who was there, on the morning of its first answer."""
    began: dict[int, dt.datetime] = {}
    for answer in sorted(answers, key=lambda one: one.at):
        if json.loads(answer.properties)["kind"] != "nps":
            continue
        earlier = began.get(answer.place)
        if earlier is not None and answer.at - earlier < dt.timedelta(days=_ROUND_DAYS):
            continue
        began[answer.place] = answer.at
        day = answer.at.date()
        for person in chains[answer.place]:
            if person.is_here(day):
                said = {"contact": person.key, "kind": "nps"}
                key = f"nps-{person.key}-{day}"
                yield _told(answer.place, "survey.sent", extent.moment(day, 8, 30), key, said=said)


def _asked_after_tickets(tickets: Sequence[Ticket], felt: Feelings, extent: Extent) -> Iterator[Told]:
    """Whoever had a ticket solved is asked how satisfied they are, some how easy it was."""
    chance = extent.chance("effort")
    for ticket in tickets:
        asks_effort, says, noise = chance.random() < 0.3, chance.random() < 0.5, chance.normal(0, 0.9)
        if ticket.closed is None or not ticket.requester:
            continue
        at = ticket.closed + dt.timedelta(minutes=5)
        said = {"contact": ticket.requester, "kind": "csat"}
        yield _told(ticket.place, "survey.sent", at, f"csat-{ticket.key}", said=said)
        if not asks_effort:
            continue
        yield _told(ticket.place, "survey.sent", at, f"ces-{ticket.key}", said={**said, "kind": "ces"})
        if says:
            day = min(extent.index(at.date()), extent.days - 1)
            level = float(felt.level[ticket.place, day]) - 0.8 * (ticket.reopened > 0)
            score = int(np.clip(round(4.5 + 0.9 * level + noise), 1, 7))
            answer = {"kind": "ces", "score": score, "contact": ticket.requester}
            at += dt.timedelta(minutes=40)
            yield _told(ticket.place, "survey.answered", at, f"ces-{ticket.key}", said=answer)


def _courses(crowd: People, felt: Feelings, extent: Extent) -> Iterator[Told]:
    """Newcomers finish courses in their first weeks, fewer where the start went badly."""
    chance = extent.chance("courses")
    for n, key in enumerate(crowd.keys):
        place = int(crowd.account[n])
        share = 0.12 if felt.of(place, Kind.BAD_ONBOARDING) else 0.4
        drawn, days = chance.random(len(_COURSES)), chance.integers(2, 45, len(_COURSES))
        for course, draw, after in zip(_COURSES, drawn, days, strict=True):
            day = int(crowd.since[n]) + int(after)
            if draw < share and 0 <= day < min(extent.days, int(crowd.until[n])):
                at = extent.moment(extent.worked(extent.day(day)), 16)
                said = {"course": course}
                yield _told(place, "training.completed", at, f"{key}-{course}", crowd.tenant[n], said, key)


def _milestones(book: Sequence[Company], dates: Sequence[Dates], extent: Extent) -> Iterator[Told]:
    """The plan of a start, and what of it was reached by the dates of the account."""
    for company, reached in zip(book, dates, strict=True):
        if company.is_trial or company.started <= extent.first:
            continue
        for milestone, after, shown_by in _MILESTONES:
            due = extent.worked(company.started + after * _DAY)
            said = {"milestone": milestone, "due_on": due.isoformat()}
            key = f"{company.key}-{milestone}"
            planned = extent.moment(company.started, 11)
            yield _told(company.place, "milestone.planned", planned, key, said=said)
            met: dt.date | None = getattr(reached, shown_by)
            if met is not None:
                # The data are moved some days before the first day of use.
                at = extent.moment(met - 6 * _DAY if milestone == "data_moved" else met, 17)
                yield _told(company.place, "milestone.met", at, key, said={"milestone": milestone})


def _needs(book: Sequence[Company], felt: Feelings, extent: Extent) -> Iterator[Told]:
    """Four to seven needs an account, told at hand-over: what its edition has is met, of the rest some is planned."""
    chance = extent.chance("needs")
    for company in book:
        wished = chance.permutation(len(FEATURES))[: int(chance.integers(4, 8))]
        weights, planned = chance.integers(1, 4, len(wished)), chance.random(len(wished)) < 0.4
        if company.is_trial:
            continue
        misses = bool(felt.of(company.place, Kind.LOW_VALUE) or felt.of(company.place, Kind.COMPETITOR))
        at = extent.moment(max(company.started, extent.first), 10)
        for place, weight, is_planned in zip(wished, weights, planned, strict=True):
            need = FEATURES[int(place)]
            fits = EDITIONS.index(need.edition) <= EDITIONS.index(company.edition)
            is_met = fits and not (misses and (need.is_advanced or is_planned))
            state = "met" if is_met else "planned" if is_planned else "unmet"
            said = {"need": need.key, "state": state, "weight": int(weight)}
            yield _told(company.place, "need.stated", at, f"{company.key}-{need.key}", said=said)


def _told(
    place: int, name: str, at: dt.datetime, key: str, tenant: str = "", said: dict[str, Any] | None = None,
    end_user: str | None = None,
) -> Told:  # fmt: skip
    return Told(place, name, at, f"{name}-{key}", json.dumps(said or {}), tenant, end_user)

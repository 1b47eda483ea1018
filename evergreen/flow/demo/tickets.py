"""Tickets: the less content and the more users, the more of them; incidents bring waves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evergreen.flow.demo.contacts import Person
from evergreen.flow.demo.extent import Extent
from evergreen.flow.demo.feeling import Feelings, Kind
from evergreen.flow.demo.market import Company
from evergreen.flow.demo.sayings import COMPLAINTS, INCIDENT_TICKETS, TICKETS

PRIORITIES = ("low", "medium", "high", "urgent")
_RATE = 0.030  # a week for one active user
# Minutes to the first answer and hours to the end, medians by priority.
_ANSWER = (150, 70, 30, 12)
_SOLVE = (30, 26, 16, 7)


@dataclass(slots=True)
class Ticket:
    """A ticket with its whole course, as far as it lies before the story's end."""

    key: str
    place: int
    subject: str
    priority: str
    requester: str | None
    opened: dt.datetime
    answered: dt.datetime | None
    closed: dt.datetime | None
    satisfaction: int | None
    reopened: int = 0
    is_complaint: bool = False
    is_escalated: bool = False
    replies: int | None = None
    sentiment: str = ""


def tickets(
    book: Sequence[Company],
    felt: Feelings,
    active: np.ndarray,
    chains: Sequence[Sequence[Person]],
    extent: Extent,
) -> list[Ticket]:
    """Every ticket, oldest first. ``active`` is accounts × days: how many people use the product."""
    chance = extent.chance("tickets")
    found: list[Ticket] = []
    weeks = extent.days // 7
    weekly = active[:, : weeks * 7].reshape(len(book), weeks, 7).mean(axis=2)
    level = felt.level[:, : weeks * 7].reshape(len(book), weeks, 7).mean(axis=2)
    rate = _RATE * np.power(weekly, 0.8) * np.exp(np.clip(0.75 * (1.2 - level), -1.2, 1.6))
    counts = chance.poisson(rate)
    for place, week in zip(*np.nonzero(counts), strict=True):
        if book[place].star is not None and week > weeks - 7:
            continue
        for _ in range(int(counts[place, week])):
            day = extent.day(int(week) * 7 + int(chance.integers(0, 7)))
            found.append(_ticket(book[place], day, float(level[place, week]), chains[place], extent, chance))
    for shock in felt.shocks:
        if shock.kind == Kind.INCIDENT and shock.day < extent.days and active[shock.place, shock.day] > 0:
            day = extent.day(min(extent.days - 1, shock.day + int(chance.integers(0, 4))))
            found.append(
                _ticket(book[shock.place], day, -0.2, chains[shock.place], extent, chance, wave=True)
            )
    for company in book:
        found += _told(company, chains[company.place], extent)
    found.sort(key=lambda t: t.opened)
    for number, ticket in enumerate(found, start=1):
        ticket.key = f"GD-{number:05d}"
    _heard(found, felt, extent)
    return found


def _heard(listed: Sequence[Ticket], felt: Feelings, extent: Extent) -> None:
    """How often each was answered and how its writer sounded, where the help desk knows."""
    chance = extent.chance("tones")
    for ticket in listed:
        more, noise, is_known = int(chance.poisson(0.9)), chance.normal(0, 0.8), chance.random() < 0.8
        if ticket.answered is not None:
            ticket.replies = 1 + more + ticket.reopened
        if is_known:
            day = min(extent.index(ticket.opened.date()), extent.days - 1)
            tone = float(felt.level[ticket.place, day]) + noise - 2.0 * ticket.is_complaint
            ticket.sentiment = "positive" if tone > 1.6 else "neutral" if tone > 0.1 else "negative"


def _ticket(
    company: Company, day: dt.date, level: float, chain: Sequence[Person], extent: Extent, chance: np.random.Generator,
    *, wave: bool = False,
) -> Ticket:  # fmt: skip
    words = INCIDENT_TICKETS if wave else TICKETS
    subject, usual = words[int(chance.integers(len(words)))]
    shift = int(chance.choice([-1, 0, 1], p=[0.3, 0.6, 0.1] if level > 0.5 else [0.12, 0.63, 0.25]))
    rank = int(np.clip(usual + shift, 0, 3))
    complaint = not wave and level < -0.2 and chance.random() < 0.06
    if complaint:
        subject, rank = COMPLAINTS[int(chance.integers(len(COMPLAINTS)))], 3
    opened = extent.moment(extent.worked(day), 9 + int(chance.integers(0, 8)), int(chance.integers(0, 60)))
    end = extent.moment(extent.last + dt.timedelta(days=1), 0)
    opened = min(opened, end - dt.timedelta(hours=10))
    answered = opened + dt.timedelta(minutes=float(_ANSWER[rank] * chance.lognormal(0, 0.7)))
    closed = answered + dt.timedelta(
        hours=float(_SOLVE[rank] * chance.lognormal(0.2 - 0.2 * min(level, 1), 0.8))
    )
    mark = (
        int(np.clip(round(chance.normal(3.1 + 0.85 * level, 0.8)), 1, 5)) if chance.random() < 0.45 else None
    )
    here = [p for p in chain if p.is_here(day) and p.role != "decision_maker"]
    return Ticket(
        "", company.place, subject, PRIORITIES[rank], here[int(chance.integers(len(here)))].key if here else None, opened,
        answered if answered < end else None, closed if closed < end else None, mark if closed < end else None,
        reopened=int(chance.random() < 0.06), is_complaint=complaint, is_escalated=rank == 3 and chance.random() < 0.4,
    )  # fmt: skip


def _told(company: Company, chain: Sequence[Person], extent: Extent) -> list[Ticket]:
    """The tickets of a star's story."""
    found = []
    for ago, subject, priority, is_solved in company.star.tickets if company.star else ():
        day = extent.worked(extent.last - dt.timedelta(days=ago))
        day = min(day, extent.calendar.previous(extent.last + dt.timedelta(days=1)).value)
        opened = extent.moment(day, 9, 5 + ago)
        closed = (
            extent.moment(extent.worked(min(day + dt.timedelta(days=2), extent.last)), 17, 20)
            if is_solved
            else None
        )
        if closed is not None and closed >= extent.moment(extent.last + dt.timedelta(days=1), 0):
            closed = None
        asker = next((p.key for p in chain if p.role == "daily_user"), None)
        answered = opened + dt.timedelta(minutes=18)
        mark = 5 if priority == "low" else 2
        found.append(
            Ticket(
                "",
                company.place,
                subject,
                priority,
                asker,
                opened,
                answered,
                closed,
                mark if closed else None,
            )
        )
    return found

"""A vendor and its accounts, told in plain values. Moments are aware, in UTC."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

FACTS = ("user.opened", "user.closed", "survey.sent", "training.completed", "milestone.planned", "milestone.met",
         "milestone.dropped", "need.stated")  # fmt: skip


@dataclass(frozen=True)
class Event:
    id: str
    at: dt.datetime
    known: dt.datetime
    name: str
    kind: str = "track"
    user: str | None = None
    tenant: str = ""
    count: int = 1
    seconds: float | None = None
    said: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ticket:
    opened: dt.datetime
    known: dt.datetime
    priority: str
    answered: dt.datetime | None = None
    closed: dt.datetime | None = None
    mark: int | None = None
    sentiment: str = ""
    replies: int | None = None
    reopened: int = 0


@dataclass(frozen=True)
class Line:
    """One line of a contract of its own."""

    known: dt.datetime
    start: dt.date
    end: dt.date | None
    mrr: int
    currency: str
    seats: int | None = None
    edition: str | None = None
    discount: Decimal | None = None
    is_trial: bool = False
    is_subscription: bool = True


@dataclass(frozen=True)
class Invoice:
    known: dt.datetime
    due: dt.date
    amount: int
    paid: int
    paid_on: dt.date | None
    currency: str


@dataclass(frozen=True)
class Person:
    key: str
    known: dt.datetime
    decides: bool
    left: dt.date | None = None


@dataclass(frozen=True)
class Talk:
    at: dt.datetime
    known: dt.datetime
    kind: str
    people: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """A value, or a target, of a KPI from a day on; None takes it back."""

    kpi: str
    start: dt.date
    value: float | None
    known: dt.datetime


@dataclass
class Told:
    """Everything told of one account: one data set."""

    key: str
    known: dt.datetime
    tier: str = ""
    tiers_before: tuple[tuple[dt.datetime, str], ...] = ()  # (when it changed, what it was)
    currency: str = "CNY"
    edition: str | None = None
    first_value: dt.date | None = None
    events: list[Event] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    talks: list[Talk] = field(default_factory=list)
    values: list[Report] = field(default_factory=list)
    targets: list[Report] = field(default_factory=list)
    pk: int = 0


@dataclass(frozen=True)
class Marks:
    """A feature: its key and its marks."""

    key: str
    core: bool = False
    advanced: bool = False
    data: bool = False


@dataclass
class World:
    zone: ZoneInfo
    day: dt.date
    works: Callable[[dt.date], bool]
    features: dict[str, Marks]  # by the name of the event that shows it
    editions: dict[str, frozenset[str]]
    rates: dict[str, Decimal]
    kpis: dict[str, tuple[str, str]]  # key → period, direction
    accounts: list[Told] = field(default_factory=list)

    def local(self, moment: dt.datetime) -> dt.date:
        return moment.astimezone(self.zone).date()

    def midnight(self, day: dt.date) -> dt.datetime:
        """The first instant of a day, also where the clock skips midnight."""
        moment = dt.datetime.combine(day, dt.time(), dt.UTC) - dt.timedelta(days=1)
        while self.local(moment) < day:
            moment += dt.timedelta(minutes=15)
        return moment

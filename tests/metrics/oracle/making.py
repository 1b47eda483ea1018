"""Worlds drawn from a seed: ordinary accounts, and those at the edges of days, windows, numbers and currencies."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from evergreen.base.working_days import WorkingDays
from tests.metrics.oracle.world import (
    Event,
    Invoice,
    Line,
    Marks,
    Person,
    Report,
    Talk,
    Ticket,
    Told,
    World,
)

# Each with a day some days after its clock changed: days of 23, 24.5 and 25 hours, midnights that never were.
ZONES = {
    "Asia/Shanghai": dt.date(2026, 3, 6),
    "UTC": dt.date(2026, 1, 3),
    "America/New_York": dt.date(2026, 3, 12),
    "Europe/Berlin": dt.date(2025, 10, 30),
    "Australia/Lord_Howe": dt.date(2026, 4, 8),
    "Africa/Cairo": dt.date(2026, 4, 28),
    "Asia/Beirut": dt.date(2026, 4, 1),
    "America/Santiago": dt.date(2026, 9, 9),
    "Asia/Kathmandu": dt.date(2026, 10, 12),
    "America/St_Johns": dt.date(2025, 11, 5),
    "Pacific/Chatham": dt.date(2026, 9, 30),
    "America/Sao_Paulo": dt.date(2018, 11, 7),
}
FEATURES = {
    "ledger.posted": Marks("ledger", core=True),
    "bank.matched": Marks("match", core=True, advanced=True),
    "report.opened": Marks("report", advanced=True),
    "file.uploaded": Marks("upload", data=True),
}
EDITIONS = {
    "small": frozenset({"ledger", "upload"}),
    "large": frozenset({"ledger", "match", "report", "upload"}),
}
RATES = {"CNY": Decimal(1), "USD": Decimal("7.1"), "JPY": Decimal("0.0475")}
KPIS = {"auto_share": ("month", "up"), "open_items": ("week", "down"), "turns": ("day", "up")}
NAMES = [*FEATURES, "settings.changed"]
_EDGES = (0, 1, 6, 7, 27, 28, 29, 55, 56, 57, 89, 90, 179, 180)
_MICRO = dt.timedelta(microseconds=1)


class _Draw:
    """Moments and values of one account."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.chance = world, random.Random(seed)

    def day(self, most: int = 100) -> dt.date:
        back = self.chance.choice((self.chance.choice(_EDGES), int(self.chance.triangular(0, most, 5))))
        return self.world.day - dt.timedelta(days=back)

    def moment(self, most: int = 100) -> dt.datetime:
        """Often at a midnight, just before or after one; a tenth lie after the day."""
        day = self.day(most)
        if self.chance.random() < 0.1:
            day = self.world.day + dt.timedelta(days=self.chance.choice((1, 1, 2, 30)))
        at = self.world.midnight(day)
        match self.chance.randrange(5):
            case 0:
                return at
            case 1:
                return at - _MICRO
            case 2:
                return at + _MICRO
        return at + dt.timedelta(minutes=self.chance.randrange(24 * 60), seconds=self.chance.randrange(60))

    def later(self, moment: dt.datetime) -> dt.datetime:
        return moment + dt.timedelta(
            days=self.chance.choice((0, 0, 0, 0, 1, 3, 20, 400)), seconds=self.chance.choice((0, 0, 60))
        )

    def some(self, most: int) -> range:
        return range(self.chance.choice((0, 1, self.chance.randrange(most + 1))))


def drawn(zone: str, seed: int, accounts: int, day: dt.date | None = None) -> World:
    """A world of so many accounts; the same seed draws the same."""
    day = day or ZONES[zone]
    calendar = WorkingDays()
    world = World(
        ZoneInfo(zone), day, lambda d: calendar.working_or_weekday(d)[0], FEATURES, EDITIONS, RATES, KPIS
    )
    world.accounts = [
        _account(world, seed * 100_003 + number, f"{zone}-{seed}-{number}") for number in range(accounts)
    ]
    return world


def _account(world: World, seed: int, key: str) -> Told:
    draw = _Draw(world, seed)
    chance = draw.chance
    known = world.midnight(draw.day(400)) if chance.random() < 0.3 else dt.datetime(2010, 1, 1, tzinfo=dt.UTC)
    told = Told(
        key,
        known,
        tier=chance.choice(("", "strategic", "growth", "basic")),
        currency=chance.choice(("CNY", "CNY", "USD", "JPY")),
        edition=chance.choice((None, "small", "large")),
        first_value=draw.day() + dt.timedelta(days=chance.choice((0, 0, 5)))
        if chance.random() < 0.2
        else None,
    )
    if chance.random() < 0.2:
        told.tiers_before = ((draw.moment(), chance.choice(("", "strategic", "basic"))),)
    shape = chance.randrange(12)
    if shape == 0:
        return told  # nothing is known of it but that it is there
    sizes = 10**15 if shape == 1 else 1
    told.people = [
        Person(
            f"{key}-p{n}",
            draw.later(draw.moment(300)),
            chance.random() < 0.4,
            draw.day() if chance.random() < 0.2 else None,
        )
        for n in draw.some(4)
    ]
    told.events = _uses(draw, key, shape) + _facts(draw, key, told)
    told.tickets = [_ticket(draw) for _ in draw.some(6)]
    told.lines = [_line(draw, told, sizes) for _ in draw.some(4)]
    told.invoices = [_invoice(draw, told, sizes) for _ in draw.some(4)]
    told.talks = [
        Talk((at := draw.moment(200)), draw.later(at), chance.choice(("call", "meeting", "visit", "chat", "mail")),
             tuple(p.key for p in told.people if chance.random() < 0.5))
        for _ in draw.some(5)
    ]  # fmt: skip
    _kpis(draw, told)
    return told


def _uses(draw: _Draw, key: str, shape: int) -> list[Event]:
    chance = draw.chance
    found = []
    at = draw.moment()
    for number in range(1 if shape == 2 else chance.choice((3, 12, 40))):
        # Bursts make sessions; the rest is spread.
        step = dt.timedelta(
            minutes=chance.choice((0, 1, 29, 30, 30, 31)), microseconds=chance.choice((0, 0, 1))
        )
        at = at + step if chance.random() < 0.5 else draw.moment()
        kind = chance.choice(("track", "track", "track", "page", "usage", "identify"))
        found.append(
            Event(
                f"{key}-u{number}",
                at,
                draw.later(at) if chance.random() < 0.9 else at - dt.timedelta(hours=3),
                NAMES[0] if shape == 3 else chance.choice(NAMES),
                kind,
                user="u0" if shape == 3 else chance.choice((None, "u0", "u1", "u2")),
                tenant=chance.choice(("", "", "north", "south")),
                count=10**15 if shape == 1 and number == 0 else chance.choice((0, 1, 1, 1, 2, 7)),
                seconds=chance.choice((None, 0.0, 90.5)),
            )
        )
    return found


def _facts(draw: _Draw, key: str, told: Told) -> list[Event]:
    chance = draw.chance
    people = [person.key for person in told.people]
    found: list[Event] = []

    def tell(name: str, said: dict[str, Any], *, kind: str = "track", user: str | None = None) -> None:
        # No two of one account at the same moment: which of them stands would be a matter of taste.
        at = draw.moment(190) + dt.timedelta(seconds=len(found), microseconds=len(found) * 7)
        said = {key: value for key, value in said.items() if value is not None}
        found.append(Event(f"{key}-f{len(found)}", at, draw.later(at), name, kind, user=user, said=said))

    def somebody() -> str | None:
        return chance.choice((None, *people))

    for _ in draw.some(6):
        score = chance.choice((0, 1, 4, 6, 7, 8, 9, 10, 3.5))
        said = {"kind": chance.choice(("nps", "nps", "csat", "ces")), "score": score, "contact": somebody()}
        tell("survey.answered", said, kind="system")
    for _ in draw.some(4):
        tell("survey.sent", {"contact": somebody()})
    for _ in draw.some(5):
        name = chance.choice(("user.opened", "user.opened", "user.closed"))
        tell(name, {}, user=chance.choice(("u0", "u1", "u9")))
    for _ in draw.some(4):
        said = {"contact": somebody(), "course": chance.choice((None, "basics", "ledger"))}
        tell("training.completed", said, user=chance.choice((None, "u0")))
    for _ in draw.some(6):
        name = chance.choice(("milestone.planned", "milestone.planned", "milestone.met", "milestone.dropped"))
        due = (draw.day() + dt.timedelta(days=chance.choice((0, 0, 1, 40)))).isoformat()
        said = {
            "milestone": chance.choice(("go-live", "close")),
            "due_on": due if name == "milestone.planned" else None,
        }
        tell(name, said)
    for _ in draw.some(5):
        said = {
            "need": chance.choice(("books", "bank", "audit")),
            "state": chance.choice(("met", "planned", "unmet")),
        }
        tell("need.stated", {**said, "weight": chance.choice((None, 1, 2.5, 5))})
    return found


def _ticket(draw: _Draw) -> Ticket:
    chance = draw.chance
    opened = draw.moment(110)
    answered = (
        opened + dt.timedelta(minutes=chance.choice((0, 59, 60, 61, 240, 3000)))
        if chance.random() < 0.8
        else None
    )
    closed = (
        opened + dt.timedelta(hours=chance.choice((0, 5, 8, 30, 200, 900))) if chance.random() < 0.6 else None
    )
    return Ticket(
        opened, draw.later(opened), chance.choice(("urgent", "high", "medium", "low")), answered, closed,
        mark=chance.choice((None, 1, 2, 3, 5)) if closed else None, sentiment=chance.choice(("", "", "positive", "negative")),
        replies=chance.choice((None, 0, 1, 2)), reopened=chance.choice((0, 0, 1)),
    )  # fmt: skip


def _line(draw: _Draw, told: Told, sizes: int) -> Line:
    chance = draw.chance
    start = draw.day(500) + dt.timedelta(days=chance.choice((0, 0, 0, 1, 20)))
    end = start + dt.timedelta(days=chance.choice((0, 1, 30, 365))) if chance.random() < 0.8 else None
    if chance.random() < 0.2:
        end = max(start, draw.world.day + dt.timedelta(days=chance.choice((0, 1))))
    return Line(
        draw.later(draw.moment(300)), start, end, mrr=chance.choice((0, 1, 33_333, -500)) if sizes == 1 else chance.choice((0, sizes, -sizes)),
        currency=chance.choice((told.currency, told.currency, "CNY", "USD", "EUR")), seats=chance.choice((None, 0, 3, 10)),
        edition=chance.choice((None, "small", "large")),
        discount=chance.choice((None, Decimal(0), Decimal("0.1"), Decimal("0.3333"), Decimal(1))),
        is_trial=chance.random() < 0.2, is_subscription=chance.random() < 0.8,
    )  # fmt: skip


def _invoice(draw: _Draw, told: Told, sizes: int) -> Invoice:
    chance = draw.chance
    due = draw.day(200) + dt.timedelta(days=chance.choice((0, 0, 1)))
    amount = chance.choice((100, 99_999, -700)) if sizes == 1 else chance.choice((sizes, -sizes))
    paid_on = draw.day() + dt.timedelta(days=chance.choice((0, 0, 1))) if chance.random() < 0.6 else None
    paid = chance.choice((amount, amount, amount // 2)) if paid_on else 0
    return Invoice(
        draw.later(draw.moment(300)), due, amount, paid, paid_on, chance.choice((told.currency, "CNY", "EUR"))
    )


def _kpis(draw: _Draw, told: Told) -> None:
    chance, day = draw.chance, draw.world.day
    for kpi, (period, _direction) in KPIS.items():
        if chance.random() < 0.5:
            continue
        start = {"day": day, "week": day - dt.timedelta(days=day.weekday()), "month": day.replace(day=1)}[
            period
        ]
        start -= dt.timedelta(days=0 if period == "month" else 7 * chance.choice((0, 0, 5)))
        flat = chance.random() < 0.2
        for _ in range(chance.choice((1, 5, 13, 20))):
            value = (
                5.0
                if flat
                else float(chance.choice((0, 1, 2, 3, 10**15 if chance.random() < 0.05 else 4, -3)))
            )
            for _again in range(chance.choice((1, 1, 1, 2))):
                known = draw.world.midnight(start) + dt.timedelta(
                    days=chance.choice((0, 1, 40)), seconds=len(told.values)
                )
                told.values.append(Report(kpi, start, None if chance.random() < 0.1 else value, known))
                value += 1
            step = {"day": 1, "week": 7, "month": 1}[period]
            start = (
                (start - dt.timedelta(days=step)).replace(day=1)
                if period == "month"
                else start - dt.timedelta(days=step)
            )
        for number in draw.some(3):
            on = draw.day(300)
            known = draw.world.midnight(on) + dt.timedelta(days=chance.choice((0, 30)), seconds=number)
            told.targets.append(Report(kpi, on, chance.choice((None, 0.0, 2.0, 4.0)), known))

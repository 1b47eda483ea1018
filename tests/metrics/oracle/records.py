"""What records say: tickets, contracts, receivables, people, conversations, KPIs."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from statistics import fmean, median

from tests.metrics.oracle.plain import Figures, mean, window
from tests.metrics.oracle.world import Report, Ticket, Told, World

WEIGHTS = {"urgent": 8, "high": 4, "medium": 2, "low": 1}
ANSWER_HOURS = {"urgent": 1, "high": 4, "medium": 8, "low": 16}
SOLVE_HOURS = {"urgent": 8, "high": 24, "medium": 48, "low": 96}
CADENCE = {"strategic": 30, "growth": 60, "basic": 120, "": 120}
DECIMALS = {"JPY": 0}


def figures(world: World, told: Told, day: dt.date, there: set[str]) -> Figures:
    end = world.midnight(day + dt.timedelta(days=1))
    found = _tickets(world, told, day, end, there)
    found |= _money(world, told, day, end, there)
    found |= _relation(world, told, day, end, there)
    found |= _kpis(world, told, day, there)
    marked = told.first_value
    return found | {"value_marked_on": marked if marked and marked <= day else None}


def _tickets(world: World, told: Told, day: dt.date, end: dt.datetime, there: set[str]) -> Figures:
    known = [t for t in told.tickets if t.known < end and t.opened < end]
    now = [t for t in known if world.local(t.opened) in window(day, 28)]
    quarter = [t for t in known if world.local(t.opened) in window(day, 90)]

    def closed(t: Ticket) -> dt.datetime | None:
        return t.closed if t.closed is not None and t.closed < end else None

    def answered(t: Ticket) -> dt.datetime | None:
        return t.answered if t.answered is not None and t.answered < end else None

    def in_time(t: Ticket, done: dt.datetime | None, hours: int) -> float | None:
        due = _due(world, t.opened, hours)
        if done is None:
            return None if due >= end else 0.0
        return float(done <= due)

    def shares(values: list[float | None]) -> float | None:
        return mean([value for value in values if value is not None])

    def negative(t: Ticket) -> float | None:
        if t.sentiment:
            return float(t.sentiment == "negative")
        return float(t.mark <= 2) if t.mark is not None and closed(t) else None

    counts = {
        "tickets_opened_28d": len(now),
        "tickets_open": sum(closed(t) is None for t in known),
        "ticket_weight_28d": sum(WEIGHTS[t.priority] for t in now),
        "tickets_closed_28d": sum(closed(t) is not None for t in now),
    }
    found: Figures = {key: value if "tickets" in there else None for key, value in counts.items()}
    return found | {
        "first_response_minutes_28d": mean(
            [(a - t.opened).total_seconds() / 60 for t in now if (a := answered(t))]
        ),
        "resolution_hours_28d": mean(
            [(c - t.opened).total_seconds() / 3600 for t in now if (c := closed(t))]
        ),
        "response_in_sla": shares([in_time(t, answered(t), ANSWER_HOURS[t.priority]) for t in now]),
        "resolution_in_sla": shares([in_time(t, closed(t), SOLVE_HOURS[t.priority]) for t in now]),
        "first_contact_resolution": shares(
            [float(t.replies <= 1 and t.reopened == 0) for t in now if closed(t) and t.replies is not None]
        ),
        "reopen_rate": shares([float(t.reopened > 0) for t in now if closed(t) or t.reopened]),
        "negative_share": shares([negative(t) for t in quarter]),
        "ticket_satisfaction": mean([t.mark for t in quarter if t.mark is not None and closed(t)]),
    }


def _due(world: World, opened: dt.datetime, hours: int) -> dt.datetime:
    """Working hours later: the clock runs from 9:00 to 18:00 of working days."""
    left, day = dt.timedelta(hours=hours), world.local(opened)
    while True:
        if world.works(day):
            opens = dt.datetime.combine(day, dt.time(9), world.zone).astimezone(dt.UTC)
            begins, closes = max(opened, opens), opens + dt.timedelta(hours=9)
            if begins < closes:
                if begins + left <= closes:
                    return begins + left
                left -= closes - begins
        day += dt.timedelta(days=1)


def _converted(world: World, cents: int, currency: str, target: str) -> int | None:
    if currency == target:
        return cents
    if currency not in world.rates or target not in world.rates:
        return None
    whole = Decimal(cents) / 10 ** DECIMALS.get(currency, 2) * world.rates[currency] / world.rates[target]
    return int((whole * 10 ** DECIMALS.get(target, 2)).quantize(Decimal(1), ROUND_HALF_UP))


def _money(world: World, told: Told, day: dt.date, end: dt.datetime, there: set[str]) -> Figures:
    known = [line for line in told.lines if line.known < end]
    running = [n for n in known if n.start <= day and (n.end is None or n.end > day)]
    paying = [n for n in running if n.is_subscription and not n.is_trial]
    fees = [_converted(world, n.mrr, n.currency, told.currency) for n in paying]
    listed = [
        (int((Decimal(fee) / (1 - n.discount)).quantize(Decimal(1), ROUND_HALF_UP)), fee)
        for n, fee in zip(paying, fees, strict=True)
        if fee is not None and n.discount is not None and n.discount < 1
    ]
    editions = [n.edition for n in running if n.is_subscription and n.edition]
    held = (
        set().union(*(world.editions[e] for e in editions))
        if editions
        else world.editions.get(told.edition or "", set())
    )
    late = []
    for invoice in told.invoices:
        if invoice.known < end and invoice.due < day:
            left = invoice.amount - (0 if invoice.paid_on and invoice.paid_on > day else invoice.paid)
            if left > 0:
                late.append(
                    (_converted(world, left, invoice.currency, told.currency), (day - invoice.due).days)
                )
    lines, dues = "lines" in there, "receivables" in there
    return {
        "mrr_cents": sum(fee for fee in fees if fee is not None) if lines else None,
        "seats_bought": sum(n.seats or 0 for n in paying) if lines else None,
        "list_mrr_cents": sum(price for price, _fee in listed) if lines else None,
        "list_mrr_net_cents": sum(fee for _price, fee in listed) if lines else None,
        "renewal_on": min((n.end for n in paying if n.end), default=None),
        "first_start_on": min((n.start for n in known if n.is_subscription and n.start <= day), default=None),
        "features_in_edition": len(held) or None,
        "invoices_overdue": sum(1 for _ in late) if dues else None,
        "overdue_cents": sum(cents for cents, _days in late if cents is not None) if dues else None,
        "overdue_days": max((days for _cents, days in late), default=0) if dues else None,
    }


def _relation(world: World, told: Told, day: dt.date, end: dt.datetime, there: set[str]) -> Figures:
    people = [person for person in told.people if person.known < end]
    here = [person for person in people if person.left is None or person.left > day]
    deciding = {person.key for person in people if person.decides}
    talks = [talk for talk in told.talks if talk.at < end and talk.known < end]
    recent = [talk for talk in talks if world.local(talk.at) in window(day, 90)]
    any_talks = "talks" in there
    return {
        "contacts_live": len(here) if "contacts" in there else None,
        "decision_makers": sum(person.decides for person in here) if "contacts" in there else None,
        "last_conversation_on": max((world.local(talk.at) for talk in talks), default=None),
        "last_decision_conversation_on": max(
            (world.local(talk.at) for talk in talks if deciding & set(talk.people)), default=None
        ),
        "conversations_90d": len(recent) if any_talks else None,
        "meetings_90d": sum(talk.kind in ("meeting", "visit") for talk in recent) if any_talks else None,
        "cadence_kept": _cadence(world, told, [world.local(t.at) for t in talks], day, end)
        if any_talks
        else None,
    }


def _cadence(world: World, told: Told, spoke: list[dt.date], day: dt.date, end: dt.datetime) -> float:
    changed_later = sorted((at, was) for at, was in told.tiers_before if at >= end)
    most = CADENCE[changed_later[0][1] if changed_later else told.tier]
    since = world.local(told.known)
    marks = [since, *spoke]
    days = [d for d in window(day, 90) if d >= since]
    return sum(any(0 <= (d - mark).days <= most for mark in marks) for d in days) / len(days)


CURRENT = {"day": 14, "week": 28, "month": 100}
# Season, window in days and least number of values (docs/kpis.md).
SEASONS = {"day": (91, 14), "week": (3 * 371, 12), "month": (3 * 366, 6)}


def standings(world: World, told: Told, day: dt.date) -> dict[str, tuple[float, dict[dt.date, float]]]:
    """The current value of each KPI that has one, and all values that stand, as known at the end of the day."""
    end = world.midnight(day + dt.timedelta(days=1))
    found = {}
    for kpi, (period, _direction) in world.kpis.items():
        values = _standing([r for r in told.values if r.kpi == kpi and r.known < end and r.start <= day])
        if values and (day - max(values)).days <= CURRENT[period]:
            found[kpi] = (values[max(values)], values)
    return found


def _standing(reports: list[Report]) -> dict[dt.date, float]:
    told = {r.start: r.value for r in sorted(reports, key=lambda r: r.known)}
    return {start: value for start, value in told.items() if value is not None}


def _kpis(world: World, told: Told, day: dt.date, there: set[str]) -> Figures:
    end = world.midnight(day + dt.timedelta(days=1))
    current = standings(world, told, day)
    aimed, met, away = 0, 0, []
    for kpi, (value, values) in current.items():
        period, direction = world.kpis[kpi]
        start = max(values)
        last = {"day": start, "week": start + dt.timedelta(days=6),
                "month": (start + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)}[period]  # fmt: skip
        reports = sorted((r for r in told.targets if r.kpi == kpi and r.known < end), key=lambda r: r.known)
        targets = {r.start: r.value for r in reports}
        begun = [on for on in targets if on <= last]
        aim = targets[max(begun)] if begun else None
        if aim is not None:
            aimed += 1
            met += value <= aim if direction == "down" else value >= aim
        deviation = _deviation(period, start, values)
        if deviation is not None:
            away.append(-deviation if direction == "down" else deviation)
    is_there = "kpis" in there
    return {
        "kpis_current": len(current) if is_there else None,
        "kpis_with_target": aimed if is_there else None,
        "kpis_on_target": met if is_there else None,
        "kpi_deviation": mean(away),
    }


def _season(period: str, day: dt.date) -> int:
    return {"day": day.weekday(), "week": min(day.isocalendar().week, 52), "month": day.month}[period]


def _deviation(period: str, start: dt.date, values: dict[dt.date, float]) -> float | None:
    days, least = SEASONS[period]
    before = {on: v for on, v in values.items() if start - dt.timedelta(days=days) <= on < start}
    if len(before) < least:
        return None
    overall = median(before.values())
    seasons: dict[int, list[float]] = defaultdict(list)
    for on, value in before.items():
        seasons[_season(period, on)].append(value)
    usual = {s: (len(v) * median(v) + 2 * overall) / (len(v) + 2) for s, v in seasons.items()}
    strays = [abs(value - usual[_season(period, on)]) for on, value in before.items()]
    spread = 1.4826 * median(strays) or 1.2533 * fmean(strays)
    return (values[start] - usual.get(_season(period, start), overall)) / spread if spread else None

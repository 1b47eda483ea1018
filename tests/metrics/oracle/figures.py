"""Every metric of an account at the end of a day, each computed as docs/metrics.md defines it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from tests.metrics.oracle import records, usage
from tests.metrics.oracle.plain import Figures, divided
from tests.metrics.oracle.world import FACTS, Told, World


def figures(world: World, told: Told, day: dt.date) -> Figures:
    """Metric → value, None where it is missing."""
    there = _there(world, day)
    found: Figures = {}
    found |= usage.figures(world, told, day, there)
    found |= records.figures(world, told, day, there)
    found |= _of_others(world, day, found)
    return found


def _there(world: World, day: dt.date) -> set[str]:
    """The sources that hold any row of the vendor by the end of the day."""
    end = world.midnight(day + dt.timedelta(days=1))
    there: set[str] = set()
    for told in world.accounts:
        for event in told.events:
            if event.known >= end:
                continue
            if event.name in FACTS:
                there.add(event.name)
            elif event.name == "survey.answered":
                there |= {"answers", str(event.said["kind"])}
            elif event.kind in ("track", "page", "screen", "usage") and event.count > 0:
                there.add("usage")
                if event.user is not None:
                    there.add("people")
                if event.name in world.features:
                    there.add("features")
        there |= {"tickets" for ticket in told.tickets if max(ticket.known, ticket.opened) < end}
        there |= {"lines" for line in told.lines if line.known < end}
        there |= {"receivables" for invoice in told.invoices if invoice.known < end and invoice.due <= day}
        there |= {"talks" for talk in told.talks if max(talk.at, talk.known) < end}
        there |= {"contacts" for person in told.people if person.known < end}
        if records.standings(world, told, day):
            there.add("kpis")
    return there


@dataclass(frozen=True)
class _Calendar:
    now: int
    before: int


def _of_others(world: World, day: dt.date, found: Figures) -> Figures:
    """The formulas, written out."""
    working = [world.works(day - dt.timedelta(days=n)) for n in range(56)]
    days = _Calendar(sum(working[:28]), sum(working[28:]))

    def of(key: str) -> float | None:
        value = found.get(key)
        return value if isinstance(value, (int, float)) else None

    def since(key: str) -> int | None:
        value = found.get(key)
        return (day - value).days if isinstance(value, dt.date) else None

    def change(now: float | None, before: float | None) -> float | None:
        rate = divided(divided(now, days.now), divided(before, days.before))
        return None if rate is None else rate - 1

    def most_one(value: float | None) -> float | None:
        return None if value is None else min(value, 1)

    stickiness = divided(divided(of("user_days_28d"), days.now), of("active_users_28d"))
    depth = divided(divided(of("core_events_28d"), of("active_users_28d")), days.now)
    depth = None if depth is None else depth * 5
    data = divided(divided(of("data_events_28d"), of("active_users_28d")), days.now)
    data = None if data is None else min(data * 5 / 5, 1)
    engagement = None
    if stickiness is not None:
        core = stickiness if depth is None else min(depth / 10, 1)
        engagement = (0.4 * stickiness + 0.4 * core + 0.2 * (stickiness if data is None else data)) * 100
    active, earlier = of("active_users_28d"), of("active_users_prev_28d")
    is_silent = (
        of("tickets_opened_28d") == 0 and active is not None and earlier is not None and active < earlier
    )
    load = divided(of("ticket_weight_28d"), active)
    last = found["last_active_on"]
    opened = of("users_opened")
    users_change = divided(active, earlier)
    value_on = found["value_marked_on"] or found["core_first_on"]
    started, reached = (
        since("first_start_on"),
        (day - value_on).days if isinstance(value_on, dt.date) else None,
    )
    renewal, mrr = found["renewal_on"], of("mrr_cents")
    nps, paid_share = (
        divided(of("nps_points"), of("nps_weight")),
        divided(of("list_mrr_net_cents"), of("list_mrr_cents")),
    )
    return {
        "active_users_trend": None if users_change is None else users_change - 1,
        "events_trend": change(of("events_28d"), of("events_prev_28d")),
        "daily_users_trend": change(of("user_days_28d"), of("user_days_prev_28d")),
        "data_growth": change(of("data_events_28d"), of("data_events_prev_28d")),
        "stickiness": stickiness,
        "use_frequency": divided(of("regular_users_28d"), of("activated_users")),
        "login_ratio": divided(of("active_users_28d"), of("activated_users")),
        "days_since_active": since("last_active_on"),
        "working_days_inactive": _working_days(world, last, day) if isinstance(last, dt.date) else None,
        "feature_adoption": divided(of("features_used_28d"), of("features_in_edition")),
        "core_depth": depth,
        "core_penetration": divided(of("core_users_28d"), of("active_users_28d")),
        "value_on": value_on,
        "days_to_value": None if started is None or reached is None else max(started - reached, 0),
        "ramp_up_share": divided(of("new_users_ramped_56d"), of("new_users_56d")),
        "engagement": engagement,
        "ticket_load": None if is_silent or load is None else load * 100,
        "resolution_rate": divided(of("tickets_closed_28d"), of("tickets_opened_28d")),
        "arr_cents": None if mrr is None else mrr * 12,
        "activation_rate": divided(of("opened_activated"), opened)
        if opened
        else most_one(divided(of("activated_users"), of("seats_bought"))),
        "seat_utilisation": divided(active, of("seats_bought")),
        "discount": None if paid_share is None else 1 - paid_share,
        "days_to_renewal": (renewal - day).days if isinstance(renewal, dt.date) else None,
        "contract_age_days": started,
        "nps": None if nps is None else nps * 100,
        "response_rate": most_one(divided(of("answers_90d"), of("surveys_sent_90d"))),
        "days_since_conversation": since("last_conversation_on"),
        "days_since_decision_conversation": since("last_decision_conversation_on"),
        "kpi_attainment": divided(of("kpis_on_target"), of("kpis_with_target")),
        "milestones_kept": divided(of("milestones_met"), of("milestones_due")),
        "fit": divided(of("need_weight_met"), of("need_weight")),
        "fit_planned": divided(of("need_weight_planned"), of("need_weight")),
    }


def _working_days(world: World, after: dt.date, until: dt.date) -> int:
    return sum(world.works(after + dt.timedelta(days=n)) for n in range(1, (until - after).days + 1))

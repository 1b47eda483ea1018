"""Changes that must not change figures, or change them in a way that is known beforehand."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from evergreen.base.models import Setting
from evergreen.base.working_days import WorkingDays
from evergreen.events import store
from evergreen.metrics.library import METRICS
from tests.metrics.oracle.comparing import same, snapshot
from tests.metrics.oracle.loading import append, loaded, settled
from tests.metrics.oracle.making import drawn
from tests.metrics.oracle.world import Event, Told, World

RELATIONS = ("permuted", "padded", "split", "shifted")
WEEK = dt.timedelta(days=7)
# Sums over events: those of two halves add up to the whole.
ADDED = ("events_28d", "events_prev_28d", "core_events_28d", "data_events_28d", "data_events_prev_28d", "hours_28d",
         "answers_90d", "surveys_sent_90d")  # fmt: skip
# What events older than every window change: they are remembered for ever.
REMEMBERED = {"activated_users", "last_active_on", "core_first_on", "new_features_28d", "new_users_56d", "new_users_ramped_56d",
              "ramp_up_days", "ramp_up_share", "users_opened", "opened_activated"}  # fmt: skip


def breaches(seed: int, accounts: int, day: dt.date = dt.date(2026, 1, 14)) -> Iterator[str]:
    """Every relation for so many accounts, in one installation in UTC where every week is alike; what breaks, in words."""
    world = drawn("UTC", seed, accounts, day)
    calendar = WorkingDays(name="weekends")
    world.works = lambda d: calendar.working_or_weekday(d)[0]
    chance = random.Random(seed)
    settled(world)
    Setting.objects.update_or_create(key="calendar", defaults={"value": "weekends"})
    plain = world.accounts
    for told in plain:
        # Months and their ends are not shifted by a week.
        told.values = [r for r in told.values if r.kpi != "auto_share"]
        told.targets = [r for r in told.targets if r.kpi != "auto_share"]
    other = {name: [_named(told, name) for told in plain] for name in ("permuted", "padded")}
    for told in other["padded"]:
        told.events = [*told.events, *_old(world, told)]
    halves = [_halves(told, chance) for told in plain]
    loaded(
        world,
        [*plain, *other["permuted"], *other["padded"], *(half for pair in halves for half in pair)],
        events=False,
    )
    append(world, _events([*plain, *other["padded"], *(half for pair in halves for half in pair)]))
    shuffled = _events(other["permuted"])
    chance.shuffle(shuffled)
    append(world, shuffled, in_order=False)
    with store.session() as con:
        rows = snapshot(con, day)
        shifted = [_shifted(_named(told, "shifted"), WEEK) for told in plain]
        loaded(world, shifted)
        week_later = snapshot(con, day + WEEK)
    for place, told in enumerate(plain):
        if told.pk not in rows:
            continue
        of = rows[told.pk]
        yield from _differ("permuted", told, of, rows[other["permuted"][place].pk])
        yield from _differ(
            "padded", told, of, rows[other["padded"][place].pk], REMEMBERED | _formulas(REMEMBERED)
        )
        one, two = (rows[half.pk] for half in halves[place])
        yield from _differ(
            "split",
            told,
            {key: of[key] for key in ADDED},
            {key: (one[key] or 0) + (two[key] or 0) for key in ADDED},
        )
        later = {
            key: value - WEEK if isinstance(value, dt.date) else value
            for key, value in week_later[shifted[place].pk].items()
        }
        yield from _differ("shifted", told, of, later)


def _differ(
    relation: str, told: Told, one: dict[str, Any], other: dict[str, Any], but: set[str] | None = None
) -> Iterator[str]:
    wrong = {
        key: (one[key], other[key])
        for key in one
        if key in METRICS and key not in (but or ()) and not same(other[key], one[key])
    }
    if wrong:
        yield f"{relation}, {told.key}: {wrong}"


def _formulas(keys: set[str]) -> set[str]:
    """The formulas that read such metrics."""
    from evergreen.metrics import formula
    from evergreen.metrics.rules import Formula

    found: set[str] = set()
    while True:
        more = {
            key
            for key, metric in METRICS.items()
            if isinstance(metric.of, Formula) and formula.inputs(metric.of.text) & (keys | found)
        }
        if more <= found:
            return found
        found |= more


def _events(accounts: list[Told]) -> list[tuple[int, Event]]:
    return [(told.pk, event) for told in accounts for event in told.events]


def _named(told: Told, name: str) -> Told:
    """The same account under another name, its events and people too."""
    renamed = {person.key: f"{person.key}-{name}" for person in told.people}

    def said(event: Event) -> dict[str, Any]:
        contact = event.said.get("contact")
        return {**event.said, "contact": renamed[contact]} if contact in renamed else event.said

    return replace(
        told,
        key=f"{told.key}-{name}",
        events=[replace(e, id=f"{e.id}-{name}", said=said(e)) for e in told.events],
        people=[replace(p, key=renamed[p.key]) for p in told.people],
        talks=[replace(t, people=tuple(renamed[key] for key in t.people)) for t in told.talks],
        pk=0,
    )


def _old(world: World, told: Told) -> list[Event]:
    """Use and answers from before every window."""
    at = world.midnight(world.day - dt.timedelta(days=181)) - dt.timedelta(microseconds=1)
    return [
        Event(f"{told.key}-old-1", at, at, "ledger.posted", user="u0", count=1000, seconds=1e6),
        Event(
            f"{told.key}-old-2",
            at,
            at,
            "survey.answered",
            "system",
            said={"kind": "nps", "score": 0, "contact": "none"},
        ),
        Event(f"{told.key}-old-3", at, at, "survey.sent"),
    ]


def _halves(told: Told, chance: random.Random) -> tuple[Told, Told]:
    """Two accounts that share an account's events."""
    one, two = Told(f"{told.key}-one", told.known), Told(f"{told.key}-two", told.known)
    for event in told.events:
        half = chance.choice((one, two))
        half.events.append(replace(event, id=f"{event.id}-half"))
    return one, two


def _shifted(value: Any, by: dt.timedelta) -> Any:
    """Every moment and day in it, later by so much."""
    if isinstance(value, dt.date):
        return value + by
    if isinstance(value, str):
        try:
            return (dt.date.fromisoformat(value) + by).isoformat()
        except ValueError:
            return value
    if isinstance(value, dict):
        return {key: _shifted(inner, by) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_shifted(inner, by) for inner in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _shifted(getattr(value, f.name), by) for f in fields(value)})
    return value

"""What events say: use, sessions, firsts, answers, facts."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable

from tests.metrics.oracle.plain import Figures, mean, middle, window
from tests.metrics.oracle.world import FACTS, Event, Told, World

MOMENTS = ("track", "page", "screen")


def figures(world: World, told: Told, day: dt.date, there: set[str]) -> Figures:
    known = [e for e in told.events if world.local(e.known) <= day and world.local(e.at) <= day]
    used = [e for e in known if e.kind in (*MOMENTS, "usage") and e.name not in FACTS and e.count > 0]
    found = _use(world, used, day, there)
    found |= _firsts(world, used, day, there)
    found |= _answers(world, told, [e for e in known if e.name == "survey.answered"], day, there)
    ever = {e.user for e in used}
    found |= _facts(world, [e for e in known if e.name in FACTS], ever, day, there)
    return found


def _use(world: World, used: list[Event], day: dt.date, there: set[str]) -> Figures:
    now, before = window(day, 28), window(day, 28, 28)

    def within(days: set[dt.date], mark: str = "") -> list[Event]:
        rows = [e for e in used if world.local(e.at) in days]
        return [
            e
            for e in rows
            if not mark or (e.name in world.features and getattr(world.features[e.name], mark))
        ]

    def users(events: Iterable[Event]) -> set[str]:
        return {e.user for e in events if e.user is not None}

    def features(events: Iterable[Event]) -> int:
        return len({world.features[e.name].key for e in events if e.name in world.features})

    def total(events: Iterable[Event]) -> int:
        return sum(e.count for e in events)

    def worked(days: set[dt.date]) -> dict[str, set[dt.date]]:
        found: dict[str, set[dt.date]] = defaultdict(set)
        for e in within(days):
            if e.user is not None and world.works(world.local(e.at)):
                found[e.user].add(world.local(e.at))
        return found

    work_days = sum(world.works(d) for d in now)
    sessions, seconds = _sessions(world, used, now)
    days = [world.local(e.at) for e in used]
    uses = {
        "active_days_7d": len({world.local(e.at) for e in within(window(day, 7))}),
        "active_days_28d": len({world.local(e.at) for e in within(now)}),
        "events_28d": total(within(now)),
        "events_prev_28d": total(within(before)),
        "hours_28d": sum(e.seconds or 0 for e in within(now)) / 3600,
        "sessions_28d": sessions,
        "online_hours_28d": seconds / 3600,
        "features_used_28d": features(within(now)),
        "core_features_used_28d": features(within(now, "core")),
        "advanced_features_used_28d": features(within(now, "advanced")),
        "core_events_28d": total(within(now, "core")),
        "data_events_28d": total(within(now, "data")),
        "data_events_prev_28d": total(within(before, "data")),
        "core_users_28d": len(users(within(now, "core"))),
    }
    people = {
        "active_users_1d": len(users(within({day}))),
        "active_users_7d": len(users(within(window(day, 7)))),
        "active_users_28d": len(users(within(now))),
        "active_users_prev_28d": len(users(within(before))),
        "user_days_28d": sum(len(d) for d in worked(now).values()),
        "user_days_prev_28d": sum(len(d) for d in worked(before).values()),
        "regular_users_28d": sum(1 for d in worked(now).values() if len(d) * 5 >= 2 * work_days),
        "activated_users": len(users(used)),
    }
    found: Figures = {key: value if "usage" in there else None for key, value in uses.items()}
    found |= {key: value if "people" in there else None for key, value in people.items()}
    return found | {"last_active_on": max(days, default=None)}


def _sessions(world: World, used: list[Event], days: set[dt.date]) -> tuple[int, float]:
    """Sessions of the days and their seconds: by person, day, and the day on which it became known."""
    runs: dict[tuple[str, dt.date, dt.date], list[dt.datetime]] = defaultdict(list)
    for e in used:
        if e.user is not None and e.kind in MOMENTS and world.local(e.at) in days:
            runs[e.user, world.local(e.at), world.local(e.known)].append(e.at)
    sessions, seconds = 0, 0.0
    for moments in runs.values():
        last: dt.datetime | None = None
        for moment in sorted(moments):
            if last is None or moment - last > dt.timedelta(minutes=30):
                sessions += 1
            else:
                seconds += (moment - last).total_seconds()
            last = moment
    return sessions, seconds


def _firsts(world: World, used: list[Event], day: dt.date, there: set[str]) -> Figures:
    tried: dict[str, dt.date] = {}
    began: dict[str, dt.date] = {}
    reached: dict[str, dt.date] = {}
    recent = window(day, 56)
    core: list[dt.date] = []
    for e in used:
        on, shown = world.local(e.at), world.features.get(e.name)
        if shown:
            tried[shown.key] = min(on, tried.get(shown.key, on))
            core += [on] * shown.core
        if e.user is not None:
            began[e.user] = min(on, began.get(e.user, on))
            if shown and shown.core and on in recent:
                reached[e.user] = min(on, reached.get(e.user, on))
    new = [user for user, on in began.items() if on in recent]
    ramped = [user for user in new if user in reached]
    return {
        "new_features_28d": sum(on in window(day, 28) for on in tried.values())
        if "features" in there
        else None,
        "core_first_on": min(core, default=None),
        "new_users_56d": len(new) if "people" in there else None,
        "new_users_ramped_56d": len(ramped) if "people" in there else None,
        "ramp_up_days": middle([(reached[user] - began[user]).days for user in ramped]),
    }


def _answers(world: World, told: Told, answers: list[Event], day: dt.date, there: set[str]) -> Figures:
    end = world.midnight(day + dt.timedelta(days=1))
    deciding = {person.key for person in told.people if person.decides and person.known < end}
    recent = sorted((e for e in answers if world.local(e.at) in window(day, 180)), key=lambda e: e.at)
    nps = [e for e in recent if e.said["kind"] == "nps"]
    newest = {e.said["contact"]: e for e in nps if "contact" in e.said}
    count = [*newest.values(), *(e for e in nps if "contact" not in e.said)]
    weights = [2.0 if e.said.get("contact") in deciding else 1.0 for e in count]
    points = [(e.said["score"] >= 9) - (e.said["score"] <= 6) for e in count]

    def scores(kind: str) -> list[float]:
        return [e.said["score"] for e in recent if e.said["kind"] == kind]

    return {
        "nps_weight": sum(weights) if "nps" in there else None,
        "nps_points": sum(w * p for w, p in zip(weights, points, strict=True)) if "nps" in there else None,
        "last_answer_on": max((world.local(e.at) for e in count), default=None),
        "csat": mean(scores("csat")),
        "ces": mean(scores("ces")),
        "answers_90d": len([e for e in recent if world.local(e.at) in window(day, 90)])
        if "answers" in there
        else None,
    }


def _facts(world: World, facts: list[Event], ever: set[str | None], day: dt.date, there: set[str]) -> Figures:
    in_order = sorted(facts, key=lambda e: e.at)
    told = {e.user: e.name for e in in_order if e.name in ("user.opened", "user.closed") and e.user}
    opened = {user for user, name in told.items() if name == "user.opened"}
    sent = [e for e in facts if e.name == "survey.sent" and world.local(e.at) in window(day, 90)]
    trained: dict[tuple[str | None, str | None], dt.date] = {}
    for e in in_order:
        if e.name == "training.completed":
            trained.setdefault((e.said.get("contact") or e.user, e.said.get("course")), world.local(e.at))
    due = {
        e.said["milestone"]: dt.date.fromisoformat(e.said["due_on"])
        for e in in_order
        if e.name == "milestone.planned"
    }
    ended = {
        e.said["milestone"]: e.name for e in in_order if e.name in ("milestone.met", "milestone.dropped")
    }
    kept = [key for key, on in due.items() if on <= day and ended.get(key) != "milestone.dropped"]
    needs = {
        e.said["need"]: (e.said["state"], e.said.get("weight", 1))
        for e in in_order
        if e.name == "need.stated"
    }

    def weight(*states: str) -> float | None:
        return sum(w for state, w in needs.values() if state in states) if "need.stated" in there else None

    return {
        "users_opened": len(opened) if "user.opened" in there else None,
        "opened_activated": len(opened & ever) if "user.opened" in there else None,
        "surveys_sent_90d": len(sent) if "survey.sent" in there else None,
        "trainings_90d": sum(on in window(day, 90) for on in trained.values())
        if "training.completed" in there
        else None,
        "milestones_due": len(kept) if "milestone.planned" in there else None,
        "milestones_met": sum(key in ended for key in kept) if "milestone.planned" in there else None,
        "need_weight": weight("met", "planned", "unmet"),
        "need_weight_met": weight("met"),
        "need_weight_planned": weight("planned"),
    }

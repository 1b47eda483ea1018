"""Answers: plain data (JSON) of counts, which pages draw, exports write and results keep."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from evergreen.base.working_days import for_vendor
from evergreen.metrics.analytics import adoption, cohorts, funnels, paths, tables, trends
from evergreen.metrics.analytics.questions import ANY, WITHIN, What
from evergreen.metrics.analytics.reading import Reading

Answer = dict[str, Any]
MONTH = 28
MOST_NODES = 40


def answer(reading: Reading) -> Answer:
    """The answer to a question, with ``since``, ``until`` and ``one_in``."""
    found = _ANSWERS[reading.question.kind](reading)
    return {
        "since": reading.since.isoformat(),
        "until": reading.until.isoformat(),
        "newest": reading.newest.isoformat(),
        "one_in": reading.one_in,
        "groups": reading.population.groups,
        **found,
    }


def _active(
    reading: Reading, what: What, unit: str, windows: tuple[int, ...], since: dt.date
) -> dict[tuple[int, int], list[int]]:
    """(group, window) → active ones by day from ``since`` on."""
    first = since - dt.timedelta(days=max(windows) - 1)
    rows = reading.used(what, first, reading.until)
    keys = ["account_id"]
    if unit == "users":
        # Sorting by one number takes a fraction of the time of sorting by three columns (``tables.with_subject``).
        keys = ["subject"]
        rows = tables.with_subject(rows.filter(rows.end_user.notnull()), unit)
    days = reading.population.split(rows).select("grp", *keys, "day").distinct()
    found = reading.rows(trends.active_changes(days, keys, windows))
    return trends.running(found, since, reading.until)


def _trend(reading: Reading) -> Answer:
    question, series = reading.question, []
    for what in question.what or (ANY,):
        if question.measure == "uses":
            lines = _uses(reading, what)
        else:
            active = _active(reading, what, question.measure, (question.window,), reading.since)
            lines = {group: line for (group, _), line in active.items()}
        series += [{"what": str(what), "group": group, "values": lines[group]} for group in sorted(lines)]
    return {"series": series}


def _uses(reading: Reading, what: What) -> dict[int, list[int]]:
    window = reading.question.window
    rows = reading.population.split(
        reading.used(what, reading.since - dt.timedelta(days=window - 1), reading.until)
    )
    sums = rows.group_by(["grp", "day"]).aggregate(uses=rows["count"].sum().cast("int64"))
    found = [(row["grp"], row["day"], row["uses"]) for row in reading.rows(sums)]
    return trends.summed(found, window, reading.since, reading.until)


def _stickiness(reading: Reading) -> Answer:
    what = reading.question.main
    first = reading.since - dt.timedelta(days=MONTH - 1)
    calendar = for_vendor()
    days = [first + dt.timedelta(days=n) for n in range((reading.until - first).days + 1)]
    working = frozenset(day for day in days if calendar.working_or_weekday(day)[0])
    active = _active(reading, what, "users", (1, MONTH), first)
    series = []
    for group in sorted({group for group, _ in active}):
        daily, monthly = active[group, 1], active[group, MONTH][MONTH - 1 :]
        values = trends.sticky(daily, monthly, first, working, window=MONTH)
        series.append({"group": group, "values": values, "monthly": monthly})
    return {"series": series, "spread": _spread(reading, what)}


def _spread(reading: Reading, what: What) -> list[int]:
    """Of the end users of the last 28 days: how many were active on exactly 1, 2 … 28 of them."""
    rows = reading.used(what, reading.until - dt.timedelta(days=MONTH - 1), reading.until)
    rows = rows.filter(rows.end_user.notnull())
    people = rows.group_by(list(cohorts.USER)).aggregate(days=rows.day.nunique())
    counted = people.group_by("days").aggregate(n=people.count())
    found = {row["days"]: row["n"] for row in reading.rows(counted)}
    return [found.get(days, 0) for days in range(1, MONTH + 1)]


def _penetration(reading: Reading) -> Answer:
    entitled = adoption.entitled(reading.until, reading.population.accounts)
    reading.give("asked_entitled", adoption.as_table(entitled))
    used = reading.population.split(reading.used(ANY, reading.since, reading.until))
    rows = reading.rows(adoption.penetration(used, tables.ENTITLED))
    active = [row for row in rows if row["feature"] is None]
    features = [row for row in rows if row["feature"] is not None]
    return {
        "active": {str(row["grp"]): {name: row[name] for name in ("users", "accounts")} for row in active},
        "features": sorted(features, key=lambda row: (-row["users"], -row["uses"], row["feature"])),
        "entitled": {key: len(accounts) for key, accounts in entitled.items()},
    }


def reached(reading: Reading) -> Any:
    """Who entered the funnel and how far each came (``funnels.reached``)."""
    question = reading.question
    rows = reading.moments(reading.since, _last(reading), question.unit)
    fits = [reading.book.holds(rows, what) for what in question.steps]
    overlap = _overlap(reading)
    steps = funnels.step_rows(rows, fits, overlap=overlap)
    found = funnels.reached(steps, len(fits), WITHIN[question.within], reading.since, reading.until)
    return reading.home("reached_steps", found)


def _last(reading: Reading) -> dt.date:
    """The last day on which a step of the funnel may lie."""
    minutes = WITHIN[reading.question.within]
    return min(reading.until + dt.timedelta(days=minutes // 1_440 + 1), reading.newest)


def _overlap(reading: Reading) -> bool:
    """Whether one event may fit two steps: the steps are not all features, or not all events, that differ."""
    steps = reading.question.steps
    return len(set(steps)) < len(steps) or len({what.kind for what in steps}) > 1 or ANY in steps


def _funnel(reading: Reading) -> Answer:
    steps = len(reading.question.steps)
    if steps < 2:
        return {"lines": []}
    found: Any = reached(reading)
    if reading.population.by == "role":
        # Of the split only the people matter, whom the 64 bits of the subject stand for.
        found = _with_roles(reading, found)
    else:
        found = reading.population.split(found)
    rows = reading.rows(funnels.counted(found, ["grp"], steps))
    lines = [
        {
            "group": row["grp"],
            "steps": [row[f"step_{n}"] for n in range(steps)],
            "seconds": [
                None if row.get(f"middle_{n}") is None else row[f"middle_{n}"] / 1e6 for n in range(steps)
            ],
        }
        for row in rows
    ]
    return {"lines": sorted(lines, key=lambda line: line["group"])}


def _with_roles(reading: Reading, found: Any) -> Any:
    people = reading.moments(reading.since, _last(reading)).inner_join(
        tables.ROLES, ["account_id", "end_user"]
    )
    roles = reading.home("reached_roles", people.select("subject", "grp").distinct())
    joined = found.left_join(roles, "subject").drop("subject_right")
    return joined.mutate(grp=joined.grp.coalesce(len(reading.population.groups) - 1).cast("int32"))


def retained(reading: Reading) -> tuple[Any, Any]:
    """(members, who came back when) of a question about retention: ``cohorts.members`` and ``cohorts.came_back``."""
    question = reading.question
    keys = cohorts.USER if question.follows == "users" else ("account_id",)
    starts = _starts(reading, keys)
    members = cohorts.members(starts, question.period, reading.since, reading.until)
    what = question.main
    if what == ANY and question.follows == "accounts" and not reading.population.role:
        uses = reading.population.within(tables.on_days(tables.ACCOUNT_DAYS, reading.since, reading.until))
    else:
        uses = reading.used(what, reading.since, reading.until)
    return members, cohorts.came_back(members, uses, keys, question.period)


def _starts(reading: Reading, keys: tuple[str, ...]) -> Any:
    """``keys, day``: when each began, told from all of its history."""
    if reading.question.cohort == "contract":
        reading.give("asked_starts", adoption.contract_starts())
        return reading.population.within(tables.STARTS)
    source: Any = (
        tables.FIRST_USES if keys == cohorts.USER or reading.population.role else tables.ACCOUNT_DAYS
    )
    rows = reading.population.within(source)
    return rows.group_by(list(keys)).aggregate(day=rows.day.min())


def _retention(reading: Reading) -> Answer:
    question = reading.question
    # Whole periods, so that the first cohort is not cut.
    reading.since = cohorts.period_start(reading.since, question.period)
    members, back = retained(reading)
    sized = _counts(reading, reading.population.split(members), ["grp", "cohort"])
    came = _counts(reading, reading.population.split(back), ["grp", "cohort", "age"])
    cohort_rows = []
    for (group, cohort), size in sorted(sized.items()):
        start = cohorts.cohort_start(cohort, question.period)
        ages: list[int] = []
        begins = start
        while begins <= reading.until:
            ages.append(came.get((group, cohort, len(ages)), 0))
            begins = cohorts.next_period(begins, question.period)
        # The last period is over only when its last day has figures.
        is_open = begins > reading.until + dt.timedelta(days=1)
        cohort_rows.append(
            {"group": group, "start": start.isoformat(), "size": size, "back": ages, "open": is_open}
        )
    return {"cohorts": cohort_rows}


def _counts(reading: Reading, rows: Any, keys: list[str]) -> dict[tuple[int, ...], int]:
    counted = rows.group_by(keys).aggregate(n=rows.count())
    return {tuple(row[key] for key in keys): row["n"] for row in reading.rows(counted)}


def _paths(reading: Reading) -> Answer:
    question = reading.question
    labels = (reading.features if question.nodes == "features" else reading.events)[:MOST_NODES]
    anchor = question.main.key
    if anchor and anchor not in labels:
        labels = [*labels, anchor]
    if not anchor:
        return {"labels": labels, "ways": [], "times": 0}
    for name, table in reading.book.named(question.nodes, labels).items():
        reading.give(name, table)
    # A day more on each side, so that no session is cut at the edge.
    day = dt.timedelta(days=1)
    rows = reading.moments(reading.since - day, min(reading.until + day, reading.newest))
    turns = paths.turns(reading.book.with_nodes(rows, question.nodes, labels))
    ways: Any = paths.ways(turns, question.levels, question.direction)
    ways = ways.filter(ways.node == labels.index(anchor), ways.day.between(reading.since, reading.until))
    found = reading.rows(reading.home("counted_ways", paths.counted(ways, question.levels)))
    names = [f"node_{level}" for level in range(1, question.levels + 1)]
    listed = sorted(([row[name] for name in names], row["times"]) for row in found)
    return {"labels": labels, "ways": listed, "times": sum(times for _, times in listed)}


_ANSWERS: dict[str, Callable[[Reading], Answer]] = {
    "trend": _trend,
    "stickiness": _stickiness,
    "penetration": _penetration,
    "funnel": _funnel,
    "retention": _retention,
    "paths": _paths,
}

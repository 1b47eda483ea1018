"""The accounts behind one figure of an answer: a funnel's step, a cohort's cell, a feature, the whole of a trend."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

from evergreen.metrics.analytics import adoption, answering, cohorts
from evergreen.metrics.analytics.questions import ANY
from evergreen.metrics.analytics.reading import Reading

_PLACE = re.compile(
    r"(?P<kind>step|lost):(?P<step>\d)|cell:(?P<start>\d{4}-\d\d-\d\d):(?P<age>\d{1,3})|cohort:(?P<whole>\d{4}-\d\d-\d\d)"
    r"|(?P<use>uses|lacks):(?P<feature>.{1,200})|all",
    re.S,
)


@dataclass(frozen=True, slots=True)
class Behind:
    """An account with how many of what the figure counts (end users, accounts, uses) are its own."""

    account_id: int
    count: int


def accounts_behind(reading: Reading, place: str) -> list[Behind] | None:
    """The accounts of a place in the answer, those with the most first; None for a place that no answer has.

    Places: ``step:2`` and ``lost:2`` (reached the step; reached the one before and not this one), ``cell:2026-03-02:4`` and
    ``cohort:2026-03-02``, ``uses:FEATURE`` and ``lacks:FEATURE`` (entitled accounts without any use), ``all``.
    """
    found = _PLACE.fullmatch(place)
    kind = reading.question.kind
    if found is None:
        return None
    rows: Any = None
    if kind == "funnel" and found["kind"]:
        rows = _step(reading, found["kind"], int(found["step"]))
    elif kind == "retention" and (found["start"] or found["whole"]):
        rows = _cell(reading, found["start"] or found["whole"], found["age"])
    elif kind == "penetration" and found["use"]:
        if found["use"] == "lacks":
            return _lacking(reading, found["feature"])
        used = reading.used(ANY, reading.since, reading.until)
        rows = _people(used.filter(used.feature == found["feature"]))
    elif kind in {"trend", "stickiness"} and place == "all":
        used = reading.used(reading.question.main, reading.since, reading.until)
        is_sum = kind == "trend" and reading.question.measure == "uses"
        rows = used.select("account_id", n=used["count"]) if is_sum else _people(used)
    if rows is None:
        return None
    counted = rows.group_by("account_id").aggregate(n=rows.n.sum() if "n" in rows.columns else rows.count())
    listed = [Behind(row["account_id"], int(row["n"])) for row in reading.rows(counted)]
    return sorted(listed, key=lambda one: (-one.count, one.account_id))


def _people(used: Any) -> Any:
    """Distinct end users; an account that is used by nobody known counts 0."""
    people = used.select(*cohorts.USER).distinct()
    return people.select("account_id", n=people.end_user.notnull().cast("int64"))


def _step(reading: Reading, kind: str, step: int) -> Any:
    if not 0 <= step < len(reading.question.steps) or (kind == "lost" and not step):
        return None
    found = answering.reached(reading)
    if kind == "step":
        return found.filter(found[f"took_{step}"].notnull())
    return found.filter(found[f"took_{step - 1}"].notnull(), found[f"took_{step}"].isnull())


def _cell(reading: Reading, start: str, age: str | None) -> Any:
    period = reading.question.period
    try:
        first = dt.date.fromisoformat(start)
    except ValueError:
        return None
    reading.since = cohorts.period_start(reading.since, period)
    members, back = answering.retained(reading)
    number = cohorts.number_of(first, period)
    if age is None:
        return members.filter(members.cohort == number)
    return back.filter(back.cohort == number, back.age == int(age))


def _lacking(reading: Reading, feature: str) -> list[Behind]:
    """Entitled accounts that did not use a feature; each counts its active end users."""
    entitled = set(adoption.entitled(reading.until, reading.population.accounts).get(feature, []))
    used = reading.used(ANY, reading.since, reading.until)
    with_it = {row["account_id"] for row in reading.rows(_accounts(used.filter(used.feature == feature)))}
    people = _people(used)
    counted = people.group_by("account_id").aggregate(n=people.n.sum())
    active = {row["account_id"]: int(row["n"]) for row in reading.rows(counted)}
    listed = [Behind(pk, active.get(pk, 0)) for pk in entitled - with_it]
    return sorted(listed, key=lambda one: (-one.count, one.account_id))


def _accounts(used: Any) -> Any:
    return used.select("account_id").distinct()

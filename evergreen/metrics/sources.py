"""The tables that metrics read for a day: mirrored records, and what the roll-up left in the lake."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow.compute as pc

from evergreen.events.warehouses import functions
from evergreen.metrics.compiling import FLAGS, Window
from evergreen.metrics.rules import WINDOW_DAYS

if TYPE_CHECKING:
    import duckdb
    import ibis.expr.types as ir
    import pyarrow as pa

ANSWER_DAYS = 180
# By which events a source of facts is there.
_FACTS = {
    "opened": "user.opened",
    "surveys": "survey.sent",
    "trainings": "training.completed",
    "milestones": "milestone.planned",
    "needs": "need.stated",
}
# Sources whose rows know their tenant; metrics over the others are of the account as a whole.
OF_TENANTS = frozenset(
    {
        "lines",
        "people",
        "account_days",
        "first_features",
        "newcomers",
        "nps",
        "csat",
        "ces",
        "answers",
        "opened",
    }
)


def lake_sources(backend: Any, window: Window, *, by_tenant: bool) -> dict[str, ir.Table]:
    """Each source of the lake as known on the window's day (of many days once for each, with ``asked``), with account_id
    and tenant; the columns are those that docs/metrics.md names.

    An end user or a feature of several tenants is one row of the account, and one of each tenant ``by_tenant``.
    """
    keys = [*(["account_id", "tenant"] if by_tenant else ["account_id"]), *window.keys]
    began = _earliest(
        backend.table("first_uses", database="lake.main"), [*keys, "source", "end_user"], window
    )
    days = _known(backend.table("account_days", database="lake.main"), window)
    return {
        "people": began,
        "newcomers": _newcomers(backend.table("usage_people"), began, keys, window),
        "account_days": days.mutate(online_hours=days.online_seconds / 3600.0),
        "first_features": _first_features(backend, keys, window),
        **_answers(backend, window),
        **_facts(backend, began, keys, window),
    }


def _known(rows: Any, window: Window) -> Any:
    """The rows of the day and those before it, as known on it."""
    rows = window.spread(rows)
    return rows.filter(rows.known_on <= window.on(rows), rows.day <= window.on(rows))


def _earliest(rows: Any, keys: list[str], window: Window) -> Any:
    """The earliest day of each key as known on a day."""
    known = _known(rows, window)
    return known.group_by(keys).aggregate(day=known.day.min())


def _first_features(backend: Any, keys: list[str], window: Window) -> Any:
    """One row a feature that the account ever used: the first day of it, and the feature's flags."""
    first = backend.table("first_features", database="lake.main")
    found = _earliest(first, [*keys, "feature"], window)
    flags = backend.table("feature_flags")
    joined = found.left_join(flags, found.feature == flags.feature).drop("feature_right")
    return joined.mutate(**{flag: joined[flag].coalesce(ibis.literal(False)) for flag in FLAGS.values()})


def _newcomers(people: Any, began: Any, keys: list[str], window: Window) -> Any:
    """End users whose first use lies in the window of the snapshot: whether, and after how many days, each reached a core
    feature. The highest bit of a mask is the earliest day."""
    who = [*keys, "source", "end_user"]
    new = began.filter(window.within(began, "day", WINDOW_DAYS))
    seen = people.filter(people.end_user.notnull())
    seen = seen.group_by(who).aggregate(core=seen.mask_core.bit_or())
    joined = new.left_join(seen, who).drop(*(f"{name}_right" for name in who))
    is_ramped = joined.core.coalesce(0) != 0
    since_first = window.on(joined).delta(joined.day, unit="day")
    since_core = functions.bits_of(joined.core).length() - 1
    return joined.mutate(
        is_ramped=is_ramped, ramp_days=ibis.ifelse(is_ramped, since_first - since_core, ibis.null("int64"))
    )


def _answers(backend: Any, window: Window) -> dict[str, ir.Table]:
    answers = window.spread(backend.table("answers", database="lake.main"))
    recent: Any = answers.filter(
        answers.known_on <= window.on(answers), window.within(answers, "day", ANSWER_DAYS)
    )
    latest = recent.filter(recent.kind == "nps")
    order = ibis.window(
        group_by=[latest[name] for name in ("account_id", "contact", *window.keys)],
        order_by=[latest.occurred_at.desc(), latest.score],
    )
    latest = latest.mutate(turn=ibis.row_number().over(order))
    # An answer of nobody stands by itself.
    latest = latest.filter((latest.turn == 0) | latest.contact.isnull())
    weights = backend.table("contact_weights")
    same = [latest[name] == weights[name] for name in ("contact", *window.keys)]
    nps: Any = latest.left_join(weights, same)
    weight = nps.weight.coalesce(1.0)
    mark = ibis.cases((nps.score >= 9, 1.0), (nps.score <= 6, -1.0), else_=0.0)
    plain = [*window.keys, "account_id", "tenant", "day", "score"]
    return {
        "nps": nps.select(*plain, weight=weight, points=weight * mark),
        "csat": recent.filter(recent.kind == "csat").select(plain),
        "ces": recent.filter(recent.kind == "ces").select(plain),
        "answers": recent.select(plain),
    }


def _facts(backend: Any, began: Any, keys: list[str], window: Window) -> dict[str, ir.Table]:
    """What events of a name told by the day (``events.facts``); of what was told twice the newest stands. ``began`` are the
    end users who ever used anything.
    """
    told = _known(backend.table("facts", database="lake.main"), window)
    of_account = ["account_id", *window.keys]
    users = told.filter(told.name.isin(["user.opened", "user.closed"]), told.end_user.notnull())
    person = [*keys, "source", "end_user"]
    users = _newest(users, person)
    opened = users.filter(users.name == "user.opened")
    opened = opened.left_join(began.select(*person, first_day="day"), person)
    opened = opened.drop(*(f"{name}_right" for name in person))
    trainings = told.filter(told.name == "training.completed")
    trainings = trainings.mutate(person=trainings.contact.coalesce(trainings.end_user))
    needs = _newest(told.filter(told.name == "need.stated", told.subject.notnull()), [*of_account, "subject"])
    return {
        "opened": opened.mutate(is_activated=opened.first_day.notnull()),
        "surveys": told.filter(told.name == "survey.sent"),
        "trainings": trainings.group_by([*of_account, "person", "subject"]).aggregate(
            day=trainings.day.min()
        ),
        "milestones": _milestones(told, window),
        "needs": needs.mutate(
            weight=needs.weight.coalesce(1.0),
            is_met=(needs.state == "met").coalesce(ibis.literal(False)),
            is_planned=(needs.state == "planned").coalesce(ibis.literal(False)),
        ),
    }


def _milestones(told: Any, window: Window) -> Any:
    """One row a planned milestone: whether its newest due day has come, and whether it was met; dropped ones are out."""
    key = ["account_id", "subject", *window.keys]
    of = told.filter(told.subject.notnull())
    planned = _newest(of.filter(of.name == "milestone.planned", of.due_on.notnull()), key)
    ended = _newest(of.filter(of.name.isin(["milestone.met", "milestone.dropped"])), key)
    ended = ended.select(*key, ending="name")
    joined = planned.left_join(ended, key).drop(*(f"{name}_right" for name in key))
    kept = joined.filter((joined.ending != "milestone.dropped").coalesce(ibis.literal(True)))
    return kept.mutate(is_due=kept.due_on <= window.on(kept), is_met=kept.ending.notnull())


def _newest(rows: Any, key: list[str]) -> Any:
    """The newest row of each key; of the same moment the one whose name, state and day come last."""
    told = [
        rows.occurred_at.desc(),
        rows.name.desc(),
        rows.state.desc(),
        rows.due_on.desc(),
        rows.weight.desc(),
    ]
    order = ibis.window(group_by=[rows[name] for name in key], order_by=told)
    rows = rows.mutate(turn=ibis.row_number().over(order))
    return rows.filter(rows.turn == 0).drop("turn")


# One query, for each costs some hundredths of a second whatever it reads.
_PRESENT = """
SELECT 'usage' AS source WHERE EXISTS (FROM lake.usage WHERE known_on <= $day)
UNION ALL SELECT 'people' WHERE EXISTS (FROM lake.first_uses WHERE known_on <= $day)
UNION ALL SELECT 'account_days' WHERE EXISTS (FROM lake.account_days WHERE known_on <= $day)
UNION ALL SELECT 'first_features' WHERE EXISTS (FROM lake.first_features WHERE known_on <= $day)
UNION ALL SELECT DISTINCT kind FROM lake.answers WHERE known_on <= $day AND kind IN ('nps', 'csat', 'ces')
UNION ALL SELECT 'answers' WHERE EXISTS (FROM lake.answers WHERE known_on <= $day)
UNION ALL SELECT DISTINCT name FROM lake.facts WHERE known_on <= $day
"""
# The same of any day: since when each is there.
_SINCE = """
SELECT 'usage' AS source, min(known_on) AS since FROM lake.usage
UNION ALL SELECT 'people', min(known_on) FROM lake.first_uses
UNION ALL SELECT 'account_days', min(known_on) FROM lake.account_days
UNION ALL SELECT 'first_features', min(known_on) FROM lake.first_features
UNION ALL SELECT kind, min(known_on) FROM lake.answers WHERE kind IN ('nps', 'csat', 'ces') GROUP BY kind
UNION ALL SELECT 'answers', min(known_on) FROM lake.answers
UNION ALL SELECT name, min(known_on) FROM lake.facts GROUP BY name
"""


def present(con: duckdb.DuckDBPyConnection, day: dt.date, mirrored: Mapping[str, pa.Table]) -> set[str]:
    """The sources that had any row of the vendor by the end of a day, which makes absent counts 0 instead of missing.

    For use also ``usage_people``, when there was any end user, and ``usage_core`` and its like, when a feature has that
    mark.
    """
    told = {source for (source,) in con.execute(_PRESENT, {"day": day}).fetchall()}
    return _present(told, mirrored)


def present_by_day(
    con: duckdb.DuckDBPyConnection, mirrored: Mapping[dt.date, Mapping[str, pa.Table]]
) -> dict[dt.date, set[str]]:
    """``present`` of many days, by their mirrored records."""
    since = [(source, day) for source, day in con.execute(_SINCE).fetchall() if day is not None]
    return {
        day: _present({source for source, first in since if first <= day}, tables)
        for day, tables in mirrored.items()
    }


def _present(told: set[str], mirrored: Mapping[str, pa.Table]) -> set[str]:
    found = {name for name, table in mirrored.items() if table.num_rows} | told
    found |= {source for source, name in _FACTS.items() if name in told}
    flags = mirrored["feature_flags"]
    marked = {only for only, flag in FLAGS.items() if pc.any(flags[flag]).as_py()}
    found |= {f"usage_{only}" for only in marked if "usage" in told}
    if "people" in told:
        found |= {"usage_people", "newcomers"} if "core" in marked else {"usage_people"}
    return found

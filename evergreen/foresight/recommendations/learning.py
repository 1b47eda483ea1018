"""The weekly round: what goes together, what helped, and how often the first three features named would have been taken up."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.base import queries as base
from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.customers.lines import NONE
from evergreen.events import store
from evergreen.foresight.expansion import cases, past
from evergreen.foresight.expansion.cases import EVERY_DAYS, History
from evergreen.foresight.recommendations import helped, together, touches
from evergreen.foresight.recommendations.helped import AFTER_DAYS, TAKEN_DAYS, Helped, Tried
from evergreen.foresight.recommendations.models import RecommendationLearning
from evergreen.foresight.recommendations.together import Together
from evergreen.metrics.analytics import adoption

if TYPE_CHECKING:
    import duckdb

Tell = Callable[[str, int, int], None]
_KEPT = 26
REFRESH_DAYS = 7
SHOWN = 3
_MONTHS = 6
_MOST_HELD = 5_000
# Of what state the change of use is explained by, before takers are compared with the others.
_STATE = ("active_users_28d", "events_28d", "features_used_28d", "stickiness", "contract_age_days")


def is_due(now: dt.datetime) -> bool:
    """Whether nothing was learned for a week."""
    since = now - dt.timedelta(days=REFRESH_DAYS)
    return not RecommendationLearning.objects.filter(made_at__gt=since).exists()


def learn(*, now: dt.datetime, by: User | None = None, tell: Tell | None = None) -> RecommendationLearning:
    """Learn from all that is known up to the vendor's yesterday and keep it."""
    today = base.vendor_day(now) - dt.timedelta(days=1)
    with store.session() as con:
        if tell:
            tell("users", 0, 4)
        users = together.of_users(con, today)
        if tell:
            tell("accounts", 1, 4)
        accounts = together.of_accounts(con, today)
        if tell:
            tell("effects", 2, 4)
        history = cases.read(con, today)
        effects = effects_of(con, history) if history is not None else []
        if tell:
            tell("hits", 3, 4)
        hits = backtest(con, today)
    made = RecommendationLearning.objects.create(
        day=today,
        made_at=now,
        report={
            "users": users.as_json(),
            "accounts": accounts.as_json(),
            "helped": {one.item: asdict(one) for one in effects},
            "touches": touches.counts(today),
            "backtest": hits,
        },
    )
    kept = RecommendationLearning.objects.values_list("pk", flat=True)[:_KEPT]
    RecommendationLearning.objects.exclude(pk__in=list(kept)).delete()
    audit("recommendations.learned", "recommendations", [made.pk], by=by, now=now, after={"day": str(today)})
    return made


def effects_of(con: duckdb.DuckDBPyConnection, history: History) -> list[Helped]:
    """What followed of every feature and touch that accounts took up: ``feature:KEY``, ``touch:KEY``."""
    standing = history.standing
    names, uses = past.use_of_features(con, standing.account, standing.day)
    users = np.log1p(np.nan_to_num(standing.figures["active_users_28d"]))
    change = helped.later(standing.account, standing.day, users, TAKEN_DAYS + AFTER_DAYS) - users
    state = np.column_stack([np.log1p(np.fmax(np.nan_to_num(standing.figures[key]), 0)) for key in _STATE])
    trend = np.clip(np.nan_to_num(standing.figures["events_trend"]), -1, 2)
    state = np.column_stack([state, trend, np.nan_to_num(standing.score, nan=70.0) / 100])
    tried = []
    for place, name in enumerate(names):
        sold = {key for key, edition in history.catalogue.editions.items() if name in edition.features}
        may = np.isin(standing.edition, [*sold, NONE]) & (uses[:, place] == 0)
        rows = np.flatnonzero(may)
        after = helped.later(standing.account, standing.day, uses[:, place], EVERY_DAYS)
        rows = rows[~np.isnan(after[rows])]
        tried.append(
            Tried(f"feature:{name}", standing.account[rows], state[rows], after[rows] > 0, change[rows])
        )
    for key, (account, on) in touches.held().items():
        had = _within(account, on, standing.account, standing.day, 0, TAKEN_DAYS)
        rows = np.flatnonzero(~_within(account, on, standing.account, standing.day, -TAKEN_DAYS, 0))
        tried.append(Tried(f"touch:{key}", standing.account[rows], state[rows], had[rows], change[rows]))
    return helped.helped(tried)


def _within(account: Any, on: Any, asked: Any, asked_on: Any, since: int, until: int) -> Any:
    """Whether something fell to each asked account after ``since`` days from its day, up to ``until``."""
    key = np.sort((account << 24) + on)
    low = np.searchsorted(key, (asked << 24) + asked_on + since, "right")
    return np.searchsorted(key, (asked << 24) + asked_on + until, "right") > low


def backtest(con: duckdb.DuckDBPyConnection, today: dt.date) -> dict[str, Any]:
    """Had three features been named four weeks and more ago: to how many was one named that they then began to use?

    Of the last six months that are over, for end users (by what they use and their role) and for accounts (by what they use,
    industry and tier): learned from what was known then, held against the 28 days after, those counted who began something. Beside
    it the three that most use, named to everybody alike.
    """
    first = con.execute("SELECT min(day) FROM lake.usage").fetchone()
    turns = [today - dt.timedelta(days=TAKEN_DAYS * turn) for turn in range(1, _MONTHS + 1)]
    days = [one for one in turns if first and first[0] and (one - first[0]).days >= TAKEN_DAYS * 2]
    told: dict[str, Any] = {"days": [str(one) for one in days], "shown": SHOWN}
    for whom, learned_on in (("users", together.of_users), ("accounts", together.of_accounts)):
        marks = _marks(whom)
        counts = np.zeros(3, np.int64)
        for one in days:
            counts += _held(con, one, learned_on(con, one), whom, marks)
        told[whom] = dict(zip(("asked", "hits", "popular"), counts.tolist(), strict=True))
    return told


_Subject = tuple[Any, ...]


def _held(
    con: duckdb.DuckDBPyConnection,
    on: dt.date,
    learned: Together,
    whom: str,
    marks: Mapping[_Subject, set[str]],
) -> Any:
    """Of one day: who began something, to how many one of it was named, and by popularity alone."""
    may: dict[int, set[str]] = {}
    for feature, accounts in adoption.entitled(on, None).items():
        for account in accounts:
            may.setdefault(account, set()).add(feature)
    parts = _parts(con, on) if whom == "users" else 1
    after = _known(con, on + dt.timedelta(days=TAKEN_DAYS), whom, parts)
    asked = hits = popular = 0
    for subject, has in _known(con, on, whom, parts).items():
        free = may.get(subject[0], set()) - has
        begun = after.get(subject, set()) & free
        if not begun:
            continue
        known = has | marks.get(subject[1:] if whom == "users" else subject, set())
        asked += 1
        hits += bool(begun & _first({name: learned.relevance(name, known)[0] for name in free}))
        popular += bool(begun & _first({name: learned.share(name) for name in free}))
    return np.array([asked, hits, popular])


def _marks(whom: str) -> dict[_Subject, set[str]]:
    found: dict[_Subject, set[str]] = {}
    if whom == "users":
        for source, key, mark in together.roles_told():
            found.setdefault((source, key), set()).add(mark)
        return found
    for account, mark in together.marks_told():
        found.setdefault((account,), set()).add(mark)
    return found


def _first(scores: Mapping[str, float]) -> set[str]:
    """The three of the greatest score."""
    return set(sorted(scores, key=lambda name: (-scores[name], name))[:SHOWN])


def _known(con: duckdb.DuckDBPyConnection, on: dt.date, whom: str, parts: int) -> dict[_Subject, set[str]]:
    """The features of the 28 days up to a day, by account, or by (account, source, end user) of a sample of the people."""
    keys = "account_id, source, end_user" if whom == "users" else "account_id"
    only = f" AND end_user IS NOT NULL AND hash(source, end_user) % {parts} = 0" if whom == "users" else ""
    rows = con.execute(
        f"SELECT {keys}, list(DISTINCT feature) FROM lake.usage WHERE feature IS NOT NULL AND count > 0 AND known_on <= ?"
        f" AND day <= ? AND day > ?::DATE - {TAKEN_DAYS}{only} GROUP BY {keys}",
        [on, on, on],
    ).fetchall()
    return {tuple(row[:-1]): set(row[-1]) for row in rows}


def _parts(con: duckdb.DuckDBPyConnection, on: dt.date) -> int:
    """Into how many parts people fall, so that one of them is about as many as are held against."""
    found = con.execute(
        f"SELECT approx_count_distinct(hash(source, end_user)) FROM lake.usage WHERE day <= ? AND day > ?::DATE - {TAKEN_DAYS}",
        [on, on],
    ).fetchone()
    return max(1, math.ceil((found[0] if found else 0) / _MOST_HELD))


def newest() -> RecommendationLearning | None:
    """The newest learning; None before the first."""
    return RecommendationLearning.objects.first()


def together_of(report: Mapping[str, Any], whom: str) -> Together:
    """What goes together among ``users`` or ``accounts``, from a report."""
    return Together.of_json(report.get(whom, {}))

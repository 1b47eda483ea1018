"""Reads of one account's history: its use by day and week, survey answers, what other systems told of it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from evergreen.events import store
from evergreen.events.warehouses.named import event_store


class DayOfUse(NamedTuple):
    """An account's use on a day (or in the week that begins with it): end users seen and uses counted."""

    day: dt.date
    users: int
    events: int


class UseOfDay(NamedTuple):
    """An account's use on one day: end users seen, uses counted, when the newest was and what."""

    users: int
    events: int
    newest_at: dt.datetime
    newest: str


class Answer(NamedTuple):
    """A survey answer: ``kind`` is nps, csat or ces; ``contact`` is an end user or contact id, if it was said."""

    at: dt.datetime
    kind: str
    contact: str | None
    score: float


class Told(NamedTuple):
    """An event about the account itself, such as ``account.churned``."""

    at: dt.datetime
    name: str
    properties: dict[str, Any]


class FeatureUse(NamedTuple):
    """A feature's use within a span: distinct end users, uses, the last day of it."""

    feature: str
    users: int
    events: int
    last_on: dt.date


def account_days(account_id: int, since: dt.date, until: dt.date) -> list[DayOfUse]:
    """Use by day from ``since`` to ``until``, both included; days without use are absent."""
    rows = store.reading().execute(
        "SELECT day, max(users)::BIGINT, sum(events)::BIGINT FROM lake.account_days"
        " WHERE account_id = ? AND day BETWEEN ? AND ? GROUP BY day ORDER BY day",
        [account_id, since, until],
    )
    return [DayOfUse(*row) for row in rows.fetchall()]


def account_weeks(account_id: int, since: dt.date, before: dt.date, limit: int) -> list[DayOfUse]:
    """Use by week (Monday first) of the newest weeks that began from ``since`` on and before a day.

    A week has the most users of one of its days and all of its uses.
    """
    rows = store.reading().execute(
        "SELECT date_trunc('week', day)::DATE AS week, max(users)::BIGINT, sum(events)::BIGINT"
        " FROM lake.account_days WHERE account_id = ? AND known_on >= ? AND day BETWEEN ? AND ?"
        " GROUP BY week HAVING week BETWEEN ? AND ? ORDER BY week DESC LIMIT ?",
        [account_id, since, since, before, since, before - dt.timedelta(days=1), limit],
    )
    return [DayOfUse(*row) for row in rows.fetchall()]


def use_of_day(account_id: int, day: dt.date, before: dt.datetime) -> UseOfDay | None:
    """An account's use on a day as it comes in, before any roll-up; None without any. For today: reads single events."""
    rows = event_store().rows(
        "SELECT count(DISTINCT CASE WHEN end_user IS NOT NULL THEN concat(source, chr(31), end_user) END), sum(count)::BIGINT,"
        " max(occurred_at), arg_max(name, occurred_at) FROM lake.events WHERE account_id = ? AND known_on >= ?"
        " AND day = ? AND occurred_at < ? AND kind IN ('track', 'page', 'screen', 'usage') AND count > 0"
        " HAVING count(*) > 0",
        [account_id, day, day, _naive(before)],
    )
    if not rows:
        return None
    users, events, newest_at, newest = rows[0]
    return UseOfDay(users, events, newest_at.replace(tzinfo=dt.UTC), newest)


def features_used(account_id: int, since: dt.date, until: dt.date) -> list[FeatureUse]:
    """Features used from ``since`` to ``until``, the most used first; rows that came later than that day count too."""
    rows = store.reading().execute(
        "SELECT feature, count(DISTINCT (source, end_user)), sum(count)::BIGINT AS uses, max(day)"
        " FROM lake.usage WHERE account_id = ? AND known_on >= ? AND day BETWEEN ? AND ? AND feature IS NOT NULL"
        " GROUP BY feature ORDER BY uses DESC, feature LIMIT 200",
        [account_id, since, since, until],
    )
    return [FeatureUse(*row) for row in rows.fetchall()]


def users_of_features(features: Sequence[str], since: dt.date) -> dict[int, frozenset[str]]:
    """Accounts that used one of some features on a day since, with the end users who did."""
    marks = ", ".join("?" for _ in features)
    rows = store.reading().execute(
        "SELECT account_id, list(DISTINCT end_user) FROM lake.usage"
        f" WHERE known_on >= ? AND day >= ? AND account_id IS NOT NULL AND feature IN ({marks}) GROUP BY account_id",
        [since, since, *features],
    )
    return {account: frozenset(one for one in users if one) for account, users in rows.fetchall()}


def answers(account_id: int, since: dt.date, before: dt.datetime, limit: int) -> list[Answer]:
    """Survey answers from a day on and before an instant, newest first."""
    rows = store.reading().execute(
        "SELECT occurred_at, kind, contact, score FROM lake.answers"
        " WHERE account_id = ? AND day >= ? AND occurred_at < ? ORDER BY occurred_at DESC LIMIT ?",
        [account_id, since, _naive(before), limit],
    )
    return [
        Answer(at.replace(tzinfo=dt.UTC), kind, contact, score)
        for at, kind, contact, score in rows.fetchall()
    ]


def told(
    account_id: int, names: Sequence[str], since: dt.date, before: dt.datetime, limit: int
) -> list[Told]:
    """Events with one of the names that became known since a day and happened before an instant, newest first."""
    marks = ", ".join("?" for _ in names)
    rows = event_store().rows(
        f"SELECT occurred_at, name, properties FROM lake.events WHERE account_id = ? AND name IN ({marks})"
        " AND known_on >= ? AND occurred_at < ? ORDER BY occurred_at DESC LIMIT ?",
        [account_id, *names, since, _naive(before), limit],
    )
    return [
        Told(at.replace(tzinfo=dt.UTC), name, json.loads(said) if said else {}) for at, name, said in rows
    ]


def _naive(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(tzinfo=None)


def newest_told(
    account_ids: Sequence[int], name: str, since: dt.date, until: dt.date
) -> dict[int, dict[str, Any]]:
    """Of each account the properties of its newest event of a name that became known between two days."""
    if not account_ids:
        return {}
    marks = ", ".join("?" for _ in account_ids)
    rows = event_store().rows(
        "SELECT account_id, arg_max(properties, occurred_at) FROM lake.events"
        f" WHERE name = ? AND known_on BETWEEN ? AND ? AND account_id IN ({marks}) GROUP BY account_id",
        [name, since, until, *account_ids],
    )
    return {key: json.loads(said) if said else {} for key, said in rows}


def answers_between(first: dt.date, last: dt.date) -> list[tuple[int, str, str | None, float, dt.date]]:
    """(account, kind, contact, score, day) of every answer from a day up to before another, the oldest first."""
    rows = store.reading().execute(
        "SELECT account_id, kind, contact, score, day FROM lake.answers WHERE day >= ? AND day < ? ORDER BY occurred_at",
        [first, last],
    )
    return rows.fetchall()


def answers_told(
    name: str, first: dt.date, last: dt.date, account: int | None = None
) -> list[tuple[int, str, str, dt.datetime, dict[str, Any]]]:
    """(account, name, source and message id, when, properties) of the answers from a day up to before another, of one account or all, in
    their order. The days on which answers became known are looked up first: only those of the events are read."""
    only = "" if account is None else " AND account_id = ?"
    mine = [] if account is None else [account]
    known = store.reading().execute(
        f"SELECT DISTINCT known_on FROM lake.answers WHERE day >= ? AND day < ?{only}", [first, last, *mine]
    )
    days = [row[0] for row in known.fetchall()]
    if not days:
        return []
    marks = ", ".join("?" for _ in days)
    rows = event_store().rows(
        "SELECT account_id, name, source, message_id, occurred_at, properties FROM lake.events"
        f" WHERE name = ? AND known_on IN ({marks}) AND account_id IS NOT NULL{only} ORDER BY occurred_at, source, message_id",
        [name, *days, *mine],
    )
    return _told(rows)


def arrived(
    names: Sequence[str], since: dt.datetime, until: dt.datetime
) -> list[tuple[int, str, str, dt.datetime, dict[str, Any]]]:
    """(account, name, source and message id, when it happened, properties) of matched live events that arrived in a span, as
    they came; history that was loaded is left out.
    """
    if not names:
        return []
    marks = ", ".join("?" for _ in names)
    rows = event_store().rows(
        "SELECT account_id, name, source, message_id, occurred_at, properties FROM lake.events"
        f" WHERE name IN ({marks}) AND known_on >= ? AND received_at >= ? AND received_at < ?"
        " AND NOT backfilled AND account_id IS NOT NULL ORDER BY received_at",
        [*names, (since - dt.timedelta(days=1)).date(), _naive(since), _naive(until)],
    )
    return _told(rows)


def happened(
    names: Sequence[str], since: dt.datetime, until: dt.datetime
) -> list[tuple[int, str, str, dt.datetime, dict[str, Any]]]:
    """As ``arrived``, of matched events that happened in a span, loaded history too, in the order in which they happened."""
    if not names:
        return []
    marks = ", ".join("?" for _ in names)
    rows = event_store().rows(
        "SELECT account_id, name, source, message_id, occurred_at, properties FROM lake.events"
        f" WHERE name IN ({marks}) AND occurred_at >= ? AND occurred_at < ?"
        " AND account_id IS NOT NULL ORDER BY occurred_at, source, message_id",
        [*names, _naive(since), _naive(until)],
    )
    return _told(rows)


def occurrences(
    names: Sequence[str], since: dt.datetime, until: dt.datetime, *, as_arrived: bool
) -> list[tuple[int, str, str, dt.datetime, dict[str, Any]]]:
    """(account, name, end user or empty, when it happened, properties) of matched events by their time: ``as_arrived`` live ones that
    came in within the span, else those that happened in it, loaded history too.
    """
    if not names:
        return []
    marks = ", ".join("?" for _ in names)
    bound: list[Any] = [_naive(since), _naive(until)]
    when = "occurred_at >= ? AND occurred_at < ?"
    if as_arrived:
        when = "received_at >= ? AND received_at < ? AND known_on >= ? AND NOT backfilled"
        bound.append((since - dt.timedelta(days=1)).date())
    rows = event_store().rows(
        "SELECT account_id, name, end_user, occurred_at, properties FROM lake.events"
        f" WHERE name IN ({marks}) AND {when} AND account_id IS NOT NULL ORDER BY occurred_at",
        [*names, *bound],
    )
    return [
        (account, name, who or "", at.replace(tzinfo=dt.UTC), json.loads(said) if said else {})
        for account, name, who, at, said in rows
    ]


def _told(rows: Iterable[tuple[Any, ...]]) -> list[tuple[int, str, str, dt.datetime, dict[str, Any]]]:
    return [
        (account, name, f"{source}:{message}", at.replace(tzinfo=dt.UTC), json.loads(said) if said else {})
        for account, name, source, message, at, said in rows
    ]

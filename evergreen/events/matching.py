"""Events that wait for their account: given to it as soon as their key or their end user names one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from django.db.models import Count, Max

from evergreen.base import env
from evergreen.base.changes import batches
from evergreen.customers.models import Account, ExternalId, Tenant
from evergreen.events import arrivals, identity, store
from evergreen.events.identity.rules import ALWAYS, NEVER
from evergreen.events.models import EndUser, UnsettledKey
from evergreen.events.warehouses.named import event_store

if TYPE_CHECKING:
    import duckdb

_MATCHES = pa.schema(
    [
        pa.field("source", pa.string()),
        pa.field("account_key", pa.string()),
        pa.field("end_user", pa.string()),
        pa.field("since", pa.int64()),
        pa.field("before", pa.int64()),
        pa.field("account_id", pa.int64()),
        pa.field("tenant", pa.string()),
        pa.field("settles", pa.bool_()),
    ]
)
_WAITING = """
SELECT DISTINCT source, account_key, CASE WHEN account_key IS NULL THEN end_user END FROM lake.events
WHERE account_id IS NULL AND (account_key IS NOT NULL OR end_user IS NOT NULL)
"""
_KEYS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Matched:
    """How many waiting events found their account, and on how many known days (which are rolled up again)."""

    events: int
    days: int


def match_waiting_events(
    con: duckdb.DuckDBPyConnection, *, now: dt.datetime, home: env.Home | None = None
) -> Matched:
    """Give events to the accounts that their keys and end users name now, in one transaction of its own.

    Events that wait for an account are looked at, and those of end users and keys that were unsettled: told
    of later as of another account at the time, assigned, or no longer assigned.

    ``con`` is a writer's connection. Each touched known day gets an arrival of 0 rows, which makes it stale
    for the night.
    """
    home = home or env.home()
    unsettled = _Unsettled.now()
    identity.find_accounts_of_end_users(set(unsettled.keys.values()))
    matches = _matches(unsettled)
    found = Matched(0, 0)
    if matches.num_rows:
        found = _rewrite(con, matches, home, now)
    unsettled.settle()
    return found


def names_changed() -> tuple[object, ...]:
    """Something that differs after accounts, their ids, tenants or end users were added, renamed or unsettled."""
    newest = EndUser.objects.aggregate(newest=Max("known_at"))["newest"]
    unsettled = EndUser.objects.filter(unsettled_us__isnull=False)
    counted = (
        model.objects.aggregate(n=Count("pk"), last=Max("pk"))
        for model in (Account, ExternalId, Tenant, UnsettledKey)
    )
    return (
        newest,
        unsettled.count(),
        identity.are_wanted_by_email(),
        *((row["n"], row["last"]) for row in counted),
    )


def unsettle_keys(keys: Iterable[str], *, now: dt.datetime) -> None:
    """Have events that carry one of the keys looked at again: it names another account now, or none."""
    UnsettledKey.objects.bulk_create([UnsettledKey(account_key=key, asked_at=now) for key in keys])


@dataclass(frozen=True, slots=True)
class _Unsettled:
    """End users and account keys whose stored events may be another account's by now, as the records say."""

    people: dict[int, tuple[str, str, int]]  # row: source, id, from which time on
    keys: dict[int, str]

    @classmethod
    def now(cls) -> _Unsettled:
        people = EndUser.objects.filter(unsettled_us__isnull=False)
        return cls(
            {pk: rest for pk, *rest in people.values_list("pk", "source__name", "key", "unsettled_us")},  # type: ignore[misc]  # three columns
            dict(UnsettledKey.objects.values_list("pk", "account_key")),
        )

    def settle(self) -> None:
        """Forget what was looked at, unless it was unsettled again since."""
        for pk, (_, _, since) in self.people.items():
            EndUser.objects.filter(pk=pk, unsettled_us=since).update(unsettled_us=None)
        for chunk in batches(self.keys):
            UnsettledKey.objects.filter(pk__in=chunk).delete()


def _rewrite(con: duckdb.DuckDBPyConnection, matches: pa.Table, home: env.Home, now: dt.datetime) -> Matched:
    with arrivals.appending(home), store.transaction(con, home):
        days = event_store(home).match(con, matches)
        _mark(con, days, now)
    return Matched(sum(days.values()), len(days))


def _mark(con: duckdb.DuckDBPyConnection, days: Iterable[dt.date], now: dt.datetime) -> None:
    """Have known days rolled up again."""
    origin = f"match:{now.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
    for known_on in days:
        con.execute("INSERT INTO lake.arrivals VALUES (?, ?, 0)", [known_on, origin])


def _matches(unsettled: _Unsettled) -> pa.Table:
    """Where waiting and unsettled (source, account key, end user) belong now, each with the time it holds for."""
    waiting = event_store().rows(_WAITING)
    keys = {(source, key) for source, key, _ in waiting if key}
    again = _carried(set(unsettled.keys.values()))
    persons = {(source, person) for source, key, person in waiting if not key}
    moved = {(source, person): since for source, person, since in unsettled.people.values()}
    renamed = set(unsettled.keys.values())
    moved |= dict.fromkeys(identity.people_of(renamed) | identity.people_under(renamed), ALWAYS)
    timelines = identity.timelines_of(persons | moved.keys())
    domains = identity.domain_keys_of((persons | moved.keys()) - timelines.keys())
    wanted = {(source, step.account_key) for (source, _), line in timelines.items() for step in line.steps}
    wanted |= {(source, key) for (source, _), key in domains.items()}
    found = identity.places(keys | again | wanted)
    rows: list[tuple[object, ...]] = []
    for source, key in keys | again:
        if (place := found.get((source, key))) is not None or (source, key) in again:
            rows.append((source, key, None, ALWAYS, NEVER, *_told(place), (source, key) in again))
    for source, person in persons | moved.keys():
        line = timelines.get((source, person))
        from_ = moved.get((source, person), NEVER)
        for since, before, key in (
            line.spans() if line is not None else [(ALWAYS, NEVER, domains.get((source, person), ""))]
        ):
            place = found.get((source, key))
            if place is not None:
                rows.append((source, None, person, since, before, *_told(place), False))
            if before > from_:
                rows.append((source, None, person, max(since, from_), before, *_told(place), True))
    return pa.Table.from_pylist([dict(zip(_MATCHES.names, row, strict=True)) for row in rows], _MATCHES)


def _told(place: identity.Place | None) -> tuple[int | None, str]:
    return (None, "") if place is None else place


def _carried(keys: set[str]) -> set[identity.Key]:
    """Which sources sent events with the keys."""
    if not keys:
        return set()
    found: set[identity.Key] = set()
    for number in range(0, len(keys), _KEYS_AT_ONCE):
        chunk = sorted(keys)[number : number + _KEYS_AT_ONCE]
        asked = ", ".join("?" for _ in chunk)
        sql = f"SELECT DISTINCT source, account_key FROM lake.events WHERE account_key IN ({asked})"
        found |= set(event_store().rows(sql, list(chunk)))
    return found

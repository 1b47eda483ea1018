"""What a rule would have opened and closed over past nights, and how many of those accounts were lost after."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from evergreen.alerts import rules
from evergreen.alerts.firing import Occurrence, Watch, firings
from evergreen.alerts.models import Rule
from evergreen.alerts.trying import past
from evergreen.alerts.usage import USAGE_RULE
from evergreen.base.clock import day_end, day_start, local_day
from evergreen.base.conditions import checked, fields_of, from_data
from evergreen.base.queries import vendor_zone
from evergreen.customers.line_reading import read_endings
from evergreen.customers.lines import Ints, day, number
from evergreen.customers.models import Account
from evergreen.events.queries import occurrences
from evergreen.metrics.queries import snapshot_span
from evergreen.metrics.segments import fields as catalogue

if TYPE_CHECKING:
    import duckdb

DAYS = 90


@dataclass(frozen=True, slots=True)
class Night:
    """Alerts that would have opened on a night, and those open at its end."""

    day: dt.date
    opened: int
    open: int


@dataclass(frozen=True, slots=True)
class Trial:
    """``accounts`` with at least one alert, of ``of`` accounts; ``open_now`` those whose alert would be open on the last night.

    ``lost`` of the accounts with an alert were lost after it, ``lost_others`` of the others within the span.
    ``assumed`` are fields taken as they stand now.
    """

    nights: tuple[Night, ...]
    opened: int
    accounts: int
    of: int
    open_now: tuple[int, ...]
    open_arr_cents: int
    lost: int
    lost_others: int
    assumed: tuple[str, ...]


def trial(con: duckdb.DuckDBPyConnection, rule: Rule, *, days: int = DAYS) -> Trial | None:
    """Hold a rule (saved or not) against the newest ``days`` nights; None before the first snapshot. What people closed in the
    meantime is not known to it: an alert stays until its condition is gone.

    Raises ConditionError for a condition that cannot be read.
    """
    span = snapshot_span(con)
    if span is None:
        return None
    last = span.newest
    first = last - dt.timedelta(days=days - 1)
    nights = past.nights(con, first, last)
    assumed: tuple[str, ...] = ()
    if rule.is_condition:
        fields = catalogue.all_fields()
        tree = checked(from_data(rule.condition), fields)
        assumed = tuple(past.known_fields(fields_of(tree), catalogue.metric_of()))
        account, on = past.held(con, tree, fields, first, last)
        lives = _lives(zip(account.tolist(), on.tolist(), strict=True), nights, rule.clear_nights)
    elif rule.is_event:
        lives = _fired(rule, first, last, nights)
    else:
        lives = _detected(con, rule, first, last, nights)
    return _told(con, list(lives), nights, assumed)


def _lives(
    held: Iterable[tuple[int, int]], nights: Ints, clear_nights: int
) -> Iterator[tuple[int, int, int]]:
    """(account, opened, the last night it was open) of each alert, from the nights on which the condition held."""
    seen = nights.tolist()
    place = {one: at for at, one in enumerate(seen)}
    for account, rows in groupby(held, itemgetter(0)):
        opened = newest = -1
        for _account, on in rows:
            at = place[on]
            if opened >= 0 and (over := _over(seen, newest, at, clear_nights)) is not None:
                yield account, seen[opened], seen[over]
                opened = at
            elif opened < 0:
                opened = at
            newest = at
        over = _over(seen, newest, len(seen), clear_nights)
        yield account, seen[opened], seen[-1] if over is None else seen[over]


def _over(seen: list[int], newest: int, before: int, clear_nights: int) -> int | None:
    """The last night on which an alert was open whose condition held last on night ``newest``, where it closed ahead of night
    ``before``; else None.
    """
    gone = newest + 1
    if gone >= before:
        return None
    closes = bisect_left(seen, seen[gone] + clear_nights - 1, lo=gone)
    return closes - 1 if closes < before else None


def _detected(
    con: duckdb.DuckDBPyConnection, rule: Rule, first: dt.date, last: dt.date, nights: Ints
) -> Iterator[tuple[int, int, int]]:
    """As ``_lives``, by a shipped detector, which is told whether its alert is open."""
    shipped = rules.SHIPPED[rule.key]
    params = {**shipped.params, **rule.params}
    for account, rows in past.facts(con, first, last, with_use=rule.key == USAGE_RULE):
        opened = newest = -1
        for on, known in rows:
            if shipped.holds(known, params, opened >= 0) is not None:
                opened, newest = on if opened < 0 else opened, on
            elif opened >= 0:
                yield account, opened, newest
                opened = -1
        if opened >= 0:
            yield account, opened, newest


def _fired(rule: Rule, first: dt.date, last: dt.date, nights: Ints) -> Iterator[tuple[int, int, int]]:
    """As ``_lives``, by an event rule: each firing opens an alert or keeps it open, until it was quiet for the rule's nights."""
    watch, zone = Watch.of(rule.params), vendor_zone()
    rows = occurrences([watch.event], day_start(first, zone), day_end(last, zone), as_arrived=False)
    heard: dict[int, list[Occurrence]] = defaultdict(list)
    for account, name, who, at, said in rows:
        if watch.takes(name, said):
            heard[account].append(Occurrence(at, who))
    gone, seen = past.gone_since(), nights.tolist()
    for account in sorted(heard):
        # An alert that is open is only refreshed: the rest after a firing matters once it is closed.
        fired = [
            number(local_day(one.at, zone))
            for one in firings(replace(watch, cool_down_hours=0), heard[account])
        ]
        held = sorted({(account, on) for on in fired if on in set(seen) and on < gone.get(account, on + 1)})
        rest = watch.cool_down_hours // 24
        closed = -1
        for _account, opened, over in _lives(held, nights, rule.clear_nights):
            if closed < 0 or opened > closed + rest:
                yield account, opened, over
                closed = over


def _told(
    con: duckdb.DuckDBPyConnection, lives: list[tuple[int, int, int]], nights: Ints, assumed: tuple[str, ...]
) -> Trial:
    opens = Counter(opened for _account, opened, _last in lives)
    ends = Counter(last for _account, _opened, last in lives)
    told, standing = [], 0
    for on in nights.tolist():
        standing += opens[on]
        told.append(Night(day(on), opens[on], standing))
        standing -= ends[on]
    newest = int(nights[-1])
    arr = dict(Account.objects.order_by().values_list("pk", "arr_base_cents"))
    open_now = sorted(
        {account for account, _o, last in lives if last == newest}, key=lambda pk: (-(arr.get(pk) or 0), pk)
    )
    firsts: dict[int, int] = defaultdict(lambda: newest + 1)
    for account, opened, _last in lives:
        firsts[account] = min(firsts[account], opened)
    begun = day(int(nights[0]))
    known = set(_accounts(con, begun, day(newest)).tolist())
    ended = read_endings(begun, day(newest))
    lost = {
        int(account): int(on)
        for account, on, is_lost in zip(ended.account, ended.on, ended.is_lost, strict=True)
        if is_lost and number(begun) <= on <= newest
    }
    return Trial(
        nights=tuple(told),
        opened=len(lives),
        accounts=len(firsts),
        of=len(known | firsts.keys()),
        open_now=tuple(open_now),
        open_arr_cents=sum(arr.get(pk) or 0 for pk in open_now),
        lost=sum(lost[pk] >= opened for pk, opened in firsts.items() if pk in lost),
        lost_others=sum(pk not in firsts and pk in known for pk in lost),
        assumed=assumed,
    )


def _accounts(con: duckdb.DuckDBPyConnection, first: dt.date, last: dt.date) -> Ints:
    """Everybody who had a snapshot in a span."""
    found = con.execute(
        "SELECT DISTINCT account_id FROM lake.snapshots WHERE tenant = '' AND day BETWEEN ? AND ?",
        [first, last],
    ).fetchnumpy()
    return np.asarray(found["account_id"], np.int64)

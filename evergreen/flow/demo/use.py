"""What the end users do, month by month, as tables of events. No loop over events: numpy draws a month at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.flow.demo.catalogue import (
    FEATURE_PLACE,
    FEATURES,
    LOG_IN,
    ROLES,
    SOURCE,
    Shown,
    held_by,
    use_weights,
)
from evergreen.flow.demo.extent import ZONE, Extent, Floats, Whole, logistic
from evergreen.flow.demo.feeling import Feelings
from evergreen.flow.demo.market import Company
from evergreen.flow.demo.people import People
from evergreen.flow.demo.terms import Life

# By role: log-odds of being at it on a working day when satisfaction is good, and things done on such a day.
_ODDS = np.array([0.8, 0.5, 0.7, 0.4, 0.6, -0.6, -1.3, -1.5], np.float32)
_DEEDS = np.array([2.2, 1.6, 2.0, 1.7, 2.0, 1.0, 0.7, 0.7], np.float32)
_FINANCE = np.isin(np.arange(len(ROLES)), [0, 1, 5])
_GOOD = 0.75
_LOGS_IN = 0.5
_PLATFORMS = ("web", "ios", "android", "wechat")
_TAX = FEATURE_PLACE["tax_filing"]
_SHOWN: tuple[Shown, ...] = (LOG_IN, *(shown for feature in FEATURES for shown in feature.events))
_REPORTS = ("", *sorted({shown.report for shown in _SHOWN if shown.report}))
_REPORT_OF = np.array([_REPORTS.index(shown.report) for shown in _SHOWN])
_FIRST_SHOWN = np.cumsum([1] + [len(feature.events) for feature in FEATURES[:-1]])
_MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class World:
    """All that the events come from. ``presence`` is accounts × days."""

    book: Sequence[Company]
    lives: Sequence[Life]
    felt: Feelings
    presence: Floats
    people: People
    ids: Whole  # the account rows' keys by place


def months(world: World, extent: Extent) -> Iterator[tuple[int, pa.Table]]:
    """(number of the first event, table after ``arrivals.EVENT_SCHEMA``) of each calendar month, oldest first."""
    offered = _offered(world, extent)
    first = 0
    for start, end in _spans(extent):
        table = _month(world, extent, offered, start, end, first)
        if table.num_rows:
            yield first, table
        first += table.num_rows


def _spans(extent: Extent) -> list[tuple[int, int]]:
    turns = [i for i in range(extent.days) if extent.day(i).day == 1]
    edges = sorted({0, *turns, extent.days})
    return list(pairwise(edges))


def _month(world: World, extent: Extent, offered: Floats, start: int, end: int, first: int) -> pa.Table:
    chance = extent.chance(f"use {extent.day(start)}")
    who, day = np.nonzero(
        chance.random((len(world.people.keys), end - start)) < _odds(world, extent, start, end)
    )
    day += start
    account, role = world.people.account[who], world.people.role[who]
    content = world.felt.share[account, day]
    # The log-in comes first, unless the browser still knows the person; then what was done.
    logs_in = chance.random(len(who)) < _LOGS_IN
    deeds = logs_in + 1 + chance.poisson(_DEEDS[role] * (0.3 + 0.95 * content))
    at = np.repeat(np.arange(len(who)), deeds)
    place = np.arange(len(at)) - np.repeat(np.cumsum(deeds) - deeds, deeds)
    weights = _feature_weights(world, extent, offered, start, end)
    shown = _what(
        chance, weights, account[at], role[at], day[at], extent, world, is_log_in=(place == 0) & logs_in[at]
    )
    times, seconds = _when(chance, extent, day, at, place, who)
    order = np.argsort(times, kind="stable")
    platform = _platforms(chance, role, who)[at]
    return _table(
        world,
        first,
        who[at][order],
        shown[order],
        times[order],
        seconds[order],
        platform[order],
    )


def _odds(world: World, extent: Extent, start: int, end: int) -> Floats:
    """The chance of each person to be at it on each day of the span."""
    crowd = world.people
    days = np.arange(start, end)
    early = np.array([extent.day(d).day <= 15 for d in range(start, end)])
    content = world.felt.share[:, start:end][crowd.account]
    odds = logistic(_ODDS[crowd.role][:, None] + crowd.eager[:, None] + 2.4 * (content - _GOOD))
    odds *= logistic((content - crowd.stops_below[:, None]) / 0.03)
    here = (days >= crowd.since[:, None]) & (days < crowd.until[:, None]) & crowd.seat[:, start:end]
    settling = np.clip(0.45 + (days - crowd.since[:, None]) / 25, 0, 1)
    weekend = np.array([company.trade.weekend for company in world.book], np.float32)[crowd.account]
    worked = np.where(extent.working[start:end], 1, weekend[:, None])
    odds *= np.where(_FINANCE[crowd.role][:, None] & ~early, 0.93, 1)
    return np.asarray(
        odds * here * settling * worked * extent.season[start:end] * world.presence[crowd.account, start:end],
        np.float32,
    )


def _offered(world: World, extent: Extent) -> Floats:
    """Accounts × features: what the edition holds, with a liking drawn once; above 1 means never taken up."""
    liking = extent.chance("liking").random((len(world.book), len(FEATURES))).astype(np.float32)
    for company, life in zip(world.book, world.lives, strict=True):
        edition = life.terms[-1].edition if life.terms else company.edition
        held = {feature.key for feature in held_by(edition)}
        liking[company.place, [feature.key not in held for feature in FEATURES]] = 9
    return liking


def _feature_weights(world: World, extent: Extent, offered: Floats, start: int, end: int) -> Floats:
    """(accounts × roles) × features, running totals: how likely each feature is next. Discontent sheds features."""
    content = world.felt.share[:, start:end].mean(axis=1)[:, None]
    core = np.array([feature.is_core for feature in FEATURES])
    advanced = np.array([feature.is_advanced for feature in FEATURES])
    reach = np.where(
        core, 0.6 + 0.5 * content, np.where(advanced, -0.15 + 0.85 * content, 0.2 + 0.8 * content)
    )
    taken = (offered < reach).astype(np.float32)
    weights = use_weights()[None, :, :] * taken[:, None, :] + 1e-6 * (offered < 2)[:, None, :]
    return np.asarray(weights.reshape(-1, len(FEATURES)), np.float32)


def _what(
    chance: np.random.Generator, weights: Floats, account: Whole, role: Whole, day: Whole, extent: Extent, world: World,
    *, is_log_in: npt.NDArray[np.bool_],
) -> Whole:  # fmt: skip
    """The event of every deed, as a place in _SHOWN."""
    before_fifteenth = np.array([extent.day(d).day <= 15 for d in range(extent.days)])[day]
    drawn = chance.random(len(account)).astype(np.float32)
    feature = np.zeros(len(account), np.int64)
    for early in (True, False):
        mine = before_fifteenth == early
        scaled = weights.copy()
        scaled[:, _TAX] *= 3.5 if early else 0.25
        total = scaled.cumsum(axis=1)
        rows = total[account[mine] * len(ROLES) + role[mine]]
        feature[mine] = np.minimum(
            (rows < (drawn[mine] * rows[:, -1])[:, None]).sum(axis=1), len(FEATURES) - 1
        )
    feature = _shed(chance, feature, account, day, extent, world)
    second = chance.random(len(account)) < np.array([_second_share(f.events) for f in FEATURES])[feature]
    shown = np.asarray(_FIRST_SHOWN[feature] + second, np.int64)
    shown[is_log_in] = 0
    return shown


def _second_share(events: tuple[Shown, ...]) -> float:
    return events[1].weight / (events[0].weight + events[1].weight) if len(events) > 1 else 0.0


def _shed(
    chance: np.random.Generator, feature: Whole, account: Whole, day: Whole, extent: Extent, world: World
) -> Whole:
    """Where a star's story says so, most of its people turn from a feature to exporting and doing it by hand."""
    for company in world.book:
        if company.star is None or company.star.lost_feature is None:
            continue
        key, ago, stays = company.star.lost_feature
        hit = (account == company.place) & (feature == FEATURE_PLACE[key]) & (day >= extent.ago(ago))
        hit &= chance.random(len(feature)) >= stays
        feature[hit] = FEATURE_PLACE["exports"]
    return feature


def _when(
    chance: np.random.Generator, extent: Extent, day: Whole, at: Whole, place: Whole, who: Whole
) -> tuple[Whole, Floats]:
    """UTC microseconds and seconds of use: one or two sittings a day, things done some minutes apart."""
    count = len(day)
    habit = np.random.default_rng([extent.seed, 7]).normal(0, 22, int(who.max(initial=0)) + 1)[who]
    morning = chance.random(count) < 0.66
    start = (
        np.where(morning, chance.normal(9 * 60 + 12, 28, count), chance.normal(13 * 60 + 50, 45, count))
        + habit
    )
    gap = chance.exponential(11, len(at)) + np.where(chance.random(len(at)) < 0.12, 75, 0) + 0.4
    gap[place == 0] = 0
    passed = np.cumsum(gap)
    passed -= np.repeat(passed[place == 0], np.bincount(at, minlength=count))
    minute = np.clip(start[at] + passed, 6 * 60, 23 * 60 + 40)
    epoch = (extent.first - dt.date(1970, 1, 1)).days
    offset = dt.datetime.combine(extent.first, dt.time(), ZONE).utcoffset() or dt.timedelta()
    local = (
        (epoch + day[at]).astype(np.int64) * 86_400
        + (minute * 60).astype(np.int64)
        - int(offset.total_seconds())
    )
    times = local * _MICRO + chance.integers(0, _MICRO, len(at))
    return times, np.where(place == 0, 0, np.minimum(chance.exponential(95, len(at)), 1500)).astype(
        np.float32
    )


def _platforms(chance: np.random.Generator, role: Whole, who: Whole) -> Whole:
    """Bosses and managers are often on the phone, the others sit at a desk."""
    mobile = np.where(np.isin(role, [5, 6]), 0.5, 0.08)
    phone = 1 + who % 3
    return np.where(chance.random(len(role)) < mobile, phone, 0)


def _table(
    world: World, first: int, who: Whole, shown: Whole, times: Whole, seconds: Floats,
    platform: Whole,
) -> pa.Table:  # fmt: skip
    count = len(who)
    crowd = world.people
    carried = [
        f'{{"role":"{role}","platform":"{p}"' + (f',"report":"{report}"}}' if report else "}")
        for report in _REPORTS
        for role in ROLES
        for p in _PLATFORMS
    ]
    properties = (_REPORT_OF[shown] * len(ROLES) + crowd.role[who]) * len(_PLATFORMS) + platform
    moments = pa.array(times, pa.timestamp("us"))
    numbers = pc.cast(pa.array(np.arange(first, first + count)), pa.string())
    return pa.table(
        {
            "source": _words([SOURCE], np.zeros(count, np.int64)),
            "kind": _words([s.kind for s in _SHOWN], shown),
            "name": _words([s.name for s in _SHOWN], shown),
            "account_id": pa.array(world.ids[crowd.account[who]]),
            "tenant": _words(crowd.tenant, who),
            "account_key": _words([c.key for c in world.book], crowd.account[who]),
            "end_user": _words(crowd.keys, who),
            "occurred_at": moments,
            "received_at": moments,
            "known_at": moments,
            "count": pa.array(np.ones(count, np.int64)),
            "seconds": pa.array(seconds.astype(np.float64)),
            "properties": _words(carried, properties),
            "message_id": pc.binary_join_element_wise(pa.scalar("demo"), numbers, "-"),
            "backfilled": pa.array(np.ones(count, np.bool_)),
        }
    )


def _words(words: Sequence[str], places: Whole) -> pa.Array:
    return pa.DictionaryArray.from_arrays(
        pa.array(places, pa.int32()), pa.array(list(words), pa.string())
    ).cast(pa.string())

"""The group ``metrics``: every metric against the slow and obvious calculation, thousands of times, in twelve time zones.

An account is a data set, drawn from its number and the seed (``tests/metrics/oracle``); a batch of them shares an empty
installation and one snapshot. What a test finds wrong names the account, the metric and both values.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.torture.reports import Sizes
from tests.torture.resuming import Part, Test

if TYPE_CHECKING:
    from tests.metrics.oracle.world import World

ACCOUNTS = 250
_NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
_SHOWN = 5


def _batches(part: Part, batches: int, accounts: int, case: Callable[[int], Iterable[str]]) -> None:
    """Do what is left of so many batches; each begins on an empty installation and counts its accounts."""
    home = _prepared(part.folder.parent)
    # Fewer rounds than usual try the harness: as many batches.
    if part.sizes.rounds < Sizes(0).rounds:
        batches = min(batches, part.sizes.rounds)
    done = part.marks.get("batches", 0)
    for number in range(done, batches):
        _emptied(home, part.folder.parent / "empty")
        found = list(case(number))
        part.report.failures += [f"batch {number}: {wrong}" for wrong in found[:_SHOWN]]
        part.marks["batches"] = number + 1
        part.figures = {"batches": number + 1, "accounts a batch": accounts}
        part.case_done(accounts)


def equals(part: Part) -> None:
    """MET-01, 02, 11: 5,000 data sets in each of twelve zones equal the calculation, on the day and on one before."""
    _prepared(part.folder.parent)
    from tests.metrics.oracle.making import ZONES

    zones = list(ZONES)
    batches = 5_000 // ACCOUNTS * len(zones)

    def case(number: int) -> Iterable[str]:
        from evergreen.events import store
        from tests.metrics.oracle.comparing import snapshot, wrong

        seed = _seed(part, number)
        world = _world(zones[number % len(zones)], seed, ACCOUNTS)
        past = world.day - dt.timedelta(days=random.Random(seed).randrange(1, 60))
        with store.session() as con:
            for day in (world.day, past):
                yield from wrong(world, day, snapshot(con, day))

    _batches(part, batches, ACCOUNTS, case)


def incremental(part: Part) -> None:
    """MET-03: 1,000 histories arrive in any order, late, twice, some accounts are erased, merged and given back between
    the nights; in the end all is as a full build has it, bit by bit."""
    accounts = 100

    def case(number: int) -> Iterable[str]:
        from evergreen.events import rollup, store
        from tests.metrics.oracle.comparing import differing, snapshot, wrong
        from tests.metrics.oracle.loading import append

        chance = random.Random(_seed(part, number))
        world = _world(_zone(number), _seed(part, number), accounts, events=False)
        events = [(told.pk, event) for told in world.accounts for event in told.events]
        again = [(pk, replace(event, count=99)) for pk, event in chance.sample(events, len(events) // 10)]
        chance.shuffle(events)
        cuts = sorted(chance.sample(range(len(events)), 3))
        parts = [events[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)]
        erased = chance.sample(world.accounts, 5)
        with store.session() as con:
            for place, batch in enumerate(parts):
                append(world, batch + (again if place == 3 else []), in_order=False)
                rollup.roll_up(con, world.day - dt.timedelta(days=chance.choice((0, 1, 30))))
                if place == 1:
                    _merged_and_back(con, chance, world)
            for told in erased:
                _erase(told.pk)
                told.events = []
            nights = snapshot(con, world.day)
            yield from wrong(world, world.day, nights)
            rollup.mark_stale(con, dt.date(2005, 1, 1))
            yield from differing(nights, snapshot(con, world.day))

    _batches(part, 10, accounts, case)


def as_known(part: Part) -> None:
    """MET-04: the figures of 500 nights, taken as the arrivals came in, are what a reading after all of them says; later
    tickets, contracts and answers change none."""
    accounts, nights = 200, 25

    def case(number: int) -> Iterable[str]:
        from evergreen.events import store
        from tests.metrics.oracle.comparing import differing, snapshot
        from tests.metrics.oracle.loading import append
        from tests.metrics.oracle.poison import poisoned

        world = _world(_zone(number), _seed(part, number), accounts, events=False)
        waiting = sorted(
            ((told.pk, event) for told in world.accounts for event in told.events),
            key=lambda row: row[1].known,
        )
        stood = {}
        with store.session() as con:
            for back in reversed(range(nights)):
                day = world.day - dt.timedelta(days=back)
                end = world.midnight(day + dt.timedelta(days=1))
                append(world, [row for row in waiting if row[1].known < end])
                waiting = [row for row in waiting if row[1].known >= end]
                stood[day] = snapshot(con, day)
            append(world, waiting)
            poisoned(world, number)
            for day, rows in stood.items():
                yield from differing(rows, snapshot(con, day))

    _batches(part, 500 // nights, accounts, case)


def no_look_ahead(part: Part) -> None:
    """MET-05: at 50 days, the figures from a store that holds everything equal those from one that holds nothing later."""
    accounts = 100

    def case(number: int) -> Iterable[str]:
        from evergreen.events import store
        from tests.metrics.oracle.comparing import differing, snapshot
        from tests.metrics.oracle.cutting import cut

        seed = _seed(part, number)
        world = _world(_zone(number), seed, accounts)
        day = world.day - dt.timedelta(days=random.Random(seed).randrange(60))
        with store.session() as con:
            full = _by_key(world, snapshot(con, day))
        _emptied(Path(os.environ["EVERGREEN_HOME"]), part.folder.parent / "empty")
        short = _told(cut(world, day))
        with store.session() as con:
            less = _by_key(short, snapshot(con, day))
        yield from differing(full, less)

    _batches(part, 50, accounts, case)


def poison(part: Part) -> None:
    """MET-06: at 50 days, twenty poisons each change nothing."""
    accounts, poisons = 60, 20

    def case(number: int) -> Iterable[str]:
        from evergreen.events import store
        from tests.metrics.oracle.comparing import differing, snapshot
        from tests.metrics.oracle.poison import poisoned

        world = _world(_zone(number), _seed(part, number), accounts)
        with store.session() as con:
            rows = snapshot(con, world.day)
            for seed in range(poisons):
                poisoned(world, seed)
            yield from differing(rows, snapshot(con, world.day))

    _batches(part, 50, poisons, case)


def related(part: Part) -> None:
    """MET-14: 10,000 relations: arrivals permuted, events outside every window added, an account split in two, all shifted
    by a week where no clock changes and no holiday lies."""
    _prepared(part.folder.parent)
    from tests.metrics.oracle.relations import RELATIONS

    accounts = 100

    def case(number: int) -> Iterable[str]:
        from tests.metrics.oracle.relations import breaches

        yield from breaches(_seed(part, number), accounts)

    _batches(part, 10_000 // (accounts * len(RELATIONS)), accounts * len(RELATIONS), case)


TESTS: dict[str, Test] = {
    "MET-01": equals,
    "MET-03": incremental,
    "MET-04": as_known,
    "MET-05": no_look_ahead,
    "MET-06": poison,
    "MET-14": related,
}


def _seed(part: Part, number: int) -> int:
    return (part.sizes.seed * 1_009 + number) % 1_000_000


def _zone(number: int) -> str:
    from tests.metrics.oracle.making import ZONES

    return list(ZONES)[number % len(ZONES)]


def _world(zone: str, seed: int, accounts: int, *, events: bool = True) -> World:
    from tests.metrics.oracle.making import drawn

    return _told(drawn(zone, seed, accounts), events=events)


def _told(world: World, *, events: bool = True) -> World:
    """The world, once the product was told of it."""
    from django.db import transaction

    from tests.metrics.oracle.loading import loaded, settled

    with transaction.atomic():
        settled(world)
        loaded(world, events=False)
    if events:
        from tests.metrics.oracle.loading import append

        append(world, [(told.pk, event) for told in world.accounts for event in told.events])
    return world


def _by_key(world: World, rows: dict[int, dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    """Rows by the accounts' keys, which are the same in every store."""
    return {told.key: rows[told.pk] for told in world.accounts if told.pk in rows}


def _merged_and_back(con: Any, chance: random.Random, world: World) -> None:
    """Three pairs of accounts are merged, a night goes by, and the mergers are undone."""
    from evergreen.base.models import User
    from evergreen.customers.models import Account
    from evergreen.events import merging, rollup
    from evergreen.flow import merging as flow

    boss = User.objects.create_user(
        f"boss{chance.random()}@vendor.example", "evergreen-pw", role="administrator"
    )
    chosen = chance.sample(world.accounts, 6)
    entries = []
    for one, other in zip(chosen[:3], chosen[3:], strict=True):
        merged, into = Account.objects.get(pk=one.pk), Account.objects.get(pk=other.pk)
        entries.append(flow.merge(merged, into, by=boss, now=_NOW))
    merging.follow_mergers(con, now=_NOW)
    rollup.roll_up(con, world.day)
    for entry in reversed(entries):
        flow.undo(entry, by=boss, now=_NOW)
    merging.follow_mergers(con, now=_NOW)


def _erase(pk: int) -> None:
    from evergreen.customers.models import Account
    from evergreen.events import erasure

    erasure.erase_account(Account.objects.get(pk=pk), by=None, now=_NOW)


def _prepared(folder: Path) -> Path:
    """An empty installation with a copy beside it, made once; Django is started on it."""
    from tests.launch.installation import made

    where, copy = folder / "where", folder / "empty"
    if not where.exists():
        shutil.rmtree(copy, ignore_errors=True)
        home = made(folder / "installation").home
        shutil.copytree(home, copy, symlinks=True)
        where.write_text(str(home), "utf-8")
    home = Path(where.read_text("utf-8"))
    os.environ["EVERGREEN_HOME"] = str(home)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evergreen.launch.settings")
    import django

    django.setup()
    return home


def _emptied(home: Path, copy: Path) -> None:
    """The home as it was made, and nothing of this process that knows another."""
    from django.db import connections

    from evergreen.base.env import Home
    from evergreen.events import journal, message_keys, store

    connections.close_all()
    journal.close_all()
    store.close()
    message_keys.forget(Home(home))
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(copy, home, symlinks=True)

"""What the ways of a split brought, against its first: accounts from their first passage, in every version that does the same to them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evergreen.base import clock
from evergreen.base.queries import vendor_zone
from evergreen.metrics.queries import snapshot_span
from evergreen.outcomes.experiments import following
from evergreen.outcomes.experiments.comparing import Compared, compare
from evergreen.outcomes.experiments.following import Unit
from evergreen.playbooks import rules
from evergreen.playbooks.book import Book
from evergreen.playbooks.models import Enrolment, Passage, PlaybookVersion
from evergreen.playbooks.rules import Branch, Definition, Split

if TYPE_CHECKING:
    import duckdb

GOAL = "goal"


def compared(con: duckdb.DuckDBPyConnection, version: PlaybookVersion, split: Split, days: int) -> Compared:
    """The ways of a split of a version, ``days`` after each account first came to it. Everybody takes part whom it did not spare, also
    who was put in by hand: the hash draws after the door. The goal, where there is one, is an outcome too."""
    of = Book(clock.utc_now()).definition(version)
    flags = {GOAL: _goals(version)} if of.goal is not None else {}
    return compare(con, units(version, of, split), shares(split), days, flags)


def shares(split: Split) -> dict[str, float]:
    """The planned share of each way in percent, the first way first; arms that lead to one step are one way."""
    found: dict[str, float] = {}
    for share, to in split.arms:
        found[to] = found.get(to, 0.0) + share
    return found


def units(version: PlaybookVersion, of: Definition, step: Split | Branch) -> list[Unit]:
    """Accounts by the way that they were first sent from a step, in the versions that do the same from there on. Who first went
    through another form of it is left out."""
    zone = vendor_zone()
    ways = set(rules.targets(step))
    rows = Passage.objects.filter(
        playbook=version.playbook_id, step=step.key, version__in=alike(version, of, step.key)
    )
    found = rows.order_by("account_id").values_list("account_id", "at", "way")
    return [Unit(account, clock.local_day(at, zone), way) for account, at, way in found if way in ways]


def alike(version: PlaybookVersion, of: Definition, key: str) -> list[int]:
    """The versions in which whoever comes to a step is treated as in this one: the same steps from there on, goal and exits."""
    book, mine = Book(clock.utc_now()), rules.from_here(of, key)
    others = PlaybookVersion.objects.filter(playbook=version.playbook_id).exclude(
        state=PlaybookVersion.State.DRAFT
    )
    found = []
    for one in others:
        try:
            told = book.definition(one)
        except rules.PlaybookError:
            continue  # it refers to what is gone: another treatment in any case
        if (told.goal, told.exits) == (of.goal, of.exits) and rules.from_here(told, key) == mine:
            found.append(one.pk)
    return found


def _goals(version: PlaybookVersion) -> dict[int, dt.date]:
    """The day on which each account first reached the playbook's goal."""
    zone = vendor_zone()
    rows = Enrolment.objects.filter(playbook=version.playbook_id, reason="goal").exclude(ended_at=None)
    found: dict[int, dt.date] = {}
    for account, at in rows.order_by("-ended_at").values_list("account_id", "ended_at"):
        if at is not None:
            found[account] = clock.local_day(at, zone)
    return found


@dataclass(frozen=True, slots=True)
class Sorted:
    """One way of a branch: accounts ``n`` at least so many days ago, and by outcome the mean of the day before and of so many days
    after (None where nobody has one)."""

    way: str
    n: int
    means: dict[str, tuple[float | None, float | None]]


def sorted_ways(
    con: duckdb.DuckDBPyConnection, version: PlaybookVersion, branch: Branch, days: int
) -> list[Sorted]:
    """The accounts that a branch sorted, by way: how they stood before and after. A condition chose who went where, so a difference says
    nothing about the ways, and none is tested."""
    of = Book(clock.utc_now()).definition(version)
    span = snapshot_span(con)
    newest = span.newest if span else dt.date.min
    ripe = [one for one in units(version, of, branch) if one.on + dt.timedelta(days=days) <= newest]
    if not ripe:
        return []
    seen = following.follow(con, ripe, days, newest, {})
    arms = np.array([one.arm for one in ripe])
    return [
        Sorted(way, int((arms == way).sum()), {
            one.name: (
                None if one.before is None else _mean(one.before[arms == way], None),
                _mean(one.after[arms == way], None if one.of is None else one.of[arms == way]),
            )
            for one in seen
        })
        for way in dict.fromkeys(rules.targets(branch))
        if (arms == way).any()
    ]  # fmt: skip


def _mean(
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
    of: np.ndarray[tuple[int], np.dtype[np.float64]] | None,
) -> float | None:
    told = np.isfinite(values) if of is None else np.isfinite(values) & np.isfinite(of)
    if not told.any():
        return None
    return float(values[told].mean() if of is None else values[told].sum() / of[told].sum())

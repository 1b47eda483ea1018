"""Many accounts twelve months ahead: a segment or the book, by doing nothing and by each lever.

Every account is simulated as on its own page, and sums are made path by path: path 17 of the group is the sum of every account's path
17. Accounts draw their months and whether each end is lost independently of each other; the effect of a lever is not drawn anew for
each, because they err together: an experiment's estimate is the same for all, and effects of similar accounts come from the same
bootstrap samples (``levers.samples``). What would hit all at once (a recession, a bad release) is not in the interval.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evergreen.base.measures import Reals
from evergreen.customers.lines import Ints, day
from evergreen.foresight.twin import asking, levers, simulating
from evergreen.foresight.twin.asking import SEED, Learned
from evergreen.foresight.twin.levers import LEVERS, Found, Lever
from evergreen.foresight.twin.models import Effect
from evergreen.foresight.twin.panel import YEAR_STEPS
from evergreen.foresight.twin.simulating import Anchor, Future, Shift

# More are told by so many of them, drawn by chance.
MOST = 5_000
# So many at a time: enough for numpy, few enough for memory (paths × steps × 2 figures × accounts).
_CHUNK = 25
_LEVELS = (0.1, 0.5, 0.9)
Tell = Callable[[int, int], None]


@dataclass(slots=True)
class Sums:
    """Sums over accounts, paths × 13 steps: ``events`` in 28 days and ``health`` as if all stayed; ``there`` and ``arr`` of those whose
    ends were all kept in the path; ``due`` counts the accounts with an end within the year, ``by_model`` those whose first follows a model of losses, ``renewed``
    those that keep the first, ``sure`` the sum of its chances; ``expected`` is ARR × chance of staying a year on, by path.
    """

    paths: int
    events: Reals = field(init=False)
    health: Reals = field(init=False)
    scored: int = 0
    there: Reals = field(init=False)
    arr: Reals = field(init=False)
    expected: Reals = field(init=False)
    due: int = 0
    by_model: int = 0
    renewed: Reals = field(init=False)
    sure: float = 0.0

    def __post_init__(self) -> None:
        shape = (self.paths, YEAR_STEPS)
        self.events, self.health, self.there, self.arr = (np.zeros(shape) for _each in range(4))
        self.expected, self.renewed = np.zeros(self.paths), np.zeros(self.paths)

    def add(self, future: Future, arr: Reals, dice: list[Reals]) -> None:
        """Add accounts. ``arr`` is theirs now; ``dice`` are, per account, ends × paths of uniform numbers: an end is lost where its chance
        lies above, so that by doing nothing and by a lever the same luck decides.
        """
        self.events += future.events.sum(axis=0)
        told = ~np.isnan(future.health).any(axis=(1, 2))
        self.health += future.health[told].sum(axis=0)
        self.scored += int(told.sum())
        self.expected += arr @ future.stays[:, :, -1]
        for row, ends in enumerate(future.ends):
            still = np.ones((self.paths, YEAR_STEPS))
            for place, (step, on, chance) in enumerate(ends):
                kept = dice[row][place] >= chance
                still[:, step:] *= kept[:, None]
                # A later end comes up only where the first was kept: only first ends are counted.
                if place == 0:
                    self.due += 1
                    self.by_model += bool(on <= future.until[row])
                    self.renewed += kept
                    self.sure += float(1 - chance.mean())
            self.there += still
            self.arr += arr[row] * still


@dataclass(slots=True)
class _OfLever:
    """A lever's sums, and for how many accounts it speaks; ``alike`` counts similar accounts of each."""

    lever: Lever
    sums: Sums
    told: int = 0
    alike: list[int] = field(default_factory=list)
    use: Reals = field(default_factory=lambda: np.zeros(levers.SAMPLES))


def ask(
    learned: Learned,
    accounts: Collection[int],
    measured: Mapping[str, Mapping[str, Effect]],
    *,
    anchors: Mapping[int, Anchor] | None = None,
    paths: int = simulating.PATHS,
    tell: Tell | None = None,
) -> dict[str, Any]:
    """Simulate accounts and sum them; JSON. Amounts are minor units of the vendor's currency, intervals are (10, 50, 90) of 100 paths, use
    is events in 28 days. ``measured`` are experiments (``asking.measured_effects``). Where a lever is silent for an account (fewer than
    30 similar ones and no experiment), that account goes on as by doing nothing in the lever's sums and is counted in ``silent``.
    """
    some = chosen(accounts)
    at = np.flatnonzero(np.isin(learned.panel.accounts, some))
    places = at[learned.panel.there[at, -1]]
    shared = levers.samples(len(learned.panel.accounts))
    nothing = Sums(paths)
    each = [_OfLever(lever, Sums(paths)) for lever in LEVERS]
    for start in range(0, len(places), _CHUNK):
        if tell:
            tell(start, len(places))
        _add(learned, places[start : start + _CHUNK], nothing, each, measured, shared, anchors)
    # Where only some were simulated, every sum stands for all.
    scale = len(accounts) / len(some) if len(some) else 1.0
    return {
        "on": learned.on.isoformat(),
        "asked": len(accounts),
        "drawn": len(some),
        "accounts": len(places),
        "absent": len(some) - len(places),
        "arr_cents": round(scale * float(learned.panel.arr[places, -1].sum())),
        "events": scale * float(np.expm1(learned.panel.usage[places, -1]).sum()),
        "health": _mean(learned.panel.health[places, -1]),
        "scale": scale,
        "paths": paths,
        "days": [
            day(int(learned.panel.days[-1]) + 28 * step).isoformat() for step in range(1, YEAR_STEPS + 1)
        ],
        "nothing": told(nothing, scale),
        "levers": {one.lever.key: _lever(one, nothing, measured, scale) for one in each},
    }


def chosen(accounts: Collection[int]) -> Ints:
    """All of them in order, or 5,000 drawn once and for all. Each is given once."""
    every = np.sort(np.fromiter(accounts, np.int64, len(accounts)))
    if len(every) <= MOST:
        return every
    return np.sort(np.random.default_rng(SEED).choice(every, MOST, replace=False))


def _add(
    learned: Learned,
    places: Ints,
    nothing: Sums,
    each: list[_OfLever],
    measured: Mapping[str, Mapping[str, Effect]],
    shared: Reals,
    anchors: Mapping[int, Anchor] | None,
) -> None:
    base = asking.doing_nothing(learned, places, nothing.paths, anchors)
    arr = learned.panel.arr[places, -1]
    dice = [
        _luck(int(learned.panel.accounts[place]), len(ends), nothing.paths)
        for place, ends in zip(places.tolist(), base.ends, strict=True)
    ]
    nothing.add(base, arr, dice)
    for one in each:
        by_use = measured.get(one.lever.key, {})
        shifts = []
        for place in places.tolist():
            found = _found(learned, one.lever, place, shared)
            one.alike.append(found.count)
            if found.is_told or Effect.Figure.USAGE in by_use:
                one.told += 1
                shifts.append(asking.shift_of(found, by_use, nothing.paths))
                one.use += found.draws[:, 0] if len(found.draws) else 0.0
            else:
                shifts.append(Shift(np.zeros(nothing.paths), np.zeros(nothing.paths)))
        both = Shift(
            np.stack([shift.usage for shift in shifts]), np.stack([shift.health for shift in shifts])
        )
        one.sums.add(
            simulating.lifted(learned.panel, learned.dynamics, learned.renewal, places, base, both), arr, dice
        )


def _found(learned: Learned, lever: Lever, place: int, shared: Reals) -> Found:
    return levers.effect(
        lever, learned.moves[lever.key], learned.states_of(place), learned.states, place, shared
    )


def _luck(account: int, ends: int, paths: int) -> Reals:
    """Uniform numbers for each end and path of an account, apart from those that draw its months."""
    return np.random.default_rng((SEED, account, 1)).random((ends, paths))


def told(sums: Sums, scale: float = 1.0) -> dict[str, Any]:
    """Sums as intervals a step; ``arr_mean`` and ``accounts_mean`` are expected values a year on."""
    return {
        "usage": _spans(sums.events * scale),
        "health": _spans(sums.health / sums.scored) if sums.scored else None,
        "accounts": _spans(sums.there * scale),
        "accounts_mean": float(sums.there[:, -1].mean()) * scale,
        "arr": _spans(sums.arr * scale),
        "arr_mean": float(sums.expected.mean()) * scale,
        "due": round(sums.due * scale),
        "by_model": round(sums.by_model * scale),
        "renewed": (np.quantile(sums.renewed, _LEVELS) * scale).tolist(),
        "renewed_mean": sums.sure * scale,
    }


def _lever(
    one: _OfLever, nothing: Sums, measured: Mapping[str, Mapping[str, Effect]], scale: float
) -> dict[str, Any]:
    gained = (one.sums.expected - nothing.expected) * scale
    known = measured.get(one.lever.key, {}).get(Effect.Figure.USAGE)
    more: dict[str, Any] = {
        "told": one.told,
        "silent": len(one.alike) - one.told,
        "alike": [int(np.median(one.alike)), max(one.alike)] if one.alike else [0, 0],
        "rests_on": "experiment" if known else "correlation",
        "experiment_accounts": known.accounts if known else None,
        "use": None,
        "clear": False,
    }
    if not one.told:
        return more
    if known:
        use = [known.estimate, known.low, known.high]
    else:
        drawn_use = one.use / one.told
        use = [float(drawn_use.mean()), *(float(each) for each in np.quantile(drawn_use, (0.025, 0.975)))]
    gain = np.quantile(gained, _LEVELS)
    return {
        **more,
        # Of the accounts for which it speaks, in logarithms: mean, and what 95 of 100 samples lie between.
        "use": use,
        "clear": use[1] > 0 or use[2] < 0,
        "gain": gain.tolist(),
        "gain_mean": float(gained.mean()),
        **told(one.sums, scale),
    }


def _spans(values: Reals) -> list[list[float]]:
    return [[float(each) for each in step] for step in np.quantile(values, _LEVELS, axis=0).T]


def _mean(values: Reals) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None

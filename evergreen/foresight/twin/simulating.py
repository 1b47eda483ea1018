"""Twelve months of many accounts by Monte Carlo, beside what a lever would change. Pure, and the same each time for a seed.

A month is a step of 28 days; a year thirteen of them, so that every contract end of the next 364 days lies inside. Each path draws
runs of three months of residuals from accounts that stood alike (``dynamics``) and meets every contract end with the chance of
``renewing``. Use and health are told as if the account stayed; whether it stays is told beside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evergreen.base.measures import Reals
from evergreen.customers.lines import NEVER, Ints
from evergreen.foresight.twin.dynamics import BLOCK, Dynamics, alike_blocks
from evergreen.foresight.twin.panel import STEP_DAYS, YEAR_STEPS, Panel
from evergreen.foresight.twin.renewing import Renewal

PATHS = 1_000
# A lever moves within three months and its effect was measured six months after the start.
_RAMP = 2 * BLOCK
_YEAR_DAYS = 365
# Log odds of 20 are a chance of all but one in 500 million; 50 halvings find them to 15 digits.
_WIDEST_ODDS, _HALVINGS = 20.0, 50


@dataclass(frozen=True, slots=True)
class Shift:
    """What a lever adds: one value a path, of use (logarithm) and of health (points), in full after six months; or accounts × paths."""

    usage: Reals
    health: Reals


@dataclass(frozen=True, slots=True)
class Anchor:
    """The chance that an account is lost up to a day, as a calibrated model of losses tells it."""

    until: int
    chance: float


@dataclass(frozen=True, slots=True)
class Future:
    """Accounts × paths × 13 steps of ``usage`` (logarithm) and ``health``; ``stays`` is the chance that the account is still there.

    ``ends`` holds, per account, (step from 0, day, chances that the end is lost by path). ``moved`` is what was added to the log odds
    of an account's ends up to the day ``until``, so that they mean what its ``Anchor`` says; 0 without one.
    """

    usage: Reals
    health: Reals
    stays: Reals
    ends: tuple[tuple[tuple[int, int, Reals], ...], ...]
    moved: Reals
    until: Ints

    @property
    def events(self) -> Reals:
        """Events in 28 days."""
        return np.maximum(np.expm1(self.usage), 0.0)


def simulate(
    panel: Panel,
    dynamics: Dynamics,
    renewal: Renewal,
    places: Ints,
    *,
    seed: int,
    paths: int = PATHS,
    widths: Reals | None = None,
    shift: Shift | None = None,
    anchors: Mapping[int, Anchor] | None = None,
) -> Future:
    """Simulate accounts from the panel's last step. ``widths`` are 2 × 13 factors by which paths lie further from (or nearer to)
    the middle one, of use and of health, as learned in ``backtest``. A seed draws the same residuals whatever the shift.
    ``anchors``, by account, set the mean chance of ends by doing nothing; a shift moves ends from there.
    """
    usage, health = months(panel, dynamics, places, seed=seed, paths=paths)
    m, size = dynamics.usage_means[places, panel.usage.shape[1] - 1], len(places)
    if widths is not None:
        usage = np.maximum(_widened(usage, widths[0]), 0.0)
        health = np.clip(_widened(health, widths[1]), 0, 100)
    free = (np.zeros(size), np.zeros(size, np.int64))
    base = _with_ends(panel, renewal, places, m, usage, health, free)
    if anchors:
        base = _with_ends(panel, renewal, places, m, usage, health, _anchored(panel, places, base, anchors))
    return base if shift is None else lifted(panel, dynamics, renewal, places, base, shift)


def months(
    panel: Panel, dynamics: Dynamics, places: Ints, *, seed: int, paths: int, steps: int = YEAR_STEPS
) -> tuple[Reals, Reals]:
    """Use (logarithm) and health alone, without widths: accounts × paths × steps. Fewer steps are the first of more."""
    step = panel.usage.shape[1] - 1
    near = alike_blocks(dynamics, places, step)
    x, h = panel.usage[places, step], panel.health[places, step]
    m, g = dynamics.usage_means[places, step], dynamics.health_means[places, step]
    shape = (len(places), paths)
    now_x, now_h = np.broadcast_to(x[:, None], shape).copy(), np.broadcast_to(h[:, None], shape).copy()
    usage, health = np.empty((*shape, steps)), np.empty((*shape, steps))
    drawn = [
        _drawn(near, int(panel.accounts[place]), seed, paths, row)
        for row, place in enumerate(places.tolist())
    ]
    begun = np.stack(drawn) if drawn else np.zeros((0, paths, 1), np.int64)
    c, k = dynamics.usage
    d, pull, beta = dynamics.health
    for ahead in range(steps):
        block = dynamics.blocks[begun[:, :, ahead // BLOCK]]
        at = (block[..., 0], block[..., 1] + ahead % BLOCK)
        moved = c + k * (m[:, None] - now_x) + dynamics.e[at]
        # Nobody uses a product less than not at all.
        next_x = np.maximum(now_x + moved, 0.0)
        now_h = np.clip(
            now_h + d + pull * (g[:, None] - now_h) + beta * (next_x - now_x) + dynamics.f[at], 0, 100
        )
        now_x = next_x
        usage[:, :, ahead], health[:, :, ahead] = now_x, now_h
    return usage, health


def _anchored(panel: Panel, places: Ints, free: Future, anchors: Mapping[int, Anchor]) -> tuple[Reals, Ints]:
    """What to add to the log odds of each account's ends up to its anchor's day, and that day: by halving, so that the mean over paths of
    the chance that one of them is lost is the anchor's. Nothing where no end lies before that day.
    """
    moved, until = np.zeros(len(places)), np.zeros(len(places), np.int64)
    for row, place in enumerate(places.tolist()):
        anchor = anchors.get(int(panel.accounts[place]))
        mine = (
            [] if anchor is None else [odds(lost) for _step, on, lost in free.ends[row] if on <= anchor.until]
        )
        if anchor is None or not mine:
            continue
        low, high = -_WIDEST_ODDS, _WIDEST_ODDS
        for _halving in range(_HALVINGS):
            middle = (low + high) / 2
            kept = np.prod([1 - chance_of(each + middle) for each in mine], axis=0)
            low, high = (middle, high) if 1 - kept.mean() < anchor.chance else (low, middle)
        moved[row], until[row] = (low + high) / 2, anchor.until
    return moved, until


def odds(chance: Reals) -> Reals:
    """The logarithm of the odds; chances of 0 and 1 are taken for nearly that."""
    inside = np.clip(chance, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(inside / (1 - inside)))


def chance_of(log_odds: Reals) -> Reals:
    return np.asarray(1 / (1 + np.exp(-log_odds)))


def lifted(
    panel: Panel, dynamics: Dynamics, renewal: Renewal, places: Ints, base: Future, shift: Shift
) -> Future:
    """What ``simulate`` tells with a shift, from what it told of the same accounts without one. A shift of accounts × paths lifts each
    account by its own row.
    """
    step = panel.usage.shape[1] - 1
    usage, health = _lifted(base.usage, shift.usage, 0, None), _lifted(base.health, shift.health, 0, 100)
    means = dynamics.usage_means[places, step]
    return _with_ends(panel, renewal, places, means, usage, health, (base.moved, base.until))


def _lifted(values: Reals, by: Reals, least: float, most: float | None) -> Reals:
    ramp = np.minimum(1.0, np.arange(1, YEAR_STEPS + 1) / _RAMP)
    return np.asarray(np.clip(values + np.atleast_2d(by)[:, :, None] * ramp, least, most))


def _drawn(near: Ints, account: int, seed: int, paths: int, row: int) -> NDArray[np.int64]:
    """Places of runs for every path of an account; the same whichever accounts are asked with it."""
    dice = np.random.default_rng((seed, account))
    picked = dice.integers(0, near.shape[1], (paths, -(-YEAR_STEPS // BLOCK)))
    # Which run is drawn must not hang on the order in which equal distances were found.
    return np.asarray(np.sort(near[row])[picked])


def _widened(values: Reals, factors: Reals) -> Reals:
    middle = np.median(values, axis=1, keepdims=True)
    return np.asarray(middle + factors * (values - middle))


def end_days(panel: Panel, place: int) -> list[int]:
    """The days within the next year on which something of an account is due: its end, and that again after each term."""
    last, end = int(panel.days[-1]), int(panel.next_end[place])
    if end >= NEVER:
        # Without an end it may leave at each anniversary of its first contract.
        age = panel.age[place, -1]
        left = _YEAR_DAYS - int(age) % _YEAR_DAYS if not np.isnan(age) else _YEAR_DAYS
        return [last + left] if left <= STEP_DAYS * YEAR_STEPS else []
    term = max(int(panel.term[place]), STEP_DAYS)
    return list(range(end, last + STEP_DAYS * YEAR_STEPS + 1, term))


def _with_ends(
    panel: Panel,
    renewal: Renewal,
    places: Ints,
    means: Reals,
    usage: Reals,
    health: Reals,
    anchored: tuple[Reals, Ints],
) -> Future:
    stays = np.ones(usage.shape)
    moved, until = anchored
    last = int(panel.days[-1])
    found = []
    for row, place in enumerate(places.tolist()):
        mine = []
        for on in end_days(panel, place):
            # The state is that of the last step before the end, as it was learned.
            ahead = -(-(on - last) // STEP_DAYS) - 1
            told = _chance(panel, renewal, row, place, ahead, means, usage, health)
            if on <= until[row]:
                told = chance_of(odds(told) + moved[row])
            stays[row, :, max(ahead, 0) :] *= (1 - told)[:, None]
            mine.append((max(ahead, 0), on, told))
        found.append(tuple(mine))
    return Future(usage, health, stays, tuple(found), moved, until)


def _chance(
    panel: Panel,
    renewal: Renewal,
    row: int,
    place: int,
    ahead: int,
    means: Reals,
    usage: Reals,
    health: Reals,
) -> Reals:
    """The chance that an end is lost by path, from the step before it; step 0 is the panel's last."""
    paths = usage.shape[1]

    def at(one: int) -> Reals:
        if one > 0:
            return np.asarray(usage[row, :, one - 1])
        past = panel.usage[place, max(panel.usage.shape[1] - 1 + one, 0)]
        return np.full(paths, past)

    score = health[row, :, ahead - 1] if ahead > 0 else np.full(paths, panel.health[place, -1])
    return renewal.lost_chance(score, at(ahead) - means[row], at(ahead) - at(ahead - BLOCK))


def quantiles(values: Reals) -> Reals:
    """10, 50 and 90 of 100 paths: accounts × paths × steps become accounts × 3 × steps."""
    return np.asarray(np.quantile(values, (0.1, 0.5, 0.9), axis=1).swapaxes(0, 1))

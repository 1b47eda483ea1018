"""How use and health moved from month to month, learned from the vendor's own accounts. Pure.

Use x (logarithm) is drawn back towards the account's own mean m, and health h follows its own mean g and the change of use:

    x' − x = c + κ (m − x) + e
    h' − h = d + λ (g − h) + β (x' − x) + f

by least squares over all pairs of months (Ornstein-Uhlenbeck in discrete time: Uhlenbeck & Ornstein 1930, Phys. Rev. 36:823).
The residuals (e, f) are drawn in pairs and in runs of three months from accounts that stood alike (moving blocks: Künsch 1989,
Ann. Stat. 17:1217). Means are drawn towards the vendor's where an account has few months (Efron & Morris 1975, JASA 70:311).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evergreen.base.measures import Reals
from evergreen.customers.lines import Flags, Ints
from evergreen.foresight.expansion.alike import standardised
from evergreen.foresight.twin.panel import YEAR_STEPS, Panel

BLOCK = 3
LIKE = 150
LEAST_PAIRS = 60


class TooLittleHistoryError(ValueError):
    """There is too little to learn from; the message says what was found and what is needed."""


@dataclass(frozen=True, slots=True)
class Dynamics:
    """What was learned. ``usage`` is (c, κ), ``health`` (d, λ, β); ``means`` are each account's own at every step; ``e``, ``f``
    the residuals from a step to the next; ``blocks`` are the (place, step) at which three months of residuals begin.
    """

    usage: Reals
    health: Reals
    usage_means: Reals
    health_means: Reals
    e: Reals
    f: Reals
    blocks: Ints
    states: Reals


def own_means(values: Reals, there: Flags) -> Reals:
    """Each account's mean of the last year at every step, drawn towards the mean of all: w = n ÷ (n + within ÷ between).

    ``within`` is the variance about the accounts' own means, ``between`` that of the means less what chance gives them.
    NaN before the account's first month; nothing of a later step enters, but the two variances are of the whole panel given.
    """
    there = there & ~np.isnan(values)
    plain = np.where(there, values, 0.0)
    n, total = _windowed(there.astype(np.float64)), _windowed(plain)
    with np.errstate(invalid="ignore", divide="ignore"):
        own = total / n
        count = there.sum(axis=0)
        centre = np.where(count > 0, plain.sum(axis=0) / count, np.nan)
    each = there.sum(axis=1)
    many = each >= 2
    if many.any():
        mean = plain.sum(axis=1)[many] / each[many]
        apart = np.where(there[many], values[many] - mean[:, None], 0.0)
        within = float((apart**2).sum() / max(1, (each[many] - 1).sum()))
        between = max(float(mean.var()) - within * float((1 / each[many]).mean()), 1e-9)
        strength = min(within / between, 1e6)
    else:
        strength = 1.0
    weight = n / (n + strength)
    return np.asarray(np.where(n > 0, weight * own + (1 - weight) * np.nan_to_num(centre), np.nan))


def _windowed(values: Reals) -> Reals:
    run = np.cumsum(values, axis=1)
    run[:, YEAR_STEPS:] -= run[:, :-YEAR_STEPS].copy()
    return run


def learn(panel: Panel) -> Dynamics:
    """Learn from a panel. TooLittleHistoryError below 60 pairs of months."""
    there = panel.there
    usage_means = own_means(panel.usage, there)
    health_means = own_means(panel.health, there)
    pairs = there[:, :-1] & there[:, 1:]
    if int(pairs.sum()) < LEAST_PAIRS:
        raise TooLittleHistoryError(
            f"The twin learns from pairs of months 28 days apart in which an account paid; found were {int(pairs.sum()):,}, needed are "
            f"{LEAST_PAIRS}. Nothing was computed. Take snapshots of the past by `evergreen night --from DAY --to DAY --every week`."
        )
    x, h = panel.usage, panel.health
    moved = x[:, 1:] - x[:, :-1]
    pull = usage_means[:, :-1] - x[:, :-1]
    usage = _fit(moved, (pull,), pairs)
    e = np.where(pairs, moved - usage[0] - usage[1] * pull, np.nan)
    risen, pull_h = h[:, 1:] - h[:, :-1], health_means[:, :-1] - h[:, :-1]
    scored = pairs & ~np.isnan(risen)
    health = _fit(risen, (pull_h, moved), scored)
    f = np.where(scored, risen - health[0] - health[1] * pull_h - health[2] * moved, np.nan)
    # Where health is not told, use alone goes on; its own residual stays out.
    whole = pairs[:, : pairs.shape[1] - BLOCK + 1].copy()
    for ahead in range(1, BLOCK):
        whole &= pairs[:, ahead : pairs.shape[1] - BLOCK + 1 + ahead]
    blocks = np.argwhere(whole).astype(np.int64)
    if not len(blocks):
        raise TooLittleHistoryError(
            "No account paid four months of 28 days on end in the history. Nothing was computed."
        )
    return Dynamics(
        usage, health, usage_means, health_means, e, np.nan_to_num(f), blocks, states(panel, usage_means)
    )


def _fit(moved: Reals, by: tuple[Reals, ...], mask: Flags) -> Reals:
    """Least squares with a constant; the pull lies between 0 and 1."""
    table = np.column_stack([np.ones(int(mask.sum())), *(one[mask] for one in by)])
    if len(table) < LEAST_PAIRS:
        return np.zeros(table.shape[1])
    found = np.linalg.lstsq(table, moved[mask], rcond=None)[0]
    found[1] = min(max(found[1], 0.0), 1.0)
    return np.asarray(found)


def states(panel: Panel, usage_means: Reals) -> Reals:
    """Accounts × steps × what makes accounts alike: use, use against its mean, its change in three months, health, size, age."""
    x = panel.usage
    change = np.full_like(x, np.nan)
    change[:, BLOCK:] = x[:, BLOCK:] - x[:, :-BLOCK]
    size = np.log1p(panel.arr)
    age = np.log1p(np.maximum(np.nan_to_num(panel.age), 0.0))
    return np.stack([x, x - usage_means, change, panel.health, size, age], axis=2)


def alike_blocks(dynamics: Dynamics, places: Ints, step: int) -> Ints:
    """Of each asked account the 150 runs of residuals that began nearest to how it stands: places among the blocks."""
    at = dynamics.states[dynamics.blocks[:, 0], dynamics.blocks[:, 1]]
    cases = standardised(at)
    asked = standardised(dynamics.states[places, step], at)
    wide = min(LIKE, len(cases))
    found = np.zeros((len(places), wide), np.int64)
    own = (cases**2).sum(axis=1)
    for row, one in enumerate(asked):
        found[row] = np.argpartition(own - 2 * cases @ one, wide - 1)[:wide]
    return found

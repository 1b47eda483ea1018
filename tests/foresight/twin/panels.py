"""Panels whose rule is known: how use moves, what a lever does, why ends are lost."""

from __future__ import annotations

import numpy as np

from evergreen.foresight.twin.levers import METRICS
from evergreen.foresight.twin.panel import STEP_DAYS, Ends, Panel

LAST = 20_760


def panel(
    *,
    accounts: int = 150,
    steps: int = 24,
    effect: float = 0.0,
    seed: int = 3,
    pull: float = 0.4,
    noise: float = 0.2,
) -> Panel:
    """Use is drawn back to each account's level by ``pull``. Features rise by two at a month drawn by chance, and use by ``effect`` in
    the three months after it. Ends come once a year; who has little health is lost more often.
    """
    dice = np.random.default_rng(seed)
    level = dice.normal(5, 0.8, accounts)
    x = np.empty((accounts, steps))
    x[:, 0] = level + dice.normal(0, noise, accounts)
    moves_at = dice.integers(0, 2 * steps, accounts)
    for step in range(1, steps):
        lifted = level + effect * np.clip((step - moves_at) / 3, 0, 1)
        x[:, step] = x[:, step - 1] + pull * (lifted - x[:, step - 1]) + dice.normal(0, noise, accounts)
    x = np.maximum(x, 0)
    health = np.clip(
        70
        + 15 * (x - level[:, None])
        + dice.normal(0, 8, (accounts, steps))
        + dice.normal(0, 12, accounts)[:, None],
        0,
        100,
    )
    days = LAST - STEP_DAYS * np.arange(steps)[::-1]
    features = (5.0 + 2.0 * (np.arange(steps)[None, :] > moves_at[:, None])).astype(np.float64)
    still = np.ones((accounts, steps)).astype(np.float64)
    place, on, lost = [], [], []
    first = dice.integers(1, 13, accounts)
    for one in range(accounts):
        for step in range(int(first[one]), steps, 13):
            place.append(one)
            on.append(int(days[step]) + 1)
            lost.append(dice.random() < 1 / (1 + np.exp((health[one, step] - 50) / 8)))
    ends = Ends(np.array(place, np.int64), np.array(on, np.int64), np.array(lost, np.bool_))
    return Panel(
        accounts=np.arange(1_000, 1_000 + accounts),
        days=days.astype(np.int64),
        usage=x,
        health=health,
        arr=np.full((accounts, steps), 1_000_000.0),
        age=(400.0 + STEP_DAYS * np.tile(np.arange(steps), (accounts, 1))).astype(np.float64),
        levers={key: features if key == METRICS[0] else still for key in METRICS},
        ends=ends,
        next_end=LAST + 30 + dice.integers(0, 300, accounts),
        term=np.full(accounts, 365, np.int64),
    )

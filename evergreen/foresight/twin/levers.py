"""What came after similar accounts moved up on a lever, against similar ones that did not. Pure.

Difference in differences with matching (Heckman, Ichimura & Todd 1997, Rev. Econ. Stud. 64:605): an account that moved up within
three months is compared with the three nearest that stood alike at the beginning on the same day and did not; the change of each
from the beginning to three months after the move, less the mean change of its three. The interval is of 1,000 bootstrap samples of
accounts (Efron 1979, Ann. Stat. 7:1). This is correlation: whoever is well may move the lever because of that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evergreen.base.measures import Reals
from evergreen.customers.lines import Ints
from evergreen.foresight.expansion.alike import standardised
from evergreen.foresight.twin.dynamics import BLOCK, Dynamics
from evergreen.foresight.twin.panel import YEAR_STEPS, Panel

LEAST = 30
SAMPLES = 1_000
CONTROLS = 3
# Alike is who lies within one spread in the mean of the columns, squared.
NEAR = 1.0
_SEED = 20261123


@dataclass(frozen=True, slots=True)
class Lever:
    """``metric`` moved up when it rose by ``rise`` at least within three months: by so many, or by that share where ``relative``."""

    key: str
    metric: str
    rise: float
    relative: bool = False


LEVERS = (
    Lever("features", "features_used_28d", 1.0),
    Lever("users", "active_users_28d", 0.2, relative=True),
    Lever("training", "trainings_90d", 1.0),
    Lever("touches", "meetings_90d", 1.0),
)
METRICS = tuple(lever.metric for lever in LEVERS)


@dataclass(frozen=True, slots=True)
class Moves:
    """Moves with their controls: the account's place, the step before the move, the state then, and what came of it beyond what came of
    the controls: of use (logarithm), health (points; NaN where not told). ``ended``: the next end within a year was decided,
    ``lost`` says how; ``controls_lost`` is the share of the controls whose own end was lost, NaN where none was decided.
    """

    place: Ints
    step: Ints
    state: Reals
    usage: Reals
    health: Reals
    lost: Reals
    controls_lost: Reals

    def chosen(self, rows: Ints) -> Moves:
        return Moves(*(getattr(self, name)[rows] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Found:
    """The effect among accounts like one. ``moves`` are theirs, the nearest first. ``draws`` are samples × (use, health): empty below 30 accounts."""

    lever: Lever
    count: int
    places: Ints
    moves: Moves
    usage: float
    health: float
    draws: Reals
    renewed: float
    controls_renewed: float
    ended: int

    @property
    def is_told(self) -> bool:
        return self.count >= LEAST

    def interval(self, column: int) -> tuple[float, float]:
        """From and to of 80 of 100 samples; of use (0) or health (1)."""
        low, high = np.quantile(self.draws[:, column], (0.1, 0.9))
        return float(low), float(high)

    @property
    def is_clear(self) -> bool:
        """Whether 95 of 100 samples of use lie on one side of nothing."""
        if not self.is_told:
            return False
        low, high = np.quantile(self.draws[:, 0], (0.025, 0.975))
        return bool(low > 0 or high < 0)


def moves(panel: Panel, dynamics: Dynamics, lever: Lever) -> Moves:
    """Every move of a panel that has a control, with what came of it."""
    values = panel.levers[lever.metric]
    there, steps = panel.there, values.shape[1]
    ends = _next_end(panel)
    rows: list[tuple[float, ...]] = []
    kept_states: list[Reals] = []
    level = np.log1p(values)
    for step in range(BLOCK, steps - 2 * BLOCK):
        after, late = step + BLOCK, step + 2 * BLOCK
        usable = there[:, step] & there[:, step - BLOCK] & there[:, late]
        rise = values[:, after] - values[:, step]
        needed = lever.rise * np.maximum(values[:, step], 1.0) if lever.relative else lever.rise
        usable &= ~np.isnan(rise)
        moved, still = np.flatnonzero(usable & (rise >= needed)), np.flatnonzero(usable & (rise <= 0))
        if not len(moved) or len(still) < CONTROLS:
            continue
        # Where the lever stood already makes accounts alike too: who is far below its mean rises by itself.
        state = np.column_stack([dynamics.states[:, step], level[:, step]])
        everyone = state[usable]
        cases, asked = standardised(state[still], everyone), standardised(state[moved], everyone)
        apart = (cases**2).sum(axis=1) - 2 * asked @ cases.T + (asked**2).sum(axis=1)[:, None]
        near = np.argpartition(apart, CONTROLS - 1, axis=1)[:, :CONTROLS]
        for row, one in enumerate(moved.tolist()):
            mine = still[near[row][apart[row, near[row]] <= NEAR * asked.shape[1]]]
            if not len(mine):
                continue
            use = panel.usage[:, late] - panel.usage[:, step]
            health = panel.health[:, late] - panel.health[:, step]
            others = health[mine]
            told = others[~np.isnan(others)]
            decided = ends[mine, step]
            decided = decided[~np.isnan(decided)]
            rows.append((
                one, step, use[one] - use[mine].mean(), health[one] - told.mean() if len(told) else np.nan, ends[one, step],
                decided.mean() if len(decided) else np.nan,
            ))  # fmt: skip
            kept_states.append(dynamics.states[one, step])
    table = np.array(rows, np.float64).reshape(-1, 6)
    return Moves(
        place=table[:, 0].astype(np.int64),
        step=table[:, 1].astype(np.int64),
        state=np.array(kept_states).reshape(len(table), dynamics.states.shape[2]),
        usage=table[:, 2],
        health=table[:, 3],
        lost=table[:, 4],
        controls_lost=table[:, 5],
    )


def _next_end(panel: Panel) -> Reals:
    """Accounts × steps: 1 where the first end after the move and within a year of the step was lost, 0 renewed, NaN not known."""
    found = np.full(panel.usage.shape, np.nan)
    for at in np.argsort(-panel.ends.on, kind="stable").tolist():
        on, place = int(panel.ends.on[at]), int(panel.ends.place[at])
        last = int(np.searchsorted(panel.days, on, "left")) - 1 - BLOCK
        first = max(0, last - YEAR_STEPS + BLOCK)
        # The earliest end is written last and stays.
        if last >= 0:
            found[place, first : last + 1] = float(panel.ends.lost[at])
    return found


def samples(size: int) -> Reals:
    """1,000 samples of all ``size`` accounts of a panel: how often each was drawn with replacement. Effects for several accounts told
    from the same samples err together as far as they rest on the same accounts.
    """
    return np.random.default_rng(_SEED).multinomial(size, np.full(size, 1 / size), SAMPLES).astype(np.float64)


def effect(
    lever: Lever, every: Moves, state: Reals, all_states: Reals, other_than: int, shared: Reals | None = None
) -> Found:
    """The effect among the accounts that stood like ``state`` when they moved, each once, by its nearest move. ``shared`` are
    ``samples`` for several accounts; without them those like this one are drawn alone.
    """
    rows = np.zeros(0, np.int64)
    if len(every.place):
        apart = ((standardised(every.state, all_states) - standardised(state[None], all_states)) ** 2).mean(
            axis=1
        )
        near = np.flatnonzero((apart <= NEAR) & (every.place != other_than))
        near = near[np.argsort(apart[near], kind="stable")]
        _one, first = np.unique(every.place[near], return_index=True)
        rows = near[np.sort(first)]
    mine = every.chosen(rows)
    count = len(rows)
    draws = np.zeros((0, 2))
    if count >= LEAST:
        # Each sample draws accounts with replacement: how often each is drawn is its weight.
        weight = samples(count) if shared is None else shared[:, mine.place]
        draws = np.column_stack([_weighted(weight, mine.usage), _weighted(weight, mine.health)])
    both = ~np.isnan(mine.lost) & ~np.isnan(mine.controls_lost)
    ended = int(both.sum())
    return Found(
        lever=lever,
        count=count,
        places=mine.place,
        moves=mine,
        usage=_mean(mine.usage),
        health=_mean(mine.health),
        draws=draws,
        renewed=1 - _mean(mine.lost[both]) if ended else float("nan"),
        controls_renewed=1 - _mean(mine.controls_lost[both]) if ended else float("nan"),
        ended=ended,
    )


def _weighted(weight: Reals, values: Reals) -> Reals:
    known = ~np.isnan(values)
    total = weight[:, known].sum(axis=1)
    return np.asarray((weight[:, known] @ values[known]) / np.maximum(total, 1.0))


def _mean(values: Reals) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0

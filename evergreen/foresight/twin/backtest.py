"""The twin held against what happened: run from days in the past with what was known then.

The width of the interval is learned before it is judged: for every month ahead, from a start so much earlier that the month was
over by then, the factor by which paths must lie apart for 80 of 100 outcomes to lie inside (split conformal prediction: Lei et al.
2018, JASA 113:1094, scaled by the interval's own half-width). Months too far ahead to have been over take the last factor known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.base.measures import Reals
from evergreen.customers.lines import Ints, day
from evergreen.foresight.twin import dynamics, panel, renewing, simulating
from evergreen.foresight.twin.dynamics import BLOCK, TooLittleHistoryError
from evergreen.foresight.twin.levers import METRICS
from evergreen.foresight.twin.panel import YEAR_STEPS, Panel

if TYPE_CHECKING:
    import duckdb

LEVEL = 0.8
PATHS = 300
# Before a start so many steps teach at least.
RUN_IN = 2 * BLOCK
_LEAST_OUTCOMES = 30
# A quantile is known well enough from so many.
_MOST_OUTCOMES = 400
_NARROWEST, _WIDEST = 0.5, 3.0
_SEED = 1
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Judged:
    """How well months ahead were foretold. ``coverage`` is the share of outcomes within the 80 % interval, ``plain`` that without the
    learned widths; ``error`` the mean absolute error of the middle path, ``naive`` that of *stays as it is*.
    Use in logarithms (0.1 is about a tenth), health in points.
    """

    what: str
    months: int | None
    n: int
    coverage: float
    plain: float
    error: float
    naive: float


@dataclass(frozen=True, slots=True)
class Renewals:
    """Ends within the year after the starts: what was said, what came, and the Brier score beside that of the vendor's rate."""

    n: int
    lost: int
    said: float
    brier: float
    naive: float


@dataclass(frozen=True, slots=True)
class Backtest:
    starts: tuple[str, ...]
    accounts: int
    months: tuple[Judged, ...]
    all: tuple[Judged, ...]
    renewals: Renewals | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def widths(whole: Panel, tell: Tell | None = None) -> Reals:
    """2 × 13 factors of use and of health, from starts before the panel's last step; 1 where nothing is known."""
    steps = whole.usage.shape[1]
    found = np.full((2, YEAR_STEPS), np.nan)
    for ahead in range(1, YEAR_STEPS + 1):
        start = steps - 1 - ahead
        if start < RUN_IN:
            break
        if tell:
            tell("widths", ahead, YEAR_STEPS)
        try:
            usage, health, places = _months(whole.cut(start), ahead)
        except TooLittleHistoryError:
            break
        came = whole.there[places, -1]
        for kind, (said, values) in enumerate(((usage, whole.usage), (health, whole.health))):
            found[kind, ahead - 1] = _factor(
                said[:, :, ahead - 1], np.where(came, values[places, -1], np.nan)
            )
    for row in found:
        known = np.flatnonzero(~np.isnan(row))
        row[:] = (
            row[known[np.maximum(np.searchsorted(known, np.arange(YEAR_STEPS), "right") - 1, 0)]]
            if len(known)
            else 1.0
        )
    return found


def _factor(said: Reals, came: Reals) -> float:
    """How far 80 of 100 outcomes lie from the middle, in half-widths of their own side; NaN below 30 outcomes."""
    low, middle, high = np.quantile(said, (0.1, 0.5, 0.9), axis=1)
    half = np.where(came >= middle, high - middle, middle - low)
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.abs(came - middle) / np.maximum(half, 1e-9)
    apart = apart[~np.isnan(apart)]
    if len(apart) < _LEAST_OUTCOMES:
        return float("nan")
    level = min(1.0, LEVEL * (len(apart) + 1) / len(apart))
    return float(np.clip(np.quantile(apart, level), _NARROWEST, _WIDEST))


def _months(at: Panel, ahead: int) -> tuple[Reals, Reals, Ints]:
    """Use and health so many months ahead, of about 400 accounts that are there at the end of a panel at most."""
    learned = dynamics.learn(at)
    places = np.flatnonzero(at.there[:, -1])
    places = places[:: -(-len(places) // _MOST_OUTCOMES)] if len(places) > _MOST_OUTCOMES else places
    return *simulating.months(at, learned, places, seed=_SEED, paths=PATHS, steps=ahead), places


def _run(at: Panel, factors: Reals | None) -> tuple[simulating.Future, Ints]:
    """Every account that is there at the end of a panel."""
    learned = dynamics.learn(at)
    places = np.flatnonzero(at.there[:, -1])
    rate = renewing.learn(at, learned.usage_means)
    return simulating.simulate(at, learned, rate, places, seed=_SEED, paths=PATHS, widths=factors), places


def backtest(con: duckdb.DuckDBPyConnection, last: int, tell: Tell | None = None) -> Backtest:
    """Run from each step of the past that leaves time to learn before and to judge after: three starts at most, four months apart.

    TooLittleHistoryError where no start is possible.
    """
    whole = panel.read(con, last, METRICS)
    if whole is None:
        raise TooLittleHistoryError(
            "There is no snapshot of an account that paid yet. Nothing was computed. Run `evergreen night`."
        )
    steps = whole.usage.shape[1]
    starts = [step for step in (steps - 1 - YEAR_STEPS, steps - 1 - 9, steps - 1 - 5) if step >= RUN_IN + 1]
    if not starts:
        raise TooLittleHistoryError(
            f"A backtest needs {RUN_IN + 7} snapshots 28 days apart; found were {steps}. Nothing was computed. Take those of the past "
            "by `evergreen night --from DAY --to DAY --every week`."
        )
    rows: list[tuple[int, int, Reals, Reals, Reals, Reals]] = []
    ends: list[tuple[float, float, bool]] = []
    for number, start in enumerate(starts):
        if tell:
            tell("backtest", number, len(starts))
        on = int(whole.days[start])
        # What was known then is read anew, contracts and ends with it.
        at = panel.read(con, on, METRICS)
        if at is None:
            continue
        future, places = _run(at, widths(at))
        plain, _places = _run(at, None)
        back = np.searchsorted(whole.accounts, at.accounts[places])
        for ahead in range(1, min(YEAR_STEPS, steps - 1 - start) + 1):
            came = whole.there[back, start + ahead]
            for kind, (said, wide, values) in enumerate(
                ((future.usage, plain.usage, whole.usage), (future.health, plain.health, whole.health))
            ):
                truth = np.where(came, values[back, start + ahead], np.nan)
                now = values[back, start]
                inside = simulating.quantiles(said[:, :, ahead - 1 : ahead])[:, :, 0]
                rough = simulating.quantiles(wide[:, :, ahead - 1 : ahead])[:, :, 0]
                rows.append((kind, ahead, truth, now, inside, rough))
        ends += _ends(future, at, places, whole)
    months = tuple(
        _judge(rows, kind, ahead) for kind in (0, 1) for ahead in range(1, YEAR_STEPS + 1)
        if any(one[0] == kind and one[1] == ahead for one in rows)
    )  # fmt: skip
    return Backtest(
        starts=tuple(day(int(whole.days[step])).isoformat() for step in starts),
        accounts=len(whole.accounts),
        months=months,
        all=(_judge(rows, 0, None), _judge(rows, 1, None)),
        renewals=_renewals(ends),
    )


def _judge(rows: list[tuple[int, int, Reals, Reals, Reals, Reals]], kind: int, ahead: int | None) -> Judged:
    mine = [row for row in rows if row[0] == kind and (ahead is None or row[1] == ahead)]
    truth, now, inside, rough = (np.concatenate([row[at] for row in mine]) for at in (2, 3, 4, 5))
    known = ~np.isnan(truth) & ~np.isnan(now)
    truth, now, inside, rough = truth[known], now[known], inside[known], rough[known]

    def share(told: Reals) -> float:
        return float(((truth >= told[:, 0]) & (truth <= told[:, 2])).mean()) if len(truth) else float("nan")

    return Judged(
        what=("usage", "health")[kind],
        months=ahead,
        n=len(truth),
        coverage=share(inside),
        plain=share(rough),
        error=float(np.abs(truth - inside[:, 1]).mean()) if len(truth) else float("nan"),
        naive=float(np.abs(truth - now).mean()) if len(truth) else float("nan"),
    )


def _ends(
    future: simulating.Future, at: Panel, places: Ints, whole: Panel
) -> list[tuple[float, float, bool]]:
    """(said, the vendor's rate then, lost) of each account's first end that was decided since."""
    base = renewing.learn(at, dynamics.learn(at).usage_means).base
    decided = {
        (int(whole.accounts[place]), int(on)): bool(lost)
        for place, on, lost in zip(whole.ends.place, whole.ends.on, whole.ends.lost, strict=True)
    }
    found = []
    for row, place in enumerate(places.tolist()):
        for _ahead, on, chances in future.ends[row][:1]:
            # A recorded loss may stand before the end by which it was due.
            key = next(((int(at.accounts[place]), one) for one in range(on, int(at.days[-1]), -1)
                        if (int(at.accounts[place]), one) in decided), None)  # fmt: skip
            if key is not None:
                found.append((float(chances.mean()), base, decided[key]))
    return found


def _renewals(ends: list[tuple[float, float, bool]]) -> Renewals | None:
    if not ends:
        return None
    said, base, lost = (np.array(column, np.float64) for column in zip(*ends, strict=True))
    return Renewals(
        n=len(ends),
        lost=int(lost.sum()),
        said=float(said.sum()),
        brier=float(((said - lost) ** 2).mean()),
        naive=float(((base - lost) ** 2).mean()),
    )

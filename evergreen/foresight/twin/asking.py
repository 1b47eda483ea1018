"""What would have to change for an account to renew: the twin with each lever beside doing nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.base import env
from evergreen.base.measures import Reals
from evergreen.customers.lines import Ints, day, number
from evergreen.events import store
from evergreen.foresight.twin import anchoring, backtest, dynamics, levers, panel, renewing, simulating
from evergreen.foresight.twin.dynamics import Dynamics, TooLittleHistoryError
from evergreen.foresight.twin.levers import LEVERS, METRICS, Found, Lever, Moves
from evergreen.foresight.twin.models import Effect
from evergreen.foresight.twin.panel import Panel
from evergreen.foresight.twin.renewing import Renewal
from evergreen.foresight.twin.simulating import Anchor, Future, Shift
from evergreen.metrics.queries import snapshot_span

if TYPE_CHECKING:
    import duckdb

SEED = 20261123
# Of a normal distribution 95 of 100 lie within so many spreads on either side.
_Z95 = 1.959963984540054


class NotThereError(ValueError):
    """The account cannot be simulated; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Learned:
    """Everything learned up to a day."""

    panel: Panel
    dynamics: Dynamics
    renewal: Renewal
    widths: Reals
    moves: Mapping[str, Moves]

    @property
    def on(self) -> dt.date:
        """The day up to whose end it is known."""
        return day(int(self.panel.days[-1]))

    @property
    def states(self) -> Reals:
        """The states of every account and month."""
        return np.asarray(self.dynamics.states[self.panel.there])

    def states_of(self, place: int) -> Reals:
        """How an account stands now."""
        return np.asarray(self.dynamics.states[place, -1])


@dataclass(frozen=True, slots=True)
class Answer:
    """One lever. ``stays`` is the chance that the account is there a year on, ``gain`` what the lever adds to it (10, 50, 90 of 100),
    ``kept`` the ARR that this keeps, ``roi`` (kept − cost) ÷ cost: None without a cost. ``measured`` is the experiment, where one
    was recorded. Empty where ``found`` is of fewer than 30 accounts and nothing was measured.
    """

    found: Found
    measured: Effect | None
    stays: float | None
    gain: Reals
    kept: Reals
    cost: int | None
    roi: Reals | None
    future: Future | None

    @property
    def is_told(self) -> bool:
        return self.future is not None

    @property
    def is_clear(self) -> bool:
        """Whether the effect on use is told from chance: only then the lever is an answer."""
        if self.measured is not None:
            return self.measured.low > 0 or self.measured.high < 0
        return self.found.is_clear


@dataclass(frozen=True, slots=True)
class Twin:
    """An account a year ahead, by doing nothing and by each lever, those that keep most first."""

    account_id: int
    on: dt.date
    arr: float
    base: Future
    stays: float
    answers: tuple[Answer, ...]
    learned: Learned
    place: int

    @property
    def best(self) -> tuple[Answer, ...]:
        """The three levers that help most, of those whose effect is told from chance and that help in 90 of 100 paths."""
        return tuple(one for one in self.answers if one.is_told and one.is_clear and one.gain[0] > 0)[:3]


def learn(con: duckdb.DuckDBPyConnection, last: int, asked: frozenset[int] = frozenset()) -> Learned:
    """Learn up to the end of a day. TooLittleHistoryError where there is not enough."""
    read = panel.read(con, last, METRICS, asked)
    if read is None:
        raise TooLittleHistoryError(
            "There is no snapshot of an account that paid yet. Nothing was computed. Load contracts and use (docs/imports.md) and run "
            "`evergreen night`."
        )
    found = dynamics.learn(read)
    return Learned(
        read,
        found,
        renewing.learn(read, found.usage_means),
        backtest.widths(read),
        {lever.key: levers.moves(read, found, lever) for lever in LEVERS},
    )


def newest(asked: Collection[int] = ()) -> Learned:
    """What is learned up to the newest snapshot, with the accounts ``asked`` for in it; kept in the process until another snapshot is
    taken.
    """
    span = snapshot_span(store.reading())
    if span is None:
        raise TooLittleHistoryError("There is no snapshot yet. Nothing was computed. Run `evergreen night`.")
    where = (str(env.home().root), number(span.newest), str(span.computed_at))
    found = _kept(*where, frozenset())
    absent = frozenset(asked) - set(found.panel.accounts.tolist())
    # Of a smaller book everybody who ever paid is in it already.
    if not absent or len(found.panel.accounts) < panel.MOST_ACCOUNTS:
        return found
    return _kept(*where, absent)


@lru_cache(maxsize=4)
def _kept(_home: str, last: int, _computed: str, asked: frozenset[int]) -> Learned:
    return learn(store.reading(), last, asked)


def ask(
    learned: Learned, account_id: int, costs: Mapping[str, int] | None = None, paths: int = simulating.PATHS
) -> Twin:
    """Simulate an account. ``costs`` are of levers, in minor units of the vendor's currency. NotThereError where it cannot be."""
    at = np.flatnonzero(learned.panel.accounts == account_id)
    if not len(at) or not learned.panel.there[at[0], -1]:
        raise NotThereError(
            f"On {learned.on} nothing of this account was in force, or its use is not known. Nothing was simulated. It needs a contract that "
            "runs and a night (`evergreen night`)."
        )
    place = int(at[0])
    places = np.array([place], np.int64)
    base = doing_nothing(learned, places, paths, anchoring.of_places(learned.panel, places, learned.on))
    arr = float(learned.panel.arr[place, -1])
    measured = measured_effects()
    told = [
        _answer(learned, place, lever, base, arr, (costs or {}).get(lever.key), measured.get(lever.key, {}))
        for lever in LEVERS
    ]
    told.sort(key=lambda one: -(float(one.gain[1]) if one.is_told else -2.0))
    return Twin(
        account_id, learned.on, arr, base, float(base.stays[0, :, -1].mean()), tuple(told), learned, place
    )


def doing_nothing(
    learned: Learned, places: Ints, paths: int = simulating.PATHS, anchors: Mapping[int, Anchor] | None = None
) -> Future:
    """The year of accounts whom no lever moves; ``places`` are theirs in the panel, ``anchors`` what a model of losses says of them."""
    return simulating.simulate(
        learned.panel,
        learned.dynamics,
        learned.renewal,
        places,
        seed=SEED,
        paths=paths,
        widths=learned.widths,
        anchors=anchors,
    )


def measured_effects() -> dict[str, dict[str, Effect]]:
    """The newest experiment of each lever and figure."""
    found: dict[str, dict[str, Effect]] = {}
    for one in Effect.objects.order_by("known_at", "pk"):
        found.setdefault(one.lever, {})[one.figure] = one
    return found


def _answer(
    learned: Learned,
    place: int,
    lever: Lever,
    base: Future,
    arr: float,
    cost: int | None,
    measured: Mapping[str, Effect],
) -> Answer:
    found = levers.effect(lever, learned.moves[lever.key], learned.states_of(place), learned.states, place)
    by_use = measured.get(Effect.Figure.USAGE)
    if not found.is_told and by_use is None:
        return Answer(found, None, None, np.zeros(0), np.zeros(0), cost, None, None)
    places = np.array([place], np.int64)
    shift = shift_of(found, measured, base.usage.shape[1])
    future = simulating.lifted(learned.panel, learned.dynamics, learned.renewal, places, base, shift)
    # Both futures draw the same residuals: path by path they differ by the lever alone.
    gained = future.stays[0, :, -1] - base.stays[0, :, -1]
    gain = np.quantile(gained, (0.1, 0.5, 0.9))
    kept = gain * arr
    return Answer(
        found=found,
        measured=by_use,
        stays=float(future.stays[0, :, -1].mean()),
        gain=gain,
        kept=kept,
        cost=cost,
        roi=(kept - cost) / cost if cost else None,
        future=future,
    )


def shift_of(found: Found, measured: Mapping[str, Effect], paths: int) -> Shift:
    """A drawn effect a path; of an experiment where it measured the figure, else of the accounts alike. Path for path the same draw
    whichever account is asked.
    """
    dice = np.random.default_rng(SEED)
    rows = dice.integers(0, levers.SAMPLES, paths)

    def drawn(figure: Effect.Figure, column: int) -> Reals:
        known = measured.get(figure)
        if known is not None:
            return np.asarray(dice.normal(known.estimate, (known.high - known.low) / (2 * _Z95), paths))
        return np.asarray(found.draws[rows, column]) if len(found.draws) else np.zeros(paths)

    return Shift(drawn(Effect.Figure.USAGE, 0), drawn(Effect.Figure.HEALTH, 1))


def as_dict(twin: Twin) -> dict[str, Any]:
    """For JSON; use as events in 28 days."""

    def spans(future: Future) -> dict[str, Any]:
        return {
            "usage": np.round(simulating.quantiles(future.events)[0].T, 1).tolist(),
            "health": np.round(simulating.quantiles(future.health)[0].T, 1).tolist(),
            "stays": np.round(future.stays[0].mean(axis=0), 4).tolist(),
        }

    return {
        "on": twin.on.isoformat(),
        "arr_cents": round(twin.arr),
        "stays": round(twin.stays, 4),
        "ends": [
            {
                "on": day(on).isoformat(),
                "renews": round(1 - float(lost.mean()), 4),
                "by": "model" if on <= twin.base.until[0] else "own",
            }
            for _step, on, lost in twin.base.ends[0]
        ],
        "nothing": spans(twin.base),
        "levers": [
            {
                "lever": one.found.lever.key,
                "metric": one.found.lever.metric,
                "rests_on": "experiment" if one.measured else "correlation",
                "accounts": one.found.count,
                "told": one.is_told,
                "clear": one.is_clear,
                "use_effect": one.found.usage if one.found.is_told else None,
                "use_interval": one.found.interval(0) if one.found.is_told else None,
                "health_effect": one.found.health if one.found.is_told else None,
                "stays": one.stays,
                "gain": one.gain.tolist(),
                "kept_cents": [round(each) for each in one.kept.tolist()],
                "cost_cents": one.cost,
                "roi": None if one.roi is None else one.roi.tolist(),
                **(spans(one.future) if one.future is not None else {}),
            }
            for one in twin.answers
        ],
        "answer": [one.found.lever.key for one in twin.best],
    }

"""A/A experiments: arms between which there is no difference, read as pages read them. How often is one told?

Worlds differ in what units have: normal, exponential and lognormal values, many and few yes, a tenth held out, ratios of sums, and values
of which most was known before. Each is read by ``statistics`` and put into words by ``web.presenters.experiments.Outcome``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from evergreen.outcomes.experiments import sizes, statistics
from evergreen.outcomes.experiments.statistics import Arm, Reading
from tests.torture.reports import Report, Sizes, reported, say

Chance = np.random.Generator
Drawn = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
# Experiments of each world for each of ``--rounds``.
RUNS = 100
LOOKS = 20
# Welch's test and the delta method go by a normal curve: few units of skewed values may pass one in twenty by this much.
SLACK = 0.015


@dataclass(frozen=True, slots=True)
class World:
    """One kind of unit: ``draw`` gives (value, what was known before or the denominator) of so many; ``sizes`` of the two arms."""

    name: str
    draw: Callable[[Chance, int], Drawn]
    sizes: tuple[int, int]
    kind: str = "number"


def _normal(dice: Chance, n: int) -> Drawn:
    before = dice.normal(60, 15, n)
    return before + dice.normal(0, 6, n), before


def _exponential(dice: Chance, n: int) -> Drawn:
    return dice.exponential(20, n), dice.normal(0, 1, n)


def _lognormal(dice: Chance, n: int) -> Drawn:
    return dice.lognormal(3, 1, n), dice.normal(0, 1, n)


def _yes(share: float) -> Callable[[Chance, int], Drawn]:
    return lambda dice, n: ((dice.random(n) < share).astype(float), dice.normal(0, 1, n))


def _revenue(dice: Chance, n: int) -> Drawn:
    paid = dice.lognormal(8, 0.8, n)
    return paid * np.where(dice.random(n) < 0.05, 0.0, dice.normal(1.02, 0.15, n)), paid


WORLDS = (
    World("normal", _normal, (40, 40)),
    World("exponential", _exponential, (150, 150)),
    World("lognormal", _lognormal, (400, 400)),
    World("a tenth held out", _normal, (30, 270)),
    World("one in three yes", _yes(0.33), (120, 120), "flag"),
    World("one in fifty yes", _yes(0.02), (150, 150), "flag"),
    World("revenue", _revenue, (250, 250), "ratio"),
)


@dataclass(slots=True)
class Alarms:
    """Of ``runs``: differences told with the end fixed beforehand, by the page's words, adjusted, and to whoever looked twenty times."""

    runs: int = 0
    fixed: int = 0
    said: int = 0
    adjusted: int = 0
    looked: int = 0


def read(world: World, a: Drawn, b: Drawn) -> Reading:
    if world.kind == "ratio":
        return statistics.read_ratio(a, b)
    return statistics.read(a[0], b[0], covariates=(a[1], b[1]))


def alarms(world: World, runs: int, dice: Chance) -> Alarms:
    """So many A/A experiments of a world, read at the end and twenty times on the way."""
    # Here, because Django is set up only by then.
    from evergreen.web.presenters.experiments import Outcome

    found = Alarms()
    for _ in range(runs):
        a, b = (world.draw(dice, n) for n in world.sizes)
        reading = read(world, a, b)
        found.runs += 1
        if reading.absolute is not None:
            told = {"outcome": "x", "arm": "b", "kind": world.kind, **asdict(reading)}
            found.fixed += reading.absolute.p < statistics.ALPHA
            found.said += Outcome(told, "a", 1.0).tone == "info"
            found.adjusted += reading.adjusted is not None and reading.adjusted.p < statistics.ALPHA
        found.looked += any(_seen(world, a, b, look / LOOKS) for look in range(1, LOOKS + 1))
    return found


def _seen(world: World, a: Drawn, b: Drawn, share: float) -> bool:
    """Whether whoever looks after a share of the units is told a difference."""
    arms = []
    for values, of in (a, b):
        n = max(2, math.ceil(len(values) * share))
        ratio = values[:n].sum() / of[:n].sum() if world.kind == "ratio" else 0.0
        seen = ratio + (values[:n] - ratio * of[:n]) / of[:n].mean() if world.kind == "ratio" else values[:n]
        arms.append(Arm(n, float(seen.mean()), float(seen.var(ddof=1))))
    if arms[0].variance + arms[1].variance == 0:
        return False
    return statistics.sequential(arms[0], arms[1]).p < statistics.ALPHA


def most(runs: int, share: float) -> int:
    """So many alarms come by chance less than once in ten thousand where each comes with the share."""
    return int(stats.binom.ppf(0.9999, runs, share))


def uneven(runs: int, dice: Chance) -> int:
    """Of fair lots of 20 to 1,500 units in two to four arms of planned shares, those flagged as uneven."""
    flagged = 0
    for _ in range(runs):
        shares = dice.dirichlet(np.full(int(dice.integers(2, 5)), 8.0))
        counts = dice.multinomial(int(dice.integers(20, 1_500 if len(shares) == 2 else 90)), shares)
        flagged += sizes.sample_ratio(counts.tolist(), shares.tolist()) < sizes.RATIO_ALPHA
    return flagged


def run(asked: Sizes, folder: Path) -> list[Report]:
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evergreen.launch.settings")
    os.environ.setdefault("EVERGREEN_HOME", str(folder))
    import django

    django.setup()
    return [_nothing_is_told(asked), _fair_lots(asked)]


def _nothing_is_told(asked: Sizes) -> Report:
    with reported("AA-01", asked.seed) as report:
        dice, runs = np.random.default_rng(asked.seed), RUNS * asked.rounds
        for world in WORLDS:
            found = alarms(world, runs, dice)
            report.cases += found.runs
            say(
                f"AA-01 {world.name}: told {found.fixed / runs:.2%} (in words {found.said / runs:.2%}, adjusted {found.adjusted / runs:.2%}), "
                f"to whoever looked {LOOKS} times {found.looked / runs:.2%}"
            )
            for name, count, share in (
                ("with the end fixed", found.fixed, statistics.ALPHA + SLACK),
                ("adjusted", found.adjusted, statistics.ALPHA + SLACK),
                ("looked at daily", found.looked, statistics.ALPHA),
            ):
                report.expect(
                    count <= most(runs, share),
                    f"{world.name}: {count} of {runs} told {name}, at most {most(runs, share)} allowed",
                )
            report.expect(found.said <= found.fixed, f"{world.name}: the page says more than its reading")
    return report


def _fair_lots(asked: Sizes) -> Report:
    with reported("AA-02", asked.seed) as report:
        report.cases = runs = RUNS * asked.rounds
        flagged = uneven(runs, np.random.default_rng(asked.seed))
        say(f"AA-02: {flagged / runs:.2%} of fair lots are flagged as uneven")
        report.expect(flagged <= most(runs, sizes.RATIO_ALPHA), f"{flagged} of {runs} fair lots were flagged")
    return report

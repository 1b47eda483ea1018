"""Arms of accounts compared some days after each came to its arm: kept, revenue, health, use. Whose arms, say holdouts and splits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.metrics.queries import snapshot_span
from evergreen.outcomes.experiments import following, sizes, statistics
from evergreen.outcomes.experiments.following import HEALTH, Followed, Unit

if TYPE_CHECKING:
    import duckdb

WINDOWS = (28, 56, 90)
# The difference that should be seen, relative to the first arm.
WANTED = 0.1
RATE_DAYS = 90


@dataclass(frozen=True, slots=True)
class Arm:
    """An arm with its planned share of the accounts and those that came to it at least so many days ago."""

    key: str
    share: float
    units: int


@dataclass(frozen=True, slots=True)
class Compared:
    """``arms``, the one the others are held against first; ``unripe`` accounts came later than ``days`` ago. ``ratio`` is how likely the
    sizes are by chance (None where nothing was drawn, or an arm is empty), ``readings`` as ``tables.compare`` tells them; ``needed`` units
    in all show a tenth of difference in health, at the present rate in ``months`` more; ``power`` of those that are there to show it.
    ``as_of`` is the newest night, None without any.
    """

    days: int
    arms: tuple[Arm, ...]
    unripe: int
    ratio: float | None
    readings: tuple[dict[str, Any], ...]
    needed: int
    months: float | None
    power: float
    as_of: dt.date | None

    @property
    def units(self) -> int:
        return sum(arm.units for arm in self.arms)


def compare(
    con: duckdb.DuckDBPyConnection,
    units: Sequence[Unit],
    shares: Mapping[str, float],
    days: int,
    flags: Mapping[str, Mapping[int, dt.date]] | None = None,
) -> Compared:
    """Arms compared ``days`` after each account came to its own. ``shares``: every arm with its planned share of all, in percent, the control
    first. ``flags`` are outcomes of yes and no beside the usual ones: by name, the day on which an account reached it."""
    span = snapshot_span(con)
    newest = span.newest if span else dt.date.min
    ripe = [one for one in units if one.on + dt.timedelta(days=days) <= newest]
    control, *others = shares
    counts = {arm: sum(one.arm == arm for one in ripe) for arm in shares}
    planned = [share / 100 for share in shares.values()]
    ratio, readings = None, list[dict[str, Any]]()
    if counts[control] and any(counts[arm] for arm in others):
        ratio = sizes.sample_ratio(list(counts.values()), planned)
        seen = following.follow(con, ripe, days, newest, flags or {})
        of = np.array([one.arm for one in ripe])
        readings = [
            {
                "outcome": one.name,
                "kind": one.kind,
                "arm": arm,
                **asdict(_read(one, of == control, of == arm)),
            }
            for arm in others
            if counts[arm]
            for one in seen
        ]
    wanted, months, power = _outlook(readings, units, planned, newest, len(ripe))
    arms = tuple(Arm(arm, share, counts[arm]) for arm, share in shares.items())
    as_of = span.newest if span else None
    return Compared(days, arms, len(units) - len(ripe), ratio, tuple(readings), wanted, months, power, as_of)


def _read(one: Followed, a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> statistics.Reading:
    if one.of is not None:
        return statistics.read_ratio((one.after[a], one.of[a]), (one.after[b], one.of[b]))
    before = None if one.before is None else (one.before[a], one.before[b])
    return statistics.read(one.after[a], one.after[b], covariates=before)


def _outlook(
    readings: Sequence[Mapping[str, Any]],
    units: Sequence[Unit],
    shares: Sequence[float],
    newest: dt.date,
    ripe: int,
) -> tuple[int, float | None, float]:
    """(units in all that show a tenth of difference in health, months until there are so many, the power of those that are there)."""
    health = next((one for one in readings if one["outcome"] == HEALTH and one["control"]["n"] > 1), None)
    if health is None or min(shares) <= 0:
        return 0, None, 0.0
    mean, variance = health["control"]["mean"], health["control"]["variance"]
    wanted = sizes.needed(mean, variance, WANTED, shares)
    power = sizes.power(mean, variance, WANTED, ripe, (shares[0], min(shares[1:])))
    return wanted, months_until(wanted, units, newest), power


def months_until(wanted: int, units: Sequence[Unit], newest: dt.date) -> float | None:
    """Months until there are so many units at the rate of the last 90 days; 0 where they are there, None where nobody comes."""
    recent = sum(one.on > newest - dt.timedelta(days=RATE_DAYS) for one in units)
    missing = max(0, wanted - len(units))
    if not missing:
        return 0.0
    return missing / recent * RATE_DAYS / 30.44 if recent else None

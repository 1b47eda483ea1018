"""Two arms compared on one outcome. Intervals, CUPED and ratios come from tea-tasting; the sequential and the Bayesian reading, which
it lacks, are our own, checked against gbstats 0.8.0 (tests/outcomes/test_experiment_statistics.py). Sizes of arms: ``sizes``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import tea_tasting as tt
from scipy import stats
from tea_tasting.aggr import Aggregates

if TYPE_CHECKING:
    import pyarrow as pa

ALPHA = 0.05
# How many observations the sequential reading is tuned for: tightest about there, valid everywhere.
TUNING = 5_000
# Values above this quantile of both arms together are capped in the reading beside; told where it changes the variance by a tenth.
CAP = 0.999
_NOTEWORTHY = 0.1
_ROUNDING = 1e-18
LEAST = 2
Parts = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
# Yes and no with fewer of either in an arm are tested exactly: there the normal curve is off, and at none it has no width at all.
# Barnard's test is the stronger one, but its tables take too long for many units.
FEW = 10
_BARNARD_BELOW = 1_000


@dataclass(frozen=True, slots=True)
class Arm:
    """An arm's number of units, mean and variance (n - 1)."""

    n: int
    mean: float
    variance: float


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % interval and the p-value of no difference."""

    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class Belief:
    """The Bayesian reading without a prior: the chance that the treatment is larger, and what choosing it costs on average if it is
    not (``risk``), in the outcome's unit."""

    chance: float
    low: float
    high: float
    risk: float


@dataclass(frozen=True, slots=True)
class Reading:
    """One outcome: ``absolute`` is treatment minus control; ``relative`` to the control's mean, None where ``has_share`` says no.

    ``sequential`` may be looked at every day (of the relative difference, else of the absolute). ``capped`` is the absolute difference
    with outliers capped at ``cap``, None where none stand out. ``adjusted`` is by CUPED, None without a covariate. ``exact`` says that
    the outcome is a yes or no with fewer than ``FEW`` of either in an arm; such a one is neither capped nor adjusted.
    """

    control: Arm
    treatment: Arm
    absolute: Interval | None
    relative: Interval | None
    sequential: Interval | None
    belief: Belief | None
    capped: Interval | None = None
    cap: float | None = None
    adjusted: Interval | None = None
    exact: bool = False


def read(
    control: np.ndarray[Any, Any],
    treatment: np.ndarray[Any, Any],
    *,
    covariates: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None = None,
) -> Reading:
    """Compare two arms; missing values are left out. ``covariates`` are known from before the start, unit by unit.

    Without two units an arm, or where nobody differs from anybody, there is no interval.
    """
    kept = tuple(np.isfinite(values) for values in (control, treatment))
    a, b = control[kept[0]].astype(float), treatment[kept[1]].astype(float)
    arms = _arm(a), _arm(b)
    if min(arms[0].n, arms[1].n) < LEAST or (
        arms[0].variance + arms[1].variance == 0 and arms[0].mean == arms[1].mean
    ):
        return Reading(*arms, None, None, None, None)
    is_yes_or_no = all(bool(np.isin(values, (0, 1)).all()) for values in (a, b))
    if is_yes_or_no and (_is_rare(a) or _is_rare(b)):
        return _exact(*arms)
    if arms[0].variance + arms[1].variance == 0:
        return Reading(*arms, None, None, None, None)
    fixed = _fixed(a, b)
    relative = None
    if has_share(*arms):
        relative = _relative(fixed)
    capped, cap = _capped(a, b, arms)
    adjusted = None
    if covariates is not None:
        before = covariates[0][kept[0]].astype(float), covariates[1][kept[1]].astype(float)
        adjusted = _adjusted(a, b, before)
    return Reading(*arms, _interval(fixed), relative, sequential(*arms), belief(*arms), capped, cap, adjusted)


def has_share(control: Arm, treatment: Arm) -> bool:
    """Whether a difference may be told as a share of the control's mean: both above zero, and the control's clearly.

    Where the control's own 95 % interval holds zero the ratio has no bounded interval (Fieller 1954). One enormous value in the
    control brings that about, and the delta method then answers p = 0 to arms that Welch's test cannot tell apart.
    """
    z = float(stats.norm.ppf(1 - ALPHA / 2))
    return treatment.mean > 0 and control.mean > z * math.sqrt(control.variance / control.n)


def read_ratio(control: Parts, treatment: Parts) -> Reading:
    """Compare the arms' ratios of sums: each arm is (numerators, denominators), unit by unit; units where either is missing are left out.

    The end fixed beforehand is tea-tasting's ``RatioOfMeans`` (delta method: Deng et al. 2018, arXiv 1803.06336). The others go by each
    unit's linearised value, ratio + (numerator - ratio x denominator) / mean denominator, whose mean is the ratio and whose
    variance is the delta method's. Neither capped nor adjusted. Without a denominator above zero in an arm nothing is said.
    """
    kept = tuple(_both(*arm) for arm in (control, treatment))
    if any(len(numbers) < LEAST or of.mean() <= 0 for numbers, of in kept):
        arms = tuple(_ratio_arm(*arm) for arm in kept)
        return Reading(arms[0], arms[1], None, None, None, None)
    a, b = (_ratio_arm(*arm) for arm in kept)
    if a.variance + b.variance == 0:
        return Reading(a, b, None, None, None, None)
    table = _table(kept[0][0], kept[1][0], (kept[0][1], kept[1][1]))
    metric = tt.RatioOfMeans("value", "beside", equal_var=False)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = tt.Experiment({"value": metric}, variant="arm").analyze(table, control=0)["value"]
    return Reading(
        a, b, _interval(found), _relative(found) if has_share(a, b) else None, sequential(a, b), belief(a, b)
    )


def _both(
    numbers: np.ndarray[Any, Any], of: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    told = np.isfinite(numbers) & np.isfinite(of)
    return numbers[told].astype(float), of[told].astype(float)


def _ratio_arm(numbers: np.ndarray[Any, Any], of: np.ndarray[Any, Any]) -> Arm:
    if not len(of) or of.mean() <= 0:
        return Arm(len(of), math.nan, 0.0)
    ratio = float(numbers.sum() / of.sum())
    told = _arm(ratio + (numbers - ratio * of) / of.mean())
    # Of values that are all alike what is left is only how a computer adds them up.
    return Arm(told.n, ratio, told.variance if told.variance > _ROUNDING else 0.0)


def sequential(control: Arm, treatment: Arm, *, relative: bool = True) -> Interval:
    """An interval and p-value that stay valid however often one looks: asymptotic confidence sequences (Waudby-Smith et al. 2023,
    arXiv 2103.06476v7, eq. 9, 155 and 161), of the relative difference where that ``has_share`` and is wanted, else of the absolute one."""
    value, variance = _difference(control, treatment, relative)
    n = control.n + treatment.n
    told = -2 * math.log(ALPHA)
    rho2 = (told + math.log(told + 1)) / TUNING
    grown = n * rho2 + 1
    width = math.sqrt(variance * n) * math.sqrt(
        2 * grown * math.log(math.sqrt(grown) / ALPHA) / (n**2 * rho2)
    )
    evidence = rho2 * (value**2 * n / variance) / (2 * grown) - math.log(grown) / 2
    return Interval(
        value, value - width, value + width, min(1.0, math.exp(min(0.0, -evidence)) if evidence > 0 else 1.0)
    )


def belief(control: Arm, treatment: Arm) -> Belief:
    """The posterior of the absolute difference under a flat prior: normal with the difference's mean and standard error."""
    value = treatment.mean - control.mean
    error = math.sqrt(control.variance / control.n + treatment.variance / treatment.n)
    below = float(stats.norm.cdf(-value / error))
    # The mean of what is lost where the difference is negative: E[max(-d, 0)].
    risk = error * float(stats.norm.pdf(value / error)) - value * below
    z = float(stats.norm.ppf(1 - ALPHA / 2))
    return Belief(1 - below, value - z * error, value + z * error, max(0.0, risk))


def _difference(control: Arm, treatment: Arm, relative: bool) -> tuple[float, float]:
    """(difference, its variance): relative by the delta method where that ``has_share``, else absolute."""
    a, b = control.variance / control.n, treatment.variance / treatment.n
    if not (relative and has_share(control, treatment)):
        return treatment.mean - control.mean, a + b
    value = (treatment.mean - control.mean) / control.mean
    return value, b / control.mean**2 + a * treatment.mean**2 / control.mean**4


def _is_rare(values: np.ndarray[Any, Any]) -> bool:
    ones = int((values == 1).sum())
    return min(ones, len(values) - ones) < FEW


def _exact(control: Arm, treatment: Arm) -> Reading:
    """Yes and no of few: p by Barnard's or Fisher's exact test (tea-tasting), the rest with a yes and a no more in each arm.

    Agresti and Caffo 2000 (The American Statistician 54): that makes the plain interval hold what it says, also for none of forty. The
    estimate stays the difference seen; the sequential reading is of the absolute difference.
    """
    counts = tuple(round(arm.n * arm.mean) for arm in (control, treatment))
    seen = [
        Aggregates(arm.n, {"value": count / arm.n}, {}, {})
        for arm, count in zip((control, treatment), counts, strict=True)
    ]
    method: Literal["barnard", "fisher"] = "barnard" if control.n + treatment.n < _BARNARD_BELOW else "fisher"
    p = float(tt.Proportion("value", method=method).analyze_aggregates(*seen).pvalue)
    more = tuple(
        _share(arm.n + 2, count + 1) for arm, count in zip((control, treatment), counts, strict=True)
    )
    told = belief(*more)
    value = treatment.mean - control.mean
    # A difference of two shares lies between -1 and 1, and the interval holds the one seen.
    fixed = Interval(value, max(min(told.low, value), -1.0), min(max(told.high, value), 1.0), p)
    always = replace(sequential(*more, relative=False), value=value)
    return Reading(control, treatment, fixed, None, always, told, exact=True)


def _share(n: int, count: int) -> Arm:
    return Arm(n, count / n, count / n * (1 - count / n))


def _arm(values: np.ndarray[Any, Any]) -> Arm:
    if not len(values):
        return Arm(0, math.nan, 0.0)
    return Arm(len(values), float(values.mean()), float(values.var(ddof=1)) if len(values) > 1 else 0.0)


def _capped(
    a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], arms: tuple[Arm, Arm]
) -> tuple[Interval | None, float | None]:
    # A value that somebody has, not one between two: in a small table that would lie close to the outlier itself.
    cap = float(np.quantile(np.concatenate([a, b]), CAP, method="lower"))
    low, high = np.minimum(a, cap), np.minimum(b, cap)
    before, after = arms[0].variance + arms[1].variance, float(low.var(ddof=1) + high.var(ddof=1))
    if before - after <= _NOTEWORTHY * before or after == 0:
        return None, None
    return _interval(_fixed(low, high)), cap


def _adjusted(
    a: np.ndarray[Any, Any],
    b: np.ndarray[Any, Any],
    before: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]],
) -> Interval | None:
    known = tuple(np.isfinite(values) for values in before)
    if min(int(one.sum()) for one in known) < LEAST:
        return None
    table = _table(a[known[0]], b[known[1]], (before[0][known[0]], before[1][known[1]]))
    if not np.concatenate([before[0][known[0]], before[1][known[1]]]).std():
        return None
    metric = tt.Mean("value", "beside", equal_var=False)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = _interval(tt.Experiment({"value": metric}, variant="arm").analyze(table, control=0)["value"])
    # Where what was before says all of what came after, nothing is left to have an error.
    return found if math.isfinite(found.p) else None


def _fixed(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> Any:
    """Welch's test, by tea-tasting."""
    metric = tt.Mean("value", equal_var=False)
    with np.errstate(divide="ignore", invalid="ignore"):
        return tt.Experiment({"value": metric}, variant="arm").analyze(_table(a, b), control=0)["value"]


def _interval(found: Any) -> Interval:
    return Interval(
        float(found.effect_size),
        float(found.effect_size_ci_lower),
        float(found.effect_size_ci_upper),
        float(found.pvalue),
    )


def _relative(found: Any) -> Interval:
    return Interval(
        found.rel_effect_size, found.rel_effect_size_ci_lower, found.rel_effect_size_ci_upper, found.pvalue
    )


def _table(
    a: np.ndarray[Any, Any],
    b: np.ndarray[Any, Any],
    beside: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None = None,
) -> pa.Table:
    import pyarrow as pa

    columns = {
        "arm": np.concatenate([np.zeros(len(a), np.int64), np.ones(len(b), np.int64)]),
        "value": np.concatenate([a, b]),
    }
    if beside is not None:
        columns["beside"] = np.concatenate(beside)
    return pa.table(columns)

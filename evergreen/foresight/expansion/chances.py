"""How often those with the same signs bought: past cases counted, few of them drawn towards what each sign says by itself. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evergreen.base.measures import Reals, Truths

Flags = NDArray[np.bool_]
# Fewer purchases than that tell no two signs apart: everybody gets the vendor's rate.
LEAST_BOUGHT = 10
_STRENGTHS = (2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 2_000.0)
# A ridge of this size counts as one purchase against each sign's effect.
_RIDGE = 1.0
_ROUNDS = 50


@dataclass(frozen=True, slots=True)
class Chance:
    """A probability and what it rests on: past cases with exactly these signs, those that bought, and the vendor's rate."""

    share: float
    cases: float
    bought: float
    base: float


@dataclass(frozen=True, slots=True)
class Table:
    """What past cases taught. ``effects`` is the intercept and each sign's log-odds, ``counts`` maps a pattern of signs to its cases
    and those that bought; cases count only as much as they do not overlap. ``strength`` is how many cases the signs taken one by
    one weigh against those of the very pattern.
    """

    signs: tuple[str, ...]
    base: float
    cases: float
    bought: float
    effects: tuple[float, ...]
    strength: float
    counts: dict[int, tuple[float, float]]

    @property
    def is_thin(self) -> bool:
        """Whether too few ever bought to tell signs apart."""
        return self.bought < LEAST_BOUGHT

    def chance(self, pattern: int) -> Chance:
        """Of one pattern (``patterns``): (bought + strength · prior) / (cases + strength), the mean of a beta posterior."""
        cases, bought = self.counts.get(pattern, (0.0, 0.0))
        if self.is_thin:
            return Chance(self.base, cases, bought, self.base)
        bits = [float(pattern >> place & 1) for place in range(len(self.signs))]
        prior = _logistic(self.effects[0] + sum(e * b for e, b in zip(self.effects[1:], bits, strict=True)))
        return Chance((bought + self.strength * prior) / (cases + self.strength), cases, bought, self.base)

    def shares(self, flags: Flags) -> Reals:
        """The chance of each row of signs."""
        found, back = np.unique(patterns(flags), return_inverse=True)
        return np.array([self.chance(int(one)).share for one in found], np.float64)[back]


def patterns(flags: Flags) -> NDArray[np.int64]:
    """Rows × signs as one number a row, the first sign in the lowest bit."""
    return np.asarray(flags.astype(np.int64) @ (1 << np.arange(flags.shape[1], dtype=np.int64)))


def learn(signs: Sequence[str], flags: Flags, bought: Truths, weight: float) -> Table:
    """Count past cases (rows × signs, whether each bought). ``weight`` is how much of a case is no repetition of the same
    account's next one: 28 / 90 where cases are four weeks apart and looked 90 days ahead.
    """
    cases, hits = float(len(bought) * weight), float(bought.sum() * weight)
    # Half a case each way (Jeffreys): nothing seen yet is not never.
    base = (hits + 0.5) / (cases + 1)
    found, back = np.unique(patterns(flags), return_inverse=True)
    n: Reals = np.bincount(back, minlength=len(found)).astype(np.float64) * weight
    hit = np.bincount(back, bought.astype(np.float64), minlength=len(found))
    k: Reals = hit.astype(np.float64) * weight
    counts = {int(one): (float(a), float(b)) for one, a, b in zip(found, n, k, strict=True)}
    if hits < LEAST_BOUGHT:
        nothing = (math.log(base / (1 - base)), *(0.0 for _sign in signs))
        return Table(tuple(signs), base, cases, hits, nothing, _STRENGTHS[-1], counts)
    bits = (found[:, None] >> np.arange(len(signs)) & 1).astype(np.float64)
    effects = _effects(bits, n, k, base)
    prior = 1 / (1 + np.exp(-(effects[0] + bits @ effects[1:])))
    strength = best_strength(n, k, prior)
    return Table(tuple(signs), base, cases, hits, tuple(effects.tolist()), strength, counts)


def best_strength(n: Reals, k: Reals, prior: Reals) -> float:
    """How many cases a prior is worth: the strength under which the groups' counts (k of n) are likeliest, beta-binomial."""
    likelihoods = [
        sum(_beta_binomial(a, b, p, one) for a, b, p in zip(n, k, prior, strict=True)) for one in _STRENGTHS
    ]
    return _STRENGTHS[int(np.argmax(likelihoods))]


def _beta_binomial(n: float, k: float, prior: float, strength: float) -> float:
    """Log-likelihood of k of n when the group's own share is beta-distributed about the prior, without the constant."""
    a, b = prior * strength, (1 - prior) * strength
    return (
        math.lgamma(k + a) - math.lgamma(a) + math.lgamma(n - k + b) - math.lgamma(b)
        - math.lgamma(n + strength) + math.lgamma(strength)
    )  # fmt: skip


def _effects(bits: Reals, n: Reals, k: Reals, base: float) -> Reals:
    """Logistic regression of the patterns' shares with a ridge on the signs, by Newton's steps."""
    design = np.column_stack([np.ones(len(bits)), bits])
    ridge = np.diag([0.0, *[_RIDGE] * bits.shape[1]])
    found = np.zeros(design.shape[1])
    found[0] = math.log(base / (1 - base))
    for _round in range(_ROUNDS):
        said = 1 / (1 + np.exp(-design @ found))
        step = np.linalg.solve(
            (design * (n * said * (1 - said))[:, None]).T @ design + ridge,
            design.T @ (k - n * said) - ridge @ found,
        )
        # A step too long is cut, so that a sign that nobody without it bought by does not run away.
        found = found + np.clip(step, -2.0, 2.0)
        if float(np.abs(step).max()) < 1e-9:
            break
    return found


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))

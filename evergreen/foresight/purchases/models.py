"""How many purchases are still to come: BG/NBD and Pareto/NBD.

Both say that a customer buys at random at a rate of their own until they are gone for good, which nobody sees. BG/NBD: they may
go after each purchase (Fader, Hardie and Lee, Marketing Science 24, 2005). Pareto/NBD: they may go at any moment (Schmittlein,
Morrison and Colombo, Management Science 33, 1987, in the form of Fader and Hardie's note of 2005). Times are weeks.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import ClassVar

import numpy as np
from scipy.special import betaln, gammaln, hyp2f1

from evergreen.base.measures import Reals
from evergreen.foresight.purchases.fitting import likeliest
from evergreen.foresight.purchases.histories import Histories

# Where a formula divides by 0 its neighbour is taken: a value this far away changes the sixth digit.
_BESIDE = 1e-6


@dataclass(frozen=True, slots=True)
class BgNbd:
    """Rates are gamma distributed (shape ``r``, ``alpha`` weeks), the chance to be gone after a purchase beta (``a``, ``b``)."""

    NAME: ClassVar[str] = "BG/NBD"

    r: float
    alpha: float
    a: float
    b: float

    def log_likelihoods(self, again: Reals, last: Reals, age: Reals) -> Reals:
        """Of histories, one each."""
        r, alpha, a, b = astuple(self)
        common = gammaln(r + again) - gammaln(r) + r * np.log(alpha)
        stayed = betaln(a, b + again) - betaln(a, b) - (r + again) * np.log(alpha + age)
        with np.errstate(divide="ignore", invalid="ignore"):
            went = betaln(a + 1, b + again - 1) - betaln(a, b) - (r + again) * np.log(alpha + last)
        return np.asarray(common + np.logaddexp(stayed, np.where(again > 0, went, -np.inf)))

    def alive(self, known: Histories) -> Reals:
        """The chance that each customer is not gone."""
        r, alpha, a, b = astuple(self)
        gone = (r + known.again) * np.log((alpha + known.age) / (alpha + known.last)) + np.log(
            a / (b + np.maximum(known.again, 1) - 1)
        )
        return np.where(known.again > 0, 1 / (1 + np.exp(gone)), 1.0)

    def expected(self, known: Histories, weeks: float) -> Reals:
        """The purchases to expect of each customer within the next ``weeks``."""
        r, alpha, a, b = astuple(self)
        a = a if abs(a - 1) > _BESIDE else 1 + _BESIDE
        shape, end = r + known.again, alpha + known.age
        within = hyp2f1(shape, b + known.again, a + b + known.again - 1, weeks / (end + weeks))
        unspent = 1 - (end / (end + weeks)) ** shape * within
        return np.asarray((a + b + known.again - 1) / (a - 1) * unspent * self.alive(known))


@dataclass(frozen=True, slots=True)
class ParetoNbd:
    """Rates of buying are gamma distributed (shape ``r``, ``alpha`` weeks), rates of going too (``s``, ``beta``)."""

    NAME: ClassVar[str] = "Pareto/NBD"

    r: float
    alpha: float
    s: float
    beta: float

    def log_likelihoods(self, again: Reals, last: Reals, age: Reals) -> Reals:
        """Of histories, one each."""
        r, alpha, s, beta = astuple(self)
        common = gammaln(r + again) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
        return np.asarray(common + np.logaddexp(self._stayed(again, age), self._went(again, last, age)))

    def _stayed(self, again: Reals, age: Reals) -> Reals:
        r, alpha, s, beta = astuple(self)
        return np.asarray(-(r + again) * np.log(alpha + age) - s * np.log(beta + age))

    def _went(self, again: Reals, last: Reals, age: Reals) -> Reals:
        """Logarithm of what the customers add who went between their last purchase and now."""
        r, alpha, s, beta = astuple(self)
        total = r + s + again
        later, more = (alpha, s + 1) if alpha >= beta else (beta, r + again)
        apart = abs(alpha - beta)

        def part(time: Reals) -> Reals:
            found = hyp2f1(total, more, total + 1, apart / (later + time))
            return np.asarray(np.log(found) - total * np.log(later + time))

        from_last, from_now = part(last), part(age)
        with np.errstate(divide="ignore"):
            between = from_last + np.log1p(-np.exp(np.minimum(from_now - from_last, 0.0)))
        return np.asarray(np.log(s / total) + between)

    def alive(self, known: Histories) -> Reals:
        """The chance that each customer is not gone."""
        stayed = self._stayed(known.again, known.age)
        return np.asarray(1 / (1 + np.exp(self._went(known.again, known.last, known.age) - stayed)))

    def expected(self, known: Histories, weeks: float) -> Reals:
        """The purchases to expect of each customer within the next ``weeks``."""
        r, alpha, s, beta = astuple(self)
        s = s if abs(s - 1) > _BESIDE else 1 + _BESIDE
        end = beta + known.age
        lasting = end / (s - 1) * (1 - (end / (end + weeks)) ** (s - 1))
        return np.asarray((r + known.again) / (alpha + known.age) * lasting * self.alive(known))


Model = BgNbd | ParetoNbd
Kind = type[BgNbd] | type[ParetoNbd]
MODELS: tuple[Kind, ...] = (BgNbd, ParetoNbd)


@dataclass(frozen=True, slots=True)
class _Grouped:
    """Histories that are alike, once, and how many customers have each."""

    again: Reals
    last: Reals
    age: Reals
    customers: Reals


def _grouped(known: Histories) -> _Grouped:
    table = np.column_stack([known.again, known.last, known.age])
    rows, counts = np.unique(table, axis=0, return_counts=True)
    return _Grouped(rows[:, 0], rows[:, 1], rows[:, 2], counts.astype(np.float64))


def fit(kind: Kind, known: Histories) -> Model:
    """The model with the likeliest parameters. Raises NotFoundError."""
    one = _grouped(known)

    def total(found: Reals) -> float:
        return float(kind(*found.tolist()).log_likelihoods(one.again, one.last, one.age) @ one.customers)

    return kind(*likeliest(total, 4, kind.NAME).tolist())

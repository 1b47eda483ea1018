"""What a purchase to come is worth: the gamma-gamma model (Fader and Hardie's note of 2013, after Colombo and Jiang 1999)."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Self

import numpy as np
from scipy.special import gammaln

from evergreen.base.measures import Reals
from evergreen.foresight.purchases.fitting import NotFoundError, likeliest
from evergreen.foresight.purchases.histories import Histories


@dataclass(frozen=True, slots=True)
class GammaGamma:
    """Amounts are gamma distributed around a customer's own mean (shape ``p``), means around each other (``q``, ``v``)."""

    p: float
    q: float
    v: float

    @classmethod
    def fit(cls, known: Histories) -> Self:
        """The likeliest parameters, from the customers who came back and paid. Raises NotFoundError."""
        paid = (known.again > 0) & (known.spend > 0)
        again, spend = known.again[paid], known.spend[paid]
        if len(again) < 2:
            raise NotFoundError(
                "The worth of a purchase needs two customers at least who came back and paid."
            )
        # On a scale of its own, so that amounts in cents and in millions are found alike.
        unit = float(np.mean(spend))
        found = likeliest(
            lambda them: float(cls(*them).log_likelihoods(again, spend / unit).sum()), 3, "spend"
        )
        return cls(float(found[0]), float(found[1]), float(found[2]) * unit)

    def log_likelihoods(self, again: Reals, spend: Reals) -> Reals:
        p, q, v = astuple(self)
        shape = p * again
        return np.asarray(
            gammaln(shape + q)
            - gammaln(shape)
            - gammaln(q)
            + q * np.log(v)
            + (shape - 1) * np.log(spend)
            + shape * np.log(again)
            - (shape + q) * np.log(again * spend + v)
        )

    def expected(self, known: Histories) -> Reals:
        """The mean amount to expect of a purchase of each customer: their own mean drawn to everybody's, the less the more
        purchases it is of."""
        p, q, v = astuple(self)
        return np.asarray(p * (v + known.again * known.spend) / (p * known.again + q - 1))

"""The parameters, all above 0, under which what happened is likeliest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

from evergreen.base.measures import Reals

# Parameters are sought on the scale of logarithms, no farther than this from 1: beyond it likelihoods are flat.
_FARTHEST = 12.0
# A surface with one hill is climbed from several sides, for far from it the slope is near 0.
_STARTS = (0.0, -1.0, 1.0)


class NotFoundError(ValueError):
    """No parameters were found; the message says for what, and what is needed."""


def likeliest(log_likelihood: Callable[[Reals], float], size: int, what: str) -> Reals:
    """The ``size`` parameters with the highest log-likelihood (a sum over customers). Raises NotFoundError."""

    def cost(logs: Reals) -> float:
        told = -log_likelihood(np.exp(logs))
        return told if np.isfinite(told) else 1e300

    best = None
    for start in _STARTS:
        found = minimize(
            cost,
            np.full(size, start),
            method="L-BFGS-B",
            bounds=[(-_FARTHEST, _FARTHEST)] * size,
            options={"maxiter": 1_000, "ftol": 1e-13, "gtol": 1e-7},
        )
        # Slopes are told by differences; the last digits come from a search without them.
        found = minimize(
            cost, found.x, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-8, "maxiter": 4_000}
        )
        if best is None or found.fun < best.fun:
            best = found
    if best is None or best.fun >= 1e299:
        raise NotFoundError(f"No parameters of {what} were found: more customers who came back are needed.")
    return np.asarray(np.exp(best.x), dtype=np.float64)

"""Bringing probabilities to what happened: log-odds are stretched and shifted by what rows said that were not learned from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evergreen.base.measures import Reals, Truths
from evergreen.foresight.learning.members import odds, probability

# As many rows' worth of belief that nothing needs to be changed; a few rows cannot say otherwise.
_BELIEF = 20.0
_STEPS = 25


@dataclass(frozen=True, slots=True)
class Calibration:
    """``stretch x log-odds + shift`` (Platt's form, the identity when nothing is known)."""

    stretch: float = 1.0
    shift: float = 0.0

    def __call__(self, probabilities: Reals) -> Reals:
        return probability(self.stretch * odds(probabilities) + self.shift)


def calibrated(truths: Truths, probabilities: Reals, weights: Reals) -> Calibration:
    """The calibration of greatest likelihood for rows that were held out, drawn towards the identity.

    Newton's steps on ``sum of weighted log loss + belief / 2 x ((stretch - 1)^2 + shift^2)``, which is convex.
    """
    told = odds(probabilities)
    at = np.array([1.0, 0.0])
    design = np.column_stack([told, np.ones_like(told)])
    for _step in range(_STEPS):
        said = 1 / (1 + np.exp(-np.clip(design @ at, -40, 40)))
        slope = design.T @ (weights * (said - truths)) + _BELIEF * (at - [1.0, 0.0])
        bend = (design * (weights * said * (1 - said))[:, None]).T @ design + _BELIEF * np.eye(2)
        move = np.linalg.solve(bend, slope)
        at = at - move
        if np.abs(move).max() < 1e-9:
            break
    # Never turned round: worse than no forecast is no reason to believe the opposite.
    return Calibration(max(float(at[0]), 0.05), float(at[1]))

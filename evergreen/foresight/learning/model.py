"""The mean of the members, learned from a table's rows: probabilities, and which columns drew them up or down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evergreen.base.measures import Reals, Truths
from evergreen.foresight.learning import members
from evergreen.foresight.learning.choosing import Choice
from evergreen.foresight.learning.columns import Column
from evergreen.foresight.learning.encoding import Encoder, Read
from evergreen.foresight.learning.members import Kind, Learned, Setting


@dataclass(frozen=True, slots=True)
class Model:
    """What was learned. ``members`` are averaged as probabilities, then calibrated."""

    encoder: Encoder
    choice: Choice
    members: tuple[tuple[Setting, Learned], ...]

    @classmethod
    def learn(
        cls,
        read: Read,
        columns: Sequence[Column],
        truths: Truths,
        choice: Choice,
        weights: Reals | None = None,
    ) -> Model:
        """Learn from all rows by settings chosen before."""
        weights = np.ones(truths.size) if weights is None else weights
        encoder = Encoder.learn(columns, read)
        matrix = encoder.matrix(read)
        learned = tuple(
            (setting, members.learn(setting.kind, setting.size, setting.rounds, matrix, truths, weights))
            for setting in choice.settings
        )
        return cls(encoder, choice, learned)

    def probabilities(self, of: Read) -> Reals:
        """One a row, from 0 to 1."""
        matrix = self.encoder.matrix(of)
        said = [
            members.probability(learned.log_odds(matrix, setting.rounds)) for setting, learned in self.members
        ]
        return self.choice.calibration(np.mean(said, axis=0))

    def pulls(self, of: Read) -> Mapping[str, Reals]:
        """By column of the table: how far it drew each row's log-odds up (above 0) or down, against the training rows' mean.

        Shapley values of the trees and the terms of the logistic, averaged over the members.
        """
        matrix = self.encoder.matrix(of)
        total = {column.name: np.zeros(len(matrix.trees)) for column in self.encoder.columns}
        for setting, learned in self.members:
            is_ranked = setting.kind is Kind.LOGISTIC
            sources = self.encoder.ranked_sources if is_ranked else self.encoder.tree_sources
            found = learned.pulls(matrix, setting.rounds)
            for place, source in enumerate(sources):
                total[source.column] += found[:, place] / len(self.members)
        return total

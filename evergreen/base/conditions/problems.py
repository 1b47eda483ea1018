"""What is wrong with a condition."""

from __future__ import annotations

from collections.abc import Iterable


class ConditionError(ValueError):
    """A condition that cannot be used: every mistake with what was found and what is allowed."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))

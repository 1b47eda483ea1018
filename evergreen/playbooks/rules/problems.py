"""What is wrong with a playbook."""

from __future__ import annotations

from collections.abc import Iterable


class PlaybookError(ValueError):
    """A playbook that cannot run; ``problems`` has a line a mistake: the step, what was found, what is allowed."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(dict.fromkeys(problems))
        super().__init__("\n".join(self.problems))

    @classmethod
    def at(cls, where: str, found: str, allowed: str) -> PlaybookError:
        return cls([f"{where}: found {found}; allowed: {allowed}."])

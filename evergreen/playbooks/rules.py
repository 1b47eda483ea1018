"""Decisions of the playbook engine: what starts an enrolment, what its next step is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

STEP_KINDS = ("task", "end")
# Task priorities (work.Task.Priority) by a rule's severity.
PRIORITIES = {3: 1, 2: 2, 1: 3}


class PlaybookError(ValueError):
    """A playbook that cannot run; the message names the step, what was found and what is allowed."""


@dataclass(frozen=True, slots=True)
class TaskStep:
    """Give the owner a task: the words by rule, and how many working days it may take by severity."""

    titles: Mapping[str, Mapping[str, str]]
    due_working_days: Mapping[str, int]
    assignee: Literal["owner"]

    def title(self, rule: str) -> dict[str, str]:
        return dict(self.titles.get(rule) or self.titles["*"])

    def due_in(self, severity: int) -> int:
        return self.due_working_days.get(str(severity), 2)


def starts(trigger: Mapping[str, Any], rule: str) -> bool:
    """Whether an alert of the rule starts a playbook with this trigger."""
    if trigger.get("kind") != "alert":
        return False
    wanted = trigger.get("rules", "*")
    return wanted == "*" or rule in wanted


def step_at(steps: Sequence[Mapping[str, Any]], index: int) -> TaskStep | None:
    """The step at an index, or None at the end. Raises PlaybookError for a kind that does not exist."""
    if index >= len(steps) or steps[index].get("kind") == "end":
        return None
    step = steps[index]
    if step.get("kind") != "task":
        raise PlaybookError(
            f"Step {index + 1} is of kind {step.get('kind')!r}; allowed are {', '.join(STEP_KINDS)}."
        )
    return TaskStep(step["titles"], step["due_working_days"], step["assignee"])


def validate(steps: Sequence[Mapping[str, Any]]) -> None:
    """Raise PlaybookError unless every step can run and the last one ends."""
    for index in range(len(steps)):
        step_at(steps, index)
    if not steps or steps[-1].get("kind") != "end":
        raise PlaybookError("A playbook's last step is of kind 'end'.")

"""Whether a definition can run to its end: every step reached, no loop without a wait, and what its parts ask of each other."""

from __future__ import annotations

from django.utils.translation import gettext as _

from evergreen.playbooks.definitions.saying import said
from evergreen.playbooks.rules.definition import (
    Act,
    Answer,
    Definition,
    End,
    Step,
    Until,
    Wait,
    WorkingHours,
    targets,
)


def problems(of: Definition) -> list[str]:
    """What keeps a definition that was read from being published; empty when nothing does."""
    found: list[str] = []
    reached = _reached(of)
    for step in of.steps:
        if step.key not in reached:
            near = ", ".join(sorted(reached))
            found.append(
                _("steps: %(step)s is never reached: lead to it from one of %(near)s, or take it out.")
                % {"step": step.key, "near": near}
            )
    if not any(isinstance(step, End) for step in of.steps if step.key in reached):
        found.append(
            said(
                "steps",
                of.steps[-1].kind if of.steps else "-",
                _("one step at least, the last one of kind end"),
            )
        )
    if circle := _circle(of):
        found.append(
            _("steps: %(way)s goes round without a wait: put a step of kind wait into the loop.")
            % {"way": " → ".join(circle)}
        )
    for step in of.steps:
        if isinstance(step, Answer):
            found += _unasked(step, of)
    if any(one.alert_closed for one in of.exits) or any(_is_for_alert(step) for step in of.steps):
        others = sorted({one.kind for one in of.triggers} - {"alert"})
        if others:
            found.append(
                said(
                    "triggers", ", ".join(others), _("alert alone, for what a step or exit says of its alert")
                )
            )
    return found


def _unasked(step: Answer, of: Definition) -> list[str]:
    """What a step waits for that its task does not ask."""
    asking = {
        one.key: [str(answer["key"]) for answer in one.settings["answers"]]
        for one in of.steps
        if isinstance(one, Act) and one.settings.get("answers")
    }
    where = f"steps: {step.key}"
    if step.of not in asking:
        return [said(f"{where}: of", step.of, ", ".join(asking) or _("a task step that has answers"))]
    return [
        said(f"{where}: ways", answer, ", ".join(asking[step.of]))
        for answer, _to in step.ways
        if answer not in asking[step.of]
    ]


def _is_for_alert(step: Step) -> bool:
    return isinstance(step, Act) and bool(step.settings.get("for_alert"))


def _reached(of: Definition) -> set[str]:
    seen: set[str] = set()
    waiting = [of.steps[0].key] if of.steps else []
    while waiting:
        key = waiting.pop()
        step = of.step(key)
        if key in seen or step is None:
            continue
        seen.add(key)
        waiting.extend(targets(step))
    return seen


def _circle(of: Definition) -> list[str]:
    """A loop of steps none of which always waits; empty where there is none.

    Only a wait for a time holds a run back for certain: a condition may hold at once and working hours may be now.
    """
    done: set[str] = set()

    def search(key: str, way: list[str]) -> list[str]:
        if key in way:
            return [*way[way.index(key) :], key]
        step = of.step(key)
        if key in done or step is None or isinstance(step, Wait):
            return []
        for to in targets(step):
            if circle := search(to, [*way, key]):
                return circle
        done.add(key)
        return []

    for step in of.steps:
        if circle := search(step.key, []):
            return circle
    return []


def waits(step: Step) -> bool:
    """Whether a run may stand at a step."""
    return isinstance(step, Wait | Until | WorkingHours | Answer)

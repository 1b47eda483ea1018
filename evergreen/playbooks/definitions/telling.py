"""A playbook's definition as plain data, in its usual order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evergreen.base.conditions import written
from evergreen.playbooks.definitions.reading import Readable
from evergreen.playbooks.rules.definition import (
    FORM,
    Act,
    Answer,
    Branch,
    Definition,
    Span,
    Split,
    Step,
    Trigger,
    Until,
    Wait,
)


def told(of: Definition, kinds: Mapping[str, Readable]) -> dict[str, Any]:
    """The definition as plain data in its usual order; what is as it is by default is left out."""
    found: dict[str, Any] = {"triggers": [_trigger_told(one) for one in of.triggers]}
    if of.entry is not None:
        found["entry"] = written(of.entry)
    found["reentry"] = of.reentry
    if of.reentry_days:
        found["reentry_days"] = of.reentry_days
    if of.per != "account":
        found["per"] = of.per
    if of.holdout:
        found["holdout"] = of.holdout
    following = [*(step.key for step in of.steps[1:]), ""]
    found["steps"] = [_step_told(step, after, kinds) for step, after in zip(of.steps, following, strict=True)]
    if of.exits:
        found["exits"] = [
            {
                **({"when": written(one.condition)} if one.condition is not None else {}),
                **({"alert_closed": True} if one.alert_closed else {}),
            }
            for one in of.exits
        ]
    if of.goal is not None:
        found["goal"] = written(of.goal)
    for key, at in (("quiet_from", of.quiet_from), ("quiet_to", of.quiet_to)):
        if at is not None:
            found[key] = at.isoformat("minutes")
    if of.zone:
        found["zone"] = of.zone
    return found


def _trigger_told(one: Trigger) -> dict[str, Any]:
    match one.kind:
        case "alert":
            return {"kind": "alert", "rules": list(one.names) or "*"}
        case "lifecycle":
            return {"kind": one.kind, "day": one.day, "counts_from": one.counts_from}
        case "stage":
            return {"kind": one.kind, "stages": list(one.names)}
        case "form":
            return {"kind": one.kind, "form": one.names[0].removeprefix(f"{FORM}:")}
        case "segment" | "event":
            return {"kind": one.kind, one.kind: one.names[0]}
        case "schedule":
            return {"kind": one.kind, "every": one.every, **({"on": one.on} if one.every != "day" else {})}
    return {"kind": one.kind}


def _step_told(step: Step, after: str, kinds: Mapping[str, Readable]) -> dict[str, Any]:
    found: dict[str, Any] = {"key": step.key, "kind": step.kind}
    match step:
        case Act(settings=settings, max_lateness_hours=late):
            found |= settings
            usual = kinds[step.kind].max_lateness_hours if step.kind in kinds else None
            if late is not None and late != usual:
                found["max_lateness_hours"] = late
        case Wait(span=span):
            found |= _span_told(span)
        case Until(condition=condition, event=event, timeout=timeout, on_timeout=late_to):
            if condition is not None:
                found["condition"] = written(condition)
            if event:
                found["event"] = event
            found["timeout"] = _span_told(timeout)
            if late_to != step.next:
                found["on_timeout"] = late_to
        case Answer(of=asked, ways=answers, timeout=timeout, otherwise=otherwise, on_timeout=late_to):
            found |= {"of": asked, "ways": [{"answer": answer, "to": to} for answer, to in answers]}
            found["timeout"] = _span_told(timeout)
            if otherwise != after:
                found["otherwise"] = otherwise
            if late_to != otherwise:
                found["on_timeout"] = late_to
        case Branch(ways=ways, otherwise=otherwise):
            found["ways"] = [{"when": written(condition), "to": to} for condition, to in ways]
            if otherwise != after:
                found["otherwise"] = otherwise
        case Split(arms=arms, spared=spared):
            found["arms"] = [{"share": share, "to": to} for share, to in arms]
            if spared:
                found["spared"] = spared
    to = getattr(step, "next", after)
    if to != after:
        found["next"] = to
    return found


def _span_told(span: Span) -> dict[str, Any]:
    return {span.unit: span.count, **({"at": span.at.isoformat("minutes")} if span.at is not None else {})}

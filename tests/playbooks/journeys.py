"""Playbooks drawn at random that can be published: every step reached, no loop without a wait."""

from __future__ import annotations

import random
from typing import Any

TIERS = ("basic", "growth", "strategic")
EVENTS = ("asked", "opened")
_KINDS = (
    "task",
    "hello",
    "wait",
    "wait",
    "wait_until",
    "wait_until",
    "branch",
    "split",
    "set_field",
    "working_hours",
)


def journey(chance: random.Random, steps: int = 12) -> dict[str, Any]:
    """A definition of so many steps and an end. Ways lead on, but for a loop now and then, which passes a wait."""
    keys = [f"s{n}" for n in range(steps)]
    rows = [_step(chance, key, keys[n + 1 :] or ["over"]) for n, key in enumerate(keys)]
    found: dict[str, Any] = {
        "triggers": [{"kind": "by_hand"}],
        "reentry": chance.choice(["never", "each_time", "each_time", "each_time", "after_days"]),
        "steps": [*rows, {"key": "over", "kind": "end"}],
    }
    if found["reentry"] == "after_days":
        found["reentry_days"] = chance.randint(1, 6)
    if chance.random() < 0.3:
        found["entry"] = f"tier = {chance.choice(TIERS)}"
    if chance.random() < 0.3:
        found["goal"] = "tier = strategic"
    if chance.random() < 0.3:
        found["exits"] = [{"when": "tier = basic"}]
    if chance.random() < 0.5:
        found |= {"quiet_from": "21:00", "quiet_to": "08:00"}
    return found


def _step(chance: random.Random, key: str, later: list[str]) -> dict[str, Any]:
    kind, near = chance.choice(_KINDS), [*later, "over"][:4]
    step: dict[str, Any] = {"key": key, "kind": kind}
    match kind:
        case "task":
            step["title"] = {"en": key}
        case "set_field":
            step |= {"field": "tier", "value": chance.choice(TIERS)}
        case "wait":
            step |= _span(chance)
        case "wait_until":
            step |= {"timeout": _span(chance), "on_timeout": chance.choice(near)}
            step |= chance.choice(
                [{"condition": f"tier = {chance.choice(TIERS)}"}, {"event": chance.choice(EVENTS)}]
            )
        case "branch":
            step["ways"] = [{"when": f"tier = {chance.choice(TIERS)}", "to": chance.choice(near)}]
            step["otherwise"] = later[0]
        case "split":
            share = chance.choice([10, 50, 75])
            step["arms"] = [
                {"share": share, "to": later[0]},
                {"share": 100 - share, "to": chance.choice(near)},
            ]
    return step


def _span(chance: random.Random) -> dict[str, Any]:
    unit = chance.choice(["minutes", "hours", "days", "working_days"])
    found: dict[str, Any] = {unit: chance.randint(1, {"minutes": 300, "hours": 60}.get(unit, 4))}
    if unit in {"days", "working_days"} and chance.random() < 0.5:
        found["at"] = chance.choice(["09:00", "00:00", "23:30"])
    return found

"""A scale as one line of text, as it stands in a form: ``0: 0, 0.6: 100``; a target; ``7: 40``; choices by another metric as
``contract_age_days | 60: steps 0: 0, 0.5: 70 | 210: line 0: 0, 1: 100``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evergreen.health.definitions import plain

_POINTED = ("line", "steps")


def written(scale: Mapping[str, Any]) -> str:
    """The text of a scale's data."""
    match scale.get("kind"):
        case "line" | "steps":
            return _pairs(scale.get("points"))
        case "target":
            return _number(scale.get("target"))
        case "worth":
            return f"{_number(scale.get('per'))}: {_number(scale.get('worth'))}"
        case "by":
            parts = [
                f"{_number(edge)}: {one.get('kind', '')} {written(one)}".strip()
                for edge, one in scale.get("choices") or ()
            ]
            return " | ".join([str(scale.get("metric", "")), *parts])
    return ""


def read(kind: str, text: str) -> dict[str, Any]:
    """The data of a scale, unchecked: what cannot be read stays as it is, for the definition's own reader to name it."""
    match kind:
        case "line" | "steps":
            return {"kind": kind, "points": _points(text)}
        case "target":
            return {"kind": kind, "target": text.strip()}
        case "worth":
            per, _colon, worth = text.partition(":")
            return {"kind": kind, "per": per.strip(), "worth": worth.strip()}
        case "by":
            metric, *parts = (part.strip() for part in text.split("|"))
            return {"kind": kind, "metric": metric, "choices": [_choice(part) for part in parts] or text}
    return {"kind": kind}


def _choice(part: str) -> list[Any]:
    edge, _colon, rest = part.partition(":")
    kind, _space, points = rest.strip().partition(" ")
    return [edge.strip(), read(kind, points)]


def _points(text: str) -> Any:
    pairs = [
        part
        for part in text.replace("；", ",").replace("，", ",").replace(";", ",").split(",")
        if part.strip()
    ]
    found = [
        [side.strip() for side in pair.replace("：", ":").replace("→", ":").split(":")] for pair in pairs
    ]
    return found if found and all(len(pair) == 2 for pair in found) else text


def _pairs(points: Any) -> str:
    if not isinstance(points, list | tuple):
        return str(points or "")
    return ", ".join(f"{_number(value)}: {_number(mark)}" for value, mark in points)


def _number(value: Any) -> str:
    return str(plain(value)) if isinstance(value, float) else str(value if value is not None else "")

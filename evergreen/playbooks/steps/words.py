"""Texts that a step gives, in Chinese or English or both."""

from __future__ import annotations

from typing import Any

from evergreen.playbooks.kinds import Wrong

_LONGEST = 120


def texts(given: Any, name: str, wrong: Wrong) -> dict[str, str]:
    """{zh, en} of a text; a bare one is Chinese."""
    if isinstance(given, str):
        given = {"zh": given}
    if not isinstance(given, dict) or not given or not given.keys() <= {"zh", "en"}:
        wrong(name, given, "zh, en")
        return {}
    found = {key: str(given[key]).strip() for key in ("zh", "en") if str(given.get(key) or "").strip()}
    if not found or any(len(text) > _LONGEST for text in found.values()):
        wrong(name, given, f"zh, en (1–{_LONGEST})")
    return found

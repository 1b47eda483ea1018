"""How a file writes its values, and what a cell that cannot be read says."""

from __future__ import annotations

import datetime as dt
import json
import math
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

EMPTY_WORDS = ("", "NULL", "null", "\\N", "NaN", "nan", "None", "<NA>")
TRUE_WORDS = ("true", "yes", "y", "t", "1", "on", "是", "有", "对", "√", "✓")
FALSE_WORDS = ("false", "no", "n", "f", "0", "off", "否", "无", "没有", "不是", "×", "✗")


class UnreadableError(ValueError):
    """A cell that is not what its field is: what was found, what is allowed, and why."""

    def __init__(self, found: Any, allowed: str, reason: str = "") -> None:
        super().__init__(reason)
        self.found = shown(found)
        self.allowed = allowed
        self.reason = reason or _("The value cannot be read.")


@dataclass(frozen=True, slots=True)
class Formats:
    """How a file writes dates, numbers and flags. Naive times are in ``zone``."""

    zone: ZoneInfo
    dates: tuple[str, ...] = ()
    decimal: str = "."
    true_words: frozenset[str] = frozenset(TRUE_WORDS)
    false_words: frozenset[str] = frozenset(FALSE_WORDS)
    empty_words: frozenset[str] = frozenset(EMPTY_WORDS)
    moments: dict[str, dt.datetime] = field(default_factory=dict)  # texts read before

    @property
    def takes_iso(self) -> bool:
        """ISO dates are read beside the stated formats, unless one of these begins with the year too."""
        return not any(form.startswith("%Y") for form in self.dates)


def is_empty(value: Any, formats: Formats) -> bool:
    if value is None:
        return True
    if isinstance(value, str):
        return value in formats.empty_words or value.strip() in formats.empty_words
    return isinstance(value, float) and math.isnan(value)


def shown(value: Any) -> str:
    """A value as an error shows it, clipped."""
    text = as_text(value)
    return text if len(text) <= 200 else f"{text[:199]}…"


def as_text(value: Any) -> str:
    """A cell as text: whole numbers without a fraction, dates as ISO, lists as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return (
        json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else str(value)
    )

"""Text in CSV files that spreadsheet programs must not take for a formula, and the way back.

A cell whose first visible character could begin a formula gets an apostrophe in front. So does one that
itself begins like that, which makes ``unguarded`` exact. Plain numbers need no guard.
"""

from __future__ import annotations

import re

# Formula signs, also full-width, after what programs skip: blanks, control and zero-width characters, quotes.
_FORMULA = re.compile(r"[\s\x00-\x1f\u200b-\u200f\u2060\ufeff\"]*[=+\-@＝＋－＠|%]|[\t\r\n\x00]")
_GUARDED = re.compile(r"'+(?:" + _FORMULA.pattern + ")")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def guarded(text: str) -> str:
    """The text as a CSV cell that no program computes."""
    if _NUMBER.fullmatch(text):
        return text
    return f"'{text}" if _FORMULA.match(text) or _GUARDED.match(text) else text


def unguarded(text: str) -> str:
    """The text that ``guarded`` was given."""
    return text[1:] if _GUARDED.match(text) else text

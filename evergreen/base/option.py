"""One setting of an installation: its default, its words, and which values are allowed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.utils.functional import Promise

from evergreen.base import clock


@dataclass(frozen=True, slots=True)
class Option:
    """One setting: its default, what it is for, and which values are allowed."""

    key: str
    default: Any
    label: str | Promise
    help: str | Promise = ""
    unit: str | Promise = ""
    least: int | None = None
    most: int | None = None
    choices: tuple[str, ...] = ()
    # How many whole numbers the text holds, split by commas; 0 for any text.
    numbers: int = 0

    def clean(self, value: Any) -> Any:
        """The value as it is stored, or a ValueError that says what is allowed."""
        if isinstance(self.default, bool):
            if isinstance(value, bool):
                return value
            raise ValueError(f"{self.key}: write true or false.")
        if isinstance(self.default, int):
            return self._number(value)
        text = str(value).strip()
        if self.choices and text not in self.choices:
            raise ValueError(f"{self.key}: {text!r} is not one of {', '.join(self.choices)}.")
        if self.key in {"quiet_from", "quiet_to"} and text == "":
            return text
        if self.key == "public_url":
            return _public_url(text)
        if self.key in _TIMES and not _is_time(text):
            raise ValueError(f"{self.key}: {text!r} is no time of day: write one such as 09:00.")
        if self.key == "timezone":
            clock.zone(text)
        if self.key == "currency" and not (len(text) == 3 and text.isalpha() and text.isupper()):
            raise ValueError(f"currency: {text!r} is not a three-letter ISO code such as CNY, USD or EUR.")
        if self.numbers:
            self._check_numbers(text)
        return text

    def _check_numbers(self, text: str) -> None:
        try:
            found = numbers(text)
        except ValueError:
            found = ()
        if len(found) != self.numbers or not all(self._is_within(number) for number in found):
            raise ValueError(
                f"{self.key}: {text!r} is not allowed: write {self.numbers} whole numbers from {self.least} to "
                f"{self.most}, split by commas, such as {self.default}."
            )

    def _is_within(self, number: int) -> bool:
        return (self.least is None or number >= self.least) and (self.most is None or number <= self.most)

    def _number(self, value: Any) -> int:
        try:
            number = int(value)
        except (TypeError, ValueError):
            raise ValueError(f"{self.key}: {value!r} is not a whole number.") from None
        if not self._is_within(number):
            raise ValueError(f"{self.key}: {number} is outside {self.least} to {self.most}.")
        return number


def numbers(text: str) -> tuple[int, ...]:
    """The whole numbers of an option such as ``1, 4, 8``; raises ValueError for anything else."""
    return tuple(int(part) for part in text.split(","))


_TIMES = frozenset({"workday_starts", "workday_ends", "quiet_from", "quiet_to"})


def _public_url(text: str) -> str:
    found = text.rstrip("/")
    parts = urlsplit(found)
    if found and (
        parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment
    ):
        raise ValueError(f"public_url: {text!r} is no web address: write one such as https://cs.example.com.")
    return found


def _is_time(text: str) -> bool:
    try:
        return dt.time.fromisoformat(text).strftime("%H:%M") == text
    except ValueError:
        return False

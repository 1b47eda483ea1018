"""When an event happened: reading a sender's time and correcting its clock by Segment's formula. Pure."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

SECOND = 1_000_000
DAY = 86_400 * SECOND
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_TICK = dt.timedelta(microseconds=1)
EARLIEST = (dt.datetime(2000, 1, 1, tzinfo=dt.UTC) - _EPOCH) // _TICK
# Numbers are seconds up to the year 5138, milliseconds beyond it.
_SECONDS_BELOW = 100_000_000_000
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Times:
    """The times of an event besides its arrival, in microseconds since 1970 UTC.

    ``flag`` is None, or says why ``occurred`` is the time of arrival: ``absent``, ``ahead``, ``before 2000``,
    or ``unreadable: …`` with the text that was sent.
    """

    occurred: int
    original: int | None
    sent: int | None
    flag: str | None


def place(timestamp: Any, sent_at: int | None, received: int) -> Times:
    """Correct the sender's clock: received - (sent - timestamp). Impossible results become ``received``."""
    if timestamp is None or timestamp == "":
        return Times(received, None, sent_at, "absent")
    original = moment(timestamp)
    if original is None:
        return Times(received, None, sent_at, f"unreadable: {str(timestamp)[:_SHOWN]}")
    occurred = original if sent_at is None else received - (sent_at - original)
    if occurred > received + DAY:
        return Times(received, original, sent_at, "ahead")
    if occurred < EARLIEST:
        return Times(received, original, sent_at, "before 2000")
    return Times(occurred, original, sent_at, None)


def moment(value: Any) -> int | None:
    """A time as microseconds since 1970 UTC, or None when it is unreadable.

    Readable are ISO 8601 text (no zone means UTC) and numbers of seconds or milliseconds.
    """
    if isinstance(value, str):
        text = value.strip()
        # Eight digits are a day of ISO 8601, more are a number.
        return _from_number(float(text)) if len(text) > 8 and _NUMBER.fullmatch(text) else _from_text(text)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _from_number(value)
    return None


def _from_number(value: float) -> int | None:
    micros = value * (SECOND if abs(value) < _SECONDS_BELOW else 1000)
    try:
        found = _EPOCH + dt.timedelta(microseconds=round(micros))
    except (OverflowError, ValueError):
        return None
    return (found - _EPOCH) // _TICK


def _from_text(text: str) -> int | None:
    extra = dt.timedelta()
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        # 24:00 and the leap second are right in ISO 8601 but unknown to the library.
        if (again := re.sub(r"(?<=[T ])24(?=:?00)", "00", text)) != text:
            extra = dt.timedelta(days=1)
        elif (again := re.sub(r"(?<=:[0-5]\d:)60", "59", text)) != text:
            extra = dt.timedelta(seconds=1)
        else:
            return None
        try:
            found = dt.datetime.fromisoformat(again)
        except ValueError:
            return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=dt.UTC)
    return (found - _EPOCH + extra) // _TICK

"""What a ledger of consents says about one message."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

SERVICE, MARKETING, SMS = "service", "marketing", "sms"
# A withdrawal of everything that reaches messages of topic service too: said to the channel itself.
_FINAL = frozenset({"reply", "complaint"})


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the ledger. '' as medium or topic: all of them; ``order`` tells lines of the same moment apart."""

    medium: str
    topic: str
    is_given: bool
    source: str
    at: dt.datetime
    order: int = 0
    has_proof: bool = False


def refusal(lines: Iterable[Line], medium: str, topic: str, *, marketing_needs_consent: bool) -> str:
    """'' where the message may be sent, else ``withdrawn`` or ``no_consent``: the newest line that fits decides.

    SMS needs a consent with its proof, whatever it is about. Marketing needs a consent where the setting says so. Without a
    line everything else may be sent.
    """
    fitting = [line for line in lines if line.medium in {"", medium} and _reaches(line, topic)]
    newest = max(fitting, key=lambda line: (line.at, line.order), default=None)
    if newest is not None and not newest.is_given:
        return "withdrawn"
    if medium == SMS:
        return "" if newest is not None and newest.has_proof else "no_consent"
    if topic == MARKETING and marketing_needs_consent and newest is None:
        return "no_consent"
    return ""


def _reaches(line: Line, topic: str) -> bool:
    if topic == SERVICE and not line.is_given:
        return line.topic == SERVICE or (not line.topic and line.source in _FINAL)
    return line.topic in {"", topic}

"""What may be asked: a frozen question, read from an address and written back to it. Pure."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal
from urllib.parse import urlencode

Kind = Literal["trend", "stickiness", "penetration", "funnel", "retention", "paths"]
KINDS: tuple[Kind, ...] = ("trend", "stickiness", "penetration", "funnel", "retention", "paths")
UNITS = ("users", "accounts")
MEASURES = ("users", "accounts", "uses")
WINDOWS = (1, 7, 28)
# Fields of an account that a figure may be split by; ``segment`` may overlap, ``role`` is of end users.
SPLITS = ("tier", "stage", "industry", "region", "edition", "owner", "segment", "role")
FILTERS = ("account", "segment", "tier", "stage", "industry", "edition", "owner", "role")
DEFAULT_DAYS = 90
MOST_DAYS = 1_830
MOST_STEPS = 8
MOST_SERIES = 5
LEVELS = (1, 2, 3, 4, 5)
# Minutes of a funnel's window.
WITHIN = {
    "30m": 30,
    "1h": 60,
    "1d": 1_440,
    "3d": 4_320,
    "7d": 10_080,
    "14d": 20_160,
    "30d": 43_200,
    "90d": 129_600,
}
_WHAT = re.compile(r"any|(?:event|feature):.{1,200}", re.S)


@dataclass(frozen=True, slots=True)
class What:
    """A use that is looked for: any, of a feature, or an event by its name. Written ``feature:KEY``."""

    kind: str
    key: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}" if self.key else self.kind

    @classmethod
    def read(cls, text: str) -> What | None:
        """None for what nobody may ask."""
        if not _WHAT.fullmatch(text):
            return None
        kind, _, key = text.partition(":")
        return cls(kind, key)


ANY = What("any")


@dataclass(frozen=True, slots=True)
class Question:
    """One analysis. A range is the last ``days`` days, or from ``since`` to ``until`` (both included)."""

    kind: Kind
    days: int = DEFAULT_DAYS
    since: dt.date | None = None
    until: dt.date | None = None
    what: tuple[What, ...] = ()
    measure: str = "users"
    window: int = 1
    unit: str = "users"
    within: str = "7d"
    cohort: str = "first_use"
    period: str = "week"
    direction: str = "after"
    nodes: str = "features"
    levels: int = 3
    by: str = ""
    account: str = ""
    segment: str = ""
    tier: str = ""
    stage: str = ""
    industry: str = ""
    edition: str = ""
    owner: str = ""
    role: str = ""

    @property
    def steps(self) -> tuple[What, ...]:
        return self.what

    @property
    def main(self) -> What:
        """What is counted, returned to, or led to."""
        return self.what[0] if self.what else ANY

    @property
    def filters(self) -> dict[str, str]:
        return {name: value for name in FILTERS if (value := getattr(self, name))}

    @property
    def follows(self) -> str:
        """Who is followed: contracts are of accounts."""
        return "accounts" if self.kind == "retention" and self.cohort == "contract" else self.unit

    def range(self, newest: dt.date) -> tuple[dt.date, dt.date]:
        """The first and the last day; ``newest`` is the last one that has figures."""
        if self.since and self.until:
            return self.since, self.until
        return newest - dt.timedelta(days=self.days - 1), newest

    def query(self) -> str:
        """The part of the address that holds all of the question but its kind; defaults are left out."""
        pairs: list[tuple[str, str]] = []
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in {"kind", "since", "until", "what"} or value == field.default:
                continue
            if field.name == "days" and self.since:
                continue
            pairs.append((field.name, str(value)))
        if self.since and self.until:
            pairs += [("from", self.since.isoformat()), ("to", self.until.isoformat())]
        return urlencode(pairs + [("what", str(one)) for one in self.what])


class QuestionError(ValueError):
    """A question that cannot be asked; ``problems`` name field, found value and what is allowed."""

    def __init__(self, problems: Sequence[tuple[str, str, str]]) -> None:
        super().__init__(
            "; ".join(f"{field}: found {found}, allowed: {allowed}" for field, found, allowed in problems)
        )
        self.problems = list(problems)


_CHOICES: dict[str, Sequence[str]] = {
    "measure": MEASURES,
    "unit": UNITS,
    "within": tuple(WITHIN),
    "cohort": ("first_use", "contract"),
    "period": ("week", "month"),
    "direction": ("after", "before"),
    "nodes": ("features", "events"),
    "by": ("", *SPLITS),
}
_NUMBERS: dict[str, tuple[Sequence[int] | range, str]] = {
    "days": (range(1, MOST_DAYS + 1), f"1 … {MOST_DAYS}"),
    "window": (WINDOWS, "1, 7, 28"),
    "levels": (LEVELS, "1 … 5"),
}


def read(kind: Kind, said: Mapping[str, str], what: Sequence[str]) -> Question:
    """The question of an address: ``said`` has the last value of each name, ``what`` all values of that name.

    Raises QuestionError with everything that is wrong, so that nothing is answered that was not asked.
    """
    problems: list[tuple[str, str, str]] = []
    found: dict[str, Any] = {}
    for name, choices in _CHOICES.items():
        value = said.get(name, "")
        if value and value not in choices:
            problems.append((name, value, ", ".join(one for one in choices if one)))
        elif value:
            found[name] = value
    for name, (allowed, words) in _NUMBERS.items():
        if value := said.get(name, ""):
            if value.isascii() and value.isdecimal() and int(value) in allowed:
                found[name] = int(value)
            else:
                problems.append((name, value, words))
    if (account := said.get("account", "")) and not (
        account.isascii() and account.isdecimal() and len(account) < 19
    ):
        problems.append(("account", account, "1, 2, 3, …"))
    found |= {name: value[:200] for name in FILTERS if (value := said.get(name, ""))}
    problems += _range(said, found)
    problems += _what(kind, what, found)
    if problems:
        raise QuestionError(problems)
    asked = replace(Question(kind), **found)
    if (
        kind in {"funnel", "retention"}
        and asked.follows == "accounts"
        and "role" in (asked.by, *asked.filters)
    ):
        raise QuestionError([("role", "unit=accounts", "unit=users")])
    return asked


def _range(said: Mapping[str, str], found: dict[str, Any]) -> list[tuple[str, str, str]]:
    first, last = said.get("from", ""), said.get("to", "")
    if not first and not last:
        return []
    try:
        since, until = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    except ValueError:
        return [("from", f"{first or '-'} … {last or '-'}", "2026-01-31 … 2026-02-28")]
    if not 0 <= (until - since).days < MOST_DAYS:
        return [("from", f"{first} … {last}", f"1 … {MOST_DAYS} days")]
    found |= {"since": since, "until": until}
    return []


def _what(kind: Kind, what: Sequence[str], found: dict[str, Any]) -> list[tuple[str, str, str]]:
    asked = [text for text in what if text]
    read_ = [What.read(text) for text in asked]
    bad = [text for text, one in zip(asked, read_, strict=True) if one is None]
    if bad:
        return [("what", ", ".join(bad), "any, feature:KEY, event:NAME")]
    most = {"funnel": MOST_STEPS, "trend": MOST_SERIES}.get(kind, 1)
    if len(asked) > most:
        return [("what", str(len(asked)), f"1 … {most}")]
    found["what"] = tuple(read_)
    return []

"""When an event that comes again and again is an alert: so many within so many minutes. Pure."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

MOST_COUNT, MOST_MINUTES, MOST_COOL_DOWN = 1_000, 24 * 60, 90 * 24


@dataclass(frozen=True, slots=True)
class Watch:
    """What an event rule waits for: ``count`` events of a name within ``minutes``, of one account, or ``per_user`` of one of its end
    users; only those whose property has a value, where ``property`` is named. After it fired it rests for ``cool_down_hours``.
    """

    event: str
    count: int = 3
    minutes: int = 10
    property: str = ""
    value: str = ""
    per_user: bool = False
    cool_down_hours: int = 24

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Watch:
        return cls(**params)

    def as_params(self) -> dict[str, Any]:
        return asdict(self)

    def takes(self, name: str, said: Mapping[str, Any]) -> bool:
        """Whether an event with some properties counts."""
        if name != self.event:
            return False
        return not self.property or as_text(said.get(self.property)) == self.value


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One event that counts: when it happened, and whose it was (empty: nobody's)."""

    at: dt.datetime
    end_user: str = ""


@dataclass(frozen=True, slots=True)
class Firing:
    """So many events from the first to the last of them; ``end_user`` where a rule looks at each."""

    first: dt.datetime
    at: dt.datetime
    n: int
    end_user: str = ""


def as_text(value: Any) -> str:
    """A property as a rule compares it: true and false in small letters, whole numbers without a fraction."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def firings(watch: Watch, happened: Iterable[Occurrence], after: dt.datetime | None = None) -> list[Firing]:
    """Each time at which a rule fires on an account's events, in order. Events up to ``after`` do not count, and neither do those up
    to the end of the rest after a firing. The window is open at its start: three at 10:00, 10:05 and 10:10 are not within ten minutes.
    """
    span, rest = dt.timedelta(minutes=watch.minutes), dt.timedelta(hours=watch.cool_down_hours)
    recent: dict[str, deque[dt.datetime]] = {}
    found: list[Firing] = []
    for one in sorted(happened, key=lambda one: (one.at, one.end_user)):
        who = one.end_user if watch.per_user else ""
        if (after is not None and one.at <= after) or (watch.per_user and not who):
            continue
        window = recent.setdefault(who, deque())
        window.append(one.at)
        while window[0] <= one.at - span:
            window.popleft()
        if len(window) >= watch.count:
            found.append(Firing(window[0], one.at, len(window), who))
            after = one.at + rest
            recent.clear()
    return found


def figures(watch: Watch, firing: Firing) -> dict[str, Any]:
    """What an alert of a firing keeps."""
    return {
        "event": watch.event,
        "property": watch.property,
        "value": watch.value,
        "n": firing.n,
        "minutes": watch.minutes,
        "first": firing.first.isoformat(),
        "at": firing.at.isoformat(),
        "end_user": firing.end_user,
    }


def problems(watch: Watch) -> Sequence[str]:
    """The names of the fields that are beyond what is allowed."""
    found = []
    if not watch.event.strip() or len(watch.event) > 200:
        found.append("event")
    if not 1 <= watch.count <= MOST_COUNT:
        found.append("count")
    if not 1 <= watch.minutes <= MOST_MINUTES:
        found.append("minutes")
    if not 0 <= watch.cool_down_hours <= MOST_COOL_DOWN:
        found.append("cool_down_hours")
    if bool(watch.property) != bool(watch.value) or len(watch.property) > 100 or len(watch.value) > 200:
        found.append("property")
    return found

"""Whether a message goes now, waits, or is held back, and for which reason. The claim asks this, in its transaction."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from evergreen.base.clock import local_day
from evergreen.base.wall import at_wall, out_of_quiet
from evergreen.base.working_days import WorkingDays

_DAY = dt.timedelta(days=1)
_WEEK = dt.timedelta(days=7)
# It waits until the person comes by itself, so it disturbs nobody at night.
IN_APP = "in_app"
# Marketing by SMS is allowed from 8 to 21 o'clock, whatever the settings say.
SMS_MARKETING = (dt.time(21), dt.time(8))


@dataclass(frozen=True, slots=True)
class Limits:
    """What the vendor set. 0 of a cap: none."""

    a_day: int
    a_week: int
    a_playbook_week: int
    quiet_from: dt.time | None
    quiet_to: dt.time | None
    on_working_days: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that counts towards what a person gets: when it was claimed, by which channel, for which playbook."""

    at: dt.datetime
    channel: int
    origin: str


@dataclass(frozen=True, slots=True)
class Case:
    """A message that is due. ``blocked`` is a reason for which it can never go ('' for none)."""

    topic: str
    medium: str
    channel: int
    origin: str
    expires_at: dt.datetime
    zone: ZoneInfo
    is_staff: bool = False
    channel_a_day: int = 0
    blocked: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``go``; ``wait`` until a moment; ``hold`` back for good."""

    kind: str
    reason: str = ""
    until: dt.datetime | None = None


def decide(
    case: Case, history: Sequence[Sent], now: dt.datetime, limits: Limits, days: WorkingDays
) -> Verdict:
    """What becomes of a message now. ``history``: what the person got in the last 8 days, in any order.

    Messages to staff and those of topic service keep no quiet hours, working days and caps. One whose wait would end after it
    expires is held back for the reason it would have waited for.
    """
    if case.blocked:
        return Verdict("hold", case.blocked)
    if now > case.expires_at:
        return Verdict("hold", "late")
    if case.is_staff or case.topic == "service":
        return Verdict("go")
    until, reason = now, ""
    # Each limit may move the moment into another's reach: asked again until none of them moves it.
    for _round in range(16):
        moved, why = _next(case, history, until, limits, days)
        if moved <= until:
            break
        until, reason = moved, why
    if until <= now:
        return Verdict("go")
    return Verdict("hold", reason) if until > case.expires_at else Verdict("wait", reason, until)


def _next(
    case: Case, history: Sequence[Sent], at: dt.datetime, limits: Limits, days: WorkingDays
) -> tuple[dt.datetime, str]:
    """The earliest moment from ``at`` on that the first limit in the way allows, and its name."""
    if case.medium == IN_APP:
        free = _under_caps(case, history, at, limits)
        return (free, "cap") if free > at else (at, "")
    free = out_of_quiet(at, limits.quiet_from, limits.quiet_to, case.zone)
    if case.medium == "sms" and case.topic == "marketing":
        free = max(free, out_of_quiet(at, *SMS_MARKETING, case.zone))
    if free > at:
        return free, "quiet"
    if limits.on_working_days:
        today = local_day(at, case.zone)
        if not days.working_or_weekday(today)[0]:
            return at_wall(days.next(today).value, dt.time(), case.zone), "working_day"
    free = _under_caps(case, history, at, limits)
    return (free, "cap") if free > at else (at, "")


def _under_caps(case: Case, history: Sequence[Sent], at: dt.datetime, limits: Limits) -> dt.datetime:
    today = local_day(at, case.zone)
    begins, tomorrow = (at_wall(day, dt.time(), case.zone) for day in (today, today + _DAY))
    here = [one.at for one in history if begins <= one.at < tomorrow]
    in_channel = [one for one in history if one.channel == case.channel and begins <= one.at < tomorrow]
    if limits.a_day and len(here) >= limits.a_day:
        return tomorrow
    if case.channel_a_day and len(in_channel) >= case.channel_a_day:
        return tomorrow
    rolling = [one.at for one in history if one.at > at - _WEEK]
    of_playbook = [
        one.at for one in history if one.at > at - _WEEK and case.origin and one.origin == case.origin
    ]
    return max(
        _room(rolling, limits.a_week, at),
        _room(of_playbook, limits.a_playbook_week, at),
    )


def _room(within: Sequence[dt.datetime], most: int, at: dt.datetime) -> dt.datetime:
    """When fewer than ``most`` of these lie within the week before."""
    if not most or len(within) < most:
        return at
    return sorted(within)[len(within) - most] + _WEEK


def allowance(
    claimed: Sequence[dt.datetime], now: dt.datetime, rates: Sequence[tuple[dt.timedelta, int]]
) -> int:
    """How many more may be claimed now, ``claimed`` being the ascending moments of those before: at most ``most`` within
    each ``span``. A rate of 0 is none.
    """
    left = [most - (len(claimed) - bisect_right(claimed, now - span)) for span, most in rates if most]
    return max(0, min(left)) if left else 1_000_000


def rested(faults: int) -> dt.timedelta:
    """How long a channel rests after so many faults in a row: half a minute, doubled each time, an hour at most."""
    return min(dt.timedelta(seconds=30 * 2 ** min(faults - 1, 10)), dt.timedelta(hours=1))

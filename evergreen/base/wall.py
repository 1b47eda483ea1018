"""Wall time: what a clock on the wall says in a zone, working hours, quiet hours. Pure.

A wall time that a clock change skips is the first valid moment after it; one that comes twice is its first. Answers about
working days come with the years whose days nobody has published (``Certain``).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from evergreen.base.clock import local_day
from evergreen.base.working_days import Certain, WorkingDays

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Calendar:
    """What wall time means here: a zone and the vendor's working days."""

    zone: ZoneInfo
    days: WorkingDays


def at_wall(day: dt.date, at: dt.time, zone: ZoneInfo) -> dt.datetime:
    """A wall time as UTC: where clocks go forward over it, the moment at which they do; where it comes twice, the first."""
    wall = dt.datetime.combine(day, at.replace(fold=0), zone)
    moment = wall.astimezone(dt.UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return moment
    # Skipped: with fold=0 the offset before the gap applies, so the moment lies as far behind the gap's end as the wall
    # time lies behind its beginning. The first valid moment is found between the two.
    low, high = moment - _DAY, moment
    before = low.astimezone(zone).utcoffset()
    while high - low > dt.timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def working_from(moment: dt.datetime, calendar: Calendar) -> Certain[dt.datetime]:
    """The moment itself within working hours, else the next opening."""
    zone, days = calendar.zone, calendar.days
    today = local_day(moment, zone)
    worked, known = days.working_or_weekday(today)
    years: tuple[int, ...] = () if known else (today.year,)
    opens, closes = (at_wall(today, at, zone) for at in (days.hours.opens, days.hours.closes))
    if worked and moment < closes:
        return Certain(max(moment, opens), years)
    following = days.next(today)
    opens = at_wall(following.value, days.hours.opens, zone)
    return Certain(opens, tuple(dict.fromkeys((*years, *following.unknown_years))))


def out_of_quiet(
    moment: dt.datetime, quiet_from: dt.time | None, quiet_to: dt.time | None, zone: ZoneInfo
) -> dt.datetime:
    """The moment itself outside quiet hours (which may lie over midnight), else their end."""
    if quiet_from is None or quiet_to is None or quiet_from == quiet_to:
        return moment
    today = local_day(moment, zone)
    for day in (today - _DAY, today):
        ends_on = day if quiet_from < quiet_to else day + _DAY
        begins, ends = at_wall(day, quiet_from, zone), at_wall(ends_on, quiet_to, zone)
        if begins <= moment < ends:
            return ends
    return moment

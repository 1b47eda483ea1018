"""When a waiting run wakes: spans of time in the wall time of a zone. Pure."""

from __future__ import annotations

import datetime as dt

from evergreen.base.clock import local_day
from evergreen.base.wall import Calendar, at_wall
from evergreen.base.working_days import Certain
from evergreen.playbooks.rules.definition import Span

_DAY = dt.timedelta(days=1)


def span_ends(span: Span, start: dt.datetime, calendar: Calendar) -> Certain[dt.datetime]:
    """The first moment, in UTC, at which ``span`` has passed since ``start``.

    Minutes and hours are real time. Days keep the wall time at which they began, unless ``at`` names another; working days
    end at ``at``, else at the wall time of the start.
    """
    if span.unit == "minutes":
        return Certain(start + dt.timedelta(minutes=span.count))
    if span.unit == "hours":
        return Certain(start + dt.timedelta(hours=span.count))
    zone = calendar.zone
    today = local_day(start, zone)
    at = span.at or start.astimezone(zone).time()
    ends_on = Certain(today + span.count * _DAY)
    if span.unit == "working_days":
        ends_on = calendar.days.add(today, span.count)
    day, years = ends_on.value, ends_on.unknown_years
    moment = at_wall(day, at, zone)
    if moment < start:
        # No days, but an hour that is over already: tomorrow's, or the next working day's.
        following = calendar.days.next(day) if span.unit == "working_days" else Certain(day + _DAY)
        moment = at_wall(following.value, at, zone)
        years = (*years, *following.unknown_years)
    return Certain(moment, tuple(dict.fromkeys(years)))

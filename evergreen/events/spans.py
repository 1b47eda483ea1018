"""Use that was counted before (``import --as usage``), spread over the days and people it speaks of.

A row says that an account did something so often in a span of days; who and on which days exactly, nobody knows any
more. What is made of it never says more than the row does:

- the count and the seconds stand on the last day of use: ``last_day`` where it is given, else that of rows about the same
  span that say their days, else the end of the span. So 28 days that end with a span hold the whole spans they hold;
- ``active_days`` are the days up to that one, ``active_users`` the people ``#1`` … ``#n``: ``#1`` on all of the days, the
  others on the last. The same numbers stand for the same people in every span. So active days are exact within a span,
  and people over several spans, and the days of each, are the least that the rows allow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from evergreen.events.warehouses import functions

if TYPE_CHECKING:
    import ibis.expr.types as ir

_SPAN = ["account_id", "tenant", "known_on", "first_on", "to_on"]


def some(events: Any) -> ir.Table:
    """One row if any of these events may be of counted use; none if there is none."""
    return events.filter(events.kind == "usage", events.properties.notnull()).select("kind").limit(1)


def is_span(events: Any) -> Any:
    """Whether an event is a row of counted use that names its days."""
    return (events.kind == "usage") & functions.said_json(events.properties, "from").notnull()


def spread(rows: Any) -> ir.Table:
    """One row a person and day, after the columns of ``rows``; the uses and seconds of a span stand once."""
    rows = rows.mutate(
        first_on=_date(rows, "from"),
        to_on=_date(rows, "to").coalesce(rows.day),
        said_last_on=_date(rows, "last_day"),
        days=_number(rows, "active_days"),
        users=_number(rows, "active_users"),
    )
    own = rows.said_last_on.coalesce(rows.to_on)
    says_days = (rows.days > 0) | (rows.users > 0)
    same_span = ibis.window(group_by=[rows[name] for name in _SPAN])
    told = ibis.ifelse(says_days, own, ibis.null("date")).max().over(same_span)
    rows = rows.mutate(last_on=ibis.ifelse(says_days, own, rows.said_last_on.coalesce(told, rows.to_on)))
    rows = rows.filter((rows["count"] > 0) | (rows.days > 0) | (rows.users > 0))
    rows = rows.mutate(person=ibis.range(1, ibis.greatest(rows.users, 1) + 1).unnest())
    lasts = ibis.ifelse(rows.person == 1, ibis.greatest(rows.days, 1), 1)
    rows = rows.mutate(back=ibis.range(0, lasts).unnest())
    stands = (rows.person == 1) & (rows.back == 0)
    return rows.mutate(
        end_user=ibis.ifelse(rows.users > 0, ibis.literal("#") + rows.person.cast("string"), rows.end_user),
        # By way of a moment: engines disagree on whether a day less an interval is one.
        day=(rows.last_on - rows.back.as_interval("D")).cast("timestamp").cast("date"),
        count=ibis.ifelse(stands, rows["count"], 0),
        seconds=ibis.ifelse(stands, rows.seconds, ibis.null("float64")),
    ).drop(
        "first_on", "to_on", "said_last_on", "days", "users", "last_on", "person", "back"
    )  # fmt: skip


def _date(rows: Any, name: str) -> Any:
    return functions.said_day(rows.properties, name)


def _number(rows: Any, name: str) -> Any:
    return functions.said_number(rows.properties, name).cast("int64").coalesce(0)

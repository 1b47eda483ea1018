"""Sessions: the events of an end user without a longer silence among them."""

from __future__ import annotations

from typing import Any

import ibis

GAP_MINUTES = 30
# Kinds of events that happen at a moment; a pre-counted usage row knows only its day.
KINDS = ("track", "page", "screen")
PERSON = ("account_id", "tenant", "source", "end_user")


def sessions(events: Any, gap_minutes: int = GAP_MINUTES) -> Any:
    """One row a session of an end user: account_id, tenant, source, end_user, started_at, ended_at, seconds, events.

    ``events`` has ``PERSON``, occurred_at and count; those without an end user have no session. A session ends before
    a silence of more than ``gap_minutes``. One event alone is a session of 0 seconds.
    """
    rows = _with_silence(events, PERSON)
    begins = (rows.silence.isnull() | (rows.silence > gap_minutes * 60)).cast("int64")
    so_far = ibis.cumulative_window(group_by=[rows[name] for name in PERSON], order_by=rows.occurred_at)
    rows = rows.mutate(session=begins.sum().over(so_far))
    found = rows.group_by([*PERSON, "session"]).aggregate(
        started_at=rows.occurred_at.min(),
        ended_at=rows.occurred_at.max(),
        events=rows["count"].sum().cast("int64"),
    )
    seconds = found.ended_at.delta(found.started_at, unit="microsecond") / 1_000_000.0
    return found.mutate(seconds=seconds).drop("session")


def online(events: Any, gap_minutes: int = GAP_MINUTES) -> Any:
    """Sessions and their seconds by account, tenant, day and known day, in one pass: what the roll-up keeps.

    A session ends at midnight too, and what became known on another day is counted by itself, so that a known day says
    the same whatever came before it.
    """
    parted = (*PERSON, "day", "known_on")
    rows = _with_silence(events, parted)
    goes_on = rows.silence <= gap_minutes * 60
    return rows.group_by(["account_id", "tenant", "day", "known_on"]).aggregate(
        sessions=(~goes_on.coalesce(ibis.literal(False))).sum().cast("int64"),
        online_seconds=rows.silence.sum(where=goes_on).coalesce(0.0),
    )


def _with_silence(events: Any, parted: tuple[str, ...]) -> Any:
    """The events of end users with ``silence``: seconds since the one before of the same person, null for the first."""
    rows = events.filter(events.end_user.notnull())
    before = rows.occurred_at.lag().over(
        ibis.window(group_by=[rows[name] for name in parted], order_by=rows.occurred_at)
    )
    return rows.mutate(silence=rows.occurred_at.delta(before, unit="microsecond") / 1_000_000.0)

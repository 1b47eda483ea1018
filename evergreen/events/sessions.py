"""Sessions: what an end user did without a longer pause. Ibis expressions over ``lake.events`` (or rows like them)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir

# An end user is unique within source and account; a person's sessions are the same in every tenant.
PERSON = ("account_id", "source", "end_user")
# Kinds of events that happened at their moment. A pre-counted row (``usage``) knows only its day.
MOMENT_KINDS = ("track", "page", "screen")
GAP_MINUTES = 30
# In microseconds, as ``micros`` tells moments.
MINUTE = 60_000_000


def moments(events: ir.Table) -> ir.Table:
    """The events that sessions, funnels and paths are made of: uses of a known account by a known end user, each at its
    moment.
    """
    rows: Any = events
    return rows.filter(
        rows.account_id.notnull(), rows.end_user.notnull(), rows.kind.isin(MOMENT_KINDS), rows["count"] > 0
    )


def micros(moment: Any) -> Any:
    """A moment as microseconds since 1970."""
    return moment.delta(ibis.literal("1970-01-01 00:00:00", "timestamp"), unit="microsecond")


def begins(now: Any, before: Any, gap: Any) -> Any:
    """Whether a session begins: a pause longer than the gap ends one, exactly so long does not, and the first of all begins one.

    ``now`` and ``before`` (null at the first) are whole numbers of the gap's unit.
    """
    return (now - before > gap).coalesce(ibis.literal(True))


def in_sessions(
    events: ir.Table,
    gap_minutes: int = GAP_MINUTES,
    *,
    person: Sequence[str] = PERSON,
    then: Sequence[str] = (),
) -> ir.Table:
    """The events with ``before_at``, when the event before it of its end user happened, and ``starts``: whether a session
    begins with this event.

    Pauses are told as ``begins`` says. Of events of one instant only one starts a session: the first by the columns ``then``. ``events`` has the columns of ``person`` and ``occurred_at`` and is
    filtered already (``moments``).
    """
    rows: Any = events
    over: dict[str, Any] = {
        "group_by": [rows[name] for name in person],
        "order_by": [rows.occurred_at, *(rows[name] for name in then)],
    }
    rows = rows.mutate(before_at=rows.occurred_at.lag().over(**over))
    starts = begins(micros(rows.occurred_at), micros(rows.before_at), gap_minutes * MINUTE)
    return rows.mutate(starts=starts)


def online(moments: ir.Table, gap_minutes: int = GAP_MINUTES) -> ir.Table:
    """Sessions and their seconds as the roll-up keeps them: ``account_id, tenant, day, known_on, sessions, online_seconds``.

    A session ends at midnight too, and what became known on another day is counted by itself, so that a known day says the
    same whatever came before it. A session counts in the tenant of its first event, each stretch of time in that of the
    event at its end.
    """
    rows: Any = in_sessions(moments, gap_minutes, person=(*PERSON, "day", "known_on"), then=("tenant",))
    silence = rows.occurred_at.delta(rows.before_at, unit="microsecond") / 1_000_000.0
    return rows.group_by(["account_id", "tenant", "day", "known_on"]).aggregate(
        sessions=rows.starts.sum().cast("int64"),
        online_seconds=silence.sum(where=~rows.starts).coalesce(0.0),
    )

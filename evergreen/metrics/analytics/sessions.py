"""Sessions: what an end user did without a longer pause. Ibis expressions over ``lake.events`` (or rows like them)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir

# An end user is unique within source and account; a person's sessions are the same in every tenant.
PERSON = ("account_id", "source", "end_user")
# Kinds of events that happened at their moment. A pre-counted row (``usage``) does not say when.
MOMENT_KINDS = ("track", "page", "screen")
GAP_MINUTES = 30


def moments(events: ir.Table) -> ir.Table:
    """The events that sessions, funnels and paths are made of: uses of a known account by a known end user, each at its
    moment.
    """
    rows: Any = events
    return rows.filter(
        rows.account_id.notnull(), rows.end_user.notnull(), rows.kind.isin(MOMENT_KINDS), rows["count"] > 0
    )


def in_sessions(
    events: ir.Table,
    gap_minutes: int = GAP_MINUTES,
    *,
    person: Sequence[str] = PERSON,
    then: Sequence[str] = (),
    before: Mapping[str, str] | None = None,
) -> ir.Table:
    """The events with ``starts``: whether a session of its end user begins with this event.

    A pause longer than ``gap_minutes`` ends a session; one of exactly so long does not. Of events of one instant only one
    starts a session: the first by the columns ``then``. ``events`` has the columns of ``person`` and ``occurred_at`` and is
    filtered already (``moments``). ``before`` are columns to be added with what another one has in the event before, in the
    same order also where events are alike.
    """
    rows: Any = events
    over: dict[str, Any] = {
        "group_by": [rows[name] for name in person],
        "order_by": [rows.occurred_at, *(rows[name] for name in then)],
    }
    lags = {"before_at": "occurred_at", **(before or {})}
    rows = rows.mutate(**{made: rows[column].lag().over(**over) for made, column in lags.items()})
    is_late = rows.occurred_at > rows.before_at + ibis.interval(minutes=gap_minutes)
    return rows.mutate(starts=is_late.coalesce(ibis.literal(True))).drop("before_at")


def sessions(events: ir.Table, gap_minutes: int = GAP_MINUTES) -> ir.Table:
    """One row a session: ``account_id, source, end_user, number, tenant, started_at, ended_at, seconds, events, day``.

    ``events`` are rows of ``lake.events``; those that are no use at a moment by an end user are left out. ``number``
    counts an end user's sessions from 1, ``seconds`` lie between its first and last event (0 for a single event),
    ``day`` is the vendor's day on which it began, ``tenant`` that of its first event. Sessions at the edges of what is given
    are cut there: give a day more on each side and keep those whose ``day`` is asked for.
    """
    rows: Any = in_sessions(moments(events), gap_minutes, then=("tenant",))
    # Rows of one instant have the same number, whatever their order (a range, not rows).
    so_far = ibis.range_window(
        preceding=None, following=0, group_by=[rows[name] for name in PERSON], order_by=rows.occurred_at
    )
    rows = rows.mutate(number=rows.starts.cast("int64").sum().over(so_far))
    found: Any = rows.group_by([*PERSON, "number"]).aggregate(
        tenant=rows.tenant.max(where=rows.starts),
        started_at=rows.occurred_at.min(),
        ended_at=rows.occurred_at.max(),
        events=rows.count(),
        day=rows.day.min(),
    )
    micros = found.ended_at.delta(found.started_at, unit="microsecond")
    return found.mutate(seconds=micros.cast("float64") / 1e6)

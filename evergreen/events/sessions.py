"""Time online as the roll-up keeps it: sessions of end users by day. ``metrics.analytics.sessions`` has them one by one."""

from __future__ import annotations

from typing import Any

import ibis

GAP_MINUTES = 30
# Kinds of events that happen at a moment; a pre-counted usage row knows only its day.
KINDS = ("track", "page", "screen")


def online(events: Any, gap_minutes: int = GAP_MINUTES) -> Any:
    """Sessions and their seconds by account, tenant, day and known day, in one pass over events with ``account_id``,
    ``tenant``, ``source``, ``end_user``, ``occurred_at``, ``day`` and ``known_on``; those of nobody have no session.

    A session ends before a silence of more than ``gap_minutes``. It ends at midnight too, and what became known on another
    day is counted by itself, so that a known day says the same whatever came before it. A session counts in the tenant
    of its first event, each stretch of time in that of the event at its end.
    """
    rows = events.filter(events.end_user.notnull())
    parted = [rows[name] for name in ("account_id", "source", "end_user", "day", "known_on")]
    in_turn = ibis.window(group_by=parted, order_by=[rows.occurred_at, rows.tenant])
    silence = rows.occurred_at.delta(rows.occurred_at.lag().over(in_turn), unit="microsecond") / 1_000_000.0
    rows = rows.mutate(silence=silence)
    goes_on = (rows.silence <= gap_minutes * 60).coalesce(ibis.literal(False))
    return rows.group_by(["account_id", "tenant", "day", "known_on"]).aggregate(
        sessions=(~goes_on).sum().cast("int64"),
        online_seconds=rows.silence.sum(where=goes_on).coalesce(0.0),
    )

"""Every minute: what has become due since the last one. Safe to run twice."""

from __future__ import annotations

import datetime as dt

from evergreen.events.connections import actions as connections


def run(*, now: dt.datetime) -> None:
    """Start the connections whose time has come, and the runs that have waited long enough."""
    connections.start_due(now=now)

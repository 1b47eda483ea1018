"""Decisions about tickets."""

from __future__ import annotations

import datetime as dt

# How much a ticket of a priority weighs in severity-weighted figures.
WEIGHTS = {"urgent": 8, "high": 4, "medium": 2, "low": 1}


def weight(priority: str) -> int:
    return WEIGHTS[priority]


def response_minutes(opened_at: dt.datetime, first_response_at: dt.datetime | None) -> float | None:
    """Minutes until somebody answered; None while nobody has."""
    return (
        None if first_response_at is None else max(0.0, (first_response_at - opened_at).total_seconds() / 60)
    )


def resolution_hours(opened_at: dt.datetime, closed_at: dt.datetime | None) -> float | None:
    """Hours until the ticket was closed; None while it is open."""
    return None if closed_at is None else max(0.0, (closed_at - opened_at).total_seconds() / 3600)

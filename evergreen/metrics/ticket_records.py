"""Tickets as they stood at the end of a day, each held against the vendor's promises."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from django.db.models import Q

from evergreen.base import queries as base
from evergreen.base.option import numbers
from evergreen.base.working_days import for_vendor
from evergreen.desk.models import Ticket

WEIGHTS = {"urgent": 8, "high": 4, "medium": 2, "low": 1}
LOOK_BACK_DAYS = 90
# Figures about promises look back so far; older tickets are not held against them.
PROMISE_DAYS = 28
NEGATIVE_MARK = 2

SCHEMA = pa.schema(
    [
        ("account_id", pa.int64()),
        ("opened_on", pa.date32()),
        ("is_open", pa.bool_()),
        ("is_closed", pa.bool_()),
        ("weight", pa.int64()),
        ("response_minutes", pa.float64()),
        ("resolution_hours", pa.float64()),
        ("response_met", pa.float64()),
        ("resolution_met", pa.float64()),
        ("solved_at_once", pa.float64()),
        ("was_reopened", pa.float64()),
        ("is_negative", pa.float64()),
        ("satisfaction", pa.float64()),
        ("priority", pa.string()),
        ("is_escalated", pa.bool_()),
        ("is_complaint", pa.bool_()),
    ]
)
_COLUMNS = (
    "account_id",
    "opened_at",
    "closed_at",
    "first_response_at",
    "priority",
    "state",
    "satisfaction",
    "sentiment",
    "replies",
    "reopened_count",
    "is_escalated",
    "is_complaint",
)


def tickets(day: dt.date, end: dt.datetime, zone: ZoneInfo) -> Iterator[tuple[Any, ...]]:
    """One row a ticket that is open or was opened in the last 90 days; 1.0 and 0.0 are yes and no, null is not known."""
    since = end - dt.timedelta(days=LOOK_BACK_DAYS + 1)
    rows = (
        Ticket.objects.filter(known_at__lt=end, opened_at__lt=end)
        .filter(Q(opened_at__gte=since) | Q(closed_at__isnull=True) | Q(closed_at__gte=end))
        .values_list(*_COLUMNS)
    )
    promises = _Promises(end, zone)
    for row in rows.iterator(chunk_size=20_000):
        account, opened, closed, answered, priority, state, mark, sentiment, replies, reopened, *marks = row
        opened_on = opened.astimezone(zone).date()
        # A ticket closed without a known hour counts as closed; one closed later was still open on the day.
        is_closed = closed < end if closed else state == Ticket.State.CLOSED
        answered = answered if answered and answered < end else None
        solved = closed if is_closed else None
        judged = (day - opened_on).days < PROMISE_DAYS
        unhappy = sentiment or (mark is not None and is_closed)
        yield (
            account,
            opened_on,
            not is_closed,
            is_closed,
            WEIGHTS[priority],
            (answered - opened).total_seconds() / 60 if answered else None,
            (solved - opened).total_seconds() / 3600 if solved else None,
            promises.response(opened, answered, priority) if judged else None,
            promises.resolution(opened, solved, priority) if judged and (solved or not is_closed) else None,
            float(replies <= 1 and not reopened) if is_closed and replies is not None else None,
            float(reopened > 0) if is_closed or reopened else None,
            float(_is_negative(sentiment, mark)) if unhappy else None,
            float(mark) if mark is not None and is_closed else None,
            priority,
            *marks,
        )


def _is_negative(sentiment: str, mark: Any) -> bool:
    return sentiment == Ticket.Sentiment.NEGATIVE if sentiment else mark <= NEGATIVE_MARK


class _Promises:
    """Until when a ticket is to be answered and solved: working hours by its priority."""

    def __init__(self, end: dt.datetime, zone: ZoneInfo) -> None:
        self.end, self.zone, self.calendar = end, zone, for_vendor()
        settings = base.all_settings()
        self.responses = dict(zip(WEIGHTS, numbers(settings["sla_response_hours"]), strict=True))
        self.resolutions = dict(zip(WEIGHTS, numbers(settings["sla_resolution_hours"]), strict=True))

    def response(self, opened: dt.datetime, answered: dt.datetime | None, priority: str) -> float | None:
        return self._kept(opened, answered, self.responses[priority])

    def resolution(self, opened: dt.datetime, solved: dt.datetime | None, priority: str) -> float | None:
        return self._kept(opened, solved, self.resolutions[priority])

    def _kept(self, opened: dt.datetime, done: dt.datetime | None, hours: int) -> float | None:
        """Whether something was done in time; None while there still is time."""
        due = self.calendar.due(opened, hours * 60, self.zone).value
        if done is None and due >= self.end:
            return None
        return float(done is not None and done <= due)

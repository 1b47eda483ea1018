"""How far to believe the twin, held against what happened once a week and kept for the pages."""

from __future__ import annotations

import datetime as dt
from typing import Any

from evergreen.customers.lines import number
from evergreen.events import store
from evergreen.foresight.twin import backtest
from evergreen.foresight.twin.dynamics import TooLittleHistoryError
from evergreen.foresight.twin.models import TwinRecord
from evergreen.metrics.queries import snapshot_span

EVERY_DAYS = 7
_KEPT = 5


def is_due(now: dt.datetime) -> bool:
    """Whether it was not held against the past, nor tried, for a week."""
    return not TwinRecord.objects.filter(made_at__gt=now - dt.timedelta(days=EVERY_DAYS)).exists()


def make(*, now: dt.datetime, tell: backtest.Tell | None = None) -> TwinRecord:
    """Run the backtest up to the newest snapshot and keep it; a row without a report where there is too little history."""
    with store.session() as con:
        span = snapshot_span(con)
        report: dict[str, Any] = {}
        if span is not None:
            try:
                report = backtest.backtest(con, number(span.newest), tell).as_dict()
            except TooLittleHistoryError:
                report = {}
    made = TwinRecord.objects.create(day=span.newest if span else None, made_at=now, report=report)
    old = TwinRecord.objects.values_list("pk", flat=True)[_KEPT:]
    TwinRecord.objects.filter(pk__in=list(old)).delete()
    return made


def newest() -> TwinRecord | None:
    """The newest that says something."""
    return next((one for one in TwinRecord.objects.all()[:_KEPT] if one.report), None)

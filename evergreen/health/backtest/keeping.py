"""The record of every scorecard, kept for pages: the night's backtest."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from django.db import transaction

from evergreen.health.actions import versions_on
from evergreen.health.backtest.running import Asked, Backtest, Report, report_from
from evergreen.health.models import Record, Scorecard
from evergreen.health.queries import segment_accounts

if TYPE_CHECKING:
    import duckdb


def backtest(con: duckdb.DuckDBPyConnection, day: dt.date, *, now: dt.datetime) -> int:
    """Hold every active scorecard, as it is in force on ``day``, against the last two years. Returns how many."""
    cards = versions_on(day)
    if not cards:
        return 0
    found = Backtest(con, [card for _scorecard, _version, card in cards], Asked(day))
    reports = [
        (card, version, found.report(parsed, segment_accounts(card.segment) if card.segment else None))
        for card, version, parsed in cards
    ]
    with transaction.atomic():
        for scorecard, version, report in reports:
            Record.objects.update_or_create(
                scorecard=scorecard,
                defaults={
                    "version": version.number,
                    "day": day,
                    "computed_at": now,
                    "report": report.data(),
                },
            )
    return len(reports)


def record_of(scorecard: Scorecard) -> tuple[Record, Report] | None:
    """The newest record of a scorecard; None before its first night."""
    found = Record.objects.filter(scorecard=scorecard).first()
    return (found, report_from(found.report)) if found else None

"""Values of KPIs as they are reported: by the API, by files, by connectors, by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from evergreen.base import clock, queries
from evergreen.base.models import User
from evergreen.base.upserts import Outcome
from evergreen.customers.models import Account
from evergreen.events.kpis import periods, rules
from evergreen.events.kpis.actions.reports import Checks, Recorded, RefusedError, Wanted, keep, shown
from evergreen.events.kpis.models import Kpi, KpiValue

EARLIEST = dt.date(1990, 1, 1)


@dataclass(frozen=True, slots=True)
class Reported:
    """A value of a KPI. ``account`` is its external id (of ``system``, where one is named) or the key of its row.

    ``period`` is its name (2026-10), a date in it, or its first day. ``value`` None takes a value back.
    """

    account: str | int
    kpi: str
    period: str | dt.date
    value: Any
    system: str = ""


def record_kpi_values(
    rows: Sequence[Reported],
    *,
    source: str,
    by: User | None,
    now: dt.datetime,
    is_history: bool = False,
    accounts: QuerySet[Account] | None = None,
    dry_run: bool = False,
) -> Recorded:
    """Keep values, at most 5,000 rows a call, in one transaction. A bad row is refused and keeps no other back.

    The newest report of a period stands; an equal one changes nothing, a different one is kept beside those before
    it. Two different values for one period in one call are refused: nobody could say which is newer.

    ``is_history``: a period that had no value is known at its end instead of now. ``accounts`` narrows whose values
    may be written. ``dry_run`` answers the same and writes nothing. Raises ValueError for more rows.
    """
    if len(rows) > rules.BATCH:
        raise ValueError(
            f"{len(rows)} rows are given, at most {rules.BATCH} are allowed in a call: split them."
        )
    recorded = Recorded([None] * len(rows))
    zone = queries.vendor_zone()
    today = clock.local_day(now, zone)
    with transaction.atomic():
        checks = Checks([(row.account, row.system) for row in rows], [row.kpi for row in rows], accounts)
        wanted: dict[Any, Wanted] = {}
        for number, row in enumerate(rows):
            try:
                one = _checked(checks, number, row, today, zone, now, is_history=is_history)
                same = wanted.setdefault(one.place, one)
                if same is not one:
                    _check_equal(same, one, row)
                    recorded.outcomes[number] = Outcome.DUPLICATE
            except RefusedError as error:
                recorded.refusals.append(error.at(number))
        keep(
            KpiValue,
            list(wanted.values()),
            recorded,
            verb="kpivalue.recorded",
            source=source,
            by=by,
            now=now,
            dry_run=dry_run,
        )
    return recorded


def _checked(
    checks: Checks,
    number: int,
    row: Reported,
    today: dt.date,
    zone: ZoneInfo,
    now: dt.datetime,
    *,
    is_history: bool,
) -> Wanted:
    kpi = checks.kpi(row.kpi)
    account = checks.account(row.account, row.system)
    start = _start(kpi, row.period, today)
    value = checks.value(kpi, row.value, "value")
    ended = clock.day_end(periods.last_day(kpi.span, start), zone)
    known_at = min(ended, now) if is_history else now
    return Wanted(number, (account, kpi.pk, start), {"value": value}, known_at)


def _start(kpi: Kpi, given: str | dt.date, today: dt.date) -> dt.date:
    span = kpi.span
    if isinstance(given, dt.date):
        start: dt.date | None = periods.start_of(span, given)
    else:
        start = periods.read(span, given)
    allowed = _("a %(period)s such as %(example)s, or a date in it, from %(first)s up to today") % {
        "period": str(kpi.get_period_display()).lower(),
        "example": periods.EXAMPLES[span],
        "first": EARLIEST.year,
    }
    if start is None:
        raise RefusedError("period", given, allowed, _("Write the period in this form."))
    if not EARLIEST <= start <= today:
        raise RefusedError("period", given, allowed, _("Send a period when it has begun."))
    return start


def _check_equal(first: Wanted, second: Wanted, row: Reported) -> None:
    if first.says != second.says:
        raise RefusedError(
            "value",
            shown(row.value),
            _("one value a period; row %(row)s of the same call says %(value)s")
            % {"row": first.row, "value": shown(first.says["value"])},
            _("Send the one that is right, or declare the KPI with a shorter period."),
        )

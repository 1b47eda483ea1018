"""How the customers' own KPIs stand against their targets, as known at the end of a day."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby

from evergreen.events.kpis import periods, rules
from evergreen.events.kpis.models import Kpi, KpiTarget, KpiValue

# A value older than this (first day of its period before the day) says nothing of now any more.
CURRENT_DAYS = {"day": 14, "week": 28, "month": 100, "quarter": 200}
_CHUNK = 20_000

Standing = tuple[int, bool, bool]
"""account, whether its target is known, whether the value reaches it."""


def standings(day: dt.date, end: dt.datetime) -> Iterator[Standing]:
    """One row an account and KPI with a current value: the newest period's value against the target in force on its last
    day. Retired KPIs are left out.
    """
    kpis = {kpi.pk: kpi for kpi in Kpi.objects.filter(is_retired=False)}
    if not kpis:
        return
    targets = _targets(kpis, end)
    oldest = day - dt.timedelta(days=max(CURRENT_DAYS.values()))
    rows = (
        KpiValue.objects.filter(kpi__in=kpis, known_at__lt=end, starts_on__gte=oldest, starts_on__lte=day)
        .order_by("account_id", "kpi_id", "starts_on", "known_at", "pk")
        .values_list("account_id", "kpi_id", "starts_on", "value")
        .iterator(chunk_size=_CHUNK)
    )
    for (account, pk), reports in groupby(rows, key=lambda row: row[:2]):
        kpi = kpis[pk]
        # The last report of a period stands; one that was taken back leaves the period before it.
        told = {start: value for _account, _kpi, start, value in reports}
        current = [start for start, value in told.items() if value is not None]
        if not current or (day - current[-1]).days > CURRENT_DAYS[kpi.period]:
            continue
        aim = rules.in_force(targets.get((account, pk), ()), periods.last_day(kpi.span, current[-1]))
        if aim is None or aim.value is None:
            yield account, False, False
            continue
        value = told[current[-1]]
        yield account, True, rules.distance(float(value or 0.0), aim.value, kpi.direction).is_met


def _targets(kpis: dict[int, Kpi], end: dt.datetime) -> dict[tuple[int, int], list[KpiTarget]]:
    """The targets that stood at an instant, by account and KPI, in order of their first day."""
    told: dict[tuple[int, int], list[KpiTarget]] = defaultdict(list)
    for target in KpiTarget.objects.filter(kpi__in=kpis, known_at__lt=end).order_by("known_at", "pk"):
        told[target.account_id, target.kpi_id].append(target)
    return {key: list(rules.standing(reports).values()) for key, reports in told.items()}

"""How the customers' own KPIs stand against their targets, as known at the end of a day."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby

from django.db.models import Q

from evergreen.events.kpis import periods, rules
from evergreen.events.kpis.models import Kpi, KpiTarget, KpiValue
from evergreen.metrics.baselines import RHYTHMS, Point, TooShort, baseline

# A value older than this (first day of its period before the day) says nothing of now any more.
CURRENT_DAYS = {"day": 14, "week": 28, "month": 100, "quarter": 200}
_CHUNK = 20_000

Standing = tuple[int, bool, bool, float | None]
"""account, whether its target is known, whether the value reaches it, how far it lies from its baseline."""


def standings(day: dt.date, end: dt.datetime) -> Iterator[Standing]:
    """One row an account and KPI with a current value: the newest period's value against the target in force on its last
    day, and against its baseline in the spreads of that (better is positive). Retired KPIs are left out.
    """
    kpis = {kpi.pk: kpi for kpi in Kpi.objects.filter(is_retired=False)}
    if not kpis:
        return
    targets = _targets(kpis, end)
    rows = (
        KpiValue.objects.filter(_recent(kpis, day), known_at__lt=end, starts_on__lte=day)
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
        value = float(told[current[-1]] or 0.0)
        history = [(start, float(told[start] or 0.0)) for start in current]
        deviation = _deviation(kpi, current[-1], value, history)
        aim = rules.in_force(targets.get((account, pk), ()), periods.last_day(kpi.span, current[-1]))
        if aim is None or aim.value is None:
            yield account, False, False, deviation
            continue
        yield account, True, rules.distance(value, aim.value, kpi.direction).is_met, deviation


def _recent(kpis: dict[int, Kpi], day: dt.date) -> Q:
    """The values that may be current or in the window of a baseline, by the length of the KPI's period."""
    wanted = Q()
    for period, rhythm in RHYTHMS.items():
        mine = [pk for pk, kpi in kpis.items() if kpi.period == period]
        since = day - dt.timedelta(days=rhythm.window_days + CURRENT_DAYS[period])
        if mine:
            wanted |= Q(kpi__in=mine, starts_on__gte=since)
    return wanted


def _deviation(kpi: Kpi, start: dt.date, value: float, history: list[Point]) -> float | None:
    """How far a value lies from its own baseline, better is positive; None without a baseline or where nothing varied."""
    found = baseline(kpi.period, start, history)
    if isinstance(found, TooShort):
        return None
    away = found.deviation(value)
    return -away if away is not None and kpi.direction == Kpi.Direction.DOWN else away


def _targets(kpis: dict[int, Kpi], end: dt.datetime) -> dict[tuple[int, int], list[KpiTarget]]:
    """The targets that stood at an instant, by account and KPI, in order of their first day."""
    told: dict[tuple[int, int], list[KpiTarget]] = defaultdict(list)
    for target in KpiTarget.objects.filter(kpi__in=kpis, known_at__lt=end).order_by("known_at", "pk"):
        told[target.account_id, target.kpi_id].append(target)
    return {key: list(rules.standing(reports).values()) for key, reports in told.items()}

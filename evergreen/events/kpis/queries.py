"""Reads of KPIs: what is declared, what stands, what was known at an instant."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import Count, Max, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from evergreen.customers.models import Account
from evergreen.events.kpis import rules
from evergreen.events.kpis.models import Kpi, KpiTarget, KpiValue

# Enough for the sum of a year and the baseline of its newest day.
_GLANCE_DAYS = 400


@dataclass(slots=True)
class Course:
    """A KPI of an account: ``values`` and ``targets`` as they stand, in order of their first day, each with a value.

    ``told`` holds every report of a value, the earliest known first, those taken back among them.
    """

    kpi: Kpi
    values: list[KpiValue] = field(default_factory=list)
    targets: list[KpiTarget] = field(default_factory=list)
    told: list[KpiValue] = field(default_factory=list)

    @property
    def points(self) -> list[tuple[dt.date, float]]:
        return [(row.starts_on, row.value) for row in self.values if row.value is not None]


@dataclass(slots=True)
class Glance:
    """What stands of a KPI of an account: (first day, value) in order, of days the newest 400 days of them; targets."""

    kpi: Kpi
    points: list[tuple[dt.date, float]] = field(default_factory=list)
    targets: list[KpiTarget] = field(default_factory=list)


def glances(account: Account) -> list[Glance]:
    """Every declared KPI of an account; four queries whatever their number."""
    found = {kpi.pk: Glance(kpi) for kpi in Kpi.objects.all()}
    standing = KpiValue.objects.filter(account=account, stands=True, value__isnull=False).order_by()
    newest = standing.filter(kpi__period=Kpi.Period.DAY).values("kpi").annotate(on=Max("starts_on"))
    wanted = ~Q(kpi__period=Kpi.Period.DAY)
    for kpi, on in newest.values_list("kpi", "on"):
        wanted |= Q(kpi=kpi, starts_on__gt=on - dt.timedelta(days=_GLANCE_DAYS))
    rows = standing.filter(wanted).order_by("starts_on")
    for kpi, start, value in rows.values_list("kpi", "starts_on", "value"):
        if value is not None:
            found[kpi].points.append((start, value))
    targets = KpiTarget.objects.filter(account=account, stands=True, value__isnull=False)
    for target in targets.order_by("starts_on"):
        found[target.kpi_id].targets.append(target)
    return list(found.values())


def courses(
    account: Account, *, known_before: dt.datetime | None = None, kpi: Kpi | None = None
) -> list[Course]:
    """Every declared KPI of an account (or one) with its values and targets; three queries whatever their number.

    With ``known_before`` as they were known before that instant, else as they stand now.
    """
    declared = Kpi.objects.all() if kpi is None else [kpi]
    kpis = {one.pk: Course(one) for one in declared}
    values = KpiValue.objects.filter(account=account, kpi__in=kpis).order_by("known_at", "pk")
    targets = KpiTarget.objects.filter(account=account, kpi__in=kpis).order_by("known_at", "pk")
    if known_before is not None:
        values, targets = values.filter(known_at__lt=known_before), targets.filter(known_at__lt=known_before)
    told: dict[int, list[KpiValue]] = defaultdict(list)
    aimed: dict[int, list[KpiTarget]] = defaultdict(list)
    for value in values.select_related("by"):
        told[value.kpi_id].append(value)
    for target in targets.select_related("by"):
        aimed[target.kpi_id].append(target)
    for pk, course in kpis.items():
        course.told = told[pk]
        course.values = [row for row in rules.standing(told[pk]).values() if row.value is not None]
        course.targets = list(rules.standing(aimed[pk]).values())
    return list(kpis.values())


def kpis_called() -> dict[str, Kpi]:
    """KPIs by their key and, where only one is called so, by their names; all in small letters."""
    kpis = list(Kpi.objects.all())
    named: dict[str, set[int]] = defaultdict(set)
    for kpi in kpis:
        for name in kpi.name.values():
            named[str(name).casefold()].add(kpi.pk)
    by_key = {kpi.key.casefold(): kpi for kpi in kpis}
    by_pk = {kpi.pk: kpi for kpi in kpis}
    by_name = {name: by_pk[pk] for name, (pk, *others) in named.items() if not others}
    return {**by_name, **by_key}


def values_known(
    accounts: Sequence[int], kpi: Kpi, *, before: dt.datetime
) -> dict[int, list[tuple[dt.date, float]]]:
    """(first day, value) of a KPI by account as known before an instant, in order; one query."""
    rows = KpiValue.objects.filter(account__in=accounts, kpi=kpi, known_at__lt=before).order_by(
        "known_at", "pk"
    )
    told: dict[int, list[KpiValue]] = defaultdict(list)
    for row in rows:
        told[row.account_id].append(row)
    return {
        account: [
            (row.starts_on, row.value) for row in rules.standing(reports).values() if row.value is not None
        ]
        for account, reports in told.items()
    }


@dataclass(frozen=True, slots=True)
class Declared:
    """A KPI with how much it holds."""

    kpi: Kpi
    values: int
    accounts: int
    targets: int
    newest_on: dt.date | None


def declared() -> list[Declared]:
    """Every KPI with counts of the values and targets that stand; one query."""
    standing = KpiValue.objects.filter(kpi=OuterRef("pk"), stands=True, value__isnull=False).order_by()
    counted = standing.values("kpi")
    targets = KpiTarget.objects.filter(kpi=OuterRef("pk"), stands=True, value__isnull=False).order_by()
    rows = Kpi.objects.annotate(
        values_count=Coalesce(Subquery(counted.annotate(n=Count("pk")).values("n")), 0),
        accounts_count=Coalesce(Subquery(counted.annotate(n=Count("account", distinct=True)).values("n")), 0),
        targets_count=Coalesce(Subquery(targets.values("kpi").annotate(n=Count("pk")).values("n")), 0),
        newest_on=Subquery(standing.order_by("-starts_on").values("starts_on")[:1]),
    )
    return [
        Declared(row, row.values_count, row.accounts_count, row.targets_count, row.newest_on) for row in rows
    ]

"""How KPIs stand against their targets, against a slow reading of each account's course."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from evergreen.base.clock import day_end
from evergreen.base.queries import vendor_zone
from evergreen.customers.models import Account
from evergreen.events import store
from evergreen.events.kpis import periods, queries, rules
from evergreen.events.kpis.models import Kpi, KpiTarget, KpiValue
from evergreen.metrics import actions
from evergreen.metrics.kpi_records import CURRENT_DAYS, standings

pytestmark = pytest.mark.django_db
DAY = dt.date(2026, 11, 18)


def declared(now: dt.datetime) -> list[Kpi]:
    told = [
        ("share", "month", "up"),
        ("days", "week", "down"),
        ("orders", "day", "up"),
        ("turn", "quarter", "up"),
    ]
    made = [Kpi.objects.create(key=k, period=p, direction=d, created_at=now) for k, p, d in told]
    retired = Kpi.objects.create(key="old", period="month", created_at=now, is_retired=True)
    return [*made, retired]


def reports(rng: random.Random, kpis: list[Kpi], accounts: list[Account]) -> None:
    """Values and targets of all ages, some told again later, some taken back, some known only after the day."""
    known = [dt.datetime(2026, 11, day, 3, tzinfo=dt.UTC) for day in (1, 10, 17, 18, 19)]
    for account in accounts:
        for kpi in kpis:
            for _ in range(rng.randrange(14)):
                start = periods.start_of(kpi.span, DAY - dt.timedelta(days=int(rng.triangular(-10, 130, 4))))
                for model, most in ((KpiValue, 3), (KpiTarget, 2)):
                    for at in sorted(rng.sample(known, rng.randrange(most))):
                        model.objects.create(
                            account=account, kpi=kpi, starts_on=start, value=rng.choice([None, 1.0, 2.0, 3.0, 3.0]),
                            known_at=at, stands=False,
                        )  # fmt: skip


def slow(account: Account, end: dt.datetime) -> Counter[tuple[bool, bool]]:
    found: Counter[tuple[bool, bool]] = Counter()
    for course in queries.courses(account, known_before=end):
        values = [one for one in course.values if one.starts_on <= DAY]
        if course.kpi.is_retired or not values:
            continue
        newest: Any = values[-1]
        if (DAY - newest.starts_on).days > CURRENT_DAYS[course.kpi.period]:
            continue
        aim: Any = rules.in_force(course.targets, periods.last_day(course.kpi.span, newest.starts_on))
        if aim is None:
            found[False, False] += 1
        elif course.kpi.direction == "up":
            found[True, newest.value >= aim.value] += 1
        else:
            found[True, newest.value <= aim.value] += 1
    return found


@pytest.mark.postgres
@pytest.mark.parametrize("seed", range(4))
def test_kpis_stand_as_a_slow_reading_says(cast: SimpleNamespace, now: dt.datetime, seed: int) -> None:
    accounts = [cast.well, cast.slipping, cast.gone]
    reports(random.Random(seed), declared(now), accounts)
    end = day_end(DAY, vendor_zone())
    fast: dict[int, Counter[tuple[bool, bool]]] = {one.pk: Counter() for one in accounts}
    for account, has_target, is_met, _deviation in standings(DAY, end):
        fast[account][has_target, is_met] += 1
    assert fast == {one.pk: slow(one, end) for one in accounts}
    assert sum(map(Counter.total, fast.values())) > 3


def test_the_snapshot_has_the_share_of_kpis_on_target(
    home: Any, cast: SimpleNamespace, now: dt.datetime
) -> None:
    Account.objects.update(known_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    share, days, *_ = declared(now)
    told = dt.datetime(2026, 11, 10, tzinfo=dt.UTC)
    for kpi, value, target in ((share, 0.9, 0.8), (days, 5.0, 4.0)):
        start = periods.start_of(kpi.span, DAY)
        KpiValue.objects.create(account=cast.well, kpi=kpi, starts_on=start, value=value, known_at=told)
        KpiTarget.objects.create(
            account=cast.well, kpi=kpi, starts_on=dt.date(2026, 1, 1), value=target, known_at=told
        )
    with store.session() as con:
        actions.take_snapshot(con, DAY, now=now)
        rows = con.execute(
            "SELECT account_id, kpis_current, kpis_with_target, kpis_on_target, kpi_attainment FROM lake.snapshots ORDER BY 1"
        ).fetchall()
    # Accounts without KPIs have none, and no share of them.
    assert rows == [
        (cast.well.pk, 2, 2, 1, 0.5),
        (cast.slipping.pk, 0, 0, 0, None),
        (cast.gone.pk, 0, 0, 0, None),
    ]

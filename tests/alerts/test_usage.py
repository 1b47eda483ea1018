"""Use against its own rhythm: figures as a naive reckoning finds them, holidays left out, opens and closes beyond margins."""

from __future__ import annotations

import datetime as dt
import random
from statistics import fmean, median
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from evergreen.alerts import actions, rules
from evergreen.alerts.models import Alert, Rule
from evergreen.alerts.rules import SHIPPED, Facts, Use
from evergreen.alerts.trying import trial
from evergreen.alerts.usage import use_on, uses
from evergreen.base.working_days import WorkingDays
from evergreen.customers.lines import number
from evergreen.events import store
from evergreen.health.actions import install_shipped as install_scorecards
from evergreen.metrics.actions import ensure_columns
from evergreen.metrics.baselines import Baseline, baseline, weekly
from evergreen.metrics.models import Newest
from tests.conftest import NOW

# A Thursday; the National Day's week off, 1 to 7 October, and the make-up Saturday of 10 October lie in its window.
NIGHT = dt.date(2026, 11, 19)
CALENDAR = WorkingDays()
PARAMS = SHIPPED["usage_off"].params


def put(con: Any, account: int, counts: dict[dt.date, int], late: dict[dt.date, tuple[dt.date, int]]) -> None:
    rows = [(account, day, day, n) for day, n in counts.items()]
    rows += [(account, day, known, n) for day, (known, n) in late.items()]
    con.executemany(
        "INSERT INTO lake.account_days BY NAME SELECT ? AS account_id, '' AS tenant, ?::DATE AS day, ?::DATE AS known_on,"
        " 1 AS users, ? AS events, 0.0 AS seconds, 0 AS sessions, 0.0 AS online_seconds",
        rows,
    )
    con.execute(
        "INSERT INTO lake.first_uses BY NAME SELECT ? AS account_id, '' AS tenant, 'web' AS source, 'u' AS end_user,"
        " ?::DATE AS day, ?::DATE AS known_on",
        [account, min(counts), min(counts)],
    )


def naive(counts: dict[dt.date, int], night: dt.date) -> Use | None:
    """Day by day, from the definition in docs/alerts.md."""
    last: list[dt.date] = []
    day = night
    while len(last) < rules.LAST_DAYS:
        if CALENDAR.is_working(day):
            last.insert(0, day)
        day -= dt.timedelta(days=1)
    history = []
    for back in range(91, 0, -1):
        day = last[0] - dt.timedelta(days=back)
        if CALENDAR.is_working(day) and day >= min(counts):
            history.append((day.weekday(), counts.get(day, 0)))
    if not history or min(counts) > night:
        return None
    overall = median(n for _weekday, n in history)

    def usual(weekday: int) -> float:
        own = [n for on, n in history if on == weekday]
        return len(own) / (len(own) + 2) * median(own) + 2 / (len(own) + 2) * overall if own else overall

    strays = [abs(n - usual(weekday)) for weekday, n in history]
    return Use(
        tuple(float(counts.get(day, 0)) for day in last),
        tuple(usual(day.weekday()) for day in last),
        1.4826 * median(strays) or 1.2533 * fmean(strays),
        len(history),
    )


def close(found: Use | None, wanted: Use | None) -> bool:
    if found is None or wanted is None:
        return found is wanted
    pairs = zip((*found.seen, *found.usual, found.spread, found.days), (*wanted.seen, *wanted.usual, wanted.spread, wanted.days), strict=True)  # fmt: skip
    return all(one == pytest.approx(other) for one, other in pairs)


def test_many_baselines_at_once_are_those_of_each() -> None:
    rng = random.Random(3)
    days = [dt.date(2026, 8, 1) + dt.timedelta(days=n) for n in range(91)]
    start = days[-1] + dt.timedelta(days=1)
    values = np.array([[rng.choice([rng.randrange(50), 7, float("nan")]) for _ in days] for _ in range(60)])
    found = weekly(values, np.array([day.weekday() for day in days]))
    for row in range(60):
        history = [
            (day, value) for day, value in zip(days, values[row].tolist(), strict=True) if value == value
        ]
        wanted = baseline("day", start, history)
        assert isinstance(wanted, Baseline) and found.n[row] == wanted.n
        assert found.expected[row, start.weekday()] == pytest.approx(wanted.middle)
        assert found.spread[row] == pytest.approx(wanted.spread)


def test_use_is_what_a_naive_reckoning_finds_on_every_night(home: Any) -> None:
    rng = random.Random(11)
    first = NIGHT - dt.timedelta(days=130)
    written: dict[int, dict[dt.date, int]] = {}
    with store.session() as con:
        for account in (3, 4, 9, 12):
            begun = first + dt.timedelta(days=rng.choice([0, 40, 95, 128]) if account > 3 else 0)
            span = [begun + dt.timedelta(days=n) for n in range((NIGHT - begun).days + 1)]
            counts = {day: rng.randrange(10, 60) for day in span if rng.random() < 0.8 or day == begun}
            written[account] = counts
            put(con, account, counts, {})
        nights = [NIGHT - dt.timedelta(days=n) for n in range(9)]
        found = dict(uses(con, nights, CALENDAR))
    assert list(found) == [3, 4, 9, 12]
    for account, counts in written.items():
        for night in nights:
            assert close(found[account].get(number(night)), naive(counts, night)), (account, night)


@pytest.mark.django_db
def test_what_became_known_later_is_not_known_on_the_night(home: Any) -> None:
    counts = {NIGHT - dt.timedelta(days=n): 40 for n in range(100)}
    late = {NIGHT - dt.timedelta(days=1): (NIGHT + dt.timedelta(days=1), 500)}
    with store.session() as con:
        put(con, 5, counts, late)
        assert use_on(con, NIGHT)[5].seen == (40.0,) * 5
        assert use_on(con, NIGHT + dt.timedelta(days=1))[5].seen == (40.0, 40.0, 540.0, 40.0, 0.0)


def facts(seen: tuple[float, ...], usual: float = 100, spread: float = 10, days: int = 60) -> Facts:
    use = Use(seen, (usual,) * 5, spread, days)
    return Facts(
        1, None, "", 60.0, None, True, None, None, None, None, 0, 0, 0, 0, "CNY", use=use
    )  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "opens", "stays"),
    [
        ((100, 100, 75, 75, 75), True, True),
        ((100, 100, 75, 76, 75), False, True),
        ((0, 0, 100, 100, 85), False, True),
        ((0, 0, 86, 86, 86), False, False),
        ((0, 0, 200, 200, 200), False, False),
    ],
)
def test_it_opens_when_every_day_is_low_and_closes_when_every_day_is_back(
    seen: tuple[float, ...], opens: bool, stays: bool
) -> None:
    holds = SHIPPED["usage_off"].holds
    assert (holds(facts(seen), PARAMS, False) is not None) == opens
    assert (holds(facts(seen), PARAMS, True) is not None) == stays


def test_little_history_little_use_and_steady_accounts_raise_nothing() -> None:
    holds = SHIPPED["usage_off"].holds
    low = (100.0, 100.0, 0.0, 0.0, 0.0)
    assert holds(facts(low), PARAMS, False) == {"seen": 0.0, "usual": 100.0, "times": 10.0, "days": 3}
    assert holds(facts(low, days=28), PARAMS, False) is not None
    assert holds(facts(low, days=27), PARAMS, False) is None
    assert holds(facts((20.0,) * 2 + (0.0,) * 3, usual=9.9, spread=1), PARAMS, False) is None
    # So steady that nothing ever varied: one or two uses fewer are still no deviation.
    assert holds(facts((98.0,) * 5, spread=0.0), PARAMS, False) is None
    assert holds(facts((97.0,) * 5, spread=0.0), PARAMS, False) is not None
    assert holds(facts(low), {**PARAMS, "spreads": 10.1}, False) is None


def test_it_ships_off_and_raises_once_it_is_on_and_its_trial_says_what_it_would_have(
    home: Any, cast: SimpleNamespace
) -> None:
    install_scorecards(now=NOW)
    actions.install_shipped(now=NOW)
    rule = Rule.objects.get(key="usage_off")
    assert not rule.is_on and Rule.objects.get(key="no_activity").is_on
    rng = random.Random(1)
    with store.session() as con:
        ensure_columns(con)
        for account, factor in ((cast.slipping, 0.1), (cast.well, 1.0)):
            counts = {}
            for back in range(130):
                day = NIGHT - dt.timedelta(days=back)
                counts[day] = int(rng.randrange(90, 111) * (factor if back < 6 else 1.0))
            put(con, account.pk, counts, {})
            Newest.objects.create(account=account, day=NIGHT, currency="CNY", mrr_cents=0, values={})
            con.execute(
                "INSERT INTO lake.snapshots BY NAME SELECT unnest(generate_series(?::DATE - 30, ?::DATE, INTERVAL 1 DAY))::DATE AS day,"
                " ? AS account_id, '' AS tenant, now()::TIMESTAMP AS computed_at, false AS restated",
                [NIGHT, NIGHT, account.pk],
            )
        told = trial(con, rule)
        assert told is not None and told.open_now == (cast.slipping.pk,) and told.opened == 1
        (opened,) = (night.day for night in told.nights if night.opened)
        # Low from Saturday the 14th on, so Monday, Tuesday and Wednesday are the first three working days of it.
        assert opened == dt.date(2026, 11, 18)
        assert not actions.evaluate(NIGHT, now=NOW, con=con).opened
        actions.switch_rule(rule, True, by=None, now=NOW)
        (alert,) = actions.evaluate(NIGHT, now=NOW, con=con).opened
    assert (alert.account, alert.rule) == (cast.slipping, rule)
    assert alert.figures["days"] == 3 and alert.figures["seen"] < 12 < 90 < alert.figures["usual"]
    assert Alert.objects.count() == 1


def test_a_threshold_beyond_what_is_read_is_refused(home: Any, cast: SimpleNamespace) -> None:
    actions.install_shipped(now=NOW)
    rule = Rule.objects.get(key="usage_off")
    with (
        translation.override("en"),
        pytest.raises(ValidationError, match="low_days is 6: allowed is at most 5"),
    ):
        actions.change_rule(
            rule, by=cast.boss, now=NOW, is_on=True, severity=2, params={**PARAMS, "low_days": 6}
        )
    rule.refresh_from_db()
    assert not rule.is_on

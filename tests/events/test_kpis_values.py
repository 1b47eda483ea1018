"""Values and targets of KPIs: the newest report stands, earlier ones stay, bad rows stand alone."""

from __future__ import annotations

import datetime as dt
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from evergreen.base.models import AuditEntry
from evergreen.base.upserts import Outcome
from evergreen.customers.models import Account, ExternalId
from evergreen.customers.queries import accounts_for
from evergreen.events.kpis import queries, rules
from evergreen.events.kpis.actions import (
    Aimed,
    Recorded,
    Reported,
    declare_kpi,
    delete_kpi,
    record_kpi_values,
    set_kpi_targets,
    update_kpi,
)
from evergreen.events.kpis.models import Kpi, KpiTarget, KpiValue

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


@pytest.fixture
def share(cast: SimpleNamespace, now: dt.datetime) -> Kpi:
    """Monthly share of entries that reconcile by themselves."""
    name = {"zh": "自动对账率", "en": "Auto-reconciled share"}
    return declare_kpi(
        "auto_share", name, unit="share", aggregation="mean", least=0.0, most=1.0, by=cast.boss, now=now
    )


@pytest.fixture
def days(cast: SimpleNamespace, now: dt.datetime) -> Kpi:
    name = {"zh": "结账天数", "en": "Days to close"}
    return declare_kpi("close_days", name, direction="down", by=cast.boss, now=now)


def record(now: dt.datetime, *rows: tuple[Any, ...], **options: Any) -> Recorded:
    return record_kpi_values(
        [Reported(*row) for row in rows], source="test", by=options.pop("by", None), now=now, **options
    )


def standing(account: Account, kpi: Kpi, **options: Any) -> dict[str, float]:
    course = next(c for c in queries.courses(account, **options) if c.kpi == kpi)
    return {f"{day:%Y-%m}": value for day, value in course.points}


def test_the_newest_report_of_a_period_stands_and_earlier_ones_are_kept(
    cast: SimpleNamespace, share: Kpi, now: dt.datetime
) -> None:
    first = record(now, ("A-well", "auto_share", "2026-09", 0.81), ("A-well", "auto_share", "2026-10", 0.84))
    assert first.outcomes == [Outcome.CREATED, Outcome.CREATED]
    later = record(
        now + DAY, ("A-well", "auto_share", "2026-10", 0.86), ("A-well", "auto_share", "2026-09", 0.81)
    )
    assert later.outcomes == [Outcome.UPDATED, Outcome.UNCHANGED]
    assert standing(cast.well, share) == {"2026-09": 0.81, "2026-10": 0.86}
    assert standing(cast.well, share, known_before=now + DAY) == {"2026-09": 0.81, "2026-10": 0.84}
    assert standing(cast.well, share, known_before=now) == {}
    told = next(c for c in queries.courses(cast.well) if c.kpi == share).told
    assert [(row.value, row.stands) for row in told if row.starts_on.month == 10] == [
        (0.84, False),
        (0.86, True),
    ]


def test_a_value_taken_back_leaves_its_period_empty_and_can_come_again(
    cast: SimpleNamespace, share: Kpi, now: dt.datetime
) -> None:
    assert record(now, ("A-well", "auto_share", "2026-10", None)).outcomes == [Outcome.UNCHANGED]
    record(now, ("A-well", "auto_share", "2026-10", 0.5))
    assert record(now + DAY, ("A-well", "auto_share", "2026-10", None)).outcomes == [Outcome.UPDATED]
    assert standing(cast.well, share) == {}
    assert record(now + 2 * DAY, ("A-well", "auto_share", "2026-10", 0.6)).outcomes == [Outcome.UPDATED]
    assert standing(cast.well, share) == {"2026-10": 0.6}
    assert standing(cast.well, share, known_before=now + DAY) == {"2026-10": 0.5}


def test_history_is_known_at_the_end_of_its_period_and_a_correction_when_it_comes(
    cast: SimpleNamespace, share: Kpi, now: dt.datetime
) -> None:
    rows = [("A-well", "auto_share", "2026-08", 0.7), ("A-well", "auto_share", "2026-11", 0.9)]
    record(now, *rows, is_history=True)
    ended = dt.datetime(2026, 8, 31, 16, tzinfo=dt.UTC)  # the start of September in Shanghai
    known = dict(KpiValue.objects.values_list("starts_on", "known_at"))
    assert known == {dt.date(2026, 8, 1): ended, dt.date(2026, 11, 1): now}
    record(now + DAY, ("A-well", "auto_share", "2026-08", 0.72), is_history=True)
    assert standing(cast.well, share, known_before=now + DAY)["2026-08"] == 0.7
    assert standing(cast.well, share)["2026-08"] == 0.72


def test_bad_rows_are_refused_with_what_is_allowed_and_the_others_are_kept(
    cast: SimpleNamespace, share: Kpi, days: Kpi, now: dt.datetime
) -> None:
    found = record(
        now,
        ("A-none", "auto_share", "2026-10", 0.5),
        ("A-well", "auto", "2026-10", 0.5),
        ("A-well", "auto_share", "2026-Q3", 0.5),
        ("A-well", "auto_share", "2026-12", 0.5),
        ("A-well", "auto_share", "2026-10", 87.0),
        ("A-well", "auto_share", "2026-10", "0.5"),
        ("A-well", "auto_share", "2026-10", True),
        ("A-well", "close_days", "2026-10", float("nan")),
        ("A-well", "close_days", "2026-10", 10**400),
        ("A-well", "close_days", "2026-13", 4),
        ("A-well", "close_days", "2026-10", 4),
    )
    assert [refusal.row for refusal in found.refusals] == list(range(10))
    assert [refusal.field for refusal in found.refusals] == [
        "account", "kpi", "period", "period", "value", "value", "value", "value", "value", "period",
    ]  # fmt: skip
    assert found.outcomes == [None] * 10 + [Outcome.CREATED]
    by_row = {refusal.row: refusal for refusal in found.refusals}
    assert by_row[1].allowed == "auto_share, close_days"
    assert by_row[2].allowed.startswith("a month such as 2026-10")
    assert by_row[4].allowed == "0 to 1"
    assert by_row[4].found == "87.0"
    assert all(refusal.next for refusal in found.refusals)
    assert standing(cast.well, days) == {"2026-10": 4.0}


def test_two_values_for_a_period_in_one_call_are_refused_and_equal_ones_are_duplicates(
    cast: SimpleNamespace, share: Kpi, now: dt.datetime
) -> None:
    found = record(
        now,
        ("A-well", "auto_share", "2026-10", 0.5),
        ("A-well", "auto_share", "2026-10-31", 0.5),
        ("A-well", "auto_share", "2026年10月", 0.6),
    )
    assert found.outcomes == [Outcome.CREATED, Outcome.DUPLICATE, None]
    assert "row 0 of the same call says 0.5" in found.refusals[0].allowed
    assert standing(cast.well, share) == {"2026-10": 0.5}


def test_accounts_are_found_by_ids_of_other_systems_and_only_within_the_writers_right(
    cast: SimpleNamespace, share: Kpi, now: dt.datetime
) -> None:
    ExternalId.objects.create(account=cast.well, system="erp", value="0017")
    found = record(now, ("0017", "auto_share", "2026-10", 0.5, "erp"), ("0017", "auto_share", "2026-10", 0.5))
    assert found.outcomes == [Outcome.CREATED, Outcome.DUPLICATE]
    kept = record(now, ("A-well", "auto_share", "2026-09", 0.5), accounts=accounts_for(cast.outsider))
    assert kept.outcomes == [None]
    assert kept.refusals[0].field == "account"


def test_a_dry_run_answers_the_same_and_writes_nothing(
    cast: SimpleNamespace, share: Kpi, now: dt.datetime
) -> None:
    rows = [("A-well", "auto_share", "2026-10", 0.5), ("A-well", "auto_share", "2026-10", 7.0)]
    dry = record(now, *rows, dry_run=True)
    assert not KpiValue.objects.exists()
    assert record(now, *rows) == dry


def test_values_and_targets_leave_one_audit_entry_a_call(
    cast: SimpleNamespace, share: Kpi, now: dt.datetime
) -> None:
    record(now, *((f"A-{name}", "auto_share", "2026-10", 0.5) for name in ("well", "gone")), by=cast.boss)
    entry = AuditEntry.objects.get(verb="kpivalue.recorded")
    assert (entry.by, entry.objects_count, entry.after) == (
        cast.boss,
        2,
        {"origin": "test", "counts": {"created": 2}},
    )
    record(now, ("A-well", "auto_share", "2026-10", 0.5))
    assert AuditEntry.objects.filter(verb="kpivalue.recorded").count() == 1


def test_a_call_asks_the_database_as_often_for_a_hundred_rows_as_for_three(
    cast: SimpleNamespace, share: Kpi, now: dt.datetime
) -> None:
    def queries_for(count: int, first: int) -> int:
        rows = [
            ("A-well", "auto_share", dt.date(1990 + n // 12, n % 12 + 1, 1), 0.5)
            for n in range(first, first + count)
        ]
        with CaptureQueriesContext(connection) as asked:
            record(now, *rows)
        return len(asked)

    assert queries_for(3, 0) == queries_for(100, 3)
    assert KpiValue.objects.count() == 103
    with pytest.raises(ValueError, match="at most 5000"):
        record(now, *[("A-well", "auto_share", "2026-10", 0.5)] * 5_001)


def test_a_target_holds_until_the_next_begins_and_keeps_its_history(
    cast: SimpleNamespace, share: Kpi, now: dt.datetime
) -> None:
    def aim(at: dt.datetime, value: float | None, start: dt.date, due: dt.date | None = None) -> Recorded:
        row = Aimed("A-well", "auto_share", value, start, due)
        return set_kpi_targets([row], source="test", by=cast.owner, now=at)

    aim(now, 0.8, dt.date(2026, 1, 1), dt.date(2026, 6, 30))
    aim(now, 0.9, dt.date(2026, 7, 1))
    assert aim(now + DAY, 0.92, dt.date(2026, 7, 1)).outcomes == [Outcome.UPDATED]
    course = next(c for c in queries.courses(cast.well) if c.kpi == share)

    def at(day: dt.date) -> float | None:
        found = rules.in_force(course.targets, day)
        return found.value if found else None

    assert [at(dt.date(2025, 12, 31)), at(dt.date(2026, 6, 30)), at(dt.date(2026, 7, 1))] == [None, 0.8, 0.92]
    before = next(c for c in queries.courses(cast.well, known_before=now + DAY) if c.kpi == share)
    assert [target.value for target in before.targets] == [0.8, 0.9]
    aim(now + 2 * DAY, None, dt.date(2026, 7, 1))
    course = next(c for c in queries.courses(cast.well) if c.kpi == share)
    assert at(dt.date(2026, 8, 1)) is None
    assert KpiTarget.objects.count() == 4
    wrong = aim(now, 0.9, dt.date(2026, 8, 1), dt.date(2026, 7, 1))
    assert wrong.refusals[0].field == "target_by"


def test_a_kpi_in_use_cannot_be_deleted_and_says_by_what_it_is_used(
    cast: SimpleNamespace, share: Kpi, days: Kpi, now: dt.datetime
) -> None:
    record(now, ("A-well", "auto_share", "2026-10", 0.5), ("A-well", "auto_share", "2026-09", 0.5))
    aim = Aimed("A-well", "auto_share", 0.9, dt.date(2026, 1, 1))
    set_kpi_targets([aim], source="test", by=None, now=now)
    with pytest.raises(ValidationError, match="2 × KPI value, 1 × KPI target") as refused:
        delete_kpi(share, by=cast.boss, now=now)
    assert "Retire it instead" in refused.value.messages[0]
    with pytest.raises(ValidationError) as refused:
        update_kpi(share, {"period": "week", "unit": "number"}, by=cast.boss, now=now)
    assert set(refused.value.message_dict) == {"period", "unit"}
    update_kpi(share, {"is_retired": True, "direction": "down"}, by=cast.boss, now=now)
    retired = record(now, ("A-well", "auto_share", "2026-08", 0.5))
    assert retired.refusals[0].field == "kpi"
    delete_kpi(days, by=cast.boss, now=now)
    assert list(Kpi.objects.all()) == [share]
    verbs = AuditEntry.objects.filter(kind="kpi").order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["kpi.added", "kpi.added", "kpi.updated", "kpi.deleted"]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"least": 2.0, "most": 1.0}, "most"),
        ({"unit": "money", "currency": "yuan"}, "currency"),
        ({"unit": "share", "currency": "CNY"}, "currency"),
        ({"period": "year"}, "period"),
    ],
)
def test_what_a_kpi_says_must_fit_together(
    cast: SimpleNamespace, now: dt.datetime, fields: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        declare_kpi("turnover", {"zh": "周转", "en": "Turnover"}, by=cast.boss, now=now, **fields)
    assert set(refused.value.message_dict) == {wrong}


def test_what_a_kpi_holds_is_counted_in_one_query(
    cast: SimpleNamespace, share: Kpi, days: Kpi, now: dt.datetime
) -> None:
    record(
        now,
        ("A-well", "auto_share", "2026-10", 0.5),
        ("A-well", "auto_share", "2026-09", 0.5),
        ("A-gone", "auto_share", "2026-09", 0.5),
    )
    record(now + DAY, ("A-gone", "auto_share", "2026-09", 0.6))
    with CaptureQueriesContext(connection) as asked:
        counted = {
            one.kpi.key: (one.values, one.accounts, one.targets, one.newest_on) for one in queries.declared()
        }
    assert len(asked) == 1
    assert counted == {"auto_share": (3, 2, 0, dt.date(2026, 10, 1)), "close_days": (0, 0, 0, None)}


@pytest.mark.django_db(transaction=True)
def test_two_writers_of_one_period_leave_one_value_standing(
    cast: SimpleNamespace, share: Kpi, now: dt.datetime
) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("one writer at a time by SQLite's own lock; the test database in memory has no other")
    failed: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for turn in range(8):
                record(now + DAY * turn, ("A-well", "auto_share", "2026-10", 0.1 * number + 0.01 * turn))
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert KpiValue.objects.filter(stands=True).count() == 1
    newest = KpiValue.objects.order_by("known_at", "pk").last()
    assert newest is not None
    assert newest.stands


def test_a_glance_tells_what_stands_of_the_newest_400_days_and_of_other_periods_all(
    cast: SimpleNamespace, share: Kpi, now: dt.datetime
) -> None:
    logins = declare_kpi("logins", {"zh": "登录", "en": "Logins"}, period="day", by=cast.boss, now=now)
    # It stopped long ago: the newest 400 days are its own, not today's.
    end = dt.date(2025, 3, 1)
    every = [("A-well", "logins", end - n * DAY, float(n)) for n in range(500)]
    months = [
        ("A-well", "auto_share", f"{year}-{month:02}", 0.5) for year in (2024, 2025) for month in range(1, 13)
    ]
    record(now, *every, *months)
    record(now + DAY, ("A-well", "logins", end, None), ("A-well", "logins", end - DAY, 7.0))
    set_kpi_targets(
        [Aimed("A-well", "auto_share", 0.9, dt.date(2026, 7, 1))], source="test", by=cast.owner, now=now
    )
    courses = {course.kpi: course for course in queries.courses(cast.well)}
    glances = {glance.kpi: glance for glance in queries.glances(cast.well)}
    assert glances[share].points == courses[share].points
    assert glances[share].targets == courses[share].targets != []
    newest = end - DAY
    kept = [(day, value) for day, value in courses[logins].points if day > newest - 400 * DAY]
    assert glances[logins].points == kept
    assert kept[-1] == (newest, 7.0)
    assert len(kept) == 400

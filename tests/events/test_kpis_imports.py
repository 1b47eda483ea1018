"""KPI values and targets from files, by the laws of every file."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import translation

from evergreen.base.models import AuditEntry
from evergreen.events.imports.records.kpis import KpiLoader
from evergreen.events.imports.run import import_file
from evergreen.events.kpis import queries
from evergreen.events.kpis.actions import declare_kpi
from evergreen.events.kpis.models import KpiTarget, KpiValue
from tests.events.table_files import write_csv, write_xlsx

pytestmark = pytest.mark.django_db

MAPPING = {
    "source": "erp",
    "columns": {
        name: name for name in ("account", "kpi", "period", "value", "target", "target_from", "target_by")
    },
}
ROWS = [
    ["account", "kpi", "period", "value", "target", "target_from", "target_by"],
    ["A-well", "auto_share", "2026-09", "81%", "90%", "", "2026-12-31"],
    ["A-well", "自动对账率", "2026年10月", "0.84", "", "", ""],
    ["A-well", "AUTO-RECONCILED SHARE", "2026-10", "0.84", "", "", ""],
    ["A-well", "auto_share", "2026-10", "0.85", "", "", ""],
    ["A-well", "turnover", "2026-Q3", "1,234.5 万", "", "", ""],
    ["A-gone", "turnover", "2026-Q3", "", "2000", "2026-07-01", ""],
    ["A-gone", "turnover", "2026-Q2", "12%", "", "", ""],
    ["A-gone", "turnover", "2026-07", "12", "", "", ""],
    ["A-gone", "turnover", "", "", "13", "", ""],
    ["A-gone", "turnover", "", "12", "", "", ""],
    ["A-gone", "turnover", "2026-Q1", "", "", "", ""],
    ["A-gone", "auto_share", "2026-08", "87", "", "", ""],
    ["A-gone", "auto_share", "2026-07", "0.5", "", "2026-08-01", "2026-07-01"],
    ["A-gone", "auto_share", "2026-06", "0.5", "0.7", "2026-08-01", "2026-07-01"],
    ["A-none", "auto_share", "2026-08", "0.5", "", "", ""],
    ["A-well", "unknown", "2026-08", "0.5", "", "", ""],
    ["A-well", "auto_share", "2027-01", "0.5", "", "", ""],
]
REJECTED = {
    5: "value", 8: "value", 9: "period", 10: "target_from", 11: "period", 12: "value", 13: "value", 15: "target_by",
    16: "account", 17: "kpi", 18: "period",
}  # fmt: skip


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KpiLoader, "chunk", 2)


@pytest.fixture(autouse=True)
def declared(cast: SimpleNamespace, now: dt.datetime, home: Any) -> None:
    name = {"zh": "自动对账率", "en": "Auto-reconciled share"}
    declare_kpi("auto_share", name, unit="share", least=0.0, most=1.0, by=cast.boss, now=now)
    name = {"zh": "库存周转额", "en": "Stock turnover"}
    declare_kpi("turnover", name, unit="money", period="quarter", aggregation="sum", by=cast.boss, now=now)


def test_values_and_targets_load_and_bad_rows_say_why(
    tmp_path: Path, cast: SimpleNamespace, now: dt.datetime
) -> None:
    result = import_file(write_csv(tmp_path / "k.csv", ROWS), "kpis", MAPPING, by=cast.boss, now=now)
    assert (result.created, result.updated, result.duplicates, result.rejected) == (5, 0, 1, 11)
    with Path(result.rejects_path).open(encoding="utf-8-sig", newline="") as file:
        found = {int(row["row"]): row["column"] for row in csv.DictReader(file)}
    assert found == REJECTED
    values = KpiValue.objects.order_by("kpi__key", "starts_on").values_list(
        "kpi__key", "starts_on", "value", "source"
    )
    assert list(values) == [
        ("auto_share", dt.date(2026, 7, 1), 0.5, "erp"),
        ("auto_share", dt.date(2026, 9, 1), 0.81, "erp"),
        ("auto_share", dt.date(2026, 10, 1), 0.84, "erp"),
        ("turnover", dt.date(2026, 7, 1), 12_345_000.0, "erp"),
    ]
    targets = KpiTarget.objects.order_by("starts_on").values_list("value", "starts_on", "due_on")
    assert list(targets) == [
        (2000.0, dt.date(2026, 7, 1), None),
        (0.9, dt.date(2026, 9, 1), dt.date(2026, 12, 31)),
    ]
    assert KpiValue.objects.get(starts_on=dt.date(2026, 9, 1)).known_at == dt.datetime(
        2026, 9, 30, 16, tzinfo=dt.UTC
    )


def test_a_dry_run_tells_the_truth_and_the_same_file_again_changes_nothing(
    tmp_path: Path, cast: SimpleNamespace, now: dt.datetime
) -> None:
    path = write_csv(tmp_path / "k.csv", ROWS)

    def told(result: Any) -> dict[str, Any]:
        kept = result.as_dict()
        return {
            name: value for name, value in kept.items() if name not in {"dry_run", "seconds", "rejects_path"}
        }

    dry = import_file(path, "kpis", MAPPING, dry_run=True, now=now)
    assert not KpiValue.objects.exists()
    assert not KpiTarget.objects.exists()
    assert told(dry) == told(import_file(path, "kpis", MAPPING, now=now))
    held = (KpiValue.objects.count(), KpiTarget.objects.count(), AuditEntry.objects.count())
    again = import_file(path, "kpis", MAPPING, now=now + dt.timedelta(days=1))
    assert (again.created, again.updated, again.unchanged, again.rejected) == (0, 0, 5, 11)
    assert (KpiValue.objects.count(), KpiTarget.objects.count(), AuditEntry.objects.count()) == held


def test_a_corrected_file_replaces_and_keeps_what_stood_before(
    tmp_path: Path, cast: SimpleNamespace, now: dt.datetime
) -> None:
    first = [ROWS[0], ["A-well", "auto_share", "2026-09", "0.81", "", "", ""]]
    import_file(write_csv(tmp_path / "k.csv", first), "kpis", MAPPING, now=now)
    second = [ROWS[0], ["A-well", "auto_share", "2026-09", "0.83", "", "", ""]]
    result = import_file(
        write_csv(tmp_path / "l.csv", second), "kpis", MAPPING, now=now + dt.timedelta(days=3)
    )
    assert (result.created, result.updated) == (0, 1)
    course = queries.courses(cast.well)[0]
    assert [(row.value, row.stands) for row in course.told] == [(0.81, False), (0.83, True)]


def test_a_sheet_with_chinese_columns_and_typed_cells_is_mapped_by_its_names(
    tmp_path: Path, cast: SimpleNamespace, now: dt.datetime
) -> None:
    rows: list[list[Any]] = [
        ["客户编号", "指标名称", "月份", "实际值", "目标值", "目标生效日期"],
        ["A-well", "自动对账率", dt.datetime(2026, 9, 1), 0.81, 0.9, dt.datetime(2026, 9, 1)],
    ]
    result = import_file(write_xlsx(tmp_path / "k.xlsx", rows), "kpis", None, now=now)
    assert (result.created, result.rejected) == (1, 0)
    assert KpiValue.objects.get().value == 0.81
    assert KpiTarget.objects.get().value == 0.9


def test_what_a_connector_brings_as_it_happens_is_known_when_it_comes(
    tmp_path: Path, cast: SimpleNamespace, now: dt.datetime
) -> None:
    path = write_csv(
        tmp_path / "k.csv", [ROWS[0], ["A-well", "auto_share", "2026-09", "0.81", "0.9", "", ""]]
    )
    result = import_file(path, "kpis", MAPPING, source="erp", is_history=False, now=now)
    assert result.created == 1
    assert KpiValue.objects.get().known_at == KpiTarget.objects.get().known_at == now

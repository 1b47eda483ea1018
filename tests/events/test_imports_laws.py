"""What holds for every file: a dry run tells what a run does, the same file again changes nothing, rejected
rows load when they are corrected, and a file of any encoding and kind gives the same records.
"""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.forms.models import model_to_dict
from django.utils import translation

from evergreen.base.models import AuditEntry
from evergreen.customers.models import Account, Contact, ContractLine, FieldChange, Receivable
from evergreen.desk.models import Ticket
from evergreen.events import store
from evergreen.events.imports import records
from evergreen.events.imports.mapping import MappingError
from evergreen.events.imports.records.kinds import RecordLoader
from evergreen.events.imports.results import ImportResult
from evergreen.events.imports.run import import_file
from evergreen.events.models import Mapping, Source
from evergreen.events.sources.files import LoadError
from tests.events.table_files import write_csv, write_jsonl, write_parquet, write_xlsx

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of two rows, so that a law which breaks at the edge of a chunk breaks here."""
    monkeypatch.setattr(RecordLoader, "chunk", 2)
    monkeypatch.setattr(records.events.EventLoader, "chunk", 2)


# Each: record, mapping, rows with all that can go wrong in them.
FILES: dict[str, tuple[dict[str, Any], list[list[str]]]] = {
    "accounts": (
        {
            "columns": {"id": "id", "name": "name", "parent": "parent", "owner": "owner", "signed": "signed", "tenants": "tenants",
                        "edition": "edition", "churned": "churned"},
            "external_ids": {"crm": "crm"}, "create": ["editions"],
        },
        [
            ["id", "name", "parent", "owner", "signed", "tenants", "edition", "churned", "crm"],
            ["B-1", "一", "B-3", "owner@vendor.example", "2025-01-01", "t-1", "Pro", "", "7"],
            ["B-2", "二", "B-1", "nobody@x.example", "2025-01-01", "t-1;t-2", "Pro", "是", "7"],
            ["B-3", "三", "B-2", "", "soon", "", "", "", ""],
            ["B-3", "三", "B-2", "", "2025-02-01", "", "Lite", "", "8"],
            ["B-3", "again", "", "", "", "", "", "", ""],
            ["A-well", "新名", "B-9", "mate@vendor.example", "2024-01-01", "", "Pro", "", ""],
            ["", "无", "", "", "", "", "", "", ""],
        ],
    ),
    "contacts": (
        {"columns": {"id": "id", "account": "account", "name": "name", "email": "email", "reports_to": "boss"}},
        [
            ["id", "account", "name", "email", "boss"],
            ["K-1", "A-well", "甲", "a@x.example", "K-2"],
            ["K-2", "A-well", "乙", "", ""],
            ["K-3", "A-gone", "丙", "", "K-2"],
            ["K-4", "A-none", "丁", "", ""],
            ["K-1", "A-well", "甲", "", ""],
            ["K-5", "A-gone", "戊", "bad", "K-9"],
            ["K-6", "A-gone", "己", "", "K-3"],
        ],
    ),
    "contracts": (
        {"columns": {"id": "id", "contract": "contract", "account": "account", "start": "start", "end": "end", "mrr": "mrr",
                     "edition": "edition", "renews": "renews", "currency": "currency"}},
        [
            ["id", "contract", "account", "start", "end", "mrr", "edition", "renews", "currency"],
            ["L-1", "C-1", "A-well", "2025-01-01", "2026-01-01", "100", "Pro", "C-0", "CNY"],
            ["L-2", "C-1", "A-gone", "2025-01-01", "2025-01-01", "", "", "", "CNY"],
            ["L-3", "C-2", "A-well", "2025-01-01", "2024-12-31", "1", "", "", "CNY"],
            ["L-4", "C-3", "A-well", "2026-01-01", "", "1", "", "C-1", "USD"],
            ["L-5", "C-4", "A-well", "2026-01-01", "", "1,5", "", "C-1", "CNY"],
            ["L-5", "C-4", "A-well", "2026-01-01", "", "-5", "", "C-1", "CNY"],
            ["L-5", "C-4", "A-well", "2026-01-01", "", "5", "", "", "CNY"],
            ["L-6", "", "A-none", "2026-01-01", "", "5", "", "", "CNY"],
        ],
    ),
    "invoices": (
        {"columns": {"id": "id", "account": "account", "contract": "contract", "amount": "amount", "due": "due", "paid": "paid"}},
        [
            ["id", "account", "contract", "amount", "due", "paid"],
            ["I-1", "A-well", "C-9", "100", "2025-01-01", "200"],
            ["I-2", "", "", "100", "2025-01-01", ""],
            ["I-1", "A-well", "", "100", "2025-01-01", ""],
            ["I-3", "A-gone", "", "100.005", "2027-01-01", "0"],
        ],
    ),
    "tickets": (
        {"columns": {"id": "id", "account": "account", "opened": "opened", "closed": "closed", "priority": "priority"}},
        [
            ["id", "account", "opened", "closed", "priority"],
            ["T-1", "A-well", "2025-01-02", "2025-01-01", "高"],
            ["T-2", "A-well", "", "", ""],
            ["T-1", "A-well", "2025-01-02", "", ""],
            ["T-3", "A-gone", "2025-01-02", "", "??"],
            ["T-4", "A-gone", "2027-01-02", "", ""],
        ],
    ),
    "events": (
        {"columns": {"id": "id", "name": "event", "time": "at", "account": "account", "count": "n", "feature": "feature"},
         "features": {"create": True}},
        [
            ["id", "event", "at", "account", "n", "feature"],
            ["1", "a", "2025-01-02", "A-well", "1", "x"],
            ["2", "a", "2025-01-02", "A-none", "1", ""],
            ["1", "b", "2025-01-02", "A-well", "1", ""],
            ["", "c", "2025-01-02", "A-well", "0", "y"],
            ["", "c", "2025-01-02", "A-well", "0", "y"],
            ["1", "d", "2025-01-02", "A-well", "1", ""],
            ["3", "", "2025-01-02", "A-well", "1", ""],
            ["4", "e", "2025-01-02", "A-gone", "many", ""],
        ],
    ),
    "surveys": (
        {"columns": {"kind": "kind", "score": "score", "account": "account", "time": "at"}},
        [
            ["kind", "score", "account", "at"],
            ["nps", "10", "A-well", "2025-01-02"],
            ["nps", "11", "A-well", "2025-01-02"],
            ["csat", "5", "A-well", "2025-01-02"],
            ["nps", "10", "A-well", "2025-01-02"],
            ["ces", "3", "A-none", "2025-01-02"],
        ],
    ),
    "conversations": (
        {"columns": {"id": "id", "kind": "kind", "account": "account", "time": "at"}},
        [
            ["id", "kind", "account", "at"],
            ["M-1", "电话", "A-well", "2025-01-02"],
            ["M-1", "电话", "A-well", "2025-01-03"],
            ["M-2", "fax", "A-well", "2025-01-02"],
            ["M-3", "会议", "A-none", "2025-01-02"],
        ],
    ),
}  # fmt: skip


def told(result: ImportResult) -> dict[str, Any]:
    """A result without what differs between two runs of the same: its path and its time."""
    said = result.as_dict()
    for name in ("dry_run", "seconds", "rejects_path"):
        said.pop(name)
    return said


def rejected_bytes(result: ImportResult) -> bytes:
    return Path(result.rejects_path).read_bytes() if result.rejects_path else b""


def state() -> dict[str, Any]:
    """All that imports write, without keys and times of writing."""
    models = (Account, Contact, ContractLine, Receivable, Ticket)
    found: dict[str, Any] = {
        model.__name__: sorted(
            (str(row.external_id), str(model_to_dict(row, exclude=["id"]))) for row in model.objects.all()
        )
        for model in models
    }
    found["changes"] = FieldChange.objects.count()
    found["sources"] = sorted(Source.objects.values_list("name", flat=True))
    found["audit"] = AuditEntry.objects.count()
    found["events"] = (
        store.reading().execute("SELECT count(*), sum(hash(message_id)) FROM lake.events").fetchone()
    )
    found["batches"] = store.reading().execute("SELECT count(*) FROM lake.batches").fetchone()
    return found


@pytest.mark.parametrize("record", FILES)
def test_a_dry_run_counts_and_rejects_exactly_what_a_run_does_and_writes_nothing(
    record: str, tmp_path: Path, home: Any, cast: SimpleNamespace, now: dt.datetime
) -> None:
    mapping, rows = FILES[record]
    path = write_csv(tmp_path / f"{record}.csv", rows)
    before = state()
    dry = import_file(path, record, mapping, dry_run=True, now=now)
    assert state() == before
    assert not Mapping.objects.exists()
    real = import_file(path, record, mapping, now=now)
    assert told(dry) == told(real)
    assert rejected_bytes(dry) == rejected_bytes(real) != b""
    assert (
        real.rows
        == len(rows) - 1
        == real.created + real.updated + real.unchanged + real.duplicates + real.rejected
    )
    assert (real.created, real.rejected) > (0, 0)
    assert import_file(path, record, mapping, dry_run=True, now=now).created == 0


@pytest.mark.parametrize("record", FILES)
def test_the_same_file_again_changes_nothing(
    record: str, tmp_path: Path, home: Any, cast: SimpleNamespace, now: dt.datetime
) -> None:
    mapping, rows = FILES[record]
    path = write_csv(tmp_path / f"{record}.csv", rows)
    first = import_file(path, record, mapping, now=now)
    held = {name: value for name, value in state().items() if name != "batches"}
    again = import_file(path, record, mapping, now=now + dt.timedelta(days=1))
    assert {name: value for name, value in state().items() if name != "batches"} == held
    assert (again.created, again.updated, again.rejected) == (0, 0, first.rejected)
    assert again.warnings == first.warnings


def test_rejected_rows_load_when_they_are_corrected(
    tmp_path: Path, home: Any, cast: SimpleNamespace, now: dt.datetime
) -> None:
    rows = [
        ["编号", "名称", "签约"],
        ["A-1", "一", "31.12.2024"],
        ["A-2", "二", "not yet"],
        ["A-3", "三；叁", "01.02.2025"],
    ]
    path = write_csv(tmp_path / "客户.csv", rows, encoding="gb18030", delimiter=";")
    path.write_bytes(path.read_bytes() + "A-4;四\n".encode("gb18030"))
    mapping = {
        "format": {"encoding": "gb18030", "delimiter": ";", "dates": ["%d.%m.%Y"]},
        "columns": {"id": "编号", "name": "名称", "signed": "签约"},
    }
    result = import_file(path, "accounts", mapping, now=now)
    assert (result.created, result.rejected, result.exit_code) == (2, 2, 3)
    rejects = Path(result.rejects_path)
    assert rejects.stat().st_mode & 0o777 == 0o600
    with rejects.open(encoding="utf-8-sig", newline="") as file:
        header, *bad = csv.reader(file, delimiter=";")
    assert header == ["编号", "名称", "签约", "row", "column", "found", "allowed", "reason"]
    assert bad[0][:6] == ["A-2", "二", "not yet", "3", "签约", "not yet"]
    assert bad[1][3:5] == ["5", ""]
    bad[0][2], bad[1][:3] = "31.01.2025", ["A-4", "四", "31.01.2025"]
    corrected = write_csv(rejects, [header, *bad], encoding="utf-8-sig", delimiter=";")
    again = import_file(corrected, "accounts", mapping, now=now)
    assert (again.created, again.rejected, again.exit_code) == (2, 0, 0)
    assert Account.objects.get(external_id="A-4").name == "四"
    assert not any("not in the mapping" in notice for notice in again.notices)


def test_no_cell_of_the_rejects_is_a_formula_and_each_comes_back_as_it_was(
    tmp_path: Path, home: Any, cast: SimpleNamespace, now: dt.datetime
) -> None:
    names = ["=1+1", "'=1+1", "-12.5", "+86 21", "@home", "'quoted'"]
    rows = [["id", "name", "signed"], *[[f"A-{n}", name, "never"] for n, name in enumerate(names)]]
    mapping = {"format": {"dates": ["%Y-%m-%d"]}, "columns": {"id": "id", "name": "name", "signed": "signed"}}
    result = import_file(write_csv(tmp_path / "f.csv", rows), "accounts", mapping, now=now)
    rejects = Path(result.rejects_path)
    with rejects.open(encoding="utf-8-sig", newline="") as file:
        _, *bad = csv.reader(file)
    assert [row[1] for row in bad] == ["'=1+1", "'=1+1", "-12.5", "'+86 21", "'@home", "'quoted'"]
    rejects.write_text(rejects.read_text("utf-8").replace(",never,", ",2025-01-31,"), "utf-8")
    assert import_file(rejects, "accounts", mapping, now=now).created == len(names)
    stored = Account.objects.filter(external_id__in=[f"A-{n}" for n in range(len(names))]).order_by(
        "external_id"
    )
    # A file from elsewhere that marks text with an apostrophe means the text.
    assert [account.name for account in stored] == ["=1+1", "=1+1", "-12.5", "+86 21", "@home", "'quoted'"]


def test_events_rejected_for_their_account_load_from_the_file_of_rejects_and_from_the_original(
    tmp_path: Path, home: Any, cast: SimpleNamespace, now: dt.datetime
) -> None:
    rows = [["event", "at", "account"], ["a", "2025-01-02", "A-late"], ["b", "2025-01-02", "A-well"]]
    path = write_csv(tmp_path / "e.csv", rows)
    mapping = {"columns": {"name": "event", "time": "at", "account": "account"}}
    first = import_file(path, "events", mapping, now=now)
    assert (first.created, first.rejected) == (1, 1)
    Account.objects.create(external_id="A-late", name="Late", created_at=now, known_at=now)
    assert import_file(first.rejects_path, "events", mapping, now=now).created == 1
    whole = import_file(path, "events", mapping, now=now)
    assert (whole.created, whole.duplicates) == (0, 2)


UGLY = [
    "utf-8",
    "utf-8-sig",
    "gb18030",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "xlsx",
    "jsonl",
    "parquet",
    "semicolons",
    "tabs",
]


@pytest.mark.parametrize("shape", UGLY)
def test_a_file_of_any_shape_gives_the_same_records(
    shape: str, tmp_path: Path, home: Any, cast: SimpleNamespace, now: dt.datetime
) -> None:
    header = ["编号", "客户名称", "签约日期", "员工数", "电话"]
    rows = [
        ["0007", '恒岳 "机械"', "2025-01-31", "1,200", "+86 138-0013-8000"],
        ["0008", "澄明;财税,科技", "2025年2月28日", "35", "008613800138000"],
    ]
    if shape == "xlsx":
        typed = [
            ["0007", rows[0][1], dt.datetime(2025, 1, 31), 1200, rows[0][4]],
            ["0008", rows[1][1], 45716, 35, rows[1][4]],
        ]
        path = write_xlsx(tmp_path / "f.xlsx", [["客户清单"], header, *typed], merged=["A1:E1"])
    elif shape == "jsonl":
        path = write_jsonl(tmp_path / "f.jsonl", [dict(zip(header, row, strict=True)) for row in rows])
    elif shape == "parquet":
        columns = {name: [row[place] for row in rows] for place, name in enumerate(header)}
        path = write_parquet(tmp_path / "f.parquet", columns)
    else:
        encoding = shape if shape.startswith(("utf", "gb")) else "utf-8"
        delimiter = {"semicolons": ";", "tabs": "\t"}.get(shape, ",")
        path = write_csv(
            tmp_path / "f.csv", [header, *rows], encoding=encoding, delimiter=delimiter, end="\r\n"
        )
    result = import_file(path, "accounts", None, now=now)  # mapped by the names of its columns
    assert (result.created, result.rejected) == (2, 0)
    found = Account.objects.filter(external_id__startswith="00").values_list(
        "external_id", "name", "signed_on", "size"
    )
    assert sorted(found) == [
        ("0007", '恒岳 "机械"', dt.date(2025, 1, 31), 1200),
        ("0008", "澄明;财税,科技", dt.date(2025, 2, 28), 35),
    ]
    assert "Columns that are not in the mapping were left out: 电话." in result.notices


def test_a_mapping_is_remembered_for_the_next_file_with_these_columns(
    tmp_path: Path, home: Any, cast: SimpleNamespace, now: dt.datetime
) -> None:
    mapping = {"columns": {"id": "x", "name": "y"}}
    import_file(write_csv(tmp_path / "a.csv", [["x", "y"], ["1", "One"]]), "accounts", mapping, now=now)
    again = import_file(write_csv(tmp_path / "b.csv", [["Y", " x "], ["Two", "2"]]), "accounts", now=now)
    assert again.created == 1
    assert "Mapped as the last file with these columns was." in again.notices
    with pytest.raises(MappingError, match=r"id is missing(.|\n)*The columns are: p, q"):
        import_file(write_csv(tmp_path / "c.csv", [["p", "q"], ["Two", "2"]]), "accounts", now=now)


@pytest.mark.parametrize(
    ("rows", "code"), [([], 1), ([["A-1", ""]], 1), ([["A-1", "x"], ["A-2", ""]], 3), ([["A-1", "x"]], 0)]
)
def test_the_exit_code_says_whether_all_some_or_nothing_was_loaded(
    rows: list[list[str]], code: int, tmp_path: Path, home: Any, cast: SimpleNamespace, now: dt.datetime
) -> None:
    path = write_csv(tmp_path / "a.csv", [["id", "name"], *rows])
    result = import_file(path, "accounts", {"columns": {"id": "id", "name": "name"}}, now=now)
    assert result.exit_code == code
    assert result.summary_lines()[0].startswith(f"a.csv → accounts: {len(rows)} row")


def test_a_column_that_the_file_lacks_stops_the_load_before_anything_is_written(
    tmp_path: Path, home: Any, cast: SimpleNamespace, now: dt.datetime
) -> None:
    path = write_csv(tmp_path / "a.csv", [["id", "name"], ["A-1", "x"]])
    before = state()
    with pytest.raises(
        LoadError, match=r"columns\.industry: the file has no column “branche”\. It has: id, name"
    ):
        import_file(
            path, "accounts", {"columns": {"id": "id", "name": "name", "industry": "branche"}}, now=now
        )
    assert state() == before


def test_a_workbook_that_breaks_off_says_what_is_loaded_and_can_be_loaded_again(
    tmp_path: Path, home: Any, cast: SimpleNamespace, now: dt.datetime
) -> None:
    import zipfile

    whole = write_xlsx(tmp_path / "w.xlsx", [["id", "name"], *([f"A-{n}", "x"] for n in range(50))])
    broken = tmp_path / "b.xlsx"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(broken, "w") as target:
        for entry in source.namelist():
            content = source.read(entry)
            target.writestr(entry, content[: len(content) // 2] if "sheet1" in entry else content)
    mapping = {"columns": {"id": "id", "name": "name"}}
    with pytest.raises(LoadError, match=r"breaks off after row \d+.*rows before it are loaded"):
        import_file(broken, "accounts", mapping, now=now)
    kept = Account.objects.filter(external_id__startswith="A-", name="x").count()
    assert 0 < kept < 50
    again = import_file(whole, "accounts", mapping, now=now)
    assert (again.created, again.unchanged) == (50 - kept, kept)

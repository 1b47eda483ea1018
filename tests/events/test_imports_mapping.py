"""Mappings: what they may say, what is said of their mistakes, and how they are guessed."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from django.utils import translation

from evergreen.events.imports.context import RejectedError
from evergreen.events.imports.formats import Formats
from evergreen.events.imports.guessing import guess
from evergreen.events.imports.mapping import MappingError, read_mapping
from evergreen.events.imports.previews import preview
from evergreen.events.imports.reading import Reading
from evergreen.events.imports.records import RECORDS
from evergreen.events.imports.seen import Seen
from evergreen.events.sources.files import FileOptions, Shape
from tests.events.table_files import write_csv, write_xlsx

ROOT = Path(__file__).resolve().parents[2]
# What stands in examples/connectors declares connectors: tests/connectors holds it.
EXAMPLES = sorted(path for path in (ROOT / "examples").glob("*/*.yaml") if path.parent.name != "connectors")


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


def mistakes(definition: dict[str, Any], record: str = "accounts") -> list[str]:
    with pytest.raises(MappingError) as error:
        read_mapping(definition, record)
    return error.value.problems


def reading(definition: dict[str, Any], columns: list[str], record: str = "accounts") -> Reading:
    mapping = read_mapping(definition, record)
    return Reading(mapping, RECORDS[record], Shape("csv", columns), Formats(ZoneInfo("Asia/Shanghai")))


def test_a_mistake_names_its_key_what_was_found_and_what_is_allowed() -> None:
    found = mistakes(
        {
            "recrod": "accounts",
            "format": {
                "decimal": ";",
                "dates": ["dd.mm.yyyy"],
                "timezone": "Shanghai",
                "header_row": "first",
                "sheets": "x",
            },
            "columns": {
                "id": {"colum": "a"},
                "nmae": "b",
                "tier": {"column": "t", "constant": "growth"},
                "tags": 7,
            },
            "create": ["features"],
            "properties": ["x"],
        }
    )
    assert found == [
        "recrod: found an unknown key; allowed: record, source, format, columns, custom, external_ids, properties, product, "
        "create, features. Did you mean record?",
        "format.sheets: found an unknown key; allowed: encoding, delimiter, sheet, header_row, dates, decimal, true_words, "
        "false_words, empty_words, empty_cells, timezone, currency, money, amounts, end_is_last_day, span. "
        "Did you mean sheet?",
        "format.header_row: found first; allowed: 0 (no header) to 1000.",
        "format.dates: found 'dd.mm.yyyy'; formats such as %d-%m-%Y, %m/%d/%Y %H:%M are allowed.",
        "format.decimal: found ;; allowed: ., ,.",
        "format.timezone: Unknown time zone 'Shanghai': write a name such as Asia/Shanghai, Europe/Berlin or UTC.",
        "create: found features; allowed: products, editions.",
        "columns.id.colum: found an unknown key; allowed: column, constant, template, values, default, system. "
        "Did you mean column?",
        "columns.id: found -; exactly one of column, constant, template is allowed.",
        "columns.nmae: found an unknown field; allowed: "
        + ", ".join(sorted(RECORDS["accounts"].names))
        + ". Did you mean name?",
        "columns.tier: found column, constant; exactly one of column, constant, template is allowed.",
        "properties: accounts have none. Leave it out.",
        "columns: name is missing. State its column or a constant.",
    ]


def test_an_unknown_record_and_one_that_is_another_are_refused() -> None:
    assert mistakes({}, "customers") == [
        "record: found customers; allowed: accounts, contacts, contracts, invoices, tickets, events, usage, surveys, conversations, kpis."
    ]
    assert mistakes({"record": "contacts", "columns": {"id": "a", "name": "b"}}) == [
        "record: found contacts; allowed: accounts."
    ]


def test_a_file_cannot_speak_for_the_installation_itself() -> None:
    from evergreen.events.journal import SOURCE

    columns = {"name": "a", "time": "b", "account": "c"}
    assert mistakes({"source": SOURCE, "columns": columns}, "events")[0].startswith(
        f"source: found {SOURCE!r}; "
    )


def test_yaml_keeps_texts_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(
        "columns:\n  id: {constant: 0012}\n  name: {constant: no}\n  signed: {constant: 2025-01-31}\n"
        "  churned: {column: c, values: {Y: yes, N: no}}\n"
    )
    cells = read_mapping(path, "accounts").cells
    assert [cells[name].constant for name in ("id", "name", "signed")] == ["0012", "no", "2025-01-31"]
    assert cells["churned"].values == {"y": "yes", "n": "no"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("columns:\n  id: a\n  id: b\n", "'id' is written twice"),
        ("columns: [\n", "no readable YAML"),
        ("just words\n", "list of keys"),
        ("columns: {? [a] : b}\n", "no readable YAML"),
        ("a: !!python/object/apply:os.system ['true']\n", "an unknown key"),
    ],
)
def test_a_yaml_file_that_is_no_mapping_says_so(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(text)
    with pytest.raises(MappingError, match=said):
        read_mapping(path, "accounts")


def test_a_mapping_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"There is no file .*none\.yaml"):
        read_mapping(tmp_path / "none.yaml", "accounts")


def test_a_field_comes_from_a_column_a_constant_a_template_or_words_with_a_meaning() -> None:
    read = reading(
        {
            "columns": {
                "id": {"template": "{系统}-{编号}"},
                "name": "名称",
                "stage": {"constant": "steady"},
                "tier": {"column": "级别", "values": {"A": "strategic", "*": "basic"}, "default": "growth"},
            }
        },
        ["编号", "系统", "名称", "级别"],
    )
    row = ["7", "crm", "恒岳", "a"]
    assert read.values(row, 1) == {"id": "crm-7", "name": "恒岳", "stage": "steady", "tier": "strategic"}
    assert read.values([*row[:3], "?"], 2)["tier"] == "basic"
    assert read.values([*row[:3], ""], 3)["tier"] == "growth"
    with pytest.raises(RejectedError) as error:
        read.values(["", "", "恒岳", ""], 4)
    assert error.value.rejection.column == "系统, 编号"


def test_the_rows_number_tells_rows_apart_that_have_no_id() -> None:
    read = reading({"columns": {"id": {"template": "{客户}-{#}"}, "name": "客户"}}, ["客户"])
    assert [read.values(["恒岳"], number)["id"] for number in (2, 3)] == ["恒岳-2", "恒岳-3"]
    with pytest.raises(RejectedError):
        read.values([""], 4)
    with pytest.raises(MappingError, match="found no column"):
        reading({"columns": {"id": {"template": "{#}"}, "name": "客户"}}, ["客户"])


def test_columns_are_found_whatever_their_case_width_and_spaces() -> None:
    read = reading({"columns": {"id": "Account ID", "name": "名称（全）"}}, ["account id", "名称(全) "])
    assert read.values(["1", "x"], 1) == {"id": "1", "name": "x"}


def test_a_constant_that_no_row_could_use_is_a_mistake_of_the_mapping() -> None:
    with pytest.raises(MappingError) as error:
        reading({"columns": {"id": "i", "name": {"constant": ""}, "signed": {"constant": "soon"}}}, ["i"])
    assert [line.partition(":")[0] for line in error.value.problems] == [
        "columns.name.constant",
        "columns.signed.constant",
    ]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_examples_are_mappings_without_mistakes(path: Path) -> None:
    import yaml

    read_mapping(path, yaml.safe_load(path.read_text())["record"])


def test_the_document_names_every_field_and_its_mappings_have_no_mistakes() -> None:
    import re

    import yaml

    text = (ROOT / "docs" / "imports.md").read_text("utf-8")
    sections = re.split(r"(?m)^### `(\w+)`$", text)
    told = dict(zip(sections[1::2], sections[2::2], strict=True))
    assert list(told) == list(RECORDS)
    for name, record in RECORDS.items():
        rows = re.findall(r"(?m)^\| (\w+) \| ([^|]+) \|", told[name])
        assert rows == [("field", "中文"), *((field.name, field.zh) for field in record.fields)]
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= len(RECORDS)
    for block in blocks:
        definition = yaml.safe_load(block)
        read_mapping(definition, definition["record"])


@pytest.mark.parametrize(
    ("record", "columns", "expected"),
    [
        (
            "accounts",
            ["客户编号", "客户名称", "行业", "CSM邮箱", "签约时间", "购买版本", "备注"],
            {"id": "客户编号", "name": "客户名称", "industry": "行业", "signed": "签约时间", "edition": "购买版本"},
        ),
        (
            "accounts",
            ["Account ID", "Account Name", "Industry", "Country", "signup_date", "Employees"],
            {"id": "Account ID", "name": "Account Name", "industry": "Industry", "region": "Country", "signed": "signup_date",
             "size": "Employees"},
        ),
        (
            "contracts",
            ["subscription_id", "account_id", "start_date", "end_date", "plan_tier", "seats", "mrr_amount", "is_trial"],
            {"id": "subscription_id", "account": "account_id", "edition": "plan_tier", "seats": "seats", "start": "start_date",
             "end": "end_date", "mrr": "mrr_amount", "trial": "is_trial"},
        ),
        (
            "events",
            ["company_id", "user_id", "event", "timestamp", "feature_name"],
            {"name": "event", "account": "company_id", "end_user": "user_id", "time": "timestamp", "feature": "feature_name"},
        ),
        (
            "tickets",
            ["工单号", "客户编号", "标题", "优先级", "提交时间", "解决时间", "满意度评分"],
            {"id": "工单号", "account": "客户编号", "subject": "标题", "priority": "优先级", "opened": "提交时间",
             "closed": "解决时间", "satisfaction": "满意度评分"},
        ),
    ],
)  # fmt: skip
def test_a_mapping_is_guessed_from_the_names_of_columns(
    record: str, columns: list[str], expected: dict[str, str]
) -> None:
    assert guess(columns, record)["columns"] == expected
    read_mapping(guess(columns, record), record)


@pytest.mark.parametrize("record", RECORDS)
def test_a_mapping_of_every_field_by_its_own_name_is_guessed_right(record: str) -> None:
    for names in ([field.zh for field in RECORDS[record].fields], list(RECORDS[record].names)):
        guessed = guess(names, record)["columns"]
        assert guessed == dict(zip(RECORDS[record].names, names, strict=True))


@pytest.mark.django_db
def test_a_preview_shows_the_first_rows_types_and_a_mapping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cast: SimpleNamespace
) -> None:
    rows = [["客户编号", "客户名称", "签约日期", "员工数", "试用", "更新于", "空"]]
    rows += [
        [f"00{n}", f"客户{n}", f"2025/1/{n + 1}", str(n * 10), "是", f"2025-01-31 10:{n:02}", ""]
        for n in range(30)
    ]
    found = preview(write_csv(tmp_path / "a.csv", rows, encoding="gb18030", delimiter=";"), record="accounts")
    assert (found.kind, found.encoding, found.delimiter) == ("csv", "gb18030", ";")
    assert (len(found.rows), found.rows[0][:2], found.row_numbers[:2]) == (20, ["000", "客户0"], [2, 3])
    assert found.types == {
        "客户编号": "text", "客户名称": "text", "签约日期": "date", "员工数": "whole", "试用": "flag", "更新于": "time", "空": "empty",
    }  # fmt: skip
    assert found.mapping["columns"] == {
        "id": "客户编号",
        "name": "客户名称",
        "size": "员工数",
        "signed": "签约日期",
    }
    assert found.as_dict()["is_remembered"] is False
    book = write_xlsx(tmp_path / "b.xlsx", [["id", "at"], ["1", dt.datetime(2025, 1, 31, 10)]], sheet="客户")
    found = preview(book, FileOptions(sheet="客户"))
    assert (found.sheets, found.rows, found.types["at"], found.mapping) == (
        ["客户"],
        [["1", "2025-01-31 10:00:00"]],
        "time",
        {},
    )


def test_what_a_file_said_is_counted_exactly() -> None:
    seen = Seen()
    told = [seen.times_of_each(pa.array(list(keys))).to_pylist() for keys in ("aabac", "de", "dfa", "gg")]
    assert told == [[0, 1, 0, 2, 0], [0, 0], [1, 0, 3], [0, 1]]
    assert (seen.first("id", "a", "x"), seen.first("id", "a", "y"), seen.told("id", "b")) == (None, "x", None)
    seen.close()

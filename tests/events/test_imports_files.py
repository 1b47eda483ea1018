"""What people save as tables, read as they meant it."""

from __future__ import annotations

import datetime as dt
import io
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation

from evergreen.events.sources.files import FileError, FileOptions, open_table
from tests.events.table_files import write_csv, write_jsonl, write_parquet, write_xlsx

HEADER = ["客户编号", "客户名称", "签约日期"]
ROWS = [["A-001", "恒岳机械（上海）有限公司", "2025-01-31"], ["A-002", "澄明财税科技", "2025-02-28"]]


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


def read(path: Path, **options: Any) -> tuple[list[str], list[list[Any]]]:
    reader = open_table(path, FileOptions(**options))
    try:
        return list(reader.shape.columns), [list(row.cells) for row in reader.rows() if row.problem is None]
    finally:
        reader.close()


def problems(path: Path, **options: Any) -> dict[int, str]:
    reader = open_table(path, FileOptions(**options))
    try:
        return {row.number: row.problem.reason for row in reader.rows() if row.problem is not None}
    finally:
        reader.close()


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("gb18030", "gb18030"),
        ("gbk", "gb18030"),
        ("utf-16", "utf-16-le"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_encoding_and_the_delimiter_of_a_text_are_found_out(
    tmp_path: Path, encoding: str, found: str, delimiter: str, end: str
) -> None:
    path = write_csv(tmp_path / "客户.csv", [HEADER, *ROWS], encoding=encoding, delimiter=delimiter, end=end)
    reader = open_table(path)
    assert (reader.shape.encoding, reader.shape.delimiter) == (found, delimiter)
    assert reader.shape.columns == HEADER
    assert [list(row.cells) for row in reader.rows()] == ROWS
    reader.close()


def test_gb18030_is_found_out_though_the_first_odd_letter_comes_late(tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    lines = [
        b"id,name",
        *(b"A-%d,plain name %d" % (n, n) for n in range(150_000)),
        "A-x,恒岳机械".encode("gb18030"),
    ]
    path.write_bytes(b"\n".join(lines))
    reader = open_table(path)
    assert reader.shape.encoding == "gb18030"
    assert list(reader.rows())[-1].cells == ["A-x", "恒岳机械"]
    reader.close()


def test_western_texts_are_not_taken_for_chinese(tmp_path: Path) -> None:
    names = ["Müller & Söhne", "Société Générale", "Café Zürich", "Ångström Källa", "Niño Peña"] * 40
    path = write_csv(tmp_path / "w.csv", [["id", "name"], *enumerate(names)], encoding="windows-1252")
    reader = open_table(path)
    assert reader.shape.encoding != "gb18030"
    assert [row.cells[1] for row in reader.rows()][:5] == names[:5]
    reader.close()


def test_a_stated_encoding_is_used_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [HEADER, *ROWS], encoding="gb18030")
    assert read(path, encoding="GBK")[1] == ROWS
    with pytest.raises(FileError, match=r"Encoding 'latin-99' is unknown.*utf-8, utf-16"):
        open_table(path, FileOptions(encoding="latin-99"))


def test_bad_bytes_cost_their_own_row_only(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes("id,name\nA1,恒岳\nA2,".encode() + b"\xff\xfe\xfa" + ",\nA3,澄明\n".encode())
    path.write_bytes(path.read_bytes().replace(b"\xfa,\n", b"\xfa\n"))
    assert read(path, encoding="utf-8")[1] == [["A1", "恒岳"], ["A3", "澄明"]]
    assert problems(path, encoding="utf-8") == {3: "Bytes are not of the file's encoding."}


def test_rows_with_too_few_or_too_many_fields_stand_alone(tmp_path: Path) -> None:
    path = tmp_path / "w.csv"
    path.write_text("id,name,city\nA1,one,SH\nA2,two\nA3,three,BJ,extra\nA4,four,GZ,,\nA5,five,SZ\n")
    assert [cells[0] for cells in read(path)[1]] == ["A1", "A4", "A5"]
    assert problems(path) == {
        3: "The row has a wrong number of fields.",
        4: "The row has a wrong number of fields.",
    }


def test_a_broken_quote_does_not_swallow_the_rows_below(tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    good = "".join(f"B{n},fine {n}\n" for n in range(3_000))
    path.write_text(f'id,name\nA1,"never ends\nA2,"said ""hi"""\n{good}A3,"two\nlines"\nA4,5" pipe\n')
    cells = {row[0]: row[1] for row in read(path)[1]}
    assert len(cells) == 3_003
    assert cells["A2"] == 'said "hi"'
    assert cells["A3"] == "two\nlines"
    assert cells["A4"] == '5" pipe'
    assert problems(path) == {2: "A quote is broken."}


def test_blanks_after_delimiters_do_not_break_quotes(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text('id, name\nA1, "one, two"\n')
    assert read(path) == (["id", "name"], [["A1", "one, two"]])


def test_empty_and_repeated_headers_get_names_and_are_told(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "h.csv", [["id", "", "name", "name"], ["1", "2", "3", "4"]])
    reader = open_table(path)
    assert reader.shape.columns == ["id", "column 2", "name", "name (2)"]
    assert reader.shape.notices == [
        "Column 2 has no name; it is called “column 2”.",
        "Two columns are called “name”; the one at place 4 is called “name (2)”.",
    ]
    reader.close()


def test_titles_above_the_table_are_passed_over(tmp_path: Path) -> None:
    rows = [["2025 客户清单", "", ""], ["", "", ""], HEADER, *ROWS]
    path = write_csv(tmp_path / "t.csv", rows)
    reader = open_table(path)
    assert reader.shape.columns == HEADER
    assert [row.number for row in reader.rows()] == [4, 5]
    reader.close()
    assert read(write_xlsx(tmp_path / "t.xlsx", rows, merged=["A1:C1"]))[0] == HEADER


def test_a_file_without_a_header_can_be_read_by_place(tmp_path: Path) -> None:
    assert read(write_csv(tmp_path / "n.csv", ROWS), header_row=0) == (
        ["column 1", "column 2", "column 3"],
        ROWS,
    )
    assert read(write_xlsx(tmp_path / "n.xlsx", ROWS), header_row=0)[1] == ROWS


def test_a_workbook_keeps_dates_leading_zeros_and_merged_values(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["编号", "客户", "日期", "序列", "电话"],
        [7, "恒岳", dt.datetime(2025, 1, 31), 45678, 8613800138000],
        [8, None, dt.datetime(2025, 2, 1, 18, 30), 45679.5, "+86 138-0013-8000"],
        [9, "澄明", None, None, None],
    ]
    path = write_xlsx(
        tmp_path / "x.xlsx",
        rows,
        merged=["B2:B3"],
        formats={"A2": "000000", "A3": "000000", "C2": "yyyy-mm-dd"},
    )
    columns, found = read(path)
    assert columns == rows[0]
    assert found[0] == ["000007", "恒岳", dt.datetime(2025, 1, 31), 45678, 8613800138000]
    assert found[1][:2] == ["000008", "恒岳"]
    assert found[2][:2] == [9, "澄明"]


def test_the_sheet_is_chosen_by_name_else_the_first_that_holds_something(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    book.create_sheet("客户").append(["id"])
    book["客户"].append(["A1"])
    book.create_sheet("说明").append(["text"])
    book.save(tmp_path / "s.xlsx")
    reader = open_table(tmp_path / "s.xlsx")
    assert (reader.shape.sheet, reader.shape.sheets) == ("客户", ["Sheet", "客户", "说明"])
    reader.close()
    assert read(tmp_path / "s.xlsx", sheet="说明")[0] == ["text"]
    with pytest.raises(FileError, match=r"There is no sheet “Kunden”. The workbook has: Sheet, 客户, 说明"):
        open_table(tmp_path / "s.xlsx", FileOptions(sheet="Kunden"))


def test_json_lines_flatten_objects_and_take_new_names_as_they_come(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "e.jsonl", [{"id": 1, "user": {"id": "u1"}}, {"id": 2, "late": True}])
    path.write_text(path.read_text() + "not json\n[1]\n")
    reader = open_table(path)
    assert [list(row.cells) for row in reader.rows() if row.problem is None] == [[1, "u1"], [2, None, True]]
    reader.close()
    assert list(problems(path)) == [3, 4]


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    moment = dt.datetime(2025, 1, 31, 10, tzinfo=dt.UTC)
    path = write_parquet(
        tmp_path / "p.parquet", {"id": ["a"], "at": [moment], "n": [3], "of": [{"x": 1, "y": "b"}]}
    )
    columns, rows = read(path)
    assert columns == ["id", "at", "n", "of.x", "of.y"]
    assert rows == [["a", moment, 3, 1, "b"]]


def test_the_columns_of_a_file_of_rejected_rows_are_those_of_its_original(tmp_path: Path) -> None:
    extra = ["row", "column", "found", "allowed", "reason"]
    path = write_csv(
        tmp_path / "r.csv", [["id", "reason", *extra], ["A1", "price", "7", "id", "", "", "why"]]
    )
    assert read(path) == (["id", "reason"], [["A1", "price"]])


def a_zip() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("a.csv", "id\n1\n")
    return held.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \r\n", "is empty"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1...", "old Excel"),
        (b"\x1f\x8b\x08...", "gzip"),
        (a_zip(), "ZIP archive"),
        (b"PK\x03\x04 broken", "damaged ZIP"),
        (b"PAR1 broken", "no readable Parquet"),
        (b"<html><table><tr><td>1</td></tr></table></html>", "web page"),
        (b'[{"id": 1}]', "JSON array"),
        (b"{not json}\n", "is no JSON object"),
        (bytes(range(1, 32)) * 100, "binary file"),
        (b"\x00\x01\x02\x03" * 1_000, "binary file"),
    ],
)
def test_what_is_no_table_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "report.xlsx"
    path.write_bytes(content)
    with pytest.raises(FileError, match=said) as error:
        open_table(path)
    assert "Nothing was loaded" in str(error.value)


def test_garbage_in_one_endless_line_is_refused_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "garbage.csv"
    with path.open("wb") as file:
        file.write(b"id,name\nA1,one\n")
        for _ in range(64):
            file.write(b"x" * (1 << 20))
        file.write(b"\nA2,two\n")
    tracemalloc.start()
    assert [cells[0] for cells in read(path)[1]] == ["A1", "A2"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20
    assert problems(path) == {3: "The line is too long."}


def test_an_endless_quoted_cell_is_refused_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "quote.csv"
    with path.open("wb") as file:
        file.write(b'id,name\nA1,"')
        for _ in range(20):
            file.write(b"y" * 900_000 + b"\n")
        file.write(b"A2,two\n")
    tracemalloc.start()
    assert read(path)[1] == [["A2", "two"]]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 << 20

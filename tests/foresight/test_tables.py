"""Any table with a column that says who was lost."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evergreen.foresight import tables
from tests.launch.installation import COMMAND


def _csv(path: Path, rows: list[list[object]]) -> Path:
    path.write_text("\n".join(",".join(map(str, row)) for row in rows), "utf-8")
    return path


def _customers(n: int = 80, lost: str = "Yes", stayed: str = "No") -> list[list[object]]:
    rows: list[list[object]] = [["customer", "tenure", "charges", "plan", "country", "Left"]]
    for number in range(n):
        is_lost = number % 3 == 0
        charges = " " if number % 20 == 0 else 10 + number % 7
        rows.append(
            [
                f"C-{number:04}",
                number % 11 - 3 * is_lost,
                charges,
                "ab"[number % 2],
                "CN",
                lost if is_lost else stayed,
            ]
        )
    return rows


def test_a_table_is_understood(tmp_path: Path) -> None:
    found = tables.load(_csv(tmp_path / "t.csv", _customers()), "Left")
    assert [column.name for column in found.columns] == ["tenure", "charges", "plan"]
    assert set(found.left_out) == {"customer", "country"}
    assert found.positive == "Yes" and found.truths.sum() == 27 and found.truths[0]
    assert np.isnan(found.read["charges"]).sum() == 4


@pytest.mark.parametrize(
    ("lost", "stayed", "positive", "said"),
    [
        ("1", "0", None, "1"),
        ("1", "0", "0", "0"),
        ("Attrited Customer", "Existing Customer", None, "Attrited Customer"),
        ("True", "False", None, "true"),
        ("流失", "在用", None, "流失"),
        ("Churned", "Stayed", "churned", "Churned"),
    ],
)
def test_the_value_that_means_lost_is_found_or_given(
    tmp_path: Path, lost: str, stayed: str, positive: str | None, said: str
) -> None:
    found = tables.load(_csv(tmp_path / "t.csv", _customers(80, lost, stayed)), "Left", positive=positive)
    assert found.positive.lower() == said.lower()


def test_parquet_with_types_and_a_label_of_truth_values(tmp_path: Path) -> None:
    lost = [number % 4 == 0 for number in range(100)]
    table = pa.table(
        {
            "id": list(range(100)),
            "since": pa.array([18_000 + n % 30 for n in range(100)], pa.date32()),
            "is_trial": pa.array([n % 2 == 0 for n in range(100)]),
            "amount": pa.array([None if n % 9 == 0 else n * 1.5 for n in range(100)], pa.float64()),
            "lost": lost,
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    found = tables.load(tmp_path / "t.parquet", "lost", identity="id")
    assert [(c.name, c.kind.value) for c in found.columns] == [
        ("since", "day"), ("is_trial", "number"), ("amount", "number")
    ]  # fmt: skip
    assert found.truths.tolist() == lost


def test_rows_without_a_label_are_left_out_and_said(tmp_path: Path) -> None:
    rows = _customers()
    rows[5][5] = ""
    found = tables.load(_csv(tmp_path / "t.csv", rows), "Left")
    assert found.truths.size == 79 and "1 rows have no Left" in found.notices[0]


def test_a_column_filled_in_after_the_loss_is_named(tmp_path: Path) -> None:
    rows = _customers()
    rows[0].append("reason")
    for row in rows[1:]:
        row.append("price" if row[5] == "Yes" else "")
    path = _csv(tmp_path / "t.csv", rows)
    assert any("reason alone" in notice for notice in tables.load(path, "Left").notices)
    assert not tables.load(path, "Left", left_out=["reason"]).notices


@pytest.mark.parametrize(
    ("label", "positive", "words"),
    [
        ("Lost", None, "no column 'Lost'; its columns are 'customer', 'tenure'"),
        ("Left", "gone", r"No row has 'gone'.*'No' \(53\), 'Yes' \(27\)"),
        ("tenure", None, "different values.*--positive"),
        ("country", None, "1 different values"),
    ],
)
def test_what_cannot_be_answered_is_said_with_what_is_allowed(
    tmp_path: Path, label: str, positive: str | None, words: str
) -> None:
    with pytest.raises(tables.TableError, match=words):
        tables.load(_csv(tmp_path / "t.csv", _customers()), label, positive=positive)


def test_a_tiny_table_is_refused_with_its_counts(tmp_path: Path) -> None:
    with pytest.raises(tables.TableError, match="at least 20 of each"):
        tables.load(_csv(tmp_path / "t.csv", _customers(30)), "Left")


def test_the_command_needs_no_home_and_ends_with_one_line_of_json(tmp_path: Path) -> None:
    path = _csv(tmp_path / "t.csv", _customers(120))
    environment = {**os.environ, "EVERGREEN_HOME": str(tmp_path / "nowhere"), "OMP_NUM_THREADS": "1"}
    # The folds themselves are tried in test_learning: here a table is refused, and told in words.
    done = subprocess.run(
        [*COMMAND, "churn", "evaluate", "--table", str(path), "--label", "Left", "--positive", "perhaps", "--json"],
        capture_output=True, text=True, env=environment, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and "No row has 'perhaps'" in done.stderr and not done.stdout
    assert not (tmp_path / "nowhere").exists()


def test_an_evaluation_of_a_small_table_holds_every_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from evergreen.foresight.learning import choosing, members
    from evergreen.launch.commands import churn

    few = {
        members.Kind.LOGISTIC: {10.0: (1,)},
        members.Kind.LIGHTGBM: {3: (20,)},
        members.Kind.CATBOOST: {2: (20,)},
    }
    monkeypatch.setattr(choosing, "CHOICES", few)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    path = _csv(tmp_path / "t.csv", _customers(150))
    churn.evaluate(file=path, label="Left", identity="customer", as_json=True)
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {"auc", "pr_auc", "brier", "ece", "lift10", "n", "positives"} <= set(told)
    assert told["n"] == 150 and told["positives"] == 50 and told["folds"] == 25
    assert told["auc"] > 0.6 and 0 < told["brier"] < 0.3

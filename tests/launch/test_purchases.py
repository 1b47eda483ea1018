"""``evergreen purchases`` as somebody types it: it needs no installation."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "evergreen.launch.command", "purchases", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _shop(path: Path, customers: int = 150) -> None:
    """A file of a shop, whose dates are written the Chinese way and whose amounts have signs."""
    chance = np.random.default_rng(7)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["客户", "日期", "金额"])
        for number in range(customers):
            days = np.cumsum(chance.geometric(1 / 40, size=chance.integers(1, 9))) + chance.integers(0, 60)
            for day in days[days < 360]:
                month, rest = divmod(int(day), 30)
                writer.writerow(
                    [f"店{number}", f"2025年{month + 1}月{rest % 28 + 1}日", f"¥{100 + number:,}.50"]
                )


def test_a_shop_is_learned_tried_and_foretold(tmp_path: Path) -> None:
    file, out = tmp_path / "买单.csv", tmp_path / "out.csv"
    _shop(file)
    done = _run(
        "--table", str(file), "--customer", "客户", "--date", "日期", "--amount", "金额", "--weeks", "26", "--out", str(out), "--json"
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["left_out_rows"] == 0
    assert [one["name"] for one in told["trial"]["models"]] == ["BG/NBD", "Pareto/NBD"]
    with out.open(encoding="utf-8") as written:
        rows = list(csv.DictReader(written))
    assert len(rows) == told["forecast"]["customers"] == 150
    assert np.isclose(
        sum(float(row["expected_purchases"]) for row in rows), told["forecast"]["purchases"], atol=0.02
    )
    worth = [float(row["expected_worth"]) for row in rows]
    assert worth == sorted(worth, reverse=True)


def test_a_missing_column_and_a_wrong_day_say_what_is_allowed(tmp_path: Path) -> None:
    file = tmp_path / "shop.csv"
    _shop(file, 20)
    done = _run("--table", str(file))
    assert done.returncode == 1 and "no column customer, date; it has 客户, 日期, 金额" in done.stderr
    done = _run("--table", str(file), "--customer", "客户", "--date", "日期", "--until", "yesterday")
    assert done.returncode == 2 and "write it as 2026-03-31" in done.stderr
    done = _run("--table", str(file), "--customer", "客户", "--date", "日期")
    assert done.returncode == 1 and "at least 30 are needed" in done.stderr

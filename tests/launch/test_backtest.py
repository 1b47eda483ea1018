"""``evergreen backtest`` as somebody types it."""

from __future__ import annotations

from pathlib import Path

from tests.launch.installation import Installation

CARD = """
name: {zh: 试, en: Trial}
definition:
  measures:
    - {key: use, metric: use_frequency, weight: 1, scale: {kind: line, points: [[0, 0], [0.6, 100]]}}
"""


def test_an_empty_book_has_counts_and_no_figures(installation: Installation) -> None:
    (told,) = installation.lines("backtest", "--as-of", "2026-11-01")
    assert (told["scorecard"], told["endings"], told["leads"][0]["auc"]) == ("standard", 0, None)
    assert "few_endings" in told["warnings"]


def test_a_card_in_a_file_is_held_beside_a_saved_one(installation: Installation, tmp_path: Path) -> None:
    path = tmp_path / "trial.yaml"
    path.write_text(CARD, "utf-8")
    told = installation.lines("backtest", str(path), "--against", "starter", "--lead", "45")
    assert [row.get("scorecard") for row in told[:2]] == [str(path), "starter"]
    assert [row["lead_days"] for row in told[2]["leads"]] == [45]


def test_what_cannot_be_used_says_where_and_what_is_allowed(
    installation: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "trial.yaml"
    path.write_text(CARD.replace("use_frequency", "use_freqency").replace("weight: 1", "weight: -1"), "utf-8")
    done = installation.run("backtest", str(path), check=False)
    assert done.returncode == 2
    assert "measures: use: metric" in done.stderr and "use_frequency" in done.stderr
    assert "measures: use: weight" in done.stderr
    for wrong, said in (("none", "standard, starter"), ("standard --segment none", "There is no segment")):
        done = installation.run("backtest", *wrong.split(), check=False)
        assert done.returncode == 2 and said in done.stderr

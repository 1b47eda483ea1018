"""Planted faults: the text that each one replaces stands where it says."""

from __future__ import annotations

from pathlib import Path

from tests.controls.__main__ import CONTROLS

ROOT = Path(__file__).parents[2]


def test_every_control_names_text_that_stands_once_in_its_file() -> None:
    elsewhere = {
        one.key: one.file
        for one in CONTROLS
        if not (ROOT / one.file).exists() or (ROOT / one.file).read_text("utf-8").count(one.find) != 1
    }
    assert not elsewhere
    assert len({one.key for one in CONTROLS}) == len(CONTROLS)

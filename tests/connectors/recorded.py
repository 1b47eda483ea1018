"""Recorded rows of real systems, given back the shape that their APIs have."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def folder(name: str) -> Path:
    """The folder of a system's recorded shapes; skips the test where it is absent."""
    where = (
        Path(os.environ.get("EVERGREEN_DATASETS") or ROOT.parent / "shared" / "data") / "connectors" / name
    )
    if not where.is_dir():
        pytest.skip(f"needs the recorded shapes in {where} (EVERGREEN_DATASETS)")
    return where


def rows(system: str, table: str) -> list[dict[str, str]]:
    with (folder(system) / f"{table}.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def typed(value: str | None) -> Any:
    """A cell of the recorded files as JSON has it."""
    if value is None or value == "":
        return None
    return {"TRUE": True, "FALSE": False, "true": True, "false": False}.get(value, value)


def zulu(value: str | None) -> str | None:
    """2020-02-13 22:45:02 as 2020-02-13T22:45:02Z."""
    if not value:
        return None
    day, _blank, time = value.partition(" ")
    return f"{day}T{(time or '00:00:00').split('.')[0].zfill(8)}Z"

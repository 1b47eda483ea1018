"""The demo as it is built: by the rooms' own actions, night after night, once, and again after a kill."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from evergreen.base.env import Home
from evergreen.flow.demo import cast, mark, truth, vendor
from evergreen.flow.demo.nights import nights, past_weeks
from tests.flow import demo_builder

ROOT = Path(__file__).resolve().parents[2]


# Not named ``home``: the build has records of its own in SQLite, whatever database the tests run on.
@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("demo") / "home")


@pytest.fixture(scope="module")
def built(place: Home) -> dict[str, Any]:
    """A small vendor, built through the real actions and nights in a process of its own."""
    return demo_builder.build(place.root)


def test_the_demo_is_built_whole(built: dict[str, Any], place: Home) -> None:
    assert built["asked"] is True
    assert built["mark"] == ["complete", "2026-11-19", built["events"]]
    assert (place.root / truth.NAME).exists()
    assert built["stale"] == []
    assert built["unknown_when_it_happened"] == 0
    assert built["features"] >= 25
    assert set(built["reports"]) == {"multi_entity", "statements"}
    assert built["own"]["survey.answered"] > 50
    assert built["own"]["account.churned"] == built["stages"]["churned"]
    assert built["own"]["alert.opened"] == sum(built["alerts"].values())
    assert built["alerts_without_task"] == 0


def test_customers_are_looked_after_in_groups(built: dict[str, Any]) -> None:
    groups, people = built["groups"]
    assert groups > 5 and people > 2 * groups


def test_every_metric_of_the_library_has_a_value_somewhere(built: dict[str, Any]) -> None:
    # A baseline of months needs six values, this small story has five months.
    assert built["silent_metrics"] == ["kpi_deviation"]


def test_every_colleague_with_a_book_finds_a_list_that_can_be_worked_off(built: dict[str, Any]) -> None:
    owners = [one for one in cast.STAFF if one.book in {"strategic", "growth", "basic"}]
    assert all(built["needs"][one.email] <= 20 for one in owners)
    assert built["needs"][cast.FACE.email] >= 3
    assert built["tasks"]["done"] > 20


def test_segments_have_lived_through_the_story(built: dict[str, Any]) -> None:
    assert len(built["segments"]) == 5
    lived = nights(demo_builder.SMALL)
    assert {days for days, _moves, _accounts in built["segments"].values()} == {len(lived)}
    assert built["score_days"] == len(lived) + len(past_weeks(demo_builder.SMALL))
    assert built["segments"]["renewal_window"][2] == built["due_soon"] > 0
    assert built["segments"]["renewal_window"][1] > built["due_soon"]


def test_health_finds_the_hidden_satisfaction_that_it_never_read(built: dict[str, Any], place: Home) -> None:
    drawn = vendor.draw(demo_builder.SMALL)
    newest = {company.key: float(drawn.felt.level[company.place, -28:].mean()) for company in drawn.book}
    pairs = [(newest[key], score) for key, score in built["scores"].items() if score is not None]
    satisfaction, score = (np.array(column).argsort().argsort() for column in zip(*pairs, strict=True))
    assert np.corrcoef(satisfaction, score)[0, 1] > 0.4
    told = pq.read_table(place.root / truth.NAME)
    assert told.equals(truth.table(drawn))


def test_no_module_of_the_product_knows_the_truth_file() -> None:
    knowing = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "evergreen").rglob("*.py")
        if re.search(r"demo-truth|demo\.truth|demo import .*truth", path.read_text("utf-8"))
    ]
    assert sorted(knowing) == [
        "evergreen/flow/demo/command.py",
        "evergreen/flow/demo/mark.py",
        "evergreen/flow/demo/truth.py",
    ]


def test_a_complete_demo_stays_and_is_built_anew_only_when_asked(built: dict[str, Any], place: Home) -> None:
    records = place.records.stat().st_mtime_ns
    assert mark.make_room(place) is False
    assert place.records.stat().st_mtime_ns == records
    (place.root / "mine.txt").write_text("kept")
    assert mark.make_room(place, again=True) is True
    assert not place.records.exists()
    assert not place.lake.exists()
    assert (place.root / "mine.txt").read_text() == "kept"


def test_records_in_postgresql_are_not_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path)
    (tmp_path / mark.NAME).write_text('{"state": "building"}')
    monkeypatch.setenv("EVERGREEN_DATABASE", "postgresql:///elsewhere")
    with pytest.raises(mark.NotADemoError, match="which the demo does not empty"):
        mark.make_room(home)
    assert (tmp_path / mark.NAME).exists()


def test_a_killed_build_is_thrown_away(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    surroundings = {key: value for key, value in os.environ.items() if not key.startswith("EVERGREEN_")}
    program = [sys.executable, "-m", "tests.flow.demo_builder", str(home.root)]
    process = subprocess.Popen(program, cwd=ROOT, env=surroundings, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 240
        while not list(home.lake.glob("data/**/events/**/*.parquet")):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    found = mark.read(home)
    assert found is not None
    assert not found.is_complete
    assert mark.make_room(home) is True
    assert not home.records.exists()
    assert not home.lake.exists()


def test_the_demo_never_touches_another_installation(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.secret.write_text("theirs")
    with pytest.raises(mark.NotADemoError, match="holds an installation of its own"):
        mark.make_room(home)
    assert home.secret.read_text() == "theirs"


def test_a_mark_cut_off_by_a_kill_counts_as_unfinished(tmp_path: Path) -> None:
    (tmp_path / mark.NAME).write_text('{"state": "compl')
    found = mark.read(Home(tmp_path))
    assert found is not None
    assert not found.is_complete
